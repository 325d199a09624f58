/* function_aggregate_spread.c - how values are spread: variance, standard deviation, covariance, percentiles. */
#include "kql/dynamic.h"
#include "kql/function_aggregate.h"
#include <math.h>
#include <stdlib.h>

/* ---- variance and covariance, by running means (Welford) ---- */

struct moments {
    double count, mean_x, mean_y, sum_xx, sum_xy;
};

static void
moments_put(struct moments *m, double x, double y)
{
    double from_x = x - m->mean_x;

    m->count++;
    m->mean_x += from_x / m->count;
    m->mean_y += (y - m->mean_y) / m->count;
    m->sum_xx += from_x * (x - m->mean_x);
    m->sum_xy += from_x * (y - m->mean_y);
}

static void
variance_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call;
    if (!args[0].is_null)
        moments_put(state, kql_real_in(&args[0]), 0);
}

static void
varianceif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        variance_add(call, state, args);
}

static void
covariance_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)call;
    if (!args[0].is_null && !args[1].is_null)
        moments_put(state, kql_real_in(&args[0]), kql_real_in(&args[1]));
}

static void
covarianceif_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[2]))
        covariance_add(call, state, args);
}

/* 0 where there are too few rows. */
static double
mean_of(double sum, double count)
{
    return count > 0 ? sum / count : 0;
}

static void
variance_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xx, m->count - 1));
}

static void
variancep_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xx, m->count));
}

static void
stdev_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    variance_finish(call, state, result);
    result->r = sqrt(result->r);
}

static void
stdevp_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    variancep_finish(call, state, result);
    result->r = sqrt(result->r);
}

static void
covariance_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xy, m->count - 1));
}

static void
covariancep_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    const struct moments *m = state;

    (void)call;
    *result = kql_real(mean_of(m->sum_xy, m->count));
}

/* Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances. */
static void
moments_merge(struct kql_call *call, void *state, void *other)
{
    struct moments *m = state;
    const struct moments *o = other;
    double count = m->count + o->count, x = o->mean_x - m->mean_x, y = o->mean_y - m->mean_y;

    (void)call;
    if (o->count == 0)
        return;
    m->sum_xx += o->sum_xx + x * x * m->count * o->count / count;
    m->sum_xy += o->sum_xy + x * y * m->count * o->count / count;
    m->mean_x += x * o->count / count;
    m->mean_y += y * o->count / count;
    m->count = count;
}

#define MOMENTS(name, add, finish)                                                                 \
    const struct kql_aggregate name = {sizeof(struct moments), NULL, add, finish, moments_merge, 0}
MOMENTS(kql_aggregate_variance_all, variance_add, variance_finish);
MOMENTS(kql_aggregate_varianceif, varianceif_add, variance_finish);
MOMENTS(kql_aggregate_variancep_all, variance_add, variancep_finish);
MOMENTS(kql_aggregate_variancepif, varianceif_add, variancep_finish);
MOMENTS(kql_aggregate_stdev_all, variance_add, stdev_finish);
MOMENTS(kql_aggregate_stdevif, varianceif_add, stdev_finish);
MOMENTS(kql_aggregate_stdevp_all, variance_add, stdevp_finish);
MOMENTS(kql_aggregate_stdevpif, varianceif_add, stdevp_finish);
MOMENTS(kql_aggregate_covariance_all, covariance_add, covariance_finish);
MOMENTS(kql_aggregate_covarianceif, covarianceif_add, covariance_finish);
MOMENTS(kql_aggregate_covariancep_all, covariance_add, covariancep_finish);
MOMENTS(kql_aggregate_covariancepif, covarianceif_add, covariancep_finish);

/* ---- percentiles: nearest rank over all values, so a value of the data ---- */

struct ranked {
    struct ranked_value {
        struct kql_value value;
        int64_t weight;
    } * values;
    size_t count, room;
    int64_t weight; /* of all */
    /* the percentiles asked for, from the first row: they are constants */
    struct kql_value *asked;
    uint32_t asked_count;
};

static void
ranked_put(struct kql_call *call, struct ranked *r, const struct kql_value *args, uint32_t first,
           int64_t weight)
{
    if (r->asked == NULL && first < call->count) {
        r->asked_count = call->count - first;
        r->asked = pool_take(call->pool, r->asked_count * sizeof *r->asked);
        for (uint32_t i = 0; i < r->asked_count; i++)
            r->asked[i] = kql_value_copy(call->pool, &args[first + i]);
    }
    if (args[0].is_null || weight <= 0 || __builtin_add_overflow(r->weight, weight, &r->weight))
        return;
    r->values = pool_grow(call->pool, r->values, &r->room, r->count + 1, sizeof *r->values);
    r->values[r->count++] = (struct ranked_value){kql_value_copy(call->pool, &args[0]), weight};
}

static void
percentile_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    ranked_put(call, state, args, 1, 1);
}

static void
percentilew_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    ranked_put(call, state, args, 2, args[1].is_null ? 0 : args[1].i);
}

static int
compare_ranked(const void *a, const void *b)
{
    return kql_value_compare(&((const struct ranked_value *)a)->value,
                             &((const struct ranked_value *)b)->value);
}

static struct kql_value
value_at(const struct ranked *r, double percent, enum kql_type type)
{
    int64_t passed = 0;
    double wanted = ceil(percent / 100 * (double)r->weight);

    if (r->count == 0)
        return kql_null(type);
    for (size_t i = 0; i < r->count; i++) {
        passed += r->values[i].weight;
        if ((double)passed >= wanted)
            return r->values[i].value;
    }
    return r->values[r->count - 1].value;
}

static void
percentiles_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct ranked *r = state;

    if (r->count > 0)
        qsort(r->values, r->count, sizeof *r->values, compare_ranked);
    for (uint32_t i = 0; i < r->asked_count; i++)
        result[i] = r->asked[i].is_null ? kql_null(call->types[0])
                                        : value_at(r, kql_real_in(&r->asked[i]), call->types[0]);
    if (r->asked_count == 0) /* no rows: the result of a percentile is null */
        for (uint32_t i = 0; i + 1 < call->count; i++)
            result[i] = kql_null(call->types[0]);
}

static void
percentilesw_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    if (((struct ranked *)state)->asked_count == 0)
        for (uint32_t i = 0; i + 2 < call->count; i++)
            result[i] = kql_null(call->types[0]);
    else
        percentiles_finish(call, state, result);
}

/* The percentiles come as arguments, or as one array. */
static void
percentiles_array_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct ranked *r = state;
    struct kql_array_builder b = {.pool = call->pool};

    if (r->count > 0)
        qsort(r->values, r->count, sizeof *r->values, compare_ranked);
    for (uint32_t i = 0; i < r->asked_count; i++) {
        const struct kql_value *asked = &r->asked[i];

        if (!asked->is_null && asked->type == KQL_ARRAY)
            for (uint32_t k = 0; k < asked->array->count; k++)
                kql_array_add(&b, value_at(r, kql_real_in(&asked->array->items[k]), KQL_DYNAMIC));
        else if (!asked->is_null)
            kql_array_add(&b, value_at(r, kql_real_in(asked), KQL_DYNAMIC));
    }
    *result = r->count == 0 ? kql_null(KQL_DYNAMIC) : kql_array_finish(&b);
}

static void
ranked_merge(struct kql_call *call, void *state, void *other)
{
    struct ranked *r = state;
    const struct ranked *o = other;

    if (r->count == 0) {
        *r = *o;
        return;
    }
    r->values = pool_grow(call->pool, r->values, &r->room, r->count + o->count, sizeof *r->values);
    for (size_t i = 0; i < o->count; i++)
        if (!__builtin_add_overflow(r->weight, o->values[i].weight, &r->weight))
            r->values[r->count++] = o->values[i];
}

const struct kql_aggregate kql_aggregate_percentiles_all = {
    sizeof(struct ranked), NULL, percentile_add, percentiles_finish, ranked_merge, 1};
const struct kql_aggregate kql_aggregate_percentilesw_all = {
    sizeof(struct ranked), NULL, percentilew_add, percentilesw_finish, ranked_merge, 2};
const struct kql_aggregate kql_aggregate_percentiles_array = {
    sizeof(struct ranked), NULL, percentile_add, percentiles_array_finish, ranked_merge, 0};
const struct kql_aggregate kql_aggregate_percentilesw_array = {
    sizeof(struct ranked), NULL, percentilew_add, percentiles_array_finish, ranked_merge, 0};
