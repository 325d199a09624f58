/* rows_series.c - make-series: aggregates per step of an axis, as arrays. Where 'from' or 'to' is
 * missing it is the data's: the bin of the smallest value, the bin of the largest (make-series
 * page). */
#include "kql/dynamic.h"
#include "kql/rows_inner.h"
#include <math.h>

struct series_cursor {
    struct rows_cursor c;
    struct rows_eval keys; /* the keys, then the axis */
    struct rows_eval *finals;
    struct rows_aggregates aggregates;
    struct rows_groups groups; /* state: the states per step, NULL where there is no row */
    struct kql_value *in, *key, *results;
    bool is_real;
    int64_t from, step;
    double from_r, step_r;
    uint64_t bins;
    struct kql_value axis; /* the array */
    size_t at;
    bool is_ready;
};

static double
as_real(const struct kql_value *v)
{
    return v->type == KQL_REAL      ? v->r
           : v->type == KQL_DECIMAL ? kql_decimal_to_real(v->decimal)
                                    : (double)v->i;
}

static int64_t
as_whole(const struct kql_value *v)
{
    return v->type == KQL_REAL || v->type == KQL_DECIMAL ? (int64_t)as_real(v) : v->i;
}

/* The axis' type: that of the column, which the step may widen. */
static enum kql_type
axis_type(const struct kql_op *op)
{
    return op->u.series.axis->type;
}

/* Which step the value belongs to; false: none. */
static bool
bin_of(const struct series_cursor *s, const struct kql_value *v, uint64_t *bin)
{
    uint64_t distance;
    int64_t whole;
    double real;

    if (v->is_null)
        return false;
    if (s->is_real) {
        real = floor((as_real(v) - s->from_r) / s->step_r);
        if (!(real >= 0 && real < (double)s->bins))
            return false;
        *bin = (uint64_t)real;
        return true;
    }
    whole = as_whole(v);
    distance = (uint64_t)whole - (uint64_t)s->from;
    *bin = distance / (uint64_t)s->step;
    return whole >= s->from && *bin < s->bins;
}

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
    if (!bin_of(s, &s->key[key_count], &bin))
        return;
    group = rows_groups_add(&s->groups, s->key, false, &is_new);
    if (is_new)
        group->state = pool_zeroed(keep, s->bins + 1, sizeof(void *));
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

static int64_t
bin_down(int64_t v, int64_t step)
{
    int64_t rest = v % step;

    if (rest < 0)
        rest += step;
    return v < INT64_MIN + rest ? v : v - rest;
}

/* Where the steps are. False: there are none. */
static bool
place(struct series_cursor *s, const struct rows_list *list)
{
    const struct kql_op *op = s->c.op;
    struct pool *pool = s->c.run->engine->pool;
    struct kql_value step = rows_constant(s->c.run, op, 2, op->u.series.step), from, to, low, high;
    bool is_whole_last = false; /* 'to' is the data's: its step is the last one */
    double bins;

    from = to = low = high = kql_null(KQL_LONG);
    if (op->u.series.from != NULL)
        from = rows_constant(s->c.run, op, 3, op->u.series.from);
    if (op->u.series.to != NULL)
        to = rows_constant(s->c.run, op, 4, op->u.series.to);
    if (step.is_null || (op->u.series.from != NULL && from.is_null) ||
        (op->u.series.to != NULL && to.is_null))
        pool_abandon(pool, "make-series: from, to or step is null");
    if (list != NULL && !find_ends(s, list, &low, &high))
        return false;
    s->is_real = axis_type(op) == KQL_REAL || axis_type(op) == KQL_DECIMAL ||
                 step.type == KQL_REAL || step.type == KQL_DECIMAL;
    s->step_r = as_real(&step);
    s->step = s->is_real ? 0 : step.i;
    if (s->is_real ? !(s->step_r > 0) : s->step <= 0)
        pool_abandon(pool, "make-series: the step must be above 0");
    if (op->u.series.to == NULL) {
        to = high;
        is_whole_last = true;
    }
    if (op->u.series.from == NULL)
        from = low;
    s->from_r = as_real(&from);
    s->from = s->is_real ? 0 : as_whole(&from);
    if (op->u.series.from == NULL || op->u.series.to_is_inclusive) {
        s->from_r = floor(s->from_r / s->step_r) * s->step_r;
        if (!s->is_real)
            s->from = bin_down(s->from, s->step);
    }
    if (s->is_real) {
        bins = (as_real(&to) - s->from_r) / s->step_r;
        bins = is_whole_last || op->u.series.to_is_inclusive ? floor(bins + 1e-9) + 1
                                                             : ceil(bins - 1e-9);
    } else {
        int64_t whole = as_whole(&to);
        uint64_t distance = (uint64_t)whole - (uint64_t)s->from, step_u = (uint64_t)s->step;

        if (is_whole_last || op->u.series.to_is_inclusive)
            bins = whole < s->from ? 0 : (double)(distance / step_u) + 1;
        else
            bins = whole <= s->from ? 0 : (double)((distance - 1) / step_u) + 1;
    }
    if (!(bins >= 0))
        bins = 0;
    if (bins > (double)KQL_ARRAY_MAX)
        pool_abandon(pool, "make-series: %.15g steps are more than %d: make the step larger", bins,
                     KQL_ARRAY_MAX);
    s->bins = (uint64_t)bins;
    return true;
}

static void
make_axis(struct series_cursor *s)
{
    struct kql_array_builder b = {.pool = s->c.run->keep};
    enum kql_type type = axis_type(s->c.op);

    for (uint64_t i = 0; i < s->bins; i++)
        kql_array_add(&b, s->is_real ? kql_real(s->from_r + (double)i * s->step_r)
                                     : kql_integer(type, s->from + (int64_t)i * s->step));
    s->axis = kql_array_finish(&b);
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
    make_axis(s);
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
            pool_zeroed(run->keep, s->bins + 1, sizeof(void *));
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
    for (uint64_t i = 0; i < s->bins; i++) {
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
                                                  : s->axis;
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
