/* function_operator.c - the rows of the function table for operators: arithmetic, comparison,
 * logic, in, between, members and elements. (Those that search text are in function_string.c.)
 *
 * Arithmetic: whole numbers wrap around and are long whatever they were; division cuts towards
 * zero; a remainder is never negative; what divides by zero is null, of reals infinite or NaN.
 * Datetimes and timespans that leave their range are null.
 *
 * Comparison: numbers by value, exactly, whatever their types. "==" takes any two types: text is
 * read as what stands on the other side, except that a dynamic is compared with text by its own
 * text. One null side is unequal, two are null; "<" and its kin with a null are null; NaN is unequal
 * to all and neither less nor greater (design facts, sections 3 and 4). */
#include "kql/decimal.h"
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/function_inner.h"
#include "kql/text.h"
#include <math.h>

/* Ticks on their way: no product of two of them leaves it. */
__extension__ typedef __int128 wide;

/* ---- what the two sides are ---- */

enum pair {
    PAIR_NONE,
    PAIR_LONG, /* also int, bool */
    PAIR_REAL,
    PAIR_DECIMAL,
    PAIR_SPANS,
    PAIR_TIMES,
    PAIR_TIME_SPAN,
    PAIR_SPAN_TIME,
    PAIR_SPAN_NUMBER,
    PAIR_NUMBER_SPAN,
    PAIR_TIME_NUMBER,
    PAIR_NUMBER_TIME,
};

static enum pair
number_pair(uint8_t a, uint8_t b)
{
    if (a == KQL_DECIMAL || b == KQL_DECIMAL)
        return PAIR_DECIMAL;
    return a == KQL_REAL || b == KQL_REAL ? PAIR_REAL : PAIR_LONG;
}

static enum pair
pair_of(const struct kql_value *a, const struct kql_value *b)
{
    bool a_is_number = kql_type_is_number((enum kql_type)a->type),
         b_is_number = kql_type_is_number((enum kql_type)b->type);

    if (a->is_null || b->is_null)
        return PAIR_NONE;
    if (a_is_number && b_is_number)
        return number_pair(a->type, b->type);
    if (a->type == KQL_TIMESPAN)
        return b->type == KQL_TIMESPAN   ? PAIR_SPANS
               : b->type == KQL_DATETIME ? PAIR_SPAN_TIME
               : b_is_number             ? PAIR_SPAN_NUMBER
                                         : PAIR_NONE;
    if (a->type == KQL_DATETIME)
        return b->type == KQL_TIMESPAN   ? PAIR_TIME_SPAN
               : b->type == KQL_DATETIME ? PAIR_TIMES
               : b_is_number             ? PAIR_TIME_NUMBER
                                         : PAIR_NONE;
    if (a_is_number)
        return b->type == KQL_TIMESPAN   ? PAIR_NUMBER_SPAN
               : b->type == KQL_DATETIME ? PAIR_NUMBER_TIME
                                         : PAIR_NONE;
    return PAIR_NONE;
}

/* Ticks as a datetime or timespan; outside of its range nothing is set. */
static void
set_ticks(struct kql_value *result, enum kql_type type, wide ticks)
{
    if (type == KQL_DATETIME ? ticks >= 0 && ticks <= KQL_DATETIME_MAX
                             : ticks >= INT64_MIN && ticks <= INT64_MAX)
        *result = kql_integer(type, (int64_t)ticks);
}

typedef bool decimal_operation(const struct kql_decimal *, const struct kql_decimal *,
                               struct kql_decimal *);

static void
decimal_pair(struct kql_call *call, const struct kql_value *a, const struct kql_value *b,
             decimal_operation *operation, struct kql_value *result)
{
    struct kql_value x = kql_convert(call->pool, a->type, a, KQL_DECIMAL),
                     y = kql_convert(call->pool, b->type, b, KQL_DECIMAL);
    struct kql_decimal *d = pool_take(call->pool, sizeof *d);

    if (!x.is_null && !y.is_null && operation(x.decimal, y.decimal, d))
        *result = (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
}

/* Ticks times (or through) a number, cut to ticks; of a span or a time. */
static void
scaled(const struct kql_value *ticks, double by, struct kql_value *result)
{
    double r = (double)ticks->i * by;

    if (r > -0x1p63 && r < 0x1p63)
        set_ticks(result, (enum kql_type)ticks->type, (int64_t)r);
}

static bool
is_whole(const struct kql_value *v)
{
    return v->type == KQL_INT || v->type == KQL_LONG;
}

/* ---- arithmetic ---- */

static void
add(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];

    *result = kql_null((enum kql_type)call->result_type);
    switch (pair_of(a, b)) {
    case PAIR_LONG:
        *result = kql_integer(KQL_LONG, (int64_t)((uint64_t)a->i + (uint64_t)b->i));
        break;
    case PAIR_REAL:
        *result = kql_real(kql_real_in(a) + kql_real_in(b));
        break;
    case PAIR_DECIMAL:
        decimal_pair(call, a, b, kql_decimal_add, result);
        break;
    case PAIR_SPANS:
        set_ticks(result, KQL_TIMESPAN, (wide)a->i + b->i);
        break;
    case PAIR_TIME_SPAN:
    case PAIR_SPAN_TIME:
        set_ticks(result, KQL_DATETIME, (wide)a->i + b->i);
        break;
    default:
        break;
    }
}

static void
subtract(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];

    *result = kql_null((enum kql_type)call->result_type);
    switch (pair_of(a, b)) {
    case PAIR_LONG:
        *result = kql_integer(KQL_LONG, (int64_t)((uint64_t)a->i - (uint64_t)b->i));
        break;
    case PAIR_REAL:
        *result = kql_real(kql_real_in(a) - kql_real_in(b));
        break;
    case PAIR_DECIMAL:
        decimal_pair(call, a, b, kql_decimal_subtract, result);
        break;
    case PAIR_SPANS:
    case PAIR_TIMES:
        set_ticks(result, KQL_TIMESPAN, (wide)a->i - b->i);
        break;
    case PAIR_TIME_SPAN:
        set_ticks(result, KQL_DATETIME, (wide)a->i - b->i);
        break;
    default:
        break;
    }
}

static void
multiply(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];
    enum pair pair = pair_of(a, b);

    *result = kql_null((enum kql_type)call->result_type);
    if (pair == PAIR_NUMBER_SPAN || pair == PAIR_NUMBER_TIME) {
        a = &args[1];
        b = &args[0];
        pair = pair == PAIR_NUMBER_SPAN ? PAIR_SPAN_NUMBER : PAIR_TIME_NUMBER;
    }
    switch (pair) {
    case PAIR_LONG:
        *result = kql_integer(KQL_LONG, (int64_t)((uint64_t)a->i * (uint64_t)b->i));
        break;
    case PAIR_REAL:
        *result = kql_real(kql_real_in(a) * kql_real_in(b));
        break;
    case PAIR_DECIMAL:
        decimal_pair(call, a, b, kql_decimal_multiply, result);
        break;
    case PAIR_SPANS:
        set_ticks(result, KQL_TIMESPAN, (wide)a->i * b->i);
        break;
    case PAIR_SPAN_NUMBER:
    case PAIR_TIME_NUMBER:
        if (!is_whole(b))
            scaled(a, kql_real_in(b), result);
        else
            set_ticks(result, (enum kql_type)a->type, (wide)a->i * b->i);
        break;
    default:
        break;
    }
}

static int64_t
quotient(int64_t a, int64_t b) /* b is not 0; the one overflow wraps */
{
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static void
divide(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];

    *result = kql_null((enum kql_type)call->result_type);
    switch (pair_of(a, b)) {
    case PAIR_LONG:
        if (b->i != 0)
            *result = kql_integer(KQL_LONG, quotient(a->i, b->i));
        break;
    case PAIR_REAL:
        *result = kql_real(kql_real_in(a) / kql_real_in(b));
        break;
    case PAIR_DECIMAL:
        decimal_pair(call, a, b, kql_decimal_divide, result);
        break;
    case PAIR_SPANS:
    case PAIR_TIMES:
    case PAIR_TIME_SPAN:
        *result = kql_real((double)a->i / (double)b->i);
        break;
    case PAIR_SPAN_NUMBER:
    case PAIR_TIME_NUMBER:
        if (!is_whole(b))
            scaled(a, 1 / kql_real_in(b), result);
        else if (b->i != 0)
            set_ticks(result, (enum kql_type)a->type, (wide)a->i / b->i);
        break;
    default:
        break;
    }
}

/* In [0, |b|); b is not 0. */
static int64_t
remainder_of(int64_t a, int64_t b)
{
    int64_t rest = b == -1 ? 0 : a % b;

    return rest < 0 ? (int64_t)((uint64_t)rest + (b < 0 ? 0 - (uint64_t)b : (uint64_t)b)) : rest;
}

static double
real_remainder(double a, double b)
{
    double rest = fmod(a, b);

    return rest < 0 ? rest + fabs(b) : rest;
}

static void
modulo(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];

    *result = kql_null((enum kql_type)call->result_type);
    switch (pair_of(a, b)) {
    case PAIR_LONG:
        if (b->i != 0)
            *result = kql_integer(KQL_LONG, remainder_of(a->i, b->i));
        break;
    case PAIR_REAL:
        *result = kql_real(real_remainder(kql_real_in(a), kql_real_in(b)));
        break;
    case PAIR_DECIMAL:
        decimal_pair(call, a, b, kql_decimal_modulo, result);
        break;
    case PAIR_SPANS:
    case PAIR_TIMES:
    case PAIR_TIME_SPAN:
        if (b->i != 0)
            *result = kql_integer(KQL_TIMESPAN, remainder_of(a->i, b->i));
        break;
    case PAIR_SPAN_NUMBER:
        if (is_whole(b) && b->i != 0)
            *result = kql_integer(KQL_TIMESPAN, remainder_of(a->i, b->i));
        else if (!is_whole(b) && kql_real_in(b) != 0 && isfinite(kql_real_in(b)))
            set_ticks(result, KQL_TIMESPAN,
                      (int64_t)fmin(real_remainder((double)a->i, kql_real_in(b)), 0x1p62));
        break;
    default:
        break;
    }
}

static void
negate(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0];
    struct kql_decimal *d;

    *result = kql_null((enum kql_type)call->result_type);
    switch (a->type) {
    case KQL_INT:
    case KQL_LONG:
        *result = kql_integer(KQL_LONG, (int64_t)(0 - (uint64_t)a->i));
        break;
    case KQL_REAL:
        *result = kql_real(-a->r);
        break;
    case KQL_DECIMAL:
        d = pool_take(call->pool, sizeof *d);
        *d = *a->decimal;
        d->is_negative = !d->is_negative && !kql_decimal_is_zero(d);
        *result = (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
        break;
    case KQL_TIMESPAN:
        set_ticks(result, KQL_TIMESPAN, -(wide)a->i);
        break;
    default:
        break;
    }
}

/* ---- comparison ---- */

static bool
is_nan(const struct kql_value *v)
{
    return v->type == KQL_REAL && isnan(v->r);
}

/* Bools count as 0 and 1 beside numbers. */
static struct kql_value
as_number(const struct kql_value *v)
{
    return v->type == KQL_BOOL ? kql_integer(KQL_LONG, v->i) : *v;
}

enum order { LESS = -1, SAME = 0, GREATER = 1, NEITHER /* NaN */, UNKNOWN /* null */ };

static enum order
order_of(const struct kql_value *a, const struct kql_value *b)
{
    struct kql_value x, y;
    int order;

    if (a->is_null || b->is_null)
        return UNKNOWN;
    if (a->type == b->type && a->type != KQL_REAL) {
        order = kql_value_compare(a, b);
        return order < 0 ? LESS : order > 0 ? GREATER : SAME;
    }
    x = as_number(a);
    y = as_number(b);
    if (!kql_type_is_number((enum kql_type)x.type) || !kql_type_is_number((enum kql_type)y.type))
        return UNKNOWN;
    if (is_nan(&x) || is_nan(&y))
        return NEITHER;
    order = kql_value_compare(&x, &y);
    return order < 0 ? LESS : order > 0 ? GREATER : SAME;
}

static void
set_order(struct kql_value *result, enum order order, bool is_true)
{
    *result = order == UNKNOWN ? kql_null(KQL_BOOL) : kql_bool(is_true);
}

static void
less(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    enum order order = order_of(&args[0], &args[1]);

    (void)call;
    set_order(result, order, order == LESS);
}

static void
less_equal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    enum order order = order_of(&args[0], &args[1]);

    (void)call;
    set_order(result, order, order == LESS || order == SAME);
}

static void
greater(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    enum order order = order_of(&args[0], &args[1]);

    (void)call;
    set_order(result, order, order == GREATER);
}

static void
greater_equal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    enum order order = order_of(&args[0], &args[1]);

    (void)call;
    set_order(result, order, order == GREATER || order == SAME);
}

static bool
is_same_text(struct pool *p, const struct kql_value *dynamic, const struct kql_value *text)
{
    struct kql_value printed = kql_to_text(p, KQL_DYNAMIC, dynamic);

    return span_equal(kql_text(&printed), kql_text(text));
}

/* Both are there, and of different types. */
static bool
is_equal_mixed(struct pool *p, const struct kql_value *a, enum kql_type a_type,
               const struct kql_value *b, enum kql_type b_type)
{
    if (a->type == KQL_STRING) {
        const struct kql_value *other = b;
        enum kql_type type = b_type;

        if (type == KQL_DYNAMIC)
            return is_same_text(p, other, a);
        struct kql_value read = kql_convert(p, a_type, a, (enum kql_type)other->type);

        return !read.is_null && order_of(&read, other) == SAME;
    }
    if (b->type == KQL_STRING)
        return is_equal_mixed(p, b, b_type, a, a_type);
    return order_of(a, b) == SAME;
}

static bool
is_equal(struct pool *p, const struct kql_value *a, enum kql_type a_type, const struct kql_value *b,
         enum kql_type b_type)
{
    if (a->type == KQL_STRING && b->type == KQL_STRING)
        return a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
    if (a->type == KQL_REAL && b->type == KQL_REAL)
        return a->r == b->r;
    if (a->type == b->type)
        return kql_value_same(a, b);
    return is_equal_mixed(p, a, a_type, b, b_type);
}

/* A dynamic null beside text counts as "". */
static bool
is_missing(const struct kql_value *v, const struct kql_value *other)
{
    return v->is_null && (v->type != KQL_DYNAMIC || other->type != KQL_STRING);
}

static void
equal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_value *a = &args[0], *b = &args[1];

    if (a->is_null || b->is_null) {
        if (a->is_null && b->is_null)
            *result = kql_null(KQL_BOOL);
        else if (is_missing(a, b) || is_missing(b, a))
            *result = kql_bool(false);
        else
            *result = kql_bool((a->is_null ? b : a)->size == 0);
        return;
    }
    *result = kql_bool(
        is_equal(call->pool, a, (enum kql_type)call->types[0], b, (enum kql_type)call->types[1]));
}

static void
not_equal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    equal(call, args, result);
    if (!result->is_null)
        result->i = !result->i;
}

/* ---- in ---- */

/* What a value is looked up by: a constant list, by kind. */
struct in_set {
    uint32_t mask; /* slots - 1 */
    bool has_text, has_numbers, has_others;
    uint32_t count;
    const struct kql_value *items;
    struct in_slot {
        uint64_t hash;
        const struct kql_value *item; /* NULL: free */
    } slots[];
};

static uint32_t
count_items(const struct kql_value *v)
{
    return v->is_null ? 0 : v->type == KQL_ARRAY ? v->array->count : 1;
}

static void
set_put(struct in_set *s, const struct kql_value *item)
{
    uint64_t hash = kql_value_hash(item);
    uint32_t at = (uint32_t)hash & s->mask;

    for (; s->slots[at].item != NULL; at = (at + 1) & s->mask)
        if (s->slots[at].hash == hash && kql_value_same(s->slots[at].item, item))
            return;
    s->slots[at] = (struct in_slot){hash, item};
    if (item->type == KQL_STRING)
        s->has_text = true;
    else if (kql_type_is_number((enum kql_type)item->type))
        s->has_numbers = true;
    else
        s->has_others = true;
}

static bool
set_has(const struct in_set *s, const struct kql_value *item)
{
    uint64_t hash = kql_value_hash(item);
    uint32_t at = (uint32_t)hash & s->mask;

    for (; s->slots[at].item != NULL; at = (at + 1) & s->mask)
        if (s->slots[at].hash == hash && kql_value_same(s->slots[at].item, item))
            return true;
    return false;
}

static void *
prepare_set(struct pool *pool, const struct kql_value *const *constants, uint32_t count, bool folds)
{
    uint32_t total = 0, slot_count = 4, at = 0;
    struct kql_value *items;
    struct in_set *s;

    for (uint32_t i = 1; i < count; i++) {
        if (constants[i] == NULL)
            return NULL;
        total += count_items(constants[i]);
    }
    items = pool_zeroed(pool, total, sizeof *items);
    for (uint32_t i = 1; i < count; i++) {
        const struct kql_value *from = constants[i];
        bool is_list = !from->is_null && from->type == KQL_ARRAY;

        for (uint32_t k = 0; k < count_items(from); k++) {
            const struct kql_value *item = is_list ? &from->array->items[k] : from;

            if (item->is_null)
                continue;
            items[at] = kql_value_copy(pool, item);
            if (folds) {
                struct kql_value text = kql_to_text(pool, KQL_DYNAMIC, item);

                items[at] = kql_string(kql_lower(pool, kql_text(&text)));
            }
            at++;
        }
    }
    while (slot_count < at * 2)
        slot_count *= 2;
    s = pool_zeroed(pool, 1, sizeof *s + slot_count * sizeof s->slots[0]);
    s->mask = slot_count - 1;
    s->count = at;
    s->items = items;
    for (uint32_t i = 0; i < at; i++)
        set_put(s, &items[i]);
    return s;
}

static void *
prepare_in(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
           struct err *err)
{
    (void)err;
    return prepare_set(pool, constants, count, false);
}

static void *
prepare_in_ci(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
              struct err *err)
{
    (void)err;
    return prepare_set(pool, constants, count, true);
}

static bool
is_in_set(struct kql_call *call, const struct in_set *s, const struct kql_value *v)
{
    bool is_text = v->type == KQL_STRING, is_number = kql_type_is_number((enum kql_type)v->type);

    if (is_nan(v))
        return false;
    if (set_has(s, v))
        return true;
    /* Only what is of another kind can still be equal, after conversion. */
    if ((is_text && !s->has_numbers && !s->has_others) ||
        (is_number && !s->has_text && !s->has_others))
        return false;
    for (uint32_t i = 0; i < s->count; i++)
        if (is_equal(call->pool, v, (enum kql_type)call->types[0], &s->items[i],
                     (enum kql_type)s->items[i].type))
            return true;
    return false;
}

static bool
is_in(struct kql_call *call, const struct kql_value *args)
{
    const struct kql_value *v = &args[0];

    if (v->is_null)
        return false;
    if (call->prepared != NULL)
        return is_in_set(call, call->prepared, v);
    for (uint32_t i = 1; i < call->count; i++) {
        bool is_list = !args[i].is_null && args[i].type == KQL_ARRAY;

        for (uint32_t k = 0; k < count_items(&args[i]); k++) {
            const struct kql_value *item = is_list ? &args[i].array->items[k] : &args[i];

            if (!item->is_null && is_equal(call->pool, v, (enum kql_type)call->types[0], item,
                                           (enum kql_type)call->types[i]))
                return true;
        }
    }
    return false;
}

static void
in(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(is_in(call, args));
}

static void
not_in(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(!is_in(call, args));
}

/* In lower case; short ASCII without the pool. */
static struct span
lower(struct pool *p, struct span text, char *room, size_t room_size)
{
    if (text.n > room_size)
        return kql_lower(p, text);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x80)
            return kql_lower(p, text);
        room[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    return (struct span){room, text.n};
}

static bool
is_in_ci(struct kql_call *call, const struct kql_value *args)
{
    struct kql_value text = kql_to_text(call->pool, KQL_DYNAMIC, &args[0]);
    char room[256];

    if (args[0].is_null && args[0].type != KQL_DYNAMIC)
        return false;
    if (call->prepared != NULL) {
        text = kql_string(lower(call->pool, kql_text(&text), room, sizeof room));
        return set_has(call->prepared, &text);
    }
    for (uint32_t i = 1; i < call->count; i++) {
        bool is_list = !args[i].is_null && args[i].type == KQL_ARRAY;

        for (uint32_t k = 0; k < count_items(&args[i]); k++) {
            struct kql_value item =
                kql_to_text(call->pool, KQL_DYNAMIC, is_list ? &args[i].array->items[k] : &args[i]);

            if (kql_compare_ci(kql_text(&text), kql_text(&item)) == 0)
                return true;
        }
    }
    return false;
}

static void
in_ci(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(is_in_ci(call, args));
}

static void
not_in_ci(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(!is_in_ci(call, args));
}

/* ---- between ---- */

/* a .. b, and of datetimes also a .. span: from a as long as that. */
static void
between(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_value end = args[2];
    enum order low, high;

    (void)call;
    if (!end.is_null && end.type == KQL_TIMESPAN && args[1].type == KQL_DATETIME) {
        end.type = KQL_DATETIME;
        if (__builtin_add_overflow(args[1].i, end.i, &end.i))
            end.i = end.i < 0 ? INT64_MAX : INT64_MIN;
    }
    low = order_of(&args[0], &args[1]);
    high = order_of(&args[0], &end);
    if (low == UNKNOWN || high == UNKNOWN)
        *result = kql_null(KQL_BOOL);
    else
        *result = kql_bool((low == GREATER || low == SAME) && (high == LESS || high == SAME));
}

static void
not_between(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    between(call, args, result);
    if (!result->is_null)
        result->i = !result->i;
}

/* ---- logic: the evaluator has its own way; these are for whoever calls the rows ---- */

static void
logical_and(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool is_unknown = false;

    for (uint32_t i = 0; i < call->count; i++) {
        if (!args[i].is_null && args[i].i == 0) {
            *result = kql_bool(false);
            return;
        }
        is_unknown |= args[i].is_null;
    }
    *result = is_unknown ? kql_null(KQL_BOOL) : kql_bool(true);
}

static void
logical_or(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool is_unknown = false;

    for (uint32_t i = 0; i < call->count; i++) {
        if (!args[i].is_null && args[i].i != 0) {
            *result = kql_bool(true);
            return;
        }
        is_unknown |= args[i].is_null;
    }
    *result = is_unknown ? kql_null(KQL_BOOL) : kql_bool(false);
}

/* ---- members and elements ---- */

static void
member(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_member(&args[0], kql_text(&args[1]));
}

static void
element(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    if (args[1].type == KQL_STRING)
        *result = kql_member(&args[0], kql_text(&args[1]));
    else if (is_whole(&args[1]))
        *result = kql_element(&args[0], args[1].i);
    else
        *result = kql_null(KQL_DYNAMIC);
}

/* ---- the table ---- */

#define NUMBERS                                                                                    \
    "(left: long, right: long) -> long\n(left: real, right: real) -> real\n"                       \
    "(left: decimal, right: decimal) -> decimal\n"
#define DYNAMICS "\n(left: dynamic, right: dynamic) -> dynamic"
#define ORDERED                                                                                    \
    "(left: number, right: number) -> bool\n(left: timespan, right: timespan) -> bool\n"           \
    "(left: datetime, right: datetime) -> bool\n(left: bool, right: bool) -> bool\n"               \
    "(left: dynamic, right: dynamic) -> bool\n(left: dynamic, right: number) -> bool\n"            \
    "(left: number, right: dynamic) -> bool\n(left: bool, right: number) -> bool\n"                \
    "(left: number, right: bool) -> bool"
#define RANGE                                                                                      \
    "(value: number, start: number, end: number) -> bool\n"                                        \
    "(value: datetime, start: datetime, end: datetime) -> bool\n"                                  \
    "(value: timespan, start: timespan, end: timespan) -> bool\n"                                  \
    "(value: datetime, start: datetime, end: timespan) -> bool\n"                                  \
    "(value: dynamic, start: number, end: number) -> bool\n"                                       \
    "(value: number, start: dynamic, end: number) -> bool\n"                                       \
    "(value: number, start: number, end: dynamic) -> bool\n"                                       \
    "(value: number, start: dynamic, end: dynamic) -> bool"
#define LIST "(value: any, list: any...) -> bool"
#define TEXT_LIST "(value: string, list: any...) -> bool\n(value: dynamic, list: any...) -> bool"

#define OPERATOR(spelled, more_flags, types, hook, line, place)                                    \
    {                                                                                              \
        .name = spelled, .kind = KQL_OPERATOR, .flags = KQL_F_TRANSFORM | (more_flags),            \
        .signature = types, .doc = line, .call = hook, .group = place                              \
    }
#define LIST_OPERATOR(spelled, azure, types, hook, prepared, line)                                 \
    {                                                                                              \
        .name = spelled, .kind = KQL_OPERATOR,                                                     \
        .flags = KQL_F_TAKES_NULLS | KQL_F_ARRAY_LIST | (azure), .signature = types, .doc = line,  \
        .call = hook, .prepare = prepared, .group = "comparison"                                   \
    }

/* clang-format off */
const struct kql_function kql_functions_operator[] = {
    OPERATOR("+", 0,
             NUMBERS "(left: timespan, right: timespan) -> timespan\n"
             "(left: datetime, right: timespan) -> datetime\n"
             "(left: timespan, right: datetime) -> datetime" DYNAMICS,
             add, "The sum.", "arithmetic"),
    OPERATOR("-", 0,
             NUMBERS "(left: timespan, right: timespan) -> timespan\n"
             "(left: datetime, right: datetime) -> timespan\n"
             "(left: datetime, right: timespan) -> datetime" DYNAMICS,
             subtract, "The difference; of two datetimes a timespan.", "arithmetic"),
    OPERATOR("*", 0,
             NUMBERS "(left: timespan, right: long) -> timespan\n"
             "(left: timespan, right: real) -> timespan\n"
             "(left: timespan, right: decimal) -> timespan\n"
             "(left: long, right: timespan) -> timespan\n"
             "(left: real, right: timespan) -> timespan\n"
             "(left: decimal, right: timespan) -> timespan\n"
             "(left: timespan, right: timespan) -> timespan\n"
             "(left: datetime, right: number) -> datetime\n"
             "(left: number, right: datetime) -> datetime" DYNAMICS,
             multiply, "The product.", "arithmetic"),
    OPERATOR("/", 0,
             NUMBERS "(left: timespan, right: timespan) -> real\n"
             "(left: timespan, right: long) -> timespan\n"
             "(left: timespan, right: real) -> timespan\n"
             "(left: timespan, right: decimal) -> timespan\n"
             "(left: datetime, right: datetime) -> real\n"
             "(left: datetime, right: timespan) -> real\n"
             "(left: datetime, right: number) -> datetime" DYNAMICS,
             divide, "The quotient; of whole numbers cut towards zero, null by zero.",
             "arithmetic"),
    OPERATOR("%", 0,
             NUMBERS "(left: timespan, right: timespan) -> timespan\n"
             "(left: timespan, right: number) -> timespan\n"
             "(left: datetime, right: datetime) -> timespan\n"
             "(left: datetime, right: timespan) -> timespan" DYNAMICS,
             modulo, "The remainder, never negative.", "arithmetic"),
    OPERATOR("-1", 0,
             "(operand: long) -> long\n(operand: real) -> real\n(operand: decimal) -> decimal\n"
             "(operand: timespan) -> timespan\n(operand: dynamic) -> dynamic",
             negate, "The same, with the other sign.", "arithmetic"),
    OPERATOR("==", KQL_F_TAKES_NULLS, "(left: any, right: any) -> bool", equal,
             "Whether both are equal; one null is not, two are null.", "comparison"),
    OPERATOR("!=", KQL_F_TAKES_NULLS, "(left: any, right: any) -> bool", not_equal,
             "The opposite of ==.", "comparison"),
    OPERATOR("<", 0, ORDERED, less, "Whether the left one is less.", "comparison"),
    OPERATOR("<=", 0, ORDERED, less_equal, "Whether the left one is not more.", "comparison"),
    OPERATOR(">", 0, ORDERED, greater, "Whether the left one is more.", "comparison"),
    OPERATOR(">=", 0, ORDERED, greater_equal, "Whether the left one is not less.", "comparison"),
    LIST_OPERATOR("in", KQL_F_TRANSFORM, LIST, in, prepare_in,
                  "Whether the value is in the list; arrays stand for their elements."),
    LIST_OPERATOR("!in", KQL_F_TRANSFORM, LIST, not_in, prepare_in, "The opposite of in."),
    LIST_OPERATOR("in~", 0, TEXT_LIST, in_ci, prepare_in_ci,
                  "Whether the text is in the list, in any case."),
    LIST_OPERATOR("!in~", 0, TEXT_LIST, not_in_ci, prepare_in_ci, "The opposite of in~."),
    {.name = "between", .kind = KQL_OPERATOR, .signature = RANGE, .call = between,
     .doc = "Whether the value lies in the range, its ends included.", .group = "comparison"},
    {.name = "!between", .kind = KQL_OPERATOR, .signature = RANGE, .call = not_between,
     .doc = "The opposite of between.", .group = "comparison"},
    OPERATOR("and", KQL_F_TAKES_NULLS | KQL_F_LAZY, "(left: bool, right: bool) -> bool",
             logical_and, "Whether both are true; false beats null.", "logic"),
    OPERATOR("or", KQL_F_TAKES_NULLS | KQL_F_LAZY, "(left: bool, right: bool) -> bool", logical_or,
             "Whether one is true; true beats null.", "logic"),
    OPERATOR(".", 0, "(value: dynamic, key: string) -> dynamic", member,
             "The member of a bag; null where there is none.", "dynamic"),
    OPERATOR("[]", 0,
             "(value: dynamic, index: long) -> dynamic\n(value: dynamic, key: string) -> dynamic\n"
             "(value: dynamic, key: dynamic) -> dynamic",
             element,
             "The element of an array, from the end when negative, or the member of a bag.",
             "dynamic"),
    {.name = NULL},
};
/* clang-format on */
