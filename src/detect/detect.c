/* detect.c - the threads, and what they have in common. */
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "detect/detect_inner.h"
#include "journal/journal.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <time.h>

enum {
    RUN_MS_DEFAULT = 300000,
    MEMORY_HOURS = 23, /* a little less than the journal remembers batch ids */
};

static struct counter runs_total = {
    .name = "penstock_detection_runs_total",
    .help = "Runs of detection rules on the workspace, by how they ended.",
    .kind = COUNTER_TOTAL,
    .labels = {"tenant", "rule", "outcome"}
};
static struct counter alerts_total = {
    .name = "penstock_detection_alerts_total",
    .help = "Alerts that detection rules made.",
    .kind = COUNTER_TOTAL,
    .labels = {"tenant", "rule"}
};
static struct counter dropped_total = {
    .name = "penstock_detection_dropped_total",
    .help = "Hits that would have been alerts beyond the limit of a run.",
    .kind = COUNTER_TOTAL,
    .labels = {"tenant", "rule"}
};
static struct counter lag_seconds = {
    .name = "penstock_detection_lag_seconds",
    .help = "How long a rule is overdue; rule \"stream\": age of the oldest record that continuous "
            "rules were not asked about.",
    .kind = COUNTER_GAUGE,
    .labels = {"tenant", "rule"},
    .unit = 1e-3
};
static struct counter lost_rows = {
    .name = "penstock_detection_lost_rows_total",
    .help = "Records that the journal gave up before continuous rules were asked about them.",
    .kind = COUNTER_TOTAL,
};
const struct counter *const detect_counters[] = {&runs_total,  &alerts_total, &dropped_total,
                                                 &lag_seconds, &lost_rows,    NULL};

/* ---- workers ---- */

void
worker_ring(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_rung = true;
    pthread_cond_signal(&w->bell);
    pthread_mutex_unlock(&w->lock);
}

bool
worker_is_stopping(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool is_stopping = w->is_stopping;

    pthread_mutex_unlock(&w->lock);
    return is_stopping;
}

void
worker_trouble(struct worker *w, const char *what, const struct err *err)
{
    pthread_mutex_lock(&w->lock);
    bool was_fine = w->trouble[0] == '\0', is_fine = err == NULL;

    if (is_fine)
        w->trouble[0] = '\0';
    else
        snprintf(w->trouble, sizeof w->trouble, "%.100s: %.200s", what, err->text);
    pthread_mutex_unlock(&w->lock);
    if (was_fine && !is_fine)
        log_line(LOG_WARN, "detect", "%s: %s", what, err->text);
    if (!was_fine && is_fine)
        log_line(LOG_INFO, "detect", "%s: all is well again", what);
}

static void *
worker_thread(void *app)
{
    struct worker *w = app;

    for (;;) {
        struct timespec until = clock_after_ms(w->work(w->d));
        bool is_timed_out = false;

        pthread_mutex_lock(&w->lock);
        while (!w->is_stopping && !w->is_rung && !is_timed_out)
            is_timed_out = pthread_cond_timedwait(&w->bell, &w->lock, &until) != 0;
        w->is_rung = false;
        bool is_stopping = w->is_stopping;

        pthread_mutex_unlock(&w->lock);
        if (is_stopping)
            return NULL;
    }
}

static void
worker_make(struct worker *w, struct detect *d, int64_t (*work)(struct detect *d))
{
    pthread_condattr_t monotonic;

    *w = (struct worker){.work = work, .d = d};
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->bell, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void
worker_end(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_signal(&w->bell);
    pthread_mutex_unlock(&w->lock);
    if (w->is_started)
        pthread_join(w->thread, NULL);
    w->is_started = false;
}

/* ---- life ---- */

enum status
detect_make(const struct detect_options *o, struct detect **detect, struct err *err)
{
    struct detect *d = calloc(1, sizeof *d);
    pthread_condattr_t monotonic;
    enum status st;

    if (d == NULL)
        return err_set(err, ST_FULL, "no memory for detections");
    d->o = *o;
    if (d->o.run_ms_max <= 0)
        d->o.run_ms_max = RUN_MS_DEFAULT;
    worker_make(&d->runner, d, runner_work);
    worker_make(&d->stream, d, stream_work);
    worker_make(&d->feed, d, feed_work);
    pthread_mutex_init(&d->asked_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->asked_done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_store(&d->version, 1);
    struct journal_stats stats;

    journal_stats_get(o->journal, &stats);
    d->is_behind = stats.newest_admitted < o->now(o->clock) - MEMORY_HOURS * TICKS_PER_HOUR;
    counter_register(&lost_rows);
    st = stream_make(d, err);
    if (st != ST_OK) {
        detect_free(d);
        return st;
    }
    *detect = d;
    return ST_OK;
}

enum status
detect_start(struct detect *d, struct err *err)
{
    struct worker *workers[] = {&d->feed, &d->stream, &d->runner};

    for (size_t i = 0; i < COUNT_OF(workers); i++) {
        workers[i]->is_started =
            pthread_create(&workers[i]->thread, NULL, worker_thread, workers[i]) == 0;
        if (!workers[i]->is_started) {
            detect_stop(d);
            return err_set(err, ST_IO, "no thread for detections");
        }
    }
    return ST_OK;
}

void
detect_stop(struct detect *d)
{
    if (d == NULL)
        return;
    atomic_store(&d->is_stopping, true);
    pthread_mutex_lock(&d->asked_lock);
    pthread_cond_broadcast(&d->asked_done);
    pthread_mutex_unlock(&d->asked_lock);
    worker_end(&d->runner);
    if (d->stream.is_started)
        journal_wake(d->o.journal);
    worker_end(&d->stream);
    worker_end(&d->feed);
}

void
detect_free(struct detect *d)
{
    if (d == NULL)
        return;
    detect_stop(d);
    runner_free(d);
    stream_free(d);
    struct worker *workers[] = {&d->feed, &d->stream, &d->runner};

    for (size_t i = 0; i < COUNT_OF(workers); i++) {
        pthread_cond_destroy(&workers[i]->bell);
        pthread_mutex_destroy(&workers[i]->lock);
    }
    pthread_cond_destroy(&d->asked_done);
    pthread_mutex_destroy(&d->asked_lock);
    free(d);
}

void
detect_changed(struct detect *d)
{
    atomic_fetch_add(&d->version, 1);
    worker_ring(&d->runner);
    worker_ring(&d->stream);
    journal_wake(d->o.journal);
}

/* ---- what a run ends in ---- */

enum status
detect_seen(void *app, int64_t rule, const uint8_t key[STORE_DETECTION_KEY_SIZE], int64_t *when,
            struct err *err)
{
    struct detect *d = app;

    return store_detection_seen(detect_control(d)->store, rule, key, when, err);
}

static void
count_run(struct detect *d, const struct rule *rule, const struct store_detection_run *run,
          uint64_t alerts, uint64_t dropped)
{
    bool has_failed = run->outcome == DETECTION_RUN_FAILED;
    char id[24];

    snprintf(id, sizeof id, "%lld", (long long)rule->id);
    if (strcmp(run->trigger, "stream") != 0)
        counter_add(counter_at(&runs_total, rule->tenant, id, has_failed ? "failed" : "completed"),
                    1);
    counter_add(counter_at(&alerts_total, rule->tenant, id), (int64_t)alerts);
    if (dropped > 0)
        counter_add(counter_at(&dropped_total, rule->tenant, id), (int64_t)dropped);
    atomic_fetch_add(&d->alerts_made, alerts);
    atomic_fetch_add(&d->runs, strcmp(run->trigger, "stream") != 0);
    atomic_fetch_add(&d->failures, has_failed);
}

/* The alerts of a run on their way, under a batch id that names exactly these bytes: they are kept, and come again as they are. */
static enum status
outbox_of(struct detect *d, struct ended *e, char batch[STORE_DETECTION_BATCH_SIZE],
          struct store_detection_outbox *out, struct err *err)
{
    unsigned char digest[DIGEST_SHA256_SIZE];

    if (!digest_sha256(e->found.envelopes, digest))
        return err_set(err, ST_FULL, "no memory for alerts");
    snprintf(batch, STORE_DETECTION_BATCH_SIZE, "detection-");
    digest_hex(digest, 16, batch + strlen(batch));
    *out = (struct store_detection_outbox){.tenant = e->rule->tenant,
                                           .batch = batch,
                                           .envelopes = e->found.envelopes,
                                           .alerts = e->found.alerts,
                                           .place = journal_extent(d->o.journal).end};
    e->step.keys = e->found.keys;
    e->step.key_count = e->found.alert_count;
    return ST_OK;
}

enum status
detect_commit(struct detect *d, struct ended *ended, size_t count, uint64_t cursor, struct err *err)
{
    struct store_detection_outbox *out = calloc(count + 1, sizeof *out);
    struct store_detection_step *steps = calloc(count + 1, sizeof *steps);
    char(*batches)[STORE_DETECTION_BATCH_SIZE] = calloc(count + 1, sizeof *batches);
    size_t out_count = 0;
    enum status st = ST_OK;

    if (out == NULL || steps == NULL || batches == NULL)
        st = err_set(err, ST_FULL, "no memory for alerts");
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        if (ended[i].found.alert_count > 0) {
            st = outbox_of(d, &ended[i], batches[out_count], &out[out_count], err);
            out_count++;
        }
        ended[i].step.runs_max = DETECTION_RUNS_MAX;
        steps[i] = ended[i].step;
    }
    if (st == ST_OK)
        st = store_detection_commit(detect_control(d)->store, steps, count, out, out_count, cursor,
                                    err);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        ended[i].step.run.id = steps[i].run.id;
        count_run(d, ended[i].rule, &steps[i].run, ended[i].found.alert_count,
                  ended[i].found.dropped);
    }
    if (st == ST_OK && out_count > 0)
        worker_ring(&d->feed);
    free(out);
    free(steps);
    free(batches);
    return st;
}

/* ---- looking at it ---- */

static bool
is_fine(struct worker *w, char *text, size_t text_size)
{
    pthread_mutex_lock(&w->lock);
    bool fine = w->trouble[0] == '\0';

    if (!fine)
        snprintf(text, text_size, "detections: %s", w->trouble);
    pthread_mutex_unlock(&w->lock);
    return fine;
}

bool
detect_is_healthy(struct detect *d, char *text, size_t text_size)
{
    return is_fine(&d->feed, text, text_size) && is_fine(&d->stream, text, text_size) &&
           is_fine(&d->runner, text, text_size);
}

void
detect_hide(const char *tenant, int64_t rule)
{
    char id[24];

    snprintf(id, sizeof id, "%lld", (long long)rule);
    counter_hide(counter_at(&lag_seconds, tenant, id));
}

void
detect_count(struct detect *d)
{
    int64_t now = d->o.now(d->o.clock);
    char id[24];

    counter_set(counter_at(&lag_seconds, "", "stream"), atomic_load(&d->stream_lag_ms));
    counter_set(counter_alone(&lost_rows), (int64_t)atomic_load(&d->lost_rows));
    pthread_mutex_lock(&d->asked_lock);
    for (size_t i = 0; i < d->due_count; i++) {
        int64_t late = now - d->dues[i].due;

        snprintf(id, sizeof id, "%lld", (long long)d->dues[i].id);
        counter_set(counter_at(&lag_seconds, d->dues[i].tenant, id),
                    late > 0 ? late / (TICKS_PER_SECOND / 1000) : 0);
    }
    pthread_mutex_unlock(&d->asked_lock);
}

char *
detect_status_json(struct detect *d)
{
    char *text = NULL;

    pthread_mutex_lock(&d->asked_lock);
    size_t scheduled = d->due_count;

    pthread_mutex_unlock(&d->asked_lock);
    if (asprintf(
            &text,
            "\"detections\":{\"scheduled\":%zu,\"runs\":%llu,\"failures\":%llu,\"alerts\":%llu,"
            "\"streamPosition\":%llu,\"streamLagMs\":%lld,\"lostRows\":%llu}",
            scheduled, (unsigned long long)atomic_load(&d->runs),
            (unsigned long long)atomic_load(&d->failures),
            (unsigned long long)atomic_load(&d->alerts_made),
            (unsigned long long)atomic_load(&d->stream_position),
            (long long)atomic_load(&d->stream_lag_ms),
            (unsigned long long)atomic_load(&d->lost_rows)) < 0)
        return NULL;
    return text;
}
