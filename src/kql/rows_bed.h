/* rows_bed.h - what the fuzz targets of queries stand on: two small tables with nulls, NaN, arrays and
 * bags in them, and a look at the cells of an answer. */
#pragma once
#include "base/clock.h"
#include "kql/rows.h"
#include <assert.h>
#include <stdlib.h>

static const struct kql_column bed_columns[] = {
    {{"TimeGenerated", 13}, KQL_DATETIME},
    {{"Name", 4},           KQL_STRING  },
    {{"Count", 5},          KQL_LONG    },
    {{"Ratio", 5},          KQL_REAL    },
    {{"Props", 5},          KQL_DYNAMIC },
};
static const char bed_names[2][8] = {"Events", "Devices"};

static inline bool
bed_table_at(void *context, size_t index, struct kql_table *out)
{
    (void)context;
    if (index >= 2)
        return false;
    *out = (struct kql_table){
        .name = span_of(bed_names[index]),
        .schema = {bed_columns, COUNT_OF(bed_columns), false},
        .handle = bed_names[index]
    };
    return true;
}

static inline bool
bed_find_table(void *context, struct span name, struct kql_table *out)
{
    for (size_t i = 0; bed_table_at(context, i, out); i++)
        if (span_equal(out->name, name))
            return true;
    return false;
}

static inline void *
bed_source_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    (void)context, (void)handle, (void)wanted;
    (void)err;
    return calloc(1, sizeof(int));
}

static inline enum status
bed_source_next(void *reader, struct pool *pool, struct kql_value *cells, struct err *err)
{
    static const struct kql_value items[] = {
        {.type = KQL_LONG, .i = 7     },
        { .type = KQL_STRING,       .size = 1, .text = "x"}
    };
    static const struct kql_array array = {.count = 2, .items = items};
    static const struct kql_bag_entry entries[] = {
        {{"k", 1},    {.type = KQL_ARRAY, .array = &array}},
        {{"Name", 4}, {.type = KQL_BOOL, .i = 1}          },
    };
    static const struct kql_bag bag = {.count = 2, .entries = entries};
    int i = ++*(int *)reader;

    (void)err;
    if (i > 7)
        return ST_END;
    cells[0] = kql_integer(KQL_DATETIME, INT64_C(638400000000000000) + i * INT64_C(36000000000));
    cells[1] = i == 3 ? kql_null(KQL_STRING) : kql_string(pool_printf(pool, "host-%d k=v", i % 3));
    cells[2] = i == 4 ? kql_null(KQL_LONG) : kql_integer(KQL_LONG, i * 11 - 30);
    cells[3] = kql_real(i == 5 ? 0.0 / 1e-300 : 1.5 * i);
    cells[4] = i % 3 == 0   ? kql_null(KQL_DYNAMIC)
               : i % 3 == 1 ? (struct kql_value){.type = KQL_BAG, .bag = &bag}
                            : (struct kql_value){.type = KQL_ARRAY, .array = &array};
    return ST_OK;
}

static inline void
bed_check(const struct kql_answers *answers)
{
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct kql_answer *a = &answers->items[i];

        for (size_t r = 0; r < a->row_count; r++)
            for (uint32_t c = 0; c < a->schema.count; c++) {
                const struct kql_value *v = &a->rows[r][c];

                if (v->is_null)
                    assert(v->type != KQL_STRING);
                else if (a->schema.columns[c].type != KQL_DYNAMIC)
                    assert(v->type == a->schema.columns[c].type);
            }
    }
}

/* Binds and runs with small limits. */
static inline void
bed_run(struct span query)
{
    static const struct kql_rows_source source = {
        .open = bed_source_open, .next = bed_source_next, .close = free};
    static struct kql_diagnostics d;
    static struct pool pool;
    struct kql_rows_limits limits = {.memory_max = 16 << 20,
                                     .rows_max = 20000,
                                     .answer_rows_max = 5000,
                                     .deadline_ms = clock_monotonic_ms() + 2000};
    struct kql_environment environment = {
        .table = bed_find_table, .table_at = bed_table_at, .now = INT64_C(638400000000000000)};
    struct kql_answers answers;
    struct err err;

    if (kql_rows_query(&pool, query, &environment, &source, &limits, &d, &answers, &err))
        bed_check(&answers);
    pool_free(&pool);
}
