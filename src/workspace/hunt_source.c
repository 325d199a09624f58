/* hunt_source.c - rows that DuckDB gives, one chunk of its at a time, to the row engine. Nothing is held but the chunk. */
#include "base/clock.h"
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
    const struct kql_schema *schema;
    uint32_t count; /* of 'columns': those that are wanted */
    struct {
        uint32_t column; /* of the schema */
        struct cell_column cells;
    } columns[];
};

/* Whether it is our SQL that DuckDB does not take, not what befell it. */
static bool
is_rejection(duckdb_error_type type)
{
    return type != DUCKDB_ERROR_IO && type != DUCKDB_ERROR_FATAL &&
           type != DUCKDB_ERROR_CONNECTION && type != DUCKDB_ERROR_TRANSACTION &&
           type != DUCKDB_ERROR_NETWORK;
}

static enum hunt_outcome
outcome_of(enum pool_end why)
{
    switch (why) {
    case POOL_LATE:
        return HUNT_LATE;
    case POOL_CANCELLED:
        return HUNT_CANCELLED;
    case POOL_SPENT:
    case POOL_EXCEEDED:
        return HUNT_SPENT;
    case POOL_GOES_ON:
    case POOL_ABANDONED:
        break;
    }
    return HUNT_FAILED;
}

/* What DuckDB's refusal means for the query. */
static enum status
fail(struct hunting *h, duckdb_error_type type, const char *why, struct err *err)
{
    const struct hunt_connections *k = &h->connections;
    enum pool_end end;

    if (h->failure != HUNT_DONE)
        return err_set(err, ST_IO, "the query has failed before");
    if (k->cancelled != NULL && atomic_load(k->cancelled))
        h->failure = HUNT_CANCELLED;
    else if (clock_monotonic_ms() >= k->deadline_ms)
        h->failure = HUNT_LATE;
    else if (h->programs != NULL && programs_failed(h->programs, &end, err))
        h->failure = outcome_of(end);
    else if (type == DUCKDB_ERROR_OUT_OF_MEMORY)
        h->failure = HUNT_SPENT;
    else
        h->failure = HUNT_BROKEN;
    h->is_rejected = h->failure == HUNT_BROKEN && is_rejection(type);
    if (h->failure == HUNT_FAILED || h->failure == HUNT_SPENT)
        return ST_IO; /* the program's own words, if any */
    return err_set(err, ST_IO, "%.300s", why != NULL ? why : "DuckDB failed without a word");
}

enum status
hunt_ask(struct hunting *h, struct workspace *w, const char *sql, duckdb_result *out,
         struct err *err)
{
    struct hunt_connection *c;
    enum status st = hunt_connection_take(&h->connections, w, &c, err);

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
reader_run(struct hunt_reader *r, const struct sql_place *place, const char *sql, struct err *err)
{
    struct hunting *h = r->h;
    duckdb_pending_result pending = NULL;
    /* Every place is the first member of an environment. */
    struct workspace *w =
        place != NULL ? ((const struct hunt_environment *)place)->workspace : h->workspace;
    enum status st = hunt_connection_take(&h->connections, w, &r->connection, err);

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
select_print(const struct hunt_reader *r, const struct sql_part *part)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    if (r->count < r->schema->count) {
        fputs("SELECT ", out);
        for (uint32_t i = 0; i < r->count; i++)
            fprintf(out, "%sc%u", i > 0 ? ", " : "", r->columns[i].column);
        fprintf(out, "%s FROM (", r->count == 0 ? "1" : "");
    }
    fwrite(part->text.p, 1, part->text.n, out);
    if (r->count < r->schema->count)
        fputs(")", out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* What its programs ask for is found first: nothing is held meanwhile, since that may leave by the pool's escape. */
static void
ask_before(struct hunting *h, const struct sql_part *part)
{
    for (uint32_t i = 0; i < part->scalar_count; i++)
        programs_scalar_set(h->programs, part->scalars[i],
                            kql_rows_scalar(h->rows, part->scalars[i]));
    for (uint32_t i = 0; i < part->set_count; i++)
        programs_set_set(h->programs, part->sets[i], kql_rows_set(h->rows, part->sets[i]));
}

static void *
source_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    struct hunting *h = context;
    const struct sql_part *part = handle;
    struct hunt_reader *r;
    char *sql = NULL;
    enum status st = ST_OK;

    ask_before(h, part);
    r = calloc(1, sizeof *r + part->schema.count * sizeof r->columns[0]);
    if (r == NULL) {
        err_set(err, ST_FULL, "no memory to read a table");
        return NULL;
    }
    r->h = h;
    r->schema = &part->schema;
    r->next = h->readers;
    r->place = &h->readers;
    if (r->next != NULL)
        r->next->place = &r->next;
    h->readers = r;
    for (uint32_t i = 0; i < part->schema.count; i++)
        if (wanted[i])
            r->columns[r->count++].column = i;
    sql = select_print(r, part);
    st = sql != NULL ? reader_run(r, part->place, sql, err)
                     : err_set(err, ST_FULL, "no memory to read a table");
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
        cell_column_open(&r->columns[i].cells,
                         (enum kql_type)r->schema->columns[r->columns[i].column].type,
                         duckdb_data_chunk_get_vector(r->chunk, i));
    return ST_OK;
}

static enum status
source_next(void *context, struct pool *pool, struct kql_value *cells, struct err *err)
{
    struct hunt_reader *r = context;
    const struct kql_column *columns = r->schema->columns;
    idx_t row = r->row;

    if (row == r->row_count) {
        enum status st = chunk_next(r, err);

        if (st != ST_OK)
            return st;
        row = 0;
    }
    if (r->count < r->schema->count)
        for (uint32_t i = 0; i < r->schema->count; i++)
            cells[i] = kql_null((enum kql_type)columns[i].type);
    for (uint32_t i = 0; i < r->count; i++)
        cell_read(&r->columns[i].cells, pool, row, &cells[r->columns[i].column]);
    r->row = row + 1;
    return ST_OK;
}

static const struct kql_op *
source_prepare(void *context, const struct kql_op *plan, enum kql_rows_purpose purpose)
{
    return hunt_split(context, plan, purpose);
}

static void
source_begin(void *context, struct rows_engine *engine)
{
    ((struct hunting *)context)->rows = engine;
}

const struct kql_rows_source hunt_source = {
    .open = source_open,
    .next = source_next,
    .close = reader_close,
    .prepare = source_prepare,
    .begin = source_begin,
    .fetch = hunt_fetch,
    .fetched = hunt_fetched,
};
