#include "base/clock.h"

int64_t
clock_ticks(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return TICKS_AT_UNIX_EPOCH + (int64_t)t.tv_sec * TICKS_PER_SECOND + t.tv_nsec / 100;
}

int64_t
clock_monotonic_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct timespec
clock_after_ms(int64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}
