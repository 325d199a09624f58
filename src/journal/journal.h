/* journal.h - the durable, ordered log of blocks: the only buffer there is. What is acknowledged is
 * in it.
 *
 * Any thread may append, read and wait; one process writes a journal at a time (a lock file sees to
 * it), any number inspect it.
 *
 * A position is the global byte offset of a block's frame; positions only grow and are never used
 * twice. A position not at a frame's start is an error, except 0: "the oldest there is". */
#pragma once
#include "base/base.h"
#include "model/block.h"

struct journal;

struct journal_options {
    const char *folder;
    uint64_t segment_size; /* bytes of a segment file, 16 MiB to 1 GiB; default 64 MiB */
    uint64_t size_max;     /* bytes all segments may take: the quota; at least 4 segments */
    /* Bytes of the file system that the journal leaves free, so that a destination on the same disk
     * can take what the journal holds and the journal can shrink: below it is as if the quota were
     * reached, and what is delivered goes back to the disk. 0: none. */
    uint64_t reserve;
    /* delivered segments beyond this are recycled (0: keep up to the quota) */
    uint64_t keep_size_max;
    /* delivered segments older than this are recycled (0: no limit by age) */
    int64_t keep_age_ticks;
    int zstd_level; /* 0: bodies are stored as they are */
    bool sync;      /* fdatasync before a block counts as durable; false only for measurements */
    int64_t (*now)(void *clock);
    void *clock; /* ticks */
    /* Faults for tests; NULL in production. Each returns an errno to fail with, or 0. */
    int (*fault)(void *app, const char *what /* "write", "sync", "create", "read" */);
    void *fault_app;
};

/* What opening found; for the log and /healthz. */
struct journal_recovery {
    uint64_t segment_count, torn_bytes, torn_blocks, quarantined_count, quarantined_bytes;
    char text[400]; /* for a person; "" if the journal was closed properly */
};

/* Opens or makes the journal. Costs by the number of segments: sealed ones are read by their
 * sidecar, the last by its frame heads (its payloads are verified). A torn tail (never
 * acknowledged) is cut; unreadable pieces are copied to folder/quarantine with a reason (up to 1
 * GiB of copies) and passed over; nothing is deleted. ST_INVALID: a newer format, or another
 * process has it (err names the lock's owner). */
MUST_CHECK enum status journal_open(const struct journal_options *o, struct journal **journal,
                                    struct journal_recovery *found, struct err *err);
/* Seals and closes; waits for appends under way. Runs must have ended, readers and waiters must be
 * gone. */
void journal_close(struct journal *j);

/* What fails to be appended is told to those who sent it: the texts of errors of appends and runs
 * name no path. Where one matters, it is in the log, once until a segment could be made again. */

/* Appends one block and waits until it is durable (group commit: appends of several threads share a
 * sync). 'position': where it is. ST_FULL: the quota is reached because an export lags (err says
 * which floor holds it), or the disk is full but for the reserve; nothing was written, try later. ST_IO: the disk
 * failed; the journal takes no more blocks until reopened (journal_health says so). It is unknown
 * whether the block is there. */
MUST_CHECK enum status journal_append(struct journal *j, struct span index, struct span body,
                                      uint64_t *position, struct err *err);

/* A private run of blocks that appears in the journal as a whole or not at all: for requests larger
 * than one block. Written to a file of its own beside the segments (counted against the quota),
 * which becomes a segment by one rename. One thread. */
struct journal_run;
MUST_CHECK enum status journal_run_begin(struct journal *j, struct journal_run **run,
                                         struct err *err);
/* Anything but ST_OK leaves only journal_run_abort. */
MUST_CHECK enum status journal_run_append(struct journal_run *run, struct span index,
                                          struct span body, struct err *err);
/* On ST_OK the blocks are durable, in order, 'first' to before 'end'. The run is gone either
 * way. */
MUST_CHECK enum status journal_run_commit(struct journal_run *run, uint64_t *first, uint64_t *end,
                                          struct err *err);
void journal_run_abort(struct journal_run *run);

/* Durable blocks have positions in [first, end). */
struct journal_extent {
    uint64_t first, end;
};
struct journal_extent journal_extent(struct journal *j);
/* Waits until something at or after 'position' is durable, the timeout ends or journal_wake is
 * called. True: there is something. */
bool journal_wait(struct journal *j, uint64_t position, int timeout_ms);
void journal_wake(struct journal *j); /* all waiters return: shutdown, changed settings */

/* Memory to read one block into; any thread, one at a time. */
struct journal_buffer;
MUST_CHECK enum status journal_buffer_make(struct journal_buffer **buffer, struct err *err);
void journal_buffer_free(struct journal_buffer *buffer);

struct journal_gap {   /* bytes that could not be read and were passed over */
    uint64_t from, to; /* positions; equal: there is no gap */
    uint64_t rows;     /* lost with them */
    bool is_exact; /* false: 'rows' or more (the reader had no floor there, so nobody counted) */
    char reason[160];
};
/* Reads the block at 'position' (0 or before the first: the oldest), verifies its CRC, lends it in
 * *block until the buffer is used again.
 * *at: where the block really is; *next: the position after it. *gap: {0} or what was passed over to get there: lost to this reader, to be counted and shown.
 * ST_END: nothing there yet, *next = *at = the position to come back with (damage at the very end
 * is in *gap then too). ST_IO: the disk failed, or there is no memory: try again (what it refuses
 * three times in a row is passed over as damaged). ST_INVALID: no frame starts at this position, or
 * it lies behind the end. */
MUST_CHECK enum status journal_read(struct journal *j, uint64_t position,
                                    struct journal_buffer *buffer, struct block *block,
                                    uint64_t *at, uint64_t *next, struct journal_gap *gap,
                                    struct err *err);
/* Where the next block of that kind is, at or after 'position' (0 or before the first: the oldest): passes over blocks of other
 * kinds by their frame heads, whose payloads are neither read nor checked. Stops early where journal_read has
 * something to tell (a gap, damage), and after 4096 blocks: what is there may be of another kind. ST_END: none yet,
 * *at = the position to come back with. 'buffer' keeps the file open, and no more. ST_IO, ST_INVALID: as
 * journal_read. */
MUST_CHECK enum status journal_skip(struct journal *j, uint64_t position, enum block_kind kind,
                                    struct journal_buffer *buffer, uint64_t *at, struct err *err);
/* The position of the first block admitted at or after 'ticks' (the end, if none). */
MUST_CHECK enum status journal_find_time(struct journal *j, int64_t ticks, uint64_t *position,
                                         struct err *err);
/* Records between two positions, and when the first block there was admitted (0: there is none).
 * Costs two small reads: each frame head knows the rows before it. Damaged blocks count as long as
 * the journal has their place. */
MUST_CHECK enum status journal_count_rows(struct journal *j, uint64_t from, uint64_t to,
                                          uint64_t *rows, int64_t *oldest_admitted,
                                          struct err *err);

/* What must be kept: a floor per reader. Segments wholly below every floor may be recycled. A floor
 * that 'yields' does not hold segments when the quota is reached: its owner finds a gap (reason
 * "journal quota ...") with the exact count of rows lost behind the floor. Names are copied, at
 * most 255 bytes, at most 4096 floors (beyond that nothing is recycled). Floors live in memory: set
 * all of them after opening and before the first append. Position 0 holds everything. */
void journal_floor_set(struct journal *j, const char *name, uint64_t position, bool yields);
void journal_floor_remove(struct journal *j, const char *name);
/* Applies keep_size_max and keep_age; called now and then by the owner. Returns segments
 * recycled. */
unsigned journal_retain(struct journal *j);

/* Client batch ids (block_head.request_id) seen within the window: the position of the request's
 * first block and the rows of all its parts. Found only once the part with parts_end is there. The
 * window: blocks admitted in the last 24 hours, at most 500,000 ids (the oldest go first); over a
 * restart, those whose segments are still there. */
MUST_CHECK bool journal_find_request(struct journal *j, const uint8_t id[16], uint64_t *position,
                                     uint64_t *rows);

struct journal_stats {
    struct journal_extent extent;
    /* size_bytes: without recycled segments whose space the disk gets back over the next seconds */
    uint64_t segment_count, size_bytes, quota_bytes, block_count, row_count, body_bytes, sync_count,
        recycled_count, quarantined_count, quarantined_bytes, fulls_count;
    int64_t oldest_admitted, newest_admitted;
    bool is_failed; /* a write or sync failed: appends are refused until reopened */
    char failure[200];
};
void journal_stats_get(struct journal *j, struct journal_stats *stats);

/* Read-only inspection, whether or not a daemon runs. */
struct journal_check {
    uint64_t segments, blocks, rows, bytes /* of bodies */, bad_blocks, bad_bytes, torn_bytes;
    struct journal_extent extent; /* of the whole journal, not only of what was asked for */
    int64_t oldest_admitted, newest_admitted; /* of the blocks that were visited; 0: none */
    uint64_t disk_bytes;                      /* of the segments' files */
    uint64_t quarantined_files;               /* pieces in the quarantine folder */
};
typedef void (*journal_visit_fn)(void *app, uint64_t position, const struct block *block,
                                 const struct journal_gap *gap /* NULL or instead of a block */);
/* Blocks at 'from' and later that start before 'to' (0: no end), in order, without the lock and
 * without writing anything. Costs by the number of segments, and by the blocks visited (none, if
 * all are only to be counted); payloads are read only if 'verify' is set or 'visit' given (NULL:
 * count only). Beside a daemon at work blocks that are being written count as torn. ST_INVALID: a
 * newer format. ST_IO: no such folder, or the disk failed. */
MUST_CHECK enum status journal_inspect(const char *folder, uint64_t from, uint64_t to, bool verify,
                                       journal_visit_fn visit, void *app,
                                       struct journal_check *result, struct err *err);
