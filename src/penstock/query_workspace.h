/* query_workspace.h - penstock query by DuckDB: over a workspace in memory that holds the tables of files, or over a workspace's
 * file that no daemon has open. One thread. */
#pragma once
#include "penstock/query_options.h"
#include "workspace/hunt.h"

struct query_workspace {
    struct workspace *workspace;
    struct catalog catalog; /* what the workspace was opened with */
    struct catalog_table *tables;
    struct catalog_column *columns;
    char *names;
    struct workspace *others[QUERY_WORKSPACES_MAX]; /* behind the first file, in order */
};

/* Without files of workspaces: in memory, filled with the rows of 'tables', of whose catalog it has the other tables, empty. Else
 * those files, only to be read. On failure it holds nothing. */
MUST_CHECK enum status query_workspace_open(struct query_workspace *q,
                                            const struct query_options *o,
                                            const struct query_tables *tables, struct err *err);
/* The one of that name; the first has its name, too, if it was given one. False: there is none. */
MUST_CHECK bool query_workspace_find(const struct query_workspace *q, const struct query_options *o,
                                     struct span name, struct hunt_place *out);
void query_workspace_close(struct query_workspace *q);
