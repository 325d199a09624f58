/* compliance.h - states of regulatory compliance (continuous-export.md section 2.6). Private to this
 * folder. */
#pragma once
#include "posture/posture_inner.h"

enum {
    COMPLIANCE_PASSED,
    COMPLIANCE_FAILED,
    COMPLIANCE_SKIPPED,
    COMPLIANCE_UNSUPPORTED,
    COMPLIANCE_STATES
};
extern const char *const compliance_states[]; /* ends at NULL */

/* Refuses unless the member is an array of {"id":".../assessmentMetadata/{key}"}. */
bool posture_definitions_check(struct posture_change *c, const char *path);
