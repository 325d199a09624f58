/* cells.h - a KQL value as a cell of DuckDB's vectors, both ways, and as a literal of SQL. Private to this folder. Any thread.
 *
 *   KQL                        DuckDB type   note
 *   bool int long real         BOOLEAN INTEGER BIGINT DOUBLE
 *   datetime timespan          BIGINT        ticks; a datetime beyond year 1 to 9999 reads as null
 *   guid                       UUID          DuckDB's order of UUIDs is kql_value_compare's: the bytes of the text
 *   decimal                    VARCHAR       as it prints. Equal ones may differ as texts (1.0, 1.00) and texts are in another
 *                                            order: they are compared, sorted and grouped by their keys (kql/value_key.h)
 *   string                     VARCHAR       never NULL inside a statement; a NULL that comes (an outer join) reads as "". Any text,
 *                                            NULs included; what is not UTF-8 in it is written as U+FFFD
 *   dynamic                    VARCHAR       JSON text; what JSON cannot carry exactly (datetime, timespan, guid, decimal, int, nan inside
 *                                            dynamic, nesting below KQL_DEPTH_MAX levels) makes the whole value a coded text that begins
 *                                            with U+0001 and comes back as it was; null is NULL. Text that is neither reads as
 *                                            parse_json() has it. Equal values may differ as texts: as with decimal */
#pragma once
#include "kql/value.h"
#include "workspace/store.h"

const char *cell_sql_type(enum kql_type type); /* "BIGINT" */
duckdb_type cell_duckdb_type(enum kql_type type);

/* A column of a chunk, looked at once, read many times. The vector is flat, as all are that DuckDB hands out through its C API
 * (chunks of results, arguments of functions), of the type above. */
struct cell_column {
    enum kql_type type; /* static */
    const void *data;
    const uint64_t *validity; /* NULL: all are there */
};
void cell_column_open(struct cell_column *c, enum kql_type type, duckdb_vector vector);
/* Texts are borrowed from the vector; what needs memory is taken from the pool. A dynamic's text is read here and now. */
void cell_read(const struct cell_column *c, struct pool *p, size_t row, struct kql_value *out);

static inline bool
cell_is_null(const struct cell_column *c, size_t row)
{
    return c->validity != NULL && !(c->validity[row >> 6] >> (row & 63) & 1);
}
/* Of a VARCHAR that is not NULL; borrowed from the vector. */
static inline struct span
cell_text(const struct cell_column *c, size_t row)
{
    const duckdb_string_t *s = (const duckdb_string_t *)c->data + row;
    uint32_t size = s->value.inlined.length;

    return (struct span){size <= sizeof s->value.inlined.inlined ? s->value.inlined.inlined
                                                                 : s->value.pointer.ptr,
                         size};
}

/* A column that is written. Cells are there from the beginning; each is written once. */
struct cell_target {
    enum kql_type type;
    duckdb_vector vector;
    void *data;
    uint64_t *validity; /* NULL until the first null */
};
void cell_target_open(struct cell_target *t, enum kql_type type, duckdb_vector vector);
/* 'v' is converted to the column's type if it is of another (dynamic to a scalar: null when it holds another). A string is
 * never NULL. Leaves by the scratch pool's escape when it is spent, or a dynamic's text is beyond 4 GiB; the vector has copies
 * of all texts. */
void cell_put(struct cell_target *t, size_t row, struct pool *scratch, const struct kql_value *v);
void cell_put_null(struct cell_target *t, size_t row);
/* Both at once, for a cell alone. */
void cell_write(duckdb_vector vector, enum kql_type type, size_t row, struct pool *scratch,
                const struct kql_value *v);

/* A literal with its type, in brackets where it needs them: '...'::VARCHAR, 5::BIGINT, NULL::DOUBLE. Any text, NULs and
 * quotes included. */
struct span cell_literal(struct pool *p, enum kql_type type, const struct kql_value *v);

/* The text itself, or where it is not UTF-8 a copy with U+FFFD for each byte that belongs to no character. */
struct span cell_valid_text(struct pool *p, struct span text);

/* A dynamic's text, as it stands in a column; 'v' is not null. */
struct span cell_dynamic_text(struct pool *p, const struct kql_value *v);
/* And back: any bytes. Texts are borrowed where they can be. */
struct kql_value cell_dynamic_read(struct pool *p, struct span text);
