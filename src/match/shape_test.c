/* shape_test.c - what leaves for what came in: each row of the table is one record and one setting.
 * The expected bytes are written out by hand from streaming-api.md sections 2.1, 2.2 and 5.1. */
#include "base/test.h"
#include "match/shape.h"
#include "model/datetime.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define ROW_TIME "2026-09-14T08:07:45.2820995Z"
#define RECEIVED "2026-09-14T08:06:13.0590254Z"
#define WIRE_HEAD                                                                                  \
    "{\"time\":\"" ROW_TIME "\",\"tenantId\":\"" TENANT                                            \
    "\",\"operationName\":\"Publish\",\"category\":\"AdvancedHunting-DeviceInfo\","                \
    "\"_TimeReceivedBySvc\":\"" RECEIVED "\",\"properties\":"
#define WIRE_TAIL ",\"Tenant\":\"DefaultTenant\"}"
#define FOUR_HEAD                                                                                  \
    "{\"time\":\"" ROW_TIME "\",\"tenantId\":\"" TENANT                                            \
    "\",\"category\":\"AdvancedHunting-DeviceInfo\",\"properties\":"

enum { AS_IS = ROW_GROUP_AS_IS, NO_DEVICE = ROW_GROUP_NULL };

static const struct {
    const char *name;
    const char *record;
    const char *group; /* a name: found at admission; NULL: 'mark' */
    unsigned mark;     /* AS_IS or NO_DEVICE */
    unsigned flags;
    enum profile profile;
    enum group_mode mode;
    const char *expected;
} cases[] = {
    {"a bare row gets the seven keys",             "{\"A\":1}",                                         NULL,              AS_IS,     0,                                PROFILE_WIRE,       GROUP_BY_CATALOG,
     WIRE_HEAD "{\"A\":1}" WIRE_TAIL                                                                                                                                                                                                                          },
    {"or the four documented ones",                "{\"A\":1}",                                         NULL,              AS_IS,     0,                                PROFILE_DOCUMENTED,
     GROUP_BY_CATALOG,                                                                                                                                                                                        FOUR_HEAD "{\"A\":1}}"                          },
    {"or none",                                    "{\"A\":1}",                                         NULL,              AS_IS,     0,                                PROFILE_BARE,       GROUP_BY_CATALOG, "{\"A\":1}"                                     },
    {"digits, escapes, order and duplicates stay",
     "{\"b\":9223372036854775807,\"a\":0.072,\"b\":\"\\u00e9\\/\",\"e\":1E400}",                        NULL,              AS_IS,     0,
     PROFILE_BARE,                                                                                                                                                                          GROUP_BY_CATALOG,
     "{\"b\":9223372036854775807,\"a\":0.072,\"b\":\"\\u00e9\\/\",\"e\":1E400}"                                                                                                                                                                               },
    {"a group is appended",                        "{\"A\":1}",                                         "EU Workstations", 0,         ROW_DECORATE,                     PROFILE_BARE,
     GROUP_BY_CATALOG,                                                                                                                                                                                        "{\"A\":1,\"MachineGroup\":\"EU Workstations\"}"},
    {"a leading blank of its name is kept",        "{\"A\":1}",                                         " eu",             0,         ROW_DECORATE,                     PROFILE_BARE,
     GROUP_BY_CATALOG,                                                                                                                                                                                        "{\"A\":1,\"MachineGroup\":\" eu\"}"            },
    {"a name is escaped",                          "{\"A\":1}",                                         "a\"b\\c\n",       0,         ROW_DECORATE,                     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"A\":1,\"MachineGroup\":\"a\\\"b\\\\c\\u000a\"}"                                                                                                                                                                                                      },
    {"an empty row takes no comma",                "{}",                                                "g",               0,         ROW_DECORATE | ROW_EMPTY,         PROFILE_BARE,
     GROUP_BY_CATALOG,                                                                                                                                                                                        "{\"MachineGroup\":\"g\"}"                      },
    {"no device: null",                            "{\"A\":1}",                                         NULL,              NO_DEVICE, ROW_DECORATE,                     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"A\":1,\"MachineGroup\":null}"                                                                                                                                                                                                                        },
    {"a null that came is replaced",               "{\"MachineGroup\":null,\"A\":1}",                   "g",               0,         ROW_DECORATE,
     PROFILE_BARE,                                                                                                                                                                          GROUP_BY_CATALOG, "{\"MachineGroup\":\"g\",\"A\":1}"              },
    {"a null that came stays without a device",    "{\"MachineGroup\":null}",                           NULL,              NO_DEVICE,
     ROW_DECORATE,                                                                                                                                                      PROFILE_BARE,       GROUP_BY_CATALOG, "{\"MachineGroup\":null}"                       },
    {"a value that came stays",                    "{\"MachineGroup\":\"x\"}",                          NULL,              AS_IS,     ROW_DECORATE,                     PROFILE_BARE,
     GROUP_BY_CATALOG,                                                                                                                                                                                        "{\"MachineGroup\":\"x\"}"                      },
    {"other tables stay plain",                    "{\"A\":1}",                                         "g",               0,         0,                                PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"A\":1}"                                                                                                                                                                                                                                              },
    {"unless the setting says always",             "{\"A\":1}",                                         "g",               0,         0,                                PROFILE_BARE,       GROUP_ALWAYS,
     "{\"A\":1,\"MachineGroup\":\"g\"}"                                                                                                                                                                                                                       },
    {"always, and no device is known",             "{\"A\":1}",                                         NULL,              AS_IS,     0,                                PROFILE_BARE,       GROUP_ALWAYS,
     "{\"A\":1,\"MachineGroup\":null}"                                                                                                                                                                                                                        },
    {"line breaks between tokens go",              "{\r\n \"A\" : [1,\n\t2], \"B\":\" x\\\" \\\\\"\n}", NULL,
     AS_IS,                                                                                                                           ROW_LINE_BREAK,                   PROFILE_BARE,       GROUP_BY_CATALOG, "{\"A\":[1,2],\"B\":\" x\\\" \\\\\"}"           },
    {"line breaks and a group",                    "{\n\"A\":1\n}",                                     "g",               0,         ROW_LINE_BREAK | ROW_DECORATE,
     PROFILE_BARE,                                                                                                                                                                          GROUP_BY_CATALOG, "{\"A\":1,\"MachineGroup\":\"g\"}"              },
    {"blanks without line breaks stay",            "{ \"A\" : 1 }",                                     NULL,              AS_IS,     0,                                PROFILE_BARE,
     GROUP_BY_CATALOG,                                                                                                                                                                                        "{ \"A\" : 1 }"                                 },
    {"a whole envelope leaves byte for byte",      WIRE_HEAD "{\"A\":1}" WIRE_TAIL,                     NULL,              AS_IS,
     ROW_ENVELOPE | ROW_WIRE_ENVELOPE,                                                                                                                                  PROFILE_WIRE,       GROUP_BY_CATALOG,
     WIRE_HEAD "{\"A\":1}" WIRE_TAIL                                                                                                                                                                                                                          },
    {"unless it is decorated",                     WIRE_HEAD "{\"A\":1}" WIRE_TAIL,                     "g",               0,
     ROW_ENVELOPE | ROW_WIRE_ENVELOPE | ROW_DECORATE,                                                                                                                   PROFILE_WIRE,       GROUP_BY_CATALOG,
     WIRE_HEAD "{\"A\":1,\"MachineGroup\":\"g\"}" WIRE_TAIL                                                                                                                                                                                                   },
    {"or wanted with four keys",                   WIRE_HEAD "{\"A\":1}" WIRE_TAIL,                     NULL,              AS_IS,
     ROW_ENVELOPE | ROW_WIRE_ENVELOPE,                                                                                                                                  PROFILE_DOCUMENTED, GROUP_BY_CATALOG,
     FOUR_HEAD "{\"A\":1}}"                                                                                                                                                                                                                                   },
    {"or bare",                                    WIRE_HEAD "{\"A\":1}" WIRE_TAIL,                     NULL,              AS_IS,     ROW_ENVELOPE | ROW_WIRE_ENVELOPE,
     PROFILE_BARE,                                                                                                                                                                          GROUP_BY_CATALOG, "{\"A\":1}"                                     },
    {"an envelope's own times are kept",
     "{\"category\":\"x\",\"time\":\"2020-01-01T00:00:00Z\",\"_TimeReceivedBySvc\":\"2019-12-31T23:"
     "59:59.0000000\",\"properties\":{\"A\":1}}",                                                       NULL,              AS_IS,     ROW_ENVELOPE,                     PROFILE_WIRE,       GROUP_BY_CATALOG,
     "{\"time\":\"2020-01-01T00:00:00Z\",\"tenantId\":\"" TENANT
     "\",\"operationName\":\"Publish\",\"category\":\"AdvancedHunting-DeviceInfo\","
     "\"_TimeReceivedBySvc\":\"2019-12-31T23:59:59.0000000\",\"properties\":{\"A\":1}" WIRE_TAIL                                                                                                                                                              },
};

static uint32_t
at_of(const char *record, const char *what, size_t skip)
{
    const char *p = strstr(record, what);

    return p == NULL ? 0 : (uint32_t)((size_t)(p - record) + skip);
}

int
main(void)
{
    int64_t time, received;
    size_t memory_size = 4 << 20;
    char *memory = aligned_alloc(16, memory_size);

    CHECK(datetime_read(span_of(ROW_TIME), &time) && datetime_read(span_of(RECEIVED), &received),
          "the test's own times");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a = {memory, memory_size, 0};
        struct block_builder b;
        struct block block;
        struct span index;
        struct err err = {""};
        const char *record = cases[i].record;
        char body[2048], out[4096 + SHAPE_OVERHEAD_MAX];
        uint16_t stream = 0, group = (uint16_t)cases[i].mark;

        /* One byte before the record, since 0 means "none" in a row's offsets. */
        snprintf(body, sizeof body, "\n%s", record);
        CHECK(block_builder_init(&b, &a, 4, &err) == ST_OK, "%s", err.text);
        CHECK(block_stream_index(&b, span_of(TENANT), span_of("AdvancedHunting-DeviceInfo"),
                                 span_of("DeviceInfo"), &stream) == ST_OK,
              "stream");
        if (cases[i].group != NULL)
            CHECK(block_string_index(&b, span_of(cases[i].group), &group) == ST_OK, "string");
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = 1;
        row->size = row->properties_size = (uint32_t)strlen(record);
        row->stream = stream;
        row->group = group;
        row->flags = (uint16_t)cases[i].flags;
        row->time = time;
        if (cases[i].flags & ROW_ENVELOPE) {
            row->properties_at = at_of(body, "\"properties\":", 13);
            const char *end = strchr(body + row->properties_at, '}');

            row->properties_size = (uint32_t)(end - body) + 1 - row->properties_at;
            row->time_at = at_of(body, "\"time\":\"", 8);
            row->time_size = (uint8_t)strcspn(body + row->time_at, "\"");
            row->received_at = at_of(body, "\"_TimeReceivedBySvc\":\"", 22);
            row->received_size = (uint8_t)strcspn(body + row->received_at, "\"");
        }
        row->group_value_at = at_of(body, "\"MachineGroup\":", 15);
        if (row->group_value_at != 0)
            row->group_value_size = (uint16_t)strcspn(body + row->group_value_at, ",}");
        size_t room = 1 << 20;
        char *image = arena_take(&a, room);

        CHECK(block_seal(&b, (uint32_t)strlen(body), received, time, image, room, &index, &err) ==
                  ST_OK,
              "%s: %s", cases[i].name, err.text);
        CHECK(block_open(&block, index, span_of(body), &err) == ST_OK, "%s: %s", cases[i].name,
              err.text);
        const struct plan_route route = {.profile = cases[i].profile, .group_mode = cases[i].mode};
        CHECK(shape_room(&block.rows[0]) <= sizeof out, "%s: room", cases[i].name);
        size_t n = shape_row(&route, &block, &block.rows[0], out);

        CHECK(n == strlen(cases[i].expected) && memcmp(out, cases[i].expected, n) == 0, "%s: %.*s",
              cases[i].name, (int)n, out);
    }
    free(memory);
    return test_end();
}
