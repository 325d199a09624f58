/* datetime_test.c - text to ticks and back, at the edges of the calendar and on every day of it. */
#include "base/test.h"
#include "model/datetime.h"

static const struct {
    const char *name, *text, *written; /* written NULL: must be refused */
} cases[] = {
    {"wire form",             "2026-09-14T08:07:45.2820995Z",    "2026-09-14T08:07:45.2820995Z"},
    {"no fraction",           "2026-09-14T08:07:45Z",            "2026-09-14T08:07:45.0000000Z"},
    {"trimmed fraction",      "2026-05-18T12:09:03.59Z",         "2026-05-18T12:09:03.5900000Z"},
    {"one digit",             "2026-05-18T12:09:03.5Z",          "2026-05-18T12:09:03.5000000Z"},
    {"nine digits are cut",   "2026-05-18T12:09:03.123456789Z",  "2026-05-18T12:09:03.1234567Z"},
    {"no zone is UTC",        "2026-05-18T12:09:03.5",           "2026-05-18T12:09:03.5000000Z"},
    {"blank for T",           "2026-05-18 12:09:03",             "2026-05-18T12:09:03.0000000Z"},
    {"east",                  "2026-01-01T01:30:00+02:00",       "2025-12-31T23:30:00.0000000Z"},
    {"west",                  "2026-12-31T23:30:00.25-05:45",    "2027-01-01T05:15:00.2500000Z"},
    {"first moment",          "0001-01-01T00:00:00Z",            "0001-01-01T00:00:00.0000000Z"},
    {"last moment",           "9999-12-31T23:59:59.9999999Z",    "9999-12-31T23:59:59.9999999Z"},
    {"leap day",              "2024-02-29T00:00:00Z",            "2024-02-29T00:00:00.0000000Z"},
    {"leap century",          "2000-02-29T23:59:59Z",            "2000-02-29T23:59:59.0000000Z"},
    {"epoch",                 "1970-01-01T00:00:00Z",            "1970-01-01T00:00:00.0000000Z"},
    {"common year's 29th",    "2026-02-29T00:00:00Z",            NULL                          },
    {"common century's 29th", "1900-02-29T00:00:00Z",            NULL                          },
    {"31 April",              "2026-04-31T00:00:00Z",            NULL                          },
    {"month 0",               "2026-00-01T00:00:00Z",            NULL                          },
    {"month 13",              "2026-13-01T00:00:00Z",            NULL                          },
    {"day 0",                 "2026-01-00T00:00:00Z",            NULL                          },
    {"year 0",                "0000-12-31T00:00:00Z",            NULL                          },
    {"hour 24",               "2026-01-01T24:00:00Z",            NULL                          },
    {"minute 60",             "2026-01-01T00:60:00Z",            NULL                          },
    {"leap second",           "2016-12-31T23:59:60Z",            NULL                          },
    {"ten digits",            "2026-05-18T12:09:03.1234567890Z", NULL                          },
    {"empty fraction",        "2026-05-18T12:09:03.Z",           NULL                          },
    {"date alone",            "2026-05-18",                      NULL                          },
    {"no seconds",            "2026-05-18T12:09Z",               NULL                          },
    {"bytes behind",          "2026-05-18T12:09:03Zx",           NULL                          },
    {"blank behind",          "2026-05-18T12:09:03Z ",           NULL                          },
    {"zone without colon",    "2026-05-18T12:09:03+0200",        NULL                          },
    {"zone hour 24",          "2026-05-18T12:09:03+24:00",       NULL                          },
    {"zone minute 60",        "2026-05-18T12:09:03+00:60",       NULL                          },
    {"before the calendar",   "0001-01-01T00:00:00+00:01",       NULL                          },
    {"behind the calendar",   "9999-12-31T23:59:59-00:01",       NULL                          },
    {"empty",                 "",                                NULL                          },
    {"sign in the year",      "-026-05-18T12:09:03Z",            NULL                          },
    {"high digits",           "2026-05-1\xb9T12:09:03Z",         NULL                          },
};

static void
test_table(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[DATETIME_TEXT_SIZE + 1] = "";
        int64_t ticks = -1;
        bool is_read = datetime_read(span_of(cases[i].text), &ticks);

        if (cases[i].written == NULL) {
            CHECK(!is_read && ticks == -1, "%s: read as %lld", cases[i].name, (long long)ticks);
            continue;
        }
        datetime_write(out, ticks);
        CHECK(is_read && strcmp(out, cases[i].written) == 0, "%s: '%s'", cases[i].name, out);
    }
}

/* Every cut of a good text must be refused or read, and never read past its end (address
 * sanitizer). */
static void
test_cuts(void)
{
    const char text[] = "2026-12-31T23:30:00.1234567-05:45";
    int reads = 0;

    for (size_t n = 0; n < sizeof text; n++) {
        char *cut = malloc(n + (n == 0));
        int64_t ticks;

        memcpy(cut, text, n);
        reads += datetime_read((struct span){cut, n}, &ticks);
        free(cut);
    }
    CHECK(reads == 1 + 7 + 1, "%d cuts were read: the second, seven fractions, the whole", reads);
}

static void
test_numbers(void)
{
    int64_t ticks;
    struct datetime_parts d = datetime_split(INT64_MIN);

    CHECK(datetime_read(SPAN_LITERAL("1970-01-01T00:00:00Z"), &ticks) &&
              ticks == TICKS_AT_UNIX_EPOCH,
          "epoch %lld", (long long)ticks);
    CHECK(d.year == 1 && d.month == 1 && d.day == 1 && d.fraction == 0, "before the first moment");
    d = datetime_split(INT64_MAX);
    CHECK(d.year == 9999 && d.second == 59 && d.fraction == 9999999, "after the last moment");
}

/* Walks all 3,652,059 days with a calendar that only counts, and compares. */
static void
test_every_day(void)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = 0, wrong = 0;

    for (int year = 1; year <= 9999; year++) {
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 1; month <= 12; month++) {
            for (int i = 1; i <= days[month - 1] + (month == 2 && is_leap); i++, day++) {
                int64_t ticks = day * 24 * TICKS_PER_HOUR + 12345678901;
                struct datetime_parts d = datetime_split(ticks);

                wrong += d.year != year || d.month != month || d.day != i;
                if (i == 1 || i >= 28) {
                    char out[DATETIME_TEXT_SIZE];
                    int64_t again = -1;

                    datetime_write(out, ticks);
                    wrong +=
                        !datetime_read((struct span){out, sizeof out}, &again) || again != ticks;
                }
            }
        }
    }
    CHECK(day == 3652059 && wrong == 0, "%lld of %lld days wrong", (long long)wrong,
          (long long)day);
}

int
main(void)
{
    test_table();
    test_cuts();
    test_numbers();
    test_every_day();
    return test_end();
}
