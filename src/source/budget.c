#include "source/budget.h"
#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

enum status
budget_init(struct budget *b, size_t max, struct err *err)
{
    pthread_condattr_t attributes;

    *b = (struct budget){.max = max};
    if (pthread_condattr_init(&attributes) != 0)
        return err_set(err, ST_IO, "cannot make a condition");
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (pthread_mutex_init(&b->lock, NULL) != 0 || pthread_cond_init(&b->freed, &attributes) != 0) {
        pthread_condattr_destroy(&attributes);
        return err_set(err, ST_IO, "cannot make a lock");
    }
    pthread_condattr_destroy(&attributes);
    return ST_OK;
}

void
budget_destroy(struct budget *b)
{
    pthread_cond_destroy(&b->freed);
    pthread_mutex_destroy(&b->lock);
}

static struct timespec
deadline_in(unsigned wait_ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += wait_ms / 1000;
    t.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

bool
budget_take(struct budget *b, size_t size, unsigned wait_ms)
{
    bool taken;

    pthread_mutex_lock(&b->lock);
    if (b->used + size > b->max && wait_ms > 0) {
        struct timespec deadline = deadline_in(wait_ms);

        b->waits++;
        while (b->used + size > b->max &&
               pthread_cond_timedwait(&b->freed, &b->lock, &deadline) != ETIMEDOUT)
            ;
    }
    taken = b->used + size <= b->max;
    if (taken)
        b->used += size;
    pthread_mutex_unlock(&b->lock);
    return taken;
}

void
budget_give(struct budget *b, size_t size)
{
    pthread_mutex_lock(&b->lock);
    assert(size <= b->used);
    b->used -= size;
    pthread_cond_broadcast(&b->freed);
    pthread_mutex_unlock(&b->lock);
}

size_t
budget_used(struct budget *b, uint64_t *waits)
{
    size_t used;

    pthread_mutex_lock(&b->lock);
    used = b->used;
    *waits = b->waits;
    pthread_mutex_unlock(&b->lock);
    return used;
}

enum status
region_reserve(struct region *r, size_t max, struct err *err)
{
    void *base = mmap(NULL, max, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert(max % REGION_PAGE == 0);
    if (base == MAP_FAILED)
        return err_set(err, ST_FULL, "no addresses for %zu bytes: %s", max, strerror(errno));
    *r = (struct region){base, 0, max};
    return ST_OK;
}

void
region_release(struct region *r)
{
    if (r->base != NULL)
        munmap(r->base, r->max);
    *r = (struct region){0};
}

bool
region_grow(struct region *r, size_t room)
{
    assert(room % REGION_PAGE == 0 && room <= r->max);
    if (room <= r->room)
        return true;
    if (mprotect(r->base, room, PROT_READ | PROT_WRITE) != 0)
        return false;
    r->room = room;
    return true;
}

void
region_trim(struct region *r, size_t keep)
{
    if (keep >= r->room)
        return;
    /* Mapped anew: gives the pages back and forbids their use in one call. */
    if (mmap(r->base + keep, r->room - keep, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED)
        r->room = keep;
}
