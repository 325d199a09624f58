/* function_operator.c - the rows of the function table for operators. */
#include "kql/function.h"

const struct kql_function kql_functions_operator[] = {
    {.name = NULL},
};
