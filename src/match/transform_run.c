/* transform_run.c - rows through compiled queries. A row is scanned once for all routes whose tables
 * have the same columns; what its conditions say may be known already (transform_share), and then
 * it is not scanned at all. */
#include "match/shape.h"
#include "match/transform_inner.h"
#include "wire/scan.h"
#include <assert.h>
#include <stdlib.h>

enum {
    SCANNER_MEMORY = 256 << 10,
};

static const struct scan_limits limits = {
    .record_size_max = BLOCK_BODY_MAX, .depth_max = 1024, .values_max = SCAN_VALUES_MAX};

/* Streams over one table that see the same columns: with MachineGroup, or without. */
struct group {
    struct kql_stream_set *set;
    struct kql_stream_run *run;
    uint32_t column_count;
    uint32_t *index;    /* by route: of its stream in the set */
    uint8_t *is_filter; /* by route */
    bool is_decorated;  /* they look at rows as they leave, MachineGroup included */
    /* the conditions of the only route, one by one; made when one is to be judged */
    const struct transform_table *of;
    struct kql_stream_set *judge_set;
    struct kql_stream_run *judge;
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
    const struct transform_shared *shared; /* by stream of the block; NULL: nothing is */
    /* the row at hand, scanned for a group; what was told of it */
    struct group *scanned;
    uint32_t row;
    struct span object;
    struct scan_record record;
    bool is_told, judge_is_told;
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
        kql_stream_run_free(g->judge);
        kql_stream_set_free(g->judge_set);
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
    const struct transform_table *like = transform_table_find(r->transforms[first], name);
    struct err err = {""};
    uint32_t count = 0;

    g->of = like;
    g->column_count = like->source.schema.count;
    g->index = pool_zeroed(&r->pool, r->count, sizeof *g->index);
    g->is_filter = pool_zeroed(&r->pool, r->count, 1);
    for (size_t i = first; i < r->count; i++) {
        const struct transform_table *t =
            r->transforms[i] == NULL ? NULL : transform_table_find(r->transforms[i], name);

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
            r->transforms[i] == NULL ? NULL : transform_table_find(r->transforms[i], name);

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
    run->shared = NULL;
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
scan_row(struct transform_run *r, struct group *g, const struct plan_route *route, uint32_t row)
{
    struct scan_fault fault;

    if (r->scanned == g && r->row == row)
        return true;
    r->object = object_of(r, route, &r->block->rows[row], g->is_decorated);
    r->scanned = NULL;
    scanner_reset(&r->scanner, SCAN_ROWS, &limits);
    if (scan_next(&r->scanner, r->object.p, r->object.n, true, &r->record, &fault) != SCAN_RECORD)
        return false;
    r->scanned = g;
    r->row = row;
    r->is_told = r->judge_is_told = false;
    return true;
}

static void
tell(const struct transform_run *r, struct kql_stream_run *run)
{
    kql_stream_record(run, r->object.p + r->record.at, 0, r->record.size, r->record.values,
                      r->record.value_count, 1, r->block->head->admitted);
}

static bool
scan_for(struct transform_run *r, struct group *g, const struct plan_route *route, uint32_t row)
{
    if (!scan_row(r, g, route, row)) {
        r->unread++;
        return false;
    }
    if (!r->is_told)
        tell(r, g->run);
    r->is_told = true;
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

/* CHANGED: to be asked. What is reshaped is always evaluated whole. */
static enum kql_stream_result
shared_result(const struct transform_run *r, const struct group *g, uint32_t row)
{
    const struct transform_shared *s = &r->shared[r->block->rows[row].stream];
    bool all_hold = s->count > 0;

    for (size_t i = 0; i < s->count; i++) {
        unsigned char v = TRANSFORM_UNKNOWN;

        if (s->verdicts[i] != NULL)
            v = atomic_load_explicit(&s->verdicts[i][row], memory_order_relaxed);
        if (v == TRANSFORM_FAILS)
            return KQL_STREAM_DROP;
        all_hold &= v == TRANSFORM_HOLDS;
    }
    return all_hold && g->is_filter[0] ? KQL_STREAM_SAME : KQL_STREAM_CHANGED;
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
    if (run->shared != NULL) {
        enum kql_stream_result known = shared_result(run, g, row);

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

/* ---- verdicts that are shared ---- */

void
transform_share(struct transform_run *run, const struct transform_shared *by_stream)
{
    assert(run->count == 1);
    run->shared = by_stream;
}

size_t
transform_unknown(const struct transform_run *run, uint32_t row)
{
    const struct transform_shared *s = &run->shared[run->block->rows[row].stream];

    for (size_t i = 0; i < s->count; i++) {
        if (s->verdicts[i] == NULL)
            continue;
        switch (atomic_load_explicit(&s->verdicts[i][row], memory_order_relaxed)) {
        case TRANSFORM_UNKNOWN:
            return i;
        case TRANSFORM_HOLDS:
            continue;
        default:
            return TRANSFORM_CONDITIONS_MAX;
        }
    }
    return TRANSFORM_CONDITIONS_MAX;
}

static void
judge_make(struct transform_run *r, struct group *g)
{
    const struct kql_stream *streams[TRANSFORM_CONDITIONS_MAX];
    struct err err = {""};

    for (uint32_t i = 0; i < g->of->condition_count; i++)
        streams[i] = g->of->conditions[i].stream;
    g->judge_set = kql_stream_set_new(&r->pool, streams, g->of->condition_count, &err);
    if (g->judge_set == NULL)
        abort(); /* see group_make */
    g->judge = kql_stream_run_new(g->judge_set, 0, &err);
    if (g->judge == NULL)
        abort();
}

static enum transform_verdict
judged(struct transform_run *r, struct group *g, const struct plan_route *route, uint32_t row,
       size_t condition)
{
    uint64_t before;
    bool passes;

    if (!scan_row(r, g, route, row))
        return TRANSFORM_EACH;
    if (!r->judge_is_told)
        tell(r, g->judge);
    r->judge_is_told = true;
    before = kql_stream_exhausted(g->judge);
    passes = kql_stream_passes(g->judge, (uint32_t)condition);
    if (kql_stream_exhausted(g->judge) != before)
        return TRANSFORM_EACH;
    return passes ? TRANSFORM_HOLDS : TRANSFORM_FAILS;
}

void
transform_judge(struct transform_run *run, const struct plan_route *route, uint32_t row,
                unsigned conditions)
{
    uint16_t stream = run->block->rows[row].stream;
    struct group *g = table_of(run, stream)->by_route[0];

    if (g->judge == NULL)
        judge_make(run, g);
    for (;;) {
        size_t i = transform_unknown(run, row);

        if (i == TRANSFORM_CONDITIONS_MAX || !(conditions >> i & 1))
            return;
        atomic_store_explicit(&run->shared[stream].verdicts[i][row],
                              (unsigned char)judged(run, g, route, row, i), memory_order_relaxed);
    }
}
