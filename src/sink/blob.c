/* blob.c - Azure Blob storage (and what speaks its REST, as Azurite): hourly append blobs, exactly
 * once.
 *
 * Every append carries the length that the blob must have (x-ms-blob-condition-appendpos). When the
 * answer of an append was lost and the parcel comes again, the service says 412 and changes
 * nothing; then the bytes at that place are read back and compared: ours, so it is done; or
 * another's, so the caller goes on in the next object.
 *
 * What an answer means stands in one table, 'answers'. The rule behind it: rows are refused
 * (parked) only when the answer blames their own name or size. A wrong key, a missing right, a
 * closed firewall, an account that is gone: a person can mend these, so the rows wait. When nobody
 * answers, or the service asks for a pause, the rest of the window is not even tried.
 *
 * A SAS must allow read, add, create and write (racw) on containers and blobs. */
#include "base/clock.h"
#include "sink/layout.h"
#include "sink/parcel.h"
#include "wire/azure_auth.h"
#include "wire/http_client.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum {
    BODY_MAX = 4 << 20, /* one append; the limit that all versions of the service share */
    ENDPOINT_SIZE = 512,
    SAS_SIZE = 2048,
    FILE_SIZE = 3000,
    TOKEN_SIZE = 16384,
    STEPS_MAX =
        6, /* requests for one parcel: append, container, blob, append again, and others racing */
    HEADERS_MAX = 8,
};
#define SERVICE_VERSION "2023-11-03"
#define STORAGE_SCOPE "https://storage.azure.com/.default"

struct blob {
    char endpoint[ENDPOINT_SIZE]; /* "https://x.blob.core.windows.net", no '/' at the end */
    char account[64];             /* "" if not needed for signing */
    char sas[SAS_SIZE];           /* without '?'; "" if none */
    char ca_file[FILE_SIZE];
    struct azure_key key;
    bool has_key;
    unsigned timeout_ms;
    bool insecure;
    char tenant[128], client_id[128], client_secret[1024], authority[ENDPOINT_SIZE];
    struct azure_oauth *oauth; /* NULL if not used */
    struct http_client *http;
    const atomic_bool *stop;
    char url[ENDPOINT_SIZE + LAYOUT_NAME_MAX + SAS_SIZE + 64];
    char authorization[TOKEN_SIZE + 32];
};

/* ---- settings ---- */

static const struct sink_setting blob_settings[] = {
    {.name = "endpoint",
     .help = "Address of the account's blob service, https://ACCOUNT.blob.core.windows.net; for "
             "Azurite http://127.0.0.1:10000/devstoreaccount1. Not needed with connection_string.", .is_optional = true},
    {.name = "account",
     .help = "Name of the storage account; taken from the endpoint if not set.",
     .is_optional = true},
    {.name = "connection_string",
     .help = "The account's connection string, with AccountKey or SharedAccessSignature.",
     .is_optional = true,
     .is_secret = true},
    {.name = "key",                                                                           .help = "Account key (base64).", .is_optional = true, .is_secret = true},
    {.name = "sas",
     .help = "Shared access signature that allows racw on containers and blobs.",
     .is_optional = true,
     .is_secret = true},
    {.name = "tenant",
     .help = "Entra tenant of the identity that writes; it needs 'Storage Blob Data Contributor'.",
     .is_optional = true},
    {.name = "client_id",                                                                                             .help = "Its application (client) id.", .is_optional = true},
    {.name = "client_secret",.help = "Its client secret.", .is_optional = true, .is_secret = true},
    {.name = "authority",
     .help = "Where tokens come from.",
     .default_value = "https://login.microsoftonline.com"},
    {.name = "ca_file",
     .help = "PEM file of the authorities to trust instead of the system's.",
     .is_optional = true,
     .is_file = true},
    {.name = "insecure",
     .help = "true: do not verify the server's certificate, and take http for any host.",
     .default_value = "false"},
    {.name = "timeout_ms",
     .help = "A request is given up after so long.",
     .default_value = "60000"},
    {0},
};

struct given { /* the values, for the checks */
    const struct sink_value *values;
    size_t count;
};

static const char *
given_get(const struct given *g, const char *name)
{
    const char *value = sink_value_get(&sink_blob, g->values, g->count, name);

    return value == NULL ? "" : value;
}

static bool
is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};

    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t n = strlen(hosts[i]);

        if (strncasecmp(url + 7, hosts[i], n) == 0 && strchr(":/", url[7 + n]) != NULL)
            return true; /* also at the end: strchr finds NUL */
    }
    return false;
}

static enum status
copy(char *out, size_t size, const char *value, const char *name, struct err *err)
{
    size_t n = strlen(value);

    if (n >= size)
        return err_set(err, ST_INVALID, "blob: %s has more than %zu bytes", name, size - 1);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
            return err_set(err, ST_INVALID, "blob: %s holds a control character", name);
    memcpy(out, value, n + 1);
    return ST_OK;
}

/* What a connection string says; what was also set by itself counts more. */
static enum status
read_connection_string(struct blob *b, const char *text, char key[256], struct err *err)
{
    char protocol[16], suffix[128];
    const struct {
        const char *name;
        char *out;
        size_t size;
        const char *fallback;
    } parts[] = {
        {"DefaultEndpointsProtocol", protocol,    sizeof protocol,    "https"           },
        {"EndpointSuffix",           suffix,      sizeof suffix,      "core.windows.net"},
        {"AccountName",              b->account,  sizeof b->account,  ""                },
        {"AccountKey",               key,         256,                ""                },
        {"SharedAccessSignature",    b->sas,      sizeof b->sas,      ""                },
        {"BlobEndpoint",             b->endpoint, sizeof b->endpoint, ""                },
    };

    if (strcasecmp(text, "UseDevelopmentStorage=true") == 0 ||
        strcasecmp(text, "UseDevelopmentStorage=true;") == 0)
        text = "AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
               "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
               "K1SZFPTOtr/KBHBeksoGMGw=="; /* the emulator's public, documented key */
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        enum status st =
            azure_connection_copy(text, parts[i].name, parts[i].out, parts[i].size, err);

        if (st == ST_END)
            snprintf(parts[i].out, parts[i].size, "%s", parts[i].fallback);
        else if (st != ST_OK)
            return st;
    }
    if (b->endpoint[0] == '\0' && b->account[0] == '\0')
        return err_set(err, ST_INVALID,
                       "blob: connection_string has neither BlobEndpoint nor AccountName");
    if (b->endpoint[0] == '\0')
        snprintf(b->endpoint, sizeof b->endpoint, "%s://%s.blob.%s", protocol, b->account, suffix);
    return ST_OK;
}

static enum status
check_endpoint(struct blob *b, struct err *err)
{
    bool is_https = strncmp(b->endpoint, "https://", 8) == 0;
    size_t n = strlen(b->endpoint);

    while (n > 0 && b->endpoint[n - 1] == '/')
        b->endpoint[--n] = '\0';
    if (b->endpoint[0] == '\0')
        return err_set(err, ST_INVALID,
                       "blob: set endpoint (https://ACCOUNT.blob.core.windows.net) or "
                       "connection_string");
    if (!is_https && strncmp(b->endpoint, "http://", 7) != 0)
        return err_set(err, ST_INVALID, "blob: endpoint %.100s is no https:// address",
                       b->endpoint);
    if (strpbrk(b->endpoint, "?# @") != NULL)
        return err_set(err, ST_INVALID,
                       "blob: endpoint must end with the host or the account; put a SAS in 'sas'");
    if (!is_https && !b->insecure && !is_loopback(b->endpoint))
        return err_set(err, ST_INVALID,
                       "blob: endpoint %.100s would send rows in the clear: use https, or set "
                       "insecure",
                       b->endpoint);
    return ST_OK;
}

/* "https://ACCOUNT.blob..." or ".../ACCOUNT" (Azurite). */
static void
account_of_endpoint(struct blob *b)
{
    const char *host = strstr(b->endpoint, "://") + 3, *path = strchr(host, '/');
    size_t n = path != NULL ? strlen(path + 1) : strcspn(host, ".:");
    const char *name = path != NULL ? path + 1 : host;

    if (b->account[0] == '\0' && n < sizeof b->account && memchr(name, '/', n) == NULL) {
        memcpy(b->account, name, n);
        b->account[n] = '\0';
    }
}

static enum status
check_credential(struct blob *b, const char *key, struct err *err)
{
    int count = (key[0] != '\0') + (b->sas[0] != '\0') + (b->client_id[0] != '\0');

    if (count == 0)
        return err_set(err, ST_INVALID,
                       "blob: no credential: set key, sas, connection_string, or tenant with "
                       "client_id and client_secret");
    if (count > 1)
        return err_set(err, ST_INVALID,
                       "blob: more than one credential: keep key, sas or client_id");
    if (b->client_id[0] != '\0' && (b->tenant[0] == '\0' || b->client_secret[0] == '\0'))
        return err_set(err, ST_INVALID, "blob: client_id needs tenant and client_secret");
    if (key[0] == '\0')
        return ST_OK;
    if (b->account[0] == '\0')
        return err_set(err, ST_INVALID, "blob: key needs account");
    b->has_key = true;
    return azure_key_read(key, &b->key, err);
}

/* All of the settings into *b; nothing is opened. */
static enum status
blob_read(struct blob *b, const struct given *g, struct err *err)
{
    char key[256] = "", *end;
    const char *string = given_get(g, "connection_string"), *sas = given_get(g, "sas");
    enum status st = ST_OK;

    if (string[0] != '\0')
        st = read_connection_string(b, string, key, err);
    if (sas[0] == '?')
        sas++;
    const struct {
        const char *name, *value;
        char *out;
        size_t size;
    } texts[] = {
        {"endpoint",   given_get(g,      "endpoint"),      b->endpoint,             sizeof b->endpoint},
        {"account",    given_get(g,      "account"),       b->account,              sizeof b->account },
        {"key",        given_get(g,      "key"),           key,                     sizeof key        },
        {"sas",        sas,              b->sas,           sizeof b->sas          },
        {"tenant", given_get(g,        "tenant"),        b->tenant,        sizeof b->tenant                  },
        {"client_id", given_get(g,     "client_id"),     b->client_id,     sizeof b->client_id},
        {"client_secret", given_get(g, "client_secret"), b->client_secret, sizeof b->client_secret                  },
        {"authority", given_get(g,     "authority"),     b->authority,     sizeof b->authority},
        {"ca_file", given_get(g,       "ca_file"),       b->ca_file,       sizeof b->ca_file                  },
    };

    for (size_t i = 0; st == ST_OK && i < COUNT_OF(texts); i++)
        if (texts[i].value[0] != '\0')
            st = copy(texts[i].out, texts[i].size, texts[i].value, texts[i].name, err);
    if (st == ST_OK && strpbrk(b->sas, " \"") != NULL)
        st = err_set(err, ST_INVALID, "blob: sas is no query string");
    if (st != ST_OK)
        return st;
    b->insecure = strcmp(given_get(g, "insecure"), "true") == 0;
    if (!b->insecure && strcmp(given_get(g, "insecure"), "false") != 0)
        return err_set(err, ST_INVALID, "blob: insecure is true or false");
    unsigned long timeout = strtoul(given_get(g, "timeout_ms"), &end, 10);

    if (*end != '\0' || timeout < 100 || timeout > 600000)
        return err_set(err, ST_INVALID, "blob: timeout_ms is a number from 100 to 600000");
    b->timeout_ms = (unsigned)timeout;
    st = check_endpoint(b, err);
    if (st != ST_OK)
        return st;
    account_of_endpoint(b);
    return check_credential(b, key, err);
}

/* ---- one request ---- */

struct request {
    const char *method;
    const char *name;                 /* container or container/blob */
    const char *query;                /* NULL: none */
    const char *headers[HEADERS_MAX]; /* its own, NULL-terminated */
    struct span body;
    struct http_exchange x;
};

static enum status
authorize(struct blob *b, const char *const *headers, const struct request *r, struct err *err)
{
    const char *token;
    enum status st;

    if (b->has_key) {
        static const char prefix[] = "Authorization: ";

        memcpy(b->authorization, prefix, sizeof prefix);
        return azure_shared_key(b->account, &b->key, r->method, b->url, headers, r->body.n,
                                b->authorization + sizeof prefix - 1, err);
    }
    if (b->oauth == NULL)
        return ST_OK;
    st = azure_oauth_token(b->oauth, clock_monotonic_ms(), &token, NULL, err);
    if (st != ST_OK)
        return st;
    if (strlen(token) >= TOKEN_SIZE)
        return err_set(err, ST_IO, "blob: the token has more than %d bytes", TOKEN_SIZE - 1);
    snprintf(b->authorization, sizeof b->authorization, "Authorization: Bearer %s", token);
    return ST_OK;
}

/* ST_OK: there is an answer in r->x. Anything else: nobody knows what happened. */
static enum status
request_send(struct blob *b, struct request *r, struct err *err)
{
    char date[48] = "x-ms-date: ";
    const char *headers[HEADERS_MAX + 4];
    size_t count = 0;
    enum status st;

    azure_http_date((clock_ticks() - TICKS_AT_UNIX_EPOCH) / TICKS_PER_SECOND, date + 11);
    snprintf(b->url, sizeof b->url, "%s/%s%s%s%s%s", b->endpoint, r->name,
             r->query != NULL || b->sas[0] != '\0' ? "?" : "", r->query != NULL ? r->query : "",
             r->query != NULL && b->sas[0] != '\0' ? "&" : "", b->sas);
    for (size_t i = 0; i < HEADERS_MAX && r->headers[i] != NULL; i++)
        headers[count++] = r->headers[i];
    headers[count++] = date;
    headers[count++] = "x-ms-version: " SERVICE_VERSION;
    headers[count] = NULL;
    b->authorization[0] = '\0';
    st = authorize(b, headers, r, err);
    if (st != ST_OK)
        return st;
    if (b->authorization[0] != '\0')
        headers[count++] = b->authorization;
    headers[count] = NULL;
    r->x = (struct http_exchange){.method = r->method,
                                  .url = b->url,
                                  .headers = headers,
                                  .body = &r->body,
                                  .body_count = r->body.n > 0 ? 1 : 0};
    st = http_client_send(b->http, &r->x, err);
    r->x.headers = NULL;
    if (st == ST_OK && r->x.status == 401 && b->oauth != NULL)
        azure_oauth_forget(b->oauth);
    return st;
}

static bool
header_is(const struct http_exchange *x, const char *name, const char *value)
{
    struct span s = http_client_header(x, name);

    return s.n == strlen(value) && strncasecmp(s.p, value, s.n) == 0;
}

static uint64_t
header_number(const struct http_exchange *x, const char *name)
{
    struct span s = http_client_header(x, name);
    uint64_t number = 0;

    for (size_t i = 0; i < s.n && s.n < 20 && isdigit((unsigned char)s.p[i]); i++)
        number = number * 10 + (uint64_t)(s.p[i] - '0');
    return number;
}

/* ---- what an answer means ---- */

enum meaning {
    DONE,
    NO_CONTAINER, /* make it */
    NO_BLOB,      /* make it if it should be empty, else somebody removed it */
    THERE,        /* made already: fine */
    MOVED,        /* the length is another: see whose bytes these are */
    FULL,         /* takes no more: the next object */
    LATER,        /* a person or time mends it */
    BUSY,         /* so for the whole account: do not even try the rest */
    REFUSED,      /* never */
};

static const struct {
    unsigned status;  /* 0: any */
    const char *code; /* x-ms-error-code; NULL: any */
    enum meaning meaning;
    const char *mend;
} answers[] = {
    {201, NULL,                                 DONE,         ""                                                               },
    {404, "ContainerNotFound",                  NO_CONTAINER, ""                                                               },
    {404, "BlobNotFound",                       NO_BLOB,      ""                                                               },
    {404, NULL,                                 LATER,        "is the endpoint a blob service, and the account there?"         },
    {409, "ContainerAlreadyExists",             THERE,        ""                                                               },
    {409, "BlobAlreadyExists",                  THERE,        ""                                                               },
    {409, "BlockCountExceedsLimit",             FULL,         "the blob has had its 50,000 appends"                            },
    {409, "InvalidBlobType",                    FULL,         "a blob of another type has the name"                            },
    {409, "BlobArchived",                       FULL,         "the blob is archived"                                           },
    {409, "BlobIsSealed",                       FULL,         "the blob is sealed"                                             },
    {409, "ContainerBeingDeleted",              LATER,        "the container is being deleted"                                 },
    {409, "BlobImmutableDueToPolicy",           LATER,        "allow appends in the container's retention policy"              },
    {409, NULL,                                 LATER,        "the account refuses it now"                                     },
    {412, "AppendPositionConditionNotMet",      MOVED,        ""                                                               },
    {412, "MaxBlobSizeConditionNotMet",         FULL,         "the blob has its largest size"                                  },
    {412, "LeaseIdMissing",                     LATER,        "another program holds a lease on it: break the lease"           },
    {412, NULL,                                 MOVED,        ""                                                               },
    {413, NULL,                                 REFUSED,      "the service takes no body of that size"                         },
    {414, NULL,                                 REFUSED,      "the service takes no name of that length"                       },
    {400, "InvalidResourceName",                REFUSED,      "the service takes no such name"                                 },
    {400, "Md5Mismatch",                        LATER,        "the body was damaged on its way"                                },
    {400, "InvalidAuthenticationInfo",          LATER,        "check the key or SAS, and this machine's clock"                 },
    {400, NULL,                                 LATER,        "the service does not understand the request: check the endpoint"},
    {401, NULL,                                 LATER,        "the credential is not taken: check it, and this machine's clock"},
    {403, "AuthenticationFailed",               LATER,
     "check the key or the SAS and its end, and this machine's clock"                                                          },
    {403, "AuthorizationPermissionMismatch",    LATER,
     "grant 'Storage Blob Data Contributor', or a SAS with racw"                                                               },
    {403, "AuthorizationFailure",               LATER,        "the account's firewall or the SAS forbids it"                   },
    {403, "KeyBasedAuthenticationNotPermitted", LATER,        "the account takes no keys: use client_id"                       },
    {403, "AccountIsDisabled",                  LATER,        "the account is disabled"                                        },
    {403, NULL,                                 LATER,        "the credential does not allow it"                               },
    {408, NULL,                                 BUSY,         ""                                                               },
    {429, NULL,                                 BUSY,         "throttled"                                                      },
    {500, NULL,                                 BUSY,         ""                                                               },
    {502, NULL,                                 BUSY,         ""                                                               },
    {503, NULL,                                 BUSY,         "throttled"                                                      },
    {504, NULL,                                 BUSY,         ""                                                               },
    {0,   NULL,                                 LATER,        "no answer of a blob service: check the endpoint"                },
};

static size_t
answer_find(const struct http_exchange *x)
{
    size_t i = 0;

    while (answers[i].status != 0 &&
           (answers[i].status != x->status ||
            (answers[i].code != NULL && !header_is(x, "x-ms-error-code", answers[i].code))))
        i++;
    return i;
}

/* Status, code and mend; never the body: it may repeat a signature. */
static void
answer_text(const struct http_exchange *x, size_t answer, char out[160])
{
    struct span code = http_client_header(x, "x-ms-error-code");
    char clean[64];
    size_t n = 0;

    for (; n < code.n && n + 1 < sizeof clean; n++)
        clean[n] = isalnum((unsigned char)code.p[n]) ? code.p[n] : '?';
    clean[n] = '\0';
    snprintf(out, 160, "%u%s%s%s%s", x->status, n > 0 ? " " : "", clean,
             answers[answer].mend[0] != '\0' ? ": " : "", answers[answer].mend);
}

/* ---- sending ---- */

static void
parcel_answered(const struct blob *b, struct parcel *p, const struct http_exchange *x,
                const char *what, const char *name, size_t answer)
{
    char text[160];

    answer_text(x, answer, text);
    if (answers[answer].meaning == REFUSED)
        parcel_refuse(p, "cannot %s %s/%.150s: %s", what, b->endpoint, name, text);
    else
        parcel_retry(p, x->retry_after_ms, "cannot %s %s/%.150s: %s", what, b->endpoint, name,
                     text);
    p->is_full = answers[answer].meaning == FULL;
}

/* True: go on; else *p is answered, and *is_down says whether anything else has a chance. */
static bool
container_make(struct blob *b, struct parcel *p, bool *is_down)
{
    char container[LAYOUT_NAME_MAX];
    struct request r = {.method = "PUT", .name = container, .query = "restype=container"};
    struct err err;

    snprintf(container, sizeof container, "%.*s", (int)strcspn(p->name, "/"), p->name);
    if (request_send(b, &r, &err) != ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        *is_down = true;
        return false;
    }
    size_t answer = answer_find(&r.x);

    if (answers[answer].meaning == DONE || answers[answer].meaning == THERE)
        return true;
    *is_down = answers[answer].meaning == BUSY;
    parcel_answered(b, p, &r.x, "make the container", container, answer);
    return false;
}

static bool
blob_make(struct blob *b, struct parcel *p, bool *is_down)
{
    struct request r = {
        .method = "PUT",
        .name = p->name,
        .headers = {"x-ms-blob-type: AppendBlob", "If-None-Match: *",
                    "Content-Type: application/octet-stream"}
    };
    struct err err;

    if (request_send(b, &r, &err) != ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        *is_down = true;
        return false;
    }
    size_t answer = answer_find(&r.x);

    switch (answers[answer].meaning) {
    case DONE:
    case THERE:
    case MOVED: /* 412: If-None-Match */
        return true;
    case NO_CONTAINER:
        return container_make(b, p, is_down);
    default:
        *is_down = answers[answer].meaning == BUSY;
        parcel_answered(b, p, &r.x, "make", p->name, answer);
        return false;
    }
}

/* The blob is longer or shorter than it should be: reads what stands at the parcel's place. */
static bool
parcel_compare(struct blob *b, struct parcel *p)
{
    char range[80];
    struct request r = {.method = "GET", .name = p->name, .headers = {range}};
    struct err err;

    snprintf(range, sizeof range, "x-ms-range: bytes=%llu-%llu", (unsigned long long)p->offset,
             (unsigned long long)(p->offset + p->body.n - 1));
    if (request_send(b, &r, &err) != ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        return false;
    }
    size_t answer = answer_find(&r.x);

    if ((r.x.status == 206 || (r.x.status == 200 && p->offset == 0)) &&
        r.x.response.n >= p->body.n && memcmp(r.x.response.p, p->body.p, p->body.n) == 0) {
        parcel_done(p);
        return true;
    }
    if (r.x.status == 200 || r.x.status == 206 || r.x.status == 416 ||
        answers[answer].meaning == NO_BLOB || answers[answer].meaning == NO_CONTAINER) {
        parcel_retry(p, -1, "%s/%.150s is not %llu bytes long: something else writes there",
                     b->endpoint, p->name, (unsigned long long)p->offset);
        p->is_foreign = true;
        return true;
    }
    parcel_answered(b, p, &r.x, "read", p->name, answer);
    p->is_full = false;
    return answers[answer].meaning != BUSY;
}

/* One append and what it takes. False: nothing else has a chance now. */
static bool
parcel_send(struct blob *b, struct parcel *p)
{
    char position[64];
    struct request r = {
        .method = "PUT",
        .name = p->name,
        .query = "comp=appendblock",
        .headers = {position, "Content-Type: application/octet-stream"},
        .body = p->body
    };
    struct err err;
    bool is_down = false;

    if (layout_check(p->lane, LAYOUT_AZURE, p->name, &err) != ST_OK) {
        parcel_refuse(p, "%s", err.text);
        return true;
    }
    if (p->offset + p->body.n > LAYOUT_OBJECT_SIZE_MAX) {
        parcel_retry(p, -1, "%s/%.150s is full", b->endpoint, p->name);
        p->is_full = true;
        return true;
    }
    snprintf(position, sizeof position, "x-ms-blob-condition-appendpos: %llu",
             (unsigned long long)p->offset);
    for (int step = 0; step < STEPS_MAX; step++) {
        enum status st = request_send(b, &r, &err);

        if (st != ST_OK) {
            parcel_retry(p, -1, "%s", err.text);
            return false;
        }
        size_t answer = answer_find(&r.x);
        enum meaning meaning = answers[answer].meaning;

        if (meaning == DONE) {
            parcel_done(p);
            return true;
        }
        if (meaning == MOVED)
            return parcel_compare(b, p);
        if ((meaning == NO_BLOB || meaning == NO_CONTAINER) && p->offset > 0) {
            parcel_retry(p, -1, "%s/%.150s is gone, it had %llu bytes", b->endpoint, p->name,
                         (unsigned long long)p->offset);
            p->is_foreign = true;
            return true;
        }
        if (meaning == NO_BLOB || meaning == NO_CONTAINER) {
            if ((meaning == NO_CONTAINER && !container_make(b, p, &is_down)) ||
                !blob_make(b, p, &is_down))
                return !is_down;
            continue;
        }
        parcel_answered(b, p, &r.x, "append to", p->name, answer);
        return meaning != BUSY;
    }
    parcel_retry(p, -1, "%s/%.150s vanishes again and again", b->endpoint, p->name);
    return true;
}

static void
blob_send(void *state, struct parcel *parcels, size_t count)
{
    struct blob *b = state;
    bool all_done = true, goes_on = true;
    size_t down = 0;

    for (size_t i = 0; i < count; i++) {
        struct parcel *p = &parcels[i];

        if (!all_done && parcel_held_back(parcels, i))
            continue;
        if (b->stop != NULL && atomic_load_explicit(b->stop, memory_order_relaxed)) {
            parcel_retry(p, -1, "stopping");
        } else if (!goes_on) {
            parcel_retry(p, parcels[down].retry_after_ms, "%s", parcels[down].err.text);
        } else {
            goes_on = parcel_send(b, p);
            down = i;
        }
        all_done = all_done && p->sent == SENT_DONE;
    }
}

/* ---- looking ---- */

struct look {
    bool is_there, takes_more;
    uint64_t length;
};

static enum status
blob_look(struct blob *b, const char *name, struct look *look, struct err *err)
{
    struct request r = {.method = "HEAD", .name = name};
    char text[160];
    enum status st = request_send(b, &r, err);

    *look = (struct look){false, false, 0};
    if (st != ST_OK)
        return ST_IO;
    size_t answer = answer_find(&r.x);

    if (answers[answer].meaning == NO_BLOB || answers[answer].meaning == NO_CONTAINER)
        return ST_OK;
    if (r.x.status != 200 || http_client_header(&r.x, "x-ms-blob-type").n == 0) {
        answer_text(&r.x, answer, text);
        return err_set(err, ST_IO, "cannot see %s/%.150s: %s", b->endpoint, name, text);
    }
    look->is_there = true;
    look->length = header_number(&r.x, "Content-Length");
    look->takes_more =
        header_is(&r.x, "x-ms-blob-type", "AppendBlob") &&
        !header_is(&r.x, "x-ms-blob-sealed", "true") &&
        header_number(&r.x, "x-ms-blob-committed-block-count") < LAYOUT_APPENDS_MAX &&
        look->length < LAYOUT_OBJECT_SIZE_MAX;
    return ST_OK;
}

static enum status
blob_locate(void *state, const struct lane *lane, bool full, char name[512], uint64_t *length,
            struct err *err)
{
    bool takes_more = false;

    for (unsigned i = 0; i < LAYOUT_OBJECTS_MAX; i++) {
        char at[LAYOUT_NAME_MAX];
        struct look look = {false, false, 0};
        enum status st = layout_name(lane, LAYOUT_AZURE, i, at, err);

        if (st == ST_OK)
            st = blob_look(state, at, &look, err);
        if (st != ST_OK)
            return st;
        if (!look.is_there && takes_more && !full)
            return ST_OK;
        snprintf(name, 512, "%s", at);
        *length = look.length;
        if (!look.is_there)
            return ST_OK;
        takes_more = look.takes_more;
    }
    return err_set(err, ST_FULL, "blob: %s has %d objects for one hour", lane->category,
                   LAYOUT_OBJECTS_MAX);
}

static enum status
blob_length(void *state, const struct lane *lane, const char *name, uint64_t *length,
            struct err *err)
{
    struct look look = {false, false, 0};
    enum status st = layout_check(lane, LAYOUT_AZURE, name, err);

    if (st == ST_OK)
        st = blob_look(state, name, &look, err);
    *length = look.length;
    return st;
}

static enum status
blob_holds(void *state, const struct lane *lane, const char *name, uint64_t offset,
           struct span bytes, bool *same, struct err *err)
{
    struct blob *b = state;
    char range[80], text[160];
    struct request r = {.method = "GET", .name = name, .headers = {range}};
    enum status st = layout_check(lane, LAYOUT_AZURE, name, err);

    *same = false;
    if (st != ST_OK)
        return st;
    snprintf(range, sizeof range, "x-ms-range: bytes=%llu-%llu", (unsigned long long)offset,
             (unsigned long long)(offset + bytes.n - 1));
    if (request_send(b, &r, err) != ST_OK)
        return ST_IO;
    size_t answer = answer_find(&r.x);

    if (r.x.status == 206 || (r.x.status == 200 && offset == 0))
        *same = r.x.response.n >= bytes.n && memcmp(r.x.response.p, bytes.p, bytes.n) == 0;
    else if (r.x.status != 416 && answers[answer].meaning != NO_BLOB &&
             answers[answer].meaning != NO_CONTAINER) {
        answer_text(&r.x, answer, text);
        return err_set(err, ST_IO, "cannot read %s/%.150s: %s", b->endpoint, name, text);
    }
    return ST_OK;
}

/* ---- open and close ---- */

static enum status
blob_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct blob *b = calloc(1, sizeof *b);
    enum status st = ST_FULL;

    if (b == NULL)
        return err_set(err, ST_FULL, "blob: no memory");
    st = blob_read(b, &(struct given){values, count}, err);
    explicit_bzero(b, sizeof *b);
    free(b);
    return st;
}

static void
blob_close(void *state)
{
    struct blob *b = state;

    azure_oauth_close(b->oauth);
    http_client_close(b->http);
    explicit_bzero(b, sizeof *b);
    free(b);
}

static enum status
blob_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
          struct err *err)
{
    enum status st = sink_check(&sink_blob, values, count, err);
    struct blob *b = st == ST_OK ? calloc(1, sizeof *b) : NULL;

    if (st != ST_OK)
        return st;
    if (b == NULL)
        return err_set(err, ST_FULL, "blob: no memory");
    st = blob_read(b, &(struct given){values, count}, err);
    if (st != ST_OK)
        goto fail;
    b->stop = stop;
    st = http_client_open(
        &(struct http_client_options){
            .connect_ms_max = b->timeout_ms < 10000 ? b->timeout_ms : 10000,
            .total_ms_max = b->timeout_ms,
            .stall_ms_max = b->timeout_ms / 2 + 1,
            .ca_file = b->ca_file[0] != '\0' ? b->ca_file : NULL,
            .insecure = b->insecure,
            .response_size_max = BODY_MAX + 1024,
            .stop = stop,
        },
        &b->http, err);
    if (st == ST_OK && b->client_id[0] != '\0')
        st = azure_oauth_open(
            &(struct azure_oauth_options){
                .authority = b->authority,
                .tenant = b->tenant,
                .client_id = b->client_id,
                .client_secret = b->client_secret,
                .scope = STORAGE_SCOPE,
                .ca_file = b->ca_file[0] != '\0' ? b->ca_file : NULL,
                .insecure = b->insecure,
                .stop = stop,
            },
            &b->oauth, err);
    if (st != ST_OK)
        goto fail;
    *state = b;
    return ST_OK;

fail:
    blob_close(b);
    return st;
}

const struct sink_kind sink_blob = {
    .name = "blob",
    .help = "Azure Blob storage: a container per event type, hourly append blobs.",
    .framing = FRAME_LINES,
    .by_hour = true,
    .is_positioned = true,
    .is_lasting_at_once = true,
    .body_max = BODY_MAX,
    .batch_bytes = BODY_MAX,
    .linger_ms = 30000, /* about what Azure's own writer does (streaming-api.md section 3) */
    .settings = blob_settings,
    .check = blob_check,
    .open = blob_open,
    .send = blob_send,
    .locate = blob_locate,
    .length = blob_length,
    .holds = blob_holds,
    .close = blob_close,
};
