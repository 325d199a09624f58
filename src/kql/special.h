/* special.h - the functions of statistics behind beta_cdf(), welch_test() and the series'
 * kin. Pure. */
#pragma once

/* The regularized incomplete beta function: the probability that a beta-distributed value is at most
 * x. NaN unless 0 <= x <= 1 and a, b > 0. */
double special_beta_cdf(double x, double a, double b);
/* Its inverse in x; NaN unless 0 <= p <= 1. */
double special_beta_inverse(double p, double a, double b);
double special_beta_density(double x, double a, double b);
/* ln of the gamma function's size; without lgamma's global sign. */
double special_log_gamma(double x);
