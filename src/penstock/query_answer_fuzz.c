/* query_answer_fuzz.c - whatever a daemon answers, reading, printing and drawing it end within bounds. */
#include "penstock/query_answer.h"
#include "penstock/query_print.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"timechart", "barchart", "piechart", "linechart", "card"};
    struct chart_look look = {
        .width = 60, .height = 20, .has_unicode = size % 2 == 0, .has_colour = size % 3 == 0};
    struct span body = {(const char *)data, size}, query = SPAN_LITERAL("T\n| where x");
    struct query_answer a;
    struct err err = {""};
    struct pool pool;
    jmp_buf escape;
    char *text = NULL;
    size_t text_size;
    FILE *out = open_memstream(&text, &text_size);

    pool_init(&pool, 16 << 20);
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        query_answer_read_error(&pool, body, query, &a);
        (void)kql_diagnostics_print(&pool, &a.diagnostics, true);
        if (query_answer_read(&pool, body, query, &a, &err) && a.answers.count > 0) {
            (void)!query_print(out, QUERY_JSON, &a.answers, &err);
            (void)!query_print(out, QUERY_TABLE, &a.answers, &err);
            for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                a.charts[0].kind = span_of(kinds[i]);
                (void)!chart_print(out, &pool, &a.charts[0], &a.answers.items[0], &look, &err);
            }
        }
    }
    fclose(out);
    free(text);
    pool_free(&pool);
    return 0;
}
