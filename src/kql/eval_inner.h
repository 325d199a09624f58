/* eval_inner.h - a compiled expression: what eval.c (running), eval_compile.c (making) and
 * eval_fast.c (nodes for common shapes) share. Not for others. */
#pragma once
#include "kql/eval.h"

enum {
    EVAL_DEPTH_MAX = 512, /* of nodes below each other: bounds the stack of every thread that runs
                             one */
};

enum eval_truth { EVAL_FALSE, EVAL_TRUE, EVAL_NULL };

struct eval_node;
typedef void eval_run(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
typedef enum eval_truth eval_test(struct kql_run *run, const struct eval_node *n);

/* Immutable once the program is made. */
struct eval_node {
    eval_run *eval;  /* how it is asked for its value: through its slot if it has one */
    eval_test *test; /* the same of a bool, without making a value of it */
    eval_run *compute;
    eval_test *compute_test;
    uint8_t type; /* static: enum kql_type */
    bool is_constant, is_strict /* a null argument makes it null */, is_volatile;
    bool is_negated;        /* of fast nodes: !has */
    uint32_t slot;          /* 0: none */
    struct kql_value value; /* of a constant */
    uint32_t column, step;
    const struct eval_node **children;
    uint32_t count;
    /* calls */
    const struct kql_function *function;
    void *prepared;
    const uint8_t *types; /* static types of the arguments as written; "in (T)": x, T's column */
    uint32_t args_at;     /* where its arguments lie in the run's memory */
    const uint32_t *variable; /* the arguments that are no constants */
    uint32_t variable_count;
    bool has_lists; /* an argument may be an array that is to be flattened */
    const struct kql_op *table;
    const void *fast; /* what a fast node searches for */
    /* what is known for ordering: nanoseconds, roughly, and how often it is true */
    float cost, likely;
    uint32_t height;
    /* while compiling; 'shape': what it was before it became a fast node */
    uint64_t hash;
    struct eval_node *next;
    eval_run *shape;
    eval_test *shape_test;
    uint32_t uses;
};

struct kql_program {
    struct pool *pool;
    const struct eval_node **roots;
    uint32_t count;
    uint32_t *columns;
    uint32_t column_count;
    uint32_t slot_count;    /* the first one counts rows */
    struct kql_value *args; /* all calls' arguments, constants filled in */
    uint32_t args_count;
    const struct eval_node **tables; /* the "in (T)" nodes */
    uint32_t table_count;
    struct eval_prepared {
        const struct kql_function *function;
        void *prepared;
    } * prepared; /* to be released */
    uint32_t prepared_count;
};

struct kql_slot {
    uint64_t row; /* of the first slot: which row this is; of others: whose value it holds */
    struct kql_value value;
};

struct eval_set {           /* of an "in (T)" node, per run; its slot's value.text points here */
    struct kql_value *args; /* the first is the left side, per row */
    uint8_t *types;
    uint32_t count;
    void *prepared;
};

static inline enum eval_truth
eval_truth_of(const struct kql_value *v)
{
    return v->is_null ? EVAL_NULL : v->i != 0 ? EVAL_TRUE : EVAL_FALSE;
}

static inline void
eval_set_truth(enum eval_truth t, struct kql_value *out)
{
    *out = t == EVAL_NULL ? kql_null(KQL_BOOL) : kql_bool(t == EVAL_TRUE);
}

/* Value of a node that is a column or a constant without a call. */
void eval_column(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_constant(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_from_test(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
enum eval_truth eval_test_value(struct kql_run *run, const struct eval_node *n);

/* The functions of each kind of node. */
void eval_call(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_call_lists(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_convert(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_iff(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_case(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_coalesce(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
/* A function that the binder let pass, though it is not built: leaves by the pool's escape. */
void eval_not_built(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_to_scalar(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_in_table(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_step_cell(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
void eval_slot(struct kql_run *run, const struct eval_node *n, struct kql_value *out);
enum eval_truth eval_slot_test(struct kql_run *run, const struct eval_node *n);
enum eval_truth eval_and(struct kql_run *run, const struct eval_node *n);
enum eval_truth eval_or(struct kql_run *run, const struct eval_node *n);

/* Makes a call (arguments compiled, one of them varies) a node of its own kind, if there is one. */
bool eval_make_fast(struct pool *p, struct eval_node *n);
/* The same of one that is prepared. */
bool eval_make_fast_prepared(struct eval_node *n);
