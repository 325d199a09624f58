/* sql_fork.c - fork and facet: each branch becomes a query of its own, with the input in place of the rows that it is handed. So each
 * reads the columns and rows that it needs, and nobody gathers the whole input. Where the input need not be the same twice, or was made
 * small at some expense (it is grouped), the row engine gathers it once, as ever. */
#include "workspace/sql_inner.h"

struct placing {
    struct sql_build *b;
    const struct kql_op *input;
    bool is_asked; /* an expression asks for a value of the input's rows */
};

static const struct kql_op *place(void *context, const struct kql_op *op);

static const struct kql_op *
leave(void *context, const struct kql_op *op) /* its KQL_ROWS_INPUT is its own */
{
    (void)context;
    return op;
}

static const struct kql_expr *
leave_expr(void *context, const struct kql_expr *e)
{
    (void)context;
    return e;
}

static const struct kql_op *
place(void *context, const struct kql_op *op)
{
    struct placing *p = context;
    const struct sql_visit visit = {p, place, leave, leave_expr};
    const struct sql_node *node = sql_node_of(p->b, op);
    struct kql_op *copy;

    if (op->kind == KQL_ROWS_INPUT)
        return p->input;
    p->is_asked |= node->asks_input;
    if (!node->reads_input)
        return op;
    copy = pool_take(p->b->pool, sizeof *copy);
    *copy = sql_walk(p->b->pool, &visit, op);
    copy->origin = op->origin != NULL ? op->origin : op;
    return copy;
}

static bool
is_cheap(struct sql_build *b, const struct kql_op *input)
{
    const struct sql_node *node = sql_node_of(b, input);
    const struct sql_step *step =
        node->reads_table || b->o->carries_all ? sql_carry(b, input) : NULL;

    return step != NULL && step->is_repeatable && step->groupings == 0;
}

/* Nobody reads what the branches are handed. */
static const struct kql_op *
no_rows(struct sql_build *b, const struct kql_op *input)
{
    struct sql_rest *out = pool_zeroed(b->pool, 1, sizeof *out);

    out->op.kind = KQL_ROWS_INLINE;
    out->op.schema = input->schema;
    out->op.weight = 1;
    out->why = SPAN_LITERAL("each branch reads for itself");
    return &out->op;
}

bool
sql_fork(struct sql_build *b, const struct kql_op *op, struct kql_op *out)
{
    struct placing p = {b, op->input, false};
    const struct kql_op **branches = pool_take(b->pool, (op->u.fork.count + 1) * sizeof(*branches));

    if (op != b->root || !is_cheap(b, op->input))
        return false;
    for (uint32_t i = 0; i < op->u.fork.count; i++)
        branches[i] = place(&p, op->u.fork.branches[i]);
    if (p.is_asked)
        return false;
    for (uint32_t i = 0; i < op->u.fork.count; i++) {
        sql_node_of(b, branches[i])->is_shown = true;
        branches[i] = sql_rest_of(b, branches[i]);
    }
    *out = *op;
    out->input = no_rows(b, op->input);
    out->u.fork.branches = branches;
    return true;
}
