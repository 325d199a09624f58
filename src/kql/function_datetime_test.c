/* function_datetime_test.c - functions of datetimes and timespans, and the time zones. */
#include "kql/function_play.h"
#include "kql/zone.h"

#define DAY "T00:00:00.0000000Z"
#define END "T23:59:59.9999999Z"

/* clang-format off */
static const struct play_case cases[] = {
    {"getyear", {"t2020-06-15"}, "i2020"},
    {"getmonth", {"t2020-06-15"}, "i6"},
    {"monthofyear", {"nt"}, "ni"},
    {"dayofmonth", {"t2020-06-15 13:45"}, "i15"},
    {"dayofyear", {"t2024-12-31"}, "i366"},
    {"dayofyear", {"t1900-03-01"}, "i60"},
    {"hourofday", {"t2020-06-15 23:59:59.9999999"}, "i23"},
    {"week_of_year", {"t2021-12-26"}, "i51"},
    {"week_of_year", {"t2021-12-27"}, "i52"},
    {"week_of_year", {"t2021-01-01"}, "i53"},
    {"week_of_year", {"t2018-12-31"}, "i1"},
    {"week_of_year", {"t0001-01-01"}, "i1"},
    {"week_of_year", {"t9999-12-31"}, "i52"},
    {"weekofyear", {"t2020-06-15"}, "i25"},
    {"dayofweek", {"t2020-06-14"}, "p00:00:00"},
    {"dayofweek", {"t1970-05-11"}, "p1.00:00:00"},
    {"dayofweek", {"t0001-01-01"}, "p1.00:00:00"},
    {"dayofweek", {"t9999-12-31"}, "np"},

    {"datetime_part", {"squarter", "t2017-10-30 01:02:03.7654321"}, "i4"},
    {"datetime_part", {"sWeek_Of_Year", "t2017-10-30 01:02:03.7654321"}, "i44"},
    {"datetime_part", {"sdayOfYear", "t2017-10-30 01:02:03.7654321"}, "i303"},
    {"datetime_part", {"smillisecond", "t2017-10-30 01:02:03.7654321"}, "i765"},
    {"datetime_part", {"smicrosecond", "t2017-10-30 01:02:03.7654321"}, "i765432"},
    {"datetime_part", {"snanosecond", "t2017-10-30 01:02:03.7654321"}, "i765432100"},

    {"datetime_add", {"syear", "l1", "t2020-02-29"}, "t2021-02-28" DAY},
    {"datetime_add", {"squarter", "l1", "t2020-11-30"}, "t2021-02-28" DAY},
    {"datetime_add", {"sMonth", "l-1", "t2020-03-31 00:00:00.0000001"}, "t2020-02-29T00:00:00.0000001Z"},
    {"datetime_add", {"sweek", "l-53", "t2021-03-15 12:00"}, "t2020-03-09T12:00:00.0000000Z"},
    {"datetime_add", {"sday", "l-1", "t0001-01-01 12:00"}, "nt"},
    {"datetime_add", {"smonth", "l9223372036854775807", "t2020-01-01"}, "nt"},
    {"datetime_add", {"smonth", "l-24228", "t2020-01-01"}, "t0001-01-01" DAY},
    {"datetime_add", {"smonth", "l-24229", "t2020-01-01"}, "nt"},
    {"datetime_add", {"sday", "l9223372036854775807", "t2020-01-01"}, "nt"},
    {"datetime_add", {"snanosecond", "l250", "t2020-01-01"}, "t2020-01-01T00:00:00.0000002Z"},
    {"datetime_add", {"ssecond", "l-90061", "t2020-01-01"}, "t2019-12-30T22:58:59.0000000Z"},

    {"datetime_diff", {"syear", "t2017-01-01", "t2000-12-31"}, "l17"},
    {"datetime_diff", {"syear", "t2020-12-31", "t2021-01-01"}, "l-1"},
    {"datetime_diff", {"squarter", "t2017-07-01", "t2017-03-30"}, "l2"},
    {"datetime_diff", {"smonth", "t2017-01-01", "t2015-12-30"}, "l13"},
    {"datetime_diff", {"sweek", "t2017-10-29", "t2017-09-30 23:59"}, "l5"},
    {"datetime_diff", {"sweek", "t2024-02-29", "t2020-02-29"}, "l209"},
    {"datetime_diff", {"sday", "t2017-10-29", "t2017-09-30 23:59"}, "l29"},
    {"datetime_diff", {"sday", "t2020-01-01 23:00", "t2020-01-01 01:00"}, "l0"},
    {"datetime_diff", {"shour", "t2017-10-31 01:00", "t2017-10-30 23:59"}, "l2"},
    {"datetime_diff", {"sminute", "t2017-10-30 23:05:01", "t2017-10-30 23:00:59"}, "l5"},
    {"datetime_diff", {"ssecond", "t2017-10-30 23:00:10.1", "t2017-10-30 23:00:00.9"}, "l10"},
    {"datetime_diff", {"smicrosecond", "t2017-10-30 23:00:00.1009001", "t2017-10-30 23:00:00.1008009"}, "l100"},
    {"datetime_diff", {"snanosecond", "t2017-10-30", "t2017-10-30 00:00:00.0000007"}, "l-700"},

    {"startofday", {"t2020-06-15 13:45:00.5", "l-3"}, "t2020-06-12" DAY},
    {"startofday", {"t0001-01-01", "l-1"}, "nt"},
    {"startofweek", {"t2020-06-14"}, "t2020-06-14" DAY},
    {"startofweek", {"t2020-06-13"}, "t2020-06-07" DAY},
    {"startofweek", {"t0001-01-03"}, "nt"},
    {"startofmonth", {"t2017-01-01 10:10:17", "l-1"}, "t2016-12-01" DAY},
    {"startofmonth", {"t2017-01-01", "l-9223372036854775808"}, "nt"},
    {"startofyear", {"t2030-12-31", "l1"}, "t2031-01-01" DAY},
    {"endofday", {"t2020-06-15 13:45", "l2"}, "t2020-06-17" END},
    {"endofday", {"t9999-12-31"}, "t9999-12-31" END},
    {"endofweek", {"t2017-01-01 10:10:17", "l-1"}, "t2016-12-31" END},
    {"endofweek", {"t9999-12-31"}, "nt"},
    {"endofmonth", {"t2020-01-31", "l13"}, "t2021-02-28" END},
    {"endofmonth", {"t9999-12-31"}, "t9999-12-31" END},
    {"endofyear", {"t2020-06-15", "l-1"}, "t2019-12-31" END},
    {"endofyear", {"t9999-12-31", "l9223372036854775807"}, "nt"},

    {"now", {NULL}, "t2020-06-14T14:15:05.0000000Z"},
    {"now", {"p-15s"}, "t2020-06-14T14:14:50.0000000Z"},
    {"ago", {"p1d"}, "t2020-06-13T14:15:05.0000000Z"},
    {"ago", {"p10000000d"}, "nt"},

    {"make_datetime", {"l2017", "l10", "l1"}, "t2017-10-01" DAY},
    {"make_datetime", {"l2000", "l4", "l15", "l1", "l1"}, "t2000-04-15T01:01:00.0000000Z"},
    {"make_datetime", {"l2017", "l10", "l1", "l12", "l11", "r0.1234567"}, "t2017-10-01T12:11:00.1234567Z"},
    {"make_datetime", {"l2021", "l2", "l29"}, "nt"},
    {"make_datetime", {"l2017", "l10", "l1", "l24", "l0"}, "nt"},
    {"make_datetime", {"l2017", "l10", "l1", "l12", "l11", "l60"}, "nt"},
    {"make_datetime", {"l4294969313", "l10", "l1"}, "nt"},
    {"make_datetime", {"s2020-01-01"}, "t2020-01-01" DAY},
    {"make_timespan", {"l1", "l15", "l10"}, "p01:15:10"},
    {"make_timespan", {"l1", "l12", "l30", "r55.123"}, "p1.12:30:55.1230000"},
    {"make_timespan", {"l0", "l0", "l0", "r0.0000001"}, "p00:00:00.0000001"},
    {"make_timespan", {"l0", "l25", "l61", "r61.5"}, "np"},
    {"make_timespan", {"l-1", "l-2"}, "np"},
    {"make_timespan", {"s1d"}, "p1.00:00:00"},

    {"format_datetime", {"t2020-06-15 13:45:09", "sM/d/yyyy h:mm:ss tt"}, "s6/15/2020 1:45:09 PM"},
    {"format_datetime", {"t2017-01-29 09:00:05", "syy-MM-dd [hh:mm:ss tt]"}, "s17-01-29 [09:00:05 AM]"},
    {"format_datetime", {"t2020-06-15 00:45:09.05", "sH h ss.ff"}, "s0 12 09.05"},
    {"format_datetime", {"t2020-06-09", "sdddd"}, "s0909"},
    {"format_datetime", {"t2009-06-15 13:45:30.617", "sFFFFFFF.F_FFF"}, "s617.6_617"},
    {"format_datetime", {"t2009-06-15 13:45:30", "s[FFF]"}, "s[]"},
    {"format_datetime", {"t0900-01-01", "sy yy yyyy"}, "s0 00 0900"},
    {"format_timespan", {"p29.09:00:05.12345", "sdd.hh:mm:ss:FF"}, "s29.09:00:05:12"},
    {"format_timespan", {"p29.09:00:05.12345", "sddd.h:mm:ss [fffffff]"}, "s029.9:00:05 [1234500]"},
    {"format_timespan", {"p-01:30:00", "shh:mm"}, "s-01:30"},
    {"format_timespan", {"p10675199.02:48:05.4775807", "sd.hh:mm:ss"}, "s10675199.02:48:05"},

    {"unixtime_seconds_todatetime", {"l1546300800"}, "t2019-01-01" DAY},
    {"unixtime_seconds_todatetime", {"r-0.5"}, "t1969-12-31T23:59:59.5000000Z"},
    {"unixtime_milliseconds_todatetime", {"l1546300800001"}, "t2019-01-01T00:00:00.0010000Z"},
    {"unixtime_microseconds_todatetime", {"l1546300800000000"}, "t2019-01-01" DAY},
    {"unixtime_nanoseconds_todatetime", {"l1546300800000000000"}, "t2019-01-01" DAY},
    {"unixtime_nanoseconds_todatetime", {"l-1"}, "t1969-12-31T23:59:59.9999999Z"},
    {"unixtime_seconds_todatetime", {"l9223372036854775807"}, "nt"},
    {"unixtime_seconds_todatetime", {"rnan"}, "nt"},

    {"datetime_utc_to_local", {"t2015-12-31 23:59:59.9", "sUS/Eastern"}, "t2015-12-31T18:59:59.9000000Z"},
    {"datetime_utc_to_local", {"t2024-07-01 12:00", "sEurope/Paris"}, "t2024-07-01T14:00:00.0000000Z"},
    {"datetime_utc_to_local", {"t2500-07-01 12:00", "sEurope/Paris"}, "t2500-07-01T14:00:00.0000000Z"},
    {"datetime_utc_to_local", {"t2500-01-01 12:00", "sAustralia/Sydney"}, "t2500-01-01T23:00:00.0000000Z"},
    {"datetime_utc_to_local", {"t2024-07-01 12:00", "sAsia/Kolkata"}, "t2024-07-01T17:30:00.0000000Z"},
    {"datetime_utc_to_local", {"t2024-07-01 12:00", "sEurope/Nowhere"}, "nt"},
    {"datetime_utc_to_local", {"t9999-12-31 23:00", "sAsia/Tokyo"}, "nt"},
    {"datetime_local_to_utc", {"t2020-02-02 20:02:20", "sUS/Pacific"}, "t2020-02-03T04:02:20.0000000Z"},
    {"datetime_local_to_utc", {"t2020-02-02 20:02:20", "sEurope/Paris"}, "t2020-02-02T19:02:20.0000000Z"},
    {"datetime_local_to_utc", {"t2024-03-31 02:30", "sEurope/Paris"}, "t2024-03-31T01:30:00.0000000Z"},
    {"datetime_local_to_utc", {"t2024-10-27 02:30", "sEurope/Paris"}, "t2024-10-27T00:30:00.0000000Z"},
    {"datetime_local_to_utc", {"t2300-07-01 12:00", "sAmerica/New_York"}, "t2300-07-01T16:00:00.0000000Z"},

    {"format_bytes", {"l564"}, "s564 Bytes"},
    {"format_bytes", {"l10332", "l1"}, "s10.1 KB"},
    {"format_bytes", {"l20010332"}, "s19 MB"},
    {"format_bytes", {"l20010332", "l2"}, "s19.08 MB"},
    {"format_bytes", {"l20010332", "l0", "sKB"}, "s19541 KB"},
    {"format_bytes", {"l1024", "l2", "sYB"}, "s"},
    {"format_bytes", {"r1e22"}, "s8674 EB"},
};
static const struct play_case refused[] = {
    {"datetime_add", {"sfortnight", "l1", "t2020-01-01"}, "'fortnight' is no part of a datetime here; write 'day', for example"},
    {"datetime_part", {"sweek", "t2020-01-01"}, "'week' is no part of a datetime here; write 'month', for example"},
    {"format_datetime", {"t2020-01-01", "szzz"}, "the format has 'z', which stands for nothing; there are y M d h H m s f F t and the delimiters space / - : , . _ [ ]"},
    {"format_timespan", {"p1d", "sc"}, "the format has 'c', which stands for nothing; there are d h H m s f F and the delimiters space / - : , . _ [ ]"},
    {"format_timespan", {"p1d", "s"}, "the format is empty"},
};
/* clang-format on */

int
main(void)
{
    const char *before = "";
    uint32_t count = 0;

    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    play_pool.escape = &play_escape;
    play_pool.limit = 1024 * 1024;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        const char *got = play_call(refused[i].name, KQL_SCALAR, refused[i].arguments, true);

        CHECK(strcmp(got, refused[i].result) == 0, "%s: %s", refused[i].name, got);
    }
    pool_free(&play_pool);
    for (const char *name; (name = zone_name_at(count)) != NULL; count++) {
        CHECK(strcmp(before, name) < 0, "%s before %s", before, name);
        CHECK(zone_find(span_of(name)) != NULL, "%s is found", name);
        before = name;
    }
    CHECK(count > 400, "%u time zones", count);
    return test_end();
}
