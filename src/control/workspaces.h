/* workspaces.h - which local workspaces there are, and who may ask them: those that resources name with kind workspace and
 * those that settings and automations make by naming a local one. Any thread. In a build without DuckDB there are only
 * those of kind workspace, which cannot be opened.
 *
 * A workspace is shared by the tenants that export to it; a tenant may ask one that its own settings or automations name, or that
 * the configuration names for hunting. Whose rows it sees is not decided here: always the token's tenant's alone. */
#pragma once
#include "base/base.h"

struct control;
struct config;

struct workspace_place {
    /* Its customerId. Stable: the first 16 bytes of SHA-256 over "penstock workspace " and the resource id in small
     * letters, as a UUID of version 8 (RFC 9562). */
    char guid[37];
    char name[64];         /* last segment of the id */
    char resource_id[400]; /* as configured or as first named */
    char path[3000];       /* the DuckDB file */
};

/* By GUID, by name (any case), by resource id (any case; "subscriptions/..." without the slash too), or by the subscription's
 * id, resource group and name with '/' between them. 'tenant': lower-case GUID; NULL: an operator, who may ask all of them. ST_INVALID: there is none of that name that it may ask (err names those it may, at most
 * eight; one that only others may ask is as if it were not there), or the name fits several. */
MUST_CHECK enum status workspaces_find(const struct control *c, const char *tenant,
                                       struct span name, struct workspace_place *out,
                                       struct err *err);
/* The one that doors without a workspace in their path ask (Defender, Graph): the configuration's hunting.workspace, else
 * the only one the tenant may ask. ST_INVALID: none, or several, and err says how one is made or named. */
MUST_CHECK enum status workspaces_default(const struct control *c, const char *tenant,
                                          struct workspace_place *out, struct err *err);
/* Each that the tenant (NULL: anyone) may ask, by name; stops when 'each' returns false. */
MUST_CHECK enum status workspaces_list(const struct control *c, const char *tenant,
                                       bool (*each)(void *app, const struct workspace_place *place),
                                       void *app, struct err *err);

/* Whether hunting.workspace names one: a name of Azure's rules, a resource of kind workspace, or a local id. For the
 * configuration itself. */
MUST_CHECK enum status workspaces_hunting_check(const struct config *config, struct err *err);
/* The GUID of a workspace by its resource id (any case). False: the id is too long for any. */
MUST_CHECK bool workspaces_guid(const char *resource_id, char out[37]);
