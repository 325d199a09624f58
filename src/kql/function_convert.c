/* function_convert.c - the rows of the function table for conversions. */
#include "kql/function.h"

const struct kql_function kql_functions_convert[] = {
    {.name = NULL},
};
