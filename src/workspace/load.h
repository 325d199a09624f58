/* load.h - rows of JSON into a table's columns, without a tree: the scanner's spans become cells of DuckDB's vectors, and texts
 * are lent from the rows' own bytes until DuckDB has copied them. What has no column, or is not of its column's type, goes into
 * the overflow column, so nothing of a record is lost. One thread. */
#pragma once
#include "workspace/inner.h"
#include "workspace/writer.h"

struct loader;

MUST_CHECK enum status loader_make(struct loader **out, struct err *err);
void loader_free(struct loader *l); /* NULL is fine */

/* Appends the rows to the table that the appender is of. ST_INVALID: they are not what 'rows' says they are; ST_FULL, ST_IO:
 * try later. After a failure some may have been appended: roll back. 'ingested': for rows that do not say it. */
MUST_CHECK enum status loader_append(struct loader *l, const struct stored_table *t,
                                     duckdb_appender appender, const struct workspace_rows *rows,
                                     int64_t ingested, struct err *err);
