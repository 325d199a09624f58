/* import_seen.c - a set of digests with counts: open addressing, at most half full. */
#include "posture/import_inner.h"
#include <stdlib.h>

static struct seen_slot *
slot_of(struct seen *s, const unsigned char key[16])
{
    uint64_t hash;

    memcpy(&hash, key, sizeof hash);
    for (size_t i = hash & (s->room - 1);; i = (i + 1) & (s->room - 1))
        if (s->slots[i].count == 0 || memcmp(s->slots[i].key, key, 16) == 0)
            return &s->slots[i];
}

static bool
grow(struct seen *s)
{
    struct seen old = *s;

    s->room = old.room == 0 ? 1024 : old.room * 2;
    s->slots = calloc(s->room, sizeof *s->slots);
    if (s->slots == NULL) {
        *s = old;
        return false;
    }
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i].count != 0)
            *slot_of(s, old.slots[i].key) = old.slots[i];
    free(old.slots);
    return true;
}

struct seen_slot *
import_seen_at(struct seen *s, const unsigned char key[16], const char *what, struct err *err)
{
    if (s->used * 2 >= s->room && !grow(s)) {
        err_set(err, ST_IO, "no memory for another of %zu %s", s->used, what);
        return NULL;
    }

    struct seen_slot *slot = slot_of(s, key);

    if (slot->count != 0)
        return slot;
    if (s->used >= IMPORT_SEEN_MAX) {
        err_set(err, ST_FULL, "more than %d %s; split the report", IMPORT_SEEN_MAX, what);
        return NULL;
    }
    memcpy(slot->key, key, 16);
    slot->note = 0;
    s->used++;
    return slot;
}

void
import_seen_free(struct seen *s)
{
    free(s->slots);
    *s = (struct seen){0};
}
