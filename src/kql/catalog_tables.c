/* catalog_tables.c - the schema catalog as the tables of an environment: hunting shapes, or those
 * of a workspace. A schema is made when a query first names its table. */
#include "kql/bind.h"

/* With 'is_workspace', tables that have no other shape there show the one they have. */
static void
get_table(struct kql_catalog_tables *tables, const struct catalog_table *t, struct kql_table *out)
{
    bool is_workspace = tables->is_workspace && t->workspace_column_count > 0;
    const struct catalog_column *columns = is_workspace ? t->workspace_columns : t->columns;
    size_t count = is_workspace ? t->workspace_column_count : t->column_count;
    const struct kql_column **place;

    if (tables->made == NULL)
        tables->made = pool_zeroed(tables->pool, tables->catalog->table_count,
                                   sizeof(const struct kql_column *));
    place = &tables->made[t - tables->catalog->tables];
    if (*place == NULL) {
        struct kql_column *made = pool_take(tables->pool, (count + 1) * sizeof *made);

        for (size_t i = 0; i < count; i++)
            made[i] = (struct kql_column){span_of(columns[i].name),
                                          (uint8_t)kql_type_of_column(columns[i].type)};
        *place = made;
    }
    *out = (struct kql_table){
        .name = span_of(t->name), .schema = {*place, (uint32_t)count, false}, .handle = t};
}

bool
kql_catalog_table(void *context, struct span name, struct kql_table *out)
{
    struct kql_catalog_tables *tables = context;
    const struct catalog_table *t = catalog_find(tables->catalog, name);

    if (t == NULL)
        return false;
    get_table(tables, t, out);
    return true;
}

bool
kql_catalog_table_at(void *context, size_t index, struct kql_table *out)
{
    struct kql_catalog_tables *tables = context;

    if (index >= tables->catalog->table_count)
        return false;
    get_table(tables, &tables->catalog->tables[index], out);
    return true;
}
