/* suppression.h - alert suppression rules (Microsoft.Security/alertsSuppressionRules): which new alerts are
 * kept as dismissed at once. Private to this folder. */
#pragma once
#include "posture/posture_inner.h"

/* Pure: whether the rule's "properties" cover an alert's (as kept) at 'now': state Enabled, not expired,
 * alertType the same or "*", and all elements of suppressionAlertsScope.allOf: {"field":"entities.ip.address",
 * "in":[...]} or {"field":..., "contains":"..."}; texts compare without regard to case. */
bool suppression_rule_covers(struct span rule, struct span alert, int64_t now);

/* Whether any rule of the subscription ("/subscriptions/{s}") does. */
MUST_CHECK enum status suppression_covers(struct posture_txn *t, struct span subscription_id,
                                          struct span alert, bool *covers, struct err *err);
