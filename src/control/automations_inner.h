/* automations_inner.h - what the files of the verbs share. Private to control/automations*.c. */
#pragma once
#include "control/arm_resource.h"

/* What is private to the action; NULL: nothing is stored of it. */
const json_t *automation_private_of(const json_t *tree, const struct automation_action *a);
void automation_secret_context(const struct automation_action *a, const char *tenant,
                               char out[160]);
/* Opens a stored secret into 'out' (AUTOMATION_SECRET_MAX + 1 bytes). ST_END: there is none. */
MUST_CHECK enum status automation_secret_open(const struct control *c, const char *tenant,
                                              const struct automation_action *a,
                                              const json_t *private, char *out, struct err *err);
/* Whether a grant is of this tenant (NULL: of any) and its token was not withdrawn. */
bool automation_grant_holds(const struct control *c, const json_t *grant, const char *owner);
/* For destination_owner_find: 'app' is the grant. */
bool automation_grant_may(void *app, const char *tenant);
