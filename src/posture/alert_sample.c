/* alert_sample.c - the alerts of "alerts/default/simulate": a table of invented detections about invented
 * resources, so that everything behind an alert can be tried without one. */
#include "model/datetime.h"
#include "posture/alert.h"
#include "posture/json_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const alert_bundles[] = {"AppServices", "CosmosDbs",         "DNS",
                                     "KeyVaults",   "KubernetesService", "ResourceManager",
                                     "SqlServers",  "StorageAccounts",   "VirtualMachines",
                                     NULL};

enum { APPS, COSMOS, DNS, VAULTS, KUBERNETES, MANAGER, SQL, STORAGE, MACHINES };
_Static_assert(COUNT_OF(alert_bundles) == ALERT_BUNDLES + 1, "as many as the header says");

static const struct sample {
    unsigned bundle;
    const char *type, *title, *text, *severity, *intent, *plan;
    const char *resource_type, *resource; /* "Microsoft.Web/sites", "sample-app" */
    const char *entity;                   /* JSON members behind "$id" */
    const char *remediation;
} samples[] = {
    {APPS,       "SIMULATED_AppServices_WebShell", "Possible web shell on an app service",
     "A file that looks like a web shell was requested and answered.",            "High",
     "Persistence, Execution",                                                                                                        "AppServices", "Microsoft.Web/sites",                        "sample-app",
     "\"Url\":\"https://sample-app.invalid/uploads/c.aspx\",\"Type\":\"url\"",                                                                                                                                                                                           "Remove the file and find out how it came there."             },
    {APPS,       "SIMULATED_AppServices_Scanner",  "Vulnerability scanner seen at an app service",
     "Many requests with the marks of a known scanner came from one address.",    "Medium",
     "PreAttack",                                                                                                                     "AppServices", "Microsoft.Web/sites",                        "sample-app",
     "\"Address\":\"192.0.2.10\",\"Type\":\"ip\"",                                                                                                                                                                                                                       "Check whether the scan was ordered."                         },
    {COSMOS,     "SIMULATED_CosmosDB_KeyListing",  "Account keys listed in an unusual way",
     "An identity that had never done so listed the keys of a database account.", "Medium",
     "CredentialAccess",                                                                                                              "CosmosDbs",   "Microsoft.DocumentDB/databaseAccounts",      "sample-cosmos",
     "\"Name\":\"sample-user\",\"Type\":\"account\"",                                                                                                                                                                                                                    "Ask its owner; rotate the keys."                             },
    {DNS,        "SIMULATED_DNS_Tunnel",           "Possible transfer of data by DNS",
     "Long, ever-changing names below one domain were looked up.",                "Medium",        "Exfiltration",                    "Dns",
     "Microsoft.Compute/virtualMachines",                                                                                                                                                          "sample-vm",
     "\"DomainName\":\"tunnel.sample.invalid\",\"Type\":\"dns\"",                                                                                                                                                                                                        "Look at the process that asks; block the domain."            },
    {VAULTS,     "SIMULATED_KV_FirstAddress",      "Vault read from an address never seen",
     "Secrets were read from an address that had never used the vault.",          "Medium",
     "CredentialAccess",                                                                                                              "KeyVaults",   "Microsoft.KeyVault/vaults",                  "sample-vault",
     "\"Address\":\"198.51.100.7\",\"Type\":\"ip\"",                                                                                                                                                                                                                     "Rotate the secrets that were read."                          },
    {KUBERNETES, "SIMULATED_K8S_Privileged",       "Privileged container started",
     "A container was started with all rights of its node.",                      "Low",           "PrivilegeEscalation",
     "Containers",                                                                                                                                   "Microsoft.ContainerService/managedClusters", "sample-cluster",
     "\"Name\":\"sample-pod\",\"Type\":\"K8s-pod\"",                                                                                                                                                                                                                     "Take the right away, or note why it is needed."              },
    {KUBERNETES, "SIMULATED_K8S_Miner",            "Possible coin mining in a container",
     "A process with the marks of a miner runs in a container.",                  "High",          "Execution",                       "Containers",
     "Microsoft.ContainerService/managedClusters",                                                                                                                                                 "sample-cluster",
     "\"Name\":\"sample-miner\",\"Type\":\"K8s-pod\"",                                                                                                                                                                                                                   "Stop the container, keep its image."                         },
    {MANAGER,    "SIMULATED_ARM_Anonymizer",       "Management from an anonymizing network",
     "Resources were changed from an address of an anonymizing network.",         "High",          "InitialAccess",
     "Arm",                                                                                                                                          "Microsoft.Resources/deployments",            "sample-deployment",
     "\"Address\":\"203.0.113.99\",\"Type\":\"ip\"",                                                                                                                                                                                                                     "Ask the identity's owner; end its sessions."                 },
    {SQL,        "SIMULATED_SQL_Injection",        "Possible SQL injection",
     "A statement with the marks of an injection ran on the database.",           "High",          "PreAttack",
     "SqlServers",                                                                                                                                   "Microsoft.Sql/servers",                      "sample-sql",
     "\"Address\":\"192.0.2.77\",\"Type\":\"ip\"",                                                                                                                                                                                                                       "Bind parameters in the application."                         },
    {SQL,        "SIMULATED_SQL_BruteForce",       "Many failed logins at a database",
     "One address tried many passwords.",                                         "Medium",        "CredentialAccess",                "SqlServers",
     "Microsoft.Sql/servers",                                                                                                                                                                      "sample-sql",        "\"Address\":\"198.51.100.23\",\"Type\":\"ip\"",
     "Close the port to the address."                                                                                                                                                                                                                                                                                                  },
    {STORAGE,    "SIMULATED_Storage_Public",       "Container opened to everybody",
     "A blob container can be read by anybody since today.",                      "Medium",        "Collection",
     "StorageAccounts",                                                                                                                              "Microsoft.Storage/storageAccounts",          "samplestorage",
     "\"Name\":\"sample-container\",\"Type\":\"blob-container\"",                                                                                                                                                                                                        "Close it if that is a mistake."                              },
    {MACHINES,   "SIMULATED_VM_SuspiciousLogin",   "Login after many failed ones",
     "One address logged in after many failed attempts.",                         "High",          "InitialAccess, CredentialAccess",
     "Servers",                                                                                                                                      "Microsoft.Compute/virtualMachines",          "sample-vm",
     "\"Address\":\"203.0.113.5\",\"Type\":\"ip\"",                                                                                                                                                                                                                      "Check whether the address belongs to you. Reset the account."},
    {MACHINES,   "SIMULATED_VM_Encoded",           "Encoded command line",
     "A script host was started with a long encoded command.",                    "Informational", "Execution",
     "Servers",                                                                                                                                      "Microsoft.Compute/virtualMachines",          "sample-vm",
     "\"CommandLine\":\"sh -c \\\"echo c2FtcGxl | base64 -d\\\"\",\"Type\":\"process\"",                                                                                                                                                                                 "Look at what it decodes to."                                 },
};

static void
add_string_member(struct text *out, const char *name, const char *value)
{
    text_addf(out, ",\"%s\":", name);
    text_string(out, span_of(value));
}

static void
sample_write(struct text *out, const struct sample *s, struct span subscription, const char *id,
             int64_t now)
{
    char time[DATETIME_TEXT_SIZE + 1] = "", title[200];

    datetime_write(time, now);
    snprintf(title, sizeof title, "[SAMPLE ALERT] %s", s->title);
    text_puts(out, "{\"VendorName\":\"Penstock\",\"ProductName\":\"Penstock\"");
    add_string_member(out, "AlertType", s->type);
    add_string_member(out, "StartTimeUtc", time);
    add_string_member(out, "EndTimeUtc", time);
    add_string_member(out, "TimeGenerated", time);
    add_string_member(out, "ProcessingEndTime", time);
    add_string_member(out, "Severity", s->severity);
    add_string_member(out, "SystemAlertId", id);
    add_string_member(out, "Intent", s->intent);
    add_string_member(out, "CompromisedEntity", s->resource);
    add_string_member(out, "AlertDisplayName", title);
    text_addf(out, ",\"Description\":\"This is a sample, nothing happened. %s\"", s->text);
    text_addf(out, ",\"Entities\":[{\"$id\":\"3\",%s}]", s->entity);
    text_addf(out,
              ",\"ResourceIdentifiers\":[{\"$id\":\"2\",\"AzureResourceId\":\"/subscriptions/%.*s/"
              "resourceGroups/Sample-RG/providers/%s/%s\",\"Type\":\"AzureResource\"}]",
              (int)subscription.n, subscription.p, s->resource_type, s->resource);
    text_puts(out, ",\"RemediationSteps\":[");
    text_string(out, span_of(s->remediation));
    text_addf(out,
              "],\"ExtendedProperties\":{\"ProductComponentName\":\"%s\",\"IsSample\":\"true\"}}",
              s->plan);
}

/* Ids as the service makes them: ticks before the end of time, so that the newest sort first, and a GUID. */
static void
sample_id(char out[64], int64_t now, uint64_t salt, size_t index)
{
    uint64_t mixed = (salt + index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    mixed ^= mixed >> 29;
    snprintf(out, 64, "%019" PRId64 "_%08x-%04x-4%03x-8%03x-%012" PRIx64, INT64_MAX / 4 - now,
             (unsigned)(mixed >> 32), (unsigned)(mixed >> 16 & 0xffff), (unsigned)(mixed & 0xfff),
             (unsigned)(salt >> 52), (salt ^ mixed * 31) & UINT64_C(0xffffffffffff));
}

struct batch {
    struct text ids[COUNT_OF(samples)], bodies[COUNT_OF(samples)];
    struct posture_item items[COUNT_OF(samples)];
    struct posture_result results[COUNT_OF(samples)];
    size_t count;
};

static enum status
batch_apply(struct posture *p, const char *tenant, const char *actor, struct batch *b,
            struct err *err)
{
    enum status st;

    for (size_t i = 0; i < b->count; i++) {
        if (b->ids[i].is_short || b->bodies[i].is_short)
            return err_set(err, ST_FULL, "no memory for sample alerts");
        b->items[i] = (struct posture_item){text_span(&b->ids[i]), text_span(&b->bodies[i]), false};
    }
    st = posture_apply(p, tenant, actor, b->items, b->count, b->results, err);
    for (size_t i = 0; st == ST_OK && i < b->count; i++)
        if (b->results[i].outcome == POSTURE_REFUSED)
            return err_set(err, ST_INVALID, "%s", b->results[i].message.text);
    return st;
}

enum status
posture_alert_simulate(struct posture *p, const char *tenant, const char *actor,
                       struct span subscription, struct span location, uint32_t bundles,
                       uint64_t salt, int64_t now, size_t *made, struct err *err)
{
    struct batch *b = calloc(1, sizeof *b);
    enum status st;

    *made = 0;
    if (b == NULL)
        return err_set(err, ST_FULL, "no memory for sample alerts");
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        char id[64];

        if ((bundles & 1u << samples[i].bundle) == 0)
            continue;
        sample_id(id, now, salt, i);
        text_addf(&b->ids[b->count],
                  "/subscriptions/%.*s/resourceGroups/Sample-RG/providers/Microsoft.Security/"
                  "locations/%.*s/alerts/%s",
                  (int)subscription.n, subscription.p, (int)location.n, location.p, id);
        sample_write(&b->bodies[b->count], &samples[i], subscription, id, now);
        b->count++;
    }
    st = batch_apply(p, tenant, actor, b, err);
    if (st == ST_OK)
        *made = b->count;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        text_free(&b->ids[i]);
        text_free(&b->bodies[i]);
    }
    free(b);
    return st;
}
