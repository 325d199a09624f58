/* http_client.h - one HTTP request at a time over a kept connection; hides libcurl. A client
 * belongs to one thread. TLS is always verified against the system's authorities or 'ca_file'.
 * Redirects are not followed. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

struct http_client;
struct http_client_options {
    unsigned connect_ms_max, total_ms_max, /* a request is given up after so long */
        stall_ms_max;                      /* and when it moves no byte for so long */
    const char *ca_file;                   /* NULL: the system's; borrowed until close */
    bool insecure;            /* do not verify the peer; only for an explicit setting */
    size_t response_size_max; /* bytes kept of a response body; more are counted and dropped */
    const atomic_bool *stop;  /* NULL or a flag: requests end early once it is true */
};

struct http_exchange {
    /* in, all borrowed for the call */
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL-terminated array; NULL: none */
    /* body_count pieces, sent one behind the other with their sum as Content-Length, no Expect */
    const struct span *body;
    size_t body_count;
    /* out */
    unsigned status; /* HTTP status */
    /* from Retry-After (seconds or date, x-ms-retry-after-ms), -1 if absent */
    int64_t retry_after_ms;
    struct span response;      /* lends: valid until the next request; NUL-terminated */
    struct span response_head; /* lends: raw header lines */
};

MUST_CHECK enum status http_client_open(const struct http_client_options *o,
                                        struct http_client **client, struct err *err);
/* ST_OK: an answer came, whatever its status. ST_IO: none did; it is unknown whether the server
 * acted. ST_INVALID: the URL or options are wrong. */
MUST_CHECK enum status http_client_send(struct http_client *client, struct http_exchange *x,
                                        struct err *err);
/* Value of a response header of the last exchange, any case; span {NULL,0} if absent. */
struct span http_client_header(const struct http_exchange *x, const char *name);
void http_client_close(struct http_client *client);
