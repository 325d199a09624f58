/* function_math.c - the rows of the function table for math. */
#include "kql/function.h"

const struct kql_function kql_functions_math[] = {
    {.name = NULL},
};
