/* arm_inventory.c - subscriptions and resource groups as Azure Resource Manager has them; and PUT and
 * DELETE of a subscription, which are ours. */
#include "api/arm.h"
#include "control/inventory.h"
#include "control/store.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

#define READER ROLE_SECURITY_READER
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR
#define GROUPS "/subscriptions/{subscriptionId}/resourcegroups"

static const char *const versions[] = {
    "2015-11-01", "2016-06-01", "2016-09-01", "2017-05-10", "2018-05-01", "2018-06-01",
    "2019-03-01", "2019-05-01", "2019-05-10", "2019-06-01", "2019-07-01", "2019-08-01",
    "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01", "2020-08-01", "2020-10-01",
    "2021-01-01", "2021-04-01", "2021-10-01", "2022-09-01", "2022-12-01", "2023-07-01",
    "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01", NULL};

/* ---- subscriptions ---- */

static json_t *
subscription_json(const struct subscription *x)
{
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:s, s:s}", "id", json_sprintf("/subscriptions/%s", x->id),
        "subscriptionId", x->id, "tenantId", x->tenant, "displayName", call_text(x->name), "state",
        x->is_active ? "Enabled" : "Disabled", "origin", subscription_origin_name(x->origin));
}

struct listing {
    json_t *value;
    const char *only; /* the one wanted; NULL: all */
    const char *after;
    size_t count_max;
    char next[128]; /* "" unless the list goes on */
    char last[128];
    bool failed;
};

static bool
subscription_visit(void *app, const struct subscription *x)
{
    struct listing *l = app;

    if (l->only != NULL && strcmp(l->only, x->id) != 0)
        return true;
    if (l->only == NULL && strcmp(x->id, l->after) <= 0)
        return true;
    if (json_array_size(l->value) == l->count_max) {
        snprintf(l->next, sizeof l->next, "%s", l->last);
        return false;
    }
    snprintf(l->last, sizeof l->last, "%s", x->id);
    l->failed = json_array_append_new(l->value, subscription_json(x)) != 0;
    return !l->failed && l->only == NULL;
}

static void
list_reply(struct arm_call *a, struct listing *l, enum status st, const struct err *err,
           struct http_reply *reply)
{
    if (st != ST_OK)
        arm_error_status(reply, st, err);
    else if (l->failed)
        arm_error_memory(reply);
    else
        arm_reply_list(a, reply, json_incref(l->value), l->next);
    json_decref(l->value);
}

static void
subscriptions_list(struct arm_call *a, struct http_reply *reply)
{
    char after[128];
    struct listing l = {.value = NULL, .after = after};
    struct err err;

    if (!arm_page_size(a, &l.count_max, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    l.value = json_array();
    list_reply(
        a, &l,
        subscriptions(a->base.control->store, a->base.tenant, false, subscription_visit, &l, &err),
        &err, reply);
}

static void
subscription_answer(struct arm_call *a, unsigned status, struct http_reply *reply)
{
    struct listing l = {.value = json_array(), .only = a->subscription, .count_max = 1};
    struct err err;
    enum status st =
        subscriptions(a->base.control->store, a->base.tenant, false, subscription_visit, &l, &err);

    if (st != ST_OK)
        arm_error_status(reply, st, &err);
    else if (l.failed || json_array_size(l.value) == 0)
        arm_error_memory(reply);
    else
        arm_reply(reply, status, json_incref(json_array_get(l.value, 0)));
    json_decref(l.value);
}

static void
subscription_get(struct arm_call *a, struct http_reply *reply)
{
    subscription_answer(a, 200, reply);
}

/* Whose a new subscription becomes: the token's tenant, or with a token for all the one that the body or
 * the query names. False: answered. */
static bool
owner_choose(struct arm_call *a, const json_t *body, struct http_reply *reply)
{
    const char *named, *query = http_query(a->base.request, "tenantId");
    bool is_for_all = strcmp(a->base.who.tenant, CONTROL_EVERY_TENANT) == 0;
    char tenant[37];

    if (!arm_text_get(body, "tenantId", "tenantId", 60, &named, reply))
        return false;
    if (named == NULL)
        named = query;
    if (named != NULL && !guid_copy(span_of(named), tenant)) {
        arm_error(reply, 400, "InvalidTenantId", "tenantId", NULL, "The tenant is no GUID.");
        return false;
    }
    if (a->base.tenant[0] != '\0') { /* it is there, or the token leaves no choice */
        if (named == NULL || strcmp(tenant, a->base.tenant) == 0)
            return true;
        if (is_for_all)
            arm_error(reply, 409, "SubscriptionAlreadyRegistered", "tenantId", NULL,
                      "The subscription belongs to tenant %s.", a->base.tenant);
        else
            arm_error(reply, 403, "AuthorizationFailed", "tenantId", NULL,
                      "The caller may register subscriptions for its own tenant only.");
        return false;
    }
    return call_tenant_choose(&a->base, named == NULL ? NULL : tenant, false, reply);
}

static void
subscription_put(struct arm_call *a, struct http_reply *reply)
{
    struct subscription x = {
        .id = a->subscription, .origin = SUBSCRIPTION_REGISTERED, .created = call_now(&a->base)};
    bool is_new = false;
    struct err err;
    enum status st;
    json_t *body = arm_body(a, reply);

    if (body == NULL)
        return;
    if (owner_choose(a, body, reply) &&
        arm_text_get(body, "displayName", "displayName", INVENTORY_NAME_MAX, &x.name, reply)) {
        x.tenant = a->base.tenant;
        if (x.name == NULL)
            x.name = a->subscription;
        st = subscription_set(a->base.control->store, &x, &is_new, &err);
        if (st == ST_INVALID) /* somebody else's, from a moment ago */
            arm_refuse_subscription(reply);
        else if (st == ST_FULL)
            arm_error(reply, 409, "SubscriptionQuotaExceeded", NULL, NULL, "%s", err.text);
        else if (st != ST_OK)
            arm_error_status(reply, st, &err);
        else
            subscription_answer(a, is_new ? 201 : 200, reply);
    }
    json_decref(body);
}

static void
subscription_delete(struct arm_call *a, struct http_reply *reply)
{
    struct err err;
    enum status st =
        subscription_remove(a->base.control->store, a->base.tenant, a->subscription, &err);

    if (st == ST_OK)
        reply->status = 204;
    else if (st == ST_END)
        arm_refuse_subscription(reply);
    else if (st == ST_INVALID)
        arm_error(reply, 409, "SubscriptionNotRemovable", NULL, NULL, "%s", err.text);
    else
        arm_error_status(reply, st, &err);
}

/* ---- resource groups ---- */

static json_t *
group_json(const struct resource_group *g)
{
    json_t *tags = json_loadb(g->tags.p, g->tags.n, 0, NULL);

    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:{s:s}}", "id",
                     json_sprintf("/subscriptions/%s/resourceGroups/%s", g->subscription, g->name),
                     "name", g->name, "type", "Microsoft.Resources/resourceGroups", "location",
                     g->location, "tags", tags == NULL ? json_object() : tags, "properties",
                     "provisioningState", "Succeeded");
}

static bool
group_visit(void *app, const struct resource_group *g)
{
    struct listing *l = app;

    if (json_array_size(l->value) == l->count_max) {
        snprintf(l->next, sizeof l->next, "%s", l->last);
        return false;
    }
    inventory_fold(g->name, l->last, sizeof l->last);
    l->failed = json_array_append_new(l->value, group_json(g)) != 0;
    return !l->failed;
}

static void
groups_list(struct arm_call *a, struct http_reply *reply)
{
    char after[128];
    struct listing l = {.value = NULL};
    struct err err;

    if (!arm_page_size(a, &l.count_max, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    l.value = json_array();
    list_reply(
        a, &l,
        resource_groups(a->base.control->store, a->subscription, after, group_visit, &l, &err),
        &err, reply);
}

static void
group_answer(struct arm_call *a, unsigned status, struct http_reply *reply)
{
    struct listing l = {.value = json_array(), .count_max = 1};
    struct err err;
    enum status st = resource_group_find(a->base.control->store, a->subscription, a->resource_group,
                                         group_visit, &l, &err);

    if (st == ST_END)
        arm_error(reply, 404, "ResourceGroupNotFound", NULL, NULL, "Resource group '%s' not found.",
                  a->resource_group);
    else if (st != ST_OK)
        arm_error_status(reply, st, &err);
    else if (l.failed || json_array_size(l.value) == 0)
        arm_error_memory(reply);
    else
        arm_reply(reply, status, json_incref(json_array_get(l.value, 0)));
    json_decref(l.value);
}

static void
group_get(struct arm_call *a, struct http_reply *reply)
{
    group_answer(a, 200, reply);
}

bool
arm_text_get(const json_t *from, const char *key, const char *target, size_t size_max,
             const char **text, struct http_reply *reply)
{
    const json_t *value = json_object_get(from, key);

    *text = NULL;
    if (value == NULL || json_is_null(value))
        return true;
    if (json_is_string(value) && json_string_length(value) > 0 &&
        json_string_length(value) <= size_max &&
        strlen(json_string_value(value)) == json_string_length(value)) {
        *text = json_string_value(value);
        return true;
    }
    arm_error(reply, 400, "InvalidRequestContent", target, NULL,
              "%s must be a text of 1 to %zu bytes.", target, size_max);
    return false;
}

bool
arm_tags_check(const json_t *tags, struct http_reply *reply)
{
    const char *name;
    const json_t *value;
    const char *wrong = NULL;

    if (tags == NULL || json_is_null(tags))
        return true;
    if (!json_is_object(tags))
        wrong = "tags must be an object of texts.";
    else if (json_object_size(tags) > INVENTORY_TAGS_MAX)
        wrong = "There may be at most 50 tags.";
    else
        json_object_foreach((json_t *)(uintptr_t)tags, name, value)
        {
            if (!json_is_string(value))
                wrong = "The value of a tag must be a text.";
            else if (name[0] == '\0' || strlen(name) > INVENTORY_TAG_NAME_MAX ||
                     json_string_length(value) > INVENTORY_TAG_VALUE_MAX)
                wrong = "A tag's name has 1 to 512 bytes, its value at most 1024.";
        }
    if (wrong != NULL)
        arm_error(reply, 400, "InvalidRequestContent", "tags", NULL, "%s", wrong);
    return wrong == NULL;
}

static void
group_put(struct arm_call *a, struct http_reply *reply)
{
    struct resource_group g = {.subscription = a->subscription,
                               .name = a->resource_group,
                               .created = call_now(&a->base),
                               .modified = call_now(&a->base)};
    bool is_new = false;
    struct err err;
    enum status st;
    char *tags = NULL;
    json_t *body = arm_body(a, reply);

    if (body == NULL)
        return;
    if (arm_tags_check(json_object_get(body, "tags"), reply) &&
        arm_text_get(body, "location", "location", INVENTORY_NAME_MAX, &g.location, reply)) {
        if (json_is_object(json_object_get(body, "tags")))
            tags = json_dumps(json_object_get(body, "tags"), JSON_COMPACT);
        g.tags = span_of(tags == NULL ? "{}" : tags);
        if (g.location == NULL) {
            arm_error(reply, 400, "LocationRequired", "location", NULL,
                      "The location property is required for this definition.");
            goto end;
        }
        st = resource_group_put(a->base.control->store, &g, &is_new, &err);
        if (st == ST_INVALID)
            arm_error(reply, 409, "InvalidResourceGroupLocation", "location", NULL, "%s.",
                      err.text);
        else if (st == ST_FULL)
            arm_error(reply, 409, "ResourceGroupQuotaExceeded", NULL, NULL, "%s", err.text);
        else if (st != ST_OK)
            arm_error_status(reply, st, &err);
        else
            group_answer(a, is_new ? 201 : 200, reply);
    }

end:
    free(tags);
    json_decref(body);
}

static void
group_delete(struct arm_call *a, struct http_reply *reply)
{
    uint64_t automations;
    struct err err;
    enum status st = resource_group_delete(a->base.control->store, a->subscription,
                                           a->resource_group, &automations, &err);

    if (st == ST_OK && automations > 0)
        st = a->base.api->plan_changed(a->base.api->app, &err);
    if (st == ST_OK)
        reply->status = 200;
    else if (st == ST_END)
        arm_error(reply, 404, "ResourceGroupNotFound", NULL, NULL, "Resource group '%s' not found.",
                  a->resource_group);
    else
        arm_error_status(reply, st, &err);
}

const struct arm_route arm_inventory_routes[] = {
    {.method = "GET",
     .pattern = "/subscriptions",
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Resources/subscriptions/read",
     .any_tenant = true,
     .answer = subscriptions_list,
     .help = "The subscriptions of the token's tenant."},
    {.method = "GET",
     .pattern = "/subscriptions/{subscriptionId}",
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Resources/subscriptions/read",
     .answer = subscription_get,
     .help = "One subscription."},
    {.method = "PUT",
     .pattern = "/subscriptions/{subscriptionId}",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Resources/subscriptions/write",
     .body_max = CALL_SMALL_BODY,
     .makes_subscription = true,
     .answer = subscription_put,
     .help = "Registers a subscription for the tenant, or renames it: "
             "{\"displayName\":\"...\",\"tenantId\":\"...\"}. Ours: Azure has no such call."},
    {.method = "DELETE",
     .pattern = "/subscriptions/{subscriptionId}",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Resources/subscriptions/delete",
     .body_max = CALL_SMALL_BODY,
     .answer = subscription_delete,
     .help = "Forgets a registered subscription without automations. Ours."},
    {.method = "GET",
     .pattern = GROUPS,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Resources/subscriptions/resourceGroups/read",
     .answer = groups_list,
     .help = "The resource groups of a subscription; $top and $skiptoken page through them."},
    {.method = "GET",
     .pattern = GROUPS "/{resourceGroupName}",
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Resources/subscriptions/resourceGroups/read",
     .answer = group_get,
     .help = "One resource group."},
    {.method = "PUT",
     .pattern = GROUPS "/{resourceGroupName}",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Resources/subscriptions/resourceGroups/write",
     .body_max = CALL_SMALL_BODY,
     .answer = group_put,
     .help = "Makes a resource group, or replaces its tags: {\"location\":\"...\",\"tags\":{}}."},
    {.method = "DELETE",
     .pattern = GROUPS "/{resourceGroupName}",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Resources/subscriptions/resourceGroups/delete",
     .body_max = CALL_SMALL_BODY,
     .answer = group_delete,
     .help = "Deletes a resource group with its automations."},
    {.method = NULL                                                 },
};
