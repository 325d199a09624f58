/* series_axis.h - where the steps of make-series are: for every back end the same. Pure.
 * Where 'from' or 'to' is missing it is the data's: the bin of the smallest value, the bin of the largest (make-series
 * page). */
#pragma once
#include "kql/value.h"

struct kql_series_ends {
    enum kql_type type;                /* of the axis: a number, datetime or timespan */
    const struct kql_value *step;      /* of a datetime's: a timespan; else of the axis' type */
    const struct kql_value *from, *to; /* NULL: the data's */
    const struct kql_value *low,
        *high; /* the data's smallest and largest finite value, where asked for; NULL: it has none */
    bool to_is_inclusive;
};

struct kql_series_axis {
    enum kql_type type;
    bool is_real; /* from_r and step_r say where the steps are; else from and step */
    int64_t from, step;
    double from_r, step_r;
    uint64_t bins; /* at most KQL_ARRAY_MAX */
};

enum kql_series_placed {
    KQL_SERIES_PLACED,
    KQL_SERIES_NOWHERE /* no data to take the ends from */,
    KQL_SERIES_REFUSED /* err */
};
MUST_CHECK enum kql_series_placed
kql_series_place(struct kql_series_axis *a, const struct kql_series_ends *e, struct err *err);
/* Which step the value belongs to; false: none. */
bool kql_series_bin(const struct kql_series_axis *a, const struct kql_value *v, uint64_t *bin);
/* The beginnings of the first a->bins steps, as an array. */
struct kql_value kql_series_steps(struct pool *p, const struct kql_series_axis *a);
