/* keep.c - what a workspace holds, and what it is to hold no more.
 *
 * Room in the file: a checkpoint gives the blocks of row groups that are wholly gone back to later rows, and cuts the file where the
 * free ones stand at its end. Old rows stand together, so what age and size take out is given back; of rows here
 * and there the room stays until room.c moves what is left of their group. */
#include "workspace/keep.h"
#include "base/clock.h"
#include "workspace/hunt_inner.h"
#include "workspace/inner.h"
#include "workspace/select.h"
#include <stdlib.h>
#include <sys/stat.h>

enum { BLOCK_SIZE = 256 << 10 };
static const int64_t NO_DEADLINE_MS = INT64_C(1) << 52;

static enum status
failed(const struct workspace *w, enum status st, struct err *err)
{
    struct err why = *err;

    return err_set(err, st, "%.100s: %.200s", w->path, why.text);
}

/* ---- sizes ---- */

enum status
stored_blocks(duckdb_connection c, const struct stored_table *t, uint64_t *blocks, struct err *err)
{
    duckdb_result r;
    char sql[512];
    enum status st;

    snprintf(sql, sizeof sql,
             "SELECT count(DISTINCT block_id) FROM pragma_storage_info('%s') WHERE block_id >= 0",
             t->sql_name);
    st = sql_run(c, sql, &r, err);
    if (st != ST_OK)
        return st;
    *blocks = duckdb_value_uint64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return ST_OK;
}

static enum status
size_of(struct workspace *w, duckdb_connection c, const struct stored_table *t, const char *tenant,
        struct workspace_size *out, struct err *err)
{
    duckdb_result r;
    char sql[512];
    uint64_t all, blocks = 0;
    enum status st;

    snprintf(sql, sizeof sql,
             "SELECT count(*), coalesce(min(\"$time\"), 0), coalesce(max(\"$time\"), 0), (SELECT "
             "count(*) FROM \"%s\") FROM \"%s\"%s%s%s",
             t->sql_name, t->sql_name, tenant != NULL ? " WHERE \"$tenant\" = '" : "",
             tenant != NULL ? tenant : "", tenant != NULL ? "'::UUID" : "");
    st = sql_run(c, sql, &r, err);
    if (st != ST_OK)
        return failed(w, st, err);
    *out = (struct workspace_size){.table = t->name,
                                   .rows = duckdb_value_uint64(&r, 0, 0),
                                   .oldest = duckdb_value_int64(&r, 1, 0),
                                   .newest = duckdb_value_int64(&r, 2, 0)};
    all = duckdb_value_uint64(&r, 3, 0);
    duckdb_destroy_result(&r);
    if (out->rows > 0)
        st = stored_blocks(c, t, &blocks, err);
    if (st != ST_OK)
        return failed(w, st, err);
    out->bytes = blocks * BLOCK_SIZE;
    if (out->rows < all)
        out->bytes = (uint64_t)((double)out->bytes * (double)out->rows / (double)all);
    return ST_OK;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp((*(const struct stored_table *const *)a)->name,
                  (*(const struct stored_table *const *)b)->name);
}

static enum status
tenant_check(const char *tenant, struct err *err)
{
    struct kql_guid ignored;

    return tenant == NULL || (strlen(tenant) == 36 && kql_read_guid(span_of(tenant), &ignored))
               ? ST_OK
               : err_set(err, ST_INVALID, "'%.60s' is no tenant", tenant);
}

enum status
workspace_sizes(struct workspace *w, const char *tenant,
                void (*each)(void *app, const struct workspace_size *size), void *app,
                struct err *err)
{
    const struct stored_table **sorted =
        calloc(w->stored_count, sizeof(const struct stored_table *));
    duckdb_connection c = NULL;
    enum status st = tenant_check(tenant, err);

    if (sorted == NULL)
        return err_set(err, ST_FULL, "no memory for the tables of %s", w->path);
    for (size_t i = 0; i < w->stored_count; i++)
        sorted[i] = &w->stored[i];
    qsort(sorted, w->stored_count, sizeof *sorted, by_name);
    if (st == ST_OK)
        st = workspace_connect(w, &c, err);
    for (size_t i = 0; i < w->stored_count && st == ST_OK; i++) {
        struct workspace_size size;

        st = size_of(w, c, sorted[i], tenant, &size, err);
        if (st == ST_OK && size.rows > 0)
            each(app, &size);
    }
    duckdb_disconnect(&c);
    free(sorted);
    return st;
}

/* ---- damage ---- */

enum status
workspace_verify(struct workspace *w, uint64_t *rows, struct err *err)
{
    duckdb_connection c = NULL;
    duckdb_result r;
    char sql[400];
    enum status st = workspace_connect(w, &c, err);

    *rows = 0;
    for (size_t i = 0; i < w->stored_count && st == ST_OK; i++) {
        const char *name = w->stored[i].sql_name;

        snprintf(sql, sizeof sql, "SELECT count(*), bit_xor(hash(t)) FROM \"%s\" t", name);
        st = sql_run(c, sql, &r, err);
        if (st != ST_OK) {
            struct err why = *err;

            err_set(err, st, "%.60s, table %.40s: %.200s", w->path, name, why.text);
            break;
        }
        *rows += duckdb_value_uint64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    duckdb_disconnect(&c);
    return st;
}

/* ---- taking out ---- */

/* Others at work may keep it from the checkpoint, which then comes by itself later. */
static void
checkpoint(struct workspace *w, duckdb_connection c)
{
    struct err ignored;
    enum status st;

    pthread_mutex_lock(&w->append_lock);
    st = sql_run(c, "CHECKPOINT", NULL, &ignored);
    pthread_mutex_unlock(&w->append_lock);
    if (st != ST_OK)
        return;
}

static enum status
count_run(struct workspace *w, duckdb_connection c, const char *sql, bool is_delete, uint64_t *rows,
          struct err *err)
{
    duckdb_result r;
    enum status st;

    if (is_delete) /* inner.h says why */
        pthread_mutex_lock(&w->append_lock);
    st = sql_run(c, sql, &r, err);
    if (is_delete)
        pthread_mutex_unlock(&w->append_lock);
    if (st != ST_OK)
        return failed(w, st, err);
    *rows += is_delete ? duckdb_rows_changed(&r) : duckdb_value_uint64(&r, 0, 0);
    if (is_delete)
        atomic_fetch_add(&w->removed_rows, duckdb_rows_changed(&r));
    duckdb_destroy_result(&r);
    return ST_OK;
}

/* The transaction in which the numbers of rows were noted: no checkpoint gives rows other numbers while it runs. */
static enum status
noted_delete(struct workspace *w, duckdb_connection c, const struct stored_table *t, uint64_t *rows,
             struct err *err)
{
    uint64_t gone = 0;
    duckdb_result r;
    char sql[300];
    enum status st;

    snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE rowid IN (SELECT n FROM temp.\"$chosen\")",
             t->sql_name);
    pthread_mutex_lock(&w->append_lock); /* inner.h says why */
    st = sql_run(c, sql, &r, err);
    if (st == ST_OK) {
        gone = duckdb_rows_changed(&r);
        duckdb_destroy_result(&r);
        st = sql_run(c, "COMMIT", NULL, err);
    }
    pthread_mutex_unlock(&w->append_lock);
    if (st != ST_OK)
        return failed(w, st, err);
    *rows += gone;
    atomic_fetch_add(&w->removed_rows, gone);
    return ST_OK;
}

/* What is slow is to find them: that may be ended, and no writer waits for it. */
static enum status
chosen_delete(struct workspace *w, const struct stored_table *t, const struct selection *s,
              const struct workspace_rows_wanted *wanted, uint64_t *rows, struct err *err)
{
    int64_t until = wanted->deadline_ms != 0 ? wanted->deadline_ms : NO_DEADLINE_MS;
    struct hunt_connections connections;
    struct hunt_connection *taken = NULL;
    char *sql = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&sql, &size);
    enum status st;

    if (out == NULL)
        return err_set(err, ST_FULL, "no memory to take rows out");
    fprintf(out, "BEGIN; CREATE TEMP TABLE \"$chosen\" AS SELECT c%u AS n FROM (%s)", s->count,
            s->sql);
    hunt_connections_open(&connections, until, wanted->cancelled);
    st = fclose(out) == 0 ? hunt_connection_take(&connections, w, &taken, err)
                          : err_set(err, ST_FULL, "no memory to take rows out");
    if (st == ST_OK) {
        st = sql_run(taken->c, sql, NULL, err);
        hunt_connection_give(&connections, taken); /* from here on nothing interrupts it */
        if (st != ST_OK && clock_monotonic_ms() >= until)
            st = err_set(err, ST_FULL,
                         "the rows were not found in the time that there is: nothing is taken out");
        else if (st != ST_OK)
            st = failed(w, st, err);
    }
    if (st == ST_OK)
        st = noted_delete(w, taken->c, t, rows, err);
    hunt_connections_close(&connections); /* what did not commit is undone */
    free(sql);
    return st;
}

static enum status
purge_chosen(struct workspace *w, duckdb_connection c, const struct workspace_rows_wanted *wanted,
             bool only_counts, uint64_t *rows, struct err *err)
{
    const struct stored_table *t = stored_find(w, wanted->table);
    struct selection s;
    char *sql = NULL;
    enum status st = selection_open(&s, w, wanted, SELECT_BOTH, err);

    if (st == ST_OK && !only_counts)
        st = chosen_delete(w, t, &s, wanted, rows, err);
    else if (st == ST_OK && asprintf(&sql, "SELECT count(*) FROM (%s)", s.sql) < 0)
        st = err_set(err, ST_FULL, "no memory to count rows");
    else if (st == ST_OK)
        st = count_run(w, c, sql, false, rows, err);
    free(sql);
    selection_close(&s);
    return st;
}

/* Without a predicate, by the housekeeping columns alone. */
static enum status
purge_plain(struct workspace *w, duckdb_connection c, const struct stored_table *t,
            const struct workspace_rows_wanted *wanted, bool only_counts, uint64_t *rows,
            struct err *err)
{
    char sql[600], tenant[80] = "", from[60] = "", until[60] = "";

    if (wanted->tenant != NULL)
        snprintf(tenant, sizeof tenant, " AND \"$tenant\" = '%s'::UUID", wanted->tenant);
    if (wanted->from != INT64_MIN)
        snprintf(from, sizeof from, " AND \"$time\" >= %lld", (long long)wanted->from);
    if (wanted->until != INT64_MAX)
        snprintf(until, sizeof until, " AND \"$time\" < %lld", (long long)wanted->until);
    snprintf(sql, sizeof sql, "%s FROM \"%s\" WHERE true%s%s%s",
             only_counts ? "SELECT count(*)" : "DELETE", t->sql_name, from, until, tenant);
    return count_run(w, c, sql, !only_counts, rows, err);
}

enum status
workspace_purge(struct workspace *w, const struct workspace_rows_wanted *wanted, bool only_counts,
                uint64_t *rows, struct err *err)
{
    const struct stored_table *only =
        wanted->table.p != NULL ? stored_find(w, wanted->table) : NULL;
    duckdb_connection c = NULL;
    enum status st = tenant_check(wanted->tenant, err);

    *rows = 0;
    if (st == ST_OK && wanted->table.p != NULL && only == NULL)
        st = err_set(err, ST_INVALID, "%s has no table %.*s", w->path,
                     wanted->table.n < 64 ? (int)wanted->table.n : 64, wanted->table.p);
    if (st == ST_OK && wanted->where.p != NULL && (only == NULL || only->name[0] == '\0'))
        st = err_set(err, ST_INVALID, "a predicate is for one table of the catalog");
    if (st == ST_OK)
        st = workspace_connect(w, &c, err);
    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&w->keep_lock); /* two that take the same row out refuse each other */
    if (wanted->where.p != NULL)
        st = purge_chosen(w, c, wanted, only_counts, rows, err);
    for (size_t i = 0; st == ST_OK && wanted->where.p == NULL && i < w->stored_count; i++)
        if (only == NULL || only == &w->stored[i])
            st = purge_plain(w, c, &w->stored[i], wanted, only_counts, rows, err);
    if (!only_counts && *rows > 0)
        checkpoint(w, c);
    pthread_mutex_unlock(&w->keep_lock);
    duckdb_disconnect(&c);
    return st;
}

/* ---- by age and size ---- */

/* The time before which the share 'part' of a table's rows lies. */
static enum status
time_at(duckdb_connection c, const struct stored_table *t, double part, int64_t *time,
        struct err *err)
{
    duckdb_result r;
    char sql[512];
    enum status st;

    snprintf(sql, sizeof sql, "SELECT approx_quantile(\"$time\", %.6f) FROM \"%s\"", part,
             t->sql_name);
    st = sql_run(c, sql, &r, err);
    if (st != ST_OK)
        return st;
    *time = duckdb_value_int64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return ST_OK;
}

static enum status
table_retain(struct workspace *w, duckdb_connection c, const struct stored_table *t,
             const struct workspace_keeping *k, uint64_t *rows, struct err *err)
{
    struct workspace_rows_wanted old = {.from = INT64_MIN, .until = INT64_MAX};
    uint64_t age_ms = 0, size_max = 0, blocks;
    enum status st = ST_OK;

    k->of(k->app, t->name, &age_ms, &size_max);
    if (age_ms > 0 && age_ms < (uint64_t)k->now / (TICKS_PER_SECOND / 1000)) {
        old.until = k->now - (int64_t)age_ms * (TICKS_PER_SECOND / 1000);
        st = purge_plain(w, c, t, &old, false, rows, err);
    }
    if (st != ST_OK || size_max == 0)
        return st;
    st = stored_blocks(c, t, &blocks, err);
    if (st != ST_OK || blocks * BLOCK_SIZE <= size_max)
        return st;
    st = time_at(c, t, 1 - 0.9 * (double)size_max / (double)(blocks * BLOCK_SIZE), &old.until, err);
    if (st == ST_OK)
        st = purge_plain(w, c, t, &old, false, rows, err);
    return st;
}

enum status
workspace_retain(struct workspace *w, const struct workspace_keeping *k, uint64_t *rows,
                 struct err *err)
{
    duckdb_connection c = NULL;
    enum status st = workspace_connect(w, &c, err);
    struct err why;

    *rows = 0;
    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&w->keep_lock);
    for (size_t i = 0; i < w->stored_count; i++) /* one that fails keeps none of the others */
        if (table_retain(w, c, &w->stored[i], k, rows, &why) != ST_OK && st == ST_OK) {
            st = ST_IO;
            if (err != NULL)
                *err = why;
        }
    if (*rows > 0)
        checkpoint(w, c);
    pthread_mutex_unlock(&w->keep_lock);
    duckdb_disconnect(&c);
    return st;
}

/* ---- those that are open ---- */

static uint64_t
file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

void
workspace_state_fill(const struct workspace *w, struct workspace_state *out)
{
    char log[WORKSPACE_PATH_MAX + 8];
    uint64_t added = atomic_load(&w->added_rows), removed = atomic_load(&w->removed_rows);

    snprintf(log, sizeof log, "%s.wal", w->path);
    *out = (struct workspace_state){.rows = w->first_rows + added - removed,
                                    .bytes = file_bytes(w->path),
                                    .log_bytes = file_bytes(log),
                                    .commits = atomic_load(&w->commits),
                                    .added_rows = added,
                                    .removed_rows = removed,
                                    .compactions = atomic_load(&w->compacted_pieces),
                                    .compacted_rows = atomic_load(&w->compacted_rows),
                                    .compaction_ms = atomic_load(&w->compacted_ms)};
    snprintf(out->path, sizeof out->path, "%s", w->path);
}
