/* function_series.c - the rows of the function table for series. */
#include "kql/function.h"

const struct kql_function kql_functions_series[] = {
    {.name = NULL},
};
