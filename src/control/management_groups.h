/* management_groups.h - the tree above the subscriptions of a tenant, kept in the store. Any thread.
 *
 * The tenant's root group is always there: its name is the tenant's GUID. A subscription that nobody put
 * into a group is the root's. Names compare without regard to case (of ASCII letters) and keep the casing
 * they were made with; another tenant's groups are not there, and the same names may be in both. */
#pragma once
#include "control/inventory.h"

enum {
    MANAGEMENT_GROUPS_MAX = 10000,  /* of one tenant, the root beside them; as Azure */
    MANAGEMENT_GROUP_NAME_MAX = 90, /* bytes */
    MANAGEMENT_GROUP_DEPTH_MAX = 6, /* levels below the root; as Azure */
};

struct management_group {
    const char *name;
    const char *display_name;
    const char *parent; /* its name; "": it is the root */
    const char *parent_display_name;
    int64_t created, modified; /* 0: a root that nobody named */
};
typedef bool management_group_visit(void *app, const struct management_group *x);

/* Letters, digits, - _ . ( ), 1 to 90, a letter or digit first, no '.' at the end. */
bool management_group_name_is(const char *name);
/* Makes or changes. 'display_name' NULL: as it is, or the name; 'parent' NULL: as it is, or the root;
 * parent_display_name is not looked at. ST_INVALID: the parent is not there or below the group, the tree
 * would be too deep, or the root would move. ST_FULL: the limit. 'is_new' may be NULL. */
MUST_CHECK enum status management_group_put(struct store *s, const char *tenant,
                                            const struct management_group *x, bool *is_new,
                                            struct err *err);
/* ST_END: not there. 'visit' may be NULL: only whether it is there. 'visit' must not call the store, here
 * and below. */
MUST_CHECK enum status management_group_find(struct store *s, const char *tenant, const char *name,
                                             management_group_visit *visit, void *app,
                                             struct err *err);
/* By lower-case name, those behind 'after' (lower case; "" from the first). */
MUST_CHECK enum status management_groups(struct store *s, const char *tenant, const char *after,
                                         management_group_visit *visit, void *app, struct err *err);
/* The groups right below one, by name; none also where it is not there. */
MUST_CHECK enum status management_group_children(struct store *s, const char *tenant,
                                                 const char *name, management_group_visit *visit,
                                                 void *app, struct err *err);
/* ST_END: not there. ST_INVALID: the root, or it has groups or subscriptions. */
MUST_CHECK enum status management_group_delete(struct store *s, const char *tenant,
                                               const char *name, struct err *err);

/* Moves a subscription of the tenant into a group; the root's name takes it out of its group. ST_END: the
 * group, or the subscription, is not there; *has_group says which. */
MUST_CHECK enum status management_group_join(struct store *s, const char *tenant, const char *name,
                                             const char *subscription, bool *has_group,
                                             struct err *err);
/* The active subscriptions right in a group, or with 'below' also in the groups under it: by id, those
 * behind 'after' ("" from the first). None also where it is not there. */
MUST_CHECK enum status management_group_subscriptions(
    struct store *s, const char *tenant, const char *name, bool below, const char *after,
    bool (*visit)(void *app, const struct subscription *x), void *app, struct err *err);
