#include "base/test.h"
#include "posture/score.h"

static const struct {
    const char *name;
    int64_t healthy, unhealthy, max;
    struct score expect;
} controls[] = {
    {"nothing assessed",                      0, 0,  2,  {0, 0, 0, 0}                            },
    {"all healthy",                           1, 0,  10, {10, 1000, 10000, 1}                    },
    {"best practice without points",          7, 0,  0,  {0, 0, 0, 7}                            },
    {"one of five",                           1, 4,  1,  {1, 20, 2000, 5}                        },
    {"share of the rounded points",           5, 1,  4,  {4, 333, 8325, 6}                       },
    {"rounds half up: 0.125 of one point",    1, 7,  1,  {1, 13, 1300, 8}                        },
    {"few of many",                           4, 74, 6,  {6, 31, 517, 78}                        },
    {"millions of resources do not overflow",
     2999999,                                    1,
     SCORE_MAX_MAX,                                      {SCORE_MAX_MAX, 1000000, 10000, 3000000}},
};

static bool
same(struct score a, struct score b)
{
    return a.max == b.max && a.current == b.current && a.percentage == b.percentage &&
           a.weight == b.weight;
}

static void
test_controls(void)
{
    for (size_t i = 0; i < COUNT_OF(controls); i++) {
        struct score s =
            score_of_control(controls[i].healthy, controls[i].unhealthy, controls[i].max);

        CHECK(same(s, controls[i].expect), "%s: %lld %lld %lld %lld", controls[i].name,
              (long long)s.max, (long long)s.current, (long long)s.percentage, (long long)s.weight);
    }
}

static void
test_subscription(void)
{
    struct score sum = {.weight = 67};

    score_add(&sum, score_of_control(5, 1, 4));
    score_add(&sum, score_of_control(0, 0, 8));
    score_add(&sum, score_of_control(1, 1, 4));
    CHECK(same(sum, (struct score){8, 533, 6663, 67}), "controls that are not assessed drop out");
}

static void
test_several(void)
{
    const struct score_part parts[] = {
        {6033, 67},
        {9000, 33}
    };

    CHECK(score_of_several(parts, 2) == 7012, "two, weighted");
    CHECK(score_of_several(parts, 1) == 6033, "one");
    CHECK(score_of_several(parts, 0) == 0, "none");
}

static const struct {
    const char *name;
    bool was_sent;
    int64_t sent, now;
    bool moved;
} steps[] = {
    {"never sent",                   false, 0,    333,  true },
    {"up by a hundredth",            true,  333,  334,  true },
    {"down by a hundredth",          true,  2353, 2352, true },
    {"unmoved",                      true,  333,  333,  false},
    {"half of a larger threshold",   true,  300,  304,  false},
    {"a larger threshold, added up", true,  300,  308,  true },
};

static void
test_moved(void)
{
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct score sent = {.current = steps[i].sent}, now = {.current = steps[i].now};

        CHECK(score_moved(steps[i].was_sent ? &sent : NULL, &now, i < 4 ? 1 : 8, false) ==
                  steps[i].moved,
              "%s", steps[i].name);
    }
    struct score a = {.current = 333, .percentage = 8325}, b = {.current = 334, .percentage = 8350};

    CHECK(!score_moved(&a, &b, 100, true),
          "a quarter of a point in a hundred is under one in a hundred");
    CHECK(score_moved(&a, &b, 25, true), "and is a quarter");
}

int
main(void)
{
    test_controls();
    test_subscription();
    test_several();
    test_moved();
    CHECK(score_points(333) == 3.33 && score_share(8325) == 0.8325, "as JSON has them");
    return test_end();
}
