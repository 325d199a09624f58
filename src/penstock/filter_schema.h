/* filter_schema.h - what columns records have that come without a table: by their members, over the
 * first ones. One thread. */
#pragma once
#include "kql/plan.h"
#include "wire/scan.h"

/* A member of the records seen so far; its type is what all its values are:
 *   string, or datetime if every text is an ISO 8601 time with a date and an hour; bool
 *   long, or real if one has a fraction or an exponent or does not fit
 *   dynamic if they differ, are objects or arrays, or all null */
struct filter_schema {
    struct pool *pool;
    struct filter_member *members;
    size_t count, room;
    uint32_t *slots; /* by hash: index + 1 */
    size_t slot_room;
};

enum { FILTER_MEMBERS_MAX = 10000 }; /* further names are no columns */

/* Adds what the values of this depth say, those inside [from, to) of the record. */
void filter_schema_see(struct filter_schema *s, const char *record, const struct scan_value *values,
                       uint32_t count, uint32_t depth, size_t from, size_t to);
struct kql_schema filter_schema_columns(const struct filter_schema *s);
