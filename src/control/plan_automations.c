/* plan_automations.c - every action of an enabled automation becomes a route. One that is disabled has none: its place
 * in the journal is forgotten, and when it is enabled again it starts from then on. That of a tenant that is switched
 * off rests, as data export settings do. */
#include "control/automations.h"
#include "control/config.h"
#include "control/plan_inner.h"
#include "control/secrets.h"
#include "control/workspaces.h"
#include <stdlib.h>

struct adding {
    struct building *b;
    struct plan_whole *whole;
    uint64_t version;
    struct plan_route *routes; /* grows while they are counted; malloc'd */
    size_t count, room;
    plan_fault_fn fault;
    void *app;
    struct err *err;
    enum status st;
    char *secret;
    struct destination *destination;
};

static enum status
no_memory(struct adding *g)
{
    return err_set(g->err, ST_FULL, "no memory for the plan");
}

/* The filter, and with it the rules, go over to the plan. */
static enum status
filter_take(struct adding *g, struct automation *x, struct event_filter **out, struct err *why)
{
    struct plan_filter *f = heap_take(g->b->heap, sizeof *f);
    struct rule_sets **rules = heap_take(g->b->heap, x->source_count * sizeof *rules + 1);
    enum status st;

    if (f == NULL || rules == NULL)
        return no_memory(g);
    st = automation_filter(x, out, why);
    if (st != ST_OK)
        return st;
    *f = (struct plan_filter){.filter = *out, .rules = rules, .next = g->whole->filters};
    g->whole->filters = f;
    for (size_t i = 0; i < x->source_count; i++) {
        rules[f->rule_count++] = (struct rule_sets *)(uintptr_t)x->sources[i].rules;
        x->sources[i].rules = NULL;
    }
    return ST_OK;
}

/* "rg-soc/ExportToEventHub EventHub security-hub" */
static const char *
label_make(struct adding *g, const struct automation *x, const struct automation_action *a)
{
    const char *id = json_string_value(json_object_get(x->shown, "id"));
    const char *group = id == NULL ? NULL : strcasestr(id, "/resourceGroups/");
    const char *name = json_string_value(json_object_get(x->shown, "name"));
    const char *last = strrchr(a->resource_id, '/');
    char *label;

    group = group == NULL ? "" : group + strlen("/resourceGroups/");
    label = heap_format(g->b->heap, "%.*s/%s %s %s", (int)strcspn(group, "/"), group,
                        name == NULL ? "" : name, action_type_name(a->type),
                        last == NULL ? a->resource_id : last + 1);
    g->b->has_no_memory |= label == NULL;
    return label;
}

static struct plan_route *
route_new(struct adding *g)
{
    if (g->count == g->room) {
        size_t room = g->room == 0 ? 32 : g->room * 2;
        void *routes = realloc(g->routes, room * sizeof *g->routes);

        if (routes == NULL)
            return NULL;
        g->routes = routes;
        g->room = room;
    }
    return &g->routes[g->count++];
}

static void
action_add(struct adding *g, const struct automation_stored *stored, const struct automation *x,
           const struct automation_action *a, const json_t *private, struct event_filter *filter)
{
    char id[AUTOMATION_ROUTE_SIZE], granted[40], guid[37];
    struct destination *d = g->destination;
    struct err why = {""};
    enum status st;

    struct plan_route *route = route_new(g);

    if (route == NULL) {
        g->st = no_memory(g);
        return;
    }
    automation_route_id(stored->tenant, a, id);
    st = automation_action_open(g->b->c, stored->tenant, a, private, g->secret, d, granted, &why);
    *route = (struct plan_route){
        .id = plan_keep(g->b, id),
        .tenant = plan_keep(g->b, stored->tenant),
        .profile = PROFILE_BARE,
        .events = filter,
        .event_shape = a->type == ACTION_WORKSPACE ? EVENT_ROW : EVENT_DOCUMENT,
        .workspace = a->type == ACTION_WORKSPACE && workspaces_guid(a->resource_id, guid)
                         ? plan_keep(g->b, guid)
                         : NULL,
        .has_legacy_findings = x->has_legacy_findings,
        .label = label_make(g, x, a),
        .is_enabled = stored->is_active,
        .start_ticks = automation_action_since(a, private),
    };
    if (st == ST_OK)
        plan_destination_keep(g->b, &d->r, a->resource_id, d->hub, route);
    else /* it is there and rests, so that its place is kept; its events wait in the journal */
        route->destination.kind = "none";
    if (st == ST_INVALID && g->fault != NULL && stored->is_active)
        g->fault(g->app, route->label == NULL ? id : route->label, &why);
    secrets_wipe(g->secret, AUTOMATION_SECRET_MAX + 1);
    if (g->b->has_no_memory || st == ST_FULL)
        g->st = no_memory(g);
    else
        route->fingerprint = plan_fingerprint(route, g->version);
}

/* What cannot be read is there all the same, and rests: a route that is gone from the plan has been deleted, and loses
 * its cursor. */
static void
automation_rest(struct adding *g, const struct automation_stored *stored)
{
    json_t *private = json_loadb(stored->private.p, stored->private.n, 0, NULL), *one;
    const char *key;

    json_object_foreach(json_object_get(private, "actions"), key, one)
    {
        struct plan_route *route = route_new(g);
        char *id = heap_format(g->b->heap, "%s/automation#%s", stored->tenant, key);

        if (route == NULL || id == NULL) {
            g->st = no_memory(g);
            break;
        }
        *route =
            (struct plan_route){.id = id,
                                .tenant = plan_keep(g->b, stored->tenant),
                                .profile = PROFILE_BARE,
                                .destination.kind = "none",
                                .start_ticks = json_integer_value(json_object_get(one, "since"))};
    }
    json_decref(private);
}

static bool
automation_add(void *app, const struct automation_stored *stored)
{
    struct adding *g = app;
    struct event_filter *filter = NULL;
    struct automation x;
    json_t *private;
    struct err why = {""};
    enum status st;

    if (stored->tenant[0] == '\0') /* its subscription went while nobody looked */
        return true;
    st = automation_stored_read(g->b->c, stored->tenant, stored->subscription, stored->json,
                                stored->private, &x, &private, &why);
    if (st == ST_OK && x.is_enabled)
        st = filter_take(g, &x, &filter, &why);
    if (st == ST_OK && x.is_enabled)
        for (size_t i = 0; i < x.action_count && g->st == ST_OK; i++)
            action_add(g, stored, &x, &x.actions[i], private, filter);
    if (st == ST_INVALID && g->fault != NULL)
        g->fault(g->app, "an automation", &why);
    if (st == ST_INVALID)
        automation_rest(g, stored);
    if (st == ST_FULL || st == ST_IO) {
        *g->err = why;
        g->st = st;
    }
    if (private != NULL)
        automation_free(&x);
    json_decref(private);
    return g->st == ST_OK;
}

enum status
plan_automations(struct building *b, struct plan_whole *whole, uint64_t version, size_t others,
                 struct plan_route **routes, size_t *count, plan_fault_fn fault, void *app,
                 struct err *err)
{
    struct adding g = {.b = b,
                       .whole = whole,
                       .version = version,
                       .fault = fault,
                       .app = app,
                       .err = err,
                       .st = ST_OK,
                       .secret = calloc(1, AUTOMATION_SECRET_MAX + 1),
                       .destination = malloc(sizeof *g.destination)};
    enum status st = ST_OK;

    if (g.secret == NULL || g.destination == NULL)
        g.st = no_memory(&g);
    if (g.st == ST_OK)
        st = automations_visit(b->c, NULL, automation_add, &g, err);
    if (st == ST_OK)
        st = g.st;
    *routes = heap_take(b->heap, (others + g.count) * sizeof **routes + 1);
    *count = 0;
    if (*routes == NULL && st == ST_OK)
        st = no_memory(&g);
    if (*routes != NULL && g.count > 0) {
        memcpy(*routes, g.routes, g.count * sizeof **routes);
        *count = g.count;
    }
    whole->plan.routes = *routes;
    whole->plan.route_count = *count;
    free(g.routes);
    free(g.secret);
    if (g.destination != NULL)
        secrets_wipe(g.destination, sizeof *g.destination);
    free(g.destination);
    return st;
}
