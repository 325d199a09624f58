/* sql_explain.c - which engine runs which operator of a split plan, and why; then the statements. */
#include "workspace/sql_inner.h"

struct explain {
    struct sql_text text;
    struct sql_list seen, parts;
};

static void explain_op(struct explain *x, const struct kql_op *op, unsigned indent);

static void
put_line(struct explain *x, unsigned indent, const char *engine)
{
    sql_put(&x->text, "%*s%s  ", (int)(indent * 2 > 100 ? 100 : indent * 2), "", engine);
}

static const struct kql_op *
explain_below(void *context, const struct kql_op *op)
{
    sql_list_add(((struct explain *)context)->text.pool, &((struct explain *)context)->parts, op);
    return op;
}

static const struct kql_expr *
explain_expr(void *context, const struct kql_expr *e)
{
    if (e->table != NULL)
        explain_below(context, e->table);
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL)
            explain_expr(context, e->arguments[i]);
    return e;
}

/* What lies directly below an operator: each once. */
static struct sql_list
below(struct pool *p, const struct kql_op *op)
{
    struct explain x = {.text = {.pool = p}};
    const struct sql_visit visit = {&x, explain_below, explain_below, explain_expr};

    sql_walk(p, &visit, op);
    return x.parts;
}

/* The operators that a statement stands for. */
static void
explain_carried(struct explain *x, const struct kql_op *op, size_t number, unsigned indent)
{
    struct sql_list list;

    put_line(x, indent, "duckdb");
    sql_put(&x->text, "%s", sql_op_name(op->kind));
    if (op->kind == KQL_ROWS_TABLE)
        sql_put(&x->text, " %.*s", (int)op->u.table.name.n, op->u.table.name.p);
    sql_put(&x->text, " [%zu]\n", number);
    list = below(x->text.pool, op);
    for (size_t i = 0; i < list.count; i++) {
        size_t known = x->seen.count;

        sql_list_add(x->text.pool, &x->seen, list.items[i]);
        if (x->seen.count > known)
            explain_carried(x, list.items[i], number, indent + 1);
    }
}

static void
explain_part(struct explain *x, const struct kql_op *op, unsigned indent)
{
    size_t number = 1, known = x->parts.count;
    const struct sql_part *part = sql_part_of(op);

    sql_list_add(x->text.pool, &x->parts, op);
    while (x->parts.items[number - 1] != op)
        number++;
    if (x->parts.count == known) {
        put_line(x, indent, "duckdb");
        sql_put(&x->text, "again [%zu]\n", number);
        return;
    }
    explain_carried(x, part->op, number, indent);
    for (uint32_t i = 0; i < part->scalar_count; i++)
        explain_op(x, part->scalars[i], indent + 1);
    for (uint32_t i = 0; i < part->set_count; i++)
        explain_op(x, part->sets[i], indent + 1);
}

static void
explain_op(struct explain *x, const struct kql_op *op, unsigned indent)
{
    const struct sql_rest *rest = (const struct sql_rest *)op;
    size_t known = x->seen.count;
    struct sql_list list;

    if (op->kind == KQL_ROWS_TABLE && op->u.table.handle != NULL) {
        explain_part(x, op, indent);
        return;
    }
    sql_list_add(x->text.pool, &x->seen, op);
    put_line(x, indent, "rows");
    sql_put(&x->text, "%s", sql_op_name(op->kind));
    if (x->seen.count == known) {
        sql_put(&x->text, " again\n");
        return;
    }
    if (rest->why.n > 0)
        sql_put(&x->text, ": %.*s", (int)rest->why.n, rest->why.p);
    sql_put(&x->text, "\n");
    list = below(x->text.pool, op);
    for (size_t i = 0; i < list.count; i++)
        explain_op(x, list.items[i], indent + 1);
}

struct span
sql_explain(struct pool *p, const struct kql_op *plan, const struct kql_op *split)
{
    struct explain x = {.text = {.pool = p}};

    (void)plan;
    explain_op(&x, split, 0);
    for (size_t i = 0; i < x.parts.count; i++) {
        const struct sql_part *part = sql_part_of(x.parts.items[i]);

        sql_put(&x.text, "\n[%zu]", i + 1);
        if (part->place != NULL && part->place->name != NULL)
            sql_put(&x.text, " in workspace %s", part->place->name);
        sql_put(&x.text, "\n");
        sql_put_span(&x.text, part->text);
        sql_put(&x.text, "\n");
    }
    return (struct span){x.text.p, x.text.n};
}
