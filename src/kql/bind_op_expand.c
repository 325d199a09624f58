/* bind_op_expand.c - mv-expand and mv-apply: a row for each element of arrays and bags. */
#include "kql/bind_op_inner.h"

/* The input's columns with the expanded ones in place or behind, and the index. */
struct expansion {
    struct bind_list list;
    struct kql_expand *columns;
    size_t count, room;
    uint32_t index_column;
    uint8_t *expanded; /* a byte per input column: replaced */
};

static struct span
expansion_name(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e)
{
    struct span name;

    if (s->kind == SYN_NAMED)
        return s->name;
    name = bind_name_of(b, s, e);
    return name.n > 0 ? name : pool_printf(b->pool, "Column%u", (unsigned)++b->unnamed);
}

static void
expand_one(struct bind *b, struct expansion *x, const struct kql_syntax *s, struct bind_names *seen)
{
    const struct kql_syntax *item = s->kind == SYN_EXPAND ? bind_op_child(s, 0) : s;
    const struct kql_syntax *to = s->kind == SYN_EXPAND ? bind_op_child(s, 1) : NULL;
    const struct kql_syntax *value = bind_op_value(item);
    enum kql_type type =
        to != NULL && to->value.type != KQL_UNKNOWN ? (enum kql_type)to->value.type : KQL_DYNAMIC;
    struct kql_schema so_far;
    const struct kql_expr *e;
    struct span name;
    uint32_t column;

    if (item == NULL || item->kind == SYN_MISSING)
        return;
    e = bind_expr(b, value);
    if (bind_op_is_good(e) && e->type != KQL_DYNAMIC)
        kql_complain(b->d, KQL_E_TYPE, value->at, value->size,
                     "only a dynamic can be expanded, this is a %s", kql_type_name(e->type));
    name = expansion_name(b, item, e);
    if (!bind_names_add(seen, name, 0)) {
        kql_complain(b->d, KQL_E_NAME, item->at, item->size, "column '%.*s' is expanded twice",
                     (int)name.n, name.p);
        return;
    }
    so_far = bind_list_schema(&x->list, false);
    column = bind_find_column(&so_far, name);
    if (column != BIND_NO_COLUMN) {
        x->list.columns[column].type = (uint8_t)type;
        x->list.map[column] = BIND_NO_COLUMN;
        x->expanded[column] = 1;
    } else {
        column = bind_list_add(&x->list, name, type, NULL, BIND_NO_COLUMN);
    }
    x->columns = pool_grow(b->pool, x->columns, &x->room, x->count + 1, sizeof *x->columns);
    x->columns[x->count++] = (struct kql_expand){e, column, (uint8_t)type};
}

static uint64_t
row_limit(struct bind *b, const struct kql_syntax *s)
{
    struct kql_value v;

    if (s == NULL || s->kind == SYN_MISSING ||
        !bind_constant(b, s, KQL_LONG, "the limit of rows", &v) || v.is_null)
        return UINT64_MAX;
    if (v.i < 0) {
        kql_complain(b->d, KQL_E_VALUE, s->at, s->size, "a limit of rows cannot be below zero");
        return 0;
    }
    return (uint64_t)v.i;
}

static void
expand_all(struct bind *b, const struct kql_syntax *s, const struct kql_syntax *items,
           const struct kql_op *input, struct expansion *x)
{
    const struct kql_option *index = bind_option(s, "with_itemindex");
    struct bind_names seen;

    *x = (struct expansion){.list = {.pool = b->pool}, .index_column = BIND_NO_COLUMN};
    x->expanded = pool_zeroed(b->pool, input->schema.count + items->child_count + 1, 1);
    bind_list_all(&x->list, &input->schema);
    bind_names_init(&seen, b->pool);
    for (uint32_t i = 0; i < items->child_count; i++)
        if (items->children[i] != NULL)
            expand_one(b, x, items->children[i], &seen);
    if (bind_option_word(index).n > 0) {
        x->index_column =
            bind_list_add(&x->list, bind_option_word(index), KQL_LONG, NULL, BIND_NO_COLUMN);
        bind_names_number(b->pool, x->list.columns, (uint32_t)x->list.count);
    }
}

static bool
bag_as_array(struct bind *b, const struct kql_syntax *s)
{
    static const char *const kinds[] = {"bag", "array", NULL};

    return bind_option_choice(b, s, "kind", kinds, 0) == 1 ||
           bind_option_choice(b, s, "bagexpansion", kinds, 0) == 1;
}

static void
fill(struct bind *b, struct kql_op *op, const struct kql_syntax *s, const struct expansion *x,
     const struct kql_syntax *limit)
{
    const struct kql_option *option = bind_option(s, "limit");

    op->u.expand.columns = x->columns;
    op->u.expand.count = (uint32_t)x->count;
    op->u.expand.bag_as_array = bag_as_array(b, s);
    op->u.expand.index_column = x->index_column;
    op->u.expand.limit = row_limit(b, limit != NULL || option == NULL ? limit : option->value);
    op->u.expand.expanded = bind_list_schema(&x->list, op->schema.is_open);
}

const struct kql_op *
bind_mv_expand(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct expansion x;
    struct kql_op *op;

    expand_all(b, s, s, input, &x);
    op = bind_op_make(b, KQL_OP_MV_EXPAND, s, input,
                      bind_list_schema(&x.list, input->schema.is_open));
    op->u.expand.map = x.list.map;
    fill(b, op, s, &x, NULL);
    return op;
}

/* The result: the input's columns in their places, but those expanded in place; then the columns
 * that the sub-query adds. A column that the sub-query gives too (it passes them all, or makes it
 * anew) is the sub-query's. */
const struct kql_op *
bind_mv_apply(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *items = bind_op_child(s, 0), *query = bind_op_child(s, 2);
    struct bind_list l = {.pool = b->pool};
    const struct kql_op *sub;
    struct bind_names given;
    struct expansion x;
    struct kql_op *op;

    if (items == NULL || query == NULL)
        return bind_op_nothing(b, s);
    expand_all(b, s, items, input, &x);
    /* The subquery's rows come in the order of the array: that is meant, as after serialize. */
    sub = bind_op_sub(b, query, bind_list_schema(&x.list, input->schema.is_open), true);
    bind_names_init(&given, b->pool);
    for (uint32_t i = 0; i < sub->schema.count; i++)
        bind_names_add(&given, sub->schema.columns[i].name, i);
    for (uint32_t i = 0; i < input->schema.count; i++) {
        const struct kql_column *c = &input->schema.columns[i];
        struct bind_names_item *item = bind_names_find(&given, c->name);

        if (x.expanded[i])
            continue;
        if (item == NULL) {
            bind_list_add(&l, c->name, c->type, NULL, i);
            continue;
        }
        c = &sub->schema.columns[item->value];
        bind_list_add(&l, c->name, c->type, NULL, BIND_NO_COLUMN);
        item->suffix = 1; /* has its place */
    }
    for (uint32_t i = 0; i < sub->schema.count; i++) {
        const struct kql_column *c = &sub->schema.columns[i];

        if (bind_names_find(&given, c->name)->suffix != 0)
            continue;
        bind_list_add(&l, c->name, c->type, NULL, BIND_NO_COLUMN);
    }
    op = bind_op_make(b, KQL_OP_MV_APPLY, s, input,
                      bind_list_schema(&l, input->schema.is_open || sub->schema.is_open));
    op->u.expand.map = l.map;
    op->u.expand.sub = sub;
    bind_op_weigh(b, op, s, sub);
    fill(b, op, s, &x, bind_op_child(s, 1));
    op->u.expand.expanded = bind_list_schema(&x.list, input->schema.is_open);
    return op;
}
