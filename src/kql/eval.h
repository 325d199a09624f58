/* eval.h - expressions compiled once, evaluated per row; the one evaluator of both the row engine
 * and the stream. Constant parts are folded, conjunctions ordered by cost, text searches and sets
 * and regexes prepared, equal sub-expressions of one program shared.
 *
 * A program is immutable: any thread may run it, each with its own kql_run. Evaluation never fails:
 * what does not convert or compute is null. (Only the pool's limit or deadline ends it: pool.h.) */
#pragma once
#include "kql/plan.h"

struct kql_program;

/* Compiles 'count' expressions over one input schema; results are addressed by their index. NULL:
 * err says what was refused (a regex). 'pool' must outlive the program. Aggregates and window
 * functions are not for it: expressions that hold KQL_WINDOW calls are given as columns by the row
 * engine before. */
struct kql_program *kql_program_new(struct pool *pool, const struct kql_expr *const *exprs,
                                    uint32_t count, struct err *err);
void kql_program_free(struct kql_program *program); /* releases what is prepared; NULL is fine */
/* Which columns of the input it reads: sorted indexes. */
const uint32_t *kql_program_columns(const struct kql_program *program, uint32_t *count);

/* The row that a program runs over, and the run's own memory. */
struct kql_run {
    /* for results and what they need; the caller returns it to a mark per row or batch */
    struct pool *pool;
    int64_t now;
    struct kql_random *random;
    /* Cells of the row. With 'load' NULL all are there. Else a cell is asked for at first use: load
     * fills cells[column]; the evaluator marks it in 'loaded' (a byte per column, zeroed by the
     * caller for each row). */
    struct kql_value *cells;
    uint8_t *loaded;
    void (*load)(void *context, uint32_t column, struct kql_value *cell);
    void *context;
    /* KQL_EXPR_TO_SCALAR and KQL_EXPR_IN_TABLE: asked of the engine, once each (it remembers). NULL
     * in streams. */
    const struct kql_value *(*scalar)(void *context, const struct kql_op *table);
    const struct kql_array *(*set)(void *context, const struct kql_op *table);
    const struct kql_value *(*step_cell)(void *context, uint32_t step, uint32_t column); /* scan */
    /* Shared sub-expressions' and calls' memory: kql_run_begin sets it up. Private. */
    struct kql_slot *slots;
    struct kql_value *arguments;
};
/* Room for a program's shared values in 'run' (taken from run->pool); then per row kql_run_row. */
void kql_run_begin(struct kql_run *run, const struct kql_program *program);
void kql_run_row(struct kql_run *run,
                 const struct kql_program *program); /* forget the last row's values */
void kql_eval(struct kql_run *run, const struct kql_program *program, uint32_t index,
              struct kql_value *out);
bool kql_test(struct kql_run *run, const struct kql_program *program,
              uint32_t index); /* a predicate: true only when true */

/* Runs one constant expression: for folding in the binder. False: it is not constant. */
bool kql_fold(struct pool *pool, int64_t now, const struct kql_expr *e, struct kql_value *out);
