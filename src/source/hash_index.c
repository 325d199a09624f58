#include "source/hash_index.h"
#include <assert.h>
#include <stdlib.h>

enum { BUCKETS_FIRST = 64 };

__extension__ typedef unsigned __int128 uint128;

/* The two halves of a product, folded: every bit of both factors reaches every bit of the result
 * (as in wyhash). */
static inline uint64_t
mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
load(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t
hash_bytes(uint64_t seed, const void *data, size_t size)
{
    static const uint64_t k1 = UINT64_C(0xa0761d6478bd642f), k2 = UINT64_C(0xe7037ed1a0b428db);
    const char *p = data;
    size_t n = size;
    uint64_t h = seed ^ k1;

    for (; n > 16; n -= 16, p += 16)
        h = mix(load(p) ^ k2, load(p + 8) ^ h);
    char tail[16] = {0};

    if (n > 0)
        memcpy(tail, p, n);
    h = mix(load(tail) ^ k2, load(tail + 8) ^ h);
    return mix(h ^ k1, size ^ k2);
}

void
hash_index_free(struct hash_index *x)
{
    free(x->buckets);
    *x = (struct hash_index){0};
}

static void
put(struct hash_bucket *buckets, size_t mask, struct hash_bucket b)
{
    size_t at = b.hash & mask;

    while (buckets[at].number != 0)
        at = (at + 1) & mask;
    buckets[at] = b;
}

bool
hash_index_reserve(struct hash_index *x)
{
    size_t room = x->buckets == NULL ? 0 : x->mask + 1,
           wanted = room == 0 ? BUCKETS_FIRST : room * 2;
    struct hash_bucket *larger;

    if (2 * (x->count + 1) <= room)
        return true;
    larger = calloc(wanted, sizeof *larger);
    if (larger == NULL)
        return false;
    for (size_t i = 0; i < room; i++)
        if (x->buckets[i].number != 0)
            put(larger, wanted - 1, x->buckets[i]);
    free(x->buckets);
    x->buckets = larger;
    x->mask = wanted - 1;
    return true;
}

void
hash_index_put(struct hash_index *x, uint32_t hash, uint32_t number)
{
    assert(x->buckets != NULL && 2 * (x->count + 1) <= x->mask + 1);
    put(x->buckets, x->mask, (struct hash_bucket){hash, number + 1});
    x->count++;
}

/* What stands behind the hole moves into it unless it already is at or behind its own place. */
void
hash_index_remove(struct hash_index *x, uint32_t hash, uint32_t number)
{
    size_t hole = hash & x->mask, at;

    while (x->buckets[hole].hash != hash || x->buckets[hole].number != number + 1) {
        assert(x->buckets[hole].number != 0);
        hole = (hole + 1) & x->mask;
    }
    for (at = (hole + 1) & x->mask; x->buckets[at].number != 0; at = (at + 1) & x->mask) {
        size_t home = x->buckets[at].hash & x->mask;

        if (((at - home) & x->mask) < ((at - hole) & x->mask))
            continue;
        x->buckets[hole] = x->buckets[at];
        hole = at;
    }
    x->buckets[hole] = (struct hash_bucket){0, 0};
    x->count--;
}
