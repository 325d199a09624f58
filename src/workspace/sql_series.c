/* sql_series.c - make-series: rows are numbered by their step, summarized by keys and that number (a summarize of sql_summarize.c), and
 * what each key has is spread over its steps by a program.
 *
 *     tB   the input's columns and, behind them, the step's number; rows outside of the steps are gone
 *     tS   summarize VALUES by KEYS, number
 *     tN   a row per key: kql_series_dynamic(..., COUNT, list of its numbers and values)
 *
 * Where the steps begin and how many there are is known before ("from A to B"), or comes out of the numbers (of datetimes, which
 * are not below 0, so that all steps there can be are numbered from year 1 on), or needs the smallest and largest value first: tE. */
#include "kql/series_axis.h"
#include "workspace/sql_inner.h"

enum ends {
    ENDS_KNOWN,   /* before the query runs: 'axis' */
    ENDS_OF_BINS, /* out of the numbers */
    ENDS_FIRST,   /* tE: e0 where they begin, e1 how many there are */
};

struct series {
    struct sql_build *b;
    struct sql_step *step, *input;
    const struct kql_op *op;
    enum ends ends;
    bool is_real;
    struct kql_series_axis axis; /* ENDS_OF_BINS: from and step only */
    bool has_last;
    int64_t last;           /* ENDS_OF_BINS, 'to' is known: the number behind the last one */
    struct sql_step *first; /* tE */
};

/* ---- where the steps are ---- */

static bool
is_known(const struct kql_expr *e)
{
    return e != NULL && e->kind == KQL_EXPR_CONST && !e->value.is_null;
}

/* Whether there is a row where there is none to read. */
static bool
is_lonely(const struct kql_op *op)
{
    return op->u.series.is_nonempty && op->u.series.key_count == 0;
}

/* The ends of datetimes of which one or both are the data's. */
static void
place_bins(struct series *s)
{
    const struct kql_expr *from = s->op->u.series.from, *to = s->op->u.series.to;
    int64_t step = s->axis.step;

    s->ends = ENDS_OF_BINS;
    s->axis.from = from == NULL ? 0 : from->value.i;
    s->has_last = to != NULL;
    if (to != NULL)
        s->last = to->value.i > 0 ? (to->value.i - 1) / step + 1 : 0;
}

static bool
place(struct series *s)
{
    const struct kql_op *op = s->op;
    const struct kql_expr *from = op->u.series.from, *to = op->u.series.to,
                          *step = op->u.series.step;
    enum kql_type type = (enum kql_type)op->u.series.axis->type;
    struct kql_series_ends ends = {.type = type,
                                   .step = &step->value,
                                   .from = from == NULL ? NULL : &from->value,
                                   .to = to == NULL ? NULL : &to->value,
                                   .to_is_inclusive = op->u.series.to_is_inclusive};
    struct err err = {""};

    if (!is_known(step))
        return sql_refuse(s->b, "its step is not known before the query runs");
    s->is_real = type == KQL_REAL || type == KQL_DECIMAL || step->value.type == KQL_REAL ||
                 step->value.type == KQL_DECIMAL;
    if (is_known(from) && is_known(to)) {
        if (kql_series_place(&s->axis, &ends, &err) != KQL_SERIES_PLACED)
            return sql_refuse(s->b, "%s", err.text);
        return true;
    }
    s->axis = (struct kql_series_axis){.type = type, .is_real = s->is_real};
    s->axis.step_r = kql_real_in(&step->value);
    s->axis.step = s->is_real ? 0 : step->value.i;
    if (s->is_real ? !(s->axis.step_r > 0) : s->axis.step <= 0)
        return sql_refuse(s->b, "its step is not above 0");
    s->ends = ENDS_FIRST;
    if (type == KQL_DATETIME && !is_lonely(op) && (from == NULL || is_known(from)) &&
        (to == NULL || is_known(to)))
        place_bins(s);
    return true;
}

static bool
add_program(struct series *s, const struct programs_series *series, struct program_call *call)
{
    struct err err = {""};

    return programs_add_series(s->b->o->programs, series, call, &err) ||
           sql_refuse(s->b, "%s", err.text);
}

/* The same of every kind. */
static struct programs_series
program_of(const struct series *s, enum programs_series_kind kind)
{
    return (struct programs_series){.kind = kind,
                                    .type = (enum kql_type)s->op->u.series.axis->type,
                                    .step = s->op->u.series.step->value,
                                    .to_is_inclusive = s->op->u.series.to_is_inclusive};
}

/* ---- the axis' value, and steps between ---- */

/* A decimal as the real that the row engine counts with. */
static const struct kql_expr *
axis_value(struct series *s)
{
    const struct kql_expr *axis = s->op->u.series.axis, **arguments;
    struct kql_expr *call;

    if (axis->type != KQL_DECIMAL)
        return axis;
    call = pool_zeroed(s->b->pool, 1, sizeof *call);
    arguments = pool_take(s->b->pool, sizeof *arguments);
    arguments[0] = axis;
    *call = (struct kql_expr){.kind = KQL_EXPR_CALL,
                              .type = KQL_REAL,
                              .function = kql_function_find(SPAN_LITERAL("todouble"), KQL_SCALAR),
                              .arguments = arguments,
                              .count = 1,
                              .weight = 2,
                              .result_count = 1};
    return call;
}

/* tE. False: b->why. */
static bool
make_first(struct series *s)
{
    const struct kql_op *op = s->op;
    struct sql_step *step = s->first = sql_between(s->b, &op->input->schema);
    struct sql_scope scope = sql_scope_of(s->b, step, s->input, &op->input->schema, "");
    struct programs_series from = program_of(s, PROGRAMS_SERIES_FROM), count;
    const char *type = s->is_real ? "DOUBLE" : "BIGINT";
    struct program_call calls[2];

    if (op->u.series.from != NULL) {
        from.from = sql_rest_expr(s->b, op->u.series.from);
        sql_ask(&scope, from.from);
    }
    if (op->u.series.to != NULL) {
        from.to = sql_rest_expr(s->b, op->u.series.to);
        sql_ask(&scope, from.to);
    }
    count = from;
    count.kind = PROGRAMS_SERIES_COUNT;
    if (!add_program(s, &from, &calls[0]) || !add_program(s, &count, &calls[1]))
        return false;
    sql_put(&step->text, "SELECT %s(%llu, low, high) AS e0, %s(%llu, low, high) AS e1 FROM (",
            calls[0].function, (unsigned long long)calls[0].number, calls[1].function,
            (unsigned long long)calls[1].number);
    if (from.from != NULL && from.to != NULL) {
        sql_put(&step->text, "SELECT NULL::%s AS low, NULL::%s AS high)", type, type);
    } else {
        sql_put(&step->text, "SELECT min(x)::%s AS low, max(x)::%s AS high FROM (SELECT ", type,
                type);
        if (!sql_value(&scope, &step->text, axis_value(s)))
            return false;
        sql_put(&step->text, " AS x FROM t%u)%s)", sql_use(s->b, step, s->input),
                s->is_real ? " WHERE isfinite(x)" : "");
    }
    step->is_volatile = true; /* wanted more than once, and run once */
    return true;
}

/* tE's, where a value is wanted. */
static void
put_first(struct series *s, struct sql_step *step, struct sql_text *t, int which)
{
    sql_put(t, "(SELECT e%d FROM t%u)", which, sql_use(s->b, step, s->first));
}

static void
put_whole(struct sql_text *t, int64_t i)
{
    struct kql_value v = kql_integer(KQL_LONG, i);

    sql_put_span(t, cell_literal(t->pool, KQL_LONG, &v));
}

static void
put_real(struct sql_text *t, double r)
{
    struct kql_value v = kql_real(r);

    sql_put_span(t, cell_literal(t->pool, KQL_REAL, &v));
}

/* ---- tB ---- */

/* The number of x's step: of a real before it is looked whether there is such a step. */
static void
put_number(struct series *s, struct sql_step *step, struct sql_text *t, const char *x)
{
    int64_t end, distance;
    bool is_wide = s->ends == ENDS_FIRST;

    if (s->is_real) {
        sql_put(t, "floor((%s - ", x);
        if (s->ends == ENDS_FIRST)
            put_first(s, step, t, 0);
        else
            put_real(t, s->axis.from_r);
        sql_put(t, ") / ");
        put_real(t, s->axis.step_r);
        sql_put(t, ")");
        return;
    }
    if (s->ends == ENDS_KNOWN)
        is_wide = __builtin_mul_overflow((int64_t)s->axis.bins, s->axis.step, &distance) ||
                  __builtin_add_overflow(s->axis.from, distance, &end);
    sql_put(t, is_wide ? "((%s::HUGEINT - " : "((%s - ", x);
    if (s->ends == ENDS_FIRST)
        put_first(s, step, t, 0);
    else
        put_whole(t, s->axis.from);
    sql_put(t, ") // ");
    put_whole(t, s->axis.step);
    sql_put(t, ")");
}

static void
put_count(struct series *s, struct sql_step *step, struct sql_text *t)
{
    if (s->ends == ENDS_FIRST)
        put_first(s, step, t, 1);
    else
        put_whole(t, (int64_t)s->axis.bins);
}

/* Which rows are in a step. Plain comparisons of the column where that can be, for which DuckDB skips what its zone maps rule out. */
static void
put_condition(struct series *s, struct sql_step *step, struct sql_text *t, const char *x)
{
    int64_t distance, end;

    if (s->is_real) {
        put_number(s, step, t, x);
        sql_put(t, " >= 0 AND ");
        put_number(s, step, t, x);
        sql_put(t, " < ");
        put_count(s, step, t);
        return;
    }
    if (s->ends == ENDS_FIRST) {
        sql_put(t, "%s >= ", x);
        put_first(s, step, t, 0);
        sql_put(t, " AND ");
        put_number(s, step, t, x);
        sql_put(t, " < ");
        put_count(s, step, t);
        return;
    }
    sql_put(t, "%s >= ", x);
    put_whole(t, s->axis.from);
    if (s->ends == ENDS_OF_BINS && !s->has_last)
        return;
    if (__builtin_mul_overflow(s->ends == ENDS_KNOWN ? (int64_t)s->axis.bins : s->last,
                               s->axis.step, &distance) ||
        __builtin_add_overflow(s->axis.from, distance, &end))
        return; /* no value is beyond */
    sql_put(t, " AND %s < ", x);
    put_whole(t, end);
}

/* The input's columns and the number: as an operator of its own. NULL: b->why. */
static const struct kql_op *
make_bins(struct series *s)
{
    const struct kql_schema *in = &s->op->input->schema;
    struct kql_column *columns = pool_zeroed(s->b->pool, in->count + 1, sizeof *columns);
    const struct kql_schema schema = {.columns = columns, .count = in->count + 1};
    struct sql_step *step = sql_between(s->b, &schema);
    struct sql_scope scope = sql_scope_of(s->b, step, s->input, in, "");
    struct sql_text x = {.pool = s->b->pool};
    struct sql_node *node;

    memcpy(columns, in->columns, in->count * sizeof *columns);
    columns[in->count] = (struct kql_column){.type = KQL_LONG};
    if (!sql_value(&scope, &x, axis_value(s)))
        return NULL;
    sql_select(step, "SELECT");
    sql_pass_columns(step, s->input);
    sql_column_begin(step, in->count);
    sql_put(&step->text, "TRY_CAST("); /* DuckDB may look before it filters */
    put_number(s, step, &step->text, x.p);
    sql_put(&step->text, " AS BIGINT) AS c%u", in->count);
    sql_column_end(step);
    sql_pass_order(step, s->input);
    sql_pass_runs(step, s->input, "");
    sql_put(&step->text, " FROM t%u WHERE ", sql_use(s->b, step, s->input));
    put_condition(s, step, &step->text, x.p);
    node = sql_node_of(s->b, step->op);
    node->reads_input = false; /* it is no input of a sub-query */
    node->is_tried = true;
    node->step = step;
    return step->op;
}

/* ---- tS ---- */

const struct kql_expr *
sql_shifted(struct pool *p, const struct kql_expr *e, uint32_t by)
{
    struct kql_expr *copy = pool_take(p, sizeof *copy);
    const struct kql_expr **arguments = pool_take(p, (e->count + 1) * sizeof *arguments);

    *copy = *e;
    if (e->kind == KQL_EXPR_COLUMN)
        copy->column += by;
    for (uint32_t i = 0; i < e->count; i++)
        arguments[i] = e->arguments[i] == NULL ? NULL : sql_shifted(p, e->arguments[i], by);
    copy->arguments = arguments;
    return copy;
}

/* summarize VALUES by KEYS, number. */
static const struct kql_op *
make_summary(struct series *s, const struct kql_op *bins)
{
    struct pool *p = s->b->pool;
    uint32_t key_count = s->op->u.series.key_count, value_count = s->op->u.series.value_count,
             width = key_count + 1 + value_count;
    struct kql_column *columns = pool_zeroed(p, width, sizeof *columns);
    const struct kql_expr **keys = pool_take(p, (key_count + 1) * sizeof *keys),
                          **finals = pool_take(p, (value_count + 1) * sizeof *finals);
    struct kql_expr *number = pool_zeroed(p, 1, sizeof *number);
    struct kql_op *op = pool_zeroed(p, 1, sizeof *op);

    *number = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                                .type = KQL_LONG,
                                .column = bins->schema.count - 1,
                                .result_count = 1};
    memcpy(keys, s->op->u.series.keys, key_count * sizeof *keys);
    keys[key_count] = number;
    for (uint32_t i = 0; i <= key_count; i++)
        columns[i].type = keys[i]->type;
    for (uint32_t i = 0; i < value_count; i++) {
        finals[i] = sql_shifted(p, s->op->u.series.values[i].final, key_count + 1);
        columns[key_count + 1 + i].type = finals[i]->type;
    }
    *op = (struct kql_op){
        .kind = KQL_OP_SUMMARIZE, .input = bins, .schema = {.columns = columns, .count = width}
    };
    op->u.summarize.keys = keys;
    op->u.summarize.key_count = key_count + 1;
    op->u.summarize.aggregates = s->op->u.series.aggregates;
    op->u.summarize.aggregate_count = s->op->u.series.aggregate_count;
    op->u.summarize.finals = finals;
    return op;
}

/* ---- tN ---- */

static void
put_base(struct series *s, struct sql_text *t)
{
    if (s->op->u.series.from == NULL)
        sql_put(t, "base");
    else
        sql_put(t, "0");
}

/* How many steps there are, where lists are turned into arrays. */
static void
put_bins(struct series *s, struct sql_text *t)
{
    if (s->ends != ENDS_OF_BINS) {
        put_count(s, s->step, t);
        return;
    }
    if (s->has_last)
        put_whole(t, s->last);
    else
        sql_put(t, "(last + 1)");
    sql_put(t, " - ");
    put_base(s, t);
}

static void
put_from(struct series *s, struct sql_text *t)
{
    if (s->ends == ENDS_FIRST) {
        put_first(s, s->step, t, 0);
    } else if (s->is_real) {
        put_real(t, s->axis.from_r);
    } else if (s->ends == ENDS_KNOWN || s->op->u.series.from != NULL) {
        put_whole(t, s->axis.from);
    } else {
        put_base(s, t);
        sql_put(t, " * ");
        put_whole(t, s->axis.step);
    }
}

static bool
put_array(struct series *s, const struct programs_series *series, bool is_axis)
{
    struct sql_text *t = &s->step->text;
    struct program_call call;

    if (!add_program(s, series, &call))
        return false;
    sql_put(t, "%s(%llu, ", call.function, (unsigned long long)call.number);
    put_bins(s, t);
    sql_put(t, ", ");
    if (is_axis)
        put_from(s, t);
    else
        sql_put(t, "l");
    sql_put(t, ")");
    return true;
}

static bool
put_columns(struct series *s, struct sql_step *summary)
{
    const struct kql_op *op = s->op;
    uint32_t key_count = op->u.series.key_count, value_count = op->u.series.value_count;

    sql_select(s->step, "SELECT");
    for (uint32_t i = 0; i < op->schema.count; i++) {
        uint32_t from = op->u.series.map[i];
        struct programs_series series = program_of(s, PROGRAMS_SERIES_STEPS);

        sql_column_begin(s->step, i);
        if (from < key_count) {
            sql_put(&s->step->text, "%c%u", sql_has_key(op->u.series.keys[from]) ? 'h' : 'g', from);
        } else {
            if (from < key_count + value_count) {
                series.kind = PROGRAMS_SERIES_SPREAD;
                series.field = from - key_count;
                series.type = (enum kql_type)op->u.series.values[series.field].final->type;
                series.fill = op->u.series.values[series.field].fill;
            }
            if (!put_array(s, &series, series.kind == PROGRAMS_SERIES_STEPS))
                return false;
        }
        sql_put(&s->step->text, " AS c%u", i);
        sql_column_end(s->step);
    }
    for (uint32_t i = 0; i < summary->order_count; i++) {
        sql_column_begin(s->step, UINT32_MAX);
        sql_put(&s->step->text, "k['k%u'] AS k%u", i, i);
        sql_column_end(s->step);
    }
    memcpy(s->step->order, summary->order, sizeof s->step->order);
    s->step->order_count = summary->order_count;
    s->step->counts_rows = summary->counts_rows;
    sql_pass_runs(s->step, summary, "");
    return true;
}

/* Of equal keys that need not be the same the first. */
static bool
put_key(struct series *s, struct sql_step *summary, uint32_t index)
{
    struct sql_scope scope = sql_scope_of(s->b, s->step, summary, &summary->op->schema, "");
    struct kql_expr *key = pool_zeroed(s->b->pool, 1, sizeof *key);
    struct sql_text *t = &s->step->text;

    *key = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                             .type = summary->op->schema.columns[index].type,
                             .column = index,
                             .result_count = 1};
    if (!sql_key(&scope, t, key))
        return false;
    sql_put(t, " AS g%u, ", index);
    if (!sql_has_key(key))
        return true;
    sql_put(t, "first(c%u", index);
    sql_put_order(t, summary, "");
    sql_put(t, ") AS h%u, ", index);
    return true;
}

/* What each key has, in lists. */
static bool
put_lists(struct series *s, struct sql_step *summary)
{
    uint32_t key_count = s->op->u.series.key_count, value_count = s->op->u.series.value_count;
    bool has_runs = summary->runs != NULL;
    const char *all = has_runs ? "PARTITION BY r0" : "";
    struct sql_text *t = &s->step->text;
    uint32_t id = sql_use(s->b, s->step, summary);

    sql_put(t, " FROM (SELECT ");
    sql_group_runs(s->step, summary);
    for (uint32_t i = 0; i < key_count; i++)
        if (!put_key(s, summary, i))
            return false;
    sql_put(t, "list({'b': c%u", key_count);
    if (s->ends == ENDS_OF_BINS) {
        sql_put(t, " - ");
        put_base(s, t);
    }
    for (uint32_t i = 0; i < value_count; i++)
        sql_put(t, ", 'f%u': c%u", i, key_count + 1 + i);
    sql_put(t, "}) AS l");
    for (uint32_t i = 0; i < summary->order_count; i++)
        sql_put(t, "%s'k%u': k%u%s", i == 0 ? ", min({" : ", ", i, i,
                i + 1 == summary->order_count ? "}) AS k" : "");
    if (s->ends == ENDS_OF_BINS)
        sql_put(t,
                ", any_value(base) AS base, any_value(last) AS last FROM (SELECT *,"
                " min(c%u) OVER (%s) AS base, max(c%u) OVER (%s) AS last FROM t%u)",
                key_count, all, key_count, all, id);
    else
        sql_put(t, " FROM t%u", id);
    if (has_runs || key_count > 0)
        sql_put(t, " GROUP BY %s", has_runs ? "r0" : "");
    for (uint32_t i = 0; i < key_count; i++)
        sql_put(t, "%sg%u", i == 0 && !has_runs ? "" : ", ", i);
    if (key_count == 0 && !is_lonely(s->op))
        sql_put(t, " HAVING count(*) > 0");
    sql_put(t, ")");
    if (is_lonely(s->op) && s->ends == ENDS_FIRST) {
        sql_put(t, " WHERE ");
        put_count(s, s->step, t);
        sql_put(t, " IS NOT NULL");
    }
    return true;
}

bool
sql_series_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct series s = {.b = b, .step = step, .input = sql_carry(b, op->input), .op = op};
    const struct kql_op *bins;
    struct sql_step *summary;

    if (s.input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (step->is_volatile)
        return sql_refuse(b, "its expressions give other values each time");
    if (!place(&s))
        return false;
    if (s.input->runs != NULL && (s.ends == ENDS_FIRST || is_lonely(op)))
        return sql_refuse(b, "each run of the sub-query would have ends of its own");
    if (s.ends == ENDS_FIRST && !make_first(&s))
        return false;
    bins = make_bins(&s);
    if (bins == NULL)
        return false;
    summary = sql_carry(b, make_summary(&s, bins));
    if (summary == NULL || !put_columns(&s, summary))
        return false; /* why: the summarize's own reason stands */
    if (!put_lists(&s, summary))
        return false;
    step->may_miss_runs = true;
    step->groupings++;
    return true;
}
