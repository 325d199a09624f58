/* detect_inner.h - what the threads of detections share. Private to this folder. */
#pragma once
#include "detect/detect.h"
#include "detect/hits.h"
#include <pthread.h>

/* A thread that works until there is nothing to do, and then waits for its bell or a time. */
struct worker {
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t bell; /* monotonic */
    bool is_rung, is_stopping;
    /* of the part: does what there is to do, gives ms until it wants to be called again without being rung */
    int64_t (*work)(struct detect *d);
    struct detect *d;
    char trouble[320]; /* under 'lock'; "": none */
};
void worker_ring(struct worker *w);
bool worker_is_stopping(struct worker *w);
/* Says what is wrong, in the log when it changes; NULL: nothing is. 'part': for the log. */
void worker_trouble(struct worker *w, const char *what, const struct err *err);

struct asked; /* runner.c: somebody wants a run now */
struct stream_state;

struct detect {
    struct detect_options o;
    _Atomic bool is_stopping; /* also what running queries look at */
    struct worker runner, stream, feed;
    atomic_uint version; /* of the rules: changes */

    /* runner: its own */
    struct rule *rules;
    unsigned rules_version;
    bool has_rules;
    struct {
        char tenant[40];
        uint64_t turn;
    } * turns; /* when a tenant was served last: fair over them */
    size_t turn_count;
    uint64_t turn;
    /* under 'asked_lock' */
    pthread_mutex_t asked_lock;
    pthread_cond_t asked_done;
    struct asked *asked;
    /* what the runner knows, for gauges; under 'asked_lock' */
    struct {
        int64_t id, due, period;
        char tenant[40];
    } * dues;
    size_t due_count;

    struct stream_state *state; /* stream.c */
    /* feed's own: the journal may have forgotten the batch ids of before this start: look for them once */
    bool is_behind;
    _Atomic uint64_t alerts_made, runs, failures, lost_rows, stream_position, outbox_sent;
    _Atomic int64_t stream_lag_ms;
    atomic_uint tests; /* that run now */
};

static inline const struct control *
detect_control(const struct detect *d)
{
    return atomic_load(d->o.control);
}

/* ---- parts ---- */
int64_t runner_work(struct detect *d);
void runner_free(struct detect *d);
MUST_CHECK enum status stream_make(struct detect *d, struct err *err);
int64_t stream_work(struct detect *d);
void stream_free(struct detect *d);
int64_t feed_work(struct detect *d);

/* What one rule's run ends in: 'step' is completed, and has the run's id afterwards. */
struct ended {
    const struct rule *rule;
    struct store_detection_step step;
    struct hits_result found; /* zeroed: nothing */
};
/* Commits them all in one transaction and rings the feed; counts. ST_FULL: also no memory. */
MUST_CHECK enum status detect_commit(struct detect *d, struct ended *ended, size_t count,
                                     uint64_t cursor, struct err *err);
/* The rule is not there any more: its lag is not shown. */
void detect_hide(const char *tenant, int64_t rule);
/* hits_options.seen over the store; 'app' is the detect. */
enum status detect_seen(void *app, int64_t rule, const uint8_t key[STORE_DETECTION_KEY_SIZE],
                        int64_t *when, struct err *err);
