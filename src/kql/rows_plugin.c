/* rows_plugin.c - plugins of evaluate. Each is run over all rows of its input and gives a table,
 * which is remembered for its operator: the binder may have asked for its columns already. What the
 * arguments are is in bind_plugin.c. Facts: each plugin's page. */
#include "kql/dynamic.h"
#include "kql/rows_inner.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

enum { SLOT_TABLE = 5000 };

struct plugin_call {
    struct rows_run *run;
    struct pool *pool; /* of the result */
    const struct kql_op *op;
    const struct rows_list *input;
    struct rows_table *out;
    struct kql_value *row; /* one of the input, to be looked at */
};

static const struct kql_expr *
argument(const struct plugin_call *c, uint32_t i)
{
    return i < c->op->u.plugin.count ? c->op->u.plugin.arguments[i] : NULL;
}

/* A constant argument; null when it was not given. */
static struct kql_value
constant(struct plugin_call *c, uint32_t i)
{
    const struct kql_expr *e = argument(c, i);

    return e == NULL ? kql_null(KQL_DYNAMIC)
                     : rows_constant(c->run, &c->op->u.plugin.arguments[i], 0, e);
}

static struct span
constant_text(struct plugin_call *c, uint32_t i)
{
    struct kql_value v = constant(c, i);

    return v.is_null || v.type != KQL_STRING ? (struct span){"", 0} : kql_text(&v);
}

/* An integer, a datetime or a timespan; reals are cut. */
static int64_t
constant_whole(struct plugin_call *c, uint32_t i, const char *name)
{
    struct kql_value v = constant(c, i);

    if (v.is_null || v.type == KQL_STRING || v.type == KQL_ARRAY || v.type == KQL_BAG)
        pool_abandon(c->run->engine->pool, "%s: %s is null or of another type",
                     c->op->u.plugin.function->name, name);
    if (v.type == KQL_REAL)
        return v.r > -9e18 && v.r < 9e18 ? (int64_t)v.r : 0;
    if (v.type == KQL_DECIMAL) {
        int64_t whole = 0;

        (void)kql_decimal_to_long(v.decimal, &whole);
        return whole;
    }
    return v.i;
}

/* The column of the input that an argument names. */
static uint32_t
column(const struct plugin_call *c, uint32_t i)
{
    const struct kql_expr *e = argument(c, i);

    return e != NULL && e->kind == KQL_EXPR_COLUMN ? e->column : UINT32_MAX;
}

static struct kql_value *
new_row(struct plugin_call *c)
{
    struct kql_value *row = rows_cells_new(c->pool, c->out->schema.count);

    rows_list_add(c->pool, &c->out->rows, row);
    if ((c->out->rows.count & 255) == 0)
        pool_check(c->pool);
    return row;
}

/* The columns are those that the binder knows; there are 'width' unless the query says others. */
static void
use_schema(struct plugin_call *c, uint32_t width)
{
    if (c->op->schema.count != width)
        pool_abandon(c->run->engine->pool, "%s gives %u columns: leave the schema behind it out",
                     c->op->u.plugin.function->name, width);
    c->out->schema = c->op->schema;
}

static void
put_columns(struct plugin_call *c, struct kql_column *columns, uint32_t count)
{
    c->out->schema = (struct kql_schema){columns, count, false};
}

/* ---- bag_unpack ---- */

struct slot { /* a group's state: one property */
    uint8_t type;
    uint32_t column;
    bool is_known;
};

static uint8_t
slot_type(const struct kql_value *v)
{
    return v->type == KQL_ARRAY || v->type == KQL_BAG ? KQL_DYNAMIC : v->type;
}

static int
compare_slots(const void *context, const void *a, const void *b)
{
    (void)context;
    return kql_value_compare(&((const struct rows_group *)a)->keys[0],
                             &((const struct rows_group *)b)->keys[0]);
}

/* All properties of all rows, with their types. */
static void
collect_slots(struct plugin_call *c, uint32_t bag_column, struct rows_groups *slots)
{
    struct kql_value ignored = constant(c, 3);

    rows_groups_init(slots, c->pool, 1);
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *v = &c->input->items[i][bag_column];

        for (uint32_t k = 0; !v->is_null && v->type == KQL_BAG && k < v->bag->count; k++) {
            struct kql_value name = kql_string(v->bag->entries[k].key);
            const struct kql_value *value = &v->bag->entries[k].value;
            bool is_new, is_ignored = false;
            struct rows_group *group;
            struct slot *slot;

            for (uint32_t n = 0;
                 !ignored.is_null && ignored.type == KQL_ARRAY && n < ignored.array->count; n++)
                is_ignored |= kql_value_same(&ignored.array->items[n], &name);
            if (is_ignored)
                continue;
            group = rows_groups_add(slots, &name, false, &is_new);
            if (is_new)
                group->state = pool_zeroed(c->pool, 1, sizeof *slot);
            slot = group->state;
            if (value->is_null)
                continue;
            if (!slot->is_known)
                slot->type = slot_type(value);
            else if (slot->type != slot_type(value))
                slot->type = KQL_DYNAMIC;
            slot->is_known = true;
        }
        if ((i & 1023) == 0)
            pool_check(c->pool);
    }
    rows_sort(c->pool, (void **)slots->items, slots->count, compare_slots, NULL);
}

/* UINT32_MAX: none. */
static uint32_t
find_name(const struct kql_column *columns, uint32_t count, struct span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(columns[i].name, name))
            return i;
    return UINT32_MAX;
}

/* The input's columns without the bag's, then the properties by name. A property that is called as
 * the bag takes its place. */
static void
bag_unpack(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;
    uint32_t bag = column(c, 0), count = 0, *from;
    struct span prefix = constant_text(c, 1), conflict = constant_text(c, 2);
    struct kql_column *columns;
    struct rows_groups slots;

    collect_slots(c, bag, &slots);
    columns = pool_take(c->pool, (in->count + slots.count + 1) * sizeof *columns);
    from = pool_take(c->pool, (in->count + slots.count + 1) * sizeof *from);
    for (size_t k = 0; k < slots.count; k++)
        ((struct slot *)slots.items[k]->state)->column = UINT32_MAX;
    for (uint32_t i = 0; i < in->count; i++) {
        struct rows_group *same = NULL;
        struct slot *slot;
        struct kql_value name = kql_string(in->columns[i].name);

        if (name.size > prefix.n && memcmp(name.text, prefix.p, prefix.n) == 0) {
            name = kql_string((struct span){name.text + prefix.n, name.size - prefix.n});
            same = rows_groups_find(&slots, &name);
        }
        slot = same == NULL ? NULL : same->state;
        if (i == bag && slot == NULL)
            continue;
        if (i != bag && slot != NULL) {
            if (conflict.n == 0 || span_is(conflict, "error"))
                pool_abandon(c->run->engine->pool,
                             "bag_unpack: there is a column '%.*s' already; say "
                             "columnsConflict='replace_source' or 'keep_source', or give a prefix",
                             (int)in->columns[i].name.n, in->columns[i].name.p);
            if (span_is(conflict, "replace_source"))
                continue; /* its namesake comes behind */
        }
        if (slot != NULL)
            slot->column = count;
        from[count] = i == bag ? UINT32_MAX : i;
        columns[count] = in->columns[i];
        if (i == bag)
            columns[count].type = slot->is_known ? slot->type : KQL_DYNAMIC;
        count++;
    }
    for (size_t k = 0; k < slots.count; k++) {
        struct slot *slot = slots.items[k]->state;
        struct span name = kql_text(&slots.items[k]->keys[0]);

        if (slot->column != UINT32_MAX)
            continue;
        slot->column = count;
        from[count] = UINT32_MAX;
        columns[count++] =
            (struct kql_column){prefix.n == 0 ? name
                                              : pool_printf(c->pool, "%.*s%.*s", (int)prefix.n,
                                                            prefix.p, (int)name.n, name.p),
                                slot->is_known ? slot->type : KQL_DYNAMIC};
    }
    put_columns(c, columns, count);
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *v = &c->input->items[i][bag];
        struct kql_value *row = new_row(c);

        for (uint32_t k = 0; k < count; k++)
            row[k] =
                from[k] == UINT32_MAX ? kql_null(columns[k].type) : c->input->items[i][from[k]];
        for (uint32_t k = 0; !v->is_null && v->type == KQL_BAG && k < v->bag->count; k++) {
            struct kql_value name = kql_string(v->bag->entries[k].key);
            struct rows_group *group = rows_groups_find(&slots, &name);
            const struct slot *slot = group == NULL ? NULL : group->state;

            if (slot != NULL && from[slot->column] == UINT32_MAX &&
                !v->bag->entries[k].value.is_null)
                row[slot->column] = v->bag->entries[k].value;
        }
    }
}

/* ---- pivot ---- */

/* Every value of the column is a column; a group has the aggregates' state per column. */
static void
pivot(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;
    uint32_t pivoted = column(c, 0), key_count = c->op->u.plugin.count - 2, count = key_count;
    const struct kql_expr *aggregate = argument(c, 1);
    struct kql_value *keys = rows_cells_new(c->pool, key_count), empty;
    struct rows_aggregates aggregates;
    struct rows_groups names, groups;
    struct kql_column *columns;

    rows_groups_init(&names, c->pool, 1);
    rows_groups_init(&groups, c->pool, key_count);
    rows_aggregates_init(&aggregates, c->run, c->op, 1, &aggregate, 1);
    for (size_t i = 0; i < c->input->count; i++) {
        struct kql_value text =
            kql_to_text(c->pool, in->columns[pivoted].type, &c->input->items[i][pivoted]);
        bool is_new;

        rows_groups_add(&names, &text, true, &is_new);
    }
    rows_sort(c->pool, (void **)names.items, names.count, compare_slots, NULL);
    columns = pool_take(c->pool, (key_count + names.count + 1) * sizeof *columns);
    for (uint32_t k = 0; k < key_count; k++)
        columns[k] = in->columns[column(c, 2 + k)];
    for (size_t i = 0; i < names.count; i++) {
        struct span name = kql_text(&names.items[i]->keys[0]);
        uint32_t number = 0;

        columns[count] =
            (struct kql_column){name.n == 0 ? SPAN_LITERAL("Column") : name, aggregate->type};
        while (find_name(columns, count, columns[count].name) != UINT32_MAX)
            columns[count].name =
                pool_printf(c->pool, "%.*s%u", (int)name.n, name.p, (unsigned)++number);
        names.items[i]->state = &columns[count++];
    }
    put_columns(c, columns, count);
    for (size_t i = 0; i < c->input->count; i++) {
        struct pool_mark mark = pool_mark(c->run->scratch);
        struct kql_value text =
            kql_to_text(c->pool, in->columns[pivoted].type, &c->input->items[i][pivoted]);
        struct kql_column *at = rows_groups_find(&names, &text)->state;
        struct rows_group *group;
        void **states;
        bool is_new;

        memcpy(c->row, c->input->items[i], in->count * sizeof *c->row);
        for (uint32_t k = 0; k < key_count; k++)
            keys[k] = c->row[column(c, 2 + k)];
        group = rows_groups_add(&groups, keys, true, &is_new);
        if (is_new)
            group->state = pool_zeroed(c->pool, count + 1, sizeof(void *));
        states = group->state;
        if (states[at - columns] == NULL)
            states[at - columns] = rows_aggregates_start(&aggregates, c->pool);
        rows_aggregates_add(&aggregates, states[at - columns], c->row);
        pool_return(c->run->scratch, mark);
    }
    rows_aggregates_finish(&aggregates, rows_aggregates_start(&aggregates, c->pool), &empty);
    for (size_t g = 0; g < groups.count; g++) {
        struct kql_value *row = new_row(c);
        void **states = groups.items[g]->state;

        memcpy(row, groups.items[g]->keys, key_count * sizeof *row);
        for (uint32_t k = key_count; k < count; k++) {
            row[k] = empty;
            if (states[k] != NULL)
                rows_aggregates_finish(&aggregates, states[k], &row[k]);
        }
    }
}

/* ---- narrow: each cell a row ---- */

static void
narrow(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;

    use_schema(c, 3);
    for (size_t i = 0; i < c->input->count; i++)
        for (uint32_t k = 0; k < in->count; k++) {
            struct kql_value *row = new_row(c);

            row[0] = kql_integer(KQL_LONG, (int64_t)i);
            row[1] = kql_string(in->columns[k].name);
            row[2] = kql_to_text(c->pool, in->columns[k].type, &c->input->items[i][k]);
        }
}

/* ---- ipv4_lookup, ipv6_lookup: networks by their length ---- */

enum { ADDRESS_SIZE = 16, PREFIX_MAX = 128 };
struct network {
    uint8_t address[ADDRESS_SIZE];
    uint8_t prefix;
};

/* "a.b.c.d/n" or IPv6, an IPv4 address as the last 32 of ::ffff:0:0/96. */
static bool
read_network(const struct kql_value *v, bool takes_v6, struct network *out)
{
    char text[64];
    struct in_addr four;
    struct in6_addr six;
    char *slash, *end;
    unsigned long prefix;
    unsigned base = 0;

    if (v->is_null || v->type != KQL_STRING || v->size == 0 || v->size >= sizeof text)
        return false;
    memcpy(text, v->text, v->size);
    text[v->size] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &four) == 1) {
        out->address[10] = out->address[11] = 0xff;
        memcpy(out->address + 12, &four, 4);
        base = 96;
    } else if (takes_v6 && inet_pton(AF_INET6, text, &six) == 1) {
        memcpy(out->address, &six, ADDRESS_SIZE);
    } else {
        return false;
    }
    prefix = PREFIX_MAX - base;
    if (slash != NULL) {
        prefix = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || prefix > PREFIX_MAX - base)
            return false;
    }
    out->prefix = (uint8_t)(base + prefix);
    return true;
}

static void
mask(struct network *n, unsigned prefix)
{
    for (unsigned i = 0; i < ADDRESS_SIZE; i++) {
        unsigned kept = prefix <= 8 * i ? 0 : prefix - 8 * i; /* bits of this byte and on */

        if (kept < 8)
            n->address[i] &= (uint8_t)(0xff00 >> kept);
    }
    n->prefix = (uint8_t)prefix;
}

static struct kql_value
network_key(const struct network *n)
{
    return kql_string((struct span){(const char *)n, sizeof *n});
}

static bool
extra_keys_match(struct plugin_call *c, const struct kql_value *row, const struct kql_value *there)
{
    for (uint32_t k = 4; k + 1 < c->op->u.plugin.count; k += 2)
        if (!kql_value_same(&row[column(c, k)], &there[column(c, k + 1)]))
            return false;
    return true;
}

/* The input's row, and the lookup table's behind it without its extra keys; NULL: none. */
static void
give_lookup(struct plugin_call *c, const struct kql_value *here, const struct kql_value *there)
{
    const struct kql_schema *in = &c->op->input->schema, *lookup = &argument(c, 0)->table->schema;
    struct kql_value *row = new_row(c);
    uint32_t at = in->count;

    memcpy(row, here, in->count * sizeof *row);
    for (uint32_t i = 0; i < lookup->count && at < c->out->schema.count; i++) {
        bool is_key = false;

        for (uint32_t k = 5; k < c->op->u.plugin.count; k += 2)
            is_key |= column(c, k) == i;
        if (!is_key) {
            row[at] = there == NULL ? kql_null(c->out->schema.columns[at].type) : there[i];
            at++;
        }
    }
}

static uint32_t
lookup_width(const struct plugin_call *c)
{
    const struct kql_schema *there = &argument(c, 0)->table->schema;
    uint32_t width = c->op->input->schema.count + there->count;

    for (uint32_t i = 0; i < there->count; i++)
        for (uint32_t k = 5; k < c->op->u.plugin.count; k += 2)
            if (column(c, k) == i) {
                width--;
                break;
            }
    return width;
}

static void
lookup(struct plugin_call *c)
{
    bool takes_v6 = c->op->u.plugin.function->name[3] == '6', lengths[PREFIX_MAX + 1] = {false};
    struct rows_list *there = rows_collect(c->pool, rows_open(c->run, argument(c, 0)->table, NULL));
    struct kql_value unmatched = constant(c, 3);
    struct rows_groups networks;
    struct network n;

    use_schema(c, lookup_width(c));
    rows_groups_init(&networks, c->pool, 1);
    for (size_t i = 0; i < there->count; i++) {
        struct rows_group *group;
        struct kql_value key;
        bool is_new;

        if (!read_network(&there->items[i][column(c, 2)], takes_v6, &n))
            continue;
        mask(&n, n.prefix);
        lengths[n.prefix] = true;
        key = network_key(&n);
        group = rows_groups_add(&networks, &key, false, &is_new);
        if (is_new)
            group->state = pool_zeroed(c->pool, 1, sizeof(struct rows_list));
        rows_list_add(c->pool, group->state, there->items[i]);
    }
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *here = c->input->items[i];
        bool found = false, is_address = read_network(&here[column(c, 1)], takes_v6, &n);
        unsigned own = is_address ? n.prefix : 0;

        for (unsigned prefix = own + 1; is_address && prefix-- > 0;) {
            struct rows_group *group = NULL;
            const struct rows_list *rows;
            struct kql_value key;

            if (lengths[prefix]) {
                mask(&n, prefix);
                key = network_key(&n);
                group = rows_groups_find(&networks, &key);
            }
            rows = group == NULL ? NULL : group->state;
            for (size_t k = 0; rows != NULL && k < rows->count; k++)
                if (extra_keys_match(c, here, rows->items[k])) {
                    give_lookup(c, here, rows->items[k]);
                    found = true;
                }
        }
        if (!found && kql_is_true(&unmatched))
            give_lookup(c, here, NULL);
    }
}

/* ---- dcount_intersect: by inclusion and exclusion of the unions ---- */

enum { SETS_MAX = 10 };

static struct kql_value
call_scalar(struct plugin_call *c, const char *name, const struct kql_value *args, uint32_t count,
            enum kql_type result)
{
    const struct kql_function *f = kql_function_find(span_of(name), KQL_SCALAR);
    uint8_t types[SETS_MAX];
    struct kql_call call = {.pool = c->pool,
                            .types = types,
                            .result_type = (uint8_t)result,
                            .count = count,
                            .now = c->run->engine->now,
                            .random = &c->run->engine->random};
    struct kql_value v = kql_null(result);

    if (f == NULL || f->call == NULL)
        pool_abandon(c->run->engine->pool, "%s: %s() is not built here",
                     c->op->u.plugin.function->name, name);
    memset(types, KQL_DYNAMIC, sizeof types);
    f->call(&call, args, &v);
    return v;
}

static void
dcount_intersect(struct plugin_call *c)
{
    uint32_t sets = c->op->u.plugin.count, width = c->op->input->schema.count;
    struct kql_value sketches[SETS_MAX], chosen[SETS_MAX];
    struct rows_eval eval;

    if (sets > SETS_MAX)
        pool_abandon(c->run->engine->pool, "dcount_intersect: more than %d sets", SETS_MAX);
    use_schema(c, width + sets);
    rows_eval_init(&eval, c->run, c->op, 1, c->op->u.plugin.arguments, sets);
    for (size_t i = 0; i < c->input->count; i++) {
        struct kql_value *row = new_row(c);

        memcpy(row, c->input->items[i], width * sizeof *row);
        rows_eval_row(&eval, row);
        for (uint32_t k = 0; k < sets; k++)
            rows_eval_cell(&eval, k, &sketches[k]);
        for (uint32_t k = 0; k < sets; k++) {
            int64_t sum = 0;

            for (uint32_t subset = 1; subset < 2u << k; subset++) {
                uint32_t count = 0;
                struct kql_value all, size;

                for (uint32_t s = 0; s <= k; s++)
                    if ((subset >> s & 1) != 0)
                        chosen[count++] = sketches[s];
                all = count == 1 ? chosen[0]
                                 : call_scalar(c, "hll_merge", chosen, count, KQL_DYNAMIC);
                size = call_scalar(c, "dcount_hll", &all, 1, KQL_LONG);
                sum += size.is_null ? 0 : count % 2 == 1 ? size.i : -size.i;
            }
            row[width + k] = kql_integer(KQL_LONG, sum < 0 ? 0 : sum);
        }
    }
}

/* ---- plugins over a time line ---- */

/* The bin that a value lies in, counted from 'start'. */
static bool
bin_index(const struct kql_value *v, int64_t start, int64_t size, int64_t *index)
{
    int64_t whole, distance;

    if (v->is_null || v->type == KQL_STRING)
        return false;
    if (v->type == KQL_REAL && !(v->r > -9e18 && v->r < 9e18))
        return false;
    whole = v->type == KQL_REAL ? (int64_t)floor(v->r) : v->i;
    if (__builtin_sub_overflow(whole, start, &distance))
        return false;
    *index = distance / size - (distance % size < 0);
    return true;
}

struct binned { /* of a group: a row's bin, in order, and what it holds */
    struct binned_item {
        int64_t bin;
        const struct kql_value *row;
    } * *items;
    size_t count, room;
};

static int
compare_binned(const void *context, const void *a, const void *b)
{
    const struct binned_item *x = a, *y = b;

    (void)context;
    return x->bin < y->bin ? -1 : x->bin > y->bin;
}

/* Rows by their dimensions (the arguments from 'first' on), each group's by their bins. */
static void
bin_rows(struct plugin_call *c, uint32_t first, uint32_t time, int64_t start, int64_t size,
         struct rows_groups *groups)
{
    uint32_t key_count = c->op->u.plugin.count > first ? c->op->u.plugin.count - first : 0;
    struct kql_value *keys = rows_cells_new(c->pool, key_count);

    if (size <= 0)
        pool_abandon(c->run->engine->pool, "%s: the bin must be above 0",
                     c->op->u.plugin.function->name);
    rows_groups_init(groups, c->pool, key_count);
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *row = c->input->items[i];
        struct rows_group *group;
        struct binned *binned;
        int64_t bin;
        bool is_new;

        if (!bin_index(&row[time], start, size, &bin))
            continue;
        for (uint32_t k = 0; k < key_count; k++)
            keys[k] = row[column(c, first + k)];
        group = rows_groups_add(groups, keys, true, &is_new);
        if (is_new)
            group->state = pool_zeroed(c->pool, 1, sizeof *binned);
        binned = group->state;
        binned->items = pool_grow(c->pool, binned->items, &binned->room, binned->count + 1,
                                  sizeof *binned->items);
        binned->items[binned->count] = pool_take(c->pool, sizeof **binned->items);
        *binned->items[binned->count++] = (struct binned_item){bin, row};
    }
    for (size_t g = 0; g < groups->count; g++) {
        struct binned *binned = groups->items[g]->state;

        rows_sort(c->pool, (void **)binned->items, binned->count, compare_binned, NULL);
    }
}

static struct kql_value
bin_value(enum kql_type type, int64_t start, int64_t size, int64_t bin)
{
    int64_t at;

    if (__builtin_mul_overflow(bin, size, &at) || __builtin_add_overflow(at, start, &at))
        return kql_null(type);
    return type == KQL_REAL ? kql_real((double)at) : kql_integer(type, at);
}

static int
compare_values(const void *context, const void *a, const void *b)
{
    (void)context;
    return kql_value_compare(a, b);
}

/* rolling_percentile(value, percentile, index, bin, bins, dimension ...) */
static void
rolling_percentile(struct plugin_call *c)
{
    uint32_t value = column(c, 0), index = column(c, 2);
    struct kql_value percentile = constant(c, 1);
    int64_t size = constant_whole(c, 3, "BinSize"), bins = constant_whole(c, 4, "BinsPerWindow");
    double share = percentile.is_null            ? 50
                   : percentile.type == KQL_REAL ? percentile.r
                                                 : (double)percentile.i;
    struct rows_groups groups;

    use_schema(c, c->op->u.plugin.count - 5 + 2);
    bin_rows(c, 5, index, 0, size, &groups);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        const void **values = pool_take(c->pool, (all->count + 1) * sizeof *values);

        for (size_t low = 0, high = 0; high < all->count;) {
            int64_t bin = all->items[high]->bin;
            struct kql_value *row = new_row(c);
            size_t count = 0, rank;

            while (high < all->count && all->items[high]->bin == bin)
                high++;
            while (low < high && all->items[low]->bin <= bin - bins)
                low++;
            for (size_t i = low; i < high; i++)
                if (!all->items[i]->row[value].is_null)
                    values[count++] = &all->items[i]->row[value];
            rows_sort(c->pool, (void **)values, count, compare_values, NULL);
            rank = (size_t)ceil(share / 100 * (double)count);
            row[0] = bin_value(c->out->schema.columns[0].type, 0, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row[1 + groups.key_count] =
                count == 0 ? kql_null(c->out->schema.columns[1 + groups.key_count].type)
                           : *(const struct kql_value *)values[rank == 0      ? 0
                                                               : rank > count ? count - 1
                                                                              : rank - 1];
        }
    }
}

/* The rows of [low, high) have so many different ids. */
static int64_t
distinct_ids(struct plugin_call *c, const struct binned *all, size_t low, size_t high, uint32_t id)
{
    struct pool_mark mark = pool_mark(c->run->scratch);
    struct rows_groups ids;
    int64_t count;
    bool is_new;

    rows_groups_init(&ids, c->run->scratch, 1);
    for (size_t i = low; i < high; i++)
        rows_groups_add(&ids, &all->items[i]->row[id], true, &is_new);
    count = (int64_t)ids.count;
    pool_return(c->run->scratch, mark);
    return count;
}

static int64_t
bin_count(struct plugin_call *c, int64_t start, int64_t end, int64_t size)
{
    int64_t distance;

    if (size <= 0 || __builtin_sub_overflow(end, start, &distance) || distance < 0)
        return 0;
    if (distance / size >= KQL_ARRAY_MAX)
        pool_abandon(c->run->engine->pool, "%s: more than %d bins", c->op->u.plugin.function->name,
                     KQL_ARRAY_MAX);
    return distance / size + 1;
}

/* sliding_window_counts(id, time, start, end, window, bin, dimension ...): for each bin the rows and
 * ids of the window that ends with it. */
static void
sliding_window_counts(struct plugin_call *c)
{
    int64_t start = constant_whole(c, 2, "Start"), end = constant_whole(c, 3, "End");
    int64_t window = constant_whole(c, 4, "LookbackWindow"), size = constant_whole(c, 5, "Bin");
    int64_t bins = bin_count(c, start, end, size), span;
    struct rows_groups groups;

    use_schema(c, c->op->u.plugin.count - 6 + 3);
    bin_rows(c, 6, column(c, 1), start, size, &groups);
    span = window <= size ? 1 : window / size + (window % size != 0);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        size_t low = 0, high = 0;

        for (int64_t bin = 0; bin < bins; bin++) {
            struct kql_value *row;

            while (high < all->count && all->items[high]->bin <= bin)
                high++;
            while (low < high && all->items[low]->bin <= bin - span)
                low++;
            if (low == high)
                continue;
            row = new_row(c);
            row[0] = bin_value(c->out->schema.columns[0].type, start, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row[1 + groups.key_count] = kql_integer(KQL_LONG, (int64_t)(high - low));
            row[2 + groups.key_count] =
                kql_integer(KQL_LONG, distinct_ids(c, all, low, high, column(c, 0)));
        }
    }
}

/* activity_counts_metrics(id, time, start, end, window, dimension ...): rows, ids, ids not seen
 * before, ids so far. */
static void
activity_counts_metrics(struct plugin_call *c)
{
    int64_t start = constant_whole(c, 2, "Start"), end = constant_whole(c, 3, "End");
    int64_t size = constant_whole(c, 4, "Window"), bins = bin_count(c, start, end, size);
    struct rows_groups groups;

    use_schema(c, c->op->u.plugin.count - 5 + 5);
    bin_rows(c, 5, column(c, 1), start, size, &groups);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        struct rows_groups seen;
        size_t low = 0;

        rows_groups_init(&seen, c->pool, 1);
        while (low < all->count && all->items[low]->bin < 0)
            low++;
        while (low < all->count && all->items[low]->bin < bins) {
            int64_t bin = all->items[low]->bin;
            size_t high = low, before = seen.count;
            struct kql_value *row = new_row(c);
            bool is_new;

            for (; high < all->count && all->items[high]->bin == bin; high++)
                rows_groups_add(&seen, &all->items[high]->row[column(c, 0)], true, &is_new);
            row[0] = bin_value(c->out->schema.columns[0].type, start, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row += 1 + groups.key_count;
            row[0] = kql_integer(KQL_LONG, (int64_t)(high - low));
            row[1] = kql_integer(KQL_LONG, distinct_ids(c, all, low, high, column(c, 0)));
            row[2] = kql_integer(KQL_LONG, (int64_t)(seen.count - before));
            row[3] = kql_integer(KQL_LONG, (int64_t)seen.count);
            low = high;
        }
    }
}

/* ---- rows_near(condition, before, after) ---- */

static void
rows_near(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;
    int64_t before = constant_whole(c, 1, "NumRows"),
            after = argument(c, 2) == NULL ? before : constant_whole(c, 2, "NumRowsAfter");
    uint8_t *holds = pool_zeroed(c->pool, c->input->count + 1, 1);
    size_t next = 0;
    struct rows_eval eval;

    use_schema(c, in->count);
    rows_eval_init(&eval, c->run, c->op, 1, c->op->u.plugin.arguments, 1);
    for (size_t i = 0; i < c->input->count; i++) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        memcpy(c->row, c->input->items[i], in->count * sizeof *c->row);
        rows_eval_row(&eval, c->row);
        holds[i] = kql_test(&eval.run, eval.program, 0);
        pool_return(c->run->scratch, mark);
    }
    for (size_t i = 0; i < c->input->count; i++) {
        size_t low = before < 0 ? i : (uint64_t)before > i ? 0 : i - (size_t)before;
        size_t high = after < 0                                   ? i
                      : (uint64_t)after > c->input->count - i - 1 ? c->input->count - 1
                                                                  : i + (size_t)after;

        if (!holds[i])
            continue;
        for (next = low > next ? low : next; next <= high; next++)
            memcpy(new_row(c), c->input->items[next], in->count * sizeof *c->row);
    }
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*run)(struct plugin_call *c);
} plugins[] = {
    {"bag_unpack",              bag_unpack             },
    {"pivot",                   pivot                  },
    {"narrow",                  narrow                 },
    {"ipv4_lookup",             lookup                 },
    {"ipv6_lookup",             lookup                 },
    {"dcount_intersect",        dcount_intersect       },
    {"rolling_percentile",      rolling_percentile     },
    {"sliding_window_counts",   sliding_window_counts  },
    {"activity_counts_metrics", activity_counts_metrics},
    {"rows_near",               rows_near              },
};

/* In the pool of the query when the rows are nobody's sub-query, else in the run's. */
const struct rows_table *
rows_plugin_run(struct rows_run *run, const struct kql_op *op)
{
    struct rows_engine *e = run->engine;
    bool is_root = run->keep == e->pool;
    struct rows_table *out = is_root ? rows_memo_get(e, op, SLOT_TABLE) : NULL;
    struct plugin_call c = {.run = run, .pool = run->keep, .op = op};

    if (out != NULL)
        return out;
    c.out = out = pool_zeroed(run->keep, 1, sizeof *out);
    c.input = rows_collect(run->keep, rows_open(run, op->input, NULL));
    c.row = rows_cells_new(run->keep, op->input->schema.count);
    for (size_t i = 0; i < COUNT_OF(plugins); i++)
        if (strcmp(plugins[i].name, op->u.plugin.function->name) == 0) {
            plugins[i].run(&c);
            if (is_root)
                rows_memo_put(e, op, SLOT_TABLE, out);
            return out;
        }
    pool_abandon(e->pool, "the plugin %s is not built here", op->u.plugin.function->name);
}

/* ---- its rows ---- */

struct plugin_cursor {
    struct rows_cursor c;
    const struct rows_table *table; /* NULL: not yet run */
    uint32_t *map;                  /* result column: of the table's, or UINT32_MAX */
    size_t at;
};

/* By name where the columns are the data's (and the query may have said which it wants). */
static void
run_plugin(struct plugin_cursor *p)
{
    const struct kql_schema *out = &p->c.op->schema, *in;

    p->table = rows_plugin_run(p->c.run, p->c.op);
    in = &p->table->schema;
    p->map = pool_take(p->c.run->keep, (out->count + 1) * sizeof *p->map);
    for (uint32_t i = 0; i < out->count; i++)
        p->map[i] = in->columns == out->columns
                        ? i
                        : find_name(in->columns, in->count, out->columns[i].name);
}

static bool
plugin_next(struct rows_cursor *c, struct kql_value *row)
{
    struct plugin_cursor *p = (struct plugin_cursor *)c;
    const struct kql_value *from;

    if (p->table == NULL)
        run_plugin(p);
    if (p->at == p->table->rows.count)
        return false;
    from = p->table->rows.items[p->at++];
    for (uint32_t i = 0; i < c->width; i++) {
        enum kql_type type = c->op->schema.columns[i].type;

        row[i] = kql_null(type);
        if (p->map[i] == UINT32_MAX)
            continue;
        row[i] = from[p->map[i]];
        if (!row[i].is_null && row[i].type != type && type != KQL_DYNAMIC)
            row[i] = kql_convert(c->run->scratch, KQL_DYNAMIC, &row[i], type);
        else if (row[i].is_null)
            row[i] = kql_null(type);
    }
    return true;
}

struct rows_cursor *
rows_open_plugin(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct plugin_cursor *p = rows_cursor_new(run, op, sizeof *p, plugin_next);

    (void)wanted;
    if (op->schema.is_open)
        pool_abandon(run->engine->pool,
                     "%s: which columns it gives is not known here; write them behind it: evaluate "
                     "%s(...) : (a: long, b: string)",
                     op->u.plugin.function->name, op->u.plugin.function->name);
    return &p->c;
}
