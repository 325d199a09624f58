/* sql_inner.h - what the files that turn plans into SQL share. Not for others.
 *
 * An operator that SQL carries becomes a step: one common table expression "tN" with the columns c0 ... of the operator's
 * schema. A step whose rows have an order gives the values it is ordered by as hidden columns k0 ... behind them; steps that
 * work row by row pass them on, and what needs the order (take, the statement's end) sorts by them. So no step trusts
 * that a sub-query keeps an order. */
#pragma once
#include "kql/pool.h"
#include "workspace/cells.h"
#include "workspace/sql.h"

enum {
    SQL_TEXT_MAX = 4 << 20,  /* bytes of a statement */
    SQL_STEPS_MAX = 1000,    /* operators in a statement */
    SQL_DEPTH_MAX = 250,     /* operators one behind the other */
    SQL_EXPR_TEXT_MAX = 256, /* bytes of SQL that an expression writes more than once */
    SQL_EXPR_DEPTH_MAX = 60, /* of native SQL; deeper expressions are programs */
    SQL_LIST_MAX = 1000,     /* items of IN (...); longer ones are programs */
    SQL_CELLS_MAX = 20000,   /* of a datatable */
    SQL_ORDER_MAX = 8,       /* hidden columns of a step */
    SQL_COLUMNS_MAX = 2000,  /* of a step */
    /* Groupings one over the other that DuckDB plans together: its filter pushdown takes twice as long for each further one
     * (1.5.5), and cannot be interrupted. The rows of one more are kept between. */
    SQL_GROUPINGS_MAX = 8,
};

/* SQL that grows. */
struct sql_text {
    struct pool *pool;
    char *p;
    size_t n, room;
};
void sql_put(struct sql_text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void sql_put_span(struct sql_text *t, struct span text);

struct sql_order { /* of the hidden column of the same place */
    enum kql_type type;
    bool is_descending, nulls_first;
};

struct sql_list { /* operators, each once */
    const struct kql_op **items;
    size_t count, room;
};
void sql_list_add(struct pool *p, struct sql_list *list, const struct kql_op *op);

struct sql_step {
    const struct kql_op *op;
    uint32_t id; /* its name is t and this number */
    struct sql_text text;
    struct sql_step **inputs; /* those that the text names, as often as it does */
    size_t input_count, input_room;
    struct sql_order order[SQL_ORDER_MAX];
    uint32_t order_count;
    bool
        counts_rows; /* k0 ... are numbers, all together of no other row: the order in which the rows came */
    bool counts_items; /* ... of the same run */
    uint32_t depth;
    bool is_repeatable;            /* running it twice gives the same rows */
    const struct sql_place *place; /* that its tables lie in; NULL: it reads none */
    bool has_places;               /* several: no statement can be made of it */
    /* A byte per column: whether it is a table's as it is stored. NULL: the step's rows are not those of one table. */
    uint8_t *is_stored;
    uint32_t groupings; /* one over the other, up to and with this step */
    bool is_volatile;   /* an expression of its own gives another value each time: it is run once */
    const struct sql_runs *runs; /* whose rows it has; NULL: it stands in no sub-plan */
    bool may_miss_runs;          /* some run may have no row */
    bool numbers_rows;           /* in another way each time: it is run once */
    bool limits; /* gives the first of its rows: DuckDB must not drop rows before it */
    bool joins;  /* which it may do for the sake of this */
    struct sql_list scalars, sets; /* that its own programs ask for */
    /* What its text reads of inputs: of a column of its own, or beside them. No columns: all of its text is needed. */
    struct sql_read {
        struct sql_step *source;
        uint32_t column;
    } * reads;
    size_t read_count, read_room;
    struct sql_step_column {
        uint32_t column; /* of the schema; UINT32_MAX: a hidden one */
        bool is_first;   /* of a list */
        size_t begin, end, read_begin, read_end;
    } * columns;
    size_t column_count, column_room;
    bool begins_list;
    /* while a statement is put together */
    uint32_t statement, uses;
    uint8_t *wanted; /* a byte per column */
};

/* A sub-plan that is run for each row or group is one step after the other for all its runs together: rows carry hidden columns
 * r0 ... behind the others, of which r0 says which run they are of and the others are the same in all rows of a run: the
 * values that runs are ordered by, and what is carried past the sub-plan. Where columns are named by number (wanted, reads)
 * they are schema.count and on. */
struct sql_runs {
    struct sql_step *rows; /* that the sub-plan is run over: one or more of each run */
    uint32_t count;
    enum kql_type type;                    /* of r0 */
    struct sql_order order[SQL_ORDER_MAX]; /* of r1 ... */
    uint32_t order_count;
    bool order_is_total; /* no two runs are alike in it */
    uint32_t carried;    /* the first of those that are carried past */
};

struct sql_node { /* what is known of an operator of the plan */
    const struct kql_op *op;
    bool is_looked_at, is_tried;
    bool reads_input;      /* a KQL_ROWS_INPUT lies below */
    bool reads_table;      /* a KQL_ROWS_TABLE does */
    bool asks_input;       /* an expression of its own names a sub-query over a KQL_ROWS_INPUT */
    bool is_volatile;      /* an expression of its own is */
    bool has_windows;      /* an expression of its own calls a window function */
    bool is_shown;         /* a branch: its result is an answer */
    bool is_forbidden;     /* a materialized thing that several statements want */
    struct sql_step *step; /* NULL: the row engine's */
    struct span why;       /* the reason, then */
    const struct kql_op *rest, *held;
};

/* An operator of a plan that sql_split gave: each but the parts. */
struct sql_rest {
    struct kql_op op;
    struct span why;
};

struct sql_build {
    const struct sql_options *o;
    struct pool *pool;
    struct sql_node **slots; /* by the operator's address */
    size_t node_count, slot_count;
    const struct kql_op *root;
    uint32_t step_count, statement_count;
    struct sql_step
        *rows; /* what the KQL_ROWS_INPUT of the sub-plan at hand is; NULL: it is not carried */
    uint32_t inside; /* sub-plans that are run for each row or group, around what is looked at */
    struct span why; /* of the operator that is being tried */
    struct sql_step **parts; /* roots of the statements that were made */
    size_t part_count, part_room;
};

/* What a plan's operators and expressions are walked with. */
struct sql_visit {
    void *context;
    const struct kql_op *(*op)(void *context, const struct kql_op *op);
    /* of a sub-plan that is run again and again */
    const struct kql_op *(*sub)(void *context, const struct kql_op *op);
    const struct kql_expr *(*expr)(void *context, const struct kql_expr *e);
};
/* 'op' with all that it points at put through the visit; sql_rest.c. */
struct kql_op sql_walk(struct pool *p, const struct sql_visit *v, const struct kql_op *op);
/* Whether it names a sub-query. */
bool sql_has_table(const struct kql_expr *e);
/* An expression with the sub-queries that it names put through the visit's op; itself, where it names none. */
const struct kql_expr *sql_walk_tables(struct pool *p, const struct sql_visit *v,
                                       const struct kql_expr *e);

/* ---- sql.c ---- */

const char *sql_op_name(enum kql_op_kind kind); /* "mv-expand" */

struct sql_node *sql_node_of(struct sql_build *b, const struct kql_op *op);
/* From here on it is the step of an operator that the plan has not. */
void sql_stand_for(struct sql_build *b, const struct kql_op *op, struct sql_step *step);
/* The step of an operator; NULL: the row engine's. */
struct sql_step *sql_carry(struct sql_build *b, const struct kql_op *op);
/* The step of its input; NULL: b->why. */
struct sql_step *sql_input(struct sql_build *b, const struct kql_op *op);
/* What stands for an operator in the plan that is given back. */
const struct kql_op *sql_rest_of(struct sql_build *b, const struct kql_op *op);
/* An expression with its sub-queries split. */
const struct kql_expr *sql_rest_expr(struct sql_build *b, const struct kql_expr *e);
/* False, and why. */
bool sql_refuse(struct sql_build *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Names a step in another's text: gives its number. */
uint32_t sql_use(struct sql_build *b, struct sql_step *step, struct sql_step *input);
void sql_put_columns(struct sql_text *t, uint32_t count); /* "c0, c1" */
/* " ORDER BY ..." by the hidden columns of a step; nothing when it has none. */
void sql_put_order(struct sql_text *t, const struct sql_step *ordered, const char *prefix);

/* ---- sql_statement.c ---- */

/* "SELECT ", and that its columns follow: each between begin and end, which may be left out of the statement, and
 * with it the comma before it. */
void sql_select(struct sql_step *step, const char *word);
void sql_column_begin(struct sql_step *step, uint32_t column); /* UINT32_MAX: hidden */
void sql_column_end(struct sql_step *step);
/* That the text at hand names a column of another step's. */
void sql_read(struct sql_step *step, struct sql_step *source, uint32_t column);
/* All columns of the input as they are; its hidden ones, by which the step is ordered then. */
void sql_pass_columns(struct sql_step *step, struct sql_step *input);
void sql_pass_order(struct sql_step *step, const struct sql_step *input);
/* NULL: it is too large. */
const struct sql_part *sql_statement(struct sql_build *b, struct sql_step *root);
/* Whether a step is in the statement of another. */
bool sql_statement_holds(struct sql_build *b, struct sql_step *root, const struct sql_step *step);

/* ---- sql_expr.c ---- */

/* Whose columns an expression names. */
struct sql_scope {
    struct sql_build *b;
    struct sql_step *step;   /* that the text is of */
    struct sql_step *source; /* whose columns those of the schema are; NULL: no step's */
    const struct kql_schema *schema;
    const char *prefix;                    /* "" or "l." */
    const struct workspace_column *stored; /* not NULL: columns are these, of the stored row */
    uint32_t depth;
};
struct sql_scope sql_scope_of(struct sql_build *b, struct sql_step *step, struct sql_step *source,
                              const struct kql_schema *schema, const char *prefix);
/* Its value: native, else one program. False: b->why. */
MUST_CHECK bool sql_value(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e);
/* What rows are grouped, joined and sorted by: the value, or where SQL compares such values otherwise (sql_has_key) a text that is never
 * NULL, the same of equal ones, "" of null. Of decimals they have the values' order. */
bool sql_has_key(const struct kql_expr *e);
MUST_CHECK bool sql_key(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e);
/* A predicate where null is as good as false. */
MUST_CHECK bool sql_test(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e);
/* The parts of a conjunction, as SQL with AND between them: native ones first. */
MUST_CHECK bool sql_conjunction(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e);
void sql_put_column(struct sql_scope *s, struct sql_text *t, uint32_t column);
/* A null, or "" of strings, of that type. */
void sql_put_null(struct sql_text *t, enum kql_type type);
void sql_put_call(struct sql_scope *s, struct sql_text *t, const struct program_call *call);
/* The program's own scalars and sets belong to the step that calls it. */
void sql_ask(struct sql_scope *s, const struct kql_expr *e);
bool sql_is_text(const struct kql_expr *e);

/* The expression over a row that has 'by' columns more in front; sql_series.c. */
const struct kql_expr *sql_shifted(struct pool *p, const struct kql_expr *e, uint32_t by);

/* ---- sql_native.c ---- */

enum sql_mode {
    SQL_EXACT, /* the very value, null or not */
    SQL_TRUTH, /* a bool of which null is as good as false */
};
/* False: it has no SQL; what was written is to be taken back (try_native). */
bool sql_native(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e,
                enum sql_mode mode); /* sql_expr.c */
bool sql_call(struct sql_scope *s, struct sql_text *t, const struct kql_expr *e,
              enum sql_mode mode);
/* A part of a native expression as a text of its own, to be written more than once. False: it is not native, or long. */
bool sql_piece(struct sql_scope *s, const struct kql_expr *e, struct sql_text *out);
bool sql_is_constant(const struct kql_expr *e);
bool sql_is_nullable(const struct kql_expr *e);

/* ---- sql_fork.c ---- */

/* What is left of a fork whose branches need not share their input's rows. False: they do. */
MUST_CHECK bool sql_fork(struct sql_build *b, const struct kql_op *op, struct kql_op *out);

/* ---- sql_runs.c ---- */

/* A step that is no operator's. */
struct sql_step *sql_between(struct sql_build *b, const struct kql_schema *schema);

/* For steps whose input may stand in a sub-plan; nothing is done where it does not. */

/* The hidden columns of the runs, among the columns of a list; 'prefix' is "" or "l.". */
void sql_pass_runs(struct sql_step *step, struct sql_step *input, const char *prefix);
/* The same at the beginning of a list, with a comma behind: of a layer that groups by r0, and of those over it. */
void sql_group_runs(struct sql_step *step, struct sql_step *input);
void sql_list_runs(struct sql_step *step, const struct sql_step *input);

/* For steps whose input does. */

/* The rows of an operator that SQL carries, and others, so that there is one for each run: which are not "live". sql_live.c */
struct sql_step *sql_live_rows(struct sql_build *b, const struct kql_op *op);
/* The first rows of each run, as the input is ordered; or by " ORDER BY ...". */
void sql_first_of_runs(struct sql_build *b, struct sql_step *step, struct sql_step *input,
                       const char *order, uint64_t limit);

/* For operators that have a sub-plan. */

/* The step of a sub-plan that is run over 'rows'; NULL: b->why. */
struct sql_step *sql_carry_sub(struct sql_build *b, const struct kql_op *sub,
                               struct sql_step *rows);
/* What the runs of the input itself are, as columns from r'from' on of the sub-plan's rows, the last of them; and as those of the
 * operator's own step again. */
void sql_carry_runs(struct sql_step *step, struct sql_step *input, uint32_t from);
void sql_return_runs(struct sql_step *step, const struct sql_step *input, struct sql_step *sub);
/* Run after run, each in the sub-plan's order: if either has one. False: b->why. */
MUST_CHECK bool sql_order_by_runs(struct sql_build *b, struct sql_step *step, struct sql_step *sub);

/* ---- sql_expand.c: the parts of a SELECT that makes rows of what an operator expands ---- */

#define SQL_NOT_NUMBERED (UINT32_MAX - 1) /* beyond what an enum of C17 holds */
void sql_expand_items(struct sql_step *step, const struct kql_op *op);
/* The item's index, from 0 on; as "c3" or "k0". */
void sql_expand_index(struct sql_step *step, const struct kql_op *op, uint32_t column,
                      const char *name, uint32_t number);
/* Its FROM: with a number n of the input's row for the step's column 'numbered'. False: b->why. */
MUST_CHECK bool sql_expand_lists(struct sql_scope *s, const struct kql_op *op, uint32_t numbered);

/* ---- operators: the step's text; false: b->why ---- */
typedef bool sql_carrier(struct sql_build *b, struct sql_step *step, const struct kql_op *op);
sql_carrier sql_table_step, sql_inline_step, sql_external_step, sql_print_step, sql_range_step,
    sql_where_step, sql_project_step, sql_sort_step, sql_take_step, sql_count_step, sql_sample_step,
    sql_sample_distinct_step, sql_pass_step;    /* sql_op.c */
sql_carrier sql_summarize_step;                 /* sql_summarize.c */
sql_carrier sql_input_step, sql_partition_step; /* sql_runs.c */
sql_carrier sql_join_step, sql_union_step;      /* sql_join.c */
sql_carrier sql_expand_step, sql_parse_step;    /* sql_expand.c */
sql_carrier sql_apply_step;                     /* sql_apply.c */
sql_carrier sql_series_step;                    /* sql_series.c */
sql_carrier sql_hitters_step, sql_nested_step;  /* sql_top.c */
/* An operator whose expressions call window functions: 'carry' over rows that have their results. sql_window.c */
bool sql_window_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op,
                     sql_carrier *carry);

/* A where over a union as a union of where, each over a table's own columns; NULL: it stays as it is. sql_push.c */
const struct kql_op *sql_push(struct sql_build *b, const struct kql_op *op);
