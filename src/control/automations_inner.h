/* automations_inner.h - what the files of the verbs share. Private to control/automations*.c. */
#pragma once
#include "control/automation_store.h"
#include "control/automations.h"

/* A row of the store, copied. */
struct automation_row {
    char *json, *private; /* NULL: there is none */
    size_t json_size, private_size;
    int64_t created;
    bool has_no_memory;
};
void automation_row_free(struct automation_row *row);
/* ST_END: there is none. */
MUST_CHECK enum status automation_row_find(const struct control *c,
                                           const struct automation_place *place,
                                           struct automation_row *row, struct err *err);

PRINTF_LIKE(5, 6)
void automations_fail(struct automations_reply *reply, unsigned status, const char *code,
                      const char *target, const char *format, ...);
void automations_fail_memory(struct automations_reply *reply);
/* Why goes to the log; the route sees to that. */
void automations_fail_store(struct automations_reply *reply, enum status st, const struct err *why);
void automations_fail_absent(struct automations_reply *reply, const struct automation_place *place);
/* The row as an answer. */
void automations_answer(const struct automation_row *row, unsigned status,
                        struct automations_reply *reply);

void automation_etag(const struct automation_row *row, char out[48]);
/* Whether the tag is in a header like: "a", W/"b" - or the header is *. A bare tag of a body counts as well. */
bool automation_etag_in(const char *given, const char *etag);

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
