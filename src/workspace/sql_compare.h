/* sql_compare.h - a query by the row engine alone and with all that SQL carries: what both answer is compared, and how much SQL
 * carried is checked. For tests. */
#pragma once
#include "workspace/sql_bed.h"

enum {
    ANY = -1,  /* however much */
    WHOLE = 0, /* all; else so many statements beside the row engine */
};

/* ---- answers as text ---- */

static inline int
sql_compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline char *
sql_print_row(struct pool *p, const struct kql_answer *a, size_t row)
{
    struct span out = {"", 0};

    for (uint32_t i = 0; i < a->schema.count; i++) {
        const struct kql_value *v = &a->rows[row][i];
        char real[40];
        struct span text;

        if (v->is_null) {
            text = SPAN_LITERAL("null");
        } else if (v->type == KQL_REAL) {
            snprintf(real, sizeof real, "%.12g", v->r == 0 ? 0.0 : v->r);
            text = span_of(real[0] == '-' && real[1] == 'n' ? real + 1 : real);
        } else if (a->schema.columns[i].type == KQL_DYNAMIC) {
            text = cell_dynamic_text(
                p, v); /* which tells an int from a long, and a text from a time */
        } else {
            struct kql_value printed = kql_to_text(p, (enum kql_type)a->schema.columns[i].type, v);

            text = pool_printf(p, "%s '%.*s'", kql_type_name((enum kql_type)v->type),
                               (int)kql_text(&printed).n, kql_text(&printed).p);
        }
        out = pool_printf(p, "%s|%.*s", out.p, (int)text.n, text.p);
    }
    return (char *)(uintptr_t)out.p;
}

static inline char **
sql_print_rows(struct pool *p, const struct kql_answer *a, bool is_ordered)
{
    char **rows = pool_zeroed(p, a->row_count + 1, sizeof(char *));

    for (size_t r = 0; r < a->row_count; r++)
        rows[r] = sql_print_row(p, a, r);
    if (!is_ordered)
        qsort(rows, a->row_count, sizeof(char *), sql_compare_texts);
    return rows;
}

/* ---- a query both ways ---- */

struct sql_both {
    struct kql_answers rows, sql;
    struct span explanation;
    bool is_ordered, is_whole;
};

static inline bool
sql_ask_both(struct sql_bed *bed, const char *query, struct sql_both *out)
{
    const struct kql_environment environment = {.table = sql_bed_find,
                                                .table_at = sql_bed_table_at,
                                                .context = bed,
                                                .defers_not_built = true,
                                                .now = INT64_C(638400000000000000)};
    struct pool *p = bed->query;
    struct kql_diagnostics *d = pool_zeroed(p, 1, sizeof *d);
    struct kql_rows_source source = sql_bed_source(bed);
    struct sql_options options = {.pool = p, .programs = bed->programs};
    jmp_buf *escape = p->escape;
    struct kql_bound bound;
    const struct kql_op *split;
    bool is_done;

    bed->environment = &environment;
    bed->is_direct = true;
    is_done = kql_rows_query(p, span_of(query), &environment, &source, &kql_rows_limits_default, d,
                             &out->rows, &bed->err);
    p->escape = escape;
    CHECK(is_done, "%s: rows: %s%s", query, bed->err.text, kql_diagnostics_print(p, d, false).p);
    bed->is_direct = false;
    kql_diagnostics_init(d, p, span_of(query));
    if (!is_done || !kql_bind(p, span_of(query), &environment, d, &bound))
        return false;
    split = sql_split(&options, bound.plan);
    out->explanation = sql_explain(p, bound.plan, split);
    out->is_ordered = bound.plan->is_serialized;
    out->is_whole = sql_bed_is_whole(split) != NULL;
    bed->part_count = 0;
    is_done = sql_bed_rows(bed, split, &out->sql);
    CHECK(is_done, "%s: %s\n%s", query, bed->err.text, out->explanation.p);
    return is_done;
}

static inline void
sql_compare_answers(struct sql_bed *bed, const char *query, const struct sql_both *both)
{
    CHECK(both->rows.count == both->sql.count, "%s: %u answers, not %u", query, both->sql.count,
          both->rows.count);
    for (uint32_t i = 0; i < both->rows.count && i < both->sql.count; i++) {
        const struct kql_answer *a = &both->rows.items[i], *b = &both->sql.items[i];
        char **x = sql_print_rows(bed->query, a, both->is_ordered),
             **y = sql_print_rows(bed->query, b, both->is_ordered);
        size_t r = 0;

        while (r < a->row_count && r < b->row_count && strcmp(x[r], y[r]) == 0)
            r++;
        CHECK(r == a->row_count && r == b->row_count,
              "%s: %zu rows and %zu; row %zu is %s by rows and %s by SQL\n%s", query, a->row_count,
              b->row_count, r, r < a->row_count ? x[r] : "none", r < b->row_count ? y[r] : "none",
              both->explanation.p);
    }
}

static inline void
sql_compare(struct sql_bed *bed, const char *query, int parts)
{
    struct pool pool;
    struct programs_options options = {
        .pool = &pool, .now = INT64_C(638400000000000000), .memory_max = (size_t)64 << 20};
    struct sql_both both = {0};
    jmp_buf escape;

    pool_init(&pool, (size_t)256 << 20);
    if (setjmp(escape) != 0) {
        CHECK(false, "%s: %s", query, pool.reason.text);
        exit(1);
    }
    pool.escape = &escape;
    bed->query = &pool;
    bed->err.text[0] = '\0';
    if (programs_new(&options, &bed->programs, &bed->err) != ST_OK)
        exit(1);
    if (sql_ask_both(bed, query, &both)) {
        sql_compare_answers(bed, query, &both);
        CHECK(parts == ANY || both.is_whole == (parts == WHOLE), "%s is %s in SQL\n%s", query,
              both.is_whole ? "whole" : "not whole", both.explanation.p);
        CHECK(parts == ANY || parts == WHOLE || bed->part_count == (uint32_t)parts,
              "%s: %u statements, not %d\n%s", query, bed->part_count, parts, both.explanation.p);
    }
    programs_free(bed->programs);
    pool_free(&pool);
}

struct sql_query {
    const char *query;
    int parts; /* WHOLE: one statement is all; ANY; else how many there are beside the row engine */
};

/* main() of a test of queries: all of them, or (an argument) those that have this text in them; then 'more', NULL: nothing. */
static inline int
sql_compare_all(int argc, char **argv, const struct sql_query *queries, size_t count,
                void (*more)(struct sql_bed *bed))
{
    static struct sql_bed bed;
    jmp_buf escape;

    pool_init(&bed.pool, (size_t)64 << 20);
    if (setjmp(escape) != 0) {
        printf("%s\n", bed.pool.reason.text);
        return 1;
    }
    bed.pool.escape = &escape;
    sql_bed_begin(&bed);
    for (size_t i = 0; i < count; i++)
        if (argc < 2 || strstr(queries[i].query, argv[1]) != NULL)
            sql_compare(&bed, queries[i].query, queries[i].parts);
    if (argc < 2 && more != NULL)
        more(&bed);
    sql_bed_end(&bed);
    return test_end();
}
