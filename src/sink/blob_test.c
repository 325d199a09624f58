/* blob_test.c - what only Azure Blob storage does: each answer's meaning, lost answers, other
 * writers, credentials. */
#include "sink/fake_blob.h"
#include "sink/layout.h"
#include "sink/peer.h"
#include "wire/azure_auth.h"

#define DEVICE_NAME "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H.json"
#define DEVICE_NAME_1 "insights-logs-advancedhunting-deviceinfo/" PEER_PATH "PT1H_1.json"
#define EMULATOR_KEY                                                                               \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

static struct fake_blob fake;

static void *
opened(const char *timeout_ms)
{
    char endpoint[64];
    struct sink_value values[] = {
        {"endpoint",   endpoint    },
        {"account",    "contoso"   },
        {"key",        EMULATOR_KEY},
        {"timeout_ms", timeout_ms  }
    };
    struct err err = {""};
    void *state = NULL;

    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", fake.port);
    if (sink_blob.open(values, 4, NULL, &state, &err) != ST_OK) {
        printf("open: %s\n", err.text);
        exit(2);
    }
    return state;
}

static struct parcel
send_at(void *state, const char *name, uint64_t offset, const char *text)
{
    struct parcel p = peer_parcel(&peer_device, text, 1);

    snprintf(p.name, sizeof p.name, "%s", name);
    p.offset = offset;
    sink_blob.send(state, &p, 1);
    return p;
}

static bool
blob_is(const char *name, const char *expected)
{
    pthread_mutex_lock(&fake.lock);
    size_t at = fake_find(&fake, name);
    bool is_same = at == FAKE_BLOBS_MAX
                       ? expected == NULL
                       : expected != NULL && fake.blobs[at].size == strlen(expected) &&
                             memcmp(fake.blobs[at].data, expected, strlen(expected)) == 0;

    if (!is_same && at < FAKE_BLOBS_MAX)
        printf("%s is '%.*s'\n", name, (int)fake.blobs[at].size, fake.blobs[at].data);
    pthread_mutex_unlock(&fake.lock);
    return is_same;
}

/* Makes the blob "{1}\n" anew. */
static void
fresh(void *state)
{
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < fake.blob_count; i++)
        free(fake.blobs[i].data);
    memset(fake.blobs, 0, sizeof fake.blobs);
    fake.blob_count = 0;
    fake.fault_count = 0;
    pthread_mutex_unlock(&fake.lock);
    struct parcel p = send_at(state, DEVICE_NAME, 0, "{1}\n");

    CHECK(p.sent == SENT_DONE, "fresh: %s", p.err.text);
}

static void
answers(void)
{
    static const struct {
        const char *what;
        unsigned status;
        const char *code, *retry_after;
        enum sent sent;
        int64_t retry_after_ms;
        bool is_full, is_foreign;
        const char *says;
    } cases[] = {
        {"throttled",                  503, "ServerBusy",                      "7",  SENT_RETRY,   7000, false, false, "503"        },
        {"too many requests",          429, NULL,                              "3",  SENT_RETRY,   3000, false, false, "429"        },
        {"without a time",             429, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "429"        },
        {"an internal error",          500, "InternalError",                   NULL, SENT_RETRY,   -1,   false, false, "500"        },
        {"a gateway",                  502, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "502"        },
        {"a gateway's time-out",       504, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "504"        },
        {"a time-out",                 408, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "408"        },
        {"the wrong key",              403, "AuthenticationFailed",            NULL, SENT_RETRY,   -1,   false, false, "key"        },
        {"a missing right",            403, "AuthorizationPermissionMismatch", NULL, SENT_RETRY,   -1,   false,
         false,                                                                                                        "Contributor"},
        {"a firewall",                 403, "AuthorizationFailure",            NULL, SENT_RETRY,   -1,   false, false, "firewall"   },
        {"some 403",                   403, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "credential" },
        {"an unknown token",           401, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "credential" },
        {"no account",                 404, "ResourceNotFound",                NULL, SENT_RETRY,   -1,   false, false, "endpoint"   },
        {"a 404 of a web server",      404, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "endpoint"   },
        {"the blob is gone",           404, "BlobNotFound",                    NULL, SENT_RETRY,   -1,   false, true,  "gone"       },
        {"its container, too",         404, "ContainerNotFound",               NULL, SENT_RETRY,   -1,   false, true,  "gone"       },
        {"50,000 appends",             409, "BlockCountExceedsLimit",          NULL, SENT_RETRY,   -1,   true,  false,
         "50,000"                                                                                                                   },
        {"a block blob",               409, "InvalidBlobType",                 NULL, SENT_RETRY,   -1,   true,  false, "type"       },
        {"a sealed blob",              409, "BlobIsSealed",                    NULL, SENT_RETRY,   -1,   true,  false, "sealed"     },
        {"a retention policy",         409, "BlobImmutableDueToPolicy",        NULL, SENT_RETRY,   -1,   false, false,
         "policy"                                                                                                                   },
        {"a container on its way out", 409, "ContainerBeingDeleted",           NULL, SENT_RETRY,   -1,   false,
         false,                                                                                                        "deleted"    },
        {"a lease",                    412, "LeaseIdMissing",                  NULL, SENT_RETRY,   -1,   false, false, "lease"      },
        {"too large",                  413, "RequestBodyTooLarge",             NULL, SENT_REFUSED, -1,   false, false, "size"       },
        {"too large for a proxy",      413, NULL,                              NULL, SENT_REFUSED, -1,   false, false, "size"       },
        {"a bad name",                 400, "InvalidResourceName",             NULL, SENT_REFUSED, -1,   false, false, "name"       },
        {"an unknown version",         400, "InvalidHeaderValue",              NULL, SENT_RETRY,   -1,   false, false,
         "endpoint"                                                                                                                 },
        {"a damaged body",             400, "Md5Mismatch",                     NULL, SENT_RETRY,   -1,   false, false, "damaged"    },
        {"a moved account",            307, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "307"        },
        {"another service's 200",      200, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "endpoint"   },
        {"a teapot",                   418, NULL,                              NULL, SENT_RETRY,   -1,   false, false, "418"        },
    };
    void *state = opened("5000");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fresh(state);
        fake_answer(&fake, cases[i].status, cases[i].code, cases[i].retry_after, 1, "appendblock");
        struct parcel p = send_at(state, DEVICE_NAME, 4, "{2}\n");

        CHECK(p.sent == cases[i].sent && p.retry_after_ms == cases[i].retry_after_ms &&
                  p.is_full == cases[i].is_full && p.is_foreign == cases[i].is_foreign &&
                  strstr(p.err.text, cases[i].says) != NULL &&
                  strstr(p.err.text, "127.0.0.1") != NULL,
              "%s: %d, %lld ms, full %d, foreign %d, '%s'", cases[i].what, p.sent,
              (long long)p.retry_after_ms, p.is_full, p.is_foreign, p.err.text);
        CHECK(blob_is(DEVICE_NAME, "{1}\n"), "%s: untouched", cases[i].what);
    }
    fresh(state);
    CHECK(send_at(state, DEVICE_NAME, 4, "{2}\n").sent == SENT_DONE, "and then it works");
    sink_blob.close(state);
}

/* Whatever becomes of the connection: in the end every row is there once. */
static void
connections(void)
{
    static const struct {
        const char *what;
        enum fake_fault fault;
        enum sent sent; /* at once; RETRY: the second send must do */
        bool acted;
    } cases[] = {
        {"closed before an answer", FAKE_DROP,           SENT_RETRY, false},
        {"closed in mid-body",      FAKE_DROP_IN_BODY,   SENT_RETRY, false},
        {"the answer is lost",      FAKE_ACT_AND_DROP,   SENT_RETRY, true },
        {"closed in the answer",    FAKE_DROP_IN_ANSWER, SENT_RETRY, true },
        {"garbage",                 FAKE_GARBAGE,        SENT_RETRY, false},
        {"a slow answer",           FAKE_SLOW,           SENT_DONE,  true },
    };
    static char big[300000];
    void *state = opened("5000");

    memset(big, 'x', sizeof big - 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        /* libcurl itself may repeat once on a connection that was kept, so that each fault comes
         * twice and the parcel may be done on the way */
        for (unsigned times = 1; times <= 2; times++) {
            uint64_t length = 0;
            struct err err;

            fresh(state);
            fake_fail(&fake, cases[i].fault, times, "appendblock");
            struct parcel p = send_at(state, DEVICE_NAME, 4, big);
            unsigned sends = 1;

            CHECK(p.sent == cases[i].sent || p.sent == SENT_DONE, "%s: %d %s", cases[i].what,
                  p.sent, p.err.text);
            while (p.sent != SENT_DONE && sends++ < 5)
                p = send_at(state, DEVICE_NAME, 4, big);
            CHECK(p.sent == SENT_DONE, "%s: %s", cases[i].what, p.err.text);
            CHECK(sink_blob.length(state, &peer_device, DEVICE_NAME, &length, &err) == ST_OK &&
                      length == 4 + sizeof big - 1,
                  "%s: %llu bytes", cases[i].what, (unsigned long long)length);
        }
    }
    sink_blob.close(state);

    state = opened("300");
    fresh(state);
    fake_fail(&fake, FAKE_STALL, 1, "appendblock");
    struct parcel p = send_at(state, DEVICE_NAME, 4, "{2}\n");

    CHECK(p.sent == SENT_RETRY, "no answer at all: %d", p.sent);
    fake_fail(&fake, FAKE_FINE, 0, NULL);
    p = send_at(state, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_DONE && blob_is(DEVICE_NAME, "{1}\n{2}\n"), "and again: %s", p.err.text);
    sink_blob.close(state);

    state = opened("5000");
    fresh(state);
    uint16_t port = fake.port;

    fake_down(&fake);
    p = send_at(state, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_RETRY && p.err.text[0] != '\0', "down: %d", p.sent);
    fake_start(&fake, port);
    p = send_at(state, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_DONE && blob_is(DEVICE_NAME, "{1}\n{2}\n"), "up again: %s", p.err.text);
    sink_blob.close(state);
}

static void
other_writers(void)
{
    void *state = opened("5000");
    struct err err;
    char name[512];
    uint64_t length;

    fresh(state);
    struct parcel p = send_at(state, DEVICE_NAME, 0, "{1}\n");

    CHECK(p.sent == SENT_DONE && blob_is(DEVICE_NAME, "{1}\n"), "our own bytes are there: %d",
          p.sent);
    p = send_at(state, DEVICE_NAME, 0, "{9}\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign && blob_is(DEVICE_NAME, "{1}\n"),
          "others' bytes of the same size: %d", p.sent);
    p = send_at(state, DEVICE_NAME, 0, "{1}\n{2}\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign, "a part of it: %d", p.sent);
    p = send_at(state, DEVICE_NAME, 9, "{3}\n");
    CHECK(p.sent == SENT_RETRY && p.is_foreign, "behind the end: %d", p.sent);
    static const struct {
        const char *name;
        uint64_t offset;
        const char *bytes;
        bool same;
    } held[] = {
        {DEVICE_NAME,   0, "{1}\n",  true },
        {DEVICE_NAME,   1, "1}",     true },
        {DEVICE_NAME,   0, "{9}\n",  false},
        {DEVICE_NAME,   0, "{1}\n{", false},
        {DEVICE_NAME,   4, "{",      false},
        {DEVICE_NAME_1, 0, "{1}\n",  false},
    };
    bool same = false;

    for (size_t i = 0; i < COUNT_OF(held); i++)
        CHECK(sink_blob.holds(state, &peer_device, held[i].name, held[i].offset,
                              span_of(held[i].bytes), &same, &err) == ST_OK &&
                  same == held[i].same,
              "'%s' at %llu of %s: %d", held[i].bytes, (unsigned long long)held[i].offset,
              held[i].name, same);
    fake_answer(&fake, 503, "ServerBusy", NULL, 1, "GET ");
    CHECK(sink_blob.holds(state, &peer_device, DEVICE_NAME, 0, span_of("{1}\n"), &same, &err) ==
              ST_IO,
          "a look at a busy service");
    fake_answer(&fake, 403, "AuthorizationPermissionMismatch", NULL, 1, "GET ");
    p = send_at(state, DEVICE_NAME, 0, "{1}\n");
    CHECK(p.sent == SENT_RETRY && !p.is_foreign, "may not be read: %d %s", p.sent, p.err.text);

    CHECK(sink_blob.locate(state, &peer_device, true, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME_1) == 0 && length == 0,
          "the next: %s", name);
    pthread_mutex_lock(&fake.lock);
    fake.blobs[0].blocks = 50000;
    pthread_mutex_unlock(&fake.lock);
    CHECK(sink_blob.locate(state, &peer_device, false, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME_1) == 0 && length == 0,
          "after 50,000 appends: %s", name);
    p = send_at(state, DEVICE_NAME, 4, "{2}\n");
    CHECK(p.sent == SENT_RETRY && p.is_full, "the 50,001st: %d", p.sent);
    p = send_at(state, name, 0, "{2}\n");
    CHECK(p.sent == SENT_DONE && blob_is(DEVICE_NAME_1, "{2}\n"), "goes on there: %s", p.err.text);
    CHECK(sink_blob.locate(state, &peer_device, false, name, &length, &err) == ST_OK &&
              strcmp(name, DEVICE_NAME_1) == 0 && length == 4,
          "the newest: %s", name);
    fake_answer(&fake, 503, "ServerBusy", NULL, 1, "HEAD ");
    CHECK(sink_blob.locate(state, &peer_device, false, name, &length, &err) == ST_IO,
          "locate, busy");
    fake_answer(&fake, 404, NULL, NULL, 1, "HEAD ");
    CHECK(sink_blob.length(state, &peer_device, DEVICE_NAME, &length, &err) == ST_IO,
          "a 404 that is not the service's does not mean empty");
    sink_blob.close(state);
}

/* One throttled answer spares the service the rest of the window; one lane's trouble does not stop
 * the others. */
static void
windows(void)
{
    void *state = opened("5000");
    struct parcel p[3];

    for (int round = 0; round < 2; round++) {
        fresh(state);
        for (int i = 0; i < 3; i++) {
            p[i] = peer_parcel(i == 2 ? &peer_alert : &peer_device, "{5}\n", (uint64_t)i);
            snprintf(p[i].name, sizeof p[i].name, "%s",
                     i == 2 ? "insights-logs-advancedhunting-alertinfo/" PEER_PATH "PT1H.json"
                            : DEVICE_NAME);
            p[i].offset = i == 2 ? 0 : 4 + 4 * (uint64_t)i;
        }
        unsigned before = fake.requests;

        fake_answer(&fake, round == 0 ? 503 : 403, NULL, "2", 1, "appendblock");
        sink_blob.send(state, p, 3);
        CHECK(p[0].sent == SENT_RETRY && p[1].sent == SENT_RETRY, "%d %d", p[0].sent, p[1].sent);
        if (round == 0)
            CHECK(p[2].sent == SENT_RETRY && p[2].retry_after_ms == 2000 &&
                      fake.requests == before + 1,
                  "throttled: %d after %u requests", p[2].sent, fake.requests - before);
        else
            CHECK(p[2].sent == SENT_DONE, "another container: %s", p[2].err.text);
    }
    sink_blob.close(state);
}

static void
settings(void)
{
#define ENDPOINT                                                                                   \
    {                                                                                              \
        "endpoint", "https://contoso.blob.core.windows.net"                                        \
    }
    static const struct {
        const char *what;
        struct sink_value values[5];
        const char *says; /* NULL: fine */
    } cases[] = {
        {"a key",                                 {ENDPOINT, {"key", EMULATOR_KEY}},                        NULL           },
        {"a SAS",                                 {ENDPOINT, {"sas", "?sv=2023-11-03&sig=x%3D"}},           NULL           },
        {"an identity",
         {ENDPOINT, {"tenant", "t"}, {"client_id", "c"}, {"client_secret", "s"}},
         NULL                                                                                                              },
        {"Azurite",
         {{"endpoint", "http://127.0.0.1:10000/devstoreaccount1"}, {"key", EMULATOR_KEY}},
         NULL                                                                                                              },
        {"the emulator's short form",             {{"connection_string", "UseDevelopmentStorage=true"}},    NULL           },
        {"a connection string",
         {{"connection_string",
           "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=" EMULATOR_KEY
           ";EndpointSuffix=core.windows.net"}},
         NULL                                                                                                              },
        {"one with a SAS",
         {{"connection_string", "BlobEndpoint=https://contoso.blob.core.windows.net/;"
                                "SharedAccessSignature=sv=2023&sig=abc%3D"}},
         NULL                                                                                                              },
        {"nothing",                               {{"account", "contoso"}},                                 "endpoint"     },
        {"no credential",                         {ENDPOINT},                                               "credential"   },
        {"two",                                   {ENDPOINT, {"key", EMULATOR_KEY}, {"sas", "sig=x"}},      "more than one"},
        {"half an identity",                      {ENDPOINT, {"client_id", "c"}},                           "tenant"       },
        {"a key that is none",                    {ENDPOINT, {"key", "not base64"}},                        "base64"       },
        {"in the clear",
         {{"endpoint", "http://contoso.blob.core.windows.net"}, {"key", EMULATOR_KEY}},
         "clear"                                                                                                           },
        {"a host that only begins like loopback",
         {{"endpoint", "http://127.0.0.1.example.org"}, {"key", EMULATOR_KEY}},
         "clear"                                                                                                           },
        {"in the clear, but wanted",
         {{"endpoint", "http://contoso.test"}, {"key", EMULATOR_KEY}, {"insecure", "true"}},
         NULL                                                                                                              },
        {"another scheme",                        {{"endpoint", "ftp://contoso"}, {"key", EMULATOR_KEY}},   "https"        },
        {"a SAS in the endpoint",
         {{"endpoint", "https://contoso.blob.core.windows.net?sig=x"}, {"key", EMULATOR_KEY}},
         "sas"                                                                                                             },
        {"a header in the SAS",                   {ENDPOINT, {"sas", "sig=x\r\nX: y"}},                     "control"      },
        {"insecure, maybe",                       {ENDPOINT, {"key", EMULATOR_KEY}, {"insecure", "maybe"}}, "insecure"     },
        {"no time",                               {ENDPOINT, {"key", EMULATOR_KEY}, {"timeout_ms", "0"}},   "timeout_ms"   },
        {"a connection string of a hub",
         {{"connection_string", "Endpoint=sb://x/"}},
         "BlobEndpoint"                                                                                                    },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {""};
        size_t count = 0;

        while (count < 5 && cases[i].values[count].name != NULL)
            count++;
        enum status st = sink_check(&sink_blob, cases[i].values, count, &err);

        CHECK(cases[i].says == NULL ? st == ST_OK
                                    : st == ST_INVALID && strstr(err.text, cases[i].says) != NULL,
              "%s: %d %s", cases[i].what, st, err.text);
        CHECK(strstr(err.text, "sig=") == NULL && strstr(err.text, "Eby8") == NULL,
              "%s: a secret in '%s'", cases[i].what, err.text);
    }
}

int
main(void)
{
    fake_start(&fake, 0);
    settings();
    answers();
    connections();
    other_writers();
    windows();
    fake_down(&fake);
    fake_free(&fake);
    return test_end();
}
