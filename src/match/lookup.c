/* lookup.c - open addressing, at most half full. */
#include "match/lookup.h"
#include <stdlib.h>

static bool
grow(struct lookup *l)
{
    struct lookup more = {.mask = l->mask != 0 ? l->mask * 2 + 1 : 63};

    more.slots = malloc((more.mask + 1) * sizeof *more.slots);
    if (more.slots == NULL)
        return false;
    for (size_t i = 0; i <= more.mask; i++)
        more.slots[i].value = LOOKUP_NOTHING;
    for (size_t i = 0; l->slots != NULL && i <= l->mask; i++) {
        size_t at = l->slots[i].hash & more.mask;

        if (l->slots[i].value == LOOKUP_NOTHING)
            continue;
        while (more.slots[at].value != LOOKUP_NOTHING)
            at = (at + 1) & more.mask;
        more.slots[at] = l->slots[i];
    }
    more.count = l->count;
    free(l->slots);
    *l = more;
    return true;
}

bool
lookup_add(struct lookup *l, uint64_t hash, uint32_t value)
{
    size_t at;

    if (l->count * 2 >= l->mask && !grow(l))
        return false;
    at = hash & l->mask;
    while (l->slots[at].value != LOOKUP_NOTHING)
        at = (at + 1) & l->mask;
    l->slots[at].hash = hash;
    l->slots[at].value = value;
    l->count++;
    return true;
}

uint32_t
lookup_next(const struct lookup *l, uint64_t hash, size_t *at)
{
    if (l->slots == NULL)
        return LOOKUP_NOTHING;
    for (;; ++*at) {
        size_t slot = (hash + *at) & l->mask;

        if (l->slots[slot].value == LOOKUP_NOTHING)
            return LOOKUP_NOTHING;
        if (l->slots[slot].hash == hash) {
            ++*at;
            return l->slots[slot].value;
        }
    }
}

uint32_t *
lookup_tally(struct lookup *l, uint64_t hash)
{
    size_t at;

    if (l->slots == NULL && !grow(l))
        return NULL;
    for (at = hash & l->mask; l->slots[at].value != LOOKUP_NOTHING; at = (at + 1) & l->mask)
        if (l->slots[at].hash == hash)
            return &l->slots[at].value;
    if (!lookup_add(l, hash, 0))
        return NULL;
    for (at = hash & l->mask; l->slots[at].hash != hash; at = (at + 1) & l->mask) {
    }
    return &l->slots[at].value;
}

void
lookup_free(struct lookup *l)
{
    free(l->slots);
    *l = (struct lookup){0};
}
