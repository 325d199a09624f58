/* function_aggregate.h - the aggregates that function_aggregate.c's rows name and other files have. Not for others. */
#pragma once
#include "kql/function.h"

extern const struct kql_aggregate kql_aggregate_dcount_all, kql_aggregate_dcountif,
    kql_aggregate_make_list, kql_aggregate_make_list_if, kql_aggregate_make_list_with_nulls,
    kql_aggregate_make_set, kql_aggregate_make_set_if, kql_aggregate_make_bag,
    kql_aggregate_make_bag_if, kql_aggregate_percentiles_all, kql_aggregate_percentilesw_all,
    kql_aggregate_percentiles_array, kql_aggregate_percentilesw_array, kql_aggregate_variance_all,
    kql_aggregate_varianceif, kql_aggregate_variancep_all, kql_aggregate_variancepif,
    kql_aggregate_stdev_all, kql_aggregate_stdevif, kql_aggregate_stdevp_all,
    kql_aggregate_stdevpif, kql_aggregate_covariance_all, kql_aggregate_covarianceif,
    kql_aggregate_covariancep_all, kql_aggregate_covariancepif, kql_aggregate_buildschema;
