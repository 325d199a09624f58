/* rows_plugin_inner.h - what the plugins of evaluate share: rows_plugin.c (the frame), rows_unpack.c
 * (columns that the data tells), rows_lookup.c (joins by network and place, sets), rows_timeline.c
 * (bins over time). Not for others. */
#pragma once
#include "kql/rows_inner.h"

enum { PLUGIN_COLUMNS_MAX = 4096 }; /* that the data may make */

struct plugin_call {
    struct rows_run *run;
    struct pool *pool; /* of the result */
    const struct kql_op *op;
    const struct rows_list *input;
    struct rows_table *out;
    struct kql_value *row; /* one of the input, to be looked at */
};

/* The arguments stand as bind_plugin.c puts them; NULL: not given. */
const struct kql_expr *plugin_argument(const struct plugin_call *c, uint32_t i);
/* A constant argument; null when it was not given. */
struct kql_value plugin_constant(struct plugin_call *c, uint32_t i);
struct span plugin_text(struct plugin_call *c, uint32_t i);
/* An integer, a datetime or a timespan; reals are cut. Ends the query when it is none. */
int64_t plugin_whole(struct plugin_call *c, uint32_t i, const char *name);
/* The column of the input (or of a lookup table) that an argument names. */
uint32_t plugin_column(const struct plugin_call *c, uint32_t i);
/* One more row of the result, to be filled. */
struct kql_value *plugin_row(struct plugin_call *c);
/* The columns are those that the binder knows; there are 'width' unless the query says others. */
void plugin_use_schema(struct plugin_call *c, uint32_t width);
/* Ends the query when there would be more columns than PLUGIN_COLUMNS_MAX. */
void plugin_check_columns(struct plugin_call *c, size_t count);
void plugin_put_columns(struct plugin_call *c, struct kql_column *columns, uint32_t count);
/* UINT32_MAX: none. */
uint32_t plugin_find_name(const struct kql_column *columns, uint32_t count, struct span name);

/* ---- rows_timeline.c: rows by bins ---- */

struct binned { /* a group's state: its rows' bins in order */
    struct binned_item {
        int64_t bin;
        const struct kql_value *row;
    } * *items;
    size_t count, room;
};
/* The bin that a value lies in, counted from 'start'; false: in none. */
bool plugin_bin_index(const struct kql_value *v, int64_t start, int64_t size, int64_t *index);
/* Where a bin begins, as a value of the time's type. */
struct kql_value plugin_bin_value(enum kql_type type, int64_t start, int64_t size, int64_t bin);
/* Rows by their dimensions (the arguments from 'first' on), each group's by their bins. */
void plugin_bin_rows(struct plugin_call *c, uint32_t first, uint32_t time, int64_t start,
                     int64_t size, struct rows_groups *groups);
/* How many bins there are from start to end, which is inside the last one. */
int64_t plugin_bin_count(struct plugin_call *c, int64_t start, int64_t end, int64_t size);
/* How many different values the rows [low, high) have in a column. */
int64_t plugin_distinct(struct plugin_call *c, const struct binned *all, size_t low, size_t high,
                        uint32_t column);

typedef void plugin_run(struct plugin_call *c);
plugin_run plugin_bag_unpack, plugin_pivot, plugin_narrow;            /* rows_unpack.c */
plugin_run plugin_lookup, plugin_geo_lookup, plugin_dcount_intersect; /* rows_lookup.c */
plugin_run plugin_rolling_percentile, plugin_sliding_window_counts, plugin_activity_counts_metrics,
    plugin_rows_near; /* rows_timeline.c */
plugin_run plugin_active_users_count, plugin_activity_metrics, plugin_activity_engagement,
    plugin_new_activity_metrics; /* rows_activity.c */
