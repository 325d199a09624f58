/* automations_test.c - what the end-to-end tests cannot see of automations: routes and their identity over PUTs, when an
 * action begins, what is stored, and that a plan is built of what a newer program may have left. */
#include "control/automations.h"
#include "control/control_bed.h"
#include "control/inventory.h"
#include "control/plan_build.h"
#include "model/arm_id.h"

#define SUB TENANT_A
#define PLACE_ID                                                                                   \
    "/subscriptions/" SUB "/resourceGroups/rg/providers/Microsoft.Security/automations/one"
#define HUB(name) HUBS_ID "/eventhubs/" name
#define SECRET                                                                                     \
    "Endpoint=sb://contoso-ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=k"
#define ACTION(hub, more)                                                                          \
    "{\"actionType\":\"EventHub\",\"eventHubResourceId\":\"" HUB(hub) "\"" more "}"
#define WITH_SECRET ",\"connectionString\":\"" SECRET "\""
#define BODY(actions, more)                                                                        \
    "{\"location\":\"x\",\"tags\":{}" more                                                         \
    ",\"properties\":{\"scopes\":[{\"scopePath\":\"/subscriptions/" SUB                            \
    "\"}],\"sources\":[{\"eventSource\":\"Alerts\"}],\"actions\":[" actions "]}}"

static char folder[] = "/tmp/penstock-automations-XXXXXX";
static struct control c;
static int faults;

static unsigned
put(const char *text, bool is_patch, int64_t now, char code[48])
{
    json_t *body = json_loads(text, 0, NULL);
    struct automations_put put = {
        .place = {TENANT_A, SUB, PLACE_ID, "rg", "one"},
        .body = body,
        .is_patch = is_patch,
        .now = now
    };
    struct automations_reply reply;
    unsigned status;

    CHECK(body != NULL, "JSON: %s", text);
    automations_put(&c, &put, &reply);
    status = reply.status;
    if (code != NULL)
        snprintf(code, 48, "%s", reply.code);
    automations_reply_free(&reply);
    json_decref(body);
    return status;
}

static void
fault(void *app, const char *route, const struct err *why)
{
    (void)app;
    (void)route;
    (void)why;
    faults++;
}

static struct plan *
built(void)
{
    struct plan *plan = NULL;
    struct err err = {""};

    faults = 0;
    CHECK(plan_build(&c, 1, fault, NULL, &plan, &err) == ST_OK, "%s", err.text);
    return plan;
}

static const struct plan_route *
route_labelled(const struct plan *plan, const char *label)
{
    for (size_t i = 0; plan != NULL && i < plan->route_count; i++)
        if (plan->routes[i].label != NULL && strcmp(plan->routes[i].label, label) == 0)
            return &plan->routes[i];
    return NULL;
}

static void
check_routes(void)
{
    struct plan *plan, *next;
    const struct plan_route *a, *b;
    char id[120];

    CHECK(put(BODY(ACTION("one", WITH_SECRET) "," ACTION("two", WITH_SECRET), ""), false, 100,
              NULL) == 201,
          "made");
    plan = built();
    a = route_labelled(plan, "rg/one EventHub one");
    b = route_labelled(plan, "rg/one EventHub two");
    CHECK(plan->route_count == 2 && a != NULL && b != NULL && faults == 0,
          "a route for each action");
    if (a == NULL || b == NULL)
        return;
    CHECK(a->events != NULL && a->events == b->events && a->event_shape == EVENT_DOCUMENT &&
              a->category_count == 0 && !a->all_categories && a->profile == PROFILE_BARE &&
              a->is_enabled && a->start_ticks == 100 && strcmp(a->tenant, TENANT_A) == 0,
          "what it is");
    CHECK(strncmp(a->id, TENANT_A "/automation#", 48) == 0 && strcmp(a->id, b->id) != 0, "%s",
          a->id);
    CHECK(strcmp(a->destination.kind, "kafka") == 0 && strcmp(a->destination.hub, "one") == 0 &&
              strcmp(resource_value(a->destination.settings, a->destination.setting_count,
                                    "connection_string"),
                     SECRET) == 0,
          "where it leads");
    snprintf(id, sizeof id, "%s", a->id);

    /* replaced: one action goes, one stays, one is new; other rules */
    CHECK(put(BODY(ACTION("three", WITH_SECRET) "," ACTION("ONE", ""), ""), false, 200, NULL) ==
              200,
          "replaced");
    next = built();
    a = plan_find(next, id);
    b = route_labelled(next, "rg/one EventHub three");
    CHECK(next->route_count == 2 && a != NULL && a->start_ticks == 100,
          "what stays keeps id and beginning, whatever its casing and place");
    CHECK(b != NULL && b->start_ticks == 200, "what is new begins now");
    CHECK(a != NULL && resource_value(a->destination.settings, a->destination.setting_count,
                                      "connection_string") != NULL,
          "and its secret");
    plan_release(plan);
    plan_release(next);
}

static void
check_disabled(void)
{
    struct plan *plan;

    CHECK(put("{\"properties\":{\"isEnabled\":false}}", true, 300, NULL) == 200, "disabled");
    plan = built();
    CHECK(plan->route_count == 0, "no routes: its places are forgotten");
    plan_release(plan);
    CHECK(put("{\"properties\":{\"description\":\"x\"}}", true, 350, NULL) == 200, "changed");
    CHECK(put("{\"properties\":{\"isEnabled\":true}}", true, 400, NULL) == 200, "enabled");
    plan = built();
    CHECK(plan->route_count == 2 && plan->routes[0].start_ticks == 400 &&
              plan->routes[1].start_ticks == 400,
          "begins then");
    plan_release(plan);
}

static void
check_shapes(void)
{
    struct plan *plan;
    const struct plan_route *r;

    CHECK(put(BODY("{\"actionType\":\"Workspace\",\"workspaceResourceId\":\"" CONTROL_LOCAL_PREFIX
                   "Microsoft.OperationalInsights/workspaces/local\"},"
                   "{\"actionType\":\"EventHub\",\"eventHubResourceId\":\"" CONTROL_LOCAL_HUBS
                   "/eventhubs/security\"}",
                   ""),
              false, 500, NULL) == 200,
          "the embedded destinations take no secret");
    CHECK(put("{\"tags\":{\"penstock-findings-case\":\"Pascal\"}}", true, 500, NULL) == 200, "tag");
    plan = built();
    r = route_labelled(plan, "rg/one Workspace local");
    CHECK(r != NULL && r->event_shape == EVENT_ROW && guid_is(span_of(r->workspace)) &&
              r->workspace[14] == '8' && strcmp(r->destination.kind, "workspace") == 0 &&
              r->has_legacy_findings,
          "a workspace");
    if (r != NULL)
        CHECK(strstr(resource_value(r->destination.settings, r->destination.setting_count, "path"),
                     "/workspaces/local.duckdb") != NULL,
              "its file");
    r = route_labelled(plan, "rg/one EventHub security");
    CHECK(r != NULL && strcmp(r->destination.kind, "hub") == 0 &&
              strcmp(r->destination.hub, "security") == 0,
          "a local hub");
    plan_release(plan);
}

/* Each change of what is sent, or where, gives another fingerprint; the same again does not. */
static void
check_fingerprints(void)
{
    static const char *const changes[] = {
        "{\"properties\":{\"scopes\":[{\"scopePath\":\"/subscriptions/" SUB
        "/resourceGroups/x\"}]}}",
        "{\"properties\":{\"sources\":[{\"eventSource\":\"Assessments\"}]}}",
        "{\"properties\":{\"sources\":[{\"eventSource\":\"Assessments\",\"ruleSets\":[{\"rules\":[{"
        "\"propertyJPath\":\"name\","
        "\"propertyType\":\"String\",\"expectedValue\":\"x\",\"operator\":\"Equals\"}]}]}]}}",
        "{\"tags\":{\"penstock-findings-case\":\"pascal\"}}",
    };
    uint64_t seen[COUNT_OF(changes) + 1];
    struct plan *plan;

    CHECK(put(BODY(ACTION("one", WITH_SECRET), ""), false, 600, NULL) == 200, "put");
    for (size_t i = 0; i <= COUNT_OF(changes); i++) {
        if (i > 0)
            CHECK(put(changes[i - 1], true, 600, NULL) == 200, "%s", changes[i - 1]);
        plan = built();
        CHECK(plan->route_count == 1, "one route");
        seen[i] = plan->routes[0].fingerprint;
        plan_release(plan);
        plan = built();
        CHECK(plan->routes[0].fingerprint == seen[i], "the same again");
        plan_release(plan);
        for (size_t k = 0; k < i; k++)
            CHECK(seen[i] != seen[k], "changes %zu and %zu look the same", i, k);
    }
}

/* A resource that the configuration names no longer, a key that is another: the routes rest, their places stay. */
static void
check_resting(void)
{
    struct store *store = c.store;
    struct plan *plan;
    char path[200];
    struct err err = {""};
    struct secrets *mine = c.secrets, *other = NULL;

    (void)store;
    snprintf(path, sizeof path, "%s/other.key", folder);
    CHECK(secrets_open(path, true, &other, &err) == ST_OK, "%s", err.text);
    c.secrets = other;
    plan = built();
    CHECK(plan->route_count == 1 && strcmp(plan->routes[0].destination.kind, "none") == 0 &&
              plan->routes[0].is_enabled && faults == 1,
          "another key: the route rests");
    plan_release(plan);
    c.secrets = mine;
    secrets_close(other);
    unlink(path);
    struct store_tenant off = {.id = TENANT_A, .name = "a", .is_active = false};

    CHECK(store_tenant_set(c.store, &off, NULL, &err) == ST_OK, "off");
    plan = built();
    CHECK(plan->route_count == 1 && !plan->routes[0].is_enabled, "a tenant that is off rests");
    plan_release(plan);
    off.is_active = true;
    CHECK(store_tenant_set(c.store, &off, NULL, &err) == ST_OK, "on");
}

static void
check_race(void)
{
    uint64_t gone;
    struct err err = {""};
    char code[48];

    CHECK(resource_group_delete(c.store, SUB, "RG", &gone, &err) == ST_OK && gone == 1,
          "the group goes, and the automation with it");
    CHECK(put(BODY(ACTION("one", WITH_SECRET), ""), false, 700, code) == 404 &&
              strcmp(code, "ResourceGroupNotFound") == 0,
          "a PUT a moment later finds no group: %s", code);
}

int
main(void)
{
    struct resource_group g = {
        .subscription = SUB, .name = "rg", .location = "x", .tags = SPAN_LITERAL("{}")};
    struct err err = {""};

    control_bed_begin(&c, folder, "defaultExports: false\ntenants: [{id: " TENANT_A "}]\n");
    CHECK(resource_group_put(c.store, &g, NULL, &err) == ST_OK, "%s", err.text);
    check_routes();
    check_disabled();
    check_shapes();
    check_fingerprints();
    check_resting();
    check_race();
    control_bed_end(&c, folder);
    return test_end();
}
