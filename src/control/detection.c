/* detection.c - reading a rule: each member checked where it stands, and a normal form of it made at the same time. */
#include "control/detection_inner.h"
#include "model/arm_id.h"
#include "model/catalog.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define TEMPLATE DETECTION_TEMPLATE

const char *const detection_severity_names[] = {"informational", "low", "medium", "high", NULL};
const char *const detection_severity_titles[] = {"Informational", "Low", "Medium", "High", NULL};

/* ---- faults ---- */

void
detection_faults_free(struct detection_faults *f)
{
    json_decref(f->details);
    f->details = NULL;
}

/* Cuts a text that filled its room before a character that is not whole. */
static void
end_whole(char *text, size_t room)
{
    size_t n = strlen(text);

    if (n + 1 < room)
        return;
    while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
        n--;
    if (n > 0 && (unsigned char)text[n - 1] >= 0xc0)
        n--;
    text[n] = '\0';
}

struct quoted
detection_quote(const char *text)
{
    struct quoted q;

    snprintf(q.text, sizeof q.text, "%s", text);
    end_whole(q.text, sizeof q.text);
    return q;
}

void
detection_fault(struct detection_faults *f, const char *code, const char *target,
                const char *format, ...)
{
    char message[600];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    end_whole(message, sizeof message);
    if (f->count++ == 0)
        snprintf(f->first, sizeof f->first, "%s: %s", target, message);
    if (f->details == NULL)
        f->details = json_array();
    if (json_array_size(f->details) < DETECTION_FAULTS_MAX)
        json_array_append_new(f->details, json_pack("{s:s, s:s, s:s}", "code", code, "message",
                                                    message, "target", target));
}

/* ---- members ---- */

/* "0", "5M", "1H", "1D" */
static bool
period_read(const char *text, int64_t *ticks)
{
    char *end;
    unsigned long number;

    if (strcmp(text, "0") == 0) {
        *ticks = 0;
        return true;
    }
    if (!isdigit((unsigned char)text[0]) || strlen(text) > 6)
        return false;
    number = strtoul(text, &end, 10);
    switch (toupper((unsigned char)*end)) {
    case 'M':
        *ticks = (int64_t)number * DETECTION_MINUTE;
        break;
    case 'H':
        *ticks = (int64_t)number * 60 * DETECTION_MINUTE;
        break;
    case 'D':
        *ticks = (int64_t)number * 24 * 60 * DETECTION_MINUTE;
        break;
    default:
        return false;
    }
    return end[1] == '\0' && number > 0;
}

void
detection_place(char out[200], const char *place, const char *name)
{
    snprintf(out, 200, "%s%s%s", place, place[0] == '\0' ? "" : ".", name);
}

void
detection_members(struct reading *r, const json_t *object, const char *place,
                  const char *const *known)
{
    const char *name, *near;
    char target[200];
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        bool is_known = name[0] == '@';

        for (size_t i = 0; known[i] != NULL && !is_known; i++)
            is_known = strcmp(name, known[i]) == 0;
        if (is_known)
            continue;
        near = control_near(name, known);
        detection_place(target, place, detection_quote(name).text);
        detection_fault(r->f, "UnknownProperty", target,
                        "a detection rule has no such member%s%s%s",
                        near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                        near != NULL ? "'?" : "");
    }
}

const char *
detection_take_text(struct reading *r, const json_t *object, const char *place, const char *name,
                    size_t size_max, bool is_needed, json_t *to)
{
    const json_t *value = json_object_get(object, name);
    char target[200];
    const char *text;
    size_t n;

    detection_place(target, place, name);
    if (value == NULL || json_is_null(value)) {
        if (is_needed)
            detection_fault(r->f, "MissingProperty", target, "it is needed");
        return NULL;
    }
    text = json_string_value(value);
    if (text == NULL) {
        detection_fault(r->f, "InvalidType", target, "it must be a string");
        return NULL;
    }
    n = json_string_length(value);
    if (n > size_max) {
        detection_fault(r->f, "TooLong", target, "it has %zu bytes and may have %zu", n, size_max);
        return NULL;
    }
    if (is_needed && strspn(text, " \t\r\n") == n) {
        detection_fault(r->f, "MissingProperty", target, "it must not be empty");
        return NULL;
    }
    if (json_object_set_new(to, name, json_stringn(text, n)) != 0) {
        r->is_spent = true;
        return NULL;
    }
    return json_string_value(json_object_get(to, name));
}

const json_t *
detection_take_object(struct reading *r, const json_t *object, const char *place, const char *name,
                      bool is_needed)
{
    const json_t *value = json_object_get(object, name);
    char target[200];

    detection_place(target, place, name);
    if (json_is_object(value))
        return value;
    if (value != NULL && !json_is_null(value))
        detection_fault(r->f, "InvalidType", target, "it must be an object");
    else if (is_needed)
        detection_fault(r->f, "MissingProperty", target, "it is needed");
    return NULL;
}

const json_t *
detection_take_array(struct reading *r, const json_t *object, const char *name, size_t count_max)
{
    const json_t *value = json_object_get(object, name);
    char target[200];

    detection_place(target, TEMPLATE, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_array(value)) {
        detection_fault(r->f, "InvalidType", target, "it must be an array");
        return NULL;
    }
    if (json_array_size(value) > count_max) {
        detection_fault(r->f, "TooMany", target, "it has %zu items and may have %zu",
                        json_array_size(value), count_max);
        return NULL;
    }
    return value;
}

int
detection_choose(struct reading *r, const char *target, const char *text, const char *const *names)
{
    char list[600] = "";
    size_t n = 0;

    for (int i = 0; names[i] != NULL; i++)
        if (strcasecmp(text, names[i]) == 0)
            return i;
    for (int i = 0; names[i] != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", names[i]);
    detection_fault(r->f, "InvalidValue", target, "'%s' is none of %s", detection_quote(text).text,
                    list);
    return -1;
}

/* ---- when ---- */

static void
read_schedule(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"period", "frequency", "nextRunDateTime", NULL};
    const json_t *schedule = detection_take_object(r, body, "", "schedule", true);
    json_t *kept = json_object();
    const char *period, *frequency;
    int64_t ticks[2] = {-1, -1};
    char text[16];

    json_object_set_new(to, "schedule", kept);
    r->x->period = -1;
    if (schedule == NULL)
        return;
    detection_members(r, schedule, "schedule", known);
    period = detection_take_text(r, schedule, "schedule", "period", 16, false, kept);
    frequency = detection_take_text(r, schedule, "schedule", "frequency", 40, false, kept);
    if (period != NULL && !period_read(period, &ticks[0]))
        detection_fault(r->f, "InvalidValue", "schedule.period",
                        "'%s' is neither 0 (continuous) nor a time like 1H, 3H, 12H, 24H or 5M",
                        detection_quote(period).text);
    if (frequency != NULL && !detection_duration_read(span_of(frequency), &ticks[1]))
        detection_fault(r->f, "InvalidValue", "schedule.frequency",
                        "'%s' is no duration like PT1H or P1D", detection_quote(frequency).text);
    if (period == NULL && frequency == NULL) {
        if (r->f->count == 0 || json_object_get(schedule, "period") == NULL)
            detection_fault(r->f, "MissingProperty", "schedule.period", "it is needed");
        return;
    }
    if ((period != NULL && ticks[0] < 0) || (frequency != NULL && ticks[1] < 0))
        return;
    if (period != NULL && frequency != NULL && ticks[0] != ticks[1]) {
        detection_fault(r->f, "InvalidValue", "schedule.frequency",
                        "it says another time than schedule.period: send one of them");
        return;
    }
    r->x->period = period != NULL ? ticks[0] : ticks[1];
    if (r->x->period != 0 &&
        (r->x->period < DETECTION_PERIOD_MIN || r->x->period > DETECTION_PERIOD_MAX ||
         r->x->period % DETECTION_MINUTE != 0)) {
        detection_fault(r->f, "InvalidValue",
                        period != NULL ? "schedule.period" : "schedule.frequency",
                        "a rule runs continuously (0), or every 5 minutes to 24 hours, in whole "
                        "minutes");
        r->x->period = -1;
        return;
    }
    detection_period_write(r->x->period, text);
    json_object_set_new(kept, "period", json_string(text));
    json_object_del(kept, "frequency");
}

/* A duration of ours; 'absent' where none is said. */
static int64_t
take_duration(struct reading *r, const json_t *ours, const char *name, int64_t min, int64_t absent,
              json_t *kept)
{
    const char *text = detection_take_text(r, ours, "penstock", name, 40, false, kept);
    char target[60], least[40];
    int64_t ticks = 0;

    if (text == NULL) {
        json_object_set_new(kept, name, json_null());
        return absent;
    }
    snprintf(target, sizeof target, "penstock.%s", name);
    detection_duration_write(min, least);
    if (!detection_duration_read(span_of(text), &ticks))
        detection_fault(r->f, "InvalidValue", target, "'%s' is no duration like PT4H or P1D",
                        detection_quote(text).text);
    else if (ticks < min || ticks > DETECTION_LOOKBACK_MAX)
        detection_fault(r->f, "InvalidValue", target, "it must be from %s to P30D", least);
    return ticks;
}

static void
read_ours(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"lookback", "deduplicationWindow", "workspace",
                                        "subscriptionId", NULL};
    const json_t *ours = detection_take_object(r, body, "", "penstock", false);
    struct detection *x = r->x;
    json_t *kept = json_object();
    const char *text;
    char guid[37];

    json_object_set_new(to, "penstock", kept);
    if (ours != NULL)
        detection_members(r, ours, "penstock", known);
    if (x->period == 0) {
        if (json_is_string(json_object_get(ours, "lookback")))
            detection_fault(r->f, "InvalidValue", "penstock.lookback",
                            "a continuous rule sees each record once, when it comes: leave it out");
        json_object_set_new(kept, "lookback", json_null());
        x->window = take_duration(r, ours, "deduplicationWindow", 0, DETECTION_STREAM_WINDOW, kept);
    } else {
        int64_t least = x->period > 0 ? x->period : DETECTION_PERIOD_MIN;

        x->lookback = take_duration(r, ours, "lookback", least, least, kept);
        x->window = take_duration(r, ours, "deduplicationWindow", 0,
                                  x->lookback > least ? x->lookback : 0, kept);
    }
    x->workspace = detection_take_text(r, ours, "penstock", "workspace", 400, false, kept);
    text = detection_take_text(r, ours, "penstock", "subscriptionId", 64, false, kept);
    if (text != NULL && !guid_copy(span_of(text), guid))
        detection_fault(r->f, "InvalidValue", "penstock.subscriptionId", "it must be a GUID");
    else if (text != NULL)
        json_object_set_new(kept, "subscriptionId", json_string(guid));
    x->subscription = json_string_value(json_object_get(kept, "subscriptionId"));
}

/* ---- the whole ---- */

static void
read_query(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"queryText", "lastModifiedDateTime", NULL};
    const json_t *query = detection_take_object(r, body, "", "queryCondition", true);
    json_t *kept = json_object();

    json_object_set_new(to, "queryCondition", kept);
    if (query == NULL)
        return;
    detection_members(r, query, "queryCondition", known);
    r->x->query = detection_take_text(r, query, "queryCondition", "queryText", DETECTION_QUERY_MAX,
                                      true, kept);
}

static void
read_all(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {
        "displayName",    "isEnabled",  "queryCondition", "schedule",        "detectionAction",
        "penstock",       "id",         "createdBy",      "createdDateTime", "lastModifiedDateTime",
        "lastModifiedBy", "detectorId", "lastRunDetails", "description",     NULL};
    const json_t *enabled = json_object_get(body, "isEnabled");

    detection_members(r, body, "", known);
    r->x->name = detection_take_text(r, body, "", "displayName", DETECTION_NAME_MAX, true, to);
    if (enabled != NULL && !json_is_boolean(enabled) && !json_is_null(enabled))
        detection_fault(r->f, "InvalidType", "isEnabled", "it must be true or false");
    r->x->is_enabled = !json_is_false(enabled);
    json_object_set_new(to, "isEnabled", json_boolean(r->x->is_enabled));
    read_query(r, body, to);
    read_schedule(r, body, to);
    detection_read_action(r, body, to);
    read_ours(r, body, to);
}

enum status
detection_read(const struct control *c, const json_t *body, bool is_stored,
               const struct detection_functions *functions, struct detection *out,
               struct detection_faults *faults, struct err *err)
{
    struct reading r = {.x = out, .f = faults};
    enum status st = ST_OK;

    *out = (struct detection){.shown = json_object()};
    if (out->shown == NULL)
        return err_set(err, ST_FULL, "no memory for a detection rule");
    if (!json_is_object(body))
        detection_fault(faults, "InvalidType", "body", "a detection rule is a JSON object");
    else
        read_all(&r, body, out->shown);
    if (r.is_spent)
        st = err_set(err, ST_FULL, "no memory for a detection rule");
    if (st == ST_OK && out->query != NULL && out->period >= 0)
        st = detection_check_query(c, functions, is_stored, out, faults, err);
    if (st == ST_OK && faults->count > 0)
        st = err_set(err, ST_INVALID, "%.310s", faults->first);
    if (st != ST_OK)
        detection_free(out);
    return st;
}

void
detection_free(struct detection *x)
{
    json_decref(x->shown);
    *x = (struct detection){.shown = NULL};
}

static bool
lay_over(json_t *to, const json_t *patch)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)patch, name, value)
    {
        json_t *old = json_object_get(to, name);
        bool is_fine = json_is_object(old) && json_is_object(value)
                           ? lay_over(old, value)
                           : json_object_set_new(to, name, json_deep_copy(value)) == 0;

        if (!is_fine)
            return false;
    }
    return true;
}

json_t *
detection_merge(const json_t *stored, const json_t *patch)
{
    json_t *merged = json_deep_copy(stored), *schedule;
    const json_t *changed = json_object_get(patch, "schedule");

    if (merged == NULL)
        return NULL;
    /* One of the two is enough, and the one that is not sent must not contradict. */
    schedule = json_object_get(merged, "schedule");
    if (json_object_get(changed, "period") != NULL || json_object_get(changed, "frequency") != NULL)
        json_object_clear(schedule);
    if (lay_over(merged, patch))
        return merged;
    json_decref(merged);
    return NULL;
}
