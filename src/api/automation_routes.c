/* automation_routes.c - Microsoft.Security/automations over HTTP: what control answers goes out, a change is in
 * force before it is answered; and what is ours beside it, below .../penstock. */
#include "api/arm_verbs.h"
#include "posture/posture.h"
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

/* ---- ARM's own ---- */

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

static const struct arm_verbs verbs = {
    .provider = "Microsoft.Security/automations",
    .noun = "an automation",
    .keeps_case = true,
    .get = automations_get,
    .list = automations_list,
    .put = automations_put,
    .remove = automations_delete,
    .may = may_write,
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
answer_validate(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_put(a, &verbs, false, true, reply);
}

static void
answer_delete(struct arm_call *a, struct http_reply *reply)
{
    arm_verbs_delete(a, &verbs, reply);
}

/* ---- ours ---- */

struct wanted {
    const struct arm_placed *placed;
    struct automation x;
    json_t *private;
    struct err err;
    enum status st; /* ST_END: not found yet */
    const struct control *control;
};

static bool
wanted_visit(void *app, const struct automation_stored *stored)
{
    struct wanted *w = app;

    w->st = automation_stored_read(w->control, stored->tenant, stored->subscription, stored->json,
                                   stored->private, &w->x, &w->private, &w->err);
    if (w->st == ST_OK) {
        const char *id = json_string_value(json_object_get(w->x.shown, "id"));

        if (id != NULL && strcasecmp(id, w->placed->id) == 0)
            return false;
        automation_free(&w->x);
        json_decref(w->private);
        w->private = NULL;
        w->st = ST_END;
    }
    return true;
}

/* The stored automation of the path. False: answered. */
static bool
wanted_open(struct arm_call *a, struct arm_placed *p, struct wanted *w, struct http_reply *reply)
{
    struct automations_reply from;

    if (!arm_group_is_there(a, reply))
        return false;
    arm_verbs_place(a, &verbs, p);
    automations_get(a->base.control, &p->place, &from);
    if (from.status != 200) {
        arm_verbs_reply(a, &verbs, &from, reply);
        return false;
    }
    automations_reply_free(&from);
    *w = (struct wanted){.placed = p, .control = a->base.control, .st = ST_END};
    enum status st = automations_visit(a->base.control, a->subscription, wanted_visit, w, &w->err);

    if (st == ST_OK)
        st = w->st;
    if (st != ST_OK)
        arm_error_status(reply, st == ST_END ? ST_FULL : st, &w->err);
    return st == ST_OK;
}

static void
wanted_close(struct wanted *w)
{
    automation_free(&w->x);
    json_decref(w->private);
}

static json_t *
grant_json(const json_t *grant)
{
    if (!json_is_object(grant))
        return json_null();
    return json_pack("{s:O, s:O, s:o}", "tenantId", json_object_get(grant, "tenant"), "grantedBy",
                     json_object_get(grant, "name"), "time",
                     call_time(json_integer_value(json_object_get(grant, "time"))));
}

/* One action: what it is, why it rests if it does, and its export's status. */
static json_t *
action_json(struct arm_call *a, const struct wanted *w, const struct automation_action *action)
{
    struct destination *d = malloc(sizeof *d);
    char *secret = calloc(1, AUTOMATION_SECRET_MAX + 1);
    char route[AUTOMATION_ROUTE_SIZE], granted[40];
    const json_t *private = json_object_get(json_object_get(w->private, "actions"), action->key);
    struct err why = {""};
    enum status st = ST_FULL;
    json_t *tree = NULL, *more;

    automation_route_id(a->base.tenant, action, route);
    if (d != NULL && secret != NULL)
        st = automation_action_open(a->base.control, a->base.tenant, action, w->private, secret, d,
                                    granted, &why);
    if (st != ST_FULL)
        tree = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "actionType",
                         action_type_name(action->type), "resourceId", action->resource_id,
                         "exportId", route + 37, "kind", st == ST_OK ? d->r.kind : "none", "since",
                         call_time(automation_action_since(action, w->private)), "paused",
                         st == ST_OK ? json_null() : call_text(why.text), "grant",
                         grant_json(json_object_get(private, "grant")));
    if (d != NULL)
        explicit_bzero(d, sizeof *d);
    free(d);
    if (secret != NULL)
        explicit_bzero(secret, AUTOMATION_SECRET_MAX + 1);
    free(secret);
    more = tree == NULL ? NULL : export_status_json(&a->base, a->base.tenant, route + 37);
    if (more != NULL) {
        json_object_del(more, "id");
        json_object_del(more, "tenantId");
        if (!w->x.is_enabled)
            json_object_set_new(more, "state", json_string("disabled"));
        else if (st != ST_OK)
            json_object_set_new(more, "state", json_string("paused"));
        json_object_update(tree, more);
        json_decref(more);
    }
    return tree;
}

static void
answer_status(struct arm_call *a, struct http_reply *reply)
{
    struct arm_placed p;
    struct wanted w;
    json_t *actions;

    if (!wanted_open(a, &p, &w, reply))
        return;
    actions = json_array();
    for (size_t i = 0; i < w.x.action_count; i++)
        if (json_array_append_new(actions, action_json(a, &w, &w.x.actions[i])) != 0) {
            json_decref(actions);
            actions = NULL;
            break;
        }
    arm_reply(reply, 200,
              actions == NULL
                  ? NULL
                  : json_pack("{s:O, s:O, s:b, s:o}", "id", json_object_get(w.x.shown, "id"),
                              "name", json_object_get(w.x.shown, "name"), "isEnabled",
                              w.x.is_enabled, "actions", actions));
    wanted_close(&w);
}

/* A snapshot now, of the kinds of snapshot that the automation asks for. */
static void
answer_snapshot(struct arm_call *a, struct http_reply *reply)
{
    struct arm_placed p;
    struct wanted w;
    uint32_t sources = 0;
    char id[40];
    struct err err;
    enum status st;

    if (!wanted_open(a, &p, &w, reply))
        return;
    for (size_t i = 0; i < w.x.source_count; i++)
        if (event_source_rows[w.x.sources[i].source].is_snapshot)
            sources |= (uint32_t)1 << w.x.sources[i].source;
    if (sources == 0) {
        arm_error(reply, 409, "NoSnapshotSource", "properties.sources", NULL,
                  "The automation asks for no snapshot: add a source such as AssessmentsSnapshot.");
    } else if (!w.x.is_enabled) {
        arm_error(reply, 409, "AutomationDisabled", "properties.isEnabled", NULL,
                  "The automation is disabled: nothing of a snapshot would leave.");
    } else if (a->base.api->posture == NULL) {
        arm_error(reply, 503, "ServiceUnavailable", NULL, NULL, "There is no posture store.");
    } else {
        st = posture_snapshot(a->base.api->posture, a->base.tenant, span_of(a->subscription),
                              sources, id, &err);
        if (st == ST_OK)
            arm_reply(reply, 202, json_pack("{s:s}", "snapshotId", id));
        else if (st == ST_END)
            arm_error(reply, 409, "NothingReported", NULL, NULL,
                      "Nothing was ever reported of the subscription: there is nothing to show.");
        else
            arm_error_status(reply, st, &err);
    }
    wanted_close(&w);
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
    {.method = "GET",
     .pattern = ONE "/penstock/status",
     .versions = versions,
     .roles = READER,
     .action = "Microsoft.Security/automations/read",
     .answer = answer_status,
     .help =
         "How each action of it is doing: as an export's status, why it is paused, and exportId "
         "for parked events. Ours."},
    {.method = "POST",
     .pattern = ONE "/penstock/snapshot",
     .versions = versions,
     .roles = ADMINISTRATOR,
     .action = "Microsoft.Security/automations/write",
     .body_max = CALL_SMALL_BODY,
     .answer = answer_snapshot,
     .help = "A snapshot now of the snapshot sources that it asks for. Ours."},
    {.method = NULL                                                               },
};
