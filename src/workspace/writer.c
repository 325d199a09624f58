/* writer.c - rows and the length of what they came in, in one transaction.
 *
 * Two tables keep account: "$cursor", the length of each object, and "$append", what was appended to it last and a hash of
 * that, so that after a crash a caller can tell its own bytes from another's. A transaction is durable when its commit
 * has come back (DuckDB syncs its log). */
#include "workspace/load.h"
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PRUNE_EVERY = 64 /* transactions */ };

struct open_appender {
    const struct stored_table *table;
    duckdb_appender appender;
};

struct workspace_writer {
    struct workspace *w;
    duckdb_connection c;
    duckdb_prepared_statement ask, ask_appends, add, move, note, prune;
    struct loader *loader;
    struct open_appender *appenders; /* of the transaction under way */
    size_t appender_count;
    unsigned until_prune;
};

static const struct {
    const char *sql;
    size_t at; /* of the statement in the writer */
} statements[] = {
    {"SELECT length FROM \"$cursor\" WHERE object = ?",                    offsetof(struct workspace_writer, ask)        },
    {"SELECT place, size, hash, hash2 FROM \"$append\" WHERE object = ? AND place >= ? ORDER BY "
     "place",                                                         offsetof(struct workspace_writer, ask_appends)},
    {"INSERT INTO \"$cursor\" VALUES (?, ?)",                              offsetof(struct workspace_writer, add)        },
    {"UPDATE \"$cursor\" SET length = ?2 WHERE object = ?1",
     offsetof(struct workspace_writer,                                                                       move)       },
    {"INSERT INTO \"$append\" VALUES (?, ?, ?, ?, ?)",                     offsetof(struct workspace_writer, note)       },
    {"DELETE FROM \"$append\" WHERE object = ?1 AND place < (SELECT min(place) FROM (SELECT place "
     "FROM "
     "\"$append\" WHERE object = ?1 ORDER BY place DESC LIMIT 256))", offsetof(struct workspace_writer, prune)      },
};

static duckdb_prepared_statement *
statement_at(struct workspace_writer *writer, size_t i)
{
    return (duckdb_prepared_statement *)((char *)writer + statements[i].at);
}

enum status
workspace_writer_open(struct workspace *w, struct workspace_writer **out, struct err *err)
{
    struct workspace_writer *writer = calloc(1, sizeof *writer);
    enum status st = ST_OK;

    *out = NULL;
    if (writer == NULL)
        return err_set(err, ST_FULL, "no memory to write to %s", workspace_path(w));
    writer->w = w;
    writer->until_prune = PRUNE_EVERY;
    st = workspace_connect(w, &writer->c, err);
    if (st == ST_OK)
        st = loader_make(&writer->loader, err);
    writer->appenders = calloc(w->stored_count, sizeof *writer->appenders);
    if (st == ST_OK && writer->appenders == NULL)
        st = err_set(err, ST_FULL, "no memory to write to %s", workspace_path(w));
    for (size_t i = 0; st == ST_OK && i < COUNT_OF(statements); i++)
        if (duckdb_prepare(writer->c, statements[i].sql, statement_at(writer, i)) != DuckDBSuccess)
            st = err_set(err, ST_IO, "%s: %.250s", workspace_path(w),
                         duckdb_prepare_error(*statement_at(writer, i)));
    if (st != ST_OK) {
        workspace_writer_close(writer);
        return st;
    }
    *out = writer;
    return ST_OK;
}

void
workspace_writer_close(struct workspace_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(statements); i++)
        duckdb_destroy_prepare(statement_at(writer, i));
    loader_free(writer->loader);
    free(writer->appenders);
    duckdb_disconnect(&writer->c);
    free(writer);
}

/* Runs a statement whose values are bound; its result to be destroyed by the caller if wanted. */
static enum status
execute(struct workspace_writer *writer, duckdb_prepared_statement s, duckdb_result *out,
        struct err *err)
{
    duckdb_result r;
    enum status st = ST_OK;

    if (duckdb_execute_prepared(s, &r) != DuckDBSuccess)
        st = err_set(err, ST_IO, "%s: %.250s", workspace_path(writer->w), duckdb_result_error(&r));
    if (st == ST_OK && out != NULL)
        *out = r;
    else
        duckdb_destroy_result(&r);
    return st;
}

static enum status
length_read(struct workspace_writer *writer, const char *object, bool *is_there, uint64_t *length,
            struct err *err)
{
    duckdb_result r;
    enum status st;

    duckdb_bind_varchar(writer->ask, 1, object);
    st = execute(writer, writer->ask, &r, err);
    if (st != ST_OK)
        return st;
    *is_there = duckdb_row_count(&r) > 0;
    *length = *is_there ? duckdb_value_uint64(&r, 0, 0) : 0;
    duckdb_destroy_result(&r);
    return ST_OK;
}

enum status
workspace_object_length(struct workspace_writer *writer, const char *object, uint64_t *length,
                        struct err *err)
{
    bool ignored;

    return length_read(writer, object, &ignored, length, err);
}

enum status
workspace_object_holds(struct workspace_writer *writer, const char *object, uint64_t offset,
                       struct span bytes, bool *same, struct err *err)
{
    duckdb_result r;
    enum status st;
    uint64_t at = offset;

    *same = false;
    duckdb_bind_varchar(writer->ask_appends, 1, object);
    duckdb_bind_uint64(writer->ask_appends, 2, offset);
    st = execute(writer, writer->ask_appends, &r, err);
    if (st != ST_OK)
        return st;
    for (idx_t i = 0; i < duckdb_row_count(&r) && at - offset < bytes.n; i++) {
        uint64_t size = duckdb_value_uint64(&r, 1, i);

        if (duckdb_value_uint64(&r, 0, i) != at || size > bytes.n - (at - offset))
            break;
        XXH128_hash_t h = XXH3_128bits(bytes.p + (at - offset), (size_t)size);

        if (h.low64 != duckdb_value_uint64(&r, 2, i) || h.high64 != duckdb_value_uint64(&r, 3, i))
            break;
        at += size;
    }
    *same = at - offset == bytes.n;
    duckdb_destroy_result(&r);
    return ST_OK;
}

/* ---- a transaction ---- */

static enum status
appender_get(struct workspace_writer *writer, const char *table, struct open_appender **out,
             struct err *err)
{
    const struct stored_table *t = stored_find(writer->w, span_of(table));
    struct open_appender *a = writer->appenders;

    if (t == NULL)
        t = stored_find(writer->w, SPAN_LITERAL(""));
    while (a < writer->appenders + writer->appender_count && a->table != t)
        a++;
    if (a == writer->appenders + writer->appender_count) {
        a->table = t;
        if (duckdb_appender_create(writer->c, NULL, t->sql_name, &a->appender) != DuckDBSuccess) {
            const char *why = a->appender != NULL ? duckdb_appender_error(a->appender) : NULL;

            err_set(err, ST_IO, "%s: %.250s", workspace_path(writer->w),
                    why != NULL ? why : "no appender");
            duckdb_appender_destroy(&a->appender);
            return ST_IO;
        }
        writer->appender_count++;
    }
    *out = a;
    return ST_OK;
}

static enum status
appenders_close(struct workspace_writer *writer, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < writer->appender_count; i++) {
        if (st == ST_OK && duckdb_appender_close(writer->appenders[i].appender) != DuckDBSuccess)
            st = err_set(err, ST_IO, "%s: %.250s", workspace_path(writer->w),
                         duckdb_appender_error(writer->appenders[i].appender));
        duckdb_appender_destroy(&writer->appenders[i].appender);
    }
    writer->appender_count = 0;
    return st;
}

static enum status
account(struct workspace_writer *writer, const struct workspace_rows *r, bool is_there,
        struct err *err)
{
    duckdb_prepared_statement move = is_there ? writer->move : writer->add;
    XXH128_hash_t h = XXH3_128bits(r->body.p, r->body.n);
    enum status st;

    duckdb_bind_varchar(move, 1, r->object);
    duckdb_bind_uint64(move, 2, r->offset + r->body.n);
    st = execute(writer, move, NULL, err);
    if (st != ST_OK)
        return st;
    duckdb_bind_varchar(writer->note, 1, r->object);
    duckdb_bind_uint64(writer->note, 2, r->offset);
    duckdb_bind_uint64(writer->note, 3, r->body.n);
    duckdb_bind_uint64(writer->note, 4, h.low64);
    duckdb_bind_uint64(writer->note, 5, h.high64);
    st = execute(writer, writer->note, NULL, err);
    if (st != ST_OK || writer->until_prune > 1)
        return st;
    duckdb_bind_varchar(writer->prune, 1, r->object);
    return execute(writer, writer->prune, NULL, err);
}

static bool
is_held_back(const struct workspace_rows *rows, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (rows[k].written != WORKSPACE_DONE && strcmp(rows[k].object, rows[i].object) == 0)
            return true;
    return false;
}

/* One of them: ST_INVALID and ST_FULL are about it alone, and all else about the transaction. */
static enum status
append_one(struct workspace_writer *writer, struct workspace_rows *r, int64_t now)
{
    struct open_appender *a;
    uint64_t length;
    bool is_there;
    enum status st = length_read(writer, r->object, &is_there, &length, &r->err);

    if (st != ST_OK)
        return st;
    if (length != r->offset) {
        r->written = WORKSPACE_FOREIGN;
        err_set(&r->err, ST_IO, "%s: %s has %llu bytes and not %llu: something else writes there",
                workspace_path(writer->w), r->object, (unsigned long long)length,
                (unsigned long long)r->offset);
        return ST_OK;
    }
    st = appender_get(writer, r->table, &a, &r->err);
    if (st == ST_OK)
        st = loader_append(writer->loader, a->table, a->appender, r, now, &r->err);
    if (st == ST_OK)
        st = account(writer, r, is_there, &r->err);
    if (st == ST_OK)
        r->written = WORKSPACE_DONE;
    return st;
}

/* All that are still to be done. ST_INVALID: one of them was refused, so nothing was done. */
static enum status
attempt(struct workspace_writer *writer, struct workspace_rows *rows, size_t count, int64_t now,
        struct err *err)
{
    enum status st = sql_run(writer->c, "BEGIN", NULL, err), closed;

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        if (rows[i].written == WORKSPACE_REFUSED)
            continue;
        if (is_held_back(rows, i)) {
            err_set(&rows[i].err, ST_FULL, "waits for what stands before it");
            continue;
        }
        st = append_one(writer, &rows[i], now);
        if (st == ST_INVALID)
            rows[i].written = WORKSPACE_REFUSED;
        else if (st != ST_OK)
            *err = rows[i].err;
    }
    struct err why;

    closed = appenders_close(writer, &why);
    if (st == ST_OK && closed != ST_OK) {
        st = closed;
        *err = why;
    }
    if (st == ST_OK)
        st = sql_run(writer->c, "COMMIT", NULL, err);
    if (st == ST_OK)
        atomic_fetch_add(&writer->w->commits, 1);
    for (size_t i = 0; i < count && st == ST_OK; i++)
        if (rows[i].written == WORKSPACE_DONE)
            atomic_fetch_add(&writer->w->added_rows, rows[i].row_count);
    /* A commit that failed has rolled back already: then this fails, and nothing hangs on it. */
    if (st != ST_OK && sql_run(writer->c, "ROLLBACK", NULL, &why) != ST_OK)
        return st;
    return st;
}

void
workspace_write(struct workspace_writer *writer, struct workspace_rows *rows, size_t count,
                int64_t now)
{
    struct err err = {""};
    enum status st;

    for (size_t i = 0; i < count; i++)
        rows[i].written = WORKSPACE_LATER;
    pthread_mutex_lock(&writer->w->append_lock);
    do {
        for (size_t i = 0; i < count; i++)
            if (rows[i].written != WORKSPACE_REFUSED) {
                rows[i].written = WORKSPACE_LATER;
                rows[i].err.text[0] = '\0';
            }
        st = attempt(writer, rows, count, now, &err);
    } while (st == ST_INVALID); /* each time one more is refused, and the rest is done without it */
    pthread_mutex_unlock(&writer->w->append_lock);
    writer->until_prune = writer->until_prune > 1 ? writer->until_prune - 1 : PRUNE_EVERY;
    for (size_t i = 0; i < count && st != ST_OK; i++)
        if (rows[i].written != WORKSPACE_REFUSED) {
            rows[i].written = WORKSPACE_LATER;
            rows[i].err = err;
        }
}
