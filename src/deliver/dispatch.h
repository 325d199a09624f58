/* dispatch.h - one thread reads events for all routes: it passes over other blocks by their frame heads, asks
 * the index of filters (match/event.h) once for each event, and tells each route that wants it where it
 * stands. A route without events has no thread and no file open, is not woken, and stands where the
 * dispatcher stands (rest.h); one that has some gets a thread until nothing came for a while.
 *
 * What a route was told lies in a ring of EVENTS_HITS_MAX places in memory. When it is full, or its cursor is
 * behind the dispatcher (a start, a replay), the route reads the journal itself up to where the
 * dispatcher was when it last had something for it. So memory is bounded, nothing is lost, and a route's cursor
 * in its ledger stays the truth.
 *
 * An event that cannot be read is parked with the first route of its tenant. */
#pragma once
#include "deliver/export.h"

enum {
    EVENTS_HITS_MAX = 1024,    /* of a route; 24 bytes each, none while it rests */
    REST_SAVE_MS = 1000,       /* how often the positions of those at rest are made lasting, */
    REST_SAVE_MS_MIN = 50,     /* or so often when the journal has moved on by */
    REST_SAVE_SIZE = 16 << 20, /* bytes: it may want its space back */
    REST_AFTER_MS = 10000,     /* without anything to do: a route's thread ends */
};

struct dispatcher;

/* Where everybody rested is read from the folder of ledgers. No thread yet. */
MUST_CHECK enum status dispatch_make(const struct export_context *context, struct dispatcher **d,
                                     struct err *err);
/* Ends the thread; where routes rest is made lasting. No event is handed out any more. */
void dispatch_stop(struct dispatcher *d);
void dispatch_free(struct dispatcher *d); /* NULL is fine */

/* All events before it were handed out. Any thread. */
uint64_t dispatch_position(const struct dispatcher *d);

/* ---- a change of the plan: everything between hold and go is one thread's ---- */

void dispatch_hold(struct dispatcher *d); /* returns when nothing is under way */
/* Has the dispatcher a place? Else dispatch_place gives it one, the lowest of those given. */
bool dispatch_is_placed(const struct dispatcher *d);
void dispatch_place(struct dispatcher *d, uint64_t position);
/* 'stand' as its ledger tells, moved on to where the route rested. The events in [*off_from, *off_to) are
 * not for it. The route is switched on from here. */
void dispatch_stand(struct dispatcher *d, const char *id, struct export_stand *stand,
                    uint64_t *off_from, uint64_t *off_to);
/* The route's export ends here; its next one goes on from there. */
void dispatch_leave(struct dispatcher *d, struct export *e);
/* The route is switched off: what comes from here on is not for it. */
void dispatch_off(struct dispatcher *d, const char *id);
/* Of a route that is switched off: whether there is something between where its ledger stands and where it was
 * switched off. */
bool dispatch_owes(struct dispatcher *d, const char *id, uint64_t ledger_position);
/* There is no such route any more. */
void dispatch_forget(struct dispatcher *d, const char *id);
/* Goes on, for these exports (those of events among them), borrowed until the next hold, with their routes
 * of the plan, which it holds. */
void dispatch_go(struct dispatcher *d, struct plan *plan, struct export *const *exports,
                 size_t count);

/* Makes lasting where everybody rests now, not only some time soon. */
void dispatch_save(struct dispatcher *d);

/* False: it has made no progress for so long although there was something. */
bool dispatch_is_healthy(struct dispatcher *d, int64_t stall_ms);

struct dispatch_counts {
    uint64_t events, hits, unread; /* handed out, to routes, parked as they could not be read */
};
struct dispatch_counts dispatch_counts(struct dispatcher *d);
