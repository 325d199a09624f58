/* deliver.h - the pump: every export reads the journal from its own cursor, matches, batches,
 * sends, acknowledges, retries and parks, in a thread of its own, so that a slow, dead or wrong
 * destination delays nobody else. Any thread may call what is here.
 *
 * The life of an export: starting -> running <-> idle, and from both -> retrying (a destination
 * failed: backing off, nothing is lost) -> running; stopped when its route leaves the plan. */
#pragma once
#include "base/base.h"
#include "match/plan.h"
#include "sink/sink.h"

struct deliverer;
struct journal;

/* Where refused rows go. Durable when it says ST_OK; ST_FULL and ST_IO: the export waits and tries
 * again, nothing is passed over. */
struct deliver_park {
    void *app;
    enum status (*park)(void *app, const struct plan_route *route, const struct lane *lane,
                        struct span body, uint32_t row_count, uint64_t position, uint32_t row,
                        const char *reason, struct err *err);
};

struct deliver_options {
    struct journal *journal;
    const char *folder; /* ledgers: where each export stands; made if missing */
    struct deliver_park park;
    int64_t (*now)(void *clock); /* ticks */
    void *clock;
    unsigned block_buffers;              /* blocks in memory at a time, shared by all exports */
    unsigned retry_ms_min, retry_ms_max; /* back-off; 0: 250 and 60,000 */
    /* a route of events without anything to do for so long has no thread any more; 0: 10,000 */
    unsigned rest_after_ms;
    bool shares_nothing; /* each export evaluates all of its conditions itself: for measurements */
};

MUST_CHECK enum status deliver_start(const struct deliver_options *o, struct deliverer **d,
                                     struct err *err);

/* Swaps the plan (held by the deliverer until the next swap). Exports whose fingerprint is
 * unchanged go on undisturbed; others end their window (at most 2 s) and start anew with their old
 * cursor; new ones start at their start_ticks. Ledgers of routes that are gone are removed if
 * 'forget'. */
MUST_CHECK enum status deliver_set_plan(struct deliverer *d, struct plan *plan, bool forget,
                                        struct err *err);

/* Hub reads and resends that wait return at once, now and from now on: to be called before those
 * who answer with them are stopped. */
void deliver_end_waits(struct deliverer *d);

/* Ends every export; what is being sent may end within 'grace_ms'. */
void deliver_stop(struct deliverer *d, unsigned grace_ms);

enum export_state {
    EXPORT_STARTING,
    EXPORT_RUNNING,
    EXPORT_IDLE,
    EXPORT_RETRYING,
    EXPORT_DISABLED,
    EXPORT_STOPPED
};
const char *export_state_name(enum export_state state); /* "running" */

enum { DELIVER_CATEGORIES_MAX = 64 }; /* counted singly per export; the rest under "(other)" */
struct deliver_category {
    char category[104];
    uint64_t rows, bytes;
};

struct deliver_status {
    char id[200];
    enum export_state state;
    uint64_t cursor; /* journal position up to which all is delivered */
    uint32_t cursor_row;
    /* records of the journal not passed yet (before matching); of a route of events those that are
     * for it and not delivered (what the journal is read again for counts as 1024) */
    uint64_t lag_rows;
    int64_t lag_ms; /* age of the oldest of them; 0: none */
    uint64_t read_rows, sent_rows, sent_bytes, sent_batches;
    uint64_t retried;      /* sends that have to be repeated */
    uint64_t refused_rows; /* parked */
    uint64_t lost_rows;    /* passed over: journal quota with onLag drop, or unreadable */
    uint64_t resent_rows;
    uint64_t filtered_rows; /* dropped by transformKql */
    /* of rows where another export has a condition in common: those that nothing was evaluated for, as
     * another one had */
    uint64_t shared_rows;
    uint64_t exhausted_rows; /* whose transformation needed too much memory: see transform.h */
    uint64_t
        shrunk_rows; /* rows of a workspace that were over its size and were cut, see event_row */
    int64_t last_success, last_error; /* ticks; 0: never */
    char error[320];                  /* the last one, even if it is over */
    unsigned attempt;                 /* failed attempts in a row; 0: all is well */
    int64_t next_attempt_ms;          /* until then, while retrying */
    uint32_t category_count;
    struct deliver_category categories[DELIVER_CATEGORIES_MAX];
};
/* False: no such export. */
MUST_CHECK bool deliver_status_get(struct deliverer *d, const char *id,
                                   struct deliver_status *status);
/* Calls visit for each export, by id. */
void deliver_visit(struct deliverer *d,
                   void (*visit)(void *app, const struct deliver_status *status), void *app);

/* Sends again everything admitted from 'ticks' on, after which the export goes on as before.
 * ST_INVALID: no such export. */
MUST_CHECK enum status deliver_replay(struct deliverer *d, const char *id, int64_t ticks,
                                      struct err *err);

/* Sends one parked parcel again, waiting for the outcome at most 'wait_ms'. ST_OK: it was taken.
 * ST_FULL: not within that time. ST_INVALID: refused again, or no such export. 'position'
 * and 'row': the identity of its first row, as it was parked. */
MUST_CHECK enum status deliver_resend(struct deliverer *d, const char *id, const struct lane *lane,
                                      struct span body, uint32_t row_count, uint64_t position,
                                      uint32_t row, int wait_ms, struct err *err);

/* True while no export has been without progress or retry for longer than 'stall_ms' although
 * there was work; else 'text' names the first one that is. For /healthz. */
MUST_CHECK bool deliver_is_healthy(struct deliverer *d, int64_t stall_ms, char text[200]);

/* The local event hub: the journal itself, read by cursor. Reads what the plan's "hub" routes of
 * 'tenant' (NULL: any) whose hub is 'hub' select (a route without a named hub has one per category,
 * named as in catalog_container), from *position and *row on (0: the oldest), as messages
 * {"records":[...]} of one category, and events that its automations select as bare documents, each
 * ended by LF, in *out (malloc'd; caller frees; NULL: nothing came), about 'size_max' bytes at most,
 * waiting at most 'wait_ms' for the first. The cursor is moved behind what was read. ST_INVALID: no
 * such hub. */
MUST_CHECK enum status deliver_hub_read(struct deliverer *d, const char *tenant, const char *hub,
                                        uint64_t *position, uint32_t *row, size_t size_max,
                                        int wait_ms, char **out, size_t *out_size, uint64_t *rows,
                                        struct err *err);
