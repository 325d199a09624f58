/* workspaces_test.c - which workspaces there are, for whom, and by what names they are found. */
#include "control/automations.h"
#include "control/control_bed.h"
#include "control/inventory.h"
#include "control/settings.h"
#include "control/workspaces.h"
#include "model/arm_id.h"

#define LOCAL CONTROL_LOCAL_PREFIX "Microsoft.OperationalInsights/workspaces/"
#define AZURE IN_GROUP "Microsoft.OperationalInsights/workspaces/"
#define TENANT_C "cccccccc-1111-4222-8333-444444444444"
/* Of LOCAL "watch" in small letters: what clients have stored must stay. */
#define WATCH_GUID "4a978713-da90-8d48-811d-1a2bb18914e1"

static char folder[] = "/tmp/penstock-workspaces-XXXXXX";
static struct control c;
static struct control_kinds kinds;

#define TENANTS "tenants:\n  - id: " TENANT_A "\n  - id: " TENANT_B "\n  - id: " TENANT_C "\n"
#define RESOURCES                                                                                  \
    "resources:\n"                                                                                 \
    "  - id: " AZURE "Corp\n    kind: workspace\n    settings: {path: /data/corp.duckdb}\n"        \
    "  - id: " AZURE "onlyb\n    kind: workspace\n    settings: {path: /data/b.duckdb}\n"          \
    "    tenants: [" TENANT_B "]\n"                                                                \
    "  - id: " STORAGE_ID "\n    kind: workspace\n    settings: {path: /data/blobs.duckdb}\n"      \
    "  - id: " LOCAL "papers\n    kind: folder\n    settings: {path: /data/papers}\n"              \
    "  - id: " LOCAL "moved\n    settings: {path: /data/moved.duckdb}\n"

static bool
has_pieces(const char *text, const char *pieces)
{
    char copy[400], *rest = copy, *piece;

    snprintf(copy, sizeof copy, "%s", pieces);
    while ((piece = strsep(&rest, "|")) != NULL)
        if (strstr(text, piece) == NULL)
            return false;
    return true;
}

static enum status
configure(const char *text, struct err *err)
{
    struct config *config = NULL;
    enum status st = config_read_text(span_of(text), "t.yaml", folder, &kinds, &config, err);

    if (st == ST_OK) {
        config_free((struct config *)(uintptr_t)c.config);
        c.config = config;
    }
    return st;
}

static void
open_all(void)
{
    char made[400];
    struct err err = {""};

    kinds = test_kinds;
    control_bed_open(&c, folder);
    c.kinds = &kinds;
    CHECK(configure(TENANTS RESOURCES, &err) == ST_OK, "%s", err.text);
    CHECK(control_prepare(&c, 1, made, &err) == ST_OK, "%s", err.text);
    if (test_failed > 0)
        exit(test_end());
}

static void
close_all(void)
{
    control_bed_close(&c, folder);
    config_free((struct config *)(uintptr_t)c.config);
    rmdir(folder);
}

static void
setting(const char *tenant, const char *id, const char *workspace)
{
    char body[1200];
    struct settings_reply reply = {0};
    const char *what =
        strstr(workspace, "storageAccounts") != NULL ? "storageAccount" : "workspace";

    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"%sProperties\":{\"%sResourceId\":\"%s\"},"
             "\"logs\":[{\"category\":\"AdvancedHunting-DeviceInfo\",\"enabled\":true}]}",
             id, what, what, workspace);
    settings_put(
        &c, &(struct settings_put){.tenant = tenant, .id = id, .body = span_of(body), .now = 5},
        &reply);
    CHECK(reply.status == 201 || reply.status == 200, "%s: %u %s", id, reply.status,
          reply.err.text);
    free(reply.body);
}

static void
automation(const char *tenant, const char *workspace)
{
    char text[1600], id[300];
    struct automations_reply reply;
    struct err err = {""};
    struct resource_group group = {.subscription = tenant, .name = "rg", .location = "x"};

    CHECK(resource_group_put(c.store, &group, NULL, &err) == ST_OK, "%s", err.text);
    snprintf(id, sizeof id,
             "/subscriptions/%s/resourceGroups/rg/providers/Microsoft.Security/automations/one",
             tenant);
    snprintf(
        text, sizeof text,
        "{\"location\":\"x\",\"properties\":{\"scopes\":[{\"scopePath\":\"/subscriptions/%s\"}],"
        "\"sources\":[{\"eventSource\":\"Alerts\"}],\"actions\":[{\"actionType\":\"Workspace\","
        "\"workspaceResourceId\":\"%s\"}]}}",
        tenant, workspace);
    json_t *body = json_loads(text, 0, NULL);

    automations_put(&c,
                    &(struct automations_put){
                        .place = {tenant, tenant, id, "rg", "one"},
                          .body = body, .now = 6
    },
                    &reply);
    CHECK(reply.status == 201, "automation: %u %s", reply.status, reply.err.text);
    automations_reply_free(&reply);
    json_decref(body);
}

static bool
note(void *app, const struct workspace_place *p)
{
    char *out = app;
    size_t n = strlen(out);

    snprintf(out + n, 2000 - n, "%s%s=%s", n > 0 ? " " : "", p->name,
             strncmp(p->path, folder, strlen(folder)) == 0 ? p->path + strlen(folder) : p->path);
    return true;
}

static void
check_lists(void)
{
    static const struct {
        const char *name, *tenant, *places;
    } rows[] = {
        {"what settings and an automation name", TENANT_A,
         "Corp=/data/corp.duckdb moved=/data/moved.duckdb Watch=/workspaces/watch.duckdb"       },
        {"what was granted to it alone",         TENANT_B,
         "contosoarchive=/data/blobs.duckdb onlyb=/data/b.duckdb watch=/workspaces/watch.duckdb"},
        {"nothing",                              TENANT_C, ""                                   },
        {"an operator",                          NULL,
         "contosoarchive=/data/blobs.duckdb Corp=/data/corp.duckdb moved=/data/moved.duckdb "
         "onlyb=/data/b.duckdb "
         "Watch=/workspaces/watch.duckdb"                                                       },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[2000] = "";
        struct err err = {""};

        CHECK(workspaces_list(&c, rows[i].tenant, note, out, &err) == ST_OK, "%s", err.text);
        CHECK(strcmp(out, rows[i].places) == 0, "%s: %s", rows[i].name, out);
    }
}

static bool
stop_at_first(void *app, const struct workspace_place *p)
{
    (void)p;
    ++*(int *)app;
    return false;
}

static void
check_names(void)
{
    static const struct {
        const char *name, *tenant, *asked;
        const char *path; /* its end */
        const char *fault;
    } rows[] = {
        {"by name",                       TENANT_A, "Watch",                                "/workspaces/watch.duckdb", NULL                   },
        {"by name in other letters",      TENANT_A, "wATCH",                                "/workspaces/watch.duckdb", NULL                   },
        {"by id",                         TENANT_A, LOCAL "watch",                          "/workspaces/watch.duckdb", NULL                   },
        {"by id in other letters",        TENANT_A,
         "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/resourcegroups/LOCAL/providers/"
         "microsoft.operationalinsights/WORKSPACES/WATCH",                                  "/workspaces/watch.duckdb", NULL                   },
        {"by id without its slash",       TENANT_A, &LOCAL "watch"[1],                      "/workspaces/watch.duckdb", NULL                   },
        {"by id with a slash behind",     TENANT_A, LOCAL "watch/",                         "/workspaces/watch.duckdb", NULL                   },
        {"by GUID",                       TENANT_A, WATCH_GUID,                             "/workspaces/watch.duckdb", NULL                   },
        {"by GUID in capitals",           TENANT_B, "4A978713-DA90-8D48-811D-1A2BB18914E1",
         "/workspaces/watch.duckdb",                                                                                    NULL                   },
        {"what a configured id leads to", TENANT_A, "corp",                                 "/data/corp.duckdb",        NULL                   },
        {"a local id that is configured", TENANT_A, LOCAL "Moved",                          "/data/moved.duckdb",       NULL                   },
        {"another's is not there",        TENANT_A, "onlyb",                                NULL,
         "no workspace onlyb|known: Corp, moved, Watch"                                                                                        },
        {"nor by its id",                 TENANT_A, AZURE "onlyb",                          NULL,                       "there is no workspace"},
        {"nor one that nobody names",     TENANT_B, "moved",                                NULL,
         "known: contosoarchive, onlyb, watch"                                                                                                 },
        {"a folder cannot be asked",      TENANT_A, "papers",                               NULL,                       "there is no workspace"},
        {"a tenant without any",          TENANT_C, "watch",                                NULL,                       "no export setting"    },
        {"an empty name",                 TENANT_A, "",                                     NULL,                       "there is no workspace"},
        {"a GUID of nothing",             TENANT_A, TENANT_B,                               NULL,                       "there is no workspace"},
        {"an operator finds all of them", NULL,     "onlyb",                                "/data/b.duckdb",           NULL                   },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct workspace_place p = {.path = ""};
        struct err err = {""};
        enum status st = workspaces_find(&c, rows[i].tenant, span_of(rows[i].asked), &p, &err);
        size_t n = rows[i].path != NULL ? strlen(rows[i].path) : 0;

        CHECK((st == ST_OK) == (rows[i].path != NULL) && (st == ST_OK || st == ST_INVALID),
              "%s: %s", rows[i].name, err.text);
        if (st == ST_OK)
            CHECK(strlen(p.path) >= n && strcmp(p.path + strlen(p.path) - n, rows[i].path) == 0,
                  "%s: %s", rows[i].name, p.path);
        else
            CHECK(has_pieces(err.text, rows[i].fault), "%s: %s", rows[i].name, err.text);
    }
}

static void
check_default(void)
{
    static const struct {
        const char *name, *more, *tenant, *path, *fault;
    } rows[] = {
        {"the only one",                           "",                                      TENANT_C, "/workspaces/alone.duckdb",    NULL                                     },
        {"several",                                "",                                      TENANT_A, NULL,                          "several workspaces (Corp, moved, Watch)"},
        {"a new name for all",                     "hunting: {workspace: Everyone}\n",      TENANT_A,
         "/workspaces/everyone.duckdb",                                                                                              NULL                                     },
        {"before the only one",                    "hunting: {workspace: Everyone}\n",      TENANT_C,
         "/workspaces/everyone.duckdb",                                                                                              NULL                                     },
        {"for an operator",                        "hunting: {workspace: Everyone}\n",      NULL,     "/workspaces/everyone.duckdb",
         NULL                                                                                                                                                                 },
        {"a configured one by name",               "hunting: {workspace: corp}\n",          TENANT_C, "/data/corp.duckdb",
         NULL                                                                                                                                                                 },
        {"a configured one by id",                 "hunting: {workspace: " AZURE "Corp}\n", TENANT_C,
         "/data/corp.duckdb",                                                                                                        NULL                                     },
        {"not for that tenant, which has its own", "hunting: {workspace: onlyb}\n",         TENANT_C,
         "/workspaces/alone.duckdb",                                                                                                 NULL                                     },
        {"for the tenant it is for",               "hunting: {workspace: onlyb}\n",         TENANT_B, "/data/b.duckdb",
         NULL                                                                                                                                                                 },
    };

    setting(TENANT_C, "one", LOCAL "alone");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct workspace_place p = {.path = ""};
        struct err err = {""};
        char text[2000];

        snprintf(text, sizeof text, "%s%s%s", rows[i].more, TENANTS, RESOURCES);
        CHECK(configure(text, &err) == ST_OK, "%s: %s", rows[i].name, err.text);
        enum status st = workspaces_default(&c, rows[i].tenant, &p, &err);
        size_t n = rows[i].path != NULL ? strlen(rows[i].path) : 0;

        CHECK((st == ST_OK) == (rows[i].path != NULL), "%s: %s", rows[i].name, err.text);
        if (st == ST_OK)
            CHECK(strlen(p.path) >= n && strcmp(p.path + strlen(p.path) - n, rows[i].path) == 0,
                  "%s: %s", rows[i].name, p.path);
        else
            CHECK(has_pieces(err.text, rows[i].fault), "%s: %s", rows[i].name, err.text);
    }
}

static void
check_configuration(void)
{
    static const struct {
        const char *name, *text, *fault;
    } rows[] = {
        {"a name that is none",      "hunting: {workspace: -a}\n",
         "t.yaml:1:22: hunting.workspace|'-a' is no name"                                                        },
        {"an id of something else",  "hunting: {workspace: " HUBS_ID "}\n",               "a workspace is wanted"},
        {"an id that leads nowhere", "hunting: {workspace: " AZURE "watch}\n",
         "nothing says what a workspace watch is"                                                                },
        {"a folder",                 "hunting: {workspace: " LOCAL "papers}\n" RESOURCES,
         "of kind folder, which cannot be asked"                                                                 },
        {"memory for a database",    "workspaces: {memory: 1 MiB}\n",                     "64 MiB to 1 TiB"      },
        {"threads",                  "workspaces: {threads: 300}\n",                      "0 to 256"             },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {""};

        CHECK(configure(rows[i].text, &err) == ST_INVALID && has_pieces(err.text, rows[i].fault),
              "%s: %s", rows[i].name, err.text);
    }
}

/* In a build without DuckDB there is nothing to ask. */
static void
check_absent(void)
{
    char out[2000] = "";
    struct err err = {""};

    kinds.has_workspaces = false;
    CHECK(configure(TENANTS, &err) == ST_OK, "%s", err.text);
    CHECK(workspaces_list(&c, NULL, note, out, &err) == ST_OK && out[0] == '\0', "%s", out);
    kinds.has_workspaces = true;
}

int
main(void)
{
    struct workspace_place p = {.path = ""};
    struct err err = {""};
    int visits = 0;

    if (mkdtemp(folder) == NULL)
        return 1;
    open_all();
    setting(TENANT_A, "one", LOCAL "Watch");
    setting(TENANT_A, "two", LOCAL "watch");
    setting(TENANT_A, "three", AZURE "corp");
    setting(TENANT_A, "four", LOCAL "papers");
    automation(TENANT_A, LOCAL "moved");
    setting(TENANT_B, "one", LOCAL "watch");
    setting(TENANT_B, "two", AZURE "onlyb");
    setting(TENANT_B, "three", STORAGE_ID);
    check_lists();
    CHECK(workspaces_list(&c, TENANT_A, stop_at_first, &visits, &err) == ST_OK && visits == 1,
          "stops: %d", visits);
    CHECK(workspaces_default(&c, TENANT_C, &p, &err) == ST_INVALID &&
              has_pieces(err.text, "no workspace to ask yet|hunting.workspace"),
          "%s", err.text);
    check_names();
    CHECK(workspaces_find(&c, TENANT_A, SPAN_LITERAL("watch"), &p, &err) == ST_OK &&
              guid_is(span_of(p.guid)) && strcmp(p.guid, WATCH_GUID) == 0 && p.guid[14] == '8',
          "%s", p.guid);
    check_default();
    check_configuration();
    check_absent();
    close_all();
    return test_end();
}
