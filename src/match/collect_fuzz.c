/* collect_fuzz.c - a flow (the first byte) and rows: what leaves is one well-formed record, with the table's time in it, and the
 * same when it is asked again. */
#include "match/collect.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct collect_column columns[] = {
    {"Time",   COLUMN_DATETIME},
    {"Text",   COLUMN_STRING  },
    {"Number", COLUMN_LONG    },
    {"Bag",    COLUMN_DYNAMIC },
};
static const struct {
    const char *table, *input, *kql, *time;
} flows[] = {
    {"X_CL",                NULL,                  NULL,                                                            "TimeGenerated"},
    {"DeviceEvents",        "DeviceEvents",        NULL,                                                            "Timestamp"    },
    {"IdentityLogonEvents", "IdentityLogonEvents", NULL,                                                            "Timestamp"    },
    {"SecurityAlert",       "SecurityAlert",       NULL,                                                            "TimeGenerated"},
    {"X_CL",                NULL,                  "source | where Number > 1 | extend k = tostring(Bag.k)",        "TimeGenerated"},
    {"X_CL",                NULL,                  "source | project TimeGenerated = Time, Text, Bag",              "TimeGenerated"},
    {"DeviceEvents",        NULL,                  "source | project TimeGenerated = Time, AdditionalFields = Bag",
     "Timestamp"                                                                                                                   },
};
static struct collect_run *runs[COUNT_OF(flows)];
static const struct scan_limits limits = {1 << 20, 64, 1024};

static void
make(void)
{
    struct err err;

    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        const struct collect_source source = {
            .catalog = &catalog_builtin,
            .table = flows[i].table,
            .input = flows[i].input,
            .columns = flows[i].input == NULL ? columns : NULL,
            .column_count = COUNT_OF(columns),
            .kql = flows[i].kql,
        };
        struct collect *c; /* as long as the program runs */

        if (collect_make(&source, &c, &err) != ST_OK ||
            collect_run_make(c, &runs[i], &err) != ST_OK)
            abort();
    }
}

static void
scanner_make(struct scanner *s, char *memory)
{
    struct arena a = {memory, 192 << 10, 0};
    struct err err;

    if (scanner_init(s, &a, SCAN_ROWS, &limits, &err) != ST_OK)
        abort();
}

/* One record, with the time's name somewhere in it. */
static void
check(struct span out, const char *time)
{
    static char memory[192 << 10] __attribute__((aligned(64)));
    struct scanner s;
    struct scan_record record;
    struct scan_fault fault;
    char *copy = malloc(out.n + SCAN_PADDING);

    if (copy == NULL)
        abort();
    memcpy(copy, out.p, out.n);
    memset(copy + out.n, 0, SCAN_PADDING);
    scanner_make(&s, memory);
    if (scan_next(&s, copy, out.n, true, &record, &fault) != SCAN_RECORD || record.at != 0 ||
        record.size != out.n)
        abort();
    /* written with escapes it may be there all the same */
    if (memmem(copy, out.n, time, strlen(time)) == NULL && memchr(copy, '\\', out.n) == NULL)
        abort();
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char memory[192 << 10] __attribute__((aligned(64)));
    size_t flow = size == 0 ? 0 : data[0] % COUNT_OF(flows), n = size == 0 ? 0 : size - 1;
    char *text = calloc(1, n + SCAN_PADDING), *first;
    struct scanner s;
    struct scan_record record;
    struct scan_fault fault;
    struct span out;
    struct err err;

    if (runs[0] == NULL)
        make();
    if (text == NULL)
        abort();
    if (n > 0)
        memcpy(text, data + 1, n);
    scanner_make(&s, memory);
    while (scan_next(&s, text, n, true, &record, &fault) == SCAN_RECORD) {
        struct span row = {text + record.at, record.size};
        enum status st = collect_row(runs[flow], row, record.values, record.value_count,
                                     INT64_C(638000000000000000), &out, &err);

        if (st != ST_OK && st != ST_END)
            abort();
        if (st == ST_END)
            continue;
        check(out, flows[flow].time);
        first = malloc(out.n + 1);
        if (first == NULL)
            abort();
        memcpy(first, out.p, out.n);
        size_t size_first = out.n;

        if (collect_row(runs[flow], row, record.values, record.value_count,
                        INT64_C(638000000000000000), &out, &err) != ST_OK ||
            out.n != size_first || memcmp(out.p, first, out.n) != 0)
            abort();
        free(first);
    }
    free(text);
    return 0;
}
