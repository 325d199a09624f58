/* workspace.c - opening a file, once in a process, so that nothing a query says can reach further than the file. */
#include "base/file.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/program.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KNOWN_MAX = 256 << 20, /* bytes of all that is known of tables */
    VERSION = 1,
};

/* The open files of this process. DuckDB refuses to open a file twice, and queries and sinks must see one. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct workspace *registry;
static const struct catalog *registry_catalog = &catalog_builtin;
static size_t registry_memory_max = (size_t)1 << 30;
static unsigned registry_threads; /* 0: as many as there are processors */

void
workspace_limits_use(size_t memory_max, unsigned threads)
{
    pthread_mutex_lock(&registry_lock);
    registry_memory_max = memory_max != 0 ? memory_max : (size_t)1 << 30;
    registry_threads = threads;
    pthread_mutex_unlock(&registry_lock);
}

void
workspace_catalog_use(const struct catalog *c)
{
    pthread_mutex_lock(&registry_lock);
    registry_catalog = c != NULL ? c : &catalog_builtin;
    pthread_mutex_unlock(&registry_lock);
}

bool
workspace_is_built(void)
{
    return true;
}

enum status
sql_run(duckdb_connection c, const char *sql, duckdb_result *out, struct err *err)
{
    duckdb_result r;
    enum status st = ST_OK;

    if (duckdb_query(c, sql, &r) != DuckDBSuccess) {
        const char *why = duckdb_result_error(&r);

        bool is_damage =
            why != NULL && (strstr(why, "checksum") != NULL || strstr(why, "orrupt") != NULL);

        st = err_set(err, ST_IO,
                     is_damage ? "%.110s ... 'penstock workspace rebuild' makes the "
                                 "file anew of what the journal still has"
                               : "%.300s",
                     why != NULL ? why : "DuckDB failed without a word");
    }
    if (st == ST_OK && out != NULL)
        *out = r;
    else
        duckdb_destroy_result(&r);
    return st;
}

/* ---- opening ---- */

static bool
is_in_memory(const char *path)
{
    return strcmp(path, WORKSPACE_IN_MEMORY) == 0;
}

static enum status
configure(const struct workspace *w, const struct workspace_options *o, duckdb_config *config,
          struct err *err)
{
    char memory[32], threads[32], temporary[WORKSPACE_PATH_MAX + 8], spilled[32];
    const char *const rows[][2] = {
        {"access_mode",                  o->is_read_only ? "READ_ONLY" : "READ_WRITE"},
        {"memory_limit",                 memory                                      },
        {"threads",                      threads                                     },
        {"temp_directory",               temporary                                   },
        {"max_temp_directory_size",      spilled                                     },
        {"autoinstall_known_extensions", "false"                                     },
        {"autoload_known_extensions",    "false"                                     },
        {"allow_community_extensions",   "false"                                     },
        {"checkpoint_threshold",         "128MiB"                                    },
        {"max_vacuum_tasks",             "4"                                         }, /* a table, a checkpoint */
        {"enable_external_access",       "false"                                     },
        {"lock_configuration",           "true"                                      },
    };

    snprintf(memory, sizeof memory, "%zuMiB", o->memory_max >> 20);
    snprintf(spilled, sizeof spilled, "%zuMiB", (o->memory_max >> 20) * WORKSPACE_SPILL);
    snprintf(threads, sizeof threads, "%u",
             o->threads != 0 ? o->threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    snprintf(temporary, sizeof temporary, "%s", is_in_memory(w->path) ? "" : w->path);
    if (temporary[0] != '\0')
        strcat(temporary, ".tmp");
    if (duckdb_create_config(config) != DuckDBSuccess)
        return err_set(err, ST_FULL, "no memory to open %s", w->path);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (duckdb_set_config(*config, rows[i][0], rows[i][1]) != DuckDBSuccess)
            return err_set(
                err, ST_INVALID,
                "this DuckDB (%s) does not know the option %s, without which nothing is opened",
                duckdb_library_version(), rows[i][0]);
    return ST_OK;
}

/* A first look, so that the answer does not depend on what DuckDB says of a strange file. */
static enum status
look(const struct workspace *w, bool must_exist, struct err *err)
{
    char head[12] = "";
    struct stat info;
    FILE *f;
    size_t n;

    if (is_in_memory(w->path))
        return ST_OK;
    if (stat(w->path, &info) != 0) {
        if (errno == ENOENT && !must_exist)
            return ST_OK;
        return err_set(err, ST_IO, "cannot open the workspace %s: %s", w->path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode))
        return err_set(err, ST_INVALID, "the workspace %s is no regular file: remove it", w->path);
    f = fopen(w->path, "rbe");
    if (f == NULL)
        return err_set(err, ST_IO, "cannot open the workspace %s: %s", w->path, strerror(errno));
    n = fread(head, 1, sizeof head, f);
    fclose(f);
    /* a file begins with a checksum of 8 bytes and these four; one that was being made may be empty */
    if (info.st_size > 0 && (n < sizeof head || memcmp(head + 8, "DUCK", 4) != 0))
        return err_set(err, ST_INVALID,
                       "%.180s is no workspace, or its beginning is damaged: 'penstock workspace "
                       "rebuild' makes it anew of what the journal still has",
                       w->path);
    return ST_OK;
}

static enum status
database_open(struct workspace *w, const struct workspace_options *o, struct err *err)
{
    duckdb_config config = NULL;
    char *why = NULL;
    enum status st = configure(w, o, &config, err);

    if (st == ST_OK && duckdb_open_ext(w->path, &w->database, config, &why) != DuckDBSuccess) {
        bool is_locked = why != NULL && strstr(why, "Could not set lock") != NULL;

        w->database = NULL;
        if (is_locked)
            st = err_set(
                err, ST_FULL,
                "the workspace %s is open in another process (a daemon?): stop that, or ask it",
                w->path);
        else
            st = err_set(err, ST_IO,
                         "the workspace %.120s cannot be opened, it may be damaged: %.90s. "
                         "'penstock workspace "
                         "rebuild' makes it anew of what the journal still has",
                         w->path, why != NULL ? why : "no reason given");
    }
    duckdb_free(why);
    duckdb_destroy_config(&config);
    return st;
}

/* Removes files of a folder whose names begin so. */
static void
files_remove(const char *folder, const char *begin)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;

    if (d == NULL)
        return;
    while ((entry = readdir(d)) != NULL)
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0)
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}

/* What a process that was killed had put aside: nobody else has the file open now, and nothing has been asked yet. */
static void
leavings_remove(const struct workspace *w)
{
    char folder[WORKSPACE_PATH_MAX + 8], begin[300];
    const char *slash = strrchr(w->path, '/');
    int n = slash != NULL ? snprintf(begin, sizeof begin, "%s.out-", slash + 1) : -1;

    if (n < 0 || (size_t)n >= sizeof begin)
        return;
    snprintf(folder, sizeof folder, "%s.tmp", w->path);
    files_remove(folder, "duckdb_temp_");
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - w->path) + 1, w->path);
    files_remove(folder, begin); /* exports for answers */
}

static enum status
version_check(struct workspace *w, duckdb_connection c, struct err *err)
{
    static const char make[] =
        "BEGIN; CREATE TABLE \"$workspace\" (version INTEGER);"
        "INSERT INTO \"$workspace\" VALUES (1);"
        "CREATE TABLE \"$column\" (tbl VARCHAR, sql_tbl VARCHAR, place UINTEGER, name VARCHAR,"
        " sql_name VARCHAR, type VARCHAR);"
        "CREATE TABLE \"$cursor\" (object VARCHAR, length UBIGINT);"
        "CREATE TABLE \"$append\" (object VARCHAR, place UBIGINT, size UBIGINT, hash UBIGINT,"
        " hash2 UBIGINT); COMMIT;";
    duckdb_result r;
    enum status st = sql_run(
        c, "SELECT table_name = '$workspace' FROM duckdb_tables() ORDER BY 1 DESC", &r, err);
    idx_t tables = st == ST_OK ? duckdb_row_count(&r) : 0;
    bool is_ours = tables > 0 && duckdb_value_boolean(&r, 0, 0);
    int64_t version = 0;

    if (st != ST_OK)
        return st;
    duckdb_destroy_result(&r);
    if (tables == 0)
        return sql_run(c, make, NULL, err);
    if (!is_ours)
        return err_set(err, ST_INVALID,
                       "%s is a DuckDB file, but no workspace: give the workspace another path",
                       w->path);
    st = sql_run(c, "SELECT version FROM \"$workspace\"", &r, err);
    if (st == ST_OK) {
        version = duckdb_value_int64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    if (st == ST_OK && version != VERSION)
        st = err_set(err, ST_INVALID, "the workspace %s is of version %lld, this program knows %d",
                     w->path, (long long)version, VERSION);
    return st;
}

/* Which workspace it is: as the file has it, unless the caller knows better. */
static enum status
identity_settle(struct workspace *w, duckdb_connection c, const char *guid, struct err *err)
{
    duckdb_result r;
    char sql[200], *kept;
    enum status st = ST_OK;

    if (guid != NULL && (strlen(guid) != 36 || strspn(guid, "0123456789abcdef-") != 36))
        return err_set(err, ST_INVALID, "'%.60s' is no GUID of a workspace", guid);
    if (!w->is_read_only)
        st = sql_run(c, "CREATE TABLE IF NOT EXISTS \"$identity\" (guid VARCHAR)", NULL, err);
    if (st == ST_OK)
        st = sql_run(c, "SELECT count(*) FROM duckdb_tables() WHERE table_name = '$identity'", &r,
                     err);
    if (st != ST_OK)
        return st;
    bool is_there = duckdb_value_int64(&r, 0, 0) > 0;

    duckdb_destroy_result(&r);
    if (is_there && sql_run(c, "SELECT guid FROM \"$identity\"", &r, err) == ST_OK) {
        kept = duckdb_row_count(&r) > 0 ? duckdb_value_varchar(&r, 0, 0) : NULL;
        snprintf(w->guid, sizeof w->guid, "%s", kept != NULL ? kept : "");
        duckdb_free(kept);
        duckdb_destroy_result(&r);
    }
    if (guid == NULL || strcmp(guid, w->guid) == 0)
        return ST_OK;
    snprintf(w->guid, sizeof w->guid, "%s", guid);
    snprintf(sql, sizeof sql,
             "BEGIN; DELETE FROM \"$identity\"; INSERT INTO \"$identity\" VALUES ('%s'); COMMIT;",
             guid);
    return w->is_read_only ? ST_OK : sql_run(c, sql, NULL, err);
}

static enum status
rows_look(struct workspace *w, duckdb_connection c, struct err *err)
{
    duckdb_result r;
    enum status st = sql_run(c,
                             "SELECT CAST(coalesce(sum(estimated_size), 0) AS UBIGINT) FROM "
                             "duckdb_tables() WHERE table_name NOT IN ('$workspace', '$column', "
                             "'$cursor', '$append', '$identity')",
                             &r, err);

    if (st != ST_OK)
        return st;
    w->first_rows = duckdb_value_uint64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return ST_OK;
}

/* The pool's escape is set here, so that nothing below has a path for memory that is spent. */
static enum status
content_open(struct workspace *w, duckdb_connection c, const char *guid, struct err *err)
{
    jmp_buf spent;
    enum status st;

    if (setjmp(spent) != 0)
        return err_set(err, ST_FULL, "no memory for the tables of %s", w->path);
    w->pool.escape = &spent;
    st = version_check(w, c, err);
    if (st == ST_OK)
        st = identity_settle(w, c, guid, err);
    if (st == ST_OK)
        st = tables_open(w, c, err);
    if (st == ST_OK)
        st = rows_look(w, c, err);
    if (st == ST_OK)
        st = programs_register(c, err);
    w->pool.escape = NULL;
    return st;
}

static void
destroy(struct workspace *w)
{
    if (w->database != NULL)
        duckdb_close(&w->database);
    pool_free(&w->pool);
    pthread_mutex_destroy(&w->append_lock);
    pthread_mutex_destroy(&w->keep_lock);
    pthread_mutex_destroy(&w->room.lock);
    hunt_seats_destroy(&w->seats);
    free(w);
}

static enum status
make(const char *path, const struct workspace_options *o, struct workspace **out, struct err *err)
{
    struct workspace *w = calloc(1, sizeof *w);
    duckdb_connection c = NULL;
    struct err why;
    enum status st;

    if (w == NULL)
        return err_set(err, ST_FULL, "no memory to open %s", path);
    snprintf(w->path, sizeof w->path, "%s", path);
    pthread_mutex_init(&w->append_lock, NULL);
    pthread_mutex_init(&w->keep_lock, NULL);
    pthread_mutex_init(&w->room.lock, NULL);
    hunt_seats_init(&w->seats);
    pool_init(&w->pool, KNOWN_MAX);
    w->catalog = o->catalog != NULL ? o->catalog : registry_catalog; /* under its lock */
    w->is_read_only = o->is_read_only;
    st = look(w, o->is_read_only, err);
    if (st == ST_OK)
        st = database_open(w, o, err);
    if (st == ST_OK && !o->is_read_only && !is_in_memory(w->path))
        leavings_remove(w);
    if (st == ST_OK)
        st = workspace_connect(w, &c, err);
    if (st == ST_OK) {
        st = content_open(w, c, o->guid, &why);
        if (st == ST_IO)
            err_set(err, st,
                    "the workspace %.120s cannot be read, it may be damaged: %.90s. 'penstock "
                    "workspace rebuild' makes it anew of what the journal still has",
                    w->path, why.text);
        else if (st != ST_OK && err != NULL)
            *err = why;
    }
    duckdb_disconnect(&c);
    if (st != ST_OK) {
        destroy(w);
        return st;
    }
    w->references = 1;
    *out = w;
    return ST_OK;
}

/* The path in one spelling, so that a file is known by it: its folder, made if need be, without links. */
static enum status
path_settle(const char *path, bool is_read_only, char out[WORKSPACE_PATH_MAX], struct err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[WORKSPACE_PATH_MAX], *real;
    int n;

    if (is_in_memory(path)) {
        snprintf(out, WORKSPACE_PATH_MAX, "%s", path);
        return ST_OK;
    }
    if (path[0] == '\0' || strlen(path) >= WORKSPACE_PATH_MAX - 8 ||
        (slash != NULL && slash[1] == '\0'))
        return err_set(err, ST_INVALID, "'%.80s' is no path of a workspace's file", path);
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    enum status st = is_read_only ? ST_OK : folder_make(folder, err);

    if (st != ST_OK)
        return st;
    real = realpath(folder, NULL);
    if (real == NULL)
        return err_set(err, ST_IO, "cannot open the workspace %s: %s", path, strerror(errno));
    n = snprintf(out, WORKSPACE_PATH_MAX, "%s/%s", real, slash != NULL ? slash + 1 : path);
    free(real);
    return n < WORKSPACE_PATH_MAX - 8
               ? ST_OK
               : err_set(err, ST_INVALID, "the path of the workspace %.80s... is too long", path);
}

enum status
workspace_open(const char *path, const struct workspace_options *o, struct workspace **out,
               struct err *err)
{
    char settled[WORKSPACE_PATH_MAX];
    struct workspace *w;
    enum status st = path_settle(path, o->is_read_only, settled, err);

    *out = NULL;
    if (st != ST_OK)
        return st;
    if ((o->memory_max != 0 && o->memory_max < (size_t)64 << 20) || o->threads > 256)
        return err_set(err, ST_INVALID,
                       "%s: a workspace needs 64 MiB of memory at least, and 1 to 256 threads",
                       path);
    pthread_mutex_lock(&registry_lock);
    for (w = registry; w != NULL && (is_in_memory(settled) || strcmp(w->path, settled) != 0);)
        w = w->next;
    if (w != NULL && w->is_read_only != o->is_read_only) {
        st = err_set(err, ST_INVALID, "%s is open already, %s", settled,
                     w->is_read_only ? "for reading only" : "to be written");
    } else if (w != NULL) {
        w->references++;
        *out = w;
    } else {
        struct workspace_options whole = *o;

        if (whole.memory_max == 0)
            whole.memory_max = registry_memory_max;
        if (whole.threads == 0)
            whole.threads = registry_threads;
        st = make(settled, &whole, out, err);
        if (st == ST_OK) {
            (*out)->next = registry;
            registry = *out;
        }
    }
    pthread_mutex_unlock(&registry_lock);
    return st;
}

void
workspace_close(struct workspace *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&registry_lock);
    if (--w->references == 0) {
        struct workspace **at = &registry;

        while (*at != w)
            at = &(*at)->next;
        *at = w->next;
        destroy(w);
    }
    pthread_mutex_unlock(&registry_lock);
}

bool
workspace_is_open(const char *path)
{
    char settled[WORKSPACE_PATH_MAX];
    const struct workspace *w;
    struct err ignored;

    if (path_settle(path, true, settled, &ignored) != ST_OK)
        return false;
    pthread_mutex_lock(&registry_lock);
    for (w = registry; w != NULL && strcmp(w->path, settled) != 0;)
        w = w->next;
    pthread_mutex_unlock(&registry_lock);
    return w != NULL;
}

void
workspace_states(void (*each)(void *app, const struct workspace_state *state), void *app)
{
    struct workspace_state *state = malloc(sizeof *state);

    if (state == NULL)
        return;
    pthread_mutex_lock(&registry_lock);
    for (const struct workspace *w = registry; w != NULL; w = w->next) {
        workspace_state_fill(w, state);
        each(app, state);
    }
    pthread_mutex_unlock(&registry_lock);
    free(state);
}

const char *
workspace_path(const struct workspace *w)
{
    return w->path;
}

const struct catalog *
workspace_catalog(const struct workspace *w)
{
    return w->catalog;
}

enum status
workspace_connect(struct workspace *w, duckdb_connection *out, struct err *err)
{
    if (duckdb_connect(w->database, out) == DuckDBSuccess)
        return ST_OK;
    *out = NULL;
    return err_set(err, ST_FULL, "no further connection to %s", w->path);
}
