/* rule_number.h - numbers of rules and documents, compared exactly: as the digits they were written
 * with, never through a double. Pure. */
#pragma once
#include "base/base.h"

/* +-0.DIGITS * 10^point; lends from the text it was read from. */
struct rule_number {
    struct span digits[2]; /* one after the other; no zero at either end */
    int64_t point;
    int sign; /* -1, 0, 1 */
};

/* [+-]digits[.digits][e[+-]digits], white space at both ends aside. Exponents count up to 2^31.
 * False: it is no number. */
MUST_CHECK bool rule_number_read(struct span text, struct rule_number *out);
/* Below, at or above 0 as a is to b. */
int rule_number_compare(const struct rule_number *a, const struct rule_number *b);
