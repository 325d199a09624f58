/* bind_aggregate.c - calls of aggregates within summarize and its kin. The call goes to the operator's
 * list; what stands in its place is the column of its result. Some have several results, each with
 * a name: arg_max(v, *), take_any(a, b), percentiles(x, 5, 95). */
#include "kql/bind_inner.h"

/* ---- aggregates ---- */

static uint32_t
add_aggregate(struct bind *b, const struct kql_expr *call)
{
    struct bind_aggregates *a = b->aggregates;
    uint32_t at = a->key_count + a->result_count;

    a->items = pool_grow(b->pool, a->items, &a->room, a->count + 1, sizeof *a->items);
    a->items[a->count++] = call;
    a->result_count += call->result_count;
    return at;
}

static struct kql_expr *
aggregate_result(struct bind *b, const struct kql_expr *call, uint32_t column, enum kql_type type)
{
    struct kql_expr *e = pool_zeroed(b->pool, 1, sizeof *e);

    *e = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                           .type = (uint8_t)type,
                           .at = call->at,
                           .size = call->size,
                           .column = column,
                           .function = call->function,
                           .result_count = 1};
    return e;
}

struct results { /* of arg_max and its kin, while they are collected */
    struct bind *b;
    const struct kql_syntax *call;
    const struct kql_expr **arguments;
    struct span *names;
    size_t count, argument_room, name_room;
};

static void
add_result(struct results *r, const struct kql_expr *e, struct span name)
{
    r->arguments =
        pool_grow(r->b->pool, r->arguments, &r->argument_room, r->count + 1, sizeof *r->arguments);
    r->names = pool_grow(r->b->pool, r->names, &r->name_room, r->count + 1, sizeof *r->names);
    r->arguments[r->count] = e;
    r->names[r->count++] = name;
}

static bool
is_among(const struct kql_expr *const *exprs, size_t count, uint32_t column)
{
    for (size_t i = 0; i < count; i++)
        if (exprs[i]->kind == KQL_EXPR_COLUMN && exprs[i]->column == column)
            return true;
    return false;
}

/* '*': every column that is no group key and not among the results yet. */
static void
add_star(struct results *r, struct span prefix)
{
    struct bind *b = r->b;
    const struct bind_aggregates *a = b->aggregates;

    for (uint32_t i = 0; b->input != NULL && i < b->input->schema.count; i++) {
        struct span name = b->input->schema.columns[i].name;

        if (bind_is_hidden(name) || is_among(r->arguments, r->count, i) ||
            (a->keys != NULL && is_among(a->keys, a->key_count, i)))
            continue;
        if (prefix.n > 0)
            name = pool_printf(b->pool, "%.*s_%.*s", (int)prefix.n, prefix.p, (int)name.n, name.p);
        add_result(r, bind_column(b, &b->input->schema, i, NULL), name);
    }
}

static const char *const arg_names[] = {"arg_max", "arg_min", NULL};
static const char *const old_arg_names[] = {"argmax", "argmin", NULL};
static const char *const any_names[] = {"take_any", "any", "anyif", "take_anyif", NULL};
static const char *const percentile_names[] = {"percentile", "percentiles", "percentilew",
                                               "percentilesw", NULL};

/* How the i-th result of arg_max(v, ...), take_any(...) is called. */
static struct span
result_name(struct results *r, uint32_t i, const struct kql_syntax *argument,
            const struct kql_function *f)
{
    struct bind *b = r->b;
    struct span name = bind_name_of(b, argument, NULL);
    bool is_arg = bind_is_among(span_of(f->name), arg_names);
    const char *prefix = strstr(f->name, "min") != NULL ? "min" : "max";

    if (bind_is_among(span_of(f->name), old_arg_names)) { /* max_v, max_v_w */
        struct span first = bind_name_of(b, r->call->children[0], NULL);

        if (i == 0)
            return pool_printf(b->pool, "%s_%.*s", prefix, (int)name.n, name.p);
        if (name.n == 0)
            name = pool_printf(b->pool, "arg%u", (unsigned)i);
        return pool_printf(b->pool, "%s_%.*s_%.*s", prefix, (int)first.n, first.p, (int)name.n,
                           name.p);
    }
    if (!is_arg && span_is(span_of(f->name), "any"))
        return pool_printf(b->pool, "any_%.*s", (int)name.n, name.p);
    if (!is_arg)
        return name.n > 0 ? name : pool_printf(b->pool, "any_arg%u", (unsigned)i);
    if (name.n > 0)
        return name;
    if (i == 0)
        return pool_printf(b->pool, "%s_", prefix);
    name = bind_name_of(b, r->call->children[0], NULL);
    return pool_printf(b->pool, "%s_%.*s_arg%u", prefix, (int)name.n, name.p, (unsigned)i);
}

/* arg_max(v, a, *), take_any(a, b): as many results as arguments. */
static const struct kql_expr *
bind_several(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct bind_aggregates *aggregates = b->aggregates;
    struct results r = {.b = b, .call = s};
    const struct kql_expr **results;
    struct kql_expr *call;
    uint32_t column;

    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *argument = s->children[i];
        const struct kql_expr *e;

        if (argument->kind == SYN_STAR) {
            struct span prefix = {"", 0};

            if (bind_is_among(s->name, old_arg_names) && i > 0)
                prefix = pool_printf(b->pool, "%s_%.*s", span_is(s->name, "argmin") ? "min" : "max",
                                     (int)s->children[0]->name.n, s->children[0]->name.p);
            add_star(&r, prefix);
            aggregates->has_star = true;
            continue;
        }
        b->aggregates = NULL;
        e = bind_expr(b, argument);
        b->aggregates = aggregates;
        if (i == 0 && (e->type == KQL_DYNAMIC || e->type == KQL_GUID) &&
            !bind_is_among(s->name, any_names))
            kql_complain(b->d, KQL_E_TYPE, argument->at, argument->size,
                         "%s() of a %s, which has no order; convert it: tolong(), tostring() ...",
                         f->name, kql_type_name(e->type));
        add_result(&r, e, result_name(&r, i, argument, f));
    }
    if (r.count == 0) {
        bind_call_count(b, f, 0, s);
        return bind_unknown(b, s);
    }
    if (r.count > UINT16_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size, "%s() has more than %d results", f->name,
                     UINT16_MAX);
        return bind_unknown(b, s);
    }
    call = (struct kql_expr *)bind_call_make(b, f, r.arguments, (uint32_t)r.count,
                                             r.arguments[0]->type, s);
    call->result_count = (uint16_t)r.count;
    column = add_aggregate(b, call);
    results = pool_take(b->pool, r.count * sizeof *results);
    for (uint32_t i = 0; i < r.count; i++)
        results[i] = aggregate_result(b, call, column + i, r.arguments[i]->type);
    bind_add_tuple(b, results, r.names, (uint32_t)r.count);
    return results[0];
}

/* percentile_x_99_9: the number with its point made fit for a name. */
static struct span
percentile_name(struct bind *b, const struct kql_syntax *s, const struct kql_value *percentile)
{
    struct span column = bind_name_of(b, s->children[0], NULL), name;
    char number[40];
    size_t size;
    double value = percentile->type == KQL_REAL ? percentile->r : (double)percentile->i;

    if (percentile->type == KQL_REAL &&
        !(value >= 0 && value <= 100 && value == (double)(int64_t)value))
        size = kql_print_real(value, number);
    else
        size = (size_t)snprintf(number, sizeof number, "%lld", (long long)value);
    for (size_t i = 0; i < size; i++)
        if (number[i] == '.')
            number[i] = '_';
    name = pool_printf(b->pool, "percentile_%.*s%s%.*s", (int)column.n, column.p, "_", (int)size,
                       number);
    return name;
}

/* percentiles(x, 5, 50, 95): a result per percentile. */
static const struct kql_expr *
bind_percentiles(struct bind *b, const struct kql_function *f, const struct kql_syntax *s,
                 const struct kql_expr *bound)
{
    /* percentilew and percentilesw have the weight in between */
    uint32_t first = s->name.p[s->name.n - 1] == 'w' ? 2 : 1;
    uint32_t count = bound->count > first ? bound->count - first : 0, column;
    struct kql_expr *call = pool_take(b->pool, sizeof *call);
    const struct kql_expr **results;
    struct span *names;

    *call = *bound;
    if (count == 0 || count > UINT16_MAX || bound->kind != KQL_EXPR_CALL)
        return bind_unknown(b, s);
    call->result_count = (uint16_t)count;
    column = add_aggregate(b, call);
    results = pool_take(b->pool, count * sizeof *results);
    names = pool_take(b->pool, count * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_expr *p = bound->arguments[first + i];

        results[i] = aggregate_result(b, call, column + i, call->type);
        names[i] = p->kind == KQL_EXPR_CONST && !p->value.is_null &&
                           (p->value.type == KQL_REAL || p->value.type == KQL_LONG)
                       ? percentile_name(b, s, &p->value)
                       : SPAN_LITERAL("percentile_");
    }
    (void)f;
    bind_add_tuple(b, results, names, count);
    return results[0];
}

const struct kql_expr *
bind_aggregate_call(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct bind_aggregates *aggregates = b->aggregates;
    const struct kql_expr *call;
    struct bind_arguments a;

    if ((f->flags & KQL_F_NOT_BUILT) != 0 && !bind_not_built(b, s, f->name, "()"))
        return bind_unknown(b, s);
    if (bind_is_among(s->name, arg_names) || bind_is_among(s->name, old_arg_names) ||
        span_is(s->name, "take_any") || span_is(s->name, "any"))
        return bind_several(b, f, s);
    b->aggregates = NULL; /* the arguments are per row */
    a = bind_arguments_of(b, s);
    b->aggregates = aggregates;
    if (s->name.n >= 10 && memcmp(s->name.p, "percentile", 10) == 0 && a.count > 0) {
        if (a.items[0]->type == KQL_INT)
            a.items[0] = bind_call_as(b, a.items[0], KQL_LONG);
        else if (a.items[0]->type == KQL_DECIMAL)
            a.items[0] = bind_call_as(b, a.items[0], KQL_REAL);
    }
    call = bind_call(b, f, a.items, a.count, s);
    if (call->kind != KQL_EXPR_CALL)
        return call;
    if (bind_is_among(s->name, percentile_names))
        return bind_percentiles(b, f, s, call);
    return aggregate_result(b, call, add_aggregate(b, call), call->type);
}
