/* select.h - rows of one table, chosen by whose they are, when they were, and a predicate of KQL: what purging and exporting
 * share. Private to this folder. One thread. */
#pragma once
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/program.h"

struct selection {
    struct pool pool;
    struct programs *programs;
    const struct workspace_column *columns; /* of the shape that was asked for */
    uint32_t count;
    /* A SELECT that gives the chosen rows: columns as c0 ..., as cells.h has them, and behind them (as the one after the last)
     * the table's rowid, which holds within a transaction. Lends while the selection is open. */
    const char *sql;
};
enum selection_shape { SELECT_HUNTING, SELECT_WORKSPACE, SELECT_BOTH };

/* ST_INVALID: there is no such table, the tenant is none, or the predicate is none that looks at one row alone; err says what
 * is wrong with it, and where. In every case selection_close is due. */
MUST_CHECK enum status selection_open(struct selection *s, struct workspace *w,
                                      const struct workspace_rows_wanted *wanted,
                                      enum selection_shape shape, struct err *err);
void selection_close(struct selection *s);
