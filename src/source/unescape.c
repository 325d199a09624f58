#include "source/unescape.h"
#include "base/utf8.h"

static unsigned
hex4(const char *p)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];

        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The character of the \u escape at p (its backslash); *used: bytes of text, both halves of a
 * pair. */
static unsigned
unicode(const char *p, const char *end, size_t *used)
{
    unsigned c = end - p >= 6 ? hex4(p + 2) : 0xfffd;

    *used = end - p >= 6 ? 6 : (size_t)(end - p);
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        unsigned low = hex4(p + 8);

        if (low >= 0xdc00 && low < 0xe000) {
            *used = 12;
            return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
}

/* Bytes of the UTF-8 character that starts with 'lead'. */
static size_t
utf8_size(unsigned char lead)
{
    return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static unsigned
short_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return (unsigned char)c;
    }
}

size_t
unescape(struct span text, char *out, size_t room, bool *is_cut)
{
    const char *p = text.p, *end = text.p + text.n;
    size_t size = 0;

    if (is_cut != NULL)
        *is_cut = false;
    while (p < end) {
        char piece[4];
        size_t used, n;

        if (*p != '\\' || end - p < 2) {
            n = utf8_size((unsigned char)*p);
            if (n > (size_t)(end - p))
                n = (size_t)(end - p);
            memcpy(piece, p, n);
            used = n;
        } else if (p[1] == 'u') {
            n = utf8_put(unicode(p, end, &used), piece);
        } else {
            n = utf8_put(short_escape(p[1]), piece);
            used = 2;
        }
        if (n > room - size) {
            if (is_cut != NULL)
                *is_cut = true;
            break;
        }
        memcpy(out + size, piece, n);
        size += n;
        p += used;
    }
    return size;
}
