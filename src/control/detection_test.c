/* detection_test.c - detection rules: what is taken, what is refused and where, patches, when a rule is due, and what the store
 * keeps of its runs. */
#include "control/control_bed.h"
#include "control/detections.h"

#define DEVICE                                                                                     \
    "{\"@odata.type\":\"#microsoft.graph.security.impactedDeviceAsset\",\"identifier\":"           \
    "\"deviceId\"}"
#define ASSETS "\"impactedAssets\":[" DEVICE "]"
#define LEVEL "\"severity\":\"medium\",\"category\":\"Execution\""
#define ACTION(template) ",\"detectionAction\":{\"alertTemplate\":{" template "}}"
#define WHOLE_ACTION ACTION("\"title\":\"t\"," LEVEL "," ASSETS)
#define WHEN(period) ",\"schedule\":{\"period\":\"" period "\"}"
#define ASKS(query) ",\"queryCondition\":{\"queryText\":\"" query "\"}"
#define NAMED "{\"displayName\":\"n\""
/* a rule that is whole but for what a row breaks */
#define RULE(query, period, more) NAMED ASKS(query) WHEN(period) WHOLE_ACTION more "}"
#define QUERY(query) RULE(query, "1H", "")
#define STREAM(query) RULE(query, "0", "")
#define TEMPLATED(template) NAMED ASKS("DeviceEvents") WHEN("1H") ACTION(template) "}"
#define SCHEDULED(schedule) NAMED ASKS("DeviceEvents") ",\"schedule\":" schedule WHOLE_ACTION "}"
#define OURS(ours) RULE("DeviceEvents", "1H", ",\"penstock\":" ours)
#define T "detectionAction.alertTemplate"

static char folder[] = "/tmp/penstock-detection-XXXXXX";
static struct control c;

/* 'target': of the first fault; NULL: it is taken. 'text': in its message. */
/* Aligned cells would be wider than any screen. */
/* clang-format off */
static const struct {
 const char *name, *body, *target, *text;
} cases[] = {
    {"the smallest rule", QUERY("DeviceEvents"), NULL, NULL},
    {"continuous", STREAM("DeviceEvents | where ActionType == 'x'"), NULL, NULL},
    {"continuous with other columns", STREAM("DeviceEvents | extend a = strlen(FileName) | project DeviceId, a"), NULL, NULL},
    {"both time columns", QUERY("DeviceEvents | where TimeGenerated > ago(1h) and Timestamp > ago(1h)"), NULL, NULL},
    {"an answer whose columns are not known", QUERY("DeviceEvents | evaluate bag_unpack(AdditionalFields)"), NULL, NULL},
    {"a frequency", SCHEDULED("{\"frequency\":\"PT3H\"}"), NULL, NULL},
    {"a frequency that agrees", SCHEDULED("{\"period\":\"24H\",\"frequency\":\"P1D\"}"), NULL, NULL},
    {"five minutes", SCHEDULED("{\"period\":\"5M\"}"), NULL, NULL},
    {"a day", SCHEDULED("{\"period\":\"1D\"}"), NULL, NULL},
    {"what may be read only", RULE("DeviceEvents", "1H", ",\"id\":\"7\",\"lastRunDetails\":{},\"@odata.type\":\"x\""), NULL, NULL},
    {"names of columns in any case", TEMPLATED("\"title\":\"on {{ devicename }}\"," LEVEL "," ASSETS), NULL, NULL},
    {"braces that name nothing", TEMPLATED("\"title\":\"{{}} {{ }} {x} {{\"," LEVEL "," ASSETS), NULL, NULL},
    {"a severity in any case", TEMPLATED("\"title\":\"t\",\"severity\":\"HIGH\",\"category\":\"execution\"," ASSETS), NULL, NULL},
    {"all of ours", OURS("{\"lookback\":\"P7D\",\"deduplicationWindow\":\"P1D\",\"subscriptionId\":\"" TENANT_A "\"}"), NULL, NULL},

    {"no object", "[]", "body", "JSON object"},
    {"nothing at all", "{}", "displayName", "needed"},
    {"no name", "{\"displayName\":\"  \"" ASKS("DeviceEvents") WHEN("1H") WHOLE_ACTION "}", "displayName", "empty"},
    {"a number for a name", "{\"displayName\":7" ASKS("DeviceEvents") WHEN("1H") WHOLE_ACTION "}", "displayName", "string"},
    {"a member that nobody knows", RULE("DeviceEvents", "1H", ",\"isEnable\":true"),"isEnable", "did you mean 'isEnabled'"},
    {"isEnabled is a text", RULE("DeviceEvents", "1H", ",\"isEnabled\":\"yes\""), "isEnabled", "true or false"},
    {"no query", NAMED WHEN("1H") WHOLE_ACTION "}","queryCondition","needed"},
    {"an empty query", QUERY(" "), "queryCondition.queryText", "empty"},
    {"a query that is none", QUERY("DeviceEvents |"), "queryCondition.queryText:1:15", NULL},
    {"no such table", QUERY("DeviceEvent"), "queryCondition.queryText:1:1", "DeviceEvents"},
    {"no such column", QUERY("DeviceEvents\\n| where FileNam == 'x'"), "queryCondition.queryText:2:9", "FileName"},
    {"a scalar", QUERY("1 + 2"), "queryCondition.queryText", "one table"},
    {"two tables", QUERY("DeviceEvents; DeviceInfo"), "queryCondition.queryText", "one table"},
    {"a fork", QUERY("DeviceEvents | fork (take 1) (take 2)"), "queryCondition.queryText", "one table"},
    {"an entity that the answer lacks", QUERY("DeviceEvents | project FileName"), T ".impactedAssets[0].identifier", "no column 'DeviceId'"},
    {"a continuous join", STREAM("DeviceEvents | join DeviceInfo on DeviceId"), "queryCondition.queryText", "one table"},
    {"a continuous summarize", STREAM("DeviceEvents | summarize count() by DeviceId"), "queryCondition.queryText:1:16", NULL},
    {"a continuous union", STREAM("union DeviceEvents, DeviceInfo"), "queryCondition.queryText", "one table"},
    {"a continuous print", STREAM("print DeviceId = 'x'"), "queryCondition.queryText", "one table"},
    {"a continuous rule over a workspace's column", STREAM("DeviceEvents | where TimeGenerated > ago(1h)"), "queryCondition.queryText:1:22", "TimeGenerated"},
    {"a continuous rule over a table that does not stream", STREAM("DeviceTvmSoftwareInventory"), "queryCondition.queryText", "does not come as a stream"},
    {"no schedule", NAMED ASKS("DeviceEvents") WHOLE_ACTION "}", "schedule", "needed"},
    {"an empty schedule", SCHEDULED("{}"), "schedule.period", "needed"},
    {"a schedule that is a text", SCHEDULED("\"1H\""), "schedule", "object"},
    {"a period without unit", SCHEDULED("{\"period\":\"60\"}"), "schedule.period", "'60'"},
    {"a period below five minutes", SCHEDULED("{\"period\":\"4M\"}"), "schedule.period", "5 minutes"},
    {"a period above a day", SCHEDULED("{\"period\":\"25H\"}"), "schedule.period", "24 hours"},
    {"a period of weeks", SCHEDULED("{\"period\":\"1W\"}"), "schedule.period", "'1W'"},
    {"a frequency that is none", SCHEDULED("{\"frequency\":\"1 hour\"}"), "schedule.frequency", "PT1H"},
    {"a frequency with seconds", SCHEDULED("{\"frequency\":\"PT10M1S\"}"), "schedule.frequency", "whole minutes"},
    {"a frequency that does not agree", SCHEDULED("{\"period\":\"1H\",\"frequency\":\"PT2H\"}"), "schedule.frequency", "another time"},
    {"no action", NAMED ASKS("DeviceEvents") WHEN("1H") "}", "detectionAction", "needed"},
    {"no template", NAMED ASKS("DeviceEvents") WHEN("1H") ",\"detectionAction\":{}}", T, "needed"},
    {"no title", TEMPLATED(LEVEL "," ASSETS), T ".title", "needed"},
    {"no severity", TEMPLATED("\"title\":\"t\",\"category\":\"Execution\"," ASSETS), T ".severity", "needed"},
    {"a severity that is none", TEMPLATED("\"title\":\"t\",\"severity\":\"critical\",\"category\":\"Execution\"," ASSETS), T ".severity", "informational, low, medium, high"},
    {"a category that is none", TEMPLATED("\"title\":\"t\",\"severity\":\"low\",\"category\":\"Bad\"," ASSETS), T ".category", "LateralMovement"},
    {"a technique that is none", TEMPLATED("\"title\":\"t\"," LEVEL ",\"mitreTechniques\":[\"T1059\",\"1059\"]," ASSETS), T ".mitreTechniques[1]", "T1059.001"},
    {"techniques that are no list", TEMPLATED("\"title\":\"t\"," LEVEL ",\"mitreTechniques\":\"T1059\"," ASSETS), T ".mitreTechniques", "array"},
    {"no entity", TEMPLATED("\"title\":\"t\"," LEVEL ",\"impactedAssets\":[]"), T ".impactedAssets", "at least one"},
    {"entities not there", TEMPLATED("\"title\":\"t\"," LEVEL), T ".impactedAssets", "at least one"},
    {"an entity without type", TEMPLATED("\"title\":\"t\"," LEVEL ",\"impactedAssets\":[{\"identifier\":\"deviceId\"}]"), T ".impactedAssets[0].@odata.type", "impactedUserAsset"},
    {"an entity of another kind", TEMPLATED("\"title\":\"t\"," LEVEL ",\"impactedAssets\":[{\"@odata.type\":\"#x\",\"identifier\":\"deviceId\"}]"), T ".impactedAssets[0].@odata.type", "impactedDeviceAsset"},
    {"a device by a user's column", TEMPLATED("\"title\":\"t\"," LEVEL ",\"impactedAssets\":[{\"@odata.type\":" "\"#microsoft.graph.security.impactedDeviceAsset\",\"identifier\":\"accountSid\"}]"), T ".impactedAssets[0].identifier", "deviceName"},
    {"four columns in a title", TEMPLATED("\"title\":\"{{DeviceId}}{{DeviceName}}{{FileName}}{{SHA1}}\"," LEVEL "," ASSETS), T ".title", "more than 3"},
    {"a title naming no column", TEMPLATED("\"title\":\"{{Devicename2}}\"," LEVEL "," ASSETS), T ".title", "Devicename2"},
    {"a description naming no column", TEMPLATED("\"title\":\"t\",\"description\":\"{{Nobody}}\"," LEVEL "," ASSETS), T ".description", "Nobody"},
    {"a detail naming no column", TEMPLATED("\"title\":\"t\"," LEVEL ",\"customDetails\":{\"who\":\"Nobody\"}," ASSETS), T ".customDetails.who", "Nobody"},
    {"a detail that is a number", TEMPLATED("\"title\":\"t\"," LEVEL ",\"customDetails\":{\"who\":1}," ASSETS), T ".customDetails.who", "name of a column"},
    {"an action on devices", NAMED ASKS("DeviceEvents") WHEN("1H") ",\"detectionAction\":{\"alertTemplate\":{\"title\":\"t\"," LEVEL "," ASSETS "},\"responseActions\":[{}]}}", "detectionAction.responseActions", "no actions"},
    {"a scope", NAMED ASKS("DeviceEvents") WHEN("1H") ",\"detectionAction\":{\"alertTemplate\":{\"title\":\"t\"," LEVEL "," ASSETS "},\"organizationalScope\":{}}}", "detectionAction.organizationalScope", "whole tenant"},
    {"a lookback below the period", OURS("{\"lookback\":\"PT30M\"}"), "penstock.lookback", "from PT1H"},
    {"a lookback above thirty days", OURS("{\"lookback\":\"P31D\"}"), "penstock.lookback", "P30D"},
    {"a lookback of a continuous rule", RULE("DeviceEvents", "0", ",\"penstock\":{\"lookback\":\"P1D\"}"),"penstock.lookback", "leave it out"},
    {"a subscription that is none", OURS("{\"subscriptionId\":\"mine\"}"), "penstock.subscriptionId", "GUID"},
    {"a member of ours that nobody knows", OURS("{\"lookBack\":\"P1D\"}"), "penstock.lookBack", "lookback"},
    {"ours is a text", OURS("\"x\""), "penstock","object"},
};
/* clang-format on */

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *body = json_loads(cases[i].body, 0, NULL);
        struct detection_faults faults = {.details = NULL};
        struct detection x;
        struct err err = {""};
        enum status st = detection_read(&c, body, false, NULL, &x, &faults, &err);
        size_t n = cases[i].target == NULL ? 0 : strlen(cases[i].target);

        CHECK(body != NULL, "%s: JSON", cases[i].name);
        CHECK((st == ST_OK) == (cases[i].target == NULL) && (st == ST_OK) == (faults.count == 0),
              "%s: %d %s", cases[i].name, st, faults.first);
        CHECK(cases[i].target == NULL ||
                  (strncmp(faults.first, cases[i].target, n) == 0 && faults.first[n] == ':' &&
                   (cases[i].text == NULL || strstr(faults.first, cases[i].text) != NULL)),
              "%s: %s", cases[i].name, faults.first);
        if (st == ST_OK) { /* what is shown is taken again, and is the same */
            struct detection again;
            struct detection_faults none = {.details = NULL};
            bool is_again = detection_read(&c, x.shown, false, NULL, &again, &none, &err) == ST_OK;

            CHECK(is_again && json_equal(x.shown, again.shown), "%s: again: %s", cases[i].name,
                  none.first);
            detection_faults_free(&none);
            detection_free(&again);
        }
        detection_free(&x);
        detection_faults_free(&faults);
        json_decref(body);
    }
}

static void
check_all_faults(void)
{
    json_t *body = json_loads(
        "{\"x\":1,\"queryCondition\":{\"queryText\":\"DeviceEvents | where A == 1 and B == 2\"},"
        "\"schedule\":{\"period\":\"0\"},\"detectionAction\":{\"alertTemplate\":{}}}",
        0, NULL);
    struct detection_faults faults = {.details = NULL};
    struct detection x;
    struct err err;

    CHECK(detection_read(&c, body, false, NULL, &x, &faults, &err) == ST_INVALID, "refused");
    CHECK(faults.count >= 7 && json_array_size(faults.details) == faults.count, "all at once: %zu",
          faults.count);
    detection_faults_free(&faults);
    json_decref(body);
}

static void
check_meaning(void)
{
    json_t *body = json_loads(OURS("{\"lookback\":\"PT4H\"}"), 0, NULL);
    struct detection_faults faults = {.details = NULL};
    struct detection x;
    struct err err;
    int64_t ticks = 0;
    char text[40];

    CHECK(detection_read(&c, body, false, NULL, &x, &faults, &err) == ST_OK, "%s", faults.first);
    CHECK(x.period == 60 * DETECTION_MINUTE && x.lookback == 4 * x.period &&
              x.window == x.lookback && x.severity == DETECTION_MEDIUM && x.asset_count == 1 &&
              strcmp(x.assets[0].column, "DeviceId") == 0 && x.is_enabled && x.recommended == NULL,
          "what it means");
    detection_free(&x);
    json_decref(body);
    body = json_loads(STREAM("DeviceEvents"), 0, NULL);
    CHECK(detection_read(&c, body, true, NULL, &x, &faults, &err) == ST_OK, "%s", faults.first);
    CHECK(x.period == 0 && strcmp(x.table, "DeviceEvents") == 0 &&
              x.window == DETECTION_STREAM_WINDOW,
          "what a continuous one means: '%s'", x.table);
    detection_free(&x);
    json_decref(body);
    CHECK(detection_duration_read(SPAN_LITERAL("P1DT2H3M4S"), &ticks) &&
              ticks == ((INT64_C(26) * 60 + 3) * 60 + 4) * 10000000,
          "a duration: %lld", (long long)ticks);
    CHECK(!detection_duration_read(SPAN_LITERAL("PT1M1H"), &ticks) &&
              !detection_duration_read(SPAN_LITERAL("PT"), &ticks) &&
              !detection_duration_read(SPAN_LITERAL("P1H"), &ticks) &&
              !detection_duration_read(SPAN_LITERAL("PT-1H"), &ticks) &&
              !detection_duration_read(SPAN_LITERAL("PT1"), &ticks),
          "durations that are none");
    detection_duration_write(INT64_C(93784) * 10000000, text);
    CHECK(strcmp(text, "P1DT2H3M4S") == 0, "written: %s", text);
    detection_duration_write(0, text);
    CHECK(strcmp(text, "PT0S") == 0, "nothing: %s", text);
}

/* ---- when ---- */

#define M DETECTION_MINUTE
static const struct {
    const char *name;
    int64_t period, since, ran, tried, now, due;
} times[] = {
    {"a new one at once",                  60 * M, 1000 * M, 0,        0,        1000 * M, 1000 * M},
    {"the next on the grid",               60 * M, 1000 * M, 1000 * M, 1000 * M, 1001 * M, 1060 * M},
    {"late runs do not shift the grid",    60 * M, 1000 * M, 1079 * M, 1079 * M, 1080 * M, 1120 * M},
    {"missed ones count once",             60 * M, 1000 * M, 1060 * M, 1060 * M, 9000 * M, 1120 * M},
    {"a failed one soon again",            60 * M, 1000 * M, 1000 * M, 1060 * M, 1061 * M, 1065 * M},
    {"but not later than the next",        60 * M, 1000 * M, 1000 * M, 1118 * M, 1119 * M, 1120 * M},
    {"a first one that failed",            60 * M, 1000 * M, 0,        1000 * M, 1001 * M, 1005 * M},
    {"enabled again: at once",             60 * M, 2000 * M, 1060 * M, 1060 * M, 2000 * M, 2000 * M},
    {"the clock was set back for a day",   60 * M, 1000 * M, 5000 * M, 5000 * M, 3560 * M, 3560 * M},
    {"set back a little: the grid stands", 60 * M, 1000 * M, 1061 * M, 1061 * M, 1059 * M,
     1120 * M                                                                                      },
};

static void
check_due(void)
{
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        int64_t due = detection_due(times[i].period, times[i].since, times[i].ran, times[i].tried,
                                    times[i].now);

        CHECK(due == times[i].due, "%s: minute %lld", times[i].name, (long long)(due / M));
    }
}

/* ---- verbs ---- */

static json_t *
put(int64_t id, const char *tenant, const char *text, unsigned status, int64_t *made)
{
    json_t *body = json_loads(text, 0, NULL), *tree;
    const struct detections_put put = {
        .tenant = tenant, .actor = "me", .body = body, .id = id, .position = 77, .now = 1000 * M};
    struct detections_reply reply;

    detections_put(&c, &put, &reply);
    CHECK(reply.status == status, "%.60s: %u %s", text, reply.status, reply.err.text);
    if (made != NULL)
        *made = reply.id;
    tree = json_incref(reply.tree);
    detections_reply_free(&reply);
    json_decref(body);
    return tree;
}

static const char *
at(const json_t *tree, const char *outer, const char *name)
{
    const char *text = json_string_value(
        json_object_get(outer == NULL ? tree : json_object_get(tree, outer), name));

    return text != NULL ? text : "";
}

struct seen {
    struct store_detection x;
    size_t count;
    char text[200];
};
static bool
see(void *app, const struct store_detection *x)
{
    struct seen *seen = app;

    seen->x = *x;
    seen->count++;
    return true;
}

static struct seen
stored(int64_t id)
{
    struct seen seen = {.count = 0};
    struct err err;

    (void)!store_detections(c.store, NULL, id, see, &seen, &err);
    return seen;
}

static void
check_verbs(void)
{
    struct detections_page page = {.tenant = TENANT_A, .count_max = 1, .is_enabled = -1};
    struct detections_reply reply;
    int64_t id, other, next;
    json_t *tree = put(0, TENANT_A, QUERY("DeviceEvents"), 201, &id);

    CHECK(strcmp(at(tree, NULL, "createdBy"), "me") == 0 &&
              strcmp(at(tree, "schedule", "period"), "1H") == 0 &&
              strcmp(at(tree, "schedule", "frequency"), "PT1H") == 0 &&
              strlen(at(tree, NULL, "detectorId")) == 36 &&
              strlen(at(tree, "schedule", "nextRunDateTime")) == 28 &&
              json_is_null(json_object_get(json_object_get(tree, "lastRunDetails"), "status")),
          "what is answered");
    json_decref(tree);
    CHECK(stored(id).x.position == 77 && stored(id).x.since == 1000 * M, "where it stands");
    json_decref(put(0, TENANT_A, QUERY("DeviceInfo"), 409, NULL));
    json_decref(put(0, TENANT_B, QUERY("DeviceInfo"), 201, &other));
    json_decref(put(id, TENANT_B, "{\"isEnabled\":false}", 404, NULL));

    tree = put(id, TENANT_A,
               "{\"schedule\":{\"frequency\":\"PT2H\"},\"detectionAction\":{\"alertTemplate\":{"
               "\"severity\":\"high\"}}}",
               200, NULL);
    CHECK(strcmp(at(tree, "schedule", "period"), "2H") == 0 &&
              strcmp(at(tree, "queryCondition", "queryText"), "DeviceEvents") == 0 &&
              strcmp(at(json_object_get(tree, "detectionAction"), "alertTemplate", "severity"),
                     "high") == 0 &&
              strcmp(at(json_object_get(tree, "detectionAction"), "alertTemplate", "title"), "t") ==
                  0,
          "patched: only what was sent");
    json_decref(put(id, TENANT_A,
                    json_string_value(NULL) == NULL
                        ? "{\"detectionAction\":{\"alertTemplate\":{\"impactedAssets\":null}}}"
                        : "",
                    400, NULL));
    json_decref(put(id, TENANT_A, "{\"isEnabled\":false}", 200, NULL));
    CHECK(!stored(id).x.is_enabled && stored(id).x.position == 77, "disabled");
    /* what was answered can be sent back whole */
    char *text = json_dumps(tree, 0);
    json_decref(put(id, TENANT_A, text, 200, NULL));
    free(text);
    json_decref(tree);

    json_decref(put(0, TENANT_A,
                    "{\"displayName\":\"second\"" ASKS("DeviceInfo") WHEN("0") WHOLE_ACTION "}",
                    201, &next));
    detections_list(&c, &page, &next, &reply);
    CHECK(reply.status == 200 && json_array_size(json_object_get(reply.tree, "value")) == 1 &&
              next == id,
          "a page");
    detections_reply_free(&reply);
    page.after = next;
    detections_list(&c, &page, &next, &reply);
    CHECK(json_array_size(json_object_get(reply.tree, "value")) == 1 && next == 0, "the last page");
    detections_reply_free(&reply);
    page = (struct detections_page){
        .tenant = TENANT_A, .count_max = 10, .is_enabled = -1, .name_prefix = "SEC"};
    detections_list(&c, &page, &next, &reply);
    CHECK(json_array_size(json_object_get(reply.tree, "value")) == 1, "by name");
    detections_reply_free(&reply);
    detections_get(&c, TENANT_B, id, &reply);
    CHECK(reply.status == 404, "another tenant's is not there");
    detections_reply_free(&reply);
    detections_runs(&c, TENANT_B, id, 10, &reply);
    CHECK(reply.status == 404, "nor its runs");
    detections_reply_free(&reply);
    detections_delete(&c, TENANT_B, id, &reply);
    CHECK(reply.status == 404, "nor to be deleted");
    detections_delete(&c, TENANT_B, other, &reply);
    CHECK(reply.status == 204 && stored(other).count == 0, "deleted");
}

/* ---- commits ---- */

struct noted {
    int64_t id, first;
    size_t count;
    uint64_t place;
    char batch[80];
};
static bool
note_run(void *app, const struct store_detection_run *x)
{
    struct noted *n = app;

    if (n->count++ == 0)
        n->first = x->started;
    return true;
}
static bool
note_outbox(void *app, const struct store_detection_outbox *x)
{
    struct noted *n = app;

    n->id = x->id;
    n->place = x->place;
    snprintf(n->batch, sizeof n->batch, "%s", x->batch);
    return false;
}

static void
check_commits(void)
{
    static const uint8_t keys[2][STORE_DETECTION_KEY_SIZE] = {{1}, {2}};
    const struct store_detection_outbox out = {.tenant = TENANT_A,
                                               .batch = "b1",
                                               .envelopes = SPAN_LITERAL("{}"),
                                               .alerts = SPAN_LITERAL("[]"),
                                               .place = 5};
    struct noted noted = {.count = 0};
    uint64_t cursor = 1;
    int64_t id, when = -1;
    struct err err;

    json_decref(put(0, TENANT_A,
                    "{\"displayName\":\"third\"" ASKS("DeviceInfo") WHEN("1H") WHOLE_ACTION "}",
                    201, &id));
    CHECK(store_detection_cursor(c.store, &cursor, &err) == ST_END, "no cursor yet");
    for (int i = 0; i < 5; i++) {
        struct store_detection_step step = {
            .run = {.rule = id, .started = 10 + i, .trigger = "schedule", .error = "", .code = ""},
            .moves = true,
            .position = 100,
            .ran = 10 + i,
            .tried = 10 + i,
            .keys = keys,
            .key_count = 2,
            .key_time = 50,
            .runs_max = 3,
        };
        CHECK(store_detection_commit(c.store, &step, 1, &out, i == 0, i == 0 ? 42 : UINT64_MAX,
                                     &err) == ST_OK,
              "%s", err.text);
    }
    CHECK(store_detection_runs(c.store, id, 10, note_run, &noted, &err) == ST_OK &&
              noted.count == 3 && noted.first == 14,
          "the last runs are kept: %zu", noted.count);
    CHECK(stored(id).x.position == 100 && stored(id).x.ran == 14, "where it stands");
    CHECK(store_detection_cursor(c.store, &cursor, &err) == ST_OK && cursor == 42,
          "the cursor stays where it is not set");
    CHECK(store_detection_seen(c.store, id, keys[1], &when, &err) == ST_OK && when == 50, "seen");
    CHECK(store_detection_forget(c.store, id, 51, &err) == ST_OK &&
              store_detection_seen(c.store, id, keys[1], &when, &err) == ST_OK && when == 0,
          "forgotten");
    CHECK(store_detection_outbox_first(c.store, note_outbox, &noted, &err) == ST_OK &&
              strcmp(noted.batch, "b1") == 0 && noted.place == 5,
          "it waits");
    CHECK(store_detection_outbox_drop(c.store, noted.id, &err) == ST_OK &&
              store_detection_outbox_first(c.store, note_outbox, &noted, &err) == ST_END,
          "and is gone");
    uint64_t moved;
    CHECK(store_detection_clamp(c.store, 90, &moved, &err) == ST_OK && moved == 1 &&
              stored(id).x.position == 90,
          "a journal that was replaced: %llu", (unsigned long long)moved);
    CHECK(store_detection_clamp(c.store, 90, &moved, &err) == ST_OK && moved == 0, "once");
    struct store_detection_step gone = {
        .run = {.rule = 999, .trigger = "", .error = "", .code = ""},
          .moves = true
    };
    CHECK(store_detection_commit(c.store, &gone, 1, &out, 1, UINT64_MAX, &err) == ST_OK &&
              store_detection_outbox_first(c.store, note_outbox, &noted, &err) == ST_OK,
          "a rule that is gone: its alerts leave still");
}

int
main(void)
{
    control_bed_begin(&c, folder,
                      "defaultExports: false\ntenants: [{id: " TENANT_A "}, {id: " TENANT_B "}]\n");
    check_cases();
    check_all_faults();
    check_meaning();
    check_due();
    check_verbs();
    check_commits();
    control_bed_end(&c, folder);
    return test_end();
}
