/* sql_op.c - operators as steps: sources, where, project, sort, take and their kin. */
#include "workspace/sql_inner.h"
#include <math.h>

/* ---- sources ---- */

/* The expression that turns a stored column into what the shape shows; NULL: there is none. */
static const struct kql_expr *
shown(struct sql_build *b, const struct workspace_column *column, uint32_t index)
{
    static const struct {
        enum kql_type type;
        const char *name;
    } conversions[] = {
        {KQL_BOOL,     "tobool"    },
        {KQL_INT,      "toint"     },
        {KQL_LONG,     "tolong"    },
        {KQL_REAL,     "toreal"    },
        {KQL_DECIMAL,  "todecimal" },
        {KQL_STRING,   "tostring"  },
        {KQL_DATETIME, "todatetime"},
        {KQL_TIMESPAN, "totimespan"},
        {KQL_GUID,     "toguid"    },
        {KQL_DYNAMIC,  "parse_json"},
    };
    struct kql_expr *call = pool_zeroed(b->pool, 1, sizeof *call),
                    *from = pool_zeroed(b->pool, 1, sizeof *from);
    const struct kql_expr **arguments = pool_take(b->pool, sizeof(struct kql_expr *));

    *from = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                              .type = (uint8_t)column->stored,
                              .column = index,
                              .result_count = 1};
    arguments[0] = from;
    *call = (struct kql_expr){.kind = KQL_EXPR_CALL,
                              .type = (uint8_t)column->type,
                              .arguments = arguments,
                              .count = 1,
                              .weight = 2,
                              .result_count = 1};
    if (column->stored == KQL_INT && column->type == KQL_LONG)
        call->kind = KQL_EXPR_CONVERT;
    for (size_t i = 0; i < COUNT_OF(conversions); i++)
        if (conversions[i].type == column->type)
            call->function = kql_function_find(span_of(conversions[i].name), KQL_SCALAR);
    return call->function == NULL ? NULL : call;
}

/* A column's name and nothing else. */
static bool
is_quoted_name(const char *sql)
{
    const char *end = sql[0] == '"' ? strchr(sql + 1, '"') : NULL;

    return end != NULL && end[1] == '\0';
}

bool
sql_table_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    const struct sql_table *table = op->u.table.handle;
    struct kql_column *columns;
    struct kql_schema stored;
    struct sql_scope s;

    if (table == NULL || table->shape->count < op->schema.count)
        return sql_refuse(b, "it is no table of the workspace");
    columns = pool_zeroed(b->pool, op->schema.count, sizeof *columns);
    for (uint32_t i = 0; i < op->schema.count; i++) {
        columns[i].name = op->schema.columns[i].name;
        columns[i].type = (uint8_t)table->shape->columns[i].stored;
    }
    stored = (struct kql_schema){.columns = columns, .count = op->schema.count};
    s = sql_scope_of(b, step, NULL, &stored, "");
    s.stored = table->shape->columns;
    step->is_stored = pool_zeroed(b->pool, op->schema.count, 1);
    step->place = table->place;
    sql_select(step, "SELECT");
    for (uint32_t i = 0; i < op->schema.count; i++) {
        const struct workspace_column *c = &table->shape->columns[i];
        const struct kql_expr *e;

        sql_column_begin(step, i);
        if (c->stored == c->type) {
            step->is_stored[i] = is_quoted_name(c->sql);
            sql_put_column(&s, &step->text, i);
        } else {
            e = shown(b, c, i);
            if (e == NULL || !sql_value(&s, &step->text, e))
                return sql_refuse(b, "column %s is of another type in the file", c->name);
        }
        sql_put(&step->text, " AS c%u", i);
        sql_column_end(step);
    }
    sql_put(&step->text, " FROM %s", table->table->sql);
    if (table->where != NULL)
        sql_put(&step->text, " WHERE (%s)", table->where);
    return true;
}

/* Rows keep the order that they are written in: k0 counts them. */
bool
sql_inline_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    size_t count = op->u.rows.row_count;
    uint32_t width = op->schema.count;

    if (count > SQL_CELLS_MAX / width)
        return sql_refuse(b, "it has more than %d cells", SQL_CELLS_MAX);
    sql_put(&step->text, "SELECT * FROM (VALUES ");
    for (size_t r = 0; r < count || r == 0; r++) {
        sql_put(&step->text, "%s", r == 0 ? "(" : ", (");
        for (uint32_t i = 0; i < width; i++) {
            if (count == 0)
                sql_put_null(&step->text, (enum kql_type)op->schema.columns[i].type);
            else
                sql_put_span(&step->text,
                             cell_literal(b->pool, (enum kql_type)op->schema.columns[i].type,
                                          &op->u.rows.cells[r * width + i]));
            sql_put(&step->text, ", ");
        }
        sql_put(&step->text, "%zu::BIGINT)", r);
    }
    sql_put(&step->text, ") v(");
    sql_put_columns(&step->text, width);
    sql_put(&step->text, ", k0)%s", count == 0 ? " WHERE false" : "");
    step->order[0] = (struct sql_order){.type = KQL_LONG};
    step->order_count = 1;
    step->counts_rows = true;
    return true;
}

/* Few rows are written into the statement that a table is read by. */
bool
sql_external_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    const struct kql_op *rows;

    if (b->o->external == NULL)
        return sql_refuse(b, "it is read when the query runs");
    if (!sql_node_of(b, b->root)->reads_table && !b->o->carries_all)
        return sql_refuse(b, "no table lies beside it");
    rows = b->o->external(b->o->context, op, SQL_CELLS_MAX);
    if (rows == NULL)
        return sql_refuse(b, "it has more than %d cells", SQL_CELLS_MAX);
    return sql_inline_step(b, step, rows);
}

static bool
put_values(struct sql_scope *s, struct sql_text *t, const struct kql_op *op)
{
    sql_select(s->step, "SELECT");
    for (uint32_t i = 0; i < op->schema.count; i++) {
        sql_column_begin(s->step, i);
        if (!sql_value(s, t, op->u.project.exprs[i]))
            return false;
        sql_put(t, " AS c%u", i);
        sql_column_end(s->step);
    }
    return true;
}

bool
sql_print_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    static const struct kql_schema nothing = {NULL, 0, false};
    struct sql_scope s = sql_scope_of(b, step, NULL, &nothing, "");

    return put_values(&s, &step->text, op);
}

/* How many values from, from + step ... do not pass 'to'. False: they leave 64 bits on the way. */
static bool
count_range(int64_t from, int64_t to, int64_t step, uint64_t *count)
{
    int64_t length;

    *count = 0;
    if (step > 0 ? from > to : from < to)
        return true;
    if (__builtin_sub_overflow(to, from, &length) || length == INT64_MIN || step == INT64_MIN)
        return false;
    *count = (uint64_t)(length / step) + 1;
    return *count < (UINT64_C(1) << 62);
}

bool
sql_range_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    const struct kql_expr *from = op->u.range.from, *to = op->u.range.to, *by = op->u.range.step;
    enum kql_type type = (enum kql_type)op->schema.columns[0].type;
    uint64_t count;

    if (type != KQL_INT && type != KQL_LONG && type != KQL_DATETIME && type != KQL_TIMESPAN)
        return sql_refuse(b, "a range of %s has no SQL", kql_type_name(type));
    if (from->kind != KQL_EXPR_CONST || to->kind != KQL_EXPR_CONST || by->kind != KQL_EXPR_CONST ||
        from->value.is_null || to->value.is_null || by->value.is_null || by->value.i == 0 ||
        !count_range(from->value.i, to->value.i, by->value.i, &count))
        return sql_refuse(b, "its ends or its step have no SQL");
    sql_put(&step->text,
            "SELECT CAST((%lld) + i * (%lld) AS %s) AS c0, i AS k0 FROM range(%llu) r(i)",
            (long long)from->value.i, (long long)by->value.i, cell_sql_type(type),
            (unsigned long long)count);
    step->order[0] = (struct sql_order){.type = KQL_LONG};
    step->order_count = 1;
    step->counts_rows = true;
    return true;
}

/* ---- row by row ---- */

bool
sql_where_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    const struct kql_op *pushed = sql_push(b, op);
    struct sql_step *input = pushed == NULL ? sql_input(b, op) : NULL;
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    if (pushed != NULL)
        return sql_union_step(b, step, pushed);
    if (input == NULL)
        return false;
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    step->may_miss_runs = true;
    step->is_stored = input->is_stored;
    sql_put(&step->text, " FROM t%u WHERE ", sql_use(b, step, input));
    return sql_conjunction(&s, &step->text, op->u.predicate);
}

bool
sql_project_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    if (input == NULL)
        return false;
    if (!put_values(&s, &step->text, op))
        return false;
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    if (input->is_stored != NULL)
        step->is_stored = pool_zeroed(b->pool, op->schema.count, 1);
    for (uint32_t i = 0; i < op->schema.count && input->is_stored != NULL; i++)
        step->is_stored[i] = op->u.project.exprs[i]->kind == KQL_EXPR_COLUMN &&
                             input->is_stored[op->u.project.exprs[i]->column];
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    return true;
}

bool
sql_pass_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);

    if (input == NULL)
        return false;
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    return true;
}

/* ---- sort, top, take: rows are put in order only where that is asked for ---- */

static bool
is_constant_count(const struct kql_expr *e, uint64_t *count)
{
    if (e->kind != KQL_EXPR_CONST)
        return false;
    *count = e->value.is_null || e->value.i < 0 ? 0 : (uint64_t)e->value.i;
    return true;
}

/* The keys, then what the rows were ordered by before: so rows that tie stay as they came. */
static bool
put_keys(struct sql_scope *s, struct sql_step *step, const struct kql_op *op,
         const struct sql_step *input)
{
    for (uint32_t i = 0; i < op->u.sort.key_count; i++) {
        const struct kql_sort_key *key = &op->u.sort.keys[i];

        bool has_key = sql_has_key(key->expr);
        enum kql_type type = has_key ? KQL_STRING : (enum kql_type)key->expr->type;

        if (key->expr->type == KQL_DYNAMIC)
            return sql_refuse(s->b, "SQL has another order of dynamic");
        if (step->order_count == SQL_ORDER_MAX)
            return sql_refuse(s->b, "more than %d keys", SQL_ORDER_MAX);
        sql_column_begin(step, UINT32_MAX);
        sql_put(&step->text, "%s", has_key ? "NULLIF(" : "");
        if (!sql_key(s, &step->text, key->expr))
            return false;
        sql_put(&step->text, "%s AS k%u", has_key ? ", '')" : "", step->order_count);
        sql_column_end(step);
        step->order[step->order_count++] =
            (struct sql_order){type, key->is_descending, key->nulls_first};
    }
    for (uint32_t i = 0; i < input->order_count && step->order_count < SQL_ORDER_MAX; i++) {
        sql_column_begin(step, UINT32_MAX);
        sql_put(&step->text, "k%u AS k%u", i, step->order_count);
        sql_column_end(step);
        step->order[step->order_count++] = input->order[i];
    }
    return true;
}

bool
sql_sort_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op), *sorted = step;
    uint64_t limit = 0;

    if (input == NULL)
        return false;
    if (op->u.sort.limit != NULL && !is_constant_count(op->u.sort.limit, &limit))
        return sql_refuse(b, "its count is not known before the query runs");
    if (op->u.sort.limit != NULL && input->runs != NULL)
        sorted = sql_between(b, &op->schema);

    struct sql_scope s = sql_scope_of(b, sorted, input, &op->input->schema, "");

    sql_select(sorted, "SELECT");
    sql_pass_columns(sorted, input);
    if (!put_keys(&s, sorted, op, input))
        return false;
    sql_pass_runs(sorted, input, "");
    sql_put(&sorted->text, " FROM t%u", sql_use(b, sorted, input));
    if (op->u.sort.limit == NULL)
        return true;
    step->is_repeatable = false;
    if (sorted != step) {
        sql_first_of_runs(b, step, sorted, NULL, limit);
        return true;
    }
    sql_put_order(&step->text, step, "");
    sql_put(&step->text, " LIMIT %llu", (unsigned long long)limit);
    step->limits = true;
    return true;
}

bool
sql_take_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    uint64_t limit;

    if (input == NULL)
        return false;
    if (!is_constant_count(op->u.limit.count, &limit))
        return sql_refuse(b, "its count is not known before the query runs");
    step->is_repeatable = false;
    if (input->runs != NULL) {
        sql_first_of_runs(b, step, input, NULL, limit);
        return true;
    }
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_pass_order(step, input);
    sql_put(&step->text, " FROM t%u", sql_use(b, step, input));
    sql_put_order(&step->text, input, "");
    sql_put(&step->text, " LIMIT %llu", (unsigned long long)limit);
    step->limits = true;
    return true;
}

bool
sql_count_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    bool has_live;

    if (input == NULL)
        return false;
    has_live = input->runs != NULL && input->may_miss_runs;
    if (has_live)
        input = sql_live_rows(b, op->input);
    sql_put(&step->text, "SELECT ");
    sql_group_runs(step, input);
    sql_put(&step->text, "count(*)%s AS c0 FROM t%u%s", has_live ? " FILTER (WHERE live)" : "",
            sql_use(b, step, input), step->runs != NULL ? " GROUP BY r0" : "");
    return true;
}

bool
sql_sample_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    uint64_t limit;

    if (input == NULL)
        return false;
    if (!is_constant_count(op->u.limit.count, &limit) || limit == 0 || limit > 1000000)
        return sql_refuse(b, "so many rows are not sampled by SQL");
    step->is_volatile = true;
    if (input->runs != NULL) {
        sql_first_of_runs(b, step, input, " ORDER BY random()", limit);
        return true;
    }
    sql_select(step, "SELECT");
    sql_pass_columns(step, input);
    sql_put(&step->text, " FROM t%u USING SAMPLE reservoir(%llu ROWS)", sql_use(b, step, input),
            (unsigned long long)limit);
    return true;
}

/* A key as g0, and one of its values as h0. */
static bool
put_distinct(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    if (!sql_key(s, t, e))
        return false;
    sql_put(t, " AS g0, first(");
    if (!sql_value(s, t, e))
        return false;
    sql_put(t, ") AS h0");
    return true;
}

static bool
distinct_of_runs(struct sql_scope *s, struct sql_step *step, const struct kql_op *op,
                 uint64_t limit)
{
    struct sql_text *t = &step->text;

    sql_put(t, "SELECT ");
    sql_list_runs(step, s->source);
    sql_put(t, "h0 AS c0 FROM (SELECT ");
    sql_group_runs(step, s->source);
    if (!put_distinct(s, t, op->u.limit.expr))
        return false;
    sql_put(t, " FROM t%u GROUP BY r0, g0) QUALIFY row_number() OVER (PARTITION BY r0) <= %llu",
            sql_use(s->b, step, s->source), (unsigned long long)limit);
    step->may_miss_runs = limit == 0 || s->source->may_miss_runs;
    step->groupings++;
    return true;
}

bool
sql_sample_distinct_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");
    uint64_t limit;

    if (input == NULL)
        return false;
    if (!is_constant_count(op->u.limit.count, &limit))
        return sql_refuse(b, "its count is not known before the query runs");
    step->is_repeatable = false;
    if (input->runs != NULL)
        return distinct_of_runs(&s, step, op, limit);
    sql_put(&step->text, "SELECT h0 AS c0 FROM (SELECT ");
    if (!put_distinct(&s, &step->text, op->u.limit.expr))
        return false;
    sql_put(&step->text, " FROM t%u GROUP BY g0) LIMIT %llu", sql_use(b, step, input),
            (unsigned long long)limit);
    step->limits = true;
    return true;
}
