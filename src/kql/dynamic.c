/* dynamic.c - dynamic values. A tree is arrays of values in the pool; a bag keeps the order of its
 * text, and finds a key by going along its entries, since bags of telemetry are small (a builder of
 * a large one has a hash index, so that no text can make it slow). */
#include "kql/dynamic.h"
#include "base/utf8.h"
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- building ---- */

struct extent {
    uint64_t parts;
    uint32_t levels;
};

static void
extend_by(struct extent *e, const struct kql_value *v)
{
    struct extent inner = {0, 0};

    e->parts++;
    if (v->is_null)
        return;
    if (v->type == KQL_ARRAY)
        inner = (struct extent){v->array->parts > 0 ? v->array->parts : v->array->count,
                                v->array->levels};
    else if (v->type == KQL_BAG)
        inner = (struct extent){v->bag->parts > 0 ? v->bag->parts : v->bag->count, v->bag->levels};
    else
        return;
    e->parts += inner.parts;
    if (inner.levels + 1 > e->levels)
        e->levels = inner.levels + 1;
}

static void
check_extent(struct pool *p, const struct extent *e)
{
    if (e->parts > KQL_PARTS_MAX)
        pool_abandon(p, "a dynamic value has more than %d parts", KQL_PARTS_MAX);
    if (e->levels > KQL_LEVELS_MAX)
        pool_abandon(p, "a dynamic value nests more than %d levels deep", KQL_LEVELS_MAX);
}

struct kql_value
kql_array_of(struct pool *p, const struct kql_value *items, size_t count)
{
    static const struct kql_value nothing = {0}; /* items are somewhere even when there are none */
    struct kql_array *array = pool_take(p, sizeof *array);
    struct extent e = {0, 0};

    for (size_t i = 0; i < count; i++)
        extend_by(&e, &items[i]);
    check_extent(p, &e);
    *array = (struct kql_array){(uint32_t)count, count == 0 ? &nothing : items, (uint32_t)e.parts,
                                e.levels};
    return (struct kql_value){.type = KQL_ARRAY, .array = array};
}

struct kql_value
kql_bag_of(struct pool *p, const struct kql_bag_entry *entries, size_t count)
{
    struct kql_bag *bag = pool_take(p, sizeof *bag);
    struct extent e = {0, 0};

    for (size_t i = 0; i < count; i++)
        extend_by(&e, &entries[i].value);
    check_extent(p, &e);
    *bag = (struct kql_bag){(uint32_t)count, entries, (uint32_t)e.parts, e.levels};
    return (struct kql_value){.type = KQL_BAG, .bag = bag};
}

void
kql_array_add(struct kql_array_builder *b, struct kql_value v)
{
    if (b->count >= KQL_ARRAY_MAX)
        pool_abandon(b->pool, "a dynamic array has more than %d elements", KQL_ARRAY_MAX);
    b->items = pool_grow(b->pool, b->items, &b->room, b->count + 1, sizeof *b->items);
    b->items[b->count++] = kql_item(v);
}

struct kql_value
kql_array_finish(struct kql_array_builder *b)
{
    return kql_array_of(b->pool, b->items, b->count);
}

enum { INDEX_FROM = 16 /* keys */ };
struct kql_bag_index { /* open addressing, linear probing; an entry's number + 1, 0: free */
    uint32_t *slots;
    size_t size; /* a power of two, over twice the keys */
};

static size_t
slot_of(const struct kql_bag_builder *b, struct span key)
{
    const struct kql_bag_index *index = b->index;
    size_t at = XXH3_64bits(key.p, key.n) & (index->size - 1);

    while (index->slots[at] != 0 && !span_equal(b->entries[index->slots[at] - 1].key, key))
        at = (at + 1) & (index->size - 1);
    return at;
}

static void
make_index(struct kql_bag_builder *b)
{
    size_t size = 64;

    while (size < b->count * 4)
        size *= 2;
    if (b->index == NULL)
        b->index = pool_take(b->pool, sizeof *b->index);
    b->index->size = size;
    b->index->slots = pool_zeroed(b->pool, size, sizeof *b->index->slots);
    for (size_t i = 0; i < b->count; i++)
        b->index->slots[slot_of(b, b->entries[i].key)] = (uint32_t)i + 1;
}

static struct kql_bag_entry *
find_entry(const struct kql_bag_builder *b, struct span key)
{
    if (b->index != NULL) {
        uint32_t number = b->index->slots[slot_of(b, key)];

        return number == 0 ? NULL : &b->entries[number - 1];
    }
    for (size_t i = 0; i < b->count; i++)
        if (span_equal(b->entries[i].key, key))
            return &b->entries[i];
    return NULL;
}

bool
kql_bag_add(struct kql_bag_builder *b, struct span key, struct kql_value v, bool replace)
{
    struct kql_bag_entry *there = find_entry(b, key);

    if (there != NULL) {
        if (replace)
            there->value = kql_item(v);
        return false;
    }
    if (b->count >= KQL_ARRAY_MAX)
        pool_abandon(b->pool, "a dynamic bag has more than %d keys", KQL_ARRAY_MAX);
    b->entries = pool_grow(b->pool, b->entries, &b->room, b->count + 1, sizeof *b->entries);
    b->entries[b->count++] = (struct kql_bag_entry){key, kql_item(v)};
    if (b->index != NULL && b->count * 2 < b->index->size)
        b->index->slots[slot_of(b, key)] = (uint32_t)b->count;
    else if (b->count >= INDEX_FROM)
        make_index(b);
    return true;
}

struct kql_value
kql_bag_finish(struct kql_bag_builder *b)
{
    return kql_bag_of(b->pool, b->entries, b->count);
}

/* ---- reading ---- */

struct reader {
    struct pool *pool;
    const char *start, *p, *end;
    bool borrow;
    uint32_t depth;
};

static bool read_value(struct reader *r, struct kql_value *out);

static void
skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool
take_character(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool
take_word(struct reader *r, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(r->end - r->p) < size || memcmp(r->p, word, size) != 0)
        return false;
    r->p += size;
    return true;
}

/* Four hex digits behind "\u"; -1: they are not there. */
static int32_t
read_hex4(struct reader *r)
{
    int32_t code = 0;

    if (r->end - r->p < 4)
        return -1;
    for (int i = 0; i < 4; i++, r->p++) {
        char c = *r->p;

        if (c >= '0' && c <= '9')
            code = code * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            code = code * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* Behind "\u". A surrogate without its other half becomes U+FFFD: values are UTF-8. */
static char *
read_unicode_escape(struct reader *r, char *to)
{
    int32_t code = read_hex4(r);

    if (code < 0)
        return NULL;
    if (code >= 0xd800 && code < 0xdc00) {
        const char *back = r->p;
        int32_t low = take_word(r, "\\u") ? read_hex4(r) : -1;

        if (low >= 0xdc00 && low < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        else
            r->p = back;
    }
    if (code >= 0xd800 && code < 0xe000)
        code = 0xfffd;
    return to + utf8_put((uint32_t)code, to);
}

/* The rest of a string with escapes, its first 'plain' bytes being without; r->p is at the first
 * backslash. Decoding never makes text longer. */
static bool
read_escaped(struct reader *r, const char *from, struct span *out)
{
    const char *end = r->p;
    char *text, *to;

    while (end < r->end && *end != '"')
        end += *end == '\\' && r->end - end > 1 ? 2 : 1;
    if (end >= r->end)
        return false;
    text = pool_take(r->pool, (size_t)(end - from) + 1);
    memcpy(text, from, (size_t)(r->p - from));
    to = text + (r->p - from);
    while (r->p < end) {
        char c = *r->p++;

        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        c = *r->p++;
        switch (c) {
        case '"':
        case '\\':
        case '/':
            *to++ = c;
            break;
        case 'b':
            *to++ = '\b';
            break;
        case 'f':
            *to++ = '\f';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 'r':
            *to++ = '\r';
            break;
        case 't':
            *to++ = '\t';
            break;
        case 'u':
            to = read_unicode_escape(r, to);
            if (to == NULL)
                return false;
            break;
        default:
            return false;
        }
    }
    r->p = end + 1;
    *out = (struct span){text, (size_t)(to - text)};
    return true;
}

/* r->p is behind the opening quote. */
static bool
read_string(struct reader *r, struct span *out)
{
    const char *from = r->p;

    while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
        r->p++;
    if (r->p == r->end || (unsigned char)*r->p < 0x20)
        return false;
    if (*r->p == '\\')
        return read_escaped(r, from, out);
    *out = (struct span){from, (size_t)(r->p - from)};
    if (!r->borrow)
        *out = pool_text(r->pool, *out);
    r->p++;
    return true;
}

static bool
read_digits(struct reader *r)
{
    const char *from = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from;
}

static bool
read_number(struct reader *r, struct kql_value *out)
{
    const char *from = r->p;
    bool is_integer = true, is_negative = *r->p == '-';
    int64_t whole = 0;

    r->p += is_negative;
    if (r->p < r->end && *r->p == '0')
        r->p++;
    else if (!read_digits(r))
        return false;
    for (const char *p = from + is_negative; p < r->p && is_integer; p++)
        is_integer = !__builtin_mul_overflow(whole, 10, &whole) &&
                     !(is_negative ? __builtin_sub_overflow(whole, *p - '0', &whole)
                                   : __builtin_add_overflow(whole, *p - '0', &whole));
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        is_integer = false;
        if (!read_digits(r))
            return false;
    }
    if (r->p < r->end && (*r->p | 32) == 'e') {
        r->p++;
        is_integer = false;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!read_digits(r))
            return false;
    }
    if (is_integer)
        *out = kql_integer(KQL_LONG, whole);
    else /* the copy ends in a NUL, which strtod needs */
        *out = kql_real(
            strtod(pool_text(r->pool, (struct span){from, (size_t)(r->p - from)}).p, NULL));
    return true;
}

static bool
read_array(struct reader *r, struct kql_value *out)
{
    struct kql_array_builder b = {.pool = r->pool};

    if (!take_character(r, ']')) {
        do {
            struct kql_value item;

            if (!read_value(r, &item))
                return false;
            kql_array_add(&b, item);
        } while (take_character(r, ','));
        if (!take_character(r, ']'))
            return false;
    }
    *out = kql_array_finish(&b);
    return true;
}

static bool
read_bag(struct reader *r, struct kql_value *out)
{
    struct kql_bag_builder b = {.pool = r->pool};

    if (!take_character(r, '}')) {
        do {
            struct span key;
            struct kql_value value;

            if (!take_character(r, '"') || !read_string(r, &key) || !take_character(r, ':') ||
                !read_value(r, &value))
                return false;
            kql_bag_add(&b, key, value, true);
        } while (take_character(r, ','));
        if (!take_character(r, '}'))
            return false;
    }
    *out = kql_bag_finish(&b);
    return true;
}

static bool
read_nested(struct reader *r, struct kql_value *out)
{
    bool is_read;

    if (r->depth == KQL_DEPTH_MAX)
        return false;
    r->depth++;
    is_read = *r->p++ == '[' ? read_array(r, out) : read_bag(r, out);
    r->depth--;
    return is_read;
}

static bool
read_value(struct reader *r, struct kql_value *out)
{
    skip_blanks(r);
    if (r->p == r->end)
        return false;
    switch (*r->p) {
    case '{':
    case '[':
        return read_nested(r, out);
    case '"': {
        struct span text;

        r->p++;
        if (!read_string(r, &text) || text.n > KQL_STRING_MAX)
            return false;
        *out = kql_string(text);
        return true;
    }
    case 't':
        *out = kql_bool(true);
        return take_word(r, "true");
    case 'f':
        *out = kql_bool(false);
        return take_word(r, "false");
    case 'n':
        *out = kql_null(KQL_DYNAMIC);
        return take_word(r, "null");
    default:
        return (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) && read_number(r, out);
    }
}

bool
kql_json_read(struct pool *p, struct span text, bool borrow, struct kql_value *out, size_t *at)
{
    struct reader r = {
        .pool = p, .start = text.p, .p = text.p, .end = text.p + text.n, .borrow = borrow};
    struct kql_value value;
    bool is_read = read_value(&r, &value);

    if (is_read) {
        skip_blanks(&r);
        is_read = r.p == r.end;
    }
    if (at != NULL)
        *at = (size_t)(r.p - r.start);
    if (is_read)
        *out = value;
    return is_read;
}

struct kql_value
kql_parse_json(struct pool *p, struct span text)
{
    struct kql_value value;
    size_t i = 0;

    while (i < text.n && strchr(" \t\r\n", text.p[i]) != NULL && text.p[i] != '\0')
        i++;
    if (i == text.n)
        return kql_null(KQL_DYNAMIC);
    if (!kql_json_read(p, text, true, &value, NULL))
        return kql_string(text);
    return value;
}

/* ---- printing ---- */

struct printer {
    struct pool *pool;
    char *text;
    size_t size, room;
};

static void
put(struct printer *w, const char *text, size_t size)
{
    w->text = pool_grow(w->pool, w->text, &w->room, w->size + size, 1);
    if (size > 0)
        memcpy(w->text + w->size, text, size);
    w->size += size;
}

static void
put_quoted(struct printer *w, struct span text)
{
    size_t from = 0;

    put(w, "\"", 1);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        char escape[8];
        const char *letter;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(w, text.p + from, i - from);
        from = i + 1;
        letter = c == 0 ? NULL : strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
        if (letter != NULL)
            put(w, (char[]){'\\', letter[1]}, 2);
        else
            put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
    }
    put(w, text.p + from, text.n - from);
    put(w, "\"", 1);
}

static void put_value(struct printer *w, const struct kql_value *v);

/* Lists of a million of them are common: printf would take most of their time. */
static void
put_whole(struct printer *w, int64_t i)
{
    uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char text[24], *at = text + sizeof text;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (i < 0)
        *--at = '-';
    put(w, at, (size_t)(text + sizeof text - at));
}

static void
put_real(struct printer *w, double r)
{
    char text[40];

    if (r != r)
        put(w, "\"NaN\"", 5);
    else if (r - r != 0)
        put(w, r > 0 ? "\"Infinity\"" : "\"-Infinity\"", r > 0 ? 10 : 11);
    else
        put(w, text, kql_print_real(r, text));
}

static void
put_array(struct printer *w, const struct kql_array *a)
{
    put(w, "[", 1);
    for (uint32_t i = 0; i < a->count; i++) {
        if (i > 0)
            put(w, ",", 1);
        put_value(w, &a->items[i]);
    }
    put(w, "]", 1);
}

static void
put_bag(struct printer *w, const struct kql_bag *b)
{
    put(w, "{", 1);
    for (uint32_t i = 0; i < b->count; i++) {
        if (i > 0)
            put(w, ",", 1);
        put_quoted(w, b->entries[i].key);
        put(w, ":", 1);
        put_value(w, &b->entries[i].value);
    }
    put(w, "}", 1);
}

/* Recursion is bounded by KQL_LEVELS_MAX. */
static void
put_value(struct printer *w, const struct kql_value *v)
{
    char text[48];

    if (v->is_null) {
        put(w, "null", 4);
        return;
    }
    switch (v->type) {
    case KQL_BOOL:
        put(w, v->i ? "true" : "false", v->i ? 4 : 5);
        break;
    case KQL_INT:
    case KQL_LONG:
        put_whole(w, v->i);
        break;
    case KQL_REAL:
        put_real(w, v->r);
        break;
    case KQL_DECIMAL:
        put_quoted(w, (struct span){text, kql_print_decimal(v->decimal, text)});
        break;
    case KQL_STRING:
        put_quoted(w, kql_text(v));
        break;
    case KQL_DATETIME:
        put_quoted(w, (struct span){text, kql_print_datetime(v->i, text)});
        break;
    case KQL_TIMESPAN:
        put_quoted(w, (struct span){text, kql_print_timespan(v->i, text)});
        break;
    case KQL_GUID:
        put_quoted(w, (struct span){text, kql_print_guid(v->guid, text)});
        break;
    case KQL_ARRAY:
        put_array(w, v->array);
        break;
    case KQL_BAG:
        put_bag(w, v->bag);
        break;
    default:
        put(w, "null", 4);
    }
}

struct span
kql_json_print(struct pool *p, const struct kql_value *v)
{
    struct printer w = {.pool = p};

    put_value(&w, v);
    return (struct span){w.text, w.size};
}

struct span
kql_json_quote(struct pool *p, struct span text)
{
    struct printer w = {.pool = p};

    put_quoted(&w, text);
    return (struct span){w.text, w.size};
}

/* ---- members and elements ---- */

struct kql_value
kql_member(const struct kql_value *d, struct span key)
{
    if (!d->is_null && d->type == KQL_BAG)
        for (uint32_t i = 0; i < d->bag->count; i++)
            if (span_equal(d->bag->entries[i].key, key))
                return kql_item(d->bag->entries[i].value);
    return kql_null(KQL_DYNAMIC);
}

struct kql_value
kql_element(const struct kql_value *d, int64_t i)
{
    if (!d->is_null && d->type == KQL_ARRAY) {
        int64_t count = d->array->count;

        if (i < 0)
            i += count;
        if (i >= 0 && i < count)
            return kql_item(d->array->items[i]);
    }
    return kql_null(KQL_DYNAMIC);
}
