/* query_complete.c - names that a word may become. What stands before it tells a little: behind '|' an operator, else
 * columns, functions and tables. */
#include "penstock/query_complete.h"
#include "kql/function.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const char *const operators[] = {
    "as",
    "consume",
    "count",
    "distinct",
    "evaluate",
    "extend",
    "facet",
    "fork",
    "getschema",
    "invoke",
    "join",
    "limit",
    "lookup",
    "make-series",
    "mv-apply",
    "mv-expand",
    "order by",
    "parse",
    "parse-kv",
    "parse-where",
    "partition",
    "project",
    "project-away",
    "project-keep",
    "project-rename",
    "project-reorder",
    "reduce",
    "render",
    "sample",
    "sample-distinct",
    "scan",
    "search",
    "serialize",
    "sort by",
    "summarize",
    "take",
    "top",
    "top-hitters",
    "top-nested",
    "union",
    "where",
};
static const char *const charts[] = {"barchart",  "card",      "columnchart",
                                     "linechart", "areachart", "scatterchart",
                                     "piechart",  "table",     "timechart"};
static const char *const starts[] = {"datatable", "let", "print", "range", "search", "union"};

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void
offer(struct query_completion *out, struct span word, const char *name)
{
    if (strlen(name) >= word.n && strncasecmp(name, word.p, word.n) == 0 &&
        out->count < QUERY_COMPLETE_MAX)
        out->names[out->count++] = name;
}

static void
offer_all(struct query_completion *out, struct span word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        offer(out, word, names[i]);
}

static void
offer_columns(struct query_completion *out, struct span word, const struct catalog_table *t,
              enum query_shape shape)
{
    bool has_workspace = shape != QUERY_HUNTING && t->workspace_column_count > 0;

    for (size_t i = 0; has_workspace && i < t->workspace_column_count; i++)
        offer(out, word, t->workspace_columns[i].name);
    for (size_t i = 0; (!has_workspace || shape == QUERY_BOTH) && i < t->column_count; i++)
        offer(out, word, t->columns[i].name);
}

/* Columns of each table that is named before. */
static void
offer_named(struct query_completion *out, struct span word, const struct catalog *catalog,
            enum query_shape shape, struct span text)
{
    for (size_t at = 0; at < text.n;) {
        size_t from = at;

        while (at < text.n && is_word(text.p[at]))
            at++;
        if (at > from && at < text.n) {
            const struct catalog_table *t =
                catalog_find(catalog, (struct span){text.p + from, at - from});

            if (t != NULL)
                offer_columns(out, word, t, shape);
        }
        at += at == from;
    }
}

static int
by_name(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int folded = strcasecmp(x, y);

    return folded != 0 ? folded : strcmp(x, y);
}

static void
settle(struct query_completion *out)
{
    size_t kept = 0;

    qsort(out->names, out->count, sizeof *out->names, by_name);
    for (size_t i = 0; i < out->count; i++)
        if (kept == 0 || strcmp(out->names[kept - 1], out->names[i]) != 0)
            out->names[kept++] = out->names[i];
    out->count = kept;
    out->common = kept == 0 ? 0 : strlen(out->names[0]);
    for (size_t i = 1; i < kept; i++) {
        size_t n = 0;

        while (n < out->common &&
               tolower((unsigned char)out->names[0][n]) == tolower((unsigned char)out->names[i][n]))
            n++;
        out->common = n;
    }
}

/* The last sign before the word, blanks passed over; 0: none. *previous: the word before that, if it is one. */
static char
sign_before(struct span text, struct span *previous)
{
    size_t at = text.n, end;

    while (at > 0 && isspace((unsigned char)text.p[at - 1]))
        at--;
    end = at;
    while (at > 0 && is_word(text.p[at - 1]))
        at--;
    *previous = (struct span){text.p + at, end - at};
    return end == 0 ? '\0' : text.p[end - 1];
}

void
query_complete(const struct catalog *catalog, enum query_shape shape, struct span text,
               struct query_completion *out)
{
    struct span word = {text.p + text.n, 0}, previous;
    char sign;

    while (word.p > text.p && (is_word(word.p[-1]) ||
                               (word.p[-1] == '-' && word.p - 1 > text.p && is_word(word.p[-2])))) {
        word.p--;
        word.n++;
    }
    *out = (struct query_completion){.word = word.n};
    text.n -= word.n;
    sign = sign_before(text, &previous);
    if (sign == '|') {
        offer_all(out, word, operators, COUNT_OF(operators));
    } else if (span_is(previous, "render")) {
        offer_all(out, word, charts, COUNT_OF(charts));
    } else {
        offer_named(out, word, catalog, shape, text);
        for (size_t i = 0; i < catalog->table_count; i++)
            offer(out, word, catalog->tables[i].name);
        if (sign == '\0' || sign == ';')
            offer_all(out, word, starts, COUNT_OF(starts));
        for (const struct kql_function *f = kql_function_next(NULL); f != NULL && sign != '\0';
             f = kql_function_next(f))
            if ((f->flags & (KQL_F_LEGACY | KQL_F_NOT_BUILT)) == 0 && f->kind != KQL_OPERATOR &&
                is_word(f->name[0]))
                offer(out, word, f->name);
    }
    settle(out);
}
