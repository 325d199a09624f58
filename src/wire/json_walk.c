#include "wire/json_walk.h"
#include "base/utf8.h"

/* Behind the closing quote of the string whose opening quote is *at; 'end' if it is not closed. */
static const char *
string_end(const char *at, const char *end)
{
    const char *begin = at + 1;

    for (at++; at < end; at++) {
        const char *quote = memchr(at, '"', (size_t)(end - at)), *back = quote;

        if (quote == NULL)
            break;
        while (back > begin && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote + 1;
        at = quote;
        begin = quote + 1; /* no backslash is counted twice: linear */
    }
    return end;
}

static const char *
nested_end(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        switch (*at) {
        case '"':
            at = string_end(at, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return end;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *
value_end(const char *at, const char *end)
{
    if (*at == '"')
        return string_end(at, end);
    if (*at == '{' || *at == '[')
        return nested_end(at, end);
    while (at < end && *at != ',' && *at != ']' && *at != '}' && *at != ':' && *at != '"' &&
           !is_space(*at))
        at++;
    return at;
}

static void
space_skip(struct json_walk *w)
{
    while (w->at < w->end && is_space(*w->at))
        w->at++;
}

struct span
json_walk_value(struct span text)
{
    struct json_walk w = {text.p, text.p + text.n, false};

    space_skip(&w);
    if (w.at == w.end)
        return (struct span){NULL, 0};
    return (struct span){w.at, (size_t)(value_end(w.at, w.end) - w.at)};
}

bool
json_walk_open(struct json_walk *w, struct span value)
{
    if (value.n < 2 || (value.p[0] != '{' && value.p[0] != '['))
        return false;
    *w = (struct json_walk){value.p + 1, value.p + value.n, value.p[0] == '{'};
    return true;
}

bool
json_walk_next(struct json_walk *w, struct span *key, struct span *value)
{
    const char *begin;

    *key = (struct span){NULL, 0};
    space_skip(w);
    if (w->at < w->end && *w->at == ',') {
        w->at++;
        space_skip(w);
    }
    if (w->is_object) {
        if (w->at >= w->end || *w->at != '"')
            return false;
        begin = w->at;
        w->at = string_end(w->at, w->end);
        if (w->at - begin < 2)
            return false;
        *key = (struct span){begin + 1, (size_t)(w->at - begin) - 2};
        space_skip(w);
        if (w->at >= w->end || *w->at != ':')
            return false;
        w->at++;
        space_skip(w);
    }
    if (w->at >= w->end)
        return false;
    begin = w->at;
    w->at = value_end(w->at, w->end);
    *value = (struct span){begin, (size_t)(w->at - begin)};
    return value->n > 0;
}

struct span
json_walk_member(struct span object, struct span key)
{
    struct json_walk w;
    struct span name, value;

    if (json_walk_open(&w, object) && w.is_object)
        while (json_walk_next(&w, &name, &value))
            if (span_equal(name, key))
                return value;
    return (struct span){NULL, 0};
}

bool
json_walk_is_text(struct span value, struct span *text)
{
    if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
        return false;
    *text = (struct span){value.p + 1, value.n - 2};
    return true;
}

static bool
hex_read(struct span text, uint32_t *code)
{
    *code = 0;
    if (text.n < 6 || text.p[0] != '\\' || text.p[1] != 'u')
        return false;
    for (int i = 2; i < 6; i++) {
        char c = text.p[i], low = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            *code = *code << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            *code = *code << 4 | (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* Bytes of the escape that 'rest' begins with; *code what it stands for, if *is_raw stays false. */
static size_t
escape_read(struct span rest, uint32_t *code, bool *is_raw)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = rest.n < 2 || rest.p[1] == '\0' ? NULL : strchr(letters, rest.p[1]);
    uint32_t low;

    if (letter != NULL) {
        *code = (unsigned char)meanings[letter - letters];
        return 2;
    }
    *is_raw = !hex_read(rest, code);
    if (*is_raw)
        return rest.n < 2 ? rest.n : 2;
    if (*code < 0xd800 || *code > 0xdfff)
        return 6;
    if (*code < 0xdc00 && hex_read((struct span){rest.p + 6, rest.n - 6}, &low) && low >= 0xdc00 &&
        low <= 0xdfff) {
        *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
        return 12;
    }
    *is_raw = true;
    return 6;
}

bool
json_walk_piece(struct span *rest, struct span *piece, char room[4], bool *is_raw)
{
    const char *escape = rest->n > 0 ? memchr(rest->p, '\\', rest->n) : NULL;
    uint32_t code = 0;
    size_t n;

    *is_raw = false;
    if (rest->n == 0)
        return false;
    if (escape != rest->p) {
        n = escape == NULL ? rest->n : (size_t)(escape - rest->p);
        *piece = (struct span){rest->p, n};
    } else {
        n = escape_read(*rest, &code, is_raw);
        *piece = *is_raw ? (struct span){rest->p, n} : (struct span){room, utf8_put(code, room)};
    }
    *rest = (struct span){rest->p + n, rest->n - n};
    return true;
}
