/* management_groups.c - the table of management groups and that of the subscriptions in them. The root is
 * a row only once somebody named it; the queries put it where it is missing. */
#include "control/management_groups.h"
#include "control/store_inner.h"

/* ?1 is the tenant: all its groups, the root among them. */
#define ALL_GROUPS                                                                                 \
    "all_groups(id, name, display, parent, created, modified) AS ("                                \
    "SELECT id, name, display, parent, created, modified FROM management_groups WHERE tenant = ?1" \
    " UNION ALL SELECT ?1, ?1, 'Tenant Root Group', '', 0, 0 WHERE NOT EXISTS (SELECT 1 FROM"      \
    " management_groups WHERE tenant = ?1 AND id = ?1))"
#define GROUP_ROWS                                                                                 \
    "WITH " ALL_GROUPS " SELECT g.name, g.display, coalesce(p.name, ''), coalesce(p.display, '')," \
    " g.created, g.modified FROM all_groups g LEFT JOIN all_groups p ON p.id = g.parent"
/* ?2 is a group: it and all below it, with how far below. */
#define BELOW                                                                                      \
    "below(id, n) AS (SELECT ?2, 0 UNION ALL SELECT m.id, n + 1 FROM below JOIN management_groups" \
    " m ON m.tenant = ?1 AND m.parent = below.id)"

bool
management_group_name_is(const char *name)
{
    return resource_group_name_is(name) && strchr("-_.(", name[0]) == NULL && name[0] != ')';
}

static bool
group_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct management_group g = {
        .name = store_column(x, 0),
        .display_name = store_column(x, 1),
        .parent = store_column(x, 2),
        .parent_display_name = store_column(x, 3),
        .created = sqlite3_column_int64(x, 4),
        .modified = sqlite3_column_int64(x, 5),
    };

    return (*(management_group_visit **)visit)(app, &g);
}

/* ---- reading ---- */

static bool
group_skip(void *app, const struct management_group *x)
{
    (void)app;
    (void)x;
    return false;
}

/* A name as it is looked up; one that is too long finds nothing. */
static void
fold(const char *name, char id[MANAGEMENT_GROUP_NAME_MAX + 2])
{
    inventory_fold(name, id, MANAGEMENT_GROUP_NAME_MAX + 2);
}

enum status
management_group_find(struct store *s, const char *tenant, const char *name,
                      management_group_visit *visit, void *app, struct err *err)
{
    static const char what[] = "find a management group";
    management_group_visit *call = visit == NULL ? group_skip : visit;
    char id[MANAGEMENT_GROUP_NAME_MAX + 2];
    sqlite3_stmt *x;
    enum status st;

    fold(name, id);
    store_enter(s);
    st = store_prepare(s, &x, what, err, GROUP_ROWS " WHERE g.id = ?2", "tt", tenant, id);
    if (st == ST_OK)
        st = store_each(s, x, what, group_row, &call, app, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no management group '%.90s'", name);
    return store_leave(s, st, false);
}

enum status
management_groups(struct store *s, const char *tenant, const char *after,
                  management_group_visit *visit, void *app, struct err *err)
{
    static const char what[] = "list the management groups";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, GROUP_ROWS " WHERE g.id > ?2 ORDER BY g.id", "tt", tenant,
                       after);
    if (st == ST_OK)
        st = store_each(s, x, what, group_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
management_group_children(struct store *s, const char *tenant, const char *name,
                          management_group_visit *visit, void *app, struct err *err)
{
    static const char what[] = "list the groups of a management group";
    char id[MANAGEMENT_GROUP_NAME_MAX + 2];
    sqlite3_stmt *x;
    enum status st;

    fold(name, id);
    store_enter(s);
    st = store_prepare(s, &x, what, err, GROUP_ROWS " WHERE g.parent = ?2 ORDER BY g.id", "tt",
                       tenant, id);
    if (st == ST_OK)
        st = store_each(s, x, what, group_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

typedef bool (*subscription_fn)(void *app, const struct subscription *x);

static bool
subscription_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct subscription s = {
        .id = store_column(x, 0),
        .tenant = store_column(x, 1),
        .name = store_column(x, 2),
        .origin = (enum subscription_origin)sqlite3_column_int(x, 3),
        .created = sqlite3_column_int64(x, 4),
        .is_active = true,
    };

    if (s.origin > SUBSCRIPTION_REGISTERED)
        s.origin = SUBSCRIPTION_REGISTERED;
    return (*(subscription_fn *)visit)(app, &s);
}

enum status
management_group_subscriptions(struct store *s, const char *tenant, const char *name, bool below,
                               const char *after,
                               bool (*visit)(void *app, const struct subscription *x), void *app,
                               struct err *err)
{
    static const char what[] = "list the subscriptions of a management group";
    char id[MANAGEMENT_GROUP_NAME_MAX + 2];
    sqlite3_stmt *x;
    enum status st;

    fold(name, id);
    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "WITH RECURSIVE " BELOW " SELECT s.id, s.tenant, s.name, s.origin, s.created"
                       " FROM subscriptions s JOIN tenants t ON t.id = s.tenant AND t.is_active"
                       " LEFT JOIN management_group_members m ON m.subscription = s.id"
                       " WHERE s.tenant = ?1 AND s.id > ?3 AND coalesce(m.parent, ?1) IN"
                       " (SELECT id FROM below WHERE n = 0 OR ?4) ORDER BY s.id",
                       "ttti", tenant, id, after, (int64_t)below);
    if (st == ST_OK)
        st = store_each(s, x, what, subscription_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

/* ---- changing; all of it under the lock ---- */

/* One number about a tenant's group, and of another if that is not NULL. */
static enum status
ask_about(struct store *s, const char *sql, const char *tenant, const char *id, const char *other,
          int64_t *value, struct err *err)
{
    static const char what[] = "look at the management groups";
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, what, err, sql, other == NULL ? "tt" : "ttt", tenant, id, other);

    if (st != ST_OK)
        return st;
    if (sqlite3_step(x) == SQLITE_ROW)
        *value = sqlite3_column_int64(x, 0);
    else
        st = store_failed(s, what, err);
    sqlite3_finalize(x);
    return st;
}

static enum status
ask(struct store *s, const char *sql, const char *tenant, const char *id, int64_t *value,
    struct err *err)
{
    return ask_about(s, sql, tenant, id, NULL, value, err);
}

#define IS_THERE                                                                                   \
    "SELECT ?1 = ?2 OR EXISTS (SELECT 1 FROM management_groups WHERE tenant = ?1 AND id = ?2)"
/* ?2 and what is above it, with the root as the last. */
#define ABOVE                                                                                      \
    "WITH RECURSIVE above(id) AS (SELECT ?2 UNION SELECT m.parent FROM above JOIN"                 \
    " management_groups m ON m.tenant = ?1 AND m.id = above.id WHERE m.parent <> '')"

/* Whether the group 'id' may be below 'parent' with all that is below itself. */
static enum status
place_check(struct store *s, const char *tenant, const char *id, const char *parent,
            struct err *err)
{
    int64_t is_there = 0, level = 0, is_above = 0, height = 0;
    enum status st = ask(s, IS_THERE, tenant, parent, &is_there, err);

    if (st == ST_OK && !is_there)
        return err_set(err, ST_INVALID, "there is no management group '%.90s' to be the parent",
                       parent);
    if (st == ST_OK)
        st = ask(s, ABOVE " SELECT count(*) FROM above", tenant, parent, &level, err);
    if (st == ST_OK)
        st = ask_about(s, ABOVE " SELECT count(*) FROM above WHERE id = ?3", tenant, parent, id,
                       &is_above, err);
    if (st == ST_OK && is_above)
        return err_set(err, ST_INVALID, "the management group would be below itself");
    if (st == ST_OK)
        st = ask(s, "WITH RECURSIVE " BELOW " SELECT max(n) FROM below", tenant, id, &height, err);
    if (st == ST_OK && level + height > MANAGEMENT_GROUP_DEPTH_MAX)
        st = err_set(err, ST_INVALID, "management groups would be %lld levels deep; %d may be",
                     (long long)(level + height), MANAGEMENT_GROUP_DEPTH_MAX);
    return st;
}

static enum status
put(struct store *s, const char *tenant, const char *id, const struct management_group *x,
    bool is_new, struct err *err)
{
    static const char what[] = "keep a management group";
    bool is_root = strcmp(id, tenant) == 0;
    char parent[MANAGEMENT_GROUP_NAME_MAX + 2] = "";
    int64_t count = 0;
    sqlite3_stmt *stmt;
    enum status st = ST_OK;

    if (x->parent != NULL)
        fold(x->parent, parent);
    if (is_root && parent[0] != '\0')
        return err_set(err, ST_INVALID, "the tenant's root group has no parent");
    if (!is_root && is_new && parent[0] == '\0')
        snprintf(parent, sizeof parent, "%s", tenant);
    if (!is_root && is_new)
        st = ask(
            s, "SELECT count(*) FROM management_groups WHERE tenant = ?1 AND id <> ?1 AND ?2 <> ''",
            tenant, id, &count, err);
    if (st == ST_OK && count >= MANAGEMENT_GROUPS_MAX)
        st = err_set(err, ST_FULL, "there are %lld management groups, as many as there may be",
                     (long long)count);
    if (st == ST_OK && parent[0] != '\0')
        st = place_check(s, tenant, id, parent, err);
    if (st == ST_OK)
        st = store_prepare(
            s, &stmt, what, err,
            "INSERT INTO management_groups VALUES (?1, ?2, ?3, CASE WHEN ?4 <> '' THEN ?4 WHEN ?7"
            " THEN 'Tenant Root Group' ELSE ?3 END, ?5, ?6, ?6) ON CONFLICT DO UPDATE SET"
            " display = CASE WHEN ?4 <> '' THEN ?4 ELSE display END,"
            " parent = CASE WHEN ?5 <> '' THEN ?5 ELSE parent END, modified = ?6",
            "tttttii", tenant, id, is_root ? tenant : x->name,
            x->display_name == NULL ? "" : x->display_name, parent, x->modified, (int64_t)is_root);
    return st == ST_OK ? store_finish(s, stmt, what, err) : st;
}

enum status
management_group_put(struct store *s, const char *tenant, const struct management_group *x,
                     bool *is_new, struct err *err)
{
    static const char what[] = "keep a management group";
    char id[MANAGEMENT_GROUP_NAME_MAX + 2];
    int64_t is_there = 0;
    enum status st;

    if (!management_group_name_is(x->name))
        return err_set(err, ST_INVALID, "'%.90s' is no name of a management group", x->name);
    fold(x->name, id);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = ask(s, IS_THERE, tenant, id, &is_there, err);
    if (st == ST_OK)
        st = put(s, tenant, id, x, !is_there, err);
    st = store_conclude(s, st, what, err);
    if (is_new != NULL && st == ST_OK)
        *is_new = !is_there;
    return store_leave(s, st, false);
}

enum status
management_group_delete(struct store *s, const char *tenant, const char *name, struct err *err)
{
    static const char what[] = "delete a management group";
    char id[MANAGEMENT_GROUP_NAME_MAX + 2];
    int64_t is_there = 0, children = 0;
    sqlite3_stmt *x;
    enum status st;

    fold(name, id);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK && strcmp(id, tenant) == 0)
        st = err_set(err, ST_INVALID, "the tenant's root group stays");
    if (st == ST_OK)
        st = ask(s, IS_THERE, tenant, id, &is_there, err);
    if (st == ST_OK && !is_there)
        st = err_set(err, ST_END, "there is no management group '%.90s'", name);
    if (st == ST_OK)
        st = ask(s,
                 "SELECT (SELECT count(*) FROM management_groups WHERE tenant = ?1 AND parent = ?2)"
                 " + (SELECT count(*) FROM management_group_members WHERE tenant = ?1 AND parent ="
                 " ?2)",
                 tenant, id, &children, err);
    if (st == ST_OK && children > 0)
        st = err_set(err, ST_INVALID,
                     "the management group '%.90s' still has %lld groups and subscriptions", name,
                     (long long)children);
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err,
                           "DELETE FROM management_groups WHERE tenant = ? AND id = ?", "tt",
                           tenant, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, false);
}

enum status
management_group_join(struct store *s, const char *tenant, const char *name,
                      const char *subscription, bool *has_group, struct err *err)
{
    static const char what[] = "put a subscription into a management group";
    char id[MANAGEMENT_GROUP_NAME_MAX + 2], folded[40];
    int64_t is_there = 0, is_ours = 0;
    sqlite3_stmt *x;
    enum status st;

    fold(name, id);
    inventory_fold(subscription, folded, sizeof folded);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = ask(s, IS_THERE, tenant, id, &is_there, err);
    *has_group = is_there != 0;
    if (st == ST_OK && !is_there)
        st = err_set(err, ST_END, "there is no management group '%.90s'", name);
    if (st == ST_OK)
        st = ask(s, "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE tenant = ?1 AND id = ?2)",
                 tenant, folded, &is_ours, err);
    if (st == ST_OK && !is_ours)
        st = err_set(err, ST_END, "there is no subscription %s", folded);
    if (st == ST_OK)
        st = strcmp(id, tenant) == 0
                 ? store_prepare(s, &x, what, err,
                                 "DELETE FROM management_group_members WHERE subscription = ?", "t",
                                 folded)
                 : store_prepare(s, &x, what, err,
                                 "INSERT INTO management_group_members VALUES (?, ?, ?)"
                                 " ON CONFLICT DO UPDATE SET parent = excluded.parent",
                                 "ttt", folded, tenant, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, false);
}
