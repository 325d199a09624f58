/* convert.c - one value as another type: what toint(), tostring() and their kin do. What does not
 * convert is null; nothing here fails otherwise.
 *
 * Numbers are cut towards zero; a real beyond the range stops at its end, while a long is cut to
 * its low 32 bits (toint(2147483648) is -2147483648), both as the service has it. Text is read by
 * number_text.c, datetime_text.c and decimal.c. Datetimes and timespans count as their ticks. */
#include "kql/decimal.h"
#include "kql/dynamic.h"
#include "kql/value.h"
#include <math.h>

static bool
long_of_real(double r, int64_t *out)
{
    if (isnan(r))
        return false;
    *out = r >= 0x1p63 ? INT64_MAX : r <= -0x1p63 ? INT64_MIN : (int64_t)r;
    return true;
}

static bool
whole_of(const struct kql_value *v, int64_t *out)
{
    switch (v->type) {
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        *out = v->i;
        return true;
    case KQL_REAL:
        return long_of_real(v->r, out);
    case KQL_DECIMAL:
        return kql_decimal_to_long(v->decimal, out);
    case KQL_STRING:
        return kql_read_long(kql_text(v), out);
    default:
        return false;
    }
}

static struct kql_value
to_int(const struct kql_value *v)
{
    bool wraps = v->type == KQL_INT || v->type == KQL_LONG;
    int64_t i;

    if (!whole_of(v, &i))
        return kql_null(KQL_INT);
    if (v->type == KQL_REAL)
        i = i > INT32_MAX ? INT32_MAX : i < INT32_MIN ? INT32_MIN : i;
    else if (!wraps && (i > INT32_MAX || i < INT32_MIN))
        return kql_null(KQL_INT);
    return kql_integer(KQL_INT, (int32_t)(uint32_t)(uint64_t)i);
}

static bool
real_of(const struct kql_value *v, double *out)
{
    switch (v->type) {
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        *out = (double)v->i;
        return true;
    case KQL_REAL:
        *out = v->r;
        return true;
    case KQL_DECIMAL:
        *out = kql_decimal_to_real(v->decimal);
        return true;
    case KQL_STRING:
        return kql_read_real(kql_text(v), out);
    default:
        return false;
    }
}

static struct kql_value
to_decimal(struct pool *p, const struct kql_value *v)
{
    struct kql_decimal *d = pool_take(p, sizeof *d);
    bool converts = true;

    switch (v->type) {
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        kql_decimal_of_long(v->i, d);
        break;
    case KQL_REAL:
        converts = kql_decimal_of_real(v->r, d);
        break;
    case KQL_STRING:
        converts = kql_read_decimal(kql_text(v), d);
        break;
    default:
        converts = false;
    }
    if (!converts)
        return kql_null(KQL_DECIMAL);
    return (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
}

static struct kql_value
to_bool(const struct kql_value *v)
{
    bool b;

    switch (v->type) {
    case KQL_INT:
    case KQL_LONG:
        return kql_bool(v->i != 0);
    case KQL_REAL:
        return kql_bool(v->r != 0);
    case KQL_DECIMAL:
        return kql_bool(!kql_decimal_is_zero(v->decimal));
    case KQL_STRING:
        return kql_read_bool(kql_text(v), &b) ? kql_bool(b) : kql_null(KQL_BOOL);
    default:
        return kql_null(KQL_BOOL);
    }
}

static struct kql_value
to_datetime(const struct kql_value *v)
{
    int64_t ticks;
    bool converts = v->type == KQL_STRING ? kql_read_datetime(kql_text(v), &ticks)
                                          : v->type != KQL_BOOL && whole_of(v, &ticks);

    if (!converts || ticks < 0 || ticks > KQL_DATETIME_MAX)
        return kql_null(KQL_DATETIME);
    return kql_integer(KQL_DATETIME, ticks);
}

static struct kql_value
to_timespan(const struct kql_value *v)
{
    int64_t ticks;
    bool converts = v->type == KQL_STRING
                        ? kql_read_timespan(kql_text(v), &ticks)
                        : v->type != KQL_BOOL && v->type != KQL_DATETIME && whole_of(v, &ticks);

    return converts ? kql_integer(KQL_TIMESPAN, ticks) : kql_null(KQL_TIMESPAN);
}

static struct kql_value
to_guid(struct pool *p, const struct kql_value *v)
{
    struct kql_guid *g = pool_take(p, sizeof *g);

    if (v->type != KQL_STRING || !kql_read_guid(kql_text(v), g))
        return kql_null(KQL_GUID);
    return (struct kql_value){.type = KQL_GUID, .guid = g};
}

struct kql_value
kql_convert(struct pool *p, enum kql_type from, const struct kql_value *v, enum kql_type to)
{
    struct kql_value result = *v;
    int64_t i;
    double r;

    if (to == KQL_STRING)
        return kql_to_text(p, from, v);
    if (v->is_null)
        return kql_null(to);
    if (v->type == to || to == KQL_DYNAMIC || to == KQL_UNKNOWN)
        return result;
    switch (to) {
    case KQL_BOOL:
        return to_bool(v);
    case KQL_INT:
        return to_int(v);
    case KQL_LONG:
        return whole_of(v, &i) ? kql_integer(KQL_LONG, i) : kql_null(KQL_LONG);
    case KQL_REAL:
        return real_of(v, &r) ? kql_real(r) : kql_null(KQL_REAL);
    case KQL_DECIMAL:
        return to_decimal(p, v);
    case KQL_DATETIME:
        return to_datetime(v);
    case KQL_TIMESPAN:
        return to_timespan(v);
    case KQL_GUID:
        return to_guid(p, v);
    default: /* ARRAY, BAG: of another kind */
        return kql_null(KQL_DYNAMIC);
    }
}

static size_t
print_long(int64_t i, char out[24])
{
    uint64_t size = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    char digits[20];
    size_t count = 0, n = 0;

    do {
        digits[count++] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (i < 0)
        out[n++] = '-';
    while (count > 0)
        out[n++] = digits[--count];
    return n;
}

static struct span
print(struct pool *p, enum kql_type from, const struct kql_value *v)
{
    char *out;

    if (v->type == KQL_BOOL) {
        if (from == KQL_DYNAMIC)
            return v->i != 0 ? SPAN_LITERAL("true") : SPAN_LITERAL("false");
        return v->i != 0 ? SPAN_LITERAL("True") : SPAN_LITERAL("False");
    }
    out = pool_take(p, 48);
    switch (v->type) {
    case KQL_INT:
    case KQL_LONG:
        return (struct span){out, print_long(v->i, out)};
    case KQL_REAL:
        return (struct span){out, kql_print_real(v->r, out)};
    case KQL_DECIMAL:
        return (struct span){out, kql_print_decimal(v->decimal, out)};
    case KQL_DATETIME:
        return (struct span){out, kql_print_datetime(v->i, out)};
    case KQL_TIMESPAN:
        return (struct span){out, kql_print_timespan(v->i, out)};
    default:
        return (struct span){out, kql_print_guid(v->guid, out)};
    }
}

static struct kql_value
json_text(struct pool *p, const struct kql_value *v)
{
    struct span text = kql_json_print(p, v);

    return kql_string(text.n > KQL_STRING_MAX ? SPAN_LITERAL("") : text);
}

struct kql_value
kql_to_text(struct pool *p, enum kql_type from, const struct kql_value *v)
{
    if (v->is_null)
        return kql_null(KQL_STRING);
    if (v->type == KQL_STRING)
        return *v;
    if (v->type == KQL_ARRAY || v->type == KQL_BAG)
        return json_text(p, v);
    return kql_string(print(p, from, v));
}
