/* function_aggregate.c - the aggregates of summarize and its kin.
 *
 * add is called for every row, nulls included. An aggregate of several results writes result[0],
 * result[1] ...: arg_max and arg_min one for each argument, take_any too, percentiles one for each
 * percentile, percentilesw likewise; the binder asks for that many (kql_expr.result_count).
 * merge puts states together that saw different rows: for engines that read with several threads.
 * Facts: aggregation functions' pages; over no rows and over nulls as the engine answers (sum 0,
 * avg NaN, min and max null, stdev 0, lists empty). */
#include "kql/dynamic.h"
#include "kql/function.h"
#include <math.h>
#include <stdlib.h>

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

/* ---- sets of values, for dcount and make_set ---- */

struct distinct {
    struct kql_value *values; /* in the order they came */
    size_t count, room;
    uint32_t *slots; /* number of the value + 1; 0: free */
    size_t slot_count;
};

static void
distinct_index(struct kql_call *call, struct distinct *d)
{
    d->slot_count = d->slot_count == 0 ? 16 : d->slot_count * 4;
    d->slots = pool_zeroed(call->pool, d->slot_count, sizeof *d->slots);
    for (size_t i = 0; i < d->count; i++) {
        size_t at = kql_value_hash(&d->values[i]) & (d->slot_count - 1);

        while (d->slots[at] != 0)
            at = (at + 1) & (d->slot_count - 1);
        d->slots[at] = (uint32_t)i + 1;
    }
}

/* 'is_ours': the value lives as long as the set. */
static void
distinct_add(struct kql_call *call, struct distinct *d, const struct kql_value *v, bool is_ours)
{
    size_t at;

    if ((d->count + 1) * 2 > d->slot_count)
        distinct_index(call, d);
    at = kql_value_hash(v) & (d->slot_count - 1);
    while (d->slots[at] != 0) {
        if (kql_value_same(&d->values[d->slots[at] - 1], v))
            return;
        at = (at + 1) & (d->slot_count - 1);
    }
    d->values = pool_grow(call->pool, d->values, &d->room, d->count + 1, sizeof *d->values);
    d->values[d->count++] = is_ours ? *v : kql_value_copy(call->pool, v);
    if (d->count > UINT32_MAX / 2)
        pool_abandon(call->pool, "a set has more than %u values", UINT32_MAX / 2);
    d->slots[at] = (uint32_t)d->count;
}

static void
distinct_put(struct kql_call *call, struct distinct *d, const struct kql_value *v)
{
    distinct_add(call, d, v, false);
}

static void
distinct_merge(struct kql_call *call, struct distinct *d, const struct distinct *other,
               size_t limit)
{
    if (d->count == 0) {
        *d = *other;
        return;
    }
    for (size_t i = 0; i < other->count && d->count < limit; i++)
        distinct_add(call, d, &other->values[i], true);
}

/* dcount is exact here: what the sketch estimates. An empty string is a value, null is none. */
static void
dcount_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (!args[0].is_null)
        distinct_put(call, state, &args[0]);
}

static void
dcountif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        dcount_add(call, state, args);
}

static void
dcount_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, (int64_t)((struct distinct *)state)->count);
}

static void
dcount_merge(struct kql_call *call, void *state, void *other)
{
    struct distinct *d = state, *o = other;

    if (o->count > d->count) { /* the smaller one is put into the larger one */
        struct distinct larger = *o;

        *o = *d;
        *d = larger;
    }
    distinct_merge(call, d, o, SIZE_MAX);
}

static const struct kql_aggregate dcount_all = {sizeof(struct distinct), NULL,         dcount_add,
                                                dcount_finish,           dcount_merge, 0};
static const struct kql_aggregate dcountif = {sizeof(struct distinct), NULL,         dcountif_add,
                                              dcount_finish,           dcount_merge, 0};

/* ---- lists, sets and bags. The size limit comes with each row; beyond it, values are left out.
 * ---- */

static size_t
size_limit(const struct kql_call *call, const struct kql_value *args, uint32_t at)
{
    if (call->count <= at || args[at].is_null || args[at].i > KQL_ARRAY_MAX)
        return KQL_ARRAY_MAX;
    return args[at].i < 0 ? 0 : (size_t)args[at].i;
}

struct list {
    struct kql_array_builder items;
    size_t limit; /* as the last row had it */
};

static void
list_put(struct kql_call *call, struct list *l, const struct kql_value *v, size_t limit,
         bool keeps_nulls)
{
    struct kql_array_builder *b = &l->items;
    bool is_dynamic = call->types[0] == KQL_DYNAMIC;

    l->limit = limit;
    if (v->is_null && !keeps_nulls && !is_dynamic)
        return;
    b->pool = call->pool;
    if (is_dynamic && !v->is_null && v->type == KQL_ARRAY) { /* flattened one level */
        for (uint32_t i = 0; i < v->array->count && b->count < limit; i++)
            kql_array_add(b, kql_value_copy(call->pool, &v->array->items[i]));
        return;
    }
    if (b->count < limit)
        kql_array_add(b, kql_value_copy(call->pool, v));
}

static void
list_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    list_put(call, state, &args[0], size_limit(call, args, 1), false);
}

static void
listif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        list_put(call, state, &args[0], size_limit(call, args, 2), false);
}

static void
list_nulls_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    list_put(call, state, &args[0], KQL_ARRAY_MAX, true);
}

static void
list_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct list *l = state;

    l->items.pool = call->pool;
    *result = kql_array_finish(&l->items);
}

static void
list_merge(struct kql_call *call, void *state, void *other)
{
    struct list *l = state;
    const struct list *o = other;

    if (o->limit > l->limit)
        l->limit = o->limit;
    if (l->items.count == 0) {
        l->items = o->items;
        return;
    }
    l->items.pool = call->pool;
    for (size_t i = 0; i < o->items.count && l->items.count < l->limit; i++)
        kql_array_add(&l->items, o->items.items[i]);
}

struct set {
    struct distinct values;
    size_t limit; /* as the last row had it */
};

static void
set_put(struct kql_call *call, struct set *set, const struct kql_value *v, size_t limit)
{
    struct distinct *d = &set->values;
    bool is_dynamic = call->types[0] == KQL_DYNAMIC;

    set->limit = limit;
    if (v->is_null && !is_dynamic)
        return;
    if (is_dynamic && !v->is_null && v->type == KQL_ARRAY) {
        for (uint32_t i = 0; i < v->array->count && d->count < limit; i++)
            distinct_put(call, d, &v->array->items[i]);
        return;
    }
    if (d->count < limit)
        distinct_put(call, d, v);
}

static void
set_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    set_put(call, state, &args[0], size_limit(call, args, 1));
}

static void
setif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        set_put(call, state, &args[0], size_limit(call, args, 2));
}

static void
set_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct set *set = state;

    *result = kql_array_of(call->pool, set->values.values, set->values.count);
}

static void
set_merge(struct kql_call *call, void *state, void *other)
{
    struct set *set = state;
    const struct set *o = other;

    if (o->limit > set->limit)
        set->limit = o->limit;
    distinct_merge(call, &set->values, &o->values, set->limit);
}

struct bag {
    struct kql_bag_builder members;
    size_t limit; /* as the last row had it */
};

static void
bag_put(struct kql_call *call, struct bag *bag, const struct kql_value *v, size_t limit)
{
    struct kql_bag_builder *b = &bag->members;

    b->pool = call->pool;
    bag->limit = limit;
    if (v->is_null || v->type != KQL_BAG)
        return;
    for (uint32_t i = 0; i < v->bag->count && b->count < limit; i++) {
        const struct kql_bag_entry *entry = &v->bag->entries[i];

        kql_bag_add(b, pool_text(call->pool, entry->key), kql_value_copy(call->pool, &entry->value),
                    false);
    }
}

static void
bag_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    bag_put(call, state, &args[0], size_limit(call, args, 1));
}

static void
bagif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        bag_put(call, state, &args[0], size_limit(call, args, 2));
}

static void
bag_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct bag *bag = state;

    bag->members.pool = call->pool;
    *result = kql_bag_finish(&bag->members);
}

static void
bag_merge(struct kql_call *call, void *state, void *other)
{
    struct bag *bag = state;
    const struct bag *o = other;
    struct kql_bag_builder *b = &bag->members;

    if (o->limit > bag->limit)
        bag->limit = o->limit;
    if (b->count == 0) {
        *b = o->members;
        return;
    }
    b->pool = call->pool;
    for (size_t i = 0; i < o->members.count && b->count < bag->limit; i++)
        kql_bag_add(b, o->members.entries[i].key, o->members.entries[i].value, false);
}

static const struct kql_aggregate make_list = {sizeof(struct list), NULL,       list_add,
                                               list_finish,         list_merge, 0};
static const struct kql_aggregate make_list_if = {sizeof(struct list), NULL,       listif_add,
                                                  list_finish,         list_merge, 0};
static const struct kql_aggregate make_list_with_nulls = {
    sizeof(struct list), NULL, list_nulls_add, list_finish, list_merge, 0};
static const struct kql_aggregate make_set = {sizeof(struct set), NULL,      set_add,
                                              set_finish,         set_merge, 0};
static const struct kql_aggregate make_set_if = {sizeof(struct set), NULL,      setif_add,
                                                 set_finish,         set_merge, 0};
static const struct kql_aggregate make_bag = {sizeof(struct bag), NULL,      bag_add,
                                              bag_finish,         bag_merge, 0};
static const struct kql_aggregate make_bag_if = {sizeof(struct bag), NULL,      bagif_add,
                                                 bag_finish,         bag_merge, 0};

/* ---- variance and covariance, by running means (Welford) ---- */

struct moments {
    double count, mean_x, mean_y, sum_xx, sum_xy;
};

static void
moments_put(struct moments *m, double x, double y)
{
    double from_x = x - m->mean_x;

    m->count++;
    m->mean_x += from_x / m->count;
    m->mean_y += (y - m->mean_y) / m->count;
    m->sum_xx += from_x * (x - m->mean_x);
    m->sum_xy += from_x * (y - m->mean_y);
}

static void
variance_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call;
    if (!args[0].is_null)
        moments_put(state, kql_real_in(&args[0]), 0);
}

static void
varianceif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        variance_add(call, state, args);
}

static void
covariance_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call;
    if (!args[0].is_null && !args[1].is_null)
        moments_put(state, kql_real_in(&args[0]), kql_real_in(&args[1]));
}

static void
covarianceif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[2]))
        covariance_add(call, state, args);
}

/* 0 where there are too few rows. */
static double
mean_of(double sum, double count)
{
    return count > 0 ? sum / count : 0;
}

static void
variance_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xx, m->count - 1));
}

static void
variancep_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xx, m->count));
}

static void
stdev_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    variance_finish(call, state, result);
    result->r = sqrt(result->r);
}

static void
stdevp_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    variancep_finish(call, state, result);
    result->r = sqrt(result->r);
}

static void
covariance_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xy, m->count - 1));
}

static void
covariancep_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xy, m->count));
}

/* Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances. */
static void
moments_merge(struct kql_call *call, void *state, void *other)
{
    struct moments *m = state;
    const struct moments *o = other;
    double count = m->count + o->count, x = o->mean_x - m->mean_x, y = o->mean_y - m->mean_y;

    (void)call;
    if (o->count == 0)
        return;
    m->sum_xx += o->sum_xx + x * x * m->count * o->count / count;
    m->sum_xy += o->sum_xy + x * y * m->count * o->count / count;
    m->mean_x += x * o->count / count;
    m->mean_y += y * o->count / count;
    m->count = count;
}

#define MOMENTS(name, add, finish)                                                                 \
    static const struct kql_aggregate name = {sizeof(struct moments), NULL, add, finish,           \
                                              moments_merge,          0}
MOMENTS(variance_all, variance_add, variance_finish);
MOMENTS(varianceif, varianceif_add, variance_finish);
MOMENTS(variancep_all, variance_add, variancep_finish);
MOMENTS(variancepif, varianceif_add, variancep_finish);
MOMENTS(stdev_all, variance_add, stdev_finish);
MOMENTS(stdevif, varianceif_add, stdev_finish);
MOMENTS(stdevp_all, variance_add, stdevp_finish);
MOMENTS(stdevpif, varianceif_add, stdevp_finish);
MOMENTS(covariance_all, covariance_add, covariance_finish);
MOMENTS(covarianceif, covarianceif_add, covariance_finish);
MOMENTS(covariancep_all, covariance_add, covariancep_finish);
MOMENTS(covariancepif, covarianceif_add, covariancep_finish);

/* ---- percentiles: nearest rank over all values, so a value of the data ---- */

struct ranked {
    struct ranked_value {
        struct kql_value value;
        int64_t weight;
    } * values;
    size_t count, room;
    int64_t weight; /* of all */
    /* the percentiles asked for, from the first row: they are constants */
    struct kql_value *asked;
    uint32_t asked_count;
};

static void
ranked_put(struct kql_call *call, struct ranked *r, const struct kql_value *args, uint32_t first,
           int64_t weight)
{
    if (r->asked == NULL && first < call->count) {
        r->asked_count = call->count - first;
        r->asked = pool_take(call->pool, r->asked_count * sizeof *r->asked);
        for (uint32_t i = 0; i < r->asked_count; i++)
            r->asked[i] = kql_value_copy(call->pool, &args[first + i]);
    }
    if (args[0].is_null || weight <= 0 || __builtin_add_overflow(r->weight, weight, &r->weight))
        return;
    r->values = pool_grow(call->pool, r->values, &r->room, r->count + 1, sizeof *r->values);
    r->values[r->count++] = (struct ranked_value){kql_value_copy(call->pool, &args[0]), weight};
}

static void
percentile_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    ranked_put(call, state, args, 1, 1);
}

static void
percentilew_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    ranked_put(call, state, args, 2, args[1].is_null ? 0 : args[1].i);
}

static int
compare_ranked(const void *a, const void *b)
{
    return kql_value_compare(&((const struct ranked_value *)a)->value,
                             &((const struct ranked_value *)b)->value);
}

static struct kql_value
value_at(const struct ranked *r, double percent, enum kql_type type)
{
    int64_t passed = 0;
    double wanted = ceil(percent / 100 * (double)r->weight);

    if (r->count == 0)
        return kql_null(type);
    for (size_t i = 0; i < r->count; i++) {
        passed += r->values[i].weight;
        if ((double)passed >= wanted)
            return r->values[i].value;
    }
    return r->values[r->count - 1].value;
}

static void
percentiles_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct ranked *r = state;

    if (r->count > 0)
        qsort(r->values, r->count, sizeof *r->values, compare_ranked);
    for (uint32_t i = 0; i < r->asked_count; i++)
        result[i] = r->asked[i].is_null ? kql_null(call->types[0])
                                        : value_at(r, kql_real_in(&r->asked[i]), call->types[0]);
    if (r->asked_count == 0) /* no rows: the result of a percentile is null */
        for (uint32_t i = 0; i + 1 < call->count; i++)
            result[i] = kql_null(call->types[0]);
}

static void
percentilesw_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    if (((struct ranked *)state)->asked_count == 0)
        for (uint32_t i = 0; i + 2 < call->count; i++)
            result[i] = kql_null(call->types[0]);
    else
        percentiles_finish(call, state, result);
}

/* The percentiles come as arguments, or as one array. */
static void
percentiles_array_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct ranked *r = state;
    struct kql_array_builder b = {.pool = call->pool};

    if (r->count > 0)
        qsort(r->values, r->count, sizeof *r->values, compare_ranked);
    for (uint32_t i = 0; i < r->asked_count; i++) {
        const struct kql_value *asked = &r->asked[i];

        if (!asked->is_null && asked->type == KQL_ARRAY)
            for (uint32_t k = 0; k < asked->array->count; k++)
                kql_array_add(&b, value_at(r, kql_real_in(&asked->array->items[k]), KQL_DYNAMIC));
        else if (!asked->is_null)
            kql_array_add(&b, value_at(r, kql_real_in(asked), KQL_DYNAMIC));
    }
    *result = r->count == 0 ? kql_null(KQL_DYNAMIC) : kql_array_finish(&b);
}

static void
ranked_merge(struct kql_call *call, void *state, void *other)
{
    struct ranked *r = state;
    const struct ranked *o = other;

    if (r->count == 0) {
        *r = *o;
        return;
    }
    r->values = pool_grow(call->pool, r->values, &r->room, r->count + o->count, sizeof *r->values);
    for (size_t i = 0; i < o->count; i++)
        if (!__builtin_add_overflow(r->weight, o->values[i].weight, &r->weight))
            r->values[r->count++] = o->values[i];
}

static const struct kql_aggregate percentiles_all = {
    sizeof(struct ranked), NULL, percentile_add, percentiles_finish, ranked_merge, 1};
static const struct kql_aggregate percentilesw_all = {
    sizeof(struct ranked), NULL, percentilew_add, percentilesw_finish, ranked_merge, 2};
static const struct kql_aggregate percentiles_array = {
    sizeof(struct ranked), NULL, percentile_add, percentiles_array_finish, ranked_merge, 0};
static const struct kql_aggregate percentilesw_array = {
    sizeof(struct ranked), NULL, percentilew_add, percentiles_array_finish, ranked_merge, 0};

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

/* ---- buildschema: the kinds of values that stand at each place of a column's trees ---- */

struct place {
    uint32_t kinds;      /* a bit per enum kql_type */
    struct place *items; /* of arrays */
    struct member *members;
    size_t member_count, member_room;
};
struct member {
    struct span key;
    struct place place;
};

/* The member's place, made if need be; 'is_ours': the key lives as long as the place. */
static struct place *
place_of_member(struct kql_call *call, struct place *at, struct span key, bool is_ours)
{
    size_t m = 0;

    while (m < at->member_count && !span_equal(at->members[m].key, key))
        m++;
    if (m == at->member_count) {
        at->members =
            pool_grow(call->pool, at->members, &at->member_room, m + 1, sizeof *at->members);
        at->members[at->member_count++].key = is_ours ? key : pool_text(call->pool, key);
    }
    return &at->members[m].place;
}

static void
place_put(struct kql_call *call, struct place *at, const struct kql_value *v)
{
    if (v->is_null)
        return;
    if (v->type == KQL_ARRAY) {
        if (at->items == NULL)
            at->items = pool_zeroed(call->pool, 1, sizeof *at->items);
        for (uint32_t i = 0; i < v->array->count; i++)
            place_put(call, at->items, &v->array->items[i]);
    } else if (v->type == KQL_BAG) {
        at->kinds |= UINT32_C(1) << KQL_BAG;
        for (uint32_t i = 0; i < v->bag->count; i++) {
            const struct kql_bag_entry *entry = &v->bag->entries[i];

            place_put(call, place_of_member(call, at, entry->key, false), &entry->value);
        }
    } else {
        at->kinds |= UINT32_C(1) << v->type;
    }
}

static void
place_merge(struct kql_call *call, struct place *at, const struct place *other)
{
    at->kinds |= other->kinds;
    if (at->items == NULL)
        at->items = other->items;
    else if (other->items != NULL)
        place_merge(call, at->items, other->items);
    for (size_t i = 0; i < other->member_count; i++)
        place_merge(call, place_of_member(call, at, other->members[i].key, true),
                    &other->members[i].place);
}

static struct kql_value
place_value(struct kql_call *call, const struct place *at)
{
    struct kql_array_builder b = {.pool = call->pool};

    for (uint32_t type = KQL_BOOL; type < KQL_ARRAY; type++)
        if (at->kinds >> type & 1)
            kql_array_add(
                &b, kql_string(
                        span_of(type == KQL_REAL ? "double" : kql_type_name((enum kql_type)type))));
    if (at->kinds >> KQL_BAG & 1) {
        struct kql_bag_builder bag = {.pool = call->pool};

        for (size_t i = 0; i < at->member_count; i++)
            kql_bag_add(&bag, at->members[i].key, place_value(call, &at->members[i].place), true);
        kql_array_add(&b, kql_bag_finish(&bag));
    }
    if (at->items != NULL) {
        struct kql_bag_builder bag = {.pool = call->pool};

        kql_bag_add(&bag, SPAN_LITERAL("`indexer`"), place_value(call, at->items), true);
        kql_array_add(&b, kql_bag_finish(&bag));
    }
    return b.count == 1 ? b.items[0] : kql_array_finish(&b);
}

static void
schema_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    place_put(call, state, &args[0]);
}

static void
schema_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    *result = place_value(call, state);
}

static void
schema_merge(struct kql_call *call, void *state, void *other)
{
    place_merge(call, state, other);
}

static const struct kql_aggregate buildschema = {sizeof(struct place), NULL,         schema_add,
                                                 schema_finish,        schema_merge, 0};

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
    ROW("dcount", "(expr: any, accuracy?: any) -> long", dcount_all, "dcount_*",
        "How many different values; counted exactly here, whatever the accuracy asked for."),
    ROW("dcountif", "(expr: any, predicate: bool, accuracy?: any) -> long", dcountif, "dcountif_*",
        "How many different values the rows have for which the predicate is true."),
    ROW("count_distinct", "(expr: any) -> long", dcount_all, "count_distinct_*",
        "How many different values, exactly."),
    ROW("count_distinctif", "(expr: any, predicate: bool) -> long", dcountif, "count_distinctif_*",
        "How many different values the rows have for which the predicate is true, exactly."),
    ROW("make_list", "(expr: any, maxSize?: long) -> dynamic", make_list, "list_*",
        "An array of all values that are not null, at most 1,048,576."),
    ROW("make_list_if", "(expr: any, predicate: bool, maxSize?: long) -> dynamic", make_list_if,
        "list_*", "An array of the values of the rows where the predicate is true."),
    ROW("make_list_with_nulls", "(expr: any) -> dynamic", make_list_with_nulls, "list_*",
        "An array of all values, nulls too."),
    LEGACY("makelist", "(expr: any, maxSize?: long) -> dynamic", make_list, "list_*",
           "make_list()."),
    ROW("make_set", "(expr: any, maxSize?: long) -> dynamic", make_set, "set_*",
        "An array of the different values, in the order they came."),
    ROW("make_set_if", "(expr: any, predicate: bool, maxSize?: long) -> dynamic", make_set_if,
        "set_*", "An array of the different values of the rows where the predicate is true."),
    LEGACY("makeset", "(expr: any, maxSize?: long) -> dynamic", make_set, "set_*", "make_set()."),
    ROW("make_bag", "(expr: dynamic, maxSize?: long) -> dynamic", make_bag, "bag_*",
        "One bag of the members of all bags; the first value of a key stays."),
    ROW("make_bag_if", "(expr: dynamic, predicate: bool, maxSize?: long) -> dynamic", make_bag_if,
        "bag_*", "One bag of the bags of the rows where the predicate is true."),
    LEGACY("make_dictionary", "(expr: dynamic, maxSize?: long) -> dynamic", make_bag,
           "dictionary_*", "make_bag()."),
    ROW("percentile", "(expr: any, percentile: number) -> = 1", percentiles_all, NULL,
        "The value below which that percentage of the values lies (nearest rank)."),
    ROW("percentiles", "(expr: any, percentile: number...) -> = 1", percentiles_all, NULL,
        "Several percentiles, a column each."),
    ROW("percentilew", "(expr: any, weight: long, percentile: number) -> = 1", percentilesw_all,
        NULL, "The percentile of values that each count 'weight' times."),
    ROW("percentilesw", "(expr: any, weight: long, percentile: number...) -> = 1", percentilesw_all,
        NULL, "Several weighted percentiles, a column each."),
    ROW("percentiles_array",
        "(expr: any, percentiles: dynamic) -> dynamic\n"
        "(expr: any, percentile: number...) -> dynamic",
        percentiles_array, "percentiles_*", "Several percentiles in one array."),
    ROW("percentilesw_array",
        "(expr: any, weight: long, percentiles: dynamic) -> dynamic\n"
        "(expr: any, weight: long, percentile: number...) -> dynamic",
        percentilesw_array, "percentiles_*", "Several weighted percentiles in one array."),
    ROW("stdev", "(expr: summable) -> real", stdev_all, "stdev_*",
        "The standard deviation of a sample; 0 of fewer than two rows."),
    ROW("stdevif", "(expr: summable, predicate: bool) -> real", stdevif, "stdevif_*",
        "The standard deviation over the rows where the predicate is true."),
    ROW("stdevp", "(expr: summable) -> real", stdevp_all, "stdevp_*",
        "The standard deviation of a whole population."),
    ROW("stdevpif", "(expr: summable, predicate: bool) -> real", stdevpif, "stdevpif_*",
        "The population's standard deviation over the rows where the predicate is true."),
    ROW("variance", "(expr: summable) -> real", variance_all, "variance_*",
        "The variance of a sample; 0 of fewer than two rows."),
    ROW("varianceif", "(expr: summable, predicate: bool) -> real", varianceif, "varianceif_*",
        "The variance over the rows where the predicate is true."),
    ROW("variancep", "(expr: summable) -> real", variancep_all, "variancep_*",
        "The variance of a whole population."),
    ROW("variancepif", "(expr: summable, predicate: bool) -> real", variancepif, "variancepif_*",
        "The population's variance over the rows where the predicate is true."),
    ROW("covariance", "(expr1: summable, expr2: summable) -> real", covariance_all, "covariance_*",
        "The covariance of a sample."),
    ROW("covarianceif", "(expr1: summable, expr2: summable, predicate: bool) -> real", covarianceif,
        "covarianceif_*", "The covariance over the rows where the predicate is true."),
    ROW("covariancep", "(expr1: summable, expr2: summable) -> real", covariancep_all,
        "covariancep_*", "The covariance of a whole population."),
    ROW("covariancepif", "(expr1: summable, expr2: summable, predicate: bool) -> real",
        covariancepif, "covariancepif_*",
        "The population's covariance over the rows where the predicate is true."),
    ROW("binary_all_and", "(expr: integer) -> = 1", and_all, "*", "All values, and-ed bitwise."),
    ROW("binary_all_or", "(expr: integer) -> = 1", or_all, "*", "All values, or-ed bitwise."),
    ROW("binary_all_xor", "(expr: integer) -> = 1", xor_all, "*",
        "All values, bitwise exclusive or."),
    ROW("buildschema", "(expr: dynamic) -> dynamic", buildschema, "schema_*",
        "The kinds of values at each place of a column of dynamic values."),
    {.name = NULL},
};
