#include "sink/syslog_message.h"
#include "model/datetime.h"
#include <assert.h>
#include <stdlib.h>

enum { MSGID_MAX = 32 };

static const char *const facilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7",
};

bool
syslog_facility_read(const char *text, int *facility)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*end == '\0' && end != text && number >= 0 && number < (long)COUNT_OF(facilities)) {
        *facility = (int)number;
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(facilities); i++)
        if (strcmp(facilities[i], text) == 0) {
            *facility = (int)i;
            return true;
        }
    return false;
}

bool
syslog_word_is(const char *text, size_t size_max)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return n > 0 && n <= size_max;
}

static void
put_word(struct text *out, const char *text, size_t size_max)
{
    char room[SYSLOG_HOSTNAME_MAX];
    size_t n = strlen(text);

    assert(size_max <= sizeof room);
    n = n < size_max ? n : size_max;
    for (size_t i = 0; i < n; i++)
        room[i] = (char)(text[i] <= ' ' || text[i] > '~' ? '_' : text[i]);
    text_put(out, n > 0 ? (struct span){room, n} : SPAN_LITERAL("-"));
    text_put(out, SPAN_LITERAL(" "));
}

static void
put_time(struct text *out, struct span time, size_t digits)
{
    char text[DATETIME_TEXT_SIZE];
    int64_t ticks;

    if (time.n == 0 || !datetime_read(time, &ticks)) {
        text_put(out, SPAN_LITERAL("- "));
        return;
    }
    datetime_write(text, ticks); /* 7 digits and Z; RFC 5424 allows 6 */
    text_put(out, (struct span){text, 20 + digits});
    text_put(out, SPAN_LITERAL("Z "));
}

/* RFC 5424 section 6.3.3 */
static void
put_parameter(struct text *out, const char *name, const char *value)
{
    text_format(out, " %s=\"", name);
    for (; *value != '\0'; value++) {
        if (strchr("\"\\]", *value) != NULL)
            text_put(out, SPAN_LITERAL("\\"));
        text_put(out, (struct span){value, 1});
    }
    text_put(out, SPAN_LITERAL("\""));
}

static void
message_put(const struct syslog_style *style, const struct security_record *r, struct text *out)
{
    const char *table = r->lane->table[0] != '\0' ? r->lane->table : r->lane->category;

    text_format(out, "<%d>1 ", style->facility * 8 + security_severity_rows[r->severity].syslog);
    put_time(out, r->time, style->format == SYSLOG_LEEF ? 3 : 6);
    put_word(out, style->hostname, SYSLOG_HOSTNAME_MAX);
    put_word(out, style->app_name, SYSLOG_APP_NAME_MAX);
    text_put(out, SPAN_LITERAL("- "));
    put_word(out, table, MSGID_MAX);
    text_format(out, "[penstock@%lu", style->enterprise);
    put_parameter(out, "tenant", r->lane->tenant);
    put_parameter(out, "category", r->lane->category);
    put_parameter(out, "id", r->id);
    text_put(out, SPAN_LITERAL("] "));
    if (style->format == SYSLOG_JSON)
        text_put(out, r->row);
    else if (style->format == SYSLOG_CEF)
        cef_write(r, out);
    else
        leef_write(r, out);
}

/* The framing of 'message', which lies SYSLOG_FRAME_SIZE_MAX behind out's end. */
static void
frame(const struct syslog_style *style, const struct text *message, struct text *out)
{
    char count[SYSLOG_FRAME_SIZE_MAX + 1];
    int n = style->ends_in_newline ? 0 : snprintf(count, sizeof count, "%zu ", message->n);
    char *at = out->p + out->n, *end;

    assert(n >= 0 && n <= SYSLOG_FRAME_SIZE_MAX);
    memcpy(at, count, (size_t)n);
    memmove(at + n, message->p, message->n);
    out->n += (size_t)n + message->n;
    if (!style->ends_in_newline)
        return;
    end = out->p + out->n;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL)
        *at = ' ';
    *end = '\n';
    out->n++;
}

bool
syslog_message_put(const struct syslog_style *style, const struct security_record *r,
                   size_t message_max, struct text *out)
{
    struct text message;

    if (out->room - out->n < SYSLOG_FRAME_SIZE_MAX)
        return false;
    message = (struct text){
        .p = out->p + out->n + SYSLOG_FRAME_SIZE_MAX,
        .room = out->room - out->n - SYSLOG_FRAME_SIZE_MAX,
    };
    if (message.room > message_max)
        message.room = message_max;
    message_put(style, r, &message);
    if (message.is_cut)
        return false;
    frame(style, &message, out);
    return true;
}
