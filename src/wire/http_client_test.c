/* http_client_test.c - the client against our server, plain and with TLS, and against peers that
 * keep no rule: they are threads that play a script over a plain socket. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "wire/http_client.h"
#include "wire/http_server.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 5 << 20 };

static const struct http_client_options usual = {.connect_ms_max = 5000,
                                                 .total_ms_max = 20000,
                                                 .stall_ms_max = 20000,
                                                 .response_size_max = 64 << 20};

/* ---- our server: says the body back, and what it saw ---- */

struct echo {
    char *body;
    size_t size;
};

static void
echo_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    const char *length = http_header(r, "Content-Length");
    struct echo *e = calloc(1, sizeof *e);

    (void)app;
    *state = e;
    e->body = malloc(BIG + 16);
    if (http_header(r, "Expect") != NULL)
        http_reply_error(reply, 417, "Expectation", "not asked for");
    else if (strcmp(r->path, "/exact") == 0 && (length == NULL || strcmp(length, "5242880") != 0))
        http_reply_error(reply, 411, "Length", "%s", length == NULL ? "none" : length);
    else if (strcmp(r->path, "/redirect") == 0) {
        http_reply_text(reply, 307, "moved");
        snprintf(reply->headers[0].name, 40, "Location");
        snprintf(reply->headers[0].value, 200, "http://127.0.0.1:1/elsewhere");
    }
}

static void
echo_data(void *app, const struct http_request *r, void *state, struct span bytes,
          struct http_reply *reply)
{
    struct echo *e = state;

    (void)app;
    (void)r;
    (void)reply;
    if (e->size + bytes.n <= BIG) {
        memcpy(e->body + e->size, bytes.p, bytes.n);
        e->size += bytes.n;
    }
}

static void
echo_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct echo *e = state;

    (void)app;
    if (strcmp(r->path, "/headers") == 0) {
        http_reply_text(reply, 200, "%s|%s|%s", http_header(r, "X-One"), http_header(r, "X-Empty"),
                        http_header(r, "User-Agent"));
        return;
    }
    if (strcmp(r->path, "/method") == 0) {
        http_reply_text(reply, 200, "%s?%s", r->method, r->query);
        return;
    }
    reply->status = 200;
    reply->body = e->body;
    reply->body_size = e->size;
    e->body = NULL;
}

static void
echo_gone(void *app, void *state)
{
    struct echo *e = state;

    (void)app;
    free(e->body);
    free(e);
}

static const struct http_handler echo = {NULL, echo_begin, echo_data, echo_end, echo_gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    (void)r;
    return &echo;
}

/* ---- peers that play a script ---- */

struct peer {
    int listener;
    uint16_t port;
    const char *answer; /* NULL: hangs up at once */
    size_t read_size;   /* reads so much before it answers */
    bool hangs;         /* then stays silent until the client goes */
    unsigned accepts;   /* connections that it serves */
    pthread_t thread;
};

static void *
peer_run(void *app)
{
    struct peer *p = app;
    char text[4096];

    for (unsigned i = 0; i < p->accepts; i++) {
        int fd = accept(p->listener, NULL, NULL);
        size_t got = 0;

        while (fd >= 0 && got < p->read_size) {
            ssize_t n = recv(fd, text, sizeof text, 0);

            if (n <= 0)
                break;
            got += (size_t)n;
        }
        if (p->answer != NULL)
            send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL);
        while (p->hangs && recv(fd, text, sizeof text, 0) > 0)
            ;
        close(fd);
    }
    return NULL;
}

static void
peer_start(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->accepts == 0)
        p->accepts = 1;
    if (bind(p->listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(p->listener, 5) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&at, &size) != 0 ||
        pthread_create(&p->thread, NULL, peer_run, p) != 0)
        exit(1);
    p->port = ntohs(at.sin_port);
}

static void
peer_stop(struct peer *p)
{
    shutdown(p->listener, SHUT_RDWR); /* wakes an accept that nobody came to */
    pthread_join(p->thread, NULL);
    close(p->listener);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *name, *answer;
    enum status st;
    unsigned status;
    int64_t retry_after_ms;
    const char *body;
    bool hangs;
    /* clang-format off */
} answers[] = {
    {"an answer", OK_HEAD "Content-Length: 2\r\n\r\nhi", ST_OK, 200, -1, "hi", false},
    {"until the end", OK_HEAD "\r\nhi", ST_OK, 200, -1, "hi", false},
    {"chunks", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", ST_OK,
     200, -1, "hi!", false},
    {"an interim answer first",
     "HTTP/1.1 103 Early\r\nRetry-After: 9\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nhi", ST_OK,
     200, -1, "hi", false},
    {"an encoding stays", OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", ST_OK,
     200, -1, "hi", false},
    {"a server error is an answer", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ST_OK, 503,
     -1, "", false},
    {"seconds to wait", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", ST_OK,
     503, 7000, "", false},
    {"milliseconds win",
     "HTTP/1.1 429 Slow\r\nretry-after: 7\r\nX-MS-Retry-After-MS: 250\r\nContent-Length: 0\r\n\r\n",
     ST_OK, 429, 250, "", false},
    {"a date that is over",
     "HTTP/1.1 503 B\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
     ST_OK, 503, 0, "", false},
    {"a wait that is none", "HTTP/1.1 503 B\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
     ST_OK, 503, -1, "", false},
    {"a negative wait", "HTTP/1.1 503 B\r\nRetry-After: -5\r\nContent-Length: 0\r\n\r\n", ST_OK,
     503, -1, "", false},
    {"hangs up", NULL, ST_IO, 0, -1, "", false},
    {"garbage", "\x01\x02garbage\r\n\r\n", ST_IO, 0, -1, "", false},
    {"half a head", "HTTP/1.1 200 OK\r\nContent-Le", ST_IO, 0, -1, "", false},
    {"half a body", OK_HEAD "Content-Length: 20\r\n\r\nhi", ST_IO, 0, -1, "", false},
    {"half a chunk", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n20\r\nhi", ST_IO, 0, -1, "", false},
    {"a length that is none", OK_HEAD "Content-Length: x\r\n\r\nhi", ST_IO, 0, -1, "", false},
    {"silence", "", ST_IO, 0, -1, "", true},
    {"silence after the head", OK_HEAD "Content-Length: 20\r\n\r\n", ST_IO, 0, -1, "", true},
};
/* clang-format on */

static void
test_answers(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct peer peer = {.answer = answers[i].answer, .read_size = 1, .hangs = answers[i].hangs};
        struct http_client_options o = usual;
        struct http_client *client;
        struct http_exchange x = {.method = "GET"};
        struct err err = {""};
        char url[64];
        enum status st;

        if (answers[i].hangs)
            o.stall_ms_max = 100;
        peer_start(&peer);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/p?sig=SECRET", peer.port);
        x.url = url;
        CHECK(http_client_open(&o, &client, &err) == ST_OK, "%s", err.text);
        st = http_client_send(client, &x, &err);
        CHECK(st == answers[i].st && x.status == answers[i].status &&
                  x.retry_after_ms == answers[i].retry_after_ms,
              "%s: %d, status %u, retry %ld: %s", answers[i].name, st, x.status,
              (long)x.retry_after_ms, err.text);
        CHECK((st == ST_OK) == (err.text[0] == '\0') && strstr(err.text, "SECRET") == NULL,
              "%s: '%s'", answers[i].name, err.text);
        CHECK(st != ST_OK || span_is(x.response, answers[i].body), "%s: body '%.*s'",
              answers[i].name, (int)x.response.n, x.response.p);
        http_client_close(client);
        peer_stop(&peer);
    }
}

/* A peer that answers one request and then hangs up unseen: the next request goes out again over a
 * new connection, its body from the start. */
static void
test_dead_connection(void)
{
    struct peer peer = {
        .answer = OK_HEAD "Content-Length: 2\r\n\r\nhi", .read_size = 1, .accepts = 3};
    struct span body[] = {SPAN_LITERAL("a"), SPAN_LITERAL("bc")};
    struct http_exchange x = {.method = "POST", .body = body, .body_count = 2};
    struct http_client *client;
    struct err err = {""};
    char url[64];

    peer_start(&peer);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", peer.port);
    x.url = url;
    CHECK(http_client_open(&usual, &client, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < 3; i++)
        CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 200, "request %d: %s", i,
              err.text);
    http_client_close(client);
    peer_stop(&peer);
}

/* The peer takes a little of a large body and hangs up. */
static void
test_dropped_body(const char *big)
{
    struct peer peer = {.read_size = 100000};
    struct span body = {big, BIG};
    struct http_exchange x = {.method = "PUT", .body = &body, .body_count = 1};
    struct http_client *client;
    struct err err = {""};
    char url[64];

    peer_start(&peer);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", peer.port);
    x.url = url;
    CHECK(http_client_open(&usual, &client, &err) == ST_OK, "%s", err.text);
    CHECK(http_client_send(client, &x, &err) == ST_IO && x.status == 0, "dropped: %s", err.text);
    http_client_close(client);
    peer_stop(&peer);
}

static void
test_faults(void)
{
    static const char *const smuggled[] = {"X: a\r\nEvil: 1", NULL}, *const nameless[] = {"abc",
                                                                                          NULL};
    static const struct {
        const char *name, *url;
        const char *const *headers;
        const char *ca_file;
        enum status st;
    } cases[] = {
        {"no URL",            "",                                     NULL,     NULL, ST_INVALID},
        {"another scheme",    "file:///etc/passwd",                   NULL,     NULL, ST_INVALID},
        {"gopher",            "gopher://127.0.0.1/x",                 NULL,     NULL, ST_INVALID},
        {"a bad port",        "http://127.0.0.1:99999/",              NULL,     NULL, ST_INVALID},
        {"a smuggled header", "http://127.0.0.1:1/",                  smuggled, NULL, ST_INVALID},
        {"no header",         "http://127.0.0.1:1/",                  nameless, NULL, ST_INVALID},
        {"nobody listens",    "http://127.0.0.1:1/?sig=SECRET",       NULL,     NULL, ST_IO     },
        {"no such host",      "http://user:SECRET@nowhere.invalid/x", NULL,     NULL, ST_IO     },
    };
    enum { TIMES = 3 }; /* a failure must leave nothing behind that makes the next one another */

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_client_options o = usual;
        struct http_client *client;
        struct http_exchange x = {
            .method = "GET", .url = cases[i].url, .headers = cases[i].headers};
        struct err err = {""};
        enum status st;

        o.ca_file = cases[i].ca_file;
        CHECK(http_client_open(&o, &client, &err) == ST_OK, "%s", err.text);
        for (int turn = 0; turn < TIMES; turn++) {
            err.text[0] = '\0';
            st = http_client_send(client, &x, &err);
            CHECK(st == cases[i].st && err.text[0] != '\0' && strstr(err.text, "SECRET") == NULL,
                  "%s, turn %d: %d %s", cases[i].name, turn, st, err.text);
        }
        http_client_close(client);
    }
}

static void
test_stop(void)
{
    atomic_bool stop = true;
    struct peer peer = {.answer = "", .hangs = true};
    struct http_client_options o = usual;
    struct http_client *client;
    struct http_exchange x = {.method = "GET"};
    struct err err = {""};
    char url[64];

    o.stop = &stop;
    peer_start(&peer);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", peer.port);
    x.url = url;
    CHECK(http_client_open(&o, &client, &err) == ST_OK, "%s", err.text);
    CHECK(http_client_send(client, &x, &err) == ST_IO && strstr(err.text, "stopped") != NULL,
          "stop: %s", err.text);
    http_client_close(client);
    peer_stop(&peer);
}

/* Pieces of every awkward size, there and back. */
static void
test_bodies(struct http_client *client, const char *base, const char *big)
{
    const struct span whole[] = {
        {big, BIG}
    };
    const struct span pieces[] = {
        {big,                     1                      },
        {NULL,                    0                      },
        {big + 1,                 65535                  },
        {big + 65536,             0                      },
        {big + 65536,             1 << 20                },
        {big + 65536 + (1 << 20), BIG - 65536 - (1 << 20)}
    };
    const struct {
        const char *name, *method, *path;
        const struct span *body;
        size_t count, size;
    } cases[] = {
        {"one piece",          "POST",   "/exact", whole,      1,                BIG},
        {"many pieces",        "PUT",    "/exact", pieces,     COUNT_OF(pieces), BIG},
        {"no body",            "POST",   "/",      NULL,       0,                0  },
        {"an empty piece",     "PUT",    "/",      pieces + 1, 1,                0  },
        {"a body with DELETE", "DELETE", "/",      pieces,     1,                1  },
    };
    struct err err = {""};
    char url[200];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_exchange x = {.method = cases[i].method,
                                  .url = url,
                                  .body = cases[i].body,
                                  .body_count = cases[i].count};

        snprintf(url, sizeof url, "%s%s", base, cases[i].path);
        CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 200, "%s: %u %s %.*s",
              cases[i].name, x.status, err.text, (int)x.response.n, x.response.p);
        CHECK(x.response.n == cases[i].size && memcmp(x.response.p, big, x.response.n) == 0,
              "%s: %zu bytes came back", cases[i].name, x.response.n);
    }
}

static void
test_details(struct http_client *client, const char *base)
{
    static const char *const headers[] = {"X-One: 1 2", "X-Empty:", NULL};
    struct http_exchange x = {.method = "GET"};
    struct err err = {""};
    char url[200];

    x.url = url;
    x.headers = headers;
    snprintf(url, sizeof url, "%s/headers", base);
    CHECK(http_client_send(client, &x, &err) == ST_OK &&
              span_is(x.response, "1 2||penstock/" PENSTOCK_VERSION),
          "headers: %s %.*s", err.text, (int)x.response.n, x.response.p);
    CHECK(span_is(http_client_header(&x, "sERVER"), "penstock") &&
              http_client_header(&x, "Serve").p == NULL,
          "response header");
    snprintf(url, sizeof url, "%s/redirect", base);
    CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 307, "redirect: %u %s",
          x.status, err.text);
    snprintf(url, sizeof url, "%s/method?a=%%20b", base);
    x.method = "MERGE";
    CHECK(http_client_send(client, &x, &err) == ST_OK && span_is(x.response, "MERGE?a=%20b"),
          "method: %.*s", (int)x.response.n, x.response.p);
    x.method = "HEAD";
    CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 200 && x.response.n == 0,
          "HEAD: %u %s", x.status, err.text);
    snprintf(url, sizeof url, "%s/../a/./b", base);
    x.method = "GET";
    CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 200, "dots: %s", err.text);
}

/* Of a body larger than what is kept, the first bytes are kept. */
static void
test_response_limit(const char *base, const char *big)
{
    struct http_client_options o = usual;
    struct span body = {big, BIG};
    struct http_exchange x = {.method = "POST", .body = &body, .body_count = 1, .url = base};
    struct http_client *client;
    struct err err = {""};

    o.response_size_max = 1000;
    CHECK(http_client_open(&o, &client, &err) == ST_OK, "%s", err.text);
    CHECK(http_client_send(client, &x, &err) == ST_OK && x.response.n == 1000 &&
              memcmp(x.response.p, big, 1000) == 0 && x.response.p[1000] == '\0',
          "kept %zu: %s", x.response.n, err.text);
    http_client_close(client);
}

static void
test_server(bool is_tls, const char *big, const char *ca_file)
{
    struct http_server_options o = {.address = is_tls ? "::1" : "127.0.0.1"};
    struct http_client_options co = usual;
    struct http_server *server;
    struct http_client *client;
    char *certificate = NULL, *key = NULL, base[64];
    struct err err = {""};

    if (is_tls) {
        CHECK(http_make_certificate("box.example", &certificate, &key, &err) == ST_OK, "%s",
              err.text);
        CHECK(file_replace(ca_file, span_of(certificate), 0600, &err) == ST_OK, "%s", err.text);
        o.certificate_pem = certificate;
        o.key_pem = key;
        co.ca_file = ca_file;
    }
    if (http_server_start(&o, route, NULL, &server, &err) != ST_OK) {
        CHECK(is_tls, "%s", err.text); /* a machine without IPv6 */
        o.address = "127.0.0.1";
        CHECK(http_server_start(&o, route, NULL, &server, &err) == ST_OK, "%s", err.text);
    }
    free(certificate);
    free(key);
    snprintf(base, sizeof base,
             strchr(o.address, ':') == NULL ? "http%s://%s:%u" : "http%s://[%s]:%u",
             is_tls ? "s" : "", o.address, http_server_port(server));
    CHECK(http_client_open(&co, &client, &err) == ST_OK, "%s", err.text);
    test_bodies(client, base, big);
    test_details(client, base);
    http_client_close(client);
    if (!is_tls)
        test_response_limit(base, big);
    if (is_tls) { /* without the authority: no; insecure: yes; the wrong file: no */
        struct http_exchange x = {.method = "GET", .url = base};

        co.ca_file = NULL;
        CHECK(http_client_open(&co, &client, &err) == ST_OK, "%s", err.text);
        CHECK(http_client_send(client, &x, &err) == ST_IO &&
                  strstr(err.text, "not trusted") != NULL,
              "an unknown authority: %s", err.text);
        http_client_close(client);
        co.insecure = true;
        CHECK(http_client_open(&co, &client, &err) == ST_OK, "%s", err.text);
        CHECK(http_client_send(client, &x, &err) == ST_OK && x.status == 200, "insecure: %s",
              err.text);
        http_client_close(client);
        co.insecure = false;
        co.ca_file = "/no/such/file";
        CHECK(http_client_open(&co, &client, &err) == ST_OK, "%s", err.text);
        CHECK(http_client_send(client, &x, &err) == ST_INVALID &&
                  strstr(err.text, "/no/such/file") != NULL,
              "no authorities' file: %s", err.text);
        http_client_close(client);
    }
    http_server_stop(server, 1000);
}

int
main(void)
{
    char ca_file[] = "/tmp/http_client_test.XXXXXX", *big = malloc(BIG);
    uint32_t random = 1;
    int fd = mkstemp(ca_file);

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
    test_answers();
    test_dead_connection();
    test_dropped_body(big);
    test_faults();
    test_stop();
    test_server(false, big, ca_file);
    test_server(true, big, ca_file);
    close(fd);
    unlink(ca_file);
    free(big);
    return test_end();
}
