/* program_thread_test.c - many threads in one program: each has a run of its own, all see the same; the memory limit is one for
 * all; cancelling, failing and the query's end reach calls on their way. DuckDB's own threads are not asked here: the sanitizer
 * does not see how they meet. Threads make vectors of their own and call what DuckDB's functions call. */
#include "workspace/program_inner.h"
#include "workspace/program_play.h"
#include <pthread.h>

enum { THREADS = 8, CHUNKS = 40, ROWS = 2048 };

static struct play play;
static _Atomic bool cancelled;

struct worker {
    pthread_t thread;
    uint64_t number;
    unsigned seed;
    size_t chunks, wrong; /* results other than they should be */
    bool has_ended;
    struct err err;
    void *aggregate;
};

static duckdb_vector
vector_of(enum kql_type type)
{
    duckdb_logical_type logical = duckdb_create_logical_type(cell_duckdb_type(type));
    duckdb_vector v = duckdb_create_vector(logical, ROWS);

    duckdb_destroy_logical_type(&logical);
    return v;
}

/* Column n: a long each; column s: a text with it. */
static void
fill(duckdb_vector *columns, unsigned seed)
{
    int64_t *n = duckdb_vector_get_data(columns[1]);

    for (unsigned i = 0; i < ROWS; i++) {
        char text[64];

        n[i] = (int64_t)(seed * 7 + i) % 1000;
        duckdb_vector_assign_string_element_len(
            columns[0], i, text,
            (idx_t)snprintf(text, sizeof text, "cmd.exe /c echo word%lld", (long long)n[i]));
    }
}

/* strlen(s) + n: calls until all chunks are done or the query is over. */
static void *
work(void *context)
{
    struct worker *w = context;
    duckdb_vector columns[2] = {vector_of(KQL_STRING), vector_of(KQL_LONG)};
    duckdb_vector out = vector_of(KQL_LONG);

    for (w->chunks = 0; w->chunks < CHUNKS && !w->has_ended; w->chunks++) {
        struct program_run *run = program_begin(w->number, &w->err);
        const int64_t *n = duckdb_vector_get_data(columns[1]), *r = duckdb_vector_get_data(out);

        fill(columns, w->seed++);
        w->has_ended = run == NULL || !program_open(run, columns, 2, &w->err) ||
                       !program_run_chunk(run, ROWS, out, &w->err);
        if (run != NULL)
            program_end(run);
        for (size_t i = 0; i < ROWS && !w->has_ended; i++)
            w->wrong += r[i] != n[i] + 20 + (n[i] >= 100 ? 3 : n[i] >= 10 ? 2 : 1);
    }
    duckdb_destroy_vector(&columns[0]);
    duckdb_destroy_vector(&columns[1]);
    duckdb_destroy_vector(&out);
    return NULL;
}

static struct programs *
make(size_t memory_max)
{
    struct programs_options o = {
        .pool = &play.pool, .now = 1, .memory_max = memory_max, .cancelled = &cancelled};
    struct programs *p;
    struct err err = {""};

    if (programs_new(&o, &p, &err) == ST_OK)
        return p;
    CHECK(false, "%s", err.text);
    exit(1);
}

static uint64_t
add(struct programs *p, const char *expression)
{
    const struct kql_expr *e = play_expr(&play, expression);
    struct program_call call = {0};
    struct err err = {""};
    bool is_added = e != NULL && programs_add(p, e, &play.schema, &call, &err);

    CHECK(is_added, "%s: %s", expression, err.text);
    return call.number;
}

static void
start(struct worker *workers, uint64_t number, void *(*what)(void *))
{
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = number;
        workers[i].seed = i * 1000;
        if (pthread_create(&workers[i].thread, NULL, what, &workers[i]) != 0)
            exit(1);
    }
}

static void
join(struct worker *workers)
{
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
}

static void
test_all(void)
{
    struct worker workers[THREADS] = {0};
    struct programs *p = make(16 << 20);

    start(workers, add(p, "strlen(s) + n"), work);
    add(p, "n + 1"); /* one more, while the first is called */
    join(workers);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(workers[i].chunks == CHUNKS && workers[i].wrong == 0, "%zu chunks, %zu wrong: %s",
              workers[i].chunks, workers[i].wrong, workers[i].err.text);
    programs_free(p);
}

/* A limit that is too small for what all ask, though not for one. */
static void
test_memory(void)
{
    struct worker workers[THREADS] = {0};
    struct programs *p = make(100 << 10);
    enum pool_end why = POOL_GOES_ON;
    struct err err = {""};

    start(workers, add(p, "strlen(strcat_array(repeat(s, 2000), '')) / 2000 + n"), work);
    join(workers);
    CHECK(programs_failed(p, &why, &err) && why == POOL_SPENT, "%d %s", why, err.text);
    CHECK(programs_memory(p) <= 100 << 10, "%zu bytes", programs_memory(p));
    for (size_t i = 0; i < THREADS; i++)
        CHECK(workers[i].wrong == 0 &&
                  (workers[i].chunks == CHUNKS || strstr(workers[i].err.text, "memory") != NULL),
              "%zu wrong: %s", workers[i].wrong, workers[i].err.text);
    programs_free(p);
}

static void
test_cancelled(void)
{
    struct worker workers[THREADS] = {0};
    struct programs *p = make(16 << 20);

    start(workers, add(p, "strlen(s) + n"), work);
    atomic_store(&cancelled, true);
    join(workers);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(workers[i].wrong == 0 &&
                  (workers[i].chunks == CHUNKS || strstr(workers[i].err.text, "cancelled") != NULL),
              "%zu wrong: %s", workers[i].wrong, workers[i].err.text);
    atomic_store(&cancelled, false);
    programs_free(p);
}

/* The query goes while calls are on their way: it waits for those, and later ones find no program. */
static void
test_freed(void)
{
    struct worker workers[THREADS] = {0};
    struct programs *p = make(16 << 20);

    start(workers, add(p, "strlen(s) + n"), work);
    programs_free(p);
    join(workers);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(workers[i].wrong == 0 && (workers[i].chunks == CHUNKS ||
                                        strstr(workers[i].err.text, "no program") != NULL),
              "%zu wrong: %s", workers[i].wrong, workers[i].err.text);
}

/* ---- lists ---- */

/* The first operator of that kind of KQL over T, as a program that gives lists. */
static uint64_t
add_list(struct programs *p, const char *kql, enum kql_op_kind kind)
{
    const struct kql_op *op = play_bind(&play, kql);
    struct program_call call = {0};
    struct err err = {""};
    bool is_added = false;

    while (op != NULL && op->kind != kind)
        op = op->input;
    if (op != NULL && kind == KQL_OP_MV_EXPAND)
        is_added = programs_add_each(p, op->u.expand.columns[0].expr, op, 0, &call, &err);
    else if (op != NULL)
        is_added = programs_add_row(p, op->u.parse.expr, op, &call, &err);
    CHECK(is_added, "%s: %s", kql, err.text);
    return call.number;
}

static duckdb_vector
list_vector_of(enum kql_type type)
{
    duckdb_logical_type cell = duckdb_create_logical_type(cell_duckdb_type(type)),
                        list = duckdb_create_list_type(cell);
    duckdb_vector v = duckdb_create_vector(list, ROWS);

    duckdb_destroy_logical_type(&list);
    duckdb_destroy_logical_type(&cell);
    return v;
}

/* Calls until all chunks are done or the query is over; counts lists that have not two items. */
static void *
list(void *context)
{
    struct worker *w = context;
    duckdb_vector columns[2] = {vector_of(KQL_STRING), vector_of(KQL_LONG)};

    for (w->chunks = 0; w->chunks < CHUNKS && !w->has_ended; w->chunks++) {
        struct program_run *run = program_begin(w->number, &w->err);
        duckdb_vector out = NULL;

        fill(columns, w->seed++);
        if (run != NULL)
            out = list_vector_of(run->program->type);
        w->has_ended = run == NULL ||
                       !program_open(run, columns, run->program->column_count, &w->err) ||
                       !program_run_lists(run, ROWS, out, &w->err);
        for (size_t i = 0; i < ROWS && !w->has_ended; i++)
            w->wrong += ((duckdb_list_entry *)duckdb_vector_get_data(out))[i].length != 2;
        if (run != NULL)
            program_end(run);
        duckdb_destroy_vector(&out);
    }
    duckdb_destroy_vector(&columns[0]);
    duckdb_destroy_vector(&columns[1]);
    return NULL;
}

static void
test_lists(void)
{
    static const struct {
        const char *kql;
        enum kql_op_kind kind;
        size_t memory_max;
    } rows[] = {
        {"T | mv-expand x = pack_array(s, n)",                           KQL_OP_MV_EXPAND,  16 << 20 },
        {"T | parse-where s with 'cmd.exe ' a ' echo ' b",               KQL_OP_PARSE_TEXT, 16 << 20 },
        {"T | parse kind=regex s with 'c.d.exe' a ' echo word' b: long", KQL_OP_PARSE_TEXT,
         16 << 20                                                                                    },
        {"T | mv-expand x = pack_array(repeat(s, 200), strcat(s, n))",   KQL_OP_MV_EXPAND,  200 << 10},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct worker workers[THREADS] = {0};
        struct programs *p = make(rows[i].memory_max);

        start(workers, add_list(p, rows[i].kql, rows[i].kind), list);
        join(workers);
        CHECK(programs_memory(p) <= rows[i].memory_max, "%zu bytes", programs_memory(p));
        for (size_t k = 0; k < THREADS; k++)
            CHECK(workers[k].wrong == 0 && (rows[i].memory_max == 16 << 20
                                                ? workers[k].chunks == CHUNKS
                                                : strstr(workers[k].err.text, "memory") != NULL),
                  "%s: %zu chunks, %zu wrong: %s", rows[i].kql, workers[k].chunks, workers[k].wrong,
                  workers[k].err.text);
        programs_free(p);
    }
}

/* ---- aggregates: each thread's state, merged by another ---- */

static void *
gather(void *context)
{
    struct worker *w = context;
    duckdb_vector columns[2] = {vector_of(KQL_STRING), vector_of(KQL_LONG)};

    for (w->chunks = 0; w->chunks < CHUNKS && !w->has_ended; w->chunks++) {
        struct program_run *run = program_begin(w->number, &w->err);
        jmp_buf ended;

        if (run == NULL || setjmp(ended) != 0) {
            w->has_ended = true;
            break;
        }
        fill(columns, w->seed++);
        run->pool.escape = run->keep.escape = &ended;
        if (!program_open(run, &columns[0], 2, &w->err)) {
            w->has_ended = true;
            break;
        }
        program_aggregate_begin(run);
        if (w->aggregate == NULL)
            w->aggregate = program_state_new(run);
        for (size_t row = 0; row < ROWS; row++) {
            program_row(run, row);
            program_state_add(run, w->aggregate);
            pool_return(&run->pool, run->mark);
        }
        program_end(run);
    }
    duckdb_destroy_vector(&columns[0]);
    duckdb_destroy_vector(&columns[1]);
    return NULL;
}

static void
test_aggregate(void)
{
    const struct kql_op *plan = play_bind(&play, "T | summarize make_set(strcat(s, n))");
    struct worker workers[THREADS] = {0};
    struct programs *p = make(64 << 20);
    struct program_call call = {0};
    struct program_run *run;
    struct kql_value v;
    struct err err = {""};

    while (plan->kind != KQL_OP_SUMMARIZE)
        plan = plan->input;
    CHECK(programs_add_aggregate(p, plan->u.summarize.aggregates[0], 0, &play.schema, &call, &err),
          "%s", err.text);
    start(workers, call.number, gather);
    join(workers);
    run = program_begin(call.number, &err);
    run->pool.escape = run->keep.escape = play.pool.escape;
    program_aggregate_begin(run);
    for (size_t i = 1; i < THREADS; i++)
        run->program->aggregate->code->merge(&run->call, workers[0].aggregate,
                                             workers[i].aggregate);
    v = program_state_finish(run, workers[0].aggregate);
    CHECK(v.type == KQL_ARRAY && v.array->count == 1000, "%u values", v.array->count);
    program_end(run);
    programs_free(p);
}

int
main(void)
{
    jmp_buf spent;

    pool_init(&play.pool, (size_t)64 << 20);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", play.pool.reason.text);
        return test_end();
    }
    play.pool.escape = &spent;
    for (size_t i = 0; i < PLAY_COLUMNS; i++)
        play.columns[i] =
            (struct kql_column){span_of(play_columns[i].name), (uint8_t)play_columns[i].type};
    play.schema = (struct kql_schema){.columns = play.columns, .count = PLAY_COLUMNS};
    test_all();
    test_memory();
    test_cancelled();
    test_freed();
    test_lists();
    test_aggregate();
    pool_free(&play.pool);
    return test_end();
}
