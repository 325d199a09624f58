/* utf8.h - a code point as UTF-8 bytes. Pure; any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* 'code_point': 0 to 0x10ffff and no surrogate; what stands for those is the caller's choice.
 * Gives the size written, 1 to 4. */
static inline size_t
utf8_put(uint32_t code_point, char out[4])
{
    uint32_t c = code_point;

    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}
