/* sql_window.h - an operator's window functions while they become steps; for sql_window.c and sql_window_form.c. */
#pragma once
#include "workspace/sql_inner.h"

#define NO_COLUMN UINT32_MAX

struct windows;
struct window_call;
/* Writes one column's expression. */
typedef bool window_part(struct windows *w, struct sql_text *t, const struct window_call *c);

struct window_form { /* SQL that means what a function means */
    const char *name;
    bool (*fits)(const struct kql_expr *call);
    window_part *mark; /* what the result is taken from, a step before it; NULL: nothing */
    window_part *result;
};

struct window_call {
    const struct kql_expr *call;    /* those inside replaced by columns */
    const struct window_form *form; /* NULL: a fold */
    uint32_t level;                 /* 1: none inside */
    uint32_t column;                /* the result's */
    uint32_t restarts, mark;        /* columns that it is made of; NO_COLUMN: it needs none */
};

struct windows {
    struct sql_build *b;
    struct sql_step *input; /* whose columns the step at hand reads */
    struct sql_step *step;  /* the one at hand */
    bool is_volatile;
    uint32_t width;           /* of the operator's input */
    struct kql_schema schema; /* its columns, then the results, then what those are made of */
    struct kql_column *columns;
    bool *is_there; /* which of them the input has */
    bool *is_made;  /* and which the step at hand adds */
    struct window_call *calls;
    size_t count, room;
};

/* ---- sql_window_form.c ---- */

/* NULL: SQL has none that means it. */
const struct window_form *sql_window_form(const struct kql_expr *call);
/* Where a call that has a form restarts; NULL: nowhere. */
const struct kql_expr *sql_window_restart(const struct window_call *c);
/* How many restarts there are up to a row. */
window_part sql_window_put_restarts;
