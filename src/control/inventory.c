/* inventory.c - the tables of subscriptions and resource groups. */
#include "control/inventory.h"
#include "control/store_inner.h"

const char *
subscription_origin_name(enum subscription_origin origin)
{
    static const char *const names[] = {"default", "configured", "registered"};

    return names[origin];
}

void
inventory_fold(const char *text, char *out, size_t room)
{
    size_t n = 0;

    for (; text[n] != '\0' && n + 1 < room; n++)
        out[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] + 32) : text[n];
    out[n] = '\0';
}

bool
location_equal(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == ' ')
            a++;
        while (*b == ' ')
            b++;
        char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
        char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;

        if (x != y)
            return false;
        if (x == '\0')
            return true;
    }
}

/* ---- subscriptions ---- */

typedef bool (*subscription_fn)(void *app, const struct subscription *x);
typedef bool (*group_fn)(void *app, const struct resource_group *x);

#define SUBSCRIPTION_COLUMNS                                                                       \
    "SELECT s.id, s.tenant, s.name, s.origin, s.created, coalesce(t.is_active, 0)"                 \
    " FROM subscriptions s LEFT JOIN tenants t ON t.id = s.tenant"

static bool
subscription_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct subscription s = {
        .id = store_column(x, 0),
        .tenant = store_column(x, 1),
        .name = store_column(x, 2),
        .origin = (enum subscription_origin)sqlite3_column_int(x, 3),
        .created = sqlite3_column_int64(x, 4),
        .is_active = sqlite3_column_int(x, 5) != 0,
    };

    if (s.origin > SUBSCRIPTION_REGISTERED)
        s.origin = SUBSCRIPTION_REGISTERED;
    return (*(subscription_fn *)visit)(app, &s);
}

struct known {
    char tenant[40];
    bool is_there, is_active;
    enum subscription_origin origin;
};

static bool
subscription_note(void *app, const struct subscription *x)
{
    struct known *k = app;

    k->is_there = true;
    k->is_active = x->is_active;
    k->origin = x->origin;
    snprintf(k->tenant, sizeof k->tenant, "%s", x->tenant);
    return false;
}

/* Under the lock. ST_OK also where there is none. */
static enum status
subscription_look(struct store *s, const char *id, struct known *k, struct err *err)
{
    static const char what[] = "find a subscription";
    subscription_fn visit = subscription_note;
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, what, err, SUBSCRIPTION_COLUMNS " WHERE s.id = ?", "t", id);

    *k = (struct known){.origin = SUBSCRIPTION_REGISTERED};
    return st != ST_OK ? st : store_each(s, x, what, subscription_row, &visit, k, false, err);
}

/* Under the lock: ST_FULL if the count that 'sql' tells has reached the limit. */
static enum status
room_check(struct store *s, const char *sql, const char *key, int64_t count_max, const char *what,
           struct err *err)
{
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, "count", err, sql, "t", key);

    if (st != ST_OK)
        return st;
    if (sqlite3_step(x) != SQLITE_ROW)
        st = store_failed(s, "count", err);
    else if (sqlite3_column_int64(x, 0) >= count_max)
        st = err_set(err, ST_FULL, "there are %lld %s, as many as there may be",
                     (long long)count_max, what);
    sqlite3_finalize(x);
    return st;
}

enum status
subscription_set(struct store *s, const struct subscription *x, bool *is_new, struct err *err)
{
    static const char what[] = "keep a subscription";
    char id[40];
    struct known k;
    bool is_limit = false; /* else it is the disk that is full */
    sqlite3_stmt *stmt;
    enum status st;

    inventory_fold(x->id, id, sizeof id);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = subscription_look(s, id, &k, err);
    if (st == ST_OK && k.is_there && strcmp(k.tenant, x->tenant) != 0)
        st = err_set(err, ST_INVALID, "the subscription %s belongs to another tenant", id);
    if (st == ST_OK && !k.is_there) {
        st = room_check(s, "SELECT count(*) FROM subscriptions WHERE tenant = ?", x->tenant,
                        INVENTORY_SUBSCRIPTIONS_MAX, "subscriptions of the tenant", err);
        is_limit = st == ST_FULL;
    }
    if (st == ST_OK)
        st = store_prepare(
            s, &stmt, what, err,
            "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " name = excluded.name, origin = min(origin, excluded.origin)",
            "tttii", id, x->tenant, x->name, (int64_t)x->origin, x->created);
    if (st == ST_OK)
        st = store_finish(s, stmt, what, err);
    st = store_conclude(s, st, what, err);
    if (is_new != NULL && st == ST_OK)
        *is_new = !k.is_there;
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, true);
}

enum status
subscription_owner(struct store *s, const char *id, char tenant[40], bool *is_active,
                   struct err *err)
{
    char folded[40];
    struct known k;
    enum status st;

    tenant[0] = '\0';
    inventory_fold(id, folded, sizeof folded);
    store_enter(s);
    st = subscription_look(s, folded, &k, err);
    if (st == ST_OK && !k.is_there)
        st = err_set(err, ST_END, "there is no subscription %s", folded);
    if (st == ST_OK)
        snprintf(tenant, 40, "%s", k.tenant);
    *is_active = k.is_active;
    return store_leave(s, st, false);
}

enum status
subscription_tenant(struct store *s, const char *id, char tenant[40], struct err *err)
{
    bool is_active;
    enum status st = subscription_owner(s, id, tenant, &is_active, err);

    if (st == ST_OK && !is_active) {
        tenant[0] = '\0';
        st = err_set(err, ST_END, "there is no subscription %.36s", id);
    }
    return st;
}

enum status
subscriptions(struct store *s, const char *tenant, bool all,
              bool (*visit)(void *app, const struct subscription *x), void *app, struct err *err)
{
    static const char what[] = "list the subscriptions";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       SUBSCRIPTION_COLUMNS " WHERE (?1 = '' OR s.tenant = ?1)"
                                            " AND (?2 OR t.is_active) ORDER BY s.id",
                       "ti", tenant == NULL ? "" : tenant, (int64_t)all);
    if (st == ST_OK)
        st = store_each(s, x, what, subscription_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

/* Under the lock: one statement about the subscription. */
static enum status
run_by(struct store *s, const char *sql, const char *what, const char *subscription,
       const char *group, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, what, err, sql, group == NULL ? "t" : "tt", subscription, group);

    return st == ST_OK ? store_finish(s, x, what, err) : st;
}

enum status
subscription_remove(struct store *s, const char *tenant, const char *id, struct err *err)
{
    static const char what[] = "remove a subscription";
    struct err why = {""};
    char folded[40];
    struct known k;
    enum status st;

    inventory_fold(id, folded, sizeof folded);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = subscription_look(s, folded, &k, err);
    if (st == ST_OK && (!k.is_there || (tenant != NULL && strcmp(k.tenant, tenant) != 0)))
        st = err_set(err, ST_END, "there is no subscription %s", folded);
    if (st == ST_OK && k.origin != SUBSCRIPTION_REGISTERED)
        st = err_set(err, ST_INVALID, "the subscription %s is %s", folded,
                     k.origin == SUBSCRIPTION_DEFAULT ? "the tenant's own: it stays"
                                                      : "named by the configuration: it stays");
    if (st == ST_OK) {
        st = room_check(s, "SELECT count(*) FROM automations WHERE subscription = ?", folded, 1,
                        "automations", &why);
        if (st == ST_FULL)
            st = err_set(err, ST_INVALID, "the subscription %s still has automations", folded);
        else if (st != ST_OK)
            *err = why;
    }
    if (st == ST_OK)
        st = run_by(s, "DELETE FROM resource_groups WHERE subscription = ?", what, folded, NULL,
                    err);
    if (st == ST_OK)
        st = run_by(s, "DELETE FROM subscriptions WHERE id = ?", what, folded, NULL, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, true);
}

enum status
subscription_release(struct store *s, const char *id, struct err *err)
{
    enum status st;

    store_enter(s);
    st = run_by(s, "UPDATE subscriptions SET origin = 2 WHERE id = ? AND origin = 1",
                "release a subscription", id, NULL, err);
    return store_leave(s, st, true);
}

/* ---- resource groups ---- */

bool
resource_group_name_is(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > INVENTORY_GROUP_NAME_MAX || name[n - 1] == '.')
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.()") == n;
}

static bool
group_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct resource_group g = {
        .subscription = store_column(x, 0),
        .name = store_column(x, 2),
        .location = store_column(x, 3),
        .tags = store_column_span(x, 4),
        .created = sqlite3_column_int64(x, 5),
        .modified = sqlite3_column_int64(x, 6),
    };

    return (*(group_fn *)visit)(app, &g);
}

struct known_group {
    bool is_there;
    char location[INVENTORY_NAME_MAX + 1];
};

static bool
group_note(void *app, const struct resource_group *x)
{
    struct known_group *k = app;

    k->is_there = true;
    snprintf(k->location, sizeof k->location, "%s", x->location);
    return false;
}

/* Under the lock; 'id' lower case. ST_OK also where there is none. */
static enum status
group_look(struct store *s, const char *subscription, const char *id, group_fn visit, void *app,
           bool wants_one, struct err *err)
{
    static const char what[] = "find a resource group";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err, "SELECT * FROM resource_groups WHERE subscription = ? AND id = ?", "tt",
        subscription, id);

    return st != ST_OK ? st : store_each(s, x, what, group_row, &visit, app, wants_one, err);
}

static enum status
group_write(struct store *s, const struct resource_group *x, const char *id, struct err *err)
{
    static const char what[] = "keep a resource group";
    sqlite3_stmt *stmt;
    enum status st = store_prepare(
        s, &stmt, what, err,
        "INSERT INTO resource_groups VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name ="
        " excluded.name, location = excluded.location, tags = excluded.tags,"
        " modified = excluded.modified",
        "ttttsii", x->subscription, id, x->name, x->location, x->tags, x->created, x->modified);

    return st == ST_OK ? store_finish(s, stmt, what, err) : st;
}

enum status
resource_group_put(struct store *s, const struct resource_group *x, bool *is_new, struct err *err)
{
    static const char what[] = "keep a resource group";
    char id[INVENTORY_GROUP_NAME_MAX + 1];
    struct known_group k = {0};
    bool is_limit = false; /* else it is the disk that is full */
    enum status st;

    inventory_fold(x->name, id, sizeof id);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = group_look(s, x->subscription, id, group_note, &k, false, err);
    if (st == ST_OK && k.is_there && k.location[0] != '\0' &&
        !location_equal(k.location, x->location))
        st = err_set(err, ST_INVALID, "the resource group is in %.100s; its location cannot change",
                     k.location);
    if (st == ST_OK && !k.is_there) {
        st = room_check(s, "SELECT count(*) FROM resource_groups WHERE subscription = ?",
                        x->subscription, INVENTORY_GROUPS_MAX, "resource groups", err);
        is_limit = st == ST_FULL;
    }
    if (st == ST_OK)
        st = group_write(s, x, id, err);
    st = store_conclude(s, st, what, err);
    if (is_new != NULL && st == ST_OK)
        *is_new = !k.is_there;
    return store_leave(s, st == ST_FULL && !is_limit ? ST_IO : st, false);
}

enum status
resource_group_seen(struct store *s, const char *subscription, struct span name, int64_t now,
                    struct err *err)
{
    static const char what[] = "keep a resource group";
    char text[INVENTORY_GROUP_NAME_MAX + 1], id[INVENTORY_GROUP_NAME_MAX + 1];
    struct resource_group made = {.subscription = subscription,
                                  .name = text,
                                  .location = "",
                                  .tags = SPAN_LITERAL("{}"),
                                  .created = now,
                                  .modified = now};
    struct known_group k = {0};
    enum status st;

    if (name.n > INVENTORY_GROUP_NAME_MAX)
        return err_set(err, ST_INVALID, "the resource group's name has more than %d characters",
                       INVENTORY_GROUP_NAME_MAX);
    snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
    if (strlen(text) != name.n || !resource_group_name_is(text))
        return err_set(err, ST_INVALID,
                       "'%s' is no name of a resource group: letters, digits, - _ . ( )", text);
    inventory_fold(text, id, sizeof id);
    store_enter(s);
    st = group_look(s, subscription, id, group_note, &k, false, err);
    if (st != ST_OK || k.is_there)
        return store_leave(s, st, false);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = group_look(s, subscription, id, group_note, &k, false, err);
    if (st == ST_OK && !k.is_there)
        st = room_check(s, "SELECT count(*) FROM resource_groups WHERE subscription = ?",
                        subscription, INVENTORY_GROUPS_MAX, "resource groups", err);
    if (st == ST_OK && !k.is_there)
        st = group_write(s, &made, id, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, false);
}

static bool
group_skip(void *app, const struct resource_group *x)
{
    (void)app;
    (void)x;
    return false;
}

enum status
resource_group_find(struct store *s, const char *subscription, const char *name,
                    bool (*visit)(void *app, const struct resource_group *x), void *app,
                    struct err *err)
{
    char id[INVENTORY_GROUP_NAME_MAX + 2];
    enum status st;

    inventory_fold(name, id, sizeof id);
    store_enter(s);
    st = group_look(s, subscription, id, visit == NULL ? group_skip : visit, app, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no resource group '%.90s'", name);
    return store_leave(s, st, false);
}

enum status
resource_groups(struct store *s, const char *subscription, const char *after,
                bool (*visit)(void *app, const struct resource_group *x), void *app,
                struct err *err)
{
    static const char what[] = "list the resource groups";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st =
        store_prepare(s, &x, what, err,
                      "SELECT * FROM resource_groups WHERE subscription = ? AND id > ? ORDER BY id",
                      "tt", subscription, after);
    if (st == ST_OK)
        st = store_each(s, x, what, group_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
resource_group_delete(struct store *s, const char *subscription, const char *name,
                      uint64_t *automations, struct err *err)
{
    static const char what[] = "delete a resource group";
    char id[INVENTORY_GROUP_NAME_MAX + 2];
    enum status st;

    *automations = 0;
    inventory_fold(name, id, sizeof id);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = run_by(s, "DELETE FROM automations WHERE subscription = ? AND resource_group = ?",
                    what, subscription, id, err);
    if (st == ST_OK)
        *automations = (uint64_t)sqlite3_changes(s->db);
    if (st == ST_OK)
        st = run_by(s, "DELETE FROM resource_groups WHERE subscription = ? AND id = ?", what,
                    subscription, id, err);
    if (st == ST_OK && sqlite3_changes(s->db) == 0)
        st = err_set(err, ST_END, "there is no resource group '%.90s'", name);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, true);
}
