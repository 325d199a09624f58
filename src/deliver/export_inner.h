/* export_inner.h - one export as its own files see it: export.c (the loop, and what other threads
 * ask), export_events.c (routes of events: what they wait for, and how they rest). Not for others. */
#pragma once
#include "deliver/export.h"
#include "deliver/flight.h"
#include "deliver/pace.h"
#include "match/event.h"
#include <pthread.h>

enum {
    WAIT_MS_MAX = 1000,   /* how long an idle export sleeps before it looks around */
    CHECKPOINT_MS = 1000, /* how often it makes lasting where it stands */
    ROWS_DEFAULT = 100000,
    LANES_MAX = 512,
    OVERSIZED_MAX = 16, /* rows too large for the destination, per window */
    SHRINK_MS = 10000,  /* idle for so long: memory is given back */
};

struct oversized {
    struct lane lane;
    char *bytes;
    size_t size;
    uint64_t position;
    uint32_t row;
    char *reason; /* why it cannot be sent; NULL: it is too large */
};

struct resend { /* lives on the asking thread's stack */
    const struct lane *lane;
    struct span body;
    uint32_t row_count;
    uint64_t position;
    uint32_t row;
    bool is_taken, is_over;
    enum status st;
    struct err err;
};

/* What the journal could not give of an interrupted window. */
struct recovery_gap {
    uint64_t
        *before;    /* LEDGER_LANES_MAX: bytes of each lane that come before it; NULL: no gap yet */
    unsigned count; /* of gaps; 'before' is of the first */
};

struct hit { /* an event for the route */
    uint64_t position;
    int64_t admitted;
    uint32_t row;
};

/* Of routes of events: dispatch.h. */
struct export_events {
    /* under the export's lock */
    struct hit *ring; /* EVENTS_HITS_MAX; NULL: none yet */
    uint32_t first, count;
    uint32_t in_hand;         /* taken and not settled: in the window, or set aside */
    int64_t in_hand_admitted; /* the first of them */
    /* > 0: hits were not kept: it reads the journal itself until its cursor is there */
    uint64_t scan_to;
    uint64_t from; /* hits before (from, from_row) are not for it: it has them */
    uint32_t from_row;
    uint64_t told; /* likewise what it was told already */
    uint32_t told_row;
    uint64_t roused; /* where its thread began */
    uint64_t off_from, off_to;
    bool is_at_rest;   /* it has no thread that runs: its own members are whoever's has the lock */
    bool is_unstarted; /* it should have: there was none to be had */
    bool has_thread;   /* to be joined */
    bool has_floor;    /* of its own in the journal */
    /* the thread's own */
    bool wants_rest;
    bool has_moved; /* the cursor, over what is not for it, since the last checkpoint */
    struct journal_buffer *buffer;
};

struct export
{
    const struct export_context *context;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows up to 'own' */
    pthread_cond_t wake;
    struct plan *plan; /* and the route: the thread's while there is one */
    const struct plan_route *route;
    struct plan *next_plan; /* has the same route: taken up when it rests; NULL: none */
    const struct plan_route *next_route;
    struct deliver_status status;
    struct resend *resend;
    uint64_t replay_position;
    bool replay_wanted, is_over, no_resends;
    int64_t progress_ms;
    struct export_events events;
    atomic_bool stop, finish;
    /* never changed */
    char id[200];
    uint64_t fingerprint;
    bool takes_events;
    /* own: the thread's */
    const struct sink_kind *kind;
    void *sink;
    struct ledger *ledger;
    struct export_stand stand; /* if has_stand: not taken up yet */
    bool has_stand;
    struct window *window;
    struct transform_run *transform; /* NULL: the route has none */
    struct verdicts_user *verdicts;  /* likewise */
    struct flight flight;
    struct window_limits limits;
    struct pace bytes_pace, rows_pace;
    uint64_t position;
    uint32_t row;
    int64_t checkpoint_ms, idle_ms;
    bool is_dirty;    /* the cursor moved since the last checkpoint */
    bool sync_failed; /* what was sent since the last checkpoint may be gone: back to it */
    struct oversized *oversized; /* OVERSIZED_MAX, but all there are while recovering */
    size_t oversized_count, oversized_room;
    struct recovery_gap gap;
    unsigned failures;
    uint32_t chance;
    int64_t linger_ms;
};

struct reach { /* where a window ends */
    uint64_t position;
    uint32_t row;
    bool is_bounded; /* recovering: up to exactly here */
};

/* export.c */
bool export_is_ending(struct export *e);
void export_set_state(struct export *e, enum export_state state);
/* 'row': so many rows of the block at 'asked' were delivered before it was lost. */
void export_gap_count(struct export *e, const struct journal_gap *gap, uint64_t asked, uint32_t row,
                      uint64_t position);
void export_gap_note(struct export *e, const struct journal_gap *gap);
/* What the window set aside; 'reason': why, NULL: it is too large. */
void export_oversized_keep(struct export *e, uint64_t position, const char *reason);
bool export_is_reached(const struct reach *at, const struct reach *bound);
void *export_run(void *app);

/* export_events.c */

/* As fill() of export.c, of events. */
MUST_CHECK enum status events_fill(struct export *e, struct reach *at, const struct reach *bound,
                                   struct err *err);
/* A replay, of the thread: from 'position' on it reads for itself. */
void events_go_back(struct export *e, uint64_t position);
/* Of the thread, when it begins again at its cursor and what it had collected since is dropped: it reads for
 * itself from there. */
void events_take_up(struct export *e);
void events_settled(struct export *e); /* what it took is delivered, parked or let go */
/* Of the thread, all of its own closed. True: it is at rest, and ends without looking at the export
 * again. */
bool events_rest(struct export *e);

/* Before the export starts: where its ledger, and where it rested, say that it stands. True: it has
 * nothing to do, and needs no thread. */
bool events_begin(struct export *e);

/* The following with the export's lock held. */
bool events_is_at_rest(const struct export *e);
/* Has the thread look around, or start. */
void events_rouse(struct export *e);

/* The dispatcher's word: there is an event for it, in the block that 'next' comes behind. */
void events_push(struct export *e, uint64_t position, uint32_t row, uint64_t next,
                 int64_t admitted);
/* Lag as far as it is known. */
void events_lag(struct export *e, struct deliver_status *status);
void events_free(struct export *e);
int export_thread_start(struct export *e); /* export.c; an errno */
