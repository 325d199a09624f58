/* function_plugin.c - the rows of the function table for plugins of evaluate. */
#include "kql/function.h"

const struct kql_function kql_functions_plugin[] = {
    {.name = NULL},
};
