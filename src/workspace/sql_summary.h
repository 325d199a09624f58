/* sql_summary.h - a summarize while it becomes SQL; for sql_summarize.c and sql_aggregate.c. */
#pragma once
#include "workspace/sql_inner.h"

/* Three layers: raw aggregates by group, as DuckDB gives them (g0 ... keys, a0 ...); from them what KQL's aggregates give (c0 ...
 * keys, then results); from those the columns of the result. */
struct sql_summary {
    struct sql_scope scope; /* of the input */
    struct sql_step *input;
    bool has_live; /* the input's rows are those that are "live" (sql_live_rows) */
    const struct kql_op *op;
    struct sql_text raw, results;
    uint32_t raw_count, result_count;
    const struct kql_expr *predicate; /* of the aggregate at hand: sumif ...; NULL: none */
};

/* Begins the next raw aggregate; gives its number, by which its text is to be named: " AS a5". */
uint32_t sql_raw_next(struct sql_summary *m);
/* Its end: over the live rows that 'also' is true of ("": all), and its name. */
void sql_raw_end(struct sql_summary *m, uint32_t raw, const char *also);
/* Around the text of the next result. */
void sql_result_begin(struct sql_summary *m);
void sql_result_end(struct sql_summary *m);

/* An aggregate by DuckDB's own. False: it is to be a program; nothing was written. */
bool sql_aggregate(struct sql_summary *m, const struct kql_expr *e);
/* arg_max and arg_min of what DuckDB compares as KQL does. */
bool sql_is_arg(const struct kql_expr *e);
