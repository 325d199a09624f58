/* decimal_test.c - decimal arithmetic, reading and printing. */
#include "base/test.h"
#include "kql/decimal.h"
#include <math.h>

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO };

static const struct {
    const char *a;
    enum operation operation;
    const char *b, *result; /* NULL: null */
} cases[] = {
    {"0.1",                                 ADD,      "0.2",                                "0.3"                                 },
    {"1.50",                                ADD,      "1",                                  "2.50"                                },
    {"-5",                                  ADD,      "3",                                  "-2"                                  },
    {"3",                                   SUBTRACT, "5",                                  "-2"                                  },
    {"1",                                   SUBTRACT, "1",                                  "0"                                   },
    {"9999999999999999999999999999999999",  ADD,      "1",                                  NULL                                  },
    {"9999999999999999999999999999999999",  ADD,      "0.4",                                "9999999999999999999999999999999999"  },
    {"9999999999999999999999999999999999",  ADD,      "0.5",                                NULL                                  },
    {"1e33",                                ADD,      "1e-34",                              "1000000000000000000000000000000000"  },
    {"-9999999999999999999999999999999999", ADD,      "9999999999999999999999999999999999", "0"                                   },
    {"1.5",                                 MULTIPLY, "2.0",                                "3.00"                                },
    {"2147483648",                          MULTIPLY, "2",                                  "4294967296"                          },
    {"1e20",                                MULTIPLY, "1e20",                               NULL                                  },
    {"1e-20",                               MULTIPLY, "1e-20",                              "0.0000000000000000000000000000000000"},
    {"-3",                                  MULTIPLY, "0",                                  "0"                                   },
    {"1",                                   DIVIDE,   "3",                                  "0.3333333333333333333333333333333333"},
    {"10",                                  DIVIDE,   "3",                                  "3.333333333333333333333333333333333" },
    {"2",                                   DIVIDE,   "3",                                  "0.6666666666666666666666666666666667"},
    {"1",                                   DIVIDE,   "4",                                  "0.25"                                },
    {"100",                                 DIVIDE,   "4",                                  "25"                                  },
    {"-7",                                  DIVIDE,   "2",                                  "-3.5"                                },
    {"1",                                   DIVIDE,   "0",                                  NULL                                  },
    {"1e33",                                DIVIDE,   "1e-33",                              NULL                                  },
    {"0",                                   DIVIDE,   "7",                                  "0"                                   },
    {"9999999999999999999999999999999999",  DIVIDE,   "9999999999999999999999999999999999", "1"                                   },
    {"7",                                   MODULO,   "3",                                  "1"                                   },
    {"-7",                                  MODULO,   "3",                                  "2"                                   },
    {"7",                                   MODULO,   "-3",                                 "1"                                   },
    {"-7",                                  MODULO,   "-3",                                 "2"                                   },
    {"-7.5",                                MODULO,   "2",                                  "0.5"                                 },
    {"6",                                   MODULO,   "3",                                  "0"                                   },
    {"1",                                   MODULO,   "0",                                  NULL                                  },
};

static const struct {
    const char *text, *printed;
} texts[] = {
    {"3.14159265358979323846",                                     "3.14159265358979323846"              },
    {" 12 ",                                                       "12"                                  },
    {"-0",                                                         "0"                                   },
    {".5",                                                         "0.5"                                 },
    {"5.",                                                         "5"                                   },
    {"1e3",                                                        "1000"                                },
    {"1.5e-3",                                                     "0.0015"                              },
    {"1e33",                                                       "1000000000000000000000000000000000"  },
    {"1e34",                                                       NULL                                  },
    {"1e999999999999",                                             NULL                                  },
    {"0e999999999999",                                             "0"                                   },
    {"1e-34",                                                      "0.0000000000000000000000000000000001"},
    {"1e-999999999999",                                            "0.0000000000000000000000000000000000"},
    {"5e-35",                                                      "0.0000000000000000000000000000000000"}, /* half, to even */
    {"6e-35",                                                      "0.0000000000000000000000000000000001"},
    {"0.12345678901234567890123456789012345",                      "0.1234567890123456789012345678901234"},
    {"12345678901234567890123456789012345",                        NULL                                  },
    {"9999999999999999999999999999999999.9",                       NULL                                  },
    {"0.99999999999999999999999999999999999",                      "1.000000000000000000000000000000000" },
    {"1.00000000000000000000000000000000000000000000000000000001",
     "1.000000000000000000000000000000000"                                                               },
    {"abc",                                                        NULL                                  },
    {"nan",                                                        NULL                                  },
    {"",                                                           NULL                                  },
    {"0x10",                                                       NULL                                  },
};

static const struct {
    const char *text;
    int digits;
    enum kql_decimal_rounding how;
    const char *result;
} rounds[] = {
    {"2.345",  2,   KQL_ROUND_EVEN, "2.34" },
    {"2.345",  2,   KQL_ROUND_AWAY, "2.35" },
    {"-2.345", 2,   KQL_ROUND_AWAY, "-2.35"},
    {"2.3451", 2,   KQL_ROUND_EVEN, "2.35" },
    {"2.5",    0,   KQL_ROUND_DOWN, "2"    },
    {"-2.5",   0,   KQL_ROUND_DOWN, "-3"   },
    {"-2.5",   0,   KQL_ROUND_UP,   "-2"   },
    {"2.0",    0,   KQL_ROUND_UP,   "2"    },
    {"1234",   -2,  KQL_ROUND_AWAY, "1200" },
    {"1234",   -50, KQL_ROUND_AWAY, "0"    },
    {"1",      -50, KQL_ROUND_UP,   NULL   },
    {"1.5",    50,  KQL_ROUND_AWAY, "1.5"  },
};

static const char *const ordered[] = {"-10",  "-9.5", "-0.1", "0",    "0.0000000001",
                                      "0.10", "1",    "9.99", "10.1", "1e33"};

static struct kql_decimal
read(const char *text)
{
    struct kql_decimal d = {0};

    CHECK(kql_read_decimal(span_of(text), &d), "%s reads", text);
    return d;
}

static void
check_printed(const char *name, bool is_there, const struct kql_decimal *d, const char *expected)
{
    char text[48] = "null";

    if (is_there)
        kql_print_decimal(d, text);
    CHECK(strcmp(text, expected == NULL ? "null" : expected) == 0, "%s: %s, not %s", name, text,
          expected == NULL ? "null" : expected);
}

int
main(void)
{
    static bool (*const operations[])(const struct kql_decimal *, const struct kql_decimal *,
                                      struct kql_decimal *) = {
        [ADD] = kql_decimal_add,           [SUBTRACT] = kql_decimal_subtract,
        [MULTIPLY] = kql_decimal_multiply, [DIVIDE] = kql_decimal_divide,
        [MODULO] = kql_decimal_modulo,
    };
    struct kql_decimal d = {0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct kql_decimal a = read(cases[i].a), b = read(cases[i].b);
        char name[100];

        snprintf(name, sizeof name, "%s (%d) %s", cases[i].a, cases[i].operation, cases[i].b);
        check_printed(name, operations[cases[i].operation](&a, &b, &d), &d, cases[i].result);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        check_printed(texts[i].text, kql_read_decimal(span_of(texts[i].text), &d), &d,
                      texts[i].printed);
    for (size_t i = 0; i < COUNT_OF(rounds); i++) {
        struct kql_decimal a = read(rounds[i].text);

        check_printed(rounds[i].text, kql_decimal_round(&a, rounds[i].digits, rounds[i].how, &d),
                      &d, rounds[i].result);
    }
    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        for (size_t k = 0; k < COUNT_OF(ordered); k++) {
            struct kql_decimal a = read(ordered[i]), b = read(ordered[k]);
            int order = kql_decimal_compare(&a, &b);

            CHECK((order > 0) == (i > k) && (order < 0) == (i < k), "%s against %s: %d", ordered[i],
                  ordered[k], order);
        }
    }
    int64_t i = 0;

    d = read("-12.99");
    CHECK(kql_decimal_to_long(&d, &i) && i == -12, "cut to a long: %lld", (long long)i);
    d = read("-9223372036854775808");
    CHECK(kql_decimal_to_long(&d, &i) && i == INT64_MIN, "the smallest long");
    d = read("9223372036854775808");
    CHECK(!kql_decimal_to_long(&d, &i), "one beyond the largest long");
    CHECK(kql_decimal_of_real(0.1, &d) && kql_decimal_to_real(&d) == 0.1, "0.1 there and back");
    check_printed("2^60 is exact", kql_decimal_of_real(0x1p60, &d), &d, "1152921504606846976");
    check_printed("0.1 is 0.1", kql_decimal_of_real(0.1, &d), &d, "0.1");
    check_printed("a large real", kql_decimal_of_real(-1e33, &d), &d,
                  "-999999999999999945575230987042816");
    CHECK(!kql_decimal_of_real(1e34, &d) && !kql_decimal_of_real((double)NAN, &d) &&
              !kql_decimal_of_real(-(double)INFINITY, &d),
          "no decimal for what is too large, NaN or infinite");
    return test_end();
}
