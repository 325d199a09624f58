/* compute.h - scores and compliance states of subscriptions that changed. Private to this folder. */
#pragma once
#include "posture/posture_inner.h"

/* Takes up one subscription that has been dirty for the score delay; *more: there may be another. */
posture_tick_fn compute_tick;

/* The link to an assessment under a standard's control in the portal as a JSON string; null without a
 * portal. */
void compute_link(const char *portal, struct span key, struct span control, struct text *out);
