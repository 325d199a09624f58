/* api.c - the table of routes, and the way of a request to its row: path, method, token, role,
 * tenant, body, in this order, so that nothing of a body is taken from anyone who may not send
 * it. */
#include "api/api.h"
#include "api/arm.h"
#include "api/call.h"
#include "api/cors.h"
#include "api/defender.h"
#include "api/hunting_parse.h"
#include "api/kusto.h"
#include "api/loganalytics.h"
#include "base/clock.h"
#include "base/counter.h"
#include "control/detection.h"
#include "control/saved_queries.h"
#include "control/settings.h"
#include "control/store.h"
#include "model/arm_id.h"
#include "model/datetime.h"
#include "source/device_groups_json.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define READER ROLE_SECURITY_READER
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR
#define SETTINGS "/api/dataexportsettings"
#define SAVED "/api/workspaces/{workspace}/savedQueries"
#define WORKSPACE "/v1/workspaces/{workspaceId}"
#define WORKSPACE_ID                                                                               \
    "/v1/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"             \
    "Microsoft.OperationalInsights/workspaces/{workspaceName}"
#define DETECTIONS "/v1.0/security/rules/detectionRules"

/* clang-format off */
const struct route api_routes[] = {
    {"POST", "/ingest/v1/{tenantId}/{table}", SCOPE_PATH, ROLE_INGEST, .begin = ingest_begin,
     .data = ingest_data, .gone = ingest_gone, .answer = ingest_answer,
     .help = "Takes bare rows of a table: JSON objects one behind the other, or an array of them; "
             "the tenant - is the token's."},
    {"POST", "/ingest/v1/records", SCOPE_ANY, ROLE_INGEST, .begin = ingest_begin,
     .data = ingest_data, .gone = ingest_gone, .answer = ingest_answer,
     .help = "Takes envelopes of another export: one behind the other, an array, or "
             "{\"records\":[...]}."},
    {"POST", "/dataCollectionRules/{ruleId}/streams/{stream}", SCOPE_ANY, ROLE_INGEST,
     .begin = logs_begin, .data = logs_data, .gone = logs_gone, .answer = logs_answer,
     .help = "Logs Ingestion, as the Azure Monitor clients call it: a JSON array of rows for a stream "
             "of a data collection rule; the rule default has a stream for every table."},
    {"GET", "/api/schema", SCOPE_SERVER, READER, .answer = schema_answer_list,
     .help = "Lists the tables; ?streamable=true only those that can be exported."},
    {"GET", "/api/schema/{table}", SCOPE_SERVER, READER, .answer = schema_answer_table,
     .help =
         "Columns of a table, as getschema has them; ?workspace=true in their workspace shape."},
    {"GET", SETTINGS, SCOPE_TENANT, READER, .answer = settings_answer_list,
     .help = "All data export settings."},
    {"GET", SETTINGS "/{id}", SCOPE_TENANT, READER, .answer = settings_answer_get,
     .help = "One data export setting."},
    {"GET", SETTINGS "/{id}/schema", SCOPE_TENANT, READER, .answer = settings_answer_schema,
     .help = "The columns that its transformKql leaves of each table, and what Azure Monitor's "
             "transformations would refuse of it."},
    {"PUT", SETTINGS "/{id}", SCOPE_TENANT, ADMINISTRATOR, SETTING_BODY_SIZE_MAX,
     .answer = settings_answer_put, .help = "Makes or replaces a setting; in force when answered."},
    {"DELETE", SETTINGS "/{id}", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = settings_answer_delete, .help = "Deletes a setting and its cursor."},
    {"POST", SETTINGS "/{id}/enable", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = settings_answer_enable, .help = "Lets an export run (again), from where it stood."},
    {"POST", SETTINGS "/{id}/disable", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = settings_answer_disable, .help = "Stops an export; its cursor is kept."},
    {"GET", SETTINGS "/{id}/status", SCOPE_TENANT, READER, .answer = settings_answer_status,
     .help = "How an export is doing."},
    {"POST", SETTINGS "/{id}/replay", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = settings_answer_replay,
     .help = "Sends again what was admitted from ?from= (ISO 8601) on."},
    {"GET", SETTINGS "/{id}/parked", SCOPE_TENANT, READER, .answer = parked_answer_list,
     .help = "Lists what the destination refused; ?after= and ?limit= page through it."},
    {"GET", SETTINGS "/{id}/parked/{n}", SCOPE_TENANT, READER, .answer = parked_answer_show,
     .help = "One parked entry with its bytes."},
    {"POST", SETTINGS "/{id}/parked/{n}/resend", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = parked_answer_resend, .help = "Sends a parked entry once more."},
    {"DELETE", SETTINGS "/{id}/parked/{n}", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = parked_answer_drop, .help = "Drops a parked entry for good."},
    {"GET", "/api/ingest/parked", SCOPE_ANY, READER, .answer = parked_answer_list,
     .help = "Lists records that ingestion parked (onError=park); without a tenant those of all, and those whose tenant nobody could tell."},
    {"GET", "/api/ingest/parked/{n}", SCOPE_ANY, READER, .answer = parked_answer_show,
     .help = "One of them with its bytes."},
    {"DELETE", "/api/ingest/parked/{n}", SCOPE_ANY, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = parked_answer_drop, .help = "Drops one of them for good."},
    {"GET", "/api/devicegroups", SCOPE_TENANT, READER, .answer = groups_answer_get,
     .help = "Device groups with the number of devices in each."},
    {"PUT", "/api/devicegroups", SCOPE_TENANT, ADMINISTRATOR, DEVICE_GROUPS_JSON_SIZE_MAX,
     .answer = groups_answer_put, .help = "Replaces all device groups."},
    {"POST", "/api/devicegroups/preview", SCOPE_TENANT, READER, CALL_SMALL_BODY,
     .answer = groups_answer_preview, .help = "Which devices one group alone would have."},
    {"GET", "/api/devices", SCOPE_TENANT, READER, .answer = devices_answer_list,
     .help = "Known devices; ?skip= and ?limit= page through them, ?group= picks a group."},
    {"GET", DETECTIONS, SCOPE_TENANT, READER, .answer = detection_answer_list,
     .help = "Detection rules, as Graph has them: $top, $skip, $filter (isEnabled, displayName)."},
    {"POST", DETECTIONS, SCOPE_TENANT, ADMINISTRATOR, DETECTION_BODY_SIZE_MAX,
     .answer = detection_answer_post, .help = "Makes a detection rule; in force when answered."},
    {"POST", DETECTIONS "/test", SCOPE_TENANT, READER, DETECTION_BODY_SIZE_MAX,
     .answer = detection_answer_test,
     .help = "What a rule (the body) would find, without making alerts: over its lookback, or ?span=P1D."},
    {"GET", DETECTIONS "/{id}", SCOPE_TENANT, READER, .answer = detection_answer_get,
     .help = "One detection rule, with how its last run ended."},
    {"PATCH", DETECTIONS "/{id}", SCOPE_TENANT, ADMINISTRATOR, DETECTION_BODY_SIZE_MAX,
     .answer = detection_answer_patch, .help = "Changes the members that are sent."},
    {"DELETE", DETECTIONS "/{id}", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = detection_answer_delete, .help = "Deletes a rule and its history; its alerts stay."},
    {"POST", DETECTIONS "/{id}/run", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = detection_answer_run,
     .help = "Runs a rule now; ?wait= (s, at most 120) for its end: 200 with the run, else 202."},
    {"POST", DETECTIONS "/{id}/test", SCOPE_TENANT, READER, CALL_SMALL_BODY,
     .answer = detection_answer_test_one,
     .help = "What a stored rule would find, without making alerts; ?span= as above."},
    {"GET", DETECTIONS "/{id}/runs", SCOPE_TENANT, READER, .answer = detection_answer_runs,
     .help = "Its last runs, newest first: begin, end, rows, alerts, errors; ?$top=."},
    {"GET", "/hubs", SCOPE_TENANT, ROLE_HUB_READER, .answer = hub_answer_cursors,
     .help = "Cursors of all consumer groups."},
    {"GET", "/hubs/{hub}/messages", SCOPE_TENANT, ROLE_HUB_READER, .answer = hub_answer_messages,
     .help = "Long poll of a local event hub: ?consumerGroup= ?from= ?maxWait= (s) ?maxBytes=."},
    {"GET", "/hubs/{hub}/cursor", SCOPE_TENANT, ROLE_HUB_READER, .answer = hub_answer_cursor_get,
     .help = "Where a consumer group goes on."},
    {"POST", "/hubs/{hub}/cursor", SCOPE_TENANT, ROLE_HUB_READER, CALL_SMALL_BODY,
     .answer = hub_answer_cursor_set, .help = "Commits a cursor: {\"cursor\":\"...\"}."},
    {"DELETE", "/hubs/{hub}/cursor", SCOPE_TENANT, ROLE_HUB_READER, CALL_SMALL_BODY,
     .answer = hub_answer_cursor_delete, .help = "Forgets a consumer group's cursor."},
    {"GET", "/api/status", SCOPE_ANY, READER, .answer = status_answer,
     .help = "Everything about ingestion, journal and exports; a tenant's token sees its own."},
    {"GET", "/api/posture", SCOPE_ANY, READER, .answer = posture_answer_status,
     .help = "How much posture data there is, and what of it waits to be exported."},
    {"GET", "/api/workspaces", SCOPE_ANY, READER, .answer = workspaces_answer_list,
     .help = "The workspaces that one may ask: name, GUID and resource id."},
    {"GET", "/api/workspaces/{workspace}/tables", SCOPE_ANY, READER,
     .answer = workspace_answer_tables,
     .help = "Tables of a workspace (name, GUID or id; - for the default one) that have rows: how many, their bytes in the file, the times of the first and last event."},
    {"GET", "/api/workspaces/{workspace}/tables/{table}/export", SCOPE_ANY, READER,
     .answer = workspace_answer_export, .gone = hunting_gone,
     .help = "Its rows as a Parquet file, at most 64 MiB: ?from= &until= &where= (a KQL predicate) &shape=hunting or workspace &ticks=false."},
    {"POST", "/api/workspaces/{workspace}/purge", SCOPE_ANY, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = workspace_answer_purge,
     .help = "Takes rows out: {\"table\"?,\"before\"?,\"from\"?,\"where\"?,\"dryRun\"?}; 'where' is a KQL predicate on one table; a tenant's token its own rows alone."},
    {"GET", SAVED, SCOPE_TENANT, READER, .answer = saved_answer_list,
     .help = "Saved queries and functions of a workspace (name or GUID; - for those of all); ?kind=query or function."},
    {"GET", SAVED "/{name}", SCOPE_TENANT, READER, .answer = saved_answer_get,
     .help = "One of them; one that is for all workspaces stands in."},
    {"PUT", SAVED "/{name}", SCOPE_TENANT, ADMINISTRATOR, SAVED_BODY_MAX,
     .answer = saved_answer_put,
     .help = "Makes or replaces one: {\"kind\",\"query\",\"parameters\"?,\"description\"?,\"category\"?}; it is bound first."},
    {"DELETE", SAVED "/{name}", SCOPE_TENANT, ADMINISTRATOR, CALL_SMALL_BODY,
     .answer = saved_answer_delete, .help = "Deletes one."},
    {"POST", WORKSPACE "/query", SCOPE_ANY, READER, HUNTING_BODY_MAX,
     .answer = loganalytics_query_post, .gone = hunting_gone,
     .help = "Log Analytics: runs {\"query\",\"timespan\"?} over a workspace, by its GUID, name or id; also without /v1."},
    {"GET", WORKSPACE "/query", SCOPE_ANY, READER, .answer = loganalytics_query_get,
     .gone = hunting_gone, .help = "The same of ?query= and ?timespan=."},
    {"POST", WORKSPACE_ID "/query", SCOPE_ANY, READER, HUNTING_BODY_MAX,
     .answer = loganalytics_resource_post, .gone = hunting_gone,
     .help = "The same by the workspace's resource id; also without /v1, and with /api/query."},
    {"GET", WORKSPACE_ID "/query", SCOPE_ANY, READER, .answer = loganalytics_resource_get,
     .gone = hunting_gone, .help = "The same of ?query= and ?timespan=."},
    {"POST", "/v1/$batch", SCOPE_ANY, READER, HUNTING_BODY_MAX, .answer = loganalytics_batch,
     .gone = hunting_gone,
     .help = "Log Analytics: up to 100 queries, {\"requests\":[{\"id\",\"workspace\",\"path\",\"body\"}]}, answered in their order."},
    {"GET", WORKSPACE "/metadata", SCOPE_ANY, READER, .answer = loganalytics_metadata,
     .gone = hunting_gone, .help = "Log Analytics: tables, columns and functions of a workspace."},
    {"POST", WORKSPACE "/metadata", SCOPE_ANY, READER, CALL_SMALL_BODY,
     .answer = loganalytics_metadata, .gone = hunting_gone, .help = "The same."},
    {"POST", "/v2/rest/query", SCOPE_ANY, READER, HUNTING_BODY_MAX, .answer = kusto_query_v2,
     .gone = hunting_gone,
     .help = "Kusto: runs {\"db\",\"csl\",\"properties\"?} over a workspace; answers in frames."},
    {"POST", "/v1/rest/query", SCOPE_ANY, READER, HUNTING_BODY_MAX, .answer = kusto_query_v1,
     .gone = hunting_gone, .help = "Kusto: the same; answers in tables."},
    {"POST", "/v1/rest/mgmt", SCOPE_ANY, READER, HUNTING_BODY_MAX, .answer = kusto_mgmt,
     .gone = hunting_gone, .help = "Kusto: a command that shows databases, tables or functions."},
    {"POST", "/api/advancedqueries/run", SCOPE_ANY, READER, HUNTING_BODY_MAX,
     .answer = defender_run, .gone = hunting_gone,
     .help = "Defender for Endpoint: runs {\"Query\"} over the default workspace."},
    {"POST", "/api/advancedhunting/run", SCOPE_ANY, READER, HUNTING_BODY_MAX,
     .answer = defender_run, .gone = hunting_gone, .help = "Defender XDR: the same."},
    {"POST", "/v1.0/security/runHuntingQuery", SCOPE_ANY, READER, HUNTING_BODY_MAX,
     .answer = defender_run_graph, .gone = hunting_gone,
     .help = "Microsoft Graph: the same, with \"Timespan\"; also under /beta."},
    {"GET", "/metrics", SCOPE_OPEN, .answer = metrics_answer, .help = "The same for Prometheus."},
    {"GET", "/healthz", SCOPE_OPEN, .answer = health_answer,
     .help = "200 while everything makes progress, else 503."},
    {"GET", "/readyz", SCOPE_OPEN, .answer = ready_answer, .help = "200 while requests are taken."},
    {0},
};
/* clang-format on */

/* The same under other prefixes: where the product's own portal reads, and how clients are told of other roots. */
static const struct {
    const char *prefix, *stands_for;
} aliases[] = {
    {"/apiproxy/mtp/wdatpApi/dataexportsettings", SETTINGS        },
    {"/workspaces",                               "/v1/workspaces"},
    {"/$batch",                                   "/v1/$batch"    },
    {"/v1/%24batch",                              "/v1/$batch"    },
    {"/beta/security",                            "/v1.0/security"},
};

static struct counter requests = {
    .name = "penstock_http_requests_total",
    .help = "Answered HTTP requests by route and status.",
    .kind = COUNTER_TOTAL,
    .labels = {"method", "route", "status"}
};
static const int64_t duration_bounds[] = {500,   1000,   2500,   5000,    10000,   25000,
                                          50000, 100000, 250000, 1000000, 2500000, 10000000};
static struct counter durations = {
    .name = "penstock_http_request_duration_seconds",
    .help = "From a request's head to its end, by route.",
    .kind = COUNTER_HISTOGRAM,
    .labels = {"method", "route"},
    .unit = 1e-6,
    .bounds = duration_bounds,
    .bound_count = COUNT_OF(duration_bounds)
};

const struct counter *const api_counters[] = {
    &requests,          &durations,       &logs_rows, &hunting_queries,
    &hunting_durations, &hunting_running, NULL};

/* ---- finding the row ---- */

/* Cuts the first segment off *path (which begins with '/'); false at the end. A last, empty one
 * does not count. */
static bool
segment_next(const char **path, struct span *segment)
{
    if ((*path)[0] != '/' || (*path)[1] == '\0')
        return false;
    *segment = (struct span){*path + 1, strcspn(*path + 1, "/")};
    *path = segment->p + segment->n;
    return true;
}

/* Whether the path has the pattern's shape; literal segments ignore case, as the services we stand
 * in for do. */
static bool
path_matches(const char *pattern, const char *path)
{
    struct span want, have;

    while (segment_next(&pattern, &want)) {
        if (!segment_next(&path, &have) || have.n == 0)
            return false;
        if (want.p[0] != '{' && (want.n != have.n || strncasecmp(want.p, have.p, want.n) != 0))
            return false;
    }
    return !segment_next(&path, &have);
}

/* The path with an alias replaced, in 'room' where it had to be. */
static const char *
path_plain(const char *path, char *room, size_t room_size)
{
    if (hunting_path_plain(path, room, room_size))
        return room;
    for (size_t i = 0; i < COUNT_OF(aliases); i++) {
        size_t size = strlen(aliases[i].prefix);

        if (strncasecmp(path, aliases[i].prefix, size) == 0 &&
            (path[size] == '/' || path[size] == '\0') &&
            (size_t)snprintf(room, room_size, "%s%s", aliases[i].stands_for, path + size) <
                room_size)
            return room;
    }
    return path;
}

/* The row, or NULL. 'allow' lists the methods that the path knows; "" if there is no such path. */
static const struct route *
route_find(const char *method, const char *path, char allow[64])
{
    allow[0] = '\0';
    for (const struct route *row = api_routes; row->method != NULL; row++) {
        if (!path_matches(row->pattern, path))
            continue;
        if (strcmp(row->method, method) == 0)
            return row;
        snprintf(allow + strlen(allow), 64 - strlen(allow), "%s%s", allow[0] == '\0' ? "" : ", ",
                 row->method);
    }
    return NULL;
}

static bool
arguments_decode(struct call *c, const char *path, struct http_reply *reply)
{
    const char *pattern = c->route->pattern;
    struct span want, have;
    size_t count = 0;
    struct err err;

    while (segment_next(&pattern, &want) && segment_next(&path, &have)) {
        if (want.p[0] != '{')
            continue;
        if (http_decode_segment(have, c->arguments[count++], CALL_ARGUMENT_SIZE, &err) != ST_OK) {
            http_reply_error(reply, 400, "InvalidPath", "%.*s: %s", (int)want.n, want.p, err.text);
            return false;
        }
    }
    return true;
}

/* ---- who may ---- */

static void
refuse_token(struct http_reply *reply, enum token_answer answer)
{
    /* Which of the bad ones it was is not told: a guess that is known and expired is still a
     * guess. */
    http_reply_error(reply, 401, "InvalidAuthenticationToken",
                     answer == TOKEN_MISSING
                         ? "a token is needed: Authorization: Bearer TOKEN"
                         : "the token is not valid; 'penstock token create' makes one");
    call_header(reply, "WWW-Authenticate",
                answer == TOKEN_MISSING ? "Bearer realm=\"penstock\""
                                        : "Bearer realm=\"penstock\", error=\"invalid_token\"");
}

static void
refuse_role(const struct call *c, struct http_reply *reply)
{
    char roles[120];

    roles_write(c->route->role, roles);
    http_reply_error(reply, 403, "AuthorizationFailed",
                     "the token does not allow this here; it takes the role %s for the tenant",
                     roles);
}

struct only_tenant {
    char id[40];
    unsigned count;
};

static bool
only_tenant_visit(void *app, const struct store_tenant *t)
{
    struct only_tenant *only = app;

    if (t->is_active && only->count++ == 0)
        snprintf(only->id, sizeof only->id, "%s", t->id);
    return only->count < 2;
}

enum token_answer
call_token(const struct call *c, struct span bearer, struct principal *who)
{
    enum token_answer answer = token_verify(c->control->tokens, bearer, call_now(c), who);

    /* Made a moment ago, perhaps by the command line in another process: look once more. Only a
     * well-formed token (its check part holds) gets here. */
    if (answer == TOKEN_UNKNOWN && tokens_refresh(c->control->tokens, NULL) == ST_OK)
        answer = token_verify(c->control->tokens, bearer, call_now(c), who);
    return answer;
}

bool
call_tenant_choose(struct call *c, const char *named, bool in_path, struct http_reply *reply)
{
    struct only_tenant only = {.count = 0};
    bool is_active = false;
    struct err err;
    enum status st;

    if (named == NULL) {
        st = store_tenants(c->control->store, only_tenant_visit, &only, &err);
        if (st == ST_OK && only.count != 1) {
            http_reply_error(reply, 400, "TenantRequired",
                             "the token is for every tenant: say which with %s",
                             in_path ? "--tenant, or in the path in place of '-'" : "?tenantId=");
            return false;
        }
        named = only.id;
        is_active = true;
    } else {
        st = store_tenant_find(c->control->store, named, &is_active, &err);
    }
    if (st != ST_OK && st != ST_END) {
        call_reply_status(reply, st, "StoreFailed", &err);
        return false;
    }
    if (!is_active) {
        http_reply_error(reply, 404, "TenantNotFound", "there is no active tenant %s", named);
        return false;
    }
    snprintf(c->tenant_text, sizeof c->tenant_text, "%s", named);
    c->tenant = c->tenant_text;
    return true;
}

/* Token, role and tenant. False: answered. */
static bool
authorize(struct call *c, struct http_reply *reply)
{
    const char *header = http_header(c->request, "Authorization");
    const char *named =
        c->route->scope == SCOPE_PATH ? c->arguments[0] : http_query(c->request, "tenantId");
    bool is_for_all;
    char tenant[37];
    enum token_answer answer;

    if (c->route->scope == SCOPE_OPEN)
        return true;
    if (c->route->scope == SCOPE_PATH && strcmp(named, "-") == 0)
        named = NULL;
    answer = call_token(c, header == NULL ? (struct span){"", 0} : span_of(header), &c->who);
    if (answer != TOKEN_GOOD) {
        refuse_token(reply, header == NULL ? TOKEN_MISSING : answer);
        return false;
    }
    is_for_all = strcmp(c->who.tenant, CONTROL_EVERY_TENANT) == 0;
    if (!principal_may(&c->who, is_for_all ? NULL : c->who.tenant, c->route->role)) {
        refuse_role(c, reply);
        return false;
    }
    if (c->route->scope == SCOPE_SERVER)
        return true;
    if (named != NULL && !guid_copy(span_of(named), tenant)) {
        if (!is_for_all) /* the same word as for a tenant that is not the token's */
            refuse_role(c, reply);
        else
            http_reply_error(reply, 400, "InvalidTenant", "the tenant is not a GUID");
        return false;
    }
    if (is_for_all && named == NULL && c->route->scope == SCOPE_ANY)
        return true;
    if (is_for_all)
        return call_tenant_choose(c, named == NULL ? NULL : tenant, c->route->scope == SCOPE_PATH,
                                  reply);
    if (named != NULL && strcmp(tenant, c->who.tenant) != 0) {
        refuse_role(c, reply);
        return false;
    }
    c->tenant = c->who.tenant;
    return true;
}

/* ---- what the server calls ---- */

int64_t
call_now(const struct call *c)
{
    return c->api->now(c->api->clock);
}

/* Every answer, whoever gave it, carries the client's own id back, and what a browser wants to know. */
static void
answered(struct call *c, struct http_reply *reply)
{
    const char *id = http_header(c->request, "x-ms-client-request-id");

    if (reply->status == 0 || c->status != 0)
        return;
    c->status = reply->status;
    if (id != NULL)
        call_header(reply, "x-ms-client-request-id", id);
    cors_answered(c, reply);
}

static void
begin(struct call *c, struct http_reply *reply)
{
    char room[CALL_PATH_MAX], allow[64];
    const char *path = path_plain(c->request->path, room, sizeof room);
    const char *length = http_header(c->request, "Content-Length");
    const char *encoding = http_header(c->request, "Content-Encoding");

    c->route = route_find(c->request->method, path, allow);
    if (c->route == NULL && allow[0] == '\0') {
        http_reply_error(reply, 404, "NotFound", "there is nothing at this path");
        return;
    }
    if (c->route == NULL) {
        if (strcmp(c->request->method, "OPTIONS") == 0) {
            cors_options(c, allow, reply);
            return;
        }
        http_reply_error(reply, 405, "MethodNotAllowed", "this path knows %s", allow);
        call_header(reply, "Allow", allow);
        return;
    }
    if (!arguments_decode(c, path, reply) || !authorize(c, reply))
        return;
    if (c->route->begin != NULL) {
        c->route->begin(c, reply);
        return;
    }
    if (encoding != NULL && encoding[0] != '\0' && strcasecmp(encoding, "identity") != 0 &&
        c->route->body_max > 0)
        http_reply_error(reply, 415, "UnsupportedMediaType",
                         "the body must not be compressed here");
    else if (length != NULL && strtoull(length, NULL, 10) > c->route->body_max)
        http_reply_error(reply, 413, "ContentLengthLimitExceeded",
                         "the body may have at most %zu bytes here", c->route->body_max);
}

static void
on_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    struct api *api = app;
    struct call *c = calloc(1, sizeof *c);

    if (c == NULL) {
        http_reply_error(reply, 503, "ServerBusy", "no memory for the request");
        return;
    }
    *state = c;
    c->api = api;
    c->control = atomic_load(&api->control);
    c->request = r;
    c->begun_ms = clock_monotonic_ms();
    begin(c, reply);
    answered(c, reply);
}

enum collected
call_collect(struct call *c, struct span bytes, size_t max)
{
    if (bytes.n > max - c->body_size)
        return COLLECT_LARGE;
    if (c->body_size + bytes.n + 1 > c->body_room) {
        size_t room = 2 * (c->body_size + bytes.n + 1);
        char *body = realloc(c->body, room);

        if (body == NULL)
            return COLLECT_SPENT;
        c->body = body;
        c->body_room = room;
    }
    if (bytes.n > 0)
        memcpy(c->body + c->body_size, bytes.p, bytes.n);
    c->body_size += bytes.n;
    c->body[c->body_size] = '\0';
    return COLLECTED;
}

static void
collect(struct call *c, struct span bytes, struct http_reply *reply)
{
    switch (call_collect(c, bytes, c->route->body_max)) {
    case COLLECTED:
        break;
    case COLLECT_LARGE:
        http_reply_error(reply, 413, "ContentLengthLimitExceeded",
                         "the body may have at most %zu bytes here", c->route->body_max);
        break;
    case COLLECT_SPENT:
        http_reply_error(reply, 503, "ServerBusy", "no memory for the body");
        break;
    }
}

static void
on_data(void *app, const struct http_request *r, void *state, struct span bytes,
        struct http_reply *reply)
{
    struct call *c = state;

    (void)app;
    (void)r;
    if (c->route->data != NULL)
        c->route->data(c, bytes, reply);
    else
        collect(c, bytes, reply);
    answered(c, reply);
}

static void
on_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct call *c = state;

    (void)app;
    (void)r;
    if (c->route->data == NULL && c->route->body_max > 0)
        collect(c, (struct span){"", 0}, reply);
    if (reply->status == 0)
        c->route->answer(c, reply);
    answered(c, reply);
}

void
call_count(const struct call *c, const char *method, const char *pattern)
{
    char status[16];

    snprintf(status, sizeof status, "%u", c->status); /* 0: the peer left */
    counter_add(counter_at(&requests, method, pattern, status), 1);
    counter_observe(counter_at(&durations, method, pattern),
                    (clock_monotonic_ms() - c->begun_ms) * 1000);
}

static void
on_gone(void *app, void *state)
{
    struct call *c = state;

    (void)app;
    if (c == NULL)
        return;
    if (c->route != NULL && c->route->gone != NULL)
        c->route->gone(c);
    call_count(c, c->route == NULL ? "" : c->route->method,
               c->route == NULL ? "" : c->route->pattern);
    free(c->body);
    free(c);
}

const struct http_handler *
api_route(void *app, const struct http_request *r)
{
    static const struct http_handler with_body = {NULL, on_begin, on_data, on_end, on_gone};
    static const struct http_handler without = {NULL, on_begin, NULL, on_end, on_gone};
    const struct http_handler *arm = arm_handler(r);
    char room[CALL_PATH_MAX];

    (void)app;
    if (arm != NULL && !hunting_path_plain(r->path, room, sizeof room))
        return arm;
    return strcmp(r->method, "GET") == 0 ? &without : &with_body;
}

void
api_describe(bool (*visit)(void *app, const struct api_row *row), void *app)
{
    for (const struct route *row = api_routes; row->method != NULL; row++) {
        char roles[120] = "";
        struct api_row shown = {row->method, row->pattern, roles, row->help};

        if (row->role != 0)
            roles_write(row->role, roles);
        if (!visit(app, &shown))
            return;
    }
    (void)arm_describe(visit, app);
}

/* ---- what handlers answer with ---- */

void
call_base(const struct call *c, char base[300])
{
    const char *host = http_header(c->request, "Host");
    bool is_plain = host != NULL && host[0] != '\0' && strlen(host) < 260;

    if (c->control->config->http.public_url != NULL) {
        snprintf(base, 300, "%.290s", c->control->config->http.public_url);
        return;
    }
    for (const char *p = host; is_plain && *p != '\0'; p++)
        is_plain = isalnum((unsigned char)*p) || strchr(".-_:[]", *p) != NULL;
    snprintf(base, 300, "%s://%s",
             c->control->config->http.tls == CONFIG_TLS_OFF ? "http" : "https",
             is_plain ? host : "localhost");
}

void
call_header(struct http_reply *reply, const char *name, const char *value)
{
    for (size_t i = 0; i < COUNT_OF(reply->headers); i++) {
        if (reply->headers[i].name[0] != '\0')
            continue;
        if (strlen(value) >= sizeof reply->headers[i].value)
            return;
        snprintf(reply->headers[i].name, sizeof reply->headers[i].name, "%s", name);
        snprintf(reply->headers[i].value, sizeof reply->headers[i].value, "%s", value);
        return;
    }
}

void
call_reply_taken(struct http_reply *reply, unsigned status, char *text, size_t size)
{
    if (text == NULL) {
        http_reply_error(reply, 500, "InternalError", "no memory for the answer");
        return;
    }
    free(reply->body);
    reply->status = status;
    reply->body = text;
    reply->body_size = size;
}

void
call_reply_json(struct http_reply *reply, unsigned status, json_t *tree)
{
    char *text = tree == NULL ? NULL : json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(tree);
    call_reply_taken(reply, status, text, text == NULL ? 0 : strlen(text));
}

void
call_reply_status(struct http_reply *reply, enum status st, const char *code, const struct err *err)
{
    static const unsigned by_status[] = {
        [ST_OK] = 500, [ST_END] = 404, [ST_FULL] = 503, [ST_INVALID] = 400, [ST_IO] = 500};

    http_reply_error(reply, by_status[st], code, "%s", err->text);
}

bool
call_number(const struct call *c, const char *name, uint64_t absent, uint64_t max, uint64_t *value,
            struct http_reply *reply)
{
    const char *text = http_query(c->request, name);
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789");

    *value = absent;
    if (text == NULL)
        return true;
    if (digits == 0 || digits > 19 || text[digits] != '\0' ||
        (*value = strtoull(text, NULL, 10)) > max) {
        http_reply_error(reply, 400, "InvalidParameter", "%s must be a number up to %llu", name,
                         (unsigned long long)max);
        return false;
    }
    return true;
}

json_t *
call_text(const char *text)
{
    json_t *string;
    char *copy;

    if (text == NULL)
        return json_null();
    string = json_string(text);
    if (string != NULL)
        return string;
    copy = strdup(text);
    if (copy == NULL)
        return NULL;
    for (char *p = copy; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    string = json_string(copy);
    free(copy);
    return string;
}

json_t *
call_time(int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    if (ticks == 0)
        return json_null();
    datetime_write(text, ticks);
    return json_stringn(text, sizeof text);
}
