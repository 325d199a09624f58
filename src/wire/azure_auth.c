#include "wire/azure_auth.h"
#include "base/clock.h"
#include "wire/http_client.h"
#include "wire/json.h"
#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
    SIGN_SIZE_MAX = 4096, /* bytes of a string to sign */
    SIGN_ITEMS_MAX = 32,  /* x-ms headers or query parameters */
    TOKEN_SIZE_MAX = 65536,
    RENEW_AGAIN_MS = 30000,
};

/* ---- text that grows in a fixed room ---- */

struct text {
    char *p;
    size_t size, used; /* used == size: it did not fit */
};

static void
text_add(struct text *t, struct span s)
{
    if (s.n >= t->size - t->used) {
        t->used = t->size;
        return;
    }
    if (s.n > 0)
        memcpy(t->p + t->used, s.p, s.n);
    t->used += s.n;
    t->p[t->used] = '\0';
}

static void
text_add_encoded(struct text *t, struct span s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (size_t i = 0; i < s.n; i++) {
        char hex[4];

        if (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL) {
            text_add(t, (struct span){s.p + i, 1});
            continue;
        }
        snprintf(hex, sizeof hex, "%%%02X", (unsigned char)s.p[i]);
        text_add(t, span_of(hex));
    }
}

static bool
text_fits(const struct text *t)
{
    return t->used < t->size;
}

bool
azure_percent_encode(struct span text, char *out, size_t out_size)
{
    struct text t = {out, out_size, 0};

    if (out_size == 0)
        return false;
    out[0] = '\0';
    text_add_encoded(&t, text);
    return text_fits(&t);
}

/* ---- connection strings ---- */

static struct span
trimmed(struct span s)
{
    while (s.n > 0 && isspace((unsigned char)s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

struct span
azure_connection_value(const char *text, const char *name)
{
    while (*text != '\0') {
        size_t n = strcspn(text, ";");
        const char *equals = memchr(text, '=', n);

        if (equals != NULL) {
            struct span key = trimmed((struct span){text, (size_t)(equals - text)});

            if (key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0)
                return trimmed((struct span){equals + 1, n - (size_t)(equals + 1 - text)});
        }
        text += n + (text[n] == ';');
    }
    return (struct span){NULL, 0};
}

enum status
azure_connection_copy(const char *text, const char *name, char *out, size_t out_size,
                      struct err *err)
{
    struct span value = azure_connection_value(text, name);

    if (value.p == NULL)
        return err_set(err, ST_END, "the connection string has no %s", name);
    if (value.n >= out_size)
        return err_set(err, ST_INVALID, "the connection string's %s is longer than %zu bytes", name,
                       out_size - 1);
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return ST_OK;
}

/* ---- Shared Key ---- */

enum status
azure_key_read(const char *base64, struct azure_key *key, struct err *err)
{
    unsigned char decoded[AZURE_KEY_SIZE_MAX + 3];
    struct span text = trimmed(span_of(base64));
    size_t padding = 0;
    int n;

    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    if (text.n == 0 || text.n % 4 != 0 || text.n / 4 * 3 > sizeof decoded ||
        memchr(text.p, '=', text.n - padding) != NULL)
        return err_set(err, ST_INVALID,
                       "the account key is not base64 of at most %d bytes: copy key1 whole",
                       AZURE_KEY_SIZE_MAX);
    n = EVP_DecodeBlock(decoded, (const unsigned char *)text.p, (int)text.n);
    if (n < 0 || (size_t)n < padding || (size_t)n - padding > AZURE_KEY_SIZE_MAX)
        return err_set(err, ST_INVALID, "the account key is not base64: copy key1 whole");
    key->size = (size_t)n - padding;
    memcpy(key->bytes, decoded, key->size);
    OPENSSL_cleanse(decoded, sizeof decoded);
    return ST_OK;
}

static struct span
header_value(const char *const *headers, const char *name)
{
    size_t n = strlen(name);

    for (; headers != NULL && *headers != NULL; headers++)
        if (strncasecmp(*headers, name, n) == 0 && (*headers)[n] == ':')
            return trimmed(span_of(*headers + n + 1));
    return (struct span){"", 0};
}

struct item { /* a name and a value, both within the caller's text */
    struct span name, value;
};

static int
item_compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = strncasecmp(x->name.p, y->name.p, n);

    if (order == 0)
        order = (x->name.n > y->name.n) - (x->name.n < y->name.n);
    return order;
}

static void
add_lower(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)tolower((unsigned char)s.p[i]);

        text_add(t, (struct span){&c, 1});
    }
}

static void
add_decoded(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char hex[3] = "", c = s.p[i];

        if (c == '%' && i + 2 < s.n && isxdigit((unsigned char)s.p[i + 1]) &&
            isxdigit((unsigned char)s.p[i + 2])) {
            memcpy(hex, s.p + i + 1, 2);
            c = (char)strtoul(hex, NULL, 16);
            i += 2;
        }
        text_add(t, (struct span){&c, 1});
    }
}

static bool
add_headers(struct text *t, const char *const *headers)
{
    struct item items[SIGN_ITEMS_MAX];
    size_t count = 0;

    for (; headers != NULL && *headers != NULL; headers++) {
        const char *colon = strchr(*headers, ':');

        if (colon == NULL || strncasecmp(*headers, "x-ms-", 5) != 0)
            continue;
        if (count == SIGN_ITEMS_MAX)
            return false;
        items[count].name = trimmed((struct span){*headers, (size_t)(colon - *headers)});
        items[count++].value = trimmed(span_of(colon + 1));
    }
    qsort(items, count, sizeof items[0], item_compare);
    for (size_t i = 0; i < count; i++) {
        add_lower(t, items[i].name);
        text_add(t, SPAN_LITERAL(":"));
        text_add(t, items[i].value);
        text_add(t, SPAN_LITERAL("\n"));
    }
    return true;
}

static bool
add_resource(struct text *t, const char *account, const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *path = strchr(scheme != NULL ? scheme + 3 : url, '/');
    size_t path_size = path != NULL ? strcspn(path, "?#") : 0;
    const char *query = strchr(url, '?');
    struct item items[SIGN_ITEMS_MAX];
    size_t count = 0;

    text_add(t, SPAN_LITERAL("/"));
    text_add(t, span_of(account));
    text_add(t, path_size > 0 ? (struct span){path, path_size} : SPAN_LITERAL("/"));
    for (const char *at = query == NULL ? "" : query + 1; *at != '\0';) {
        size_t n = strcspn(at, "&");
        const char *equals = memchr(at, '=', n);
        size_t name = equals != NULL ? (size_t)(equals - at) : n;

        if (count == SIGN_ITEMS_MAX)
            return false;
        if (n > 0)
            items[count++] = (struct item){
                {at,                           name                       },
                {at + name + (equals != NULL), n - name - (equals != NULL)}
            };
        at += n + (at[n] == '&');
    }
    qsort(items, count, sizeof items[0], item_compare);
    for (size_t i = 0; i < count; i++) {
        bool is_again = i > 0 && item_compare(&items[i - 1], &items[i]) == 0;

        if (is_again) {
            text_add(t, SPAN_LITERAL(","));
        } else {
            text_add(t, SPAN_LITERAL("\n"));
            add_lower(t, items[i].name);
            text_add(t, SPAN_LITERAL(":"));
        }
        add_decoded(t, items[i].value);
    }
    return true;
}

enum status
azure_shared_key_text(const char *account, const char *method, const char *url,
                      const char *const *headers, uint64_t content_length, char *out,
                      size_t out_size, struct err *err)
{
    /* the order of the documentation; Date stays empty since x-ms-date is sent */
    static const char *const plain[] = {"Content-Encoding",
                                        "Content-Language",
                                        NULL,
                                        "Content-MD5",
                                        "Content-Type",
                                        "",
                                        "If-Modified-Since",
                                        "If-Match",
                                        "If-None-Match",
                                        "If-Unmodified-Since",
                                        "Range"};
    struct text t = {out, out_size, 0};
    char length[24] = "";

    if (header_value(headers, "x-ms-date").n == 0)
        return err_set(err, ST_INVALID, "a request without x-ms-date cannot be signed");
    if (content_length > 0)
        snprintf(length, sizeof length, "%llu", (unsigned long long)content_length);
    text_add(&t, span_of(method));
    text_add(&t, SPAN_LITERAL("\n"));
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (plain[i] == NULL)
            text_add(&t, span_of(length));
        else if (plain[i][0] != '\0')
            text_add(&t, header_value(headers, plain[i]));
        text_add(&t, SPAN_LITERAL("\n"));
    }
    if (!add_headers(&t, headers) || !add_resource(&t, account, url) || !text_fits(&t))
        return err_set(err, ST_INVALID, "the request is too long to be signed");
    return ST_OK;
}

static bool
hmac_base64(const void *key, size_t key_size, const char *text, char out[48])
{
    unsigned char digest[32];
    unsigned n = 0;

    if (HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text), digest,
             &n) == NULL)
        return false;
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
    return true;
}

enum status
azure_shared_key(const char *account, const struct azure_key *key, const char *method,
                 const char *url, const char *const *headers, uint64_t content_length,
                 char out[AZURE_AUTHORIZATION_SIZE], struct err *err)
{
    char text[SIGN_SIZE_MAX], signature[48];
    enum status st = azure_shared_key_text(account, method, url, headers, content_length, text,
                                           sizeof text, err);

    if (st != ST_OK)
        return st;
    if (!hmac_base64(key->bytes, key->size, text, signature))
        return err_set(err, ST_IO, "OpenSSL cannot make an HMAC-SHA256");
    if (snprintf(out, AZURE_AUTHORIZATION_SIZE, "SharedKey %s:%s", account, signature) >=
        AZURE_AUTHORIZATION_SIZE)
        return err_set(err, ST_INVALID, "the account name is too long");
    return ST_OK;
}

void
azure_http_date(int64_t unix_seconds, char out[32])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t at = (time_t)unix_seconds;
    struct tm t;

    gmtime_r(&at, &t);
    snprintf(out, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * t.tm_wday,
             (unsigned)t.tm_mday % 100, months + 3 * t.tm_mon, ((unsigned)t.tm_year + 1900) % 10000,
             (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

/* ---- Event Hubs ---- */

enum status
azure_hub_token(const char *resource_uri, const char *key_name, const char *key,
                int64_t expiry_unix_seconds, char *out, size_t out_size, struct err *err)
{
    char to_sign[SIGN_SIZE_MAX], signature[48], expiry[24];
    struct text sign = {to_sign, sizeof to_sign, 0}, t = {out, out_size, 0};

    snprintf(expiry, sizeof expiry, "%lld", (long long)expiry_unix_seconds);
    text_add_encoded(&sign, span_of(resource_uri));
    text_add(&sign, SPAN_LITERAL("\n"));
    text_add(&sign, span_of(expiry));
    if (!text_fits(&sign))
        return err_set(err, ST_INVALID, "the event hub's address is too long to be signed");
    if (!hmac_base64(key, strlen(key), to_sign, signature))
        return err_set(err, ST_IO, "OpenSSL cannot make an HMAC-SHA256");
    text_add(&t, SPAN_LITERAL("SharedAccessSignature sr="));
    text_add_encoded(&t, span_of(resource_uri));
    text_add(&t, SPAN_LITERAL("&sig="));
    text_add_encoded(&t, span_of(signature));
    text_add(&t, SPAN_LITERAL("&se="));
    text_add(&t, span_of(expiry));
    text_add(&t, SPAN_LITERAL("&skn="));
    text_add_encoded(&t, span_of(key_name));
    if (!text_fits(&t))
        return err_set(err, ST_INVALID, "the event hub's token is longer than %zu bytes", out_size);
    return ST_OK;
}

/* ---- OAuth ---- */

struct azure_oauth {
    struct http_client *http;
    char *url, *body; /* of the token request; body holds the secret */
    char *ca_file;
    char *token; /* NULL: none */
    int64_t fetched_ms, expires_ms, again_ms;
};

static bool
is_safe_authority(const char *url)
{
    static const char *const loopback[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    if (strncmp(url, "https://", 8) == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(loopback); i++) {
        size_t n = strlen(loopback[i]);

        if (strncmp(url, loopback[i], n) == 0 && strchr(":/", url[n]) != NULL)
            return true;
    }
    return false;
}

static char *
form_make(const struct azure_oauth_options *o)
{
    size_t size = 3 * (strlen(o->client_id) + strlen(o->client_secret) + strlen(o->scope)) + 128;
    char *body = malloc(size);
    struct text t = {body, size, 0};

    if (body == NULL)
        return NULL;
    text_add(&t, SPAN_LITERAL("grant_type=client_credentials&client_id="));
    text_add_encoded(&t, span_of(o->client_id));
    text_add(&t, SPAN_LITERAL("&client_secret="));
    text_add_encoded(&t, span_of(o->client_secret));
    text_add(&t, SPAN_LITERAL("&scope="));
    text_add_encoded(&t, span_of(o->scope));
    return body;
}

enum status
azure_oauth_open(const struct azure_oauth_options *o, struct azure_oauth **oauth, struct err *err)
{
    const char *authority =
        o->authority != NULL ? o->authority : "https://login.microsoftonline.com";
    size_t n = strlen(authority);
    char tenant[256];
    struct azure_oauth *a;
    enum status st;

    if (o->tenant == NULL || o->client_id == NULL || o->client_secret == NULL || o->scope == NULL)
        return err_set(err, ST_INVALID,
                       "OAuth needs a tenant, a client id, a client secret and a scope");
    if (!is_safe_authority(authority))
        return err_set(err, ST_INVALID,
                       "the authority %.100s must be https: the client secret is sent to it",
                       authority);
    if (!azure_percent_encode(span_of(o->tenant), tenant, sizeof tenant))
        return err_set(err, ST_INVALID, "the OAuth tenant is too long");
    while (n > 0 && authority[n - 1] == '/')
        n--;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(err, ST_FULL, "OAuth: no memory");
    a->body = form_make(o);
    a->ca_file = o->ca_file != NULL ? strdup(o->ca_file) : NULL;
    if (asprintf(&a->url, "%.*s/%s/oauth2/v2.0/token", (int)n, authority, tenant) < 0)
        a->url = NULL;
    st = ST_FULL;
    if (a->body == NULL || a->url == NULL || (o->ca_file != NULL && a->ca_file == NULL)) {
        err_set(err, st, "OAuth: no memory");
        goto fail;
    }
    st = http_client_open(
        &(struct http_client_options){
            .connect_ms_max = 10000,
            .total_ms_max = 30000,
            .stall_ms_max = 15000,
            .ca_file = a->ca_file,
            .insecure = o->insecure,
            .response_size_max = TOKEN_SIZE_MAX,
            .stop = o->stop,
        },
        &a->http, err);
    if (st != ST_OK)
        goto fail;
    *oauth = a;
    return ST_OK;

fail:
    azure_oauth_close(a);
    return st;
}

void
azure_oauth_forget(struct azure_oauth *a)
{
    if (a->token != NULL)
        OPENSSL_cleanse(a->token, strlen(a->token));
    free(a->token);
    a->token = NULL;
    a->again_ms = 0;
}

void
azure_oauth_close(struct azure_oauth *a)
{
    if (a == NULL)
        return;
    azure_oauth_forget(a);
    http_client_close(a->http);
    if (a->body != NULL)
        OPENSSL_cleanse(a->body, strlen(a->body));
    free(a->body);
    free(a->url);
    free(a->ca_file);
    free(a);
}

/* "expires_in" is a number, in some authorities' answers a string. */
static int64_t
lifetime_s(const json_t *answer)
{
    const json_t *value = json_object_get(answer, "expires_in");
    int64_t s = json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                      : (int64_t)json_number_value(value);

    return s < 0 ? 0 : s > 86400 * 7 ? 86400 * 7 : s;
}

/* An authority's reason, without control characters and cut: its text is not ours. */
static void
reason_copy(char out[160], const json_t *answer)
{
    const char *code = json_string_value(json_object_get(answer, "error"));
    const char *text = json_string_value(json_object_get(answer, "error_description"));

    snprintf(out, 160, "%.40s%s%.110s", code != NULL ? code : "no reason given",
             text != NULL ? ": " : "", text != NULL ? text : "");
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static enum status
token_take(struct azure_oauth *a, const struct http_exchange *x, int64_t now_ms, struct err *err)
{
    json_t *answer = json_loadb(x->response.p != NULL ? x->response.p : "", x->response.n,
                                JSON_REJECT_DUPLICATES, NULL);
    const char *token = json_string_value(json_object_get(answer, "access_token"));
    int64_t life_s = lifetime_s(answer);
    char reason[160], *copy;
    enum status st = ST_OK;

    if (x->status != 200 || token == NULL || token[0] == '\0' || life_s <= 0 ||
        strpbrk(token, "\r\n \t") != NULL) {
        reason_copy(reason, answer);
        st = err_set(err, ST_IO, "%s gave no token (HTTP %u): %s", a->url, x->status, reason);
    } else if ((copy = strdup(token)) == NULL) {
        st = err_set(err, ST_FULL, "OAuth: no memory");
    } else {
        azure_oauth_forget(a);
        a->token = copy;
        a->fetched_ms = now_ms;
        a->expires_ms = now_ms + life_s * 1000;
    }
    json_decref(answer);
    return st;
}

static enum status
token_fetch(struct azure_oauth *a, int64_t now_ms, struct err *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    struct span body = span_of(a->body);
    struct http_exchange x = {
        .method = "POST", .url = a->url, .headers = headers, .body = &body, .body_count = 1};
    enum status st = http_client_send(a->http, &x, err);

    return st == ST_OK ? token_take(a, &x, now_ms, err) : st;
}

enum status
azure_oauth_token(struct azure_oauth *a, int64_t now_ms, const char **token, int64_t *expires_ms,
                  struct err *err)
{
    bool is_valid = a->token != NULL && now_ms < a->expires_ms;
    bool is_due = !is_valid || a->expires_ms - now_ms <= (a->expires_ms - a->fetched_ms) / 5;

    if (is_due && (!is_valid || now_ms >= a->again_ms)) {
        enum status st = token_fetch(a, now_ms, err);

        if (st != ST_OK && !is_valid)
            return st;
        if (st != ST_OK)
            a->again_ms = now_ms + RENEW_AGAIN_MS;
    }
    *token = a->token;
    if (expires_ms != NULL)
        *expires_ms = a->expires_ms;
    return ST_OK;
}
