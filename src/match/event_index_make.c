/* event_index_make.c - filters become clauses in buckets, clauses get their anchors. */
#include "match/event_index_inner.h"
#include <stdlib.h>

enum {
    SCOPES_APART_MAX = 8,   /* filters with more stand in the buckets of their subscriptions */
    WINDOW_CLAUSES_MIN = 8, /* fewer are searched for faster one by one */
    WINDOW_MIN = 4,
    WINDOW_MAX = 32,
};

static bool
is_ascii(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Equal paths have equal hashes; other names than ASCII's count as one. */
static uint64_t
hash_path(const struct rule_path *path)
{
    uint64_t h = path->count;

    for (uint32_t i = 0; i < path->count; i++) {
        const struct rule_step *s = &path->steps[i];

        h = mix(h, s->name.p == NULL ? s->index : is_ascii(s->name) ? hash_text(s->name) : 1);
    }
    return h;
}

/* What is needed while the index is made only. */
struct maker {
    struct event_index *x;
    struct lookup clause_of, path_of, probe_of;
    struct lookup tally; /* clauses by what they could be found by, and by which probe */
    size_t part_count;
};

/* Room for one more item; false: no memory. */
static bool
grow(void *items, size_t *room, size_t count, size_t size)
{
    void **p = items, *more;

    if (count < *room)
        return true;
    more = count < NOTHING / 2 ? realloc(*p, (count * 2 + 16) * size) : NULL;
    if (more == NULL)
        return false;
    *p = more;
    *room = count * 2 + 16;
    return true;
}

#define GROW(object, items, name)                                                                  \
    grow(&(object)->items, &(object)->name##_room, (object)->name##_count, sizeof *(object)->items)

static uint32_t
bucket_need(struct event_index *x, enum event_source source, struct span scope)
{
    uint32_t i = event_index_bucket(x, source, scope);

    if (i != NOTHING)
        return i;
    i = (uint32_t)x->bucket_count;
    if (!GROW(x, buckets, bucket) ||
        !lookup_add(&x->bucket_of, event_index_bucket_hash(source, scope), i))
        return NOTHING;
    x->buckets[x->bucket_count++] =
        (struct bucket){.scope = scope, .source = source, .plain = NOTHING, .paths = NOTHING};
    return i;
}

static uint64_t
hash_set(uint32_t bucket, const struct rule_set *set)
{
    uint64_t h = bucket;

    for (uint32_t i = 0; set != NULL && i < set->count; i++) {
        const struct rule *r = &set->rules[i];

        h = mix(h, hash_path(&r->path));
        h = mix(h, (uint64_t)r->type << 8 | (uint64_t)r->how);
        h = mix(h, hash_text(r->expected));
    }
    return h;
}

static bool
sets_equal(const struct rule_set *a, const struct rule_set *b)
{
    uint32_t count = a != NULL ? a->count : 0;

    if (count != (b != NULL ? b->count : 0))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (a->rules[i].type != b->rules[i].type || a->rules[i].how != b->rules[i].how ||
            !span_equal(a->rules[i].expected, b->rules[i].expected) ||
            !rule_path_equal(&a->rules[i].path, &b->rules[i].path))
            return false;
    return true;
}

static uint32_t
clause_need(struct maker *m, uint32_t bucket, const struct rule_set *set)
{
    struct event_index *x = m->x;
    uint64_t hash = hash_set(bucket, set);
    size_t at = 0;
    uint32_t i;

    while ((i = lookup_next(&m->clause_of, hash, &at)) != NOTHING)
        if (x->clauses[i].bucket == bucket && sets_equal(x->clauses[i].set, set))
            return i;
    i = (uint32_t)x->clause_count;
    if (!GROW(x, clauses, clause) || !lookup_add(&m->clause_of, hash, i))
        return NOTHING;
    x->clauses[x->clause_count++] = (struct clause){
        .set = set != NULL && set->count > 0 ? set : NULL, .bucket = bucket, .filters = NOTHING};
    return i;
}

static bool
add_clause(struct maker *m, uint32_t bucket, const struct rule_set *set, uint32_t filter)
{
    struct event_index *x = m->x;
    uint32_t c = clause_need(m, bucket, set);

    if (c == NOTHING || ++m->part_count > EVENT_INDEX_PARTS_MAX)
        return false;
    if (x->clauses[c].filters != NOTHING && x->links[x->clauses[c].filters].filter == filter)
        return true;
    if (!GROW(x, links, link))
        return false;
    x->links[x->link_count] = (struct filter_link){filter, x->clauses[c].filters};
    x->clauses[c].filters = (uint32_t)x->link_count++;
    return true;
}

static bool
add_source(struct maker *m, uint32_t filter, const struct event_filter_source *s, struct span scope)
{
    uint32_t bucket = bucket_need(m->x, s->source, scope);

    if (bucket == NOTHING)
        return false;
    if (s->rules == NULL || s->rules->count == 0)
        return add_clause(m, bucket, NULL, filter);
    for (uint32_t i = 0; i < s->rules->count; i++)
        if (!add_clause(m, bucket, &s->rules->sets[i], filter))
            return false;
    return true;
}

static bool
add_filter(struct maker *m, uint32_t filter)
{
    const struct event_filter *f = m->x->filters[filter];

    for (size_t i = 0; i < f->scope_count; i++) {
        struct span scope = f->scope_count > SCOPES_APART_MAX
                                ? event_index_subscription(f->scopes[i])
                                : f->scopes[i];
        bool is_done = false;

        for (size_t j = 0; f->scope_count > SCOPES_APART_MAX && j < i; j++)
            is_done |= span_equal(scope, event_index_subscription(f->scopes[j]));
        for (size_t j = 0; !is_done && j < f->source_count; j++)
            if (!add_source(m, filter, &f->sources[j], scope))
                return false;
    }
    return true;
}

/* ---- anchors ---- */

/* Bytes of a rule's window; 0: the whole value. False: it is no anchor. */
static bool
anchor_window(const struct rule *r, uint32_t *window)
{
    if (r->type != RULE_STRING || r->how == RULE_NOT_EQUALS || !is_ascii(r->expected))
        return false;
    *window = 0;
    if (r->how == RULE_EQUALS)
        return true;
    if (r->expected.n < WINDOW_MIN)
        return false;
    for (*window = WINDOW_MAX; *window > r->expected.n; *window /= 2) {
    }
    return true;
}

/* The end of a value tells more than its beginning: ids begin alike. */
static uint64_t
anchor_hash(const struct rule *r, uint32_t window)
{
    struct span v = r->expected;

    if (window > 0)
        v = (struct span){v.p + v.n - window, window};
    return hash_text(v);
}

static uint64_t
probe_hash(uint32_t bucket, const struct rule *r, uint32_t window)
{
    return mix(mix(bucket, hash_path(&r->path)), window);
}

static bool
count_anchors(struct maker *m, const struct clause *c)
{
    for (uint32_t i = 0; c->set != NULL && i < c->set->count; i++) {
        const struct rule *r = &c->set->rules[i];
        uint32_t window, *of_probe, *of_value;
        uint64_t hash;

        if (!anchor_window(r, &window))
            continue;
        hash = probe_hash(c->bucket, r, window);
        of_probe = lookup_tally(&m->tally, hash);
        if (of_probe == NULL)
            return false;
        ++*of_probe;
        of_value = lookup_tally(&m->tally, mix(hash, anchor_hash(r, window)));
        if (of_value == NULL)
            return false;
        ++*of_value;
    }
    return true;
}

static const struct rule *
choose_anchor(struct maker *m, const struct clause *c, uint32_t *window)
{
    const struct rule *best = NULL;
    uint32_t least = NOTHING;

    for (uint32_t i = 0; c->set != NULL && i < c->set->count; i++) {
        const struct rule *r = &c->set->rules[i];
        uint32_t size, count;
        uint64_t hash;

        if (!anchor_window(r, &size))
            continue;
        hash = probe_hash(c->bucket, r, size);
        if (size > 0 && *lookup_tally(&m->tally, hash) < WINDOW_CLAUSES_MIN)
            continue;
        count = *lookup_tally(&m->tally, mix(hash, anchor_hash(r, size)));
        if (count < least || (count == least && size == 0 && *window != 0)) {
            least = count;
            best = r;
            *window = size;
        }
    }
    return best;
}

static uint32_t
path_need(struct maker *m, uint32_t bucket, const struct rule_path *path)
{
    struct event_index *x = m->x;
    uint64_t hash = mix(bucket, hash_path(path));
    size_t at = 0;
    uint32_t i;

    while ((i = lookup_next(&m->path_of, hash, &at)) != NOTHING)
        if (x->paths[i].bucket == bucket && rule_path_equal(x->paths[i].path, path))
            return i;
    i = (uint32_t)x->path_count;
    if (!GROW(x, paths, path) || !lookup_add(&m->path_of, hash, i))
        return NOTHING;
    x->paths[x->path_count++] =
        (struct anchor_path){path, bucket, NOTHING, x->buckets[bucket].paths};
    x->buckets[bucket].paths = i;
    return i;
}

static uint32_t
probe_need(struct maker *m, uint32_t path, uint32_t window)
{
    struct event_index *x = m->x;
    uint64_t hash = mix(path, window);
    size_t at = 0;
    uint32_t i;

    while ((i = lookup_next(&m->probe_of, hash, &at)) != NOTHING)
        if (x->probes[i].path == path && x->probes[i].window == window)
            return i;
    i = (uint32_t)x->probe_count;
    if (!GROW(x, probes, probe) || !lookup_add(&m->probe_of, hash, i))
        return NOTHING;
    x->probes[x->probe_count++] =
        (struct probe){.path = path, .window = window, .next = x->paths[path].probes};
    x->paths[path].probes = i;
    return i;
}

static bool
place_clause(struct maker *m, uint32_t number)
{
    struct event_index *x = m->x;
    struct clause *c = &x->clauses[number];
    uint32_t window = 0, path, probe;
    const struct rule *r = choose_anchor(m, c, &window);

    if (r == NULL) {
        c->next = x->buckets[c->bucket].plain;
        x->buckets[c->bucket].plain = number;
        return true;
    }
    path = path_need(m, c->bucket, &r->path);
    probe = path != NOTHING ? probe_need(m, path, window) : NOTHING;
    if (probe == NOTHING)
        return false;
    x->probes[probe].count++;
    return lookup_add(&x->anchor_of, mix(probe + 1, anchor_hash(r, window)), number);
}

/* About ten bits for each clause, so that one place in ten thousand or so is looked up in vain. */
static bool
make_sieves(struct event_index *x)
{
    for (size_t i = 0; i < x->probe_count; i++) {
        struct probe *p = &x->probes[i];
        uint64_t bits = 256;

        if (p->window == 0)
            continue;
        while (bits < (uint64_t)p->count * 10)
            bits *= 2;
        p->sieve = calloc(bits / 64, sizeof *p->sieve);
        if (p->sieve == NULL)
            return false;
        p->sieve_mask = bits - 1;
    }
    return true;
}

static void
sieve_add(struct event_index *x, uint32_t number, struct maker *m)
{
    const struct clause *c = &x->clauses[number];
    uint32_t window = 0;
    const struct rule *r = choose_anchor(m, c, &window);
    uint32_t path, probe;
    uint64_t bit;

    if (r == NULL || window == 0)
        return;
    path = path_need(m, c->bucket, &r->path);
    probe = probe_need(m, path, window);
    bit = mix(probe + 1, anchor_hash(r, window)) >> 20 & x->probes[probe].sieve_mask;
    x->probes[probe].sieve[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool
make_all(struct maker *m)
{
    struct event_index *x = m->x;

    for (size_t i = 0; i < x->count; i++)
        if (!add_filter(m, (uint32_t)i))
            return false;
    for (size_t i = 0; i < x->clause_count; i++)
        if (!count_anchors(m, &x->clauses[i]))
            return false;
    for (size_t i = 0; i < x->clause_count; i++)
        if (!place_clause(m, (uint32_t)i))
            return false;
    if (!make_sieves(x))
        return false;
    for (size_t i = 0; i < x->clause_count; i++)
        sieve_add(x, (uint32_t)i, m);
    return true;
}

enum status
event_index_make(const struct event_filter *const *filters, size_t count, struct event_index **out,
                 struct err *err)
{
    struct event_index *x = calloc(1, sizeof *x);
    struct maker m = {.x = x};
    bool is_made = false;

    *out = NULL;
    if (x != NULL && count <= EVENT_INDEX_FILTERS_MAX)
        x->filters = malloc((count + 1) * sizeof(const struct event_filter *));
    if (x != NULL && x->filters != NULL) {
        if (count > 0)
            memcpy(x->filters, filters, count * sizeof(const struct event_filter *));
        x->count = count;
        is_made = make_all(&m);
    }
    lookup_free(&m.clause_of);
    lookup_free(&m.path_of);
    lookup_free(&m.probe_of);
    lookup_free(&m.tally);
    if (!is_made) {
        event_index_free(x);
        return err_set(err, ST_FULL, "no room for an index of %zu filters", count);
    }
    *out = x;
    return ST_OK;
}
