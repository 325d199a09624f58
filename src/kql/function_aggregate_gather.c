/* function_aggregate_gather.c - aggregates that keep values: dcount, make_list, make_set, make_bag, buildschema. */
#include "kql/dynamic.h"
#include "kql/function_aggregate.h"

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

const struct kql_aggregate kql_aggregate_dcount_all = {
    sizeof(struct distinct), NULL, dcount_add, dcount_finish, dcount_merge, 0};
const struct kql_aggregate kql_aggregate_dcountif = {
    sizeof(struct distinct), NULL, dcountif_add, dcount_finish, dcount_merge, 0};

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

const struct kql_aggregate kql_aggregate_make_list = {sizeof(struct list), NULL,       list_add,
                                                      list_finish,         list_merge, 0};
const struct kql_aggregate kql_aggregate_make_list_if = {
    sizeof(struct list), NULL, listif_add, list_finish, list_merge, 0};
const struct kql_aggregate kql_aggregate_make_list_with_nulls = {
    sizeof(struct list), NULL, list_nulls_add, list_finish, list_merge, 0};
const struct kql_aggregate kql_aggregate_make_set = {sizeof(struct set), NULL,      set_add,
                                                     set_finish,         set_merge, 0};
const struct kql_aggregate kql_aggregate_make_set_if = {sizeof(struct set), NULL,      setif_add,
                                                        set_finish,         set_merge, 0};
const struct kql_aggregate kql_aggregate_make_bag = {sizeof(struct bag), NULL,      bag_add,
                                                     bag_finish,         bag_merge, 0};
const struct kql_aggregate kql_aggregate_make_bag_if = {sizeof(struct bag), NULL,      bagif_add,
                                                        bag_finish,         bag_merge, 0};
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

const struct kql_aggregate kql_aggregate_buildschema = {
    sizeof(struct place), NULL, schema_add, schema_finish, schema_merge, 0};
