/* rows_window.c - window functions. All rows of the input are held; each call of a window function
 * becomes a column behind the input's, computed from the first row to the last, inner calls before
 * outer ones; the expressions then read those columns. */
#include "kql/rows_inner.h"

enum { SLOT_WINDOWS = 2000, SLOT_WINDOW = 3000 };

struct windows { /* what the calls of one operator were replaced by */
    const struct kql_expr *const *exprs;
    const struct kql_expr **calls; /* their arguments replaced in turn */
    size_t count, room;
};

static bool
has_window(const struct kql_expr *e)
{
    if (e == NULL)
        return false;
    if (e->kind == KQL_EXPR_CALL && e->function->kind == KQL_WINDOW)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (has_window(e->arguments[i]))
            return true;
    return false;
}

bool
rows_has_windows(const struct kql_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (has_window(exprs[i]))
            return true;
    return false;
}

static const struct kql_expr *
replace(struct pool *p, struct windows *w, uint32_t width, const struct kql_expr *e)
{
    const struct kql_expr **arguments;
    struct kql_expr *copy;

    if (!has_window(e))
        return e;
    copy = pool_take(p, sizeof *copy);
    arguments = pool_take(p, (e->count + 1) * sizeof *arguments);
    for (uint32_t i = 0; i < e->count; i++)
        arguments[i] = replace(p, w, width, e->arguments[i]);
    *copy = *e;
    copy->arguments = arguments;
    if (e->kind != KQL_EXPR_CALL || e->function->kind != KQL_WINDOW)
        return copy;
    w->calls = pool_grow(p, w->calls, &w->room, w->count + 1, sizeof *w->calls);
    w->calls[w->count] = copy;
    copy = pool_take(p, sizeof *copy);
    *copy = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                              .type = e->type,
                              .at = e->at,
                              .size = e->size,
                              .column = width + (uint32_t)w->count++,
                              .result_count = 1};
    return copy;
}

static struct windows *
windows_of(struct rows_engine *e, const void *owner, uint32_t slot, uint32_t width,
           const struct kql_expr *const *exprs, uint32_t count)
{
    struct windows *w = rows_memo_get(e, owner, SLOT_WINDOWS + slot);
    const struct kql_expr **replaced;

    if (w != NULL)
        return w;
    w = pool_zeroed(e->pool, 1, sizeof *w);
    replaced = pool_take(e->pool, (count + 1) * sizeof *replaced);
    for (uint32_t i = 0; i < count; i++)
        replaced[i] = replace(e->pool, w, width, exprs[i]);
    w->exprs = replaced;
    rows_memo_put(e, owner, SLOT_WINDOWS + slot, w);
    return w;
}

/* ---- one call, over all rows ---- */

struct window {
    struct rows_run *run;
    struct rows_eval eval; /* the arguments */
    const struct kql_expr *call;
    struct kql_value **rows;
    size_t count;
    uint32_t column; /* where the results go */
};

static void
argument(struct window *w, size_t row, uint32_t index, struct kql_value *out)
{
    rows_eval_row(&w->eval, w->rows[row]);
    rows_eval_cell(&w->eval, index, out);
}

static void
put(struct window *w, size_t row, struct kql_value v)
{
    w->rows[row][w->column] = v;
}

/* An argument that may be left out. */
static bool
is_restart(struct window *w, size_t row, uint32_t index)
{
    struct kql_value v;

    if (index >= w->call->count)
        return false;
    argument(w, row, index, &v);
    return kql_is_true(&v);
}

static void
neighbour(struct window *w, int direction)
{
    struct kql_value offset = kql_integer(KQL_LONG, 1), v;

    if (w->call->count > 1 && w->count > 0) {
        argument(w, 0, 1, &offset);
        if (offset.is_null)
            offset = kql_integer(KQL_LONG, 1);
    }
    for (size_t i = 0; i < w->count; i++) {
        struct pool_mark mark = pool_mark(w->run->scratch);
        bool is_there = direction < 0 ? offset.i >= 0 && (uint64_t)offset.i <= i
                                      : offset.i >= 0 && (uint64_t)offset.i < w->count - i;

        v = kql_null(w->call->type);
        if (is_there) {
            argument(w, direction < 0 ? i - (size_t)offset.i : i + (size_t)offset.i, 0, &v);
        } else if (w->call->count > 2) {
            argument(w, i, 2, &v);
            if (w->call->type != KQL_DYNAMIC)
                v = kql_convert(w->run->scratch, w->call->arguments[2]->type, &v, w->call->type);
        }
        put(w, i, kql_value_copy(w->run->keep, &v));
        pool_return(w->run->scratch, mark);
        if ((i & 1023) == 0)
            pool_check(w->run->keep);
    }
}

static void
window_prev(struct window *w)
{
    neighbour(w, -1);
}

static void
window_next(struct window *w)
{
    neighbour(w, 1);
}

static void
window_number(struct window *w)
{
    struct kql_value start = kql_integer(KQL_LONG, 1);
    int64_t number = 0;

    if (w->call->count > 0 && w->count > 0)
        argument(w, 0, 0, &start);
    for (size_t i = 0; i < w->count; i++) {
        number = i == 0 || is_restart(w, i, 1) ? start.i : number + 1;
        put(w, i, start.is_null ? kql_null(KQL_LONG) : kql_integer(KQL_LONG, number));
    }
}

static void
window_sum(struct window *w)
{
    enum kql_type type = w->call->type;
    struct kql_value v;
    struct kql_decimal decimal = {0, 0, 0, false}, *kept;
    uint64_t whole = 0;
    double real = 0;

    for (size_t i = 0; i < w->count; i++) {
        if (is_restart(w, i, 1)) {
            whole = 0;
            real = 0;
            decimal = (struct kql_decimal){0, 0, 0, false};
        }
        argument(w, i, 0, &v);
        switch (type) {
        case KQL_REAL:
            real += v.is_null ? 0 : v.r;
            put(w, i, kql_real(real));
            break;
        case KQL_DECIMAL:
            if (!v.is_null && !kql_decimal_add(&decimal, v.decimal, &decimal))
                decimal = (struct kql_decimal){0, 0, 0, false};
            kept = pool_take(w->run->keep, sizeof *kept);
            *kept = decimal;
            put(w, i, (struct kql_value){.type = KQL_DECIMAL, .decimal = kept});
            break;
        default:
            whole += v.is_null ? 0 : (uint64_t)v.i;
            put(w, i, kql_integer(type, type == KQL_INT ? (int32_t)whole : (int64_t)whole));
        }
    }
}

static void
rank(struct window *w, bool is_dense)
{
    struct kql_value last = kql_null(KQL_LONG), v;
    int64_t since = 0, number = 0; /* rows since the restart; the rank */

    for (size_t i = 0; i < w->count; i++) {
        bool restarts = i == 0 || is_restart(w, i, 1);

        argument(w, i, 0, &v);
        since = restarts ? 1 : since + 1;
        if (restarts)
            number = 1;
        else if (!kql_value_same(&last, &v))
            number = is_dense ? number + 1 : since;
        last = kql_value_copy(w->run->keep, &v);
        put(w, i, kql_integer(KQL_LONG, number));
    }
}

static void
window_rank_min(struct window *w)
{
    rank(w, false);
}

static void
window_rank_dense(struct window *w)
{
    rank(w, true);
}

/* row_window_session(t, most from the first, most between neighbours, restart) */
static void
window_session(struct window *w)
{
    struct kql_value first = kql_null(KQL_DATETIME), last = first, v, whole, step;

    for (size_t i = 0; i < w->count; i++) {
        argument(w, i, 0, &v);
        argument(w, i, 1, &whole);
        argument(w, i, 2, &step);
        if (first.is_null || v.is_null || is_restart(w, i, 3) ||
            (!whole.is_null && v.i - first.i > whole.i) || (!step.is_null && v.i - last.i > step.i))
            first = v;
        last = v;
        put(w, i, first);
    }
}

static const struct {
    const char *name;
    void (*compute)(struct window *w);
} kinds[] = {
    {"prev",               window_prev      },
    {"next",               window_next      },
    {"row_number",         window_number    },
    {"row_cumsum",         window_sum       },
    {"row_rank_min",       window_rank_min  },
    {"row_rank_dense",     window_rank_dense},
    {"row_rank",           window_rank_dense},
    {"row_window_session", window_session   },
};

static void
compute(struct window *w)
{
    struct pool_mark mark = pool_mark(w->run->scratch);

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, w->call->function->name) == 0)
            kinds[i].compute(w);
    pool_return(w->run->scratch, mark);
}

/* ---- the rows with their columns ---- */

struct window_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    const struct windows *windows;
    struct window window;
    const void *owner;
    uint32_t slot;
    size_t at, room;
    bool is_ready;
};

static void
compute_all(struct window_cursor *c)
{
    struct window *w = &c->window;
    struct rows_run *run = c->c.run;
    struct kql_value *row = rows_cells_new(run->keep, c->c.width);

    for (;;) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(c->input, row))
            break;
        w->rows = pool_grow(run->keep, w->rows, &c->room, w->count + 1, sizeof *w->rows);
        w->rows[w->count] = rows_cells_new(run->keep, c->c.width);
        for (uint32_t i = 0; i < c->input->width; i++)
            w->rows[w->count][i] =
                c->input->is_lasting ? row[i] : kql_value_copy(run->keep, &row[i]);
        w->count++;
        pool_return(run->scratch, mark);
    }
    w->run = run;
    for (size_t k = 0; k < c->windows->count; k++) {
        w->call = c->windows->calls[k];
        w->column = c->input->width + (uint32_t)k;
        rows_eval_init(&w->eval, run, c->owner, SLOT_WINDOW + c->slot * 4096 + (uint32_t)k,
                       w->call->arguments, w->call->count);
        compute(w);
    }
}

static bool
window_cursor_next(struct rows_cursor *c, struct kql_value *row)
{
    struct window_cursor *w = (struct window_cursor *)c;

    if (!w->is_ready) {
        w->is_ready = true;
        compute_all(w);
    }
    if (w->at == w->window.count)
        return false;
    memcpy(row, w->window.rows[w->at++], c->width * sizeof *row);
    return true;
}

struct rows_cursor *
rows_windows(struct rows_run *run, const void *owner, uint32_t slot, struct rows_cursor *input,
             const struct kql_expr *const **exprs, uint32_t count)
{
    const struct windows *windows =
        windows_of(run->engine, owner, slot, input->width, *exprs, count);
    struct window_cursor *c;

    if (windows->count == 0)
        return input;
    c = rows_cursor_new(run, input->op, sizeof *c, window_cursor_next);
    c->c.width = input->width + (uint32_t)windows->count;
    c->c.is_lasting = true;
    c->input = input;
    c->windows = windows;
    c->owner = owner;
    c->slot = slot;
    *exprs = windows->exprs;
    return &c->c;
}
