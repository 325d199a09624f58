/* unescape.h - JSON string text to the bytes it stands for, for the few values that admission must
 * understand (keys with escapes, device names). The text has passed the scanner. Pure. */
#pragma once
#include "base/base.h"

/* Decodes what stands between a string's quotes. Writes at most 'room' bytes; a character that does
 * not fit whole is left out with all behind it and *is_cut is set (may be NULL). A lone surrogate,
 * which no UTF-8 can hold, becomes U+FFFD. Returns the size written. */
size_t unescape(struct span text, char *out, size_t room, bool *is_cut);
