/* log.h - one JSON object a line on standard error. Libraries never log: the loop that owns the
 * thing logs once. Any thread; each line is one write. */
#pragma once
#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What is below 'level' is not written. Set once at start and by reload. */
void log_set_level(enum log_level level);

/* {"time":"…","level":"info","part":"deliver","message":"…"}; 'part' is the folder's name. The text
 * is escaped here and cut at 2000 bytes. Never pass it a secret or a whole record. */
PRINTF_LIKE(3, 4) void log_line(enum log_level level, const char *part, const char *format, ...);
