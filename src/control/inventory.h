/* inventory.h - subscriptions and resource groups: whose a subscription is, and what it has groups
 * for. Kept in the store. Any thread.
 *
 * A subscription is a GUID and belongs to exactly one tenant for good; every tenant has one whose id is
 * the tenant's own GUID. To anybody else it is not there. A resource group is a name in a subscription:
 * names compare without regard to case (of ASCII letters) and keep the casing last given. A group is
 * made by PUT, and by itself when posture data of it arrives; never by an automation's PUT. */
#pragma once
#include "base/base.h"

struct store;

enum {
    INVENTORY_SUBSCRIPTIONS_MAX = 10000, /* of one tenant */
    INVENTORY_GROUPS_MAX = 10000,        /* of one subscription; ARM: 980 */
    INVENTORY_GROUP_NAME_MAX = 90,       /* bytes: letters, digits, - _ . ( ), no '.' at the end */
    INVENTORY_NAME_MAX = 200,            /* bytes of a subscription's name, or of a location */
    INVENTORY_TAGS_MAX = 50,             /* of one resource */
    INVENTORY_TAG_NAME_MAX = 512,        /* bytes */
    INVENTORY_TAG_VALUE_MAX = 1024,      /* bytes; 256 characters */
};

/* How a subscription came to be. */
enum subscription_origin {
    SUBSCRIPTION_DEFAULT,    /* the tenant's own GUID: never removed */
    SUBSCRIPTION_CONFIGURED, /* tenants[].subscriptions: not removed while it stands there */
    SUBSCRIPTION_REGISTERED, /* by PUT or the command line */
};
const char *subscription_origin_name(enum subscription_origin origin); /* "configured" */

struct subscription {
    const char *id;     /* lower-case GUID */
    const char *tenant; /* lower-case GUID */
    const char *name;
    enum subscription_origin origin;
    bool is_active; /* its tenant is; filled in by the readers */
    int64_t created;
};
/* Adds, or renames; the origin of one that is there can only rise (registered to configured to default).
 * ST_INVALID: it is another tenant's. ST_FULL: the limit, and that alone (a full disk is ST_IO). 'is_new' may be
 * NULL. */
MUST_CHECK enum status subscription_set(struct store *s, const struct subscription *x, bool *is_new,
                                        struct err *err);
/* The tenant it belongs to, lower case. ST_END: there is none, or its tenant is switched off. 'id': any
 * case. */
MUST_CHECK enum status subscription_tenant(struct store *s, const char *id, char tenant[40],
                                           struct err *err);
/* The same, also of a tenant that is switched off. */
MUST_CHECK enum status subscription_owner(struct store *s, const char *id, char tenant[40],
                                          bool *is_active, struct err *err);
/* Of one tenant, or all (NULL), active ones only unless 'all'; by id. 'visit' must not call the store. */
MUST_CHECK enum status subscriptions(struct store *s, const char *tenant, bool all,
                                     bool (*visit)(void *app, const struct subscription *x),
                                     void *app, struct err *err);
/* ST_END: not there (for this tenant). ST_INVALID: a default or configured one, or it still has
 * automations. Its groups go with it. */
MUST_CHECK enum status subscription_remove(struct store *s, const char *tenant, const char *id,
                                           struct err *err);

/* A configured one becomes a registered one. */
MUST_CHECK enum status subscription_release(struct store *s, const char *id, struct err *err);

struct resource_group {
    const char *subscription; /* lower-case GUID */
    const char *name;         /* as last given */
    const char *location;     /* "" if nobody said */
    struct span tags;         /* JSON object of strings, "{}" if none */
    int64_t created, modified;
};
/* Letters, digits, - _ . ( ), 1 to 90, no '.' at the end. */
bool resource_group_name_is(const char *name);
/* Makes or replaces. ST_INVALID: it is in another location. ST_FULL: the limit, and that alone. 'is_new' may be
 * NULL. */
MUST_CHECK enum status resource_group_put(struct store *s, const struct resource_group *x,
                                          bool *is_new, struct err *err);
/* Makes it if it is not there, without location: posture data of it came. Costs a read; call it once for
 * each new scope, not for each record. 'name': any text; one that is no group's name is ST_INVALID. */
MUST_CHECK enum status resource_group_seen(struct store *s, const char *subscription,
                                           struct span name, int64_t now, struct err *err);
/* ST_END: not there. 'visit' may be NULL: only whether it is there. */
MUST_CHECK enum status resource_group_find(struct store *s, const char *subscription,
                                           const char *name,
                                           bool (*visit)(void *app, const struct resource_group *x),
                                           void *app, struct err *err);
/* By lower-case name, those behind 'after' (lower case; "" from the first). */
MUST_CHECK enum status resource_groups(struct store *s, const char *subscription, const char *after,
                                       bool (*visit)(void *app, const struct resource_group *x),
                                       void *app, struct err *err);
/* With its automations; *automations: how many they were. ST_END: not there. */
MUST_CHECK enum status resource_group_delete(struct store *s, const char *subscription,
                                             const char *name, uint64_t *automations,
                                             struct err *err);

/* ASCII letters to lower case, cut at 'room'. */
void inventory_fold(const char *text, char *out, size_t room);
/* Location as it is compared: lower case, without blanks ("West Europe" is "westeurope"). */
bool location_equal(const char *a, const char *b);
