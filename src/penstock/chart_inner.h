/* chart_inner.h - what the parts of chart.c share. Not for others. */
#pragma once
#include "penstock/chart.h"

struct chart_point {
    double x, y; /* y NaN: a hole */
};
struct chart_series {
    struct span name; /* printable */
    struct chart_point *points;
    size_t count, room;
    double sum;     /* of |y| */
    uint32_t order; /* as it came */
};
struct chart_data {
    struct chart_series *series; /* largest sums first once chart_data_read is done */
    size_t count, room;
    size_t point_count, lost_series;
    enum kql_type x_type, y_type; /* datetime, timespan, or real for numbers; x string: labels */
    struct span *labels;          /* of x_type string: x is an index into them */
    size_t label_count, label_room;
    struct span x_name, y_name;
};

struct chart {
    FILE *out;
    struct pool *pool;
    const struct chart_spec *spec;
    const struct kql_answer *answer;
    const struct chart_look *look;
    struct err *err;
};

/* Columns to points. False: err. */
bool chart_data_read(const struct chart *c, bool wants_time, bool wants_labels,
                     struct chart_data *d);
/* A value as it stands at an axis or bar: 1.2M, 00:05:00. Gives the size. */
size_t chart_value_text(double v, enum kql_type type, char out[40]);
/* A cell as one line without controls. */
struct span chart_cell_text(struct pool *p, const struct kql_value *v);
/* Cut to so many characters, the last one a mark. */
struct span chart_cut(const struct chart *c, struct span text, size_t width);
void chart_print_padded(const struct chart *c, struct span text, size_t width, bool right);
void chart_colour(const struct chart *c, size_t series); /* SIZE_MAX: back to none */
void chart_print_title(const struct chart *c);

bool chart_lines(const struct chart *c, bool is_scatter, bool wants_time);
bool chart_bars(const struct chart *c);
bool chart_shares(const struct chart *c);
