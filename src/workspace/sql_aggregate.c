/* sql_aggregate.c - KQL's aggregates by DuckDB's own, where their meaning can be had exactly: a sum of whole numbers is taken in
 * 128 bits and wraps afterwards, a NaN wins over every minimum, what is empty is 0, "" or NaN as KQL has it. */
#include "workspace/sql_summary.h"

/* ---- raw aggregates ---- */

/* Begins the next raw aggregate; gives its number. */
uint32_t
sql_raw_next(struct sql_summary *m)
{
    sql_put(&m->raw, ", ");
    return m->raw_count++;
}

void
sql_raw_end(struct sql_summary *m, uint32_t raw, const char *also)
{
    if (m->has_live || also[0] != '\0')
        sql_put(&m->raw, " FILTER (WHERE %s%s%s)", m->has_live ? "live" : "",
                m->has_live && also[0] != '\0' ? " AND " : "", also);
    sql_put(&m->raw, " AS a%u", raw);
}

/* False: the predicate has no SQL. */
static bool
raw_end(struct sql_summary *m, uint32_t raw)
{
    struct sql_text predicate = {.pool = m->raw.pool};

    if (m->predicate != NULL && !sql_test(&m->scope, &predicate, m->predicate))
        return false;
    sql_raw_end(m, raw, m->predicate != NULL ? predicate.p : "");
    return true;
}

/* "word(x)" of the value. */
static bool
raw_of(struct sql_summary *m, const char *before, const struct kql_expr *e, const char *after,
       uint32_t *raw)
{
    *raw = sql_raw_next(m);
    sql_put(&m->raw, "%s", before);
    if (!sql_value(&m->scope, &m->raw, e))
        return false;
    sql_put(&m->raw, "%s", after);
    return raw_end(m, *raw);
}

void
sql_result_begin(struct sql_summary *m)
{
    sql_put(&m->results, ", ");
}

void
sql_result_end(struct sql_summary *m)
{
    sql_put(&m->results, " AS c%u", m->op->u.summarize.key_count + m->result_count++);
}

/* A sum in 128 bits as the 64 that KQL keeps of it. */
static void
put_wrapped(struct sql_text *t, uint32_t raw)
{
    sql_put(t,
            "(CASE WHEN a%u BETWEEN -9223372036854775808 AND 9223372036854775807"
            " THEN a%u::BIGINT WHEN a%u IS NULL THEN 0::BIGINT ELSE"
            " ((a%u %% 18446744073709551616::HUGEINT + 27670116110564327424::HUGEINT)"
            " %% 18446744073709551616::HUGEINT - 9223372036854775808::HUGEINT)::BIGINT END)",
            raw, raw, raw, raw);
}

/* ---- the aggregates ---- */

/* False: it is to be a program. */
typedef bool aggregate_form(struct sql_summary *m, const struct kql_expr *e);

static bool
is_whole(const struct kql_expr *e)
{
    return e->type == KQL_INT || e->type == KQL_LONG;
}

static bool
count_form(struct sql_summary *m, const struct kql_expr *e)
{
    uint32_t raw = sql_raw_next(m);

    (void)e;
    sql_put(&m->raw, "count(*)");
    if (!raw_end(m, raw))
        return false;
    sql_result_begin(m);
    sql_put(&m->results, "a%u", raw);
    sql_result_end(m);
    return true;
}

static bool
sum_form(struct sql_summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw;

    if ((!is_whole(v) && v->type != KQL_TIMESPAN && v->type != KQL_REAL) ||
        !raw_of(m, "sum(", v, ")", &raw))
        return false;
    sql_result_begin(m);
    if (v->type == KQL_REAL)
        sql_put(&m->results, "COALESCE(a%u, 0.0::DOUBLE)", raw);
    else
        put_wrapped(&m->results, raw);
    sql_result_end(m);
    return true;
}

static bool
avg_form(struct sql_summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t sum, count;

    if ((!is_whole(v) && v->type != KQL_REAL) || !raw_of(m, "sum(", v, ")", &sum) ||
        !raw_of(m, "count(", v, ")", &count))
        return false;
    sql_result_begin(m);
    sql_put(&m->results, "(CASE WHEN a%u = 0 THEN 'nan'::DOUBLE ELSE ", count);
    if (v->type == KQL_REAL)
        sql_put(&m->results, "a%u", sum);
    else
        put_wrapped(&m->results, sum);
    sql_put(&m->results, "::DOUBLE / a%u::DOUBLE END)", count);
    sql_result_end(m);
    return true;
}

static bool
extreme_form(struct sql_summary *m, const struct kql_expr *e)
{
    bool is_min = e->function->name[1] == 'i';
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw, nan = 0;

    if (v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC ||
        !raw_of(m, is_min ? "min(" : "max(", v, ")", &raw))
        return false;
    if (is_min && v->type == KQL_REAL && !raw_of(m, "bool_or(isnan(", v, "))", &nan))
        return false;
    sql_result_begin(m);
    if (v->type == KQL_STRING)
        sql_put(&m->results, "COALESCE(a%u, '')", raw);
    else if (is_min && v->type == KQL_REAL)
        sql_put(&m->results, "(CASE WHEN a%u THEN 'nan'::DOUBLE ELSE a%u END)", nan, raw);
    else
        sql_put(&m->results, "a%u", raw);
    sql_result_end(m);
    return true;
}

static bool
distinct_form(struct sql_summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw;

    if (v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC ||
        !raw_of(m, "count(DISTINCT ", v, ")", &raw))
        return false;
    sql_result_begin(m);
    sql_put(&m->results, "a%u", raw);
    sql_result_end(m);
    return true;
}

/* A row's values as one. */
static bool
put_row(struct sql_summary *m, const struct kql_expr *e)
{
    sql_put(&m->raw, "struct_pack(");
    for (uint32_t i = 0; i < e->count; i++) {
        sql_put(&m->raw, "%sf%u := ", i == 0 ? "" : ", ", i);
        if (!sql_value(&m->scope, &m->raw, e->arguments[i]))
            return false;
    }
    sql_put(&m->raw, ")");
    return true;
}

/* What arg_max and arg_min compare by in place of a null, which gives way to every value; NULL: no number is free for it. */
static const char *
before_all(const struct kql_expr *v, bool is_max)
{
    if (v->type == KQL_DATETIME)
        return is_max ? "-1" : "9223372036854775807";
    if (v->type == KQL_INT)
        return is_max ? "-2147483649" : "2147483648";
    return NULL;
}

static bool
put_key(struct sql_summary *m, const struct kql_expr *v, bool is_max)
{
    const char *other = before_all(v, is_max);

    sql_put(&m->raw, "%s", other != NULL ? "COALESCE(" : "");
    if (!sql_value(&m->scope, &m->raw, v))
        return false;
    if (other != NULL)
        sql_put(&m->raw, "%s, %s)", v->type == KQL_INT ? "::BIGINT" : "", other);
    return true;
}

/* One of the best row's values. DuckDB's aggregates take the first of rows that tie, each in the same way, so that several of
 * them speak of one row. */
static bool
raw_best(struct sql_summary *m, const struct kql_expr *v, const struct kql_expr *e, bool is_max,
         uint32_t *best)
{
    *best = sql_raw_next(m);
    sql_put(&m->raw, "%s(", is_max ? "arg_max_null" : "arg_min_null");
    if (!sql_value(&m->scope, &m->raw, e))
        return false;
    sql_put(&m->raw, ", ");
    if (!put_key(m, v, is_max))
        return false;
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ")");
    return raw_end(m, *best);
}

/* Where nulls have no number to stand for them: a group with nulls only gives its first row's values. */
static bool
raw_first(struct sql_summary *m, const struct kql_expr *e, uint32_t *first)
{
    *first = sql_raw_next(m);
    sql_put(&m->raw, "first(");
    if (!sql_value(&m->scope, &m->raw, e))
        return false;
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ")");
    return raw_end(m, *first);
}

static void
put_best(struct sql_summary *m, const struct kql_expr *e, uint32_t value, uint32_t best,
         uint32_t first)
{
    bool is_text = sql_is_text(e);

    sql_result_begin(m);
    sql_put(&m->results, "%s", is_text ? "COALESCE(" : "");
    if (first == UINT32_MAX)
        sql_put(&m->results, "a%u", best);
    else
        sql_put(&m->results, "(CASE WHEN a%u IS NULL THEN a%u ELSE a%u END)", value, first, best);
    sql_put(&m->results, "%s", is_text ? ", '')" : "");
    sql_result_end(m);
}

bool
sql_is_arg(const struct kql_expr *e)
{
    const struct kql_expr *v = e->count > 0 ? e->arguments[0] : NULL;

    return strncmp(e->function->name, "arg", 3) == 0 && v != NULL &&
           (is_whole(v) || v->type == KQL_DATETIME || v->type == KQL_TIMESPAN ||
            v->type == KQL_STRING) &&
           (e->result_count > 1 ? e->result_count : 1) == e->count;
}

static bool
arg_form(struct sql_summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    bool is_max = strstr(e->function->name, "max") != NULL,
         has_first = v->type == KQL_LONG || v->type == KQL_TIMESPAN;
    uint32_t value, best, first = UINT32_MAX;

    if (!sql_is_arg(e) || !raw_of(m, is_max ? "max(" : "min(", v, ")", &value))
        return false;
    put_best(m, v, value, value, UINT32_MAX);
    for (uint32_t i = 1; i < e->count; i++) {
        if (!raw_best(m, v, e->arguments[i], is_max, &best) ||
            (has_first && !raw_first(m, e->arguments[i], &first)))
            return false;
        put_best(m, e->arguments[i], value, best, first);
    }
    return true;
}

/* Of one value one that is there, if there is one; of several those of one row. */
static bool
any_form(struct sql_summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw = sql_raw_next(m), count = e->result_count > 1 ? e->result_count : 1;

    if (count != e->count)
        return false;
    if (count > 1) {
        sql_put(&m->raw, "first(");
        if (!put_row(m, e))
            return false;
    } else {
        sql_put(&m->raw, "any_value(%s", sql_is_text(v) ? "NULLIF(" : "");
        if (!sql_value(&m->scope, &m->raw, v))
            return false;
        sql_put(&m->raw, "%s", sql_is_text(v) ? ", '')" : "");
    }
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ")");
    if (!raw_end(m, raw))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool is_text = sql_is_text(e->arguments[i]);

        sql_result_begin(m);
        sql_put(&m->results, "%sa%u", is_text ? "COALESCE(" : "", raw);
        if (count > 1)
            sql_put(&m->results, ".f%u", i);
        sql_put(&m->results, "%s", is_text ? ", '')" : "");
        sql_result_end(m);
    }
    return true;
}

static const struct {
    const char *name;
    aggregate_form *form;
    uint32_t predicate; /* which argument it is, counted from 1; 0: none */
} natives[] = {
    {"count",            count_form,    0},
    {"cnt",              count_form,    0},
    {"countif",          count_form,    1},
    {"sum",              sum_form,      0},
    {"sumif",            sum_form,      2},
    {"avg",              avg_form,      0},
    {"avgif",            avg_form,      2},
    {"min",              extreme_form,  0},
    {"minif",            extreme_form,  2},
    {"max",              extreme_form,  0},
    {"maxif",            extreme_form,  2},
    {"dcount",           distinct_form, 0},
    {"dcountif",         distinct_form, 2},
    {"count_distinct",   distinct_form, 0},
    {"count_distinctif", distinct_form, 2},
    {"arg_max",          arg_form,      0},
    {"arg_min",          arg_form,      0},
    {"argmax",           arg_form,      0},
    {"argmin",           arg_form,      0},
    {"take_any",         any_form,      0},
    {"any",              any_form,      0},
};

bool
sql_aggregate(struct sql_summary *m, const struct kql_expr *e)
{
    struct sql_text raw = m->raw, results = m->results;
    uint32_t raw_count = m->raw_count, result_count = m->result_count;

    for (size_t i = 0; i < COUNT_OF(natives); i++) {
        uint32_t predicate = natives[i].predicate;

        if (strcmp(e->function->name, natives[i].name) != 0)
            continue;
        m->predicate = predicate == 0 || predicate > e->count ? NULL : e->arguments[predicate - 1];
        if (natives[i].form(m, e))
            return true;
    }
    m->raw.n = raw.n;
    m->results.n = results.n;
    m->raw_count = raw_count;
    m->result_count = result_count;
    return false;
}
