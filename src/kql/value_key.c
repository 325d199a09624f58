/* value_key.c - a key per value.
 *
 *     number       i DECIMAL ;   a whole one that fits 64 bits, whatever its type
 *                  r HEX16       a real's bits, also for a decimal that is exactly what that real prints as
 *                  m DECIMAL     any other
 *     string       " DECIMAL : BYTES
 *     bag          { (STRING VALUE)* } by its keys' order
 *     others       as the coded dynamics of a workspace
 * A decimal alone is put down so that keys are in its order: 0 below zero, 1 zero, 2 above it; then the power of ten of its first digit,
 * then its digits. Below zero those are what is missing to nines, with a ~ behind, which is greater than any digit. */
#include "kql/value_key.h"
#include "kql/decimal.h"
#include "kql/number_text.h"
#include <math.h>
#include <stdlib.h>

enum { DEPTH_MAX = 512 /* as kql_value_same looks into values */ };

struct keyer {
    struct pool *pool;
    char *text;
    size_t size, room;
};

static void
put(struct keyer *k, const char *text, size_t size)
{
    k->text = pool_grow(k->pool, k->text, &k->room, k->size + size, 1);
    if (size > 0)
        memcpy(k->text + k->size, text, size);
    k->size += size;
}

PRINTF_LIKE(2, 3)
static void
put_printf(struct keyer *k, const char *format, ...)
{
    char text[64];
    va_list args;

    va_start(args, format);
    put(k, text, (size_t)vsnprintf(text, sizeof text, format, args));
    va_end(args);
}

static void
put_text(struct keyer *k, struct span text)
{
    put_printf(k, "\"%zu:", text.n);
    put(k, text.p, text.n);
}

/* ---- numbers ---- */

static void
put_decimal(struct keyer *k, const struct kql_decimal *d)
{
    enum { POWER_BEHIND = 50 }; /* makes powers of ten two digits */
    char digits[48];
    int count = 0, power;
    uint128 rest = (uint128)d->high << 64 | d->low;

    for (; rest > 0; rest /= 10)
        digits[count++] = (char)('0' + (int)(rest % 10));
    if (count == 0) {
        put(k, "1", 1);
        return;
    }
    power = count - d->scale + POWER_BEHIND;
    put_printf(k, "%c%02d", d->is_negative ? '0' : '2', d->is_negative ? 99 - power : power);
    rest = 0; /* how many zeros are last */
    while (digits[rest] == '0')
        rest++;
    for (int i = count; i > (int)rest; i--) {
        char digit = d->is_negative ? (char)('0' + '9' - digits[i - 1]) : digits[i - 1];

        put(k, &digit, 1);
    }
    if (d->is_negative)
        put(k, "~", 1);
}

static void
put_real(struct keyer *k, double r)
{
    uint64_t bits;

    if (r >= -0x1p63 && r < 0x1p63 && r == (double)(int64_t)r) {
        put_printf(k, "i%lld;", (long long)r);
        return;
    }
    if (isnan(r))
        r = (double)NAN; /* one of them all */
    memcpy(&bits, &r, sizeof bits);
    put_printf(k, "r%016llx", (unsigned long long)bits);
}

/* A number that is one with others of other types. */
static void
put_number(struct keyer *k, const struct kql_value *v)
{
    struct kql_decimal printed;
    int64_t whole;
    double real;

    if (v->type == KQL_REAL) {
        put_real(k, v->r);
    } else if (v->type != KQL_DECIMAL) {
        put_printf(k, "i%lld;", (long long)v->i);
    } else if (kql_decimal_is_long(v->decimal, &whole)) {
        put_printf(k, "i%lld;", (long long)whole);
    } else {
        real = kql_decimal_to_real(v->decimal);
        if (kql_decimal_of_real(real, &printed) && kql_decimal_compare(v->decimal, &printed) == 0) {
            put_real(k, real);
        } else {
            put(k, "m", 1);
            put_decimal(k, v->decimal);
        }
    }
}

/* ---- values ---- */

static void put_value(struct keyer *k, const struct kql_value *v, int depth);

static int
compare_keys(const void *a, const void *b)
{
    const struct span *x = &(*(const struct kql_bag_entry *const *)a)->key,
                      *y = &(*(const struct kql_bag_entry *const *)b)->key;
    size_t common = x->n < y->n ? x->n : y->n;
    int order = common == 0 ? 0 : memcmp(x->p, y->p, common);

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static void
put_bag(struct keyer *k, const struct kql_bag *bag, int depth)
{
    const struct kql_bag_entry **entries =
        pool_take(k->pool, (bag->count + 1) * sizeof(struct kql_bag_entry *));

    for (uint32_t i = 0; i < bag->count; i++)
        entries[i] = &bag->entries[i];
    qsort(entries, bag->count, sizeof(struct kql_bag_entry *), compare_keys);
    put(k, "{", 1);
    for (uint32_t i = 0; i < bag->count; i++) {
        put_text(k, entries[i]->key);
        put_value(k, &entries[i]->value, depth + 1);
    }
    put(k, "}", 1);
}

static void
put_value(struct keyer *k, const struct kql_value *v, int depth)
{
    char text[40];

    if (depth > DEPTH_MAX)
        return;
    if (v->is_null) {
        put(k, "n", 1);
        return;
    }
    switch (v->type) {
    case KQL_BOOL:
        put(k, v->i != 0 ? "t" : "f", 1);
        break;
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        put_printf(k, "%c%lld;", v->type == KQL_DATETIME ? 'd' : 's', (long long)v->i);
        break;
    case KQL_STRING:
        put_text(k, kql_text(v));
        break;
    case KQL_GUID:
        put(k, "g", 1);
        put(k, text, kql_print_guid(v->guid, text));
        break;
    case KQL_ARRAY:
        put(k, "[", 1);
        for (uint32_t i = 0; i < v->array->count; i++)
            put_value(k, &v->array->items[i], depth + 1);
        put(k, "]", 1);
        break;
    case KQL_BAG:
        put_bag(k, v->bag, depth);
        break;
    default:
        put_number(k, v);
        break;
    }
}

struct span
kql_value_key(struct pool *p, enum kql_type type, const struct kql_value *v)
{
    struct keyer k = {.pool = p};
    struct kql_value decimal;

    if (v->is_null)
        return (struct span){"", 0};
    if (type == KQL_DECIMAL) {
        decimal = v->type == KQL_DECIMAL ? *v : kql_convert(p, (enum kql_type)v->type, v, type);
        if (decimal.is_null)
            return (struct span){"", 0};
        put_decimal(&k, decimal.decimal);
    } else {
        put_value(&k, v, 0);
    }
    return (struct span){k.text, k.size};
}
