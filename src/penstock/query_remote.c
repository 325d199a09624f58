/* query_remote.c - a query sent to the daemon; its answer read back into values, so that every format shows it as the
 * engine here would. */
#include "penstock/query_remote.h"
#include "base/clock.h"
#include "penstock/commands.h"
#include "penstock/query_answer.h"
#include "penstock/query_show.h"
#include "wire/json.h"
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MEMORY_MAX = 2000 }; /* MiB that an answer may take as values */

struct query_remote {
    const struct query_options *o;
    struct client client;
    struct pool pool;
    char path[2048];
    uint64_t shown; /* of the body that was printed last */
    bool has_shown;
};

/* ---- asking ---- */

/* "/v1/workspaces/NAME", or of a resource id "/v1/subscriptions/...", its parts encoded. False: too long. */
static bool
path_make(struct query_remote *r, const char *workspace)
{
    bool is_id = workspace[0] == '/' || strncasecmp(workspace, "subscriptions/", 14) == 0;
    size_t n = (size_t)snprintf(r->path, sizeof r->path, is_id ? "/v1" : "/v1/workspaces");
    char part[600];

    while (*workspace == '/')
        workspace++;
    do {
        size_t size = is_id ? strcspn(workspace, "/") : strlen(workspace);
        char *copy = strndup(workspace, size);
        bool fits = copy != NULL && client_encode(copy, part, sizeof part);

        free(copy);
        if (!fits || n + strlen(part) + 100 > sizeof r->path)
            return false;
        n += (size_t)snprintf(r->path + n, sizeof r->path - n, "/%s", part);
        workspace += size + (workspace[size] == '/');
    } while (*workspace != '\0');
    snprintf(r->path + n, sizeof r->path - n, "/query%s%s",
             r->client.tenant[0] == '\0' ? "" : "?tenantId=", r->client.tenant);
    return true;
}

int
query_remote_open(const struct query_options *o, struct query_remote **out)
{
    struct query_remote *r = calloc(1, sizeof *r);
    struct err err = {""};

    *out = NULL;
    if (r == NULL) {
        fputs("penstock query: no memory\n", stderr);
        return EXIT_UNREACHABLE;
    }
    r->o = o;
    pool_init(&r->pool, (size_t)ANSWER_MEMORY_MAX << 20);
    if (client_open(&r->client, "penstock query", &o->client, &err) != ST_OK ||
        !path_make(r, o->workspace == NULL ? "-" : o->workspace)) {
        fprintf(stderr, "penstock query: %s\n",
                err.text[0] != '\0' ? err.text : "the workspace's name is too long");
        query_remote_close(r);
        return EXIT_USAGE;
    }
    *out = r;
    return EXIT_DONE;
}

void
query_remote_close(struct query_remote *r)
{
    if (r == NULL)
        return;
    client_close(&r->client);
    pool_free(&r->pool);
    free(r);
}

static json_t *
parameters_json(const struct query_options *o)
{
    json_t *object = json_object();

    for (size_t i = 0; i < o->parameter_count; i++) {
        const struct kql_parameter_value *p = &o->parameters[i];

        json_object_setn_new(object, p->name.p, p->name.n,
                             json_stringn(p->literal.p, p->literal.n));
    }
    return object;
}

/* malloc'd; NULL: the text is no UTF-8, or there is no memory. */
static char *
body_make(const struct query_options *o, struct span text)
{
    json_t *own = json_pack(
        "{s:s, s:b, s:b, s:I, s:o}", "shape", query_shape_name(o->shape), "check",
        (int)(o->is_check || o->is_explain), "explain", (int)o->is_explain, "rows",
        (json_int_t)(o->limits.answer_rows_max > INT64_MAX ? 0 : o->limits.answer_rows_max),
        "parameters", parameters_json(o));
    json_t *body = json_pack("{s:s%, s:o}", "query", text.p, text.n, "penstock", own);
    char *made;

    if (o->timespan != NULL)
        json_object_set_new(body, "timespan", json_string(o->timespan));
    if (o->beside_count > 0)
        json_object_set_new(body, "workspaces", json_array());
    for (size_t i = 0; i < o->beside_count; i++)
        json_array_append_new(json_object_get(body, "workspaces"), json_string(o->beside[i]));
    made = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return made;
}

/* The header says how long it may take, and that the chart is wanted. */
static int
fetch(struct query_remote *r, struct span text, struct http_exchange *x)
{
    char *body = body_make(r->o, text), prefer[100] = "include-render=true";
    int code;

    if (body == NULL) {
        fputs("penstock query: the query is no UTF-8\n", stderr);
        return EXIT_REFUSED;
    }
    if (r->o->has_time)
        snprintf(prefer, sizeof prefer, "include-render=true, wait=%lld",
                 (long long)(r->o->time_ms + 999) / 1000);
    code = client_fetch_preferring(&r->client, "POST", r->path, span_of(body), "application/json",
                                   prefer, x);
    free(body);
    return code;
}

/* ---- showing ---- */

static void
print_diagnostics(struct query_remote *r, const struct kql_diagnostics *d)
{
    struct span text = kql_diagnostics_print(&r->pool, d, true);

    fwrite(text.p, 1, text.n, stderr);
}

/* A text of a peer: without controls. */
static void
print_told(const char *lead, struct span text)
{
    fprintf(stderr, "penstock query: %s", lead);
    for (size_t i = 0; i < text.n; i++)
        fputc((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f ? ' ' : text.p[i], stderr);
    fputc('\n', stderr);
}

static int
show_error(struct query_remote *r, struct span text, const struct http_exchange *x)
{
    struct query_answer answer;

    if (x->status == 401 || x->status == 403)
        return client_complain(&r->client, "the query", x);
    query_answer_read_error(&r->pool, x->response, text, &answer);
    if (answer.diagnostics.count > 0)
        print_diagnostics(r, &answer.diagnostics);
    else if (answer.error.n > 0)
        print_told("", answer.error);
    else
        fprintf(stderr, "penstock query: %s answered HTTP %u\n", r->client.url, x->status);
    return x->status == 429 || x->status >= 500 ? EXIT_UNREACHABLE : EXIT_REFUSED;
}

static int
show_answer(struct query_remote *r, struct span text, const struct http_exchange *x)
{
    const struct query_options *o = r->o;
    struct query_answer answer;
    struct err err = {""};
    int code;

    if (!query_answer_read(&r->pool, x->response, text, &answer, &err)) {
        fprintf(stderr, "penstock query: %s: %s\n", r->client.url, err.text);
        return EXIT_UNREACHABLE;
    }
    if (answer.diagnostics.count > 0)
        print_diagnostics(r, &answer.diagnostics);
    if (o->is_explain) {
        fwrite(answer.explanation.p, 1, answer.explanation.n, stdout);
        code = query_end_output();
    } else if (o->is_check) {
        code = EXIT_DONE;
        for (uint32_t i = 0; i < answer.answers.count && code == EXIT_DONE; i++)
            if (query_print_schema(stdout, o->format, &answer.answers.items[i].schema, &err) !=
                ST_OK) {
                fprintf(stderr, "penstock query: %s\n", err.text);
                code = EXIT_REFUSED;
            }
        code = code == EXIT_DONE ? query_end_output() : code;
    } else {
        code = query_show(o->format, &answer.answers, answer.charts);
    }
    if (answer.partial.n > 0)
        print_told("rows are missing: ", answer.partial);
    return code;
}

/* FNV-1a: only to see whether an answer is another one. */
static uint64_t
hash_of(struct span text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (unsigned char)text.p[i]) * UINT64_C(1099511628211);
    return hash;
}

static void
watch_head(const struct query_remote *r)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[32] = "";

    if (localtime_r(&now, &parts) != NULL)
        strftime(text, sizeof text, "%H:%M:%S", &parts);
    printf("\033[H\033[2Jevery %.1f s, %s\n\n", (double)r->o->watch_ms / 1000, text);
}

/* Once. With --watch, on a terminal in place; elsewhere only what differs from before. */
static int
ask(struct query_remote *r, struct span text)
{
    struct http_exchange x;
    jmp_buf here;
    int code = fetch(r, text, &x);
    bool redraws = r->o->watch_ms > 0 && isatty(STDOUT_FILENO) == 1;

    if (code != EXIT_DONE)
        return code;
    if (r->o->watch_ms > 0 && !redraws && r->has_shown && hash_of(x.response) == r->shown)
        return EXIT_DONE;
    r->shown = hash_of(x.response);
    r->has_shown = true;
    pool_reset(&r->pool);
    r->pool.escape = &here;
    if (setjmp(here) != 0) {
        fputs("penstock query: the answer is too large to be held here: take fewer rows\n", stderr);
        return EXIT_REFUSED;
    }
    if (redraws)
        watch_head(r);
    return x.status == 200 ? show_answer(r, text, &x) : show_error(r, text, &x);
}

int
query_remote_run(struct query_remote *r, struct span text)
{
    int code;

    for (;;) {
        int64_t begun_ms = clock_monotonic_ms(), left_ms;
        struct timespec pause;

        code = ask(r, text);
        if (r->o->watch_ms == 0 || (code != EXIT_DONE && code != EXIT_UNREACHABLE) || !r->has_shown)
            return code;
        left_ms = r->o->watch_ms - (clock_monotonic_ms() - begun_ms);
        if (left_ms <= 0)
            continue;
        pause = (struct timespec){left_ms / 1000, left_ms % 1000 * 1000000};
        while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
            ;
    }
}
