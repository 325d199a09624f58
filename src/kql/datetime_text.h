/* datetime_text.h - the calendar and the texts of datetime and timespan, for their functions. Ticks
 * as in value.h. Pure. */
#pragma once
#include "kql/value.h"
#include "model/datetime.h"

/* Days from 0001-01-01 to that day; the day need not be in the month (it is counted on). */
int64_t datetime_days(int year, int month, int day);
int datetime_month_days(int year, int month);
/* Ticks of a date and a time of day; false: the calendar has none such. */
bool datetime_join(const struct datetime_parts *parts, int64_t *ticks);
