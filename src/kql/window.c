/* window.c - the window functions, each from the first row to the last. */
#include "kql/window.h"

enum { LOOK_EVERY = 1024 /* rows */ };

static void
row(struct kql_window *w, size_t at)
{
    if (at % LOOK_EVERY == 0)
        pool_check(w->keep);
    w->row(w, at);
}

static void
put_whole(struct kql_window *w, size_t at, enum kql_type type, int64_t i)
{
    const struct kql_value v = kql_integer(type, i);

    w->put(w, at, &v);
}

/* An argument that may be left out. */
static bool
is_restart(struct kql_window *w, uint32_t index)
{
    struct kql_value v;

    if (index >= w->call->count)
        return false;
    w->argument(w, index, &v);
    return kql_is_true(&v);
}

/* ---- prev, next ---- */

static void
put_default(struct kql_window *w, size_t at)
{
    const struct kql_expr *e = w->call->arguments[2];
    struct kql_value v;

    row(w, at);
    w->argument(w, 2, &v);
    if (w->call->type != KQL_DYNAMIC)
        v = kql_convert(w->scratch, e->type, &v, w->call->type);
    w->put(w, at, &v);
}

static void
neighbour(struct kql_window *w, int direction)
{
    struct kql_value offset = kql_integer(KQL_LONG, 1), v;

    if (w->call->count > 1 && w->count > 0) {
        row(w, 0);
        w->argument(w, 1, &offset);
        if (offset.is_null)
            offset = kql_integer(KQL_LONG, 1);
    }
    for (size_t i = 0; i < w->count; i++) {
        bool is_there = direction < 0 ? offset.i >= 0 && (uint64_t)offset.i <= i
                                      : offset.i >= 0 && (uint64_t)offset.i < w->count - i;

        if (is_there) {
            row(w, direction < 0 ? i - (size_t)offset.i : i + (size_t)offset.i);
            w->argument(w, 0, &v);
            w->put(w, i, &v);
        } else if (w->call->count > 2) {
            put_default(w, i);
        } else {
            v = kql_null(w->call->type);
            w->put(w, i, &v);
        }
    }
}

static void
window_prev(struct kql_window *w)
{
    neighbour(w, -1);
}

static void
window_next(struct kql_window *w)
{
    neighbour(w, 1);
}

/* ---- counting and adding ---- */

static void
window_number(struct kql_window *w)
{
    struct kql_value start = kql_integer(KQL_LONG, 1), v;
    int64_t number = 0;

    for (size_t i = 0; i < w->count; i++) {
        row(w, i);
        if (i == 0 && w->call->count > 0)
            w->argument(w, 0, &start);
        number = i == 0 || is_restart(w, 1) ? start.i : (int64_t)((uint64_t)number + 1);
        v = start.is_null ? kql_null(KQL_LONG) : kql_integer(KQL_LONG, number);
        w->put(w, i, &v);
    }
}

static void
window_sum(struct kql_window *w)
{
    static const struct kql_decimal zero = {0, 0, 0, false};
    enum kql_type type = w->call->type;
    struct kql_decimal decimal = zero;
    struct kql_value v;
    uint64_t whole = 0;
    double real = 0;

    for (size_t i = 0; i < w->count; i++) {
        row(w, i);
        if (is_restart(w, 1)) {
            whole = 0;
            real = 0;
            decimal = zero;
        }
        w->argument(w, 0, &v);
        switch (type) {
        case KQL_REAL:
            real += v.is_null ? 0 : v.r;
            v = kql_real(real);
            w->put(w, i, &v);
            break;
        case KQL_DECIMAL:
            if (!v.is_null && !kql_decimal_add(&decimal, v.decimal, &decimal))
                decimal = zero;
            v = (struct kql_value){.type = KQL_DECIMAL, .decimal = &decimal};
            w->put(w, i, &v);
            break;
        default:
            whole += v.is_null ? 0 : (uint64_t)v.i;
            put_whole(w, i, type, type == KQL_INT ? (int32_t)whole : (int64_t)whole);
        }
    }
}

static void
rank(struct kql_window *w, bool is_dense)
{
    struct kql_value last = kql_null(KQL_LONG), v;
    int64_t since = 0, number = 0; /* rows since the restart; the rank */

    for (size_t i = 0; i < w->count; i++) {
        bool restarts, is_other;

        row(w, i);
        restarts = i == 0 || is_restart(w, 1);
        w->argument(w, 0, &v);
        is_other = i == 0 || !kql_value_same(&last, &v);
        since = restarts ? 1 : since + 1;
        if (restarts)
            number = 1;
        else if (is_other)
            number = is_dense ? number + 1 : since;
        if (is_other)
            last = kql_value_copy(w->keep, &v);
        put_whole(w, i, KQL_LONG, number);
    }
}

static void
window_rank_min(struct kql_window *w)
{
    rank(w, false);
}

static void
window_rank_dense(struct kql_window *w)
{
    rank(w, true);
}

/* row_window_session(t, most from the first, most between neighbours, restart) */
static void
window_session(struct kql_window *w)
{
    struct kql_value first = kql_null(KQL_DATETIME), last = first, v, whole, step;

    for (size_t i = 0; i < w->count; i++) {
        row(w, i);
        w->argument(w, 0, &v);
        w->argument(w, 1, &whole);
        w->argument(w, 2, &step);
        if (first.is_null || v.is_null || is_restart(w, 3) ||
            (!whole.is_null && v.i - first.i > whole.i) || (!step.is_null && v.i - last.i > step.i))
            first = v;
        last = v;
        w->put(w, i, &first);
    }
}

static const struct {
    const char *name;
    void (*compute)(struct kql_window *w);
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

void
kql_window_compute(struct kql_window *w)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, w->call->function->name) == 0)
            kinds[i].compute(w);
}

bool
kql_has_window(const struct kql_expr *e)
{
    if (e == NULL)
        return false;
    if (e->kind == KQL_EXPR_CALL && e->function->kind == KQL_WINDOW)
        return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (kql_has_window(e->arguments[i]))
            return true;
    return false;
}
