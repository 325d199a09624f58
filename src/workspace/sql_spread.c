/* sql_spread.c - a plan over several places, so that as much as can be is done in each of them.
 *
 * What reads tables of two places is the row engine's: no statement may. Left as it was bound, a union of a hundred workspaces
 * would give it all their rows. So a union is taken apart by place, operators that look at one row at a time move into
 * each part, and what counts, groups or takes rows does so in each part and once more over what the parts give:
 *
 *     summarize n = count() by k            summarize n = sum(n) by k
 *      where x                         =>    union
 *       union                                 summarize n = count() by k     summarize n = count() by k
 *        a.T                                   where x                        where x
 *        b.T                                    a.T                            b.T
 *
 * An aggregate that has no such second step but minds no row that comes twice (dcount, make_set) makes its argument one more
 * key of the parts. Others (make_list, percentiles) get the rows that are left. */
#include "workspace/sql_inner.h"

/* Of operators whose tables lie in more than one. */
static const struct sql_place several;

struct branches {
    const struct kql_op **items; /* each with the schema of what they are branches of */
    uint32_t count;
};
struct spread_node {
    const struct kql_op *from, *to;
    const struct sql_place *place; /* NULL: no table lies below */
    struct branches branches;
    bool knows_place, knows_branches;
};
struct spread {
    struct pool *pool;
    struct spread_node **slots; /* by the operator's address */
    size_t count, slot_count;
};

static const struct kql_op *spread_op(struct spread *s, const struct kql_op *op);

/* ---- what is known of operators ---- */

static size_t
slot_of(const struct spread *s, const struct kql_op *op)
{
    uint64_t h = ((uint64_t)(uintptr_t)op >> 3) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 20) & (s->slot_count - 1);

    while (s->slots[at] != NULL && s->slots[at]->from != op)
        at = (at + 1) & (s->slot_count - 1);
    return at;
}

static struct spread_node *
node_of(struct spread *s, const struct kql_op *op)
{
    struct spread_node **slot;

    if ((s->count + 1) * 2 > s->slot_count) {
        struct spread_node **old = s->slots;
        size_t count = s->slot_count;

        s->slot_count = count == 0 ? 64 : count * 2;
        s->slots = pool_zeroed(s->pool, s->slot_count, sizeof(struct spread_node *));
        for (size_t i = 0; i < count; i++)
            if (old[i] != NULL)
                s->slots[slot_of(s, old[i]->from)] = old[i];
    }
    slot = &s->slots[slot_of(s, op)];
    if (*slot == NULL) {
        *slot = pool_zeroed(s->pool, 1, sizeof **slot);
        (*slot)->from = op;
        s->count++;
    }
    return *slot;
}

struct look {
    struct spread *s;
    const struct sql_place *place;
};
static const struct sql_place *place_of(struct spread *s, const struct kql_op *op);

static const struct kql_op *
look_at_op(void *context, const struct kql_op *op)
{
    struct look *l = context;
    const struct sql_place *place = place_of(l->s, op);

    if (place != NULL && l->place != NULL && place != l->place)
        l->place = &several;
    else if (place != NULL)
        l->place = place;
    return op;
}

/* Tables in expressions are found before: where they lie is nothing to the operator. */
static const struct kql_expr *
look_at_expr(void *context, const struct kql_expr *e)
{
    (void)context;
    return e;
}

static const struct sql_place *
place_of(struct spread *s, const struct kql_op *op)
{
    struct spread_node *node = node_of(s, op);
    struct look l = {s, NULL};
    const struct sql_visit visit = {&l, look_at_op, look_at_op, look_at_expr};

    if (node->knows_place)
        return node->place;
    node->knows_place = true;
    if (op->kind == KQL_ROWS_TABLE && op->u.table.handle != NULL)
        l.place = ((const struct sql_table *)op->u.table.handle)->place;
    else
        sql_walk(s->pool, &visit, op);
    node->place = l.place;
    return l.place;
}

static bool
has_window(const struct kql_expr *e)
{
    if (e == NULL)
        return false;
    if (e->kind == KQL_EXPR_CALL && e->function->kind == KQL_WINDOW)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (has_window(e->arguments[i]))
            return true;
    return false;
}

static bool
is_volatile(const struct kql_expr *e)
{
    if (e == NULL)
        return false;
    if (e->kind == KQL_EXPR_CALL && (e->function->flags & KQL_F_VOLATILE) != 0)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (is_volatile(e->arguments[i]))
            return true;
    return false;
}

/* ---- making operators ---- */

static const struct kql_op *
origin_of(const struct kql_op *op)
{
    return op->origin != NULL ? op->origin : op;
}

static struct kql_op *
op_copy(struct spread *s, const struct kql_op *from, const struct kql_op *input)
{
    struct kql_op *op = pool_take(s->pool, sizeof *op);

    *op = *from;
    op->input = input;
    op->origin = NULL;
    return op;
}

/* A union of operators that all have the schema. */
static struct kql_op *
union_of(struct spread *s, const struct branches *b, const struct kql_schema *schema,
         const struct kql_op *at)
{
    struct kql_op *op = pool_zeroed(s->pool, 1, sizeof *op);
    uint32_t *map = pool_take(s->pool, ((size_t)schema->count * b->count + 1) * sizeof *map);

    op->kind = KQL_ROWS_UNION;
    op->at = at->at;
    op->size = at->size;
    op->schema = *schema;
    op->weight = at->weight;
    for (size_t i = 0; i < (size_t)schema->count * b->count; i++)
        map[i] = (uint32_t)(i % schema->count);
    op->u.join_union.inputs = b->items;
    op->u.join_union.count = b->count;
    op->u.join_union.map = map;
    return op;
}

static void
branch_add(struct spread *s, struct branches *b, size_t *room, const struct kql_op *op)
{
    b->items = pool_grow(s->pool, b->items, room, b->count + 1u, sizeof *b->items);
    b->items[b->count++] = op;
}

static const struct kql_expr *
column_of(struct spread *s, uint8_t type, uint32_t column)
{
    struct kql_expr *e = pool_zeroed(s->pool, 1, sizeof *e);

    *e = (struct kql_expr){
        .kind = KQL_EXPR_COLUMN, .type = type, .column = column, .weight = 1, .result_count = 1};
    return e;
}

/* ---- branches ---- */

/* Inputs of a union that lie in one place, with what it maps of them. */
struct member {
    const struct kql_op *op;
    const struct sql_place *place;
    const uint32_t *map;
    struct span source;
    bool is_taken;
};
struct members {
    struct member *items;
    size_t count, room;
};

static struct branches branches_of(struct spread *s, const struct kql_op *op);

static void
members_gather(struct spread *s, const struct kql_op *op, struct members *m)
{
    for (uint32_t i = 0; i < op->u.join_union.count; i++) {
        const struct kql_op *input = op->u.join_union.inputs[i];
        struct branches below = branches_of(s, input);
        const struct kql_op *whole = below.count == 0 ? spread_op(s, input) : NULL;

        for (uint32_t k = 0; k < (below.count == 0 ? 1 : below.count); k++) {
            struct member member = {.op = whole != NULL ? whole : below.items[k],
                                    .map = op->u.join_union.map + (size_t)i * op->schema.count};

            member.place = place_of(s, member.op);
            if (op->u.join_union.sources != NULL)
                member.source = op->u.join_union.sources[i];
            m->items = pool_grow(s->pool, m->items, &m->room, m->count + 1, sizeof *m->items);
            m->items[m->count++] = member;
        }
    }
}

/* Those of the first one's place, as a union of their own. */
static const struct kql_op *
members_unite(struct spread *s, const struct kql_op *op, struct members *m, size_t first)
{
    size_t width = op->schema.count, room = m->count - first;
    const struct kql_op **inputs = pool_take(s->pool, room * sizeof(struct kql_op *));
    uint32_t *map = pool_take(s->pool, (room * width + 1) * sizeof *map), count = 0;
    struct span *sources = pool_take(s->pool, room * sizeof *sources);
    const struct sql_place *place = m->items[first].place;
    struct kql_op *out = op_copy(s, op, NULL);

    for (size_t i = first; i < m->count; i++) {
        struct member *member = &m->items[i];

        if (member->is_taken || member->place != place || (place == &several && i > first))
            continue;
        member->is_taken = true;
        memcpy(map + count * width, member->map, width * sizeof *map);
        sources[count] = member->source;
        inputs[count++] = member->op;
    }
    out->u.join_union.inputs = inputs;
    out->u.join_union.count = count;
    out->u.join_union.map = map;
    out->u.join_union.sources = op->u.join_union.sources != NULL ? sources : NULL;
    return out;
}

static struct branches
union_branches(struct spread *s, const struct kql_op *op)
{
    struct members m = {NULL, 0, 0};
    struct branches b = {NULL, 0};
    size_t room = 0;

    members_gather(s, op, &m);
    for (size_t i = 0; i < m.count; i++)
        if (!m.items[i].is_taken)
            branch_add(s, &b, &room, members_unite(s, op, &m, i));
    return b;
}

/* Whether it makes what it gives of a row from that row alone. */
static bool
is_by_row(const struct kql_op *op)
{
    switch (op->kind) {
    case KQL_OP_WHERE:
        return !has_window(op->u.predicate);
    case KQL_OP_PROJECT:
        for (uint32_t i = 0; i < op->schema.count; i++)
            if (has_window(op->u.project.exprs[i]))
                return false;
        return true;
    case KQL_OP_MV_EXPAND:
        for (uint32_t i = 0; i < op->u.expand.count; i++)
            if (has_window(op->u.expand.columns[i].expr))
                return false;
        return op->u.expand.sub == NULL;
    case KQL_OP_PARSE_TEXT:
        return !has_window(op->u.parse.expr);
    case KQL_OP_PARSE_PAIRS:
        return !has_window(op->u.parse_kv.expr);
    default:
        return false;
    }
}

static const struct kql_op *
same_op(void *context, const struct kql_op *op)
{
    (void)context;
    return op;
}

static const struct kql_expr *spread_expr(void *context, const struct kql_expr *e);

/* The operator over each branch of its input. */
static void
put_over(struct spread *s, const struct kql_op *op, struct branches below, struct branches *out)
{
    const struct sql_visit visit = {s, same_op, same_op, spread_expr};
    size_t room = 0;

    for (uint32_t i = 0; i < below.count; i++) {
        struct kql_op *made = op_copy(s, op, below.items[i]);

        *made = sql_walk(s->pool, &visit, made);
        branch_add(s, out, &room, made);
    }
}

/* None: it stays where it is. */
static struct branches
branches_of(struct spread *s, const struct kql_op *op)
{
    struct spread_node *node = node_of(s, op);

    if (node->knows_branches || place_of(s, op) != &several)
        return node->branches;
    node->knows_branches = true;

    struct branches b = {NULL, 0};

    if (op->kind == KQL_ROWS_UNION)
        b = union_branches(s, op);
    else if (is_by_row(op))
        put_over(s, op, branches_of(s, op->input), &b);
    node_of(s, op)->branches = b;
    return b;
}

/* ---- grouping ---- */

/* What an aggregate of the parts' results is; NULL: there is none. */
static const char *
merge_name(const struct kql_op *op, const struct kql_expr *e)
{
    static const struct {
        const char *name, *merge;
        bool wants_rows; /* a part without a row gives one that is none's */
    } merges[] = {
        {"count",    "sum",      false},
        {"cnt",      "sum",      false},
        {"countif",  "sum",      false},
        {"sum",      "sum",      false},
        {"sumif",    "sum",      false},
        {"max",      "max",      false},
        {"maxif",    "max",      false},
        {"min",      "min",      false},
        {"minif",    "min",      false},
        {"arg_max",  "arg_max",  true },
        {"arg_min",  "arg_min",  true },
        {"take_any", "take_any", true },
    };
    const char *name = e->function->name;

    for (size_t i = 0; i < COUNT_OF(merges); i++) {
        if (strcmp(name, merges[i].name) != 0)
            continue;
        /* "" of no rows is smaller than any text */
        if (e->type == KQL_STRING && strncmp(name, "min", 3) == 0)
            return NULL;
        return merges[i].wants_rows && op->u.summarize.key_count == 0 ? NULL : merges[i].merge;
    }
    return NULL;
}

/* Whether it gives the same when what it looks at comes once for each of its values. */
static bool
minds_values_only(const struct kql_expr *e)
{
    static const char *const names[] = {"dcount",           "dcountif", "count_distinct",
                                        "count_distinctif", "make_set", "make_set_if",
                                        "makeset"};

    bool has_key = false; /* a part without a row has no values then */

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(e->function->name, names[i]) != 0)
            continue;
        for (uint32_t k = 0; k < e->count; k++)
            has_key |= e->arguments[k]->kind != KQL_EXPR_CONST;
        for (uint32_t k = 0; k < e->count; k++)
            if (sql_has_table(e->arguments[k]) || /* a size that is asked for is no key */
                (e->arguments[k]->kind != KQL_EXPR_CONST &&
                 (e->arguments[k]->type == KQL_DYNAMIC || /* SQL groups by them otherwise */
                  e->arguments[k]->type == KQL_DECIMAL)))
                return false;
        return has_key;
    }
    return false;
}

/* The two steps of a summarize while they are made: the parts' columns are its keys, further keys, and results. */
struct grouping {
    struct spread *s;
    const struct kql_op *op;
    const struct kql_expr **keys, **aggregates, **finals, **merges;
    struct kql_column *columns; /* of the parts */
    uint32_t key_count, aggregate_count, result_count, room;
};

static bool
can_group(const struct kql_op *op)
{
    for (uint32_t i = 0; i < op->u.summarize.key_count; i++)
        if (is_volatile(op->u.summarize.keys[i]))
            return false;
    for (uint32_t i = 0; i < op->u.summarize.aggregate_count; i++) {
        const struct kql_expr *e = op->u.summarize.aggregates[i];

        if (is_volatile(e) || (merge_name(op, e) == NULL && !minds_values_only(e)))
            return false;
    }
    return true;
}

static struct span
made_name(struct grouping *g, uint32_t column)
{
    return pool_printf(g->s->pool, "$%u", column);
}

/* Arguments of what minds values only, as keys; its call over these. */
static void
group_by_arguments(struct grouping *g, uint32_t index)
{
    const struct kql_expr *e = g->op->u.summarize.aggregates[index];
    const struct kql_expr **arguments =
        pool_take(g->s->pool, (e->count + 1) * sizeof(struct kql_expr *));
    struct kql_expr *call = pool_take(g->s->pool, sizeof *call);

    for (uint32_t i = 0; i < e->count; i++) {
        arguments[i] = e->arguments[i];
        if (e->arguments[i]->kind == KQL_EXPR_CONST)
            continue;
        g->columns[g->key_count] =
            (struct kql_column){made_name(g, g->key_count), e->arguments[i]->type};
        g->keys[g->key_count] = e->arguments[i];
        arguments[i] = column_of(g->s, e->arguments[i]->type, g->key_count++);
    }
    *call = *e;
    call->arguments = arguments;
    g->merges[index] = call;
}

/* An aggregate's results, and what makes one of those of all parts. */
static void
group_by_results(struct grouping *g, uint32_t index)
{
    const struct kql_expr *e = g->op->u.summarize.aggregates[index];
    uint32_t count = e->result_count > 1 ? e->result_count : 1;
    const struct kql_expr **arguments =
        pool_take(g->s->pool, (count + 1) * sizeof(struct kql_expr *));
    struct kql_expr *call = pool_zeroed(g->s->pool, 1, sizeof *call);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = g->key_count + g->result_count++;
        uint8_t type = count > 1 ? e->arguments[i]->type : e->type;

        g->columns[column] = (struct kql_column){made_name(g, column), type};
        arguments[i] = column_of(g->s, type, column);
        g->finals[column - g->key_count] = column_of(g->s, type, column);
    }
    g->aggregates[g->aggregate_count++] = e;
    *call = *e;
    call->function = kql_function_find(span_of(merge_name(g->op, e)), KQL_AGGREGATE);
    call->arguments = arguments;
    call->count = count;
    call->weight = count + 1;
    g->merges[index] = call;
}

static void
grouping_begin(struct grouping *g, struct spread *s, const struct kql_op *op)
{
    uint32_t room = op->u.summarize.key_count + 1;
    struct pool *p = s->pool;

    for (uint32_t i = 0; i < op->u.summarize.aggregate_count; i++)
        room += op->u.summarize.aggregates[i]->count + op->u.summarize.aggregates[i]->result_count;
    *g = (struct grouping){.s = s, .op = op, .key_count = op->u.summarize.key_count, .room = room};
    g->keys = pool_take(p, room * sizeof(struct kql_expr *));
    g->aggregates = pool_take(p, room * sizeof(struct kql_expr *));
    g->finals = pool_take(p, room * sizeof(struct kql_expr *));
    g->merges = pool_take(p, room * sizeof(struct kql_expr *));
    g->columns = pool_take(p, room * sizeof *g->columns);
    for (uint32_t i = 0; i < g->key_count; i++) {
        g->keys[i] = op->u.summarize.keys[i];
        g->columns[i] = op->schema.columns[i];
    }
}

static struct kql_op *
grouping_of_part(const struct grouping *g)
{
    struct kql_op *op = op_copy(g->s, g->op, NULL);

    op->schema = (struct kql_schema){g->columns, g->key_count + g->result_count, false};
    op->u.summarize.keys = g->keys;
    op->u.summarize.key_count = g->key_count;
    op->u.summarize.aggregates = g->aggregates;
    op->u.summarize.aggregate_count = g->aggregate_count;
    op->u.summarize.finals = g->finals;
    return op;
}

/* NULL: it cannot be done in parts. */
static const struct kql_op *
group(struct spread *s, const struct kql_op *op, struct branches below)
{
    const struct kql_expr **keys;
    struct branches parts = {NULL, 0};
    struct grouping g;
    struct kql_op *out, *part;

    if (!can_group(op))
        return NULL;
    grouping_begin(&g, s, op);
    for (uint32_t i = 0; i < op->u.summarize.aggregate_count; i++)
        if (merge_name(op, op->u.summarize.aggregates[i]) == NULL)
            group_by_arguments(&g, i);
    for (uint32_t i = 0; i < op->u.summarize.aggregate_count; i++)
        if (merge_name(op, op->u.summarize.aggregates[i]) != NULL)
            group_by_results(&g, i);
    part = grouping_of_part(&g);
    if (part->schema.count == 0)
        return NULL;
    put_over(s, part, below, &parts);
    keys = pool_take(s->pool, (op->u.summarize.key_count + 1) * sizeof(struct kql_expr *));
    for (uint32_t i = 0; i < op->u.summarize.key_count; i++)
        keys[i] = column_of(s, op->schema.columns[i].type, i);
    out = op_copy(s, op, union_of(s, &parts, &part->schema, op->input));
    out->u.summarize.keys = keys;
    out->u.summarize.aggregates = g.merges;
    return out;
}

/* count: the sum of the counts. */
static const struct kql_op *
count(struct spread *s, const struct kql_op *op, struct branches below)
{
    const struct kql_expr **one = pool_take(s->pool, 2 * sizeof(struct kql_expr *));
    struct kql_expr *sum = pool_zeroed(s->pool, 1, sizeof *sum);
    struct branches parts = {NULL, 0};
    struct kql_op *out;

    put_over(s, op, below, &parts);
    one[0] = column_of(s, KQL_LONG, 0);
    one[1] = sum;
    *sum = (struct kql_expr){.kind = KQL_EXPR_CALL,
                             .type = KQL_LONG,
                             .function = kql_function_find(SPAN_LITERAL("sum"), KQL_AGGREGATE),
                             .arguments = one,
                             .count = 1,
                             .weight = 2,
                             .result_count = 1};
    out = op_copy(s, op, union_of(s, &parts, &op->schema, op->input));
    out->kind = KQL_OP_SUMMARIZE;
    memset(&out->u, 0, sizeof out->u);
    out->u.summarize.aggregates = one + 1;
    out->u.summarize.aggregate_count = 1;
    out->u.summarize.finals = one;
    return out;
}

/* take, top: of each part as many as of all. */
static const struct kql_op *
take(struct spread *s, const struct kql_op *op, struct branches below)
{
    struct branches parts = {NULL, 0};

    put_over(s, op, below, &parts);
    return op_copy(s, op, union_of(s, &parts, &op->schema, op->input));
}

/* ---- the plan ---- */

static const struct kql_op *
spread_any(void *context, const struct kql_op *op)
{
    return spread_op(context, op);
}

static const struct kql_expr *
spread_expr(void *context, const struct kql_expr *e)
{
    struct spread *s = context;
    const struct sql_visit visit = {.context = s, .op = spread_any};

    return sql_walk_tables(s->pool, &visit, e);
}

/* Whole, or over the branches of its input. NULL: neither. */
static const struct kql_op *
spread_apart(struct spread *s, const struct kql_op *op)
{
    struct branches own = branches_of(s, op), below;

    if (own.count > 0)
        return union_of(s, &own, &op->schema, op);
    if (op->input == NULL)
        return NULL;
    below = branches_of(s, op->input);
    if (below.count == 0)
        return NULL;
    switch (op->kind) {
    case KQL_OP_SUMMARIZE:
        return group(s, op, below);
    case KQL_OP_COUNT_ROWS:
        return count(s, op, below);
    case KQL_OP_TAKE:
    case KQL_OP_TOP:
        return take(s, op, below);
    default:
        return NULL;
    }
}

static const struct kql_op *
spread_op(struct spread *s, const struct kql_op *op)
{
    const struct sql_visit visit = {s, spread_any, spread_any, spread_expr};
    struct spread_node *node = node_of(s, op);
    const struct kql_op *apart = NULL;
    struct kql_op *out;

    if (node->to != NULL)
        return node->to;
    if (place_of(s, op) == &several)
        apart = spread_apart(s, op);
    out = pool_take(s->pool, sizeof *out);
    *out = apart != NULL ? *apart : sql_walk(s->pool, &visit, op);
    out->origin = origin_of(op);
    out->is_serialized = op->is_serialized;
    node_of(s, op)->to = out;
    return out;
}

const struct kql_op *
sql_spread(struct pool *pool, const struct kql_op *plan)
{
    struct spread s = {.pool = pool};

    return spread_op(&s, plan);
}
