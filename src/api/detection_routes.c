/* detection_routes.c - detection rules over HTTP: Graph's security/rules/detectionRules, and what is ours beside it: runs. */
#include "api/call.h"
#include "control/detections.h"
#include "detect/detect.h"
#include "detect/rule.h"
#include "journal/journal.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { PAGE_DEFAULT = 200, RUN_WAIT_S = 10, RUN_WAIT_S_MAX = 120 };

/* An error as Graph has it, with all faults. */
static void
reply_error(struct detections_reply *from, struct http_reply *reply)
{
    if (from->details == NULL) {
        http_reply_error(reply, from->status, from->code, "%s", from->err.text);
        return;
    }
    call_reply_json(reply, from->status,
                    json_pack("{s:{s:s, s:o, s:O}}", "error", "code", from->code, "message",
                              call_text(from->err.text), "details", from->details));
}

/* Hands on what control answered; a change is known to who runs the rules first. */
static void
reply_detections(struct call *c, struct detections_reply *from, struct http_reply *reply)
{
    char base[300], place[400];
    struct err err;

    if (from->status >= 400) {
        reply_error(from, reply);
    } else if (from->has_changed && c->api->plan_changed(c->api->app, &err) != ST_OK) {
        http_reply_error(reply, 500, "generalException",
                         "the change is stored but could not be put in force: %s", err.text);
    } else if (from->status == 204) {
        reply->status = 204;
    } else {
        call_reply_json(reply, from->status, json_incref(from->tree));
        if (from->status == 201) {
            call_base(c, base);
            snprintf(place, sizeof place, "%s/beta/security/rules/detectionRules/%lld", base,
                     (long long)from->id);
            call_header(reply, "Location", place);
        }
    }
    detections_reply_free(from);
}

/* The path's rule; 0 (which is nobody's) where it is no number. */
static int64_t
rule_id(const struct call *c)
{
    const char *text = c->arguments[0];
    char *end;
    long long id = isdigit((unsigned char)text[0]) ? strtoll(text, &end, 10) : 0;

    return id > 0 && strlen(text) < 19 && *end == '\0' ? id : 0;
}

/* The body as an object, new; NULL: answered. */
static json_t *
body_read(const struct call *c, struct http_reply *reply)
{
    json_error_t error;
    json_t *body = json_loadb(c->body, c->body_size, JSON_REJECT_DUPLICATES, &error);

    if (body == NULL)
        http_reply_error(reply, 400, "BadRequest", "the body is no JSON: %s, line %d, column %d",
                         error.text, error.line, error.column);
    else if (!json_is_object(body))
        http_reply_error(reply, 400, "BadRequest", "a detection rule is a JSON object");
    if (json_is_object(body))
        return body;
    json_decref(body);
    return NULL;
}

/* ---- $filter ---- */

static void
skip_blanks(const char **p)
{
    while (**p == ' ')
        (*p)++;
}

/* 'text' with '' for a quote. */
static bool
read_quoted(const char **p, char *out, size_t room)
{
    size_t n = 0;

    if (**p != '\'')
        return false;
    for ((*p)++; **p != '\0' && n + 1 < room; (*p)++) {
        if (**p == '\'' && *(*p + 1) != '\'') {
            (*p)++;
            out[n] = '\0';
            return true;
        }
        if (**p == '\'')
            (*p)++;
        out[n++] = **p;
    }
    return false;
}

static bool
take_word(const char **p, const char *word)
{
    size_t n = strlen(word);

    if (strncasecmp(*p, word, n) != 0 || isalnum((unsigned char)(*p)[n]))
        return false;
    *p += n;
    skip_blanks(p);
    return true;
}

/* One of: isEnabled eq true, displayName eq 'x', startswith(displayName,'x'). */
static bool
read_condition(const char **p, struct detections_page *page, char name[520], char prefix[520])
{
    if (take_word(p, "isEnabled")) {
        bool is_negated = take_word(p, "ne");

        if (!is_negated && !take_word(p, "eq"))
            return false;
        if (take_word(p, "true"))
            page->is_enabled = !is_negated;
        else if (take_word(p, "false"))
            page->is_enabled = is_negated;
        else
            return false;
        return true;
    }
    if (take_word(p, "displayName")) {
        page->name = name;
        return take_word(p, "eq") && read_quoted(p, name, 520);
    }
    if (!take_word(p, "startswith") || *(*p)++ != '(')
        return false;
    skip_blanks(p);
    if (!take_word(p, "displayName") || *(*p)++ != ',')
        return false;
    skip_blanks(p);
    page->name_prefix = prefix;
    if (!read_quoted(p, prefix, 520))
        return false;
    skip_blanks(p);
    return *(*p)++ == ')';
}

static bool
read_filter(const char *text, struct detections_page *page, char name[520], char prefix[520])
{
    const char *p = text;

    skip_blanks(&p);
    do {
        if (!read_condition(&p, page, name, prefix))
            return false;
        skip_blanks(&p);
    } while (take_word(&p, "and"));
    return *p == '\0';
}

/* ---- handlers ---- */

void
detection_answer_list(struct call *c, struct http_reply *reply)
{
    char name[520], prefix[520], base[300], link[1200];
    const char *filter = http_query(c->request, "$filter");
    struct detections_page page = {.tenant = c->tenant, .is_enabled = -1};
    struct detections_reply from;
    uint64_t top, skip, after;
    int64_t next;

    if (!call_number(c, "$top", PAGE_DEFAULT, DETECTIONS_PAGE_MAX, &top, reply) ||
        !call_number(c, "$skip", 0, UINT32_MAX, &skip, reply) ||
        !call_number(c, "$skiptoken", 0, INT64_MAX, &after, reply))
        return;
    if (filter != NULL && !read_filter(filter, &page, name, prefix)) {
        http_reply_error(reply, 400, "BadRequest",
                         "$filter understands isEnabled eq true, displayName eq 'x' and "
                         "startswith(displayName,'x'), joined by and");
        return;
    }
    page.after = (int64_t)after;
    page.skip = skip;
    page.count_max = top == 0 ? 1 : top;
    detections_list(c->control, &page, &next, &from);
    if (from.status == 200) {
        call_base(c, base);
        snprintf(link, sizeof link, "%s/beta/$metadata#security/rules/detectionRules", base);
        json_object_set_new(from.tree, "@odata.context", json_string(link));
        if (next != 0 && filter == NULL) {
            snprintf(link, sizeof link,
                     "%s/beta/security/rules/detectionRules?$top=%llu&$skiptoken=%lld", base,
                     (unsigned long long)page.count_max, (long long)next);
            json_object_set_new(from.tree, "@odata.nextLink", json_string(link));
        }
    }
    reply_detections(c, &from, reply);
}

void
detection_answer_get(struct call *c, struct http_reply *reply)
{
    struct detections_reply from;

    detections_get(c->control, c->tenant, rule_id(c), &from);
    reply_detections(c, &from, reply);
}

static void
put(struct call *c, int64_t id, struct http_reply *reply)
{
    json_t *body = body_read(c, reply);
    struct detections_reply from;

    if (body == NULL)
        return;
    const struct detections_put put = {
        .tenant = c->tenant,
        .actor = c->who.name,
        .body = body,
        .id = id,
        .position = journal_extent(c->api->journal).end,
        .now = call_now(c),
    };

    detections_put(c->control, &put, &from);
    reply_detections(c, &from, reply);
    json_decref(body);
}

void
detection_answer_post(struct call *c, struct http_reply *reply)
{
    put(c, 0, reply);
}

void
detection_answer_patch(struct call *c, struct http_reply *reply)
{
    int64_t id = rule_id(c);

    if (id == 0)
        http_reply_error(reply, 404, "NotFound", "there is no such detection rule");
    else
        put(c, id, reply);
}

void
detection_answer_delete(struct call *c, struct http_reply *reply)
{
    struct detections_reply from;

    detections_delete(c->control, c->tenant, rule_id(c), &from);
    reply_detections(c, &from, reply);
}

void
detection_answer_runs(struct call *c, struct http_reply *reply)
{
    struct detections_reply from;
    uint64_t top;

    if (!call_number(c, "$top", DETECTION_RUNS_MAX, DETECTION_RUNS_MAX, &top, reply))
        return;
    detections_runs(c->control, c->tenant, rule_id(c), top, &from);
    reply_detections(c, &from, reply);
}

/* ---- runs and test-runs ---- */

static bool
has_detect(const struct call *c, struct http_reply *reply)
{
    if (c->api->detect == NULL)
        http_reply_error(reply, 503, "ServiceUnavailable", "nobody runs detection rules here");
    return c->api->detect != NULL;
}

void
detection_answer_run(struct call *c, struct http_reply *reply)
{
    uint64_t wait;
    json_t *run;
    struct err err;
    enum status st;

    if (!has_detect(c, reply) || !call_number(c, "wait", RUN_WAIT_S, RUN_WAIT_S_MAX, &wait, reply))
        return;
    st = detect_run(c->api->detect, c->tenant, rule_id(c), (int)wait * 1000, &run, &err);
    if (st == ST_OK)
        call_reply_json(reply, 200, run);
    else if (st == ST_FULL)
        call_reply_json(
            reply, 202,
            json_pack("{s:s, s:o}", "status", "running", "message", call_text(err.text)));
    else if (st == ST_END)
        http_reply_error(reply, 404, "NotFound", "%s", err.text);
    else if (st == ST_INVALID)
        http_reply_error(reply, 400, "BadRequest", "%s", err.text);
    else
        http_reply_error(reply, 503, "ServiceUnavailable", "%s", err.text);
}

/* Runs a rule that was read; answers. */
static void
test(struct call *c, const struct detection *x, struct http_reply *reply)
{
    const char *text = http_query(c->request, "span");
    int64_t span = 0;
    json_t *answer;
    struct err err;
    enum status st;

    if (text != NULL && (!detection_duration_read(span_of(text), &span) || span <= 0 ||
                         span > DETECTION_LOOKBACK_MAX)) {
        http_reply_error(reply, 400, "BadRequest", "span: a duration like PT4H, at most P30D");
        return;
    }
    st = detect_test(c->api->detect, c->tenant, x, span, &answer, &err);
    if (st == ST_OK)
        call_reply_json(reply, 200, answer);
    else if (st == ST_INVALID)
        http_reply_error(reply, 400, "BadRequest", "%s", err.text);
    else
        http_reply_error(reply, 503, "ServiceUnavailable", "%s", err.text);
}

void
detection_answer_test(struct call *c, struct http_reply *reply)
{
    json_t *body = has_detect(c, reply) ? body_read(c, reply) : NULL;
    struct detections_reply from;
    struct detection_faults faults = {.details = NULL};
    struct detection x;
    struct err err;

    if (body == NULL)
        return;
    const struct detections_put put = {
        .tenant = c->tenant, .actor = c->who.name, .body = body, .is_validation = true};

    detections_put(c->control, &put, &from);
    if (from.status != 200) {
        reply_detections(c, &from, reply);
    } else {
        if (detection_read(c->control, from.tree, true, NULL, &x, &faults, &err) == ST_OK) {
            test(c, &x, reply);
            detection_free(&x);
        } else {
            http_reply_error(reply, 503, "ServiceUnavailable", "%s", err.text);
        }
        detection_faults_free(&faults);
        detections_reply_free(&from);
    }
    json_decref(body);
}

void
detection_answer_test_one(struct call *c, struct http_reply *reply)
{
    struct rule *rule;
    struct err err;

    if (!has_detect(c, reply))
        return;
    if (rule_read(c->control, c->tenant, rule_id(c), &rule, &err) != ST_OK) {
        http_reply_error(reply, 404, "NotFound", "there is no such detection rule");
        return;
    }
    if (rule->broken[0] != '\0')
        http_reply_error(reply, 400, "BadRequest", "%s", rule->broken);
    else
        test(c, &rule->x, reply);
    rules_free(rule);
}
