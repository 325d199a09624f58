/* hunting.c - workspaces kept open for queries, and the queries that run: who may start one, and when it ends early.
 *
 * A file is opened by the first query that asks it, under a lock of its own so that queries of open ones go on
 * meanwhile. A thread looks at the clients of running queries a few times a second, while there are any: libmicrohttpd cannot
 * tell a handler that its client has left. */
#include "api/hunting.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "control/saved_queries.h"
#include "workspace/workspace.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum {
    RUNNING_MAX = 512, /* 64 side by side, the most one can configure, HUNTING_WAITING_MAX times */
    LOOK_MS = 250,     /* between two looks at the clients */
    BODIES = 4,        /* of hunting.answerSize that may wait to be read */
};

/* A body that leaves; the state of its call. */
struct held {
    struct hunting *hunting;
    struct held *before, *after;
    size_t size;
    char tenant[37]; /* "": an operator */
};

struct opened {
    char path[WORKSPACE_PATH_MAX];
    struct workspace *workspace; /* NULL: a free place */
    unsigned user_count;
    int64_t used_ms;
};

struct running {
    const struct http_request *request; /* NULL: a free place */
    char tenant[37];                    /* "": an operator */
    _Atomic bool cancelled;
};

struct hunting {
    pthread_mutex_t open_lock; /* who opens a file; before 'lock' */
    pthread_mutex_t lock;      /* all below */
    pthread_cond_t wake;       /* of the watcher */
    pthread_t watcher;
    bool has_watcher, is_stopping;
    struct opened opened[HUNTING_WORKSPACES_MAX];
    struct running running[RUNNING_MAX];
    unsigned running_count;
    struct held *held;
};

struct counter hunting_queries = {.name = "penstock_hunting_queries_total",
                                  .help = "Queries by how they ended.",
                                  .kind = COUNTER_TOTAL,
                                  .labels = {"outcome"}};
struct counter hunting_running = {.name = "penstock_hunting_queries_running",
                                  .help = "Queries that run or wait for their turn.",
                                  .kind = COUNTER_GAUGE};
static const int64_t bounds[] = {1000,     2500,     5000,     10000,    25000,   50000,
                                 100000,   250000,   500000,   1000000,  2500000, 5000000,
                                 10000000, 30000000, 60000000, 180000000};
struct counter hunting_durations = {.name = "penstock_hunting_query_duration_seconds",
                                    .help =
                                        "From when a query came in to its end, waiting included.",
                                    .kind = COUNTER_HISTOGRAM,
                                    .unit = 1e-6,
                                    .bounds = bounds,
                                    .bound_count = COUNT_OF(bounds)};
static const char *const outcomes[] = {
    [HUNT_DONE] = "done",      [HUNT_REFUSED] = "refused", [HUNT_SPENT] = "spent",
    [HUNT_BUSY] = "throttled", [HUNT_LATE] = "late",       [HUNT_CANCELLED] = "cancelled",
    [HUNT_FAILED] = "failed",  [HUNT_BROKEN] = "broken",
};

/* ---- the watcher ---- */

static void *
watch(void *app)
{
    struct hunting *h = app;

    pthread_mutex_lock(&h->lock);
    while (!h->is_stopping) {
        if (h->running_count == 0) {
            pthread_cond_wait(&h->wake, &h->lock);
            continue;
        }
        for (size_t i = 0; i < RUNNING_MAX; i++)
            if (h->running[i].request != NULL && http_peer_left(h->running[i].request))
                atomic_store(&h->running[i].cancelled, true);

        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * INT64_C(1000000);
        until.tv_sec += until.tv_nsec / INT64_C(1000000000);
        until.tv_nsec %= INT64_C(1000000000);
        pthread_cond_timedwait(&h->wake, &h->lock, &until);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum status
hunting_make(struct hunting **hunting, struct err *err)
{
    struct hunting *h = calloc(1, sizeof *h);
    pthread_condattr_t monotonic;

    if (h == NULL)
        return err_set(err, ST_FULL, "no memory for hunting");
    pthread_mutex_init(&h->open_lock, NULL);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    h->has_watcher = pthread_create(&h->watcher, NULL, watch, h) == 0;
    if (!h->has_watcher) {
        hunting_free(h);
        return err_set(err, ST_FULL, "cannot start a thread for hunting");
    }
    *hunting = h;
    return ST_OK;
}

void
hunting_stop(struct hunting *h)
{
    if (h == NULL)
        return;
    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    for (size_t i = 0; i < RUNNING_MAX; i++)
        atomic_store(&h->running[i].cancelled, true);
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

void
hunting_free(struct hunting *h)
{
    if (h == NULL)
        return;
    hunting_stop(h);
    if (h->has_watcher)
        pthread_join(h->watcher, NULL);
    for (size_t i = 0; i < HUNTING_WORKSPACES_MAX; i++)
        workspace_close(h->opened[i].workspace);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->open_lock);
    free(h);
}

/* ---- which may run ---- */

/* A place among those that run or wait; NULL: *why says why there is none. */
static struct running *
running_enter(struct hunting *h, const struct call *c, enum hunt_outcome *why)
{
    unsigned most = c->control->config->hunting.query_count * HUNTING_WAITING_MAX;
    const char *tenant = c->tenant == NULL ? "" : c->tenant;
    struct running *mine = NULL;
    unsigned of_tenant = 0;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < RUNNING_MAX; i++) {
        struct running *r = &h->running[i];

        if (r->request == NULL)
            mine = mine == NULL ? r : mine;
        else
            of_tenant += strcmp(r->tenant, tenant) == 0;
    }
    *why = h->is_stopping ? HUNT_CANCELLED : HUNT_BUSY;
    if (h->is_stopping || h->running_count >= most || of_tenant >= most / 2)
        mine = NULL;
    if (mine != NULL) {
        mine->request = c->request;
        snprintf(mine->tenant, sizeof mine->tenant, "%s", tenant);
        atomic_store(&mine->cancelled, false);
        if (h->running_count++ == 0)
            pthread_cond_signal(&h->wake);
        counter_add(counter_alone(&hunting_running), 1);
    }
    pthread_mutex_unlock(&h->lock);
    return mine;
}

static void
running_leave(struct hunting *h, struct running *r)
{
    pthread_mutex_lock(&h->lock);
    r->request = NULL;
    h->running_count--;
    counter_add(counter_alone(&hunting_running), -1);
    pthread_mutex_unlock(&h->lock);
}

struct running *
hunting_enter(struct call *c, const _Atomic bool **cancelled)
{
    enum hunt_outcome why;
    struct running *mine = c->api->hunting != NULL ? running_enter(c->api->hunting, c, &why) : NULL;

    if (mine != NULL)
        *cancelled = &mine->cancelled;
    return mine;
}

void
hunting_leave(struct call *c, struct running *r)
{
    if (r != NULL)
        running_leave(c->api->hunting, r);
}

/* ---- workspaces ---- */

/* What the configuration's resource says of memory and threads: whoever opens a file first decides for all. */
static void
options_find(const struct config *config, const char *id, struct workspace_options *o)
{
    for (size_t i = 0; i < config->resource_count; i++) {
        const struct config_resource *r = &config->resources[i];

        if (strcasecmp(r->id, id) != 0)
            continue;
        for (size_t k = 0; k < r->setting_count; k++) {
            unsigned long number = strtoul(r->settings[k].value, NULL, 10);

            if (strcmp(r->settings[k].name, "memory_mb") == 0)
                o->memory_max = (size_t)number << 20;
            if (strcmp(r->settings[k].name, "threads") == 0)
                o->threads = (unsigned)number;
        }
    }
}

static struct opened *
opened_find(struct hunting *h, const char *path)
{
    struct opened *found = NULL;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < HUNTING_WORKSPACES_MAX && found == NULL; i++)
        if (h->opened[i].workspace != NULL && strcmp(h->opened[i].path, path) == 0)
            found = &h->opened[i];
    if (found != NULL)
        found->user_count++;
    pthread_mutex_unlock(&h->lock);
    return found;
}

/* A free place, emptied if need be; NULL: queries run in all of them. */
static struct opened *
place_free(struct hunting *h)
{
    struct opened *best = NULL;
    struct workspace *old = NULL;

    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < HUNTING_WORKSPACES_MAX; i++) {
        struct opened *o = &h->opened[i];

        if (o->workspace == NULL) {
            best = o;
            break;
        }
        if (o->user_count == 0 && (best == NULL || o->used_ms < best->used_ms))
            best = o;
    }
    if (best != NULL) {
        old = best->workspace;
        best->workspace = NULL;
    }
    pthread_mutex_unlock(&h->lock);
    workspace_close(old);
    return best;
}

static enum status
opened_take(struct hunting *h, const struct config *config, const struct workspace_place *place,
            struct opened **out, struct err *err)
{
    static_assert((int)HUNTING_WORKSPACES_MAX > (int)HUNT_PLACES_MAX, "one query may need so many");
    struct workspace_options options = {.guid = place->guid};
    struct workspace *w = NULL;
    enum status st = ST_OK;

    *out = opened_find(h, place->path);
    if (*out != NULL)
        return ST_OK;
    pthread_mutex_lock(&h->open_lock);
    *out = opened_find(h, place->path); /* by another one, meanwhile */
    if (*out == NULL) {
        struct opened *at = place_free(h);

        options_find(config, place->resource_id, &options);
        if (at == NULL)
            st = err_set(err, ST_FULL, "queries run in %d workspaces already",
                         HUNTING_WORKSPACES_MAX);
        else
            st = workspace_open(place->path, &options, &w, err);
        if (st == ST_OK) {
            pthread_mutex_lock(&h->lock);
            snprintf(at->path, sizeof at->path, "%s", place->path);
            at->workspace = w;
            at->user_count = 1;
            *out = at;
            pthread_mutex_unlock(&h->lock);
        }
    }
    pthread_mutex_unlock(&h->open_lock);
    return st;
}

static void
opened_return(struct hunting *h, struct opened *o)
{
    pthread_mutex_lock(&h->lock);
    o->user_count--;
    o->used_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&h->lock);
}

enum status
hunting_opened_take(struct call *c, const struct workspace_place *place, struct opened **out,
                    struct workspace **workspace, struct err *err)
{
    enum status st = opened_take(c->api->hunting, c->control->config, place, out, err);

    if (st == ST_OK)
        *workspace = (*out)->workspace;
    return st;
}

void
hunting_opened_return(struct call *c, struct opened *o)
{
    opened_return(c->api->hunting, o);
}

bool
hunting_place(struct call *c, struct span name, struct workspace_place *place, struct err *err)
{
    enum status st;

    if (!workspace_is_built()) {
        (void)err_set(err, ST_INVALID,
                      "this server has no workspaces to ask: it was built without DuckDB (run "
                      "script/setup there, then cmake again)");
        return false;
    }
    if (name.n == 0 || span_is(name, "-"))
        st = workspaces_default(c->control, c->tenant, place, err);
    else
        st = workspaces_find(c->control, c->tenant, name, place, err);
    return st == ST_OK;
}

/* ---- running ---- */

/* The request's own limit, if it has one, within the configuration's. */
static uint64_t
within(uint64_t asked, uint64_t most)
{
    return asked == 0 || asked > most ? most : asked;
}

static struct hunt_limits
limits_of(const struct config *config, const struct hunting_ask *ask)
{
    struct hunt_limits l = {.memory_max = (size_t)config->hunting.memory_max};
    uint64_t time_ms = ask->time_ms == 0 ? config->hunting.time_ms : (uint64_t)ask->time_ms;

    l.time_ms = (int64_t)within(time_ms, config->hunting.time_ms_max);
    l.answer_rows_max = within(ask->rows_max, config->hunting.answer_row_max);
    l.answer_size_max = (size_t)within(ask->size_max, config->hunting.answer_size_max);
    return l;
}

static enum status
run_in(struct call *c, struct workspace *w, const struct workspace_place *place,
       struct hunting_places *places, const _Atomic bool *cancelled, struct hunt *hunt,
       struct err *err)
{
    const struct hunting_ask *ask = places->ask;
    struct saved_functions functions;
    const struct config *config = c->control->config;
    const char *const tenants[] = {c->tenant};
    const struct hunt_request request = {
        .text = ask->text,
        .place = hunting_places_find,
        .place_context = places,
        .name = place->name,
        .beside = places->beside,
        .beside_count = places->beside_count,
        .tenants = tenants,
        .tenant_count = c->tenant == NULL ? 0 : 1,
        .sees_all = c->tenant == NULL,
        .shape = ask->shape,
        .from = ask->from,
        .to = ask->to,
        .now = call_now(c),
        .parameters = ask->parameters,
        .parameter_count = ask->parameter_count,
        .function = saved_functions_find,
        .function_context = &functions,
        .external = &config->hunting.external,
        .external_remedy = CONFIG_EXTERNAL_REMEDY,
        .limits = limits_of(config, ask),
        .cancelled = cancelled,
        .explains = ask->explains,
        .only_checks = ask->only_checks,
    };

    enum status st;

    hunt_seats_use(w, config->hunting.query_count);
    saved_functions_begin(&functions, c->control, c->tenant, place->guid);
    st = hunt_run(w, &request, hunt, err);
    saved_functions_end(&functions);
    return st;
}

/* With the workspaces beside it. One of those that cannot be opened is no fault of the query's. */
static enum status
run_across(struct call *c, struct workspace *w, const struct workspace_place *place,
           const struct hunting_ask *ask, const _Atomic bool *cancelled, struct hunt *hunt,
           struct err *err)
{
    struct hunting_places *places = calloc(1, sizeof *places);
    enum status st;

    if (places == NULL)
        return err_set(err, ST_FULL, "no memory for a query's workspaces");
    places->call = c;
    places->ask = ask;
    if (hunting_places_open(places, err)) {
        st = run_in(c, w, place, places, cancelled, hunt, err);
    } else {
        hunt->outcome = HUNT_REFUSED;
        st = ST_INVALID;
    }
    if (hunt->outcome == HUNT_REFUSED && places->failure != ST_OK) {
        hunt->outcome = places->failure == ST_FULL ? HUNT_BUSY : HUNT_BROKEN;
        st = places->failure;
        *err = places->err;
    }
    hunting_places_close(places);
    free(places);
    return st;
}

/* 'hunt' says how it ended, also when it did not begin. */
static enum status
run_at(struct call *c, const struct workspace_place *place, const struct hunting_ask *ask,
       struct hunt *hunt, struct err *err)
{
    struct hunting *h = c->api->hunting;
    struct running *mine = running_enter(h, c, &hunt->outcome);
    struct opened *opened = NULL;
    enum status st;

    if (mine == NULL)
        return err_set(err, ST_FULL,
                       hunt->outcome == HUNT_BUSY ? "too many queries run or wait already"
                                                  : "the server stops");
    hunt->outcome = HUNT_BROKEN;
    st = opened_take(h, c->control->config, place, &opened, err);
    if (opened != NULL) {
        st = run_across(c, opened->workspace, place, ask, &mine->cancelled, hunt, err);
        opened_return(h, opened);
    }
    if (st == ST_IO || opened == NULL)
        log_line(LOG_WARN, "api", "a query of workspace %s: %s", place->name, err->text);
    running_leave(h, mine);
    return st;
}

bool
hunting_run(struct call *c, const struct hunting_ask *ask, struct hunt *hunt, enum status *st,
            struct err *err)
{
    struct workspace_place *place = malloc(sizeof *place);
    int64_t begun_ms = clock_monotonic_ms();
    bool is_there = true;

    memset(hunt, 0, sizeof *hunt);
    hunt->outcome = HUNT_BROKEN;
    if (c->api->hunting == NULL || place == NULL) {
        *st = err_set(err, ST_FULL, place == NULL ? "no memory" : "no queries are taken here");
    } else {
        is_there = hunting_place(c, ask->workspace, place, err);
        if (is_there)
            *st = run_at(c, place, ask, hunt, err);
    }
    free(place);
    if (is_there) {
        counter_add(counter_at(&hunting_queries, outcomes[hunt->outcome]), 1);
        counter_observe(counter_alone(&hunting_durations),
                        (clock_monotonic_ms() - begun_ms) * 1000);
    }
    return is_there;
}

/* ---- bodies that leave ---- */

/* A body that is the only one always has room: its size has a limit of its own. */
bool
hunting_hold(struct call *c, size_t size)
{
    struct hunting *h = c->api->hunting;
    uint64_t most = c->control->config->hunting.answer_size_max * BODIES;
    struct held *mine = calloc(1, sizeof *mine);
    uint64_t all = 0, of_tenant = 0;
    bool has_room;

    if (mine == NULL || h == NULL) {
        free(mine);
        return false;
    }
    *mine = (struct held){.hunting = h, .size = size};
    snprintf(mine->tenant, sizeof mine->tenant, "%s", c->tenant == NULL ? "" : c->tenant);
    pthread_mutex_lock(&h->lock);
    for (const struct held *o = h->held; o != NULL; o = o->after) {
        all += o->size;
        of_tenant += strcmp(o->tenant, mine->tenant) == 0 ? o->size : 0;
    }
    has_room = (all == 0 || all + size <= most) && (of_tenant == 0 || of_tenant + size <= most / 2);
    if (has_room) {
        mine->after = h->held;
        if (h->held != NULL)
            h->held->before = mine;
        h->held = mine;
        c->state = mine;
    }
    pthread_mutex_unlock(&h->lock);
    if (!has_room)
        free(mine);
    return has_room;
}

void
hunting_gone(struct call *c)
{
    struct held *mine = c->state;

    if (mine == NULL)
        return;
    pthread_mutex_lock(&mine->hunting->lock);
    if (mine->before != NULL)
        mine->before->after = mine->after;
    else
        mine->hunting->held = mine->after;
    if (mine->after != NULL)
        mine->after->before = mine->before;
    pthread_mutex_unlock(&mine->hunting->lock);
    free(mine);
    c->state = NULL;
}
