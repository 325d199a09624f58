#include "source/text_pool.h"
#include <assert.h>
#include <stdlib.h>

enum { LINEAR_CLASSES = 16, ROOM_FIRST = 2048 /* units: 64 KiB */ };

/* Sizes in units: 1 to 16, then 32, 64, ... 512. */
static uint32_t
class_units(unsigned class)
{
    return class < LINEAR_CLASSES ? class + 1 : UINT32_C(32) << (class - LINEAR_CLASSES);
}

static unsigned
class_of(size_t size)
{
    size_t units = (size + TEXT_POOL_UNIT - 1) / TEXT_POOL_UNIT;
    unsigned class = LINEAR_CLASSES;

    assert(size > 0 && size <= TEXT_PIECE_MAX);
    if (units <= LINEAR_CLASSES)
        return (unsigned)units - 1;
    while (class_units(class) < units)
        class ++;
    return class;
}

void
text_pool_init(struct text_pool *p, size_t size_max)
{
    *p = (struct text_pool){.size_max = size_max / TEXT_POOL_UNIT, .used = 1 /* no piece is 0 */};
    if (p->size_max > UINT32_MAX / 2)
        p->size_max = UINT32_MAX / 2;
}

void
text_pool_free(struct text_pool *p)
{
    free(p->base);
    *p = (struct text_pool){0};
}

static void
push(struct text_pool *p, unsigned class, uint32_t piece)
{
    memcpy(text_pool_at(p, piece), &p->free[class], sizeof p->free[class]);
    p->free[class] = piece;
}

static uint32_t
pop(struct text_pool *p, unsigned class)
{
    uint32_t piece = p->free[class];

    if (piece != 0)
        memcpy(&p->free[class], text_pool_at(p, piece), sizeof p->free[class]);
    return piece;
}

static void
text_pool_give_units(struct text_pool *p, uint32_t piece, uint32_t units)
{
    while (units > 0) {
        unsigned class = TEXT_POOL_CLASSES - 1;

        while (class_units(class) > units)
            class --;
        push(p, class, piece);
        piece += class_units(class);
        units -= class_units(class);
    }
}

static uint32_t
split_larger(struct text_pool *p, unsigned class)
{
    uint32_t units = class_units(class);

    for (unsigned larger = class + 1; larger < TEXT_POOL_CLASSES; larger++) {
        uint32_t piece = pop(p, larger);

        if (piece == 0)
            continue;
        text_pool_give_units(p, piece + units, class_units(larger) - units);
        return piece;
    }
    return 0;
}

static bool
grow(struct text_pool *p, size_t units)
{
    size_t wanted = p->room < ROOM_FIRST ? ROOM_FIRST : p->room * 2;
    char *larger;

    if (p->used + units > p->size_max)
        return false;
    if (wanted > p->size_max)
        wanted = p->size_max;
    larger = realloc(p->base, wanted * TEXT_POOL_UNIT);
    if (larger == NULL)
        return false;
    p->base = larger;
    p->room = wanted;
    return true;
}

uint32_t
text_pool_take(struct text_pool *p, size_t size)
{
    unsigned class = class_of(size);
    uint32_t units = class_units(class), piece = pop(p, class);

    if (piece != 0)
        return piece;
    if (p->used + units > p->room) {
        piece = split_larger(p, class);
        if (piece != 0 || !grow(p, units))
            return piece;
    }
    piece = (uint32_t)p->used;
    p->used += units;
    return piece;
}

void
text_pool_give(struct text_pool *p, uint32_t piece, size_t size)
{
    if (piece != 0)
        push(p, class_of(size), piece);
}
