/* buffer.h - a growing text, and bytes written into one as JSON or base64. Zeroed at first; the owner
 * frees 'p'. One thread. Private to the folder sink/. */
#pragma once
#include "base/base.h"

enum { BUFFER_SIZE_MAX = 32 << 20 }; /* bytes; beyond, whatever adds says no */

struct buffer {
    char *p; /* NUL-terminated once something was added */
    size_t n, room;
};

/* Room for 'size' more bytes and a NUL. False: no memory, or it would have more than BUFFER_SIZE_MAX;
 * the text is as it was. */
MUST_CHECK bool buffer_room(struct buffer *t, size_t size);
MUST_CHECK bool buffer_add(struct buffer *t, struct span s);
PRINTF_LIKE(2, 3) MUST_CHECK bool buffer_print(struct buffer *t, const char *format, ...);
/* As the contents of a JSON string; what is no UTF-8 becomes U+FFFD. */
MUST_CHECK bool buffer_escape(struct buffer *t, struct span s);
/* JSON as one line: line ends, which stand between its tokens only, become blanks. */
MUST_CHECK bool buffer_one_line(struct buffer *t, struct span json);
MUST_CHECK bool buffer_base64(struct buffer *t, struct span s);
/* Overwrites and frees. */
void buffer_wipe(struct buffer *t);

/* Bytes of the UTF-8 character that 's', not empty, begins with (RFC 3629); 0: it is none. */
size_t buffer_character(struct span s);
