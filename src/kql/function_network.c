/* function_network.c - the rows of the function table for IP addresses. */
#include "kql/function.h"

const struct kql_function kql_functions_network[] = {
    {.name = NULL},
};
