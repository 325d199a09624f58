/* random.h - the numbers behind rand(), new_guid() and sample: xoshiro256**, seeded by whoever runs
 * a query, so that tests can choose. One thread uses one. Not for secrets. */
#pragma once
#include "base/base.h"

struct kql_random {
    uint64_t state[4]; /* not all zero */
};

/* splitmix64, as the authors of xoshiro advise for seeding. */
static inline void
kql_random_seed(struct kql_random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->state[i] = z ^ (z >> 31);
    }
}

static inline uint64_t
kql_random_next(struct kql_random *r)
{
    uint64_t *s = r->state, x = s[1] * 5, result = ((x << 7) | (x >> 57)) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* From 0 (included) to 1 (excluded). */
static inline double
kql_random_real(struct kql_random *r)
{
    return (double)(kql_random_next(r) >> 11) * 0x1p-53;
}
