/* number_text_test.c - numbers, booleans and guids, read and printed. */
#include "base/test.h"
#include "kql/value.h"
#include <math.h>

static const struct {
    const char *name, *text;
    bool converts;
    int64_t value;
} longs[] = {
    {"a number",                   "42",                          true,  42       },
    {"blanks around it",           "  42\t",                      true,  42       },
    {"negative",                   "-7",                          true,  -7       },
    {"a plus",                     "+7",                          true,  7        },
    {"the largest",                "9223372036854775807",         true,  INT64_MAX},
    {"one more",                   "9223372036854775808",         false, 0        },
    {"the smallest",               "-9223372036854775808",        true,  INT64_MIN},
    {"one less",                   "-9223372036854775809",        false, 0        },
    {"far too long",               "99999999999999999999999",     false, 0        },
    {"leading zeros",              "000000000000000000000000012", true,  12       },
    {"hexadecimal",                "0xFF",                        true,  255      },
    {"hexadecimal with X",         "0X1f",                        true,  31       },
    {"hexadecimal of all bits",    "0xffffffffffffffff",          true,  -1       },
    {"hexadecimal too long",       "0x10000000000000000",         false, 0        },
    {"no negative hexadecimal",    "-0x10",                       false, 0        },
    {"hexadecimal without digits", "0x",                          false, 0        },
    {"a fraction",                 "12.5",                        false, 0        },
    {"words",                      "abc",                         false, 0        },
    {"nothing",                    "",                            false, 0        },
    {"blanks",                     "  ",                          false, 0        },
    {"a sign",                     "-",                           false, 0        },
    {"two signs",                  "--1",                         false, 0        },
    {"inner blank",                "1 2",                         false, 0        },
};

static const struct {
    const char *name, *text;
    bool converts;
    double value;
} reals[] = {
    {"a number",                      "3.14",                                                    true,  3.14                  },
    {"blanks around it",              "  3.14  ",                                                true,  3.14                  },
    {"a whole number",                "3",                                                       true,  3                     },
    {"no digit before the point",     ".5",                                                      true,  0.5                   },
    {"no digit behind the point",     "5.",                                                      true,  5                     },
    {"only a point",                  ".",                                                       false, 0                     },
    {"an exponent",                   "1.5e-3",                                                  true,  0.0015                },
    {"an exponent without digits",    "1e",                                                      false, 0                     },
    {"thousands",                     "1,234",                                                   false, 0                     },
    {"hexadecimal",                   "0x10",                                                    false, 0                     },
    {"inf",                           "inf",                                                     true,  (double)INFINITY      },
    {"-inf",                          "-inf",                                                    true,  -(double)INFINITY     },
    {"INF is none",                   "INF",                                                     false, 0                     },
    {"Infinity",                      "Infinity",                                                true,  (double)INFINITY      },
    {"+Infinity",                     "+Infinity",                                               true,  (double)INFINITY      },
    {"nothing",                       "",                                                        false, 0                     },
    {"too large",                     "1e400",                                                   true,  (double)INFINITY      },
    {"too small",                     "1e-400",                                                  true,  0                     },
    {"exponent beyond counting",      "1e99999999999999999999",                                  true,  (double)INFINITY      },
    {"zero with such an exponent",    "0e99999999999999999999",                                  true,  0                     },
    {"smallest",                      "5e-324",                                                  true,  5e-324                },
    {"largest",                       "1.7976931348623157e308",                                  true,  1.7976931348623157e308},
    {"halfway, to even",              "9007199254740993",                                        true,  9007199254740992.0    },
    {"just above halfway",            "9007199254740993.00000000000000000000000000000000000001", true,
     9007199254740994.0                                                                                                       },
    {"leading zeros of the fraction", "0.000000000000000000001",                                 true,  1e-21                 },
    {"behind a number",               "1.5x",                                                    false, 0                     },
};

static const struct {
    double value;
    const char *text;
} printed[] = {
    {1,                      "1.0"                    },
    {1.5,                    "1.5"                    },
    {0.1,                    "0.1"                    },
    {0.1 + 0.2,              "0.30000000000000007"    }, /* not the nearest: see number_text.c */
    {1e11,                   "100000000000.0"         },
    {1e20,                   "100000000000000000000.0"},
    {1e21,                   "1e21"                   },
    {1.25e25,                "1.25e25"                },
    {0.000001,               "0.000001"               },
    {0.0000001,              "1e-7"                   },
    {1.5e-300,               "1.5e-300"               },
    {123456.789,             "123456.789"             },
    {-2.5,                   "-2.5"                   },
    {0.0,                    "0.0"                    },
    {-0.0,                   "-0.0"                   },
    {(double)INFINITY,       "inf"                    },
    {-(double)INFINITY,      "-inf"                   },
    {(double)NAN,            "nan"                    },
    {5e-324,                 "5e-324"                 },
    {1.7976931348623157e308, "1.7976931348623157e308" },
    {9.2233720368547758e18,  "9223372036854776000.0"  },
};

static const struct {
    const char *text;
    int value; /* -1: does not convert */
} bools[] = {
    {"true",  1 },
    {"TRUE",  1 },
    {"tRuE",  1 },
    {"False", 0 },
    {"1",     1 },
    {"0",     0 },
    {"-1",    1 },
    {"42",    1 },
    {"0x10",  1 },
    {"1.0",   -1},
    {"yes",   -1},
    {" true", -1},
    {"",      -1},
    {"tru",   -1},
};

static const struct {
    const char *text;
    bool converts;
} guids[] = {
    {"74be27de-1e4e-49d9-b579-fe0b331d3642",   true },
    {" 74BE27DE-1E4E-49D9-B579-FE0B331D3642 ", true },
    {"74be27de1e4e49d9b579fe0b331d3642",       true },
    {"{74be27de-1e4e-49d9-b579-fe0b331d3642}", true },
    {"(74be27de-1e4e-49d9-b579-fe0b331d3642)", true },
    {"{74be27de-1e4e-49d9-b579-fe0b331d3642)", false},
    {"74be27de-1e4e-49d9-b579-fe0b331d364",    false},
    {"74be27de-1e4e-49d9-b579-fe0b331d364g",   false},
    {"74be27de-1e4e-49d9-b579fe0b-331d3642",   false},
    {"",                                       false},
};

/* Any finite double's text reads back as the same double, and has at most 17 digits. */
static void
check_round_trip(void)
{
    uint64_t state = 42;
    int failed = 0, is_long = 0;

    for (int i = 0; i < 200000; i++) {
        char text[40];
        double value, again = 0;
        size_t size;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = i % 2 ? state : state >> 12 | UINT64_C(0x3ff) << 52; /* also in [1, 2) */
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        size = kql_print_real(value, text);
        if (!kql_read_real((struct span){text, size}, &again) || again != value)
            failed++;
        if (strtod(text, NULL) != value) /* and others read the same */
            failed++;
        is_long += size > 25;
    }
    CHECK(failed == 0, "round trip: %d failed", failed);
    CHECK(is_long == 0, "texts of reals are short: %d are not", is_long);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(longs); i++) {
        int64_t value = 0;
        bool converts = kql_read_long(span_of(longs[i].text), &value);

        CHECK(converts == longs[i].converts && (!converts || value == longs[i].value),
              "long, %s: %d %lld", longs[i].name, converts, (long long)value);
    }
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        double value = 0;
        bool converts = kql_read_real(span_of(reals[i].text), &value);

        CHECK(converts == reals[i].converts && (!converts || value == reals[i].value),
              "real, %s: %d %.17g", reals[i].name, converts, value);
    }
    double nan_value = 0;

    CHECK(kql_read_real(SPAN_LITERAL("  NaN "), &nan_value) && isnan(nan_value), "NaN");
    for (size_t i = 0; i < COUNT_OF(printed); i++) {
        char text[40];
        size_t size = kql_print_real(printed[i].value, text);

        CHECK(span_is((struct span){text, size}, printed[i].text), "print %s: %s", printed[i].text,
              text);
    }
    for (size_t i = 0; i < COUNT_OF(bools); i++) {
        bool value = false, converts = kql_read_bool(span_of(bools[i].text), &value);

        CHECK(converts == (bools[i].value >= 0) && (!converts || value == (bools[i].value == 1)),
              "bool '%s': %d %d", bools[i].text, converts, value);
    }
    for (size_t i = 0; i < COUNT_OF(guids); i++) {
        struct kql_guid guid;
        char text[40];
        bool converts = kql_read_guid(span_of(guids[i].text), &guid);

        CHECK(converts == guids[i].converts, "guid %s: %d", guids[i].text, converts);
        if (converts)
            CHECK(span_is((struct span){text, kql_print_guid(&guid, text)}, guids[0].text),
                  "guid printed: %s", text);
    }
    check_round_trip();
    return test_end();
}
