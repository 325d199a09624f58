/* sql_live.c - a summary without keys gives a row for each run of a sub-plan, also for one whose rows are all filtered out before it.
 * So what is filtered stays, marked: its rows are "live" or not, and aggregates take those that are. Where more than row by row is
 * done between, rows of nothing are added for the runs. */
#include "workspace/sql_inner.h"

/* ---- row by row: the filters are not applied, but what they say is kept ---- */

static struct sql_step *
mark_input(struct sql_build *b, const struct kql_op *op)
{
    struct sql_step *input = sql_carry(b, op), *step;

    if (input == NULL)
        return NULL;
    step = sql_between(b, &op->schema);
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "true AS live");
    sql_column_end(step);
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    return step;
}

static bool
mark_where(struct sql_build *b, struct sql_step *step, struct sql_step *input,
           const struct kql_op *op)
{
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "(live AND ");
    if (!sql_conjunction(&s, &step->text, op->u.predicate))
        return false;
    sql_put(&step->text, ") AS live");
    sql_column_end(step);
    return true;
}

static bool
mark_project(struct sql_build *b, struct sql_step *step, struct sql_step *input,
             const struct kql_op *op)
{
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    for (uint32_t i = 0; i < op->schema.count; i++) {
        sql_column_begin(step, i);
        if (!sql_value(&s, &step->text, op->u.project.exprs[i]))
            return false;
        sql_put(&step->text, " AS c%u", i);
        sql_column_end(step);
    }
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "live");
    sql_column_end(step);
    return true;
}

/* NULL: it cannot be done so. */
static struct sql_step *
mark(struct sql_build *b, const struct kql_op *op)
{
    const struct sql_node *node = sql_node_of(b, op);
    struct sql_step *step, *input;
    bool is_done;

    if (op->kind == KQL_ROWS_INPUT)
        return mark_input(b, op);
    if (op->kind == KQL_OP_SERIALIZE_ROWS)
        return mark(b, op->input);
    if ((op->kind != KQL_OP_WHERE && op->kind != KQL_OP_PROJECT) || node->has_windows ||
        !sql_node_of(b, op->input)->reads_input)
        return NULL;
    input = mark(b, op->input);
    if (input == NULL)
        return NULL;
    step = sql_between(b, &op->schema);
    step->is_volatile = node->is_volatile;
    sql_select(step, "SELECT");
    is_done = op->kind == KQL_OP_WHERE ? mark_where(b, step, input, op)
                                       : mark_project(b, step, input, op);
    if (!is_done)
        return NULL;
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    step->is_repeatable = step->is_repeatable && !step->is_volatile;
    return step;
}

/* ---- else ---- */

/* Rows of nothing for the runs, behind the input's. */
static void
put_bare_runs(struct sql_build *b, struct sql_step *step, const struct sql_step *input)
{
    struct sql_step *rows = input->runs->rows;
    const struct kql_schema *schema = &step->op->schema;

    sql_select(step, " UNION ALL SELECT");
    for (uint32_t i = 0; i < schema->count; i++) {
        sql_column_begin(step, i);
        sql_put_null(&step->text, (enum kql_type)schema->columns[i].type);
        sql_column_end(step);
    }
    for (uint32_t i = 0; i < input->order_count; i++) {
        sql_column_begin(step, UINT32_MAX);
        sql_put_null(&step->text, input->order[i].type);
        sql_column_end(step);
    }
    sql_pass_runs(step, rows, "");
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "false");
    sql_column_end(step);
    sql_put(&step->text, " FROM t%u", sql_use(b, step, rows));
}

static struct sql_step *
add_runs(struct sql_build *b, struct sql_step *input)
{
    struct sql_step *step = sql_between(b, &input->op->schema);

    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "true AS live");
    sql_column_end(step);
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    put_bare_runs(b, step, input);
    return step;
}

struct sql_step *
sql_live_rows(struct sql_build *b, const struct kql_op *op)
{
    struct sql_step *step = mark(b, op);

    return step != NULL ? step : add_runs(b, sql_carry(b, op));
}
