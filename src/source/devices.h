/* devices.h - what is known of each tenant's devices, and the group each belongs to. Any thread (one lock inside, held briefly, once per block).
 * streaming-api.md sections 5.1-5.3: rank 1 first, first match wins, different properties AND, values of one property OR; ungrouped: "UnassignedGroup". */
#pragma once
#include "base/base.h"
#include "model/block.h"

struct devices;

enum device_property {
    DEVICE_NAME,
    DEVICE_DOMAIN,
    DEVICE_TAG,
    DEVICE_OS_PLATFORM
}; /* GroupRules.Property 0..3 */
enum device_operator {
    OPERATOR_NONE,
    OPERATOR_STARTS_WITH,
    OPERATOR_ENDS_WITH,
    OPERATOR_EQUALS,
    OPERATOR_IN,
    OPERATOR_CONTAINS
};

struct device_rule {
    enum device_property property;
    enum device_operator op;
    const char *const *values;
    size_t value_count;
}; /* case-insensitive */
struct device_group {
    const char *name; /* at most 256 bytes, kept byte for byte */
    unsigned rank;
    const struct device_rule *rules;
    size_t rule_count;
};

MUST_CHECK enum status devices_make(size_t devices_max, struct devices **devices, struct err *err);
void devices_free(struct devices *d);

/* Replaces a tenant's groups (copied); every known device of it is sorted anew. Rows already admitted keep their group. */
MUST_CHECK enum status devices_set_groups(struct devices *d, const char *tenant,
                                          const struct device_group *groups, size_t count,
                                          struct err *err);

struct device_facts {
    struct span id, name, domain, os_platform, tags;
}; /* decoded UTF-8; tags: RegistryDeviceTag, DeviceManualTags, DeviceDynamicTags joined by LF. domain: what follows the first dot of the name unless given */
/* Learns or refreshes one device (from a DeviceInfo row, or any device row for a device not known yet: id and name only). ST_FULL: devices_max reached; counted. */
enum status devices_learn(struct devices *d, const char *tenant, const struct device_facts *facts,
                          int64_t seen);
/* The group's name is copied to 'group' (257 bytes): its group, or "UnassignedGroup" (also for a device nobody heard of). */
void devices_group(struct devices *d, const char *tenant, struct span device_id, char group[257]);
/* Alerts: AlertEvidence says which device an alert concerns; AlertInfo, which has no device, then finds it. The last 65,536 alerts are remembered. False: no device is known for it. */
void devices_alert_learn(struct devices *d, const char *tenant, struct span alert_id,
                         struct span device_id);
bool devices_alert_group(struct devices *d, const char *tenant, struct span alert_id,
                         char group[257]);

/* One device, for listing, preview and saving. */
struct device_view {
    const char *tenant, *id, *name, *domain, *os_platform, *tags, *group;
    int64_t seen;
};
/* Calls 'visit' for each device (of the tenant, unless NULL) under the lock; it must be quick and not call back. Stops when it returns false. */
void devices_visit(struct devices *d, const char *tenant,
                   bool (*visit)(void *app, const struct device_view *device), void *app);
/* A number that changes whenever a device or alert was learned or changed: for saving only when needed. */
uint64_t devices_version(struct devices *d);
/* Saves to and loads from one file (durable, versioned, CRC). Together with a journal position: what came later is learned again by reading the journal's DeviceInfo and AlertEvidence rows from there on. */
MUST_CHECK enum status devices_save(struct devices *d, const char *path, uint64_t position,
                                    struct err *err);
MUST_CHECK enum status devices_load(struct devices *d, const char *path, uint64_t *position,
                                    struct err *err); /* ST_END: no file yet */
size_t devices_count(struct devices *d, const char *tenant);
