/* fill.h - rows of any source into a table: for what is asked once and not kept, and for tests. One thread. */
#pragma once
#include "kql/rows.h"
#include "workspace/workspace.h"

/* Appends every row that 'source' gives of 'handle' to a table of the catalog; 'columns' are those of its rows, which are put
 * into the table's of the same names (others are left out). All rows are of one tenant, admitted at 'ingested' (ticks). The
 * source's rows are null where the table's column is of another type and the value does not convert. All of them, or
 * after a failure none. ST_INVALID: there is no such table, or what the source says. */
MUST_CHECK enum status workspace_fill(struct workspace *w, struct span table, const char *tenant,
                                      const struct kql_schema *columns,
                                      const struct kql_rows_source *source, const void *handle,
                                      int64_t ingested, uint64_t *rows, struct err *err);
