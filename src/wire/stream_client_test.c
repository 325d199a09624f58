/* stream_client_test.c - each call keeps its promise, over plain TCP and over TLS, with a receiver that
 * reads, stalls, closes and resets; and who is trusted. */
#include "base/file.h"
#include "wire/stream_client.h"
#include "wire/stream_peer.h"
#include <signal.h>

static char folder[] = "/tmp/stream_client_test.XXXXXX";
static char paths[4][128]; /* the peer's certificate and key, another pair */
static char port_text[16];

enum { CERTIFICATE, KEY, OTHER_CERTIFICATE, OTHER_KEY };

static struct stream_options
options(const struct stream_peer *p)
{
    snprintf(port_text, sizeof port_text, "%u", p->port);
    return (struct stream_options){
        .host = "127.0.0.1",
        .port = port_text,
        .is_tls = p->is_tls,
        .ca_file = p->is_tls ? paths[CERTIFICATE] : NULL,
        .connect_ms_max = 5000,
        .stall_ms_max = 5000,
    };
}

static struct stream_client *
opened(const struct stream_options *o)
{
    struct stream_client *c = NULL;
    struct err err = {""};

    CHECK(stream_client_open(o, &c, &err) == ST_OK, "open: %s", err.text);
    return c;
}

static void
peer_make(struct stream_peer *p, bool is_tls, enum stream_manner manner, size_t part)
{
    *p = (struct stream_peer){.is_tls = is_tls,
                              .manner = manner,
                              .part = part,
                              .certificate_file = paths[CERTIFICATE],
                              .key_file = paths[KEY]};
    stream_peer_start(p);
}

static void
sends(bool is_tls)
{
    const char *what = is_tls ? "tls" : "plain";
    size_t size = 3 << 20;
    char *large = malloc(size);
    struct stream_peer p;
    struct err err = {""};
    bool is_new;

    for (size_t i = 0; i < size; i++)
        large[i] = (char)(i * 7 + i / 251);
    peer_make(&p, is_tls, PEER_READS, 0);
    struct stream_options o = options(&p);
    struct stream_client *c = opened(&o);

    CHECK(stream_client_send(c, SPAN_LITERAL("x"), &err) == ST_IO, "%s: not connected", what);
    CHECK(stream_client_ready(c, &is_new, &err) == ST_OK && is_new, "%s: %s", what, err.text);
    CHECK(stream_client_send(c, SPAN_LITERAL("one"), &err) == ST_OK, "%s: %s", what, err.text);
    CHECK(stream_client_settle(c, &err) == ST_OK, "%s: settle: %s", what, err.text);
    CHECK(stream_client_ready(c, &is_new, &err) == ST_OK && !is_new, "%s: still there", what);
    CHECK(stream_client_send(c, (struct span){large, size}, &err) == ST_OK, "%s: %s", what,
          err.text);
    CHECK(stream_client_settle(c, &err) == ST_OK, "%s: settle: %s", what, err.text);
    CHECK(stream_client_send(c, SPAN_LITERAL("end"), &err) == ST_OK, "%s: %s", what, err.text);
    CHECK(stream_client_finish(c, &err) == ST_OK, "%s: finish: %s", what, err.text);
    /* 'finish' promised that all was read: no waiting here */
    pthread_mutex_lock(&p.lock);
    CHECK(p.size == size + 6 && memcmp(p.bytes, "one", 3) == 0 &&
              memcmp(p.bytes + 3, large, size) == 0 && strcmp(p.bytes + 3 + size, "end") == 0,
          "%s: %zu bytes came", what, p.size);
    pthread_mutex_unlock(&p.lock);
    CHECK(stream_client_finish(c, &err) == ST_IO, "%s: twice", what);
    CHECK(stream_client_ready(c, &is_new, &err) == ST_OK && is_new, "%s: again: %s", what,
          err.text);
    CHECK(stream_client_send(c, SPAN_LITERAL("last"), &err) == ST_OK, "%s: %s", what, err.text);
    stream_client_close(c);
    CHECK(stream_peer_has(&p, size + 10), "%s: what was sent last arrives", what);
    stream_peer_stop(&p);
    CHECK(p.connections == 2, "%s: %zu connections", what, p.connections);
    stream_peer_forget(&p);
    free(large);
}

/* A peer that closes between two windows is noticed before the next one is sent. */
static void
closed_between(bool is_tls)
{
    const char *what = is_tls ? "tls" : "plain";
    struct stream_peer p;
    struct err err = {""};
    bool is_new;

    peer_make(&p, is_tls, PEER_CLOSES, 3);
    struct stream_options o = options(&p);
    struct stream_client *c = opened(&o);

    CHECK(stream_client_ready(c, &is_new, &err) == ST_OK &&
              stream_client_send(c, SPAN_LITERAL("one"), &err) == ST_OK,
          "%s: %s", what, err.text);
    CHECK(stream_peer_has(&p, 3), "%s: the first", what);
    int64_t until_ms = clock_monotonic_ms() + 5000;

    is_new = false; /* its end is on its way */
    while (!is_new && clock_monotonic_ms() < until_ms)
        CHECK(stream_client_ready(c, &is_new, &err) == ST_OK, "%s: %s", what, err.text);
    CHECK(is_new, "%s: its end was not noticed", what);
    CHECK(stream_client_send(c, SPAN_LITERAL("two"), &err) == ST_OK &&
              stream_client_finish(c, &err) == ST_OK,
          "%s: %s", what, err.text);
    stream_client_close(c);
    stream_peer_stop(&p);
    CHECK(strcmp(p.bytes, "onetwo") == 0, "%s: '%s'", what, p.bytes);
    stream_peer_forget(&p);
}

/* No manner of failing is taken for success. */
static void
failures(bool is_tls)
{
    static const struct {
        const char *name;
        enum stream_manner manner;
        size_t part;
        bool finish;
        const char *reason;
    } cases[] = {
        {"a reset, then settle", PEER_RESETS,     100, false, ""           },
        {"a reset, then finish", PEER_RESETS,     100, true,  ""           },
        {"a stall, then finish", PEER_STALLS,     0,   true,  "in time"    },
        {"no end after all",     PEER_STAYS_OPEN, 0,   true,  "did not end"},
    };
    size_t size = 16 << 20; /* more than the kernels hold */
    char *large = calloc(1, size);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream_peer p;
        struct err err = {""};
        bool is_new;
        enum status st;

        peer_make(&p, is_tls, cases[i].manner, cases[i].part);
        struct stream_options o = options(&p);

        o.stall_ms_max = 300;
        struct stream_client *c = opened(&o);

        st = stream_client_ready(c, &is_new, &err);
        CHECK(st == ST_OK, "%s: %s", cases[i].name, err.text);
        st = stream_client_send(c, (struct span){large, size}, &err);
        if (st == ST_OK)
            st = cases[i].finish ? stream_client_finish(c, &err) : stream_client_settle(c, &err);
        CHECK(st == ST_IO && strstr(err.text, "127.0.0.1:") != NULL &&
                  strstr(err.text, cases[i].reason) != NULL,
              "%s: %d '%s'", cases[i].name, st, err.text);
        CHECK(stream_client_send(c, SPAN_LITERAL("x"), &err) == ST_IO, "%s: and is cut",
              cases[i].name);
        stream_peer_stop(&p);
        st = stream_client_ready(c, &is_new, &err);
        CHECK(st == ST_IO && strstr(err.text, "refused") != NULL, "%s: nobody there: %d %s",
              cases[i].name, st, err.text);
        stream_client_close(c);
        stream_peer_forget(&p);
    }
    free(large);
}

/* A few bytes that the peer's kernel took and its program did not: only 'finish' knows. */
static void
unread(bool is_tls)
{
    struct stream_peer p;
    struct err err = {""};
    bool is_new;

    peer_make(&p, is_tls, PEER_RESETS, 4);
    struct stream_options o = options(&p);
    struct stream_client *c = opened(&o);

    CHECK(stream_client_ready(c, &is_new, &err) == ST_OK &&
              stream_client_send(c, SPAN_LITERAL("12345678"), &err) == ST_OK,
          "%s", err.text);
    CHECK(stream_client_finish(c, &err) == ST_IO && err.text[0] != '\0', "finish: '%s'", err.text);
    stream_client_close(c);
    stream_peer_stop(&p);
    stream_peer_forget(&p);
}

static void
talks(bool is_tls)
{
    struct stream_peer p;
    struct err err = {""};
    bool is_new;

    peer_make(&p, is_tls, PEER_TALKS, 0);
    struct stream_options o = options(&p);
    struct stream_client *c = opened(&o);

    for (int i = 0; i < 50; i++)
        CHECK(stream_client_ready(c, &is_new, &err) == ST_OK && is_new == (i == 0) &&
                  stream_client_send(c, SPAN_LITERAL("ten bytes\n"), &err) == ST_OK &&
                  stream_client_settle(c, &err) == ST_OK,
              "%d: %s", i, err.text);
    CHECK(stream_client_finish(c, &err) == ST_OK, "finish: %s", err.text);
    stream_client_close(c);
    stream_peer_stop(&p);
    CHECK(p.size == 500 && p.connections == 1, "%zu bytes, %zu connections", p.size, p.connections);
    stream_peer_forget(&p);
}

static void
trust(void)
{
    static char key[4096], other_key[4096];
    static const struct {
        const char *name, *host, *expected_name;
        int ca; /* of paths; -1: the system's */
        bool insecure, has_certificate;
        int key;
        bool wants_certificate;
        enum status open, ready;
        const char *reason;
    } cases[] = {
        {"an address",               "127.0.0.1", NULL,        CERTIFICATE,       false, false, 0,                 false, ST_OK, ST_OK, ""                           },
        {"a name",                   "localhost", NULL,        CERTIFICATE,       false, false, 0,                 false, ST_OK, ST_OK, ""                           },
        {"a name that is told",      "127.0.0.1", "localhost", CERTIFICATE,       false, false, 0,                 false,
         ST_OK,                                                                                                                  ST_OK, ""                           },
        {"another name",             "127.0.0.1", "siem.test", CERTIFICATE,       false, false, 0,                 false, ST_OK,
         ST_IO,                                                                                                                         "not trusted for siem.test"  },
        {"another address",          "127.0.0.1", "127.0.0.9", CERTIFICATE,       false, false, 0,                 false, ST_OK,
         ST_IO,                                                                                                                         "not trusted for 127.0.0.9"  },
        {"another authority",        "127.0.0.1", NULL,        OTHER_CERTIFICATE, false, false, 0,                 false, ST_OK,
         ST_IO,                                                                                                                         "not trusted"                },
        {"the system's authorities", "127.0.0.1", NULL,        -1,                false, false, 0,                 false, ST_OK, ST_IO,
         "of the system"                                                                                                                                             },
        {"without a look",           "127.0.0.1", "siem.test", -1,                true,  false, 0,                 false, ST_OK, ST_OK, ""                           },
        {"a client's certificate",   "127.0.0.1", NULL,        CERTIFICATE,       false, true,  CERTIFICATE,       true,
         ST_OK,                                                                                                                  ST_OK, ""                           },
        {"with another key",         "127.0.0.1", NULL,        CERTIFICATE,       false, true,  OTHER_CERTIFICATE, true,
         ST_INVALID,                                                                                                             ST_OK, "not that of the certificate"},
    };
    char *text = NULL;
    struct err err;
    size_t size;

    for (int i = 0; i < 2; i++) {
        if (file_read(paths[i == 0 ? KEY : OTHER_KEY], 4000, &text, &size, &err) != ST_OK)
            exit(2);
        memcpy(i == 0 ? key : other_key, text, size);
        free(text);
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream_peer p = {.is_tls = true,
                                .wants_certificate = cases[i].wants_certificate,
                                .certificate_file = paths[CERTIFICATE],
                                .key_file = paths[KEY]};
        struct stream_client *c = NULL;
        bool is_new;

        err.text[0] = '\0';
        stream_peer_start(&p);
        struct stream_options o = options(&p);

        o.host = cases[i].host;
        o.name = cases[i].expected_name;
        o.ca_file = cases[i].ca < 0 ? NULL : paths[cases[i].ca];
        o.insecure = cases[i].insecure;
        if (cases[i].has_certificate) {
            o.certificate_file = paths[CERTIFICATE];
            o.key = span_of(cases[i].key == CERTIFICATE ? key : other_key);
        }
        enum status st = stream_client_open(&o, &c, &err);

        CHECK(st == cases[i].open, "%s: open: %d %s", cases[i].name, st, err.text);
        if (st == ST_OK) {
            st = stream_client_ready(c, &is_new, &err);
            CHECK(st == cases[i].ready, "%s: %d %s", cases[i].name, st, err.text);
            if (st == ST_OK)
                CHECK(stream_client_send(c, SPAN_LITERAL("x"), &err) == ST_OK &&
                          stream_client_finish(c, &err) == ST_OK,
                      "%s: %s", cases[i].name, err.text);
        }
        CHECK(strstr(err.text, cases[i].reason) != NULL && strstr(err.text, "BEGIN") == NULL,
              "%s: '%s'", cases[i].name, err.text);
        stream_client_close(c);
        stream_peer_stop(&p);
        if (cases[i].wants_certificate && cases[i].open == ST_OK)
            CHECK(strcmp(p.client, "peer") == 0, "%s: '%s' came", cases[i].name, p.client);
        stream_peer_forget(&p);
    }
}

static void
wrong_options(void)
{
    static const struct {
        const char *name, *ca_file, *certificate_file, *key, *reason;
    } cases[] = {
        {"no such authorities",         "/no/such", NULL,       NULL,           "/no/such"      },
        {"authorities that are none",   NULL,       NULL,       NULL,           "cannot read"   },
        {"no such certificate",         "",         "/no/such", "x",            "/no/such"      },
        {"a certificate without a key", "",         "/no/such", NULL,           "go together"   },
        {"a key without a certificate", "",         NULL,       "x",            "go together"   },
        {"a key that is none",          "",         "",         "BEGIN secret", "no private key"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream_options o = {.host = "localhost", .port = "1", .is_tls = true};
        struct stream_client *c = NULL;
        struct err err = {""};

        o.ca_file = cases[i].ca_file == NULL      ? paths[KEY]
                    : cases[i].ca_file[0] == '\0' ? NULL
                                                  : cases[i].ca_file;
        o.certificate_file = cases[i].certificate_file;
        if (o.certificate_file != NULL && o.certificate_file[0] == '\0')
            o.certificate_file = paths[CERTIFICATE];
        if (cases[i].key != NULL)
            o.key = span_of(cases[i].key);
        CHECK(stream_client_open(&o, &c, &err) == ST_INVALID &&
                  strstr(err.text, cases[i].reason) != NULL && strstr(err.text, "secret") == NULL,
              "%s: '%s'", cases[i].name, err.text);
    }
}

static void
unreachable(void)
{
    static const struct {
        const char *name, *host, *reason;
    } cases[] = {
        {"no such name",   "no-such-host.invalid", "cannot find the address of no-such-host.invalid"  },
        {"nobody listens", "127.0.0.1",            "cannot connect to 127.0.0.1:1: Connection refused"},
        {"nor over IPv6",  "::1",                  "[::1]:1"                                          },
    };
    atomic_bool stop = true;
    struct err err = {""};
    bool is_new;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream_options o = {
            .host = cases[i].host, .port = "1", .connect_ms_max = 2000, .stall_ms_max = 2000};
        struct stream_client *c = opened(&o);

        CHECK(stream_client_ready(c, &is_new, &err) == ST_IO &&
                  strstr(err.text, cases[i].reason) != NULL,
              "%s: '%s'", cases[i].name, err.text);
        stream_client_close(c);
    }
    /* plain bytes to a TLS port and the other way round end in time */
    struct stream_peer p;

    peer_make(&p, false, PEER_READS, 0);
    struct stream_options o = options(&p);

    o.is_tls = true;
    o.connect_ms_max = 300;
    struct stream_client *c = opened(&o);

    CHECK(stream_client_ready(c, &is_new, &err) == ST_IO && strstr(err.text, "handshake") != NULL,
          "no TLS there: %s", err.text);
    stream_client_close(c);
    stream_peer_stop(&p);
    stream_peer_forget(&p);
    peer_make(&p, false, PEER_STALLS, 0);
    o = options(&p);
    o.stop = &stop;
    c = opened(&o);
    CHECK(stream_client_ready(c, &is_new, &err) == ST_IO && strcmp(err.text, "stopping") == 0,
          "stopping: %s", err.text);
    stream_client_close(c);
    stream_peer_stop(&p);
    stream_peer_forget(&p);
}

int
main(void)
{
    static const char *const names[] = {"cert.pem", "key.pem", "other.pem", "other-key.pem"};

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    if (mkdtemp(folder) == NULL)
        return 2;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    stream_peer_certificate("peer", paths[CERTIFICATE], paths[KEY]);
    stream_peer_certificate("other", paths[OTHER_CERTIFICATE], paths[OTHER_KEY]);
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        sends(is_tls);
        closed_between(is_tls);
        failures(is_tls);
        unread(is_tls);
        talks(is_tls);
    }
    trust();
    wrong_options();
    unreachable();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(paths[i]);
    rmdir(folder);
    return test_end();
}
