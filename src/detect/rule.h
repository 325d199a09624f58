/* rule.h - a detection rule as those who run it hold it. One thread's at a time. */
#pragma once
#include "control/detections.h"

struct rule {
    int64_t id;
    char tenant[40], detector[40];
    struct detection x;
    uint64_t position;         /* rows before it are not its business, or were looked at */
    int64_t ran, tried, since; /* as in detection_store.h; ticks */
    char broken[320];          /* why it cannot be run; "" */
    /* the runner's: due, but what was in the journal then is not all in the workspace yet */
    uint64_t barrier;   /* the journal's end then; 0: not due */
    int64_t barrier_ms; /* since when; monotonic */
    bool is_held;       /* in this look */
    struct rule *next;
};

/* Rules that are enabled, of active tenants: the continuous ones, or the others; by id. ST_IO, ST_FULL: none. One that cannot
 * be read (a newer program left it) is there, with 'broken'. */
MUST_CHECK enum status rules_read(const struct control *c, bool continuous, struct rule **rules,
                                  struct err *err);
/* One rule, enabled or not, of that tenant. ST_END: not there. */
MUST_CHECK enum status rule_read(const struct control *c, const char *tenant, int64_t id,
                                 struct rule **rule, struct err *err);
void rules_free(struct rule *rules); /* NULL is fine */
