/* pace.h - how fast an export may send and how long it waits after a failure; pure: time and chance
 * are arguments. One thread. */
#pragma once
#include "base/base.h"

/* A limit in units per second. It may go into debt by one batch, which is then waited out, so that
 * batches larger than a second's worth pass too and the average holds. */
struct pace {
    uint64_t per_s; /* 0: no limit */
    int64_t level;  /* thousandths of a unit that may still go; negative: debt */
    int64_t at_ms;
};

static inline void
pace_init(struct pace *p, uint64_t per_s, int64_t now_ms)
{
    *p = (struct pace){per_s, per_s > INT64_MAX / 4000 ? INT64_MAX / 4 : (int64_t)per_s * 1000,
                       now_ms};
}

/* Milliseconds to wait before the next send; 0: go. */
int64_t pace_wait(struct pace *p, int64_t now_ms);
void pace_spend(struct pace *p, uint64_t units);

/* The wait before attempt n + 1 after n failures (n >= 1): doubles from min to max, and of that
 * between one half and all by 'chance' (any number), so that many exports do not come back at once.
 * A destination's own wish is kept when it is longer (but not beyond an hour). */
int64_t pace_backoff(unsigned failures, int64_t min_ms, int64_t max_ms, uint32_t chance,
                     int64_t wish_ms);
