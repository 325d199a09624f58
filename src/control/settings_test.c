/* settings_test.c - data export settings as clients send and read them. */
#include "base/file.h"
#include "base/test.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/secrets.h"
#include "control/settings.h"
#include "control/store.h"
#include "wire/json.h"
#include <unistd.h>

static char folder[] = "/tmp/penstock-settings-XXXXXX";
static struct control c;
static struct config *config;
static struct catalog catalog;
static char *catalog_memory;

#define LOGS(list) "\"logs\":[" list "]"
#define ON(category) "{\"category\":\"AdvancedHunting-" category "\",\"enabled\":true}"
#define OFF(category) "{\"category\":\"AdvancedHunting-" category "\",\"enabled\":false}"
#define TO_STORAGE(id) "\"storageAccountProperties\":{\"storageAccountResourceId\":\"" id "\"}"
#define TO_HUB(id, name)                                                                           \
    "\"eventHubProperties\":{\"eventHubResourceId\":\"" id "\",\"name\":" name "}"
#define ALL_OF(extra)                                                                              \
    "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" extra "}}"
#define ELEVEN                                                                                                                                                \
    ON("DeviceInfo")                                                                                                                                          \
    "," ON("DeviceNetworkInfo") "," ON("DeviceProcessEvents") "," ON("DeviceNetworkEvents") "," ON("DeviceFileEvents") "," ON("DeviceRegistryEvents") "," ON( \
        "DeviceLogonEvents") "," ON("DeviceImageLoadEvents") "," ON("DeviceEvents") "," ON("Alert"                                                            \
                                                                                           "Info") "," ON("AlertEvidence")
#define TEN                                                                                                                                                   \
    ON("DeviceInfo")                                                                                                                                          \
    "," ON("DeviceNetworkInfo") "," ON("DeviceProcessEvents") "," ON("DeviceNetworkEvents") "," ON("DeviceFileEvents") "," ON("DeviceRegistryEvents") "," ON( \
        "DeviceLogonEvents") "," ON("DeviceImageLoadEvents") "," ON("DeviceEvents") "," ON("Alert"                                                            \
                                                                                           "Info") "," OFF("AlertEvidence")
#define CLOUD_WORKSPACE IN_GROUP "Microsoft.OperationalInsights/workspaces/cloud-soc"
#define LOCAL_WORKSPACE                                                                            \
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/"          \
    "Microsoft.OperationalInsights/workspaces/soc-1"
#define TO_WORKSPACE(id, more)                                                                     \
    "\"workspaceProperties\":{\"workspaceResourceId\":\"" id "\"" more "}"
#define CLOUD_HUBS IN_GROUP "Microsoft.EventHub/namespaces/cloud-hubs"
#define CLOUD_STORAGE IN_GROUP "Microsoft.Storage/storageAccounts/cloudstore"
#define PREMIUM_HUBS IN_GROUP "Microsoft.EventHub/namespaces/premium-ns"
#define KAFKA_HUBS IN_GROUP "Microsoft.EventHub/namespaces/plain-kafka"
#define PRIVATE_HUBS IN_GROUP "Microsoft.EventHub/namespaces/private-ns"
#define CONNECT(host)                                                                              \
    "\"connectionString\":\"Endpoint=sb://" host "/;SharedAccessKeyName=n;SharedAccessKey=hush=\""

static const char configuration[] =
    "resources:\n"
    "  - id: " STORAGE_ID "\n    settings: {key: aHVzaA==}\n"
    "  - id: " HUBS_ID "\n    settings: {password: hush}\n"
    "  - id: " HUBS_ID "2\n    settings: {password: hush}\n"
    "  - id: " PREMIUM_HUBS "\n    manyHubs: true\n    settings: {password: hush}\n"
    "  - id: " KAFKA_HUBS "\n    settings: {brokers: \"127.0.0.1:9092\"}\n"
    "  - id: " PRIVATE_HUBS "\n    settings: {password: hush}\n    tenants: [" TENANT_B "]\n"
    "catalog:\n  tables:\n    - name: MyEvents\n      columns: {N: long}\n"
    "limits: {settings: 200}\n";

static const struct {
    const char *name, *body;
    const char *code;  /* NULL: taken */
    const char *fault; /* piece of the text */
} cases[] = {
    {"storage",                                                     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",                NULL,NULL                            },
    {"one hub",                                                     "{" TO_HUB(HUBS_ID,                                                       "\"xdr\"") "," LOGS(ON("DeviceInfo")) "}",NULL,                             NULL},
    {"a hub each",                                                             "{" TO_HUB(HUBS_ID,                                                                                                                          "null") "," LOGS(ON("DeviceInfo")) "}",NULL,NULL},
    {"a hub each, by empty name",                                                         "{" TO_HUB(HUBS_ID,                                                                                                                                 "\"\"") "," LOGS(ON("DeviceInfo")) "}",NULL,
     NULL},
    {"id as in the path",                                                         "{\"id\":\"one\"," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",
     NULL,NULL},
    {"nulls beside",
     "{\"designatedTenantId\":null,\"eventHubProperties\":null,\"workspaceProperties\":null,"
     "\"penstock\":null," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",
     NULL,NULL                                              },
    {"a designated tenant",
     "{\"designatedTenantId\":\"" TENANT_B
     "\"," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",
     NULL,NULL},
    {"annotations of OData",
     "{\"@odata.context\":\"x\"," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",                                                                                                                              NULL,
     NULL                                                                                      },
    {"an id in other case",
     "{" TO_STORAGE(
         "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/resourcegroups/RG-SIEM/"
         "providers/microsoft.storage/STORAGEACCOUNTS/ContosoArchive") "," LOGS(ON("DeviceInf"
                                                                                   "o")) "}",
     NULL,NULL},
    {"a category without prefix",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS("{\"category\":\"CloudAppEvents\",\"enabled\":true}") "}",
     NULL,NULL                                                                                                                         },
    {"an added table's category",                                                          "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("MyEvents")) "}",                                                                                                                              NULL,
     NULL},
    {"ten hubs",                                                         "{" TO_HUB(HUBS_ID,                                                                                                                                    "null") "," LOGS(TEN) "}",NULL,                                                                                                                                           NULL},
    {"eleven hubs",                                    "{" TO_HUB(HUBS_ID,"null") "," LOGS(ELEVEN) "}","TooManyEventHubs",
     "holds 10"},
    {"eleven in one hub",        "{" TO_HUB(HUBS_ID,                                                                                "\"xdr\"") "," LOGS(ELEVEN) "}",                                               NULL,NULL},
    {"eleven hubs, Premium",                                           "{" TO_HUB(PREMIUM_HUBS,                                                                                          "null") "," LOGS(ELEVEN) "}",NULL,NULL},
    {"eleven hubs, not Azure",                                                             "{" TO_HUB(KAFKA_HUBS,                                                                                                                "null") "," LOGS(ELEVEN) "}",NULL,NULL},
    {"eleven hubs, here",                                                         "{" TO_HUB(CONTROL_LOCAL_HUBS,                                                                                                                                 "null") "," LOGS(ELEVEN) "}",NULL,                                                                                                NULL},
    {"a hub for everything",                                                         "{" TO_HUB(HUBS_ID,                                                                                                                             "null") ",\"penstock\":{\"allCategories\":true}}",
     "TooManyEventHubs",                                                                                                                                                                                                                                                                                                                      "holds 10"},
    {"local storage",                                 "{" TO_STORAGE(CONTROL_LOCAL_STORAGE) "," LOGS(ON("DeviceInfo")) "}",NULL,
     NULL},
    {"everything","{" TO_STORAGE(STORAGE_ID) ",\"penstock\":{\"allCategories\":true}}",NULL,
     NULL},
    {"everything but one",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(
         OFF("DeviceInfo")) ",\"penstock\":{\"allCategories\":true}}",
     "InvalidRequest","allCategories is true, and AdvancedHunting-DeviceInfo"},
    {"every extension",
     ALL_OF("\"enabled\":false,\"profile\":\"documented\",\"machineGroup\":\"always\","
            "\"batchBytes\":65536,\"batchRows\":100,\"lingerMs\":5,\"bytesPerSecond\":100000,"
            "\"rowsPerSecond\":7,\"onLag\":\"drop\",\"hasConnectionString\":false"),
     NULL, NULL},
    {"rows alone",                                          ALL_OF("\"profile\":\"bare\",\"batchBytes\":0"),                                                                        NULL,NULL                                                        },

    {"a transformation",
     ALL_OF("\"transformKql\":\"source | where DeviceName has 'a' | project DeviceName\""),                                                          NULL,
     NULL},
    {"transformations by table",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo") "," ON(
         "DeviceEvents")) ",\"penstock\":{\"transformKql\":{\"DeviceEvents\":\"source | where "
                          "ActionType == 'x'\"}}}",                                  NULL,NULL},
    {"a transformation by category",
     "{" TO_STORAGE(STORAGE_ID) ",\"penstock\":{\"allCategories\":true,\"transformKql\":"
                                "{\"AdvancedHunting-DeviceEvents\":\"source | extend a = 1\"}}}",                                                   NULL,NULL},
    {"nothing",                                    "",                                                                                           "InvalidRequest","not JSON"                                                                                                                           },
    {"not JSON",                                "{\"logs\": hush}",                                             "InvalidRequest","line 1, column"                             },
    {"an array",                                                     "[]",                                                                                        "InvalidRequest","not a JSON object"},
    {"a key twice",                                                    "{\"logs\":[],\"logs\":[]}",                                                                           "InvalidRequest","not JSON"                                        },
    {"an unknown property",                                                    "{\"log\":[]}",                                                                    "UnknownProperty",
     "no property 'log'; did you mean 'logs'"},
    {"an unknown property inside",                                                 "{\"eventHubProperties\":{\"eventHubResourceID\":\"x\"}}",
     "UnknownProperty","did you mean 'eventHubResourceId'"},
    {"another id than the path's",
     "{\"id\":\"two\"," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",                                                "InvalidName",
     "not the one in the path"},
    {"an id that is a number",                                  "{\"id\":1}", "InvalidRequest","id is not a string"                                                                                                                                                                     },
    {"a designated tenant of no form",
     "{\"designatedTenantId\":\"x\"," TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) "}",
     "InvalidRequest","designatedTenantId"},
    {"no destination",                                      "{" LOGS(ON("DeviceInfo")) "}",                                                                 "InvalidDestination","no destination"},
    {"two destinations",
     "{" TO_STORAGE(STORAGE_ID) "," TO_HUB(HUBS_ID,                                                  "null") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidDestination",                                                                                                                                   "exactly one"},
    {"a destination that is a text",                                              "{\"eventHubProperties\":\"x\"," LOGS(ON("DeviceInfo")) "}",
     "InvalidDestination","neither an object"},
    {"a workspace of no form",
     "{\"workspaceProperties\":{\"workspaceResourceId\":\"x\"}," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","workspaceResourceId"},
    {"a workspace that nobody knows",
     "{" TO_WORKSPACE(CLOUD_WORKSPACE,                                                                                                        "") "," LOGS(ON("DeviceInfo")) "}","InvalidResourceId",
     "nothing says what a workspace"},
    {"a workspace's name that is another",
     "{" TO_WORKSPACE(LOCAL_WORKSPACE,                                                                                                              ",\"name\":\"other\"") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","workspaceProperties.name is not what"},
    {"a workspace with a key too many",
     "{" TO_WORKSPACE(LOCAL_WORKSPACE,                                                                                                       ",\"size\":\"other\"") "," LOGS(ON("DeviceInfo")) "}",
     "UnknownProperty","size"},
    {"a local workspace",
     "{" TO_WORKSPACE(LOCAL_WORKSPACE,                                                                                                       ",\"name\":\"SOC-1\",\"resourceGroup\":\"local\"") "," LOGS(
         ON("DeviceInfo")) "}",
     NULL,NULL},
    {"no resource id",                                           "{\"eventHubProperties\":{\"name\":\"x\"}," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","eventHubResourceId is missing"},
    {"a resource id of no form",        "{" TO_STORAGE("contoso") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","storageAccountResourceId"                                                                                                                                                },
    {"the hub's id",                              "{" TO_HUB(HUBS_ID "/eventhubs/xdr",                                                                         "null") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId",                       "goes on to 'eventhubs/xdr'"},
    {"a hub's id as storage",                                              "{" TO_STORAGE(HUBS_ID) "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","a storage account is wanted"                                           },
    {"storage's id as hub",                                    "{" TO_HUB(STORAGE_ID,                                             "null") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId",             "an Event Hubs namespace is wanted"},
    {"a name that makes a host",
     "{" TO_STORAGE(IN_GROUP "Microsoft.Storage/storageAccounts/evil.example") "," LOGS(
         ON("DeviceInfo")) "}",
     "InvalidResourceId","small letters and digits"},
    {"a name with a port",
     "{" TO_HUB(IN_GROUP "Microsoft.EventHub/namespaces/evil:80",
     "null") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","letters, digits and hyphens"},
    {"another tenant's resource",                                                             "{" TO_HUB(PRIVATE_HUBS,                                                                                                                 "null") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidResourceId","not for this tenant"},
    {"a resource nobody knows",                          "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(ON("DeviceInfo")) "}",
     "ResourceNotConfigured","'resources'"},
    {"a hub's bad name",                                   "{" TO_HUB(HUBS_ID,                                                                                                           "\"a b\"") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidEventHubName","'a b'"},
    {"a hub's name with a dot first",                                           "{" TO_HUB(HUBS_ID,                                                                                      "\".a\"") "," LOGS(ON("DeviceInfo")) "}",
     "InvalidEventHubName","first and last"},
    {"no logs",                       "{" TO_STORAGE(STORAGE_ID) "}",                                                                                                                     "NoCategoryEnabled","at least one"                                                                                                                                                                    },
    {"nothing enabled","{" TO_STORAGE(STORAGE_ID) "," LOGS(OFF("DeviceInfo")) "}",
     "NoCategoryEnabled",                            "at least one"                                                                                           },
    {"logs that are an object",         "{" TO_STORAGE(STORAGE_ID) ",\"logs\":{}}","InvalidRequest",
     "logs is not an array"                             },
    {"a log that is a text",                               "{" TO_STORAGE(STORAGE_ID) "," LOGS("\"x\"") "}",                                           "InvalidRequest",
     "logs[0]"},
    {"a log without category",                                                             "{" TO_STORAGE(STORAGE_ID) "," LOGS("{\"enabled\":true}") "}",
     "InvalidCategory","logs[0] has no category"},
    {"a log without enabled",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS("{\"category\":\"AdvancedHunting-DeviceInfo\"}") "}",
     "InvalidRequest","logs[0].enabled"},
    {"enabled as text",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(
         "{\"category\":\"AdvancedHunting-DeviceInfo\",\"enabled\":\"true\"}") "}",
     "InvalidRequest","logs[0].enabled"},
    {"a log with more",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(
         "{\"category\":\"Alert\",\"enabled\":true,\"days\":1}") "}",
     "UnknownProperty","an entry of logs"},
    {"a category twice",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo") "," OFF("DeviceInfo")) "}",
     "InvalidRequest","twice"},
    {"an unknown category",                                                             "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfos")) "}",
     "InvalidCategory","did you mean 'AdvancedHunting-DeviceInfo'"},
    {"an unknown category, disabled",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo") "," OFF("Nonsense")) "}",
     "InvalidCategory","no event type"},
    {"a category that climbs",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS("{\"category\":\"../../x\",\"enabled\":true}") "}",
     "InvalidCategory","no event type"},
    {"a table that does not stream",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceTvmSoftwareInventory")) "}",                                                                                                                    "InvalidCategory",
     "no event type"},
    {"an unknown extension",                                                             ALL_OF("\"profiel\":\"wire\""),                                                                                                                 "UnknownProperty",
     "did you mean 'profile'"},
    {"an unknown profile",                                                             ALL_OF("\"profile\":\"xml\""),                                                                                                       "InvalidRequest",
     "wire, documented, bare"},
    {"a profile that is a number",                                                             ALL_OF("\"profile\":1"),                                                                                                              "InvalidRequest",
     "wire, documented, bare"},
    {"an unknown mode on lag",                                                             ALL_OF("\"onLag\":\"wait\""),                                                                                                        "InvalidRequest","block, drop"},
    {"a batch too small",                                                             ALL_OF("\"batchBytes\":10"),                                                                                                                "InvalidRequest","from 1024"},
    {"a negative rate",                                                             ALL_OF("\"rowsPerSecond\":-1"),                                                                                                                  "InvalidRequest","whole number"},
    {"a rate with a fraction",                                                             ALL_OF("\"rowsPerSecond\":1.5"),                                                                                                          "InvalidRequest","whole number"},
    {"enabled is a text",                                                             ALL_OF("\"enabled\":\"no\""),                                                                                                              "InvalidRequest","penstock.enabled"},
    {"a transformation that is a number",                                                             ALL_OF("\"transformKql\":5"),                                                                                                                   "InvalidTransform",
     "not a string"},
    {"a transformation with a wrong name",
     ALL_OF("\"transformKql\":\"source | where DeviceNme == 'a'\""),                                                                                                                     "InvalidTransform",
     "for DeviceInfo, line 1, column 16: KQL102"},
    {"a transformation of all records at once",
     ALL_OF("\"transformKql\":\"source | summarize count()\""),                                                                                                              "InvalidTransform","summarize"},
    {"a transformation of a table that is not enabled",
     ALL_OF("\"transformKql\":{\"DeviceEvents\":\"source\"}"),                                                                                                                   "InvalidTransform","not enabled"},
    {"a transformation of a table that is none",
     ALL_OF("\"transformKql\":{\"Nothing\":\"source\"}"),                                                                                                   "InvalidTransform","Nothing"},
    {"one transformation for tables that nobody knows",
     "{" TO_STORAGE(
         STORAGE_ID) ",\"penstock\":{\"allCategories\":true,\"transformKql\":\"source\"}}",
     "InvalidTransform","list them"},
    {"a list as extension",
     "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo")) ",\"penstock\":[]}",                                                                                             "InvalidRequest",
     "penstock is neither"},

    {"a connection string",
     "{" TO_HUB(CLOUD_HUBS,                                                                                     "\"x\"") "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" CONNECT(
         "cloud-hubs.servicebus.windows.net") "}}",
     NULL,NULL},
    {"one with a port",
     "{" TO_HUB(CLOUD_HUBS,                                                                                            "\"x\"") "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" CONNECT(
         "CLOUD-hubs.servicebus.windows.net:9093") "}}",
     NULL,NULL},
    {"one to another host",
     "{" TO_HUB(CLOUD_HUBS,                                                                                     "\"x\"") "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" CONNECT(
         "169.254.169.254") "}}",
     "InvalidConnectionString","another host (169.254.169.254)"},
    {"one to a longer host",
     "{" TO_HUB(CLOUD_HUBS,                                                                                                                 "\"x\"") "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" CONNECT(
         "cloud-hubs.servicebus.windows.net.evil.example") "}}",
     "InvalidConnectionString","another host"},
    {"one with a user in the host",
     "{" TO_HUB(CLOUD_HUBS,                                                                                                                 "\"x\"") "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" CONNECT(
         "cloud-hubs.servicebus.windows.net@evil.example") "}}",
     "InvalidConnectionString","another host"},
    {"one of nothing",
     "{" TO_HUB(CLOUD_HUBS,                                                                                                                                 "\"x\"") "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"hush\"}}",
     "InvalidConnectionString","Endpoint=sb://"},
    {"one for storage",
     "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"AccountName=cloudstore;"
                           "AccountKey=aHVzaA==\"}}",                                                                                                                              NULL,NULL                                                                                                                                       },
    {"one of another account",
     "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"AccountName=other;AccountKey="
                           "aHVzaA==\"}}",                                                                                                               "InvalidConnectionString","another host"},
    {"one of another cloud",
     "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"AccountName=cloudstore;"
                           "AccountKey=x;EndpointSuffix=evil.example\"}}",                                                   "InvalidConnectionString","another host"                                                                                                                                              },
    {"one with an endpoint",
     "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"BlobEndpoint=http://"
                           "127.0.0.1:10000/x;AccountName=cloudstore;AccountKey=x\"}}",                                                                                                                   "InvalidConnectionString","another host"},
    {"one for the emulator",
     "{" TO_STORAGE(CLOUD_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"UseDevelopmentStorage=true\"}}",
     "InvalidConnectionString","AccountName"},
    {"one for a local folder",
     "{" TO_STORAGE(CONTROL_LOCAL_STORAGE) "," LOGS(
         ON("DeviceInfo")) ",\"penstock\":{\"connectionString\":\"AccountName=x\"}}",
     "InvalidConnectionString","takes no connection string"},
};

static struct settings_reply
put(const char *id, const char *body, const char *if_match, const char *if_none_match)
{
    struct settings_put x = {.tenant = TENANT_A,
                             .id = id,
                             .body = span_of(body),
                             .if_match = if_match,
                             .if_none_match = if_none_match,
                             .now = 5};
    struct settings_reply reply;

    settings_put(&c, &x, &reply);
    return reply;
}

static void delete (const char *id)
{
    struct settings_reply reply;

    settings_delete(&c, TENANT_A, id, NULL, &reply);
}

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct settings_reply reply = put("one", cases[i].body, NULL, NULL), again, read;

        if (cases[i].code != NULL) {
            CHECK(reply.status == 400 && strcmp(reply.code, cases[i].code) == 0 &&
                      strstr(reply.err.text, cases[i].fault) != NULL && !reply.has_changed &&
                      reply.body == NULL,
                  "%s: %u %s '%s'", cases[i].name, reply.status, reply.code, reply.err.text);
            CHECK(strstr(reply.err.text, "hush") == NULL && strstr(reply.err.text, "aHV") == NULL,
                  "%s: '%s'", cases[i].name, reply.err.text);
            free(reply.body);
            free(reply.details);
            continue;
        }
        CHECK(reply.status == 201 && reply.has_changed && reply.body != NULL, "%s: %u %s '%s'",
              cases[i].name, reply.status, reply.code, reply.err.text);
        if (reply.status != 201)
            continue;
        CHECK(strstr(reply.body, "hush") == NULL && strstr(reply.body, "aHV") == NULL &&
                  strstr(reply.body, "\"connectionString") == NULL,
              "%s shows a secret: %s", cases[i].name, reply.body);
        settings_get(&c, TENANT_A, "one", &read);
        CHECK(read.status == 200 && strcmp(read.body, reply.body) == 0 &&
                  strcmp(read.etag, reply.etag) == 0 && read.etag[0] == '"',
              "%s: %u %s, then %s", cases[i].name, read.status, read.etag, reply.etag);
        again = put("one", reply.body, NULL, NULL); /* what was read can be sent back */
        CHECK(again.status == 200 && !again.has_changed && strcmp(again.body, reply.body) == 0,
              "%s: sent back: %u %s '%s'", cases[i].name, again.status, again.code, again.err.text);
        free(again.body);
        free(read.body);
        free(reply.body);
        delete ("one");
    }
}

static const struct {
    const char *id;
    bool is_good;
} names[] = {
    {"SentinelExportSettings-soc-workspace",        true },
    {"a name with blanks (2)",                      true },
    {"größe",                                     true },
    {"a",                                           true },
    {"...",                                         true },
    {"",                                            false},
    {".",                                           false},
    {"..",                                          false},
    {"../x",                                        false},
    {"a/b",                                         false},
    {"a\\b",                                        false},
    {"a?b",                                         false},
    {"a#b",                                         false},
    {"a%2fb",                                       false},
    {" a",                                          false},
    {"a ",                                          false},
    {"a\nb",                                        false},
    {"\xff",                                        false},
    {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "1234567890123456789012345678901234567",  true },
    {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "12345678901234567890123456789012345678", false},
};

static void
check_names(void)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct settings_reply reply = put(names[i].id, cases[0].body, NULL, NULL);

        CHECK(reply.status == (names[i].is_good ? 201 : 400), "'%s': %u %s", names[i].id,
              reply.status, reply.err.text);
        free(reply.body);
        if (reply.status == 201)
            delete (names[i].id);
    }
}

static void
check_workspace_shape(void)
{
    struct settings_reply reply =
        put("soc", "{" TO_WORKSPACE(LOCAL_WORKSPACE, "") "," LOGS(ON("AlertInfo")) "}", NULL, NULL);
    static const char part[] = "\"workspaceProperties\":{\"workspaceResourceId\":\"" LOCAL_WORKSPACE
                               "\",\"subscriptionId\":\"00000000-0000-0000-0000-000000000000\","
                               "\"resourceGroup\":\"local\","
                               "\"name\":\"soc-1\"},\"logs\"";

    CHECK(reply.status == 201 && strstr(reply.body, part) != NULL, "%u %s", reply.status,
          reply.body);
    free(reply.body);
    delete ("soc");
}

static void
check_shape(void)
{
    struct settings_reply reply =
        put("one", "{" TO_HUB(HUBS_ID, "null") "," LOGS(ON("MyEvents") "," ON("AlertInfo")) "}",
            NULL, NULL);
    static const char start[] =
        "{\"id\":\"one\",\"designatedTenantId\":null,\"eventHubProperties\":{\"name\":null,"
        "\"eventHubResourceId\":\"" HUBS_ID "\"},\"storageAccountProperties\":null,"
        "\"workspaceProperties\":null,\"logs\":[{\"category\":\"AdvancedHunting-AlertInfo\","
        "\"enabled\":true},{\"category\":\"AdvancedHunting-AlertEvidence\",\"enabled\":false},"
        "{\"category\":\"Alert\",\"enabled\":false},";
    json_t *root, *logs;

    CHECK(reply.status == 201 && strncmp(reply.body, start, strlen(start)) == 0, "%u %s",
          reply.status, reply.body);
    root = json_loads(reply.body, 0, NULL);
    logs = json_object_get(root, "logs");
    CHECK(json_array_size(logs) == catalog.category_count && catalog.category_count == 51,
          "%zu logs", json_array_size(logs));
    for (size_t i = 0; i < json_array_size(logs); i++) {
        const char *category =
            json_string_value(json_object_get(json_array_get(logs, i), "category"));
        bool is_on = json_is_true(json_object_get(json_array_get(logs, i), "enabled"));

        CHECK(strcmp(category, catalog.categories[i]) == 0, "%zu: %s", i, category);
        CHECK(is_on == (strcmp(category, "AdvancedHunting-MyEvents") == 0 ||
                        strcmp(category, "AdvancedHunting-AlertInfo") == 0),
              "%s", category);
    }
    CHECK(json_object_get(root, "penstock") == NULL, "an extension that says nothing");
    json_decref(root);
    free(reply.body);
    delete ("one");

    reply = put("one", cases[21].body, NULL, NULL);
    CHECK(reply.status == 201 &&
              strstr(reply.body, "],\"penstock\":{\"enabled\":false,\"profile\":\"documented\","
                                 "\"machineGroup\":\"always\",\"batchBytes\":65536,\"batchRows\":"
                                 "100,\"lingerMs\":5,\"bytesPerSecond\":100000,\"rowsPerSecond\":7,"
                                 "\"onLag\":\"drop\"}}") != NULL,
          "%s", reply.body);
    free(reply.body);
    delete ("one");
}

/* What is wrong is told in full; what leaves can be asked for. */
static void
check_transforms(void)
{
    struct settings_reply reply =
        put("one",
            "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo") "," ON(
                "DeviceEvents")) ",\"penstock\":{\"transformKql\":\"source | where Nope == 1 | "
                                 "extend x = Neither\"}}",
            NULL, NULL);

    CHECK(reply.status == 400 && reply.details != NULL &&
              strstr(reply.details, "\"code\":\"KQL102\"") != NULL &&
              strstr(reply.details, "\"target\":\"DeviceInfo\"") != NULL &&
              strstr(reply.details, "\"target\":\"DeviceEvents\"") != NULL &&
              strstr(reply.details, "Nope") != NULL && strstr(reply.details, "Neither") != NULL &&
              strstr(reply.details, "\"column\":16") != NULL,
          "%u %s", reply.status, reply.details);
    free(reply.details);
    reply =
        put("one",
            "{" TO_STORAGE(STORAGE_ID) "," LOGS(ON("DeviceInfo") "," ON(
                "DeviceProcessEvents")) ",\"penstock\":{\"transformKql\":{\"DeviceProcessEvents\":"
                                        "\"source | where ActionType in~ ('a') | project "
                                        "Timestamp, n = strlen(FileName), MachineGroup\"}}}",
            NULL, NULL);
    CHECK(reply.status == 201 &&
              strstr(reply.body, "\"transformKql\":{\"DeviceProcessEvents\":") != NULL,
          "%u %s", reply.status, reply.err.text);
    free(reply.body);
    settings_schema(&c, TENANT_A, "one", &reply);
    CHECK(reply.status == 200 &&
              strstr(reply.body, "{\"value\":[{\"table\":\"DeviceProcessEvents\",\"columns\":["
                                 "{\"name\":\"Timestamp\",\"type\":\"datetime\"},"
                                 "{\"name\":\"n\",\"type\":\"long\"},"
                                 "{\"name\":\"MachineGroup\",\"type\":\"string\"}],"
                                 "\"warnings\":[{\"code\":\"KQL202\"") == reply.body,
          "%u %s", reply.status, reply.body);
    free(reply.body);
    settings_schema(&c, TENANT_A, "two", &reply);
    CHECK(reply.status == 404, "%u", reply.status);
    delete ("one");
}

static void
check_verbs(void)
{
    struct settings_reply reply, read;

    settings_get(&c, TENANT_A, "one", &reply);
    CHECK(reply.status == 404 && strcmp(reply.code, "SettingNotFound") == 0, "%u", reply.status);
    settings_delete(&c, TENANT_A, "one", NULL, &reply);
    CHECK(reply.status == 404 && !reply.has_changed, "%u", reply.status);
    settings_list(&c, TENANT_A, "https://h:1", &reply);
    CHECK(reply.status == 200 &&
              strcmp(reply.body, "{\"@odata.context\":\"https://h:1/api/"
                                 "$metadata#DataExportSettings\",\"value\":[]}") == 0,
          "%s", reply.body);
    free(reply.body);
    reply = put("one", cases[0].body, "\"x\"", NULL);
    CHECK(reply.status == 412, "if-match on nothing: %u", reply.status);
    reply = put("one", cases[0].body, NULL, "*");
    CHECK(reply.status == 201, "if-none-match on nothing: %u", reply.status);
    free(reply.body);
    reply = put("one", cases[1].body, NULL, "*");
    CHECK(reply.status == 412, "if-none-match on something: %u", reply.status);
    reply = put("one", cases[1].body, "\"wrong\"", NULL);
    CHECK(reply.status == 412, "if-match, wrong: %u", reply.status);
    settings_get(&c, TENANT_A, "one", &read);
    reply = put("one", cases[1].body, read.etag, NULL);
    CHECK(reply.status == 200 && reply.has_changed && strcmp(reply.etag, read.etag) != 0, "%u %s",
          reply.status, reply.err.text);
    free(reply.body);
    settings_delete(&c, TENANT_A, "one", read.etag, &reply);
    CHECK(reply.status == 412, "delete with an old tag: %u", reply.status);
    free(read.body);
    settings_enable(&c, TENANT_A, "one", false, 9, &reply);
    CHECK(reply.status == 200 && reply.has_changed &&
              strstr(reply.body, "\"penstock\":{\"enabled\":false}") != NULL,
          "%u %s", reply.status, reply.body);
    free(reply.body);
    settings_enable(&c, TENANT_A, "one", false, 9, &reply);
    CHECK(reply.status == 200 && !reply.has_changed, "%u", reply.status);
    free(reply.body);
    settings_enable(&c, TENANT_A, "none", true, 9, &reply);
    CHECK(reply.status == 404, "%u", reply.status);
    settings_get(&c, TENANT_B, "one", &reply);
    CHECK(reply.status == 404 && strcmp(reply.code, "SettingNotFound") == 0,
          "another tenant's setting: %u", reply.status);
    settings_get(&c, "cccccccc-1111-4222-8333-444444444444", "one", &reply);
    CHECK(reply.status == 404 && strcmp(reply.code, "TenantNotFound") == 0, "%u", reply.status);
    reply = put("two", cases[0].body, NULL, NULL);
    free(reply.body);
    settings_list(&c, TENANT_A, "https://h:1", &reply);
    json_t *root = json_loads(reply.body, 0, NULL);

    CHECK(json_array_size(json_object_get(root, "value")) == 2, "%s", reply.body);
    json_decref(root);
    free(reply.body);
    settings_list(&c, TENANT_B, "https://h:1", &reply);
    CHECK(strstr(reply.body, "\"value\":[]") != NULL, "another tenant's list: %s", reply.body);
    free(reply.body);
    settings_delete(&c, TENANT_A, "one", "*", &reply);
    CHECK(reply.status == 204 && reply.has_changed, "%u", reply.status);
    delete ("two");
}

static bool
see_secret(void *app, const struct store_setting *x)
{
    *(size_t *)app = x->secret.n;
    CHECK(memmem(x->secret.p, x->secret.n, "hush", 4) == NULL &&
              memmem(x->json.p, x->json.n, "hush", 4) == NULL,
          "a secret lies in the clear");
    return false;
}

static size_t
secret_size(void)
{
    struct err err = {""};
    size_t size = 0;

    CHECK(store_setting_find(c.store, TENANT_A, "one", see_secret, &size, &err) == ST_OK, "%s",
          err.text);
    return size;
}

#define CLOUD(name, extra)                                                                         \
    "{" TO_HUB(CLOUD_HUBS, name) "," LOGS(ON("DeviceInfo")) ",\"penstock\":{" extra "}}"

static void
check_secrets(void)
{
    struct settings_reply reply =
        put("one", CLOUD("\"x\"", CONNECT("cloud-hubs.servicebus.windows.net")), NULL, NULL);
    char etag[40];

    CHECK(reply.status == 201 && strstr(reply.body, "\"hasConnectionString\":true") != NULL, "%s",
          reply.body);
    CHECK(secret_size() > 60, "%zu bytes", secret_size());
    snprintf(etag, sizeof etag, "%s", reply.etag);
    free(reply.body);
    reply = put("one", CLOUD("\"y\"", ""), NULL, NULL);
    CHECK(reply.status == 200 && secret_size() > 60 &&
              strstr(reply.body, "\"hasConnectionString\":true"),
          "the secret did not stay: %u %s", reply.status, reply.err.text);
    free(reply.body);
    reply = put("one", CLOUD("\"y\"", CONNECT("cloud-hubs.servicebus.windows.net")), NULL, NULL);
    CHECK(reply.status == 200 && reply.has_changed && strcmp(reply.etag, etag) != 0,
          "a new secret is a change");
    free(reply.body);
    reply = put("one", "{" TO_HUB(HUBS_ID, "\"y\"") "," LOGS(ON("DeviceInfo")) "}", NULL, NULL);
    CHECK(reply.status == 200 && secret_size() == 0, "the secret went to another destination: %u",
          reply.status);
    free(reply.body);
    reply = put("one", CLOUD("\"y\"", ""), NULL, NULL);
    CHECK(reply.status == 400 && strcmp(reply.code, "ResourceNotConfigured") == 0, "%u %s",
          reply.status, reply.code);
    free(reply.body);
    reply = put("one", CLOUD("\"y\"", CONNECT("cloud-hubs.servicebus.windows.net")), NULL, NULL);
    free(reply.body);
    reply = put("one", CLOUD("\"y\"", "\"connectionString\":\"\""), NULL, NULL);
    CHECK(reply.status == 400, "removing the only way to sign in: %u", reply.status);
    free(reply.body);
    delete ("one");
}

static void
check_limits(void)
{
    struct settings_reply reply;
    char id[20];
    unsigned made = 0;
    char *large = calloc(1, SETTING_BODY_SIZE_MAX + 2);

    memset(large, ' ', SETTING_BODY_SIZE_MAX + 1);
    reply = put("one", large, NULL, NULL);
    CHECK(reply.status == 413, "%u", reply.status);
    free(large);
    do {
        snprintf(id, sizeof id, "n%u", made);
        reply = put(id, cases[0].body, NULL, NULL);
        free(reply.body);
    } while (reply.status == 201 && ++made < 300);
    CHECK(made == 200 && reply.status == 409 && strcmp(reply.code, "SettingLimitReached") == 0 &&
              strstr(reply.err.text, "200 settings"),
          "%u made, %u %s", made, reply.status, reply.err.text);
    reply = put("n7", cases[1].body, NULL, NULL);
    CHECK(reply.status == 200, "one that is there can be replaced: %u", reply.status);
    free(reply.body);
    while (made-- > 0) {
        snprintf(id, sizeof id, "n%u", made);
        delete (id);
    }
}

/* The contract's examples, where they are: each can be sent; those to a workspace are of one
 * that is not configured here. */
static void
check_examples(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char path[300], *text = NULL;
    size_t size = 0;
    struct err err = {""};
    json_t *root, *item;
    size_t i;

    snprintf(path, sizeof path, "%s/contracts/examples/streaming-api/_settings.json",
             shared != NULL ? shared : "../shared");
    if (file_read(path, 1 << 20, &text, &size, &err) != ST_OK) {
        printf("skipped: the contract's examples (%s)\n", err.text);
        return;
    }
    root = json_loadb(text, size, 0, NULL);
    free(text);
    json_array_foreach(json_object_get(json_object_get(root, "collection"), "value"), i, item)
    {
        const char *id = json_string_value(json_object_get(item, "id"));
        char *body = json_dumps(item, JSON_COMPACT);
        bool is_workspace = !json_is_null(json_object_get(item, "workspaceProperties"));
        struct settings_reply reply = put(id, body, NULL, NULL);

        if (is_workspace) {
            CHECK(reply.status == 400 && strcmp(reply.code, "InvalidResourceId") == 0, "%s: %u %s",
                  id, reply.status, reply.code);
        } else {
            json_t *read = reply.body != NULL ? json_loads(reply.body, 0, NULL) : NULL;
            const char *key;
            json_t *value;

            CHECK(reply.status == 201, "%s: %u %s %s", id, reply.status, reply.code,
                  reply.err.text);
            json_object_foreach(item, key, value) if (strcmp(key, "logs") != 0)
                CHECK(json_equal(value, json_object_get(read, key)), "%s: %s differs", id, key);
            json_decref(read);
            delete (id);
        }
        free(reply.body);
        free(body);
    }
    json_decref(root);
}

int
main(void)
{
    struct store_tenant a = {TENANT_A, "a", true, true, 1}, b = {TENANT_B, "b", true, true, 1};
    char path[200], text[4000];
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "no folder");
    snprintf(text, sizeof text, "%s", configuration);
    CHECK(config_read_text(span_of(text), "t.yaml", folder, &test_kinds, &config, &err) == ST_OK &&
              config_catalog(config, &catalog_builtin, &catalog, &catalog_memory, &err) == ST_OK,
          "%s", err.text);
    c = (struct control){.config = config, .catalog = &catalog, .kinds = &test_kinds};
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &c.store, &err) == ST_OK &&
              store_tenant_set(c.store, &a, NULL, &err) == ST_OK &&
              store_tenant_set(c.store, &b, NULL, &err) == ST_OK,
          "%s", err.text);
    snprintf(path, sizeof path, "%s/secret.key", folder);
    CHECK(secrets_open(path, true, &c.secrets, &err) == ST_OK, "%s", err.text);
    if (test_failed > 0)
        return test_end();
    check_cases();
    check_names();
    check_shape();
    check_workspace_shape();
    check_transforms();
    check_verbs();
    check_secrets();
    check_limits();
    check_examples();
    store_close(c.store);
    secrets_close(c.secrets);
    free(catalog_memory);
    config_free(config);
    unlink(path);
    snprintf(path, sizeof path, "%s/store.db", folder);
    unlink(path);
    rmdir(folder);
    return test_end();
}
