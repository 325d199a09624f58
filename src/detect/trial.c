/* trial.c - test-runs: what a rule would find, shown and forgotten. */
#include "detect/detect_inner.h"
#include "detect/query.h"
#include <stdlib.h>

enum {
    TEST_ROWS_SHOWN = 50,
    TEST_MS = 60000,
    TESTS_MAX = 8, /* side by side: each holds a connection */
};

static json_t *
row_json(const struct kql_answer *answer, size_t row)
{
    struct hit_cell *cells = calloc(answer->schema.count + 1, sizeof *cells);
    json_t *made = json_object();
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, (size_t)64 << 20);
    pool.escape = &escape;
    if (cells != NULL && setjmp(escape) == 0) {
        query_cells(&pool, answer, row, cells);
        for (uint32_t i = 0; i < answer->schema.count; i++) {
            json_t *text = cells[i].text.p == NULL ? json_null()
                                                   : json_stringn(cells[i].text.p, cells[i].text.n);

            json_object_setn_new(made, cells[i].name.p, cells[i].name.n,
                                 text != NULL ? text : json_null());
        }
    }
    pool_free(&pool);
    free(cells);
    return made;
}

static json_t *
test_answer(const struct hunt *hunt, const struct hits_result *found)
{
    const struct kql_answer *answer = &hunt->answers.items[0];
    json_t *columns = json_array(), *rows = json_array();

    for (uint32_t i = 0; i < answer->schema.count; i++)
        json_array_append_new(columns, json_stringn(answer->schema.columns[i].name.p,
                                                    answer->schema.columns[i].name.n));
    for (size_t i = 0; i < answer->row_count && i < TEST_ROWS_SHOWN; i++)
        json_array_append_new(rows, row_json(answer, i));
    return json_pack("{s:I, s:I, s:I, s:b, s:o, s:o, s:O}", "rows", (json_int_t)found->rows,
                     "merged", (json_int_t)found->merged, "dropped", (json_int_t)found->dropped,
                     "isPartial", hunt->partial != HUNT_WHOLE, "columns", columns, "hits", rows,
                     "alerts", found->shown);
}

enum status
detect_test(struct detect *d, const char *tenant, const struct detection *x, int64_t span,
            json_t **answer, struct err *err)
{
    const struct control *c = detect_control(d);
    int64_t now = d->o.now(d->o.clock), least = 60 * DETECTION_MINUTE;
    struct rule rule = {.detector = "00000000-0000-0000-0000-000000000000", .x = *x};
    const struct hits_options options = {
        .rule = &rule, .now = now, .alerts_max = DETECTION_ALERTS_MAX};
    struct hunt_window window = {.from = UINT64_MAX, .to = UINT64_MAX};
    struct query q = {.workspace = NULL};
    struct hits_result found;
    struct hits *hits = NULL;
    enum status st;

    snprintf(rule.tenant, sizeof rule.tenant, "%s", tenant);
    if (span == 0)
        span = x->lookback > least ? x->lookback : least;
    window.admitted_from = now - span;
    if (atomic_fetch_add(&d->tests, 1) >= TESTS_MAX) {
        atomic_fetch_sub(&d->tests, 1);
        return err_set(err, ST_FULL, "%d test-runs run already: try again later", TESTS_MAX);
    }
    st = query_open(c, tenant, x, &q, err);
    for (bool is_first = true; st == ST_OK && (is_first || q.is_short); is_first = false) {
        query_forget(&q);
        st = query_run(c, tenant, x, &q, &window, now, TEST_MS, &d->is_stopping, err);
        if (q.is_short)
            st = ST_OK; /* it ended since it named one more workspace */
    }
    if (st == ST_OK)
        st = hits_make(&options, &hits, err);
    if (st == ST_OK)
        st = query_hits(&q.hunt, hits, SPAN_LITERAL("test"), err);
    if (st == ST_OK)
        st = hits_end(hits, &found, err);
    if (st == ST_OK && (*answer = test_answer(&q.hunt, &found)) == NULL)
        st = err_set(err, ST_FULL, "no memory for the answer");
    hits_free(hits);
    query_end(&q);
    atomic_fetch_sub(&d->tests, 1);
    return st;
}
