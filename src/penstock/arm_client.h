/* arm_client.h - what an automation is called on the command line, as an ARM path. */
#pragma once
#include "penstock/posture_client.h"

#define ARM_CLIENT_VERSION "2023-12-01-preview"
#define ARM_CLIENT_INVENTORY_VERSION "2021-04-01"

/* The path of an automation without a query: of its whole ARM id, or of GROUP/NAME, or of NAME in 'group'
 * (--group). Exit code. */
MUST_CHECK int arm_client_automation(struct client *c, const char *word, const char *subscription,
                                     const char *group, char out[POSTURE_PATH_SIZE]);
