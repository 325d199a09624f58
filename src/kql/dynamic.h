/* dynamic.h - dynamic values: from JSON text, to JSON text, members and elements. Pure.
 * A tree lives in a pool and is immutable. Facts: data types, dynamic; parse_json(). */
#pragma once
#include "kql/value.h"

/* What JSON text is. Strict RFC 8259; a number without fraction and exponent that fits is a LONG,
 * others are REAL; a key that comes twice keeps its first place and its last value. False: it is
 * not JSON (or deeper than KQL_DEPTH_MAX), and *at says where. Strings without escapes are borrowed
 * from 'text' when 'borrow', else copied. */
MUST_CHECK bool kql_json_read(struct pool *p, struct span text, bool borrow, struct kql_value *out,
                              size_t *at);
/* parse_json(text): not JSON gives a STRING with the text, "" and blank text null. */
struct kql_value kql_parse_json(struct pool *p, struct span text);
/* Compact JSON as tostring(dynamic) and the answers' cells print it: no blanks, keys in order,
 * datetime as ISO text, timespan and guid and decimal as text, NaN and infinities as "NaN",
 * "Infinity", "-Infinity". */
struct span kql_json_print(struct pool *p, const struct kql_value *v);
/* A JSON string literal of the text, quotes included. */
struct span kql_json_quote(struct pool *p, struct span text);

/* d.key, d["key"]: null (dynamic) unless d is a bag that has it. */
struct kql_value kql_member(const struct kql_value *d, struct span key);
/* d[i]: from the end when negative; null unless d is an array that has it. */
struct kql_value kql_element(const struct kql_value *d, int64_t i);

/* What a value holds; NULL: null, or something else. */
static inline const struct kql_array *
kql_array_in(const struct kql_value *v)
{
    return !v->is_null && v->type == KQL_ARRAY ? v->array : NULL;
}
static inline const struct kql_bag *
kql_bag_in(const struct kql_value *v)
{
    return !v->is_null && v->type == KQL_BAG ? v->bag : NULL;
}

/* What a value is inside a dynamic: a null has no type there. */
static inline struct kql_value
kql_item(struct kql_value v)
{
    return v.is_null ? kql_null(KQL_DYNAMIC) : v;
}

/* Building. The array grows in the pool; finish gives the value. */
struct kql_array_builder {
    struct pool *pool;
    struct kql_value *items;
    size_t count, room;
};
/* At most KQL_ARRAY_MAX; beyond KQL_PARTS_MAX and KQL_LEVELS_MAX the pool is abandoned. */
void kql_array_add(struct kql_array_builder *b, struct kql_value v);
struct kql_value kql_array_finish(struct kql_array_builder *b);
/* Arrays and bags of what is there: items and entries are borrowed, as long as the value lives. */
struct kql_value kql_array_of(struct pool *p, const struct kql_value *items, size_t count);
struct kql_value kql_bag_of(struct pool *p, const struct kql_bag_entry *entries, size_t count);
struct kql_bag_builder {
    struct pool *pool;
    struct kql_bag_entry *entries;
    size_t count, room;
    struct kql_bag_index *index; /* private: by hash, from 16 keys on */
};
/* False: the key is there; its value is replaced only if 'replace'. */
bool kql_bag_add(struct kql_bag_builder *b, struct span key, struct kql_value v, bool replace);
struct kql_value kql_bag_finish(struct kql_bag_builder *b);
