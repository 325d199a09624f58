/* sql_rest.c - one walk over all that an operator points at: for looking, and for making the plan that the row engine is
 * left with. */
#include "workspace/sql_inner.h"

static const struct kql_expr *
expr_of(const struct sql_visit *v, const struct kql_expr *e)
{
    return e == NULL ? NULL : v->expr(v->context, e);
}

static const struct kql_expr *const *
exprs_of(struct pool *p, const struct sql_visit *v, const struct kql_expr *const *exprs,
         uint32_t count)
{
    const struct kql_expr **out;

    if (exprs == NULL)
        return NULL;
    out = pool_take(p, (count + 1) * sizeof(struct kql_expr *));
    for (uint32_t i = 0; i < count; i++)
        out[i] = expr_of(v, exprs[i]);
    return out;
}

static const struct kql_op *const *
ops_of(struct pool *p, const struct sql_visit *v, const struct kql_op *const *ops, uint32_t count)
{
    const struct kql_op **out = pool_take(p, (count + 1) * sizeof(struct kql_op *));

    for (uint32_t i = 0; i < count; i++)
        out[i] = v->op(v->context, ops[i]);
    return out;
}

static const struct kql_sort_key *
keys_of(struct pool *p, const struct sql_visit *v, const struct kql_sort_key *keys, uint32_t count)
{
    struct kql_sort_key *out = pool_take(p, (count + 1) * sizeof *out);

    for (uint32_t i = 0; i < count; i++) {
        out[i] = keys[i];
        out[i].expr = expr_of(v, keys[i].expr);
    }
    return out;
}

static void
walk_expand(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    struct kql_expand *columns = pool_take(p, (op->u.expand.count + 1) * sizeof *columns);

    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        columns[i] = op->u.expand.columns[i];
        columns[i].expr = expr_of(v, columns[i].expr);
    }
    op->u.expand.columns = columns;
    if (op->u.expand.sub != NULL)
        op->u.expand.sub = v->sub(v->context, op->u.expand.sub);
}

static void
walk_series(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    struct kql_series_value *values = pool_take(p, (op->u.series.value_count + 1) * sizeof *values);

    for (uint32_t i = 0; i < op->u.series.value_count; i++) {
        values[i] = op->u.series.values[i];
        values[i].final = expr_of(v, values[i].final);
    }
    op->u.series.values = values;
    op->u.series.aggregates = exprs_of(p, v, op->u.series.aggregates, op->u.series.aggregate_count);
    op->u.series.axis = expr_of(v, op->u.series.axis);
    op->u.series.from = expr_of(v, op->u.series.from);
    op->u.series.to = expr_of(v, op->u.series.to);
    op->u.series.step = expr_of(v, op->u.series.step);
    op->u.series.keys = exprs_of(p, v, op->u.series.keys, op->u.series.key_count);
}

static void
walk_scan(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    struct kql_scan_step *steps = pool_take(p, (op->u.scan.step_count + 1) * sizeof *steps);

    for (uint32_t i = 0; i < op->u.scan.step_count; i++) {
        steps[i] = op->u.scan.steps[i];
        steps[i].condition = expr_of(v, steps[i].condition);
        steps[i].values = exprs_of(p, v, steps[i].values, steps[i].assigned_count);
    }
    op->u.scan.steps = steps;
    op->u.scan.order = keys_of(p, v, op->u.scan.order, op->u.scan.order_count);
    op->u.scan.partition = exprs_of(p, v, op->u.scan.partition, op->u.scan.partition_count);
}

static void
walk_nested(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    struct kql_level *levels = pool_take(p, (op->u.nested.count + 1) * sizeof *levels);

    for (uint32_t i = 0; i < op->u.nested.count; i++) {
        levels[i] = op->u.nested.levels[i];
        levels[i].count = expr_of(v, levels[i].count);
        levels[i].expr = expr_of(v, levels[i].expr);
        levels[i].others = expr_of(v, levels[i].others);
        levels[i].aggregates = exprs_of(p, v, levels[i].aggregates, levels[i].aggregate_count);
        levels[i].final = expr_of(v, levels[i].final);
    }
    op->u.nested.levels = levels;
}

static void
walk_join(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    op->u.join.right = v->op(v->context, op->u.join.right);
    op->u.join.left_keys = exprs_of(p, v, op->u.join.left_keys, op->u.join.key_count);
    op->u.join.right_keys = exprs_of(p, v, op->u.join.right_keys, op->u.join.key_count);
}

static void
walk_summarize(struct pool *p, const struct sql_visit *v, struct kql_op *op)
{
    uint32_t key_count = op->u.summarize.key_count;

    op->u.summarize.keys = exprs_of(p, v, op->u.summarize.keys, key_count);
    op->u.summarize.aggregates =
        exprs_of(p, v, op->u.summarize.aggregates, op->u.summarize.aggregate_count);
    op->u.summarize.finals = exprs_of(p, v, op->u.summarize.finals, op->schema.count - key_count);
}

struct kql_op
sql_walk(struct pool *p, const struct sql_visit *v, const struct kql_op *from)
{
    struct kql_op op = *from;

    if (op.input != NULL)
        op.input = v->op(v->context, op.input);
    switch (op.kind) {
    case KQL_ROWS_TABLE:
    case KQL_ROWS_INLINE:
    case KQL_ROWS_INPUT:
    case KQL_ROWS_EXTERNAL:
    case KQL_OP_COUNT_ROWS:
    case KQL_OP_SERIALIZE_ROWS:
    case KQL_OP_MATERIALIZE:
    case KQL_OP_RENDER:
        break;
    case KQL_ROWS_PRINT:
    case KQL_OP_PROJECT:
        op.u.project.exprs = exprs_of(p, v, op.u.project.exprs, op.schema.count);
        break;
    case KQL_ROWS_RANGE:
        op.u.range.from = expr_of(v, op.u.range.from);
        op.u.range.to = expr_of(v, op.u.range.to);
        op.u.range.step = expr_of(v, op.u.range.step);
        break;
    case KQL_ROWS_UNION:
        op.u.join_union.inputs = ops_of(p, v, op.u.join_union.inputs, op.u.join_union.count);
        break;
    case KQL_OP_WHERE:
        op.u.predicate = expr_of(v, op.u.predicate);
        break;
    case KQL_OP_SUMMARIZE:
        walk_summarize(p, v, &op);
        break;
    case KQL_OP_SORT:
    case KQL_OP_TOP:
        op.u.sort.keys = keys_of(p, v, op.u.sort.keys, op.u.sort.key_count);
        op.u.sort.limit = expr_of(v, op.u.sort.limit);
        break;
    case KQL_OP_TAKE:
    case KQL_OP_SAMPLE:
    case KQL_OP_SAMPLE_DISTINCT:
        op.u.limit.count = expr_of(v, op.u.limit.count);
        if (op.kind == KQL_OP_SAMPLE_DISTINCT)
            op.u.limit.expr = expr_of(v, op.u.limit.expr);
        break;
    case KQL_OP_JOIN:
        walk_join(p, v, &op);
        break;
    case KQL_OP_MV_EXPAND:
    case KQL_OP_MV_APPLY:
        walk_expand(p, v, &op);
        break;
    case KQL_OP_PARSE_TEXT:
        op.u.parse.expr = expr_of(v, op.u.parse.expr);
        break;
    case KQL_OP_PARSE_PAIRS:
        op.u.parse_kv.expr = expr_of(v, op.u.parse_kv.expr);
        break;
    case KQL_OP_SERIES:
        walk_series(p, v, &op);
        break;
    case KQL_OP_PARTITION:
        op.u.partition.key = expr_of(v, op.u.partition.key);
        op.u.partition.sub = v->sub(v->context, op.u.partition.sub);
        break;
    case KQL_OP_SCAN:
        walk_scan(p, v, &op);
        break;
    case KQL_OP_TOP_NESTED:
        walk_nested(p, v, &op);
        break;
    case KQL_OP_TOP_HITTERS:
        op.u.hitters.count = expr_of(v, op.u.hitters.count);
        op.u.hitters.expr = expr_of(v, op.u.hitters.expr);
        op.u.hitters.weight = expr_of(v, op.u.hitters.weight);
        break;
    case KQL_OP_PLUGIN:
        op.u.plugin.arguments = exprs_of(p, v, op.u.plugin.arguments, op.u.plugin.count);
        break;
    case KQL_OP_REDUCE:
        op.u.reduce.expr = expr_of(v, op.u.reduce.expr);
        break;
    case KQL_OP_FORK:
        op.u.fork.branches = ops_of(p, v, op.u.fork.branches, op.u.fork.count);
        break;
    }
    return op;
}

/* ---- expressions ---- */

bool
sql_has_table(const struct kql_expr *e)
{
    if (e->table != NULL)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL && sql_has_table(e->arguments[i]))
            return true;
    return false;
}

const struct kql_expr *
sql_walk_tables(struct pool *p, const struct sql_visit *v, const struct kql_expr *e)
{
    const struct kql_expr **arguments;
    struct kql_expr *copy;

    if (!sql_has_table(e))
        return e;
    copy = pool_take(p, sizeof *copy);
    *copy = *e;
    arguments = pool_take(p, (e->count + 1) * sizeof(struct kql_expr *));
    for (uint32_t i = 0; i < e->count; i++)
        arguments[i] = e->arguments[i] == NULL ? NULL : sql_walk_tables(p, v, e->arguments[i]);
    copy->arguments = arguments;
    if (e->table != NULL)
        copy->table = v->op(v->context, e->table);
    return copy;
}
