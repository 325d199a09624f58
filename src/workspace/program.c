/* program.c - a query's programs: compiled, known by a number to the functions in DuckDB, run by its threads.
 *
 * A statement names a program by its number alone, since text is all that a statement is. Numbers are never given twice in a
 * process, so that one that is out of date is not known, whatever came after it. The registry's lock is held for a look at a
 * list of queries, a query's own for taking a run: both once for a chunk of rows. */
#include "base/clock.h"
#include "workspace/program_inner.h"
#include <assert.h>
#include <stdlib.h>

enum {
    BUCKETS = 64,
    INDEX_BITS = 24, /* of a number: which of a query's programs; the rest is the query */
    PROGRAMS_MAX = 1 << INDEX_BITS,
    RESULTS_MAX = 1 << 20,
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct programs *registry[BUCKETS];
static uint64_t last_id;

/* ---- a query's ---- */

enum status
programs_new(const struct programs_options *o, struct programs **out, struct err *err)
{
    struct programs *p = calloc(1, sizeof *p);

    *out = NULL;
    if (p == NULL)
        return err_set(err, ST_FULL, "no memory for the query's programs");
    p->options = *o;
    pool_init(&p->account, o->memory_max);
    p->account.deadline_ms = o->deadline_ms;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->is_idle, NULL);
    pthread_mutex_lock(&registry_lock);
    p->id = ++last_id;
    p->next = registry[p->id % BUCKETS];
    registry[p->id % BUCKETS] = p;
    pthread_mutex_unlock(&registry_lock);
    *out = p;
    return ST_OK;
}

static void
registry_remove(struct programs *p)
{
    struct programs **at = &registry[p->id % BUCKETS];

    pthread_mutex_lock(&registry_lock);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    pthread_mutex_unlock(&registry_lock);
}

static void
run_free(struct program_run *run)
{
    pool_free(&run->pool);
    pool_free(&run->keep);
    free(run);
}

static void
program_release(struct program *program)
{
    for (struct program_run *run = program->runs, *next; run != NULL; run = next) {
        next = run->next;
        run_free(run);
    }
    if (program->aggregate != NULL)
        program_aggregate_free(program->aggregate);
    if (program->list != NULL)
        program_list_free(program->list);
    kql_program_free(program->code);
}

void
programs_free(struct programs *p)
{
    if (p == NULL)
        return;
    registry_remove(p); /* no call begins any more */
    pthread_mutex_lock(&p->lock);
    while (p->running > 0)
        pthread_cond_wait(&p->is_idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->count; i++)
        program_release(p->items[i]);
    assert(p->account.taken == 0);
    free(p->items);
    free(p->results);
    pthread_cond_destroy(&p->is_idle);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

size_t
programs_memory(const struct programs *p)
{
    return __atomic_load_n(&p->account.taken, __ATOMIC_RELAXED);
}

bool
programs_failed(const struct programs *p, enum pool_end *why, struct err *err)
{
    struct programs *locked = (struct programs *)p;

    if (!atomic_load(&p->has_failed))
        return false;
    pthread_mutex_lock(&locked->lock);
    *why = p->why;
    err_set(err, ST_FULL, "%s", p->reason.text);
    pthread_mutex_unlock(&locked->lock);
    return true;
}

bool
programs_lists_spent(const struct programs *p)
{
    return atomic_load(&p->lists_spent);
}

/* The first reason stands. */
static void
fail(struct programs *p, enum pool_end why, const struct err *reason)
{
    pthread_mutex_lock(&p->lock);
    if (!atomic_load(&p->has_failed)) {
        p->why = why;
        p->reason = *reason;
        atomic_store(&p->has_failed, true);
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- what sub-queries gave ---- */

/* Room for one more item of an array outside the pools; NULL: no memory. */
static void *
one_more(void *items, size_t *room, size_t count, size_t size)
{
    size_t more = *room < 8 ? 8 : *room * 2;

    if (count < *room)
        return items;
    items = reallocarray(items, more, size);
    if (items != NULL)
        *room = more;
    return items;
}

static void
result_set(struct programs *p, const struct program_result *result)
{
    struct program_result *items;
    size_t i = 0;

    pthread_mutex_lock(&p->lock);
    while (i < p->result_count && (p->results[i].table != result->table ||
                                   (p->results[i].value == NULL) != (result->value == NULL)))
        i++;
    items = i < RESULTS_MAX ? one_more(p->results, &p->result_room, i, sizeof *p->results) : NULL;
    if (items != NULL) { /* else a program that asks for it ends the statement */
        p->results = items;
        items[i] = *result;
        if (i == p->result_count)
            p->result_count++;
    }
    pthread_mutex_unlock(&p->lock);
}

void
programs_scalar_set(struct programs *p, const struct kql_op *table, const struct kql_value *value)
{
    result_set(p, &(struct program_result){.table = table, .value = value});
}

void
programs_set_set(struct programs *p, const struct kql_op *table, const struct kql_array *set)
{
    result_set(p, &(struct program_result){.table = table, .set = set});
}

static struct program_result
result_find(struct program_run *run, const struct kql_op *table, bool is_set)
{
    struct programs *p = run->program->owner;
    struct program_result found = {0};

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->result_count && found.table == NULL; i++)
        if (p->results[i].table == table && (p->results[i].set != NULL) == is_set)
            found = p->results[i];
    pthread_mutex_unlock(&p->lock);
    if (found.table == NULL)
        pool_abandon(run->run.pool, "a sub-query was not run before what asks for it");
    return found;
}

static const struct kql_value *
run_scalar(void *context, const struct kql_op *table)
{
    return result_find(context, table, false).value;
}

static const struct kql_array *
run_set(void *context, const struct kql_op *table)
{
    return result_find(context, table, true).set;
}

/* ---- making ---- */

static bool
is_volatile(const struct kql_expr *e)
{
    if (e->kind == KQL_EXPR_CALL && (e->function->flags & KQL_F_VOLATILE) != 0)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (is_volatile(e->arguments[i]))
            return true;
    return false;
}

/* What costs to be read is read when it is asked for. Of many columns, an expression that has a choice looks at few. */
static void
plan_reading(struct program *program)
{
    enum { PLAIN_MAX = 4 };

    for (uint32_t i = 0; i < program->column_count; i++) {
        enum kql_type type = program->types[i];
        bool is_plain = type != KQL_DYNAMIC && type != KQL_DECIMAL && type != KQL_GUID &&
                        program->column_count <= PLAIN_MAX;

        if (is_plain)
            program->plain[program->plain_count++] = i;
        else
            program->lazy[program->lazy_count++] = i;
    }
}

struct program *
program_new(struct programs *p, const struct kql_expr *const *exprs, uint32_t count,
            const struct kql_schema *schema, enum kql_type type, struct err *err)
{
    struct pool *pool = p->options.pool;
    struct program *program = pool_zeroed(pool, 1, sizeof *program);
    uint32_t room = schema->count;

    /* All that is taken is taken before what must be released. */
    *program = (struct program){.owner = p,
                                .schema_count = schema->count,
                                .type = type,
                                .types = pool_zeroed(pool, room, sizeof *program->types),
                                .place = pool_zeroed(pool, room, sizeof *program->place),
                                .plain = pool_zeroed(pool, room, sizeof *program->plain),
                                .lazy = pool_zeroed(pool, room, sizeof *program->lazy)};
    for (uint32_t i = 0; i < count; i++)
        program->is_volatile |= is_volatile(exprs[i]);
    program->code = kql_program_new(pool, exprs, count, err);
    if (program->code == NULL)
        return NULL;
    program->columns = kql_program_columns(program->code, &program->column_count);
    for (uint32_t i = 0; i < program->column_count; i++) {
        program->types[i] = (enum kql_type)schema->columns[program->columns[i]].type;
        program->place[program->columns[i]] = i;
    }
    plan_reading(program);
    return program;
}

bool
program_enter(struct program *program, struct err *err)
{
    struct programs *p = program->owner;
    struct program **items;

    pthread_mutex_lock(&p->lock);
    items =
        p->count < PROGRAMS_MAX ? one_more(p->items, &p->room, p->count, sizeof *p->items) : NULL;
    if (items != NULL) {
        p->items = items;
        program->number = p->id << INDEX_BITS | p->count;
        items[p->count++] = program;
    }
    pthread_mutex_unlock(&p->lock);
    if (items != NULL)
        return true;
    program_release(program);
    err_set(err, ST_FULL, "no memory for a further program");
    return false;
}

/* ---- runs ---- */

/* With p->lock held. */
static struct program *
program_find(struct programs *p, uint64_t number)
{
    uint64_t index = number & (PROGRAMS_MAX - 1);

    return index < p->count ? p->items[index] : NULL;
}

static struct programs *
programs_find(uint64_t id)
{
    struct programs *p = registry[id % BUCKETS];

    while (p != NULL && p->id != id)
        p = p->next;
    return p;
}

/* The program, and that a call of it is on its way: its query waits for that before it goes. */
static struct program *
program_hold(uint64_t number, struct program_run **idle)
{
    struct program *program = NULL;
    struct programs *p;

    pthread_mutex_lock(&registry_lock);
    p = programs_find(number >> INDEX_BITS);
    if (p != NULL)
        pthread_mutex_lock(&p->lock);
    pthread_mutex_unlock(&registry_lock);
    if (p == NULL)
        return NULL;
    program = program_find(p, number);
    if (program != NULL) {
        p->running++;
        *idle = program->idle;
        if (*idle != NULL)
            program->idle = (*idle)->idle;
    }
    pthread_mutex_unlock(&p->lock);
    return program;
}

static void
program_let_go(struct programs *p)
{
    if (--p->running == 0)
        pthread_cond_signal(&p->is_idle);
}

static void
run_load(void *context, uint32_t column, struct kql_value *cell)
{
    struct program_run *run = context;

    cell_read(&run->columns[run->program->place[column]], &run->pool, run->row, cell);
}

/* What the evaluator needs, in the run's pool. Leaves by its escape. */
static void
run_prepare(struct program_run *run)
{
    const struct program *program = run->program;
    uint32_t columns = program->schema_count;

    kql_random_seed(&run->random, (uint64_t)program->owner->options.now ^ program->number << 20 ^
                                      (uint64_t)(uintptr_t)run ^ (uint64_t)clock_monotonic_ms());
    run->columns = pool_zeroed(&run->pool, program->column_count + 1, sizeof *run->columns);
    run->run =
        (struct kql_run){.pool = &run->pool,
                         .now = program->owner->options.now,
                         .random = &run->random,
                         .cells = pool_zeroed(&run->pool, columns + 1, sizeof(struct kql_value)),
                         .scalar = run_scalar,
                         .set = run_set,
                         .context = run};
    if (program->lazy_count > 0) {
        run->run.load = run_load;
        run->run.loaded = pool_zeroed(&run->pool, columns + 1, 1);
    }
    for (uint32_t i = 0; i < program->plain_count && run->run.loaded != NULL; i++)
        run->run.loaded[program->columns[program->plain[i]]] = 1;
    kql_run_begin(&run->run, program->code);
    run->mark = pool_mark(&run->pool);
}

static bool
run_begin(struct program_run *run, struct err *err)
{
    jmp_buf ended;

    if (setjmp(ended) != 0) {
        program_fail(run, &run->pool, err);
        return false;
    }
    run->pool.escape = &ended;
    run_prepare(run);
    run->pool.escape = NULL;
    return true;
}

static struct program_run *
run_new(struct program *program, struct err *err)
{
    struct programs *p = program->owner;
    struct program_run *run = calloc(1, sizeof *run);

    if (run == NULL) {
        err_set(err, ST_FULL, "no memory for a run of a program");
        return NULL;
    }
    run->program = program;
    pool_init(&run->pool, p->options.memory_max);
    pool_init(&run->keep, p->options.memory_max);
    run->pool.account = run->keep.account = &p->account;
    if (!run_begin(run, err)) {
        run_free(run);
        return NULL;
    }
    pthread_mutex_lock(&p->lock);
    run->next = program->runs;
    program->runs = run;
    pthread_mutex_unlock(&p->lock);
    return run;
}

/* Whether the query is over, for one reason or another. */
static bool
is_over(struct programs *p, struct err *err)
{
    const _Atomic bool *cancelled = p->options.cancelled;
    enum pool_end why;

    if (cancelled != NULL && atomic_load_explicit(cancelled, memory_order_relaxed))
        fail(p, POOL_ABANDONED, &(struct err){"the query was cancelled"});
    return programs_failed(p, &why, err);
}

struct program_run *
program_begin(uint64_t number, struct err *err)
{
    struct program_run *run = NULL;
    struct program *program = program_hold(number, &run);

    if (program == NULL) {
        err_set(err, ST_INVALID, "there is no program %llu (any more)", (unsigned long long)number);
        return NULL;
    }
    if (is_over(program->owner, err)) {
        if (run != NULL) {
            program_end(run);
            return NULL;
        }
    } else if (run == NULL) {
        run = run_new(program, err);
    }
    if (run == NULL) {
        pthread_mutex_lock(&program->owner->lock);
        program_let_go(program->owner);
        pthread_mutex_unlock(&program->owner->lock);
    }
    return run;
}

void
program_end(struct program_run *run)
{
    struct program *program = run->program;

    pthread_mutex_lock(&program->owner->lock);
    run->idle = program->idle;
    program->idle = run;
    program_let_go(program->owner);
    pthread_mutex_unlock(&program->owner->lock);
}

void
program_leave(struct program_run **run)
{
    if (*run != NULL)
        program_end(*run);
}

void
program_fail(struct program_run *run, const struct pool *ended, struct err *err)
{
    fail(run->program->owner, ended->why, &ended->reason);
    err_set(err, ST_FULL, "%s", ended->reason.text);
}

void
program_look(struct program_run *run)
{
    struct programs *p = run->program->owner;
    struct err err;

    if (is_over(p, &err))
        pool_abandon(&run->pool, "%s", err.text);
    pool_check(&run->pool);
}

bool
program_open(struct program_run *run, const duckdb_vector *arguments, size_t count, struct err *err)
{
    const struct program *program = run->program;

    if (count != program->column_count) {
        err_set(err, ST_INVALID, "program %llu is called with %zu columns, not %u",
                (unsigned long long)program->number, count, program->column_count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        duckdb_logical_type logical = duckdb_vector_get_column_type(arguments[i]);
        duckdb_type type = duckdb_get_type_id(logical),
                    wanted = cell_duckdb_type(program->types[i]);

        duckdb_destroy_logical_type(&logical);
        if (type != wanted) {
            err_set(err, ST_INVALID,
                    "program %llu is called with another type than %s as column %zu",
                    (unsigned long long)program->number, cell_sql_type(program->types[i]), i + 1);
            return false;
        }
        cell_column_open(&run->columns[i], program->types[i], arguments[i]);
    }
    return true;
}

void
program_row(struct program_run *run, size_t row)
{
    const struct program *program = run->program;

    run->row = row;
    kql_run_row(&run->run, program->code);
    for (uint32_t i = 0; i < program->plain_count; i++) {
        uint32_t at = program->plain[i];

        cell_read(&run->columns[at], &run->pool, row, &run->run.cells[program->columns[at]]);
    }
    for (uint32_t i = 0; i < program->lazy_count; i++)
        run->run.loaded[program->columns[program->lazy[i]]] = 0;
}
