/* detections.c - the verbs of detection rules. */
#include "control/detections.h"
#include "control/inventory.h"
#include "control/saved_queries.h"
#include "control/workspaces.h"
#include "model/datetime.h"
#include "wire/json.h"
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

void
detections_reply_free(struct detections_reply *reply)
{
    json_decref(reply->tree);
    json_decref(reply->details);
    reply->tree = reply->details = NULL;
}

static void
refuse(struct detections_reply *reply, unsigned status, const char *code)
{
    reply->status = status;
    snprintf(reply->code, sizeof reply->code, "%s", code);
}

/* By what the store said; err is the reply's. */
static void
refuse_store(struct detections_reply *reply, enum status st)
{
    if (st == ST_END)
        refuse(reply, 404, "NotFound");
    else if (st == ST_FULL || st == ST_INVALID)
        refuse(reply, 409, "Conflict");
    else
        refuse(reply, 503, "ServiceUnavailable");
}

int64_t
detection_due(int64_t period, int64_t since, int64_t ran, int64_t tried, int64_t now)
{
    int64_t retry = tried + DETECTION_RETRY_MINUTES * DETECTION_MINUTE, next;

    if (tried < since || period <= 0)
        return since;
    if (tried > now + period) /* the clock was set back */
        return now;
    next = since + ((tried - since) / period + 1) * period;
    return ran < tried && retry < next ? retry : next;
}

/* ---- answers ---- */

static json_t *
time_json(int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    if (ticks == 0)
        return json_null();
    datetime_write(text, ticks);
    return json_stringn(text, sizeof text);
}

/* Of text that may be no UTF-8: what is not ASCII becomes '?' then. */
static json_t *
text_json(const char *text)
{
    json_t *made = json_string(text);
    char *copy;

    if (made != NULL || (copy = strdup(text)) == NULL)
        return made;
    for (char *p = copy; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    made = json_string(copy);
    free(copy);
    return made;
}

json_t *
detection_run_json(const struct store_detection_run *run)
{
    bool has_failed = run->outcome == DETECTION_RUN_FAILED;

    return json_pack("{s:o, s:o, s:I, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "startedDateTime", time_json(run->started), "endedDateTime",
                     time_json(run->ended), "durationMs",
                     (json_int_t)((run->ended - run->started) / (DETECTION_MINUTE / 60000)),
                     "status", has_failed ? "failed" : "completed", "failureReason",
                     has_failed ? text_json(run->error) : json_null(), "errorCode",
                     has_failed ? text_json(run->code) : json_null(), "trigger", run->trigger,
                     "fromPosition", (json_int_t)run->from, "toPosition", (json_int_t)run->to,
                     "rows", (json_int_t)run->rows, "alerts", (json_int_t)run->alerts, "merged",
                     (json_int_t)run->merged, "dropped", (json_int_t)run->dropped);
}

/* A stored rule on its way to an answer: copied out of the store's visit. */
struct found {
    json_t *kept;
    json_t *meta; /* id ... detectorId */
    int64_t id, since, ran, tried, query_modified;
    bool is_enabled;
};

static void
found_free(struct found *f)
{
    json_decref(f->kept);
    json_decref(f->meta);
}

static bool
found_take(struct found *f, const struct store_detection *x)
{
    char id[24];

    snprintf(id, sizeof id, "%lld", (long long)x->id);
    *f = (struct found){
        .kept = json_loadb(x->json.p, x->json.n, 0, NULL),
        .meta = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "@odata.type",
                          "#microsoft.graph.security.detectionRule", "id", id, "createdBy",
                          text_json(x->created_by), "createdDateTime", time_json(x->created),
                          "lastModifiedDateTime", time_json(x->modified), "lastModifiedBy",
                          text_json(x->modified_by), "detectorId", x->detector),
        .id = x->id,
        .since = x->since,
        .ran = x->ran,
        .tried = x->tried,
        .query_modified = x->query_modified,
        .is_enabled = x->is_enabled,
    };
    return json_is_object(f->kept) && f->meta != NULL;
}

static bool
run_first(void *app, const struct store_detection_run *x)
{
    bool has_failed = x->outcome == DETECTION_RUN_FAILED;

    *(json_t **)app = json_pack("{s:o, s:s, s:o, s:o}", "lastRunDateTime", time_json(x->started),
                                "status", has_failed ? "failed" : "completed", "failureReason",
                                has_failed ? text_json(x->error) : json_null(), "errorCode",
                                has_failed ? text_json(x->code) : json_null());
    return false;
}

/* The rule as it is answered; takes what 'f' holds. NULL: no memory. */
static json_t *
shown_json(const struct control *c, struct found *f)
{
    json_t *schedule = json_object_get(f->kept, "schedule"), *last = NULL, *shown = f->meta;
    const char *period = json_string_value(json_object_get(schedule, "period"));
    char duration[40], text[16];
    struct err ignored;
    int64_t ticks = 0;

    if (period != NULL && strcmp(period, "0") != 0) {
        snprintf(text, sizeof text, "PT%s", period);
        (void)detection_duration_read(span_of(text), &ticks);
    }
    detection_duration_write(ticks, duration);
    json_object_set_new(schedule, "frequency", json_string(duration));
    json_object_set_new(
        schedule, "nextRunDateTime",
        f->is_enabled && ticks > 0
            ? time_json(detection_due(ticks, f->since, f->ran, f->tried, INT64_MAX / 2))
            : json_null());
    json_object_set_new(json_object_get(f->kept, "queryCondition"), "lastModifiedDateTime",
                        time_json(f->query_modified));
    if (store_detection_runs(c->store, f->id, 1, run_first, &last, &ignored) != ST_OK ||
        last == NULL)
        last = json_pack("{s:n, s:n, s:n, s:n}", "lastRunDateTime", "status", "failureReason",
                         "errorCode");
    json_object_set_new(shown, "lastRunDetails", last);
    json_object_update(shown, f->kept);
    json_decref(f->kept);
    return shown;
}

struct listing {
    const struct detections_page *page;
    struct found *list;
    size_t count, skipped;
    bool has_more, is_spent;
};

static bool
page_wants(const struct detections_page *p, const struct store_detection *x)
{
    if (x->id <= p->after || (p->is_enabled >= 0 && x->is_enabled != (p->is_enabled == 1)))
        return false;
    if (p->name != NULL && strcasecmp(p->name, x->name) != 0)
        return false;
    return p->name_prefix == NULL ||
           strncasecmp(p->name_prefix, x->name, strlen(p->name_prefix)) == 0;
}

static bool
list_visit(void *app, const struct store_detection *x)
{
    struct listing *l = app;

    if (!page_wants(l->page, x))
        return true;
    if (l->skipped < l->page->skip) {
        l->skipped++;
        return true;
    }
    if (l->count == l->page->count_max) {
        l->has_more = true;
        return false;
    }
    l->is_spent = !found_take(&l->list[l->count++], x);
    return !l->is_spent;
}

void
detections_list(const struct control *c, const struct detections_page *page, int64_t *next,
                struct detections_reply *reply)
{
    struct listing l = {.page = page, .list = calloc(page->count_max + 1, sizeof *l.list)};
    json_t *list = json_array();
    enum status st;

    *reply = (struct detections_reply){.status = 200};
    *next = 0;
    if (l.list == NULL || list == NULL) {
        refuse(reply, 503, "ServiceUnavailable");
        (void)err_set(&reply->err, ST_FULL, "no memory for the list");
        goto end;
    }
    st = store_detections(c->store, page->tenant, 0, list_visit, &l, &reply->err);
    if (st == ST_OK && l.is_spent)
        st = err_set(&reply->err, ST_IO, "no memory for the list");
    if (l.has_more && l.count > 0)
        *next = l.list[l.count - 1].id;
    for (size_t i = 0; i < l.count; i++) {
        if (st == ST_OK)
            json_array_append_new(list, shown_json(c, &l.list[i]));
        else
            found_free(&l.list[i]);
    }
    if (st != ST_OK)
        refuse_store(reply, st);
    else
        reply->tree = json_pack("{s:O}", "value", list);
end:
    json_decref(list);
    free(l.list);
}

static bool
one_visit(void *app, const struct store_detection *x)
{
    (void)found_take(app, x);
    return false;
}

static enum status
find(const struct control *c, const char *tenant, int64_t id, struct found *f, struct err *err)
{
    enum status st;

    *f = (struct found){.kept = NULL};
    if (id <= 0)
        return err_set(err, ST_END, "there is no such detection rule");
    st = store_detections(c->store, tenant, id, one_visit, f, err);
    if (st == ST_OK && (f->kept == NULL || f->meta == NULL)) {
        found_free(f);
        st = err_set(err, ST_IO, "no memory for a detection rule");
    }
    return st;
}

void
detections_get(const struct control *c, const char *tenant, int64_t id,
               struct detections_reply *reply)
{
    struct found f;
    enum status st;

    *reply = (struct detections_reply){.status = 200, .id = id};
    st = find(c, tenant, id, &f, &reply->err);
    if (st != ST_OK)
        refuse_store(reply, st);
    else
        reply->tree = shown_json(c, &f);
}

/* ---- putting ---- */

static bool
guid_make(char out[37])
{
    unsigned char b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return false;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return true;
}

static void
read_refused(struct detections_reply *reply, enum status st, struct detection_faults *faults)
{
    if (st == ST_INVALID) {
        refuse(reply, 400, "BadRequest");
        reply->details = json_incref(faults->details);
    } else {
        refuse(reply, 503, "ServiceUnavailable");
    }
}

static void
add(const struct control *c, const struct detections_put *put, const struct detection *x,
    const char *text, struct detections_reply *reply)
{
    char detector[37];
    struct store_detection stored = {
        .tenant = put->tenant,
        .name = x->name,
        .json = span_of(text),
        .is_enabled = x->is_enabled,
        .created = put->now,
        .modified = put->now,
        .query_modified = put->now,
        .created_by = put->actor,
        .modified_by = put->actor,
        .detector = detector,
        .position = put->position,
        .since = put->now,
    };
    enum status st = guid_make(detector)
                         ? store_detection_add(c->store, &stored, DETECTIONS_MAX, &reply->err)
                         : err_set(&reply->err, ST_IO, "no random bytes for its id");

    if (st != ST_OK) {
        refuse_store(reply, st);
        return;
    }
    detections_get(c, put->tenant, stored.id, reply);
    if (reply->status == 200)
        reply->status = 201;
    reply->has_changed = true;
}

struct kept {
    char *json;
    size_t size;
    int64_t query_modified, ran;
    bool is_enabled;
};

static bool
kept_visit(void *app, const struct store_detection *x)
{
    struct kept *k = app;

    k->json = malloc(x->json.n + 1);
    if (k->json != NULL) {
        memcpy(k->json, x->json.p, x->json.n);
        k->json[x->json.n] = '\0';
    }
    k->size = x->json.n;
    k->query_modified = x->query_modified;
    k->ran = x->ran;
    k->is_enabled = x->is_enabled;
    return false;
}

static void
change(const struct control *c, const struct detections_put *put, const struct kept *kept,
       const json_t *old, const struct detection *x, const char *text,
       struct detections_reply *reply)
{
    const char *old_query =
        json_string_value(json_object_get(json_object_get(old, "queryCondition"), "queryText"));
    const char *old_period =
        json_string_value(json_object_get(json_object_get(old, "schedule"), "period"));
    bool was_continuous = old_period != NULL && strcmp(old_period, "0") == 0;
    struct store_detection stored = {
        .id = put->id,
        .tenant = put->tenant,
        .name = x->name,
        .json = span_of(text),
        .is_enabled = x->is_enabled,
        .modified = put->now,
        .query_modified =
            old_query != NULL && strcmp(old_query, x->query) == 0 ? kept->query_modified : put->now,
        .modified_by = put->actor,
        .position = put->position,
        .ran = kept->ran,
        .since = put->now,
    };
    /* What came while it was off, or was looked at in the other way, is not its business. */
    bool moves = (x->is_enabled && !kept->is_enabled) || was_continuous != (x->period == 0);
    enum status st = store_detection_set(c->store, &stored, (struct span){kept->json, kept->size},
                                         moves, &reply->err);

    if (st == ST_INVALID && reply->err.text[0] == '\0') {
        refuse(reply, 409, "Conflict");
        (void)err_set(&reply->err, ST_INVALID,
                      "the detection rule was changed meanwhile: read it again");
    } else if (st != ST_OK) {
        refuse_store(reply, st);
    } else {
        detections_get(c, put->tenant, put->id, reply);
        reply->has_changed = true;
    }
}

/* Reads a rule with the functions that its workspace has; where there is no workspace yet, those for all. */
static enum status
read_with_functions(const struct control *c, const char *tenant, const json_t *body,
                    struct detection *x, struct detection_faults *faults, struct err *err)
{
    const char *named =
        json_string_value(json_object_get(json_object_get(body, "penstock"), "workspace"));
    struct workspace_place place = {.guid = ""};
    char owner[40];
    struct saved_functions functions;
    const struct detection_functions hook = {saved_functions_find, &functions};
    struct err why;
    enum status st = named != NULL ? workspaces_find(c, tenant, span_of(named), &place, &why)
                                   : workspaces_default(c, tenant, &place, &why);

    if (named != NULL && st == ST_INVALID)
        detection_fault(faults, "UnknownWorkspace", "penstock.workspace", "%s", why.text);
    if (st != ST_OK)
        place.guid[0] = '\0';
    saved_functions_begin(&functions, c, tenant, place.guid);
    st = detection_read(c, body, false, &hook, x, faults, err);
    saved_functions_end(&functions);
    if (st == ST_OK && x->subscription != NULL &&
        (subscription_tenant(c->store, x->subscription, owner, &why) != ST_OK ||
         strcmp(owner, tenant) != 0)) {
        detection_fault(faults, "UnknownSubscription", "penstock.subscriptionId",
                        "the tenant has no subscription %s", x->subscription);
        detection_free(x);
        st = err_set(err, ST_INVALID, "%.310s", faults->first);
    }
    return st;
}

void
detections_put(const struct control *c, const struct detections_put *put,
               struct detections_reply *reply)
{
    struct detection_faults faults = {.details = NULL};
    struct detection x = {.shown = NULL};
    struct kept kept = {.json = NULL};
    json_t *old = NULL, *body = NULL;
    char *text = NULL;
    enum status st = ST_OK;

    *reply = (struct detections_reply){.status = 200, .id = put->id};
    if (put->id != 0) {
        st = store_detections(c->store, put->tenant, put->id, kept_visit, &kept, &reply->err);
        if (st != ST_OK) {
            refuse_store(reply, st);
            goto end;
        }
        old = kept.json == NULL ? NULL : json_loadb(kept.json, kept.size, 0, NULL);
        body = old == NULL ? NULL : detection_merge(old, put->body);
        if (body == NULL) {
            (void)err_set(&reply->err, ST_FULL, "no memory for a detection rule");
            refuse(reply, 503, "ServiceUnavailable");
            goto end;
        }
    }
    st = read_with_functions(c, put->tenant, body != NULL ? body : put->body, &x, &faults,
                             &reply->err);
    if (st == ST_OK && put->is_validation) {
        reply->tree = json_incref(x.shown);
        goto end;
    }
    if (st == ST_OK && (text = json_dumps(x.shown, JSON_COMPACT)) == NULL)
        st = err_set(&reply->err, ST_FULL, "no memory for a detection rule");
    if (st != ST_OK)
        read_refused(reply, st, &faults);
    else if (put->id == 0)
        add(c, put, &x, text, reply);
    else
        change(c, put, &kept, old, &x, text, reply);
end:
    free(text);
    free(kept.json);
    json_decref(old);
    json_decref(body);
    detection_free(&x);
    detection_faults_free(&faults);
}

void
detections_delete(const struct control *c, const char *tenant, int64_t id,
                  struct detections_reply *reply)
{
    enum status st;

    *reply = (struct detections_reply){.status = 204, .id = id};
    st = id <= 0 ? err_set(&reply->err, ST_END, "there is no such detection rule")
                 : store_detection_delete(c->store, tenant, id, &reply->err);
    if (st == ST_END)
        (void)err_set(&reply->err, st, "there is no detection rule %lld", (long long)id);
    if (st != ST_OK)
        refuse_store(reply, st);
    else
        reply->has_changed = true;
}

static bool
runs_visit(void *app, const struct store_detection_run *x)
{
    return json_array_append_new(app, detection_run_json(x)) == 0;
}

void
detections_runs(const struct control *c, const char *tenant, int64_t id, size_t count,
                struct detections_reply *reply)
{
    json_t *list = json_array();
    struct found f;
    enum status st;

    *reply = (struct detections_reply){.status = 200, .id = id};
    st = find(c, tenant, id, &f, &reply->err); /* somebody else's rule is not there */
    if (st == ST_OK) {
        found_free(&f);
        st = store_detection_runs(c->store, id, count, runs_visit, list, &reply->err);
    }
    if (st != ST_OK)
        refuse_store(reply, st);
    else
        reply->tree = json_pack("{s:O}", "value", list);
    json_decref(list);
}

enum status
detection_stored_read(const struct control *c, const struct store_detection *stored,
                      struct detection *out, struct err *err)
{
    struct detection_faults faults = {.details = NULL};
    json_t *body = json_loadb(stored->json.p, stored->json.n, 0, NULL);
    enum status st = ST_OK;

    if (body == NULL)
        st = err_set(err, ST_FULL, "no memory for a detection rule");
    else
        st = detection_read(c, body, true, NULL, out, &faults, err);
    json_decref(body);
    detection_faults_free(&faults);
    return st;
}
