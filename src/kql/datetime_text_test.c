/* datetime_text_test.c - datetimes and timespans, read and printed. */
#include "base/test.h"
#include "kql/datetime_text.h"

static const struct {
    const char *text, *printed; /* NULL: does not convert */
} datetimes[] = {
    {"2014-05-25T08:20:03.123456Z",      "2014-05-25T08:20:03.1234560Z"},
    {"2014-05-25T08:20:03.123456",       "2014-05-25T08:20:03.1234560Z"},
    {"2014-05-25T08:20",                 "2014-05-25T08:20:00.0000000Z"},
    {"2014-11-08 15:55:55.123456Z",      "2014-11-08T15:55:55.1234560Z"},
    {"2014-11-08 15:55:55",              "2014-11-08T15:55:55.0000000Z"},
    {"2014-11-08 15:55",                 "2014-11-08T15:55:00.0000000Z"},
    {"2014-11-08",                       "2014-11-08T00:00:00.0000000Z"},
    {"2014-11-08T15:05:25+02:00",        "2014-11-08T13:05:25.0000000Z"},
    {"2014-11-08T15:05:25-0230",         "2014-11-08T17:35:25.0000000Z"},
    {"2014-11-08 15:05 +02",             "2014-11-08T13:05:00.0000000Z"},
    {"2014-11-08 15:05:25 GMT",          "2014-11-08T15:05:25.0000000Z"},
    {"2014-11-08T15:05 UTC",             "2014-11-08T15:05:00.0000000Z"},
    {"Sat, 8 Nov 14 15:05:02 GMT",       "2014-11-08T15:05:02.0000000Z"},
    {"Sat, 8 Nov 14 15:05:02",           "2014-11-08T15:05:02.0000000Z"},
    {"Sat, 8 Nov 14 15:05",              "2014-11-08T15:05:00.0000000Z"},
    {"Sat, 8 Nov 14 15:05 GMT",          "2014-11-08T15:05:00.0000000Z"},
    {"8 Nov 14 15:05:02 GMT",            "2014-11-08T15:05:02.0000000Z"},
    {"8 Nov 2014 15:05",                 "2014-11-08T15:05:00.0000000Z"},
    {"Saturday, 08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"},
    {"08-Nov-14 15:05",                  "2014-11-08T15:05:00.0000000Z"},
    {"8 Nov 98 15:05",                   "1998-11-08T15:05:00.0000000Z"},
    {"2007 - 11 - 01",                   "2007-11-01T00:00:00.0000000Z"},
    {"2025, 6, 14",                      "2025-06-14T00:00:00.0000000Z"},
    {"1970-5-12",                        "1970-05-12T00:00:00.0000000Z"},
    {"2020/06/15 13:45",                 "2020-06-15T13:45:00.0000000Z"},
    {"6/15/2020 1:45:09 PM",             "2020-06-15T13:45:09.0000000Z"},
    {"6/15/2020 12:00:00 AM",            "2020-06-15T00:00:00.0000000Z"},
    {"15/6/2020",                        NULL                          }, /* day first */
    {" 2020-01-01 ",                     "2020-01-01T00:00:00.0000000Z"},
    {"0001-01-01",                       "0001-01-01T00:00:00.0000000Z"},
    {"9999-12-31 23:59:59.9999999",      "9999-12-31T23:59:59.9999999Z"},
    {"2020-01-01T00:00:00.123456789Z",   "2020-01-01T00:00:00.1234567Z"},
    {"0001-01-01T00:00:00+00:01",        NULL                          }, /* before the first moment */
    {"9999-12-31T23:59:59-00:01",        NULL                          },
    {"2020-02-30",                       NULL                          },
    {"2020-13-01",                       NULL                          },
    {"2020-00-01",                       NULL                          },
    {"2019-02-29",                       NULL                          },
    {"2020-02-29",                       "2020-02-29T00:00:00.0000000Z"},
    {"1900-02-29",                       NULL                          },
    {"0000-01-01",                       NULL                          },
    {"2020-01-01 24:00",                 NULL                          },
    {"2020-01-01 10:60",                 NULL                          },
    {"2020-01-01 10:00:60",              NULL                          },
    {"2020-01-01 13:00 PM",              NULL                          },
    {"2020-01-01T",                      NULL                          },
    {"2020-01-01T10",                    NULL                          },
    {"2020-01-01 10:00 CET",             NULL                          },
    {"2020-01-01 10:00+25:00",           NULL                          },
    {"2020-01/01",                       NULL                          },
    {"2020-01-01x",                      NULL                          },
    {"20200-01-01",                      NULL                          },
    {"Mun, 8 Nov 14 15:05",              NULL                          },
    {"8 Nix 14 15:05",                   NULL                          },
    {"not a date",                       NULL                          },
    {"",                                 NULL                          },
};

static const struct {
    const char *text, *printed;
} timespans[] = {
    {"1d",                                            "1.00:00:00"                },
    {"90s",                                           "00:01:30"                  },
    {"1.5h",                                          "01:30:00"                  },
    {"-1.5h",                                         "-01:30:00"                 },
    {"15 seconds",                                    "00:00:15"                  },
    {"100ms",                                         "00:00:00.1000000"          },
    {"10microsecond",                                 "00:00:00.0000100"          },
    {"1tick",                                         "00:00:00.0000001"          },
    {"250nanoseconds",                                "00:00:00.0000002"          },
    {"0.1s",                                          "00:00:00.1000000"          },
    {"2",                                             "2.00:00:00"                },
    {"13:00",                                         "13:00:00"                  },
    {"-00:30:00",                                     "-00:30:00"                 },
    {"0:0:0.001",                                     "00:00:00.0010000"          },
    {"1.02:03:04.5",                                  "1.02:03:04.5000000"        },
    {"-1.02:03:04.5",                                 "-1.02:03:04.5000000"       },
    {"1:02:03:04",                                    "1.02:03:04"                },
    {"1.02:03",                                       "1.02:03:00"                },
    {"0.12:34:56.7",                                  "12:34:56.7000000"          },
    {"23:59:59.9999999",                              "23:59:59.9999999"          },
    {"100.00:00:00",                                  "100.00:00:00"              },
    {"10675199.02:48:05.4775807",                     "10675199.02:48:05.4775807" },
    {"10675199.02:48:05.4775808",                     NULL                        },
    {"-10675199.02:48:05.4775808",                    "-10675199.02:48:05.4775808"},
    {"10675200d",                                     NULL                        },
    {"1.5",                                           NULL                        },
    {"24:00",                                         NULL                        },
    {"10:60",                                         NULL                        },
    {"10:00:60",                                      NULL                        },
    {"1.02",                                          NULL                        },
    {"10:00.5",                                       NULL                        },
    {"1w",                                            NULL                        },
    {"1e3s",                                          NULL                        },
    {"d",                                             NULL                        },
    {"",                                              NULL                        },
    {"-",                                             NULL                        },
    {"10:",                                           NULL                        },
    {"99999999999999999999999999999999999999999999d", NULL                        },
};

int
main(void)
{
    char text[40];
    int64_t ticks;

    for (size_t i = 0; i < COUNT_OF(datetimes); i++) {
        bool converts = kql_read_datetime(span_of(datetimes[i].text), &ticks);

        CHECK(converts == (datetimes[i].printed != NULL), "datetime '%s': %d", datetimes[i].text,
              converts);
        if (converts && datetimes[i].printed != NULL)
            CHECK(
                span_is((struct span){text, kql_print_datetime(ticks, text)}, datetimes[i].printed),
                "datetime '%s': %s", datetimes[i].text, text);
    }
    for (size_t i = 0; i < COUNT_OF(timespans); i++) {
        bool converts = kql_read_timespan(span_of(timespans[i].text), &ticks);

        CHECK(converts == (timespans[i].printed != NULL), "timespan '%s': %d", timespans[i].text,
              converts);
        if (converts && timespans[i].printed != NULL)
            CHECK(
                span_is((struct span){text, kql_print_timespan(ticks, text)}, timespans[i].printed),
                "timespan '%s': %s", timespans[i].text, text);
    }
    /* Every day of the calendar: joined and split, one behind the other. */
    int64_t day = 0;
    int wrong = 0;

    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            struct datetime_parts back;

            wrong += datetime_days(year, month, 1) != day;
            back = datetime_split(day * kql_ticks_per_day);
            wrong += back.year != year || back.month != month || back.day != 1;
            day += datetime_month_days(year, month);
        }
    }
    CHECK(wrong == 0 && day * kql_ticks_per_day == KQL_DATETIME_MAX + 1, "calendar: %d wrong",
          wrong);
    return test_end();
}
