/* datetime_text.c - datetimes and timespans as text, both ways.
 *
 * Datetimes are read in the forms of the data type's page: ISO 8601 and its looser relatives
 * (one-digit months, '/' '.' or ',' between the parts, a blank for T, no seconds), RFC 822 and 850
 * ("Sat, 8 Nov 14 15:05:02 GMT"), and the US form 11/8/2014 3:05:02 PM. An offset is applied; without
 * one the time is UTC. A day's name is passed over, not checked. */
#include "kql/datetime_text.h"
#include "kql/number_text.h"
#include <strings.h>

struct reader {
    const char *p, *end;
};

static bool
is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool
is_letter(const struct reader *r)
{
    return r->p < r->end && (*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z';
}

static bool
take_char(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool
take_blanks(struct reader *r)
{
    const char *from = r->p;

    while (take_char(r, ' ') || take_char(r, '\t'))
        ;
    return r->p > from;
}

/* 1 to 'most' digits; gives how many, 0: none or more. */
static int
take_number(struct reader *r, int most, int *value)
{
    int count = 0;

    for (*value = 0; is_digit(r); r->p++) {
        if (++count > most)
            return 0;
        *value = *value * 10 + (*r->p - '0');
    }
    return count;
}

static struct span
take_word(struct reader *r)
{
    struct span word = {r->p, 0};

    while (is_letter(r))
        r->p++;
    word.n = (size_t)(r->p - word.p);
    return word;
}

static bool
word_is(struct span word, const char *text)
{
    return word.n == strlen(text) && strncasecmp(word.p, text, word.n) == 0;
}

/* Index of the name, in full or by its first three letters; -1: none. */
static int
find_name(struct span word, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (word_is(word, names[i]) || (word.n == 3 && strncasecmp(word.p, names[i], 3) == 0))
            return i;
    return -1;
}

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

int
datetime_month_days(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap);
}

int64_t
datetime_days(int year, int month, int day)
{
    /* Counted from March, so that the leap day comes last; 306 days before 0001-01-01. */
    int64_t y = month > 2 ? year : year - 1;
    int m = month > 2 ? month : month + 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m - 457) / 5 + day - 1 - 306;
}

bool
datetime_join(const struct datetime_parts *d, int64_t *ticks)
{
    if (d->year < 1 || d->year > 9999 || d->month < 1 || d->month > 12 || d->day < 1 ||
        d->day > datetime_month_days(d->year, d->month) || d->hour < 0 || d->hour > 23 ||
        d->minute < 0 || d->minute > 59 || d->second < 0 || d->second > 59)
        return false;
    *ticks = (((datetime_days(d->year, d->month, d->day) * 24 + d->hour) * 60 + d->minute) * 60 +
              d->second) *
                 kql_ticks_per_s +
             d->fraction;
    return true;
}

/* Digits behind a point, to ticks; what is beyond them is cut. */
static bool
take_fraction(struct reader *r, int *ticks)
{
    int count = 0;

    for (*ticks = 0; is_digit(r); r->p++, count++)
        if (count < 7)
            *ticks = *ticks * 10 + (*r->p - '0');
    for (int i = count; i < 7; i++)
        *ticks *= 10;
    return count > 0;
}

static bool
take_separator(struct reader *r, char *separator)
{
    take_blanks(r);
    if (r->p == r->end || strchr("-/.,", *r->p) == NULL || *r->p == '\0')
        return false;
    *separator = *r->p++;
    take_blanks(r);
    return true;
}

static int
full_year(int year, int digits)
{
    return digits > 2 ? year : year < 50 ? 2000 + year : 1900 + year;
}

/* Behind the day: "-Nov-14", " Nov 2014". */
static bool
take_named_month(struct reader *r, int day, struct datetime_parts *d)
{
    int digits, year;

    if (!take_char(r, '-') && !take_blanks(r))
        return false;
    d->day = day;
    d->month = find_name(take_word(r), month_names, 12) + 1;
    if (d->month == 0 || (!take_char(r, '-') && !take_blanks(r)))
        return false;
    digits = take_number(r, 4, &year);
    d->year = full_year(year, digits);
    return digits == 4 || digits == 2;
}

static bool
take_date(struct reader *r, struct datetime_parts *d)
{
    int first, second, third, digits;
    char separator, again;

    if (is_letter(r)) { /* the day's name */
        if (find_name(take_word(r), day_names, 7) < 0)
            return false;
        if (!take_char(r, ',') && (r->p == r->end || *r->p != ' '))
            return false;
        take_blanks(r);
    }
    digits = take_number(r, 4, &first);
    if (digits == 0)
        return false;
    struct reader behind = *r;

    if (digits <= 2 && take_named_month(r, first, d))
        return true;
    *r = behind;
    if (!take_separator(r, &separator) || take_number(r, 2, &second) == 0)
        return false;
    behind = *r;
    if (!take_separator(r, &again)) { /* year and month */
        *r = behind;
        *d = (struct datetime_parts){.year = first, .month = second, .day = 1};
        return digits == 4 && separator == '-';
    }
    if (again != separator)
        return false;
    if (digits == 4) {
        *d = (struct datetime_parts){.year = first, .month = second};
        return take_number(r, 2, &d->day) > 0;
    }
    *d = (struct datetime_parts){.month = first, .day = second};
    digits = take_number(r, 4, &third);
    d->year = full_year(third, digits);
    return separator == '/' && (digits == 4 || digits == 2);
}

/* h:mm[:ss[.f]][ AM| PM] */
static bool
take_clock(struct reader *r, struct datetime_parts *d)
{
    if (take_number(r, 2, &d->hour) == 0 || !take_char(r, ':') ||
        take_number(r, 2, &d->minute) == 0)
        return false;
    if (take_char(r, ':')) {
        if (take_number(r, 2, &d->second) == 0)
            return false;
        if (take_char(r, '.') && !take_fraction(r, &d->fraction))
            return false;
    }
    struct reader behind = *r;

    take_blanks(r);
    struct span word = take_word(r);
    bool is_am = word_is(word, "am"), is_pm = word_is(word, "pm");

    if (!is_am && !is_pm) {
        *r = behind;
        return true;
    }
    if (d->hour < 1 || d->hour > 12)
        return false;
    d->hour = d->hour % 12 + (is_pm ? 12 : 0);
    return true;
}

/* Z, GMT, UTC, +hh:mm, +hhmm, +hh; nothing means none. Minutes east of Greenwich. */
static bool
take_zone(struct reader *r, int *minutes)
{
    int sign, hour, minute = 0, digits;

    *minutes = 0;
    take_blanks(r);
    if (is_letter(r)) {
        struct span word = take_word(r);

        return word_is(word, "z") || word_is(word, "gmt") || word_is(word, "utc");
    }
    if (take_char(r, '+'))
        sign = 1;
    else if (take_char(r, '-'))
        sign = -1;
    else
        return true;
    digits = take_number(r, 4, &hour);
    if (digits == 4) {
        minute = hour % 100;
        hour /= 100;
    } else if (digits == 0 || digits == 3 || (take_char(r, ':') && take_number(r, 2, &minute) != 2))
        return false;
    *minutes = sign * (hour * 60 + minute);
    return hour <= 23 && minute <= 59;
}

bool
kql_read_datetime(struct span text, int64_t *ticks)
{
    struct span t = number_text_trim(text);
    struct reader r = {t.p, t.p + t.n};
    struct datetime_parts d = {0};
    int zone = 0;
    int64_t moment;

    if (datetime_read(t, ticks)) /* what records hold, nearly always */
        return true;
    if (!take_date(&r, &d))
        return false;
    if (r.p < r.end) {
        struct reader behind = r;

        if (!take_char(&r, 'T') && !take_char(&r, 't') && !take_blanks(&r))
            return false;
        if (is_digit(&r)) {
            if (!take_clock(&r, &d))
                return false;
        } else
            r = behind;
        if (!take_zone(&r, &zone) || r.p != r.end)
            return false;
    }
    if (!datetime_join(&d, &moment))
        return false;
    moment -= zone * 60 * kql_ticks_per_s;
    if (moment < 0 || moment > KQL_DATETIME_MAX) /* a zone can lead out of the calendar */
        return false;
    *ticks = moment;
    return true;
}

size_t
kql_print_datetime(int64_t ticks, char out[32])
{
    datetime_write(out, ticks);
    out[DATETIME_TEXT_SIZE] = '\0';
    return DATETIME_TEXT_SIZE;
}

/* ---- timespans ---- */

static const struct {
    const char *name;
    int64_t ticks, per; /* ticks in 'per' units */
} units[] = {
    {"d",            INT64_C(864000000000), 1  },
    {"day",          INT64_C(864000000000), 1  },
    {"days",         INT64_C(864000000000), 1  },
    {"h",            INT64_C(36000000000),  1  },
    {"hr",           INT64_C(36000000000),  1  },
    {"hrs",          INT64_C(36000000000),  1  },
    {"hour",         INT64_C(36000000000),  1  },
    {"hours",        INT64_C(36000000000),  1  },
    {"m",            600000000,             1  },
    {"min",          600000000,             1  },
    {"minute",       600000000,             1  },
    {"minutes",      600000000,             1  },
    {"s",            10000000,              1  },
    {"sec",          10000000,              1  },
    {"second",       10000000,              1  },
    {"seconds",      10000000,              1  },
    {"ms",           10000,                 1  },
    {"milli",        10000,                 1  },
    {"millis",       10000,                 1  },
    {"millisecond",  10000,                 1  },
    {"milliseconds", 10000,                 1  },
    {"micro",        10,                    1  },
    {"micros",       10,                    1  },
    {"microsecond",  10,                    1  },
    {"microseconds", 10,                    1  },
    {"nano",         1,                     100},
    {"nanos",        1,                     100},
    {"nanosecond",   1,                     100},
    {"nanoseconds",  1,                     100},
    {"tick",         1,                     1  },
    {"ticks",        1,                     1  },
};

/* 90s, 1.5h, 15 seconds: exact, cut to ticks. */
static bool
read_units(struct span t, int64_t *ticks)
{
    struct number_text n;
    size_t size = t.n, unit = 0;
    uint128 whole = 0, fraction = 0, scale = 1;
    struct span name;

    while (size > 0 && (t.p[size - 1] | 0x20) >= 'a' && (t.p[size - 1] | 0x20) <= 'z')
        size--;
    name = (struct span){t.p + size, t.n - size};
    while (unit < COUNT_OF(units) && !span_is(name, units[unit].name))
        unit++;
    if (unit == COUNT_OF(units) ||
        !number_text_split(number_text_trim((struct span){t.p, size}), &n) || n.exponent != 0)
        return false;
    for (size_t i = 0; i < n.whole.n; i++) {
        whole = whole * 10 + (unsigned)(n.whole.p[i] - '0');
        if (whole > INT64_MAX)
            return false;
    }
    for (size_t i = 0; i < n.fraction.n && i < 18; i++) {
        fraction = fraction * 10 + (unsigned)(n.fraction.p[i] - '0');
        scale *= 10;
    }
    whole = (whole * (uint64_t)units[unit].ticks + fraction * (uint64_t)units[unit].ticks / scale) /
            (uint64_t)units[unit].per;
    if (whole > INT64_MAX)
        return false;
    *ticks = n.is_negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}

/* [-][d.]hh:mm[:ss[.fffffff]], [-]d:hh:mm:ss[.f], [-]d */
static bool
read_clock(struct span t, int64_t *ticks)
{
    struct reader r = {t.p, t.p + t.n};
    bool is_negative = take_char(&r, '-'), has_days = false;
    bool leads_days;
    int numbers[4] = {0}, count = 1, fraction = 0, days, hours, minutes, seconds;
    uint128 size;

    if (take_number(&r, 8, &numbers[0]) == 0)
        return false;
    while (count < 4 && r.p < r.end) {
        if (count == 1 && take_char(&r, '.'))
            has_days = true;
        else if (!take_char(&r, ':'))
            break;
        if (take_number(&r, 2, &numbers[count++]) == 0)
            return false;
    }
    if (count > 2 + has_days && take_char(&r, '.') && !take_fraction(&r, &fraction))
        return false;
    if (r.p != r.end || (has_days && count == 2))
        return false;
    leads_days = has_days || count == 4 || count == 1;
    days = leads_days ? numbers[0] : 0;
    hours = numbers[leads_days];
    minutes = numbers[leads_days + 1];
    seconds = numbers[leads_days + 2];
    if (hours > 23 || minutes > 59 || seconds > 59)
        return false;
    size = ((((uint128)(unsigned)days * 24 + (unsigned)hours) * 60 + (unsigned)minutes) * 60 +
            (unsigned)seconds) *
               (uint64_t)kql_ticks_per_s +
           (unsigned)fraction;
    if (size > (uint128)INT64_MAX + is_negative)
        return false;
    *ticks = (int64_t)(is_negative ? 0 - (uint64_t)size : (uint64_t)size);
    return true;
}

bool
kql_read_timespan(struct span text, int64_t *ticks)
{
    struct span t = number_text_trim(text);

    return read_clock(t, ticks) || read_units(t, ticks);
}

size_t
kql_print_timespan(int64_t ticks, char out[32])
{
    uint64_t t = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    unsigned seconds = (unsigned)(t / (uint64_t)kql_ticks_per_s % 86400),
             fraction = (unsigned)(t % (uint64_t)kql_ticks_per_s);
    unsigned days = (unsigned)(t / (uint64_t)kql_ticks_per_day);
    size_t n = 0;

    if (ticks < 0)
        out[n++] = '-';
    if (days > 0)
        n += (size_t)snprintf(out + n, 12, "%u.", days);
    n += (size_t)snprintf(out + n, 12, "%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60,
                          seconds % 60);
    if (fraction > 0)
        n += (size_t)snprintf(out + n, 9, ".%07u", fraction);
    return n;
}
