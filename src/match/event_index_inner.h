/* event_index_inner.h - how filters lie in the index. For event_index*.c only. */
#pragma once
#include "match/event_inner.h"
#include "match/lookup.h"

#define NOTHING LOOKUP_NOTHING

struct filter_link {
    uint32_t filter, next;
};
struct clause {
    const struct rule_set *set; /* NULL: always true */
    uint32_t bucket, next;      /* of the bucket's clauses without anchor */
    uint32_t filters;           /* first link */
};
/* Anchors of one path that are found in one way. */
struct probe {
    uint32_t path, window; /* bytes; 0: the whole value */
    uint32_t count;        /* clauses that are found here */
    uint64_t *sieve;       /* a bit per hash, of windows only: most places are settled here */
    uint64_t sieve_mask;
    uint32_t next;
};
struct anchor_path {
    const struct rule_path *path;
    uint32_t bucket, probes, next;
};
struct bucket {
    struct span scope; /* lower-case */
    enum event_source source;
    uint32_t plain, paths;
};

struct event_index {
    const struct event_filter **filters;
    size_t count;
    struct lookup bucket_of, anchor_of;
    struct bucket *buckets;
    struct clause *clauses;
    struct filter_link *links;
    struct anchor_path *paths;
    struct probe *probes;
    size_t bucket_count, bucket_room, clause_count, clause_room, link_count, link_room, path_count,
        path_room, probe_count, probe_room;
};

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 29;
}

static inline unsigned char
fold(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? u | 0x20 : u;
}

#define BASE UINT64_C(0x100000001b3)

/* Of all bytes without case; what a window's rolling hash is, too. */
static inline uint64_t
hash_text(struct span text)
{
    uint64_t h = 0;

    for (size_t i = 0; i < text.n; i++)
        h = h * BASE + fold(text.p[i]) + 1;
    return h;
}

/* The bucket of a source and scope (any case); NOTHING: there is none. */
uint32_t event_index_bucket(const struct event_index *x, enum event_source source,
                            struct span scope);
uint64_t event_index_bucket_hash(enum event_source source, struct span scope);
/* "/subscriptions/S" of a scope or any id below it. */
struct span event_index_subscription(struct span id);
