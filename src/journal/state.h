/* state.h - what the files of this folder share; private. Who owns what:
 *
 *   lock    everything in struct journal and struct segment below, unless said otherwise; never held during I/O
 *   names   the files' names: whoever makes, renames or removes a segment file holds it. Taken before 'lock', never after
 *
 * Positions grow in this order: reserved (a frame has its place) >= durable (it and all before it
 * are synced). Readers see durable only. */
#pragma once
#include "journal/journal.h"
#include "journal/segment.h"
#include <pthread.h>

enum hole_kind {
    HOLE_TORN = 1, /* torn by a crash, never acknowledged: passed over in silence */
    HOLE_BAD = 2   /* was acknowledged: a reader's gap */
};
enum hole_flag {
    HOLE_COPIED = 1 /* is in quarantine */,
    HOLE_INEXACT = 2 /* rows are not known */
};
enum { HOLES_MAX = 4096 }; /* of one segment; more are read as one */

struct hole {
    uint64_t from, to; /* positions */
    uint64_t rows;     /* rows of the journal in it */
    uint32_t kind;
    uint32_t flags; /* enum hole_flag */
};

struct request_entry { /* as it lies in a summary */
    uint8_t id[16];
    uint64_t position;
    int64_t admitted;
    uint32_t rows;
    uint32_t part; /* REQUEST_LAST and the part's number */
};
#define REQUEST_LAST 0x80000000u

enum segment_state {
    SEGMENT_ACTIVE, /* may grow */
    SEGMENT_FULL,   /* will not grow; a summary is still to be written */
    SEGMENT_SEALED
};

struct segment {
    uint64_t base, span; /* positions base to base + span are its own */
    uint64_t epoch;
    uint64_t end; /* where its last durable block ends; at least base + SEGMENT_HEAD_SIZE */
    uint64_t file_size;
    uint64_t rows_bias; /* what its frames' rows_before counts from */
    uint64_t rows_first,
        rows_end;          /* rows of the journal before its first and behind its last block */
    uint64_t previous_end; /* where the block before its first one ends; UINT64_MAX: not known */
    uint64_t block_count, row_count, body_bytes;
    int64_t admitted_min, admitted_max;
    uint64_t seq, seq_reserved; /* of the next durable, the next reserved frame */
    uint64_t durable_mark;      /* highest 'durable' that a frame of it tells of */
    struct hole *holes;
    size_t hole_count;
    struct request_entry *ids;
    size_t id_count, id_room;
    enum segment_state state;
    bool is_run, is_whole_bad;
    bool may_go_on;     /* closed in order with room left */
    bool is_torn;       /* bytes behind its end that a crash left */
    bool is_dirty;      /* its summary is out of date */
    bool next_asked;    /* for it, the keeper was told to make the next one */
    bool is_gone;       /* recycled while readers are at work in it */
    int fd;             /* while it may grow; else -1 */
    uint64_t reserved;  /* offset behind the last frame that has its place */
    unsigned pending;   /* frames reserved and not yet durable */
    unsigned pin_count; /* readers at work in its file */
};

/* One frame between its reservation and its durability; on its appender's stack. */
struct ticket {
    struct ticket *next;
    struct segment *segment;
    struct frame_head head;
    uint64_t sync_round; /* of the sync that covers it */
    bool is_run;         /* stands for all frames of an adopted run */
    bool is_written, is_synced, is_durable;
};

enum { FLOOR_NAME_MAX = 255 };
struct floor_entry {
    char name[FLOOR_NAME_MAX + 1];
    bool yields;
    uint64_t position;
};
/* rows of the journal before a position whose segment was recycled under a reader */
struct yielded {
    uint64_t position, rows;
};
struct old_file {
    uint64_t number, size;
};
enum { OLDS_MAX = 256 };
enum { FLOORS_MAX = 4096, SPARES_MAX = 2, QUARANTINE_SIZE_MAX = 1 << 30 /* bytes of copies */ };

struct request_window;
struct compressor;

struct journal {
    struct journal_options options;
    char folder[4000];
    int lock_fd;
    pthread_mutex_t lock, names;
    pthread_cond_t durable_moved; /* appenders wait for their frame or for the sync under way */
    pthread_cond_t reader_wake;
    pthread_cond_t keeper_wake;
    pthread_cond_t next_made; /* or could not be */
    pthread_t keeper;
    bool keeper_runs, is_closing, is_failed;
    bool has_told; /* journal_tell */
    char failure[200];

    struct segment **segments; /* by position */
    size_t segment_count, segment_room;
    struct segment *active; /* the last of them, or NULL */
    struct segment *next;   /* has its name and head, is in no list */
    uint64_t next_base;     /* for what is made after it */
    bool next_wanted;
    /* The owner has set its floors: it appends or asks to retain. Until then nobody knows what is
     * needed, so nothing is given up. */
    bool may_recycle;
    uint64_t next_attempts;
    enum status next_status;
    struct err next_err;
    uint64_t spares[SPARES_MAX]; /* files spare-X of options.segment_size bytes */
    size_t spare_count;
    uint64_t size_bytes; /* of all segments, spares and runs */
    /* files old-X on their way back to the disk; names held too */
    struct old_file olds[OLDS_MAX];
    size_t old_count;
    uint64_t old_bytes;

    uint64_t reserved_end, reserved_rows, durable_end, durable_rows;
    struct ticket *oldest, *newest;
    bool is_syncing;
    uint64_t sync_round;
    unsigned appender_count; /* threads inside append or a run's commit */
    uint64_t wake_count;

    struct floor_entry *floors;
    size_t floor_count;
    bool floors_overflow; /* a floor could not be kept: then nothing is recycled */
    struct yielded *yielded;
    size_t yielded_count;
    struct yielded *passed; /* a ring */
    size_t passed_count, passed_next;

    struct request_window *requests;
    struct compressor *compressors; /* free ones */
    unsigned compressor_count;

    uint64_t sync_count, recycled_count, quarantined_count, quarantined_bytes, fulls_count;
    uint64_t quarantine_size; /* of the copies in the folder */
};

/* segments (list.c) */
struct segment *segment_new(uint64_t base, uint64_t span);
void segment_free(struct segment *s);
static inline uint64_t
segment_start(const struct segment *s)
{
    return s->base + SEGMENT_HEAD_SIZE;
}
/* Counts a good frame that follows all counted before. */
void segment_count_frame(struct segment *s, const struct frame_head *h);
/* Keeps holes in order; false: it is known, or there are too many. Rows of the hole count as the
 * segment's. */
bool segment_add_hole(struct segment *s, struct hole hole);
/* The hole that 'position' stands in; NULL: none. */
struct hole *segment_hole(struct segment *s, uint64_t position);
MUST_CHECK bool list_add(struct journal *j, struct segment *s);
/* Index of the last segment with base <= position; SIZE_MAX: none. */
size_t list_find(const struct journal *j, uint64_t position);

int64_t journal_now(const struct journal *j);
/* 0, or the errno that a test wants. */
int journal_fault(const struct journal *j, const char *what);
/* Nothing more is appended until reopened. 'lock' held. */
void journal_fail(struct journal *j, const char *text);
/* Makes an error one for producers: the folder's path is taken out. With it, the text goes to the
 * log unless it did since the last segment was made. 'lock' not held. */
void journal_tell(struct journal *j, struct err *err);
/* What appends get then. */
enum status journal_failed(const struct journal *j, struct err *err);

/* Makes room for 'size' more bytes below the quota, and above the disk's reserve, by recycling; a spare file that comes of it is
 * enough if 'spare_will_do'. names held, lock not. ST_FULL names the floor that is in the way. */
MUST_CHECK enum status quota_make_room(struct journal *j, uint64_t size, bool spare_will_do,
                                       struct err *err);
/* The first segment goes if it is delivered (or only yielding floors hold it and 'may_yield').
 * ST_FULL: it may not. names held, lock not. */
MUST_CHECK enum status recycle_first(struct journal *j, bool may_yield, struct err *err);
/* Makes a spare of the oldest segment if one more would be beyond keep_size_max: its blocks are
 * there already, so that a journal which is as large as it may be writes no zeros and gives nothing
 * back to the disk. (Both delay syncs: an unlinked segment is a discard of its size on file systems
 * mounted so, during which the device does nothing else.) 'names' held. */
void spare_provide(struct journal *j);
/* Gives a piece of what was recycled back to the disk. Where freed blocks are discarded, 64 MiB at
 * once keep the device from all else for 75 to 400 ms, which each append under way waits for.
 * Neither names nor lock held. */
void old_give_back(struct journal *j);
/* All of it at once: at the end. */
void olds_remove(struct journal *j);
/* A reader is done with a segment; frees it if it was recycled meanwhile. lock held. */
void segment_unpin(struct segment *s);
/* Rows of the journal before the first block at or after 'position', and when that one was admitted
 * (INT64_MAX: there is none yet).
 * *is_exact: false if that part of the journal is gone and nobody wrote it down. lock not held. */
MUST_CHECK enum status rows_before(struct journal *j, uint64_t position, uint64_t *rows,
                                   int64_t *admitted, bool *is_exact, struct err *err);

/* The thread that makes segments ahead of need and writes summaries (keeper.c). */
MUST_CHECK enum status keeper_start(struct journal *j, struct err *err);
void keeper_stop(struct journal *j);
/* Writes the summary of a segment that will not grow and gives back what it did not use; names
 * held. */
MUST_CHECK enum status segment_seal(struct journal *j, struct segment *s, bool may_go_on,
                                    struct err *err);

/* Waits until j->next is there; lock held, given up meanwhile. */
MUST_CHECK enum status next_wait(struct journal *j, struct err *err);
/* Puts a ticket behind all others; waits until it is durable (writers.c). lock held. */
void ticket_queue(struct journal *j, struct ticket *t);
MUST_CHECK enum status ticket_wait(struct journal *j, struct ticket *t, struct err *err);

/* Moves the durable end over all synced frames at the front; lock held. */
void durable_advance(struct journal *j);

/* Compresses a body (compress.c): *stored is lent until compressed_done; equal to 'body' when it
 * does not shrink. */
struct span compress_body(struct journal *j, struct span body, struct compressor **c);
void compressed_done(struct journal *j, struct compressor *c);
void compressors_free(struct journal *j);

/* Pieces that are in the quarantine folder, and their bytes. */
uint64_t quarantine_count(const char *folder, uint64_t *bytes);
/* Copies bytes of a file to the quarantine folder with a reason, once, as long as the folder stays
 * below QUARANTINE_SIZE_MAX; best effort: the bytes also stay where they are until the segment is
 * recycled. *quarantine_size grows by what was copied. */
void quarantine_copy(const char *folder, int fd, uint64_t base, uint64_t from, uint64_t to,
                     const char *reason, uint64_t *quarantine_size);
