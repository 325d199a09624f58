/* sql_expr.c - expressions: SQL of its own where that means exactly what KQL means (sql_native.c), else one call of a
 * program, whole; the parts of conditions. */
#include "workspace/sql_inner.h"

struct sql_scope
sql_scope_of(struct sql_build *b, struct sql_step *step, struct sql_step *source,
             const struct kql_schema *schema, const char *prefix)
{
    return (struct sql_scope){
        .b = b, .step = step, .source = source, .schema = schema, .prefix = prefix};
}

bool
sql_is_text(const struct kql_expr *e)
{
    return e->type == KQL_STRING;
}

void
sql_put_null(struct sql_text *t, enum kql_type type)
{
    if (type == KQL_STRING)
        sql_put(t, "''");
    else
        sql_put(t, "NULL::%s", cell_sql_type(type));
}

void
sql_put_column(struct sql_scope *s, struct sql_text *t, uint32_t column)
{
    if (s->source != NULL)
        sql_read(s->step, s->source, column);
    if (s->stored != NULL)
        sql_put(t, "(%s)", s->stored[column].sql);
    else
        sql_put(t, "%sc%u", s->prefix, column);
}

/* ---- programs ---- */

void
sql_ask(struct sql_scope *s, const struct kql_expr *e)
{
    if (e->kind == KQL_EXPR_TO_SCALAR)
        sql_list_add(s->b->pool, &s->step->scalars, e->table);
    if (e->kind == KQL_EXPR_IN_TABLE)
        sql_list_add(s->b->pool, &s->step->sets, e->table);
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL)
            sql_ask(s, e->arguments[i]);
}

void
sql_put_call(struct sql_scope *s, struct sql_text *t, const struct program_call *call)
{
    sql_put(t, "%s(%llu", call->function, (unsigned long long)call->number);
    for (uint32_t i = 0; i < call->count; i++) {
        sql_put(t, ", ");
        sql_put_column(s, t, call->columns[i]);
    }
    sql_put(t, ")");
}

static bool
program(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    struct program_call call;
    struct err err = {""};

    e = sql_rest_expr(s->b, e);
    if (!programs_add(s->b->o->programs, e, s->schema, &call, &err))
        return sql_refuse(s->b, "%s", err.text);
    sql_ask(s, e);
    sql_put_call(s, t, &call);
    return true;
}

/* ---- other kinds of expressions ---- */

static bool
convert_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    enum kql_type from = (enum kql_type)e->arguments[0]->type, to = (enum kql_type)e->type;

    if (from == to)
        return sql_native(s, t, e->arguments[0], SQL_EXACT);
    if (!(from == KQL_INT && to == KQL_LONG) &&
        !((from == KQL_INT || from == KQL_LONG) && to == KQL_REAL))
        return false;
    sql_put(t, "CAST(");
    if (!sql_native(s, t, e->arguments[0], SQL_EXACT))
        return false;
    sql_put(t, " AS %s)", cell_sql_type(to));
    return true;
}

/* The step of a sub-query whose rows are the same whenever they are asked for; NULL: programs are given its values. */
static struct sql_step *
sub_query(struct sql_scope *s, const struct kql_expr *e)
{
    struct sql_step *step = sql_carry(s->b, e->table);

    if (step == NULL || !step->is_repeatable || e->table->schema.count == 0 ||
        e->table->schema.columns[0].type == KQL_DYNAMIC ||
        e->table->schema.columns[0].type == KQL_DECIMAL)
        return NULL;
    return step;
}

static bool
scalar_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    struct sql_step *step = sub_query(s, e);

    if (step == NULL || e->table->schema.columns[0].type != e->type)
        return false;
    sql_read(s->step, step, 0);
    sql_put(t, "%s(SELECT c0 FROM t%u", sql_is_text(e) ? "COALESCE(" : "",
            sql_use(s->b, s->step, step));
    sql_put_order(t, step, "");
    sql_put(t, " LIMIT 1)%s", sql_is_text(e) ? ", '')" : "");
    return true;
}

/* Nulls on either side are never in. */
static bool
in_table_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e,
                enum sql_mode mode)
{
    bool is_not = strcmp(e->function->name, "!in") == 0, needs_all;
    const struct kql_expr *v = e->arguments[0];
    struct sql_step *step;
    struct sql_text x;

    if (!is_not && strcmp(e->function->name, "in") != 0)
        return false;
    if (e->count != 1 || v->type == KQL_REAL || v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC)
        return false;
    step = sub_query(s, e);
    if (step == NULL || e->table->schema.columns[0].type != v->type || !sql_piece(s, v, &x))
        return false;
    needs_all = is_not || mode == SQL_EXACT;
    s->step->joins = true;
    sql_read(s->step, step, 0);
    sql_put(t, "%s%s %sIN (SELECT c0 FROM t%u WHERE c0 IS NOT NULL)", needs_all ? "COALESCE(" : "(",
            x.p, is_not ? "NOT " : "", sql_use(s->b, s->step, step));
    sql_put(t, "%s)", !needs_all ? "" : is_not ? ", true" : ", false");
    return true;
}

bool
sql_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode)
{
    bool is_done;

    if (s->depth == SQL_EXPR_DEPTH_MAX)
        return false;
    s->depth++;
    switch (e->kind) {
    case KQL_EXPR_CONST:
        is_done = !e->is_concealed;
        if (is_done)
            sql_put_span(t, cell_literal(t->pool, (enum kql_type)e->type, &e->value));
        break;
    case KQL_EXPR_COLUMN:
        is_done = true;
        sql_put_column(s, t, e->column);
        break;
    case KQL_EXPR_CALL:
        is_done = sql_call(s, t, e, mode);
        break;
    case KQL_EXPR_CONVERT:
        is_done = convert_native(s, t, e);
        break;
    case KQL_EXPR_TO_SCALAR:
        is_done = scalar_native(s, t, e);
        break;
    case KQL_EXPR_IN_TABLE:
        is_done = in_table_native(s, t, e, mode);
        break;
    default:
        is_done = false;
    }
    s->depth--;
    return is_done;
}

/* Native, or as if it had not been tried. */
static bool
try_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e, enum sql_mode mode)
{
    size_t size = t->n, inputs = s->step->input_count;
    uint32_t depth = s->step->depth;
    bool is_repeatable = s->step->is_repeatable;

    if (sql_native(s, t, e, mode))
        return true;
    t->n = size;
    s->step->input_count = inputs;
    s->step->depth = depth;
    s->step->is_repeatable = is_repeatable;
    return false;
}

bool
sql_value(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    return try_native(s, t, e, SQL_EXACT) || program(s, t, e);
}

bool
sql_has_key(const struct kql_expr *e)
{
    return e->type == KQL_DECIMAL || e->type == KQL_DYNAMIC;
}

bool
sql_key(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    struct program_call call;
    struct err err = {""};

    if (!sql_has_key(e))
        return sql_value(s, t, e);
    e = sql_rest_expr(s->b, e);
    if (!programs_add_key(s->b->o->programs, e, s->schema, &call, &err))
        return sql_refuse(s->b, "%s", err.text);
    sql_ask(s, e);
    sql_put_call(s, t, &call);
    return true;
}

bool
sql_test(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    return try_native(s, t, e, SQL_TRUTH) || program(s, t, e);
}

/* ---- conjunctions ---- */

struct conjuncts {
    const struct kql_expr **items;
    size_t count, room;
};

static void
collect(struct sql_scope *s, struct conjuncts *c, const struct kql_expr *e)
{
    if (e->kind == KQL_EXPR_CALL && e->function->kind == KQL_OPERATOR &&
        strcmp(e->function->name, "and") == 0) {
        for (uint32_t i = 0; i < e->count; i++)
            collect(s, c, e->arguments[i]);
        return;
    }
    c->items = pool_grow(s->b->pool, c->items, &c->room, c->count + 1, sizeof *c->items);
    c->items[c->count++] = e;
}

bool
sql_conjunction(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e)
{
    struct conjuncts c = {NULL, 0, 0};
    size_t left = 0;
    bool is_first = true;

    collect(s, &c, e);
    for (size_t i = 0; i < c.count; i++) {
        size_t size = t->n;

        sql_put(t, "%s", is_first ? "" : " AND ");
        if (try_native(s, t, c.items[i], SQL_TRUTH)) {
            is_first = false;
        } else {
            t->n = size;
            c.items[left++] = c.items[i];
        }
    }
    for (size_t i = 0; i < left; i++) {
        sql_put(t, "%s", is_first ? "" : " AND ");
        is_first = false;
        if (!program(s, t, c.items[i]))
            return false;
    }
    return true;
}
