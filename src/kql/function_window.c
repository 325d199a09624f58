/* function_window.c - the rows of the function table for window functions. */
#include "kql/function.h"

const struct kql_function kql_functions_window[] = {
    {.name = NULL},
};
