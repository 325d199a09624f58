/* clock.h - the only place that asks the system what time it is. Everything else is handed a time,
 * so that tests can choose it. Any thread.
 *
 * Wall time is counted in ticks: 100 ns since 0001-01-01T00:00:00Z, the unit of KQL's datetime. */
#pragma once
#include <stdint.h>
#include <time.h>

#define TICKS_PER_SECOND INT64_C(10000000)
#define TICKS_PER_HOUR (INT64_C(3600) * TICKS_PER_SECOND)
#define TICKS_AT_UNIX_EPOCH INT64_C(621355968000000000)

/* Wall time now. It may jump when the clock is set: never measure durations with it. */
int64_t clock_ticks(void);

/* Milliseconds on a clock that only moves forward; for durations and deadlines. */
int64_t clock_monotonic_ms(void);

/* The moment so many milliseconds from now on CLOCK_MONOTONIC, as pthread_cond_timedwait and clock_nanosleep take
 * it. */
struct timespec clock_after_ms(int64_t ms);
