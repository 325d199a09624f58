/* program.h - KQL's function library inside DuckDB: what a statement calls where SQL's own meaning is not KQL's.
 *
 * An expression is not translated call by call. It is compiled whole (kql/eval.h) and called as ONE function of the
 * columns that it reads, so both back ends run the very same code and a chunk of 2,048 rows costs one call:
 *
 *     kql_bool(7, c0, c3)        7: the program's number, a constant; c0, c3: the columns, each of the type that cells.h gives it
 *
 * kql_each_long ... and kql_row give a list for a row: the items of a value, or all that parse finds in a text.
 *
 * There is a function for each type of result (kql_bool, kql_int, kql_long, kql_real, kql_decimal, kql_string, kql_guid,
 * kql_dynamic; datetime and timespan are kql_long) and an aggregate for each (kql_sum_bool ... over the library's own
 * aggregates), taking any number of arguments. They are registered when a workspace is opened, are consistent (DuckDB calls
 * them once per entry of a dictionary when they read one column, and folds those that read none) unless the program is volatile
 * (rand(), new_guid()), when their twins kql_bool_volatile ... are named; they take NULLs themselves, and never throw but for
 * a limit, a program that is not there, or arguments that are not those of the program.
 *
 * Private to this folder. A 'programs' belongs to one running query; DuckDB's threads run its programs at the same time, each
 * with a run of its own (made at first use, kept from chunk to chunk). Time and cancelling are looked at every hundred rows
 * or so. */
#pragma once
#include "kql/eval.h"
#include "workspace/store.h"
#include <stdatomic.h>

struct programs;

/* Once per database, before any query; works on read-only files, too. */
MUST_CHECK enum status programs_register(duckdb_connection c, struct err *err);

struct programs_options {
    struct pool
        *pool; /* the query's: what is compiled lives there. Used by the query's own thread only */
    int64_t now;                   /* ticks */
    int64_t deadline_ms;           /* monotonic; 0: none */
    size_t memory_max;             /* bytes of all runs and aggregates together */
    const _Atomic bool *cancelled; /* NULL: cannot be */
    bool gives_no_lists;           /* programs_add_each and programs_add_row refuse */
};
MUST_CHECK enum status programs_new(const struct programs_options *o, struct programs **out,
                                    struct err *err);
/* Its numbers are known no more; waits for calls that are on their way. No statement that names one of its programs may run
 * afterwards (it would fail). NULL is fine. */
void programs_free(struct programs *p);

/* How a program is called: function(number, columns of the input in this order). */
struct program_call {
    const char *function; /* "kql_bool" */
    uint64_t number;
    enum kql_type type;      /* of the result */
    const uint32_t *columns; /* indexes in the expression's input schema, rising */
    uint32_t count;
    /* Aggregates only: the result over no rows at all (an aggregate of DuckDB's cannot know then whose it is and gives NULL).
     * Where there are no keys: CASE WHEN count(*) = 0 THEN this, as a literal, ELSE function(...) END. A group has a row. */
    struct kql_value of_none;
};
/* A scalar expression (no aggregates, no window functions). 'schema': of its input, for the columns' types. False: err
 * (a regex that does not compile ...). Leaves by the pool's escape when memory is spent. */
MUST_CHECK bool programs_add(struct programs *p, const struct kql_expr *e,
                             const struct kql_schema *schema, struct program_call *out,
                             struct err *err);
/* The same, but it gives the value's key (kql/value_key.h), a text that is never NULL: for what SQL would compare by its texts. */
MUST_CHECK bool programs_add_key(struct programs *p, const struct kql_expr *e,
                                 const struct kql_schema *schema, struct program_call *out,
                                 struct err *err);
/* A KQL_EXPR_CALL of a KQL_AGGREGATE over rows of 'schema': its arguments are evaluated inside (columns: what they read).
 * Result 'result' of its kql_expr.result_count (arg_max has several; each is a call of its own, of what that one needs, or all
 * are asked for as one dynamic array: result UINT32_MAX). Calls over the same rows choose the same row.
 * DuckDB reads rows in several threads, each its own run of them, and merges what they made in no order that is promised. Never
 * with ORDER BY in the call (DuckDB's C API then hands over one state for all rows, and does not say so), nor in window frames.
 * False with err empty: the aggregate cannot be merged, or reads more than 32 columns; it is the row engine's. */
MUST_CHECK bool programs_add_aggregate(struct programs *p, const struct kql_expr *call,
                                       uint32_t result, const struct kql_schema *schema,
                                       struct program_call *out, struct err *err);
/* The same of rows in an order that is meant (make_list, make_set, make_bag, buildschema, take_any, a tie of arg_max), and of any
 * aggregate: a scalar function of the rows, which DuckDB gathers. With x the only column, or a struct of them in their
 * order (any value, if there is none):
 *
 *     kql_fold_dynamic(7, list({'a': c0, 'b': c3} ORDER BY ...))
 *
 * A NULL for the list stands for no rows ('of_none' needs no care). Memory for the rows is DuckDB's. */
MUST_CHECK bool programs_add_fold(struct programs *p, const struct kql_expr *call, uint32_t result,
                                  const struct kql_schema *schema, struct program_call *out,
                                  struct err *err);
/* What mv-expand (or mv-apply) makes of a row's value, column 'column' of those that it expands: a list of the column's type, never
 * NULL, no longer than the operator's limit. Where several are expanded the shorter ones end early. 'e': the column's expression,
 * its sub-queries split. The items of a chunk of rows (2,048) are there at once, and count in the query's memory. */
MUST_CHECK bool programs_add_each(struct programs *p, const struct kql_expr *e,
                                  const struct kql_op *op, uint32_t column,
                                  struct program_call *out, struct err *err);
/* What parse, parse-where or parse-kv finds in a row's text 'e': kql_row(...) gives a list of VARCHAR, a text for each capture by its
 * number (kql/parse_match.h), which CAST makes the very value of again (strings, decimals and dynamics are their cells); NULL: null.
 * NULL for the list: the row is to be dropped. False: err (a regex that does not compile). */
MUST_CHECK bool programs_add_row(struct programs *p, const struct kql_expr *e,
                                 const struct kql_op *op, struct program_call *out,
                                 struct err *err);
/* What make-series asks for, each a function of its own:
 *
 *     kql_series_dynamic(7, COUNT, list({'b': BIN, 'f0': VALUE, ...}))     SPREAD: an array of COUNT fills, but for the values at
 *                                                                          their bins; of several values that at 'field'
 *     kql_series_dynamic(7, COUNT, FROM)                                   STEPS: the beginnings of the steps. FROM: BIGINT, of
 *                                                                          a real axis DOUBLE
 *     kql_series_long(7, LOW, HIGH), kql_series_real(7, LOW, HIGH)         FROM, COUNT: where the steps begin, how many there
 *                                                                          are; LOW, HIGH: the data's ends, NULL where there are
 *                                                                          none. BIGINT, of a real axis DOUBLE. NULL: no steps
 * COUNT is a BIGINT; one beyond what an array may have ends the statement. A list that is NULL has no values. */
struct programs_series {
    enum programs_series_kind {
        PROGRAMS_SERIES_SPREAD,
        PROGRAMS_SERIES_STEPS,
        PROGRAMS_SERIES_FROM,
        PROGRAMS_SERIES_COUNT
    } kind;
    enum kql_type type;               /* of the value; else of the axis */
    uint32_t field;                   /* SPREAD: the value's place behind the bin */
    struct kql_value fill;            /* SPREAD */
    struct kql_value step;            /* the others */
    const struct kql_expr *from, *to; /* FROM, COUNT: the same for every row; NULL: the data's */
    bool to_is_inclusive;
};
MUST_CHECK bool programs_add_series(struct programs *p, const struct programs_series *series,
                                    struct program_call *out, struct err *err);
/* A KQL_EXPR_CALL of a KQL_WINDOW, with none inside, over rows in the order that is meant: a scalar function of the list of all
 * of them (as above), whose list of results has one for each, in that order:
 *
 *     kql_window_real(7, list({'a': c0, 'b': c3} ORDER BY ...))
 *
 * Memory for both lists is DuckDB's. */
MUST_CHECK bool programs_add_window(struct programs *p, const struct kql_expr *call,
                                    const struct kql_schema *schema, struct program_call *out,
                                    struct err *err);
/* What toscalar(T) and "in (T)" stand for inside programs, found before a statement that calls them is prepared (DuckDB folds
 * what reads no column then). A program that meets one that was not set ends the statement. The values must outlive it. */
void programs_scalar_set(struct programs *p, const struct kql_op *table,
                         const struct kql_value *value);
void programs_set_set(struct programs *p, const struct kql_op *table, const struct kql_array *set);
/* Why a program stopped the statement (memory, time; POOL_ABANDONED: cancelled, not built ...); false: none did. */
bool programs_failed(const struct programs *p, enum pool_end *why, struct err *err);
/* Whether there was no memory for a list: the query's, or DuckDB's. */
bool programs_lists_spent(const struct programs *p);
/* Bytes that its runs and aggregates hold now. */
size_t programs_memory(const struct programs *p);
