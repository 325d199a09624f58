/* transform_thread_test.c - one compiled transformation, run by several threads at once, each with its
 * own memory: every thread gives the same bytes. Queries use what functions prepare: regexes, sets,
 * searches, formats. */
#include "base/test.h"
#include "match/shape.h"
#include "match/transform.h"
#include "model/datetime.h"
#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 200, ROWS = 20 };

static const char *const queries[] = {
    "source | where Title matches regex 'a[0-9]+' or Title has_any ('x1', 'x2') or Title in~ ('Q')",
    "source | extend n = extract('a([0-9]+)', 1, Title, typeof(long)), l = tolower(Title), s = "
    "split(Title, ' ')",
    "source | parse Title with * 'a' Number:long ' ' Rest | extend f = format_datetime(Timestamp, "
    "'yyyy-MM')",
    "source | parse kind=regex Title with '.*a' Number:long | extend k = tostring(bag_pack('n', "
    "Number)), "
    "h = hash_sha256(Title), i = ipv4_is_in_range('10.0.0.1', '10.0.0.0/8')",
};

static char body[64 * 1024], image[1 << 20];
static struct block block;
static const struct transform *transforms[COUNT_OF(queries)];
static const struct plan_route route = {.profile = PROFILE_BARE, .all_categories = true};

static void
build(void)
{
    static char memory[8 << 20];
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct err err = {""};
    struct span index;
    size_t at = 1;

    body[0] = '\n';
    CHECK(block_builder_init(&b, &a, 64, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < ROWS; i++) {
        struct block_row *row = block_row_add(&b);
        int size = snprintf(
            body + at, sizeof body - at,
            "{\"Timestamp\":\"2026-09-14T08:07:45Z\",\"Title\":\"x%d a%d \\u0041\"}", i, i * 7);

        CHECK(block_stream_index(&b, SPAN_LITERAL("7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"),
                                 SPAN_LITERAL("AdvancedHunting-AlertInfo"),
                                 SPAN_LITERAL("AlertInfo"), &row->stream) == ST_OK,
              "stream");
        row->group = ROW_GROUP_AS_IS;
        row->at = row->properties_at = (uint32_t)at;
        row->size = row->properties_size = (uint32_t)size;
        row->time = 1;
        at += (size_t)size;
    }
    CHECK(block_seal(&b, (uint32_t)at, 1, 1, image, sizeof image, &index, &err) == ST_OK &&
              block_open(&block, index, (struct span){body, at}, &err) == ST_OK,
          "%s", err.text);
}

static uint64_t
round_of(struct transform_run *run)
{
    uint64_t h = 14695981039346656037u;

    transform_block(run, &block);
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        for (uint32_t row = 0; row < ROWS; row++) {
            struct span object = {"", 0};
            enum kql_stream_result result = transform_row(run, i, &route, row, &object);

            h = (h ^ (uint64_t)result) * 1099511628211u;
            for (size_t k = 0; result == KQL_STREAM_CHANGED && k < object.n; k++)
                h = (h ^ (unsigned char)object.p[k]) * 1099511628211u;
        }
    return h;
}

static void *
work(void *app)
{
    uint64_t *sum = app;
    struct transform_run *run;
    struct err err;

    if (transform_run_make(transforms, COUNT_OF(queries), &run, &err) != ST_OK)
        return NULL;
    *sum = round_of(run);
    for (int i = 1; i < ROUNDS; i++)
        if (round_of(run) != *sum)
            *sum = 0;
    transform_run_free(run);
    return NULL;
}

int
main(void)
{
    const char *categories[] = {"AdvancedHunting-AlertInfo"};
    pthread_t threads[THREADS];
    uint64_t sums[THREADS] = {0};

    build();
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        const struct transform_query query = {NULL, queries[i]};
        const struct transform_source source = {
            .catalog = &catalog_builtin,
            .queries = &query,
            .query_count = 1,
            .categories = categories,
            .category_count = 1,
        };
        struct transform *t = NULL;
        struct err err = {""};

        CHECK(transform_make(&source, NULL, NULL, &t, &err) == ST_OK, "%s", err.text);
        transforms[i] = t;
    }
    if (test_failed > 0)
        return test_end();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &sums[i]) == 0, "no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        CHECK(sums[i] != 0 && sums[i] == sums[0], "thread %d gives other bytes", i);
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        transform_free((struct transform *)(uintptr_t)transforms[i]);
    return test_end();
}
