/* function_parse.c - the rows of the function table for parsing of text. */
#include "kql/function.h"

const struct kql_function kql_functions_parse[] = {
    {.name = NULL},
};
