/* query.h - a rule's query on a workspace. Private to this folder; one thread. */
#pragma once
#include "control/saved_queries.h"
#include "control/workspaces.h"
#include "detect/hits.h"
#include "workspace/hunt.h"

enum { QUERY_ROWS_MAX = 100000 }; /* of an answer that are looked at */

/* A workspace beside the rule's own, which its query names. */
struct query_other {
    struct query_other *next;
    struct workspace *workspace;
    struct workspace_place place;
};
struct query { /* zeroed; query_end gives it back at any time */
    struct workspace *workspace;
    struct query_other *others;
    const struct control *control;
    const char *tenant;
    bool is_short; /* the last run named another that was not among them: now it is, run again */
    struct workspace_place place;
    struct saved_functions functions;
    bool has_functions;
    struct hunt hunt;
    bool has_hunt;
};
/* Which workspace, opened. ST_INVALID: there is none. */
MUST_CHECK enum status query_open(const struct control *c, const char *tenant,
                                  const struct detection *x, struct query *q, struct err *err);
/* As hunt_run; of a query that is refused err says where and why. What it reads of the journal's records must have come to each
 * workspace that it names, and which these are is known when it is bound: where one is new, 'is_short' is set,
 * whatever was found is to be forgotten, and it is run again with a window that holds for all of them. */
MUST_CHECK enum status query_run(const struct control *c, const char *tenant,
                                 const struct detection *x, struct query *q,
                                 const struct hunt_window *window, int64_t now, int64_t time_ms,
                                 const _Atomic bool *cancelled, struct err *err);
void query_end(struct query *q);
/* Its last run alone. */
void query_forget(struct query *q);
/* A word for how it failed: "Timeout". */
const char *query_code(const struct query *q);
/* A row's cells as texts in the pool, whose escape is set. */
void query_cells(struct pool *pool, const struct kql_answer *answer, size_t row,
                 struct hit_cell *cells);
/* All rows of the answer into hits. */
MUST_CHECK enum status query_hits(struct hunt *hunt, struct hits *hits, struct span identity,
                                  struct err *err);
