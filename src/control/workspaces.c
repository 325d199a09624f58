/* workspaces.c - the places are found anew for each call: what names them (configuration, settings, automations) may change
 * at any time, and a copy kept here would have to be told. Texts that cannot name a workspace are passed over by a
 * search for the member's name, so a call costs about as much as reading the tenant's settings. */
#include "control/workspaces.h"
#include "control/automations.h"
#include "control/config.h"
#include "control/inventory.h"
#include "control/resource.h"
#include "control/store.h"
#include "model/arm_id.h"
#include "wire/digest.h"
#include "wire/json.h"
#include <stdlib.h>
#include <strings.h>

#define MEMBER "workspaceResourceId"
#define LOCAL_WORKSPACES CONTROL_LOCAL_PREFIX "Microsoft.OperationalInsights/workspaces/"

enum { NAMED_MAX = 8 /* in an error */ };

/* A text that names a workspace, and for whom it does. */
struct naming {
    char tenant[37];
    enum resource_type type;
    char *id;
    /* Of an automation, which may have been granted another tenant's: all of it is needed. NULL: a setting's. */
    char *json, *private, *subscription;
};

struct gathering {
    const struct control *c;
    const char *tenant; /* NULL: all */
    bool
        has_disguised; /* ids of storage accounts or namespaces that the configuration makes workspaces */
    struct naming *namings;
    size_t naming_count, naming_room;
    struct workspace_place *places;
    size_t place_count, place_room;
    bool has_no_memory;
};

static void *
room_make(struct gathering *g, void *list, size_t count, size_t *room, size_t size)
{
    void *larger;

    if (count < *room)
        return list;
    larger = realloc(list, (*room == 0 ? 8 : *room * 2) * size);
    if (larger == NULL) {
        g->has_no_memory = true;
        return list;
    }
    *room = *room == 0 ? 8 : *room * 2;
    return larger;
}

static void
gathering_free(struct gathering *g)
{
    for (size_t i = 0; i < g->naming_count; i++) {
        free(g->namings[i].id);
        free(g->namings[i].json);
        free(g->namings[i].private);
        free(g->namings[i].subscription);
    }
    free(g->namings);
    free(g->places);
}

/* ---- what names them ---- */

static bool
naming_is_known(const struct gathering *g, const char *tenant, const char *id)
{
    for (size_t i = 0; i < g->naming_count; i++)
        if (strcmp(g->namings[i].tenant, tenant) == 0 &&
            arm_id_equal(span_of(g->namings[i].id), span_of(id)))
            return true;
    return false;
}

static struct naming *
naming_add(struct gathering *g, const char *tenant, const char *id)
{
    struct naming *n;

    if (id == NULL || naming_is_known(g, tenant, id))
        return NULL;
    g->namings = room_make(g, g->namings, g->naming_count, &g->naming_room, sizeof *g->namings);
    if (g->naming_count == g->naming_room)
        return NULL;
    n = &g->namings[g->naming_count];
    *n = (struct naming){.id = strdup(id), .type = RESOURCE_WORKSPACE};
    snprintf(n->tenant, sizeof n->tenant, "%s", tenant);
    if (n->id == NULL) {
        g->has_no_memory = true;
        return NULL;
    }
    g->naming_count++;
    return n;
}

static bool
has_member(struct span json)
{
    return memmem(json.p, json.n, MEMBER, sizeof MEMBER - 1) != NULL;
}

static bool
setting_note(void *app, const struct store_setting *x)
{
    static const struct {
        enum resource_type type;
        const char *object, *member;
    } places[] = {
        {RESOURCE_WORKSPACE, "workspaceProperties",      MEMBER                    },
        {RESOURCE_STORAGE,   "storageAccountProperties", "storageAccountResourceId"},
        {RESOURCE_HUBS,      "eventHubProperties",       "eventHubResourceId"      },
    };
    struct gathering *g = app;
    json_t *tree;

    if (!has_member(x->json) && !g->has_disguised)
        return true;
    tree = json_loadb(x->json.p, x->json.n, 0, NULL);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct naming *n =
            naming_add(g, x->tenant,
                       json_string_value(json_object_get(json_object_get(tree, places[i].object),
                                                         places[i].member)));

        if (n != NULL)
            n->type = places[i].type;
    }
    json_decref(tree);
    return !g->has_no_memory;
}

static char *
span_copy(struct gathering *g, struct span text)
{
    char *copy = strndup(text.p, text.n);

    g->has_no_memory |= copy == NULL;
    return copy;
}

static bool
automation_note(void *app, const struct automation_stored *x)
{
    struct gathering *g = app;
    json_t *tree, *action;
    size_t i;

    if (!has_member(x->json) || x->tenant[0] == '\0' ||
        (g->tenant != NULL && strcmp(x->tenant, g->tenant) != 0))
        return true;
    tree = json_loadb(x->json.p, x->json.n, 0, NULL);
    json_array_foreach(json_object_get(json_object_get(tree, "properties"), "actions"), i, action)
    {
        struct naming *n =
            naming_add(g, x->tenant, json_string_value(json_object_get(action, MEMBER)));

        if (n == NULL)
            continue;
        n->json = span_copy(g, x->json);
        n->private = span_copy(g, x->private);
        n->subscription = span_copy(g, span_of(x->subscription));
    }
    json_decref(tree);
    return !g->has_no_memory;
}

/* Of one tenant only its own subscriptions are looked through. */
struct owned {
    struct gathering *g;
    char (*ids)[37];
    size_t count, room;
};

static bool
subscription_note(void *app, const struct subscription *x)
{
    struct owned *o = app;

    o->ids = room_make(o->g, o->ids, o->count, &o->room, sizeof *o->ids);
    if (o->count < o->room)
        snprintf(o->ids[o->count++], 37, "%.36s", x->id);
    return !o->g->has_no_memory;
}

static enum status
automations_gather(struct gathering *g, struct err *err)
{
    struct owned o = {.g = g};
    enum status st;

    if (g->tenant == NULL)
        return automations_visit(g->c, NULL, automation_note, g, err);
    st = subscriptions(g->c->store, g->tenant, false, subscription_note, &o, err);
    for (size_t i = 0; i < o.count && st == ST_OK; i++)
        st = automations_visit(g->c, o.ids[i], automation_note, g, err);
    free(o.ids);
    return st;
}

/* ---- what they are ---- */

static void
lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
}

bool
workspaces_guid(const char *id, char out[37])
{
    char text[512];
    unsigned char hash[DIGEST_SHA256_SIZE];
    size_t n = (size_t)snprintf(text, sizeof text, "penstock workspace %s", id);

    if (n >= sizeof text)
        return false;
    if (text[n - 1] == '/')
        text[--n] = '\0';
    lower(text);
    if (!digest_sha256((struct span){text, n}, hash))
        return false;
    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x80);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    for (size_t i = 0, at = 0; i < 16; i++)
        at += (size_t)snprintf(out + at, 37 - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", hash[i]);
    return true;
}

static void
place_add(struct gathering *g, const char *id, const char *path)
{
    struct workspace_place p = {.guid = ""};
    struct arm_id parsed;
    struct err ignored;

    if (path == NULL || strlen(path) >= sizeof p.path || strlen(id) >= sizeof p.resource_id ||
        arm_id_parse(span_of(id), &parsed, &ignored) != ST_OK || parsed.name.n >= sizeof p.name ||
        !workspaces_guid(id, p.guid))
        return;
    for (size_t i = 0; i < g->place_count; i++)
        if (strcmp(g->places[i].guid, p.guid) == 0)
            return;
    snprintf(p.name, sizeof p.name, "%.*s", (int)parsed.name.n, parsed.name.p);
    snprintf(p.resource_id, sizeof p.resource_id, "%s", id);
    snprintf(p.path, sizeof p.path, "%s", path);
    g->places = room_make(g, g->places, g->place_count, &g->place_room, sizeof *g->places);
    if (g->place_count < g->place_room)
        g->places[g->place_count++] = p;
}

static void
resource_add(struct gathering *g, const char *id, const struct resource *r)
{
    const struct config_resource *named = resource_configured(g->c->config, span_of(id));

    if (strcmp(r->kind, "workspace") == 0)
        place_add(g, named != NULL ? named->id : id,
                  resource_value(r->settings, r->setting_count, "path"));
}

/* As the tenant's setting has it: what it may not use is not there. */
static enum status
id_add(struct gathering *g, const char *tenant, enum resource_type type, const char *id)
{
    struct resource r;
    struct err ignored;
    enum status st = resource_resolve(g->c->config, tenant, type, span_of(id), &r, &ignored);

    if (st == ST_OK)
        st = resource_as_tables(&r, g->c->kinds, &ignored);
    if (st == ST_OK)
        resource_add(g, id, &r);
    return st;
}

/* As the plan finds an action's destination, so that a grant of another tenant, or its end, counts here, too. */
static void
action_add(struct gathering *g, const struct naming *n)
{
    char *secret = calloc(1, AUTOMATION_SECRET_MAX + 1), granted[40];
    struct destination *d = calloc(1, sizeof *d);
    struct automation x;
    json_t *private = NULL;
    struct err ignored;

    if (secret == NULL || d == NULL) {
        g->has_no_memory = true;
    } else if (automation_stored_read(g->c, n->tenant, n->subscription, span_of(n->json),
                                      span_of(n->private), &x, &private, &ignored) == ST_OK) {
        for (size_t i = 0; i < x.action_count; i++)
            if (x.actions[i].type == ACTION_WORKSPACE &&
                arm_id_equal(span_of(x.actions[i].resource_id), span_of(n->id)) &&
                automation_action_open(g->c, n->tenant, &x.actions[i], private, secret, d, granted,
                                       &ignored) == ST_OK)
                resource_add(g, n->id, &d->r);
        automation_free(&x);
        json_decref(private);
    }
    free(secret);
    free(d);
}

/* ---- the configuration's ---- */

static struct span
last_segment(const char *id)
{
    size_t n = strlen(id);
    struct span s;

    n -= n > 0 && id[n - 1] == '/';
    for (s.p = id + n; s.p > id && s.p[-1] != '/'; s.p--)
        ;
    s.n = (size_t)(id + n - s.p);
    return s;
}

static bool
same(struct span a, struct span b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* The id that hunting.workspace means: as it is, of a resource by that name, or a local one's. */
static void
hunting_id(const struct config *config, char out[400])
{
    const char *text = config->hunting.workspace;

    if (strchr(text, '/') != NULL) {
        snprintf(out, 400, "%s%s", text[0] == '/' ? "" : "/", text);
        return;
    }
    for (size_t i = 0; i < config->resource_count; i++)
        if (strcmp(config->resources[i].kind, "workspace") == 0 &&
            same(last_segment(config->resources[i].id), span_of(text))) {
            snprintf(out, 400, "%s", config->resources[i].id);
            return;
        }
    snprintf(out, 400, LOCAL_WORKSPACES "%s", text);
}

static enum resource_type
hunting_type(const char *id)
{
    struct err ignored;

    return resource_check_id(RESOURCE_STORAGE, span_of(id), &ignored) == ST_OK ? RESOURCE_STORAGE
           : resource_check_id(RESOURCE_HUBS, span_of(id), &ignored) == ST_OK  ? RESOURCE_HUBS
                                                                               : RESOURCE_WORKSPACE;
}

enum status
workspaces_hunting_check(const struct config *config, struct err *err)
{
    const struct config_resource *named;
    struct resource r;
    char id[400];

    if (config->hunting.workspace == NULL)
        return ST_OK;
    if (strlen(config->hunting.workspace) > 300)
        return err_set(err, ST_INVALID, "longer than 300 bytes");
    hunting_id(config, id);
    named = resource_configured(config, span_of(id));
    if (named == NULL && resource_check_id(RESOURCE_WORKSPACE, span_of(id), err) != ST_OK)
        return ST_INVALID;
    if (named == NULL)
        return resource_default(config->data, span_of(id), &r, err);
    if (strcmp(named->kind, "workspace") != 0)
        return err_set(err, ST_INVALID, "the resource %.120s is of kind %s, which cannot be asked",
                       named->id, named->kind);
    return ST_OK;
}

/* For an operator, whom no list of tenants holds up. */
static void
configured_add(struct gathering *g)
{
    const struct config *config = g->c->config;

    for (size_t i = 0; i < config->resource_count; i++)
        if (strcmp(config->resources[i].kind, "workspace") == 0)
            place_add(g, config->resources[i].id,
                      resource_value(config->resources[i].settings,
                                     config->resources[i].setting_count, "path"));
}

static int
by_name(const void *a, const void *b)
{
    const struct workspace_place *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);

    return order != 0 ? order : strcasecmp(x->resource_id, y->resource_id);
}

/* 'g' is to be freed in any case. 'hunting' (may be NULL): the id of hunting.workspace, "" if the tenant may not ask it. */
static enum status
gather(struct gathering *g, const struct control *c, const char *tenant, char hunting[400],
       struct err *err)
{
    char id[400] = "";
    enum status st;

    *g = (struct gathering){.c = c, .tenant = tenant};
    for (size_t i = 0; i < c->config->resource_count; i++)
        g->has_disguised |= strcmp(c->config->resources[i].kind, "workspace") == 0 &&
                            resource_check_id(RESOURCE_WORKSPACE,
                                              span_of(c->config->resources[i].id), err) != ST_OK;
    if (tenant == NULL)
        configured_add(g);
    if (c->config->hunting.workspace != NULL) {
        hunting_id(c->config, id);
        if (id_add(g, tenant != NULL ? tenant : CONTROL_EVERY_TENANT, hunting_type(id), id) !=
                ST_OK &&
            tenant != NULL)
            id[0] = '\0';
    }
    if (hunting != NULL)
        snprintf(hunting, 400, "%s", id);
    st = store_settings(c->store, tenant, setting_note, g, err);
    if (st == ST_OK)
        st = automations_gather(g, err);
    for (size_t i = 0; i < g->naming_count && st == ST_OK && !g->has_no_memory; i++) {
        /* What cannot be resolved (any more) is not there. */
        if (g->namings[i].json != NULL)
            action_add(g, &g->namings[i]);
        else if (id_add(g, g->namings[i].tenant, g->namings[i].type, g->namings[i].id) != ST_OK)
            continue;
    }
    if (st == ST_OK && g->has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the workspaces");
    if (g->place_count > 1)
        qsort(g->places, g->place_count, sizeof *g->places, by_name);
    return st;
}

/* ---- asking ---- */

/* "soc, archive and 3 more" */
static void
names_write(const struct gathering *g, char out[700])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < g->place_count && i < NAMED_MAX; i++)
        n += (size_t)snprintf(out + n, 700 - n, "%s%s", i > 0 ? ", " : "", g->places[i].name);
    if (g->place_count > NAMED_MAX)
        snprintf(out + n, 700 - n, " and %zu more", g->place_count - NAMED_MAX);
}

/* "SUBSCRIPTION/GROUP/NAME", the subscription by its id: its name nobody knows here. */
static bool
is_qualified(const struct workspace_place *p, struct span name)
{
    struct arm_id id;
    struct err ignored;
    char whole[400];
    int n = -1;

    if (arm_id_parse(span_of(p->resource_id), &id, &ignored) == ST_OK && id.subscription.n > 0)
        n = snprintf(whole, sizeof whole, "%.*s/%.*s/%s", (int)id.subscription.n, id.subscription.p,
                     (int)id.resource_group.n, id.resource_group.p, p->name);
    return n > 0 && (size_t)n < sizeof whole && same(span_of(whole), name);
}

static bool
is_called(const struct workspace_place *p, struct span name, const char *guid)
{
    if (guid[0] != '\0')
        return strcmp(p->guid, guid) == 0;
    if (memchr(name.p, '/', name.n) == NULL)
        return same(span_of(p->name), name);
    return arm_id_equal(span_of(p->resource_id), name) ||
           arm_id_equal(span_of(p->resource_id + 1), name) || is_qualified(p, name);
}

static enum status
place_find(const struct gathering *g, struct span name, struct workspace_place *out,
           struct err *err)
{
    const struct workspace_place *found = NULL;
    char guid[37], names[700];

    if (!guid_copy(name, guid))
        guid[0] = '\0';
    for (size_t i = 0; i < g->place_count; i++) {
        if (!is_called(&g->places[i], name, guid))
            continue;
        if (found != NULL)
            return err_set(err, ST_INVALID,
                           "there are several workspaces %.*s: say its id, %.120s or another",
                           name.n < 64 ? (int)name.n : 64, name.p, found->guid);
        found = &g->places[i];
    }
    if (found != NULL) {
        *out = *found;
        return ST_OK;
    }
    names_write(g, names);
    return err_set(err, ST_INVALID, "there is no workspace %.*s here; %s%.200s",
                   name.n < 64 ? (int)name.n : 64, name.p,
                   g->place_count > 0 ? "known: " : "no export setting or automation names one",
                   names);
}

enum status
workspaces_find(const struct control *c, const char *tenant, struct span name,
                struct workspace_place *out, struct err *err)
{
    struct gathering g;
    enum status st = gather(&g, c, tenant, NULL, err);

    if (st == ST_OK)
        st = place_find(&g, name, out, err);
    gathering_free(&g);
    return st;
}

enum status
workspaces_default(const struct control *c, const char *tenant, struct workspace_place *out,
                   struct err *err)
{
    struct gathering g;
    char hunting[400], names[700];
    enum status st = gather(&g, c, tenant, hunting, err);

    if (st == ST_OK && hunting[0] != '\0') {
        st = place_find(&g, span_of(hunting), out, err);
    } else if (st == ST_OK && g.place_count == 1) {
        *out = g.places[0];
    } else if (st == ST_OK && g.place_count == 0) {
        st = err_set(err, ST_INVALID,
                     "there is no workspace to ask yet: make an export setting or an automation "
                     "with the workspace " LOCAL_WORKSPACES
                     "NAME, or set hunting.workspace in the configuration");
    } else if (st == ST_OK) {
        names_write(&g, names);
        st = err_set(err, ST_INVALID,
                     "there are several workspaces (%.180s): set hunting.workspace in the "
                     "configuration to the one that is asked",
                     names);
    }
    gathering_free(&g);
    return st;
}

enum status
workspaces_list(const struct control *c, const char *tenant,
                bool (*each)(void *app, const struct workspace_place *place), void *app,
                struct err *err)
{
    struct gathering g;
    enum status st = gather(&g, c, tenant, NULL, err);

    for (size_t i = 0; st == ST_OK && i < g.place_count && each(app, &g.places[i]); i++)
        ;
    gathering_free(&g);
    return st;
}
