/* loganalytics_routes.c - queries one by one and in batches. What is answered stands in loganalytics_answer.c. */
#include "api/loganalytics.h"
#include "base/clock.h"
#include <stdlib.h>
#include <strings.h>

/* ---- answering ---- */

static void
reply_text(struct call *c, struct http_reply *reply, unsigned status, struct hunting_text *out)
{
    hunting_reply(c, reply, status, out);
    if (reply->status == 429 || reply->status == 503)
        reply->retry_after_s = HUNTING_RETRY_S;
}

static void
reply_invalid(struct call *c, struct http_reply *reply, const struct err *why)
{
    struct hunting_text out = {.limit = 0};

    loganalytics_put_invalid(&out, why);
    reply_text(c, reply, 400, &out);
}

static void
query_run(struct call *c, struct http_reply *reply, struct loganalytics_ask *ask)
{
    struct hunting_text out = {.limit = 0};
    unsigned status;

    ask->prefer = hunting_prefer_read(http_header(c->request, "Prefer"));
    status = loganalytics_answer(c, ask, &out);
    reply_text(c, reply, status, &out);
}

/* A time span in the URL narrows the body's ("Request format": the intersection of the two). */
static bool
period_narrow(struct call *c, struct hunting_query *query, struct err *err)
{
    const char *text = http_query(c->request, "timespan");
    struct hunting_period period;

    if (text == NULL || text[0] == '\0')
        return true;
    if (!hunting_period_read(span_of(text), call_now(c), &period, err))
        return false;
    query->period = hunting_period_both(query->period, period);
    return true;
}

static void
query_post(struct call *c, struct http_reply *reply, struct span workspace)
{
    struct loganalytics_ask *ask = calloc(1, sizeof *ask);
    struct err err;
    json_t *tree = hunting_json_read((struct span){c->body, c->body_size}, &err);

    if (ask == NULL) {
        http_reply_error(reply, 503, "ServiceUnavailable", "no memory for the request");
    } else if (tree == NULL || !hunting_query_read(tree, call_now(c), &ask->query, &err) ||
               !period_narrow(c, &ask->query, &err)) {
        reply_invalid(c, reply, &err);
    } else {
        ask->workspace = workspace;
        query_run(c, reply, ask);
    }
    json_decref(tree);
    free(ask);
}

static bool
workspaces_split(const char *text, struct hunting_query *query, struct err *err)
{
    for (const char *at = text == NULL ? "" : text; *at != '\0'; at += *at == ',') {
        size_t n = strcspn(at, ",");

        if (n > 0 && query->workspace_count == HUNTING_ADDITIONAL_MAX) {
            (void)err_set(err, ST_INVALID, "'workspaces' may name %d at most",
                          HUNTING_ADDITIONAL_MAX);
            return false;
        }
        if (n > 0)
            query->workspaces[query->workspace_count++] = (struct span){at, n};
        at += n;
    }
    return true;
}

static void
query_get(struct call *c, struct http_reply *reply, struct span workspace)
{
    struct loganalytics_ask *ask = calloc(1, sizeof *ask);
    const char *text = http_query(c->request, "query");
    struct err err;

    if (ask == NULL) {
        http_reply_error(reply, 503, "ServiceUnavailable", "no memory for the request");
        return;
    }
    ask->workspace = workspace;
    ask->query.period = (struct hunting_period){INT64_MIN, INT64_MAX};
    if (text == NULL || text[strspn(text, " \t\r\n")] == '\0') {
        (void)err_set(&err, ST_INVALID, "the parameter query is missing: the text of the query");
        reply_invalid(c, reply, &err);
    } else if (!period_narrow(c, &ask->query, &err) ||
               !workspaces_split(http_query(c->request, "workspaces"), &ask->query, &err)) {
        reply_invalid(c, reply, &err);
    } else {
        ask->query.text = span_of(text);
        query_run(c, reply, ask);
    }
    free(ask);
}

void
loganalytics_query_post(struct call *c, struct http_reply *reply)
{
    query_post(c, reply, span_of(c->arguments[0]));
}

void
loganalytics_query_get(struct call *c, struct http_reply *reply)
{
    query_get(c, reply, span_of(c->arguments[0]));
}

enum { RESOURCE_ID_SIZE = 3 * CALL_ARGUMENT_SIZE + 100 };

/* Three segments of the path, decoded without slashes: put together again they are no more than one workspace. */
static struct span
resource_id(const struct call *c, char out[RESOURCE_ID_SIZE])
{
    snprintf(out, RESOURCE_ID_SIZE,
             "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.OperationalInsights/"
             "workspaces/%s",
             c->arguments[0], c->arguments[1], c->arguments[2]);
    return span_of(out);
}

/* "Azure resource queries" has a code of its own for what is not there. */
static bool
resource_find(struct call *c, struct span id, struct http_reply *reply)
{
    struct hunting_text out = {.limit = 0};
    struct workspace_place place;
    char message[RESOURCE_ID_SIZE + 40];
    struct err err;

    if (hunting_place(c, id, &place, &err))
        return true;
    snprintf(message, sizeof message, "The resource %s was not found", id.p);
    loganalytics_put_error(&out, "ResourceNotFoundError", message,
                           workspace_is_built() ? NULL : "WorkspaceNotFound", err.text);
    reply_text(c, reply, 404, &out);
    return false;
}

void
loganalytics_resource_post(struct call *c, struct http_reply *reply)
{
    char id[RESOURCE_ID_SIZE];

    if (resource_find(c, resource_id(c, id), reply))
        query_post(c, reply, span_of(id));
}

void
loganalytics_resource_get(struct call *c, struct http_reply *reply)
{
    char id[RESOURCE_ID_SIZE];

    if (resource_find(c, resource_id(c, id), reply))
        query_get(c, reply, span_of(id));
}

/* ---- batches ---- */

struct batch {
    const json_t *requests;
    struct hunting_text out;
    struct loganalytics_ask ask; /* of the one at work */
    size_t size_max;
    int64_t deadline_ms;
};

static struct span
text_in(const json_t *object, const char *name)
{
    const json_t *text = hunting_member(object, name);

    return json_is_string(text) ? (struct span){json_string_value(text), json_string_length(text)}
                                : (struct span){"", 0};
}

static bool
batch_check(const json_t *requests, struct err *err)
{
    size_t count = json_array_size(requests);
    json_t *seen = json_object();
    bool is_fine = json_is_array(requests) && count > 0 && count <= HUNTING_BATCH_MAX;

    if (!is_fine)
        (void)err_set(err, ST_INVALID, "'requests' must be a list of 1 to %d requests",
                      HUNTING_BATCH_MAX);
    for (size_t i = 0; is_fine && i < count; i++) {
        const json_t *r = json_array_get(requests, i);
        struct span id = text_in(r, "id");

        if (id.n == 0 || id.n > HUNTING_ID_MAX || text_in(r, "workspace").n == 0 ||
            text_in(r, "path").n == 0)
            is_fine =
                err_set(err, ST_INVALID,
                        "'requests[%zu]' needs the texts id (at most %d bytes), workspace and "
                        "path, besides method, headers and body",
                        i, HUNTING_ID_MAX) == ST_OK;
        else if (json_object_get(seen, id.p) != NULL)
            is_fine = err_set(err, ST_INVALID, "'requests[%zu]' has the id of an earlier one", i) ==
                      ST_OK;
        else if (json_object_set_new(seen, id.p, json_true()) != 0)
            is_fine = err_set(err, ST_FULL, "no memory for so many requests") == ST_OK;
    }
    json_decref(seen);
    return is_fine;
}

/* One request's answer; the status. */
static unsigned
batch_run(struct call *c, struct batch *b, const json_t *r)
{
    struct span method = text_in(r, "method"), path = text_in(r, "path"), prefer;
    int64_t left_ms = b->deadline_ms - clock_monotonic_ms();
    size_t left = b->out.n < b->size_max ? b->size_max - b->out.n : 1;
    struct err err;

    if (path.n != 6 || strncasecmp(path.p, "/query", 6) != 0 ||
        (method.n > 0 && strcasecmp(method.p, "POST") != 0 && strcasecmp(method.p, "GET") != 0)) {
        loganalytics_put_absent(&b->out, NULL);
        return 404;
    }
    if (!hunting_query_read(hunting_member(r, "body"), call_now(c), &b->ask.query, &err)) {
        loganalytics_put_invalid(&b->out, &err);
        return 400;
    }
    if (left_ms <= 0) {
        loganalytics_put_error(&b->out, "GatewayTimeout", "Gateway timeout", "GatewayTimeout",
                               "the requests before it took all the time that a batch has");
        return 504;
    }
    prefer = text_in(hunting_member(r, "headers"), "prefer");
    b->ask.workspace = text_in(r, "workspace");
    b->ask.prefer = hunting_prefer_read(prefer.p);
    if (b->ask.prefer.wait_ms == 0)
        b->ask.prefer.wait_ms = (int64_t)c->control->config->hunting.time_ms;
    if (b->ask.prefer.wait_ms > left_ms)
        b->ask.prefer.wait_ms = left_ms;
    b->ask.size_max = left;
    return loganalytics_answer(c, &b->ask, &b->out);
}

/* In the order asked: the published client takes answers by their place. The status stands before the body, where its digits are filled
 * in when they are known. */
static void
batch_answer(struct call *c, struct batch *b)
{
    size_t count = json_array_size(b->requests), at;
    char digits[8];

    hunting_put(&b->out, span_of("{\"responses\":["));
    for (size_t i = 0; i < count; i++) {
        const json_t *r = json_array_get(b->requests, i);
        unsigned status;

        hunting_put(&b->out, span_of(i == 0 ? "{\"id\":" : ",{\"id\":"));
        hunting_put_quoted(&b->out, text_in(r, "id"));
        hunting_put(&b->out, span_of(",\"status\":"));
        at = b->out.n;
        hunting_put(&b->out, span_of("000,\"headers\":{},\"body\":"));
        status = batch_run(c, b, r);
        hunting_put(&b->out, span_of("}"));
        snprintf(digits, sizeof digits, "%03u", status % 1000);
        if (!b->out.is_spent)
            memcpy(b->out.p + at, digits, 3);
    }
    hunting_put(&b->out, span_of("]}"));
}

void
loganalytics_batch(struct call *c, struct http_reply *reply)
{
    struct batch *b = calloc(1, sizeof *b);
    struct err err;
    json_t *tree = hunting_json_read((struct span){c->body, c->body_size}, &err);

    if (b == NULL) {
        http_reply_error(reply, 503, "ServiceUnavailable", "no memory for the request");
    } else if (tree == NULL || !batch_check(hunting_member(tree, "requests"), &err)) {
        reply_invalid(c, reply, &err);
    } else {
        b->requests = hunting_member(tree, "requests");
        b->size_max = (size_t)c->control->config->hunting.answer_size_max;
        b->deadline_ms = clock_monotonic_ms() + (int64_t)c->control->config->hunting.time_ms_max;
        batch_answer(c, b);
        reply_text(c, reply, 200, &b->out);
    }
    json_decref(tree);
    free(b);
}
