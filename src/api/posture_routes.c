/* posture_routes.c - Microsoft.Security's posture resources over HTTP: recommendations and findings,
 * scores and controls, compliance, attack paths, alerts. The store decides what is right (posture/posture.h);
 * here are paths, rights and statuses. What Azure only reads and we let people write is said so in the
 * row's help. */
#include "api/posture_routes.h"
#include "api/management_below.h"
#include "base/log.h"
#include "control/inventory.h"
#include "control/store.h"
#include <stdlib.h>
#include <strings.h>

#define READER ROLE_SECURITY_READER
#define WRITER (ROLE_INGEST | ROLE_SECURITY_ADMINISTRATOR) /* what scanners and detections report */
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR          /* what people decide */
#define SUBSCRIPTION "/subscriptions/{subscriptionId}/providers/Microsoft.Security"
#define TENANT "/providers/Microsoft.Security"
#define ANYWHERE "/{scope}/providers/Microsoft.Security"

/* The versions of azure-rest-api-specs that have the type. */
static const char *const metadata_versions[] = {"2019-01-01-preview", "2020-01-01", "2021-06-01",
                                                "2025-05-04", NULL};
static const char *const finding_versions[] = {"2019-01-01-preview", "2020-01-01", NULL};
static const char *const score_versions[] = {"2020-01-01-preview", "2020-01-01", NULL};
static const char *const compliance_versions[] = {"2019-01-01-preview", NULL};
static const char *const alert_versions[] = {
    "2015-06-01-preview", "2019-01-01", "2020-01-01", "2021-01-01",
    "2021-11-01",         "2022-01-01", NULL};
static const char *const rule_versions[] = {"2019-01-01-preview", NULL};
static const char *const path_versions[] = {"2023-12-01-preview", NULL};

/* Where the types differ. The statuses are those that @azure/arm-security accepts. */
static const struct posture_type {
    const char *name; /* as posture_query.type */
    unsigned created, deleted, absent;
    const char *expand[4];  /* what $expand may say; ends at NULL */
    const char *expand_all; /* of these, the one that makes the answer longer */
} types[] = {
    {"assessmentMetadata",              200, 200, 200, {NULL},                      NULL        },
    {"assessments",                     201, 200, 204, {"links", "metadata", NULL}, "metadata"  },
    {"subAssessments",                  201, 200, 204, {NULL},                      NULL        },
    {"secureScores",                    0,   0,   0,   {NULL},                      NULL        },
    {"secureScoreControls",             0,   0,   0,   {"definition", NULL},        "definition"},
    {"secureScoreControlDefinitions",   201, 200, 204, {NULL},                      NULL        },
    {"regulatoryComplianceStandards",   201, 200, 204, {NULL},                      NULL        },
    {"regulatoryComplianceControls",    201, 200, 204, {"definition", NULL},        "definition"},
    {"regulatoryComplianceAssessments", 0,   0,   0,   {NULL},                      NULL        },
    {"attackPaths",                     201, 200, 204, {NULL},                      NULL        },
    {"alerts",                          201, 200, 204, {NULL},                      NULL        },
    {"alertsSuppressionRules",          200, 204, 204, {NULL},                      NULL        },
};

/* The type that a row is about: the last word of its pattern that is no {name}. */
static const struct posture_type *
type_of(const struct arm_route *route)
{
    const char *end = strrchr(route->pattern, '/');
    struct span word = span_of(end + 1);

    if (word.p[0] == '{')
        for (word = (struct span){end, 0}; word.p[-1] != '/';)
            word = (struct span){word.p - 1, word.n + 1};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (span_is(word, types[i].name))
            return &types[i];
    return NULL;
}

struct posture *
posture_of(struct arm_call *a, struct http_reply *reply)
{
    if (a->base.api->posture == NULL)
        arm_error(reply, 503, "ServiceUnavailable", NULL, NULL,
                  "This service keeps no posture data.");
    return a->base.api->posture;
}

/* ---- answers ---- */

void
posture_reply_refused(struct http_reply *reply, const struct posture_result *result)
{
    static const struct {
        const char *code;
        unsigned status;
    } statuses[] = {
        {"ResourceTooLarge",       413},
        {"ParentResourceNotFound", 404},
        {"ReadOnlyResource",       405},
    };
    unsigned status = 400;

    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (strcmp(result->code, statuses[i].code) == 0)
            status = statuses[i].status;
    arm_error(reply, status, result->code, result->target[0] == '\0' ? NULL : result->target, NULL,
              "%s", result->message.text);
}

/* "Microsoft.Security/assessments/x" of an id. */
static const char *
behind_providers(const char *id)
{
    static const char word[] = "/providers/";
    const char *last = id;

    for (const char *at = id; (at = strcasestr(at, word)) != NULL; at++)
        last = at + sizeof word - 1;
    return last;
}

void
posture_reply_absent(struct http_reply *reply, const char *id)
{
    arm_error(reply, 404, "ResourceNotFound", NULL, NULL,
              "The Resource '%.300s' was not found at this scope.", behind_providers(id));
}

static void
reply_failed(struct http_reply *reply, enum status st, const struct err *err)
{
    if (st == ST_INVALID) /* an id that is none: the path's own */
        arm_error(reply, 400, "InvalidResourceId", NULL, NULL, "%s", err->text);
    else
        arm_error_status(reply, st, err);
}

void
posture_group_seen(struct arm_call *a, struct span group)
{
    struct err err;

    if (group.n > 0 && resource_group_seen(a->base.control->store, a->subscription, group,
                                           call_now(&a->base), &err) != ST_OK)
        log_line(LOG_WARN, "api", "the resource group '%.*s' of subscription %s stays unknown: %s",
                 group.n > 90 ? 90 : (int)group.n, group.p, a->subscription, err.text);
}

/* ---- one resource ---- */

/* $expand is a list with commas. False: answered. */
static bool
expand_read(struct arm_call *a, bool *expand, struct http_reply *reply)
{
    const struct posture_type *type = type_of(a->route);
    const char *at = http_query(a->base.request, "$expand");

    *expand = false;
    for (; at != NULL && *at != '\0'; at += *at == ',') {
        struct span word = {at, strcspn(at, ",")};
        size_t i = 0;

        at += word.n;
        while (type->expand[i] != NULL && (strlen(type->expand[i]) != word.n ||
                                           strncasecmp(type->expand[i], word.p, word.n) != 0))
            i++;
        if (type->expand[i] == NULL) {
            arm_error(reply, 400, "InvalidQueryParameter", "$expand", NULL,
                      type->expand[0] == NULL ? "%s have nothing to expand."
                                              : "What %s can expand is: %s%s%s.",
                      type->name, type->expand[0], type->expand[1] == NULL ? "" : ", ",
                      type->expand[1] == NULL ? "" : type->expand[1]);
            return false;
        }
        *expand |= type->expand_all != NULL && strcmp(type->expand[i], type->expand_all) == 0;
    }
    return true;
}

/* What every subscription has is also found there: metadata and control definitions of the tenant. */
static struct span
catalog_id(const struct arm_call *a)
{
    const char *name = strstr(a->route->pattern, "/providers/");
    bool is_catalog = strstr(name, "/assessmentMetadata/") != NULL ||
                      strstr(name, "/secureScoreControlDefinitions/") != NULL;
    const char *at = is_catalog ? strcasestr(a->id, "/providers/") : NULL;

    return at == NULL || at == a->id ? (struct span){NULL, 0} : span_of(at);
}

static void
show(struct arm_call *a, struct posture *p, bool expand, unsigned status, struct http_reply *reply)
{
    struct span catalog = catalog_id(a);
    char *text;
    size_t size;
    struct err err;
    enum status st = posture_get(p, a->base.tenant, span_of(a->id), expand, &text, &size, &err);

    if (st == ST_END && catalog.n > 0)
        st = posture_get(p, a->base.tenant, catalog, expand, &text, &size, &err);
    if (st == ST_OK)
        call_reply_taken(reply, status, text, size);
    else if (st == ST_END)
        posture_reply_absent(reply, a->id);
    else
        reply_failed(reply, st, &err);
}

static void
resource_get(struct arm_call *a, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    bool expand;

    if (p != NULL && expand_read(a, &expand, reply))
        show(a, p, expand, 200, reply);
}

/* Applies the one item of the path. False: answered. */
static bool
apply(struct arm_call *a, struct posture *p, bool is_delete, enum posture_outcome *outcome,
      struct http_reply *reply)
{
    struct posture_item item = {
        span_of(a->id), {"", 0},
         is_delete
    };
    struct posture_result result;
    struct err err;

    if (!is_delete)
        item.body = (struct span){a->base.body, a->base.body_size};
    enum status st = posture_apply(p, a->base.tenant, a->base.who.name, &item, 1, &result, &err);

    *outcome = result.outcome;
    if (st != ST_OK)
        arm_error_status(reply, st, &err);
    else if (result.outcome == POSTURE_REFUSED)
        posture_reply_refused(reply, &result);
    return reply->status == 0;
}

static void
resource_put(struct arm_call *a, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    enum posture_outcome outcome;

    if (p == NULL || !apply(a, p, false, &outcome, reply))
        return;
    posture_group_seen(a, span_of(a->resource_group));
    show(a, p, false, outcome == POSTURE_CREATED ? type_of(a->route)->created : 200, reply);
}

static void
resource_delete(struct arm_call *a, struct http_reply *reply)
{
    const struct posture_type *type = type_of(a->route);
    struct posture *p = posture_of(a, reply);
    enum posture_outcome outcome;

    if (p != NULL && apply(a, p, true, &outcome, reply))
        reply->status = outcome == POSTURE_ABSENT ? type->absent : type->deleted;
}

/* ---- lists ---- */

/* What the list is below: the path without its type, and without the provider that this leaves; the other
 * lists of a scope do not hide in it. */
static struct span
list_scope(const struct arm_call *a)
{
    static const char provider[] = "/providers/Microsoft.Security";
    size_t n = (size_t)(strrchr(a->id, '/') - a->id), size = sizeof provider - 1;

    if (n >= size && strncasecmp(a->id + n - size, provider, size) == 0)
        n -= size;
    return (struct span){a->id, n};
}

/* Whether what the list hangs on is there: a resource of ours ("/assessments/x"), or a resource group. A
 * list of nothing would hide a mistyped name. False: answered. */
static bool
parent_is_there(struct arm_call *a, struct posture *p, struct span scope, struct http_reply *reply)
{
    bool is_ours = scope.n + 1 < strlen(a->id) && strncasecmp(a->id + scope.n, "/providers/", 11);
    char *text = NULL;
    size_t size;
    struct err err;

    if (a->resource_group[0] != '\0' && !arm_group_is_there(a, reply))
        return false;
    if (!is_ours)
        return true;
    enum status st = posture_get(p, a->base.tenant, scope, false, &text, &size, &err);

    free(text);
    if (st == ST_OK)
        return true;
    a->id[scope.n] = '\0';
    if (st == ST_END)
        posture_reply_absent(reply, a->id);
    else
        reply_failed(reply, st, &err);
    return false;
}

static void
list(struct arm_call *a, struct span scope, const char *filter, struct http_reply *reply)
{
    struct posture_query q = {.tenant = a->base.tenant,
                              .type = type_of(a->route)->name,
                              .scope = scope,
                              .filter = span_of(filter == NULL ? "" : filter)};
    struct posture *p = a->base.api->posture;
    char after[512], next[MANAGEMENT_NEXT_SIZE], group[MANAGEMENT_GROUP_NAME_MAX + 2], *text;
    size_t size;
    struct err err;

    if (!arm_page_size(a, &q.top, reply) || !arm_page_after(a, after, sizeof after, reply) ||
        !expand_read(a, &q.expand, reply))
        return;
    q.after = after[0] == '\0' ? NULL : after;
    enum status st = management_scope(scope, group)
                         ? management_list(a, group, &q, &text, &size, next, &err)
                         : posture_list(p, &q, &text, &size, next, &err);

    if (st == ST_OK)
        arm_reply_list_text(a, reply, text, size, next);
    else if (st == ST_END)
        arm_error(reply, 404, "ManagementGroupNotFound", NULL, NULL,
                  "The management group '%.100s' was not found.", group);
    else if (st == ST_INVALID && q.filter.n > 0)
        arm_error(reply, 400, "InvalidFilter", "$filter", NULL, "%s", err.text);
    else if (st == ST_INVALID && q.after != NULL)
        arm_error(reply, 400, "InvalidSkipToken", "$skiptoken", NULL, "%s", err.text);
    else
        reply_failed(reply, st, &err);
}

static void
resource_list(struct arm_call *a, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    struct span scope = list_scope(a);

    if (p != NULL && parent_is_there(a, p, scope, reply))
        list(a, scope, http_query(a->base.request, "$filter"), reply);
}

/* 'text' as a literal of $filter, added to 'out'. */
static void
quote(char *out, size_t room, const char *text)
{
    size_t n = strlen(out);

    for (; *text != '\0' && n + 4 < room; text++) {
        out[n++] = *text;
        if (*text == '\'')
            out[n++] = '\'';
    }
    out[n] = '\0';
}

/* The list of a scope with a condition of the path's or query's own: 'before' and 'behind' it, 'value'
 * between them, and what $filter says. */
static void
list_with(struct arm_call *a, struct span scope, const char *before, const char *value,
          const char *behind, struct http_reply *reply)
{
    const char *given = http_query(a->base.request, "$filter");
    struct posture *p = posture_of(a, reply);
    char filter[4096];

    if (p == NULL || !parent_is_there(a, p, scope, reply))
        return;
    snprintf(filter, sizeof filter, "%s", before);
    quote(filter, sizeof filter / 2, value);
    size_t n = strlen(filter);

    if ((size_t)snprintf(filter + n, sizeof filter - n, "%s%s%s%s", behind,
                         given == NULL ? "" : " and (", given == NULL ? "" : given,
                         given == NULL ? "" : ")") >= sizeof filter - n)
        arm_error(reply, 400, "InvalidFilter", "$filter", NULL, "The filter is too long.");
    else
        list(a, scope, filter, reply);
}

static void
alerts_of_location(struct arm_call *a, struct http_reply *reply)
{
    const char *at = strcasestr(a->id, "/providers/Microsoft.Security/locations/");
    struct span scope = {a->id, (size_t)(at - a->id)};

    list_with(a, scope, "contains(id,'/locations/", a->arguments[0], "/alerts/')", reply);
}

static void
rules_list(struct arm_call *a, struct http_reply *reply)
{
    const char *type = http_query(a->base.request, "AlertType");

    if (type == NULL || type[0] == '\0')
        resource_list(a, reply);
    else
        list_with(a, list_scope(a), "properties/alertType eq '", type, "'", reply);
}

/* ---- counts ---- */

void
posture_answer_status(struct call *c, struct http_reply *reply)
{
    struct posture_counts counts;
    json_t *resources = json_object(), *tree;

    if (c->api->posture == NULL) {
        json_decref(resources);
        http_reply_error(reply, 503, "ServiceUnavailable", "this service keeps no posture data");
        return;
    }
    posture_counts(c->api->posture, c->tenant, &counts);
    for (size_t i = 0; i < EVENT_SOURCES; i++)
        if (!event_source_rows[i].is_snapshot)
            json_object_set_new(resources, event_source_rows[i].name,
                                json_integer((json_int_t)counts.resources[i]));
    tree = json_pack("{s:o, s:I, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:I}", "resources",
                     resources, "assessmentMetadata", (json_int_t)counts.metadata, "waiting",
                     "events", (json_int_t)counts.outbox, "bytes", (json_int_t)counts.outbox_size,
                     "sinceStart", "changed", (json_int_t)counts.changed, "unchanged",
                     (json_int_t)counts.unchanged, "refused", (json_int_t)counts.refused, "events",
                     (json_int_t)counts.events, "fileBytes", (json_int_t)counts.size);
    call_reply_json(reply, 200, tree);
}

/* ---- the table ---- */

/* clang-format off */
#define ROW(METHOD, PATTERN, VERSIONS, ROLES, ACTION, ANSWER, HELP)                                \
    {.method = METHOD, .pattern = PATTERN, .versions = VERSIONS, .roles = ROLES,                   \
     .action = "Microsoft.Security/" ACTION, .answer = ANSWER, .help = HELP}
#define ROW_BODY(METHOD, PATTERN, VERSIONS, ROLES, ACTION, SIZE, ANSWER, HELP)                     \
    {.method = METHOD, .pattern = PATTERN, .versions = VERSIONS, .roles = ROLES,                   \
     .action = "Microsoft.Security/" ACTION, .body_max = SIZE, .answer = ANSWER, .help = HELP}
#define LIST(PATTERN, VERSIONS, ACTION, HELP)                                                      \
    ROW("GET", PATTERN, VERSIONS, READER, ACTION "/read", resource_list, HELP)
#define GET(PATTERN, VERSIONS, ACTION, HELP)                                                       \
    ROW("GET", PATTERN, VERSIONS, READER, ACTION "/read", resource_get, HELP)
#define PUT(PATTERN, VERSIONS, ROLES, ACTION, HELP)                                                \
    ROW_BODY("PUT", PATTERN, VERSIONS, ROLES, ACTION "/write", POSTURE_ROUTE_BODY_MAX,             \
             resource_put, HELP)
#define DELETE(PATTERN, VERSIONS, ROLES, ACTION, HELP)                                             \
    ROW_BODY("DELETE", PATTERN, VERSIONS, ROLES, ACTION "/delete", CALL_SMALL_BODY,                \
             resource_delete, HELP)
#define ALERT_VERB(SCOPE, VERB, ANSWER, HELP)                                                      \
    ROW_BODY("POST", SCOPE "/{alertName}/" VERB, alert_versions, ADMINISTRATOR,                    \
             "locations/alerts/" VERB "/action", CALL_SMALL_BODY, ANSWER, HELP)
/* clang-format on */

#define STANDARDS SUBSCRIPTION "/regulatoryComplianceStandards"
#define STANDARD STANDARDS "/{standardName}"
#define CONTROLS STANDARD "/regulatoryComplianceControls"
#define CONTROL CONTROLS "/{controlName}"
#define FINDINGS ANYWHERE "/assessments/{assessmentName}/subAssessments"
#define ALERTS_OF_LOCATION ANYWHERE "/locations/{location}/alerts"

const struct arm_route arm_posture_routes[] = {
    LIST(TENANT "/assessmentMetadata", metadata_versions, "assessmentMetadata",
         "The metadata of all recommendations of the tenant, its subscriptions' own too."),
    GET(TENANT "/assessmentMetadata/{assessmentMetadataName}", metadata_versions,
        "assessmentMetadata", "Metadata of one recommendation, of the tenant's catalog."),
    PUT(TENANT "/assessmentMetadata/{assessmentMetadataName}", metadata_versions, ADMINISTRATOR,
        "assessmentMetadata",
        "Describes a recommendation for all subscriptions of the tenant. Ours: Azure's catalog is "
        "its own."),
    DELETE(TENANT "/assessmentMetadata/{assessmentMetadataName}", metadata_versions, ADMINISTRATOR,
           "assessmentMetadata", "Takes it out of the tenant's catalog. Ours."),
    LIST(SUBSCRIPTION "/assessmentMetadata", metadata_versions, "assessmentMetadata",
         "The metadata that a subscription sees: the tenant's and its own."),
    GET(SUBSCRIPTION "/assessmentMetadata/{assessmentMetadataName}", metadata_versions,
        "assessmentMetadata", "Metadata of one recommendation."),
    PUT(SUBSCRIPTION "/assessmentMetadata/{assessmentMetadataName}", metadata_versions, WRITER,
        "assessmentMetadata",
        "Describes a recommendation: display name, severity, what to do about it. Answers 200, "
        "made or "
        "replaced."),
    DELETE(SUBSCRIPTION "/assessmentMetadata/{assessmentMetadataName}", metadata_versions, WRITER,
           "assessmentMetadata", "Forgets the metadata; assessments stay."),

    LIST(ANYWHERE "/assessments", metadata_versions, "assessments",
         "Assessments at and below a management group, subscription, resource group or resource. "
         "$expand=metadata "
         "adds "
         "the recommendation's metadata."),
    GET(ANYWHERE "/assessments/{assessmentName}", metadata_versions, "assessments",
        "One assessment: the state of one resource for one recommendation."),
    PUT(ANYWHERE "/assessments/{assessmentName}", metadata_versions, WRITER, "assessments",
        "Reports the state. What did not change is no change and sends nothing."),
    DELETE(ANYWHERE "/assessments/{assessmentName}", metadata_versions, WRITER, "assessments",
           "Withdraws the assessment with its findings: 200, or 204 if there was none."),

    LIST(ANYWHERE "/subAssessments", finding_versions, "assessments/subAssessments",
         "Findings at and below a subscription, resource group or resource."),
    LIST(FINDINGS, finding_versions, "assessments/subAssessments", "Findings of one assessment."),
    GET(FINDINGS "/{subAssessmentName}", finding_versions, "assessments/subAssessments",
        "One finding."),
    PUT(FINDINGS "/{subAssessmentName}", finding_versions, WRITER, "assessments/subAssessments",
        "Reports a finding of an assessment that is there. Ours."),
    DELETE(FINDINGS "/{subAssessmentName}", finding_versions, WRITER, "assessments/subAssessments",
           "Withdraws a finding. Ours."),

    LIST(SUBSCRIPTION "/secureScores", score_versions, "secureScores",
         "The secure score of a subscription: one, ascScore."),
    GET(SUBSCRIPTION "/secureScores/{secureScoreName}", score_versions, "secureScores",
        "The secure score."),
    LIST(SUBSCRIPTION "/secureScores/{secureScoreName}/secureScoreControls", score_versions,
         "secureScores/secureScoreControls",
         "The controls of a score. $expand=definition adds their definitions."),
    LIST(SUBSCRIPTION "/secureScoreControls", score_versions, "secureScoreControls",
         "The controls of a subscription's scores."),
    LIST(TENANT "/secureScoreControlDefinitions", score_versions, "secureScoreControlDefinitions",
         "The controls that scores are made of, all of the tenant."),
    GET(TENANT "/secureScoreControlDefinitions/{controlName}", score_versions,
        "secureScoreControlDefinitions", "One control's definition. Ours."),
    PUT(TENANT "/secureScoreControlDefinitions/{controlName}", score_versions, ADMINISTRATOR,
        "secureScoreControlDefinitions",
        "Defines a control of the score for all subscriptions: points, and its recommendations. "
        "Ours."),
    DELETE(TENANT "/secureScoreControlDefinitions/{controlName}", score_versions, ADMINISTRATOR,
           "secureScoreControlDefinitions", "Takes a control out of the score. Ours."),
    LIST(SUBSCRIPTION "/secureScoreControlDefinitions", score_versions,
         "secureScoreControlDefinitions",
         "The definitions that a subscription sees: the tenant's and its own."),
    GET(SUBSCRIPTION "/secureScoreControlDefinitions/{controlName}", score_versions,
        "secureScoreControlDefinitions", "One of them. Ours."),
    PUT(SUBSCRIPTION "/secureScoreControlDefinitions/{controlName}", score_versions, ADMINISTRATOR,
        "secureScoreControlDefinitions", "Defines a control for one subscription. Ours."),
    DELETE(SUBSCRIPTION "/secureScoreControlDefinitions/{controlName}", score_versions,
           ADMINISTRATOR, "secureScoreControlDefinitions", "Takes it out of the score. Ours."),

    LIST(STANDARDS, compliance_versions, "regulatoryComplianceStandards",
         "The regulatory standards that a subscription is measured by, with their states."),
    GET(STANDARD, compliance_versions, "regulatoryComplianceStandards", "One standard."),
    PUT(STANDARD, compliance_versions, ADMINISTRATOR, "regulatoryComplianceStandards",
        "Defines a standard. Ours."),
    DELETE(STANDARD, compliance_versions, ADMINISTRATOR, "regulatoryComplianceStandards",
           "Takes a standard away with its controls. Ours."),
    LIST(CONTROLS, compliance_versions,
         "regulatoryComplianceStandards/regulatoryComplianceControls",
         "The controls of a standard with their states."),
    GET(CONTROL, compliance_versions, "regulatoryComplianceStandards/regulatoryComplianceControls",
        "One control. $expand=definition adds the recommendations it is made of."),
    PUT(CONTROL, compliance_versions, ADMINISTRATOR,
        "regulatoryComplianceStandards/regulatoryComplianceControls",
        "Defines a control: the recommendations that it is made of. Ours."),
    DELETE(CONTROL, compliance_versions, ADMINISTRATOR,
           "regulatoryComplianceStandards/regulatoryComplianceControls",
           "Takes a control away. Ours."),
    LIST(CONTROL "/regulatoryComplianceAssessments", compliance_versions,
         "regulatoryComplianceStandards/regulatoryComplianceControls/"
         "regulatoryComplianceAssessments",
         "The recommendations under a control with their states and numbers of resources."),
    GET(CONTROL "/regulatoryComplianceAssessments/{assessmentName}", compliance_versions,
        "regulatoryComplianceStandards/regulatoryComplianceControls/"
        "regulatoryComplianceAssessments",
        "One of them."),

    LIST(ANYWHERE "/attackPaths", path_versions, "attackPaths",
         "Attack paths at and below a scope. Ours: Azure shows them in its resource graph."),
    GET(ANYWHERE "/attackPaths/{attackPathName}", path_versions, "attackPaths",
        "One attack path. Ours."),
    PUT(ANYWHERE "/attackPaths/{attackPathName}", path_versions, WRITER, "attackPaths",
        "Reports an attack path, as a resource or as it is delivered. Ours."),
    DELETE(ANYWHERE "/attackPaths/{attackPathName}", path_versions, WRITER, "attackPaths",
           "Withdraws an attack path. Ours."),

    LIST(ANYWHERE "/alerts", alert_versions, "alerts",
         "Alerts of a subscription, a resource group, or below any scope."),
    ROW("GET", ALERTS_OF_LOCATION, alert_versions, READER, "locations/alerts/read",
        alerts_of_location, "Alerts of one location."),
    ROW_BODY("POST", SUBSCRIPTION "/locations/{location}/alerts/default/simulate", alert_versions,
             ADMINISTRATOR, "locations/alerts/write", CALL_SMALL_BODY, alert_answer_simulate,
             "Makes sample alerts that go the way of real ones: "
             "{\"properties\":{\"kind\":\"Bundles\",\"bundles\":[\"VirtualMachines\"]}}; no "
             "bundles: all. "
             "They are there with the answer, 204; x-penstock-alerts says how many."),
    GET(ALERTS_OF_LOCATION "/{alertName}", alert_versions, "locations/alerts", "One alert."),
    PUT(ALERTS_OF_LOCATION "/{alertName}", alert_versions, WRITER, "locations/alerts",
        "Reports an alert, as a resource or in the form in which alerts are delivered. Ours."),
    GET(ANYWHERE "/alerts/{alertName}", alert_versions, "alerts", "One alert without location."),
    PUT(ANYWHERE "/alerts/{alertName}", alert_versions, WRITER, "alerts",
        "Reports an alert without location. Ours."),
    ALERT_VERB(ALERTS_OF_LOCATION, "activate", alert_answer_activate,
               "Makes an alert active again."),
    ALERT_VERB(ALERTS_OF_LOCATION, "dismiss", alert_answer_dismiss, "Dismisses an alert."),
    ALERT_VERB(ALERTS_OF_LOCATION, "resolve", alert_answer_resolve, "Resolves an alert."),
    ALERT_VERB(ALERTS_OF_LOCATION, "inProgress", alert_answer_in_progress,
               "Says that somebody works on an alert."),
    ALERT_VERB(ANYWHERE "/alerts", "activate", alert_answer_activate,
               "The same of an alert without location. Ours."),
    ALERT_VERB(ANYWHERE "/alerts", "dismiss", alert_answer_dismiss, "Dismisses it. Ours."),
    ALERT_VERB(ANYWHERE "/alerts", "resolve", alert_answer_resolve, "Resolves it. Ours."),
    ALERT_VERB(ANYWHERE "/alerts", "inProgress", alert_answer_in_progress,
               "Says that somebody works on it. Ours."),

    ROW("GET", SUBSCRIPTION "/alertsSuppressionRules", rule_versions, READER,
        "alertsSuppressionRules/read", rules_list,
        "Rules whose alerts are kept as dismissed; AlertType=... of one type."),
    GET(SUBSCRIPTION "/alertsSuppressionRules/{ruleName}", rule_versions, "alertsSuppressionRules",
        "One rule."),
    PUT(SUBSCRIPTION "/alertsSuppressionRules/{ruleName}", rule_versions, ADMINISTRATOR,
        "alertsSuppressionRules", "Makes or replaces a rule: 200."),
    DELETE(SUBSCRIPTION "/alertsSuppressionRules/{ruleName}", rule_versions, ADMINISTRATOR,
           "alertsSuppressionRules", "Deletes a rule: 204."),

    {.method = "POST",
                               .pattern = SUBSCRIPTION "/bulk",
                               .roles = WRITER,
                               .action = "Microsoft.Security/bulk/action",
                               .is_unpaced = true,
                               .begin = bulk_begin,
                               .data = bulk_data,
                               .answer = bulk_answer,
                               .gone = bulk_gone,
                               .help =
         "Posture data in bulk, for scanners: NDJSON, one resource a line with its id, gzip if "
         "Content-Encoding says so. ?producer=NAME&complete=SCOPE: a full report, what it does not "
         "name any more is withdrawn. Ours."},
    {0 },
};
