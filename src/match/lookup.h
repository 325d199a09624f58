/* lookup.h - numbers found by a 64-bit hash. Several may have one hash; whoever looks compares. Made by
 * one thread, then read by any. */
#pragma once
#include "base/base.h"

#define LOOKUP_NOTHING UINT32_MAX

struct lookup { /* zeroed: empty */
    struct {
        uint64_t hash;
        uint32_t value; /* LOOKUP_NOTHING: free */
    } * slots;
    size_t mask, count;
};

void lookup_free(struct lookup *l);
/* One more value of the hash, not LOOKUP_NOTHING. False: no memory; nothing changed. */
MUST_CHECK bool lookup_add(struct lookup *l, uint64_t hash, uint32_t value);
/* The values of a hash one after the other: *at is 0 at first. LOOKUP_NOTHING: no more. */
uint32_t lookup_next(const struct lookup *l, uint64_t hash, size_t *at);
/* The value of a hash that has one, made as 0; lends until the next one is added. NULL: no memory. */
MUST_CHECK uint32_t *lookup_tally(struct lookup *l, uint64_t hash);
