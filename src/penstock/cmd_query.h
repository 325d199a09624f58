/* cmd_query.h - penstock query: a query of the Kusto language over tables in files. */
#pragma once
int cmd_query(int argc, char **argv);
