/* stream_test.c - messages of every form from librdkafka's mock cluster into a real journal: what
 * is good is there once and in order, what is bad is parked, what cannot be taken now is taken
 * later. A real broker is under test/peers. */
#include "base/clock.h"
#include "source/source.h"
#include "source/test_bed.h"
#include "wire/kafka.h"
#include "wire/kafka_mock.h"

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define R(n) "{\"category\":\"Alert\",\"properties\":{\"n\":" #n "}}"

static struct kafka_mock mock;

struct world {
    struct bed bed;
    struct source_counters counters;
    atomic_bool stop;
    void *state;
};

static int64_t
world_ms(void *clock)
{
    (void)clock;
    return clock_monotonic_ms();
}

static void
stream_start(struct world *w, const char *topic, const char *group, const char *table)
{
    struct source_value values[] = {
        {"bootstrap", mock.bootstrap},
        {"topics",    topic         },
        {"group",     group         }
    };
    struct source_context context = {
        .name = "test",
        .admitter = w->bed.admitter,
        .folder = w->bed.folder,
        .tenant = TENANT,
        .table = table,
        .can_park = true,
        .record_size_max = 1 << 20,
        .now = bed_now,
        .now_ms = world_ms,
    };
    struct err err = {""};

    bed_must(source_check(&source_kafka, values, COUNT_OF(values), &err), "stream", &err);
    bed_must(source_kafka.open(&context, values, COUNT_OF(values), &w->counters, &w->stop,
                               &w->state, &err),
             "stream", &err);
}

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    bed_open(&w->bed, "stream",
             &(struct admit_options){.memory_max = 8 << 20, .unknown_tables = true});
}

static void
send_all(const char *topic, const char *const *messages, size_t count)
{
    struct kafka_options o = {.bootstrap = mock.bootstrap};
    struct kafka_producer_options po = {.message_size_max = 900000, .queue_size_max = 8 << 20};
    struct kafka_producer *p;
    struct err err = {""};

    kafka_mock_topic(&mock, topic, 1);
    bed_must(kafka_producer_open(&o, &po, &p, &err), "stream", &err);
    for (size_t i = 0; i < count; i++) {
        struct kafka_record r = {.topic = topic, .payload = span_of(messages[i])};
        int64_t throttle_ms;

        kafka_producer_send(p, &r, 1, 10000, &throttle_ms);
        CHECK(r.result == KAFKA_DONE, "sent: %s", r.err.text);
    }
    kafka_producer_close(p);
}

/* Steps until the rows and the parked are there, for 20 s at most. */
static void
expect(struct world *w, const char *what, const char *rows, size_t parked)
{
    int64_t until_ms = clock_monotonic_ms() + 20000;
    struct err err = {""};

    while (clock_monotonic_ms() < until_ms &&
           (strcmp(bed_numbers(&w->bed), rows) != 0 || w->bed.parked_count != parked))
        (void)source_kafka.step(w->state, &err);
    CHECK(strcmp(bed_numbers(&w->bed), rows) == 0 && w->bed.parked_count == parked,
          "%s: rows %s, %zu parked: %s", what, bed_numbers(&w->bed), w->bed.parked_count, err.text);
}

static void
test_forms(void)
{
    static const char *const messages[] = {
        "{\"records\":[" R(1) "," R(2) "]}",
        " { \"records\" : [ " R(3) " ] } \n",
        "{\"records\":[]}",
        "",
        "{\"records\":[" R(4) "]}",
        R(5),
        R(6) "\n" R(7) "\n",
        "[" R(8) "," R(9) "]",
        R(10),
        "garbage",
        "{\"records\":[" R(11) "],\"x\":[" R(99) "]}",
        "{\"records\":[" R(12) "]}",
        "{\"a\":\"",
        R(13),
    };
    struct world w;

    world_open(&w);
    send_all("forms", messages, COUNT_OF(messages));
    stream_start(&w, "forms", "group-forms", NULL);
    expect(&w, "all forms", "1 2 3 4 5 6 7 8 9 10 11 12 13", 3);
    CHECK(strcmp(w.bed.parked[0].raw, "garbage") == 0 &&
              strcmp(w.bed.parked[2].raw, "{\"a\":\"") == 0,
          "%s, %s, %s", w.bed.parked[0].raw, w.bed.parked[1].raw, w.bed.parked[2].raw);
    CHECK(atomic_load(&w.counters.records) == 13, "%lu records",
          (unsigned long)atomic_load(&w.counters.records));
    source_kafka.close(w.state);
    bed_close(&w.bed);
}

static void
test_rows(void)
{
    static const char *const messages[] = {"{\"records\":[{\"n\":1},{\"n\":2}]}",
                                           "{\"n\":3}\n{\"n\":4}"};
    struct world w;

    world_open(&w);
    send_all("rows", messages, COUNT_OF(messages));
    stream_start(&w, "rows", "group-rows", "DeviceEvents");
    expect(&w, "bare rows of one table", "1 2 3 4", 0);
    source_kafka.close(w.state);
    bed_close(&w.bed);
}

/* Read again from the beginning (by another group: the mock cluster lets nobody join one that was
 * left), as after a crash before the commit. */
static void
test_again(void)
{
    static char large[100000];
    const char *messages[] = {R(1), large};
    struct world w;
    struct err err = {""};

    memset(large, ' ', sizeof large - 1);
    memcpy(large, R(2), strlen(R(2)) - 1);
    large[sizeof large - 2] = '}';
    world_open(&w);
    send_all("again", messages, COUNT_OF(messages));
    stream_start(&w, "again", "group-again-1", NULL);
    expect(&w, "first", "1 2", 0);
    source_kafka.close(w.state);
    stream_start(&w, "again", "group-again-2", NULL);
    for (int i = 0; i < 100 && atomic_load(&w.counters.duplicates) < 2; i++)
        (void)source_kafka.step(w.state, &err);
    CHECK(atomic_load(&w.counters.duplicates) == 2, "%lu duplicates",
          (unsigned long)atomic_load(&w.counters.duplicates));
    CHECK(strcmp(bed_numbers(&w.bed), "1 2") == 0, "once: %s", bed_numbers(&w.bed));
    source_kafka.close(w.state);
    bed_close(&w.bed);
}

/* While memory is held by another, nothing is taken and nothing is lost. */
static void
test_later(void)
{
    static const char *const messages[] = {R(1), R(2), R(3)};
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .tenant = TENANT};
    struct admission *held[64];
    struct world w;
    struct err err = {""};
    enum status st = ST_END;
    size_t count = 0;

    world_open(&w);
    while (count < 64 && admit_begin(w.bed.admitter, &request, &held[count], &err) == ST_OK)
        count++;
    send_all("later", messages, COUNT_OF(messages));
    stream_start(&w, "later", "group-later", NULL);
    for (int i = 0; i < 40 && st == ST_END; i++)
        st = source_kafka.step(w.state, &err);
    CHECK(st == ST_FULL, "waits: %d %s", st, err.text);
    CHECK(source_kafka.step(w.state, &err) == ST_FULL, "still");
    CHECK(strcmp(bed_numbers(&w.bed), "") == 0, "nothing yet");
    for (size_t i = 0; i < count; i++)
        admit_abort(held[i]);
    expect(&w, "afterwards", "1 2 3", 0);
    source_kafka.close(w.state);
    bed_close(&w.bed);
}

static void
test_settings(void)
{
    static const struct {
        const char *name, *value, *text;
    } bad[] = {
        {"topics",   "a,,b",   "separated by commas"},
        {"from",     "middle", "start or end"       },
        {"insecure", "maybe",  "true or false"      },
        {"color",    "red",    "no setting color"   },
    };
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct source_value values[] = {
            {bad[i].name, bad[i].value },
            {"topics",    "t"          },
            {"bootstrap", "127.0.0.1:1"}
        };

        CHECK(source_check(&source_kafka, values, 3, &err) == ST_INVALID &&
                  strstr(err.text, bad[i].text) != NULL,
              "%s: %s", bad[i].name, err.text);
    }
    CHECK(source_check(&source_kafka, NULL, 0, &err) == ST_INVALID, "needs topics");
    CHECK(source_kind_find("kafka") == &source_kafka && source_kind_find("http") == &source_http &&
              source_kind_find("carrier pigeon") == NULL,
          "kinds");
}

int
main(void)
{
    if (!kafka_mock_start(&mock)) {
        printf("no mock cluster\n");
        return 2;
    }
    test_forms();
    test_rows();
    test_again();
    test_later();
    test_settings();
    kafka_mock_end(&mock);
    return test_end();
}
