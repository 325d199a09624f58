/* detection_store.h - detections in the store: rules, where each stands, what its runs did, the alerts that it made lately, and
 * alerts that are not in the journal yet. As store.h says; tenants are lower-case GUIDs.
 *
 * What a run found and where the rule stands afterwards are one transaction (store_detection_commit): a kill before it, and the run
 * is done again over the same rows; behind it, and its alerts wait in the outbox until they are durable elsewhere. So none is
 * lost and none made twice. */
#pragma once
#include "control/store.h"

enum { STORE_DETECTION_KEY_SIZE = 16, STORE_DETECTION_BATCH_SIZE = 80 };

struct store_detection {
    int64_t id; /* ascending, never used again */
    const char *tenant, *name;
    struct span json; /* as detection.h keeps it */
    bool is_enabled;
    int64_t created, modified, query_modified; /* ticks */
    const char *created_by, *modified_by;
    const char *detector; /* GUID */
    /* Where it stands: rows of the journal before 'position' were looked at; 'ran': when, 0: never. */
    uint64_t position;
    int64_t ran;   /* ticks: end of the last run that succeeded */
    int64_t tried; /* ticks: begin of the last run */
    int64_t since; /* ticks: made, or enabled last */
};
/* Adds it; id is filled in. 'count_max' as of the tenant. ST_INVALID: the tenant has one of that name (any case).
 * ST_FULL: the limit, and that alone. */
MUST_CHECK enum status store_detection_add(struct store *s, struct store_detection *x,
                                           uint64_t count_max, struct err *err);
/* Replaces text, times and who; where it stands only with 'moves'. 'only_if': while the kept json is this. ST_END: not there.
 * ST_INVALID: 'only_if' does not hold (err is ""), or the name is another's. */
MUST_CHECK enum status store_detection_set(struct store *s, const struct store_detection *x,
                                           struct span only_if, bool moves, struct err *err);
/* With all that is of it, but alerts in the outbox, which leave still. ST_END: not there. */
MUST_CHECK enum status store_detection_delete(struct store *s, const char *tenant, int64_t id,
                                              struct err *err);
/* Of one tenant, or all (NULL); with an id > 0 that one alone (ST_END: not there). By id. */
MUST_CHECK enum status store_detections(struct store *s, const char *tenant, int64_t id,
                                        bool (*visit)(void *app, const struct store_detection *x),
                                        void *app, struct err *err);

enum detection_outcome { DETECTION_RUN_DONE, DETECTION_RUN_FAILED };
struct store_detection_run {
    int64_t id; /* of a continuous rule's slot that goes on: the one to be replaced; 0: a new one */
    int64_t rule;
    int64_t started, ended; /* ticks */
    enum detection_outcome outcome;
    const char *trigger; /* "schedule", "request", "stream" */
    const char *error;   /* "" */
    const char *code;    /* "Timeout"; "" */
    uint64_t from, to;   /* positions of the journal */
    uint64_t rows;       /* of the answer */
    uint64_t alerts;     /* made */
    uint64_t merged;     /* hits that are part of another's alert, or of one made before */
    uint64_t dropped;    /* alerts beyond the limit */
};
/* Newest first, at most 'count'. */
MUST_CHECK enum status store_detection_runs(struct store *s, int64_t rule, size_t count,
                                            bool (*visit)(void *app,
                                                          const struct store_detection_run *x),
                                            void *app, struct err *err);

/* One rule's part of a commit. */
struct store_detection_step {
    struct store_detection_run run; /* with run.rule; id is filled in */
    bool moves;                     /* the rule stands at 'position' from now on */
    uint64_t position;
    int64_t ran, tried; /* 0: as they are */
    /* alerts made, by what makes them equal */
    const uint8_t (*keys)[STORE_DETECTION_KEY_SIZE];
    size_t key_count;
    int64_t key_time; /* ticks */
    size_t runs_max;  /* older runs go */
};
/* Alerts on their way. 'envelopes': lines for the admitter, under the batch id; 'alerts': a JSON array of
 * {"id","resource"} for posture. 'place': the journal's end when they were put here. */
struct store_detection_outbox {
    int64_t id;
    const char *tenant;
    const char *batch;
    struct span envelopes, alerts;
    uint64_t place;
};
/* All or nothing. A step whose rule is gone is passed over, its alerts leave still. 'cursor': where the stream reader stands
 * from now on; UINT64_MAX: as it is. */
MUST_CHECK enum status store_detection_commit(struct store *s, struct store_detection_step *steps,
                                              size_t count,
                                              const struct store_detection_outbox *out,
                                              size_t out_count, uint64_t cursor, struct err *err);
/* When such an alert was made last, 0: never or forgotten. */
MUST_CHECK enum status store_detection_seen(struct store *s, int64_t rule,
                                            const uint8_t key[STORE_DETECTION_KEY_SIZE],
                                            int64_t *when, struct err *err);
/* Forgets alerts of the rule made before 'time'. */
MUST_CHECK enum status store_detection_forget(struct store *s, int64_t rule, int64_t time,
                                              struct err *err);
/* ST_END: it never stood anywhere. */
MUST_CHECK enum status store_detection_cursor(struct store *s, uint64_t *cursor, struct err *err);

/* No rule, nor the cursor, stands behind 'end': for a journal that was replaced by a new one. *moved: how many did. */
MUST_CHECK enum status store_detection_clamp(struct store *s, uint64_t end, uint64_t *moved,
                                             struct err *err);

/* The oldest; ST_END: none waits. 'visit' must not call the store. */
MUST_CHECK enum status
store_detection_outbox_first(struct store *s,
                             bool (*visit)(void *app, const struct store_detection_outbox *x),
                             void *app, struct err *err);
MUST_CHECK enum status store_detection_outbox_drop(struct store *s, int64_t id, struct err *err);
