/* cells.h - a KQL value as a cell of DuckDB's vectors, both ways, and as a literal of SQL. Private to this folder. Any thread.
 *
 *   KQL                        DuckDB type   note
 *   bool int long real         BOOLEAN INTEGER BIGINT DOUBLE
 *   datetime timespan          BIGINT        ticks
 *   guid                       UUID
 *   decimal                    VARCHAR       as it prints
 *   string                     VARCHAR       never NULL inside a statement; a NULL that comes (an outer join) reads as ""
 *   dynamic                    VARCHAR       JSON text; what JSON cannot carry exactly (datetime, timespan, guid, decimal, int, nan inside
 *                                            dynamic) makes the whole value a coded text that begins with U+0001 and comes back as it was;
 *                                            null is NULL */
#pragma once
#include "kql/value.h"
#include "workspace/store.h"

const char *cell_sql_type(enum kql_type type); /* "BIGINT" */

/* A column of a chunk, looked at once, read many times. */
struct cell_column {
    enum kql_type type; /* static */
    const void *data;
    const uint64_t *validity; /* NULL: all are there */
};
void cell_column_open(struct cell_column *c, enum kql_type type, duckdb_vector vector);
/* Texts are borrowed from the vector; what needs memory is taken from the pool. */
void cell_read(const struct cell_column *c, struct pool *p, size_t row, struct kql_value *out);
/* 'v' is converted to 'type' if it is of another (dynamic to a scalar: null when it holds another). A string is never NULL. */
void cell_write(duckdb_vector vector, enum kql_type type, size_t row, struct pool *scratch,
                const struct kql_value *v);
/* A literal with its type: '...'::VARCHAR, 5::BIGINT, NULL::DOUBLE. Any text, NULs and quotes included. */
struct span cell_literal(struct pool *p, enum kql_type type, const struct kql_value *v);
