/* datetime.h - ISO 8601 text to ticks and back; pure. Ticks are 100 ns since 0001-01-01T00:00:00Z
 * (base/clock.h). */
#pragma once
#include "base/base.h"
#include "base/clock.h"

enum { DATETIME_TEXT_SIZE = 28 }; /* "2026-09-14T08:07:45.2820995Z" */

/* Writes exactly DATETIME_TEXT_SIZE bytes, 7 fraction digits, no NUL (streaming-api.md section
 * 2.1). Ticks outside years 1 to 9999 are written as the nearest moment inside. */
void datetime_write(char out[DATETIME_TEXT_SIZE], int64_t ticks);

/* Reads YYYY-MM-DDThh:mm:ss[.f{1,9}][Z|±hh:mm] (a blank for T is fine; no zone means UTC; digits
 * beyond 7 are cut). False: it is not one, or the calendar has no such moment. */
MUST_CHECK bool datetime_read(struct span text, int64_t *ticks);

struct datetime_parts {
    int year, month, day, hour, minute, second, fraction; /* fraction in ticks */
};
struct datetime_parts datetime_split(int64_t ticks);
