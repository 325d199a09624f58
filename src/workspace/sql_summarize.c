/* sql_summarize.c - summarize and distinct. Three layers: raw aggregates by group, as DuckDB gives them (g0 ... keys, a0 ...);
 * from them what KQL's aggregates give (c0 ... keys, then results); from those the columns of the result.
 *
 * DuckDB's own aggregates stand where their meaning can be had exactly: a sum of whole numbers is taken in 128 bits and wraps
 * afterwards, a NaN wins over every minimum, what is empty is 0, "" or NaN as KQL has it. All others are
 * programs over the library's own. */
#include "workspace/sql_inner.h"

struct summary {
    struct sql_scope scope; /* of the input */
    struct sql_step *input;
    const struct kql_op *op;
    struct sql_text raw, results;
    uint32_t raw_count, result_count;
    const struct kql_expr *predicate; /* of the aggregate at hand: sumif ...; NULL: none */
};

/* ---- raw aggregates ---- */

/* Begins the next raw aggregate; gives its number. */
static uint32_t
raw_next(struct summary *m)
{
    sql_put(&m->raw, ", ");
    return m->raw_count++;
}

/* The end of one: its FILTER and its name. False: the predicate has no SQL. */
static bool
raw_end(struct summary *m, uint32_t raw)
{
    if (m->predicate != NULL) {
        sql_put(&m->raw, " FILTER (WHERE ");
        if (!sql_test(&m->scope, &m->raw, m->predicate))
            return false;
        sql_put(&m->raw, ")");
    }
    sql_put(&m->raw, " AS a%u", raw);
    return true;
}

/* "word(x)" of the value. */
static bool
raw_of(struct summary *m, const char *before, const struct kql_expr *e, const char *after,
       uint32_t *raw)
{
    *raw = raw_next(m);
    sql_put(&m->raw, "%s", before);
    if (!sql_value(&m->scope, &m->raw, e))
        return false;
    sql_put(&m->raw, "%s", after);
    return raw_end(m, *raw);
}

static void
result_begin(struct summary *m)
{
    sql_put(&m->results, ", ");
}

static void
result_end(struct summary *m)
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
typedef bool aggregate_form(struct summary *m, const struct kql_expr *e);

static bool
is_whole(const struct kql_expr *e)
{
    return e->type == KQL_INT || e->type == KQL_LONG;
}

static bool
count_form(struct summary *m, const struct kql_expr *e)
{
    uint32_t raw = raw_next(m);

    (void)e;
    sql_put(&m->raw, "count(*)");
    if (!raw_end(m, raw))
        return false;
    result_begin(m);
    sql_put(&m->results, "a%u", raw);
    result_end(m);
    return true;
}

static bool
sum_form(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw;

    if ((!is_whole(v) && v->type != KQL_TIMESPAN && v->type != KQL_REAL) ||
        !raw_of(m, "sum(", v, ")", &raw))
        return false;
    result_begin(m);
    if (v->type == KQL_REAL)
        sql_put(&m->results, "COALESCE(a%u, 0.0::DOUBLE)", raw);
    else
        put_wrapped(&m->results, raw);
    result_end(m);
    return true;
}

static bool
avg_form(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t sum, count;

    if ((!is_whole(v) && v->type != KQL_REAL) || !raw_of(m, "sum(", v, ")", &sum) ||
        !raw_of(m, "count(", v, ")", &count))
        return false;
    result_begin(m);
    sql_put(&m->results, "(CASE WHEN a%u = 0 THEN 'nan'::DOUBLE ELSE ", count);
    if (v->type == KQL_REAL)
        sql_put(&m->results, "a%u", sum);
    else
        put_wrapped(&m->results, sum);
    sql_put(&m->results, "::DOUBLE / a%u::DOUBLE END)", count);
    result_end(m);
    return true;
}

static bool
extreme_form(struct summary *m, const struct kql_expr *e)
{
    bool is_min = e->function->name[1] == 'i';
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw, nan = 0;

    if (v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC ||
        !raw_of(m, is_min ? "min(" : "max(", v, ")", &raw))
        return false;
    if (is_min && v->type == KQL_REAL && !raw_of(m, "bool_or(isnan(", v, "))", &nan))
        return false;
    result_begin(m);
    if (v->type == KQL_STRING)
        sql_put(&m->results, "COALESCE(a%u, '')", raw);
    else if (is_min && v->type == KQL_REAL)
        sql_put(&m->results, "(CASE WHEN a%u THEN 'nan'::DOUBLE ELSE a%u END)", nan, raw);
    else
        sql_put(&m->results, "a%u", raw);
    result_end(m);
    return true;
}

static bool
distinct_form(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw;

    if (v->type == KQL_DECIMAL || v->type == KQL_DYNAMIC ||
        !raw_of(m, "count(DISTINCT ", v, ")", &raw))
        return false;
    result_begin(m);
    sql_put(&m->results, "a%u", raw);
    result_end(m);
    return true;
}

/* A row's values as one. */
static bool
put_row(struct summary *m, const struct kql_expr *e)
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
put_key(struct summary *m, const struct kql_expr *v, bool is_max)
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
raw_best(struct summary *m, const struct kql_expr *v, const struct kql_expr *e, bool is_max,
         uint32_t *best)
{
    *best = raw_next(m);
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
raw_first(struct summary *m, const struct kql_expr *e, uint32_t *first)
{
    *first = raw_next(m);
    sql_put(&m->raw, "first(");
    if (!sql_value(&m->scope, &m->raw, e))
        return false;
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ")");
    return raw_end(m, *first);
}

static void
put_best(struct summary *m, const struct kql_expr *e, uint32_t value, uint32_t best, uint32_t first)
{
    bool is_text = sql_is_text(e);

    result_begin(m);
    sql_put(&m->results, "%s", is_text ? "COALESCE(" : "");
    if (first == UINT32_MAX)
        sql_put(&m->results, "a%u", best);
    else
        sql_put(&m->results, "(CASE WHEN a%u IS NULL THEN a%u ELSE a%u END)", value, first, best);
    sql_put(&m->results, "%s", is_text ? ", '')" : "");
    result_end(m);
}

static bool
is_arg(const struct kql_expr *e)
{
    const struct kql_expr *v = e->count > 0 ? e->arguments[0] : NULL;

    return strncmp(e->function->name, "arg", 3) == 0 && v != NULL &&
           (is_whole(v) || v->type == KQL_DATETIME || v->type == KQL_TIMESPAN ||
            v->type == KQL_STRING) &&
           (e->result_count > 1 ? e->result_count : 1) == e->count;
}

static bool
arg_form(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    bool is_max = strstr(e->function->name, "max") != NULL,
         has_first = v->type == KQL_LONG || v->type == KQL_TIMESPAN;
    uint32_t value, best, first = UINT32_MAX;

    if (!is_arg(e) || !raw_of(m, is_max ? "max(" : "min(", v, ")", &value))
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
any_form(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *v = e->arguments[0];
    uint32_t raw = raw_next(m), count = e->result_count > 1 ? e->result_count : 1;

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

        result_begin(m);
        sql_put(&m->results, "%sa%u", is_text ? "COALESCE(" : "", raw);
        if (count > 1)
            sql_put(&m->results, ".f%u", i);
        sql_put(&m->results, "%s", is_text ? ", '')" : "");
        result_end(m);
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

static bool
native(struct summary *m, const struct kql_expr *e)
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

/* Whether its answer hangs on the order of its rows. */
static bool
minds_order(const struct kql_expr *e)
{
    static const char *const mindless[] = {
        "percentile", "stdev", "variance", "covariance", "binary_all", "dcount", "count",
        "sum",        "avg",   "min",      "max",        "hll",        "tdigest"};

    for (size_t i = 0; i < COUNT_OF(mindless); i++)
        if (strncmp(e->function->name, mindless[i], strlen(mindless[i])) == 0)
            return false;
    return true;
}

/* What a program reads, in brackets of its own where they are several. */
static void
put_read(struct summary *m, const struct program_call *call)
{
    sql_put(&m->raw, "%s", call->count > 1 ? "{" : call->count == 0 ? "1" : "");
    for (uint32_t k = 0; k < call->count; k++) {
        if (call->count > 1)
            sql_put(&m->raw, "%s'f%u': ", k > 0 ? ", " : "", k);
        sql_put_column(&m->scope, &m->raw, call->columns[k]);
    }
    sql_put(&m->raw, "%s", call->count > 1 ? "}" : "");
}

/* The rows are gathered in their order, and then looked at. */
static void
put_fold(struct summary *m, const struct program_call *call)
{
    uint32_t raw = raw_next(m);

    sql_put(&m->raw, "list(");
    put_read(m, call);
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ") AS a%u", raw);
    result_begin(m);
    sql_put(&m->results, "%s(%llu, a%u)", call->function, (unsigned long long)call->number, raw);
    result_end(m);
}

/* Of no rows at all, which only a summary without keys has, DuckDB does not ask the program. */
static void
put_aggregate(struct summary *m, const struct program_call *call)
{
    bool may_be_none = m->op->u.summarize.key_count == 0 && !call->of_none.is_null;
    uint32_t raw = raw_next(m), rows;

    sql_put(&m->raw, "%s(%llu", call->function, (unsigned long long)call->number);
    for (uint32_t k = 0; k < call->count; k++) {
        sql_put(&m->raw, ", ");
        sql_put_column(&m->scope, &m->raw, call->columns[k]);
    }
    sql_put(&m->raw, ") AS a%u", raw);
    if (may_be_none) {
        rows = raw_next(m);
        sql_put(&m->raw, "count(*) AS a%u", rows);
    }
    result_begin(m);
    if (may_be_none) {
        sql_put(&m->results, "CASE WHEN a%u = 0 THEN ", rows);
        sql_put_span(&m->results, cell_literal(m->results.pool, call->type, &call->of_none));
        sql_put(&m->results, " ELSE a%u END", raw);
    } else {
        sql_put(&m->results, "a%u", raw);
    }
    result_end(m);
}

static bool
program(struct summary *m, const struct kql_expr *e)
{
    const struct kql_expr *split = sql_rest_expr(m->scope.b, e);
    struct programs *programs = m->scope.b->o->programs;
    uint32_t count = e->result_count > 1 ? e->result_count : 1;
    bool is_fold = m->input->order_count > 0 && minds_order(e);

    for (uint32_t i = 0; i < count; i++) {
        struct program_call call;
        struct err err = {""};

        if (!(is_fold ? programs_add_fold(programs, split, i, m->scope.schema, &call, &err)
                      : programs_add_aggregate(programs, split, i, m->scope.schema, &call, &err)))
            return err.text[0] != '\0'
                       ? sql_refuse(m->scope.b, "%s", err.text)
                       : sql_refuse(m->scope.b, "%s() cannot be put together from parts",
                                    e->function->name);
        sql_ask(&m->scope, split);
        if (is_fold)
            put_fold(m, &call);
        else
            put_aggregate(m, &call);
    }
    return true;
}

/* ---- layers ---- */

static bool
put_keys(struct summary *m)
{
    for (uint32_t i = 0; i < m->op->u.summarize.key_count; i++) {
        const struct kql_expr *key = m->op->u.summarize.keys[i];

        if (key->type == KQL_DECIMAL || key->type == KQL_DYNAMIC)
            return sql_refuse(m->scope.b, "SQL groups by %s otherwise",
                              kql_type_name((enum kql_type)key->type));
        sql_put(&m->raw, ", ");
        if (!sql_value(&m->scope, &m->raw, key))
            return false;
        sql_put(&m->raw, " AS g%u", i);
        sql_put(&m->results, ", g%u AS c%u", i, i);
    }
    return true;
}

/* The types of the columns that the finals read, from what reads them. */
static void
learn_types(const struct kql_expr *e, struct kql_column *columns, uint32_t count)
{
    if (e->kind == KQL_EXPR_COLUMN && e->column < count)
        columns[e->column].type = e->type;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL)
            learn_types(e->arguments[i], columns, count);
}

static bool
is_identity(const struct kql_op *op, uint32_t width)
{
    uint32_t key_count = op->u.summarize.key_count;

    if (op->schema.count != width)
        return false;
    for (uint32_t i = key_count; i < width; i++) {
        const struct kql_expr *e = op->u.summarize.finals[i - key_count];

        if (e->kind != KQL_EXPR_COLUMN || e->column != i)
            return false;
    }
    return true;
}

static bool
put_finals(struct summary *m, struct sql_text *t, uint32_t width)
{
    const struct kql_op *op = m->op;
    uint32_t key_count = op->u.summarize.key_count;
    struct kql_column *columns = pool_zeroed(m->scope.b->pool, width + 1, sizeof *columns);
    struct kql_schema schema = {.columns = columns, .count = width};
    struct sql_scope s = sql_scope_of(m->scope.b, m->scope.step, NULL, &schema, "");

    for (uint32_t i = 0; i < width; i++)
        columns[i].type = i < key_count ? op->schema.columns[i].type : KQL_DYNAMIC;
    for (uint32_t i = key_count; i < op->schema.count; i++)
        learn_types(op->u.summarize.finals[i - key_count], columns, width);
    sql_put_columns(t, key_count);
    for (uint32_t i = key_count; i < op->schema.count; i++) {
        sql_put(t, "%s", i == 0 ? "" : ", ");
        if (!sql_value(&s, t, op->u.summarize.finals[i - key_count]))
            return false;
        sql_put(t, " AS c%u", i);
    }
    return true;
}

static void
put_layers(struct summary *m, struct sql_text *t)
{
    uint32_t key_count = m->op->u.summarize.key_count;

    sql_put(t, "SELECT ");
    sql_put_span(t, (struct span){m->results.p + 2, m->results.n - 2});
    sql_put(t, " FROM (SELECT ");
    sql_put_span(t, (struct span){m->raw.p + 2, m->raw.n - 2});
    sql_put(t, " FROM t%u", sql_use(m->scope.b, m->scope.step, m->input));
    for (uint32_t i = 0; i < key_count; i++)
        sql_put(t, "%s%u", i == 0 ? " GROUP BY " : ", ", i + 1);
    sql_put(t, ")");
}

/* One arg_max or arg_min by keys and nothing else: the first row of each group in an order, for which DuckDB reads the other
 * columns of only those rows. */
static bool
put_first_rows(struct summary *m, struct sql_text *t, bool *is_done)
{
    const struct kql_op *op = m->op;
    const struct kql_expr *e = op->u.summarize.aggregates[0];
    uint32_t key_count = op->u.summarize.key_count;

    *is_done = false;
    if (key_count == 0 || op->u.summarize.aggregate_count != 1 || m->input->order_count > 0 ||
        e->count < 2 || !is_arg(e))
        return true;
    for (uint32_t i = 0; i < key_count; i++)
        if (op->u.summarize.keys[i]->type == KQL_REAL)
            return true;
    for (uint32_t i = 0; i < e->count; i++) {
        uint32_t raw = raw_next(m);

        if (!sql_value(&m->scope, &m->raw, e->arguments[i]))
            return false;
        sql_put(&m->raw, " AS a%u", raw);
        result_begin(m);
        sql_put(&m->results, "a%u", raw);
        result_end(m);
    }
    sql_put(t, "SELECT ");
    sql_put_span(t, (struct span){m->results.p + 2, m->results.n - 2});
    sql_put(t, " FROM (SELECT ");
    sql_put_span(t, (struct span){m->raw.p + 2, m->raw.n - 2});
    sql_put(t, " FROM t%u) QUALIFY row_number() OVER (PARTITION BY ",
            sql_use(m->scope.b, m->scope.step, m->input));
    for (uint32_t i = 0; i < key_count; i++)
        sql_put(t, "%sg%u", i == 0 ? "" : ", ", i);
    sql_put(t, " ORDER BY a0 %s NULLS LAST) = 1",
            strstr(e->function->name, "max") != NULL ? "DESC" : "ASC");
    *is_done = true;
    return true;
}

bool
sql_summarize_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct summary m = {.input = sql_carry(b, op->input), .op = op};
    uint32_t key_count = op->u.summarize.key_count, count = op->u.summarize.aggregate_count, width;

    m.scope = sql_scope_of(b, step, m.input, &op->input->schema, "");
    m.raw.pool = m.results.pool = b->pool;
    struct sql_text layers = {.pool = b->pool};
    bool is_first_rows = false;

    if (m.input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (step->is_volatile)
        return sql_refuse(b, "its expressions give other values each time");
    if (!put_keys(&m))
        return false;
    if (count > 0 && !put_first_rows(&m, &layers, &is_first_rows))
        return false;
    for (uint32_t i = 0; i < count && !is_first_rows; i++) {
        const struct kql_expr *e = op->u.summarize.aggregates[i];

        if (!native(&m, e) && !program(&m, e))
            return false;
    }
    width = key_count + m.result_count;
    if (width == 0)
        return sql_refuse(b, "it has no columns");
    if (!is_first_rows)
        put_layers(&m, &layers);
    if (is_identity(op, width)) {
        step->text = layers;
        return true;
    }
    sql_put(&step->text, "SELECT ");
    if (!put_finals(&m, &step->text, width))
        return false;
    sql_put(&step->text, " FROM (");
    sql_put_span(&step->text, (struct span){layers.p, layers.n});
    sql_put(&step->text, ")");
    return true;
}
