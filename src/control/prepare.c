/* prepare.c - the store brought in line with the configuration. */
#include "control/config.h"
#include "control/control.h"
#include "control/inventory.h"
#include "control/settings.h"
#include "control/store.h"
#include <openssl/rand.h>
#include <stdlib.h>

struct work {
    const struct control *c;
    int64_t now;
    char *made; /* 400 bytes */
    struct err *err;
};

PRINTF_LIKE(2, 3)
static void
say(struct work *w, const char *format, ...)
{
    size_t n = strlen(w->made);
    va_list args;

    va_start(args, format);
    vsnprintf(w->made + n, 400 - n, format, args);
    va_end(args);
}

/* The two exports that a tenant begins with: every event type, also those of tables nobody knows
 * yet. */
static enum status
exports_make(struct work *w, const char *tenant)
{
    static const struct {
        const char *id, *json;
    } exports[] = {
        {"local-archive", "{\"storageAccountProperties\":{\"storageAccountResourceId\":"
                          "\"" CONTROL_LOCAL_STORAGE "\"},\"penstock\":{\"allCategories\":true}}"},
        {"local-hub",     "{\"eventHubProperties\":{\"name\":\"" CONTROL_LOCAL_HUB_NAME
                      "\",\"eventHubResourceId\":\"" CONTROL_LOCAL_HUBS
                      "\"},\"penstock\":{\"allCategories\":true}}"                                   },
    };

    for (size_t i = 0; i < COUNT_OF(exports) && w->c->config->default_exports; i++) {
        struct settings_put put = {.tenant = tenant,
                                   .id = exports[i].id,
                                   .body = span_of(exports[i].json),
                                   .if_none_match = "*",
                                   .now = w->now};
        struct settings_reply reply;

        settings_put(w->c, &put, &reply);
        free(reply.body);
        if (reply.status != 201 && reply.status != 412)
            return err_set(w->err, reply.status == 503 ? ST_IO : ST_INVALID,
                           "cannot make the export %s of tenant %s: %.200s", exports[i].id, tenant,
                           reply.err.text);
        if (reply.status == 201)
            say(w, "export %s; ", exports[i].id);
    }
    return ST_OK;
}

static enum status
tenant_add(struct work *w, const char *id, const char *name, bool is_configured)
{
    struct store_tenant t = {.id = id,
                             .name = name,
                             .is_active = true,
                             .is_configured = is_configured,
                             .created = w->now};
    char start[80];
    bool is_active = false;
    enum status st = store_tenant_find(w->c->store, id, &is_active, w->err);

    /* The note comes first: a kill in between leaves it, and the next start goes on. */
    snprintf(start, sizeof start, "exports-to-make/%s", id);
    if (st == ST_END) {
        say(w, "tenant %s (%.60s); ", id, name);
        st = store_value_set(w->c->store, start, SPAN_LITERAL("1"), w->err);
    }
    if (st == ST_OK)
        st = store_tenant_set(w->c->store, &t, NULL, w->err);
    char *note = NULL;
    size_t size = 0;
    struct err ignored;

    if (st != ST_OK || store_value_get(w->c->store, start, &note, &size, &ignored) != ST_OK)
        return st;
    if (strcmp(note, "1") == 0) {
        st = exports_make(w, id);
        if (st == ST_OK)
            st = store_value_set(w->c->store, start, SPAN_LITERAL("0"), w->err);
    }
    free(note);
    return st;
}

/* Tenants that are there now, by id. */
struct tenants {
    struct known {
        char id[40];
        char name[204];
        bool is_active, is_configured;
        int64_t created;
    } * items;
    size_t count;
    bool has_no_memory;
};

static bool
tenant_note(void *app, const struct store_tenant *t)
{
    struct tenants *all = app;
    struct known *items = realloc(all->items, (all->count + 1) * sizeof *items);

    if (items == NULL) {
        all->has_no_memory = true;
        return false;
    }
    all->items = items;
    items[all->count] = (struct known){
        .is_active = t->is_active, .is_configured = t->is_configured, .created = t->created};
    snprintf(items[all->count].id, sizeof items->id, "%s", t->id);
    snprintf(items[all->count].name, sizeof items->name, "%s", t->name);
    all->count++;
    return true;
}

static bool
is_named(const struct config *c, const char *id)
{
    for (size_t i = 0; i < c->tenant_count; i++)
        if (strcmp(c->tenants[i].id, id) == 0)
            return true;
    return false;
}

/* Those that the list named once and no longer does. Without a list nothing is switched off. */
static enum status
tenants_switch_off(struct work *w, const struct tenants *all)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < all->count && w->c->config->tenant_count > 0 && st == ST_OK; i++) {
        const struct known *t = &all->items[i];
        struct store_tenant off = {t->id, t->name, false, true, t->created};

        if (!t->is_active || !t->is_configured || is_named(w->c->config, t->id))
            continue;
        st = store_tenant_set(w->c->store, &off, NULL, w->err);
        say(w, "tenant %s switched off; ", t->id);
    }
    return st;
}

static enum status
first_tenant(struct work *w)
{
    unsigned char b[16];
    char id[37];

    if (RAND_bytes(b, sizeof b) != 1)
        return err_set(w->err, ST_IO, "no random bytes for a tenant's id");
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* a GUID of version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(id, sizeof id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return tenant_add(w, id, "default", false);
}

static enum status
tenants_prepare(struct work *w)
{
    const struct config *config = w->c->config;
    struct tenants all = {0};
    enum status st = store_tenants(w->c->store, tenant_note, &all, w->err);

    if (st == ST_OK && all.has_no_memory)
        st = err_set(w->err, ST_FULL, "no memory for the tenants");
    if (st == ST_OK)
        st = tenants_switch_off(w, &all);
    for (size_t i = 0; i < config->tenant_count && st == ST_OK; i++)
        st = tenant_add(w, config->tenants[i].id, config->tenants[i].name, true);
    for (size_t i = 0; i < all.count && config->tenant_count == 0 && st == ST_OK; i++)
        if (all.items[i].is_active) /* a first start that was cut short goes on */
            st = tenant_add(w, all.items[i].id, all.items[i].name, all.items[i].is_configured);
    if (st == ST_OK && all.count == 0 && config->tenant_count == 0)
        st = first_tenant(w);
    free(all.items);
    return st;
}

static enum status
subscription_add(struct work *w, const char *id, const char *tenant, const char *name,
                 enum subscription_origin origin)
{
    struct subscription x = {
        .id = id, .tenant = tenant, .name = name, .origin = origin, .created = w->now};
    struct err why = {""};
    enum status st = subscription_set(w->c->store, &x, NULL, &why);

    if (st != ST_OK)
        return err_set(w->err, st, "tenant %s: subscription %s: %.200s", tenant, id, why.text);
    return ST_OK;
}

/* Each tenant's own, and those that the configuration names: written where they are not as they should be,
 * since it happens at each reload. */
struct subscriptions_now {
    struct known_subscription {
        char id[40], tenant[40];
        char name[204];
        enum subscription_origin origin;
    } * items;
    size_t count, room;
    bool has_no_memory;
};

static bool
subscription_note(void *app, const struct subscription *x)
{
    struct subscriptions_now *all = app;

    if (all->count == all->room) {
        size_t room = all->room == 0 ? 64 : all->room * 2;
        void *items = realloc(all->items, room * sizeof *all->items);

        if (items == NULL) {
            all->has_no_memory = true;
            return false;
        }
        all->items = items;
        all->room = room;
    }
    struct known_subscription *k = &all->items[all->count++];

    k->origin = x->origin;
    snprintf(k->id, sizeof k->id, "%s", x->id);
    snprintf(k->tenant, sizeof k->tenant, "%s", x->tenant);
    snprintf(k->name, sizeof k->name, "%s", x->name);
    return true;
}

static const struct known_subscription *
subscription_known(const struct subscriptions_now *all, const char *id)
{
    size_t low = 0, high = all->count;

    while (low < high) { /* they came by id */
        size_t middle = (low + high) / 2;
        int order = strcmp(all->items[middle].id, id);

        if (order == 0)
            return &all->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum status
tenant_subscriptions(struct work *w, const struct subscriptions_now *all, const struct known *t)
{
    const struct config *c = w->c->config;
    const struct known_subscription *own = subscription_known(all, t->id);
    enum status st = ST_OK;

    if (own == NULL || own->origin != SUBSCRIPTION_DEFAULT || strcmp(own->tenant, t->id) != 0)
        st = subscription_add(w, t->id, t->id, t->name, SUBSCRIPTION_DEFAULT);
    for (size_t i = 0; i < c->tenant_count && st == ST_OK; i++)
        for (size_t k = 0; k < c->tenants[i].subscription_count && st == ST_OK &&
                           strcmp(c->tenants[i].id, t->id) == 0;
             k++) {
            const char *id = c->tenants[i].subscriptions[k];
            const struct known_subscription *there = subscription_known(all, id);

            if (there == NULL || there->origin == SUBSCRIPTION_REGISTERED ||
                strcmp(there->tenant, t->id) != 0)
                st = subscription_add(w, id, t->id, there == NULL ? id : there->name,
                                      SUBSCRIPTION_CONFIGURED);
        }
    return st;
}

/* What the configuration named once and names no longer is as if registered: it can be removed. */
static enum status
subscriptions_release(struct work *w, const struct subscriptions_now *all)
{
    const struct config *c = w->c->config;
    enum status st = ST_OK;

    for (size_t i = 0; i < all->count && st == ST_OK; i++) {
        bool is_named = all->items[i].origin != SUBSCRIPTION_CONFIGURED;

        for (size_t t = 0; t < c->tenant_count && !is_named; t++)
            for (size_t k = 0; k < c->tenants[t].subscription_count && !is_named; k++)
                is_named = strcmp(c->tenants[t].subscriptions[k], all->items[i].id) == 0;
        if (!is_named)
            st = subscription_release(w->c->store, all->items[i].id, w->err);
    }
    return st;
}

static enum status
subscriptions_prepare(struct work *w)
{
    struct subscriptions_now all = {0};
    struct tenants tenants = {0};
    enum status st = store_tenants(w->c->store, tenant_note, &tenants, w->err);

    if (st == ST_OK)
        st = subscriptions(w->c->store, NULL, true, subscription_note, &all, w->err);
    if (st == ST_OK && (all.has_no_memory || tenants.has_no_memory))
        st = err_set(w->err, ST_FULL, "no memory for the subscriptions");
    if (st == ST_OK)
        st = subscriptions_release(w, &all);
    for (size_t i = 0; i < tenants.count && st == ST_OK; i++)
        st = tenant_subscriptions(w, &all, &tenants.items[i]);
    free(all.items);
    free(tenants.items);
    return st;
}

static enum status
groups_prepare(struct work *w)
{
    const struct config *config = w->c->config;
    enum status st = ST_OK;

    for (size_t i = 0; i < config->group_count && st == ST_OK; i++) {
        const struct config_groups *g = &config->groups[i];
        char *old = NULL;

        st = store_groups_get(w->c->store, g->tenant, &old, w->err);
        if (st == ST_END || (st == ST_OK && strcmp(old, g->json) != 0)) {
            st = store_groups_set(w->c->store, g->tenant, span_of(g->json), w->now, w->err);
            say(w, "device groups of %s; ", g->tenant);
        }
        free(old);
    }
    return st;
}

enum status
control_prepare(const struct control *c, int64_t now, char made[400], struct err *err)
{
    struct work w = {.c = c, .now = now, .made = made, .err = err};
    enum status st;
    size_t n;

    made[0] = '\0';
    st = tenants_prepare(&w);
    if (st == ST_OK)
        st = subscriptions_prepare(&w);
    if (st == ST_OK)
        st = groups_prepare(&w);
    n = strlen(made);
    if (n >= 2 && made[n - 2] == ';')
        made[n - 2] = '\0';
    return st;
}
