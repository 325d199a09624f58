/* bind_inner.h - what the parts of the binder share: bind.c (statements, names, functions of the
 * query), bind_expr.c (scalar expressions), bind_name.c (names of columns), bind_op*.c (tabular
 * operators). Not for others. */
#pragma once
#include "kql/bind.h"
#include "kql/eval.h"

enum {
    BIND_NEST_MAX = 1000, /* of expressions: a.b.c.d ..., f(g(h(...))), 1 + 2 + 3 ... */
    BIND_DEPTH_MAX = 32,  /* of calls of the query's functions and of sub-queries */
    /* of one expression, what is used twice counted twice: f(f(f(x))) with f(x) = x + x */
    BIND_WEIGHT_MAX = 1000000,
    BIND_CALLS_MAX = 10000, /* of the query's functions, all together: each is bound anew */
};

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
    struct bind_stored *stored;        /* FUNCTION: the environment's; NULL: of the query */
    /* SCALAR: the row that 'expr' is over (a parameter given per row); NULL: none, a constant */
    const struct kql_op *row;
};

/* An expression of several results: arg_max(a, b), percentiles(), series_stats(). The expression
 * that bind_expr gave is results[0]; bind_columns_add looks the others up here. */
struct bind_tuple {
    struct bind_tuple *older;
    const struct kql_expr *const *results;
    const struct span *names;
    uint32_t count;
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
    /* set query_bin_auto_size=..., query_bin_auto_at=...: the literals; NULL: not set */
    const struct kql_syntax *bin_size, *bin_at;
    /* search: a text that stands alone in the predicate is looked for in every column; with its
     * kind=case_sensitive the texts and ':' tell cases apart */
    bool is_search, is_case_sensitive;
    /* While the body of a function of the query is bound: the row of its caller, which the
     * expressions of its scalar parameters are over; NULL: none. Set by bind.c alone. */
    const struct kql_op *caller_row;
    /* of the statements now: a name is declared once up to it */
    const struct bind_symbol *scope_end;
    uint32_t calls;           /* of the query's functions so far: limited */
    struct bind_store *store; /* stored functions so far; NULL: the environment has none */
    struct bind_tuple *tuples;
    uint32_t nest;       /* of bind_expr: limited */
    uint32_t unnamed;    /* ColumnN given out so far */
    bool reads_external; /* an externaldata was bound */
};

struct bind_aggregates {
    const struct kql_expr **items;
    size_t count, room;
    /* An aggregate's result is EXPR_COLUMN key_count + the results (result_count) of those before
     * it. Its 'function' is that of the aggregate, for the names. */
    uint32_t key_count;
    uint32_t result_count; /* of all items together */
    /* The group keys, key_count of them: '*' of arg_max leaves out those that are plain columns.
     * NULL: not known */
    const struct kql_expr *const *keys;
    bool has_star; /* arg_max(x, *) and its kin: all columns of the rows, known or not */
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

/* Columns that are no user's: KQL_INGESTION_COLUMN, numbered behind a join. */
static inline bool
bind_is_hidden(struct span name)
{
    return name.n >= sizeof KQL_INGESTION_COLUMN - 1 &&
           memcmp(name.p, KQL_INGESTION_COLUMN, sizeof KQL_INGESTION_COLUMN - 1) == 0;
}
/* The rows without such columns. */
const struct kql_op *bind_shown(struct bind *b, const struct kql_op *op);

/* Complains of a function that is not built: an error, or a warning where the environment says so.
 * False: binding cannot go on. */
static inline bool
bind_not_built(struct bind *b, const struct kql_syntax *at, const char *name, const char *behind)
{
    kql_complain(b->d, b->environment->defers_not_built ? KQL_W_NOT_BUILT : KQL_E_NOT_BUILT, at->at,
                 at->size, "%s%s is not built here", name, behind);
    return b->environment->defers_not_built;
}

/* ---- bind_expr.c ---- */

/* Binds over b->input's schema. Never NULL: after a complaint an expr of type KQL_UNKNOWN. Constant parts come
 * folded. */
const struct kql_expr *bind_expr(struct bind *b, const struct kql_syntax *s);
/* As bind_expr, complaining unless the type fits; converts int to long and the like. KQL_UNKNOWN:
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
/* A call by name in any of its forms: functions of the query, aggregates, window functions, special
 * ones. */
const struct kql_expr *bind_function_call(struct bind *b, const struct kql_syntax *s);
/* A function of Defender or Sentinel over data of their own (FileProfile, _GetWatchlist ...). */
bool bind_is_foreign(struct span name);
/* Says that it is: an error, or a warning where the environment says so. */
void bind_foreign(struct bind *b, const struct kql_syntax *s, struct span name);
/* Says so too; where that is a warning, rows of the columns that are known. NULL: refused.
 * 'input': of invoke; NULL: none. */
const struct kql_op *bind_foreign_table(struct bind *b, const struct kql_syntax *s,
                                        const struct kql_op *input);
/* A function of the language: no stored one is looked for under its name. */
bool bind_is_built_in(struct span name);
/* database(), cluster(), workspace() and their kin. */
bool bind_is_elsewhere(struct span name);
/* A path that begins with one of them: workspace("x").T */
bool bind_names_place(const struct kql_syntax *s);
/* The several results of an expression, or NULL if it has one only. */
const struct bind_tuple *bind_find_tuple(const struct bind *b, const struct kql_expr *e);
/* Computes what has no columns in it. */
const struct kql_expr *bind_fold(struct bind *b, const struct kql_expr *e);
/* As a value of that type whatever it is, as toX() converts: arguments of the query's functions. */
const struct kql_expr *bind_cast(struct bind *b, const struct kql_expr *e, enum kql_type type);
/* As a value of static type dynamic. */
const struct kql_expr *bind_to_dynamic(struct bind *b, const struct kql_expr *e);
/* An expression in error, or one whose type only the data tells: agrees with everything. */
const struct kql_expr *bind_unknown(struct bind *b, const struct kql_syntax *at);
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

/* ---- bind_call.c: what calls are made of ---- */

struct bind_arguments {
    const struct kql_expr **items;
    uint32_t count;
};
struct bind_arguments bind_arguments_of(struct bind *b, const struct kql_syntax *s);
/* The call as it is: nothing checked, converted or folded. */
const struct kql_expr *bind_call_make(struct bind *b, const struct kql_function *f,
                                      const struct kql_expr *const *arguments, uint32_t count,
                                      enum kql_type type, const struct kql_syntax *at);
/* A function of one argument by its name; the argument itself where there is no such row. */
const struct kql_expr *bind_call_scalar(struct bind *b, const char *name, const struct kql_expr *e);
/* "tolong" and the like. */
const char *bind_conversion(enum kql_type type);
/* A value that fits the type but for a conversion that the language does by itself. */
const struct kql_expr *bind_call_as(struct bind *b, const struct kql_expr *e, enum kql_type type);
/* Complains of a number of arguments. */
void bind_call_count(struct bind *b, const struct kql_function *f, uint32_t count,
                     const struct kql_syntax *at);
void bind_add_tuple(struct bind *b, const struct kql_expr *const *results, const struct span *names,
                    uint32_t count);
bool bind_is_among(struct span name, const char *const *names); /* which end at NULL */

/* ---- bind_aggregate.c ---- */

const struct kql_expr *bind_aggregate_call(struct bind *b, const struct kql_function *f,
                                           const struct kql_syntax *s);

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
    bool is_open; /* more columns may be meant than are known */
    /* Private: the names, open addressing by hash (index + 1), and per column whether its name was
     * written and the last number given to it. */
    uint32_t *slots, slot_count;
    struct bind_column_state {
        bool is_declared;
        uint32_t suffix;
    } * states;
    size_t state_room;
};
void bind_columns_init(struct bind_columns *c, struct bind *b, enum bind_naming naming);
/* Adds what 's' (an expr, SYN_NAMED, a tuple) gives; 'e' is its bound expression. */
void bind_columns_add(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e);
/* Adds under that name as it is, numbered if taken ("k1"). Gives the column's index. */
uint32_t bind_columns_put(struct bind_columns *c, struct span name, enum kql_type type,
                          const struct kql_expr *e);
struct kql_schema bind_columns_schema(const struct bind_columns *c);
/* The name the language gives an unnamed expression; empty: ColumnN. 'e' may be NULL. */
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
/* Calls a function of the query: binds its body with the arguments put in. Scalar or table: exactly
 * one of the results is set; both NULL: complained. */
struct bind_called {
    const struct kql_expr *expr;
    const struct kql_op *table;
};
struct bind_called bind_call_symbol(struct bind *b, const struct bind_symbol *f,
                                    const struct kql_syntax *s);
/* invoke f(a): as above, with 'input' as the first argument. */
struct bind_called bind_invoke(struct bind *b, const struct bind_symbol *f,
                               const struct kql_syntax *s, const struct kql_op *input);
void bind_declare(struct bind *b,
                  struct bind_symbol symbol); /* complains of a name declared twice */
const struct bind_symbol *bind_find_symbol(const struct bind *b, struct span name);

/* The statements of a function's body; what the last one is. */
struct bind_called bind_function_body(struct bind *b, const struct kql_syntax *function);
const struct kql_syntax *bind_parameter_default(const struct kql_syntax *parameter);
struct bind_symbol bind_scalar_symbol(struct bind *b, struct span name, const struct kql_expr *e);

/* ---- bind_place.c: whose tables a name means ---- */

/* The environment's contexts: the first, and those beside it. */
static inline uint32_t
bind_context_count(const struct bind *b)
{
    return 1 + b->environment->beside_count;
}
static inline void *
bind_context_at(const struct bind *b, uint32_t i)
{
    return i == 0 ? b->environment->context : b->environment->beside[i - 1];
}
/* Whether some context has a table of that name. */
bool bind_has_table(const struct bind *b, struct span name);
/* The table, or the union of the tables, of that name; NULL: none. */
const struct kql_op *bind_environment_table(struct bind *b, struct span name,
                                            const struct kql_syntax *s);
const struct kql_op *bind_table_of(struct bind *b, const struct kql_table *table,
                                   const struct kql_syntax *s);
/* A path that bind_names_place knows: the table; NULL: complained. */
const struct kql_op *bind_place_table(struct bind *b, const struct kql_syntax *s);
/* The same where the name may be a pattern. False: complained, or (quiet) it is not known here. */
struct bind_place {
    void *context;
    struct span prefix; /* "workspace('x')." */
    const struct kql_syntax *name;
};
bool bind_place_find(struct bind *b, const struct kql_syntax *s, bool is_quiet,
                     struct bind_place *out);
/* Complains of a table that is not there, with the nearest name of that context's. */
void bind_no_table(struct bind *b, const struct kql_syntax *s, struct span name, void *context);

/* ---- bind_stored.c: functions that the environment stores ---- */

struct bind_stored;
struct bind_store {
    struct bind_stored *newest,
        *called; /* all that were asked for; the innermost that is bound now */
};
/* What a name or a call stands for that no symbol has: a function of the environment, parsed. NULL:
 * none of that name, or its text is no function (then complained). */
const struct bind_symbol *bind_find_stored(struct bind *b, const struct kql_syntax *s);
/* Around the binding of a body, for any function; those of the query pass. Repeats: it is being bound
 * already (complained). */
bool bind_stored_repeats(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s);
void bind_stored_enter(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s);
void bind_stored_leave(struct bind *b, const struct bind_symbol *f);

/* ---- bind_op*.c ---- */

/* One operator node over its bound input. Never NULL. */
const struct kql_op *bind_operator(struct bind *b, const struct kql_syntax *s,
                                   const struct kql_op *input);
/* The sources among the syntax kinds: datatable, print, range, union, find, search,
 * externaldata. */
const struct kql_op *bind_source(struct bind *b, const struct kql_syntax *s);
/* Whether the expression looks at no row: it is the same for every one. */
bool bind_is_constant(struct bind *b, const struct kql_expr *e);
/* The option of that name (hint.* are ignored by all); complains of options that the operator does
 * not have: 'known' is a list that ends at NULL. */
const struct kql_option *bind_option(const struct kql_syntax *s, const char *name);
void bind_check_options(struct bind *b, const struct kql_syntax *s, const char *const *known);
