/* pattern_test.c - patterns that are and are not, and where a row's time stands. */
#include "base/clock.h"
#include "base/test.h"
#include "sink/pattern.h"

static const struct {
    const char *pattern, *expected; /* NULL: refused */
} patterns[] = {
    {"plain",                   "plain"                        },
    {"",                        ""                             },
    {"logs-penstock.{table}-x", "logs-penstock.AlertInfo-x"    },
    {"{category}/{tenant}",     "AdvancedHunting-AlertInfo/t-1"},
    {"{date}{date}",            "2026.09.142026.09.14"         },
    {"{Table}",                 NULL                           },
    {"{table",                  NULL                           },
    {"table}",                  NULL                           },
    {"{}",                      NULL                           },
    {"a\nb",                    NULL                           },
};

static const struct {
    const char *row;
    int hour; /* of 2026-09-14; -1: none */
} rows[] = {
    {"{\"time\":\"2026-09-14T08:00:00Z\",\"Timestamp\":\"2026-09-14T09:00:00Z\"}", 8 },
    {"{\"Timestamp\":\"2026-09-14T09:00:00Z\",\"TimeGenerated\":\"x\"}",           9 },
    {"{\"@timestamp\":\"2026-09-14T07:00:00.0000000Z\"}",                          7 },
    {"{\"TimeGenerated\":\"2026-09-14T10:00:00+00:00\"}",                          10},
    {"{\"properties\":{\"timeGenerated\":\"2026-09-14T11:00:00Z\"}}",              11},
    {"{\"time\":\"soon\",\"Timestamp\":\"2026-09-14T09:00:00Z\"}",                 9 },
    {"{\"time\":5}",                                                               -1},
    {"{\"TIME\":\"2026-09-14T12:00:00Z\"}",                                        12},
    {"{}",                                                                         -1},
    {"",                                                                           -1},
};

int
main(void)
{
    const struct lane lane = {
        .tenant = "t-1", .category = "AdvancedHunting-AlertInfo", .table = "AlertInfo"};
    const int64_t day = TICKS_AT_UNIX_EPOCH + INT64_C(1789344000) * TICKS_PER_SECOND;

    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct buffer out = {NULL, 0, 0};
        struct err err = {""};
        enum status st = pattern_check(patterns[i].pattern, "here", &err);

        CHECK((st == ST_OK) == (patterns[i].expected != NULL) &&
                  (st == ST_OK) == (err.text[0] == '\0'),
              "'%s': %d %s", patterns[i].pattern, (int)st, err.text);
        if (st != ST_OK)
            continue;
        CHECK(pattern_write(patterns[i].pattern, &lane, day, &out) &&
                  buffer_add(&out, (struct span){"", 0}) &&
                  strcmp(out.p, patterns[i].expected) == 0,
              "'%s': %s", patterns[i].pattern, out.p);
        buffer_wipe(&out);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ticks = row_time(span_of(rows[i].row), -1);

        CHECK(ticks == (rows[i].hour < 0 ? -1 : day + rows[i].hour * TICKS_PER_HOUR), "%s: %lld",
              rows[i].row, (long long)ticks);
    }
    return test_end();
}
