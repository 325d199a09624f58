/* value_test.c - types' names; one order, equality and hash over values; copies. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/value.h"
#include "kql/value_key.h"
#include <math.h>

static struct pool pool;
static jmp_buf escape;

static const struct {
    const char *name;
    bool is_known;
    enum kql_type type;
} names[] = {
    {"bool",     true,  KQL_BOOL    },
    {"boolean",  true,  KQL_BOOL    },
    {"int",      true,  KQL_INT     },
    {"long",     true,  KQL_LONG    },
    {"int64",    true,  KQL_LONG    },
    {"real",     true,  KQL_REAL    },
    {"double",   true,  KQL_REAL    },
    {"decimal",  true,  KQL_DECIMAL },
    {"string",   true,  KQL_STRING  },
    {"datetime", true,  KQL_DATETIME},
    {"date",     true,  KQL_DATETIME},
    {"timespan", true,  KQL_TIMESPAN},
    {"time",     true,  KQL_TIMESPAN},
    {"guid",     true,  KQL_GUID    },
    {"uniqueid", true,  KQL_GUID    },
    {"dynamic",  true,  KQL_DYNAMIC },
    {"Long",     false, KQL_UNKNOWN },
    {"unknown",  false, KQL_UNKNOWN },
    {"",         false, KQL_UNKNOWN },
    {"longer",   false, KQL_UNKNOWN },
};

/* In ascending order; those of the same rank are the same. */
static const struct {
    int rank;
    enum kql_type type;
    const char *text; /* NULL: null */
} ordered[] = {
    {0,  KQL_LONG,     NULL                                  },
    {0,  KQL_DYNAMIC,  NULL                                  },
    {1,  KQL_BOOL,     "false"                               },
    {2,  KQL_BOOL,     "true"                                },
    {3,  KQL_REAL,     "nan"                                 },
    {4,  KQL_REAL,     "-inf"                                },
    {5,  KQL_REAL,     "-1e40"                               },
    {6,  KQL_LONG,     "-9223372036854775808"                },
    {6,  KQL_REAL,     "-9223372036854775808"                },
    {7,  KQL_INT,      "-5"                                  },
    {7,  KQL_LONG,     "-5"                                  },
    {7,  KQL_REAL,     "-5"                                  },
    {7,  KQL_DECIMAL,  "-5.00"                               },
    {8,  KQL_REAL,     "0"                                   },
    {8,  KQL_REAL,     "-0"                                  },
    {8,  KQL_INT,      "0"                                   },
    {8,  KQL_DECIMAL,  "0.0"                                 },
    {9,  KQL_REAL,     "0.1"                                 },
    {9,  KQL_DECIMAL,  "0.10"                                },
    {10, KQL_DECIMAL,  "0.1000000000000000000000000000000001"},
    {11, KQL_REAL,     "9007199254740992"                    },
    {11, KQL_LONG,     "9007199254740992"                    },
    {12, KQL_LONG,     "9007199254740993"                    },
    {12, KQL_DECIMAL,  "9007199254740993"                    },
    {13, KQL_DECIMAL,  "9007199254740993.5"                  },
    {14, KQL_LONG,     "9223372036854775807"                 },
    {15, KQL_REAL,     "9223372036854775808"                 },
    {15, KQL_DECIMAL,  "9223372036854775808"                 },
    {16, KQL_REAL,     "1e33"                                },
    {17, KQL_REAL,     "1e300"                               },
    {18, KQL_REAL,     "inf"                                 },
    {19, KQL_STRING,   ""                                    },
    {20, KQL_STRING,   "A"                                   },
    {21, KQL_STRING,   "a"                                   },
    {22, KQL_STRING,   "ab"                                  },
    {23, KQL_STRING,   "\xc3\xa9"                            },
    {24, KQL_DATETIME, "0001-01-01"                          },
    {25, KQL_DATETIME, "2020-01-01"                          },
    {26, KQL_TIMESPAN, "-1d"                                 },
    {27, KQL_TIMESPAN, "1h"                                  },
    {28, KQL_GUID,     "00000000-0000-0000-0000-000000000001"},
    {29, KQL_GUID,     "74be27de-1e4e-49d9-b579-fe0b331d3642"},
    {30, KQL_DYNAMIC,  "[]"                                  },
    {31, KQL_DYNAMIC,  "[1]"                                 },
    {31, KQL_DYNAMIC,  "[1.0]"                               },
    {32, KQL_DYNAMIC,  "[1,2]"                               },
    {33, KQL_DYNAMIC,  "[2]"                                 },
    {34, KQL_DYNAMIC,  "{}"                                  },
    {35, KQL_DYNAMIC,  "{\"a\":1,\"b\":[2,{\"c\":null}]}"    },
    {35, KQL_DYNAMIC,  "{\"b\":[2.0,{\"c\":null}],\"a\":1}"  },
};

static struct kql_value
make(enum kql_type type, const char *text)
{
    struct kql_value from, v;

    if (text == NULL)
        return kql_null(type);
    if (type == KQL_DYNAMIC)
        return kql_parse_json(&pool, span_of(text));
    from = kql_string(span_of(text));
    v = kql_convert(&pool, KQL_STRING, &from, type);
    CHECK(!v.is_null, "%s reads", text);
    return v;
}

static void
check_order(void)
{
    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        struct kql_value a = make(ordered[i].type, ordered[i].text);

        for (size_t k = 0; k < COUNT_OF(ordered); k++) {
            struct kql_value b = make(ordered[k].type, ordered[k].text);
            int order = kql_value_compare(&a, &b), wanted = ordered[i].rank - ordered[k].rank;
            bool is_same = kql_value_same(&a, &b);

            CHECK((order > 0) == (wanted > 0) && (order < 0) == (wanted < 0), "%zu against %zu: %d",
                  i, k, order);
            CHECK(is_same == (wanted == 0), "%zu and %zu are the same: %d", i, k, is_same);
            CHECK(span_equal(kql_value_key(&pool, KQL_DYNAMIC, &a),
                             kql_value_key(&pool, KQL_DYNAMIC, &b)) == (wanted == 0),
                  "%zu and %zu have one key", i, k);
            if (wanted == 0)
                CHECK(kql_value_hash(&a) == kql_value_hash(&b), "%zu and %zu hash alike", i, k);
            else
                CHECK(kql_value_hash(&a) != kql_value_hash(&b) || ordered[i].type == KQL_DECIMAL ||
                          ordered[k].type == KQL_DECIMAL,
                      "%zu and %zu do not", i, k);
        }
    }
}

/* Keys of decimals are in their order. */
static void
check_decimal_keys(void)
{
    static const char *const ascending[] = {"-9999999999999999999999999999999999",
                                            "-9007199254740993.5",
                                            "-1000",
                                            "-999.99",
                                            "-123",
                                            "-12.5",
                                            "-12.4",
                                            "-12",
                                            "-10",
                                            "-9",
                                            "-1.2",
                                            "-1.1999",
                                            "-1",
                                            "-0.12",
                                            "-0.1199",
                                            "-0.01",
                                            "-0.0000000000000000000000000000000001",
                                            "0",
                                            "0.0000000000000000000000000000000001",
                                            "0.001",
                                            "0.01",
                                            "0.0999",
                                            "0.1",
                                            "0.12",
                                            "0.123",
                                            "0.2",
                                            "1",
                                            "1.5",
                                            "2",
                                            "9",
                                            "9.5",
                                            "10",
                                            "12",
                                            "12.3",
                                            "99",
                                            "100",
                                            "101",
                                            "9223372036854775808",
                                            "9999999999999999999999999999999999"};

    for (size_t i = 0; i < COUNT_OF(ascending); i++)
        for (size_t k = 0; k < COUNT_OF(ascending); k++) {
            struct kql_value a = make(KQL_DECIMAL, ascending[i]),
                             b = make(KQL_DECIMAL, ascending[k]);
            struct span x = kql_value_key(&pool, KQL_DECIMAL, &a),
                        y = kql_value_key(&pool, KQL_DECIMAL, &b);
            int order = strcmp(pool_text(&pool, x).p, pool_text(&pool, y).p);

            CHECK((order > 0) == (i > k) && (order < 0) == (i < k) &&
                      (kql_value_compare(&a, &b) > 0) == (i > k),
                  "%s against %s: %d, by %.*s and %.*s", ascending[i], ascending[k], order,
                  (int)x.n, x.p, (int)y.n, y.p);
        }
    struct kql_value one = make(KQL_DECIMAL, "1"), same = make(KQL_DECIMAL, "1.000"),
                     none = kql_null(KQL_DECIMAL), zero = make(KQL_DECIMAL, "-0.00");

    CHECK(span_equal(kql_value_key(&pool, KQL_DECIMAL, &one),
                     kql_value_key(&pool, KQL_DECIMAL, &same)),
          "1 is 1.000");
    CHECK(kql_value_key(&pool, KQL_DECIMAL, &none).n == 0 &&
              span_is(kql_value_key(&pool, KQL_DECIMAL, &zero), "1"),
          "null and zero");
}

/* Bags too large to be looked through one key at a time, in two orders. */
static void
check_large_bags(void)
{
    enum { COUNT = 20000 };
    struct kql_bag_builder up = {.pool = &pool}, down = {.pool = &pool}, other = {.pool = &pool};

    for (int i = 0; i < COUNT; i++) {
        kql_bag_add(&up, pool_printf(&pool, "k%d", i), kql_integer(KQL_LONG, i), true);
        kql_bag_add(&down, pool_printf(&pool, "k%d", COUNT - 1 - i),
                    kql_integer(KQL_LONG, COUNT - 1 - i), true);
        kql_bag_add(&other, pool_printf(&pool, "k%d", COUNT - 1 - i),
                    kql_integer(KQL_LONG, i == 7 ? -1 : COUNT - 1 - i), true);
    }
    struct kql_value a = kql_bag_finish(&up), b = kql_bag_finish(&down), c = kql_bag_finish(&other);

    CHECK(kql_value_same(&a, &b) && kql_value_hash(&a) == kql_value_hash(&b),
          "the order of keys means nothing");
    CHECK(!kql_value_same(&a, &c) && kql_value_compare(&a, &c) != 0, "one value makes another bag");
    CHECK(kql_value_compare(&a, &c) == -kql_value_compare(&c, &a), "and their order is one");
}

/* Deeper than any text may nest: made row by row, say. Nothing runs out of stack. */
static void
check_depth(void)
{
    struct kql_value deep = kql_integer(KQL_LONG, 1), copy;

    for (int i = 0; i < 100000; i++) {
        struct kql_value *item = pool_take(&pool, sizeof *item);
        struct kql_array *array = pool_take(&pool, sizeof *array);

        *item = deep;
        *array = (struct kql_array){.count = 1, .items = item};
        deep = (struct kql_value){.type = KQL_ARRAY, .array = array};
    }
    copy = kql_value_copy(&pool, &deep);
    CHECK(kql_value_same(&deep, &copy) && kql_value_hash(&deep) == kql_value_hash(&copy) &&
              kql_value_size(&deep) > 0,
          "what lies too deep is taken for equal");
}

static void
check_copies(void)
{
    static const char text[] = "{\"a\":[1,2.5,\"x\",null,true],\"b\":{\"c\":\"\"}}";
    struct pool other;
    struct kql_value v, copy;

    pool_init(&other, 1 << 20);
    other.escape = &escape;
    for (size_t i = 0; i < COUNT_OF(ordered); i++) {
        v = make(ordered[i].type, ordered[i].text);
        copy = kql_value_copy(&other, &v);
        CHECK(kql_value_same(&v, &copy) && copy.type == v.type && copy.is_null == v.is_null,
              "%zu is copied", i);
        CHECK(kql_value_size(&v) >= sizeof v, "%zu has a size", i);
    }
    v = make(KQL_DYNAMIC, text);
    copy = kql_value_copy(&other, &v);
    CHECK(kql_value_size(&copy) > sizeof text && kql_value_size(&copy) < 20 * sizeof text,
          "its size: %zu", kql_value_size(&copy));
    pool_free(&pool); /* the copy holds nothing of the first pool */
    pool.escape = &escape;
    CHECK(span_is(kql_json_print(&other, &copy), text), "the copy stands alone");
    pool_free(&other);
}

int
main(void)
{
    static const enum column_type columns[] = {
        COLUMN_STRING, COLUMN_DATETIME, COLUMN_INT,  COLUMN_LONG,     COLUMN_REAL,
        COLUMN_BOOL,   COLUMN_DYNAMIC,  COLUMN_GUID, COLUMN_TIMESPAN, COLUMN_DECIMAL};
    static const enum kql_type of_columns[] = {KQL_STRING,   KQL_DATETIME, KQL_INT,     KQL_LONG,
                                               KQL_REAL,     KQL_BOOL,     KQL_DYNAMIC, KQL_GUID,
                                               KQL_TIMESPAN, KQL_DECIMAL};

    pool_init(&pool, 256 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        CHECK(false, "the pool is spent");
        return test_end();
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum kql_type type = KQL_UNKNOWN;
        bool is_known = kql_type_read(span_of(names[i].name), &type);

        CHECK(is_known == names[i].is_known && type == names[i].type, "type %s", names[i].name);
    }
    for (int t = KQL_BOOL; t <= KQL_DYNAMIC; t++) {
        enum kql_type back;

        CHECK(kql_type_read(span_of(kql_type_name((enum kql_type)t)), &back) && (int)back == t,
              "%s and back", kql_type_name((enum kql_type)t));
        CHECK(strncmp(kql_type_data_type((enum kql_type)t), "System.", 7) == 0, "%s in .NET",
              kql_type_name((enum kql_type)t));
    }
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        CHECK(kql_type_of_column(columns[i]) == of_columns[i], "column type %zu", i);
    check_order();
    check_decimal_keys();
    check_large_bags();
    check_depth();
    check_copies();
    pool_free(&pool);
    return test_end();
}
