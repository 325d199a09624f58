#include "deliver/block_pool.h"
#include <pthread.h>
#include <stdlib.h>

struct slot {
    struct pool_block b; /* first: block_pool_drop gets back to the slot from it */
    struct journal_buffer *buffer;
    uint64_t asked; /* the position it was read for */
    unsigned users;
    bool is_loaded, is_loading;
    uint64_t used_last;
};

struct block_pool {
    struct journal *journal;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot *slots;
    unsigned count;
    uint64_t clock;
};

enum status
block_pool_make(struct journal *j, unsigned buffers, struct block_pool **pool, struct err *err)
{
    struct block_pool *p = calloc(1, sizeof *p);

    if (p == NULL || (p->slots = calloc(buffers, sizeof *p->slots)) == NULL) {
        free(p);
        return err_set(err, ST_FULL, "no memory for %u block buffers", buffers);
    }
    p->journal = j;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (; p->count < buffers; p->count++) {
        enum status st = journal_buffer_make(&p->slots[p->count].buffer, err);

        if (st != ST_OK) {
            block_pool_free(p);
            return st;
        }
    }
    *pool = p;
    return ST_OK;
}

void
block_pool_free(struct block_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->count; i++)
        journal_buffer_free(p->slots[i].buffer);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p->slots);
    free(p);
}

/* A slot that holds (or is being filled with) the block, else the free one unused for longest. */
static struct slot *
slot_for(struct block_pool *p, uint64_t position, bool *hit)
{
    struct slot *oldest = NULL;

    *hit = false;
    for (unsigned i = 0; i < p->count; i++) {
        struct slot *s = &p->slots[i];

        if ((s->is_loaded || s->is_loading) &&
            (s->asked == position || (s->is_loaded && s->b.position == position))) {
            *hit = true;
            return s;
        }
        if (s->users == 0 && !s->is_loading && (oldest == NULL || s->used_last < oldest->used_last))
            oldest = s;
    }
    return oldest;
}

enum status
block_pool_take(struct block_pool *p, uint64_t position, const struct pool_block **held,
                uint64_t *next, struct journal_gap *gap, struct err *err)
{
    struct slot *s;
    bool hit;

    if (gap != NULL)
        *gap = (struct journal_gap){0};
    pthread_mutex_lock(&p->lock);
    for (;;) {
        s = slot_for(p, position, &hit);
        if (s == NULL || (hit && s->is_loading)) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        s->used_last = ++p->clock;
        if (hit) {
            s->users++;
            pthread_mutex_unlock(&p->lock);
            *held = &s->b;
            *next = s->b.next;
            return ST_OK;
        }
        break;
    }
    s->is_loaded = false;
    s->is_loading = true;
    s->asked = position;
    pthread_mutex_unlock(&p->lock);

    struct pool_block b;
    enum status st =
        journal_read(p->journal, position, s->buffer, &b.block, &b.position, &b.next, &b.gap, err);

    *next = b.next;
    if (st == ST_END && gap != NULL)
        *gap = b.gap;
    pthread_mutex_lock(&p->lock);
    s->is_loading = false;
    if (st == ST_OK) {
        s->b = b;
        s->is_loaded = true;
        s->users = 1;
        *held = &s->b;
    }
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return st;
}

void
block_pool_drop(struct block_pool *p, const struct pool_block *held)
{
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->count; i++)
        if (&p->slots[i].b == held && --p->slots[i].users == 0)
            pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}
