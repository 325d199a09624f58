/* event_text.h - what an event leaves as by the action of an automation. Private to this folder. */
#pragma once
#include "match/plan.h"

/* *text: the row of a workspace's table, or a finding in its legacy form, malloc'd; NULL: the document as it
 * is. ST_INVALID: 'why' says what is wrong with the event. */
MUST_CHECK enum status event_text(const struct plan_route *route, const struct block *block,
                                  uint32_t row, char **text, size_t *size, bool *is_shrunk,
                                  struct err *why);
