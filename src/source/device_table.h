/* device_table.h - the registry behind devices.h without its lock: tenants, devices, alerts. One
 * thread at a time. */
#pragma once
#include "source/device_rules.h"
#include "source/hash_index.h"
#include "source/text_pool.h"

enum device_field { FIELD_ID, FIELD_NAME, FIELD_DOMAIN, FIELD_OS, FIELD_TAGS, DEVICE_FIELDS };

struct device_tenant {
    char id[40];
    struct group_set *groups; /* NULL: none */
    uint32_t groups_version;  /* never 0 */
    uint32_t device_count;
};
struct device_entry {
    int64_t seen;
    uint32_t text;   /* piece of the pool: the fields, each with a NUL behind it */
    uint32_t sorted; /* groups_version that 'group' was found with; 0: not sorted yet */
    uint16_t tenant; /* index */
    uint16_t group;  /* of the tenant's group_set */
    uint16_t sizes[DEVICE_FIELDS];
    /* bit per field that was said; the domain's only if it was not made from the name */
    uint16_t known;
};
struct device_alert {
    uint32_t hash;
    uint32_t text; /* alert's id and device's id; 0: forgotten */
    uint16_t tenant, alert_size, device_size;
};

struct device_table {
    uint64_t seed, version, refused;
    size_t devices_max;
    struct text_pool pool;
    struct device_tenant *tenants;
    size_t tenant_count;
    struct hash_index tenant_index;
    struct device_entry *entries;
    size_t count, room;
    struct hash_index index;
    struct device_alert *alerts; /* ring */
    uint64_t alert_end; /* alerts ever remembered: the next goes to alert_end % DEVICE_ALERTS_MAX */
    struct hash_index alert_index;
};

void device_table_init(struct device_table *t, size_t devices_max, uint64_t seed);
void device_table_free(struct device_table *t);

/* Takes the set. ST_FULL: too many tenants. */
MUST_CHECK enum status device_table_set_groups(struct device_table *t, struct span tenant,
                                               struct group_set *set);
enum status device_table_learn(struct device_table *t, struct span tenant,
                               const struct device_facts *facts, int64_t seen);
void device_table_alert_learn(struct device_table *t, struct span tenant, struct span alert_id,
                              struct span device_id);
/* Names are lent until the tenant's groups change. */
struct span device_table_group(struct device_table *t, struct span tenant, struct span device_id);
bool device_table_alert_group(struct device_table *t, struct span tenant, struct span alert_id,
                              struct span *group);
const struct device_tenant *device_table_tenant(const struct device_table *t, struct span tenant);

/* Entry number 'number' (below count), its text lent until the next change. */
struct span device_table_field(const struct device_table *t, const struct device_entry *e,
                               enum device_field field);
struct span device_table_entry_group(struct device_table *t, struct device_entry *e);
/* The alert that was remembered as number 'number' (counted from 0); false: it is forgotten. */
bool device_table_alert(const struct device_table *t, uint64_t number, struct span *tenant,
                        struct span *alert_id, struct span *device_id);
