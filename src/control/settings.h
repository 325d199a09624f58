/* settings.h - data export settings: the REST resource of streaming-api.md section 1.3 and our
 * extensions. Any thread.
 *
 *   {"id","designatedTenantId","eventHubProperties":{"name","eventHubResourceId"},"storageAccountProperties":{"storageAccountResourceId"},
 *    "workspaceProperties":{"workspaceResourceId","subscriptionId","resourceGroup","name"},"logs":[{"category","enabled"}],"penstock":{...}}
 *
 * One of the three destinations; a workspace's id says all that stands beside it, which may be left out.
 *
 * "penstock" is ours and only there when it holds something:
 *   enabled        false: the setting is kept and exports nothing             profile        "wire" (default), "documented", "bare"
 *   machineGroup   "catalog" (default), "always"                             allCategories  every event type, also those nobody knows yet
 *   batchBytes, batchRows, lingerMs, bytesPerSecond, rowsPerSecond            0 or absent: the destination's default
 *   onLag          "block" (default): producers wait; "drop": this export loses the oldest, counted
 *   connectionString   write-only; sealed; kept by a PUT without it for the same destination; "" removes it
 *   hasConnectionString   read-only
 *   transformKql   what leaves of each record: "source | where ... | extend ...", for every event type
 *                  listed, or {"DeviceInfo":"source | ..."} for some of them, by table or category; the others
 *                  leave as they are */
#pragma once
#include "control/control.h"
#include "match/plan.h"
#include "match/transform.h"

enum {
    SETTING_ID_SIZE_MAX = 128, /* bytes of UTF-8 without controls and /\?#%; not "." or ".." */
    SETTING_BODY_SIZE_MAX = 1 << 20, /* bytes of a PUT */
    SETTING_HUBS_MAX = 10, /* enabled categories with an empty hub name, on Basic and Standard */
    SETTING_LOGS_MAX = 2000,
    SETTING_TRANSFORMS_MAX = 512, /* queries of one setting */
};

enum setting_destination { SETTING_EVENT_HUB, SETTING_STORAGE, SETTING_WORKSPACE };

/* One setting as an object; all lends from the one block that setting_free gives back. */
struct setting {
    const char *tenant, *id;
    const char *designated_tenant; /* NULL: null */
    enum setting_destination destination;
    const char *resource_id;
    const char *hub_name;          /* NULL: a hub per category */
    const char *const *categories; /* enabled, sorted bytewise */
    size_t category_count;
    bool all_categories;
    bool is_enabled;
    enum profile profile;
    enum group_mode group_mode;
    uint32_t batch_bytes, batch_rows, linger_ms;
    uint64_t bytes_per_s_max, rows_per_s_max;
    bool drops_when_full;
    const struct transform_query *transforms; /* of transformKql, as written */
    size_t transform_count;
    const char *connection_string; /* as given in this text; NULL: none. Never written */
    void *memory;                  /* private */
};

/* Reads and checks JSON text. 'id' is the one in the path: an "id" in the text must be the same.
 * 'is_stored': text of our own: categories that the catalog no longer knows pass. On ST_INVALID
 * code (at most 47 bytes) is one of the service's words ("InvalidCategory") and err says which
 * key. */
MUST_CHECK enum status setting_read(const struct control *c, const char *tenant, const char *id,
                                    struct span json, bool is_stored, struct setting *out,
                                    char code[48], struct err *err);
/* JSON with the complete logs array, malloc'd. 'has_secret' is shown as hasConnectionString. NULL:
 * no memory. */
char *setting_write(const struct control *c, const struct setting *x, bool has_secret,
                    size_t *size);
void setting_free(struct setting *x);
/* What its destination resolves to (resource.h). A local workspace that the configuration does not name is
 * the file DATA/workspaces/name.duckdb, or in a build without DuckDB the folder DATA/workspaces/NAME. */
struct resource;
MUST_CHECK enum status setting_resolve(const struct control *c, const struct setting *x,
                                       struct resource *r, struct err *err);
/* The connection string that was sealed for this setting; 'out' has room for SECRETS_SIZE_MAX + 1
 * bytes. */
MUST_CHECK enum status setting_secret(const struct control *c, const struct setting *x,
                                      struct span sealed, char *out, struct err *err);

/* Compiles transformKql; *out is NULL if there is none. 'told' as in transform_make. ST_INVALID: err
 * names the table and the place. */
MUST_CHECK enum status setting_transform(const struct control *c, const struct setting *x,
                                         enum kql_stream_strictness strictness,
                                         transform_told *told, void *app, struct transform **out,
                                         struct err *err);

/* What a route answers. On failure (status 400 and more) code and err go into the error body. */
struct settings_reply {
    unsigned status;  /* 200, 201, 204, 400, 404, 409, 412, 413, 500, 503 */
    char code[48];    /* "SettingNotFound" */
    char etag[40];    /* with its quotes; "" if none */
    char *body;       /* malloc'd JSON, the caller frees it; NULL: none */
    size_t body_size; /* bytes */
    bool has_changed; /* build a new plan */
    struct err err;
    /* malloc'd JSON array of what is wrong with transformKql, for the error body's "details"; the
     * caller frees it; NULL: none */
    char *details;
};

/* {"@odata.context":"<base>/api/$metadata#DataExportSettings","value":[...]}; 'base' like
 * "https://host:7780". */
void settings_list(const struct control *c, const char *tenant, const char *base,
                   struct settings_reply *reply);
void settings_get(const struct control *c, const char *tenant, const char *id,
                  struct settings_reply *reply);

/* The columns that leave by transformKql, and what Azure Monitor's transformations would refuse:
 * {"value":[{"table","columns":[{"name","type"}],"warnings":[...]}]}. Only tables with a query. */
void settings_schema(const struct control *c, const char *tenant, const char *id,
                     struct settings_reply *reply);

struct settings_put {
    const char *tenant, *id; /* id decoded */
    struct span body;
    const char *if_match, *if_none_match; /* headers; NULL: not sent. "*" is understood */
    int64_t now;
};
/* 201 created, 200 replaced, 400, 409 too many settings, 412. Rights are the caller's to check
 * (ROLE_SECURITY_ADMINISTRATOR). */
void settings_put(const struct control *c, const struct settings_put *put,
                  struct settings_reply *reply);
/* Only penstock.enabled changes: 200 with the setting. */
void settings_enable(const struct control *c, const char *tenant, const char *id, bool is_enabled,
                     int64_t now, struct settings_reply *reply);
void settings_delete(const struct control *c, const char *tenant, const char *id,
                     const char *if_match, struct settings_reply *reply);
