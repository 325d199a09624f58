/* function_math.c - the rows of the function table for math: roots, logarithms, angles, rounding,
 * bins, chance, distributions, units.
 *
 * Numbers outside of a function's domain give NaN or an infinity as the C library has it, but the
 * logarithm of a negative number is null (design facts, section 3). */
#include "kql/decimal.h"
#include "kql/function.h"
#include "kql/random.h"
#include "kql/special.h"
#include "kql/unit.h"
#include <math.h>

/* ---- of one number ---- */

#define OF_ONE(name, expression)                                                                   \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        double x = kql_real_in(&args[0]);                                                          \
                                                                                                   \
        (void)call;                                                                                \
        *result = kql_real(expression);                                                            \
    }

OF_ONE(arc_cosine, acos(x))
OF_ONE(arc_sine, asin(x))
OF_ONE(arc_tangent, atan(x))
OF_ONE(cosine, cos(x))
OF_ONE(sine, sin(x))
OF_ONE(tangent, tan(x))
OF_ONE(cotangent, 1 / tan(x))
OF_ONE(degrees, x * 180 / M_PI)
OF_ONE(radians, x *M_PI / 180)
OF_ONE(exponential, exp(x))
OF_ONE(exponential2, exp2(x))
OF_ONE(exponential10, pow(10, x))
OF_ONE(square_root, sqrt(x))
OF_ONE(gamma_of, tgamma(x))
OF_ONE(log_gamma, special_log_gamma(x))
OF_ONE(error_function, erf(x))
OF_ONE(error_complement, erfc(x))
OF_ONE(sign_of, isnan(x) ? x : (x > 0) - (x < 0))

#define LOGARITHM(name, expression)                                                                \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        double x = kql_real_in(&args[0]);                                                          \
                                                                                                   \
        (void)call;                                                                                \
        *result = x < 0 ? kql_null(KQL_REAL) : kql_real(expression);                               \
    }

LOGARITHM(natural_log, log(x))
LOGARITHM(log_2, log2(x))
LOGARITHM(log_10, log10(x))

/* ---- of several ---- */

static void
arc_tangent2(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_real(atan2(kql_real_in(&args[0]), kql_real_in(&args[1])));
}

static void
power(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_real(pow(kql_real_in(&args[0]), kql_real_in(&args[1])));
}

static void
pi(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    (void)args;
    *result = kql_real(M_PI);
}

static void
beta_cdf(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_real(
        special_beta_cdf(kql_real_in(&args[0]), kql_real_in(&args[1]), kql_real_in(&args[2])));
}

static void
beta_inverse(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    double p = kql_real_in(&args[0]);

    (void)call;
    if (p < 0 || p > 1) /* null, unlike the others: the function's page, its example */
        *result = kql_null(KQL_REAL);
    else
        *result = kql_real(special_beta_inverse(p, kql_real_in(&args[1]), kql_real_in(&args[2])));
}

static void
beta_density(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_real(
        special_beta_density(kql_real_in(&args[0]), kql_real_in(&args[1]), kql_real_in(&args[2])));
}

/* The two-sided p-value of Welch's t-test: mean, variance, count of each sample. */
static void
welch_test(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    double v[6], a, b, t, freedom;

    (void)call;
    for (int i = 0; i < 6; i++)
        v[i] = kql_real_in(&args[i]);
    a = v[1] / v[2];
    b = v[4] / v[5];
    t = (v[0] - v[3]) / sqrt(a + b);
    freedom = (a + b) * (a + b) / (a * a / (v[2] - 1) + b * b / (v[5] - 1));
    *result = kql_real(special_beta_cdf(freedom / (freedom + t * t), freedom / 2, 0.5));
}

/* rand(): from 0 to 1; rand(n): a whole number from 0 to n - 1. */
static void
chance(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    if (call->random == NULL || (call->count > 0 && args[0].i <= 0)) {
        *result = kql_null(KQL_REAL);
        return;
    }
    *result = kql_real(kql_random_real(call->random));
    if (call->count > 0)
        result->r = floor(result->r * (double)args[0].i);
}

/* ---- size and rounding ---- */

static struct kql_value
decimal_value(struct kql_call *call, bool is_there, const struct kql_decimal *d)
{
    struct kql_decimal *kept;

    if (!is_there)
        return kql_null(KQL_DECIMAL);
    kept = pool_take(call->pool, sizeof *kept);
    *kept = *d;
    return (struct kql_value){.type = KQL_DECIMAL, .decimal = kept};
}

static void
absolute(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_decimal d;

    *result = args[0];
    switch (args[0].type) {
    case KQL_REAL:
        result->r = fabs(args[0].r);
        break;
    case KQL_DECIMAL:
        d = *args[0].decimal;
        d.is_negative = false;
        *result = decimal_value(call, true, &d);
        break;
    default:
        if (args[0].i < 0)
            result->i = (int64_t)(0 - (uint64_t)args[0].i);
    }
}

static void
ceiling(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_decimal d;

    *result = args[0];
    if (args[0].type == KQL_REAL)
        result->r = ceil(args[0].r);
    else if (args[0].type == KQL_DECIMAL)
        *result = decimal_value(call, kql_decimal_round(args[0].decimal, 0, KQL_ROUND_UP, &d), &d);
}

/* Halves go away from zero. */
static double
round_real(double x, int64_t digits)
{
    double scale;

    if (digits == 0)
        return round(x);
    if (digits > 22 || !isfinite(x))
        return x;
    if (digits < -308)
        return 0;
    scale = pow(10, (double)(digits < 0 ? -digits : digits));
    if (digits < 0)
        return round(x / scale) * scale;
    if (fabs(x) >= 0x1p52) /* has no fraction */
        return x;
    return round(x * scale) / scale;
}

static int64_t
round_long(int64_t x, int64_t digits)
{
    int64_t unit = 1, rest, next;

    if (digits >= 0)
        return x;
    if (digits < -18)
        return 0;
    while (digits++ < 0)
        unit *= 10;
    rest = x % unit;
    x -= rest;
    if (rest >= unit - rest && !__builtin_add_overflow(x, unit, &next))
        return next;
    if (rest <= -unit - rest && !__builtin_sub_overflow(x, unit, &next))
        return next;
    return x;
}

static void
round_number(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t digits = call->count > 1 ? args[1].i : 0;
    struct kql_decimal d;

    *result = args[0];
    if (args[0].type == KQL_REAL)
        result->r = round_real(args[0].r, digits);
    else if (args[0].type != KQL_DECIMAL)
        result->i = round_long(args[0].i, digits);
    else if (digits < KQL_DECIMAL_SCALE_MAX)
        *result =
            decimal_value(call,
                          kql_decimal_round(args[0].decimal, digits < -100 ? -100 : (int)digits,
                                            KQL_ROUND_AWAY, &d),
                          &d);
}

/* ---- bins: fixed + floor((x - fixed) / size) * size; a size that is not positive gives null ---- */

__extension__ typedef __int128 wide;

static void
bin_whole(enum kql_type type, int64_t x, int64_t size, int64_t fixed, struct kql_value *result)
{
    wide offset = (wide)x - fixed, rest, start;

    if (size <= 0)
        return;
    rest = offset % size;
    start = (wide)x - (rest < 0 ? rest + size : rest);
    if (type == KQL_DATETIME ? start >= 0 && start <= KQL_DATETIME_MAX
                             : start >= INT64_MIN && start <= INT64_MAX)
        *result = kql_integer(type, (int64_t)start);
}

static void
bin_real(double x, double size, double fixed, struct kql_value *result)
{
    if (size > 0)
        *result = kql_real(floor((x - fixed) / size) * size + fixed);
}

static void
bin_decimal(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_decimal zero = {0}, offset, rest, start;
    const struct kql_decimal *x = args[0].decimal, *size = args[1].decimal,
                             *fixed = call->count > 2 ? args[2].decimal : &zero;

    if (size->is_negative || kql_decimal_is_zero(size))
        return;
    *result = decimal_value(call,
                            kql_decimal_subtract(x, fixed, &offset) &&
                                kql_decimal_modulo(&offset, size, &rest) &&
                                kql_decimal_subtract(x, &rest, &start),
                            &start);
}

static void
bin(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool has_fixed = call->count > 2;

    *result = kql_null((enum kql_type)call->result_type);
    if (args[0].type == KQL_DECIMAL) {
        bin_decimal(call, args, result);
    } else if (args[0].type == KQL_REAL) {
        bin_real(args[0].r, args[1].r, has_fixed ? args[2].r : 0, result);
    } else { /* a number beside a time counts ticks */
        struct kql_value size =
            kql_convert(call->pool, (enum kql_type)args[1].type, &args[1], KQL_LONG);

        if (!size.is_null)
            bin_whole((enum kql_type)args[0].type, args[0].i, size.i, has_fixed ? args[2].i : 0,
                      result);
    }
}

/* The binder makes bin() or bin_at() of it, with what the query has set. */
static void
bin_auto(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)args;
    *result = kql_null((enum kql_type)call->result_type);
}

/* ---- units ---- */

#define UNIT(name, kind)                                                                           \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        double r;                                                                                  \
                                                                                                   \
        (void)call;                                                                                \
        if (unit_convert(kind, args[0].r, kql_text(&args[1]), kql_text(&args[2]), &r))             \
            *result = kql_real(r);                                                                 \
        else                                                                                       \
            *result = kql_null(KQL_REAL);                                                          \
    }

UNIT(convert_angle, UNIT_ANGLE)
UNIT(convert_energy, UNIT_ENERGY)
UNIT(convert_force, UNIT_FORCE)
UNIT(convert_length, UNIT_LENGTH)
UNIT(convert_mass, UNIT_MASS)
UNIT(convert_speed, UNIT_SPEED)
UNIT(convert_temperature, UNIT_TEMPERATURE)
UNIT(convert_volume, UNIT_VOLUME)

/* ---- the table ---- */

#define MATH(spelled, more_flags, types, hook, line)                                               \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = more_flags, .signature = types,              \
        .call = hook, .doc = line, .group = "math"                                                 \
    }
#define NUMBER "(number: number) -> real"
#define SAME_NUMBER(more)                                                                          \
    "(number: long" more ") -> long\n(number: int" more ") -> int\n"                               \
    "(number: real" more ") -> real\n(number: decimal" more ") -> decimal"
#define BINS                                                                                       \
    "(value: long, roundTo: long) -> long\n(value: real, roundTo: real) -> real\n"                 \
    "(value: decimal, roundTo: decimal) -> decimal\n"                                              \
    "(value: timespan, roundTo: timespan) -> timespan\n"                                           \
    "(value: datetime, roundTo: timespan) -> datetime\n"                                           \
    "(value: datetime, roundTo: datetime) -> datetime"
#define FIRST KQL_F_FIRST_NAME
#define AZURE KQL_F_TRANSFORM

/* clang-format off */
const struct kql_function kql_functions_math[] = {
    MATH("abs", FIRST | AZURE,
         "(number: long) -> long\n(number: real) -> real\n(number: decimal) -> decimal\n"
         "(number: timespan) -> timespan",
         absolute, "The number or timespan without its sign."),
    MATH("acos", FIRST, NUMBER, arc_cosine, "The angle with that cosine, in radians."),
    MATH("asin", FIRST, NUMBER, arc_sine, "The angle with that sine, in radians."),
    MATH("atan", FIRST, NUMBER, arc_tangent, "The angle with that tangent, in radians."),
    MATH("atan2", FIRST, "(y: number, x: number) -> real", arc_tangent2,
         "The angle of the point (x, y), in radians."),
    MATH("cos", FIRST, NUMBER, cosine, "The cosine of an angle in radians."),
    MATH("cot", 0, NUMBER, cotangent, "The cotangent of an angle in radians."),
    MATH("sin", FIRST, NUMBER, sine, "The sine of an angle in radians."),
    MATH("tan", FIRST, NUMBER, tangent, "The tangent of an angle in radians."),
    MATH("degrees", 0, "(radians: number) -> real", degrees, "An angle in radians as degrees."),
    MATH("radians", 0, "(degrees: number) -> real", radians, "An angle in degrees as radians."),
    MATH("pi", 0, "() -> real", pi, "The circumference of a circle of diameter 1."),
    MATH("exp", FIRST | AZURE, NUMBER, exponential, "e to the power of the number."),
    MATH("exp2", FIRST | AZURE, NUMBER, exponential2, "2 to the power of the number."),
    MATH("exp10", FIRST | AZURE, NUMBER, exponential10, "10 to the power of the number."),
    MATH("log", FIRST | AZURE, NUMBER, natural_log,
         "The natural logarithm; null of a negative number."),
    MATH("log2", FIRST | AZURE, NUMBER, log_2, "The logarithm to base 2."),
    MATH("log10", FIRST | AZURE, NUMBER, log_10, "The logarithm to base 10."),
    MATH("pow", FIRST | AZURE, "(base: number, exponent: number) -> real", power,
         "The base to the power of the exponent."),
    MATH("sqrt", FIRST, NUMBER, square_root, "The square root."),
    MATH("sign", AZURE, NUMBER, sign_of, "-1, 0 or 1: which side of zero the number lies."),
    MATH("gamma", FIRST, NUMBER, gamma_of, "The gamma function."),
    MATH("loggamma", FIRST, NUMBER, log_gamma, "The logarithm of the gamma function's size."),
    MATH("erf", FIRST, NUMBER, error_function, "The error function."),
    MATH("erfc", FIRST, NUMBER, error_complement, "1 less the error function."),
    MATH("beta_cdf", 0, "(x: number, alpha: number, beta: number) -> real", beta_cdf,
         "The beta distribution's probability of at most x."),
    MATH("beta_inv", 0, "(probability: number, alpha: number, beta: number) -> real", beta_inverse,
         "The x at which beta_cdf() has that probability."),
    MATH("beta_pdf", 0, "(x: number, alpha: number, beta: number) -> real", beta_density,
         "The beta distribution's density at x."),
    MATH("welch_test", 0,
         "(mean1: number, variance1: number, count1: number, mean2: number, variance2: number, "
         "count2: number) -> real",
         welch_test, "The p-value of Welch's t-test of two samples' means."),
    MATH("rand", FIRST | KQL_F_VOLATILE, "(number?: long) -> real", chance,
         "A random number from 0 to 1, or a whole one from 0 to number - 1."),
    MATH("round", FIRST | AZURE, SAME_NUMBER(", precision?: const long"), round_number,
         "The number rounded to so many digits behind the point, halves away from zero."),
    MATH("ceiling", FIRST | AZURE, SAME_NUMBER(""), ceiling,
         "The smallest whole number that is not less."),
    MATH("bin", FIRST | AZURE, BINS, bin,
         "The value rounded down to a multiple of roundTo; of datetimes counted from year 1."),
    MATH("floor", FIRST | AZURE, BINS, bin, "The same as bin()."),
    MATH("bin_at", FIRST,
         "(value: long, bin_size: long, fixed_point: long) -> long\n"
         "(value: real, bin_size: real, fixed_point: real) -> real\n"
         "(value: decimal, bin_size: decimal, fixed_point: decimal) -> decimal\n"
         "(value: timespan, bin_size: timespan, fixed_point: timespan) -> timespan\n"
         "(value: datetime, bin_size: timespan, fixed_point: datetime) -> datetime\n"
         "(value: timespan, bin_size: number, fixed_point: timespan) -> timespan\n"
         "(value: datetime, bin_size: summable, fixed_point: datetime) -> datetime",
         bin, "The value rounded down to a multiple of bin_size away from fixed_point."),
    MATH("bin_auto", FIRST, "(value: summable) -> = 1", bin_auto,
         "bin_at() with the size and the fixed point that 'set query_bin_auto_size=...' and "
         "'set query_bin_auto_at=...' give."),
#define CONVERT(what, hook)                                                                        \
    MATH("convert_" what, 0, "(value: real, from: string, to: string) -> real", hook,              \
         "A " what " in another unit; null where there is no such unit.")
    CONVERT("angle", convert_angle),
    CONVERT("energy", convert_energy),
    CONVERT("force", convert_force),
    CONVERT("length", convert_length),
    CONVERT("mass", convert_mass),
    CONVERT("speed", convert_speed),
    CONVERT("temperature", convert_temperature),
    CONVERT("volume", convert_volume),
    {.name = NULL},
};
/* clang-format on */
