/* sql_runs.c - sub-plans: partition, and what steps do with the runs of one (sql_inner.h, struct sql_runs). Nothing is run again
 * and again: what a sub-plan does to the rows of one run SQL does to those of all, by r0. */
#include "workspace/sql_inner.h"

struct sql_step *
sql_between(struct sql_build *b, const struct kql_schema *schema)
{
    struct sql_step *step = pool_zeroed(b->pool, 1, sizeof *step);
    struct kql_op *op = pool_zeroed(b->pool, 1, sizeof *op);

    op->kind = KQL_ROWS_INPUT;
    op->schema = *schema;
    step->op = op;
    step->id = ++b->step_count;
    step->text.pool = b->pool;
    step->is_repeatable = true;
    return step;
}

/* ---- steps inside a sub-plan ---- */

static void
read_run(struct sql_step *step, struct sql_step *input, uint32_t index)
{
    sql_read(step, input, input->op->schema.count + index);
}

void
sql_pass_runs(struct sql_step *step, struct sql_step *input, const char *prefix)
{
    if (input->runs == NULL)
        return;
    step->runs = input->runs;
    step->may_miss_runs |= input->may_miss_runs;
    for (uint32_t i = 0; i < input->runs->count; i++) {
        sql_column_begin(step, step->op->schema.count + i);
        read_run(step, input, i);
        sql_put(&step->text, "%sr%u", prefix, i);
        sql_column_end(step);
    }
}

void
sql_group_runs(struct sql_step *step, struct sql_step *input)
{
    if (input->runs == NULL)
        return;
    step->runs = input->runs;
    step->begins_list = true;
    for (uint32_t i = 0; i < input->runs->count; i++) {
        sql_column_begin(step, i == 0 ? UINT32_MAX : step->op->schema.count + i);
        read_run(step, input, i);
        sql_put(&step->text, i == 0 ? "r0" : "first(r%u) AS r%u", i, i);
        sql_column_end(step);
    }
    sql_put(&step->text, ", ");
}

void
sql_list_runs(struct sql_step *step, const struct sql_step *input)
{
    if (input->runs == NULL)
        return;
    step->begins_list = true;
    for (uint32_t i = 0; i < input->runs->count; i++) {
        sql_column_begin(step, i == 0 ? UINT32_MAX : step->op->schema.count + i);
        sql_put(&step->text, "r%u", i);
        sql_column_end(step);
    }
    sql_put(&step->text, ", ");
}

void
sql_first_of_runs(struct sql_build *b, struct sql_step *step, struct sql_step *input,
                  const char *order, uint64_t limit)
{
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    if (order == NULL)
        sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    step->may_miss_runs |= limit == 0;
    read_run(step, input, 0);
    sql_put(&step->text, " FROM t%u QUALIFY row_number() OVER (PARTITION BY r0",
            sql_use(b, step, input));
    if (order == NULL)
        sql_put_order(&step->text, input, "");
    else
        sql_put(&step->text, "%s", order);
    sql_put(&step->text, ") <= %llu", (unsigned long long)limit);
    step->groupings++; /* DuckDB plans a filter on a window as long as one on a group */
}

/* ---- the operators that have a sub-plan ---- */

bool
sql_input_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    if (op->schema.count != b->rows->op->schema.count)
        return sql_refuse(b, "it is of another sub-query");
    sql_select(step, "SELECT");
    sql_pass_columns(step, b->rows);
    sql_pass_order(step, b->rows);
    sql_pass_runs(step, b->rows, "");
    sql_put(&step->text, " FROM t%u", sql_use(b, step, b->rows));
    return true;
}

/* The operator whose reason is that of those after it, too. */
static const struct sql_node *
first_refused(struct sql_build *b, const struct kql_op *op)
{
    const struct sql_node *node = sql_node_of(b, op);

    while (op->input != NULL && sql_node_of(b, op->input)->is_tried &&
           sql_node_of(b, op->input)->step == NULL) {
        op = op->input;
        node = sql_node_of(b, op);
    }
    return node;
}

struct sql_step *
sql_carry_sub(struct sql_build *b, const struct kql_op *sub, struct sql_step *rows)
{
    struct sql_step *around = b->rows, *step;
    const struct sql_node *node;

    if (!sql_node_of(b, sub)->reads_input) {
        sql_refuse(b, "its sub-query reads other rows than those that it is given");
        return NULL;
    }
    b->rows = rows;
    step = sql_carry(b, sub);
    b->rows = around;
    if (step != NULL)
        return step;
    node = first_refused(b, sub);
    sql_refuse(b, "%s in its sub-query: %.*s", sql_op_name(node->op->kind), (int)node->why.n,
               node->why.p);
    return NULL;
}

void
sql_carry_runs(struct sql_step *step, struct sql_step *input, uint32_t from)
{
    if (input->runs == NULL)
        return;
    for (uint32_t i = 0; i < input->runs->count; i++) {
        sql_column_begin(step, step->op->schema.count + from + i);
        read_run(step, input, i);
        sql_put(&step->text, "r%u AS r%u", i, from + i);
        sql_column_end(step);
    }
}

void
sql_return_runs(struct sql_step *step, const struct sql_step *input, struct sql_step *sub)
{
    uint32_t from;

    if (input->runs == NULL)
        return;
    step->runs = input->runs;
    step->may_miss_runs = input->may_miss_runs || sub->may_miss_runs;
    from = sub->runs->count - input->runs->count;
    for (uint32_t i = 0; i < input->runs->count; i++) {
        sql_column_begin(step, step->op->schema.count + i);
        read_run(step, sub, from + i);
        sql_put(&step->text, "r%u AS r%u", from + i, i);
        sql_column_end(step);
    }
}

static void
put_run_key(struct sql_step *step, struct sql_step *sub, const struct sql_order *order,
            uint32_t index)
{
    sql_column_begin(step, UINT32_MAX);
    read_run(step, sub, index);
    sql_put(&step->text, "r%u AS k%u", index, step->order_count);
    sql_column_end(step);
    step->order[step->order_count++] = *order;
}

bool
sql_order_by_runs(struct sql_build *b, struct sql_step *step, struct sql_step *sub)
{
    const struct sql_runs *runs = sub->runs;
    const struct sql_order by_run = {.type = runs->type};

    if (runs->order_count == 0 && (sub->order_count == 0 || sub->counts_rows))
        return true;
    if (runs->order_count + !runs->order_is_total + sub->order_count > SQL_ORDER_MAX)
        return sql_refuse(b, "its rows are in the order of more than %d keys", SQL_ORDER_MAX);
    for (uint32_t i = 0; i < runs->order_count; i++)
        put_run_key(step, sub, &runs->order[i], i + 1);
    if (!runs->order_is_total)
        put_run_key(step, sub, &by_run, 0);
    for (uint32_t i = 0; i < sub->order_count; i++) {
        sql_column_begin(step, UINT32_MAX);
        sql_put(&step->text, "k%u AS k%u", i, step->order_count);
        sql_column_end(step);
        step->order[step->order_count++] = sub->order[i];
    }
    return true;
}

/* ---- partition ---- */

/* 0.0 and -0.0 are one key. */
static bool
put_partition_key(struct sql_scope *s, struct sql_text *t, const struct kql_expr *key)
{
    struct sql_text value = {.pool = s->b->pool};

    if (!sql_key(s, &value, key))
        return false;
    if (key->type == KQL_REAL)
        sql_put(t, "(CASE WHEN %s = 0 THEN 0::DOUBLE ELSE %s END)", value.p, value.p);
    else
        sql_put(t, "%s", value.p);
    return true;
}

/* The input with the runs' columns: the key, in a sub-plan that of the run around, too; where the input has an order, how early the
 * run's first row comes in it. NULL: b->why. */
static struct sql_step *
partition_rows(struct sql_build *b, struct sql_step *input, const struct kql_op *op)
{
    struct sql_step *step = sql_between(b, &op->input->schema);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");
    struct sql_runs *runs = pool_zeroed(b->pool, 1, sizeof *runs);
    bool is_nested = input->runs != NULL, is_ordered = input->order_count > 0;
    bool has_number = input->counts_rows && input->order_count == 1;
    uint32_t count = op->input->schema.count;
    struct sql_text key = {.pool = b->pool}, *t = &step->text;

    *runs = (struct sql_runs){.rows = step,
                              .count = 1u + is_ordered,
                              .type = sql_has_key(op->u.partition.key)
                                          ? KQL_STRING
                                          : (enum kql_type)op->u.partition.key->type,
                              .order = {{.type = KQL_LONG}},
                              .order_count = is_ordered,
                              .order_is_total = is_ordered};
    runs->carried = runs->count;
    if (!put_partition_key(&s, &key, op->u.partition.key))
        return NULL;
    if (is_nested)
        read_run(step, input, 0);
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_column_begin(step, count);
    sql_put(t, is_nested ? "struct_pack(a := r0, b := %s) AS r0" : "%s AS r0", key.p);
    sql_column_end(step);
    if (is_ordered) {
        sql_column_begin(step, count + 1);
        sql_put(t, "min(%s) OVER (PARTITION BY %s%s) AS r1", has_number ? "k0" : "n",
                is_nested ? "r0, " : "", key.p);
        sql_column_end(step);
    }
    sql_carry_runs(step, input, runs->carried);
    if (is_nested)
        runs->count += input->runs->count;
    step->runs = runs;
    if (!is_ordered || has_number) {
        sql_put(t, " FROM t%u", sql_use(b, step, input));
        return step;
    }
    sql_put(t, " FROM (SELECT *, row_number() OVER (");
    sql_put_order(t, input, "");
    sql_put(t, ") AS n FROM t%u)", sql_use(b, step, input));
    return step;
}

bool
sql_partition_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_carry(b, op->input), *rows, *sub;

    if (input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    rows = partition_rows(b, input, op);
    sub = rows == NULL ? NULL : sql_carry_sub(b, op->u.partition.sub, rows);
    if (sub == NULL)
        return false;
    sql_select(step, "SELECT");
    sql_pass_columns(step, sub);
    if (!sql_order_by_runs(b, step, sub))
        return false;
    sql_return_runs(step, input, sub);
    sql_put(&step->text, " FROM t%u", sql_use(b, step, sub));
    return true;
}
