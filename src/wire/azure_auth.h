/* azure_auth.h - how Azure's services want a request to be signed: Shared Key of storage accounts,
 * SAS tokens of Event Hubs, connection strings, and OAuth client credentials with their token kept
 * and renewed in time. All but the OAuth part is pure; that one belongs to one thread. Secrets
 * never stand in an error. (streaming-api.md section 9) */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

/* The value of 'name' (any case) in "Name=value;Name=value;..."; values may hold '='. {NULL,0}: not
 * there. Lends from 'text'. */
struct span azure_connection_value(const char *text, const char *name);
/* Copies it into 'out'; ST_END: not there; ST_INVALID: longer than out_size - 1. */
MUST_CHECK enum status azure_connection_copy(const char *text, const char *name, char *out,
                                             size_t out_size, struct err *err);

/* ---- storage: Shared Key ---- */

enum { AZURE_KEY_SIZE_MAX = 128 };
struct azure_key { /* the account key, decoded */
    unsigned char bytes[AZURE_KEY_SIZE_MAX];
    size_t size;
};
MUST_CHECK enum status azure_key_read(const char *base64, struct azure_key *key, struct err *err);

enum { AZURE_AUTHORIZATION_SIZE = 256 };
/* The value of the Authorization header. 'url' is the whole URL as sent (path not touched; query
 * decoded for signing), 'headers' ("Name: value", NULL-terminated) all that are sent, x-ms-date
 * among them. ST_INVALID: too long for signing (4 KiB), or no x-ms-date. */
MUST_CHECK enum status azure_shared_key(const char *account, const struct azure_key *key,
                                        const char *method, const char *url,
                                        const char *const *headers, uint64_t content_length,
                                        char out[AZURE_AUTHORIZATION_SIZE], struct err *err);
/* The text that is signed, for tests and for comparing with what a 403 answers. Same results. */
MUST_CHECK enum status azure_shared_key_text(const char *account, const char *method,
                                             const char *url, const char *const *headers,
                                             uint64_t content_length, char *out, size_t out_size,
                                             struct err *err);
/* "Sat, 21 Nov 2026 18:34:07 GMT", whatever the locale. */
void azure_http_date(int64_t unix_seconds, char out[32]);

/* ---- Event Hubs: SAS ---- */

/* "SharedAccessSignature sr=...&sig=...&se=...&skn=..."; the key is used as text, not decoded.
 * ST_INVALID: 'out' is too small. */
MUST_CHECK enum status azure_hub_token(const char *resource_uri, const char *key_name,
                                       const char *key, int64_t expiry_unix_seconds, char *out,
                                       size_t out_size, struct err *err);

/* RFC 3986: all but letters, digits and -._~ becomes %XX. False: 'out' is too small.
 * NUL-terminated. */
MUST_CHECK bool azure_percent_encode(struct span text, char *out, size_t out_size);

/* ---- OAuth 2.0 client credentials ---- */

struct azure_oauth_options { /* copied */
    const char *authority;   /* NULL: https://login.microsoftonline.com */
    const char *tenant, *client_id, *client_secret, *scope;
    const char *ca_file;     /* NULL: the system's */
    bool insecure;           /* do not verify the authority; only for an explicit setting */
    const atomic_bool *stop; /* NULL or a flag that ends a request early; borrowed until close */
};
struct azure_oauth;
/* Asks nobody yet. ST_INVALID: something is missing, or the authority is not https (http is taken
 * for loopback only). */
MUST_CHECK enum status azure_oauth_open(const struct azure_oauth_options *o,
                                        struct azure_oauth **oauth, struct err *err);
/* The token, fetched when there is none and renewed when a fifth of its life or less is left; while
 * a renewal fails (asked for again after 30 s) the old one serves until its end. 'now_ms' is
 * monotonic. *token lends until the next call. *expires_ms (may be NULL): its end on that clock.
 * ST_IO: the authority is away or refuses: the reason holds its error code. */
MUST_CHECK enum status azure_oauth_token(struct azure_oauth *oauth, int64_t now_ms,
                                         const char **token, int64_t *expires_ms, struct err *err);
/* Forgets the token: a service refused it. */
void azure_oauth_forget(struct azure_oauth *oauth);
void azure_oauth_close(struct azure_oauth *oauth);
