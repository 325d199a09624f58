/* management_scores.h - the secure score of a management group, of those of all subscriptions below it.
 * Private to this folder.
 *
 * percentage: by score_of_several, Σ(percentage × weight) / Σ weight. max, current, weight: sums; so the
 * percentage is not current / max, as a subscription of few points counts by what was assessed in it. A
 * subscription without a score does not count; without any there is no score. */
#pragma once
#include "api/arm.h"

void management_scores_list(struct arm_call *a, struct http_reply *reply);
void management_scores_get(struct arm_call *a, struct http_reply *reply);
/* Controls of one name are one, likewise: weighted percentage, everything else summed. By name. */
void management_controls_list(struct arm_call *a, struct http_reply *reply);

/* management_routes.c: 404 for the group of the path. */
void management_refuse_group(struct arm_call *a, struct http_reply *reply);
