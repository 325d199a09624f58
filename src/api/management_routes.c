/* management_routes.c - Microsoft.Management: the tree of management groups above the subscriptions. */
#include "api/arm.h"
#include "api/management_scores.h"
#include "control/management_groups.h"
#include "control/store.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

#define READER ROLE_SECURITY_READER
#define ADMINISTRATOR ROLE_SECURITY_ADMINISTRATOR
#define GROUPS "/providers/Microsoft.Management/managementGroups"
#define GROUP GROUPS "/{groupId}"
#define MEMBERS GROUP "/subscriptions"
#define MEMBER MEMBERS "/{subscription}"
#define ACTION "Microsoft.Management/managementGroups/"

static const char *const versions[] = {"2020-05-01", "2020-10-01", "2021-04-01", "2023-04-01",
                                       NULL};
static const char *const score_versions[] = {"2020-01-01-preview", "2020-01-01", NULL};

static struct store *
store_of(struct arm_call *a)
{
    return a->base.control->store;
}

void
management_refuse_group(struct arm_call *a, struct http_reply *reply)
{
    arm_error(reply, 404, "ManagementGroupNotFound", NULL, NULL,
              "The management group '%.100s' was not found.", a->arguments[0]);
}

/* ---- one group ---- */

/* "/providers/Microsoft.Management/managementGroups/x" */
static json_t *
id_of(const char *name)
{
    return json_sprintf(GROUPS "/%s", name);
}

static json_t *
group_json(const struct management_group *x, const char *tenant, bool has_details)
{
    json_t *properties =
        json_pack("{s:s, s:o}", "tenantId", tenant, "displayName", call_text(x->display_name));
    json_t *parent = json_null();

    if (has_details && x->parent[0] != '\0')
        parent = json_pack("{s:o, s:s, s:o}", "id", id_of(x->parent), "name", x->parent,
                           "displayName", call_text(x->parent_display_name));
    if (has_details)
        json_object_set_new(properties, "details",
                            json_pack("{s:i, s:o, s:o}", "version", 1, "updatedTime",
                                      call_time(x->modified), "parent", parent));
    return json_pack("{s:o, s:s, s:s, s:o}", "id", id_of(x->name), "type",
                     "Microsoft.Management/managementGroups", "name", x->name, "properties",
                     properties);
}

struct listing {
    const char *tenant;
    json_t *value;
    size_t count_max;
    char next[MANAGEMENT_GROUP_NAME_MAX + 2], last[MANAGEMENT_GROUP_NAME_MAX + 2];
    bool has_details, failed;
};

static bool
group_visit(void *app, const struct management_group *x)
{
    struct listing *l = app;

    if (json_array_size(l->value) == l->count_max) {
        snprintf(l->next, sizeof l->next, "%s", l->last);
        return false;
    }
    inventory_fold(x->name, l->last, sizeof l->last);
    l->failed = json_array_append_new(l->value, group_json(x, l->tenant, l->has_details)) != 0;
    return !l->failed;
}

static bool
child_group_visit(void *app, const struct management_group *x)
{
    struct listing *l = app;

    l->failed = json_array_append_new(
                    l->value, json_pack("{s:o, s:s, s:s, s:o}", "id", id_of(x->name), "type",
                                        "Microsoft.Management/managementGroups", "name", x->name,
                                        "displayName", call_text(x->display_name))) != 0;
    return !l->failed;
}

static bool
child_subscription_visit(void *app, const struct subscription *x)
{
    struct listing *l = app;

    l->failed = json_array_append_new(l->value, json_pack("{s:o, s:s, s:s, s:o}", "id",
                                                          json_sprintf("/subscriptions/%s", x->id),
                                                          "type", "/subscriptions", "name", x->id,
                                                          "displayName", call_text(x->name))) != 0;
    return !l->failed;
}

/* What is right below the group: groups first, then subscriptions. */
static enum status
children_add(struct arm_call *a, json_t *group, struct err *err)
{
    struct listing l = {.value = json_array()};
    enum status st = management_group_children(store_of(a), a->base.tenant, a->arguments[0],
                                               child_group_visit, &l, err);

    if (st == ST_OK)
        st = management_group_subscriptions(store_of(a), a->base.tenant, a->arguments[0], false, "",
                                            child_subscription_visit, &l, err);
    if (st == ST_OK && l.failed)
        st = err_set(err, ST_FULL, "no memory for a management group");
    json_object_set_new(json_object_get(group, "properties"), "children", l.value);
    return st;
}

static void
group_answer(struct arm_call *a, bool has_children, struct http_reply *reply)
{
    struct listing l = {
        .tenant = a->base.tenant, .value = json_array(), .count_max = 1, .has_details = true};
    struct err err;
    enum status st =
        management_group_find(store_of(a), a->base.tenant, a->arguments[0], group_visit, &l, &err);

    if (st == ST_OK && has_children)
        st = children_add(a, json_array_get(l.value, 0), &err);
    if (st == ST_END)
        management_refuse_group(a, reply);
    else if (st != ST_OK)
        arm_error_status(reply, st, &err);
    else
        arm_reply(reply, 200, json_incref(json_array_get(l.value, 0)));
    json_decref(l.value);
}

static void
group_get(struct arm_call *a, struct http_reply *reply)
{
    const char *expand = http_query(a->base.request, "$expand");
    const char *recurse = http_query(a->base.request, "$recurse");

    if (expand != NULL && strcasecmp(expand, "children") != 0)
        arm_error(reply, 400, "InvalidQueryParameter", "$expand", NULL,
                  "What a management group can expand is: children.");
    else if (recurse != NULL && strcasecmp(recurse, "false") != 0)
        arm_error(reply, 400, "InvalidQueryParameter", "$recurse", NULL,
                  "Children are shown one level at a time: ask each of them for its own.");
    else
        group_answer(a, expand != NULL, reply);
}

static void
groups_list(struct arm_call *a, struct http_reply *reply)
{
    char after[128];
    struct listing l = {.tenant = a->base.tenant, .has_details = true};
    struct err err;
    enum status st;

    if (!arm_page_size(a, &l.count_max, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    l.value = json_array();
    st = management_groups(store_of(a), a->base.tenant, after, group_visit, &l, &err);
    if (st != ST_OK)
        arm_error_status(reply, st, &err);
    else if (l.failed)
        arm_error_memory(reply);
    else
        arm_reply_list(a, reply, json_incref(l.value), l.next);
    json_decref(l.value);
}

/* ---- PUT and DELETE ---- */

/* The member 'path' of the body ("properties", "details", ...), which must be an object if it is there.
 * False: answered. */
static bool
object_get(const json_t *from, const char *key, const char *target, const json_t **object,
           struct http_reply *reply)
{
    *object = json_object_get(from, key);
    if (json_is_null(*object))
        *object = NULL;
    if (*object == NULL || json_is_object(*object))
        return true;
    arm_error(reply, 400, "InvalidRequestContent", target, NULL, "%s must be an object.", target);
    return false;
}

/* What a body says of a group. False: answered. */
static bool
body_read(const json_t *body, struct management_group *x, struct http_reply *reply)
{
    static const char target[] = "properties.details.parent.id";
    const json_t *properties, *details, *parent;
    const char *id;

    if (!object_get(body, "properties", "properties", &properties, reply) ||
        !object_get(properties, "details", "properties.details", &details, reply) ||
        !object_get(details, "parent", "properties.details.parent", &parent, reply) ||
        !arm_text_get(properties, "displayName", "properties.displayName", INVENTORY_NAME_MAX,
                      &x->display_name, reply) ||
        !arm_text_get(parent, "id", target, 400, &id, reply))
        return false;
    if (id == NULL)
        return true;
    if (strncasecmp(id, GROUPS "/", sizeof GROUPS) == 0 &&
        management_group_name_is(id + sizeof GROUPS)) {
        x->parent = id + sizeof GROUPS;
        return true;
    }
    arm_error(reply, 400, "InvalidManagementGroupParent", target, NULL,
              "The parent is no id of a management group: " GROUPS "/NAME.");
    return false;
}

static void
group_put(struct arm_call *a, struct http_reply *reply)
{
    struct management_group x = {
        .name = a->arguments[0], .created = call_now(&a->base), .modified = call_now(&a->base)};
    struct err err;
    enum status st;
    json_t *body = arm_body(a, reply);

    if (body == NULL)
        return;
    if (!management_group_name_is(x.name)) {
        arm_error(reply, 400, "InvalidManagementGroupName", NULL, NULL,
                  "The name '%.100s' is invalid: letters, digits, - _ . ( ), at most %d, a letter "
                  "or digit first and no '.' at the end.",
                  x.name, MANAGEMENT_GROUP_NAME_MAX);
    } else if (body_read(body, &x, reply)) {
        st = management_group_put(store_of(a), a->base.tenant, &x, NULL, &err);
        if (st == ST_INVALID)
            arm_error(reply, 400, "InvalidManagementGroupParent", "properties.details.parent.id",
                      NULL, "%s.", err.text);
        else if (st == ST_FULL && strncmp(err.text, "there are ", 10) == 0)
            arm_error(reply, 409, "ManagementGroupQuotaExceeded", NULL, NULL, "%s.", err.text);
        else if (st != ST_OK)
            arm_error_status(reply, st, &err);
        else
            group_answer(a, false, reply);
    }
    json_decref(body);
}

static void
group_delete(struct arm_call *a, struct http_reply *reply)
{
    struct err err;
    enum status st = management_group_delete(store_of(a), a->base.tenant, a->arguments[0], &err);

    if (st == ST_OK || st == ST_END)
        reply->status = 204;
    else if (st == ST_INVALID)
        arm_error(reply, 409, "ManagementGroupNotRemovable", NULL, NULL, "%s.", err.text);
    else
        arm_error_status(reply, st, &err);
}

/* ---- subscriptions ---- */

static json_t *
member_json(const char *group, const struct subscription *x)
{
    return json_pack("{s:o, s:s, s:s, s:{s:s, s:o, s:{s:o}, s:s}}", "id",
                     json_sprintf(GROUPS "/%s/subscriptions/%s", group, x->id), "type",
                     "Microsoft.Management/managementGroups/subscriptions", "name", x->id,
                     "properties", "tenant", x->tenant, "displayName", call_text(x->name), "parent",
                     "id", id_of(group), "state", "Active");
}

struct members {
    struct listing list;
    const char *only; /* NULL: all */
    char group[MANAGEMENT_GROUP_NAME_MAX + 2];
};

static bool
name_note(void *app, const struct management_group *x)
{
    snprintf(app, MANAGEMENT_GROUP_NAME_MAX + 2, "%s", x->name);
    return false;
}

static bool
member_visit(void *app, const struct subscription *x)
{
    struct members *m = app;
    struct listing *l = &m->list;

    if (m->only != NULL && strcmp(m->only, x->id) != 0)
        return true;
    if (json_array_size(l->value) == l->count_max) {
        snprintf(l->next, sizeof l->next, "%s", l->last);
        return false;
    }
    snprintf(l->last, sizeof l->last, "%s", x->id);
    l->failed = json_array_append_new(l->value, member_json(m->group, x)) != 0;
    return !l->failed;
}

/* The subscriptions right in the group of the path, behind 'after'. False: answered. */
static bool
members_read(struct arm_call *a, struct members *m, const char *after, struct http_reply *reply)
{
    struct err err;
    enum status st = management_group_find(store_of(a), a->base.tenant, a->arguments[0], name_note,
                                           m->group, &err);

    if (st == ST_END) {
        management_refuse_group(a, reply);
        return false;
    }
    m->list.value = json_array();
    if (st == ST_OK)
        st = management_group_subscriptions(store_of(a), a->base.tenant, a->arguments[0], false,
                                            after, member_visit, m, &err);
    if (st == ST_OK && !m->list.failed)
        return true;
    json_decref(m->list.value);
    if (st == ST_OK)
        arm_error_memory(reply);
    else
        arm_error_status(reply, st, &err);
    return false;
}

static void
members_list(struct arm_call *a, struct http_reply *reply)
{
    char after[128];
    struct members m = {.only = NULL};

    if (arm_page_size(a, &m.list.count_max, reply) &&
        arm_page_after(a, after, sizeof after, reply) && members_read(a, &m, after, reply))
        arm_reply_list(a, reply, m.list.value, m.list.next);
}

/* The subscription's id in the path. False: answered. */
static bool
member_id(struct arm_call *a, char id[37], struct http_reply *reply)
{
    if (guid_copy(span_of(a->arguments[1]), id))
        return true;
    arm_error(reply, 400, "InvalidSubscriptionId", NULL, NULL,
              "The provided subscription identifier '%.80s' is malformed or invalid.",
              a->arguments[1]);
    return false;
}

static void
member_get(struct arm_call *a, struct http_reply *reply)
{
    char id[37];
    struct members m = {.only = id, .list.count_max = 1};

    if (!member_id(a, id, reply) || !members_read(a, &m, "", reply))
        return;
    if (json_array_size(m.list.value) == 0)
        arm_refuse_subscription(reply);
    else
        arm_reply(reply, 200, json_incref(json_array_get(m.list.value, 0)));
    json_decref(m.list.value);
}

static void
member_put(struct arm_call *a, struct http_reply *reply)
{
    char id[37];
    bool has_group = false;
    struct err err;

    if (!member_id(a, id, reply))
        return;
    enum status st =
        management_group_join(store_of(a), a->base.tenant, a->arguments[0], id, &has_group, &err);

    if (st == ST_OK)
        member_get(a, reply);
    else if (st == ST_END && !has_group)
        management_refuse_group(a, reply);
    else if (st == ST_END)
        arm_refuse_subscription(reply);
    else
        arm_error_status(reply, st, &err);
}

static void
member_delete(struct arm_call *a, struct http_reply *reply)
{
    char id[37];
    bool has_group;
    struct members m = {.only = id, .list.count_max = 1};
    struct err err;
    enum status st = ST_OK;

    if (!member_id(a, id, reply) || !members_read(a, &m, "", reply))
        return;
    if (json_array_size(m.list.value) > 0)
        st = management_group_join(store_of(a), a->base.tenant, a->base.tenant, id, &has_group,
                                   &err);
    json_decref(m.list.value);
    if (st == ST_OK || st == ST_END)
        reply->status = 204;
    else
        arm_error_status(reply, st, &err);
}

/* ---- the table ---- */

const struct arm_route arm_management_routes[] = {
    {.method = "GET",
     .pattern = GROUPS,
     .versions = versions,
     .roles = READER,
     .action = ACTION "read",
     .answer = groups_list,
     .help = "The tenant's management groups, its root group among them."},
    {.method = "GET",
     .pattern = GROUP,
     .versions = versions,
     .roles = READER,
     .action = ACTION "read",
     .answer = group_get,
     .help = "One management group; $expand=children adds the groups and subscriptions right below "
             "it. The root's name is the tenant's GUID."},
    {.method = "PUT",
     .pattern = GROUP,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = ACTION "write",
     .body_max = CALL_SMALL_BODY,
     .answer = group_put,
     .help =
         "Makes a management group, names it anew or moves it: {\"properties\":{\"displayName\":"
         "\"...\",\"details\":{\"parent\":{\"id\":\"...\"}}}}. Six levels below the root at "
         "most. Done with the answer, 200."},
    {.method = "DELETE",
     .pattern = GROUP,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = ACTION "delete",
     .body_max = CALL_SMALL_BODY,
     .answer = group_delete,
     .help = "Deletes a management group that has neither groups nor subscriptions: 204, also if "
             "there was none."},
    {.method = "GET",
     .pattern = MEMBERS,
     .versions = versions,
     .roles = READER,
     .action = ACTION "subscriptions/read",
     .answer = members_list,
     .help = "The subscriptions right in a management group."},
    {.method = "GET",
     .pattern = MEMBER,
     .versions = versions,
     .roles = READER,
     .action = ACTION "subscriptions/read",
     .answer = member_get,
     .help = "One of them."},
    {.method = "PUT",
     .pattern = MEMBER,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = ACTION "subscriptions/write",
     .body_max = CALL_SMALL_BODY,
     .answer = member_put,
     .help = "Moves a subscription of the tenant into the group, out of the one it was in."},
    {.method = "DELETE",
     .pattern = MEMBER,
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = ACTION "subscriptions/delete",
     .body_max = CALL_SMALL_BODY,
     .answer = member_delete,
     .help =
         "Takes a subscription out of the group: then it is the root's. 204, also if it was not "
         "in it."},
    {.method = "GET",
     .pattern = GROUP "/providers/Microsoft.Security/secureScores",
     .versions = score_versions,
     .roles = READER,
     .action = "Microsoft.Security/secureScores/read",
     .answer = management_scores_list,
     .help = "The secure score of all subscriptions below a management group: one, ascScore. "
             "percentage is the sum of score times weight over the sum of weights; max, current "
             "and weight are sums. Subscriptions without a score do not count. Ours."},
    {.method = "GET",
     .pattern = GROUP "/providers/Microsoft.Security/secureScores/{secureScoreName}",
     .versions = score_versions,
     .roles = READER,
     .action = "Microsoft.Security/secureScores/read",
     .answer = management_scores_get,
     .help = "The same as one resource. Ours."},
    {.method = "GET",
     .pattern = GROUP "/providers/Microsoft.Security/secureScores/{secureScoreName}"
                      "/secureScoreControls", .versions = score_versions,
     .roles = READER,
     .action = "Microsoft.Security/secureScores/secureScoreControls/read",
     .answer = management_controls_list,
     .help =
         "The controls of all subscriptions below a management group, those of one name as one: "
         "percentage weighted as the score's, the rest summed. Ours."},
    {.method = "GET",
     .pattern = GROUP "/providers/Microsoft.Security/secureScoreControls",
     .versions = score_versions,
     .roles = READER,
     .action = "Microsoft.Security/secureScoreControls/read",
     .answer = management_controls_list,
     .help = "The same. Ours."},
    {.method = NULL                                                                   },
};
