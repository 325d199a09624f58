/* expand.h - what mv-expand makes of one value: the items that it is expanded to; for every engine that runs it, so that all
 * find the same. Pure.
 *
 * An array gives its items, a bag a bag (or [key, value]) of each of its properties, a null one null, any other value itself
 * (mv-expand page; design, section 6). Several columns go side by side to the longest; behind the end of a shorter one stand
 * nulls of its type. */
#pragma once
#include "kql/plan.h"

uint64_t kql_expand_count(const struct kql_value *v); /* of items: 0 of an empty array or bag */
/* Item 'at' of what 'column' is expanded from, as the column's type; behind the last one: null. */
struct kql_value kql_expand_item(struct pool *p, const struct kql_expand *column,
                                 const struct kql_value *v, uint64_t at, bool bag_as_array);
