/* bind_inner.h - what the parts of the binder share: bind.c (statements, names, functions of the
 * query), bind_expr.c (scalar expressions), bind_name.c (names of columns), bind_op*.c (tabular
 * operators). Not for others. */
#pragma once
#include "kql/bind.h"
#include "kql/eval.h"

/* A let-bound thing, a parameter of a function, or a table made by 'as'. */
struct bind_symbol {
    struct bind_symbol *older; /* the chain is the scope */
    struct span name;
    enum { SYMBOL_SCALAR, SYMBOL_TABLE, SYMBOL_FUNCTION } kind;
    const struct kql_expr *expr; /* SCALAR */
    /* TABLE: the same pointer wherever it is used; ran once if MATERIALIZE */
    const struct kql_op *table;
    const struct kql_syntax *function; /* FUNCTION: SYN_FUNCTION, bound anew at each call */
    struct bind_symbol *scope;         /* FUNCTION: what its body sees */
};

struct bind {
    struct pool *pool;
    struct kql_diagnostics *d;
    const struct kql_environment *environment;
    struct bind_symbol *symbols; /* the scope now */
    const struct kql_op *input;  /* of the operator being bound; NULL: a source */
    uint32_t depth;              /* of calls of the query's functions and of sub-queries: limited */
    /* While binding the sub-query of mv-apply, partition, facet, fork, scan: what SYN_CONTEXT
     * stands for. */
    const struct kql_op *context;
    /* Set by operators that allow them, else NULL or false. */
    struct bind_aggregates *aggregates; /* summarize and its kin: aggregates met are put here */
    bool windows_allowed;               /* the input is serialized */
    const struct bind_join *join;       /* $left and $right are known */
    const struct bind_scan *scan;       /* step names are known */
    bool is_predicate_all;              /* '*' stands for every column (where * has "x", search) */
};

struct bind_aggregates {
    const struct kql_expr **items;
    size_t count, room;
    uint32_t key_count; /* an aggregate's result is EXPR_COLUMN key_count + its index */
};
struct bind_join {
    const struct kql_schema *left,
        *right; /* $left.a is EXPR_COLUMN a; $right.b EXPR_COLUMN left->count + b */
};
struct bind_scan {
    const struct kql_syntax *const *steps;
    uint32_t step_count;
    const struct kql_schema *row; /* input's columns, then declared ones */
};

/* ---- bind_expr.c ---- */

/* Binds over b->input's schema. Never NULL: after a complaint an expr of type KQL_UNKNOWN. Constant parts come
 * folded. */
const struct kql_expr *bind_expr(struct bind *b, const struct kql_syntax *s);
/* The same, complaining unless the type fits; converts int to long and the like. KQL_UNKNOWN:
 * any. */
const struct kql_expr *bind_expr_as(struct bind *b, const struct kql_syntax *s, enum kql_type type,
                                    const char *what);
/* A constant of that type; false: complained. */
bool bind_constant(struct bind *b, const struct kql_syntax *s, enum kql_type type, const char *what,
                   struct kql_value *out);
/* Converts when the language does so by itself (int to long to real to decimal, dynamic to scalar);
 * NULL: it does not. */
const struct kql_expr *bind_convert(struct bind *b, const struct kql_expr *e, enum kql_type to);
const struct kql_expr *bind_column(struct bind *b, const struct kql_schema *schema, uint32_t index,
                                   const struct kql_syntax *at);
const struct kql_expr *bind_const(struct bind *b, enum kql_type type, struct kql_value v,
                                  const struct kql_syntax *at);
const struct kql_expr *
bind_call(struct bind *b, const struct kql_function *f, const struct kql_expr *const *arguments,
          uint32_t count,
          const struct kql_syntax *at); /* resolves the overload, converts, folds; complains */
/* Index of the column of that exact name; UINT32_MAX: none (no complaint). */
uint32_t bind_find_column(const struct kql_schema *schema, struct span name);
/* Complains of an unknown name, with the nearest one of the schema and the scope. */
void bind_no_column(struct bind *b, const struct kql_schema *schema, const struct kql_syntax *at);
bool bind_matches_wildcard(struct span pattern, struct span name);
/* Whether the syntax is a table here: a pipe, a name of a table, a call of a tabular function
 * ... */
bool bind_is_tabular(struct bind *b, const struct kql_syntax *s);
/* The common type of two (iff, union, join keys); KQL_UNKNOWN: none. */
enum kql_type bind_common_type(enum kql_type a, enum kql_type b);

/* ---- bind_name.c: names of unnamed expressions (design facts, section 6) ---- */

/* Collects the columns of one operator's result, giving out free names. */
struct bind_columns {
    struct bind *b;
    enum bind_naming {
        NAMING_PROJECT, /* a written name twice is an error; made ones are numbered */
        /* starts from the input's columns; a name that is there is replaced in place */
        NAMING_EXTEND,
        NAMING_SUMMARIZE,
        NAMING_PRINT, /* print_0, print_1 */
    } naming;
    struct kql_column *columns;
    const struct kql_expr **exprs;
    size_t count, room, expr_room;
    uint32_t unnamed; /* ColumnN given out so far */
};
void bind_columns_init(struct bind_columns *c, struct bind *b, enum bind_naming naming);
/* Adds what 's' (an expr, SYN_NAMED, a tuple) gives; 'e' is its bound expression. */
void bind_columns_add(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e);
/* Adds under that name as it is, numbered if taken ("k1"). Gives the column's index. */
uint32_t bind_columns_put(struct bind_columns *c, struct span name, enum kql_type type,
                          const struct kql_expr *e);
struct kql_schema bind_columns_schema(const struct bind_columns *c);
/* The name the language gives an unnamed expression; empty: ColumnN. */
struct span bind_name_of(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e);

/* ---- bind.c ---- */

/* A tabular expression: pipe, source, name, call. Never NULL: after a complaint a KQL_ROWS_INLINE
 * with an open schema. */
const struct kql_op *bind_table(struct bind *b, const struct kql_syntax *s);
struct kql_op *bind_op_new(struct bind *b, enum kql_op_kind kind, const struct kql_syntax *at,
                           const struct kql_op *input);
/* A sub-query over 'context' (mv-apply, partition ...). */
const struct kql_op *bind_sub_query(struct bind *b, const struct kql_syntax *s,
                                    const struct kql_op *context);
void bind_declare(struct bind *b,
                  struct bind_symbol symbol); /* complains of a name declared twice */
const struct bind_symbol *bind_find_symbol(const struct bind *b, struct span name);

/* ---- bind_op*.c ---- */

/* One operator node over its bound input. Never NULL. */
const struct kql_op *bind_operator(struct bind *b, const struct kql_syntax *s,
                                   const struct kql_op *input);
/* The sources among the syntax kinds: datatable, print, range, union, find, search,
 * externaldata. */
const struct kql_op *bind_source(struct bind *b, const struct kql_syntax *s);
/* The option of that name (hint.* are ignored by all); complains of options that the operator does
 * not have: 'known' is a list that ends at NULL. */
const struct kql_option *bind_option(const struct kql_syntax *s, const char *name);
void bind_check_options(struct bind *b, const struct kql_syntax *s, const char *const *known);
