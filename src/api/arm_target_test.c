/* arm_target_test.c - raw paths of clients, good and bad, and the patterns that they meet. */
#include "api/arm_target.h"
#include "base/test.h"

#define S "/subscriptions/s"

static const struct {
    const char *name, *raw, *joined; /* NULL: it is no path */
} paths[] = {
    {"a subscription",              S,                                                         S                   },
    {"a slash at the end",          S "/",                                                     S                   },
    {"a slash of the client's own", "/" S,                                                     S                   },
    {"an encoded scope",            "/%2Fsubscriptions%2Fs%2fresourceGroups%2Frg/providers/x",
     S "/resourceGroups/rg/providers/x"                                                                            },
    {"a scope without its slash",   "/subscriptions%2Fs/x",                                    S "/x"              },
    {"names are decoded",           S "/na%20me/%C3%A4%25",                                    S "/na me/\xc3\xa4%"},
    {"nothing",                     "/",                                                       ""                  },
    {"two slashes inside",          S "//x",                                                   NULL                },
    {"a slash inside a later name", S "/a%2Fb",                                                NULL                },
    {"one that climbs",             S "/../x",                                                 NULL                },
    {"one that climbs in disguise", S "/%2e%2E/x",                                             NULL                },
    {"one that stays",              S "/./x",                                                  NULL                },
    {"a NUL",                       S "/a%00",                                                 NULL                },
    {"a control",                   S "/a%0a",                                                 NULL                },
    {"a delete",                    S "/a%7F",                                                 NULL                },
    {"a bad escape",                S "/a%2",                                                  NULL                },
    {"half an escape",              S "/%g0",                                                  NULL                },
};

static const struct {
    const char *pattern, *raw;
    bool fits;
    size_t scope;
} patterns[] = {
    {S,                               S,                                                      true,  0},
    {S,                               "/SUBSCRIPTIONS/S",                                     true,  0},
    {S,                               "/subscriptions/t",                                     false, 0},
    {"/subscriptions/{id}",           "/subscriptions/t",                                     true,  0},
    {"/subscriptions/{id}",           "/subscriptions/t/u",                                   false, 0},
    {"/subscriptions/{id}",           "/subscriptions",                                       false, 0},
    {"/{scope}/providers/P/a/{name}", S "/providers/p/A/n",                                   true,  2},
    {"/{scope}/providers/P/a/{name}", S "/resourceGroups/rg/providers/Q/t/n/providers/P/a/n", true,
     8                                                                                                },
    {"/{scope}/providers/P/a/{name}", "/providers/P/a/n",                                     false, 0},
    {"/{scope}/providers/P/a/{name}", "/x/providers/P/a/n",                                   false, 0},
    {"/{scope}/providers/P/a/{name}", S "/providers/P/b/n",                                   false, 0},
};

int
main(void)
{
    struct arm_target p;
    char joined[ARM_ID_SIZE], long_path[2 * ARM_ID_SIZE + 10];
    struct err err;
    size_t scope;

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        bool is_one = arm_target_read(paths[i].raw, &p, &err);

        CHECK(is_one == (paths[i].joined != NULL), "%s", paths[i].name);
        if (!is_one || paths[i].joined == NULL)
            continue;
        arm_target_join(&p, p.count, joined);
        CHECK(strcmp(joined, paths[i].joined) == 0, "%s: %s", paths[i].name, joined);
    }
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        CHECK(arm_target_read(patterns[i].raw, &p, &err), "%s", patterns[i].raw);
        CHECK(arm_target_matches(patterns[i].pattern, &p) == patterns[i].fits, "%s and %s",
              patterns[i].pattern, patterns[i].raw);
        if (patterns[i].fits)
            CHECK(arm_target_scope(patterns[i].pattern, &p, &scope) && scope == patterns[i].scope,
                  "%s: %zu", patterns[i].raw, scope);
    }
    for (size_t n = ARM_ID_SIZE - 10; n < sizeof long_path; n += n < ARM_ID_SIZE + 10 ? 1 : 500) {
        memset(long_path, 'x', n);
        long_path[0] = '/';
        long_path[n] = '\0';
        CHECK(arm_target_read(long_path, &p, &err) == (n < ARM_ID_SIZE), "%zu bytes", n);
    }
    for (size_t n = 0; n + 1 < sizeof long_path; n += 2)
        memcpy(long_path + n, "/x", 2);
    long_path[2 * (ARM_SEGMENTS_MAX + 1)] = '\0';
    CHECK(!arm_target_read(long_path, &p, &err), "65 segments");
    long_path[2 * ARM_SEGMENTS_MAX] = '\0';
    CHECK(arm_target_read(long_path, &p, &err) && p.count == ARM_SEGMENTS_MAX, "64 segments");
    return test_end();
}
