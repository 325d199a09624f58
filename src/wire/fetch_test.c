/* fetch_test.c - which URLs may be read, judged by tables; and reading from our own server, over redirects that stay below the
 * prefixes and such that leave them. */
#include "base/clock.h"
#include "base/test.h"
#include "wire/fetch.h"
#include "wire/http_server.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- prefixes ---- */

static const struct {
    const char *text, *written, *fault; /* 'fault': part of why it is none */
} prefixes[] = {
    {"https://raw.example/org/",        "https://raw.example/org/",        NULL        },
    {"https://raw.example/org",         "https://raw.example/org",         NULL        },
    {"https://raw.example",             "https://raw.example/",            NULL        },
    {"HTTPS://Raw.Example:443/Org/",    "https://raw.example/Org/",        NULL        },
    {"http://intranet.example:80/",     "http://intranet.example/",        NULL        },
    {"http://intranet.example:8080/l/", "http://intranet.example:8080/l/", NULL        },
    {"https://raw.example./org/",       NULL,                              "host"      },
    {"https://[::1]:8443/x/",           "https://[::1]:8443/x/",           NULL        },
    {"https://xn--bcher-kva.example/",  "https://xn--bcher-kva.example/",  NULL        },
    {"",                                NULL,                              "empty"     },
    {"raw.example/org/",                NULL,                              "no URL"    },
    {"ftp://raw.example/org/",          NULL,                              "only https"},
    {"file:///etc/",                    NULL,                              "host"      },
    {"https://*.example/",              NULL,                              ""          },
    {"https://raw.example../",          NULL,                              "host"      },
    {"https://user@raw.example/",       NULL,                              "user"      },
    {"https://:word@raw.example/",      NULL,                              "user"      },
    {"https://raw.example/?x=1",        NULL,                              "query"     },
    {"https://raw.example/#x",          NULL,                              "fragment"  },
    {"https://raw.example/a b/",        NULL,                              "blank"     },
    {"https://b\xc3\xbc"
     "cher.example/",              NULL,                              "letter"    },
    {"https://raw.example/a/../b/",     NULL,                              "segment"   },
    {"https:/raw.example/",             NULL,                              "https://"  },
    {"http:/%30/://[:/%25x",            NULL,                              "https://"  },
    {"https:raw.example/",              NULL,                              "https://"  },
};

static void
test_prefixes(void)
{
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        char out[FETCH_PREFIX_SIZE] = "", again[FETCH_PREFIX_SIZE] = "";
        struct err err = {""};
        enum status st = fetch_prefix_write(span_of(prefixes[i].text), out, &err);

        if (prefixes[i].written == NULL) {
            CHECK(st == ST_INVALID && strstr(err.text, prefixes[i].fault) != NULL, "'%s': %d '%s'",
                  prefixes[i].text, st, err.text);
            continue;
        }
        CHECK(st == ST_OK && strcmp(out, prefixes[i].written) == 0, "'%s': '%s' %s",
              prefixes[i].text, out, err.text);
        CHECK(fetch_prefix_write(span_of(out), again, &err) == ST_OK && strcmp(out, again) == 0,
              "'%s': written again '%s'", prefixes[i].text, again);
    }
}

/* ---- what may be read ---- */

static const char *const allowed[] = {
    "https://raw.example/org/",
    "https://lists.example/all.txt",
    "https://raw.example:8443/p",
    "http://intranet.example/lists/",
};
static const struct {
    const char *name, *url;
    bool may;
    const char *origin;
} urls[] = {
    {"a file below",                    "https://raw.example/org/a.csv",                    true,  "https://raw.example"     },
    {"the folder itself",               "https://raw.example/org/",                         true,  "https://raw.example"     },
    {"with a signature",                "https://raw.example/org/a.csv?sig=S/../x",         true,  "https://raw.example"     },
    {"with a fragment",                 "https://raw.example/org/a.csv#x",                  true,  "https://raw.example"     },
    {"host in other case",              "https://RAW.Example/org/a.csv",                    true,  "https://raw.example"     },
    {"scheme in other case",            "HTTPS://raw.example/org/a.csv",                    true,  "https://raw.example"     },
    {"the scheme's own port",           "https://raw.example:443/org/a.csv",                true,  "https://raw.example"     },
    {"a dot behind the host",           "https://raw.example./org/a.csv",                   false, ""                        },
    {"an exact file",                   "https://lists.example/all.txt",                    true,  "https://lists.example"   },
    {"an exact file with a query",      "https://lists.example/all.txt?v=2",                true,
     "https://lists.example"                                                                                                 },
    {"http where it is allowed",        "http://intranet.example/lists/a",                  true,
     "http://intranet.example"                                                                                               },
    {"a letter as %XX, as allowed",     "https://raw.example/org/a%20b.csv",                true,
     "https://raw.example"                                                                                                   },
    {"a segment behind the prefix",     "https://raw.example:8443/p/x",                     true,
     "https://raw.example:8443"                                                                                              },
    {"dots in a name",                  "https://raw.example/org/..a/...",                  true,  "https://raw.example"     },
    {"an encoded percent sign",         "https://raw.example/org/100%25.csv",               true,  "https://raw.example"     },
    {"http where https is allowed",     "http://raw.example/org/a.csv",                     false, "http://raw.example"      },
    {"https where http is allowed",     "https://intranet.example/lists/a",                 false,
     "https://intranet.example"                                                                                              },
    {"another folder",                  "https://raw.example/other/a.csv",                  false, "https://raw.example"     },
    {"a folder that begins so",         "https://raw.example/organisation/a.csv",           false,
     "https://raw.example"                                                                                                   },
    {"the folder without its slash",    "https://raw.example/org",                          false, "https://raw.example"     },
    {"the folder in other case",        "https://raw.example/Org/a.csv",                    false, "https://raw.example"     },
    {"the root",                        "https://raw.example/",                             false, "https://raw.example"     },
    {"another port",                    "https://raw.example:444/org/a.csv",                false, "https://raw.example:444" },
    {"a name that goes on",             "https://raw.example:8443/private",                 false, "https://raw.example:8443"},
    {"an exact file, below",            "https://lists.example/all.txt.bak",                false, "https://lists.example"   },
    {"a host that ends so",             "https://evilraw.example/org/a.csv",                false, "https://evilraw.example" },
    {"a host that begins so",           "https://raw.example.evil.example/org/a",           false,
     "https://raw.example.evil.example"                                                                                      },
    {"a host below",                    "https://x.raw.example/org/a.csv",                  false, "https://x.raw.example"   },
    {"the host as a user",              "https://raw.example@evil.example/org/a.csv",       false, ""                        },
    {"the host as a user with a slash", "https://raw.example%2forg@evil.example/org/a.csv", false,
     ""                                                                                                                      },
    {"a user",                          "https://me:word@raw.example/org/a.csv",            false, ""                        },
    {"an empty user",                   "https://@raw.example/org/a.csv",                   false, ""                        },
    {"a backslash",                     "https://raw.example\\@evil.example/org/a",         false, ""                        },
    {"a backslash in the path",         "https://raw.example/org/..\\other",                false, ""                        },
    {"two dots",                        "https://raw.example/org/../other/a",               false, ""                        },
    {"two dots at the end",             "https://raw.example/org/..",                       false, ""                        },
    {"one dot",                         "https://raw.example/org/./a",                      false, ""                        },
    {"encoded dots",                    "https://raw.example/org/%2e%2E/other/a",           false, ""                        },
    {"half encoded dots",               "https://raw.example/org/.%2e/other/a",             false, ""                        },
    {"an encoded slash",                "https://raw.example/org/..%2fother",               false, ""                        },
    {"an encoded backslash",            "https://raw.example/org/..%5Cother",               false, ""                        },
    {"an encoded zero",                 "https://raw.example/org/a%00b",                    false, ""                        },
    {"encoded twice",                   "https://raw.example/org/%252e%252e/other",         false, ""                        },
    {"a broken encoding",               "https://raw.example/org/%zz",                      false, ""                        },
    {"a cut encoding",                  "https://raw.example/org/%2",                       false, ""                        },
    {"dots with a parameter",           "https://raw.example/org/..;/other",                false, ""                        },
    {"a way to sign in",                "https://raw.example/org/a.csv;impersonate",        false, ""                        },
    {"a blank before",                  " https://raw.example/org/a.csv",                   false, ""                        },
    {"a line break",                    "https://raw.example/org/a\r\nHost: x",             false, ""                        },
    {"a letter beyond ASCII",           "https://raw.ex\xc3\xa4mple/org/a.csv",             false, ""                        },
    {"a full-width dot",
     "https://raw\xe3\x80\x82"
     "example/org/a.csv",                                                                   false, ""                        },
    {"an encoded host",                 "https://raw%2eexample/org/a.csv",                  false, ""                        },
    {"an encoded slash in the host",    "https://raw.example%2f.evil.example/org/a.csv",    false, ""                        },
    {"one slash",                       "https:/raw.example/org/a.csv",                     false, ""                        },
    {"three slashes",                   "https:///raw.example/org/a.csv",                   false, ""                        },
    {"a user without a scheme",         "//me@raw.example/org/",                            false, ""                        },
    {"no scheme",                       "//raw.example/org/a.csv",                          false, ""                        },
    {"only a path",                     "/etc/passwd",                                      false, ""                        },
    {"a file",                          "file:///etc/passwd",                               false, ""                        },
    {"a file of the host",              "file://raw.example/org/a.csv",                     false, ""                        },
    {"gopher",                          "gopher://raw.example/org/",                        false, ""                        },
    {"nothing",                         "",                                                 false, ""                        },
};

static void
test_urls(void)
{
    const struct fetch_policy p = {.prefixes = allowed, .prefix_count = COUNT_OF(allowed)};
    const struct fetch_policy nothing = {.prefixes = NULL};
    static char zero[] = "https://raw.example/org/a\0b", longest[FETCH_URL_SIZE_MAX + 2];

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        char origin[FETCH_ORIGIN_SIZE] = "?";
        struct err err = {""};
        bool may = fetch_check(&p, span_of(urls[i].url), origin, &err) == ST_OK;

        CHECK(may == urls[i].may && strcmp(origin, urls[i].origin) == 0 &&
                  may == (err.text[0] == '\0'),
              "%s: %d '%s' '%s'", urls[i].name, may, origin, err.text);
        CHECK(strstr(err.text, "sig=") == NULL, "%s: '%s'", urls[i].name, err.text);
        CHECK(fetch_check(&nothing, span_of(urls[i].url), origin, &err) == ST_INVALID,
              "%s: allowed where nothing is", urls[i].name);
    }
    memset(longest, 'a', sizeof longest - 1);
    memcpy(longest, "https://raw.example/org/", 24);
    for (int i = 0; i < 2; i++) {
        char origin[FETCH_ORIGIN_SIZE];
        struct span url = i == 0 ? (struct span){zero, sizeof zero - 1}
                                 : (struct span){longest, sizeof longest - 1};

        CHECK(fetch_check(&p, url, origin, NULL) == ST_INVALID, "%s",
              i == 0 ? "a zero byte" : "too long");
    }
}

/* ---- reading ---- */

enum { BIG = 100000 };
static uint16_t port, other_port;

static void
answer(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    static const struct {
        const char *path, *to; /* %u: a port */
    } moves[] = {
        {"/lists/near",  "a.txt"                             },
        {"/lists/self",  "/lists/near"                       },
        {"/lists/out",   "/private/a.txt"                    },
        {"/lists/dots",  "/lists/../private/a.txt"           },
        {"/lists/loop",  "/lists/loop"                       },
        {"/lists/far",   "http://localhost:%u/lists/a.txt"   },
        {"/lists/other", "http://127.0.0.1:%u/lists/a.txt"   },
        {"/lists/file",  "file:///etc/passwd"                },
        {"/lists/user",  "http://me@127.0.0.1:%u/lists/a.txt"},
        {"/lists/empty", ""                                  },
    };

    (void)app;
    *state = NULL;
    for (size_t i = 0; i < COUNT_OF(moves); i++)
        if (strcmp(r->path, moves[i].path) == 0) {
            unsigned to = strcmp(r->path, "/lists/other") == 0 ? other_port : port;

            http_reply_text(reply, 302, "moved");
            snprintf(reply->headers[0].name, sizeof reply->headers[0].name, "Location");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(reply->headers[0].value, sizeof reply->headers[0].value, moves[i].to, to);
#pragma GCC diagnostic pop
            return;
        }
    if (strcmp(r->path, "/lists/big") == 0) {
        reply->status = 200;
        reply->body = calloc(1, BIG);
        reply->body_size = BIG;
    } else if (strcmp(r->path, "/lists/seen") == 0) {
        http_reply_text(reply, 200, "%s|%s|%s", r->query, http_header(r, "Authorization"),
                        http_header(r, "Accept-Encoding"));
    } else if (strcmp(r->path, "/lists/a.txt") == 0 || strcmp(r->path, "/private/a.txt") == 0) {
        http_reply_text(reply, 200, "text of %s", r->path);
    } else {
        http_reply_error(reply, 404, "None", "none");
    }
}

static void
gone(void *app, void *state)
{
    (void)app;
    (void)state;
}

static const struct http_handler handler = {NULL, answer, NULL, NULL, gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    (void)r;
    return &handler;
}

static const struct {
    const char *name, *path;
    size_t size_max;
    enum status st;
    const char *text; /* what comes, or a part of the error */
} reads[] = {
    {"a file",                     "/lists/a.txt",              100,  ST_OK,      "text of /lists/a.txt"    },
    {"nothing of ours is sent",    "/lists/seen?sig=SECRET",    100,  ST_OK,      "sig=SECRET|(null)|(null)"},
    {"a redirect below",           "/lists/near",               100,  ST_OK,      "text of /lists/a.txt"    },
    {"two redirects",              "/lists/self",               100,  ST_OK,      "text of /lists/a.txt"    },
    {"exactly as much as may be",  "/lists/a.txt",              20,   ST_OK,      "text of /lists/a.txt"    },
    {"one byte more",              "/lists/a.txt",              19,   ST_FULL,    "more than the 19 bytes"  },
    {"much more",                  "/lists/big",                1000, ST_FULL,    "more than the 1000 bytes"},
    {"nothing there",              "/lists/none?sig=SECRET",    100,  ST_IO,      "answers 404"             },
    {"not allowed",                "/private/a.txt?sig=SECRET", 100,  ST_INVALID, "not allowed. Ask Bob"    },
    {"a redirect that leaves",     "/lists/out?sig=SECRET",     100,  ST_INVALID, "leads on"                },
    {"a redirect with dots",       "/lists/dots",               100,  ST_INVALID, "segment"                 },
    {"a redirect to another host", "/lists/far",                100,  ST_INVALID, "http://localhost:"       },
    {"a redirect to another port", "/lists/other",              100,  ST_INVALID, "leads on"                },
    {"a redirect to a file",       "/lists/file",               100,  ST_INVALID, "host is none"            },
    {"a redirect with a user",     "/lists/user",               100,  ST_INVALID, "a user"                  },
    {"a redirect to nowhere",      "/lists/empty",              100,  ST_INVALID, "empty"                   },
    {"redirects without end",      "/lists/loop",               100,  ST_IO,      "more than 5 times"       },
};

static void
test_reads(void)
{
    char prefix[60];
    const char *const list[] = {prefix};
    const struct fetch_policy p = {
        .prefixes = list, .prefix_count = 1, .time_ms_max = 20000, .size_max = 1 << 20};

    snprintf(prefix, sizeof prefix, "http://127.0.0.1:%u/lists/", port);
    for (size_t i = 0; i < 2 * COUNT_OF(reads); i++) {
        bool is_concealed = i >= COUNT_OF(reads);
        size_t k = i % COUNT_OF(reads);
        char url[200];
        struct fetch_ask ask = {
            .is_concealed = is_concealed, .remedy = "Ask Bob", .size_max = reads[k].size_max};
        struct fetched *file = NULL;
        struct err err = {""};
        enum status st;

        snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, reads[k].path);
        ask.url = span_of(url);
        st = fetch_read(&p, &ask, &file, &err);
        CHECK(st == reads[k].st, "%s: %d '%s'", reads[k].name, st, err.text);
        if (st == ST_OK)
            CHECK(span_is(file->bytes, reads[k].text), "%s: '%.*s'", reads[k].name,
                  (int)file->bytes.n, file->bytes.p);
        else if (!is_concealed)
            CHECK(strstr(err.text, reads[k].text) != NULL && strstr(err.text, "SECRET") == NULL &&
                      strstr(err.text, "/lists") == NULL,
                  "%s: '%s'", reads[k].name, err.text);
        else
            CHECK(strstr(err.text, "127.0.0.1") == NULL && strstr(err.text, "localhost") == NULL &&
                      strstr(err.text, "obfuscated") != NULL,
                  "%s, concealed: '%s'", reads[k].name, err.text);
        fetch_end(file);
    }
}

/* A peer that takes connections and says nothing. */
static void
test_ends(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char prefix[60];
    const char *const list[] = {prefix};
    _Atomic bool cancelled = true;
    static const struct {
        const char *name;
        uint64_t time_ms_max;
        int64_t deadline_in_ms; /* 0: none */
        bool is_cancelled;
    } cases[] = {
        {"its own time",        100,   0,   false},
        {"the query's time",    60000, 100, false},
        {"over already",        60000, -1,  false},
        {"somebody cancels it", 60000, 0,   true },
    };

    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &size) != 0)
        abort();
    snprintf(prefix, sizeof prefix, "http://127.0.0.1:%u/", ntohs(a.sin_port));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fetch_policy p = {
            .prefixes = list, .prefix_count = 1, .time_ms_max = cases[i].time_ms_max};
        int64_t begun = clock_monotonic_ms(), in = cases[i].deadline_in_ms;
        struct fetch_ask ask = {.url = span_of(prefix),
                                .size_max = 100,
                                .deadline_ms = in != 0 ? begun + in : 0,
                                .cancelled = cases[i].is_cancelled ? &cancelled : NULL};
        struct fetched *file = NULL;
        struct err err = {""};
        enum status st = fetch_read(&p, &ask, &file, &err);

        CHECK(st == ST_IO && clock_monotonic_ms() - begun < 10000, "%s: %d after %lld ms: %s",
              cases[i].name, st, (long long)(clock_monotonic_ms() - begun), err.text);
    }
    close(listener);
}

int
main(void)
{
    struct http_server_options o = {.address = "127.0.0.1"};
    struct http_server *server, *other;
    struct err err = {""};

    test_prefixes();
    test_urls();
    CHECK(http_server_start(&o, route, NULL, &server, &err) == ST_OK, "%s", err.text);
    CHECK(http_server_start(&o, route, NULL, &other, &err) == ST_OK, "%s", err.text);
    port = http_server_port(server);
    other_port = http_server_port(other);
    test_reads();
    http_server_stop(server, 1000);
    http_server_stop(other, 1000);
    test_ends();
    return test_end();
}
