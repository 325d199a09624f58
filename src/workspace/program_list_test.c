/* program_list_test.c - functions that give lists: each row is asked for once however often what it gives is named, types come
 * through exactly, and what ends a statement ends it with its reason. What their lists mean, sql_expand_test.c compares. */
#include "base/clock.h"
#include "workspace/program_play.h"

static struct play play;
static _Atomic bool cancelled;

static struct programs *
make(size_t memory_max, int64_t deadline_ms)
{
    const struct programs_options o = {.pool = &play.pool,
                                       .now = INT64_C(638500000000000000),
                                       .memory_max = memory_max,
                                       .deadline_ms = deadline_ms,
                                       .cancelled = &cancelled};
    struct programs *p;
    struct err err = {""};

    if (programs_new(&o, &p, &err) == ST_OK)
        return p;
    CHECK(false, "%s", err.text);
    exit(1);
}

/* "kql_row(7, c0)" of the first parse, parse-kv or mv-expand in KQL over T; NULL: counted. */
static const char *
list_call(struct programs *p, const char *kql)
{
    const struct kql_op *op = play_bind(&play, kql);
    struct program_call call;
    struct err err = {""};
    bool is_added = false;

    while (op != NULL && op->kind != KQL_OP_MV_EXPAND && op->kind != KQL_OP_PARSE_TEXT &&
           op->kind != KQL_OP_PARSE_PAIRS)
        op = op->input;
    if (op != NULL && op->kind == KQL_OP_MV_EXPAND)
        is_added = programs_add_each(p, op->u.expand.columns[0].expr, op, 0, &call, &err);
    else if (op != NULL && op->kind == KQL_OP_PARSE_TEXT)
        is_added = programs_add_row(p, op->u.parse.expr, op, &call, &err);
    else if (op != NULL)
        is_added = programs_add_row(p, op->u.parse_kv.expr, op, &call, &err);
    CHECK(is_added, "%s: %s", kql, err.text);
    return is_added ? play_call(&play, &call).p : NULL;
}

/* ---- what comes out ---- */

static const struct {
    const char *name, *kql;
    const char *sql; /* @: the call. Gives one text */
    const char *gives;
} values[] = {
  /* clang-format off */
    {"items", "T | mv-expand x = dynamic([1, \"a\", null, [2]])", "SELECT @::VARCHAR", "[1, '\"a\"', NULL, '[2]']"},
    {"no items", "T | mv-expand x = dynamic([])", "SELECT @::VARCHAR", "[]"},
    {"a null is an item", "T | mv-expand x = dynamic(null) to typeof(long)", "SELECT @::VARCHAR", "[NULL]"},
    {"no more than the limit", "T | mv-expand x = dynamic([1, 2, 3]) to typeof(int) limit 2", "SELECT @::VARCHAR", "[1, 2]"},
    {"each type as it is: bool", "T | mv-expand x = dynamic([true]) to typeof(bool)", "SELECT typeof(@)", "BOOLEAN[]"},
    {"int", "T | mv-expand x = dynamic([1]) to typeof(int)", "SELECT typeof(@)", "INTEGER[]"},
    {"long", "T | mv-expand x = dynamic([1]) to typeof(long)", "SELECT typeof(@)", "BIGINT[]"},
    {"real", "T | mv-expand x = dynamic([1]) to typeof(real)", "SELECT typeof(@)", "DOUBLE[]"},
    {"datetime", "T | mv-expand x = dynamic([1]) to typeof(datetime)", "SELECT typeof(@)", "BIGINT[]"},
    {"guid", "T | mv-expand x = dynamic([1]) to typeof(guid)", "SELECT typeof(@)", "UUID[]"},
    {"decimal", "T | mv-expand x = dynamic([1]) to typeof(decimal)", "SELECT typeof(@)", "VARCHAR[]"},
    {"dynamic", "T | mv-expand x = dynamic([1])", "SELECT typeof(@)", "VARCHAR[]"},
    {"strings are never null", "T | mv-expand x = dynamic([null, \"\"]) to typeof(string)", "SELECT len(list_filter(@, lambda x: x IS NULL))::VARCHAR", "0"},
    {"every row has its own", "T | mv-expand x = pack_array(n, k) to typeof(long)",
     "SELECT count(*)::VARCHAR FROM T WHERE @ IS DISTINCT FROM [c2, c3::BIGINT]", "0"},
    {"also rows that repeat", "T | mv-expand x = pack_array(w) to typeof(string)",
     "SELECT count(*)::VARCHAR FROM (SELECT c1, @ AS l FROM (SELECT * FROM T ORDER BY c1)) WHERE l <> [c1]", "0"},
    {"many in a chunk, nulls among them", "T | mv-expand x = pack_array(n, long(null), n, long(null), n, long(null), n, n, n) to typeof(long)",
     "SELECT count(*)::VARCHAR FROM T WHERE @ IS DISTINCT FROM [c2, NULL, c2, NULL, c2, NULL, c2, c2, c2]", "0"},
    {"long texts", "T | mv-expand x = repeat(strcat(s, s), 5) to typeof(string)",
     "SELECT count(*)::VARCHAR FROM T WHERE @ <> [c0 || c0, c0 || c0, c0 || c0, c0 || c0, c0 || c0]", "0"},
    {"captures", "T | parse 'a=1 b=x' with 'a=' a: long ' b=' b", "SELECT @::VARCHAR", "[1, x]"},
    {"captures of no match", "T | parse 'none' with 'a=' a: long ' b=' b", "SELECT @::VARCHAR", "[NULL, '']"},
    {"a row that is dropped", "T | parse-where s with 'short' i: long", "SELECT count(*)::VARCHAR FROM T WHERE (@ IS NULL) <> (c0 NOT LIKE 'short%')", "0"},
    {"and rows that repeat", "T | parse-where w with 'c' x",
     "SELECT count(*)::VARCHAR FROM (SELECT c1, @ AS l FROM (SELECT * FROM T ORDER BY c1)) WHERE (l IS NULL) <> (c1 <> 'cmd') OR l[1] <> 'md'", "0"},
    {"a real comes back", "T | parse tostring(r) with x: real", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::DOUBLE IS DISTINCT FROM c4", "0"},
    {"a guid", "T | parse tostring(g) with x: guid", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::UUID IS DISTINCT FROM c8", "0"},
    {"a datetime", "T | parse tostring(t) with x: datetime", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::BIGINT IS DISTINCT FROM c6", "0"},
    {"a timespan", "T | parse tostring(p) with x: timespan", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::BIGINT IS DISTINCT FROM c7", "0"},
    {"a bool", "T | parse tostring(b) with x: bool", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::BOOLEAN IS DISTINCT FROM c5", "0"},
    {"a long", "T | parse tostring(n) with x: long", "SELECT count(*)::VARCHAR FROM T WHERE @[1]::BIGINT IS DISTINCT FROM c2", "0"},
    {"pairs", "T | parse-kv 'a=1,b=x' as (b: string, a: int, c: string, d: real) with (pair_delimiter=',', kv_delimiter='=')",
     "SELECT @::VARCHAR", "[x, 1, '', NULL]"},
  /* clang-format on */
};

static struct span
with_call(const char *sql, const char *call)
{
    const char *at = strchr(sql, '@');

    return pool_printf(&play.pool, "%.*s%s%s", (int)(at - sql), sql, call, at + 1);
}

static void
test_values(void)
{
    struct programs *p = make((size_t)64 << 20, 0);

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const char *call = list_call(p, values[i].kql);
        duckdb_result r;

        if (call == NULL || !play_run(&play, with_call(values[i].sql, call).p, &r))
            continue;
        char *text = duckdb_value_varchar(&r, 0, 0);

        CHECK(text != NULL && strcmp(text, values[i].gives) == 0, "%s: %s, not %s", values[i].name,
              text != NULL ? text : "null", values[i].gives);
        duckdb_free(text);
        duckdb_destroy_result(&r);
    }
    programs_free(p);
}

/* ---- once per row ---- */

static const struct {
    const char *name, *kql, *sql;
} plans[] = {
    {"captures in several conditions", "T | parse s with 'short' i: long ' ' x",
     "SELECT p[1] FROM (SELECT *, @ AS p FROM T) WHERE p[1]::BIGINT > 3 AND p[2] <> 'x' AND p IS "
     "NOT NULL"                                         },
    {"captures through steps",         "T | parse-where s with 'short' i: long ' ' x",
     "WITH a AS (SELECT c1, p[1] AS x, p[2] AS y FROM (SELECT *, @ AS p FROM T) WHERE p IS NOT "
     "NULL), b AS (SELECT x, y, c1 FROM a WHERE x <> 'a') SELECT x, count(*) FROM b WHERE y < 'z' "
     "AND c1 <> 'cmd' GROUP BY x"                       },
    {"items under conditions",         "T | mv-expand d",
     "SELECT x FROM (SELECT c1, unnest(l) AS x, unnest(range(len(l))) AS i FROM (SELECT *, @ AS l "
     "FROM T)) WHERE x <> '1' AND i > 0 AND c1 <> 'cmd'"},
};

/* DuckDB's plan filters what was made, it does not make it anew to filter by: no filter stands below the projection. */
static void
test_once(void)
{
    struct programs *p = make((size_t)64 << 20, 0);

    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        const char *call = list_call(p, plans[i].kql), *filter = NULL, *projection = NULL;
        duckdb_result r;

        if (call == NULL ||
            !play_run(&play,
                      pool_printf(&play.pool, "EXPLAIN %s", with_call(plans[i].sql, call).p).p, &r))
            continue;
        char *text = duckdb_value_varchar(&r, 1, 0);

        for (const char *at = text; (at = strstr(at, " FILTER ")) != NULL; at++)
            filter = at;
        for (const char *at = text; (at = strstr(at, " PROJECTION ")) != NULL; at++)
            projection = at;
        CHECK(filter != NULL && projection != NULL && filter < projection, "%s:\n%s", plans[i].name,
              text);
        duckdb_free(text);
        duckdb_destroy_result(&r);
    }
    programs_free(p);
}

/* ---- ends ---- */

static const struct {
    const char *name, *kql;
    size_t memory_max;
    int64_t late_ms;
    bool is_cancelled;
    enum pool_end why;
    const char *says;
} ends[] = {
  /* clang-format off */
    {"items beyond the memory", "T | mv-expand x = range(1, 2000 + n) to typeof(long)", 4 << 20, 0, false, POOL_SPENT, "memory limit"},
    {"texts beyond the memory", "T | mv-expand x = repeat(strrep(s, 500), 20) to typeof(string)", 4 << 20, 0, false, POOL_SPENT, "memory limit"},
    {"captures beyond the memory", "T | parse strcat('x', strrep(s, 3000)) with 'x' y", 2 << 20, 0, false, POOL_SPENT, "memory limit"},
    {"time", "T | mv-expand d", 4 << 20, 1, false, POOL_LATE, "time limit"},
    {"time of captures", "T | parse s with x 'a' y", 4 << 20, 1, false, POOL_LATE, "time limit"},
    {"cancelled", "T | mv-expand d", 4 << 20, 0, true, POOL_ABANDONED, "cancelled"},
  /* clang-format on */
};

static void
test_ends(void)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct programs *p = make(
            ends[i].memory_max, ends[i].late_ms == 0 ? 0 : clock_monotonic_ms() - ends[i].late_ms);
        const char *call = list_call(p, ends[i].kql);
        enum pool_end why = POOL_GOES_ON;
        struct err err = {""};
        duckdb_result r;

        if (call == NULL)
            continue;
        atomic_store(&cancelled, ends[i].is_cancelled);
        bool is_done = duckdb_query(play.connection, with_call("SELECT sum(len(@)) FROM T", call).p,
                                    &r) == DuckDBSuccess;
        bool has_failed = programs_failed(p, &why, &err);

        CHECK(!is_done && has_failed && why == ends[i].why &&
                  strstr(err.text, ends[i].says) != NULL,
              "%s: %d, %s", ends[i].name, why, err.text);
        CHECK(programs_memory(p) <= ends[i].memory_max, "%s: %zu bytes are held", ends[i].name,
              programs_memory(p));
        atomic_store(&cancelled, false);
        duckdb_destroy_result(&r);
        programs_free(p);
    }
}

/* A program is called as what it is alone. */
static void
test_wrong_calls(void)
{
    struct programs *p = make((size_t)64 << 20, 0);
    const char *each = list_call(p, "T | mv-expand d to typeof(long)"),
               *row = list_call(p, "T | parse s with x 'a' y");
    const struct kql_expr *e = play_expr(&play, "n + 1");
    struct program_call call;
    struct err err = {""};

    if (each == NULL || row == NULL || e == NULL ||
        !programs_add(p, e, &play.schema, &call, &err)) {
        CHECK(false, "%s", err.text);
        return;
    }
    const char *scalar = play_call(&play, &call).p;
    const char *const wrong[] = {
        pool_printf(&play.pool, "kql_long%s", strchr(each, '(')).p,
        pool_printf(&play.pool, "kql_each_dynamic%s", strchr(each, '(')).p,
        pool_printf(&play.pool, "kql_each_long_volatile%s", strchr(each, '(')).p,
        pool_printf(&play.pool, "kql_row%s", strchr(each, '(')).p,
        pool_printf(&play.pool, "kql_each_string%s", strchr(row, '(')).p,
        pool_printf(&play.pool, "kql_string%s", strchr(row, '(')).p,
        pool_printf(&play.pool, "kql_each_long%s", strchr(scalar, '(')).p,
        pool_printf(&play.pool, "kql_row%s", strchr(scalar, '(')).p,
    };

    CHECK(strncmp(each, "kql_each_long(", 14) == 0 && strncmp(row, "kql_row(", 8) == 0, "%s %s",
          each, row);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        duckdb_result r;
        bool is_done =
            duckdb_query(play.connection, pool_printf(&play.pool, "SELECT %s FROM T", wrong[i]).p,
                         &r) == DuckDBSuccess;

        CHECK(!is_done && strstr(duckdb_result_error(&r), "not one of") != NULL, "%s: %.200s",
              wrong[i], is_done ? "done" : duckdb_result_error(&r));
        duckdb_destroy_result(&r);
    }
    const char *random = list_call(p, "T | mv-expand x = pack_array(rand())");

    CHECK(random != NULL && strncmp(random, "kql_each_dynamic_volatile(", 26) == 0, "%s", random);
    programs_free(p);
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
    test_values();
    test_once();
    test_ends();
    test_wrong_calls();
    play_close(&play);
    return test_end();
}
