/* series_axis.c - whole axes (int, long, datetime, timespan) are counted in whole numbers, others in reals. */
#include "kql/series_axis.h"
#include "kql/dynamic.h"
#include <math.h>

static int64_t
as_whole(const struct kql_value *v)
{
    return v->type == KQL_REAL || v->type == KQL_DECIMAL ? (int64_t)kql_real_in(v) : v->i;
}

static bool
is_real(enum kql_type t)
{
    return t == KQL_REAL || t == KQL_DECIMAL;
}

static int64_t
bin_down(int64_t v, int64_t step)
{
    int64_t rest = v % step;

    if (rest < 0)
        rest += step;
    return v < INT64_MIN + rest ? v : v - rest;
}

/* How many steps there are to 'to': beyond all limits, too. */
static double
count_steps(const struct kql_series_axis *a, const struct kql_value *to, bool is_inclusive)
{
    int64_t whole;
    uint64_t distance;
    double bins;

    if (a->is_real) {
        bins = (kql_real_in(to) - a->from_r) / a->step_r;
        return is_inclusive ? floor(bins + 1e-9) + 1 : ceil(bins - 1e-9);
    }
    whole = as_whole(to);
    distance = (uint64_t)whole - (uint64_t)a->from;
    if (is_inclusive)
        return whole < a->from ? 0 : (double)(distance / (uint64_t)a->step) + 1;
    return whole <= a->from ? 0 : (double)((distance - 1) / (uint64_t)a->step) + 1;
}

enum kql_series_placed
kql_series_place(struct kql_series_axis *a, const struct kql_series_ends *e, struct err *err)
{
    const struct kql_value *from = e->from != NULL ? e->from : e->low,
                           *to = e->to != NULL ? e->to : e->high;
    double bins;

    *a = (struct kql_series_axis){.type = e->type};
    if (e->step->is_null || (e->from != NULL && e->from->is_null) ||
        (e->to != NULL && e->to->is_null)) {
        err_set(err, ST_INVALID, "make-series: from, to or step is null");
        return KQL_SERIES_REFUSED;
    }
    if (from == NULL || to == NULL)
        return KQL_SERIES_NOWHERE;
    a->is_real = is_real(e->type) || is_real((enum kql_type)e->step->type);
    a->step_r = kql_real_in(e->step);
    a->step = a->is_real ? 0 : e->step->i;
    if (a->is_real ? !(a->step_r > 0) : a->step <= 0) {
        err_set(err, ST_INVALID, "make-series: the step must be above 0");
        return KQL_SERIES_REFUSED;
    }
    a->from_r = kql_real_in(from);
    a->from = a->is_real ? 0 : as_whole(from);
    if (e->from == NULL || e->to_is_inclusive) {
        a->from_r = floor(a->from_r / a->step_r) * a->step_r + 0.0; /* -0.0 is 0.0 */
        if (!a->is_real)
            a->from = bin_down(a->from, a->step);
    }
    bins = count_steps(
        a, to, e->to == NULL || e->to_is_inclusive); /* the data's: its step is the last one */
    if (!(bins >= 0))
        bins = 0;
    if (bins > (double)KQL_ARRAY_MAX) {
        err_set(err, ST_INVALID, "make-series: %.15g steps are more than %d: make the step larger",
                bins, KQL_ARRAY_MAX);
        return KQL_SERIES_REFUSED;
    }
    a->bins = (uint64_t)bins;
    return KQL_SERIES_PLACED;
}

bool
kql_series_bin(const struct kql_series_axis *a, const struct kql_value *v, uint64_t *bin)
{
    uint64_t distance;
    int64_t whole;
    double real;

    if (v->is_null)
        return false;
    if (a->is_real) {
        real = floor((kql_real_in(v) - a->from_r) / a->step_r);
        if (!(real >= 0 && real < (double)a->bins))
            return false;
        *bin = (uint64_t)real;
        return true;
    }
    whole = as_whole(v);
    distance = (uint64_t)whole - (uint64_t)a->from;
    *bin = distance / (uint64_t)a->step;
    return whole >= a->from && *bin < a->bins;
}

struct kql_value
kql_series_steps(struct pool *p, const struct kql_series_axis *a)
{
    struct kql_array_builder b = {.pool = p};

    for (uint64_t i = 0; i < a->bins; i++)
        kql_array_add(&b, a->is_real ? kql_real(a->from_r + (double)i * a->step_r)
                                     : kql_integer(a->type, (int64_t)((uint64_t)a->from +
                                                                      i * (uint64_t)a->step)));
    return kql_array_finish(&b);
}
