/* http_client.h - one HTTP request at a time over a kept connection; hides libcurl. A client
 * belongs to one thread. TLS is always verified against the system's authorities or 'ca_file'.
 * Redirects are not followed.
 *
 * Where somebody names the URL who must not make this machine reach into its own network (a tenant,
 * over the API), 'is_public_only' keeps requests to https, to URLs without a user, and to addresses
 * of the public internet. What counts is the address that is connected to, after names are
 * resolved, so that a name that changes its mind changes nothing; no proxy is used then, for it
 * would resolve names itself. */
#pragma once
#include "base/base.h"
#include "wire/public_address.h"
#include <stdatomic.h>

struct http_client;
struct http_client_options {
    unsigned connect_ms_max, total_ms_max, /* a request is given up after so long */
        stall_ms_max;                      /* and when it moves no byte for so long */
    const char *ca_file;                   /* NULL: the system's; borrowed until close */
    bool insecure;            /* do not verify the peer; only for an explicit setting */
    size_t response_size_max; /* bytes kept of a response body; more are counted and dropped */
    const atomic_bool *stop;  /* NULL or a flag: requests end early once it is true */
    bool is_public_only;
    /* Borrowed until close. Networks that may be reached although they are not public; with any
     * hosts, these are the only ones (patterns of host_matches). */
    const struct address_network *networks;
    size_t network_count;
    const char *const *hosts;
    size_t host_count;
    bool hides_path; /* errors name the host alone: the URL's path is a secret, too */
    bool
        refuses_larger; /* a response beyond response_size_max ends the request (ST_IO, is_larger) */
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
    bool is_larger;            /* with refuses_larger: why it ended */
};

MUST_CHECK enum status http_client_open(const struct http_client_options *o,
                                        struct http_client **client, struct err *err);
/* ST_OK: an answer came, whatever its status. ST_IO: none did; it is unknown whether the server
 * acted. ST_INVALID: the URL or options are wrong, or forbid this URL. */
MUST_CHECK enum status http_client_send(struct http_client *client, struct http_exchange *x,
                                        struct err *err);
/* Value of a response header of the last exchange, any case; span {NULL,0} if absent. */
struct span http_client_header(const struct http_exchange *x, const char *name);
void http_client_close(struct http_client *client);
