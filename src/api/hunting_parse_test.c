/* hunting_parse_test.c - time spans, preferences, encodings, paths and bodies of hunting requests. */
#include "api/hunting_parse.h"
#include "base/test.h"
#include "kql/value.h"
#include "model/datetime.h"

#define NOW "2026-03-01T12:00:00.0000000Z"
#define NEVER NULL /* refused */

static const struct {
    const char *text, *from, *to;
} periods[] = {
    {"P1D",                                               "2026-02-28T12:00:00.0000000Z", NOW                           },
    {"PT12H",                                             "2026-03-01T00:00:00.0000000Z", NOW                           },
    {"PT5M",                                              "2026-03-01T11:55:00.0000000Z", NOW                           },
    {"PT90S",                                             "2026-03-01T11:58:30.0000000Z", NOW                           },
    {"PT0.5S",                                            "2026-03-01T11:59:59.5000000Z", NOW                           },
    {"PT0,0000001S",                                      "2026-03-01T11:59:59.9999999Z", NOW                           },
    {"PT0.00000009S",                                     NOW,                            NOW                           },
    {"P0D",                                               NOW,                            NOW                           },
    {"P2W",                                               "2026-02-15T12:00:00.0000000Z", NOW                           },
    {"P1M",                                               "2026-01-30T12:00:00.0000000Z", NOW                           },
    {"P1Y",                                               "2025-03-01T12:00:00.0000000Z", NOW                           },
    {"P1DT2H3M4.5S",                                      "2026-02-28T09:56:55.5000000Z", NOW                           },
    {"P1Y2M3W4DT5H6M7S",                                  "2024-12-06T06:53:53.0000000Z", NOW                           },
    {"P1.5D",                                             "2026-02-28T00:00:00.0000000Z", NOW                           },
    {"P999999999999999999Y",                              "0001-01-01T00:00:00.0000000Z", NOW                           },
    {"P10000Y",                                           "0001-01-01T00:00:00.0000000Z", NOW                           },
    {"P9000Y9000Y",                                       NEVER,                          NULL                          },
    {"2026-02-01/2026-02-02",                             "2026-02-01T00:00:00.0000000Z", "2026-02-02T00:00:00.0000000Z"},
    {"2026-02-01T08:00:00Z/2026-02-15T08:00:00Z",         "2026-02-01T08:00:00.0000000Z",
     "2026-02-15T08:00:00.0000000Z"                                                                                     },
    {"1970-01-01T00:00:00.000Z/2001-09-09T01:46:40.000Z", "1970-01-01T00:00:00.0000000Z",
     "2001-09-09T01:46:40.0000000Z"                                                                                     },
    {"2026-02-01T08:00:00+02:00/PT1H",                    "2026-02-01T06:00:00.0000000Z",
     "2026-02-01T07:00:00.0000000Z"                                                                                     },
    {"2026-02-01T08:00:00Z/P30D",                         "2026-02-01T08:00:00.0000000Z", "2026-03-03T08:00:00.0000000Z"},
    {"P30D/2026-02-15T08:00:00Z",                         "2026-01-16T08:00:00.0000000Z", "2026-02-15T08:00:00.0000000Z"},
    {"2026-02-01T08:00:00Z",                              "2026-02-01T08:00:00.0000000Z", NOW                           },
    {"2026-02-01",                                        "2026-02-01T00:00:00.0000000Z", NOW                           },
    {"2026-03-01T12:00:00Z/2026-03-01T12:00:00Z",         NOW,                            NOW                           },
    {"0001-01-01/9999-12-31T23:59:59.9999999Z",           "0001-01-01T00:00:00.0000000Z",
     "9999-12-31T23:59:59.9999999Z"                                                                                     },
    {"2026-02-01/P999999999999999999D",                   "2026-02-01T00:00:00.0000000Z",
     "9999-12-31T23:59:59.9999999Z"                                                                                     },
    {"",                                                  NEVER,                          NULL                          },
    {"P",                                                 NEVER,                          NULL                          },
    {"PT",                                                NEVER,                          NULL                          },
    {"P1DT",                                              NEVER,                          NULL                          },
    {"P1",                                                NEVER,                          NULL                          },
    {"1D",                                                NEVER,                          NULL                          },
    {"1d",                                                NEVER,                          NULL                          },
    {"P1d",                                               NEVER,                          NULL                          },
    {"-P1D",                                              NEVER,                          NULL                          },
    {"P-1D",                                              NEVER,                          NULL                          },
    {"P1H",                                               NEVER,                          NULL                          },
    {"PT1D",                                              NEVER,                          NULL                          },
    {"P1D1Y",                                             NEVER,                          NULL                          },
    {"P1.5DT1H",                                          NEVER,                          NULL                          },
    {"P1.D",                                              NEVER,                          NULL                          },
    {"P.5D",                                              NEVER,                          NULL                          },
    {"P1D ",                                              NEVER,                          NULL                          },
    {"P9999999999999999999D",                             NEVER,                          NULL                          },
    {"P1D/P1D",                                           NEVER,                          NULL                          },
    {"/",                                                 NEVER,                          NULL                          },
    {"P1D/",                                              NEVER,                          NULL                          },
    {"/P1D",                                              NEVER,                          NULL                          },
    {"2026-02-02/2026-02-01",                             NEVER,                          NULL                          },
    {"2026-03-02",                                        NEVER,                          NULL                          },
    {"2026-02-30/2026-03-01",                             NEVER,                          NULL                          },
    {"2026-02-01/2026-02-02/2026-02-03",                  NEVER,                          NULL                          },
    {"yesterday",                                         NEVER,                          NULL                          },
    {"2026",                                              NEVER,                          NULL                          },
    {"20260201/20260202",                                 NEVER,                          NULL                          },
    {"2026-13-01",                                        NEVER,                          NULL                          },
    {"2026-02-01'; drop table x--",                       NEVER,                          NULL                          },
};

static int64_t
ticks(const char *text)
{
    int64_t t = -1;

    CHECK(datetime_read(span_of(text), &t), "%s is no moment", text);
    return t;
}

static void
check_periods(void)
{
    for (size_t i = 0; i < COUNT_OF(periods); i++) {
        struct hunting_period p = {7, 7};
        struct err err = {""};
        bool fine = hunting_period_read(span_of(periods[i].text), ticks(NOW), &p, &err);

        CHECK(fine == (periods[i].from != NULL), "'%s': %d, %s", periods[i].text, fine, err.text);
        CHECK(fine == (err.text[0] == '\0'), "'%s': %d, but '%s'", periods[i].text, fine, err.text);
        if (fine && periods[i].from != NULL)
            CHECK(p.from == ticks(periods[i].from) && p.to == ticks(periods[i].to),
                  "'%s': %lld to %lld", periods[i].text, (long long)p.from, (long long)p.to);
    }
}

static void
check_both(void)
{
    const struct hunting_period open = {INT64_MIN, INT64_MAX}, a = {10, 20}, b = {15, 30},
                                c = {40, 50};
    struct hunting_period p = hunting_period_both(a, b);

    CHECK(p.from == 15 && p.to == 20, "both of two");
    p = hunting_period_both(open, a);
    CHECK(p.from == 10 && p.to == 20, "one of them open");
    p = hunting_period_both(a, c);
    CHECK(p.from == 40 && p.to == 40, "nothing lies in both");
}

static const struct {
    const char *header;
    int64_t wait_ms;
    bool statistics, render;
} prefers[] = {
    {"wait=30,include-statistics=true,include-render=true",        30000,        true,  true },
    {"wait=30, include-statistics=true, include-render=true",      30000,        true,  true },
    {"wait=30; include-statistics=true; include-render=true",      30000,        true,  true },
    {"Wait = 5 ,Include-Render",                                   5000,         false, true },
    {"wait=\"7\"",                                                 7000,         false, false},
    {"include-statistics=TRUE",                                    0,            true,  false},
    {"include-statistics=false,include-render=0",                  0,            false, false},
    {"wait=0",                                                     1000,         false, false},
    {"wait=-5",                                                    0,            false, false},
    {"wait=",                                                      0,            false, false},
    {"wait",                                                       0,            false, false},
    {"wait=5s",                                                    0,            false, false},
    {"wait=999999999",                                             999999999000, false, false},
    {"wait=9999999999",                                            0,            false, false},
    {"ai.response-thinning=false, respond-async, wait=3,,;=,=;x=", 3000,         false, false},
    {"",                                                           0,            false, false},
    {NULL,                                                         0,            false, false},
    {"waiting=3,xwait=4",                                          0,            false, false},
    {"wait=\"",                                                    0,            false, false},
};

static void
check_prefers(void)
{
    for (size_t i = 0; i < COUNT_OF(prefers); i++) {
        struct hunting_prefer p = hunting_prefer_read(prefers[i].header);

        CHECK(p.wait_ms == prefers[i].wait_ms && p.has_statistics == prefers[i].statistics &&
                  p.has_render == prefers[i].render,
              "'%s': %lld %d %d", prefers[i].header, (long long)p.wait_ms, p.has_statistics,
              p.has_render);
    }
}

static const struct {
    const char *header;
    bool takes;
} encodings[] = {
    {"gzip",                true },
    {"gzip,deflate",        true },
    {"deflate, GZIP",       true },
    {"gzip;q=0.5",          true },
    {"gzip;q=1.0, *;q=0",   true },
    {"gzip ; q=0.001",      true },
    {"*",                   true },
    {"br, *;q=0.1",         true },
    {"gzip;q=0",            false},
    {"gzip;q=0.0",          false},
    {"gzip;q=0.000, *;q=1", false},
    {"*;q=0",               false},
    {"br",                  false},
    {"identity",            false},
    {"xgzip, gzipx",        false},
    {"",                    false},
    {" , ,",                false},
    {NULL,                  false},
};

static void
check_encodings(void)
{
    for (size_t i = 0; i < COUNT_OF(encodings); i++)
        CHECK(hunting_takes_gzip(encodings[i].header) == encodings[i].takes, "'%s'",
              encodings[i].header);
}

#define ID "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w"
static const struct {
    const char *path, *plain;
} paths[] = {
    {"/v1/" ID "/query",                                                                      "/v1" ID "/query"},
    {"/v1" ID "/query",                                                                       "/v1" ID "/query"},
    {ID "/query",                                                                             "/v1" ID "/query"},
    {"//" ID "/query",                                                                        "/v1" ID "/query"},
    {ID "/api/query",                                                                         "/v1" ID "/query"},
    {ID "/API/Query",                                                                         "/v1" ID "/query"},
    {"/v1//SUBSCRIPTIONS/s/resourcegroups/g/PROVIDERS/"
     "microsoft.operationalinsights/WORKSPACES/w/query",                                 "/v1/SUBSCRIPTIONS/s/resourcegroups/g/PROVIDERS/microsoft.operationalinsights/WORKSPACES/"
     "w/query"                                    },
    {ID,                                                                                      NULL             },
    {ID "/",                                                                                  NULL             },
    {ID "/tables/x/query",                                                                    NULL             },
    {ID "/query/more",                                                                        NULL             },
    {"/v1/subscriptions/s/query",                                                             NULL             },
    {"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/w/query", NULL             },
    {"/v1/workspaces/w/query",                                                                NULL             },
    {"/v2" ID "/query",                                                                       NULL             },
    {"",                                                                                      NULL             },
    {"/",                                                                                     NULL             },
};

static void
check_paths(void)
{
    char out[400], small[20];

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        bool is_one = hunting_path_plain(paths[i].path, out, sizeof out);

        CHECK(is_one == (paths[i].plain != NULL) && (!is_one || strcmp(out, paths[i].plain) == 0),
              "'%s': %d '%s'", paths[i].path, is_one, is_one ? out : "");
    }
    CHECK(!hunting_path_plain(ID "/query", small, sizeof small), "no room");
}

static const struct {
    const char *body, *fault; /* NULL: none */
    const char *text;
    size_t workspaces;
} bodies[] = {
    {"{\"query\":\"T\"}",                                                         NULL,                              "T",          0},
    {"{\"Query\":\"T\",\"Timespan\":\"P1D\"}",                                    NULL,                              "T",          0},
    {"{\"QUERY\":\"T\"}",                                                         NULL,                              "T",          0},
    {"{\"query\":\"a\",\"Query\":\"b\"}",                                         NULL,                              "a",          0},
    {"{\"query\":\"T\",\"timespan\":null,\"workspaces\":null}",                   NULL,                              "T",          0},
    {"{\"query\":\"T\",\"timespan\":\"\"}",                                       NULL,                              "T",          0},
    {"{\"query\":\"T\",\"workspaces\":[]}",                                       NULL,                              "T",          0},
    {"{\"query\":\"T\",\"workspaces\":[\"a\",\"b\"],\"options\":{\"x\":1}}",      NULL,                              "T",          2},
    {"{\"query\":\"\\u00e9\\n\"}",                                                NULL,                              "\xc3\xa9\n", 0},
    {"{}",                                                                        "'query' is missing",              NULL,         0},
    {"{\"query\":null}",                                                          "'query' is missing",              NULL,         0},
    {"{\"query\":1}",                                                             "'query' must be a text",          NULL,         0},
    {"{\"query\":[\"T\"]}",                                                       "'query' must be a text",          NULL,         0},
    {"{\"query\":{\"a\":1}}",                                                     "'query' must be a text",          NULL,         0},
    {"{\"query\":\"\"}",                                                          "'query' is empty",                NULL,         0},
    {"{\"query\":\"  \"}",                                                        "'query' is empty",                NULL,         0},
    {"{\"query\":\"T\",\"timespan\":7}",                                          "'timespan' must be a text",       NULL,         0},
    {"{\"query\":\"T\",\"timespan\":\"soon\"}",                                   "'soon' is no ISO 8601 time span", NULL,         0},
    {"{\"query\":\"T\",\"timespan\":\"2026-02-02/2026-02-01\"}",                  "ends before it begins",           NULL,         0},
    {"{\"query\":\"T\",\"workspaces\":\"a\"}",                                    "'workspaces' must be a list",     NULL,         0},
    {"{\"query\":\"T\",\"workspaces\":[1]}",                                      "'workspaces[0]' must be a name",  NULL,         0},
    {"{\"query\":\"T\",\"workspaces\":[\"a\",\"\"]}",                             "'workspaces[1]' must be a name",  NULL,         0},
    {"{\"query\":\"T\",\"workspaceId\":\"w\"}",                                   NULL,                              "T",          0},
    {"{\"query\":\"T\",\"workspaceId\":7}",                                       "'workspaceId' must be a text",    NULL,         0},
    {"[]",                                                                        "must be an object",               NULL,         0},
    {"[{\"query\":\"T\"}]",                                                       "must be an object",               NULL,         0},
    {"\"T\"",                                                                     "the body is not JSON",            NULL,         0},
    {"",                                                                          "the body is not JSON",            NULL,         0},
    {"{",                                                                         "the body is not JSON: line 1",    NULL,         0},
    {"{\"query\":\"T\"} x",                                                       "the body is not JSON",            NULL,         0},
    {"{\"query\":\"T\",\"query\":\"U\"}",                                         "the body is not JSON",            NULL,         0},
    {"{\"query\":\"\\u0000\"}",                                                   "the body is not JSON",            NULL,         0},
    {"{\"query\":\"\xff\"}",                                                      "the body is not JSON",            NULL,         0},
    {"{\"query\":\"T\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
     "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "deeper than 64",                  NULL,         0},
};

static void
check_bodies(void)
{
    static struct hunting_query q;

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct err err = {""};
        json_t *tree = hunting_json_read(span_of(bodies[i].body), &err);
        bool fine = tree != NULL && hunting_query_read(tree, ticks(NOW), &q, &err);

        CHECK(fine == (bodies[i].fault == NULL), "%s: %d %s", bodies[i].body, fine, err.text);
        if (fine && bodies[i].fault == NULL)
            CHECK(span_is(q.text, bodies[i].text) && q.workspace_count == bodies[i].workspaces,
                  "%s: '%.*s' %zu", bodies[i].body, (int)q.text.n, q.text.p, q.workspace_count);
        else
            CHECK(bodies[i].fault != NULL && strstr(err.text, bodies[i].fault) != NULL, "%s: '%s'",
                  bodies[i].body, err.text);
        json_decref(tree);
    }
}

int
main(void)
{
    check_periods();
    check_both();
    check_prefers();
    check_encodings();
    check_paths();
    check_bodies();
    return test_end();
}
