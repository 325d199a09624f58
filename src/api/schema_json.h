/* schema_json.h - the schema catalog as JSON, the same bytes for the command line and over HTTP.
 * Any thread; results are malloc'd, NUL behind 'size' bytes, no line end; NULL: no memory. */
#pragma once
#include "base/base.h"
#include "model/catalog.h"

/* Array of
 * {"name","streamable","status","category","deviceScoped","machineGroup","timeColumn","preview","supersededBy","family","product",
 * "columns","workspaceColumns"}, by name; category, timeColumn and supersededBy are null where
 * there is none, the last two are counts. 'is_streamable_only': only tables that stream. */
char *schema_list_json(const struct catalog *c, bool is_streamable_only, size_t *size);

/* Array of {"ColumnName","ColumnType"} as "TABLE | getschema | project ColumnName, ColumnType" has
 * it; 'workspace': the shape the table has in a Log Analytics workspace (of a table that has no
 * other shape there: its only one). */
char *schema_table_json(const struct catalog *c, const struct catalog_table *t, bool workspace,
                        size_t *size);

/* The columns that schema_table_json lists. */
const struct catalog_column *schema_columns(const struct catalog_table *t, bool workspace,
                                            size_t *count);

/* "there is no table X; did you mean Y?" for the error of either door. */
void schema_unknown(const struct catalog *c, struct span table, struct err *err);
