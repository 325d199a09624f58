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

/* ---- workspaces ---- */

/* The environment of a workspace in a shape, made if it is new. NULL: err. Needs no escape. */
static struct hunt_environment *
environment_at(struct hunting *h, const struct hunt_place *place, struct err *err)
{
    struct hunt_environment *e = &h->main;

    while (e->workspace != place->workspace || e->shape != place->shape) {
        if (e->next == NULL) {
            if (h->environment_count == HUNT_PLACES_MAX) {
                (void)err_set(err, ST_INVALID, "a query reads %d workspaces at most",
                              HUNT_PLACES_MAX);
                return NULL;
            }
            e->next = calloc(1, sizeof *e);
            if (e->next == NULL) {
                (void)err_set(err, ST_FULL, "no memory for a workspace's tables");
                return NULL;
            }
            *e->next = (struct hunt_environment){
                .h = h, .workspace = place->workspace, .shape = place->shape};
            e->next->place.name = place->name;
            hunt_seats_visit(&place->workspace->seats);
            h->main.place.name = h->request->name; /* it is not the only one any more */
            h->environment_count++;
        }
        e = e->next;
    }
    return e;
}

static enum status
beside_open(struct hunting *h, struct err *err)
{
    const struct hunt_request *r = h->request;

    for (size_t i = 0; i < r->beside_count; i++) {
        struct hunt_environment *e = environment_at(h, &r->beside[i], err);
        bool is_known = e == &h->main;

        if (e == NULL)
            return ST_INVALID;
        for (uint32_t k = 0; k < h->beside_count; k++)
            is_known |= h->beside[k] == e;
        if (!is_known)
            h->beside[h->beside_count++] = e;
    }
    return ST_OK;
}

bool
hunt_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    struct hunting *h = ((struct hunt_environment *)context)->h;
    const struct hunt_request *r = h->request;
    struct hunt_named *n = h->named;
    struct hunt_place found;

    while (n != NULL && (n->place.is_database != place->is_database ||
                         !span_equal(n->place.cluster, place->cluster) ||
                         !span_equal(n->place.name, place->name)))
        n = n->next;
    if (n == NULL) {
        struct hunt_environment *e;

        if (!r->place(r->place_context, place, &found, err))
            return false;
        e = environment_at(h, &found, err);
        if (e == NULL)
            return false;
        n = pool_zeroed(h->pool, 1, sizeof *n);
        *n = (struct hunt_named){.next = h->named, .place = *place, .environment = e};
        h->named = n;
    }
    *out = n->environment;
    return true;
}

enum status
hunt_environment_open(struct hunting *h, struct err *err)
{
    size_t size = 0;
    FILE *out = open_memstream(&h->where, &size);
    enum status st;

    h->main =
        (struct hunt_environment){.h = h, .workspace = h->workspace, .shape = h->request->shape};
    h->environment_count = 1;
    if (out == NULL)
        return err_set(err, ST_FULL, "no memory to say whose rows are seen");
    st = where_print(h, out, err);
    if (fclose(out) != 0 && st == ST_OK)
        st = err_set(err, ST_FULL, "no memory to say whose rows are seen");
    if (st == ST_OK)
        st = beside_open(h, err);
    h->shows_overflow = mentions(h->request->text, HUNT_OVERFLOW_COLUMN);
    h->shows_ingestion = mentions(h->request->text, "ingestion_time");
    return st;
}

void
hunt_environment_close(struct hunting *h)
{
    while (h->main.next != NULL) {
        struct hunt_environment *e = h->main.next;

        h->main.next = e->next;
        hunt_seats_visited(&e->workspace->seats);
        free(e);
    }
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
shape_of(struct hunt_environment *e, const struct workspace_table *t)
{
    struct hunting *h = e->h;
    const struct workspace_shape *first = e->shape == HUNT_HUNTING ? &t->hunting : &t->workspace;
    struct workspace_column *columns =
        pool_take(h->pool, (first->count + t->hunting.count + 2) * sizeof *columns);
    size_t count = first->count;

    memcpy(columns, first->columns, count * sizeof *columns);
    for (size_t i = 0; e->shape == HUNT_BOTH && i < t->hunting.count; i++)
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
table_make(struct hunt_environment *e, struct span name, const struct workspace_table *table,
           struct workspace_shape shape, const char *where, struct kql_table *out)
{
    struct hunting *h = e->h;
    struct workspace_shape *kept = pool_take(h->pool, sizeof *kept);
    struct sql_table *handle = pool_take(h->pool, sizeof *handle);
    struct kql_column *columns = pool_take(h->pool, (shape.count + 1) * sizeof *columns);

    *kept = shape;
    *handle = (struct sql_table){.table = table, .shape = kept, .where = where, .place = &e->place};
    for (size_t i = 0; i < shape.count; i++)
        columns[i] =
            (struct kql_column){span_of(shape.columns[i].name), (uint8_t)shape.columns[i].type};
    *out = (struct kql_table){
        .name = name, .schema = {columns, (uint32_t)shape.count, false},
             .handle = handle
    };
}

static void
give(struct hunt_environment *e, const struct workspace_table *t, struct kql_table *out)
{
    size_t count, at = (size_t)(t - workspace_tables(e->workspace, &count));

    if (e->tables == NULL)
        e->tables = pool_zeroed(e->h->pool, count + 1, sizeof *e->tables);
    if (e->tables[at].handle == NULL)
        table_make(e, span_of(t->catalog->name), t, shape_of(e, t), e->h->where, &e->tables[at]);
    *out = e->tables[at];
}

/* ---- which tables have rows ---- */

static void
failed(struct hunting *h, const struct err *err)
{
    pool_abandon(h->pool, "%s", err->text);
}

/* Whether the query sees a row of it. Needs the pool's escape. */
static bool
sees_row(struct hunt_environment *e, const char *table, const char *where)
{
    struct hunting *h = e->h;
    struct span sql = pool_printf(h->pool, "SELECT 1 FROM %s WHERE %s LIMIT 1", table, where);
    struct err err = {""};
    duckdb_result r;
    bool found;

    if (hunt_ask(h, e->workspace, sql.p, &r, &err) != ST_OK)
        failed(h, &err);
    found = duckdb_row_count(&r) > 0;
    duckdb_destroy_result(&r);
    return found;
}

/* Most of the catalog's tables are empty, and the database knows which. */
static void
rows_look(struct hunt_environment *e)
{
    struct hunting *h = e->h;
    size_t count;
    const struct workspace_table *tables = workspace_tables(e->workspace, &count);
    uint8_t *found = pool_zeroed(h->pool, count + 1, 1);
    struct err err = {""};
    duckdb_result r;

    if (hunt_ask(h, e->workspace, "SELECT table_name FROM duckdb_tables() WHERE estimated_size > 0",
                 &r, &err) != ST_OK)
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
        found[k] = found[k] && sees_row(e, tables[k].sql, h->where);
    e->has_rows = found;
}

/* ---- tables that the catalog does not know ---- */

/* Their records lie in one table, whole: {"table":"NAME","record":{...}}, as load.c writes them. */
static void
other_make(struct hunt_environment *e, struct hunt_other *o)
{
    struct hunting *h = e->h;
    static const char begin[] = "{\"table\":\"", middle[] = "\",\"record\":";
    bool is_hunting = e->shape == HUNT_HUNTING;
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
    table_make(e, o->name, table, table->hunting, where.p, &o->table);
    o->is_there = sees_row(e, table->sql, where.p);
}

static bool
other_find(struct hunt_environment *e, struct span name, struct kql_table *out)
{
    struct hunt_other *o = e->others;

    if (!catalog_name_is_safe(name, CATALOG_CATEGORY_MAX))
        return false;
    while (o != NULL && !span_equal(o->name, name))
        o = o->next;
    if (o == NULL) {
        o = pool_zeroed(e->h->pool, 1, sizeof *o);
        o->name = pool_text(e->h->pool, name);
        other_make(e, o);
        o->next = e->others;
        e->others = o;
    }
    if (o->is_there)
        *out = o->table;
    return o->is_there;
}

/* ---- the environment ---- */

bool
hunt_table(void *context, struct span name, struct kql_table *out)
{
    struct hunt_environment *e = context;
    const struct workspace_table *t = workspace_table_find(e->workspace, name);

    if (t == NULL)
        return other_find(e, name, out);
    give(e, t, out);
    return true;
}

bool
hunt_table_at(void *context, size_t index, struct kql_table *out)
{
    struct hunt_environment *e = context;
    size_t count;
    const struct workspace_table *tables = workspace_tables(e->workspace, &count);

    if (index >= count)
        return false;
    if (e->has_rows == NULL)
        rows_look(e);
    give(e, &tables[index], out);
    out->is_empty = e->has_rows[index] == 0;
    return true;
}

bool
hunt_function(void *context, struct span name, struct span *text)
{
    struct hunting *h = ((struct hunt_environment *)context)->h;
    const struct hunt_request *r = h->request;

    if ((r->function == NULL || !r->function(r->function_context, name, text)) &&
        !kql_defender_function(name, r->shape != HUNT_WORKSPACE, text))
        return false;
    h->shows_overflow = h->shows_overflow || mentions(*text, HUNT_OVERFLOW_COLUMN);
    h->shows_ingestion = h->shows_ingestion || mentions(*text, "ingestion_time");
    return true;
}
