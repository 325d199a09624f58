/* detection_store.c - the tables of detections. */
#include "control/detection_store.h"
#include "control/store_inner.h"

typedef bool (*detection_fn)(void *app, const struct store_detection *x);
typedef bool (*run_fn)(void *app, const struct store_detection_run *x);
typedef bool (*outbox_fn)(void *app, const struct store_detection_outbox *x);

/* One integer of the first row, with up to three values bound; 'absent' where there is no row. */
static enum status
look_up(struct store *s, int64_t *out, int64_t absent, struct err *err, sqlite3_stmt *x,
        const char *what)
{
    int step = sqlite3_step(x);

    *out = absent;
    if (step == SQLITE_ROW)
        *out = sqlite3_column_int64(x, 0);
    enum status st = step == SQLITE_ROW || step == SQLITE_DONE ? ST_OK : store_failed(s, what, err);

    sqlite3_finalize(x);
    return st;
}

/* ---- rules ---- */

static bool
detection_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_detection d = {
        .id = sqlite3_column_int64(x, 0),
        .tenant = store_column(x, 1),
        .name = store_column(x, 2),
        .json = store_column_span(x, 3),
        .is_enabled = sqlite3_column_int(x, 4) != 0,
        .created = sqlite3_column_int64(x, 5),
        .modified = sqlite3_column_int64(x, 6),
        .query_modified = sqlite3_column_int64(x, 7),
        .created_by = store_column(x, 8),
        .modified_by = store_column(x, 9),
        .detector = store_column(x, 10),
        .position = (uint64_t)sqlite3_column_int64(x, 11),
        .ran = sqlite3_column_int64(x, 12),
        .tried = sqlite3_column_int64(x, 13),
        .since = sqlite3_column_int64(x, 14),
    };

    return (*(detection_fn *)visit)(app, &d);
}

/* Under the lock: whether another rule of the tenant has the name. */
static enum status
name_is_taken(struct store *s, const struct store_detection *x, bool *is_taken, struct err *err)
{
    static const char what[] = "find a detection rule";
    sqlite3_stmt *stmt;
    int64_t id;
    enum status st = store_prepare(
        s, &stmt, what, err, "SELECT id FROM detections WHERE tenant = ? AND name = ? AND id != ?",
        "tti", x->tenant, x->name, x->id);

    if (st == ST_OK)
        st = look_up(s, &id, 0, err, stmt, what);
    *is_taken = st == ST_OK && id != 0;
    return st;
}

enum status
store_detection_add(struct store *s, struct store_detection *x, uint64_t count_max, struct err *err)
{
    static const char what[] = "keep a detection rule";
    bool is_limit = false, is_taken = false;
    int64_t count = 0;
    sqlite3_stmt *stmt;
    enum status st;

    x->id = 0;
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = name_is_taken(s, x, &is_taken, err);
    if (st == ST_OK && is_taken)
        st = err_set(err, ST_INVALID, "there is a detection rule '%.200s' already", x->name);
    if (st == ST_OK)
        st = store_prepare(s, &stmt, what, err, "SELECT count(*) FROM detections WHERE tenant = ?",
                           "t", x->tenant);
    if (st == ST_OK)
        st = look_up(s, &count, 0, err, stmt, what);
    if (st == ST_OK && (uint64_t)count >= count_max) {
        is_limit = true;
        st = err_set(err, ST_FULL, "there are %lld detection rules, as many as a tenant may have",
                     (long long)count);
    }
    if (st == ST_OK)
        st =
            store_prepare(s, &stmt, what, err,
                          "INSERT INTO detections VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                          " ?, ?)",
                          "ttsiiiitttiiii", x->tenant, x->name, x->json, (int64_t)x->is_enabled,
                          x->created, x->modified, x->query_modified, x->created_by, x->modified_by,
                          x->detector, (int64_t)x->position, x->ran, x->tried, x->since);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    if (st == ST_OK)
        x->id = sqlite3_last_insert_rowid(s->db);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, true);
}

struct precondition {
    struct span only_if;
    bool is_there, holds;
};

static bool
precondition_visit(void *app, const struct store_detection *x)
{
    struct precondition *p = app;

    p->is_there = true;
    p->holds = p->only_if.p == NULL || span_equal(p->only_if, x->json);
    return false;
}

/* Under the lock. */
static enum status
each(struct store *s, const char *tenant, int64_t id, detection_fn visit, void *app,
     struct err *err)
{
    static const char what[] = "list the detection rules";
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, what, err,
                                   "SELECT * FROM detections WHERE (?1 IS NULL OR tenant = ?1)"
                                   " AND (?2 = 0 OR id = ?2) ORDER BY id",
                                   "ti", tenant, id);

    return st != ST_OK ? st : store_each(s, x, what, detection_row, &visit, app, id != 0, err);
}

enum status
store_detection_set(struct store *s, const struct store_detection *x, struct span only_if,
                    bool moves, struct err *err)
{
    static const char what[] = "keep a detection rule";
    struct precondition p = {.only_if = only_if};
    bool is_taken = false;
    sqlite3_stmt *stmt;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = each(s, x->tenant, x->id, precondition_visit, &p, err);
    if (st == ST_OK && !p.holds)
        st = err_set(err, ST_INVALID, "%s", "");
    if (st == ST_OK)
        st = name_is_taken(s, x, &is_taken, err);
    if (st == ST_OK && is_taken)
        st = err_set(err, ST_INVALID, "there is a detection rule '%.200s' already", x->name);
    if (st == ST_OK)
        st = store_prepare(s, &stmt, what, err,
                           "UPDATE detections SET name = ?2, json = ?3, is_enabled = ?4, modified ="
                           " ?5, query_modified = ?6, modified_by = ?7, position = CASE ?8 WHEN 1"
                           " THEN ?9 ELSE position END, ran = CASE ?8 WHEN 1 THEN ?10 ELSE ran END,"
                           " since = CASE ?8 WHEN 1 THEN ?11 ELSE since END WHERE id = ?1",
                           "itsiiitiiii", x->id, x->name, x->json, (int64_t)x->is_enabled,
                           x->modified, x->query_modified, x->modified_by, (int64_t)moves,
                           (int64_t)x->position, x->ran, x->since);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st == ST_FULL ? ST_IO : st, true);
}

static enum status
delete_from(struct store *s, const char *sql, int64_t id, struct err *err)
{
    static const char what[] = "delete a detection rule";
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, what, err, sql, "i", id);

    return st == ST_OK ? store_finish(s, x, what, err) : st;
}

enum status
store_detection_delete(struct store *s, const char *tenant, int64_t id, struct err *err)
{
    static const char what[] = "delete a detection rule";
    struct precondition p = {.is_there = false};
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = each(s, tenant, id, precondition_visit, &p, err);
    if (st == ST_OK)
        st = delete_from(s, "DELETE FROM detections WHERE id = ?", id, err);
    if (st == ST_OK)
        st = delete_from(s, "DELETE FROM detection_runs WHERE rule = ?", id, err);
    if (st == ST_OK)
        st = delete_from(s, "DELETE FROM detection_alerts WHERE rule = ?", id, err);
    return store_leave(s, store_conclude(s, st, what, err), true);
}

enum status
store_detections(struct store *s, const char *tenant, int64_t id,
                 bool (*visit)(void *app, const struct store_detection *x), void *app,
                 struct err *err)
{
    store_enter(s);
    enum status st = each(s, tenant, id, visit, app, err);

    if (st == ST_END)
        (void)err_set(err, ST_END, "there is no detection rule %lld", (long long)id);
    return store_leave(s, st, false);
}

/* ---- runs ---- */

static bool
run_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_detection_run r = {
        .id = sqlite3_column_int64(x, 0),
        .rule = sqlite3_column_int64(x, 1),
        .started = sqlite3_column_int64(x, 2),
        .ended = sqlite3_column_int64(x, 3),
        .outcome = (enum detection_outcome)sqlite3_column_int(x, 4),
        .trigger = store_column(x, 5),
        .error = store_column(x, 6),
        .code = store_column(x, 7),
        .from = (uint64_t)sqlite3_column_int64(x, 8),
        .to = (uint64_t)sqlite3_column_int64(x, 9),
        .rows = (uint64_t)sqlite3_column_int64(x, 10),
        .alerts = (uint64_t)sqlite3_column_int64(x, 11),
        .merged = (uint64_t)sqlite3_column_int64(x, 12),
        .dropped = (uint64_t)sqlite3_column_int64(x, 13),
    };

    return (*(run_fn *)visit)(app, &r);
}

enum status
store_detection_runs(struct store *s, int64_t rule, size_t count,
                     bool (*visit)(void *app, const struct store_detection_run *x), void *app,
                     struct err *err)
{
    static const char what[] = "list a rule's runs";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT * FROM detection_runs WHERE rule = ? ORDER BY id DESC LIMIT ?", "ii",
                       rule, (int64_t)count);
    if (st == ST_OK)
        st = store_each(s, x, what, run_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

static enum status
run_put(struct store *s, struct store_detection_run *r, size_t runs_max, struct err *err)
{
    static const char what[] = "keep a rule's run";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err,
        "INSERT INTO detection_runs VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET ended = excluded.ended, outcome = excluded.outcome, error ="
        " excluded.error, code = excluded.code, upto = excluded.upto, rows = excluded.rows, alerts"
        " = excluded.alerts, merged = excluded.merged, dropped = excluded.dropped",
        "iiiiitttiiiiii", r->id, r->rule, r->started, r->ended, (int64_t)r->outcome, r->trigger,
        r->error, r->code, (int64_t)r->from, (int64_t)r->to, (int64_t)r->rows, (int64_t)r->alerts,
        (int64_t)r->merged, (int64_t)r->dropped);

    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    if (st != ST_OK || r->id != 0)
        return st;
    r->id = sqlite3_last_insert_rowid(s->db);
    st = store_prepare(s, &x, what, err,
                       "DELETE FROM detection_runs WHERE rule = ?1 AND id <= (SELECT id FROM"
                       " detection_runs WHERE rule = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                       "ii", r->rule, (int64_t)runs_max);
    return st == ST_OK ? store_finish(s, x, what, err) : st;
}

/* ---- a commit ---- */

static enum status
key_put(struct store *s, int64_t rule, const uint8_t *key, int64_t time, struct err *err)
{
    static const char what[] = "keep an alert's key";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err,
        "INSERT INTO detection_alerts VALUES (?, ?, ?) ON CONFLICT DO"
        " UPDATE SET time = excluded.time",
        "ibi", rule, (struct span){(const char *)key, STORE_DETECTION_KEY_SIZE}, time);

    return st == ST_OK ? store_finish(s, x, what, err) : st;
}

static enum status
step_put(struct store *s, struct store_detection_step *step, struct err *err)
{
    static const char what[] = "keep a rule's state";
    sqlite3_stmt *x;
    int64_t id = 0;
    enum status st = store_prepare(s, &x, what, err, "SELECT id FROM detections WHERE id = ?", "i",
                                   step->run.rule);

    if (st == ST_OK)
        st = look_up(s, &id, 0, err, x, what);
    if (st != ST_OK || id == 0)
        return st;
    st = store_prepare(s, &x, what, err,
                       "UPDATE detections SET position = CASE ?2 WHEN 1 THEN ?3 ELSE position END,"
                       " ran = CASE ?4 WHEN 0 THEN ran ELSE ?4 END,"
                       " tried = CASE ?5 WHEN 0 THEN tried ELSE ?5 END WHERE id = ?1",
                       "iiiii", step->run.rule, (int64_t)step->moves, (int64_t)step->position,
                       step->ran, step->tried);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    if (st == ST_OK)
        st = run_put(s, &step->run, step->runs_max, err);
    for (size_t i = 0; i < step->key_count && st == ST_OK; i++)
        st = key_put(s, step->run.rule, step->keys[i], step->key_time, err);
    return st;
}

static enum status
outbox_put(struct store *s, const struct store_detection_outbox *o, struct err *err)
{
    static const char what[] = "keep alerts until they are in the journal";
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, what, err, "INSERT INTO detection_outbox VALUES (NULL, ?, ?, ?, ?, ?)",
                      "ttbbi", o->tenant, o->batch, o->envelopes, o->alerts, (int64_t)o->place);

    return st == ST_OK ? store_finish(s, x, what, err) : st;
}

enum status
store_detection_commit(struct store *s, struct store_detection_step *steps, size_t count,
                       const struct store_detection_outbox *out, size_t out_count, uint64_t cursor,
                       struct err *err)
{
    static const char what[] = "keep what detections found";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    for (size_t i = 0; i < count && st == ST_OK; i++)
        st = step_put(s, &steps[i], err);
    for (size_t i = 0; i < out_count && st == ST_OK; i++)
        st = outbox_put(s, &out[i], err);
    if (st == ST_OK && cursor != UINT64_MAX) {
        st = store_prepare(s, &x, what, err,
                           "INSERT INTO detection_cursor VALUES (0, ?) ON CONFLICT DO UPDATE SET"
                           " position = excluded.position",
                           "i", (int64_t)cursor);
        if (st == ST_OK)
            st = store_finish(s, x, what, err);
    }
    return store_leave(s, store_conclude(s, st, what, err), false);
}

enum status
store_detection_seen(struct store *s, int64_t rule, const uint8_t key[STORE_DETECTION_KEY_SIZE],
                     int64_t *when, struct err *err)
{
    static const char what[] = "find an alert's key";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT time FROM detection_alerts WHERE rule = ? AND key = ?", "ib", rule,
                       (struct span){(const char *)key, STORE_DETECTION_KEY_SIZE});
    if (st == ST_OK)
        st = look_up(s, when, 0, err, x, what);
    return store_leave(s, st, false);
}

enum status
store_detection_forget(struct store *s, int64_t rule, int64_t time, struct err *err)
{
    static const char what[] = "forget old alerts' keys";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "DELETE FROM detection_alerts WHERE rule = ? AND time < ?",
                       "ii", rule, time);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    return store_leave(s, st, false);
}

enum status
store_detection_cursor(struct store *s, uint64_t *cursor, struct err *err)
{
    static const char what[] = "find where detections stand";
    sqlite3_stmt *x;
    int64_t position = -1;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "SELECT position FROM detection_cursor", "");
    if (st == ST_OK)
        st = look_up(s, &position, -1, err, x, what);
    *cursor = (uint64_t)position;
    return store_leave(s, st == ST_OK && position < 0 ? ST_END : st, false);
}

enum status
store_detection_clamp(struct store *s, uint64_t end, uint64_t *moved, struct err *err)
{
    static const char *const updates[] = {
        "UPDATE detections SET position = ?1 WHERE position > ?1",
        "UPDATE detection_cursor SET position = ?1 WHERE position > ?1",
    };
    static const char what[] = "bring detections to the journal's end";
    sqlite3_stmt *x;
    enum status st = ST_OK;

    *moved = 0;
    store_enter(s);
    for (size_t i = 0; i < COUNT_OF(updates) && st == ST_OK; i++) {
        st = store_prepare(s, &x, what, err, updates[i], "i", (int64_t)end);
        if (st == ST_OK)
            st = store_finish(s, x, what, err);
        if (st == ST_OK)
            *moved += (uint64_t)sqlite3_changes64(s->db);
    }
    return store_leave(s, st, false);
}

/* ---- the outbox ---- */

static bool
outbox_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_detection_outbox o = {
        .id = sqlite3_column_int64(x, 0),
        .tenant = store_column(x, 1),
        .batch = store_column(x, 2),
        .envelopes = store_column_span(x, 3),
        .alerts = store_column_span(x, 4),
        .place = (uint64_t)sqlite3_column_int64(x, 5),
    };

    return (*(outbox_fn *)visit)(app, &o);
}

enum status
store_detection_outbox_first(struct store *s,
                             bool (*visit)(void *app, const struct store_detection_outbox *x),
                             void *app, struct err *err)
{
    static const char what[] = "find alerts that wait";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "SELECT * FROM detection_outbox ORDER BY id LIMIT 1", "");
    if (st == ST_OK)
        st = store_each(s, x, what, outbox_row, &visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
store_detection_outbox_drop(struct store *s, int64_t id, struct err *err)
{
    static const char what[] = "drop alerts that arrived";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "DELETE FROM detection_outbox WHERE id = ?", "i", id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    return store_leave(s, st, false);
}
