/* kinds.h - what control must know of sinks, sources and device groups, as data (control may not
 * include them). */
#pragma once
#include "control/control.h"

/* Made once, constant afterwards. */
const struct control_kinds *kinds_get(void);
