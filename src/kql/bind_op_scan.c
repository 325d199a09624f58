/* bind_op_scan.c - scan: steps that rows run through, with state. */
#include "kql/bind_op_inner.h"

/* declare (a: long = 0, ...): columns behind the input's, with their defaults. */
static struct kql_value *
bind_declarations(struct bind *b, const struct kql_syntax *s, struct bind_list *row)
{
    uint32_t count = s == NULL ? 0 : s->child_count;
    struct kql_value *defaults = pool_take(b->pool, (count + 1) * sizeof *defaults);
    struct kql_schema so_far = bind_list_schema(row, false);
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct kql_syntax *p = s->children[i], *type = bind_op_child(p, 0),
                                *value = bind_op_child(p, 1);
        enum kql_type t =
            type != NULL && type->kind == SYN_TYPE ? (enum kql_type)type->value.type : KQL_STRING;

        if (p == NULL || p->kind == SYN_MISSING)
            continue;
        defaults[made] = kql_null(t);
        if (value != NULL)
            (void)bind_constant(b, value, t, "the default", &defaults[made]);
        if (bind_find_column(&so_far, p->name) != BIND_NO_COLUMN) {
            kql_complain(b->d, KQL_E_NAME, p->name_at, p->name_size,
                         "there is a column '%.*s' already", (int)p->name.n, p->name.p);
            continue;
        }
        bind_list_add(row, p->name, t, NULL, BIND_NO_COLUMN);
        so_far = bind_list_schema(row, false);
        made++;
    }
    return defaults;
}

static void
bind_assignments(struct bind *b, const struct kql_syntax *list, const struct kql_schema *row,
                 uint32_t input_count, struct kql_scan_step *step)
{
    uint32_t room = list == NULL ? 0 : list->child_count, count = 0;
    uint32_t *assigned = pool_take(b->pool, (room + 1) * sizeof *assigned);
    const struct kql_expr **values =
        pool_take(b->pool, (room + 1) * sizeof(const struct kql_expr *));

    for (uint32_t i = 0; i < room; i++) {
        const struct kql_syntax *a = list->children[i];
        const struct kql_expr *e, *converted;
        uint32_t column;
        enum kql_type type;

        if (a == NULL || a->kind != SYN_NAMED)
            continue;
        column = bind_find_column(row, a->name);
        if (column == BIND_NO_COLUMN || column < input_count) {
            kql_complain(b->d, KQL_E_COLUMN, a->name_at, a->name_size,
                         "'%.*s' is not among the declared columns of scan", (int)a->name.n,
                         a->name.p);
            continue;
        }
        type = row->columns[column].type;
        e = bind_expr(b, bind_op_value(a));
        converted = !bind_op_is_good(e) || e->type == type ? e : bind_convert(b, e, type);
        if (converted == NULL && kql_type_is_number(type) && kql_type_is_number(e->type)) {
            /* a column is assigned as by toX(): long to int, real to long */
            const struct kql_function *f =
                kql_function_find(pool_printf(b->pool, "to%s", kql_type_name(type)), KQL_SCALAR);

            converted = f == NULL ? NULL : bind_call(b, f, &e, 1, a);
        }
        if (converted == NULL)
            kql_complain(b->d, KQL_E_TYPE, a->at, a->size, "'%.*s' is a %s, the value a %s",
                         (int)a->name.n, a->name.p, kql_type_name(type), kql_type_name(e->type));
        assigned[count] = column;
        values[count++] = converted == NULL ? e : converted;
    }
    step->assigned = assigned;
    step->values = values;
    step->assigned_count = count;
}

static void
bind_step(struct bind *b, const struct kql_syntax *s, const struct kql_schema *row,
          uint32_t input_count, struct kql_scan_step *step)
{
    const struct kql_syntax *condition = bind_op_child(s, 0);

    *step = (struct kql_scan_step){.name = s->name, .is_optional = (s->op & 1) != 0};
    step->output = (s->op & 2) != 0   ? KQL_OUTPUT_LAST
                   : (s->op & 4) != 0 ? KQL_OUTPUT_NONE
                                      : KQL_OUTPUT_ALL;
    step->condition = bind_expr(b, condition);
    if (bind_op_is_good(step->condition) && step->condition->type != KQL_BOOL)
        kql_complain(b->d, KQL_E_TYPE, condition->at, condition->size,
                     "the condition of a step is a %s, not a bool",
                     kql_type_name(step->condition->type));
    bind_assignments(b, bind_op_child(s, 1), row, input_count, step);
}

static void
bind_scan_order(struct bind *b, const struct kql_syntax *order, const struct kql_syntax *partition,
                struct kql_op *op)
{
    uint32_t order_room = order == NULL ? 0 : order->child_count;
    uint32_t room = partition == NULL ? 0 : partition->child_count;
    struct kql_sort_key *keys = pool_take(b->pool, (order_room + 1) * sizeof *keys);
    const struct kql_expr **exprs =
        pool_take(b->pool, (room + 1) * sizeof(const struct kql_expr *));

    for (uint32_t i = 0; i < order_room; i++) {
        const struct kql_syntax *s = order->children[i];
        const struct kql_syntax *value = s->kind == SYN_ORDERED ? bind_op_child(s, 0) : s;
        uint32_t bits = s->kind == SYN_ORDERED ? s->op : 0;

        keys[i] = (struct kql_sort_key){.expr = bind_expr(b, value),
                                        .is_descending = (bits & KQL_ORDER_ASC) == 0};
        keys[i].nulls_first = (bits & KQL_ORDER_NULLS_FIRST) != 0 ||
                              ((bits & KQL_ORDER_NULLS_LAST) == 0 && !keys[i].is_descending);
        bind_op_not_dynamic(b, value, keys[i].expr, "what is sorted by");
    }
    for (uint32_t i = 0; i < room; i++) {
        exprs[i] = bind_expr(b, partition->children[i]);
        bind_op_not_dynamic(b, partition->children[i], exprs[i], "what is partitioned by");
    }
    op->u.scan.order = keys;
    op->u.scan.order_count = order_room;
    op->u.scan.partition = exprs;
    op->u.scan.partition_count = room;
}

const struct kql_op *
bind_scan(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct span match_id = bind_option_word(bind_option(s, "with_match_id"));
    struct bind_list row = {.pool = b->pool};
    struct kql_scan_step *steps = pool_take(b->pool, (s->child_count + 1) * sizeof *steps);
    uint32_t first = s->child_count < 3 ? s->child_count : 3, count = 0, input_count;
    struct kql_op *rows = bind_op_make(b, KQL_ROWS_INPUT, s, NULL, input->schema);
    struct bind_names names;
    struct bind_scan scan;
    struct kql_value *defaults;
    struct kql_op *op;

    input_count = input->schema.count;
    bind_list_all(&row, &input->schema);
    defaults = bind_declarations(b, bind_op_child(s, 0), &row);
    op = bind_op_make(b, KQL_OP_SCAN, s, input, bind_list_schema(&row, input->schema.is_open));
    op->u.scan.declared = defaults;
    op->u.scan.declared_count = (uint32_t)row.count - input_count;
    op->u.scan.has_match_id = match_id.n > 0;
    bind_scan_order(b, bind_op_child(s, 1), bind_op_child(s, 2), op);

    /* Steps see the declared columns as a row of their own. */
    rows->schema = bind_list_schema(&row, input->schema.is_open);
    b->input = rows;
    scan = (struct bind_scan){.steps = first < s->child_count ? s->children + first : NULL,
                              .step_count = s->child_count - first,
                              .row = &rows->schema};
    b->scan = &scan;
    bind_names_init(&names, b->pool);
    for (uint32_t i = first; i < s->child_count; i++) {
        const struct kql_syntax *step = s->children[i];

        if (step == NULL || step->kind != SYN_STEP)
            continue;
        if (!bind_names_add(&names, step->name, i))
            kql_complain(b->d, KQL_E_NAME, step->name_at, step->name_size,
                         "there is a step '%.*s' already", (int)step->name.n, step->name.p);
        bind_step(b, step, &rows->schema, input_count, &steps[count++]);
    }
    b->scan = NULL;
    b->input = input;
    if (count == 0 && b->d->error_count == 0)
        kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size, "scan wants a step");
    op->u.scan.steps = steps;
    op->u.scan.step_count = count;
    if (match_id.n > 0) {
        bind_list_add(&row, match_id, KQL_LONG, NULL, BIND_NO_COLUMN);
        bind_names_number(b->pool, row.columns, (uint32_t)row.count);
        op->schema = bind_list_schema(&row, input->schema.is_open);
    }
    return op;
}
