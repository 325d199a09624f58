/* datetime.c - the calendar, both ways.
 *
 * Every row that leaves in an envelope of ours gets its time written here, so writing divides by
 * constants only (multiplications, to the compiler), has one branch, and takes two digits a step
 * from a table. The date comes from Neri and Schneider, "Euclidean affine functions and their
 * application to calendar algorithms" (2022): years are counted from 1 March, so that the leap day
 * comes last and months follow one linear function. */
#include "model/datetime.h"

/* 9999-12-31T23:59:59.9999999Z */
#define TICKS_LAST INT64_C(3155378975999999999)
/* 0000-03-01 to 0001-01-01 */
#define DAYS_BEFORE 306

static const char two_digits[] = "00010203040506070809101112131415161718192021222324"
                                 "25262728293031323334353637383940414243444546474849"
                                 "50515253545556575859606162636465666768697071727374"
                                 "75767778798081828384858687888990919293949596979899";

struct datetime_parts
datetime_split(int64_t ticks)
{
    uint64_t t = ticks < 0 ? 0 : ticks > TICKS_LAST ? (uint64_t)TICKS_LAST : (uint64_t)ticks;
    uint64_t seconds = t / (uint64_t)TICKS_PER_SECOND;
    uint32_t fraction = (uint32_t)(t % (uint64_t)TICKS_PER_SECOND);
    uint32_t day = (uint32_t)(seconds / 86400), second = (uint32_t)(seconds % 86400);
    uint32_t n1 = 4 * (day + DAYS_BEFORE) + 3, century = n1 / 146097;
    uint32_t n2 = 4 * (n1 % 146097 / 4) + 3;
    uint64_t p2 = UINT64_C(2939745) * n2;
    uint32_t year = 100 * century + (uint32_t)(p2 >> 32);
    uint32_t day_of_year = (uint32_t)p2 / 2939745 / 4;
    uint32_t n3 = 2141 * day_of_year + 197913;
    uint32_t is_next_year = day_of_year >= 306; /* January and February */

    return (struct datetime_parts){
        .year = (int)(year + is_next_year),
        .month = (int)((n3 >> 16) - 12 * is_next_year),
        .day = (int)((n3 & 0xffff) / 2141 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
        .fraction = (int)fraction,
    };
}

static inline void
put_two(char *out, unsigned value)
{
    memcpy(out, two_digits + 2 * value, 2);
}

void
datetime_write(char out[DATETIME_TEXT_SIZE], int64_t ticks)
{
    struct datetime_parts d = datetime_split(ticks);
    unsigned year = (unsigned)d.year, fraction = (unsigned)d.fraction;

    memcpy(out, "....-..-..T..:..:..........Z", DATETIME_TEXT_SIZE);
    put_two(out, year / 100);
    put_two(out + 2, year % 100);
    put_two(out + 5, (unsigned)d.month);
    put_two(out + 8, (unsigned)d.day);
    put_two(out + 11, (unsigned)d.hour);
    put_two(out + 14, (unsigned)d.minute);
    put_two(out + 17, (unsigned)d.second);
    put_two(out + 20, fraction / 100000);
    put_two(out + 22, fraction / 1000 % 100);
    put_two(out + 24, fraction / 10 % 100);
    out[26] = (char)('0' + fraction % 10);
}

/* 'count' digits at *p, which moves past them; false if there are fewer. */
static bool
take_digits(const char **p, const char *end, int count, int *value)
{
    int v = 0;

    if (end - *p < count)
        return false;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(unsigned char)(*p)[i] - '0';

        if (digit > 9)
            return false;
        v = v * 10 + (int)digit;
    }
    *p += count;
    *value = v;
    return true;
}

static bool
take_char(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    (*p)++;
    return true;
}

static bool
take_date(const char **p, const char *end, struct datetime_parts *d)
{
    static const char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (!take_digits(p, end, 4, &d->year) || !take_char(p, end, '-') ||
        !take_digits(p, end, 2, &d->month) || !take_char(p, end, '-') ||
        !take_digits(p, end, 2, &d->day))
        return false;
    if (d->year < 1 || d->month < 1 || d->month > 12 || d->day < 1)
        return false;
    bool is_leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);

    return d->day <= month_days[d->month - 1] + (d->month == 2 && is_leap);
}

static bool
take_clock(const char **p, const char *end, struct datetime_parts *d)
{
    int count = 0;

    if (!take_digits(p, end, 2, &d->hour) || !take_char(p, end, ':') ||
        !take_digits(p, end, 2, &d->minute) || !take_char(p, end, ':') ||
        !take_digits(p, end, 2, &d->second))
        return false;
    if (d->hour > 23 || d->minute > 59 || d->second > 59)
        return false;
    d->fraction = 0;
    if (!take_char(p, end, '.'))
        return true;
    for (int digit; take_digits(p, end, 1, &digit); count++) {
        if (count == 9)
            return false;
        if (count < 7)
            d->fraction = d->fraction * 10 + digit;
    }
    for (int i = count; i < 7; i++)
        d->fraction *= 10;
    return count > 0;
}

/* Minutes east of Greenwich; nothing means none. */
static bool
take_zone(const char **p, const char *end, int *minutes)
{
    int hour, minute, sign;

    *minutes = 0;
    if (*p == end || take_char(p, end, 'Z'))
        return true;
    if (take_char(p, end, '+'))
        sign = 1;
    else if (take_char(p, end, '-'))
        sign = -1;
    else
        return false;
    if (!take_digits(p, end, 2, &hour) || !take_char(p, end, ':') ||
        !take_digits(p, end, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = sign * (hour * 60 + minute);
    return true;
}

/* Days from 0001-01-01; the months counted from March as in datetime_split. */
static int64_t
days_until(const struct datetime_parts *d)
{
    int year = d->month > 2 ? d->year : d->year - 1,
        month = d->month > 2 ? d->month : d->month + 12;

    return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + (153 * month - 457) / 5 +
           d->day - 1 - DAYS_BEFORE;
}

bool
datetime_read(struct span text, int64_t *ticks)
{
    const char *p = text.p, *end = text.p + text.n;
    struct datetime_parts d;
    int zone;

    if (text.n < 19 || !take_date(&p, end, &d) ||
        (!take_char(&p, end, 'T') && !take_char(&p, end, ' ')) || !take_clock(&p, end, &d) ||
        !take_zone(&p, end, &zone) || p != end)
        return false;
    int64_t seconds = ((days_until(&d) * 24 + d.hour) * 60 + d.minute - zone) * 60 + d.second;
    int64_t t = seconds * TICKS_PER_SECOND + d.fraction;

    if (t < 0 || t > TICKS_LAST) /* a zone can lead out of the calendar at either end */
        return false;
    *ticks = t;
    return true;
}
