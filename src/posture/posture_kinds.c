/* posture_kinds.c - the two tables that everything else goes by. */
#include "posture/assessment.h"
#include "posture/compute.h"
#include "posture/snapshot.h"

extern const struct posture_kind posture_kind_control_definition, posture_kind_score,
    posture_kind_score_control, posture_kind_standard, posture_kind_standard_control,
    posture_kind_standard_assessment, posture_kind_attack_path, posture_kind_alert,
    posture_kind_suppression_rule;

const struct posture_kind *const posture_kinds[KIND_COUNT] = {
    [KIND_METADATA] = &posture_kind_metadata,
    [KIND_ASSESSMENT] = &posture_kind_assessment,
    [KIND_SUB_ASSESSMENT] = &posture_kind_sub_assessment,
    [KIND_CONTROL_DEFINITION] = &posture_kind_control_definition,
    [KIND_SCORE] = &posture_kind_score,
    [KIND_SCORE_CONTROL] = &posture_kind_score_control,
    [KIND_STANDARD] = &posture_kind_standard,
    [KIND_STANDARD_CONTROL] = &posture_kind_standard_control,
    [KIND_STANDARD_ASSESSMENT] = &posture_kind_standard_assessment,
    [KIND_ATTACK_PATH] = &posture_kind_attack_path,
    [KIND_ALERT] = &posture_kind_alert,
    [KIND_SUPPRESSION_RULE] = &posture_kind_suppression_rule,
};

posture_tick_fn *const posture_ticks[] = {
    compute_tick,
    snapshot_schedule_tick,
    snapshot_tick,
    NULL,
};
