/* compute_test.c - scores, compliance, attack paths, alerts and snapshots as they follow from what is
 * reported: the numbers, and the events that they make. */
#include "model/datetime.h"
#include "posture/alert.h"
#include "posture/posture_bed.h"

#define OTHER_VM SUB "/resourceGroups/rg-db/providers/Microsoft.Compute/virtualMachines/vm-db-01"
#define CONTROL(name) SEC "/secureScoreControlDefinitions/" name
#define CONTROL_OF(points, keys)                                                                   \
    "{\"properties\":{\"displayName\":\"C\",\"maxScore\":" points                                  \
    ",\"assessmentDefinitions\":[" keys "]}}"
#define KEY(key) "{\"id\":\"/providers/Microsoft.Security/assessmentMetadata/" key "\"}"
#define STANDARD SUB SEC "/regulatoryComplianceStandards/Base-v1"

static void
tick(struct posture *p)
{
    bool more = true;

    ticks += 10 * TICKS_PER_SECOND; /* beyond the score delay */
    for (int i = 0; more && i < 1000; i++)
        CHECK(posture_tick(p, &more, &err) == ST_OK, "%s", err.text);
}

static struct text shown;

static const char *
get(struct posture *p, const char *id)
{
    char *text = NULL;
    size_t size;

    text_reset(&shown);
    if (posture_get(p, TENANT, span_of(id), false, &text, &size, &err) == ST_OK)
        text_add(&shown, (struct span){text, size});
    free(text);
    text_add(&shown, (struct span){"", 1});
    return shown.p;
}

#define HAS(text, part) CHECK(strstr(text, part) != NULL, "wanted %s in\n%s", part, text)

static void
report(struct posture *p, int healthy, int unhealthy, const char *key)
{
    char id[400];

    for (int i = 0; i < healthy + unhealthy; i++) {
        snprintf(id, sizeof id,
                 SUB "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-%d" SEC
                     "/assessments/%s",
                 i, key);
        put(p, id, i < healthy ? STATE("Healthy") : STATE("Unhealthy"));
    }
}

/* ---- scores ---- */

static void
test_score(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    wants_nothing = true;
    put(p, SEC "/assessmentMetadata/a1", META);
    CHECK(put(p, CONTROL("c1"), CONTROL_OF("4", KEY("A1"))).outcome == POSTURE_CREATED, "control");
    CHECK(put(p, CONTROL("c2"), CONTROL_OF("2", KEY("a2"))).outcome == POSTURE_CREATED, "control");
    report(p, 5, 1, "a1");
    tick(p);
    EXPECT(p, &s, "");
    HAS(get(p, SUB SEC "/secureScores/ascScore/secureScoreControls/c1"),
        "\"score\":{\"max\":4,\"current\":3.33,\"percentage\":0.8325}");
    HAS(shown.p, "\"healthyResourceCount\":5,\"unhealthyResourceCount\":1,"
                 "\"notApplicableResourceCount\":0");
    HAS(shown.p, "\"weight\":6");
    HAS(get(p, SUB SEC "/secureScores/ascScore/secureScoreControls/c2"),
        "\"score\":{\"max\":0,\"current\":0,\"percentage\":0}");
    HAS(get(p, SUB SEC "/secureScores/ascScore"),
        "\"score\":{\"max\":4,\"current\":3.33,\"percentage\":0.8325},\"weight\":6");
    CHECK(put(p, SUB SEC "/secureScores/ascScore", STATE("Healthy")).outcome == POSTURE_REFUSED,
          "computed ones are not written");
    posture_close(p);
    seen_free(&s);
}

/* 0.01 of a point moves it, what is less does not, and slow drift adds up. */
static void
test_threshold(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    char id[400];

    put(p, CONTROL("c1"), CONTROL_OF("10", KEY("a1")));
    report(p, 1999, 1, "a1");
    tick(p);
    (void)events(p, &s);
    HAS(get(p, SUB SEC "/secureScores/ascScore/secureScoreControls/c1"), "\"current\":10,");
    for (int i = 0; i < 2; i++) { /* 10 * 1997/2000 = 9.985 = 9.99, then 9.98 */
        snprintf(id, sizeof id,
                 SUB "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-%d" SEC
                     "/assessments/a1",
                 i);
        put(p, id, STATE("Unhealthy"));
    }
    tick(p);
    EXPECT(p, &s,
           "Assessments \"a1\" \"Insert\" \"Unhealthy\"\nAssessments \"a1\" \"Insert\" "
           "\"Unhealthy\"\nSecureScoreControls \"c1\" \"Insert\" \nSecureScores \"ascScore\" "
           "\"Insert\" \n");
    put(p, id, STATE("NotApplicable")); /* 10 * 1997/1999 = 9.98999 = 9.99: no move */
    tick(p);
    EXPECT(p, &s, "Assessments \"a1\" \"Insert\" \"NotApplicable\"\n");
    posture_close(p);
    seen_free(&s);
}

static void
test_preview_and_parts(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    put(p, SEC "/assessmentMetadata/new",
        "{\"properties\":{\"displayName\":\"D\",\"severity\":\"High\",\"assessmentType\":"
        "\"BuiltIn\",\"preview\":true}}");
    put(p, CONTROL("c1"), CONTROL_OF("6", KEY("a1") "," KEY("a2") "," KEY("new")));
    report(p, 4, 0, "a1");
    report(p, 3, 1, "a2"); /* vm-3 fails one of two: it is unhealthy */
    report(p, 0, 4, "new");
    tick(p);
    HAS(get(p, SUB SEC "/secureScores/ascScore/secureScoreControls/c1"),
        "\"healthyResourceCount\":3,\"unhealthyResourceCount\":1");
    HAS(get(p, SUB SEC "/secureScores/ascScore"), "\"weight\":8");
    put(p, CONTROL("c1"), NULL);
    tick(p);
    CHECK(get(p, SUB SEC "/secureScores/ascScore/secureScoreControls/c1")[0] == '\0',
          "a control whose definition is gone goes: %s", shown.p);
    posture_close(p);
    seen_free(&s);
}

/* ---- compliance ---- */

static void
test_compliance(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    put(p, SEC "/assessmentMetadata/a1", META);
    put(p, STANDARD, "{\"properties\":{\"displayName\":\"Base\"}}");
    put(p, STANDARD "/regulatoryComplianceControls/VM.1",
        "{\"properties\":{\"description\":\"one\",\"assessmentDefinitions\":[" KEY("a1") "]}}");
    put(p, STANDARD "/regulatoryComplianceControls/VM.2",
        "{\"properties\":{\"description\":\"two\",\"assessmentDefinitions\":[" KEY("a1") "," KEY(
            "nobody") "]}}");
    report(p, 5, 1, "a1");
    tick(p);
    (void)events(p, &s);
    HAS(s.lines.p,
        "RegulatoryComplianceAssessment \"a1\" \"Write\" \nRegulatoryComplianceAssessment "
        "\"a1\" \"Write\" \nRegulatoryComplianceAssessment \"nobody\" \"Write\" \n");
    HAS(get(p, STANDARD "/regulatoryComplianceControls/VM.1/regulatoryComplianceAssessments/a1"),
        "\"description\":\"D\",\"state\":\"Failed\",\"scope\":\"Subscription\","
        "\"passedResources\":5,\"failedResources\":1,\"skippedResources\":0");
    HAS(get(p, STANDARD "/regulatoryComplianceControls/VM.2"),
        "\"state\":\"Failed\",\"passedAssessments\":0,\"failedAssessments\":1,"
        "\"skippedAssessments\":0");
    HAS(get(p, STANDARD), "\"state\":\"Failed\",\"passedControls\":0,\"failedControls\":2");
    tick(p);
    EXPECT(p, &s, "");
    report(p, 6, 0, "a1");
    tick(p);
    (void)events(p, &s);
    HAS(get(p, STANDARD), "\"state\":\"Passed\",\"passedControls\":2");
    put(p, STANDARD "/regulatoryComplianceControls/VM.2", NULL);
    HAS(get(p, STANDARD), "\"passedControls\":1");
    posture_close(p);
    seen_free(&s);
}

/* ---- attack paths ---- */

static void
test_attack_path(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    const char *id = SUB SEC "/attackPaths/p1";

    CHECK(put(p, id, "{\"properties\":{\"displayName\":\"P\",\"riskLevel\":\"Severe\"}}").outcome ==
              POSTURE_REFUSED,
          "unknown risk");
    put(p, id, "{\"properties\":{\"displayName\":\"P\",\"riskLevel\":\"High\"}}");
    CHECK(put(p, id,
              "{\"attackPath\":{\"attackPathId\":\"p1\",\"displayName\":\"P\",\"riskLevel\":"
              "\"High\"}}")
                  .outcome == POSTURE_UNCHANGED,
          "the same in the delivered form");
    put(p, id, NULL);
    EXPECT(p, &s, "AttackPaths \"p1\" \"Insert\" \nAttackPaths \"p1\" \"Delete\" \n");
    HAS(s.last.p, "\"tenantId\":\"" TENANT "\",\"attackPath\":{\"attackPathId\":\"p1\","
                  "\"displayName\":\"P\",\"riskLevel\":\"High\"}}");
    posture_close(p);
    seen_free(&s);
}

/* ---- alerts ---- */

#define ALERT(name) SUB "/resourceGroups/rg-web" SEC "/locations/westeurope/alerts/" name
#define FLAT(name, more)                                                                           \
    "{\"VendorName\":\"V\",\"AlertType\":\"T_Login\",\"AlertDisplayName\":\"Login\",\"Severity\":" \
    "\"High\",\"Status\":\"New\",\"SystemAlertId\":\"" name                                        \
    "\",\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"AzureResourceId\":\"" VM "\"" more "}"

static void
test_alert(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    CHECK(put(p, ALERT("x1"), FLAT("x1", "")).outcome == POSTURE_CREATED, "flat");
    (void)events(p, &s);
    HAS(s.last.p, "\"SystemAlertId\":\"x1\"");
    HAS(s.last.p, "\"Status\":\"New\"");
    HAS(s.last.p, "\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\"");
    HAS(get(p, ALERT("x1")), "\"status\":\"Active\"");
    HAS(shown.p, "\"timeGeneratedUtc\":\"2026-05-12T09:00:02.485Z\"");
    CHECK(put(p, ALERT("x1"), FLAT("x1", "")).outcome == POSTURE_UNCHANGED, "again");
    CHECK(put(p, ALERT("x1"), FLAT("x2", "")).outcome == POSTURE_REFUSED, "another's id");
    CHECK(posture_alert_set_status(p, TENANT, "me", span_of(ALERT("x1")), ALERT_RESOLVED, &err) ==
              ST_OK,
          "%s", err.text);
    (void)events(p, &s);
    HAS(s.last.p, "\"Status\":\"Resolved\"");
    CHECK(posture_alert_set_status(p, OTHER, "me", span_of(ALERT("x1")), ALERT_ACTIVE, &err) ==
              ST_END,
          "another tenant's");
    CHECK(
        put(p, ALERT("r1"),
            "{\"properties\":{\"alertType\":\"T\",\"alertDisplayName\":\"N\",\"severity\":\"Low\","
            "\"productComponentName\":\"Servers\",\"entities\":[{\"type\":\"ip\",\"address\":"
            "\"192.0.2.1\"}]}}")
                .outcome == POSTURE_CREATED,
        "as a resource");
    (void)events(p, &s);
    HAS(s.last.p, "\"Entities\":[{\"Type\":\"ip\",\"Address\":\"192.0.2.1\"}]");
    HAS(s.last.p, "\"ExtendedProperties\":{\"ProductComponentName\":\"Servers\"}");
    posture_close(p);
    seen_free(&s);
}

static void
test_suppression(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    const char *rule = SUB SEC "/alertsSuppressionRules/quiet";

    CHECK(put(p, rule, "{\"properties\":{\"alertType\":\"T_Login\",\"state\":\"Enabled\"}}")
                  .outcome == POSTURE_REFUSED,
          "a reason is needed");
    CHECK(
        put(p, rule,
            "{\"properties\":{\"alertType\":\"t_login\",\"state\":\"Enabled\",\"reason\":\"Test\","
            "\"suppressionAlertsScope\":{\"allOf\":[{\"field\":\"entities.ip.address\",\"in\":["
            "\"192.0.2.9\"]}]}}}")
                .outcome == POSTURE_CREATED,
        "rule");
    put(p, ALERT("q1"),
        FLAT("q1", ",\"Entities\":[{\"$id\":\"1\",\"Address\":\"192.0.2.9\",\"Type\":\"ip\"}]"));
    EXPECT(p, &s, "");
    HAS(get(p, ALERT("q1")), "\"status\":\"Dismissed\"");
    put(p, ALERT("q2"),
        FLAT("q2", ",\"Entities\":[{\"$id\":\"1\",\"Address\":\"192.0.2.8\",\"Type\":\"ip\"}]"));
    EXPECT(p, &s, "Alerts   \n");
    CHECK(posture_alert_set_status(p, TENANT, "me", span_of(ALERT("q1")), ALERT_ACTIVE, &err) ==
              ST_OK,
          "%s", err.text);
    EXPECT(p, &s, "Alerts   \n");
    posture_close(p);
    seen_free(&s);
}

static void
test_samples(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    size_t made = 0, again = 0;

    CHECK(posture_alert_simulate(p, TENANT, "me", span_of("3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"),
                                 span_of("westeurope"), (1u << ALERT_BUNDLES) - 1, 7, ticks, &made,
                                 &err) == ST_OK,
          "%s", err.text);
    CHECK(made >= ALERT_BUNDLES, "one of each at least: %zu", made);
    (void)events(p, &s);
    HAS(s.last.p, "\"Severity\":\"Informational\"");
    HAS(s.last.p, "[SAMPLE ALERT]");
    CHECK(posture_alert_simulate(p, TENANT, "me", span_of("3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"),
                                 span_of("westeurope"), 1u << 8, 8, ticks, &again, &err) == ST_OK &&
              again > 0 && again < made,
          "only machines: %zu", again);
    EXPECT(p, &s, "Alerts   \nAlerts   \n");
    posture_close(p);
    seen_free(&s);
}

/* ---- snapshots ---- */

static void
count_run(void *app, const struct posture_snapshot_run *run)
{
    size_t *ended = app;

    *ended += run->ended > 0;
}

static void
test_snapshot(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    char id[40], again[40];
    size_t ended = 0;
    const struct span sub = span_of("3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610");

    put(p, SEC "/assessmentMetadata/a1", META);
    report(p, 1, 1, "a1");
    put(p, OTHER_VM SEC "/assessments/a1", STATE("Healthy"));
    tick(p);
    (void)events(p, &s);
    CHECK(posture_snapshot(p, TENANT, sub,
                           1u << EVENT_ASSESSMENTS_SNAPSHOT | 1u << EVENT_SECURE_SCORES_SNAPSHOT,
                           id, &err) == ST_OK,
          "%s", err.text);
    CHECK(posture_snapshot(p, TENANT, sub,
                           1u << EVENT_ASSESSMENTS_SNAPSHOT | 1u << EVENT_SECURE_SCORES_SNAPSHOT,
                           again, &err) == ST_OK &&
              strcmp(id, again) == 0,
          "asked twice before it began, it is one: %s, %s", id, again);
    CHECK(posture_snapshot(p, OTHER, sub, 1u << EVENT_ASSESSMENTS_SNAPSHOT, id, &err) == ST_END,
          "another tenant's");
    CHECK(posture_snapshot(p, TENANT, sub, 1u << EVENT_ASSESSMENTS, id, &err) == ST_INVALID,
          "no snapshot source");
    posture_close(p); /* it is durable */
    p = open_again(0);
    tick(p);
    EXPECT(p, &s,
           "AssessmentsSnapshot \"a1\" \"Insert\" \"Healthy\"\nAssessmentsSnapshot \"a1\" "
           "\"Insert\" \"Unhealthy\"\nAssessmentsSnapshot \"a1\" \"Insert\" \"Healthy\"\n"
           "SecureScoresSnapshot \"ascScore\" \"Insert\" \n");
    CHECK(posture_snapshots(p, TENANT, sub, count_run, &ended, &err) == ST_OK && ended == 1,
          "one run: %zu", ended);
    ticks += 8 * 24 * 3600 * TICKS_PER_SECOND;
    tick(p);
    (void)events(p, &s);
    HAS(s.lines.p, "AssessmentsSnapshot");
    tick(p);
    EXPECT(p, &s, "");
    posture_close(p);
    seen_free(&s);
}

int
main(void)
{
    test_score();
    test_threshold();
    test_preview_and_parts();
    test_compliance();
    test_attack_path();
    test_alert();
    test_suppression();
    test_samples();
    test_snapshot();
    text_free(&shown);
    remove_file();
    return test_end();
}
