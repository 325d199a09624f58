/* unicode.c - code points, their case and their kind.
 *
 * Text is UTF-8 (what comes in has been checked). Of bytes that are not UTF-8 only this holds:
 * nothing breaks, each is one U+FFFD, and none is a term character.
 *
 * Case is ignored as .NET's OrdinalIgnoreCase does, on which the service was built: code points are
 * alike when their simple upper-case forms are the same, where dotless i (U+0131) and long s
 * (U+017F) have none. So what is not ASCII never equals an ASCII letter: neither the Kelvin sign k,
 * nor long s s; and an ASCII needle need not look at anything but ASCII bytes. */
#include "base/utf8.h"
#include "kql/text_inner.h"
#include <utf8proc.h>

enum { REPLACEMENT = 0xfffd };

int32_t
kql_code_point(struct span text, size_t *at)
{
    const uint8_t *p = (const uint8_t *)text.p + *at;
    size_t left = text.n - *at;
    uint32_t c = p[0];

    if (c < 0x80) {
        *at += 1;
        return (int32_t)c;
    }
    if (c >= 0xc2 && c < 0xe0 && left >= 2 && (p[1] & 0xc0) == 0x80) {
        *at += 2;
        return (int32_t)((c & 0x1f) << 6 | (p[1] & 0x3fu));
    }
    if (c >= 0xe0 && c < 0xf0 && left >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        c = (c & 0x0f) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
        if (c >= 0x800 && (c < 0xd800 || c > 0xdfff)) {
            *at += 3;
            return (int32_t)c;
        }
    } else if (c >= 0xf0 && c < 0xf5 && left >= 4 && (p[1] & 0xc0) == 0x80 &&
               (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80) {
        c = (c & 0x07) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
        if (c >= 0x10000 && c <= 0x10ffff) {
            *at += 4;
            return (int32_t)c;
        }
    }
    *at += 1;
    return REPLACEMENT;
}

bool
text_is_utf8(struct span text)
{
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;

        if (kql_code_point(text, &at) == REPLACEMENT && at - begin == 1)
            return false;
    }
    return true;
}

size_t
kql_code_point_print(int32_t code_point, char out[4])
{
    uint32_t c = (uint32_t)code_point;

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = REPLACEMENT;
    return utf8_put(c, out);
}

bool
kql_is_term_character(int32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 0 && text_term_bytes[code_point] == 1;
    switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
        return true;
    default:
        return false;
    }
}

bool
text_term_after(struct span text, size_t at)
{
    return kql_is_term_character(kql_code_point(text, &at));
}

size_t
text_step_back(struct span text, size_t at)
{
    size_t begin = at - 1, end;

    while (begin > 0 && at - begin < 4 && ((uint8_t)text.p[begin] & 0xc0) == 0x80)
        begin--;
    end = begin;
    kql_code_point(text, &end);
    return end == at ? begin : at - 1; /* else a stray byte */
}

bool
text_term_before(struct span text, size_t at)
{
    return text_term_after(text, text_step_back(text, at));
}

/* ---- Case ---- */

/* Code points that are not the lower case of what they fold to. Made from utf8proc 2.8; the test
 * walks all code points. */
static const struct {
    int32_t form, folded;
} odd_forms[] = {
    {0x00B5, 0x039C},
    {0x01C5, 0x01C4},
    {0x01C8, 0x01C7},
    {0x01CB, 0x01CA},
    {0x01F2, 0x01F1},
    {0x0345, 0x0399},
    {0x03C2, 0x03A3},
    {0x03D0, 0x0392},
    {0x03D1, 0x0398},
    {0x03D5, 0x03A6},
    {0x03D6, 0x03A0},
    {0x03F0, 0x039A},
    {0x03F1, 0x03A1},
    {0x03F5, 0x0395},
    {0x1C80, 0x0412},
    {0x1C81, 0x0414},
    {0x1C82, 0x041E},
    {0x1C83, 0x0421},
    {0x1C84, 0x0422},
    {0x1C85, 0x0422},
    {0x1C86, 0x042A},
    {0x1C87, 0x0462},
    {0x1C88, 0xA64A},
    {0x1E9B, 0x1E60},
    {0x1FBE, 0x0399},
};

int32_t
text_fold(int32_t code_point)
{
    int32_t upper;

    if (code_point < 0x80)
        return code_point >= 'a' && code_point <= 'z' ? code_point - 0x20 : code_point;
    if (code_point == 0x131 || code_point == 0x17f || code_point == 0xdf)
        return code_point;
    upper = utf8proc_toupper(code_point);
    return upper < 0x80 ? code_point : upper;
}

uint32_t
text_fold_forms(int32_t code_point, int32_t forms[6])
{
    int32_t folded = text_fold(code_point), lower = utf8proc_tolower(folded);
    uint32_t count = 0;

    forms[count++] = folded;
    if (lower != folded && text_fold(lower) == folded)
        forms[count++] = lower;
    for (size_t i = 0; i < COUNT_OF(odd_forms); i++)
        if (odd_forms[i].folded == folded && count < 6)
            forms[count++] = odd_forms[i].form;
    return count;
}

/* tolower and toupper: simple mappings, as .NET's invariant culture has them. */
static int32_t
lower_of(int32_t c)
{
    return c == 0x130 ? c : utf8proc_tolower(c);
}

static int32_t
upper_of(int32_t c)
{
    return c == 0x131 || c == 0xdf ? c : utf8proc_toupper(c);
}

/* Text in which 'change' is applied to every code point; ASCII by adding 'shift' to what lies from
 * 'first' on, 26 letters. */
static struct span
change_case(struct pool *p, struct span text, uint8_t first, uint8_t shift,
            int32_t (*change)(int32_t))
{
    uint8_t high = 0;
    char *out;
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        high |= (uint8_t)text.p[i];
    if (high < 0x80) {
        out = pool_take(p, text.n + 1);
        for (size_t i = 0; i < text.n; i++) {
            uint8_t c = (uint8_t)text.p[i];

            out[i] = (char)((uint8_t)(c - first) < 26 ? (uint8_t)(c + shift) : c);
        }
        return (struct span){out, text.n};
    }
    /* Two bytes can become three, never more. */
    out = pool_take(p, text.n + text.n / 2 + 4);
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        int32_t c = kql_code_point(text, &i);

        if (c == REPLACEMENT) { /* bytes that are no text stay as they are */
            memcpy(out + n, text.p + from, i - from);
            n += i - from;
        } else
            n += kql_code_point_print(change(c), out + n);
    }
    return (struct span){out, n};
}

struct span
kql_lower(struct pool *p, struct span text)
{
    return change_case(p, text, 'A', 0x20, lower_of);
}

struct span
kql_upper(struct pool *p, struct span text)
{
    return change_case(p, text, 'a', (uint8_t)-0x20, upper_of);
}

/* ---- Lengths ---- */

/* Counts the bytes that begin a code point; the compiler makes vector code of it. */
size_t
kql_text_length(struct span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.n; i++)
        count += ((uint8_t)text.p[i] & 0xc0) != 0x80;
    return count;
}

size_t
kql_text_offset(struct span text, size_t n)
{
    size_t at = 0;

    while (n > 0 && text.n - at >= 64) { /* blocks first */
        size_t count = kql_text_length((struct span){text.p + at, 64});

        if (count >= n)
            break;
        n -= count;
        at += 64;
    }
    while (at < text.n) {
        if (((uint8_t)text.p[at] & 0xc0) != 0x80 && n-- == 0)
            break;
        at++;
    }
    return at;
}

int
kql_compare_ci(struct span a, struct span b)
{
    size_t i = 0, j = 0;

    while (i < a.n && j < b.n) {
        int32_t x = text_fold(kql_code_point(a, &i)), y = text_fold(kql_code_point(b, &j));

        if (x != y)
            return x < y ? -1 : 1;
    }
    return i < a.n ? 1 : j < b.n ? -1 : 0;
}
