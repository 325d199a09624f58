/* cors.c - what browsers are told of pages that were not served here. */
#include "api/cors.h"
#include <ctype.h>
#include <strings.h>

/* s: Chromium remembers no longer than two hours; an origin that was taken out is told so little by its next answers anyway */
#define MAX_AGE "3600"

/* Headers that some route reads, and those that clients send without asking; a '*' at the end: whatever follows. Those that browsers
 * send anyway need no leave but may be asked for. Lower case. */
static const char *const taken[] = {
    "accept",           "accept-language",   "authorization",
    "cache-control",    "client-request-id", "consistencylevel",
    "content-encoding", "content-type",      "idempotency-key",
    "if-match",         "if-none-match",     "pragma",
    "prefer",           "request-id",        "return-client-request-id",
    "sdkversion",       "traceparent",       "tracestate",
    "x-ms-*",           "x-requested-with"};

/* Of an answer's headers, those that a page may read besides the few that it always may. */
#define EXPOSED                                                                                    \
    "x-ms-client-request-id, x-ms-activity-id, x-ms-request-id, client-request-id, retry-after, "  \
    "etag, location, allow, www-authenticate, x-ms-ratelimit-remaining-subscription-reads, "       \
    "x-ms-ratelimit-remaining-subscription-writes, "                                               \
    "x-ms-ratelimit-remaining-subscription-deletes, x-penstock-partial, x-penstock-cursor, "       \
    "x-penstock-records, x-penstock-alerts"

static bool
origin_may(const struct call *c, const char *origin)
{
    const struct config *config = c->control->config;

    /* By bytes: browsers write an origin in one way only, and the configuration keeps it in that. */
    for (size_t i = 0; i < config->http.allowed_origin_count; i++)
        if (strcmp(config->http.allowed_origins[i], origin) == 0)
            return true;
    return false;
}

static bool
header_is_taken(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        size_t n = strlen(taken[i]);

        if (taken[i][n - 1] == '*' ? strncmp(name, taken[i], n - 1) == 0
                                   : strcmp(name, taken[i]) == 0)
            return true;
    }
    return false;
}

/* Of the headers that are asked for those that are taken, in lower case, as many as there is room for. What is left out the browser refuses to
 * send. */
static void
headers_write(const char *asked, char *out, size_t room)
{
    size_t n = 0;

    out[0] = '\0';
    for (const char *at = asked; *at != '\0';) {
        char name[64];
        size_t size;

        at += strspn(at, ", \t");
        size = strcspn(at, ", \t");
        for (size_t i = 0; i < size && size < sizeof name; i++)
            name[i] = (char)tolower((unsigned char)at[i]);
        name[size < sizeof name ? size : 0] = '\0';
        at += size;
        if (name[0] == '\0' ||
            name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0' ||
            !header_is_taken(name) || n + size + 3 > room)
            continue;
        n += (size_t)snprintf(out + n, room - n, "%s%s", n > 0 ? ", " : "", name);
    }
}

static void
preflight(const struct call *c, const char *allow, struct http_reply *reply)
{
    const char *asked = http_header(c->request, "Access-Control-Request-Headers");
    const char *network = http_header(c->request, "Access-Control-Request-Private-Network");
    char headers[sizeof reply->headers[0].value];

    call_header(reply, "Access-Control-Allow-Methods", allow);
    headers_write(asked != NULL ? asked : "", headers, sizeof headers);
    if (headers[0] != '\0')
        call_header(reply, "Access-Control-Allow-Headers", headers);
    call_header(reply, "Access-Control-Max-Age", MAX_AGE);
    /* A page of the internet asks for a machine of the local network, or for this one. */
    if (network != NULL && strcmp(network, "true") == 0)
        call_header(reply, "Access-Control-Allow-Private-Network", "true");
}

void
cors_options(const struct call *c, const char *allow, struct http_reply *reply)
{
    const char *origin = http_header(c->request, "Origin");

    call_header(reply, "Allow", allow);
    reply->status = 204;
    if (origin == NULL || http_header(c->request, "Access-Control-Request-Method") == NULL)
        return;
    if (origin_may(c, origin))
        preflight(c, allow, reply);
    else
        http_reply_error(reply, 403, "OriginNotAllowed",
                         "pages of %.200s may not call from a browser: add it to "
                         "http.allowedOrigins of the configuration if they should",
                         origin);
}

/* Caches keep answers to different origins apart, where an answer says to which one it is. */
static void
vary_add(struct http_reply *reply)
{
    for (size_t i = 0; i < COUNT_OF(reply->headers) && reply->headers[i].name[0] != '\0'; i++) {
        char *value = reply->headers[i].value;
        size_t n = strlen(value);

        if (strcasecmp(reply->headers[i].name, "Vary") != 0)
            continue;
        snprintf(value + n, sizeof reply->headers[i].value - n, ", Origin");
        return;
    }
    call_header(reply, "Vary", "Origin");
}

void
cors_answered(const struct call *c, struct http_reply *reply)
{
    const char *origin = http_header(c->request, "Origin");

    if (c->control->config->http.allowed_origin_count == 0)
        return;
    vary_add(reply);
    if (origin == NULL || !origin_may(c, origin))
        return;
    call_header(reply, "Access-Control-Allow-Origin", origin);
    if (strcmp(c->request->method, "OPTIONS") != 0)
        call_header(reply, "Access-Control-Expose-Headers", EXPOSED);
}
