/* security_text.h - a record as one line of CEF or LEEF, by the tables of security_map.c. Pure; any
 * thread. Lines hold no line break and no NUL, whatever the record holds. */
#pragma once
#include "sink/security_record.h"

/* Text being written into room that somebody else owns. What does not fit is not written, nor is
 * anything after it; is_cut then says so. */
struct text {
    char *p;
    size_t n, room; /* bytes written, and that there is room for */
    bool is_cut;
};
void text_put(struct text *t, struct span bytes);
PRINTF_LIKE(2, 3) void text_format(struct text *t, const char *format, ...);

/* Escapes 'bytes' for its place and puts them. */
typedef void (*text_escape_fn)(struct text *t, struct span bytes);

/* CEF:0|vendor|product|version|event|title|severity|extension
 *
 * In the header '|' and '\' have a backslash before them, and a line break is a blank. In the
 * extension '=' and '\' have one, and line breaks are \n and \r. The severity is the score of
 * security_severity_rows. Vendor and product fall back to penstock, the event to the table and the
 * title to the category; the version is ours. */
void cef_write(const struct security_record *r, struct text *out);

/* LEEF:2.0|vendor|product|version|event|x09|attributes, with a tab between attributes
 *
 * LEEF knows no escapes: in the header '|' becomes '/' and line breaks and tabs blanks; in a value they
 * become \n, \r and \t. The title is the attribute 'name', the severity 'sev' (left out if there is
 * none, for its least is 1). */
void leef_write(const struct security_record *r, struct text *out);

/* What both share. */
/* Puts the value of a field or of a part of the header through 'escape', in its form. False: there is
 * none, and nothing was put. */
bool security_put(const struct security_record *r, const char *from, enum security_form form,
                  text_escape_fn escape, struct text *out);
/* Whether security_put would put something, and for an address its family (4 or 6, else 0). */
bool security_has(const struct security_record *r, const char *from, enum security_form form,
                  int *family);
