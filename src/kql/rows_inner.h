/* rows_inner.h - what the files of the row engine share. Not for others.
 *
 * An operator becomes a cursor, from which rows are pulled one at a time. A row's cells live in the
 * run's scratch pool, which the puller returns to its mark once it is done with the row; what has to
 * last longer is copied into the run's keep pool. A cursor that gives several rows for one of its
 * input (join, mv-expand) pulls its input with a scratch pool of its own, and returns that one only
 * when it goes on to the input's next row. */
#pragma once
#include "kql/eval.h"
#include "kql/random.h"
#include "kql/rows.h"

enum { ROWS_DEPTH_MAX = 2000 }; /* operators one inside or behind the other */

struct rows_list {
    const struct kql_value **items; /* arrays of cells */
    size_t count, room;
};

struct rows_engine;

struct rows_pool {
    struct rows_pool *older, *sibling;
    struct pool pool;
};
struct rows_reader {
    struct rows_reader *sibling;
    void *reader; /* NULL: closed */
};
/* What a run has taken besides its memory, and the runs inside it: given back when it restarts. */
struct rows_life {
    struct rows_pool *pools;
    struct rows_reader *readers;
    struct rows_life *children, *sibling;
};

struct rows_scalar {
    struct rows_scalar *older;
    const struct kql_op *table;
    struct kql_value value;
    struct kql_array set;
};

/* One going through a plan, or through a sub-query for one of its rows or groups. */
struct rows_run {
    struct rows_engine *engine;
    struct pool *keep, *scratch;
    struct rows_life *life;
    const struct rows_list *input; /* what KQL_ROWS_INPUT stands for */
    bool input_is_lasting;         /* its cells outlive the run */
    struct rows_scalar *scalars;   /* toscalar() of the input's rows: once per input */
};

struct rows_cursor {
    struct rows_run *run;
    const struct kql_op *op;
    uint32_t width;  /* cells of a row */
    bool is_lasting; /* cells outlive the run's scratch: no need to copy what they point at */
    uint64_t given;  /* rows so far */
    /* Fills 'row'; false: no more (not asked again). */
    bool (*next)(struct rows_cursor *c, struct kql_value *row);
};

struct rows_release { /* what is freed when the query ends */
    struct rows_release *older;
    void *thing; /* NULL: not yet, or not any more */
    void (*release)(void *thing);
};
struct rows_memo {
    struct rows_memo_item {
        const void *key;
        uint32_t slot;
        void *value;
    } * items;
    size_t count, room; /* room: a power of two */
};

struct rows_engine {
    struct pool *pool; /* the query's: plan, programs, answers */
    const struct kql_environment *environment;
    const struct kql_rows_source *source;
    const struct kql_rows_limits *limits;
    int64_t now;
    struct kql_random random;
    struct rows_memo memo;
    struct rows_pool *pools, *idle; /* all; those that nobody uses now, by 'sibling' */
    struct rows_release *releases;
    struct rows_external *externals; /* what externaldata has read so far: of rows_external.c */
    uint32_t depth;
    struct rows_life life;
    struct rows_run root;
};

/* ---- rows.c ---- */

/* What an operator is remembered by. */
static inline const struct kql_op *
rows_origin(const struct kql_op *op)
{
    return op->origin != NULL ? op->origin : op;
}
/* What is remembered under a thing of the plan; NULL: nothing yet. */
void *rows_memo_get(struct rows_engine *e, const void *key, uint32_t slot);
void rows_memo_put(struct rows_engine *e, const void *key, uint32_t slot, void *value);
/* A place for a thing that is to be freed when the query ends. */
struct rows_release *rows_release_new(struct rows_engine *e, void (*release)(void *thing));
/* An empty pool that counts in the query's limits and ends with the run. */
struct pool *rows_pool_new(struct rows_run *run);
/* The same run with a scratch pool of its own. */
struct rows_run *rows_run_beside(struct rows_run *run);
/* A run for a sub-query, with pools of its own; rows_run_restart between inputs. */
struct rows_run *rows_run_inside(struct rows_run *run);
void rows_run_restart(struct rows_run *run, const struct rows_list *input);

/* 'wanted': a byte per column of the schema, those whose values will be looked at; NULL: all. */
struct rows_cursor *rows_open(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted);
void *rows_cursor_new(struct rows_run *run, const struct kql_op *op, size_t size,
                      bool (*next)(struct rows_cursor *c, struct kql_value *row));
bool rows_next(struct rows_cursor *c, struct kql_value *row);
struct kql_value *rows_cells_new(struct pool *p, uint32_t count);
/* All rows, copied to where 'keep' says. */
struct rows_list *rows_collect(struct pool *keep, struct rows_cursor *c);
void rows_list_add(struct pool *p, struct rows_list *list, const struct kql_value *row);
struct kql_value *rows_copy(struct pool *to, const struct kql_value *cells, uint32_t count,
                            bool is_lasting);
/* Which columns of a row are kept: only those that are wanted. */
struct rows_picks {
    uint32_t *columns, count; /* columns NULL: all of them */
    struct kql_value *blank;  /* a row of nulls */
};
void rows_picks_init(struct rows_picks *p, struct rows_run *run, const struct kql_schema *schema,
                     const uint8_t *wanted);
struct kql_value *rows_picks_copy(const struct rows_picks *p, struct pool *to,
                                  const struct kql_value *row, bool is_lasting);
/* A whole row again. */
void rows_picks_spread(const struct rows_picks *p, const struct kql_value *kept, uint32_t width,
                       struct kql_value *row);

/* Expressions over a row. Programs are compiled once per 'owner' (a thing of the plan) and 'slot'. */
struct rows_eval {
    struct kql_program *program;
    struct kql_run run;
    struct rows_run *rows;
    const void *scan; /* of step_cell */
};
void rows_eval_init(struct rows_eval *e, struct rows_run *run, const void *owner, uint32_t slot,
                    const struct kql_expr *const *exprs, uint32_t count);
static inline void
rows_eval_row(struct rows_eval *e, struct kql_value *cells)
{
    e->run.cells = cells;
    kql_run_row(&e->run, e->program);
}
static inline void
rows_eval_cell(struct rows_eval *e, uint32_t index, struct kql_value *out)
{
    kql_eval(&e->run, e->program, index, out);
}
/* A value that no row is needed for. */
struct kql_value rows_constant(struct rows_run *run, const void *owner, uint32_t slot,
                               const struct kql_expr *e);
/* The same as a count of rows: null and negative are 0. */
uint64_t rows_constant_count(struct rows_run *run, const void *owner, uint32_t slot,
                             const struct kql_expr *e);

/* Columns of the input that are wanted: none yet; those that 'e' reads; those behind a map. */
uint8_t *rows_wanted_new(struct rows_run *run, const struct kql_schema *schema);
void rows_want_eval(uint8_t *wanted, const struct rows_eval *e);

/* Sorts the rows' pointers; stable. 'compare' gives <0, 0, >0. */
typedef int rows_compare(const void *context, const void *a, const void *b);
void rows_sort(struct pool *p, void **items, size_t count, rows_compare *compare,
               const void *context);

/* When the cursor is a sort: only its first rows will be asked for. */
void rows_sort_limit(struct rows_cursor *c, uint64_t limit);

/* ---- rows_group.c ---- */

struct rows_group {
    uint64_t hash;
    struct rows_group *same; /* next of the hash chain */
    struct kql_value *keys;
    void *state; /* the owner's */
};
/* Groups by their keys, in the order of their first row. */
struct rows_groups {
    struct pool *pool;
    uint32_t key_count;
    struct rows_group **table, **items;
    size_t count, items_room, table_size;
};
void rows_groups_init(struct rows_groups *g, struct pool *pool, uint32_t key_count);
struct rows_group *rows_groups_find(const struct rows_groups *g, const struct kql_value *keys);
/* Finds or adds; keys are copied when added. */
struct rows_group *rows_groups_add(struct rows_groups *g, const struct kql_value *keys,
                                   bool is_lasting, bool *is_new);

/* Some aggregates, run together: their states lie one behind the other. */
struct rows_aggregates {
    struct rows_aggregate {
        const struct kql_aggregate *code;
        struct kql_call call;
        size_t state_at;
        uint32_t first_argument, argument_count, result_at, result_count;
        uint8_t result_type;
    } * items;
    uint32_t count, result_count;
    size_t state_size;
    struct rows_eval arguments;
    struct kql_value *cells;
};
void rows_aggregates_init(struct rows_aggregates *a, struct rows_run *run, const void *owner,
                          uint32_t slot, const struct kql_expr *const *exprs, uint32_t count);
void *rows_aggregates_start(struct rows_aggregates *a, struct pool *pool);
void rows_aggregates_add(struct rows_aggregates *a, void *state, struct kql_value *row);
void rows_aggregates_finish(struct rows_aggregates *a, void *state, struct kql_value *results);

/* ---- rows_window.c ---- */

/* Whether one of them holds a call of a window function. */
bool rows_has_windows(const struct kql_expr *const *exprs, uint32_t count);
/* When the expressions hold calls of window functions: a cursor that gives the input's rows with a
 * column more for each call, and '*exprs' with the calls replaced by those columns. Else the input
 * itself. */
struct rows_cursor *rows_windows(struct rows_run *run, const void *owner, uint32_t slot,
                                 struct rows_cursor *input, const struct kql_expr *const **exprs,
                                 uint32_t count);

/* ---- rows_plugin.c ---- */

/* The rows and columns that a plugin gives; remembered per operator. */
struct rows_table {
    struct kql_schema schema;
    struct rows_list rows;
};
const struct rows_table *rows_plugin_run(struct rows_run *run, const struct kql_op *op);

/* ---- openers, one per operator ---- */
typedef struct rows_cursor *rows_opener(struct rows_run *run, const struct kql_op *op,
                                        const uint8_t *wanted);
rows_opener rows_open_range, rows_open_union; /* rows_source.c */
rows_opener rows_open_external;
rows_opener rows_open_sort, rows_open_top, rows_open_sample, rows_open_sample_distinct; /* _sort */
rows_opener rows_open_summarize, rows_open_count, rows_open_hitters; /* rows_group.c */
rows_opener rows_open_join;
rows_opener rows_open_expand, rows_open_apply; /* rows_expand.c */
rows_opener rows_open_parse, rows_open_parse_kv;
rows_opener rows_open_series, rows_open_partition, rows_open_scan, rows_open_nested;
rows_opener rows_open_plugin, rows_open_reduce;
