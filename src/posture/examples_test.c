/* examples_test.c - events byte for byte as in the examples of the contract, where the shared folder is present
 * (../shared, or PENSTOCK_SHARED): what an example tells is reported, and must come out as that example
 * without its insignificant white space. Assessments and findings have theirs in posture_test.c. */
#include "base/file.h"
#include "model/datetime.h"
#include "posture/posture_bed.h"
#include "wire/json.h"

#define SUBSCRIPTION "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

static char folder[4000];

static char *
example(const char *name)
{
    char path_of[4200], *text = NULL;
    size_t size;

    snprintf(path_of, sizeof path_of, "%s/%s", folder, name);
    CHECK(file_read(path_of, 1 << 20, &text, &size, &err) == ST_OK, "%s", err.text);
    return text;
}

static char *
compact(const char *text)
{
    struct text out = {0};

    text_compact(&out, span_of(text));
    text_add(&out, (struct span){"", 1});
    return out.p;
}

static char *
member_text(const char *text, const char *path_of)
{
    struct span value = json_at(span_of(text), path_of);
    struct text out = {0};

    text_compact(&out, value);
    text_add(&out, (struct span){"", 1});
    return out.p;
}

struct wanted {
    const char *document;
    enum event_source source;
    bool is_found;
    struct text last;
};

static void
look(void *app, const struct posture_event *e)
{
    struct wanted *w = app;

    if (e->source != w->source)
        return;
    w->is_found |= span_is(e->document, w->document);
    text_reset(&w->last);
    text_add(&w->last, e->document);
}

/* Whether the outbox has the example; empties it. */
static void
expect(struct posture *p, enum event_source source, const char *name)
{
    char *text = example(name), *document = text != NULL ? compact(text) : NULL;
    struct wanted w = {.document = document, .source = source};
    uint64_t last = 0;

    if (document != NULL) {
        CHECK(posture_outbox_read(p, 10000, 100 << 20, look, &w, &last, &err) == ST_OK, "%s",
              err.text);
        CHECK(w.is_found, "%s\nwanted %s\nlast   %.*s", name, document, (int)w.last.n, w.last.p);
        CHECK(posture_outbox_drop(p, last, &err) == ST_OK, "%s", err.text);
    }
    text_free(&w.last);
    free(document);
    free(text);
}

static void
tick(struct posture *p)
{
    bool more = true;

    ticks += 10 * TICKS_PER_SECOND;
    for (int i = 0; more && i < 1000; i++)
        CHECK(posture_tick(p, &more, &err) == ST_OK, "%s", err.text);
}

static void
snapshot(struct posture *p, enum event_source source)
{
    char id[40];

    CHECK(posture_snapshot(p, TENANT, span_of(SUBSCRIPTION), 1u << source, id, &err) == ST_OK, "%s",
          err.text);
    tick(p);
}

static void
report(struct posture *p, const char *key, const char *code, int from, int count)
{
    char id[400], body[200];

    snprintf(body, sizeof body, "{\"properties\":{\"status\":{\"code\":\"%s\"}}}", code);
    for (int i = from; i < from + count; i++) {
        snprintf(id, sizeof id,
                 SUB "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/v%d" SEC
                     "/assessments/%s",
                 i, key);
        CHECK(put(p, id, body).outcome == POSTURE_CREATED, "%s", id);
    }
}

/* Puts the example's own document, or its part, and expects the event. */
static void
test_given(enum event_source source, enum event_source of_snapshot, const char *name,
           const char *snapshot_name, const char *id_path, const char *id_format, const char *part)
{
    struct posture *p = open_new();
    char *text = example(name), *last, *body, id[600], whole[8192];

    if (text == NULL)
        return;
    last = member_text(text, id_path);
    snprintf(id, sizeof id, id_format, (int)strlen(last) - 2, last + 1);
    if (part != NULL) {
        body = member_text(text, part);
        snprintf(whole, sizeof whole, "{\"%s\":%s}", part, body);
        free(body);
    } else {
        snprintf(whole, sizeof whole, "%s", text);
    }
    CHECK(put(p, id, whole).outcome == POSTURE_CREATED, "%s", id);
    expect(p, source, name);
    if (snapshot_name != NULL) {
        snapshot(p, of_snapshot);
        expect(p, of_snapshot, snapshot_name);
    }
    free(last);
    free(text);
    posture_close(p);
}

#define KEY "a1f3c6d8-2b47-4e90-8c15-6d0e9f7b3a21"

static void
test_control_and_compliance(void)
{
    struct posture *p = open_new();
    char *text = example("event-securescorecontrols.json"), *definition, body[8192];

    if (text == NULL)
        return;
    definition = member_text(text, "properties.definition.properties");
    snprintf(body, sizeof body, "{\"properties\":%s}", definition);
    CHECK(put(p, SEC "/secureScoreControlDefinitions/c0b8a7f6-1d2e-4f30-9a4b-5c6d7e8f9012", body)
                  .outcome == POSTURE_CREATED,
          "definition");
    put(p, SEC "/assessmentMetadata/" KEY,
        "{\"properties\":{\"displayName\":\"Penstock sample: machines should have findings "
        "resolved\",\"severity\":\"High\",\"assessmentType\":\"BuiltIn\"}}");
    put(p, SUB SEC "/regulatoryComplianceStandards/Penstock-Baseline-v1",
        "{\"properties\":{\"displayName\":\"B\"}}");
    put(p,
        SUB SEC "/regulatoryComplianceStandards/Penstock-Baseline-v1/regulatoryComplianceControls/"
                "VM.1",
        "{\"properties\":{\"description\":\"o\",\"assessmentDefinitions\":[{\"id\":\"" SEC
        "/assessmentMetadata/" KEY "\"}]}}");
    report(p, KEY, "Healthy", 0, 5);
    report(p, KEY, "Unhealthy", 5, 1);
    report(p, KEY, "NotApplicable", 6, 2);
    tick(p);
    expect(p, EVENT_SECURE_SCORE_CONTROLS, "event-securescorecontrols.json");
    snapshot(p, EVENT_SECURE_SCORE_CONTROLS_SNAPSHOT);
    expect(p, EVENT_SECURE_SCORE_CONTROLS_SNAPSHOT, "event-securescorecontrols-snapshot.json");
    snapshot(p, EVENT_COMPLIANCE_SNAPSHOT);
    expect(p, EVENT_COMPLIANCE_SNAPSHOT, "event-regulatorycompliance-snapshot.json");
    free(definition);
    free(text);
    posture_close(p);
}

static void
test_compliance(void)
{
    struct posture *p = open_new();

    put(p, SEC "/assessmentMetadata/" KEY,
        "{\"properties\":{\"displayName\":\"Penstock sample: machines should have findings "
        "resolved\",\"severity\":\"High\",\"assessmentType\":\"BuiltIn\"}}");
    put(p, SUB SEC "/regulatoryComplianceStandards/Penstock-Baseline-v1",
        "{\"properties\":{\"displayName\":\"B\"}}");
    put(p,
        SUB SEC "/regulatoryComplianceStandards/Penstock-Baseline-v1/regulatoryComplianceControls/"
                "VM.1",
        "{\"properties\":{\"description\":\"o\",\"assessmentDefinitions\":[{\"id\":\"" SEC
        "/assessmentMetadata/" KEY "\"}]}}");
    report(p, KEY, "Healthy", 0, 5);
    report(p, KEY, "Unhealthy", 5, 1);
    report(p, KEY, "NotApplicable", 6, 2);
    tick(p);
    expect(p, EVENT_COMPLIANCE, "event-regulatorycompliance.json");
    posture_close(p);
}

/* The example's resource without what we make of it; to be freed. */
static char *
put_example(struct posture *p, const char *name, const char *moment, const char *member)
{
    char *text = example(name), *id, *part;
    struct text body = {0}, decoded = {0};

    if (text == NULL)
        return NULL;
    id = member_text(text, "id");
    part = member_text(text, member);
    text_decode(&decoded, span_of(id));
    text_add(&decoded, (struct span){"", 1});
    text_addf(&body, "{\"properties\":%s}", part);
    text_add(&body, (struct span){"", 1});
    CHECK(datetime_read(span_of(moment), &ticks), "%s", moment);
    ticks -= TICKS_PER_SECOND; /* put() moves it on */
    CHECK(put(p, decoded.p, body.p).outcome == POSTURE_CREATED, "%s", decoded.p);
    free(part);
    free(id);
    free(text);
    text_free(&body);
    return decoded.p;
}

static void
test_recommendation_snapshots(void)
{
    struct posture *p = open_new();
    char *id = put_example(p, "event-assessments-snapshot.json", "2026-05-12T08:41:07.4410233Z",
                           "properties");
    char *finding = put_example(p, "event-subassessments-snapshot.json",
                                "2026-05-12T08:41:08.0000000Z", "properties");

    if (id == NULL || finding == NULL)
        return;
    snapshot(p, EVENT_SUB_ASSESSMENTS_SNAPSHOT);
    expect(p, EVENT_SUB_ASSESSMENTS_SNAPSHOT, "event-subassessments-snapshot.json");
    snapshot(p, EVENT_ASSESSMENTS_SNAPSHOT);
    expect(p, EVENT_ASSESSMENTS_SNAPSHOT, "event-assessments-snapshot.json");
    free(finding);
    free(id);
    posture_close(p);
}

/* The first twelve controls of the vectors make the subscription's score; 40 assessments more, under no
 * control, its weight of 67. */
static void
test_score(void)
{
    struct posture *p = open_new();
    char *text = example("secure-score-vectors.json");
    json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
    json_t *controls = json_object_get(root, "controls");

    for (size_t i = 0; i < 12 && root != NULL; i++) {
        json_t *c = json_array_get(controls, i);
        int n[3] = {(int)json_integer_value(json_object_get(c, "healthy")),
                    (int)json_integer_value(json_object_get(c, "unhealthy")),
                    (int)json_integer_value(json_object_get(c, "notApplicable"))};
        char id[200], body[400], key[20];

        snprintf(key, sizeof key, "k%zu", i);
        snprintf(id, sizeof id, SEC "/secureScoreControlDefinitions/c%zu", i);
        snprintf(body, sizeof body,
                 "{\"properties\":{\"displayName\":\"C\",\"maxScore\":%d,\"assessmentDefinitions\":"
                 "[{\"id\":\"" SEC "/assessmentMetadata/%s\"}]}}",
                 (int)json_integer_value(json_object_get(c, "definitionMaxScore")), key);
        put(p, id, body);
        report(p, key, "Healthy", 0, n[0]);
        report(p, key, "Unhealthy", n[0], n[1]);
        report(p, key, "NotApplicable", n[0] + n[1], n[2]);
    }
    report(p, "none", "Healthy", 0, 40);
    tick(p);
    expect(p, EVENT_SECURE_SCORES, "event-securescores.json");
    snapshot(p, EVENT_SECURE_SCORES_SNAPSHOT);
    expect(p, EVENT_SECURE_SCORES_SNAPSHOT, "event-securescores-snapshot.json");
    json_decref(root);
    free(text);
    posture_close(p);
}

int
main(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");

    snprintf(folder, sizeof folder, "%s/contracts/examples/continuous-export",
             shared != NULL ? shared : "../shared");
    if (access(folder, R_OK) != 0) {
        printf("skipped: no folder %s\n", folder);
        return test_end();
    }
    bed_portal = "portal.penstock.example";
    test_given(EVENT_ALERTS, EVENT_SOURCES, "event-alerts.json", NULL, "SystemAlertId",
               SUB "/resourceGroups/rg-web" SEC "/locations/westeurope/alerts/%.*s", NULL);
    test_given(EVENT_ATTACK_PATHS, EVENT_ATTACK_PATHS_SNAPSHOT, "event-attackpaths.json",
               "event-attackpaths-snapshot.json", "name", SUB SEC "/attackPaths/%.*s",
               "attackPath");
    test_control_and_compliance();
    test_compliance();
    test_recommendation_snapshots();
    test_score();
    remove_file();
    return test_end();
}
