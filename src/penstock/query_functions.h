/* query_functions.h - the functions of the language, for people. */
#pragma once
/* Prints all, or those of a group; exit code. */
int query_functions(const char *group);
