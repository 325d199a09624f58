/* kafka_test.c - what only event hubs do: hubs and keys, and what each failure of a broker means
 * for the rows. */
#include "sink/peer.h"
#include "wire/kafka.h"
#include "wire/kafka_mock.h"

#define HUB "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=s;SharedAccessKey=SECRET="
#define BODY "{\"records\":[{}]}"

static struct kafka_mock mock;

static void *
opened(const char *hub, const char *key, const char *timeout_ms, const char *properties)
{
    struct sink_value values[] = {
        {"brokers",    mock.bootstrap},
        {"hub",        hub           },
        {"key",        key           },
        {"timeout_ms", timeout_ms    },
        {"properties", properties    }
    };
    struct err err = {""};
    void *state = NULL;

    if (sink_kafka.open(values, 5, NULL, &state, &err) != ST_OK) {
        printf("open: %s\n", err.text);
        exit(2);
    }
    return state;
}

static struct parcel
send_one(void *state, const struct lane *lane, const char *text)
{
    struct parcel p = peer_parcel(lane, text, 1);

    sink_kafka.send(state, &p, 1);
    CHECK((p.sent == SENT_DONE) == (p.err.text[0] == '\0'), "%d and '%s'", p.sent, p.err.text);
    return p;
}

static void
settings(void)
{
    static const struct {
        const char *what;
        struct sink_value values[5];
        const char *says; /* NULL: fine */
    } cases[] = {
        {"a connection string",                    {{"connection_string", HUB}},                            NULL         },
        {"with its hub",                           {{"connection_string", HUB ";EntityPath=xdr"}},          NULL         },
        {"brokers",                                {{"brokers", "localhost:9092"}, {"hub", "xdr.raw-1_a"}}, NULL         },
        {"an identity",
         {{"brokers", "ns.servicebus.windows.net:9093"},
          {"tenant", "t"},
          {"client_id", "c"},
          {"client_secret", "SECRET"}},
         NULL                                                                                                            },
        {"nothing",                                {{"hub", "xdr"}},                                        "brokers"    },
        {"a hub with a slash",                     {{"brokers", "b:1"}, {"hub", "a/b"}},                    "hub"        },
        {"a hub that is a folder",                 {{"brokers", "b:1"}, {"hub", ".."}},                     "hub"        },
        {"an EntityPath that is none",             {{"connection_string", HUB ";EntityPath=a b"}},          "hub"        },
        {"a message larger than Event Hubs takes",
         {{"brokers", "b:1"}, {"message_bytes", "1000001"}},
         "message_bytes"                                                                                                 },
        {"a message of the broker's default",
         {{"brokers", "b:1"}, {"message_bytes", "-1"}},
         "message_bytes"                                                                                                 },
        {"no partitions",                          {{"brokers", "b:1"}, {"partitions", "0"}},               "partitions" },
        {"words",                                  {{"brokers", "b:1"}, {"replication", "three"}},          "replication"},
        {"another key",                            {{"brokers", "b:1"}, {"key", "deviceId"}},               "key"        },
        {"maybe",                                  {{"brokers", "b:1"}, {"idempotent", "maybe"}},           "idempotent" },
        {"properties",
         {{"brokers", "b:1"}, {"properties", "socket.timeout.ms=5000;debug=all"}},
         NULL                                                                                                            },
        {"a property without a value",             {{"brokers", "b:1"}, {"properties", "debug"}},           "NAME=VALUE" },
        {"an unknown one",                         {{"brokers", "b:1"}, {"properties", "x.y=SECRET"}},      "x.y"        },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {""};
        size_t count = 0;

        while (count < 5 && cases[i].values[count].name != NULL)
            count++;
        enum status st = sink_check(&sink_kafka, cases[i].values, count, &err);

        CHECK(cases[i].says == NULL ? st == ST_OK
                                    : st == ST_INVALID && strstr(err.text, cases[i].says) != NULL,
              "%s: %d %s", cases[i].what, st, err.text);
        CHECK(strstr(err.text, "SECRET") == NULL, "%s: a secret in '%s'", cases[i].what, err.text);
    }
}

static void
faults(void)
{
    static const struct {
        const char *what;
        int code;
        enum sent sent, newer; /* newer: what librdkafka may make of it by itself from 2.8 on */
    } cases[] = {
        {"too large",              10, SENT_REFUSED, SENT_REFUSED},
        {"not allowed",            29, SENT_RETRY,   SENT_RETRY  },
        {"a policy",               44, SENT_RETRY,   SENT_RETRY  },
        {"damaged on its way",     2,  SENT_RETRY,   SENT_DONE   }, /* sends it again */
        {"no leader for a moment", 5,  SENT_DONE,    SENT_DONE   },
        {"throttled",              89, SENT_RETRY,   SENT_RETRY  },
        {"an unknown error",       -1, SENT_RETRY,   SENT_RETRY  },
    };

    kafka_mock_topic(&mock, "faults", 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *state = opened("faults", "none", "10000", "");

        CHECK(send_one(state, &peer_device, BODY).sent == SENT_DONE, "before");
        kafka_mock_fail(&mock, KAFKA_MOCK_PRODUCE, cases[i].code, 1);
        struct parcel p = send_one(state, &peer_device, BODY);

        CHECK(p.sent == cases[i].sent || p.sent == cases[i].newer, "%s: %d %s", cases[i].what,
              p.sent, p.err.text);
        kafka_mock_fail(&mock, KAFKA_MOCK_PRODUCE, 0, 0);
        p = send_one(state, &peer_device, BODY);
        CHECK(p.sent == SENT_DONE, "%s, then: %d %s", cases[i].what, p.sent, p.err.text);
        sink_kafka.close(state);
    }
}

/* A broker that is away: the call ends in time and everything waits; then it goes on. */
static void
away(void)
{
    void *state = opened("away", "none", "1000", "");
    struct parcel p[3];

    kafka_mock_topic(&mock, "away", 1);
    CHECK(send_one(state, &peer_device, BODY).sent == SENT_DONE, "up");
    kafka_mock_down(&mock, true);
    for (int i = 0; i < 3; i++)
        p[i] = peer_parcel(i == 1 ? &peer_alert : &peer_device, BODY, (uint64_t)i);
    sink_kafka.send(state, p, 3);
    for (int i = 0; i < 3; i++)
        CHECK(p[i].sent == SENT_RETRY && p[i].err.text[0] != '\0', "down: %d", p[i].sent);
    kafka_mock_down(&mock, false);
    p[0].sent = SENT_RETRY;
    for (int tries = 0; tries < 20 && p[0].sent != SENT_DONE; tries++)
        p[0] = send_one(state, &peer_device, BODY);
    CHECK(p[0].sent == SENT_DONE, "up again: %s", p[0].err.text);
    sink_kafka.close(state);

    /* nothing answers at all, from the start */
    struct sink_value values[] = {
        {"brokers",    "127.0.0.1:1"},
        {"timeout_ms", "500"        }
    };
    struct err err;
    int64_t from_ms = clock_monotonic_ms();

    CHECK(sink_kafka.open(values, 2, NULL, &state, &err) == ST_OK, "opens without a broker");
    for (int i = 0; i < 3; i++)
        p[i] = peer_parcel(i == 1 ? &peer_alert : &peer_device, BODY, (uint64_t)i);
    sink_kafka.send(state, p, 3);
    for (int i = 0; i < 3; i++)
        CHECK(p[i].sent == SENT_RETRY && strstr(p[i].err.text, "127.0.0.1:1") != NULL,
              "nobody there: %d %s", p[i].sent, p[i].err.text);
    CHECK(clock_monotonic_ms() - from_ms < 10000, "one wait for all lanes");
    sink_kafka.close(state);
}

/* The key is the tenant, or there is none; the hub is the named one, or the category's. */
static void
hubs_and_keys(void)
{
    static const struct {
        const char *hub, *key, *topic, *expected;
    } cases[] = {
        {"named", "tenantId", "named",                                   PEER_TENANT},
        {"",      "none",     "insights-logs-advancedhunting-alertinfo", ""         },
    };
    static struct kafka_message m[10];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *state = opened(cases[i].hub, cases[i].key, "10000", "");
        struct kafka_options o = {.bootstrap = mock.bootstrap};
        struct kafka_consumer *c;
        struct err err;
        size_t count = 0;

        kafka_mock_topic(&mock, cases[i].topic, 1);
        CHECK(send_one(state, &peer_alert, BODY).sent == SENT_DONE, "%s", cases[i].topic);
        sink_kafka.close(state);
        CHECK(kafka_consumer_open(&o, cases[i].topic, &cases[i].topic, 1, true, 0, &c, &err) ==
                  ST_OK,
              "%s", err.text);
        for (int tries = 0; tries < 100 && count == 0; tries++)
            (void)!kafka_consumer_poll(c, m, 10, 200, &count, &err);
        CHECK(count == 1 && span_is(m[0].payload, BODY) && span_is(m[0].key, cases[i].expected),
              "%s: %zu, key '%.*s'", cases[i].topic, count, (int)m[0].key.n,
              m[0].key.n > 0 ? m[0].key.p : "");
        kafka_consumer_close(c);
    }
}

/* An event, bare, has its identity beside it; messages of records have none. */
static void
identities(void)
{
    static const char *const bodies[] = {"{\"Severity\":\"High\"}", BODY,
                                         "{\"Severity\":\"High\"}"};
    struct kafka_options o = {.bootstrap = mock.bootstrap};
    static struct kafka_message m[10];
    const char *topic = "identities";
    void *state = opened(topic, "none", "10000", "");
    char seen[3][100] = {""};
    struct kafka_consumer *c;
    struct err err;
    size_t count = 0, got = 0;

    kafka_mock_topic(&mock, topic, 1);
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        CHECK(send_one(state, &peer_alert, bodies[i]).sent == SENT_DONE, "%s", bodies[i]);
    sink_kafka.close(state);
    CHECK(kafka_consumer_open(&o, topic, &topic, 1, true, 0, &c, &err) == ST_OK, "%s", err.text);
    for (int tries = 0; tries < 100 && got < COUNT_OF(bodies); tries++)
        if (kafka_consumer_poll(c, m, 10, 200, &count, &err) == ST_OK)
            for (size_t i = 0; i < count && got < COUNT_OF(bodies); i++, got++) {
                CHECK(span_is(m[i].payload, bodies[got]), "message %zu", got);
                snprintf(seen[got], sizeof seen[got], "%.*s", (int)m[i].id.n,
                         m[i].id.n > 0 ? m[i].id.p : "");
            }
    CHECK(got == COUNT_OF(bodies), "%zu messages", got);
    CHECK(strncmp(seen[0], PEER_TENANT, sizeof PEER_TENANT - 1) == 0 && seen[1][0] == '\0' &&
              strcmp(seen[0], seen[2]) == 0,
          "'%s', '%s', '%s'", seen[0], seen[1], seen[2]);
    kafka_consumer_close(c);
}

static void
sizes(void)
{
    void *state = opened("sizes", "tenantId", "20000", "");
    char *text = malloc(1000101);

    kafka_mock_topic(&mock, "sizes", 1);
    memset(text, 'x', 1000100);
    text[1000000] = '\0';
    CHECK(sink_kafka.parcel_max(state) == 1000000, "default budget");
    struct parcel p = send_one(state, &peer_device, text);

    CHECK(p.sent == SENT_DONE, "a million bytes, and a key: %d %s", p.sent, p.err.text);
    text[1000000] = 'x';
    text[1000100] = '\0';
    p = send_one(state, &peer_device, text);

    CHECK(p.sent == SENT_REFUSED && strstr(p.err.text, "limit") != NULL, "more: %d %s", p.sent,
          p.err.text);
    free(text);
    sink_kafka.close(state);
}

int
main(void)
{
    if (!kafka_mock_start(&mock)) {
        printf("no mock cluster\n");
        return 2;
    }
    settings();
    faults();
    away();
    hubs_and_keys();
    identities();
    sizes();
    kafka_mock_end(&mock);
    return test_end();
}
