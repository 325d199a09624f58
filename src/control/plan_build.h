/* plan_build.h - store and configuration to one immutable plan. Any thread. */
#pragma once
#include "control/control.h"
#include "match/plan.h"

/* Told of a setting that cannot be exported as things are (its id is "tenant/setting"): a resource
 * that the configuration no longer names, a secret of another key. Its route is in the plan
 * nevertheless, so that its cursor is kept; the sink will say why it does not open. Text for the
 * log, no secrets in it. */
typedef void (*plan_fault_fn)(void *app, const char *route, const struct err *why);

/* A route for every setting; those of tenants that are switched off are there as disabled ones, so
 * that their cursors are kept. *plan has one reference; it borrows nothing. 'fault' may be NULL. */
MUST_CHECK enum status plan_build(const struct control *c, uint64_t version, plan_fault_fn fault,
                                  void *app, struct plan **plan, struct err *err);
