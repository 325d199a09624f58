/* sql_window_form.c - the window functions that SQL has in KQL's own meaning: a table of them, and what is written for each. */
#include "workspace/sql_window.h"

#define FRAME " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"

/* Beyond all rows there can be; numbers from there on do not leave 64 bits. */
#define ROWS_BEYOND (INT64_C(1) << 40)

static struct sql_scope
scope_of(struct windows *w)
{
    return sql_scope_of(w->b, w->step, w->input, &w->input->op->schema, "");
}

static void
put_column(struct windows *w, struct sql_text *t, uint32_t column)
{
    sql_read(w->step, w->input, column);
    sql_put(t, "c%u", column);
}

/* All rows up to the one at hand, or 'frame' is "": those of its run, and since the last restart if those are counted. */
static void
put_over(struct windows *w, struct sql_text *t, const struct window_call *c, const char *frame)
{
    bool restarts = c->restarts != NO_COLUMN && w->is_there[c->restarts],
         has_runs = w->input->runs != NULL;

    sql_put(t, " OVER (%s", restarts || has_runs ? "PARTITION BY " : "");
    if (has_runs) {
        sql_read(w->step, w->input, w->input->op->schema.count);
        sql_put(t, "r0%s", restarts ? ", " : "");
    }
    if (restarts)
        put_column(w, t, c->restarts);
    sql_put_order(t, w->input, "");
    sql_put(t, "%s)", frame);
}

static bool
put_argument(struct windows *w, struct sql_text *t, const struct kql_expr *e)
{
    struct sql_scope s = scope_of(w);

    return sql_value(&s, t, e);
}

static const struct kql_expr *
argument_of(const struct kql_expr *call, uint32_t index)
{
    return index < call->count ? call->arguments[index] : NULL;
}

static bool
is_constant(const struct kql_expr *e)
{
    return e == NULL || sql_is_constant(e);
}

static bool
neighbour_fits(const struct kql_expr *call)
{
    return is_constant(argument_of(call, 1)) && is_constant(argument_of(call, 2));
}

/* What a row has that has no such neighbour: nothing is written where it is null. */
static void
put_default(struct windows *w, struct sql_text *t, const struct kql_expr *call)
{
    const struct kql_expr *e = argument_of(call, 2);
    enum kql_type type = (enum kql_type)call->type;
    struct kql_value v = kql_null(type);

    if (e != NULL)
        v = type == KQL_DYNAMIC ? e->value
                                : kql_convert(w->b->pool, (enum kql_type)e->type, &e->value, type);
    if (v.is_null && type != KQL_STRING)
        return;
    sql_put(t, ", ");
    if (v.is_null)
        sql_put_null(t, type);
    else
        sql_put_span(t, cell_literal(w->b->pool, type, &v));
}

static bool
put_neighbour(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    const struct kql_expr *e = argument_of(c->call, 1);
    int64_t offset = e == NULL || e->value.is_null ? 1 : e->value.i;

    if (offset < 0 || offset > ROWS_BEYOND)
        offset = ROWS_BEYOND;
    sql_put(t, "%s(", c->call->function->name[0] == 'p' ? "lag" : "lead");
    if (!put_argument(w, t, c->call->arguments[0]))
        return false;
    sql_put(t, ", %lld", (long long)offset);
    put_default(w, t, c->call);
    sql_put(t, ")");
    put_over(w, t, c, "");
    return true;
}

static bool
number_fits(const struct kql_expr *call)
{
    const struct kql_expr *start = argument_of(call, 0);

    return is_constant(start) &&
           (start == NULL || start->value.is_null || start->value.i < INT64_MAX - ROWS_BEYOND);
}

static bool
put_row_number(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    const struct kql_expr *start = argument_of(c->call, 0);

    if (start != NULL && start->value.is_null) {
        sql_put_null(t, KQL_LONG);
        return true;
    }
    sql_put(t, "(row_number()");
    put_over(w, t, c, "");
    if (start != NULL && start->value.i != 1) {
        struct kql_value first = kql_integer(KQL_LONG, start->value.i);

        sql_put(t, " - 1 + ");
        sql_put_span(t, cell_literal(w->b->pool, KQL_LONG, &first));
    }
    sql_put(t, ")");
    return true;
}

static bool
sum_fits(const struct kql_expr *call)
{
    return call->type == KQL_INT || call->type == KQL_LONG;
}

/* In 128 bits. */
static bool
put_whole_sum(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    sql_put(t, "sum(");
    if (!put_argument(w, t, c->call->arguments[0]))
        return false;
    sql_put(t, ")");
    put_over(w, t, c, FRAME);
    return true;
}

/* As the 32 or 64 that KQL keeps of it. */
static bool
put_wrapped_sum(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    uint32_t sum = c->mark;

    sql_read(w->step, w->input, sum);
    if (c->call->type == KQL_INT)
        sql_put(t,
                "(CASE WHEN c%u BETWEEN -2147483648 AND 2147483647 THEN c%u::INTEGER"
                " WHEN c%u IS NULL THEN 0::INTEGER ELSE"
                " ((c%u %% 4294967296::HUGEINT + 6442450944::HUGEINT) %% 4294967296::HUGEINT"
                " - 2147483648::HUGEINT)::INTEGER END)",
                sum, sum, sum, sum);
    else
        sql_put(t,
                "(CASE WHEN c%u BETWEEN -9223372036854775808 AND 9223372036854775807"
                " THEN c%u::BIGINT WHEN c%u IS NULL THEN 0::BIGINT ELSE"
                " ((c%u %% 18446744073709551616::HUGEINT + 27670116110564327424::HUGEINT)"
                " %% 18446744073709551616::HUGEINT - 9223372036854775808::HUGEINT)::BIGINT END)",
                sum, sum, sum, sum);
    return true;
}

static bool
rank_fits(const struct kql_expr *call)
{
    return call->arguments[0]->type != KQL_DECIMAL && call->arguments[0]->type != KQL_DYNAMIC;
}

/* Whether a row begins a rank: it is the first, or of another value than the one before. */
static bool
put_begins_rank(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    const struct kql_expr *value = c->call->arguments[0];

    sql_put(t, "(row_number()");
    put_over(w, t, c, "");
    sql_put(t, " = 1 OR ");
    if (!put_argument(w, t, value))
        return false;
    sql_put(t, " IS DISTINCT FROM lag(");
    if (!put_argument(w, t, value))
        return false;
    sql_put(t, ")");
    put_over(w, t, c, "");
    sql_put(t, ")");
    return true;
}

/* The row's number where it does. */
static bool
put_rank_number(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    sql_put(t, "(CASE WHEN ");
    if (!put_begins_rank(w, t, c))
        return false;
    sql_put(t, " THEN row_number()");
    put_over(w, t, c, "");
    sql_put(t, " END)");
    return true;
}

static bool
put_rank_dense(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    sql_put(t, "count(CASE WHEN ");
    put_column(w, t, c->mark);
    sql_put(t, " THEN 1 END)");
    put_over(w, t, c, FRAME);
    return true;
}

static bool
put_rank_min(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    sql_put(t, "max(");
    put_column(w, t, c->mark);
    sql_put(t, ")");
    put_over(w, t, c, FRAME);
    return true;
}

static const struct window_form forms[] = {
    {"prev",           neighbour_fits, NULL,            put_neighbour  },
    {"next",           neighbour_fits, NULL,            put_neighbour  },
    {"row_number",     number_fits,    NULL,            put_row_number },
    {"row_cumsum",     sum_fits,       put_whole_sum,   put_wrapped_sum},
    {"row_rank_min",   rank_fits,      put_rank_number, put_rank_min   },
    {"row_rank_dense", rank_fits,      put_begins_rank, put_rank_dense },
    {"row_rank",       rank_fits,      put_begins_rank, put_rank_dense },
};

const struct window_form *
sql_window_form(const struct kql_expr *call)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (strcmp(forms[i].name, call->function->name) == 0 && forms[i].fits(call))
            return &forms[i];
    return NULL;
}

/* prev and next have another argument there. */
const struct kql_expr *
sql_window_restart(const struct window_call *c)
{
    return c->form->result == put_neighbour ? NULL : argument_of(c->call, 1);
}

bool
sql_window_put_restarts(struct windows *w, struct sql_text *t, const struct window_call *c)
{
    struct sql_scope s = scope_of(w);

    sql_put(t, "count(CASE WHEN ");
    if (!sql_test(&s, t, sql_window_restart(c)))
        return false;
    sql_put(t, " THEN 1 END)");
    put_over(w, t, c, FRAME);
    return true;
}
