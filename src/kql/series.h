/* series.h - the arithmetic behind the series functions: Fourier transforms, fits, periods,
 * decomposition, outliers. Series are arrays of doubles at equal steps; NaN is a missing value.
 * Results live in the pool, long work is ended by its deadline. Pure; one thread. */
#pragma once
#include "kql/pool.h"

/* The discrete Fourier transform of any count of points, in place; the inverse is divided by the
 * count. */
void series_transform(struct pool *p, double *real, double *imaginary, size_t count,
                      bool is_inverse);

/* Sums for figures of merit: of squared distances from the mean, and from what was fitted. */
struct series_fit {
    size_t count; /* of points that both are there */
    double total, residual;
};
/* 1 - residual / total; 0 of a constant series. */
double series_r_square(const struct series_fit *f);

/* Least squares by a polynomial. coefficients: degree + 1 of them, the highest power first; fitted:
 * its values at every x. False: fewer different x than coefficients. */
enum { SERIES_DEGREE_MAX = 64 };
MUST_CHECK bool series_fit_polynomial(struct pool *p, const double *x, const double *y,
                                      size_t count, uint32_t degree, double *coefficients,
                                      double *fitted, struct series_fit *fit);

/* The best place to split a series into two lines: the index where the right one begins, each with
 * two points at least. False: fewer than four points, or one is missing. */
MUST_CHECK bool series_split(struct pool *p, const double *y, size_t count, size_t *split);

/* How well a series repeats itself every 'period' steps: 0 to 1. */
double series_period_score(struct pool *p, const double *y, size_t count, double period);
/* The best periods between min and max, by falling score; gives their number, at most 'max_count'. */
size_t series_find_periods(struct pool *p, const double *y, size_t count, double min, double max,
                           size_t max_count, double *periods, double *scores);

/* seasonal[i]: the median of the first 'learned' points that lie whole periods away; 'count' of
 * them. */
void series_seasonal(struct pool *p, const double *y, size_t learned, size_t count, size_t period,
                     double *seasonal);

enum series_trend { SERIES_TREND_AVERAGE, SERIES_TREND_LINE, SERIES_TREND_NONE };
struct series_parts {
    double *baseline, *seasonal, *trend, *residual; /* 'count' of each */
};
/* period: 0 none, below 0 the best one whose score reaches 'threshold'. The last 'test_count' points
 * are not learned from. */
void series_decompose(struct pool *p, const double *y, size_t count, int64_t period,
                      enum series_trend trend, size_t test_count, double threshold,
                      struct series_parts *out);

/* Tukey's scores by the range between two percentiles of the first 'learned' points, scaled so that
 * of normal values 1.5 means what it means between 25 and 75. 0 where a point is missing or inside
 * the range. */
void series_outlier_scores(struct pool *p, const double *y, size_t learned, size_t count,
                           double low_percent, double high_percent, double *scores);
