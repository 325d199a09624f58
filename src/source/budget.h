/* budget.h - one limit on memory for all admissions together, and reserved stretches of addresses
 * that memory is put under as they are filled. Any thread (budget); one thread (region). */
#pragma once
#include "base/base.h"
#include <pthread.h>

struct budget {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    size_t used, max; /* bytes */
    uint64_t waits;   /* how often somebody had to wait */
};
MUST_CHECK enum status budget_init(struct budget *b, size_t max, struct err *err);
void budget_destroy(struct budget *b);
/* Takes 'size' bytes, waiting at most 'wait_ms' for others to give some back. False: not now. */
MUST_CHECK bool budget_take(struct budget *b, size_t size, unsigned wait_ms);
void budget_give(struct budget *b, size_t size);
size_t budget_used(struct budget *b, uint64_t *waits);

/* 'max' bytes of addresses of which the first 'room' may be touched. Growing never moves them. */
struct region {
    char *base;
    size_t room, max; /* multiples of REGION_PAGE */
};
enum { REGION_PAGE = 4096 };
MUST_CHECK enum status region_reserve(struct region *r, size_t max, struct err *err);
void region_release(struct region *r); /* a zeroed one is fine */
/* False: the system has no memory. 'room' at most max; rounded up to pages by the caller. */
MUST_CHECK bool region_grow(struct region *r, size_t room);
/* Gives the memory beyond 'keep' back to the system; what stood there is gone. */
void region_trim(struct region *r, size_t keep);
