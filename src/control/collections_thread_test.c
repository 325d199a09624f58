/* collections_thread_test.c - the rule that an upload names: whose it is, what it has, and that a changed one holds from the next
 * upload on while others use what was compiled before. */
#include "control/collection_rules.h"
#include "control/control_bed.h"
#include "control/inventory.h"
#include <pthread.h>
#include <stdatomic.h>

#define OTHER "cccccccc-1111-4222-8333-444444444444"
#define ID(name)                                                                                   \
    "/subscriptions/" TENANT_A                                                                     \
    "/resourceGroups/rg/providers/Microsoft.Insights/dataCollectionRules/" name

enum { FINDERS = 3, CHANGES = 60 };

static char folder[] = "/tmp/penstock-collections-XXXXXX";
static struct control c;
static struct collections *kept;
static char rule_id[COLLECTION_ID_SIZE];
static atomic_bool is_over;
static atomic_uint wrong, found_count;

static unsigned
put(const char *table)
{
    struct automations_put put = {
        .place = {TENANT_A, TENANT_A, ID("one"), "rg", "one"},
          .now = 1
    };
    json_t *body = json_pack("{s:s, s:{s:{s:{s:[{s:s, s:s}]}}, s:[{s:[s], s:s, s:s}]}}", "location",
                             "x", "properties", "streamDeclarations", "Custom-In", "columns",
                             "name", "Number", "type", "int", "dataFlows", "streams", "Custom-In",
                             "outputStream", table, "transformKql", "source | where Number > 1");
    struct automations_reply reply;
    unsigned status;

    put.body = body;
    collection_rules_put(&c, &put, &reply);
    status = reply.status;
    if (status == 201) /* the others read it from now on */
        snprintf(rule_id, sizeof rule_id, "%s",
                 json_string_value(
                     json_object_get(json_object_get(reply.tree, "properties"), "immutableId")));
    automations_reply_free(&reply);
    json_decref(body);
    return status;
}

/* The table of the stream's first flow; "" if there is none. */
static enum collection_answer
find(const char *tenant, const char *rule, const char *stream, char table[100], char owner[40])
{
    const struct collection_stream *found;
    struct collection *held;
    struct err err = {""};
    enum collection_answer answer =
        collections_find(kept, &c, tenant, rule, stream, owner, &held, &found, &err);

    table[0] = '\0';
    if (answer != COLLECTION_FOUND)
        return answer;
    snprintf(table, 100, "%s", collect_table(found->flows[0]));
    collection_release(held);
    return answer;
}

static void *
finder(void *app)
{
    char table[100], owner[40];

    (void)app;
    while (!atomic_load(&is_over)) {
        if (find(TENANT_A, rule_id, "custom-in", table, owner) != COLLECTION_FOUND ||
            (strcmp(table, "Even_CL") != 0 && strcmp(table, "Odd_CL") != 0) ||
            strcmp(owner, TENANT_A) != 0)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&found_count, 1);
    }
    return NULL;
}

static void
check_changes(void)
{
    pthread_t threads[FINDERS];
    char table[100], owner[40];

    CHECK(put("Custom-Even_CL") == 201 && strncmp(rule_id, "dcr-", 4) == 0, "made: %s", rule_id);
    for (size_t i = 0; i < FINDERS; i++)
        pthread_create(&threads[i], NULL, finder, NULL);
    for (int i = 1; i <= CHANGES; i++) {
        const char *wanted = i % 2 == 0 ? "Even_CL" : "Odd_CL";

        CHECK(put(i % 2 == 0 ? "Custom-Even_CL" : "Custom-Odd_CL") == 200 &&
                  find(TENANT_A, rule_id, "Custom-In", table, owner) == COLLECTION_FOUND &&
                  strcmp(table, wanted) == 0,
              "change %d: %s", i, table);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < FINDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0 && atomic_load(&found_count) > 0, "%u wrong of %u",
          atomic_load(&wrong), atomic_load(&found_count));
}

static void
check_finding(void)
{
    char of_a[COLLECTION_ID_SIZE], of_b[COLLECTION_ID_SIZE];
    struct err err = {""};

    CHECK(collection_default_id(TENANT_A, of_a, &err) == ST_OK &&
              collection_default_id(OTHER, of_b, &err) == ST_OK && strcmp(of_a, of_b) != 0,
          "%s", err.text);
    const struct {
        const char *name, *tenant, *rule, *stream;
        enum collection_answer answer;
        const char *table, *owner;
    } rows[] = {
        {"its rule",                       TENANT_A, rule_id,                                        "Custom-In",            COLLECTION_FOUND,     "Even_CL",    TENANT_A},
        {"to an operator it says whose",   NULL,     rule_id,                                        "Custom-In",            COLLECTION_FOUND,     "Even_CL",
         TENANT_A                                                                                                                                                        },
        {"another tenant's",               OTHER,    rule_id,                                        "Custom-In",            COLLECTION_NO_RULE,   "",           NULL    },
        {"another stream",                 TENANT_A, rule_id,                                        "Custom-Out",           COLLECTION_NO_STREAM, "",           NULL    },
        {"no rule",                        TENANT_A, "dcr-0",                                        "Custom-In",            COLLECTION_NO_RULE,   "",           NULL    },
        {"no id at all",                   TENANT_A, "",                                             "Custom-In",            COLLECTION_NO_RULE,   "",           NULL    },
        {"an id that is too long",         TENANT_A, "dcr-0123456789012345678901234567890123456789",
         "Custom-In",                                                                                                        COLLECTION_NO_RULE,   "",           NULL    },
        {"the built-in rule",              TENANT_A, "default",                                      "Microsoft-DeviceInfo", COLLECTION_FOUND,
         "DeviceInfo",                                                                                                                                           TENANT_A},
        {"in any case",                    TENANT_A, "DEFAULT",                                      "microsoft-deviceinfo", COLLECTION_FOUND,     "DeviceInfo",
         TENANT_A                                                                                                                                                        },
        {"by its id",                      TENANT_A, of_a,                                           "Custom-New",           COLLECTION_FOUND,     "New_CL",     TENANT_A},
        {"by its id, to an operator",      NULL,     of_b,                                           "Custom-New_CL",        COLLECTION_FOUND,     "New_CL",
         OTHER                                                                                                                                                           },
        {"another tenant's by its id",     OTHER,    of_a,                                           "Custom-New",           COLLECTION_NO_RULE,   "",           NULL    },
        {"an operator's without a tenant", NULL,     "default",                                      "Custom-New",           COLLECTION_NO_TENANT, "",
         NULL                                                                                                                                                            },
        {"a table that is not there",      OTHER,    "default",                                      "Microsoft-Nothing",    COLLECTION_NO_STREAM,
         "",                                                                                                                                                     NULL    },
        {"a table that is a path",         OTHER,    "default",                                      "Custom-../x",          COLLECTION_NO_STREAM, "",           NULL    },
        {"a stream of no kind",            OTHER,    "default",                                      "DeviceInfo",           COLLECTION_NO_STREAM, "",           NULL    },
        {"a stream without a name",        OTHER,    "default",                                      "Custom-",              COLLECTION_NO_STREAM, "",           NULL    },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char table[100], owner[40] = "";
        enum collection_answer answer =
            find(rows[i].tenant, rows[i].rule, rows[i].stream, table, owner);

        CHECK(answer == rows[i].answer && strcmp(table, rows[i].table) == 0 &&
                  (rows[i].owner == NULL || strcmp(owner, rows[i].owner) == 0),
              "%s: %d %s %s", rows[i].name, (int)answer, table, owner);
    }
}

int
main(void)
{
    struct resource_group g = {
        .subscription = TENANT_A, .name = "rg", .location = "x", .tags = SPAN_LITERAL("{}")};
    struct err err = {""};

    control_bed_begin(&c, folder,
                      "defaultExports: false\ntenants: [{id: " TENANT_A "}, {id: " OTHER "}]\n");
    CHECK(collections_make(&kept, &err) == ST_OK, "%s", err.text);
    if (test_failed > 0)
        return test_end();
    CHECK(resource_group_put(c.store, &g, NULL, &err) == ST_OK, "%s", err.text);
    check_changes();
    check_finding();
    collections_free(kept);
    control_bed_end(&c, folder);
    return test_end();
}
