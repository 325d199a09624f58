/* posture_part.h - posture as a part of the daemon: the file in the data folder, what automations ask
 * for, and the threads that feed the journal. Opened before anything can report, fed once the journal
 * stands, stopped when nothing reports any more. One thread makes and ends it; any may ask. */
#pragma once
#include "penstock/posture_feed.h"

struct config;
struct posture_part;

/* Opens DATA/posture.db. Nothing is asked for yet. */
MUST_CHECK enum status posture_part_open(const struct config *config, struct posture_part **part,
                                         struct err *err);
MUST_CHECK enum status posture_part_start(struct posture_part *part, struct journal *journal,
                                          struct err *err);
/* A new plan is in force. */
void posture_part_plan(struct posture_part *part, const struct plan *plan);
struct posture *posture_part_get(struct posture_part *part);
void posture_part_tend(struct posture_part *part); /* every second or so */
bool posture_part_is_healthy(struct posture_part *part, char *text, size_t text_size);
/* "posture":{...}; malloc'd. NULL: no memory. */
char *posture_part_status_json(struct posture_part *part);
/* The threads end; what is in the outbox goes into the journal, if that takes it. NULL is fine. */
void posture_part_stop(struct posture_part *part);
void posture_part_close(struct posture_part *part); /* after posture_part_stop; NULL is fine */
