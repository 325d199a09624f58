/* automation_store.c - the table of automations. */
#include "control/automation_store.h"
#include "control/store_inner.h"

typedef bool (*automation_fn)(void *app, const struct store_automation *x);

static bool
automation_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_automation a = {
        .subscription = store_column(x, 0),
        .group = store_column(x, 1),
        .id = store_column(x, 2),
        .json = store_column_span(x, 3),
        .private = store_column_span(x, 4),
        .created = sqlite3_column_int64(x, 5),
        .modified = sqlite3_column_int64(x, 6),
    };

    return (*(automation_fn *)visit)(app, &a);
}

/* Under the lock; ST_OK also where there is none. */
static enum status
look(struct store *s, const char *subscription, const char *group, const char *id,
     automation_fn visit, void *app, bool wants_one, struct err *err)
{
    static const char what[] = "find an automation";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err,
        "SELECT * FROM automations WHERE subscription = ? AND resource_group = ? AND id = ?", "ttt",
        subscription, group, id);

    return st != ST_OK ? st : store_each(s, x, what, automation_row, &visit, app, wants_one, err);
}

struct precondition {
    const struct store_automation *only_if;
    bool is_there, holds;
};

static bool
precondition_visit(void *app, const struct store_automation *x)
{
    struct precondition *p = app;

    p->is_there = true;
    p->holds = p->only_if != NULL && span_equal(x->json, p->only_if->json) &&
               span_equal(x->private, p->only_if->private);
    return false;
}

/* Under the lock: number of rows; false: *st says why not. */
static enum status
count_rows(struct store *s, const char *sql, const char *subscription, const char *group,
           int64_t *count, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, "count", err, sql, group == NULL ? "t" : "tt", subscription, group);

    if (st != ST_OK)
        return st;
    if (sqlite3_step(x) == SQLITE_ROW)
        *count = sqlite3_column_int64(x, 0);
    else
        st = store_failed(s, "count", err);
    sqlite3_finalize(x);
    return st;
}

enum status
store_automation_put(struct store *s, const struct store_automation *x,
                     const struct store_automation *only_if, uint64_t count_max, struct err *err)
{
    static const char what[] = "keep an automation";
    struct precondition p = {.only_if = only_if};
    int64_t groups = 0, count = 0;
    bool is_limit = false; /* else it is the disk that is full */
    sqlite3_stmt *stmt;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, x->subscription, x->group, x->id, precondition_visit, &p, false, err);
    if (st == ST_OK && (only_if == NULL ? p.is_there : !p.holds))
        st = err_set(err, ST_INVALID, "the automation was changed meanwhile");
    if (st == ST_OK)
        st = count_rows(s, "SELECT count(*) FROM resource_groups WHERE subscription = ? AND id = ?",
                        x->subscription, x->group, &groups, err);
    if (st == ST_OK && groups == 0)
        st = err_set(err, ST_END, "there is no resource group '%.90s'", x->group);
    if (st == ST_OK && !p.is_there)
        st = count_rows(s, "SELECT count(*) FROM automations WHERE subscription = ?",
                        x->subscription, NULL, &count, err);
    if (st == ST_OK && !p.is_there && (uint64_t)count >= count_max) {
        is_limit = true;
        st = err_set(err, ST_FULL,
                     "the subscription has %lld automations, as many as it may have "
                     "(limits.automations)",
                     (long long)count);
    }
    if (st == ST_OK)
        st = store_prepare(s, &stmt, what, err,
                           "INSERT INTO automations VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO"
                           " UPDATE SET json = excluded.json, private = excluded.private,"
                           " modified = excluded.modified",
                           "tttssii", x->subscription, x->group, x->id, x->json, x->private,
                           x->created, x->modified);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, true);
}

enum status
store_automation_find(struct store *s, const char *subscription, const char *group, const char *id,
                      bool (*visit)(void *app, const struct store_automation *x), void *app,
                      struct err *err)
{
    enum status st;

    store_enter(s);
    st = look(s, subscription, group, id, visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
store_automations(struct store *s, const char *subscription, const char *group,
                  const char *after_group, const char *after_id,
                  bool (*visit)(void *app, const struct store_automation *x), void *app,
                  struct err *err)
{
    static const char what[] = "list the automations";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT * FROM automations WHERE (?1 = '' OR subscription = ?1)"
                       " AND (?2 = '' OR resource_group = ?2) AND (resource_group, id) > (?3, ?4)"
                       " ORDER BY subscription, resource_group, id",
                       "tttt", subscription == NULL ? "" : subscription, group == NULL ? "" : group,
                       after_group, after_id);
    if (st == ST_OK)
        st = store_each(s, x, what, automation_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_automation_delete(struct store *s, const char *subscription, const char *group,
                        const char *id, const struct store_automation *only_if, struct err *err)
{
    static const char what[] = "delete an automation";
    struct precondition p = {.only_if = only_if};
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, subscription, group, id, precondition_visit, &p, false, err);
    if (st == ST_OK && !p.is_there)
        st = err_set(err, ST_END, "it is not there");
    if (st == ST_OK && only_if != NULL && !p.holds)
        st = err_set(err, ST_INVALID, "the automation was changed meanwhile");
    if (st == ST_OK)
        st = store_prepare(
            s, &x, what, err,
            "DELETE FROM automations WHERE subscription = ? AND resource_group = ? AND id = ?",
            "ttt", subscription, group, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, true);
}

enum status
store_token_standing(struct store *s, const char *token_id, bool *is_good, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    *is_good = false;
    store_enter(s);
    st = store_prepare(s, &x, "find a token", err,
                       "SELECT k.revoked = 0 AND (k.tenant = '*' OR coalesce(t.is_active, 0))"
                       " FROM tokens k LEFT JOIN tenants t ON t.id = k.tenant WHERE k.id = ?",
                       "t", token_id);
    if (st == ST_OK) {
        int step = sqlite3_step(x);

        if (step == SQLITE_ROW)
            *is_good = sqlite3_column_int(x, 0) != 0;
        else
            st = step == SQLITE_DONE ? ST_END : store_failed(s, "find a token", err);
        sqlite3_finalize(x);
    }
    return store_leave(s, st, false);
}
