/* program_inner.h - a query's programs from the inside; for program.c, program_scalar.c and program_aggregate.c. */
#pragma once
#include "kql/random.h"
#include "workspace/cells.h"
#include "workspace/program.h"
#include <pthread.h>

/* A thread's way through a program: what the evaluator remembers, and memory. */
struct program_run {
    struct program_run *idle; /* the next that nobody uses now */
    struct program_run *next; /* of all that there are */
    struct program *program;
    struct pool pool;      /* a row's: returned to 'mark' */
    struct pool_mark mark; /* behind what lasts as long as the run */
    struct pool keep;      /* an aggregate's states: lasts as long as the query */
    struct kql_run run;
    struct kql_random random;
    struct cell_column *columns; /* of this chunk, as the program's */
    struct kql_value *results;   /* an aggregate's arguments, its results */
    struct kql_call call;        /* an aggregate's, with this run's pool and random numbers */
    size_t row;                  /* of this chunk */
};

/* Immutable but for its runs. */
struct program {
    struct programs *owner;
    uint64_t number;
    struct kql_program *code;
    const uint32_t *columns; /* of the schema: what the arguments are */
    uint32_t column_count, schema_count;
    enum kql_type *types;         /* of the arguments */
    uint32_t *place;              /* which argument a column of the schema is */
    uint32_t *plain, plain_count; /* arguments that are read for each row, at once */
    uint32_t *lazy, lazy_count;   /* those that are read when they are asked for */
    enum kql_type type;           /* of the result */
    enum kql_type
        key_of; /* the type of the value whose key is the result; KQL_UNKNOWN: the value is */
    bool is_volatile;
    const struct program_aggregate *aggregate; /* NULL: scalar */
    bool is_fold;                              /* of an aggregate: over lists of rows */
    struct program_list *list;                 /* NULL: gives no list */
    const struct programs_series *series;      /* NULL: none of program_series.c */
    const struct kql_expr *window;   /* a window function's call: over lists of rows; NULL: none */
    struct program_run *idle, *runs; /* under the owner's lock */
};

struct programs {
    uint64_t id;
    struct programs *next; /* in the registry */
    struct programs_options options;
    struct pool account; /* counts what all runs hold; nothing is taken from it */
    _Atomic bool has_failed, lists_spent;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t is_idle;
    size_t running; /* calls on their way */
    struct program **items;
    size_t count, room;
    struct program_result { /* of toscalar(T) and "in (T)" */
        const struct kql_op *table;
        const struct kql_value *value;
        const struct kql_array *set;
    } * results;
    size_t result_count, result_room;
    enum pool_end why;
    struct err reason;
};

/* One of the functions in DuckDB. */
struct program_function {
    const char *name;
    enum kql_type type;
    bool is_volatile;
};

/* Compiles 'exprs' over rows of 'schema', 'type' being the result's. Not known by a number yet. NULL: err. */
struct program *program_new(struct programs *p, const struct kql_expr *const *exprs, uint32_t count,
                            const struct kql_schema *schema, enum kql_type type, struct err *err);
/* From here on it is called by its number. False: err; it is released. */
MUST_CHECK bool program_enter(struct program *program, struct err *err);

/* A call: the program of that number with a run of it, which the caller alone has until program_leave. NULL: err says why the
 * statement ends. */
struct program_run *program_begin(uint64_t number, struct err *err);
void program_end(struct program_run *run);
/* A run that is ended when its scope is left, also by an exception: DuckDB throws one when there is no memory for a text that is
 * written into its vectors, and it goes through our frames (these files are compiled with -fexceptions). A call that is not ended
 * would be waited for for ever. */
void program_leave(struct program_run **run);
#define PROGRAM_RUN __attribute__((cleanup(program_leave))) struct program_run *
/* Looks at the arguments of a chunk: what they are and how many. False: err. */
MUST_CHECK bool program_open(struct program_run *run, const duckdb_vector *arguments, size_t count,
                             struct err *err);
/* The row that is evaluated next. */
void program_row(struct program_run *run, size_t row);
/* A scalar program over rows 0 to count - 1 of what was opened. False: err, and the query is over. */
MUST_CHECK bool program_run_chunk(struct program_run *run, size_t count, duckdb_vector output,
                                  struct err *err);
/* Leaves by the pool's escape when the query is over. */
void program_look(struct program_run *run);
/* After an escape: remembers why, and says it. */
void program_fail(struct program_run *run, const struct pool *ended, struct err *err);

/* A function that takes the number and whatever follows, and gives a cell or a list of such. */
MUST_CHECK enum status program_function_register(duckdb_connection c,
                                                 const struct program_function *f, bool gives_list,
                                                 duckdb_scalar_function_t call, struct err *err);
/* What such a function does: finds the program, whose own function must be the one that is called, and lets it run over the chunk. */
typedef const struct program_function *program_function_of(const struct program *program);
typedef bool program_chunk_runner(struct program_run *run, size_t count, duckdb_vector output,
                                  struct err *err);
void program_call_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output,
                      program_function_of *function, program_chunk_runner *runner);
/* Whether the cell is the one before it: what a program of this column alone gives is the same, then. Not for row 0. */
bool program_is_repeated(const struct cell_column *c, size_t row);
/* The one of 'count' that gives results of the type (a datetime's and a timespan's is a long's). */
const struct program_function *program_function_find(const struct program_function *functions,
                                                     size_t count, enum kql_type type,
                                                     bool is_volatile);
/* The program's own function is 'f'; else err. */
MUST_CHECK bool program_is_of(const struct program *program, const struct program_function *own,
                              const struct program_function *f, struct err *err);

/* ---- lists ---- */

struct program_list { /* immutable; lives in the query's pool */
    bool is_row;      /* kql_row: what a matcher finds; else kql_each */
    struct kql_expand column;
    bool bag_as_array;
    uint64_t limit; /* items */
    struct kql_matcher *matcher;
    bool drops_failed;
    uint32_t count; /* captures, and their types */
    uint8_t *types;
};
void program_list_free(struct program_list *list);
/* As program_run_chunk. */
MUST_CHECK bool program_run_lists(struct program_run *run, size_t count, duckdb_vector output,
                                  struct err *err);

/* ---- aggregates ---- */

struct program_aggregate { /* immutable */
    const struct kql_function *function;
    const struct kql_aggregate *code;
    struct kql_call call; /* but for pool and random */
    uint32_t result, result_count;
};
/* NULL: err, or with err empty it is not to be had so. */
struct program *program_aggregate_new(struct programs *p, const struct kql_expr *call,
                                      uint32_t result, const struct kql_schema *schema,
                                      struct err *err);
void program_aggregate_free(const struct program_aggregate *a);
/* Room for arguments and results, and run->call with what is this run's own. Leaves by keep's escape. */
void program_aggregate_begin(struct program_run *run);
void *program_state_new(struct program_run *run);
/* The row at hand (program_row). */
void program_state_add(struct program_run *run, void *state);
/* The wanted result, or all of them as an array; lives in run->call.pool. */
struct kql_value program_state_finish(struct program_run *run, void *state);
/* What 'call' needs to be known of the program, which is one of 'function'. */
void program_describe(const struct program *program, const char *function,
                      struct program_call *out);

/* The columns in the rows of lists, as fold and window programs are given them, in 'run'. False: err. */
MUST_CHECK bool program_open_lists(struct program_run *run, duckdb_vector lists, struct err *err);

MUST_CHECK enum status program_aggregates_register(duckdb_connection c, struct err *err);
MUST_CHECK enum status program_folds_register(duckdb_connection c, struct err *err);
MUST_CHECK enum status program_lists_register(duckdb_connection c, struct err *err);
MUST_CHECK enum status program_series_register(duckdb_connection c, struct err *err);
MUST_CHECK enum status program_windows_register(duckdb_connection c, struct err *err);
