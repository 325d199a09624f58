/* text_set.h - what text_set.c and text_avx2.c share. Not for others. */
#pragma once
#include "kql/text_inner.h"
#include <stdlib.h>

enum { TEXT_SET_ALL_MAX = 1024, TEXT_UNICODE_HEADS = 256 };

struct kql_search_set {
    uint8_t kind;
    bool all_start_terms; /* every needle of bytes begins with a term, which must begin there */
    uint8_t key_sizes;    /* bit n: there are keys of n bytes */
    uint32_t count, empty_count, byte_count, unicode_count;
    const struct kql_search *searches;
    uint32_t folds[5]; /* or-ed to keys of n bytes: 0x20 in each byte if case does not count */
    uint32_t masks[5]; /* the first n bytes of a word */
    uint32_t *heads;   /* 1 + index of a chain's first needle; 0: none */
    uint32_t head_mask;
    uint32_t *next;
    uint32_t *keys;
    uint32_t unicode_heads[TEXT_UNICODE_HEADS];
    bool may_begin[256];
    uint8_t low[4][16], high[4][16]; /* bit: group of needles; by a byte's halves */
};

struct text_hunt {
    const struct kql_search_set *set;
    struct span text;
    uint64_t *found;   /* a bit per needle; NULL: the first is enough */
    uint32_t left;     /* needles still to be found */
    struct pool *pool; /* whose deadline counts; NULL: none */
    size_t work;       /* since it was looked at */
};

static inline void
text_hunt_works(struct text_hunt *h, size_t work)
{
    if ((h->work += work) < 1u << 20)
        return;
    h->work = 0;
    if (h->pool != NULL)
        pool_check(h->pool);
}

static inline bool /* enough is found */
text_hunt_found(struct text_hunt *h, uint32_t i)
{
    if (h->found != NULL) {
        if ((h->found[i / 64] >> i % 64 & 1) != 0)
            return false;
        h->found[i / 64] |= UINT64_C(1) << i % 64;
    }
    return --h->left == 0;
}

static inline uint32_t /* the first 'size' bytes, 1 to 4 */
text_key(const uint8_t *p, uint32_t size)
{
    uint32_t key = 0;

    memcpy(&key, p, size);
    return key;
}

static inline uint32_t
text_key_hash(uint32_t key, uint32_t size)
{
    uint32_t hash = (key + size) * 0x9e3779b1u;

    return hash >> 12 ^ hash >> 24;
}

static inline uint32_t
text_unicode_hash(int32_t c)
{
    return ((uint32_t)c ^ (uint32_t)c >> 8) % TEXT_UNICODE_HEADS;
}

/* Looks the place up; true: enough is found. */
bool text_set_hunt(struct text_hunt *h, size_t at);
/* All places; true: enough is found. */
bool text_plain_set(struct text_hunt *h);
bool text_avx2_set(struct text_hunt *h);
/* Whether the needle stands at 'at', folded; *end is then behind it. */
bool text_folds_alike(struct span needle, struct span text, size_t at, size_t *end);
