/* rows_plugin.c - plugins of evaluate. Each is run over all rows of its input and gives a table,
 * which is remembered for its operator: the binder may have asked for its columns already. What the
 * arguments are is in bind_plugin.c. Facts: each plugin's page. */
#include "kql/rows_plugin_inner.h"

enum { SLOT_TABLE = 5000 };

const struct kql_expr *
plugin_argument(const struct plugin_call *c, uint32_t i)
{
    return i < c->op->u.plugin.count ? c->op->u.plugin.arguments[i] : NULL;
}

struct kql_value
plugin_constant(struct plugin_call *c, uint32_t i)
{
    const struct kql_expr *e = plugin_argument(c, i);

    return e == NULL ? kql_null(KQL_DYNAMIC)
                     : rows_constant(c->run, &c->op->u.plugin.arguments[i], 0, e);
}

struct span
plugin_text(struct plugin_call *c, uint32_t i)
{
    struct kql_value v = plugin_constant(c, i);

    return v.is_null || v.type != KQL_STRING ? (struct span){"", 0} : kql_text(&v);
}

int64_t
plugin_whole(struct plugin_call *c, uint32_t i, const char *name)
{
    struct kql_value v = plugin_constant(c, i);

    if (v.is_null || v.type == KQL_STRING || v.type == KQL_ARRAY || v.type == KQL_BAG)
        pool_abandon(c->run->engine->pool, "%s: %s is null or of another type",
                     c->op->u.plugin.function->name, name);
    if (v.type == KQL_REAL)
        return v.r > -9e18 && v.r < 9e18 ? (int64_t)v.r : 0;
    if (v.type == KQL_DECIMAL) {
        int64_t whole = 0;

        (void)kql_decimal_to_long(v.decimal, &whole);
        return whole;
    }
    return v.i;
}

uint32_t
plugin_column(const struct plugin_call *c, uint32_t i)
{
    const struct kql_expr *e = plugin_argument(c, i);

    return e != NULL && e->kind == KQL_EXPR_COLUMN ? e->column : UINT32_MAX;
}

struct kql_value *
plugin_row(struct plugin_call *c)
{
    struct kql_value *row = rows_cells_new(c->pool, c->out->schema.count);

    rows_list_add(c->pool, &c->out->rows, row);
    if ((c->out->rows.count & 255) == 0)
        pool_check(c->pool);
    return row;
}

void
plugin_use_schema(struct plugin_call *c, uint32_t width)
{
    if (c->op->schema.count != width)
        pool_abandon(c->run->engine->pool, "%s gives %u columns: leave the schema behind it out",
                     c->op->u.plugin.function->name, width);
    c->out->schema = c->op->schema;
}

void
plugin_check_columns(struct plugin_call *c, size_t count)
{
    if (count > PLUGIN_COLUMNS_MAX)
        pool_abandon(c->run->engine->pool, "%s would make %zu columns; at most %d",
                     c->op->u.plugin.function->name, count, PLUGIN_COLUMNS_MAX);
}

void
plugin_put_columns(struct plugin_call *c, struct kql_column *columns, uint32_t count)
{
    c->out->schema = (struct kql_schema){columns, count, false};
}

uint32_t
plugin_find_name(const struct kql_column *columns, uint32_t count, struct span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(columns[i].name, name))
            return i;
    return UINT32_MAX;
}

/* The input's columns without the bag's, then the properties by name. A property that is called as
 * the bag takes its place. */

/* ---- all of them ---- */

static const struct {
    const char *name;
    plugin_run *run;
} plugins[] = {
    {"bag_unpack",              plugin_bag_unpack             },
    {"pivot",                   plugin_pivot                  },
    {"narrow",                  plugin_narrow                 },
    {"ipv4_lookup",             plugin_lookup                 },
    {"ipv6_lookup",             plugin_lookup                 },
    {"dcount_intersect",        plugin_dcount_intersect       },
    {"geo_polygon_lookup",      plugin_geo_lookup             },
    {"geo_line_lookup",         plugin_geo_lookup             },
    {"rolling_percentile",      plugin_rolling_percentile     },
    {"sliding_window_counts",   plugin_sliding_window_counts  },
    {"activity_counts_metrics", plugin_activity_counts_metrics},
    {"active_users_count",      plugin_active_users_count     },
    {"activity_metrics",        plugin_activity_metrics       },
    {"activity_engagement",     plugin_activity_engagement    },
    {"new_activity_metrics",    plugin_new_activity_metrics   },
    {"rows_near",               plugin_rows_near              },
};

/* In the pool of the query when the rows are nobody's sub-query, else in the run's. */
const struct rows_table *
rows_plugin_run(struct rows_run *run, const struct kql_op *op)
{
    struct rows_engine *e = run->engine;
    bool is_root = run->keep == e->pool;
    struct rows_table *out = is_root ? rows_memo_get(e, rows_origin(op), SLOT_TABLE) : NULL;
    struct plugin_call c = {.run = run, .pool = run->keep, .op = op};

    if (out != NULL)
        return out;
    c.out = out = pool_zeroed(run->keep, 1, sizeof *out);
    c.input = rows_collect(run->keep, rows_open(run, op->input, NULL));
    c.row = rows_cells_new(run->keep, op->input->schema.count);
    for (size_t i = 0; i < COUNT_OF(plugins); i++)
        if (strcmp(plugins[i].name, op->u.plugin.function->name) == 0) {
            plugins[i].run(&c);
            if (is_root)
                rows_memo_put(e, rows_origin(op), SLOT_TABLE, out);
            return out;
        }
    if (c.input->count > 0)
        pool_abandon(e->pool, "the plugin %s is not built here", op->u.plugin.function->name);
    out->schema = op->schema;
    return out;
}

/* ---- its rows ---- */

struct plugin_cursor {
    struct rows_cursor c;
    const struct rows_table *table; /* NULL: not yet run */
    uint32_t *map;                  /* result column: of the table's, or UINT32_MAX */
    size_t at;
};

/* By name where the columns are the data's (and the query may have said which it wants). */
static void
run_plugin(struct plugin_cursor *p)
{
    const struct kql_schema *out = &p->c.op->schema, *in;

    p->table = rows_plugin_run(p->c.run, p->c.op);
    in = &p->table->schema;
    p->map = pool_take(p->c.run->keep, (out->count + 1) * sizeof *p->map);
    for (uint32_t i = 0; i < out->count; i++)
        p->map[i] = in->columns == out->columns
                        ? i
                        : plugin_find_name(in->columns, in->count, out->columns[i].name);
}

static bool
plugin_next(struct rows_cursor *c, struct kql_value *row)
{
    struct plugin_cursor *p = (struct plugin_cursor *)c;
    const struct kql_value *from;

    if (p->table == NULL)
        run_plugin(p);
    if (p->at == p->table->rows.count)
        return false;
    from = p->table->rows.items[p->at++];
    for (uint32_t i = 0; i < c->width; i++) {
        enum kql_type type = c->op->schema.columns[i].type;

        row[i] = kql_null(type);
        if (p->map[i] == UINT32_MAX)
            continue;
        row[i] = from[p->map[i]];
        if (!row[i].is_null && row[i].type != type && type != KQL_DYNAMIC)
            row[i] = kql_convert(c->run->scratch, KQL_DYNAMIC, &row[i], type);
        else if (row[i].is_null)
            row[i] = kql_null(type);
    }
    return true;
}

struct rows_cursor *
rows_open_plugin(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct plugin_cursor *p = rows_cursor_new(run, op, sizeof *p, plugin_next);

    (void)wanted;
    if (op->schema.is_open)
        pool_abandon(run->engine->pool,
                     "%s: which columns it gives is not known here; write them behind it: evaluate "
                     "%s(...) : (a: long, b: string)",
                     op->u.plugin.function->name, op->u.plugin.function->name);
    return &p->c;
}
