/* setting.c - one data export setting: JSON to object and back. Checks stand in the order in which
 * a person would mend them. */
#include "control/config.h"
#include "control/heap.h"
#include "control/resource.h"
#include "control/settings.h"
#include "model/arm_id.h"
#include "wire/json.h"
#include <stdlib.h>
#include <strings.h>

struct reading {
    const struct control *c;
    struct setting *x;
    struct heap heap;
    bool is_stored;
    char *code;
    struct err *err;
};

#define FAIL(r, word, ...)                                                                         \
    (snprintf((r)->code, 48, "%s", word), err_set((r)->err, ST_INVALID, __VA_ARGS__))

static enum status
no_memory(struct reading *r)
{
    snprintf(r->code, 48, "OutOfMemory");
    return err_set(r->err, ST_FULL, "no memory for the setting");
}

/* Strings from a request may be long and odd: for errors they are cut and made printable. */
static const char *
quoted(const char *text, char out[72])
{
    size_t n = 0;

    for (; text[n] != '\0' && n < 64; n++)
        out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
    out[n] = '\0';
    return out;
}

static enum status
keys_check(struct reading *r, const json_t *object, const char *where, const char *const *names)
{
    const char *key;
    json_t *value;
    char text[72];

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;

        (void)value;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] == NULL && strncmp(key, "@odata.", 7) != 0) {
            const char *near = control_near(key, names);

            return FAIL(r, "UnknownProperty", "%s has no property '%s'%s%s%s", where,
                        quoted(key, text), near != NULL ? "; did you mean '" : "",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
        }
    }
    return ST_OK;
}

static enum status
text_take(struct reading *r, const json_t *object, const char *key, size_t size_max,
          const char **out)
{
    const json_t *value = json_object_get(object, key);

    *out = NULL;
    if (value == NULL || json_is_null(value))
        return ST_OK;
    if (!json_is_string(value))
        return FAIL(r, "InvalidRequest", "%s is not a string", key);
    if (json_string_length(value) > size_max)
        return FAIL(r, "InvalidRequest", "%s is longer than %zu bytes", key, size_max);
    *out = heap_text(&r->heap, span_of(json_string_value(value)));
    return *out != NULL ? ST_OK : no_memory(r);
}

static enum status
flag_take(struct reading *r, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return ST_OK;
    if (!json_is_boolean(value))
        return FAIL(r, "InvalidRequest", "penstock.%s is not true or false", key);
    *out = json_is_true(value);
    return ST_OK;
}

static bool
valid_utf8(const char *text)
{
    json_t *string = json_string(text); /* checks it */

    json_decref(string);
    return string != NULL;
}

static enum status
id_check(struct reading *r, const char *id)
{
    size_t size = strlen(id);

    if (size == 0 || size > SETTING_ID_SIZE_MAX)
        return FAIL(r, "InvalidName", "a setting's name has 1 to %d bytes", SETTING_ID_SIZE_MAX);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f || strchr("/\\?#%", id[i]) != NULL)
            return FAIL(r, "InvalidName",
                        "a setting's name may not hold control characters or any of / \\ ? # %%");
    if (id[0] == ' ' || id[size - 1] == ' ')
        return FAIL(r, "InvalidName", "a setting's name may not begin or end with a blank");
    if (strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return FAIL(r, "InvalidName", "a setting's name may not be . or ..");
    if (!valid_utf8(id))
        return FAIL(r, "InvalidName", "a setting's name is not UTF-8");
    return ST_OK;
}

/* Event Hubs: letters, digits, '.', '-', '_', a letter or digit at both ends, at most 256; Kafka
 * takes 249. */
static bool
hub_name_is(const char *name)
{
    size_t size = strlen(name);

    if (size == 0 || size > 249)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool is_edge = i == 0 || i + 1 == size;

        if (!is_letter && (is_edge || strchr(".-_", c) == NULL))
            return false;
    }
    return true;
}

static enum status
resource_id_take(struct reading *r, const json_t *object, const char *key, enum resource_type type)
{
    struct err why = {""};
    enum status st = text_take(r, object, key, ARM_ID_MAX, &r->x->resource_id);

    if (st != ST_OK)
        return st;
    if (r->x->resource_id == NULL || r->x->resource_id[0] == '\0')
        return FAIL(r, "InvalidResourceId", "%s is missing", key);
    if (r->is_stored)
        return ST_OK;
    struct resource found;

    if (resource_resolve(r->c->config, r->x->tenant, type, span_of(r->x->resource_id), &found,
                         &why) != ST_OK)
        return FAIL(r, "InvalidResourceId", "%s: %.260s", key, why.text);
    return ST_OK;
}

static enum status
hub_take(struct reading *r, const json_t *object)
{
    static const char *const names[] = {"name", "eventHubResourceId", NULL};
    struct setting *x = r->x;
    char text[72];
    enum status st = keys_check(r, object, "eventHubProperties", names);

    x->destination = SETTING_EVENT_HUB;
    if (st == ST_OK)
        st = resource_id_take(r, object, "eventHubResourceId", RESOURCE_HUBS);
    if (st == ST_OK)
        st = text_take(r, object, "name", 1000, &x->hub_name);
    if (st != ST_OK)
        return st;
    if (x->hub_name != NULL && x->hub_name[0] == '\0')
        x->hub_name = NULL;
    if (x->hub_name != NULL && !hub_name_is(x->hub_name))
        return FAIL(r, "InvalidEventHubName",
                    "'%s' is no event hub's name: 1 to 249 letters, digits, '.', '-' and '_', a "
                    "letter or digit first and last",
                    quoted(x->hub_name, text));
    return ST_OK;
}

static enum status
storage_take(struct reading *r, const json_t *object)
{
    static const char *const names[] = {"storageAccountResourceId", NULL};
    enum status st = keys_check(r, object, "storageAccountProperties", names);

    r->x->destination = SETTING_STORAGE;
    return st == ST_OK ? resource_id_take(r, object, "storageAccountResourceId", RESOURCE_STORAGE)
                       : st;
}

/* What stands beside the id repeats parts of it, and must agree with it. */
static enum status
workspace_take(struct reading *r, const json_t *object)
{
    static const char *const names[] = {"workspaceResourceId", "subscriptionId", "resourceGroup",
                                        "name", NULL};
    enum status st = keys_check(r, object, "workspaceProperties", names);
    struct arm_id id;
    struct err why;

    r->x->destination = SETTING_WORKSPACE;
    if (st == ST_OK)
        st = resource_id_take(r, object, "workspaceResourceId", RESOURCE_WORKSPACE);
    if (st != ST_OK || arm_id_parse(span_of(r->x->resource_id), &id, &why) != ST_OK)
        return st;
    const struct span parts[] = {id.subscription, id.resource_group, id.name};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const char *part = NULL;

        st = text_take(r, object, names[i + 1], ARM_ID_MAX, &part);
        if (st != ST_OK)
            return st;
        if (part != NULL &&
            (strlen(part) != parts[i].n || strncasecmp(part, parts[i].p, parts[i].n) != 0))
            return FAIL(r, "InvalidResourceId",
                        "workspaceProperties.%s is not what workspaceResourceId says",
                        names[i + 1]);
    }
    return ST_OK;
}

static enum status
destination_take(struct reading *r, const json_t *root)
{
    static const char *const keys[] = {"eventHubProperties", "storageAccountProperties",
                                       "workspaceProperties"};
    const json_t *chosen = NULL;
    size_t which = 0, count = 0;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const json_t *value = json_object_get(root, keys[i]);

        if (value == NULL || json_is_null(value))
            continue;
        if (!json_is_object(value))
            return FAIL(r, "InvalidDestination", "%s is neither an object nor null", keys[i]);
        chosen = value;
        which = i;
        count++;
    }
    if (count == 0)
        return FAIL(r, "InvalidDestination",
                    "no destination: set eventHubProperties, storageAccountProperties or "
                    "workspaceProperties");
    if (count > 1)
        return FAIL(r, "InvalidDestination",
                    "%zu destinations: exactly one may be set; make a "
                    "setting for each",
                    count);
    return which == 0   ? hub_take(r, chosen)
           : which == 1 ? storage_take(r, chosen)
                        : workspace_take(r, chosen);
}

/* ---- logs ---- */

static bool
category_is_known(const struct catalog *c, const char *category)
{
    const struct catalog_table *t = catalog_find_category(c, span_of(category));

    return catalog_has_category(c, span_of(category)) || (t != NULL && t->is_streamable);
}

static enum status
category_check(struct reading *r, const char *category)
{
    const struct catalog *catalog = r->c->catalog;
    const char *near;
    char text[72];

    if (category_is_known(catalog, category))
        return ST_OK;
    if (r->is_stored && catalog_name_is_safe(span_of(category), CATALOG_CATEGORY_MAX))
        return ST_OK;
    near = catalog_category_near(catalog, span_of(category));
    return FAIL(r, "InvalidCategory",
                "there is no event type '%s'%s%s%s; others can be added under catalog.tables of "
                "the configuration",
                quoted(category, text), near != NULL ? " (did you mean '" : "",
                near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static enum status
log_take(struct reading *r, const json_t *log, size_t index, const char **category,
         bool *is_enabled)
{
    static const char *const names[] = {"category", "enabled", NULL};
    const json_t *name = json_object_get(log, "category"), *flag = json_object_get(log, "enabled");
    enum status st;

    if (!json_is_object(log))
        return FAIL(r, "InvalidRequest", "logs[%zu] is not an object", index);
    st = keys_check(r, log, "an entry of logs", names);
    if (st != ST_OK)
        return st;
    if (!json_is_string(name) || json_string_length(name) == 0)
        return FAIL(r, "InvalidCategory", "logs[%zu] has no category", index);
    if (!json_is_boolean(flag))
        return FAIL(r, "InvalidRequest", "logs[%zu].enabled is not true or false", index);
    *category = json_string_value(name);
    *is_enabled = json_is_true(flag);
    return category_check(r, *category);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status
all_check(struct reading *r, const char *const *seen, const bool *enabled, size_t count)
{
    char text[72];

    for (size_t i = 0; i < count && r->x->all_categories; i++)
        if (!enabled[i])
            return FAIL(r, "InvalidRequest",
                        "penstock.allCategories is true, and %s is not enabled: change one of "
                        "the two",
                        quoted(seen[i], text));
    return ST_OK;
}

static enum status
logs_take(struct reading *r, const json_t *root)
{
    const json_t *logs = json_object_get(root, "logs");
    size_t count = json_array_size(logs), enabled_count = 0;
    const char **seen = heap_take(&r->heap, (count + 1) * sizeof *seen);
    const char **categories = heap_take(&r->heap, (count + 1) * sizeof *categories);
    bool *enabled = heap_take(&r->heap, count + 1);
    char text[72];
    enum status st = ST_OK;

    if (logs != NULL && !json_is_null(logs) && !json_is_array(logs))
        return FAIL(r, "InvalidRequest", "logs is not an array");
    if (count > SETTING_LOGS_MAX)
        return FAIL(r, "InvalidRequest", "logs has more than %d entries", SETTING_LOGS_MAX);
    if (seen == NULL || categories == NULL || enabled == NULL)
        return no_memory(r);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = log_take(r, json_array_get(logs, i), i, &seen[i], &enabled[i]);
        if (st == ST_OK && enabled[i]) {
            categories[enabled_count] = heap_text(&r->heap, span_of(seen[i]));
            if (categories[enabled_count++] == NULL)
                return no_memory(r);
        }
    }
    if (st == ST_OK)
        st = all_check(r, seen, enabled, count);
    if (st != ST_OK)
        return st;
    qsort(seen, count, sizeof *seen, by_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(seen[i - 1], seen[i]) == 0)
            return FAIL(r, "InvalidRequest", "logs has %s twice", quoted(seen[i], text));
    if (enabled_count == 0 && !r->x->all_categories)
        return FAIL(r, "NoCategoryEnabled",
                    "no event type is enabled in logs: enable at least one");
    qsort(categories, enabled_count, sizeof *categories, by_text);
    r->x->categories = r->x->all_categories ? NULL : categories;
    r->x->category_count = r->x->all_categories ? 0 : enabled_count;
    return ST_OK;
}

/* ---- our extension ---- */

static const char *const profiles[] = {"wire", "documented", "bare", NULL};
static const char *const group_modes[] = {"catalog", "always", NULL};
static const char *const lag_modes[] = {"block", "drop", NULL};

static enum status
choice_take(struct reading *r, const json_t *object, const char *key, const char *const *choices,
            unsigned *out)
{
    const json_t *value = json_object_get(object, key);
    char known[100] = "", text[72];
    size_t n = 0;

    if (value == NULL || json_is_null(value))
        return ST_OK;
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), choices[i]) == 0) {
            *out = i;
            return ST_OK;
        }
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", choices[i]);
    }
    return FAIL(r, "InvalidRequest", "penstock.%s: '%s' is not one of %s", key,
                json_is_string(value) ? quoted(json_string_value(value), text) : "that", known);
}

static const struct number_row {
    const char *name;
    size_t offset, size;
    int64_t min, max; /* besides 0 */
} numbers[] = {
    {"batchBytes",     offsetof(struct setting, batch_bytes),     4, 1024, 64 << 20              },
    {"batchRows",      offsetof(struct setting, batch_rows),      4, 1,    1000000               },
    {"lingerMs",       offsetof(struct setting, linger_ms),       4, 1,    3600000               },
    {"bytesPerSecond", offsetof(struct setting, bytes_per_s_max), 8, 1024, INT64_C(1000000000000)},
    {"rowsPerSecond",  offsetof(struct setting, rows_per_s_max),  8, 1,    INT64_C(1000000000)   },
};

static enum status
number_take(struct reading *r, const json_t *object, const struct number_row *row)
{
    const json_t *value = json_object_get(object, row->name);
    char *at = (char *)r->x + row->offset;
    json_int_t n;

    if (value == NULL || json_is_null(value))
        return ST_OK;
    n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || (n > 0 && n < row->min) || n > row->max)
        return FAIL(r, "InvalidRequest",
                    "penstock.%s is a whole number from %lld to %lld, or 0 for the default",
                    row->name, (long long)row->min, (long long)row->max);
    if (row->size == 4)
        *(uint32_t *)(void *)at = (uint32_t)n;
    else
        *(uint64_t *)(void *)at = (uint64_t)n;
    return ST_OK;
}

static enum status
transform_take(struct reading *r, const char *table, const json_t *value,
               struct transform_query *out)
{
    char text[72];

    if (!json_is_string(value))
        return FAIL(r, "InvalidTransform",
                    "penstock.transformKql%s%s is not a string: give a query, or one for each "
                    "table as {\"DeviceInfo\":\"source | ...\"}",
                    table != NULL ? "." : "", table != NULL ? quoted(table, text) : "");
    if (json_string_length(value) > TRANSFORM_TEXT_MAX ||
        strlen(json_string_value(value)) != json_string_length(value))
        return FAIL(r, "InvalidTransform",
                    "penstock.transformKql: a query has at most 64 KiB, and no NUL");
    *out = (struct transform_query){.table =
                                        table == NULL ? NULL : heap_text(&r->heap, span_of(table)),
                                    .kql = heap_text(&r->heap, span_of(json_string_value(value)))};
    return out->kql == NULL || (table != NULL && out->table == NULL) ? no_memory(r) : ST_OK;
}

/* A text for all tables, or an object by table. */
static enum status
transforms_take(struct reading *r, const json_t *value)
{
    size_t count = json_is_object(value) ? json_object_size(value) : 1;
    struct transform_query *queries;
    enum status st = ST_OK;
    const char *table;
    json_t *kql;

    if (value == NULL || json_is_null(value))
        return ST_OK;
    if (count > SETTING_TRANSFORMS_MAX)
        return FAIL(r, "InvalidTransform", "penstock.transformKql: more than %d queries",
                    SETTING_TRANSFORMS_MAX);
    queries = heap_take(&r->heap, count * sizeof *queries + 1);
    if (queries == NULL)
        return no_memory(r);
    r->x->transforms = queries;
    if (!json_is_object(value)) {
        r->x->transform_count = 1;
        return transform_take(r, NULL, value, queries);
    }
    json_object_foreach((json_t *)(uintptr_t)value, table, kql)
    {
        if (st == ST_OK)
            st = transform_take(r, table, kql, &queries[r->x->transform_count++]);
    }
    return st;
}

static enum status
extension_take(struct reading *r, const json_t *root)
{
    static const char *const names[] = {
        "enabled",       "profile",   "machineGroup",     "allCategories",
        "batchBytes",    "batchRows", "lingerMs",         "bytesPerSecond",
        "rowsPerSecond", "onLag",     "connectionString", "hasConnectionString",
        "transformKql",  NULL};
    const json_t *object = json_object_get(root, "penstock");
    struct setting *x = r->x;
    unsigned profile = 0, mode = 0, lag = 0;
    enum status st;

    x->is_enabled = true;
    if (object == NULL || json_is_null(object))
        return ST_OK;
    if (!json_is_object(object))
        return FAIL(r, "InvalidRequest", "penstock is neither an object nor null");
    st = keys_check(r, object, "penstock", names);
    if (st == ST_OK)
        st = flag_take(r, object, "enabled", &x->is_enabled);
    if (st == ST_OK)
        st = flag_take(r, object, "allCategories", &x->all_categories);
    if (st == ST_OK)
        st = choice_take(r, object, "profile", profiles, &profile);
    if (st == ST_OK)
        st = choice_take(r, object, "machineGroup", group_modes, &mode);
    if (st == ST_OK)
        st = choice_take(r, object, "onLag", lag_modes, &lag);
    if (st == ST_OK)
        st = text_take(r, object, "connectionString", 4096, &x->connection_string);
    if (st == ST_OK)
        st = transforms_take(r, json_object_get(object, "transformKql"));
    for (size_t i = 0; i < COUNT_OF(numbers) && st == ST_OK; i++)
        st = number_take(r, object, &numbers[i]);
    x->profile = (enum profile)profile;
    x->group_mode = (enum group_mode)mode;
    x->drops_when_full = lag == 1;
    return st;
}

/* ---- together ---- */

/* With an empty name there is a hub for each event type, and a namespace below Premium holds ten
 * (section 1.1). */
static enum status
hubs_check(struct reading *r)
{
    const struct setting *x = r->x;
    struct resource found;
    struct err why;

    if (r->is_stored || x->destination != SETTING_EVENT_HUB || x->hub_name != NULL)
        return ST_OK;
    if (resource_resolve(r->c->config, x->tenant, RESOURCE_HUBS, span_of(x->resource_id), &found,
                         &why) != ST_OK ||
        found.many_hubs)
        return ST_OK;
    if (!x->all_categories && x->category_count <= SETTING_HUBS_MAX)
        return ST_OK;
    return FAIL(r, "TooManyEventHubs",
                "eventHubProperties.name is empty, so each event type gets a hub, and a namespace "
                "holds %d: enable fewer, name one hub, or set manyHubs for the resource in the "
                "configuration if it is Premium or Dedicated",
                SETTING_HUBS_MAX);
}

static enum status
root_take(struct reading *r, const json_t *root, const char *id)
{
    static const char *const names[] = {"id",
                                        "designatedTenantId",
                                        "eventHubProperties",
                                        "storageAccountProperties",
                                        "workspaceProperties",
                                        "logs",
                                        "penstock",
                                        NULL};
    struct setting *x = r->x;
    const char *own_id, *designated;
    char guid[37];
    enum status st;

    if (!json_is_object(root))
        return FAIL(r, "InvalidRequest", "the body is not a JSON object");
    st = keys_check(r, root, "a setting", names);
    if (st == ST_OK)
        st = text_take(r, root, "id", 1000, &own_id);
    if (st != ST_OK)
        return st;
    if (own_id != NULL && strcmp(own_id, id) != 0)
        return FAIL(r, "InvalidName", "the id in the body is not the one in the path");
    st = text_take(r, root, "designatedTenantId", 100, &designated);
    if (st == ST_OK && designated != NULL) {
        if (!guid_copy(span_of(designated), guid))
            return FAIL(r, "InvalidRequest", "designatedTenantId is neither a GUID nor null");
        x->designated_tenant = heap_text(&r->heap, span_of(guid));
        if (x->designated_tenant == NULL)
            return no_memory(r);
    }
    if (st == ST_OK)
        st = extension_take(r, root);
    if (st == ST_OK)
        st = destination_take(r, root);
    if (st == ST_OK)
        st = logs_take(r, root);
    if (st == ST_OK)
        st = hubs_check(r);
    return st;
}

enum status
setting_read(const struct control *c, const char *tenant, const char *id, struct span json,
             bool is_stored, struct setting *out, char code[48], struct err *err)
{
    struct reading r = {.c = c, .x = out, .is_stored = is_stored, .code = code, .err = err};
    json_error_t why;
    json_t *root = NULL;
    enum status st;

    *out = (struct setting){0};
    code[0] = '\0';
    if (json.n > SETTING_BODY_SIZE_MAX)
        return FAIL(&r, "RequestTooLarge", "the body is larger than 1 MiB");
    st = id_check(&r, id);
    if (st != ST_OK)
        return st;
    out->tenant = heap_text(&r.heap, span_of(tenant));
    out->id = heap_text(&r.heap, span_of(id));
    if (out->tenant == NULL || out->id == NULL) {
        st = no_memory(&r);
        goto done;
    }
    root = json_loadb(json.n > 0 ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        /* jansson's text ends in what stood there: that may be a secret */
        char *near = strstr(why.text, " near ");

        if (near != NULL)
            *near = '\0';
        st = FAIL(&r, "InvalidRequest", "the body is not JSON: line %d, column %d: %.100s",
                  why.line, why.column, why.text);
        goto done;
    }
    st = root_take(&r, root, id);
done:
    json_decref(root);
    out->memory = r.heap.blocks;
    if (st != ST_OK)
        setting_free(out);
    return st;
}

void
setting_free(struct setting *x)
{
    struct heap heap = {x->memory};

    heap_free(&heap);
    *x = (struct setting){0};
}

/* ---- writing ---- */

static bool
is_enabled(const struct setting *x, const char *category)
{
    return x->all_categories ||
           (x->category_count > 0 && bsearch(&category, x->categories, x->category_count,
                                             sizeof *x->categories, by_text) != NULL);
}

static json_t *
log_make(const char *category, bool enabled)
{
    json_t *log = json_object();

    json_object_set_new(log, "category", json_string(category));
    json_object_set_new(log, "enabled", json_boolean(enabled));
    return log;
}

/* In the catalog's order; what is enabled but no longer known stands behind. */
static json_t *
logs_make(const struct catalog *c, const struct setting *x)
{
    json_t *logs = json_array();

    for (size_t i = 0; i < c->category_count; i++)
        json_array_append_new(logs, log_make(c->categories[i], is_enabled(x, c->categories[i])));
    for (size_t i = 0; i < x->category_count; i++)
        if (!catalog_has_category(c, span_of(x->categories[i])))
            json_array_append_new(logs, log_make(x->categories[i], true));
    return logs;
}

static json_t *
transforms_make(const struct setting *x)
{
    json_t *object;

    if (x->transforms[0].table == NULL)
        return json_string(x->transforms[0].kql);
    object = json_object();
    for (size_t i = 0; i < x->transform_count; i++)
        json_object_set_new(object, x->transforms[i].table, json_string(x->transforms[i].kql));
    return object;
}

static json_t *
extension_make(const struct setting *x, bool has_secret)
{
    json_t *object = json_object();

    if (!x->is_enabled)
        json_object_set_new(object, "enabled", json_false());
    if (x->profile != PROFILE_WIRE)
        json_object_set_new(object, "profile", json_string(profiles[x->profile]));
    if (x->group_mode != GROUP_BY_CATALOG)
        json_object_set_new(object, "machineGroup", json_string(group_modes[x->group_mode]));
    if (x->all_categories)
        json_object_set_new(object, "allCategories", json_true());
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const char *at = (const char *)x + numbers[i].offset;
        uint64_t n = numbers[i].size == 4 ? *(const uint32_t *)(const void *)at
                                          : *(const uint64_t *)(const void *)at;

        if (n > 0)
            json_object_set_new(object, numbers[i].name, json_integer((json_int_t)n));
    }
    if (x->drops_when_full)
        json_object_set_new(object, "onLag", json_string("drop"));
    if (x->transform_count > 0)
        json_object_set_new(object, "transformKql", transforms_make(x));
    if (has_secret)
        json_object_set_new(object, "hasConnectionString", json_true());
    return object;
}

static json_t *
optional(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static const struct destination_row {
    const char *properties, *id;
} destination_rows[] = {
    [SETTING_EVENT_HUB] = {"eventHubProperties",       "eventHubResourceId"      },
    [SETTING_STORAGE] = {"storageAccountProperties", "storageAccountResourceId"},
    [SETTING_WORKSPACE] = {"workspaceProperties",      "workspaceResourceId"     },
};

static json_t *
target_make(const struct setting *x)
{
    json_t *target = json_object();
    struct arm_id id;
    struct err ignored;

    if (x->destination == SETTING_EVENT_HUB)
        json_object_set_new(target, "name", optional(x->hub_name));
    json_object_set_new(target, destination_rows[x->destination].id, json_string(x->resource_id));
    if (x->destination == SETTING_WORKSPACE &&
        arm_id_parse(span_of(x->resource_id), &id, &ignored) == ST_OK) {
        json_object_set_new(target, "subscriptionId",
                            json_stringn(id.subscription.p, id.subscription.n));
        json_object_set_new(target, "resourceGroup",
                            json_stringn(id.resource_group.p, id.resource_group.n));
        json_object_set_new(target, "name", json_stringn(id.name.p, id.name.n));
    }
    return target;
}

static json_t *
setting_tree(const struct control *c, const struct setting *x, bool has_secret)
{
    json_t *root = json_object(), *extension;

    json_object_set_new(root, "id", json_string(x->id));
    json_object_set_new(root, "designatedTenantId", optional(x->designated_tenant));
    for (size_t i = 0; i < COUNT_OF(destination_rows); i++)
        json_object_set_new(root, destination_rows[i].properties,
                            i == (size_t)x->destination ? target_make(x) : json_null());
    json_object_set_new(root, "logs", logs_make(c->catalog, x));
    extension = extension_make(x, has_secret);
    if (json_object_size(extension) > 0)
        json_object_set_new(root, "penstock", extension);
    else
        json_decref(extension);
    return root;
}

char *
setting_write(const struct control *c, const struct setting *x, bool has_secret, size_t *size)
{
    json_t *root = setting_tree(c, x, has_secret);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    *size = text != NULL ? strlen(text) : 0;
    return text;
}

enum status
setting_resolve(const struct control *c, const struct setting *x, struct resource *r,
                struct err *err)
{
    static const enum resource_type types[] = {
        [SETTING_EVENT_HUB] = RESOURCE_HUBS,
        [SETTING_STORAGE] = RESOURCE_STORAGE,
        [SETTING_WORKSPACE] = RESOURCE_WORKSPACE,
    };
    enum status st = resource_resolve(c->config, x->tenant, types[x->destination],
                                      span_of(x->resource_id), r, err);

    return st == ST_OK ? resource_as_tables(r, c->kinds, err) : st;
}
