/* function_encode.c - the rows of the function table for encodings and hashes. */
#include "kql/function.h"

const struct kql_function kql_functions_encode[] = {
    {.name = NULL},
};
