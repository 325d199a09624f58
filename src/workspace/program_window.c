/* program_window.c - window functions over rows that DuckDB has gathered in a list: as the row engine computes them
 * (kql/window.h), with a list of as many results. */
#include "kql/window.h"
#include "workspace/program_inner.h"

enum {
    LOOK_EVERY = 128,   /* rows */
    TEXT_STEP = 1 << 16 /* bytes */
};

static const struct program_function functions[] = {
    {"kql_window_bool",    KQL_BOOL,    false},
    {"kql_window_int",     KQL_INT,     false},
    {"kql_window_long",    KQL_LONG,    false},
    {"kql_window_real",    KQL_REAL,    false},
    {"kql_window_decimal", KQL_DECIMAL, false},
    {"kql_window_string",  KQL_STRING,  false},
    {"kql_window_guid",    KQL_GUID,    false},
    {"kql_window_dynamic", KQL_DYNAMIC, false},
};

bool
programs_add_window(struct programs *p, const struct kql_expr *call,
                    const struct kql_schema *schema, struct program_call *out, struct err *err)
{
    struct program *program =
        program_new(p, call->arguments, call->count, schema, (enum kql_type)call->type, err);

    if (program == NULL || !program_enter(program, err))
        return false;
    program->window = call;
    program_describe(
        program, program_function_find(functions, COUNT_OF(functions), program->type, false)->name,
        out);
    return true;
}

/* ---- one list ---- */

struct window {
    struct kql_window w; /* first */
    struct program_run *run;
    struct cell_target *target;
    size_t from, to;             /* where its rows begin, where its results do */
    size_t text_size, text_room; /* bytes */
};

static void
window_row(struct kql_window *w, size_t row)
{
    struct window *window = (struct window *)w;

    if (row % LOOK_EVERY == 0)
        program_look(window->run);
    pool_return(&window->run->pool, window->run->mark);
    program_row(window->run, window->from + row);
}

static void
window_argument(struct kql_window *w, uint32_t index, struct kql_value *out)
{
    struct program_run *run = ((struct window *)w)->run;

    kql_eval(&run->run, run->program->code, index, out);
}

static void
window_put(struct kql_window *w, size_t row, const struct kql_value *v)
{
    struct window *window = (struct window *)w;
    struct cell_target *t = window->target;

    cell_put(t, window->to + row, &window->run->pool, v);
    if (cell_duckdb_type(t->type) != DUCKDB_TYPE_VARCHAR || v->is_null)
        return;
    window->text_size +=
        ((const duckdb_string_t *)t->data + window->to + row)->value.inlined.length;
    if (window->text_size <= window->text_room)
        return;
    pool_take(&window->run->keep, window->text_size - window->text_room + TEXT_STEP);
    window->text_room = window->text_size + TEXT_STEP;
}

/* Leaves by a pool's escape. */
static void
compute(struct program_run *run, const duckdb_list_entry *rows, struct cell_target *t, size_t to)
{
    struct pool_mark mark = pool_mark(&run->keep);
    struct window window = {
        .w = {.call = run->program->window,
              .count = rows->length,
              .keep = &run->keep,
              .scratch = &run->pool,
              .row = window_row,
              .argument = window_argument,
              .put = window_put},
        .run = run,
        .target = t,
        .from = rows->offset,
        .to = to
    };

    kql_window_compute(&window.w);
    pool_return(&run->pool, run->mark);
    pool_return(&run->keep, mark);
}

/* Room for all results, and which of it is whose. What they take DuckDB's own limit does not see: it counts in the query's.
 * Leaves by a pool's escape; DuckDB throws where it has no memory. */
static void
results_open(struct program_run *run, const struct cell_column *lists, size_t count,
             duckdb_vector output)
{
    const duckdb_list_entry *rows = lists->data;
    duckdb_list_entry *out = duckdb_vector_get_data(output);
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t length = cell_is_null(lists, i) ? 0 : rows[i].length;

        out[i] = (duckdb_list_entry){total, length};
        total += length;
    }
    pool_reset(&run->keep);
    pool_take(&run->keep, total * sizeof(duckdb_string_t));
    if (duckdb_list_vector_reserve(output, total) != DuckDBSuccess ||
        duckdb_list_vector_set_size(output, total) != DuckDBSuccess)
        pool_abandon(&run->pool, "a list of %llu results is refused", (unsigned long long)total);
}

static bool
compute_all(struct program_run *run, const struct cell_column *lists, size_t count,
            duckdb_vector output, struct err *err)
{
    const duckdb_list_entry *rows = lists->data, *out;
    struct cell_target target;
    jmp_buf ended;

    if (setjmp(ended) != 0) {
        program_fail(run, run->keep.why != POOL_GOES_ON ? &run->keep : &run->pool, err);
        return false;
    }
    run->pool.escape = run->keep.escape = &ended;
    results_open(run, lists, count, output);
    out = duckdb_vector_get_data(output);
    cell_target_open(&target, run->program->type, duckdb_list_vector_get_child(output));
    for (size_t i = 0; i < count; i++)
        if (!cell_is_null(lists, i))
            compute(run, &rows[i], &target, out[i].offset);
    run->pool.escape = run->keep.escape = NULL;
    return true;
}

/* ---- what DuckDB calls ---- */

static void
call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct program_function *f = duckdb_scalar_function_get_extra_info(info), *own = NULL;
    size_t count = duckdb_data_chunk_get_size(input);
    struct cell_column number, lists;
    duckdb_vector vector;
    PROGRAM_RUN run = NULL;
    struct err err = {"a window function has no number, or not one list"};

    if (count == 0)
        return;
    cell_column_open(&number, KQL_LONG, duckdb_data_chunk_get_vector(input, 0));
    vector = duckdb_data_chunk_get_vector(input, 1); /* NULL where there is none */
    if (!cell_is_null(&number, 0) && duckdb_data_chunk_get_column_count(input) == 2)
        run = program_begin(((const uint64_t *)number.data)[0], &err);
    if (run != NULL && run->program->window != NULL)
        own = program_function_find(functions, COUNT_OF(functions), run->program->type, false);
    if (run != NULL && program_is_of(run->program, own, f, &err) &&
        program_open_lists(run, vector, &err)) {
        cell_column_open(&lists, KQL_DYNAMIC, vector); /* for its nulls */
        if (compute_all(run, &lists, count, output, &err))
            return;
    }
    duckdb_scalar_function_set_error(info, err.text);
}

enum status
program_windows_register(duckdb_connection c, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(functions) && st == ST_OK; i++)
        st = program_function_register(c, &functions[i], true, call, err);
    return st;
}
