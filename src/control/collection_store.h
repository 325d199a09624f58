/* collection_store.h - data collection rules in the store. Private to collection_rule*.c. As store.h says; ids in lower
 * case. */
#pragma once
#include "control/store.h"

struct store_collection {
    const char *subscription, *group, *id; /* lower case */
    const char *immutable;                 /* "dcr-..." */
    struct span json;                      /* as answered, without etag */
    int64_t created, modified;
};
/* 'only_if': replace only what has this json (NULL p: there must be none). ST_INVALID: it does not hold. ST_FULL: the limit.
 * ST_END: the resource group is not there. */
MUST_CHECK enum status store_collection_put(struct store *s, const struct store_collection *x,
                                            struct span only_if, uint64_t count_max,
                                            struct err *err);
MUST_CHECK enum status
store_collection_find(struct store *s, const char *subscription, const char *group, const char *id,
                      bool (*visit)(void *app, const struct store_collection *x), void *app,
                      struct err *err);
MUST_CHECK enum status store_collection_named(struct store *s, const char *immutable,
                                              bool (*visit)(void *app,
                                                            const struct store_collection *x),
                                              void *app, struct err *err);
/* By group and id. 'group': NULL: all. 'after_group', 'after_id': those behind. */
MUST_CHECK enum status store_collections(struct store *s, const char *subscription,
                                         const char *group, const char *after_group,
                                         const char *after_id,
                                         bool (*visit)(void *app, const struct store_collection *x),
                                         void *app, struct err *err);
/* 'only_if': NULL p: whatever it is. ST_END: it is not there. */
MUST_CHECK enum status store_collection_delete(struct store *s, const char *subscription,
                                               const char *group, const char *id,
                                               struct span only_if, struct err *err);
