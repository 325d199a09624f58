/* automation_routes.c - Microsoft.Security/automations over HTTP: what control answers goes out, a change is in
 * force before it is answered; and what is ours beside it, below .../penstock. */
#include "api/arm.h"
#include "base/log.h"
#include "control/automations.h"
#include <stdlib.h>
#include <strings.h>

#define READER ROLE_SECURITY_READER
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR
#define IN_SUBSCRIPTION "/subscriptions/{subscriptionId}/providers/Microsoft.Security/automations"
#define IN_GROUP                                                                                   \
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"                \
    "Microsoft.Security/automations"
#define ONE IN_GROUP "/{automationName}"

static const char *const versions[] = {"2019-01-01-preview", "2023-12-01-preview", NULL};

/* Where the automation of the path lies; its id with the caller's casing, whatever stands behind it. */
struct placed {
    struct automation_place place;
    char id[ARM_ID_SIZE];
};

static void
place_read(const struct arm_call *a, struct placed *p)
{
    const char *subscription = a->id + strlen("/subscriptions/");

    snprintf(p->id, sizeof p->id,
             "/subscriptions/%.36s/resourceGroups/%s/providers/Microsoft.Security/automations/%s",
             strlen(a->id) > 50 ? subscription : a->subscription, a->resource_group,
             a->arguments[0]);
    p->place = (struct automation_place){.tenant = a->base.tenant,
                                         .subscription = a->subscription,
                                         .id = p->id,
                                         .group = a->resource_group,
                                         .name = a->arguments[0]};
}

static void
reply_automation(struct arm_call *a, struct automations_reply *from, struct http_reply *reply)
{
    struct err err = {""};

    if (from->has_changed && a->base.api->plan_changed(a->base.api->app, &err) != ST_OK) {
        automations_reply_free(from);
        log_line(LOG_WARN, "api", "an automation was stored but is not in force yet: %s", err.text);
        arm_error(reply, 500, "InternalServerError", NULL, NULL,
                  "Unexpected failure; retry with the same request.");
        return;
    }
    if (from->status >= 400 && strcmp(from->code, "StoreFailed") == 0) {
        arm_error_status(reply, from->status == 503 ? ST_IO : ST_INVALID, &from->err);
    } else if (from->status >= 400) {
        arm_error(reply, from->status, from->code, from->target[0] == '\0' ? NULL : from->target,
                  json_incref(from->details), "%s", from->err.text);
    } else if (from->status == 204) {
        reply->status = 204;
    } else {
        arm_reply(reply, from->status, json_incref(from->tree));
        if (from->etag[0] != '\0')
            call_header(reply, "ETag", from->etag);
    }
    automations_reply_free(from);
}

/* ---- ARM's own ---- */

static void
list(struct arm_call *a, const char *group, struct http_reply *reply)
{
    struct automation_place place = {
        .tenant = a->base.tenant, .subscription = a->subscription, .group = group};
    struct automations_reply from;
    char after[400], next[400];
    size_t count;

    if (!arm_page_size(a, &count, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    automations_list(a->base.control, &place, after, count, ARM_PAGE_BYTES, next, &from);
    if (from.status == 200) {
        arm_reply_list(a, reply, json_incref(from.tree), next);
        automations_reply_free(&from);
    } else {
        reply_automation(a, &from, reply);
    }
}

static void
answer_list_all(struct arm_call *a, struct http_reply *reply)
{
    list(a, "", reply);
}

static void
answer_list(struct arm_call *a, struct http_reply *reply)
{
    if (arm_group_is_there(a, reply))
        list(a, a->resource_group, reply);
}

static void
answer_get(struct arm_call *a, struct http_reply *reply)
{
    struct automations_reply from;
    struct placed p;

    if (!arm_group_is_there(a, reply))
        return;
    place_read(a, &p);
    automations_get(a->base.control, &p.place, &from);
    reply_automation(a, &from, reply);
}

/* The caller's right to write at a destination of another tenant, by any of its tokens. */
static const struct principal *
may_write(void *app, const char *tenant)
{
    const struct arm_call *a = app;

    if (principal_may(&a->base.who, tenant, ADMINISTRATOR))
        return &a->base.who;
    for (size_t i = 0; i < a->auxiliary_count; i++)
        if (principal_may(&a->auxiliary[i], tenant, ADMINISTRATOR))
            return &a->auxiliary[i];
    return NULL;
}

static void
put(struct arm_call *a, bool is_patch, bool is_validation, struct http_reply *reply)
{
    struct automations_put put = {.is_patch = is_patch, .is_validation = is_validation};
    struct automations_reply from;
    struct placed p;
    json_t *body;

    if (!arm_group_is_there(a, reply))
        return;
    body = arm_body(a, reply);
    if (body == NULL)
        return;
    place_read(a, &p);
    put.place = p.place;
    put.body = body;
    put.if_match = http_header(a->base.request, "If-Match");
    put.if_none_match = http_header(a->base.request, "If-None-Match");
    put.may = may_write;
    put.app = a;
    put.now = call_now(&a->base);
    automations_put(a->base.control, &put, &from);
    reply_automation(a, &from, reply);
    json_decref(body);
}

static void
answer_put(struct arm_call *a, struct http_reply *reply)
{
    put(a, false, false, reply);
}

static void
answer_patch(struct arm_call *a, struct http_reply *reply)
{
    put(a, true, false, reply);
}

static void
answer_validate(struct arm_call *a, struct http_reply *reply)
{
    put(a, false, true, reply);
}

static void
answer_delete(struct arm_call *a, struct http_reply *reply)
{
    struct automations_reply from;
    struct placed p;

    if (!arm_group_is_there(a, reply))
        return;
    place_read(a, &p);
    automations_delete(a->base.control, &p.place, http_header(a->base.request, "If-Match"), &from);
    reply_automation(a, &from, reply);
}

const struct arm_route arm_automation_routes[] = {
    {.method = "GET",
     .pattern = IN_SUBSCRIPTION,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Security/automations/read",
     .answer = answer_list_all,
     .help = "The automations of a subscription; $top and $skiptoken page through them."},
    {.method = "GET",
     .pattern = IN_GROUP,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Security/automations/read",
     .answer = answer_list,
     .help = "Those of a resource group."},
    {.method = "GET",
     .pattern = ONE,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Security/automations/read",
     .answer = answer_get,
     .help = "One automation, without its secrets."},
    {.method = "PUT",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Security/automations/write",
     .body_max = ARM_BODY_MAX,
     .answer = answer_put,
     .help = "Makes or replaces an automation; in force when answered."},
    {.method = "PATCH",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Security/automations/write",
     .body_max = ARM_BODY_MAX,
     .answer = answer_patch,
     .help = "Changes what the body names of properties; tags as a whole."},
    {.method = "DELETE",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Security/automations/delete",
     .body_max = CALL_SMALL_BODY,
     .answer = answer_delete,
     .help =
         "Deletes an automation and its places in the journal; 204 whether it was there or not."},
    {.method = "POST",
     .pattern = ONE "/validate",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Security/automations/write",
     .body_max = ARM_BODY_MAX,
     .answer = answer_validate,
     .help = "Whether a PUT of the body would be taken, and what to beware of; stores nothing."},
    {0                                               },
};
