/* device_rules.h - a tenant's device groups, checked and made ready to sort devices. Immutable once
 * made; any thread. Pure. */
#pragma once
#include "source/devices.h"

struct group_set;

/* What device groups must keep to (limits in devices.h): names unique, 1 to 256 bytes, not
 * "UnassignedGroup"; ranks unique; values there where an operator is. err names group and rule. */
MUST_CHECK enum status device_groups_check(const struct device_group *groups, size_t count,
                                           struct err *err);

/* Checks and copies. ST_FULL: no memory. */
MUST_CHECK enum status group_set_make(const struct device_group *groups, size_t count,
                                      struct group_set **set, struct err *err);
void group_set_free(struct group_set *set); /* NULL is fine */

enum { GROUP_SET_NONE = 0xffff };

/* The first group by rank that matches, as an index for group_set_name; GROUP_SET_NONE if there is
 * none. 'set' may be NULL.
 * facts->domain is used as given. A name rule holds for the whole name or for what precedes its first dot; a tag rule for any
 * tag. */
uint16_t group_set_find(const struct group_set *set, const struct device_facts *facts);
/* The group's name, lent until the set is freed; "UnassignedGroup" for GROUP_SET_NONE. */
struct span group_set_name(const struct group_set *set, uint16_t index);
