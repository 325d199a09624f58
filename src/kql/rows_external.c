/* rows_external.c - externaldata: rows of files that whoever runs the query fetches. A file is fetched when its first row is
 * asked for, once in a query however often it is named; its text is kept, its rows are read from it each time. */
#include "kql/external.h"
#include "kql/rows_inner.h"
#include "wire/fetch.h"

enum { SLOT_INLINE = 6000 };

struct rows_external {
    struct rows_external *older;
    struct span url, text;
};

/* How errors call a place. */
static struct span
name_of(struct pool *p, const struct kql_external_place *place)
{
    char origin[FETCH_ORIGIN_SIZE];

    if (place->is_concealed)
        return SPAN_LITERAL("an obfuscated URL");
    fetch_origin(place->url, origin);
    return pool_text(p, span_of(origin));
}

/* Ends the query by what went wrong with a place; by its own end first, if it is to end anyway. */
static _Noreturn void
fail(struct rows_engine *e, enum status st, const struct err *err)
{
    pool_check(e->pool);
    if (st == ST_FULL)
        pool_exceed(e->pool, "externaldata: %s", err->text);
    pool_abandon(e->pool, "externaldata: %s", err->text);
}

static _Noreturn void
fail_at(struct rows_engine *e, const struct kql_external_place *place, enum status st,
        const struct err *err)
{
    struct span name = name_of(e->pool, place);
    struct err named;

    (void)err_set(&named, st, "%.*s: %s", (int)name.n, name.p, err->text);
    fail(e, st, &named);
}

static size_t
size_left(const struct rows_engine *e)
{
    size_t most = e->source->fetched_size_max, count = 0;

    if (most == 0)
        most = KQL_EXTERNAL_SIZE_MAX;
    for (const struct rows_external *x = e->externals; x != NULL; x = x->older) {
        most -= x->text.n < most ? x->text.n : most;
        count++;
    }
    if (count == KQL_EXTERNAL_PLACES_MAX)
        pool_exceed(e->pool, "externaldata: one query reads at most %d files",
                    KQL_EXTERNAL_PLACES_MAX);
    return most;
}

static struct rows_external *
external_fetch(struct rows_engine *e, const struct kql_external_place *place)
{
    const struct kql_rows_source *s = e->source;
    struct rows_external *made;
    struct rows_release *r;
    struct span bytes = {"", 0};
    struct err err = {""};
    size_t left;
    enum status st;

    if (s == NULL || s->fetch == NULL)
        pool_abandon(e->pool, "externaldata is not read here: give the rows as a table");
    left = size_left(e);
    made = pool_zeroed(e->pool, 1, sizeof *made);
    r = rows_release_new(e, s->fetched);
    st = s->fetch(s->context, place, left, &bytes, &r->thing, &err);
    if (st != ST_OK)
        fail(e, st, &err);
    st = kql_external_text(e->pool, bytes, left, &made->text, &err);
    s->fetched(r->thing);
    r->thing = NULL;
    if (st != ST_OK)
        fail_at(e, place, st, &err);
    made->url = place->url;
    made->older = e->externals;
    e->externals = made;
    return made;
}

static struct span
text_of(struct rows_engine *e, const struct kql_external_place *place)
{
    const struct rows_external *x = e->externals;

    while (x != NULL && !span_equal(x->url, place->url))
        x = x->older;
    return x != NULL ? x->text : external_fetch(e, place)->text;
}

struct external_cursor {
    struct rows_cursor c;
    struct kql_external_reader reader;
    uint32_t index; /* of the place that is read */
    bool is_open;
};

static void
open_place(struct external_cursor *x, const struct kql_external_place *place)
{
    const struct kql_op *op = x->c.op;
    struct rows_engine *e = x->c.run->engine;
    enum kql_external_format format;
    struct err err = {""};
    enum status st = kql_external_format_of(op->u.external.format, place->url, &format, &err);

    if (st == ST_OK)
        st = kql_external_begin(&x->reader, x->c.run->keep, format, op->u.external.ignores_first,
                                text_of(e, place), &op->schema, &err);
    if (st != ST_OK)
        fail_at(e, place, st, &err);
    x->is_open = true;
}

static bool
external_next(struct rows_cursor *c, struct kql_value *row)
{
    struct external_cursor *x = (struct external_cursor *)c;
    const struct kql_op *op = c->op;

    for (; x->index < op->u.external.place_count; x->index++, x->is_open = false) {
        const struct kql_external_place *place = &op->u.external.places[x->index];
        struct err err = {""};
        enum status st;

        if (!x->is_open)
            open_place(x, place);
        st = kql_external_next(&x->reader, c->run->scratch, row, &err);
        if (st == ST_OK)
            return true;
        if (st != ST_END)
            fail_at(c->run->engine, place, st, &err);
    }
    return false;
}

struct rows_cursor *
rows_open_external(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct pool *p = run->engine->pool;

    (void)wanted;
    if (op->u.external.function.n > 0)
        pool_abandon(p, "%.*s() is over data that is not here: it is not built",
                     (int)op->u.external.function.n, op->u.external.function.p);
    if (op->u.external.has_mapping)
        pool_abandon(p, "externaldata: ingestionMapping is not built: name the columns as the file "
                        "has them, or in its order");
    return rows_cursor_new(run, op, sizeof(struct external_cursor), external_next);
}

/* ---- for who makes something of the rows ---- */

/* False: there are more cells. */
static bool
read_cells(struct rows_run *run, const struct kql_op *op, size_t cells_max, struct kql_op *out)
{
    struct pool *p = run->engine->pool;
    uint32_t width = op->schema.count;
    struct rows_cursor *c = rows_open(run, op, NULL);
    struct kql_value *cells = NULL, *row = rows_cells_new(p, width);
    size_t count = 0, room = 0;

    for (; rows_next(c, row); count++) {
        if ((count + 1) * width > cells_max)
            return false;
        cells = pool_grow(p, cells, &room, (count + 1) * width, sizeof *cells);
        memcpy(cells + count * width, rows_copy(p, row, width, false), width * sizeof *row);
        pool_reset(run->scratch);
    }
    out->u.rows.cells = cells;
    out->u.rows.row_count = count;
    return true;
}

static const struct kql_op *
read_inline(struct rows_engine *e, const struct kql_op *op, size_t cells_max)
{
    struct rows_run *run = rows_run_inside(&e->root);
    struct kql_op *made = pool_take(e->pool, sizeof *made);
    bool fits;

    *made = *op;
    made->kind = KQL_ROWS_INLINE;
    made->origin = rows_origin(op);
    fits = read_cells(run, op, cells_max, made);
    rows_run_restart(run, NULL);
    return fits ? made : NULL;
}

const struct kql_op *
kql_rows_external(struct rows_engine *e, const struct kql_op *op, size_t cells_max)
{
    static const struct kql_op too_large = {.kind = KQL_ROWS_INLINE};
    const struct kql_op *made = rows_memo_get(e, rows_origin(op), SLOT_INLINE);

    if (made == NULL) {
        made = read_inline(e, op, cells_max);
        rows_memo_put(e, rows_origin(op), SLOT_INLINE,
                      (void *)(uintptr_t)(made != NULL ? made : &too_large));
    }
    return made != &too_large ? made : NULL;
}
