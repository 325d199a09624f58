/* rows_unpack.c - plugins that turn cells into columns or columns into cells: bag_unpack, pivot,
 * narrow. */
#include "kql/rows_plugin_inner.h"

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
    struct kql_value ignored = plugin_constant(c, 3);

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

/* The result's columns, as they come together. */
struct unpacking {
    uint32_t bag, count;
    struct kql_column *columns;
    uint32_t *from; /* by column: the input's, or UINT32_MAX: a property's */
    struct span prefix, conflict;
    struct rows_groups slots;
};

/* The property that would be called like that column; NULL: none. */
static struct slot *
slot_called(const struct unpacking *u, struct span column)
{
    struct rows_group *group;
    struct kql_value name;

    if (column.n < u->prefix.n || memcmp(column.p, u->prefix.p, u->prefix.n) != 0)
        return NULL;
    name = kql_string((struct span){column.p + u->prefix.n, column.n - u->prefix.n});
    group = rows_groups_find(&u->slots, &name);
    return group == NULL ? NULL : group->state;
}

static uint8_t
type_of_slot(const struct slot *slot)
{
    return slot->is_known ? slot->type : KQL_DYNAMIC;
}

/* The input's columns but the bag's; a property that is called as the bag takes its place. */
static void
put_input(struct plugin_call *c, struct unpacking *u)
{
    const struct kql_schema *in = &c->op->input->schema;

    for (uint32_t i = 0; i < in->count; i++) {
        struct slot *slot = slot_called(u, in->columns[i].name);

        if (i == u->bag && slot == NULL)
            continue;
        if (i != u->bag && slot != NULL) {
            if (u->conflict.n == 0 || span_is(u->conflict, "error"))
                pool_abandon(c->run->engine->pool,
                             "bag_unpack: there is a column '%.*s' already; say "
                             "columnsConflict='replace_source' or 'keep_source', or give a prefix",
                             (int)in->columns[i].name.n, in->columns[i].name.p);
            if (span_is(u->conflict, "replace_source"))
                continue; /* its namesake comes behind */
        }
        if (slot != NULL)
            slot->column = u->count;
        u->from[u->count] = i == u->bag ? UINT32_MAX : i;
        u->columns[u->count] = in->columns[i];
        if (i == u->bag)
            u->columns[u->count].type = type_of_slot(slot);
        u->count++;
    }
}

/* The properties by name, those that have no place yet. */
static void
put_slots(struct plugin_call *c, struct unpacking *u)
{
    for (size_t k = 0; k < u->slots.count; k++) {
        struct slot *slot = u->slots.items[k]->state;
        struct span name = kql_text(&u->slots.items[k]->keys[0]);

        if (slot->column != UINT32_MAX)
            continue;
        if (u->prefix.n > 0)
            name = pool_printf(c->pool, "%.*s%.*s", (int)u->prefix.n, u->prefix.p, (int)name.n,
                               name.p);
        slot->column = u->count;
        u->from[u->count] = UINT32_MAX;
        u->columns[u->count++] = (struct kql_column){name, type_of_slot(slot)};
    }
}

static void
unpack_row(struct plugin_call *c, const struct unpacking *u, const struct kql_value *in)
{
    struct kql_value *row = plugin_row(c);
    const struct kql_value *v = &in[u->bag];

    for (uint32_t k = 0; k < u->count; k++)
        row[k] = u->from[k] == UINT32_MAX ? kql_null(u->columns[k].type) : in[u->from[k]];
    for (uint32_t k = 0; !v->is_null && v->type == KQL_BAG && k < v->bag->count; k++) {
        struct kql_value name = kql_string(v->bag->entries[k].key);
        const struct rows_group *group = rows_groups_find(&u->slots, &name);
        const struct slot *slot = group == NULL ? NULL : group->state;

        if (slot != NULL && u->from[slot->column] == UINT32_MAX &&
            !v->bag->entries[k].value.is_null)
            row[slot->column] = v->bag->entries[k].value;
    }
}

void
plugin_bag_unpack(struct plugin_call *c)
{
    struct unpacking u = {
        .bag = plugin_column(c, 0), .prefix = plugin_text(c, 1), .conflict = plugin_text(c, 2)};
    size_t room;

    collect_slots(c, u.bag, &u.slots);
    plugin_check_columns(c, u.slots.count);
    room = c->op->input->schema.count + u.slots.count + 1;
    u.columns = pool_take(c->pool, room * sizeof *u.columns);
    u.from = pool_take(c->pool, room * sizeof *u.from);
    for (size_t k = 0; k < u.slots.count; k++)
        ((struct slot *)u.slots.items[k]->state)->column = UINT32_MAX;
    put_input(c, &u);
    put_slots(c, &u);
    plugin_put_columns(c, u.columns, u.count);
    for (size_t i = 0; i < c->input->count; i++)
        unpack_row(c, &u, c->input->items[i]);
}

/* ---- pivot ---- */

struct pivoting {
    uint32_t column, key_count, count; /* of the input; of the result */
    struct rows_aggregates aggregates;
    struct rows_groups names, groups; /* names: state the number of the column; groups: the
                                         aggregates' states by column */
    struct kql_column *columns;
    struct kql_value *keys;
};

static struct kql_value
pivot_text(struct plugin_call *c, const struct pivoting *p, const struct kql_value *row)
{
    return kql_to_text(c->pool, c->op->input->schema.columns[p->column].type, &row[p->column]);
}

/* Every value of the column is a column. */
static void
pivot_columns(struct plugin_call *c, struct pivoting *p, enum kql_type type)
{
    const struct kql_schema *in = &c->op->input->schema;
    bool is_new;

    rows_groups_init(&p->names, c->pool, 1);
    for (size_t i = 0; i < c->input->count; i++) {
        struct kql_value text = pivot_text(c, p, c->input->items[i]);

        rows_groups_add(&p->names, &text, true, &is_new);
    }
    plugin_check_columns(c, p->names.count);
    rows_sort(c->pool, (void **)p->names.items, p->names.count, compare_slots, NULL);
    p->columns = pool_take(c->pool, (p->key_count + p->names.count + 1) * sizeof *p->columns);
    for (p->count = 0; p->count < p->key_count; p->count++)
        p->columns[p->count] = in->columns[plugin_column(c, 2 + p->count)];
    for (size_t i = 0; i < p->names.count; i++) {
        struct span name = kql_text(&p->names.items[i]->keys[0]);
        struct kql_column *column = &p->columns[p->count];
        uint32_t number = 0;

        *column = (struct kql_column){name.n == 0 ? SPAN_LITERAL("Column") : name, (uint8_t)type};
        while (plugin_find_name(p->columns, p->count, column->name) != UINT32_MAX)
            column->name = pool_printf(c->pool, "%.*s%u", (int)name.n, name.p, (unsigned)++number);
        p->names.items[i]->state = column;
        p->count++;
    }
    plugin_put_columns(c, p->columns, p->count);
}

static void
pivot_row(struct plugin_call *c, struct pivoting *p, const struct kql_value *in)
{
    struct pool_mark mark = pool_mark(c->run->scratch);
    struct kql_value text = pivot_text(c, p, in);
    const struct kql_column *column = rows_groups_find(&p->names, &text)->state;
    struct rows_group *group;
    void **states;
    bool is_new;

    memcpy(c->row, in, c->op->input->schema.count * sizeof *c->row);
    for (uint32_t k = 0; k < p->key_count; k++)
        p->keys[k] = c->row[plugin_column(c, 2 + k)];
    group = rows_groups_add(&p->groups, p->keys, true, &is_new);
    if (is_new)
        group->state = pool_zeroed(c->pool, p->count + 1, sizeof(void *));
    states = (void **)group->state + (column - p->columns);
    if (*states == NULL)
        *states = rows_aggregates_start(&p->aggregates, c->pool);
    rows_aggregates_add(&p->aggregates, *states, c->row);
    pool_return(c->run->scratch, mark);
}

void
plugin_pivot(struct plugin_call *c)
{
    const struct kql_expr *aggregate = plugin_argument(c, 1);
    struct pivoting p = {.column = plugin_column(c, 0), .key_count = c->op->u.plugin.count - 2};
    struct kql_value nothing; /* what the aggregate gives over no rows */

    p.keys = rows_cells_new(c->pool, p.key_count);
    rows_groups_init(&p.groups, c->pool, p.key_count);
    rows_aggregates_init(&p.aggregates, c->run, c->op, 1, &aggregate, 1);
    pivot_columns(c, &p, aggregate->type);
    for (size_t i = 0; i < c->input->count; i++)
        pivot_row(c, &p, c->input->items[i]);
    rows_aggregates_finish(&p.aggregates, rows_aggregates_start(&p.aggregates, c->pool), &nothing);
    for (size_t g = 0; g < p.groups.count; g++) {
        struct kql_value *row = plugin_row(c);
        void **states = p.groups.items[g]->state;

        memcpy(row, p.groups.items[g]->keys, p.key_count * sizeof *row);
        for (uint32_t k = p.key_count; k < p.count; k++) {
            row[k] = nothing;
            if (states[k] != NULL)
                rows_aggregates_finish(&p.aggregates, states[k], &row[k]);
        }
    }
}

/* ---- narrow: each cell a row ---- */

void
plugin_narrow(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;

    plugin_use_schema(c, 3);
    for (size_t i = 0; i < c->input->count; i++)
        for (uint32_t k = 0; k < in->count; k++) {
            struct kql_value *row = plugin_row(c);

            row[0] = kql_integer(KQL_LONG, (int64_t)i);
            row[1] = kql_string(in->columns[k].name);
            row[2] = kql_to_text(c->pool, in->columns[k].type, &c->input->items[i][k]);
        }
}
