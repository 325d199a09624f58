/* chart.c - which chart is drawn, and what its parts have in common. */
#include "kql/text.h"
#include "penstock/chart_inner.h"
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- what is asked for ---- */

static struct span
property(const struct kql_op *render, const char *name)
{
    for (uint32_t i = 0; i < render->u.render.property_count; i++)
        if (span_is(render->u.render.properties[i].name, name))
            return render->u.render.properties[i].value;
    return (struct span){"", 0};
}

struct chart_spec
chart_spec_of(const struct kql_op *render)
{
    if (render == NULL)
        return (struct chart_spec){
            .kind = {"", 0}
        };
    return (struct chart_spec){
        .kind = render->u.render.chart,
        .title = property(render, "title"),
        .x_column = property(render, "xcolumn"),
        .y_columns = property(render, "ycolumns"),
        .series = property(render, "series"),
        .x_title = property(render, "xtitle"),
        .y_title = property(render, "ytitle"),
    };
}

/* The user's locale is asked without being made the program's: what reads records must not depend on it. */
static bool
is_unicode_screen(void)
{
    locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool is_utf8 = user != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, user), "UTF-8") == 0;

    if (user != (locale_t)0)
        freelocale(user);
    return is_utf8;
}

struct chart_look
chart_look_of(int fd)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM"), *columns = getenv("COLUMNS");
    struct winsize size = {.ws_col = 0};
    bool is_terminal = isatty(fd) == 1;
    unsigned long width = columns == NULL ? 0 : strtoul(columns, NULL, 10);

    if (is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    return (struct chart_look){
        .width = width < 40    ? (width == 0 ? 80 : 40)
                 : width > 400 ? 400
                               : (unsigned)width,
        .height = size.ws_row > 0 ? size.ws_row : 24,
        .has_unicode = is_unicode_screen(),
        .has_colour = is_terminal && (none == NULL || none[0] == '\0') &&
                      (term == NULL || strcmp(term, "dumb") != 0),
    };
}

/* ---- texts ---- */

struct span
chart_cell_text(struct pool *p, const struct kql_value *v)
{
    struct kql_value text;
    struct span from;
    char *out;

    if (v->is_null)
        return SPAN_LITERAL("(null)");
    text = kql_to_text(p, v->type == KQL_STRING ? KQL_STRING : KQL_DYNAMIC, v);
    if (v->type == KQL_DATETIME) {
        char time[32];

        from = pool_text(p, (struct span){time, kql_print_datetime(v->i, time)});
    } else {
        from = kql_text(&text);
    }
    if (from.n == 0)
        return SPAN_LITERAL("(empty)");
    out = pool_take(p, from.n + 1);
    for (size_t i = 0; i < from.n; i++)
        out[i] = (unsigned char)from.p[i] < ' ' || from.p[i] == 0x7f ? ' ' : from.p[i];
    return (struct span){out, from.n};
}

struct span
chart_cut(const struct chart *c, struct span text, size_t width)
{
    if (kql_text_length(text) <= width)
        return text;
    if (width < 2)
        return (struct span){text.p, kql_text_offset(text, width)};
    return pool_printf(c->pool, "%.*s%s", (int)kql_text_offset(text, width - 1), text.p,
                       c->look->has_unicode ? "…" : "~");
}

void
chart_print_padded(const struct chart *c, struct span text, size_t width, bool right)
{
    size_t length = kql_text_length(text);
    int pad = width > length ? (int)(width - length) : 0;

    if (right)
        fprintf(c->out, "%*s", pad, "");
    if (text.n > 0)
        fwrite(text.p, 1, text.n, c->out);
    if (!right)
        fprintf(c->out, "%*s", pad, "");
}

void
chart_colour(const struct chart *c, size_t series)
{
    static const int codes[CHART_SERIES_MAX] = {36, 33, 32, 35, 31, 34, 96, 93};

    if (c->look->has_colour && series == SIZE_MAX)
        fputs("\033[0m", c->out);
    else if (c->look->has_colour)
        fprintf(c->out, "\033[%dm", codes[series % CHART_SERIES_MAX]);
}

void
chart_print_title(const struct chart *c)
{
    struct kql_value title = kql_string(c->spec->title);

    if (c->spec->title.n > 0) {
        struct span text = chart_cut(c, chart_cell_text(c->pool, &title), c->look->width);

        fprintf(c->out, "%.*s\n", (int)text.n, text.p);
    }
}

size_t
chart_value_text(double v, enum kql_type type, char out[40])
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {
        {1e15, "P"},
        {1e12, "T"},
        {1e9,  "G"},
        {1e6,  "M"},
        {1e4,  "k"}
    };

    if (type == KQL_TIMESPAN && fabs(v) < 9e18) {
        size_t n = kql_print_timespan((int64_t)v, out);
        const char *seconds = memrchr(out, ':', n), *point;

        point = seconds == NULL ? NULL : memchr(seconds, '.', (size_t)(out + n - seconds));
        while (point != NULL && (out[n - 1] == '0' || out[n - 1] == '.') && out + n - 1 >= point)
            n--; /* 00:00:00.5 */
        return n;
    }
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (fabs(v) >= units[i].unit)
            return (size_t)snprintf(out, 40, "%.4g%s", v / (i == 4 ? 1e3 : units[i].unit),
                                    units[i].name);
    return (size_t)snprintf(out, 40, "%.6g", v == 0 ? 0.0 : v); /* not -0 */
}

/* ---- charts ---- */

/* The first row, a value a line. */
static bool
card(const struct chart *c)
{
    const struct kql_schema *s = &c->answer->schema;
    size_t width = 0;

    if (c->answer->row_count == 0) {
        (void)err_set(c->err, ST_INVALID, "there is nothing to draw");
        return false;
    }
    for (uint32_t i = 0; i < s->count; i++)
        if (kql_text_length(s->columns[i].name) > width)
            width = kql_text_length(s->columns[i].name);
    chart_print_title(c);
    for (uint32_t i = 0; i < s->count; i++) {
        struct span text = chart_cell_text(c->pool, &c->answer->rows[0][i]);

        chart_print_padded(c, s->columns[i].name, width + 2, false);
        text = chart_cut(c, text, c->look->width > width + 10 ? c->look->width - width - 2 : 20);
        fwrite(text.p, 1, text.n, c->out);
        fputc('\n', c->out);
    }
    return true;
}

bool
chart_print(FILE *out, struct pool *p, const struct chart_spec *spec, const struct kql_answer *a,
            const struct chart_look *look, struct err *err)
{
    static const struct {
        const char *kind;
        enum { LINES, TIMES, DOTS, BARS, SHARES, CARD } form;
    } kinds[] = {
        {"timechart",        TIMES },
        {"anomalychart",     TIMES },
        {"linechart",        LINES },
        {"areachart",        LINES },
        {"stackedareachart", LINES },
        {"scatterchart",     DOTS  },
        {"barchart",         BARS  },
        {"columnchart",      BARS  },
        {"piechart",         SHARES},
        {"card",             CARD  },
    };
    const struct chart c = {out, p, spec, a, look, err};

    err->text[0] = '\0';
    if (spec->kind.n == 0 || span_is(spec->kind, "table"))
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!span_is(spec->kind, kinds[i].kind))
            continue;
        switch (kinds[i].form) {
        case LINES:
        case TIMES:
        case DOTS:
            return chart_lines(&c, kinds[i].form == DOTS, kinds[i].form == TIMES);
        case BARS:
            return chart_bars(&c);
        case SHARES:
            return chart_shares(&c);
        case CARD:
            return card(&c);
        }
    }
    (void)err_set(err, ST_INVALID, "a %.*s is not drawn here", (int)spec->kind.n, spec->kind.p);
    return false;
}
