/* detect_thread_test.c - detections in one process: continuous rules over a real journal and store, their alerts through admission
 * into the journal, over restarts of the threads at any moment, changes of rules meanwhile, and a disk that refuses. Several
 * threads. */
#include "base/clock.h"
#include "base/test.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/secrets.h"
#include "detect/detect.h"
#include "source/test_bed.h"

#define RULE(name, query, more)                                                                    \
    "{\"displayName\":\"" name "\",\"queryCondition\":{\"queryText\":\"" query                     \
    "\"},\"schedule\":{\"period\":\"0\"},\"detectionAction\":{\"alertTemplate\":{\"title\":"       \
    "\"{{DeviceId}}\",\"severity\":\"low\",\"category\":\"Execution\",\"impactedAssets\":[{"       \
    "\"@odata.type\":\"#microsoft.graph.security.impactedDeviceAsset\",\"identifier\":"            \
    "\"deviceId\"}]}}" more "}"
#define EACH ",\"penstock\":{\"deduplicationWindow\":\"PT0S\"}"

static struct bed bed;
static struct control c;
static _Atomic(const struct control *) current;
static struct detect *detect;

static _Atomic int64_t later; /* ticks that detections' clock is ahead */

static int64_t
now(void *clock)
{
    (void)clock;
    return BED_NOW + atomic_load(&later);
}

static void
make(void)
{
    const struct detect_options o = {
        .control = &current, .journal = bed.journal, .admitter = bed.admitter, .now = now};
    struct err err = {""};

    CHECK(detect_make(&o, &detect, &err) == ST_OK && detect_start(detect, &err) == ST_OK, "%s",
          err.text);
}

static void
restart(void)
{
    detect_free(detect);
    make();
}

static int64_t
put(int64_t id, const char *text)
{
    json_t *body = json_loads(text, 0, NULL);
    const struct detections_put put = {.tenant = TENANT_A,
                                       .actor = "test",
                                       .body = body,
                                       .id = id,
                                       .position = journal_extent(bed.journal).end,
                                       .now = BED_NOW};
    struct detections_reply reply;

    detections_put(&c, &put, &reply);
    CHECK(reply.status < 300, "%u %s", reply.status, reply.err.text);
    id = reply.id;
    detections_reply_free(&reply);
    json_decref(body);
    detect_changed(detect);
    return id;
}

static void
send_to(const char *tenant, int number, const char *action)
{
    char text[300];
    const struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = tenant, .table = SPAN_LITERAL("DeviceEvents")};
    struct admission *x;
    struct admit_result result;
    struct err err = {""};
    int n = snprintf(text, sizeof text,
                     "{\"DeviceId\":\"d%d\",\"ActionType\":\"%s\",\"ReportId\":%d}\n", number,
                     action, number);

    CHECK(admit_begin(bed.admitter, &request, &x, &err) == ST_OK, "%s", err.text);
    (void)admit_data(x, (struct span){text, (size_t)n});
    admit_end(x, &result);
    CHECK(result.outcome == ADMIT_DURABLE, "%s", result.err.text);
}

/* ---- alerts in the journal ---- */

struct alerts {
    int info, evidence, other_tenant;
    int by_number[1000];
};

static void
count(void *app, const struct block *b, const struct block_row *row)
{
    struct alerts *a = app;
    const struct block_stream *stream = &b->streams[row->stream];
    struct span text = {b->body.p + row->properties_at, row->properties_size};
    const char *title = memmem(text.p, text.n, "\"Title\":\"d", 10);

    if (strncmp(stream->table, "Alert", 5) != 0)
        return;
    a->other_tenant += strcmp(stream->tenant, TENANT_A) != 0;
    a->info += strcmp(stream->table, "AlertInfo") == 0;
    a->evidence += strcmp(stream->table, "AlertEvidence") == 0;
    if (title != NULL && strcmp(stream->table, "AlertInfo") == 0)
        a->by_number[strtol(title + 10, NULL, 10) % 1000]++;
}

/* Waits until there are so many, or half a minute. */
static struct alerts
alerts_wait(int wanted)
{
    int64_t until = clock_monotonic_ms() + 30000;
    struct alerts a;

    do {
        uint64_t end = journal_extent(bed.journal).end;

        memset(&a, 0, sizeof a);
        (void)bed_each_row(&bed, 0, count, &a);
        if (a.info < wanted)
            (void)journal_wait(bed.journal, end, 200);
    } while (a.info < wanted && clock_monotonic_ms() < until);
    return a;
}

static void
check_stream(void)
{
    struct alerts a;
    int64_t id;

    send_to(TENANT_A, 0, "Bad"); /* before the rule */
    id = put(0, RULE("bad", "DeviceEvents | where ActionType == 'Bad'", EACH));
    send_to(TENANT_A, 1, "Bad");
    send_to(TENANT_A, 2, "Good");
    send_to(TENANT_B, 3, "Bad");
    a = alerts_wait(1);
    CHECK(a.info == 1 && a.evidence == 1 && a.by_number[1] == 1 && a.other_tenant == 0, "%d alerts",
          a.info);
    /* the query changes: from now on */
    (void)put(
        id, "{\"queryCondition\":{\"queryText\":\"DeviceEvents | where ActionType == 'Worse'\"}}");
    send_to(TENANT_A, 4, "Worse");
    a = alerts_wait(2);
    CHECK(a.info == 2 && a.by_number[4] == 1, "%d alerts", a.info);
    (void)put(id,
              "{\"queryCondition\":{\"queryText\":\"DeviceEvents | where ActionType == 'Bad'\"}}");
}

/* Restarted again and again while records come: each makes its alert, once. */
static void
check_restarts(void)
{
    int wanted = 2, first = 10;
    struct alerts a;
    bool is_once = true;

    (void)put(0, RULE("also",
                      "DeviceEvents | where ReportId % 2 == 0 and ActionType == 'Bad' | project "
                      "DeviceId = strcat(DeviceId, '00')",
                      EACH));
    for (int n = 0; n < 60; n++) {
        send_to(TENANT_A, first + n, "Bad");
        wanted += 1 + (n % 2 == 0);
        if (n % 3 == 0)
            restart();
    }
    a = alerts_wait(wanted);
    for (int n = 0; n < 60; n++)
        is_once &= a.by_number[first + n] == 1;
    CHECK(is_once && a.info == wanted, "%d alerts of %d", a.info, wanted);
    restart();
    restart();
    a = alerts_wait(wanted);
    CHECK(a.info == wanted, "restarts alone make none: %d of %d", a.info, wanted);
}

static bool
outbox_is_empty(void *app, const struct store_detection_outbox *x)
{
    (void)x;
    *(bool *)app = false;
    return false;
}

/* Waits until the stream has read all there is and all alerts left, or five seconds. */
static void
settle(void)
{
    int64_t until = clock_monotonic_ms() + 5000;
    bool is_settled = false;
    char end[60];
    struct err err;

    while (!is_settled && clock_monotonic_ms() < until) {
        uint64_t position = journal_extent(bed.journal).end;
        char *status = detect_status_json(detect);
        bool is_empty = true;

        snprintf(end, sizeof end, "\"streamPosition\":%llu,", (unsigned long long)position);
        (void)!store_detection_outbox_first(c.store, outbox_is_empty, &is_empty, &err);
        is_settled = is_empty && status != NULL && strstr(status, end) != NULL;
        free(status);
        if (!is_settled)
            (void)journal_wait(bed.journal, position, 20);
    }
}

/* A rule about alerts does not see those of rules: else each would make the next. */
static void
check_loop(void)
{
    struct alerts before = alerts_wait(0), a;

    (void)put(0,
              RULE("alerts", "AlertEvidence | where isnotempty(DeviceId) | project DeviceId, Title",
                   EACH));
    send_to(TENANT_A, 500, "Bad");
    send_to(TENANT_A, 501, "Bad");
    (void)alerts_wait(before.info + 3); /* both, and 'also' of the even one */
    settle();
    a = alerts_wait(0);
    CHECK(a.info == before.info + 3, "%d alerts more", a.info - before.info);
}

static uint64_t
duplicates(void)
{
    struct admit_counts counts;

    admit_counts_get(bed.admitter, &counts);
    return counts.duplicates;
}

/* Killed between the journal and the store: the batch comes again, and counts as none; days later, too, when the journal knows its
 * id no more. */
static void
check_again(void)
{
    static const char line[] =
        "{\"tenantId\":\"" TENANT_A
        "\",\"category\":\"AdvancedHunting-AlertInfo\",\"properties\":{\"AlertId\":\"x\"}}\n";
    const struct admit_request request = {
        .shape = ADMIT_ENVELOPES, .tenant = TENANT_A, .batch_id = SPAN_LITERAL("detection-x")};
    const struct store_detection_outbox out = {
        .tenant = TENANT_A,
        .batch = "detection-x",
        .envelopes = {line, sizeof line - 1},
        .alerts = SPAN_LITERAL("[]"),
        .place = journal_extent(bed.journal).end
    };
    struct admission *x;
    struct admit_result result;
    struct alerts before = alerts_wait(0), a;
    struct err err = {""};

    CHECK(admit_begin(bed.admitter, &request, &x, &err) == ST_OK, "%s", err.text);
    (void)admit_data(x, (struct span){line, sizeof line - 1});
    admit_end(x, &result);
    for (int day = 0; day < 2; day++) {
        uint64_t count = duplicates();
        bool is_empty = false;

        detect_free(detect);
        CHECK(store_detection_commit(c.store, NULL, 0, &out, 1, UINT64_MAX, &err) == ST_OK, "%s",
              err.text);
        atomic_store(&later, day * 48 * TICKS_PER_HOUR);
        make();
        settle();
        is_empty = true;
        (void)!store_detection_outbox_first(c.store, outbox_is_empty, &is_empty, &err);
        CHECK(is_empty && duplicates() - count == (day == 0), "day %d: %llu", day,
              (unsigned long long)(duplicates() - count));
    }
    a = alerts_wait(0);
    CHECK(a.info == before.info + 1, "it is there once: %d", a.info - before.info);
    atomic_store(&later, 0);
}

static void
check_history(void)
{
    struct detections_reply reply;
    const json_t *run;
    bool is_empty = true;
    struct err err;
    char text[400] = "";

    CHECK(store_detection_outbox_first(c.store, outbox_is_empty, &is_empty, &err) == ST_END &&
              is_empty,
          "all left");
    detections_runs(&c, TENANT_A, 1, 1, &reply);
    run = json_array_get(json_object_get(reply.tree, "value"), 0);
    CHECK(json_integer_value(json_object_get(run, "alerts")) > 0 &&
              strcmp(json_string_value(json_object_get(run, "trigger")), "stream") == 0,
          "a slot of its history");
    detections_reply_free(&reply);
    CHECK(detect_is_healthy(detect, text, sizeof text), "healthy: %s", text);
    char *status = detect_status_json(detect);

    CHECK(status != NULL && strstr(status, "\"streamPosition\":") != NULL, "status");
    free(status);
    detect_count(detect);
}

int
main(void)
{
    struct config *config = NULL;
    char path[200], made[400];
    struct err err = {""};

    bed_open(&bed, "detect_thread_test", NULL);
    c.catalog = &catalog_builtin;
    c.kinds = &test_kinds;
    snprintf(path, sizeof path, "%s/store.db", bed.folder);
    bed_must(store_open(path, &c.store, &err), "store", &err);
    bed_must(config_read_text(SPAN_LITERAL("defaultExports: false\ntenants: [{id: " TENANT_A
                                           "}, {id: " TENANT_B "}]\n"),
                              "t.yaml", bed.folder, &test_kinds, &config, &err),
             "config", &err);
    c.config = config;
    snprintf(path, sizeof path, "%s/secret.key", bed.folder);
    bed_must(secrets_open(path, true, &c.secrets, &err), "secrets", &err);
    bed_must(control_prepare(&c, 1, made, &err), "tenants", &err);
    atomic_store(&current, &c);
    make();
    check_stream();
    check_restarts();
    check_loop();
    check_again();
    check_history();
    detect_free(detect);
    store_close(c.store);
    secrets_close(c.secrets);
    config_free(config);
    bed_close(&bed);
    return test_end();
}
