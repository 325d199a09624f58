#include "model/event_source.h"
#include <strings.h>

/* clang-format off */
const struct event_source_row event_source_rows[EVENT_SOURCES] = {
    [EVENT_ALERTS] = {"Alerts", "SecurityAlert", false, EVENT_ALERTS,
        "An alert is generated."},
    [EVENT_ASSESSMENTS] = {"Assessments", "SecurityRecommendation", false, EVENT_ASSESSMENTS,
        "A resource's state for a recommendation changes, or is withdrawn."},
    [EVENT_SUB_ASSESSMENTS] = {"SubAssessments", "SecurityNestedRecommendation", false, EVENT_SUB_ASSESSMENTS,
        "A finding of a recommendation appears, changes or disappears."},
    [EVENT_SECURE_SCORES] = {"SecureScores", "SecureScores", false, EVENT_SECURE_SCORES,
        "The score of a control moved by 0.01 or more: the subscription's score."},
    [EVENT_SECURE_SCORE_CONTROLS] = {"SecureScoreControls", "SecureScoreControls", false, EVENT_SECURE_SCORE_CONTROLS,
        "The score of a control moved by 0.01 or more."},
    [EVENT_COMPLIANCE] = {"RegulatoryComplianceAssessment", "SecurityRegulatoryCompliance", false, EVENT_COMPLIANCE,
        "An assessment's state under a compliance control changes."},
    [EVENT_ATTACK_PATHS] = {"AttackPaths", "SecurityAttackPathData", false, EVENT_ATTACK_PATHS,
        "An attack path appears, changes or disappears."},
    [EVENT_ASSESSMENTS_SNAPSHOT] = {"AssessmentsSnapshot", "SecurityRecommendation", true, EVENT_ASSESSMENTS,
        "All recommendations' states, weekly or on demand."},
    [EVENT_SUB_ASSESSMENTS_SNAPSHOT] = {"SubAssessmentsSnapshot", "SecurityNestedRecommendation", true, EVENT_SUB_ASSESSMENTS,
        "All findings, weekly or on demand."},
    [EVENT_SECURE_SCORES_SNAPSHOT] = {"SecureScoresSnapshot", "SecureScores", true, EVENT_SECURE_SCORES,
        "The subscription's score, weekly or on demand."},
    [EVENT_SECURE_SCORE_CONTROLS_SNAPSHOT] = {"SecureScoreControlsSnapshot", "SecureScoreControls", true, EVENT_SECURE_SCORE_CONTROLS,
        "The scores of all controls, weekly or on demand."},
    [EVENT_COMPLIANCE_SNAPSHOT] = {"RegulatoryComplianceAssessmentSnapshot", "SecurityRegulatoryCompliance", true, EVENT_COMPLIANCE,
        "All compliance states, weekly or on demand."},
    [EVENT_ATTACK_PATHS_SNAPSHOT] = {"AttackPathsSnapshot", "SecurityAttackPathData", true, EVENT_ATTACK_PATHS,
        "All attack paths, weekly or on demand."},
};
/* clang-format on */

bool
event_source_find(struct span name, enum event_source *source)
{
    for (size_t i = 0; i < EVENT_SOURCES; i++) {
        const char *known = event_source_rows[i].name;

        if (strlen(known) == name.n && strncasecmp(known, name.p, name.n) == 0) {
            *source = (enum event_source)i;
            return true;
        }
    }
    return false;
}
