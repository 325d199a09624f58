/* automation_destination.c - where an action leads, and whose that is. */
#include "control/automation.h"
#include "control/inventory.h"
#include "control/secrets.h"
#include "control/store.h"
#include "model/arm_id.h"
#include "wire/azure_auth.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#define FAIL(word, at, ...)                                                                        \
    (snprintf(code, 48, "%s", (word)), *member = (at), err_set(err, ST_INVALID, __VA_ARGS__))

/* The id of what the configuration names: of a hub, that of its namespace. */
static struct span
owned_id(const char *resource_id)
{
    struct span text = span_of(resource_id);
    struct arm_id id;
    struct err ignored;

    if (arm_id_parse(text, &id, &ignored) == ST_OK && id.child_type.n > 0)
        text.n = (size_t)(id.name.p - text.p) + id.name.n;
    return text;
}

static bool
list_has(const struct config_resource *c, const char *tenant)
{
    for (size_t i = 0; c != NULL && i < c->tenant_count; i++)
        if (strcmp(c->tenants[i], tenant) == 0)
            return true;
    return false;
}

enum destination_owner
destination_owner_find(const struct control *c, const char *tenant, const char *resource_id,
                       bool (*may)(void *app, const char *tenant), void *app, char owner[40])
{
    struct span text = owned_id(resource_id);
    const struct config_resource *named = resource_configured(c->config, text);
    char subscription[40], of[40] = "";
    struct arm_id id;
    struct err ignored;

    owner[0] = '\0';
    if (list_has(named, tenant))
        return DESTINATION_OWN;
    if (arm_id_parse(text, &id, &ignored) == ST_OK && id.subscription.n == 36) {
        snprintf(subscription, sizeof subscription, "%.36s", id.subscription.p);
        if (subscription_tenant(c->store, subscription, of, &ignored) != ST_OK)
            of[0] = '\0';
    }
    if (of[0] != '\0' && strcmp(of, tenant) != 0) {
        if (may(app, of))
            snprintf(owner, 40, "%s", of);
        return DESTINATION_FOREIGN;
    }
    if (named == NULL || named->tenant_count == 0)
        return DESTINATION_OWN;
    for (size_t i = 0; i < named->tenant_count && owner[0] == '\0'; i++)
        if (may(app, named->tenants[i]))
            snprintf(owner, 40, "%s", named->tenants[i]);
    return DESTINATION_FOREIGN;
}

/* ---- event hubs ---- */

static bool
kind_takes(const struct control_kinds *kinds, const char *kind, const char *setting)
{
    const struct control_kind *k = control_sink_find(kinds, kind);

    for (const struct control_setting *s = k == NULL ? NULL : k->settings;
         s != NULL && s->name != NULL; s++)
        if (strcmp(s->name, setting) == 0)
            return true;
    return false;
}

static bool
hub_name_is(struct span name)
{
    if (name.n == 0 || name.n > 256)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
                   name.p[i]) == NULL)
            return false;
    return true;
}

/* The hub of the id, or of the connection string; both must say the same. */
static enum status
hub_choose(const struct automation_action *action, const char *secret, struct destination *d,
           struct span *namespace_id, char code[48], const char **member, struct err *err)
{
    struct span text = span_of(action->resource_id), path = {NULL, 0}, hub;
    struct arm_id id;
    struct err why;

    if (arm_id_parse(text, &id, &why) != ST_OK)
        return FAIL("InvalidDestination", "eventHubResourceId", "%s", why.text);
    if (id.child_type.n > 0 &&
        (id.child_type.n != 9 || strncasecmp(id.child_type.p, "eventhubs", id.child_type.n) != 0))
        return FAIL("InvalidDestination", "eventHubResourceId",
                    "the id goes on to '%.*s'; .../namespaces/NAME/eventhubs/HUB is wanted",
                    (int)(id.child_type.n < 60 ? id.child_type.n : 60), id.child_type.p);
    *namespace_id = owned_id(action->resource_id);
    if (secret != NULL)
        path = azure_connection_value(secret, "EntityPath");
    hub = id.child_name;
    if (hub.n == 0)
        hub = path;
    else if (hub_name_is(hub) && path.n > 0 &&
             (path.n != hub.n || strncasecmp(path.p, hub.p, hub.n) != 0))
        return FAIL("InvalidConnectionString", "connectionString",
                    "EntityPath is another hub than that of eventHubResourceId");
    if (!hub_name_is(hub))
        return FAIL(
            "InvalidDestination", "eventHubResourceId",
            "the id names no hub: .../namespaces/NAME/eventhubs/HUB is wanted, or EntityPath "
            "in the connection string; a hub has 1 to 256 letters, digits and - _ .");
    snprintf(d->hub_text, sizeof d->hub_text, "%.*s", (int)hub.n, hub.p);
    d->hub = d->hub_text;
    return ST_OK;
}

static enum status
hub_make(const struct control *c, const char *tenant, const struct automation_action *action,
         const char *secret, struct destination *d, char code[48], const char **member,
         struct err *err)
{
    struct span namespace_id;
    struct err why;
    enum status st = hub_choose(action, secret, d, &namespace_id, code, member, err);

    if (st != ST_OK)
        return st;
    if (resource_resolve(c->config, tenant, RESOURCE_HUBS, namespace_id, &d->r, &why) != ST_OK)
        return FAIL("InvalidDestination", "eventHubResourceId", "%s", why.text);
    if (strcmp(d->r.kind, "hub") == 0 || !kind_takes(c->kinds, d->r.kind, "connection_string"))
        return ST_OK; /* the journal itself, or a connector that brings its own credential */
    if (secret == NULL && !action->is_trusted)
        return FAIL("MissingConnectionString", "connectionString",
                    "the hub needs a connectionString, or isTrustedServiceEnabled");
    if (secret == NULL && !d->r.is_configured)
        return FAIL("TrustedServiceNotConfigured", "isTrustedServiceEnabled",
                    "nothing says how to sign in to this namespace: name it under 'resources' of "
                    "the configuration, or send a connectionString");
    if (secret != NULL && resource_connect(&d->r, c->kinds, secret, &why) != ST_OK)
        return FAIL("InvalidConnectionString", "connectionString", "%s", why.text);
    if (resource_name_hub(&d->r, c->kinds, d->hub, &why) != ST_OK)
        return FAIL("InvalidDestination", "eventHubResourceId", "%s", why.text);
    return ST_OK;
}

/* ---- workspaces ---- */

static bool
solution_is_enabled(const struct config_resource *named)
{
    if (named == NULL || named->solution_count == 0)
        return true; /* SecurityCenterFree for the local ones, Security where nothing is said */
    for (size_t i = 0; i < named->solution_count; i++)
        if (strcasecmp(named->solutions[i], "Security") == 0 ||
            strcasecmp(named->solutions[i], "SecurityCenterFree") == 0)
            return true;
    return false;
}

static enum status
workspace_make(const struct control *c, const char *tenant, const struct automation_action *action,
               struct destination *d, char code[48], const char **member, struct err *err)
{
    struct span text = span_of(action->resource_id);
    struct arm_id id;
    struct err why;

    if (resource_resolve(c->config, tenant, RESOURCE_WORKSPACE, text, &d->r, &why) != ST_OK ||
        resource_as_tables(&d->r, c->kinds, &why) != ST_OK ||
        arm_id_parse(text, &id, &why) != ST_OK)
        return FAIL("InvalidDestination", "workspaceResourceId", "%s", why.text);
    if (!solution_is_enabled(resource_configured(c->config, text)))
        return FAIL("SolutionNotEnabled", "workspaceResourceId",
                    "the workspace %.*s has neither the solution Security nor SecurityCenterFree: "
                    "enable one of them on it",
                    (int)id.name.n, id.name.p);
    snprintf(d->workspace_text, sizeof d->workspace_text, "%.*s", (int)id.name.n, id.name.p);
    d->workspace = d->workspace_text;
    return ST_OK;
}

/* ---- callbacks ---- */

/* Host of a uri; empty if it is none that we call. */
static struct span
uri_host(const char *uri, bool *is_https)
{
    struct span none = {"", 0}, authority, host;
    size_t scheme;

    *is_https = strncasecmp(uri, "https://", 8) == 0;
    scheme = *is_https ? 8 : strncasecmp(uri, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0)
        return none;
    for (const char *p = uri; *p != '\0'; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '#' || *p == '\\')
            return none;
    authority = (struct span){uri + scheme, strcspn(uri + scheme, "/?")};
    if (memchr(authority.p, '@', authority.n) != NULL)
        return none;
    host = authority;
    if (host.n > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);

        if (end == NULL)
            return none;
        host = (struct span){host.p + 1, (size_t)(end - host.p) - 1};
    } else {
        const char *colon = memchr(host.p, ':', host.n);

        if (colon != NULL)
            host.n = (size_t)(colon - host.p);
    }
    return host.n > 253 ? none : host;
}

/* Whether an address, as text, lies in a network ("10.1.0.0/16"). *is_network: that it is one. */
static bool
network_has(const char *network, const char *address, bool *is_network)
{
    unsigned char net[16], own[16];
    char base[64];
    size_t size = strcspn(network, "/");
    char *end;
    unsigned long bits = strtoul(network + size + 1, &end, 10);
    int family = memchr(network, ':', size) != NULL ? AF_INET6 : AF_INET;

    *is_network = false;
    snprintf(base, sizeof base, "%.*s", (int)(size < sizeof base ? size : 0), network);
    if (*end != '\0' || end == network + size + 1 || bits > (family == AF_INET ? 32 : 128) ||
        inet_pton(family, base, net) != 1)
        return false;
    *is_network = true;
    if (inet_pton(family, address, own) != 1 || memcmp(net, own, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || (net[bits / 8] ^ own[bits / 8]) >> (8 - bits % 8) == 0;
}

/* Whether the configuration lets callbacks go to the host although it may be private; its networks go
 * into 'networks', separated by commas. */
static bool
callback_is_allowed(const char *allowed, struct span host, char *networks, size_t room)
{
    char name[256];
    size_t used = 0;
    bool is_allowed = false, is_network;

    networks[0] = '\0';
    snprintf(name, sizeof name, "%.*s", (int)host.n, host.p);
    for (const char *at = allowed == NULL ? "" : allowed; *at != '\0';) {
        struct span word = {at, strcspn(at, ", \t\n")};
        char text[256];

        at += word.n;
        at += strspn(at, ", \t\n");
        if (word.n == 0 || word.n >= sizeof text)
            continue;
        snprintf(text, sizeof text, "%.*s", (int)word.n, word.p);
        if (strchr(text, '/') == NULL) {
            is_allowed |= strcasecmp(text, name) == 0;
        } else {
            is_allowed |= network_has(text, name, &is_network);
            if (is_network && used + word.n + 2 < room)
                used += (size_t)snprintf(networks + used, room - used, "%s%s", used > 0 ? "," : "",
                                         text);
        }
    }
    return is_allowed;
}

static enum status
value_add(struct resource *r, const char *name, const char *value)
{
    if (r->setting_count == COUNT_OF(r->settings))
        return ST_FULL;
    r->settings[r->setting_count++] = (struct plan_setting){name, value};
    return ST_OK;
}

static enum status
callback_make(const struct control *c, const char *tenant, const struct automation_action *action,
              const char *secret, struct destination *d, char code[48], const char **member,
              struct err *err)
{
    struct err why;
    struct span host;
    bool is_https, is_allowed;

    if (resource_resolve(c->config, tenant, RESOURCE_WORKFLOW, span_of(action->resource_id), &d->r,
                         &why) != ST_OK)
        return FAIL("InvalidDestination", "logicAppResourceId", "%s", why.text);
    if (d->r.is_configured) /* the operator says where it is; the uri is not asked */
        return ST_OK;
    if (secret == NULL)
        return FAIL("MissingUri", "uri", "uri is missing: the callback URL of the trigger");
    host = uri_host(secret, &is_https);
    if (host.n == 0)
        return FAIL("InvalidUri", "uri",
                    "uri is no https URL: https://HOST/PATH?QUERY without user or fragment");
    is_allowed = callback_is_allowed(c->config->arm.private_callbacks, host, d->networks,
                                     sizeof d->networks);
    if (!is_https && !is_allowed)
        return FAIL("InvalidUri", "uri",
                    "uri must be https; http only for hosts of arm.privateCallbacks");
    if (value_add(&d->r, "url", secret) != ST_OK ||
        value_add(&d->r, "private_addresses", is_allowed ? "yes" : "no") != ST_OK ||
        (!is_https && value_add(&d->r, "insecure", "true") != ST_OK) ||
        (!is_allowed && d->networks[0] != '\0' &&
         value_add(&d->r, "allow_networks", d->networks) != ST_OK))
        return FAIL("InvalidDestination", "uri", "too many settings");
    return ST_OK;
}

enum status
destination_make(const struct control *c, const char *tenant,
                 const struct automation_action *action, const char *secret, struct destination *d,
                 char code[48], const char **member, struct err *err)
{
    static const char *const members[] = {"logicAppResourceId", "eventHubResourceId",
                                          "workspaceResourceId"};
    struct err why;
    enum status st = ST_OK;

    *d = (struct destination){.hub = NULL};
    switch (action->type) {
    case ACTION_LOGIC_APP:
        st = callback_make(c, tenant, action, secret, d, code, member, err);
        break;
    case ACTION_EVENT_HUB:
        st = hub_make(c, tenant, action, secret, d, code, member, err);
        break;
    case ACTION_WORKSPACE:
        st = workspace_make(c, tenant, action, d, code, member, err);
        break;
    }
    if (st == ST_OK && strcmp(d->r.kind, "hub") != 0 && c->kinds->check_sink != NULL &&
        c->kinds->check_sink(c->kinds->app, d->r.kind, d->r.settings, d->r.setting_count, &why) !=
            ST_OK)
        return FAIL("InvalidDestination", members[action->type], "%s", why.text);
    return st;
}
