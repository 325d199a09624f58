#include "deliver/pace.h"

enum { WISH_MS_MAX = 3600 * 1000 };

int64_t
pace_wait(struct pace *p, int64_t now_ms)
{
    if (p->per_s == 0)
        return 0;
    uint64_t per_s = p->per_s > INT64_MAX / 4000 ? INT64_MAX / 4000 : p->per_s;
    int64_t full = (int64_t)per_s * 1000;
    int64_t passed = now_ms > p->at_ms ? now_ms - p->at_ms : 0;

    if (passed > 60000)
        passed = 60000; /* enough to fill it from any debt of a minute */
    if (p->level < full) {
        int64_t gained = full / 1000 * passed;

        p->level = gained > full - p->level ? full : p->level + gained;
    }
    p->at_ms = now_ms;
    if (p->level > 0)
        return 0;
    return -p->level / (int64_t)per_s + 1;
}

void
pace_spend(struct pace *p, uint64_t units)
{
    if (p->per_s == 0)
        return;
    int64_t cost = units > INT64_MAX / 4000 ? INT64_MAX / 4 : (int64_t)units * 1000;

    p->level = p->level < INT64_MIN / 4 + cost ? INT64_MIN / 4 : p->level - cost;
}

int64_t
pace_backoff(unsigned failures, int64_t min_ms, int64_t max_ms, uint32_t chance, int64_t wish_ms)
{
    int64_t wait = min_ms;

    for (unsigned i = 1; i < failures && wait < max_ms; i++)
        wait *= 2;
    if (wait > max_ms)
        wait = max_ms;
    wait = wait / 2 + (int64_t)(chance % (uint32_t)(wait / 2 + 1));
    if (wish_ms > WISH_MS_MAX)
        wish_ms = WISH_MS_MAX;
    return wish_ms > wait ? wish_ms : wait;
}
