/* assessment_finding.c - the findings below an assessment ("sub-assessments", continuous-export.md section
 * 2.4). A report that differs from what is kept in nothing but timeGenerated is no change: scanners say
 * every night that they ran. */
#include "model/datetime.h"
#include "posture/assessment.h"

static const char *const severities[] = {"Low", "Medium", "High", NULL};
static const char *const skip[] = {
    "id", "name", "type", "etag", "systemData", "properties.timeGenerated", NULL};
static const char *const members[] = {
    "id",          "displayName",   "status",          "remediation",    "impact", "category",
    "description", "timeGenerated", "resourceDetails", "additionalData", NULL};

static const struct posture_field fields[] = {
    {"properties",                 FIELD_OBJECT, true, NULL, 0},
    {"properties.id",                        FIELD_STRING, false, NULL, 2048},
    {"properties.displayName",                           FIELD_STRING, false, NULL, 1024},
    {"properties.status",              FIELD_OBJECT, true, NULL, 0},
    {"properties.status.code",                       FIELD_ENUM, true, posture_codes, 0},
    {"properties.status.severity",                        FIELD_ENUM, false, severities, 0},
    {"properties.status.cause",     FIELD_STRING, false, NULL, 1024},
    {"properties.status.description",                       FIELD_STRING, false, NULL, 0},
    {"properties.remediation",                        FIELD_STRING, false, NULL, 0},
    {"properties.impact",          FIELD_STRING, false, NULL, 0},
    {"properties.category",                        FIELD_STRING, false, NULL, 0},
    {"properties.description",                           FIELD_STRING, false, NULL, 0},
    {"properties.timeGenerated",     FIELD_DATE, false, NULL, 0},
    {"properties.resourceDetails",                        FIELD_OBJECT, false, NULL, 0},
    {"properties.resourceDetails.id",                           FIELD_STRING, false, NULL, 2048},
    {"properties.additionalData", FIELD_OBJECT, false, NULL, 0},
    {"properties.additionalData.assessedResourceType",                       FIELD_STRING, false, NULL, 0},
    {0                          },
};

static bool
check(struct posture_change *c)
{
    return posture_fields_check(c, fields) && assessment_details_check(c);
}

static void
add_status(struct span status, int64_t code, struct text *out)
{
    static const char *const ours[] = {"code", "severity", NULL};
    struct span severity = json_at(status, "severity");
    size_t count = 1;

    text_addf(out, "{\"code\":\"%s\"", posture_codes[code - 1]);
    if (severity.n > 0) {
        text_puts(out, ",\"severity\":");
        assessment_enum(out, severity, severities);
    }
    posture_members(out, status, ours, &count);
    text_puts(out, "}");
}

static enum status
make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    static const char *const outside[] = {"id",         "name",       "type", "etag",
                                          "systemData", "properties", NULL};
    struct span properties = json_at(c->body, "properties");
    struct text whole = {0};
    char date[DATETIME_TEXT_SIZE];
    size_t count = 0, outer = 1;

    (void)err;
    c->code = json_string_among(json_at(properties, "status.code"), posture_codes) + 1;
    text_puts(&whole, "{\"properties\":{");
    for (size_t i = 0; members[i] != NULL; i++) {
        struct span value = json_at(properties, members[i]);

        if (strcmp(members[i], "status") == 0) {
            text_puts(&whole, count++ > 0 ? ",\"status\":" : "\"status\":");
            add_status(value, c->code, &whole);
        } else if (strcmp(members[i], "timeGenerated") == 0 && json_text_is_null(value)) {
            datetime_write(date, t->now);
            text_addf(&whole, ",\"timeGenerated\":\"%.*s\"", DATETIME_TEXT_SIZE, date);
        } else if (strcmp(members[i], "resourceDetails") == 0 && json_text_is_null(value)) {
            text_puts(&whole, ",\"resourceDetails\":{\"source\":\"Azure\",\"id\":");
            text_string(&whole, c->path.scope);
            text_puts(&whole, "}");
        } else {
            posture_member(&whole, members[i], value, &count);
        }
    }
    posture_members(&whole, properties, members, &count);
    text_puts(&whole, "}");
    posture_members(&whole, c->body, outside, &outer);
    text_puts(&whole, "}");
    text_compact(&c->document, text_span(&whole));
    c->document.is_short |= whole.is_short;
    text_free(&whole);
    return ST_OK;
}

static enum status
event(const struct posture_event_maker *m, const struct posture_resource *r, struct text *out,
      struct text *scope, struct err *err)
{
    (void)err;
    assessment_event_head(m, r, "subAssessmentEventDataEnrichment", "2020-01-01", out);
    text_puts(out, ",\"id\":");
    text_string(out, r->id);
    text_puts(out, ",\"name\":");
    text_string(out, r->name);
    text_puts(out, ",\"properties\":");
    text_add(out, json_at(r->document, "properties"));
    text_puts(out, "}");
    posture_event_scope(assessment_resource_id(r->id, r->document), scope);
    return ST_OK;
}

static enum status
changed(struct posture_txn *t, const struct posture_resource *old,
        const struct posture_resource *now, struct err *err)
{
    return posture_emit_resource(t, EVENT_SUB_ASSESSMENTS, now != NULL ? now : old,
                                 now != NULL ? "Insert" : "Delete", err);
}

const struct posture_kind posture_kind_sub_assessment = {
    .number = KIND_SUB_ASSESSMENT,
    .type = "assessments/subAssessments",
    .list = "subAssessments",
    .refusal = "InvalidSubAssessment",
    .source = EVENT_SUB_ASSESSMENTS,
    .scope = SCOPE_SUBSCRIPTION_OR_BELOW,
    .parent = KIND_ASSESSMENT,
    .skip = skip,
    .check = check,
    .make = make,
    .changed = changed,
    .event = event,
};
