#include "api/schema_json.h"
#include "wire/json.h"
#include <stdlib.h>

/* Takes the array (NULL is fine). */
static char *
dump(json_t *array, size_t *size)
{
    char *text = NULL;

    if (array == NULL)
        return NULL;
    *size = json_dumpb(array, NULL, 0, JSON_COMPACT);
    if (*size > 0)
        text = malloc(*size + 1);
    if (text != NULL) {
        json_dumpb(array, text, *size, JSON_COMPACT);
        text[*size] = '\0';
    }
    json_decref(array);
    return text;
}

/* Takes 'item'. Without memory the array is gone, and NULL. */
static void
append(json_t **array, json_t *item)
{
    if (json_array_append_new(*array, item) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

char *
schema_list_json(const struct catalog *c, bool is_streamable_only, size_t *size)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < c->table_count; i++) {
        const struct catalog_table *t = &c->tables[i];

        if (is_streamable_only && !t->is_streamable)
            continue;
        append(&array,
               json_pack("{s:s, s:b, s:s, s:s?, s:b, s:s, s:s?, s:b, s:s?, s:s, s:s, s:I, s:I}",
                         "name", t->name, "streamable", t->is_streamable, "status",
                         stream_status_name(t->stream), "category", t->category, "deviceScoped",
                         t->is_device_scoped, "machineGroup", machine_group_name(t->machine_group),
                         "timeColumn", t->time_column, "preview", t->is_preview, "supersededBy",
                         t->superseded_by, "family", t->family, "product", t->product, "columns",
                         (json_int_t)t->column_count, "workspaceColumns",
                         (json_int_t)t->workspace_column_count));
    }
    return dump(array, size);
}

const struct catalog_column *
schema_columns(const struct catalog_table *t, bool workspace, size_t *count)
{
    bool has_other = workspace && t->workspace_column_count > 0;

    *count = has_other ? t->workspace_column_count : t->column_count;
    return has_other ? t->workspace_columns : t->columns;
}

char *
schema_table_json(const struct catalog *c, const struct catalog_table *t, bool workspace,
                  size_t *size)
{
    json_t *array = json_array();
    size_t count;
    const struct catalog_column *columns = schema_columns(t, workspace, &count);

    (void)c;
    for (size_t i = 0; array != NULL && i < count; i++)
        append(&array, json_pack("{s:s, s:s}", "ColumnName", columns[i].name, "ColumnType",
                                 column_type_name(columns[i].type)));
    return dump(array, size);
}

void
schema_unknown(const struct catalog *c, struct span table, struct err *err)
{
    const struct catalog_table *near = catalog_find_near(c, table);
    int n = table.n > CATALOG_TABLE_NAME_MAX ? CATALOG_TABLE_NAME_MAX : (int)table.n;

    if (near == NULL)
        (void)err_set(err, ST_INVALID, "there is no table '%.*s'; 'penstock schema' lists them", n,
                      table.p);
    else
        (void)err_set(err, ST_INVALID, "there is no table '%.*s'; did you mean %s?", n, table.p,
                      near->name);
}
