/* function_datetime.c - the rows of the function table for datetimes and timespans: parts, starts
 * and ends of periods, sums and differences by the calendar, formats, Unix time, time zones.
 *
 * Weeks start on Sunday, but week_of_year() is ISO 8601's. What leaves the calendar is null. */
#include "kql/datetime_text.h"
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/function_inner.h"
#include "kql/zone.h"
#include <math.h>
#include <strings.h>

__extension__ typedef __int128 wide;

static const int64_t unix_epoch = INT64_C(621355968000000000);

static struct kql_value
moment(wide ticks)
{
    if (ticks < 0 || ticks > KQL_DATETIME_MAX)
        return kql_null(KQL_DATETIME);
    return kql_integer(KQL_DATETIME, (int64_t)ticks);
}

static int64_t
day_of(int64_t ticks) /* days since 0001-01-01, a Monday */
{
    return ticks / kql_ticks_per_day;
}

static int
weekday_of(int64_t day) /* 0: Sunday */
{
    return (int)((day + 1) % 7);
}

/* ---- parts ---- */

static int
day_of_year(int64_t ticks)
{
    return (int)(day_of(ticks) - datetime_days(datetime_split(ticks).year, 1, 1)) + 1;
}

/* The week of the year that the week's Thursday lies in. */
static int
iso_week(int64_t ticks)
{
    int64_t day = day_of(ticks), thursday = day - day % 7 + 3;
    int year = datetime_split(ticks).year;

    if (thursday < datetime_days(year, 1, 1))
        year--;
    else if (thursday >= datetime_days(year + 1, 1, 1))
        year++;
    return (int)(thursday - datetime_days(year, 1, 1)) / 7 + 1;
}

#define PART(name, expression)                                                                     \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        int64_t ticks = args[0].i;                                                                 \
                                                                                                   \
        (void)call;                                                                                \
        *result = kql_integer(KQL_INT, expression);                                                \
    }

PART(year_part, datetime_split(ticks).year)
PART(month_part, datetime_split(ticks).month)
PART(day_part, datetime_split(ticks).day)
PART(hour_part, datetime_split(ticks).hour)
PART(day_of_year_part, day_of_year(ticks))
PART(week_part, iso_week(ticks))

/* The calendar's last day has none in the service: its next day cannot be counted to. */
static void
day_of_week(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t day = day_of(args[0].i);

    (void)call;
    if (day == day_of(KQL_DATETIME_MAX))
        *result = kql_null(KQL_TIMESPAN);
    else
        *result = kql_integer(KQL_TIMESPAN, weekday_of(day) * kql_ticks_per_day);
}

/* ---- named periods ---- */

enum period {
    PERIOD_YEAR,
    PERIOD_QUARTER,
    PERIOD_MONTH,
    PERIOD_WEEK,
    PERIOD_DAY,
    PERIOD_HOUR,
    PERIOD_MINUTE,
    PERIOD_SECOND,
    PERIOD_MILLISECOND,
    PERIOD_MICROSECOND,
    PERIOD_NANOSECOND,
    PERIOD_WEEK_OF_YEAR, /* of datetime_part() only, from here on */
    PERIOD_WEEK_OF_YEAR_OLD,
    PERIOD_DAY_OF_YEAR,
};
static const struct {
    const char *name;
    int64_t ticks; /* 0: by the calendar, or less than a tick */
} periods[] = {
    [PERIOD_YEAR] = {"year",         0                     },
    [PERIOD_QUARTER] = {"quarter",      0                     },
    [PERIOD_MONTH] = {"month",        0                     },
    [PERIOD_WEEK] = {"week",         INT64_C(6048000000000)},
    [PERIOD_DAY] = {"day",          INT64_C(864000000000) },
    [PERIOD_HOUR] = {"hour",         INT64_C(36000000000)  },
    [PERIOD_MINUTE] = {"minute",       600000000             },
    [PERIOD_SECOND] = {"second",       10000000              },
    [PERIOD_MILLISECOND] = {"millisecond",  10000                 },
    [PERIOD_MICROSECOND] = {"microsecond",  10                    },
    [PERIOD_NANOSECOND] = {"nanosecond",   0                     },
    [PERIOD_WEEK_OF_YEAR] = {"week_of_year", 0                     },
    [PERIOD_WEEK_OF_YEAR_OLD] = {"weekofyear",   0                     },
    [PERIOD_DAY_OF_YEAR] = {"dayofyear",    0                     },
};

static bool
find_period(struct span name, enum period *period)
{
    for (size_t i = 0; i < COUNT_OF(periods); i++) {
        if (strlen(periods[i].name) == name.n &&
            strncasecmp(periods[i].name, name.p, name.n) == 0) {
            *period = (enum period)i;
            return true;
        }
    }
    return false;
}

static void *
check_period(const struct kql_value *const *constants, bool takes_all, struct err *err)
{
    enum period period;

    if (constants[0] != NULL && (!find_period(kql_text(constants[0]), &period) ||
                                 (takes_all ? period == PERIOD_WEEK : period > PERIOD_NANOSECOND)))
        err_set(err, ST_INVALID, "'%.*s' is no part of a datetime here; write %s, for example",
                (int)constants[0]->size, constants[0]->text, takes_all ? "'month'" : "'day'");
    return NULL;
}

static void *
prepare_period(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
               struct err *err)
{
    (void)pool;
    (void)count;
    return check_period(constants, false, err);
}

static void *
prepare_part(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
             struct err *err)
{
    (void)pool;
    (void)count;
    return check_period(constants, true, err);
}

/* A prepared thing that lives in the pool: that there is a release says that preparing may refuse. */
static void
release_nothing(void *prepared)
{
    (void)prepared;
}

static void
datetime_part(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t ticks = args[1].i, part;
    struct datetime_parts d = datetime_split(ticks);
    enum period period;

    (void)call;
    if (!find_period(kql_text(&args[0]), &period)) {
        *result = kql_null(KQL_INT);
        return;
    }
    switch (period) {
    case PERIOD_YEAR:
        part = d.year;
        break;
    case PERIOD_QUARTER:
        part = (d.month + 2) / 3;
        break;
    case PERIOD_MONTH:
        part = d.month;
        break;
    case PERIOD_DAY:
        part = d.day;
        break;
    case PERIOD_HOUR:
        part = d.hour;
        break;
    case PERIOD_MINUTE:
        part = d.minute;
        break;
    case PERIOD_SECOND:
        part = d.second;
        break;
    case PERIOD_MILLISECOND:
        part = d.fraction / 10000;
        break;
    case PERIOD_MICROSECOND:
        part = d.fraction / 10;
        break;
    case PERIOD_NANOSECOND:
        part = (int64_t)d.fraction * 100;
        break;
    case PERIOD_DAY_OF_YEAR:
        part = day_of_year(ticks);
        break;
    default:
        part = iso_week(ticks);
    }
    *result = kql_integer(KQL_INT, part);
}

/* The month 'count' behind that of 'ticks', on the same day or the month's last. */
static struct kql_value
add_months(int64_t ticks, int64_t count)
{
    struct datetime_parts d = datetime_split(ticks);
    int64_t months = (int64_t)d.year * 12 + d.month - 1;
    int last;

    if (__builtin_add_overflow(months, count, &months) || months < 12 || months >= 120000)
        return kql_null(KQL_DATETIME);
    d.year = (int)(months / 12);
    d.month = (int)(months % 12) + 1;
    last = datetime_month_days(d.year, d.month);
    if (d.day > last)
        d.day = last;
    return kql_integer(KQL_DATETIME, datetime_days(d.year, d.month, d.day) * kql_ticks_per_day +
                                         ticks % kql_ticks_per_day);
}

static int64_t
clamp_count(int64_t count) /* beyond this all is outside of the calendar */
{
    return count > 10000000 ? 10000000 : count < -10000000 ? -10000000 : count;
}

static void
datetime_add(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t count = args[1].i;
    enum period period;

    (void)call;
    *result = kql_null(KQL_DATETIME);
    if (!find_period(kql_text(&args[0]), &period))
        return;
    switch (period) {
    case PERIOD_YEAR:
        *result = add_months(args[2].i, clamp_count(count) * 12);
        break;
    case PERIOD_QUARTER:
        *result = add_months(args[2].i, clamp_count(count) * 3);
        break;
    case PERIOD_MONTH:
        *result = add_months(args[2].i, clamp_count(count));
        break;
    case PERIOD_NANOSECOND:
        *result = moment((wide)args[2].i + count / 100);
        break;
    default:
        if (periods[period].ticks > 0)
            *result = moment((wide)args[2].i + (wide)count * periods[period].ticks);
    }
}

/* How many borders of the period lie between. */
static void
datetime_diff(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct datetime_parts a = datetime_split(args[1].i), b = datetime_split(args[2].i);
    int64_t months = (a.year - b.year) * 12 + a.month - b.month, difference;
    enum period period;

    *result = kql_null((enum kql_type)call->result_type);
    if (!find_period(kql_text(&args[0]), &period) || period > PERIOD_NANOSECOND)
        return;
    switch (period) {
    case PERIOD_YEAR:
        difference = a.year - b.year;
        break;
    case PERIOD_QUARTER:
        difference = (a.year - b.year) * 4 + (a.month - 1) / 3 - (b.month - 1) / 3;
        break;
    case PERIOD_MONTH:
        difference = months;
        break;
    case PERIOD_WEEK: /* of Sundays: a day further than the calendar's own weeks */
        difference = (day_of(args[1].i) + 1) / 7 - (day_of(args[2].i) + 1) / 7;
        break;
    case PERIOD_NANOSECOND: /* wraps beyond 292 years */
        difference = (int64_t)(((uint64_t)args[1].i - (uint64_t)args[2].i) * 100);
        break;
    default:
        difference = args[1].i / periods[period].ticks - args[2].i / periods[period].ticks;
    }
    *result = call->result_type == KQL_REAL ? kql_real((double)difference)
                                            : kql_integer(KQL_LONG, difference);
}

/* ---- starts and ends ---- */

/* The first day of the period 'offset' periods behind the one of 'ticks'; it may lie outside of the
 * calendar. */
static int64_t
period_start(enum period period, int64_t ticks, int64_t offset)
{
    struct datetime_parts d = datetime_split(ticks);
    int64_t day = day_of(ticks), months;

    offset = clamp_count(offset);
    if (period == PERIOD_DAY)
        return day + offset;
    if (period == PERIOD_WEEK)
        return day - weekday_of(day) + offset * 7;
    if (period == PERIOD_YEAR)
        return datetime_days((int)(d.year + offset), 1, 1);
    months = (int64_t)d.year * 12 + d.month - 1 + offset;
    return months < 12 ? -1 : datetime_days((int)(months / 12), (int)(months % 12) + 1, 1);
}

static struct kql_value
start_of(struct kql_call *call, enum period period, const struct kql_value *args)
{
    int64_t offset = call->count > 1 ? args[1].i : 0;

    return moment((wide)period_start(period, args[0].i, offset) * kql_ticks_per_day);
}

static struct kql_value
end_of(struct kql_call *call, enum period period, const struct kql_value *args)
{
    int64_t offset = call->count > 1 ? clamp_count(args[1].i) : 0;

    return moment((wide)period_start(period, args[0].i, offset + 1) * kql_ticks_per_day - 1);
}

#define STARTS_AND_ENDS(period, letter)                                                            \
    static void start_of_##letter(struct kql_call *call, const struct kql_value *args,             \
                                  struct kql_value *result)                                        \
    {                                                                                              \
        *result = start_of(call, period, args);                                                    \
    }                                                                                              \
    static void end_of_##letter(struct kql_call *call, const struct kql_value *args,               \
                                struct kql_value *result)                                          \
    {                                                                                              \
        *result = end_of(call, period, args);                                                      \
    }

STARTS_AND_ENDS(PERIOD_DAY, day)
STARTS_AND_ENDS(PERIOD_WEEK, week)
STARTS_AND_ENDS(PERIOD_MONTH, month)
STARTS_AND_ENDS(PERIOD_YEAR, year)

/* ---- now ---- */

static void
now(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = moment((wide)call->now + (call->count > 0 ? args[0].i : 0));
}

static void
ago(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = moment((wide)call->now - args[0].i);
}

/* ---- made of parts ---- */

static int64_t
whole(const struct kql_value *v)
{
    struct kql_value i = kql_convert(NULL, (enum kql_type)v->type, v, KQL_LONG);

    return i.is_null || i.i < -1 || i.i > INT32_MAX ? -1 : i.i;
}

/* Seconds with a fraction, in ticks; false: not within a minute. */
static bool
second_ticks(const struct kql_value *v, int64_t *ticks)
{
    struct kql_value r = kql_convert(NULL, (enum kql_type)v->type, v, KQL_REAL);

    if (r.is_null || !(r.r >= 0 && r.r < 60))
        return false;
    *ticks = (int64_t)round(r.r * (double)kql_ticks_per_s);
    return *ticks < 60 * kql_ticks_per_s;
}

static void
make_datetime(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct datetime_parts d = {.day = 1, .month = 1};
    int *const parts[] = {&d.year, &d.month, &d.day, &d.hour, &d.minute};
    int64_t ticks, seconds = 0;

    *result = kql_null(KQL_DATETIME);
    if (call->count == 1) {
        *result = kql_convert(call->pool, (enum kql_type)call->types[0], &args[0], KQL_DATETIME);
        return;
    }
    for (uint32_t i = 0; i < call->count && i < COUNT_OF(parts); i++)
        *parts[i] = (int)whole(&args[i]);
    if (call->count > 5 && !second_ticks(&args[5], &seconds))
        return;
    if (datetime_join(&d, &ticks))
        *result = kql_integer(KQL_DATETIME, ticks + seconds);
}

/* (hours, minutes, seconds?), (days, hours, minutes, seconds) */
static void
make_timespan(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool has_days = call->count == 4;
    int64_t days = has_days ? whole(&args[0]) : 0, hours, minutes, seconds = 0;

    *result = kql_null(KQL_TIMESPAN);
    if (call->count == 1) {
        *result = kql_convert(call->pool, (enum kql_type)call->types[0], &args[0], KQL_TIMESPAN);
        return;
    }
    hours = whole(&args[has_days]);
    minutes = whole(&args[has_days + 1]);
    if (call->count > 2 && !second_ticks(&args[call->count - 1], &seconds))
        return;
    if (days < 0 || days > 10675198 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return;
    *result =
        kql_integer(KQL_TIMESPAN, days * kql_ticks_per_day +
                                      (hours * 60 + minutes) * 60 * kql_ticks_per_s + seconds);
}

/* ---- Unix time ---- */

static void
of_unix(const struct kql_value *v, int64_t ticks, int64_t per, struct kql_value *result)
{
    struct kql_value r;

    *result = kql_null(KQL_DATETIME);
    if (v->type == KQL_LONG || v->type == KQL_INT) {
        wide units = (wide)v->i * ticks;

        *result = moment(unix_epoch + (units < 0 ? (units - per + 1) / per : units / per));
        return;
    }
    r = kql_convert(NULL, (enum kql_type)v->type, v, KQL_REAL);
    r.r = r.r * (double)ticks / (double)per;
    if (!r.is_null && r.r > -1e18 && r.r < 4e18)
        *result = moment((wide)unix_epoch + (int64_t)round(r.r));
}

#define UNIX(name, ticks, per)                                                                     \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        (void)call;                                                                                \
        of_unix(&args[0], ticks, per, result);                                                     \
    }

UNIX(unix_seconds, 10000000, 1)
UNIX(unix_milliseconds, 10000, 1)
UNIX(unix_microseconds, 10, 1)
UNIX(unix_nanoseconds, 1, 100)

/* ---- time zones ---- */

static void *
prepare_zone(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
             struct err *err)
{
    (void)pool;
    (void)err;
    return count < 2 || constants[1] == NULL ? NULL : (void *)zone_find(kql_text(constants[1]));
}

static const struct zone *
zone_of(struct kql_call *call, const struct kql_value *args)
{
    return call->prepared != NULL ? call->prepared : zone_find(kql_text(&args[1]));
}

static int64_t
unix_second(int64_t ticks) /* rounded down */
{
    return ticks / kql_ticks_per_s - unix_epoch / kql_ticks_per_s;
}

static void
to_local(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct zone *zone = zone_of(call, args);

    *result = kql_null(KQL_DATETIME);
    if (zone != NULL)
        *result =
            moment((wide)args[0].i + zone_offset(zone, unix_second(args[0].i)) * kql_ticks_per_s);
}

static void
to_utc(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct zone *zone = zone_of(call, args);
    int64_t local = unix_second(args[0].i);

    *result = kql_null(KQL_DATETIME);
    if (zone != NULL)
        *result = moment((wide)args[0].i + (zone_moment(zone, local) - local) * kql_ticks_per_s);
}

static void
list_zones(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};

    (void)args;
    for (uint32_t i = 0; zone_name_at(i) != NULL; i++)
        kql_array_add(&b, kql_string(span_of(zone_name_at(i))));
    *result = kql_array_finish(&b);
}

/* ---- formats ---- */

struct format_parts {
    struct datetime_parts d; /* of a timespan: day counts days */
    bool is_timespan;
};

static size_t
run_length(struct span format, size_t at, size_t most)
{
    size_t n = 1;

    while (at + n < format.n && n < most && format.p[at + n] == format.p[at])
        n++;
    return n;
}

static bool
is_delimiter(char c)
{
    return c != '\0' && strchr(" /-:,._[]", c) != NULL;
}

/* How many of the same letter make one part; 0: the letter means nothing here. */
static size_t
part_size(struct span format, size_t at, bool is_timespan)
{
    size_t n;

    switch (format.p[at]) {
    case 'd':
        return run_length(format, at, is_timespan ? 8 : 2);
    case 'f':
    case 'F':
        return run_length(format, at, 7);
    case 'h':
    case 'H':
    case 'm':
    case 's':
        return run_length(format, at, 2);
    case 'M':
    case 't':
        return is_timespan ? 0 : run_length(format, at, 2);
    case 'y':
        n = run_length(format, at, 4);
        return is_timespan ? 0 : n == 3 ? 2 : n;
    default:
        return 0;
    }
}

static void
add_number(struct text_builder *b, int value, size_t digits)
{
    char text[16];

    text_add(b,
             (struct span){text, (size_t)snprintf(text, sizeof text, "%0*d", (int)digits, value)});
}

static void
add_fraction(struct text_builder *b, int ticks, size_t digits, bool drops_zeros)
{
    char text[16];

    snprintf(text, sizeof text, "%07d", ticks);
    while (drops_zeros && digits > 0 && text[digits - 1] == '0')
        digits--;
    text_add(b, (struct span){text, digits});
}

static void
add_part(struct text_builder *b, const struct format_parts *p, char letter, size_t size)
{
    const struct datetime_parts *d = &p->d;

    switch (letter) {
    case 'y':
        add_number(b, size == 4 ? d->year : d->year % 100, size);
        break;
    case 'M':
        add_number(b, d->month, size);
        break;
    case 'd':
        add_number(b, d->day, size);
        break;
    case 'h':
        add_number(b, p->is_timespan ? d->hour : (d->hour + 11) % 12 + 1, size);
        break;
    case 'H':
        add_number(b, d->hour, size);
        break;
    case 'm':
        add_number(b, d->minute, size);
        break;
    case 's':
        add_number(b, d->second, size);
        break;
    case 't':
        text_add(b, (struct span){d->hour < 12 ? "AM" : "PM", size});
        break;
    default:
        add_fraction(b, d->fraction, size, letter == 'F');
    }
}

static struct span
format_with(struct pool *pool, const struct format_parts *p, struct span format, bool is_negative)
{
    struct text_builder b = {.pool = pool};

    if (is_negative)
        text_add(&b, SPAN_LITERAL("-"));
    for (size_t at = 0; at < format.n && !b.is_too_long;) {
        size_t size = part_size(format, at, p->is_timespan);

        if (size > 0)
            add_part(&b, p, format.p[at], size);
        else
            text_add(&b, (struct span){format.p + at, size = 1});
        at += size;
    }
    return b.is_too_long || b.size == 0 ? SPAN_LITERAL("") : (struct span){b.text, b.size};
}

static void *
check_format(const struct kql_value *format, bool is_timespan, struct err *err)
{
    struct span text = format == NULL ? SPAN_LITERAL(" ") : kql_text(format);

    if (text.n == 0)
        err_set(err, ST_INVALID, "the format is empty");
    for (size_t at = 0; at < text.n;) {
        size_t size = part_size(text, at, is_timespan);

        if (size == 0 && !is_delimiter(text.p[at])) {
            err_set(err, ST_INVALID,
                    "the format has '%.1s', which stands for nothing; there are %s and the "
                    "delimiters space / - : , . _ [ ]",
                    text.p + at, is_timespan ? "d h H m s f F" : "y M d h H m s f F t");
            break;
        }
        at += size > 0 ? size : 1;
    }
    return NULL;
}

static void *
prepare_datetime_format(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                        struct err *err)
{
    (void)pool;
    return count < 2 ? NULL : check_format(constants[1], false, err);
}

static void *
prepare_timespan_format(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                        struct err *err)
{
    (void)pool;
    return count < 2 ? NULL : check_format(constants[1], true, err);
}

static void
format_datetime(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct format_parts p = {.d = datetime_split(args[0].i)};

    *result = kql_string(format_with(call->pool, &p, kql_text(&args[1]), false));
}

static void
format_timespan(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool is_negative = args[0].i < 0;
    uint64_t t = is_negative ? 0 - (uint64_t)args[0].i : (uint64_t)args[0].i,
             seconds = t / (uint64_t)kql_ticks_per_s;
    struct format_parts p = {.is_timespan = true};

    p.d.day = (int)(seconds / 86400);
    p.d.hour = (int)(seconds / 3600 % 24);
    p.d.minute = (int)(seconds / 60 % 60);
    p.d.second = (int)(seconds % 60);
    p.d.fraction = (int)(t % (uint64_t)kql_ticks_per_s);
    *result = kql_string(format_with(call->pool, &p, kql_text(&args[1]), is_negative));
}

/* ---- sizes ---- */

static const char *const size_units[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};

static void
format_bytes(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_value size =
                         kql_convert(call->pool, (enum kql_type)args[0].type, &args[0], KQL_REAL),
                     digits = kql_integer(KQL_LONG, 0);
    size_t unit = 0;
    char text[512];
    double r = size.r, rounded;
    int count;

    *result = kql_null(KQL_STRING);
    if (call->count > 1)
        digits = kql_convert(call->pool, (enum kql_type)args[1].type, &args[1], KQL_LONG);
    if (size.is_null || digits.is_null || !isfinite(r))
        return;
    if (digits.i < 0 || digits.i > 15)
        digits.i = digits.i < 0 ? 0 : 15;
    if (call->count > 2 && args[2].size > 0) {
        while (unit < COUNT_OF(size_units) &&
               (strlen(size_units[unit]) != args[2].size ||
                strncasecmp(size_units[unit], args[2].text, args[2].size) != 0))
            unit++;
        if (unit == COUNT_OF(size_units))
            return;
        r /= exp2(10 * (double)unit);
    } else {
        while (unit + 1 < COUNT_OF(size_units) && fabs(r) >= 1024) {
            r /= 1024;
            unit++;
        }
    }
    rounded = round(r * pow(10, (double)digits.i)) / pow(10, (double)digits.i);
    count = snprintf(text, sizeof text, "%.*f", (int)digits.i, isfinite(rounded) ? rounded : r);
    while (digits.i > 0 && count > 0 && text[count - 1] == '0')
        count--;
    if (digits.i > 0 && count > 0 && text[count - 1] == '.')
        count--;
    *result = kql_string(pool_printf(call->pool, "%.*s %s", count, text, size_units[unit]));
}

/* ---- the table ---- */

#define TIME(spelled, more_flags, types, hook, line)                                               \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = more_flags, .signature = types,              \
        .call = hook, .doc = line, .group = "datetime"                                             \
    }
#define PREPARED(spelled, more_flags, types, hook, prepared, line)                                 \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = more_flags, .signature = types,              \
        .call = hook, .prepare = prepared, .release = release_nothing, .doc = line,                \
        .group = "datetime"                                                                        \
    }
#define PART_OF(spelled, more_flags, hook, line)                                                   \
    TIME(spelled, more_flags, "(date: datetime) -> int", hook, line)
#define PERIOD(spelled, more_flags, hook, line)                                                    \
    TIME(spelled, KQL_F_TRANSFORM | (more_flags), "(date: datetime, offset?: long) -> datetime",   \
         hook, line)
#define AZURE KQL_F_TRANSFORM

/* clang-format off */
const struct kql_function kql_functions_datetime[] = {
    TIME("now", KQL_F_NOW | AZURE, "(offset?: timespan) -> datetime", now,
         "The time when the query started, with an offset."),
    TIME("ago", KQL_F_NOW | AZURE, "(timespan: timespan) -> datetime", ago,
         "The time so long before the query started."),
    PREPARED("datetime_add", AZURE,
             "(part: const string, value: long, datetime: datetime) -> datetime", datetime_add,
             prepare_period, "The datetime moved by a number of years, months, days ..."),
    PREPARED("datetime_diff", AZURE,
             "(part: const string, datetime1: datetime, datetime2: datetime) -> long",
             datetime_diff, prepare_period,
             "How many borders of years, months, days ... lie between."),
    PREPARED("datetime_part", AZURE, "(part: const string, date: datetime) -> int", datetime_part,
             prepare_part, "A part of the datetime by its name."),
    PREPARED("datepart", KQL_F_LEGACY, "(part: const string, date: datetime) -> int",
             datetime_part, prepare_part, "The same as datetime_part()."),
    PART_OF("getyear", AZURE, year_part, "The year."),
    PART_OF("getmonth", AZURE, month_part, "The month, 1 to 12."),
    PART_OF("monthofyear", 0, month_part, "The month, 1 to 12."),
    PART_OF("dayofmonth", AZURE, day_part, "The day of the month, 1 to 31."),
    PART_OF("dayofyear", AZURE, day_of_year_part, "The day of the year, 1 to 366."),
    PART_OF("hourofday", AZURE, hour_part, "The hour, 0 to 23."),
    PART_OF("week_of_year", 0, week_part, "The week of the year by ISO 8601, 1 to 53."),
    PART_OF("weekofyear", AZURE | KQL_F_LEGACY, week_part, "The same as week_of_year()."),
    TIME("dayofweek", AZURE, "(date: datetime) -> timespan", day_of_week,
         "The days since the last Sunday, as a timespan."),
    PERIOD("startofday", KQL_F_FIRST_NAME, start_of_day, "The day's first moment."),
    PERIOD("startofweek", 0, start_of_week, "The week's first moment, on a Sunday."),
    PERIOD("startofmonth", 0, start_of_month, "The month's first moment."),
    PERIOD("startofyear", 0, start_of_year, "The year's first moment."),
    PERIOD("endofday", 0, end_of_day, "The day's last moment."),
    PERIOD("endofweek", 0, end_of_week, "The week's last moment, on a Saturday."),
    PERIOD("endofmonth", 0, end_of_month, "The month's last moment."),
    PERIOD("endofyear", 0, end_of_year, "The year's last moment."),
    TIME("make_datetime", AZURE,
         "(year: number, month: number, day: number) -> datetime\n"
         "(year: number, month: number, day: number, hour: number, minute?: number, "
         "second?: number) -> datetime\n"
         "(value: any) -> datetime",
         make_datetime, "The datetime of a year, month, day, hour, minute and second."),
    TIME("make_timespan", AZURE,
         "(hours: long, minutes: long, seconds?: number) -> timespan\n"
         "(days: long, hours: long, minutes: long, seconds: number) -> timespan\n"
         "(value: any) -> timespan",
         make_timespan, "The timespan of days, hours, minutes and seconds."),
    PREPARED("format_datetime", KQL_F_FIRST_NAME, "(date: datetime, format: string) -> string",
             format_datetime, prepare_datetime_format,
             "The datetime in a format as 'yyyy-MM-dd HH:mm:ss'."),
    PREPARED("format_timespan", KQL_F_FIRST_NAME, "(timespan: timespan, format: string) -> string",
             format_timespan, prepare_timespan_format,
             "The timespan in a format as 'd.hh:mm:ss'."),
    TIME("unixtime_seconds_todatetime", 0, "(number: number) -> datetime", unix_seconds,
         "The datetime so many seconds behind 1970-01-01."),
    TIME("unixtime_milliseconds_todatetime", 0, "(number: number) -> datetime", unix_milliseconds,
         "The datetime so many milliseconds behind 1970-01-01."),
    TIME("unixtime_microseconds_todatetime", 0, "(number: number) -> datetime", unix_microseconds,
         "The datetime so many microseconds behind 1970-01-01."),
    TIME("unixtime_nanoseconds_todatetime", 0, "(number: number) -> datetime", unix_nanoseconds,
         "The datetime so many nanoseconds behind 1970-01-01."),
    {.name = "datetime_utc_to_local", .kind = KQL_SCALAR,
     .signature = "(from: datetime, timezone: string) -> datetime", .call = to_local,
     .prepare = prepare_zone, .doc = "What the clocks of a time zone show at that moment.",
     .group = "datetime"},
    {.name = "datetime_local_to_utc", .kind = KQL_SCALAR,
     .signature = "(from: datetime, timezone: string) -> datetime", .call = to_utc,
     .prepare = prepare_zone, .doc = "The moment at which the clocks of a time zone show that.",
     .group = "datetime"},
    TIME("datetime_list_timezones", 0, "() -> dynamic", list_zones,
         "The names of all time zones."),
    {.name = "format_bytes", .kind = KQL_SCALAR, .flags = KQL_F_FIRST_NAME,
     .signature = "(size: number, precision?: const number, format?: const string) -> string",
     .call = format_bytes, .doc = "A number of bytes as text: 10.1 KB.", .group = "datetime"},
    {.name = NULL},
};
/* clang-format on */
