/* block.c - lays blocks out and opens them.
 *
 * block_open stands on every export's read path, before anybody follows an offset. It checks each
 * row without branches: all faults of all rows are or-ed together, and only when something is wrong
 * is the first bad row looked for again, slowly, to name it. */
#include "model/block.h"
#include <assert.h>

/* 9999-12-31T23:59:59.9999999Z (base/clock.h): later moments have no text of the usual size. */
#define TICKS_LAST UINT64_C(3155378975999999999)

enum {
    STREAM_ROOM = 256,       /* streams of a builder: more tables at once only mean more blocks */
    STREAM_SLOTS = 1024,     /* a power of two, much larger than STREAM_ROOM */
    STRING_ROOM = 1024,      /* strings of a builder */
    STRING_BYTES = 64 << 10, /* and their bytes */
};

_Static_assert(sizeof(struct block_head) == 88, "no holes in what goes to disk");
_Static_assert(sizeof(struct block_stream) == 224, "no holes in what goes to disk");
_Static_assert(sizeof(struct block_row) == 48, "no holes in what goes to disk");
_Static_assert((int)BLOCK_STRINGS_MAX < (int)ROW_GROUP_NULL, "indexes and marks must differ");

static size_t
align8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

struct layout {
    size_t streams, rows, string_at, strings, end;
};

static struct layout
layout_of(uint32_t stream_count, uint32_t row_count, uint32_t string_count, uint32_t strings_size)
{
    struct layout l;

    l.streams = align8(sizeof(struct block_head));
    l.rows = align8(l.streams + stream_count * sizeof(struct block_stream));
    l.string_at = align8(l.rows + row_count * sizeof(struct block_row));
    l.strings = align8(l.string_at + ((size_t)string_count + 1) * sizeof(uint32_t));
    l.end = align8(l.strings + strings_size);
    return l;
}

size_t
block_index_size(uint32_t stream_count, uint32_t row_count, uint32_t string_count,
                 uint32_t strings_size)
{
    return layout_of(stream_count, row_count, string_count, strings_size).end;
}

/* Not zero if anything could lie outside. Sums are 64 bits wide, so none can wrap. */
static inline unsigned
row_fault(const struct block_row *row, uint64_t body_size, unsigned stream_count,
          unsigned string_count)
{
    uint64_t at = row->at, end = at + row->size;
    uint64_t inner = row->properties_at, inner_end = inner + row->properties_size;
    uint64_t group = row->group_value_at, time = row->time_at, received = row->received_at;
    unsigned bad = 0;

    bad |= (row->size < 2) | (end > body_size);
    bad |= (row->properties_size < 2) | (inner < at) | (inner_end > end);
    bad |= (group != 0) & ((group < inner) | (group + row->group_value_size > inner_end) |
                           (row->group_value_size < 2));
    bad |= (time != 0) & ((time < at) | (time + row->time_size > end));
    bad |= (received != 0) & ((received < at) | (received + row->received_size > end));
    bad |= row->stream >= stream_count;
    bad |= (row->group < ROW_GROUP_NULL) & (row->group >= string_count);
    bad |= (uint64_t)row->time > TICKS_LAST;
    return bad;
}

static const char *
row_fault_text(const struct block_row *row, uint64_t body_size, unsigned stream_count,
               unsigned string_count)
{
    uint64_t end = (uint64_t)row->at + row->size;
    uint64_t inner_end = (uint64_t)row->properties_at + row->properties_size;

    if (row->size < 2 || end > body_size)
        return "its record lies outside the body";
    if (row->properties_size < 2 || row->properties_at < row->at || inner_end > end)
        return "its properties lie outside its record";
    if (row->stream >= stream_count)
        return "its stream is not in the block";
    if (row->group < ROW_GROUP_NULL && row->group >= string_count)
        return "its group is not in the block";
    if ((uint64_t)row->time > TICKS_LAST)
        return "its time is not in the calendar";
    return "its group value or a time text lies outside it";
}

static enum status
head_check(const struct block_head *head, struct span index, struct span body, struct err *err)
{
    if (head->version != BLOCK_VERSION)
        return err_set(err, ST_INVALID, "block version %u, this program reads %d", head->version,
                       BLOCK_VERSION);
    if (head->kind != BLOCK_ROWS && head->kind != BLOCK_CONTROL && head->kind != BLOCK_EVENTS)
        return err_set(err, ST_INVALID, "unknown kind %u of block", head->kind);
    if (head->index_size != index.n || head->body_size != body.n)
        return err_set(err, ST_INVALID, "block of %u+%u bytes in %zu+%zu", head->index_size,
                       head->body_size, index.n, body.n);
    if (body.n > BLOCK_BODY_MAX || head->row_count > BLOCK_ROWS_MAX ||
        head->stream_count > BLOCK_STREAMS_MAX || head->string_count > BLOCK_STRINGS_MAX ||
        head->strings_size > BLOCK_INDEX_MAX)
        return err_set(err, ST_INVALID, "block beyond the limits: %zu bytes, %u rows, %u streams",
                       body.n, head->row_count, head->stream_count);
    if ((uint64_t)head->received > TICKS_LAST || (uint64_t)head->admitted > TICKS_LAST)
        return err_set(err, ST_INVALID, "block received or admitted outside the calendar");
    if (block_index_size(head->stream_count, head->row_count, head->string_count,
                         head->strings_size) != index.n)
        return err_set(err, ST_INVALID, "block index of %zu bytes does not fit its counts",
                       index.n);
    return ST_OK;
}

static enum status
strings_check(const struct block *b, struct err *err)
{
    uint32_t count = b->head->string_count;
    unsigned bad = b->string_at[0] != 0;

    for (uint32_t i = 0; i < count; i++)
        bad |= b->string_at[i] > b->string_at[i + 1];
    bad |= b->string_at[count] != b->head->strings_size;
    return bad ? err_set(err, ST_INVALID, "the block's string offsets are out of order") : ST_OK;
}

/* Readers lay their rows out by the streams' counts, so the counts have to be true. */
static enum status
streams_check(const struct block *b, struct err *err)
{
    uint32_t counts[BLOCK_STREAMS_MAX];
    uint32_t n = b->head->stream_count;

    memset(counts, 0, n * sizeof counts[0]);
    for (uint32_t i = 0; i < b->head->row_count; i++)
        counts[b->rows[i].stream]++;
    for (uint32_t i = 0; i < n; i++) {
        const struct block_stream *s = &b->streams[i];

        if (memchr(s->tenant, '\0', sizeof s->tenant) == NULL ||
            memchr(s->category, '\0', sizeof s->category) == NULL ||
            memchr(s->table, '\0', sizeof s->table) == NULL)
            return err_set(err, ST_INVALID, "stream %u of the block has a name without end", i);
        if (s->row_count != counts[i])
            return err_set(err, ST_INVALID, "stream %u of the block has %u rows, not %u", i,
                           counts[i], s->row_count);
    }
    return ST_OK;
}

static enum status
rows_check(const struct block *b, struct err *err)
{
    uint64_t body_size = b->body.n;
    unsigned streams = b->head->stream_count, strings = b->head->string_count, bad = 0;

    for (uint32_t i = 0; i < b->head->row_count; i++)
        bad |= row_fault(&b->rows[i], body_size, streams, strings);
    if (!bad)
        return ST_OK;
    for (uint32_t i = 0; i < b->head->row_count; i++)
        if (row_fault(&b->rows[i], body_size, streams, strings))
            return err_set(err, ST_INVALID, "row %u of the block: %s", i,
                           row_fault_text(&b->rows[i], body_size, streams, strings));
    return ST_OK;
}

enum status
block_open(struct block *b, struct span index, struct span body, struct err *err)
{
    struct block opened = {.body = body};
    struct layout l;
    enum status st;

    if (index.n < sizeof(struct block_head) || (uintptr_t)index.p % 8 != 0)
        return err_set(err, ST_INVALID, "a block's index of %zu bytes is too short or unaligned",
                       index.n);
    opened.head = (const struct block_head *)(const void *)index.p;
    if ((st = head_check(opened.head, index, body, err)) != ST_OK)
        return st;
    l = layout_of(opened.head->stream_count, opened.head->row_count, opened.head->string_count,
                  opened.head->strings_size);
    opened.streams = (const struct block_stream *)(const void *)(index.p + l.streams);
    opened.rows = (const struct block_row *)(const void *)(index.p + l.rows);
    opened.string_at = (const uint32_t *)(const void *)(index.p + l.string_at);
    opened.strings = index.p + l.strings;
    if ((st = strings_check(&opened, err)) != ST_OK || (st = rows_check(&opened, err)) != ST_OK ||
        (st = streams_check(&opened, err)) !=
            ST_OK) /* after the rows: it counts by their streams */
        return st;
    *b = opened;
    return ST_OK;
}

void
block_builder_reset(struct block_builder *b)
{
    b->head = (struct block_head){.version = BLOCK_VERSION, .kind = BLOCK_ROWS, .parts_end = 1};
    b->stream_last = 0;
    b->string_at[0] = 0;
    memset(b->stream_slots, 0, STREAM_SLOTS * sizeof b->stream_slots[0]);
}

enum status
block_builder_init(struct block_builder *b, struct arena *a, uint32_t row_room, struct err *err)
{
    struct arena before = *a;

    *b = (struct block_builder){0};
    b->row_room = row_room < BLOCK_ROWS_MAX ? row_room : BLOCK_ROWS_MAX;
    b->stream_room = b->row_room < STREAM_ROOM ? b->row_room : STREAM_ROOM;
    b->string_room = b->row_room < STRING_ROOM ? b->row_room : STRING_ROOM;
    b->strings_room = STRING_BYTES;
    b->streams = arena_take(a, b->stream_room * sizeof *b->streams);
    b->rows = arena_take(a, b->row_room * sizeof *b->rows);
    b->string_at = arena_take(a, ((size_t)b->string_room + 1) * sizeof *b->string_at);
    b->strings = arena_take(a, b->strings_room);
    b->stream_slots = arena_take(a, STREAM_SLOTS * sizeof *b->stream_slots);
    if (b->streams == NULL || b->rows == NULL || b->string_at == NULL || b->strings == NULL ||
        b->stream_slots == NULL) {
        a->used = before.used;
        *b = (struct block_builder){0};
        return err_set(err, ST_FULL, "no room in memory for a block of %u rows", row_room);
    }
    block_builder_reset(b);
    return ST_OK;
}

size_t
block_builder_room(uint32_t row_room)
{
    size_t rows = row_room < BLOCK_ROWS_MAX ? row_room : BLOCK_ROWS_MAX;
    size_t streams = rows < STREAM_ROOM ? rows : STREAM_ROOM;
    size_t strings = rows < STRING_ROOM ? rows : STRING_ROOM;

    return streams * sizeof(struct block_stream) + rows * sizeof(struct block_row) +
           (strings + 1) * sizeof(uint32_t) + STRING_BYTES + STREAM_SLOTS * sizeof(uint16_t) +
           (size_t)5 * 16;
}

static bool
name_is(const char *field, size_t field_size, struct span name)
{
    return name.n < field_size && memcmp(field, name.p, name.n) == 0 && field[name.n] == '\0';
}

static bool
stream_is(const struct block_stream *s, struct span tenant, struct span category, struct span table)
{
    return name_is(s->category, sizeof s->category, category) &&
           name_is(s->table, sizeof s->table, table) &&
           name_is(s->tenant, sizeof s->tenant, tenant);
}

static uint64_t
hash_of(uint64_t seed, struct span name)
{
    for (; name.n >= 8; name.p += 8, name.n -= 8) {
        uint64_t word;

        memcpy(&word, name.p, 8);
        seed = (seed ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        seed ^= seed >> 29;
    }
    for (size_t i = 0; i < name.n; i++)
        seed = (seed ^ (unsigned char)name.p[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return seed ^ seed >> 32;
}

enum status
block_stream_index(struct block_builder *b, struct span tenant, struct span category,
                   struct span table, uint16_t *index)
{
    struct block_stream *s;

    if (b->head.stream_count > 0 &&
        stream_is(&b->streams[b->stream_last], tenant, category, table)) {
        *index = (uint16_t)b->stream_last; /* rows of one stream mostly follow each other */
        return ST_OK;
    }
    size_t slot = hash_of(hash_of(hash_of(1, category), table), tenant) % STREAM_SLOTS;

    for (; b->stream_slots[slot] != 0; slot = (slot + 1) % STREAM_SLOTS) {
        uint32_t at = b->stream_slots[slot] - 1u;

        if (stream_is(&b->streams[at], tenant, category, table)) {
            b->stream_last = at;
            *index = (uint16_t)at;
            return ST_OK;
        }
    }
    s = &b->streams[b->head.stream_count];
    if (tenant.n >= sizeof s->tenant || category.n >= sizeof s->category ||
        table.n >= sizeof s->table)
        return ST_INVALID;
    if (b->head.stream_count == b->stream_room)
        return ST_FULL;
    memset(s, 0, sizeof *s);
    memcpy(s->tenant, tenant.p, tenant.n);
    memcpy(s->category, category.p, category.n);
    memcpy(s->table, table.p, table.n);
    b->stream_last = b->head.stream_count++;
    b->stream_slots[slot] = (uint16_t)(b->stream_last + 1);
    *index = (uint16_t)b->stream_last;
    return ST_OK;
}

enum status
block_string_index(struct block_builder *b, struct span text, uint16_t *index)
{
    uint32_t count = b->head.string_count, used = b->string_at[count];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = b->string_at[i], size = b->string_at[i + 1] - at;

        if (size == text.n && memcmp(b->strings + at, text.p, size) == 0) {
            *index = (uint16_t)i;
            return ST_OK;
        }
    }
    if (text.n > b->strings_room)
        return ST_INVALID;
    if (count == b->string_room || text.n > b->strings_room - used)
        return ST_FULL;
    if (text.n > 0)
        memcpy(b->strings + used, text.p, text.n);
    b->string_at[count + 1] = used + (uint32_t)text.n;
    b->head.string_count++;
    *index = (uint16_t)count;
    return ST_OK;
}

struct block_row *
block_row_add(struct block_builder *b)
{
    if (b->head.row_count == b->row_room)
        return NULL;
    struct block_row *row = &b->rows[b->head.row_count++];

    memset(row, 0, sizeof *row);
    return row;
}

enum status
block_seal(struct block_builder *b, uint32_t body_size, int64_t received, int64_t admitted,
           char *out, size_t out_size, struct span *index, struct err *err)
{
    struct block_head *head = &b->head;
    uint32_t strings_size = b->string_at[head->string_count];
    struct layout l =
        layout_of(head->stream_count, head->row_count, head->string_count, strings_size);

    assert((uintptr_t)out % 8 == 0);
    if (l.end > out_size || l.end > BLOCK_INDEX_MAX)
        return err_set(err, ST_FULL, "the block's index takes %zu bytes, there is room for %zu",
                       l.end, out_size);
    for (uint32_t i = 0; i < head->stream_count; i++)
        b->streams[i].row_count = 0;
    for (uint32_t i = 0; i < head->row_count; i++) {
        struct block_row *row = &b->rows[i];

        assert(row->stream < head->stream_count);
        b->streams[row->stream].row_count++;
        if (row->time == 0)
            row->time = admitted + i;
    }
    head->index_size = (uint32_t)l.end;
    head->body_size = body_size;
    head->strings_size = strings_size;
    head->received = received;
    head->admitted = admitted;
    memcpy(out, head, sizeof *head);
    memcpy(out + l.streams, b->streams, head->stream_count * sizeof *b->streams);
    memcpy(out + l.rows, b->rows, head->row_count * sizeof *b->rows);
    memset(out + l.strings - 8, 0, 8); /* what alignment leaves over must not be old memory */
    memset(out + l.end - 8, 0, 8);
    memcpy(out + l.string_at, b->string_at,
           ((size_t)head->string_count + 1) * sizeof *b->string_at);
    memcpy(out + l.strings, b->strings, strings_size);
    *index = (struct span){out, l.end};
    return ST_OK;
}
