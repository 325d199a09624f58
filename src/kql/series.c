/* series.c - the arithmetic behind the series functions.
 *
 * Transforms: radix 2 where the count is a power of two, else Bluestein's way: the transform as a
 * convolution, of a power of two again.
 *
 * Polynomials: by polynomials that are orthogonal over the given x (Forsythe 1957), so nothing
 * ill-conditioned is solved; x is brought to [-1, 1] first, and the powers of the user's x are
 * computed only for the coefficients.
 *
 * Periods: r(k), the autocorrelation at lag k with each product weighted by how many pairs there
 * are, must have a hill at the period: no larger value a quarter of the period to either side, and a
 * full step left within half of the series. The score is the smaller of r at the period and at twice
 * the period, as far as that lies in the first half: what repeats itself does so more than once. A
 * multiple of another period counts only when it is clearly better than that. (The service does not
 * say how it scores; this agrees with the examples of its manual.)
 *
 * Decomposition: as the manual describes: the medians of each phase, then a mean or a line through
 * what is left. A period that is not found in a rising or falling series is looked for again
 * without its line.
 *
 * Outliers: percentiles are interpolated. Between the 10th and 90th the service multiplies by
 * 2.7726056; a normal distribution's quantiles would give 2.714. Tukey's lambda distribution gives
 * the service's number with the lambda below, so its quantiles are used for every pair of
 * percentiles. */
#include "kql/series.h"
#include <math.h>
#include <stdlib.h>

static double *
doubles(struct pool *p, size_t count)
{
    return pool_zeroed(p, count + 1, sizeof(double));
}

static long double *
long_doubles(struct pool *p, size_t count)
{
    char *at = pool_zeroed(p, count + 1, sizeof(long double)); /* on 8 bytes; these want 16 */

    return (long double *)(void *)(at + ((0 - (uintptr_t)at) & (sizeof(long double) - 1)));
}

/* ---- Fourier ---- */

static void
transform_power_of_two(struct pool *p, double *re, double *im, size_t count, double sign)
{
    for (size_t i = 1, k = 0; i < count; i++) { /* in the order of reversed bits */
        size_t bit = count >> 1;

        for (; k & bit; bit >>= 1)
            k ^= bit;
        k ^= bit;
        if (i < k) {
            double r = re[i], m = im[i];

            re[i] = re[k], im[i] = im[k];
            re[k] = r, im[k] = m;
        }
    }
    for (size_t half = 1; half < count; half *= 2) {
        double *cosines = doubles(p, half), *sines = doubles(p, half);

        pool_check(p);
        for (size_t k = 0; k < half; k++) {
            cosines[k] = cos(M_PI * (double)k / (double)half);
            sines[k] = sign * sin(M_PI * (double)k / (double)half);
        }
        for (size_t i = 0; i < count; i += 2 * half)
            for (size_t k = 0; k < half; k++) {
                size_t a = i + k, b = a + half;
                double r = re[b] * cosines[k] - im[b] * sines[k];
                double m = re[b] * sines[k] + im[b] * cosines[k];

                re[b] = re[a] - r, im[b] = im[a] - m;
                re[a] += r, im[a] += m;
            }
    }
}

static void /* a = a * b, circular, of a power of two */
convolve(struct pool *p, double *a_re, double *a_im, double *b_re, double *b_im, size_t count)
{
    transform_power_of_two(p, a_re, a_im, count, -1);
    transform_power_of_two(p, b_re, b_im, count, -1);
    for (size_t i = 0; i < count; i++) {
        double re = a_re[i] * b_re[i] - a_im[i] * b_im[i];

        a_im[i] = (a_re[i] * b_im[i] + a_im[i] * b_re[i]) / (double)count;
        a_re[i] = re / (double)count;
    }
    transform_power_of_two(p, a_re, a_im, count, 1);
}

static size_t
power_of_two(size_t at_least)
{
    size_t size = 1;

    while (size < at_least)
        size *= 2;
    return size;
}

static void
transform_any(struct pool *p, double *re, double *im, size_t count, double sign)
{
    size_t size = power_of_two(2 * count);
    double *a_re = doubles(p, size), *a_im = doubles(p, size);
    double *b_re = doubles(p, size), *b_im = doubles(p, size);
    double *cosines = doubles(p, count), *sines = doubles(p, count);

    for (size_t i = 0; i < count; i++) {
        double angle = M_PI * (double)((uint64_t)i * i % (2 * count)) / (double)count;

        cosines[i] = cos(angle);
        sines[i] = sign * sin(angle);
        a_re[i] = re[i] * cosines[i] - im[i] * sines[i];
        a_im[i] = re[i] * sines[i] + im[i] * cosines[i];
        b_re[i] = cosines[i];
        b_im[i] = -sines[i];
        if (i > 0) {
            b_re[size - i] = b_re[i];
            b_im[size - i] = b_im[i];
        }
    }
    convolve(p, a_re, a_im, b_re, b_im, size);
    for (size_t i = 0; i < count; i++) {
        re[i] = a_re[i] * cosines[i] - a_im[i] * sines[i];
        im[i] = a_re[i] * sines[i] + a_im[i] * cosines[i];
    }
}

void
series_transform(struct pool *p, double *real, double *imaginary, size_t count, bool is_inverse)
{
    double sign = is_inverse ? 1 : -1;

    if (count < 2)
        return;
    if ((count & (count - 1)) == 0)
        transform_power_of_two(p, real, imaginary, count, sign);
    else
        transform_any(p, real, imaginary, count, sign);
    for (size_t i = 0; i < count && is_inverse; i++) {
        real[i] /= (double)count;
        imaginary[i] /= (double)count;
    }
}

/* ---- fits ---- */

double
series_r_square(const struct series_fit *f)
{
    return f->total > 0 ? 1 - f->residual / f->total : 0;
}

struct orthogonal { /* over the points that are there */
    size_t count;
    const double *t; /* in [-1, 1] */
    double *now, *before;
};

static double /* sum of now * v */
project(const struct orthogonal *o, const double *v)
{
    double sum = 0;

    for (size_t i = 0; i < o->count; i++)
        sum += o->now[i] * v[i];
    return sum;
}

/* The coefficients of t into those of x = center + half * t, lowest first. */
static void
unscale(long double *c, uint32_t count, double center, double half)
{
    long double power = 1;

    for (uint32_t k = 0; k < count; k++, power *= half)
        c[k] /= power;
    for (uint32_t i = 0; i + 1 < count; i++) /* Taylor's shift by Horner's scheme */
        for (uint32_t k = count - 1; k > i; k--)
            c[k - 1] -= c[k] * (long double)center;
}

static void
fit_orthogonal(struct pool *p, struct orthogonal *o, const double *y, uint32_t degree,
               long double *powers, double *fitted)
{
    long double *now = long_doubles(p, degree + 2);
    long double *before = long_doubles(p, degree + 2);
    long double *next = long_doubles(p, degree + 2), *spare;
    double *left = doubles(p, o->count), norm_before = 1;

    memcpy(left, y, o->count * sizeof *left);
    for (size_t i = 0; i < o->count; i++)
        o->now[i] = 1;
    now[0] = 1;
    for (uint32_t k = 0; k <= degree; k++) {
        double norm = project(o, o->now), weight, a = 0, b;

        pool_check(p);
        if (!(norm > 0))
            return;
        weight = project(o, left) / norm; /* of what is left: rounding errors do not add up */
        for (size_t i = 0; i < o->count; i++) {
            left[i] -= weight * o->now[i];
            fitted[i] += weight * o->now[i];
            a += o->t[i] * o->now[i] * o->now[i];
        }
        for (uint32_t c = 0; c <= k; c++)
            powers[c] += weight * now[c];
        a /= norm;
        b = k == 0 ? 0 : norm / norm_before;
        norm_before = norm;
        for (size_t i = 0; i < o->count; i++) {
            double value = (o->t[i] - a) * o->now[i] - b * o->before[i];

            o->before[i] = o->now[i];
            o->now[i] = value;
        }
        for (uint32_t c = 0; c <= k + 1; c++)
            next[c] = (c > 0 ? now[c - 1] : 0) - a * now[c] - b * before[c];
        spare = before;
        before = now;
        now = next;
        next = spare;
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static size_t
count_different(struct pool *p, const double *x, size_t count)
{
    double *sorted = doubles(p, count);
    size_t different = count > 0;

    memcpy(sorted, x, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    for (size_t i = 1; i < count; i++)
        different += sorted[i] != sorted[i - 1];
    return different;
}

static void
merit_of(const double *y, const double *fitted, size_t count, struct series_fit *fit)
{
    double mean = 0;

    *fit = (struct series_fit){.count = count};
    for (size_t i = 0; i < count; i++)
        mean += y[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        fit->total += (y[i] - mean) * (y[i] - mean);
        fit->residual += (y[i] - fitted[i]) * (y[i] - fitted[i]);
    }
}

bool
series_fit_polynomial(struct pool *p, const double *x, const double *y, size_t count,
                      uint32_t degree, double *coefficients, double *fitted, struct series_fit *fit)
{
    double *there_x = doubles(p, count), *there_y = doubles(p, count), *t = doubles(p, count);
    double *values = doubles(p, count), low = INFINITY, high = -INFINITY, center, half;
    long double *powers = long_doubles(p, degree + 1);
    struct orthogonal o = {0, t, doubles(p, count), doubles(p, count)};
    size_t k = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i]))
            continue;
        there_x[o.count] = x[i];
        there_y[o.count++] = y[i];
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    if (count_different(p, there_x, o.count) <= degree)
        return false;
    center = low + (high - low) / 2;
    half = high > low ? (high - low) / 2 : 1;
    for (size_t i = 0; i < o.count; i++)
        t[i] = (there_x[i] - center) / half;
    fit_orthogonal(p, &o, there_y, degree, powers, values);
    merit_of(there_y, values, o.count, fit);
    unscale(powers, degree + 1, center, half);
    for (uint32_t c = 0; c <= degree; c++)
        coefficients[c] = (double)powers[degree - c];
    for (size_t i = 0; i < count; i++)
        fitted[i] = isfinite(x[i]) && isfinite(y[i]) ? values[k++] : NAN;
    return true;
}

struct running {             /* sums over points that were added one by one */
    double count, y, yy, xy; /* y and x from some middle, so that little is lost */
};

/* What a line leaves of the points at first, first + 1 ... */
static double
line_residual(const struct running *r, double first)
{
    double n = r->count, mean_x = first + (n - 1) / 2, xx = n * (n * n - 1) / 12;
    double xy = r->xy - mean_x * r->y, yy = r->yy - r->y * r->y / n;

    return xx > 0 ? yy - xy * xy / xx : yy;
}

bool
series_split(struct pool *p, const double *y, size_t count, size_t *split)
{
    struct running left = {0}, right = {0};
    double mean = 0, middle = ((double)count - 1) / 2, best = INFINITY;

    if (count < 4)
        return false;
    for (size_t i = 0; i < count; i++)
        mean += y[i] / (double)count;
    if (!isfinite(mean))
        return false;
    for (size_t i = 0; i < count; i++) {
        double v = y[i] - mean, x = (double)i - middle;

        right = (struct running){right.count + 1, right.y + v, right.yy + v * v, right.xy + x * v};
    }
    for (size_t i = 0; i + 2 < count; i++) {
        double v = y[i] - mean, x = (double)i - middle, residual;

        left = (struct running){left.count + 1, left.y + v, left.yy + v * v, left.xy + x * v};
        right = (struct running){right.count - 1, right.y - v, right.yy - v * v, right.xy - x * v};
        if (i < 1)
            continue;
        residual = line_residual(&left, -middle) + line_residual(&right, x + 1);
        if (residual < best) {
            best = residual;
            *split = i + 1;
        }
    }
    pool_check(p);
    return true;
}

/* ---- periods ---- */

enum { PERIOD_MIN = 4, CANDIDATES_MAX = 2000 };
static const double multiple_gain =
    0.95; /* a multiple is left out unless better than this allows */

/* r(0) to r(count / 2); NULL: a constant series. Missing points count as the mean. */
static double *
autocorrelation(struct pool *p, const double *y, size_t count)
{
    size_t size = power_of_two(2 * count), there = 0;
    double *re = doubles(p, size), *im = doubles(p, size), mean = 0, whole;

    for (size_t i = 0; i < count; i++)
        there += isfinite(y[i]) ? 1 : 0;
    for (size_t i = 0; i < count; i++)
        mean += isfinite(y[i]) ? y[i] / (double)there : 0;
    for (size_t i = 0; i < count; i++)
        re[i] = isfinite(y[i]) ? y[i] - mean : 0;
    series_transform(p, re, im, size, false);
    for (size_t i = 0; i < size; i++) {
        re[i] = re[i] * re[i] + im[i] * im[i];
        im[i] = 0;
    }
    series_transform(p, re, im, size, true);
    whole = re[0];
    if (!(whole > 1e-20 * (double)count * mean * mean) || !(whole > 0))
        return NULL;
    for (size_t k = 0; k <= count / 2; k++)
        re[k] *= (double)count / (whole * (double)(count - k));
    return re;
}

static double
hill_score(const double *r, size_t count, size_t period)
{
    size_t half = count / 2, to_side = period / 4 > 2 ? period / 4 : 2;
    double score = r[period];

    if (period < PERIOD_MIN || period + 1 > half || r[period - 1] > score || r[period + 1] > score)
        return 0; /* most end here, before the longer look */
    for (size_t k = period - to_side; k <= period + to_side && k <= half; k++)
        if (r[k] > score)
            return 0;
    if (2 * period <= half && r[2 * period] < score)
        score = r[2 * period];
    return score < 0 ? 0 : score > 1 ? 1 : score;
}

double
series_period_score(struct pool *p, const double *y, size_t count, double period)
{
    double *r = autocorrelation(p, y, count);

    if (r == NULL || !(period >= (double)PERIOD_MIN) || !(period <= (double)(count / 2)))
        return 0;
    return hill_score(r, count, (size_t)llround(period));
}

struct candidate {
    size_t period;
    double score;
};

static int /* the best first, of equal ones the shortest */
compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->period < y->period ? -1 : x->period > y->period;
}

static bool
is_multiple(const double *hills, const struct candidate *c)
{
    for (size_t times = 2; c->period / times >= PERIOD_MIN; times++)
        for (size_t part = c->period / times; part <= (c->period + times - 1) / times; part++)
            if (hills[part] > 0 && hills[part] >= multiple_gain * c->score)
                return true;
    return false;
}

size_t
series_find_periods(struct pool *p, const double *y, size_t count, double min, double max,
                    size_t max_count, double *periods, double *scores)
{
    double *r = autocorrelation(p, y, count), *hills = doubles(p, count / 2 + 1);
    struct candidate *candidates = pool_take(p, (count / 2 + 1) * sizeof *candidates);
    size_t found = 0, candidate_count = 0;

    if (r == NULL)
        return 0;
    for (size_t k = PERIOD_MIN; k <= count / 2; k++) {
        hills[k] = hill_score(r, count, k);
        if (k % 1024 == 0)
            pool_check(p);
        if (hills[k] > 0 && (double)k >= min && (double)k <= max)
            candidates[candidate_count++] = (struct candidate){k, hills[k]};
    }
    if (candidate_count > 0)
        qsort(candidates, candidate_count, sizeof *candidates, compare_candidates);
    for (size_t i = 0; i < candidate_count && i < CANDIDATES_MAX && found < max_count; i++) {
        bool is_new = !is_multiple(hills, &candidates[i]);

        for (size_t k = 0; k < found && is_new; k++)
            is_new = candidates[i].period % (size_t)periods[k] != 0;
        if (!is_new)
            continue;
        periods[found] = (double)candidates[i].period;
        scores[found++] = candidates[i].score;
    }
    return found;
}

/* ---- decomposition ---- */

static double
median_of(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void
series_seasonal(struct pool *p, const double *y, size_t learned, size_t count, size_t period,
                double *seasonal)
{
    double *phase = doubles(p, learned);

    for (size_t i = 0; i < count; i++)
        seasonal[i] = i >= period && period > 0 ? seasonal[i - period] : 0;
    for (size_t i = 0; i < period && i < learned; i++) {
        size_t there = 0;
        double median;

        for (size_t k = i; k < learned; k += period)
            if (isfinite(y[k]))
                phase[there++] = y[k];
        median = median_of(phase, there);
        for (size_t k = i; k < count; k += period)
            seasonal[k] = median;
    }
}

struct trend_line {
    double intercept, slope, mean;
};

/* The line through y - minus (NULL: 0) at 0, 1 ... */
static struct trend_line
fit_trend(const double *y, const double *minus, size_t learned)
{
    double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0, slope;

    for (size_t i = 0; i < learned; i++) {
        double v = y[i] - (minus != NULL ? minus[i] : 0);

        if (!isfinite(v))
            continue;
        n++;
        mean_x += ((double)i - mean_x) / n;
        mean_y += (v - mean_y) / n;
    }
    for (size_t i = 0; i < learned; i++) {
        double v = y[i] - (minus != NULL ? minus[i] : 0), x = (double)i - mean_x;

        if (!isfinite(v))
            continue;
        xx += x * x;
        xy += x * (v - mean_y);
    }
    slope = xx > 0 ? xy / xx : 0;
    return (struct trend_line){mean_y - slope * mean_x, slope, mean_y};
}

static size_t
choose_period(struct pool *p, const double *y, size_t learned, double threshold)
{
    double period, score, *level;
    struct trend_line line;

    if (series_find_periods(p, y, learned, 0, (double)learned, 1, &period, &score) == 1 &&
        score >= threshold)
        return (size_t)period;
    level = doubles(p, learned);
    line = fit_trend(y, NULL, learned);
    for (size_t i = 0; i < learned; i++)
        level[i] = y[i] - line.slope * (double)i;
    return series_find_periods(p, level, learned, 0, (double)learned, 1, &period, &score) == 1 &&
                   score >= threshold
               ? (size_t)period
               : 0;
}

void
series_decompose(struct pool *p, const double *y, size_t count, int64_t period,
                 enum series_trend trend, size_t test_count, double threshold,
                 struct series_parts *out)
{
    size_t learned = test_count < count ? count - test_count : 0, steps = (size_t)period;
    struct trend_line line;

    *out = (struct series_parts){doubles(p, count), doubles(p, count), doubles(p, count),
                                 doubles(p, count)};
    if (period < 0)
        steps = choose_period(p, y, learned, threshold);
    if (steps > 0)
        series_seasonal(p, y, learned, count, steps, out->seasonal);
    line = fit_trend(y, out->seasonal, learned);
    for (size_t i = 0; i < count; i++) {
        out->trend[i] = trend == SERIES_TREND_LINE      ? line.intercept + line.slope * (double)i
                        : trend == SERIES_TREND_AVERAGE ? line.mean
                                                        : 0;
        out->baseline[i] = out->seasonal[i] + out->trend[i];
        out->residual[i] = y[i] - out->baseline[i];
    }
}

/* ---- outliers ---- */

static double /* of 'count' > 0 sorted values, interpolated */
percentile_of(const double *sorted, size_t count, double percent)
{
    double place = percent / 100 * (double)(count - 1);
    size_t low = (size_t)place;

    if (low + 1 >= count)
        return sorted[count - 1];
    return sorted[low] + (sorted[low + 1] - sorted[low]) * (place - (double)low);
}

static double
normal_quantile(double percent)
{
    static const double lambda = 0.1149384082491489;
    double q = percent / 100;

    return (pow(q, lambda) - pow(1 - q, lambda)) / lambda;
}

void
series_outlier_scores(struct pool *p, const double *y, size_t learned, size_t count,
                      double low_percent, double high_percent, double *scores)
{
    double *sorted = doubles(p, learned), low, high, to_low, to_high;
    double fence = 4 * normal_quantile(75), z_low = normal_quantile(low_percent),
           z_high = normal_quantile(high_percent);
    size_t there = 0;

    for (size_t i = 0; i < learned; i++)
        if (isfinite(y[i]))
            sorted[there++] = y[i];
    memset(scores, 0, count * sizeof *scores);
    if (there == 0)
        return;
    qsort(sorted, there, sizeof *sorted, compare_doubles);
    low = percentile_of(sorted, there, low_percent);
    high = percentile_of(sorted, there, high_percent);
    to_high = 1.5 * (z_high - z_low) / (fence - z_high);
    to_low = 1.5 * (z_high - z_low) / (fence + z_low);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(y[i]))
            continue;
        if (y[i] > high)
            scores[i] = (y[i] - high) / (high - low) * to_high;
        else if (y[i] < low)
            scores[i] = (y[i] - low) / (high - low) * to_low;
    }
}
