/* append.h - frames from blocks; shared by appends and runs. Private. */
#pragma once
#include "journal/state.h"
#include <sys/uio.h>

/* A block ready to be written: checked, compressed, summed. Its head lacks only its place. */
struct frame {
    struct frame_head head;
    struct span index, body /* as stored */;
    struct compressor *compressor;
};
/* Borrows index and body until frame_done. ST_INVALID: not a block, or larger than a segment. */
MUST_CHECK enum status frame_prepare(struct journal *j, struct span index, struct span body,
                                     struct frame *f, struct err *err);
void frame_done(struct journal *j, struct frame *f);
/* Seals the head and writes all of it at head.at. */
MUST_CHECK enum status frame_write(struct journal *j, int fd, struct frame *f, struct err *err);

/* Around what journal_close has to wait for: both take and give the lock, enter leaves it held. */
void appender_enter(struct journal *j);
void appender_leave(struct journal *j);
