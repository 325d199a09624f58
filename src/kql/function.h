/* function.h - the one table of KQL's functions, operators and aggregates: from its rows come
 * binding, folding, evaluation in both back ends, `penstock query --functions` and the manual.
 *
 * Rows stand in one file per domain (function_string.c ...), each an array that ends at a NULL
 * name; function.c lists the arrays.
 *
 * Signatures are text, read once by function.c:
 *     "(text: string, start: long, length?: long) -> string"
 * several overloads are separated by "\n"; the first that fits without conversion wins, then the
 * first that fits with. Parameter: name[?]: [const] type[...]; '?' optional, '...' (last one or
 * last group) repeats zero or more times after its first. const: must be constant at bind time.
 * Types: KQL's own, or one of
 *     any        every scalar type            number     int long real decimal
 *     integer    int long                     summable   number, timespan, datetime
 *     ordered    all but dynamic, string incl. T, U    a type variable: the common type of all so named
 *     column     must be a plain column       array, bag   dynamic (at run time null unless it is one)
 * Result: a type; T; "= 1" (type of argument 1, counted from 1); or NULL signature result hook
 * below. Arguments are converted by the binder so that the implementation sees exactly the declared
 * type: int to long to real to decimal; dynamic to any scalar type (null when it holds another).
 * int is kept only where the signature says int or T. */
#pragma once
#include "kql/value.h"

enum kql_function_kind {
    KQL_SCALAR,
    KQL_OPERATOR, /* named as kql_operator_name; "-1" unary minus; ".": member; "[]": element */
    KQL_AGGREGATE,
    KQL_WINDOW, /* prev, next, row_number ...: the row engine evaluates them in place */
    KQL_PLUGIN, /* evaluate NAME(...) */
};
enum kql_function_flags {
    KQL_F_TAKES_NULLS =
        1, /* called with null arguments too; else any null argument makes the result null */
    KQL_F_VOLATILE = 2, /* rand(), new_guid(): never folded */
    KQL_F_NOW = 4,      /* depends on the time of evaluation: folded per query, not per stream */
    KQL_F_FIRST_NAME =
        8, /* the result column is named after the first argument: tostring(x) is x */
    KQL_F_TRANSFORM = 16,      /* in Azure Monitor's list for transformations */
    KQL_F_TRANSFORM_ONLY = 32, /* only there: parse_cef_dictionary */
    KQL_F_LEGACY = 64,         /* an accepted old spelling: not listed */
    KQL_F_NOT_BUILT =
        128,          /* known to the binder with its types, refused by name: KQL_E_NOT_BUILT */
    KQL_F_LAZY = 256, /* and, or, iff, case, coalesce: the evaluator has its own way */
    KQL_F_ARRAY_LIST =
        512, /* has_any, in, set_has_element...: array arguments are flattened by the evaluator */
};

/* What an implementation is called with. */
struct kql_call {
    struct pool *pool; /* results live here; the caller resets it */
    const uint8_t
        *types;          /* static types of the arguments, before conversion to the declared ones */
    uint8_t result_type; /* static */
    uint32_t count;      /* of arguments */
    bool is_constant;    /* all arguments are: computed once, before any row */
    int64_t now;         /* ticks */
    void *prepared;      /* what prepare gave; NULL: none */
    struct kql_random *random; /* for rand() and new_guid() */
};
typedef void kql_scalar(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result);

/* Once per compiled call: constants[i] is NULL where argument i is not constant. What it gives
 * lives in 'pool', is immutable (any thread may use it), or is released by 'release'. NULL with err
 * empty: nothing prepared. An err text: the query is refused with it (a regex that does not
 * compile). */
typedef void *kql_prepare(struct pool *pool, const struct kql_value *const *constants,
                          uint32_t count, struct err *err);

struct kql_aggregate {
    size_t state_size;                                 /* zeroed before start */
    void (*start)(struct kql_call *call, void *state); /* NULL: zeros are enough */
    /* One row, nulls included. What the state keeps lives in call->pool (which lives as long as the groups): copy text into
     * it. */
    void (*add)(struct kql_call *call, void *state, const struct kql_value *args);
    /* Aggregates of several results (arg_max: one per argument; percentiles: one per percentile)
     * write result[0], result[1] ...: kql_expr.result_count of them. */
    void (*finish)(struct kql_call *call, void *state, struct kql_value *result);
    /* Rows that several states have seen, as one: 'state' goes on as if it had seen those of
     * 'other' behind its own (sums of reals differ in their last digits). Of the same call, both
     * of one row at least; 'other' is done with, and what it keeps may be taken over, since it
     * lives as long. NULL: cannot be done. */
    void (*merge)(struct kql_call *call, void *state, void *other);
    /* Of several results: 0: result i is argument i in the row that was chosen by argument 0
     * (arg_max, take_any); else result i is made of the first 'leading' arguments and of the i-th
     * behind them (percentiles). */
    uint8_t leading;
};

struct kql_function {
    const char *name;
    enum kql_function_kind kind;
    uint32_t flags;
    const char *signature;
    const char *doc;                 /* one line: "The text with every letter in lower case." */
    kql_scalar *call;                /* KQL_SCALAR, KQL_OPERATOR */
    kql_prepare *prepare;            /* NULL: none */
    void (*release)(void *prepared); /* NULL: nothing outside the pool */
    const struct kql_aggregate *aggregate;
    const char *
        column; /* aggregates and others: how the unnamed result is called: "count_" (as is), "sum_*"
                                   ('*': the first argument's name, or nothing), NULL: the rules of the language
                                   ("NAME_") */
    /* functions of several results (series_stats): "min: real, min_idx: long": the call gives an
     * array of them; the binder makes columns NAME_ARGUMENT_min ... of it, or the names of (a, b) =
     * f(x). NULL: one result */
    const char *tuple;
    const char *group; /* heading in lists: "string", "datetime" ... */
};

/* By exact name and kind(s); NULL: none. */
const struct kql_function *kql_function_find(struct span name, enum kql_function_kind kind);
const struct kql_function *kql_operator_find(const char *name);
/* All rows, in the order of the tables; NULL at the end. */
const struct kql_function *kql_function_next(const struct kql_function *after);

/* A signature, read. */
enum kql_parameter_type { /* values up to KQL_DYNAMIC are enum kql_type */
                          KQL_P_ANY = KQL_TYPE_COUNT,
                          KQL_P_NUMBER,
                          KQL_P_INTEGER,
                          KQL_P_SUMMABLE,
                          KQL_P_ORDERED,
                          KQL_P_T,
                          KQL_P_U,
                          KQL_P_COLUMN,
                          KQL_P_ARRAY,
                          KQL_P_BAG,
};
struct kql_parameter {
    struct span name;
    uint8_t type; /* enum kql_type or kql_parameter_type */
    bool is_optional, is_constant;
};
enum { KQL_PARAMETERS_MAX = 16 };
struct kql_signature {
    struct kql_parameter parameters[KQL_PARAMETERS_MAX];
    uint32_t count;
    uint32_t repeat_first; /* parameters from this one on repeat; == count: none do */
    uint8_t result;        /* enum kql_type, KQL_P_T, KQL_P_U */
    uint8_t result_of;     /* not 0: type of that argument, counted from 1 */
};
/* The index-th overload; false: there is none. */
bool kql_signature_read(const struct kql_function *f, uint32_t index, struct kql_signature *out);

/* The domains' tables. */
extern const struct kql_function kql_functions_operator[], kql_functions_convert[],
    kql_functions_math[], kql_functions_datetime[], kql_functions_string[], kql_functions_parse[],
    kql_functions_user_agent[], kql_functions_encode[], kql_functions_network[],
    kql_functions_place[], kql_functions_geo[], kql_functions_dynamic[], kql_functions_series[],
    kql_functions_aggregate[], kql_functions_window[], kql_functions_series_model[],
    kql_functions_sketch[], kql_functions_plugin[], kql_functions_other[];
