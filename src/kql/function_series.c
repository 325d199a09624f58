/* function_series.c - the rows of the function table for series: arithmetic and statistics over
 * arrays of numbers. An element that is no number stays null; what is no array answers null. Whole
 * numbers stay whole where the operation allows. Facts: the functions' pages, series_*. */
#include "kql/dynamic.h"
#include "kql/function.h"
#include <math.h>

static bool
is_whole(const struct kql_value *v)
{
    return !v->is_null && (v->type == KQL_LONG || v->type == KQL_INT);
}

/* ---- element by element ---- */

typedef struct kql_value element_pair(const struct kql_value *a, const struct kql_value *b);

/* A side that is a number stands for an array of it; of arrays of different lengths the longer
 * one's rest is null. */
static void
each_pair(struct kql_call *call, const struct kql_value *args, element_pair *operation,
          struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]), *b = kql_array_in(&args[1]);
    struct kql_array_builder out = {.pool = call->pool};
    uint32_t count;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL && b == NULL)
        return;
    count = a == NULL ? b->count : a->count;
    if (b != NULL && b->count > count)
        count = b->count;
    for (uint32_t i = 0; i < count; i++) {
        struct kql_value none = kql_null(KQL_DYNAMIC);
        const struct kql_value *x = a == NULL ? &args[0] : i < a->count ? &a->items[i] : &none;
        const struct kql_value *y = b == NULL ? &args[1] : i < b->count ? &b->items[i] : &none;

        kql_array_add(&out, operation(x, y));
    }
    *result = kql_array_finish(&out);
}

#define ARITHMETIC(NAME, BUILTIN, REAL)                                                            \
    static struct kql_value pair_##NAME(const struct kql_value *a, const struct kql_value *b) {    \
        double x, y;                                                                               \
        int64_t whole;                                                                             \
                                                                                                   \
        if (is_whole(a) && is_whole(b) && !BUILTIN(a->i, b->i, &whole))                            \
            return kql_integer(KQL_LONG, whole);                                                   \
        if (!kql_number_in(a, &x) || !kql_number_in(b, &y))                                        \
            return kql_null(KQL_DYNAMIC);                                                          \
        return kql_real(REAL);                                                                     \
    } static void call_series_##NAME(struct kql_call *call, const struct kql_value *args,          \
                                     struct kql_value *result)                                     \
    {                                                                                              \
        each_pair(call, args, pair_##NAME, result);                                                \
    }

static inline bool
never_whole(int64_t a, int64_t b, int64_t *out)
{
    (void)a, (void)b;
    *out = 0;
    return true;
}

ARITHMETIC(add, __builtin_add_overflow, x + y)
ARITHMETIC(subtract, __builtin_sub_overflow, x - y)
ARITHMETIC(multiply, __builtin_mul_overflow, x *y)
ARITHMETIC(divide, never_whole, x / y)
ARITHMETIC(pow, never_whole, pow(x, y))

#define COMPARISON(NAME, OPERATOR)                                                                 \
    static struct kql_value pair_##NAME(const struct kql_value *a, const struct kql_value *b) {    \
        double x, y;                                                                               \
                                                                                                   \
        if (is_whole(a) && is_whole(b))                                                            \
            return kql_bool(a->i OPERATOR b->i);                                                   \
        if (!kql_number_in(a, &x) || !kql_number_in(b, &y))                                        \
            return kql_null(KQL_DYNAMIC);                                                          \
        return kql_bool(x OPERATOR y);                                                             \
    } static void call_series_##NAME(struct kql_call *call, const struct kql_value *args,          \
                                     struct kql_value *result)                                     \
    {                                                                                              \
        each_pair(call, args, pair_##NAME, result);                                                \
    }

COMPARISON(greater, >)
COMPARISON(greater_equals, >=)
COMPARISON(less, <)
COMPARISON(less_equals, <=)
COMPARISON(equals, ==)
COMPARISON(not_equals, !=)

static void
each_real(struct kql_call *call, const struct kql_value *args, double (*operation)(double),
          bool keeps_whole, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder out = {.pool = call->pool};

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->count; i++) {
        double x, y;

        if (!kql_number_in(&a->items[i], &x)) {
            kql_array_add(&out, kql_null(KQL_DYNAMIC));
            continue;
        }
        y = operation(x);
        if (keeps_whole && is_whole(&a->items[i]) && y >= -0x1p63 && y < 0x1p63)
            kql_array_add(&out, kql_integer(KQL_LONG, (int64_t)y));
        else
            kql_array_add(&out, kql_real(y));
    }
    *result = kql_array_finish(&out);
}

static double
sign_of(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

#define UNARY(NAME, OPERATION, KEEPS_WHOLE)                                                        \
    static void call_series_##NAME(struct kql_call *call, const struct kql_value *args,            \
                                   struct kql_value *result)                                       \
    {                                                                                              \
        each_real(call, args, OPERATION, KEEPS_WHOLE, result);                                     \
    }

UNARY(abs, fabs, true)
UNARY(acos, acos, false)
UNARY(asin, asin, false)
UNARY(atan, atan, false)
UNARY(ceiling, ceil, true)
UNARY(cos, cos, false)
UNARY(exp, exp, false)
UNARY(floor, floor, true)
UNARY(log, log, false)
UNARY(sign, sign_of, true)
UNARY(sin, sin, false)
UNARY(tan, tan, false)

/* ---- one number of a series ---- */

static void
call_series_sum(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    double sum = 0, x;

    (void)call;
    *result = kql_null(KQL_REAL);
    for (uint32_t i = 0; a != NULL && i < a->count; i++) {
        if (!kql_number_in(&a->items[i], &x))
            return;
        sum += x;
    }
    if (a != NULL)
        *result = kql_real(sum);
}

static void
call_series_product(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    double product = 1, x;

    (void)call;
    *result = kql_null(KQL_REAL);
    for (uint32_t i = 0; a != NULL && i < a->count; i++) {
        if (!kql_number_in(&a->items[i], &x))
            return;
        product *= x;
    }
    if (a != NULL)
        *result = kql_real(product);
}

/* The sum of products; false: not two arrays of numbers of one length. A number stands for an array
 * of it. */
static bool
dot_product(const struct kql_value *left, const struct kql_value *right, double *out)
{
    const struct kql_array *a = kql_array_in(left), *b = kql_array_in(right);
    uint32_t count;

    *out = 0;
    if ((a == NULL && b == NULL) || (a != NULL && b != NULL && a->count != b->count))
        return false;
    count = a != NULL ? a->count : b->count;
    for (uint32_t i = 0; i < count; i++) {
        double x, y;

        if (!kql_number_in(a == NULL ? left : &a->items[i], &x) ||
            !kql_number_in(b == NULL ? right : &b->items[i], &y))
            return false;
        *out += x * y;
    }
    return true;
}

static void
call_series_dot_product(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    double product;

    (void)call;
    *result = dot_product(&args[0], &args[1], &product) ? kql_real(product) : kql_null(KQL_REAL);
}

static void
call_series_magnitude(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    double square;

    (void)call;
    *result = kql_array_in(&args[0]) != NULL && dot_product(&args[0], &args[0], &square)
                  ? kql_real(sqrt(square))
                  : kql_null(KQL_REAL);
}

static void
call_series_cosine_similarity(struct kql_call *call, const struct kql_value *args,
                              struct kql_value *result)
{
    double product, a, b;

    *result = kql_null(KQL_REAL);
    if (!dot_product(&args[0], &args[1], &product) || !dot_product(&args[0], &args[0], &a) ||
        !dot_product(&args[1], &args[1], &b))
        return;
    a = call->count > 2 ? args[2].r : sqrt(a);
    b = call->count > 3 ? args[3].r : sqrt(b);
    *result = kql_real(product / (a * b));
}

static void
call_series_pearson_correlation(struct kql_call *call, const struct kql_value *args,
                                struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]), *b = kql_array_in(&args[1]);
    double count, sum_x = 0, sum_y = 0, xy = 0, xx = 0, yy = 0, x, y;

    (void)call;
    *result = kql_null(KQL_REAL);
    if (a == NULL || b == NULL || a->count != b->count || a->count == 0)
        return;
    count = a->count;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!kql_number_in(&a->items[i], &x) || !kql_number_in(&b->items[i], &y))
            return;
        sum_x += x;
        sum_y += y;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        kql_number_in(&a->items[i], &x);
        kql_number_in(&b->items[i], &y);
        x -= sum_x / count;
        y -= sum_y / count;
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    *result = kql_real(xy / sqrt(xx * yy));
}

/* ---- filling gaps: nulls, or a placeholder ---- */

static bool
is_missing(const struct kql_call *call, const struct kql_value *args, uint32_t placeholder,
           const struct kql_value *v)
{
    if (call->count > placeholder && !args[placeholder].is_null)
        return kql_value_same(&args[placeholder], v);
    return v->is_null || (v->type == KQL_REAL && isnan(v->r));
}

static void
fill_along(struct kql_call *call, const struct kql_value *args, bool is_backward,
           struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_value *items;
    const struct kql_value *last = NULL;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    items = pool_take(call->pool, (a->count + 1) * sizeof *items);
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t at = is_backward ? a->count - 1 - i : i;

        items[at] = a->items[at];
        if (!is_missing(call, args, 1, &a->items[at]))
            last = &a->items[at];
        else if (last != NULL)
            items[at] = *last;
    }
    *result = kql_array_of(call->pool, items, a->count);
}

static void
call_series_fill_forward(struct kql_call *call, const struct kql_value *args,
                         struct kql_value *result)
{
    fill_along(call, args, false, result);
}

static void
call_series_fill_backward(struct kql_call *call, const struct kql_value *args,
                          struct kql_value *result)
{
    fill_along(call, args, true, result);
}

static void
call_series_fill_const(struct kql_call *call, const struct kql_value *args,
                       struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder out = {.pool = call->pool};
    struct kql_value fill = call->count > 1 ? args[1] : kql_integer(KQL_LONG, 0);

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->count; i++)
        kql_array_add(&out, is_missing(call, args, 2, &a->items[i]) ? fill : a->items[i]);
    *result = kql_array_finish(&out);
}

/* Between whole numbers alone the line is cut to whole numbers. */
static void
call_series_fill_linear(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    bool fills_edges = call->count <= 2 || kql_is_true(&args[2]), is_cut = true;
    struct kql_value fill = call->count > 3 ? args[3] : kql_real(0);
    struct kql_array_builder out = {.pool = call->pool};
    int64_t before = -1, after = -1;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->count && is_cut; i++)
        is_cut = is_whole(&a->items[i]) || is_missing(call, args, 1, &a->items[i]);
    for (int64_t i = 0; i < a->count; i++) {
        double x, y;

        if (!is_missing(call, args, 1, &a->items[i])) {
            kql_array_add(&out, a->items[i]);
            before = i;
            continue;
        }
        if (after < i)
            for (after = i; after < a->count && is_missing(call, args, 1, &a->items[after]);)
                after++;
        if (before >= 0 && after < a->count && kql_number_in(&a->items[before], &x) &&
            kql_number_in(&a->items[after], &y)) {
            x += (y - x) * (double)(i - before) / (double)(after - before);
            kql_array_add(&out, is_cut ? kql_integer(KQL_LONG, (int64_t)x) : kql_real(x));
        } else if (before < 0 && after == a->count) {
            kql_array_add(&out, fill);
        } else if (fills_edges) {
            kql_array_add(&out, a->items[before < 0 ? after : before]);
        } else {
            kql_array_add(&out, a->items[i]);
        }
    }
    *result = kql_array_finish(&out);
}

/* ---- statistics ---- */

struct stats {
    double count, min, max, sum, mean, squares;
    int64_t min_at, max_at;
};

/* False: not an array of numbers, or empty. */
static bool
stats_of(const struct kql_call *call, const struct kql_value *args, struct stats *s)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    bool only_finite = call->count > 1 && kql_is_true(&args[1]);

    *s = (struct stats){.count = 0};
    for (uint32_t i = 0; a != NULL && i < a->count; i++) {
        double x, from;

        if (!kql_number_in(&a->items[i], &x) || !isfinite(x)) {
            if (only_finite)
                continue;
            return false;
        }
        if (s->count == 0 || x < s->min)
            s->min = x, s->min_at = i;
        if (s->count == 0 || x > s->max)
            s->max = x, s->max_at = i;
        s->count++;
        s->sum += x;
        from = x - s->mean;
        s->mean += from / s->count;
        s->squares += from * (x - s->mean);
    }
    return s->count > 0;
}

static void
call_series_stats(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder out = {.pool = call->pool};
    struct stats s;
    double variance;

    *result = kql_null(KQL_DYNAMIC);
    if (!stats_of(call, args, &s))
        return;
    variance = s.count > 1 ? s.squares / (s.count - 1) : 0;
    kql_array_add(&out, kql_real(s.min));
    kql_array_add(&out, kql_integer(KQL_LONG, s.min_at));
    kql_array_add(&out, kql_real(s.max));
    kql_array_add(&out, kql_integer(KQL_LONG, s.max_at));
    kql_array_add(&out, kql_real(s.mean));
    kql_array_add(&out, kql_real(sqrt(variance)));
    kql_array_add(&out, kql_real(variance));
    *result = kql_array_finish(&out);
}

static void
call_series_stats_dynamic(struct kql_call *call, const struct kql_value *args,
                          struct kql_value *result)
{
    static const char *const keys[] = {"min", "min_idx", "max",     "max_idx",
                                       "avg", "stdev",   "variance"};
    struct kql_bag_builder bag = {.pool = call->pool};
    struct kql_value values;
    struct stats s;

    call_series_stats(call, args, &values);
    *result = values;
    if (values.is_null || !stats_of(call, args, &s))
        return;
    for (uint32_t i = 0; i < COUNT_OF(keys); i++)
        kql_bag_add(&bag, span_of(keys[i]), values.array->items[i], true);
    kql_bag_add(&bag, SPAN_LITERAL("sum"), kql_real(s.sum), true);
    kql_bag_add(&bag, SPAN_LITERAL("len"), kql_integer(KQL_LONG, (int64_t)s.count), true);
    *result = kql_bag_finish(&bag);
}

struct line {
    double r_square, slope, variance, residual, intercept;
};

/* Least squares over elements [from, to) at x = 0, 1 ...; false: something is no number. */
static bool
fit_line(const struct kql_array *a, uint32_t from, uint32_t to, struct line *out)
{
    double count = to - from, mean_x = (count - 1) / 2, mean_y = 0, xx = 0, xy = 0, yy = 0, y;

    for (uint32_t i = from; i < to; i++) {
        if (!kql_number_in(&a->items[i], &y))
            return false;
        mean_y += y / count;
    }
    for (uint32_t i = from; i < to; i++) {
        double x = i - from - mean_x;

        kql_number_in(&a->items[i], &y);
        xx += x * x;
        xy += x * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    out->slope = xx > 0 ? xy / xx : 0;
    out->intercept = mean_y - out->slope * mean_x;
    out->variance = count > 1 ? yy / (count - 1) : 0;
    out->residual = count > 1 ? (yy - out->slope * xy) / (count - 1) : 0;
    out->r_square = yy > 0 ? 1 - (yy - out->slope * xy) / yy : 0;
    return count > 0;
}

static void
call_series_fit_line(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_array *a = kql_array_in(&args[0]);
    struct kql_array_builder out = {.pool = call->pool}, points = {.pool = call->pool};
    struct line line;

    *result = kql_null(KQL_DYNAMIC);
    if (a == NULL || !fit_line(a, 0, a->count, &line))
        return;
    for (uint32_t i = 0; i < a->count; i++)
        kql_array_add(&points, kql_real(line.intercept + line.slope * i));
    kql_array_add(&out, kql_real(line.r_square));
    kql_array_add(&out, kql_real(line.slope));
    kql_array_add(&out, kql_real(line.variance));
    kql_array_add(&out, kql_real(line.residual));
    /* the first element stands at 1: the page's example, and series_fit_poly() with degree 1 */
    kql_array_add(&out, kql_real(line.intercept - line.slope));
    kql_array_add(&out, kql_array_finish(&points));
    *result = kql_array_finish(&out);
}

static void
call_series_fit_line_dynamic(struct kql_call *call, const struct kql_value *args,
                             struct kql_value *result)
{
    static const char *const keys[] = {"rsquare",   "slope",        "variance",
                                       "rvariance", "interception", "line_fit"};
    struct kql_bag_builder bag = {.pool = call->pool};
    struct kql_value values;

    call_series_fit_line(call, args, &values);
    *result = values;
    if (values.is_null)
        return;
    for (uint32_t i = 0; i < COUNT_OF(keys); i++)
        kql_bag_add(&bag, span_of(keys[i]), values.array->items[i], true);
    *result = kql_bag_finish(&bag);
}

/* ---- filters ---- */

static bool
reals_of(struct pool *p, const struct kql_value *v, double **out, uint32_t *count)
{
    const struct kql_array *a = kql_array_in(v);

    if (a == NULL)
        return false;
    *out = pool_take(p, (a->count + 1) * sizeof **out);
    *count = a->count;
    for (uint32_t i = 0; i < a->count; i++)
        if (!kql_number_in(&a->items[i], &(*out)[i]))
            (*out)[i] = 0;
    return true;
}

enum { FILTER_WORK_MAX = 100000000 }; /* multiplications of one filter over one series */

static void
call_series_fir(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder out = {.pool = call->pool};
    double *x, *f, sum = 0;
    uint32_t x_count, f_count, shift;
    bool normalizes, centers, has_negative = false;

    *result = kql_null(KQL_DYNAMIC);
    if (!reals_of(call->pool, &args[0], &x, &x_count) ||
        !reals_of(call->pool, &args[1], &f, &f_count))
        return;
    if ((uint64_t)x_count * f_count > FILTER_WORK_MAX)
        pool_abandon(call->pool, "series_fir: %u times %u elements are too many", x_count, f_count);
    for (uint32_t i = 0; i < f_count; i++) {
        sum += f[i];
        has_negative |= f[i] < 0;
    }
    normalizes = call->count > 2 ? kql_is_true(&args[2]) : !has_negative;
    if (normalizes && has_negative)
        return;
    centers = call->count > 3 && kql_is_true(&args[3]);
    shift = centers ? f_count / 2 : 0;
    for (uint32_t i = 0; i < x_count; i++) {
        double y = 0;

        for (uint32_t k = 0; k < f_count; k++) {
            int64_t at = (int64_t)i + shift - k;

            if (at >= 0 && at < x_count)
                y += f[k] * x[at];
        }
        kql_array_add(&out, kql_real(normalizes && sum != 0 ? y / sum : y));
    }
    *result = kql_array_finish(&out);
}

static void
call_series_iir(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder out = {.pool = call->pool};
    double *x, *b, *a, *y;
    uint32_t count, b_count, a_count;

    *result = kql_null(KQL_DYNAMIC);
    if (!reals_of(call->pool, &args[0], &x, &count) ||
        !reals_of(call->pool, &args[1], &b, &b_count) ||
        !reals_of(call->pool, &args[2], &a, &a_count) || a_count == 0 || a[0] == 0)
        return;
    if ((uint64_t)count * (a_count + (uint64_t)b_count) > FILTER_WORK_MAX)
        pool_abandon(call->pool, "series_iir: %u elements are too many for this filter", count);
    y = pool_take(call->pool, (count + 1) * sizeof *y);
    for (uint32_t i = 0; i < count; i++) {
        y[i] = 0;
        for (uint32_t k = 0; k < b_count && k <= i; k++)
            y[i] += b[k] * x[i - k];
        for (uint32_t k = 1; k < a_count && k <= i; k++)
            y[i] -= a[k] * y[i - k];
        y[i] /= a[0];
        kql_array_add(&out, kql_real(y[i]));
    }
    *result = kql_array_finish(&out);
}

#define ROW(NAME, SIGNATURE, CALL, FLAGS, DOC)                                                     \
    {                                                                                              \
        .name = (NAME), .kind = KQL_SCALAR, .flags = (FLAGS), .signature = (SIGNATURE),            \
        .call = (CALL), .doc = (DOC), .group = "series"                                            \
    }
#define PAIRS                                                                                      \
    "(series1: dynamic, series2: dynamic) -> dynamic\n"                                            \
    "(series1: dynamic, series2: number) -> dynamic\n"                                             \
    "(series1: number, series2: dynamic) -> dynamic"
#define ONE "(series: dynamic) -> dynamic"

static const char stats_tuple[] = "min: real, min_idx: long, max: real, max_idx: long, "
                                  "avg: real, stdev: real, variance: real";
static const char line_tuple[] = "rsquare: real, slope: real, variance: real, rvariance: real, "
                                 "interception: real, line_fit: dynamic";

const struct kql_function kql_functions_series[] = {
    ROW("series_add", PAIRS, call_series_add, KQL_F_TAKES_NULLS, "Sums, element by element."),
    ROW("series_subtract", PAIRS, call_series_subtract, KQL_F_TAKES_NULLS,
        "Differences, element by element."),
    ROW("series_multiply", PAIRS, call_series_multiply, KQL_F_TAKES_NULLS,
        "Products, element by element."),
    ROW("series_divide", PAIRS, call_series_divide, KQL_F_TAKES_NULLS,
        "Quotients, element by element."),
    ROW("series_pow", PAIRS, call_series_pow, KQL_F_TAKES_NULLS, "Powers, element by element."),
    ROW("series_greater", PAIRS, call_series_greater, KQL_F_TAKES_NULLS,
        "Whether greater, element by element."),
    ROW("series_greater_equals", PAIRS, call_series_greater_equals, KQL_F_TAKES_NULLS,
        "Whether greater or equal, element by element."),
    ROW("series_less", PAIRS, call_series_less, KQL_F_TAKES_NULLS,
        "Whether less, element by element."),
    ROW("series_less_equals", PAIRS, call_series_less_equals, KQL_F_TAKES_NULLS,
        "Whether less or equal, element by element."),
    ROW("series_equals", PAIRS, call_series_equals, KQL_F_TAKES_NULLS,
        "Whether equal, element by element."),
    ROW("series_not_equals", PAIRS, call_series_not_equals, KQL_F_TAKES_NULLS,
        "Whether different, element by element."),
    ROW("series_abs", ONE, call_series_abs, 0, "Each element without its sign."),
    ROW("series_acos", ONE, call_series_acos, 0, "The arc cosine of each element."),
    ROW("series_asin", ONE, call_series_asin, 0, "The arc sine of each element."),
    ROW("series_atan", ONE, call_series_atan, 0, "The arc tangent of each element."),
    ROW("series_ceiling", ONE, call_series_ceiling, 0, "Each element rounded up."),
    ROW("series_cos", ONE, call_series_cos, 0, "The cosine of each element."),
    ROW("series_exp", ONE, call_series_exp, 0, "e to the power of each element."),
    ROW("series_floor", ONE, call_series_floor, 0, "Each element rounded down."),
    ROW("series_log", ONE, call_series_log, 0, "The natural logarithm of each element."),
    ROW("series_sign", ONE, call_series_sign, 0, "-1, 0 or 1 for each element."),
    ROW("series_sin", ONE, call_series_sin, 0, "The sine of each element."),
    ROW("series_tan", ONE, call_series_tan, 0, "The tangent of each element."),
    ROW("series_sum", "(series: dynamic) -> real", call_series_sum, 0, "The sum of all elements."),
    ROW("series_product", "(series: dynamic) -> real", call_series_product, 0,
        "The product of all elements."),
    ROW("series_magnitude", "(series: dynamic) -> real", call_series_magnitude, 0,
        "The square root of the sum of squares."),
    ROW("series_dot_product",
        "(series1: dynamic, series2: dynamic) -> real\n"
        "(series1: dynamic, series2: number) -> real\n"
        "(series1: number, series2: dynamic) -> real",
        call_series_dot_product, 0, "The sum of the products of two series."),
    ROW("series_cosine_similarity",
        "(series1: dynamic, series2: dynamic, series1_magnitude?: real, series2_magnitude?: real) "
        "-> real",
        call_series_cosine_similarity, 0, "The cosine of the angle between two series."),
    ROW("series_pearson_correlation", "(series1: dynamic, series2: dynamic) -> real",
        call_series_pearson_correlation, 0, "How far two series go together, -1 to 1."),
    ROW("series_fill_forward", "(series: dynamic, missing_value_placeholder?: number) -> dynamic",
        call_series_fill_forward, KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME,
        "Gaps filled with the value before."),
    ROW("series_fill_backward", "(series: dynamic, missing_value_placeholder?: number) -> dynamic",
        call_series_fill_backward, KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME,
        "Gaps filled with the value behind."),
    ROW("series_fill_const",
        "(series: dynamic, constant_value?: number, missing_value_placeholder?: number) -> dynamic",
        call_series_fill_const, KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME,
        "Gaps filled with a constant."),
    ROW("series_fill_linear",
        "(series: dynamic, missing_value_placeholder?: number, fill_edges?: bool, constant_value?: "
        "any) -> dynamic",
        call_series_fill_linear, KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME,
        "Gaps filled along the line between their ends."),
    {.name = "series_stats",
       .kind = KQL_SCALAR,
       .signature = "(series: dynamic, ignore_nonfinite?: const bool) -> dynamic",
       .call = call_series_stats,
       .tuple = stats_tuple,
       .doc = "Least, greatest, mean and spread of a series, a column each.",
       .group = "series"},
    ROW("series_stats_dynamic", "(series: dynamic, ignore_nonfinite?: const bool) -> dynamic",
        call_series_stats_dynamic, 0, "Least, greatest, mean and spread of a series, in a bag."),
    {.name = "series_fit_line",
       .kind = KQL_SCALAR,
       .signature = "(series: dynamic) -> dynamic",
       .call = call_series_fit_line,
       .tuple = line_tuple,
       .doc = "The line of least squares through a series, a column for each of its figures.",
       .group = "series"},
    ROW("series_fit_line_dynamic", ONE, call_series_fit_line_dynamic, 0,
        "The line of least squares through a series, in a bag."),
    ROW("series_fir",
        "(series: dynamic, filter: dynamic, normalize?: bool, center?: bool) -> dynamic",
        call_series_fir, KQL_F_FIRST_NAME, "The series through a finite impulse response filter."),
    ROW("series_iir", "(series: dynamic, numerators: dynamic, denominators: dynamic) -> dynamic",
        call_series_iir, KQL_F_FIRST_NAME,
        "The series through an infinite impulse response filter."),
    {.name = NULL                                                      },
};
