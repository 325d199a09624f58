/* text_pool.h - small pieces of text that come and go, in one growing block of memory of bounded
 * size. One thread at a time.
 *
 * Pieces are multiples of 32 bytes in 21 sizes; a piece given back serves the next of its size, or
 * is split for smaller ones. Pieces are named by number, for the block moves when it grows. */
#pragma once
#include "base/base.h"

enum { TEXT_POOL_UNIT = 32, TEXT_POOL_CLASSES = 21, TEXT_PIECE_MAX = 16384 };

struct text_pool {
    char *base;
    size_t used, room, size_max; /* units */
    uint32_t free[TEXT_POOL_CLASSES];
};

/* Holds nothing yet. 'size_max' in bytes, at most 64 GiB. */
void text_pool_init(struct text_pool *p, size_t size_max);
void text_pool_free(struct text_pool *p);

/* A piece of 'size' bytes (1 to TEXT_PIECE_MAX), its content undefined; 0: size_max is reached, or
 * there is no memory. */
uint32_t text_pool_take(struct text_pool *p, size_t size);
/* 'size' as it was taken with. Piece 0 is fine. */
void text_pool_give(struct text_pool *p, uint32_t piece, size_t size);

/* Lent until the next take. */
static inline char *
text_pool_at(const struct text_pool *p, uint32_t piece)
{
    return p->base + (size_t)piece * TEXT_POOL_UNIT;
}
