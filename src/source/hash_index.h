/* hash_index.h - from a hash to the numbers of things that have it: open addressing, linear
 * probing, at most half full. Holds no keys: the caller compares. One thread at a time.
 *
 *   for (size_t at = hash_index_first(x, hash); hash_index_at(x, &at, hash, &number); at++)
 *       if (key_of(number) is the wanted one) ... */
#pragma once
#include "base/base.h"

struct hash_bucket {
    uint32_t hash, number; /* number + 1; 0: empty */
};
struct hash_index {
    struct hash_bucket *buckets; /* NULL until the first is put in */
    size_t mask, count;
};

/* Of any bytes; without the seed nobody can choose keys that collide. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t size);

void hash_index_free(struct hash_index *x);
/* Room for one more; false: no memory. */
MUST_CHECK bool hash_index_reserve(struct hash_index *x);
/* After a hash_index_reserve. */
void hash_index_put(struct hash_index *x, uint32_t hash, uint32_t number);
/* The pair must be there. */
void hash_index_remove(struct hash_index *x, uint32_t hash, uint32_t number);

static inline size_t
hash_index_first(const struct hash_index *x, uint32_t hash)
{
    return hash & x->mask;
}

/* The next number of this hash at or behind *at; false: there is none. */
static inline bool
hash_index_at(const struct hash_index *x, size_t *at, uint32_t hash, uint32_t *number)
{
    if (x->buckets == NULL)
        return false;
    for (;; (*at)++) {
        const struct hash_bucket *b = &x->buckets[*at & x->mask];

        if (b->number == 0)
            return false;
        if (b->hash == hash) {
            *number = b->number - 1;
            return true;
        }
    }
}
