/* http_client.c - one libcurl easy handle behind http_client.h.
 *
 * The easy handle keeps its connections between requests; everything else is set anew for each, so
 * that nothing of one request shows in the next. libcurl repeats a request by itself when a kept
 * connection turns out to be dead before a byte of the answer came: that is why the body can be
 * sought in. Texts of errors name host and path but never the query, where SAS tokens live. */
#include "wire/http_client.h"
#include "base/clock.h"
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum {
    HEAD_SIZE_MAX = 64 << 10, /* bytes of response header lines; more is an error */
    BODY_BUFFER = 512 << 10,  /* bytes given to the socket at once */
    ANSWER_BUFFER = 128 << 10,
    PLACE_MAX = 120, /* bytes of the URL in error texts */
};

struct text { /* grows, always NUL-terminated once used */
    char *p;
    size_t n, room;
};

struct http_client {
    CURL *curl;
    struct http_client_options options;
    char *no_proxy;
    char fault[CURL_ERROR_SIZE];
    struct text head, body;
    /* the request under way */
    struct http_exchange *x;
    size_t piece, piece_at; /* next byte to send */
    int64_t moved_ms;       /* when a byte moved last */
    curl_off_t moved;       /* bytes moved by then */
    bool is_head_whole;     /* its blank line came */
    const char *given_up;   /* why we ended the transfer ourselves */
    bool is_kept_in;        /* an address was not connected to: it is not public */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool
text_add(struct text *t, const char *data, size_t size)
{
    if (size >= t->room - t->n) {
        size_t room = t->room * 2 > t->n + size + 1 ? t->room * 2 : t->n + size + 1;
        char *p = realloc(t->p, room);

        if (p == NULL)
            return false;
        t->p = p;
        t->room = room;
    }
    memcpy(t->p + t->n, data, size);
    t->n += size;
    t->p[t->n] = '\0';
    return true;
}

/* ---- what libcurl calls ---- */

static size_t
on_read(char *out, size_t size, size_t count, void *app)
{
    struct http_client *c = app;
    size_t room = size * count, filled = 0;

    while (filled < room && c->piece < c->x->body_count) {
        struct span piece = c->x->body[c->piece];
        size_t part = piece.n - c->piece_at;

        if (part > room - filled)
            part = room - filled;
        memcpy(out + filled, piece.p == NULL ? "" : piece.p + c->piece_at, part);
        filled += part;
        c->piece_at += part;
        if (c->piece_at == piece.n) {
            c->piece++;
            c->piece_at = 0;
        }
    }
    return filled;
}

static int
on_seek(void *app, curl_off_t offset, int origin)
{
    struct http_client *c = app;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    c->piece = 0;
    while (c->piece < c->x->body_count && (size_t)offset >= c->x->body[c->piece].n)
        offset -= (curl_off_t)c->x->body[c->piece++].n;
    c->piece_at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t
on_head(char *line, size_t size, size_t count, void *app)
{
    struct http_client *c = app;

    size *= count;
    /* A status line begins another head: what came was 100 Continue, or a connection that died. */
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0)
        c->head.n = c->body.n = 0, c->is_head_whole = false;
    if (size > 0 && (line[0] == '\r' || line[0] == '\n'))
        c->is_head_whole = true;
    if (c->head.n + size > HEAD_SIZE_MAX) {
        c->given_up = "the answer's headers are too long";
        return 0;
    }
    if (!text_add(&c->head, line, size)) {
        c->given_up = "no memory for the answer";
        return 0;
    }
    return size;
}

static size_t
on_write(char *data, size_t size, size_t count, void *app)
{
    struct http_client *c = app;
    size_t left = c->options.response_size_max - c->body.n;

    size *= count;
    if (size > left && c->options.refuses_larger) {
        c->x->is_larger = true;
        c->given_up = "the answer is larger than it may be";
        return 0;
    }
    if (!text_add(&c->body, data, size < left ? size : left)) {
        c->given_up = "no memory for the answer";
        return 0;
    }
    return size;
}

/* About once a second, and whenever bytes moved. */
static int
on_progress(void *app, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct http_client *c = app;
    int64_t now = clock_monotonic_ms();

    (void)down_all;
    (void)up_all;
    if (c->options.stop != NULL && atomic_load_explicit(c->options.stop, memory_order_relaxed)) {
        c->given_up = "stopped";
        return 1;
    }
    if (down + up != c->moved) {
        c->moved = down + up;
        c->moved_ms = now;
    }
    if (c->options.stall_ms_max > 0 && now - c->moved_ms >= c->options.stall_ms_max) {
        c->given_up = "no byte moved for too long";
        return 1;
    }
    return 0;
}

/* The address that a name led to, or a literal one in whatever spelling. */
static curl_socket_t
on_socket(void *app, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_client *c = app;

    (void)purpose;
    if (!address_is_public(&address->addr) &&
        !address_is_in(&address->addr, c->options.networks, c->options.network_count)) {
        /* Which one it is would tell a stranger about names in here. */
        c->is_kept_in = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- open and close ---- */

/* The environment's exceptions from its proxy, and always this machine itself. */
static char *
no_proxy_make(void)
{
    const char *given = getenv("no_proxy");
    char *all;

    if (given == NULL)
        given = getenv("NO_PROXY");
    if (given != NULL && strcmp(given, "*") == 0)
        return strdup("*");
    if (asprintf(&all, "localhost,127.0.0.1,::1%s%s", given == NULL ? "" : ",",
                 given == NULL ? "" : given) < 0)
        return NULL;
    return all;
}

enum status
http_client_open(const struct http_client_options *o, struct http_client **client, struct err *err)
{
    struct http_client *c;

    pthread_once(&curl_once, curl_start);
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ST_FULL, "no memory for an HTTP client");
    c->options = *o;
    c->no_proxy = no_proxy_make();
    c->curl = curl_easy_init();
    if (c->curl == NULL || c->no_proxy == NULL || !text_add(&c->head, "", 0) ||
        !text_add(&c->body, "", 0)) {
        http_client_close(c);
        return err_set(err, ST_FULL, "no memory for an HTTP client");
    }
    *client = c;
    return ST_OK;
}

void
http_client_close(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    free(client->no_proxy);
    free(client->head.p);
    free(client->body.p);
    free(client);
}

/* ---- one request ---- */

/* Scheme, host and path of a URL for a person: cut before the query and without a user. */
static void
url_place(const char *url, bool hides_path, char out[PLACE_MAX])
{
    const char *host = strstr(url, "://"), *at;
    size_t size;

    host = host == NULL ? url : host + 3;
    size = strcspn(host, hides_path ? "/?#" : "?#");
    at = memchr(host, '@', strcspn(host, "/?#"));
    if (at != NULL) {
        size -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    snprintf(out, PLACE_MAX, "%.*s", (int)(size < PLACE_MAX ? size : PLACE_MAX - 1), host);
}

static struct curl_slist *
headers_make(const char *const *headers, bool *is_fine, struct err *err)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    *is_fine = list != NULL;
    if (list == NULL)
        (void)err_set(err, ST_FULL, "no memory for headers");
    for (; *is_fine && headers != NULL && *headers != NULL; headers++) {
        struct curl_slist *longer;
        const char *colon = strchr(*headers, ':');
        char empty[128];

        if (strpbrk(*headers, "\r\n") != NULL || colon == NULL || colon == *headers) {
            *is_fine = false;
            (void)err_set(err, ST_INVALID, "a request header is not 'Name: value'");
            break;
        }
        /* libcurl drops "Name:"; an empty value is asked for with a semicolon. */
        if (colon[1 + strspn(colon + 1, " ")] == '\0' && colon - *headers < 120) {
            snprintf(empty, sizeof empty, "%.*s;", (int)(colon - *headers), *headers);
            longer = curl_slist_append(list, empty);
        } else {
            longer = curl_slist_append(list, *headers);
        }
        if (longer == NULL) {
            *is_fine = false;
            (void)err_set(err, ST_FULL, "no memory for headers");
            break;
        }
        list = longer;
    }
    return list;
}

static CURLcode
request_set_up(struct http_client *c, const struct http_exchange *x, struct curl_slist *headers)
{
    const struct http_client_options *o = &c->options;
    CURL *curl = c->curl;
    CURLcode rc = CURLE_OK;
    bool sends = x->body_count > 0 || strcmp(x->method, "PUT") == 0 ||
                 strcmp(x->method, "POST") == 0 || strcmp(x->method, "PATCH") == 0;
    curl_off_t size = 0;

    for (size_t i = 0; i < x->body_count; i++)
        size += (curl_off_t)x->body[i].n;
    curl_easy_reset(curl); /* keeps connections and TLS sessions */
#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(curl, option, value) : rc)
    SET(CURLOPT_ERRORBUFFER, c->fault);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_URL, x->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, o->is_public_only ? "https" : "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_NOPROXY, c->no_proxy);
    if (o->is_public_only) {
        SET(CURLOPT_PROXY, "");
        SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
        SET(CURLOPT_OPENSOCKETDATA, c);
    }
    SET(CURLOPT_USERAGENT, "penstock/" PENSTOCK_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms_max);
    SET(CURLOPT_TIMEOUT_MS, (long)o->total_ms_max);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, o->insecure ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, o->insecure ? 0L : 2L);
    if (o->ca_file != NULL) {
        SET(CURLOPT_CAINFO, o->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, c);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, c);
    SET(CURLOPT_BUFFERSIZE, (long)ANSWER_BUFFER);
    if (sends) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)BODY_BUFFER);
        SET(CURLOPT_INFILESIZE_LARGE, size);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, c);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, c);
    } else if (strcmp(x->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, x->method);
#undef SET
    return rc;
}

/* Milliseconds of the first header that says how long to wait; -1: none does. */
static int64_t
retry_after(const struct http_exchange *x)
{
    static const char *const in_ms[] = {"x-ms-retry-after-ms", "retry-after-ms"};
    char text[64];
    struct span value;
    time_t when;

    for (size_t i = 0; i < COUNT_OF(in_ms) + 1; i++) {
        bool is_ms = i < COUNT_OF(in_ms);
        char *end;
        long long number;

        value = http_client_header(x, is_ms ? in_ms[i] : "Retry-After");
        if (value.n == 0 || value.n >= sizeof text)
            continue;
        memcpy(text, value.p, value.n);
        text[value.n] = '\0';
        number = strtoll(text, &end, 10);
        if (isdigit((unsigned char)text[0]) && *end == '\0' && number <= 366LL * 86400000)
            return is_ms ? number : number * 1000;
    }
    if (value.n == 0 || value.n >= sizeof text) /* the last one was Retry-After */
        return -1;
    when = curl_getdate(text, NULL);
    if (when < 0)
        return -1;
    when -= (time_t)((clock_ticks() - TICKS_AT_UNIX_EPOCH) / TICKS_PER_SECOND);
    return when > 0 ? (int64_t)when * 1000 : 0;
}

static enum status
failure(struct http_client *c, CURLcode rc, const struct http_exchange *x, struct err *err)
{
    const char *why = c->given_up != NULL   ? c->given_up
                      : c->fault[0] != '\0' ? c->fault
                                            : curl_easy_strerror(rc);
    char place[PLACE_MAX];
    enum status st = ST_IO;

    url_place(x->url, c->options.hides_path, place);
    if (c->is_kept_in && rc != CURLE_OPERATION_TIMEDOUT)
        why = "its host leads to no public address, and others are not allowed here";
    /* An answer that is not HTTP is an unsupported protocol, too: that one can be tried again. */
    if (rc == CURLE_URL_MALFORMAT || rc == CURLE_SSL_CACERT_BADFILE ||
        rc == CURLE_BAD_FUNCTION_ARGUMENT ||
        (rc == CURLE_UNSUPPORTED_PROTOCOL && strncasecmp(x->url, "http", 4) != 0))
        st = ST_INVALID;
    if (rc == CURLE_PEER_FAILED_VERIFICATION)
        return err_set(err, st, "%s %s: the server's certificate is not trusted (%s)", x->method,
                       place, why);
    if (rc == CURLE_SSL_CACERT_BADFILE)
        return err_set(err, st, "%s %s: cannot use the authorities' file %s", x->method, place,
                       c->options.ca_file == NULL ? "of the system" : c->options.ca_file);
    return err_set(err, st, "%s %s: %s", x->method, place, why);
}

/* What the options forbid of a URL, before anything is resolved. */
static enum status
url_check(const struct http_client_options *o, const struct http_exchange *x, struct err *err)
{
    char *host = NULL, *scheme = NULL, *user = NULL, place[PLACE_MAX];
    const char *fault = NULL;
    bool is_named = o->host_count == 0;
    CURLU *url;

    if (!o->is_public_only && o->host_count == 0)
        return ST_OK;
    url = curl_url();
    if (url == NULL)
        return err_set(err, ST_FULL, "no memory for a URL");
    if (curl_url_set(url, CURLUPART_URL, x->url, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        fault = "this is no URL";
    else if (o->is_public_only && strcmp(scheme, "https") != 0)
        fault = "only https is allowed here";
    else if (o->is_public_only && curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        fault = "a user in the URL is not allowed here";
    for (size_t i = 0; i < o->host_count && fault == NULL && !is_named; i++)
        is_named = host_matches(span_of(host), o->hosts[i]);
    if (fault == NULL && !is_named)
        fault = "this host is not one of those that are allowed";
    curl_free(user);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    if (fault == NULL)
        return ST_OK;
    url_place(x->url, o->hides_path, place);
    return err_set(err, ST_INVALID, "%s %s: %s", x->method, place, fault);
}

enum status
http_client_send(struct http_client *client, struct http_exchange *x, struct err *err)
{
    bool is_fine;
    struct curl_slist *headers;
    enum status st = url_check(&client->options, x, err);
    long status = 0;
    CURLcode rc;

    x->status = 0;
    x->retry_after_ms = -1;
    x->is_larger = false;
    x->response = x->response_head = (struct span){NULL, 0};
    if (st != ST_OK)
        return st;
    headers = headers_make(x->headers, &is_fine, err);
    if (!is_fine) {
        curl_slist_free_all(headers);
        return headers == NULL ? ST_FULL : ST_INVALID;
    }
    client->x = x;
    client->piece = client->piece_at = 0;
    client->head.n = client->body.n = 0;
    client->head.p[0] = client->body.p[0] = '\0';
    client->is_head_whole = false;
    client->given_up = NULL;
    client->is_kept_in = false;
    client->fault[0] = '\0';
    client->moved = 0;
    client->moved_ms = clock_monotonic_ms();
    /* libcurl 7.88 refuses every request after one whose host could not be resolved (bad function
     * argument): after a failure a handle is not used again. Its connection is gone anyway. */
    if (client->curl == NULL)
        client->curl = curl_easy_init();
    rc = client->curl == NULL ? CURLE_OUT_OF_MEMORY : request_set_up(client, x, headers);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(client->curl);
    if (rc == CURLE_OK)
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_OK && (status < 200 || !client->is_head_whole)) {
        client->given_up = "the answer broke off in its head";
        rc = CURLE_GOT_NOTHING;
    }
    if (rc != CURLE_OK) {
        st = failure(client, rc, x, err);
        curl_easy_cleanup(client->curl);
        client->curl = NULL;
    }
    if (st == ST_OK) {
        x->status = (unsigned)status;
        x->response = (struct span){client->body.p, client->body.n};
        x->response_head = (struct span){client->head.p, client->head.n};
        x->retry_after_ms = retry_after(x);
    }
    client->x = NULL;
    curl_slist_free_all(headers);
    return st;
}

struct span
http_client_header(const struct http_exchange *x, const char *name)
{
    size_t name_size = strlen(name);
    struct span rest = x->response_head;

    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t line = end == NULL ? rest.n : (size_t)(end - rest.p) + 1;

        if (line > name_size && rest.p[name_size] == ':' &&
            strncasecmp(rest.p, name, name_size) == 0) {
            struct span value = {rest.p + name_size + 1, line - name_size - 1};

            while (value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
                value.p++, value.n--;
            while (value.n > 0 && isspace((unsigned char)value.p[value.n - 1]))
                value.n--;
            return value;
        }
        rest.p += line;
        rest.n -= line;
    }
    return (struct span){NULL, 0};
}
