/* list.c - segments in memory: what is known of each, and the list of all by position. */
#include "journal/state.h"
#include <stdlib.h>
#include <unistd.h>

struct segment *
segment_new(uint64_t base, uint64_t span)
{
    struct segment *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->base = base;
    s->span = span;
    s->end = segment_start(s);
    s->reserved = SEGMENT_HEAD_SIZE;
    s->previous_end = UINT64_MAX;
    s->admitted_min = INT64_MAX;
    s->admitted_max = INT64_MIN;
    s->fd = -1;
    return s;
}

void
segment_free(struct segment *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->holes);
    free(s->ids);
    free(s);
}

/* Without memory the id is not remembered: its retry would count twice, which is better than to
 * fail. */
static void
segment_add_id(struct segment *s, const struct frame_head *h)
{
    static const uint8_t none[16];

    if (memcmp(h->request_id, none, sizeof none) == 0)
        return;
    if (s->id_count == s->id_room) {
        size_t room = s->id_room == 0 ? 64 : s->id_room * 2;
        struct request_entry *larger = realloc(s->ids, room * sizeof *larger);

        if (larger == NULL)
            return;
        s->ids = larger;
        s->id_room = room;
    }
    struct request_entry *e = &s->ids[s->id_count++];

    memcpy(e->id, h->request_id, sizeof e->id);
    e->position = s->base + h->at;
    e->admitted = h->admitted;
    e->rows = h->row_count;
    e->part = (h->part & ~REQUEST_LAST) | (h->parts_end != 0 ? REQUEST_LAST : 0);
}

void
segment_count_frame(struct segment *s, const struct frame_head *h)
{
    uint64_t rows = frame_rows(h);

    if (s->block_count == 0 && s->hole_count == 0) {
        s->rows_first = s->rows_bias + h->rows_before;
        if (s->rows_bias == 0 && h->previous_end != 0)
            s->previous_end = h->previous_end;
    }
    s->end = s->base + h->at + h->size;
    s->rows_end = s->rows_bias + h->rows_before + rows;
    s->block_count++;
    s->row_count += rows;
    s->body_bytes += h->body_size;
    if (h->admitted < s->admitted_min)
        s->admitted_min = h->admitted;
    if (h->admitted > s->admitted_max)
        s->admitted_max = h->admitted;
    s->seq = h->seq + 1;
    if (h->durable > s->durable_mark)
        s->durable_mark = h->durable;
    segment_add_id(s, h);
}

struct hole *
segment_hole(struct segment *s, uint64_t position)
{
    for (size_t i = 0; i < s->hole_count; i++)
        if (position >= s->holes[i].from && position < s->holes[i].to)
            return &s->holes[i];
    return NULL;
}

bool
segment_add_hole(struct segment *s, struct hole hole)
{
    size_t i = s->hole_count;
    struct hole *larger;

    if (segment_hole(s, hole.from) != NULL || s->hole_count == HOLES_MAX)
        return false;
    larger = realloc(s->holes, (s->hole_count + 1) * sizeof *larger);
    if (larger == NULL)
        return false;
    s->holes = larger;
    for (; i > 0 && larger[i - 1].from > hole.from; i--)
        larger[i] = larger[i - 1];
    larger[i] = hole;
    s->hole_count++;
    return true;
}

bool
list_add(struct journal *j, struct segment *s)
{
    if (j->segment_count == j->segment_room) {
        size_t room = j->segment_room == 0 ? 64 : j->segment_room * 2;
        struct segment **larger = realloc(j->segments, room * sizeof *larger);

        if (larger == NULL)
            return false;
        j->segments = larger;
        j->segment_room = room;
    }
    j->segments[j->segment_count++] = s;
    return true;
}

size_t
list_find(const struct journal *j, uint64_t position)
{
    size_t low = 0, high = j->segment_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (j->segments[middle]->base <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? SIZE_MAX : low - 1;
}
