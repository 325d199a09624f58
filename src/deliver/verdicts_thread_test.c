/* verdicts_thread_test.c - what exports share of their conditions: that it is shared (each row of a block
 * is evaluated once, however many ask, one after another or all at once), that what leaves is what
 * leaves without sharing, what is not the same and so not shared, and that its memory is bounded. */
#include "base/test.h"
#include "deliver/verdicts.h"
#include "match/transform.h"
#include <pthread.h>
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define OTHER_TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0bee0"
enum { ROWS = 3000, THREADS = 6, BLOCKS = 40, BROKEN_ROW = 1234 };

static char body[1 << 20], image[4 << 20] __attribute__((aligned(16)));
static struct block block;

/* AlertInfo and DeviceInfo in turn; a record in the middle is no JSON. */
static void
build(void)
{
    static char memory[16 << 20];
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct err err = {""};
    struct span index;
    size_t at = 1;
    uint16_t group = 0;

    body[0] = '\n';
    CHECK(block_builder_init(&b, &a, ROWS, &err) == ST_OK, "%s", err.text);
    CHECK(block_string_index(&b, SPAN_LITERAL("lab"), &group) == ST_OK, "group");
    for (unsigned i = 0; i < ROWS; i++) {
        bool alert = i % 2 == 0;
        struct block_row *row = block_row_add(&b);
        int size =
            snprintf(body + at, sizeof body - at,
                     "{\"Timestamp\":\"2026-09-14T08:07:45Z\",\"%s\":\"x%u a%u\"%s}",
                     alert ? "Title" : "DeviceName", i, i * 7 % 100, i == BROKEN_ROW ? "," : "");

        CHECK(block_stream_index(
                  &b, SPAN_LITERAL(TENANT),
                  span_of(alert ? "AdvancedHunting-AlertInfo" : "AdvancedHunting-DeviceInfo"),
                  span_of(alert ? "AlertInfo" : "DeviceInfo"), &row->stream) == ST_OK,
              "stream");
        row->group = alert ? ROW_GROUP_AS_IS : group;
        row->flags = alert ? 0 : ROW_DECORATE;
        row->at = row->properties_at = (uint32_t)at;
        row->size = row->properties_size = (uint32_t)size;
        row->time = 1;
        at += (size_t)size;
    }
    CHECK(block_seal(&b, (uint32_t)at, 1, 1, image, sizeof image, &index, &err) == ST_OK &&
              block_open(&block, index, (struct span){body, at}, &err) == ST_OK,
          "%s", err.text);
}

/* An export without its sink. */
struct party {
    struct plan_route route;
    struct transform *transform;
    struct transform_run *run;
    struct verdicts_user *user; /* NULL: shares nothing */
    uint64_t sum;               /* of what left */
};

static void
party_open(struct party *p, struct verdicts *v, const char *kql, const char *tenant,
           enum group_mode mode)
{
    static const char *const categories[] = {"AdvancedHunting-AlertInfo",
                                             "AdvancedHunting-DeviceInfo"};
    const struct transform_query query = {NULL, kql};
    const struct transform_source source = {.catalog = &catalog_builtin,
                                            .group_mode = mode,
                                            .queries = &query,
                                            .query_count = 1,
                                            .categories = categories,
                                            .category_count = COUNT_OF(categories)};
    struct err err = {""};

    *p = (struct party){
        .route = {.tenant = tenant,
                  .categories = categories,
                  .category_count = COUNT_OF(categories),
                  .profile = PROFILE_BARE,
                  .group_mode = mode}
    };
    CHECK(transform_make(&source, NULL, NULL, &p->transform, &err) == ST_OK, "%s", err.text);
    p->route.transform = p->transform;
    CHECK(transform_run_make(&p->route.transform, 1, &p->run, &err) == ST_OK, "%s", err.text);
    if (v != NULL)
        CHECK(verdicts_join(v, &p->route, p->run, &p->user, &err) == ST_OK, "%s", err.text);
}

static void
party_close(struct party *p)
{
    verdicts_leave(p->user);
    transform_run_free(p->run);
    transform_free(p->transform);
}

static void
mix(struct party *p, uint64_t x)
{
    p->sum = (p->sum ^ x) * UINT64_C(1099511628211);
}

/* Passes the block's rows from 'from' on as a window does. */
static void
pass(struct party *p, uint64_t position, uint32_t from)
{
    uint32_t known = from;

    if (p->user != NULL)
        verdicts_begin(p->user, &block, position);
    else
        transform_block(p->run, &block);
    for (uint32_t row = from; row < ROWS; row++) {
        struct span object = {"", 0};
        enum kql_stream_result result;

        if (row == known)
            known = p->user != NULL ? verdicts_know(p->user, row, ROWS) : ROWS;
        if (!plan_route_wants(&p->route, &block.streams[block.rows[row].stream]))
            continue;
        result = transform_row(p->run, 0, &p->route, row, &object);
        mix(p, (uint64_t)result);
        for (size_t k = 0; result == KQL_STREAM_CHANGED && k < object.n; k++)
            mix(p, (unsigned char)object.p[k]);
    }
    if (p->user != NULL)
        verdicts_end(p->user);
}

static uint64_t
alone(const char *kql, const char *tenant, enum group_mode mode)
{
    struct party p;

    party_open(&p, NULL, kql, tenant, mode);
    pass(&p, 0, 0);
    party_close(&p);
    return p.sum;
}

/* ---- two, one after the other ---- */

#define A " where strlen(Timestamp) > 0 "
static const struct pair {
    const char *name, *first, *second;
    const char *second_tenant;
    enum group_mode second_mode;
    uint64_t shared, evaluated; /* the second's rows where something is shared, evaluated by it */
} pairs[] = {
    {"the same text",                           "source | where Timestamp > datetime(2026-01-01)",
     "source | where Timestamp > datetime(2026-01-01)",                                                                                                                                                     TENANT,       GROUP_BY_CATALOG, ROWS, 1},
    {"the same question in other words",        "source | where Timestamp > datetime(2026-01-01)",
     "source|where  Timestamp>datetime('2026-01-01T00:00:00Z') // said otherwise",                                                                                                                          TENANT,
     GROUP_BY_CATALOG,                                                                                                                                                                                                                      ROWS, 1},
    {"a condition in common; the rest differs",
     "source | where Timestamp > datetime(2027-01-01) and tostring(Timestamp) has 'x'",                              "source | where tostring(Timestamp) has 'y' | where Timestamp > datetime(2027-01-01)", TENANT,
     GROUP_BY_CATALOG,                                                                                                                                                                                                                      ROWS, 1},
    {"a condition in common; one reshapes",     "source | where Timestamp > datetime(2026-01-01)",
     "source | where Timestamp > datetime(2026-01-01) | extend n = 1",                                                                                                                                      TENANT,       GROUP_BY_CATALOG,
     ROWS,                                                                                                                                                                                                                                        1},
    {"in another order",
     "source | where Timestamp > datetime(2026-01-01) and tostring(Timestamp) has '14'",                             "source | where tostring(Timestamp) has '14' and Timestamp > datetime(2026-01-01)",    TENANT,
     GROUP_BY_CATALOG,                                                                                                                                                                                                                      ROWS, 1},
    {"lists and searches",                      "source | where tostring(Timestamp) has_any (dynamic(['14', 'x']))",
     "source | where tostring(Timestamp) has_any (dynamic(['14', 'x']))",                                                                                                                                   TENANT,       GROUP_BY_CATALOG,
     ROWS,                                                                                                                                                                                                                                        1},
    {"a text that differs",                     "source | where tostring(Timestamp) has 'a'",
     "source | where tostring(Timestamp) has 'b'",                                                                                                                                                          TENANT,       GROUP_BY_CATALOG, 0,    0},
    {"a type that differs",                     "source | where tostring(Timestamp) has tostring(1)",
     "source | where tostring(Timestamp) has tostring(1.0)",                                                                                                                                                TENANT,       GROUP_BY_CATALOG, 0,    0},
    {"another list",                            "source | where tostring(Timestamp) has_any (dynamic(['14', 'x']))",
     "source | where tostring(Timestamp) has_any (dynamic(['14', 'y']))",                                                                                                                                   TENANT,       GROUP_BY_CATALOG,
     0,                                                                                                                                                                                                                                           0},
    {"what parse prepared is nobody else's",
     "source | extend t = tostring(Timestamp) | parse t with a '-' b | where b has '09'",                            "source | extend t = tostring(Timestamp) | parse t with a '-' b | where b has '09'",   TENANT,
     GROUP_BY_CATALOG,                                                                                                                                                                                                                      0,    0},
    {"another tenant",                          "source | where Timestamp > datetime(2026-01-01)",
     "source | where Timestamp > datetime(2026-01-01)",                                                                                                                                                     OTHER_TENANT, GROUP_BY_CATALOG, 0,    0},
    {"no condition",                            "source | extend n = 1",                                             "source | extend n = 1",                                                               TENANT,       GROUP_BY_CATALOG, 0,
     0                                                                                                                                                                                                                                             },
    {"other decoration, which nobody asks for", "source | where Timestamp > datetime(2026-01-01)",
     "source | where Timestamp > datetime(2026-01-01)",                                                                                                                                                     TENANT,       GROUP_ALWAYS,     ROWS, 1},
};

static void
test_pairs(void)
{
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct pair *x = &pairs[i];
        struct verdicts *v = NULL;
        struct party first, second;
        struct verdicts_counts counts;
        struct err err;

        CHECK(verdicts_make(&v, &err) == ST_OK, "%s", err.text);
        party_open(&first, v, x->first, TENANT, GROUP_BY_CATALOG);
        party_open(&second, v, x->second, x->second_tenant, x->second_mode);
        pass(&first, 4096, 0);
        pass(&second, 4096, 0);
        counts = verdicts_counts(second.user);
        CHECK(first.sum == alone(x->first, TENANT, GROUP_BY_CATALOG), "%s: the first", x->name);
        CHECK(second.sum == alone(x->second, x->second_tenant, x->second_mode), "%s: the second",
              x->name);
        CHECK(counts.rows == x->shared, "%s: %llu rows shared", x->name,
              (unsigned long long)counts.rows);
        CHECK(counts.evaluated <= x->evaluated, "%s: %llu rows evaluated again", x->name,
              (unsigned long long)counts.evaluated);
        CHECK(transform_exhausted(first.run) == 1 &&
                  transform_exhausted(second.run) == (x->second_tenant[35] == 'f'),
              "%s: each counts the broken record", x->name);
        party_close(&first);
        party_close(&second);
        verdicts_free(v);
    }
}

/* A condition on MachineGroup, which one leaves with and the other does not: AlertInfo. */
static void
test_group(void)
{
    static const char kql[] = "source | where Timestamp > datetime(2026-01-01)";
    const struct transform_query query = {"DeviceInfo", "source | where MachineGroup == 'lab'"};
    struct transform_source source = {
        .catalog = &catalog_builtin, .queries = &query, .query_count = 1};
    struct kql_stream_identity one[TRANSFORM_CONDITIONS_MAX], other[TRANSFORM_CONDITIONS_MAX];
    struct transform *t = NULL;
    struct err err = {""};

    CHECK(transform_make(&source, NULL, NULL, &t, &err) == ST_OK, "%s", err.text);
    CHECK(transform_conditions(t, 0, one) == 1, "one condition");
    transform_free(t);
    source.group_mode = GROUP_ALWAYS;
    CHECK(transform_make(&source, NULL, NULL, &t, &err) == ST_OK, "%s", err.text);
    CHECK(transform_conditions(t, 0, other) == 1, "one condition");
    transform_free(t);
    CHECK(one[0].low != other[0].low && one[0].high == other[0].high,
          "what depends on the decoration is another question with another one");
    CHECK(alone(kql, TENANT, GROUP_BY_CATALOG) == alone(kql, TENANT, GROUP_ALWAYS),
          "the decoration is no matter to this one");
}

/* Whoever comes when others have gone, or begins in the middle, finds what they found. */
static void
test_swap(void)
{
    static const char kql[] = "source | where tostring(Timestamp) has '14'";
    struct verdicts *v = NULL;
    struct party stays, goes, comes;
    struct err err;

    CHECK(verdicts_make(&v, &err) == ST_OK, "%s", err.text);
    party_open(&stays, v, kql, TENANT, GROUP_BY_CATALOG);
    pass(&stays, 1, 0);
    CHECK(verdicts_counts(stays.user).rows == 0 && verdicts_size(v) == 0,
          "alone it shares nothing, and keeps nothing");
    party_open(&goes, v, kql, TENANT, GROUP_BY_CATALOG);
    pass(&goes, 2, ROWS / 2);
    party_close(&goes);
    CHECK(verdicts_size(v) == ROWS, "%zu bytes are kept", verdicts_size(v));
    party_open(&comes, v, kql, TENANT, GROUP_BY_CATALOG);
    pass(&comes, 2, 0);
    CHECK(verdicts_counts(comes.user).evaluated == ROWS / 2 - 1 + 0 ||
              verdicts_counts(comes.user).evaluated == ROWS / 2,
          "%llu rows evaluated: the first half",
          (unsigned long long)verdicts_counts(comes.user).evaluated);
    CHECK(comes.sum == alone(kql, TENANT, GROUP_BY_CATALOG), "what leaves");
    party_close(&stays);
    party_close(&comes);
    verdicts_free(v);
}

static void
test_bounded(void)
{
    static const char kql[] = "source | where tostring(Timestamp) has '14'";
    struct verdicts *v = NULL;
    struct party one, two;
    struct err err;
    size_t most = 0;
    uint64_t sum = alone(kql, TENANT, GROUP_BY_CATALOG);
    bool same = true;

    CHECK(verdicts_make(&v, &err) == ST_OK, "%s", err.text);
    party_open(&one, v, kql, TENANT, GROUP_BY_CATALOG);
    party_open(&two, v, kql, TENANT, GROUP_BY_CATALOG);
    for (uint64_t position = 1; position <= VERDICTS_SIZE_MAX / ROWS + 100; position++) {
        /* the last rows only: the bytes are those of all */
        one.sum = 0;
        pass(&one, position, position % 500 == 0 ? 0 : ROWS - 1);
        same &= position % 500 != 0 || one.sum != 0;
        if (verdicts_size(v) > most)
            most = verdicts_size(v);
    }
    CHECK(most <= VERDICTS_SIZE_MAX && most > VERDICTS_SIZE_MAX - 2 * ROWS, "%zu bytes", most);
    pass(&two, 1, 0); /* long gone */
    CHECK(same && two.sum == sum, "what leaves");
    CHECK(verdicts_counts(two.user).evaluated == ROWS, "evaluated again");
    party_close(&one);
    party_close(&two);
    verdicts_free(v);
}

/* ---- all at once ---- */

static pthread_barrier_t start;

static void *
work(void *app)
{
    struct party *p = app;

    for (uint64_t n = 1; n <= BLOCKS; n++) {
        pthread_barrier_wait(&start); /* as an append wakes them */
        pass(p, n * 4096, 0);
    }
    return NULL;
}

/* All have A, two each have B, one reshapes: A is evaluated once a row, whoever does it. */
static void
test_threads(void)
{
    static const char *const queries[THREADS] = {
        "source | where tostring(Timestamp) has '14'",
        "source | where tostring(Timestamp) has '14'",
        "source | where tostring(Timestamp) has '14' and tostring(Timestamp) matches regex "
        "'0[0-9]'",
        "source | where tostring(Timestamp) matches regex '0[0-9]' | where tostring(Timestamp) has "
        "'14'",
        "source | where tostring(Timestamp) has '14' | extend n = strlen(tostring(Timestamp))",
        "source | where tostring(Timestamp) has '14' and tostring(Timestamp) !has '99'",
    };
    struct verdicts *v = NULL;
    struct party parties[THREADS];
    pthread_t threads[THREADS];
    uint64_t evaluated = 0, rows = 0;
    struct err err;

    CHECK(verdicts_make(&v, &err) == ST_OK, "%s", err.text);
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        party_open(&parties[i], v, queries[i], TENANT, GROUP_BY_CATALOG);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &parties[i]) == 0, "thread");
    for (int i = 0; i < THREADS; i++) {
        struct party one;

        pthread_join(threads[i], NULL);
        party_open(&one, NULL, queries[i], TENANT, GROUP_BY_CATALOG);
        for (uint64_t n = 1; n <= BLOCKS; n++)
            pass(&one, 0, 0);
        CHECK(parties[i].sum == one.sum, "thread %d: what leaves", i);
        party_close(&one);
        evaluated += verdicts_counts(parties[i].user).evaluated;
        rows += verdicts_counts(parties[i].user).rows;
    }
    CHECK(rows == (uint64_t)ROWS * BLOCKS * THREADS, "%llu rows", (unsigned long long)rows);
    /* Once for A and at most once more for B. */
    CHECK(evaluated >= (uint64_t)ROWS * BLOCKS && evaluated <= (uint64_t)ROWS * BLOCKS * 2,
          "%llu rows evaluated of %llu", (unsigned long long)evaluated, (unsigned long long)rows);
    for (int i = 0; i < THREADS; i++)
        party_close(&parties[i]);
    pthread_barrier_destroy(&start);
    verdicts_free(v);
}

int
main(void)
{
    build();
    if (test_failed > 0)
        return test_end();
    test_pairs();
    test_group();
    test_swap();
    test_bounded();
    test_threads();
    return test_end();
}
