/* Any text binds or is refused; a plan that is bound is sound: its columns are there, its types and
 * maps fit, whatever the back end makes of it. */
#include "kql/bind.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOUND(is_true)                                                                             \
    do {                                                                                           \
        if (!(is_true))                                                                            \
            abort();                                                                               \
    } while (0)

struct check {
    const struct kql_op *seen[4096]; /* by address: a plan is no tree */
    uint32_t budget;                 /* of nodes looked at */
};

static void check_op(struct check *c, const struct kql_op *op);

static void
check_expr(struct check *c, const struct kql_expr *e, const struct kql_schema *row)
{
    if (e == NULL || c->budget == 0)
        return;
    c->budget--;
    SOUND(e->type != KQL_UNKNOWN || row == NULL || row->is_open || e->kind != KQL_EXPR_CONST);
    SOUND(e->type <= KQL_DYNAMIC);
    if (e->kind == KQL_EXPR_COLUMN && row != NULL) {
        SOUND(e->column < row->count);
        SOUND(e->type == row->columns[e->column].type || e->type == KQL_DYNAMIC);
    }
    if (e->kind == KQL_EXPR_CALL)
        SOUND(e->function != NULL && e->result_count > 0);
    if (e->kind == KQL_EXPR_TO_SCALAR || e->kind == KQL_EXPR_IN_TABLE || e->kind == KQL_EXPR_TABLE)
        check_op(c, e->table);
    for (uint32_t i = 0; i < e->count; i++)
        check_expr(c, e->arguments[i], row);
}

static void
check_exprs(struct check *c, const struct kql_expr *const *exprs, uint32_t count,
            const struct kql_schema *row)
{
    for (uint32_t i = 0; i < count; i++) {
        SOUND(exprs[i] != NULL);
        check_expr(c, exprs[i], row);
    }
}

/* Over the results of aggregates, behind 'keys' other columns. */
static void
check_final(struct check *c, const struct kql_expr *e, const struct kql_expr *const *aggregates,
            uint32_t count, uint32_t keys)
{
    uint32_t results = keys;

    for (uint32_t i = 0; i < count; i++)
        results += aggregates[i]->result_count;
    if (c->budget == 0)
        return;
    c->budget--;
    if (e->kind == KQL_EXPR_COLUMN)
        SOUND(e->column >= keys && e->column < results);
    for (uint32_t i = 0; i < e->count; i++)
        check_final(c, e->arguments[i], aggregates, count, keys);
}

static void
check_map(const uint32_t *map, const struct kql_schema *result, const struct kql_schema *from)
{
    for (uint32_t i = 0; i < result->count; i++)
        if (map[i] != UINT32_MAX) {
            SOUND(map[i] < from->count);
            SOUND(from->columns[map[i]].type == result->columns[i].type);
        }
}

static void
check_join(struct check *c, const struct kql_op *op)
{
    const struct kql_schema *left = &op->input->schema, *right = &op->u.join.right->schema;

    check_op(c, op->u.join.right);
    check_exprs(c, op->u.join.left_keys, op->u.join.key_count, left);
    check_exprs(c, op->u.join.right_keys, op->u.join.key_count, right);
    for (uint32_t i = 0; i < op->u.join.key_count; i++)
        SOUND(op->u.join.left_keys[i]->type == op->u.join.right_keys[i]->type || left->is_open ||
              right->is_open || op->u.join.left_keys[i]->type == KQL_UNKNOWN ||
              op->u.join.right_keys[i]->type == KQL_UNKNOWN);
    for (uint32_t i = 0; i < op->schema.count; i++) {
        const struct kql_schema *side = op->u.join.output[i].side == 0 ? left : right;

        SOUND(op->u.join.output[i].column < side->count);
        SOUND(side->columns[op->u.join.output[i].column].type == op->schema.columns[i].type);
    }
}

static void
check_summarize(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    uint32_t keys = op->u.summarize.key_count;

    SOUND(keys <= op->schema.count);
    check_exprs(c, op->u.summarize.keys, keys, in);
    check_exprs(c, op->u.summarize.aggregates, op->u.summarize.aggregate_count, in);
    for (uint32_t i = keys; i < op->schema.count; i++) {
        const struct kql_expr *e = op->u.summarize.finals[i - keys];

        SOUND(e->type == op->schema.columns[i].type);
        check_final(c, e, op->u.summarize.aggregates, op->u.summarize.aggregate_count, keys);
    }
}

static void
check_series(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    uint32_t columns = op->u.series.key_count + op->u.series.value_count + 1;

    check_exprs(c, op->u.series.keys, op->u.series.key_count, in);
    check_expr(c, op->u.series.axis, in);
    check_exprs(c, op->u.series.aggregates, op->u.series.aggregate_count, in);
    for (uint32_t i = 0; i < op->u.series.value_count; i++)
        check_final(c, op->u.series.values[i].final, op->u.series.aggregates,
                    op->u.series.aggregate_count, 0);
    SOUND(op->schema.count == columns);
    for (uint32_t i = 0; i < columns; i++)
        SOUND(op->u.series.map[i] < columns);
}

static void
check_expand(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    const struct kql_schema *expanded = &op->u.expand.expanded;

    check_map(op->u.expand.map, &op->schema, in);
    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        check_expr(c, op->u.expand.columns[i].expr, in);
        SOUND(op->u.expand.columns[i].column < expanded->count);
        SOUND(expanded->columns[op->u.expand.columns[i].column].type ==
              op->u.expand.columns[i].type);
    }
    SOUND(op->u.expand.index_column == UINT32_MAX || op->u.expand.index_column < expanded->count);
    if (op->kind == KQL_OP_MV_APPLY)
        check_op(c, op->u.expand.sub);
}

static void
check_nested(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    for (uint32_t i = 0; i < op->u.nested.count; i++) {
        const struct kql_level *l = &op->u.nested.levels[i];

        check_expr(c, l->count, in);
        check_expr(c, l->expr, in);
        check_expr(c, l->others, NULL);
        check_exprs(c, l->aggregates, l->aggregate_count, in);
        check_final(c, l->final, l->aggregates, l->aggregate_count, 0);
        SOUND(l->value_column < op->schema.count && l->aggregate_column < op->schema.count);
    }
}

static void
check_scan(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    uint32_t row = in->count + op->u.scan.declared_count;

    SOUND(op->schema.count == row + op->u.scan.has_match_id);
    for (uint32_t i = 0; i < op->u.scan.step_count; i++) {
        const struct kql_scan_step *s = &op->u.scan.steps[i];

        check_expr(c, s->condition, &op->schema);
        for (uint32_t k = 0; k < s->assigned_count; k++) {
            SOUND(s->assigned[k] >= in->count && s->assigned[k] < row);
            SOUND(s->values[k]->type == op->schema.columns[s->assigned[k]].type);
            check_expr(c, s->values[k], &op->schema);
        }
    }
}

static void
check_rest(struct check *c, const struct kql_op *op, const struct kql_schema *in)
{
    switch (op->kind) {
    case KQL_OP_MV_EXPAND:
    case KQL_OP_MV_APPLY:
        check_expand(c, op, in);
        break;
    case KQL_OP_PARSE_TEXT:
        check_expr(c, op->u.parse.expr, in);
        check_map(op->u.parse.map, &op->schema, in);
        for (uint32_t i = 0; i < op->u.parse.count; i++)
            SOUND(op->u.parse.pieces[i].kind != KQL_PIECE_COLUMN ||
                  op->u.parse.pieces[i].column < op->schema.count);
        break;
    case KQL_OP_PARSE_PAIRS:
        check_expr(c, op->u.parse_kv.expr, in);
        check_map(op->u.parse_kv.map, &op->schema, in);
        SOUND(op->u.parse_kv.first_column + op->u.parse_kv.column_count <= op->schema.count);
        break;
    case KQL_OP_SERIES:
        check_series(c, op, in);
        break;
    case KQL_OP_PARTITION:
        check_expr(c, op->u.partition.key, in);
        check_op(c, op->u.partition.sub);
        break;
    case KQL_OP_SCAN:
        check_scan(c, op, in);
        break;
    case KQL_OP_TOP_NESTED:
        check_nested(c, op, in);
        break;
    case KQL_OP_TOP_HITTERS:
        check_expr(c, op->u.hitters.expr, in);
        check_expr(c, op->u.hitters.weight, in);
        SOUND(op->schema.count == 2);
        break;
    case KQL_OP_FORK:
        for (uint32_t i = 0; i < op->u.fork.count; i++)
            check_op(c, op->u.fork.branches[i]);
        break;
    default:
        break;
    }
}

static void
check_op(struct check *c, const struct kql_op *op)
{
    const struct kql_schema *in;
    const struct kql_op **place;

    SOUND(op != NULL);
    place = &c->seen[((uintptr_t)op >> 4) % (sizeof c->seen / sizeof c->seen[0])];
    if (*place == op || c->budget == 0)
        return;
    *place = op;
    c->budget--;
    if (op->input != NULL)
        check_op(c, op->input);
    in = op->input != NULL ? &op->input->schema : NULL;
    switch (op->kind) {
    case KQL_ROWS_PRINT:
    case KQL_OP_PROJECT:
        check_exprs(c, op->u.project.exprs, op->schema.count, in);
        for (uint32_t i = 0; i < op->schema.count; i++)
            SOUND(op->u.project.exprs[i]->type == op->schema.columns[i].type);
        break;
    case KQL_ROWS_UNION:
        for (uint32_t i = 0; i < op->u.join_union.count; i++) {
            check_op(c, op->u.join_union.inputs[i]);
            check_map(op->u.join_union.map + (size_t)i * op->schema.count, &op->schema,
                      &op->u.join_union.inputs[i]->schema);
        }
        break;
    case KQL_OP_WHERE:
        check_expr(c, op->u.predicate, in);
        SOUND(op->u.predicate->type == KQL_BOOL || op->u.predicate->type == KQL_UNKNOWN);
        break;
    case KQL_OP_SUMMARIZE:
        check_summarize(c, op, in);
        break;
    case KQL_OP_SORT:
    case KQL_OP_TOP:
        for (uint32_t i = 0; i < op->u.sort.key_count; i++)
            check_expr(c, op->u.sort.keys[i].expr, in);
        break;
    case KQL_OP_JOIN:
        check_join(c, op);
        break;
    default:
        check_rest(c, op, in);
    }
}

/* The input is the query and, behind a line of "----", the body of the stored function F; G calls it. */
struct world {
    struct kql_catalog_tables tables;
    struct span body;
};

static bool
world_table(void *context, struct span name, struct kql_table *out)
{
    return kql_catalog_table(&((struct world *)context)->tables, name, out);
}

static bool
world_table_at(void *context, size_t index, struct kql_table *out)
{
    return kql_catalog_table_at(&((struct world *)context)->tables, index, out);
}

/* workspace("a") is this place once more. */
static bool
world_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    *out = context;
    return span_is(place->name, "a") || err_set(err, ST_INVALID, "there is no '%.*s'",
                                                (int)place->name.n, place->name.p) == ST_OK;
}

static bool
world_function(void *context, struct span name, struct span *text)
{
    struct world *w = context;

    if (span_is(name, "F"))
        *text = kql_function_text(w->tables.pool, name, SPAN_LITERAL("a:long=1, t:(*)"), w->body);
    else if (span_is(name, "G"))
        *text = kql_function_text(w->tables.pool, name, SPAN_LITERAL("n:long=1"),
                                  SPAN_LITERAL("F(n, DeviceInfo)"));
    else
        return false;
    return true;
}

static void
check_function(struct pool *p, struct span body, const struct kql_environment *e)
{
    struct span text =
        kql_function_text(p, SPAN_LITERAL("F"), SPAN_LITERAL("a:long=1, t:(*)"), body);
    struct kql_diagnostics d;
    bool is_table, is_bound;

    kql_diagnostics_init(&d, p, text);
    is_bound = kql_bind_function(p, SPAN_LITERAL("F"), text, e, &d, &is_table);
    SOUND(is_bound == (d.error_count == 0));
    for (uint32_t i = 0; i < d.count; i++)
        SOUND(d.items[i].at <= text.n && d.items[i].size <= text.n - d.items[i].at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    static struct check c;
    struct world world = {
        .tables = {.catalog = &catalog_builtin, .pool = &pool}
    };
    void *beside[] = {&world};
    const struct kql_environment environment = {.table = world_table,
                                                .table_at = world_table_at,
                                                .place = world_place,
                                                .beside = beside,
                                                .beside_count = size % 2,
                                                .function = world_function,
                                                .context = &world};
    struct span text = {(const char *)data, size};
    const char *cut = memmem(data, size, "\n----\n", 6);
    jmp_buf escape;

    if (cut != NULL) {
        world.body = (struct span){cut + 6, (size_t)(text.p + size - cut) - 6};
        size = text.n = (size_t)(cut - text.p);
    }
    pool_init(&pool, (size_t)128 << 20);
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        struct kql_diagnostics d;
        struct kql_bound bound = {0};

        if (cut != NULL)
            check_function(&pool, world.body, &environment);

        kql_diagnostics_init(&d, &pool, text);
        if (kql_bind(&pool, text, &environment, &d, &bound)) {
            memset(&c, 0, sizeof c);
            c.budget = 200000;
            for (uint32_t i = 0; i < bound.plan_count; i++)
                check_op(&c, bound.plans[i]);
            kql_plan_print(&pool, bound.plan);
        } else if (d.error_count == 0) {
            abort();
        }
        for (uint32_t i = 0; i < d.count; i++)
            if (d.items[i].at > size || d.items[i].size > size - d.items[i].at)
                abort();
    }
    pool_free(&pool);
    return 0;
}
