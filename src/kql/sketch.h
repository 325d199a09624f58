/* sketch.h - summaries of many values in bounded memory: how many are different (hll) and how they
 * are distributed (digest), and their form as dynamic values, which queries keep and merge.
 *
 * Both are exact for few values: an hll up to HLL_EXACT_MAX different ones, a digest up to
 * DIGEST_EXACT_MAX. Everything lives in the pool they are given. Pure; one thread. */
#pragma once
#include "kql/value.h"

/* ---- different values ----
 * As a dynamic value: [[1024, 14], ["hash", ...], []] while exact, then [[1024, 14], [], ["text"]]:
 * the registers, a character of the alphabet A-Z a-z 0-9 + / each. */

enum { HLL_EXACT_MAX = 1024, HLL_BITS_MIN = 4, HLL_BITS_MAX = 18 };

struct hll { /* zeroed: empty, of no accuracy yet */
    uint8_t bits;
    uint32_t count; /* of hashes, while exact */
    uint32_t slot_count;
    uint64_t *slots;    /* hashes, open addressing; 0: free */
    uint8_t *registers; /* 1 << bits of them; NULL: exact so far */
};

/* The bits that an accuracy of 0 to 4 stands for; 0: there is no such accuracy. */
uint8_t hll_bits(int64_t accuracy);
/* h->bits must be set. */
void hll_add(struct pool *p, struct hll *h, uint64_t hash);
/* What hll_value() gave, put into 'h'; an empty one of no accuracy takes that of 'v'. Otherwise, with
 * 'h' as before: 'v' is no such value, or one of another accuracy. */
enum sketch_merge { SKETCH_MERGED, SKETCH_NONE, SKETCH_DIFFERS };
MUST_CHECK enum sketch_merge hll_merge(struct pool *p, struct hll *h, const struct kql_value *v);
/* The same of another one, which is done with. */
MUST_CHECK enum sketch_merge hll_absorb(struct pool *p, struct hll *h, const struct hll *other);
int64_t hll_count(const struct hll *h);
struct kql_value hll_value(struct pool *p, const struct hll *h);

/* ---- a distribution ----
 * As a dynamic value: [["long"], [value, ...], [weight, ...]] in rising order; the first array also
 * holds "approximate" when close values were put together. Datetimes and timespans are ticks. */

enum { DIGEST_EXACT_MAX = 4096 };

struct digest {   /* zeroed: empty, of no type yet */
    uint8_t type; /* INT, LONG, REAL, DATETIME, TIMESPAN */
    bool is_sorted, is_approximate;
    int64_t weight; /* of all */
    struct digest_item {
        union {
            int64_t whole;
            double real;
        };
        int64_t weight;
    } * items;
    size_t count, room;
};

/* A number, datetime or timespan; nothing happens for others, nulls, and weights below 1. */
void digest_add(struct pool *p, struct digest *d, const struct kql_value *v, int64_t weight);
/* What digest_value() gave, put into 'd'. Otherwise, with 'd' as before: 'v' is no such value, or one
 * of a type that has nothing in common with that of 'd'. */
MUST_CHECK enum sketch_merge digest_merge(struct pool *p, struct digest *d,
                                          const struct kql_value *v);
/* The same of another one, which is done with. */
MUST_CHECK enum sketch_merge digest_absorb(struct pool *p, struct digest *d,
                                           const struct digest *other);
/* By nearest rank; null of none. */
struct kql_value digest_percentile(struct digest *d, double percent);
/* How many values are not above 'v'; NaN: 'v' cannot be compared with them. */
double digest_rank(struct digest *d, const struct kql_value *v);
struct kql_value digest_value(struct pool *p, struct digest *d);
