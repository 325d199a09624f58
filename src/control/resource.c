/* resource.c - the three ways an id resolves, in their order; and the names that Azure allows, so
 * that a host made from one is always Azure's. */
#include "control/resource.h"
#include "model/arm_id.h"
#include "wire/azure_auth.h"
#include <strings.h>

static const struct type_row {
    const char *provider, *type, *what;
    size_t name_min, name_max;
    bool has_hyphens; /* and capitals */
    const char *more; /* further characters of a name */
    const char *kind, *local_kind;
} types[] = {
    [RESOURCE_HUBS] = {"Microsoft.EventHub",            "namespaces",      "an Event Hubs namespace", 6, 50, true,
                       "",                                                                                                  "kafka", "hub"    },
    [RESOURCE_STORAGE] = {"Microsoft.Storage",             "storageAccounts", "a storage account",       3, 24, false,
                       "",                                                                                                  "blob",  "folder" },
    [RESOURCE_WORKSPACE] = {"Microsoft.OperationalInsights", "workspaces",      "a workspace",             1, 63,
                       true,                                                                                        "",     NULL,    "folder" },
    [RESOURCE_WORKFLOW] = {"Microsoft.Logic",               "workflows",       "a Logic App",             1, 80, true,  "_.()",
                       "webhook",                                                                                                    "webhook"},
};

/* For %.*s in errors. */
static int
cut(struct span s)
{
    return s.n < 64 ? (int)s.n : 64;
}

static bool
same(struct span a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Workspaces: 1-63 letters, digits and hyphens, no hyphen first or last (Azure: 4-63; a local one may be called soc).
 * Storage accounts: 3-24 small letters and digits. Namespaces: 6-50 letters, digits and hyphens, a
 * letter first, no hyphen last. */
static bool
name_is(const struct type_row *t, struct span name)
{
    if (name.n < t->name_min || name.n > t->name_max)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_edge = i == 0 || i + 1 == name.n;

        if (c >= '0' && c <= '9')
            continue;
        if (c >= 'a' && c <= 'z')
            continue;
        if (t->has_hyphens && ((c >= 'A' && c <= 'Z') || (c == '-' && !is_edge)))
            continue;
        if (c != '\0' && strchr(t->more, c) != NULL && !(is_edge && c == '.'))
            continue;
        return false;
    }
    return true;
}

static enum status
id_parse(enum resource_type type, struct span text, struct arm_id *id, struct err *err)
{
    const struct type_row *t = &types[type];
    enum status st = arm_id_parse(text, id, err);

    if (st != ST_OK)
        return st;
    if (!same(id->provider, t->provider) || !same(id->type, t->type))
        return err_set(err, ST_INVALID,
                       "the id is of a %.*s/%.*s; %s is wanted: .../providers/%s/%s/NAME",
                       cut(id->provider), id->provider.p, cut(id->type), id->type.p, t->what,
                       t->provider, t->type);
    if (id->child_type.n > 0)
        return err_set(err, ST_INVALID,
                       "the id goes on to '%.*s/%.*s'; %s's own id is wanted, ending in %s/%.*s",
                       cut(id->child_type), id->child_type.p, cut(id->child_name), id->child_name.p,
                       t->what, t->type, cut(id->name), id->name.p);
    if (id->subscription.n == 0 || id->resource_group.n == 0)
        return err_set(err, ST_INVALID,
                       "the id lacks its subscription or resource group: /subscriptions/GUID/"
                       "resourceGroups/NAME/providers/%s/%s/NAME",
                       t->provider, t->type);
    return ST_OK;
}

static bool
is_local(const struct arm_id *id)
{
    return same(id->subscription, "00000000-0000-0000-0000-000000000000") &&
           same(id->resource_group, "local");
}

static enum status
name_check(enum resource_type type, const struct arm_id *id, struct err *err)
{
    const struct type_row *t = &types[type];

    if (name_is(t, id->name))
        return ST_OK;
    return err_set(err, ST_INVALID, "'%.*s' is no name of %s: %zu to %zu %s", cut(id->name),
                   id->name.p, t->what, t->name_min, t->name_max,
                   t->has_hyphens ? "letters, digits and hyphens" : "small letters and digits");
}

enum status
resource_check_id(enum resource_type type, struct span text, struct err *err)
{
    struct arm_id id;
    enum status st = id_parse(type, text, &id, err);

    return st == ST_OK ? name_check(type, &id, err) : st;
}

static bool
resource_type_of(struct span text, enum resource_type *type)
{
    struct err ignored;
    struct arm_id id;

    if (arm_id_parse(text, &id, &ignored) != ST_OK)
        return false;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (same(id.provider, types[i].provider) && same(id.type, types[i].type)) {
            *type = (enum resource_type)i;
            return true;
        }
    return false;
}

PRINTF_LIKE(4, 5)
static enum status
add(struct resource *r, const char *name, size_t *used, const char *format, ...)
{
    char *at = r->text + *used;
    size_t room = sizeof r->text - *used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(at, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room || r->setting_count == COUNT_OF(r->settings))
        return ST_FULL;
    r->settings[r->setting_count++] = (struct plan_setting){name, at};
    *used += (size_t)n + 1;
    return ST_OK;
}

enum status
resource_default(const char *data, struct span text, struct resource *r, struct err *err)
{
    enum resource_type type;
    struct arm_id id;
    size_t used = 0;
    enum status st = ST_OK;

    *r = (struct resource){0};
    if (!resource_type_of(text, &type))
        return err_set(err, ST_INVALID,
                       "the id is neither of a storage account (Microsoft.Storage/storageAccounts) "
                       "nor of an Event Hubs namespace (Microsoft.EventHub/namespaces)");
    st = id_parse(type, text, &id, err);
    if (st == ST_OK && types[type].kind == NULL && !is_local(&id))
        return err_set(err, ST_INVALID,
                       "nothing says what %s %.*s is: name it with its kind under 'resources' of "
                       "the configuration, or use a local one",
                       types[type].what, cut(id.name), id.name.p);
    if (st == ST_OK)
        st = name_check(type, &id, err);
    if (st != ST_OK)
        return st;
    if (is_local(&id)) {
        r->kind = types[type].local_kind;
        r->many_hubs = true;
        r->is_local_workspace = type == RESOURCE_WORKSPACE;
        if (type == RESOURCE_WORKSPACE)
            st = add(r, "path", &used, "%s/workspaces/%.*s", data, (int)id.name.n, id.name.p);
        if (type == RESOURCE_STORAGE)
            st = add(r, "path", &used, "%s/storage/%.*s", data, (int)id.name.n, id.name.p);
    } else {
        r->kind = types[type].kind;
        r->is_azure = true;
        if (type == RESOURCE_HUBS)
            st = add(r, "brokers", &used, "%.*s.servicebus.windows.net:9093", (int)id.name.n,
                     id.name.p);
        /* Else nothing but a missing credential would keep rows from leaving in the clear. */
        if (type == RESOURCE_HUBS && st == ST_OK)
            st = add(r, "security", &used, "sasl_tls");
        if (type == RESOURCE_STORAGE)
            st = add(r, "endpoint", &used, "https://%.*s.blob.core.windows.net", (int)id.name.n,
                     id.name.p);
        if (type == RESOURCE_STORAGE && st == ST_OK)
            st = add(r, "account", &used, "%.*s", (int)id.name.n, id.name.p);
    }
    return st == ST_OK ? st : err_set(err, ST_INVALID, "the data folder's name is too long");
}

const struct config_resource *
resource_configured(const struct config *config, struct span id)
{
    for (size_t i = 0; i < config->resource_count; i++)
        if (arm_id_equal(id, span_of(config->resources[i].id)))
            return &config->resources[i];
    return NULL;
}

const char *
resource_value(const struct plan_setting *settings, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    return NULL;
}

static bool
tenant_may(const struct config_resource *c, const char *tenant)
{
    for (size_t i = 0; i < c->tenant_count; i++)
        if (strcmp(c->tenants[i], tenant) == 0)
            return true;
    return c->tenant_count == 0;
}

/* Host of "scheme://host:port/path", or of the first of "host:port,host:port". */
static struct span
host_of(const char *text)
{
    const char *start = text == NULL ? "" : text, *scheme = strstr(start, "://");

    if (scheme != NULL)
        start = scheme + 3;
    if (start[0] == '[')
        return (struct span){start, strcspn(start, "]/,") + (strchr(start, ']') != NULL)};
    return (struct span){start, strcspn(start, ":/,")};
}

static bool
ends_with(struct span text, const char *end)
{
    size_t n = strlen(end);

    return text.n >= n && strncasecmp(text.p + text.n - n, end, n) == 0;
}

/* The host that a hub's settings lead to. */
static struct span
hub_host(const struct plan_setting *settings, size_t count)
{
    const char *brokers = resource_value(settings, count, "brokers");
    const char *connection = resource_value(settings, count, "connection_string");
    struct span endpoint = {0};

    if (brokers != NULL)
        return host_of(brokers);
    if (connection != NULL)
        endpoint = azure_connection_value(connection, "Endpoint");
    return endpoint.p != NULL ? host_of(endpoint.p) : (struct span){"", 0};
}

enum status
resource_resolve(const struct config *config, const char *tenant, enum resource_type type,
                 struct span text, struct resource *r, struct err *err)
{
    const struct config_resource *c = resource_configured(config, text);
    struct arm_id id;
    enum status st = id_parse(type, text, &id, err);

    *r = (struct resource){0};
    if (st != ST_OK)
        return st;
    if (c == NULL)
        return resource_default(config->data, text, r, err);
    if (!tenant_may(c, tenant)) /* no word on whose it is */
        return err_set(err, ST_INVALID, "the resource %.120s is not for this tenant", c->id);
    r->kind = c->kind;
    r->is_configured = true;
    for (size_t i = 0; i < c->setting_count; i++)
        r->settings[r->setting_count++] = c->settings[i];
    r->is_azure = strcmp(c->kind, "kafka") == 0 &&
                  ends_with(hub_host(c->settings, c->setting_count), ".servicebus.windows.net");
    r->many_hubs = c->many_hubs || !r->is_azure;
    return ST_OK;
}

enum status
resource_as_tables(struct resource *r, const struct control_kinds *kinds, struct err *err)
{
    static const char end[] = ".duckdb";
    const char *path = resource_value(r->settings, r->setting_count, "path");
    char *name;

    if (!r->is_local_workspace || !kinds->has_workspaces || path == NULL)
        return ST_OK;
    name = r->text + (strrchr(path, '/') - r->text) + 1; /* it is the last of the text */
    for (; *name != '\0'; name++)
        *name = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
    if ((size_t)(name - r->text) + sizeof end > sizeof r->text)
        return err_set(err, ST_INVALID, "the data folder's name is too long");
    memcpy(name, end, sizeof end);
    r->kind = "workspace";
    return ST_OK;
}

static bool
kind_has(const struct control_kinds *kinds, const char *kind, const char *setting, bool is_secret)
{
    const struct control_kind *k = control_sink_find(kinds, kind);

    for (const struct control_setting *s = k != NULL ? k->settings : NULL;
         s != NULL && s->name != NULL; s++)
        if (strcmp(s->name, setting) == 0)
            return !is_secret || s->is_secret;
    return false;
}

static enum status
value_put(struct resource *r, const char *name, const char *value, struct err *err)
{
    size_t i = 0;

    while (i < r->setting_count && strcmp(r->settings[i].name, name) != 0)
        i++;
    if (i == COUNT_OF(r->settings))
        return err_set(err, ST_INVALID, "the resource has too many settings");
    r->settings[i] = (struct plan_setting){name, value};
    r->setting_count += i == r->setting_count;
    return ST_OK;
}

/* The blob host of a storage connection string: BlobEndpoint, or ACCOUNT.blob.SUFFIX. */
static bool
storage_host(const char *connection, char out[300])
{
    struct span blob = azure_connection_value(connection, "BlobEndpoint");
    struct span account = azure_connection_value(connection, "AccountName");
    struct span suffix = azure_connection_value(connection, "EndpointSuffix");

    if (suffix.p == NULL)
        suffix = SPAN_LITERAL("core.windows.net");
    if (blob.p != NULL) {
        struct span host = host_of(blob.p);

        return (size_t)snprintf(out, 300, "%.*s", (int)host.n, host.p) < 300;
    }
    return account.p != NULL && account.n + suffix.n < 280 &&
           snprintf(out, 300, "%.*s.blob.%.*s", (int)account.n, account.p, (int)suffix.n,
                    suffix.p) < 300;
}

/* What belongs to a secret without being one. */
static bool
is_of_credential(const char *name)
{
    static const char *const names[] = {"user", "tenant", "client_id", "authority", "scope"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum status
resource_connect(struct resource *r, const struct control_kinds *kinds, const char *connection,
                 struct err *err)
{
    const char *old = resource_value(r->settings, r->setting_count, "connection_string");
    char host[300] = "", own[300] = "";
    struct span given, wanted;
    size_t kept = 0;

    if (!kind_has(kinds, r->kind, "connection_string", false))
        return err_set(err, ST_INVALID, "a destination of kind %s takes no connection string",
                       r->kind);
    if (strcmp(r->kind, "kafka") == 0) {
        given = azure_connection_value(connection, "Endpoint");
        given = given.p != NULL ? host_of(given.p) : (struct span){"", 0};
        wanted = hub_host(r->settings, r->setting_count);
    } else {
        const char *endpoint = resource_value(r->settings, r->setting_count, "endpoint");

        if (!storage_host(connection, host))
            host[0] = '\0';
        if (endpoint == NULL && old != NULL && !storage_host(old, own))
            own[0] = '\0';
        given = span_of(host);
        wanted = endpoint != NULL ? host_of(endpoint) : span_of(own);
    }
    if (given.n == 0)
        return err_set(err, ST_INVALID, "this is no connection string of %s: %s is missing",
                       strcmp(r->kind, "kafka") == 0 ? "an Event Hubs namespace"
                                                     : "a storage account",
                       strcmp(r->kind, "kafka") == 0 ? "Endpoint=sb://..." : "AccountName=...");
    if (given.n != wanted.n || strncasecmp(given.p, wanted.p, given.n) != 0)
        return err_set(err, ST_INVALID,
                       "the connection string leads to another host (%.*s) than the resource "
                       "(%.*s)",
                       cut(given), given.p, cut(wanted), wanted.p);
    for (size_t i = 0; i < r->setting_count; i++) /* it replaces the credentials that were there */
        if (!kind_has(kinds, r->kind, r->settings[i].name, true) &&
            !is_of_credential(r->settings[i].name))
            r->settings[kept++] = r->settings[i];
    r->setting_count = kept;
    return value_put(r, "connection_string", connection, err);
}

enum status
resource_name_hub(struct resource *r, const struct control_kinds *kinds, const char *hub,
                  struct err *err)
{
    if (hub == NULL || !kind_has(kinds, r->kind, "hub", false))
        return ST_OK;
    return value_put(r, "hub", hub, err);
}
