/* automation_store.h - automations in the store. Private to automation*.c. As store.h says. */
#pragma once
#include "control/store.h"

struct store_automation {
    const char *subscription; /* lower-case GUID */
    const char *group, *id;   /* lower case */
    struct span json;         /* as answered, without etag and secrets */
    struct span private;      /* {"actions":{KEY:{"since","secret"?,"grant"?}}} */
    int64_t created, modified;
};
/* 'only_if': replace only what has this json and private (NULL p: there must be none). 'count_max': of the
 * subscription. ST_INVALID: 'only_if' does not hold. ST_FULL: the limit. ST_END: its resource group is not
 * there. */
MUST_CHECK enum status store_automation_put(struct store *s, const struct store_automation *x,
                                            const struct store_automation *only_if,
                                            uint64_t count_max, struct err *err);
MUST_CHECK enum status
store_automation_find(struct store *s, const char *subscription, const char *group, const char *id,
                      bool (*visit)(void *app, const struct store_automation *x), void *app,
                      struct err *err);
/* By group and id. 'subscription', 'group': NULL: all. 'after_group', 'after_id': those behind. */
MUST_CHECK enum status store_automations(struct store *s, const char *subscription,
                                         const char *group, const char *after_group,
                                         const char *after_id,
                                         bool (*visit)(void *app, const struct store_automation *x),
                                         void *app, struct err *err);
/* 'only_if': NULL: whatever it is. */
MUST_CHECK enum status store_automation_delete(struct store *s, const char *subscription,
                                               const char *group, const char *id,
                                               const struct store_automation *only_if,
                                               struct err *err);
/* Whether the token was revoked, or its tenant switched off; ST_END: there is no such token. */
MUST_CHECK enum status store_token_standing(struct store *s, const char *token_id, bool *is_good,
                                            struct err *err);
