/* function_string.c - the rows of the function table for strings. */
#include "kql/function.h"

const struct kql_function kql_functions_string[] = {
    {.name = NULL},
};
