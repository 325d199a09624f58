#include "deliver/hub.h"
#include "base/clock.h"
#include "batch/window.h"
#include "deliver/event_text.h"
#include "match/event.h"
#include "model/catalog.h"
#include <stdlib.h>

enum {
    MESSAGE_MAX = BLOCK_BODY_MAX + 4096, /* no row is too large for it: size_max bounds messages */
    CATEGORIES_MAX = 512,
    WAIT_STEP_MS = 500,
    SCAN_MS_MAX =
        2000, /* of blocks that hold nothing for the reader: it comes back with its cursor */
};

static bool
is_of_hub(const struct plan_route *route, const char *tenant, const char *hub)
{
    return route->is_enabled && route->events == NULL &&
           strcmp(route->destination.kind, "hub") == 0 &&
           (tenant == NULL || (route->tenant != NULL && strcmp(route->tenant, tenant) == 0)) &&
           (route->destination.hub == NULL || strcmp(route->destination.hub, hub) == 0);
}

/* Adds the route's categories that go to this hub, keeping the list sorted and single. */
static void
categories_add(const struct plan_route *route, const char *hub, const char **list, size_t *count)
{
    for (size_t i = 0; i < route->category_count && *count < CATEGORIES_MAX; i++) {
        const char *category = route->categories[i];
        char name[64];
        size_t at = 0;

        if (route->destination.hub == NULL &&
            (!catalog_container(span_of(category), name) || strcmp(name, hub) != 0))
            continue;
        while (at < *count && strcmp(list[at], category) < 0)
            at++;
        if (at < *count && strcmp(list[at], category) == 0)
            continue;
        memmove(&list[at + 1], &list[at], (*count - at) * sizeof *list);
        list[at] = category;
        ++*count;
    }
}

/* Several settings may feed one hub: it shows what any of them selects, once, in the first one's
 * shape. */
static bool
merge(const struct plan_route *routes, size_t route_count, const char *tenant, const char *hub,
      const char **categories, struct plan_route *merged)
{
    bool found = false;
    size_t count = 0;

    for (size_t i = 0; i < route_count; i++) {
        const struct plan_route *route = &routes[i];

        if (!is_of_hub(route, tenant, hub))
            continue;
        bool per_category = route->destination.hub == NULL;
        bool is_all = route->all_categories && !per_category;
        /* A hub for each category that there may be: any name that a category can give. */
        bool is_container = route->all_categories && per_category &&
                            strncmp(hub, "insights-logs-", sizeof "insights-logs-" - 1) == 0;
        size_t before = count;

        if (!route->all_categories)
            categories_add(route, hub, categories, &count);
        if (per_category && !is_container && count == before)
            continue; /* none of them is this one, or another setting named it */
        if (!found) {
            *merged = *route;
            merged->all_categories = false;
        }
        merged->all_categories |= is_all;
        if (is_container)
            merged->container = hub;
        found = true;
    }
    if (found) {
        merged->categories = categories;
        merged->category_count = count;
        merged->tenant = tenant;
    }
    return found;
}

/* The hub's settings one by one, if one of them has a transformation: a row is shown if any of them
 * lets it through, as the first one that does makes it. */
struct feeds {
    struct plan_route *routes;
    const struct plan_route **list;
    const struct transform **transforms;
    const char **categories; /* CATEGORIES_MAX + 1 for each */
    size_t count;
    struct transform_run *run; /* NULL: there is none */
};

static void
feeds_free(struct feeds *f)
{
    transform_run_free(f->run);
    free(f->routes);
    free(f->list);
    free(f->transforms);
    free(f->categories);
}

static enum status
feeds_make(const struct plan *plan, const char *tenant, const char *hub, struct feeds *f,
           struct err *err)
{
    size_t count = plan->route_count;
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any |= is_of_hub(&plan->routes[i], tenant, hub) && plan->routes[i].transform != NULL;
    if (!any)
        return ST_OK;
    f->routes = calloc(count, sizeof *f->routes);
    f->list = calloc(count, sizeof(struct plan_route *));
    f->transforms = calloc(count, sizeof(struct transform *));
    f->categories = calloc(count * (CATEGORIES_MAX + 1), sizeof *f->categories);
    if (f->routes == NULL || f->list == NULL || f->transforms == NULL || f->categories == NULL)
        return err_set(err, ST_FULL, "no memory for the hub's transformations");
    for (size_t i = 0; i < count; i++) {
        struct plan_route *route = &f->routes[f->count];

        if (!merge(&plan->routes[i], 1, tenant, hub,
                   f->categories + f->count * (CATEGORIES_MAX + 1), route))
            continue;
        f->list[f->count] = route;
        f->transforms[f->count++] = plan->routes[i].transform;
    }
    if (transform_run_make(f->transforms, f->count, &f->run, err) != ST_OK)
        return ST_FULL;
    transform_routes(f->run, f->list);
    return ST_OK;
}

/* Actions of automations that feed the hub: an event is shown if one of them wants it, once, as its bare
 * document (continuous-export.md section 2.2). */
struct event_feeds {
    const struct plan_route **routes;
    size_t count;
};

static enum status
event_feeds_make(const struct plan *plan, const char *tenant, const char *hub,
                 struct event_feeds *f, struct err *err)
{
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct plan_route *r = &plan->routes[i];
        const char *named = r->destination.hub;

        if (r->events == NULL || !r->is_enabled || strcmp(r->destination.kind, "hub") != 0 ||
            (tenant != NULL && (r->tenant == NULL || strcmp(r->tenant, tenant) != 0)) ||
            named == NULL || strcmp(named, hub) != 0)
            continue;
        if (f->routes == NULL)
            f->routes = calloc(plan->route_count, sizeof(struct plan_route *));
        if (f->routes == NULL)
            return err_set(err, ST_FULL, "no memory for the hub's automations");
        f->routes[f->count++] = r;
    }
    return ST_OK;
}

/* The first action that wants it; NULL: none. */
static const struct plan_route *
fed_by(const struct event_feeds *f, const struct block *block, uint32_t row)
{
    const struct block_stream *stream = &block->streams[block->rows[row].stream];
    struct event event;
    const struct plan_route *found = NULL;
    struct err ignored;
    bool is_open = false;

    for (size_t i = 0; i < f->count && found == NULL; i++) {
        const struct plan_route *r = f->routes[i];

        if ((r->tenant != NULL && strcmp(r->tenant, stream->tenant) != 0) ||
            block->head->admitted < r->start_ticks) /* it was not there, or switched off */
            continue;
        if (!is_open && event_open(&event, block, row, &ignored) != ST_OK)
            return NULL;
        is_open = true;
        if (event_filter_passes(r->events, &event))
            found = r;
    }
    if (is_open)
        event_close(&event);
    return found;
}

/* What is read goes into one window of messages and one of events. */
struct catch
{
    const struct plan_route *route; /* of rows; NULL: nothing feeds them */
    struct event_feeds events;
    struct window *rows, *documents;
    size_t size_max;
};

static bool
is_caught(const struct catch *c)
{
    return window_row_count(c->rows) + window_row_count(c->documents) > 0;
}

static bool
is_full(const struct catch *c)
{
    return window_size(c->rows) + window_size(c->documents) >= c->size_max ||
           window_is_full(c->documents);
}

static enum status
catch_event(const struct catch *c, const struct plan_route *route, const struct pool_block *held,
            uint32_t row)
{
    static const struct plan_route bare = {.profile = PROFILE_BARE};
    struct span object;
    struct err ignored;
    bool is_shrunk;
    char *text;
    enum status st = event_text(route, &held->block, row, &text, &object.n, &is_shrunk, &ignored);

    object.p = text;
    if (st == ST_OK)
        st = window_add_row(c->documents, &bare, &held->block, held->position, row,
                            text != NULL ? &object : NULL, NULL);
    free(text);
    return st;
}

/* As window_add, of a block of events. */
static enum status
catch_events(const struct catch *c, const struct pool_block *held, uint32_t *row)
{
    uint32_t row_end = held->block.head->row_count;

    for (; *row < row_end && c->events.count > 0; ++*row) {
        if (is_full(c))
            return ST_FULL;
        const struct plan_route *r = fed_by(&c->events, &held->block, *row);

        if (r != NULL && catch_event(c, r, held, *row) == ST_FULL)
            return ST_FULL;
    }
    *row = row_end;
    return ST_OK;
}

static size_t
joined_size(const struct window *w)
{
    size_t size = 0;

    for (size_t i = 0; i < window_parcel_count(w); i++)
        size += window_parcel(w, i)->size + 1;
    return size;
}

static char *
put_lines(char *at, const struct window *w)
{
    for (size_t i = 0; i < window_parcel_count(w); i++) {
        struct span body = window_parcel_body(w, window_parcel(w, i));

        memcpy(at, body.p, body.n);
        at += body.n;
        *at++ = '\n';
    }
    return at;
}

static enum status
join(const struct catch *c, char **out, size_t *out_size, struct err *err)
{
    size_t size = joined_size(c->rows) + joined_size(c->documents);

    if (size == 0)
        return ST_OK;
    *out = malloc(size);
    if (*out == NULL)
        return err_set(err, ST_FULL, "no memory for %zu bytes of messages", size);
    put_lines(put_lines(*out, c->rows), c->documents);
    *out_size = size;
    return ST_OK;
}

static enum status
collect(struct journal *j, struct block_pool *pool, const struct catch *c, uint64_t *position,
        uint32_t *row, int wait_ms, const atomic_bool *no_waits, struct err *err)
{
    int64_t now_ms = clock_monotonic_ms(), until_ms = now_ms + wait_ms;
    int64_t scan_until_ms = now_ms + (wait_ms > SCAN_MS_MAX ? wait_ms : SCAN_MS_MAX);

    for (;;) {
        const struct pool_block *held;
        uint64_t next;
        uint32_t wanted = 0;
        enum status st = block_pool_take(pool, *position, &held, &next, NULL, err);

        if (st == ST_END) {
            int64_t began_ms = clock_monotonic_ms(), left_ms = until_ms - began_ms;
            int64_t step_ms = left_ms < WAIT_STEP_MS ? left_ms : WAIT_STEP_MS;

            *position = next;
            *row = 0;
            if (is_caught(c) || left_ms <= 0 || atomic_load(no_waits))
                return ST_OK;
            /* A wake without news is a change of settings: answer what there is. */
            if (!journal_wait(j, *position, (int)step_ms) &&
                clock_monotonic_ms() - began_ms < step_ms)
                return ST_OK;
            continue;
        }
        if (st != ST_OK)
            return st;
        if (held->position != *position)
            *row = 0;
        *position = held->position;
        uint32_t row_end = held->block.head->row_count;

        if (held->block.head->kind == BLOCK_EVENTS) {
            st = catch_events(c, held, row);
        } else {
            if (held->block.head->kind != BLOCK_ROWS || c->route == NULL)
                *row = row_end;
            if (*row < row_end && is_full(c))
                st = ST_FULL;
            else if (*row < row_end)
                st = window_add(c->rows, c->route, &held->block, held->position, row, row_end,
                                &wanted);
        }
        if (st == ST_OK && *row >= row_end) {
            *position = held->next;
            *row = 0;
        }
        block_pool_drop(pool, held);
        if (st == ST_FULL || clock_monotonic_ms() >= scan_until_ms)
            return ST_OK;
    }
}

static void
catch_free(struct catch *c)
{
    window_free(c->rows);
    window_free(c->documents);
    free(c->events.routes);
}

enum status
hub_read(struct journal *j, struct block_pool *pool, struct plan *plan, const char *tenant,
         const char *hub, uint64_t *position, uint32_t *row, size_t size_max, int wait_ms,
         const atomic_bool *no_waits, char **out, size_t *out_size, uint64_t *rows, struct err *err)
{
    const char *categories[CATEGORIES_MAX + 1];
    struct plan_route merged = {0};
    struct feeds feeds = {0};
    struct catch c = {.size_max = size_max};
    enum status st = event_feeds_make(plan, tenant, hub, &c.events, err);

    if (merge(plan->routes, plan->route_count, tenant, hub, categories, &merged))
        c.route = &merged;
    if (st == ST_OK && c.route == NULL && c.events.count == 0)
        return err_set(err, ST_INVALID, "there is no local event hub '%.80s'", hub);
    if (st == ST_OK)
        st = feeds_make(plan, tenant, hub, &feeds, err);
    if (st == ST_OK)
        st = window_make(&c.rows, err);
    if (st == ST_OK)
        st = window_make(&c.documents, err);
    if (st == ST_OK) {
        struct window_limits limits = {
            .framing = WINDOW_RECORDS,
            .parcel_max = MESSAGE_MAX,
            .bytes_max = size_max,
            .rows_max = 100000,
            .lanes_max = CATEGORIES_MAX,
        };

        window_transform(c.rows, feeds.run, TRANSFORM_ANY, false);
        window_reset(c.rows, &limits);
        limits.framing = WINDOW_ROW;
        window_reset(c.documents, &limits);
        st = collect(j, pool, &c, position, row, wait_ms, no_waits, err);
    }
    if (st == ST_OK) {
        window_seal(c.rows);
        window_seal(c.documents);
        *rows = window_row_count(c.rows) + window_row_count(c.documents);
        st = join(&c, out, out_size, err);
    }
    catch_free(&c);
    feeds_free(&feeds);
    return st;
}
