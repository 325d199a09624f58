/* workspace_routes.c - looking after a workspace while the daemon has its file: what it holds, rows taken out, rows as a Parquet
 * file. A tenant's token sees and takes out its own rows alone. */
#include "api/hunting.h"
#include "base/clock.h"
#include "base/file.h"
#include "workspace/keep.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXPORT_SIZE_MAX = 64 << 20 /* bytes of a file in an answer */ };

/* The path's workspace, opened. NULL: answered, or (*is_empty) nobody has exported to it yet: it has no file. */
static struct workspace *
open_named(struct call *c, struct workspace_place *place, bool *is_empty, struct http_reply *reply)
{
    struct workspace_options options = {.guid = place->guid};
    struct workspace *w = NULL;
    struct err err = {""};
    enum status st;

    *is_empty = false;
    if (!hunting_place(c, span_of(c->arguments[0]), place, &err)) {
        http_reply_error(reply, 404, "WorkspaceNotFound", "%s", err.text);
        return NULL;
    }
    *is_empty = workspace_is_built() && access(place->path, F_OK) != 0 && errno == ENOENT;
    if (*is_empty)
        return NULL;
    st = workspace_open(place->path, &options, &w, &err);
    if (st != ST_OK)
        call_reply_status(reply, st, "WorkspaceNotAvailable", &err);
    return w;
}

/* ---- what it holds ---- */

static void
size_note(void *app, const struct workspace_size *s)
{
    json_t *list = app;
    json_t *one = json_pack("{s:s, s:I, s:I}", "name", s->table, "rows", (json_int_t)s->rows,
                            "bytes", (json_int_t)s->bytes);

    json_object_set_new(one, "oldest", call_time(s->oldest));
    json_object_set_new(one, "newest", call_time(s->newest));
    json_array_append_new(list, one);
}

struct state_wanted {
    const struct workspace *w;
    json_t *tree;
};

static void
state_note(void *app, const struct workspace_state *s)
{
    struct state_wanted *wanted = app;

    if (strcmp(workspace_path(wanted->w), s->path) != 0)
        return;
    json_object_set_new(wanted->tree, "fileBytes", json_integer((json_int_t)s->bytes));
    json_object_set_new(wanted->tree, "logBytes", json_integer((json_int_t)s->log_bytes));
}

void
workspace_answer_tables(struct call *c, struct http_reply *reply)
{
    struct workspace_place *place = calloc(1, sizeof *place);
    json_t *value = json_array(), *tree;
    bool is_empty = false;
    struct workspace *w = place != NULL ? open_named(c, place, &is_empty, reply) : NULL;
    struct err err = {""};
    enum status st = ST_OK;

    if (place == NULL)
        http_reply_error(reply, 503, "ServerBusy", "no memory");
    if (w != NULL)
        st = workspace_sizes(w, c->tenant, size_note, value, &err);
    if (st != ST_OK) {
        call_reply_status(reply, st, "WorkspaceNotAvailable", &err);
    } else if (w != NULL || is_empty) {
        tree = json_pack("{s:s, s:s, s:O}", "name", place->name, "workspaceId", place->guid,
                         "value", value);
        if (w != NULL && c->tenant == NULL) /* others share the file */
            workspace_states(state_note, &(struct state_wanted){w, tree});
        call_reply_json(reply, 200, tree);
    }
    workspace_close(w);
    json_decref(value);
    free(place);
}

/* ---- which rows ---- */

/* A time as text; NULL text: it stays as it is. False: answered. */
static bool
time_read(const char *name, const char *text, int64_t *out, struct http_reply *reply)
{
    if (text == NULL || kql_read_datetime(span_of(text), out))
        return true;
    http_reply_error(reply, 400, "InvalidTime",
                     "'%s' is no time: 2026-03-01 or 2026-03-01T10:00:00Z", name);
    return false;
}

static bool
text_member(const json_t *body, const char *name, const char **out, struct http_reply *reply)
{
    const json_t *value = json_object_get(body, name);

    *out = NULL;
    if (value == NULL || json_is_null(value))
        return true;
    *out = json_string_value(value);
    if (*out == NULL || strlen(*out) != json_string_length(value))
        http_reply_error(reply, 400, "InvalidRequest", "'%s' is to be a text", name);
    return reply->status == 0;
}

/* ---- taking out ---- */

static bool
purge_read(struct call *c, const json_t *body, struct workspace_rows_wanted *wanted,
           struct http_reply *reply)
{
    static const char *const known[] = {"table", "from", "before", "where", "dryRun"};
    const char *table, *from, *before, *where, *key;
    json_t *value;

    if (!json_is_object(body)) {
        http_reply_error(reply, 400, "InvalidRequest",
                         "a JSON object is wanted: {\"table\",\"before\",\"from\",\"where\","
                         "\"dryRun\"}");
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < COUNT_OF(known); i++)
            is_known |= strcmp(key, known[i]) == 0;
        if (!is_known) { /* a misspelt 'where' would take out everything */
            http_reply_error(reply, 400, "InvalidRequest", "there is no member '%.60s'", key);
            return false;
        }
    }
    if (!text_member(body, "table", &table, reply) || !text_member(body, "from", &from, reply) ||
        !text_member(body, "before", &before, reply) || !text_member(body, "where", &where, reply))
        return false;
    if (before == NULL && where == NULL) {
        http_reply_error(reply, 400, "InvalidRequest", "'before' or 'where' is needed");
        return false;
    }
    *wanted = (struct workspace_rows_wanted){
        .tenant = c->tenant, .from = INT64_MIN, .until = INT64_MAX, .now = call_now(c)};
    if (table != NULL)
        wanted->table = span_of(table);
    if (where != NULL)
        wanted->where = span_of(where);
    return time_read("from", from, &wanted->from, reply) &&
           time_read("before", before, &wanted->until, reply);
}

void
workspace_answer_purge(struct call *c, struct http_reply *reply)
{
    json_t *body = json_loadb(c->body, c->body_size, JSON_REJECT_DUPLICATES, NULL);
    struct workspace_place *place = calloc(1, sizeof *place);
    struct workspace_rows_wanted wanted;
    bool is_empty = false, only_counts = json_is_true(json_object_get(body, "dryRun"));
    struct workspace *w = NULL;
    struct err err = {""};
    uint64_t rows = 0;
    enum status st = ST_OK;

    if (place == NULL) {
        http_reply_error(reply, 503, "ServerBusy", "no memory");
    } else if (purge_read(c, body, &wanted, reply)) {
        w = open_named(c, place, &is_empty, reply);
        wanted.deadline_ms = clock_monotonic_ms() + (int64_t)c->control->config->hunting.time_ms;
        if (w != NULL)
            st = workspace_purge(w, &wanted, only_counts, &rows, &err);
        if (st != ST_OK)
            call_reply_status(reply, st, "PurgeFailed", &err);
        else if (w != NULL || is_empty)
            call_reply_json(
                reply, 200,
                json_pack("{s:I, s:b}", "rows", (json_int_t)rows, "dryRun", only_counts ? 1 : 0));
    }
    workspace_close(w);
    json_decref(body);
    free(place);
}

/* ---- Parquet ---- */

static bool
export_read(const struct call *c, struct workspace_export *e, struct http_reply *reply)
{
    const char *shape = http_query(c->request, "shape"), *ticks = http_query(c->request, "ticks"),
               *where = http_query(c->request, "where"), *format = http_query(c->request, "format");

    *e = (struct workspace_export){
        .rows = {.table = span_of(c->arguments[1]),
                 .tenant = c->tenant,
                 .from = INT64_MIN,
                 .until = INT64_MAX,
                 .now = call_now(c)}
    };
    if (where != NULL)
        e->rows.where = span_of(where);
    e->is_workspace_shape = shape != NULL && strcmp(shape, "workspace") == 0;
    e->no_ticks = ticks != NULL && strcmp(ticks, "false") == 0;
    if (shape != NULL && !e->is_workspace_shape && strcmp(shape, "hunting") != 0)
        http_reply_error(reply, 400, "InvalidRequest", "'shape' is hunting or workspace");
    else if (format != NULL && strcmp(format, "parquet") != 0)
        http_reply_error(reply, 400, "InvalidRequest", "'format' is parquet");
    return reply->status == 0 &&
           time_read("from", http_query(c->request, "from"), &e->rows.from, reply) &&
           time_read("until", http_query(c->request, "until"), &e->rows.until, reply);
}

static void
reply_busy(struct http_reply *reply, const char *why)
{
    http_reply_error(reply, 429, "TooManyRequests", "%s", why);
    reply->retry_after_s = HUNTING_RETRY_S;
}

static void
file_answer(struct call *c, const char *path, struct http_reply *reply)
{
    struct stat info;
    char *text = NULL;
    size_t size = 0;
    struct err err;

    if (stat(path, &info) == 0 && info.st_size > EXPORT_SIZE_MAX) {
        http_reply_error(reply, 413, "ExportTooLarge",
                         "the file has %lld bytes, an answer at most %d: ask for less time with "
                         "'from' and 'until', or export with the daemon stopped",
                         (long long)info.st_size, EXPORT_SIZE_MAX);
        return;
    }
    if (file_read(path, EXPORT_SIZE_MAX, &text, &size, &err) != ST_OK) {
        call_reply_status(reply, ST_IO, "ExportFailed", &err);
        return;
    }
    if (!hunting_hold(c, size)) {
        free(text);
        reply_busy(reply, "answers that are not read yet fill what may be held: come again later");
        return;
    }
    call_reply_taken(reply, 200, text, size);
    reply->content_type = "application/vnd.apache.parquet";
}

void
workspace_answer_export(struct call *c, struct http_reply *reply)
{
    struct workspace_place *place = calloc(1, sizeof *place);
    char path[WORKSPACE_PATH_MAX + 16] = "";
    struct workspace_export e;
    struct running *running = NULL;
    bool is_empty = false;
    struct workspace *w = NULL;
    struct err err = {""};
    uint64_t rows;
    enum status st;
    int fd = -1;

    if (place == NULL)
        http_reply_error(reply, 503, "ServerBusy", "no memory");
    else if (export_read(c, &e, reply))
        running = hunting_enter(c, &e.rows.cancelled);
    if (running != NULL)
        w = open_named(c, place, &is_empty, reply);
    else if (reply->status == 0)
        reply_busy(reply, "too many queries and exports run or wait already: come again later");
    if (is_empty)
        http_reply_error(reply, 404, "TableNotFound", "the workspace has no rows yet");
    if (w != NULL) {
        snprintf(path, sizeof path, "%s.out-XXXXXX", workspace_path(w));
        fd = mkstemp(path);
        e.path = path;
        e.size_max = EXPORT_SIZE_MAX;
        e.rows.deadline_ms = clock_monotonic_ms() + (int64_t)c->control->config->hunting.time_ms;
        st = fd >= 0 ? workspace_export(w, &e, &rows, &err)
                     : err_set(&err, ST_IO, "cannot make a file beside the workspace: %s",
                               strerror(errno));
        if (st == ST_OK)
            file_answer(c, path, reply);
        else if (st == ST_END)
            http_reply_error(reply, 413, "ExportTooLarge", "%s", err.text);
        else
            call_reply_status(reply, st, "ExportFailed", &err);
    }
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    workspace_close(w);
    hunting_leave(c, running);
    free(place);
}
