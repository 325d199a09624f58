#include "control/heap.h"
#include "control/secrets.h"
#include <stdlib.h>

enum { BLOCK_SIZE = 16384 };

struct heap_block {
    struct heap_block *next;
    size_t size, used;
    _Alignas(16) char bytes[];
};

void *
heap_take(struct heap *p, size_t size)
{
    struct heap_block *b = p->blocks;
    size_t at = b == NULL ? 0 : (b->used + 15) & ~(size_t)15;

    if (b == NULL || at > b->size || size > b->size - at) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

        if (room > SIZE_MAX / 2)
            return NULL;
        b = calloc(1, sizeof *b + room);
        if (b == NULL)
            return NULL;
        *b = (struct heap_block){.next = p->blocks, .size = room};
        p->blocks = b;
        at = 0;
    }
    b->used = at + size;
    return b->bytes + at;
}

char *
heap_text(struct heap *p, struct span text)
{
    char *copy = heap_take(p, text.n + 1);

    if (copy != NULL && text.n > 0)
        memcpy(copy, text.p, text.n);
    return copy;
}

char *
heap_format(struct heap *p, const char *format, ...)
{
    va_list args, again;
    char *text;
    int n;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    text = n < 0 ? NULL : heap_take(p, (size_t)n + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void
heap_free(struct heap *p)
{
    while (p->blocks != NULL) {
        struct heap_block *b = p->blocks;

        p->blocks = b->next;
        secrets_wipe(b->bytes, b->used);
        free(b);
    }
}
