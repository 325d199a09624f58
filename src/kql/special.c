/* special.c - incomplete beta by its continued fraction (Lentz's method, "Numerical Recipes",
 * section 6.4), inverted by bisection: slow and certain. */
#include "kql/special.h"
#include <math.h>
#include <stdbool.h>

enum { STEPS_MAX = 500, HALVINGS = 1100 /* down to the smallest double */ };

double
special_log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

static double
log_beta(double a, double b)
{
    return special_log_gamma(a) + special_log_gamma(b) - special_log_gamma(a + b);
}

static double
away_from_zero(double v)
{
    return fabs(v) < 1e-300 ? 1e-300 : v;
}

static double
continued_fraction(double x, double a, double b)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;

    for (int m = 1; m <= STEPS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;

        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return h;
}

static bool
is_distribution(double a, double b)
{
    return a > 0 && b > 0 && isfinite(a) && isfinite(b);
}

double
special_beta_cdf(double x, double a, double b)
{
    double front;

    if (!is_distribution(a, b) || !(x >= 0 && x <= 1))
        return (double)NAN;
    if (x <= 0 || x >= 1)
        return x;
    front = exp(a * log(x) + b * log1p(-x) - log_beta(a, b));
    if (x < (a + 1) / (a + b + 2))
        return front * continued_fraction(x, a, b) / a;
    return 1 - front * continued_fraction(1 - x, b, a) / b;
}

double
special_beta_density(double x, double a, double b)
{
    if (!is_distribution(a, b) || !(x >= 0 && x <= 1))
        return (double)NAN;
    if (x <= 0)
        return a < 1 ? (double)INFINITY : a > 1 ? 0 : b;
    if (x >= 1)
        return b < 1 ? (double)INFINITY : b > 1 ? 0 : a;
    return exp((a - 1) * log(x) + (b - 1) * log1p(-x) - log_beta(a, b));
}

double
special_beta_inverse(double p, double a, double b)
{
    double low = 0, high = 1;

    if (!is_distribution(a, b) || !(p >= 0 && p <= 1))
        return (double)NAN;
    if (p <= 0 || p >= 1)
        return p;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            break;
        if (special_beta_cdf(middle, a, b) < p)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}
