/* pattern.h - texts of settings with parts of a lane in them: index names, source types. Pure.
 * Private to the folder sink/.
 *
 *   {category} {table} {tenant}   of the lane
 *   {date}                        the row's day, 2026.09.14 */
#pragma once
#include "sink/buffer.h"
#include "sink/sink.h"

/* ST_INVALID: something else stands in braces. 'place': "elastic: index", for the error. */
MUST_CHECK enum status pattern_check(const char *pattern, const char *place, struct err *err);
/* Adds it to 'out'; 'ticks' is the row's time. */
MUST_CHECK bool pattern_write(const char *pattern, const struct lane *lane, int64_t ticks,
                              struct buffer *out);

/* A row's time: the first of its members time, @timestamp, Timestamp, TimeGenerated and
 * properties.timeGenerated (case ignored) that is a time; else 'now'. Ticks. */
int64_t row_time(struct span row, int64_t now);
