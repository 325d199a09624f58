/* detect_part.h - detections as a part of the daemon: their threads, and how far workspaces are filled. One thread makes and ends it;
 * any may ask. */
#pragma once
#include "detect/detect.h"
#include "match/plan.h"

struct deliverer;
struct detect_part;

MUST_CHECK enum status detect_part_make(struct detect_part **part, struct err *err);
/* A new plan is in force, or rules were changed. */
MUST_CHECK enum status detect_part_plan(struct detect_part *part, const struct plan *plan,
                                        struct err *err);
/* Before the journal's first append. 'delivered' of the options is filled in here. */
MUST_CHECK enum status detect_part_open(struct detect_part *part, const struct detect_options *o,
                                        struct deliverer *deliverer, struct err *err);
MUST_CHECK enum status detect_part_start(struct detect_part *part, struct err *err);
struct detect *detect_part_get(struct detect_part *part); /* NULL before it is open */
/* The threads end. Before delivery, admission and journal do. NULL is fine. */
void detect_part_stop(struct detect_part *part);
void detect_part_free(struct detect_part *part); /* NULL is fine */
