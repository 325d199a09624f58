/* export.c - the loop of one export.
 *
 *   fill a window from the cursor on -> write the intent -> send until all is done or parked -> move the cursor
 *
 * What a crash finds is an intent: the window's two ends and, for positioned sinks, each lane's
 * object and length before it. The same rows are then collected again (their bytes depend on
 * nothing but the journal and the route), and what the objects already hold of them is left out.
 * See ledger.h and flight.h. */
#include "base/clock.h"
#include "base/log.h"
#include "deliver/dispatch.h"
#include "deliver/export_inner.h"
#include "journal/journal.h"
#include <stdlib.h>

bool
export_is_ending(struct export *e)
{
    return atomic_load_explicit(&e->stop, memory_order_relaxed);
}

/* For people: an automation's action has a name beside its id. */
static const char *
label(const struct export *e)
{
    return e->route->label != NULL ? e->route->label : e->id;
}

void
export_set_state(struct export *e, enum export_state state)
{
    pthread_mutex_lock(&e->lock);
    e->status.state = state;
    e->progress_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&e->lock);
}

static void
pause_for(struct export *e, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&e->lock);
    while (!export_is_ending(e) && pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&e->lock);
}

/* After a failure: says so once per change of reason, and waits. */
static void
back_off(struct export *e, const struct err *err, int64_t wish_ms)
{
    const struct deliver_options *o = &e->context->options;
    int64_t now_ms = clock_monotonic_ms(), wait;
    bool is_news;

    e->chance = e->chance * 1664525u + 1013904223u;
    e->failures++;
    wait = pace_backoff(e->failures, o->retry_ms_min, o->retry_ms_max, e->chance >> 8, wish_ms);
    pthread_mutex_lock(&e->lock);
    is_news = e->failures == 1 || strcmp(e->status.error, err->text) != 0;
    e->status.state = EXPORT_RETRYING;
    e->status.attempt = e->failures;
    e->status.next_attempt_ms = now_ms + wait;
    e->status.last_error = o->now(o->clock);
    memcpy(e->status.error, err->text, sizeof e->status.error);
    e->progress_ms = now_ms + wait;
    pthread_mutex_unlock(&e->lock);
    if (is_news && !export_is_ending(e))
        log_line(LOG_WARN, "deliver", "export %s: %s; trying again in %lld ms", label(e), err->text,
                 (long long)wait);
    pause_for(e, wait);
}

static void
succeeded(struct export *e)
{
    const struct deliver_options *o = &e->context->options;

    if (e->failures > 0)
        log_line(LOG_INFO, "deliver", "export %s: works again after %u attempts", label(e),
                 e->failures);
    e->failures = 0;
    pthread_mutex_lock(&e->lock);
    e->status.attempt = 0;
    e->status.last_success = o->now(o->clock);
    e->status.state = EXPORT_RUNNING;
    e->progress_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&e->lock);
}

/* ---- where it stands ---- */

static void
cursor_show(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    e->status.cursor = e->position;
    e->status.cursor_row = e->row;
    e->progress_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&e->lock);
}

static enum status
checkpoint(struct export *e, struct err *err)
{
    struct ledger_entry entry = {
        .fingerprint = e->route->fingerprint, .position = e->position, .row = e->row};
    enum status st = e->kind->sync != NULL ? e->kind->sync(e->sink, err) : ST_OK;

    if (st != ST_OK) {
        /* The kernel may have dropped the pages and will not say so again: never sync them a second
         * time. */
        e->sync_failed = true;
        return st;
    }
    if (e->kind->is_positioned && !e->kind->is_lasting_at_once) {
        entry.lanes = (struct ledger_lane *)flight_checkpoint_lanes(&e->flight, &entry.lane_count);
        if (entry.lanes == NULL)
            return err_set(err, ST_FULL, "no memory for a checkpoint");
    }
    st = ledger_write_checkpoint(e->ledger, &entry, err);
    if (st != ST_OK)
        return st;
    flight_checkpointed(&e->flight);
    journal_floor_set(e->context->options.journal, e->id, e->position, e->route->drops_when_full);
    e->checkpoint_ms = clock_monotonic_ms();
    e->is_dirty = e->events.has_moved = false;
    return ST_OK;
}

static void
checkpoint_when_due(struct export *e)
{
    struct err err;

    if (e->is_dirty && clock_monotonic_ms() - e->checkpoint_ms >= CHECKPOINT_MS &&
        checkpoint(e, &err) != ST_OK) {
        log_line(LOG_WARN, "deliver", "export %s: no checkpoint: %s", label(e), err.text);
        e->checkpoint_ms = clock_monotonic_ms();
    }
}

static enum status
intent(struct export *e, uint64_t end_position, uint32_t end_row, uint32_t pending, struct err *err)
{
    struct ledger_entry entry = {.fingerprint = e->route->fingerprint,
                                 .position = e->position,
                                 .row = e->row,
                                 .is_pending = pending,
                                 .end_position = end_position,
                                 .end_row = end_row};

    if (e->kind->is_positioned && pending == LEDGER_PENDING) {
        entry.lanes = (struct ledger_lane *)flight_intent_lanes(&e->flight, &entry.lane_count);
        if (entry.lanes == NULL)
            return err_set(err, ST_FULL, "no memory for an intent");
    }
    return ledger_write_intent(
        e->ledger, &entry,
        pending == LEDGER_PENDING && e->kind->is_positioned && e->kind->is_lasting_at_once, err);
}

/* ---- parking ---- */

static enum status
park(void *app, const struct lane *lane, struct span body, uint32_t row_count, uint64_t position,
     uint32_t row, const char *reason, struct err *err)
{
    struct export *e = app;
    const struct deliver_park *p = &e->context->options.park;
    enum status st = p->park(p->app, e->route, lane, body, row_count, position, row, reason, err);

    if (st != ST_OK)
        return st;
    log_line(LOG_WARN, "deliver", "export %s: %u rows at %llu/%u are parked: %s", label(e),
             row_count, (unsigned long long)position, row, reason);
    pthread_mutex_lock(&e->lock);
    e->status.refused_rows += row_count;
    pthread_mutex_unlock(&e->lock);
    return ST_OK;
}

void
export_oversized_keep(struct export *e, uint64_t position, const char *reason)
{
    struct window_oversized from = window_oversized(e->window);

    if (e->oversized_count == e->oversized_room) {
        size_t room = e->oversized_room + OVERSIZED_MAX;

        e->oversized = realloc(e->oversized, room * sizeof *e->oversized);
        if (e->oversized == NULL)
            abort(); /* see window.c, grown */
        e->oversized_room = room;
    }
    struct oversized *to = &e->oversized[e->oversized_count];

    *to = (struct oversized){.size = from.bytes.n, .position = position, .row = from.row};
    memcpy(to->lane.tenant, from.stream->tenant, sizeof to->lane.tenant);
    memcpy(to->lane.category, from.stream->category, sizeof to->lane.category);
    memcpy(to->lane.table, from.stream->table, sizeof to->lane.table);
    to->bytes = malloc(from.bytes.n);
    if (to->bytes == NULL)
        abort(); /* see window.c, grown */
    memcpy(to->bytes, from.bytes.p, from.bytes.n);
    if (reason != NULL && (to->reason = strdup(reason)) == NULL)
        abort(); /* see window.c, grown */
    e->oversized_count++;
}

static void
oversized_free(struct export *e)
{
    struct oversized *last = &e->oversized[--e->oversized_count];

    free(last->bytes);
    free(last->reason);
}

static enum status
oversized_park(struct export *e, struct err *err)
{
    while (e->oversized_count > 0) {
        struct oversized *o = &e->oversized[e->oversized_count - 1];
        char reason[160];

        snprintf(reason, sizeof reason,
                 "the row has %zu bytes, %s takes at most %zu with its framing", o->size,
                 e->kind->name, e->limits.parcel_max);
        enum status st = park(e, &o->lane, (struct span){o->bytes, o->size}, 1, o->position, o->row,
                              o->reason != NULL ? o->reason : reason, err);

        if (st != ST_OK)
            return st;
        oversized_free(e);
    }
    return ST_OK;
}

static void
oversized_drop(struct export *e)
{
    while (e->oversized_count > 0)
        oversized_free(e);
}

/* ---- filling a window ---- */

/* 'row': so many rows of the block at 'asked' were delivered before it was lost. */
void
export_gap_count(struct export *e, const struct journal_gap *gap, uint64_t asked, uint32_t row,
                 uint64_t position)
{
    if (gap->to == gap->from || asked == 0)
        return;
    uint64_t lost = gap->rows > row ? gap->rows - row : 0;

    pthread_mutex_lock(&e->lock);
    e->status.lost_rows += lost;
    e->status.last_error = e->context->options.now(e->context->options.clock);
    snprintf(e->status.error, sizeof e->status.error,
             "%llu rows between %llu and %llu could not be delivered: %s", (unsigned long long)lost,
             (unsigned long long)asked, (unsigned long long)position, gap->reason);
    pthread_mutex_unlock(&e->lock);
    log_line(LOG_ERROR, "deliver", "export %s: %llu rows between %llu and %llu are lost to it: %s",
             label(e), (unsigned long long)lost, (unsigned long long)asked,
             (unsigned long long)position, gap->reason);
}

/* The window that is being collected again has a gap here. */
void
export_gap_note(struct export *e, const struct journal_gap *gap)
{
    if (gap->to == gap->from || e->gap.count++ > 0)
        return;
    free(e->gap.before); /* lanes that are met later have nothing before it */
    e->gap.before = calloc(LEDGER_LANES_MAX, sizeof *e->gap.before);
    if (e->gap.before == NULL)
        abort(); /* see window.c, grown */
    for (size_t i = 0; i < window_lane_count(e->window); i++)
        e->gap.before[i] = window_lane(e->window, i)->size;
}

/* Takes rows of one block. ST_OK: go on; ST_FULL: the window is to be sent. */
static enum status
fill_from(struct export *e, const struct pool_block *held, struct reach *at,
          const struct reach *bound)
{
    uint32_t row_end = held->block.head->row_count, before = at->row, wanted = 0;
    bool last = bound->is_bounded && held->position == bound->position;
    enum status st = ST_OK;

    if (held->block.head->kind != BLOCK_ROWS)
        at->row = row_end;
    if (last && bound->row < row_end)
        row_end = bound->row;
    bool is_begun = e->verdicts != NULL && at->row < row_end;

    if (is_begun)
        verdicts_begin(e->verdicts, &held->block, held->position);
    while (at->row < row_end && st == ST_OK) {
        uint32_t known = row_end;

        if (is_begun)
            known = verdicts_know(e->verdicts, at->row, row_end);
        st =
            window_add(e->window, e->route, &held->block, held->position, &at->row, known, &wanted);
        if (st == ST_INVALID) {
            export_oversized_keep(e, held->position, NULL);
            /* Recovering, none of them can wait for a next window: the bound is where this one
             * ends. */
            st = e->oversized_count >= OVERSIZED_MAX && !bound->is_bounded ? ST_FULL : ST_OK;
        }
    }
    if (is_begun)
        verdicts_end(e->verdicts);
    pthread_mutex_lock(&e->lock);
    e->status.read_rows += at->row - before;
    if (e->transform != NULL) {
        struct verdicts_counts counts = {0};

        if (e->verdicts != NULL)
            counts = verdicts_counts(e->verdicts);
        e->status.shared_rows = counts.rows - counts.evaluated;
        e->status.filtered_rows = window_filtered(e->window);
        e->status.exhausted_rows = transform_exhausted(e->transform);
    }
    pthread_mutex_unlock(&e->lock);
    if (st == ST_OK && at->row >= held->block.head->row_count) {
        at->position = held->next;
        at->row = 0;
    } else if (last) {
        st = ST_FULL;
    }
    return st;
}

bool
export_is_reached(const struct reach *at, const struct reach *bound)
{
    return at->position > bound->position ||
           (at->position == bound->position && at->row >= bound->row);
}

/* Collects rows from the cursor on until the window is full, its linger is over or, recovering, the
 * bound is reached. ST_END: nothing came for a while (the cursor may have moved over rows that
 * nobody wants). */
static enum status
fill(struct export *e, struct reach *at, const struct reach *bound, struct err *err)
{
    struct journal *j = e->context->options.journal;
    int64_t first_ms = 0, started_ms = clock_monotonic_ms();

    if (e->takes_events)
        return events_fill(e, at, bound, err);
    window_reset(e->window, &e->limits);
    while (!export_is_ending(e)) {
        const struct pool_block *held;
        struct journal_gap gap;
        uint64_t next;

        if (bound->is_bounded && export_is_reached(at, bound))
            return ST_OK;
        enum status st = block_pool_take(e->context->pool, at->position, &held, &next, &gap, err);

        if (st == ST_OK) {
            if (at->position != held->position) {
                export_gap_count(e, &held->gap, at->position, at->row, held->position);
                if (bound->is_bounded)
                    export_gap_note(e, &held->gap);
                at->position = held->position;
                at->row = 0;
                if (bound->is_bounded && export_is_reached(at, bound)) {
                    block_pool_drop(e->context->pool, held);
                    return ST_OK; /* all that was left of the window is gone */
                }
            }
            st = fill_from(e, held, at, bound);
            block_pool_drop(e->context->pool, held);
            if (st == ST_FULL)
                return ST_OK;
            if (first_ms == 0 && (window_row_count(e->window) > 0 || e->oversized_count > 0)) {
                first_ms = clock_monotonic_ms();
                export_set_state(e, EXPORT_RUNNING); /* it waits for its linger, but it has work */
            }
            if (window_row_count(e->window) == 0 && e->oversized_count == 0 && !bound->is_bounded &&
                clock_monotonic_ms() - started_ms > WAIT_MS_MAX)
                return ST_END; /* far behind, but nothing for us: show where we are */
            continue;
        }
        if (st != ST_END)
            return st;
        if (at->position != next) { /* damage at the very end: what follows is another block */
            export_gap_count(e, &gap, at->position, at->row, next);
            if (bound->is_bounded)
                export_gap_note(e, &gap);
            at->row = 0;
        }
        at->position = next;
        int64_t now_ms = clock_monotonic_ms();
        int64_t wait_ms =
            first_ms == 0 ? WAIT_MS_MAX - (now_ms - started_ms) : first_ms + e->linger_ms - now_ms;

        if (wait_ms <= 0 || atomic_load(&e->finish) || bound->is_bounded)
            return first_ms == 0 ? ST_END : ST_OK;
        if (first_ms == 0)
            export_set_state(e, EXPORT_IDLE);
        journal_wait(j, at->position, (int)wait_ms);
        pthread_mutex_lock(&e->lock);
        bool asked = e->resend != NULL || e->replay_wanted;
        pthread_mutex_unlock(&e->lock);
        if (asked)
            return first_ms == 0 ? ST_END : ST_OK;
    }
    return ST_END;
}

/* ---- sending it ---- */

static void
count_sent(struct export *e)
{
    struct flight *f = &e->flight;

    pthread_mutex_lock(&e->lock);
    e->status.sent_rows += f->sent_rows;
    e->status.sent_bytes += f->sent_bytes;
    e->status.sent_batches += f->sent_parcels;
    e->status.retried += f->retried;
    if (f->sent_rows > 0) /* a window of one request a row may take long */
        e->progress_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&e->lock);
    pace_spend(&e->bytes_pace, f->sent_bytes);
    pace_spend(&e->rows_pace, f->sent_rows);
    f->sent_rows = f->sent_bytes = f->sent_parcels = f->retried = 0;
}

static void
count_category(struct export *e, const char *category, uint64_t rows, uint64_t bytes)
{
    struct deliver_status *s = &e->status;
    uint32_t i = 0;

    while (i < s->category_count && strcmp(s->categories[i].category, category) != 0)
        i++;
    if (i == s->category_count) {
        if (i == DELIVER_CATEGORIES_MAX)
            i = DELIVER_CATEGORIES_MAX - 1;
        else
            s->category_count++;
        snprintf(s->categories[i].category, sizeof s->categories[i].category, "%s",
                 i == DELIVER_CATEGORIES_MAX - 1 ? "(other)" : category);
    }
    s->categories[i].rows += rows;
    s->categories[i].bytes += bytes;
}

static void
count_categories(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->flight.item_count; i++) {
        const struct flight_item *item = &e->flight.items[i];

        count_category(e, e->flight.lanes[item->lane].lane.category, item->row_count, item->body.n);
    }
    pthread_mutex_unlock(&e->lock);
}

static void
pace(struct export *e)
{
    for (;;) {
        int64_t now_ms = clock_monotonic_ms();
        int64_t bytes_ms = pace_wait(&e->bytes_pace, now_ms);
        int64_t rows_ms = pace_wait(&e->rows_pace, now_ms);
        int64_t wait = bytes_ms > rows_ms ? bytes_ms : rows_ms;

        if (wait <= 0 || export_is_ending(e))
            return;
        export_set_state(e, EXPORT_RUNNING);
        pause_for(e, wait > 1000 ? 1000 : wait);
    }
}

/* Sends the loaded flight until all is done. False: the export is ending. */
static bool
land(struct export *e, uint64_t end_position, uint32_t end_row)
{
    struct err err;

    e->flight.intent_changed = true;
    while (!export_is_ending(e)) {
        enum status st = ST_OK;

        pace(e);
        if (export_is_ending(e))
            return false;
        if (e->kind->is_positioned && e->flight.intent_changed) {
            if (!e->kind->is_lasting_at_once && flight_needs_checkpoint(&e->flight))
                st = checkpoint(e, &err);
            if (st == ST_OK)
                st = intent(e, end_position, end_row, LEDGER_PENDING, &err);
        }
        if (st == ST_OK)
            st = flight_send(&e->flight, park, e);
        else
            e->flight.err = err;
        count_sent(e);
        if (st == ST_OK)
            st = oversized_park(e, &e->flight.err);
        if (st == ST_OK)
            return true;
        if (e->sync_failed)
            return false;
        /* What went before is lasting, however long this window takes: the journal may need its
         * space, and a full disk that both are on is free again only then. */
        checkpoint_when_due(e);
        if (e->sync_failed)
            return false;
        if (e->flight.err.text[0] != '\0')
            back_off(e, &e->flight.err, e->flight.retry_after_ms);
    }
    return false;
}

static bool
load(struct export *e)
{
    struct err err;

    while (flight_load(&e->flight, e->window, e->route->profile, &err) != ST_OK) {
        flight_clear(&e->flight);
        if (export_is_ending(e))
            return false;
        back_off(e, &err, -1);
        if (export_is_ending(e))
            return false;
    }
    return true;
}

static void
move_cursor(struct export *e, const struct reach *to)
{
    if (to->position != e->position || to->row != e->row)
        e->is_dirty = true;
    e->position = to->position;
    e->row = to->row;
    if (e->takes_events)
        events_settled(e);
    cursor_show(e);
}

/* One round: false when the export is ending. */
static bool
round_trip(struct export *e)
{
    struct reach at = {e->position, e->row, false}, unbounded = {0, 0, false};
    struct err err = {""};
    enum status st = fill(e, &at, &unbounded, &err);

    if (export_is_ending(e)) {
        oversized_drop(e);
        return false;
    }
    if (st != ST_OK && st != ST_END) {
        oversized_drop(e);
        if (e->takes_events)
            events_take_up(e);
        back_off(e, &err, -1);
        return true;
    }
    if (st == ST_END) {
        bool was_dirty = e->is_dirty;
        int64_t now_ms = clock_monotonic_ms();

        move_cursor(e, &at);
        if (e->takes_events) { /* nothing was sent: no sync for that, it soon rests */
            e->events.has_moved |= e->is_dirty;
            e->is_dirty = was_dirty;
        }

        if (e->idle_ms == 0)
            e->idle_ms = now_ms;
        if (now_ms - e->idle_ms > SHRINK_MS) {
            window_reset(e->window, &e->limits);
            window_shrink(e->window);
        }
        checkpoint_when_due(e);
        e->events.wants_rest =
            e->takes_events && now_ms - e->idle_ms >= e->context->options.rest_after_ms;
        return true;
    }
    e->idle_ms = 0;
    export_set_state(e, EXPORT_RUNNING);
    window_seal(e->window);
    if (!load(e) || !land(e, at.position, at.row)) {
        oversized_drop(e);
        return false;
    }
    count_categories(e);
    flight_clear(&e->flight);
    move_cursor(e, &at);
    succeeded(e);
    if (!e->kind->is_positioned && intent(e, 0, 0, LEDGER_SETTLED, &err) != ST_OK)
        log_line(LOG_WARN, "deliver", "export %s: %s", label(e), err.text);
    checkpoint_when_due(e);
    return true;
}

/* ---- coming back ---- */

/* After a power failure: objects are cut back to what the checkpoint knows to be lasting. */
static enum status
cut_back(struct export *e, const struct ledger_entry *entry, struct err *err)
{
    for (uint32_t i = 0; i < entry->lane_count && e->kind->cut != NULL; i++) {
        const struct ledger_lane *l = &entry->lanes[i];
        struct lane lane = {.hour = l->hour};
        uint64_t length;

        memcpy(lane.tenant, l->tenant, sizeof lane.tenant);
        memcpy(lane.category, l->category, sizeof lane.category);
        memcpy(lane.table, l->table, sizeof lane.table);
        enum status st = e->kind->length(e->sink, &lane, l->name, &length, err);

        if (st == ST_OK && length > l->length)
            st = e->kind->cut(e->sink, &lane, l->name, l->length, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* What a killed program appended since its checkpoint is there, but in the page cache alone:
 * touched, it is part of the next sync, after which it counts as lasting. Objects that it wrote to
 * are all in the checkpoint. */
static enum status
touch(struct export *e, struct err *err)
{
    struct ledger_entry last;
    enum status st = ST_OK;

    if (!e->kind->is_positioned || e->kind->is_lasting_at_once ||
        !ledger_checkpoint(e->ledger, &last))
        return ST_OK;
    for (uint32_t i = 0; i < last.lane_count && st == ST_OK; i++) {
        const struct ledger_lane *l = &last.lanes[i];
        struct lane lane = {.hour = l->hour};
        uint64_t length;

        memcpy(lane.tenant, l->tenant, sizeof lane.tenant);
        memcpy(lane.category, l->category, sizeof lane.category);
        memcpy(lane.table, l->table, sizeof lane.table);
        st = e->kind->length(e->sink, &lane, l->name, &length, err);
    }
    return st;
}

/* Finishes the window that a crash interrupted. */
static enum status
finish_pending(struct export *e, const struct ledger_entry *entry, struct err *err)
{
    struct reach at = {entry->position, entry->row, false};
    struct reach bound = {entry->end_position, entry->end_row, true};
    struct window_limits limits = e->limits;
    bool same = entry->fingerprint == e->route->fingerprint;
    uint64_t doubled = 0;

    e->position = entry->position;
    e->row = entry->row;
    e->limits.bytes_max = SIZE_MAX;
    e->limits.rows_max = UINT32_MAX;
    e->limits.lanes_max = LEDGER_LANES_MAX;
    e->gap.count = 0;
    enum status st = fill(e, &at, &bound, err);

    e->limits = limits;
    if (st == ST_END)
        st = ST_OK;
    if (st != ST_OK)
        return st;
    if (at.position != bound.position || at.row != bound.row)
        log_line(
            LOG_WARN, "deliver",
            "export %s: its interrupted window ended at %llu/%u, the journal gave rows to %llu/%u",
            label(e), (unsigned long long)bound.position, bound.row,
            (unsigned long long)at.position, at.row);
    window_seal(e->window);
    st = flight_load(&e->flight, e->window, e->route->profile, err);
    if (st == ST_OK && e->gap.count > 0)
        st = flight_recover_gap(&e->flight, entry, same, e->gap.before, e->gap.count == 1, &doubled,
                                err);
    else if (st == ST_OK)
        st = flight_recover(&e->flight, entry, same, &doubled, err);
    if (st != ST_OK) {
        flight_clear(&e->flight);
        oversized_drop(e);
        return st;
    }
    if (doubled > 0)
        log_line(LOG_WARN, "deliver",
                 "export %s: its %s over a crash: up to %llu bytes may be there twice", label(e),
                 same ? "interrupted window lost rows" : "settings changed",
                 (unsigned long long)doubled);
    if (!land(e, at.position, at.row)) {
        oversized_drop(e);
        return err_set(err, ST_IO, "stopped");
    }
    flight_clear(&e->flight);
    move_cursor(e, &at);
    e->is_dirty = true;
    return ST_OK;
}

/* Whether the ledger's checkpoint is a later word than its intent: it was written after the window
 * landed. (A replay, which goes back, writes an intent that is not pending.) */
static bool
checkpoint_is_later(const struct ledger *l, const struct ledger_entry *intent)
{
    struct ledger_entry last;

    return ledger_checkpoint(l, &last) && intent->is_pending == LEDGER_PENDING &&
           (last.position > intent->end_position ||
            (last.position == intent->end_position && last.row >= intent->end_row));
}

static enum status
stand_find(const struct export_context *context, const struct plan_route *route,
           const struct ledger *ledger, struct export_stand *stand, struct err *err)
{
    struct ledger_entry intent, last;
    bool has_last = ledger_checkpoint(ledger, &last);
    bool has_intent = ledger_intent(ledger, &intent);
    bool counts = has_intent && ledger_intent_counts(ledger) && intent.is_pending != LEDGER_BACK;
    bool is_later = counts && checkpoint_is_later(ledger, &intent);

    *stand = (struct export_stand){
        .on = counts     ? STAND_ON_INTENT
              : has_last ? STAND_ON_CHECKPOINT
                         : STAND_ON_START,
        .is_pending = counts && !is_later && intent.is_pending == LEDGER_PENDING,
    };
    if (counts && !is_later) {
        stand->position = intent.position;
        stand->row = intent.row;
    } else if (has_last) {
        stand->position = last.position;
        stand->row = last.row;
    } else {
        enum status st =
            journal_find_time(context->options.journal, route->start_ticks, &stand->position, err);

        if (st != ST_OK)
            return st;
    }
    stand->floor = stand->position;
    if (has_last && last.position < stand->floor)
        stand->floor = last.position;
    if (has_intent && intent.position < stand->floor)
        stand->floor = intent.position;
    return ST_OK;
}

enum status
export_stand(const struct export_context *context, const struct plan_route *route,
             struct ledger **ledger, struct export_stand *stand, struct err *err)
{
    enum status st = ledger_open(context->options.folder, route->id, context->boot, ledger, err);

    stand->floor = 0;
    if (st != ST_OK)
        return st;
    st = stand_find(context, route, *ledger, stand, err);
    if (st != ST_OK) {
        stand->floor = 0;
        ledger_close(*ledger);
    }
    return st;
}

/* Takes up the work where it stands. The start of a new export is looked up once, by whoever set
 * the journal's floor there: records come in meanwhile, and a second look would find another. */
static enum status
recover(struct export *e, struct err *err)
{
    struct ledger_entry entry;
    bool is_first = e->has_stand;
    enum status st = ST_OK;

    if (!e->has_stand)
        st = stand_find(e->context, e->route, e->ledger, &e->stand, err);
    if (st != ST_OK)
        return st;
    e->has_stand = false; /* what follows writes into the ledger */
    e->position = e->stand.position;
    e->row = e->stand.row;
    if (e->stand.on == STAND_ON_INTENT)
        st = touch(e, err);
    if (st == ST_OK && e->stand.is_pending && ledger_intent(e->ledger, &entry))
        st = finish_pending(e, &entry, err);
    if (e->stand.on == STAND_ON_CHECKPOINT && ledger_checkpoint(e->ledger, &entry))
        st = cut_back(e, &entry, err);
    if (st != ST_OK)
        return st;
    cursor_show(e);
    if (e->takes_events && !is_first)
        events_take_up(e);
    return checkpoint(e, err);
}

static void
handle_replay(struct export *e)
{
    struct err err;

    pthread_mutex_lock(&e->lock);
    bool wanted = e->replay_wanted;
    uint64_t position = e->replay_position;

    e->replay_wanted = false;
    pthread_mutex_unlock(&e->lock);
    if (!wanted)
        return;
    struct reach to = {position, 0, false};

    if (e->takes_events)
        events_go_back(e, position);
    move_cursor(e, &to);
    log_line(LOG_INFO, "deliver", "export %s: sends again from %llu on", label(e),
             (unsigned long long)position);
    if (intent(e, 0, 0, LEDGER_SETTLED, &err) != ST_OK || checkpoint(e, &err) != ST_OK)
        log_line(LOG_WARN, "deliver", "export %s: %s", label(e), err.text);
}

static enum status
refuse(void *app, const struct lane *lane, struct span body, uint32_t row_count, uint64_t position,
       uint32_t row, const char *reason, struct err *err)
{
    (void)lane, (void)body, (void)row_count, (void)position, (void)row;
    *(bool *)app = true;
    return err_set(err, ST_INVALID, "refused again: %s", reason);
}

static void
handle_resend(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    struct resend *r = e->resend;

    if (r != NULL)
        r->is_taken = true;
    pthread_mutex_unlock(&e->lock);
    if (r == NULL)
        return;
    struct flight *f = &e->flight;
    bool refused = false;
    enum status st = ST_FULL;

    /* The pending intent tells of the objects' lengths: it is closed before they grow by other
     * means. */
    struct err err = {""};

    window_reset(e->window, &e->limits);
    window_seal(e->window);
    st = intent(e, 0, 0, LEDGER_SETTLED, &err);
    if (st == ST_OK)
        st = flight_load_one(f, r->lane, r->body, r->row_count, r->position, r->row,
                             e->route->profile, &err);
    for (size_t i = 0; st == ST_OK && i < f->item_count; i++)
        if (f->items[i].body.n > e->limits.parcel_max)
            st = err_set(&err, ST_INVALID, "refused again: it has %zu bytes, %s takes at most %zu",
                         f->items[i].body.n, e->kind->name, e->limits.parcel_max);
    if (st == ST_OK && e->kind->is_positioned && !e->kind->is_lasting_at_once &&
        flight_needs_checkpoint(f))
        st = checkpoint(e, &err);
    if (st == ST_OK) {
        st = flight_send(f, refuse, &refused);
        err = f->err;
    }
    if (refused)
        st = ST_INVALID;
    flight_clear(f);
    /* It is forgotten where it was parked once we say that it is taken: it must be lasting
     * before. */
    if (st == ST_OK && !e->kind->is_lasting_at_once)
        st = checkpoint(e, &err);
    pthread_mutex_lock(&e->lock);
    if (st == ST_OK)
        e->status.resent_rows += r->row_count;
    r->st = st;
    r->err = err;
    r->is_over = true;
    e->resend = NULL;
    f->sent_rows = f->sent_bytes = f->sent_parcels = f->retried = 0;
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

/* Opens what it needs and finds its place. ST_OK: the loop can begin. */
static enum status
open_all(struct export *e, struct err *err)
{
    const struct plan_destination *d = &e->route->destination;
    enum status st = ST_OK;

    if (e->window == NULL)
        st = window_make(&e->window, err);
    if (st == ST_OK && e->ledger == NULL)
        st = ledger_open(e->context->options.folder, e->id, e->context->boot, &e->ledger, err);
    if (st == ST_OK && e->sink == NULL) {
        st = e->kind->open((const struct sink_value *)d->settings, d->setting_count, &e->stop,
                           &e->sink, err);
        if (st != ST_OK)
            e->sink = NULL;
    }
    if (st != ST_OK)
        return st;
    if (e->kind->parcel_max != NULL)
        e->limits.parcel_max = e->kind->parcel_max(e->sink);
    flight_init(&e->flight, e->kind, e->sink);
    e->flight.framing = e->limits.framing;
    st = recover(e, err);
    if (st != ST_OK)
        flight_free(&e->flight);
    return st;
}

static void
close_sink(struct export *e)
{
    if (e->sink != NULL)
        e->kind->close(e->sink);
    e->sink = NULL;
}

/* After a failed sync: all since the checkpoint counts as not sent. */
static void
go_back(struct export *e)
{
    struct err err = {"the destination could not make lasting what was sent"};

    close_sink(e);
    /* Until the ledger says so, the intent before it would count as if all that it tells of were
     * there. */
    while (intent(e, 0, 0, LEDGER_BACK, &err) != ST_OK && !export_is_ending(e))
        back_off(e, &err, -1);
    err = (struct err){"the destination could not make lasting what was sent"};
    log_line(LOG_ERROR, "deliver", "export %s: a sync failed: goes back to its last checkpoint",
             label(e));
    e->sync_failed = false;
    e->is_dirty = false;
    back_off(e, &err, -1);
}

static void
run_open(struct export *e)
{
    struct err err = {""};

    export_set_state(e, EXPORT_RUNNING);
    e->idle_ms = 0;
    while (!export_is_ending(e) && !atomic_load(&e->finish) && !e->sync_failed &&
           !e->events.wants_rest) {
        handle_replay(e);
        handle_resend(e);
        if (!round_trip(e))
            break;
    }
    /* Going to rest it has nothing under way. A route of events that changes goes on from here, with other
     * rules: it must not look again at what it passed over. */
    e->is_dirty |= e->events.has_moved;
    if (e->is_dirty && !e->sync_failed &&
        (e->events.wants_rest || !e->kind->is_positioned || !e->flight.intent_changed) &&
        checkpoint(e, &err) != ST_OK)
        log_line(LOG_WARN, "deliver", "export %s: no last checkpoint: %s", label(e), err.text);
    if (e->is_dirty)
        e->events.wants_rest = false;
    flight_free(&e->flight);
    oversized_drop(e);
    if (e->sync_failed)
        go_back(e);
}

/* All that the thread holds but its cursor. */
static void
close_all(struct export *e)
{
    oversized_drop(e);
    free(e->oversized);
    e->oversized = NULL;
    free(e->gap.before);
    e->gap.before = NULL;
    e->oversized_room = 0;
    close_sink(e);
    ledger_close(e->ledger);
    e->ledger = NULL;
    window_free(e->window);
    e->window = NULL;
}

void *
export_run(void *app)
{
    struct export *e = app;
    struct err err = {""};

    while (!export_is_ending(e) && !atomic_load(&e->finish)) {
        enum status st = open_all(e, &err);

        if (st == ST_OK)
            run_open(e);
        else if (e->sync_failed)
            go_back(e);
        else if (!export_is_ending(e))
            back_off(e, &err, -1);
        if (e->events.wants_rest) {
            close_all(e);
            if (events_rest(e))
                return NULL;
        }
    }
    close_all(e);
    pthread_mutex_lock(&e->lock);
    e->status.state = EXPORT_STOPPED;
    e->is_over = true;
    if (e->resend != NULL) {
        e->resend->st = err_set(&e->resend->err, ST_FULL, "the export is stopping");
        e->resend->is_over = true;
        e->resend = NULL;
    }
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* ---- from other threads ---- */

/* The journal keeps what the export needs from here on, however long its destination cannot be
 * opened. What cannot be known is all of it. */
static void
floor_take(struct export *e)
{
    struct journal *j = e->context->options.journal;
    struct err ignored;

    e->has_stand = export_stand(e->context, e->route, &e->ledger, &e->stand, &ignored) == ST_OK;
    if (e->has_stand) {
        e->status.cursor = e->stand.position;
        e->status.cursor_row = e->stand.row;
    } else {
        e->ledger = NULL; /* the thread tries again, and says why it fails */
    }
    journal_floor_set(j, e->id, e->stand.floor, e->route->drops_when_full);
}

int
export_thread_start(struct export *e)
{
    pthread_attr_t attributes;
    int failed;

    pthread_attr_init(&attributes);
    /* An expression may be nested deep, and is walked by recursion; what is not used takes no
     * memory. */
    pthread_attr_setstacksize(&attributes, e->route->transform != NULL ? 8 << 20 : 512 << 10);
    failed = pthread_create(&e->thread, &attributes, export_run, e);
    pthread_attr_destroy(&attributes);
    return failed;
}

enum status
export_start(const struct export_context *context, struct plan *plan,
             const struct plan_route *route, struct export **export, struct err *err)
{
    struct export *e = calloc(1, sizeof *e);
    const struct sink_kind *kind = sink_kind_find(route->destination.kind);
    pthread_condattr_t monotonic;

    if (kind == NULL) {
        free(e);
        return err_set(err, ST_INVALID, "export %s: there is no destination kind '%s'", route->id,
                       route->destination.kind);
    }
    /* A route of events makes its window when it has some. */
    if (e == NULL || (route->events == NULL && window_make(&e->window, err) != ST_OK)) {
        free(e);
        return err_set(err, ST_FULL, "no memory for export %s", route->id);
    }
    if (route->transform != NULL) {
        if (transform_run_make(&route->transform, 1, &e->transform, err) != ST_OK ||
            (!context->options.shares_nothing &&
             verdicts_join(context->verdicts, route, e->transform, &e->verdicts, err) != ST_OK)) {
            transform_run_free(e->transform);
            window_free(e->window);
            free(e);
            return ST_FULL;
        }
        window_transform(e->window, e->transform, 0, e->verdicts != NULL);
    }
    e->context = context;
    e->plan = plan_hold(plan);
    e->route = route;
    e->fingerprint = route->fingerprint;
    e->takes_events = route->events != NULL;
    e->kind = kind;
    e->chance = (uint32_t)(uintptr_t)e ^ (uint32_t)clock_monotonic_ms();
    snprintf(e->id, sizeof e->id, "%s", route->id);
    snprintf(e->status.id, sizeof e->status.id, "%s", route->id);
    e->limits = (struct window_limits){
        /* One event, one message: continuous-export.md section 2.2. */
        .framing = route->events != NULL && kind->framing == FRAME_RECORDS ? WINDOW_ROW
                                                                           : flight_framing(kind),
        .by_hour = kind->by_hour,
        .parcel_max = kind->body_max,
        .bytes_max = route->batch_bytes != 0 ? route->batch_bytes : kind->batch_bytes,
        .rows_max = route->batch_rows != 0  ? route->batch_rows
                    : kind->batch_rows != 0 ? kind->batch_rows
                                            : ROWS_DEFAULT,
        .lanes_max = LANES_MAX,
    };
    e->linger_ms = route->linger_ms != 0 ? route->linger_ms : kind->linger_ms;
    pace_init(&e->bytes_pace, route->bytes_per_s_max, clock_monotonic_ms());
    pace_init(&e->rows_pace, route->rows_per_s_max, clock_monotonic_ms());
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    e->progress_ms = clock_monotonic_ms();
    floor_take(e);
    if (route->events != NULL && events_begin(e)) {
        *export = e;
        return ST_OK;
    }
    int failed = export_thread_start(e);

    e->events.has_thread = failed == 0;
    if (failed != 0) {
        ledger_close(e->ledger);
        window_free(e->window);
        verdicts_leave(e->verdicts);
        transform_run_free(e->transform);
        plan_release(e->plan);
        free(e);
        return err_set(err, ST_FULL, "no thread for export %s: %s", route->id, strerror(failed));
    }
    *export = e;
    return ST_OK;
}

void
export_finish(struct export *e)
{
    atomic_store(&e->finish, true);
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
    journal_wake(e->context->options.journal);
}

void
export_end(struct export *e, unsigned grace_ms)
{
    struct timespec until;

    export_finish(e);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&e->lock);
    while (!e->is_over && !e->events.is_at_rest && e->status.state != EXPORT_RETRYING &&
           pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
        ;
    atomic_store(&e->stop, true);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
    journal_wake(e->context->options.journal);
    if (e->events.has_thread)
        pthread_join(e->thread, NULL);
    events_free(e);
    ledger_close(e->ledger);
    window_free(e->window);
    verdicts_leave(e->verdicts);
    transform_run_free(e->transform);
    plan_release(e->plan);
    plan_release(e->next_plan);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

const char *
export_id(const struct export *e)
{
    return e->id;
}

uint64_t
export_fingerprint(const struct export *e)
{
    return e->fingerprint;
}

bool
export_takes_events(const struct export *e)
{
    return e->takes_events;
}

void
export_status(struct export *e, struct deliver_status *status)
{
    pthread_mutex_lock(&e->lock);
    *status = e->status;
    pthread_mutex_unlock(&e->lock);
    if (e->takes_events)
        events_lag(e, status);
    else
        export_lag(e->context, status);
}

void
export_lag(const struct export_context *context, struct deliver_status *status)
{
    const struct deliver_options *o = &context->options;
    struct journal_extent extent = journal_extent(o->journal);
    int64_t oldest = 0;
    uint64_t rows = 0;

    status->lag_rows = 0;
    status->lag_ms = 0;
    if (status->state == EXPORT_STARTING && status->cursor == 0)
        return;
    if (status->cursor < extent.end &&
        journal_count_rows(o->journal, status->cursor, extent.end, &rows, &oldest, NULL) == ST_OK &&
        rows > status->cursor_row) {
        int64_t age = (o->now(o->clock) - oldest) / (TICKS_PER_SECOND / 1000);

        status->lag_rows = rows - status->cursor_row;
        status->lag_ms = age > 0 ? age : 0;
    }
}

bool
export_is_stuck(struct export *e, int64_t stall_ms)
{
    pthread_mutex_lock(&e->lock);
    bool stuck =
        !e->is_over && !e->events.is_at_rest && clock_monotonic_ms() - e->progress_ms > stall_ms;

    pthread_mutex_unlock(&e->lock);
    return stuck;
}

void
export_replay(struct export *e, uint64_t position)
{
    pthread_mutex_lock(&e->lock);
    e->replay_wanted = true;
    e->replay_position = position;
    if (e->takes_events) {
        events_rouse(e);
        if (position < e->events.roused)
            e->events.roused = position;
    }
    pthread_mutex_unlock(&e->lock);
    journal_wake(e->context->options.journal);
}

void
export_resend_end(struct export *e)
{
    pthread_mutex_lock(&e->lock);
    struct resend *r = e->resend;

    e->no_resends = true;
    if (r != NULL && !r->is_taken) {
        r->st = err_set(&r->err, ST_FULL, "the export is stopping");
        r->is_over = true;
        e->resend = NULL;
        pthread_cond_broadcast(&e->wake);
    }
    pthread_mutex_unlock(&e->lock);
}

enum status
export_resend(struct export *e, const struct lane *lane, struct span body, uint32_t row_count,
              uint64_t position, uint32_t row, int wait_ms, struct err *err)
{
    struct resend r = {.lane = lane,
                       .body = body,
                       .row_count = row_count,
                       .position = position,
                       .row = row,
                       .st = ST_FULL};
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000 + 1;
    pthread_mutex_lock(&e->lock);
    if (e->resend != NULL || e->is_over || e->no_resends) {
        pthread_mutex_unlock(&e->lock);
        return err_set(err, ST_FULL, "export %s is busy: try again", e->id);
    }
    e->resend = &r;
    if (e->takes_events)
        events_rouse(e);
    pthread_mutex_unlock(&e->lock);
    journal_wake(e->context->options.journal);
    pthread_mutex_lock(&e->lock);
    while (!r.is_over) {
        if (pthread_cond_timedwait(&e->wake, &e->lock, &until) != 0 && !r.is_taken) {
            e->resend = NULL; /* not begun: taken back */
            pthread_mutex_unlock(&e->lock);
            return err_set(err, ST_FULL, "export %s could not send it within %d ms (it is %s)",
                           e->id, wait_ms, export_state_name(e->status.state));
        }
        if (r.is_taken && !r.is_over)
            pthread_cond_wait(&e->wake, &e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    if (err != NULL)
        *err = r.err;
    return r.st;
}
