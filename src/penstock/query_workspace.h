/* query_workspace.h - penstock query by DuckDB: over a workspace in memory that holds the tables of files, or over a workspace's
 * file that no daemon has open. One thread. */
#pragma once
#include "penstock/query_table.h"
#include "workspace/hunt.h"

struct query_workspace {
    struct workspace *workspace;
    struct catalog catalog; /* what the workspace was opened with */
    struct catalog_table *tables;
    struct catalog_column *columns;
    char *names;
};

/* 'file' NULL: in memory, filled with the rows of 'tables', of whose catalog it has the other tables, empty. Else that file,
 * only to be read. On failure it holds nothing. */
MUST_CHECK enum status query_workspace_open(struct query_workspace *q, const char *file,
                                            const struct query_tables *tables, size_t memory_max,
                                            struct err *err);
void query_workspace_close(struct query_workspace *q);
