/* unit.h - units of measure, for convert_length() and its kin. Names are case-sensitive. Pure. */
#pragma once
#include "base/base.h"

enum unit_kind {
    UNIT_ANGLE,
    UNIT_ENERGY,
    UNIT_FORCE,
    UNIT_LENGTH,
    UNIT_MASS,
    UNIT_SPEED,
    UNIT_TEMPERATURE,
    UNIT_VOLUME,
};

/* False: a unit that the kind does not have. */
bool unit_convert(enum unit_kind kind, double value, struct span from, struct span to, double *out);
