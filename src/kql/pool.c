#include "kql/pool.h"
#include "base/clock.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNK_MIN = 16 * 1024, CHUNK_MAX = 1024 * 1024 };

struct pool_chunk {
    struct pool_chunk *older;
    size_t size; /* of 'bytes' */
    _Alignas(16) char bytes[];
};

void
pool_init(struct pool *p, size_t limit)
{
    *p = (struct pool){.limit = limit};
}

/* An account may be one of several threads: hence the atomics, here alone. */
static void
uncount(struct pool *p, const struct pool *until, size_t size)
{
    for (; p != until; p = p->account)
        __atomic_fetch_sub(&p->taken, size, __ATOMIC_RELAXED);
}

static void
raise_peak(struct pool *p, size_t taken)
{
    size_t peak = __atomic_load_n(&p->peak, __ATOMIC_RELAXED);

    while (taken > peak && !__atomic_compare_exchange_n(&p->peak, &peak, taken, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* Counts the size in every account, or in none if it is beyond the limit of one. */
static bool
count(struct pool *p, size_t size)
{
    for (struct pool *each = p; each != NULL; each = each->account) {
        size_t before = __atomic_fetch_add(&each->taken, size, __ATOMIC_RELAXED);

        if (before > each->limit || size > each->limit - before) {
            uncount(p, each->account, size);
            return false;
        }
        raise_peak(each, before + size);
    }
    return true;
}

static void
release(struct pool *p, struct pool_chunk *chunk)
{
    uncount(p, NULL, chunk->size);
    free(chunk);
}

static void
release_spare(struct pool *p)
{
    if (p->spare != NULL)
        release(p, p->spare);
    p->spare = NULL;
}

/* Gives chunks back until 'keep' (NULL: all) is the newest; the largest of them, unless it is huge,
 * is put aside. */
static void
drop_until(struct pool *p, struct pool_chunk *keep)
{
    while (p->chunk != keep) {
        struct pool_chunk *chunk = p->chunk;

        p->chunk = chunk->older;
        if (chunk->size <= CHUNK_MAX && (p->spare == NULL || p->spare->size < chunk->size)) {
            release_spare(p);
            p->spare = chunk;
        } else
            release(p, chunk);
    }
}

void
pool_reset(struct pool *p)
{
    struct pool_chunk *first = p->chunk;

    while (first != NULL && first->older != NULL)
        first = first->older;
    drop_until(p, first);
    p->next = first == NULL ? NULL : first->bytes;
    p->end = first == NULL ? NULL : first->bytes + first->size;
    p->why = POOL_GOES_ON;
}

void
pool_free(struct pool *p)
{
    drop_until(p, NULL);
    release_spare(p);
    p->next = p->end = NULL;
    p->why = POOL_GOES_ON;
}

_Noreturn static void
leave(struct pool *p, enum pool_end why)
{
    assert(p->escape != NULL);
    p->why = why;
    longjmp(*p->escape, 1);
}

void
pool_check(struct pool *p)
{
    for (struct pool *each = p; each != NULL; each = each->account) {
        if (each->cancelled != NULL &&
            atomic_load_explicit((const _Atomic bool *)each->cancelled, memory_order_relaxed)) {
            err_set(&p->reason, ST_FULL, "the query was cancelled");
            leave(p, POOL_CANCELLED);
        }
        if (each->deadline_ms == 0 && each->patience_ms != 0)
            each->deadline_ms = clock_monotonic_ms() + each->patience_ms;
        else if (each->deadline_ms != 0 && clock_monotonic_ms() > each->deadline_ms) {
            err_set(&p->reason, ST_FULL, "the time limit has passed");
            leave(p, POOL_LATE);
        }
    }
}

_Noreturn static void
leave_spent(struct pool *p)
{
    err_set(&p->reason, ST_FULL, "the memory limit of %zu bytes is reached", p->limit);
    leave(p, POOL_SPENT);
}

static struct pool_chunk *
new_chunk(struct pool *p, size_t size)
{
    /* Chunks double with what is taken, so that small work stays small; what is large gets one of
     * its own size. */
    size_t wanted = p->taken < CHUNK_MIN ? CHUNK_MIN : p->taken > CHUNK_MAX ? CHUNK_MAX : p->taken;
    struct pool_chunk *chunk;
    bool has_room;

    if (size > SIZE_MAX / 2) /* rounding up would wrap */
        leave_spent(p);
    size = (size + 15) & ~(size_t)15;
    if (wanted < size)
        wanted = size;
    has_room = count(p, wanted);
    if (!has_room) {
        release_spare(p);
        has_room = count(p, wanted);
    }
    if (!has_room && wanted > size) {
        wanted = size; /* the last one may be small */
        has_room = count(p, wanted);
    }
    chunk = has_room ? malloc(sizeof *chunk + wanted) : NULL;
    if (chunk == NULL) {
        uncount(p, has_room ? NULL : p, wanted);
        leave_spent(p);
    }
    chunk->size = wanted;
    return chunk;
}

void *
pool_take_slow(struct pool *p, size_t size)
{
    struct pool_chunk *chunk = p->spare;

    pool_check(p);
    if (chunk != NULL && chunk->size >= size)
        p->spare = NULL;
    else
        chunk = new_chunk(p, size);
    chunk->older = p->chunk;
    p->chunk = chunk;
    p->next = chunk->bytes;
    p->end = chunk->bytes + chunk->size;
    return pool_take(p, size);
}

void *
pool_zeroed(struct pool *p, size_t count, size_t size)
{
    size_t whole;

    if (__builtin_mul_overflow(count, size, &whole))
        whole = SIZE_MAX;
    return memset(pool_take(p, whole), 0, whole);
}

struct span
pool_text(struct pool *p, struct span text)
{
    char *copy = pool_take(p, text.n + 1);

    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return (struct span){copy, text.n};
}

struct span
pool_printf(struct pool *p, const char *format, ...)
{
    va_list args, again;
    char *text;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    text = pool_take(p, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (struct span){text, (size_t)size};
}

void *
pool_grow(struct pool *p, void *items, size_t *room, size_t count, size_t item_size)
{
    size_t more = *room;
    void *moved;

    if (count <= *room)
        return items;
    more = more < 8 ? 8 : more * 2;
    if (more < count)
        more = count;
    moved = pool_zeroed(p, more, item_size);
    if (*room > 0)
        memcpy(moved, items, *room * item_size);
    *room = more;
    return moved;
}

void
pool_abandon(struct pool *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->reason.text, sizeof p->reason.text, format, args);
    va_end(args);
    leave(p, POOL_ABANDONED);
}

void
pool_exceed(struct pool *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->reason.text, sizeof p->reason.text, format, args);
    va_end(args);
    leave(p, POOL_EXCEEDED);
}

struct pool_mark
pool_mark(const struct pool *p)
{
    return (struct pool_mark){p->chunk, p->next};
}

void
pool_return(struct pool *p, struct pool_mark mark)
{
    if (mark.chunk == NULL) { /* marked before anything was taken: keep the first chunk */
        enum pool_end why = p->why;

        pool_reset(p);
        p->why = why;
        return;
    }
    drop_until(p, mark.chunk);
    p->next = mark.next;
    p->end = p->chunk->bytes + p->chunk->size;
}
