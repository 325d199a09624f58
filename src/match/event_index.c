/* event_index.c - which of many filters an event passes, without asking each.
 *
 * A clause is one rule set of one source: its rules are all to hold. Clauses stand in the bucket of
 * their source and scope; an event looks into the buckets of its source under its subscription and its
 * resource group. Equal clauses of one bucket are one clause, with a list of filters.
 *
 * In its bucket a clause is found by one of its rules, its anchor: 'Equals' by a hash of the value;
 * 'Contains', 'StartsWith' and 'EndsWith' by a hash of the last 4, 8, 16 or 32 bytes of the value, which
 * is looked for at each place of the event's text by a rolling hash (Rabin and Karp). So whatever the
 * number of clauses, a text is read once for each size of window. Of several rules the one is taken
 * that the fewest clauses share. Clauses without such a rule are tried each time.
 *
 * Hashes only propose: a clause that was found is evaluated as a whole, and so is the scope. What is not
 * ASCII is never an anchor, since ASCII without case equals nothing else (kql/text.h). */
#include "match/event_inner.h"
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

enum {
    SCOPES_APART_MAX = 8,   /* filters with more stand in the buckets of their subscriptions */
    WINDOW_CLAUSES_MIN = 8, /* fewer are searched for faster one by one */
    WINDOW_MIN = 4,
    WINDOW_MAX = 32,
    TRIED = 256,
};
#define NOTHING UINT32_MAX

/* Where numbers are found by hash: open addressing; several may have one hash. */
struct lookup {
    struct {
        uint64_t hash;
        uint32_t value;
    } * slots; /* value NOTHING: free */
    size_t mask, count;
};

struct filter_link {
    uint32_t filter, next;
};
struct clause {
    const struct rule_set *set; /* NULL: always true */
    uint32_t bucket, next;      /* of the bucket's clauses without anchor */
    uint32_t filters;           /* first link */
};
/* Anchors of one path that are found in one way. */
struct probe {
    uint32_t path, window; /* bytes; 0: the whole value */
    uint32_t count;        /* clauses that are found here */
    uint64_t *sieve;       /* a bit per hash, of windows only: most places are settled here */
    uint64_t sieve_mask;
    uint32_t next;
};
struct anchor_path {
    const struct rule_path *path;
    uint32_t bucket, probes, next;
};
struct bucket {
    struct span scope; /* lower-case */
    enum event_source source;
    uint32_t plain, paths;
};

struct event_index {
    const struct event_filter **filters;
    size_t count;
    struct lookup bucket_of, anchor_of;
    struct bucket *buckets;
    struct clause *clauses;
    struct filter_link *links;
    struct anchor_path *paths;
    struct probe *probes;
    size_t bucket_count, bucket_room, clause_count, clause_room, link_count, link_room, path_count,
        path_room, probe_count, probe_room;
};

/* ---- hashing ---- */

static uint64_t
mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 29;
}

static unsigned char
fold(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? u | 0x20 : u;
}

#define BASE UINT64_C(0x100000001b3)

/* Of all bytes without case; what a window's rolling hash is, too. */
static uint64_t
hash_text(struct span text)
{
    uint64_t h = 0;

    for (size_t i = 0; i < text.n; i++)
        h = h * BASE + fold(text.p[i]) + 1;
    return h;
}

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

static bool
lookup_grow(struct lookup *l)
{
    struct lookup more = {.mask = l->mask != 0 ? l->mask * 2 + 1 : 63};

    more.slots = malloc((more.mask + 1) * sizeof *more.slots);
    if (more.slots == NULL)
        return false;
    for (size_t i = 0; i <= more.mask; i++)
        more.slots[i].value = NOTHING;
    for (size_t i = 0; l->slots != NULL && i <= l->mask; i++) {
        size_t at = l->slots[i].hash & more.mask;

        if (l->slots[i].value == NOTHING)
            continue;
        while (more.slots[at].value != NOTHING)
            at = (at + 1) & more.mask;
        more.slots[at] = l->slots[i];
    }
    more.count = l->count;
    free(l->slots);
    *l = more;
    return true;
}

static bool
lookup_add(struct lookup *l, uint64_t hash, uint32_t value)
{
    size_t at;

    if (l->count * 2 >= l->mask && !lookup_grow(l))
        return false;
    at = hash & l->mask;
    while (l->slots[at].value != NOTHING)
        at = (at + 1) & l->mask;
    l->slots[at].hash = hash;
    l->slots[at].value = value;
    l->count++;
    return true;
}

/* The values of a hash one after the other: *at is 0 at first; NOTHING: no more. */
static uint32_t
lookup_next(const struct lookup *l, uint64_t hash, size_t *at)
{
    if (l->slots == NULL)
        return NOTHING;
    for (;; ++*at) {
        size_t slot = (hash + *at) & l->mask;

        if (l->slots[slot].value == NOTHING)
            return NOTHING;
        if (l->slots[slot].hash == hash) {
            ++*at;
            return l->slots[slot].value;
        }
    }
}

/* The value of a hash that is there once, made as 0; NULL: no memory. */
static uint32_t *
lookup_tally(struct lookup *l, uint64_t hash)
{
    size_t at;

    if (l->slots == NULL && !lookup_grow(l))
        return NULL;
    for (at = hash & l->mask; l->slots[at].value != NOTHING; at = (at + 1) & l->mask)
        if (l->slots[at].hash == hash)
            return &l->slots[at].value;
    if (!lookup_add(l, hash, 0))
        return NULL;
    for (at = hash & l->mask; l->slots[at].hash != hash; at = (at + 1) & l->mask) {
    }
    return &l->slots[at].value;
}

/* ---- making ---- */

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

static uint64_t
hash_bucket(enum event_source source, struct span scope)
{
    return mix(source + 1, hash_text(scope));
}

static uint32_t
bucket_find(const struct event_index *x, enum event_source source, struct span scope)
{
    uint64_t hash = hash_bucket(source, scope);
    size_t at = 0;
    uint32_t i;

    while ((i = lookup_next(&x->bucket_of, hash, &at)) != NOTHING)
        if (x->buckets[i].source == source && x->buckets[i].scope.n == scope.n &&
            strncasecmp(x->buckets[i].scope.p, scope.p, scope.n) == 0)
            return i;
    return NOTHING;
}

static uint32_t
bucket_need(struct event_index *x, enum event_source source, struct span scope)
{
    uint32_t i = bucket_find(x, source, scope);

    if (i != NOTHING)
        return i;
    i = (uint32_t)x->bucket_count;
    if (!GROW(x, buckets, bucket) || !lookup_add(&x->bucket_of, hash_bucket(source, scope), i))
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

/* "/subscriptions/S" of a scope or any id below it. */
static struct span
subscription_of(struct span id)
{
    const size_t head = sizeof "/subscriptions/" - 1;
    const char *slash = id.n > head ? memchr(id.p + head, '/', id.n - head) : NULL;

    return slash != NULL ? (struct span){id.p, (size_t)(slash - id.p)} : id;
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
        struct span scope =
            f->scope_count > SCOPES_APART_MAX ? subscription_of(f->scopes[i]) : f->scopes[i];
        bool is_done = false;

        for (size_t j = 0; f->scope_count > SCOPES_APART_MAX && j < i; j++)
            is_done |= span_equal(scope, subscription_of(f->scopes[j]));
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
    free(m.clause_of.slots);
    free(m.path_of.slots);
    free(m.probe_of.slots);
    free(m.tally.slots);
    if (!is_made) {
        event_index_free(x);
        return err_set(err, ST_FULL, "no room for an index of %zu filters", count);
    }
    *out = x;
    return ST_OK;
}

void
event_index_free(struct event_index *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->probe_count; i++)
        free(x->probes[i].sieve);
    free(x->filters);
    free(x->bucket_of.slots);
    free(x->anchor_of.slots);
    free(x->buckets);
    free(x->clauses);
    free(x->links);
    free(x->paths);
    free(x->probes);
    free(x);
}

/* ---- matching ---- */

struct match {
    const struct event_index *x;
    const struct event *e;
    uint32_t tried[TRIED]; /* clauses that were evaluated, by their last bits */
    uint64_t hits[EVENT_INDEX_FILTERS_MAX / 64];
};

static void
try_clause(struct match *m, uint32_t number)
{
    const struct event_index *x = m->x;
    const struct clause *c = &x->clauses[number];

    if (m->tried[number % TRIED] == number)
        return;
    m->tried[number % TRIED] = number;
    if (c->set != NULL && !rule_set_holds(c->set, &m->e->tree))
        return;
    for (uint32_t i = c->filters; i != NOTHING; i = x->links[i].next) {
        uint32_t f = x->links[i].filter;
        uint64_t bit = UINT64_C(1) << f % 64;

        if ((m->hits[f / 64] & bit) == 0 && event_filter_covers_event(x->filters[f], m->e))
            m->hits[f / 64] |= bit;
    }
}

static void
try_anchored(struct match *m, uint64_t hash)
{
    size_t at = 0;
    uint32_t c;

    while ((c = lookup_next(&m->x->anchor_of, hash, &at)) != NOTHING)
        try_clause(m, c);
}

static void
slide(struct match *m, uint32_t number, struct span text)
{
    const struct probe *p = &m->x->probes[number];
    uint64_t h, first = 1; /* what the byte that leaves counts */

    if (text.n < p->window)
        return;
    for (uint32_t i = 1; i < p->window; i++)
        first *= BASE;
    h = hash_text((struct span){text.p, p->window});
    for (size_t end = p->window;; end++) {
        uint64_t hash = mix(number + 1, h), bit = hash >> 20 & p->sieve_mask;

        if ((p->sieve[bit / 64] >> bit % 64 & 1) != 0)
            try_anchored(m, hash);
        if (end == text.n)
            break;
        h = (h - (fold(text.p[end - p->window]) + UINT64_C(1)) * first) * BASE + fold(text.p[end]) +
            1;
    }
}

static void
try_bucket(struct match *m, const struct bucket *b)
{
    const struct event_index *x = m->x;

    for (uint32_t i = b->plain; i != NOTHING; i = x->clauses[i].next)
        try_clause(m, i);
    for (uint32_t i = b->paths; i != NOTHING; i = x->paths[i].next) {
        uint32_t node = rule_path_find(x->paths[i].path, &m->e->tree, 0);
        struct span text;

        if (node == TREE_NONE || m->e->tree.nodes[node].kind == SCAN_NULL)
            continue; /* no anchor holds then */
        text = tree_text(&m->e->tree, node);
        for (uint32_t j = x->paths[i].probes; j != NOTHING; j = x->probes[j].next) {
            if (x->probes[j].window > 0)
                slide(m, j, text);
            else if (text.n <= RULE_VALUE_SIZE_MAX)
                try_anchored(m, mix(j + 1, hash_text(text)));
        }
    }
}

/* "/subscriptions/S/resourceGroups/G" of an id below it; else all of it. */
static struct span
group_of(struct span id)
{
    static const char groups[] = "/resourcegroups/";
    struct span s = subscription_of(id);
    const char *rest = s.p + s.n, *slash;
    size_t left = id.n - s.n;

    if (left < sizeof groups || strncasecmp(rest, groups, sizeof groups - 1) != 0)
        return s;
    slash = memchr(rest + sizeof groups - 1, '/', left - (sizeof groups - 1));
    return slash != NULL ? (struct span){id.p, (size_t)(slash - id.p)} : id;
}

static void
try_scope(struct match *m, struct span id)
{
    struct span scopes[2] = {subscription_of(id), group_of(id)};

    for (size_t i = 0; i < 2 && (i == 0 || scopes[1].n > scopes[0].n); i++) {
        uint32_t b = bucket_find(m->x, m->e->source, scopes[i]);

        if (b != NOTHING)
            try_bucket(m, &m->x->buckets[b]);
    }
}

void
event_index_match(const struct event_index *x, const struct event *e,
                  void (*hit)(void *app, size_t filter), void *app)
{
    size_t words = (x->count + 63) / 64;
    struct match m;

    m.x = x;
    m.e = e;
    memset(m.tried, 0xff, sizeof m.tried);
    memset(m.hits, 0, words * sizeof *m.hits);
    try_scope(&m, e->scope);
    for (size_t i = 0; i < COUNT_OF(e->ends); i++)
        if (e->ends[i].n > 0)
            try_scope(&m, e->ends[i]);
    for (size_t i = 0; i < words; i++)
        for (uint64_t bits = m.hits[i]; bits != 0; bits &= bits - 1)
            hit(app, i * 64 + (size_t)__builtin_ctzll(bits));
}
