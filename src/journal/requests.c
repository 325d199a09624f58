#include "journal/requests.h"
#include <stdlib.h>

enum { ROOM_FIRST = 1024, NONE = -1 };

struct request {
    uint8_t id[16];
    uint64_t position, rows;
    int64_t admitted;
    uint32_t next_part; /* of a request whose last part is not here yet */
    bool is_whole;
    int32_t chain; /* index of the next one in the same bucket */
};

/* A ring of requests in order of arrival, and a hash table of chains into it. */
struct request_window {
    struct request *ring;
    int32_t *buckets;
    size_t room, first, count; /* room: a power of two but for the last step; buckets: as many */
};

struct request_window *
requests_make(void)
{
    return calloc(1, sizeof(struct request_window));
}

void
requests_free(struct request_window *w)
{
    if (w == NULL)
        return;
    free(w->ring);
    free(w->buckets);
    free(w);
}

/* Ids are hashes already. */
static size_t
bucket_of(const struct request_window *w, const uint8_t id[16])
{
    uint64_t word;

    memcpy(&word, id, sizeof word);
    return (size_t)(word % w->room);
}

static struct request *
request_find(const struct request_window *w, const uint8_t id[16])
{
    if (w->room == 0)
        return NULL;
    for (int32_t i = w->buckets[bucket_of(w, id)]; i != NONE; i = w->ring[i].chain)
        if (memcmp(w->ring[i].id, id, 16) == 0)
            return &w->ring[i];
    return NULL;
}

static void
link_in(struct request_window *w, size_t i)
{
    size_t b = bucket_of(w, w->ring[i].id);

    w->ring[i].chain = w->buckets[b];
    w->buckets[b] = (int32_t)i;
}

static void
drop_first(struct request_window *w)
{
    int32_t *link = &w->buckets[bucket_of(w, w->ring[w->first].id)];

    while (*link != (int32_t)w->first)
        link = &w->ring[*link].chain;
    *link = w->ring[w->first].chain;
    w->first = (w->first + 1) % w->room;
    w->count--;
}

static bool
grow(struct request_window *w)
{
    size_t room = w->room == 0 ? ROOM_FIRST : w->room * 2;

    room = room > REQUESTS_MAX ? REQUESTS_MAX : room;
    struct request *ring = malloc(room * sizeof *ring);
    int32_t *buckets = malloc(room * sizeof *buckets);

    if (ring == NULL || buckets == NULL) {
        free(ring);
        free(buckets);
        return false;
    }
    for (size_t i = 0; i < w->count; i++)
        ring[i] = w->ring[(w->first + i) % w->room];
    for (size_t i = 0; i < room; i++)
        buckets[i] = NONE;
    free(w->ring);
    free(w->buckets);
    w->ring = ring;
    w->buckets = buckets;
    w->room = room;
    w->first = 0;
    for (size_t i = 0; i < w->count; i++)
        link_in(w, i);
    return true;
}

void
requests_add(struct request_window *w, const struct request_entry *e)
{
    uint32_t part = e->part & ~REQUEST_LAST;
    bool is_last = (e->part & REQUEST_LAST) != 0;
    struct request *r = request_find(w, e->id);

    if (r != NULL && part > 0 && !r->is_whole && r->next_part == part) {
        r->rows += e->rows;
        r->next_part++;
        r->is_whole = is_last;
        return;
    }
    if (part > 0 || (r != NULL && r->is_whole && e->admitted - r->admitted < REQUEST_AGE_MAX))
        return;
    if (r == NULL) {
        if (w->count == w->room && w->room < REQUESTS_MAX && !grow(w) && w->room == 0)
            return;
        if (w->count == w->room)
            drop_first(w);
        size_t i = (w->first + w->count) % w->room;

        r = &w->ring[i];
        memcpy(r->id, e->id, sizeof r->id);
        link_in(w, i);
        w->count++;
    }
    r->position = e->position;
    r->rows = e->rows;
    r->admitted = e->admitted;
    r->next_part = 1;
    r->is_whole = is_last;
}

bool
requests_find(const struct request_window *w, const uint8_t id[16], int64_t now, uint64_t *position,
              uint64_t *rows)
{
    const struct request *r = request_find(w, id);

    if (r == NULL || !r->is_whole || now - r->admitted > REQUEST_AGE_MAX)
        return false;
    *position = r->position;
    *rows = r->rows;
    return true;
}
