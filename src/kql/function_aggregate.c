/* function_aggregate.c - the aggregates of summarize and its kin.
 *
 * add is called for every row, nulls included. An aggregate of several results writes result[0],
 * result[1] ...: arg_max and arg_min one for each argument, take_any too, percentiles one for each
 * percentile, percentilesw likewise; the binder asks for that many (kql_expr.result_count).
 * merge puts states together that saw different rows: for engines that read with several threads.
 * Facts: aggregation functions' pages; over no rows and over nulls as the engine answers (sum 0,
 * avg NaN, min and max null, stdev 0, lists empty). */
#include "kql/function_aggregate.h"
#include <math.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 wide_bits;

/* ---- count ---- */

static void
count_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call, (void)args;
    ++*(int64_t *)state;
}

static void
countif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call;
    *(int64_t *)state += kql_is_true(&args[0]);
}

static void
count_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, *(int64_t *)state);
}

static void
count_merge(struct kql_call *call, void *state, void *other)
{
    (void)call;
    *(int64_t *)state += *(int64_t *)other;
}

static const struct kql_aggregate count_all = {sizeof(int64_t), NULL,        count_add,
                                               count_finish,    count_merge, 0};
static const struct kql_aggregate countif = {sizeof(int64_t), NULL,        countif_add,
                                             count_finish,    count_merge, 0};

/* ---- sum and avg ---- */

struct sum {
    int64_t count;
    uint64_t whole;    /* INT, LONG, TIMESPAN: wraps as the engine's does */
    uint64_t exact[2]; /* low and high half of a sum that cannot wrap: for averages of ticks */
    double real;
    struct kql_decimal decimal;
    bool is_overflown; /* a decimal beyond its digits: null */
};

static wide
exact_of(const struct sum *s)
{
    return (wide)((wide_bits)s->exact[1] << 64 | s->exact[0]);
}

static void
exact_add(struct sum *s, wide i) /* states are aligned to 8 bytes: hence the halves */
{
    wide_bits sum = (wide_bits)(exact_of(s) + i);

    s->exact[0] = (uint64_t)sum;
    s->exact[1] = (uint64_t)(sum >> 64);
}

static void
decimal_add(struct sum *s, const struct kql_decimal *d)
{
    struct kql_decimal result;

    if (kql_decimal_add(&s->decimal, d, &result))
        s->decimal = result;
    else
        s->is_overflown = true;
}

static void
sum_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct sum *s = state;

    (void)call;
    if (args[0].is_null)
        return;
    s->count++;
    switch (args[0].type) {
    case KQL_REAL:
        s->real += args[0].r;
        break;
    case KQL_DECIMAL:
        decimal_add(s, args[0].decimal);
        break;
    default:
        s->whole += (uint64_t)args[0].i;
        exact_add(s, args[0].i);
    }
}

static void
sumif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        sum_add(call, state, args);
}

static struct kql_value
decimal_value(struct kql_call *call, const struct kql_decimal *d)
{
    struct kql_decimal *copy = pool_take(call->pool, sizeof *copy);

    *copy = *d;
    return (struct kql_value){.type = KQL_DECIMAL, .decimal = copy};
}

static void
sum_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct sum *s = state;

    if (call->result_type == KQL_REAL)
        *result = kql_real(s->real);
    else if (call->result_type == KQL_DECIMAL)
        *result = s->is_overflown ? kql_null(KQL_DECIMAL) : decimal_value(call, &s->decimal);
    else
        *result = kql_integer(call->result_type, (int64_t)s->whole);
}

static void
avg_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct sum *s = state;
    struct kql_decimal count, quotient;

    if (call->result_type == KQL_REAL) { /* of whole numbers the sum may have wrapped: as sum() */
        double sum = s->real + (double)(int64_t)s->whole;

        *result = kql_real(s->count == 0 ? NAN : sum / (double)s->count);
        return;
    }
    *result = kql_null(call->result_type);
    if (s->count == 0 || s->is_overflown)
        return;
    if (call->result_type != KQL_DECIMAL) {
        *result = kql_integer(call->result_type, (int64_t)(exact_of(s) / s->count));
        return;
    }
    kql_decimal_of_long(s->count, &count);
    if (kql_decimal_divide(&s->decimal, &count, &quotient))
        *result = decimal_value(call, &quotient);
}

static void
sum_merge(struct kql_call *call, void *state, void *other)
{
    struct sum *s = state;
    const struct sum *o = other;

    (void)call;
    s->count += o->count;
    s->whole += o->whole;
    exact_add(s, exact_of(o));
    s->real += o->real;
    decimal_add(s, &o->decimal);
    s->is_overflown |= o->is_overflown;
}

static const struct kql_aggregate sum_all = {sizeof(struct sum), NULL,      sum_add,
                                             sum_finish,         sum_merge, 0};
static const struct kql_aggregate sumif = {sizeof(struct sum), NULL,      sumif_add,
                                           sum_finish,         sum_merge, 0};
static const struct kql_aggregate avg_all = {sizeof(struct sum), NULL,      sum_add,
                                             avg_finish,         sum_merge, 0};
static const struct kql_aggregate avgif = {sizeof(struct sum), NULL,      sumif_add,
                                           avg_finish,         sum_merge, 0};

/* ---- one value that better ones replace: in place, since a table in rising order replaces it at
 * every row ---- */

struct kept {
    struct kql_value value; /* of static storage's zero: type 0, none yet */
    char *room;             /* of what the value points to */
    size_t room_size;
};

static size_t
aligned(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static size_t /* bytes of all that the value points to; recursion is bounded by KQL_LEVELS_MAX */
pointed_size(const struct kql_value *v)
{
    size_t size = 0;

    if (v->is_null)
        return 0;
    switch (v->type) {
    case KQL_STRING:
        return aligned(v->size);
    case KQL_DECIMAL:
        return aligned(sizeof *v->decimal);
    case KQL_GUID:
        return aligned(sizeof *v->guid);
    case KQL_ARRAY:
        size = sizeof *v->array + v->array->count * sizeof *v->array->items;
        for (uint32_t i = 0; i < v->array->count; i++)
            size += pointed_size(&v->array->items[i]);
        return size;
    case KQL_BAG:
        size = sizeof *v->bag + v->bag->count * sizeof *v->bag->entries;
        for (uint32_t i = 0; i < v->bag->count; i++)
            size += aligned(v->bag->entries[i].key.n) + pointed_size(&v->bag->entries[i].value);
        return size;
    default:
        return 0;
    }
}

static void * /* 'size' bytes at *at, which goes on behind them */
put_bytes(char **at, const void *from, size_t size)
{
    char *here = *at;

    if (from != NULL && size > 0)
        memcpy(here, from, size);
    *at += aligned(size);
    return here;
}

static struct kql_value
put_value(char **at, const struct kql_value *v)
{
    struct kql_value copy = *v;

    if (v->is_null)
        return copy;
    switch (v->type) {
    case KQL_STRING:
        copy.text = v->size == 0 ? "" : put_bytes(at, v->text, v->size);
        break;
    case KQL_DECIMAL:
        copy.decimal = put_bytes(at, v->decimal, sizeof *v->decimal);
        break;
    case KQL_GUID:
        copy.guid = put_bytes(at, v->guid, sizeof *v->guid);
        break;
    case KQL_ARRAY: {
        struct kql_array *array = put_bytes(at, v->array, sizeof *array);
        struct kql_value *items = put_bytes(at, NULL, array->count * sizeof *items);

        for (uint32_t i = 0; i < array->count; i++)
            items[i] = put_value(at, &v->array->items[i]);
        array->items = items;
        copy.array = array;
        break;
    }
    case KQL_BAG: {
        struct kql_bag *bag = put_bytes(at, v->bag, sizeof *bag);
        struct kql_bag_entry *entries = put_bytes(at, NULL, bag->count * sizeof *entries);

        for (uint32_t i = 0; i < bag->count; i++) {
            const struct kql_bag_entry *from = &v->bag->entries[i];

            entries[i].key = (struct span){put_bytes(at, from->key.p, from->key.n), from->key.n};
            entries[i].value = put_value(at, &from->value);
        }
        bag->entries = entries;
        copy.bag = bag;
        break;
    }
    default:
        break;
    }
    return copy;
}

static void
keep(struct pool *p, struct kept *k, const struct kql_value *v)
{
    size_t size = pointed_size(v);
    char *at;

    if (size > k->room_size) {
        size_t room = k->room_size == 0 ? size : 2 * size;

        k->room = pool_take(p, room);
        k->room_size = room;
    }
    at = k->room;
    k->value = put_value(&at, v);
}

/* ---- min, max: of reals NaN when one is there ---- */

static bool
is_nan(const struct kql_value *v)
{
    return v->type == KQL_REAL && !v->is_null && isnan(v->r);
}

static void
extreme_add(struct kql_call *call, struct kept *e, const struct kql_value *v, int sign)
{
    if (v->is_null || (e->value.type != 0 && is_nan(&e->value)))
        return;
    if (e->value.type == 0 || is_nan(v) || kql_value_compare(v, &e->value) * sign > 0)
        keep(call->pool, e, v);
}

static void
max_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    extreme_add(call, state, &args[0], 1);
}

static void
min_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    extreme_add(call, state, &args[0], -1);
}

static void
maxif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        max_add(call, state, args);
}

static void
minif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        min_add(call, state, args);
}

static void
extreme_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct kept *e = state;

    *result = e->value.type == 0 ? kql_null(call->result_type) : e->value;
}

static void
max_merge(struct kql_call *call, void *state, void *other)
{
    const struct kept *o = other;

    if (o->value.type != 0)
        extreme_add(call, state, &o->value, 1);
}

static void
min_merge(struct kql_call *call, void *state, void *other)
{
    const struct kept *o = other;

    if (o->value.type != 0)
        extreme_add(call, state, &o->value, -1);
}

static const struct kql_aggregate max_all = {sizeof(struct kept), NULL,      max_add,
                                             extreme_finish,      max_merge, 0};
static const struct kql_aggregate min_all = {sizeof(struct kept), NULL,      min_add,
                                             extreme_finish,      min_merge, 0};
static const struct kql_aggregate maxif = {sizeof(struct kept), NULL,      maxif_add,
                                           extreme_finish,      max_merge, 0};
static const struct kql_aggregate minif = {sizeof(struct kept), NULL,      minif_add,
                                           extreme_finish,      min_merge, 0};

/* ---- arg_max, arg_min, take_any: a row's values ---- */

struct chosen {
    struct kept *values; /* NULL: none yet */
};

static void
choose(struct kql_call *call, struct chosen *c, const struct kql_value *args, uint32_t count)
{
    if (c->values == NULL)
        c->values = pool_zeroed(call->pool, count, sizeof *c->values);
    for (uint32_t i = 0; i < count; i++)
        keep(call->pool, &c->values[i], &args[i]);
}

/* Of two values that both are there: the first of equal ones stays, NaN wins either way. */
static bool
is_better(const struct kql_value *v, const struct kql_value *than, int sign)
{
    if (v->is_null || is_nan(than))
        return false;
    return is_nan(v) || kql_value_compare(v, than) * sign > 0;
}

/* A null gives way to any value. */
static void
arg_add(struct kql_call *call, struct chosen *c, const struct kql_value *args, int sign)
{
    if (c->values == NULL ||
        (c->values[0].value.is_null ? !args[0].is_null
                                    : is_better(&args[0], &c->values[0].value, sign)))
        choose(call, c, args, call->count);
}

static void
arg_max_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    arg_add(call, state, args, 1);
}

static void
arg_min_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    arg_add(call, state, args, -1);
}

static void
chosen_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct chosen *c = state;

    for (uint32_t i = 0; i < call->count; i++)
        result[i] = c->values == NULL ? kql_null(call->types[i]) : c->values[i].value;
}

/* One argument: a value that is not null or empty if there is one; several: one row's. */
static void
take_any_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct chosen *c = state;

    if (c->values == NULL || (call->count == 1 && (c->values[0].value.is_null ||
                                                   (c->values[0].value.type == KQL_STRING &&
                                                    c->values[0].value.size == 0))))
        choose(call, c, args, call->count);
}

static void
take_anyif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct chosen *c = state;

    if (kql_is_true(&args[1]) && (c->values == NULL || c->values[0].value.is_null))
        choose(call, c, args, 1);
}

static void
chosen_finish_one(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct chosen *c = state;

    *result = c->values == NULL ? kql_null(call->result_type) : c->values[0].value;
}

/* The other's row takes part as one that comes later. */
static void
chosen_merge(struct kql_call *call, struct chosen *c, const struct chosen *other,
             void (*add)(struct kql_call *call, void *state, const struct kql_value *args),
             uint32_t count)
{
    struct kql_value *args;

    if (other->values == NULL)
        return;
    if (c->values == NULL) {
        *c = *other;
        return;
    }
    args = pool_zeroed(call->pool, (size_t)count + 1, sizeof *args);
    for (uint32_t i = 0; i < count; i++)
        args[i] = other->values[i].value;
    args[count] = kql_bool(true); /* take_anyif's predicate */
    add(call, c, args);
}

static void
arg_max_merge(struct kql_call *call, void *state, void *other)
{
    chosen_merge(call, state, other, arg_max_add, call->count);
}

static void
arg_min_merge(struct kql_call *call, void *state, void *other)
{
    chosen_merge(call, state, other, arg_min_add, call->count);
}

static void
take_any_merge(struct kql_call *call, void *state, void *other)
{
    chosen_merge(call, state, other, take_any_add, call->count);
}

static void
take_anyif_merge(struct kql_call *call, void *state, void *other)
{
    chosen_merge(call, state, other, take_anyif_add, 1);
}

static const struct kql_aggregate arg_max_all = {sizeof(struct chosen), NULL,          arg_max_add,
                                                 chosen_finish,         arg_max_merge, 0};
static const struct kql_aggregate arg_min_all = {sizeof(struct chosen), NULL,          arg_min_add,
                                                 chosen_finish,         arg_min_merge, 0};
static const struct kql_aggregate take_any_all = {
    sizeof(struct chosen), NULL, take_any_add, chosen_finish, take_any_merge, 0};
static const struct kql_aggregate take_anyif = {
    sizeof(struct chosen), NULL, take_anyif_add, chosen_finish_one, take_anyif_merge, 0};
/* ---- bits ---- */

struct bits {
    int64_t value;
    bool any;
};

static void
and_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct bits *b = state;

    (void)call;
    if (!args[0].is_null)
        b->value = b->any ? b->value & args[0].i : args[0].i;
    b->any |= !args[0].is_null;
}

static void
or_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct bits *b = state;

    (void)call;
    if (!args[0].is_null)
        b->value |= args[0].i;
    b->any |= !args[0].is_null;
}

static void
xor_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    struct bits *b = state;

    (void)call;
    if (!args[0].is_null)
        b->value ^= args[0].i;
    b->any |= !args[0].is_null;
}

static void
bits_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct bits *b = state;

    *result = b->any ? kql_integer(call->result_type, b->value) : kql_null(call->result_type);
}

static void
bits_merge(struct kql_call *call, void *state, const struct bits *o,
           void (*add)(struct kql_call *call, void *state, const struct kql_value *args))
{
    struct kql_value v = kql_integer(KQL_LONG, o->value);

    if (o->any)
        add(call, state, &v);
}

static void
and_merge(struct kql_call *call, void *state, void *other)
{
    bits_merge(call, state, other, and_add);
}

static void
or_merge(struct kql_call *call, void *state, void *other)
{
    bits_merge(call, state, other, or_add);
}

static void
xor_merge(struct kql_call *call, void *state, void *other)
{
    bits_merge(call, state, other, xor_add);
}

static const struct kql_aggregate and_all = {sizeof(struct bits), NULL,      and_add,
                                             bits_finish,         and_merge, 0};
static const struct kql_aggregate or_all = {sizeof(struct bits), NULL,     or_add,
                                            bits_finish,         or_merge, 0};
static const struct kql_aggregate xor_all = {sizeof(struct bits), NULL,      xor_add,
                                             bits_finish,         xor_merge, 0};
#define ROW(NAME, SIGNATURE, AGGREGATE, COLUMN, DOC)                                               \
    {                                                                                              \
        .name = (NAME), .kind = KQL_AGGREGATE, .signature = (SIGNATURE),                           \
        .aggregate = &(AGGREGATE), .column = (COLUMN), .doc = (DOC), .group = "aggregate",         \
        .flags = KQL_F_TAKES_NULLS                                                                 \
    }
#define LEGACY(NAME, SIGNATURE, AGGREGATE, COLUMN, DOC)                                            \
    {                                                                                              \
        .name = (NAME), .kind = KQL_AGGREGATE, .signature = (SIGNATURE),                           \
        .aggregate = &(AGGREGATE), .column = (COLUMN), .doc = (DOC), .group = "aggregate",         \
        .flags = KQL_F_TAKES_NULLS | KQL_F_LEGACY                                                  \
    }

static const char sum_signature[] = "(expr: int) -> long\n(expr: long) -> long\n"
                                    "(expr: real) -> real\n(expr: decimal) -> decimal\n"
                                    "(expr: timespan) -> timespan";
static const char sumif_signature[] =
    "(expr: int, predicate: bool) -> long\n(expr: long, predicate: bool) -> long\n"
    "(expr: real, predicate: bool) -> real\n(expr: decimal, predicate: bool) -> decimal\n"
    "(expr: timespan, predicate: bool) -> timespan";
static const char avg_signature[] =
    "(expr: int) -> real\n(expr: long) -> real\n(expr: real) -> real\n"
    "(expr: decimal) -> decimal\n(expr: timespan) -> timespan\n(expr: datetime) -> datetime";
static const char avgif_signature[] =
    "(expr: int, predicate: bool) -> real\n(expr: long, predicate: bool) -> real\n"
    "(expr: real, predicate: bool) -> real\n(expr: decimal, predicate: bool) -> decimal\n"
    "(expr: timespan, predicate: bool) -> timespan\n"
    "(expr: datetime, predicate: bool) -> datetime";

const struct kql_function kql_functions_aggregate[] = {
    ROW("count", "() -> long\n(expr: any) -> long", count_all, "count_", "How many rows."),
    LEGACY("cnt", "() -> long", count_all, "cnt_", "count()."),
    ROW("countif", "(predicate: bool) -> long", countif, "countif_*",
        "How many rows for which the predicate is true."),
    ROW("sum", sum_signature, sum_all, "sum_*", "The sum; 0 of no rows."),
    ROW("sumif", sumif_signature, sumif, "sumif_*",
        "The sum over the rows for which the predicate is true."),
    ROW("avg", avg_signature, avg_all, "avg_*", "The mean of what is not null; NaN of no rows."),
    ROW("avgif", avgif_signature, avgif, "avgif_*",
        "The mean over the rows for which the predicate is true."),
    ROW("min", "(expr: ordered) -> = 1", min_all, "min_*", "The smallest value; null of no rows."),
    ROW("minif", "(expr: ordered, predicate: bool) -> = 1", minif, "minif_*",
        "The smallest value of the rows for which the predicate is true."),
    ROW("max", "(expr: ordered) -> = 1", max_all, "max_*", "The largest value; null of no rows."),
    ROW("maxif", "(expr: ordered, predicate: bool) -> = 1", maxif, "maxif_*",
        "The largest value of the rows for which the predicate is true."),
    ROW("arg_max", "(maximized: ordered, returned?: any...) -> = 1", arg_max_all, NULL,
        "The row with the largest value: that value, and the other arguments there ('*': all)."),
    ROW("arg_min", "(minimized: ordered, returned?: any...) -> = 1", arg_min_all, NULL,
        "The row with the smallest value: that value, and the other arguments there ('*': all)."),
    LEGACY("argmax", "(maximized: ordered, returned?: any...) -> = 1", arg_max_all, "max_*",
           "arg_max()."),
    LEGACY("argmin", "(minimized: ordered, returned?: any...) -> = 1", arg_min_all, "min_*",
           "arg_min()."),
    ROW("take_any", "(expr: any...) -> = 1", take_any_all, "*",
        "The values of some row ('*': of all columns)."),
    LEGACY("any", "(expr: any...) -> = 1", take_any_all, "any_*", "take_any()."),
    ROW("take_anyif", "(expr: any, predicate: bool) -> = 1", take_anyif, "*",
        "The value of some row for which the predicate is true."),
    LEGACY("anyif", "(expr: any, predicate: bool) -> = 1", take_anyif, "anyif_*", "take_anyif()."),
    ROW("dcount", "(expr: any, accuracy?: any) -> long", kql_aggregate_dcount_all, "dcount_*",
        "How many different values; counted exactly here, whatever the accuracy asked for."),
    ROW("dcountif", "(expr: any, predicate: bool, accuracy?: any) -> long", kql_aggregate_dcountif,
        "dcountif_*", "How many different values the rows have for which the predicate is true."),
    ROW("count_distinct", "(expr: any) -> long", kql_aggregate_dcount_all, "count_distinct_*",
        "How many different values, exactly."),
    ROW("count_distinctif", "(expr: any, predicate: bool) -> long", kql_aggregate_dcountif,
        "count_distinctif_*",
        "How many different values the rows have for which the predicate is true, exactly."),
    ROW("make_list", "(expr: any, maxSize?: long) -> dynamic", kql_aggregate_make_list, "list_*",
        "An array of all values that are not null, at most 1,048,576."),
    ROW("make_list_if", "(expr: any, predicate: bool, maxSize?: long) -> dynamic",
        kql_aggregate_make_list_if, "list_*",
        "An array of the values of the rows where the predicate is true."),
    ROW("make_list_with_nulls", "(expr: any) -> dynamic", kql_aggregate_make_list_with_nulls,
        "list_*", "An array of all values, nulls too."),
    LEGACY("makelist", "(expr: any, maxSize?: long) -> dynamic", kql_aggregate_make_list, "list_*",
           "make_list()."),
    ROW("make_set", "(expr: any, maxSize?: long) -> dynamic", kql_aggregate_make_set, "set_*",
        "An array of the different values, in the order they came."),
    ROW("make_set_if", "(expr: any, predicate: bool, maxSize?: long) -> dynamic",
        kql_aggregate_make_set_if, "set_*",
        "An array of the different values of the rows where the predicate is true."),
    LEGACY("makeset", "(expr: any, maxSize?: long) -> dynamic", kql_aggregate_make_set, "set_*",
           "make_set()."),
    ROW("make_bag", "(expr: dynamic, maxSize?: long) -> dynamic", kql_aggregate_make_bag, "bag_*",
        "One bag of the members of all bags; the first value of a key stays."),
    ROW("make_bag_if", "(expr: dynamic, predicate: bool, maxSize?: long) -> dynamic",
        kql_aggregate_make_bag_if, "bag_*",
        "One bag of the bags of the rows where the predicate is true."),
    LEGACY("make_dictionary", "(expr: dynamic, maxSize?: long) -> dynamic", kql_aggregate_make_bag,
           "dictionary_*", "make_bag()."),
    ROW("percentile", "(expr: any, percentile: number) -> = 1", kql_aggregate_percentiles_all, NULL,
        "The value below which that percentage of the values lies (nearest rank)."),
    ROW("percentiles", "(expr: any, percentile: number...) -> = 1", kql_aggregate_percentiles_all,
        NULL, "Several percentiles, a column each."),
    ROW("percentilew", "(expr: any, weight: long, percentile: number) -> = 1",
        kql_aggregate_percentilesw_all, NULL,
        "The percentile of values that each count 'weight' times."),
    ROW("percentilesw", "(expr: any, weight: long, percentile: number...) -> = 1",
        kql_aggregate_percentilesw_all, NULL, "Several weighted percentiles, a column each."),
    ROW("percentiles_array",
        "(expr: any, percentiles: dynamic) -> dynamic\n"
        "(expr: any, percentile: number...) -> dynamic",
        kql_aggregate_percentiles_array, "percentiles_*", "Several percentiles in one array."),
    ROW("percentilesw_array",
        "(expr: any, weight: long, percentiles: dynamic) -> dynamic\n"
        "(expr: any, weight: long, percentile: number...) -> dynamic",
        kql_aggregate_percentilesw_array, "percentiles_*",
        "Several weighted percentiles in one array."),
    ROW("stdev", "(expr: summable) -> real", kql_aggregate_stdev_all, "stdev_*",
        "The standard deviation of a sample; 0 of fewer than two rows."),
    ROW("stdevif", "(expr: summable, predicate: bool) -> real", kql_aggregate_stdevif, "stdevif_*",
        "The standard deviation over the rows where the predicate is true."),
    ROW("stdevp", "(expr: summable) -> real", kql_aggregate_stdevp_all, "stdevp_*",
        "The standard deviation of a whole population."),
    ROW("stdevpif", "(expr: summable, predicate: bool) -> real", kql_aggregate_stdevpif,
        "stdevpif_*",
        "The population's standard deviation over the rows where the predicate is true."),
    ROW("variance", "(expr: summable) -> real", kql_aggregate_variance_all, "variance_*",
        "The variance of a sample; 0 of fewer than two rows."),
    ROW("varianceif", "(expr: summable, predicate: bool) -> real", kql_aggregate_varianceif,
        "varianceif_*", "The variance over the rows where the predicate is true."),
    ROW("variancep", "(expr: summable) -> real", kql_aggregate_variancep_all, "variancep_*",
        "The variance of a whole population."),
    ROW("variancepif", "(expr: summable, predicate: bool) -> real", kql_aggregate_variancepif,
        "variancepif_*", "The population's variance over the rows where the predicate is true."),
    ROW("covariance", "(expr1: summable, expr2: summable) -> real", kql_aggregate_covariance_all,
        "covariance_*", "The covariance of a sample."),
    ROW("covarianceif", "(expr1: summable, expr2: summable, predicate: bool) -> real",
        kql_aggregate_covarianceif, "covarianceif_*",
        "The covariance over the rows where the predicate is true."),
    ROW("covariancep", "(expr1: summable, expr2: summable) -> real", kql_aggregate_covariancep_all,
        "covariancep_*", "The covariance of a whole population."),
    ROW("covariancepif", "(expr1: summable, expr2: summable, predicate: bool) -> real",
        kql_aggregate_covariancepif, "covariancepif_*",
        "The population's covariance over the rows where the predicate is true."),
    ROW("binary_all_and", "(expr: integer) -> = 1", and_all, "*", "All values, and-ed bitwise."),
    ROW("binary_all_or", "(expr: integer) -> = 1", or_all, "*", "All values, or-ed bitwise."),
    ROW("binary_all_xor", "(expr: integer) -> = 1", xor_all, "*",
        "All values, bitwise exclusive or."),
    ROW("buildschema", "(expr: dynamic) -> dynamic", kql_aggregate_buildschema, "schema_*",
        "The kinds of values at each place of a column of dynamic values."),
    {.name = NULL},
};
