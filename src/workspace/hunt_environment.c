/* hunt_environment.c - a workspace's tables as what a query can name.
 *
 * Each read of a table carries, beside the query's own conditions, whose rows are seen and in what time: 'where' is made once
 * and stands in every table's handle, so no operator can come by a table without it. */
#include "workspace/hunt_inner.h"
#include <assert.h>
#include <stdlib.h>

enum { TENANTS_MAX = 100000 };

/* ---- whose rows, in what time ---- */

static enum status
where_print(const struct hunting *h, FILE *out, struct err *err)
{
    const struct hunt_request *r = h->request;
    struct kql_guid guid;

    if (r->tenant_count > TENANTS_MAX)
        return err_set(err, ST_INVALID, "a query sees at most %d tenants", TENANTS_MAX);
    fputs(r->sees_all ? "true" : r->tenant_count > 0 ? "\"$tenant\" IN (" : "false", out);
    for (size_t i = 0; i < r->tenant_count && !r->sees_all; i++) {
        struct span tenant = span_of(r->tenants[i]);

        if (tenant.n != 36 || !kql_read_guid(tenant, &guid))
            return err_set(err, ST_INVALID, "'%.40s' is no tenant: a GUID is expected",
                           r->tenants[i]);
        fprintf(out, "%s'%s'::UUID%s", i > 0 ? "," : "", r->tenants[i],
                i + 1 == r->tenant_count ? ")" : "");
    }
    if (r->from != INT64_MIN)
        fprintf(out, " AND \"$time\" >= %lld", (long long)r->from);
    if (r->to != INT64_MAX)
        fprintf(out, " AND \"$time\" < %lld", (long long)r->to);
    if (r->window != NULL) {
        fprintf(out, " AND \"$position\" < %llu AND (\"$position\" >= %llu",
                (unsigned long long)r->window->to, (unsigned long long)r->window->from);
        if (r->window->admitted_from != INT64_MAX)
            fprintf(out, " OR \"$ingested\" >= %lld", (long long)r->window->admitted_from);
        fputc(')', out);
    }
    return ST_OK;
}

static bool
mentions(struct span text, const char *word)
{
    return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

enum status
hunt_environment_open(struct hunting *h, struct err *err)
{
    size_t size = 0;
    FILE *out = open_memstream(&h->where, &size);
    enum status st;

    if (out == NULL)
        return err_set(err, ST_FULL, "no memory to say whose rows are seen");
    st = where_print(h, out, err);
    if (fclose(out) != 0 && st == ST_OK)
        st = err_set(err, ST_FULL, "no memory to say whose rows are seen");
    h->shows_overflow = mentions(h->request->text, HUNT_OVERFLOW_COLUMN);
    h->shows_ingestion = mentions(h->request->text, "ingestion_time");
    return st;
}

void
hunt_environment_close(struct hunting *h)
{
    free(h->where);
}

/* ---- a table of the catalog ---- */

static uint32_t
find_column(const struct workspace_column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return (uint32_t)i;
    return UINT32_MAX;
}

/* The columns that the query's shape has, and behind them what only queries see that ask for it. */
static struct workspace_shape
shape_of(struct hunting *h, const struct workspace_table *t)
{
    const struct workspace_shape *first =
        h->request->shape == HUNT_HUNTING ? &t->hunting : &t->workspace;
    struct workspace_column *columns =
        pool_take(h->pool, (first->count + t->hunting.count + 2) * sizeof *columns);
    size_t count = first->count;

    memcpy(columns, first->columns, count * sizeof *columns);
    for (size_t i = 0; h->request->shape == HUNT_BOTH && i < t->hunting.count; i++)
        if (find_column(first->columns, first->count, t->hunting.columns[i].name) == UINT32_MAX)
            columns[count++] = t->hunting.columns[i];
    if (h->shows_overflow && find_column(columns, count, HUNT_OVERFLOW_COLUMN) == UINT32_MAX)
        columns[count++] = (struct workspace_column){HUNT_OVERFLOW_COLUMN, KQL_DYNAMIC, KQL_DYNAMIC,
                                                     "\"$overflow\""};
    if (h->shows_ingestion)
        columns[count++] = (struct workspace_column){KQL_INGESTION_COLUMN, KQL_DATETIME,
                                                     KQL_DATETIME, "\"$ingested\""};
    return (struct workspace_shape){columns, count};
}

static void
table_make(struct hunting *h, struct span name, const struct workspace_table *table,
           struct workspace_shape shape, const char *where, struct kql_table *out)
{
    struct workspace_shape *kept = pool_take(h->pool, sizeof *kept);
    struct sql_table *handle = pool_take(h->pool, sizeof *handle);
    struct kql_column *columns = pool_take(h->pool, (shape.count + 1) * sizeof *columns);

    *kept = shape;
    *handle = (struct sql_table){.table = table, .shape = kept, .where = where};
    for (size_t i = 0; i < shape.count; i++)
        columns[i] =
            (struct kql_column){span_of(shape.columns[i].name), (uint8_t)shape.columns[i].type};
    *out = (struct kql_table){
        .name = name, .schema = {columns, (uint32_t)shape.count, false},
             .handle = handle
    };
}

static void
give(struct hunting *h, const struct workspace_table *t, struct kql_table *out)
{
    size_t count, at = (size_t)(t - workspace_tables(h->workspace, &count));

    if (h->tables == NULL)
        h->tables = pool_zeroed(h->pool, count + 1, sizeof *h->tables);
    if (h->tables[at].handle == NULL)
        table_make(h, span_of(t->catalog->name), t, shape_of(h, t), h->where, &h->tables[at]);
    *out = h->tables[at];
}

/* ---- which tables have rows ---- */

static void
failed(struct hunting *h, const struct err *err)
{
    pool_abandon(h->pool, "%s", err->text);
}

/* Whether the query sees a row of it. Needs the pool's escape. */
static bool
sees_row(struct hunting *h, const char *table, const char *where)
{
    struct span sql = pool_printf(h->pool, "SELECT 1 FROM %s WHERE %s LIMIT 1", table, where);
    struct err err = {""};
    duckdb_result r;
    bool found;

    if (hunt_ask(h, sql.p, &r, &err) != ST_OK)
        failed(h, &err);
    found = duckdb_row_count(&r) > 0;
    duckdb_destroy_result(&r);
    return found;
}

/* Most of the catalog's tables are empty, and the database knows which. */
static void
rows_look(struct hunting *h)
{
    size_t count;
    const struct workspace_table *tables = workspace_tables(h->workspace, &count);
    uint8_t *found = pool_zeroed(h->pool, count + 1, 1);
    struct err err = {""};
    duckdb_result r;

    if (hunt_ask(h, "SELECT table_name FROM duckdb_tables() WHERE estimated_size > 0", &r, &err) !=
        ST_OK)
        failed(h, &err);
    for (idx_t i = 0; i < duckdb_row_count(&r); i++) {
        char *name = duckdb_value_varchar(&r, 0, i);
        size_t n = name != NULL ? strlen(name) : 0;

        for (size_t k = 0; k < count && n > 0; k++)
            if (strlen(tables[k].sql) == n + 2 && memcmp(tables[k].sql + 1, name, n) == 0)
                found[k] = 1;
        duckdb_free(name);
    }
    duckdb_destroy_result(&r);
    for (size_t k = 0; k < count; k++)
        found[k] = found[k] && sees_row(h, tables[k].sql, h->where);
    h->has_rows = found;
}

/* ---- tables that the catalog does not know ---- */

/* Their records lie in one table, whole: {"table":"NAME","record":{...}}, as load.c writes them. */
static void
other_make(struct hunting *h, struct hunt_other *o)
{
    static const char begin[] = "{\"table\":\"", middle[] = "\",\"record\":";
    bool is_hunting = h->request->shape == HUNT_HUNTING;
    int n = (int)o->name.n;
    struct span where = pool_printf(h->pool, "%s AND starts_with(\"$overflow\", '%s%.*s%s')",
                                    h->where, begin, n, o->name.p, middle);
    size_t prefix = sizeof begin - 1 + o->name.n + sizeof middle - 1;
    struct workspace_table *table = pool_zeroed(h->pool, 1, sizeof *table);
    struct workspace_column *columns = pool_take(h->pool, 4 * sizeof *columns);
    size_t count = 0;

    table->sql = "\"$other\"";
    columns[count++] = (struct workspace_column){is_hunting ? "Timestamp" : "TimeGenerated",
                                                 KQL_DATETIME, KQL_DATETIME, "\"$time\""};
    columns[count++] = (struct workspace_column){
        "Record", KQL_DYNAMIC, KQL_DYNAMIC,
        pool_printf(h->pool, "substring(\"$overflow\", %zu, length(\"$overflow\") - %zu)",
                    prefix + 1, prefix + 1)
            .p};
    if (h->shows_ingestion)
        columns[count++] = (struct workspace_column){KQL_INGESTION_COLUMN, KQL_DATETIME,
                                                     KQL_DATETIME, "\"$ingested\""};
    table->hunting = table->workspace = (struct workspace_shape){columns, count};
    table_make(h, o->name, table, table->hunting, where.p, &o->table);
    o->is_there = sees_row(h, table->sql, where.p);
}

static bool
other_find(struct hunting *h, struct span name, struct kql_table *out)
{
    struct hunt_other *o = h->others;

    if (!catalog_name_is_safe(name, CATALOG_CATEGORY_MAX))
        return false;
    while (o != NULL && !span_equal(o->name, name))
        o = o->next;
    if (o == NULL) {
        o = pool_zeroed(h->pool, 1, sizeof *o);
        o->name = pool_text(h->pool, name);
        other_make(h, o);
        o->next = h->others;
        h->others = o;
    }
    if (o->is_there)
        *out = o->table;
    return o->is_there;
}

/* ---- the environment ---- */

bool
hunt_table(void *context, struct span name, struct kql_table *out)
{
    struct hunting *h = context;
    const struct workspace_table *t = workspace_table_find(h->workspace, name);

    if (t == NULL)
        return other_find(h, name, out);
    give(h, t, out);
    return true;
}

bool
hunt_table_at(void *context, size_t index, struct kql_table *out)
{
    struct hunting *h = context;
    size_t count;
    const struct workspace_table *tables = workspace_tables(h->workspace, &count);

    if (index >= count)
        return false;
    if (h->has_rows == NULL)
        rows_look(h);
    give(h, &tables[index], out);
    out->is_empty = h->has_rows[index] == 0;
    return true;
}

bool
hunt_function(void *context, struct span name, struct span *text)
{
    struct hunting *h = context;
    const struct hunt_request *r = h->request;

    if ((r->function == NULL || !r->function(r->function_context, name, text)) &&
        !kql_defender_function(name, r->shape != HUNT_WORKSPACE, text))
        return false;
    h->shows_overflow = h->shows_overflow || mentions(*text, HUNT_OVERFLOW_COLUMN);
    h->shows_ingestion = h->shows_ingestion || mentions(*text, "ingestion_time");
    return true;
}
