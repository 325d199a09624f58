/* program_series.c - what make-series needs beside aggregates: values at their steps as an array, the steps themselves, and where
 * they begin and end when only the data tells. The steps are kql/series_axis.h's, as in the row engine. */
#include "kql/dynamic.h"
#include "kql/series_axis.h"
#include "workspace/program_inner.h"

enum { LOOK_EVERY = 128 /* rows, or items of an array */ };

static const struct program_function functions[] = {
    {"kql_series_long",    KQL_LONG,    false},
    {"kql_series_real",    KQL_REAL,    false},
    {"kql_series_dynamic", KQL_DYNAMIC, false},
};

static const struct program_function *
function_of(const struct program *program)
{
    return program->series == NULL
               ? NULL
               : program_function_find(functions, COUNT_OF(functions), program->type, false);
}

static bool
is_real(const struct programs_series *s)
{
    return s->type == KQL_REAL || s->type == KQL_DECIMAL || s->step.type == KQL_REAL ||
           s->step.type == KQL_DECIMAL;
}

static enum kql_type
type_of_result(const struct programs_series *s)
{
    if (s->kind == PROGRAMS_SERIES_COUNT)
        return KQL_LONG;
    if (s->kind == PROGRAMS_SERIES_FROM)
        return is_real(s) ? KQL_REAL : KQL_LONG;
    return KQL_DYNAMIC;
}

bool
programs_add_series(struct programs *p, const struct programs_series *series,
                    struct program_call *out, struct err *err)
{
    static const struct kql_schema nothing = {NULL, 0, false};
    struct programs_series *own = pool_zeroed(p->options.pool, 1, sizeof *own);
    const struct kql_expr *ends[2];
    uint32_t count = 0;
    struct program *program;

    *own = *series;
    if (series->from != NULL)
        ends[count++] = series->from;
    if (series->to != NULL)
        ends[count++] = series->to;
    program = program_new(p, ends, count, &nothing, type_of_result(series), err);
    if (program == NULL)
        return false;
    program->series = own;
    if (!program_enter(program, err))
        return false;
    program_describe(program, function_of(program)->name, out);
    return true;
}

/* ---- a row of each kind; all leave by the pool's escape ---- */

struct arguments {
    const struct cell_column *first, *second; /* COUNT, or LOW; the list, FROM, or HIGH */
    struct cell_column place, value;          /* of the lists' rows */
};

static uint64_t
count_at(struct program_run *run, const struct arguments *a, size_t row)
{
    int64_t count = cell_is_null(a->first, row) ? 0 : ((const int64_t *)a->first->data)[row];

    if (count > KQL_ARRAY_MAX)
        pool_abandon(&run->pool, "make-series: %lld steps are more than %d: make the step larger",
                     (long long)count, KQL_ARRAY_MAX);
    return count < 0 ? 0 : (uint64_t)count;
}

static struct kql_value
spread(struct program_run *run, const struct arguments *a, size_t row)
{
    const struct programs_series *s = run->program->series;
    uint64_t count = count_at(run, a, row);
    struct kql_value *items = pool_zeroed(&run->pool, count, sizeof *items);
    const duckdb_list_entry *rows = (const duckdb_list_entry *)a->second->data + row;

    for (uint64_t i = 0; i < count; i++)
        items[i] = s->fill;
    for (uint64_t i = 0; !cell_is_null(a->second, row) && i < rows->length; i++) {
        uint64_t at = rows->offset + i,
                 bin = (uint64_t)((const int64_t *)
                                      a->place.data)[at]; /* beyond all where it is below 0 */

        if (i % LOOK_EVERY == 0)
            program_look(run);
        if (!cell_is_null(&a->place, at) && bin < count)
            cell_read(&a->value, &run->pool, at, &items[bin]);
    }
    return kql_array_of(&run->pool, items, count);
}

static struct kql_value
steps(struct program_run *run, const struct arguments *a, size_t row)
{
    const struct programs_series *s = run->program->series;
    struct kql_series_axis axis = {
        .type = s->type, .is_real = is_real(s), .bins = count_at(run, a, row)};

    axis.step_r = kql_real_in(&s->step);
    axis.step = axis.is_real ? 0 : s->step.i;
    if (cell_is_null(a->second, row))
        axis.bins = 0;
    else if (axis.is_real)
        axis.from_r = ((const double *)a->second->data)[row];
    else
        axis.from = ((const int64_t *)a->second->data)[row];
    return kql_series_steps(&run->pool, &axis);
}

/* NULL: there is none. */
static const struct kql_value *
end_at(const struct program_run *run, const struct cell_column *c, size_t row,
       struct kql_value *out)
{
    if (cell_is_null(c, row))
        return NULL;
    *out = is_real(run->program->series) ? kql_real(((const double *)c->data)[row])
                                         : kql_integer(KQL_LONG, ((const int64_t *)c->data)[row]);
    return out;
}

static struct kql_value
place(struct program_run *run, const struct arguments *a, size_t row)
{
    const struct programs_series *s = run->program->series;
    struct kql_value from, to, low, high;
    struct kql_series_ends ends = {.type = s->type,
                                   .step = &s->step,
                                   .low = end_at(run, a->first, row, &low),
                                   .high = end_at(run, a->second, row, &high),
                                   .to_is_inclusive = s->to_is_inclusive};
    struct kql_series_axis axis;
    struct err err = {""};

    if (s->from != NULL) {
        kql_eval(&run->run, run->program->code, 0, &from);
        ends.from = &from;
    }
    if (s->to != NULL) {
        kql_eval(&run->run, run->program->code, s->from != NULL, &to);
        ends.to = &to;
    }
    switch (kql_series_place(&axis, &ends, &err)) {
    case KQL_SERIES_REFUSED:
        pool_abandon(&run->pool, "%s", err.text);
    case KQL_SERIES_NOWHERE:
        return kql_null(run->program->type);
    case KQL_SERIES_PLACED:
        break;
    }
    if (s->kind == PROGRAMS_SERIES_COUNT)
        return kql_integer(KQL_LONG, (int64_t)axis.bins);
    return axis.is_real ? kql_real(axis.from_r) : kql_integer(KQL_LONG, axis.from);
}

static bool
run_all(struct program_run *run, const struct arguments *a, size_t count, duckdb_vector output,
        struct err *err)
{
    enum programs_series_kind kind = run->program->series->kind;
    struct cell_target target;
    jmp_buf ended;

    cell_target_open(&target, run->program->type, output);
    if (setjmp(ended) != 0) {
        program_fail(run, &run->pool, err);
        return false;
    }
    run->pool.escape = &ended;
    for (size_t row = 0; row < count; row++) {
        struct kql_value v;

        if (row % LOOK_EVERY == 0 || kind == PROGRAMS_SERIES_SPREAD)
            program_look(run);
        program_row(run, row);
        v = kind == PROGRAMS_SERIES_SPREAD  ? spread(run, a, row)
            : kind == PROGRAMS_SERIES_STEPS ? steps(run, a, row)
                                            : place(run, a, row);
        cell_put(&target, row, &run->pool, &v);
        pool_return(&run->pool, run->mark);
    }
    run->pool.escape = NULL;
    return true;
}

/* ---- what DuckDB calls ---- */

static duckdb_type
type_of(duckdb_vector vector)
{
    duckdb_logical_type logical = duckdb_vector_get_column_type(vector);
    duckdb_type type = duckdb_get_type_id(logical);

    duckdb_destroy_logical_type(&logical);
    return type;
}

/* The bins and the values in the lists' rows. */
static bool
lists_open(const struct programs_series *s, duckdb_vector lists, struct arguments *a)
{
    duckdb_vector child = duckdb_list_vector_get_child(lists), value;
    duckdb_logical_type logical = duckdb_vector_get_column_type(child);
    bool is_wide = duckdb_get_type_id(logical) == DUCKDB_TYPE_STRUCT &&
                   duckdb_struct_type_child_count(logical) > s->field + 1;

    duckdb_destroy_logical_type(&logical);
    if (!is_wide || type_of(duckdb_struct_vector_get_child(child, 0)) != DUCKDB_TYPE_BIGINT)
        return false;
    value = duckdb_struct_vector_get_child(child, s->field + 1);
    if (type_of(value) != cell_duckdb_type(s->type))
        return false;
    cell_column_open(&a->place, KQL_LONG, duckdb_struct_vector_get_child(child, 0));
    cell_column_open(&a->value, s->type, value);
    return true;
}

static bool
are_right(const struct programs_series *s, duckdb_vector first, duckdb_vector second,
          struct arguments *a)
{
    duckdb_type end = is_real(s) ? DUCKDB_TYPE_DOUBLE : DUCKDB_TYPE_BIGINT;

    switch (s->kind) {
    case PROGRAMS_SERIES_SPREAD:
        return type_of(first) == DUCKDB_TYPE_BIGINT && type_of(second) == DUCKDB_TYPE_LIST &&
               lists_open(s, second, a);
    case PROGRAMS_SERIES_STEPS:
        return type_of(first) == DUCKDB_TYPE_BIGINT && type_of(second) == end;
    case PROGRAMS_SERIES_FROM:
    case PROGRAMS_SERIES_COUNT:
        break;
    }
    return type_of(first) == end && type_of(second) == end;
}

static bool
call_run(const struct program_function *f, duckdb_data_chunk input, struct program_run *run,
         duckdb_vector output, struct err *err)
{
    duckdb_vector first, second;
    struct cell_column one, two;
    struct arguments a = {.first = &one, .second = &two};

    if (!program_is_of(run->program, function_of(run->program), f, err))
        return false;
    if (duckdb_data_chunk_get_column_count(input) != 3) {
        err_set(err, ST_INVALID, "%s() takes three arguments", f->name);
        return false;
    }
    first = duckdb_data_chunk_get_vector(input, 1);
    second = duckdb_data_chunk_get_vector(input, 2);
    if (!are_right(run->program->series, first, second, &a)) {
        err_set(err, ST_INVALID, "%s() is called with other types", f->name);
        return false;
    }
    cell_column_open(&one, KQL_LONG, first);
    cell_column_open(&two, KQL_DYNAMIC, second); /* for its nulls and its data, whatever they are */
    return run_all(run, &a, duckdb_data_chunk_get_size(input), output, err);
}

static void
call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct program_function *f = duckdb_scalar_function_get_extra_info(info);
    struct cell_column number;
    PROGRAM_RUN run = NULL;
    struct err err = {"a program has no number"};

    if (duckdb_data_chunk_get_size(input) == 0)
        return;
    cell_column_open(&number, KQL_LONG, duckdb_data_chunk_get_vector(input, 0));
    if (!cell_is_null(&number, 0))
        run = program_begin(((const uint64_t *)number.data)[0], &err);
    if (run == NULL || !call_run(f, input, run, output, &err))
        duckdb_scalar_function_set_error(info, err.text);
}

enum status
program_series_register(duckdb_connection c, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(functions) && st == ST_OK; i++)
        st = program_function_register(c, &functions[i], false, call, err);
    return st;
}
