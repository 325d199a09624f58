/* function_series_model.c - the rows of the function table for what is computed from a series as a
 * whole: transforms, fits by several lines and by polynomials, periods, decomposition, outliers.
 * Elements that are no numbers are missing points; what is no array answers null. Facts: the
 * functions' pages, series_*. */
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/series.h"
#include <math.h>

struct points {
    double *values; /* NaN: missing */
    uint32_t count;
};

static bool
points_of(struct pool *p, const struct kql_value *v, struct points *out)
{
    if (v->is_null || v->type != KQL_ARRAY)
        return false;
    out->count = v->array->count;
    out->values = pool_take(p, (out->count + (size_t)1) * sizeof *out->values);
    for (uint32_t i = 0; i < out->count; i++) {
        const struct kql_value *item = &v->array->items[i];

        if (item->is_null)
            out->values[i] = NAN;
        else if (item->type == KQL_REAL)
            out->values[i] = item->r;
        else if (item->type == KQL_DECIMAL)
            out->values[i] = kql_decimal_to_real(item->decimal);
        else
            out->values[i] =
                item->type == KQL_INT || item->type == KQL_LONG || item->type == KQL_BOOL
                    ? (double)item->i
                    : NAN;
    }
    return true;
}

static struct kql_value
array_from(struct pool *p, const double *values, size_t count)
{
    struct kql_value *items = pool_take(p, (count + 1) * sizeof *items);

    for (size_t i = 0; i < count; i++)
        items[i] = isnan(values[i]) ? kql_null(KQL_DYNAMIC) : kql_real(values[i]);
    return kql_array_of(p, items, count);
}

static struct kql_value
tuple_of(struct pool *p, const struct kql_value *values, size_t count)
{
    struct kql_array_builder b = {.pool = p};

    for (size_t i = 0; i < count; i++)
        kql_array_add(&b, values[i]);
    return kql_array_finish(&b);
}

static bool
is_given(const struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    return call->count > i && !args[i].is_null;
}

/* ---- Fourier ---- */

static void
transform(struct kql_call *call, const struct kql_value *args, bool is_inverse,
          struct kql_value *result)
{
    struct points real, imaginary;
    struct kql_value both[2];

    *result = kql_null(KQL_DYNAMIC);
    if (!points_of(call->pool, &args[0], &real))
        return;
    if (call->count < 2)
        imaginary = (struct points){pool_zeroed(call->pool, real.count + (size_t)1, sizeof(double)),
                                    real.count};
    else if (!points_of(call->pool, &args[1], &imaginary) || imaginary.count != real.count)
        return;
    series_transform(call->pool, real.values, imaginary.values, real.count, is_inverse);
    both[0] = array_from(call->pool, real.values, real.count);
    both[1] = array_from(call->pool, imaginary.values, real.count);
    *result = tuple_of(call->pool, both, 2);
}

static void
call_series_fft(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    transform(call, args, false, result);
}

static void
call_series_ifft(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    transform(call, args, true, result);
}

/* ---- fits ---- */

struct fitted { /* a line or polynomial; variances as of samples */
    struct series_fit merit;
    double coefficients[SERIES_DEGREE_MAX + 1];
    double *values;
};

static double
of_sample(double sum, size_t count)
{
    return count > 1 ? sum / (double)(count - 1) : 0;
}

/* x NULL: 1, 2 ... */
static bool
fit_points(struct pool *p, const double *x, const double *y, size_t count, uint32_t degree,
           struct fitted *out)
{
    double *steps = pool_take(p, (count + 1) * sizeof *steps);

    out->values = pool_take(p, (count + 1) * sizeof *out->values);
    for (size_t i = 0; i < count; i++)
        steps[i] = (double)i + 1;
    return series_fit_polynomial(p, x != NULL ? x : steps, y, count, degree, out->coefficients,
                                 out->values, &out->merit);
}

static void
call_series_fit_poly(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t degree = is_given(call, args, 2) ? args[2].i : 1;
    struct points y, x = {NULL, 0};
    struct fitted fit;
    struct kql_value all[5];

    *result = kql_null(KQL_DYNAMIC);
    if (degree < 0 || degree > SERIES_DEGREE_MAX)
        pool_abandon(call->pool, "series_fit_poly(): a degree is 0 to %d, not %lld",
                     SERIES_DEGREE_MAX, (long long)degree);
    if (!points_of(call->pool, &args[0], &y))
        return;
    if (is_given(call, args, 1) && (!points_of(call->pool, &args[1], &x) || x.count != y.count))
        return;
    if (!fit_points(call->pool, x.values, y.values, y.count, (uint32_t)degree, &fit))
        return;
    all[0] = kql_real(series_r_square(&fit.merit));
    all[1] = array_from(call->pool, fit.coefficients, (size_t)degree + 1);
    all[2] = kql_real(of_sample(fit.merit.total, fit.merit.count));
    all[3] = kql_real(of_sample(fit.merit.residual, fit.merit.count));
    all[4] = array_from(call->pool, fit.values, y.count);
    *result = tuple_of(call->pool, all, COUNT_OF(all));
}

enum { SIDE_FIGURES = 5 };

static void /* r_square, slope, interception, variance, rvariance */
side_figures(const struct fitted *f, struct kql_value *out)
{
    out[0] = kql_real(series_r_square(&f->merit));
    out[1] = kql_real(f->coefficients[0]);
    out[2] = kql_real(f->coefficients[1]);
    out[3] = kql_real(of_sample(f->merit.total, f->merit.count));
    out[4] = kql_real(of_sample(f->merit.residual, f->merit.count));
}

static void
call_series_fit_2lines(struct kql_call *call, const struct kql_value *args,
                       struct kql_value *result)
{
    struct points y;
    struct fitted whole, left, right;
    struct kql_value all[5 + 2 * SIDE_FIGURES];
    size_t split;
    double *line;

    *result = kql_null(KQL_DYNAMIC);
    if (!points_of(call->pool, &args[0], &y) ||
        !series_split(call->pool, y.values, y.count, &split) ||
        !fit_points(call->pool, NULL, y.values, y.count, 0, &whole) ||
        !fit_points(call->pool, NULL, y.values, split, 1, &left) ||
        !fit_points(call->pool, NULL, y.values + split, y.count - split, 1, &right))
        return;
    whole.merit.residual = left.merit.residual + right.merit.residual;
    line = whole.values;
    memcpy(line, left.values, split * sizeof *line);
    memcpy(line + split, right.values, (y.count - split) * sizeof *line);
    all[0] = kql_real(series_r_square(&whole.merit));
    all[1] = kql_integer(KQL_LONG, (int64_t)split);
    all[2] = kql_real(of_sample(whole.merit.total, y.count));
    all[3] = kql_real(of_sample(whole.merit.residual, y.count));
    all[4] = array_from(call->pool, line, y.count);
    side_figures(&right, all + 5);
    side_figures(&left, all + 5 + SIDE_FIGURES);
    *result = tuple_of(call->pool, all, COUNT_OF(all));
}

static void
call_series_fit_2lines_dynamic(struct kql_call *call, const struct kql_value *args,
                               struct kql_value *result)
{
    static const char *const keys[] = {"rsquare", "split_idx", "variance", "rvariance", "line_fit"};
    static const char *const sides[SIDE_FIGURES] = {"rsquare", "slope", "interception", "variance",
                                                    "rvariance"};
    struct kql_bag_builder bag = {.pool = call->pool};
    struct kql_value values;

    call_series_fit_2lines(call, args, &values);
    *result = values;
    if (values.is_null)
        return;
    for (uint32_t i = 0; i < COUNT_OF(keys); i++)
        kql_bag_add(&bag, span_of(keys[i]), values.array->items[i], true);
    for (uint32_t side = 0; side < 2; side++) {
        struct kql_bag_builder inner = {.pool = call->pool};

        for (uint32_t i = 0; i < SIDE_FIGURES; i++)
            kql_bag_add(&inner, span_of(sides[i]),
                        values.array->items[COUNT_OF(keys) + side * SIDE_FIGURES + i], true);
        kql_bag_add(&bag, span_of(side == 0 ? "right" : "left"), kql_bag_finish(&inner), true);
    }
    *result = kql_bag_finish(&bag);
}

/* ---- periods ---- */

enum { PERIODS_MAX = 1024 }; /* that series_periods_detect() can be asked for */

static struct kql_value
periods_and_scores(struct kql_call *call, const double *periods, const double *scores, size_t count)
{
    struct kql_value both[2] = {array_from(call->pool, periods, count),
                                array_from(call->pool, scores, count)};

    return tuple_of(call->pool, both, 2);
}

/* Fewer than asked for: the rest are zeros. */
static void
call_series_periods_detect(struct kql_call *call, const struct kql_value *args,
                           struct kql_value *result)
{
    struct points y;
    double *periods, *scores;
    int64_t wanted = args[3].i;

    *result = kql_null(KQL_DYNAMIC);
    if (wanted < 1 || wanted > PERIODS_MAX)
        pool_abandon(call->pool,
                     "series_periods_detect(): 1 to %d periods can be asked for, not "
                     "%lld",
                     PERIODS_MAX, (long long)wanted);
    if (!points_of(call->pool, &args[0], &y))
        return;
    periods = pool_zeroed(call->pool, (size_t)wanted, sizeof *periods);
    scores = pool_zeroed(call->pool, (size_t)wanted, sizeof *scores);
    series_find_periods(call->pool, y.values, y.count, args[1].r, args[2].r, (size_t)wanted,
                        periods, scores);
    *result = periods_and_scores(call, periods, scores, (size_t)wanted);
}

static void
call_series_periods_validate(struct kql_call *call, const struct kql_value *args,
                             struct kql_value *result)
{
    uint32_t count = call->count - 1;
    struct points y;
    double *periods = pool_zeroed(call->pool, count + (size_t)1, sizeof *periods);
    double *scores = pool_zeroed(call->pool, count + (size_t)1, sizeof *scores);

    *result = kql_null(KQL_DYNAMIC);
    if (!points_of(call->pool, &args[0], &y))
        return;
    for (uint32_t i = 0; i < count; i++) {
        periods[i] = args[i + 1].r;
        scores[i] = series_period_score(call->pool, y.values, y.count, periods[i]);
    }
    *result = periods_and_scores(call, periods, scores, count);
}

static size_t
test_points(const struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    return is_given(call, args, i) && args[i].i > 0 ? (size_t)args[i].i : 0;
}

/* -1: the best period whose score is 0.7 or more; another number below 1: none. */
static void
call_series_seasonal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t period = is_given(call, args, 1) ? args[1].i : -1;
    size_t tests = test_points(call, args, 2);
    struct series_parts parts;
    struct points y;

    *result = kql_null(KQL_DYNAMIC);
    if (!points_of(call->pool, &args[0], &y))
        return;
    if (period < -1)
        period = 0;
    series_decompose(call->pool, y.values, y.count, period, SERIES_TREND_NONE, tests, 0.7, &parts);
    *result = array_from(call->pool, parts.seasonal, y.count);
}

/* ---- decomposition ---- */

struct decomposition {
    struct points y;
    size_t test_count;
    struct series_parts parts;
};

/* Where the arguments stand: period, trend, test points, threshold. False: not an array. */
static bool
decompose(struct kql_call *call, const struct kql_value *args, uint32_t period, uint32_t trend,
          uint32_t tests, uint32_t threshold, struct decomposition *out)
{
    enum series_trend kind = SERIES_TREND_AVERAGE;

    if (!points_of(call->pool, &args[0], &out->y))
        return false;
    if (is_given(call, args, trend) && args[trend].size > 0) {
        struct span name = kql_text(&args[trend]);

        if (span_is(name, "linefit"))
            kind = SERIES_TREND_LINE;
        else if (span_is(name, "none"))
            kind = SERIES_TREND_NONE;
        else if (!span_is(name, "avg"))
            pool_abandon(call->pool,
                         "series_decompose(): a trend is 'avg', 'linefit' or 'none', "
                         "not '%.*s'",
                         (int)(name.n < 40 ? name.n : 40), name.p);
    }
    out->test_count = test_points(call, args, tests);
    series_decompose(call->pool, out->y.values, out->y.count,
                     is_given(call, args, period) ? args[period].i : -1, kind, out->test_count,
                     is_given(call, args, threshold) ? args[threshold].r : 0.6, &out->parts);
    return true;
}

static struct kql_value
decomposition_value(struct kql_call *call, const struct decomposition *d)
{
    struct kql_value all[4] = {array_from(call->pool, d->parts.baseline, d->y.count),
                               array_from(call->pool, d->parts.seasonal, d->y.count),
                               array_from(call->pool, d->parts.trend, d->y.count),
                               array_from(call->pool, d->parts.residual, d->y.count)};

    return tuple_of(call->pool, all, COUNT_OF(all));
}

static void
call_series_decompose(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct decomposition d;

    *result = decompose(call, args, 1, 2, 3, 4, &d) ? decomposition_value(call, &d)
                                                    : kql_null(KQL_DYNAMIC);
}

static void
call_series_decompose_forecast(struct kql_call *call, const struct kql_value *args,
                               struct kql_value *result)
{
    struct decomposition d;

    *result = decompose(call, args, 2, 3, 1, 4, &d) ? decomposition_value(call, &d)
                                                    : kql_null(KQL_DYNAMIC);
}

/* ---- outliers ---- */

/* What is rounding of the arithmetic, and no residual. */
static void
drop_noise(const struct points *y, double *residual)
{
    double scale = 0;

    for (uint32_t i = 0; i < y->count; i++)
        if (isfinite(y->values[i]) && fabs(y->values[i]) > scale)
            scale = fabs(y->values[i]);
    for (uint32_t i = 0; i < y->count; i++)
        if (fabs(residual[i]) <= 1e-12 * scale)
            residual[i] = 0;
}

/* "ctukey" or nothing: percentiles 10 and 90; "tukey": 25 and 75. */
static void
percentiles_of(struct kql_call *call, const struct kql_value *args, uint32_t kind, double *low,
               double *high)
{
    struct span name = is_given(call, args, kind) ? kql_text(&args[kind]) : SPAN_LITERAL("ctukey");

    *low = 10;
    *high = 90;
    if (span_is(name, "tukey")) {
        *low = 25;
        *high = 75;
    } else if (name.n > 0 && !span_is(name, "ctukey")) {
        pool_abandon(call->pool, "outliers are found by 'ctukey' or 'tukey', not by '%.*s'",
                     (int)(name.n < 40 ? name.n : 40), name.p);
    }
}

static void
call_series_decompose_anomalies(struct kql_call *call, const struct kql_value *args,
                                struct kql_value *result)
{
    double threshold = is_given(call, args, 1) ? args[1].r : 1.5, low, high, *scores, *flags;
    struct decomposition d;
    struct kql_value all[3];
    uint32_t count, learned;

    *result = kql_null(KQL_DYNAMIC);
    percentiles_of(call, args, 5, &low, &high);
    if (!decompose(call, args, 2, 3, 4, 6, &d))
        return;
    count = d.y.count;
    learned = d.test_count < count ? count - (uint32_t)d.test_count : 0;
    scores = pool_take(call->pool, (count + (size_t)1) * sizeof *scores);
    flags = pool_take(call->pool, (count + (size_t)1) * sizeof *flags);
    drop_noise(&d.y, d.parts.residual);
    series_outlier_scores(call->pool, d.parts.residual, learned, count, low, high, scores);
    for (uint32_t i = 0; i < count; i++)
        flags[i] = scores[i] > threshold ? 1 : scores[i] < -threshold ? -1 : 0;
    all[0] = array_from(call->pool, flags, count);
    all[1] = array_from(call->pool, scores, count);
    all[2] = array_from(call->pool, d.parts.baseline, count);
    *result = tuple_of(call->pool, all, COUNT_OF(all));
}

static void
call_series_outliers(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    double percents[2], *scores;
    struct points y;
    size_t tests = test_points(call, args, 5);
    bool is_custom = !is_given(call, args, 1) || !span_is(kql_text(&args[1]), "tukey");

    *result = kql_null(KQL_DYNAMIC);
    percentiles_of(call, args, 1, &percents[0], &percents[1]);
    for (uint32_t i = 0; i < 2 && is_custom; i++) {
        if (!is_given(call, args, 3 + i))
            continue;
        percents[i] = args[3 + i].r;
        if (!(percents[i] >= 2 && percents[i] <= 98))
            pool_abandon(call->pool, "series_outliers(): percentiles are 2.0 to 98.0, not %g",
                         percents[i]);
    }
    if (!points_of(call->pool, &args[0], &y))
        return;
    for (uint32_t i = 0; i < y.count && is_given(call, args, 2); i++)
        if (y.values[i] == args[2].r)
            y.values[i] = NAN;
    scores = pool_take(call->pool, (y.count + (size_t)1) * sizeof *scores);
    series_outlier_scores(call->pool, y.values, tests < y.count ? y.count - tests : 0, y.count,
                          percents[0], percents[1], scores);
    *result = array_from(call->pool, scores, y.count);
}

#define ROW(NAME, SIGNATURE, CALL, TUPLE, FLAGS, DOC)                                              \
    {                                                                                              \
        .name = (NAME), .kind = KQL_SCALAR, .flags = (FLAGS), .signature = (SIGNATURE),            \
        .call = (CALL), .tuple = (TUPLE), .doc = (DOC), .group = "series"                          \
    }

static const char complex_tuple[] = "real: dynamic, imag: dynamic";
static const char periods_tuple[] = "periods: dynamic, scores: dynamic";
static const char parts_tuple[] =
    "baseline: dynamic, seasonal: dynamic, trend: dynamic, residual: dynamic";

const struct kql_function kql_functions_series_model[] = {
    ROW("series_fft", "(series: dynamic, series_imaginary?: dynamic) -> dynamic", call_series_fft,
        complex_tuple, 0, "The Fourier transform of a series: real and imaginary parts."),
    ROW("series_ifft", "(series: dynamic, series_imaginary?: dynamic) -> dynamic", call_series_ifft,
        complex_tuple, 0, "The inverse Fourier transform of a series."),
    ROW("series_fit_poly", "(y_series: dynamic, x_series?: dynamic, degree?: long) -> dynamic",
        call_series_fit_poly,
        "rsquare: real, coefficients: dynamic, variance: real, rvariance: real, "
        "poly_fit: dynamic",
        KQL_F_TAKES_NULLS, "The polynomial of least squares, of that degree (1: a line)."),
    ROW("series_fit_2lines", "(array: dynamic) -> dynamic", call_series_fit_2lines,
        "rsquare: real, split_idx: long, variance: real, rvariance: real, line_fit: dynamic, "
        "right_rsquare: real, right_slope: real, right_interception: real, right_variance: real, "
        "right_rvariance: real, left_rsquare: real, left_slope: real, left_interception: real, "
        "left_variance: real, left_rvariance: real",
        0, "The two lines that fit the two parts of a series best, and where they meet."),
    ROW("series_fit_2lines_dynamic", "(series: dynamic) -> dynamic", call_series_fit_2lines_dynamic,
        NULL, 0, "series_fit_2lines() in a bag."),
    ROW("series_periods_detect",
        "(series: dynamic, min_period: real, max_period: real, num_periods: long) -> dynamic",
        call_series_periods_detect, periods_tuple, 0,
        "The periods after which a series repeats itself, and how well, 0 to 1."),
    ROW("series_periods_validate", "(series: dynamic, period: real...) -> dynamic",
        call_series_periods_validate, periods_tuple, 0,
        "How well a series repeats itself after each period, 0 to 1."),
    ROW("series_seasonal", "(series: dynamic, period?: long, test_points?: long) -> dynamic",
        call_series_seasonal, NULL, KQL_F_TAKES_NULLS,
        "The periodic part of a series; period -1 looks for the period."),
    ROW("series_decompose",
        "(series: dynamic, period?: long, trend?: string, test_points?: long, "
        "seasonality_threshold?: real) -> dynamic",
        call_series_decompose, parts_tuple, KQL_F_TAKES_NULLS,
        "The periodic part of a series, its trend and what is left."),
    ROW("series_decompose_forecast",
        "(series: dynamic, test_points: long, period?: long, trend?: string, "
        "seasonality_threshold?: real) -> dynamic",
        call_series_decompose_forecast, parts_tuple, KQL_F_TAKES_NULLS,
        "The last points of a series, as its period and trend foretell them."),
    ROW("series_decompose_anomalies",
        "(series: dynamic, threshold?: real, period?: long, trend?: string, test_points?: long, "
        "method?: string, seasonality_threshold?: real) -> dynamic",
        call_series_decompose_anomalies, "ad_flag: dynamic, ad_score: dynamic, baseline: dynamic",
        KQL_F_TAKES_NULLS, "Where a series leaves its period and trend: 1 above, -1 below."),
    ROW("series_outliers",
        "(series: dynamic, kind?: string, ignore_val?: real, min_percentile?: real, "
        "max_percentile?: real, test_points?: long) -> dynamic",
        call_series_outliers, NULL, KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME,
        "Tukey's scores of the elements: beyond 1.5 and -1.5 they are outliers."),
    {.name = NULL},
};
