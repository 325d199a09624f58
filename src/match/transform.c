/* transform.c - a route's queries, compiled for each of its tables. */
#include "match/transform_inner.h"
#include <stdlib.h>

static void
mix(struct transform *t, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        t->fingerprint =
            (t->fingerprint ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    t->fingerprint = (t->fingerprint ^ size) * UINT64_C(1099511628211);
}

uint64_t
transform_fingerprint(const struct transform *t)
{
    return t->fingerprint;
}

const struct transform_table *
transform_table_find(const struct transform *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->tables[i].name, name) == 0)
            return &t->tables[i];
    return NULL;
}

static bool
leaves_with_group(const struct catalog_table *t, enum group_mode mode)
{
    return mode == GROUP_ALWAYS || t->machine_group == GROUP_DECORATED;
}

/* The catalog's columns, and MachineGroup behind them where rows leave with one. */
static struct kql_table
source_make(struct pool *pool, const struct catalog_table *t, enum group_mode mode)
{
    struct kql_column *columns = pool_take(pool, (t->column_count + 1) * sizeof *columns);
    uint32_t count = 0;
    bool has_group = false;

    for (size_t i = 0; i < t->column_count; i++) {
        columns[count++] = (struct kql_column){pool_text(pool, span_of(t->columns[i].name)),
                                               (uint8_t)kql_type_of_column(t->columns[i].type)};
        has_group |= strcmp(t->columns[i].name, "MachineGroup") == 0;
    }
    if (!has_group && leaves_with_group(t, mode))
        columns[count++] = (struct kql_column){SPAN_LITERAL("MachineGroup"), KQL_STRING};
    return (struct kql_table){
        .name = SPAN_LITERAL("source"), .schema = {columns, count, false},
             .handle = columns
    };
}

struct making {
    const struct transform_source *source;
    transform_told *told;
    void *app;
    struct transform *t;
    struct err *err;
    bool has_failed;
};

static void
complain(struct making *m, const char *table, const struct kql_diagnostics *d)
{
    for (uint32_t i = 0; i < d->count && !m->has_failed; i++)
        if (!d->items[i].is_warning) {
            err_set(m->err, ST_INVALID, "transformKql for %s, line %u, column %u: %s: %s", table,
                    d->items[i].line, d->items[i].column, kql_code_name(d->items[i].code),
                    d->items[i].text);
            m->has_failed = true;
        }
}

/* A condition on MachineGroup asks another question where rows leave with another one. */
static void
table_complete(struct transform_table *t, enum group_mode mode)
{
    bool reads_group = kql_stream_reads(t->stream, SPAN_LITERAL("MachineGroup"));
    const struct kql_stream_condition *of = kql_stream_conditions(t->stream, &t->condition_count);

    t->is_decorated = !kql_stream_is_filter(t->stream) || reads_group;
    for (uint32_t i = 0; i < t->condition_count; i++) {
        t->conditions[i] = of[i];
        if (reads_group && of[i].identity.high != 0)
            t->conditions[i].identity.low += UINT64_C(0x9e3779b97f4a7c15) * (mode + 1);
    }
}

static void
add_table(struct making *m, const struct catalog_table *table, const char *kql)
{
    struct transform *t = m->t;
    struct transform_table *added;
    struct kql_diagnostics d;
    struct span text = pool_text(&t->pool, span_of(kql));

    if (transform_table_find(t, table->name) != NULL)
        return;
    t->tables = pool_grow(&t->pool, t->tables, &t->room, t->count + 1, sizeof *t->tables);
    added = &t->tables[t->count];
    *added =
        (struct transform_table){.name = pool_text(&t->pool, span_of(table->name)).p,
                                 .source = source_make(&t->pool, table, m->source->group_mode)};
    mix(t, table->name, strlen(table->name));
    mix(t, kql, strlen(kql));
    for (uint32_t i = 0; i < added->source.schema.count; i++) {
        mix(t, added->source.schema.columns[i].name.p, added->source.schema.columns[i].name.n);
        mix(t, &added->source.schema.columns[i].type, 1);
    }
    kql_diagnostics_init(&d, &t->pool, text);
    added->stream = kql_stream_new(&t->pool, text, &added->source, m->source->strictness, &d);
    t->count += added->stream != NULL;
    if (m->told != NULL)
        m->told(m->app, table->name, &d,
                added->stream == NULL ? NULL : kql_stream_schema(added->stream));
    if (added->stream == NULL)
        complain(m, table->name, &d);
    else
        table_complete(added, m->source->group_mode);
}

static void
refuse(struct making *m, const char *format, const char *name)
{
    if (!m->has_failed)
        err_set(m->err, ST_INVALID, format, name);
    m->has_failed = true;
}

static const struct catalog_table *
table_named(const struct catalog *catalog, struct span category)
{
    return catalog_find(catalog, catalog_category_table(catalog, category));
}

static void
add_all(struct making *m, const char *kql)
{
    const struct transform_source *s = m->source;

    if (s->category_count == 0)
        refuse(m,
               "transformKql: one query for all tables needs tables that are known%s: list them "
               "under logs, or give a query for each as {\"DeviceInfo\":\"source | ...\"}",
               "");
    for (size_t i = 0; i < s->category_count; i++) {
        const struct catalog_table *table = table_named(s->catalog, span_of(s->categories[i]));

        if (table != NULL)
            add_table(m, table, kql);
        else
            refuse(m, "transformKql: the columns of %.100s are not known", s->categories[i]);
    }
}

static void
add_query(struct making *m, const struct transform_query *q)
{
    const struct catalog_table *table;

    if (strlen(q->kql) > TRANSFORM_TEXT_MAX) {
        refuse(m, "transformKql: a query has at most 64 KiB%s", "");
        return;
    }
    if (q->table == NULL) {
        add_all(m, q->kql);
        return;
    }
    table = table_named(m->source->catalog, span_of(q->table));
    if (table == NULL)
        refuse(m, "transformKql: there is no table '%.100s'", q->table);
    else
        add_table(m, table, q->kql);
}

static bool
make_all(struct making *m)
{
    jmp_buf here;

    if (setjmp(here) != 0) {
        refuse(m, "transformKql: the queries need too much memory%s", "");
        return false;
    }
    m->t->pool.escape = &here;
    for (size_t i = 0; i < m->source->query_count; i++) {
        m->t->pool.deadline_ms = 0;
        m->t->pool.patience_ms = TRANSFORM_PREPARE_MS;
        add_query(m, &m->source->queries[i]);
    }
    m->t->pool.deadline_ms = m->t->pool.patience_ms = 0;
    return !m->has_failed;
}

enum status
transform_make(const struct transform_source *source, transform_told *told, void *app,
               struct transform **out, struct err *err)
{
    struct transform *t = calloc(1, sizeof *t);
    struct making m = {source, told, app, t, err, false};

    if (t == NULL)
        return err_set(err, ST_FULL, "no memory for a transformation");
    pool_init(&t->pool, TRANSFORM_MEMORY_MAX);
    t->fingerprint = UINT64_C(14695981039346656037) + TRANSFORM_REVISION;
    if (!make_all(&m)) {
        transform_free(t);
        return ST_INVALID;
    }
    *out = t;
    return ST_OK;
}

void
transform_free(struct transform *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        kql_stream_free(t->tables[i].stream);
    pool_free(&t->pool);
    free(t);
}

size_t
transform_table_count(const struct transform *t)
{
    return t->count;
}

const char *
transform_table_name(const struct transform *t, size_t table)
{
    return t->tables[table].name;
}

size_t
transform_conditions(const struct transform *t, size_t table,
                     struct kql_stream_identity identities[TRANSFORM_CONDITIONS_MAX])
{
    for (uint32_t i = 0; i < t->tables[table].condition_count; i++)
        identities[i] = t->tables[table].conditions[i].identity;
    return t->tables[table].condition_count;
}
