/* arm.c - the way of a request to its row of an ARM table, and back out with ARM's headers. */
#include "api/arm.h"
#include "api/arm_target.h"
#include "api/cors.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/inventory.h"
#include "control/store.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

static const struct arm_route *const arm_tables[] = {arm_inventory_routes, arm_management_routes,
                                                     arm_automation_routes, arm_collection_routes,
                                                     arm_posture_routes};

/* The row, or NULL; 'allow' lists the methods that the path knows, "" if there is no such path. */
static const struct arm_route *
row_find(const char *method, const struct arm_target *p, char allow[64])
{
    allow[0] = '\0';
    for (size_t t = 0; t < COUNT_OF(arm_tables); t++)
        for (const struct arm_route *row = arm_tables[t]; row->method != NULL; row++) {
            if (!arm_target_matches(row->pattern, p))
                continue;
            if (strcmp(row->method, method) == 0)
                return row;
            if (strstr(allow, row->method) == NULL)
                snprintf(allow + strlen(allow), 64 - strlen(allow), "%s%s",
                         allow[0] == '\0' ? "" : ", ", row->method);
        }
    return NULL;
}

static bool
arguments_take(struct arm_call *a, const struct arm_target *p, struct http_reply *reply)
{
    const char *pattern = a->route->pattern;
    struct span want;
    size_t at = 0, count = 0;

    if (!arm_target_scope(a->route->pattern, p, &at))
        return false; /* not so: the row was found by it */
    arm_target_join(p, at, a->scope);
    arm_target_join(p, p->count, a->id);
    if (at > 0)
        (void)arm_pattern_next(&pattern, &want);
    for (; arm_pattern_next(&pattern, &want); at++) {
        if (want.p[0] != '{' || span_is(want, "{subscriptionId}") ||
            span_is(want, "{resourceGroupName}"))
            continue;
        if (strlen(p->segments[at]) >= CALL_ARGUMENT_SIZE) {
            arm_error(reply, 400, "InvalidResourceName", NULL, NULL,
                      "The %.*s has more than %d characters.", (int)want.n - 2, want.p + 1,
                      CALL_ARGUMENT_SIZE - 1);
            return false;
        }
        snprintf(a->arguments[count++], CALL_ARGUMENT_SIZE, "%s", p->segments[at]);
    }
    return true;
}

/* ---- answers ---- */

static json_t *
error_tree(const char *code, const char *target, json_t *details, const char *message)
{
    json_t *error = json_pack("{s:s, s:o}", "code", code, "message", call_text(message));

    if (error != NULL && target != NULL)
        json_object_set_new(error, "target", call_text(target));
    if (error != NULL && details != NULL)
        json_object_set(error, "details", details);
    json_decref(details);
    return error == NULL ? NULL : json_pack("{s:o}", "error", error);
}

void
arm_error(struct http_reply *reply, unsigned status, const char *code, const char *target,
          json_t *details, const char *format, ...)
{
    char message[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    call_reply_json(reply, status, error_tree(code, target, details, message));
    if ((status == 429 || status == 503) && reply->retry_after_s == 0)
        reply->retry_after_s = 1;
}

void
arm_error_memory(struct http_reply *reply)
{
    arm_error(reply, 503, "ServiceUnavailable", NULL, NULL, "No memory for the request.");
}

void
arm_error_status(struct http_reply *reply, enum status st, const struct err *err)
{
    log_line(LOG_WARN, "api", "%s", err->text);
    if (st == ST_FULL || st == ST_IO)
        arm_error(reply, 503, "ServiceUnavailable", NULL, NULL,
                  "The service cannot do this now; retry with the same request.");
    else
        arm_error(reply, 500, "InternalServerError", NULL, NULL,
                  "Unexpected failure; retry with the same request.");
}

void
arm_reply(struct http_reply *reply, unsigned status, json_t *tree)
{
    if (tree == NULL)
        arm_error_memory(reply);
    else
        call_reply_json(reply, status, tree);
}

/* A GUID of version 4. */
static void
request_id(char out[37])
{
    unsigned char b[16] = {0};

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        memset(b, 0, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

/* Every answer, whoever gave it. */
static void
answered(struct arm_call *a, struct http_reply *reply)
{
    const char *client = http_header(a->base.request, "x-ms-client-request-id");
    char text[40];

    if (reply->status == 0 || a->base.status != 0)
        return;
    a->base.status = reply->status;
    if (reply->content_type == NULL)
        reply->content_type = "application/json; charset=utf-8";
    request_id(text);
    call_header(reply, "x-ms-request-id", text);
    if (client != NULL)
        call_header(reply, "x-ms-client-request-id", client);
    if (a->pace.header != NULL && a->pace.left >= 0) {
        snprintf(text, sizeof text, "%d", a->pace.left);
        call_header(reply, a->pace.header, text);
    }
    cors_answered(&a->base, reply);
}

/* ---- who may ---- */

static void
refuse_token(struct arm_call *a, struct http_reply *reply)
{
    char base[300], header[400];

    arm_error(reply, 401, "InvalidAuthenticationToken", NULL, NULL,
              "The access token is missing, expired or for another audience.");
    call_base(&a->base, base);
    snprintf(header, sizeof header, "Bearer authorization_uri=\"%.120s/\", error=\"invalid_token\"",
             base);
    call_header(reply, "WWW-Authenticate", header);
}

/* "Bearer t1, Bearer t2"; a bare token passes as well. */
static bool
auxiliary_read(struct arm_call *a, struct http_reply *reply)
{
    const char *at = http_header(a->base.request, "x-ms-authorization-auxiliary");

    for (; at != NULL && *at != '\0'; at += strspn(at, ",; \t")) {
        struct span token = {at, strcspn(at, ",;")};

        at += token.n;
        while (token.n > 0 && (token.p[token.n - 1] == ' ' || token.p[token.n - 1] == '\t'))
            token.n--;
        if (token.n == 0)
            continue;
        if (a->auxiliary_count == ARM_AUXILIARY_MAX ||
            call_token(&a->base, token, &a->auxiliary[a->auxiliary_count++]) != TOKEN_GOOD) {
            refuse_token(a, reply);
            return false;
        }
    }
    return true;
}

static bool
roles_hold(const struct principal *who, const char *tenant, unsigned roles)
{
    for (unsigned bit = 1; bit <= roles; bit <<= 1)
        if ((roles & bit) != 0 && principal_may(who, tenant, (enum role)bit))
            return true;
    return false;
}

static void
refuse_role(struct arm_call *a, struct http_reply *reply)
{
    const char *where = "in the tenant";

    if (a->subscription[0] != '\0')
        where = a->resource_group[0] != '\0' ? "on the resource group" : "on the subscription";
    arm_error(reply, 403, "AuthorizationFailed", NULL, NULL,
              "The caller has no permission for %s %s.",
              a->route->action == NULL ? "this" : a->route->action, where);
}

void
arm_refuse_subscription(struct http_reply *reply)
{
    arm_error(reply, 404, "SubscriptionNotFound", NULL, NULL, "Subscription not found.");
}

/* The subscription's tenant; to everybody else it is not there. */
static bool
subscription_open(struct arm_call *a, struct http_reply *reply)
{
    struct err err;
    enum status st =
        subscription_tenant(a->base.control->store, a->subscription, a->base.tenant_text, &err);
    bool is_for_all = strcmp(a->base.who.tenant, CONTROL_EVERY_TENANT) == 0;

    a->base.tenant = a->base.tenant_text;
    if (a->route
            ->makes_subscription) { /* its handler knows what to do with one that is not there */
        if (st == ST_OK && !is_for_all && strcmp(a->base.tenant_text, a->base.who.tenant) != 0)
            st = ST_END;
        else if (st == ST_END) {
            st = ST_OK;
            snprintf(a->base.tenant_text, sizeof a->base.tenant_text, "%s",
                     is_for_all ? "" : a->base.who.tenant);
        }
    }
    if (st != ST_OK && st != ST_END) {
        arm_error_status(reply, st, &err);
        return false;
    }
    if (st == ST_END || (!is_for_all && strcmp(a->base.tenant_text, a->base.who.tenant) != 0)) {
        arm_refuse_subscription(reply);
        return false;
    }
    return true;
}

/* Without a subscription in the path. */
static bool
tenant_open(struct arm_call *a, struct http_reply *reply)
{
    const char *named = http_query(a->base.request, "tenantId");
    bool is_for_all = strcmp(a->base.who.tenant, CONTROL_EVERY_TENANT) == 0;
    char tenant[37];

    if (named != NULL && !guid_copy(span_of(named), tenant)) {
        arm_error(reply, 400, "InvalidTenantId", "tenantId", NULL, "The tenant '%.60s' is no GUID.",
                  named);
        return false;
    }
    if (!is_for_all) {
        if (named != NULL && strcmp(tenant, a->base.who.tenant) != 0) {
            refuse_role(a, reply);
            return false;
        }
        a->base.tenant = a->base.who.tenant;
        return true;
    }
    if (named == NULL && a->route->any_tenant)
        return true;
    return call_tenant_choose(&a->base, named == NULL ? NULL : tenant, false, reply);
}

static bool
ids_check(struct arm_call *a, const struct arm_target *p, struct http_reply *reply)
{
    if (p->count < 2 || strcasecmp(p->segments[0], "subscriptions") != 0)
        return true;
    if (!guid_copy(span_of(p->segments[1]), a->subscription)) {
        arm_error(reply, 400, "InvalidSubscriptionId", NULL, NULL,
                  "The provided subscription identifier '%.80s' is malformed or invalid.",
                  p->segments[1]);
        return false;
    }
    if (p->count < 4 || strcasecmp(p->segments[2], "resourceGroups") != 0)
        return true;
    if (!resource_group_name_is(p->segments[3])) {
        arm_error(
            reply, 400, "InvalidResourceGroup", NULL, NULL,
            "The provided resource group name '%.120s' is invalid: letters, digits, - _ . ( ), "
            "at most %d characters and no '.' at the end.",
            p->segments[3], INVENTORY_GROUP_NAME_MAX);
        return false;
    }
    snprintf(a->resource_group, sizeof a->resource_group, "%s", p->segments[3]);
    return true;
}

static bool
authorize(struct arm_call *a, const struct arm_target *p, struct http_reply *reply)
{
    const char *header = http_header(a->base.request, "Authorization");

    if (call_token(&a->base, header == NULL ? (struct span){"", 0} : span_of(header),
                   &a->base.who) != TOKEN_GOOD) {
        refuse_token(a, reply);
        return false;
    }
    if (!auxiliary_read(a, reply) || !ids_check(a, p, reply))
        return false;
    if (!(a->subscription[0] != '\0' ? subscription_open(a, reply) : tenant_open(a, reply)))
        return false;
    if (!roles_hold(&a->base.who,
                    a->base.tenant == NULL || a->base.tenant[0] == '\0' ? NULL : a->base.tenant,
                    a->route->roles)) {
        refuse_role(a, reply);
        return false;
    }
    return true;
}

/* ---- pace, version ---- */

static bool
pace_keep(struct arm_call *a, struct http_reply *reply)
{
    static const char *const headers[] = {"x-ms-ratelimit-remaining-subscription-reads",
                                          "x-ms-ratelimit-remaining-subscription-writes",
                                          "x-ms-ratelimit-remaining-subscription-deletes"};
    const struct config *config = a->base.control->config;
    enum arm_pace_kind kind = PACE_WRITES;
    unsigned wait_s = 1;

    if (strcmp(a->route->method, "GET") == 0)
        kind = PACE_READS;
    if (strcmp(a->route->method, "DELETE") == 0)
        kind = PACE_DELETES;
    a->pace.left = -1;
    if (a->route->is_unpaced || a->base.api->pace == NULL || config->arm.burst[kind] == 0)
        return true;
    a->pace.header = headers[kind];
    a->pace.left =
        arm_pace_take(a->base.api->pace, kind, a->subscription, a->base.who.token_id,
                      config->arm.burst[kind], config->arm.per_s[kind], a->base.begun_ms, &wait_s);
    if (a->pace.left >= 0)
        return true;
    arm_error(reply, 429, "TooManyRequests", NULL, NULL, "Too many requests.");
    reply->retry_after_s = wait_s;
    a->pace.left = 0;
    return false;
}

static bool
version_check(struct arm_call *a, struct http_reply *reply)
{
    const char *asked = http_query(a->base.request, "api-version");
    char known[600] = "";
    size_t n = 0;

    if (a->route->versions == NULL)
        return true;
    if (asked == NULL || asked[0] == '\0') {
        arm_error(reply, 400, "MissingApiVersionParameter", NULL, NULL,
                  "The api-version query parameter is required.");
        return false;
    }
    for (const char *const *v = a->route->versions; *v != NULL; v++) {
        if (strcasecmp(*v, asked) == 0) {
            snprintf(a->version, sizeof a->version, "%s", *v);
            return true;
        }
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n == 0 ? "" : ", ", *v);
    }
    arm_error(reply, 400, "InvalidApiVersionParameter", NULL, NULL,
              "The api-version '%.60s' is not supported. Supported: %s.", asked, known);
    return false;
}

/* ---- what the server calls ---- */

static bool
type_is_json(const char *type)
{
    size_t n = type == NULL ? 0 : strcspn(type, "; \t");

    return n == 0 || (n == 16 && strncasecmp(type, "application/json", 16) == 0) ||
           (n == 9 && strncasecmp(type, "text/json", 9) == 0);
}

static void
body_check(struct arm_call *a, struct http_reply *reply)
{
    const struct http_request *r = a->base.request;
    const char *length = http_header(r, "Content-Length");
    const char *encoding = http_header(r, "Content-Encoding");

    if (a->route->body_max == 0)
        return;
    if (encoding != NULL && encoding[0] != '\0' && strcasecmp(encoding, "identity") != 0)
        arm_error(reply, 415, "UnsupportedMediaType", NULL, NULL,
                  "The body must not be compressed here.");
    else if (!type_is_json(http_header(r, "Content-Type")) && a->route->data == NULL &&
             strcmp(r->method, "DELETE") != 0)
        arm_error(reply, 415, "UnsupportedMediaType", NULL, NULL,
                  "The body must be application/json.");
    else if (length != NULL && strtoull(length, NULL, 10) > a->route->body_max)
        arm_error(reply, 413, "RequestContentTooLarge", NULL, NULL,
                  "The body may have at most %zu bytes here.", a->route->body_max);
}

static void
begin(struct arm_call *a, struct http_reply *reply)
{
    const char *method = a->base.request->method;
    struct arm_target *p = calloc(1, sizeof *p);
    char allow[64];
    struct err err;

    if (p == NULL) {
        arm_error_memory(reply);
        return;
    }
    if (!arm_target_read(a->base.request->path, p, &err)) {
        arm_error(reply, 400, "InvalidResourceId", NULL, NULL, "The path is no resource id: %s.",
                  err.text);
    } else if ((a->route = row_find(method, p, allow)) != NULL) {
        if (arguments_take(a, p, reply) && authorize(a, p, reply) && pace_keep(a, reply) &&
            version_check(a, reply)) {
            if (a->route->begin != NULL)
                a->route->begin(a, reply);
            else
                body_check(a, reply);
        }
    } else if (allow[0] == '\0') {
        arm_error(reply, 404, "InvalidResourceType", NULL, NULL,
                  "There is no such resource type or operation at this path.");
    } else if (strcmp(method, "OPTIONS") == 0) {
        cors_options(&a->base, allow, reply);
    } else {
        arm_error(reply, 405, "MethodNotAllowed", NULL, NULL, "This path knows %s.", allow);
        call_header(reply, "Allow", allow);
    }
    free(p);
}

static void
on_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    struct api *api = app;
    struct arm_call *a = calloc(1, sizeof *a);

    if (a == NULL) {
        arm_error_memory(reply);
        return;
    }
    *state = a;
    a->base.api = api;
    a->base.control = atomic_load(&api->control);
    a->base.request = r;
    a->base.begun_ms = clock_monotonic_ms();
    begin(a, reply);
    answered(a, reply);
}

static void
collect(struct arm_call *a, struct span bytes, struct http_reply *reply)
{
    switch (call_collect(&a->base, bytes, a->route->body_max)) {
    case COLLECTED:
        break;
    case COLLECT_LARGE:
        arm_error(reply, 413, "RequestContentTooLarge", NULL, NULL,
                  "The body may have at most %zu bytes here.", a->route->body_max);
        break;
    case COLLECT_SPENT:
        arm_error_memory(reply);
        break;
    }
}

static void
on_data(void *app, const struct http_request *r, void *state, struct span bytes,
        struct http_reply *reply)
{
    struct arm_call *a = state;

    (void)app;
    (void)r;
    if (a->route->data != NULL)
        a->route->data(a, bytes, reply);
    else
        collect(a, bytes, reply);
    answered(a, reply);
}

static void
on_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct arm_call *a = state;

    (void)app;
    (void)r;
    if (a->route->data == NULL && a->route->body_max > 0)
        collect(a, (struct span){"", 0}, reply);
    if (reply->status == 0)
        a->route->answer(a, reply);
    answered(a, reply);
}

static void
on_gone(void *app, void *state)
{
    struct arm_call *a = state;

    (void)app;
    if (a == NULL)
        return;
    if (a->route != NULL && a->route->gone != NULL)
        a->route->gone(a);
    call_count(&a->base, a->route == NULL ? "" : a->route->method,
               a->route == NULL ? "" : a->route->pattern);
    if (a->base.body != NULL)
        explicit_bzero(a->base.body, a->base.body_size); /* it may have held secrets */
    free(a->base.body);
    free(a);
}

static bool
begins_with(const char *path, const char *word)
{
    size_t n = strlen(word);

    return strncasecmp(path, word, n) == 0 &&
           (path[n] == '\0' || path[n] == '/' || strncasecmp(path + n, "%2f", 3) == 0);
}

const struct http_handler *
arm_handler(const struct http_request *r)
{
    static const struct http_handler with_body = {NULL, on_begin, on_data, on_end, on_gone};
    static const struct http_handler without = {NULL, on_begin, NULL, on_end, on_gone};
    const char *path = arm_target_skip(r->path);

    if (!begins_with(path, "subscriptions") && !begins_with(path, "providers"))
        return NULL;
    return strcmp(r->method, "GET") == 0 ? &without : &with_body;
}

bool
arm_describe(bool (*visit)(void *app, const struct api_row *row), void *app)
{
    for (size_t t = 0; t < COUNT_OF(arm_tables); t++)
        for (const struct arm_route *row = arm_tables[t]; row->method != NULL; row++) {
            char roles[120] = "";
            struct api_row shown = {row->method, row->pattern, roles, row->help};

            if (row->roles != 0)
                roles_write(row->roles, roles);
            if (!visit(app, &shown))
                return false;
        }
    return true;
}
