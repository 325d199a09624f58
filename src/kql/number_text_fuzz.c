/* number_text_fuzz.c - any text through the readers of numbers, booleans and guids. What reads is
 * printed and read again, and must be the same; a real must be what the C library reads. */
#include "kql/decimal.h"
#include "kql/value.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_real(struct span text)
{
    char printed[40], copy[4096];
    double r, again = 0;
    struct kql_decimal d;
    bool is_read;

    if (!kql_read_real(text, &r))
        return;
    is_read = kql_read_real((struct span){printed, kql_print_real(r, printed)}, &again);
    assert(is_read && (again == r || (isnan(r) && isnan(again))));
    if (text.n < sizeof copy && isfinite(r)) {
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        assert(strtod(copy, NULL) == r);
    }
    if (kql_decimal_of_real(r, &d) && fabs(r) > 1e-10 && r == (double)(float)r)
        assert(fabs(kql_decimal_to_real(&d) - r) <= fabs(r) * 1e-15);
}

static void
check_decimal(struct span text)
{
    struct kql_decimal d, other;
    char printed[48];

    if (!kql_read_decimal(text, &d))
        return;
    bool is_read = kql_read_decimal((struct span){printed, kql_print_decimal(&d, printed)}, &other);

    assert(is_read && kql_decimal_compare(&d, &other) == 0 && d.scale == other.scale);
    if (d.high == 0 && kql_decimal_add(&d, &d, &other) && /* not rounded */
        kql_decimal_subtract(&other, &d, &other))
        assert(kql_decimal_compare(&d, &other) == 0);
    if (kql_decimal_divide(&d, &d, &other)) {
        struct kql_decimal one;

        kql_decimal_of_long(1, &one);
        assert(kql_decimal_compare(&one, &other) == 0);
    }
    kql_decimal_multiply(&d, &d, &other);
    kql_decimal_modulo(&d, &d, &other);
    for (int digits = -40; digits <= 40; digits += 8)
        kql_decimal_round(&d, digits, KQL_ROUND_UP, &other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct kql_guid g, again;
    char printed[40];
    int64_t i;
    bool b;

    if (kql_read_long(text, &i)) {
        int64_t other = 0;
        int n = snprintf(printed, sizeof printed, "%lld", (long long)i);
        bool is_read = kql_read_long((struct span){printed, (size_t)n}, &other);

        assert(is_read && other == i && kql_read_bool(text, &b) && b == (i != 0));
    }
    check_real(text);
    check_decimal(text);
    if (kql_read_guid(text, &g)) {
        bool is_read = kql_read_guid((struct span){printed, kql_print_guid(&g, printed)}, &again);

        assert(is_read && memcmp(&g, &again, sizeof g) == 0);
    }
    return 0;
}
