/* ledger.h - where one export stands, kept so that neither a kill nor a power failure can lose or
 * (where the destination tells lengths) double a row. One thread.
 *
 * Two entries are kept, each written alternately into two places with a checksum and a running
 * number, so that a torn write leaves the one before:
 *   intent      written before a window is sent: from where to where it reaches, and for positioned sinks the
 *               object and length that each lane is appended at. In page cache it outlives the process; it counts only in the
 *               boot it was written in, unless the sink is lasting at once (then it is also synced).
 *   checkpoint  written after the sink was synced: all before its cursor is lasting, and how long each object touched
 *               lately was then. After a power failure objects are cut back to it and delivery goes on from
 * there. */
#pragma once
#include "base/base.h"

enum { LEDGER_LANES_MAX = 1024 };
enum { LEDGER_SETTLED, LEDGER_PENDING, LEDGER_BACK };

struct ledger_lane {
    char tenant[40], category[104], table[72];
    int64_t hour;
    char name[512];  /* of the object */
    uint64_t length; /* intent: before the window; checkpoint: then */
    uint64_t size,
        /* intent: bytes of the window's lane that are to be appended to it; bytes that went
         * before */
        done;
};

struct ledger_entry {
    uint64_t fingerprint; /* of the route that shaped the bytes */
    uint64_t position;    /* cursor: everything before (position, row) is delivered */
    uint32_t row;
    /* LEDGER_SETTLED: a cursor and no more. LEDGER_PENDING: a window from the cursor to
     * (end_position, end_row) was begun. LEDGER_BACK: what was sent since the checkpoint may be
     * gone, go back to it. */
    uint32_t is_pending;
    uint64_t end_position;
    uint32_t end_row;
    uint32_t lane_count;
    struct ledger_lane *lanes;
};

struct ledger;

/* Opens or makes the ledger of an export below 'folder'. 'boot' names this boot of the machine. */
MUST_CHECK enum status ledger_open(const char *folder, const char *export_id, const char *boot,
                                   struct ledger **ledger, struct err *err);
void ledger_close(struct ledger *l);

/* What was last written and still counts; false: none. Lends until the next write of that entry. */
bool ledger_intent(const struct ledger *l, struct ledger_entry *entry);
bool ledger_checkpoint(const struct ledger *l, struct ledger_entry *entry);
/* True: the intent is of this boot (or was synced), so page cache still holds all that it tells
 * of. */
bool ledger_intent_counts(const struct ledger *l);

MUST_CHECK enum status ledger_write_intent(struct ledger *l, const struct ledger_entry *entry,
                                           bool sync, struct err *err);
MUST_CHECK enum status ledger_write_checkpoint(struct ledger *l, const struct ledger_entry *entry,
                                               struct err *err);

/* Removes an export's ledger. */
void ledger_forget(const char *folder, const char *export_id);

/* This boot's name (/proc/sys/kernel/random/boot_id), 36 bytes and a NUL; "unknown" if it cannot be
 * read: then nothing unsynced counts. */
void ledger_boot(char out[40]);
