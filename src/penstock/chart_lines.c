/* chart_lines.c - lines and dots over time or numbers: a grid of characters, each of two by four dots of braille where
 * the screen has such, else one mark each; axes with round numbers. */
#include "kql/text.h"
#include "model/datetime.h"
#include "penstock/chart_inner.h"
#include <math.h>
#include <stdlib.h>

enum {
    ROWS_MIN = 8,
    ROWS_MAX = 18,
    AXIS_WIDTH_MAX = 24,
    TICKS = 4,         /* about; on y */
    X_MARK_WIDTH = 16, /* characters of a mark on x, about */
    X_MARKS_MAX = 64,
};

struct grid {
    size_t width, height; /* characters */
    size_t across, down;  /* dots of a character */
    uint8_t *dots;        /* braille: a bit each; else not 0 */
    uint8_t *owners;      /* the series that drew there last */
    double x_low, x_high, y_low, y_high;
    bool is_braille;
};

/* ---- dots ---- */

static void
dot(struct grid *g, long x, long y, size_t series)
{
    /* Unicode's order of the eight dots */
    static const uint8_t bits[4][2] = {
        {0x01, 0x08},
        {0x02, 0x10},
        {0x04, 0x20},
        {0x40, 0x80}
    };
    size_t column, row;

    if (x < 0 || y < 0 || (size_t)x >= g->width * g->across || (size_t)y >= g->height * g->down)
        return;
    column = (size_t)x / g->across;
    row = (size_t)y / g->down;
    g->dots[row * g->width + column] |=
        g->is_braille ? bits[(size_t)y % g->down][(size_t)x % g->across] : 1;
    g->owners[row * g->width + column] = (uint8_t)series;
}

/* Bresenham's. */
static void
line(struct grid *g, long x0, long y0, long x1, long y1, size_t series)
{
    long dx = labs(x1 - x0), dy = -labs(y1 - y0), sx = x0 < x1 ? 1 : -1, sy = y0 < y1 ? 1 : -1,
         error = dx + dy;

    for (;;) {
        dot(g, x0, y0, series);
        if (x0 == x1 && y0 == y1)
            return;
        long twice = 2 * error;

        if (twice >= dy) {
            error += dy;
            x0 += sx;
        }
        if (twice <= dx) {
            error += dx;
            y0 += sy;
        }
    }
}

static long
place_x(const struct grid *g, double x)
{
    return lround((x - g->x_low) / (g->x_high - g->x_low) * (double)(g->width * g->across - 1));
}

static long
place_y(const struct grid *g, double y)
{
    return lround((g->y_high - y) / (g->y_high - g->y_low) * (double)(g->height * g->down - 1));
}

static int
by_x(const void *a, const void *b)
{
    const struct chart_point *x = a, *y = b;

    return x->x < y->x ? -1 : x->x > y->x;
}

static void
draw(struct grid *g, struct chart_series *s, size_t index, bool is_scatter)
{
    bool has_last = false;
    long last_x = 0, last_y = 0;

    if (s->count > 1)
        qsort(s->points, s->count, sizeof *s->points, by_x);
    for (size_t i = 0; i < s->count; i++) {
        long x, y;

        if (isnan(s->points[i].y)) {
            has_last = false;
            continue;
        }
        x = place_x(g, s->points[i].x);
        y = place_y(g, s->points[i].y);
        if (has_last && !is_scatter)
            line(g, last_x, last_y, x, y, index);
        else
            dot(g, x, y, index);
        has_last = true;
        last_x = x;
        last_y = y;
    }
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, so that about 'count' of them span it. */
static double
round_step(double span, double count)
{
    double raw = span / count, unit = pow(10, floor(log10(raw)));

    return raw / unit <= 1   ? unit
           : raw / unit <= 2 ? 2 * unit
           : raw / unit <= 5 ? 5 * unit
                             : 10 * unit;
}

static void
grid_span(struct grid *g, const struct chart_data *d, size_t drawn, double *step)
{
    g->x_low = g->y_low = INFINITY;
    g->x_high = g->y_high = -INFINITY;
    for (size_t s = 0; s < drawn; s++)
        for (size_t i = 0; i < d->series[s].count; i++) {
            const struct chart_point *p = &d->series[s].points[i];

            g->x_low = fmin(g->x_low, p->x);
            g->x_high = fmax(g->x_high, p->x);
            g->y_low = fmin(g->y_low, p->y); /* fmin passes a NaN over */
            g->y_high = fmax(g->y_high, p->y);
        }
    if (g->y_low > 0 && g->y_low < g->y_high * 0.5)
        g->y_low = 0; /* what is near it is shown with it */
    if (!(g->x_high > g->x_low)) {
        g->x_low -= 1;
        g->x_high += 1;
    }
    if (!(g->y_high > g->y_low)) { /* one value: with zero, or up to one */
        if (g->y_low > 0)
            g->y_low = 0;
        else if (g->y_high < 0)
            g->y_high = 0;
        else
            g->y_high += 1;
    }
    *step = round_step(g->y_high - g->y_low, TICKS);
    g->y_low = floor(g->y_low / *step) * *step;
    g->y_high = ceil(g->y_high / *step) * *step;
}

static size_t
x_text(const struct grid *g, const struct chart_data *d, double x, char out[40])
{
    double seconds = (g->x_high - g->x_low) / 1e7;
    char time[DATETIME_TEXT_SIZE];

    if (d->x_type == KQL_STRING)
        return 0;
    if (d->x_type != KQL_DATETIME)
        return chart_value_text(x, d->x_type, out);
    datetime_write(time, (int64_t)x);
    if (seconds >= 86400.0 * 60)
        return (size_t)snprintf(out, 40, "%.10s", time); /* 2026-09-14 */
    if (seconds >= 86400)
        return (size_t)snprintf(out, 40, "%.5s %.5s", time + 5, time + 11); /* 09-14 08:07 */
    if (seconds >= 600)
        return (size_t)snprintf(out, 40, "%.5s", time + 11);
    return (size_t)snprintf(out, 40, "%.8s", time + 11);
}

/* How far the marks along x stand from each other. */
static double
x_step(const struct grid *g, const struct chart_data *d)
{
    static const double seconds[] = {1,      2,      5,       10,      15,      30,
                                     60,     120,    300,     600,     900,     1800,
                                     3600,   7200,   10800,   21600,   43200,   86400,
                                     172800, 604800, 1209600, 2592000, 7776000, 31536000};
    double count = (double)g->width / (double)X_MARK_WIDTH, span = g->x_high - g->x_low;

    for (size_t i = 0; d->x_type != KQL_REAL && i < COUNT_OF(seconds); i++)
        if (span / (seconds[i] * 1e7) <= count)
            return seconds[i] * 1e7;
    return round_step(span, count < 1 ? 1 : count);
}

/* The columns of the marks, as many as there is room for; gives their number. */
static size_t
x_marks(const struct grid *g, const struct chart_data *d, size_t columns[X_MARKS_MAX],
        double values[X_MARKS_MAX])
{
    double step = x_step(g, d);
    size_t n = 0;

    for (double x = ceil(g->x_low / step) * step; x <= g->x_high && n < X_MARKS_MAX; x += step) {
        values[n] = fabs(x) < step / 1e6 ? 0 : x;
        columns[n++] = (size_t)place_x(g, x) / g->across;
    }
    return n;
}

static void
print_x_line(const struct chart *c, const struct grid *g, const struct chart_data *d, size_t left)
{
    size_t columns[X_MARKS_MAX], count = 0, next = 0;
    double values[X_MARKS_MAX];

    if (d->x_type != KQL_STRING)
        count = x_marks(g, d, columns, values);
    fprintf(c->out, "%*s%s", (int)left, "", c->look->has_unicode ? "└" : "+");
    for (size_t i = 0; i < g->width; i++) {
        bool is_mark = next < count && columns[next] == i;

        fputs(is_mark                ? (c->look->has_unicode ? "┬" : "+")
              : c->look->has_unicode ? "─"
                                     : "-",
              c->out);
        while (next < count && columns[next] <= i)
            next++;
    }
    fputc('\n', c->out);
}

/* Where texts stand along it, the first and the last. */
static void
print_x_texts(const struct chart *c, const struct grid *g, const struct chart_data *d, size_t left)
{
    struct span first = chart_cut(c, d->labels[0], g->width / 2 - 1);
    struct span last = chart_cut(c, d->labels[d->label_count - 1], g->width / 2 - 1);

    fprintf(c->out, "%*s%.*s", (int)left + 1, "", (int)first.n, first.p);
    if (d->label_count > 1)
        chart_print_padded(c, last, g->width - kql_text_length(first), true);
    fputc('\n', c->out);
}

static void
print_x_axis(const struct chart *c, const struct grid *g, const struct chart_data *d, size_t left)
{
    size_t columns[X_MARKS_MAX], count, free_from = 0, end = g->width;
    char text[40], *row = pool_take(c->pool, g->width + 1);
    double values[X_MARKS_MAX];

    if (d->x_type == KQL_STRING) {
        print_x_texts(c, g, d, left);
        return;
    }
    memset(row, ' ', g->width);
    count = x_marks(g, d, columns, values);
    for (size_t i = 0; i < count; i++) {
        size_t n = x_text(g, d, values[i], text), begin = columns[i];

        if (begin + n > g->width && g->width >= n)
            begin = g->width - n; /* it ends where the axis does */
        if (begin < free_from || begin + n > g->width)
            continue;
        memcpy(row + begin, text, n);
        free_from = begin + n + 2;
    }
    while (end > 0 && row[end - 1] == ' ')
        end--;
    fprintf(c->out, "%*s%.*s\n", (int)left + 1, "", (int)end, row);
}

/* ---- the whole ---- */

static const char *
mark_of(const struct chart *c, size_t series)
{
    static const char *const ascii[CHART_SERIES_MAX] = {"*", "o", "+", "x", "#", "@", "%", "&"};
    static const char *const shapes[CHART_SERIES_MAX] = {"●", "○", "▲", "△", "■", "□", "◆", "◇"};

    return c->look->has_unicode ? shapes[series] : ascii[series];
}

static void
print_cell(const struct chart *c, const struct grid *g, size_t cell)
{
    uint8_t dots = g->dots[cell];

    if (dots == 0)
        fputc(' ', c->out);
    else if (g->is_braille) /* U+2800 and the dots */
        fprintf(c->out, "\xe2%c%c", 0xa0 | dots >> 6, 0x80 | (dots & 0x3f));
    else
        fputs(mark_of(c, g->owners[cell]), c->out);
}

static void
print_row(const struct chart *c, const struct grid *g, size_t row, size_t left, struct span tick)
{
    size_t end = g->width, last = SIZE_MAX;

    chart_print_padded(c, tick, left - 1, true);
    fputs(c->look->has_unicode ? (tick.n > 0 ? " ┤" : " │") : (tick.n > 0 ? " +" : " |"), c->out);
    while (end > 0 && g->dots[row * g->width + end - 1] == 0)
        end--;
    for (size_t i = 0; i < end; i++) {
        size_t cell = row * g->width + i;

        if (g->dots[cell] != 0 && last != g->owners[cell])
            chart_colour(c, last = g->owners[cell]);
        print_cell(c, g, cell);
    }
    if (last != SIZE_MAX)
        chart_colour(c, SIZE_MAX);
    fputc('\n', c->out);
}

static void
print_legend(const struct chart *c, const struct grid *g, const struct chart_data *d, size_t drawn,
             size_t left)
{
    size_t used = left;

    if (d->count + d->lost_series > 1) {
        fprintf(c->out, "%*s", (int)left, "");
        for (size_t i = 0; i < drawn; i++) {
            struct span name = chart_cut(c, d->series[i].name, 30);
            size_t length = kql_text_length(name) + 4;

            if (used > left && used + length > c->look->width) {
                fprintf(c->out, "\n%*s", (int)left, "");
                used = left;
            }
            used += length;
            chart_colour(c, i);
            fprintf(c->out, " %s", g->is_braille ? "━" : mark_of(c, i));
            chart_colour(c, SIZE_MAX);
            fprintf(c->out, " %.*s", (int)name.n, name.p);
        }
        fputc('\n', c->out);
    }
    if (d->count + d->lost_series > drawn)
        fprintf(c->out, "(%zu more series are not drawn)\n", d->count + d->lost_series - drawn);
}

static void
print_grid(const struct chart *c, const struct grid *g, const struct chart_data *d, double step,
           size_t left)
{
    struct span *ticks = pool_zeroed(c->pool, g->height, sizeof *ticks);
    unsigned count = (unsigned)lround((g->y_high - g->y_low) / step);

    for (unsigned i = 0; i <= count; i++) {
        double y = g->y_low + step * i;
        size_t row = (size_t)place_y(g, y) / g->down;
        char text[40];
        size_t n = chart_value_text(fabs(y) < step / 1e6 ? 0 : y, d->y_type, text);

        if (row < g->height)
            ticks[row] = pool_text(c->pool, (struct span){text, n});
    }
    for (size_t row = 0; row < g->height; row++)
        print_row(c, g, row, left, ticks[row]);
    print_x_line(c, g, d, left);
}

/* The widest of the numbers beside the y axis, and two more. */
static size_t
left_of(const struct grid *g, const struct chart_data *d, double step)
{
    unsigned count = (unsigned)lround((g->y_high - g->y_low) / step);
    size_t widest = 1;
    char text[40];

    for (unsigned i = 0; i <= count; i++) {
        double y = g->y_low + step * i;
        size_t n = chart_value_text(fabs(y) < step / 1e6 ? 0 : y, d->y_type, text);

        widest = n > widest ? n : widest;
    }
    return (widest > AXIS_WIDTH_MAX ? AXIS_WIDTH_MAX : widest) + 1;
}

bool
chart_lines(const struct chart *c, bool is_scatter, bool wants_time)
{
    struct chart_data d;
    struct grid g = {.across = 1, .down = 1};
    size_t drawn, left;
    double step;

    if (!chart_data_read(c, wants_time, false, &d))
        return false;
    drawn = d.count < CHART_SERIES_MAX ? d.count : CHART_SERIES_MAX;
    grid_span(&g, &d, drawn, &step);
    if (!isfinite(g.x_low) || !isfinite(g.y_low) || !isfinite(g.y_high) || !isfinite(step) ||
        !isfinite(g.x_high - g.x_low) || !isfinite(g.y_high - g.y_low) || !(step > 0)) {
        (void)err_set(c->err, ST_INVALID, "there is nothing to draw");
        return false;
    }
    g.is_braille = c->look->has_unicode && (drawn == 1 || c->look->has_colour);
    if (g.is_braille) {
        g.across = 2;
        g.down = 4;
    }
    left = left_of(&g, &d, step);
    g.width = c->look->width > left + 12 ? c->look->width - left - 2 : 10;
    g.height = c->look->height > ROWS_MIN + 6 ? c->look->height - 6 : ROWS_MIN;
    g.height = g.height > ROWS_MAX ? ROWS_MAX : g.height;
    g.dots = pool_zeroed(c->pool, g.width * g.height, 1);
    g.owners = pool_zeroed(c->pool, g.width * g.height, 1);
    for (size_t i = drawn; i-- > 0;) /* the largest one last, on top */
        draw(&g, &d.series[i], i, is_scatter);
    chart_print_title(c);
    print_grid(c, &g, &d, step, left);
    print_x_axis(c, &g, &d, left);
    print_legend(c, &g, &d, drawn, left);
    return true;
}
