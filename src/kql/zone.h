/* zone.h - the IANA time zones, built in from data/zones.txt. Seconds are since 1970-01-01 UTC and
 * offsets seconds east of Greenwich. Pure; any thread. */
#pragma once
#include "base/base.h"

struct zone;

/* By exact name ("Europe/Paris", "US/Eastern"); NULL: none. */
const struct zone *zone_find(struct span name);
/* Every name in turn, sorted; NULL at the end. */
const char *zone_name_at(uint32_t index);
/* What the zone's clocks are ahead of UTC at that moment. */
int32_t zone_offset(const struct zone *zone, int64_t moment);
/* The moment when the zone's clocks show 'local' (counted as if it were UTC): the earlier of two; of
 * an hour that is left out, as far behind the change as it lies in the gap. */
int64_t zone_moment(const struct zone *zone, int64_t local);

/* ---- the table, made by script/generate-zones ---- */

struct zone_change { /* 'offset' holds from 'at' on */
    int64_t at;
    int32_t offset;
};
struct
    zone_day { /* the week-th weekday (0: Sunday) of the month, 5: the last; wall-clock seconds */
    int8_t month, week, weekday;
    int32_t seconds;
};
struct zone {
    int32_t first; /* before the first change */
    uint32_t count;
    const struct zone_change *changes;
    bool has_rules; /* behind the last change, every year: daylight time from 'start' to 'end' */
    int32_t standard, daylight;
    struct zone_day start, end;
};
struct zone_name {
    const char *name;
    const struct zone *zone;
};
extern const struct zone_name zone_names[];
extern const uint32_t zone_name_count;
