/* json_text.c - a recursive checker that hashes on its way, and a walker for what was checked.
 *
 * An object's hash is the sum of its members' hashes, so that their order does not matter; an array's
 * is a chain. A string is hashed as its characters. Every hash is seeded, and the seed belongs to one
 * posture file: nobody outside can prepare two texts that hash alike. */
#include "posture/json_text.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <strings.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- writing ---- */

void
text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}

static bool
text_grow(struct text *t, size_t more)
{
    if (more <= t->room - t->n)
        return true;
    size_t room = t->room < 256 ? 256 : t->room;

    while (room - t->n < more)
        room *= 2;
    char *p = realloc(t->p, room);

    if (p == NULL) {
        t->is_short = true;
        return false;
    }
    t->p = p;
    t->room = room;
    return true;
}

void
text_add(struct text *t, struct span bytes)
{
    if (bytes.n == 0 || !text_grow(t, bytes.n))
        return;
    memcpy(t->p + t->n, bytes.p, bytes.n);
    t->n += bytes.n;
}

void
text_puts(struct text *t, const char *bytes)
{
    text_add(t, span_of(bytes));
}

void
text_addf(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n <= 0 || !text_grow(t, (size_t)n + 1))
        return;
    va_start(args, format);
    vsnprintf(t->p + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
}

void
text_string(struct text *t, struct span chars)
{
    size_t from = 0;

    text_puts(t, "\"");
    for (size_t i = 0; i < chars.n; i++) {
        unsigned char c = (unsigned char)chars.p[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_add(t, (struct span){chars.p + from, i - from});
        if (c == '"' || c == '\\')
            text_addf(t, "\\%c", c);
        else
            text_addf(t, "\\u%04x", c);
        from = i + 1;
    }
    text_add(t, (struct span){chars.p + from, chars.n - from});
    text_puts(t, "\"");
}

/* ---- checking ---- */

enum { PATH_MAX_DEPTH = 3 };

struct check {
    const char *start, *p, *end;
    const char *const *skip;
    uint64_t seed;
    struct err *err;
    struct text scratch; /* characters of a string with escapes */
    struct span path[PATH_MAX_DEPTH];
    bool is_short;
};

static bool
fault(struct check *c, const char *what)
{
    (void)err_set(c->err, ST_INVALID, "byte %zu: %s", (size_t)(c->p - c->start), what);
    return false;
}

static void
space(struct check *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A string; *inside is what stands between its quotes. */
static bool
string(struct check *c, struct span *inside, bool *has_escape)
{
    const char *from = ++c->p;

    *has_escape = false;
    while (c->p < c->end) {
        unsigned char b = (unsigned char)*c->p;

        if (b == '"') {
            *inside = (struct span){from, (size_t)(c->p - from)};
            c->p++;
            return true;
        }
        if (b < 0x20)
            return fault(c, "a control character stands in a string; write it as \\u00..");
        if (b == '\\') {
            *has_escape = true;
            if (c->end - c->p < 2 || strchr("\"\\/bfnrtu", c->p[1]) == NULL || c->p[1] == '\0')
                return fault(c, "there is no such escape");
            if (c->p[1] == 'u') {
                if (c->end - c->p < 6)
                    return fault(c, "\\u wants four hex digits");
                for (int i = 2; i < 6; i++)
                    if (hex_digit(c->p[i]) < 0)
                        return fault(c, "\\u wants four hex digits");
                c->p += 4;
            }
            c->p += 2;
        } else if (b < 0x80) {
            c->p++;
        } else {
            size_t n = utf8_length((const unsigned char *)c->p, (size_t)(c->end - c->p));

            if (n == 0)
                return fault(c, "the text is not UTF-8");
            c->p += n;
        }
    }
    return fault(c, "a string has no end");
}

static uint32_t
four_hex(const char *p)
{
    return (uint32_t)(hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 |
                      hex_digit(p[3]));
}

static void
decode(struct text *out, struct span inside)
{
    const char *p = inside.p, *end = inside.p + inside.n;

    while (p < end) {
        const char *back = memchr(p, '\\', (size_t)(end - p));

        if (back == NULL) {
            text_add(out, (struct span){p, (size_t)(end - p)});
            return;
        }
        text_add(out, (struct span){p, (size_t)(back - p)});
        p = back + 2;
        if (back[1] != 'u') {
            const char *at = strchr("bfnrt", back[1]);
            char c = at != NULL ? "\b\f\n\r\t"[at - "bfnrt"] : back[1];

            text_add(out, (struct span){&c, 1});
            continue;
        }
        uint32_t code = four_hex(p);
        char utf8[4];

        p += 4;
        if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            uint32_t low = four_hex(p + 2);

            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
            }
        }
        if (code >= 0xd800 && code < 0xe000)
            code = 0xfffd;
        text_add(out, (struct span){utf8, utf8_put(code, utf8)});
    }
}

static uint64_t
string_hash(struct check *c, struct span inside, bool has_escape)
{
    if (!has_escape)
        return XXH3_64bits_withSeed(inside.p, inside.n, c->seed);
    text_reset(&c->scratch);
    decode(&c->scratch, inside);
    if (c->scratch.is_short)
        c->is_short = true;
    return XXH3_64bits_withSeed(text_span(&c->scratch).p, c->scratch.n, c->seed);
}

static bool
number(struct check *c, uint64_t *hash)
{
    const char *from = c->p;
    const char *p = c->p, *end = c->end;

    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if (p < end && *p >= '1' && *p <= '9')
        while (p < end && *p >= '0' && *p <= '9')
            p++;
    else
        return fault(c, "no JSON value stands here");
    if (p < end && *p == '.') {
        const char *digits = ++p;

        while (p < end && *p >= '0' && *p <= '9')
            p++;
        if (p == digits)
            return fault(c, "a number ends in '.'");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (++p < end && (*p == '+' || *p == '-'))
            p++;
        const char *digits = p;

        while (p < end && *p >= '0' && *p <= '9')
            p++;
        if (p == digits)
            return fault(c, "a number's exponent has no digits");
    }
    c->p = p;
    *hash = XXH3_64bits_withSeed(from, (size_t)(p - from), c->seed ^ 1);
    return true;
}

static bool
word(struct check *c, const char *text, uint64_t *hash)
{
    size_t n = strlen(text);

    if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0)
        return fault(c, "no JSON value stands here");
    c->p += n;
    *hash = XXH3_64bits_withSeed(text, n, c->seed ^ 2);
    return true;
}

/* Whether the member at the path so far is one of those that do not count. */
static bool
is_skipped(const struct check *c, size_t depth)
{
    if (c->skip == NULL || depth > PATH_MAX_DEPTH)
        return false;
    for (const char *const *s = c->skip; *s != NULL; s++) {
        const char *p = *s;
        size_t i = 0;

        for (; i < depth; i++) {
            if (strncmp(p, c->path[i].p, c->path[i].n) != 0)
                break;
            p += c->path[i].n;
            if (i + 1 < depth && *p++ != '.')
                break;
        }
        if (i == depth && *p == '\0')
            return true;
    }
    return false;
}

static bool value(struct check *c, unsigned depth, uint64_t *hash);

static bool
object(struct check *c, unsigned depth, uint64_t *hash)
{
    uint64_t sum = 0, count = 0;

    c->p++;
    space(c);
    if (c->p < c->end && *c->p == '}') {
        c->p++;
        goto done;
    }
    for (;;) {
        struct span key;
        bool has_escape;
        uint64_t pair[2];

        space(c);
        if (c->p >= c->end || *c->p != '"')
            return fault(c, "a member's name in quotes is missing");
        if (!string(c, &key, &has_escape))
            return false;
        if (depth <= PATH_MAX_DEPTH)
            c->path[depth - 1] = key;
        bool counts = !is_skipped(c, depth);

        pair[0] = string_hash(c, key, has_escape);
        space(c);
        if (c->p >= c->end || *c->p != ':')
            return fault(c, "':' is missing behind a member's name");
        c->p++;
        if (!value(c, depth + 1, &pair[1]))
            return false;
        if (counts) {
            sum += XXH3_64bits_withSeed(pair, sizeof pair, c->seed);
            count++;
        }
        space(c);
        if (c->p < c->end && *c->p == ',') {
            c->p++;
            continue;
        }
        if (c->p >= c->end || *c->p != '}')
            return fault(c, "',' or '}' is missing");
        c->p++;
        break;
    }
done:;
    uint64_t whole[2] = {sum, count};

    *hash = XXH3_64bits_withSeed(whole, sizeof whole, c->seed ^ 3);
    return true;
}

static bool
array(struct check *c, unsigned depth, uint64_t *hash)
{
    uint64_t chain[2] = {4, 0};

    if (depth <= PATH_MAX_DEPTH)
        c->path[depth - 1] = (struct span){"", 0}; /* no path leads into an array */
    c->p++;
    space(c);
    if (c->p < c->end && *c->p == ']') {
        c->p++;
        goto done;
    }
    for (;;) {
        if (!value(c, depth + 1, &chain[1]))
            return false;
        chain[0] = XXH3_64bits_withSeed(chain, sizeof chain, c->seed);
        space(c);
        if (c->p < c->end && *c->p == ',') {
            c->p++;
            continue;
        }
        if (c->p >= c->end || *c->p != ']')
            return fault(c, "',' or ']' is missing");
        c->p++;
        break;
    }
done:
    *hash = XXH3_64bits_withSeed(chain, sizeof chain[0], c->seed ^ 4);
    return true;
}

static bool
value(struct check *c, unsigned depth, uint64_t *hash)
{
    struct span inside;
    bool has_escape;

    if (depth > JSON_TEXT_DEPTH_MAX + 1)
        return fault(c, "the value nests too deep");
    space(c);
    if (c->p >= c->end)
        return fault(c, "the text ends where a value should stand");
    switch (*c->p) {
    case '{':
    case '[':
        if (depth > JSON_TEXT_DEPTH_MAX)
            return fault(c, "the value nests too deep");
        return *c->p == '{' ? object(c, depth, hash) : array(c, depth, hash);
    case '"':
        if (!string(c, &inside, &has_escape))
            return false;
        *hash = string_hash(c, inside, has_escape);
        return true;
    case 't':
        return word(c, "true", hash);
    case 'f':
        return word(c, "false", hash);
    case 'n':
        return word(c, "null", hash);
    default:
        return number(c, hash);
    }
}

enum status
json_text_check(struct span text, const char *const *skip, uint64_t seed, uint64_t *hash,
                struct err *err)
{
    struct check c = {.start = text.p,
                      .p = text.p,
                      .end = text.p + text.n,
                      .skip = skip,
                      .seed = seed,
                      .err = err};
    bool is_good = value(&c, 1, hash);

    if (is_good) {
        space(&c);
        if (c.p != c.end)
            is_good = fault(&c, "something stands behind the value");
    }
    text_free(&c.scratch);
    if (c.is_short)
        return err_set(err, ST_FULL, "no memory to read JSON");
    return is_good ? ST_OK : ST_INVALID;
}

/* ---- walking over what was checked ---- */

/* Behind the string whose opening quote is at p. */
static const char *
skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return end;
}

static struct span
member(struct span object_text, struct span name)
{
    struct json_walk w = json_walk_begin(object_text);
    struct span key, found;

    if (!json_text_is_object(object_text))
        return (struct span){NULL, 0};
    while (json_walk_next(&w, &key, &found)) {
        if (span_equal(key, name))
            return found;
        if (memchr(key.p, '\\', key.n) != NULL) {
            struct text plain = {0};
            bool is_it;

            decode(&plain, key);
            is_it = span_equal(text_span(&plain), name);
            text_free(&plain);
            if (is_it)
                return found;
        }
    }
    return (struct span){NULL, 0};
}

struct span
json_at(struct span object_text, const char *path)
{
    struct span found = object_text;

    while (found.n > 0) {
        const char *dot = strchr(path, '.');
        struct span name = {path, dot != NULL ? (size_t)(dot - path) : strlen(path)};

        found = member(found, name);
        if (dot == NULL)
            break;
        path = dot + 1;
    }
    return found;
}

void
text_decode(struct text *out, struct span string_value)
{
    if (json_text_is_string(string_value))
        decode(out, (struct span){string_value.p + 1, string_value.n - 2});
}

bool
json_string_is(struct span string_value, const char *chars)
{
    struct text plain = {0};
    bool is_it;

    if (!json_text_is_string(string_value))
        return false;
    text_decode(&plain, string_value);
    is_it = span_is(text_span(&plain), chars);
    text_free(&plain);
    return is_it;
}

int
json_string_among(struct span string_value, const char *const *list)
{
    if (!json_text_is_string(string_value))
        return -1;
    for (int i = 0; list[i] != NULL; i++)
        if (strlen(list[i]) == string_value.n - 2 &&
            strncasecmp(list[i], string_value.p + 1, string_value.n - 2) == 0)
            return i;
    return -1;
}

void
text_compact(struct text *t, struct span checked)
{
    const char *p = checked.p, *end = checked.p + checked.n, *from = p;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
            text_add(t, (struct span){from, (size_t)(p - from)});
            while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
                p++;
            from = p;
        } else {
            p++;
        }
    }
    text_add(t, (struct span){from, (size_t)(end - from)});
}
