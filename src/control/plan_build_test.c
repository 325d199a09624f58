/* plan_build_test.c - from a first start to routes: what is made, what each setting becomes, and
 * what changes a fingerprint. */
#include "control/control_bed.h"
#include "control/plan_build.h"
#include "control/settings.h"

static char folder[] = "/tmp/penstock-plan-XXXXXX";
static struct control c;

static void
configure(const char *text)
{
    struct config *config = NULL;
    struct err err = {""};

    config_free((struct config *)(uintptr_t)c.config);
    CHECK(config_read_text(span_of(text), "t.yaml", folder, &test_kinds, &config, &err) == ST_OK,
          "%s", err.text);
    if (config == NULL)
        exit(1);
    c.config = config;
}

static int faults;
static char fault_text[600];

static void
note_fault(void *app, const char *route, const struct err *why)
{
    (void)app;
    faults++;
    snprintf(fault_text, sizeof fault_text, "%s: %s", route, why->text);
}

static struct plan *
built(void)
{
    static uint64_t version;
    struct plan *plan = NULL;
    struct err err = {""};

    faults = 0;
    CHECK(plan_build(&c, ++version, note_fault, NULL, &plan, &err) == ST_OK, "%s", err.text);
    if (plan == NULL)
        exit(1);
    CHECK(plan->version == version, "version");
    for (size_t i = 1; i < plan->route_count; i++)
        CHECK(strcmp(plan->routes[i - 1].id, plan->routes[i].id) < 0, "order");
    return plan;
}

static bool
note_tenant(void *app, const struct store_tenant *t)
{
    char *out = app;
    size_t n = strlen(out);

    snprintf(out + n, 400 - n, "%s %s %d %d;", t->id, t->name, t->is_active, t->is_configured);
    return true;
}

static const char *
prepared(int64_t now)
{
    static char made[400];
    struct err err = {""};

    CHECK(control_prepare(&c, now, made, &err) == ST_OK, "%s", err.text);
    return made;
}

static const struct plan_route *
route_of(const struct plan *plan, const char *tenant, const char *id)
{
    char name[240];

    snprintf(name, sizeof name, "%s/%s", tenant, id);
    return plan_find(plan, name);
}

static void
check_first_start(void)
{
    char tenants[400] = "", tenant[37], path[200];
    const char *made;
    struct err err = {""};
    struct plan *plan;

    control_bed_open(&c, folder);
    configure("");
    made = prepared(77);
    CHECK(strstr(made, "(default); export local-archive; export local-hub") != NULL, "'%s'", made);
    CHECK(store_tenants(c.store, note_tenant, tenants, &err) == ST_OK, "%s", err.text);
    snprintf(tenant, sizeof tenant, "%.36s", tenants);
    CHECK(strcmp(tenants + 36, " default 1 0;") == 0 && tenant[14] == '4', "%s", tenants);
    plan = built();
    CHECK(plan->route_count == 2 && faults == 0, "%zu routes, %d faults", plan->route_count,
          faults);
    const struct plan_route *archive = route_of(plan, tenant, "local-archive");
    const struct plan_route *hub = route_of(plan, tenant, "local-hub");

    snprintf(path, sizeof path, "%s/storage/local", folder);
    CHECK(archive != NULL && strcmp(archive->destination.kind, "folder") == 0 &&
              archive->destination.setting_count == 1 &&
              strcmp(archive->destination.settings[0].value, path) == 0 &&
              archive->all_categories && archive->is_enabled && archive->start_ticks == 77 &&
              archive->profile == PROFILE_WIRE && strcmp(archive->tenant, tenant) == 0,
          "local-archive");
    CHECK(hub != NULL && strcmp(hub->destination.kind, "hub") == 0 &&
              strcmp(hub->destination.hub, "events") == 0 && hub->destination.setting_count == 0 &&
              hub->all_categories,
          "local-hub");
    plan_release(plan);
    made = prepared(78);
    CHECK(made[0] == '\0', "a second start made '%s'", made);

    struct settings_reply reply;

    settings_delete(&c, tenant, "local-hub", NULL, &reply);
    CHECK(reply.status == 204, "%u", reply.status);
    made = prepared(79);
    CHECK(made[0] == '\0', "what was deleted came back: '%s'", made);
    control_bed_close(&c, folder);
}

static void
check_tenants(void)
{
    char tenants[400] = "";
    struct err err = {""};
    const char *made;
    struct plan *plan;

    control_bed_open(&c, folder);
    configure("tenants:\n  - {id: " TENANT_A ", name: one}\n  - {id: " TENANT_B ", name: two}\n"
              "deviceGroups:\n  - {tenant: " TENANT_A ", groups: [{Name: x}]}\n");
    made = prepared(1);
    CHECK(strstr(made, TENANT_A " (one)") != NULL && strstr(made, TENANT_B " (two)") != NULL &&
              strstr(made, "device groups of " TENANT_A) != NULL,
          "'%s'", made);
    plan = built();
    CHECK(plan->route_count == 4, "%zu routes", plan->route_count);
    plan_release(plan);
    configure("tenants:\n  - {id: " TENANT_B ", name: deux}\n");
    made = prepared(2);
    CHECK(strcmp(made, "tenant " TENANT_A " switched off") == 0, "'%s'", made);
    CHECK(store_tenants(c.store, note_tenant, tenants, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(tenants, TENANT_A " one 0 1;" TENANT_B " deux 1 1;") == 0, "%s", tenants);
    plan = built();
    CHECK(plan->route_count == 4 && !route_of(plan, TENANT_A, "local-hub")->is_enabled &&
              !route_of(plan, TENANT_A, "local-archive")->is_enabled &&
              route_of(plan, TENANT_B, "local-hub")->is_enabled,
          "%zu routes", plan->route_count);
    plan_release(plan);
    configure("tenants:\n  - {id: " TENANT_A "}\n  - {id: " TENANT_B "}\n");
    made = prepared(3);
    plan = built();
    CHECK(plan->route_count == 4 && route_of(plan, TENANT_A, "local-hub")->is_enabled,
          "switched on again: %zu routes", plan->route_count);
    plan_release(plan);
    control_bed_close(&c, folder);

    control_bed_open(&c, folder);
    configure("defaultExports: false\ntenants:\n  - {id: " TENANT_A "}\n");
    made = prepared(1);
    plan = built();
    CHECK(plan->route_count == 0, "no default exports: %zu routes", plan->route_count);
    plan_release(plan);
    configure("");
    made = prepared(2);
    CHECK(made[0] == '\0', "without a list the tenants stay: '%s'", made);
    control_bed_close(&c, folder);
}

#define BODY(extra)                                                                                \
    "{\"eventHubProperties\":{\"name\":\"xdr\",\"eventHubResourceId\":\"" HUBS_ID                  \
    "\"},\"logs\":[{\"category\":\"AdvancedHunting-DeviceInfo\",\"enabled\":true},"                \
    "{\"category\":\"AdvancedHunting-AlertInfo\",\"enabled\":true},"                               \
    "{\"category\":\"Alert\",\"enabled\":false}],\"penstock\":{" extra "}}"
#define CONNECTION                                                                                 \
    "\"connectionString\":\"Endpoint=sb://contoso-ns.servicebus.windows.net/"                      \
    ";SharedAccessKey=hush\""
static const char configured[] = "defaultExports: false\ntenants: [{id: " TENANT_A "}]\n"
                                 "resources:\n  - id: " HUBS_ID "\n    settings: {password: one}\n";

static unsigned
put(const char *id, const char *body)
{
    struct settings_put x = {.tenant = TENANT_A, .id = id, .body = span_of(body), .now = 50};
    struct settings_reply reply;

    settings_put(&c, &x, &reply);
    free(reply.body);
    if (reply.status >= 300)
        printf("%u %s %s\n", reply.status, reply.code, reply.err.text);
    return reply.status;
}

static uint64_t
fingerprint_now(void)
{
    struct plan *plan = built();
    const struct plan_route *r = route_of(plan, TENANT_A, "one");
    uint64_t n = r != NULL ? r->fingerprint : 0;

    plan_release(plan);
    return n;
}

static void
check_route(void)
{
    struct plan *plan;

    control_bed_open(&c, folder);
    configure(configured);
    prepared(1);
    CHECK(put("one", BODY("\"profile\":\"documented\",\"machineGroup\":\"always\",\"batchBytes\":"
                          "2048,\"batchRows\":3,\"lingerMs\":4,\"bytesPerSecond\":5000,"
                          "\"rowsPerSecond\":6,\"onLag\":\"drop\",\"enabled\":false")) == 201,
          "put");
    plan = built();
    const struct plan_route *r = route_of(plan, TENANT_A, "one");

    CHECK(r != NULL && r->category_count == 2 && !r->all_categories &&
              strcmp(r->categories[0], "AdvancedHunting-AlertInfo") == 0 &&
              strcmp(r->categories[1], "AdvancedHunting-DeviceInfo") == 0,
          "categories");
    CHECK(r->profile == PROFILE_DOCUMENTED && r->group_mode == GROUP_ALWAYS &&
              r->batch_bytes == 2048 && r->batch_rows == 3 && r->linger_ms == 4 &&
              r->bytes_per_s_max == 5000 && r->rows_per_s_max == 6 && r->drops_when_full &&
              !r->is_enabled && r->start_ticks == 50,
          "numbers");
    CHECK(
        strcmp(r->destination.kind, "kafka") == 0 && strcmp(r->destination.hub, "xdr") == 0 &&
            strcmp(
                resource_value(r->destination.settings, r->destination.setting_count, "password"),
                "one") == 0 &&
            strcmp(resource_value(r->destination.settings, r->destination.setting_count, "brokers"),
                   "contoso-ns.servicebus.windows.net:9093") == 0 &&
            strcmp(resource_value(r->destination.settings, r->destination.setting_count, "hub"),
                   "xdr") == 0 &&
            strcmp(
                resource_value(r->destination.settings, r->destination.setting_count, "security"),
                "sasl_tls") == 0,
        "destination");
    plan_release(plan);

    uint64_t first = fingerprint_now();

    CHECK(first != 0 && fingerprint_now() == first, "it changes by itself");
    static const char *const changes[] = {
        "",
        "\"profile\":\"bare\"",
        "\"machineGroup\":\"always\"",
        "\"batchBytes\":4096",
        "\"batchRows\":4",
        "\"lingerMs\":4",
        "\"bytesPerSecond\":4096",
        "\"rowsPerSecond\":4",
        "\"onLag\":\"drop\"",
        "\"enabled\":false",
        CONNECTION,
    };
    uint64_t seen[COUNT_OF(changes) + 2];
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char body[1000];

        snprintf(body, sizeof body, BODY("%s"), changes[i]);
        CHECK(put("one", body) == 200, "put %s", changes[i]);
        seen[count++] = fingerprint_now();
    }
    configure("defaultExports: false\ntenants: [{id: " TENANT_A "}]\n"
              "resources:\n  - id: " HUBS_ID "\n    settings: {password: two, security: tls}\n");
    seen[count++] = fingerprint_now();
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(seen[i] != seen[k], "changes %zu and %zu look the same", k, i);
    control_bed_close(&c, folder);
}

static void
check_secret(void)
{
    struct plan *plan;
    const struct plan_route *r;
    char path[200];
    struct err err = {""};

    control_bed_open(&c, folder);
    configure(configured);
    prepared(1);
    CHECK(put("one", BODY(CONNECTION)) == 201, "put");
    plan = built();
    r = route_of(plan, TENANT_A, "one");
    CHECK(faults == 0 &&
              strstr(resource_value(r->destination.settings, r->destination.setting_count,
                                    "connection_string"),
                     "hush") != NULL &&
              resource_value(r->destination.settings, r->destination.setting_count, "password") ==
                  NULL,
          "the connection string takes the place of other credentials");
    plan_release(plan);

    secrets_close(c.secrets); /* the key is lost */
    snprintf(path, sizeof path, "%s/secret.key", folder);
    unlink(path);
    CHECK(secrets_open(path, true, &c.secrets, &err) == ST_OK, "%s", err.text);
    plan = built();
    r = route_of(plan, TENANT_A, "one");
    CHECK(faults == 1 && strstr(fault_text, "/one: ") != NULL &&
              strstr(fault_text, "another key") != NULL && strstr(fault_text, "hush") == NULL,
          "%d: %s", faults, fault_text);
    CHECK(r != NULL && strcmp(r->destination.kind, "kafka") == 0, "its route is kept");
    plan_release(plan);

    configure("defaultExports: false\ntenants: [{id: " TENANT_A "}, {id: " TENANT_B "}]\n"
              "resources:\n  - id: " HUBS_ID "\n    settings: {password: x}\n"
              "    tenants: [" TENANT_B "]\n");
    plan = built();
    r = route_of(plan, TENANT_A, "one");
    CHECK(faults == 1 && r != NULL && r->destination.setting_count == 1 /* the hub */,
          "a resource that became another's: %d: %s", faults, fault_text);
    plan_release(plan);
    configure("defaultExports: false\ntenants: [{id: " TENANT_A "}]\n");
    plan = built();
    CHECK(faults == 1, "%d: %s", faults, fault_text);
    plan_release(plan);
    control_bed_close(&c, folder);
}

int
main(void)
{
    CHECK(mkdtemp(folder) != NULL, "no folder");
    check_first_start();
    check_tenants();
    check_route();
    check_secret();
    config_free((struct config *)(uintptr_t)c.config);
    rmdir(folder);
    return test_end();
}
