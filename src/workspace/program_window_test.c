/* program_window_test.c - window functions over lists: as many results as rows, list by list, and how they end. */
#include "workspace/program_play.h"

static struct play play;

static const struct programs_options options = {
    .pool = &play.pool, .now = INT64_C(638500000000000000), .memory_max = (size_t)1 << 30};

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

/* The call of a window function over T's rows; its number. */
static uint64_t
window_of(struct programs *p, const char *text, const char *function)
{
    const struct kql_op *plan =
        play_bind(&play, pool_printf(&play.pool, "T | serialize | project _x = %s", text).p);
    struct program_call call = {.function = ""};
    struct err err = {""};
    bool is_added;

    while (plan != NULL && plan->kind != KQL_OP_PROJECT)
        plan = plan->input;
    is_added =
        plan != NULL && programs_add_window(p, plan->u.project.exprs[0], &play.schema, &call, &err);
    CHECK(is_added && strcmp(call.function, function) == 0, "%s: %s %s", text, call.function,
          err.text);
    return is_added ? call.number : 0;
}

/* What stands in the answer's first cell. */
static int64_t
ask(const char *sql)
{
    duckdb_result r;
    int64_t v = -1;

    if (!play_run(&play, sql, &r))
        return v;
    v = duckdb_value_int64(&r, 0, 0);
    duckdb_destroy_result(&r);
    return v;
}

/* ---- results ---- */

static const struct {
    const char *name, *text, *function, *sql; /* %llu: the number; gives how many rows are right */
    int64_t count;
} results[] = {
  /* clang-format off */
    {"a sum in each of many lists", "row_cumsum(todouble(k))", "kql_window_real",
     "SELECT count(*) FROM (SELECT c3, unnest(l) AS v, generate_subscripts(l, 1) AS i FROM (SELECT c3, kql_window_real(%llu, list(c3)) AS l"
     " FROM T GROUP BY c3)) WHERE v = coalesce(c3, 0) * i", PLAY_ROWS},
    {"texts that are long", "next(s, 2)", "kql_window_string",
     "WITH n AS (SELECT c0, row_number() OVER () AS i FROM T), l AS (SELECT unnest(kql_window_string(%llu, list(c0 ORDER BY i))) AS v,"
     " unnest(list(i ORDER BY i)) AS i FROM n) SELECT count(*) FROM l JOIN (SELECT i, lead(c0, 2, '') OVER (ORDER BY i) AS w FROM n) USING (i)"
     " WHERE v = w", PLAY_ROWS},
    {"nulls", "prev(n, 3)", "kql_window_long",
     "WITH n AS (SELECT c2, row_number() OVER () AS i FROM T), l AS (SELECT unnest(kql_window_long(%llu, list(c2 ORDER BY i))) AS v,"
     " unnest(list(i ORDER BY i)) AS i FROM n) SELECT count(*) FROM l JOIN (SELECT i, lag(c2, 3) OVER (ORDER BY i) AS w FROM n) USING (i)"
     " WHERE v IS NOT DISTINCT FROM w", PLAY_ROWS},
    {"several columns", "row_cumsum(n, b)", "kql_window_long",
     "WITH n AS (SELECT c2, c5, row_number() OVER () AS i FROM T), g AS (SELECT *, count(CASE WHEN c5 THEN 1 END) OVER (ORDER BY i"
     " ROWS UNBOUNDED PRECEDING) AS g FROM n), l AS (SELECT unnest(kql_window_long(%llu, list({'a': c2, 'b': c5} ORDER BY i))) AS v,"
     " unnest(list(i ORDER BY i)) AS i FROM n) SELECT count(*) FROM l JOIN (SELECT i, sum(c2) OVER (PARTITION BY g ORDER BY i"
     " ROWS UNBOUNDED PRECEDING) AS w FROM g) USING (i) WHERE v = coalesce(w, 0)", PLAY_ROWS},
    {"no column", "row_number(5)", "kql_window_long",
     "SELECT count(*) FROM (SELECT unnest(kql_window_long(%llu, list(1))) AS v FROM T) WHERE v BETWEEN 5 AND 5004", PLAY_ROWS},
    {"an empty list", "row_number(5)", "kql_window_long", "SELECT len(kql_window_long(%llu, []::BIGINT[]))", 0},
    {"no list", "row_number(5)", "kql_window_long", "SELECT len(kql_window_long(%llu, NULL::BIGINT[]))", 0},
    {"lists of several lengths", "row_number(5)", "kql_window_long",
     "SELECT sum(len(l)) FROM (SELECT kql_window_long(%llu, CASE WHEN i % 3 = 0 THEN NULL ELSE range(i) END) AS l FROM range(100) t(i))", 3267},
  /* clang-format on */
};

static void
test_results(void)
{
    struct programs *p = make(&options);
    char sql[2048];

    for (size_t i = 0; i < COUNT_OF(results); i++) {
        uint64_t number = window_of(p, results[i].text, results[i].function);
        const char *at = strstr(results[i].sql, "%llu");
        int64_t count;

        snprintf(sql, sizeof sql, "%.*s%llu%s", (int)(at - results[i].sql), results[i].sql,
                 (unsigned long long)number, at + 4);
        count = ask(sql);
        CHECK(count == results[i].count, "%s: %lld, not %lld", results[i].name, (long long)count,
              (long long)results[i].count);
    }
    programs_free(p);
}

/* ---- ends ---- */

static void
check_fails(const char *sql, const char *says)
{
    duckdb_result r;
    bool is_done = duckdb_query(play.connection, sql, &r) == DuckDBSuccess;

    CHECK(!is_done && strstr(duckdb_result_error(&r), says) != NULL, "%.200s: %.200s", sql,
          is_done ? "done" : duckdb_result_error(&r));
    duckdb_destroy_result(&r);
}

static void
test_wrong_calls(void)
{
    static const struct {
        const char *format, *says;
    } rows[] = {
        {"SELECT kql_window_string(%llu, c0) FROM T",                   "not one list"              },
        {"SELECT kql_window_string(%llu) FROM T",                       "not one list"              },
        {"SELECT kql_window_string(%llu, list(c0), 1) FROM T",          "not one list"              },
        {"SELECT kql_window_string(%llu, list(c2)) FROM T",             "another type than VARCHAR" },
        {"SELECT kql_window_long(%llu, list(c0)) FROM T",               "not one of kql_window_long"},
        {"SELECT kql_string(%llu, c0) FROM T",                          "not one of kql_string"     },
        {"SELECT kql_fold_string(%llu, list(c0)) FROM T",               "not one of kql_fold_string"},
        {"SELECT kql_sum_string(%llu, c0) FROM T",                      "not one of kql_sum_string" },
        {"SELECT kql_each_string(%llu, c0) FROM T",                     "not one of kql_each_string"},
        {"SELECT kql_window_string(%llu + 9::BIGINT, list(c0)) FROM T", "no program"                },
    };
    struct programs *p = make(&options);
    uint64_t number = window_of(p, "prev(s)", "kql_window_string");
    char sql[256];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *at = strstr(rows[i].format, "%llu");

        snprintf(sql, sizeof sql, "%.*s%llu%s", (int)(at - rows[i].format), rows[i].format,
                 (unsigned long long)number, at + 4);
        check_fails(sql, rows[i].says);
    }
    programs_free(p);
    snprintf(sql, sizeof sql, "SELECT kql_window_string(%llu, list(c0)) FROM T",
             (unsigned long long)number);
    check_fails(sql, "no program");
}

static void
test_ends(void)
{
    static _Atomic bool cancelled = true;
    static const struct {
        const char *name, *text, *function, *list;
        size_t memory_max;
        bool is_cancelled, is_late;
        enum pool_end why;
        const char *says;
    } rows[] = {
        {"room for the results", "prev(n)",           "kql_window_long",   "list(c2)", 60000,   false, false,
         POOL_SPENT,                                                                                                      "memory limit"},
        {"texts of the results", "prev(s)",           "kql_window_string", "list(c0)", 160000,  false, false,
         POOL_SPENT,                                                                                                      "memory limit"},
        {"what is remembered",   "row_rank_dense(s)", "kql_window_long",   "list(c0)", 160000,  false,
         false,                                                                                               POOL_SPENT, "memory limit"},
        {"cancelled",            "prev(n)",           "kql_window_long",   "list(c2)", 1 << 20, true,  false,
         POOL_ABANDONED,                                                                                                  "cancelled"   },
        {"late",                 "prev(n)",           "kql_window_long",   "list(c2)", 1 << 20, false, true,  POOL_LATE,  "time"        },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct programs_options o = options;
        enum pool_end why = POOL_GOES_ON;
        struct err err = {""};
        struct programs *p;
        char sql[256];

        o.memory_max = rows[i].memory_max;
        o.cancelled = rows[i].is_cancelled ? &cancelled : NULL;
        o.deadline_ms = rows[i].is_late ? 1 : 0;
        p = make(&o);
        snprintf(sql, sizeof sql, "SELECT %s(%llu, %s) FROM T", rows[i].function,
                 (unsigned long long)window_of(p, rows[i].text, rows[i].function), rows[i].list);
        check_fails(sql, rows[i].says);
        CHECK(programs_failed(p, &why, &err) && why == rows[i].why, "%s: %d %s", rows[i].name, why,
              err.text);
        CHECK(programs_memory(p) <= o.memory_max, "%s: %zu bytes", rows[i].name,
              programs_memory(p));
        programs_free(p);
    }
}

int
main(void)
{
    jmp_buf spent;

    pool_init(&play.pool, (size_t)1 << 30);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", play.pool.reason.text);
        return test_end();
    }
    play.pool.escape = &spent;
    if (!play_open(&play))
        return test_end();
    test_results();
    test_wrong_calls();
    test_ends();
    play_close(&play);
    return test_end();
}
