/* detections.h - list, get, post, patch and delete of detection rules over the store. Rights are the caller's to check. Any
 * thread. */
#pragma once
#include "control/detection.h"
#include "control/detection_store.h"

enum {
    DETECTIONS_PAGE_MAX = 1000,
    /* a run that failed is tried again after so long, or when the next one is due */
    DETECTION_RETRY_MINUTES = 5,
};

/* What a route answers; tree and details are the caller's to release. */
struct detections_reply {
    unsigned status; /* 200, 201, 204, 400, 404, 409, 412, 500, 503 */
    char code[48];   /* of a failure: "BadRequest", "NotFound", "Conflict" ... */
    json_t *tree;
    json_t *details;  /* array of faults; NULL: none */
    bool has_changed; /* who runs rules must be told */
    int64_t id;       /* of the rule that was made or changed */
    struct err err;
};
void detections_reply_free(struct detections_reply *reply);

struct detections_page {
    const char *tenant;
    int64_t after; /* ids beyond this one */
    size_t skip, count_max;
    const char *name, *name_prefix; /* of displayName, any case; NULL: any */
    int is_enabled;                 /* -1: either */
};
/* {"value":[...]}; *next: 'after' of the next page, 0: there is none. */
void detections_list(const struct control *c, const struct detections_page *page, int64_t *next,
                     struct detections_reply *reply);
void detections_get(const struct control *c, const char *tenant, int64_t id,
                    struct detections_reply *reply);

struct detections_put {
    const char *tenant, *actor;
    const json_t *body;
    int64_t id;        /* to be patched; 0: a new one */
    uint64_t position; /* the journal's end: where a rule that is new, or enabled again, begins */
    int64_t now;
    bool is_validation; /* nothing is stored: 200 with the rule as it would be shown */
};
/* 201 made, 200 changed; 409: another rule has the name, or there are too many. */
void detections_put(const struct control *c, const struct detections_put *put,
                    struct detections_reply *reply);
void detections_delete(const struct control *c, const char *tenant, int64_t id,
                       struct detections_reply *reply);
/* {"value":[{"startedDateTime","endedDateTime","status","trigger","rows","alerts",...}]}, newest first. */
void detections_runs(const struct control *c, const char *tenant, int64_t id, size_t count,
                     struct detections_reply *reply);

/* When a rule is due: pure. Runs lie on a grid of 'period' from 'since' on, so that they do not drift; one that was missed (the
 * daemon was down, the queue was long) is due at once, and once; one that failed is due again after DETECTION_RETRY_MINUTES. All
 * in ticks; 'ran' and 'tried': begin of the last run that succeeded, and of the last one (0: never). */
int64_t detection_due(int64_t period, int64_t since, int64_t ran, int64_t tried, int64_t now);

/* The stored rule, read again. For those who run it. As detection_read. */
MUST_CHECK enum status detection_stored_read(const struct control *c,
                                             const struct store_detection *stored,
                                             struct detection *out, struct err *err);
/* The members of a run, for answers. NULL: no memory. */
json_t *detection_run_json(const struct store_detection_run *run);
