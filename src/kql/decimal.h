/* decimal.h - what decimal arithmetic (declared in value.h) has beside it for functions. Pure. */
#pragma once
#include "kql/value.h"

enum { KQL_DECIMAL_DIGITS = 34, KQL_DECIMAL_SCALE_MAX = 34 };

/* To a multiple of 10^-digits ('digits' may be negative), halves to the even neighbour or away from
 * zero; false: overflow. */
enum kql_decimal_rounding { KQL_ROUND_EVEN, KQL_ROUND_AWAY, KQL_ROUND_DOWN, KQL_ROUND_UP };
bool kql_decimal_round(const struct kql_decimal *d, int digits, enum kql_decimal_rounding how,
                       struct kql_decimal *out);
bool kql_decimal_is_zero(const struct kql_decimal *d);
/* A whole number that fits 64 bits, given back in *out. */
bool kql_decimal_is_long(const struct kql_decimal *d, int64_t *out);
