/* arm_store.c - the tables of automations and of data collection rules. */
#include "control/arm_store.h"
#include "control/store_inner.h"

enum { SQL_SIZE = 500, WHAT_SIZE = 60 };
#define COLUMNS "subscription, resource_group, id, json, %s, created, modified"
#define ONE " WHERE subscription = ? AND resource_group = ? AND id = ?"

const struct arm_table arm_table_automations = {"automations",   "private",
                                                "an automation", "automation",
                                                "automations",   " (limits.automations)"};
const struct arm_table arm_table_collections = {
    "collection_rules", "immutable", "a collection rule", "rule", "data collection rules", ""};

static bool
stored_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct arm_stored a = {
        .subscription = store_column(x, 0),
        .group = store_column(x, 1),
        .id = store_column(x, 2),
        .json = store_column_span(x, 3),
        .beside = store_column_span(x, 4),
        .created = sqlite3_column_int64(x, 5),
        .modified = sqlite3_column_int64(x, 6),
    };

    return (*(arm_stored_fn *)visit)(app, &a);
}

/* Under the lock; ST_OK also where there is none, unless 'wants_one'. */
static enum status
look(struct store *s, const struct arm_table *table, const char *subscription, const char *group,
     const char *id, arm_stored_fn visit, void *app, bool wants_one, struct err *err)
{
    char sql[SQL_SIZE], what[WHAT_SIZE];
    sqlite3_stmt *x;
    enum status st;

    snprintf(what, sizeof what, "find %s", table->one);
    snprintf(sql, sizeof sql, "SELECT " COLUMNS " FROM %s" ONE, table->beside, table->name);
    st = store_prepare(s, &x, what, err, sql, "ttt", subscription, group, id);
    return st != ST_OK ? st : store_each(s, x, what, stored_row, &visit, app, wants_one, err);
}

struct precondition {
    const struct arm_stored *only_if;
    bool is_there, holds;
};

static bool
precondition_visit(void *app, const struct arm_stored *x)
{
    struct precondition *p = app;
    const struct arm_stored *only_if = p->only_if;

    p->is_there = true;
    p->holds = only_if != NULL && span_equal(x->json, only_if->json) &&
               (only_if->beside.p == NULL || span_equal(x->beside, only_if->beside));
    return false;
}

/* Under the lock. */
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
arm_store_put(struct store *s, const struct arm_table *table, const struct arm_stored *x,
              const struct arm_stored *only_if, uint64_t count_max, struct err *err)
{
    struct precondition p = {.only_if = only_if};
    char sql[SQL_SIZE], what[WHAT_SIZE];
    int64_t groups = 0, count = 0;
    bool is_limit = false; /* else it is the disk that is full */
    sqlite3_stmt *stmt;
    enum status st;

    snprintf(what, sizeof what, "keep %s", table->one);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, table, x->subscription, x->group, x->id, precondition_visit, &p, false, err);
    if (st == ST_OK && (only_if == NULL ? p.is_there : !p.holds))
        st = err_set(err, ST_INVALID, "the %s was changed meanwhile", table->noun);
    if (st == ST_OK)
        st = count_rows(s, "SELECT count(*) FROM resource_groups WHERE subscription = ? AND id = ?",
                        x->subscription, x->group, &groups, err);
    if (st == ST_OK && groups == 0)
        st = err_set(err, ST_END, "there is no resource group '%.90s'", x->group);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE subscription = ?", table->name);
    if (st == ST_OK && !p.is_there)
        st = count_rows(s, sql, x->subscription, NULL, &count, err);
    if (st == ST_OK && !p.is_there && (uint64_t)count >= count_max) {
        is_limit = true;
        st = err_set(err, ST_FULL, "the subscription has %lld %s, as many as it may have%s",
                     (long long)count, table->all, table->limit);
    }
    snprintf(sql, sizeof sql,
             "INSERT INTO %s (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT"
             " (subscription, resource_group, id) DO UPDATE SET json = excluded.json,"
             " %s = excluded.%s, modified = excluded.modified",
             table->name, table->beside, table->beside, table->beside);
    if (st == ST_OK)
        st = store_prepare(s, &stmt, what, err, sql, "tttssii", x->subscription, x->group, x->id,
                           x->json, x->beside, x->created, x->modified);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, true);
}

enum status
arm_store_find(struct store *s, const struct arm_table *table, const char *subscription,
               const char *group, const char *id, arm_stored_fn visit, void *app, struct err *err)
{
    enum status st;

    store_enter(s);
    st = look(s, table, subscription, group, id, visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
arm_store_find_beside(struct store *s, const struct arm_table *table, const char *beside,
                      arm_stored_fn visit, void *app, struct err *err)
{
    char sql[SQL_SIZE], what[WHAT_SIZE];
    sqlite3_stmt *x;
    enum status st;

    snprintf(what, sizeof what, "find %s", table->one);
    snprintf(sql, sizeof sql, "SELECT " COLUMNS " FROM %s WHERE %s = ?", table->beside, table->name,
             table->beside);
    store_enter(s);
    st = store_prepare(s, &x, what, err, sql, "t", beside);
    if (st == ST_OK)
        st = store_each(s, x, what, stored_row, &visit, app, true, err);
    return store_leave(s, st, false);
}

enum status
arm_store_list(struct store *s, const struct arm_table *table, const char *subscription,
               const char *group, const char *after_group, const char *after_id,
               arm_stored_fn visit, void *app, struct err *err)
{
    char sql[SQL_SIZE], what[WHAT_SIZE];
    sqlite3_stmt *x;
    enum status st;

    snprintf(what, sizeof what, "list the %s", table->all);
    snprintf(sql, sizeof sql,
             "SELECT " COLUMNS " FROM %s WHERE (?1 = '' OR subscription = ?1)"
             " AND (?2 = '' OR resource_group = ?2) AND (resource_group, id) > (?3, ?4)"
             " ORDER BY subscription, resource_group, id",
             table->beside, table->name);
    store_enter(s);
    st = store_prepare(s, &x, what, err, sql, "tttt", subscription == NULL ? "" : subscription,
                       group == NULL ? "" : group, after_group, after_id);
    if (st == ST_OK)
        st = store_each(s, x, what, stored_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
arm_store_delete(struct store *s, const struct arm_table *table, const char *subscription,
                 const char *group, const char *id, const struct arm_stored *only_if,
                 struct err *err)
{
    struct precondition p = {.only_if = only_if};
    char sql[SQL_SIZE], what[WHAT_SIZE];
    sqlite3_stmt *x;
    enum status st;

    snprintf(what, sizeof what, "delete %s", table->one);
    snprintf(sql, sizeof sql, "DELETE FROM %s" ONE, table->name);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = look(s, table, subscription, group, id, precondition_visit, &p, false, err);
    if (st == ST_OK && !p.is_there)
        st = err_set(err, ST_END, "it is not there");
    if (st == ST_OK && only_if != NULL && !p.holds)
        st = err_set(err, ST_INVALID, "the %s was changed meanwhile", table->noun);
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err, sql, "ttt", subscription, group, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, true);
}
