/* collection_routes.c - data collection rules (Microsoft.Insights/dataCollectionRules), as ARM has them. What uploads do
 * with them: logs_routes.c. */
#include "api/arm.h"
#include "control/collection_rules.h"

#define IN_SUBSCRIPTION                                                                            \
    "/subscriptions/{subscriptionId}/providers/Microsoft.Insights/dataCollectionRules"
#define IN_GROUP                                                                                   \
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"                \
    "Microsoft.Insights/dataCollectionRules"
#define ONE IN_GROUP "/{dataCollectionRuleName}"

static const char *const versions[] = {"2021-04-01", "2021-09-01-preview", "2022-06-01",
                                       "2023-03-11", "2024-03-11",         NULL};

struct placed {
    struct automation_place place;
    char id[ARM_ID_SIZE];
};

static void
place_read(const struct arm_call *a, struct placed *p)
{
    snprintf(p->id, sizeof p->id,
             "/subscriptions/%.36s/resourceGroups/%s/providers/Microsoft.Insights/"
             "dataCollectionRules/%s",
             a->subscription, a->resource_group, a->arguments[0]);
    p->place = (struct automation_place){.tenant = a->base.tenant,
                                         .subscription = a->subscription,
                                         .id = p->id,
                                         .group = a->resource_group,
                                         .name = a->arguments[0]};
}

/* Where uploads go is what the client calls us now, not what it once did. */
static void
endpoint_show(const struct arm_call *a, json_t *rule)
{
    json_t *properties = json_object_get(rule, "properties");
    char base[300];

    if (properties == NULL)
        return;
    call_base(&a->base, base);
    json_object_set_new(properties, "endpoints", json_pack("{s:s}", "logsIngestion", base));
}

static void
reply_rule(struct arm_call *a, struct automations_reply *from, struct http_reply *reply)
{
    if (from->status >= 400 && strcmp(from->code, "StoreFailed") == 0) {
        arm_error_status(reply, from->status == 503 ? ST_IO : ST_INVALID, &from->err);
    } else if (from->status >= 400) {
        arm_error(reply, from->status, from->code, from->target[0] == '\0' ? NULL : from->target,
                  json_incref(from->details), "%s", from->err.text);
    } else if (from->status == 204) {
        reply->status = 204;
    } else {
        endpoint_show(a, from->tree);
        arm_reply(reply, from->status, json_incref(from->tree));
        if (from->etag[0] != '\0')
            call_header(reply, "ETag", from->etag);
    }
    automations_reply_free(from);
}

static void
list(struct arm_call *a, const char *group, struct http_reply *reply)
{
    struct automation_place place = {
        .tenant = a->base.tenant, .subscription = a->subscription, .group = group};
    struct automations_reply from;
    char after[400], next[400];
    size_t count, i;
    json_t *one;

    if (!arm_page_size(a, &count, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    collection_rules_list(a->base.control, &place, after, count, ARM_PAGE_BYTES, next, &from);
    if (from.status != 200) {
        reply_rule(a, &from, reply);
        return;
    }
    json_array_foreach(from.tree, i, one)
    {
        endpoint_show(a, one);
    }
    arm_reply_list(a, reply, json_incref(from.tree), next);
    automations_reply_free(&from);
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
    collection_rules_get(a->base.control, &p.place, &from);
    reply_rule(a, &from, reply);
}

static void
answer_uses(struct arm_call *a, struct http_reply *reply)
{
    struct automations_reply from;
    struct placed p;

    if (!arm_group_is_there(a, reply))
        return;
    place_read(a, &p);
    collection_rules_uses(a->base.control, &p.place, &from);
    reply_rule(a, &from, reply);
}

static void
put(struct arm_call *a, bool is_patch, struct http_reply *reply)
{
    struct automations_put put = {.is_patch = is_patch};
    struct automations_reply from;
    struct placed p;
    json_t *body;

    if (!arm_group_is_there(a, reply))
        return;
    body = arm_body(a, reply);
    if (body == NULL)
        return;
    if (arm_tags_check(json_object_get(body, "tags"), reply)) {
        place_read(a, &p);
        put.place = p.place;
        put.body = body;
        put.if_match = http_header(a->base.request, "If-Match");
        put.if_none_match = http_header(a->base.request, "If-None-Match");
        put.now = call_now(&a->base);
        collection_rules_put(a->base.control, &put, &from);
        reply_rule(a, &from, reply);
    }
    json_decref(body);
}

static void
answer_put(struct arm_call *a, struct http_reply *reply)
{
    put(a, false, reply);
}

static void
answer_patch(struct arm_call *a, struct http_reply *reply)
{
    put(a, true, reply);
}

static void
answer_delete(struct arm_call *a, struct http_reply *reply)
{
    struct automations_reply from;
    struct placed p;

    if (!arm_group_is_there(a, reply))
        return;
    place_read(a, &p);
    collection_rules_delete(a->base.control, &p.place, http_header(a->base.request, "If-Match"),
                            &from);
    reply_rule(a, &from, reply);
}

#define READER ROLE_SECURITY_READER
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR

const struct arm_route arm_collection_routes[] = {
    {.method = "GET",
     .pattern = IN_SUBSCRIPTION,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Insights/dataCollectionRules/read",
     .answer = answer_list_all,
     .help = "The data collection rules of a subscription; $top and $skiptoken page through them."},
    {.method = "GET",
     .pattern = IN_GROUP,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Insights/dataCollectionRules/read",
     .answer = answer_list,
     .help = "Those of a resource group."},
    {.method = "GET",
     .pattern = ONE,
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Insights/dataCollectionRules/read",
     .answer = answer_get,
     .help = "One rule, with the immutableId that uploads name."},
    {.method = "PUT",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Insights/dataCollectionRules/write",
     .body_max = ARM_BODY_MAX,
     .answer = answer_put,
     .help = "Makes or replaces a rule; the next upload goes by it. transformKql is checked."},
    {.method = "PATCH",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Insights/dataCollectionRules/write",
     .body_max = ARM_BODY_MAX,
     .answer = answer_patch,
     .help = "Changes what the body names of properties; tags as a whole."},
    {.method = "DELETE",
     .pattern = ONE,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Insights/dataCollectionRules/delete",
     .body_max = CALL_SMALL_BODY,
     .answer = answer_delete,
     .help = "Deletes a rule; 204 whether it was there or not. What came by it stays."},
    {.method = "GET",
     .pattern = ONE "/penstock/uses",
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Insights/dataCollectionRules/read",
     .answer = answer_uses,
     .help = "Each stream's tables, and which exports take them. Ours."},
    {.method = NULL                                                         },
};
