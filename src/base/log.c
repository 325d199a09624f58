#include "base/log.h"
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static _Atomic int lowest = LOG_INFO;

void
log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

static size_t
escape(char *to, size_t room, const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n + 7 < room; p++) {
        if (*p == '"' || *p == '\\') {
            to[n++] = '\\';
            to[n++] = (char)*p;
        } else if (*p < 0x20 || *p == 0x7f) {
            n += (size_t)snprintf(to + n, room - n, "\\u%04x", *p);
        } else {
            to[n++] = (char)*p;
        }
    }
    to[n] = '\0';
    return n;
}

void
log_line(enum log_level level, const char *part, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char text[2000], safe[4096], line[4400];
    struct timespec now;
    struct tm utc;
    va_list args;

    if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape(safe, sizeof safe, text);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    int n = snprintf(line, sizeof line,
                     "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\","
                     "\"part\":\"%s\",\"message\":\"%s\"}\n",
                     utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                     utc.tm_sec, now.tv_nsec / 1000000, names[level], part, safe);
    ssize_t written = write(STDERR_FILENO, line, (size_t)n);

    (void)written; /* a log that cannot be written has nowhere to say so */
}
