/* selftest.h - says, line by line, what this system permits the sensor and what that costs. One
 * thread. */
#pragma once
#include "sensor/options.h"

/* False: something without which no rows come or go. */
MUST_CHECK bool selftest_run(const struct options *o, FILE *out);
