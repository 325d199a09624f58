/* window.h - what the window functions compute, over rows that stand in an order; shared by the row engine and by the
 * programs inside DuckDB. One thread; each caller brings its rows by the functions below. */
#pragma once
#include "kql/plan.h"

struct kql_window {
    const struct kql_expr *call; /* of a KQL_WINDOW; its arguments hold no further one */
    size_t count;                /* rows */
    struct pool *keep;           /* what is remembered from row to row */
    struct pool *scratch;        /* what one row needs */
    /* The row whose arguments are asked for next. What those of the row before needed in 'scratch' may be gone then. */
    void (*row)(struct kql_window *w, size_t row);
    void (*argument)(struct kql_window *w, uint32_t index, struct kql_value *out);
    /* The result of a row, each once, from the first to the last; 'v' may live in 'scratch'. */
    void (*put)(struct kql_window *w, size_t row, const struct kql_value *v);
};
/* All rows' results. Leaves by a pool's escape. */
void kql_window_compute(struct kql_window *w);

/* Whether the expression is a call of a window function, or holds one. NULL is fine. */
bool kql_has_window(const struct kql_expr *e);
