/* management_below.h - the subscriptions below a management group, and posture's lists over all of them.
 * Private to this folder. */
#pragma once
#include "api/arm.h"
#include "control/management_groups.h"
#include "posture/posture.h"

/* Taken down first: the store must not wait for posture. */
struct management_below {                      /* zeroed */
    char group[MANAGEMENT_GROUP_NAME_MAX + 2]; /* as it is spelt */
    char (*ids)[37];                           /* ascending; free it */
    size_t count, room;
    bool failed;
};
/* ST_END: there is no such group. Other than ST_OK leaves nothing to free. */
MUST_CHECK enum status management_below(struct arm_call *a, const char *name,
                                        struct management_below *b, struct err *err);

/* The group's name, if a list's scope is a management group. */
bool management_scope(struct span scope, char name[MANAGEMENT_GROUP_NAME_MAX + 2]);
/* posture_list over the subscriptions below the group, by their ids: q->scope is not looked at, q->after and
 * 'next' are of this list. A page ends with its subscription. ST_END: there is no such group. */
enum { MANAGEMENT_NEXT_SIZE = 37 + 64 };
MUST_CHECK enum status management_list(struct arm_call *a, const char *group,
                                       const struct posture_query *q, char **text, size_t *size,
                                       char next[MANAGEMENT_NEXT_SIZE], struct err *err);
