/* block_test.c - what a builder lays out opens again as it was; what is damaged does not open. */
#include "base/test.h"
#include "model/block.h"

#define TENANT SPAN_LITERAL("11111111-2222-3333-4444-555555555555")
#define TICKS INT64_C(638900000000000000)

enum { OUT_SIZE = 1 << 20, ROWS_AT = 88 + 2 * 224, STRING_AT = ROWS_AT + 3 * 48 };
static _Alignas(16) char memory[8 << 20], out[OUT_SIZE], copy[OUT_SIZE];
static const char body[] =
    "{\"time\":\"t\",\"properties\":{\"MachineGroup\":\"g\"}}\n{\"a\":1}\n{}";

/* Three rows: an envelope with everything, a bare row, an empty row; two streams, two strings. */
static struct span
sample(struct block_builder *b)
{
    struct arena a = {memory, sizeof memory, 0};
    struct err err = {""};
    struct span index = {0};
    uint16_t device, alert, same, group, other;

    CHECK(block_builder_init(b, &a, 10, &err) == ST_OK, "init: %s", err.text);
    CHECK(a.used <= block_builder_room(10), "room %zu of %zu", a.used, block_builder_room(10));
    CHECK(block_stream_index(b, TENANT, SPAN_LITERAL("AdvancedHunting-DeviceInfo"),
                             SPAN_LITERAL("DeviceInfo"), &device) == ST_OK,
          "stream");
    CHECK(block_stream_index(b, TENANT, SPAN_LITERAL("AdvancedHunting-AlertInfo"),
                             SPAN_LITERAL("AlertInfo"), &alert) == ST_OK,
          "stream");
    CHECK(block_stream_index(b, TENANT, SPAN_LITERAL("AdvancedHunting-DeviceInfo"),
                             SPAN_LITERAL("DeviceInfo"), &same) == ST_OK,
          "stream");
    CHECK(device == 0 && alert == 1 && same == 0, "streams %u %u %u", device, alert, same);
    CHECK(block_string_index(b, SPAN_LITERAL("Servers"), &group) == ST_OK, "string");
    CHECK(block_string_index(b, SPAN_LITERAL(""), &other) == ST_OK, "string");
    CHECK(block_string_index(b, SPAN_LITERAL("Servers"), &group) == ST_OK, "string");
    CHECK(group == 0 && other == 1, "strings %u %u", group, other);

    *block_row_add(b) = (struct block_row){.at = 0,
                                           .size = 46,
                                           .properties_at = 25,
                                           .properties_size = 20,
                                           .group_value_at = 41,
                                           .group_value_size = 3,
                                           .group = group,
                                           .stream = device,
                                           .flags = ROW_ENVELOPE,
                                           .time_at = 9,
                                           .time_size = 1,
                                           .time = TICKS};
    *block_row_add(b) = (struct block_row){.at = 47,
                                           .size = 7,
                                           .properties_at = 47,
                                           .properties_size = 7,
                                           .group = ROW_GROUP_NULL,
                                           .stream = alert};
    *block_row_add(b) = (struct block_row){.at = 55,
                                           .size = 2,
                                           .properties_at = 55,
                                           .properties_size = 2,
                                           .group = ROW_GROUP_AS_IS,
                                           .stream = device,
                                           .flags = ROW_EMPTY};
    CHECK(block_seal(b, sizeof body - 1, TICKS, TICKS + 5, out, sizeof out, &index, &err) == ST_OK,
          "seal: %s", err.text);
    return index;
}

static void
test_round_trip(void)
{
    struct block_builder builder;
    struct span index = sample(&builder);
    struct block b;
    struct err err = {""};

    enum status st = block_open(&b, index, (struct span){body, sizeof body - 1}, &err);

    CHECK(st == ST_OK, "open: %s", err.text);
    if (st != ST_OK)
        return;
    CHECK(b.head->row_count == 3 && b.head->stream_count == 2 && b.head->string_count == 2,
          "counts %u %u %u", b.head->row_count, b.head->stream_count, b.head->string_count);
    CHECK(b.streams[0].row_count == 2 && b.streams[1].row_count == 1, "rows of streams");
    CHECK(strcmp(b.streams[1].table, "AlertInfo") == 0, "table %s", b.streams[1].table);
    CHECK(span_is(block_string(&b, 0), "Servers") && span_is(block_string(&b, 1), ""), "strings");
    CHECK(b.rows[0].time == TICKS, "a time that is there stays");
    CHECK(b.rows[1].time == TICKS + 6 && b.rows[2].time == TICKS + 7, "made times differ");
    CHECK(b.head->parts_end == 1 && b.head->kind == BLOCK_ROWS, "head");

    block_builder_reset(&builder);
    CHECK(block_seal(&builder, 0, 1, 2, out, sizeof out, &index, &err) == ST_OK, "seal empty");
    CHECK(block_open(&b, index, (struct span){body, 0}, &err) == ST_OK, "open empty: %s", err.text);
    CHECK(block_seal(&builder, 0, 1, 2, out, 8, &index, &err) == ST_FULL, "seal without room");
}

/* One field made wrong at a time. */
static const struct {
    const char *name;
    size_t row; /* which row */
    struct place {
        size_t offset, size;
    } field;
    uint64_t value;
} row_faults[] = {
#define FIELD(name)                                                                                \
    {                                                                                              \
        offsetof(struct block_row, name), sizeof((struct block_row *)0)->name                      \
    }
    {"record behind the body",        0, FIELD(at),               56                 },
    {"record beyond 32 bits",         0, FIELD(at),               UINT32_MAX         },
    {"record too long",               2, FIELD(size),             3                  },
    {"record of one byte",            2, FIELD(size),             1                  },
    {"record longer than 32 bits",    0, FIELD(size),             UINT32_MAX         },
    {"properties before the record",  1, FIELD(properties_at),    46                 },
    {"properties behind the record",  1, FIELD(properties_at),    48                 },
    {"properties too long",           0, FIELD(properties_size),  22                 },
    {"properties empty",              0, FIELD(properties_size),  0                  },
    {"properties beyond 32 bits",     0, FIELD(properties_size),  UINT32_MAX         },
    {"group value before properties", 0, FIELD(group_value_at),   24                 },
    {"group value behind properties", 0, FIELD(group_value_at),   43                 },
    {"group value too long",          0, FIELD(group_value_size), 5                  },
    {"group value of one byte",       0, FIELD(group_value_size), 1                  },
    {"time behind the record",        0, FIELD(time_at),          46                 },
    {"time too long",                 0, FIELD(time_size),        38                 },
    {"received before the record",    1, FIELD(received_at),      46                 },
    {"received behind the record",    1, FIELD(received_at),      55                 },
    {"received too long",             0, FIELD(received_at),      UINT32_MAX         },
    {"stream that is not there",      1, FIELD(stream),           2                  },
    {"stream of another row",         1, FIELD(stream),           0                  },
    {"group that is not there",       0, FIELD(group),            2                  },
    {"group just below the marks",    0, FIELD(group),            0xfffd             },
    {"time before the calendar",      0, FIELD(time),             UINT64_MAX         },
    {"time behind the calendar",      0, FIELD(time),             3155378976000000000},
#undef FIELD
};

static void
test_row_faults(void)
{
    struct block_builder builder;
    struct span index = sample(&builder), damaged = {copy, index.n};

    for (size_t i = 0; i < COUNT_OF(row_faults); i++) {
        struct block b;
        struct err err = {""};

        memcpy(copy, index.p, index.n);
        memcpy(copy + ROWS_AT + row_faults[i].row * sizeof(struct block_row) +
                   row_faults[i].field.offset,
               &row_faults[i].value, row_faults[i].field.size);
        CHECK(block_open(&b, damaged, (struct span){body, sizeof body - 1}, &err) == ST_INVALID &&
                  err.text[0] != '\0',
              "%s: opened", row_faults[i].name);
    }
}

static const struct {
    const char *name;
    struct place field;
    uint64_t value;
} head_faults[] = {
#define FIELD(name)                                                                                \
    {                                                                                              \
        offsetof(struct block_head, name), sizeof((struct block_head *)0)->name                    \
    }
#define NAME(offset)                                                                               \
    {                                                                                              \
        offset, 0                                                                                  \
    }  /* is filled up */
    {"newer version",          FIELD(version),      2                  },
    {"unknown kind",           FIELD(kind),         4                  },
    {"another index size",     FIELD(index_size),   8                  },
    {"another body size",      FIELD(body_size),    56                 },
    {"too many rows",          FIELD(row_count),    UINT32_MAX         },
    {"one row more",           FIELD(row_count),    4                  },
    {"one row less",           FIELD(row_count),    2                  },
    {"too many streams",       FIELD(stream_count), UINT32_MAX         },
    {"one stream more",        FIELD(stream_count), 3                  },
    {"too many strings",       FIELD(string_count), UINT32_MAX         },
    {"strings too large",      FIELD(strings_size), UINT32_MAX         },
    {"strings one byte less",  FIELD(strings_size), 6                  },
    {"received in no year",    FIELD(received),     UINT64_MAX         },
    {"admitted in no year",    FIELD(admitted),     3155378976000000000},
    {"string offset too far",  {STRING_AT + 4, 4},  8                  },
    {"string offsets go back", {STRING_AT, 4},      1                  },
    {"tenant without end",     NAME(88),            0                  },
    {"category without end",   NAME(88 + 40),       0                  },
    {"table without end",      NAME(88 + 144),      0                  },
    {"rows of a stream",       {88 + 216, 4},       1                  },
#undef FIELD
#undef NAME
};

static void
test_head_faults(void)
{
    struct block_builder builder;
    struct span index = sample(&builder), damaged = {copy, index.n};
    static const size_t name_sizes[] = {40, 104, 72};
    struct block b;
    struct err err = {""};
    size_t name = 0;

    for (size_t i = 0; i < COUNT_OF(head_faults); i++) {
        memcpy(copy, index.p, index.n);
        if (head_faults[i].field.size == 0)
            memset(copy + head_faults[i].field.offset, 'x', name_sizes[name++]);
        else
            memcpy(copy + head_faults[i].field.offset, &head_faults[i].value,
                   head_faults[i].field.size);
        CHECK(block_open(&b, damaged, (struct span){body, sizeof body - 1}, &err) == ST_INVALID,
              "%s: opened", head_faults[i].name);
    }
    for (size_t n = 0; n < index.n; n++)
        if (block_open(&b, (struct span){out, n}, (struct span){body, sizeof body - 1}, &err) !=
            ST_INVALID)
            CHECK(false, "an index cut to %zu bytes opened", n);
    memcpy(copy + 4, index.p, index.n);
    CHECK(block_open(&b, (struct span){copy + 4, index.n}, (struct span){body, sizeof body - 1},
                     &err) == ST_INVALID,
          "unaligned: opened");
}

static void
test_limits(void)
{
    struct arena a = {memory, sizeof memory, 0}, small = {memory, 1000, 0};
    struct block_builder b;
    struct err err = {""};
    uint16_t index, first;
    char name[128];
    unsigned count = 0;

    CHECK(block_builder_init(&b, &small, 10, &err) == ST_FULL && small.used == 0, "small arena");
    CHECK(block_builder_init(&b, &a, BLOCK_ROWS_MAX + 10, &err) == ST_OK, "init: %s", err.text);
    while (block_row_add(&b) != NULL)
        count++;
    CHECK(count == BLOCK_ROWS_MAX, "%u rows", count);
    for (count = 0;; count++) {
        snprintf(name, sizeof name, "AdvancedHunting-T%u", count);
        if (block_stream_index(&b, TENANT, span_of(name), span_of(name + 16), &index) != ST_OK)
            break;
        CHECK(index == count, "stream %u is %u", count, index);
    }
    CHECK(count == 256, "%u streams", count);
    CHECK(block_stream_index(&b, TENANT, span_of("AdvancedHunting-T7"), span_of("T7"), &first) ==
                  ST_OK &&
              first == 7,
          "a stream is found when there is no room for more");
    block_builder_reset(&b);
    memset(name, 'x', 104);
    CHECK(block_stream_index(&b, TENANT, (struct span){name, 104}, span_of("T"), &index) ==
              ST_INVALID,
          "category too long");
    CHECK(block_stream_index(&b, TENANT, (struct span){name, 103}, span_of("T"), &index) == ST_OK,
          "category of the largest size");
    CHECK(block_stream_index(&b, TENANT, span_of("T"), (struct span){name, 72}, &index) ==
              ST_INVALID,
          "table too long");
    for (count = 0;; count++) {
        snprintf(name, sizeof name, "group %u", count);
        if (block_string_index(&b, span_of(name), &index) != ST_OK)
            break;
    }
    CHECK(count == 1024, "%u strings", count);
    block_builder_reset(&b);
    CHECK(block_string_index(&b, (struct span){memory, 65536}, &index) == ST_OK, "long string");
    CHECK(block_string_index(&b, span_of("y"), &index) == ST_FULL, "no room for strings");
    CHECK(block_string_index(&b, (struct span){memory, 65537}, &index) == ST_INVALID, "too long");
}

int
main(void)
{
    test_round_trip();
    test_row_faults();
    test_head_faults();
    test_limits();
    return test_end();
}
