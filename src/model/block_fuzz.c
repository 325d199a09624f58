/* block_fuzz.c - whatever block_open accepts can be read to its last span. An input that begins
 * with an odd byte is a list of changes (offset, value) to a good block. Otherwise two bytes say
 * how much of the input is index; the head's sizes are mended so that most inputs get further. */
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

static bool
open_and_read(const char *index_bytes, size_t index_size, const char *body_bytes, size_t body_size)
{
    /* Exact allocations, so that one byte too far is seen. */
    char *index = malloc(index_size ? index_size : 1), *body = malloc(body_size ? body_size : 1);
    struct block b;
    struct err err;
    bool is_good;

    memcpy(index, index_bytes, index_size);
    memcpy(body, body_bytes, body_size);
    if (index_size >= sizeof(struct block_head)) {
        struct block_head *head = (struct block_head *)(void *)index;

        head->version = BLOCK_VERSION;
        head->index_size = (uint32_t)index_size;
        head->body_size = (uint32_t)body_size;
    }
    is_good = block_open(&b, (struct span){index, index_size}, (struct span){body, body_size},
                         &err) == ST_OK;
    if (is_good) {
        volatile unsigned sum = read_all(&b);

        (void)sum;
    }
    free(index);
    free(body);
    return is_good;
}

/* Four rows of two streams, with every span that a row can have. */
static void
change_good_block(const uint8_t *data, size_t size)
{
    static _Alignas(16) char memory[1 << 17], out[4096];
    static const char body[] = "{\"time\":\"t\",\"properties\":{\"MachineGroup\":\"g\"}}";
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err;
    uint16_t stream, group;

    if (block_builder_init(&b, &a, 4, &err) != ST_OK ||
        block_string_index(&b, SPAN_LITERAL("group"), &group) != ST_OK)
        abort();
    for (unsigned i = 0; i < 4; i++) {
        if (block_stream_index(&b, SPAN_LITERAL("tenant"), SPAN_LITERAL("category"),
                               i % 2 ? SPAN_LITERAL("A") : SPAN_LITERAL("B"), &stream) != ST_OK)
            abort();
        *block_row_add(&b) = (struct block_row){.size = 46,
                                                .properties_at = 25,
                                                .properties_size = 20,
                                                .group_value_at = 41,
                                                .group_value_size = 3,
                                                .group = group,
                                                .stream = stream,
                                                .time_at = 9,
                                                .time_size = 1,
                                                .received_at = 9,
                                                .received_size = 1};
    }
    if (block_seal(&b, sizeof body - 1, 1, 2, out, sizeof out, &index, &err) != ST_OK)
        abort();
    if (!open_and_read(out, index.n, body, sizeof body - 1))
        abort(); /* it is good before the changes */
    for (; size >= 3; data += 3, size -= 3)
        out[(size_t)(data[0] | data[1] << 8) % index.n] = (char)data[2];
    open_and_read(out, index.n, body, sizeof body - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n;

    if (size < 2)
        return 0;
    if (data[0] % 2 == 1) {
        change_good_block(data + 1, size - 1);
        return 0;
    }
    n = (size_t)(data[0] | data[1] << 8);
    n = n > size - 2 ? size - 2 : n;
    open_and_read((const char *)data + 2, n, (const char *)data + 2 + n, size - 2 - n);
    return 0;
}
