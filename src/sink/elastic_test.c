/* elastic_test.c - what _bulk gets, each row's own answer, and that a repeated row is there once. */
#define SINK_UNDER_TEST sink_elastic
#define SINK_FIRST_SETTING NULL
#include "sink/receiver_bed.h"

static const struct {
    const char *name;
    const char *settings[4];
    const char *rows;
    unsigned poison_status;
    const char *poison_error;
    const char *outcome, *received;
    unsigned posts;
    const char *says; /* of the poisoned row's reason */
    int64_t wait_ms;  /* the longest that a row asks for */
} sends[] = {
    {"all in one request",
     {NULL},
     "1 2 3",  0,
     NULL,                                                                                         "DDD",
     "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}", 1,
     "",                                                                                        -1   },
    {"at most so many rows",
     {"request_rows=2"},
     "1 2 3",  0,
     NULL,                                                                                         "DDD",
     "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}", 2,
     "",                                                                                        -1   },
    {"what cannot be mapped is parked, others are done",
     {NULL},
     "1 2! 3", 400,
     "\"type\":\"document_parsing_exception\",\"reason\":\"[1:5] failed to parse field [n] of type "
     "[long]. "
     "Preview of field's value: 'hush'\"",                                                         "DRD",
     "{\"n\":\"1\"}{\"n\":\"3\"}",              1,
     "answered 400 document_parsing_exception: [1:5] failed to parse field [n] of type [long]", -1   },
    {"an immense term",
     {NULL},
     "1!",     400,
     "\"type\":\"illegal_argument_exception\",\"reason\":\"Document contains at least one immense "
     "term\"",                                                                                     "R",
     "",                                        1,
     "immense term",                                                                            -1   },
    {"no pipeline: nobody's row",
     {NULL},
     "1 2! 3", 400,
     "\"type\":\"illegal_argument_exception\",\"reason\":\"pipeline with id [x] does not exist\"", "DLD",
     "{\"n\":\"1\"}{\"n\":\"3\"}",              1,
     "make the pipeline",                                                                       30000},
    {"no room for shards",
     {NULL},
     "1!",     400,
     "\"type\":\"validation_exception\",\"reason\":\"this action would add [2] shards\"",          "L",
     "",                                        1,
     "no room for more shards",                                                                 30000},
    {"a full queue: only that row again",
     {NULL},
     "1 2! 3", 429,
     "\"type\":\"es_rejected_execution_exception\",\"reason\":\"x\"",                              "DLD",
     "{\"n\":\"1\"}{\"n\":\"3\"}",              1,
     "answered 429 es_rejected",                                                                -1   },
    {"a shard is away",
     {NULL},
     "1! 2",   503,
     "\"type\":\"unavailable_shards_exception\",\"reason\":\"x\"",                                 "LD",
     "{\"n\":\"2\"}",                           1,
     "answered 503",                                                                            -1   },
    {"not allowed for that index",
     {NULL},
     "1! 2",   403,
     "\"type\":\"security_exception\",\"reason\":\"x\"",                                           "LD",
     "{\"n\":\"2\"}",                           1,
     "does not allow",                                                                          30000},
    {"no such index",
     {NULL},
     "1!",     404,
     "\"type\":\"index_not_found_exception\",\"reason\":\"no such index [x]\"",                    "L",
     "",                                        1,
     "make the index",                                                                          30000},
    {"a full disk",
     {NULL},
     "1!",     403,
     "\"type\":\"cluster_block_exception\",\"reason\":\"x\"",                                      "L",
     "",                                        1,
     "lift the block",                                                                          30000},
    {"later requests wait",
     {"request_rows=1"},
     "1 2! 3", 429,
     "\"type\":\"x\",\"reason\":\"y\"",                                                            "DLL",
     "{\"n\":\"1\"}",                           2,
     "",                                                                                        -1   },
};

static void
test_sends(void)
{
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct bed b;
        struct err err = {""};
        char rows[ROWS_MAX][40], text[100], *save = NULL;
        int64_t wait_ms = -1;
        bool is_said = sends[i].says[0] == '\0';

        receiver_forget(&fake, &state);
        state.poison = "!";
        state.poison_status = sends[i].poison_status;
        state.poison_error = sends[i].poison_error;
        CHECK(bed_open(&b, sends[i].settings, NULL, &err) == ST_OK, "%s: %s", sends[i].name,
              err.text);
        snprintf(text, sizeof text, "%s", sends[i].rows);
        for (char *row = strtok_r(text, " ", &save); row != NULL;
             row = strtok_r(NULL, " ", &save)) {
            snprintf(rows[b.count], sizeof rows[0], "{\"n\":\"%s\"}", row);
            bed_row(&b, b.count == 1 ? &peer_alert : &peer_device, rows[b.count]);
        }
        const char *outcome = bed_send(&b);

        for (size_t k = 0; k < b.count; k++) {
            is_said = is_said || strstr(b.parcels[k].err.text, sends[i].says) != NULL;
            wait_ms = b.parcels[k].retry_after_ms > wait_ms ? b.parcels[k].retry_after_ms : wait_ms;
        }
        CHECK(strcmp(outcome, sends[i].outcome) == 0 &&
                  strcmp(receiver_rows(&state), sends[i].received) == 0 &&
                  state.posts == sends[i].posts && is_said && wait_ms == sends[i].wait_ms,
              "%s: %s, %u requests, %lld ms, '%s': %s", sends[i].name, outcome, state.posts,
              (long long)wait_ms, receiver_rows(&state), b.parcels[b.count > 1].err.text);
        /* Mended: what is there already is a conflict, and done. */
        state.poison = NULL;
        outcome = bed_send(&b);
        CHECK(strspn(outcome, "D") == b.count && state.taken == b.count, "%s: then %s, %u rows",
              sends[i].name, outcome, state.taken);
        sink_elastic.close(b.sink);
    }
}

static const struct {
    unsigned status;
    const char *said;
    const char *outcome;
    const char *says;
} answers[] = {
    {200,
     "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}", "DD", ""                   },
    {200, "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}",                          "LL",
     "is it Elasticsearch"                                                                                                    },
    {200, "{\"errors\":false,\"items\":[{},{}]}",                                                  "LL", "answered 0"         },
    {200, "{\"errors\":false,\"items\":[1,null]}",                                                 "LL", "answered 0"         },
    {200, "<html>",                                                                                "LL", "is it Elasticsearch"},
    {200, "",                                                                                      "LL", "is it Elasticsearch"},
    {302, NULL,                                                                                    "LL", "sends us elsewhere" },
    {401, NULL,                                                                                    "LL", "credential"         },
    {403, NULL,                                                                                    "LL", "credential"         },
    {404, NULL,                                                                                    "LL", "nothing at the url" },
    {429, NULL,                                                                                    "LL", "throttled"          },
    {503, NULL,                                                                                    "LL", "answered 503"       },
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
        bed_row(&b, &peer_device, "{\"n\":2}");
        fake.said = answers[i].said;
        fake_answer(&fake, answers[i].status, NULL, NULL, 1, NULL);
        const char *outcome = bed_send(&b);

        CHECK(strcmp(outcome, answers[i].outcome) == 0 &&
                  strstr(b.parcels[0].err.text, answers[i].says) != NULL,
              "%u %s: %s %s", answers[i].status, answers[i].said, outcome, b.parcels[0].err.text);
        sink_elastic.close(b.sink);
    }
    /* Refused as a whole: halves, down to the row. */
    struct bed b;
    struct err err = {""};

    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < 4; i++)
        bed_row(&b, &peer_device, i == 0 ? "{\"n\":0}" : "{\"n\":1}");
    fake_answer(&fake, 413, NULL, NULL, 3, NULL);
    CHECK(strcmp(bed_send(&b), "RDDD") == 0 && state.taken == 3, "halves: %u", state.taken);
    sink_elastic.close(b.sink);
}

/* An answer that is lost is no row that is doubled. */
static void
test_once(void)
{
    static const enum fake_fault faults[] = {FAKE_ACT_AND_DROP, FAKE_DROP, FAKE_DROP_IN_ANSWER,
                                             FAKE_GARBAGE};
    struct bed b;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        receiver_forget(&fake, &state);
        CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
        bed_row(&b, &peer_device, "{\"n\":1}");
        bed_row(&b, &peer_alert, "{\"n\":1}");
        fake_fail(&fake, faults[i], 1, NULL);
        CHECK(strcmp(bed_send(&b), "LL") == 0, "fault %d", (int)faults[i]);
        CHECK(strcmp(bed_send(&b), "DD") == 0 && state.taken == 2, "after fault %d: %u rows",
              (int)faults[i], state.taken);
        sink_elastic.close(b.sink);
    }
}

static void
test_request(void)
{
    const char *const settings[] = {"index=S-{category}.{date}", "api_key=hush", "pipeline=p.1",
                                    NULL};
    const char *const basic[] = {"user=elastic", "password=hush", NULL};
    const struct lane odd = {PEER_TENANT, "A b/\"\xc3\xa9", "_X*\xff", 0};
    struct bed b;
    struct err err = {""};

    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"Timestamp\":\"2026-09-15T08:00:00Z\",\n \"a\":1}");
    bed_row(&b, &odd, "{ \"@timestamp\":\"2026-09-14T08:00:00Z\"}");
    CHECK(strcmp(bed_send(&b), "DD") == 0, "%s", b.parcels[0].err.text);
    CHECK(strncmp(state.last.p,
                  "{\"create\":{\"_index\":\"s-advancedhunting-alertinfo.2026.09.15\",\"_id\":"
                  "\"" PEER_TENANT "-4096-0-",
                  95) == 0 &&
              strstr(state.last.p,
                     "\"}}\n{\"@timestamp\":\"2026-09-15T08:00:00.0000000Z\",\"Timestamp\":"
                     "\"2026-09-15T08:00:00Z\",  \"a\":1}\n") != NULL &&
              strstr(state.last.p, "\"_index\":\"s-a-b----.2026.09.14\"") != NULL &&
              strstr(state.last.p, "\n{ \"@timestamp\":\"2026-09-14T08:00:00Z\"}\n") != NULL,
          "%s", state.last.p);
    CHECK(strcmp(receiver_header_of(&state, "Authorization"), "ApiKey hush") == 0 &&
              strcmp(receiver_header_of(&state, "Content-Type"), "application/x-ndjson") == 0 &&
              strstr(state.head, "&pipeline=p.1 HTTP") != NULL,
          "%s", state.head);
    sink_elastic.close(b.sink);

    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, basic, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &odd, "{}");
    CHECK(strcmp(bed_send(&b), "D") == 0 &&
              strcmp(state.indices.p, "logs-penstock._x---default ") == 0 &&
              strstr(state.last.p, "Z\"}\n") != NULL,
          "%s %s", state.indices.p, state.last.p);
    CHECK(strcmp(receiver_header_of(&state, "Authorization"), "Basic ZWxhc3RpYzpodXNo") == 0,
          "basic");
    sink_elastic.close(b.sink);
}

static const struct {
    const char *name, *settings[3], *says;
} checks[] = {
    {"as it is",         {NULL},                            NULL                      },
    {"a query",          {"url=https://h.example:9200/?x"}, "must end with the host"  },
    {"an odd pattern",   {"index=x-{tabel}"},               "only {category}"         },
    {"an odd name",      {"index=a b"},                     "is no name"              },
    {"an odd beginning", {"index=-a"},                      "is no name"              },
    {"two credentials",  {"api_key=a", "user=b"},           "more than one credential"},
    {"half a one",       {"user=b"},                        "belong together"         },
    {"an odd pipeline",  {"pipeline=a&b"},                  "pipeline is letters"     },
    {"gzip",             {"gzip=1"},                        "true or false"           },
};

int
main(void)
{
    receiver_start(&fake, &state, elastic_act);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", fake.port);
    test_sends();
    test_answers();
    test_once();
    test_request();
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        struct bed b;
        struct err err = {""};
        enum status st = bed_open(&b, checks[i].settings, NULL, &err);

        CHECK(checks[i].says == NULL ? st == ST_OK
                                     : st == ST_INVALID && strstr(err.text, checks[i].says) != NULL,
              "%s: %d %s", checks[i].name, (int)st, err.text);
        if (st == ST_OK)
            sink_elastic.close(b.sink);
    }
    fake_down(&fake);
    receiver_forget(&fake, &state);
    fake_free(&fake);
    return test_end();
}
