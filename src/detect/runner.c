/* runner.c - rules on the workspace: which is next, its window, its query, what came of it.
 *
 * A run looks at the records that came into the workspace since the last one that succeeded: a window of journal positions
 * [where the rule stands, what is delivered). It is exact: no record is in two windows or in none, whatever the clock does and however
 * late a record was; a run that was missed or failed leaves its records to the next one. A rule whose lookback is longer than its period
 * sees older records as well, by when they were admitted; its deduplication window keeps alerts about them from being made again. The
 * first run of a new rule sees its lookback.
 *
 * A rule that is due waits until the workspace has what was in the journal at that moment, a minute at most, so that records do not
 * miss their run by the seconds that an export lingers; others run meanwhile. */
#include "base/clock.h"
#include "base/log.h"
#include "detect/detect_inner.h"
#include "detect/query.h"
#include "journal/journal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum {
    IDLE_MS = 60000,
    RETRY_MS = 1000,
    ASKED_MAX = 64,
    HOLD_MS = 60000, /* that a run waits for the workspace to have what came before it was due */
    LOOK_MS = 200,   /* between two looks whether it has */
};

struct asked {
    int64_t id;
    bool is_done, is_abandoned;
    json_t *run;
    struct err err; /* why there is none */
    struct asked *next;
};

/* ---- which is next ---- */

static uint64_t *
turn_of(struct detect *d, const char *tenant)
{
    void *larger;

    for (size_t i = 0; i < d->turn_count; i++)
        if (strcmp(d->turns[i].tenant, tenant) == 0)
            return &d->turns[i].turn;
    larger = realloc(d->turns, (d->turn_count + 1) * sizeof *d->turns);
    if (larger == NULL)
        return &d->turn; /* no fairness then, but work */
    d->turns = larger;
    snprintf(d->turns[d->turn_count].tenant, sizeof d->turns->tenant, "%s", tenant);
    d->turns[d->turn_count].turn = 0;
    return &d->turns[d->turn_count++].turn;
}

static int64_t
due_of(const struct rule *rule, int64_t now)
{
    return detection_due(rule->x.period, rule->since, rule->ran, rule->tried, now);
}

static struct rule *
rule_of(struct detect *d, int64_t id)
{
    struct rule *r = d->rules;

    while (r != NULL && r->id != id)
        r = r->next;
    return r;
}

/* What is known of due times, for gauges. */
static void
publish(struct detect *d, int64_t now)
{
    size_t count = 0;
    void *larger;

    for (const struct rule *r = d->rules; r != NULL; r = r->next)
        count++;
    pthread_mutex_lock(&d->asked_lock);
    for (size_t i = 0; i < d->due_count; i++)
        if (rule_of(d, d->dues[i].id) == NULL)
            detect_hide(d->dues[i].tenant, d->dues[i].id);
    larger = realloc(d->dues, (count + 1) * sizeof *d->dues);
    d->due_count = 0;
    if (larger != NULL) {
        d->dues = larger;
        for (const struct rule *r = d->rules; r != NULL; r = r->next) {
            d->dues[d->due_count].id = r->id;
            d->dues[d->due_count].due = due_of(r, now);
            d->dues[d->due_count].period = r->x.period;
            snprintf(d->dues[d->due_count++].tenant, sizeof d->dues->tenant, "%s", r->tenant);
        }
    }
    pthread_mutex_unlock(&d->asked_lock);
}

static enum status
reload(struct detect *d, struct err *err)
{
    unsigned version = atomic_load(&d->version);
    struct rule *rules;
    enum status st;

    if (d->has_rules && version == d->rules_version)
        return ST_OK;
    st = rules_read(detect_control(d), false, &rules, err);
    if (st != ST_OK)
        return st;
    for (struct rule *r = rules; r != NULL; r = r->next) {
        const struct rule *old = rule_of(d, r->id);

        if (old != NULL) {
            r->barrier = old->barrier;
            r->barrier_ms = old->barrier_ms;
        }
    }
    rules_free(d->rules);
    d->rules = rules;
    d->rules_version = version;
    d->has_rules = true;
    return ST_OK;
}

/* Whether the workspace has what was in the journal when the rule was found due, or has had its time. */
static bool
is_ready(struct detect *d, struct rule *rule)
{
    const struct control *c = detect_control(d);
    int64_t now = clock_monotonic_ms();
    struct workspace_place place;
    struct err ignored;
    enum status st;

    if (d->o.delivered == NULL || rule->broken[0] != '\0')
        return true;
    if (rule->barrier == 0) {
        rule->barrier = journal_extent(d->o.journal).end;
        rule->barrier_ms = now;
    }
    if (now - rule->barrier_ms >= HOLD_MS)
        return true;
    st = rule->x.workspace != NULL
             ? workspaces_find(c, rule->tenant, span_of(rule->x.workspace), &place, &ignored)
             : workspaces_default(c, rule->tenant, &place, &ignored);
    return st != ST_OK || d->o.delivered(d->o.app, rule->tenant, place.path) >= rule->barrier;
}

/* The rule to be run now: of the tenant that was served longest ago the one that is due longest. NULL: none is due; *wait: ms until
 * one is. */
static struct rule *
next_due(struct detect *d, int64_t now, int64_t *wait)
{
    struct rule *best = NULL;
    int64_t first = INT64_MAX;
    uint64_t best_turn = 0;

    for (struct rule *r = d->rules; r != NULL; r = r->next) {
        int64_t due = due_of(r, now);
        uint64_t turn = *turn_of(d, r->tenant);

        if (r->is_held)
            continue;
        first = due < first ? due : first;
        if (due > now)
            continue;
        if (best == NULL || turn < best_turn || (turn == best_turn && due < due_of(best, now))) {
            best = r;
            best_turn = turn;
        }
    }
    *wait = IDLE_MS;
    if (best == NULL && first != INT64_MAX && (first - now) / (TICKS_PER_SECOND / 1000) < IDLE_MS)
        *wait = (first - now) / (TICKS_PER_SECOND / 1000) + 1;
    return best;
}

/* The same of those that are ready. */
static struct rule *
next_ready(struct detect *d, int64_t now, int64_t *wait)
{
    struct rule *rule;
    bool is_holding = false;

    for (struct rule *r = d->rules; r != NULL; r = r->next)
        r->is_held = false;
    while ((rule = next_due(d, now, wait)) != NULL && !is_ready(d, rule))
        is_holding = rule->is_held = true;
    if (is_holding && *wait > LOOK_MS)
        *wait = LOOK_MS;
    return rule;
}

/* ---- a run ---- */

/* What a run sees; false: nothing new. */
static bool
window_of(struct detect *d, const struct rule *rule, const struct query *q, int64_t now,
          struct hunt_window *window)
{
    uint64_t end = d->o.delivered != NULL ? d->o.delivered(d->o.app, rule->tenant, q->place.path)
                                          : journal_extent(d->o.journal).end;
    bool is_first = rule->ran == 0;

    /* A record that one workspace has and another waits for would be seen by none of the runs to come. */
    for (const struct query_other *o = q->others; o != NULL && d->o.delivered != NULL;
         o = o->next) {
        uint64_t other = d->o.delivered(d->o.app, rule->tenant, o->place.path);

        end = other < end ? other : end;
    }
    *window = (struct hunt_window){.from = rule->position, .to = end, .admitted_from = INT64_MAX};
    if (is_first || rule->x.lookback > rule->x.period)
        window->admitted_from = now - rule->x.lookback;
    if (!is_first && end <= rule->position) {
        window->to = rule->position; /* the workspace is behind: it stays where it stands */
        return rule->x.lookback > rule->x.period;
    }
    return true;
}

/* Runs the query over what its workspaces have of the journal that it has not seen, as soon as it is known which they are. False:
 * there is nothing new. */
static bool
ask(struct detect *d, const struct rule *rule, struct query *q, struct hunt_window *window,
    int64_t *started, enum status *st, struct err *err)
{
    do {
        query_forget(q);
        *st = ST_OK;
        err->text[0] = '\0';
        if (!window_of(d, rule, q, *started, window))
            return false;
        *started = d->o.now(d->o.clock); /* nothing in the window was admitted later */
        *st = query_run(q->control, rule->tenant, &rule->x, q, window, *started, d->o.run_ms_max,
                        &d->is_stopping, err);
    } while (q->is_short);
    return true;
}

/* Hits of the query's answer. */
static enum status
find_hits(struct detect *d, const struct rule *rule, struct query *q,
          const struct hunt_window *window, int64_t now, struct hits **hits,
          struct hits_result *found, struct err *err)
{
    const struct hits_options options = {
        .rule = rule,
        .now = now,
        .alerts_max = DETECTION_ALERTS_MAX,
        .seen = detect_seen,
        .app = d,
    };
    char identity[48];
    enum status st;

    snprintf(identity, sizeof identity, "window %" PRIu64, window->from);
    st = hits_make(&options, hits, err);
    if (st == ST_OK)
        st = query_hits(&q->hunt, *hits, span_of(identity), err);
    return st == ST_OK ? hits_end(*hits, found, err) : st;
}

/* One run from begin to commit. ST_IO, ST_FULL: what it did could not be kept. */
static enum status
run_rule(struct detect *d, struct rule *rule, const char *trigger,
         struct store_detection_run *record, char error[320], struct err *err)
{
    const struct control *c = detect_control(d);
    struct query q = {.workspace = NULL};
    struct hits_result found = {.rows = 0};
    struct hits *hits = NULL;
    struct hunt_window window = {rule->position, rule->position, INT64_MAX};
    struct err why = {""};
    int64_t started = d->o.now(d->o.clock);
    enum status st = rule->broken[0] != '\0' ? err_set(&why, ST_INVALID, "%s", rule->broken)
                                             : query_open(c, rule->tenant, &rule->x, &q, &why);

    if (st == ST_OK && ask(d, rule, &q, &window, &started, &st, &why) && st == ST_OK)
        st = find_hits(d, rule, &q, &window, started, &hits, &found, &why);
    if (st == ST_OK && q.has_hunt && q.hunt.partial != HUNT_WHOLE)
        (void)err_set(&why, ST_OK, "the answer has more than %d rows: only so many were looked at",
                      QUERY_ROWS_MAX);
    snprintf(error, 320, "%s", why.text);
    struct ended ended = {.rule = rule};

    ended.step = (struct store_detection_step){
        .run = {.rule = rule->id,
                .started = started,
                .ended = d->o.now(d->o.clock),
                .outcome = st == ST_OK ? DETECTION_RUN_DONE : DETECTION_RUN_FAILED,
                .trigger = trigger,
                .error = error,
                .code = st == ST_OK ? "" : query_code(&q),
                .from = window.from,
                .to = window.to,
                .rows = found.rows,
                .alerts = found.alert_count,
                .merged = found.merged,
                .dropped = found.dropped},
        .moves = st == ST_OK,
        .position = window.to,
        .ran = st == ST_OK ? started : 0,
        .tried = started,
        .key_time = started,
    };
    if (st == ST_OK)
        ended.found = found;
    enum status kept = detect_commit(d, &ended, 1, UINT64_MAX, err);

    rule->barrier = 0;
    if (kept == ST_OK) {
        rule->tried = started;
        if (st == ST_OK) {
            rule->ran = started;
            rule->position = window.to;
            (void)!store_detection_forget(c->store, rule->id, started - rule->x.window, &why);
        } else {
            log_line(LOG_WARN, "detect", "rule %lld of %s failed: %s", (long long)rule->id,
                     rule->tenant, error);
        }
    }
    *record = ended.step.run;
    hits_free(hits);
    query_end(&q);
    return kept;
}

/* ---- runs that somebody asked for ---- */

static struct asked *
asked_take(struct detect *d)
{
    struct asked *a;

    pthread_mutex_lock(&d->asked_lock);
    for (a = d->asked; a != NULL && a->is_done;)
        a = a->next;
    pthread_mutex_unlock(&d->asked_lock);
    return a;
}

static void
asked_end(struct detect *d, struct asked *a)
{
    pthread_mutex_lock(&d->asked_lock);
    for (struct asked **at = &d->asked; *at != NULL; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            break;
        }
    a->is_done = true;
    if (a->is_abandoned) {
        json_decref(a->run);
        free(a);
    }
    pthread_cond_broadcast(&d->asked_done);
    pthread_mutex_unlock(&d->asked_lock);
}

enum status
detect_run(struct detect *d, const char *tenant, int64_t id, int wait_ms, json_t **run,
           struct err *err)
{
    struct rule *rule;
    struct asked *a;
    struct timespec until;
    size_t count = 0;
    enum status st = rule_read(detect_control(d), tenant, id, &rule, err);

    if (st != ST_OK)
        return st;
    if (rule->x.period == 0 && rule->broken[0] == '\0')
        st =
            err_set(err, ST_INVALID,
                    "the rule is continuous: it runs all the time; a test-run shows what it finds");
    else if (!rule->x.is_enabled)
        st = err_set(err, ST_INVALID, "the rule is disabled: enable it first");
    rules_free(rule);
    a = st == ST_OK ? calloc(1, sizeof *a) : NULL;
    if (st == ST_OK && a == NULL)
        st = err_set(err, ST_FULL, "no memory for a run");
    if (st != ST_OK)
        return st;
    a->id = id;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    pthread_mutex_lock(&d->asked_lock);
    struct asked **end = &d->asked;

    for (; *end != NULL; end = &(*end)->next)
        count++;
    if (count >= ASKED_MAX) {
        pthread_mutex_unlock(&d->asked_lock);
        free(a);
        return err_set(err, ST_FULL, "%d runs wait already: try later", ASKED_MAX);
    }
    *end = a;
    pthread_mutex_unlock(&d->asked_lock);
    worker_ring(&d->runner);

    bool is_late = false;

    pthread_mutex_lock(&d->asked_lock);
    while (!a->is_done && !is_late && !atomic_load(&d->is_stopping))
        is_late = pthread_cond_timedwait(&d->asked_done, &d->asked_lock, &until) != 0;
    if (a->is_done) {
        *run = a->run;
        st = a->run != NULL ? ST_OK : ST_IO;
        *err = a->err;
        free(a);
    } else {
        a->is_abandoned = true;
        st = err_set(err, ST_FULL, "the run is queued or under way: see its runs later");
    }
    pthread_mutex_unlock(&d->asked_lock);
    return st;
}

/* ---- the worker ---- */

/* What came of the oldest run that was asked for. */
enum asking { ASKED_NONE, ASKED_RAN, ASKED_HELD };

static enum asking
run_asked(struct detect *d, struct err *err)
{
    struct asked *a = asked_take(d);
    struct store_detection_run record;
    char error[320];
    struct rule *rule;

    if (a == NULL)
        return ASKED_NONE;
    rule = rule_of(d, a->id);
    if (rule != NULL && !is_ready(d, rule))
        return ASKED_HELD;
    if (rule == NULL)
        (void)err_set(&a->err, ST_END, "the rule is not there any more, or is disabled");
    else if (run_rule(d, rule, "request", &record, error, err) == ST_OK)
        a->run = detection_run_json(&record);
    else
        a->err = *err;
    asked_end(d, a);
    return ASKED_RAN;
}

int64_t
runner_work(struct detect *d)
{
    struct store_detection_run record;
    int64_t wait = IDLE_MS;
    char error[320];
    struct err err = {""};

    while (!atomic_load(&d->is_stopping)) {
        enum status st = reload(d, &err);
        enum asking asking = st == ST_OK ? run_asked(d, &err) : ASKED_NONE;
        struct rule *rule;

        if (asking == ASKED_RAN)
            continue;
        rule = st == ST_OK ? next_ready(d, d->o.now(d->o.clock), &wait) : NULL;
        if (rule != NULL) {
            *turn_of(d, rule->tenant) = ++d->turn;
            st = run_rule(d, rule, "schedule", &record, error, &err);
        }
        if (st == ST_OK)
            publish(d, d->o.now(d->o.clock));
        worker_trouble(&d->runner, "rules do not run", st == ST_OK ? NULL : &err);
        if (st != ST_OK)
            return RETRY_MS;
        if (rule == NULL)
            return asking == ASKED_HELD && wait > LOOK_MS ? LOOK_MS : wait;
    }
    return IDLE_MS;
}

void
runner_free(struct detect *d)
{
    for (struct asked *a = d->asked, *next; a != NULL; a = next) {
        next = a->next;
        json_decref(a->run);
        free(a);
    }
    d->asked = NULL;
    rules_free(d->rules);
    d->rules = NULL;
    free(d->turns);
    free(d->dues);
}
