/* devices.h - what is known of each tenant's devices, and the group each belongs to. Any thread
 * (one lock inside, held briefly, once per block). streaming-api.md sections 5.1-5.3: rank 1 first,
 * first match wins, different properties AND, values of one property OR; ungrouped:
 * "UnassignedGroup".
 *
 * Memory is bounded by devices_max: an entry and on average DEVICE_TEXT_SIZE_MEAN bytes of text
 * each; beyond either, new devices are refused (ST_FULL) and counted, and count as ungrouped. */
#pragma once
#include "base/base.h"
#include "model/block.h"

#define DEVICE_UNASSIGNED_GROUP "UnassignedGroup"

enum {
    DEVICES_MAX = 16 << 20,     /* of all tenants; devices_make takes less */
    DEVICES_TENANTS_MAX = 4096, /* that have devices or groups */
    DEVICE_ALERTS_MAX = 65536,  /* remembered, the last ones */
    DEVICE_TEXT_SIZE_MEAN = 512,
    /* bytes; of what is longer the front is kept, but a longer id is refused */
    DEVICE_ID_SIZE_MAX = 128,
    DEVICE_NAME_SIZE_MAX = 512,
    DEVICE_DOMAIN_SIZE_MAX = 512,
    DEVICE_OS_SIZE_MAX = 128,
    DEVICE_TAGS_SIZE_MAX = 8192,
    DEVICE_ALERT_ID_SIZE_MAX = 256, /* longer ids are not remembered */
    /* groups of one tenant; more is ST_INVALID */
    DEVICE_GROUPS_MAX = 1000,
    DEVICE_GROUP_NAME_MAX = 256, /* bytes */
    DEVICE_RULES_MAX = 64,       /* of one group */
    DEVICE_VALUES_MAX = 10,      /* of one property in one group */
    DEVICE_VALUE_SIZE_MAX = 1024,
};

struct devices;

enum device_property {
    DEVICE_NAME,
    DEVICE_DOMAIN,
    DEVICE_TAG,
    DEVICE_OS_PLATFORM
}; /* GroupRules.Property 0..3 */
enum device_operator {
    OPERATOR_NONE, /* the rule is not there */
    OPERATOR_STARTS_WITH,
    OPERATOR_ENDS_WITH,
    OPERATOR_EQUALS,
    OPERATOR_IN,
    OPERATOR_CONTAINS
};

/* Case of ASCII letters is ignored. A name rule holds for the whole name or for what precedes its
 * first dot; a tag rule if any tag matches. */
struct device_rule {
    enum device_property property;
    enum device_operator op;
    const char *const *values;
    size_t value_count;
};
/* A group without rules matches no device. */
struct device_group {
    const char *name; /* at most 256 bytes, kept byte for byte */
    unsigned rank;    /* 1 is looked at first; unique */
    const struct device_rule *rules;
    size_t rule_count;
    /* Kept for whoever lists groups (device_groups_json.h); the registry ignores them. */
    unsigned id;             /* MachineGroupId */
    int remediation;         /* AutoRemediationLevel */
    const char *description; /* NULL: "" */
    const char *updated;     /* LastUpdated, ISO 8601; NULL: not known */
};

/* ST_INVALID: devices_max is 0 or above DEVICES_MAX. Memory is taken as devices come. */
MUST_CHECK enum status devices_make(size_t devices_max, struct devices **devices, struct err *err);
void devices_free(struct devices *d); /* NULL is fine */

/* Replaces a tenant's groups (copied); every known device of it is sorted anew, each when it is
 * next asked for, so that the lock is not held for long. Rows already admitted keep their group.
 * ST_INVALID (err names group and rule), ST_FULL: the old groups stand. */
MUST_CHECK enum status devices_set_groups(struct devices *d, const char *tenant,
                                          const struct device_group *groups, size_t count,
                                          struct err *err);

struct device_facts {
    struct span id, name, domain, os_platform, tags;
}; /* decoded UTF-8; tags: RegistryDeviceTag, DeviceManualTags, DeviceDynamicTags joined by LF. domain: what follows the first dot of the name unless given.
    * A span whose p is NULL says nothing (what is known stays); an empty one says that the device has none. */
/* Learns or refreshes one device (from a DeviceInfo row, or any device row for a device not known
 * yet: id and name only). 'seen', ticks: the time of the facts, at most that of admission; facts
 * older than what is known only fill gaps. Learning the same again changes nothing. ST_FULL:
 * devices_max reached; counted (devices_refused). ST_INVALID: no id, or one that is too long. */
enum status devices_learn(struct devices *d, const char *tenant, const struct device_facts *facts,
                          int64_t seen);
/* The group's name is copied to 'group' (257 bytes): its group, or "UnassignedGroup" (also for a
 * device nobody heard of). */
void devices_group(struct devices *d, const char *tenant, struct span device_id, char group[257]);
/* Alerts: AlertEvidence says which device an alert concerns; AlertInfo, which has no device, then
 * finds it. The last 65,536 alerts are remembered; of several devices of one alert the first that
 * was learned counts. False: no device is known for it. */
void devices_alert_learn(struct devices *d, const char *tenant, struct span alert_id,
                         struct span device_id);
bool devices_alert_group(struct devices *d, const char *tenant, struct span alert_id,
                         char group[257]);

/* One device, for listing, preview and saving. */
struct device_view {
    const char *tenant, *id, *name, *domain, *os_platform, *tags, *group;
    int64_t seen;
};
/* Calls 'visit' for each device (of the tenant, unless NULL) under the lock; it must be quick and
 * not call back. Stops when it returns false. */
void devices_visit(struct devices *d, const char *tenant,
                   bool (*visit)(void *app, const struct device_view *device), void *app);
/* Would this group, alone, match the device? For the preview of a group that is not set yet (at
 * most 10 devices are shown: streaming-api.md 5.2). */
MUST_CHECK enum status devices_preview(struct devices *d, const char *tenant,
                                       const struct device_group *group, size_t *matches,
                                       bool (*visit)(void *app, const struct device_view *device),
                                       void *app, struct err *err);
/* A number that changes whenever a device or alert was learned or changed: for saving only when
 * needed. */
uint64_t devices_version(struct devices *d);
/* Saves to and loads from one file (durable, versioned, CRC). Together with a journal position:
 * what came later is learned again by reading the journal's DeviceInfo and AlertEvidence rows from
 * there on. The lock is held for some 64 KiB at a time; read 'position' before the call, for what
 * is learned meanwhile may or may not be in the file. One thread saves at a time. Loading checks
 * the whole file before it takes anything; it adds to what is known. Devices beyond devices_max are
 * refused and counted. ST_END: no file yet. ST_INVALID: the file is damaged or of another version;
 * nothing was taken. */
MUST_CHECK enum status devices_save(struct devices *d, const char *path, uint64_t position,
                                    struct err *err);
MUST_CHECK enum status devices_load(struct devices *d, const char *path, uint64_t *position,
                                    struct err *err);
size_t devices_count(struct devices *d, const char *tenant); /* of all tenants if NULL */
uint64_t devices_refused(struct devices *d); /* devices and changes not kept for want of room */
