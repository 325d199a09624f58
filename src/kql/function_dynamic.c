/* function_dynamic.c - the rows of the function table for arrays and bags. */
#include "kql/function.h"

const struct kql_function kql_functions_dynamic[] = {
    {.name = NULL},
};
