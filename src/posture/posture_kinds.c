/* posture_kinds.c - the two tables that everything else goes by. */
#include "posture/assessment.h"

const struct posture_kind *const posture_kinds[KIND_COUNT] = {
    [KIND_METADATA] = &posture_kind_metadata,
    [KIND_ASSESSMENT] = &posture_kind_assessment,
    [KIND_SUB_ASSESSMENT] = &posture_kind_sub_assessment,
};

posture_tick_fn *const posture_ticks[] = {
    NULL,
};
