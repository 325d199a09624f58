/* admit_fuzz.c - any bytes, cut anywhere, in any shape. What must hold: every block opens; its rows
 * and what is parked are pieces of the body in order; cutting changes nothing. The first byte
 * chooses shape, park, gzip and the size of pieces. */
#include "source/admit.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint64_t rows, rows_size, hash, parked_size;
};

static struct admitter *admitter;
static struct outcome *current;

static int64_t
now(void *clock)
{
    (void)clock;
    return INT64_C(638954600000000000);
}

static void
mix(uint64_t *hash, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *hash = (*hash ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
}

static enum status
park(void *app, const char *tenant, const char *table, struct span raw, const char *reason,
     int64_t at, struct err *err)
{
    (void)app, (void)tenant, (void)table, (void)at, (void)err;
    if (raw.n == 0 || reason[0] == '\0')
        abort();
    current->parked_size += raw.n;
    return ST_OK;
}

static enum status
take(void *app, struct span index, struct span body, struct err *err)
{
    struct outcome *o = app;
    struct block b;
    uint32_t last = 0;

    if (block_open(&b, index, body, err) != ST_OK)
        abort();
    for (uint32_t i = 0; i < b.head->row_count; i++) {
        const struct block_row *row = &b.rows[i];

        if (row->at < last || body.p[row->at] != '{' || body.p[row->at + row->size - 1] != '}' ||
            body.p[row->properties_at] != '{')
            abort();
        last = row->at + row->size;
        o->rows++;
        o->rows_size += row->size;
        mix(&o->hash, body.p + row->at, row->size);
        mix(&o->hash, (const char *)&row->flags, sizeof row->flags);
        mix(&o->hash, b.streams[row->stream].category, strlen(b.streams[row->stream].category));
    }
    return ST_OK;
}

static struct admit_result
admit(const struct admit_request *request, struct span body, size_t piece, struct outcome *o)
{
    struct admission *x;
    struct admit_result r;

    memset(&r, 0, sizeof r);
    memset(o, 0, sizeof *o);
    current = o;
    if (admit_begin_to(admitter, request, take, o, &x, &r.err) != ST_OK)
        abort();
    for (size_t at = 0; at < body.n; at += piece) {
        size_t n = body.n - at < piece ? body.n - at : piece;

        if (admit_data(x, (struct span){body.p + at, n}) != ST_OK)
            break;
    }
    admit_end(x, &r);
    return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct admit_request request = {.table = SPAN_LITERAL("DeviceInfo"), .block_size_max = 4096};
    struct outcome whole, cut;

    if (admitter == NULL) {
        static struct devices *devices;

        if (devices_make(1000, &devices, &err) != ST_OK)
            abort();
        struct admit_options o = {
            .catalog = &catalog_builtin,
            .devices = devices,
            .park = {NULL, park},
            .now = now,
            .memory_max = 64 << 20,
            .record_size_max = 2000,
            .depth_max = 16,
            .columns_max = 50,
            .unknown_tables = true
        };

        if (admitter_make(&o, &admitter, &err) != ST_OK)
            abort();
    }
    if (size < 1)
        return 0;
    request.shape = data[0] & 1 ? ADMIT_ENVELOPES : ADMIT_ROWS;
    request.tenant = data[0] & 2 || request.shape == ADMIT_ROWS ? TENANT : NULL;
    request.park = data[0] & 4;
    request.gzip = (data[0] & 24) == 24;
    if (request.shape == ADMIT_ENVELOPES)
        request.table = (struct span){NULL, 0};

    struct span body = {(const char *)data + 1, size - 1};
    struct admit_result a = admit(&request, body, size, &whole);
    struct admit_result b = admit(&request, body, 1u + (data[0] >> 5), &cut);

    if (a.outcome != b.outcome || a.accepted != b.accepted)
        abort();
    if (a.outcome == ADMIT_DURABLE &&
        (a.accepted != whole.rows || whole.hash != cut.hash || whole.rows_size != cut.rows_size ||
         whole.parked_size != cut.parked_size || whole.rows_size + whole.parked_size > a.bytes))
        abort();
    if (a.outcome == ADMIT_FAULTY &&
        (a.fault_count == 0 || a.fault_count != b.fault_count ||
         a.faults[0].record != b.faults[0].record || a.faults[0].offset != b.faults[0].offset ||
         strcmp(a.faults[0].text, b.faults[0].text) != 0))
        abort();
    return 0;
}
