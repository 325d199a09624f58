/* rows_window.c - window functions. All rows of the input are held; each call of a window function
 * becomes a column behind the input's, computed from the first row to the last, inner calls before
 * outer ones; the expressions then read those columns. */
#include "kql/rows_inner.h"
#include "kql/window.h"

enum { SLOT_WINDOWS = 2000, SLOT_WINDOW = 3000 };

struct windows { /* what the calls of one operator were replaced by */
    const struct kql_expr *const *exprs;
    const struct kql_expr **calls; /* their arguments replaced in turn */
    size_t count, room;
};

bool
rows_has_windows(const struct kql_expr *const *exprs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (kql_has_window(exprs[i]))
            return true;
    return false;
}

static const struct kql_expr *
replace(struct pool *p, struct windows *w, uint32_t width, const struct kql_expr *e)
{
    const struct kql_expr **arguments;
    struct kql_expr *copy;

    if (!kql_has_window(e))
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
    struct kql_window w;   /* first */
    struct rows_eval eval; /* the arguments */
    struct pool_mark mark;
    struct kql_value **rows;
    uint32_t column; /* where the results go */
};

static void
window_row(struct kql_window *w, size_t row)
{
    struct window *window = (struct window *)w;

    pool_return(w->scratch, window->mark);
    rows_eval_row(&window->eval, window->rows[row]);
}

static void
window_argument(struct kql_window *w, uint32_t index, struct kql_value *out)
{
    rows_eval_cell(&((struct window *)w)->eval, index, out);
}

static void
window_put(struct kql_window *w, size_t row, const struct kql_value *v)
{
    struct window *window = (struct window *)w;

    window->rows[row][window->column] = kql_value_copy(w->keep, v);
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
        w->rows = pool_grow(run->keep, w->rows, &c->room, w->w.count + 1, sizeof *w->rows);
        w->rows[w->w.count] = rows_cells_new(run->keep, c->c.width);
        for (uint32_t i = 0; i < c->input->width; i++)
            w->rows[w->w.count][i] =
                c->input->is_lasting ? row[i] : kql_value_copy(run->keep, &row[i]);
        w->w.count++;
        pool_return(run->scratch, mark);
    }
    w->w.keep = run->keep;
    w->w.scratch = run->scratch;
    w->w.row = window_row;
    w->w.argument = window_argument;
    w->w.put = window_put;
    w->mark = pool_mark(run->scratch);
    for (size_t k = 0; k < c->windows->count; k++) {
        w->w.call = c->windows->calls[k];
        w->column = c->input->width + (uint32_t)k;
        rows_eval_init(&w->eval, run, c->owner, SLOT_WINDOW + c->slot * 4096 + (uint32_t)k,
                       w->w.call->arguments, w->w.call->count);
        kql_window_compute(&w->w);
        pool_return(run->scratch, w->mark);
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
    if (w->at == w->window.w.count)
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
