/* rows_expand.c - mv-expand and mv-apply: arrays and bags to rows; what one value gives stands in expand.h. */
#include "kql/expand.h"
#include "kql/rows_inner.h"

struct expander {
    struct rows_eval eval;
    struct kql_value *values; /* of the row that is held */
    uint64_t length, at;      /* rows that it gives, and gave */
};

/* The cursor whose rows it is given. below: which of the input's columns are wanted besides; NULL: all. */
static struct rows_cursor *
expander_open(struct expander *x, struct rows_run *run, const struct kql_op *op, uint8_t *below)
{
    const struct kql_expr **own = pool_take(run->keep, (op->u.expand.count + 1) * sizeof *own);
    const struct kql_expr *const *exprs = own;
    struct rows_cursor *input = NULL;

    for (uint32_t i = 0; i < op->u.expand.count; i++)
        own[i] = op->u.expand.columns[i].expr;
    if (rows_has_windows(exprs, op->u.expand.count))
        input =
            rows_windows(run, op, 1, rows_open(run, op->input, NULL), &exprs, op->u.expand.count);
    rows_eval_init(&x->eval, run, op, 0, exprs, op->u.expand.count);
    x->values = rows_cells_new(run->keep, op->u.expand.count);
    if (input == NULL && below != NULL)
        rows_want_eval(below, &x->eval);
    return input != NULL ? input : rows_open(run, op->input, below);
}

static void
expander_row(struct expander *x, const struct kql_op *op, struct kql_value *row)
{
    x->at = x->length = 0;
    rows_eval_row(&x->eval, row);
    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        uint64_t length;

        rows_eval_cell(&x->eval, i, &x->values[i]);
        length = kql_expand_count(&x->values[i]);
        if (length > x->length)
            x->length = length;
    }
    if (x->length > op->u.expand.limit)
        x->length = op->u.expand.limit;
}

/* The expanded cells of the next row, and its index. */
static void
expander_put(struct expander *x, const struct kql_op *op, struct pool *p, struct kql_value *row)
{
    for (uint32_t i = 0; i < op->u.expand.count; i++) {
        const struct kql_expand *column = &op->u.expand.columns[i];

        row[column->column] =
            kql_expand_item(p, column, &x->values[i], x->at, op->u.expand.bag_as_array);
    }
    if (op->u.expand.index_column != UINT32_MAX)
        row[op->u.expand.index_column] = kql_integer(KQL_LONG, (int64_t)x->at);
    x->at++;
}

/* ---- mv-expand ---- */

struct expand_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct expander expander;
    struct kql_value *in;
    struct pool_mark mark; /* of the input's scratch, before the row that is held */
    bool holds;
};

/* Goes on to the next row of the input. */
static bool
hold_next(struct rows_cursor *input, struct kql_value *in, struct pool_mark *mark, bool *holds)
{
    if (*holds)
        pool_return(input->run->scratch, *mark);
    *mark = pool_mark(input->run->scratch);
    *holds = rows_next(input, in);
    return *holds;
}

static bool
expand_next(struct rows_cursor *c, struct kql_value *row)
{
    struct expand_cursor *x = (struct expand_cursor *)c;

    while (x->expander.at == x->expander.length) {
        if (!hold_next(x->input, x->in, &x->mark, &x->holds))
            return false;
        expander_row(&x->expander, c->op, x->in);
    }
    for (uint32_t i = 0; i < c->width; i++)
        if (c->op->u.expand.map[i] != UINT32_MAX)
            row[i] = x->in[c->op->u.expand.map[i]];
    expander_put(&x->expander, c->op, c->run->scratch, row);
    return true;
}

struct rows_cursor *
rows_open_expand(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct expand_cursor *x = rows_cursor_new(run, op, sizeof *x, expand_next);
    struct rows_run *beside = rows_run_beside(run);
    uint8_t *below = rows_wanted_new(run, &op->input->schema);

    for (uint32_t i = 0; i < op->schema.count; i++)
        if (op->u.expand.map[i] != UINT32_MAX && (wanted == NULL || wanted[i]))
            below[op->u.expand.map[i]] = 1;
    x->input = expander_open(&x->expander, beside, op, below);
    x->in = rows_cells_new(run->keep, x->input->width);
    return &x->c;
}

/* ---- mv-apply ---- */

struct apply_cursor {
    struct rows_cursor c;
    struct rows_cursor *input, *sub; /* sub NULL: the next row of the input is to be taken */
    struct rows_run *inside;
    struct expander expander;
    struct kql_value *in, *sub_row;
    const uint32_t *sub_map; /* result column: of sub's, or UINT32_MAX */
    struct pool_mark mark;
    bool holds;
};

/* The rows that the sub-query is run over. */
static const struct rows_list *
expanded_rows(struct apply_cursor *a)
{
    const struct kql_op *op = a->c.op;
    struct pool *keep = a->inside->keep;
    struct rows_list *list = pool_zeroed(keep, 1, sizeof *list);
    uint32_t width = op->u.expand.expanded.count;

    while (a->expander.at < a->expander.length) {
        struct kql_value *row = rows_cells_new(keep, width);

        for (uint32_t i = 0; i < width && i < a->input->width; i++)
            row[i] = a->in[i];
        expander_put(&a->expander, op, keep, row);
        rows_list_add(keep, list, row);
        if ((list->count & 1023) == 0)
            pool_check(keep);
    }
    return list;
}

static bool
apply_next(struct rows_cursor *c, struct kql_value *row)
{
    struct apply_cursor *a = (struct apply_cursor *)c;

    for (;;) {
        if (a->sub == NULL) {
            if (!hold_next(a->input, a->in, &a->mark, &a->holds))
                return false;
            expander_row(&a->expander, c->op, a->in);
            if (a->expander.length == 0)
                continue;
            rows_run_restart(a->inside, NULL);
            a->inside->input = expanded_rows(a);
            a->sub = rows_open(a->inside, c->op->u.expand.sub, NULL);
            a->sub_row = rows_cells_new(a->inside->keep, a->sub->width);
        }
        pool_reset(a->inside->scratch);
        if (rows_next(a->sub, a->sub_row))
            break;
        a->sub = NULL;
    }
    for (uint32_t i = 0; i < c->width; i++)
        row[i] =
            a->sub_map[i] != UINT32_MAX ? a->sub_row[a->sub_map[i]] : a->in[c->op->u.expand.map[i]];
    return true;
}

/* By name: the binder gives each result column that is not the input's the name that it has in the
 * sub-query's result. */
static const uint32_t *
sub_map_of(struct rows_run *run, const struct kql_op *op)
{
    const struct kql_schema *sub = &op->u.expand.sub->schema;
    uint32_t *map = pool_take(run->keep, (op->schema.count + 1) * sizeof *map);

    for (uint32_t i = 0; i < op->schema.count; i++) {
        map[i] = UINT32_MAX;
        if (op->u.expand.map[i] != UINT32_MAX)
            continue;
        for (uint32_t j = 0; j < sub->count; j++)
            if (span_equal(sub->columns[j].name, op->schema.columns[i].name))
                map[i] = j;
        if (map[i] == UINT32_MAX)
            pool_abandon(run->engine->pool, "mv-apply: no column %.*s in what its query gives",
                         (int)op->schema.columns[i].name.n, op->schema.columns[i].name.p);
    }
    return map;
}

struct rows_cursor *
rows_open_apply(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct apply_cursor *a = rows_cursor_new(run, op, sizeof *a, apply_next);
    struct rows_run *beside = rows_run_beside(run);

    (void)wanted;
    a->sub_map = sub_map_of(run, op);
    a->inside = rows_run_inside(run);
    a->input = expander_open(&a->expander, beside, op, NULL);
    a->in = rows_cells_new(run->keep, a->input->width);
    return &a->c;
}
