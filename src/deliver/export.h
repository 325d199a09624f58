/* export.h - one export: its thread, cursor and numbers. Private to this folder; deliver.c owns
 * them. */
#pragma once
#include "deliver/block_pool.h"
#include "deliver/deliver.h"
#include "deliver/verdicts.h"

struct export;
struct dispatcher;

struct export_context { /* shared by all, outlives them */
    struct deliver_options options;
    struct block_pool *pool;
    struct verdicts *verdicts;
    struct dispatcher *dispatcher; /* of events */
    char boot[40];
};

struct ledger;
enum stand_on {
    STAND_ON_START,      /* the ledger is empty: the route's start */
    STAND_ON_CHECKPOINT, /* what it tells of since is not known to be there */
    STAND_ON_INTENT,     /* all that it tells of is there */
};
struct export_stand {
    uint64_t position; /* all before (position, row) is delivered */
    uint32_t row;
    uint64_t floor; /* no recovery goes back behind it */
    enum stand_on on;
    bool is_pending; /* STAND_ON_INTENT: its window may be there in part */
};
/* Where a route stands by its ledger, which is opened (the caller closes it), or, new, by its
 * start. On error nothing is open, and the floor is 0. */
MUST_CHECK enum status export_stand(const struct export_context *context,
                                    const struct plan_route *route, struct ledger **ledger,
                                    struct export_stand *stand, struct err *err);

/* Sets the journal's floor and starts the thread of a route; holds 'plan', which the route belongs
 * to. */
MUST_CHECK enum status export_start(const struct export_context *context, struct plan *plan,
                                    const struct plan_route *route, struct export **export,
                                    struct err *err);
/* Asks it to end after its window. */
void export_finish(struct export *e);
/* Waits for the end: at most 'grace_ms' for what is being sent, then it is given up. Frees it. */
void export_end(struct export *e, unsigned grace_ms);

const char *export_id(const struct export *e);
uint64_t export_fingerprint(const struct export *e);
bool export_takes_events(const struct export *e);
/* 'plan' (held from now on) has the same route: a route of events that rests lets go of the plan that it was
 * started with, one that does not does so later. So a thousand changes do not keep a thousand plans. */
void export_adopt(struct export *e, struct plan *plan, const struct plan_route *route);
void export_status(struct export *e, struct deliver_status *status);
/* Fills in lag_rows and lag_ms from the cursor in 'status'. */
void export_lag(const struct export_context *context, struct deliver_status *status);
bool export_is_stuck(struct export *e, int64_t stall_ms);
void export_replay(struct export *e, uint64_t position);
/* Who waits for a resend that has not begun waits no longer; no more are taken. */
void export_resend_end(struct export *e);
MUST_CHECK enum status export_resend(struct export *e, const struct lane *lane, struct span body,
                                     uint32_t row_count, uint64_t position, uint32_t row,
                                     int wait_ms, struct err *err);
