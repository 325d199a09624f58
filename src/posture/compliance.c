/* compliance.c - regulatory compliance: standards and their controls are definitions of a subscription,
 * put by whoever assigns them; the states of assessments under a control are computed (compute.c), and
 * those of controls and standards follow from them whenever they are read. */
#include "posture/compliance.h"

const char *const compliance_states[] = {"Passed", "Failed", "Skipped", "Unsupported", NULL};

static bool
standard_check(struct posture_change *c)
{
    static const struct posture_field fields[] = {
        {"properties",             FIELD_OBJECT, true,  NULL, 0   },
        {"properties.displayName", FIELD_STRING, false, NULL, 2048},
        {"properties.description", FIELD_STRING, false, NULL, 0   },
        {NULL,                     FIELD_STRING, false, NULL, 0   },
    };

    return posture_fields_check(c, fields);
}

static bool
standard_control_check(struct posture_change *c)
{
    return standard_check(c) && posture_definitions_check(c, "properties.assessmentDefinitions");
}

static enum status
definition_changed(struct posture_txn *t, const struct posture_resource *old,
                   const struct posture_resource *now, struct err *err)
{
    return posture_mark(t, (now != NULL ? now : old)->subscription, err);
}

/* Failed before passed before skipped: one failed part fails the whole. */
static int
state_of_parts(const int64_t counts[COMPLIANCE_STATES])
{
    if (counts[COMPLIANCE_FAILED] > 0)
        return COMPLIANCE_FAILED;
    if (counts[COMPLIANCE_PASSED] > 0)
        return COMPLIANCE_PASSED;
    return counts[COMPLIANCE_SKIPPED] > 0 ? COMPLIANCE_SKIPPED : COMPLIANCE_UNSUPPORTED;
}

/* How many assessments of a control have each state. */
static enum status
control_counts(struct posture_db *db, int64_t scope, int64_t control,
               int64_t counts[COMPLIANCE_STATES], struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT code, count(*) FROM resources WHERE scope = ? AND kind = 9"
                                 " AND parent = ? GROUP BY code",
                                 "ii", scope, control);

    memset(counts, 0, COMPLIANCE_STATES * sizeof *counts);
    while (st == ST_OK && (st = posture_step(db, x, err)) == ST_OK) {
        int64_t code = sqlite3_column_int64(x, 0) - 1;

        if (code >= 0 && code < COMPLIANCE_STATES)
            counts[code] = sqlite3_column_int64(x, 1);
    }
    return st == ST_END ? ST_OK : st;
}

static void
show_properties(const struct posture_resource *r, const char *const *without, struct text *out)
{
    size_t count = 0;

    text_puts(out, "\"properties\":{");
    posture_members(out, json_at(r->document, "properties"), without, &count);
    text_puts(out, count > 0 ? "," : "");
}

static enum status
standard_control_show(const struct posture_event_maker *m, const struct posture_resource *r,
                      bool expand, struct text *out, struct err *err)
{
    static const char *const hidden[] = {"assessmentDefinitions", NULL};
    static const char *const none[] = {NULL};
    int64_t n[COMPLIANCE_STATES];
    enum status st = control_counts(m->db, r->scope_number, r->number, n, err);

    if (st != ST_OK)
        return st;
    show_properties(r, expand ? none : hidden, out);
    text_addf(out,
              "\"state\":\"%s\",\"passedAssessments\":%lld,\"failedAssessments\":%lld,"
              "\"skippedAssessments\":%lld}",
              compliance_states[state_of_parts(n)], (long long)n[COMPLIANCE_PASSED],
              (long long)n[COMPLIANCE_FAILED], (long long)n[COMPLIANCE_SKIPPED]);
    return ST_OK;
}

static enum status
standard_counts(struct posture_db *db, const struct posture_resource *r,
                int64_t counts[COMPLIANCE_STATES], struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT number FROM resources WHERE scope = ? AND kind = 8"
                                 " AND parent = ?",
                                 "ii", r->scope_number, r->number);

    memset(counts, 0, COMPLIANCE_STATES * sizeof *counts);
    while (st == ST_OK && (st = posture_step(db, x, err)) == ST_OK) {
        int64_t n[COMPLIANCE_STATES];

        st = control_counts(db, r->scope_number, sqlite3_column_int64(x, 0), n, err);
        if (st != ST_OK) {
            posture_sql_end(x);
            return st;
        }
        counts[state_of_parts(n)]++;
    }
    return st == ST_END ? ST_OK : st;
}

static enum status
standard_show(const struct posture_event_maker *m, const struct posture_resource *r, bool expand,
              struct text *out, struct err *err)
{
    static const char *const none[] = {NULL};
    int64_t n[COMPLIANCE_STATES];
    enum status st = standard_counts(m->db, r, n, err);

    (void)expand;
    if (st != ST_OK)
        return st;
    show_properties(r, none, out);
    text_addf(out,
              "\"state\":\"%s\",\"passedControls\":%lld,\"failedControls\":%lld,"
              "\"skippedControls\":%lld,\"unsupportedControls\":%lld}",
              compliance_states[state_of_parts(n)], (long long)n[COMPLIANCE_PASSED],
              (long long)n[COMPLIANCE_FAILED], (long long)n[COMPLIANCE_SKIPPED],
              (long long)n[COMPLIANCE_UNSUPPORTED]);
    return ST_OK;
}

const struct posture_kind posture_kind_standard = {
    .number = KIND_STANDARD,
    .type = "regulatoryComplianceStandards",
    .list = "regulatoryComplianceStandards",
    .refusal = "InvalidRegulatoryComplianceStandard",
    .source = EVENT_SOURCES,
    .scope = SCOPE_SUBSCRIPTION,
    .check = standard_check,
    .show = standard_show,
};

const struct posture_kind posture_kind_standard_control = {
    .number = KIND_STANDARD_CONTROL,
    .type = "regulatoryComplianceStandards/regulatoryComplianceControls",
    .list = "regulatoryComplianceControls",
    .refusal = "InvalidRegulatoryComplianceControl",
    .source = EVENT_SOURCES,
    .scope = SCOPE_SUBSCRIPTION,
    .parent = KIND_STANDARD,
    .check = standard_control_check,
    .changed = definition_changed,
    .show = standard_control_show,
};

/* ---- an assessment under a control ---- */

static enum status
compliance_make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    (void)t;
    c->code = json_string_among(json_at(c->body, "properties.state"), compliance_states) + 1;
    text_compact(&c->document, c->body);
    return c->document.is_short ? err_set(err, ST_FULL, "no memory for a compliance state") : ST_OK;
}

/* What no control asks for any more is not told: nothing about it has changed. */
static enum status
compliance_changed(struct posture_txn *t, const struct posture_resource *old,
                   const struct posture_resource *now, struct err *err)
{
    (void)old;
    return now == NULL ? ST_OK : posture_emit_resource(t, EVENT_COMPLIANCE, now, "Write", err);
}

static enum status
compliance_event(const struct posture_event_maker *m, const struct posture_resource *r,
                 struct text *document, struct text *scope, struct err *err)
{
    (void)err;
    text_addf(document,
              "{\"securityEventDataEnrichment\":{\"action\":\"Write\",\"apiVersion\":\"2019-01-01-"
              "preview\",\"isSnapshot\":%s,\"interval\":\"%s\"},\"id\":",
              m->is_snapshot ? "true" : "false", m->is_snapshot ? "7.00:00:00" : "00:00:00");
    text_string(document, r->id);
    text_puts(document, ",\"name\":");
    text_string(document, r->name);
    text_puts(document, ",\"type\":\"Microsoft.Security/regulatoryComplianceStandards/"
                        "regulatoryComplianceControls/regulatoryComplianceAssessments\","
                        "\"properties\":");
    text_add(document, json_at(r->document, "properties"));
    text_puts(document, "}");
    posture_event_scope(r->id, scope);
    return ST_OK;
}

const struct posture_kind posture_kind_standard_assessment = {
    .number = KIND_STANDARD_ASSESSMENT,
    .type = "regulatoryComplianceStandards/regulatoryComplianceControls/"
            "regulatoryComplianceAssessments",
    .list = "regulatoryComplianceAssessments",
    .refusal = "InvalidRegulatoryComplianceAssessment",
    .source = EVENT_COMPLIANCE,
    .scope = SCOPE_SUBSCRIPTION,
    .parent = KIND_STANDARD_CONTROL,
    .is_computed = true,
    .make = compliance_make,
    .changed = compliance_changed,
    .event = compliance_event,
};
