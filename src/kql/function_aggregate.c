/* function_aggregate.c - the rows of the function table for aggregates. */
#include "kql/function.h"

const struct kql_function kql_functions_aggregate[] = {
    {.name = NULL},
};
