/* stream_conditions.c - a stream's filter taken apart into the conditions that must all be met, each
 * with an identity by which others that ask the same are known.
 *
 * The identity is a hash of the expression from the leaves up: functions, constants with their
 * types, columns by name and type (not by place: the same text over another table is the same
 * question of a record). 128 bits, so that equal means the same. Expressions are a graph, as later
 * operators use earlier columns: what was hashed is remembered by address. */
#include "kql/eval_inner.h"
#include "kql/stream_inner.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { ORDERED_MAX = 1000 }; /* conditions; more keep the text's order */

struct identified {
    const struct kql_expr *expr;
    struct kql_stream_identity identity;
};

struct identify {
    struct pool *pool;
    const struct kql_schema *source;
    struct identified *known;
    uint32_t known_room, known_count;
    bool is_unknown; /* something has no identity of its own: a prepared matcher, another table */
};

struct bytes {
    char *p;
    size_t size, room;
};

static void
add(struct identify *x, struct bytes *b, const void *p, size_t size)
{
    b->p = pool_grow(x->pool, b->p, &b->room, b->size + size, 1);
    if (size > 0)
        memcpy(b->p + b->size, p, size);
    b->size += size;
}

static void
add_text(struct identify *x, struct bytes *b, struct span text)
{
    uint64_t size = text.n;

    add(x, b, &size, sizeof size);
    add(x, b, text.p, text.n);
}

/* Values made by parsing are as deep as KQL_LEVELS_MAX at most. */
static void
add_value(struct identify *x, struct bytes *b, const struct kql_value *v)
{
    uint8_t head[2] = {v->type, v->is_null};

    add(x, b, head, sizeof head);
    if (v->is_null)
        return;
    switch ((enum kql_type)v->type) {
    case KQL_STRING:
        add_text(x, b, kql_text(v));
        return;
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
    case KQL_REAL:
        add(x, b, &v->i, sizeof v->i);
        return;
    case KQL_GUID:
        add(x, b, v->guid->bytes, sizeof v->guid->bytes);
        return;
    case KQL_ARRAY:
        add(x, b, &v->array->count, sizeof v->array->count);
        for (uint32_t i = 0; i < v->array->count; i++)
            add_value(x, b, &v->array->items[i]);
        return;
    case KQL_BAG:
        add(x, b, &v->bag->count, sizeof v->bag->count);
        for (uint32_t i = 0; i < v->bag->count; i++) {
            add_text(x, b, v->bag->entries[i].key);
            add_value(x, b, &v->bag->entries[i].value);
        }
        return;
    default:
        x->is_unknown = true;
        return;
    }
}

static struct identified *
known_find(struct identified *known, uint32_t room, const struct kql_expr *e)
{
    uint64_t h = ((uintptr_t)e >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t)(h >> 32) & (room - 1);

    while (known[i].expr != NULL && known[i].expr != e)
        i = (i + 1) & (room - 1);
    return &known[i];
}

static void
known_add(struct identify *x, struct identified item)
{
    if (x->known_count * 2 >= x->known_room) {
        uint32_t room = x->known_room == 0 ? 32 : x->known_room * 2;
        struct identified *larger = pool_zeroed(x->pool, room, sizeof *larger);

        for (uint32_t i = 0; i < x->known_room; i++)
            if (x->known[i].expr != NULL)
                *known_find(larger, room, x->known[i].expr) = x->known[i];
        x->known = larger;
        x->known_room = room;
    }
    *known_find(x->known, x->known_room, item.expr) = item;
    x->known_count++;
}

/* As deep as the rewriting of stream.c allows; chains of 'and' and 'or' are flat there. */
static struct kql_stream_identity
identity_of(struct identify *x, const struct kql_expr *e)
{
    struct kql_stream_identity identity = {0};
    struct bytes b = {NULL, 0, 0};
    uint8_t head[2] = {e->kind, e->type};

    if (x->is_unknown)
        return identity;
    if (x->known_room > 0) {
        const struct identified *known = known_find(x->known, x->known_room, e);

        if (known->expr != NULL)
            return known->identity;
    }
    add(x, &b, head, sizeof head);
    switch ((enum kql_expr_kind)e->kind) {
    case KQL_EXPR_CONST:
        add_value(x, &b, &e->value);
        break;
    case KQL_EXPR_COLUMN:
        add(x, &b, &x->source->columns[e->column].type, 1);
        add_text(x, &b, x->source->columns[e->column].name);
        break;
    case KQL_EXPR_CALL:
        x->is_unknown |= stream_is_match(e->function) || (e->function->flags & KQL_F_VOLATILE) != 0;
        add(x, &b, &e->function, sizeof e->function);
        break;
    case KQL_EXPR_CONVERT:
        break;
    default:
        x->is_unknown = true;
        break;
    }
    for (uint32_t i = 0; i < e->count && !x->is_unknown; i++) {
        struct kql_stream_identity child = identity_of(x, e->arguments[i]);

        add(x, &b, &child, sizeof child);
    }
    if (x->is_unknown)
        return identity;
    XXH128_hash_t h = XXH3_128bits(b.p, b.size);

    identity = (struct kql_stream_identity){h.low64, h.high64 | 1}; /* none is all zero */
    known_add(x, (struct identified){e, identity});
    return identity;
}

/* ---- taking apart ---- */

struct parts {
    const struct kql_expr **items;
    size_t count, room;
};

static bool
is_and(const struct kql_expr *e)
{
    return e->kind == KQL_EXPR_CALL && (e->function->flags & KQL_F_LAZY) && e->count >= 2 &&
           strcmp(e->function->name, "and") == 0;
}

/* The text's left side nests as deep as the text is long: a list of what waits, and no recursion. */
static void
take_apart(struct pool *pool, const struct kql_expr *filter, struct parts *parts)
{
    struct parts waiting = {NULL, 0, 0};

    for (;;) {
        while (is_and(filter)) {
            for (uint32_t i = filter->count - 1; i > 0; i--) {
                waiting.items = pool_grow(pool, waiting.items, &waiting.room, waiting.count + 1,
                                          sizeof *waiting.items);
                waiting.items[waiting.count++] = filter->arguments[i];
            }
            filter = filter->arguments[0];
        }
        parts->items =
            pool_grow(pool, parts->items, &parts->room, parts->count + 1, sizeof *parts->items);
        parts->items[parts->count++] = filter;
        if (waiting.count == 0)
            return;
        filter = waiting.items[--waiting.count];
    }
}

/* What costs least per record that it drops comes first: as eval_compile.c orders an 'and'. */
static void
order(struct pool *pool, struct parts *parts)
{
    struct err ignored;
    struct kql_program *p;
    float *rank;

    if (parts->count < 2 || parts->count > ORDERED_MAX)
        return;
    p = kql_program_new(pool, parts->items, (uint32_t)parts->count, &ignored);
    if (p == NULL)
        return;
    rank = pool_take(pool, parts->count * sizeof *rank);
    for (size_t i = 0; i < parts->count; i++) {
        float ends = 1 - p->roots[i]->likely;

        rank[i] = p->roots[i]->cost / (ends < 0.001f ? 0.001f : ends);
    }
    for (size_t i = 1; i < parts->count; i++)
        for (size_t k = i; k > 0 && rank[k - 1] > rank[k]; k--) {
            const struct kql_expr *expr = parts->items[k];
            float r = rank[k];

            parts->items[k] = parts->items[k - 1];
            rank[k] = rank[k - 1];
            parts->items[k - 1] = expr;
            rank[k - 1] = r;
        }
    kql_program_free(p);
}

/* All that come behind the last place, as one. */
static const struct kql_expr *
rest_of(struct pool *pool, const struct kql_expr *filter, const struct parts *parts, size_t from)
{
    struct kql_expr *e;

    if (from + 1 == parts->count)
        return parts->items[from];
    e = pool_take(pool, sizeof *e);
    *e = (struct kql_expr){.kind = KQL_EXPR_CALL,
                           .type = KQL_BOOL,
                           .function = filter->function,
                           .arguments = parts->items + from,
                           .count = (uint32_t)(parts->count - from)};
    return e;
}

static struct kql_stream *
filter_of(const struct kql_stream *s, const struct kql_expr *condition)
{
    struct kql_stream *f = pool_zeroed(s->pool, 1, sizeof *f);

    f->pool = s->pool;
    f->source = f->schema = s->source;
    f->filter = condition;
    f->is_open = f->is_filter = true;
    return f;
}

void
stream_take_apart(struct kql_stream *s)
{
    struct identify x = {.pool = s->pool, .source = &s->source};
    struct parts parts = {NULL, 0, 0};
    struct kql_stream_identity identities[KQL_STREAM_CONDITIONS_MAX];
    const struct kql_expr *exprs[KQL_STREAM_CONDITIONS_MAX];
    struct pool_mark mark;
    uint32_t count;

    if (s->filter == NULL)
        return;
    take_apart(s->pool, s->filter, &parts);
    count =
        parts.count < KQL_STREAM_CONDITIONS_MAX ? (uint32_t)parts.count : KQL_STREAM_CONDITIONS_MAX;
    s->conditions = pool_zeroed(s->pool, count, sizeof *s->conditions);
    mark = pool_mark(s->pool);
    order(s->pool, &parts);
    pool_return(s->pool, mark);
    for (uint32_t i = 0; i < count; i++)
        exprs[i] = i + 1 == count ? rest_of(s->pool, s->filter, &parts, i) : parts.items[i];
    mark = pool_mark(s->pool);
    for (uint32_t i = 0; i < count; i++) {
        x.is_unknown = false;
        identities[i] = identity_of(&x, exprs[i]);
        if (x.is_unknown)
            identities[i] = (struct kql_stream_identity){0};
    }
    pool_return(s->pool, mark);
    for (uint32_t i = 0; i < count; i++)
        s->conditions[i] = (struct kql_stream_condition){filter_of(s, exprs[i]), identities[i]};
    s->condition_count = count;
}

const struct kql_stream_condition *
kql_stream_conditions(const struct kql_stream *stream, uint32_t *count)
{
    *count = stream->condition_count;
    return stream->conditions;
}
