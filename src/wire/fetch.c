#include "wire/fetch.h"
#include "base/clock.h"
#include "wire/http_client.h"
#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

/* ---- a URL taken apart ---- */

enum { HOST_SIZE_MAX = 255, LATER_MS = 20 };
#define NO_URL "it is no URL that begins with https://"

/* The URL anew, from its parts. */
struct place {
    char *text;
    size_t origin_size, path_size; /* scheme, host and port; the path behind it */
};

static void
place_free(struct place *p)
{
    free(p->text);
    *p = (struct place){NULL, 0, 0};
}

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A byte of the path, decoded; -1: "%" and no two hex digits. *at goes behind it. */
static int
decode(struct span path, size_t *at)
{
    int high, low;

    if (path.p[*at] != '%')
        return (unsigned char)path.p[(*at)++];
    if (path.n - *at < 3)
        return -1;
    high = hex_of(path.p[*at + 1]);
    low = hex_of(path.p[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* What servers may read otherwise than it is compared; NULL: nothing. */
static const char *
path_fault(struct span path)
{
    size_t at = 0, size = 0; /* of the segment, decoded */
    bool is_dots = true;

    while (at < path.n) {
        bool is_encoded = path.p[at] == '%';
        int c = decode(path, &at);

        if (c < 0)
            return "its path has a '%' without two hex digits";
        if (is_encoded && (c == '/' || c == '\\' || c < ' ' || c == 0x7f))
            return "its path has an encoded slash or control character";
        if (is_encoded && c == '%' && path.n - at >= 2 && hex_of(path.p[at]) >= 0 &&
            hex_of(path.p[at + 1]) >= 0)
            return "its path is encoded twice";
        if (c == ';')
            return "its path has a ';': ways to sign in (;impersonate, ;token=...) are not known "
                   "here; a signature belongs into the query (SAS)";
        if (c == '/') {
            if (is_dots && (size == 1 || size == 2))
                return "its path has a segment '.' or '..'";
            size = 0;
            is_dots = true;
        } else {
            size++;
            is_dots = is_dots && c == '.';
        }
    }
    return is_dots && (size == 1 || size == 2) ? "its path has a segment '.' or '..'" : NULL;
}

static const char *
text_fault(struct span text)
{
    if (text.n == 0)
        return "it is empty";
    if (text.n > FETCH_URL_SIZE_MAX)
        return "it is longer than 8192 bytes";
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '\\')
            return "it has a blank, a backslash or a letter that a URL writes as %XX";
    return NULL;
}

/* What parsers disagree about, refused as it is written: a user, even an empty one; an encoded host; none; a scheme without two
 * slashes. */
static const char *
authority_fault(struct span text)
{
    size_t at = 0, end;
    bool has_scheme;

    while (at < text.n && strchr(":/?#", text.p[at]) == NULL)
        at++;
    has_scheme = at < text.n && text.p[at] == ':';
    at += has_scheme;
    if (text.n - at < 2 || memcmp(text.p + at, "//", 2) != 0)
        return has_scheme ? NO_URL : NULL; /* relative, or nothing that has a host */
    at += 2;
    for (end = at; end < text.n && strchr("/?#", text.p[end]) == NULL; end++)
        ;
    if (memchr(text.p + at, '@', end - at) != NULL)
        return "it names a user";
    return end == at || memchr(text.p + at, '%', end - at) != NULL
               ? "its host is none; one with other letters is written as xn--..."
               : NULL;
}

static bool
host_is_plain(const char *host)
{
    size_t n = strlen(host);

    if (n == 0 || n > HOST_SIZE_MAX)
        return false;
    if (host[0] == '[')
        return host[n - 1] == ']' && strspn(host + 1, "0123456789abcdefABCDEF:.") == n - 2;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)host[i]) && strchr("-._", host[i]) == NULL)
            return false;
    return host[0] != '.' && host[0] != '-' && host[n - 1] != '.' && strstr(host, "..") == NULL;
}

struct parts { /* of libcurl */
    char *scheme, *host, *port, *path, *query;
};

static void
parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->query);
}

static enum status
place_write(const struct parts *u, struct place *out, struct err *err)
{
    size_t size = strlen(u->path) + strlen(u->host) + 32;

    size += u->query != NULL ? strlen(u->query) : 0;
    out->text = malloc(size);
    if (out->text == NULL)
        return err_set(err, ST_FULL, "no memory for a URL");
    out->origin_size = (size_t)snprintf(out->text, size, "%s://%s%s%s", u->scheme, u->host,
                                        u->port != NULL ? ":" : "", u->port != NULL ? u->port : "");
    for (size_t i = 0; i < out->origin_size; i++)
        out->text[i] = (char)tolower((unsigned char)out->text[i]);
    out->path_size = strlen(u->path);
    snprintf(out->text + out->origin_size, size - out->origin_size, "%s%s%s", u->path,
             u->query != NULL ? "?" : "", u->query != NULL ? u->query : "");
    return ST_OK;
}

/* What is wrong with the parts; NULL: nothing. */
static const char *
parts_fault(CURLU *url, struct parts *u)
{
    char *user = NULL, *password = NULL;
    bool has_user = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
                    curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;

    curl_free(user);
    curl_free(password);
    if (curl_url_get(url, CURLUPART_SCHEME, &u->scheme, 0) != CURLUE_OK ||
        (strcasecmp(u->scheme, "https") != 0 && strcasecmp(u->scheme, "http") != 0))
        return "only https (or http, where it is allowed) is read";
    if (has_user)
        return "it names a user";
    if (curl_url_get(url, CURLUPART_HOST, &u->host, 0) != CURLUE_OK || !host_is_plain(u->host))
        return "its host is none; one with other letters is written as xn--...";
    if (curl_url_get(url, CURLUPART_PATH, &u->path, 0) != CURLUE_OK)
        return "it has no path";
    (void)curl_url_get(url, CURLUPART_PORT, &u->port, CURLU_NO_DEFAULT_PORT);
    (void)curl_url_get(url, CURLUPART_QUERY, &u->query, 0);
    return path_fault(span_of(u->path));
}

/* What is judged is what is connected to: the text that was put together is taken apart into the same. */
static bool
is_read_alike(const struct place *p)
{
    struct parts u = {NULL, NULL, NULL, NULL, NULL};
    struct place again = {NULL, 0, 0};
    CURLU *url = curl_url();
    bool is_alike = url != NULL &&
                    curl_url_set(url, CURLUPART_URL, p->text, CURLU_PATH_AS_IS) == CURLUE_OK &&
                    parts_fault(url, &u) == NULL && place_write(&u, &again, NULL) == ST_OK &&
                    strcmp(p->text, again.text) == 0;

    place_free(&again);
    parts_free(&u);
    curl_url_cleanup(url);
    return is_alike;
}

/* 'base': what the URL may be relative to; NULL: nothing. ST_INVALID: *fault says what is wrong, the place is empty. */
static enum status
place_read(const char *base, struct span text, struct place *out, const char **fault,
           struct err *err)
{
    struct parts u = {NULL, NULL, NULL, NULL, NULL};
    CURLU *url;
    char *copy;
    enum status st = ST_INVALID;

    *out = (struct place){NULL, 0, 0};
    *fault = text_fault(text);
    if (*fault == NULL)
        *fault = authority_fault(text);
    if (*fault != NULL)
        return ST_INVALID;
    url = curl_url();
    copy = strndup(text.p, text.n);
    if (url == NULL || copy == NULL)
        st = err_set(err, ST_FULL, "no memory for a URL");
    else if ((base != NULL &&
              curl_url_set(url, CURLUPART_URL, base, CURLU_PATH_AS_IS) != CURLUE_OK) ||
             curl_url_set(url, CURLUPART_URL, copy, CURLU_PATH_AS_IS) != CURLUE_OK)
        *fault = NO_URL;
    else if ((*fault = parts_fault(url, &u)) == NULL)
        st = place_write(&u, out, err);
    if (st == ST_OK && !is_read_alike(out)) {
        place_free(out);
        *fault = "it can be read in two ways";
        st = ST_INVALID;
    }
    parts_free(&u);
    free(copy);
    curl_url_cleanup(url);
    return st;
}

/* ---- prefixes ---- */

enum status
fetch_prefix_write(struct span text, char out[FETCH_PREFIX_SIZE], struct err *err)
{
    struct place place;
    const char *fault;
    enum status st = place_read(NULL, text, &place, &fault, err);

    if (st == ST_OK && memchr(text.p, '?', text.n) != NULL)
        fault = "a prefix has no query";
    else if (st == ST_OK && memchr(text.p, '#', text.n) != NULL)
        fault = "a prefix has no fragment";
    else if (st == ST_OK && strlen(place.text) >= FETCH_PREFIX_SIZE)
        fault = "it is longer than 1023 bytes";
    else if (st == ST_OK)
        memcpy(out, place.text, strlen(place.text) + 1);
    place_free(&place);
    if (st == ST_FULL || fault == NULL)
        return st;
    return err_set(err, ST_INVALID, "%s", fault);
}

/* A prefix holds the characters of a checked URL, so where its path begins is the first slash behind "://". */
static bool
place_has_prefix(const struct place *p, const char *prefix)
{
    const char *host = strstr(prefix, "://"), *path = host == NULL ? NULL : strchr(host + 3, '/');
    size_t origin_size, path_size;

    if (path == NULL)
        return false;
    origin_size = (size_t)(path - prefix);
    path_size = strlen(path);
    if (origin_size != p->origin_size || memcmp(prefix, p->text, origin_size) != 0 ||
        path_size > p->path_size || memcmp(path, p->text + origin_size, path_size) != 0)
        return false;
    return path[path_size - 1] == '/' || path_size == p->path_size ||
           p->text[origin_size + path_size] == '/';
}

static bool
is_allowed(const struct fetch_policy *policy, const struct place *p)
{
    for (size_t i = 0; i < policy->prefix_count; i++)
        if (place_has_prefix(p, policy->prefixes[i]))
            return true;
    return false;
}

static void
origin_write(const struct place *p, char out[FETCH_ORIGIN_SIZE])
{
    snprintf(out, FETCH_ORIGIN_SIZE, "%.*s", (int)p->origin_size, p->text == NULL ? "" : p->text);
}

enum status
fetch_check(const struct fetch_policy *p, struct span url, char origin[FETCH_ORIGIN_SIZE],
            struct err *err)
{
    struct place place;
    const char *fault;
    enum status st = place_read(NULL, url, &place, &fault, err);

    origin_write(&place, origin);
    if (fault != NULL)
        st = err_set(err, ST_INVALID, "%s", fault);
    else if (st == ST_OK && !is_allowed(p, &place))
        st = err_set(err, ST_INVALID, "it is not one of those that may be read");
    place_free(&place);
    return st;
}

void
fetch_origin(struct span url, char origin[FETCH_ORIGIN_SIZE])
{
    struct place place;
    const char *fault;

    if (place_read(NULL, url, &place, &fault, NULL) == ST_OK)
        origin_write(&place, origin);
    else
        memcpy(origin, "a URL", sizeof "a URL");
    place_free(&place);
}

/* ---- reading ---- */

static void
release(struct fetched *f)
{
    http_client_close(f->client);
    *f = (struct fetched){.client = NULL};
}

/* How an error calls the place. */
static const char *
name_of(const struct fetch_ask *ask, const struct place *p, char origin[FETCH_ORIGIN_SIZE])
{
    if (ask->is_concealed)
        return "an obfuscated URL";
    if (p->text == NULL)
        return "a URL";
    origin_write(p, origin);
    return origin;
}

static enum status
judge(const struct fetch_policy *policy, const struct fetch_ask *ask, const struct place *p,
      const char *fault, bool is_redirect, struct err *err)
{
    char origin[FETCH_ORIGIN_SIZE];
    const char *name = name_of(ask, p, origin);

    if (fault != NULL)
        return err_set(err, ST_INVALID, "%s is not read: %s%s", name,
                       is_redirect ? "it leads on to another place, and " : "", fault);
    if (!is_allowed(policy, p))
        return err_set(err, ST_INVALID, "%s is not read%s: the place is not allowed%s%s", name,
                       is_redirect ? ", where the URL leads on to" : "",
                       ask->remedy != NULL ? ". " : "", ask->remedy != NULL ? ask->remedy : "");
    return ST_OK;
}

static bool
is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What is left of the time; false: nothing. */
static bool
time_left(const struct fetch_ask *ask, int64_t end_ms, unsigned *ms)
{
    int64_t now = clock_monotonic_ms(), end = end_ms;

    if (now >= end || (ask->deadline_ms != 0 && now >= ask->deadline_ms))
        return false;
    /* A little longer than the query has: so it is the query's end, and not this file's, that is told. */
    if (ask->deadline_ms != 0 && ask->deadline_ms < end)
        end = ask->deadline_ms + LATER_MS;
    *ms = (unsigned)(end - now);
    return true;
}

/* One request. A file came, or the answer leads on, or err says why not. */
static enum status
request(const struct fetch_ask *ask, const struct place *p, int64_t end_ms, struct fetched *out,
        struct http_exchange *x, struct err *err)
{
    struct http_client_options o = {.connect_ms_max = FETCH_CONNECT_MS_MAX,
                                    .response_size_max = ask->size_max,
                                    .refuses_larger = true,
                                    .stop = ask->cancelled,
                                    .hides_path = true};
    char origin[FETCH_ORIGIN_SIZE];
    const char *name = name_of(ask, p, origin);
    struct err why = {""};
    enum status st;

    if (!time_left(ask, end_ms, &o.total_ms_max))
        return err_set(err, ST_IO, "%s did not answer in time", name);
    st = http_client_open(&o, &out->client, err);
    if (st != ST_OK)
        return st;
    *x = (struct http_exchange){.method = "GET", .url = p->text};
    st = http_client_send(out->client, x, &why);
    if (st == ST_OK && !x->is_larger)
        return ST_OK;
    if (x->is_larger)
        st = err_set(err, ST_FULL, "%s has more than the %zu bytes that may be read", name,
                     ask->size_max);
    else
        st = err_set(err, ST_IO, "%s cannot be read: %s", name,
                     ask->is_concealed ? "it does not answer as it should" : why.text);
    release(out);
    return st;
}

/* *p is where the answer leads on to. */
static enum status
follow(const struct fetch_policy *policy, const struct fetch_ask *ask,
       const struct http_exchange *x, struct place *p, struct err *err)
{
    struct place next;
    const char *fault;
    enum status st = place_read(p->text, http_client_header(x, "Location"), &next, &fault, err);

    if (st != ST_FULL)
        st = judge(policy, ask, st == ST_OK ? &next : p, fault, true, err);
    place_free(p);
    *p = next;
    return st;
}

static enum status
read_place(const struct fetch_policy *policy, const struct fetch_ask *ask, struct place *p,
           struct fetched *out, struct err *err)
{
    int64_t end_ms = clock_monotonic_ms() + (int64_t)policy->time_ms_max;
    char origin[FETCH_ORIGIN_SIZE];

    for (int hops = 0;; hops++) {
        struct http_exchange x;
        enum status st = request(ask, p, end_ms, out, &x, err);

        if (st != ST_OK)
            return st;
        if (x.status == 200) {
            out->bytes = x.response;
            return ST_OK;
        }
        if (!is_redirect(x.status))
            st = err_set(err, ST_IO, "%s answers %u", name_of(ask, p, origin), x.status);
        else if (hops == FETCH_REDIRECTS_MAX)
            st = err_set(err, ST_IO, "%s leads on more than %d times", name_of(ask, p, origin),
                         FETCH_REDIRECTS_MAX);
        else
            st = follow(policy, ask, &x, p, err);
        release(out);
        if (st != ST_OK)
            return st;
    }
}

enum status
fetch_read(const struct fetch_policy *p, const struct fetch_ask *ask, struct fetched **out,
           struct err *err)
{
    struct place place;
    const char *fault;
    struct fetched *made = calloc(1, sizeof *made);
    enum status st = place_read(NULL, ask->url, &place, &fault, err);

    if (made == NULL)
        st = err_set(err, ST_FULL, "no memory to read a URL");
    if (st != ST_FULL)
        st = judge(p, ask, &place, fault, false, err);
    if (st == ST_OK)
        st = read_place(p, ask, &place, made, err);
    place_free(&place);
    if (st == ST_OK)
        *out = made;
    else
        free(made);
    return st;
}

void
fetch_end(struct fetched *f)
{
    if (f == NULL)
        return;
    release(f);
    free(f);
}
