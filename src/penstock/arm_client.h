/* arm_client.h - ARM paths for the commands: which subscription is meant, and what an automation is called on the
 * command line. */
#pragma once
#include "penstock/client.h"

#define ARM_CLIENT_VERSION "2023-12-01-preview"
#define ARM_CLIENT_INVENTORY_VERSION "2021-04-01"

/* GUID of the subscription: 'given' (--subscription), $PENSTOCK_SUBSCRIPTION, or the only one of the tenant, or the tenant's own where
 * --tenant says which. Exit code; what went wrong was printed. */
MUST_CHECK int arm_client_subscription(struct client *c, const char *given, char out[37]);
/* The path of an automation without a query: of its whole ARM id, or of GROUP/NAME, or of NAME in 'group'
 * (--group). Exit code. */
MUST_CHECK int arm_client_automation(struct client *c, const char *word, const char *subscription,
                                     const char *group, char *out, size_t room);
