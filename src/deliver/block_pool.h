/* block_pool.h - the blocks that exports are reading, shared: exports that stand at the same place
 * read and verify a block once. Any thread. A block is held only while its rows are looked at,
 * never while something is sent, so a slow export keeps none. */
#pragma once
#include "base/base.h"
#include "journal/journal.h"

struct block_pool;
struct pool_block {
    struct block block;
    uint64_t position, next;
    struct journal_gap gap; /* to be counted by each reader that met it */
};

MUST_CHECK enum status block_pool_make(struct journal *j, unsigned buffers,
                                       struct block_pool **pool, struct err *err);
void block_pool_free(struct block_pool *p);

/* The block at 'position' as journal_read gives it. On ST_OK *held lends until block_pool_drop, to
 * be called soon. Waits while all buffers are in use. ST_END: nothing there yet; *next is where to
 * come back, *gap ({0} or NULL otherwise) what was passed over to get there. */
MUST_CHECK enum status block_pool_take(struct block_pool *p, uint64_t position,
                                       const struct pool_block **held, uint64_t *next,
                                       struct journal_gap *gap, struct err *err);
void block_pool_drop(struct block_pool *p, const struct pool_block *held);
