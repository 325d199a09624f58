/* stream_fuzz.c - any query over any records: no crash, no hang, no memory without bound; what leaves
 * is a JSON object, and the same one again. The query ends at the first NUL; behind it are records.
 * A query that nobody can read is left to the binder's fuzzers. */
#include "kql/stream_bed.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kql_table source = {
    .name = {"source",               6    },
    .schema = { bed_columns, COUNT_OF(bed_columns), false},
    .handle = bed_columns,
};
static const struct scan_limits limits = {1 << 16, 64, SCAN_VALUES_MAX};

static char scanner_memory[2][512 * 1024];
static struct scanner scanner, checker;

static void
check_object(struct span object)
{
    static char copy[(64 << 20) + SCAN_PADDING];
    struct scan_record record;
    struct scan_fault fault;

    if (object.n > 32 << 20)
        return;
    memcpy(copy, object.p, object.n);
    memset(copy + object.n, 0, SCAN_PADDING);
    scanner_reset(&checker, SCAN_ROWS, &(struct scan_limits){64 << 20, 1024, SCAN_VALUES_MAX});
    if (scan_next(&checker, copy, object.n, true, &record, &fault) == SCAN_RECORD)
        return;
    if (fault.code == FAULT_VALUES || fault.code == FAULT_DEPTH || fault.code == FAULT_SIZE)
        return;
    fprintf(stderr, "%s at %zu: %.*s\n", fault.text, fault.at, (int)object.n, object.p);
    abort();
}

static void
ask_twice(struct kql_stream_run *run, const char *at, const struct scan_record *record)
{
    enum kql_stream_result first, again;
    struct span out = {"", 0};
    char *kept = NULL;

    kql_stream_record(run, at, 0, record->size, record->values, record->value_count, 1, 77);
    first = kql_stream_ask(run, 0, &out);
    if (first == KQL_STREAM_CHANGED) {
        check_object(out);
        kept = malloc(out.n);
        memcpy(kept, out.p, out.n);
    }
    size_t size = out.n;

    kql_stream_record(run, at, 0, record->size, record->values, record->value_count, 1, 77);
    again = kql_stream_ask(run, 0, &out);
    if (first != again ||
        (first == KQL_STREAM_CHANGED && (size != out.n || memcmp(kept, out.p, size) != 0)))
        abort();
    free(kept);
}

static void
play(const struct kql_stream *stream, struct pool *pool, const char *text, size_t size)
{
    char *padded = malloc(size + SCAN_PADDING);
    struct kql_stream_set *set;
    struct kql_stream_run *run;
    struct scan_record record;
    struct scan_fault fault;
    struct err err;

    memcpy(padded, text, size);
    memset(padded + size, 0, SCAN_PADDING);
    set = kql_stream_set_new(pool, &stream, 1, &err);
    if (set != NULL) {
        run = kql_stream_run_new(set, 4 << 20, &err);
        scanner_reset(&scanner, SCAN_ROWS, &limits);
        for (int i = 0;
             i < 16 && scan_next(&scanner, padded, size, true, &record, &fault) == SCAN_RECORD; i++)
            ask_twice(run, padded + record.at, &record);
        kql_stream_run_free(run);
    }
    kql_stream_set_free(set);
    free(padded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t query_size = end == NULL ? size : (size_t)(end - data);
    struct arena a = {scanner_memory[0], sizeof scanner_memory[0], 0};
    struct arena b = {scanner_memory[1], sizeof scanner_memory[1], 0};
    struct span query = {(const char *)data, query_size};
    struct kql_diagnostics d;
    struct kql_stream *stream;
    struct pool pool;
    jmp_buf escape;

    if (scanner_init(&scanner, &a, SCAN_ROWS, &limits, NULL) != ST_OK ||
        scanner_init(&checker, &b, SCAN_ROWS, &limits, NULL) != ST_OK)
        abort();
    pool_init(&pool, 16 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort(); /* it has its own */
    kql_diagnostics_init(&d, &pool, query);
    stream = kql_stream_new(&pool, query, &source, KQL_STREAM_WARN, &d);
    if (stream != NULL)
        play(stream, &pool, end == NULL ? "" : (const char *)end + 1,
             end == NULL ? 0 : size - query_size - 1);
    kql_stream_free(stream);
    pool_free(&pool);
    return 0;
}
