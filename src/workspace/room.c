/* room.c - the room of rows that were taken out here and there, given back while the file is open.
 *
 * A checkpoint of DuckDB's drops row groups that are wholly gone, and rewrites neighbours where fewer groups hold what is left of
 * them: from a quarter on, and only while no query runs, nor later unless the table changes. What is left over is
 * found here and moved: the live rows of two groups are written anew behind all others and taken out where they
 * were, in one transaction, so that the groups are gone as a whole and the next checkpoint drops them. A kill leaves all of that or nothing;
 * queries see each row once, in their snapshot. Groups move as a whole, so that each keeps its narrow span of time.
 * Free blocks inside the file go the same way: groups that stand at its end move to the front, and the file is cut.
 *
 * All of a piece, checkpoint included, is under the writers' lock: a checkpoint beside a transaction that deletes, or that
 * writes whole groups, is where DuckDB 1.5 has had faults that cost the file (its pull requests 25106 and 25971). */
#include "base/clock.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include <stdlib.h>
#include <sys/stat.h>

enum {
    PIECE_GROUPS =
        2, /* together more than one group's rows: such are written once, not to the log first */
    SHARE = 16,            /* of a group's rows: so many must be gone, or it stays as it is */
    FILE_SHARE = 4,        /* of the file: so much must be free, or it stays as long as it is */
    LEAST = 4 << 20,       /* bytes */
    FRUITLESS_MAX = 3,     /* pieces after which the file is no shorter */
    BUSY_ROWS = 2000,      /* a second */
    REST_MS = 15 * 60000,  /* where nothing came of it */
    HEAD_SIZE = 3 * 4096,  /* of a file, before its blocks */
    BLOCK_SIZE = 256 << 10 /* as keep.c has it */
};

struct group {
    uint64_t start, stored, live; /* rows; the first one's number */
    int64_t last_block;           /* the highest that it has a part in */
};

struct work {
    struct workspace *w;
    const struct workspace_compaction *how;
    struct workspace_compacted *out;
    duckdb_connection c;
    /* of the table that is looked at */
    struct group *groups;
    size_t count, room;
    uint64_t stored, live; /* rows of them all */
    size_t chosen[PIECE_GROUPS], chosen_count;
    bool is_over; /* nothing is left to be done */
};

/* ---- idle ---- */

static bool
is_quiet(struct workspace *w, int64_t quiet_ms)
{
    struct hunt_seats *s = &w->seats;

    pthread_mutex_lock(&s->lock);
    bool quiet = s->running_count == 0 && s->waiting_count == 0 && s->visitor_count == 0 &&
                 (s->left_ms == 0 || clock_monotonic_ms() - s->left_ms >= quiet_ms);

    pthread_mutex_unlock(&s->lock);
    return quiet;
}

static bool
goes_on(const struct work *x)
{
    return is_quiet(x->w, 0) && clock_monotonic_ms() < x->how->until_ms &&
           (x->how->goes_on == NULL || x->how->goes_on(x->how->app));
}

/* Whether there may be something to do, and it is the time for it. Under the lock of w->room. */
static bool
is_due(struct workspace *w, const struct workspace_compaction *how)
{
    struct workspace_room *r = &w->room;
    int64_t now = clock_monotonic_ms(), since = now - r->looked_ms;
    uint64_t added = atomic_load(&w->added_rows), came = added - r->added;
    bool is_changed = atomic_load(&w->removed_rows) != r->removed;
    bool is_busy =
        r->looked_ms != 0 && (double)came > (double)since / 1000 * (double)how->busy_rows;

    r->looked_ms = now;
    r->added = added;
    return !is_busy && (is_changed || now >= r->rest_until_ms) && is_quiet(w, how->quiet_ms);
}

/* ---- what there is ---- */

static enum status
groups_read(struct work *x, const struct stored_table *t, struct err *err)
{
    static const char ask[] =
        "SELECT CAST(coalesce(sum(count) FILTER (column_path = '[0]'), 0) AS UBIGINT), "
        "CAST(coalesce(max(greatest(block_id, coalesce(list_max(additional_block_ids), -1))), -1) "
        "AS BIGINT) FROM pragma_storage_info('%s') GROUP BY row_group_id ORDER BY row_group_id";
    char sql[sizeof ask + 300];
    duckdb_result r;
    enum status st;

    snprintf(sql, sizeof sql, ask, t->sql_name);
    st = sql_run(x->c, sql, &r, err);
    if (st != ST_OK)
        return st;
    x->count = duckdb_row_count(&r);
    x->stored = 0;
    if (x->count > x->room) {
        struct group *larger = realloc(x->groups, x->count * sizeof *larger);

        if (larger == NULL) {
            duckdb_destroy_result(&r);
            return err_set(err, ST_FULL, "no memory for a table's row groups");
        }
        x->groups = larger;
        x->room = x->count;
    }
    for (size_t i = 0; i < x->count; i++) {
        x->groups[i] = (struct group){.start = x->stored,
                                      .stored = duckdb_value_uint64(&r, 0, i),
                                      .last_block = duckdb_value_int64(&r, 1, i)};
        x->stored += x->groups[i].stored;
    }
    duckdb_destroy_result(&r);
    return ST_OK;
}

/* Rows by their numbers, which come in order, or nearly. */
static void
numbers_count(struct work *x, duckdb_data_chunk chunk, size_t *at)
{
    const int64_t *numbers = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    idx_t count = duckdb_data_chunk_get_size(chunk);

    for (idx_t i = 0; i < count; i++) {
        uint64_t n = (uint64_t)numbers[i];

        if (n < x->groups[*at].start)
            *at = 0;
        while (*at + 1 < x->count && n >= x->groups[*at].start + x->groups[*at].stored)
            ++*at;
        x->groups[*at].live++;
    }
}

static enum status
live_count(struct work *x, const struct stored_table *t, struct err *err)
{
    duckdb_prepared_statement s = NULL;
    duckdb_data_chunk chunk;
    duckdb_result r = {0};
    char sql[300];
    size_t at = 0;
    enum status st = ST_OK;

    snprintf(sql, sizeof sql, "SELECT rowid FROM \"%s\"", t->sql_name);
    if (duckdb_prepare(x->c, sql, &s) != DuckDBSuccess ||
        duckdb_execute_prepared_streaming(s, &r) != DuckDBSuccess)
        st = err_set(err, ST_IO, "the rows of %s cannot be counted", t->sql_name);
    while (st == ST_OK && (chunk = duckdb_fetch_chunk(r)) != NULL) {
        numbers_count(x, chunk, &at);
        duckdb_destroy_data_chunk(&chunk);
    }
    if (st == ST_OK && duckdb_result_error(&r) != NULL && duckdb_result_error(&r)[0] != '\0')
        st = err_set(err, ST_IO, "%.250s", duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    duckdb_destroy_prepare(&s);
    return st;
}

static enum status
rows_count(struct work *x, const char *table, uint64_t *rows, struct err *err)
{
    duckdb_result r;
    char sql[300];
    enum status st;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", table);
    st = sql_run(x->c, sql, &r, err);
    if (st != ST_OK)
        return st;
    *rows = duckdb_value_uint64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return ST_OK;
}

static enum status
table_read(struct work *x, const struct stored_table *t, struct err *err)
{
    enum status st = groups_read(x, t, err);

    x->live = x->stored;
    if (st == ST_OK && x->count > 0)
        st = rows_count(x, t->sql_name, &x->live, err);
    if (st != ST_OK)
        return st;
    if (x->live < x->stored)
        return live_count(x, t, err);
    for (size_t i = 0; i < x->count; i++)
        x->groups[i].live = x->groups[i].stored;
    return ST_OK;
}

/* ---- a piece ---- */

static enum status
change(struct work *x, const char *sql, uint64_t *rows, struct err *err)
{
    duckdb_result r;
    enum status st = sql_run(x->c, sql, &r, err);

    if (st != ST_OK)
        return st;
    *rows += duckdb_rows_changed(&r);
    duckdb_destroy_result(&r);
    return ST_OK;
}

/* Its rows behind all others, in their order. Rows of this transaction have numbers beyond any range. */
static enum status
group_move(struct work *x, const char *table, const struct group *g, uint64_t *moved,
           uint64_t *gone, struct err *err)
{
    char where[100], sql[700];
    enum status st;

    snprintf(where, sizeof where, "WHERE rowid >= %llu AND rowid < %llu",
             (unsigned long long)g->start, (unsigned long long)(g->start + g->stored));
    snprintf(sql, sizeof sql, "INSERT INTO \"%s\" SELECT * FROM \"%s\" %s", table, table, where);
    st = change(x, sql, moved, err);
    if (st != ST_OK)
        return st;
    snprintf(sql, sizeof sql, "DELETE FROM \"%s\" %s", table, where);
    return change(x, sql, gone, err);
}

/* An empty table made anew by a change that changes nothing. */
static enum status
empty_renew(struct work *x, const char *table, struct err *err)
{
    char sql[400];

    snprintf(sql, sizeof sql, "ALTER TABLE \"%s\" ALTER \"$tenant\" TYPE UUID", table);
    return sql_run(x->c, sql, NULL, err);
}

/* Groups that have gone as a whole beside a query stay until their table changes: one row is moved. */
static enum status
touch(struct work *x, const char *table, uint64_t *moved, uint64_t *gone, struct err *err)
{
    struct group last = {.stored = 1};
    duckdb_result r;
    char sql[400];
    enum status st;

    if (x->live == 0)
        return empty_renew(x, table, err);
    snprintf(sql, sizeof sql, "SELECT max(rowid) FROM \"%s\"", table);
    st = sql_run(x->c, sql, &r, err);
    if (st != ST_OK)
        return st;
    last.start = duckdb_value_uint64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return group_move(x, table, &last, moved, gone, err);
}

/* Of a transaction that came to 'st'. */
static enum status
end(struct work *x, enum status st, bool is_even, struct err *err)
{
    struct err why;

    if (st == ST_OK && !is_even)
        st = err_set(err, ST_IO, "rows were to move, and others would have gone: nothing is done");
    if (st == ST_OK)
        st = sql_run(x->c, "COMMIT", NULL, err);
    /* A commit that failed has rolled back already: then this fails, and nothing hangs on it. */
    if (st != ST_OK && sql_run(x->c, "ROLLBACK", NULL, &why) != ST_OK)
        return st;
    return st;
}

/* Queries that began before a transaction ended keep it waiting: then it comes later. */
static enum status
checkpoint(struct work *x, struct err *err)
{
    struct err why;
    enum status st = sql_run(x->c, "CHECKPOINT", NULL, &why);

    if (st == ST_OK || strstr(why.text, "Cannot CHECKPOINT") != NULL)
        return ST_OK;
    return err_set(err, st, "%s", why.text);
}

/* Under both locks. */
static enum status
piece_run(struct work *x, const struct stored_table *t, struct err *err)
{
    uint64_t moved = 0, gone = 0;
    enum status st = sql_run(x->c, "BEGIN", NULL, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < x->chosen_count && st == ST_OK; i++)
        st = group_move(x, t->sql_name, &x->groups[x->chosen[i]], &moved, &gone, err);
    if (x->chosen_count == 0)
        st = touch(x, t->sql_name, &moved, &gone, err);
    st = end(x, st, moved == gone, err);
    if (st != ST_OK)
        return st;
    x->out->pieces++;
    x->out->rows += moved;
    atomic_fetch_add(&x->w->compacted_pieces, 1);
    atomic_fetch_add(&x->w->compacted_rows, moved);
    return checkpoint(x, err);
}

static void
locks_take(struct work *x, int64_t *since_ms)
{
    pthread_mutex_lock(&x->w->keep_lock);
    pthread_mutex_lock(&x->w->append_lock);
    *since_ms = clock_monotonic_ms();
}

static void
locks_give(struct work *x, int64_t since_ms)
{
    int64_t held_ms = clock_monotonic_ms() - since_ms;

    pthread_mutex_unlock(&x->w->append_lock);
    pthread_mutex_unlock(&x->w->keep_lock);
    atomic_fetch_add(&x->w->compacted_ms, (uint64_t)held_ms);
    if (held_ms > x->out->held_ms_max)
        x->out->held_ms_max = held_ms;
}

/* ---- rows that are gone ---- */

static bool
is_holey(const struct group *g)
{
    return (g->stored - g->live) * SHARE >= g->stored;
}

/* How many groups are to go anew; the first of those that have rows are chosen. 0: what came of it would be too little. */
static enum status
holes_find(struct work *x, const struct stored_table *t, size_t *count, struct err *err)
{
    uint64_t gone = 0, blocks = 0;
    enum status st = table_read(x, t, err);

    *count = x->chosen_count = 0;
    if (st != ST_OK || x->live >= x->stored)
        return st;
    for (size_t i = 0; i < x->count; i++)
        if (is_holey(&x->groups[i])) {
            ++*count;
            gone += x->groups[i].stored - x->groups[i].live;
            if (x->groups[i].live > 0 && x->chosen_count < PIECE_GROUPS)
                x->chosen[x->chosen_count++] = i;
        }
    if (gone > 0)
        st = stored_blocks(x->c, t, &blocks, err);
    if ((double)gone / (double)x->stored * (double)blocks * BLOCK_SIZE < (double)x->how->least)
        *count = 0;
    return st;
}

/* Until none is left, nothing comes of it, or it is to end. */
static enum status
holes_close(struct work *x, const struct stored_table *t, struct err *err)
{
    size_t count = 0, before = SIZE_MAX;
    enum status st = ST_OK;

    for (;;) {
        int64_t since_ms;

        if (!goes_on(x)) {
            x->is_over = false;
            return ST_OK;
        }
        locks_take(x, &since_ms);
        st = holes_find(x, t, &count, err);
        if (st == ST_OK && count > 0 && count < before)
            st = piece_run(x, t, err);
        locks_give(x, since_ms);
        if (st != ST_OK || count == 0)
            return st;
        if (count >= before) { /* a query kept the checkpoint from it, or this DuckDB is another */
            x->is_over = is_quiet(x->w, x->how->quiet_ms);
            return ST_OK;
        }
        before = count;
    }
}

/* ---- the end of the file ---- */

struct tail {
    const struct stored_table *table; /* that has the last block */
    uint64_t blocks;                  /* of the file */
    size_t count;                     /* groups of all tables behind what is needed */
    bool is_long;                     /* so much of the file is free that it is to be cut */
};

static enum status
file_look(struct work *x, struct tail *tail, uint64_t *used, struct err *err)
{
    uint64_t free_blocks;
    struct stat info;
    duckdb_result r;
    enum status st = sql_run(x->c, "SELECT used_blocks FROM pragma_database_size()", &r, err);

    if (st != ST_OK)
        return st;
    *used = duckdb_value_uint64(&r, 0, 0);
    duckdb_destroy_result(&r);
    tail->blocks = stat(x->w->path, &info) == 0 && info.st_size > HEAD_SIZE
                       ? ((uint64_t)info.st_size - HEAD_SIZE) / BLOCK_SIZE
                       : 0;
    free_blocks = tail->blocks > *used ? tail->blocks - *used : 0;
    tail->is_long = free_blocks * BLOCK_SIZE >= x->how->least * FILE_SHARE &&
                    free_blocks * FILE_SHARE >= tail->blocks;
    return ST_OK;
}

/* The groups with the last blocks, in the table's order. */
static void
tail_choose(struct work *x, int64_t used)
{
    size_t best[PIECE_GROUPS];

    x->chosen_count = 0;
    for (size_t n = 0; n < PIECE_GROUPS; n++) {
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < x->count; i++) {
            bool is_new = x->groups[i].last_block >= used && x->groups[i].live > 0;

            for (size_t k = 0; k < n; k++)
                is_new &= best[k] != i;
            if (is_new &&
                (found == SIZE_MAX || x->groups[i].last_block > x->groups[found].last_block))
                found = i;
        }
        if (found == SIZE_MAX)
            break;
        best[n] = found;
        x->chosen_count = n + 1;
    }
    for (size_t n = 0; n < x->chosen_count; n++)
        x->chosen[n] = best[n];
    if (x->chosen_count == PIECE_GROUPS && x->chosen[0] > x->chosen[1]) {
        x->chosen[0] = best[1];
        x->chosen[1] = best[0];
    }
}

/* What is known of tables and row groups stands in blocks of its own, of which one may be the last. It finds a place in front when its
 * table or row group is written: those are that nothing else moves, our own small tables and the empty ones. */
static enum status
settle(struct work *x, struct err *err)
{
    static const char *const names[] = {"$workspace", "$identity", "$column", "$cursor", "$append"};
    const struct group all = {.stored = UINT64_C(1) << 40}; /* all that stood there before */
    uint64_t moved = 0, gone = 0;
    enum status st = sql_run(x->c, "BEGIN", NULL, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < COUNT_OF(names) && st == ST_OK; i++)
        st = group_move(x, names[i], &all, &moved, &gone, err);
    for (size_t i = 0; i < x->w->stored_count && st == ST_OK; i++) {
        uint64_t rows;

        st = rows_count(x, x->w->stored[i].sql_name, &rows, err);
        if (st == ST_OK && rows == 0)
            st = empty_renew(x, x->w->stored[i].sql_name, err);
    }
    st = end(x, st, moved == gone, err);
    return st == ST_OK ? checkpoint(x, err) : st;
}

static enum status
tail_find(struct work *x, struct tail *tail, struct err *err)
{
    uint64_t used = 0;
    int64_t last = -1;
    enum status st = file_look(x, tail, &used, err);

    tail->count = x->chosen_count = 0;
    tail->table = NULL;
    if (st == ST_OK && tail->is_long) {
        st = settle(x, err);
        if (st == ST_OK)
            st = file_look(x, tail, &used, err);
    }
    if (st != ST_OK || !tail->is_long)
        return st;
    for (size_t i = 0; i < x->w->stored_count && st == ST_OK; i++) {
        st = groups_read(x, &x->w->stored[i], err);
        for (size_t k = 0; k < x->count && st == ST_OK; k++) {
            tail->count += x->groups[k].last_block >= (int64_t)used;
            if (x->groups[k].last_block >= (int64_t)used && x->groups[k].last_block > last) {
                last = x->groups[k].last_block;
                tail->table = &x->w->stored[i];
            }
        }
    }
    if (st == ST_OK && tail->table != NULL)
        st = table_read(x, tail->table, err);
    if (st == ST_OK && tail->table != NULL)
        tail_choose(x, (int64_t)used);
    return st;
}

static enum status
tail_cut(struct work *x, struct err *err)
{
    struct tail tail = {.table = NULL}, before = {.blocks = UINT64_MAX, .count = SIZE_MAX};
    unsigned fruitless = 0;
    enum status st = ST_OK;

    do {
        int64_t since_ms;

        if (!goes_on(x)) {
            x->is_over = false;
            return ST_OK;
        }
        locks_take(x, &since_ms);
        st = tail_find(x, &tail, err);
        fruitless = tail.blocks < before.blocks || tail.count < before.count ? 0 : fruitless + 1;
        if (st == ST_OK && tail.table != NULL && fruitless < FRUITLESS_MAX)
            st = piece_run(x, tail.table, err);
        locks_give(x, since_ms);
        before = tail;
    } while (st == ST_OK && tail.is_long && fruitless < FRUITLESS_MAX);
    return st;
}

/* ---- all of it ---- */

static uint64_t
file_bytes(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static enum status
look(struct work *x, struct err *err)
{
    struct workspace_room *r = &x->w->room;
    uint64_t removed = atomic_load(&x->w->removed_rows);
    enum status st = workspace_connect(x->w, &x->c, err);

    x->is_over = true;
    for (size_t i = 0; i < x->w->stored_count && st == ST_OK; i++)
        st = holes_close(x, &x->w->stored[i], err);
    if (st == ST_OK)
        st = tail_cut(x, err);
    duckdb_disconnect(&x->c);
    if (st != ST_OK || x->is_over) {
        r->removed = removed;
        r->rest_until_ms = clock_monotonic_ms() + REST_MS;
    } else {
        r->rest_until_ms = 0;
    }
    return st;
}

enum status
workspace_compact_idle(struct workspace *w, const struct workspace_compaction *how,
                       struct workspace_compacted *out, struct err *err)
{
    struct workspace_compaction whole = *how;
    struct work x = {.w = w, .how = &whole, .out = out};
    enum status st = ST_OK;
    struct err why;

    *out = (struct workspace_compacted){.before = file_bytes(w->path)};
    out->after = out->before;
    if (whole.least == 0)
        whole.least = LEAST;
    if (whole.busy_rows == 0)
        whole.busy_rows = BUSY_ROWS;
    if (w->is_read_only || out->before == 0)
        return ST_OK;
    pthread_mutex_lock(&w->room.lock); /* one at a time */
    if (is_due(w, &whole))
        st = look(&x, &why);
    pthread_mutex_unlock(&w->room.lock);
    free(x.groups);
    out->is_over = st == ST_OK && x.is_over;
    out->after = file_bytes(w->path);
    return st == ST_OK ? ST_OK : err_set(err, st, "%.100s: %.200s", w->path, why.text);
}
