/* export_events.c - the part of an export that is of events: a route of an automation.
 *
 *   at rest ──hit, resend, replay──▶ thread: sends what the ring tells ──nothing for a while──▶ at rest
 *                                      │ ▲
 *                        ring full, or │ │ its cursor is where the
 *                  cursor far behind   ▼ │ dispatcher last had something
 *                                    reads the journal itself
 *
 * The dispatcher tells of a block's events before it moves on from the block. So whoever first looks where
 * the dispatcher stands, and then finds the ring empty, has all that is before it. */
#include "base/clock.h"
#include "base/log.h"
#include "deliver/dispatch.h"
#include "deliver/event_text.h"
#include "deliver/export_inner.h"
#include "journal/journal.h"
#include <stdlib.h>

static bool
is_before(uint64_t position, uint32_t row, uint64_t other, uint32_t other_row)
{
    return position < other || (position == other && row < other_row);
}

/* ---- a new plan with the same route ---- */

/* Lock held, at rest. Gives what is to be released. */
static struct plan *
plan_change(struct export *e, struct plan *plan, const struct plan_route *route)
{
    struct plan *old = e->plan;

    e->plan = plan;
    e->route = route;
    return old;
}

void
export_adopt(struct export *e, struct plan *plan, const struct plan_route *route)
{
    struct plan *old;

    if (!e->takes_events)
        return; /* its transformation and its sink are made of the plan that it has */
    pthread_mutex_lock(&e->lock);
    if (e->events.is_at_rest) {
        old = plan_change(e, plan_hold(plan), route);
    } else {
        old = e->next_plan;
        e->next_plan = plan_hold(plan);
        e->next_route = route;
    }
    pthread_mutex_unlock(&e->lock);
    plan_release(old);
}

/* ---- told by the dispatcher ---- */

bool
events_is_at_rest(const struct export *e)
{
    const struct export_events *v = &e->events;

    return v->is_at_rest && v->count == 0 && v->scan_to == 0;
}

void
events_rouse(struct export *e)
{
    struct export_events *v = &e->events;
    uint64_t here = dispatch_position(e->context->dispatcher);

    if (!v->is_at_rest) {
        pthread_cond_broadcast(&e->wake);
        return;
    }
    if (v->has_thread)
        pthread_join(e->thread, NULL); /* it does not look at us again */
    v->has_thread = false;
    if (!v->is_unstarted) {
        e->stand = (struct export_stand){.position = here, .floor = here, .on = STAND_ON_START};
        if (is_before(here, 0, v->from, v->from_row)) {
            e->stand.position = v->from;
            e->stand.row = v->from_row;
        }
        e->has_stand = true;
        v->roused = e->stand.position;
        journal_floor_set(e->context->options.journal, e->id, here, e->route->drops_when_full);
        v->has_floor = true;
    }
    int failed = export_thread_start(e);

    v->is_unstarted = failed != 0;
    v->is_at_rest = v->is_unstarted;
    v->has_thread = failed == 0;
    e->progress_ms = clock_monotonic_ms();
    if (failed != 0)
        snprintf(e->status.error, sizeof e->status.error, "no thread to send with: %s",
                 strerror(failed));
}

void
events_push(struct export *e, uint64_t position, uint32_t row, uint64_t next, int64_t admitted)
{
    struct export_events *v = &e->events;

    pthread_mutex_lock(&e->lock);
    if (!is_before(position, row, v->from, v->from_row) &&
        !is_before(position, row, v->told, v->told_row)) {
        v->told = position; /* a block is begun anew after a change of the plan */
        v->told_row = row + 1;
        if (v->ring == NULL && v->scan_to == 0)
            v->ring = malloc(EVENTS_HITS_MAX * sizeof *v->ring);
        if (v->scan_to != 0 || v->ring == NULL || v->count == EVENTS_HITS_MAX) {
            v->scan_to = next;
            v->count = 0;
        } else {
            v->ring[(v->first + v->count++) % EVENTS_HITS_MAX] =
                (struct hit){position, admitted, row};
        }
        events_rouse(e);
    }
    pthread_mutex_unlock(&e->lock);
}

void
events_lag(struct export *e, struct deliver_status *status)
{
    const struct deliver_options *o = &e->context->options;
    const struct export_events *v = &e->events;
    int64_t oldest = 0;

    pthread_mutex_lock(&e->lock);
    status->lag_rows = (uint64_t)v->in_hand + v->count;
    if (v->in_hand > 0)
        oldest = v->in_hand_admitted;
    else if (v->count > 0)
        oldest = v->ring[v->first].admitted;
    bool scans = v->scan_to != 0;

    if (events_is_at_rest(e)) {
        status->cursor = dispatch_position(e->context->dispatcher);
        status->cursor_row = 0;
        if (status->state != EXPORT_STOPPED)
            status->state = EXPORT_IDLE;
    }
    pthread_mutex_unlock(&e->lock);
    if (scans) { /* how many is not known before they are read */
        uint64_t ignored;

        status->lag_rows = EVENTS_HITS_MAX;
        if (journal_count_rows(o->journal, status->cursor, journal_extent(o->journal).end, &ignored,
                               &oldest, NULL) != ST_OK)
            oldest = 0;
    }
    status->lag_ms = 0;
    if (oldest != 0 && o->now(o->clock) > oldest)
        status->lag_ms = (o->now(o->clock) - oldest) / (TICKS_PER_SECOND / 1000);
}

/* ---- beginning and resting ---- */

bool
events_begin(struct export *e)
{
    struct dispatcher *d = e->context->dispatcher;
    struct journal *j = e->context->options.journal;
    struct export_events *v = &e->events;
    uint64_t here = dispatch_position(d), at;
    struct journal_buffer *buffer;
    struct err err;

    v->has_floor = true;
    if (!e->has_stand) { /* its ledger cannot be read now; the thread begins where it says, then */
        struct export_stand unknown = {0};

        dispatch_stand(d, e->id, &unknown, &v->off_from, &v->off_to);
        v->scan_to = here;
        return false;
    }
    dispatch_stand(d, e->id, &e->stand, &v->off_from, &v->off_to);
    v->roused = v->from = e->stand.position;
    v->from_row = e->stand.row;
    e->status.cursor = e->stand.position;
    e->status.cursor_row = e->stand.row;
    /* What a crash left in objects has to be looked at, even if there is nothing new. */
    if (e->stand.is_pending || (e->kind->is_positioned && e->stand.on != STAND_ON_START)) {
        v->scan_to = here;
        return false;
    }
    /* Often there is nothing between: then it needs no look of its own. */
    if (e->stand.row == 0 && e->stand.position < here &&
        journal_buffer_make(&buffer, &err) == ST_OK) {
        enum status st = journal_skip(j, e->stand.position, BLOCK_EVENTS, buffer, &at, &err);

        if (at > e->stand.position && (st == ST_OK || st == ST_END)) {
            v->roused = v->from = e->stand.position = at < here ? at : here;
            e->status.cursor = e->stand.position;
        }
        journal_buffer_free(buffer);
    }
    if (e->stand.position < here) {
        v->scan_to = here;
        return false;
    }
    ledger_close(e->ledger);
    e->ledger = NULL;
    e->has_stand = false;
    v->is_at_rest = true;
    v->has_floor = false;
    e->status.state = EXPORT_IDLE;
    journal_floor_remove(j, e->id);
    return true;
}

bool
events_rest(struct export *e)
{
    struct export_events *v = &e->events;
    struct plan *old = NULL;
    bool rests;

    journal_buffer_free(v->buffer);
    v->buffer = NULL;
    v->wants_rest = false;
    pthread_mutex_lock(&e->lock);
    rests = v->count == 0 && v->scan_to == 0 && e->resend == NULL && !e->replay_wanted &&
            !atomic_load(&e->finish) && !export_is_ending(e);
    if (rests) {
        free(v->ring);
        v->ring = NULL;
        v->first = 0;
        v->is_at_rest = true;
        e->status.state = EXPORT_IDLE;
        if (e->next_plan != NULL)
            old = plan_change(e, e->next_plan, e->next_route);
        e->next_plan = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    plan_release(old); /* may be the last of it */
    return rests;
}

/* Lock held. What it was told is dropped: up to where it was told last it reads for itself. */
static void
read_again(struct export *e)
{
    struct export_events *v = &e->events;
    uint64_t to = dispatch_position(e->context->dispatcher);

    /* Of the block that is being handed out it may have been told some already. */
    if (v->told_row > 0 && v->told >= to)
        to = v->told + 1;
    if (to > v->scan_to)
        v->scan_to = to;
    v->count = 0;
}

void
events_go_back(struct export *e, uint64_t position)
{
    struct export_events *v = &e->events;

    pthread_mutex_lock(&e->lock);
    read_again(e);
    v->off_from = v->off_to = 0;
    if (position < v->roused)
        v->roused = position;
    pthread_mutex_unlock(&e->lock);
}

void
events_take_up(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    read_again(e);
    pthread_mutex_unlock(&e->lock);
}

void
events_free(struct export *e)
{
    free(e->events.ring);
    journal_buffer_free(e->events.buffer);
}

/* ---- collecting ---- */

enum added {
    ADDED,
    ADDED_LAST, /* and no more: what is set aside is to be parked first */
    NOT_ADDED   /* the window is full */
};

static const char *
table_of(const struct export *e, const struct block_stream *stream)
{
    enum event_source source;

    if (e->route->event_shape != EVENT_ROW ||
        !event_source_find(span_of(stream->category), &source))
        return NULL;
    return event_source_rows[source].table;
}

static void
count_in_hand(struct export *e, int64_t admitted)
{
    struct export_events *v = &e->events;

    pthread_mutex_lock(&e->lock);
    if (v->in_hand++ == 0)
        v->in_hand_admitted = admitted;
    pthread_mutex_unlock(&e->lock);
}

void
events_settled(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    e->events.in_hand = 0;
    pthread_mutex_unlock(&e->lock);
}

static enum added
set_aside(struct export *e, uint64_t position, const struct reach *bound, const char *reason)
{
    export_oversized_keep(e, position, reason);
    return e->oversized_count >= OVERSIZED_MAX && !bound->is_bounded ? ADDED_LAST : ADDED;
}

static enum added
add(struct export *e, const struct pool_block *held, uint32_t row, const struct reach *bound)
{
    const struct block_stream *stream = &held->block.streams[held->block.rows[row].stream];
    const char *table = table_of(e, stream);
    struct err why = {""};
    struct span object;
    bool is_shrunk;
    char *text = NULL;
    enum status st;

    if (window_is_full(e->window))
        return NOT_ADDED;
    if (event_text(e->route, &held->block, row, &text, &object.n, &is_shrunk, &why) != ST_OK) {
        count_in_hand(e, held->block.head->admitted);
        window_set_aside(e->window, &held->block, row);
        return set_aside(e, held->position, bound, why.text);
    }
    object.p = text;
    st = window_add_row(e->window, e->route, &held->block, held->position, row,
                        text != NULL ? &object : NULL, table);
    free(text);
    if (st == ST_OK || st == ST_INVALID)
        count_in_hand(e, held->block.head->admitted);
    if (st == ST_INVALID)
        return set_aside(e, held->position, bound, NULL);
    if (st == ST_OK && is_shrunk) {
        pthread_mutex_lock(&e->lock);
        e->status.shrunk_rows++;
        pthread_mutex_unlock(&e->lock);
    }
    return st == ST_OK ? ADDED : NOT_ADDED;
}

static void
count_read(struct export *e, uint64_t rows)
{
    pthread_mutex_lock(&e->lock);
    e->status.read_rows += rows;
    pthread_mutex_unlock(&e->lock);
}

static bool
is_for(const struct export *e, const struct pool_block *held, uint32_t row)
{
    const struct plan_route *route = e->route;
    const struct block_stream *stream = &held->block.streams[held->block.rows[row].stream];
    enum event_source source;
    struct event event;
    struct err ignored;
    bool passes;

    if ((route->tenant != NULL && strcmp(route->tenant, stream->tenant) != 0) ||
        !event_source_find(span_of(stream->category), &source) ||
        !event_filter_wants(route->events, source) ||
        event_open(&event, &held->block, row, &ignored) != ST_OK) /* the dispatcher parks it */
        return false;
    passes = event_filter_passes(route->events, &event);
    event_close(&event);
    return passes;
}

/* The rest of the block at hand, as far as the window takes it. ST_FULL: it is to be sent. */
static enum status
scan_block(struct export *e, const struct pool_block *held, struct reach *at,
           const struct reach *bound)
{
    uint32_t row_end = held->block.head->row_count, before = at->row;
    bool last = bound->is_bounded && held->position == bound->position;
    bool is_off = held->position >= e->events.off_from && held->position < e->events.off_to;
    enum added added = ADDED;

    if (last && bound->row < row_end)
        row_end = bound->row;
    if (held->block.head->kind != BLOCK_EVENTS || is_off)
        at->row = row_end;
    while (at->row < row_end && added == ADDED) {
        if (is_for(e, held, at->row))
            added = add(e, held, at->row, bound);
        at->row += added != NOT_ADDED;
    }
    count_read(e, at->row - before);
    if (at->row >= held->block.head->row_count) {
        at->position = held->next;
        at->row = 0;
    } else if (last) {
        return ST_FULL;
    }
    return added == ADDED ? ST_OK : ST_FULL;
}

/* Reads on by itself, a block at most, to 'to' if it is not bounded. */
static enum status
scan(struct export *e, struct reach *at, uint64_t to, const struct reach *bound, struct err *err)
{
    struct block_pool *pool = e->context->pool;
    const struct pool_block *held;
    struct journal_gap gap;
    uint64_t next;
    enum status st;

    if (at->row == 0) {
        st = journal_skip(e->context->options.journal, at->position, BLOCK_EVENTS, e->events.buffer,
                          &next, err);
        if (st != ST_OK && st != ST_END)
            return st;
        if (!bound->is_bounded && next >= to) {
            at->position = to > at->position ? to : at->position;
            return ST_OK;
        }
        at->position = next;
        if (st == ST_END || (bound->is_bounded && export_is_reached(at, bound)))
            return st;
    }
    st = block_pool_take(pool, at->position, &held, &next, &gap, err);
    if (st == ST_OK && at->position != held->position) {
        export_gap_count(e, &held->gap, at->position, at->row, held->position);
        if (bound->is_bounded)
            export_gap_note(e, &held->gap);
        at->position = held->position;
        at->row = 0;
    } else if (st == ST_END && at->position != next) {
        export_gap_count(e, &gap, at->position, at->row, next);
        at->position = next;
        at->row = 0;
    }
    if (st != ST_OK)
        return st;
    if (!bound->is_bounded || !export_is_reached(at, bound))
        st = scan_block(e, held, at, bound);
    block_pool_drop(pool, held);
    return st;
}

static bool
first_hit(struct export *e, struct hit *hit)
{
    pthread_mutex_lock(&e->lock);
    bool is_there = e->events.count > 0;

    if (is_there)
        *hit = e->events.ring[e->events.first];
    pthread_mutex_unlock(&e->lock);
    return is_there;
}

/* It may have been dropped meanwhile, as the ring was full. */
static void
pop(struct export *e, const struct hit *hit)
{
    struct export_events *v = &e->events;

    pthread_mutex_lock(&e->lock);
    if (v->count > 0 && v->ring[v->first].position == hit->position &&
        v->ring[v->first].row == hit->row) {
        v->first = (v->first + 1) % EVENTS_HITS_MAX;
        v->count--;
    }
    pthread_mutex_unlock(&e->lock);
}

static void
count_lost(struct export *e, const struct hit *hit, const char *reason)
{
    struct journal_gap gap = {.from = hit->position, .to = hit->position + 1, .rows = 1};

    snprintf(gap.reason, sizeof gap.reason, "%.150s", reason);
    export_gap_count(e, &gap, hit->position, 0, hit->position);
}

/* All hits of one block. ST_FULL: the window is to be sent. */
static enum status
take_hits(struct export *e, struct hit hit, struct reach *at, struct err *err)
{
    static const struct reach unbounded = {0, 0, false};
    struct block_pool *pool = e->context->pool;
    const struct pool_block *held = NULL;
    uint64_t next, position = hit.position, taken = 0;
    struct journal_gap gap;
    enum added added = ADDED;
    enum status st = block_pool_take(pool, position, &held, &next, &gap, err);

    if (st != ST_OK && st != ST_END)
        return st;
    if (st == ST_OK)
        gap = held->gap;
    do {
        if (st != ST_OK || held->position != position || hit.row >= held->block.head->row_count)
            count_lost(e, &hit, gap.reason);
        else
            added = add(e, held, hit.row, &unbounded);
        if (added == NOT_ADDED)
            break;
        taken++;
        at->position = hit.position;
        at->row = hit.row + 1;
        pop(e, &hit);
    } while (added == ADDED && first_hit(e, &hit) && hit.position == position);
    if (st == ST_OK)
        block_pool_drop(pool, held);
    count_read(e, taken);
    return added == ADDED ? ST_OK : ST_FULL;
}

/* Where it has to read by itself up to; 0: it has done so, from here on the dispatcher tells. */
static uint64_t
scan_to(struct export *e, const struct reach *at)
{
    struct export_events *v = &e->events;

    pthread_mutex_lock(&e->lock);
    if (v->scan_to != 0 && at->position >= v->scan_to) {
        v->scan_to = 0;
        /* It may be ahead: what it found by itself is not to be told again. */
        if (is_before(v->from, v->from_row, at->position, at->row)) {
            v->from = at->position;
            v->from_row = at->row;
        }
    }
    uint64_t to = v->scan_to;

    pthread_mutex_unlock(&e->lock);
    return to;
}

/* Sleeps until there is something for it, at most so long. True: it was asked for something else. */
static bool
sleep_for(struct export *e, int64_t ms)
{
    struct export_events *v = &e->events;
    struct timespec until;
    bool asked;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&e->lock);
    while (!(asked = e->resend != NULL || e->replay_wanted) && v->count == 0 && v->scan_to == 0 &&
           !export_is_ending(e) && !atomic_load(&e->finish) &&
           pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&e->lock);
    return asked;
}

enum status
events_fill(struct export *e, struct reach *at, const struct reach *bound, struct err *err)
{
    int64_t first_ms = 0, started_ms = clock_monotonic_ms(), now_ms, wait_ms;
    int64_t idle_ms = e->context->options.rest_after_ms < WAIT_MS_MAX
                          ? e->context->options.rest_after_ms
                          : WAIT_MS_MAX;

    if (e->events.buffer == NULL && journal_buffer_make(&e->events.buffer, err) != ST_OK)
        return ST_IO;
    window_reset(e->window, &e->limits);
    events_settled(e);
    while (!export_is_ending(e)) {
        uint64_t here = dispatch_position(e->context->dispatcher), to;
        enum status st = ST_OK;
        struct hit hit;

        if (bound->is_bounded && export_is_reached(at, bound))
            return ST_OK;
        to = bound->is_bounded ? 0 : scan_to(e, at);
        if (to != 0 || bound->is_bounded)
            st = scan(e, at, to, bound, err);
        else if (first_hit(e, &hit))
            st = take_hits(e, hit, at, err);
        else
            st = ST_END;
        if (st == ST_FULL)
            return ST_OK;
        if (st != ST_OK && st != ST_END)
            return st;
        if (first_ms == 0 && (window_row_count(e->window) > 0 || e->oversized_count > 0)) {
            first_ms = clock_monotonic_ms();
            export_set_state(e, EXPORT_RUNNING);
        }
        now_ms = clock_monotonic_ms();
        if (st == ST_OK) {
            if (first_ms == 0 && !bound->is_bounded && now_ms - started_ms > WAIT_MS_MAX)
                return ST_END; /* far behind, but nothing for us: show where we are */
            continue;
        }
        if (!bound->is_bounded && to == 0 && here > at->position) {
            at->position = here;
            at->row = 0;
        }
        wait_ms =
            first_ms == 0 ? idle_ms - (now_ms - started_ms) : first_ms + e->linger_ms - now_ms;
        if (wait_ms <= 0 || atomic_load(&e->finish) || bound->is_bounded)
            return first_ms == 0 ? ST_END : ST_OK;
        if (first_ms == 0)
            export_set_state(e, EXPORT_IDLE);
        if (sleep_for(e, wait_ms))
            return first_ms == 0 ? ST_END : ST_OK;
    }
    return ST_END;
}
