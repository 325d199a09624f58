#include "workspace/fill.h"
#include "workspace/cells.h"
#include "workspace/inner.h"
#include <stdlib.h>

enum { FILL_MEMORY_MAX = 256 << 20 }; /* bytes of one chunk's rows while they are read */

struct filling {
    const struct stored_table *table;
    const struct kql_schema *columns;
    const struct kql_rows_source *source;
    void *reader;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    struct cell_target *targets; /* of the whole table, housekeeping first */
    uint32_t *from;              /* of a stored column: the source's; UINT32_MAX: none */
    struct kql_value *row;
    struct pool pool;
    struct kql_value tenant, ingested;
    uint64_t rows;
};

static const uint8_t house_types[HOUSE_COUNT] = {
    [HOUSE_TENANT] = KQL_GUID,      [HOUSE_TIME] = KQL_DATETIME, [HOUSE_INGESTED] = KQL_DATETIME,
    [HOUSE_POSITION] = KQL_LONG,    [HOUSE_ROW] = KQL_INT,       [HOUSE_INDEX] = KQL_INT,
    [HOUSE_OVERFLOW] = KQL_DYNAMIC,
};

static enum status
chunk_make(struct filling *f, struct err *err)
{
    size_t count = HOUSE_COUNT + f->table->count;
    duckdb_logical_type *types = calloc(count, sizeof *types);

    f->targets = calloc(count, sizeof *f->targets);
    f->from = calloc(f->table->count + 1, sizeof *f->from);
    f->row = calloc(f->columns->count + 1, sizeof *f->row);
    if (types == NULL || f->targets == NULL || f->from == NULL || f->row == NULL) {
        free(types);
        return err_set(err, ST_FULL, "no memory for a table's rows");
    }
    for (size_t i = 0; i < count; i++) {
        duckdb_type type = i >= HOUSE_COUNT
                               ? cell_duckdb_type(f->table->columns[i - HOUSE_COUNT].type)
                           : i == HOUSE_POSITION                ? DUCKDB_TYPE_UBIGINT
                           : i == HOUSE_ROW || i == HOUSE_INDEX ? DUCKDB_TYPE_UINTEGER
                                                                : cell_duckdb_type(house_types[i]);

        types[i] = duckdb_create_logical_type(type);
    }
    f->chunk = duckdb_create_data_chunk(types, count);
    for (size_t i = 0; i < count; i++)
        duckdb_destroy_logical_type(&types[i]);
    free(types);
    for (size_t i = 0; i < f->table->count; i++) {
        f->from[i] = UINT32_MAX;
        for (uint32_t c = 0; c < f->columns->count; c++)
            if (span_is(f->columns->columns[c].name, f->table->columns[i].name))
                f->from[i] = c;
    }
    return ST_OK;
}

static void
row_put(struct filling *f, size_t row)
{
    const struct stored_table *t = f->table;
    struct kql_value house[HOUSE_COUNT] = {
        [HOUSE_TENANT] = f->tenant,
        [HOUSE_TIME] = f->ingested,
        [HOUSE_INGESTED] = f->ingested,
        [HOUSE_POSITION] = kql_integer(KQL_LONG, (int64_t)f->rows),
        [HOUSE_ROW] = kql_integer(KQL_INT, 0),
        [HOUSE_INDEX] = kql_integer(KQL_INT, 0),
        [HOUSE_OVERFLOW] = kql_null(KQL_DYNAMIC),
    };

    if (t->time != SIZE_MAX && f->from[t->time] != UINT32_MAX &&
        f->row[f->from[t->time]].type == KQL_DATETIME && !f->row[f->from[t->time]].is_null)
        house[HOUSE_TIME] = f->row[f->from[t->time]];
    for (size_t i = 0; i < HOUSE_COUNT; i++)
        cell_put(&f->targets[i], row, &f->pool, &house[i]);
    for (size_t i = 0; i < t->count; i++) {
        const struct kql_value missing = kql_null(t->columns[i].type);

        cell_put(&f->targets[HOUSE_COUNT + i], row, &f->pool,
                 f->from[i] != UINT32_MAX ? &f->row[f->from[i]] : &missing);
    }
    f->rows++;
}

/* ST_END: the source has no more. */
static enum status
chunk_fill(struct filling *f, struct err *err)
{
    size_t most = duckdb_vector_size(), row = 0;
    enum status st = ST_OK;
    jmp_buf here;

    pool_reset(&f->pool);
    f->pool.escape = &here;
    if (setjmp(here) != 0)
        return err_set(err, ST_FULL, "no memory for the rows of a table: %.200s",
                       f->pool.reason.text);
    duckdb_data_chunk_reset(f->chunk);
    for (size_t i = 0; i < HOUSE_COUNT + f->table->count; i++)
        cell_target_open(&f->targets[i],
                         i < HOUSE_COUNT ? (enum kql_type)house_types[i]
                                         : f->table->columns[i - HOUSE_COUNT].type,
                         duckdb_data_chunk_get_vector(f->chunk, i));
    while (row < most && st == ST_OK) {
        st = f->source->next(f->reader, &f->pool, f->row, err);
        if (st == ST_OK)
            row_put(f, row++);
    }
    if (row > 0 && (st == ST_OK || st == ST_END)) {
        duckdb_data_chunk_set_size(f->chunk, row);
        if (duckdb_append_data_chunk(f->appender, f->chunk) != DuckDBSuccess)
            st = err_set(err, ST_IO, "%.300s", duckdb_appender_error(f->appender));
    }
    return st;
}

static enum status
rows_fill(struct filling *f, duckdb_connection c, const void *handle, struct err *err)
{
    enum status st = chunk_make(f, err);
    uint8_t *wanted = malloc(f->columns->count + 1);

    if (st == ST_OK && wanted == NULL)
        st = err_set(err, ST_FULL, "no memory for a table's rows");
    if (st == ST_OK) {
        memset(wanted, 1, f->columns->count + 1);
        f->reader = f->source->open(f->source->context, handle, wanted, err);
        if (f->reader == NULL)
            st = ST_IO;
    }
    if (st == ST_OK &&
        duckdb_appender_create(c, NULL, f->table->sql_name, &f->appender) != DuckDBSuccess)
        st = err_set(err, ST_IO, "%.300s", duckdb_appender_error(f->appender));
    while (st == ST_OK)
        st = chunk_fill(f, err);
    if (st == ST_END)
        st = duckdb_appender_close(f->appender) == DuckDBSuccess
                 ? ST_OK
                 : err_set(err, ST_IO, "%.300s", duckdb_appender_error(f->appender));
    if (f->reader != NULL)
        f->source->close(f->reader);
    duckdb_appender_destroy(&f->appender);
    duckdb_destroy_data_chunk(&f->chunk);
    free(wanted);
    free(f->targets);
    free(f->from);
    free(f->row);
    pool_free(&f->pool);
    return st;
}

enum status
workspace_fill(struct workspace *w, struct span table, const char *tenant,
               const struct kql_schema *columns, const struct kql_rows_source *source,
               const void *handle, int64_t ingested, uint64_t *rows, struct err *err)
{
    struct kql_guid guid;
    struct filling f = {.table = table.n > 0 ? stored_find(w, table) : NULL,
                        .columns = columns,
                        .source = source,
                        .ingested = kql_integer(KQL_DATETIME, ingested)};
    duckdb_connection c = NULL;
    enum status st, ended;

    *rows = 0;
    if (f.table == NULL)
        return err_set(err, ST_INVALID, "the workspace has no table %.*s", (int)table.n, table.p);
    if (!kql_read_guid(span_of(tenant), &guid))
        return err_set(err, ST_INVALID, "'%.40s' is no tenant: a GUID is expected", tenant);
    f.tenant = (struct kql_value){.type = KQL_GUID, .guid = &guid};
    pool_init(&f.pool, FILL_MEMORY_MAX);
    st = workspace_connect(w, &c, err);
    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&w->append_lock);
    st = sql_run(c, "BEGIN", NULL, err);
    if (st == ST_OK) {
        st = rows_fill(&f, c, handle, err);
        ended = sql_run(c, st == ST_OK ? "COMMIT" : "ROLLBACK", NULL, st == ST_OK ? err : NULL);
        st = st == ST_OK ? ended : st;
    }
    pthread_mutex_unlock(&w->append_lock);
    duckdb_disconnect(&c);
    if (st == ST_OK)
        *rows = f.rows;
    return st;
}
