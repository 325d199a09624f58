/* bind_op_summarize.c - operators that group: summarize, distinct, make-series, top-nested,
 * top-hitters. */
#include "kql/bind_op_inner.h"

/* Binds group keys and adds their columns; dynamic ones are refused unless 'takes_dynamic'. */
static void
bind_keys(struct bind *b, const struct kql_syntax *list, struct bind_columns *c, bool takes_dynamic)
{
    for (uint32_t i = 0; list != NULL && i < list->child_count; i++) {
        const struct kql_syntax *s = list->children[i];
        const struct kql_expr *e;

        if (s == NULL || s->kind == SYN_MISSING)
            continue;
        e = bind_expr(b, bind_op_value(s));
        if (!takes_dynamic)
            bind_op_not_dynamic(b, bind_op_value(s), e, "what is grouped by");
        bind_columns_add(c, s, e);
    }
}

const struct kql_op *
bind_summarize(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *list = bind_op_child(s, 0), *by = bind_op_child(s, 1);
    struct bind_columns c;
    struct bind_aggregates aggregates = {.key_count = 0};
    uint32_t key_count;
    struct kql_op *op;

    bind_columns_init(&c, b, NAMING_SUMMARIZE);
    bind_keys(b, by, &c, false);
    key_count = aggregates.key_count = (uint32_t)c.count;
    aggregates.keys = c.exprs;
    for (uint32_t i = 0; list != NULL && i < list->child_count; i++) {
        const struct kql_syntax *item = list->children[i];
        const struct kql_expr *e;

        if (item == NULL || item->kind == SYN_MISSING)
            continue;
        b->aggregates = &aggregates;
        e = bind_expr(b, bind_op_value(item));
        b->aggregates = NULL;
        bind_columns_add(&c, item, e);
        /* the list of expressions may have moved */
        aggregates.keys = c.exprs;
    }
    op = bind_op_make(b, KQL_OP_SUMMARIZE, s, input, bind_columns_schema(&c));
    op->schema.is_open = aggregates.has_star && input->schema.is_open;
    op->u.summarize.keys = c.exprs;
    op->u.summarize.key_count = key_count;
    op->u.summarize.aggregates = aggregates.items;
    op->u.summarize.aggregate_count = (uint32_t)aggregates.count;
    op->u.summarize.finals = c.exprs == NULL ? NULL : c.exprs + key_count;
    return op;
}

const struct kql_op *
bind_distinct(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct bind_columns c;
    bool has_star = false;
    struct kql_op *op;

    bind_columns_init(&c, b, NAMING_SUMMARIZE);
    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *item = s->children[i];

        if (item == NULL || item->kind == SYN_MISSING)
            continue;
        if (item->kind == SYN_STAR) {
            has_star = true;
            for (uint32_t k = 0; k < input->schema.count; k++) {
                const struct kql_expr *e = bind_column(b, &input->schema, k, item);

                if (bind_is_hidden(input->schema.columns[k].name))
                    continue;
                bind_op_not_dynamic(b, item, e, "what is distinct");
                bind_columns_put(&c, input->schema.columns[k].name, e->type, e);
            }
        } else {
            const struct kql_expr *e = bind_expr(b, bind_op_value(item));

            bind_op_not_dynamic(b, bind_op_value(item), e, "what is distinct");
            bind_columns_add(&c, item, e);
        }
    }
    op = bind_op_make(b, KQL_OP_SUMMARIZE, s, input, bind_columns_schema(&c));
    op->schema.is_open = has_star && input->schema.is_open;
    op->u.summarize.keys = c.exprs;
    op->u.summarize.key_count = op->schema.count;
    return op;
}

/* ---- make-series ---- */

/* The constant for gaps; of the series' own type where it is a number. */
static struct kql_value
series_fill(struct bind *b, const struct kql_syntax *s, enum kql_type type)
{
    struct kql_value v = kql_integer(KQL_LONG, 0);

    if (s == NULL)
        return kql_type_is_number(type) ? kql_convert(b->pool, KQL_LONG, &v, type)
                                        : kql_null(type == KQL_STRING ? KQL_DYNAMIC : type);
    if (!bind_constant(b, s, KQL_UNKNOWN, "the default", &v))
        return kql_null(type);
    if (!v.is_null && kql_type_is_number(type) && kql_type_is_number(v.type) && v.type != type)
        v = kql_convert(b->pool, v.type, &v, type == KQL_INT ? KQL_LONG : type);
    return v;
}

/* from and to: of the axis' type. */
static const struct kql_expr *
series_end(struct bind *b, const struct kql_syntax *s, enum kql_type axis)
{
    const struct kql_expr *e, *converted;

    if (s == NULL)
        return NULL;
    e = bind_expr(b, s);
    if (!bind_op_is_good(e) || axis == KQL_UNKNOWN)
        return e;
    if (!bind_is_constant(b, e))
        kql_complain(b->d, KQL_E_CONSTANT, s->at, s->size,
                     "the ends of a series must be the same for every row");
    converted = bind_convert(b, e, axis);
    if (converted != NULL)
        return converted;
    kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "a series over %s cannot end at a %s",
                 kql_type_name(axis), kql_type_name(e->type));
    return e;
}

static const struct kql_expr *
series_step(struct bind *b, const struct kql_syntax *s, enum kql_type axis)
{
    enum kql_type wanted = axis == KQL_DATETIME ? KQL_TIMESPAN : axis;
    const struct kql_expr *e = bind_expr(b, s), *converted;

    if (!bind_op_is_good(e) || axis == KQL_UNKNOWN)
        return e;
    if (!bind_is_constant(b, e))
        kql_complain(b->d, KQL_E_CONSTANT, s->at, s->size,
                     "the step of a series must be the same for every row");
    converted = e->type == wanted ? e : bind_convert(b, e, wanted);
    if (converted == NULL) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "a series over %s cannot step by a %s",
                     kql_type_name(axis), kql_type_name(e->type));
        return e;
    }
    if (converted->kind == KQL_EXPR_CONST && !converted->value.is_null &&
        (wanted == KQL_REAL ? converted->value.r <= 0
                            : wanted != KQL_DECIMAL && converted->value.i <= 0))
        kql_complain(b->d, KQL_E_VALUE, s->at, s->size, "the step must be above zero");
    return converted;
}

static bool
is_axis_type(enum kql_type t)
{
    return kql_type_is_number(t) || t == KQL_DATETIME || t == KQL_TIMESPAN;
}

const struct kql_op *
bind_make_series(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"nonempty", NULL};
    const struct kql_syntax *list = bind_op_child(s, 0), *axis = bind_op_child(s, 1);
    struct bind_aggregates aggregates = {.key_count = 0};
    struct bind_columns c;
    struct kql_series_value *values;
    struct kql_op *op;
    const struct kql_expr *over;
    uint32_t key_count, count = 0, *map;
    size_t room = 0;

    bind_columns_init(&c, b, NAMING_SUMMARIZE);
    bind_keys(b, bind_op_child(s, 5), &c, true); /* as the service's binder, unlike summarize */
    key_count = (uint32_t)c.count;
    values = NULL;
    for (uint32_t i = 0; list != NULL && i < list->child_count; i++) {
        const struct kql_syntax *item = list->children[i], *fill = NULL;
        struct bind_value v;

        if (item != NULL && item->kind == SYN_DEFAULT) {
            fill = bind_op_child(item, 1);
            item = bind_op_child(item, 0);
        }
        if (item == NULL || item->kind == SYN_MISSING)
            continue;
        bind_op_value_of(b, item, &aggregates, &v);
        for (uint32_t k = 0; k < v.count; k++) {
            const struct kql_expr *final = v.finals[k];
            /* the column is an array of such values */
            struct kql_expr *dynamic = pool_take(b->pool, sizeof *dynamic);

            values = pool_grow(b->pool, values, &room, count + 1, sizeof *values);
            values[count++] = (struct kql_series_value){final, series_fill(b, fill, final->type)};
            *dynamic = *final;
            dynamic->type = final->type == KQL_UNKNOWN ? KQL_UNKNOWN : KQL_DYNAMIC;
            dynamic->result_count = 1;
            if (v.count == 1 || (k == 0 && item->kind == SYN_NAMED))
                bind_columns_add(&c, item, dynamic);
            else
                bind_columns_put(&c, v.names[k], dynamic->type, dynamic);
        }
    }
    over = bind_expr(b, bind_op_value(axis));
    if (bind_op_is_good(over) && !is_axis_type(over->type)) {
        kql_complain(b->d, KQL_E_TYPE, axis->at, axis->size,
                     "a series goes along numbers, datetimes or timespans, not a %s",
                     kql_type_name(over->type));
        over = bind_unknown(b, axis);
    }
    {
        struct kql_expr *dynamic = pool_take(b->pool, sizeof *dynamic);

        *dynamic = *over;
        dynamic->type = KQL_DYNAMIC;
        bind_columns_add(&c, axis, dynamic);
    }
    op = bind_op_make(b, KQL_OP_SERIES, s, input, bind_columns_schema(&c));
    op->u.series.aggregates = aggregates.items;
    op->u.series.aggregate_count = (uint32_t)aggregates.count;
    op->u.series.values = values;
    op->u.series.value_count = count;
    op->u.series.axis = over;
    op->u.series.from = series_end(b, bind_op_child(s, 2), over->type);
    op->u.series.to = series_end(b, bind_op_child(s, 3), over->type);
    op->u.series.step = series_step(b, bind_op_child(s, 4), over->type);
    op->u.series.to_is_inclusive = (s->op & 1) != 0;
    op->u.series.is_nonempty = bind_option_choice(b, s, "kind", kinds, -1) == 0;
    op->u.series.keys = c.exprs;
    op->u.series.key_count = key_count;
    map = pool_take(b->pool, (c.count + 1) * sizeof *map);
    for (uint32_t i = 0; i < c.count; i++)
        map[i] = i;
    op->u.series.map = map;
    return op;
}

/* ---- top-nested ---- */

static const struct kql_expr *
nested_others(struct bind *b, const struct kql_syntax *s, enum kql_type type)
{
    const struct kql_expr *e, *converted;

    if (s == NULL)
        return NULL;
    e = bind_expr(b, s);
    if (!bind_op_is_good(e) || type == KQL_UNKNOWN)
        return e;
    converted = bind_convert(b, e, type);
    if (converted == NULL)
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                     "the name of the others is a %s, what it stands for a %s",
                     kql_type_name(e->type), kql_type_name(type));
    return converted == NULL ? e : converted;
}

static void
bind_level(struct bind *b, const struct kql_syntax *s, struct bind_list *l,
           struct bind_names *names, struct kql_level *level)
{
    const struct kql_syntax *count = bind_op_child(s, 0), *of = bind_op_child(s, 1),
                            *by = bind_op_child(s, 3);
    const struct kql_syntax *ordered = by != NULL && by->kind == SYN_ORDERED ? by : NULL;
    const struct kql_syntax *aggregate = ordered != NULL ? bind_op_child(ordered, 0) : by;
    struct span of_name, by_name = {NULL, 0};
    struct bind_aggregates aggregates = {.key_count = 0};
    struct bind_value v;

    if (aggregate != NULL && aggregate->kind == SYN_NAMED) {
        const struct kql_syntax *inner = bind_op_value(aggregate);

        by_name = aggregate->name;
        if (inner != NULL && inner->kind == SYN_ORDERED)
            ordered = inner, aggregate = bind_op_child(inner, 0);
    }
    *level =
        (struct kql_level){.is_ascending = ordered != NULL && (ordered->op & KQL_ORDER_ASC) != 0};
    level->count = count == NULL ? NULL : bind_op_count(b, count, "the first of top-nested");
    level->expr = bind_expr(b, bind_op_value(of));
    level->others = nested_others(b, bind_op_child(s, 2), level->expr->type);
    of_name = of != NULL && of->kind == SYN_NAMED ? of->name
                                                  : bind_name_of(b, bind_op_value(of), level->expr);
    if (of_name.n == 0)
        of_name = SPAN_LITERAL("Column1");
    of_name = bind_names_unique(names, of_name, 0);
    level->value_column = bind_list_add(l, of_name, level->expr->type, level->expr, 0);
    if (aggregate == NULL)
        return;
    bind_op_value_of(b, aggregate, &aggregates, &v);
    level->aggregates = aggregates.items;
    level->aggregate_count = (uint32_t)aggregates.count;
    level->final = v.finals[0];
    if (by_name.p == NULL)
        by_name = pool_printf(b->pool, "aggregated_%.*s", (int)of_name.n, of_name.p);
    by_name = bind_names_unique(names, by_name, 0);
    level->aggregate_column = bind_list_add(l, by_name, v.finals[0]->type, v.finals[0], 0);
}

const struct kql_op *
bind_top_nested(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_level *levels = pool_zeroed(b->pool, s->child_count + 1, sizeof *levels);
    struct bind_list l = {.pool = b->pool};
    struct bind_names names;
    uint32_t count = 0, with_others = 0;
    struct kql_op *op;

    bind_names_init(&names, b->pool);
    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *level = s->children[i];

        if (level == NULL || level->kind != SYN_LEVEL)
            continue;
        bind_level(b, level, &l, &names, &levels[count]);
        with_others += levels[count++].others != NULL;
    }
    (void)with_others;
    op = bind_op_make(b, KQL_OP_TOP_NESTED, s, input, bind_list_schema(&l, false));
    op->u.nested.levels = levels;
    op->u.nested.count = count;
    return op;
}

/* ---- top-hitters ---- */

const struct kql_op *
bind_top_hitters(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *of = bind_op_child(s, 1), *by = bind_op_child(s, 2);
    struct bind_list l = {.pool = b->pool};
    const struct kql_expr *count, *expr, *weight = NULL;
    struct span name;
    struct kql_op *op;

    count = bind_op_count(b, bind_op_child(s, 0), "the first of top-hitters");
    expr = bind_expr(b, of);
    if (bind_op_is_good(expr) && expr->kind != KQL_EXPR_COLUMN)
        kql_complain(b->d, KQL_E_COLUMN, of->at, of->size, "top-hitters is of a column");
    bind_op_not_dynamic(b, of, expr, "what top-hitters groups by");
    name = bind_name_of(b, of, expr);
    bind_list_add(&l, name.n > 0 ? name : SPAN_LITERAL("Column1"), expr->type, expr, 0);
    if (by != NULL) {
        enum kql_type type;

        weight = bind_expr(b, by);
        type = weight->type;
        if (bind_op_is_good(weight) && !kql_type_is_number(type))
            kql_complain(b->d, KQL_E_TYPE, by->at, by->size,
                         "top-hitters weighs by a number, not a %s", kql_type_name(type));
        name = bind_name_of(b, by, weight);
        bind_list_add(&l, pool_printf(b->pool, "approximate_sum_%.*s", (int)name.n, name.p), type,
                      weight, 0);
    } else {
        bind_list_add(&l, pool_printf(b->pool, "approximate_count_%.*s", (int)name.n, name.p),
                      KQL_LONG, NULL, 0);
    }
    bind_names_number(b->pool, l.columns, (uint32_t)l.count);
    op = bind_op_make(b, KQL_OP_TOP_HITTERS, s, input, bind_list_schema(&l, false));
    op->u.hitters.count = count;
    op->u.hitters.expr = expr;
    op->u.hitters.weight = weight;
    return op;
}
