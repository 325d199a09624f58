/* sql_window.c - window functions. Each call becomes a column of steps that stand between an operator and its input; the
 * operator is then carried over those, with a column in place of each call.
 *
 * All calls of a query see one order of the rows. Where rows may tie, the first of the steps numbers them: k0 is the order from
 * there on. DuckDB computes what has the same OVER clause in one pass over one sorting, so that what the first step computes
 * beside the numbers sees the rows in the very order that is numbered there.
 *
 * Calls are computed level by level, those without others inside first. What SQL says in KQL's meaning is made in up to three
 * steps, one for each part: how many restarts there were up to a row (those since the last are then a partition); what the
 * result is taken from; the result. The others are folds: program.h's functions over the list of all rows, whose list of results
 * is joined to the rows by k0. Sums of reals are folds, since DuckDB adds in another order. */
#include "workspace/sql_window.h"
#include "kql/window.h"

/* ---- which calls there are ---- */

static bool
is_same_value(const struct kql_value *a, const struct kql_value *b)
{
    if (a->type != b->type || a->is_null || b->is_null)
        return a->type == b->type && a->is_null && b->is_null;
    if (a->type == KQL_STRING)
        return span_equal(kql_text(a), kql_text(b));
    return a->type != KQL_DECIMAL && a->type != KQL_GUID && a->type <= KQL_TIMESPAN && a->i == b->i;
}

/* Whether both give the same for each row. False in doubt. */
static bool
is_same(const struct kql_expr *a, const struct kql_expr *b)
{
    if (a->kind != b->kind || a->type != b->type || a->function != b->function ||
        a->column != b->column || a->count != b->count || a->table != b->table ||
        a->is_concealed != b->is_concealed || a->kind == KQL_EXPR_STEP_COLUMN)
        return false;
    if (a->kind == KQL_EXPR_CONST)
        return is_same_value(&a->value, &b->value);
    if (a->kind == KQL_EXPR_CALL && (a->function->flags & KQL_F_VOLATILE) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->arguments[i] == NULL || b->arguments[i] == NULL ||
            !is_same(a->arguments[i], b->arguments[i]))
            return false;
    return true;
}

/* One more than that of the calls whose columns it reads. */
static uint32_t
level_of(const struct windows *w, const struct kql_expr *e)
{
    uint32_t level = 1;

    if (e->kind == KQL_EXPR_COLUMN && e->column >= w->width)
        return w->calls[e->column - w->width].level + 1;
    for (uint32_t i = 0; i < e->count; i++) {
        uint32_t below = e->arguments[i] == NULL ? 1 : level_of(w, e->arguments[i]);

        level = below > level ? below : level;
    }
    return level;
}

static uint32_t
call_add(struct windows *w, const struct kql_expr *call)
{
    for (size_t i = 0; i < w->count; i++)
        if (is_same(w->calls[i].call, call))
            return w->calls[i].column;
    w->calls = pool_grow(w->b->pool, w->calls, &w->room, w->count + 1, sizeof *w->calls);
    w->calls[w->count] = (struct window_call){.call = call,
                                              .level = level_of(w, call),
                                              .column = w->width + (uint32_t)w->count,
                                              .restarts = NO_COLUMN,
                                              .mark = NO_COLUMN};
    return w->calls[w->count++].column;
}

static const struct kql_expr *
replace(void *context, const struct kql_expr *e)
{
    struct windows *w = context;
    const struct kql_expr **arguments;
    struct kql_expr *copy;

    if (!kql_has_window(e))
        return e;
    copy = pool_take(w->b->pool, sizeof *copy);
    arguments = pool_take(w->b->pool, (e->count + 1) * sizeof(struct kql_expr *));
    for (uint32_t i = 0; i < e->count; i++)
        arguments[i] = e->arguments[i] == NULL ? NULL : replace(w, e->arguments[i]);
    *copy = *e;
    copy->arguments = arguments;
    if (e->kind != KQL_EXPR_CALL || e->function->kind != KQL_WINDOW)
        return copy;
    e = copy;
    copy = pool_take(w->b->pool, sizeof *copy);
    *copy = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                              .type = e->type,
                              .at = e->at,
                              .size = e->size,
                              .column = call_add(w, e),
                              .result_count = 1};
    return copy;
}

static const struct kql_op *
leave(void *context, const struct kql_op *op)
{
    (void)context;
    return op;
}

/* ---- steps ---- */

/* The rows as they are so far; what is added follows. */
static void
step_begin(struct windows *w, const char *prefix)
{
    w->step = sql_between(w->b, &w->schema);
    w->step->is_volatile = w->is_volatile;
    sql_select(w->step, "SELECT");
    for (uint32_t i = 0; i < w->schema.count; i++) {
        if (!w->is_there[i])
            continue;
        sql_column_begin(w->step, i);
        sql_read(w->step, w->input, i);
        sql_put(&w->step->text, "%sc%u", prefix, i);
        sql_column_end(w->step);
    }
}

/* Whether k0 alone says in which order the rows are. */
static bool
is_numbered(const struct windows *w)
{
    return w->input->counts_rows && !w->input->counts_items && w->input->order_count == 1;
}

/* k0: as it is, or made here; then what says which run of a sub-plan a row is of. */
static void
step_end(struct windows *w, const char *prefix)
{
    struct sql_step *step = w->step;

    sql_column_begin(step, UINT32_MAX);
    if (is_numbered(w)) {
        sql_put(&step->text, "%sk0 AS k0", prefix);
    } else {
        sql_put(&step->text, "row_number() OVER (");
        sql_put_order(&step->text, w->input, prefix);
        sql_put(&step->text, ") AS k0");
        step->is_repeatable = w->input->counts_rows && !w->input->counts_items;
    }
    sql_column_end(step);
    step->order[0] = (struct sql_order){.type = KQL_LONG};
    step->order_count = 1;
    step->counts_rows = true;
    sql_pass_runs(step, w->input, prefix);
    sql_put(&step->text, " FROM t%u", sql_use(w->b, step, w->input));
    for (uint32_t i = 0; i < w->schema.count; i++) {
        w->is_there[i] = w->is_there[i] || w->is_made[i];
        w->is_made[i] = false;
    }
    step->is_repeatable = step->is_repeatable && !step->is_volatile;
    step->groupings++; /* DuckDB plans them as it does those */
    w->input = step;
}

/* A step that does nothing else. */
static void
number(struct windows *w)
{
    step_begin(w, "");
    step_end(w, "");
}

/* ---- parts, in steps ---- */

static uint32_t
column_new(struct windows *w, enum kql_type type)
{
    w->columns[w->schema.count] = (struct kql_column){
        .name = {"", 0},
          .type = (uint8_t)type
    };
    return w->schema.count++;
}

/* The column that counts its restarts: that of a call of the same level with the same ones, or its own. */
static uint32_t
restarts_of(struct windows *w, const struct window_call *c)
{
    for (const struct window_call *other = w->calls; other < c; other++)
        if (other->restarts != NO_COLUMN && other->level == c->level &&
            is_same(sql_window_restart(other), sql_window_restart(c)))
            return other->restarts;
    return column_new(w, KQL_LONG);
}

/* The next part of a call in the step at hand. */
static bool
part_put(struct windows *w, const struct window_call *c)
{
    window_part *part = c->form->result;
    uint32_t column = c->column;

    if (c->restarts != NO_COLUMN && !w->is_there[c->restarts]) {
        part = sql_window_put_restarts;
        column = c->restarts;
    } else if (c->mark != NO_COLUMN && !w->is_there[c->mark]) {
        part = c->form->mark;
        column = c->mark;
    }
    if (w->is_made[column])
        return true;
    sql_column_begin(w->step, column);
    if (!part(w, &w->step->text, c))
        return false;
    sql_put(&w->step->text, " AS c%u", column);
    sql_column_end(w->step);
    w->is_made[column] = true;
    return true;
}

/* The calls of a level that are no folds, as far as the columns go that are there: a step. */
static bool
parts_put(struct windows *w, uint32_t level, bool *is_left)
{
    bool begun = false;

    *is_left = false;
    for (size_t i = 0; i < w->count; i++) {
        const struct window_call *c = &w->calls[i];

        if (c->level != level || c->form == NULL || w->is_there[c->column])
            continue;
        if (!begun)
            step_begin(w, "");
        begun = true;
        if (!part_put(w, c))
            return false;
        *is_left = *is_left || !w->is_made[c->column];
    }
    if (begun)
        step_end(w, "");
    return true;
}

/* ---- folds ---- */

/* What a fold reads of the rows, in their order. */
static bool
put_fold(struct windows *w, struct sql_step *lists, const struct window_call *c)
{
    struct sql_scope s = sql_scope_of(w->b, lists, w->input, &w->input->op->schema, "");
    const struct kql_expr *call = sql_rest_expr(w->b, c->call);
    struct sql_text *t = &lists->text;
    struct program_call program;
    struct err err = {""};

    if (!programs_add_window(w->b->o->programs, call, s.schema, &program, &err))
        return sql_refuse(w->b, "%s(): %s", call->function->name, err.text);
    sql_ask(&s, call);
    sql_put(t, "unnest(%s(%llu, list(", program.function, (unsigned long long)program.number);
    sql_put(t, "%s", program.count > 1 ? "{" : program.count == 0 ? "1" : "");
    for (uint32_t i = 0; i < program.count; i++) {
        if (program.count > 1)
            sql_put(t, "%s'f%u': ", i > 0 ? ", " : "", i);
        sql_put_column(&s, t, program.columns[i]);
    }
    sql_put(t, "%s ORDER BY k0)))", program.count > 1 ? "}" : "");
    return true;
}

/* The folds of a level over all rows (of a run) at once, each with the number of its row. */
static struct sql_step *
lists_make(struct windows *w, const struct window_call *const *folds, uint32_t count)
{
    struct kql_column *columns = pool_zeroed(w->b->pool, count, sizeof *columns);
    struct sql_step *lists;

    for (uint32_t i = 0; i < count; i++)
        columns[i] = w->columns[folds[i]->column];
    lists = sql_between(w->b, &(struct kql_schema){.columns = columns, .count = count});
    sql_select(lists, "SELECT");
    for (uint32_t i = 0; i < count; i++) {
        sql_column_begin(lists, i);
        if (!put_fold(w, lists, folds[i]))
            return NULL;
        sql_put(&lists->text, " AS c%u", i);
        sql_column_end(lists);
    }
    sql_column_begin(lists, UINT32_MAX);
    sql_put(&lists->text, "unnest(list(k0 ORDER BY k0)) AS k0");
    sql_column_end(lists);
    sql_put(&lists->text, " FROM t%u", sql_use(w->b, lists, w->input));
    if (w->input->runs != NULL) {
        sql_read(lists, w->input, w->input->op->schema.count);
        sql_put(&lists->text, " GROUP BY r0");
    }
    w->input->numbers_rows = true; /* it is read twice */
    lists->groupings++;
    lists->is_volatile = w->is_volatile;
    lists->is_repeatable = lists->is_repeatable && !lists->is_volatile;
    return lists;
}

static bool
folds_put(struct windows *w, uint32_t level)
{
    const struct window_call **folds = pool_take(w->b->pool, w->count * sizeof(*folds));
    struct sql_step *lists;
    uint32_t count = 0;

    for (size_t i = 0; i < w->count; i++)
        if (w->calls[i].level == level && w->calls[i].form == NULL)
            folds[count++] = &w->calls[i];
    if (count == 0)
        return true;
    if (!is_numbered(w))
        number(w);
    lists = lists_make(w, folds, count);
    if (lists == NULL)
        return false;
    step_begin(w, "l.");
    for (uint32_t i = 0; i < count; i++) {
        sql_column_begin(w->step, folds[i]->column);
        sql_read(w->step, lists, i);
        sql_put(&w->step->text, "r.c%u AS c%u", i, folds[i]->column);
        sql_column_end(w->step);
        w->is_made[folds[i]->column] = true;
    }
    step_end(w, "l.");
    sql_put(&w->step->text, " l JOIN t%u r ON (l.k0 = r.k0)", sql_use(w->b, w->step, lists));
    return true;
}

/* ---- the operator ---- */

/* Of each call the columns that it is made of: its restarts, and what its result is taken from. False: there are too many. */
static bool
columns_make(struct windows *w, const struct kql_schema *input)
{
    uint32_t room = w->width + 3 * (uint32_t)w->count;

    if (w->count > SQL_COLUMNS_MAX || room > SQL_COLUMNS_MAX)
        return sql_refuse(w->b, "with its window functions it has more than %d columns",
                          SQL_COLUMNS_MAX);
    w->columns = pool_zeroed(w->b->pool, room, sizeof *w->columns);
    w->is_there = pool_zeroed(w->b->pool, room, sizeof *w->is_there);
    w->is_made = pool_zeroed(w->b->pool, room, sizeof *w->is_made);
    memcpy(w->columns, input->columns, w->width * sizeof *w->columns);
    memset(w->is_there, 1, w->width * sizeof *w->is_there);
    w->schema = (struct kql_schema){.columns = w->columns, .count = w->width};
    for (size_t i = 0; i < w->count; i++)
        column_new(w, (enum kql_type)w->calls[i].call->type);
    for (size_t i = 0; i < w->count; i++) {
        struct window_call *c = &w->calls[i];

        c->form = sql_window_form(c->call);
        if (c->form != NULL && sql_window_restart(c) != NULL)
            c->restarts = restarts_of(w, c);
        if (c->form != NULL && c->form->mark != NULL)
            c->mark = column_new(w, (enum kql_type)c->call->type);
    }
    return true;
}

static bool
calls_put(struct windows *w)
{
    uint32_t level_max = 0;

    for (size_t i = 0; i < w->count; i++)
        if (w->calls[i].level > level_max)
            level_max = w->calls[i].level;
    /* Rows that come as they come do so but once; those of several runs are numbered all together. */
    if (w->input->order_count == 0 || (w->input->runs != NULL && !is_numbered(w)))
        number(w);
    for (uint32_t level = 1; level <= level_max; level++) {
        bool is_left = true;

        while (is_left)
            if (!parts_put(w, level, &is_left))
                return false;
        if (!folds_put(w, level))
            return false;
    }
    return true;
}

/* What the operator's own step gives, of what was carried over wider rows. */
static void
narrow(struct windows *w, struct sql_step *step, struct sql_step *wide)
{
    sql_select(step, "SELECT");
    for (uint32_t i = 0; i < w->width; i++) {
        sql_column_begin(step, i);
        sql_read(step, wide, i);
        sql_put(&step->text, "c%u", i);
        sql_column_end(step);
    }
    sql_pass_order(step, wide);
    sql_pass_runs(step, wide, "");
    sql_put(&step->text, " FROM t%u", sql_use(w->b, step, wide));
}

static bool
passes_rows(enum kql_op_kind kind)
{
    return kind == KQL_OP_WHERE || kind == KQL_OP_SORT || kind == KQL_OP_TOP;
}

bool
sql_window_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op,
                sql_carrier *carry)
{
    struct windows w = {.b = b, .is_volatile = step->is_volatile};
    const struct sql_visit visit = {&w, leave, leave, replace};
    struct kql_op *over = pool_take(b->pool, sizeof *over);
    struct sql_step *wide;

    w.input = op->input == NULL ? NULL : sql_carry(b, op->input);
    if (w.input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    w.width = op->input->schema.count;
    *over = sql_walk(b->pool, &visit, op);
    if (!columns_make(&w, &op->input->schema) || !calls_put(&w))
        return false;
    over->input = w.input->op;
    sql_stand_for(b, over->input, w.input);
    if (!passes_rows(op->kind))
        return carry(b, step, over);
    over->schema = w.schema;
    wide = sql_between(b, &w.schema);
    wide->is_volatile = w.is_volatile;
    if (!carry(b, wide, over))
        return false;
    wide->is_repeatable = wide->is_repeatable && !wide->is_volatile;
    narrow(&w, step, wide);
    return true;
}
