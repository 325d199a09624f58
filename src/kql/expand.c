#include "kql/expand.h"
#include "kql/dynamic.h"

uint64_t
kql_expand_count(const struct kql_value *v)
{
    return v->is_null             ? 1
           : v->type == KQL_ARRAY ? v->array->count
           : v->type == KQL_BAG   ? v->bag->count
                                  : 1;
}

static struct kql_value
property(struct pool *p, const struct kql_bag_entry *entry, bool as_array)
{
    struct kql_value *items;

    if (!as_array)
        return kql_bag_of(p, entry, 1);
    items = pool_take(p, 2 * sizeof *items);
    items[0] = kql_string(entry->key);
    items[1] = kql_item(entry->value);
    return kql_array_of(p, items, 2);
}

struct kql_value
kql_expand_item(struct pool *p, const struct kql_expand *column, const struct kql_value *v,
                uint64_t at, bool bag_as_array)
{
    struct kql_value result = kql_null(column->type);

    if (at >= kql_expand_count(v))
        return result;
    if (v->is_null || (v->type != KQL_ARRAY && v->type != KQL_BAG))
        result = kql_item(*v);
    else if (v->type == KQL_ARRAY)
        result = kql_item(v->array->items[at]);
    else
        result = property(p, &v->bag->entries[at], bag_as_array);
    return column->type == KQL_DYNAMIC ? result
                                       : kql_convert(p, KQL_DYNAMIC, &result, column->type);
}
