/* syslog_message.h - one record as a syslog message of RFC 5424, in the framing of RFC 6587 section
 * 3.4.1 (octet counting; RFC 5425 has the same) or 3.4.2 (a line feed behind each). Pure; any thread.
 *
 *   LENGTH <PRI>1 TIMESTAMP HOSTNAME APP-NAME - MSGID [penstock@PEN tenant="" category="" id=""] MSG
 *
 *   PRI        facility * 8 + the severity's number (security_severity_rows)
 *   TIMESTAMP  the event's own time with 6 digits of a second, with LEEF 3 (all that QRadar reads); '-' if
 *              the record tells none
 *   MSGID      the table, its first 32 characters; the whole category is among the structured data
 *   id         the record's identity (parcel_identity), the same when it is sent again
 *   MSG        the row as other destinations get it, byte for byte; or CEF, or LEEF. UTF-8 without the
 *              mark that RFC 5424 puts before UTF-8: parsers of JSON, CEF and LEEF trip over it */
#pragma once
#include "sink/security_text.h"

enum syslog_format { SYSLOG_JSON, SYSLOG_CEF, SYSLOG_LEEF };

struct syslog_style {
    enum syslog_format format;
    bool ends_in_newline; /* instead of the length before it */
    int facility;         /* 0 to 23 */
    unsigned long enterprise;
    const char *hostname, *app_name; /* as syslog_word_is allows; "" is written as '-' */
};

/* Room that the framing may need beside a message. */
enum { SYSLOG_FRAME_SIZE_MAX = 12, SYSLOG_HOSTNAME_MAX = 255, SYSLOG_APP_NAME_MAX = 48 };

/* Printable ASCII without blanks, 1 to 'size_max' characters. */
bool syslog_word_is(const char *text, size_t size_max);
/* "local0", "authpriv", or a number. False: no facility. */
bool syslog_facility_read(const char *text, int *facility);

/* Appends the message, framed. A line break in a row, which JSON allows between its tokens, is a blank
 * where it would end the message. 'message_max': bytes that it may have without the framing. False: it
 * is longer, or out has no room: then nothing was appended, and out->is_cut is as before (false). */
MUST_CHECK bool syslog_message_put(const struct syslog_style *style,
                                   const struct security_record *r, size_t message_max,
                                   struct text *out);
