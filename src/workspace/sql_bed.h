/* sql_bed.h - what the tests of SQL share: a DuckDB in memory with the tables of a small world, KQL over it by the row engine
 * alone and with all that SQL carries, and both answers beside each other. */
#pragma once
#include "base/test.h"
#include "kql/rows.h"
#include "workspace/cells.h"
#include "workspace/sql.h"

enum { SQL_BED_TABLES = 3 };

/* Tables, as KQL gives them. */
static const struct {
    const char *name, *rows;
} sql_bed_tables[SQL_BED_TABLES] = {
    {"Events",
     "datatable(t: datetime, name: string, n: long, k: int, r: real, b: bool, g: guid, p: "
     "timespan, d: dynamic, m: decimal)["
     "datetime(2024-01-01 00:00:01), 'alpha', 1, int(1), 1.5, true, "
     "guid(74be27de-1e4e-49d9-b579-fe0b331d3642), 1h, dynamic({\"a\": 1, \"b\": [1, 2]}), "
     "decimal(1.0),"
     "datetime(2024-01-01 00:30:00), 'Alpha', 2, int(2), real(nan), false, guid(null), -1h, "
     "dynamic([1, 2.5, \"x\"]), decimal(1.00),"
     "datetime(2024-01-01 01:00:00), '', long(null), int(null), real(null), bool(null), "
     "guid(74be27de-1e4e-49d9-b579-fe0b331d3642), timespan(null), dynamic(null), decimal(null),"
     "datetime(2024-01-01 01:59:59.9999999), 'beta gamma', -5, int(-2147483648), -0.0, true, "
     "guid(84be27de-1e4e-49d9-b579-fe0b331d3642), 0s, dynamic(\"text\"), decimal(10.5),"
     "datetime(null), 'beta_gamma', 9223372036854775807, int(2147483647), 0.0, bool(null), "
     "guid(00000000-0000-0000-0000-000000000001), timespan(1.02:03:04.5), dynamic({\"a\": null}), "
     "decimal(-3),"
     "datetime(2024-01-02), 'na\\u00efve', long(-9223372036854775808), int(7), real(+inf), false, "
     "guid(null), 1tick, dynamic(7), decimal(9),"
     "datetime(0001-01-01), 'alpha', 2, int(7), real(-inf), true, guid(null), 1d, dynamic(true), "
     "decimal(10),"
     "datetime(9999-12-31 23:59:59.9999999), 'o''neil \"x\"', 0, int(0), 2.5, bool(null), "
     "guid(null), 90m, dynamic({\"a\": {\"c\": \"deep\"}}), decimal(2),"
     "datetime(2024-01-01 00:30:00), 'gamma', 2, int(1), real(nan), true, "
     "guid(ffffffff-ffff-ffff-ffff-ffffffffffff), 1h, dynamic([]), decimal(1)]"          },
    {"Devices", "datatable(name: string, n: long, r: real, t: datetime, site: string, k: int)["
                "'alpha', 1, 1.5, datetime(2024-01-01 00:00:01), 'north', int(1),"
                "'alpha', 2, real(nan), datetime(2024-01-01 00:30:00), 'south', int(2),"
                "'', long(null), real(null), datetime(null), '', int(null),"
                "'ALPHA', long(null), 0.0, datetime(null), 'west', int(7),"
                "'delta', 40, -0.0, datetime(2023-01-01), 'east', int(9)]"},
    {"Empty",   "datatable(name: string, n: long, t: datetime)[]"                        },
};

struct sql_bed_table {
    const struct kql_answer *answer; /* its rows */
    struct workspace_column *columns;
    struct workspace_table table;
    struct workspace_shape shape;
    struct sql_table handle;
};

struct sql_bed {
    duckdb_database database;
    duckdb_connection connection;
    struct pool pool; /* of the tables */
    struct sql_bed_table tables[SQL_BED_TABLES];
    bool is_direct; /* the row engine reads tables itself; else their handles are struct sql_part */
    /* of the query at hand */
    struct pool *query;
    struct programs *programs;
    const struct kql_environment *environment;
    struct err err;
    uint32_t part_count;
};

static inline bool
sql_bed_table_at(void *context, size_t index, struct kql_table *out)
{
    struct sql_bed *bed = context;

    if (index >= SQL_BED_TABLES || bed->tables[index].answer == NULL)
        return false;
    *out = (struct kql_table){.name = span_of(sql_bed_tables[index].name),
                              .schema = bed->tables[index].answer->schema,
                              .handle = &bed->tables[index].handle};
    return true;
}

static inline bool
sql_bed_find(void *context, struct span name, struct kql_table *out)
{
    for (size_t i = 0; sql_bed_table_at(context, i, out); i++)
        if (span_equal(out->name, name))
            return true;
    return false;
}

/* ---- rows: of a table of the bed, or of a statement ---- */

struct sql_bed_reader {
    struct kql_answer rows;
    size_t at;
};

static inline bool sql_bed_statement(struct sql_bed *bed, const struct sql_part *part,
                                     struct kql_answer *out);

static inline void *
sql_bed_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    struct sql_bed *bed = context;
    struct sql_bed_reader *r = calloc(1, sizeof *r);

    (void)wanted;
    for (size_t i = 0; i < SQL_BED_TABLES && bed->is_direct; i++)
        if (handle == &bed->tables[i].handle)
            r->rows = *bed->tables[i].answer;
    if (!bed->is_direct && !sql_bed_statement(bed, handle, &r->rows)) {
        *err = bed->err;
        free(r);
        return NULL;
    }
    return r;
}

static inline enum status
sql_bed_next(void *reader, struct pool *pool, struct kql_value *cells, struct err *err)
{
    struct sql_bed_reader *r = reader;

    (void)pool, (void)err;
    if (r->at == r->rows.row_count)
        return ST_END;
    memcpy(cells, r->rows.rows[r->at++], r->rows.schema.count * sizeof *cells);
    return ST_OK;
}

static inline void
sql_bed_close_reader(void *reader)
{
    free(reader);
}

static inline struct kql_rows_source
sql_bed_source(struct sql_bed *bed)
{
    return (struct kql_rows_source){
        .open = sql_bed_open, .next = sql_bed_next, .close = sql_bed_close_reader, .context = bed};
}

/* ---- statements ---- */

static inline const struct kql_op *
sql_bed_is_whole(const struct kql_op *split)
{
    return split->kind == KQL_ROWS_TABLE && split->u.table.handle != NULL ? split : NULL;
}

/* The rows of what sql_split gave. */
static inline bool
sql_bed_rows(struct sql_bed *bed, const struct kql_op *split, struct kql_answers *out)
{
    struct kql_rows_source source = sql_bed_source(bed);
    jmp_buf *escape = bed->query->escape;
    bool is_done;

    if (sql_bed_is_whole(split) != NULL) {
        out->items = pool_zeroed(bed->query, 1, sizeof *out->items);
        out->count = 1;
        return sql_bed_statement(bed, sql_part_of(split), out->items);
    }
    is_done = kql_rows_run(bed->query, split, bed->environment, &source, &kql_rows_limits_default,
                           out, &bed->err);
    bed->query->escape = escape;
    return is_done;
}

/* What the statement's programs ask for. */
static inline bool
sql_bed_prepare(struct sql_bed *bed, const struct kql_op *table, bool is_set)
{
    struct kql_array *array = pool_zeroed(bed->query, 1, sizeof *array);
    struct kql_value *values;
    struct kql_answers answers;

    if (!sql_bed_rows(bed, table, &answers))
        return false;
    array->count = (uint32_t)answers.items[0].row_count;
    array->items = values = pool_zeroed(bed->query, array->count + 1, sizeof *values);
    values[0] = kql_null((enum kql_type)table->schema.columns[0].type);
    for (uint32_t i = 0; i < array->count; i++)
        values[i] = answers.items[0].rows[i][0];
    if (is_set)
        programs_set_set(bed->programs, table, array);
    else
        programs_scalar_set(bed->programs, table, &values[0]);
    return true;
}

static inline bool
sql_bed_fetch(struct sql_bed *bed, const struct sql_part *part, duckdb_result *result,
              struct kql_answer *out)
{
    uint32_t width = part->schema.count;
    struct cell_column *columns = pool_zeroed(bed->query, width, sizeof *columns);
    const struct kql_value **rows = NULL;
    size_t room = 0, count = 0;
    duckdb_data_chunk chunk;

    if (duckdb_column_count(result) != width)
        return false;
    while ((chunk = duckdb_fetch_chunk(*result)) != NULL) {
        for (uint32_t i = 0; i < width; i++)
            cell_column_open(&columns[i], (enum kql_type)part->schema.columns[i].type,
                             duckdb_data_chunk_get_vector(chunk, i));
        for (size_t r = 0; r < duckdb_data_chunk_get_size(chunk); r++) {
            struct kql_value *cells = pool_zeroed(bed->query, width, sizeof *cells);

            for (uint32_t i = 0; i < width; i++) {
                cell_read(&columns[i], bed->query, r, &cells[i]);
                cells[i] = kql_value_copy(bed->query, &cells[i]);
            }
            rows = pool_grow(bed->query, rows, &room, count + 1, sizeof *rows);
            rows[count++] = cells;
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    *out = (struct kql_answer){.schema = part->schema, .rows = rows, .row_count = count};
    return true;
}

static inline bool
sql_bed_statement(struct sql_bed *bed, const struct sql_part *part, struct kql_answer *out)
{
    duckdb_result result;
    bool is_done = true;

    bed->part_count++;
    for (uint32_t i = 0; i < part->scalar_count && is_done; i++)
        is_done = sql_bed_prepare(bed, part->scalars[i], false);
    for (uint32_t i = 0; i < part->set_count && is_done; i++)
        is_done = sql_bed_prepare(bed, part->sets[i], true);
    if (!is_done)
        return false;
    if (duckdb_query(bed->connection, part->text.p, &result) != DuckDBSuccess) {
        err_set(&bed->err, ST_IO, "%s", duckdb_result_error(&result));
        is_done = false;
    } else {
        is_done = sql_bed_fetch(bed, part, &result, out);
    }
    duckdb_destroy_result(&result);
    return is_done;
}

/* ---- the world ---- */

static inline void
sql_bed_run(struct sql_bed *bed, const char *sql)
{
    duckdb_result r;
    bool is_done = duckdb_query(bed->connection, sql, &r) == DuckDBSuccess;

    CHECK(is_done, "%.300s: %s", sql, is_done ? "" : duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    if (!is_done)
        exit(1);
}

/* A table of DuckDB's with the rows that KQL gives. */
static inline void
sql_bed_fill(struct sql_bed *bed, size_t index)
{
    struct sql_bed_table *t = &bed->tables[index];
    const struct kql_environment environment = {.now = 0};
    struct kql_diagnostics *d = pool_zeroed(&bed->pool, 1, sizeof *d);
    struct kql_answers answers;
    struct err err = {""};
    jmp_buf *escape = bed->pool.escape;
    bool is_done = kql_rows_query(&bed->pool, span_of(sql_bed_tables[index].rows), &environment,
                                  NULL, &kql_rows_limits_default, d, &answers, &err);

    bed->pool.escape = escape;
    bed->pool.deadline_ms = 0;
    CHECK(is_done, "%s: %s %s", sql_bed_tables[index].name, err.text,
          kql_diagnostics_print(&bed->pool, d, false).p);
    if (!is_done)
        exit(1);
    t->answer = &answers.items[0];
    uint32_t width = t->answer->schema.count;
    struct span sql = pool_printf(&bed->pool, "CREATE TABLE \"%s\" (", sql_bed_tables[index].name);

    t->columns = pool_zeroed(&bed->pool, width, sizeof *t->columns);
    for (uint32_t i = 0; i < width; i++) {
        enum kql_type type = (enum kql_type)t->answer->schema.columns[i].type;
        struct span name = pool_text(&bed->pool, t->answer->schema.columns[i].name);

        t->columns[i] = (struct workspace_column){name.p, type, type,
                                                  pool_printf(&bed->pool, "\"%s\"", name.p).p};
        sql = pool_printf(&bed->pool, "%s%s%s %s", sql.p, i == 0 ? "" : ", ", t->columns[i].sql,
                          cell_sql_type(type));
    }
    sql_bed_run(bed, pool_printf(&bed->pool, "%s)", sql.p).p);
    for (size_t r = 0; r < t->answer->row_count; r++) {
        sql = pool_printf(&bed->pool, "INSERT INTO \"%s\" VALUES (", sql_bed_tables[index].name);
        for (uint32_t i = 0; i < width; i++) {
            struct span cell = cell_literal(&bed->pool, t->columns[i].type, &t->answer->rows[r][i]);

            sql =
                pool_printf(&bed->pool, "%s%s%.*s", sql.p, i == 0 ? "" : ", ", (int)cell.n, cell.p);
        }
        sql_bed_run(bed, pool_printf(&bed->pool, "%s)", sql.p).p);
    }
    t->table.sql = pool_printf(&bed->pool, "\"%s\"", sql_bed_tables[index].name).p;
    t->shape = (struct workspace_shape){t->columns, width};
    t->handle = (struct sql_table){.table = &t->table, .shape = &t->shape, .where = "true"};
}

/* Its pool's escape must be set. */
static inline void
sql_bed_begin(struct sql_bed *bed)
{
    struct err err = {""};

    if (duckdb_open(NULL, &bed->database) != DuckDBSuccess ||
        duckdb_connect(bed->database, &bed->connection) != DuckDBSuccess) {
        CHECK(false, "DuckDB does not open");
        exit(1);
    }
    sql_bed_run(bed, "SET threads = 2");
    CHECK(programs_register(bed->connection, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < SQL_BED_TABLES; i++)
        sql_bed_fill(bed, i);
}

static inline void
sql_bed_end(struct sql_bed *bed)
{
    duckdb_disconnect(&bed->connection);
    duckdb_close(&bed->database);
    pool_free(&bed->pool);
}
