/* plan_build.c - every stored setting becomes a route; all text of the plan lives in one heap that
 * dies with it. */
#include "control/config.h"
#include "control/plan_inner.h"
#include "control/secrets.h"
#include "control/settings.h"
#include "control/store.h"
#include "control/workspaces.h"
#include <openssl/evp.h>
#include <stdlib.h>

/* What the store holds, copied, so that nothing is worked out under its lock. */
struct stored {
    const char *tenant, *id;
    struct span json, secret;
    int64_t created;
    bool is_off; /* its tenant is switched off */
};
struct gathering {
    struct heap heap;
    struct stored *rows;
    size_t row_count, row_room;
    const char **tenants; /* the active ones */
    size_t tenant_count, tenant_room;
    bool has_no_memory;
};

static void *
grown(struct gathering *g, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    size_t wanted = *room == 0 ? 32 : *room * 2;
    void *larger = realloc(items, wanted * size);

    if (larger == NULL) {
        g->has_no_memory = true;
        return NULL;
    }
    *room = wanted;
    return larger;
}

static bool
gather_tenant(void *app, const struct store_tenant *t)
{
    struct gathering *g = app;
    const char **tenants;

    if (!t->is_active)
        return true;
    tenants = grown(g, g->tenants, g->tenant_count, &g->tenant_room, sizeof *tenants);
    if (tenants == NULL)
        return false;
    g->tenants = tenants;
    tenants[g->tenant_count] = heap_text(&g->heap, span_of(t->id));
    g->has_no_memory |= tenants[g->tenant_count++] == NULL;
    return !g->has_no_memory;
}

static bool
gather_setting(void *app, const struct store_setting *x)
{
    struct gathering *g = app;
    struct stored *rows, *row;
    bool is_active = false;

    for (size_t i = 0; i < g->tenant_count && !is_active; i++)
        is_active = strcmp(g->tenants[i], x->tenant) == 0;
    rows = grown(g, g->rows, g->row_count, &g->row_room, sizeof *rows);
    if (rows == NULL)
        return false;
    g->rows = rows;
    row = &rows[g->row_count++];
    *row = (struct stored){
        .tenant = heap_text(&g->heap, span_of(x->tenant)),
        .id = heap_text(&g->heap, span_of(x->id)),
        .json = {heap_text(&g->heap, x->json),   x->json.n  },
        .secret = {heap_text(&g->heap, x->secret), x->secret.n},
        .created = x->created,
        .is_off = !is_active
    };
    g->has_no_memory |=
        row->tenant == NULL || row->id == NULL || row->json.p == NULL || row->secret.p == NULL;
    return !g->has_no_memory;
}

static enum status
gather(const struct control *c, struct gathering *g, struct err *err)
{
    enum status st = store_tenants(c->store, gather_tenant, g, err);

    if (st == ST_OK)
        st = store_settings(c->store, NULL, gather_setting, g, err);
    if (st == ST_OK && g->has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the plan");
    return st;
}

const char *
plan_keep(struct building *b, const char *text)
{
    const char *copy = text == NULL ? NULL : heap_text(b->heap, span_of(text));

    b->has_no_memory |= text != NULL && copy == NULL;
    return copy;
}

void
plan_destination_keep(struct building *b, const struct resource *r, const char *resource_id,
                      const char *hub, struct plan_route *route)
{
    char guid[37];
    struct plan_destination *out = &route->destination;

    *out = (struct plan_destination){.kind = plan_keep(b, r->kind), .hub = plan_keep(b, hub)};
    out->settings = heap_take(b->heap, (r->setting_count + 2) * sizeof *out->settings);
    b->has_no_memory |= out->settings == NULL;
    for (size_t i = 0; i < r->setting_count && !b->has_no_memory; i++)
        out->settings[i] = (struct plan_setting){plan_keep(b, r->settings[i].name),
                                                 plan_keep(b, r->settings[i].value)};
    out->setting_count = r->setting_count;
    if (strcmp(r->kind, "workspace") != 0 || b->has_no_memory)
        return;
    /* Exports that share a workspace each have a place of their own in it. */
    if (resource_value(r->settings, r->setting_count, "writer") == NULL)
        out->settings[out->setting_count++] = (struct plan_setting){"writer", route->id};
    if (resource_value(r->settings, r->setting_count, "guid") == NULL &&
        workspaces_guid(resource_id, guid))
        out->settings[out->setting_count++] = (struct plan_setting){"guid", plan_keep(b, guid)};
}

/* ST_INVALID with its reason: the route exists, and its sink will not open. */
static enum status
destination_make(struct building *b, const struct setting *x, const struct stored *row,
                 struct plan_route *route, struct err *why)
{
    char connection[SECRETS_SIZE_MAX + 1] = "";
    struct resource r;
    struct err ignored;
    enum status st = setting_resolve(b->c, x, &r, why);

    if (st != ST_OK) {
        static const char *const kinds[] = {[SETTING_EVENT_HUB] = "kafka",
                                            [SETTING_STORAGE] = "blob",
                                            [SETTING_WORKSPACE] = "workspace"};

        r = (struct resource){.kind = kinds[x->destination]};
    } else if (row->secret.n > 0) {
        st = setting_secret(b->c, x, row->secret, connection, why);
        if (st == ST_OK)
            st = resource_connect(&r, b->c->kinds, connection, why);
    } else if (r.is_azure && !r.is_configured) {
        st = err_set(why, ST_INVALID,
                     "nothing says how to sign in to %.120s: name it under "
                     "'resources' of the configuration",
                     x->resource_id);
    }
    if (resource_name_hub(&r, b->c->kinds, x->hub_name, st == ST_OK ? why : &ignored) != ST_OK)
        st = ST_INVALID;
    plan_destination_keep(b, &r, x->resource_id, x->hub_name, route);
    secrets_wipe(connection, sizeof connection);
    return st;
}

static void
hash_text(EVP_MD_CTX *x, const char *text)
{
    static const char absent = 1; /* not the same as "" */

    if (text == NULL)
        (void)EVP_DigestUpdate(x, &absent, 1);
    else
        (void)EVP_DigestUpdate(x, text, strlen(text));
    (void)EVP_DigestUpdate(x, "", 1);
}

static void
hash_number(EVP_MD_CTX *x, uint64_t n)
{
    (void)EVP_DigestUpdate(x, &n, sizeof n);
}

/* SHA-256, of which 8 bytes are kept: two routes that differ have different ones. 0 if there is no
 * digest: then each swap starts the export anew. */
uint64_t
plan_fingerprint(const struct plan_route *r, uint64_t version)
{
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    uint64_t n;

    if (x == NULL || EVP_DigestInit_ex(x, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(x);
        return version;
    }
    hash_text(x, r->id);
    hash_text(x, r->tenant);
    hash_number(x, r->category_count);
    for (size_t i = 0; i < r->category_count; i++)
        hash_text(x, r->categories[i]);
    hash_number(x, r->all_categories);
    hash_number(x, r->profile);
    hash_number(x, r->group_mode);
    hash_text(x, r->destination.kind);
    hash_text(x, r->destination.hub);
    hash_number(x, r->destination.setting_count);
    for (size_t i = 0; i < r->destination.setting_count; i++) {
        hash_text(x, r->destination.settings[i].name);
        hash_text(x, r->destination.settings[i].value);
    }
    hash_number(x, r->batch_bytes);
    hash_number(x, r->batch_rows);
    hash_number(x, r->linger_ms);
    hash_number(x, r->bytes_per_s_max);
    hash_number(x, r->rows_per_s_max);
    hash_number(x, r->drops_when_full);
    hash_number(x, r->is_enabled);
    hash_number(x, (uint64_t)r->start_ticks);
    if (r->events != NULL) {
        hash_number(x, event_filter_fingerprint(r->events));
        hash_number(x, r->event_shape);
        hash_number(x, r->has_legacy_findings);
        hash_text(x, r->workspace);
        hash_text(x, r->label);
    }
    if (r->transform != NULL)
        hash_number(x, transform_fingerprint(r->transform));
    (void)EVP_DigestFinal_ex(x, hash, NULL);
    EVP_MD_CTX_free(x);
    memcpy(&n, hash, sizeof n);
    return n;
}

static void
categories_keep(struct building *b, const struct setting *x, struct plan_route *route)
{
    const char **categories = heap_take(b->heap, x->category_count * sizeof *categories + 1);

    b->has_no_memory |= categories == NULL;
    for (size_t i = 0; i < x->category_count && !b->has_no_memory; i++)
        categories[i] = plan_keep(b, x->categories[i]);
    route->categories = x->all_categories ? NULL : categories;
    route->category_count = x->category_count;
    route->all_categories = x->all_categories;
}

/* What cannot be read is there all the same, and rests: a route that is gone from the plan has been
 * deleted, and loses its cursor. */
static enum status
route_rest(struct building *b, const struct stored *row, struct plan_route *route, struct err *why)
{
    *route = (struct plan_route){.id = heap_format(b->heap, "%s/%s", row->tenant, row->id),
                                 .tenant = plan_keep(b, row->tenant),
                                 .destination.kind = "none",
                                 .start_ticks = row->created};
    if (b->has_no_memory || route->id == NULL)
        return err_set(why, ST_FULL, "no memory for the plan");
    return ST_INVALID;
}

/* ST_OK: the route is whole. ST_INVALID: it is there but will not open. */
static enum status
route_make(struct building *b, const struct stored *row, uint64_t version, struct plan_route *route,
           struct err *why)
{
    struct transform *transform = NULL;
    struct setting x;
    char code[48];
    enum status st = setting_read(b->c, row->tenant, row->id, row->json, true, &x, code, why);

    if (st != ST_OK)
        return st == ST_FULL ? st : route_rest(b, row, route, why);
    *route = (struct plan_route){.id = heap_format(b->heap, "%s/%s", row->tenant, row->id),
                                 .tenant = plan_keep(b, row->tenant),
                                 .profile = x.profile,
                                 .group_mode = x.group_mode,
                                 .batch_bytes = x.batch_bytes,
                                 .batch_rows = x.batch_rows,
                                 .linger_ms = x.linger_ms,
                                 .bytes_per_s_max = x.bytes_per_s_max,
                                 .rows_per_s_max = x.rows_per_s_max,
                                 .drops_when_full = x.drops_when_full,
                                 .is_enabled = x.is_enabled && !row->is_off,
                                 .start_ticks = row->created};
    b->has_no_memory |= route->id == NULL;
    categories_keep(b, &x, route);
    st = setting_transform(b->c, &x, KQL_STREAM_WIDE, NULL, NULL, &transform, why);
    if (st != ST_OK) { /* rows must not leave in a shape that nobody asked for */
        setting_free(&x);
        return st == ST_FULL ? st : route_rest(b, row, route, why);
    }
    route->transform = transform;
    st = destination_make(b, &x, row, route, why);
    setting_free(&x);
    if (b->has_no_memory)
        return err_set(why, ST_FULL, "no memory for the plan");
    route->fingerprint = plan_fingerprint(route, version);
    return st;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(((const struct plan_route *)a)->id, ((const struct plan_route *)b)->id);
}

static void
plan_destroy(struct plan *plan)
{
    struct plan_whole *whole = (struct plan_whole *)(void *)plan;

    for (size_t i = 0; i < plan->route_count; i++)
        transform_free((struct transform *)(uintptr_t)plan->routes[i].transform);
    for (struct plan_filter *f = whole->filters; f != NULL; f = f->next) {
        event_filter_free(f->filter);
        for (size_t i = 0; i < f->rule_count; i++)
            rule_sets_free(f->rules[i]);
    }
    heap_free(&whole->heap);
    free(whole);
}

static enum status
routes_make(const struct control *c, const struct gathering *g, uint64_t version,
            plan_fault_fn fault, void *app, struct plan_whole *whole, struct err *err)
{
    struct building b = {.c = c, .heap = &whole->heap};
    struct plan_route *routes;
    char id[240];
    size_t count = 0;
    enum status automations =
        plan_automations(&b, whole, version, g->row_count, &routes, &count, fault, app, err);

    if (automations != ST_OK)
        return automations;
    for (size_t i = 0; i < g->row_count; i++) {
        struct err why = {""};
        enum status st = route_make(&b, &g->rows[i], version, &routes[count], &why);

        whole->plan.route_count = count + (st != ST_FULL && routes[count].id != NULL);
        if (st == ST_FULL) {
            transform_free((struct transform *)(uintptr_t)routes[count].transform);
            *err = why;
            return st;
        }
        snprintf(id, sizeof id, "%s/%s", g->rows[i].tenant, g->rows[i].id);
        if (st != ST_OK && fault != NULL && !g->rows[i].is_off)
            fault(app, id, &why);
        count += routes[count].id != NULL;
    }
    if (count > 0)
        qsort(routes, count, sizeof *routes, by_id);
    whole->plan.routes = routes;
    whole->plan.route_count = count;
    return ST_OK;
}

enum status
plan_build(const struct control *c, uint64_t version, plan_fault_fn fault, void *app,
           struct plan **plan, struct err *err)
{
    struct plan_whole *whole = calloc(1, sizeof *whole);
    struct gathering g = {0};
    enum status st;

    if (whole == NULL)
        return err_set(err, ST_FULL, "no memory for the plan");
    st = gather(c, &g, err);
    if (st == ST_OK)
        st = routes_make(c, &g, version, fault, app, whole, err);
    heap_free(&g.heap);
    free(g.rows);
    free(g.tenants);
    if (st != ST_OK) {
        plan_destroy(&whole->plan);
        return st;
    }
    atomic_init(&whole->plan.references, 1);
    whole->plan.version = version;
    whole->plan.destroy = plan_destroy;
    *plan = &whole->plan;
    return ST_OK;
}
