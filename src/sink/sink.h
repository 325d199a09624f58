/* sink.h - what every destination implements, and how one is opened and fed. One thread uses one
 * sink, never two calls at once. Retrying, pacing, parking and cursors are the caller's work
 * (deliver). */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

enum sent {
    SENT_DONE,    /* the destination holds the body as durably as it promises */
    SENT_RETRY,   /* it may or may not: send the same parcel again later */
    SENT_REFUSED, /* it never will: the caller parks the rows and tells the owner */
};

enum framing {
    FRAME_LINES,   /* each row followed by the profile's line end */
    FRAME_RECORDS, /* {"records":[row,row]} */
    /* Each row a parcel of its own, its bytes alone: position and row are its identity, and each is
     * answered for itself. The sink puts many of them into a request if it likes. */
    FRAME_ROW,
};

/* Where rows of one kind go within a destination. */
struct lane {
    char tenant[40]; /* lower-case GUID */
    char category[104];
    char table[72];
    /* ticks of the hour of the rows' envelope time; 0 where the sink has no use for it */
    int64_t hour;
};

/* Some whole rows, framed, that belong together. */
struct parcel {
    const struct lane *lane;
    struct span body; /* 1 to body_max bytes, borrowed for the call */
    uint32_t row_count;
    uint64_t position; /* identity of its first row: journal position and row number */
    uint32_t row;
    /* Positioned sinks (is_positioned): the name of the object and its length before this parcel,
     * as 'locate' or the ledger gave them. */
    char name[512];
    uint64_t offset;
    /* out */
    enum sent sent;
    int64_t retry_after_ms; /* what the destination asked for; -1: nothing */
    /* Positioned, with SENT_RETRY: nothing of the parcel is there and the object takes no more:
     * locate with 'full' gives the next name. */
    bool is_full;
    /* Positioned, with SENT_RETRY: the object is neither as long as 'offset' says nor as with the
     * parcel: someone else wrote, cut or removed it. Once the caller's ledger shows that none of
     * the parcel is there, it may go on in the next object (locate with 'full'). */
    bool is_foreign;
    struct err err; /* reason, when not done; SENT_RETRY without one: come back at once */
};

/* one setting: its check, the configuration's and the manual's entry are all made from this row */
struct sink_setting {
    const char *name;
    const char *help;
    const char *default_value; /* NULL: required unless is_optional */
    bool is_optional, is_secret;
    bool
        is_file; /* the path of a PEM file that must be there; the sink is handed an absolute one */
};

struct sink_value {
    const char *name, *value;
};

struct sink_kind {
    const char *name;
    const char *help;
    const char *guarantee; /* for the manual; NULL: by is_positioned, exactly or at least once */
    enum framing framing;
    bool by_hour; /* lanes differ by hour */
    /* objects are appended to at known offsets: exactly once (locate, length are there) */
    bool is_positioned;
    bool is_lasting_at_once;             /* false: bodies are only in the page cache until 'sync' */
    size_t body_max;                     /* bytes a parcel may have at most */
    size_t batch_bytes;                  /* default of the sum of a window's parcels */
    uint32_t batch_rows;                 /* default of a window's rows; 0: deliver's */
    uint32_t linger_ms;                  /* default */
    const struct sink_setting *settings; /* ends at a NULL name */
    /* Checks values without touching the destination. */
    enum status (*check)(const struct sink_value *values, size_t count, struct err *err);
    /* Does not need the destination to be there. On error holds nothing. 'stop' turns true when the
     * daemon wants to end: calls then return early with SENT_RETRY. */
    enum status (*open)(const struct sink_value *values, size_t count, const atomic_bool *stop,
                        void **state, struct err *err);
    /* Bytes that a parcel may have at most by the settings, never more than body_max; NULL:
     * body_max. */
    size_t (*parcel_max)(void *state);
    /* Sends all parcels and sets sent, retry_after_ms and err of each. Parcels of one lane stand in
     * order and must arrive in order: after one that is not done, later ones of its lane are
     * SENT_RETRY (but kafka, whose partitions have no common order, says SENT_DONE of what is
     * done; and kinds of FRAME_ROW go on behind a row that is refused, which waits for nobody). */
    void (*send)(void *state, struct parcel *parcels, size_t count);
    /* Positioned: the current object of a lane (the newest roll-over, see streaming-api.md section
     * 3: PT1H.json, PT1H_1.json, …) and its length; length 0 and ST_OK if it is not there yet.
     * Called when a lane is first met and after the object was full (parcel refused to fit: 'full'
     * true asks for the next name). */
    enum status (*locate)(void *state, const struct lane *lane, bool full, char name[512],
                          uint64_t *length, struct err *err);
    /* Positioned: the length of a named object of the lane now; ST_OK and 0 if absent. For recovery
     * and after SENT_RETRY. */
    enum status (*length)(void *state, const struct lane *lane, const char *name, uint64_t *length,
                          struct err *err);
    /* Positioned: whether the object holds exactly these bytes (at most body_max) at 'offset'. For
     * recovery: others may append to it, too. */
    enum status (*holds)(void *state, const struct lane *lane, const char *name, uint64_t offset,
                         struct span bytes, bool *same, struct err *err);
    /* Positioned: cuts the object back to 'length' (only a folder can; NULL elsewhere): after a
     * torn append or a power loss. */
    enum status (*cut)(void *state, const struct lane *lane, const char *name, uint64_t length,
                       struct err *err);
    /* Makes all that was sent lasting; NULL where is_lasting_at_once. */
    enum status (*sync)(void *state, struct err *err);
    void (*close)(void *state);
};

extern const struct sink_kind sink_folder, sink_blob, sink_kafka, sink_syslog, sink_file,
    sink_stdout, sink_webhook, sink_splunk_hec, sink_elastic, sink_workspace;
/* All kinds, NULL-terminated. */
extern const struct sink_kind *const sink_kinds[];
const struct sink_kind *sink_kind_find(const char *name);

/* Value of a setting, its default, or NULL. */
const char *sink_value_get(const struct sink_kind *kind, const struct sink_value *values,
                           size_t count, const char *name);
/* Required ones there, no unknown ones, then kind->check. */
MUST_CHECK enum status sink_check(const struct sink_kind *kind, const struct sink_value *values,
                                  size_t count, struct err *err);
