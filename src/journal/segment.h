/* segment.h - how the journal lies on disk; private to this folder. Little endian, no threads, no
 * state.
 *
 *   FOLDER/0000000000000000.seg   a segment; its name is the position of its first byte
 *   FOLDER/0000000000000000.sum   its summary, written when no block will be added (summary.h)
 *   FOLDER/quarantine/            copies of what could not be read, each with its reason
 *   FOLDER/lock, FOLDER/yielded   the owner's pid; the row numbers of readers that lost blocks (floor.h)
 *   FOLDER/new-*, run-*, spare-*  files on their way to become segments; never the only place of anything
 *
 * A segment is a head of 4096 bytes and frames, one a block. Its file is filled with zeros when
 * made, so that appends change no metadata, and is used again after its blocks are delivered: each
 * use gets a new random epoch, which every frame head repeats, so that frames of a former life
 * never count. Nobody who can choose a record's bytes knows the epoch, so nobody can forge a frame
 * inside a block.
 *
 * A frame is a head of 128 bytes, the block's index, its body, and zeros up to a multiple of 64.
 * Head and payload have a checksum each: a bad payload is hopped over, and behind a bad head the
 * next good one is searched for in steps of 64 bytes, so that damage costs the blocks it hit and no
 * other. */
#pragma once
#include "base/base.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEAD_SIZE = 4096,
    SEGMENT_NAME_SIZE = 24,
    FRAME_HEAD_SIZE = 128,
    FRAME_ALIGN = 64,
    PATH_SIZE = 4096 + 64,
};

enum { SEGMENT_RUN = 1 /* was adopted whole: its frames count rows from 0 */ };

/* The first 24 bytes and the CRC's reach mean the same in every version. */
struct segment_head {
    char magic[8]; /* "PSTKSEGM" */
    uint32_t version;
    uint32_t crc; /* of the 72 bytes from 'epoch' on */
    uint64_t epoch;
    /* positions the segment takes: the next one's base is at or behind base + span */
    uint64_t span;
    uint64_t rows_before;  /* added to the frames' own: of a run; otherwise 0 */
    uint64_t previous_end; /* of a run: where the block before it ends; otherwise 0 */
    int64_t made;          /* ticks */
    uint32_t flags;
    uint32_t reserved[7];
};

enum { FRAME_ZSTD = 1 };

struct frame_head {
    uint32_t magic;
    uint32_t crc; /* of the 120 bytes from 'epoch' on */
    uint64_t epoch;
    uint64_t at;   /* offset in the file */
    uint64_t seq;  /* number in the segment */
    uint32_t size; /* of the whole frame */
    uint32_t index_size, body_size, stored_size /* of the body on disk */;
    uint32_t payload_crc; /* of index and stored body */
    uint32_t flags;
    uint32_t kind,
        row_count; /* as in block_head, so that nobody needs to read the payload to count */
    int64_t admitted;
    uint64_t rows_before;  /* rows in the journal (of a run: in the run) before this block */
    uint64_t previous_end; /* where the block before ends; of a run: 0 */
    uint64_t durable;      /* the journal's durable end when this frame was made; of a run: 0 */
    uint8_t request_id[16];
    uint32_t part, parts_end;
    uint64_t reserved;
};

void segment_head_seal(struct segment_head *h);
void frame_head_seal(struct frame_head *h);
/* Is it a head made for this offset in this life, with sizes that a frame may have? */
bool frame_head_is_good(const struct frame_head *h, uint64_t epoch, uint64_t at);
size_t frame_size(size_t index_size, size_t stored_size);
/* Rows that are exported: those of a BLOCK_ROWS block. */
uint32_t frame_rows(const struct frame_head *h);

/* "FOLDER/0123456789abcdef.seg"; 'suffix' is ".seg" or ".sum". */
void segment_path(char path[PATH_SIZE], const char *folder, uint64_t base, const char *suffix);
/* False: the name is not a base and 'suffix'. */
bool segment_name_read(const char *name, const char *suffix, uint64_t *base);

/* ST_OK: a good head of this version. ST_END: a head of a newer version (h->version says which). ST_INVALID:
 * damaged. */
MUST_CHECK enum status segment_head_read(int fd, const char *path, struct segment_head *h,
                                         struct err *err);
/* Seals 'h', writes it and syncs the file. */
MUST_CHECK enum status segment_head_write(int fd, const char *path, struct segment_head *h,
                                          struct err *err);
/* Fills a new file with zeros up to 'size' and syncs it. ST_FULL: no space; the caller removes the
 * file. */
MUST_CHECK enum status segment_fill(int fd, const char *path, uint64_t size, struct err *err);

/* The head at 'at' of frames that end at or before 'limit'. ST_INVALID: there is no good one.
 * ST_IO: cannot be read. */
MUST_CHECK enum status frame_head_read(int fd, const char *path, uint64_t epoch, uint64_t at,
                                       uint64_t limit, struct frame_head *h, struct err *err);
/* The first good head at or after 'from'. What cannot be read counts as bad. ST_END: none before
 * 'limit'. */
MUST_CHECK enum status frame_search(int fd, const char *path, uint64_t epoch, uint64_t from,
                                    uint64_t limit, struct frame_head *h, struct err *err);
/* Is the payload as it was written? Reads through a small buffer of its own. ST_INVALID: no. */
MUST_CHECK enum status frame_payload_check(int fd, const char *path, const struct frame_head *h,
                                           struct err *err);

/* Random and not 0. */
uint64_t epoch_make(void);
