/* rows_series.c - make-series: aggregates per step of an axis, as arrays; series_axis.h says where the steps are. */
#include "kql/dynamic.h"
#include "kql/rows_inner.h"
#include "kql/series_axis.h"
#include <math.h>

struct series_cursor {
    struct rows_cursor c;
    struct rows_eval keys; /* the keys, then the axis */
    struct rows_eval *finals;
    struct rows_aggregates aggregates;
    struct rows_groups groups; /* state: the states per step, NULL where there is no row */
    struct kql_value *in, *key, *results;
    struct kql_series_axis axis;
    struct kql_value steps; /* the axis' array */
    size_t at;
    bool is_ready;
};

static void
read_row(struct series_cursor *s, bool is_lasting)
{
    struct pool *keep = s->c.run->keep;
    uint32_t key_count = s->c.op->u.series.key_count;
    struct rows_group *group;
    void **states;
    uint64_t bin;
    bool is_new;

    (void)is_lasting;
    rows_eval_row(&s->keys, s->in);
    for (uint32_t i = 0; i <= key_count; i++)
        rows_eval_cell(&s->keys, i, &s->key[i]);
    if (!kql_series_bin(&s->axis, &s->key[key_count], &bin))
        return;
    group = rows_groups_add(&s->groups, s->key, false, &is_new);
    if (is_new)
        group->state = pool_zeroed(keep, s->axis.bins + 1, sizeof(void *));
    states = group->state;
    if (states[bin] == NULL)
        states[bin] = rows_aggregates_start(&s->aggregates, keep);
    rows_aggregates_add(&s->aggregates, states[bin], s->in);
}

/* The smallest and the largest value of the axis; false: there is none. */
static bool
find_ends(struct series_cursor *s, const struct rows_list *list, struct kql_value *low,
          struct kql_value *high)
{
    uint32_t axis = s->c.op->u.series.key_count;
    bool found = false;

    for (size_t i = 0; i < list->count; i++) {
        struct kql_value v;

        memcpy(s->in, list->items[i], s->c.op->input->schema.count * sizeof *s->in);
        rows_eval_row(&s->keys, s->in);
        rows_eval_cell(&s->keys, axis, &v);
        if (v.is_null || (v.type == KQL_REAL && !isfinite(v.r)))
            continue;
        v = kql_value_copy(s->c.run->keep, &v);
        if (!found || kql_value_compare(&v, low) < 0)
            *low = v;
        if (!found || kql_value_compare(&v, high) > 0)
            *high = v;
        found = true;
    }
    return found;
}

/* Where the steps are. False: there are none. */
static bool
place(struct series_cursor *s, const struct rows_list *list)
{
    const struct kql_op *op = s->c.op;
    struct kql_value step = rows_constant(s->c.run, op, 2, op->u.series.step), from, to, low, high;
    struct kql_series_ends ends = {.type = (enum kql_type)op->u.series.axis->type,
                                   .step = &step,
                                   .to_is_inclusive = op->u.series.to_is_inclusive};
    enum kql_series_placed placed;
    struct err err = {""};

    if (op->u.series.from != NULL) {
        from = rows_constant(s->c.run, op, 3, op->u.series.from);
        ends.from = &from;
    }
    if (op->u.series.to != NULL) {
        to = rows_constant(s->c.run, op, 4, op->u.series.to);
        ends.to = &to;
    }
    if (list != NULL && find_ends(s, list, &low, &high)) {
        ends.low = &low;
        ends.high = &high;
    }
    placed = kql_series_place(&s->axis, &ends, &err);
    if (placed == KQL_SERIES_REFUSED)
        pool_abandon(s->c.run->engine->pool, "%s", err.text);
    return placed == KQL_SERIES_PLACED;
}

static void
series_all(struct series_cursor *s)
{
    const struct kql_op *op = s->c.op;
    struct rows_run *run = s->c.run;
    struct rows_cursor *input = rows_open(run, op->input, NULL);
    struct rows_list *list = NULL;
    bool is_new;

    if (op->u.series.from == NULL || op->u.series.to == NULL)
        list = rows_collect(run->keep, input);
    if (!place(s, list))
        return;
    s->steps = kql_series_steps(run->keep, &s->axis);
    for (size_t i = 0;; i++) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (list == NULL ? !rows_next(input, s->in) : i == list->count)
            break;
        if (list != NULL)
            memcpy(s->in, list->items[i], input->width * sizeof *s->in);
        read_row(s, list != NULL);
        pool_return(run->scratch, mark);
    }
    if (op->u.series.is_nonempty && op->u.series.key_count == 0 && s->groups.count == 0)
        rows_groups_add(&s->groups, s->key, true, &is_new)->state =
            pool_zeroed(run->keep, s->axis.bins + 1, sizeof(void *));
}

/* All values of one group: their arrays. */
static void
make_arrays(struct series_cursor *s, void **states, struct kql_value *arrays)
{
    const struct kql_op *op = s->c.op;
    struct pool *p = s->c.run->scratch;
    struct kql_array_builder *b = pool_zeroed(p, op->u.series.value_count + 1, sizeof *b);

    for (uint32_t v = 0; v < op->u.series.value_count; v++)
        b[v].pool = p;
    for (uint64_t i = 0; i < s->axis.bins; i++) {
        if (states[i] != NULL)
            rows_aggregates_finish(&s->aggregates, states[i], s->results);
        for (uint32_t v = 0; v < op->u.series.value_count; v++) {
            struct kql_value value = op->u.series.values[v].fill;

            if (states[i] != NULL) {
                rows_eval_row(&s->finals[v], s->results);
                rows_eval_cell(&s->finals[v], 0, &value);
            }
            kql_array_add(&b[v], value);
        }
    }
    for (uint32_t v = 0; v < op->u.series.value_count; v++)
        arrays[v] = kql_array_finish(&b[v]);
}

static bool
series_next(struct rows_cursor *c, struct kql_value *row)
{
    struct series_cursor *s = (struct series_cursor *)c;
    uint32_t key_count = c->op->u.series.key_count, value_count = c->op->u.series.value_count;
    struct rows_group *group;
    struct kql_value *arrays;

    if (!s->is_ready) {
        s->is_ready = true;
        series_all(s);
    }
    if (s->at == s->groups.count)
        return false;
    group = s->groups.items[s->at++];
    arrays = rows_cells_new(c->run->scratch, value_count);
    make_arrays(s, group->state, arrays);
    for (uint32_t i = 0; i < c->width; i++) {
        uint32_t from = c->op->u.series.map[i];

        row[i] = from < key_count                 ? group->keys[from]
                 : from < key_count + value_count ? arrays[from - key_count]
                                                  : s->steps;
    }
    return true;
}

struct rows_cursor *
rows_open_series(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct series_cursor *s = rows_cursor_new(run, op, sizeof *s, series_next);
    uint32_t key_count = op->u.series.key_count, value_count = op->u.series.value_count;
    const struct kql_expr **exprs = pool_take(run->keep, (key_count + 1) * sizeof *exprs);

    (void)wanted;
    memcpy(exprs, op->u.series.keys, key_count * sizeof *exprs);
    exprs[key_count] = op->u.series.axis;
    rows_eval_init(&s->keys, run, op, 0, exprs, key_count + 1);
    s->finals = pool_zeroed(run->keep, value_count + 1, sizeof *s->finals);
    for (uint32_t v = 0; v < value_count; v++)
        rows_eval_init(&s->finals[v], run, op, 10 + v, &op->u.series.values[v].final, 1);
    rows_aggregates_init(&s->aggregates, run, op, 1, op->u.series.aggregates,
                         op->u.series.aggregate_count);
    rows_groups_init(&s->groups, run->keep, key_count);
    s->in = rows_cells_new(run->keep, op->input->schema.count);
    s->key = rows_cells_new(run->keep, key_count + 1);
    s->results = rows_cells_new(run->keep, s->aggregates.result_count);
    return &s->c;
}
