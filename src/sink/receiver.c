#include "sink/receiver.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* ---- settings ---- */

const char *
receiver_value(const struct sink_kind *kind, const struct sink_value *values, size_t count,
               const char *name)
{
    const char *value = sink_value_get(kind, values, count, name);

    return value == NULL ? "" : value;
}

enum status
receiver_number(const struct sink_kind *kind, const struct sink_value *values, size_t count,
                const char *name, long min, long max, long *number, struct err *err)
{
    const char *text = receiver_value(kind, values, count, name);
    char *end;

    *number = strtol(text, &end, 10);
    if (*end != '\0' || !isdigit((unsigned char)text[0]) || *number < min || *number > max)
        return err_set(err, ST_INVALID, "%s: %s is a number from %ld to %ld", kind->name, name, min,
                       max);
    return ST_OK;
}

enum status
receiver_flag(const struct sink_kind *kind, const struct sink_value *values, size_t count,
              const char *name, bool *is_true, struct err *err)
{
    const char *text = receiver_value(kind, values, count, name);

    *is_true = strcmp(text, "true") == 0;
    if (!*is_true && strcmp(text, "false") != 0)
        return err_set(err, ST_INVALID, "%s: %s is true or false", kind->name, name);
    return ST_OK;
}

static bool
is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};

    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t n = strlen(hosts[i]);

        if (strncasecmp(url + 7, hosts[i], n) == 0 && strchr(":/?", url[7 + n]) != NULL)
            return true; /* also at the end: strchr finds NUL */
    }
    return false;
}

static enum status
url_read(struct receiver *r, const char *url, bool is_base, struct err *err)
{
    bool is_https = strncasecmp(url, "https://", 8) == 0;
    const char *host = url + (is_https ? 8 : 7), *name = r->kind->name;
    size_t n = strlen(url), host_size;

    if (!is_https && strncasecmp(url, "http://", 7) != 0)
        return err_set(err, ST_INVALID, "%s: url is no https:// address", name);
    if (n >= sizeof r->url)
        return err_set(err, ST_INVALID, "%s: url has more than %zu bytes", name, sizeof r->url - 1);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] >= 0x7f)
            return err_set(err, ST_INVALID,
                           "%s: url holds a blank or a character that is not ASCII", name);
    host_size = strcspn(host, "/?#");
    if (host_size == 0)
        return err_set(err, ST_INVALID, "%s: url names no host", name);
    if (memchr(host, '@', host_size) != NULL)
        return err_set(err, ST_INVALID, "%s: url holds a user: put it into the settings of its own",
                       name);
    if (strchr(url, '#') != NULL || (is_base && strchr(url, '?') != NULL))
        return err_set(err, ST_INVALID, "%s: url must end with the %s", name,
                       is_base ? "host or a path" : "path or a query");
    if (r->is_public_only && (!is_https || r->insecure))
        return err_set(err, ST_INVALID,
                       "%s: with private_addresses no, url is https and insecure is false", name);
    snprintf(r->place, sizeof r->place, "%.*s", (int)(host - url + (ptrdiff_t)host_size), url);
    if (!is_https && !r->insecure && !is_loopback(url))
        return err_set(err, ST_INVALID,
                       "%s: %s would get rows in the clear: use https, or set insecure", name,
                       r->place);
    memcpy(r->url, url, n + 1);
    while (is_base && r->url[n - 1] == '/')
        r->url[--n] = '\0';
    return ST_OK;
}

/* The next item of a list with commas between; false: no more. */
static bool
item_take(const char **rest, struct span *item)
{
    *rest += strspn(*rest, " ,");
    item->p = *rest;
    item->n = strcspn(*rest, ",");
    *rest += item->n;
    while (item->n > 0 && item->p[item->n - 1] == ' ')
        item->n--;
    return item->n > 0;
}

static enum status
allowed_read(struct receiver *r, const char *networks, const char *hosts, struct err *err)
{
    struct span item;
    struct err why;

    while (item_take(&networks, &item)) {
        if (r->network_count == RECEIVER_ALLOWED_MAX)
            return err_set(err, ST_INVALID, "%s: allow_networks has more than %d", r->kind->name,
                           RECEIVER_ALLOWED_MAX);
        if (address_network_read(item, &r->networks[r->network_count++], &why) != ST_OK)
            return err_set(err, ST_INVALID, "%s: allow_networks: %.200s", r->kind->name, why.text);
    }
    while (item_take(&hosts, &item)) {
        const char *star = memchr(item.p, '*', item.n);

        if (r->host_count == RECEIVER_ALLOWED_MAX)
            return err_set(err, ST_INVALID, "%s: allow_hosts has more than %d", r->kind->name,
                           RECEIVER_ALLOWED_MAX);
        if (memchr(item.p, '/', item.n) != NULL || memchr(item.p, ' ', item.n) != NULL ||
            (star != NULL && (star != item.p || item.n < 3 || item.p[1] != '.' ||
                              memchr(item.p + 1, '*', item.n - 1) != NULL)))
            return err_set(err, ST_INVALID,
                           "%s: allow_hosts: '%.*s' is no host: a.example.com or *.example.com",
                           r->kind->name, (int)(item.n < 100 ? item.n : 100), item.p);
        r->hosts[r->host_count] = strndup(item.p, item.n);
        if (r->hosts[r->host_count++] == NULL)
            return err_set(err, ST_FULL, "%s: no memory", r->kind->name);
    }
    return ST_OK;
}

enum status
receiver_header(struct receiver *r, struct err *err, const char *format, ...)
{
    va_list args;
    char *header;
    int n;

    if (r->header_count == RECEIVER_HEADERS_MAX)
        return err_set(err, ST_INVALID, "%s: more than %d headers", r->kind->name,
                       RECEIVER_HEADERS_MAX);
    va_start(args, format);
    n = vasprintf(&header, format, args);
    va_end(args);
    if (n < 0)
        return err_set(err, ST_FULL, "%s: no memory", r->kind->name);
    r->headers[r->header_count++] = header;
    for (const char *p = header; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(err, ST_INVALID,
                           "%s: a token, password or header holds a line end or "
                           "another control character",
                           r->kind->name);
    return ST_OK;
}

/* Names that the kinds or the client set themselves. */
static bool
is_own_header(struct span name)
{
    static const char *const own[] = {"Content-Type",
                                      "Content-Length",
                                      "Transfer-Encoding",
                                      "Host",
                                      "Content-Encoding",
                                      "Connection",
                                      "Expect",
                                      "Idempotency-Key",
                                      "penstock-event-id",
                                      "penstock-event-source",
                                      "penstock-signature"};

    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (name.n == strlen(own[i]) && strncasecmp(name.p, own[i], name.n) == 0)
            return true;
    return false;
}

static enum status
headers_read(struct receiver *r, const char *text, struct err *err)
{
    while (*text != '\0') {
        struct span line = {text, strcspn(text, "\n")};
        const char *colon = memchr(line.p, ':', line.n);
        size_t name_size;
        enum status st;

        text += line.n + (text[line.n] == '\n');
        while (line.n > 0 && isspace((unsigned char)line.p[line.n - 1]))
            line.n--;
        if (line.n == 0)
            continue;
        name_size = colon == NULL ? 0 : (size_t)(colon - line.p);
        for (size_t i = 0; i < name_size; i++)
            if (!isalnum((unsigned char)line.p[i]) && strchr("-_.", line.p[i]) == NULL)
                name_size = 0;
        if (name_size == 0)
            return err_set(err, ST_INVALID, "%s: headers: 'Name: value' is wanted on each line",
                           r->kind->name);
        if (is_own_header((struct span){line.p, name_size}))
            return err_set(err, ST_INVALID, "%s: headers: %.*s is not for you to set",
                           r->kind->name, (int)name_size, line.p);
        st = receiver_header(r, err, "%.*s", (int)line.n, line.p);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status
receiver_basic(struct receiver *r, const char *user, const char *password, struct err *err)
{
    struct buffer pair = {NULL, 0, 0}, encoded = {NULL, 0, 0};
    enum status st = ST_FULL;

    if (strchr(user, ':') != NULL)
        return err_set(err, ST_INVALID, "%s: user holds a ':'", r->kind->name);
    if (buffer_print(&pair, "%s:%s", user, password) &&
        buffer_base64(&encoded, (struct span){pair.p, pair.n}))
        st = receiver_header(r, err, "Authorization: Basic %s", encoded.p);
    else
        (void)err_set(err, st, "%s: no memory", r->kind->name);
    buffer_wipe(&pair);
    buffer_wipe(&encoded);
    return st;
}

enum status
receiver_read(struct receiver *r, const struct sink_kind *kind, const struct sink_value *values,
              size_t count, bool is_base, struct err *err)
{
#define VALUE(name) receiver_value(kind, values, count, name)
    const char *private_addresses = VALUE("private_addresses");
    long timeout = 0;
    enum status st;

    r->kind = kind;
    st = receiver_number(kind, values, count, "timeout_ms", 100, 600000, &timeout, err);
    if (st == ST_OK)
        st = receiver_flag(kind, values, count, "insecure", &r->insecure, err);
    if (st != ST_OK)
        return st;
    r->timeout_ms = (unsigned)timeout;
    r->is_public_only = strcmp(private_addresses, "no") == 0;
    if (!r->is_public_only && strcmp(private_addresses, "yes") != 0)
        return err_set(err, ST_INVALID, "%s: private_addresses is yes or no", kind->name);
    st = url_read(r, VALUE("url"), is_base, err);
    if (st == ST_OK)
        st = allowed_read(r, VALUE("allow_networks"), VALUE("allow_hosts"), err);
    if (st == ST_OK)
        st = headers_read(r, VALUE("headers"), err);
    if (st == ST_OK && VALUE("ca_file")[0] != '\0' &&
        (r->ca_file = strdup(VALUE("ca_file"))) == NULL)
        st = err_set(err, ST_FULL, "%s: no memory", kind->name);
    return st;
#undef VALUE
}

enum status
receiver_open(struct receiver *r, size_t response_size_max, bool hides_path,
              const atomic_bool *stop, struct err *err)
{
    r->stop = stop;
    return http_client_open(
        &(struct http_client_options){
            .connect_ms_max = r->timeout_ms < 10000 ? r->timeout_ms : 10000,
            .total_ms_max = r->timeout_ms,
            .stall_ms_max = r->timeout_ms,
            .ca_file = r->ca_file,
            .insecure = r->insecure,
            .response_size_max = response_size_max,
            .stop = stop,
            .is_public_only = r->is_public_only,
            .networks = r->networks,
            .network_count = r->network_count,
            .hosts = (const char *const *)r->hosts,
            .host_count = r->host_count,
            .hides_path = hides_path,
        },
        &r->http, err);
}

void
receiver_close(struct receiver *r)
{
    http_client_close(r->http);
    for (size_t i = 0; i < r->header_count; i++) {
        explicit_bzero(r->headers[i], strlen(r->headers[i]));
        free(r->headers[i]);
    }
    for (size_t i = 0; i < r->host_count; i++)
        free(r->hosts[i]);
    free(r->ca_file);
    explicit_bzero(r, sizeof *r);
}

/* ---- answers ---- */

static const struct {
    unsigned from, to;
    enum receiver_meaning meaning;
    const char *mend;
} meanings[] = {
    {200, 299, RECEIVER_DONE,    ""                                                   },
    {300, 399, RECEIVER_PERSON,  "it sends us elsewhere: set the url that it means"   },
    {400, 400, RECEIVER_REFUSED, "it takes the row for wrong"                         },
    {401, 401, RECEIVER_PERSON,  "it does not take the credential: check it"          },
    {403, 403, RECEIVER_PERSON,  "the credential does not allow it"                   },
    {404, 404, RECEIVER_PERSON,  "there is nothing at the url: check it"              },
    {405, 405, RECEIVER_PERSON,  "it takes no POST: check the url"                    },
    {407, 407, RECEIVER_PERSON,  "a proxy in between wants a credential"              },
    {408, 409, RECEIVER_BUSY,    ""                                                   },
    {410, 410, RECEIVER_PERSON,  "what was at the url is gone: set another one"       },
    {413, 413, RECEIVER_REFUSED, "it takes no body of that size"                      },
    {422, 422, RECEIVER_REFUSED, "it takes the row for wrong"                         },
    {425, 425, RECEIVER_BUSY,    ""                                                   },
    {429, 429, RECEIVER_BUSY,    "throttled"                                          },
    {400, 499, RECEIVER_PERSON,
     "it does not take requests like ours: check the url and its settings"            },
    {500, 599, RECEIVER_BUSY,    ""                                                   },
    {0,   999, RECEIVER_PERSON,  "this is no answer of such a receiver: check the url"},
};

static int64_t
person_wait(struct receiver *r)
{
    unsigned doublings = r->person_failures < 6 ? r->person_failures : 6;
    int64_t wait = (int64_t)RECEIVER_PERSON_MS_MIN << doublings;

    r->person_failures++;
    return wait < RECEIVER_PERSON_MS_MAX ? wait : RECEIVER_PERSON_MS_MAX;
}

static void
waits_set(struct receiver *r, struct receiver_answer *answer)
{
    if (answer->meaning == RECEIVER_PERSON) {
        int64_t wait = person_wait(r);

        if (answer->retry_after_ms < wait)
            answer->retry_after_ms = wait;
    } else if (answer->meaning != RECEIVER_BUSY) {
        r->person_failures = 0;
    }
}

void
receiver_post(struct receiver *r, const char *url, const char *const *extra,
              const struct span *body, size_t body_count, struct http_exchange *x,
              struct receiver_answer *answer)
{
    const char *headers[RECEIVER_HEADERS_MAX + RECEIVER_EXTRA_MAX + 1];
    size_t count = 0, i = 0;
    enum status st;

    for (size_t k = 0; k < r->header_count; k++)
        headers[count++] = r->headers[k];
    for (size_t k = 0; k < RECEIVER_EXTRA_MAX && extra[k] != NULL; k++)
        headers[count++] = extra[k];
    headers[count] = NULL;
    *x = (struct http_exchange){
        .method = "POST", .url = url, .headers = headers, .body = body, .body_count = body_count};
    *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {""}};
    st = http_client_send(r->http, x, &answer->err);
    x->headers = NULL;
    if (st != ST_OK) {
        x->status = 0;
        if (st == ST_INVALID)
            answer->meaning = RECEIVER_PERSON;
        waits_set(r, answer);
        return;
    }
    while (x->status < meanings[i].from || x->status > meanings[i].to)
        i++;
    answer->meaning = meanings[i].meaning;
    answer->retry_after_ms = x->retry_after_ms;
    waits_set(r, answer);
    if (answer->meaning != RECEIVER_DONE)
        (void)err_set(&answer->err, ST_IO, "%s answered %u%s%s", r->place, x->status,
                      meanings[i].mend[0] != '\0' ? ": " : "", meanings[i].mend);
}

void
receiver_means(struct receiver *r, struct receiver_answer *answer, enum receiver_meaning meaning,
               const char *format, ...)
{
    char text[sizeof answer->err.text - 180];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (meaning != answer->meaning) {
        if (answer->meaning == RECEIVER_PERSON && r->person_failures > 0)
            r->person_failures--;
        answer->meaning = meaning;
        if (meaning != RECEIVER_BUSY)
            answer->retry_after_ms = -1;
        waits_set(r, answer);
    }
    answer->err.text[0] = '\0';
    if (meaning != RECEIVER_DONE)
        (void)err_set(&answer->err, ST_IO, "%s %s", r->place, text);
}

void
receiver_tell(const struct receiver_answer *answer, struct parcel *p)
{
    switch (answer->meaning) {
    case RECEIVER_DONE:
        parcel_done(p);
        break;
    case RECEIVER_REFUSED:
        parcel_refuse(p, "%s", answer->err.text);
        break;
    default:
        parcel_retry(p, answer->retry_after_ms, "%s", answer->err.text);
        break;
    }
}

void
receiver_clean(struct span text, char *out, size_t out_size)
{
    size_t n = text.n < out_size - 1 ? text.n : out_size - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?';
    out[n] = '\0';
}
