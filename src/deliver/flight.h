/* flight.h - one window's way out: its parcels as a list of items, each sent until it is done,
 * taken apart when it is refused, parked when a single row is; and for positioned sinks the objects
 * that the lanes are appended to, so that no byte is appended twice. One thread; knows no journal
 * and no clock, waits for nothing: the export calls flight_send again after its pause. */
#pragma once
#include "batch/window.h"
#include "deliver/ledger.h"
#include "sink/sink.h"

/* The object a lane is being appended to. */
struct lane_object {
    struct lane lane;
    char name[512];
    uint64_t length; /* bytes in it that are known to be there */
    uint64_t
        start_length;   /* the same when the flight began: what a checkpoint of its start tells */
    uint64_t used_last; /* number of the flight that used it last */
    bool is_unsure;     /* a send failed and its length could not be asked for yet */
    bool in_checkpoint; /* the last checkpoint tells its length */
};

struct flight_item {
    struct span body;
    char *owned;   /* malloc'd body of a part of a refused parcel; else NULL */
    uint32_t lane; /* index into lanes */
    uint32_t row_count;
    uint64_t position;
    uint32_t row;
    bool is_done;
};

struct flight_lane {
    struct lane lane;
    bool is_refused; /* the destination cannot have such an object: its rows are parked */
    struct err reason;
    uint32_t object; /* index into objects; positioned only */
    /* bytes of the lane's stream that need not go any more: sent, there from before a crash, or
     * parked */
    uint64_t done;
};

struct flight {
    const struct sink_kind *kind;
    void *sink;
    enum window_framing framing;
    enum profile profile;
    struct flight_item *items;
    size_t item_count, item_room;
    struct flight_lane *lanes;
    size_t lane_count, lane_room;
    struct lane_object *objects;
    size_t object_count, object_room;
    struct parcel *parcels;
    size_t parcel_room, *parcel_item;
    struct ledger_lane *lent;
    size_t lent_room;
    uint64_t number;
    /* an object was changed: the intent must be written anew before the next send */
    bool intent_changed;
    /* out of the last flight_send */
    int64_t retry_after_ms;
    struct err err; /* first reason why something is not done */
    uint64_t sent_rows, sent_bytes, sent_parcels, retried;
};

/* How the rows are framed that a kind takes. */
enum window_framing flight_framing(const struct sink_kind *kind);

void flight_init(struct flight *f, const struct sink_kind *kind, void *sink);
void flight_free(struct flight *f);

/* Loads a sealed window, whose memory must stay until the flight has landed. Positioned: finds
 * every lane's object. ST_IO: the destination did not answer: call again later. */
MUST_CHECK enum status flight_load(struct flight *f, const struct window *w, enum profile profile,
                                   struct err *err);

/* Loads a single body that was parked before; borrowed until it has landed. It is framed anew: it
 * may be a row alone (too large once), or come from a destination that the export had before.
 * 'position' and 'row': the identity of its first row. */
MUST_CHECK enum status flight_load_one(struct flight *f, const struct lane *lane, struct span body,
                                       uint32_t row_count, uint64_t position, uint32_t row,
                                       enum profile profile, struct err *err);

/* After a crash: what the intent's lanes say was to be appended, beside what is there now. Called
 * once, between flight_load (of the same rows) and the first send. 'same_bytes': the route's
 * fingerprint is unchanged. *doubled: bytes that will be there twice since nothing else was
 * possible. */
MUST_CHECK enum status flight_recover(struct flight *f, const struct ledger_entry *intent,
                                      bool same_bytes, uint64_t *doubled, struct err *err);

/* The same when the journal could not give all of the window's rows any more. 'before': bytes of
 * each lane that come before the (first) gap; 'is_single': there is one gap. What was sent of what
 * is left is left out as far as it can be told; nothing is cut, for it cannot be sent again. */
MUST_CHECK enum status flight_recover_gap(struct flight *f, const struct ledger_entry *intent,
                                          bool same_bytes, const uint64_t *before, bool is_single,
                                          uint64_t *doubled, struct err *err);

/* Lanes for an intent or (all objects known) a checkpoint, in memory lent until the next call.
 * NULL: no memory. */
const struct ledger_lane *flight_intent_lanes(struct flight *f, uint32_t *count);
const struct ledger_lane *flight_checkpoint_lanes(struct flight *f, uint32_t *count);
/* Whether an object about to be appended to is missing from the last checkpoint. */
bool flight_needs_checkpoint(const struct flight *f);
void flight_checkpointed(struct flight *f);

typedef enum status (*flight_park_fn)(void *app, const struct lane *lane, struct span body,
                                      uint32_t row_count, uint64_t position, uint32_t row,
                                      const char *reason, struct err *err);

/* Sends what is not done yet, once. ST_OK: all is done or parked. ST_FULL: something is left: err,
 * retry_after_ms. */
MUST_CHECK enum status flight_send(struct flight *f, flight_park_fn park, void *app);
/* Forgets items and lanes; objects stay known. */
void flight_clear(struct flight *f);
/* Forgets objects: their lengths are asked for anew. */
void flight_forget_objects(struct flight *f);
