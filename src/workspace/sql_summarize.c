/* sql_summarize.c - summarize and distinct: keys, programs over the library's aggregates, the layers of sql_summary.h. */
#include "workspace/sql_summary.h"

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
put_read(struct sql_summary *m, const struct program_call *call)
{
    sql_put(&m->raw, "%s", call->count > 1 ? "{" : call->count == 0 ? "1" : "");
    for (uint32_t k = 0; k < call->count; k++) {
        if (call->count > 1)
            sql_put(&m->raw, "%s'f%u': ", k > 0 ? ", " : "", k);
        sql_put_column(&m->scope, &m->raw, call->columns[k]);
    }
    sql_put(&m->raw, "%s", call->count > 1 ? "}" : "");
}

/* The rows are gathered in their order, and then looked at. Of many lists with few items each, as mv-apply has them, DuckDB
 * sorts the finished ones four times faster. */
static void
put_fold(struct sql_summary *m, const struct program_call *call)
{
    bool is_short = m->input->counts_items;
    uint32_t raw = sql_raw_next(m);

    sql_put(&m->raw, "list(%s", is_short ? "{" : "");
    for (uint32_t i = 0; is_short && i < m->input->order_count; i++)
        sql_put(&m->raw, "'k%u': k%u, ", i, i);
    sql_put(&m->raw, "%s", is_short ? "'v': " : "");
    put_read(m, call);
    if (is_short)
        sql_put(&m->raw, "}");
    else
        sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ")");
    sql_raw_end(m, raw, "");
    sql_result_begin(m);
    sql_put(&m->results,
            is_short ? "%s(%llu, list_transform(list_sort(a%u), lambda e: e.v))" : "%s(%llu, a%u)",
            call->function, (unsigned long long)call->number, raw);
    sql_result_end(m);
}

/* Of no rows at all, which only a summary without keys has, DuckDB does not ask the program. */
static void
put_aggregate(struct sql_summary *m, const struct program_call *call)
{
    bool may_be_none = m->op->u.summarize.key_count == 0 && !call->of_none.is_null;
    uint32_t raw = sql_raw_next(m), rows;

    sql_put(&m->raw, "%s(%llu", call->function, (unsigned long long)call->number);
    for (uint32_t k = 0; k < call->count; k++) {
        sql_put(&m->raw, ", ");
        sql_put_column(&m->scope, &m->raw, call->columns[k]);
    }
    sql_put(&m->raw, ")");
    sql_raw_end(m, raw, "");
    if (may_be_none) {
        rows = sql_raw_next(m);
        sql_put(&m->raw, "count(*)");
        sql_raw_end(m, rows, "");
    }
    sql_result_begin(m);
    if (may_be_none) {
        sql_put(&m->results, "CASE WHEN a%u = 0 THEN ", rows);
        sql_put_span(&m->results, cell_literal(m->results.pool, call->type, &call->of_none));
        sql_put(&m->results, " ELSE a%u END", raw);
    } else {
        sql_put(&m->results, "a%u", raw);
    }
    sql_result_end(m);
}

static bool
program(struct sql_summary *m, const struct kql_expr *e)
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

/* Of equal keys that need not be the same (1.0, 1.00) the first. */
static bool
put_first_value(struct sql_summary *m, const struct kql_expr *key, uint32_t index)
{
    sql_put(&m->raw, ", first(");
    if (!sql_value(&m->scope, &m->raw, key))
        return false;
    sql_put_order(&m->raw, m->input, "");
    sql_put(&m->raw, ") AS h%u", index);
    return true;
}

static bool
put_keys(struct sql_summary *m)
{
    for (uint32_t i = 0; i < m->op->u.summarize.key_count; i++) {
        const struct kql_expr *key = m->op->u.summarize.keys[i];

        sql_put(&m->raw, ", ");
        if (!sql_key(&m->scope, &m->raw, key))
            return false;
        sql_put(&m->raw, " AS g%u", i);
        if (sql_has_key(key) && !put_first_value(m, key, i))
            return false;
        sql_put(&m->results, ", %c%u AS c%u", sql_has_key(key) ? 'h' : 'g', i, i);
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
put_finals(struct sql_summary *m, struct sql_text *t, uint32_t width)
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
    for (uint32_t i = 0; i < m->scope.step->order_count; i++)
        sql_put(t, ", k%u", i);
    return true;
}

/* Groups in the order of their first rows, where rows are counted. */
static void
put_places(struct sql_summary *m)
{
    struct sql_step *step = m->scope.step;
    uint32_t count = m->input->order_count;

    sql_put(&m->raw, ", min(%sk0", count > 1 ? "{'k0': " : "");
    sql_put(&m->results, count > 1 ? ", g['k0'] AS k0" : ", g AS k0");
    for (uint32_t i = 1; i < count; i++) {
        sql_put(&m->raw, ", 'k%u': k%u", i, i);
        sql_put(&m->results, ", g['k%u'] AS k%u", i, i);
    }
    sql_put(&m->raw, "%s) AS g", count > 1 ? "}" : "");
    memcpy(step->order, m->input->order, sizeof step->order);
    step->order_count = count;
    step->counts_rows = true;
    step->counts_items = m->input->counts_items;
}

static void
put_groups(struct sql_summary *m, struct sql_text *t)
{
    bool has_runs = m->input->runs != NULL;

    if (has_runs || m->op->u.summarize.key_count > 0)
        sql_put(t, " GROUP BY %s", has_runs ? "r0" : "");
    for (uint32_t i = 0; i < m->op->u.summarize.key_count; i++)
        sql_put(t, "%sg%u", i == 0 && !has_runs ? "" : ", ", i);
}

static void
put_layers(struct sql_summary *m)
{
    struct sql_step *step = m->scope.step;
    struct sql_text *t = &step->text;

    sql_put(t, "SELECT ");
    sql_list_runs(step, m->input);
    sql_put_span(t, (struct span){m->results.p + 2, m->results.n - 2});
    sql_put(t, " FROM (SELECT ");
    sql_group_runs(step, m->input);
    sql_put_span(t, (struct span){m->raw.p + 2, m->raw.n - 2});
    sql_put(t, " FROM t%u", sql_use(m->scope.b, step, m->input));
    put_groups(m, t);
    sql_put(t, ")");
}

/* Columns of a table, none of them real (whose 0.0 and -0.0 are one key). */
static bool
are_stored(const struct sql_step *input, const struct kql_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (input->is_stored == NULL || exprs[i]->kind != KQL_EXPR_COLUMN ||
            !input->is_stored[exprs[i]->column] || exprs[i]->type == KQL_REAL)
            return false;
    return true;
}

/* One arg_max or arg_min by keys and nothing else: the first row of each group in an order, for which DuckDB reads the other
 * columns of only those rows; if they are a table's own, or it would copy them all. */
static bool
put_first_rows(struct sql_summary *m, struct sql_text *t, bool *is_done)
{
    const struct kql_op *op = m->op;
    const struct kql_expr *e = op->u.summarize.aggregates[0];
    uint32_t key_count = op->u.summarize.key_count;

    *is_done = false;
    if (key_count == 0 || op->u.summarize.aggregate_count != 1 || m->input->order_count > 0 ||
        m->input->runs != NULL || e->count < 2 || !sql_is_arg(e))
        return true;
    for (uint32_t i = 0; i < key_count; i++)
        if (sql_has_key(op->u.summarize.keys[i]))
            return true;
    if (!are_stored(m->input, op->u.summarize.keys, key_count) ||
        !are_stored(m->input, e->arguments, e->count))
        return true;
    for (uint32_t i = 0; i < e->count; i++) {
        uint32_t raw = sql_raw_next(m);

        if (!sql_value(&m->scope, &m->raw, e->arguments[i]))
            return false;
        sql_put(&m->raw, " AS a%u", raw);
        sql_result_begin(m);
        sql_put(&m->results, "a%u", raw);
        sql_result_end(m);
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
    struct sql_summary m = {.op = op};
    struct sql_step *input = sql_carry(b, op->input);
    uint32_t key_count = op->u.summarize.key_count, count = op->u.summarize.aggregate_count, width;

    struct sql_text layers = {.pool = b->pool};
    bool is_first_rows = false, has_finals;

    if (input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    m.has_live = key_count == 0 && input->runs != NULL && input->may_miss_runs;
    m.input = m.has_live ? sql_live_rows(b, op->input) : input;
    m.scope = sql_scope_of(b, step, m.input, &op->input->schema, "");
    m.raw.pool = m.results.pool = b->pool;
    step->may_miss_runs = key_count > 0 && input->may_miss_runs;
    if (step->is_volatile)
        return sql_refuse(b, "its expressions give other values each time");
    if (!put_keys(&m))
        return false;
    if (count > 0 && !put_first_rows(&m, &layers, &is_first_rows))
        return false;
    for (uint32_t i = 0; i < count && !is_first_rows; i++) {
        const struct kql_expr *e = op->u.summarize.aggregates[i];

        if (!sql_aggregate(&m, e) && !program(&m, e))
            return false;
    }
    width = key_count + m.result_count;
    if (width == 0)
        return sql_refuse(b, "it has no columns");
    if (m.input->counts_rows && key_count > 0)
        put_places(&m);
    has_finals = !is_identity(op, width);
    if (has_finals) {
        sql_put(&step->text, "SELECT ");
        sql_list_runs(step, m.input);
        if (!put_finals(&m, &step->text, width))
            return false;
        sql_put(&step->text, " FROM (");
    }
    if (is_first_rows)
        sql_put_span(&step->text, (struct span){layers.p, layers.n});
    else
        put_layers(&m);
    sql_put(&step->text, has_finals ? ")" : "");
    return true;
}
