/* heap.h - memory that dies all at once and grows as needed, for cold paths whose size nobody knows
 * before. One thread fills it; it is wiped when freed, for it may hold secrets. */
#pragma once
#include "base/base.h"

struct heap_block;
struct heap {
    struct heap_block *blocks;
};

/* Zeroed, 16-byte aligned; NULL: no memory. */
void *heap_take(struct heap *p, size_t size);
/* A copy with a NUL behind it. */
char *heap_text(struct heap *p, struct span text);
PRINTF_LIKE(2, 3) char *heap_format(struct heap *p, const char *format, ...);
void heap_free(struct heap *p);
