/* block_fuzz.c - whatever block_open accepts can be read to its last span. The first two bytes of the
 * input say how much of it is index; the head's sizes are mended so that most inputs get further. */
#include "model/block.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
touch(const char *base, size_t at, size_t size)
{
    unsigned sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)base[at + i];
    return sum;
}

static unsigned
read_all(const struct block *b)
{
    unsigned sum = 0, counted = 0;

    for (uint32_t i = 0; i < b->head->stream_count; i++) {
        sum += (unsigned)(strlen(b->streams[i].tenant) + strlen(b->streams[i].category) +
                          strlen(b->streams[i].table));
        counted += b->streams[i].row_count;
    }
    if (counted != b->head->row_count)
        abort();
    for (uint32_t i = 0; i < b->head->string_count; i++)
        sum += touch(block_string(b, i).p, 0, block_string(b, i).n);
    for (uint32_t i = 0; i < b->head->row_count; i++) {
        const struct block_row *r = &b->rows[i];

        sum += touch(b->body.p, r->at, r->size);
        sum += touch(b->body.p, r->properties_at, r->properties_size);
        sum += touch(b->body.p, r->at, r->properties_at - r->at);
        if (r->group_value_at != 0)
            sum += touch(b->body.p, r->properties_at, r->group_value_at - r->properties_at) +
                   touch(b->body.p, r->group_value_at, r->group_value_size);
        if (r->time_at != 0)
            sum += touch(b->body.p, r->time_at, r->time_size);
        if (r->received_at != 0)
            sum += touch(b->body.p, r->received_at, r->received_size);
        if (r->group < ROW_GROUP_NULL)
            sum += touch(block_string(b, r->group).p, 0, block_string(b, r->group).n);
        sum += (unsigned)b->streams[r->stream].row_count;
    }
    return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block b;
    struct err err;
    size_t n;

    if (size < 2)
        return 0;
    n = (size_t)(data[0] | data[1] << 8);
    data += 2;
    size -= 2;
    n = n > size ? size : n;
    /* Exact allocations, so that one byte too far is seen. */
    char *index = malloc(n + 1), *body = malloc(size - n + 1);
    struct block_head *head = (struct block_head *)(void *)index;

    memcpy(index, data, n);
    memcpy(body, data + n, size - n);
    index = realloc(index, n ? n : 1);
    body = realloc(body, size - n ? size - n : 1);
    head = (struct block_head *)(void *)index;
    if (n >= sizeof *head) {
        head->version = BLOCK_VERSION;
        head->index_size = (uint32_t)n;
        head->body_size = (uint32_t)(size - n);
    }
    if (block_open(&b, (struct span){index, n}, (struct span){body, size - n}, &err) == ST_OK) {
        volatile unsigned sum = read_all(&b);

        (void)sum;
    }
    free(index);
    free(body);
    return 0;
}
