/* kinds_for_tests.h - the kinds that the tests and fuzz targets of control know: as sink and source
 * have them, in small. */
#pragma once
#include "control/control.h"
#include "control/resource.h"

static const struct control_setting test_path[] = {
    {"path", "Where.", NULL, false, false, false},
    {0 }
};
static const struct control_setting test_blob[] = {
    {"endpoint",  "Address.", NULL, true, false, false},
    {"account",       "Account.", NULL, true, false, false},
    {"connection_string",      "Connection string.", NULL, true, true, false},
    {"key",           "Key.", NULL, true, true, false},
    {"ca_file","Authorities.", NULL, true, false, true},
    {"insecure",       "Do not verify.", "false", false, false, false},
    {0     }
};
static const struct control_setting test_kafka[] = {
    {"brokers",             "Brokers.", NULL, true, false, false},
    {"connection_string",                 "Connection string.", NULL, true, true, false},
    {"password",                "Password.", NULL, true, true, false},
    {"user",                     "User.", NULL, true, false, false},
    {"hub","Hub.", NULL, true, false, false},
    {"security",                 "Security.", NULL, true, false, false},
    {0               }
};
static const struct control_setting test_source_kafka[] = {
    {"brokers", "Brokers.", NULL, false, false, false},
    {"topic",     "Topic.", NULL, false, false, false},
    {"password",    "Password.", NULL, true, true, false},
    {0        }
};
static const struct control_kind test_sinks[] = {
    {"folder",    "A folder.", test_path },
    {"blob",      "Blobs.",    test_blob },
    {"kafka",     "Kafka.",    test_kafka},
    {"stdout",    "Output.",   NULL      },
    {"workspace", "Tables.",   test_path },
};
static const struct control_kind test_sources[] = {
    {"file",  "A file.", test_path        },
    {"kafka", "Kafka.",  test_source_kafka},
};

/* Blobs need a credential, as the real kind does. */
static inline enum status
test_check_sink(void *app, const char *kind, const struct plan_setting *values, size_t count,
                struct err *err)
{
    (void)app;
    if (strcmp(kind, "blob") == 0 && resource_value(values, count, "key") == NULL &&
        resource_value(values, count, "connection_string") == NULL)
        return err_set(err, ST_INVALID, "blob: no credential: set key or connection_string");
    return ST_OK;
}

static inline enum status
test_check_groups(void *app, struct span json, struct err *err)
{
    (void)app;
    if (memmem(json.p, json.n, "\"Name\"", 6) == NULL && json.n > 2)
        return err_set(err, ST_INVALID, "group 1 has no Name");
    return ST_OK;
}

static const struct control_kinds test_kinds = {.sinks = test_sinks,
                                                .sink_count = COUNT_OF(test_sinks),
                                                .sources = test_sources,
                                                .source_count = COUNT_OF(test_sources),
                                                .has_workspaces = true,
                                                .check_sink = test_check_sink,
                                                .check_groups = test_check_groups};

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"
#define IN_GROUP                                                                                   \
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-siem/providers/"
#define STORAGE_ID IN_GROUP "Microsoft.Storage/storageAccounts/contosoarchive"
#define HUBS_ID IN_GROUP "Microsoft.EventHub/namespaces/contoso-ns"
