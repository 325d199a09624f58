/* list_test.c - pages: every resource once, whatever the page's size, and nobody else's. */
#include "base/clock.h"
#include "base/test.h"
#include "posture/file_bed.h"
#include "posture/json_text.h"
#include "posture/posture.h"

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
#define OTHER "11111111-90d3-4f3e-8a55-1d2f6b9c0e11"
#define S1 "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define S2 "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e611"
#define RG S1 "/resourceGroups/rg"
#define VM(n) RG "/providers/Microsoft.Compute/virtualMachines/" n
#define SEC "/providers/Microsoft.Security"
#define META                                                                                       \
    "{\"properties\":{\"displayName\":\"D\",\"severity\":\"High\",\"assessmentType\":\"BuiltIn\"}" \
    "}"

static struct err err;

static int64_t
now(void *clock)
{
    (void)clock;
    return TICKS_AT_UNIX_EPOCH;
}

static void
put(struct posture *p, const char *tenant, const char *id, const char *body)
{
    struct posture_result r = {0};
    const struct posture_item item = {span_of(id), span_of(body), false};

    CHECK(posture_apply(p, tenant, "test", &item, 1, &r, &err) == ST_OK &&
              r.outcome == POSTURE_CREATED,
          "%s: %s %s", id, err.text, r.message.text);
}

static void
fill(struct posture *p)
{
    static const char *const about[] = {S1, VM("vm-1"), VM("vm-1-b"), VM("vm-10"), VM("VM-2"), S2};
    static const char *const codes[] = {"Healthy", "Unhealthy"};

    put(p, TENANT, SEC "/assessmentMetadata/a0", META);
    put(p, TENANT, SEC "/assessmentMetadata/a1", META);
    put(p, TENANT, S1 SEC "/assessmentMetadata/own", META);
    put(p, OTHER, S1 SEC "/assessments/a0", "{\"properties\":{\"status\":{\"code\":\"Healthy\"}}}");
    for (size_t i = 0; i < COUNT_OF(about); i++)
        for (int a = 0; a < 3; a++) {
            char id[400], body[200];

            snprintf(id, sizeof id, "%s" SEC "/assessments/a%d", about[i], a);
            snprintf(
                body, sizeof body,
                "{\"properties\":{\"status\":{\"code\":\"%s\"},\"additionalData\":{\"n\":%d.10}}}",
                codes[a % 2], a);
            put(p, TENANT, id, body);
            for (int f = 0; f < a; f++) {
                snprintf(id, sizeof id, "%s" SEC "/assessments/a%d/subAssessments/f%d", about[i], a,
                         f);
                put(p, TENANT, id,
                    "{\"properties\":{\"status\":{\"code\":\"Unhealthy\",\"severity\":\"Low\"}}}");
            }
        }
}

static const struct {
    const char *name, *type, *scope, *filter;
    size_t count;
} cases[] = {
    {"all assessments",                    "assessments",        "",                               "",                                      18},
    {"any case",                           "ASSESSMENTS",        "",                               "",                                      18},
    {"of a subscription",                  "assessments",        S1,                               "",                                      15},
    {"of a group",                         "assessments",        RG,                               "",                                      12},
    {"of a group, any case",               "assessments",        S1 "/RESOURCEGROUPS/RG",          "",                                      12},
    {"of a resource, not its neighbour",   "assessments",        VM("vm-1"),                       "",                                      3 },
    {"a trailing slash",                   "assessments",        VM("vm-1") "/",                   "",                                      3 },
    {"of the other subscription",          "assessments",        S2,                               "",                                      3 },
    {"of a subscription without any",      "assessments",
     "/subscriptions/00000000-6b1e-4c55-9d0e-7a41c2b9e610",                                        "",                                      0 },
    {"findings",                           "subAssessments",     "",                               "",                                      18},
    {"findings of an assessment",          "subAssessments",     VM("vm-1") SEC "/assessments/a2", "",                                      2 },
    {"of an assessment without any",       "subAssessments",     VM("vm-1") SEC "/assessments/a0", "",                                      0 },
    {"of an assessment that is not there", "subAssessments",     VM("vm-1") SEC "/assessments/zz", "",
     0                                                                                                                                        },
    {"findings of a resource",             "subAssessments",     VM("vm-1"),                       "",                                      3 },
    {"metadata of the catalog and all",    "assessmentMetadata", "",                               "",                                      3 },
    {"metadata for a subscription",        "assessmentMetadata", S1,                               "",                                      3 },
    {"metadata for another",               "assessmentMetadata", S2,                               "",                                      2 },
    {"filtered",                           "assessments",        S1,                               "properties/status/code eq 'unhealthy'", 5 },
    {"by name",                            "assessments",        "",                               "name eq 'a1' or contains(id,'vm-10')",  8 },
    {"filtered to nothing",                "assessments",        "",                               "name eq 'zz'",                          0 },
};

/* All pages; *ids hashes must differ. Gives the count, SIZE_MAX on failure. */
static size_t
count_all(struct posture *p, size_t i, size_t top, const char *tenant)
{
    char next[64] = "";
    struct text ids = {0};
    size_t count = 0;

    for (int page = 0; page < 200; page++) {
        const struct posture_query q = {.tenant = tenant,
                                        .type = cases[i].type,
                                        .scope = span_of(cases[i].scope),
                                        .filter = span_of(cases[i].filter),
                                        .after = page > 0 ? next : NULL,
                                        .top = top,
                                        .expand = true};
        char *text, after[64];
        size_t size;
        struct span key, value;
        uint64_t hash;

        if (posture_list(p, &q, &text, &size, after, &err) != ST_OK) {
            CHECK(false, "%s: %s", cases[i].name, err.text);
            return SIZE_MAX;
        }
        CHECK(json_text_check((struct span){text, size}, NULL, 0, &hash, &err) == ST_OK, "%s",
              err.text);
        struct json_walk w = json_walk_begin((struct span){text, size});

        while (json_walk_next(&w, &key, &value)) {
            struct span id = json_at(value, "id");
            char line[500];

            snprintf(line, sizeof line, "%.*s\n", (int)id.n, id.p);
            text_add(&ids, (struct span){"", 1});
            ids.n--;
            CHECK(ids.n == 0 || strstr(ids.p, line) == NULL, "%s: twice %s", cases[i].name, line);
            text_puts(&ids, line);
            count++;
        }
        free(text);
        memcpy(next, after, sizeof next);
        if (next[0] == '\0') {
            text_free(&ids);
            return count;
        }
    }
    CHECK(false, "%s: pages without end", cases[i].name);
    text_free(&ids);
    return SIZE_MAX;
}

static const struct {
    const char *name, *type, *scope, *filter, *after;
    size_t top;
} bad[] = {
    {"a type",             "pricings",    "",      "",     NULL,                     10  },
    {"a scope",            "assessments", "/../x", "",     NULL,                     10  },
    {"a filter",           "assessments", "",      "name", NULL,                     10  },
    {"no page",            "assessments", "",      "",     NULL,                     0   },
    {"a page too large",   "assessments", "",      "",     NULL,                     1001},
    {"a link of nonsense", "assessments", "",      "",     "x",                      10  },
    {"a link with more",   "assessments", "",      "",     "0-1-1-1-1",              10  },
    {"a phase",            "assessments", "",      "",     "7-1-1-1",                10  },
    {"a scope elsewhere",  "assessments", S2,      "",     "2-3-0-0",                10  },
    {"a scope unknown",    "assessments", "",      "",     "2-ffff-0-0",             10  },
    {"injection",          "assessments", "",      "",     "2-1-0-0;DROP TABLE hot", 10  },
};

int
main(void)
{
    const struct posture_options o = {.path = path(), .cache_size = 4 << 20, .now = now};
    struct posture *p;
    char *text, next[64];
    size_t size;

    remove_file();
    if (posture_open(&o, &p, &err) != ST_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    fill(p);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static const size_t tops[] = {1, 2, 7, 1000};

        for (size_t t = 0; t < COUNT_OF(tops); t++) {
            size_t count = count_all(p, i, tops[t], TENANT);

            CHECK(count == cases[i].count, "%s, %zu a page: %zu", cases[i].name, tops[t], count);
        }
    }
    CHECK(count_all(p, 0, 10, OTHER) == 1, "another tenant sees its own");
    CHECK(count_all(p, 0, 10, "22222222-90d3-4f3e-8a55-1d2f6b9c0e11") == 0,
          "an unknown one nothing");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const struct posture_query q = {.tenant = TENANT,
                                        .type = bad[i].type,
                                        .scope = span_of(bad[i].scope),
                                        .filter = span_of(bad[i].filter),
                                        .after = bad[i].after,
                                        .top = bad[i].top};

        err.text[0] = '\0';
        CHECK(posture_list(p, &q, &text, &size, next, &err) == ST_INVALID && err.text[0] != '\0',
              "%s", bad[i].name);
    }
    /* numbers as they came; names and the metadata's text */
    CHECK(posture_get(p, TENANT, SPAN_LITERAL(S1 SEC "/ASSESSMENTS/A1"), true, &text, &size,
                      &err) == ST_OK,
          "%s", err.text);
    CHECK(strstr(text, "{\"n\":1.10}") && strstr(text, "\"displayName\":\"D\"") &&
              strstr(text, "\"severity\":\"High\"") && strstr(text, "\"name\":\"a1\""),
          "%s", text);
    free(text);
    posture_close(p);
    remove_file();
    return test_end();
}
