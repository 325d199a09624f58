#include "deliver/dispatch.h"
#include "base/clock.h"
#include "base/log.h"
#include "deliver/export_inner.h"
#include "deliver/rest.h"
#include "journal/journal.h"
#include "match/event.h"
#include <assert.h>
#include <stdlib.h>

enum { IDLE_MS = 1000, RETRY_MS = 1000 };
#define FLOOR "(events)" /* no route's id: those have a slash */

struct dispatcher {
    const struct export_context *context;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards what follows; taken before an export's */
    pthread_cond_t changed;
    bool is_held, is_busy, stop, is_placed;
    struct rest rest;
    struct plan *plan;
    struct export **exports;          /* of events, that run */
    const struct plan_route **routes; /* theirs, of the plan */
    const struct event_filter **filters;
    size_t count;
    struct event_index *index; /* NULL: there is none (no memory): filters are asked one by one */
    uint64_t saved;            /* position in the file */
    int64_t saved_ms, roused_ms, progress_ms;
    struct dispatch_counts counts;
    _Atomic uint64_t position;
    /* the thread's own */
    struct journal_buffer *buffer;
    bool has_complained;
};

enum status
dispatch_make(const struct export_context *context, struct dispatcher **out, struct err *err)
{
    struct dispatcher *d = calloc(1, sizeof *d);
    struct err why;
    enum status st;

    if (d == NULL)
        return err_set(err, ST_FULL, "no memory for the dispatcher of events");
    d->context = context;
    st = rest_load(&d->rest, context->options.folder, &why);
    if (st != ST_OK) {
        free(d);
        return err_set(err, st, "%s", why.text);
    }
    if (why.text[0] != '\0')
        log_line(LOG_WARN, "deliver", "%s: routes of events go on from their ledgers", why.text);
    st = journal_buffer_make(&d->buffer, err);
    if (st != ST_OK) {
        rest_free(&d->rest);
        free(d);
        return st;
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    d->is_held = true; /* until there is a plan */
    if (d->rest.is_placed) {
        uint64_t end = journal_extent(context->options.journal).end;

        d->is_placed = true;
        if (d->rest.position > end)
            log_line(LOG_ERROR, "deliver",
                     "events were handed out up to %llu, but the journal ends at %llu: going on "
                     "from there",
                     (unsigned long long)d->rest.position, (unsigned long long)end);
        d->saved = d->rest.position > end ? end : d->rest.position;
        atomic_store(&d->position, d->saved);
        journal_floor_set(context->options.journal, FLOOR, d->saved, false);
    }
    *out = d;
    return ST_OK;
}

uint64_t
dispatch_position(const struct dispatcher *d)
{
    return atomic_load_explicit(&d->position, memory_order_acquire);
}

struct dispatch_counts
dispatch_counts(struct dispatcher *d)
{
    pthread_mutex_lock(&d->lock);
    struct dispatch_counts counts = d->counts;

    pthread_mutex_unlock(&d->lock);
    return counts;
}

bool
dispatch_is_healthy(struct dispatcher *d, int64_t stall_ms)
{
    pthread_mutex_lock(&d->lock);
    bool healthy =
        !d->has_thread || d->is_held || clock_monotonic_ms() - d->progress_ms <= stall_ms;

    pthread_mutex_unlock(&d->lock);
    return healthy;
}

/* ---- where everybody rests ---- */

/* Lock held. What the file is to say of a route that runs. */
static void
entry_set(struct dispatcher *d, struct export *e)
{
    struct rest_entry *r = rest_add(&d->rest, e->id);

    if (r == NULL)
        return; /* its ledger alone is the truth then */
    pthread_mutex_lock(&e->lock);
    bool rests = events_is_at_rest(e) && dispatch_position(d) >= e->events.from;

    r->position = rests ? REST_WITH_ALL : e->events.roused;
    r->off_from = e->events.off_from;
    r->off_to = e->events.off_to;
    if (rests || e->status.cursor >= r->off_to)
        r->off_from = r->off_to = 0;
    pthread_mutex_unlock(&e->lock);
}

/* Lock held. Only now may the journal give back what lies before. */
static void
floors_move(struct dispatcher *d)
{
    struct journal *j = d->context->options.journal;

    journal_floor_set(j, FLOOR, d->saved, false);
    for (size_t i = 0; i < d->count; i++) {
        struct export *e = d->exports[i];
        const struct rest_entry *r = rest_find(&d->rest, e->id);

        pthread_mutex_lock(&e->lock);
        if (e->events.has_floor && events_is_at_rest(e) && r != NULL &&
            r->position == REST_WITH_ALL) {
            journal_floor_remove(j, e->id);
            e->events.has_floor = false;
        }
        pthread_mutex_unlock(&e->lock);
    }
}

/* Lock held. */
static void
save(struct dispatcher *d)
{
    struct err err;

    d->saved_ms = clock_monotonic_ms();
    for (size_t i = 0; i < d->count; i++)
        entry_set(d, d->exports[i]);
    d->rest.is_placed = d->is_placed;
    d->rest.position = dispatch_position(d);
    if (rest_save(&d->rest, d->context->options.folder, &err) != ST_OK) {
        log_line(LOG_WARN, "deliver", "where routes of events rest is not written down: %s",
                 err.text);
        return;
    }
    d->saved = d->rest.position;
    if (d->is_placed)
        floors_move(d);
}

void
dispatch_save(struct dispatcher *d)
{
    pthread_mutex_lock(&d->lock);
    save(d);
    pthread_mutex_unlock(&d->lock);
}

/* ---- handing out ---- */

struct handing {
    struct dispatcher *d;
    const struct pool_block *held;
    const struct block_stream *stream;
    uint32_t row;
};

static void
hit(void *app, size_t filter)
{
    struct handing *h = app;
    const char *tenant = h->d->routes[filter]->tenant;

    if (tenant != NULL && strcmp(tenant, h->stream->tenant) != 0)
        return;
    h->d->counts.hits++;
    events_push(h->d->exports[filter], h->held->position, h->row, h->held->next,
                h->held->block.head->admitted);
}

static void
match_all(struct handing *h, const struct event *event)
{
    struct dispatcher *d = h->d;

    if (d->index != NULL) {
        event_index_match(d->index, event, hit, h);
        return;
    }
    for (size_t i = 0; i < d->count; i++)
        if (event_filter_passes(d->filters[i], event))
            hit(h, i);
}

/* An event that cannot be read, of which nobody can say whose it is. */
static enum status
park_unread(struct dispatcher *d, const struct handing *h, const char *reason, struct err *err)
{
    const struct block_row *row = &h->held->block.rows[h->row];
    const struct deliver_park *p = &d->context->options.park;
    struct lane lane = {.hour = 0};

    memcpy(lane.tenant, h->stream->tenant, sizeof lane.tenant);
    memcpy(lane.category, h->stream->category, sizeof lane.category);
    memcpy(lane.table, h->stream->table, sizeof lane.table);
    for (size_t i = 0; i < d->count; i++) {
        const struct plan_route *route = d->routes[i];

        if (route->tenant != NULL && strcmp(route->tenant, lane.tenant) != 0)
            continue;
        log_line(LOG_WARN, "deliver", "export %s: the event at %llu/%u is parked: %s", route->id,
                 (unsigned long long)h->held->position, h->row, reason);
        enum status st =
            p->park(p->app, route, &lane,
                    (struct span){h->held->block.body.p + row->properties_at, row->properties_size},
                    1, h->held->position, h->row, reason, err);

        d->counts.unread += st == ST_OK;
        return st;
    }
    return ST_OK; /* nobody there wants events */
}

/* Lock held. ST_OK: the block is done; else from *row on again. */
static enum status
hand_out(struct dispatcher *d, const struct pool_block *held, uint32_t *row, struct err *err)
{
    struct handing h = {.d = d, .held = held};

    for (; *row < held->block.head->row_count; ++*row) {
        struct event event;
        struct err why;

        h.row = *row;
        h.stream = &held->block.streams[held->block.rows[*row].stream];
        enum status st = event_open(&event, &held->block, *row, &why);

        if (st == ST_FULL || st == ST_IO)
            return err_set(err, st, "%s", why.text);
        if (st != ST_OK) {
            st = park_unread(d, &h, why.text, err);
            if (st != ST_OK)
                return st;
            continue;
        }
        d->counts.events++;
        match_all(&h, &event);
        event_close(&event);
    }
    return ST_OK;
}

static void
complain(struct dispatcher *d, const struct err *err)
{
    if (!d->has_complained)
        log_line(LOG_ERROR, "deliver", "events are not handed out: %s; trying again", err->text);
    d->has_complained = true;
}

/* One block. ST_END: there is none. 'row': where an earlier try of the same block stopped. */
static enum status
step(struct dispatcher *d, uint32_t *row, struct err *err)
{
    struct journal *j = d->context->options.journal;
    uint64_t position = dispatch_position(d), at, next;
    const struct pool_block *held;
    struct journal_gap gap = {0};
    enum status st = journal_skip(j, position, BLOCK_EVENTS, d->buffer, &at, err);

    if (at != position) {
        *row = 0;
        atomic_store_explicit(&d->position, at, memory_order_release);
    }
    if (st != ST_OK)
        return st;
    st = block_pool_take(d->context->pool, at, &held, &next, &gap, err);
    if (st == ST_END && next != at)
        atomic_store_explicit(&d->position, next, memory_order_release);
    if (st == ST_OK)
        gap = held->gap;
    if (gap.to != gap.from)
        log_line(LOG_ERROR, "deliver", "events between %llu and %llu may be lost: %s",
                 (unsigned long long)gap.from, (unsigned long long)gap.to, gap.reason);
    if (st != ST_OK)
        return st;
    if (held->position != at)
        *row = 0;
    if (held->block.head->kind == BLOCK_EVENTS) {
        /* Routes that rest take up the work at this very block. */
        atomic_store_explicit(&d->position, held->position, memory_order_release);
        pthread_mutex_lock(&d->lock);
        st = hand_out(d, held, row, err);
        pthread_mutex_unlock(&d->lock);
    }
    if (st == ST_OK) {
        *row = 0;
        atomic_store_explicit(&d->position, held->next, memory_order_release);
    }
    block_pool_drop(d->context->pool, held);
    return st;
}

static void
wait_some(struct dispatcher *d, enum status st)
{
    struct journal *j = d->context->options.journal;

    if (st == ST_END)
        journal_wait(j, dispatch_position(d), IDLE_MS);
    else if (st != ST_OK)
        journal_wait(j, UINT64_MAX, (int)d->context->options.retry_ms_min);
}

/* Threads that could not be started are tried again. Lock held. */
static void
rouse_all(struct dispatcher *d)
{
    if (clock_monotonic_ms() - d->roused_ms < RETRY_MS)
        return;
    d->roused_ms = clock_monotonic_ms();
    for (size_t i = 0; i < d->count; i++) {
        struct export *e = d->exports[i];

        pthread_mutex_lock(&e->lock);
        if (e->events.is_unstarted)
            events_rouse(e);
        pthread_mutex_unlock(&e->lock);
    }
}

static bool
is_save_due(const struct dispatcher *d)
{
    int64_t age_ms = clock_monotonic_ms() - d->saved_ms;

    return (age_ms >= REST_SAVE_MS && dispatch_position(d) != d->saved) ||
           (age_ms >= REST_SAVE_MS_MIN && dispatch_position(d) - d->saved >= REST_SAVE_SIZE);
}

static void *
dispatch_run(void *app)
{
    struct dispatcher *d = app;
    struct err err = {""};
    uint32_t row = 0;

    pthread_mutex_lock(&d->lock);
    while (!d->stop) {
        if (d->is_held) {
            row = 0; /* routes are others; those that stayed know what they were told */
            pthread_cond_wait(&d->changed, &d->lock);
            continue;
        }
        d->is_busy = true;
        d->progress_ms = clock_monotonic_ms();
        pthread_mutex_unlock(&d->lock);
        enum status st = step(d, &row, &err);

        if (st == ST_OK)
            d->has_complained = false;
        else if (st != ST_END)
            complain(d, &err);
        pthread_mutex_lock(&d->lock);
        d->is_busy = false;
        pthread_cond_broadcast(&d->changed);
        rouse_all(d);
        if (is_save_due(d))
            save(d);
        if (d->is_held || d->stop)
            continue;
        d->progress_ms = clock_monotonic_ms();
        pthread_mutex_unlock(&d->lock);
        wait_some(d, st);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- a change of the plan ---- */

static void
routes_drop(struct dispatcher *d)
{
    event_index_free(d->index);
    d->index = NULL;
    free(d->exports);
    free(d->routes);
    free(d->filters);
    d->exports = NULL;
    d->routes = NULL;
    d->filters = NULL;
    plan_release(d->plan);
    d->plan = NULL;
    d->count = 0;
}

void
dispatch_hold(struct dispatcher *d)
{
    pthread_mutex_lock(&d->lock);
    d->is_held = true;
    journal_wake(d->context->options.journal);
    while (d->is_busy)
        pthread_cond_wait(&d->changed, &d->lock);
    for (size_t i = 0; i < d->count; i++)
        entry_set(d, d->exports[i]);
    routes_drop(d);
    pthread_mutex_unlock(&d->lock);
}

bool
dispatch_is_placed(const struct dispatcher *d)
{
    return d->is_placed;
}

void
dispatch_place(struct dispatcher *d, uint64_t position)
{
    if (d->is_placed)
        return;
    atomic_store(&d->position, position);
    d->saved = position;
    d->is_placed = true;
    journal_floor_set(d->context->options.journal, FLOOR, position, false);
}

void
dispatch_stand(struct dispatcher *d, const char *id, struct export_stand *stand, uint64_t *off_from,
               uint64_t *off_to)
{
    uint64_t here =
        d->is_placed ? dispatch_position(d) : journal_extent(d->context->options.journal).end;
    uint64_t rested = 0;
    struct rest_entry *r;

    *off_from = *off_to = 0;
    pthread_mutex_lock(&d->lock);
    r = rest_find(&d->rest, id);
    if (r != NULL) {
        rested = r->position == REST_WITH_ALL ? here : r->position;
        if (r->off_to == UINT64_MAX)
            r->off_to = here;
        *off_from = r->off_from;
        *off_to = r->off_to;
    }
    pthread_mutex_unlock(&d->lock);
    /* A window that may be there in part is finished as it was begun. */
    if (stand->is_pending)
        return;
    if (stand->position < rested) {
        stand->position = rested;
        stand->row = 0;
        if (stand->floor < rested && stand->on == STAND_ON_START)
            stand->floor = rested;
    }
    if (stand->position >= *off_from && stand->position < *off_to) {
        stand->position = *off_to;
        stand->row = 0;
    }
}

void
dispatch_leave(struct dispatcher *d, struct export *e)
{
    struct rest_entry *r;

    pthread_mutex_lock(&d->lock);
    r = rest_find(&d->rest, e->id);
    if (r != NULL && r->position == REST_WITH_ALL)
        r->position = dispatch_position(d);
    pthread_mutex_unlock(&d->lock);
}

void
dispatch_off(struct dispatcher *d, const char *id)
{
    struct rest_entry *r;

    pthread_mutex_lock(&d->lock);
    r = rest_add(&d->rest, id);
    if (r != NULL && r->off_to != UINT64_MAX) {
        if (r->position == REST_WITH_ALL)
            r->position = dispatch_position(d);
        /* Switched off again before it was through with what came before the last time: both times
         * count as one, and what came between is not for it either. */
        if (r->off_to == 0)
            r->off_from = dispatch_position(d);
        r->off_to = UINT64_MAX;
    }
    pthread_mutex_unlock(&d->lock);
}

bool
dispatch_owes(struct dispatcher *d, const char *id, uint64_t ledger_position)
{
    pthread_mutex_lock(&d->lock);
    const struct rest_entry *r = rest_find(&d->rest, id);
    uint64_t position = r != NULL && r->position > ledger_position ? r->position : ledger_position;
    bool owes = r == NULL || position < r->off_from;

    pthread_mutex_unlock(&d->lock);
    return owes;
}

void
dispatch_forget(struct dispatcher *d, const char *id)
{
    pthread_mutex_lock(&d->lock);
    rest_remove(&d->rest, id);
    pthread_mutex_unlock(&d->lock);
}

static void
index_make(struct dispatcher *d)
{
    struct err err;

    if (d->count > 0 && event_index_make(d->filters, d->count, &d->index, &err) != ST_OK) {
        d->index = NULL;
        log_line(LOG_WARN, "deliver", "no index of automations: %s; each is asked for itself",
                 err.text);
    }
}

static void
routes_take(struct dispatcher *d, struct plan *plan, struct export *const *exports, size_t count)
{
    d->exports = calloc(count + 1, sizeof(struct export *));
    d->routes = calloc(count + 1, sizeof(struct plan_route *));
    d->filters = calloc(count + 1, sizeof(struct event_filter *));
    if (d->exports == NULL || d->routes == NULL || d->filters == NULL)
        abort(); /* see window.c, grown */
    d->plan = plan_hold(plan);
    for (size_t i = 0; i < count; i++) {
        const struct plan_route *route = plan_find(plan, exports[i]->id);

        if (!exports[i]->takes_events || route == NULL)
            continue;
        d->exports[d->count] = exports[i];
        d->routes[d->count] = route;
        d->filters[d->count++] = route->events;
    }
}

void
dispatch_go(struct dispatcher *d, struct plan *plan, struct export *const *exports, size_t count)
{
    pthread_mutex_lock(&d->lock);
    assert(d->is_held && d->count == 0);
    routes_take(d, plan, exports, count);
    index_make(d);
    if (d->count == 0) { /* it stands nowhere, and keeps nothing */
        d->is_placed = false;
        journal_floor_remove(d->context->options.journal, FLOOR);
    }
    save(d);
    if (d->count > 0 && !d->has_thread) {
        d->has_thread = pthread_create(&d->thread, NULL, dispatch_run, d) == 0;
        if (!d->has_thread)
            log_line(LOG_ERROR, "deliver", "no thread for events: they wait in the journal");
    }
    d->progress_ms = clock_monotonic_ms();
    d->is_held = d->count == 0;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

void
dispatch_stop(struct dispatcher *d)
{
    dispatch_hold(d);
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    if (d->has_thread)
        pthread_join(d->thread, NULL);
    d->has_thread = false;
    if (d->is_placed)
        dispatch_save(d);
}

void
dispatch_free(struct dispatcher *d)
{
    if (d == NULL)
        return;
    routes_drop(d);
    rest_free(&d->rest);
    journal_buffer_free(d->buffer);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->changed);
    free(d);
}
