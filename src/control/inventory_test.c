/* inventory_test.c - subscriptions and resource groups: whose they are, their names in any case, their limits. */
#include "base/test.h"
#include "control/arm_store.h"
#include "control/inventory.h"
#include "control/store.h"
#include "control/store_inner.h"
#include <unistd.h>

#define A "aaaaaaaa-1111-4222-8333-444444444444"
#define B "bbbbbbbb-1111-4222-8333-444444444444"
#define S "cccccccc-1111-4222-8333-444444444444"

static struct store *store;
static char folder[] = "/tmp/penstock-inventory-XXXXXX";

static enum status
set(const char *id, const char *tenant, enum subscription_origin origin, bool *is_new)
{
    struct err err = {""};
    struct subscription x = {.id = id, .tenant = tenant, .name = "n", .origin = origin};

    return subscription_set(store, &x, is_new, &err);
}

static void
tenant_set(const char *id, bool is_active)
{
    struct store_tenant t = {.id = id, .name = id, .is_active = is_active};

    CHECK(store_tenant_set(store, &t, NULL, NULL) == ST_OK, "tenant");
}

static const char *
tenant_of(const char *id)
{
    static char tenant[40];

    return subscription_tenant(store, id, tenant, NULL) == ST_OK ? tenant : "";
}

static bool
count_visit(void *app, const struct subscription *x)
{
    (void)x;
    ++*(int *)app;
    return true;
}

static int
count(const char *tenant, bool all)
{
    int n = 0;

    CHECK(subscriptions(store, tenant, all, count_visit, &n, NULL) == ST_OK, "list");
    return n;
}

static void
check_subscriptions(void)
{
    bool is_new = false;

    tenant_set(A, true);
    tenant_set(B, true);
    CHECK(set(A, A, SUBSCRIPTION_DEFAULT, &is_new) == ST_OK && is_new, "default");
    CHECK(set("CCCCCCCC-1111-4222-8333-444444444444", A, SUBSCRIPTION_REGISTERED, &is_new) ==
                  ST_OK &&
              is_new,
          "register");
    CHECK(strcmp(tenant_of(S), A) == 0 &&
              strcmp(tenant_of("Cccccccc-1111-4222-8333-444444444444"), A) == 0,
          "its tenant, in any case: '%s'", tenant_of(S));
    CHECK(set(S, B, SUBSCRIPTION_CONFIGURED, &is_new) == ST_INVALID && strcmp(tenant_of(S), A) == 0,
          "another tenant does not get it");
    CHECK(subscription_remove(store, B, S, NULL) == ST_END, "nor removes it");
    CHECK(set(S, A, SUBSCRIPTION_CONFIGURED, &is_new) == ST_OK && !is_new &&
              subscription_remove(store, A, S, NULL) == ST_INVALID,
          "a configured one stays");
    CHECK(set(S, A, SUBSCRIPTION_REGISTERED, &is_new) == ST_OK &&
              subscription_remove(store, A, S, NULL) == ST_INVALID,
          "and is not made less by a PUT");
    CHECK(subscription_remove(store, A, A, NULL) == ST_INVALID, "the tenant's own stays");
    CHECK(count(A, false) == 2 && count(B, false) == 0 && count(NULL, false) == 2, "lists");
    tenant_set(A, false);
    CHECK(tenant_of(S)[0] == '\0' && count(A, false) == 0 && count(A, true) == 2,
          "a tenant that is off has none");
    tenant_set(A, true);
    CHECK(subscription_release(store, S, NULL) == ST_OK &&
              subscription_remove(store, A, S, NULL) == ST_OK && tenant_of(S)[0] == '\0',
          "released and removed");
}

static bool
group_visit(void *app, const struct resource_group *g)
{
    snprintf(app, 200, "%s|%s|%.*s", g->name, g->location, (int)g->tags.n, g->tags.p);
    return true;
}

static enum status
group_put(const char *name, const char *location, const char *tags, bool *is_new)
{
    struct resource_group g = {
        .subscription = A, .name = name, .location = location, .tags = span_of(tags)};

    return resource_group_put(store, &g, is_new, NULL);
}

static const char *
group(const char *name)
{
    static char text[200];

    text[0] = '\0';
    (void)!resource_group_find(store, A, name, group_visit, text, NULL);
    return text;
}

static void
check_groups(void)
{
    static const struct {
        const char *name;
        bool is_one;
    } names[] = {
        {"rg-soc_1.(x)", true },
        {"",             false},
        {"a.",           false},
        {"a b",          false},
        {"a/b",          false},
        {"rg%20",        false},
        {"..",           false},
        {"-",            true },
        {"\xc3\xa4",     false},
        {".a",           true },
    };
    char long_name[100];
    uint64_t automations;
    bool is_new = false;

    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK(resource_group_name_is(names[i].name) == names[i].is_one, "'%s'", names[i].name);
    memset(long_name, 'x', sizeof long_name);
    long_name[90] = '\0';
    CHECK(resource_group_name_is(long_name), "90 characters");
    long_name[90] = 'x';
    long_name[91] = '\0';
    CHECK(!resource_group_name_is(long_name), "91 characters");
    CHECK(resource_group_seen(store, A, span_of(long_name), 1, NULL) == ST_INVALID, "nor seen");
    CHECK(resource_group_seen(store, A, (struct span){"a\0b", 3}, 1, NULL) == ST_INVALID, "a NUL");

    CHECK(group_put("Rg", "West Europe", "{}", &is_new) == ST_OK && is_new, "made");
    CHECK(group_put("RG", "westeurope", "{\"a\":\"b\"}", &is_new) == ST_OK && !is_new &&
              strcmp(group("rG"), "RG|westeurope|{\"a\":\"b\"}") == 0,
          "replaced: %s", group("rG"));
    CHECK(group_put("rg", "northeurope", "{}", NULL) == ST_INVALID, "moved");
    CHECK(resource_group_seen(store, A, SPAN_LITERAL("rG"), 1, NULL) == ST_OK &&
              strcmp(group("rg"), "RG|westeurope|{\"a\":\"b\"}") == 0,
          "what is there is left alone: %s", group("rg"));
    CHECK(resource_group_seen(store, A, SPAN_LITERAL("New"), 1, NULL) == ST_OK &&
              strcmp(group("new"), "New||{}") == 0,
          "made by being seen: %s", group("new"));
    CHECK(group_put("new", "anywhere", "{}", &is_new) == ST_OK && !is_new,
          "such a one may get a location");
    CHECK(resource_group_delete(store, A, "NEW", &automations, NULL) == ST_OK && automations == 0 &&
              resource_group_delete(store, A, "NEW", &automations, NULL) == ST_END,
          "deleted");
}

static void
check_locations(void)
{
    CHECK(location_equal("West Europe", "westeurope") && location_equal("", " ") &&
              !location_equal("westeurope", "westeurope2") && !location_equal("a", ""),
          "locations");
}

/* No limit of ours: it can be tried again, and no client is told where the file lies. */
static void
check_full_disk(void)
{
    static char large[200000];
    struct arm_stored x = {.subscription = A, .group = "full", .id = "a"};
    bool is_new;

    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{}", 2);
    x.json = x.beside = span_of(large);
    CHECK(group_put("full", "westeurope", "{}", &is_new) == ST_OK, "a group");
    CHECK(sqlite3_exec(store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL) == SQLITE_OK,
          "no room"); /* it cannot fall below what is there */
    CHECK(group_put("other", "westeurope", large, &is_new) == ST_IO, "a group");
    CHECK(arm_store_put(store, &arm_table_automations, &x, NULL, 10, NULL) == ST_IO,
          "an automation");
    CHECK(sqlite3_exec(store->db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL) == SQLITE_OK,
          "room");
    CHECK(arm_store_put(store, &arm_table_automations, &x, NULL, 0, NULL) == ST_FULL, "the limit");
    CHECK(arm_store_put(store, &arm_table_automations, &x, NULL, 1, NULL) == ST_OK,
          "and it goes on");
}

int
main(void)
{
    char path[200];
    struct err err = {""};

    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &store, &err) == ST_OK, "%s", err.text);
    if (store == NULL)
        return test_end();
    check_subscriptions();
    check_groups();
    check_locations();
    check_full_disk();
    store_close(store);
    unlink(path);
    rmdir(folder);
    return test_end();
}
