/* store.c - the file of the store, and the tables of store.h; inventory.c and automation_store.c have
 * theirs. Statements are prepared for each call: nothing here is on the data path.
 *
 * Parked rows are counted by triggers in the transaction that adds or drops them, so that the limit
 * holds whoever writes, and asking for it costs one row. */
#include "control/store_inner.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x70737431, /* "pst1" */
    BUSY_MS = 10000,
    PARKED_OVERHEAD = 512, /* bytes counted for each entry besides its own */
    VALUE_SIZE_MAX = 65536,
};
#define PARKED_SIZE_MAX_DEFAULT (UINT64_C(1) << 30)

/* migrations[n] brings version n to n + 1. Never change one that was released: add the next. */
static const char *const migrations[] = {
    "CREATE TABLE tenants (id TEXT PRIMARY KEY, name TEXT NOT NULL, is_active INTEGER NOT NULL,"
    "  is_configured INTEGER NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL,"
    "  roles INTEGER NOT NULL, hash BLOB NOT NULL, created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL, revoked INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE settings (tenant TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL,"
    "  secret BLOB NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    "  PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE device_groups (tenant TEXT PRIMARY KEY, json TEXT NOT NULL,"
    "  modified INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE parked (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL,"
    "  owner TEXT NOT NULL, category TEXT NOT NULL, position INTEGER NOT NULL,"
    "  row INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,"
    "  time INTEGER NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX parked_owner ON parked (tenant, owner, id);"
    "CREATE TABLE parked_total (entries INTEGER NOT NULL, rows INTEGER NOT NULL,"
    "  size INTEGER NOT NULL) STRICT;"
    "INSERT INTO parked_total VALUES (0, 0, 0);"
    "CREATE TRIGGER parked_added AFTER INSERT ON parked BEGIN UPDATE parked_total SET"
    "  entries = entries + 1, rows = rows + new.count, size = size + new.size; END;"
    "CREATE TRIGGER parked_dropped AFTER DELETE ON parked BEGIN UPDATE parked_total SET"
    "  entries = entries - 1, rows = rows - old.count, size = size - old.size; END;"
    "CREATE TABLE cursors (tenant TEXT NOT NULL, hub TEXT NOT NULL, consumer_group TEXT NOT NULL,"
    "  position INTEGER NOT NULL, row INTEGER NOT NULL, modified INTEGER NOT NULL,"
    "  PRIMARY KEY (tenant, hub, consumer_group)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"values\" (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    /* subscriptions and resource groups (inventory.c), automations (automation_store.c) */
    "CREATE TABLE subscriptions (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL,"
    "  origin INTEGER NOT NULL, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX subscriptions_tenant ON subscriptions (tenant, id);"
    "CREATE TABLE resource_groups (subscription TEXT NOT NULL, id TEXT NOT NULL,"
    "  name TEXT NOT NULL, location TEXT NOT NULL, tags TEXT NOT NULL, created INTEGER NOT NULL,"
    "  modified INTEGER NOT NULL, PRIMARY KEY (subscription, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE automations (subscription TEXT NOT NULL, resource_group TEXT NOT NULL,"
    "  id TEXT NOT NULL, json TEXT NOT NULL, private TEXT NOT NULL, created INTEGER NOT NULL,"
    "  modified INTEGER NOT NULL, PRIMARY KEY (subscription, resource_group, id))"
    "  STRICT, WITHOUT ROWID;",
    /* management groups (management_groups.c): a subscription without a row is the root's */
    "CREATE TABLE management_groups (tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
    "  display TEXT NOT NULL, parent TEXT NOT NULL, created INTEGER NOT NULL,"
    "  modified INTEGER NOT NULL, PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX management_groups_parent ON management_groups (tenant, parent);"
    "CREATE TABLE management_group_members (subscription TEXT PRIMARY KEY, tenant TEXT NOT NULL,"
    "  parent TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX management_group_members_parent ON management_group_members (tenant, parent);"
    "CREATE TRIGGER subscription_gone AFTER DELETE ON subscriptions BEGIN"
    "  DELETE FROM management_group_members WHERE subscription = old.id; END;",
    /* saved queries and functions (saved_store.c) */
    "CREATE TABLE saved_queries (tenant TEXT NOT NULL, workspace TEXT NOT NULL,"
    "  name TEXT NOT NULL COLLATE NOCASE, is_function INTEGER NOT NULL, text TEXT NOT NULL,"
    "  parameters TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL,"
    "  created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    "  PRIMARY KEY (tenant, workspace, name)) STRICT, WITHOUT ROWID;",
    /* data collection rules (collection_store.c): they go with their resource group */
    "CREATE TABLE collection_rules (subscription TEXT NOT NULL, resource_group TEXT NOT NULL,"
    "  id TEXT NOT NULL, immutable TEXT NOT NULL UNIQUE, json TEXT NOT NULL,"
    "  created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    "  PRIMARY KEY (subscription, resource_group, id)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER resource_group_gone AFTER DELETE ON resource_groups BEGIN"
    "  DELETE FROM collection_rules WHERE subscription = old.subscription"
    "  AND resource_group = old.id; END;",
    /* detections (detection_store.c) */
    "CREATE TABLE detections (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL,"
    "  name TEXT NOT NULL COLLATE NOCASE, json TEXT NOT NULL, is_enabled INTEGER NOT NULL,"
    "  created INTEGER NOT NULL, modified INTEGER NOT NULL, query_modified INTEGER NOT NULL,"
    "  created_by TEXT NOT NULL, modified_by TEXT NOT NULL, detector TEXT NOT NULL,"
    "  position INTEGER NOT NULL, ran INTEGER NOT NULL, tried INTEGER NOT NULL,"
    "  since INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX detections_name ON detections (tenant, name);"
    "CREATE TABLE detection_runs (id INTEGER PRIMARY KEY AUTOINCREMENT, rule INTEGER NOT NULL,"
    "  started INTEGER NOT NULL, ended INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    "  origin TEXT NOT NULL, error TEXT NOT NULL, code TEXT NOT NULL, since INTEGER NOT NULL,"
    "  upto INTEGER NOT NULL, rows INTEGER NOT NULL, alerts INTEGER NOT NULL,"
    "  merged INTEGER NOT NULL, dropped INTEGER NOT NULL) STRICT;"
    "CREATE INDEX detection_runs_rule ON detection_runs (rule, id);"
    "CREATE TABLE detection_alerts (rule INTEGER NOT NULL, key BLOB NOT NULL,"
    "  time INTEGER NOT NULL, PRIMARY KEY (rule, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE detection_cursor (id INTEGER PRIMARY KEY, position INTEGER NOT NULL) STRICT;"
    "CREATE TABLE detection_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL,"
    "  batch TEXT NOT NULL, envelopes BLOB NOT NULL, alerts BLOB NOT NULL,"
    "  place INTEGER NOT NULL) STRICT;",
};

enum status
store_failed(struct store *s, const char *what, struct err *err)
{
    int code = sqlite3_errcode(s->db) & 0xff;
    enum status st = ST_IO;

    if (code == SQLITE_FULL || code == SQLITE_TOOBIG)
        st = ST_FULL;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(err, ST_IO, "%s: cannot %s: another process keeps it locked", s->path, what);
    return err_set(err, st, "%s: cannot %s: %s", s->path, what, sqlite3_errmsg(s->db));
}

enum status
store_prepare(struct store *s, sqlite3_stmt **out, const char *what, struct err *err,
              const char *sql, const char *types, ...)
{
    va_list args;
    int bound = SQLITE_OK;

    *out = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, out, NULL) != SQLITE_OK)
        return store_failed(s, what, err);
    va_start(args, types);
    for (int i = 0; types[i] != '\0' && bound == SQLITE_OK; i++) {
        if (types[i] == 't') {
            bound = sqlite3_bind_text(*out, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else if (types[i] == 'i') {
            bound = sqlite3_bind_int64(*out, i + 1, va_arg(args, int64_t));
        } else {
            struct span b = va_arg(args, struct span);
            const char *p = b.n > 0 ? b.p : "";

            bound = types[i] == 'b'
                        ? sqlite3_bind_blob64(*out, i + 1, p, b.n, SQLITE_STATIC)
                        : sqlite3_bind_text64(*out, i + 1, p, b.n, SQLITE_STATIC, SQLITE_UTF8);
        }
    }
    va_end(args);
    if (bound != SQLITE_OK) {
        enum status st = store_failed(s, what, err);

        sqlite3_finalize(*out);
        *out = NULL;
        return st;
    }
    return ST_OK;
}

enum status
store_finish(struct store *s, sqlite3_stmt *x, const char *what, struct err *err)
{
    enum status st = ST_OK;

    while (st == ST_OK) {
        int step = sqlite3_step(x);

        if (step == SQLITE_DONE)
            break;
        if (step != SQLITE_ROW)
            st = store_failed(s, what, err);
    }
    sqlite3_finalize(x);
    return st;
}

enum status
store_execute(struct store *s, const char *sql, const char *what, struct err *err)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(s, what, err);
    return ST_OK;
}

enum status
store_conclude(struct store *s, enum status st, const char *what, struct err *err)
{
    if (st == ST_OK)
        st = store_execute(s, "COMMIT", what, err);
    if (st != ST_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

void
store_enter(struct store *s)
{
    pthread_mutex_lock(&s->lock);
}

enum status
store_leave(struct store *s, enum status st, bool has_changed)
{
    if (has_changed && st == ST_OK)
        s->own_changes++;
    pthread_mutex_unlock(&s->lock);
    return st;
}

const char *
store_column(sqlite3_stmt *x, int i)
{
    const char *text = (const char *)sqlite3_column_text(x, i);

    return text != NULL ? text : "";
}

struct span
store_column_span(sqlite3_stmt *x, int i)
{
    const char *p = sqlite3_column_blob(x, i);

    return (struct span){p != NULL ? p : "", (size_t)sqlite3_column_bytes(x, i)};
}

enum status
store_integer(struct store *s, const char *sql, const char *what, int64_t *value, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, what, err, sql, "");
    int step;

    if (st != ST_OK)
        return st;
    step = sqlite3_step(x);
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(x, 0);
    else
        st = store_failed(s, what, err);
    sqlite3_finalize(x);
    return st;
}

static enum status
migrate(struct store *s, struct err *err)
{
    int64_t version = 0, application = 0, tables = 0;
    char sql[80];
    enum status st = store_execute(s, "BEGIN IMMEDIATE", "open it", err);

    if (st != ST_OK)
        return st;
    if ((st = store_integer(s, "PRAGMA user_version", "read its version", &version, err)) !=
            ST_OK ||
        (st = store_integer(s, "PRAGMA application_id", "read its kind", &application, err)) !=
            ST_OK ||
        (st = store_integer(s, "SELECT count(*) FROM sqlite_schema", "read it", &tables, err)) !=
            ST_OK)
        return store_conclude(s, st, "open it", err);
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        st = err_set(err, ST_INVALID, "%s is a database, but not one of penstock", s->path);
    else if (version > (int64_t)COUNT_OF(migrations))
        st = err_set(err, ST_INVALID,
                     "%s was made by a newer penstock (version %lld of its layout; this program "
                     "knows %zu): run that one, or restore a copy",
                     s->path, (long long)version, COUNT_OF(migrations));
    for (; st == ST_OK && version < (int64_t)COUNT_OF(migrations); version++)
        st = store_execute(s, migrations[version], "bring it forward", err);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %zu", COUNT_OF(migrations));
    if (st == ST_OK)
        st = store_execute(s, sql, "bring it forward", err);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION_ID);
    if (st == ST_OK)
        st = store_execute(s, sql, "bring it forward", err);
    return store_conclude(s, st, "bring it forward", err);
}

enum status
store_open(const char *path, struct store **store, struct err *err)
{
    struct store *s = calloc(1, sizeof *s);
    enum status st;
    int fd;

    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for the store");
    pthread_mutex_init(&s->lock, NULL);
    s->parked_size_max = PARKED_SIZE_MAX_DEFAULT;
    snprintf(s->path, sizeof s->path, "%s", path);
    /* SQLite would make it with the umask's mode; its -wal and -shm follow the file's. */
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        st = err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
        goto fail;
    }
    close(fd);
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        st = store_failed(s, "open it", err);
        goto fail;
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    st = store_execute(s,
                       "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                       "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;",
                       "open it", err);
    if (st == ST_OK)
        st = migrate(s, err);
    if (st != ST_OK)
        goto fail;
    *store = s;
    return ST_OK;

fail:
    store_close(s);
    return st;
}

void
store_close(struct store *s)
{
    if (s == NULL)
        return;
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

uint64_t
store_changed(struct store *s)
{
    int64_t version = 0;
    struct err ignored;

    store_enter(s);
    if (store_integer(s, "PRAGMA data_version", "see whether it changed", &version, &ignored) !=
        ST_OK)
        s->own_changes++; /* better one look too many */
    uint64_t changed = (uint64_t)s->own_changes << 32 | (uint32_t)version;

    (void)store_leave(s, ST_OK, false);
    return changed;
}

enum status
store_tenant_set(struct store *s, const struct store_tenant *t, bool *is_new, struct err *err)
{
    static const char what[] = "keep a tenant";
    sqlite3_stmt *x;
    enum status st;
    int before = 0;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err, "SELECT 1 FROM tenants WHERE id = ?", "t", t->id);
    if (st == ST_OK) {
        before = sqlite3_step(x);
        sqlite3_finalize(x);
        st = store_prepare(
            s, &x, what, err,
            "INSERT INTO tenants VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name ="
            " excluded.name, is_active = excluded.is_active, is_configured ="
            " excluded.is_configured",
            "ttiii", t->id, t->name, (int64_t)t->is_active, (int64_t)t->is_configured, t->created);
    }
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    if (is_new != NULL)
        *is_new = before == SQLITE_DONE;
    return store_leave(s, st, true);
}

enum status
store_each(struct store *s, sqlite3_stmt *x, const char *what,
           bool (*row)(sqlite3_stmt *x, void *visit, void *app), void *visit, void *app,
           bool wants_one, struct err *err)
{
    enum status st = ST_OK;
    bool was_there = false;

    for (;;) {
        int step = sqlite3_step(x);

        if (step == SQLITE_ROW) {
            was_there = true;
            if (row(x, visit, app))
                continue;
        } else if (step != SQLITE_DONE) {
            st = store_failed(s, what, err);
        }
        break;
    }
    sqlite3_finalize(x);
    if (st == ST_OK && wants_one && !was_there)
        return err_set(err, ST_END, "it is not there");
    return st;
}

/* Function pointers travel through void * by address, as ISO C wants it. */
typedef bool (*tenant_fn)(void *app, const struct store_tenant *t);
typedef bool (*token_fn)(void *app, const struct store_token *t);
typedef bool (*setting_fn)(void *app, const struct store_setting *x);
typedef bool (*parked_fn)(void *app, const struct store_parked *row);
typedef bool (*cursor_fn)(void *app, const struct store_cursor *c);

static bool
tenant_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_tenant t = {.id = store_column(x, 0),
                             .name = store_column(x, 1),
                             .is_active = sqlite3_column_int(x, 2) != 0,
                             .is_configured = sqlite3_column_int(x, 3) != 0,
                             .created = sqlite3_column_int64(x, 4)};

    return (*(tenant_fn *)visit)(app, &t);
}

enum status
store_tenants(struct store *s, bool (*visit)(void *app, const struct store_tenant *t), void *app,
              struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "list the tenants", err, "SELECT * FROM tenants ORDER BY id", "");
    if (st == ST_OK)
        st = store_each(s, x, "list the tenants", tenant_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

static bool
tenant_seen(void *app, const struct store_tenant *t)
{
    *(bool *)app = t->is_active;
    return false;
}

enum status
store_tenant_find(struct store *s, const char *id, bool *is_active, struct err *err)
{
    tenant_fn visit = tenant_seen;
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "find a tenant", err, "SELECT * FROM tenants WHERE id = ?", "t", id);
    if (st == ST_OK)
        st = store_each(s, x, "find a tenant", tenant_row, &visit, is_active, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no tenant %.64s", id);
    return store_leave(s, st, false);
}

enum status
store_token_add(struct store *s, const struct store_token *t, struct err *err)
{
    static const char what[] = "keep a token";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err, "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                       "tttibiii", t->id, t->tenant, t->name, (int64_t)t->roles,
                       (struct span){(const char *)t->hash, sizeof t->hash}, t->created, t->expires,
                       t->revoked);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    return store_leave(s, st, true);
}

static bool
token_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_token t = {.id = store_column(x, 0),
                            .tenant = store_column(x, 1),
                            .name = store_column(x, 2),
                            .roles = (unsigned)sqlite3_column_int64(x, 3),
                            .created = sqlite3_column_int64(x, 5),
                            .expires = sqlite3_column_int64(x, 6),
                            .revoked = sqlite3_column_int64(x, 7)};
    struct span hash = store_column_span(x, 4);

    if (hash.n != sizeof t.hash)
        return true; /* not made by us: it can match nothing */
    memcpy(t.hash, hash.p, sizeof t.hash);
    return (*(token_fn *)visit)(app, &t);
}

enum status
store_tokens(struct store *s, bool (*visit)(void *app, const struct store_token *t), void *app,
             struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "list the tokens", err, "SELECT * FROM tokens ORDER BY id", "");
    if (st == ST_OK)
        st = store_each(s, x, "list the tokens", token_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_token_revoke(struct store *s, const char *id, int64_t now, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "revoke a token", err,
                       "UPDATE tokens SET revoked = CASE revoked WHEN 0 THEN ? ELSE revoked END"
                       " WHERE id = ?",
                       "it", now, id);
    if (st == ST_OK)
        st = store_finish(s, x, "revoke a token", err);
    if (st == ST_OK && sqlite3_changes(s->db) == 0)
        st = err_set(err, ST_END, "there is no token %.32s", id);
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

/* What stands there now: its json is compared with 'only_if'. */
static enum status
setting_precondition(struct store *s, const char *tenant, const char *id, struct span only_if,
                     bool *is_there, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        store_prepare(s, &x, "find a setting", err,
                      "SELECT json FROM settings WHERE tenant = ? AND id = ?", "tt", tenant, id);
    int step;

    if (st != ST_OK)
        return st;
    step = sqlite3_step(x);
    *is_there = step == SQLITE_ROW;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        st = store_failed(s, "find a setting", err);
    else if (only_if.p != NULL && (!*is_there || !span_equal(store_column_span(x, 0), only_if)))
        st = err_set(err, ST_INVALID, "the setting was changed meanwhile");
    sqlite3_finalize(x);
    return st;
}

static enum status
setting_room(struct store *s, const char *tenant, uint64_t count_max, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, "count the settings", err,
                                   "SELECT count(*) FROM settings WHERE tenant = ?", "t", tenant);

    if (st != ST_OK)
        return st;
    if (sqlite3_step(x) != SQLITE_ROW)
        st = store_failed(s, "count the settings", err);
    else if ((uint64_t)sqlite3_column_int64(x, 0) >= count_max)
        st = err_set(err, ST_FULL, "the tenant has %llu settings, as many as it may have",
                     (unsigned long long)count_max);
    sqlite3_finalize(x);
    return st;
}

enum status
store_setting_put(struct store *s, const struct store_setting *x, struct span only_if,
                  uint64_t count_max, bool *is_new, struct err *err)
{
    static const char what[] = "keep a setting";
    sqlite3_stmt *q;
    bool is_there = false, is_limit = false;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = setting_precondition(s, x->tenant, x->id, only_if, &is_there, err);
    if (st == ST_OK && !is_there && count_max > 0) {
        st = setting_room(s, x->tenant, count_max, err);
        is_limit = st == ST_FULL;
    }
    if (st == ST_OK)
        st =
            store_prepare(s, &q, what, err,
                          "INSERT INTO settings VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                          " json = excluded.json, secret = excluded.secret, modified ="
                          " excluded.modified",
                          "ttsbii", x->tenant, x->id, x->json, x->secret, x->created, x->modified);
    if (st == ST_OK)
        st = store_finish(s, q, what, err);
    st = store_conclude(s, st, what, err);
    if (st == ST_FULL && !is_limit)
        st = ST_IO;
    if (is_new != NULL)
        *is_new = !is_there;
    return store_leave(s, st, true);
}

static bool
setting_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_setting setting = {.tenant = store_column(x, 0),
                                    .id = store_column(x, 1),
                                    .json = store_column_span(x, 2),
                                    .secret = store_column_span(x, 3),
                                    .created = sqlite3_column_int64(x, 4),
                                    .modified = sqlite3_column_int64(x, 5)};

    return (*(setting_fn *)visit)(app, &setting);
}

enum status
store_settings(struct store *s, const char *tenant,
               bool (*visit)(void *app, const struct store_setting *x), void *app, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "list the settings", err,
                       "SELECT * FROM settings WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, id",
                       "t", tenant);
    if (st == ST_OK)
        st = store_each(s, x, "list the settings", setting_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_setting_find(struct store *s, const char *tenant, const char *id,
                   bool (*visit)(void *app, const struct store_setting *x), void *app,
                   struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "find a setting", err,
                       "SELECT * FROM settings WHERE tenant = ? AND id = ?", "tt", tenant, id);
    if (st == ST_OK)
        st = store_each(s, x, "find a setting", setting_row, &visit, app, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no setting '%.128s'", id);
    return store_leave(s, st, false);
}

enum status
store_setting_delete(struct store *s, const char *tenant, const char *id, struct span only_if,
                     struct err *err)
{
    static const char what[] = "delete a setting";
    sqlite3_stmt *x;
    bool is_there = false;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = setting_precondition(s, tenant, id, (struct span){0}, &is_there, err);
    if (st == ST_OK && !is_there)
        st = err_set(err, ST_END, "there is no setting '%.128s'", id);
    if (st == ST_OK && only_if.p != NULL)
        st = setting_precondition(s, tenant, id, only_if, &is_there, err);
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err, "DELETE FROM settings WHERE tenant = ? AND id = ?",
                           "tt", tenant, id);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    return store_leave(s, store_conclude(s, st, what, err), true);
}

enum status
store_groups_set(struct store *s, const char *tenant, struct span json, int64_t now,
                 struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "keep the device groups", err,
                       "INSERT INTO device_groups VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET json ="
                       " excluded.json, modified = excluded.modified",
                       "tsi", tenant, json, now);
    if (st == ST_OK)
        st = store_finish(s, x, "keep the device groups", err);
    return store_leave(s, st, true);
}

/* The first column of the one row, malloc'd. Takes the statement. */
static enum status
text_take(struct store *s, sqlite3_stmt *x, const char *what, char **text, size_t *size,
          struct err *err)
{
    int step = sqlite3_step(x);
    enum status st = ST_OK;

    if (step == SQLITE_DONE) {
        st = err_set(err, ST_END, "it is not there");
    } else if (step != SQLITE_ROW) {
        st = store_failed(s, what, err);
    } else {
        struct span value = store_column_span(x, 0);
        char *copy = malloc(value.n + 1);

        if (copy == NULL) {
            st = err_set(err, ST_FULL, "no memory to %s", what);
        } else {
            memcpy(copy, value.p, value.n);
            copy[value.n] = '\0';
            *text = copy;
            *size = value.n;
        }
    }
    sqlite3_finalize(x);
    return st;
}

enum status
store_groups_get(struct store *s, const char *tenant, char **json, struct err *err)
{
    sqlite3_stmt *x;
    size_t size;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "read the device groups", err,
                       "SELECT json FROM device_groups WHERE tenant = ?", "t", tenant);
    if (st == ST_OK)
        st = text_take(s, x, "read the device groups", json, &size, err);
    return store_leave(s, st, false);
}

void
store_parked_limit(struct store *s, uint64_t size_max)
{
    store_enter(s);
    s->parked_size_max = size_max;
    (void)store_leave(s, ST_OK, false);
}

static uint64_t
parked_size(const struct store_parked *row)
{
    return row->bytes.n + strlen(row->reason) + strlen(row->owner) + strlen(row->category) +
           PARKED_OVERHEAD;
}

static enum status
park_one(struct store *s, struct store_parked *row, struct err *err)
{
    static const char what[] = "park rows";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err,
        "INSERT INTO parked (tenant, owner, category, position, row, count, reason, time,"
        " size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tttiiitiib", row->tenant, row->owner, row->category, (int64_t)row->position,
        (int64_t)row->row, (int64_t)row->count, row->reason, row->time, (int64_t)parked_size(row),
        row->bytes);

    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    if (st == ST_OK)
        row->id = sqlite3_last_insert_rowid(s->db);
    return st;
}

enum status
store_park(struct store *s, struct store_parked *rows, size_t count, struct err *err)
{
    static const char what[] = "park rows";
    int64_t size = 0;
    uint64_t wanted = 0;
    enum status st;

    for (size_t i = 0; i < count; i++)
        wanted += parked_size(&rows[i]);
    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = store_integer(s, "SELECT size FROM parked_total", what, &size, err);
    if (st == ST_OK &&
        (wanted > s->parked_size_max || (uint64_t)size > s->parked_size_max - wanted))
        st = err_set(err, ST_FULL,
                     "parked rows take %lld bytes, and may take %llu (limits.parkedSize): send "
                     "some again or drop them",
                     (long long)size, (unsigned long long)s->parked_size_max);
    for (size_t i = 0; i < count && st == ST_OK; i++)
        st = park_one(s, &rows[i], err);
    return store_leave(s, store_conclude(s, st, what, err), false);
}

static bool
parked_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_parked row = {.id = sqlite3_column_int64(x, 0),
                               .tenant = store_column(x, 1),
                               .owner = store_column(x, 2),
                               .category = store_column(x, 3),
                               .position = (uint64_t)sqlite3_column_int64(x, 4),
                               .row = (uint32_t)sqlite3_column_int64(x, 5),
                               .count = (uint32_t)sqlite3_column_int64(x, 6),
                               .reason = store_column(x, 7),
                               .time = sqlite3_column_int64(x, 8),
                               .bytes_size = (uint64_t)sqlite3_column_int64(x, 9)};

    if (sqlite3_column_count(x) > 10)
        row.bytes = store_column_span(x, 10);
    return (*(parked_fn *)visit)(app, &row);
}

/* ?1 tenant, ?2 owner, ?3 category, ?4 after, ?5 count */
#define PARKED_FILTER                                                                              \
    " FROM parked WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR owner = ?2)"                \
    " AND (?3 IS NULL OR category = ?3) AND id > ?4"
#define PARKED_COLUMNS                                                                             \
    "SELECT id, tenant, owner, category, position, row, count, reason, time, length(bytes)"

static int64_t
limit_of(uint64_t count_max)
{
    return count_max == 0 || count_max > INT64_MAX ? INT64_MAX : (int64_t)count_max;
}

enum status
store_parked_list(struct store *s, const struct store_parked_filter *f,
                  bool (*visit)(void *app, const struct store_parked *row), void *app,
                  struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "list parked rows", err,
                       PARKED_COLUMNS PARKED_FILTER " ORDER BY id LIMIT ?5", "tttii", f->tenant,
                       f->owner, f->category, f->after, limit_of(f->count_max));
    if (st == ST_OK)
        st = store_each(s, x, "list parked rows", parked_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_parked_show(struct store *s, const char *tenant, int64_t id,
                  bool (*visit)(void *app, const struct store_parked *row), void *app,
                  struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "show parked rows", err,
                       PARKED_COLUMNS ", bytes FROM parked WHERE tenant = ? AND id = ?", "ti",
                       tenant, id);
    if (st == ST_OK)
        st = store_each(s, x, "show parked rows", parked_row, &visit, app, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "nothing is parked under %lld", (long long)id);
    return store_leave(s, st, false);
}

enum status
store_parked_drop(struct store *s, int64_t id, const struct store_parked_filter *f,
                  uint64_t *dropped, struct err *err)
{
    static const char what[] = "drop parked rows";
    sqlite3_stmt *x;
    enum status st;

    *dropped = 0;
    if (f->tenant == NULL)
        return err_set(err, ST_INVALID, "to drop parked rows, name their tenant");
    store_enter(s);
    if (id != 0)
        st = store_prepare(s, &x, what, err, "DELETE FROM parked WHERE tenant = ? AND id = ?", "ti",
                           f->tenant, id);
    else
        st = store_prepare(
            s, &x, what, err,
            "DELETE FROM parked WHERE id IN (SELECT id" PARKED_FILTER " ORDER BY id LIMIT ?5)",
            "tttii", f->tenant, f->owner, f->category, f->after, limit_of(f->count_max));
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    if (st == ST_OK)
        *dropped = (uint64_t)sqlite3_changes64(s->db);
    if (st == ST_OK && id != 0 && *dropped == 0)
        st = err_set(err, ST_END, "nothing is parked under %lld", (long long)id);
    if (st == ST_OK) /* gives pages back to the disk; no harm if it cannot now */
        sqlite3_exec(s->db, "PRAGMA incremental_vacuum(10000)", NULL, NULL, NULL);
    return store_leave(s, st, false);
}

enum status
store_parked_count(struct store *s, const char *tenant, const char *owner,
                   struct store_parked_totals *totals, struct err *err)
{
    static const char what[] = "count parked rows";
    bool is_all = tenant == NULL && owner == NULL;
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = is_all
             ? store_prepare(s, &x, what, err, "SELECT entries, rows, size FROM parked_total", "")
             : store_prepare(s, &x, what, err,
                             "SELECT count(*), total(count), total(size) FROM parked WHERE"
                             " (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR owner = ?2)",
                             "tt", tenant, owner);
    if (st == ST_OK) {
        if (sqlite3_step(x) != SQLITE_ROW)
            st = store_failed(s, what, err);
        else
            *totals =
                (struct store_parked_totals){.entries = (uint64_t)sqlite3_column_int64(x, 0),
                                             .rows = (uint64_t)sqlite3_column_int64(x, 1),
                                             .size_bytes = (uint64_t)sqlite3_column_int64(x, 2),
                                             .size_max = s->parked_size_max};
        sqlite3_finalize(x);
    }
    return store_leave(s, st, false);
}

enum status
store_cursor_set(struct store *s, const struct store_cursor *c, struct err *err)
{
    static const char what[] = "keep a cursor";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st =
        store_prepare(s, &x, what, err,
                      "INSERT INTO cursors SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE"
                      " (SELECT count(*) FROM cursors) < ?7 OR EXISTS (SELECT 1 FROM cursors WHERE"
                      " tenant = ?1 AND hub = ?2 AND consumer_group = ?3)"
                      " ON CONFLICT DO UPDATE SET position = excluded.position, row = excluded.row,"
                      " modified = excluded.modified",
                      "tttiiii", c->tenant, c->hub, c->group, (int64_t)c->position, (int64_t)c->row,
                      c->modified, (int64_t)STORE_CURSORS_MAX);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    if (st == ST_OK && sqlite3_changes(s->db) == 0)
        st = err_set(err, ST_FULL,
                     "there are %d consumer groups, as many as there may be: delete "
                     "some",
                     STORE_CURSORS_MAX);
    return store_leave(s, st, false);
}

static bool
cursor_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct store_cursor c = {.tenant = store_column(x, 0),
                             .hub = store_column(x, 1),
                             .group = store_column(x, 2),
                             .position = (uint64_t)sqlite3_column_int64(x, 3),
                             .row = (uint32_t)sqlite3_column_int64(x, 4),
                             .modified = sqlite3_column_int64(x, 5)};

    return (*(cursor_fn *)visit)(app, &c);
}

static bool
cursor_seen(void *app, const struct store_cursor *c)
{
    struct store_cursor *out = app;

    out->position = c->position;
    out->row = c->row;
    return false;
}

enum status
store_cursor_get(struct store *s, const char *tenant, const char *hub, const char *group,
                 uint64_t *position, uint32_t *row, struct err *err)
{
    cursor_fn visit = cursor_seen;
    struct store_cursor found = {0};
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "read a cursor", err,
                       "SELECT * FROM cursors WHERE tenant = ? AND hub = ? AND consumer_group = ?",
                       "ttt", tenant, hub, group);
    if (st == ST_OK)
        st = store_each(s, x, "read a cursor", cursor_row, &visit, &found, true, err);
    if (st == ST_OK) {
        *position = found.position;
        *row = found.row;
    }
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no consumer group '%.100s'", group);
    return store_leave(s, st, false);
}

enum status
store_cursors(struct store *s, const char *tenant,
              bool (*visit)(void *app, const struct store_cursor *c), void *app, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "list the cursors", err,
                       "SELECT * FROM cursors WHERE ?1 IS NULL OR tenant = ?1"
                       " ORDER BY tenant, hub, consumer_group",
                       "t", tenant);
    if (st == ST_OK)
        st = store_each(s, x, "list the cursors", cursor_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
store_cursor_delete(struct store *s, const char *tenant, const char *hub, const char *group,
                    struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "delete a cursor", err,
                       "DELETE FROM cursors WHERE tenant = ? AND hub = ? AND consumer_group = ?",
                       "ttt", tenant, hub, group);
    if (st == ST_OK)
        st = store_finish(s, x, "delete a cursor", err);
    if (st == ST_OK && sqlite3_changes(s->db) == 0)
        st = err_set(err, ST_END, "there is no consumer group '%.100s'", group);
    return store_leave(s, st, false);
}

enum status
store_value_set(struct store *s, const char *name, struct span value, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    if (value.n > VALUE_SIZE_MAX)
        return err_set(err, ST_INVALID, "the value '%.64s' is longer than 65536 bytes", name);
    store_enter(s);
    st = store_prepare(s, &x, "keep a value", err,
                       "INSERT INTO \"values\" VALUES (?, ?) ON CONFLICT DO UPDATE SET value ="
                       " excluded.value",
                       "tb", name, value);
    if (st == ST_OK)
        st = store_finish(s, x, "keep a value", err);
    return store_leave(s, st, false);
}

enum status
store_value_get(struct store *s, const char *name, char **value, size_t *size, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, "read a value", err, "SELECT value FROM \"values\" WHERE name = ?",
                       "t", name);
    if (st == ST_OK)
        st = text_take(s, x, "read a value", value, size, err);
    return store_leave(s, st, false);
}
