/* hits.h - rows of a rule's answer to alerts: AlertInfo and AlertEvidence rows and a SecurityAlert, each alert once. Pure but for
 * asking whether such an alert was made before. One thread.
 *
 * Rows with the same entities, title and description (placeholders filled in) and the same details are one alert: its key is a
 * hash of them and of the rule. An alert of a key that was made within the rule's deduplication window is not made again. Its
 * AlertId is a hash of the key and of the event: the row's ReportId, DeviceId and time, or where a row has no such thing,
 * what the caller says of it (the place in the journal, or the run's window). So the same rows looked at again give the same
 * alerts under the same ids.
 *
 * A row with the AlertId of an alert that detections made is none: no rule answers itself, or another one that answers it.
 *
 * At most 'alerts_max' alerts a run, DETECTION_ALERTS_MAX as Defender has it: what would be more is counted. */
#pragma once
#include "detect/rule.h"

/* One column of a row, as text: strings decoded, others as tostring() prints them. NULL p: null, or not there. */
struct hit_cell {
    struct span name, text;
};

struct hits_options {
    const struct rule *rule;
    int64_t now; /* ticks: what the alerts are made at, and the deduplication window ends */
    size_t alerts_max;
    /* When an alert of the key was made last (ticks; 0: never). NULL: nothing is known */
    enum status (*seen)(void *app, int64_t rule, const uint8_t key[STORE_DETECTION_KEY_SIZE],
                        int64_t *when, struct err *err);
    void *app;
};

/* An AlertId that detections made: its last digits are a check of the others. So a rule about alerts can pass over those that rules
 * made, its own above all: else an alert would be a hit, and its alert another one. */
bool hit_alert_is_ours(struct span alert_id);

struct hits;
MUST_CHECK enum status hits_make(const struct hits_options *o, struct hits **hits, struct err *err);
void hits_free(struct hits *h); /* NULL is fine */
/* The next row. 'identity' (borrowed for the call): what tells the event apart where the row does not. ST_FULL: no memory; what
 * 'seen' said else. */
MUST_CHECK enum status hits_add(struct hits *h, const struct hit_cell *cells, size_t count,
                                struct span identity, struct err *err);

/* What came of it; lends until hits_free. */
struct hits_result {
    uint64_t rows, merged, dropped;
    size_t alert_count;
    const uint8_t (*keys)[STORE_DETECTION_KEY_SIZE];
    struct span
        envelopes;       /* lines for the admitter: all evidence of an alert, then its AlertInfo */
    struct span alerts;  /* JSON array of {"id","resource"}: SecurityAlerts for posture */
    const json_t *shown; /* array of {"alertId","title",...,"evidence":[...]}: for a test-run */
};
MUST_CHECK enum status hits_end(struct hits *h, struct hits_result *result, struct err *err);

enum {
    HITS_CELL_MAX = 8192,  /* bytes of a column's text in an alert: more is cut, at a character */
    HITS_TITLE_MAX = 1024, /* of a title filled in */
    HITS_TEXT_MAX = 8192,  /* of a description filled in */
};
