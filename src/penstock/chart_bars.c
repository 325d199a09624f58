/* chart_bars.c - horizontal bars: values of each x, and shares of a whole. */
#include "kql/text.h"
#include "penstock/chart_inner.h"
#include <math.h>
#include <stdlib.h>

/* A row of the chart. */
struct bar {
    struct span label, series;
    double value;
    size_t place, order, colour;
};
struct bars {
    struct bar *items;
    size_t count, room;
    double low, high; /* 0 among them */
    size_t label_width, series_width, value_width;
};

static void
bar_add(const struct chart *c, struct bars *b, struct bar bar)
{
    b->items = pool_grow(c->pool, b->items, &b->room, b->count + 1, sizeof *b->items);
    b->items[b->count++] = bar;
}

static int
by_place(const void *a, const void *b)
{
    const struct bar *x = a, *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->colour != y->colour)
        return x->colour < y->colour ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* By x, and within it by series. */
static void
bars_collect(const struct chart *c, const struct chart_data *d, size_t drawn, struct bars *b)
{
    for (size_t s = 0; s < drawn; s++) {
        const struct chart_series *series = &d->series[s];

        for (size_t i = 0; i < series->count; i++) {
            const struct chart_point *p = &series->points[i];

            if (p->x >= (double)CHART_BARS_MAX || isnan(p->y))
                continue;
            bar_add(c, b,
                    (struct bar){.label = d->labels[(size_t)p->x],
                                 .series = series->name,
                                 .value = p->y,
                                 .place = (size_t)p->x,
                                 .order = i,
                                 .colour = s});
        }
    }
    if (b->count > 1)
        qsort(b->items, b->count, sizeof *b->items, by_place);
    b->count = b->count > CHART_BARS_MAX ? CHART_BARS_MAX : b->count;
    for (size_t i = b->count; i-- > 1;) /* told once */
        if (b->items[i].place == b->items[i - 1].place)
            b->items[i].label.n = 0;
}

static void
bars_measure(const struct chart *c, const struct chart_data *d, struct bars *b)
{
    char text[40];
    size_t most = c->look->width / 3;

    for (size_t i = 0; i < b->count; i++) {
        const struct bar *bar = &b->items[i];
        size_t label = kql_text_length(bar->label), series = kql_text_length(bar->series),
               value = chart_value_text(bar->value, d->y_type, text);

        b->label_width = label > b->label_width ? label : b->label_width;
        b->series_width = series > b->series_width ? series : b->series_width;
        b->value_width = value > b->value_width ? value : b->value_width;
        b->low = bar->value < b->low ? bar->value : b->low;
        b->high = bar->value > b->high ? bar->value : b->high;
    }
    if (d->count == 1)
        b->series_width = 0;
    b->label_width = b->label_width > most ? most : b->label_width;
    b->series_width = b->series_width > most / 2 ? most / 2 : b->series_width;
}

/* 'cells' characters wide, with eighths where there are such characters. */
static void
bar_draw(const struct chart *c, double cells)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    unsigned parts = (unsigned)lround(cells * 8);

    if (!c->look->has_unicode)
        parts = (unsigned)lround(cells) * 8;
    if (parts == 0 && cells > 0) /* something is there */
        parts = c->look->has_unicode ? 1 : 8;
    for (unsigned i = 0; i < parts / 8; i++)
        fputs(c->look->has_unicode ? "█" : "#", c->out);
    fputs(eighths[c->look->has_unicode ? parts % 8 : 0], c->out);
}

static void
bar_print(const struct chart *c, const struct chart_data *d, const struct bars *b,
          const struct bar *bar, size_t room)
{
    double unit = (double)room / (b->high - b->low > 0 ? b->high - b->low : 1);
    size_t left = (size_t)lround(-b->low * unit), length;
    char text[40];

    chart_print_padded(c, chart_cut(c, bar->label, b->label_width), b->label_width, false);
    fputs("  ", c->out);
    if (b->series_width > 0) {
        chart_print_padded(c, chart_cut(c, bar->series, b->series_width), b->series_width, false);
        fputs("  ", c->out);
    }
    length = (size_t)lround(fabs(bar->value) * unit);
    if (bar->value < 0 && length == 0)
        length = 1;
    fprintf(c->out, "%*s",
            (int)(bar->value < 0 && length < left ? left - length
                  : bar->value < 0                ? 0
                                                  : left),
            "");
    chart_colour(c, bar->colour);
    if (bar->value < 0)
        bar_draw(c, (double)length);
    else
        bar_draw(c, bar->value * unit);
    chart_colour(c, SIZE_MAX);
    fprintf(c->out, " %.*s\n", (int)chart_value_text(bar->value, d->y_type, text), text);
}

static void
print_rest(const struct chart *c, const struct chart_data *d, size_t bars)
{
    size_t drawn = d->count < CHART_SERIES_MAX ? d->count : CHART_SERIES_MAX;

    if (bars >= CHART_BARS_MAX && d->point_count > bars)
        fprintf(c->out, "(the first %zu of %zu values)\n", bars, d->point_count);
    if (d->count + d->lost_series > drawn)
        fprintf(c->out, "(%zu more series are not drawn)\n", d->count + d->lost_series - drawn);
}

bool
chart_bars(const struct chart *c)
{
    struct chart_data d;
    struct bars b = {.low = 0, .high = 0};
    size_t drawn, used, room;

    if (!chart_data_read(c, false, true, &d))
        return false;
    drawn = d.count < CHART_SERIES_MAX ? d.count : CHART_SERIES_MAX;
    bars_collect(c, &d, drawn, &b);
    bars_measure(c, &d, &b);
    if (b.count == 0 || !isfinite(b.high - b.low)) {
        (void)err_set(c->err, ST_INVALID, "there is nothing to draw");
        return false;
    }
    used = b.label_width + 2 + (b.series_width > 0 ? b.series_width + 2 : 0) + 1 + b.value_width;
    room = c->look->width > used + 10 ? c->look->width - used : 10;
    chart_print_title(c);
    for (size_t i = 0; i < b.count; i++)
        bar_print(c, &d, &b, &b.items[i], room);
    print_rest(c, &d, b.count);
    return true;
}

/* "  45.2 %" of the whole beside the bar. */
bool
chart_shares(const struct chart *c)
{
    struct chart_data d;
    struct bars b = {.low = 0, .high = 0};
    double whole = 0;
    size_t used, room;

    if (!chart_data_read(c, false, true, &d))
        return false;
    bars_collect(c, &d, 1, &b);
    bars_measure(c, &d, &b);
    for (size_t i = 0; i < d.series[0].count; i++)
        whole += isnan(d.series[0].points[i].y) ? 0 : d.series[0].points[i].y;
    if (b.low < 0 || !(whole > 0) || !isfinite(whole) || !(b.high > 0)) {
        (void)err_set(c->err, ST_INVALID, "a piechart needs shares of something: no value below 0");
        return false;
    }
    used = b.label_width + 2 + 9 + b.value_width + 3;
    room = c->look->width > used + 10 ? c->look->width - used : 10;
    chart_print_title(c);
    for (size_t i = 0; i < b.count; i++) {
        const struct bar *bar = &b.items[i];
        char text[40];

        chart_print_padded(c, chart_cut(c, bar->label, b.label_width), b.label_width, false);
        fprintf(c->out, "  %5.1f %% ", bar->value / whole * 100);
        chart_colour(c, i);
        bar_draw(c, bar->value / b.high * (double)room);
        chart_colour(c, SIZE_MAX);
        fprintf(c->out, " %.*s\n", (int)chart_value_text(bar->value, d.y_type, text), text);
    }
    if (b.count >= CHART_BARS_MAX)
        fprintf(c->out, "(the first %zu values)\n", b.count);
    if (d.count > 1)
        fprintf(c->out, "(only %.*s is drawn)\n", (int)d.series[0].name.n, d.series[0].name.p);
    return true;
}
