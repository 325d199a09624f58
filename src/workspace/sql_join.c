/* sql_join.c - join, lookup, union. A null key matches a null one and NaN matches NaN, as IS NOT DISTINCT FROM has it; strings,
 * which are never null, are compared by "=". Where a side has no row its strings are "". */
#include "workspace/sql_inner.h"

/* ---- join ---- */

static bool
put_condition(struct sql_scope *left, struct sql_scope *right, struct sql_text *t,
              const struct kql_op *op)
{
    for (uint32_t i = 0; i < op->u.join.key_count; i++) {
        const struct kql_expr *l = op->u.join.left_keys[i], *r = op->u.join.right_keys[i];

        if (l->type != r->type)
            return sql_refuse(left->b, "its keys are a %s and a %s",
                              kql_type_name((enum kql_type)l->type),
                              kql_type_name((enum kql_type)r->type));
        sql_put(t, "%s", i == 0 ? "" : " AND ");
        if (!sql_key(left, t, l))
            return false;
        sql_put(t, sql_is_text(l) || sql_has_key(l) ? " = " : " IS NOT DISTINCT FROM ");
        if (!sql_key(right, t, r))
            return false;
    }
    return true;
}

/* The first row of each key: a step between. NULL: b->why. */
static struct sql_step *
first_of_keys(struct sql_build *b, const struct kql_op *op, struct sql_step *left)
{
    struct sql_step *step = pool_zeroed(b->pool, 1, sizeof *step);
    struct sql_scope s = sql_scope_of(b, step, left, &op->input->schema, "");

    step->op = op->input;
    step->id = ++b->step_count;
    step->text.pool = b->pool;
    sql_put(&step->text, "SELECT DISTINCT ON (%s", left->runs != NULL ? "r0, " : "");
    if (left->runs != NULL)
        sql_read(step, left, left->op->schema.count);
    for (uint32_t i = 0; i < op->u.join.key_count; i++) {
        sql_put(&step->text, "%s", i == 0 ? "" : ", ");
        if (!sql_key(&s, &step->text, op->u.join.left_keys[i]))
            return NULL;
    }
    sql_select(step, ")");
    sql_pass_columns(step, left);
    sql_pass_runs(step, left, "");
    sql_put(&step->text, " FROM t%u", sql_use(b, step, left));
    sql_put_order(&step->text, left, "");
    step->limits = true;
    step->is_repeatable = false;
    return step;
}

static const char *
join_word(enum kql_join_kind kind)
{
    switch (kind) {
    case KQL_JOIN_LEFTOUTER:
        return "LEFT";
    case KQL_JOIN_RIGHTOUTER:
        return "RIGHT";
    case KQL_JOIN_FULLOUTER:
        return "FULL";
    case KQL_JOIN_LEFTSEMI:
    case KQL_JOIN_RIGHTSEMI:
        return "SEMI";
    case KQL_JOIN_LEFTANTI:
    case KQL_JOIN_RIGHTANTI:
        return "ANTI";
    case KQL_JOIN_INNERUNIQUE:
    case KQL_JOIN_INNER:
        break;
    }
    return "INNER";
}

/* Whether it gives rows of the right side alone. */
static bool
keeps_right(enum kql_join_kind kind)
{
    return kind == KQL_JOIN_RIGHTOUTER || kind == KQL_JOIN_FULLOUTER ||
           kind == KQL_JOIN_RIGHTSEMI || kind == KQL_JOIN_RIGHTANTI;
}

static void
put_output(struct sql_step *step, const struct kql_op *op, struct sql_step *left,
           struct sql_step *right)
{
    enum kql_join_kind kind = op->u.join.kind;
    bool left_may_miss = kind == KQL_JOIN_RIGHTOUTER || kind == KQL_JOIN_FULLOUTER,
         right_may_miss = kind == KQL_JOIN_LEFTOUTER || kind == KQL_JOIN_FULLOUTER;
    struct sql_text *t = &step->text;

    for (uint32_t i = 0; i < op->schema.count; i++) {
        const struct kql_join_column *from = &op->u.join.output[i];
        bool may_miss = from->side == 0 ? left_may_miss : right_may_miss;
        char side = from->side == 0 ? 'l' : 'r';

        sql_column_begin(step, i);
        sql_read(step, from->side == 0 ? left : right, from->column);
        if (may_miss && op->schema.columns[i].type == KQL_STRING)
            sql_put(t, "COALESCE(%c.c%u, '') AS c%u", side, from->column, i);
        else
            sql_put(t, "%c.c%u AS c%u", side, from->column, i);
        sql_column_end(step);
    }
}

bool
sql_join_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct sql_step *left = sql_carry(b, op->input), *right = sql_carry(b, op->u.join.right);
    enum kql_join_kind kind = op->u.join.kind;
    bool is_turned = kind == KQL_JOIN_RIGHTSEMI || kind == KQL_JOIN_RIGHTANTI;
    struct sql_text *t = &step->text;

    if (left == NULL || right == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (op->u.join.key_count == 0)
        return sql_refuse(b, "it has no keys");
    if (step->is_volatile)
        return sql_refuse(b, "its keys are other ones each time");
    if (right->runs != NULL || (left->runs != NULL && keeps_right(kind)))
        return sql_refuse(b, "it gives rows of the other table for each run of the sub-query");
    if (kind == KQL_JOIN_INNERUNIQUE)
        left = first_of_keys(b, op, left);
    if (left == NULL)
        return false;

    struct sql_scope l = sql_scope_of(b, step, left, &op->input->schema, "l."),
                     r = sql_scope_of(b, step, right, &op->u.join.right->schema, "r.");

    sql_select(step, "SELECT");
    put_output(step, op, left, right);
    sql_pass_runs(step, left, "l.");
    step->may_miss_runs |= kind != KQL_JOIN_LEFTOUTER;
    step->joins = true;
    sql_put(t, " FROM t%u %c %s JOIN t%u %c ON (", sql_use(b, step, is_turned ? right : left),
            is_turned ? 'r' : 'l', join_word(kind), sql_use(b, step, is_turned ? left : right),
            is_turned ? 'l' : 'r');
    if (!put_condition(&l, &r, t, op))
        return false;
    sql_put(t, ")");
    return true;
}

/* ---- union ---- */

static void
put_branch(struct sql_build *b, struct sql_step *step, const struct kql_op *op, uint32_t index,
           struct sql_step *input)
{
    const uint32_t *map = op->u.join_union.map + (size_t)index * op->schema.count;
    struct sql_text *t = &step->text;

    sql_select(step, index == 0 ? "SELECT" : " UNION ALL SELECT");
    for (uint32_t i = 0; i < op->schema.count; i++) {
        sql_column_begin(step, i);
        if (i == 0 && op->u.join_union.sources != NULL) {
            struct kql_value source = kql_string(op->u.join_union.sources[index]);

            sql_put_span(t, cell_literal(b->pool, KQL_STRING, &source));
        } else if (map[i] == UINT32_MAX) {
            sql_put_null(t, (enum kql_type)op->schema.columns[i].type);
        } else {
            sql_read(step, input, map[i]);
            sql_put(t, "c%u", map[i]);
        }
        sql_put(t, " AS c%u", i);
        sql_column_end(step);
    }
    sql_put(t, " FROM t%u", sql_use(b, step, input));
}

bool
sql_union_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    if (op->u.join_union.count == 0)
        return sql_refuse(b, "it has no tables");
    for (uint32_t i = 0; i < op->u.join_union.count; i++) {
        const struct kql_op *from = op->u.join_union.inputs[i];
        struct sql_step *input = sql_carry(b, from);
        const uint32_t *map = op->u.join_union.map + (size_t)i * op->schema.count;

        if (input == NULL)
            return sql_refuse(b, "what it reads comes from the row engine");
        for (uint32_t c = 0; c < op->schema.count; c++)
            if (map[c] != UINT32_MAX &&
                from->schema.columns[map[c]].type != op->schema.columns[c].type)
                return sql_refuse(b, "its tables have columns of other types");
        put_branch(b, step, op, i, input);
    }
    return true;
}
