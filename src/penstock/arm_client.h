/* arm_client.h - what an automation or a data collection rule is called on the command line, as an ARM path. */
#pragma once
#include "penstock/posture_client.h"

#define ARM_CLIENT_VERSION "2023-12-01-preview"
#define ARM_CLIENT_INVENTORY_VERSION "2021-04-01"

struct arm_kind {         /* of resources */
    const char *provider; /* "Microsoft.Security/automations" */
    const char *noun;     /* with its article */
};
extern const struct arm_kind arm_automations, arm_collections;

/* The path of a resource without a query: of its whole ARM id, or of GROUP/NAME, or of NAME in 'group'
 * (--group). Exit code. */
MUST_CHECK int arm_client_path(struct client *c, const struct arm_kind *kind, const char *word,
                               const char *subscription, const char *group,
                               char out[POSTURE_PATH_SIZE]);
/* The path of what a file holds: 'word' if it is given, or else what the file says of itself. Exit code. */
MUST_CHECK int arm_client_file_path(struct client *c, const struct arm_kind *kind, const char *word,
                                    const json_t *file, const char *subscription, const char *group,
                                    char out[POSTURE_PATH_SIZE]);
/* All of a subscription, or of --group, in *all, an array (the caller's). Exit code. */
MUST_CHECK int arm_client_list(struct client *c, const struct arm_kind *kind, const char *version,
                               const char *subscription, const char *group, json_t **all);
/* The resource group's name in an ARM id; "" if it has none. */
void arm_client_group(const char *id, char *out, size_t room);
