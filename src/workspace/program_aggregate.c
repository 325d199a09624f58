/* program_aggregate.c - the library's aggregates as functions of DuckDB.
 *
 * DuckDB keeps the states of groups as bytes of its own; ours there is a program and a pointer. What it points to lives in the
 * memory of whichever run had the state in hand when something was needed, and so until the query's end: a state is begun by one
 * thread, merged by another and finished by a third. Hence no destructors: what a group took is given back with the query.
 *
 * Whose aggregate it is stands in the first argument, since nothing else of a statement reaches the functions below. A state
 * that saw no row does not know. */
#include "workspace/program_inner.h"
#include <assert.h>

enum {
    ARGUMENTS_MAX = 32, /* columns */
    LOOK_EVERY = 128,   /* rows */
};

static const struct program_function functions[] = {
    {"kql_sum_bool",    KQL_BOOL,    false},
    {"kql_sum_int",     KQL_INT,     false},
    {"kql_sum_long",    KQL_LONG,    false},
    {"kql_sum_real",    KQL_REAL,    false},
    {"kql_sum_decimal", KQL_DECIMAL, false},
    {"kql_sum_string",  KQL_STRING,  false},
    {"kql_sum_guid",    KQL_GUID,    false},
    {"kql_sum_dynamic", KQL_DYNAMIC, false},
};

struct state { /* as DuckDB keeps it; zero: no row yet */
    struct program *program;
    void *state;
};

bool
programs_add_aggregate(struct programs *p, const struct kql_expr *call, uint32_t result,
                       const struct kql_schema *schema, struct program_call *out, struct err *err)
{
    struct program *program = NULL;

    err->text[0] = '\0';
    if (call->function->aggregate != NULL && call->function->aggregate->merge != NULL)
        program = program_aggregate_new(p, call, result, schema, err);
    if (program == NULL || program->column_count > ARGUMENTS_MAX)
        return false;
    program_describe(
        program, program_function_find(functions, COUNT_OF(functions), program->type, false)->name,
        out);
    return true;
}

/* ---- what DuckDB calls ---- */

static idx_t
state_size(duckdb_function_info info)
{
    (void)info;
    return sizeof(struct state);
}

static void
state_init(duckdb_function_info info, duckdb_aggregate_state state)
{
    (void)info;
    *(struct state *)(void *)state = (struct state){NULL, NULL};
}

/* Leaves by a pool's escape, as all of these. */
static void
update_rows(struct program_run *run, size_t count, duckdb_aggregate_state *states)
{
    program_aggregate_begin(run);
    for (size_t row = 0; row < count; row++) {
        struct state *s = (struct state *)(void *)states[row];

        if (row % LOOK_EVERY == 0)
            program_look(run);
        if (s->program == NULL) {
            s->state = program_state_new(run);
            s->program = run->program;
        }
        program_row(run, row);
        program_state_add(run, s->state);
        pool_return(&run->pool, run->mark);
    }
}

static void
merge_states(struct program_run *run, duckdb_aggregate_state *sources,
             duckdb_aggregate_state *targets, size_t count)
{
    program_aggregate_begin(run);
    for (size_t i = 0; i < count; i++) {
        struct state *from = (struct state *)(void *)sources[i];
        struct state *to = (struct state *)(void *)targets[i];

        if (i % LOOK_EVERY == 0)
            program_look(run);
        if (from->program == NULL)
            continue;
        if (to->program == NULL)
            *to = *from;
        else
            run->program->aggregate->code->merge(&run->call, to->state, from->state);
        pool_return(&run->pool, run->mark);
    }
}

static void
finish_states(struct program_run *run, duckdb_aggregate_state *states, size_t count,
              struct cell_target *target, size_t offset)
{
    program_aggregate_begin(run);
    run->call.pool = &run->pool; /* what a result needs, it needs until it is written */
    for (size_t i = 0; i < count; i++) {
        struct state *s = (struct state *)(void *)states[i];
        struct kql_value v;

        if (i % LOOK_EVERY == 0)
            program_look(run);
        if (s->program == NULL) {
            cell_put_null(target, offset + i);
            continue;
        }
        v = program_state_finish(run, s->state);
        cell_put(target, offset + i, &run->pool, &v);
        pool_return(&run->pool, run->mark);
    }
}

/* One of the three above, within the pools' escapes. */
struct work {
    duckdb_aggregate_state *states, *targets;
    size_t count, offset;
    struct cell_target *target;
};

static bool
work_do(struct program_run *run, const struct work *w, struct err *err)
{
    jmp_buf ended;

    if (setjmp(ended) != 0) {
        program_fail(run, run->keep.why != POOL_GOES_ON ? &run->keep : &run->pool, err);
        return false;
    }
    run->pool.escape = run->keep.escape = &ended;
    if (w->targets != NULL)
        merge_states(run, w->states, w->targets, w->count);
    else if (w->target != NULL)
        finish_states(run, w->states, w->count, w->target, w->offset);
    else
        update_rows(run, w->count, w->states);
    run->pool.escape = run->keep.escape = NULL;
    return true;
}

/* The function that calls of the program name; NULL: none of these. */
static const struct program_function *
function_of(const struct program *program)
{
    return program->aggregate == NULL || program->is_fold
               ? NULL
               : program_function_find(functions, COUNT_OF(functions), program->type, false);
}

static void
update(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states)
{
    const struct program_function *f = duckdb_aggregate_function_get_extra_info(info);
    size_t count = duckdb_data_chunk_get_column_count(input) - 1;
    struct work w = {.states = states, .count = duckdb_data_chunk_get_size(input)};
    struct cell_column number;
    duckdb_vector arguments[ARGUMENTS_MAX];
    PROGRAM_RUN run = NULL;
    struct err err = {"an aggregate has no number"};

    if (w.count == 0)
        return;
    assert(count <= ARGUMENTS_MAX);
    cell_column_open(&number, KQL_LONG, duckdb_data_chunk_get_vector(input, 0));
    for (size_t i = 0; i < count; i++)
        arguments[i] = duckdb_data_chunk_get_vector(input, i + 1);
    if (!cell_is_null(&number, 0))
        run = program_begin(((const uint64_t *)number.data)[0], &err);
    if (run == NULL || !program_is_of(run->program, function_of(run->program), f, &err) ||
        !program_open(run, arguments, count, &err) || !work_do(run, &w, &err))
        duckdb_aggregate_function_set_error(info, err.text);
}

/* All of them are one aggregate's; NULL: none saw a row. */
static struct program *
program_of(duckdb_aggregate_state *states, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct state *s = (struct state *)(void *)states[i];

        if (s->program != NULL)
            return s->program;
    }
    return NULL;
}

static void
combine(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_aggregate_state *target,
        idx_t count)
{
    struct work w = {.states = source, .targets = target, .count = count};
    struct program *program = program_of(source, count);
    PROGRAM_RUN run = NULL;
    struct err err = {""};

    if (program == NULL)
        return;
    run = program_begin(program->number, &err);
    if (run == NULL || !work_do(run, &w, &err))
        duckdb_aggregate_function_set_error(info, err.text);
}

static void
finalize(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result,
         idx_t count, idx_t offset)
{
    const struct program_function *f = duckdb_aggregate_function_get_extra_info(info);
    struct program *program = program_of(source, count);
    struct cell_target target;
    struct work w = {.states = source, .count = count, .offset = offset, .target = &target};
    PROGRAM_RUN run = NULL;
    struct err err = {""};

    cell_target_open(&target, program == NULL ? f->type : program->type, result);
    if (program == NULL) {
        for (idx_t i = 0; i < count; i++)
            cell_put_null(&target, offset + i);
        return;
    }
    run = program_begin(program->number, &err);
    if (run == NULL || !work_do(run, &w, &err))
        duckdb_aggregate_function_set_error(info, err.text);
}

/* ---- registering ---- */

static bool
overload_add(duckdb_aggregate_function_set set, const struct program_function *f, int arguments)
{
    duckdb_aggregate_function function = duckdb_create_aggregate_function();
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_logical_type result = duckdb_create_logical_type(cell_duckdb_type(f->type));
    duckdb_state state;

    duckdb_aggregate_function_set_name(function, f->name);
    duckdb_aggregate_function_add_parameter(function, number);
    for (int i = 0; i < arguments; i++)
        duckdb_aggregate_function_add_parameter(function, any);
    duckdb_aggregate_function_set_return_type(function, result);
    duckdb_aggregate_function_set_special_handling(function);
    duckdb_aggregate_function_set_extra_info(function, (void *)(uintptr_t)f, NULL);
    duckdb_aggregate_function_set_functions(function, state_size, state_init, update, combine,
                                            finalize);
    state = duckdb_add_aggregate_function_to_set(set, function);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_logical_type(&any);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_aggregate_function(&function);
    return state == DuckDBSuccess;
}

enum status
program_aggregates_register(duckdb_connection c, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        duckdb_aggregate_function_set set = duckdb_create_aggregate_function_set(functions[i].name);
        bool is_registered = true;

        for (int arguments = 0; arguments <= ARGUMENTS_MAX && is_registered; arguments++)
            is_registered = overload_add(set, &functions[i], arguments);
        is_registered =
            is_registered && duckdb_register_aggregate_function_set(c, set) == DuckDBSuccess;
        duckdb_destroy_aggregate_function_set(&set);
        if (!is_registered)
            return err_set(err, ST_INVALID, "this DuckDB (%s) does not take the aggregate %s()",
                           duckdb_library_version(), functions[i].name);
    }
    return ST_OK;
}
