/* rows_nested.c - top-nested: the top values of a level, and inside each of them those of the next.
 * 'others' gathers what did not make it; below such a row the deeper levels have one row each, of
 * their own others. */
#include "kql/rows_inner.h"

enum { LEVELS_MAX = 100 };

struct nested_level {
    struct rows_eval value, final;
    struct rows_aggregates aggregates;
    struct kql_value *results;
    uint64_t limit;
    struct kql_value others;
};

struct nested_cursor {
    struct rows_cursor c;
    struct nested_level *levels;
    struct kql_value *in, *out; /* out: the row that is being put together */
    struct rows_list rows;
    size_t at;
    bool is_ready;
};

struct nested_group {
    struct rows_list rows;
    void *aggregates;
    struct kql_value order;
};

static void
add_row(struct nested_cursor *n, struct nested_level *l, struct nested_group *g,
        const struct kql_value *row)
{
    struct pool *scratch = n->c.run->scratch;
    struct pool_mark mark = pool_mark(scratch);

    memcpy(n->in, row, n->c.op->input->schema.count * sizeof *row);
    rows_aggregates_add(&l->aggregates, g->aggregates, n->in);
    pool_return(scratch, mark);
    rows_list_add(n->c.run->keep, &g->rows, row);
}

static void
finish(struct nested_cursor *n, struct nested_level *l, struct nested_group *g)
{
    rows_aggregates_finish(&l->aggregates, g->aggregates, l->results);
    rows_eval_row(&l->final, l->results);
    rows_eval_cell(&l->final, 0, &g->order);
    g->order = kql_value_copy(n->c.run->keep, &g->order);
}

static int
compare_groups(const void *context, const void *a, const void *b)
{
    const struct kql_level *level = context;
    const struct kql_value
        *x = &((struct nested_group *)((const struct rows_group *)a)->state)->order,
        *y = &((struct nested_group *)((const struct rows_group *)b)->state)->order;
    int order = x->is_null != y->is_null ? (x->is_null ? 1 : -1) : 0;

    if (order != 0 || x->is_null) /* nulls last both ways */
        return order;
    order = kql_value_compare(x, y);
    return level->is_ascending ? order : -order;
}

static void
put(struct nested_cursor *n, uint32_t k, struct kql_value value, struct kql_value aggregate)
{
    const struct kql_level *level = &n->c.op->u.nested.levels[k];

    if (level->value_column != UINT32_MAX)
        n->out[level->value_column] = value;
    if (level->aggregate_column != UINT32_MAX)
        n->out[level->aggregate_column] = aggregate;
}

static void
give(struct nested_cursor *n)
{
    struct pool *keep = n->c.run->keep;

    rows_list_add(keep, &n->rows, rows_copy(keep, n->out, n->c.width, true));
}

/* The row of what did not make it at level k; the deeper levels are of all those rows too. */
static void
give_others(struct nested_cursor *n, uint32_t k, const struct rows_list *rest)
{
    struct pool *keep = n->c.run->keep;

    for (uint32_t j = k; j < n->c.op->u.nested.count; j++) {
        struct nested_level *l = &n->levels[j];
        struct nested_group g = {.aggregates = rows_aggregates_start(&l->aggregates, keep)};

        for (size_t i = 0; i < rest->count; i++)
            add_row(n, l, &g, rest->items[i]);
        finish(n, l, &g);
        put(n, j, l->others, g.order);
    }
    give(n);
}

static void
expand_level(struct nested_cursor *n, uint32_t k, const struct rows_list *rows)
{
    const struct kql_level *level = &n->c.op->u.nested.levels[k];
    struct nested_level *l = &n->levels[k];
    struct rows_run *run = n->c.run;
    struct rows_list rest = {NULL, 0, 0};
    struct rows_groups groups;

    pool_check(run->keep);
    rows_groups_init(&groups, run->keep, 1);
    for (size_t i = 0; i < rows->count; i++) {
        struct pool_mark mark = pool_mark(run->scratch);
        struct rows_group *group;
        struct nested_group *g;
        struct kql_value value;
        bool is_new;

        memcpy(n->in, rows->items[i], n->c.op->input->schema.count * sizeof *n->in);
        rows_eval_row(&l->value, n->in);
        rows_eval_cell(&l->value, 0, &value);
        group = rows_groups_add(&groups, &value, false, &is_new);
        if (is_new) {
            g = group->state = pool_zeroed(run->keep, 1, sizeof *g);
            g->aggregates = rows_aggregates_start(&l->aggregates, run->keep);
        }
        add_row(n, l, group->state, rows->items[i]);
        pool_return(run->scratch, mark);
    }
    for (size_t i = 0; i < groups.count; i++)
        finish(n, l, groups.items[i]->state);
    rows_sort(run->keep, (void **)groups.items, groups.count, compare_groups, level);
    for (size_t i = 0; i < groups.count; i++) {
        struct nested_group *g = groups.items[i]->state;

        if (i >= l->limit) {
            for (size_t j = 0; j < g->rows.count; j++)
                rows_list_add(run->keep, &rest, g->rows.items[j]);
            continue;
        }
        put(n, k, groups.items[i]->keys[0], g->order);
        if (k + 1 == n->c.op->u.nested.count)
            give(n);
        else
            expand_level(n, k + 1, &g->rows);
    }
    if (level->others != NULL && rest.count > 0)
        give_others(n, k, &rest);
}

static bool
nested_next(struct rows_cursor *c, struct kql_value *row)
{
    struct nested_cursor *n = (struct nested_cursor *)c;

    if (!n->is_ready) {
        struct rows_list *input = rows_collect(c->run->keep, rows_open(c->run, c->op->input, NULL));

        n->is_ready = true;
        if (c->op->u.nested.count > 0)
            expand_level(n, 0, input);
    }
    if (n->at == n->rows.count)
        return false;
    memcpy(row, n->rows.items[n->at++], c->width * sizeof *row);
    return true;
}

struct rows_cursor *
rows_open_nested(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct nested_cursor *n = rows_cursor_new(run, op, sizeof *n, nested_next);
    uint32_t count = op->u.nested.count;

    (void)wanted;
    if (count > LEVELS_MAX)
        pool_abandon(run->engine->pool, "top-nested: more than %d levels", LEVELS_MAX);
    n->levels = pool_zeroed(run->keep, count + 1, sizeof *n->levels);
    n->in = rows_cells_new(run->keep, op->input->schema.count);
    n->out = rows_cells_new(run->keep, op->schema.count);
    for (uint32_t i = 0; i < op->schema.count; i++)
        n->out[i] = kql_null(op->schema.columns[i].type);
    for (uint32_t k = 0; k < count; k++) {
        const struct kql_level *level = &op->u.nested.levels[k];
        struct nested_level *l = &n->levels[k];

        rows_eval_init(&l->value, run, op, 5 * k, &level->expr, 1);
        rows_eval_init(&l->final, run, op, 5 * k + 1, &level->final, 1);
        rows_aggregates_init(&l->aggregates, run, op, 5 * k + 2, level->aggregates,
                             level->aggregate_count);
        l->results = rows_cells_new(run->keep, l->aggregates.result_count);
        l->limit = level->count == NULL ? UINT64_MAX
                                        : rows_constant_count(run, op, 5 * k + 3, level->count);
        l->others = level->others == NULL ? kql_null(level->expr->type)
                                          : rows_constant(run, op, 5 * k + 4, level->others);
    }
    n->c.is_lasting = true;
    return &n->c;
}
