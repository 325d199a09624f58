/* detection.h - one detection rule: Microsoft Graph's resource microsoft.graph.security.detectionRule as text, as an object,
 * and its checks. Any thread; an object is one thread's.
 *
 *   {"displayName","isEnabled","queryCondition":{"queryText"},"schedule":{"period" or "frequency"},
 *    "detectionAction":{"alertTemplate":{"title","description","severity","category","recommendedActions","mitreTechniques",
 *      "impactedAssets":[{"@odata.type","identifier"}],"customDetails":{LABEL:COLUMN}},"organizationalScope","responseActions"},
 *    "penstock":{"lookback","deduplicationWindow","workspace","subscriptionId"}}
 *
 * What may be read only (id, createdBy, lastRunDetails ...) and names that begin with '@' are ignored where they are sent, so that
 * what was answered can be sent back. Other names that nobody knows are faults: a misspelt one must not be lost silently.
 *
 * period: "0" is continuous: the query must work row by row over one table (kql/stream.h) and is asked of each record as it
 * comes. Else "5M" to "1440M", "1H" to "24H" or "1D"; frequency is the same as an ISO 8601 duration. title and description may
 * name columns of the answer as {{Column}}, at most three different ones each.
 *
 * organizationalScope and responseActions are refused unless empty: nothing here isolates a device, and a rule that pretends to
 * would be worse than none. */
#pragma once
#include "control/control.h"
#include "wire/json.h"

enum {
    DETECTION_BODY_SIZE_MAX = 256 << 10,
    DETECTION_NAME_MAX = 256,         /* bytes */
    DETECTION_QUERY_MAX = 64 << 10,   /* bytes */
    DETECTION_TITLE_MAX = 256,        /* bytes of the template; filled in, DETECTION_TEXT_MAX */
    DETECTION_DESCRIPTION_MAX = 4096, /* bytes */
    DETECTION_ACTIONS_MAX = 4096,     /* bytes of recommendedActions */
    DETECTION_PLACEHOLDERS_MAX = 3,   /* different ones in title, and in description */
    DETECTION_TECHNIQUES_MAX = 20,
    DETECTION_ASSETS_MAX = 10,
    DETECTION_DETAILS_MAX = 20,
    DETECTION_COLUMN_MAX = 128, /* bytes of a column's name, or of a label */
    DETECTION_FAULTS_MAX = 50,  /* told in one answer */
    DETECTIONS_MAX = 1000,      /* of one tenant */
    DETECTION_ALERTS_MAX =
        150,                  /* of one run, as Defender has it; hits beyond are counted and told */
    DETECTION_RUNS_MAX = 100, /* kept of each rule */
    DETECTION_CHECK_MEMORY = 64 << 20,
    DETECTION_CHECK_MS = 5000,
};
#define DETECTION_MINUTE (INT64_C(60) * 10000000) /* ticks */
#define DETECTION_PERIOD_MIN (5 * DETECTION_MINUTE)
#define DETECTION_PERIOD_MAX (24 * 60 * DETECTION_MINUTE)
#define DETECTION_LOOKBACK_MAX (30 * 24 * 60 * DETECTION_MINUTE)
/* deduplicationWindow of a continuous rule that says none */
#define DETECTION_STREAM_WINDOW (60 * DETECTION_MINUTE)

enum detection_severity {
    DETECTION_INFORMATIONAL,
    DETECTION_LOW,
    DETECTION_MEDIUM,
    DETECTION_HIGH
};
extern const char *const detection_severity_names[];  /* "informational"; ends at NULL */
extern const char *const detection_severity_titles[]; /* "Informational": as alerts have it */

enum detection_asset_kind { DETECTION_DEVICE, DETECTION_USER, DETECTION_MAILBOX };
struct detection_asset {
    enum detection_asset_kind kind;
    const char *identifier; /* "deviceId": one of the kind's */
    char column[64];        /* "DeviceId" */
};
struct detection_detail {
    const char *label, *column;
};

struct detection {
    json_t *
        shown; /* as kept: normalized, without what may be read only; what is below points into it */
    const char *name, *query, *title, *description, *category;
    const char *recommended; /* NULL: none */
    bool is_enabled;
    int64_t period;   /* ticks; 0: continuous */
    int64_t lookback; /* ticks, at least the period; continuous: 0 */
    /* ticks: an alert for the same entities, title and description is not made again within it. Default: the lookback where
     * that is longer than the period, else 0; of a continuous rule an hour */
    int64_t window;
    const char *workspace;    /* as workspaces_find takes it; NULL: the tenant's default one */
    const char *subscription; /* of its SecurityAlerts, lower-case GUID; NULL: the tenant's own */
    enum detection_severity severity;
    const char *techniques[DETECTION_TECHNIQUES_MAX]; /* "T1059.001" */
    size_t technique_count;
    struct detection_asset assets[DETECTION_ASSETS_MAX];
    size_t asset_count;
    struct detection_detail details[DETECTION_DETAILS_MAX];
    size_t detail_count;
    char table[72]; /* that a continuous rule reads; "" else */
};

/* What is wrong with one text. */
struct detection_faults {
    json_t *details; /* [{"code","message","target"}]; the first DETECTION_FAULTS_MAX */
    size_t count;
    char first[700]; /* "target: message" of the first one */
};
void detection_faults_free(struct detection_faults *f);
/* 'target' is a place: "detectionAction.alertTemplate.impactedAssets[0].identifier". */
PRINTF_LIKE(4, 5)
void detection_fault(struct detection_faults *f, const char *code, const char *target,
                     const char *format, ...);

/* Stored functions that a rule's query may call; NULL hook: none. */
struct detection_functions {
    bool (*function)(void *context, struct span name, struct span *text);
    void *context;
};

/* Reads and checks an object; all faults are told, those of the query with line and column. 'functions' may be NULL.
 * 'is_stored': a text of our own: the query is not looked at again, but for the table of a continuous rule. ST_INVALID: there are faults. ST_FULL: no
 * memory. Borrows nothing of 'body'. */
MUST_CHECK enum status detection_read(const struct control *c, const json_t *body, bool is_stored,
                                      const struct detection_functions *functions,
                                      struct detection *out, struct detection_faults *faults,
                                      struct err *err);
void detection_free(struct detection *x); /* zeroed is fine */
/* 'patch' laid over 'stored' (both objects): members replace, objects are laid over each other member by member, arrays and
 * null replace. New; NULL: no memory. */
json_t *detection_merge(const json_t *stored, const json_t *patch);

/* The query against the catalog: faults at queryCondition.queryText; and that columns which the template names are there. A continuous
 * one's table is left in x->table. Private to control/detection*.c. */
MUST_CHECK enum status detection_check_query(const struct control *c,
                                             const struct detection_functions *functions,
                                             bool is_stored, struct detection *x,
                                             struct detection_faults *faults, struct err *err);

/* The next {{Column}} of a template at or after *at: its place and size, and the column's name without blanks around it. False:
 * none. What looks like one but is empty or too long is text. */
bool detection_placeholder(struct span text, size_t *at, size_t *size, struct span *column);

/* ISO 8601 durations of days, hours, minutes and seconds: "P1D", "PT1H30M". */
bool detection_duration_read(struct span text, int64_t *ticks);
void detection_duration_write(int64_t ticks, char out[40]);
/* "0", "1H", "90M" */
void detection_period_write(int64_t ticks, char out[16]);
