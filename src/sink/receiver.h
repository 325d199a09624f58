/* receiver.h - what the kinds of sink share that speak HTTP to a receiver of events (webhook,
 * splunk_hec, elastic): settings, the client, and what an answer's status means. Private to the
 * folder sink/.
 *
 * The rule behind the meanings is that of blob.c: rows are refused (parked) only when the answer
 * blames them. A wrong token, a missing right, an address that is gone: a person can mend these, so
 * the rows wait, and are tried again ever less often, up to every 15 minutes. */
#pragma once
#include "sink/buffer.h"
#include "sink/parcel.h"
#include "wire/http_client.h"

enum {
    RECEIVER_URL_SIZE = 4096,
    RECEIVER_HEADERS_MAX = 32,  /* of the settings */
    RECEIVER_ALLOWED_MAX = 32,  /* networks, and hosts */
    RECEIVER_EXTRA_MAX = 8,     /* headers of one request */
    RECEIVER_BATCH_MAX = 10000, /* rows of one request */
    RECEIVER_BODY_MAX = 8 << 20,
    /* After so long 'send' tells what is done; the rest is SENT_RETRY without a reason, and deliver
     * comes back with it at once. */
    RECEIVER_SEND_MS_MAX = 20000,
    RECEIVER_PERSON_MS_MIN = 30000,
    RECEIVER_PERSON_MS_MAX = 900000, /* continuous-export.md section 7 */
};

/* Rows of a kind's table of settings. */
#define RECEIVER_SETTINGS                                                                          \
    {.name = "ca_file",                                                                            \
     .help = "PEM file of the authorities to trust instead of the system's.",                      \
     .is_optional = true,                                                                          \
     .is_file = true},                                                                             \
        {.name = "insecure",                                                                       \
         .help = "true: do not verify the server's certificate, and take http for any host.",      \
         .default_value = "false"},                                                                \
        {.name = "timeout_ms",                                                                     \
         .help = "A request is given up after so long, 100 to 600000.",                            \
         .default_value = "30000"},                                                                \
        {.name = "headers",                                                                        \
         .help = "Further request headers, 'Name: value' a line, at most 32.",                     \
         .is_optional = true,                                                                      \
         .is_secret = true},                                                                       \
        {.name = "private_addresses",                                                              \
         .help =                                                                                   \
             "no: connect to addresses of the public internet only, by https, past any proxy; "    \
             "for addresses that somebody else chose.",                                            \
         .default_value = "yes"},                                                                  \
        {.name = "allow_networks",                                                                 \
         .help = "Networks that may be reached although private_addresses is no, "                 \
                 "10.1.0.0/16,fd00::/8; at most 32.",                                              \
         .is_optional = true},                                                                     \
    {                                                                                              \
        .name = "allow_hosts",                                                                     \
        .help = "The only hosts that may be reached, by name: a.example.com,*.logic.azure.com; "   \
                "at most 32.",                                                                     \
        .is_optional = true                                                                        \
    }

struct receiver {
    const struct sink_kind *kind;
    char url[RECEIVER_URL_SIZE]; /* no '/' at its end if asked for */
    char place[160];             /* scheme, host and port, for errors */
    char *headers[RECEIVER_HEADERS_MAX + 1];
    size_t header_count;
    struct address_network networks[RECEIVER_ALLOWED_MAX];
    size_t network_count;
    char *hosts[RECEIVER_ALLOWED_MAX];
    size_t host_count;
    char *ca_file;
    unsigned timeout_ms;
    bool insecure, is_public_only;
    struct http_client *http;
    const atomic_bool *stop;
    unsigned person_failures; /* in a row */
};

/* A setting's value or default; "" if there is none. */
const char *receiver_value(const struct sink_kind *kind, const struct sink_value *values,
                           size_t count, const char *name);
MUST_CHECK enum status receiver_number(const struct sink_kind *kind,
                                       const struct sink_value *values, size_t count,
                                       const char *name, long min, long max, long *number,
                                       struct err *err);
MUST_CHECK enum status receiver_flag(const struct sink_kind *kind, const struct sink_value *values,
                                     size_t count, const char *name, bool *is_true,
                                     struct err *err);

/* The shared settings into *r, which was zeroed; nothing is opened. 'url': the setting's name.
 * 'is_base': the kind adds its own path to it. To be closed in any case. */
MUST_CHECK enum status receiver_read(struct receiver *r, const struct sink_kind *kind,
                                     const struct sink_value *values, size_t count, bool is_base,
                                     struct err *err);
/* A header for every request. ST_INVALID: it is none. */
PRINTF_LIKE(3, 4)
MUST_CHECK enum status receiver_header(struct receiver *r, struct err *err, const char *format,
                                       ...);
/* "Authorization: Basic ..." */
MUST_CHECK enum status receiver_basic(struct receiver *r, const char *user, const char *password,
                                      struct err *err);
MUST_CHECK enum status receiver_open(struct receiver *r, size_t response_size_max, bool hides_path,
                                     const atomic_bool *stop, struct err *err);
void receiver_close(struct receiver *r); /* wipes */

static inline bool
receiver_is_stopping(const struct receiver *r)
{
    return r->stop != NULL && atomic_load_explicit(r->stop, memory_order_relaxed);
}

enum receiver_meaning {
    RECEIVER_DONE,
    RECEIVER_BUSY,    /* time mends it; nothing else has a chance now */
    RECEIVER_PERSON,  /* a person mends it */
    RECEIVER_REFUSED, /* the rows are to blame */
};

struct receiver_answer {
    enum receiver_meaning meaning;
    int64_t retry_after_ms; /* -1: nothing was said */
    struct err err;         /* when not done: the place, what it said, the mend */
};

/* POSTs the pieces to 'url' with the settings' headers and 'extra' (NULL-terminated). What came, also
 * when nothing did, is in *answer by the status alone; *x holds the response, if there is one
 * (x->status is not 0). */
void receiver_post(struct receiver *r, const char *url, const char *const *extra,
                   const struct span *body, size_t body_count, struct http_exchange *x,
                   struct receiver_answer *answer);
/* The same status, but a kind knows better: sets meaning, waits and reason. */
PRINTF_LIKE(4, 5)
void receiver_means(struct receiver *r, struct receiver_answer *answer,
                    enum receiver_meaning meaning, const char *format, ...);
/* One parcel's answer by it. */
void receiver_tell(const struct receiver_answer *answer, struct parcel *p);

/* For errors and headers: what is not printable ASCII becomes '?'. */
void receiver_clean(struct span text, char *out, size_t out_size);
