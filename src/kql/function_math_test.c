/* function_math_test.c - mathematical functions, bins and units. */
#include "kql/function_play.h"
#include "kql/special.h"
#include <math.h>

/* clang-format off */
static const struct play_case cases[] = {
    {"abs", {"l-5"}, "l5"},
    {"abs", {"i-2147483648"}, "l2147483648"},
    {"abs", {"r-0"}, "r0.0"},
    {"abs", {"c-1.5"}, "c1.5"},
    {"abs", {"p-1h"}, "p01:00:00"},
    {"sqrt", {"l9"}, "r3.0"},
    {"sqrt", {"c0.25"}, "r0.5"},
    {"sqrt", {"r-1"}, "rnan"},
    {"log", {"r0"}, "r-inf"},
    {"log", {"r-1"}, "nr"},
    {"log2", {"l8"}, "r3.0"},
    {"log10", {"l1000"}, "r3.0"},
    {"log10", {"r-1"}, "nr"},
    {"exp", {"l0"}, "r1.0"},
    {"exp2", {"l10"}, "r1024.0"},
    {"exp10", {"l3"}, "r1000.0"},
    {"pow", {"l2", "l-1"}, "r0.5"},
    {"pow", {"l2", "l10"}, "r1024.0"},
    {"sign", {"l-4"}, "r-1.0"},
    {"sign", {"r0"}, "r0.0"},
    {"sign", {"rnan"}, "rnan"},
    {"pi", {NULL}, "r3.141592653589793"},
    {"atan2", {"l0", "l-1"}, "r3.141592653589793"},
    {"degrees", {"r3.141592653589793"}, "r180.0"},
    {"radians", {"l180"}, "r3.141592653589793"},
    {"gamma", {"l5"}, "r24.0"},
    {"erf", {"l0"}, "r0.0"},

    {"round", {"r2.5"}, "r3.0"},
    {"round", {"r-2.5"}, "r-3.0"},
    {"round", {"r3.14159", "l2"}, "r3.14"},
    {"round", {"r1234.5", "l-2"}, "r1200.0"},
    {"round", {"r1e300", "l5"}, "r1e300"},
    {"round", {"r1e300", "l-400"}, "r0.0"},
    {"round", {"rnan", "l1"}, "rnan"},
    {"round", {"l1250", "l-2"}, "l1300"},
    {"round", {"l-1250", "l-2"}, "l-1300"},
    {"round", {"l1249", "l-2"}, "l1200"},
    {"round", {"l9223372036854775807", "l-1"}, "l9223372036854775800"},
    {"round", {"l5", "l-30"}, "l0"},
    {"round", {"i7"}, "i7"},
    {"round", {"c2.345", "l2"}, "c2.35"},
    {"ceiling", {"r1.1"}, "r2.0"},
    {"ceiling", {"r-1.1"}, "r-1.0"},
    {"ceiling", {"l0"}, "l0"},
    {"ceiling", {"c1.1"}, "c2"},

    {"bin", {"l-5", "l2"}, "l-6"},
    {"bin", {"i7", "i2"}, "l6"},
    {"bin", {"l7", "l0"}, "nl"},
    {"bin", {"l7", "l-2"}, "nl"},
    {"bin", {"l-9223372036854775808", "l7"}, "nl"},
    {"bin", {"r4.5", "l1"}, "r4.0"},
    {"bin", {"r-3.14159", "l1"}, "r-4.0"},
    {"bin", {"r1", "r0"}, "nr"},
    {"bin", {"c-4.5", "c2"}, "c-6.0"},
    {"bin", {"c1", "c0"}, "nc"},
    {"bin", {"t2007-03-09", "p30d"}, "t2007-02-14T00:00:00.0000000Z"},
    {"bin", {"t1955-11-05 06:15:00", "p7d"}, "t1955-10-31T00:00:00.0000000Z"},
    {"bin", {"p26h", "p1d"}, "p1.00:00:00"},
    {"bin", {"p-1h", "p1d"}, "p-1.00:00:00"},
    {"floor", {"l-1", "l3"}, "l-3"},
    {"bin_at", {"l13", "l10", "l11"}, "l11"},
    {"bin_at", {"r6.5", "r2.5", "l7"}, "r4.5"},
    {"bin_at", {"p1h", "p1d", "p12h"}, "p-12:00:00"},
    {"bin_at", {"t2023-03-12 07:30", "p90m", "t2023-03-12 00:07"}, "t2023-03-12T06:07:00.0000000Z"},
    {"bin_at", {"t2017-05-15 10:20", "p1d", "t1970-01-01 12:00"}, "t2017-05-14T12:00:00.0000000Z"},
    {"bin_at", {"c6.5", "c2.5", "c7"}, "c4.5"},

    {"bin_at", {"p1h", "l600000000", "p0"}, "p01:00:00"},
    {"bin_at", {"p90s", "r600000000", "p0"}, "p00:01:00"},
    {"convert_length", {"r1.2", "sMeter", "sCentimeter"}, "r120.0"},
    {"convert_length", {"r1", "sFurlong", "sMeter"}, "nr"},
    {"convert_length", {"r1", "sMeter", "sTonne"}, "nr"},
    {"convert_angle", {"r180", "sDegree", "sRadian"}, "r3.141592653589793"},
    {"convert_angle", {"r0.5", "sTilt", "sTilt"}, "r0.5"},
    {"convert_mass", {"r1", "sTonne", "sKilogram"}, "r1000.0"},
    {"convert_energy", {"r1", "sKilowattHour", "sJoule"}, "r3600000.0"},
    {"convert_force", {"r1.2", "sNewton", "sDecanewton"}, "r0.12"},
    {"convert_speed", {"r36", "sKilometerPerHour", "sMeterPerSecond"}, "r10.0"},
    {"convert_volume", {"r2", "sCubicMeter", "sLiter"}, "r2000.0"},
    {"beta_inv", {"r1.5", "l10", "l20"}, "nr"},
    {"beta_inv", {"r0.1", "l-1", "l20"}, "rnan"},
    {"rand", {"l0"}, "nr"},
    {"rand", {"l1"}, "r0.0"},
};
/* clang-format on */

static void
check_near(const char *name, double got, double expected)
{
    CHECK(fabs(got - expected) <= 1e-12 * fabs(expected), "%s: %.17g, not %.17g", name, got,
          expected);
}

int
main(void)
{
    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    check_near("beta_cdf(0.9, 10, 20)", special_beta_cdf(0.9, 10, 20), 0.999999999999959);
    check_near("beta_cdf is the binomial's tail", special_beta_cdf(0.5, 3, 4), 42.0 / 64);
    check_near("beta_inv undoes it", special_beta_inverse(special_beta_cdf(0.3, 2, 5), 2, 5), 0.3);
    check_near("beta_inv(0.1, 10, 20)", special_beta_inverse(0.1, 10, 20), 0.226415022388749);
    check_near("beta_pdf(0.5, 10, 20)", special_beta_density(0.5, 10, 20), 0.746176019310951);
    check_near("beta_pdf", special_beta_density(0.5, 2, 2), 1.5);
    CHECK(isnan(special_beta_cdf(1.5, 10, 20)) && isnan(special_beta_cdf(0.1, -1, 20)),
          "outside of the distribution");
    CHECK(special_beta_density(0, 1, 3) == 3 && special_beta_density(0, 2, 3) == 0,
          "the density at its ends");
    return test_end();
}
