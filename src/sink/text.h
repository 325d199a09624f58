/* text.h - a growing text, and bytes written into one as JSON or base64. Zeroed at first; the owner
 * frees 'p'. One thread. Private to the folder sink/. */
#pragma once
#include "base/base.h"

enum { TEXT_SIZE_MAX = 32 << 20 }; /* bytes; beyond, whatever adds says no */

struct text {
    char *p; /* NUL-terminated once something was added */
    size_t n, room;
};

/* Room for 'size' more bytes and a NUL. False: no memory, or it would have more than TEXT_SIZE_MAX;
 * the text is as it was. */
MUST_CHECK bool text_room(struct text *t, size_t size);
MUST_CHECK bool text_add(struct text *t, struct span s);
PRINTF_LIKE(2, 3) MUST_CHECK bool text_print(struct text *t, const char *format, ...);
/* As the contents of a JSON string; what is no UTF-8 becomes U+FFFD. */
MUST_CHECK bool text_escape(struct text *t, struct span s);
/* JSON as one line: line ends, which stand between its tokens only, become blanks. */
MUST_CHECK bool text_one_line(struct text *t, struct span json);
MUST_CHECK bool text_base64(struct text *t, struct span s);
/* Overwrites and frees. */
void text_wipe(struct text *t);

/* Bytes of the UTF-8 character that 's', not empty, begins with (RFC 3629); 0: it is none. */
size_t text_character(struct span s);
