/* http_server.h - HTTP/1.1 and TLS in front of handlers; hides libmicrohttpd. Knows no product.
 *
 * A connection has a thread, so a handler may block (for a journal commit, for memory, in a long
 * poll); while it blocks its socket is not read: that is the back-pressure. Handlers of different
 * connections run at the same time.
 *
 * Peers that take their time hold a connection for a limited time only: the head has a deadline
 * that no dripping extends, a body must move, and when all connections are taken those that are
 * between requests, or have been silent since they came, make room for new ones, the longest
 * waiting first. While that happens, answers say Connection: close. What a handler takes is never
 * counted against its peer. */
#pragma once
#include "base/base.h"

struct http_request {   /* lends: all valid until the request's 'gone' */
    const char *method; /* "GET"; a HEAD comes as GET, its answer leaves without the body */
    const char *path;   /* the raw path as sent: no decoding, '..' kept, no query */
    const char *query;  /* the raw query, without '?'; "" if none */
    const char *peer;   /* "127.0.0.1" */
    void *connection;   /* private */
};

/* Header by name, any case; NULL if absent. */
const char *http_header(const struct http_request *r, const char *name);
/* Query parameter by its decoded name, value decoded; NULL if absent. */
const char *http_query(const struct http_request *r, const char *name);

/* Whether the client has closed its side meanwhile: nobody waits for the answer any more. For a handler that takes long, and
 * for any thread while the handler runs. */
bool http_peer_left(const struct http_request *r);

/* Percent-decodes one path segment into 'out' (NUL-terminated). ST_INVALID: bad escape, a decoded
 * NUL or '/', or too long. */
MUST_CHECK enum status http_decode_segment(struct span segment, char *out, size_t out_size,
                                           struct err *err);

struct http_reply {           /* zeroed before every request */
    unsigned status;          /* 0: not answered yet */
    const char *content_type; /* NULL: application/json */
    char *body;               /* malloc'd; the server takes it and frees it. NULL: empty */
    size_t body_size;
    unsigned retry_after_s; /* 0: no header */
    struct {
        char name[48];
        char value[400];
    } headers[14]; /* further ones; the first empty name ends them */
};

/* Formats a body. For JSON errors use http_reply_error. */
PRINTF_LIKE(3, 4)
void http_reply_text(struct http_reply *reply, unsigned status, const char *format, ...);
/* {"error":{"code":"...","message":"..."}}, escaped; the shape all Azure clients read. Sets Retry-After: 1 on 429 and 503 if retry_after_s is
 * 0. */
PRINTF_LIKE(4, 5)
void http_reply_error(struct http_reply *reply, unsigned status, const char *code,
                      const char *format, ...);

struct http_handler {
    void *app; /* first argument of what follows; NULL: that of the route function */
    /* The head has been read. May set reply->status to answer at once (the body, if any, is then not read and the connection closed after the answer).
     * May store its own state for the request in *state. */
    void (*begin)(void *app, const struct http_request *r, void **state, struct http_reply *reply);
    /* The next bytes of the body, as sent; borrowed for the call. May set reply->status: it is not called again, the rest of
     * the body is read and dropped, and the answer leaves at its end (beyond HTTP_DROP_SIZE_MAX the
     * connection is reset). NULL: bodies are refused with 400. */
    void (*data)(void *app, const struct http_request *r, void *state, struct span bytes,
                 struct http_reply *reply);
    /* The body is complete: must answer. */
    void (*end)(void *app, const struct http_request *r, void *state, struct http_reply *reply);
    /* Always called once after begin, answered or not (the peer may be gone): release 'state'. NULL
     * if nothing to do. */
    void (*gone)(void *app, void *state);
};

enum { /* what a 0 in the options stands for */
       HTTP_CONNECTIONS_MAX = 256,
       HTTP_IDLE_S_MAX = 60,
       HTTP_HEAD_S_MAX = 10,
       HTTP_BODY_S_MAX = 30,
       HTTP_HEAD_SIZE_MAX = 32 << 10,
       HTTP_READ_SIZE = 64 << 10,
       /* no option */
       HTTP_DROP_SIZE_MAX = 64 << 20, /* bytes of body read for nothing after an answer is known */
       HTTP_BODY_SIZE_MIN =
           64 << 10, /* bytes that a body moves in body_s_max, or it ends within them */
       HTTP_ROOM_MS_MIN =
           1000, /* a connection without a request makes room for others after that */
};

struct http_server_options {
    const char *address;                   /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;                         /* 0: a free one, see http_server_port */
    const char *certificate_pem, *key_pem; /* PEM text, both or neither; borrowed for the call */
    unsigned connections_max;              /* further ones wait in the listen queue */
    /* a connection that moves no byte for so long is closed; so is one whose next head has not come
     * whole */
    unsigned idle_s_max;
    unsigned head_s_max;  /* from being accepted (TLS and all) to the end of the first head */
    unsigned body_s_max;  /* for each HTTP_BODY_SIZE_MIN bytes of a request's or an answer's body */
    size_t head_size_max; /* request line and headers; 431 beyond */
    size_t read_size;     /* bytes that 'data' gets at once, about */
};

struct http_server;
/* Chooses the handler for a request; called before begin. NULL: 404. */
typedef const struct http_handler *(*http_route_fn)(void *app, const struct http_request *r);

MUST_CHECK enum status http_server_start(const struct http_server_options *o, http_route_fn route,
                                         void *app, struct http_server **server, struct err *err);
uint16_t http_server_port(const struct http_server *server);
/* Stops listening, lets requests that are being handled end (at most 'grace_ms'), then closes all.
 * A handler that still blocks after that is waited for: wake it first. */
void http_server_stop(struct http_server *server, unsigned grace_ms);

/* Makes a self-signed certificate (EC P-256, SAN localhost, 127.0.0.1, ::1 and 'host_name', valid
 * 825 days) and its key, both PEM, malloc'd. */
MUST_CHECK enum status http_make_certificate(const char *host_name, char **certificate_pem,
                                             char **key_pem, struct err *err);
