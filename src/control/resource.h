/* resource.h - an ARM resource id to a destination: sink kind and settings. Any thread. Pure.
 *
 * In order: the configuration's 'resources'; the local names; Azure's public names.
 *   .../subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/
 *       Microsoft.Storage/storageAccounts/X     kind folder, path DATA/storage/X
 *       Microsoft.EventHub/namespaces/X         kind hub (the journal, read by long poll and "penstock tail")
 *       Microsoft.OperationalInsights/workspaces/X   kind workspace, path DATA/workspaces/x.duckdb (in small
 *                                               letters, since ids ignore case); kind folder, path
 *                                               DATA/workspaces/X in a build without DuckDB
 *   any other Microsoft.Storage/storageAccounts/X     kind blob,  endpoint https://X.blob.core.windows.net
 *   any other Microsoft.EventHub/namespaces/N         kind kafka, brokers N.servicebus.windows.net:9093, security sasl_tls
 *   any Microsoft.Logic/workflows/X                   kind webhook; its URL is the automation's
 * The two before it have no credential unless the setting brings a connection string: they are for
 * 'resources' to give. */
#pragma once
#include "control/config.h"

enum resource_type { RESOURCE_HUBS, RESOURCE_STORAGE, RESOURCE_WORKSPACE, RESOURCE_WORKFLOW };

struct resource {
    const char *kind;
    struct plan_setting settings[24]; /* lend from the configuration and from 'text' */
    size_t setting_count;
    bool is_configured; /* named in 'resources' */
    bool is_azure;      /* by Azure's public names: hubs are limited to 10 per namespace */
    bool many_hubs;
    bool is_local_workspace; /* one that the configuration does not name */
    char text[4096];         /* what the settings made here lie in */
};

/* Checks that 'id' is an ARM id of the type (a hub's id where its namespace's is wanted is said
 * so), and its name by Azure's rules. */
MUST_CHECK enum status resource_check_id(enum resource_type type, struct span id, struct err *err);
/* 'r' must not be copied afterwards: its settings point into it. ST_INVALID: no such type, or the
 * tenant may not use it. */
MUST_CHECK enum status resource_resolve(const struct config *config, const char *tenant,
                                        enum resource_type type, struct span id, struct resource *r,
                                        struct err *err);
/* Adds a connection string ("Endpoint=sb://...", "DefaultEndpointsProtocol=...") that a setting
 * brought: its host must be the resource's own (a setting may not make the daemon talk to hosts of
 * its choice). Borrowed as long as 'r'. */
MUST_CHECK enum status resource_connect(struct resource *r, const struct control_kinds *kinds,
                                        const char *connection_string, struct err *err);
/* Adds the hub's name where the kind has a setting for it ("hub"); in place of one that the
 * configuration gave. Borrowed as long as 'r'. */
MUST_CHECK enum status resource_name_hub(struct resource *r, const struct control_kinds *kinds,
                                         const char *hub, struct err *err);
/* Tables in place of a folder, where it is a local workspace that the configuration does not name and the build has
 * such (kinds->has_workspaces): kind workspace, path DATA/workspaces/x.duckdb. Else nothing. */
MUST_CHECK enum status resource_as_tables(struct resource *r, const struct control_kinds *kinds,
                                          struct err *err);
/* What the configuration says of an id; NULL: nothing. */
const struct config_resource *resource_configured(const struct config *config, struct span id);
/* What an id means that the configuration does not name; 'r' as above. For the configuration
 * itself. */
MUST_CHECK enum status resource_default(const char *data, struct span id, struct resource *r,
                                        struct err *err);
/* Value by name, or NULL. */
const char *resource_value(const struct plan_setting *settings, size_t count, const char *name);
