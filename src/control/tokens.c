/* tokens.c - the table of tokens in memory, sorted by id, replaced whole when the store changed. */
#include "control/tokens.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "control/control.h"
#include "control/store.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    SECRET_SIZE = 32, /* random bytes */
    PREFIX_SIZE = 4,  /* "pst_" */
    BODY_SIZE = 43,   /* base64url of them */
    CHECK_SIZE = 6,   /* base64url of 4 bytes */
    TEXT_SIZE = PREFIX_SIZE + BODY_SIZE + CHECK_SIZE,
    NAME_SIZE_MAX = 100,
};
_Static_assert(TEXT_SIZE + 1 == TOKEN_TEXT_SIZE, "tokens.h");

const struct role_row role_rows[] = {
    {ROLE_INGEST,                 "ingest",                "Sends records for its tenant."                        },
    {ROLE_SECURITY_READER,        "SecurityReader",
     "Reads settings, status, parked rows, schema and devices."                                                   },
    {ROLE_SECURITY_ADMINISTRATOR, "SecurityAdministrator", "Reads and changes them."                              },
    {ROLE_HUB_READER,             "HubReader",             "Reads the local event hubs."                          },
    {ROLE_OPERATOR,               "Operator",              "Everything, for every tenant; only with tenant \"*\"."},
    {0,                           NULL,                    NULL                                                   },
};

unsigned
role_read(struct span name)
{
    if (name.n == strlen("Sender") && strncasecmp(name.p, "Sender", name.n) == 0)
        return ROLE_INGEST;
    for (const struct role_row *r = role_rows; r->name != NULL; r++)
        if (name.n == strlen(r->name) && strncasecmp(name.p, r->name, name.n) == 0)
            return r->role;
    return 0;
}

void
roles_write(unsigned roles, char out[120])
{
    size_t n = 0;

    out[0] = '\0';
    for (const struct role_row *r = role_rows; r->name != NULL; r++)
        if (roles & r->role)
            n += (size_t)snprintf(out + n, 120 - n, "%s%s", n > 0 ? "," : "", r->name);
}

bool
principal_may(const struct principal *p, const char *tenant, enum role role)
{
    unsigned roles = p->roles;
    bool is_everywhere = strcmp(p->tenant, CONTROL_EVERY_TENANT) == 0;

    if (roles & ROLE_OPERATOR && is_everywhere)
        return true;
    if (roles & ROLE_SECURITY_ADMINISTRATOR)
        roles |= ROLE_SECURITY_READER;
    if ((roles & role) == 0)
        return false;
    return is_everywhere || (tenant != NULL && strcmp(p->tenant, tenant) == 0);
}

struct entry {
    char id[TOKEN_ID_SIZE];
    char tenant[40];
    char name[NAME_SIZE_MAX + 4];
    unsigned roles;
    unsigned char hash[32];
    int64_t expires, revoked;
    bool is_tenant_active;
};

struct tokens {
    struct store *store;
    pthread_rwlock_t lock; /* of what follows */
    struct entry *entries;
    size_t count;
    pthread_mutex_t refreshing;
    uint64_t seen; /* store_changed when 'entries' was read; under 'refreshing' */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
base64url(const unsigned char *p, size_t size, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | p[i];
        for (held += 8; held >= 6; held -= 6)
            *out++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *out++ = alphabet[bits << (6 - held) & 63];
    *out = '\0';
}

static void
check_part(const char *text, char out[CHECK_SIZE + 1])
{
    uint32_t crc = crc32c(text, PREFIX_SIZE + BODY_SIZE);
    const unsigned char bytes[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                    (unsigned char)(crc >> 8), (unsigned char)crc};

    base64url(bytes, sizeof bytes, out);
}

bool
token_text_is(struct span text, char id[TOKEN_ID_SIZE])
{
    char check[CHECK_SIZE + 1];

    if (text.n != TEXT_SIZE || memcmp(text.p, "pst_", PREFIX_SIZE) != 0)
        return false;
    for (size_t i = PREFIX_SIZE; i < TEXT_SIZE; i++)
        if (memchr(alphabet, text.p[i], 64) == NULL)
            return false;
    check_part(text.p, check);
    if (memcmp(check, text.p + PREFIX_SIZE + BODY_SIZE, CHECK_SIZE) != 0)
        return false;
    if (id != NULL) {
        memcpy(id, text.p + PREFIX_SIZE, TOKEN_ID_SIZE - 1);
        id[TOKEN_ID_SIZE - 1] = '\0';
    }
    return true;
}

static bool
hash_of(struct span text, unsigned char hash[32])
{
    return EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) == 1;
}

enum status
tokens_open(struct store *store, struct tokens **tokens, struct err *err)
{
    struct tokens *t = calloc(1, sizeof *t);
    enum status st;

    if (t == NULL)
        return err_set(err, ST_FULL, "no memory for the tokens");
    t->store = store;
    t->seen = UINT64_MAX;
    pthread_rwlock_init(&t->lock, NULL);
    pthread_mutex_init(&t->refreshing, NULL);
    st = tokens_refresh(t, err);
    if (st != ST_OK) {
        tokens_close(t);
        return st;
    }
    *tokens = t;
    return ST_OK;
}

void
tokens_close(struct tokens *t)
{
    if (t == NULL)
        return;
    free(t->entries);
    pthread_rwlock_destroy(&t->lock);
    pthread_mutex_destroy(&t->refreshing);
    free(t);
}

struct gathering {
    struct entry *entries;
    size_t count, room;
    struct active {
        char id[40];
    } * tenants;
    size_t tenant_count, tenant_room;
    bool is_full, has_no_memory;
};

static bool
grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *larger = realloc(*items, wanted * size);

    if (larger == NULL)
        return false;
    *items = larger;
    *room = wanted;
    return true;
}

static bool
gather_tenant(void *app, const struct store_tenant *t)
{
    struct gathering *g = app;
    void *items = g->tenants;

    if (!t->is_active)
        return true;
    if (!grow(&items, g->tenant_count, &g->tenant_room, sizeof *g->tenants)) {
        g->has_no_memory = true;
        return false;
    }
    g->tenants = items;
    snprintf(g->tenants[g->tenant_count++].id, sizeof g->tenants->id, "%s", t->id);
    return true;
}

static bool
gather_token(void *app, const struct store_token *t)
{
    struct gathering *g = app;
    void *items = g->entries;
    struct entry *e;

    if (g->count == TOKENS_MAX) {
        g->is_full = true;
        return false;
    }
    if (!grow(&items, g->count, &g->room, sizeof *g->entries)) {
        g->has_no_memory = true;
        return false;
    }
    g->entries = items;
    e = &g->entries[g->count++];
    *e = (struct entry){.roles = t->roles, .expires = t->expires, .revoked = t->revoked};
    snprintf(e->id, sizeof e->id, "%s", t->id);
    snprintf(e->tenant, sizeof e->tenant, "%s", t->tenant);
    snprintf(e->name, sizeof e->name, "%s", t->name);
    memcpy(e->hash, t->hash, sizeof e->hash);
    e->is_tenant_active = strcmp(t->tenant, CONTROL_EVERY_TENANT) == 0;
    for (size_t i = 0; i < g->tenant_count && !e->is_tenant_active; i++)
        e->is_tenant_active = strcmp(g->tenants[i].id, t->tenant) == 0;
    return true;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

enum status
tokens_refresh(struct tokens *t, struct err *err)
{
    struct gathering g = {0};
    enum status st = ST_OK;

    pthread_mutex_lock(&t->refreshing);
    /* Asked before reading: a change in between is then seen the next time. */
    uint64_t changed = store_changed(t->store);

    if (changed == t->seen)
        goto done;
    st = store_tenants(t->store, gather_tenant, &g, err);
    if (st == ST_OK)
        st = store_tokens(t->store, gather_token, &g, err);
    if (st == ST_OK && g.has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the tokens");
    if (st == ST_OK && g.is_full)
        st = err_set(err, ST_FULL, "more than %d tokens", TOKENS_MAX);
    if (st == ST_OK) {
        if (g.count > 0)
            qsort(g.entries, g.count, sizeof *g.entries, by_id);
        pthread_rwlock_wrlock(&t->lock);
        struct entry *old = t->entries;

        t->entries = g.entries;
        t->count = g.count;
        pthread_rwlock_unlock(&t->lock);
        g.entries = old;
        t->seen = changed;
    }
done:
    pthread_mutex_unlock(&t->refreshing);
    free(g.entries);
    free(g.tenants);
    return st;
}

static struct span
bare(struct span bearer)
{
    if (bearer.n >= 7 && strncasecmp(bearer.p, "Bearer ", 7) == 0)
        bearer = (struct span){bearer.p + 7, bearer.n - 7};
    while (bearer.n > 0 && (bearer.p[0] == ' ' || bearer.p[0] == '\t'))
        bearer = (struct span){bearer.p + 1, bearer.n - 1};
    while (bearer.n > 0 && (bearer.p[bearer.n - 1] == ' ' || bearer.p[bearer.n - 1] == '\t'))
        bearer.n--;
    return bearer;
}

static enum token_answer
judge(const struct tokens *t, const struct entry *key, const unsigned char hash[32], int64_t now,
      struct principal *out)
{
    const struct entry *e =
        t->count > 0 ? bsearch(key, t->entries, t->count, sizeof *key, by_id) : NULL;

    /* The id is not secret; what follows it is compared in constant time. */
    if (e == NULL || CRYPTO_memcmp(e->hash, hash, sizeof e->hash) != 0)
        return TOKEN_UNKNOWN;
    if (e->revoked != 0)
        return TOKEN_REVOKED;
    if (e->expires != 0 && now >= e->expires)
        return TOKEN_EXPIRED;
    if (!e->is_tenant_active)
        return TOKEN_TENANT_OFF;
    out->roles = e->roles;
    snprintf(out->tenant, sizeof out->tenant, "%s", e->tenant);
    snprintf(out->name, sizeof out->name, "%s", e->name);
    snprintf(out->token_id, sizeof out->token_id, "%s", e->id);
    return TOKEN_GOOD;
}

enum token_answer
token_verify(struct tokens *t, struct span bearer, int64_t now, struct principal *out)
{
    struct entry key = {0};
    unsigned char hash[32];
    enum token_answer answer;

    *out = (struct principal){0};
    bearer = bare(bearer);
    if (bearer.n == 0)
        return TOKEN_MISSING;
    if (!token_text_is(bearer, key.id) || !hash_of(bearer, hash))
        return TOKEN_MALFORMED;
    pthread_rwlock_rdlock(&t->lock);
    answer = judge(t, &key, hash, now, out);
    pthread_rwlock_unlock(&t->lock);
    return answer;
}

static enum status
request_check(struct store *store, const struct token_request *r, struct err *err)
{
    bool is_every = strcmp(r->tenant, CONTROL_EVERY_TENANT) == 0, is_active = false;
    size_t size = strlen(r->name);
    enum status st;

    if (r->roles == 0)
        return err_set(err, ST_INVALID, "a token needs at least one role");
    if (size == 0 || size > NAME_SIZE_MAX)
        return err_set(err, ST_INVALID, "a token's name has 1 to %d bytes", NAME_SIZE_MAX);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)r->name[i] < 0x20 || r->name[i] == 0x7f)
            return err_set(err, ST_INVALID, "a token's name may not hold control characters");
    if (r->expires != 0 && r->expires <= r->created)
        return err_set(err, ST_INVALID, "the token would expire before it is made");
    if (is_every && (r->roles & ~(unsigned)(ROLE_OPERATOR | ROLE_INGEST)) != 0)
        return err_set(err, ST_INVALID,
                       "for every tenant there are only the roles Operator and ingest");
    if (!is_every && (r->roles & ROLE_OPERATOR) != 0)
        return err_set(err, ST_INVALID, "an Operator's tenant is \"*\"");
    if (is_every)
        return ST_OK;
    st = store_tenant_find(store, r->tenant, &is_active, err);
    if (st == ST_END)
        return err_set(err, ST_INVALID,
                       "there is no tenant %.40s: add it to 'tenants' of the configuration",
                       r->tenant);
    if (st == ST_OK && !is_active)
        return err_set(err, ST_INVALID,
                       "the tenant %.40s is not active: the configuration no "
                       "longer names it",
                       r->tenant);
    return st;
}

enum status
token_create(struct store *store, const struct token_request *r, char text[TOKEN_TEXT_SIZE],
             struct err *err)
{
    unsigned char secret[SECRET_SIZE];
    char id[TOKEN_ID_SIZE];
    struct store_token row = {.tenant = r->tenant,
                              .name = r->name,
                              .roles = r->roles,
                              .created = r->created,
                              .expires = r->expires};
    enum status st = request_check(store, r, err);

    if (st != ST_OK)
        return st;
    if (RAND_priv_bytes(secret, sizeof secret) != 1)
        return err_set(err, ST_IO, "no random bytes for a token");
    memcpy(text, "pst_", PREFIX_SIZE);
    base64url(secret, sizeof secret, text + PREFIX_SIZE);
    OPENSSL_cleanse(secret, sizeof secret);
    check_part(text, text + PREFIX_SIZE + BODY_SIZE);
    if (!token_text_is(span_of(text), id) || !hash_of(span_of(text), row.hash))
        return err_set(err, ST_IO, "SHA-256 is not available");
    row.id = id;
    st = store_token_add(store, &row, err);
    if (st != ST_OK)
        OPENSSL_cleanse(text, TOKEN_TEXT_SIZE);
    return st;
}

/* Whether the file's token is a good operator's, and nobody else may read it. */
static bool
file_is_good(struct store *store, const char *path, int64_t now, char id[TOKEN_ID_SIZE])
{
    struct tokens *t = NULL;
    struct principal p = {0};
    struct stat info;
    struct err ignored;
    char *text = NULL;
    size_t size = 0;
    bool is_good = false;

    id[0] = '\0';
    if (file_read(path, 4096, &text, &size, &ignored) != ST_OK)
        return false;
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    if (token_text_is((struct span){text, size}, id) && tokens_open(store, &t, &ignored) == ST_OK) {
        is_good = token_verify(t, (struct span){text, size}, now, &p) == TOKEN_GOOD &&
                  principal_may(&p, NULL, ROLE_OPERATOR) && stat(path, &info) == 0 &&
                  (info.st_mode & 077) == 0;
        tokens_close(t);
    }
    OPENSSL_cleanse(text, size);
    free(text);
    return is_good;
}

enum status
token_file_make(struct store *store, const char *path, int64_t now, struct err *err)
{
    struct token_request r = {.tenant = CONTROL_EVERY_TENANT,
                              .roles = ROLE_OPERATOR,
                              .name = "local command line",
                              .created = now};
    char text[TOKEN_TEXT_SIZE + 1], old[TOKEN_ID_SIZE];
    enum status st;

    if (file_is_good(store, path, now, old))
        return ST_OK;
    st = token_create(store, &r, text, err);
    if (st != ST_OK)
        return st;
    memcpy(text + TEXT_SIZE, "\n", 2);
    st = file_replace(path, (struct span){text, TEXT_SIZE + 1}, 0600, err);
    OPENSSL_cleanse(text, sizeof text);
    if (st == ST_OK && old[0] != '\0') { /* it may have been seen by others */
        st = store_token_revoke(store, old, now, err);
        if (st == ST_END)
            st = ST_OK;
    }
    return st;
}
