/* alert.h - what is done with alerts beside storing them (posture.h): their status, and samples on
 * demand. An alert comes in as the REST resource ({"properties":{camelCase}}) or as the flat PascalCase
 * document that is delivered (continuous-export.md section 2.3); it is kept in the first form and leaves
 * in the second. Any thread. */
#pragma once
#include "posture/posture.h"

/* As the REST resource has them. Delivered, Active is "New". */
enum alert_status { ALERT_ACTIVE, ALERT_IN_PROGRESS, ALERT_RESOLVED, ALERT_DISMISSED };
extern const char *const alert_status_names[]; /* "Active"; ends at NULL */

/* ST_END: no such alert of this tenant. Another status is a change of the alert, and sent as one. */
MUST_CHECK enum status posture_alert_set_status(struct posture *p, const char *tenant,
                                                const char *actor, struct span id,
                                                enum alert_status status, struct err *err);

/* The kinds of sample alerts that the service has: "AppServices", "VirtualMachines", ...; ends at NULL. */
extern const char *const alert_bundles[];
enum { ALERT_BUNDLES = 9 };

/* Makes the sample alerts of the bundles (bits 1 << index) about invented resources in the subscription, new
 * ones each time. They go the way of any alert, so that a pipeline can be tested end to end, and say in title and
 * text that they are samples. '*made': how many. 'salt': random, so that ids differ. */
MUST_CHECK enum status posture_alert_simulate(struct posture *p, const char *tenant,
                                              const char *actor, struct span subscription,
                                              struct span location, uint32_t bundles, uint64_t salt,
                                              int64_t now, size_t *made, struct err *err);
