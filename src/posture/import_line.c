/* import_line.c - a document as it is written: JSON text that grows in a buffer of fixed size. */
#include "posture/import_inner.h"

static void
put(struct line *l, const char *bytes, size_t n)
{
    if (l->is_full || n > l->room - l->size) {
        l->is_full = true;
        return;
    }
    memcpy(l->base + l->size, bytes, n);
    l->size += n;
}

void
import_line_raw(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

/* Size of the well-formed UTF-8 sequence at 'p' (RFC 3629); 0: there is none. */
static size_t
sequence(const unsigned char *p, size_t n)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t size;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        size = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        size = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        size = 4;
    else
        return 0;
    if (size > n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

static void
escaped(struct line *l, struct span text, size_t max)
{
    const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
    bool is_cut = text.n > max;
    const unsigned char *stop = is_cut ? p + max : end;

    while (p < end) {
        const unsigned char *plain = p;

        while (p < stop && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
            p++;
        put(l, (const char *)plain, (size_t)(p - plain));
        if (p == stop)
            break;

        size_t n = sequence(p, (size_t)(end - p));

        if (p + (n == 0 ? 1 : n) > stop)
            break;                  /* cut before a character, not inside */
        if (n == 0 || *p == '\0') { /* readers of JSON do not take \u0000 */
            put(l, "\xef\xbf\xbd", 3);
            n = 1;
        } else if (*p == '"' || *p == '\\') {
            put(l, (char[]){'\\', (char)*p}, 2);
        } else if (*p == '\n') {
            put(l, "\\n", 2);
        } else if (*p == '\t') {
            put(l, "\\t", 2);
        } else if (*p < 0x20 || *p == 0x7f) {
            char code[8];

            put(l, code, (size_t)snprintf(code, sizeof code, "\\u%04x", *p));
        } else {
            put(l, (const char *)p, n);
        }
        p += n;
    }
    if (is_cut)
        put(l, "...", 3);
}

static void
member(struct line *l, const char *key)
{
    if (l->needs_comma)
        put(l, ",", 1);
    l->needs_comma = true;
    if (key == NULL)
        return;
    put(l, "\"", 1);
    escaped(l, span_of(key), IMPORT_TEXT_MAX);
    put(l, "\":", 2);
}

void
import_line_open(struct line *l, const char *key, char bracket)
{
    member(l, key);
    put(l, &bracket, 1);
    l->needs_comma = false;
}

void
import_line_close(struct line *l, char bracket)
{
    put(l, &bracket, 1);
    l->needs_comma = true;
}

void
import_line_text(struct line *l, const char *key, struct span text, size_t max)
{
    if (text.n == 0)
        return;
    member(l, key);
    put(l, "\"", 1);
    escaped(l, text, max);
    put(l, "\"", 1);
}

void
import_line_string(struct line *l, const char *key, const char *text)
{
    if (text != NULL)
        import_line_text(l, key, span_of(text), IMPORT_TEXT_MAX);
}

void
import_line_bool(struct line *l, const char *key, bool value)
{
    member(l, key);
    import_line_raw(l, value ? "true" : "false");
}

void
import_line_json(struct line *l, const char *key, const char *json)
{
    member(l, key);
    import_line_raw(l, json);
}
