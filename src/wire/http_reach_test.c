/* http_reach_test.c - a client whose URLs come from strangers: where it goes, and where it does not.
 * The server is on loopback, so that whatever is refused would have been answered. */
#include "base/test.h"
#include "wire/http_client.h"
#include "wire/http_server.h"

static unsigned answered;

static void
yes_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app, (void)r, (void)state, (void)reply;
}

static void
yes_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    (void)app, (void)state;
    answered++;
    http_reply_text(reply, 200, "%s", r->path);
}

static const struct http_handler yes = {.begin = yes_begin, .end = yes_end};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app, (void)r;
    return &yes;
}

static const struct {
    const char *name, *url; /* %u: the server's port */
    bool is_public_only;
    const char *network, *host;
    enum status st;
    const char *says;
} cases[] = {
    {"anywhere by default",           "https://127.0.0.1:%u/a",            false, NULL,          NULL,        ST_OK,      ""                 },
    {"loopback",                      "https://127.0.0.1:%u/a",            true,  NULL,          NULL,        ST_IO,      "no public address"},
    {"a name that leads to loopback", "https://localhost:%u/a",            true,  NULL,          NULL,        ST_IO,
     "no public address"                                                                                                                     },
    {"the address as one number",     "https://2130706433:%u/a",           true,  NULL,          NULL,        ST_IO,
     "no public address"                                                                                                                     },
    {"in hexadecimal",                "https://0x7f.1:%u/a",               true,  NULL,          NULL,        ST_IO,      "no public address"},
    {"in octal",                      "https://0177.0.0.1:%u/a",           true,  NULL,          NULL,        ST_IO,      "no public address"},
    {"this host",                     "https://0.0.0.0:%u/a",              true,  NULL,          NULL,        ST_IO,      "no public address"},
    {"loopback within IPv6",          "https://[::ffff:127.0.0.1]:%u/a",   true,  NULL,          NULL,        ST_IO,
     "no public address"                                                                                                                     },
    {"IPv6's own",                    "https://[::1]:%u/a",                true,  NULL,          NULL,        ST_IO,      "no public address"},
    {"a metadata service",            "https://169.254.169.254:%u/latest", true,  NULL,          NULL,        ST_IO,
     "no public address"                                                                                                                     },
    {"a network that is allowed",     "https://127.0.0.1:%u/a",            true,  "127.0.0.0/8", NULL,        ST_OK,      ""                 },
    {"and mapped into IPv6",          "https://[::ffff:127.0.0.1]:%u/a",   true,  "127.0.0.0/8", NULL,        ST_OK,
     ""                                                                                                                                      },
    {"another network is allowed",    "https://127.0.0.1:%u/a",            true,  "10.0.0.0/8",  NULL,        ST_IO,
     "no public address"                                                                                                                     },
    {"in the clear",                  "http://127.0.0.1:%u/a",             true,  "127.0.0.0/8", NULL,        ST_INVALID, "only https"       },
    {"a user in the URL",             "https://me:SECRET@127.0.0.1:%u/a",  true,  "127.0.0.0/8", NULL,        ST_INVALID,
     "a user"                                                                                                                                },
    {"another scheme",                "gopher://127.0.0.1:%u/a",           true,  "127.0.0.0/8", NULL,        ST_INVALID,
     "only https"                                                                                                                            },
    {"a host that is allowed",        "https://localhost:%u/a",            false, NULL,          "LOCALHOST", ST_OK,      ""                 },
    {"a host that is not",            "https://127.0.0.1:%u/a",            false, NULL,          "localhost", ST_INVALID,
     "not one of those"                                                                                                                      },
    {"a host, but not its address",   "https://localhost:%u/a",            true,  NULL,          "localhost", ST_IO,
     "no public address"                                                                                                                     },
    {"a host and its network",        "https://localhost:%u/a",            true,  "127.0.0.0/8", "localhost", ST_OK,
     ""                                                                                                                                      },
    {"a host hidden behind a user",   "https://localhost@127.0.0.1:%u/a",  false, NULL,          "localhost",
     ST_INVALID,                                                                                                          "not one of those" },
    {"no URL at all",                 "https://:%u",                       true,  NULL,          NULL,        ST_INVALID, "no URL"           },
};

int
main(void)
{
    struct http_server_options so = {.address = "127.0.0.1"};
    struct http_server *server;
    char *certificate = NULL, *key = NULL;
    struct err err = {""};

    CHECK(http_make_certificate("localhost", &certificate, &key, &err) == ST_OK, "%s", err.text);
    so.certificate_pem = certificate;
    so.key_pem = key;
    if (http_server_start(&so, route, NULL, &server, &err) != ST_OK) {
        printf("%s\n", err.text);
        return 2;
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address_network network;
        struct http_client_options o = {
            .connect_ms_max = 2000,
            .total_ms_max = 10000,
            .response_size_max = 1000,
            .insecure = true, /* what is tested comes before TLS */
            .is_public_only = cases[i].is_public_only,
            .networks = &network,
            .hosts = &cases[i].host,
            .host_count = cases[i].host != NULL,
            .hides_path = true,
        };
        struct http_client *client;
        char url[120];
        struct http_exchange x = {.method = "GET", .url = url};
        unsigned before = answered;
        enum status st;

        if (cases[i].network != NULL) {
            CHECK(address_network_read(span_of(cases[i].network), &network, &err) == ST_OK, "%s",
                  err.text);
            o.network_count = 1;
        }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof url, cases[i].url, http_server_port(server));
#pragma GCC diagnostic pop
        CHECK(http_client_open(&o, &client, &err) == ST_OK, "%s", err.text);
        for (int turn = 0; turn < 2; turn++) { /* what a failure leaves behind changes nothing */
            err.text[0] = '\0';
            st = http_client_send(client, &x, &err);
            CHECK(st == cases[i].st && strstr(err.text, cases[i].says) != NULL &&
                      strstr(err.text, "SECRET") == NULL && strstr(err.text, "/a") == NULL,
                  "%s: %d '%s'", cases[i].name, (int)st, err.text);
        }
        CHECK(answered - before == (st == ST_OK ? 2 : 0), "%s: %u requests came", cases[i].name,
              answered - before);
        http_client_close(client);
    }
    http_server_stop(server, 1000);
    free(certificate);
    free(key);
    return test_end();
}
