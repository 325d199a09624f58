#include "sink/buffer.h"
#include "base/utf8.h"
#include <stdlib.h>

bool
buffer_room(struct buffer *t, size_t size)
{
    size_t room = t->room < 256 ? 256 : t->room;
    char *larger;

    if (size > BUFFER_SIZE_MAX || t->n + size > BUFFER_SIZE_MAX)
        return false;
    if (t->n + size < t->room)
        return true;
    while (room <= t->n + size)
        room *= 2;
    larger = realloc(t->p, room);
    if (larger == NULL)
        return false;
    t->p = larger;
    t->room = room;
    return true;
}

bool
buffer_add(struct buffer *t, struct span s)
{
    if (!buffer_room(t, s.n))
        return false;
    if (s.n > 0)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
    t->p[t->n] = '\0';
    return true;
}

bool
buffer_print(struct buffer *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !buffer_room(t, (size_t)n))
        return false;
    va_start(args, format);
    vsnprintf(t->p + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
    return true;
}

size_t
buffer_character(struct span s)
{
    return utf8_length((const unsigned char *)s.p, s.n);
}

bool
buffer_escape(struct buffer *t, struct span s)
{
    static const char controls[] = "btn\0fr"; /* 8 to 13 */

    if (!buffer_room(t, s.n))
        return false;
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t size = buffer_character((struct span){s.p + i, s.n - i});
        char *out;

        if (!buffer_room(t, 8))
            return false;
        out = t->p + t->n;
        if (size == 0) {
            t->n += utf8_put(0xfffd, out);
            size = 1;
        } else if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out = (char)c;
            t->n += 2;
        } else if (c >= 8 && c <= 13 && controls[c - 8] != '\0') {
            *out++ = '\\';
            *out = controls[c - 8];
            t->n += 2;
        } else if (c < ' ' || c == 0x7f) {
            t->n += (size_t)snprintf(out, 7, "\\u%04x", c);
        } else {
            memcpy(out, s.p + i, size);
            t->n += size;
        }
        i += size;
    }
    t->p[t->n] = '\0';
    return true;
}

bool
buffer_one_line(struct buffer *t, struct span json)
{
    size_t from = t->n;

    if (!buffer_add(t, json))
        return false;
    if (memchr(json.p, '\n', json.n) == NULL && memchr(json.p, '\r', json.n) == NULL)
        return true;
    for (size_t i = from; i < t->n; i++)
        if (t->p[i] == '\n' || t->p[i] == '\r')
            t->p[i] = ' ';
    return true;
}

bool
buffer_base64(struct buffer *t, struct span s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (!buffer_room(t, s.n / 3 * 4 + 4))
        return false;
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t bits = (uint32_t)(unsigned char)s.p[i] << 16;

        if (left > 1)
            bits |= (uint32_t)(unsigned char)s.p[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)s.p[i + 2];
        t->p[t->n++] = digits[bits >> 18];
        t->p[t->n++] = digits[bits >> 12 & 63];
        t->p[t->n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        t->p[t->n++] = left > 2 ? digits[bits & 63] : '=';
    }
    t->p[t->n] = '\0';
    return true;
}

void
buffer_wipe(struct buffer *t)
{
    if (t->p != NULL)
        explicit_bzero(t->p, t->room);
    free(t->p);
    *t = (struct buffer){NULL, 0, 0};
}
