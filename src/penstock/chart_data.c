/* chart_data.c - an answer's rows as series of points: which columns are x, y and series. */
#include "kql/dynamic.h"
#include "penstock/chart_inner.h"
#include <math.h>
#include <stdlib.h>

enum { TRACKED_MAX = 1000 }; /* series, and texts along x, that are looked at */

/* ---- columns ---- */

static bool
is_measure(enum kql_type t)
{
    return kql_type_is_number(t) || t == KQL_TIMESPAN || t == KQL_BOOL;
}

/* Whether the name is one of a list "a, ['b'], c". */
static bool
is_listed(struct span list, struct span name)
{
    size_t at = 0;

    while (at < list.n) {
        size_t from = at, to;

        while (at < list.n && list.p[at] != ',')
            at++;
        to = at++;
        while (from < to && strchr(" '\"[", list.p[from]) != NULL)
            from++;
        while (to > from && strchr(" '\"]", list.p[to - 1]) != NULL)
            to--;
        if (span_equal((struct span){list.p + from, to - from}, name))
            return true;
    }
    return false;
}

/* What a column holds: its own type, or that of the first element of an array in it. */
static enum kql_type
column_type(const struct kql_answer *a, uint32_t column, bool *is_array)
{
    enum kql_type type = a->schema.columns[column].type;

    *is_array = false;
    for (size_t i = 0; i < a->row_count && type == KQL_DYNAMIC; i++) {
        const struct kql_value *v = &a->rows[i][column];
        const struct kql_array *array = kql_array_in(v);

        if (array == NULL && !v->is_null)
            return v->type < KQL_DYNAMIC ? (enum kql_type)v->type : KQL_DYNAMIC;
        for (uint32_t k = 0; array != NULL && k < array->count; k++) {
            int64_t ticks;

            if (array->items[k].is_null)
                continue;
            *is_array = true;
            if (array->items[k].type == KQL_STRING &&
                kql_read_datetime(kql_text(&array->items[k]), &ticks))
                return KQL_DATETIME;
            return (enum kql_type)array->items[k].type;
        }
    }
    return type;
}

struct columns {
    uint32_t x;
    bool has_arrays;
    uint8_t *roles; /* of each column */
    uint32_t y_count, series_count;
};
enum { ROLE_NONE, ROLE_X, ROLE_Y, ROLE_SERIES };

static uint32_t
x_choose(const struct chart *c, bool wants_time)
{
    const struct kql_schema *s = &c->answer->schema;
    bool is_array;

    for (uint32_t i = 0; i < s->count; i++)
        if (c->spec->x_column.n > 0 && is_listed(c->spec->x_column, s->columns[i].name))
            return i;
    for (uint32_t i = 0; wants_time && i < s->count; i++)
        if (column_type(c->answer, i, &is_array) == KQL_DATETIME)
            return i;
    return wants_time ? UINT32_MAX : 0;
}

/* False: err. */
static bool
columns_choose(const struct chart *c, bool wants_time, struct columns *k)
{
    const struct kql_schema *s = &c->answer->schema;
    bool is_array;

    *k = (struct columns){.x = x_choose(c, wants_time)};
    if (k->x == UINT32_MAX || s->count == 0) {
        (void)err_set(c->err, ST_INVALID, "a %.*s needs a column of times", (int)c->spec->kind.n,
                      c->spec->kind.p);
        return false;
    }
    k->roles = pool_zeroed(c->pool, s->count, 1);
    k->roles[k->x] = ROLE_X;
    (void)column_type(c->answer, k->x, &k->has_arrays);
    for (uint32_t i = 0; i < s->count; i++) {
        enum kql_type type = column_type(c->answer, i, &is_array);
        struct span name = s->columns[i].name;

        if (i == k->x)
            continue;
        if (c->spec->series.n > 0 && is_listed(c->spec->series, name))
            k->roles[i] = ROLE_SERIES;
        else if (c->spec->y_columns.n > 0)
            k->roles[i] = is_listed(c->spec->y_columns, name) ? ROLE_Y : ROLE_NONE;
        else if (is_measure(type) && is_array == k->has_arrays)
            k->roles[i] = ROLE_Y;
        else if (c->spec->series.n == 0 && (type == KQL_STRING || type == KQL_GUID) && !is_array)
            k->roles[i] = ROLE_SERIES;
        k->y_count += k->roles[i] == ROLE_Y;
        k->series_count += k->roles[i] == ROLE_SERIES;
    }
    if (k->y_count > 0)
        return true;
    (void)err_set(c->err, ST_INVALID, "a %.*s needs a column of numbers", (int)c->spec->kind.n,
                  c->spec->kind.p);
    return false;
}

/* ---- points ---- */

static double
number_of(const struct kql_value *v)
{
    int64_t ticks;
    double number;

    if (v->is_null)
        return NAN;
    if (v->type == KQL_DATETIME || v->type == KQL_TIMESPAN)
        return (double)v->i;
    if (v->type == KQL_STRING && kql_read_datetime(kql_text(v), &ticks))
        return (double)ticks;
    return kql_number_in(v, &number) ? number : NAN;
}

static struct chart_series *
series_of(const struct chart *c, struct chart_data *d, struct span name)
{
    for (size_t i = 0; i < d->count; i++)
        if (span_equal(d->series[i].name, name))
            return &d->series[i];
    if (d->count == TRACKED_MAX) {
        d->lost_series++; /* about: each of its values */
        return NULL;
    }
    d->series = pool_grow(c->pool, d->series, &d->room, d->count + 1, sizeof *d->series);
    d->series[d->count] = (struct chart_series){.name = name, .order = (uint32_t)d->count};
    return &d->series[d->count++];
}

static void
point_add(const struct chart *c, struct chart_data *d, struct chart_series *s, double x, double y)
{
    if (s == NULL || d->point_count == CHART_POINTS_MAX)
        return;
    d->point_count++;
    if (isnan(x))
        return;
    s->points = pool_grow(c->pool, s->points, &s->room, s->count + 1, sizeof *s->points);
    s->points[s->count++] = (struct chart_point){x, isfinite(y) ? y : NAN};
    s->sum += isfinite(y) ? fabs(y) : 0;
}

static struct span
series_name(const struct chart *c, const struct columns *k, size_t row, uint32_t y)
{
    const struct kql_schema *s = &c->answer->schema;
    struct span name = {"", 0};

    for (uint32_t i = 0; i < s->count; i++) {
        struct span part;

        if (k->roles[i] != ROLE_SERIES)
            continue;
        part = chart_cell_text(c->pool, &c->answer->rows[row][i]);
        name = pool_printf(c->pool, "%.*s%s%.*s", (int)name.n, name.p, name.n > 0 ? ", " : "",
                           (int)part.n, part.p);
    }
    if (k->y_count == 1 && name.n > 0)
        return name;
    return pool_printf(c->pool, "%.*s%s%.*s", (int)name.n, name.p, name.n > 0 ? ": " : "",
                       (int)s->columns[y].name.n, s->columns[y].name.p);
}

static double
label_index(const struct chart *c, struct chart_data *d, struct span label)
{
    for (size_t i = 0; i < d->label_count; i++)
        if (span_equal(d->labels[i], label))
            return (double)i;
    if (d->label_count == TRACKED_MAX)
        return NAN;
    d->labels =
        pool_grow(c->pool, d->labels, &d->label_room, d->label_count + 1, sizeof *d->labels);
    d->labels[d->label_count] = label;
    return (double)d->label_count++;
}

static void
row_read(const struct chart *c, const struct columns *k, size_t row, bool wants_labels,
         struct chart_data *d)
{
    const struct kql_value *cells = c->answer->rows[row];
    const struct kql_array *xs = k->has_arrays ? kql_array_in(&cells[k->x]) : NULL;
    double x = wants_labels ? label_index(c, d, chart_cell_text(c->pool, &cells[k->x]))
                            : number_of(&cells[k->x]);

    for (uint32_t i = 0; i < c->answer->schema.count; i++) {
        const struct kql_array *ys = kql_array_in(&cells[i]);
        struct chart_series *s;

        if (k->roles[i] != ROLE_Y)
            continue;
        s = series_of(c, d, series_name(c, k, row, i));
        if (!k->has_arrays)
            point_add(c, d, s, x, number_of(&cells[i]));
        for (uint32_t n = 0; xs != NULL && ys != NULL && n < xs->count && n < ys->count; n++)
            point_add(c, d, s, number_of(&xs->items[n]), number_of(&ys->items[n]));
    }
}

static int
by_sum(const void *a, const void *b)
{
    const struct chart_series *x = a, *y = b;

    if (x->sum != y->sum)
        return x->sum < y->sum ? 1 : -1;
    return x->order < y->order ? -1 : 1;
}

bool
chart_data_read(const struct chart *c, bool wants_time, bool wants_labels, struct chart_data *d)
{
    struct columns k;
    bool is_array, is_first = true;

    *d = (struct chart_data){.y_type = KQL_REAL};
    if (!columns_choose(c, wants_time, &k))
        return false;
    d->x_type = column_type(c->answer, k.x, &is_array);
    d->x_name = c->answer->schema.columns[k.x].name;
    if (kql_type_is_number(d->x_type))
        d->x_type = KQL_REAL;
    if (!wants_labels && d->x_type != KQL_REAL && d->x_type != KQL_DATETIME &&
        d->x_type != KQL_TIMESPAN) { /* text along x: one place each */
        wants_labels = true;
    }
    if (wants_labels)
        d->x_type = KQL_STRING;
    for (uint32_t i = 0; i < c->answer->schema.count; i++)
        if (k.roles[i] == ROLE_Y) {
            d->y_type = column_type(c->answer, i, &is_array) == KQL_TIMESPAN &&
                                (is_first || d->y_type == KQL_TIMESPAN)
                            ? KQL_TIMESPAN
                            : KQL_REAL;
            is_first = false;
            d->y_name = c->answer->schema.columns[i].name;
        }
    for (size_t i = 0; i < c->answer->row_count; i++) {
        row_read(c, &k, i, wants_labels, d);
        pool_check(c->pool);
    }
    if (d->point_count == 0 || d->count == 0) {
        (void)err_set(c->err, ST_INVALID, "there is nothing to draw");
        return false;
    }
    qsort(d->series, d->count, sizeof *d->series, by_sum);
    return true;
}
