/* arm_store.h - ARM resources in the store: one table for each kind, of the same columns but one. Private to automations*.c
 * and collection*.c. As store.h says. */
#pragma once
#include "control/store.h"

struct arm_stored {
    const char *subscription; /* lower-case GUID */
    const char *group, *id;   /* lower case */
    struct span json;         /* as answered, without etag and secrets */
    struct span beside;       /* what the table has beside it */
    int64_t created, modified;
};

struct arm_table {
    const char *name, *beside; /* the table, and its own column */
    const char *one, *noun;    /* "a collection rule", "rule": for errors */
    const char *all, *limit;   /* "data collection rules", " (limits.x)" or "" */
};
/* beside: {"actions":{KEY:{"since","secret"?,"grant"?}}} */
extern const struct arm_table arm_table_automations;
/* beside: the immutable id, "dcr-..." */
extern const struct arm_table arm_table_collections;

typedef bool (*arm_stored_fn)(void *app, const struct arm_stored *x);

/* 'only_if': replace only what has this json and, unless its p is NULL, what is beside (NULL: there must be none). 'count_max':
 * of the subscription. ST_INVALID: 'only_if' does not hold. ST_FULL: the limit. ST_END: its resource group is not there. */
MUST_CHECK enum status arm_store_put(struct store *s, const struct arm_table *table,
                                     const struct arm_stored *x, const struct arm_stored *only_if,
                                     uint64_t count_max, struct err *err);
/* ST_END: it is not there. */
MUST_CHECK enum status arm_store_find(struct store *s, const struct arm_table *table,
                                      const char *subscription, const char *group, const char *id,
                                      arm_stored_fn visit, void *app, struct err *err);
/* The one that has this beside it. ST_END: there is none. */
MUST_CHECK enum status arm_store_find_beside(struct store *s, const struct arm_table *table,
                                             const char *beside, arm_stored_fn visit, void *app,
                                             struct err *err);
/* By group and id. 'subscription', 'group': NULL: all. 'after_group', 'after_id': those behind. */
MUST_CHECK enum status arm_store_list(struct store *s, const struct arm_table *table,
                                      const char *subscription, const char *group,
                                      const char *after_group, const char *after_id,
                                      arm_stored_fn visit, void *app, struct err *err);
/* 'only_if': as above; NULL: whatever it is. ST_END: it is not there. */
MUST_CHECK enum status arm_store_delete(struct store *s, const struct arm_table *table,
                                        const char *subscription, const char *group, const char *id,
                                        const struct arm_stored *only_if, struct err *err);
