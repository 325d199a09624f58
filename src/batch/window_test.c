/* window_test.c - rows go to their lanes, are framed, and are cut where a parcel is full. Each case
 * is a list of rows (table letter, hour, size) and what the parcels must be. */
#include "base/clock.h"
#include "base/test.h"
#include "batch/window.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
static const int64_t hour_0 = INT64_C(639000000000000000) / TICKS_PER_HOUR * TICKS_PER_HOUR;

struct input {
    char table; /* 'A' ... */
    int hour;
    int digits; /* size of the row: {"n":ddd} */
};

static const struct {
    const char *name;
    struct input rows[8];
    struct window_limits limits;
    enum profile profile;
    const char *wanted;   /* tables of the route */
    const char *expected; /* parcels: table, hour, body; '|' between, line ends as $ */
    enum status st;       /* of the first window_add */
} cases[] = {
    {"lines, two tables",
     {{'A', 0, 1}, {'B', 0, 1}, {'A', 0, 2}},
     {WINDOW_LINES, false, 100, 1000, 99, 9},
     PROFILE_BARE, "AB",
     "A0 {\"n\":1}${\"n\":12}$|B0 {\"n\":1}$",                                 ST_OK     },
    {"a table that nobody asked for",
     {{'A', 0, 1}, {'B', 0, 1}},
     {WINDOW_LINES, false, 100, 1000, 99, 9},
     PROFILE_BARE, "B",
     "B0 {\"n\":1}$",                                                          ST_OK     },
    {"none is asked for",
     {{'A', 0, 1}},
     {WINDOW_LINES, false, 100, 1000, 99, 9},
     PROFILE_BARE, "Z",
     "",                                                                       ST_OK     },
    {"records",
     {{'A', 0, 1}, {'A', 0, 1}, {'B', 0, 1}},
     {WINDOW_RECORDS, false, 100, 1000, 99, 9},
     PROFILE_BARE, "AB",
     "A0 {\"records\":[{\"n\":1},{\"n\":1}]}|B0 {\"records\":[{\"n\":1}]}",    ST_OK     },
    {"records: a second message where the first is full",
     {{'A', 0, 1}, {'A', 0, 2}, {'A', 0, 3}},
     {WINDOW_RECORDS, false, 30, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"records\":[{\"n\":1},{\"n\":12}]}|A0 {\"records\":[{\"n\":123}]}", ST_OK     },
    {"records: exactly full",
     {{'A', 0, 1}, {'A', 0, 1}},
     {WINDOW_RECORDS, false, 29, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"records\":[{\"n\":1},{\"n\":1}]}",                                 ST_OK     },
    {"records: one byte short",
     {{'A', 0, 1}, {'A', 0, 1}},
     {WINDOW_RECORDS, false, 28, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"records\":[{\"n\":1}]}|A0 {\"records\":[{\"n\":1}]}",              ST_OK     },
    {"lines: cut at the parcel's size",
     {{'A', 0, 1}, {'A', 0, 1}, {'A', 0, 1}},
     {WINDOW_LINES, false, 16, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}${\"n\":1}$|A0 {\"n\":1}$",                                  ST_OK     },
    {"hours apart, late data too",
     {{'A', 1, 1}, {'A', 2, 2}, {'A', 1, 3}},
     {WINDOW_LINES, true, 100, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A1 {\"n\":1}${\"n\":123}$|A2 {\"n\":12}$",                               ST_OK     },
    {"hours do not matter to a hub",
     {{'A', 1, 1}, {'A', 2, 2}},
     {WINDOW_LINES, false, 100, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}${\"n\":12}$",                                               ST_OK     },
    {"each row a parcel of its own",
     {{'A', 0, 1}, {'B', 0, 1}, {'A', 0, 2}},
     {WINDOW_ROW, false, 100, 1000, 99, 9},
     PROFILE_BARE, "AB",
     "A0 {\"n\":1}|B0 {\"n\":1}|A0 {\"n\":12}",                                ST_OK     },
    {"row: exactly as large as a parcel may be",
     {{'A', 0, 3}, {'A', 0, 3}},
     {WINDOW_ROW, false, 9, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":123}|A0 {\"n\":123}",                                          ST_OK     },
    {"row: one byte more",
     {{'A', 0, 2}, {'A', 0, 5}},
     {WINDOW_ROW, false, 10, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":12}",                                                          ST_INVALID},
    {"row: full by rows",
     {{'A', 0, 1}, {'A', 0, 2}, {'A', 0, 3}},
     {WINDOW_ROW, false, 100, 1000, 2, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}|A0 {\"n\":12}",                                             ST_FULL   },
    {"full by rows",
     {{'A', 0, 1}, {'A', 0, 2}, {'A', 0, 3}},
     {WINDOW_LINES, false, 100, 1000, 2, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}${\"n\":12}$",                                               ST_FULL   },
    {"full by bytes",
     {{'A', 0, 1}, {'A', 0, 2}, {'A', 0, 3}},
     {WINDOW_LINES, false, 100, 10, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}${\"n\":12}$",                                               ST_FULL   },
    {"full by lanes",
     {{'A', 0, 1}, {'B', 0, 2}, {'A', 0, 3}},
     {WINDOW_LINES, false, 100, 1000, 99, 1},
     PROFILE_BARE, "AB",
     "A0 {\"n\":1}$",                                                          ST_FULL   },
    {"a row larger than a parcel is handed over alone",
     {{'A', 0, 1}, {'A', 0, 9}, {'A', 0, 2}},
     {WINDOW_LINES, false, 12, 1000, 99, 9},
     PROFILE_BARE, "A",
     "A0 {\"n\":1}$",                                                          ST_INVALID},
    {"records: such a row as the first",
     {{'A', 0, 20}},
     {WINDOW_RECORDS, false, 30, 1000, 99, 9},
     PROFILE_BARE, "A",
     "",                                                                       ST_INVALID},
};

static char memory[8 << 20] __attribute__((aligned(16)));
static const char digits[] = "12345678901234567890";

static void
build(const struct input *rows, size_t count, struct block *block, char *body)
{
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    size_t size = 0;

    CHECK(block_builder_init(&b, &a, 64, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        char category[40], table[2] = {rows[i].table, 0};
        uint16_t stream = 0;

        snprintf(category, sizeof category, "AdvancedHunting-%c", rows[i].table);
        CHECK(block_stream_index(&b, span_of(TENANT), span_of(category), span_of(table), &stream) ==
                  ST_OK,
              "stream");
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)size;
        size += (size_t)sprintf(body + size, "{\"n\":%.*s}", rows[i].digits, digits);
        row->size = row->properties_size = (uint32_t)size - row->at;
        body[size++] = '\n';
        row->group = ROW_GROUP_AS_IS;
        row->stream = stream;
        row->time = hour_0 + rows[i].hour * TICKS_PER_HOUR + (int64_t)i;
    }
    size_t room = 1 << 20;
    char *image = arena_take(&a, room);

    CHECK(block_seal(&b, (uint32_t)size, hour_0, hour_0, image, room, &index, &err) == ST_OK, "%s",
          err.text);
    CHECK(block_open(block, index, (struct span){body, size}, &err) == ST_OK, "%s", err.text);
}

static void
describe(const struct window *w, char *out)
{
    *out = '\0';
    for (size_t i = 0; i < window_parcel_count(w); i++) {
        const struct window_parcel *p = window_parcel(w, i);
        const struct window_lane *l = window_lane(w, p->lane);
        struct span body = window_parcel_body(w, p);

        out += sprintf(out, "%s%s%lld ", i > 0 ? "|" : "", l->table,
                       l->hour == 0 ? 0LL : (long long)((l->hour - hour_0) / TICKS_PER_HOUR));
        for (size_t k = 0; k < body.n; k++)
            *out++ = body.p[k] == '\n' ? '$' : body.p[k];
        *out = '\0';
    }
}

static void
count_row(void *app, struct span row)
{
    CHECK(row.n > 6 && row.p[0] == '{' && row.p[row.n - 1] == '}', "split gave '%.*s'", (int)row.n,
          row.p);
    ++*(uint32_t *)app;
}

/* A parcel of one row carries that row's own identity. */
static bool
rows_equal(const struct block *block, const struct window_parcel *p, struct span body)
{
    const struct block_row *row = &block->rows[p->row];

    return p->position == 4096 && row->size == body.n &&
           memcmp(block->body.p + row->at, body.p, body.n) == 0;
}

int
main(void)
{
    struct window *w;
    struct err err;
    static char body[4096], seen[8192];

    CHECK(window_make(&w, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *categories[8];
        char names[8][24];
        struct plan_route route = {.profile = cases[i].profile, .categories = categories};
        struct block block;
        uint32_t row = 0, wanted = 0;
        size_t count = 0;

        while (count < 8 && cases[i].rows[count].table != 0)
            count++;
        for (const char *t = cases[i].wanted; *t != '\0'; t++) {
            snprintf(names[route.category_count], sizeof names[0], "AdvancedHunting-%c", *t);
            categories[route.category_count] = names[route.category_count];
            route.category_count++;
        }
        build(cases[i].rows, count, &block, body);
        window_reset(w, &cases[i].limits);
        enum status st = window_add(w, &route, &block, 4096, &row, (uint32_t)count, &wanted);

        window_seal(w);
        describe(w, seen);
        CHECK(st == cases[i].st && strcmp(seen, cases[i].expected) == 0, "%s: %d %s", cases[i].name,
              (int)st, seen);
        if (st == ST_OK)
            CHECK(row == count, "%s: stopped at row %u", cases[i].name, row);
        if (st == ST_INVALID) {
            struct window_oversized o = window_oversized(w);

            CHECK(o.row + 1 == row && o.bytes.n > 10 && strcmp(o.stream->table, "A") == 0,
                  "%s: oversized row %u", cases[i].name, o.row);
        }
        uint32_t split = 0;

        for (size_t p = 0; p < window_parcel_count(w); p++) {
            uint32_t before = split;

            window_split(cases[i].limits.framing, window_parcel_body(w, window_parcel(w, p)),
                         count_row, &split);
            CHECK(split - before == window_parcel(w, p)->row_count, "%s: parcel %zu has %u rows",
                  cases[i].name, p, split - before);
            CHECK(cases[i].limits.framing != WINDOW_ROW ||
                      rows_equal(&block, window_parcel(w, p),
                                 window_parcel_body(w, window_parcel(w, p))),
                  "%s: parcel %zu is not the row that it names", cases[i].name, p);
        }
        CHECK(split == window_row_count(w) && split == wanted, "%s: %u rows", cases[i].name, split);
        /* Taken up again after a full window, nothing is lost and nothing comes twice. */
        uint64_t total = wanted;

        while (st == ST_FULL) {
            window_reset(w, &cases[i].limits);
            wanted = 0;
            st = window_add(w, &route, &block, 4096, &row, (uint32_t)count, &wanted);
            total += wanted;
        }
        if (cases[i].st == ST_FULL)
            CHECK(total == count && row == count, "%s: %llu rows in all", cases[i].name,
                  (unsigned long long)total);
        window_reset(w, &cases[i].limits);
        window_shrink(w);
    }
    window_free(w);
    return test_end();
}
