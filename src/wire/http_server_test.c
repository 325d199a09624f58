/* http_server_test.c - what the server makes of requests as bytes, good ones and bad ones: written
 * to a plain socket, so that nothing mends them on the way. */
#include "base/clock.h"
#include "base/test.h"
#include "wire/http_server.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 256 << 10, HEAD_MAX = 8 << 10 };

/* What libmicrohttpd itself answers: from 1.0 on it takes no chunk with an extension (no client of
 * note sends one), and refuses unknown encodings before we see them. */
#if MHD_VERSION >= 0x01000000
enum { CHUNK_EXTENSION = 400, OTHER_ENCODING = 400 };
#else
enum { CHUNK_EXTENSION = 200, OTHER_ENCODING = 501 };
#endif

static atomic_int begun, gone, held;
static atomic_bool is_released;
static atomic_int
    waited; /* of a handler whose client leaves: 1 it waits, 2 it saw that, 3 it did not */

/* ---- a handler that says what it saw ---- */

struct seen {
    size_t bytes;
    uint32_t sum;
};

static void
echo_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app;
    atomic_fetch_add(&begun, 1);
    *state = calloc(1, sizeof(struct seen));
    if (strncmp(r->path, "/deny", 5) == 0)
        http_reply_error(reply, 401, "Unauthorized", "not \"you\"\n%s", "\x01");
}

static void
echo_data(void *app, const struct http_request *r, void *state, struct span bytes,
          struct http_reply *reply)
{
    struct seen *seen = state;

    (void)app;
    for (size_t i = 0; i < bytes.n; i++)
        seen->sum = seen->sum * 31 + (unsigned char)bytes.p[i];
    seen->bytes += bytes.n;
    if (strcmp(r->path, "/middle") == 0 && seen->bytes > 10)
        http_reply_error(reply, 400, "Middle", "wrong");
    if (strcmp(r->path, "/hold") == 0) {
        atomic_fetch_add(&held, 1);
        while (!atomic_load(&is_released))
            sched_yield();
    }
}

static void
echo_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct seen *seen = state;
    const char *value = http_query(r, "api-version"), *header = http_header(r, "x-ours");

    (void)app;
    if (strcmp(r->path, "/silent") == 0)
        return;
    if (strcmp(r->path, "/empty") == 0) {
        reply->status = 204;
        return;
    }
    if (strcmp(r->path, "/left") == 0) {
        int64_t until = clock_monotonic_ms() + 20000;

        atomic_store(&waited, http_peer_left(r) ? 3 : 1);
        while (!http_peer_left(r) && clock_monotonic_ms() < until)
            sched_yield();
        atomic_store(&waited, http_peer_left(r) ? 2 : 3);
    }
    if (strcmp(r->path, "/busy") == 0) {
        http_reply_error(reply, 429, "TooMany", "later");
        return;
    }
    http_reply_text(reply, 200, "%s|%s|%s|%s|%s|%zu|%u", r->method, r->path, r->query,
                    value == NULL ? "-" : value, header == NULL ? "-" : header, seen->bytes,
                    seen->sum);
    reply->content_type = "text/plain";
    snprintf(reply->headers[0].name, sizeof reply->headers[0].name, "x-echo");
    snprintf(reply->headers[0].value, sizeof reply->headers[0].value, "a%sb",
             strcmp(r->path, "/split") == 0 ? "\r\nevil: 1" : "");
}

static void
echo_gone(void *app, void *state)
{
    (void)app;
    atomic_fetch_add(&gone, 1);
    free(state);
}

static const struct http_handler handler_get = {NULL, echo_begin, NULL, echo_end, echo_gone};
static const struct http_handler handler_post = {NULL, echo_begin, echo_data, echo_end, echo_gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    if (strncmp(r->path, "/none", 5) == 0)
        return NULL;
    return strcmp(r->method, "GET") == 0 ? &handler_get : &handler_post;
}

/* ---- talking over a socket ---- */

static int
dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void
say(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

/* One answer, NUL-terminated, read to its end by Content-Length (or to the connection's end).
 * False: it broke off. */
static bool
hear(int fd, char *out, bool is_head)
{
    size_t size = 0;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char *end = NULL, *length;
        ssize_t n;

        out[size] = '\0';
        end = strstr(out, "\r\n\r\n");
        if (end != NULL && strncmp(out, "HTTP/1.1 100", 12) == 0) {
            size -= (size_t)(end + 4 - out);
            memmove(out, end + 4, size + 1);
            continue;
        }
        if (end != NULL) {
            length = strcasestr(out, "Content-Length:");
            if (is_head || length == NULL || length > end ||
                size >= (size_t)(end + 4 - out) + strtoul(length + 15, NULL, 10))
                return true;
        }
        if (size >= ANSWER_MAX - 1 || poll(&wait, 1, 10000) <= 0)
            return false;
        /* A byte at a time at first, so that a second answer is not read along. */
        n = recv(fd, out + size, end == NULL ? 1 : ANSWER_MAX - 1 - size, 0);
        if (n <= 0)
            return end != NULL && strcasestr(out, "Content-Length:") == NULL;
        size += (size_t)n;
    }
}

static bool
is_closed(int fd)
{
    char c;
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, 10000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

#define POST(path, headers, body) "POST " path " HTTP/1.1\r\nHost: x\r\n" headers "\r\n" body
#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct {
    const char *name, *request;
    int status; /* 0: no answer, the connection ends */
    const char *has;
    /* clang-format off */
} requests[] = {
    {"plain GET", GET("/a"), 200, "GET|/a||-|-|0|"},
    {"a raw path is left as sent", GET("/a%2Fb/../c//d%00"), 200, "GET|/a%2Fb/../c//d%00||"},
    {"bad escapes in a path are left to the route", GET("/%zz%"), 200, "GET|/%zz%||"},
    {"a query, its name escaped", GET("/q?api%2Dversion=2023-01-01"), 200,
     "|api%2Dversion=2023-01-01|2023-01-01|"},
    {"a plus in a query is a blank", GET("/q?api-version=a+b%2B"), 200, "|a b+|"},
    {"a parameter without a value", GET("/q?api-version"), 200, "|api-version||"},
    {"the first of two wins", GET("/q?api-version=1&api-version=2"), 200, "|1|"},
    {"empty parameters", GET("/q?&&api-version=1&&"), 200, "|1|"},
    {"a literal $ in a name", GET("/q?$skiptoken=2"), 200, "|$skiptoken=2|-|"},
    {"a query with a bad escape", GET("/q?a=%4"), 400, "bad percent escape"},
    {"a query with a NUL", GET("/q?a=%00"), 400, "bad percent escape"},
    {"33 parameters",
     GET("/q?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&28&29&"
         "30&31&32&33"),
     400, "too many query parameters"},
    {"32 parameters",
     GET("/q?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&28&29&"
         "30&31&32"),
     200, "|1&2&3"},
    {"an absolute target", GET("http://other:1/abs?x=1"), 200, "GET|/abs|x=1|"},
    {"an absolute target without a path", GET("https://other"), 200, "GET|/||"},
    {"a target that is no path", GET("abc"), 400, "not a path"},
    {"any origin-form star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200, "OPTIONS|*|"},
    {"a header of any case", "GET /h HTTP/1.1\r\nhost: x\r\nX-OURS: v w\r\n\r\n", 200, "|v w|"},
    {"no route", GET("/none"), 404, "\"code\":\"NotFound\""},
    {"refused by the head", GET("/deny"), 401, "not \\\"you\\\"\\u000a\\u0001"},
    {"a handler that says nothing", GET("/silent"), 500, "InternalError"},
    {"no content", GET("/empty"), 204, ""},
    {"429 always says when to come again", GET("/busy"), 429, "Retry-After: 1\r\n"},
    {"a reply's header", GET("/x"), 200, "x-echo: ab\r\n"},
    {"a reply's header with a line end is left out", GET("/split"), 200, "GET|/split|"},
    {"the server's name", GET("/x"), 200, "Server: penstock\r\n"},
    {"a body", POST("/b", "Content-Length: 3\r\n", "abc"), 200, "POST|/b||-|-|3|96354"},
    {"an empty body", POST("/b", "Content-Length: 0\r\n", ""), 200, "|0|0"},
    {"a POST without a length has no body", POST("/b", "", ""), 200, "|0|0"},
    {"chunks", POST("/b", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
     200, "|3|96354"},
    {"a chunk with an extension", POST("/b", "Transfer-Encoding: chunked\r\n", "3;x=y\r\nabc\r\n0\r\n\r\n"),
     CHUNK_EXTENSION, ""},
    {"chunks that are none", POST("/b", "Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n"), 400,
     ""},
    {"a blank before a colon", POST("/b", "Content-Length : 3\r\n", "abc"), 400, ""},
    {"a tab before a colon", POST("/b", "Content-Length\t: 3\r\n", "abc"), 400, ""},
    {"a blank before a header's name", "GET / HTTP/1.1\r\n X: 1\r\nHost: x\r\n\r\n", 400, ""},
    {"a blank within a header's name", POST("/b", "X y: 1\r\n", ""), 400, ""},
    {"a header's name of other bytes", POST("/b", "X\x01y: 1\r\n", ""), 400, ""},
    {"a header's name in parentheses", POST("/b", "X(y): 1\r\n", ""), 400, ""},
    {"all that a header's name may hold", POST("/b", "!#$%&'*+-.^_`|~09azAZ: 1\r\n", ""), 200, ""},
    {"two authorizations",
     POST("/b", "Authorization: Bearer a\r\nauthorization: Bearer b\r\n", ""), 400,
     "several different Authorization"},
    {"an authorization twice, the same",
     POST("/b", "Authorization: Bearer a\r\nauthorization: Bearer a\r\n", ""), 200, ""},
    {"two hosts", POST("/b", "Host: y\r\n", ""), 400, ""},
    {"a length twice, the same", POST("/b", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
     200, "|3|96354"},
    {"two lengths", POST("/b", "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400, ""},
    {"a length and chunks",
     POST("/b", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, ""},
    {"a length that is no number", POST("/b", "Content-Length: 3x\r\n", "abc"), 400, ""},
    {"a negative length", POST("/b", "Content-Length: -3\r\n", "abc"), 400, ""},
    {"a length beyond all numbers", POST("/b", "Content-Length: 99999999999999999999\r\n", "a"),
     413, ""},
    {"another transfer encoding", POST("/b", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
     OTHER_ENCODING, ""},
    {"expectation met, then the body",
     POST("/b", "Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"), 200, "|3|96354"},
    {"a body where none is taken", "GET /g HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
     400, "takes no body"},
    {"refused in the middle of the body",
     POST("/middle", "Content-Length: 20\r\n", "01234567890123456789"), 400, "\"Middle\""},
    {"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", 400, ""},
    {"HTTP/1.0", "GET /old HTTP/1.0\r\n\r\n", 200, "GET|/old|"},
    {"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0, ""},
    {"a method of its own", "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 200, "BREW|/pot|"},
};
/* clang-format on */

static void
test_requests(uint16_t port)
{
    char *answer = malloc(ANSWER_MAX);

    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        int fd = dial(port), status = 0;

        say(fd, requests[i].request, strlen(requests[i].request));
        if (requests[i].status == 0) {
            shutdown(fd, SHUT_WR);
            CHECK(!hear(fd, answer, false) || atoi(answer + 9) == 400, "%s: answered %.60s",
                  requests[i].name, answer);
        } else {
            bool is_whole = hear(fd, answer, false);

            status = is_whole ? atoi(answer + 9) : 0;
            CHECK(status == requests[i].status && strstr(answer, requests[i].has) != NULL,
                  "%s: %d, wanted %d with '%s' in\n%s", requests[i].name, status,
                  requests[i].status, requests[i].has, answer);
            CHECK(strstr(answer, "evil") == NULL, "%s: a header was smuggled", requests[i].name);
        }
        close(fd);
    }
    free(answer);
}

/* Several requests over one connection, each a byte at a time; a refusal without a body keeps
 * it. */
static void
test_keep_alive(uint16_t port)
{
    static const char *const each[] = {GET("/one"),
                                       GET("/deny"),
                                       GET("/none"),
                                       GET("/empty"),
                                       POST("/b", "Content-Length: 3\r\n", "abc"),
                                       GET("/last")};
    static const char head[] = "HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n";
    char *answer = malloc(ANSWER_MAX);
    int fd = dial(port);

    for (size_t i = 0; i < COUNT_OF(each); i++) {
        for (size_t k = 0; k < strlen(each[i]); k++)
            say(fd, each[i] + k, 1);
        CHECK(hear(fd, answer, false), "request %zu over one connection: %s", i, answer);
    }
    CHECK(strstr(answer, "GET|/last|") != NULL, "last answer %s", answer);
    say(fd, head, strlen(head));
    CHECK(hear(fd, answer, true) && strstr(answer, "Content-Length: 18\r\n") != NULL &&
              strstr(answer, "|/head|") == NULL,
          "HEAD: %s", answer);
    say(fd, GET("/after"), strlen(GET("/after")));
    CHECK(hear(fd, answer, false) && strstr(answer, "GET|/after|") != NULL, "after HEAD: %s",
          answer);
    close(fd);
    free(answer);
}

/* A refusal from the head with a large body on its way arrives whole, then the connection ends. */
static void
test_refused_body(uint16_t port)
{
    enum { SIZE = 5 << 20 };
    char *body = calloc(1, SIZE), *answer = malloc(ANSWER_MAX), head[200];

    for (int i = 0; i < 5; i++) {
        int fd = dial(port), size;

        size = snprintf(head, sizeof head,
                        "POST /deny HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", SIZE);
        say(fd, head, (size_t)size);
        say(fd, body, SIZE);
        CHECK(hear(fd, answer, false) && atoi(answer + 9) == 401, "refused: %.200s", answer);
        CHECK(strcasestr(answer, "Connection: close") != NULL, "not told of the end: %s", answer);
        CHECK(is_closed(fd), "still open");
        close(fd);
    }
    /* And with an expectation no body byte is asked for. */
    int fd = dial(port);
    say(fd, POST("/deny", "Content-Length: 9\r\nExpect: 100-continue\r\n", ""),
        strlen(POST("/deny", "Content-Length: 9\r\nExpect: 100-continue\r\n", "")));
    memset(answer, 0, 16);
    CHECK(recv(fd, answer, 12, MSG_WAITALL) == 12 && memcmp(answer, "HTTP/1.1 401", 12) == 0,
          "expectation: %.12s", answer);
    close(fd);
    /* In the middle of it: the rest is dropped and the connection goes on. */
    fd = dial(port);
    say(fd, head,
        (size_t)snprintf(head, sizeof head,
                         "POST /middle HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", SIZE));
    say(fd, body, SIZE);
    CHECK(hear(fd, answer, false) && atoi(answer + 9) == 400, "middle: %.200s", answer);
    say(fd, GET("/after"), strlen(GET("/after")));
    CHECK(hear(fd, answer, false) && strstr(answer, "GET|/after|") != NULL, "after: %.200s",
          answer);
    close(fd);
    free(body);
    free(answer);
}

/* Heads up to the limit pass, longer ones are 431 by our own word, much longer ones by
 * libmicrohttpd's. */
static void
test_head_limit(uint16_t port)
{
    static const struct {
        size_t size;
        int status;
    } cases[] = {
        {HEAD_MAX - 1000, 200},
        {HEAD_MAX + 1000, 431},
        {1 << 20,         431}
    };
    char *request = malloc(2 << 20), *answer = malloc(ANSWER_MAX);

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int in_target = 0; in_target < 2; in_target++) {
            int fd = dial(port), status;
            size_t size =
                (size_t)sprintf(request, in_target ? "GET /" : "GET / HTTP/1.1\r\nHost: x\r\nX: ");

            memset(request + size, 'a', cases[i].size);
            size += cases[i].size;
            size += (size_t)sprintf(request + size,
                                    in_target ? " HTTP/1.1\r\nHost: x\r\n\r\n" : "\r\n\r\n");
            say(fd, request, size);
            status = hear(fd, answer, false) ? atoi(answer + 9) : 0;
            /* A head beyond the connection's memory may end in a reset: also no. */
            CHECK(status == cases[i].status ||
                      (cases[i].size > 100000 && (status == 0 || status == 414 || status == 413)),
                  "head of %zu: %d", cases[i].size, status);
            close(fd);
        }
    free(request);
    free(answer);
}

/* A peer that vanishes in the middle of a body is noticed and its state released. */
static void
test_vanished(uint16_t port)
{
    int before = atomic_load(&begun);

    for (int i = 0; i < 20; i++) {
        int fd = dial(port);
        struct linger now = {.l_onoff = 1, .l_linger = 0};

        say(fd, POST("/b", "Content-Length: 1000\r\n", "abc"),
            strlen(POST("/b", "Content-Length: 1000\r\n", "abc")));
        if (i % 2 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* a reset */
        else
            while (atomic_load(&begun) <= before) /* or an orderly end, once it has begun */
                sched_yield();
        close(fd);
    }
}

/* A handler that takes long can see that nobody waits for it any more. */
static void
test_left(uint16_t port)
{
    for (int i = 0; i < 4; i++) {
        int fd = dial(port), seen;
        struct linger now = {.l_onoff = 1, .l_linger = 0};

        atomic_store(&waited, 0);
        say(fd, GET("/left"), strlen(GET("/left")));
        while (atomic_load(&waited) == 0)
            sched_yield();
        CHECK(atomic_load(&waited) == 1, "gone while it was there");
        if (i % 2 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* a reset */
        close(fd);
        while ((seen = atomic_load(&waited)) == 1)
            sched_yield();
        CHECK(seen == 2, "not seen to leave");
    }
}

/* What comes behind a head that two readers could read in two ways is never read as a request. */
static void
test_smuggling(uint16_t port)
{
    static const char *const heads[] = {"Content-Length : 100\r\n", "Content-Length\t: 100\r\n",
                                        "Transfer-Encoding : chunked\r\n", "X y: 1\r\n"};
    char *answer = malloc(ANSWER_MAX), request[400];

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        int fd = dial(port);

        snprintf(request, sizeof request, "POST /b HTTP/1.1\r\nHost: x\r\n%s\r\n%s", heads[i],
                 GET("/smuggled"));
        say(fd, request, strlen(request));
        CHECK(hear(fd, answer, false) && atoi(answer + 9) == 400, "%s: %.200s", heads[i], answer);
        CHECK(is_closed(fd), "%s: went on", heads[i]); /* nothing more is answered */
        close(fd);
    }
    free(answer);
}

static struct http_server *
patience_start(const struct http_server_options *o)
{
    struct http_server *server;
    struct err err;

    if (http_server_start(o, route, NULL, &server, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    return server;
}

static const struct {
    const char *name, *start;
    bool drips, is_tls;
    /* clang-format off */
} slow_peers[] = {
    {"nothing at all",             "",                                                  false, false},
    {"nothing of a TLS handshake", "",                                                  false, true },
    {"a dripping request line",    "GET /",                                             true,  false},
    {"a dripping header",          "GET / HTTP/1.1\r\nHost: x\r\nX: ",                  true,  false},
    {"half a body",                POST("/b", "Content-Length: 9999999\r\n", "abc"),    false, false},
    {"a dripping body",            POST("/b", "Content-Length: 9999999\r\n", "abc"),    true,  false},
    {"a dripping refused body",    POST("/middle", "Content-Length: 9999999\r\n", "abc"), true,  false},
};
/* clang-format on */

/* Drips until the connection ends; false: it never did. */
static bool
drip(int fd, bool drips)
{
    for (int i = 0; i < 200; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char c;

        if (poll(&wait, 1, 50) == 1 && recv(fd, &c, 1, 0) <= 0)
            return true;
        if (drips)
            say(fd, "a", 1);
    }
    return false;
}

/* Slow peers are parted with, though they drip; those whom a handler holds up are not slow. */
static void
test_slow_peers(void)
{
    struct http_server_options o = {.address = "127.0.0.1", .head_s_max = 1, .body_s_max = 1};
    struct http_server *plain = patience_start(&o), *tls;
    char *certificate, *key, *answer = malloc(ANSWER_MAX);
    struct err err;
    int fd = dial(http_server_port(plain)), fds[COUNT_OF(slow_peers)];
    int64_t start = clock_monotonic_ms();

    CHECK(http_make_certificate("", &certificate, &key, &err) == ST_OK, "%s", err.text);
    o.certificate_pem = certificate;
    o.key_pem = key;
    tls = patience_start(&o);
    say(fd, POST("/hold", "Content-Length: 6\r\n", "abc"),
        strlen(POST("/hold", "Content-Length: 6\r\n", "abc")));
    while (atomic_load(&held) == 0)
        sched_yield();
    for (size_t i = 0; i < COUNT_OF(slow_peers); i++) {
        fds[i] = dial(http_server_port(slow_peers[i].is_tls ? tls : plain));
        say(fds[i], slow_peers[i].start, strlen(slow_peers[i].start));
    }
    for (size_t i = 0; i < COUNT_OF(slow_peers); i++) {
        CHECK(drip(fds[i], slow_peers[i].drips), "%s: kept for ever", slow_peers[i].name);
        close(fds[i]);
    }
    CHECK(clock_monotonic_ms() - start >= 1000, "parted with too early");
    atomic_store(&is_released, true);
    say(fd, "def", 3);
    CHECK(hear(fd, answer, false) && atoi(answer + 9) == 200, "held by a handler: %.200s", answer);
    close(fd);
    http_server_stop(plain, 2000);
    http_server_stop(tls, 2000);
    free(certificate);
    free(key);
    free(answer);
}

/* A house full of peers that ask for nothing makes room; a request that is being handled stays. */
static void
test_full_house(void)
{
    enum { SEATS = 8, SILENT = 20 };
    struct http_server_options o = {.address = "127.0.0.1", .connections_max = SEATS};
    struct http_server *server = patience_start(&o);
    int fd = dial(http_server_port(server)), idle = dial(http_server_port(server)), guest,
        silent[SILENT], before = atomic_load(&held);
    char *answer = malloc(ANSWER_MAX);

    atomic_store(&is_released, false);
    say(fd, POST("/hold", "Content-Length: 3\r\n", "abc"),
        strlen(POST("/hold", "Content-Length: 3\r\n", "abc")));
    while (atomic_load(&held) == before)
        sched_yield();
    say(idle, GET("/first"), strlen(GET("/first")));
    CHECK(hear(idle, answer, false), "first: %.200s", answer);
    for (size_t i = 0; i < SILENT; i++) {
        silent[i] = dial(http_server_port(server));
        say(silent[i], "GET / HT", 8);
    }
    guest = dial(http_server_port(server));
    say(guest, GET("/guest"), strlen(GET("/guest")));
    CHECK(hear(guest, answer, false) && strstr(answer, "GET|/guest|") != NULL, "shut out: %.200s",
          answer);
    CHECK(is_closed(idle), "the one that was idle longest was kept");
    CHECK(is_closed(silent[0]), "the first silent one was kept");
    atomic_store(&is_released, true);
    CHECK(hear(fd, answer, false) && atoi(answer + 9) == 200, "was handled: %.200s", answer);
    for (size_t i = 0; i < SILENT; i++)
        close(silent[i]);
    close(idle);
    close(guest);
    close(fd);
    http_server_stop(server, 2000);
    free(answer);
}

static const struct {
    const char *segment, *decoded; /* NULL: refused */
} segments[] = {
    {"",                         ""             },
    {"a",                        "a"            },
    {"a%20b+c",                  "a b+c"        },
    {"%41%e2%82%AC",             "A\xe2\x82\xac"},
    {"..",                       ".."           },
    {"%2e%2E",                   ".."           },
    {"%2F",                      NULL           },
    {"a%2fb",                    NULL           },
    {"%00",                      NULL           },
    {"a%0",                      NULL           },
    {"%",                        NULL           },
    {"%g0",                      NULL           },
    {"%0g",                      NULL           },
    {"%-1",                      NULL           },
    {"%252F",                    "%2F"          },
    {"1234567",                  "1234567"      },
    {"12345678",                 NULL           },
    {"%31%32%33%34%35%36%37",    "1234567"      },
    {"%31%32%33%34%35%36%37%38", NULL           },
};

static void
test_segments(void)
{
    for (size_t i = 0; i < COUNT_OF(segments); i++) {
        char out[8] = "";
        struct err err = {""};
        enum status st = http_decode_segment(span_of(segments[i].segment), out, sizeof out, &err);
        bool is_fine = segments[i].decoded != NULL
                           ? st == ST_OK && strcmp(out, segments[i].decoded) == 0
                           : st == ST_INVALID && err.text[0] != '\0';

        CHECK(is_fine, "'%s': %d '%s' %s", segments[i].segment, st, out, err.text);
    }
}

static void
test_start_faults(void)
{
    char *pair[2][2], *none[2];
    struct http_server *server, *second;
    struct err err;

    CHECK(http_make_certificate("a.example", &pair[0][0], &pair[0][1], &err) == ST_OK, "%s",
          err.text);
    CHECK(http_make_certificate("fe80::1", &pair[1][0], &pair[1][1], &err) == ST_OK, "%s",
          err.text);
    CHECK(http_make_certificate("a,DNS:evil", &none[0], &none[1], &err) == ST_INVALID &&
              none[0] == NULL && none[1] == NULL,
          "a name brought another");
    const struct {
        const char *name;
        struct http_server_options options;
        enum status st;
        const char *has;
    } cases[] = {
        {"no address",          {.address = "localhost"},                                ST_INVALID, "'localhost'"       },
        {"not ours",            {.address = "203.0.113.1"},                              ST_IO,      "203.0.113.1"       },
        {"a certificate alone",
         {.address = "::1", .certificate_pem = pair[0][0]},
         ST_INVALID,                                                                                 "both"              },
        {"no certificate",
         {.address = "127.0.0.1", .certificate_pem = "x", .key_pem = pair[0][1]},
         ST_INVALID,                                                                                 "certificate is not"},
        {"no key",
         {.address = "127.0.0.1", .certificate_pem = pair[0][0], .key_pem = "x"},
         ST_INVALID,                                                                                 "key is not"        },
        {"another's key",
         {.address = "127.0.0.1", .certificate_pem = pair[0][0], .key_pem = pair[1][1]},
         ST_INVALID,                                                                                 "does not belong"   },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        err.text[0] = '\0';
        enum status st = http_server_start(&cases[i].options, route, NULL, &server, &err);

        CHECK(st == cases[i].st && strstr(err.text, cases[i].has) != NULL, "%s: %d %s",
              cases[i].name, st, err.text);
        if (st == ST_OK)
            http_server_stop(server, 0);
    }
    struct http_server_options o = {.address = "127.0.0.1"};
    CHECK(http_server_start(&o, route, NULL, &server, &err) == ST_OK, "%s", err.text);
    o.port = http_server_port(server);
    CHECK(http_server_start(&o, route, NULL, &second, &err) == ST_IO &&
              strstr(err.text, "in use") != NULL,
          "a taken port: %s", err.text);
    http_server_stop(server, 0);
    for (int i = 0; i < 4; i++)
        free(pair[i / 2][i % 2]);
}

int
main(void)
{
    struct http_server_options o = {.address = "127.0.0.1", .head_size_max = HEAD_MAX};
    struct http_server *server;
    struct err err;

    test_segments();
    test_start_faults();
    if (http_server_start(&o, route, NULL, &server, &err) != ST_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    test_requests(http_server_port(server));
    test_keep_alive(http_server_port(server));
    test_refused_body(http_server_port(server));
    test_head_limit(http_server_port(server));
    test_vanished(http_server_port(server));
    test_left(http_server_port(server));
    test_smuggling(http_server_port(server));
    http_server_stop(server, 2000);
    test_slow_peers();
    test_full_house();
    CHECK(atomic_load(&begun) == atomic_load(&gone), "begun %d, gone %d", atomic_load(&begun),
          atomic_load(&gone));
    return test_end();
}
