/* event_source.h - the thirteen event sources of continuous export (continuous-export.md sections
 * 1.4 and 2.1). Pure; any thread.
 *
 * An event is one JSON document, as it is delivered. In the journal it is a row of a block of kind
 * BLOCK_EVENTS, whose stream's category and table are both the source's name; row.group is the
 * index of the string that tells its scope: "/subscriptions/{s}" or
 * "/subscriptions/{s}/resourcegroups/{rg}", lower-case. */
#pragma once
#include "base/base.h"

enum event_source {
    EVENT_ALERTS,
    EVENT_ASSESSMENTS,
    EVENT_SUB_ASSESSMENTS,
    EVENT_SECURE_SCORES,
    EVENT_SECURE_SCORE_CONTROLS,
    EVENT_COMPLIANCE,
    EVENT_ATTACK_PATHS,
    /* the same in snapshots; alerts have none */
    EVENT_ASSESSMENTS_SNAPSHOT,
    EVENT_SUB_ASSESSMENTS_SNAPSHOT,
    EVENT_SECURE_SCORES_SNAPSHOT,
    EVENT_SECURE_SCORE_CONTROLS_SNAPSHOT,
    EVENT_COMPLIANCE_SNAPSHOT,
    EVENT_ATTACK_PATHS_SNAPSHOT,
    EVENT_SOURCES /* how many */
};

struct event_source_row {
    const char *name;  /* "RegulatoryComplianceAssessment", as written in answers */
    const char *table; /* workspace table: "SecurityRegulatoryCompliance" */
    bool is_snapshot;
    enum event_source streaming; /* itself, or what it is the snapshot of */
    const char *help;            /* one line for people */
};
extern const struct event_source_row event_source_rows[EVENT_SOURCES];

/* By name, any case. False: there is none. */
MUST_CHECK bool event_source_find(struct span name, enum event_source *source);
