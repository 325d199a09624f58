/* collection_store.c - the table of data collection rules. */
#include "control/collection_store.h"
#include "control/store_inner.h"

typedef bool (*collection_fn)(void *app, const struct store_collection *x);

static bool
collection_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_collection a = {
        .subscription = store_column(x, 0),
        .group = store_column(x, 1),
        .id = store_column(x, 2),
        .immutable = store_column(x, 3),
        .json = store_column_span(x, 4),
        .created = sqlite3_column_int64(x, 5),
        .modified = sqlite3_column_int64(x, 6),
    };

    return (*(collection_fn *)visit)(app, &a);
}

/* Under the lock; ST_OK also where there is none, unless 'wants_one'. */
static enum status
look(struct store *s, const char *subscription, const char *group, const char *id,
     collection_fn visit, void *app, bool wants_one, struct err *err)
{
    static const char what[] = "find a collection rule";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err,
        "SELECT * FROM collection_rules WHERE subscription = ? AND resource_group = ? AND id = ?",
        "ttt", subscription, group, id);

    return st != ST_OK ? st : store_each(s, x, what, collection_row, &visit, app, wants_one, err);
}

struct precondition {
    struct span json;
    bool is_there, holds;
};

static bool
precondition_visit(void *app, const struct store_collection *x)
{
    struct precondition *p = app;

    p->is_there = true;
    p->holds = p->json.p != NULL && span_equal(x->json, p->json);
    return false;
}

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
store_collection_put(struct store *s, const struct store_collection *x, struct span only_if,
                     uint64_t count_max, struct err *err)
{
    static const char what[] = "keep a collection rule";
    struct precondition p = {.json = only_if};
    int64_t groups = 0, count = 0;
    bool is_limit = false;
    sqlite3_stmt *stmt;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, x->subscription, x->group, x->id, precondition_visit, &p, false, err);
    if (st == ST_OK && (only_if.p == NULL ? p.is_there : !p.holds))
        st = err_set(err, ST_INVALID, "the rule was changed meanwhile");
    if (st == ST_OK)
        st = count_rows(s, "SELECT count(*) FROM resource_groups WHERE subscription = ? AND id = ?",
                        x->subscription, x->group, &groups, err);
    if (st == ST_OK && groups == 0)
        st = err_set(err, ST_END, "there is no resource group '%.90s'", x->group);
    if (st == ST_OK && !p.is_there)
        st = count_rows(s, "SELECT count(*) FROM collection_rules WHERE subscription = ?",
                        x->subscription, NULL, &count, err);
    if (st == ST_OK && !p.is_there && (uint64_t)count >= count_max) {
        is_limit = true;
        st = err_set(err, ST_FULL,
                     "the subscription has %lld data collection rules, as many as it may have",
                     (long long)count);
    }
    if (st == ST_OK)
        st = store_prepare(s, &stmt, what, err,
                           "INSERT INTO collection_rules VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT"
                           " (subscription, resource_group, id) DO UPDATE SET"
                           " json = excluded.json, modified = excluded.modified",
                           "ttttsii", x->subscription, x->group, x->id, x->immutable, x->json,
                           x->created, x->modified);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, true);
}

enum status
store_collection_find(struct store *s, const char *subscription, const char *group, const char *id,
                      bool (*visit)(void *app, const struct store_collection *x), void *app,
                      struct err *err)
{
    enum status st;

    store_enter(s);
    st = look(s, subscription, group, id, visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
store_collection_named(struct store *s, const char *immutable,
                       bool (*visit)(void *app, const struct store_collection *x), void *app,
                       struct err *err)
{
    static const char what[] = "find a collection rule";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "SELECT * FROM collection_rules WHERE immutable = ?", "t",
                       immutable);
    if (st == ST_OK)
        st = store_each(s, x, what, collection_row, &visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
store_collections(struct store *s, const char *subscription, const char *group,
                  const char *after_group, const char *after_id,
                  bool (*visit)(void *app, const struct store_collection *x), void *app,
                  struct err *err)
{
    static const char what[] = "list the collection rules";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT * FROM collection_rules WHERE subscription = ?1"
                       " AND (?2 = '' OR resource_group = ?2) AND (resource_group, id) > (?3, ?4)"
                       " ORDER BY resource_group, id",
                       "tttt", subscription, group == NULL ? "" : group, after_group, after_id);
    if (st == ST_OK)
        st = store_each(s, x, what, collection_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_collection_delete(struct store *s, const char *subscription, const char *group,
                        const char *id, struct span only_if, struct err *err)
{
    static const char what[] = "delete a collection rule";
    struct precondition p = {.json = only_if};
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, subscription, group, id, precondition_visit, &p, false, err);
    if (st == ST_OK && !p.is_there)
        st = err_set(err, ST_END, "it is not there");
    if (st == ST_OK && only_if.p != NULL && !p.holds)
        st = err_set(err, ST_INVALID, "the rule was changed meanwhile");
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err,
                           "DELETE FROM collection_rules WHERE subscription = ? AND"
                           " resource_group = ? AND id = ?",
                           "ttt", subscription, group, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, true);
}
