/* function_datetime.c - the rows of the function table for dates and times. */
#include "kql/function.h"

const struct kql_function kql_functions_datetime[] = {
    {.name = NULL},
};
