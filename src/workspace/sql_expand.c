/* sql_expand.c - mv-expand, parse and parse-kv as steps: a program gives a list for each row, once, in a sub-select; what stands
 * around that makes rows or columns of it.
 *
 *     SELECT c0 AS c0, unnest(l0) AS c1, k0, unnest(range(len(l0))) AS k1 FROM (SELECT *, kql_each_dynamic(7, c1) AS l0 FROM t1)
 *
 * Several unnest() of one SELECT go side by side to the longest, the others give NULL then (DuckDB 1.5.5): as mv-expand means it.
 * What is unnested stays in the step whoever reads it, since it says how many rows there are. */
#include "workspace/sql_inner.h"

/* The result's columns that are the input's: 'map' says which. */
static void
put_passed(struct sql_step *step, struct sql_step *input, const uint32_t *map)
{
    for (uint32_t i = 0; i < step->op->schema.count; i++) {
        if (map[i] == UINT32_MAX)
            continue;
        sql_column_begin(step, i);
        sql_read(step, input, map[i]);
        sql_put(&step->text, "c%u AS c%u", map[i], i);
        sql_column_end(step);
    }
}

/* ---- mv-expand ---- */

void
sql_expand_index(struct sql_step *step, const struct kql_op *op, uint32_t column, const char *name,
                 uint32_t number)
{
    uint32_t count = op->u.expand.count;

    sql_column_begin(step, column);
    sql_put(&step->text, "unnest(range(%s", count > 1 ? "greatest(" : "");
    for (uint32_t i = 0; i < count; i++)
        sql_put(&step->text, "%slen(l%u)", i > 0 ? ", " : "", i);
    sql_put(&step->text, "%s)) AS %s%u", count > 1 ? ")" : "", name, number);
    sql_column_end(step);
}

/* Rows that tie in their order: the items of one are not to come between those of another. Not of seven keys, there is no room. */
static bool
may_tie(const struct sql_step *input)
{
    return input->order_count > 0 && input->order_count < SQL_ORDER_MAX - 1 && !input->counts_rows;
}

static void
put_number(struct sql_step *step)
{
    sql_column_begin(step, UINT32_MAX);
    sql_put(&step->text, "n AS k%u", step->order_count);
    sql_column_end(step);
    step->order[step->order_count++] = (struct sql_order){.type = KQL_LONG};
}

/* A row's items keep their order where rows have one. */
static bool
put_order(struct sql_build *b, struct sql_step *step, const struct kql_op *op,
          const struct sql_step *input)
{
    if (input->order_count == 0)
        return true;
    if (input->order_count == SQL_ORDER_MAX)
        return sql_refuse(b, "its rows are in the order of more than %d keys", SQL_ORDER_MAX - 1);
    sql_pass_order(step, input);
    if (may_tie(input))
        put_number(step);
    sql_expand_index(step, op, UINT32_MAX, "k", step->order_count);
    step->order[step->order_count++] = (struct sql_order){.type = KQL_LONG};
    return true;
}

void
sql_expand_items(struct sql_step *step, const struct kql_op *op)
{
    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        const struct kql_expand *column = &op->u.expand.columns[i];
        bool is_padded = column->type == KQL_STRING && op->u.expand.count > 1;

        sql_column_begin(step, UINT32_MAX); /* always wanted */
        sql_put(&step->text, is_padded ? "COALESCE(unnest(l%u), '') AS c%u" : "unnest(l%u) AS c%u",
                i, column->column);
        sql_column_end(step);
    }
}

bool
sql_expand_lists(struct sql_scope *s, const struct kql_op *op, uint32_t numbered)
{
    struct sql_text *t = &s->step->text;

    sql_put(t, " FROM (SELECT *");
    if (numbered != SQL_NOT_NUMBERED) {
        sql_column_begin(s->step, numbered);
        sql_put(t, "row_number() OVER () AS n");
        sql_column_end(s->step);
    }
    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        const struct kql_expr *e = sql_rest_expr(s->b, op->u.expand.columns[i].expr);
        struct program_call call;
        struct err err = {""};

        if (!programs_add_each(s->b->o->programs, e, op, i, &call, &err))
            return sql_refuse(s->b, "%s", err.text);
        sql_ask(s, e);
        sql_put(t, ", ");
        sql_put_call(s, t, &call);
        sql_put(t, " AS l%u", i);
    }
    sql_put(t, " FROM t%u)", sql_use(s->b, s->step, s->source));
    return true;
}

bool
sql_expand_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *input = sql_input(b, op);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");

    if (input == NULL)
        return false;
    sql_select(step, "SELECT");
    put_passed(step, input, op->u.expand.map);
    sql_expand_items(step, op);
    if (op->u.expand.index_column != UINT32_MAX)
        sql_expand_index(step, op, op->u.expand.index_column, "c", op->u.expand.index_column);
    if (!put_order(b, step, op, input))
        return false;
    sql_pass_runs(step, input, "");
    step->may_miss_runs = true;
    return sql_expand_lists(&s, op, may_tie(input) ? UINT32_MAX : SQL_NOT_NUMBERED);
}

/* ---- parse, parse-where, parse-kv ---- */

/* Which capture a column of the result is, counted from 1; 0: none. Of several the last. */
static const uint32_t *
captures_of(struct pool *p, const struct kql_op *op)
{
    uint32_t *captures = pool_zeroed(p, op->schema.count, sizeof *captures), count = 0;

    for (uint32_t i = 0; op->kind == KQL_OP_PARSE_PAIRS && i < op->u.parse_kv.column_count; i++)
        captures[op->u.parse_kv.first_column + i] = ++count;
    for (uint32_t i = 0; op->kind == KQL_OP_PARSE_TEXT && i < op->u.parse.count; i++)
        if (op->u.parse.pieces[i].kind == KQL_PIECE_COLUMN)
            captures[op->u.parse.pieces[i].column] = ++count;
    return captures;
}

static void
put_captures(struct sql_step *step, const struct kql_op *op)
{
    const uint32_t *captures = captures_of(step->text.pool, op);

    for (uint32_t i = 0; i < op->schema.count; i++) {
        const char *type = cell_sql_type((enum kql_type)op->schema.columns[i].type);

        if (captures[i] == 0)
            continue;
        sql_column_begin(step, i);
        if (strcmp(type, "VARCHAR") == 0)
            sql_put(&step->text, "p[%u] AS c%u", captures[i], i);
        else
            sql_put(&step->text, "CAST(p[%u] AS %s) AS c%u", captures[i], type, i);
        sql_column_end(step);
    }
}

bool
sql_parse_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    bool is_text = op->kind == KQL_OP_PARSE_TEXT;
    const uint32_t *map = is_text ? op->u.parse.map : op->u.parse_kv.map;
    struct sql_step *input = sql_input(b, op);
    struct sql_scope s = sql_scope_of(b, step, input, &op->input->schema, "");
    struct program_call call;
    const struct kql_expr *e;
    struct err err = {""};

    if (input == NULL)
        return false;
    e = sql_rest_expr(b, is_text ? op->u.parse.expr : op->u.parse_kv.expr);
    if (!programs_add_row(b->o->programs, e, op, &call, &err)) /* a regex, which may be concealed */
        return sql_refuse(b, "its regular expression, or the memory for many rows, is refused");
    sql_ask(&s, e);
    sql_select(step, "SELECT");
    put_passed(step, input, map);
    put_captures(step, op);
    sql_pass_order(step, input);
    sql_pass_runs(step, input, "");
    sql_put(&step->text, " FROM (SELECT *, ");
    sql_put_call(&s, &step->text, &call);
    sql_put(&step->text, " AS p FROM t%u)", sql_use(b, step, input));
    if (!is_text || !op->u.parse.drops_failed)
        return true;
    step->may_miss_runs = true;
    sql_put(&step->text, " WHERE p IS NOT NULL");
    return true;
}
