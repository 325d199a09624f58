/* stream_inner.h - what the files of the stream share: stream.c (a query to an outline),
 * stream_check.c (what cannot be done row by row, what Azure Monitor would refuse), stream_run.c
 * (records). Not for others. */
#pragma once
#include "kql/stream.h"

/* A query as one step over the record: all conditions, then all columns that leave, both over the
 * source's columns. Later operators' use of earlier ones' columns is put in place (the expressions
 * become a graph; equal ones are computed once). */
struct stream_column {
    struct span name;
    struct span quoted; /* "name": as JSON, with the colon */
    uint8_t type;
    const struct kql_expr *expr;
    uint32_t source; /* the source column that it is as it came; UINT32_MAX: computed */
};
struct kql_stream {
    struct pool *pool;
    struct kql_schema source;      /* of the records */
    const struct kql_expr *filter; /* NULL: all pass */
    struct stream_column *columns;
    uint32_t column_count;
    bool is_open;          /* members that no column names pass */
    bool is_ordered;       /* the columns' order counts (project-reorder) */
    bool is_filter;        /* bytes stay as they are */
    const uint32_t *reads; /* source columns, sorted */
    uint32_t read_count;
    struct kql_schema schema;
    struct kql_stream_condition *conditions;
    uint32_t condition_count;
    struct stream_matcher { /* of parse and parse-kv: hold regexes */
        struct kql_matcher *matcher;
        struct stream_matcher *next;
    } * matchers;
};

/* Complains of operators that cannot be done record by record. */
void stream_check_ops(const struct kql_op *plan, const struct kql_op *source,
                      struct kql_diagnostics *d);
/* The same of one expression, its arguments aside. */
void stream_check_expr(const struct kql_expr *e, struct kql_diagnostics *d);
/* Complains of what is not in Azure Monitor's list: an error if 'strictness' is STRICT, else a
 * warning. */
void stream_check_syntax(const struct kql_syntax *query, enum kql_stream_strictness strictness,
                         struct kql_diagnostics *d);
/* What the set's program reads: sorted columns of the source; lives in its pool. */
const uint32_t *stream_set_columns(const struct kql_stream_set *set, uint32_t *count);
/* Fills in the conditions of a stream that is compilable. */
void stream_take_apart(struct kql_stream *s);
/* The hidden function behind parse, whose second argument is the address of what it prepared. */
bool stream_is_match(const struct kql_function *f);
