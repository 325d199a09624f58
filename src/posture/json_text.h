/* json_text.h - JSON as the bytes it came in: checked, hashed, looked into and put together again
 * without a tree, so that no number passes through a double and an unchanged report costs one pass.
 * Pure; any thread. */
#pragma once
#include "base/base.h"
#include "wire/json_walk.h"

enum { JSON_TEXT_DEPTH_MAX = 64 /* {} is 1 */ };

/* ---- writing: memory that grows; a failed growth is remembered, and told once at the end ---- */

struct text {
    char *p; /* NULL until something was written; not NUL-terminated */
    size_t n, room;
    bool is_short; /* no memory: what was written is not all */
};
void text_free(struct text *t); /* zeroed is fine, and what it leaves */
static inline void
text_reset(struct text *t)
{
    t->n = 0;
    t->is_short = false;
}
static inline struct span
text_span(const struct text *t)
{
    return (struct span){t->n > 0 ? t->p : "", t->n};
}
void text_add(struct text *t, struct span bytes);
void text_puts(struct text *t, const char *bytes);
PRINTF_LIKE(2, 3) void text_addf(struct text *t, const char *format, ...);
/* 'chars' as a JSON string with its quotes. */
void text_string(struct text *t, struct span chars);
/* A checked value without the white space between its tokens. */
void text_compact(struct text *t, struct span value);

/* ---- reading ---- */

/* One pass over one JSON value: RFC 8259 in full, UTF-8, depth. Yields its canonical hash: the same
 * for any order of members, white space and spelling of strings (numbers count as they are written).
 * 'skip': paths of members that do not count, "properties.timeGenerated", at most three deep; ends at
 * NULL, may be NULL. ST_INVALID: err names the byte. ST_FULL: no memory. */
MUST_CHECK enum status json_text_check(struct span text, const char *const *skip, uint64_t seed,
                                       uint64_t *hash, struct err *err);

/* All below want checked text. A value's span begins and ends with its first and last byte. */

/* A walk over an object or array (wire/json_walk.h); anything else has nothing in it. */
static inline struct json_walk
json_walk_begin(struct span container)
{
    struct json_walk w = {0};

    return json_walk_open(&w, container) ? w : (struct json_walk){0};
}

/* Value of a member, of several levels with dots ("properties.status.code"); {NULL, 0}: not there. The
 * first of several with one name; exact case. */
struct span json_at(struct span object, const char *path);
static inline bool
json_text_is_object(struct span value)
{
    return value.n > 0 && value.p[0] == '{';
}
static inline bool
json_text_is_array(struct span value)
{
    return value.n > 0 && value.p[0] == '[';
}
static inline bool
json_text_is_string(struct span value)
{
    return value.n > 0 && value.p[0] == '"';
}
static inline bool
json_text_is_number(struct span value)
{
    return value.n > 0 && (value.p[0] == '-' || (value.p[0] >= '0' && value.p[0] <= '9'));
}
/* Absent counts as null. */
static inline bool
json_text_is_null(struct span value)
{
    return value.n == 0 || value.p[0] == 'n';
}
/* The characters of a string value, decoded and added to 'out'; nothing for other kinds. A lone
 * surrogate becomes U+FFFD. */
void text_decode(struct text *out, struct span value);
/* Whether a string value's characters are these. */
bool json_string_is(struct span value, const char *chars);
/* Ignoring case of ASCII letters; index in a list that ends at NULL; -1: none of them. */
int json_string_among(struct span value, const char *const *list);
