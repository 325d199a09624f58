/* webhook_test.c - what a receiver gets, and what its answers make of the rows. */
#define SINK_UNDER_TEST sink_webhook
#define SINK_FIRST_SETTING NULL
#include "sink/receiver_bed.h"
#include "sink/template.h"
#include "wire/digest.h"

static const struct {
    const char *name;
    const char *settings[6];
    const char *rows; /* of lanes: d device, a alert; '!' in a row is poison */
    unsigned poison_status;
    const char *outcome, *received;
    unsigned posts;
} sends[] = {
    {"a request each, in order",
     {NULL},
     "d1 a2 d3",                                                                   400,
     "DDD",                                                                                     "{\"n\":\"1\"}{\"n\":\"2\"}{\"n\":\"3\"}",
     3                                                                                                                                                         },
    {"a wrong row is refused, others go on",
     {NULL},
     "d1 d2! d3",                                                                  400,
     "DRD",                                                                                     "{\"n\":\"1\"}{\"n\":\"3\"}",
     3                                                                                                                                                         },
    {"a row too large",                           {NULL},          "d1! d2",       413, "RD",   "{\"n\":\"2\"}",                                              2},
    {"a row that cannot be processed",            {NULL},          "d1! d2",       422, "RD",   "{\"n\":\"2\"}",                                              2},
    {"busy: all behind it wait",                  {NULL},          "d1 d2! a3",    503, "DLL",  "{\"n\":\"1\"}",                                              2},
    {"not allowed: all behind it wait",           {NULL},          "d1 d2! a3",    403, "DLL",  "{\"n\":\"1\"}",                                              2},
    {"lines, a lane a request",
     {"batch=lines"},
     "d1 a2 d3",                                                                   400,
     "DDD",                                                                                     "{\"n\":\"1\"}\n{\"n\":\"3\"}\n{\"n\":\"2\"}\n",
     2                                                                                                                                                         },
    {"an array",
     {"batch=array"},
     "d1 d2 d3",                                                                   400,
     "DDD",                                                                                     "[{\"n\":\"1\"},{\"n\":\"2\"},{\"n\":\"3\"}]",
     1                                                                                                                                                         },
    {"at most so many rows",
     {"batch=array", "request_rows=2"},
     "d1 d2 d3",                                                                   400,
     "DDD",                                                                                     "[{\"n\":\"1\"},{\"n\":\"2\"}][{\"n\":\"3\"}]",
     2                                                                                                                                                         },
    {"halves find the wrong row",
     {"batch=array"},
     "d1 d2 d3! d4 d5",                                                            400,
     "DDRDD",                                                                                   "[{\"n\":\"1\"},{\"n\":\"2\"}][{\"n\":\"4\"},{\"n\":\"5\"}]",
     5                                                                                                                                                         },
    {"all are wrong",                             {"batch=lines"}, "d1! d2! d3!",  422, "RRR",  "",                                                           5},
    {"too large together is not too large alone",
     {"batch=array"},
     "d1 d2!",                                                                     413,
     "DR",                                                                                      "[{\"n\":\"1\"}]",
     3                                                                                                                                                         },
    {"a batch waits whole",                       {"batch=array"}, "d1 d2! d3 a4", 429, "LLLL", "",                                                           1},
};

static void
test_sends(void)
{
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct bed b;
        struct err err = {""};
        char rows[ROWS_MAX][40];
        char text[100], *save = NULL;

        receiver_forget(&fake, &state);
        state.poison = "!";
        state.poison_status = sends[i].poison_status;
        CHECK(bed_open(&b, sends[i].settings, NULL, &err) == ST_OK, "%s: %s", sends[i].name,
              err.text);
        snprintf(text, sizeof text, "%s", sends[i].rows);
        for (char *row = strtok_r(text, " ", &save); row != NULL;
             row = strtok_r(NULL, " ", &save)) {
            snprintf(rows[b.count], sizeof rows[0], "{\"n\":\"%s\"}", row + 1);
            bed_row(&b, *row == 'd' ? &peer_device : &peer_alert, rows[b.count]);
        }
        const char *outcome = bed_send(&b);

        CHECK(strcmp(outcome, sends[i].outcome) == 0 &&
                  strcmp(receiver_rows(&state), sends[i].received) == 0 &&
                  state.posts == sends[i].posts,
              "%s: %s, %u requests, '%s': %s", sends[i].name, outcome, state.posts,
              receiver_rows(&state), b.parcels[0].err.text);
        sink_webhook.close(b.sink);
    }
}

static const struct {
    unsigned status;
    const char *retry_after;
    enum sent sent;
    int64_t wait_ms; /* -1: as deliver likes */
} answers[] = {
    {200, NULL,  SENT_DONE,    -1    },
    {201, NULL,  SENT_DONE,    -1    },
    {202, NULL,  SENT_DONE,    -1    },
    {204, NULL,  SENT_DONE,    -1    },
    {301, NULL,  SENT_RETRY,   30000 },
    {307, NULL,  SENT_RETRY,   30000 },
    {400, NULL,  SENT_REFUSED, -1    },
    {401, NULL,  SENT_RETRY,   30000 },
    {403, NULL,  SENT_RETRY,   30000 },
    {404, NULL,  SENT_RETRY,   30000 },
    {404, "120", SENT_RETRY,   120000},
    {405, NULL,  SENT_RETRY,   30000 },
    {408, NULL,  SENT_RETRY,   -1    },
    {409, NULL,  SENT_RETRY,   -1    },
    {410, NULL,  SENT_RETRY,   30000 },
    {413, NULL,  SENT_REFUSED, -1    },
    {415, NULL,  SENT_RETRY,   30000 },
    {422, NULL,  SENT_REFUSED, -1    },
    {429, NULL,  SENT_RETRY,   -1    },
    {429, "7",   SENT_RETRY,   7000  },
    {500, NULL,  SENT_RETRY,   -1    },
    {502, NULL,  SENT_RETRY,   -1    },
    {503, "2",   SENT_RETRY,   2000  },
    {504, NULL,  SENT_RETRY,   -1    },
};

static void
test_answers(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct bed b;
        struct err err = {""};
        char said[40];

        receiver_forget(&fake, &state);
        CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
        bed_row(&b, &peer_device, "{\"n\":1}");
        fake.said = "secret words of the receiver";
        fake_answer(&fake, answers[i].status, NULL, answers[i].retry_after, 1, NULL);
        (void)bed_send(&b);
        snprintf(said, sizeof said, "answered %u", answers[i].status);
        CHECK(b.parcels[0].sent == answers[i].sent &&
                  b.parcels[0].retry_after_ms == answers[i].wait_ms &&
                  (answers[i].sent == SENT_DONE || strstr(b.parcels[0].err.text, said) != NULL),
              "%u: %d, %lld ms: %s", answers[i].status, b.parcels[0].sent,
              (long long)b.parcels[0].retry_after_ms, b.parcels[0].err.text);
        sink_webhook.close(b.sink);
    }
}

/* Lost answers, hangups, silence: later; and what waits for a person waits ever longer. */
static void
test_faults(void)
{
    static const enum fake_fault faults[] = {FAKE_DROP, FAKE_DROP_IN_BODY, FAKE_ACT_AND_DROP,
                                             FAKE_GARBAGE, FAKE_DROP_IN_ANSWER};
    const char *const quick[] = {"timeout_ms=300", NULL};
    struct bed b;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        receiver_forget(&fake, &state);
        CHECK(bed_open(&b, NULL, NULL, &err) == ST_OK, "%s", err.text);
        bed_row(&b, &peer_device, "{\"n\":\"a longer row\"}");
        bed_row(&b, &peer_device, "{\"n\":2}");
        fake_fail(&fake, faults[i], 10, NULL);
        CHECK(strcmp(bed_send(&b), "LL") == 0, "fault %d", (int)faults[i]);
        fake_fail(&fake, FAKE_FINE, 0, NULL);
        CHECK(strcmp(bed_send(&b), "DD") == 0, "after fault %d: %s", (int)faults[i],
              b.parcels[0].err.text);
        sink_webhook.close(b.sink);
    }
    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, quick, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{\"n\":1}");
    fake_fail(&fake, FAKE_STALL, 1, NULL);
    CHECK(strcmp(bed_send(&b), "L") == 0, "silence");
    fake_fail(&fake, FAKE_FINE, 0, NULL);
    static const int64_t waits[] = {30000, 60000, 120000, 240000, 480000, 900000, 900000};

    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        fake_answer(&fake, 401, NULL, NULL, 1, NULL);
        CHECK(strcmp(bed_send(&b), "L") == 0 && b.parcels[0].retry_after_ms == waits[i],
              "failure %zu: %lld ms", i, (long long)b.parcels[0].retry_after_ms);
    }
    CHECK(strcmp(bed_send(&b), "D") == 0, "mended");
    fake_answer(&fake, 401, NULL, NULL, 1, NULL);
    CHECK(strcmp(bed_send(&b), "L") == 0 && b.parcels[0].retry_after_ms == 30000, "from the start");
    sink_webhook.close(b.sink);
}

static void
test_headers(void)
{
    const char *const settings[] = {"token=hush", "sign_secret=hush-2",
                                    "headers=X-One: 1: a\r\n\n  \nX-Two:2\n", NULL};
    const char *const basic[] = {"user=me@x.example", "password=hush", NULL};
    struct bed b;
    struct err err = {""};
    char first[200], seconds[32], hex[65];
    unsigned char mac[DIGEST_SHA256_SIZE];

    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{\"n\":1}");
    CHECK(strcmp(bed_send(&b), "D") == 0, "%s", b.parcels[0].err.text);
#define IS(name, expected)                                                                         \
    CHECK(strcmp(receiver_header_of(&state, name), expected) == 0, "%s is '%s'", name,             \
          receiver_header_of(&state, name))
    IS("Content-Type", "application/json; charset=utf-8");
    IS("Authorization", "Bearer hush");
    IS("penstock-event-source", "AdvancedHunting-DeviceInfo");
    IS("X-One", "1: a");
    IS("X-Two", "2");
    IS("Idempotency-Key", PEER_TENANT "-4096-0-2bfd14f43d17fc7c");
    IS("penstock-event-id", PEER_TENANT "-4096-0-2bfd14f43d17fc7c");
    snprintf(first, sizeof first, "%s", receiver_header_of(&state, "penstock-signature"));
    CHECK(sscanf(first, "t=%31[0-9],v1=%64[0-9a-f]", seconds, hex) == 2 && strlen(hex) == 64, "%s",
          first);
    const struct span pieces[] = {span_of(seconds), SPAN_LITERAL("."), SPAN_LITERAL("{\"n\":1}")};
    char own[65];

    CHECK(digest_hmac_sha256(SPAN_LITERAL("hush-2"), pieces, 3, mac), "hmac");
    digest_hex(mac, sizeof mac, own);
    CHECK(strcmp(own, hex) == 0, "%s is not %s", hex, own);
    /* The manual's example. */
    const struct span example[] = {SPAN_LITERAL("1789372800."), SPAN_LITERAL("{\"n\":1}")};

    CHECK(digest_hmac_sha256(SPAN_LITERAL("whsec_example"), example, 2, mac), "hmac");
    digest_hex(mac, sizeof mac, own);
    CHECK(strcmp(own, "0fa0a7ac5aca2f31eb71a0bed95e0ba6996e3aee3388d1d72fcbf0cce05c4941") == 0,
          "the example: %s", own);
    /* The same row again has the same key; the row behind it another. */
    snprintf(first, sizeof first, "%s", receiver_header_of(&state, "Idempotency-Key"));
    CHECK(strcmp(bed_send(&b), "D") == 0, "again");
    IS("Idempotency-Key", first);
    b.parcels[0].row = 1;
    CHECK(strcmp(bed_send(&b), "D") == 0 &&
              strcmp(receiver_header_of(&state, "Idempotency-Key"), first) != 0,
          "another row's key");
    sink_webhook.close(b.sink);
    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, basic, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &(const struct lane){PEER_TENANT, "Odd\r\nX: \xc3\xa9", "x", 0}, "{\"n\":1}");
    CHECK(strcmp(bed_send(&b), "D") == 0, "%s", b.parcels[0].err.text);
    IS("Authorization", "Basic bWVAeC5leGFtcGxlOmh1c2g=");
    IS("penstock-event-source", "Odd??X: ??");
    IS("penstock-signature", "");
    sink_webhook.close(b.sink);
#undef IS
}

static void
test_templates(void)
{
    static const char own[] =
        "{\"variants\":{\"alert\":{\"t\":\"{{Title}} {{@key}}\"},\"event\":\"{{@source}}\"}}";
    char folder[256], path[300], setting[320];
    struct bed b;
    struct err err = {""};
    const char *settings[] = {setting, "template_values=key: hush \n", NULL, NULL};

    peer_folder(folder);
    snprintf(path, sizeof path, "%s/own.json", folder);
    snprintf(setting, sizeof setting, "template=%s", path);
    CHECK(file_replace(path, SPAN_LITERAL(own), 0600, &err) == ST_OK, "%s", err.text);
    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"Title\":\"a\\\"b\"}");
    bed_row(&b, &peer_device, "{}");
    CHECK(strcmp(bed_send(&b), "DD") == 0 &&
              strcmp(receiver_rows(&state),
                     "{\"t\":\"a\\\"b hush\"}\"AdvancedHunting-DeviceInfo\"") == 0,
          "%s", receiver_rows(&state));
    sink_webhook.close(b.sink);
    settings[2] = "batch=array";
    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_alert, "{\"Title\":1}");
    bed_row(&b, &peer_alert, "{\"Title\":2}");
    CHECK(strcmp(bed_send(&b), "DD") == 0 &&
              strcmp(receiver_rows(&state), "[{\"t\":\"1 hush\"},{\"t\":\"2 hush\"}]") == 0,
          "%s", receiver_rows(&state));
    sink_webhook.close(b.sink);
    peer_remove(folder);
}

static const struct {
    const char *name, *settings[4], *says; /* NULL: fine */
} checks[] = {
    {"as it is",                 {NULL},                                                      NULL                      },
    {"https",                    {"url=https://h.example/x?y=z"},                             NULL                      },
    {"no URL",                   {"url=h.example"},                                           "no https:// address"     },
    {"in the clear",             {"url=http://h.example/x"},                                  "in the clear"            },
    {"in the clear, on purpose", {"url=http://h.example/x", "insecure=true"},                 NULL                      },
    {"loopback's namesake",      {"url=http://localhost.example/x"},                          "in the clear"            },
    {"a user",                   {"url=https://u:hush@h.example/"},                           "holds a user"            },
    {"a fragment",               {"url=https://h.example/#x"},                                "must end"                },
    {"no host",                  {"url=https:///x"},                                          "no host"                 },
    {"a blank",                  {"url=https://h.example/a b"},                               "a blank"                 },
    {"a line end",               {"url=https://h.example/\r\nX: y"},                          "a blank"                 },
    {"strangers by https",       {"url=https://h.example/", "private_addresses=no"},          NULL                      },
    {"strangers in the clear",   {"private_addresses=no"},                                    "url is https"            },
    {"strangers unverified",
     {"url=https://h.example/", "private_addresses=no", "insecure=true"},
     "insecure is false"                                                                                                },
    {"private_addresses",        {"private_addresses=maybe"},                                 "yes or no"               },
    {"networks",                 {"allow_networks=10.0.0.0/8, fd00::/8,"},                    NULL                      },
    {"no network",               {"allow_networks=10.0.0.0/8,x"},                             "'x' is no network"       },
    {"hosts",                    {"allow_hosts=127.0.0.1, *.logic.azure.com"},                NULL                      },
    {"no host's pattern",        {"allow_hosts=a.*.com"},                                     "is no host"              },
    {"a star alone",             {"allow_hosts=*"},                                           "is no host"              },
    {"two credentials",          {"token=a", "user=b", "password=c"},                         "more than one credential"},
    {"half a credential",        {"user=b"},                                                  "belong together"         },
    {"a user with a colon",      {"user=b:c", "password=d"},                                  "':'"                     },
    {"a token with a line end",  {"token=a\nX: y"},                                           "control character"       },
    {"no header",                {"headers=X-One"},                                           "'Name: value'"           },
    {"an odd header",            {"headers=X One: 1"},                                        "'Name: value'"           },
    {"our own header",           {"headers=content-type: text/plain"},                        "not for you to set"      },
    {"batch",                    {"batch=some"},                                              "row, lines or array"     },
    {"too many rows",            {"request_rows=10001"},                                      "from 1 to 10000"         },
    {"too few bytes",            {"request_bytes=1"},                                         "from 1000 to"            },
    {"no number",                {"timeout_ms=+5"},                                           "is a number"             },
    {"insecure",                 {"insecure=yes"},                                            "true or false"           },
    {"a template",               {"template=slack"},                                          NULL                      },
    {"another one's values",
     {"template=pagerduty"},
     "template_values does not give: pagerduty_key"                                                                     },
    {"its values",               {"template=pagerduty", "template_values=pagerduty_key: R1"}, NULL                      },
    {"no such template",         {"template=slak"},                                           "there is no template"    },
    {"no such file",             {"template=/no/such.json"},                                  "/no/such.json"           },
    {"values for nothing",       {"template_values=a: b"},                                    "for a template"          },
    {"odd values",               {"template=slack", "template_values=a-b: c"},                "'name: value'"           },
};

static void
test_checks(void)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        struct bed b;
        struct err err = {""};
        enum status st = bed_open(&b, checks[i].settings, NULL, &err);

        CHECK(checks[i].says == NULL ? st == ST_OK
                                     : st == ST_INVALID && strstr(err.text, checks[i].says) != NULL,
              "%s: %d %s", checks[i].name, (int)st, err.text);
        CHECK(strstr(err.text, "hush") == NULL, "%s: %s", checks[i].name, err.text);
        if (st == ST_OK)
            sink_webhook.close(b.sink);
    }
}

/* An address that somebody else chose is not followed into this machine. */
static void
test_strangers(void)
{
    const char *const settings[] = {"url=https://127.0.0.1:1/x?sig=hush", "private_addresses=no",
                                    NULL};
    const char *const elsewhere[] = {"allow_hosts=*.logic.azure.com", NULL};
    struct bed b;
    struct err err = {""};

    CHECK(bed_open(&b, settings, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{}");
    CHECK(strcmp(bed_send(&b), "L") == 0 &&
              strstr(b.parcels[0].err.text, "no public address") != NULL,
          "%s", b.parcels[0].err.text);
    sink_webhook.close(b.sink);
    receiver_forget(&fake, &state);
    CHECK(bed_open(&b, elsewhere, NULL, &err) == ST_OK, "%s", err.text);
    bed_row(&b, &peer_device, "{}");
    CHECK(strcmp(bed_send(&b), "L") == 0 && state.posts == 0 &&
              strstr(b.parcels[0].err.text, "not one of those") != NULL,
          "%s", b.parcels[0].err.text);
    sink_webhook.close(b.sink);
}

int
main(void)
{
    receiver_start(&fake, &state, webhook_act);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/hook?sig=hush", fake.port);
    test_sends();
    test_answers();
    test_faults();
    test_headers();
    test_templates();
    test_checks();
    test_strangers();
    fake_down(&fake);
    receiver_forget(&fake, &state);
    fake_free(&fake);
    return test_end();
}
