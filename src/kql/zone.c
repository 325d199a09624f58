/* zone.c - the changes on record by binary search; what comes behind them by the yearly rule. */
#include "kql/zone.h"
#include "kql/datetime_text.h"

static int
compare(const char *name, struct span wanted)
{
    int order = strncmp(name, wanted.p, wanted.n);

    return order != 0 ? order : name[wanted.n] != '\0';
}

const struct zone *
zone_find(struct span name)
{
    uint32_t low = 0, high = zone_name_count;

    if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL)
        return NULL;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare(zone_names[middle].name, name);

        if (order == 0)
            return zone_names[middle].zone;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *
zone_name_at(uint32_t index)
{
    return index < zone_name_count ? zone_names[index].name : NULL;
}

static const int64_t days_to_1970 = 719162;

/* Wall-clock seconds of the rule's day in that year. */
static int64_t
local_start(int year, const struct zone_day *day)
{
    int64_t first = datetime_days(year, day->month, 1), date; /* 0001-01-01 is a Monday */

    date = first + (day->weekday - (first + 1) % 7 + 7) % 7 + (day->week - 1) * 7;
    if (date >= first + datetime_month_days(year, day->month))
        date -= 7;
    return (date - days_to_1970) * 86400 + day->seconds;
}

static int32_t
offset_by_rule(const struct zone *z, int64_t moment)
{
    int64_t ticks = (moment + z->standard + days_to_1970 * 86400) * kql_ticks_per_s;
    int year = datetime_split(ticks).year;
    int64_t start = local_start(year, &z->start) - z->standard,
            end = local_start(year, &z->end) - z->daylight;
    bool is_daylight = start < end ? moment >= start && moment < end
                                   : moment >= start || moment < end; /* the south */

    return is_daylight ? z->daylight : z->standard;
}

int32_t
zone_offset(const struct zone *z, int64_t moment)
{
    uint32_t low = 0, high = z->count; /* changes before 'low' have come */

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (z->changes[middle].at <= moment)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->count && z->has_rules)
        return offset_by_rule(z, moment);
    return low == 0 ? z->first : z->changes[low - 1].offset;
}

int64_t
zone_moment(const struct zone *z, int64_t local)
{
    /* No change is within a day of another: the offsets of the day before and behind are those
     * around whatever change may be near. */
    int32_t before = zone_offset(z, local - 86400), after = zone_offset(z, local + 86400);

    if (zone_offset(z, local - before) == before)
        return local - before;
    if (zone_offset(z, local - after) == after)
        return local - after;
    return local - before; /* left out: what the old offset would have given */
}
