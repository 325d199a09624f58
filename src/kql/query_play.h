/* query_play.h - runs queries without tables for tests: a table of names, queries and answers. An
 * answer is its rows as JSON, a bracket each, or the complaint. Included by tests only. */
#pragma once
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/rows.h"

struct play_case {
    const char *name, *query, *answer;
};

static struct pool play_pool;
static struct kql_diagnostics play_diagnostics;

static inline const char *
play_print(const struct kql_answer *a)
{
    struct kql_array_builder rows = {.pool = &play_pool};
    struct kql_value all;

    for (size_t r = 0; r < a->row_count; r++)
        kql_array_add(&rows, kql_array_of(&play_pool, a->rows[r], a->schema.count));
    all = kql_array_finish(&rows);
    return pool_text(&play_pool, kql_json_print(&play_pool, &all)).p;
}

/* "[[1,"x"],[2,"y"]]", or the first complaint, or what ended the run. Lives until the next one. */
static inline const char *
play_query(const char *query, const struct kql_rows_limits *limits)
{
    const struct kql_environment environment = {.now = INT64_C(637277409050000000)};
    static struct err err;
    struct kql_answers answers;
    jmp_buf here;

    if (play_pool.limit == 0)
        pool_init(&play_pool, limits->memory_max);
    pool_reset(&play_pool);
    err.text[0] = '\0';
    if (!kql_rows_query(&play_pool, span_of(query), &environment, NULL, limits, &play_diagnostics,
                        &answers, &err))
        return play_diagnostics.error_count > 0 ? play_diagnostics.items[0].text : err.text;
    play_pool.escape = &here;
    play_pool.limit += 64 << 20;
    if (setjmp(here) != 0)
        return "no memory to print";
    return answers.count == 1 ? play_print(&answers.items[0]) : "not one answer";
}

static inline void
play_cases(const struct play_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = play_query(cases[i].query, &kql_rows_limits_default);

        CHECK(strcmp(got, cases[i].answer) == 0, "%s: %s\n   not %s", cases[i].name, got,
              cases[i].answer);
    }
}
