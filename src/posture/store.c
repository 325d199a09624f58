/* store.c - posture.db: its tables, opening, connections and statements.
 *
 * 'hot' is what an unchanged report touches: 16 bytes that name the id, the number of its row and the
 * hash of what was reported. 'resources' holds the rest, and is only read when something changed or
 * somebody asks. One connection writes, under one lock; a few others read what is committed. */
#include "base/clock.h"
#include "posture/posture_inner.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x70737432, /* "pst2" */
    BUSY_MS = 10000,
    CHECKPOINT_PAGES = 8192,  /* 32 MiB of WAL before it is copied back */
    WAL_SIZE_KEPT = 64 << 20, /* bytes; a longer one is cut when it is empty */
};
#define CACHE_SIZE_DEFAULT (UINT64_C(128) << 20)

/* migrations[n] brings version n to n + 1. Never change one that was released: add the next.
 *
 * scopes.subscription is the number of the scope's subscription, its own for a subscription itself, 0
 * for none. resources.id is NULL where it is made of the scope's casing (or the parent's), the kind's
 * type and the name. A dirty subscription waits for its scores. */
static const char *const migrations[] = {
    "CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tenants (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE scopes (number INTEGER PRIMARY KEY, tenant INTEGER NOT NULL,"
    "  folded TEXT NOT NULL, id TEXT NOT NULL, subscription INTEGER NOT NULL,"
    "  UNIQUE (tenant, folded)) STRICT;"
    "CREATE TABLE names (number INTEGER PRIMARY KEY, tenant INTEGER NOT NULL,"
    "  folded TEXT NOT NULL, UNIQUE (tenant, folded)) STRICT;"
    "CREATE TABLE resources (number INTEGER PRIMARY KEY, tenant INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL, scope INTEGER NOT NULL, parent INTEGER NOT NULL,"
    "  definition INTEGER NOT NULL, subscription INTEGER NOT NULL, code INTEGER NOT NULL,"
    "  producer INTEGER NOT NULL, changed INTEGER NOT NULL, name TEXT NOT NULL, id TEXT,"
    "  document BLOB NOT NULL) STRICT;"
    "CREATE INDEX resources_place ON resources (scope, kind, parent, number);"
    "CREATE INDEX resources_state ON resources (definition, subscription, code, scope)"
    "  WHERE kind = 2;"
    "CREATE INDEX resources_of ON resources (subscription, kind, number);"
    "CREATE TABLE hot (key BLOB PRIMARY KEY, number INTEGER NOT NULL, hash INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE counts (tenant INTEGER NOT NULL, kind INTEGER NOT NULL, count INTEGER NOT NULL,"
    "  PRIMARY KEY (tenant, kind)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dirty (subscription INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;"
    "CREATE TABLE snapshots (id TEXT PRIMARY KEY, tenant INTEGER NOT NULL,"
    "  subscription INTEGER NOT NULL, sources INTEGER NOT NULL, after INTEGER NOT NULL,"
    "  made INTEGER NOT NULL, requested INTEGER NOT NULL, ended INTEGER NOT NULL,"
    "  is_scheduled INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE snapshot_slots (subscription INTEGER PRIMARY KEY, slot INTEGER NOT NULL) STRICT;"
    "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL,"
    "  source INTEGER NOT NULL, scope TEXT NOT NULL, document BLOB NOT NULL) STRICT;",
};

static enum status
db_failed(struct posture_db *db, const char *what, struct err *err)
{
    int code = sqlite3_errcode(db->db) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(err, ST_IO, "%s: cannot %s: another process keeps it locked", db->path,
                       what);
    return err_set(err, code == SQLITE_FULL || code == SQLITE_TOOBIG ? ST_FULL : ST_IO,
                   "%s: cannot %s: %s", db->path, what, sqlite3_errmsg(db->db));
}

/* ---- statements ---- */

static enum status
statement(struct posture_db *db, sqlite3_stmt **x, const char *sql, struct err *err)
{
    size_t at = ((uintptr_t)sql >> 3) % POSTURE_STATEMENTS_MAX;

    for (size_t i = 0; i < POSTURE_STATEMENTS_MAX; i++) {
        struct posture_statement *s = &db->statements[(at + i) % POSTURE_STATEMENTS_MAX];

        if (s->sql == sql) {
            *x = s->x;
            return ST_OK;
        }
        if (s->sql != NULL)
            continue;
        if (sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT, x, NULL) != SQLITE_OK)
            return db_failed(db, "prepare a statement", err);
        *s = (struct posture_statement){sql, *x};
        return ST_OK;
    }
    return err_set(err, ST_IO, "more than %d statements", POSTURE_STATEMENTS_MAX);
}

static enum status
bind(struct posture_db *db, sqlite3_stmt *x, const char *types, va_list args, struct err *err)
{
    int bound = SQLITE_OK;

    for (int i = 0; types[i] != '\0' && bound == SQLITE_OK; i++) {
        if (types[i] == 't') {
            bound = sqlite3_bind_text(x, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else if (types[i] == 'i') {
            bound = sqlite3_bind_int64(x, i + 1, va_arg(args, int64_t));
        } else {
            struct span b = va_arg(args, struct span);
            const char *p = b.n > 0 ? b.p : "";

            bound = types[i] == 'b'
                        ? sqlite3_bind_blob64(x, i + 1, p, b.n, SQLITE_STATIC)
                        : sqlite3_bind_text64(x, i + 1, p, b.n, SQLITE_STATIC, SQLITE_UTF8);
        }
    }
    return bound == SQLITE_OK ? ST_OK : db_failed(db, "bind a value", err);
}

enum status
posture_sql(struct posture_db *db, sqlite3_stmt **x, struct err *err, const char *sql,
            const char *types, ...)
{
    va_list args;
    enum status st = statement(db, x, sql, err);

    if (st != ST_OK)
        return st;
    sqlite3_reset(*x);
    va_start(args, types);
    st = bind(db, *x, types, args, err);
    va_end(args);
    return st;
}

enum status
posture_step(struct posture_db *db, sqlite3_stmt *x, struct err *err)
{
    int step = sqlite3_step(x);

    if (step == SQLITE_ROW)
        return ST_OK;
    enum status st = step == SQLITE_DONE ? ST_END : db_failed(db, "run a statement", err);

    sqlite3_reset(x);
    return st;
}

void
posture_sql_end(sqlite3_stmt *x)
{
    sqlite3_reset(x);
}

enum status
posture_run(struct posture_db *db, struct err *err, const char *sql, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *x;
    enum status st = statement(db, &x, sql, err);

    if (st != ST_OK)
        return st;
    sqlite3_reset(x);
    va_start(args, types);
    st = bind(db, x, types, args, err);
    va_end(args);
    while (st == ST_OK)
        st = posture_step(db, x, err);
    return st == ST_END ? ST_OK : st;
}

struct span
posture_column(sqlite3_stmt *x, int i)
{
    const void *p = sqlite3_column_blob(x, i);

    return (struct span){p != NULL ? p : "", (size_t)sqlite3_column_bytes(x, i)};
}

static enum status
execute(struct posture_db *db, const char *sql, const char *what, struct err *err)
{
    if (sqlite3_exec(db->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_failed(db, what, err);
    return ST_OK;
}

/* ---- opening ---- */

static enum status
number_of(struct posture_db *db, const char *sql, const char *what, int64_t *number,
          struct err *err)
{
    sqlite3_stmt *x;
    enum status st = ST_OK;

    *number = 0;
    if (sqlite3_prepare_v2(db->db, sql, -1, &x, NULL) != SQLITE_OK)
        return db_failed(db, what, err);
    if (sqlite3_step(x) == SQLITE_ROW)
        *number = sqlite3_column_int64(x, 0);
    else
        st = db_failed(db, what, err);
    sqlite3_finalize(x);
    return st;
}

static enum status
connect_db(struct posture_db *db, const char *path, uint64_t cache_size, bool is_writer,
           struct err *err)
{
    char sql[400];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    db->path = path;
    if (sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK) {
        enum status st = db->db != NULL ? db_failed(db, "open", err)
                                        : err_set(err, ST_FULL, "no memory for %s", path);

        sqlite3_close(db->db);
        db->db = NULL;
        return st;
    }
    sqlite3_busy_timeout(db->db, BUSY_MS);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    snprintf(sql, sizeof sql,
             "PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
             "PRAGMA cache_size = -%llu; PRAGMA wal_autocheckpoint = %d;"
             "PRAGMA journal_size_limit = %d; PRAGMA temp_store = MEMORY;%s",
             (unsigned long long)(cache_size / 1024), CHECKPOINT_PAGES, WAL_SIZE_KEPT,
             is_writer ? "" : " PRAGMA query_only = ON;");
    return execute(db, sql, "prepare", err);
}

/* The file, with its mode from its first moment. */
static enum status
make_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
    close(fd);
    return ST_OK;
}

static enum status
migrate(struct posture *p, struct err *err)
{
    struct posture_db *db = &p->writer;
    int64_t version, application, tables;
    char sql[200];
    enum status st = execute(db, "BEGIN IMMEDIATE", "lock", err);

    if (st != ST_OK)
        return st;
    st = number_of(db, "PRAGMA user_version", "read the version", &version, err);
    if (st == ST_OK)
        st = number_of(db, "PRAGMA application_id", "read the owner", &application, err);
    if (st == ST_OK)
        st = number_of(db, "SELECT count(*) FROM sqlite_schema", "read the tables", &tables, err);
    if (st == ST_OK && tables > 0 && application != APPLICATION_ID)
        st = err_set(err, ST_INVALID, "%s is not a penstock posture file: move it away", p->path);
    if (st == ST_OK && version > (int64_t)COUNT_OF(migrations))
        st = err_set(err, ST_INVALID,
                     "%s was made by a newer penstock (version %lld, this one knows %zu)", p->path,
                     (long long)version, COUNT_OF(migrations));
    for (int64_t v = version; st == ST_OK && v < (int64_t)COUNT_OF(migrations); v++)
        st = execute(db, migrations[v], "bring its tables forward", err);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %zu; PRAGMA application_id = %d",
             COUNT_OF(migrations), APPLICATION_ID);
    if (st == ST_OK && version < (int64_t)COUNT_OF(migrations))
        st = execute(db, sql, "note the version", err);
    if (st == ST_OK)
        st = execute(db, "COMMIT", "bring its tables forward", err);
    if (st != ST_OK && !sqlite3_get_autocommit(db->db))
        sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

/* A small value of 'about', made at random the first time. */
static enum status
about(struct posture *p, const char *name, void *value, size_t size, struct err *err)
{
    sqlite3_stmt *x;
    enum status st;

    if (getrandom(value, size, 0) != (ssize_t)size)
        return err_set(err, ST_IO, "no random bytes: %s", strerror(errno));
    st = posture_run(&p->writer, err, "INSERT INTO about VALUES (?, ?) ON CONFLICT DO NOTHING",
                     "tb", name, (struct span){value, size});
    if (st == ST_OK)
        st = posture_sql(&p->writer, &x, err, "SELECT value FROM about WHERE name = ?", "t", name);
    if (st == ST_OK)
        st = posture_step(&p->writer, x, err);
    if (st != ST_OK)
        return st;
    struct span found = posture_column(x, 0);

    if (found.n == size)
        memcpy(value, found.p, size);
    posture_sql_end(x);
    return found.n == size ? ST_OK : err_set(err, ST_INVALID, "%s: '%s' is damaged", p->path, name);
}

static enum status
remember(struct posture *p, struct err *err)
{
    int64_t number = 0, count = 0, size = 0;
    enum status st = about(p, "epoch", p->epoch, sizeof p->epoch, err);

    if (st == ST_OK)
        st = about(p, "seed", &p->seed, sizeof p->seed, err);
    if (st == ST_OK)
        st = number_of(&p->writer, "SELECT coalesce(max(number), 0) FROM resources",
                       "find the last number", &number, err);
    if (st == ST_OK)
        st = number_of(&p->writer, "SELECT count(*) FROM outbox", "count the outbox", &count, err);
    if (st == ST_OK)
        st = number_of(&p->writer, "SELECT coalesce(sum(length(document)), 0) FROM outbox",
                       "count the outbox", &size, err);
    p->number_next = number + 1;
    atomic_store(&p->outbox_count, count);
    atomic_store(&p->outbox_size, size);
    return st;
}

static void
disconnect(struct posture_db *db)
{
    for (size_t i = 0; i < POSTURE_STATEMENTS_MAX; i++)
        sqlite3_finalize(db->statements[i].x);
    sqlite3_close(db->db);
    *db = (struct posture_db){0};
}

enum status
posture_open(const struct posture_options *o, struct posture **out, struct err *err)
{
    struct posture *p = calloc(1, sizeof *p);
    enum status st;

    if (p == NULL)
        return err_set(err, ST_FULL, "no memory");
    p->options = *o;
    if (p->options.cache_size == 0)
        p->options.cache_size = CACHE_SIZE_DEFAULT;
    if (p->options.score_threshold == 0)
        p->options.score_threshold = 0.01;
    if (p->options.score_delay == 0)
        p->options.score_delay = 5 * TICKS_PER_SECOND;
    if (p->options.snapshot_interval == 0)
        p->options.snapshot_interval = 7 * 24 * TICKS_PER_HOUR;
    if (p->options.outbox_size_max == 0)
        p->options.outbox_size_max = UINT64_C(1) << 30;
    pthread_mutex_init(&p->write_lock, NULL);
    pthread_mutex_init(&p->reader_lock, NULL);
    pthread_cond_init(&p->reader_free, NULL);
    snprintf(p->path, sizeof p->path, "%s", o->path);
    st = make_file(p->path, err);
    /* Half for writing, half for those who read. */
    if (st == ST_OK)
        st = connect_db(&p->writer, p->path, p->options.cache_size / 2, true, err);
    if (st == ST_OK)
        st = migrate(p, err);
    if (st == ST_OK)
        st = remember(p, err);
    for (size_t i = 0; i < POSTURE_READERS && st == ST_OK; i++)
        st = connect_db(&p->readers[i], p->path, p->options.cache_size / (2 * POSTURE_READERS),
                        false, err);
    if (st != ST_OK) {
        posture_close(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

void
posture_close(struct posture *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < POSTURE_READERS; i++)
        disconnect(&p->readers[i]);
    disconnect(&p->writer);
    pthread_cond_destroy(&p->reader_free);
    pthread_mutex_destroy(&p->reader_lock);
    pthread_mutex_destroy(&p->write_lock);
    free(p);
}

/* ---- readers ---- */

struct posture_db *
posture_reader_take(struct posture *p)
{
    struct posture_db *db = NULL;

    pthread_mutex_lock(&p->reader_lock);
    while (db == NULL) {
        for (size_t i = 0; i < POSTURE_READERS && db == NULL; i++)
            if (!p->reader_busy[i]) {
                p->reader_busy[i] = true;
                db = &p->readers[i];
            }
        if (db == NULL)
            pthread_cond_wait(&p->reader_free, &p->reader_lock);
    }
    pthread_mutex_unlock(&p->reader_lock);
    return db;
}

void
posture_reader_give(struct posture *p, struct posture_db *db)
{
    pthread_mutex_lock(&p->reader_lock);
    p->reader_busy[db - p->readers] = false;
    pthread_cond_signal(&p->reader_free);
    pthread_mutex_unlock(&p->reader_lock);
}

void
posture_epoch(const struct posture *p, uint8_t epoch[16])
{
    memcpy(epoch, p->epoch, 16);
}
