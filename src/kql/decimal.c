/* decimal.c - numbers of 34 decimal digits with up to 34 of them behind the point.
 *
 * Sums, products and quotients are computed exactly (or with two digits and a mark for the rest to
 * spare) in 256 bits and then rounded once, halves to even, so that 0.1 + 0.2 is 0.3. What needs
 * more than 34 digits before the point is an overflow; what is below 10^-34 becomes 0. The number
 * of fraction digits is kept as it comes: 1.50 + 1 is 2.50; a quotient drops zeros at its end. */
#include "kql/decimal.h"
#include "kql/number_text.h"
#include <math.h>

struct wide { /* 256 bits, lowest limb first */
    uint64_t limb[4];
};

static uint128
coefficient(const struct kql_decimal *d)
{
    return (uint128)d->high << 64 | d->low;
}

static struct wide
wide_of(uint128 v)
{
    return (struct wide){
        {(uint64_t)v, (uint64_t)(v >> 64), 0, 0}
    };
}

static uint128
wide_low(const struct wide *w)
{
    return (uint128)w->limb[1] << 64 | w->limb[0];
}

static bool
wide_is_small(const struct wide *w) /* fits 128 bits */
{
    return w->limb[2] == 0 && w->limb[3] == 0;
}

static bool
wide_is_zero(const struct wide *w)
{
    return wide_is_small(w) && wide_low(w) == 0;
}

static void
wide_scale(struct wide *w, uint64_t by)
{
    uint128 carry = 0;

    for (int i = 0; i < 4; i++) {
        carry += (uint128)w->limb[i] * by;
        w->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static uint64_t
wide_divide(struct wide *w, uint64_t by) /* gives the remainder */
{
    uint128 rest = 0;

    for (int i = 3; i >= 0; i--) {
        rest = rest << 64 | w->limb[i];
        w->limb[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    return (uint64_t)rest;
}

static int
wide_compare(const struct wide *a, const struct wide *b)
{
    for (int i = 3; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static void
wide_add(struct wide *a, const struct wide *b)
{
    uint128 carry = 0;

    for (int i = 0; i < 4; i++) {
        carry += (uint128)a->limb[i] + b->limb[i];
        a->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static void
wide_subtract(struct wide *a, const struct wide *b) /* a >= b */
{
    uint64_t borrow = 0;

    for (int i = 0; i < 4; i++) {
        uint128 step = (uint128)a->limb[i] - b->limb[i] - borrow;

        a->limb[i] = (uint64_t)step;
        borrow = (uint64_t)(step >> 64) & 1;
    }
}

static struct wide
wide_product(uint128 a, uint128 b)
{
    struct wide low = wide_of(a), high = wide_of(a), sum;

    wide_scale(&low, (uint64_t)b);
    wide_scale(&high, (uint64_t)(b >> 64));
    sum = (struct wide){
        {0, high.limb[0], high.limb[1], high.limb[2]}
    };
    wide_add(&sum, &low);
    return sum;
}

static void
wide_shift_in(struct wide *w, unsigned bit)
{
    for (int i = 3; i > 0; i--)
        w->limb[i] = w->limb[i] << 1 | w->limb[i - 1] >> 63;
    w->limb[0] = w->limb[0] << 1 | bit;
}

/* 'a' becomes the quotient; gives the remainder. Bit by bit: 'b' is not 0 and below 2^255. */
static struct wide
wide_long_divide(struct wide *a, const struct wide *b)
{
    struct wide rest = {{0}}, quotient = {{0}};

    for (int bit = 255; bit >= 0; bit--) {
        bool fits;

        wide_shift_in(&rest, a->limb[bit / 64] >> (bit % 64) & 1);
        fits = wide_compare(&rest, b) >= 0;
        if (fits)
            wide_subtract(&rest, b);
        wide_shift_in(&quotient, fits);
    }
    *a = quotient;
    return rest;
}

static uint128
ten_to(int exponent) /* 0 to 38 */
{
    uint128 power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

static bool
is_above_range(const struct wide *w)
{
    return !wide_is_small(w) || wide_low(w) >= ten_to(KQL_DECIMAL_DIGITS);
}

/* 'w' * 10^-scale, and a little more if 'is_cut', into the type; false: overflow. */
static bool
fit(struct wide w, int64_t scale, bool is_cut, bool is_negative, struct kql_decimal *out)
{
    unsigned last = 0;
    uint128 value;

    while (!wide_is_zero(&w) && (scale > KQL_DECIMAL_SCALE_MAX || is_above_range(&w))) {
        is_cut |= last != 0;
        last = (unsigned)wide_divide(&w, 10);
        scale--;
    }
    if (scale > KQL_DECIMAL_SCALE_MAX) { /* nothing is left of it */
        last = 0;
        scale = KQL_DECIMAL_SCALE_MAX;
    }
    value = wide_low(&w);
    if (last > 5 || (last == 5 && (is_cut || (value & 1) != 0)))
        value++;
    if (value == ten_to(KQL_DECIMAL_DIGITS)) {
        value /= 10;
        scale--;
    }
    for (; scale < 0; scale++) {
        if (value == 0) {
            scale = 0;
            break;
        }
        if (value >= ten_to(KQL_DECIMAL_DIGITS - 1))
            return false;
        value *= 10;
    }
    *out = (struct kql_decimal){
        .high = (uint64_t)(value >> 64),
        .low = (uint64_t)value,
        .scale = (uint8_t)scale,
        .is_negative = is_negative && value != 0,
    };
    return true;
}

/* Both as whole numbers of 10^-scale; at most 10^68 each. */
static int
align(const struct kql_decimal *a, const struct kql_decimal *b, struct wide *x, struct wide *y)
{
    int scale = a->scale > b->scale ? a->scale : b->scale;

    *x = wide_product(coefficient(a), ten_to(scale - a->scale));
    *y = wide_product(coefficient(b), ten_to(scale - b->scale));
    return scale;
}

static bool
add(const struct kql_decimal *a, const struct kql_decimal *b, bool b_is_negative,
    struct kql_decimal *out)
{
    struct wide x, y;
    int scale = align(a, b, &x, &y);
    bool is_negative = a->is_negative;

    if (is_negative == b_is_negative) {
        wide_add(&x, &y);
    } else if (wide_compare(&x, &y) >= 0) {
        wide_subtract(&x, &y);
    } else {
        wide_subtract(&y, &x);
        x = y;
        is_negative = b_is_negative;
    }
    return fit(x, scale, false, is_negative, out);
}

bool
kql_decimal_add(const struct kql_decimal *a, const struct kql_decimal *b, struct kql_decimal *out)
{
    return add(a, b, b->is_negative, out);
}

bool
kql_decimal_subtract(const struct kql_decimal *a, const struct kql_decimal *b,
                     struct kql_decimal *out)
{
    return add(a, b, !b->is_negative, out);
}

bool
kql_decimal_multiply(const struct kql_decimal *a, const struct kql_decimal *b,
                     struct kql_decimal *out)
{
    return fit(wide_product(coefficient(a), coefficient(b)), a->scale + b->scale, false,
               a->is_negative != b->is_negative, out);
}

static int
digit_count(uint128 v)
{
    int count = 0;

    for (; v != 0; v /= 10)
        count++;
    return count;
}

bool
kql_decimal_divide(const struct kql_decimal *a, const struct kql_decimal *b,
                   struct kql_decimal *out)
{
    uint128 divisor = coefficient(b);
    struct wide quotient, by = wide_of(divisor), rest;
    /* As many zeros as give the quotient two digits more than are kept; at most 10^70 in all. */
    int more = KQL_DECIMAL_DIGITS + 2 + digit_count(divisor) - digit_count(coefficient(a));
    int kept = a->scale > b->scale ? a->scale - b->scale : 0;

    if (divisor == 0)
        return false;
    quotient = wide_product(coefficient(a), ten_to(more > 36 ? 36 : more));
    for (int i = 36; i < more; i++)
        wide_scale(&quotient, 10);
    rest = wide_long_divide(&quotient, &by);
    if (!fit(quotient, a->scale - b->scale + more, !wide_is_zero(&rest),
             a->is_negative != b->is_negative, out))
        return false;
    uint128 value = coefficient(out);

    for (; out->scale > kept && value % 10 == 0; out->scale--)
        value /= 10;
    out->high = (uint64_t)(value >> 64);
    out->low = (uint64_t)value;
    return true;
}

/* Never negative: in [0, |b|). */
bool
kql_decimal_modulo(const struct kql_decimal *a, const struct kql_decimal *b,
                   struct kql_decimal *out)
{
    struct wide x, y, rest;
    int scale = align(a, b, &x, &y);

    if (wide_is_zero(&y))
        return false;
    rest = wide_long_divide(&x, &y);
    if (a->is_negative && !wide_is_zero(&rest)) {
        wide_subtract(&y, &rest);
        rest = y;
    }
    return fit(rest, scale, false, false, out);
}

bool
kql_decimal_is_zero(const struct kql_decimal *d)
{
    return coefficient(d) == 0;
}

int
kql_decimal_compare(const struct kql_decimal *a, const struct kql_decimal *b)
{
    struct wide x, y;
    bool a_is_negative = a->is_negative && !kql_decimal_is_zero(a),
         b_is_negative = b->is_negative && !kql_decimal_is_zero(b);

    if (a_is_negative != b_is_negative)
        return a_is_negative ? -1 : 1;
    align(a, b, &x, &y);
    return a_is_negative ? wide_compare(&y, &x) : wide_compare(&x, &y);
}

bool
kql_decimal_round(const struct kql_decimal *d, int digits, enum kql_decimal_rounding how,
                  struct kql_decimal *out)
{
    uint128 value = coefficient(d), unit, rest;
    bool rounds_up;

    if (digits >= d->scale) {
        *out = *d;
        return true;
    }
    if (d->scale - digits > KQL_DECIMAL_DIGITS + 3) { /* the unit is far above the number */
        digits = d->scale - (KQL_DECIMAL_DIGITS + 3);
        if (how == KQL_ROUND_UP || how == KQL_ROUND_DOWN)
            if (value != 0 && (how == KQL_ROUND_UP) != d->is_negative)
                return false;
    }
    unit = ten_to(d->scale - digits);
    rest = value % unit;
    value /= unit;
    if (how == KQL_ROUND_UP || how == KQL_ROUND_DOWN)
        rounds_up = rest != 0 && (how == KQL_ROUND_UP) != d->is_negative;
    else if (rest * 2 == unit)
        rounds_up = how == KQL_ROUND_AWAY || (value & 1) != 0;
    else
        rounds_up = rest * 2 > unit;
    return fit(wide_of(value + rounds_up), digits, false, d->is_negative, out);
}

void
kql_decimal_of_long(int64_t i, struct kql_decimal *out)
{
    *out = (struct kql_decimal){.low = i < 0 ? 0 - (uint64_t)i : (uint64_t)i, .is_negative = i < 0};
}

/* Whole numbers exactly; others by the digits that print them (0.1 is 0.1). */
bool
kql_decimal_of_real(double r, struct kql_decimal *out)
{
    double size = fabs(r);
    char text[40];

    if (!(size < 1e34))
        return false;
    if (size < 0x1p113 && size == floor(size)) {
        uint128 value = (uint128)size;

        return fit(wide_of(value), 0, false, r < 0, out);
    }
    return kql_read_decimal((struct span){text, kql_print_real(r, text)}, out);
}

double
kql_decimal_to_real(const struct kql_decimal *d)
{
    char text[48];
    double r = 0;
    bool is_number = kql_read_real((struct span){text, kql_print_decimal(d, text)}, &r);

    (void)is_number; /* its own print */
    return r;
}

bool
kql_decimal_to_long(const struct kql_decimal *d, int64_t *out)
{
    uint128 value = coefficient(d) / ten_to(d->scale);

    if (value > (uint128)INT64_MAX + d->is_negative)
        return false;
    *out = (int64_t)(d->is_negative ? 0 - (uint64_t)value : (uint64_t)value);
    return true;
}

bool
kql_decimal_is_long(const struct kql_decimal *d, int64_t *out)
{
    return coefficient(d) % ten_to(d->scale) == 0 && kql_decimal_to_long(d, out);
}

/* As a real's text, with up to 34 digits kept. */
bool
kql_read_decimal(struct span text, struct kql_decimal *out)
{
    struct number_text n;
    struct wide value = {{0}};
    int64_t scale;
    int count = 0;
    bool is_cut = false;

    if (!number_text_split(number_text_trim(text), &n))
        return false;
    scale = -n.exponent;
    for (int part = 0; part < 2; part++) {
        struct span digits = part == 0 ? n.whole : n.fraction;

        for (size_t i = 0; i < digits.n; i++) {
            unsigned digit = (unsigned)(digits.p[i] - '0');

            if (count == KQL_DECIMAL_DIGITS + 4) {
                is_cut |= digit != 0;
                scale -= part == 0;
                continue;
            }
            count += count > 0 || digit != 0;
            wide_scale(&value, 10);
            wide_add(&value, &(struct wide){{digit}});
            scale += part == 1;
        }
    }
    return fit(value, scale, is_cut, n.is_negative, out);
}

size_t
kql_print_decimal(const struct kql_decimal *d, char out[48])
{
    char digits[40];
    uint128 value = coefficient(d);
    size_t count = 0, n = 0;

    while (value != 0 || count <= d->scale) { /* one before the point at least */
        digits[count++] = (char)('0' + (int)(value % 10));
        value /= 10;
    }
    if (d->is_negative)
        out[n++] = '-';
    while (count > 0) {
        if (count == d->scale)
            out[n++] = '.';
        out[n++] = digits[--count];
    }
    out[n] = '\0';
    return n;
}
