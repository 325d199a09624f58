/* automations.h - list, get, put, patch, delete and validate of automations over the store
 * (continuous-export.md section 1.6). Rights on the automation are the caller's to check; those on a
 * destination of another tenant are asked for here. Any thread.
 *
 * Secrets are sealed, bound to automation and destination, never answered, and kept by a PUT or PATCH that names the
 * same destination without one. An action starts at the moment it is made; one of an automation that was disabled
 * starts again when it is enabled: what happened meanwhile is not sent. */
#pragma once
#include "control/automation.h"
#include "control/tokens.h"

enum { AUTOMATION_ROUTE_SIZE = 37 + 11 + AUTOMATION_KEY_SIZE };

/* What a route answers; tree and details are the caller's to release (automations_reply_free). */
struct automations_reply {
    unsigned status; /* 200, 201, 204, 400, 403, 404, 409, 412, 500, 503 */
    char code[48];   /* of a failure */
    char target[240];
    char etag[48]; /* with its quotes; "" if none */
    json_t *tree;
    json_t *details;
    bool has_changed; /* build a new plan */
    struct err err;
};
void automations_reply_free(struct automations_reply *reply);

void automations_get(const struct control *c, const struct automation_place *place,
                     struct automations_reply *reply);
/* Of a subscription, or of its resource group (place->group not ""): tree is the array, at most 'count_max'
 * long and about 'size_max' bytes; 'next' as 'after' of the next page, "" if there is none. */
void automations_list(const struct control *c, const struct automation_place *place,
                      const char *after, size_t count_max, size_t size_max, char next[400],
                      struct automations_reply *reply);

struct automations_put {
    struct automation_place place;
    const json_t *body; /* an object */
    bool is_patch, is_validation;
    const char *if_match, *if_none_match; /* headers; NULL: not sent */
    /* The caller's right to write at destinations of another tenant: who, or NULL. */
    const struct principal *(*may)(void *app, const char *tenant);
    void *app;
    int64_t now;
};
/* 201 created, 200 replaced; with is_validation 200 {"isValid","message"}. The resource group must be there (404
 * all the same, if it was deleted a moment ago). */
void automations_put(const struct control *c, const struct automations_put *put,
                     struct automations_reply *reply);
/* 204, there or not; has_changed tells. 412: If-Match. */
void automations_delete(const struct control *c, const struct automation_place *place,
                        const char *if_match, struct automations_reply *reply);

/* ---- for the plan, and for status ---- */

/* One stored automation; lends for the visit, which must not call the store. */
struct automation_stored {
    const char *subscription;
    const char *tenant; /* "": it has none any more */
    bool is_active;     /* the tenant is */
    struct span json, private;
    int64_t created, modified;
};
/* All of them, or one subscription's. */
MUST_CHECK enum status automations_visit(const struct control *c, const char *subscription,
                                         bool (*visit)(void *app,
                                                       const struct automation_stored *x),
                                         void *app, struct err *err);
MUST_CHECK enum status automation_stored_read(const struct control *c, const char *tenant,
                                              const char *subscription, struct span json,
                                              struct span private, struct automation *x,
                                              json_t **private_tree, struct err *err);
/* Where the action's route leads now; 'secret' has room for AUTOMATION_SECRET_MAX + 1 bytes and must be as long as
 * 'd'. *granted: tenant that let it write there, "" if it is its own. ST_INVALID: the route rests; err says why, for
 * people. */
MUST_CHECK enum status automation_action_open(const struct control *c, const char *tenant,
                                              const struct automation_action *action,
                                              const json_t *private_tree, char *secret,
                                              struct destination *d, char granted[40],
                                              struct err *err);
/* When it began, ticks. */
int64_t automation_action_since(const struct automation_action *action, const json_t *private_tree);
/* "TENANT/automation#KEY": no data export setting can have such an id. */
void automation_route_id(const char *tenant, const struct automation_action *action,
                         char out[AUTOMATION_ROUTE_SIZE]);
