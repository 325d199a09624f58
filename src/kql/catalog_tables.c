/* catalog_tables.c - the schema catalog as the tables of an environment: hunting shapes, those of a
 * workspace, or both in one. A schema is made when a query first names its table. */
#include "kql/bind.h"

/* With 'is_workspace', tables that have no other shape there show the one they have. */
static const struct catalog_column *
own_columns(const struct kql_catalog_tables *tables, const struct catalog_table *t, size_t *count)
{
    bool is_workspace = (tables->is_workspace || tables->has_both) && t->workspace_column_count > 0;

    *count = is_workspace ? t->workspace_column_count : t->column_count;
    return is_workspace ? t->workspace_columns : t->columns;
}

struct kql_table_columns {
    const struct kql_column *columns;
    uint32_t count;
};

static const struct kql_table_columns *
make(const struct kql_catalog_tables *tables, const struct catalog_table *t)
{
    struct kql_table_columns *made = pool_take(tables->pool, sizeof *made);
    size_t own_count, count = 0;
    const struct catalog_column *own = own_columns(tables, t, &own_count);
    struct kql_column *columns =
        pool_take(tables->pool, (own_count + t->column_count + 1) * sizeof *columns);

    for (size_t i = 0; i < own_count; i++)
        columns[count++] =
            (struct kql_column){span_of(own[i].name), (uint8_t)kql_type_of_column(own[i].type)};
    for (size_t i = 0; tables->has_both && own != t->columns && i < t->column_count; i++) {
        size_t k = 0;

        while (k < own_count && strcmp(own[k].name, t->columns[i].name) != 0)
            k++;
        if (k == own_count)
            columns[count++] = (struct kql_column){span_of(t->columns[i].name),
                                                   (uint8_t)kql_type_of_column(t->columns[i].type)};
    }
    *made = (struct kql_table_columns){columns, (uint32_t)count};
    return made;
}

static void
get_table(struct kql_catalog_tables *tables, const struct catalog_table *t, struct kql_table *out)
{
    const struct kql_table_columns **place;

    if (tables->made == NULL)
        tables->made = pool_zeroed(tables->pool, tables->catalog->table_count,
                                   sizeof(const struct kql_table_columns *));
    place = &tables->made[t - tables->catalog->tables];
    if (*place == NULL)
        *place = make(tables, t);
    *out = (struct kql_table){
        .name = span_of(t->name),
        .schema = {(*place)->columns, (*place)->count, false},
        .handle = t
    };
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
