/* program_list.c - functions that give a list for a row: the items that mv-expand makes of a value, and all that parse or parse-kv
 * finds in a text.
 *
 * The items of a chunk stand one behind the other in the list vector's child. DuckDB counts them in the database's memory limit; that
 * the query's own limit ends what would go beyond it, what they take is taken once more from the run's 'keep' and never touched. It
 * is given back when the run is called again, since the vector lives until then. Where either is spent the caller is told
 * (programs_lists_spent): item by item the query may have room. */
#include "kql/expand.h"
#include "kql/parse_match.h"
#include "workspace/program_inner.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { LOOK_EVERY = 128 /* rows, items */, TEXT_STEP = 1 << 16 /* bytes */ };

static const struct program_function functions[] = {
    {"kql_each_bool",             KQL_BOOL,    false},
    {"kql_each_int",              KQL_INT,     false},
    {"kql_each_long",             KQL_LONG,    false},
    {"kql_each_real",             KQL_REAL,    false},
    {"kql_each_decimal",          KQL_DECIMAL, false},
    {"kql_each_string",           KQL_STRING,  false},
    {"kql_each_guid",             KQL_GUID,    false},
    {"kql_each_dynamic",          KQL_DYNAMIC, false},
    {"kql_each_bool_volatile",    KQL_BOOL,    true },
    {"kql_each_int_volatile",     KQL_INT,     true },
    {"kql_each_long_volatile",    KQL_LONG,    true },
    {"kql_each_real_volatile",    KQL_REAL,    true },
    {"kql_each_decimal_volatile", KQL_DECIMAL, true },
    {"kql_each_string_volatile",  KQL_STRING,  true },
    {"kql_each_guid_volatile",    KQL_GUID,    true },
    {"kql_each_dynamic_volatile", KQL_DYNAMIC, true },
};
/* Volatile to DuckDB alone: so it does not write what a column is into each condition that names it, to run it again there. */
static const struct program_function row_function = {"kql_row", KQL_STRING, true};

static const struct program_function *
function_of(const struct program *program)
{
    if (program->list == NULL)
        return NULL;
    return program->list->is_row ? &row_function
                                 : program_function_find(functions, COUNT_OF(functions),
                                                         program->type, program->is_volatile);
}

void
program_list_free(struct program_list *list)
{
    kql_matcher_free(list->matcher);
}

static bool
may_list(const struct programs *p, struct err *err)
{
    if (p->options.gives_no_lists)
        err_set(err, ST_FULL, "the lists of many rows at once need too much memory");
    return !p->options.gives_no_lists;
}

bool
programs_add_each(struct programs *p, const struct kql_expr *e, const struct kql_op *op,
                  uint32_t column, struct program_call *out, struct err *err)
{
    enum kql_type type = (enum kql_type)op->u.expand.columns[column].type;
    struct program_list *list = pool_zeroed(p->options.pool, 1, sizeof *list);
    struct program *program =
        may_list(p, err) ? program_new(p, &e, 1, &op->input->schema, type, err) : NULL;

    if (program == NULL)
        return false;
    *list = (struct program_list){.column = op->u.expand.columns[column],
                                  .bag_as_array = op->u.expand.bag_as_array,
                                  .limit = op->u.expand.limit};
    program->list = list;
    if (!program_enter(program, err))
        return false;
    program_describe(program, function_of(program)->name, out);
    return true;
}

bool
programs_add_row(struct programs *p, const struct kql_expr *e, const struct kql_op *op,
                 struct program_call *out, struct err *err)
{
    struct program_list *list = pool_zeroed(p->options.pool, 1, sizeof *list);
    struct program *program =
        may_list(p, err) ? program_new(p, &e, 1, &op->input->schema, KQL_STRING, err) : NULL;

    if (program == NULL)
        return false;
    *list = (struct program_list){
        .is_row = true, .drops_failed = op->kind == KQL_OP_PARSE_TEXT && op->u.parse.drops_failed};
    program->list = list;
    if (!program_enter(program, err)) /* from here on it is released with 'p' */
        return false;
    list->matcher = kql_matcher_new(p->options.pool, op, err);
    if (list->matcher == NULL)
        return false;
    list->count = kql_matcher_count(list->matcher);
    list->types = pool_zeroed(p->options.pool, (size_t)list->count + 1, 1);
    for (uint32_t i = 0; i < list->count; i++)
        list->types[i] = op->schema.columns[kql_matcher_column(list->matcher, i)].type;
    program_describe(program, row_function.name, out);
    return true;
}

/* ---- items in a vector ---- */

struct items {
    struct program_run *run;
    duckdb_vector vector;
    duckdb_list_entry *lists; /* by row */
    struct cell_target rows;  /* for lists that are null */
    struct cell_target child;
    size_t count, room;
    size_t text_size, text_room; /* bytes */
};

static void
items_open(struct items *x, struct program_run *run, duckdb_vector vector)
{
    *x = (struct items){.run = run, .vector = vector, .lists = duckdb_vector_get_data(vector)};
    cell_target_open(&x->rows, KQL_DYNAMIC, vector);
}

static size_t
cell_size(enum kql_type type)
{
    switch (cell_duckdb_type(type)) {
    case DUCKDB_TYPE_BOOLEAN:
        return sizeof(bool);
    case DUCKDB_TYPE_INTEGER:
        return sizeof(int32_t);
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_DOUBLE:
        return sizeof(int64_t);
    default: /* VARCHAR, UUID */
        return sizeof(duckdb_string_t);
    }
}

/* DuckDB throws where it has no memory. */
static void
items_grow(struct items *x, size_t more)
{
    size_t room = x->room == 0 ? duckdb_vector_size() : x->room;

    if (more <= x->room - x->count)
        return;
    while (room < x->count + more)
        room *= 2; /* as DuckDB itself does */
    pool_take(&x->run->keep, (room - x->room) * cell_size(x->run->program->type));
    if (duckdb_list_vector_reserve(x->vector, room) != DuckDBSuccess)
        pool_abandon(&x->run->pool, "a list of %zu items is refused", room);
    cell_target_open(&x->child, x->run->program->type, duckdb_list_vector_get_child(x->vector));
    x->room = room;
}

static void
count_text(struct items *x, size_t at)
{
    const duckdb_string_t *s = (const duckdb_string_t *)x->child.data + at;

    if (cell_duckdb_type(x->child.type) != DUCKDB_TYPE_VARCHAR)
        return;
    x->text_size += s->value.inlined.length;
    if (x->text_size <= x->text_room)
        return;
    pool_take(&x->run->keep, x->text_size - x->text_room + TEXT_STEP);
    x->text_room = x->text_size + TEXT_STEP;
}

/* There must be room. */
static void
items_put(struct items *x, const struct kql_value *v)
{
    struct pool *p = &x->run->pool;
    struct pool_mark mark = pool_mark(p);
    size_t at = x->count++;

    if (v->is_null && x->child.type != KQL_STRING) {
        cell_put_null(&x->child, at);
        return;
    }
    cell_put(&x->child, at, p, v);
    count_text(x, at);
    pool_return(p, mark);
}

/* ---- kql_each ---- */

static void
each(struct items *x, size_t row)
{
    const struct program_list *list = x->run->program->list;
    struct pool *p = &x->run->pool;
    struct kql_value v;
    uint64_t count;

    kql_eval(&x->run->run, x->run->program->code, 0, &v);
    count = kql_expand_count(&v);
    if (count > list->limit)
        count = list->limit;
    items_grow(x, count);
    x->lists[row] = (duckdb_list_entry){x->count, count};
    for (uint64_t i = 0; i < count; i++) {
        struct pool_mark mark = pool_mark(p);
        struct kql_value item = kql_expand_item(p, &list->column, &v, i, list->bag_as_array);

        items_put(x, &item);
        pool_return(p, mark);
        if (i % LOOK_EVERY == LOOK_EVERY - 1)
            program_look(x->run);
    }
}

/* ---- kql_row ---- */

static struct span
real_text(struct pool *p, double r)
{
    if (isnan(r))
        return SPAN_LITERAL("nan");
    if (isinf(r))
        return r > 0 ? SPAN_LITERAL("inf") : SPAN_LITERAL("-inf");
    return pool_printf(p, "%.17g", r);
}

/* What CAST(... AS the column's type) makes the very value of again. */
static struct span
capture_text(struct pool *p, enum kql_type type, const struct kql_value *v)
{
    char *text;

    switch (type) {
    case KQL_STRING:
        return kql_text(v);
    case KQL_BOOL:
        return v->i != 0 ? SPAN_LITERAL("true") : SPAN_LITERAL("false");
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return pool_printf(p, "%lld", (long long)v->i);
    case KQL_REAL:
        return real_text(p, v->r);
    case KQL_DECIMAL:
        text = pool_take(p, 48);
        return (struct span){text, kql_print_decimal(v->decimal, text)};
    case KQL_GUID:
        text = pool_take(p, 48);
        return (struct span){text, kql_print_guid(v->guid, text)};
    default:
        return cell_dynamic_text(p, v);
    }
}

static void
captures(struct items *x, size_t row)
{
    struct program_run *run = x->run;
    const struct program_list *list = run->program->list;
    struct span text = {"", 0};
    struct kql_value v;

    kql_eval(&run->run, run->program->code, 0, &v);
    if (v.type == KQL_STRING && !v.is_null)
        text = kql_text(&v);
    if (!kql_matcher_match(list->matcher, &run->pool, text, run->results) && list->drops_failed) {
        x->lists[row] = (duckdb_list_entry){x->count, 0};
        cell_put_null(&x->rows, row);
        return;
    }
    items_grow(x, list->count);
    x->lists[row] = (duckdb_list_entry){x->count, list->count};
    for (uint32_t i = 0; i < list->count; i++) {
        struct kql_value cell = run->results[i];

        if (!cell.is_null && list->types[i] != KQL_STRING)
            cell = kql_string(capture_text(&run->pool, (enum kql_type)list->types[i], &cell));
        if (cell.is_null && list->types[i] != KQL_STRING)
            cell_put_null(&x->child, x->count++);
        else
            items_put(x, &cell);
    }
}

/* ---- a chunk ---- */

/* Leaves by a pool's escape. */
static void
run_rows(struct items *x, size_t count)
{
    struct program_run *run = x->run;
    const struct program *program = run->program;
    const struct cell_column *one =
        program->column_count == 1 && !program->is_volatile ? run->columns : NULL;
    void (*put)(struct items *, size_t) = program->list->is_row ? captures : each;

    for (size_t row = 0; row < count; row++) {
        if (row % LOOK_EVERY == 0)
            program_look(run);
        if (one != NULL && row > 0 && program_is_repeated(one, row)) {
            x->lists[row] = x->lists[row - 1]; /* the same items */
            if (x->rows.validity != NULL &&
                !(x->rows.validity[(row - 1) >> 6] >> ((row - 1) & 63) & 1))
                cell_put_null(&x->rows, row);
            continue;
        }
        program_row(run, row);
        put(x, row);
        pool_return(&run->pool, run->mark);
    }
}

/* Left by an exception of DuckDB's, which has no memory for the items, if 'why' was not said. */
struct leaving {
    struct programs *owner;
    enum pool_end why;
};

static void
leave(struct leaving *l)
{
    if (l->why == POOL_SPENT)
        atomic_store(&l->owner->lists_spent, true);
}

bool
program_run_lists(struct program_run *run, size_t count, duckdb_vector output, struct err *err)
{
    __attribute__((cleanup(leave))) struct leaving leaving = {run->program->owner, POOL_SPENT};
    struct items x;
    jmp_buf ended;

    if (setjmp(ended) != 0) {
        const struct pool *pool = run->keep.why != POOL_GOES_ON ? &run->keep : &run->pool;

        leaving.why = pool->why;
        program_fail(run, pool, err);
        return false;
    }
    run->pool.escape = run->keep.escape = &ended;
    pool_reset(&run->keep);
    run->results =
        pool_zeroed(&run->keep, (size_t)run->program->list->count + 1, sizeof *run->results);
    items_open(&x, run, output);
    run_rows(&x, count);
    duckdb_list_vector_set_size(output, x.count);
    run->pool.escape = run->keep.escape = NULL;
    leaving.why = POOL_GOES_ON;
    return true;
}

/* ---- what DuckDB calls ---- */

static void
call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    program_call_run(info, input, output, function_of, program_run_lists);
}

enum status
program_lists_register(duckdb_connection c, struct err *err)
{
    enum status st = program_function_register(c, &row_function, true, call, err);

    for (size_t i = 0; i < COUNT_OF(functions) && st == ST_OK; i++)
        st = program_function_register(c, &functions[i], true, call, err);
    return st;
}
