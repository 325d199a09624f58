/* fetch.h - one file from a URL that somebody names who must not make this machine reach wherever he likes: read only when the
 * URL lies below one of the prefixes that the operator allows. It sends no credential, cookie or user.
 *
 * What counts is the URL as it is taken apart and put together again, by the same parser that then connects: scheme, host
 * and port must be those of a prefix, and the path must be the prefix's or go on behind it with a new segment. Refused before
 * that: anything but http and https, a user, blanks, backslashes, letters beyond ASCII, segments "." and ".." in any
 * spelling, encoded slashes and zeros, ';' in the path. The query (where SAS tokens live) does not count, and is in no error.
 * Redirects are followed, FETCH_REDIRECTS_MAX at most, each judged like the URL itself.
 *
 * Names are resolved by this host's resolver and a proxy of the environment is used, as for any destination that the operator
 * has named: a prefix says that its host is trusted, wherever its name leads. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

enum {
    FETCH_PREFIXES_MAX = 100,
    FETCH_PREFIX_SIZE = 1024,  /* of one, with its NUL */
    FETCH_URL_SIZE_MAX = 8192, /* bytes */
    FETCH_REDIRECTS_MAX = 5,
    FETCH_CONNECT_MS_MAX = 10000,
};

struct fetch_policy {
    const char *const *prefixes; /* as fetch_prefix_write gives them */
    size_t prefix_count;         /* 0: nothing may be read */
    uint64_t time_ms_max;        /* of one file, redirects included */
    uint64_t size_max;           /* bytes of what one query reads, as it comes and unpacked */
};

/* What of a URL may be shown: "https://host:8443". */
enum { FETCH_ORIGIN_SIZE = 300 };

/* Checks a prefix and writes it as it is compared: scheme and host in lower case, without the scheme's own port.
 * ST_INVALID: err says what is wrong with it. */
MUST_CHECK enum status fetch_prefix_write(struct span text, char out[FETCH_PREFIX_SIZE],
                                          struct err *err);
/* Whether the URL may be read. ST_INVALID: it may not, or is no URL; err says why. 'origin': what may be shown of it; "" of
 * what is no URL. */
MUST_CHECK enum status fetch_check(const struct fetch_policy *p, struct span url,
                                   char origin[FETCH_ORIGIN_SIZE], struct err *err);

/* The same of any URL; "a URL" of what is none. */
void fetch_origin(struct span url, char origin[FETCH_ORIGIN_SIZE]);

struct fetch_ask {
    struct span url;
    bool is_concealed;   /* errors name not even its origin */
    const char *remedy;  /* what to do so that it may be read: stands at the end of the refusal */
    size_t size_max;     /* bytes; a larger file is ST_FULL */
    int64_t deadline_ms; /* monotonic; 0: none */
    const _Atomic bool *cancelled; /* NULL: it cannot be; looked at once a second */
};
struct http_client;
struct fetched {
    struct span bytes;          /* lends: until fetch_end */
    struct http_client *client; /* private */
};
/* Blocks. ST_OK: *out is the file, to be given back by fetch_end. ST_INVALID: it may not be read, or the URL is none.
 * ST_FULL: it is larger than it may be. ST_IO: it did not come. After an error nothing is held. */
MUST_CHECK enum status fetch_read(const struct fetch_policy *p, const struct fetch_ask *ask,
                                  struct fetched **out, struct err *err);
void fetch_end(struct fetched *f); /* NULL is fine */
