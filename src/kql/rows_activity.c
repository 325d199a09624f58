/* rows_activity.c - plugins about who is active when: active_users_count, activity_metrics,
 * activity_engagement, new_activity_metrics. Rates are as their pages define them. */
#include "kql/rows_plugin_inner.h"
#include <math.h>

/* start and end may be left out: the arguments from the third on are then the windows, and behind
 * them the dimensions, which are columns. */
struct activity {
    uint32_t windows, dimensions; /* where these begin among the arguments */
    int64_t start, end;
    bool has_ends;
};

static struct activity
read_arguments(struct plugin_call *c, uint32_t window_count)
{
    struct activity a = {.windows = 2};
    uint32_t i = 2;

    while (i < c->op->u.plugin.count && plugin_argument(c, i) != NULL &&
           plugin_argument(c, i)->kind != KQL_EXPR_COLUMN)
        i++;
    a.dimensions = i;
    a.has_ends = i == 2 + window_count + 2;
    if (a.has_ends) {
        a.start = plugin_whole(c, 2, "Start");
        a.end = plugin_whole(c, 3, "End");
        a.windows = 4;
    } else if (i != 2 + window_count) {
        pool_abandon(c->run->engine->pool, "%s: give a window, or start, end and a window",
                     c->op->u.plugin.function->name);
    }
    return a;
}

/* The bins of a group that are looked at: [first, last]. */
static void
bounds(const struct activity *a, const struct binned *all, int64_t size, int64_t *first,
       int64_t *last)
{
    *first = all->items[0]->bin;
    *last = all->items[all->count - 1]->bin;
    if (a->has_ends) {
        struct kql_value end = kql_integer(KQL_LONG, a->end);

        *first = 0;
        if (!plugin_bin_index(&end, a->start, size, last))
            *last = -1;
    }
}

/* The time and the dimensions in front of a group's row; gives what is behind them. */
static struct kql_value *
begin_row(struct plugin_call *c, const struct rows_group *group, uint32_t key_count,
          struct kql_value time)
{
    struct kql_value *row = plugin_row(c);

    row[0] = time;
    memcpy(row + 1, group->keys, key_count * sizeof *row);
    return row + 1 + key_count;
}

/* Ids of the rows [low, high) that are in 'known' too; all of them are put into 'seen'. */
static int64_t
common_ids(struct plugin_call *c, const struct binned *all, size_t low, size_t high,
           const struct rows_groups *known, struct rows_groups *seen)
{
    int64_t common = 0;
    bool is_new;

    rows_groups_init(seen, c->pool, 1);
    for (size_t i = low; i < high; i++) {
        const struct kql_value *id = &all->items[i]->row[plugin_column(c, 0)];

        rows_groups_add(seen, id, true, &is_new);
        common += is_new && rows_groups_find(known, id) != NULL;
    }
    return common;
}

/* activity_metrics(id, time, [start, end,] window, dimension ...): each window against the one
 * before it. */
void
plugin_activity_metrics(struct plugin_call *c)
{
    struct activity a = read_arguments(c, 1);
    int64_t size = plugin_whole(c, a.windows, "Window"), first, last;
    struct rows_groups groups;

    plugin_use_schema(c, 1 + c->op->u.plugin.count - a.dimensions + 4);
    plugin_bin_rows(c, a.dimensions, plugin_column(c, 1), a.start, size, &groups);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        struct rows_groups before, now;
        int64_t before_bin = INT64_MIN;

        rows_groups_init(&before, c->pool, 1);
        bounds(&a, all, size, &first, &last);
        for (size_t low = 0, high = 0; low < all->count; low = high) {
            int64_t bin = all->items[low]->bin, retained;
            struct kql_value *row;
            double rate;

            while (high < all->count && all->items[high]->bin == bin)
                high++;
            if (bin < first || bin > last)
                continue;
            if (before_bin == INT64_MIN || bin - before_bin != 1)
                rows_groups_init(&before, c->pool, 1);
            retained = common_ids(c, all, low, high, &before, &now);
            rate = before.count == 0 ? NAN : (double)retained / (double)before.count;
            row = begin_row(c, groups.items[g], groups.key_count,
                            plugin_bin_value(c->out->schema.columns[0].type, a.start, size, bin));
            row[0] = kql_integer(KQL_LONG, (int64_t)now.count);
            row[1] = kql_integer(KQL_LONG, (int64_t)now.count - retained);
            row[2] = kql_real(rate);
            row[3] = kql_real(1 - rate);
            before = now;
            before_bin = bin;
        }
    }
}

/* activity_engagement(id, time, [start, end,] inner, outer, dimension ...) */
void
plugin_activity_engagement(struct plugin_call *c)
{
    struct activity a = read_arguments(c, 2);
    int64_t size = plugin_whole(c, a.windows, "InnerActivityWindow"),
            outer = plugin_whole(c, a.windows + 1, "OuterActivityWindow"), first, last, span;
    struct rows_groups groups;

    plugin_use_schema(c, 1 + c->op->u.plugin.count - a.dimensions + 3);
    plugin_bin_rows(c, a.dimensions, plugin_column(c, 1), a.start, size, &groups);
    span = outer <= size ? 1 : outer / size + (outer % size != 0);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        size_t low = 0;

        bounds(&a, all, size, &first, &last);
        for (size_t from = 0, high = 0; from < all->count; from = high) {
            int64_t bin = all->items[from]->bin, inner_count, outer_count;
            struct kql_value *row;

            while (high < all->count && all->items[high]->bin == bin)
                high++;
            while (all->items[low]->bin <= bin - span)
                low++;
            if (bin < first || bin > last)
                continue;
            inner_count = plugin_distinct(c, all, from, high, plugin_column(c, 0));
            outer_count = plugin_distinct(c, all, low, high, plugin_column(c, 0));
            row = begin_row(c, groups.items[g], groups.key_count,
                            plugin_bin_value(c->out->schema.columns[0].type, a.start, size, bin));
            row[0] = kql_integer(KQL_LONG, inner_count);
            row[1] = kql_integer(KQL_LONG, outer_count);
            row[2] = kql_real((double)inner_count / (double)outer_count);
        }
    }
}

/* How many periods the id of row 'at' was seen in, in the time (t - lookback, t]. */
static int64_t
periods_before(struct plugin_call *c, const struct binned *all, size_t at, int64_t lookback,
               int64_t period)
{
    uint32_t id = plugin_column(c, 0), time = plugin_column(c, 1);
    int64_t now = 0, then, seen = INT64_MIN, bin, count = 0;

    (void)plugin_bin_index(&all->items[at]->row[time], 0, 1, &now);
    for (size_t i = at + 1; i-- > 0;) { /* rows are in order of time */
        const struct kql_value *row = all->items[i]->row;

        if (!plugin_bin_index(&row[time], 0, 1, &then) || now - then >= lookback)
            break;
        if (!kql_value_same(&row[id], &all->items[at]->row[id]) ||
            !plugin_bin_index(&row[time], 0, period, &bin) || bin == seen)
            continue;
        seen = bin;
        count++;
    }
    return count;
}

/* active_users_count(id, time, start, end, lookback, period, periods, bin, dimension ...) */
void
plugin_active_users_count(struct plugin_call *c)
{
    int64_t start = plugin_whole(c, 2, "Start"), end = plugin_whole(c, 3, "End");
    int64_t lookback = plugin_whole(c, 4, "LookbackWindow"), period = plugin_whole(c, 5, "Period");
    int64_t periods = plugin_whole(c, 6, "ActivePeriodsCount"), size = plugin_whole(c, 7, "Bin");
    int64_t bins = plugin_bin_count(c, start, end, size);
    struct rows_groups groups;

    plugin_use_schema(c, 1 + c->op->u.plugin.count - 8 + 1);
    if (period <= 0 || size <= 0)
        pool_abandon(c->run->engine->pool, "active_users_count: Period and Bin must be above 0");
    plugin_bin_rows(c, 8, plugin_column(c, 1), 0, 1, &groups); /* in order of time */
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        struct rows_groups active;
        int64_t bin, now = INT64_MIN;
        struct kql_value *row = NULL;
        bool is_new;

        for (size_t i = 0; i < all->count; i++) {
            const struct kql_value *in = all->items[i]->row;

            if ((i & 255) == 0)
                pool_check(c->pool);
            if (!plugin_bin_index(&in[plugin_column(c, 1)], start, size, &bin) || bin < 0 ||
                bin >= bins || all->items[i]->bin > end ||
                periods_before(c, all, i, lookback, period) < periods)
                continue;
            if (bin != now) {
                rows_groups_init(&active, c->pool, 1);
                row = begin_row(c, groups.items[g], groups.key_count,
                                plugin_bin_value(c->out->schema.columns[0].type, start, size, bin));
                now = bin;
            }
            rows_groups_add(&active, &in[plugin_column(c, 0)], true, &is_new);
            row[0] = kql_integer(KQL_LONG, (int64_t)active.count);
        }
    }
}

/* new_activity_metrics(id, time, start, end, window, dimension ...): of the ids that a window saw
 * first, how many each later window saw again. */
static void
cohort_rows(struct plugin_call *c, const struct rows_group *group, uint32_t key_count,
            int64_t start, int64_t size, int64_t bins, int64_t from)
{
    const struct binned *all = group->state;
    enum kql_type type = c->out->schema.columns[0].type;
    struct rows_groups old, cohort, seen, now;
    size_t at = 0, low;
    bool is_new;

    rows_groups_init(&old, c->pool, 1);
    rows_groups_init(&cohort, c->pool, 1);
    rows_groups_init(&seen, c->pool, 1);
    for (; at < all->count && all->items[at]->bin <= from; at++) {
        const struct kql_value *id = &all->items[at]->row[plugin_column(c, 0)];

        if (all->items[at]->bin < from)
            rows_groups_add(&old, id, true, &is_new);
        else if (rows_groups_find(&old, id) == NULL)
            rows_groups_add(&cohort, id, true, &is_new);
        rows_groups_add(&seen, id, true, &is_new);
    }
    for (int64_t to = from; to < bins && cohort.count > 0; to++) {
        struct kql_value *row = plugin_row(c);
        int64_t retained = (int64_t)cohort.count, fresh = retained;

        if (to > from) {
            for (low = at; at < all->count && all->items[at]->bin == to;)
                at++;
            retained = common_ids(c, all, low, at, &cohort, &now);
            fresh = (int64_t)now.count - common_ids(c, all, low, at, &seen, &now);
        }
        row[0] = plugin_bin_value(type, start, size, from);
        row[1] = plugin_bin_value(type, start, size, to);
        memcpy(row + 2, group->keys, key_count * sizeof *row);
        row += 2 + key_count;
        row[0] = kql_integer(KQL_LONG, fresh);
        row[1] = kql_integer(KQL_LONG, retained);
        row[2] = kql_integer(KQL_LONG, (int64_t)cohort.count - retained);
        row[3] = kql_real((double)retained / (double)cohort.count);
        row[4] = kql_real(1 - (double)retained / (double)cohort.count);
    }
}

void
plugin_new_activity_metrics(struct plugin_call *c)
{
    int64_t start = plugin_whole(c, 2, "Start"), end = plugin_whole(c, 3, "End");
    int64_t size = plugin_whole(c, 4, "Window"), bins = plugin_bin_count(c, start, end, size);
    struct rows_groups groups;

    plugin_use_schema(c, 2 + c->op->u.plugin.count - 5 + 5);
    plugin_bin_rows(c, 5, plugin_column(c, 1), start, size, &groups);
    for (size_t g = 0; g < groups.count; g++)
        for (int64_t from = 0; from < bins; from++)
            cohort_rows(c, groups.items[g], groups.key_count, start, size, bins, from);
}
