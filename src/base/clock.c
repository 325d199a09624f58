#include "base/clock.h"
#include <time.h>

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
