/* read.h - walking the frames of one segment file; shared by readers and inspection. Private. No
 * lock held. */
#pragma once
#include "journal/state.h"

struct journal_buffer {
    char *data; /* index and stored body */
    size_t room;
    char *body; /* of a compressed block */
    size_t body_room;
    void *zstd;
    int fd; /* of the segment read last; -1: none */
    uint64_t fd_epoch, fd_base;
    uint64_t next_position,
        next_rows; /* where the last block read ends, and the journal's rows before that */
    uint64_t failed_position;
    unsigned failed_count;       /* reads in a row that the disk refused there */
    size_t peak_data, peak_body; /* most that was needed lately */
    unsigned reads_to_shrink;
};

/* Reads the payload of a good head, verifies and opens it. ST_INVALID: damaged ('err' says how).
 * ST_IO: the disk or memory failed. */
MUST_CHECK enum status payload_read(struct journal_buffer *b, int fd, const char *path,
                                    const struct frame_head *h, struct block *block,
                                    struct err *err);
/* The next good head from *at on, and *at there; what is damaged is passed over. ST_END: none
 * before 'limit'. */
MUST_CHECK enum status walk_next(int fd, const char *path, uint64_t epoch, uint64_t *at,
                                 uint64_t limit, struct frame_head *h, struct err *err);
