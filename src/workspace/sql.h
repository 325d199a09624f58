/* sql.h - a bound plan to SQL. Private to this folder; no I/O: makes text.
 *
 * sql_split replaces every largest part of a plan that SQL can carry by a KQL_ROWS_TABLE whose handle is a struct sql_part;
 * what is left runs in the row engine, which reads the parts as tables. So a plan that SQL carries whole becomes one
 * such table, and one that it carries nothing of keeps only its tables.
 *
 * Inside a statement columns are c0, c1 ... by their place in the operator's schema (DuckDB folds the case of names, KQL
 * does not); each operator is a common table expression. An expression is native SQL only where SQL means the same (see
 * sql_expr.c's table); else it is one call of program.h. */
#pragma once
#include "kql/bind.h"
#include "workspace/program.h"

/* A file: tables of two are never in one statement. */
struct sql_place {
    const char *name; /* for explaining; NULL: the only one */
};

/* What a KQL_ROWS_TABLE's handle is in plans that are given to sql_split. */
struct sql_table {
    const struct workspace_table *table;
    const struct workspace_shape *shape; /* column i of the schema is column i of it */
    const char
        *where; /* SQL over the stored row: whose rows are seen, and in what time; NULL: all */
    const struct sql_place *place; /* that it lies in; NULL: in the only one */
};

struct sql_part {
    struct span text; /* a SELECT giving c0 ... of 'schema' (types as cells.h has them) */
    struct kql_schema schema;
    bool is_ordered;               /* rows come in the order that the plan means */
    const struct kql_op *op;       /* what it stands for: for explaining */
    const struct sql_place *place; /* whose tables it reads; NULL: none, or those of the only one */
    /* toscalar() and "in (T)" that its programs ask for: found first, and put into 'programs' by the one who runs it */
    const struct kql_op *const *scalars, *const *sets;
    uint32_t scalar_count, set_count;
};

struct sql_options {
    struct pool *pool; /* its escape is set */
    struct programs *programs;
    bool tables_only; /* HUNT_ROWS_ONLY: carry nothing but KQL_ROWS_TABLE */
    bool
        carries_all; /* HUNT_MOST: also statements that read no table, and have the row engine behind them */
    /* What is materialized is wanted by other plans, too: SQL carries it only where running it again gives the same rows. */
    bool keeps_materialized;
    /* The rows of an externaldata as kql_rows_external gives them; NULL: they are not read now (only explaining). */
    const struct kql_op *(*external)(void *context, const struct kql_op *op, size_t cells_max);
    void *context; /* of 'external' */
};
/* A plan that gives the same rows, of which as much as can be lies in one place each (sql_spread.c); for sql_split. */
const struct kql_op *sql_spread(struct pool *pool, const struct kql_op *plan);
/* The plan with its parts replaced. Sub-queries that toscalar() and "in (T)" name are split, too (by what 'scalars'
 * and 'sets' point at, and in the expressions that stay). */
const struct kql_op *sql_split(const struct sql_options *o, const struct kql_op *plan);
static inline const struct sql_part *
sql_part_of(const struct kql_op *op) /* of a table in what sql_split gave */
{
    return op->u.table.handle;
}
/* A line per operator: which engine runs it, and for the row engine why SQL cannot; then each part's SQL. */
struct span sql_explain(struct pool *p, const struct kql_op *plan, const struct kql_op *split);
