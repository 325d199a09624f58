/* sql_apply.c - mv-apply: each row of the input is a run of the sub-plan (sql_runs.c) over the items of its array. r0 is the row's
 * number; the columns that the result shows beside the sub-plan's are carried past it. */
#include "workspace/sql_inner.h"

/* The columns of the input that the result shows. */
struct carried {
    uint32_t *columns, count;
};

static struct carried
carried_of(struct pool *p, const struct kql_op *op)
{
    struct carried c = {pool_take(p, (op->schema.count + 1) * sizeof(uint32_t)), 0};

    for (uint32_t i = 0; i < op->schema.count; i++)
        if (op->u.expand.map[i] != UINT32_MAX)
            c.columns[c.count++] = op->u.expand.map[i];
    return c;
}

static bool
is_expanded(const struct kql_op *op, uint32_t column)
{
    for (uint32_t i = 0; i < op->u.expand.count; i++)
        if (op->u.expand.columns[i].column == column)
            return true;
    return column == op->u.expand.index_column;
}

static void
put_run(struct sql_step *step, struct sql_step *input, const struct carried *carried,
        uint32_t index, const char *name, uint32_t number)
{
    sql_column_begin(step, step->op->schema.count + index);
    if (carried != NULL)
        sql_read(step, input, carried->columns[number]);
    sql_put(&step->text, "%s%u AS r%u", name, carried != NULL ? carried->columns[number] : number,
            index);
    sql_column_end(step);
}

static void
put_runs(struct sql_build *b, struct sql_step *step, struct sql_step *input,
         const struct kql_op *op)
{
    const struct carried carried = carried_of(b->pool, op);
    struct sql_runs *runs = pool_zeroed(b->pool, 1, sizeof *runs);

    *runs = (struct sql_runs){.rows = step,
                              .type = KQL_LONG,
                              .order_count = input->order_count,
                              .order_is_total = input->counts_rows,
                              .carried = 1 + input->order_count};
    memcpy(runs->order, input->order, sizeof runs->order);
    sql_column_begin(step, step->op->schema.count);
    sql_put(&step->text, "n AS r0");
    sql_column_end(step);
    for (uint32_t i = 0; i < input->order_count; i++)
        put_run(step, input, NULL, i + 1, "k", i);
    for (uint32_t i = 0; i < carried.count; i++)
        put_run(step, input, &carried, runs->carried + i, "c", i);
    runs->count = runs->carried + carried.count;
    sql_carry_runs(step, input, runs->count);
    if (input->runs != NULL)
        runs->count += input->runs->count;
    step->runs = runs;
}

/* What the sub-plan is run over, all rows' items together. NULL: b->why. */
static struct sql_step *
apply_rows(struct sql_build *b, struct sql_step *input, const struct kql_op *op)
{
    struct sql_step *step = sql_between(b, &op->u.expand.expanded);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    sql_select(step, "SELECT");
    for (uint32_t i = 0; i < op->input->schema.count; i++) {
        if (is_expanded(op, i))
            continue;
        sql_column_begin(step, i);
        sql_read(step, input, i);
        sql_put(&step->text, "c%u", i);
        sql_column_end(step);
    }
    sql_expand_items(step, op);
    if (op->u.expand.index_column != UINT32_MAX)
        sql_expand_index(step, op, op->u.expand.index_column, "c", op->u.expand.index_column);
    sql_expand_index(step, op, UINT32_MAX, "k", 0);
    step->order[0] = (struct sql_order){.type = KQL_LONG};
    step->order_count = 1;
    step->counts_rows = true;
    step->counts_items = true;
    step->numbers_rows = true;
    put_runs(b, step, input, op);
    return sql_expand_lists(&s, op, step->op->schema.count) ? step : NULL;
}

/* The column of the sub-plan's that has the name of one of the result's. */
static bool
put_given(struct sql_build *b, struct sql_step *step, struct sql_step *sub, uint32_t index)
{
    const struct kql_schema *schema = &sub->op->schema;
    uint32_t from = UINT32_MAX;

    for (uint32_t i = 0; i < schema->count; i++)
        if (span_equal(schema->columns[i].name, step->op->schema.columns[index].name))
            from = i;
    if (from == UINT32_MAX)
        return sql_refuse(b, "a column is not in what its sub-query gives");
    sql_read(step, sub, from);
    sql_put(&step->text, "c%u AS c%u", from, index);
    return true;
}

bool
sql_apply_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_carry(b, op->input), *rows, *sub;
    uint32_t carried;

    if (input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (op->u.expand.expanded.is_open || op->u.expand.expanded.count > SQL_COLUMNS_MAX)
        return sql_refuse(b, "its columns are not known, or too many");
    rows = apply_rows(b, input, op);
    sub = rows == NULL ? NULL : sql_carry_sub(b, op->u.expand.sub, rows);
    if (sub == NULL)
        return false;
    carried = sub->op->schema.count + sub->runs->carried;
    sql_select(step, "SELECT");
    for (uint32_t i = 0; i < op->schema.count; i++) {
        sql_column_begin(step, i);
        if (op->u.expand.map[i] != UINT32_MAX) {
            sql_read(step, sub, carried);
            sql_put(&step->text, "r%u AS c%u", carried++ - sub->op->schema.count, i);
        } else if (!put_given(b, step, sub, i)) {
            return false;
        }
        sql_column_end(step);
    }
    if (!sql_order_by_runs(b, step, sub))
        return false;
    sql_return_runs(step, input, sub);
    step->may_miss_runs = true;
    sql_put(&step->text, " FROM t%u", sql_use(b, step, sub));
    return true;
}
