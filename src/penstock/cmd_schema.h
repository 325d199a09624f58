/* cmd_schema.h - penstock schema [TABLE]: tables, or one table's columns. Needs no daemon. */
#pragma once
int cmd_schema(int argc, char **argv); /* argv[0] is "schema"; the exit code */
