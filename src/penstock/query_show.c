/* query_show.c - a chart where one is asked for and can be drawn, else rows. */
#include "penstock/query_show.h"
#include "penstock/commands.h"
#include <errno.h>
#include <unistd.h>

enum { CHART_MEMORY_MAX = 256 << 20 };

/* False: it is to be shown as a table. */
static bool
draw(const struct chart_spec *spec, const struct kql_answer *a)
{
    struct chart_look look = chart_look_of(STDOUT_FILENO);
    struct err err = {""};
    struct pool pool;
    jmp_buf here;
    bool is_drawn;

    pool_init(&pool, CHART_MEMORY_MAX);
    pool.escape = &here;
    if (setjmp(here) != 0) {
        pool_free(&pool);
        fputs("penstock query: so much cannot be drawn\n", stderr);
        return false;
    }
    is_drawn = chart_print(stdout, &pool, spec, a, &look, &err);
    pool_free(&pool);
    if (!is_drawn && err.text[0] != '\0')
        fprintf(stderr, "penstock query: %s; here are its rows\n", err.text);
    return is_drawn;
}

int
query_end_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_DONE;
    fprintf(stderr, "penstock query: cannot write: %s\n", strerror(errno));
    return EXIT_UNREACHABLE;
}

static int
show_rows(enum query_format format, const struct kql_answers *answers)
{
    struct err err = {""};

    if (query_print(stdout, format, answers, &err) == ST_OK)
        return query_end_output();
    fprintf(stderr, "penstock query: %s\n", err.text);
    return EXIT_REFUSED;
}

int
query_show(enum query_format format, const struct kql_answers *answers,
           const struct chart_spec *charts)
{
    bool has_chart = false;
    int code = EXIT_DONE;

    for (uint32_t i = 0; format == QUERY_CHART && i < answers->count; i++)
        has_chart =
            has_chart || (charts != NULL ? charts[i].kind.n > 0 : answers->items[i].render != NULL);
    if (!has_chart)
        return show_rows(format, answers);
    for (uint32_t i = 0; i < answers->count && code == EXIT_DONE; i++) {
        struct kql_answers one = {.items = &answers->items[i], .count = 1};
        struct chart_spec spec = charts != NULL ? charts[i] : chart_spec_of(one.items->render);

        if (answers->count > 1)
            printf("%s%.*s\n", i > 0 ? "\n" : "", (int)one.items->name.n, one.items->name.p);
        fflush(stdout);
        if (!draw(&spec, one.items))
            code = show_rows(QUERY_TABLE, &one);
    }
    return code == EXIT_DONE ? query_end_output() : code;
}
