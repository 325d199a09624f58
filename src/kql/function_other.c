/* function_other.c - the rows of the function table for others. */
#include "kql/function.h"

const struct kql_function kql_functions_other[] = {
    {.name = NULL},
};
