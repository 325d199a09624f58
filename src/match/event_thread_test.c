/* event_thread_test.c - one index and one set of filters, asked by several threads at once: nothing is
 * written, and each gets the answers that one alone gets. */
#include "base/test.h"
#include "match/event.h"
#include "wire/json.h"
#include <pthread.h>

#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

enum { THREADS = 4, FILTERS = 64, ROUNDS = 200 };

static struct event_filter *filters[FILTERS];
static struct rule_sets *rules[FILTERS];
static struct event_index *shared_index;

static void
make_filter(int i)
{
    static const char *const how[] = {"Contains", "Equals", "NotEquals", "EndsWith"};
    struct span scope = SPAN_LITERAL(SUB);
    struct event_filter_source source = {EVENT_ALERTS, NULL};
    struct err err = {""};
    char value[32];
    json_t *json;

    snprintf(value, sizeof value, "key-%d", i / 4);
    json = json_pack("[{s:[{s:s,s:s,s:s,s:s}]}]", "rules", "propertyJPath", "SystemAlertId",
                     "propertyType", "String", "expectedValue", value, "operator", how[i % 4]);
    CHECK(rule_sets_make(json, "t", NULL, NULL, &rules[i], &err) == ST_OK, "%s", err.text);
    json_decref(json);
    source.rules = rules[i];
    CHECK(event_filter_make(&scope, 1, &source, 1, &filters[i], &err) == ST_OK, "%s", err.text);
}

static void
count(void *app, size_t filter)
{
    *(size_t *)app += filter + 1;
}

struct worker {
    pthread_t thread;
    size_t wrong;
};

static void *
work(void *app)
{
    struct worker *w = app;
    struct event_row_context context = {.exported = 1, .workspace = "w"};

    for (int i = 0; i < ROUNDS; i++) {
        char text[64], *row = NULL;
        size_t indexed = 0, asked = 0, size;
        struct event e;
        struct err err;
        bool is_shrunk;

        snprintf(text, sizeof text, "{\"SystemAlertId\":\"Key-%d\"}", i % 20);
        if (event_open_text(&e, EVENT_ALERTS, SPAN_LITERAL(SUB), span_of(text), &err) != ST_OK) {
            w->wrong++;
            continue;
        }
        event_index_match(shared_index, &e, count, &indexed);
        for (size_t f = 0; f < FILTERS; f++)
            asked += event_filter_passes(filters[f], &e) ? f + 1 : 0;
        w->wrong += indexed != asked || asked == 0;
        if (event_row(&e, &context, EVENT_ROW_SIZE_MAX, &row, &size, &is_shrunk, &err) != ST_OK)
            w->wrong++;
        free(row);
        event_close(&e);
    }
    return NULL;
}

int
main(void)
{
    struct worker workers[THREADS] = {0};
    struct err err = {""};

    for (int i = 0; i < FILTERS; i++)
        make_filter(i);
    CHECK(event_index_make((const struct event_filter *const *)filters, FILTERS, &shared_index,
                           &err) == ST_OK,
          "%s", err.text);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "thread %d", i);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK(workers[i].wrong == 0, "thread %d: %zu wrong answers", i, workers[i].wrong);
    }
    event_index_free(shared_index);
    for (int i = 0; i < FILTERS; i++) {
        event_filter_free(filters[i]);
        rule_sets_free(rules[i]);
    }
    return test_end();
}
