/* program_scalar.c - scalar programs as functions of DuckDB: a chunk of rows in, a vector of results out.
 *
 * DuckDB hands out flat vectors. What was one value for all rows, or a few in a dictionary, it has laid out row by row; then
 * neighbours are the same cell, texts by their very address. A program of one column that is not volatile gives the same for it
 * again without being run. */
#include "kql/value_key.h"
#include "workspace/program_inner.h"
#include <assert.h>
#include <stdlib.h>

static const struct program_function functions[] = {
    {"kql_bool",             KQL_BOOL,    false},
    {"kql_int",              KQL_INT,     false},
    {"kql_long",             KQL_LONG,    false},
    {"kql_real",             KQL_REAL,    false},
    {"kql_decimal",          KQL_DECIMAL, false},
    {"kql_string",           KQL_STRING,  false},
    {"kql_guid",             KQL_GUID,    false},
    {"kql_dynamic",          KQL_DYNAMIC, false},
    {"kql_bool_volatile",    KQL_BOOL,    true },
    {"kql_int_volatile",     KQL_INT,     true },
    {"kql_long_volatile",    KQL_LONG,    true },
    {"kql_real_volatile",    KQL_REAL,    true },
    {"kql_decimal_volatile", KQL_DECIMAL, true },
    {"kql_string_volatile",  KQL_STRING,  true },
    {"kql_guid_volatile",    KQL_GUID,    true },
    {"kql_dynamic_volatile", KQL_DYNAMIC, true },
};

const struct program_function *
program_function_find(const struct program_function *all, size_t count, enum kql_type type,
                      bool is_volatile)
{
    size_t i = 0;

    if (type == KQL_DATETIME || type == KQL_TIMESPAN)
        type = KQL_LONG;
    else if (type == KQL_UNKNOWN || type > KQL_DYNAMIC)
        type = KQL_DYNAMIC;
    while (all[i].type != type || all[i].is_volatile != is_volatile) {
        i++;
        assert(i < count);
    }
    return &all[i];
}

static const struct program_function *
function_of(const struct program *program)
{
    if (program->aggregate != NULL || program->list != NULL || program->series != NULL ||
        program->window != NULL)
        return NULL;
    return program_function_find(functions, COUNT_OF(functions), program->type,
                                 program->is_volatile);
}

bool
program_is_of(const struct program *program, const struct program_function *own,
              const struct program_function *f, struct err *err)
{
    if (own != f)
        err_set(err, ST_INVALID, "program %llu is not one of %s()",
                (unsigned long long)program->number, f->name);
    return own == f;
}

bool
programs_add(struct programs *p, const struct kql_expr *e, const struct kql_schema *schema,
             struct program_call *out, struct err *err)
{
    struct program *program = program_new(p, &e, 1, schema, (enum kql_type)e->type, err);

    if (program == NULL || !program_enter(program, err))
        return false;
    program_describe(program, function_of(program)->name, out);
    return true;
}

bool
programs_add_key(struct programs *p, const struct kql_expr *e, const struct kql_schema *schema,
                 struct program_call *out, struct err *err)
{
    struct program *program = program_new(p, &e, 1, schema, KQL_STRING, err);

    if (program == NULL)
        return false;
    program->key_of = (enum kql_type)e->type;
    if (!program_enter(program, err))
        return false;
    program_describe(program, function_of(program)->name, out);
    return true;
}

/* ---- a chunk ---- */

enum { LOOK_EVERY = 128 /* rows */ };

/* Whether the cell is the one before it, bit by bit; of texts the address, where they are long. */
static inline bool
is_repeated(const struct cell_column *c, size_t row)
{
    const uint64_t *words = c->data;

    switch (c->type) {
    case KQL_BOOL:
        return ((const uint8_t *)c->data)[row] == ((const uint8_t *)c->data)[row - 1];
    case KQL_INT:
        return ((const uint32_t *)c->data)[row] == ((const uint32_t *)c->data)[row - 1];
    case KQL_LONG:
    case KQL_REAL:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return words[row] == words[row - 1];
    default: /* VARCHAR and UUID: 16 bytes */
        return words[2 * row] == words[2 * row - 2] && words[2 * row + 1] == words[2 * row - 1];
    }
}

bool
program_is_repeated(const struct cell_column *c, size_t row)
{
    return cell_is_null(c, row) ? cell_is_null(c, row - 1)
                                : !cell_is_null(c, row - 1) && is_repeated(c, row);
}

static void
copy_result(struct cell_target *t, size_t row)
{
    static const uint8_t sizes[KQL_TYPE_COUNT] = {
        [KQL_BOOL] = 1, [KQL_INT] = 4,      [KQL_LONG] = 8,
        [KQL_REAL] = 8, [KQL_DATETIME] = 8, [KQL_TIMESPAN] = 8,
    };
    size_t size = sizes[t->type] != 0 ? sizes[t->type] : 16;

    if (t->validity != NULL && !(t->validity[(row - 1) >> 6] >> ((row - 1) & 63) & 1))
        cell_put_null(t, row);
    else
        memcpy((char *)t->data + row * size, (char *)t->data + (row - 1) * size, size);
}

static inline void
put_result(struct program_run *run, struct cell_target *t, size_t row)
{
    struct kql_value v;

    kql_eval(&run->run, run->program->code, 0, &v);
    if (run->program->key_of != KQL_UNKNOWN)
        v = kql_string(kql_value_key(&run->pool, run->program->key_of, &v));
    if (t->type == KQL_BOOL && !v.is_null)
        ((uint8_t *)t->data)[row] = v.i != 0;
    else
        cell_put(t, row, &run->pool, &v);
}

/* Leaves by the pool's escape. */
static void
run_rows(struct program_run *run, size_t count, struct cell_target *t)
{
    const struct cell_column *one =
        run->program->column_count == 1 && !run->program->is_volatile ? run->columns : NULL;

    for (size_t row = 0; row < count; row++) {
        if (row % LOOK_EVERY == 0)
            program_look(run);
        if (one != NULL && row > 0 && program_is_repeated(one, row)) {
            copy_result(t, row);
            continue;
        }
        program_row(run, row);
        put_result(run, t, row);
        pool_return(&run->pool, run->mark);
    }
}

bool
program_run_chunk(struct program_run *run, size_t count, duckdb_vector output, struct err *err)
{
    struct cell_target target;
    jmp_buf ended;

    cell_target_open(&target, run->program->type, output);
    if (setjmp(ended) != 0) {
        program_fail(run, &run->pool, err);
        return false;
    }
    run->pool.escape = &ended;
    run_rows(run, count, &target);
    run->pool.escape = NULL;
    return true;
}

/* ---- what DuckDB calls ---- */

static void
free_room(void **room)
{
    free(*room);
}

static bool
call_run(const struct program_function *f, duckdb_data_chunk input, struct program_run *run,
         duckdb_vector output, program_function_of *function, program_chunk_runner *runner,
         struct err *err)
{
    enum { ROOM = 8 };
    size_t count = duckdb_data_chunk_get_column_count(input) - 1;
    duckdb_vector few[ROOM], *arguments = few;
    __attribute__((cleanup(free_room))) void *room = NULL; /* also by an exception */

    if (!program_is_of(run->program, function(run->program), f, err))
        return false;
    if (count > ROOM)
        arguments = room = calloc(count, sizeof *arguments);
    if (arguments == NULL) {
        err_set(err, ST_FULL, "no memory for %zu arguments", count);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        arguments[i] = duckdb_data_chunk_get_vector(input, i + 1);
    return program_open(run, arguments, count, err) &&
           runner(run, duckdb_data_chunk_get_size(input), output, err);
}

void
program_call_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output,
                 program_function_of *function, program_chunk_runner *runner)
{
    const struct program_function *f = duckdb_scalar_function_get_extra_info(info);
    struct cell_column number;
    PROGRAM_RUN run = NULL;
    struct err err = {""};

    if (duckdb_data_chunk_get_size(input) == 0)
        return;
    cell_column_open(&number, KQL_LONG, duckdb_data_chunk_get_vector(input, 0));
    run = cell_is_null(&number, 0) ? NULL : program_begin(((const uint64_t *)number.data)[0], &err);
    if (run == NULL || !call_run(f, input, run, output, function, runner, &err))
        duckdb_scalar_function_set_error(info, err.text[0] != '\0' ? err.text
                                                                   : "a program has no number");
}

static void
call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    program_call_run(info, input, output, function_of, program_run_chunk);
}

enum status
program_function_register(duckdb_connection c, const struct program_function *f, bool gives_list,
                          duckdb_scalar_function_t run, struct err *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_logical_type cell = duckdb_create_logical_type(cell_duckdb_type(f->type));
    duckdb_logical_type list = duckdb_create_list_type(cell);
    duckdb_state state;

    duckdb_scalar_function_set_name(function, f->name);
    duckdb_scalar_function_add_parameter(function, number);
    duckdb_scalar_function_set_varargs(function, any);
    duckdb_scalar_function_set_return_type(function, gives_list ? list : cell);
    duckdb_scalar_function_set_special_handling(function);
    if (f->is_volatile)
        duckdb_scalar_function_set_volatile(function);
    duckdb_scalar_function_set_extra_info(function, (void *)(uintptr_t)f, NULL);
    duckdb_scalar_function_set_function(function, run);
    state = duckdb_register_scalar_function(c, function);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_logical_type(&any);
    duckdb_destroy_logical_type(&list);
    duckdb_destroy_logical_type(&cell);
    duckdb_destroy_scalar_function(&function);
    return state == DuckDBSuccess
               ? ST_OK
               : err_set(err, ST_INVALID, "this DuckDB (%s) does not take the function %s()",
                         duckdb_library_version(), f->name);
}

enum status
programs_register(duckdb_connection c, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(functions) && st == ST_OK; i++)
        st = program_function_register(c, &functions[i], false, call, err);
    if (st == ST_OK)
        st = program_lists_register(c, err);
    if (st == ST_OK)
        st = program_folds_register(c, err);
    if (st == ST_OK)
        st = program_series_register(c, err);
    if (st == ST_OK)
        st = program_windows_register(c, err);
    return st == ST_OK ? program_aggregates_register(c, err) : st;
}
