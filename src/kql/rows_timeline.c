/* rows_timeline.c - plugins over bins of time (rolling_percentile, sliding_window_counts,
 * activity_counts_metrics), and rows_near. */
#include "kql/rows_plugin_inner.h"
#include <math.h>

/* ---- plugins over a time line ---- */

/* The bin that a value lies in, counted from 'start'. */
bool
plugin_bin_index(const struct kql_value *v, int64_t start, int64_t size, int64_t *index)
{
    int64_t whole, distance;

    if (v->is_null || (v->type != KQL_INT && v->type != KQL_LONG && v->type != KQL_REAL &&
                       v->type != KQL_DATETIME && v->type != KQL_TIMESPAN))
        return false;
    if (v->type == KQL_REAL && !(v->r > -9e18 && v->r < 9e18))
        return false;
    whole = v->type == KQL_REAL ? (int64_t)floor(v->r) : v->i;
    if (__builtin_sub_overflow(whole, start, &distance))
        return false;
    *index = distance / size - (distance % size < 0);
    return true;
}

static int
compare_binned(const void *context, const void *a, const void *b)
{
    const struct binned_item *x = a, *y = b;

    (void)context;
    return x->bin < y->bin ? -1 : x->bin > y->bin;
}

/* Rows by their dimensions (the arguments from 'first' on), each group's by their bins. */
void
plugin_bin_rows(struct plugin_call *c, uint32_t first, uint32_t time, int64_t start, int64_t size,
                struct rows_groups *groups)
{
    uint32_t key_count = c->op->u.plugin.count > first ? c->op->u.plugin.count - first : 0;
    struct kql_value *keys = rows_cells_new(c->pool, key_count);

    if (size <= 0)
        pool_abandon(c->run->engine->pool, "%s: the bin must be above 0",
                     c->op->u.plugin.function->name);
    rows_groups_init(groups, c->pool, key_count);
    for (size_t i = 0; i < c->input->count; i++) {
        const struct kql_value *row = c->input->items[i];
        struct rows_group *group;
        struct binned *binned;
        int64_t bin;
        bool is_new;

        if (!plugin_bin_index(&row[time], start, size, &bin))
            continue;
        for (uint32_t k = 0; k < key_count; k++)
            keys[k] = row[plugin_column(c, first + k)];
        group = rows_groups_add(groups, keys, true, &is_new);
        if (is_new)
            group->state = pool_zeroed(c->pool, 1, sizeof *binned);
        binned = group->state;
        binned->items = pool_grow(c->pool, binned->items, &binned->room, binned->count + 1,
                                  sizeof *binned->items);
        binned->items[binned->count] = pool_take(c->pool, sizeof **binned->items);
        *binned->items[binned->count++] = (struct binned_item){bin, row};
    }
    for (size_t g = 0; g < groups->count; g++) {
        struct binned *binned = groups->items[g]->state;

        rows_sort(c->pool, (void **)binned->items, binned->count, compare_binned, NULL);
    }
}

struct kql_value
plugin_bin_value(enum kql_type type, int64_t start, int64_t size, int64_t bin)
{
    int64_t at;

    if (__builtin_mul_overflow(bin, size, &at) || __builtin_add_overflow(at, start, &at))
        return kql_null(type);
    if (type == KQL_REAL)
        return kql_real((double)at);
    return kql_integer(
        type == KQL_INT || type == KQL_DATETIME || type == KQL_TIMESPAN ? type : KQL_LONG, at);
}

static int
compare_values(const void *context, const void *a, const void *b)
{
    (void)context;
    return kql_value_compare(a, b);
}

/* rolling_percentile(value, percentile, index, bin, bins, dimension ...) */
void
plugin_rolling_percentile(struct plugin_call *c)
{
    uint32_t value = plugin_column(c, 0), index = plugin_column(c, 2);
    struct kql_value percentile = plugin_constant(c, 1);
    int64_t size = plugin_whole(c, 3, "BinSize"), bins = plugin_whole(c, 4, "BinsPerWindow");
    double share = 50;
    struct rows_groups groups;

    if (!percentile.is_null && percentile.type != KQL_REAL)
        percentile = kql_convert(c->pool, percentile.type, &percentile, KQL_REAL);
    if (!percentile.is_null)
        share = percentile.r;
    plugin_use_schema(c, c->op->u.plugin.count - 5 + 2);
    plugin_bin_rows(c, 5, index, 0, size, &groups);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        const void **values = pool_take(c->pool, (all->count + 1) * sizeof *values);

        for (size_t low = 0, high = 0; high < all->count;) {
            int64_t bin = all->items[high]->bin;
            struct kql_value *row = plugin_row(c);
            size_t count = 0, rank;

            while (high < all->count && all->items[high]->bin == bin)
                high++;
            while (low < high && all->items[low]->bin <= bin - bins)
                low++;
            for (size_t i = low; i < high; i++)
                if (!all->items[i]->row[value].is_null)
                    values[count++] = &all->items[i]->row[value];
            rows_sort(c->pool, (void **)values, count, compare_values, NULL);
            rank = (size_t)ceil(share / 100 * (double)count);
            row[0] = plugin_bin_value(c->out->schema.columns[0].type, 0, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row[1 + groups.key_count] =
                count == 0 ? kql_null(c->out->schema.columns[1 + groups.key_count].type)
                           : *(const struct kql_value *)values[rank == 0      ? 0
                                                               : rank > count ? count - 1
                                                                              : rank - 1];
        }
    }
}

/* The rows of [low, high) have so many different ids. */
int64_t
plugin_distinct(struct plugin_call *c, const struct binned *all, size_t low, size_t high,
                uint32_t id)
{
    struct pool_mark mark = pool_mark(c->run->scratch);
    struct rows_groups ids;
    int64_t count;
    bool is_new;

    rows_groups_init(&ids, c->run->scratch, 1);
    for (size_t i = low; i < high; i++)
        rows_groups_add(&ids, &all->items[i]->row[id], true, &is_new);
    count = (int64_t)ids.count;
    pool_return(c->run->scratch, mark);
    return count;
}

int64_t
plugin_bin_count(struct plugin_call *c, int64_t start, int64_t end, int64_t size)
{
    int64_t distance;

    if (size <= 0 || __builtin_sub_overflow(end, start, &distance) || distance < 0)
        return 0;
    if (distance / size >= KQL_ARRAY_MAX)
        pool_abandon(c->run->engine->pool, "%s: more than %d bins", c->op->u.plugin.function->name,
                     KQL_ARRAY_MAX);
    return distance / size + 1;
}

/* sliding_window_counts(id, time, start, end, window, bin, dimension ...): for each bin the rows and
 * ids of the window that ends with it. */
void
plugin_sliding_window_counts(struct plugin_call *c)
{
    int64_t start = plugin_whole(c, 2, "Start"), end = plugin_whole(c, 3, "End");
    int64_t window = plugin_whole(c, 4, "LookbackWindow"), size = plugin_whole(c, 5, "Bin");
    int64_t bins = plugin_bin_count(c, start, end, size), span;
    struct rows_groups groups;

    plugin_use_schema(c, c->op->u.plugin.count - 6 + 3);
    plugin_bin_rows(c, 6, plugin_column(c, 1), start, size, &groups);
    span = window <= size ? 1 : window / size + (window % size != 0);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        size_t low = 0, high = 0;

        for (int64_t bin = 0; bin < bins; bin++) {
            struct kql_value *row;

            while (high < all->count && all->items[high]->bin <= bin)
                high++;
            while (low < high && all->items[low]->bin <= bin - span)
                low++;
            if (low == high)
                continue;
            row = plugin_row(c);
            row[0] = plugin_bin_value(c->out->schema.columns[0].type, start, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row[1 + groups.key_count] = kql_integer(KQL_LONG, (int64_t)(high - low));
            row[2 + groups.key_count] =
                kql_integer(KQL_LONG, plugin_distinct(c, all, low, high, plugin_column(c, 0)));
        }
    }
}

/* activity_counts_metrics(id, time, start, end, window, dimension ...): rows, ids, ids not seen
 * before, ids so far. */
void
plugin_activity_counts_metrics(struct plugin_call *c)
{
    int64_t start = plugin_whole(c, 2, "Start"), end = plugin_whole(c, 3, "End");
    int64_t size = plugin_whole(c, 4, "Window"), bins = plugin_bin_count(c, start, end, size);
    struct rows_groups groups;

    plugin_use_schema(c, c->op->u.plugin.count - 5 + 5);
    plugin_bin_rows(c, 5, plugin_column(c, 1), start, size, &groups);
    for (size_t g = 0; g < groups.count; g++) {
        const struct binned *all = groups.items[g]->state;
        struct rows_groups seen;
        size_t low = 0;

        rows_groups_init(&seen, c->pool, 1);
        while (low < all->count && all->items[low]->bin < 0)
            low++;
        while (low < all->count && all->items[low]->bin < bins) {
            int64_t bin = all->items[low]->bin;
            size_t high = low, before = seen.count;
            struct kql_value *row = plugin_row(c);
            bool is_new;

            for (; high < all->count && all->items[high]->bin == bin; high++)
                rows_groups_add(&seen, &all->items[high]->row[plugin_column(c, 0)], true, &is_new);
            row[0] = plugin_bin_value(c->out->schema.columns[0].type, start, size, bin);
            for (uint32_t k = 0; k < groups.key_count; k++)
                row[1 + k] = groups.items[g]->keys[k];
            row += 1 + groups.key_count;
            row[0] = kql_integer(KQL_LONG, (int64_t)(high - low));
            row[1] = kql_integer(KQL_LONG, plugin_distinct(c, all, low, high, plugin_column(c, 0)));
            row[2] = kql_integer(KQL_LONG, (int64_t)(seen.count - before));
            row[3] = kql_integer(KQL_LONG, (int64_t)seen.count);
            low = high;
        }
    }
}

/* ---- rows_near(condition, before, after) ---- */

void
plugin_rows_near(struct plugin_call *c)
{
    const struct kql_schema *in = &c->op->input->schema;
    int64_t before = plugin_whole(c, 1, "NumRows"),
            after = plugin_argument(c, 2) == NULL ? before : plugin_whole(c, 2, "NumRowsAfter");
    uint8_t *holds = pool_zeroed(c->pool, c->input->count + 1, 1);
    size_t next = 0;
    struct rows_eval eval;

    plugin_use_schema(c, in->count);
    rows_eval_init(&eval, c->run, c->op, 1, c->op->u.plugin.arguments, 1);
    for (size_t i = 0; i < c->input->count; i++) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        memcpy(c->row, c->input->items[i], in->count * sizeof *c->row);
        rows_eval_row(&eval, c->row);
        holds[i] = kql_test(&eval.run, eval.program, 0);
        pool_return(c->run->scratch, mark);
    }
    for (size_t i = 0; i < c->input->count; i++) {
        size_t low = before < 0 ? i : (uint64_t)before > i ? 0 : i - (size_t)before;
        size_t high = after < 0                                   ? i
                      : (uint64_t)after > c->input->count - i - 1 ? c->input->count - 1
                                                                  : i + (size_t)after;

        if (!holds[i])
            continue;
        for (next = low > next ? low : next; next <= high; next++)
            memcpy(plugin_row(c), c->input->items[next], in->count * sizeof *c->row);
    }
}
