/* program_test.c - an expression gives the same when DuckDB calls it, row by row over several chunks, as when the evaluator
 * is asked directly; and what ends a statement, ends it with its reason. */
#include "base/clock.h"
#include "kql/dynamic.h"
#include "kql/random.h"
#include "workspace/program_play.h"
#include "workspace/workspace.h"
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static struct play play;
static _Atomic bool cancelled;

static const struct programs_options options = {
    .pool = &play.pool,
    .now = INT64_C(638500000000000000),
    .memory_max = (size_t)64 << 20,
    .cancelled = &cancelled,
};

static struct programs *
make(const struct programs_options *o)
{
    struct programs *p;
    struct err err = {""};

    if (programs_new(o, &p, &err) == ST_OK)
        return p;
    CHECK(false, "%s", err.text);
    exit(1);
}

/* ---- the same as the evaluator ---- */

static bool
is_alike(const struct kql_value *a, const struct kql_value *b)
{
    if (a->is_null || b->is_null)
        return a->is_null == b->is_null;
    return a->type == b->type && kql_value_same(a, b);
}

/* The expression over the row that a result's columns behind the first hold. */
struct direct {
    struct kql_program *code;
    struct kql_run run;
    struct kql_random random;
};

static void
direct_begin(struct direct *d, const struct kql_expr *e)
{
    struct err err = {""};

    d->code = kql_program_new(&play.pool, &e, 1, &err);
    CHECK(d->code != NULL, "%s", err.text);
    kql_random_seed(&d->random, 1);
    d->run =
        (struct kql_run){.pool = &play.pool,
                         .now = options.now,
                         .random = &d->random,
                         .cells = pool_zeroed(&play.pool, PLAY_COLUMNS, sizeof(struct kql_value))};
    kql_run_begin(&d->run, d->code);
}

static size_t /* rows that differ */
compare_chunk(struct direct *d, duckdb_data_chunk chunk, enum kql_type type)
{
    struct cell_column columns[PLAY_COLUMNS + 1];
    size_t differ = 0;

    cell_column_open(&columns[0], type, duckdb_data_chunk_get_vector(chunk, 0));
    for (size_t i = 0; i < PLAY_COLUMNS; i++)
        cell_column_open(&columns[i + 1], play_columns[i].type,
                         duckdb_data_chunk_get_vector(chunk, i + 1));
    for (size_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++) {
        struct pool_mark mark = pool_mark(&play.pool);
        struct kql_value v, should;

        for (size_t i = 0; i < PLAY_COLUMNS; i++)
            cell_read(&columns[i + 1], &play.pool, row, &d->run.cells[i]);
        kql_run_row(&d->run, d->code);
        kql_eval(&d->run, d->code, 0, &should);
        cell_read(&columns[0], &play.pool, row, &v);
        if (!is_alike(&v, &should) && differ++ == 0)
            printf("row %zu: %s, not %s\n", row, kql_to_text(&play.pool, KQL_DYNAMIC, &v).text,
                   kql_to_text(&play.pool, KQL_DYNAMIC, &should).text);
        pool_return(&play.pool, mark);
    }
    return differ;
}

/* 'from': a table or sub-query with the columns of T. */
static void
check_same(struct programs *p, const char *text, const char *from)
{
    const struct kql_expr *e = play_expr(&play, text);
    struct program_call call;
    struct direct direct;
    struct err err = {""};
    duckdb_result r;
    duckdb_data_chunk chunk;
    size_t differ = 0, rows = 0;

    if (e == NULL)
        return;
    if (!programs_add(p, e, &play.schema, &call, &err)) {
        CHECK(false, "%s: %s", text, err.text);
        return;
    }
    if (!play_run(
            &play,
            pool_printf(&play.pool, "SELECT %s, * FROM %s", play_call(&play, &call).p, from).p, &r))
        return;
    direct_begin(&direct, e);
    while ((chunk = duckdb_fetch_chunk(r)) != NULL) {
        rows += duckdb_data_chunk_get_size(chunk);
        differ += compare_chunk(&direct, chunk, (enum kql_type)e->type);
        duckdb_destroy_data_chunk(&chunk);
    }
    CHECK(differ == 0 && rows > 0, "%s: %zu rows of %zu differ", text, differ, rows);
    kql_program_free(direct.code);
    duckdb_destroy_result(&r);
}

static const char *const expressions[] = {
    "s",
    "n",
    "k",
    "r",
    "b",
    "t",
    "p",
    "g",
    "m",
    "d",
    "one",
    "s has 'cmd'",
    "s contains 'SYSTEM32'",
    "w in~ ('CMD', 'bash -c ls')",
    "w has_any ('enc', 'ls') and n > 0",
    "s == '' or isnull(n)",
    "n + 1",
    "n / 3",
    "n % 7",
    "k * 2",
    "toint(n)",
    "r * 2.0",
    "isnan(r)",
    "not(b)",
    "b and n > 3",
    "iff(b, s, w)",
    "t + 1d",
    "bin(t, 1h)",
    "startofday(t)",
    "p * 2",
    "t > datetime(2022-01-01)",
    "dayofweek(t)",
    "now() - t",
    "tostring(g)",
    "g == guid(c4ca4238-a0b9-2382-0dcc-509a6f75849b)",
    "m * 2",
    "todecimal(n) / 3",
    "d.a",
    "d.b[1]",
    "tostring(d.b)",
    "toint(d[0])",
    "array_length(d)",
    "bag_pack('n', n, 't', t, 'g', g, 'k', k, 's', s)",
    "pack_array(n, s, m, p)",
    "dynamic(null)",
    "dynamic([1, {'a': 2.0}])",
    "datetime(2020-01-01)",
    "guid(01234567-89ab-cdef-fedc-ba9876543210)",
    "long(null)",
    "'a text of more than twelve bytes'",
    "strcat(s, '-', w)",
    "toupper(s)",
    "substring(s, 3, 12)",
    "substring(s, 3, 13)",
    "split(s, '\\\\')",
    "extract('echo ([0-9]+)', 1, s, typeof(long))",
    "parse_json(strcat('{\"x\":', n, '}')).x",
    "strlen(one)",
    "toupper(one)",
    "case(n > 100, 'big', n > 0, 'small', isnull(n), 'none', 'negative')",
    "coalesce(n, toint(k), 7)",
    "strcat(s, w, n, k, r, b, t, p, g, m, d, one)",
    "hash(s)",
    "strcat_array(repeat(w, 3), '\\0')",
};

static void
test_same(void)
{
    struct programs *p = make(&options);

    for (size_t i = 0; i < COUNT_OF(expressions); i++)
        check_same(p, expressions[i], "T");
    /* vectors that are constant, in a dictionary, or cut down by a filter */
    check_same(p, "toupper(w)", "(SELECT * FROM T ORDER BY c1)");
    check_same(p, "d.a", "(SELECT * FROM T WHERE c2 > 0 AND c3 % 3 = 0)");
    check_same(p, "n + 1", "(SELECT * FROM T WHERE c2 > 0 AND c3 % 3 = 0)");
    check_same(p, "toupper(one)", "(SELECT * FROM T LIMIT 1)");
    check_same(p, "strcat(w, n)", "(SELECT a.* FROM T a JOIN range(4) b(x) ON a.c2 > b.x)");
    programs_free(p);
}

/* Every row of what the program reads is a repetition: what it gives is right all the same. */
static void
test_repeated(void)
{
    static const char *const rows[] = {"toupper(s)",  "s has 'x'", "n * 2", "isnull(n)",
                                       "tostring(d)", "d",         "g",     "m"};
    struct programs *p = make(&options);

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_same(p, rows[i],
                   "(SELECT T.* FROM T, range(3) ORDER BY c0, c2, c8, c9, c10 LIMIT 9000)");
    programs_free(p);
}

/* ---- what is volatile is called for each row ---- */

static void
test_volatile(void)
{
    static const char *const rows[] = {"rand()", "tostring(new_guid())", "strcat(one, rand())"};
    struct programs *p = make(&options);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kql_expr *e = play_expr(&play, rows[i]);
        struct program_call call;
        struct err err = {""};
        char sql[512];
        duckdb_result r;

        if (e == NULL || !programs_add(p, e, &play.schema, &call, &err)) {
            CHECK(false, "%s: %s", rows[i], err.text);
            continue;
        }
        snprintf(sql, sizeof sql, "SELECT count(DISTINCT x) FROM (SELECT %s x FROM T)",
                 play_call(&play, &call).p);
        if (!play_run(&play, sql, &r))
            continue;
        CHECK(duckdb_value_int64(&r, 0, 0) == PLAY_ROWS, "%s: %lld values", rows[i],
              (long long)duckdb_value_int64(&r, 0, 0));
        duckdb_destroy_result(&r);
    }
    programs_free(p);
}

/* ---- sub-queries ---- */

static const struct kql_expr *
find_kind(const struct kql_expr *e, enum kql_expr_kind kind)
{
    const struct kql_expr *found = e->kind == kind ? e : NULL;

    for (uint32_t i = 0; i < e->count && found == NULL; i++)
        found = find_kind(e->arguments[i], kind);
    return found;
}

static int64_t /* -1: it failed */
count_of(struct programs *p, const struct kql_expr *e, struct err *err)
{
    struct program_call call;
    duckdb_result r;
    int64_t count = -1;
    char sql[512];

    if (!programs_add(p, e, &play.schema, &call, err))
        return -1;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM T WHERE %s", play_call(&play, &call).p);
    if (duckdb_query(play.connection, sql, &r) == DuckDBSuccess)
        count = duckdb_value_int64(&r, 0, 0);
    else
        err_set(err, ST_IO, "%s", duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    return count;
}

static void
test_subqueries(void)
{
    const struct kql_expr *scalar = play_expr(&play, "n == toscalar(T | summarize max(n))");
    const struct kql_expr *set =
        play_expr(&play, "w in ((T | where w startswith 'c' | project w))");
    struct kql_value value = kql_integer(KQL_LONG, 499), item = kql_string(SPAN_LITERAL("cmd"));
    struct kql_value array = kql_array_of(&play.pool, &item, 1);
    struct programs *p = make(&options);
    struct err err = {""};
    enum pool_end why;

    if (scalar == NULL || set == NULL)
        return;
    programs_scalar_set(p, find_kind(scalar, KQL_EXPR_TO_SCALAR)->table, &value);
    programs_set_set(p, find_kind(set, KQL_EXPR_IN_TABLE)->table, array.array);
    int64_t count = count_of(p, scalar, &err);

    CHECK(count > 0 && count < 10, "%lld rows are the toscalar: %s", (long long)count, err.text);
    count = count_of(p, set, &err);
    CHECK(count == PLAY_ROWS / 5, "%lld rows are in the table: %s", (long long)count, err.text);
    CHECK(!programs_failed(p, &why, &err), "%s", err.text);
    programs_free(p);

    p = make(&options); /* and one that nobody ran */
    count = count_of(p, scalar, &err);
    CHECK(count == -1 && programs_failed(p, &why, &err) && why == POOL_ABANDONED &&
              strstr(err.text, "not run") != NULL,
          "%lld: %s", (long long)count, err.text);
    programs_free(p);
    p = make(&options);
    count = count_of(p, set, &err);
    CHECK(count == -1 && programs_failed(p, &why, &err) && strstr(err.text, "not run") != NULL,
          "%lld: %s", (long long)count, err.text);
    programs_free(p);
}

/* ---- what ends a statement ---- */

static void
test_ends(void)
{
    static const struct {
        const char *name, *expression;
        struct {
            int64_t late_ms;
            size_t memory_max;
            bool is_cancelled;
        } with;
        enum pool_end why;
        const char *says;
    } rows[] = {
        {"memory",
         "array_length(range(1, n + 100000)) > 0",           {0, 256 << 10, false},
         POOL_SPENT,                                                                                "memory limit"},
        {"no memory at all", "s has 'cmd'",                  {0, 64, false},        POOL_SPENT,     "memory limit"},
        {"time",             "s has 'cmd'",                  {1, 1 << 20, false},   POOL_LATE,      "time limit"  },
        {"cancelled",        "s has 'cmd'",                  {0, 1 << 20, true},    POOL_ABANDONED, "cancelled"   },
        {"not built",
         "isnotempty(geo_polygon_simplify(dynamic({}), n))", {0, 1 << 20, false},
         POOL_ABANDONED,                                                                            "not built"   },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct programs_options o = options;
        const struct kql_expr *e = play_expr(&play, rows[i].expression);
        struct err err = {""}, why_err = {""};
        enum pool_end why = POOL_GOES_ON;
        struct programs *p;

        o.memory_max = rows[i].with.memory_max;
        o.deadline_ms = rows[i].with.late_ms == 0 ? 0 : clock_monotonic_ms() - rows[i].with.late_ms;
        p = make(&o);
        atomic_store(&cancelled, rows[i].with.is_cancelled);
        if (e == NULL)
            continue;
        int64_t count = count_of(p, e, &err);
        bool has_failed = programs_failed(p, &why, &why_err);

        CHECK(count == -1 && strstr(err.text, rows[i].says) != NULL, "%s: %lld, %s", rows[i].name,
              (long long)count, err.text);
        CHECK(has_failed && why == rows[i].why && strstr(why_err.text, rows[i].says) != NULL,
              "%s: %d, %s", rows[i].name, why, why_err.text);
        CHECK(programs_memory(p) <= o.memory_max, "%s: %zu bytes are held", rows[i].name,
              programs_memory(p));
        atomic_store(&cancelled, false);
        programs_free(p);
    }
}

static void
check_refused(const char *sql, const char *says)
{
    duckdb_result r;
    bool is_done = duckdb_query(play.connection, sql, &r) == DuckDBSuccess;

    CHECK(!is_done && strstr(duckdb_result_error(&r), says) != NULL, "%s: %.200s", sql,
          is_done ? "done" : duckdb_result_error(&r));
    duckdb_destroy_result(&r);
}

/* Numbers out of date or wrong, columns that are not the program's. */
static void
test_wrong_calls(void)
{
    struct programs *p = make(&options);
    const struct kql_expr *e = play_expr(&play, "n > 3 and s has 'x'");
    struct program_call call;
    struct err err = {""};
    char sql[256];

    if (e == NULL || !programs_add(p, e, &play.schema, &call, &err)) {
        CHECK(false, "%s", err.text);
        return;
    }
    static const struct {
        const char *format, *says;
    } rows[] = {
        {"SELECT kql_bool(%llu, c0) FROM T",                      "called with 1 columns, not 2"},
        {"SELECT kql_bool(%llu) FROM T",                          "called with 0 columns"       },
        {"SELECT kql_bool(%llu, c2, c0) FROM T",                  "another type than VARCHAR"   },
        {"SELECT kql_bool(%llu, c0, c3) FROM T",                  "another type than BIGINT"    },
        {"SELECT kql_bool(%llu, c0, NULL) FROM T",                "another type than BIGINT"    },
        {"SELECT kql_long(%llu, c0, c2) FROM T",                  "not one of kql_long()"       },
        {"SELECT kql_bool_volatile(%llu, c0, c2) FROM T",         "not one of"                  },
        {"SELECT kql_bool((%llu + 1)::BIGINT, c0, c2) FROM T",    "there is no program"         },
        {"SELECT kql_bool((%llu + 99999999)::BIGINT, c0) FROM T", "there is no program"         },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        snprintf(sql, sizeof sql, rows[i].format, (unsigned long long)call.number);
        check_refused(sql, rows[i].says);
    }
    check_refused("SELECT kql_bool(NULL, c0) FROM T", "no number");
    check_refused("SELECT kql_bool(0, c0) FROM T", "no program 0");
    snprintf(sql, sizeof sql, "SELECT kql_bool(%llu, c0, c2) FROM T",
             (unsigned long long)call.number);
    play_run(&play, sql, NULL);
    snprintf(sql, sizeof sql, "SELECT kql_bool(%llu, c0, c2) FROM T WHERE false",
             (unsigned long long)call.number);
    play_run(&play, sql, NULL);
    programs_free(p);
    snprintf(sql, sizeof sql, "SELECT kql_bool(%llu, c0, c2) FROM T",
             (unsigned long long)call.number);
    check_refused(sql, "there is no program");
}

/* ---- several statements at a time ---- */

struct asker {
    pthread_t thread;
    char sql[512];
    int64_t answer; /* -1: it failed */
    char why[256];
};

static void *
ask(void *context)
{
    struct asker *a = context;
    duckdb_connection c;
    duckdb_result r;

    if (duckdb_connect(play.database, &c) != DuckDBSuccess)
        return NULL;
    if (duckdb_query(c, a->sql, &r) == DuckDBSuccess)
        a->answer = duckdb_value_int64(&r, 0, 0);
    else
        snprintf(a->why, sizeof a->why, "%s", duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    duckdb_disconnect(&c);
    return NULL;
}

static void
test_many(void)
{
    enum { ASKERS = 6 };
    static const char *const rows[] = {"s has 'cmd' and n > 0", "d.a == 11 or w == 'cmd'",
                                       "strlen(strcat(s, w)) % 2 == 0"};
    struct asker askers[ASKERS] = {0};
    struct programs *p[ASKERS];

    for (size_t i = 0; i < ASKERS; i++) {
        const struct kql_expr *e = play_expr(&play, rows[i % COUNT_OF(rows)]);
        struct program_call call;
        struct err err = {""};

        p[i] = i < COUNT_OF(rows) ? make(&options) : p[i - COUNT_OF(rows)]; /* two use one */
        CHECK(e != NULL && programs_add(p[i], e, &play.schema, &call, &err), "%s", err.text);
        snprintf(askers[i].sql, sizeof askers[i].sql,
                 "SELECT count(*) FROM (SELECT T.* REPLACE (c2 + x * 0 AS c2) FROM T, range(40) "
                 "r(x)) WHERE %s",
                 play_call(&play, &call).p);
        askers[i].answer = -1;
        if (pthread_create(&askers[i].thread, NULL, ask, &askers[i]) != 0)
            exit(1);
    }
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(askers[i].thread, NULL);
    for (size_t i = 0; i < ASKERS; i++)
        CHECK(askers[i].answer > 0 && askers[i].answer % 40 == 0 &&
                  askers[i].answer == askers[i % COUNT_OF(rows)].answer,
              "%s: %lld %s", rows[i % COUNT_OF(rows)], (long long)askers[i].answer, askers[i].why);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        programs_free(p[i]);
}

/* The query is given up while a statement runs: that ends, and finds nothing that is not there. */
static void
test_given_up(void)
{
    struct programs *p = make(&options);
    const struct kql_expr *e = play_expr(&play, "strlen(toupper(strcat(s, w, n))) == 7");
    struct asker asker = {.answer = -1};
    struct program_call call;
    struct err err = {""};

    if (e == NULL || !programs_add(p, e, &play.schema, &call, &err)) {
        CHECK(false, "%s", err.text);
        return;
    }
    snprintf(asker.sql, sizeof asker.sql,
             "SELECT count(*) FROM (SELECT c0, c1, c2 + x AS c2 FROM T, range(2000) r(x)) WHERE %s",
             play_call(&play, &call).p);
    if (pthread_create(&asker.thread, NULL, ask, &asker) != 0)
        exit(1);
    while (programs_memory(p) == 0) /* until it is called */
        sched_yield();
    programs_free(p);
    pthread_join(asker.thread, NULL);
    CHECK(asker.answer == -1 && strstr(asker.why, "no program") != NULL, "%lld %s",
          (long long)asker.answer, asker.why);
}

/* ---- in a workspace: registered, for every connection, read-only files too ---- */

static void
check_workspace(struct workspace *w)
{
    const struct kql_expr *e = play_expr(&play, "strcat('a', 'b', tostring(now()))");
    struct programs *p = make(&options);
    struct program_call call;
    duckdb_connection c;
    duckdb_result r;
    struct err err = {""};
    bool is_done;

    if (e == NULL || !programs_add(p, e, &play.schema, &call, &err) ||
        workspace_connect(w, &c, &err) != ST_OK) {
        CHECK(false, "%s", err.text);
        return;
    }
    is_done = duckdb_query(c, pool_printf(&play.pool, "SELECT %s", play_call(&play, &call).p).p,
                           &r) == DuckDBSuccess;
    char *text = is_done ? duckdb_value_varchar(&r, 0, 0) : NULL;

    CHECK(is_done && strncmp(text, "ab2024", 6) == 0, "%s %s", text, duckdb_result_error(&r));
    duckdb_free(text);
    duckdb_destroy_result(&r);
    duckdb_disconnect(&c);
    programs_free(p);
}

static void
test_workspace(void)
{
    char folder[] = "/tmp/program_test.XXXXXX", path[64];
    struct workspace_options o = {.memory_max = (size_t)128 << 20, .threads = 1};
    struct workspace *w;
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "no folder");
    snprintf(path, sizeof path, "%s/w", folder);
    for (int pass = 0; pass < 3; pass++) {
        o.is_read_only = pass == 2;
        if (workspace_open(path, &o, &w, &err) != ST_OK) {
            CHECK(false, "%s", err.text);
            break;
        }
        check_workspace(w);
        workspace_close(w);
    }
    unlink(path);
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
}

int
main(void)
{
    jmp_buf spent;

    pool_init(&play.pool, (size_t)256 << 20);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", play.pool.reason.text);
        return test_end();
    }
    play.pool.escape = &spent;
    if (!play_open(&play))
        return test_end();
    test_same();
    test_repeated();
    test_volatile();
    test_subqueries();
    test_ends();
    test_wrong_calls();
    test_many();
    test_given_up();
    test_workspace();
    play_close(&play);
    return test_end();
}
