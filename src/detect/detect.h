/* detect.h - detections at work: three threads of the daemon. One runs rules on the workspace when they are due (runner.c), one asks
 * continuous rules about each record as it comes (stream.c), one brings alerts into the journal and to posture (outbox.c).
 *
 * The first two end in the same way: alerts, what makes them equal, the run's record and where the rule stands from now on are one
 * transaction of the store. The third takes alerts from there: into the journal under a batch id that counts once, to posture, where the
 * same alert put twice is one, and then out of the store. So a kill at any moment loses none and makes none twice. (The journal knows
 * batch ids for 24 hours; a daemon that comes back later looks for the batch itself.)
 *
 * Any thread may call what is here. */
#pragma once
#include "control/detections.h"
#include <stdatomic.h>

struct counter;
struct journal;
struct admitter;
struct posture;
struct detect;

extern const struct counter *const detect_counters[]; /* ends at NULL */

struct detect_options {
    /* of this moment: a reload puts another one there; old ones stay valid */
    const _Atomic(const struct control *) *control;
    struct journal *journal;
    struct admitter *admitter;
    struct posture *posture;     /* NULL: no SecurityAlerts */
    int64_t (*now)(void *clock); /* ticks */
    void *clock;
    /* The journal's position up to which the tenant's records are in the workspace of that path, as far as its exports take them.
     * NULL: all is. */
    uint64_t (*delivered)(void *app, const char *tenant, const char *path);
    void *app;
    int64_t run_ms_max; /* of one query; 0: 300,000 */
};
/* Before the journal's first append, as the stream's floor is set here. The threads begin with detect_start. */
MUST_CHECK enum status detect_make(const struct detect_options *o, struct detect **detect,
                                   struct err *err);
MUST_CHECK enum status detect_start(struct detect *d, struct err *err);
/* Ends what runs; alerts that were found and not delivered wait in the store. Before admission and journal end. */
void detect_stop(struct detect *d);
void detect_free(struct detect *d); /* NULL is fine */

/* Rules, tenants or functions were changed: they are read again before anything else is done. */
void detect_changed(struct detect *d);

/* Runs a rule now, outside its schedule, as its next run would be. Waits for its end at most 'wait_ms'. ST_OK: *run is its
 * record. ST_FULL: it is under way or queued (err says so). ST_END: no such rule. ST_INVALID: it is continuous, or disabled. */
MUST_CHECK enum status detect_run(struct detect *d, const char *tenant, int64_t id, int wait_ms,
                                  json_t **run, struct err *err);

/* Looks what a rule would find in the last 'span' ticks (0: its lookback, at least an hour), and makes nothing of it: 'x' as read; its query runs
 * on the workspace, a continuous one's too. *answer: {"rows","alerts":[...],"merged","dropped","columns",
 * "hits":[first 50 rows]}. Takes a minute at most. ST_INVALID: no workspace, or the query failed. ST_FULL: eight run already. */
MUST_CHECK enum status detect_test(struct detect *d, const char *tenant, const struct detection *x,
                                   int64_t span, json_t **answer, struct err *err);

/* False: alerts cannot leave, or the stream is not read; why in 'text'. */
bool detect_is_healthy(struct detect *d, char *text, size_t text_size);
/* Gauges of /metrics; called every second or so. */
void detect_count(struct detect *d);
/* "detections":{...} as a member for /api/status; malloc'd. NULL: no memory. */
char *detect_status_json(struct detect *d);
