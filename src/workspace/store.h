/* store.h - what stands behind workspace.h, for this folder alone: connections, and where a table's columns are.
 *
 * A table of the catalog is one table in the file, by its own name. It has a column for each of the hunting and of the
 * workspace shape; one that both have (names are compared without case) is there once, with the hunting shape's type, which is what comes in. A shape
 * that gives it another type converts (workspace_column.type is what it shows, .stored what is there). Stored as:
 *
 *   string, dynamic (JSON text; null: NULL)   VARCHAR        datetime, timespan (ticks), long   BIGINT
 *   int   INTEGER      real   DOUBLE          bool   BOOLEAN  guid   UUID      decimal   VARCHAR (as it prints, exact)
 *
 * Strings are never NULL: a missing one is "". (A column that a later catalog adds is "" in the rows that were there.)
 * Before them stand the housekeeping columns, whose names no KQL column can have:
 *
 *   "$tenant"    UUID      whose row it is
 *   "$time"      BIGINT    ticks: the table's time column, or "$ingested" where it has none or it is null. Rows are nearly in its order
 *   "$ingested"  BIGINT    ticks: when the record was admitted; ingestion_time()
 *   "$position"  UBIGINT   } unique together: the journal's position and row of the parcel's first record, and the
 *   "$row"       UINTEGER  } record's number in the parcel
 *   "$index"     UINTEGER  }
 *   "$overflow"  VARCHAR   JSON object of the members that have no column, or whose value is not of its column's
 *                          type (the column is null then); NULL: there are none */
#pragma once
#include "kql/value.h"
#include "workspace/workspace.h"
#include <duckdb.h>

/* One column of a table. */
struct workspace_column {
    const char *name;   /* as the shape spells it */
    enum kql_type type; /* as the shape shows it */
    /* Of what 'sql' gives; differs from 'type' where a shape retypes: the reader converts as toX() and parse_json() do. */
    enum kql_type stored;
    /* An SQL expression over the table's row, not qualified: a quoted column, or what a housekeeping column of the workspace
     * shape (TenantId, Type, _ItemId, SourceSystem ...) is made of. */
    const char *sql;
};

struct workspace_shape {
    const struct workspace_column *columns; /* in the catalog's order */
    size_t count;
};

struct workspace_table {
    const struct catalog_table *catalog;
    const char *sql;                           /* its name, quoted */
    struct workspace_shape hunting, workspace; /* a table of one shape only has it in both */
};

/* By exact name; NULL: there is none. Lends while the workspace is open. */
const struct workspace_table *workspace_table_find(const struct workspace *w, struct span name);
/* All of them, sorted by name. */
const struct workspace_table *workspace_tables(const struct workspace *w, size_t *count);
const struct catalog *workspace_catalog(const struct workspace *w);

/* A connection of its own, for one thread; duckdb_disconnect ends it. It cannot reach files or the network and cannot change
 * the configuration. */
MUST_CHECK enum status workspace_connect(struct workspace *w, duckdb_connection *out,
                                         struct err *err);
