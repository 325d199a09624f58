/* text.h - bytes into JSON text. What the kernel hands out (file names, command lines) is any bytes
 * at all; what leaves is valid JSON in valid UTF-8. Pure; one thread. */
#pragma once
#include "base/base.h"

struct text { /* grows behind 'p'; once something did not fit nothing more is added */
    char *p;
    size_t n, room; /* bytes */
    bool is_cut;
};

void text_add(struct text *t, struct span bytes);
PRINTF_LIKE(2, 3) void text_format(struct text *t, const char *format, ...);

/* A quoted JSON string. Control characters (DEL too) are escaped; each maximal part of a bad UTF-8
 * sequence becomes one U+FFFD, as WHATWG's decoder does. A string that does not fit whole is left
 * out whole and sets is_cut. */
void text_add_string(struct text *t, struct span bytes);

/* The largest size <= 'size_max' that does not cut a UTF-8 sequence of 'bytes' in two. */
size_t text_size_within(struct span bytes, size_t size_max);
