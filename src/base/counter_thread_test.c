/* counter_thread_test.c - what is counted shows in the text, whatever the labels hold, and no
 * thread's count is lost. */
#include "base/counter.h"
#include "base/test.h"
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20000 };

static const int64_t bounds[] = {1000, 5000, 250000};
static struct counter plain = {.name = "b_total", .help = "Line\none\\two.", .kind = COUNTER_TOTAL};
static struct counter level = {
    .name = "a_seconds", .help = "A gauge.", .kind = COUNTER_GAUGE, .unit = 1e-3};
static struct counter labelled = {
    .name = "c_total", .help = "By label.", .kind = COUNTER_TOTAL, .labels = {"x", "y"}
};
static struct counter timing = {.name = "d_seconds",
                                .help = "Time.",
                                .kind = COUNTER_HISTOGRAM,
                                .labels = {"op"},
                                .unit = 1e-6,
                                .bounds = bounds,
                                .bound_count = COUNT_OF(bounds)};
static struct counter many = {
    .name = "e_total", .help = "Many.", .kind = COUNTER_TOTAL, .labels = {"n"}};

static const char expected[] = "# HELP a_seconds A gauge.\n"
                               "# TYPE a_seconds gauge\n"
                               "a_seconds -1.5\n"
                               "# HELP b_total Line\\none\\\\two.\n"
                               "# TYPE b_total counter\n"
                               "b_total 0\n"
                               "# HELP c_total By label.\n"
                               "# TYPE c_total counter\n"
                               "c_total{x=\"1\",y=\"2\"} 7\n"
                               "c_total{x=\"q\\\"\\\\\\n\",y=\"\"} 9223372036854775807\n"
                               "# HELP d_seconds Time.\n"
                               "# TYPE d_seconds histogram\n"
                               "d_seconds_bucket{op=\"w\",le=\"0.001\"} 2\n"
                               "d_seconds_bucket{op=\"w\",le=\"0.005\"} 2\n"
                               "d_seconds_bucket{op=\"w\",le=\"0.25\"} 3\n"
                               "d_seconds_bucket{op=\"w\",le=\"+Inf\"} 4\n"
                               "d_seconds_sum{op=\"w\"} 0.402001\n"
                               "d_seconds_count{op=\"w\"} 4\n";

static void
test_text(void)
{
    char *text;
    size_t size;
    struct err err;

    counter_register(&plain);
    counter_set(counter_alone(&level), -1500);
    counter_add(counter_at(&labelled, "1", "2"), 5);
    counter_add(counter_at(&labelled, "1", "2"), 2);
    counter_add(counter_at(&labelled, "q\"\\\n", ""), INT64_MAX);
    counter_add(counter_at(&labelled, "gone", "x"), 1);
    counter_hide(counter_at(&labelled, "gone", "x"));
    for (size_t i = 0; i < 4; i++)
        counter_observe(counter_at(&timing, "w"), (int64_t[]){1, 1000, 101000, 300000}[i]);
    CHECK(counters_render(&text, &size, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(text, expected) == 0 && size == strlen(text), "rendered:\n%s", text);
    free(text);
    CHECK(counter_get(counter_at(&labelled, "gone", "x")) == 0, "a hidden series kept its value");
}

static void *
count(void *app)
{
    (void)app;
    for (int i = 0; i < ROUNDS; i++) {
        char value[16];

        snprintf(value, sizeof value, "%d", i % 100);
        counter_add(counter_at(&many, value), 1);
        counter_observe(counter_at(&timing, "t"), i);
        if (i % 5000 == 0) {
            char *text;
            size_t size;

            if (counters_render(&text, &size, NULL) == ST_OK)
                free(text);
        }
    }
    return NULL;
}

int
main(void)
{
    pthread_t threads[THREADS];
    int64_t sum = 0;
    char value[16];

    test_text();
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0, "no thread");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 100; i++) {
        snprintf(value, sizeof value, "%d", i);
        sum += counter_get(counter_at(&many, value));
    }
    CHECK(sum == THREADS * ROUNDS, "counted %ld", (long)sum);
    CHECK(many.series_count == 100, "series %zu", many.series_count);
    for (int i = 0; i < COUNTER_SERIES_MAX + 50; i++) {
        snprintf(value, sizeof value, "%d", i);
        counter_add(counter_at(&many, value), 1);
    }
    CHECK(counter_get(counter_at(&many, "other")) == 50, "other %ld",
          (long)counter_get(counter_at(&many, "other")));
    return test_end();
}
