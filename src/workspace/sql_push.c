/* sql_push.c - a condition over a union, asked of each of its tables: with that table's columns, and without what the others' would
 * be. A search names every column of every table; a table has a few of them. */
#include "workspace/sql_inner.h"

enum { WEIGHT_MAX = 50000 /* of what is made: the condition's by the tables */ };

struct push {
    struct sql_build *b;
    const struct kql_op *united;
    uint32_t index; /* of the table */
};

static const struct kql_expr *
constant(struct push *p, const struct kql_expr *like, struct kql_value value)
{
    struct kql_expr *e = pool_take(p->b->pool, sizeof *e);

    *e = (struct kql_expr){.kind = KQL_EXPR_CONST,
                           .type = like->type,
                           .at = like->at,
                           .size = like->size,
                           .value = value,
                           .result_count = 1};
    return e;
}

static const struct kql_expr *
column_in(struct push *p, const struct kql_expr *e)
{
    const struct kql_op *op = p->united;
    uint32_t from = op->u.join_union.map[(size_t)p->index * op->schema.count + e->column];
    struct kql_expr *copy;

    if (op->u.join_union.sources != NULL && e->column == 0)
        return constant(p, e, kql_string(op->u.join_union.sources[p->index]));
    if (from == UINT32_MAX)
        return constant(
            p, e, e->type == KQL_STRING ? kql_string((struct span){"", 0}) : kql_null(e->type));
    copy = pool_take(p->b->pool, sizeof *copy);
    *copy = *e;
    copy->column = from;
    return copy;
}

static bool
is_bool(const struct kql_expr *e, bool value)
{
    return e->kind == KQL_EXPR_CONST && e->type == KQL_BOOL && !e->value.is_null &&
           (e->value.i != 0) == value;
}

/* What is known without a row. A null in a chain says nothing about it. */
static const struct kql_expr *
simpler(struct push *p, const struct kql_expr *e)
{
    bool is_or,
        is_chain = e->kind == KQL_EXPR_CALL && e->count == 2 && e->function->kind == KQL_OPERATOR &&
                   (strcmp(e->function->name, "or") == 0 || strcmp(e->function->name, "and") == 0);
    const struct kql_expr *one;
    struct kql_value value;

    if (e->kind == KQL_EXPR_CALL && (e->function->flags & (KQL_F_VOLATILE | KQL_F_NOW)) != 0)
        return e;
    for (uint32_t i = 0; is_chain && i < 2; i++) {
        is_or = e->function->name[0] == 'o';
        one = e->arguments[i];
        if (is_bool(one, is_or))
            return one;
        if (is_bool(one, !is_or))
            return e->arguments[1 - i];
    }
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i]->kind != KQL_EXPR_CONST || e->arguments[i]->is_concealed)
            return e;
    if (e->kind == KQL_EXPR_CALL && e->count > 0 && kql_fold(p->b->pool, 0, e, &value))
        return constant(p, e, value);
    return e;
}

/* NULL: it cannot be asked there. */
static const struct kql_expr *
expr_in(struct push *p, const struct kql_expr *e)
{
    const struct kql_expr **arguments;
    struct kql_expr *copy;

    if (e->kind == KQL_EXPR_COLUMN)
        return column_in(p, e);
    if (e->kind == KQL_EXPR_STEP_COLUMN || e->kind == KQL_EXPR_TABLE)
        return NULL;
    if (e->count == 0)
        return e;
    copy = pool_take(p->b->pool, sizeof *copy);
    *copy = *e;
    arguments = pool_take(p->b->pool, e->count * sizeof *arguments);
    for (uint32_t i = 0; i < e->count; i++) {
        arguments[i] = expr_in(p, e->arguments[i]);
        if (arguments[i] == NULL)
            return NULL;
    }
    copy->arguments = arguments;
    return simpler(p, copy);
}

static const struct kql_op *
where_in(struct push *p, const struct kql_op *op)
{
    const struct kql_op *table = p->united->u.join_union.inputs[p->index];
    const struct kql_expr *predicate = expr_in(p, op->u.predicate);
    struct kql_op *made;

    if (predicate == NULL || is_bool(predicate, true))
        return predicate == NULL ? NULL : table;
    made = pool_zeroed(p->b->pool, 1, sizeof *made);
    made->kind = KQL_OP_WHERE;
    made->at = op->at;
    made->size = op->size;
    made->input = table;
    made->schema = table->schema;
    made->weight = table->weight + 1;
    made->u.predicate = predicate;
    return made;
}

const struct kql_op *
sql_push(struct sql_build *b, const struct kql_op *op)
{
    struct push p = {.b = b, .united = op->input};
    uint32_t count = p.united->u.join_union.count;
    const struct kql_op **inputs;
    struct kql_op *out;

    if (p.united->kind != KQL_ROWS_UNION || sql_node_of(b, op)->is_volatile ||
        (uint64_t)(op->u.predicate->weight + 1) * count > WEIGHT_MAX)
        return NULL;
    inputs = pool_take(b->pool, (count + 1) * sizeof *inputs);
    for (p.index = 0; p.index < count; p.index++) {
        const struct kql_op *table = p.united->u.join_union.inputs[p.index];

        for (uint32_t c = 0; c < p.united->schema.count; c++) {
            uint32_t from =
                p.united->u.join_union.map[(size_t)p.index * p.united->schema.count + c];

            if (from != UINT32_MAX &&
                table->schema.columns[from].type != p.united->schema.columns[c].type)
                return NULL;
        }
        inputs[p.index] = where_in(&p, op);
        if (inputs[p.index] == NULL || sql_carry(b, inputs[p.index]) == NULL)
            return NULL;
    }
    out = pool_take(b->pool, sizeof *out);
    *out = *p.united;
    out->u.join_union.inputs = inputs;
    return out;
}
