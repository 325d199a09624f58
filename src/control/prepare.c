/* prepare.c - the store brought in line with the configuration. */
#include "control/config.h"
#include "control/control.h"
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
        st = groups_prepare(&w);
    n = strlen(made);
    if (n >= 2 && made[n - 2] == ';')
        made[n - 2] = '\0';
    return st;
}
