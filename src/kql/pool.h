/* pool.h - the memory of one query, one row or one compiled program: taken in pieces, freed at
 * once. One thread uses one pool.
 *
 * Taking never fails to the taker: when the pool's limit is reached (or the deadline has passed),
 * pool_take does not return but leaves by pool->escape, which whoever started the work has set.
 * So the language's code has no out-of-memory paths, and holds nothing but pool memory across a
 * take: no malloc, no descriptor, no lock, no C++ object. (Where a library needs such a thing, take
 * first, then call it.) */
#pragma once
#include "base/base.h"
#include <setjmp.h>

struct pool_chunk;

struct pool {
    struct pool_chunk *chunk; /* the newest; private */
    struct pool_chunk *spare; /* one that was given back, for the next that is needed; private */
    char *next, *end;         /* private */
    size_t taken, limit;      /* bytes in chunks; most that may be */
    size_t peak;              /* the most that was taken at once */
    /* Another pool whose limit, deadline and 'taken' this one's chunks count in too (set before
     * anything is taken; it must outlive this one); NULL: none. Pools of several threads may share
     * one that has no patience and that nothing is taken from itself meanwhile. */
    struct pool *account;
    /* monotonic ms at which work is to end, 0: never; looked at by pool_check and at each new chunk
     */
    int64_t deadline_ms;
    /* ms from the first look at the clock on: sets deadline_ms then, where that is 0; so work that
     * is never long never reads the clock. 0: none */
    int64_t patience_ms;
    /* An _Atomic bool (which C++ cannot read) that another thread sets to end the work; looked at where
     * the clock is; NULL: none */
    const void *cancelled;
    jmp_buf *escape; /* where to when spent; must be set while anything is taken */
    enum pool_end {
        POOL_GOES_ON,
        POOL_SPENT /* the limit is reached */,
        POOL_LATE /* the deadline has passed */,
        POOL_ABANDONED /* pool_abandon: 'reason' says why */,
        POOL_EXCEEDED /* pool_exceed: a limit of the caller's own; 'reason' says which */,
        POOL_CANCELLED /* 'cancelled' was set */
    } why;             /* why it escaped */
    struct err reason;
};

/* An empty pool; holds no memory yet. */
void pool_init(struct pool *p, size_t limit);
/* Frees everything taken; the pool is as after pool_init. Keeps the first chunk for the next
 * use. */
void pool_reset(struct pool *p);
/* Frees everything, the first chunk too. */
void pool_free(struct pool *p);

/* Uncommon half of pool_take. */
void *pool_take_slow(struct pool *p, size_t size);

/* 'size' bytes, 8-byte aligned, NOT zeroed; never NULL. */
static inline void *
pool_take(struct pool *p, size_t size)
{
    char *at = p->next;

    if (at == NULL || size > (size_t)(p->end - at))
        return pool_take_slow(p, size);
    size = (size + 7) & ~(size_t)7;
    p->next = size > (size_t)(p->end - at) ? p->end : at + size;
    return at;
}
void *pool_zeroed(struct pool *p, size_t count, size_t size); /* count * size, checked */
/* A copy of the text, with a NUL behind it that its size does not count. */
struct span pool_text(struct pool *p, struct span text);
struct span pool_printf(struct pool *p, const char *format, ...) PRINTF_LIKE(2, 3);
/* An array that grows: room for at least 'count' items; gives the (perhaps moved) items back. */
void *pool_grow(struct pool *p, void *items, size_t *room, size_t count, size_t item_size);
/* Leaves by the escape when the deadline has passed or the work is cancelled; call it now and then in
 * long loops. */
void pool_check(struct pool *p);
/* Leaves by the escape with a reason: for what cannot be gone on with. */
_Noreturn void pool_abandon(struct pool *p, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same for a limit that is not the pool's (of rows, say). */
_Noreturn void pool_exceed(struct pool *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* A place to return to: everything taken since is given back. One chunk is kept aside, so that work
 * row by row that needs one now and then does not go to the system each time. */
struct pool_mark {
    struct pool_chunk *chunk;
    char *next;
};
struct pool_mark pool_mark(const struct pool *p);
void pool_return(struct pool *p, struct pool_mark mark);
