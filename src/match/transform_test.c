/* transform_test.c - rows of a block through routes' queries: what is dropped, what is put into
 * which envelope, MachineGroup, and several routes at once. */
#include "base/test.h"
#include "match/shape.h"
#include "match/transform.h"
#include "model/datetime.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define ROW_TIME "2026-09-14T08:07:45.2820995Z"
#define FOUR(table)                                                                                \
    "{\"time\":\"" ROW_TIME "\",\"tenantId\":\"" TENANT "\",\"category\":\"AdvancedHunting-" table \
    "\",\"properties\":"
#define SEVEN(table)                                                                               \
    "{\"time\":\"" ROW_TIME "\",\"tenantId\":\"" TENANT                                            \
    "\",\"operationName\":\"Publish\",\"category\":\"AdvancedHunting-" table                       \
    "\",\"_TimeReceivedBySvc\":\"" ROW_TIME "\",\"properties\":"
#define TENANT_TAIL ",\"Tenant\":\"DefaultTenant\"}"

struct row {
    const char *table, *object;
    const char *group; /* found at admission; NULL: none */
    unsigned flags;
};

static char body[1 << 20], image[1 << 20], out[1 << 20];
static struct block block;

static void
build(const struct row *rows, size_t count)
{
    static char memory[8 << 20];
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct err err = {""};
    struct span index;
    int64_t time;
    size_t at = 1;

    CHECK(datetime_read(span_of(ROW_TIME), &time), "the test's own time");
    CHECK(block_builder_init(&b, &a, 64, &err) == ST_OK, "%s", err.text);
    body[0] = '\n';
    for (size_t i = 0; i < count; i++) {
        struct block_row *row = block_row_add(&b);
        char category[104];
        const char *group_at = strstr(rows[i].object, "\"MachineGroup\":");
        size_t size = strlen(rows[i].object);

        snprintf(category, sizeof category, "AdvancedHunting-%s", rows[i].table);
        CHECK(block_stream_index(&b, span_of(TENANT), span_of(category), span_of(rows[i].table),
                                 &row->stream) == ST_OK,
              "stream");
        row->group = ROW_GROUP_AS_IS;
        if (rows[i].group != NULL)
            CHECK(block_string_index(&b, span_of(rows[i].group), &row->group) == ST_OK, "string");
        row->at = row->properties_at = (uint32_t)at;
        row->size = row->properties_size = (uint32_t)size;
        row->flags = (uint16_t)rows[i].flags;
        row->time = time;
        if (group_at != NULL) {
            row->group_value_at = (uint32_t)(at + (size_t)(group_at - rows[i].object) + 15);
            row->group_value_size = (uint16_t)strcspn(group_at + 15, ",}");
        }
        memcpy(body + at, rows[i].object, size);
        at += size;
    }
    CHECK(block_seal(&b, (uint32_t)at, time, time, image, sizeof image, &index, &err) == ST_OK &&
              block_open(&block, index, (struct span){body, at}, &err) == ST_OK,
          "%s", err.text);
}

static struct transform *
made(const char *table, const char *kql, enum group_mode mode)
{
    const char *categories[] = {"AdvancedHunting-AlertInfo", "AdvancedHunting-DeviceProcessEvents"};
    const struct transform_query query = {table, kql};
    const struct transform_source source = {
        .catalog = &catalog_builtin,
        .group_mode = mode,
        .queries = &query,
        .query_count = 1,
        .categories = categories,
        .category_count = 2,
    };
    struct transform *t = NULL;
    struct err err = {""};

    CHECK(transform_make(&source, NULL, NULL, &t, &err) == ST_OK, "%s: %s", kql, err.text);
    return t;
}

/* The row as it leaves; "(drop)". */
static const char *
leaves(struct transform_run *run, size_t index, const struct plan_route *route, uint32_t row)
{
    struct span object;
    size_t n = 0;

    switch (transform_row(run, index, route, row, &object)) {
    case KQL_STREAM_DROP:
        return "(drop)";
    case KQL_STREAM_SAME:
        n = shape_row(route, &block, &block.rows[row], out);
        break;
    case KQL_STREAM_CHANGED:
        n = shape_row_of(route, &block, &block.rows[row], object, out);
        break;
    }
    out[n] = '\0';
    return out;
}

static const struct {
    const char *name;
    struct row row;
    const char *table, *kql; /* table NULL: for all */
    enum profile profile;
    enum group_mode mode;
    const char *expected;
} cases[] = {
    {"a filter passes bytes",
     {"AlertInfo", "{ \"Title\" : \"a\" }", NULL, 0},
     NULL,                        "source | where isnotempty(tostring(now()))",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{ \"Title\" : \"a\" }"                                    },
    {"or drops",
     {"AlertInfo", "{\"Title\":\"a\"}", NULL, 0},
     NULL,                        "source | where now() < datetime(2026-09-14T08:00)",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "(drop)"                                                   },
    {"now is when the block was admitted",
     {"AlertInfo", "{}", NULL, 0},
     NULL,                        "source | project t = now()",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"t\":\"" ROW_TIME "\"}"                                 },
    {"what is made goes into the envelope",
     {"AlertInfo", "{\"Title\":\"a\",\"x\":1}", NULL, 0},
     "AlertInfo",                 "source | project Title",
     PROFILE_WIRE,       GROUP_BY_CATALOG,
     SEVEN("AlertInfo") "{\"Title\":\"a\"}" TENANT_TAIL         },
    {"or into that of four",
     {"AlertInfo", "{\"Title\":\"a\",\"x\":1}", NULL, 0},
     "AdvancedHunting-AlertInfo", "source | extend y = strcat(Title, 'b')",
     PROFILE_DOCUMENTED, GROUP_BY_CATALOG,
     FOUR("AlertInfo") "{\"Title\":\"a\",\"x\":1,\"y\":\"ab\"}}"},
    {"other tables leave as they are",
     {"AlertEvidence", "{\"Title\":\"a\"}", NULL, 0},
     NULL,                        "source | where false",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"Title\":\"a\"}"                                        },
    {"a group is a column",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | where MachineGroup == 'eu'",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"FileName\":\"a\",\"MachineGroup\":\"eu\"}"             },
    {"a filter on another",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | where MachineGroup == 'us'",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "(drop)"                                                   },
    {"the one that was found, not the null that came",
     {"DeviceProcessEvents", "{\"MachineGroup\":null,\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | where MachineGroup == 'eu' | extend F = FileName",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"MachineGroup\":\"eu\",\"FileName\":\"a\",\"F\":\"a\"}" },
    {"extend keeps the group",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | extend n = strlen(FileName)",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"FileName\":\"a\",\"MachineGroup\":\"eu\",\"n\":1}"     },
    {"project leaves it out",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | project FileName",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"FileName\":\"a\"}"                                     },
    {"unless it is named",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | project G = MachineGroup",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"G\":\"eu\"}"                                           },
    {"what is not there cannot be taken away",
     {"DeviceProcessEvents", "{\"FileName\":\"a\"}", "eu", ROW_DECORATE},
     "DeviceProcessEvents",       "source | project-away SHA1",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"FileName\":\"a\",\"MachineGroup\":\"eu\"}"             },
    {"groups always",
     {"AlertInfo", "{\"Title\":\"a\"}", "eu", 0},
     "AlertInfo",                 "source | where MachineGroup has 'eu' | project-away Title",
     PROFILE_BARE,       GROUP_ALWAYS,
     "{\"MachineGroup\":\"eu\"}"                                },
    {"line breaks go",
     {"AlertInfo", "{\n\"Title\" :\n \"a\",\n\"x\":[1,\n2]}", NULL, ROW_LINE_BREAK},
     "AlertInfo",                 "source | extend y = 1",
     PROFILE_BARE,       GROUP_BY_CATALOG,
     "{\"Title\":\"a\",\"x\":[1,2],\"y\":1}"                    },
};

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct plan_route route = {.profile = cases[i].profile, .group_mode = cases[i].mode};
        struct transform *t = made(cases[i].table, cases[i].kql, cases[i].mode);
        const struct transform *transforms[] = {t};
        struct transform_run *run;
        struct err err;

        if (t == NULL)
            continue;
        build(&cases[i].row, 1);
        CHECK(transform_run_make(transforms, 1, &run, &err) == ST_OK, "%s", err.text);
        for (int again = 0; again < 2; again++) {
            transform_block(run, &block);
            const char *got = leaves(run, 0, &route, 0);

            CHECK(strcmp(got, cases[i].expected) == 0, "%s: %s", cases[i].name, got);
        }
        CHECK(transform_exhausted(run) == 0, "%s", cases[i].name);
        transform_run_free(run);
        transform_free(t);
    }
}

/* Many routes over one block: at once, and each for itself. */
static void
check_together(void)
{
    static const struct {
        const char *table, *kql;
        enum group_mode mode;
    } routes_of[] = {
        {NULL,                  "source | where Timestamp > datetime(2020-01-01)", GROUP_BY_CATALOG},
        {"AlertInfo",           "source | where Title has 'a'",                    GROUP_BY_CATALOG},
        {"AlertInfo",           "source | where Title has 'a' | project Title",    GROUP_ALWAYS    },
        {"DeviceProcessEvents", "source | where MachineGroup == 'eu'",             GROUP_BY_CATALOG},
        {NULL,                  NULL,                                              GROUP_BY_CATALOG},
        {"DeviceProcessEvents", "source | project FileName, MachineGroup",         GROUP_ALWAYS    },
    };
    static const struct row rows[] = {
        {"AlertInfo",           "{\"Timestamp\":\"2021-01-01\",\"Title\":\"a\"}",    NULL, 0},
        {"DeviceProcessEvents", "{\"Timestamp\":\"2019-01-01\",\"FileName\":\"f\"}", "eu",
         ROW_DECORATE                                                                       },
        {"AlertEvidence",       "{\"Title\":\"a\"}",                                 NULL, 0},
        {"AlertInfo",           "{\"Timestamp\":\"2021-01-01\",\"Title\":\"b\"}",    NULL, 0},
        {"DeviceProcessEvents", "{\"Timestamp\":\"2021-01-01\",\"FileName\":\"g\"}", "us",
         ROW_DECORATE                                                                       },
    };
    enum { ROUTES = COUNT_OF(routes_of) };
    const struct transform *transforms[ROUTES] = {NULL};
    struct plan_route routes[ROUTES];
    const struct plan_route *list[ROUTES];
    struct transform_run *together, *alone;
    struct err err;
    unsigned dropped = 0;

    build(rows, COUNT_OF(rows));
    for (size_t i = 0; i < ROUTES; i++) {
        if (routes_of[i].kql != NULL)
            transforms[i] = made(routes_of[i].table, routes_of[i].kql, routes_of[i].mode);
        routes[i] = (struct plan_route){
            .profile = PROFILE_BARE, .group_mode = routes_of[i].mode, .all_categories = true};
        list[i] = &routes[i];
    }
    CHECK(transform_run_make(transforms, ROUTES, &together, &err) == ST_OK, "%s", err.text);
    transform_block_all(together, &block, list);
    for (size_t i = 0; i < ROUTES; i++) {
        CHECK(transform_run_make(&transforms[i], 1, &alone, &err) == ST_OK, "%s", err.text);
        transform_block(alone, &block);
        for (uint32_t row = 0; row < COUNT_OF(rows); row++) {
            char first[4096];

            snprintf(first, sizeof first, "%s", leaves(alone, 0, &routes[i], row));
            const char *second = leaves(together, i, &routes[i], row);

            CHECK(strcmp(first, second) == 0, "route %zu, row %u: %s; together %s", i, row, first,
                  second);
            dropped += strcmp(first, "(drop)") == 0;
        }
        transform_run_free(alone);
    }
    CHECK(dropped == 4, "%u", dropped);
    /* A row that any of them lets through, as the first one makes it. */
    transform_routes(together, list + 1);
    transform_run_free(together);
    CHECK(transform_run_make(transforms + 1, 3, &together, &err) == ST_OK, "%s", err.text);
    transform_routes(together, list + 1);
    transform_block(together, &block);
    CHECK(strcmp(leaves(together, TRANSFORM_ANY, &routes[1], 0), rows[0].object) == 0, "%s", out);
    CHECK(strcmp(leaves(together, TRANSFORM_ANY, &routes[1], 3), rows[3].object) == 0,
          "route 3 does not look at alerts: %s", out);
    transform_run_free(together);
    CHECK(transform_run_make(transforms + 1, 2, &together, &err) == ST_OK, "%s", err.text);
    transform_routes(together, list + 1);
    transform_block(together, &block);
    CHECK(strcmp(leaves(together, TRANSFORM_ANY, &routes[1], 3), "(drop)") == 0, "%s", out);
    transform_run_free(together);
    for (size_t i = 0; i < ROUTES; i++)
        transform_free((struct transform *)transforms[i]);
}

static unsigned told_tables, told_complaints;

static void
told(void *app, const char *table, const struct kql_diagnostics *d, const struct kql_schema *schema)
{
    (void)app, (void)table;
    told_tables++;
    told_complaints += d->error_count;
    CHECK((schema == NULL) == (d->error_count > 0), "%s", table);
}

static void
check_complaints(void)
{
    const char *categories[] = {"AdvancedHunting-AlertInfo", "AdvancedHunting-DeviceInfo"};
    const struct transform_query queries[] = {
        {NULL, "source | where Nope == 1 and DeviceName == 'x'"}
    };
    const struct transform_source source = {
        .catalog = &catalog_builtin,
        .queries = queries,
        .query_count = 1,
        .categories = categories,
        .category_count = 2,
    };
    struct transform *t = NULL;
    struct err err = {""};

    CHECK(transform_make(&source, told, NULL, &t, &err) == ST_INVALID && t == NULL, "made");
    CHECK(strstr(err.text, "AlertInfo, line 1, column 16") != NULL, "%s", err.text);
    CHECK(told_tables == 2 && told_complaints == 3, "%u tables, %u complaints", told_tables,
          told_complaints);
}

int
main(void)
{
    check_cases();
    check_together();
    check_complaints();
    return test_end();
}
