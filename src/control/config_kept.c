/* config_kept.c - workspaces.tables: tables of workspaces that are kept longer or shorter than others. */
#include "control/config_keys.h"
#include "model/catalog.h"

enum { KEPT_MAX = CATALOG_TABLES_MAX };

static enum status
value_read(const struct config_reader *r, const json_t *object, const char *path, const char *key,
           bool (*read)(const char *text, uint64_t *value), const char *wanted, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    char place[120];

    if (value == NULL || json_is_null(value))
        return ST_OK;
    snprintf(place, sizeof place, "%s.%s", path, key);
    if (json_is_integer(value) && json_integer_value(value) == 0)
        *out = 0;
    else if (!json_is_string(value) || !read(json_string_value(value), out))
        return config_fault(r, object, key, 0, place, "%s is wanted here, or 0", wanted);
    return ST_OK;
}

static enum status
entry_read(const struct config_reader *r, const json_t *list, size_t i, struct config_kept *out)
{
    static const char *const names[] = {"name", "keepAge", "keepSize", NULL};
    const json_t *object = json_array_get(list, i);
    const char *name;
    char path[60];
    enum status st;

    snprintf(path, sizeof path, "workspaces.tables[%zu]", i);
    if (!json_is_object(object))
        return config_fault(r, list, NULL, i, path, "keys and their values are wanted here");
    st = config_unknown(r, object, path, names);
    if (st != ST_OK)
        return st;
    name = json_string_value(json_object_get(object, "name"));
    if (name == NULL || !catalog_name_is_safe(span_of(name), CATALOG_TABLE_NAME_MAX))
        return config_fault(r, object, name != NULL ? "name" : NULL, 0, path,
                            "'name' is to be a table's");
    out->table = heap_text(&r->whole->heap, span_of(name));
    if (out->table == NULL)
        return config_no_memory(r);
    st = value_read(r, object, path, "keepAge", config_duration_read,
                    "a duration like 30 s, 5 min or 7 d", &out->age_ms);
    if (st == ST_OK)
        st = value_read(r, object, path, "keepSize", config_size_read, "a size like 64 MiB",
                        &out->size_max);
    return st;
}

enum status
config_read_kept(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    struct config_kept *items = heap_take(&r->whole->heap, count * sizeof *items + 1);
    enum status st = ST_OK;

    if (items == NULL)
        return config_no_memory(r);
    if (count > KEPT_MAX)
        return config_fault(r, NULL, NULL, 0, "workspaces.tables", "more than %d entries",
                            KEPT_MAX);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        items[i] = (struct config_kept){.age_ms = c->workspaces.keep_age_ms,
                                        .size_max = c->workspaces.keep_size_max};
        st = entry_read(r, list, i, &items[i]);
        for (size_t k = 0; k < i && st == ST_OK; k++)
            if (strcmp(items[k].table, items[i].table) == 0)
                st = config_fault(r, list, NULL, i, "workspaces.tables", "%s is there twice",
                                  items[i].table);
    }
    c->workspaces.kept = items;
    c->workspaces.kept_count = st == ST_OK ? count : 0;
    return st;
}
