/* pool.h - memory that dies all at once and grows as needed, for cold paths whose size nobody knows
 * before. One thread fills it; it is wiped when freed, for it may hold secrets. */
#pragma once
#include "base/base.h"

struct pool_block;
struct pool {
    struct pool_block *blocks;
};

/* Zeroed, 16-byte aligned; NULL: no memory. */
void *pool_take(struct pool *p, size_t size);
/* A copy with a NUL behind it. */
char *pool_text(struct pool *p, struct span text);
PRINTF_LIKE(2, 3) char *pool_format(struct pool *p, const char *format, ...);
void pool_free(struct pool *p);
