/* cells_coded.c - a dynamic value as text: JSON where that comes back as it was, else a coded text.
 *
 * Coded: U+0001, then one value:
 *     n t f                  null, true, false
 *     i l d s DECIMAL ;      int, long, datetime, timespan
 *     r HEX16                real: its bits
 *     g HEX32                guid
 *     m [-] HEX16 HEX16 HEX2 decimal: coefficient, high and low half; scale
 *     " DECIMAL : BYTES      string: how many bytes, then they
 *     [ VALUE* ]             array
 *     { (STRING VALUE)* }    bag: keys as strings are, with their "
 * A text that is not quite this is no coded text: nothing is guessed, and no bytes can make reading it fail otherwise. */
#include "kql/dynamic.h"
#include "workspace/cells.h"
#include <math.h>

static const char mark = '\1';

/* ---- what JSON carries ---- */

/* The reader gives every whole number back as a long and takes KQL_DEPTH_MAX levels. */
static bool
is_json_exact(const struct kql_value *v, int depth)
{
    if (v->is_null)
        return true;
    switch (v->type) {
    case KQL_BOOL:
    case KQL_LONG:
        return true;
    case KQL_REAL:
        return isfinite(v->r);
    case KQL_STRING:
        return v->size <= KQL_STRING_MAX;
    case KQL_ARRAY:
        if (depth == KQL_DEPTH_MAX || v->array->count > KQL_ARRAY_MAX)
            return false;
        for (uint32_t i = 0; i < v->array->count; i++)
            if (!is_json_exact(&v->array->items[i], depth + 1))
                return false;
        return true;
    case KQL_BAG:
        if (depth == KQL_DEPTH_MAX || v->bag->count > KQL_ARRAY_MAX)
            return false;
        for (uint32_t i = 0; i < v->bag->count; i++)
            if (!is_json_exact(&v->bag->entries[i].value, depth + 1))
                return false;
        return true;
    default:
        return false;
    }
}

/* ---- writing ---- */

struct coder {
    struct pool *pool;
    char *text;
    size_t size, room;
};

static void
put(struct coder *c, const char *text, size_t size)
{
    c->text = pool_grow(c->pool, c->text, &c->room, c->size + size, 1);
    if (size > 0)
        memcpy(c->text + c->size, text, size);
    c->size += size;
}

PRINTF_LIKE(2, 3)
static void
put_printf(struct coder *c, const char *format, ...)
{
    char text[64];
    va_list args;

    va_start(args, format);
    put(c, text, (size_t)vsnprintf(text, sizeof text, format, args));
    va_end(args);
}

static void
put_text(struct coder *c, struct span text)
{
    text = cell_valid_text(c->pool, text);
    put_printf(c, "\"%zu:", text.n);
    put(c, text.p, text.n);
}

static void put_value(struct coder *c, const struct kql_value *v);

static void
put_parts(struct coder *c, const struct kql_value *v)
{
    if (v->type == KQL_ARRAY) {
        put(c, "[", 1);
        for (uint32_t i = 0; i < v->array->count; i++)
            put_value(c, &v->array->items[i]);
        put(c, "]", 1);
        return;
    }
    put(c, "{", 1);
    for (uint32_t i = 0; i < v->bag->count; i++) {
        put_text(c, v->bag->entries[i].key);
        put_value(c, &v->bag->entries[i].value);
    }
    put(c, "}", 1);
}

/* Recursion is bounded by KQL_LEVELS_MAX. */
static void
put_value(struct coder *c, const struct kql_value *v)
{
    uint64_t bits;

    if (v->is_null) {
        put(c, "n", 1);
        return;
    }
    switch (v->type) {
    case KQL_BOOL:
        put(c, v->i != 0 ? "t" : "f", 1);
        break;
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        put_printf(c, "%c%lld;",
                   v->type == KQL_INT        ? 'i'
                   : v->type == KQL_LONG     ? 'l'
                   : v->type == KQL_DATETIME ? 'd'
                                             : 's',
                   (long long)v->i);
        break;
    case KQL_REAL:
        memcpy(&bits, &v->r, sizeof bits);
        put_printf(c, "r%016llx", (unsigned long long)bits);
        break;
    case KQL_DECIMAL:
        put_printf(c, "m%s%016llx%016llx%02x", v->decimal->is_negative ? "-" : "",
                   (unsigned long long)v->decimal->high, (unsigned long long)v->decimal->low,
                   v->decimal->scale);
        break;
    case KQL_STRING:
        put_text(c, kql_text(v));
        break;
    case KQL_GUID:
        put(c, "g", 1);
        for (int i = 0; i < 16; i++)
            put_printf(c, "%02x", v->guid->bytes[i]);
        break;
    case KQL_ARRAY:
    case KQL_BAG:
        put_parts(c, v);
        break;
    default:
        put(c, "n", 1);
    }
}

struct span
cell_dynamic_text(struct pool *p, const struct kql_value *v)
{
    struct coder c = {.pool = p};

    if (is_json_exact(v, 0))
        return kql_json_print(p, v);
    put(&c, &mark, 1);
    put_value(&c, v);
    return (struct span){c.text, c.size};
}

/* ---- reading ---- */

struct decoder {
    struct pool *pool;
    const char *p, *end;
    int depth;
};

static bool read_value(struct decoder *d, struct kql_value *out);

static bool
take(struct decoder *d, char c)
{
    if (d->p == d->end || *d->p != c)
        return false;
    d->p++;
    return true;
}

static bool
read_hex(struct decoder *d, int digits, uint64_t *out)
{
    *out = 0;
    if (d->end - d->p < digits)
        return false;
    for (int i = 0; i < digits; i++, d->p++) {
        char c = *d->p;

        if (c >= '0' && c <= '9')
            *out = *out << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *out = *out << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    return true;
}

static bool
read_whole(struct decoder *d, char end, int64_t *out)
{
    bool is_negative = take(d, '-');
    const char *from = d->p;
    int64_t i = 0;

    for (; d->p < d->end && *d->p >= '0' && *d->p <= '9'; d->p++)
        if (__builtin_mul_overflow(i, 10, &i) ||
            (is_negative ? __builtin_sub_overflow(i, *d->p - '0', &i)
                         : __builtin_add_overflow(i, *d->p - '0', &i)))
            return false;
    *out = i;
    return d->p > from && take(d, end);
}

/* Behind the quote. The text may not begin or end within a character. */
static bool
read_text(struct decoder *d, struct span *out)
{
    int64_t size;

    if (!read_whole(d, ':', &size) || size < 0 || size > d->end - d->p || size > UINT32_MAX)
        return false;
    *out = (struct span){d->p, (size_t)size};
    if (size > 0 && (*d->p & 0xc0) == 0x80)
        return false;
    d->p += size;
    return d->p == d->end || (*d->p & 0xc0) != 0x80;
}

static bool
read_integer(struct decoder *d, char kind, struct kql_value *out)
{
    enum kql_type type = kind == 'i'   ? KQL_INT
                         : kind == 'l' ? KQL_LONG
                         : kind == 'd' ? KQL_DATETIME
                                       : KQL_TIMESPAN;
    int64_t i;

    if (!read_whole(d, ';', &i) || (type == KQL_INT && (i < INT32_MIN || i > INT32_MAX)) ||
        (type == KQL_DATETIME && (i < 0 || i > KQL_DATETIME_MAX)))
        return false;
    *out = kql_integer(type, i);
    return true;
}

static bool
read_real(struct decoder *d, struct kql_value *out)
{
    uint64_t bits;
    double r;

    if (!read_hex(d, 16, &bits))
        return false;
    memcpy(&r, &bits, sizeof r);
    *out = kql_real(r);
    return true;
}

static bool
read_decimal(struct decoder *d, struct kql_value *out)
{
    static const struct kql_decimal max = {/* 10^34 - 1 */
                                           .high = UINT64_C(0x1ed09bead87c0),
                                           .low = UINT64_C(0x378d8e63ffffffff)};
    struct kql_decimal *m = pool_take(d->pool, sizeof *m);
    uint64_t scale;

    m->is_negative = take(d, '-');
    if (!read_hex(d, 16, &m->high) || !read_hex(d, 16, &m->low) || !read_hex(d, 2, &scale) ||
        scale > 34 || m->high > max.high || (m->high == max.high && m->low > max.low))
        return false;
    m->scale = (uint8_t)scale;
    *out = (struct kql_value){.type = KQL_DECIMAL, .decimal = m};
    return true;
}

static bool
read_guid(struct decoder *d, struct kql_value *out)
{
    struct kql_guid *g = pool_take(d->pool, sizeof *g);

    for (int i = 0; i < 16; i++) {
        uint64_t byte;

        if (!read_hex(d, 2, &byte))
            return false;
        g->bytes[i] = (uint8_t)byte;
    }
    *out = (struct kql_value){.type = KQL_GUID, .guid = g};
    return true;
}

static bool
read_array(struct decoder *d, struct kql_value *out)
{
    struct kql_value *items = NULL;
    size_t count = 0, room = 0;

    while (!take(d, ']')) {
        items = pool_grow(d->pool, items, &room, count + 1, sizeof *items);
        if (!read_value(d, &items[count++]))
            return false;
    }
    *out = kql_array_of(d->pool, items, count);
    return true;
}

static bool
read_bag(struct decoder *d, struct kql_value *out)
{
    struct kql_bag_builder b = {.pool = d->pool};

    while (!take(d, '}')) {
        struct kql_value value;
        struct span key;

        if (!take(d, '"') || !read_text(d, &key) || !read_value(d, &value) ||
            !kql_bag_add(&b, key, value, false))
            return false;
    }
    *out = kql_bag_finish(&b);
    return true;
}

static bool
read_parts(struct decoder *d, char kind, struct kql_value *out)
{
    bool is_read;

    if (d->depth > KQL_LEVELS_MAX)
        return false;
    d->depth++;
    is_read = kind == '[' ? read_array(d, out) : read_bag(d, out);
    d->depth--;
    return is_read;
}

static bool
read_value(struct decoder *d, struct kql_value *out)
{
    struct span text;
    char kind;

    if (d->p == d->end)
        return false;
    kind = *d->p++;
    switch (kind) {
    case 'n':
        *out = kql_null(KQL_DYNAMIC);
        return true;
    case 't':
    case 'f':
        *out = kql_bool(kind == 't');
        return true;
    case 'i':
    case 'l':
    case 'd':
    case 's':
        return read_integer(d, kind, out);
    case 'r':
        return read_real(d, out);
    case 'm':
        return read_decimal(d, out);
    case 'g':
        return read_guid(d, out);
    case '"':
        if (!read_text(d, &text))
            return false;
        *out = kql_string(text);
        return true;
    case '[':
    case '{':
        return read_parts(d, kind, out);
    default:
        return false;
    }
}

struct kql_value
cell_dynamic_read(struct pool *p, struct span text)
{
    struct decoder d = {.pool = p, .p = text.p + 1, .end = text.p + text.n};
    struct kql_value v;

    if (text.n > 1 && text.p[0] == mark && read_value(&d, &v) && d.p == d.end)
        return v;
    return kql_parse_json(p, text);
}
