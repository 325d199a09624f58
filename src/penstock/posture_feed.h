/* posture_feed.h - from the outbox of posture into the journal, and posture's clock: two threads of the daemon.
 *
 * Events leave the outbox in blocks of kind BLOCK_EVENTS. A block's request id is made of the posture
 * file's epoch and its first event's number. Killed between the journal's append and the outbox's drop,
 * the next start finds that id in the journal and drops what the block held: each event is there exactly once.
 * The journal remembers ids for 24 hours; a daemon that comes back later looks for the block itself, from where the last
 * one was put.
 *
 * While the journal is full nothing is dropped: the outbox grows to its limit, and then posture takes
 * no more changes. */
#pragma once
#include "journal/journal.h"
#include "match/plan.h"
#include "posture/posture.h"

/* ---- what is asked for ---- */

/* Which tenant's routes ask for which event source: for posture_options.is_wanted. Any thread. */
struct posture_wants;
MUST_CHECK enum status posture_wants_make(struct posture_wants **wants, struct err *err);
void posture_wants_free(struct posture_wants *wants); /* NULL is fine */
/* From now on what the plan's enabled routes ask for: called when the plan changes. Nothing is asked for
 * before the first call. On ST_FULL (no memory) everything counts as asked for. */
MUST_CHECK enum status posture_wants_plan(struct posture_wants *wants, const struct plan *plan,
                                          struct err *err);
bool posture_is_asked_for(void *wants, const char *tenant, enum event_source source);

/* ---- the two threads ---- */

struct posture_feed_options {
    struct posture *posture;
    struct journal *journal;
    int64_t (*now)(void *clock); /* ticks */
    void *clock;
    uint32_t rows_max; /* of a block; 0: 8192 */
};
struct posture_feed;
MUST_CHECK enum status posture_feed_start(const struct posture_feed_options *o,
                                          struct posture_feed **feed, struct err *err);
/* There are events: for posture_options.rang. Before the start and after the stop it does nothing. */
void posture_feed_ring(struct posture_feed *feed);
/* The clock stops first; then what is in the outbox goes into the journal, if that takes it. */
void posture_feed_stop(struct posture_feed *feed); /* NULL is fine */
/* False: events cannot leave; why in 'text'. That the journal is full is no fault: the status says it. */
bool posture_feed_is_healthy(struct posture_feed *feed, char *text, size_t text_size);
/* Gauges and totals of /metrics; called every second or so. */
void posture_feed_count(struct posture_feed *feed);
/* "posture":{...} as a member for /api/status; malloc'd. NULL: no memory. */
char *posture_feed_status_json(struct posture_feed *feed);
