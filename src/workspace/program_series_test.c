/* program_series_test.c - the functions of make-series and keys of values, called by SQL: what they give, and what they refuse. */
#include "workspace/program_play.h"

static struct play play;

static const struct {
    const char *sql;     /* %llu: the program's number */
    const char *answer;  /* NULL: it ends the statement */
    const char *refusal; /* then: what is said */
    int program;         /* of 'programs' below */
} calls[] = {
  /* clang-format off */
    {"SELECT kql_series_dynamic(%llu, 4::BIGINT, [{'b': 2::BIGINT, 'f0': 7::BIGINT}])", "[-1,-1,7,-1]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 2::BIGINT, [{'b': 2::BIGINT, 'f0': 7::BIGINT}, {'b': -1::BIGINT, 'f0': 8::BIGINT}, {'b': NULL::BIGINT, 'f0': 9::BIGINT}])", "[-1,-1]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 2::BIGINT, [{'b': 0::BIGINT, 'f0': NULL::BIGINT}])", "[null,-1]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 2::BIGINT, NULL::STRUCT(b BIGINT, f0 BIGINT)[])", "[-1,-1]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 0::BIGINT, [{'b': 0::BIGINT, 'f0': 1::BIGINT}])", "[]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, -5::BIGINT, [{'b': 0::BIGINT, 'f0': 1::BIGINT}])", "[]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, NULL::BIGINT, [{'b': 0::BIGINT, 'f0': 1::BIGINT}])", "[]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, [{'b': 0::BIGINT, 'f0': 1::BIGINT, 'f1': 'x'}])", "[1,-1,-1]", NULL, 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, [{'b': 0::BIGINT, 'f0': 'x'}])", NULL, "other types", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, [{'b': 0::INTEGER, 'f0': 1::BIGINT}])", NULL, "other types", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, [{'b': 0::BIGINT}])", NULL, "other types", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, [1::BIGINT])", NULL, "other types", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, 1::BIGINT)", NULL, "other types", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT)", NULL, "three arguments", 0},
    {"SELECT kql_series_dynamic(%llu)", NULL, "three arguments", 0},
    {"SELECT kql_series_dynamic(NULL, 3::BIGINT, [{'b': 0::BIGINT, 'f0': 1::BIGINT}])", NULL, "no number", 0},
    {"SELECT kql_dynamic(%llu)", NULL, "not one of kql_dynamic()", 0},
    {"SELECT kql_series_long(%llu, 1::BIGINT, 2::BIGINT)", NULL, "not one of kql_series_long()", 0},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, 10::BIGINT)", "[10,15,20]", NULL, 1},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, NULL::BIGINT)", "[]", NULL, 1},
    {"SELECT kql_series_dynamic(%llu, 3::BIGINT, 1.5::DOUBLE)", NULL, "other types", 1},
    {"SELECT kql_series_long(%llu, 12::BIGINT, 29::BIGINT)", "4", NULL, 2},
    {"SELECT kql_series_long(%llu, 12::BIGINT, 12::BIGINT)", "1", NULL, 2},
    {"SELECT kql_series_long(%llu, NULL::BIGINT, NULL::BIGINT) IS NULL", "true", NULL, 2},
    {"SELECT kql_series_long(%llu, 1::BIGINT, 2::DOUBLE)", NULL, "other types", 2},
    /* the last: what is over a limit ends its query */
    {"SELECT kql_series_long(%llu, 0::BIGINT, 99999999::BIGINT)", NULL, "more than 1048576", 2},
  /* clang-format on */
};

static void
check_call(size_t i, uint64_t number)
{
    char sql[512];
    duckdb_result r;
    bool is_done;

    snprintf(sql, sizeof sql, "SELECT (");
    snprintf(sql + 8, sizeof sql - 16, calls[i].sql, (unsigned long long)number);
    strcat(sql, ")::VARCHAR");
    is_done = duckdb_query(play.connection, sql, &r) == DuckDBSuccess;
    CHECK(is_done == (calls[i].answer != NULL), "%s: %.200s", sql,
          is_done ? "done" : duckdb_result_error(&r));
    if (is_done && calls[i].answer != NULL) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(r);
        struct cell_column c;
        struct span text;

        cell_column_open(&c, KQL_STRING, duckdb_data_chunk_get_vector(chunk, 0));
        text = cell_text(&c, 0);
        CHECK(span_is(text, calls[i].answer), "%s: %.*s", sql, (int)text.n, text.p);
        duckdb_destroy_data_chunk(&chunk);
    } else if (!is_done && calls[i].refusal != NULL) {
        CHECK(strstr(duckdb_result_error(&r), calls[i].refusal) != NULL, "%s: %.200s", sql,
              duckdb_result_error(&r));
    }
    duckdb_destroy_result(&r);
}

int
main(void)
{
    static const struct programs_series series[] = {
        {.kind = PROGRAMS_SERIES_SPREAD,
         .type = KQL_LONG,
         .fill = {.type = KQL_LONG, .i = -1},
         .step = {.type = KQL_LONG, .i = 5}},
        {.kind = PROGRAMS_SERIES_STEPS,                              .type = KQL_LONG, .step = {.type = KQL_LONG, .i = 5}},
        {.kind = PROGRAMS_SERIES_COUNT,                              .type = KQL_LONG, .step = {.type = KQL_LONG, .i = 5}},
    };
    struct programs_options options = {.pool = &play.pool, .memory_max = (size_t)64 << 20};
    struct program_call made[COUNT_OF(series)];
    struct programs *programs;
    struct err err = {""};
    jmp_buf spent;

    pool_init(&play.pool, (size_t)256 << 20);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", play.pool.reason.text);
        return test_end();
    }
    play.pool.escape = &spent;
    if (!play_open(&play) || programs_new(&options, &programs, &err) != ST_OK)
        return test_end();
    for (size_t i = 0; i < COUNT_OF(series); i++)
        CHECK(programs_add_series(programs, &series[i], &made[i], &err), "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(calls) && test_failed == 0; i++)
        check_call(i, made[calls[i].program].number);
    programs_free(programs);
    play_close(&play);
    return test_end();
}
