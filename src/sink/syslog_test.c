/* syslog_test.c - what only the syslog sink does: its settings, rows that are too long, and that nothing is
 * called done which the receiver may not have. */
#include "sink/peer.h"
#include "wire/stream_peer.h"
#include <signal.h>

static char top[256], certificate[300], key_file[300], key[4096], address[32];

static void *
opened(const struct sink_value *values, size_t count, const atomic_bool *stop)
{
    struct err err = {""};
    void *state = NULL;

    if (sink_syslog.open(values, count, stop, &state, &err) != ST_OK) {
        printf("open: %s\n", err.text);
        exit(2);
    }
    return state;
}

/* ---- settings ---- */

static const struct {
    const char *name;
    struct sink_value values[4];
    const char *reason; /* NULL: fine */
} settings[] = {
    {"an address is enough",    {{"address", "siem.test:6514"}},                              NULL               },
    {"without a port",          {{"address", "siem.test"}},                                   NULL               },
    {"an IPv6 address",         {{"address", "[2001:db8::1]:6514"}},                          NULL               },
    {"an IPv6 address alone",   {{"address", "[2001:db8::1]"}},                               NULL               },
    {"IPv6 without brackets",   {{"address", "2001:db8::1"}},                                 "no port"          },
    {"no host",                 {{"address", ":6514"}},                                       "not HOST:PORT"    },
    {"a URL",                   {{"address", "tls://siem.test:6514"}},                        "not HOST:PORT"    },
    {"port 0",                  {{"address", "siem.test:0"}},                                 "1 to 65535"       },
    {"port 65536",              {{"address", "siem.test:65536"}},                             "1 to 65535"       },
    {"a port with more",        {{"address", "siem.test:1x"}},                                "1 to 65535"       },
    {"an open bracket",         {{"address", "[2001:db8::1"}},                                "not HOST:PORT"    },
    {"no address",              {{"tls", "false"}},                                           "address"          },
    {"tls is a word",           {{"address", "h:1"}, {"tls", "on"}},                          "false, true"      },
    {"a format",                {{"address", "h:1"}, {"format", "cef"}},                      NULL               },
    {"another format",          {{"address", "h:1"}, {"format", "xml"}},                      "json, cef, leef"  },
    {"confirm",                 {{"address", "h:1"}, {"confirm", "read"}},                    NULL               },
    {"confirm something else",  {{"address", "h:1"}, {"confirm", "yes"}},                     "received, read"   },
    {"a facility",              {{"address", "h:1"}, {"facility", "audit"}},                  NULL               },
    {"no facility",             {{"address", "h:1"}, {"facility", "local9"}},                 "facility 'local9'"},
    {"a hostname with a blank", {{"address", "h:1"}, {"hostname", "a b"}},                    "hostname"         },
    {"a long app_name",
     {{"address", "h:1"}, {"app_name", "a123456789b123456789c123456789d123456789e12345678"}},
     "1 to 48"                                                                                                   },
    {"messages too short",      {{"address", "h:1"}, {"message_bytes", "479"}},               "480 to 1048576"   },
    {"messages too long",       {{"address", "h:1"}, {"message_bytes", "1048577"}},           "480 to 1048576"   },
    {"a negative number",       {{"address", "h:1"}, {"timeout_ms", "-5"}},                   "timeout_ms"       },
    {"enterprise 0",            {{"address", "h:1"}, {"enterprise", "0"}},                    "enterprise"       },
    {"authorities without TLS",
     {{"address", "h:1"}, {"tls", "false"}, {"ca_file", "x"}},
     "ca_file is for TLS"                                                                                        },
    {"a certificate alone",     {{"address", "h:1"}, {"certificate", "x"}},                   "set key"          },
    {"a key alone",             {{"address", "h:1"}, {"key", "x"}},                           "set certificate"  },
};

static void
settings_are_checked(void)
{
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        size_t count = 0;
        struct err err = {""};
        enum status st;

        while (count < 4 && settings[i].values[count].name != NULL)
            count++;
        st = sink_check(&sink_syslog, settings[i].values, count, &err);
        if (settings[i].reason == NULL)
            CHECK(st == ST_OK, "%s: %s", settings[i].name, err.text);
        else
            CHECK(st == ST_INVALID && strstr(err.text, settings[i].reason) != NULL, "%s: %d '%s'",
                  settings[i].name, st, err.text);
    }
}

/* ---- sending ---- */

enum { ROWS = 40 };

static char texts[ROWS][64];

static void
rows_make(struct parcel parcels[ROWS])
{
    for (int i = 0; i < ROWS; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"n\":%d}", i);
        parcels[i] = peer_parcel(i % 2 == 0 ? &peer_device : &peer_alert, texts[i], 100);
        parcels[i].row = (uint32_t)i;
    }
}

/* How often each of the rows is among what the peer has; false: the framing does not hold. */
static bool
rows_count(const struct stream_peer *p, int counts[ROWS])
{
    const char *at = p->bytes, *end = p->bytes + p->size;

    memset(counts, 0, ROWS * sizeof counts[0]);
    while (at != NULL && at < end) {
        char *rest;
        size_t n = strtoul(at, &rest, 10);
        const char *row;
        int number;

        if (*rest != ' ' || n == 0 || n > (size_t)(end - rest - 1))
            return false;
        row = memmem(rest, n, "] {\"n\":", 7);
        if (row == NULL || sscanf(row, "] {\"n\":%d}", &number) != 1 || number >= ROWS)
            return false;
        counts[number]++;
        at = rest + 1 + n;
    }
    return true;
}

static void
peer_make(struct stream_peer *p, bool is_tls, enum stream_manner manner, size_t part)
{
    *p = (struct stream_peer){.is_tls = is_tls,
                              .manner = manner,
                              .part = part,
                              .wants_certificate = is_tls,
                              .certificate_file = certificate,
                              .key_file = key_file};
    stream_peer_start(p);
    snprintf(address, sizeof address, "localhost:%u", p->port);
}

/* What the receiver does, how often it is sent to, and how each time is answered. */
static const struct {
    const char *name;
    enum stream_manner manner;
    size_t part;
    const char *confirm;
    enum sent answers[2];
    bool is_read; /* what was done was read, so no waiting */
    size_t connections;
} receivers[] = {
    {"reads; received",      PEER_READS,      0,   "received", {SENT_DONE, SENT_DONE},   false, 1},
    {"reads; read",          PEER_READS,      0,   "read",     {SENT_DONE, SENT_DONE},   true,  2},
    {"resets; received",     PEER_RESETS,     700, "received", {SENT_RETRY, SENT_RETRY}, false, 0},
    {"resets; read",         PEER_RESETS,     700, "read",     {SENT_RETRY, SENT_RETRY}, false, 0},
    {"closes once; read",    PEER_CLOSES,     700, "read",     {SENT_RETRY, SENT_DONE},  true,  2},
    {"stalls; read",         PEER_STALLS,     0,   "read",     {SENT_RETRY, SENT_RETRY}, false, 0},
    {"never closes; read",   PEER_STAYS_OPEN, 0,   "read",     {SENT_RETRY, SENT_RETRY}, false, 0},
    {"talks back; received", PEER_TALKS,      0,   "received", {SENT_DONE, SENT_DONE},   false, 1},
};

static void
promises(bool is_tls)
{
    for (size_t i = 0; i < COUNT_OF(receivers); i++) {
        struct stream_peer p;
        struct parcel parcels[ROWS];
        int counts[ROWS];
        const char *name = receivers[i].name;

        peer_make(&p, is_tls, receivers[i].manner, receivers[i].part);
        const struct sink_value values[] = {
            {"address",     address                  },
            {"tls",         is_tls ? "true" : "false"},
            {"confirm",     receivers[i].confirm     },
            {"timeout_ms",  "400"                    },
            {"ca_file",     certificate              },
            {"certificate", certificate              },
            {"key",         key                      },
        };
        void *state = opened(values, is_tls ? COUNT_OF(values) : 4, NULL);

        for (int k = 0; k < 2; k++) {
            rows_make(parcels);
            sink_syslog.send(state, parcels, ROWS);
            for (int n = 0; n < ROWS; n++)
                CHECK((receivers[i].manner == PEER_RESETS && parcels[n].sent != SENT_REFUSED &&
                       strcmp(receivers[i].confirm, "received") == 0) ||
                          (parcels[n].sent == receivers[i].answers[k] &&
                           (parcels[n].sent == SENT_DONE) == (parcels[n].err.text[0] == '\0')),
                      "%s: time %d, row %d: %d %s", name, k, n, parcels[n].sent,
                      parcels[n].err.text);
        }
        if (receivers[i].is_read) { /* no waiting, and nothing is closed yet */
            pthread_mutex_lock(&p.lock);
            bool is_framed = receivers[i].manner == PEER_CLOSES || rows_count(&p, counts);

            for (int n = 0; n < ROWS && receivers[i].manner != PEER_CLOSES; n++)
                CHECK(counts[n] == 2, "%s: row %d came %d times", name, n, counts[n]);
            CHECK(is_framed, "%s: the framing holds", name);
            pthread_mutex_unlock(&p.lock);
        }
        sink_syslog.close(state);
        stream_peer_stop(&p);
        CHECK(receivers[i].connections == 0 || p.connections == receivers[i].connections,
              "%s: %zu connections", name, p.connections);
        if (receivers[i].manner == PEER_READS) {
            CHECK(rows_count(&p, counts), "%s: the framing holds", name);
            for (int n = 0; n < ROWS; n++)
                CHECK(counts[n] == 2, "%s: row %d came %d times", name, n, counts[n]);
        }
        if (is_tls)
            CHECK(strcmp(p.client, "peer") == 0, "%s: our certificate: '%s'", name, p.client);
        stream_peer_forget(&p);
    }
}

/* One row too long among others: it is refused, and they arrive. */
static void
too_long(void)
{
    struct stream_peer p;
    struct parcel parcels[3];
    char *large = malloc(2000);

    memset(large, 'x', 1999);
    memcpy(large, "{\"x\":\"", 6);
    strcpy(large + 1996, "\"}");
    peer_make(&p, false, PEER_READS, 0);
    const struct sink_value values[] = {
        {"address",       address},
        {"tls",           "false"},
        {"confirm",       "read" },
        {"message_bytes", "1000" },
    };
    void *state = opened(values, COUNT_OF(values), NULL);

    for (int i = 0; i < 3; i++)
        parcels[i] = peer_parcel(&peer_device, i == 1 ? large : "{\"n\":1}", (uint64_t)i);
    sink_syslog.send(state, parcels, 3);
    CHECK(parcels[0].sent == SENT_DONE && parcels[2].sent == SENT_DONE, "the others: %s%s",
          parcels[0].err.text, parcels[2].err.text);
    CHECK(parcels[1].sent == SENT_REFUSED && strstr(parcels[1].err.text, "1000") != NULL,
          "too long: %d %s", parcels[1].sent, parcels[1].err.text);
    pthread_mutex_lock(&p.lock);
    CHECK(strstr(p.bytes, "-0-0-") != NULL && strstr(p.bytes, "-2-0-") != NULL &&
              strstr(p.bytes, "xxx") == NULL,
          "%s", p.bytes);
    pthread_mutex_unlock(&p.lock);
    sink_syslog.send(state, &parcels[1], 1);
    CHECK(parcels[1].sent == SENT_REFUSED, "alone: %d", parcels[1].sent);
    sink_syslog.close(state);
    stream_peer_stop(&p);
    stream_peer_forget(&p);
    free(large);
}

/* Several buffers in one window. */
static void
many(void)
{
    enum { COUNT = 3000 };
    struct stream_peer p;
    struct parcel *parcels = calloc(COUNT, sizeof *parcels);
    char *text = malloc(1024);
    size_t done = 0, found = 0;

    memset(text, 'y', 1023);
    memcpy(text, "{\"y\":\"", 6);
    strcpy(text + 1021, "\"}");
    peer_make(&p, true, PEER_READS, 0);
    const struct sink_value values[] = {
        {"address",     address    },
        {"ca_file",     certificate},
        {"confirm",     "read"     },
        {"certificate", certificate},
        {"key",         key        },
    };
    void *state = opened(values, COUNT_OF(values), NULL);

    for (size_t i = 0; i < COUNT; i++)
        parcels[i] = peer_parcel(&peer_device, text, i);
    sink_syslog.send(state, parcels, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        done += parcels[i].sent == SENT_DONE;
    CHECK(done == COUNT, "%zu done: %s", done, parcels[0].err.text);
    sink_syslog.close(state);
    stream_peer_stop(&p);
    for (const char *at = p.bytes; at != NULL && at < p.bytes + p.size; found++) {
        char *rest;
        size_t n = strtoul(at, &rest, 10);

        at = *rest == ' ' && memcmp(rest + n - 1022, text, 1023) == 0 ? rest + 1 + n : NULL;
    }
    CHECK(found == COUNT, "%zu whole messages", found);
    stream_peer_forget(&p);
    free(parcels);
    free(text);
}

int
main(void)
{
    char *text = NULL;
    size_t size;
    struct err err;

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    peer_folder(top);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", top);
    snprintf(key_file, sizeof key_file, "%s/key.pem", top);
    stream_peer_certificate("peer", certificate, key_file);
    if (file_read(key_file, sizeof key - 1, &text, &size, &err) != ST_OK)
        return 2;
    memcpy(key, text, size);
    free(text);
    settings_are_checked();
    promises(false);
    promises(true);
    too_long();
    many();
    peer_remove(top);
    return test_end();
}
