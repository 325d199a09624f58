/* hunt_seats.h - who may run a query now: a few seats of a workspace, handed out tenant by tenant. Private to this folder. Any
 * thread. */
#pragma once
#include "base/base.h"
#include <pthread.h>
#include <stdatomic.h>

enum { HUNT_TURNS = 256, HUNT_KEY_MAX = 40 };

/* A query that waits for a seat, or has one. Lives with its thread. */
struct hunt_seat {
    struct hunt_seat *next;
    char tenant[HUNT_KEY_MAX];
    bool is_given;
};
struct hunt_seats {
    pthread_mutex_t lock;
    pthread_cond_t given;                /* to one of those that wait */
    unsigned count;                      /* that may run at once */
    struct hunt_seat *running, *waiting; /* waiting: who came first is first */
    unsigned running_count, waiting_count;
    unsigned
        visitor_count; /* queries of other workspaces that read this one, too: without a seat */
    uint64_t turn;     /* seats given so far */
    int64_t left_ms;   /* monotonic: when one was last given up */
    uint64_t turns[HUNT_TURNS]; /* by a tenant's hash: its last turn */
    uint64_t rejected;          /* queries whose SQL the database refused */
    uint64_t refused;           /* waited until their deadline */
};

void hunt_seats_init(struct hunt_seats *s);
void hunt_seats_destroy(struct hunt_seats *s);
/* Waits until the query has a seat. ST_OK: hunt_seat_leave is due. ST_FULL: the deadline (monotonic ms) has passed, or
 * 'cancelled' (NULL: it cannot be) is set; it does not wait any more. */
MUST_CHECK enum status hunt_seat_take(struct hunt_seats *s, struct hunt_seat *seat,
                                      const char *tenant, int64_t deadline_ms,
                                      const _Atomic bool *cancelled);
/* A query that has its seat in another workspace comes and goes: only so that it is known whether somebody reads. */
void hunt_seats_visit(struct hunt_seats *s);
void hunt_seats_visited(struct hunt_seats *s);
void hunt_seats_count_rejected(struct hunt_seats *s);
void hunt_seats_resize(struct hunt_seats *s, unsigned count);
void hunt_seat_leave(struct hunt_seats *s, struct hunt_seat *seat);
