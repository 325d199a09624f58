/* chart.h - an answer drawn with characters, as its 'render' asks: lines over time or numbers, bars, shares.
 * Pure but for the stream it writes to (chart_look_of asks the terminal and the environment). One thread.
 *
 * Which columns are drawn follows the reference of render: x is xcolumn, or the first datetime (timechart), or the
 * first column; y is ycolumns, or every other number; series, or the texts between, tell lines or bars of one x
 * apart. Arrays (make-series) are drawn element by element. Of many series those with the largest sums are
 * drawn; what is left out is said. */
#pragma once
#include "kql/rows.h"

enum {
    CHART_SERIES_MAX = 8,
    CHART_BARS_MAX = 60,
    CHART_POINTS_MAX = 1000000,
};

struct chart_spec {
    struct span kind;                               /* "timechart"; empty: none */
    struct span title, x_column, y_columns, series; /* empty: not said; lists by commas */
    struct span x_title, y_title;
};
/* What a render operator says; NULL: nothing. Lends from the plan. */
struct chart_spec chart_spec_of(const struct kql_op *render);

struct chart_look {
    unsigned width, height; /* of the screen, in characters */
    bool has_unicode, has_colour;
};
/* The terminal's size (80 by 24 where there is none), a UTF-8 locale, colour unless NO_COLOR or TERM=dumb or no
 * terminal. */
struct chart_look chart_look_of(int fd);

/* True: drawn. False: 'err' says why not (the rows are better shown as a table); nothing is written. A spec of no
 * kind, or "table", is not drawn, and err is empty. */
MUST_CHECK bool chart_print(FILE *out, struct pool *p, const struct chart_spec *spec,
                            const struct kql_answer *a, const struct chart_look *look,
                            struct err *err);
