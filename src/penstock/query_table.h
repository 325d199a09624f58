/* query_table.h - NDJSON files as tables of a query: what columns they have, and their rows, read as
 * they are needed. Files hold bare rows, one JSON object each, or the envelopes that exports write
 * ({"time", "category", "properties": {}}): the row is then "properties", and records of another
 * table's category are passed over. One thread.
 *
 * Columns: those of the catalog when the table's name is in it; behind them, and for other tables,
 * what the first QUERY_SAMPLE_ROWS records of each file have: true and false are bool, numbers
 * without fraction long, others real, texts that all are ISO 8601 times datetime, other texts
 * string, objects and arrays dynamic; dynamic too where they differ. With catalog.has_both these are
 * the catalog's of both shapes, and a row that has the time of one shape has it as the other's too. */
#pragma once
#include "kql/rows.h"
#include "model/catalog.h"

enum {
    QUERY_TABLES_MAX = 256,
    QUERY_SAMPLE_ROWS = 1000,
    QUERY_RECORD_MAX = 64 << 20, /* bytes of one record */
};

struct query_tables {
    struct kql_catalog_tables catalog; /* tables without rows: they bind, and say so when run */
    struct query_table {
        struct span name;
        const struct catalog_table *known; /* NULL: not in the catalog */
        struct query_file {
            const char *path;
            bool has_envelopes;
            bool has_rows; /* and nothing around them: only their own members need be told */
        } * files;
        size_t file_count;
        struct kql_column *columns;
        uint32_t column_count, known_count; /* of the catalog: the first ones */
        uint32_t time_columns[2]; /* Timestamp and TimeGenerated; UINT32_MAX: not both are there */
        uint32_t *by_name;        /* columns by hash of their names, plus 1; 0: free */
        uint32_t slot_count;
    } * tables[QUERY_TABLES_MAX];
    size_t count;
    bool only_checks; /* wildcards then mean the catalog's tables too */
    FILE *spool;      /* what standard input held, when a table is read from it */
};

/* 'has_both' goes before 'is_workspace', as in struct kql_catalog_tables. */
void query_tables_init(struct query_tables *t, const struct catalog *catalog, bool is_workspace,
                       bool has_both);
void query_tables_free(struct query_tables *t);
/* "NAME=FILE"; the same name again: one file more. FILE "-": standard input. Reads the sample. */
MUST_CHECK enum status query_tables_add(struct query_tables *t, const char *argument,
                                        struct err *err);
/* Of an environment and a source whose context is the struct query_tables. The catalog's schemas
 * live in 'pool' (the query's): call this before each query. */
void query_tables_begin(struct query_tables *t, struct pool *pool);
bool query_tables_find(void *context, struct span name, struct kql_table *out);
bool query_tables_at(void *context, size_t index, struct kql_table *out);
extern const struct kql_rows_source query_tables_source; /* .context is to be set */
