/* event_row_test.c - rows of the workspace tables: the contract's examples byte for byte where they are
 * there, and columns one by one. */
#include "base/test.h"
#include "match/event.h"
#include "match/shared_play.h"
#include "model/datetime.h"

#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define VM SUB "/resourceGroups/rg-Web/providers/Microsoft.Compute/virtualMachines/vm-1"
#define KEY "a1f3c6d8-2b47-4e90-8c15-6d0e9f7b3a21"
#define EXPORTED "2026-05-12T08:41:09.0000000Z"

static struct event_row_context context = {.workspace = "1b7f3c9a-0d44-4c0e-8a2e-5f6d7c8b9a01",
                                           .portal = "https://portal.penstock.example"};

/* The row, parsed into *t; to be freed with its text. NULL: refused. */
static char *
row_of(enum event_source source, const char *text, size_t size_max, struct tree *t, bool *is_shrunk)
{
    struct event e;
    struct err err = {""};
    char *row = NULL;
    size_t size = 0;
    enum status st;

    if (event_open_text(&e, source, SPAN_LITERAL(SUB), span_of(text), &err) != ST_OK) {
        CHECK(false, "%s: %s", text, err.text);
        return NULL;
    }
    st = event_row(&e, &context, size_max, &row, &size, is_shrunk, &err);
    event_close(&e);
    CHECK((st == ST_OK) == (err.text[0] == '\0'), "%s", err.text);
    if (st != ST_OK)
        return NULL;
    CHECK(strlen(row) == size, "size %zu, %zu are there", size, strlen(row));
    CHECK(tree_parse(t, (struct span){row, size}, &err) == ST_OK, "%s: %s", row, err.text);
    return row;
}

/* ---- the contract's examples ---- */

static void
try_columns(const struct tree *example, enum event_source source)
{
    uint32_t list = tree_member(example, 0, SPAN_LITERAL("columns"));
    size_t count, n = 0;
    const struct event_column *columns = event_columns(source, &count);

    for (uint32_t i = tree_first(list); i < tree_next(example, list); i = tree_next(example, i)) {
        struct span name = tree_text(example, tree_member(example, i, SPAN_LITERAL("name"))),
                    type = tree_text(example, tree_member(example, i, SPAN_LITERAL("type")));

        CHECK(n < count && span_is(name, columns[n].name) && span_is(type, columns[n].type),
              "column %zu is not %.*s %.*s", n, (int)name.n, name.p, (int)type.n, type.p);
        n++;
    }
    for (; n < count; n++)
        CHECK(columns[n].is_extra, "%s is too much", columns[n].name);
}

/* All bytes but the digits of _BilledSize, which no rule gives (the examples' are invented). */
static void
compare_rows(const char *file, struct span wanted, const char *row)
{
    static const char mark[] = "\"_BilledSize\":";
    const char *a = memmem(wanted.p, wanted.n, mark, strlen(mark)), *b = strstr(row, mark);
    size_t head = a != NULL ? (size_t)(a - wanted.p) : 0;

    CHECK(a != NULL && b != NULL && head == (size_t)(b - row) && memcmp(wanted.p, row, head) == 0,
          "%s:\n%.*s\n%s", file, (int)wanted.n, wanted.p, row);
    if (a == NULL || b == NULL)
        return;
    a = memchr(a, ',', wanted.n - head);
    b = strchr(b, ',');
    CHECK(span_is((struct span){a, wanted.n - (size_t)(a - wanted.p)}, b), "%s:\n%.*s\n%s", file,
          (int)wanted.n, wanted.p, row);
}

static void
try_example(const char *file, enum event_source source)
{
    char *text = shared_text(file), *event, *row = NULL;
    struct tree example, t = {0};
    struct err err = {""};
    struct span wanted, time;
    char name[64];
    bool is_shrunk;

    if (text == NULL) {
        printf("skipped: %s is not there\n", file);
        return;
    }
    CHECK(tree_parse(&example, span_of(text), &err) == ST_OK, "%s: %s", file, err.text);
    CHECK(span_is(tree_text(&example, tree_member(&example, 0, SPAN_LITERAL("table"))),
                  event_source_rows[source].table),
          "%s: another table", file);
    try_columns(&example, source);
    wanted = tree_text(&example, tree_member(&example, 0, SPAN_LITERAL("fromEvent")));
    snprintf(name, sizeof name, "%.*s", (int)wanted.n, wanted.p);
    event = shared_text(name);
    wanted =
        tree_raw(&example, tree_item(&example, tree_member(&example, 0, SPAN_LITERAL("rows")), 0));
    time = tree_text(
        &example,
        tree_member(&example,
                    tree_item(&example, tree_member(&example, 0, SPAN_LITERAL("rows")), 0),
                    SPAN_LITERAL("TimeGenerated")));
    CHECK(datetime_read(time, &context.exported), "time %.*s", (int)time.n, time.p);
    if (event != NULL)
        row = row_of(source, event, EVENT_ROW_SIZE_MAX, &t, &is_shrunk);
    CHECK(row != NULL && !is_shrunk, "%s: no row", file);
    if (row != NULL)
        compare_rows(file, wanted, row);
    tree_free(&t);
    tree_free(&example);
    free(row);
    free(event);
    free(text);
}

/* ---- column by column ---- */

#define ALERT(members) "{\"SystemAlertId\":\"x\"" members "}"
#define RESOURCE "\"resourceDetails\":{\"source\":\"OnPremise\",\"id\":\"" VM "\"}"
#define ASSESSMENT(action, is_snapshot, code)                                                      \
    "{\"securityEventDataEnrichment\":{\"action\":\"" action "\",\"isSnapshot\":" is_snapshot      \
    "},\"id\":\"" VM "/providers/Microsoft.Security/assessments/" KEY "\",\"name\":\"" KEY         \
    "\",\"properties\":{" RESOURCE ",\"status\":{\"code\":\"" code                                 \
    "\",\"cause\":\"OffByPolicy\",\"statusChangeDate\":\"2026-05-01T00:00:00Z\"},\"metadata\":{"   \
    "\"remediationDescription\":\"Mend it\"}}}"
#define FINDING(properties)                                                                        \
    "{\"id\":\"" VM "/providers/Microsoft.Security/assessments/" KEY                               \
    "/subAssessments/f1\",\"name\":\"f1\",\"properties\":{" properties "}}"
#define SCORE(properties)                                                                          \
    "{\"id\":\"" SUB                                                                               \
    "/providers/Microsoft.Security/secureScores/ascScore\",\"properties\":{" properties "}}"

/* clang-format off */
static const struct {
    const char *name;
    enum event_source source;
    const char *event, *column, *value; /* NULL: the column is not there */
} cells[] = {
    {"absent text is null", EVENT_ALERTS, ALERT(""), "Status", "null"},
    {"techniques are empty", EVENT_ALERTS, ALERT(""), "Techniques", "\"\""},
    {"techniques that are there", EVENT_ALERTS, ALERT(",\"Techniques\":[\"T1\"]"), "Techniques", "\"[\\\"T1\\\"]\""},
    {"JSON in text", EVENT_ALERTS, ALERT(",\"Entities\":[ {\"a\" : \"\\u00e9\\n\"} ]"), "Entities", "\"[{\\\"a\\\":\\\"\\\\u00e9\\\\n\\\"}]\""},
    {"text stays as it is written", EVENT_ALERTS, ALERT(",\"Status\":\"\\u00e9\\/\""), "Status", "\"\\u00e9\\/\""},
    {"a number in a text column", EVENT_ALERTS, ALERT(",\"Status\":1.50"), "Status", "\"1.50\""},
    {"real as it is written", EVENT_ALERTS, ALERT(",\"ConfidenceScore\":0.10"), "ConfidenceScore", "0.10"},
    {"real in text", EVENT_ALERTS, ALERT(",\"ConfidenceScore\":\"0.5\""), "ConfidenceScore", "0.5"},
    {"no real", EVENT_ALERTS, ALERT(",\"ConfidenceScore\":\"NaN\""), "ConfidenceScore", "null"},
    {"larger than a real", EVENT_ALERTS, ALERT(",\"ConfidenceScore\":1e999"), "ConfidenceScore", "null"},
    {"no real with blanks", EVENT_ALERTS, ALERT(",\"ConfidenceScore\":\" 1 \""), "ConfidenceScore", "null"},
    {"boolean in text", EVENT_ALERTS, ALERT(",\"IsIncident\":\"True\""), "IsIncident", "true"},
    {"no boolean", EVENT_ALERTS, ALERT(",\"IsIncident\":1"), "IsIncident", "null"},
    {"time as it is written", EVENT_ALERTS, ALERT(",\"StartTimeUtc\":\"2026-05-12T08:00:00.1Z\""), "StartTime", "\"2026-05-12T08:00:00.1Z\""},
    {"time of another zone", EVENT_ALERTS, ALERT(",\"StartTimeUtc\":\"2026-05-12T10:00:00+02:00\""), "StartTime", "\"2026-05-12T08:00:00.0000000Z\""},
    {"time without zone", EVENT_ALERTS, ALERT(",\"StartTimeUtc\":\"2026-05-12T08:00:00\""), "StartTime", "\"2026-05-12T08:00:00.0000000Z\""},
    {"no time", EVENT_ALERTS, ALERT(",\"StartTimeUtc\":\"yesterday\""), "StartTime", "null"},
    {"component's name from the top", EVENT_ALERTS, ALERT(",\"ProductComponentName\":\"Servers\""), "ProductComponentName", "\"Servers\""},
    {"time that is there", EVENT_ALERTS, ALERT(",\"TimeGenerated\":\"2026-05-12T08:00:00.1Z\""), "TimeGenerated", "\"2026-05-12T08:00:00.1Z\""},
    {"time of export", EVENT_ALERTS, ALERT(""), "TimeGenerated", "\"" EXPORTED "\""},
    {"alerts have no TenantId", EVENT_ALERTS, ALERT(",\"TenantId\":\"x\""), "TenantId", NULL},
    {"the synthetic version is no column", EVENT_ALERTS, ALERT(""), "Version", NULL},

    {"state", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Unhealthy"), "RecommendationState", "\"Unhealthy\""},
    {"state when deleted", EVENT_ASSESSMENTS, ASSESSMENT("Delete", "false", "Healthy"), "RecommendationState", "\"Removed\""},
    {"not resolved", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Unhealthy"), "ResolvedTimeUTC", "\"0001-01-01T00:00:00Z\""},
    {"resolved", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "healthy"), "ResolvedTimeUTC", "\"2026-05-01T00:00:00Z\""},
    {"time of a change", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Healthy"), "TimeGenerated", "\"2026-05-01T00:00:00Z\""},
    {"time of a deletion", EVENT_ASSESSMENTS, ASSESSMENT("Delete", "false", "Healthy"), "TimeGenerated", "\"" EXPORTED "\""},
    {"time of a snapshot", EVENT_ASSESSMENTS_SNAPSHOT, ASSESSMENT("Insert", "true", "Healthy"), "TimeGenerated", "\"" EXPORTED "\""},
    {"change date of a snapshot", EVENT_ASSESSMENTS_SNAPSHOT, ASSESSMENT("Insert", "true", "Healthy"), "StatusChangeDate", "\"2026-05-01T00:00:00Z\""},
    {"is a snapshot", EVENT_ASSESSMENTS_SNAPSHOT, ASSESSMENT("Insert", "true", "Healthy"), "IsSnapshot", "true"},
    {"a snapshot by its source", EVENT_ASSESSMENTS_SNAPSHOT, "{\"id\":\"x\",\"properties\":{}}", "IsSnapshot", "true"},
    {"environment", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Healthy"), "Environment", "\"OnPremise\""},
    {"no extra columns", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Healthy"), "RemediationDescription", NULL},
    {"not shrunk", EVENT_ASSESSMENTS, ASSESSMENT("Insert", "false", "Healthy"), "ShrunkColumns", NULL},
    {"assessed resource without details", EVENT_ASSESSMENTS, "{\"id\":\"" VM "/Providers/microsoft.security/assessments/x\",\"properties\":{}}", "AssessedResourceId", "\"" VM "\""},

    {"names in PascalCase", EVENT_SUB_ASSESSMENTS, FINDING("\"additionalData\":{\"cve\":[{\"title\":\"a\",\"$x\":{\"3y\":1,\"eY\":2}}],\"\":0,\"\\u0062\":\"cd\",\"A\":\"b\"}"),
        "AdditionalData", "{\"Cve\":[{\"Title\":\"a\",\"$x\":{\"3y\":1,\"EY\":2}}],\"\":0,\"\\u0062\":\"cd\",\"A\":\"b\"}"},
    {"no additional data", EVENT_SUB_ASSESSMENTS, FINDING(""), "AdditionalData", "null"},
    {"both spellings", EVENT_SUB_ASSESSMENTS, FINDING("\"remediation\":\"r\""), "RemidiationDescription", "\"r\""},
    {"and the right one", EVENT_SUB_ASSESSMENTS, FINDING("\"remediation\":\"r\""), "RemediationDescription", "\"r\""},
    {"resource group", EVENT_SUB_ASSESSMENTS, FINDING(RESOURCE), "ResourceGroup", "\"rg-Web\""},
    {"parent", EVENT_SUB_ASSESSMENTS, FINDING(""), "ParentRecommendationId", "\"" KEY "\""},
    {"a link that is there", EVENT_SUB_ASSESSMENTS, FINDING("\"links\":{\"azurePortal\":\"p.example/#x\"}"), "RecommendationLink", "\"https://p.example/#x\""},
    {"a link that is made", EVENT_SUB_ASSESSMENTS, FINDING(""), "RecommendationLink", "\"https://portal.penstock.example/#recommendations/assessmentKey/" KEY "\""},
    {"lower-case id", EVENT_SUB_ASSESSMENTS, FINDING(RESOURCE), "_ResourceId", "\"" SUB "/resourcegroups/rg-web/providers/microsoft.compute/virtualmachines/vm-1\""},
    {"a finding that is gone", EVENT_SUB_ASSESSMENTS, "{\"securityEventDataEnrichment\":{\"action\":\"Delete\"},\"id\":\"x\",\"properties\":{\"status\":{\"code\":\"Unhealthy\"}}}", "RecommendationState", "\"Removed\""},
    {"the old PascalCase", EVENT_SUB_ASSESSMENTS, "{\"SubAssessmentEventDataEnrichment\":{\"Action\":\"Delete\"},\"Id\":\"x\",\"Properties\":{\"Category\":\"c\"}}", "Category", "\"c\""},
    {"its action", EVENT_SUB_ASSESSMENTS, "{\"SubAssessmentEventDataEnrichment\":{\"Action\":\"Delete\"},\"Id\":\"x\",\"Properties\":{\"Category\":\"c\"}}", "RecommendationState", "\"Removed\""},

    {"int", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":39}"), "MaxScore", "39"},
    {"int with a fraction of nothing", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":40.0}"), "MaxScore", "40"},
    {"int with an exponent", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":-4e3}"), "MaxScore", "-4000"},
    {"zero", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":-0.00}"), "MaxScore", "0"},
    {"no int", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":3.5}"), "MaxScore", "null"},
    {"too large", EVENT_SECURE_SCORES, SCORE("\"weight\":12345678901234567890"), "Weight", "null"},
    {"long", EVENT_SECURE_SCORES, SCORE("\"weight\":9007199254740993"), "Weight", "9007199254740993"},
    {"the largest long", EVENT_SECURE_SCORES, SCORE("\"weight\":-9223372036854775807"), "Weight", "-9223372036854775807"},
    {"larger", EVENT_SECURE_SCORES, SCORE("\"weight\":9223372036854775808"), "Weight", "null"},
    {"too large for an int", EVENT_SECURE_SCORES, SCORE("\"score\":{\"max\":2147483648}"), "MaxScore", "null"},
    {"environment of scores", EVENT_SECURE_SCORES, SCORE(""), "Environment", "\"Azure\""},
    {"properties keep their digits", EVENT_SECURE_SCORES, SCORE("\"score\": {\"current\" : 23.530}"), "Properties", "{\"score\":{\"current\":23.530}}"},
    {"workspace", EVENT_SECURE_SCORES, SCORE(""), "TenantId", "\"1b7f3c9a-0d44-4c0e-8a2e-5f6d7c8b9a01\""},

    {"standard", EVENT_COMPLIANCE, "{\"id\":\"" SUB "/providers/Microsoft.Security/RegulatoryComplianceStandards/S1/regulatoryComplianceControls/C.1/x/y\",\"properties\":{}}", "ComplianceStandard", "\"S1\""},
    {"control", EVENT_COMPLIANCE, "{\"id\":\"" SUB "/providers/Microsoft.Security/RegulatoryComplianceStandards/S1/regulatoryComplianceControls/C.1/x/y\",\"properties\":{}}", "ComplianceControl", "\"C.1\""},
    {"no control", EVENT_COMPLIANCE, "{\"id\":\"" SUB "/regulatoryComplianceControls\",\"properties\":{}}", "ComplianceControl", "null"},

    {"attack path by its name", EVENT_ATTACK_PATHS, "{\"name\":\"n\",\"attackPath\":{}}", "AttackPathId", "\"n\""},
    {"attack paths have no IsSnapshot", EVENT_ATTACK_PATHS_SNAPSHOT, "{\"attackPath\":{}}", "IsSnapshot", NULL},
    {"steps as a list", EVENT_ATTACK_PATHS, "{\"attackPath\":{\"additionalRemediationSteps\":[\"a\"]}}", "AdditionalRemediationSteps", "\"[\\\"a\\\"]\""},
};

static const struct {
    enum event_source source;
    const char *event;
} refused[] = {
    {EVENT_ALERTS, "{}"},
    {EVENT_ALERTS, "{\"properties\":{},\"id\":\"x\"}"},
    {EVENT_ASSESSMENTS, "{\"id\":\"x\"}"},
    {EVENT_ASSESSMENTS, "{\"properties\":{}}"},
    {EVENT_ATTACK_PATHS, "{\"id\":\"x\",\"properties\":{}}"},
};
/* clang-format on */

static void
check_cell(const char *name, const char *row, const struct tree *t, const char *column,
           const char *value)
{
    uint32_t node = tree_member(t, 0, span_of(column));

    if (value == NULL)
        CHECK(node == TREE_NONE, "%s: %s is there", name, column);
    else
        CHECK(node != TREE_NONE && span_is(tree_raw(t, node), value), "%s: %s is not %s in %s",
              name, column, value, row);
}

static void
try_cells(void)
{
    CHECK(datetime_read(SPAN_LITERAL(EXPORTED), &context.exported), "time");
    for (size_t i = 0; i < COUNT_OF(cells); i++) {
        struct tree t = {0};
        bool is_shrunk;
        char *row = row_of(cells[i].source, cells[i].event, 0, &t, &is_shrunk);

        CHECK(row != NULL, "%s: no row", cells[i].name);
        if (row != NULL)
            check_cell(cells[i].name, row, &t, cells[i].column, cells[i].value);
        tree_free(&t);
        free(row);
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct tree t = {0};
        bool is_shrunk;

        CHECK(row_of(refused[i].source, refused[i].event, 0, &t, &is_shrunk) == NULL, "%s is taken",
              refused[i].event);
    }
}

static void
try_switches(void)
{
    static const char finding[] = FINDING("\"additionalData\":{\"cve\":[]}");
    static const char assessment[] = ASSESSMENT("Insert", "false", "NotApplicable");
    struct tree t = {0};
    bool is_shrunk;
    char *row;

    context.has_legacy_names = true;
    row = row_of(EVENT_SUB_ASSESSMENTS, finding, 0, &t, &is_shrunk);
    check_cell("switch", row, &t, "AdditionalData", "{\"cve\":[]}");
    tree_free(&t);
    free(row);
    context.has_legacy_names = false;
    context.has_extra_columns = true;
    row = row_of(EVENT_ASSESSMENTS, assessment, 0, &t, &is_shrunk);
    check_cell("extra", row, &t, "RemediationDescription", "\"Mend it\"");
    check_cell("extra", row, &t, "NotApplicableReason", "\"OffByPolicy\"");
    check_cell("extra", row, &t, "ShrunkColumns", NULL);
    tree_free(&t);
    free(row);
    context.has_extra_columns = false;
    context.portal = NULL;
    row = row_of(EVENT_SUB_ASSESSMENTS, finding, 0, &t, &is_shrunk);
    check_cell("no portal", row, &t, "RecommendationLink", "null");
    tree_free(&t);
    free(row);
    context.portal = "https://portal.penstock.example";
}

/* ---- shrinking ---- */

/* A member of 'size' letters. */
static size_t
put_long(char *out, const char *name, const char *letter, size_t size)
{
    char *p = out + sprintf(out, "\"%s\":\"", name);

    while (size >= strlen(letter)) {
        p += sprintf(p, "%s", letter);
        size -= strlen(letter);
    }
    p += sprintf(p, "\"");
    return (size_t)(p - out);
}

static const struct {
    const char *name;
    size_t extra, additional, description, display; /* bytes of four parts */
    const char *letter;
    const char *shrunk; /* NULL: none */
} shrinks[] = {
    {"fits",                        10,    10,    10,    10,    "x",                            NULL                                     },
    {"properties go first",         20000, 10000, 10,    10,    "x",                            "Properties"                             },
    {"then what is JSON",           10,    40000, 10,    10,    "x",                            "Properties,RecommendationAdditionalData"},
    {"then the description",        10,    10,    40000, 10,    "x",
     "Description,Properties,RecommendationAdditionalData"                                                                               },
    {"at last any text",            10,    10,    10,    60000, "x",
     "Properties,RecommendationAdditionalData,RecommendationDisplayName,RecommendationName"                                              },
    {"between characters",          10,    10,    10,    60000, "\xf0\x9f\x98\x80",
     "Properties,RecommendationAdditionalData,RecommendationDisplayName,RecommendationName"                                              },
    {"between pairs of surrogates", 10,    10,    40000, 10,    "\\ud83d\\ude00x",
     "Description,Properties,RecommendationAdditionalData"                                                                               },
    {"between escapes",             10,    10,    40000, 60000, "\\ud83d\\ude00\\u00e9\\\\\\n",
     "Description,Properties,RecommendationAdditionalData,RecommendationDisplayName,"
     "RecommendationName"                                                                                                                },
};

static void
try_shrink(void)
{
    static char event[600000];

    for (size_t i = 0; i < COUNT_OF(shrinks); i++) {
        char *p = event, *row;
        struct tree t = {0};
        bool is_shrunk;

        p += sprintf(p, "{\"id\":\"x\",\"name\":\"n\",\"properties\":{");
        p += put_long(p, "extra", shrinks[i].letter, shrinks[i].extra);
        p += sprintf(p, ",\"additionalData\":{");
        p += put_long(p, "a", shrinks[i].letter, shrinks[i].additional);
        p += sprintf(p, "},\"metadata\":{");
        p += put_long(p, "description", shrinks[i].letter, shrinks[i].description);
        p += sprintf(p, "},");
        p += put_long(p, "displayName", shrinks[i].letter, shrinks[i].display);
        sprintf(p, "}}");
        row = row_of(EVENT_ASSESSMENTS, event, EVENT_ROW_SIZE_MAX, &t, &is_shrunk);
        CHECK(row != NULL && strlen(row) <= EVENT_ROW_SIZE_MAX, "%s: too long", shrinks[i].name);
        CHECK(is_shrunk == (shrinks[i].shrunk != NULL), "%s: shrunk or not", shrinks[i].name);
        if (row != NULL && is_shrunk) {
            uint32_t marker = tree_member(&t, 0, SPAN_LITERAL("ShrunkColumns"));

            CHECK(marker != TREE_NONE && span_is(tree_text(&t, marker), shrinks[i].shrunk),
                  "%s: %.*s", shrinks[i].name, (int)tree_text(&t, marker).n,
                  tree_text(&t, marker).p);
            for (uint32_t n = 1; n < t.count; n++)
                CHECK(memmem(tree_text(&t, n).p, tree_text(&t, n).n, "\xef\xbf\xbd", 3) == NULL,
                      "%s: half a character in %.*s", shrinks[i].name, (int)tree_key(&t, n).n,
                      tree_key(&t, n).p);
            CHECK(tree_member(&t, 0, SPAN_LITERAL("RecommendationId")) != TREE_NONE, "%s",
                  shrinks[i].name);
        }
        tree_free(&t);
        free(row);
    }
}

/* Whatever stands in an event as large as may be: there is a row, within the limit. */
static void
try_largest(void)
{
    static const struct {
        enum event_source source;
        const char *before, *unit, *after;
    } rows[] = {
        {EVENT_ASSESSMENTS,     "{\"properties\":{},\"id\":\"/subscriptions/",                 "\\\"",       "\"}"  },
        {EVENT_SUB_ASSESSMENTS, "{\"properties\":{},\"id\":\"/subscriptions/",                 "\\u0001",    "\"}"  },
        {EVENT_SUB_ASSESSMENTS, "{\"id\":\"x\",\"properties\":{\"remediation\":[",             "\"\",",      "1]}}" },
        {EVENT_SUB_ASSESSMENTS, "{\"id\":\"x\",\"properties\":{\"additionalData\":[",          "{\"a\":1},",
         "1]}}"                                                                                                     },
        {EVENT_SUB_ASSESSMENTS, "{\"id\":\"x\",\"properties\":{\"links\":{\"azurePortal\":\"",
         "\\\\",                                                                                             "\"}}}"},
        {EVENT_ALERTS,          "{\"SystemAlertId\":\"x\",\"Entities\":[",                     "\"\",",      "1]}"  },
        {EVENT_ALERTS,          "{\"SystemAlertId\":\"x\",\"AlertDisplayName\":\"",            "\\u0001",    "\"}"  },
        {EVENT_COMPLIANCE,      "{\"properties\":{},\"id\":\"/regulatoryComplianceControls/",  "\\\"",
         "\"}"                                                                                                      },
        {EVENT_SECURE_SCORES,   "{\"id\":\"x\",\"properties\":{\"score\":{\"max\":1",          "0",          "}}}"  },
    };
    char *event = malloc(EVENT_SIZE_MAX + 1);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t unit = strlen(rows[i].unit), n = strlen(rows[i].before);
        struct tree t = {0};
        bool is_shrunk;
        char *row;

        memcpy(event, rows[i].before, n);
        for (; n + unit + strlen(rows[i].after) <= EVENT_SIZE_MAX; n += unit)
            memcpy(event + n, rows[i].unit, unit);
        memcpy(event + n, rows[i].after, strlen(rows[i].after) + 1);
        row = row_of(rows[i].source, event, EVENT_ROW_SIZE_MAX, &t, &is_shrunk);
        CHECK(row != NULL && strlen(row) <= EVENT_ROW_SIZE_MAX && is_shrunk, "largest %zu", i);
        tree_free(&t);
        free(row);
        row = row_of(rows[i].source, event, 0, &t, &is_shrunk);
        CHECK(row != NULL && !is_shrunk, "largest %zu, unlimited", i);
        tree_free(&t);
        free(row);
    }
    free(event);
}

/* The same size whatever the standard columns say, and of what is left when shrunk. */
static void
try_billed_size(void)
{
    struct tree t = {0};
    bool is_shrunk;
    /* Name n, id x twice, Azure thrice, times, false, MaxScore 1, properties: counted by hand */
    char *row = row_of(EVENT_SECURE_SCORES, "{\"id\":\"x\",\"properties\":{\"score\":{\"max\":1}}}",
                       0, &t, &is_shrunk);
    const size_t size = 1 + 5 + 5 + 1 + 19 + 5 + 36 + 28;
    char wanted[32];

    snprintf(wanted, sizeof wanted, "%zu.0", size);
    check_cell("billed size", row, &t, "_BilledSize", wanted);
    tree_free(&t);
    free(row);
}

static void
try_all_columns(void)
{
    for (int i = 0; i < EVENT_SOURCES; i++) {
        size_t count;
        const struct event_column *columns = event_columns((enum event_source)i, &count);

        CHECK(count > 15, "%s", event_source_rows[i].name);
        for (size_t j = 0; j < count; j++) {
            char origin[256];

            CHECK(event_column_origin(&columns[j], origin)[0] != '\0' &&
                      strstr(origin, "null)") == NULL,
                  "%s: '%s'", columns[j].name, origin);
            for (size_t k = 0; k < j; k++)
                CHECK(strcmp(columns[j].name, columns[k].name) != 0, "%s twice", columns[j].name);
        }
    }
}

int
main(void)
{
    try_example("row-securityalert.json", EVENT_ALERTS);
    try_example("row-securityrecommendation.json", EVENT_ASSESSMENTS);
    try_example("row-securitynestedrecommendation.json", EVENT_SUB_ASSESSMENTS);
    try_example("row-securescores.json", EVENT_SECURE_SCORES);
    try_example("row-securescorecontrols.json", EVENT_SECURE_SCORE_CONTROLS);
    try_example("row-securityregulatorycompliance.json", EVENT_COMPLIANCE);
    try_example("row-securityattackpathdata.json", EVENT_ATTACK_PATHS);
    try_cells();
    try_switches();
    try_shrink();
    try_largest();
    try_billed_size();
    try_all_columns();
    return test_end();
}
