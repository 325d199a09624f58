/* program_fold.c - the library's aggregates over rows that DuckDB has gathered in a list: for an order that is meant. */
#include "workspace/program_inner.h"
#include <stdlib.h>

enum { LOOK_EVERY = 128 /* rows */ };

static const struct program_function functions[] = {
    {"kql_fold_bool",    KQL_BOOL,    false},
    {"kql_fold_int",     KQL_INT,     false},
    {"kql_fold_long",    KQL_LONG,    false},
    {"kql_fold_real",    KQL_REAL,    false},
    {"kql_fold_decimal", KQL_DECIMAL, false},
    {"kql_fold_string",  KQL_STRING,  false},
    {"kql_fold_guid",    KQL_GUID,    false},
    {"kql_fold_dynamic", KQL_DYNAMIC, false},
};

bool
programs_add_fold(struct programs *p, const struct kql_expr *call, uint32_t result,
                  const struct kql_schema *schema, struct program_call *out, struct err *err)
{
    struct program *program = program_aggregate_new(p, call, result, schema, err);

    if (program == NULL)
        return false;
    program->is_fold = true;
    program_describe(
        program, program_function_find(functions, COUNT_OF(functions), program->type, false)->name,
        out);
    return true;
}

/* A list's rows into one state, which is gone with its result. Leaves by a pool's escape. */
static void
fold(struct program_run *run, const duckdb_list_entry *rows, struct cell_target *t, size_t at)
{
    struct pool_mark mark = pool_mark(&run->keep);
    void *state = program_state_new(run);
    struct kql_value v;

    for (uint64_t i = 0; rows != NULL && i < rows->length; i++) {
        if (i % LOOK_EVERY == 0)
            program_look(run);
        program_row(run, rows->offset + i);
        program_state_add(run, state);
        pool_return(&run->pool, run->mark);
    }
    v = program_state_finish(run, state);
    cell_put(t, at, &run->pool, &v);
    pool_return(&run->pool, run->mark);
    pool_return(&run->keep, mark);
}

static bool
fold_all(struct program_run *run, duckdb_vector lists, size_t count, duckdb_vector output,
         struct err *err)
{
    struct cell_target target;
    struct cell_column c;
    jmp_buf ended;

    cell_target_open(&target, run->program->type, output);
    cell_column_open(&c, KQL_DYNAMIC, lists); /* for its nulls */
    if (setjmp(ended) != 0) {
        program_fail(run, run->keep.why != POOL_GOES_ON ? &run->keep : &run->pool, err);
        return false;
    }
    run->pool.escape = run->keep.escape = &ended;
    program_aggregate_begin(run);
    for (size_t row = 0; row < count; row++) {
        if (row % LOOK_EVERY == 0)
            program_look(run);
        fold(run, cell_is_null(&c, row) ? NULL : (const duckdb_list_entry *)c.data + row, &target,
             row);
    }
    run->pool.escape = run->keep.escape = NULL;
    return true;
}

static duckdb_type
type_of(duckdb_vector vector)
{
    duckdb_logical_type logical = duckdb_vector_get_column_type(vector);
    duckdb_type type = duckdb_get_type_id(logical);

    duckdb_destroy_logical_type(&logical);
    return type;
}

bool
program_open_lists(struct program_run *run, duckdb_vector lists, struct err *err)
{
    size_t count = run->program->column_count, there = 1;
    duckdb_vector child, *columns = NULL;
    bool is_open;

    if (type_of(lists) != DUCKDB_TYPE_LIST) {
        err_set(err, ST_INVALID, "program %llu is called with what is not one list",
                (unsigned long long)run->program->number);
        return false;
    }
    if (count == 0)
        return true;
    child = duckdb_list_vector_get_child(lists);
    if (count > 1) {
        duckdb_logical_type logical = duckdb_vector_get_column_type(child);

        there = duckdb_get_type_id(logical) == DUCKDB_TYPE_STRUCT
                    ? duckdb_struct_type_child_count(logical)
                    : 1;
        duckdb_destroy_logical_type(&logical);
    }
    columns = calloc(count, sizeof *columns);
    if (columns == NULL) {
        err_set(err, ST_FULL, "no memory for %zu columns", count);
        return false;
    }
    for (size_t i = 0; i < count && there == count; i++)
        columns[i] = count == 1 ? child : duckdb_struct_vector_get_child(child, i);
    is_open = program_open(run, columns, there, err);
    free(columns);
    return is_open;
}

static void
call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct program_function *f = duckdb_scalar_function_get_extra_info(info), *own = NULL;
    size_t count = duckdb_data_chunk_get_size(input);
    duckdb_vector lists;
    struct cell_column number;
    PROGRAM_RUN run = NULL;
    struct err err = {"a fold has no number, or not one list"};

    if (count == 0)
        return;
    cell_column_open(&number, KQL_LONG, duckdb_data_chunk_get_vector(input, 0));
    lists = duckdb_data_chunk_get_vector(input, 1); /* NULL where there is none */
    if (!cell_is_null(&number, 0) && duckdb_data_chunk_get_column_count(input) == 2)
        run = program_begin(((const uint64_t *)number.data)[0], &err);
    if (run != NULL && run->program->is_fold)
        own = program_function_find(functions, COUNT_OF(functions), run->program->type, false);
    if (run == NULL || !program_is_of(run->program, own, f, &err) ||
        !program_open_lists(run, lists, &err) || !fold_all(run, lists, count, output, &err))
        duckdb_scalar_function_set_error(info, err.text);
}

enum status
program_folds_register(duckdb_connection c, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(functions) && st == ST_OK; i++)
        st = program_function_register(c, &functions[i], false, call, err);
    return st;
}
