#include "sensor/text.h"

void
text_add(struct text *t, struct span bytes)
{
    if (t->is_cut || bytes.n > t->room - t->n) {
        t->is_cut = true;
        return;
    }
    memcpy(t->p + t->n, bytes.p, bytes.n);
    t->n += bytes.n;
}

void
text_format(struct text *t, const char *format, ...)
{
    va_list args;

    if (t->is_cut)
        return;
    va_start(args, format);
    int n = vsnprintf(t->p + t->n, t->room - t->n, format, args);

    va_end(args);
    if (n < 0 || (size_t)n >= t->room - t->n) /* the NUL needs a byte as well */
        t->is_cut = true;
    else
        t->n += (size_t)n;
}

/* Size of the UTF-8 sequence at p (RFC 3629, table 3-7 of Unicode); if it is bad, *is_bad and the
 * size of its maximal part, at least 1. */
static size_t
sequence_size(const unsigned char *p, size_t n, bool *is_bad)
{
    unsigned char lead = p[0], low = 0x80, high = 0xbf;
    size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    *is_bad = size == 0 || lead > 0xf4;
    if (*is_bad || size == 1)
        return 1;
    if (lead == 0xe0)
        low = 0xa0; /* no overlong forms */
    else if (lead == 0xed)
        high = 0x9f; /* no surrogates */
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f; /* nothing above U+10FFFF */
    for (size_t i = 1; i < size; i++) {
        if (i == n || p[i] < low || p[i] > high) {
            *is_bad = true;
            return i;
        }
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

static void
add_escaped(struct text *t, unsigned char byte)
{
    static const char shorts[][2] = {
        {'"',  '"' },
        {'\\', '\\'},
        {'\n', 'n' },
        {'\t', 't' },
        {'\r', 'r' },
        {'\b', 'b' },
        {'\f', 'f' }
    };

    for (size_t i = 0; i < COUNT_OF(shorts); i++)
        if ((char)byte == shorts[i][0]) {
            text_add(t, (struct span){
                            (char[]){'\\', shorts[i][1]},
                            2
            });
            return;
        }
    text_format(t, "\\u%04x", byte);
}

void
text_add_string(struct text *t, struct span bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t start = t->n, plain = 0, i = 0;

    text_add(t, SPAN_LITERAL("\""));
    while (i < bytes.n && !t->is_cut) {
        bool is_bad = false;
        size_t size = sequence_size(p + i, bytes.n - i, &is_bad);

        if (!is_bad && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f) {
            i += size;
            continue;
        }
        text_add(t, (struct span){bytes.p + plain, i - plain});
        if (is_bad)
            text_add(t, SPAN_LITERAL("\xef\xbf\xbd"));
        else
            add_escaped(t, p[i]);
        i += size;
        plain = i;
    }
    if (i > plain)
        text_add(t, (struct span){bytes.p + plain, i - plain});
    text_add(t, SPAN_LITERAL("\""));
    if (t->is_cut)
        t->n = start;
}

size_t
text_size_within(struct span bytes, size_t size_max)
{
    if (bytes.n <= size_max)
        return bytes.n;
    for (size_t back = 0; back < 4 && back <= size_max; back++)
        if (((unsigned char)bytes.p[size_max - back] & 0xc0) !=
            0x80) /* one begins behind the cut */
            return size_max - back;
    return size_max; /* four continuation bytes in a row: no UTF-8 anyway */
}
