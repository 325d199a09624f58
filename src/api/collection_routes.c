/* collection_routes.c - data collection rules (Microsoft.Insights/dataCollectionRules), as ARM has them. What uploads do
 * with them: logs_routes.c. */
#include "api/arm_verbs.h"
#include "control/collection_rules.h"

#define IN_SUBSCRIPTION                                                                            \
    "/subscriptions/{subscriptionId}/providers/Microsoft.Insights/dataCollectionRules"
#define IN_GROUP                                                                                   \
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"                \
    "Microsoft.Insights/dataCollectionRules"
#define ONE IN_GROUP "/{dataCollectionRuleName}"

static const char *const versions[] = {"2021-04-01", "2021-09-01-preview", "2022-06-01",
                                       "2023-03-11", "2024-03-11",         NULL};

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

static const struct arm_verbs verbs = {
    .provider = "Microsoft.Insights/dataCollectionRules",
    .noun = "a data collection rule",
    .checks_tags = true,
    .get = collection_rules_get,
    .list = collection_rules_list,
    .put = collection_rules_put,
    .remove = collection_rules_delete,
    .show = endpoint_show,
};

static void
answer_list_all(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_list_all(a, &verbs, reply);
}

static void
answer_list(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_list(a, &verbs, reply);
}

static void
answer_get(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_get(a, &verbs, reply);
}

static void
answer_put(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_put(a, &verbs, false, false, reply);
}

static void
answer_patch(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_put(a, &verbs, true, false, reply);
}

static void
answer_delete(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_delete(a, &verbs, reply);
}

static void
answer_uses(struct arm_call *a, struct http_reply *reply)
{
    struct automations_reply from;
    struct arm_placed p;

    if (!arm_group_is_there(a, reply))
        return;
    arm_verbs_place(a, &verbs, &p);
    collection_rules_uses(a->base.control, &p.place, &from);
    arm_verbs_reply(a, &verbs, &from, reply);
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
