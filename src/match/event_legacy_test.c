/* event_legacy_test.c - findings in their legacy form. */
#include "base/test.h"
#include "match/event.h"
#include "match/shared_play.h"

/* clang-format off */
static const struct {
    const char *name, *event, *legacy;
} cases[] = {
    {"markers and names",
     "{\"subAssessmentEventDataEnrichment\":{\"action\":\"Insert\"},\"securityEventDataEnrichment\":{},"
     "\"id\":\"/x\",\"properties\":{\"status\":{\"code\":\"Healthy\"},\"resourceDetails\":{\"source\":"
     "\"Azure\"},\"additionalData\":{\"assessedResourceType\":\"GeneralVulnerability\",\"data\":"
     "[{\"osName\":\"Linux\",\"3.0\":1.50}]}}}",
     "{\"$type\":\"subAssessmentEvent\",\"SubAssessmentEventDataEnrichment\":{\"$type\":"
     "\"subAssessmentEventDataEnrichment\",\"Action\":\"Insert\"},\"SecurityEventDataEnrichment\":{"
     "\"$type\":\"subAssessmentEventDataEnrichment\"},\"Id\":\"/x\",\"Properties\":{\"$type\":"
     "\"response/subAssessmentProperties\",\"Status\":{\"$type\":\"status\",\"Code\":\"Healthy\"},"
     "\"ResourceDetails\":{\"$type\":\"resourceDetails/azure\",\"Source\":\"Azure\"},"
     "\"AdditionalData\":{\"$type\":\"additionalData/general\",\"AssessedResourceType\":"
     "\"GeneralVulnerability\",\"Data\":[{\"OsName\":\"Linux\",\"3.0\":1.50}]}}}"},
    {"a sender's type cannot leave its quotes",
     "{\"properties\":{\"additionalData\":{\"assessedResourceType\":\"Sql\\\"},{\\\"x\"}}}",
     "{\"$type\":\"subAssessmentEvent\",\"Properties\":{\"$type\":\"response/subAssessmentProperties\","
     "\"AdditionalData\":{\"$type\":\"additionalData/sql_____x\",\"AssessedResourceType\":"
     "\"Sql\\\"},{\\\"x\"}}}"},
    {"what is no object gets no marker", "{\"properties\":7,\"a\\u0062\":null}",
     "{\"$type\":\"subAssessmentEvent\",\"Properties\":7,\"a\\u0062\":null}"},
};
/* clang-format on */

static void
check(const char *name, struct span event, struct span legacy)
{
    struct event e;
    struct err err = {""};
    char *out = NULL;
    size_t size = 0;

    if (event_open_text(&e, EVENT_SUB_ASSESSMENTS, SPAN_LITERAL("/subscriptions/s"), event, &err) !=
        ST_OK) {
        CHECK(false, "%s: %s", name, err.text);
        return;
    }
    CHECK(event_legacy(&e, &out, &size, &err) == ST_OK, "%s: %s", name, err.text);
    CHECK(out != NULL && span_equal((struct span){out, size}, legacy), "%s\nwanted %.*s\ngot    %s",
          name, (int)legacy.n, legacy.p, out);
    free(out);
    event_close(&e);
}

/* The contract's example, made of the same document in the form of today. */
static void
check_example(void)
{
    char *text = shared_text("event-subassessments-legacy-pascalcase.json");
    struct tree wanted;
    struct err err = {""};

    if (text == NULL) {
        printf("skipped: the contract's example is not there\n");
        return;
    }
    CHECK(tree_parse(&wanted, span_of(text), &err) == ST_OK, "%s", err.text);
    check(
        "the contract's example",
        SPAN_LITERAL(
            "{\"subAssessmentEventDataEnrichment\":{\"action\":\"Insert\",\"apiVersion\":"
            "\"2020-01-01\",\"isSnapshot\":false},\"securityEventDataEnrichment\":{\"action\":"
            "\"Insert\",\"apiVersion\":\"2020-01-01\",\"isSnapshot\":false},\"tenantId\":"
            "\"7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11\",\"type\":"
            "\"Microsoft.Security/assessments/subAssessments\",\"id\":\"/subscriptions/"
            "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610/resourceGroups/rg-web/providers/"
            "Microsoft.Compute/virtualMachines/vm-web-01/providers/Microsoft.Security/assessments/"
            "a1f3c6d8-2b47-4e90-8c15-6d0e9f7b3a21/subAssessments/"
            "5e9b7d10-c4f2-4a68-b3d1-0f2a8c6e9d44\",\"name\":"
            "\"5e9b7d10-c4f2-4a68-b3d1-0f2a8c6e9d44\",\"properties\":{\"id\":"
            "\"5e9b7d10-c4f2-4a68-b3d1-0f2a8c6e9d44\",\"displayName\":"
            "\"Sample hardening rule is not met\",\"status\":{\"code\":\"Unhealthy\","
            "\"severity\":\"Low\"},\"remediation\":\"Apply the rule.\",\"impact\":"
            "\"Larger attack surface.\",\"category\":\"N/A\",\"description\":"
            "\"Invented finding used in tests.\",\"timeGenerated\":"
            "\"2026-05-12T08:41:05.1190002Z\",\"resourceDetails\":{\"source\":\"Azure\",\"id\":"
            "\"/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610/resourceGroups/rg-web/"
            "providers/Microsoft.Compute/virtualMachines/vm-web-01\"},\"additionalData\":{"
            "\"assessedResourceType\":\"GeneralVulnerability\",\"data\":{\"osName\":\"Linux\","
            "\"ruleType\":\"Command\"}}}}"),
        tree_raw(&wanted, 0));
    tree_free(&wanted);
    free(text);
}

int
main(void)
{
    struct event alert;
    struct err err;
    char *out;
    size_t size;

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(cases[i].name, span_of(cases[i].event), span_of(cases[i].legacy));
    check_example();
    if (event_open_text(&alert, EVENT_ALERTS, SPAN_LITERAL("/subscriptions/s"), SPAN_LITERAL("{}"),
                        &err) == ST_OK) {
        CHECK(event_legacy(&alert, &out, &size, &err) == ST_INVALID, "an alert has none");
        event_close(&alert);
    }
    return test_end();
}
