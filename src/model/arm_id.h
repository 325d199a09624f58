/* arm_id.h - Azure Resource Manager ids as text: split, check, compare; pure. Ids compare without
 * regard to case (of ASCII letters). Any thread. */
#pragma once
#include "base/base.h"

enum { ARM_ID_MAX = 2048 /* bytes of an id */, ARM_NAME_MAX = 260 /* bytes of one segment */ };

struct arm_id {                               /* spans into the text that was parsed */
    struct span subscription, resource_group; /* empty if absent */
    struct span provider;                     /* "Microsoft.EventHub" */
    struct span type, name;             /* of the first resource: "namespaces", "security-hub" */
    struct span child_type, child_name; /* e.g. eventhubs / xdr; empty if none */
};

/* /subscriptions/{guid}/resourceGroups/{name}/providers/{provider}/{type}/{name}[/{type}/{name}]; a
 * trailing slash is fine. The subscription, and the resource group alone, may be absent. Keywords
 * match in any case. Names "." and ".." are refused. On ST_INVALID 'id' is untouched and err says
 * which part is wrong and how it should look. */
MUST_CHECK enum status arm_id_parse(struct span text, struct arm_id *id, struct err *err);
/* Ignoring case and one trailing slash; does not check that either is an id. */
bool arm_id_equal(struct span a, struct span b);

/* 8-4-4-4-12 hex digits. */
bool guid_is(struct span text);
/* Lower-cases a GUID into out (36 bytes and a NUL). False: not a GUID. */
MUST_CHECK bool guid_copy(struct span text, char out[37]);
