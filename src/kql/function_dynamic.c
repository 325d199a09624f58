/* function_dynamic.c - the rows of the function table for arrays and bags. What gets another kind
 * of value than it takes answers null. Facts: the functions' pages; array functions on a non-array
 * give null, bag_merge keeps the leftmost, set functions keep the order of first sight. */
#include "kql/dynamic.h"
#include "kql/function.h"
#include <stdlib.h>

/* ---- JSON ---- */

static void
call_parse_json(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = !args[0].is_null && args[0].type == KQL_STRING
                  ? kql_parse_json(call->pool, kql_text(&args[0]))
                  : args[0];
}

static void call_dynamic_to_json(struct kql_call *call, const struct kql_value *args,
                                 struct kql_value *result);

/* ---- arrays ---- */

static void
call_array_length(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);

    (void)call;
    *result = a == NULL ? kql_null(KQL_LONG) : kql_integer(KQL_LONG, a->count);
}

static void
call_array_concat(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    for (uint32_t i = 0; i < call->count; i++) {
        const struct kql_array *a = kql_array_in(&args[i]);

        if (args[i].is_null)
            continue;
        if (a == NULL)
            return;
        for (uint32_t k = 0; k < a->count; k++)
            kql_array_add(&b, a->items[k]);
    }
    *result = kql_array_finish(&b);
}

/* Where an index of a user lies: from the end when negative, cut to [0, count]. */
static int64_t
place_in(int64_t i, int64_t count)
{
    if (i < 0)
        i = i < -count ? 0 : i + count;
    return i > count ? count : i;
}

static void
call_array_slice(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    int64_t from, to;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    from = place_in(args[1].i, a->count);
    to = args[2].i < -(int64_t)a->count ? -1 : args[2].i < 0 ? args[2].i + a->count : args[2].i;
    if (to >= a->count)
        to = (int64_t)a->count - 1;
    *result = kql_array_of(call->pool, a->items + from, from > to ? 0 : (size_t)(to - from + 1));
}

static void
call_array_split(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]), *at = kql_array_in(&args[1]);
    struct kql_array_builder b = {.pool = call->pool};
    uint32_t from = 0, cuts = at == NULL ? 1 : at->count;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL || args[1].is_null || (at == NULL && args[1].type != KQL_LONG))
        return;
    for (uint32_t i = 0; i < cuts; i++) {
        const struct kql_value *cut = at == NULL ? &args[1] : &at->items[i];
        uint32_t to;

        if (cut->is_null || (cut->type != KQL_LONG && cut->type != KQL_INT))
            return;
        to = (uint32_t)place_in(cut->i, a->count);
        if (to < from)
            to = from;
        kql_array_add(&b, kql_array_of(call->pool, a->items + from, to - from));
        from = to;
    }
    kql_array_add(&b, kql_array_of(call->pool, a->items + from, a->count - from));
    *result = kql_array_finish(&b);
}

static void
call_array_reverse(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    for (uint32_t i = a->count; i > 0; i--)
        kql_array_add(&b, a->items[i - 1]);
    *result = kql_array_finish(&b);
}

static void
rotate_left(struct kql_call *call, const struct kql_value *args, int64_t by,
            struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    if (a->count > 0)
        by = (by % a->count + a->count) % a->count;
    for (uint32_t i = 0; i < a->count; i++)
        kql_array_add(&b, a->items[(i + (uint64_t)by) % a->count]);
    *result = kql_array_finish(&b);
}

static void
call_array_rotate_left(struct kql_call *call, const struct kql_value *args,
                       struct kql_value *result)
{
    rotate_left(call, args, args[1].i, result);
}

static void
call_array_rotate_right(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);

    rotate_left(call, args, a == NULL || a->count == 0 ? 0 : -(args[1].i % a->count), result);
}

static void
shift_left(struct kql_call *call, const struct kql_value *args, int64_t by,
           struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder b = {.pool = call->pool};
    struct kql_value fill = kql_null(KQL_DYNAMIC);
    bool are_texts = a != NULL && a->count > 0;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->count && are_texts; i++)
        are_texts = !a->items[i].is_null && a->items[i].type == KQL_STRING;
    if (call->count > 2)
        fill = args[2];
    else if (are_texts)
        fill = kql_null(KQL_STRING);
    for (int64_t i = 0; i < a->count; i++) {
        int64_t from;
        bool is_inside = !__builtin_add_overflow(i, by, &from) && from >= 0 && from < a->count;

        kql_array_add(&b, is_inside ? a->items[from] : fill);
    }
    *result = kql_array_finish(&b);
}

static void
call_array_shift_left(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_null(KQL_DYNAMIC);
    if (!args[1].is_null)
        shift_left(call, args, args[1].i, result);
}

static void
call_array_shift_right(struct kql_call *call, const struct kql_value *args,
                       struct kql_value *result)
{
    *result = kql_null(KQL_DYNAMIC);
    if (!args[1].is_null && args[1].i != INT64_MIN)
        shift_left(call, args, -args[1].i, result);
}

static void
call_array_index_of(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    int64_t from, length, occurrence, to;

    *result = kql_null(KQL_LONG);
    from = call->count > 2 && !args[2].is_null ? args[2].i : 0;
    length = call->count > 3 && !args[3].is_null ? args[3].i : -1;
    occurrence = call->count > 4 && !args[4].is_null ? args[4].i : 1;
    if (a == NULL || length < -1 || occurrence < 0)
        return;
    if (from < 0)
        from = place_in(from, a->count);
    *result = kql_integer(KQL_LONG, -1);
    if (from > a->count)
        return;
    to = length < 0 || length > a->count - from ? a->count : from + length;
    for (int64_t i = from; i < to; i++)
        if (kql_value_same(&a->items[i], &args[1]) && --occurrence <= 0) {
            *result = kql_integer(KQL_LONG, i);
            return;
        }
}

static void
call_array_iff(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *conditions = kql_array_in(&args[0]);
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (conditions == NULL)
        return;
    for (uint32_t i = 0; i < conditions->count; i++) {
        const struct kql_value *c = &conditions->items[i];
        bool is_known = !c->is_null && (c->type == KQL_BOOL || c->type == KQL_LONG ||
                                        c->type == KQL_INT || c->type == KQL_REAL);
        bool is_true = is_known && (c->type == KQL_REAL ? c->r != 0 : c->i != 0);
        const struct kql_value *from = is_true ? &args[1] : &args[2];
        const struct kql_array *a = kql_array_in(from);

        if (!is_known)
            kql_array_add(&b, kql_null(KQL_DYNAMIC));
        else if (a == NULL)
            kql_array_add(&b, *from);
        else
            kql_array_add(&b, i < a->count ? a->items[i] : kql_null(KQL_DYNAMIC));
    }
    *result = kql_array_finish(&b);
}

/* ---- sorting: by the first array, the others along ---- */

struct sorted {
    const struct kql_value *value;
    uint32_t from;
    bool is_descending, nulls_last;
};

/* Kinds of values stand in this order whichever way their values are sorted. */
static int
sorted_kind(const struct kql_value *v)
{
    switch (v->type) {
    case KQL_INT:
    case KQL_LONG:
    case KQL_REAL:
    case KQL_DECIMAL:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return 0;
    case KQL_STRING:
        return 1;
    case KQL_GUID:
        return 2;
    default:
        return 3;
    }
}

static int
compare_sorted(const void *x, const void *y)
{
    const struct sorted *a = x, *b = y;
    int order;

    if (a->value->is_null != b->value->is_null)
        return a->value->is_null == a->nulls_last ? 1 : -1;
    order = a->value->is_null ? 0 : sorted_kind(a->value) - sorted_kind(b->value);
    if (order != 0)
        return order;
    order = a->value->is_null ? 0 : kql_value_compare(a->value, b->value);
    if (order == 0) /* stable */
        return a->from < b->from ? -1 : a->from > b->from;
    return a->is_descending ? -order : order;
}

/* All results of array_sort as one array of arrays; the binder takes them apart when there are
 * several. */
static void
sort_arrays(struct kql_call *call, const struct kql_value *args, bool is_descending,
            struct kql_value *result)
{
    uint32_t count = call->count;
    bool nulls_last = true;
    const struct kql_array *first = kql_array_in(&args[0]);
    struct sorted *order;
    struct kql_value *columns;

    *result = kql_null(KQL_DYNAMIC);
    if (count > 1 && call->types[count - 1] == KQL_BOOL)
        nulls_last = kql_is_true(&args[--count]);
    if (first == NULL)
        return;
    order = pool_take(call->pool, first->count * sizeof *order + 1);
    for (uint32_t i = 0; i < first->count; i++)
        order[i] = (struct sorted){&first->items[i], i, is_descending, nulls_last};
    qsort(order, first->count, sizeof *order, compare_sorted);
    columns = pool_take(call->pool, count * sizeof *columns);
    for (uint32_t c = 0; c < count; c++) {
        const struct kql_array *a = kql_array_in(&args[c]);
        struct kql_array_builder b = {.pool = call->pool};

        columns[c] = kql_null(KQL_DYNAMIC);
        if (a == NULL || a->count != first->count)
            continue;
        for (uint32_t i = 0; i < a->count; i++)
            kql_array_add(&b, a->items[order[i].from]);
        columns[c] = kql_array_finish(&b);
    }
    *result = count == 1 ? columns[0] : kql_array_of(call->pool, columns, count);
}

static void
call_array_sort_asc(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    sort_arrays(call, args, false, result);
}

static void
call_array_sort_desc(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    sort_arrays(call, args, true, result);
}

static void
call_array_sum(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    double sum = 0;

    (void)call;
    *result = kql_null(KQL_REAL);
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct kql_value *v = &a->items[i];

        if (v->is_null || (v->type != KQL_REAL && v->type != KQL_LONG && v->type != KQL_INT))
            return;
        sum += v->type == KQL_REAL ? v->r : (double)v->i;
    }
    *result = kql_real(sum);
}

static void
call_strcat_array(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct span delimiter = kql_text(&args[1]);
    struct span *parts;
    size_t size = 0;
    char *text, *at;

    *result = kql_null(KQL_STRING);
    if (a == NULL)
        return;
    parts = pool_take(call->pool, (a->count + 1) * sizeof *parts);
    for (uint32_t i = 0; i < a->count; i++) {
        struct kql_value printed = kql_to_text(call->pool, KQL_DYNAMIC, &a->items[i]);

        parts[i] = kql_text(&printed);
        size += parts[i].n + (i > 0 ? delimiter.n : 0);
    }
    if (size > KQL_STRING_MAX)
        return;
    at = text = pool_take(call->pool, size + 1);
    for (uint32_t i = 0; i < a->count; i++) {
        if (i > 0 && delimiter.n > 0)
            at = (char *)memcpy(at, delimiter.p, delimiter.n) + delimiter.n;
        if (parts[i].n > 0)
            at = (char *)memcpy(at, parts[i].p, parts[i].n) + parts[i].n;
    }
    *result = kql_string((struct span){text, size});
}

static void
call_zip(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    uint32_t longest = 0;

    *result = kql_null(KQL_DYNAMIC);
    for (uint32_t i = 0; i < call->count; i++) {
        const struct kql_array *a = kql_array_in(&args[i]);

        if (a == NULL)
            return;
        longest = a->count > longest ? a->count : longest;
    }
    for (uint32_t k = 0; k < longest; k++) {
        struct kql_value *row = pool_take(call->pool, call->count * sizeof *row);

        for (uint32_t i = 0; i < call->count; i++)
            row[i] = k < args[i].array->count ? args[i].array->items[k] : kql_null(KQL_DYNAMIC);
        kql_array_add(&b, kql_array_of(call->pool, row, call->count));
    }
    *result = kql_array_finish(&b);
}

static void
call_pack_array(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_value *items = pool_take(call->pool, (call->count + 1) * sizeof *items);

    memcpy(items, args, call->count * sizeof *items);
    *result = kql_array_of(call->pool, items, call->count);
}

static void
call_repeat(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (args[1].is_null || args[1].i < 0)
        return;
    for (int64_t i = 0; i < args[1].i; i++)
        kql_array_add(&b, args[0]);
    *result = kql_array_finish(&b);
}

/* Items of whole steps, as many as an array has at most; a real step multiplies, so that errors do
 * not add up. */
static void
call_range(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    const struct kql_value *from = &args[0], *to = &args[1];
    struct kql_value step = call->count > 2 ? args[2] : kql_integer(KQL_LONG, 1);

    *result = kql_null(KQL_DYNAMIC);
    if (from->is_null || to->is_null || step.is_null)
        return;
    if (call->count <= 2 && (from->type == KQL_DATETIME || from->type == KQL_TIMESPAN))
        step = kql_integer(KQL_TIMESPAN, INT64_C(36000000000)); /* an hour */
    if (from->type == KQL_REAL || to->type == KQL_REAL || step.type == KQL_REAL) {
        double a = from->type == KQL_REAL ? from->r : (double)from->i;
        double z = to->type == KQL_REAL ? to->r : (double)to->i;
        double by = step.type == KQL_REAL ? step.r : (double)step.i;
        double count = (z - a) / by;

        if (!(by != 0) || !(count - count == 0))
            return;
        for (double i = 0; i <= count + 1e-12 && b.count < KQL_ARRAY_MAX; i++)
            kql_array_add(&b, kql_real(a + i * by));
    } else {
        int64_t at = from->i;

        if (step.i == 0)
            return;
        while (b.count < KQL_ARRAY_MAX && (step.i > 0 ? at <= to->i : at >= to->i)) {
            kql_array_add(&b, kql_integer(from->type == KQL_INT ? KQL_LONG : from->type, at));
            if (__builtin_add_overflow(at, step.i, &at))
                break;
        }
    }
    *result = kql_array_finish(&b);
}

/* ---- sets ---- */

struct set { /* open addressing over the values of some array */
    const struct kql_value **slots;
    size_t size;
};

static struct set
set_new(struct pool *p, size_t count)
{
    struct set s = {.size = 16};

    while (s.size < count * 2)
        s.size *= 2;
    s.slots = pool_zeroed(p, s.size, sizeof *s.slots);
    return s;
}

/* The slot where the value is, or may be put. */
static const struct kql_value **
set_slot(struct set *s, const struct kql_value *v)
{
    size_t at = kql_value_hash(v) & (s->size - 1);

    while (s->slots[at] != NULL && !kql_value_same(s->slots[at], v))
        at = (at + 1) & (s->size - 1);
    return &s->slots[at];
}

static struct set
set_of(struct pool *p, const struct kql_array *a)
{
    struct set s = set_new(p, a->count);

    for (uint32_t i = 0; i < a->count; i++)
        *set_slot(&s, &a->items[i]) = &a->items[i];
    return s;
}

/* False: an argument is not an array; *count: items in all. */
static bool
all_arrays(const struct kql_call *call, const struct kql_value *args, size_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        const struct kql_array *a = kql_array_in(&args[i]);

        if (a == NULL)
            return false;
        *count += a->count;
    }
    return true;
}

static void
call_set_union(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    struct set seen;
    size_t count;

    *result = kql_null(KQL_DYNAMIC);
    if (!all_arrays(call, args, &count))
        return;
    seen = set_new(call->pool, count);
    for (uint32_t i = 0; i < call->count; i++)
        for (uint32_t k = 0; k < args[i].array->count; k++) {
            const struct kql_value *v = &args[i].array->items[k], **slot = set_slot(&seen, v);

            if (*slot == NULL)
                kql_array_add(&b, *(*slot = v));
        }
    *result = kql_array_finish(&b);
}

/* Of the first array what all (or none) of the others hold, each once. */
static void
select_first(struct kql_call *call, const struct kql_value *args, bool in_others,
             struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    struct set *others, seen;
    size_t count;

    *result = kql_null(KQL_DYNAMIC);
    if (!all_arrays(call, args, &count))
        return;
    others = pool_take(call->pool, call->count * sizeof *others);
    for (uint32_t i = 1; i < call->count; i++)
        others[i] = set_of(call->pool, args[i].array);
    seen = set_new(call->pool, args[0].array->count);
    for (uint32_t k = 0; k < args[0].array->count; k++) {
        const struct kql_value *v = &args[0].array->items[k], **slot = set_slot(&seen, v);
        bool is_wanted = *slot == NULL;

        for (uint32_t i = 1; i < call->count && is_wanted; i++)
            is_wanted = (*set_slot(&others[i], v) != NULL) == in_others;
        if (is_wanted)
            kql_array_add(&b, *v);
        *slot = v;
    }
    *result = kql_array_finish(&b);
}

static void
call_set_intersect(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    select_first(call, args, true, result);
}

static void
call_set_difference(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    select_first(call, args, false, result);
}

static void
call_set_has_element(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);

    (void)call;
    *result = a == NULL ? kql_null(KQL_BOOL) : kql_bool(false);
    for (uint32_t i = 0; a != NULL && i < a->count && !result->i; i++)
        *result = kql_bool(kql_value_same(&a->items[i], &args[1]));
}

/* How many of a's different values are in b, and how many there are. */
static void
count_shared(struct pool *p, const struct kql_array *a, const struct kql_array *b, size_t *shared,
             size_t *different)
{
    struct set in_b = set_of(p, b), seen = set_new(p, a->count);

    *shared = *different = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct kql_value **slot = set_slot(&seen, &a->items[i]);

        if (*slot != NULL)
            continue;
        *slot = &a->items[i];
        ++*different;
        *shared += *set_slot(&in_b, &a->items[i]) != NULL;
    }
}

static void
call_set_equals(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]), *b = kql_array_in(&args[1]);
    size_t shared, in_a, in_b;

    *result = kql_null(KQL_BOOL);
    if (a == NULL || b == NULL)
        return;
    count_shared(call->pool, a, b, &shared, &in_a);
    count_shared(call->pool, b, a, &shared, &in_b);
    *result = kql_bool(shared == in_a && in_a == in_b);
}

static void
call_jaccard_index(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]), *b = kql_array_in(&args[1]);
    size_t shared, in_a, in_b;

    *result = kql_null(KQL_REAL);
    if (a == NULL || b == NULL)
        return;
    count_shared(call->pool, a, b, &shared, &in_a);
    count_shared(call->pool, b, a, &shared, &in_b);
    *result = kql_real((double)shared / (double)(in_a + in_b - shared));
}

/* ---- bags ---- */

static void
call_bag_keys(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_bag *bag = kql_bag_in(&args[0]);
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (bag == NULL)
        return;
    for (uint32_t i = 0; i < bag->count; i++)
        kql_array_add(&b, kql_string(bag->entries[i].key));
    *result = kql_array_finish(&b);
}

static const struct kql_value *
entry_of(const struct kql_value *v, struct span key)
{
    const struct kql_bag *bag = v == NULL ? NULL : kql_bag_in(v);

    for (uint32_t i = 0; bag != NULL && i < bag->count; i++)
        if (span_equal(bag->entries[i].key, key))
            return &bag->entries[i].value;
    return NULL;
}

/* "$.a.b": whether the bag that a is has b. */
static void
call_bag_has_key(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span path = kql_text(&args[1]);
    const struct kql_value *at = &args[0];

    (void)call;
    *result = kql_bag_in(at) == NULL ? kql_null(KQL_BOOL) : kql_bool(entry_of(at, path) != NULL);
    if (result->is_null || result->i != 0 || path.n <= 2 || memcmp(path.p, "$.", 2) != 0)
        return;
    path = (struct span){path.p + 2, path.n - 2};
    while (at != NULL) {
        const char *dot = memchr(path.p, '.', path.n);
        struct span key = {path.p, dot != NULL ? (size_t)(dot - path.p) : path.n};

        at = entry_of(at, key);
        if (dot == NULL)
            break;
        path = (struct span){dot + 1, path.n - key.n - 1};
    }
    *result = kql_bool(at != NULL);
}

static void
call_bag_merge(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};
    bool any = false;

    for (uint32_t i = 0; i < call->count; i++) {
        const struct kql_bag *bag = kql_bag_in(&args[i]);

        any |= bag != NULL;
        for (uint32_t k = 0; bag != NULL && k < bag->count; k++)
            kql_bag_add(&b, bag->entries[k].key, bag->entries[k].value, false);
    }
    *result = any ? kql_bag_finish(&b) : kql_null(KQL_DYNAMIC);
}

/* Dotted paths ("$.a.b") go into nested bags. */
static struct kql_value
without(struct pool *p, const struct kql_bag *bag, const struct span *paths, size_t count)
{
    struct kql_bag_builder b = {.pool = p};
    struct span *inner = pool_take(p, (count + 1) * sizeof *inner);

    for (uint32_t i = 0; i < bag->count; i++) {
        struct kql_value value = bag->entries[i].value;
        struct span key = bag->entries[i].key;
        size_t inner_count = 0;
        bool is_removed = false;

        for (size_t k = 0; k < count && !is_removed; k++) {
            struct span path = paths[k];

            is_removed = span_equal(path, key);
            if (path.n > key.n && memcmp(path.p, key.p, key.n) == 0 && path.p[key.n] == '.')
                inner[inner_count++] = (struct span){path.p + key.n + 1, path.n - key.n - 1};
        }
        if (is_removed)
            continue;
        if (inner_count > 0 && kql_bag_in(&value) != NULL)
            value = without(p, value.bag, inner, inner_count);
        kql_bag_add(&b, key, value, true);
    }
    return kql_bag_finish(&b);
}

static void
call_bag_remove_keys(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_bag *bag = kql_bag_in(&args[0]);
    const struct kql_array *keys = kql_array_in(&args[1]);
    struct span *paths;
    size_t count = 0;

    *result = bag == NULL ? kql_null(KQL_DYNAMIC) : args[0];
    if (bag == NULL || keys == NULL)
        return;
    paths = pool_take(call->pool, (keys->count + 1) * sizeof *paths);
    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->items[i].is_null || keys->items[i].type != KQL_STRING)
            continue;
        paths[count] = kql_text(&keys->items[i]);
        if (paths[count].n > 2 && memcmp(paths[count].p, "$.", 2) == 0)
            paths[count] = (struct span){paths[count].p + 2, paths[count].n - 2};
        count++;
    }
    *result = without(call->pool, bag, paths, count);
}

/* 'path' without its "$.": a.b sets b in the bag that a is; what is on the way and no bag becomes
 * one. */
static struct kql_value
with_key(struct pool *p, const struct kql_bag *bag, struct span path, bool is_path,
         const struct kql_value *value, int depth)
{
    struct kql_bag_builder b = {.pool = p};
    const char *dot = is_path ? memchr(path.p, '.', path.n) : NULL;
    struct span key = {path.p, dot != NULL ? (size_t)(dot - path.p) : path.n};
    struct kql_value inner = *value;

    if (depth > KQL_DEPTH_MAX)
        return kql_null(KQL_DYNAMIC);
    for (uint32_t i = 0; bag != NULL && i < bag->count; i++)
        kql_bag_add(&b, bag->entries[i].key, bag->entries[i].value, true);
    if (dot != NULL) {
        struct span rest = {dot + 1, path.n - key.n - 1};
        struct kql_value here = kql_null(KQL_DYNAMIC);

        for (uint32_t i = 0; bag != NULL && i < bag->count; i++)
            if (span_equal(bag->entries[i].key, key))
                here = bag->entries[i].value;
        inner = with_key(p, kql_bag_in(&here), rest, true, value, depth + 1);
    }
    kql_bag_add(&b, key, inner, true);
    return kql_bag_finish(&b);
}

static void
call_bag_set_key(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_bag *bag = kql_bag_in(&args[0]);
    struct span key = kql_text(&args[1]);
    bool is_path = key.n > 2 && memcmp(key.p, "$.", 2) == 0;

    *result = kql_null(KQL_DYNAMIC);
    if (bag == NULL)
        return;
    if (is_path)
        key = (struct span){key.p + 2, key.n - 2};
    *result = with_key(call->pool, bag, key, is_path, &args[2], 0);
}

static void
call_bag_zip(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *keys = kql_array_in(&args[0]), *values = kql_array_in(&args[1]);
    struct kql_bag_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (keys == NULL)
        return;
    for (uint32_t i = 0; i < keys->count; i++)
        if (!keys->items[i].is_null && keys->items[i].type == KQL_STRING)
            kql_bag_add(&b, kql_text(&keys->items[i]),
                        values != NULL && i < values->count ? values->items[i]
                                                            : kql_null(KQL_DYNAMIC),
                        true);
    *result = kql_bag_finish(&b);
}

/* Keys and values in turn; a value of null stays, as null. */
static void
call_bag_pack(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};

    for (uint32_t i = 0; i + 1 < call->count; i += 2)
        kql_bag_add(&b, kql_text(&args[i]), args[i + 1], false);
    *result = kql_bag_finish(&b);
}

/* What binders make of pack_all(true): as bag_pack, without what is null or empty. */
static void
call_bag_pack_filled(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder b = {.pool = call->pool};

    for (uint32_t i = 0; i + 1 < call->count; i += 2)
        if (!args[i + 1].is_null && !(args[i + 1].type == KQL_STRING && args[i + 1].size == 0))
            kql_bag_add(&b, kql_text(&args[i]), args[i + 1], false);
    *result = kql_bag_finish(&b);
}

/* All elements of an array stand at [0]. The bag holds each path once. */
static void
add_paths(struct kql_bag_builder *b, struct span prefix, const struct kql_value *v)
{
    const struct kql_bag *bag = kql_bag_in(v);
    const struct kql_array *array = kql_array_in(v);

    for (uint32_t i = 0; bag != NULL && i < bag->count; i++) {
        struct span key = bag->entries[i].key, path;

        if (prefix.n + key.n > KQL_STRING_MAX)
            pool_abandon(b->pool, "treepath(): a path is longer than %d bytes", KQL_STRING_MAX);
        path = pool_printf(b->pool, "%.*s['%.*s']", (int)prefix.n, prefix.p, (int)key.n, key.p);
        kql_bag_add(b, path, kql_null(KQL_DYNAMIC), false);
        add_paths(b, path, &bag->entries[i].value);
    }
    for (uint32_t i = 0; array != NULL && i < array->count; i++) {
        struct span path = pool_printf(b->pool, "%.*s[0]", (int)prefix.n, prefix.p);

        kql_bag_add(b, path, kql_null(KQL_DYNAMIC), false);
        add_paths(b, path, &array->items[i]);
    }
}

static void
call_treepath(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_bag_builder paths = {.pool = call->pool};
    struct kql_array_builder b = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (kql_bag_in(&args[0]) == NULL && kql_array_in(&args[0]) == NULL)
        return;
    add_paths(&paths, (struct span){"", 0}, &args[0]);
    for (size_t i = 0; i < paths.count; i++)
        kql_array_add(&b, kql_string(paths.entries[i].key));
    *result = kql_array_finish(&b);
}

/* Keys in order at every depth, so that equal values have equal text. */
static int
compare_entries(const void *a, const void *b)
{
    struct kql_value x = kql_string(((const struct kql_bag_entry *)a)->key);
    struct kql_value y = kql_string(((const struct kql_bag_entry *)b)->key);

    return kql_value_compare(&x, &y);
}

static struct kql_value
with_sorted_keys(struct pool *p, const struct kql_value *v)
{
    const struct kql_bag *bag = kql_bag_in(v);
    const struct kql_array *array = kql_array_in(v);

    if (bag != NULL) {
        struct kql_bag_entry *entries = pool_take(p, (bag->count + 1) * sizeof *entries);

        for (uint32_t i = 0; i < bag->count; i++)
            entries[i] = (struct kql_bag_entry){bag->entries[i].key,
                                                with_sorted_keys(p, &bag->entries[i].value)};
        qsort(entries, bag->count, sizeof *entries, compare_entries);
        return kql_bag_of(p, entries, bag->count);
    }
    if (array != NULL) {
        struct kql_value *items = pool_take(p, (array->count + 1) * sizeof *items);

        for (uint32_t i = 0; i < array->count; i++)
            items[i] = with_sorted_keys(p, &array->items[i]);
        return kql_array_of(p, items, array->count);
    }
    return *v;
}

static void
call_dynamic_to_json(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_value sorted;
    struct span text;

    if (call->types[0] != KQL_DYNAMIC) {
        *result = kql_to_text(call->pool, (enum kql_type)call->types[0], &args[0]);
        return;
    }
    sorted = with_sorted_keys(call->pool, &args[0]);
    text = kql_json_print(call->pool, &sorted); /* a string in quotes, which tostring() has not */
    *result = text.n > KQL_STRING_MAX ? kql_null(KQL_STRING) : kql_string(text);
}

#define ROW(NAME, SIGNATURE, CALL, FLAGS, DOC)                                                     \
    {                                                                                              \
        .name = (NAME), .kind = KQL_SCALAR, .flags = (FLAGS), .signature = (SIGNATURE),            \
        .call = (CALL), .doc = (DOC), .group = "dynamic"                                           \
    }

const struct kql_function kql_functions_dynamic[] = {
    ROW("parse_json", "(json_text: string) -> dynamic\n(json_text: dynamic) -> dynamic",
        call_parse_json, KQL_F_FIRST_NAME | KQL_F_TRANSFORM,
        "The value that JSON text holds; text that is not JSON stays a string."),
    ROW("todynamic", "(value: string) -> dynamic\n(value: dynamic) -> dynamic", call_parse_json,
        KQL_F_FIRST_NAME, "parse_json()."),
    ROW("parsejson", "(json_text: string) -> dynamic\n(json_text: dynamic) -> dynamic",
        call_parse_json, KQL_F_FIRST_NAME | KQL_F_LEGACY, "parse_json()."),
    ROW("toobject", "(json_text: string) -> dynamic\n(json_text: dynamic) -> dynamic",
        call_parse_json, KQL_F_FIRST_NAME | KQL_F_LEGACY, "parse_json()."),
    ROW("dynamic_to_json", "(dynamic: any) -> string", call_dynamic_to_json, 0,
        "JSON text of the value, keys in order, so that equal values have equal text."),
    ROW("array_length", "(array: dynamic) -> long", call_array_length, KQL_F_TRANSFORM,
        "How many elements."),
    ROW("arraylength", "(array: dynamic) -> long", call_array_length, KQL_F_LEGACY,
        "array_length()."),
    ROW("array_concat", "(array: dynamic...) -> dynamic", call_array_concat,
        KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "One array of all arrays' elements."),
    ROW("array_slice", "(array: dynamic, start: long, end: long) -> dynamic", call_array_slice, 0,
        "The elements from start to end, both included; negative from the end."),
    ROW("array_split",
        "(array: dynamic, index: long) -> dynamic\n(array: dynamic, indices: dynamic) -> dynamic",
        call_array_split, 0, "The pieces of an array cut before the given indexes."),
    ROW("array_reverse", "(value: dynamic) -> dynamic", call_array_reverse, 0,
        "The elements the other way round."),
    ROW("array_rotate_left", "(array: dynamic, rotate_count: long) -> dynamic",
        call_array_rotate_left, 0, "The elements turned to the left."),
    ROW("array_rotate_right", "(array: dynamic, rotate_count: long) -> dynamic",
        call_array_rotate_right, 0, "The elements turned to the right."),
    ROW("array_shift_left", "(array: dynamic, shift_count: long, default_value?: any) -> dynamic",
        call_array_shift_left, KQL_F_TAKES_NULLS, "The elements moved left, filled up behind."),
    ROW("array_shift_right", "(array: dynamic, shift_count: long, default_value?: any) -> dynamic",
        call_array_shift_right, KQL_F_TAKES_NULLS, "The elements moved right, filled up before."),
    ROW("array_index_of",
        "(array: dynamic, value: any, start?: long, length?: long, occurrence?: const long) -> "
        "long",
        call_array_index_of, KQL_F_TAKES_NULLS, "Where the value stands first; -1: nowhere."),
    ROW("array_iff", "(condition_array: dynamic, when_true: any, when_false: any) -> dynamic",
        call_array_iff, KQL_F_TAKES_NULLS, "iff() element by element."),
    ROW("array_iif", "(condition_array: dynamic, when_true: any, when_false: any) -> dynamic",
        call_array_iff, KQL_F_TAKES_NULLS | KQL_F_LEGACY, "array_iff()."),
    ROW("array_sort_asc", "(array: dynamic, arrays?: any...) -> dynamic", call_array_sort_asc,
        KQL_F_TAKES_NULLS, "The elements in rising order; further arrays are ordered along."),
    ROW("array_sort_desc", "(array: dynamic, arrays?: any...) -> dynamic", call_array_sort_desc,
        KQL_F_TAKES_NULLS, "The elements in falling order; further arrays are ordered along."),
    ROW("array_sum", "(array: dynamic) -> real", call_array_sum, 0, "The sum of the numbers."),
    ROW("strcat_array", "(array: dynamic, delimiter: string) -> string", call_strcat_array, 0,
        "The elements' texts with the delimiter between."),
    ROW("array_strcat", "(array: dynamic, delimiter: string) -> string", call_strcat_array,
        KQL_F_LEGACY, "strcat_array()."),
    ROW("zip", "(array: dynamic, arrays: dynamic...) -> dynamic", call_zip,
        KQL_F_TAKES_NULLS | KQL_F_TRANSFORM,
        "An array of arrays: the first elements, the second ones ..."),
    ROW("pack_array", "(value: any...) -> dynamic", call_pack_array,
        KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "An array of the arguments ('*': of all columns)."),
    {.name = "repeat",
                                                                             .kind = KQL_SCALAR,
                                                                             .flags = KQL_F_TAKES_NULLS,
                                                                             .signature = "(value: any, count: long) -> dynamic",
                                                                             .call = call_repeat,
                                                                             .doc = "An array of the same value, count times.",
                                                                             .column = "repeat_*",
                                                                             .group = "dynamic"},
    ROW("range",
        "(start: long, stop: long, step?: long) -> dynamic\n"
        "(start: real, stop: real, step?: real) -> dynamic\n"
        "(start: datetime, stop: datetime, step?: timespan) -> dynamic\n"
        "(start: timespan, stop: timespan, step?: timespan) -> dynamic",
        call_range, 0, "An array of evenly spaced values, stop included."),
    ROW("set_union", "(set: dynamic, sets: dynamic...) -> dynamic", call_set_union, 0,
        "The different elements of all arrays."),
    ROW("set_intersect", "(set: dynamic, sets: dynamic...) -> dynamic", call_set_intersect, 0,
        "The different elements that all arrays hold."),
    ROW("set_difference", "(set: dynamic, sets: dynamic...) -> dynamic", call_set_difference, 0,
        "The different elements of the first array that no other holds."),
    ROW("set_has_element", "(set: dynamic, value: any) -> bool", call_set_has_element,
        KQL_F_TAKES_NULLS, "Whether the array holds the value."),
    ROW("set_equals", "(set1: dynamic, set2: dynamic) -> bool", call_set_equals, 0,
        "Whether both arrays hold the same elements."),
    ROW("jaccard_index", "(set1: dynamic, set2: dynamic) -> real", call_jaccard_index, 0,
        "Shared elements divided by all different elements."),
    ROW("bag_keys", "(object: dynamic) -> dynamic", call_bag_keys, 0, "The keys at the top."),
    ROW("bag_has_key", "(bag: dynamic, key: string) -> bool", call_bag_has_key, 0,
        "Whether the bag has the key."),
    ROW("bag_merge", "(bag: dynamic, bags: dynamic...) -> dynamic", call_bag_merge,
        KQL_F_TAKES_NULLS, "One bag of all bags' members; the leftmost value of a key stays."),
    ROW("bag_remove_keys", "(bag: dynamic, keys: dynamic) -> dynamic", call_bag_remove_keys, 0,
        "The bag without the keys; '$.a.b' names a key inside."),
    ROW("bag_set_key", "(bag: dynamic, key: string, value: any) -> dynamic", call_bag_set_key,
        KQL_F_TAKES_NULLS, "The bag with that key set."),
    ROW("bag_zip", "(keys: dynamic, values: dynamic) -> dynamic", call_bag_zip, 0,
        "A bag of an array of keys and one of values."),
    ROW("bag_pack", "(key: string..., value: any) -> dynamic", call_bag_pack, KQL_F_TAKES_NULLS,
        "A bag of keys and values in turn."),
    ROW("pack", "(key: string..., value: any) -> dynamic", call_bag_pack,
        KQL_F_TAKES_NULLS | KQL_F_LEGACY | KQL_F_TRANSFORM, "bag_pack()."),
    ROW("pack_dictionary", "(key: string..., value: any) -> dynamic", call_bag_pack,
        KQL_F_TAKES_NULLS | KQL_F_LEGACY, "bag_pack()."),
    ROW("pack_all(true)", "(key: string..., value: any) -> dynamic", call_bag_pack_filled,
        KQL_F_TAKES_NULLS | KQL_F_LEGACY, "What pack_all(true) is bound to."),
    {.name = "treepath",
                                                                             .kind = KQL_SCALAR,
                                                                             .flags = 0,
                                                                             .signature = "(object: dynamic) -> dynamic",
                                                                             .call = call_treepath,
                                                                             .doc = "The paths of all places in the value.",
                                                                             .column = "tree_*",
                                                                             .group = "dynamic"},
    {.name = NULL       },
};
