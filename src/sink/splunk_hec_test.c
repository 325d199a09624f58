/* splunk_hec_test.c - what the collector gets, what its codes make of the rows, and rows that are done
 * only when they are indexed. */
#define SINK_UNDER_TEST sink_splunk_hec
#define SINK_FIRST_SETTING "token=hush"
#include "sink/receiver_bed.h"

static const struct {
    const char *name;
    const char *settings[6];
    const char *rows; /* '!' in a row is poison */
    bool says_which;
    const char *outcome, *received;
    unsigned posts; /* but those for acknowledgement */
} sends[] = {
    {"all in one request",
     {NULL},
     "1 2 3",                                               true,
     "DDD",                                                                "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}",
     1                                                                                                                 },
    {"at most so many rows",
     {"request_rows=2"},
     "1 2 3",                                               true,
     "DDD",                                                                "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}",
     2                                                                                                                 },
    {"the wrong row is named",         {NULL}, "1 2! 3",    true,  "DRD",  "{\"n\":\"1\"}{\"n\":\"3\"}",              3},
    {"the first is wrong",             {NULL}, "1! 2",      true,  "RD",   "{\"n\":\"2\"}",                           2},
    {"the last is wrong",              {NULL}, "1 2!",      true,  "DR",   "{\"n\":\"1\"}",                           2},
    {"two are wrong",                  {NULL}, "1! 2 3! 4", true,  "RDRD", "{\"n\":\"2\"}{\"n\":\"4\"}",              4},
    {"all are wrong",                  {NULL}, "1! 2!",     true,  "RR",   "",                                        2},
    {"it is not named",                {NULL}, "1 2! 3",    false, "DRD",  "{\"n\":\"1\"}{\"n\":\"3\"}",              5},
    {"acknowledged",
     {"ack=true"},
     "1 2 3",                                               true,
     "DDD",                                                                "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}",
     1                                                                                                                 },
    {"acknowledged, two requests",
     {"ack=true", "request_rows=1"},
     "1 2",                                                 true,
     "DD",                                                                 "{\"n\":\"1\"}{\"n\":\"2\"}",
     2                                                                                                                 },
    {"acknowledged, but one is wrong",
     {"ack=true"},
     "1 2! 3",                                              true,
     "DRD",                                                                "{\"n\":\"1\"}{\"n\":\"3\"}",
     3                                                                                                                 },
};

static void
test_sends(void)
{
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct bed b;
        struct err err = {""};
        char rows[ROWS_MAX][40], text[100], *save = NULL;

        receiver_forget(&fake, &state);
        state.poison = "!";
        state.says_which = sends[i].says_which;
        state.acks = sends[i].settings[0] != NULL && strcmp(sends[i].settings[0], "ack=true") == 0;
        state.ack_after = 2; /* the question before anything is sent is the first */
        CHECK(bed_open(&b, sends[i].settings, NULL, &err) == ST_OK, "%s: %s", sends[i].name,
              err.text);
        snprintf(text, sizeof text, "%s", sends[i].rows);
        for (char *row = strtok_r(text, " ", &save); row != NULL;
             row = strtok_r(NULL, " ", &save)) {
            snprintf(rows[b.count], sizeof rows[0], "{\"n\":\"%s\"}", row);
            bed_row(&b, b.count == 1 ? &peer_alert : &peer_device, rows[b.count]);
        }
        const char *outcome = bed_send(&b);
        unsigned posts = state.posts - state.ack_polls;

        CHECK(strcmp(outcome, sends[i].outcome) == 0 &&
                  strcmp(receiver_rows(&state), sends[i].received) == 0 && posts == sends[i].posts,
              "%s: %s, %u requests, '%s': %s", sends[i].name, outcome, posts, receiver_rows(&state),
              b.parcels[0].err.text);
        CHECK((state.ack_polls > 2) ==
                  (sends[i].settings[0] != NULL && strcmp(sends[i].settings[0], "ack=true") == 0),
              "%s: %u polls", sends[i].name, state.ack_polls);
        sink_splunk_hec.close(b.sink);
    }
}

static const struct {
    unsigned status;
    const char *said;
    enum sent sent;
    int64_t wait_ms;
    const char *says;
} answers[] = {
    {200, "{\"text\":\"Success\",\"code\":0}",                                           SENT_DONE,    -1,    ""                },
    {200, "<html>welcome</html>",                                                        SENT_RETRY,   30000, "is no HTTP Event"},
    {400, "{\"text\":\"No data\",\"code\":5}",                                           SENT_REFUSED, -1,    "answered 400"    },
    {400, "{\"text\":\"Invalid data format\",\"code\":6}",                               SENT_REFUSED, -1,    "code 6"          },
    {400, "{\"text\":\"Incorrect index\",\"code\":7}",                                   SENT_RETRY,   30000, "check 'index'"   },
    {400, "{\"text\":\"Data channel is missing\",\"code\":10}",                          SENT_RETRY,   30000, "set ack"         },
    {400, "{\"text\":\"Event field is required\",\"code\":12}",                          SENT_REFUSED, -1,    "code 12"         },
    {400, "{\"text\":\"Event field cannot be blank\",\"code\":13}",                      SENT_REFUSED, -1,    "blank"           },
    {400, "{\"text\":\"Error in handling indexed fields\",\"code\":15}",                 SENT_REFUSED, -1,
     "fields"                                                                                                                   },
    {401, "{\"text\":\"Token is required\",\"code\":2}",                                 SENT_RETRY,   30000, "wants a token"   },
    {401, "{\"text\":\"Invalid authorization\",\"code\":3}",                             SENT_RETRY,   30000, "check the token" },
    {403, "{\"text\":\"Token disabled\",\"code\":1}",                                    SENT_RETRY,   30000, "enable it"       },
    {403, "{\"text\":\"Invalid token\",\"code\":4}",                                     SENT_RETRY,   30000, "does not know"   },
    {404, "{\"text\":\"The requested URL was not found on this server.\",\"code\":404}", SENT_RETRY,
     30000,                                                                                                   "answered 404"    },
    {413, NULL,                                                                          SENT_REFUSED, -1,    "answered 413"    },
    {429, NULL,                                                                          SENT_RETRY,   5000,  "answered 429"    },
    {500, "{\"text\":\"Internal server error\",\"code\":8}",                             SENT_RETRY,   5000,  "code 8"          },
    {503, "{\"text\":\"Server is busy\",\"code\":9}",                                    SENT_RETRY,   5000,  "busy"            },
    {503, "not JSON",                                                                    SENT_RETRY,   5000,  "answered 503"    },
};

static void
test_answers(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct bed b;
        struct err err = {""};

        receiver_forget(&fake, &state);
        CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
        bed_row(&b, &peer_device, "{\"n\":1}");
        fake.said = answers[i].said;
        fake_answer(&fake, answers[i].status, NULL, answers[i].wait_ms == 5000 ? "5" : NULL, 1,
                    NULL);
        (void)bed_send(&b);
        CHECK(b.parcels[0].sent == answers[i].sent &&
                  b.parcels[0].retry_after_ms == answers[i].wait_ms &&
                  strstr(b.parcels[0].err.text, answers[i].says) != NULL,
              "%u %s: %d, %lld ms: %s", answers[i].status, answers[i].said, b.parcels[0].sent,
              (long long)b.parcels[0].retry_after_ms, b.parcels[0].err.text);
        sink_splunk_hec.close(b.sink);
    }
}

static void
test_event(void)
{
    const char *const settings[] = {"index=sec_{table}", "source=p\"{tenant}", "host=h{date}",
                                    NULL};
    struct bed b;
    struct err err = {""};
    static const char expected[] =
        "{\"time\":1789372800.500000,\"host\":\"h2026.09.14\",\"source\":\"p\\\"" PEER_TENANT
        "\",\"sourcetype\":\"penstock:AlertInfo\",\"index\":\"sec_AlertInfo\",\"event\":"
        "{\"Timestamp\":\"2026-09-14T08:00:00.5Z\"},\"fields\":{\"penstock_event_id\":"
        "\"" PEER_TENANT "-4096-0-";

    receiver_forget(&fake, &state);
    state.acks = false;
    CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"x\":1}");
    CHECK(strcmp(bed_send(&b), "D") == 0 &&
              strstr(state.last.p, ",\"host\":\"penstock\",\"source\":\"penstock\",") != NULL &&
              strstr(state.last.p, "\"index\"") == NULL,
          "by default: %s", state.last.p);
    CHECK(strcmp(receiver_header_of(&state, "Authorization"), "Splunk hush") == 0 &&
              strcmp(receiver_header_of(&state, "X-Splunk-Request-Channel"), "") == 0,
          "headers");
    sink_splunk_hec.close(b.sink);
    receiver_forget(&fake, &state);
    state.acks = false;
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"Timestamp\":\"2026-09-14T08:00:00.5Z\"}");
    CHECK(strcmp(bed_send(&b), "D") == 0 &&
              strncmp(state.last.p, expected, sizeof expected - 1) == 0,
          "%s", state.last.p);
    sink_splunk_hec.close(b.sink);
}

static void
test_packed(void)
{
    const char *const settings[] = {"gzip=true", NULL};
    struct bed b;
    struct err err = {""};

    receiver_forget(&fake, &state);
    state.acks = false;
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"x\":1}");
    CHECK(strcmp(bed_send(&b), "D") == 0 && strcmp(receiver_rows(&state), "{\"x\":1}") == 0 &&
              strcmp(receiver_header_of(&state, "Content-Encoding"), "gzip") == 0,
          "packed: %s", b.parcels[0].err.text);
    sink_splunk_hec.close(b.sink);
}

/* A collector that never indexes, one that loses the answers, one whose token has no
 * acknowledgement. */
static void
test_acks(void)
{
    const char *const settings[] = {"ack=true", "ack_timeout_ms=1000", NULL};
    struct bed b;
    struct err err = {""};
    atomic_bool stop = false;

    receiver_forget(&fake, &state);
    state.ack_after = 1000;
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{\"n\":1}");
    CHECK(strcmp(bed_send(&b), "L") == 0 &&
              strstr(b.parcels[0].err.text, "had not indexed") != NULL,
          "never: %s", b.parcels[0].err.text);
    state.ack_after = 0;
    CHECK(strcmp(bed_send(&b), "D") == 0 &&
              strlen(receiver_header_of(&state, "X-Splunk-Request-Channel")) == 36,
          "then: %s", b.parcels[0].err.text);
    fake_answer(&fake, 503, NULL, NULL, 2,
                "/ack"); /* an error of a question is no error of a row */
    CHECK(strcmp(bed_send(&b), "D") == 0, "busy: %s", b.parcels[0].err.text);
    sink_splunk_hec.close(b.sink);

    receiver_forget(&fake, &state);
    state.acks = false;
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(bed_send(&b), "") == 0, "nothing to send");
    bed_row(&b, &peer_device, "{\"n\":1}");
    CHECK(strcmp(bed_send(&b), "L") == 0 && state.taken == 0 &&
              strstr(b.parcels[0].err.text, "no indexer acknowledgement") != NULL,
          "%u rows sent: %s", state.taken, b.parcels[0].err.text);
    state.acks = true;
    state.answers_acks = false;
    CHECK(strcmp(bed_send(&b), "L") == 0 && strstr(b.parcels[0].err.text, "gave no ackId") != NULL,
          "%s", b.parcels[0].err.text);
    sink_splunk_hec.close(b.sink);

    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, settings, &stop, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{\"n\":1}");
    atomic_store(&stop, true);
    CHECK(strcmp(bed_send(&b), "L") == 0 && state.posts == 0, "stopping: %s",
          b.parcels[0].err.text);
    sink_splunk_hec.close(b.sink);
}

static const struct {
    const char *name, *settings[3], *says;
} checks[] = {
    {"as it is",       {NULL},                            NULL                                },
    {"a query",        {"url=https://h.example:8088/?x"}, "must end with the host"            },
    {"no URL",         {"url=h.example:8088"},            "no https:// address"               },
    {"an odd pattern", {"index={tabel}"},                 "splunk_hec: index: only {category}"},
    {"ack",            {"ack=1"},                         "true or false"                     },
    {"a short wait",   {"ack_timeout_ms=1"},              "from 1000 to 100000"               },
    {"too many rows",  {"request_rows=0"},                "from 1 to 10000"                   },
    {"a line end",     {"source=a\nb"},                   "control character"                 },
};

int
main(void)
{
    receiver_start(&fake, &state, hec_act);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", fake.port);
    test_sends();
    test_answers();
    test_event();
    test_packed();
    test_acks();
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        struct bed b;
        struct err err = {""};
        enum status st = bed_open(&b, checks[i].settings, NULL, &err);

        CHECK(checks[i].says == NULL ? st == ST_OK
                                     : st == ST_INVALID && strstr(err.text, checks[i].says) != NULL,
              "%s: %d %s", checks[i].name, (int)st, err.text);
        if (st == ST_OK)
            sink_splunk_hec.close(b.sink);
    }
    fake_down(&fake);
    receiver_forget(&fake, &state);
    fake_free(&fake);
    return test_end();
}
