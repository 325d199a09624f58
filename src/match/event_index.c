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
#include "match/event_index_inner.h"
#include <stdlib.h>
#include <strings.h>

enum { TRIED = 256 };

uint64_t
event_index_bucket_hash(enum event_source source, struct span scope)
{
    return mix(source + 1, hash_text(scope));
}

uint32_t
event_index_bucket(const struct event_index *x, enum event_source source, struct span scope)
{
    uint64_t hash = event_index_bucket_hash(source, scope);
    size_t at = 0;
    uint32_t i;

    while ((i = lookup_next(&x->bucket_of, hash, &at)) != NOTHING)
        if (x->buckets[i].source == source && x->buckets[i].scope.n == scope.n &&
            strncasecmp(x->buckets[i].scope.p, scope.p, scope.n) == 0)
            return i;
    return NOTHING;
}

struct span
event_index_subscription(struct span id)
{
    const size_t head = sizeof "/subscriptions/" - 1;
    const char *slash = id.n > head ? memchr(id.p + head, '/', id.n - head) : NULL;

    return slash != NULL ? (struct span){id.p, (size_t)(slash - id.p)} : id;
}

void
event_index_free(struct event_index *x)
{
    if (x == NULL)
        return;
    for (size_t i = 0; i < x->probe_count; i++)
        free(x->probes[i].sieve);
    free(x->filters);
    lookup_free(&x->bucket_of);
    lookup_free(&x->anchor_of);
    free(x->buckets);
    free(x->clauses);
    free(x->links);
    free(x->paths);
    free(x->probes);
    free(x);
}

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
    struct span s = event_index_subscription(id);
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
    struct span scopes[2] = {event_index_subscription(id), group_of(id)};

    for (size_t i = 0; i < 2 && (i == 0 || scopes[1].n > scopes[0].n); i++) {
        uint32_t b = event_index_bucket(m->x, m->e->source, scopes[i]);

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
