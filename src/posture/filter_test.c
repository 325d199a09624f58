/* filter_test.c - which resources a filter lets through, and what is said of one that is wrong. */
#include "base/clock.h"
#include "base/test.h"
#include "posture/filter.h"
#include "posture/posture.h"

static const char resource[] =
    "{\"id\":\"/subscriptions/S/"
    "x\",\"name\":\"k1\",\"properties\":{\"status\":{\"code\":\"Unhealthy\","
    "\"cause\":null},\"displayName\":\"it's \\u0041\",\"count\":10,\"preview\":true,"
    "\"cvss\":{\"3.0\":{\"base\":6.1}},\"list\":[1]}}";

static const struct {
    const char *filter;
    bool passes;
} good[] = {
    {"properties/status/code eq 'Unhealthy'",              true },
    {"properties.status.code eq 'unhealthy'",              true },
    {"PROPERTIES/Status/CODE EQ 'UNHEALTHY'",              true },
    {"properties/status/code eq 'Healthy'",                false},
    {"properties/status/code ne 'Healthy'",                true },
    {"contains(properties/status/code, 'healthy')",        true },
    {"startswith(properties/status/code,'healthy')",       false},
    {"startswith(properties/status/code,'Un')",            true },
    {"endswith(properties/status/code,'HEALTHY')",         true },
    {"contains(properties/status/code,'')",                true },
    {"contains(properties/count,'1')",                     false},
    {"name eq 'k1' and properties/count gt 9",             true },
    {"name eq 'k1' and properties/count gt 10",            false},
    {"properties/count ge 10 and properties/count le 1e1", true },
    {"properties/count lt 2",                              false},
    {"name eq 'k2' or name eq 'k1'",                       true },
    {"name eq 'k2' or name eq 'k3' and name eq 'k1'",      false},
    {"(name eq 'k1' or name eq 'k3') and name eq 'k1'",    true },
    {"not name eq 'k1'",                                   false},
    {"not (name eq 'k2')",                                 true },
    {"not not name eq 'k1'",                               true },
    {"properties/displayName eq 'it''s A'",                true },
    {"properties/preview eq true",                         true },
    {"properties/preview ne true",                         false},
    {"properties/preview eq false",                        false},
    {"properties/status/cause eq null",                    true },
    {"properties/missing eq null",                         true },
    {"properties/missing ne null",                         false},
    {"properties/missing ne 'x'",                          true },
    {"properties/missing eq 'x'",                          false},
    {"properties/missing/deeper gt 1",                     false},
    {"properties/list eq '1'",                             false},
    {"properties/count eq '10'",                           false},
    {"properties/status/code gt 'A'",                      true },
    {"id eq '/subscriptions/s/x'",                         true },
};

static const struct {
    const char *filter, *says;
} bad[] = {
    {"",                            "character 1: a path"        },
    {"name",                        "character 5: one of eq"     },
    {"name eq",                     "a value should stand here"  },
    {"name eq k1",                  "character 9: a value"       },
    {"name eq 'k1",                 "no closing quote"           },
    {"name eq 'k1' or",             "a path such as"             },
    {"name eq 'k1' name eq 'k1'",   "character 14: 'and', 'or'"  },
    {"(name eq 'k1'",               "')' is missing"             },
    {"name eq 'k1')",               "'and', 'or' or the end"     },
    {"contains(name 'k1')",         "',' is missing"             },
    {"contains(name,1)",            "looks for 'text'"           },
    {"contains(name,'1'",           "')' is missing"             },
    {"contains name,'1')",          "'(' is missing"             },
    {"properties//code eq 'x'",     "a name is missing|one of eq"},
    {"properties/ eq 'x'",          "a name is missing"          },
    {"name like 'x'",               "one of eq"                  },
    {"preview gt true",             "compared with eq or ne"     },
    {"name eq 'x'; DROP TABLE hot", "'and', 'or' or the end"     },
    {"name eq ---",                 "a value should stand here"  },
};

static void
test_limits(void)
{
    static char text[FILTER_SIZE_MAX + 2];
    struct filter *f;
    struct err err = {""};

    memset(text, '(', sizeof text);
    CHECK(filter_make((struct span){text, 2000}, &f, &err) == ST_INVALID &&
              strstr(err.text, "too deep") != NULL,
          "%s", err.text);
    CHECK(filter_make((struct span){text, FILTER_SIZE_MAX + 1}, &f, &err) == ST_INVALID,
          "longer than a filter may be");
    size_t n = 0;

    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(text + n, "%sa eq 1", i > 0 ? " or " : "");
    CHECK(filter_make((struct span){text, n}, &f, &err) == ST_INVALID &&
              strstr(err.text, "too many parts") != NULL,
          "%s", err.text);
    CHECK(strstr(posture_filter_help, "contains(") != NULL, "help");
}

/* A text of which every beginning nearly fits: a search that begins anew at each byte takes minutes. */
static void
test_search(void)
{
    enum { SIZE = 500000, PART = 2000 };
    static char document[SIZE + 100], text[PART + 100];
    struct filter *f = NULL;
    struct err err = {""};
    int64_t begun_ms = clock_monotonic_ms();

    size_t n = (size_t)sprintf(document, "{\"x\":\"");

    memset(document + n, 'a', SIZE);
    n += SIZE;
    n += (size_t)sprintf(document + n, "\"}");
    size_t m = (size_t)sprintf(text, "contains(x,'");

    memset(text + m, 'A', PART);
    m += PART;
    m += (size_t)sprintf(text + m, "b')");
    CHECK(filter_make((struct span){text, m}, &f, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < 20; i++)
        CHECK(f != NULL && !filter_passes(f, (struct span){document, n}), "it is not there");
    filter_free(f);
    document[n - 3] = 'B';
    CHECK(filter_make((struct span){text, m}, &f, &err) == ST_OK, "%s", err.text);
    CHECK(f != NULL && filter_passes(f, (struct span){document, n}), "at the end, in another case");
    filter_free(f);
    CHECK(clock_monotonic_ms() - begun_ms < 10000, "it takes %lld ms",
          (long long)(clock_monotonic_ms() - begun_ms));
}

int
main(void)
{
    uint64_t hash;
    struct err err = {""};

    CHECK(json_text_check(span_of(resource), NULL, 0, &hash, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct filter *f = NULL;

        CHECK(filter_make(span_of(good[i].filter), &f, &err) == ST_OK, "%s: %s", good[i].filter,
              err.text);
        CHECK(f != NULL && filter_passes(f, span_of(resource)) == good[i].passes, "%s",
              good[i].filter);
        filter_free(f);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct filter *f = NULL;
        char says[100];

        snprintf(says, sizeof says, "%s", bad[i].says);
        char *other = strchr(says, '|');

        if (other != NULL)
            *other++ = '\0';
        CHECK(filter_make(span_of(bad[i].filter), &f, &err) == ST_INVALID &&
                  (strstr(err.text, says) != NULL ||
                   (other != NULL && strstr(err.text, other) != NULL)),
              "%s: %s", bad[i].filter, err.text);
    }
    test_limits();
    test_search();
    return test_end();
}
