/* export.c - rows to a Parquet file.
 *
 * A workspace's database may not touch files, and that cannot be changed while it is open. So a second database, in memory, which may
 * write below the file's folder and nowhere else, copies from a table function whose rows are the chunks that the first
 * one gives: nothing is held but a chunk and the row group being written. */
#include "base/clock.h"
#include "kql/dynamic.h"
#include "workspace/hunt_inner.h"
#include "workspace/keep.h"
#include "workspace/select.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCH_MICROSECONDS "62135596800000000" /* from year 1 to 1970 */
#define PULL "penstock_rows"

enum {
    NAME_ROOM = CATALOG_COLUMN_NAME_MAX + 24,
    SEAT_MS = 30000,
    LOOK_CHUNKS = 16, /* after so many the file's size is looked at */
};

static const int64_t NO_DEADLINE_MS = INT64_C(1) << 52;

struct export_column {
    char name[NAME_ROOM];
    char sql[120];    /* over c0 ... of the selection */
    duckdb_type type; /* of that */
};

struct exporting {
    struct workspace *w;
    const struct workspace_export *e;
    struct selection selection;
    struct export_column *columns;
    size_t count;
    struct hunt_connections connections;
    duckdb_connection from; /* one of them: they are interrupted in time */
    duckdb_result rows;
    bool has_rows;
    unsigned chunks;
    /* Why it was ended before its time: ST_FULL, ST_END; ST_OK: it was not */
    enum status ended;
    struct err why;
    duckdb_database scratch;
    duckdb_connection to;
    char folder[WORKSPACE_PATH_MAX], part[WORKSPACE_PATH_MAX + 300];
};

/* ---- columns ---- */

/* DuckDB folds the case of names, KQL does not: a second one of the same letters gets a number. */
static void
name_make(const struct exporting *x, const char *name, char out[NAME_ROOM])
{
    bool is_used = true;

    snprintf(out, NAME_ROOM, "%s", name);
    for (unsigned n = 2; is_used; n++) {
        is_used = false;
        for (size_t i = 0; i < x->count && !is_used; i++)
            is_used = strcasecmp(x->columns[i].name, out) == 0;
        if (is_used)
            snprintf(out, NAME_ROOM, "%s_%u", name, n);
    }
}

static void
column_add(struct exporting *x, const char *name, duckdb_type type, const char *format, uint32_t c)
{
    struct export_column *out = &x->columns[x->count];

    name_make(x, name, out->name);
    out->type = type;
    snprintf(out->sql, sizeof out->sql, format, c);
    x->count++;
}

static enum status
columns_make(struct exporting *x, struct err *err)
{
    const struct workspace_column *of = x->selection.columns;
    char name[CATALOG_COLUMN_NAME_MAX + 8];

    x->columns = calloc(2 * (size_t)x->selection.count + 1, sizeof *x->columns);
    if (x->columns == NULL)
        return err_set(err, ST_FULL, "no memory for the columns");
    for (uint32_t i = 0; i < x->selection.count; i++) {
        switch (of[i].type) {
        case KQL_BOOL:
            column_add(x, of[i].name, DUCKDB_TYPE_BOOLEAN, "c%u", i);
            break;
        case KQL_INT:
            column_add(x, of[i].name, DUCKDB_TYPE_INTEGER, "c%u", i);
            break;
        case KQL_LONG:
        case KQL_TIMESPAN:
            column_add(x, of[i].name, DUCKDB_TYPE_BIGINT, "c%u", i);
            break;
        case KQL_REAL:
            column_add(x, of[i].name, DUCKDB_TYPE_DOUBLE, "c%u", i);
            break;
        case KQL_DATETIME: /* ticks begin at year 1, so that // cuts downwards */
            column_add(x, of[i].name, DUCKDB_TYPE_TIMESTAMP,
                       "make_timestamp(c%u // 10 - " EPOCH_MICROSECONDS ")", i);
            break;
        default:
            column_add(x, of[i].name, DUCKDB_TYPE_VARCHAR, "CAST(c%u AS VARCHAR)", i);
            break;
        }
    }
    for (uint32_t i = 0; i < x->selection.count && !x->e->no_ticks; i++)
        if (of[i].type == KQL_DATETIME) {
            snprintf(name, sizeof name, "%s_ticks", of[i].name);
            column_add(x, name, DUCKDB_TYPE_BIGINT, "c%u", i);
        }
    return ST_OK;
}

/* ---- the table function ---- */

static void
pull_bind(duckdb_bind_info info)
{
    const struct exporting *x = duckdb_bind_get_extra_info(info);

    for (size_t i = 0; i < x->count; i++) {
        duckdb_logical_type type = duckdb_create_logical_type(x->columns[i].type);

        duckdb_bind_add_result_column(info, x->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
}

static void
pull_init(duckdb_init_info info)
{
    duckdb_init_set_max_threads(info, 1);
}

/* Whether it is to end before its time: nobody waits for it any more, or the file is too large. */
static bool
is_ended(struct exporting *x)
{
    const struct workspace_rows_wanted *r = &x->e->rows;
    struct stat info;

    if (x->ended != ST_OK)
        return true;
    if (r->cancelled != NULL && atomic_load(r->cancelled))
        x->ended = err_set(&x->why, ST_FULL, "the export was cancelled");
    else if (r->deadline_ms != 0 && clock_monotonic_ms() >= r->deadline_ms)
        x->ended = err_set(
            &x->why, ST_FULL,
            "the export took longer than it may: ask for less time with 'from' and 'until'");
    else if (x->e->size_max != 0 && x->chunks++ % LOOK_CHUNKS == 0 && stat(x->part, &info) == 0 &&
             (uint64_t)info.st_size > x->e->size_max)
        x->ended = err_set(&x->why, ST_END,
                           "the file has more than %llu bytes: ask for less time with 'from' and "
                           "'until', or export with the daemon stopped",
                           (unsigned long long)x->e->size_max);
    return x->ended != ST_OK;
}

static void
pull(duckdb_function_info info, duckdb_data_chunk out)
{
    struct exporting *x = duckdb_function_get_extra_info(info);
    duckdb_data_chunk chunk;
    const char *why;

    if (is_ended(x)) {
        duckdb_function_set_error(info, x->why.text);
        duckdb_data_chunk_set_size(out, 0);
        return;
    }
    chunk = duckdb_fetch_chunk(x->rows);
    why = duckdb_result_error(&x->rows);
    if (chunk == NULL) {
        if (why != NULL && why[0] != '\0')
            duckdb_function_set_error(info, why);
        duckdb_data_chunk_set_size(out, 0);
        return;
    }
    for (size_t i = 0; i < x->count; i++) /* what it refers to lives as long as the reference */
        duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(out, i),
                                       duckdb_data_chunk_get_vector(chunk, i));
    duckdb_data_chunk_set_size(out, duckdb_data_chunk_get_size(chunk));
    duckdb_destroy_data_chunk(&chunk);
}

static enum status
pull_register(struct exporting *x, struct err *err)
{
    duckdb_table_function f = duckdb_create_table_function();
    enum status st = ST_OK;

    duckdb_table_function_set_name(f, PULL);
    duckdb_table_function_set_extra_info(f, x, NULL);
    duckdb_table_function_set_bind(f, pull_bind);
    duckdb_table_function_set_init(f, pull_init);
    duckdb_table_function_set_function(f, pull);
    if (duckdb_register_table_function(x->to, f) != DuckDBSuccess)
        st = err_set(err, ST_IO, "this DuckDB takes no table function");
    duckdb_destroy_table_function(&f);
    return st;
}

/* ---- statements ---- */

static void
put_quoted(FILE *out, const char *text, char quote)
{
    fputc(quote, out);
    for (; *text != '\0'; text++) {
        if (*text == quote)
            fputc(quote, out);
        fputc(*text, out);
    }
    fputc(quote, out);
}

static void
types_put(FILE *out, const struct exporting *x)
{
    char *json = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&json, &size);

    if (text == NULL)
        return;
    for (uint32_t i = 0; i < x->selection.count; i++) /* names of the catalog need no escapes */
        fprintf(text, "%s\"%s\":\"%s\"", i > 0 ? "," : "{", x->columns[i].name,
                kql_type_name(x->selection.columns[i].type));
    fputc('}', text);
    if (fclose(text) == 0)
        put_quoted(out, json, '\'');
    free(json);
}

/* From a memstream to a statement that is run; 'out' is closed. */
static enum status
run(duckdb_connection c, FILE *out, char **text, duckdb_result *result, struct err *err)
{
    enum status st = ST_OK;

    if (fclose(out) != 0)
        st = err_set(err, ST_FULL, "no memory for a statement");
    else
        st = sql_run(c, *text, result, err);
    free(*text);
    *text = NULL;
    return st;
}

static enum status
source_open(struct exporting *x, struct err *err)
{
    duckdb_prepared_statement s = NULL;
    char *sql = NULL;
    size_t size = 0;
    FILE *out;
    struct hunt_connection *c;
    enum status st = hunt_connection_take(&x->connections, x->w, &c, err);

    if (st != ST_OK)
        return st;
    x->from = c->c;
    out = open_memstream(&sql, &size);
    if (out == NULL)
        return err_set(err, ST_FULL, "no memory for a statement");
    for (size_t i = 0; i < x->count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "SELECT ", x->columns[i].sql);
    fprintf(out, " FROM (%s)", x->selection.sql);
    if (fclose(out) != 0)
        st = err_set(err, ST_FULL, "no memory for a statement");
    else if (duckdb_prepare(x->from, sql, &s) != DuckDBSuccess)
        st = err_set(err, ST_IO, "%.100s: %.180s", x->w->path, duckdb_prepare_error(s));
    else if (duckdb_execute_prepared_streaming(s, &x->rows) != DuckDBSuccess)
        st = err_set(err, ST_IO, "%.100s: %.180s", x->w->path, duckdb_result_error(&x->rows));
    x->has_rows = true;
    duckdb_destroy_prepare(&s);
    free(sql);
    return st;
}

static enum status
scratch_open(struct exporting *x, struct err *err)
{
    char *sql = NULL;
    size_t size = 0;
    FILE *out;

    if (duckdb_open(NULL, &x->scratch) != DuckDBSuccess ||
        duckdb_connect(x->scratch, &x->to) != DuckDBSuccess)
        return err_set(err, ST_FULL, "no memory to write a file");
    out = open_memstream(&sql, &size);
    if (out == NULL)
        return err_set(err, ST_FULL, "no memory for a statement");
    fputs("SET memory_limit = '512MiB'; SET threads = 2; SET temp_directory = ''; "
          "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; "
          "SET allowed_directories = [",
          out);
    put_quoted(out, x->folder, '\'');
    fputs("]; SET enable_external_access = false; SET lock_configuration = true;", out);
    return run(x->to, out, &sql, NULL, err);
}

static enum status
copy(struct exporting *x, uint64_t *rows, struct err *err)
{
    duckdb_result r;
    char *sql = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&sql, &size);
    enum status st;

    if (out == NULL)
        return err_set(err, ST_FULL, "no memory for a statement");
    fputs("COPY (SELECT ", out);
    for (size_t i = 0; i < x->count; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_quoted(out, x->columns[i].name, '"');
        if (x->columns[i].type == DUCKDB_TYPE_TIMESTAMP) {
            fputs(" AT TIME ZONE 'UTC' AS ", out);
            put_quoted(out, x->columns[i].name, '"');
        }
    }
    fputs(" FROM " PULL "()) TO ", out);
    put_quoted(out, x->part, '\'');
    fputs(" (FORMAT parquet, COMPRESSION zstd, KV_METADATA {\"penstock.types\": ", out);
    types_put(out, x);
    fputs("})", out);
    st = run(x->to, out, &sql, &r, err);
    if (st == ST_OK) {
        *rows = duckdb_rows_changed(&r);
        duckdb_destroy_result(&r);
    }
    return st;
}

/* ---- the file ---- */

static enum status
path_settle(struct exporting *x, struct err *err)
{
    const char *path = x->e->path, *slash = strrchr(path, '/');
    char folder[WORKSPACE_PATH_MAX], *real;
    int n;

    if (path[0] == '\0' || (slash != NULL && slash[1] == '\0') || strlen(path) > 2000)
        return err_set(err, ST_INVALID, "'%.80s' is no path of a file", path);
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    real = realpath(folder, NULL);
    if (real == NULL)
        return err_set(err, ST_IO, "cannot write to %.200s: %s", folder, strerror(errno));
    n = snprintf(x->folder, sizeof x->folder, "%s/", strcmp(real, "/") == 0 ? "" : real);
    free(real);
    if (n < 0 || (size_t)n + 300 > sizeof x->folder ||
        strlen(slash != NULL ? slash + 1 : path) > 240)
        return err_set(err, ST_INVALID, "the path %.80s... is too long", path);
    snprintf(x->part, sizeof x->part, "%s%s.part", x->folder, slash != NULL ? slash + 1 : path);
    return ST_OK;
}

static enum status
file_finish(const struct exporting *x, struct err *err)
{
    int fd = open(x->part, O_RDONLY | O_CLOEXEC);
    enum status st = ST_OK;

    if (fd < 0 || fsync(fd) != 0 || rename(x->part, x->e->path) != 0)
        st = err_set(err, ST_IO, "cannot write %.200s: %s", x->e->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return st;
}

enum status
workspace_export(struct workspace *w, const struct workspace_export *e, uint64_t *rows,
                 struct err *err)
{
    struct exporting *x = calloc(1, sizeof *x);
    struct hunt_seat seat;
    enum status st;

    *rows = 0;
    if (x == NULL)
        return err_set(err, ST_FULL, "no memory to write a file");
    x->w = w;
    x->e = e;
    /* It reads as much as a query may, so it takes its turn with them. */
    if (hunt_seat_take(&w->seats, &seat, e->rows.tenant != NULL ? e->rows.tenant : "*",
                       clock_monotonic_ms() + SEAT_MS, e->rows.cancelled) != ST_OK) {
        free(x);
        return err_set(err, ST_FULL,
                       "queries fill the workspace, and none ended within %d s: come again later",
                       SEAT_MS / 1000);
    }
    hunt_connections_open(&x->connections,
                          e->rows.deadline_ms != 0 ? e->rows.deadline_ms : NO_DEADLINE_MS,
                          e->rows.cancelled);
    st = selection_open(&x->selection, w, &e->rows,
                        e->is_workspace_shape ? SELECT_WORKSPACE : SELECT_HUNTING, err);
    if (st == ST_OK)
        st = path_settle(x, err);
    if (st == ST_OK)
        st = columns_make(x, err);
    if (st == ST_OK)
        st = source_open(x, err);
    if (st == ST_OK)
        st = scratch_open(x, err);
    if (st == ST_OK)
        st = pull_register(x, err);
    if (st == ST_OK)
        st = copy(x, rows, err);
    if (st != ST_OK && is_ended(x))
        st = err_set(err, x->ended, "%s", x->why.text);
    if (st == ST_OK)
        st = file_finish(x, err);
    if (st != ST_OK && x->part[0] != '\0' && unlink(x->part) != 0 && errno != ENOENT)
        st = ST_IO; /* err says why it was to go */
    duckdb_disconnect(&x->to);
    duckdb_close(&x->scratch);
    if (x->has_rows)
        duckdb_destroy_result(&x->rows);
    hunt_connections_close(&x->connections);
    hunt_seat_leave(&w->seats, &seat);
    selection_close(&x->selection);
    free(x->columns);
    free(x);
    return st;
}
