/* config_lists.c - the lists of the configuration: tenants, resources, device groups, tables and
 * sources. */
#include "base/file.h"
#include "control/config_keys.h"
#include "control/resource.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

enum { VALUES_MAX = 24 /* settings of one sink or source */, PATH_SIZE = 200 };

/* One entry of a list while it is read. */
struct entry {
    struct config_reader *r;
    const json_t *object;
    char path[PATH_SIZE]; /* "resources[2]" */
};

static enum status
entry_open(struct config_reader *r, const json_t *list, size_t index, const char *name,
           struct entry *e)
{
    const char *names[16];
    size_t n = 0;

    *e = (struct entry){.r = r, .object = json_array_get(list, index)};
    snprintf(e->path, sizeof e->path, "%s[%zu]", name, index);
    if (!json_is_object(e->object))
        return config_fault(r, list, NULL, index, e->path, "keys and their values are wanted here");
    for (const struct item_row *row = config_items; row->name != NULL; row++) {
        size_t size = strlen(row->list) - 2; /* without "[]" */

        if (strlen(name) == size && strncmp(row->list, name, size) == 0)
            names[n++] = row->name;
    }
    names[n] = NULL;
    return config_unknown(r, e->object, e->path, names);
}

/* err: at the member, or at the entry where the member is missing. */
PRINTF_LIKE(3, 4)
static enum status
entry_fault(const struct entry *e, const char *key, const char *format, ...)
{
    char path[PATH_SIZE + 80], text[320];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%s.%s", e->path, key);
    return config_fault(e->r, e->object, key, 0, path, "%s", text);
}

/* *text lends from the tree; NULL if absent. */
static enum status
text_get(const struct entry *e, const char *key, bool is_required, size_t size_max,
         const char **text)
{
    const json_t *value = json_object_get(e->object, key);

    *text = NULL;
    if (value == NULL || json_is_null(value)) {
        if (!is_required)
            return ST_OK;
        return config_fault(e->r, NULL, NULL, 0, e->path, "'%s' is missing", key);
    }
    if (!json_is_string(value) || json_string_length(value) == 0)
        return entry_fault(e, key, "a text is wanted here; quote it if it looks like a number");
    if (json_string_length(value) > size_max)
        return entry_fault(e, key, "longer than %zu bytes", size_max);
    *text = json_string_value(value);
    return ST_OK;
}

static enum status
text_copy(const struct entry *e, const char *key, bool is_required, size_t size_max,
          const char **text)
{
    const char *lent;
    enum status st = text_get(e, key, is_required, size_max, &lent);

    *text = NULL;
    if (st != ST_OK || lent == NULL)
        return st;
    *text = heap_text(&e->r->whole->heap, span_of(lent));
    return *text != NULL ? ST_OK : config_no_memory(e->r);
}

static enum status
flag_get(const struct entry *e, const char *key, bool *flag)
{
    const json_t *value = json_object_get(e->object, key);

    if (value == NULL)
        return ST_OK;
    if (!json_is_boolean(value))
        return entry_fault(e, key, "true or false is wanted here");
    *flag = json_is_true(value);
    return ST_OK;
}

static bool
tenant_is_listed(const struct config *c, const char *id)
{
    for (size_t i = 0; i < c->tenant_count; i++)
        if (strcmp(c->tenants[i].id, id) == 0)
            return true;
    return c->tenant_count == 0; /* the one made at first start: nobody knows its id yet */
}

static enum status
tenant_get(const struct entry *e, const char *key, bool is_required, char out[37])
{
    const char *text;
    enum status st = text_get(e, key, is_required, 100, &text);

    out[0] = '\0';
    if (st != ST_OK || text == NULL)
        return st;
    if (!guid_copy(span_of(text), out))
        return entry_fault(e, key, "'%.60s' is no GUID like 01234567-89ab-cdef-0123-456789abcdef",
                           text);
    if (strcmp(key, "id") != 0 && !tenant_is_listed(&e->r->whole->c, out))
        return entry_fault(e, key, "the tenant %s is not in 'tenants'", out);
    return ST_OK;
}

/* Room for a list's entries in the heap. */
static enum status
room_make(struct config_reader *r, const char *name, size_t count, size_t count_max, size_t size,
          void **items)
{
    if (count > count_max)
        return err_set(r->err, ST_INVALID, "%s: %s: more than %zu", r->origin, name, count_max);
    *items = heap_take(&r->whole->heap, count * size + 1);
    return *items != NULL ? ST_OK : config_no_memory(r);
}

static bool
subscription_is_listed(const struct config_tenant *tenants, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tenants[i].id, id) == 0)
            return true;
        for (size_t k = 0; k < tenants[i].subscription_count; k++)
            if (strcmp(tenants[i].subscriptions[k], id) == 0)
                return true;
    }
    return false;
}

/* 'tenants[index]' is the one being read. */
static enum status
tenant_subscriptions(const struct entry *e, struct config_tenant *tenants, size_t index)
{
    const json_t *list = json_object_get(e->object, "subscriptions");
    size_t count = json_array_size(list);
    const char **ids;

    if (list == NULL)
        return ST_OK;
    if (!json_is_array(list) || count == 0 || count > CONFIG_SUBSCRIPTIONS_MAX)
        return entry_fault(e, "subscriptions", "a list of 1 to %d GUIDs is wanted here",
                           CONFIG_SUBSCRIPTIONS_MAX);
    ids = heap_take(&e->r->whole->heap, count * sizeof *ids);
    if (ids == NULL)
        return config_no_memory(e->r);
    tenants[index].subscriptions = ids;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        char id[37];

        if (text == NULL || !guid_copy(span_of(text), id))
            return entry_fault(e, "subscriptions", "'%.60s' is no GUID", text != NULL ? text : "");
        if (subscription_is_listed(tenants, index + 1, id))
            return entry_fault(e, "subscriptions", "the subscription %s is here twice", id);
        ids[i] = heap_text(&e->r->whole->heap, span_of(id));
        if (ids[i] == NULL)
            return config_no_memory(e->r);
        tenants[index].subscription_count++;
    }
    return ST_OK;
}

enum status
config_read_tenants(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct config_tenant *items;
    struct entry e;
    enum status st =
        room_make(r, "tenants", count, CONFIG_TENANTS_MAX, sizeof *items, (void **)&items);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = entry_open(r, list, i, "tenants", &e);
        if (st == ST_OK)
            st = tenant_get(&e, "id", true, items[i].id);
        if (st == ST_OK)
            st = text_copy(&e, "name", false, 200, &items[i].name);
        if (st == ST_OK && items[i].name == NULL)
            items[i].name = items[i].id;
        for (size_t k = 0; k < i && st == ST_OK; k++)
            if (strcmp(items[k].id, items[i].id) == 0)
                st = entry_fault(&e, "id", "the tenant %s is here twice", items[i].id);
        if (st == ST_OK && subscription_is_listed(items, i, items[i].id))
            st = entry_fault(&e, "id", "%s is a subscription of another tenant above", items[i].id);
        if (st == ST_OK)
            st = tenant_subscriptions(&e, items, i);
    }
    if (st == ST_OK) {
        c->tenants = items;
        c->tenant_count = count;
    }
    return st;
}

/* ---- settings of a kind ---- */

static const struct control_setting *
setting_find(const struct control_kind *kind, const char *name)
{
    for (const struct control_setting *s = kind->settings; s != NULL && s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static enum status
secret_read(const struct entry *e, const char *name, const json_t *object, const char **value)
{
    const char *file = json_string_value(json_object_get(object, "file"));
    const char *variable = json_string_value(json_object_get(object, "env"));
    struct heap *heap = &e->r->whole->heap;
    char *text = NULL, *path;
    struct err why = {""};
    size_t size = 0;
    enum status st;

    if (json_object_size(object) != 1 || (file == NULL && variable == NULL))
        return entry_fault(e, "settings", "%s: a value, {file: PATH} or {env: NAME} is wanted",
                           name);
    if (variable != NULL) {
        const char *found = getenv(variable);

        if (found == NULL || found[0] == '\0')
            return entry_fault(e, "settings", "%s: the environment has no %.60s", name, variable);
        *value = heap_text(heap, span_of(found));
        return *value != NULL ? ST_OK : config_no_memory(e->r);
    }
    path = config_path(e->r, file);
    if (path == NULL)
        return config_no_memory(e->r);
    st = file_read(path, CONFIG_SECRET_SIZE_MAX, &text, &size, &why);
    if (st != ST_OK)
        return entry_fault(e, "settings", "%s: %.200s", name, why.text);
    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (size == 0 || memchr(text, '\0', size) != NULL)
        st = entry_fault(e, "settings", "%s: %.100s is empty or no text", name, path);
    else if ((*value = heap_text(heap, (struct span){text, size})) == NULL)
        st = config_no_memory(e->r);
    explicit_bzero(text, size);
    free(text);
    return st;
}

/* A setting that names a PEM file. */
static enum status
file_value(const struct entry *e, const char *name, const json_t *value, const char **text)
{
    struct err why;

    if (!json_is_string(value) || json_string_length(value) == 0)
        return entry_fault(e, "settings", "%s: a file's path is wanted", name);
    *text = config_path(e->r, json_string_value(value));
    if (*text == NULL)
        return config_no_memory(e->r);
    return config_pem_check(*text, &why) == ST_OK
               ? ST_OK
               : entry_fault(e, "settings", "%s: %.240s", name, why.text);
}

static enum status
setting_value(const struct entry *e, const char *name, const json_t *value, bool is_secret,
              const char **text)
{
    struct heap *heap = &e->r->whole->heap;

    if (json_is_object(value))
        return secret_read(e, name, value, text);
    if (json_is_string(value)) {
        if (json_string_length(value) > CONFIG_SECRET_SIZE_MAX)
            return entry_fault(e, "settings", "%s: longer than %d bytes", name,
                               CONFIG_SECRET_SIZE_MAX);
        *text = heap_text(heap, span_of(json_string_value(value)));
        e->r->whole->c.has_inline_secrets |= is_secret;
    } else if (json_is_integer(value)) {
        *text = heap_format(heap, "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        *text = json_is_true(value) ? "true" : "false";
    } else {
        return entry_fault(e, "settings", "%s: a single value is wanted", name);
    }
    return *text != NULL ? ST_OK : config_no_memory(e->r);
}

static enum status
unknown_setting(const struct entry *e, const struct control_kind *kind, const char *name)
{
    const char *names[65], *near;
    size_t n = 0;

    for (const struct control_setting *s = kind->settings;
         s != NULL && s->name != NULL && n + 1 < COUNT_OF(names); s++)
        names[n++] = s->name;
    names[n] = NULL;
    near = control_near(name, names);
    return entry_fault(e, "settings", "kind %s has no setting '%.60s'%s%s%s", kind->name, name,
                       near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                       near != NULL ? "'?" : "");
}

/* Reads "settings" into the heap. 'kind' NULL: any names. */
static enum status
settings_read(const struct entry *e, const struct control_kind *kind,
              struct plan_setting values[VALUES_MAX], size_t *count)
{
    const json_t *object = json_object_get(e->object, "settings");
    const char *name;
    json_t *value;
    enum status st = ST_OK;

    *count = 0;
    if (object == NULL || json_is_null(object))
        return ST_OK;
    if (!json_is_object(object))
        return entry_fault(e, "settings", "names and values are wanted here");
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct control_setting *s = kind != NULL ? setting_find(kind, name) : NULL;
        const char *text = NULL;

        if (st != ST_OK)
            break;
        if (kind != NULL && s == NULL)
            return unknown_setting(e, kind, name);
        if (*count == VALUES_MAX)
            return entry_fault(e, "settings", "more than %d", VALUES_MAX);
        if (s != NULL && s->is_file)
            st = file_value(e, name, value, &text);
        else
            st = setting_value(e, name, value, s != NULL && s->is_secret, &text);
        values[*count].name = heap_text(&e->r->whole->heap, span_of(name));
        values[(*count)++].value = text;
        if (st == ST_OK && values[*count - 1].name == NULL)
            st = config_no_memory(e->r);
    }
    return st;
}

/* What is required is there, and all of it together pleases the kind. */
static enum status
settings_check(const struct entry *e, const struct control_kind *kind,
               enum status (*check)(void *app, const char *kind, const struct plan_setting *values,
                                    size_t count, struct err *err),
               const struct plan_setting *values, size_t count)
{
    struct err why = {""};

    for (const struct control_setting *s = kind->settings; s != NULL && s->name != NULL; s++)
        if (!s->is_optional && s->default_value == NULL &&
            resource_value(values, count, s->name) == NULL)
            return entry_fault(e, "settings", "kind %s needs '%s': %s", kind->name, s->name,
                               s->help);
    if (check != NULL && check(e->r->kinds->app, kind->name, values, count, &why) != ST_OK)
        return entry_fault(e, "settings", "%.240s", why.text);
    return ST_OK;
}

static enum status
unknown_kind(const struct entry *e, const char *name, const struct control_kind *kinds,
             size_t count)
{
    char known[200] = "";
    size_t n = 0;

    for (size_t i = 0; i < count && n < sizeof known; i++)
        n +=
            (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", kinds[i].name);
    return entry_fault(e, "kind", "there is no kind '%.60s'; known: %s", name, known);
}

/* ---- resources ---- */

/* What the id says of itself where the entry does not say otherwise: where one is told where the
 * destination is, nothing is added that could lead elsewhere. */
static enum status
defaults_add(const struct entry *e, const struct resource *found,
             struct plan_setting values[VALUES_MAX], size_t *count)
{
    static const char *const places[] = {"endpoint", "brokers", "connection_string", "path"};

    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (resource_value(values, *count, places[i]) != NULL)
            return ST_OK;
    for (size_t i = 0; i < found->setting_count && *count < VALUES_MAX; i++) {
        const struct plan_setting *s = &found->settings[i];
        char *value;

        if (resource_value(values, *count, s->name) != NULL)
            continue;
        value = heap_text(&e->r->whole->heap, span_of(s->value));
        if (value == NULL)
            return config_no_memory(e->r);
        values[(*count)++] = (struct plan_setting){s->name, value};
    }
    return ST_OK;
}

static enum status
values_keep(struct config_reader *r, const struct plan_setting values[VALUES_MAX], size_t count,
            const struct plan_setting **out)
{
    struct plan_setting *copy = heap_take(&r->whole->heap, count * sizeof *copy + 1);

    if (copy == NULL)
        return config_no_memory(r);
    if (count > 0)
        memcpy(copy, values, count * sizeof *copy);
    *out = copy;
    return ST_OK;
}

static enum status
resource_tenants(const struct entry *e, struct config_resource *item)
{
    const json_t *list = json_object_get(e->object, "tenants");
    size_t count = json_array_size(list);
    const char **ids;

    if (list == NULL)
        return ST_OK;
    if (!json_is_array(list) || count == 0)
        return entry_fault(e, "tenants", "a list of GUIDs is wanted here");
    ids = heap_take(&e->r->whole->heap, count * sizeof *ids);
    if (ids == NULL)
        return config_no_memory(e->r);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        char id[37];

        if (text == NULL || !guid_copy(span_of(text), id))
            return entry_fault(e, "tenants", "'%.60s' is no GUID", text != NULL ? text : "");
        if (!tenant_is_listed(&e->r->whole->c, id))
            return entry_fault(e, "tenants", "the tenant %s is not in 'tenants'", id);
        ids[i] = heap_text(&e->r->whole->heap, span_of(id));
        if (ids[i] == NULL)
            return config_no_memory(e->r);
    }
    item->tenants = ids;
    item->tenant_count = count;
    return ST_OK;
}

static enum status
resource_solutions(const struct entry *e, struct config_resource *item)
{
    const json_t *list = json_object_get(e->object, "solutions");
    size_t count = json_array_size(list);
    const char **names;

    if (list == NULL)
        return ST_OK;
    if (!json_is_array(list) || count == 0 || count > 100)
        return entry_fault(e, "solutions", "a list of names is wanted here");
    names = heap_take(&e->r->whole->heap, count * sizeof *names);
    if (names == NULL)
        return config_no_memory(e->r);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || text[0] == '\0')
            return entry_fault(e, "solutions", "a list of names is wanted here");
        names[i] = heap_text(&e->r->whole->heap, span_of(text));
        if (names[i] == NULL)
            return config_no_memory(e->r);
    }
    item->solutions = names;
    item->solution_count = count;
    return ST_OK;
}

static enum status
resource_read(const struct entry *e, struct config_resource *item)
{
    struct config_reader *r = e->r;
    const struct control_kinds *kinds = r->kinds;
    const struct control_kind *kind = NULL;
    struct plan_setting values[VALUES_MAX];
    struct resource found;
    struct err why = {""};
    size_t count = 0;
    const char *name;
    enum status st = text_copy(e, "id", true, ARM_ID_MAX, &item->id);
    bool has_default;

    if (st == ST_OK)
        st = text_copy(e, "kind", false, 60, &item->kind);
    if (st == ST_OK)
        st = flag_get(e, "manyHubs", &item->many_hubs);
    if (st == ST_OK)
        st = resource_tenants(e, item);
    if (st == ST_OK)
        st = resource_solutions(e, item);
    if (st != ST_OK)
        return st;
    has_default = resource_default(r->whole->c.data, span_of(item->id), &found, &why) == ST_OK;
    if (has_default && kinds != NULL &&
        (item->kind == NULL || strcmp(item->kind, "workspace") == 0) &&
        resource_as_tables(&found, kinds, &why) != ST_OK)
        return entry_fault(e, "id", "%.240s", why.text);
    if (!has_default && item->kind == NULL)
        return entry_fault(e, "id", "%.240s", why.text);
    struct arm_id id;

    if (arm_id_parse(span_of(item->id), &id, &why) != ST_OK)
        return entry_fault(e, "id", "%.240s", why.text);
    if (id.child_type.n > 0)
        return entry_fault(e, "id",
                           "the id of the namespace or account itself is wanted, not of "
                           "a part of it");
    if (item->kind == NULL)
        item->kind = found.kind;
    name = item->kind;
    if (kinds != NULL && (kind = control_sink_find(kinds, name)) == NULL)
        return unknown_kind(e, name, kinds->sinks, kinds->sink_count);
    st = settings_read(e, kind, values, &count);
    if (st == ST_OK && has_default && strcmp(found.kind, name) == 0)
        st = defaults_add(e, &found, values, &count);
    if (st == ST_OK && kind != NULL)
        st = settings_check(e, kind, strcmp(name, "hub") == 0 ? NULL : kinds->check_sink, values,
                            count);
    if (st != ST_OK)
        return st;
    item->setting_count = count;
    return values_keep(r, values, count, &item->settings);
}

static int
by_id(const void *a, const void *b)
{
    return strcasecmp(((const struct config_resource *)a)->id,
                      ((const struct config_resource *)b)->id);
}

enum status
config_read_resources(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct config_resource *items;
    struct entry e;
    enum status st =
        room_make(r, "resources", count, CONFIG_RESOURCES_MAX, sizeof *items, (void **)&items);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = entry_open(r, list, i, "resources", &e);
        if (st == ST_OK)
            st = resource_read(&e, &items[i]);
    }
    if (st != ST_OK)
        return st;
    if (count > 0)
        qsort(items, count, sizeof *items, by_id);
    for (size_t i = 1; i < count; i++)
        if (arm_id_equal(span_of(items[i - 1].id), span_of(items[i].id)))
            return config_fault(r, NULL, NULL, 0, "resources", "the id %.160s is here twice",
                                items[i].id);
    c->resources = items;
    c->resource_count = count;
    return ST_OK;
}

/* ---- device groups ---- */

enum status
config_read_groups(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct config_groups *items;
    struct entry e;
    enum status st =
        room_make(r, "deviceGroups", count, CONFIG_TENANTS_MAX, sizeof *items, (void **)&items);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = entry_open(r, list, i, "deviceGroups", &e);
        if (st == ST_OK)
            st = tenant_get(&e, "tenant", true, items[i].tenant);
        if (st != ST_OK)
            return st;
        const json_t *groups = json_object_get(e.object, "groups");
        struct err why = {""};

        if (!json_is_array(groups))
            return entry_fault(&e, "groups", "a list of groups is wanted here");
        for (size_t k = 0; k < i; k++)
            if (strcmp(items[k].tenant, items[i].tenant) == 0)
                return entry_fault(&e, "tenant", "the tenant is here twice");
        char *text = json_dumps(groups, JSON_COMPACT);

        items[i].json = text == NULL ? NULL : heap_text(&r->whole->heap, span_of(text));
        free(text);
        if (items[i].json == NULL)
            return config_no_memory(r);
        if (r->kinds != NULL && r->kinds->check_groups != NULL &&
            r->kinds->check_groups(r->kinds->app, span_of(items[i].json), &why) != ST_OK)
            return entry_fault(&e, "groups", "%.240s", why.text);
    }
    if (st == ST_OK) {
        c->groups = items;
        c->group_count = count;
    }
    return st;
}

/* ---- tables ---- */

static enum status
columns_read(const struct entry *e, struct catalog_table *t)
{
    const json_t *object = json_object_get(e->object, "columns");
    size_t count = json_object_size(object), n = 0;
    struct catalog_column *columns;
    const char *name;
    json_t *type;

    if (object == NULL)
        return ST_OK;
    if (!json_is_object(object))
        return entry_fault(e, "columns", "names and types are wanted here, as in 'Score: real'");
    if (count > CONFIG_COLUMNS_MAX)
        return entry_fault(e, "columns", "more than %d", CONFIG_COLUMNS_MAX);
    columns = heap_take(&e->r->whole->heap, count * sizeof *columns + 1);
    if (columns == NULL)
        return config_no_memory(e->r);
    json_object_foreach((json_t *)(uintptr_t)object, name, type)
    {
        const char *text = json_string_value(type);

        columns[n].name = heap_text(&e->r->whole->heap, span_of(name));
        columns[n].origin = "configuration";
        if (columns[n].name == NULL)
            return config_no_memory(e->r);
        if (text == NULL || !column_type_read(span_of(text), &columns[n].type))
            return entry_fault(e, "columns",
                               "%.60s: '%.40s' is no type; string, datetime, int, long, real, "
                               "bool, dynamic, guid, timespan or decimal",
                               name, text != NULL ? text : "");
        n++;
    }
    t->columns = columns;
    t->column_count = count;
    return ST_OK;
}

static enum status
group_read(const struct entry *e, struct catalog_table *t)
{
    static const enum machine_group modes[] = {GROUP_NONE, GROUP_DECORATED, GROUP_COLUMN};
    const char *text;
    enum status st = text_get(e, "machineGroup", false, 40, &text);

    if (st != ST_OK || text == NULL)
        return st;
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        if (strcmp(machine_group_name(modes[i]), text) == 0) {
            t->machine_group = modes[i];
            return ST_OK;
        }
    return entry_fault(e, "machineGroup", "'%.40s' is not none, decorated or column", text);
}

enum status
config_read_tables(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct catalog_addition *items;
    struct entry e;
    enum status st =
        room_make(r, "catalog.tables", count, CONFIG_TABLES_MAX, sizeof *items, (void **)&items);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        struct catalog_table *t = &items[i].table;

        st = entry_open(r, list, i, "catalog.tables", &e);
        if (st == ST_OK)
            st = text_copy(&e, "name", true, CATALOG_TABLE_NAME_MAX, &t->name);
        if (st == ST_OK)
            st = text_copy(&e, "category", false, CATALOG_CATEGORY_MAX, &t->category);
        if (st == ST_OK)
            st = text_copy(&e, "timeColumn", false, CATALOG_COLUMN_NAME_MAX, &t->time_column);
        if (st == ST_OK)
            st = flag_get(&e, "deviceScoped", &t->is_device_scoped);
        if (st == ST_OK)
            st = group_read(&e, t);
        if (st == ST_OK)
            st = columns_read(&e, t);
        if (st != ST_OK)
            return st;
        if (t->category == NULL && catalog_find(&catalog_builtin, span_of(t->name)) == NULL)
            t->category = heap_format(&r->whole->heap, "AdvancedHunting-%s", t->name);
        t->is_streamable = t->category != NULL;
        t->stream = t->is_streamable ? STREAM_CATEGORY : STREAM_NO;
    }
    if (st == ST_OK) {
        c->additions = items;
        c->addition_count = count;
    }
    return st;
}

/* ---- sources ---- */

static bool
table_is_known(const struct config *c, const char *name)
{
    if (c->unknown_tables || catalog_find(&catalog_builtin, span_of(name)) != NULL)
        return true;
    for (size_t i = 0; i < c->addition_count; i++)
        if (strcmp(c->additions[i].table.name, name) == 0)
            return true;
    return false;
}

static enum status
source_read(const struct entry *e, struct config_source *item)
{
    const struct control_kinds *kinds = e->r->kinds;
    const struct control_kind *kind = NULL;
    struct plan_setting values[VALUES_MAX];
    size_t count = 0;
    enum status st = text_copy(e, "name", true, 60, &item->name);

    if (st == ST_OK && !catalog_name_is_safe(span_of(item->name), 60))
        st = entry_fault(e, "name", "letters, digits, '_' and '-' only");
    if (st == ST_OK)
        st = text_copy(e, "kind", true, 60, &item->kind);
    if (st == ST_OK)
        st = text_copy(e, "table", false, CATALOG_TABLE_NAME_MAX, &item->table);
    if (st == ST_OK)
        st = tenant_get(e, "tenant", item->table != NULL, item->tenant);
    if (st != ST_OK)
        return st;
    if (item->table != NULL &&
        (!catalog_name_is_safe(span_of(item->table), CATALOG_TABLE_NAME_MAX) ||
         !table_is_known(&e->r->whole->c, item->table))) {
        const struct catalog_table *near =
            catalog_find_near(&catalog_builtin, span_of(item->table));

        return entry_fault(e, "table", "there is no table '%.64s'%s%s%s", item->table,
                           near != NULL ? "; did you mean '" : "", near != NULL ? near->name : "",
                           near != NULL ? "'?" : "");
    }
    if (kinds != NULL && (kind = control_source_find(kinds, item->kind)) == NULL)
        return unknown_kind(e, item->kind, kinds->sources, kinds->source_count);
    st = settings_read(e, kind, values, &count);
    if (st == ST_OK && kind != NULL)
        st = settings_check(e, kind, kinds->check_source, values, count);
    if (st != ST_OK)
        return st;
    item->setting_count = count;
    return values_keep(e->r, values, count, &item->settings);
}

enum status
config_read_sources(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct config_source *items;
    struct entry e;
    enum status st =
        room_make(r, "sources", count, CONFIG_SOURCES_MAX, sizeof *items, (void **)&items);

    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = entry_open(r, list, i, "sources", &e);
        if (st == ST_OK)
            st = source_read(&e, &items[i]);
        for (size_t k = 0; k < i && st == ST_OK; k++)
            if (strcmp(items[k].name, items[i].name) == 0)
                st = entry_fault(&e, "name", "the name '%s' is here twice", items[i].name);
    }
    if (st == ST_OK) {
        c->sources = items;
        c->source_count = count;
    }
    return st;
}
