/* device_groups_json.h - a tenant's device groups in the shape of the product's own answer
 * (streaming-api.md section 5.3), read and printed. Any thread.
 *
 *   {"items":[{"MachineGroupId":21,"Name":"EU","Description":"","AutoRemediationLevel":1,"Priority":1,"LastUpdated":"2026-05-18T12:09:03Z",
 *              "IsUnassignedMachineGroup":false,"MachineCount":0,
 *              "GroupRules":[{"OperatorType":4,"Property":3,"PropertyValue":"[\"Windows10\",\"Windows11\"]"}]}, ...],
 *    "containsAadGroupNames":true,"containsMachineGroupCount":false}
 *
 * An array of such items is taken too. Name and Priority (the rank) are required; other keys have
 * defaults; keys that are not known are passed over.
 *
 * Property       0 name, 1 domain, 2 tag, 3 OS platform (or those words: "name", "domain", "tag", "os"); 4 is not known, and must be empty.
 * OperatorType   1 starts with, 2 ends with, 3 equals, 4 in list, 5 contains (or "startsWith", "endsWith", "equals", "in", "contains").
 *                0 with an empty PropertyValue says that the property is not used; with a value it is starts with, as the captured answer
 *                has it for names (that product numbers from 0, and its other numbers are not known). Any other number is an error that names it.
 * PropertyValue  one value as text; with operator 4 the text of a JSON array of texts. An array in place of text is taken with any operator. Rules of
 *                the same property in one group are joined by OR. Texts of PropertyValue are used as they are, blanks included.
 *
 * The item with IsUnassignedMachineGroup true is the default group: always there, last, without
 * rules; only its id, level and date are kept. */
#pragma once
#include "source/devices.h"

enum { DEVICE_GROUPS_JSON_SIZE_MAX = 4 << 20 };

struct device_group_list {
    struct device_group *groups; /* in the order of the text */
    size_t count;
    struct device_group unassigned; /* id, remediation and updated of the default group; name "" */
};

/* The list and all its texts live in 'a', DEVICE_GROUPS_ARENA_SIZE(text.n) bytes of which are
 * always enough. Groups without MachineGroupId get the lowest that is free. ST_INVALID: err names
 * group, rule and mend; ST_FULL: no room. */
MUST_CHECK enum status device_groups_parse(struct span text, struct arena *a,
                                           struct device_group_list *list, struct err *err);
#define DEVICE_GROUPS_ARENA_SIZE(text_size) ((size_t)(text_size)*32 + 4096)

/* As above, by rank, the default group last. 'machine_counts': devices in each group of the list,
 * and of the default group behind, or NULL for not counted (containsMachineGroupCount says which).
 * All five properties are printed for each group, unused ones as operator 0 with an empty value.
 * malloc'd, NUL behind 'size' bytes; NULL: no memory. What was printed parses to groups that sort
 * devices alike. */
char *device_groups_print(const struct device_group_list *list, const size_t *machine_counts,
                          size_t *size);

/* Parses 'text' and sets the tenant's groups; nothing is kept of it. An empty text means no
 * groups. */
MUST_CHECK enum status device_groups_apply(struct devices *d, const char *tenant, struct span text,
                                           struct err *err);
/* Parses and checks only. */
MUST_CHECK enum status device_groups_validate(struct span text, struct err *err);
