/* schema_json_test.c - the built-in catalog against its data, read here with another parser than
 * the one that made it: every key and column of every file. And against ../shared/schema, where
 * that is present. */
#include "api/schema_json.h"
#include "base/test.h"
#include "wire/json.h"
#include <dirent.h>
#include <unistd.h>

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool
same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static size_t
wrong_columns(const json_t *array, const struct catalog_column *columns, size_t count)
{
    size_t wrong = json_array_size(array) != count;

    for (size_t i = 0; i < count && wrong == 0; i++) {
        const json_t *c = json_array_get(array, i);

        wrong += !same_text(text_of(c, "name"), columns[i].name) ||
                 !same_text(text_of(c, "type"), column_type_name(columns[i].type)) ||
                 !same_text(text_of(c, "origin"), columns[i].origin);
    }
    return wrong;
}

static size_t
wrong_strings(const json_t *array, const char *const *strings, size_t count)
{
    size_t wrong = json_array_size(array) != count;

    for (size_t i = 0; i < count && wrong == 0; i++)
        wrong += !same_text(json_string_value(json_array_get(array, i)), strings[i]);
    return wrong;
}

static void
compare_table(const char *path, const json_t *o, const json_t *actions)
{
    const char *name = text_of(o, "name");
    const struct catalog_table *t =
        catalog_find(&catalog_builtin, span_of(name == NULL ? "" : name));
    const json_t *workspace = json_object_get(o, "workspace");

    CHECK(t != NULL, "%s: not in the catalog", path);
    if (t == NULL)
        return;
    CHECK(same_text(t->family, text_of(o, "family")) &&
              same_text(t->product, text_of(o, "product")) &&
              same_text(t->role, text_of(o, "role")),
          "%s: family, product or role", path);
    CHECK(same_text(t->category, text_of(o, "streamCategory")) &&
              same_text(stream_status_name(t->stream), text_of(o, "streamStatus")) &&
              t->is_streamable == json_is_true(json_object_get(o, "streamable")),
          "%s: stream", path);
    CHECK(same_text(machine_group_name(t->machine_group), text_of(o, "machineGroup")) &&
              t->is_device_scoped == json_is_true(json_object_get(o, "deviceScoped")) &&
              t->is_preview == json_is_true(json_object_get(o, "preview")),
          "%s: flags", path);
    CHECK(same_text(t->time_column, text_of(o, "timeColumn")) &&
              same_text(t->superseded_by, text_of(o, "supersededBy")) &&
              same_text(t->workspace_time_column, text_of(workspace, "timeColumn")),
          "%s: time or successor", path);
    CHECK(wrong_columns(json_object_get(o, "columns"), t->columns, t->column_count) == 0,
          "%s: columns", path);
    CHECK(wrong_columns(json_object_get(workspace, "columns"), t->workspace_columns,
                        t->workspace_column_count) == 0,
          "%s: workspace columns", path);
    CHECK(wrong_strings(json_object_get(o, "notInStream"), t->not_in_stream,
                        t->not_in_stream_count) == 0,
          "%s: not in stream", path);
    CHECK(wrong_strings(json_object_get(actions, t->name), t->action_types, t->action_type_count) ==
              0,
          "%s: action types", path);
}

/* Gives the number of tables that the folder holds. */
static size_t
compare_folder(const char *folder)
{
    char path[600];
    size_t count = 0;
    struct dirent *entry;

    snprintf(path, sizeof path, "%s/action-types.json", folder);
    json_t *actions = json_load_file(path, 0, NULL);

    snprintf(path, sizeof path, "%s/tables", folder);
    DIR *dir = opendir(path);

    CHECK(dir != NULL && actions != NULL, "%s cannot be read", folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".json") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/tables/%s", folder, entry->d_name);
        json_t *table = json_load_file(path, 0, NULL);

        CHECK(table != NULL, "%s is no JSON", path);
        compare_table(path, table, actions);
        json_decref(table);
        count++;
    }
    if (dir != NULL)
        closedir(dir);
    json_decref(actions);
    return count;
}

static void
test_data(void)
{
    char path[512];
    const char *shared = getenv("PENSTOCK_SHARED");
    size_t count = compare_folder("data/schema");
    json_t *categories = json_load_file("data/schema/categories.json", 0, NULL);

    CHECK(count == catalog_builtin.table_count, "%zu files, %zu tables", count,
          catalog_builtin.table_count);
    CHECK(wrong_strings(categories, catalog_builtin.categories, catalog_builtin.category_count) ==
              0,
          "categories");
    json_decref(categories);
    snprintf(path, sizeof path, "%s/schema", shared == NULL ? "../shared" : shared);
    if (access(path, R_OK) != 0) {
        printf("skipped: there is no %s to compare with\n", path);
        return;
    }
    count = compare_folder(path);
    CHECK(count == catalog_builtin.table_count, "%s: %zu tables", path, count);
}

static void
test_list(void)
{
    size_t size, streamable = 0;
    char *text = schema_list_json(&catalog_builtin, false, &size);
    json_t *list = json_loadb(text, size, 0, NULL), *t;
    const char *names[] = {"AADSignInEventsBeta", NULL};

    CHECK(json_array_size(list) == catalog_builtin.table_count && strlen(text) == size, "list");
    for (size_t i = 0; i < json_array_size(list); i++)
        streamable += json_is_true(json_object_get(json_array_get(list, i), "streamable"));
    t = json_array_get(list, 0);
    CHECK(same_text(text_of(t, "name"), names[0]) && json_object_size(t) == 13 &&
              json_is_null(json_object_get(t, "category")) &&
              same_text(text_of(t, "supersededBy"), "EntraIdSignInEvents") &&
              json_integer_value(json_object_get(t, "columns")) == 45,
          "the first table: %.300s", text);
    json_decref(list);
    free(text);
    text = schema_list_json(&catalog_builtin, true, &size);
    list = json_loadb(text, size, 0, NULL);
    CHECK(streamable == 42 && json_array_size(list) == streamable, "%zu, %zu streamable",
          streamable, json_array_size(list));
    json_decref(list);
    free(text);
}

static void
test_table(void)
{
    static const struct {
        const char *table;
        bool workspace;
        size_t count;
        const char *starts;
    } cases[] = {
        {"DeviceInfo", false, 49,
         "[{\"ColumnName\":\"Timestamp\",\"ColumnType\":\"datetime\"},{\"ColumnName\":\"DeviceId\","
         "\"ColumnType\":\"string\"},"                 },
        {"DeviceInfo", true,  55, "[{\"ColumnName\":\""},
        {"Syslog",     false, 17, "[{\"ColumnName\":\""},
        {"Syslog",     true,  17, "[{\"ColumnName\":\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct catalog_table *t = catalog_find(&catalog_builtin, span_of(cases[i].table));
        size_t size;
        char *text = schema_table_json(&catalog_builtin, t, cases[i].workspace, &size);
        json_t *rows = json_loadb(text, size, 0, NULL);

        CHECK(json_array_size(rows) == cases[i].count &&
                  strncmp(text, cases[i].starts, strlen(cases[i].starts)) == 0,
              "%s %d: %zu rows, %.120s", cases[i].table, cases[i].workspace, json_array_size(rows),
              text);
        json_decref(rows);
        free(text);
    }
}

int
main(void)
{
    struct err err;

    test_data();
    test_list();
    test_table();
    schema_unknown(&catalog_builtin, SPAN_LITERAL("DeviceInf"), &err);
    CHECK(strcmp(err.text, "there is no table 'DeviceInf'; did you mean DeviceInfo?") == 0, "%s",
          err.text);
    schema_unknown(&catalog_builtin, SPAN_LITERAL("Nothing at all"), &err);
    CHECK(strstr(err.text, "'Nothing at all'") != NULL && strstr(err.text, "mean") == NULL, "%s",
          err.text);
    return test_end();
}
