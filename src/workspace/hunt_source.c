/* hunt_source.c - rows that DuckDB gives, one chunk of its at a time, to the row engine. Nothing is held but the chunk. */
#include "kql/dynamic.h"
#include "workspace/cells.h"
#include "workspace/hunt_inner.h"
#include <stdlib.h>

struct hunt_reader {
    struct hunt_reader *next, **place;
    struct hunting *h;
    struct hunt_connection *connection;
    duckdb_prepared_statement statement;
    duckdb_result result;
    bool has_result;
    duckdb_data_chunk chunk;
    idx_t row, row_count;
    const struct workspace_shape *shape;
    uint32_t count; /* of 'columns': those that are wanted */
    struct {
        uint32_t column; /* of the shape */
        struct cell_column cells;
    } columns[];
};

/* What DuckDB's refusal means for the query. */
static enum status
fail(struct hunting *h, duckdb_error_type type, const char *why, struct err *err)
{
    const struct hunt_connections *k = &h->connections;
    bool is_cancelled = k->cancelled != NULL && atomic_load(k->cancelled);

    if (h->failure != HUNT_DONE)
        return err_set(err, ST_IO, "the query has failed before");
    if (type == DUCKDB_ERROR_INTERRUPT)
        h->failure = is_cancelled ? HUNT_CANCELLED : HUNT_LATE;
    else if (type == DUCKDB_ERROR_OUT_OF_MEMORY)
        h->failure = HUNT_SPENT;
    else
        h->failure = HUNT_BROKEN;
    return err_set(err, ST_IO, "%.300s", why != NULL ? why : "DuckDB failed without a word");
}

enum status
hunt_ask(struct hunting *h, const char *sql, duckdb_result *out, struct err *err)
{
    struct hunt_connection *c;
    enum status st = hunt_connection_take(&h->connections, &c, err);

    if (st != ST_OK)
        return st;
    if (duckdb_query(c->c, sql, out) != DuckDBSuccess) {
        st = fail(h, duckdb_result_error_type(out), duckdb_result_error(out), err);
        duckdb_destroy_result(out);
    }
    hunt_connection_give(&h->connections, c);
    return st;
}

/* ---- readers ---- */

static void
reader_close(void *context)
{
    struct hunt_reader *r = context;

    if (r->next != NULL)
        r->next->place = r->place;
    *r->place = r->next;
    duckdb_destroy_data_chunk(&r->chunk);
    if (r->has_result)
        duckdb_destroy_result(&r->result);
    duckdb_destroy_prepare(&r->statement);
    if (r->connection != NULL)
        hunt_connection_give(&r->h->connections, r->connection);
    free(r);
}

void
hunt_source_close(struct hunting *h)
{
    while (h->readers != NULL)
        reader_close(h->readers);
}

static enum status
reader_run(struct hunt_reader *r, const char *sql, struct err *err)
{
    struct hunting *h = r->h;
    duckdb_pending_result pending = NULL;
    enum status st = hunt_connection_take(&h->connections, &r->connection, err);

    if (st != ST_OK)
        return st;
    if (duckdb_prepare(r->connection->c, sql, &r->statement) != DuckDBSuccess)
        return fail(h, DUCKDB_ERROR_INVALID, duckdb_prepare_error(r->statement), err);
    if (duckdb_pending_prepared_streaming(r->statement, &pending) != DuckDBSuccess) {
        st = fail(h, DUCKDB_ERROR_INVALID, duckdb_pending_error(pending), err);
    } else {
        r->has_result = true;
        if (duckdb_execute_pending(pending, &r->result) != DuckDBSuccess)
            st =
                fail(h, duckdb_result_error_type(&r->result), duckdb_result_error(&r->result), err);
    }
    duckdb_destroy_pending(&pending);
    return st;
}

/* The columns that are wanted, or a constant where none is. */
static char *
select_print(const struct hunt_reader *r, const struct sql_table *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    fputs("SELECT ", out);
    for (uint32_t i = 0; i < r->count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", t->shape->columns[r->columns[i].column].sql);
    fprintf(out, "%s FROM %s WHERE %s", r->count == 0 ? "1" : "", t->table->sql,
            t->where != NULL ? t->where : "true");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void *
source_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    struct hunting *h = context;
    const struct sql_table *t = handle;
    struct hunt_reader *r = calloc(1, sizeof *r + t->shape->count * sizeof r->columns[0]);
    char *sql = NULL;
    enum status st = ST_OK;

    if (r == NULL) {
        err_set(err, ST_FULL, "no memory to read a table");
        return NULL;
    }
    r->h = h;
    r->shape = t->shape;
    r->next = h->readers;
    r->place = &h->readers;
    if (r->next != NULL)
        r->next->place = &r->next;
    h->readers = r;
    for (uint32_t i = 0; i < t->shape->count; i++)
        if (wanted[i])
            r->columns[r->count++].column = i;
    sql = select_print(r, t);
    st = sql != NULL ? reader_run(r, sql, err) : err_set(err, ST_FULL, "no memory to read a table");
    free(sql);
    if (st == ST_OK)
        return r;
    reader_close(r);
    return NULL;
}

/* ST_END: there are no more. */
static enum status
chunk_next(struct hunt_reader *r, struct err *err)
{
    const char *why;

    do {
        duckdb_destroy_data_chunk(&r->chunk);
        r->row = r->row_count = 0;
        r->chunk = duckdb_fetch_chunk(r->result);
        if (r->chunk == NULL) { /* the end, or an error */
            why = duckdb_result_error(&r->result);
            return why == NULL ? ST_END
                               : fail(r->h, duckdb_result_error_type(&r->result), why, err);
        }
        r->row_count = duckdb_data_chunk_get_size(r->chunk);
    } while (r->row_count == 0);
    for (uint32_t i = 0; i < r->count; i++)
        cell_column_open(&r->columns[i].cells, r->shape->columns[r->columns[i].column].stored,
                         duckdb_data_chunk_get_vector(r->chunk, i));
    return ST_OK;
}

/* As the shape shows it. */
static struct kql_value
retype(struct pool *p, const struct workspace_column *c, const struct kql_value *v)
{
    if (c->type == KQL_DYNAMIC && c->stored == KQL_STRING)
        return kql_parse_json(p, kql_text(v));
    if (c->type == KQL_DYNAMIC)
        return *v;
    if (c->type == KQL_STRING)
        return v->is_null ? kql_null(KQL_STRING) : kql_to_text(p, c->stored, v);
    return v->is_null ? kql_null(c->type) : kql_convert(p, c->stored, v, c->type);
}

static enum status
source_next(void *context, struct pool *pool, struct kql_value *cells, struct err *err)
{
    struct hunt_reader *r = context;
    const struct workspace_column *columns = r->shape->columns;
    idx_t row = r->row;

    if (row == r->row_count) {
        enum status st = chunk_next(r, err);

        if (st != ST_OK)
            return st;
        row = 0;
    }
    if (r->count < r->shape->count)
        for (size_t i = 0; i < r->shape->count; i++)
            cells[i] = kql_null(columns[i].type);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct workspace_column *c = &columns[r->columns[i].column];
        struct kql_value *cell = &cells[r->columns[i].column];

        cell_read(&r->columns[i].cells, pool, row, cell);
        if (c->stored != c->type)
            *cell = retype(pool, c, cell);
    }
    r->row = row + 1;
    return ST_OK;
}

const struct kql_rows_source hunt_source = {
    .open = source_open,
    .next = source_next,
    .close = reader_close,
};
