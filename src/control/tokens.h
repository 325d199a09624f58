/* tokens.h - who a bearer token speaks for. Any thread; tokens_verify takes a lock only to read,
 * and touches no disk.
 *
 * A token is "pst_" + base64url(32 random bytes) + base64url(CRC-32C of what stands before): 53
 * characters. The first 12 characters of the random part are its id: not secret, shown in lists and
 * logs. Only SHA-256 of the whole is stored. */
#pragma once
#include "base/base.h"

struct store;
struct tokens;

enum role {
    ROLE_INGEST = 1,                 /* sends records for its tenant */
    ROLE_SECURITY_READER = 2,        /* reads settings, status, parked rows, schema, devices */
    ROLE_SECURITY_ADMINISTRATOR = 4, /* and changes them */
    ROLE_HUB_READER = 8,             /* reads the local event hubs and their cursors */
    ROLE_OPERATOR = 16               /* all of it, for every tenant */
};
struct role_row {
    enum role role;
    /* "ingest", "SecurityReader", ...: as given on the command line, case ignored */
    const char *name;
    const char *help;
};
extern const struct role_row role_rows[]; /* ends at a NULL name */
/* 0: no such role. "Sender" is another name of ingest. */
unsigned role_read(struct span name);
/* "ingest,HubReader" */
void roles_write(unsigned roles, char out[120]);

enum { TOKEN_TEXT_SIZE = 54, TOKEN_ID_SIZE = 13, TOKENS_MAX = 100000 }; /* sizes with their NUL */

struct principal {
    char tenant[40]; /* lower-case GUID, or "*": every tenant */
    char name[104];
    char token_id[TOKEN_ID_SIZE];
    unsigned roles;
};
/* The one question every route asks: may it do what 'role' allows for the tenant? (NULL: for every
 * tenant.) An administrator may what a reader may; an operator everything. */
bool principal_may(const struct principal *p, const char *tenant, enum role role);

MUST_CHECK enum status tokens_open(struct store *store, struct tokens **tokens, struct err *err);
void tokens_close(struct tokens *t);
/* Reads the table again if the store changed (also by the command line in another process): call it
 * every second or so; a revoked token works no longer than that. */
MUST_CHECK enum status tokens_refresh(struct tokens *t, struct err *err);

enum token_answer {
    TOKEN_GOOD,
    TOKEN_MISSING,
    TOKEN_MALFORMED, /* not a token of ours, or mistyped */
    TOKEN_UNKNOWN,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
    TOKEN_TENANT_OFF /* its tenant is not active */
};
/* 'bearer': the Authorization header's value ("Bearer pst_...") or the bare token. */
MUST_CHECK enum token_answer token_verify(struct tokens *t, struct span bearer, int64_t now,
                                          struct principal *out);

struct token_request {
    /* GUID of a tenant in the store, or "*" (needs ROLE_OPERATOR, or ROLE_INGEST for a trusted
     * forwarder) */
    const char *tenant;
    unsigned roles;
    const char *name;         /* 1 to 100 bytes, for lists */
    int64_t created, expires; /* ticks; expires 0: never */
};
/* Makes and stores one; its text is given once and kept nowhere. */
MUST_CHECK enum status token_create(struct store *store, const struct token_request *r,
                                    char text[TOKEN_TEXT_SIZE], struct err *err);
/* Well-formed, with the right check part; 'id' (may be NULL) gets its id. */
bool token_text_is(struct span text, char id[TOKEN_ID_SIZE]);

/* Sees to it that the file at 'path' (mode 0600) holds a good operator token for the command line
 * on this machine; makes another where it does not. */
MUST_CHECK enum status token_file_make(struct store *store, const char *path, int64_t now,
                                       struct err *err);
