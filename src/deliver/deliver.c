#include "deliver/deliver.h"
#include "base/file.h"
#include "base/log.h"
#include "deliver/dispatch.h"
#include "deliver/export.h"
#include "deliver/hub.h"
#include "deliver/ledger.h"
#include "journal/journal.h"
#include <pthread.h>
#include <stdlib.h>

enum { GRACE_MS_ON_CHANGE = 2000 };

struct deliverer {
    struct export_context context;
    char *folder;
    pthread_mutex_t change; /* one plan swap at a time */
    pthread_rwlock_t lock;  /* guards exports and plan */
    atomic_bool no_waits;
    struct plan *plan;
    struct export **exports; /* sorted by route id */
    size_t count;
};

const char *
export_state_name(enum export_state state)
{
    static const char *const names[] = {"starting", "running",  "idle",
                                        "retrying", "disabled", "stopped"};

    return names[state];
}

enum status
deliver_start(const struct deliver_options *o, struct deliverer **deliverer, struct err *err)
{
    struct deliverer *d = calloc(1, sizeof *d);
    enum status st;

    if (d == NULL || (d->folder = strdup(o->folder)) == NULL) {
        free(d);
        return err_set(err, ST_FULL, "no memory for delivery");
    }
    d->context.options = *o;
    d->context.options.folder = d->folder;
    if (o->retry_ms_min == 0)
        d->context.options.retry_ms_min = 250;
    if (o->retry_ms_max == 0)
        d->context.options.retry_ms_max = 60000;
    if (o->rest_after_ms == 0)
        d->context.options.rest_after_ms = REST_AFTER_MS;
    ledger_boot(d->context.boot);
    pthread_mutex_init(&d->change, NULL);
    pthread_rwlock_init(&d->lock, NULL);
    st = folder_make(d->folder, err);
    if (st == ST_OK)
        st = verdicts_make(&d->context.verdicts, err);
    if (st == ST_OK)
        st = block_pool_make(o->journal, o->block_buffers, &d->context.pool, err);
    if (st == ST_OK) {
        st = dispatch_make(&d->context, &d->context.dispatcher, err);
        if (st != ST_OK)
            block_pool_free(d->context.pool);
    }
    if (st != ST_OK) {
        verdicts_free(d->context.verdicts);
        free(d->folder);
        free(d);
        return st;
    }
    *deliverer = d;
    return ST_OK;
}

/* Exports that have a thread: enabled ones whose destination is not the journal itself. */
static bool
runs(const struct plan_route *route)
{
    return route->is_enabled && strcmp(route->destination.kind, "hub") != 0;
}

/* Disabled: what it has not sent is kept until it goes on, but never at the cost of those who send:
 * its floor yields, and what it loses is counted when it goes on. */
static bool
rests(const struct plan_route *route)
{
    return !route->is_enabled && strcmp(route->destination.kind, "hub") != 0;
}

/* An automation that is switched off: what comes from here on is not for it. What it had not sent
 * by then is kept as above; mostly that is nothing. */
static void
events_rest_off(struct deliverer *d, const struct plan_route *route)
{
    struct journal *j = d->context.options.journal;
    struct export_stand stand;
    struct ledger *ledger;
    struct err why;

    dispatch_off(d->context.dispatcher, route->id);
    if (!dispatch_owes(d->context.dispatcher, route->id, 0)) {
        journal_floor_remove(j, route->id);
        return;
    }
    if (export_stand(&d->context, route, &ledger, &stand, &why) != ST_OK) {
        log_line(LOG_WARN, "deliver", "export %s: %s", route->id, why.text);
        return;
    }
    ledger_close(ledger);
    if (dispatch_owes(d->context.dispatcher, route->id, stand.position))
        journal_floor_set(j, route->id, stand.floor, true);
    else
        journal_floor_remove(j, route->id);
}

static void
floor_rest(struct deliverer *d, const struct plan_route *route)
{
    struct export_stand stand = {0};
    struct ledger *ledger;
    struct err why;

    if (route->events != NULL) {
        events_rest_off(d, route);
        return;
    }
    if (export_stand(&d->context, route, &ledger, &stand, &why) == ST_OK)
        ledger_close(ledger);
    else
        log_line(LOG_WARN, "deliver", "export %s: %s", route->id, why.text);
    journal_floor_set(d->context.options.journal, route->id, stand.floor, true);
}

/* What the new plan does not have any more was deleted: also an export that rested, and one whose
 * id another setting has now. */
static void
forget_deleted(struct deliverer *d, const struct plan *old, const struct plan *new)
{
    for (size_t i = 0; old != NULL && i < old->route_count; i++) {
        const char *id = old->routes[i].id;
        const struct plan_route *now = plan_find(new, id);

        if (now != NULL && now->start_ticks == old->routes[i].start_ticks)
            continue;
        dispatch_forget(d->context.dispatcher, id);
        ledger_forget(d->folder, id);
        journal_floor_remove(d->context.options.journal, id);
    }
}

/* The first automations: events are read from where the one furthest behind stands. */
static void
place_dispatcher(struct deliverer *d, const struct plan *plan)
{
    uint64_t lowest = UINT64_MAX, off_from, off_to;

    if (dispatch_is_placed(d->context.dispatcher))
        return;
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct plan_route *route = &plan->routes[i];
        struct export_stand stand;
        struct ledger *ledger;
        struct err ignored;

        if (route->events == NULL || !runs(route) ||
            export_stand(&d->context, route, &ledger, &stand, &ignored) != ST_OK)
            continue;
        ledger_close(ledger);
        dispatch_stand(d->context.dispatcher, route->id, &stand, &off_from, &off_to);
        if (stand.position < lowest)
            lowest = stand.position;
    }
    if (lowest != UINT64_MAX)
        dispatch_place(d->context.dispatcher, lowest);
}

static struct export *
take_out(struct deliverer *d, const char *id)
{
    for (size_t i = 0; i < d->count; i++) {
        struct export *e = d->exports[i];

        if (strcmp(export_id(e), id) != 0)
            continue;
        memmove(&d->exports[i], &d->exports[i + 1], (d->count - i - 1) * sizeof e);
        d->count--;
        return e;
    }
    return NULL;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(export_id(*(struct export *const *)a), export_id(*(struct export *const *)b));
}

/* Ends what the new plan does not have any more, or has differently; all are asked before any is
 * waited for. */
static void
end_changed(struct deliverer *d, struct plan *plan)
{
    struct export **ending;
    size_t count = 0;

    pthread_rwlock_wrlock(&d->lock);
    ending = malloc((d->count + 1) * sizeof *ending);
    for (size_t i = 0; ending != NULL && i < d->count;) {
        struct export *e = d->exports[i];
        const struct plan_route *new = plan != NULL ? plan_find(plan, export_id(e)) : NULL;

        if (new != NULL && runs(new) && new->fingerprint == export_fingerprint(e)) {
            export_adopt(e, plan, new);
            i++;
            continue;
        }
        e = take_out(d, export_id(e));
        export_finish(e);
        if (export_takes_events(e))
            dispatch_leave(d->context.dispatcher, e);
        ending[count++] = e;
    }
    pthread_rwlock_unlock(&d->lock);
    for (size_t i = 0; i < count; i++)
        export_end(ending[i], GRACE_MS_ON_CHANGE);
    free(ending);
}

enum status
deliver_set_plan(struct deliverer *d, struct plan *plan, bool forget, struct err *err)
{
    enum status st = ST_OK;

    pthread_mutex_lock(&d->change);
    dispatch_hold(d->context.dispatcher);
    end_changed(d, plan);
    if (forget)
        forget_deleted(d, d->plan, plan);
    pthread_rwlock_wrlock(&d->lock);
    struct plan *old = d->plan;
    struct export **larger =
        realloc(d->exports, (d->count + plan->route_count + 1) * sizeof *larger);

    if (larger == NULL) {
        st = err_set(err, ST_FULL, "no memory for %zu exports", plan->route_count);
    } else {
        d->exports = larger;
        d->plan = plan_hold(plan);
        place_dispatcher(d, plan);
        size_t kept = d->count;

        for (size_t i = 0; i < plan->route_count; i++) {
            const struct plan_route *route = &plan->routes[i];
            struct err why;
            bool is_there = false;

            for (size_t k = 0; k < kept && !is_there; k++)
                is_there = strcmp(export_id(d->exports[k]), route->id) == 0;
            if (rests(route))
                floor_rest(d, route);
            else if (
                !runs(
                    route)) /* it had another destination once: nobody moves that floor any more */
                journal_floor_remove(d->context.options.journal, route->id);
            if (is_there || !runs(route))
                continue;
            enum status one = export_start(&d->context, plan, route, &d->exports[d->count], &why);

            if (one == ST_OK)
                d->count++;
            else {
                log_line(LOG_ERROR, "deliver", "%s", why.text);
                st = err_set(err, one, "%s", why.text);
            }
        }
        qsort(d->exports, d->count, sizeof *d->exports, by_id);
    }
    pthread_rwlock_unlock(&d->lock);
    dispatch_go(d->context.dispatcher, plan, d->exports, d->count);
    if (larger != NULL)
        plan_release(old);
    pthread_mutex_unlock(&d->change);
    return st;
}

void
deliver_end_waits(struct deliverer *d)
{
    atomic_store(&d->no_waits, true);
    journal_wake(d->context.options.journal);
    pthread_rwlock_rdlock(&d->lock);
    for (size_t i = 0; i < d->count; i++)
        export_resend_end(d->exports[i]);
    pthread_rwlock_unlock(&d->lock);
}

void
deliver_stop(struct deliverer *d, unsigned grace_ms)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->change);
    pthread_rwlock_wrlock(&d->lock);
    struct export **exports = d->exports;
    size_t count = d->count;

    d->exports = NULL;
    d->count = 0;
    pthread_rwlock_unlock(&d->lock);
    dispatch_stop(d->context.dispatcher);
    for (size_t i = 0; i < count; i++)
        export_finish(exports[i]);
    for (size_t i = 0; i < count; i++)
        export_end(exports[i], grace_ms);
    free(exports);
    dispatch_free(d->context.dispatcher);
    plan_release(d->plan);
    block_pool_free(d->context.pool);
    verdicts_free(d->context.verdicts);
    pthread_mutex_unlock(&d->change);
    pthread_mutex_destroy(&d->change);
    pthread_rwlock_destroy(&d->lock);
    free(d->folder);
    free(d);
}

static struct export *
find(struct deliverer *d, const char *id)
{
    size_t from = 0, to = d->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(export_id(d->exports[middle]), id);

        if (order == 0)
            return d->exports[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* Routes without a thread have a status too: disabled ones, and the local event hub's. */
static bool
idle_status(const struct deliverer *d, const char *id, struct deliver_status *status)
{
    struct export_stand stand;
    struct ledger *ledger;
    struct err ignored;
    const struct plan_route *route = d->plan != NULL ? plan_find(d->plan, id) : NULL;

    if (route == NULL)
        return false;
    *status = (struct deliver_status){.state = route->is_enabled ? EXPORT_IDLE : EXPORT_DISABLED};
    snprintf(status->id, sizeof status->id, "%s", id);
    if (rests(route) && export_stand(&d->context, route, &ledger, &stand, &ignored) == ST_OK) {
        ledger_close(ledger);
        status->cursor = stand.position;
        status->cursor_row = stand.row;
        export_lag(&d->context, status);
    }
    return true;
}

bool
deliver_status_get(struct deliverer *d, const char *id, struct deliver_status *status)
{
    bool found;

    pthread_rwlock_rdlock(&d->lock);
    struct export *e = find(d, id);

    if (e != NULL)
        export_status(e, status);
    found = e != NULL || idle_status(d, id, status);
    pthread_rwlock_unlock(&d->lock);
    return found;
}

void
deliver_visit(struct deliverer *d, void (*visit)(void *app, const struct deliver_status *status),
              void *app)
{
    struct deliver_status *status = malloc(sizeof *status);

    if (status == NULL)
        return;
    pthread_rwlock_rdlock(&d->lock);
    for (size_t i = 0; d->plan != NULL && i < d->plan->route_count; i++) {
        struct export *e = find(d, d->plan->routes[i].id);

        if (e != NULL)
            export_status(e, status);
        else if (!idle_status(d, d->plan->routes[i].id, status))
            continue;
        visit(app, status);
    }
    pthread_rwlock_unlock(&d->lock);
    free(status);
}

enum status
deliver_replay(struct deliverer *d, const char *id, int64_t ticks, struct err *err)
{
    uint64_t position;
    enum status st = journal_find_time(d->context.options.journal, ticks, &position, err);

    if (st != ST_OK)
        return st;
    pthread_rwlock_rdlock(&d->lock);
    struct export *e = find(d, id);

    if (e != NULL)
        export_replay(e, position);
    if (e != NULL && export_takes_events(e))
        dispatch_save(d->context.dispatcher);
    pthread_rwlock_unlock(&d->lock);
    if (e == NULL)
        return err_set(err, ST_INVALID, "there is no running export '%s'", id);
    return ST_OK;
}

enum status
deliver_resend(struct deliverer *d, const char *id, const struct lane *lane, struct span body,
               uint32_t row_count, uint64_t position, uint32_t row, int wait_ms, struct err *err)
{
    enum status st;

    /* The lock is held while it waits, so that the export cannot go away under it; swaps wait as
     * long. */
    pthread_rwlock_rdlock(&d->lock);
    struct export *e = find(d, id);

    st = e != NULL ? export_resend(e, lane, body, row_count, position, row, wait_ms, err)
                   : err_set(err, ST_INVALID, "there is no running export '%s'", id);
    pthread_rwlock_unlock(&d->lock);
    return st;
}

bool
deliver_is_healthy(struct deliverer *d, int64_t stall_ms, char text[200])
{
    bool healthy = true;

    text[0] = '\0';
    pthread_rwlock_rdlock(&d->lock);
    for (size_t i = 0; i < d->count && healthy; i++) {
        if (export_is_stuck(d->exports[i], stall_ms)) {
            snprintf(text, 200, "export %.120s has made no progress for %lld s",
                     export_id(d->exports[i]), (long long)(stall_ms / 1000));
            healthy = false;
        }
    }
    pthread_rwlock_unlock(&d->lock);
    if (healthy && !dispatch_is_healthy(d->context.dispatcher, stall_ms)) {
        snprintf(text, 200, "events have not been handed out for %lld s",
                 (long long)(stall_ms / 1000));
        healthy = false;
    }
    return healthy;
}

enum status
deliver_hub_read(struct deliverer *d, const char *tenant, const char *hub, uint64_t *position,
                 uint32_t *row, size_t size_max, int wait_ms, char **out, size_t *out_size,
                 uint64_t *rows, struct err *err)
{
    pthread_rwlock_rdlock(&d->lock);
    struct plan *plan = d->plan != NULL ? plan_hold(d->plan) : NULL;

    pthread_rwlock_unlock(&d->lock);
    *out = NULL;
    *out_size = 0;
    *rows = 0;
    if (plan == NULL)
        return err_set(err, ST_INVALID, "no settings are loaded yet");
    enum status st =
        hub_read(d->context.options.journal, d->context.pool, plan, tenant, hub, position, row,
                 size_max, wait_ms, &d->no_waits, out, out_size, rows, err);

    plan_release(plan);
    return st;
}
