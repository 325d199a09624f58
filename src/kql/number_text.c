/* number_text.c - numbers, booleans and guids as text, both ways.
 *
 * Reals are printed with Grisu2 (Loitsch, "Printing Floating-Point Numbers Quickly and Accurately
 * with Integers", 2010): always a text that reads back as the same number, nearly always the
 * shortest. Behind the ninth fraction digit the last digit is taken as it comes, not moved to the
 * nearest: that is what the language's own engine does (0.1 + 0.2 is 0.30000000000000007 there), and
 * text is compared byte for byte. */
#include "kql/number_text.h"
#include "kql/value.h"
#include <math.h>
#include <stdlib.h>
#include <strings.h>

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span
number_text_trim(struct span text)
{
    while (text.n > 0 && is_blank(text.p[0]))
        text.p++, text.n--;
    while (text.n > 0 && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

static unsigned
digit_of(char c)
{
    return (unsigned)(unsigned char)c - '0';
}

static unsigned
hex_digit_of(char c)
{
    unsigned lower = (unsigned char)c | 0x20u;

    if (digit_of(c) <= 9)
        return digit_of(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

static bool
read_hex(struct span digits, int64_t *out)
{
    uint64_t value = 0;

    if (digits.n == 0 || digits.n > 16)
        return false;
    for (size_t i = 0; i < digits.n; i++) {
        if (hex_digit_of(digits.p[i]) > 15)
            return false;
        value = value << 4 | hex_digit_of(digits.p[i]);
    }
    *out = (int64_t)value;
    return true;
}

/* [+-]digits, or 0xdigits without a sign: up to 16 of them, as two's complement. */
bool
kql_read_long(struct span text, int64_t *out)
{
    struct span t = number_text_trim(text);
    bool is_negative = t.n > 0 && t.p[0] == '-';
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + is_negative;

    if (t.n > 2 && t.p[0] == '0' && (t.p[1] | 0x20) == 'x')
        return read_hex((struct span){t.p + 2, t.n - 2}, out);
    if (t.n > 0 && (t.p[0] == '-' || t.p[0] == '+'))
        t.p++, t.n--;
    if (t.n == 0)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        unsigned digit = digit_of(t.p[i]);

        if (digit > 9 || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = (int64_t)(is_negative ? 0 - value : value);
    return true;
}

/* [+-]digits[.digits][e[+-]digits], a digit on either side of the point is enough. The exponent
 * moves the point; what lies beyond any type's range is cut to it. */
bool
number_text_split(struct span t, struct number_text *out)
{
    const char *p = t.p, *end = t.p + t.n;
    size_t digit_count;
    int64_t exponent = 0;

    *out = (struct number_text){.is_negative = p < end && *p == '-'};
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    out->whole.p = p;
    while (p < end && digit_of(*p) <= 9)
        p++;
    digit_count = out->whole.n = (size_t)(p - out->whole.p);
    if (p < end && *p == '.') {
        out->fraction.p = ++p;
        while (p < end && digit_of(*p) <= 9)
            p++;
        out->fraction.n = (size_t)(p - out->fraction.p);
        digit_count += out->fraction.n;
    }
    if (digit_count == 0)
        return false;
    if (p < end && (*p | 0x20) == 'e') {
        bool is_below = ++p < end && *p == '-';

        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        for (; p < end && digit_of(*p) <= 9; p++)
            if (exponent < INT32_MAX)
                exponent = exponent * 10 + digit_of(*p);
        out->exponent = is_below ? -exponent : exponent;
    }
    return p == end;
}

enum {
    /* More digits than any real's midpoint between two neighbours has (767): what comes behind
     * them only matters by being there. */
    REAL_DIGITS_MAX = 800,
    EXACT_POWER_MAX = 22 /* 10^22 is the last power of ten that a double holds */
};

static double
read_digits(const struct number_text *n)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char text[REAL_DIGITS_MAX + 32];
    const struct span parts[] = {n->whole, n->fraction};
    size_t count = 0;
    int64_t exponent = n->exponent;
    uint64_t small = 0;
    bool is_cut = false;

    for (size_t part = 0; part < COUNT_OF(parts); part++) {
        for (size_t i = 0; i < parts[part].n; i++) {
            char c = parts[part].p[i];

            if (count == 0 && c == '0') {
                exponent -= (int64_t)part; /* a leading zero of the fraction */
                continue;
            }
            if (count < REAL_DIGITS_MAX) {
                text[count++] = c;
                small = small * 10 + digit_of(c);
                exponent -= (int64_t)part;
            } else {
                is_cut |= c != '0';
                exponent += 1 - (int64_t)part;
            }
        }
    }
    if (count == 0)
        return 0;
    if (count <= 15 && exponent >= -EXACT_POWER_MAX && exponent <= EXACT_POWER_MAX) {
        double exact = (double)small;

        return exponent < 0 ? exact / powers[-exponent] : exact * powers[exponent];
    }
    if (is_cut) {
        text[count++] = '1';
        exponent--;
    }
    /* No point in the text: what strtod takes for one depends on the locale. */
    snprintf(text + count, sizeof text - count, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

/* Lower-case "inf" is the language's own; "Infinity" and "NaN" come from .NET, in any case. */
static bool
read_special(struct span t, double *out)
{
    bool is_signed = t.n > 0 && (t.p[0] == '-' || t.p[0] == '+');
    struct span word = {t.p + is_signed, t.n - is_signed};
    double value;

    if (span_is(word, "inf") || (word.n == 8 && strncasecmp(word.p, "infinity", 8) == 0))
        value = (double)INFINITY;
    else if (word.n == 3 && !is_signed && strncasecmp(word.p, "nan", 3) == 0)
        value = (double)NAN;
    else
        return false;
    *out = is_signed && t.p[0] == '-' ? -value : value;
    return true;
}

bool
kql_read_real(struct span text, double *out)
{
    struct span t = number_text_trim(text);
    struct number_text n;

    if (!number_text_split(t, &n))
        return t.n > 0 && t.n <= 9 && read_special(t, out);
    *out = read_digits(&n);
    if (n.is_negative)
        *out = -*out;
    return true;
}

/* true and false in any case, without blanks; or a whole number. */
bool
kql_read_bool(struct span text, bool *out)
{
    int64_t number;

    if (text.n == 4 && strncasecmp(text.p, "true", 4) == 0)
        *out = true;
    else if (text.n == 5 && strncasecmp(text.p, "false", 5) == 0)
        *out = false;
    else if (kql_read_long(text, &number))
        *out = number != 0;
    else
        return false;
    return true;
}

/* 32 hexadecimal digits: bare, in groups of 8-4-4-4-12, or such groups in {} or (). */
bool
kql_read_guid(struct span text, struct kql_guid *out)
{
    struct span t = number_text_trim(text);
    bool has_groups;
    size_t at = 0;

    if (t.n == 38 && ((t.p[0] == '{' && t.p[37] == '}') || (t.p[0] == '(' && t.p[37] == ')'))) {
        t.p++;
        t.n -= 2;
    }
    has_groups = t.n == 36;
    if (!has_groups && t.n != 32)
        return false;
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        unsigned high, low;

        if (has_groups && (i == 4 || i == 6 || i == 8 || i == 10) && t.p[at++] != '-')
            return false;
        high = hex_digit_of(t.p[at++]);
        low = hex_digit_of(t.p[at++]);
        if (high > 15 || low > 15)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

size_t
kql_print_guid(const struct kql_guid *g, char out[40])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < sizeof g->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        out[n++] = digits[g->bytes[i] >> 4];
        out[n++] = digits[g->bytes[i] & 15];
    }
    out[n] = '\0';
    return n;
}

/* ---- Grisu2 ---- */

struct scaled { /* f * 2^e */
    uint64_t f;
    int e;
};

/* 10^-348, 10^-340 .. 10^340, each to 64 bits. */
static const struct scaled cached_powers[] = {
    {UINT64_C(0xfa8fd5a0081c0288), -1220},
    {UINT64_C(0xbaaee17fa23ebf76), -1193},
    {UINT64_C(0x8b16fb203055ac76), -1166},
    {UINT64_C(0xcf42894a5dce35ea), -1140},
    {UINT64_C(0x9a6bb0aa55653b2d), -1113},
    {UINT64_C(0xe61acf033d1a45df), -1087},
    {UINT64_C(0xab70fe17c79ac6ca), -1060},
    {UINT64_C(0xff77b1fcbebcdc4f), -1034},
    {UINT64_C(0xbe5691ef416bd60c), -1007},
    {UINT64_C(0x8dd01fad907ffc3c), -980 },
    {UINT64_C(0xd3515c2831559a83), -954 },
    {UINT64_C(0x9d71ac8fada6c9b5), -927 },
    {UINT64_C(0xea9c227723ee8bcb), -901 },
    {UINT64_C(0xaecc49914078536d), -874 },
    {UINT64_C(0x823c12795db6ce57), -847 },
    {UINT64_C(0xc21094364dfb5637), -821 },
    {UINT64_C(0x9096ea6f3848984f), -794 },
    {UINT64_C(0xd77485cb25823ac7), -768 },
    {UINT64_C(0xa086cfcd97bf97f4), -741 },
    {UINT64_C(0xef340a98172aace5), -715 },
    {UINT64_C(0xb23867fb2a35b28e), -688 },
    {UINT64_C(0x84c8d4dfd2c63f3b), -661 },
    {UINT64_C(0xc5dd44271ad3cdba), -635 },
    {UINT64_C(0x936b9fcebb25c996), -608 },
    {UINT64_C(0xdbac6c247d62a584), -582 },
    {UINT64_C(0xa3ab66580d5fdaf6), -555 },
    {UINT64_C(0xf3e2f893dec3f126), -529 },
    {UINT64_C(0xb5b5ada8aaff80b8), -502 },
    {UINT64_C(0x87625f056c7c4a8b), -475 },
    {UINT64_C(0xc9bcff6034c13053), -449 },
    {UINT64_C(0x964e858c91ba2655), -422 },
    {UINT64_C(0xdff9772470297ebd), -396 },
    {UINT64_C(0xa6dfbd9fb8e5b88f), -369 },
    {UINT64_C(0xf8a95fcf88747d94), -343 },
    {UINT64_C(0xb94470938fa89bcf), -316 },
    {UINT64_C(0x8a08f0f8bf0f156b), -289 },
    {UINT64_C(0xcdb02555653131b6), -263 },
    {UINT64_C(0x993fe2c6d07b7fac), -236 },
    {UINT64_C(0xe45c10c42a2b3b06), -210 },
    {UINT64_C(0xaa242499697392d3), -183 },
    {UINT64_C(0xfd87b5f28300ca0e), -157 },
    {UINT64_C(0xbce5086492111aeb), -130 },
    {UINT64_C(0x8cbccc096f5088cc), -103 },
    {UINT64_C(0xd1b71758e219652c), -77  },
    {UINT64_C(0x9c40000000000000), -50  },
    {UINT64_C(0xe8d4a51000000000), -24  },
    {UINT64_C(0xad78ebc5ac620000), 3    },
    {UINT64_C(0x813f3978f8940984), 30   },
    {UINT64_C(0xc097ce7bc90715b3), 56   },
    {UINT64_C(0x8f7e32ce7bea5c70), 83   },
    {UINT64_C(0xd5d238a4abe98068), 109  },
    {UINT64_C(0x9f4f2726179a2245), 136  },
    {UINT64_C(0xed63a231d4c4fb27), 162  },
    {UINT64_C(0xb0de65388cc8ada8), 189  },
    {UINT64_C(0x83c7088e1aab65db), 216  },
    {UINT64_C(0xc45d1df942711d9a), 242  },
    {UINT64_C(0x924d692ca61be758), 269  },
    {UINT64_C(0xda01ee641a708dea), 295  },
    {UINT64_C(0xa26da3999aef774a), 322  },
    {UINT64_C(0xf209787bb47d6b85), 348  },
    {UINT64_C(0xb454e4a179dd1877), 375  },
    {UINT64_C(0x865b86925b9bc5c2), 402  },
    {UINT64_C(0xc83553c5c8965d3d), 428  },
    {UINT64_C(0x952ab45cfa97a0b3), 455  },
    {UINT64_C(0xde469fbd99a05fe3), 481  },
    {UINT64_C(0xa59bc234db398c25), 508  },
    {UINT64_C(0xf6c69a72a3989f5c), 534  },
    {UINT64_C(0xb7dcbf5354e9bece), 561  },
    {UINT64_C(0x88fcf317f22241e2), 588  },
    {UINT64_C(0xcc20ce9bd35c78a5), 614  },
    {UINT64_C(0x98165af37b2153df), 641  },
    {UINT64_C(0xe2a0b5dc971f303a), 667  },
    {UINT64_C(0xa8d9d1535ce3b396), 694  },
    {UINT64_C(0xfb9b7cd9a4a7443c), 720  },
    {UINT64_C(0xbb764c4ca7a44410), 747  },
    {UINT64_C(0x8bab8eefb6409c1a), 774  },
    {UINT64_C(0xd01fef10a657842c), 800  },
    {UINT64_C(0x9b10a4e5e9913129), 827  },
    {UINT64_C(0xe7109bfba19c0c9d), 853  },
    {UINT64_C(0xac2820d9623bf429), 880  },
    {UINT64_C(0x80444b5e7aa7cf85), 907  },
    {UINT64_C(0xbf21e44003acdd2d), 933  },
    {UINT64_C(0x8e679c2f5e44ff8f), 960  },
    {UINT64_C(0xd433179d9c8cb841), 986  },
    {UINT64_C(0x9e19db92b4e31ba9), 1013 },
    {UINT64_C(0xeb96bf6ebadf77d9), 1039 },
    {UINT64_C(0xaf87023b9bf0ee6b), 1066 },
};

static struct scaled
normalize(struct scaled s)
{
    int shift = __builtin_clzll(s.f);

    return (struct scaled){s.f << shift, s.e - shift};
}

static struct scaled
multiply(struct scaled a, struct scaled b)
{
    uint128 product = (uint128)a.f * b.f;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;

    return (struct scaled){high + (low >> 63), a.e + b.e + 64};
}

/* The power that brings a number with binary exponent 'e' near 2^-61, and its decimal exponent,
 * negated. */
static struct scaled
cached_power(int e, int *exponent)
{
    int k = (int)ceil((-61 - e) * 0.30102999566398114 + 347), index = (k >> 3) + 1;

    *exponent = 348 - index * 8;
    return cached_powers[index];
}

struct digits {
    char text[20];
    int count, exponent; /* value: digits * 10^exponent */
};

/* Moves the last digit towards the true value. */
static void
round_last(struct digits *d, uint64_t delta, uint64_t rest, uint64_t unit, uint64_t distance)
{
    while (rest < distance && delta - rest >= unit &&
           (rest + unit < distance || distance - rest > rest + unit - distance)) {
        d->text[d->count - 1]--;
        rest += unit;
    }
}

/* Digits of 'high' until what is left lies within 'delta'. */
static void
generate(struct scaled value, struct scaled high, uint64_t delta, struct digits *d)
{
    static const uint32_t powers[] = {1,      10,      100,      1000,      10000,
                                      100000, 1000000, 10000000, 100000000, 1000000000};
    const int shift = -high.e;
    const uint64_t one = UINT64_C(1) << shift;
    uint64_t distance = high.f - value.f, fraction = high.f & (one - 1);
    uint32_t whole = (uint32_t)(high.f >> shift);
    int kappa = 1;

    while (kappa < 10 && whole >= powers[kappa])
        kappa++;
    d->count = 0;
    while (kappa > 0) {
        uint32_t digit = whole / powers[kappa - 1];
        uint64_t rest;

        whole %= powers[kappa - 1];
        if (digit != 0 || d->count > 0)
            d->text[d->count++] = (char)('0' + digit);
        kappa--;
        rest = ((uint64_t)whole << shift) + fraction;
        if (rest <= delta) {
            d->exponent += kappa;
            round_last(d, delta, rest, (uint64_t)powers[kappa] << shift, distance);
            return;
        }
    }
    for (;;) {
        unsigned digit;

        fraction *= 10;
        delta *= 10;
        digit = (unsigned)(fraction >> shift);
        if (digit != 0 || d->count > 0)
            d->text[d->count++] = (char)('0' + digit);
        fraction &= one - 1;
        kappa--;
        if (fraction < delta) {
            d->exponent += kappa;
            round_last(d, delta, fraction, one, kappa > -9 ? distance * powers[-kappa] : 0);
            return;
        }
    }
}

/* Of a finite number above 0. */
static void
shortest_digits(double r, struct digits *d)
{
    const uint64_t hidden = UINT64_C(1) << 52;
    uint64_t bits;
    struct scaled v, high, low, power;

    memcpy(&bits, &r, sizeof bits);
    v = (struct scaled){bits & (hidden - 1), (int)(bits >> 52 & 0x7ff)};
    if (v.e != 0)
        v.f += hidden;
    else
        v.e = 1;
    v.e -= 1075;
    high = normalize((struct scaled){(v.f << 1) + 1, v.e - 1});
    low = v.f == hidden ? (struct scaled){(v.f << 2) - 1, v.e - 2}
                        : (struct scaled){(v.f << 1) - 1, v.e - 1};
    low.f <<= low.e - high.e;
    low.e = high.e;
    power = cached_power(high.e, &d->exponent);
    high = multiply(high, power);
    low = multiply(low, power);
    high.f--;
    low.f++;
    generate(multiply(normalize(v), power), high, high.f - low.f, d);
}

/* 1234e7 as 12340000000.0, 1234e-2 as 12.34, 1234e-6 as 0.001234, others as 1.234e33. */
static size_t
place_point(const struct digits *d, char *out)
{
    int point = d->count + d->exponent; /* digits before it */

    if (d->exponent >= 0 && point <= 21) {
        memcpy(out, d->text, (size_t)d->count);
        memset(out + d->count, '0', (size_t)d->exponent);
        memcpy(out + point, ".0", 2);
        return (size_t)point + 2;
    }
    if (point > 0 && point <= 21) {
        memcpy(out, d->text, (size_t)point);
        out[point] = '.';
        memcpy(out + point + 1, d->text + point, (size_t)(d->count - point));
        return (size_t)d->count + 1;
    }
    if (point > -6 && point <= 0) {
        memcpy(out, "0.000000", 8);
        memcpy(out + 2 - point, d->text, (size_t)d->count);
        return (size_t)(2 - point + d->count);
    }
    size_t n = 0;

    out[n++] = d->text[0];
    if (d->count > 1) {
        out[n++] = '.';
        memcpy(out + n, d->text + 1, (size_t)d->count - 1);
        n += (size_t)d->count - 1;
    }
    return n + (size_t)snprintf(out + n, 6, "e%d", point - 1);
}

size_t
kql_print_real(double r, char out[40])
{
    struct digits d;
    size_t n = 0;

    if (isnan(r)) {
        memcpy(out, "nan", 4);
        return 3;
    }
    if (signbit(r))
        out[n++] = '-';
    r = fabs(r);
    if (isinf(r)) {
        memcpy(out + n, "inf", 3);
        n += 3;
    } else if (r > 0) {
        shortest_digits(r, &d);
        n += place_point(&d, out + n);
    } else {
        memcpy(out + n, "0.0", 3);
        n += 3;
    }
    out[n] = '\0';
    return n;
}
