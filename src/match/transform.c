#include "match/transform.h"
#include "match/shape.h"
#include "wire/scan.h"
#include <assert.h>
#include <stdlib.h>

enum {
    SCANNER_MEMORY = 256 << 10,
};

static const struct scan_limits limits = {
    .record_size_max = BLOCK_BODY_MAX, .depth_max = 1024, .values_max = SCAN_VALUES_MAX};

/* ---- compiled ---- */

struct transform_table {
    const char *name;
    struct kql_table source;
    struct kql_stream *stream;
    bool is_decorated; /* the query looks at MachineGroup, or gives the row another shape */
};

struct transform {
    struct pool pool;
    struct transform_table *tables;
    size_t count, room;
    uint64_t fingerprint;
};

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

static const struct transform_table *
table_find(const struct transform *t, const char *name)
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

static void
add_table(struct making *m, const struct catalog_table *table, const char *kql)
{
    struct transform *t = m->t;
    struct transform_table *added;
    struct kql_diagnostics d;
    struct span text = pool_text(&t->pool, span_of(kql));

    if (table_find(t, table->name) != NULL)
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
        added->is_decorated = !kql_stream_is_filter(added->stream) ||
                              kql_stream_reads(added->stream, SPAN_LITERAL("MachineGroup"));
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

/* ---- a run ---- */

/* Streams over one table that see the same columns: with MachineGroup, or without. */
struct group {
    struct kql_stream_set *set;
    struct kql_stream_run *run;
    uint32_t column_count;
    uint32_t *index;    /* by route: of its stream in the set */
    uint8_t *is_filter; /* by route */
    bool is_decorated;  /* they look at rows as they leave, MachineGroup included */
    struct group *next; /* of the run */
};

struct table { /* made when its first row comes */
    char name[72];
    struct group **by_route; /* NULL: the route leaves it as it is */
    struct table *next;
};

struct transform_run {
    const struct transform **transforms;
    const struct plan_route *const *routes; /* for TRANSFORM_ANY */
    size_t count;
    struct pool pool;
    struct group *groups;
    struct table *tables;
    struct scanner scanner;
    char *memory;
    const struct block *block;
    struct table **places; /* by stream of the block; NULL: not looked up yet */
    size_t place_room;
    /* the row at hand, scanned for a group */
    struct group *scanned;
    uint32_t row;
    char *copy; /* of rows that need a decoration, or a padding behind them */
    size_t copy_room;
    /* of the block: row * count + route. has_verdicts: they are there */
    uint8_t *verdicts;
    size_t verdict_room;
    bool has_verdicts;
    uint64_t unread; /* rows that the scanner did not take: damage */
};

/* As the window does: sizes are limited by settings. */
static void *
grown(void *array, size_t *room, size_t needed, size_t element)
{
    size_t wanted = *room < 64 ? 64 : *room;

    while (wanted < needed)
        wanted *= 2;
    if (wanted == *room)
        return array;
    array = realloc(array, wanted * element);
    if (array == NULL)
        abort();
    *room = wanted;
    return array;
}

enum status
transform_run_make(const struct transform *const *transforms, size_t count,
                   struct transform_run **out, struct err *err)
{
    struct transform_run *r = calloc(1, sizeof *r);
    struct arena a;

    if (r == NULL)
        return err_set(err, ST_FULL, "no memory for a transformation");
    pool_init(&r->pool, SIZE_MAX / 2); /* bounded by what the transforms were compiled in */
    r->count = count;
    r->transforms = calloc(count + 1, sizeof *r->transforms);
    r->memory = aligned_alloc(64, SCANNER_MEMORY);
    a = (struct arena){r->memory, SCANNER_MEMORY, 0};
    if (r->transforms == NULL || r->memory == NULL ||
        scanner_init(&r->scanner, &a, SCAN_ROWS, &limits, err) != ST_OK) {
        transform_run_free(r);
        return err_set(err, ST_FULL, "no memory for a transformation");
    }
    memcpy(r->transforms, transforms, count * sizeof *r->transforms);
    *out = r;
    return ST_OK;
}

void
transform_run_free(struct transform_run *run)
{
    if (run == NULL)
        return;
    for (struct group *g = run->groups; g != NULL; g = g->next) {
        kql_stream_run_free(g->run);
        kql_stream_set_free(g->set);
    }
    pool_free(&run->pool);
    free(run->transforms);
    free(run->memory);
    free(run->places);
    free(run->copy);
    free(run->verdicts);
    free(run);
}

uint64_t
transform_exhausted(const struct transform_run *run)
{
    uint64_t sum = run->unread;

    for (const struct group *g = run->groups; g != NULL; g = g->next)
        sum += kql_stream_exhausted(g->run);
    return sum;
}

/* ---- tables of a run ---- */

/* All streams of the table that have as many columns as the one of route 'first'. */
static struct group *
group_make(struct transform_run *r, const char *name, size_t first)
{
    const struct kql_stream **streams = pool_zeroed(&r->pool, r->count, sizeof *streams);
    struct group *g = pool_zeroed(&r->pool, 1, sizeof *g);
    const struct transform_table *like = table_find(r->transforms[first], name);
    struct err err = {""};
    uint32_t count = 0;

    g->column_count = like->source.schema.count;
    g->index = pool_zeroed(&r->pool, r->count, sizeof *g->index);
    g->is_filter = pool_zeroed(&r->pool, r->count, 1);
    for (size_t i = first; i < r->count; i++) {
        const struct transform_table *t =
            r->transforms[i] == NULL ? NULL : table_find(r->transforms[i], name);

        if (t == NULL || t->source.schema.count != g->column_count)
            continue;
        g->index[i] = count;
        g->is_filter[i] = kql_stream_is_filter(t->stream);
        streams[count++] = t->stream;
        g->is_decorated |= t->is_decorated;
    }
    g->set = kql_stream_set_new(&r->pool, streams, count, &err);
    if (g->set == NULL)
        abort(); /* it was compiled before: there is no memory; see grown */
    g->run = kql_stream_run_new(g->set, 0, &err);
    if (g->run == NULL)
        abort();
    g->next = r->groups;
    r->groups = g;
    return g;
}

static struct table *
table_make(struct transform_run *r, const char *name)
{
    struct table *t = pool_zeroed(&r->pool, 1, sizeof *t);

    snprintf(t->name, sizeof t->name, "%s", name);
    t->by_route = pool_zeroed(&r->pool, r->count + 1, sizeof(struct group *));
    for (size_t i = 0; i < r->count; i++) {
        const struct transform_table *own =
            r->transforms[i] == NULL ? NULL : table_find(r->transforms[i], name);

        for (size_t k = 0; own != NULL && k < i && t->by_route[i] == NULL; k++)
            if (t->by_route[k] != NULL && t->by_route[k]->column_count == own->source.schema.count)
                t->by_route[i] = t->by_route[k];
        if (own != NULL && t->by_route[i] == NULL)
            t->by_route[i] = group_make(r, name, i);
    }
    t->next = r->tables;
    r->tables = t;
    return t;
}

static struct table *
table_of(struct transform_run *r, uint16_t stream)
{
    const char *name = r->block->streams[stream].table;
    struct table *t = r->places[stream];
    jmp_buf here;

    if (t != NULL)
        return t;
    for (t = r->tables; t != NULL && strcmp(t->name, name) != 0; t = t->next)
        ;
    if (t == NULL) {
        if (setjmp(here) != 0)
            abort(); /* see grown */
        r->pool.escape = &here;
        t = table_make(r, name);
    }
    r->places[stream] = t;
    return t;
}

/* ---- rows ---- */

void
transform_routes(struct transform_run *run, const struct plan_route *const *routes)
{
    run->routes = routes;
}

void
transform_block(struct transform_run *run, const struct block *block)
{
    size_t streams = block->head->stream_count;

    run->block = block;
    run->places = grown(run->places, &run->place_room, streams, sizeof *run->places);
    memset(run->places, 0, streams * sizeof(struct table *));
    run->scanned = NULL;
    run->has_verdicts = false;
}

/* The row's object with readable bytes behind it: where it stands, or a copy. */
static struct span
object_of(struct transform_run *r, const struct plan_route *route, const struct block_row *row,
          bool is_decorated)
{
    size_t end = (size_t)row->properties_at + row->properties_size, size;

    if (!(is_decorated && shape_decorates(route, row)) && end + SCAN_PADDING <= r->block->body.n)
        return (struct span){r->block->body.p + row->properties_at, row->properties_size};
    r->copy = grown(r->copy, &r->copy_room, shape_room(row) + SCAN_PADDING, 1);
    if (is_decorated) {
        size = shape_properties(route, r->block, row, r->copy);
    } else {
        size = row->properties_size;
        memcpy(r->copy, r->block->body.p + row->properties_at, size);
    }
    memset(r->copy + size, 0, SCAN_PADDING);
    return (struct span){r->copy, size};
}

static bool
scan_for(struct transform_run *r, struct group *g, const struct plan_route *route, uint32_t row)
{
    struct scan_record record;
    struct scan_fault fault;

    if (r->scanned == g && r->row == row)
        return true;
    struct span object = object_of(r, route, &r->block->rows[row], g->is_decorated);

    r->scanned = NULL;
    scanner_reset(&r->scanner, SCAN_ROWS, &limits);
    if (scan_next(&r->scanner, object.p, object.n, true, &record, &fault) != SCAN_RECORD) {
        r->unread++;
        return false;
    }
    kql_stream_record(g->run, object.p + record.at, 0, record.size, record.values,
                      record.value_count, 1, r->block->head->admitted);
    r->scanned = g;
    r->row = row;
    return true;
}

static enum kql_stream_result
any_row(struct transform_run *r, uint32_t row, struct span *object)
{
    const struct block_stream *stream = &r->block->streams[r->block->rows[row].stream];

    for (size_t i = 0; i < r->count; i++) {
        enum kql_stream_result result = KQL_STREAM_DROP;

        if (plan_route_wants(r->routes[i], stream))
            result = transform_row(r, i, r->routes[i], row, object);
        if (result != KQL_STREAM_DROP)
            return result;
    }
    return KQL_STREAM_DROP;
}

enum kql_stream_result
transform_row(struct transform_run *run, size_t index, const struct plan_route *route, uint32_t row,
              struct span *object)
{
    if (index == TRANSFORM_ANY)
        return any_row(run, row, object);

    struct group *g = table_of(run, run->block->rows[row].stream)->by_route[index];

    if (g == NULL)
        return KQL_STREAM_SAME;
    if (run->has_verdicts) {
        enum kql_stream_result known = run->verdicts[row * run->count + index];

        if (known != KQL_STREAM_CHANGED)
            return known;
    }
    if (!scan_for(run, g, route, row))
        return KQL_STREAM_SAME;
    return kql_stream_ask(g->run, g->index[index], object);
}

/* DROP, SAME; CHANGED: to be asked when it is needed. */
static enum kql_stream_result
verdict_of(struct transform_run *r, size_t index, const struct plan_route *route, uint32_t row)
{
    struct group *g = table_of(r, r->block->rows[row].stream)->by_route[index];

    if (g == NULL || !scan_for(r, g, route, row))
        return KQL_STREAM_SAME;
    if (!kql_stream_passes(g->run, g->index[index]))
        return KQL_STREAM_DROP;
    return g->is_filter[index] ? KQL_STREAM_SAME : KQL_STREAM_CHANGED;
}

void
transform_block_all(struct transform_run *run, const struct block *block,
                    const struct plan_route *const *routes)
{
    size_t rows = block->head->row_count, streams = block->head->stream_count, n = run->count;
    uint8_t *wants;

    transform_block(run, block);
    run->verdicts = grown(run->verdicts, &run->verdict_room, (rows + streams) * n + 1, 1);
    wants = run->verdicts + rows * n;
    for (size_t s = 0; s < streams; s++)
        for (size_t i = 0; i < n; i++)
            wants[s * n + i] = plan_route_wants(routes[i], &block->streams[s]);
    for (uint32_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++)
            run->verdicts[row * n + i] = (uint8_t)(wants[block->rows[row].stream * n + i]
                                                       ? verdict_of(run, i, routes[i], row)
                                                       : KQL_STREAM_DROP);
    run->has_verdicts = true;
}
