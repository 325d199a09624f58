/* http_server.c - libmicrohttpd behind http_server.h.
 *
 * A connection's life is libmicrohttpd's; a request's life is an exchange, made when the request
 * line has been read (on_uri: the only moment at which the target is still raw) and released when
 * libmicrohttpd is done with it (on_completed), which it promises exactly once for every on_uri.
 *
 * We accept connections ourselves and hand them over one by one: told of a limit, libmicrohttpd
 * 0.9.75 accepts and resets what is beyond it (where waiting in the listen queue is what a client
 * needs), and for connections handed to it forgets to release a lock, so it must never meet its
 * own.
 *
 * An answer that is known from the head alone leaves before the body and ends the connection.
 * Closing a socket with unread bytes makes the kernel send a reset, which can overtake and destroy
 * the answer on its way, so on_completed first reads and drops what the peer is still sending, for
 * at most LINGER_MS_MAX. In the middle of a body libmicrohttpd 0.9 takes no answer: then the rest
 * of the body is dropped, and the answer leaves at its end.
 *
 * libmicrohttpd's own time limit starts anew with every byte. So each connection has a seat with a
 * deadline of ours, which the accepting thread looks through: who is beyond it, or is in the way of
 * a newcomer, has its socket shut down under it, which wakes its thread. The seat is taken away,
 * under the lock, before libmicrohttpd closes the socket. */
#include "wire/http_server.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LINGER_MS_MAX = 2000,
    HAND_OVER_MS_MAX = 2000,
    PARAMETERS_MAX = 32,
    BACKLOG = 512,
    TICK_MS = 250, /* between two looks for missed deadlines */
    EVICT_MS = 50, /* between two that make room, if the first did not leave at once */
    CERTIFICATE_DAYS = 825,
/* Sanitizers put far more on the stack than the program does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    STACK_SIZE = 16 << 20,
#else
    STACK_SIZE = 2 << 20, /* a query's text may be nested deep; what is not used takes no memory */
#endif
};

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct seat { /* one connection; the server's lock guards it */
    struct seat *next, *previous;
    int fd;
    bool is_in_request; /* a head came whole, its answer has not left */
    bool is_shut;
    int64_t since_ms;    /* of its coming, or of the end of its last request */
    int64_t deadline_ms; /* INT64_MAX while a handler has it */
    uint64_t moved_size; /* bytes of body since the deadline was set */
};

struct http_server {
    struct MHD_Daemon *daemon;
    http_route_fn route;
    void *app;
    struct http_server_options options; /* complete; its pointers are not used after start */
    bool is_tls;
    uint16_t port;
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock;      /* guards what follows */
    pthread_cond_t changed;    /* one of these changed */
    bool is_handing_over;      /* a connection was accepted and has not started yet */
    unsigned connection_count; /* open, or not cleaned up yet */
    unsigned active_count;     /* exchanges */
    struct seat *seats;
    bool is_crowded; /* somebody waits for a connection to end */
    bool is_stopping;
};

struct parameter {
    const char *name, *value; /* decoded */
};

struct exchange {
    struct http_request request;
    struct http_server *server;
    struct seat *seat; /* NULL: there was no memory for one, the connection ends */
    const struct http_handler *handler;
    void *app; /* of the handler */
    void *state;
    struct http_reply reply;
    bool is_routed;        /* begin and route were gone through */
    bool is_begun;         /* handler->begin was called: gone is owed */
    bool is_replied;       /* reply holds the answer */
    bool is_cut;           /* the answer left before the body came: the connection ends */
    uint64_t dropped_size; /* bytes of body that came after the answer was known */
    const char *fault;     /* the target cannot be used: why */
    char peer[INET6_ADDRSTRLEN];
    size_t parameter_count;
    struct parameter parameters[PARAMETERS_MAX];
    char text[]; /* the target as sent, then the query decoded */
};

/* ---- percent-decoding ---- */

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape at text[0] == '%', or -1. */
static int
escape_value(const char *text, size_t size)
{
    int high = size > 2 ? hex_value(text[1]) : -1;
    int low = high < 0 ? -1 : hex_value(text[2]);

    return low < 0 ? -1 : high << 4 | low;
}

enum status
http_decode_segment(struct span segment, char *out, size_t out_size, struct err *err)
{
    size_t size = 0;

    if (out_size == 0)
        return err_set(err, ST_INVALID, "no room for a path segment");
    for (size_t i = 0; i < segment.n; i++) {
        int c = (unsigned char)segment.p[i];

        if (c == '%') {
            c = escape_value(segment.p + i, segment.n - i);
            if (c < 0)
                return err_set(err, ST_INVALID,
                               "a '%%' in the path is not followed by two hex digits");
            i += 2;
        }
        if (c == '\0' || c == '/')
            return err_set(err, ST_INVALID, "a path segment may not hold %s",
                           c == '/' ? "an escaped '/'" : "a NUL byte");
        if (size + 1 >= out_size)
            return err_set(err, ST_INVALID, "a path segment is longer than %zu bytes",
                           out_size - 1);
        out[size++] = (char)c;
    }
    out[size] = '\0';
    return ST_OK;
}

/* Decodes one name or value of a query in place of 'out'; '+' is a blank. NULL: cannot be. */
static char *
query_decode(const char *text, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        int c = (unsigned char)text[i];

        if (c == '+')
            c = ' ';
        if (c == '%') {
            c = escape_value(text + i, size - i);
            i += 2;
        }
        if (c <= 0)
            return NULL;
        *out++ = (char)c;
    }
    *out++ = '\0';
    return out;
}

/* Splits the query into x->parameters, decoded into 'out': at most the query's size and two NULs a
 * parameter. NULL, or why it cannot be. */
static const char *
query_parse(struct exchange *x, const char *query, char *out)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&"), name_size = strcspn(query, "&=");

        if (size > 0) {
            struct parameter *p = &x->parameters[x->parameter_count];

            if (x->parameter_count == PARAMETERS_MAX)
                return "too many query parameters";
            p->name = out;
            out = query_decode(query, name_size, out);
            if (out == NULL)
                return "the query holds a bad percent escape";
            p->value = out;
            out = name_size < size ? query_decode(query + name_size + 1, size - name_size - 1, out)
                                   : query_decode(query, 0, out);
            if (out == NULL)
                return "the query holds a bad percent escape";
            x->parameter_count++;
        }
        query += size + (query[size] == '&');
    }
    return NULL;
}

/* ---- seats ---- */

/* Called with the lock held. */
static void
seat_shut(struct seat *seat)
{
    seat->is_shut = true;
    shutdown(seat->fd, SHUT_RDWR);
}

static struct seat *
seat_take(struct http_server *s, int fd)
{
    struct seat *seat = calloc(1, sizeof *seat);

    if (seat == NULL) {
        shutdown(fd, SHUT_RDWR);
        return NULL;
    }
    seat->fd = fd;
    seat->since_ms = clock_monotonic_ms();
    seat->deadline_ms = seat->since_ms + (int64_t)s->options.head_s_max * 1000;
    seat->next = s->seats;
    if (seat->next != NULL)
        seat->next->previous = seat;
    s->seats = seat;
    return seat;
}

static void
seat_leave(struct http_server *s, struct seat *seat)
{
    if (seat->next != NULL)
        seat->next->previous = seat->previous;
    if (seat->previous != NULL)
        seat->previous->next = seat->next;
    else
        s->seats = seat->next;
    free(seat);
}

/* A handler has the connection now. False: it was shut meanwhile, nobody hears an answer. 'left_ms'
 * is what the peer had left, for seat_resume. */
static bool
seat_pause(struct http_server *s, struct seat *seat, uint64_t size, int64_t *left_ms)
{
    bool is_open;

    if (seat == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    is_open = !seat->is_shut;
    *left_ms = seat->deadline_ms - clock_monotonic_ms();
    seat->moved_size += size;
    seat->deadline_ms = INT64_MAX;
    seat->is_in_request = true;
    pthread_mutex_unlock(&s->lock);
    return is_open;
}

/* The peer's turn again: with the time it had left, unless it moved enough to get all of it. */
static void
seat_resume(struct http_server *s, struct seat *seat, int64_t left_ms)
{
    pthread_mutex_lock(&s->lock);
    if (seat->moved_size >= HTTP_BODY_SIZE_MIN) {
        seat->moved_size = 0;
        left_ms = (int64_t)s->options.body_s_max * 1000;
    }
    seat->deadline_ms = clock_monotonic_ms() + left_ms;
    pthread_mutex_unlock(&s->lock);
}

/* A body of at most 'size' bytes is to move. */
static void
seat_body(struct http_server *s, struct seat *seat, uint64_t size)
{
    int64_t pieces = (int64_t)(size / HTTP_BODY_SIZE_MIN) + 1;

    pthread_mutex_lock(&s->lock);
    seat->moved_size = 0;
    seat->deadline_ms = clock_monotonic_ms() + pieces * s->options.body_s_max * 1000;
    pthread_mutex_unlock(&s->lock);
}

/* The request is over; the lock is held. */
static void
seat_rest(struct http_server *s, struct seat *seat)
{
    unsigned idle_s = s->options.idle_s_max, head_s = s->options.head_s_max;

    seat->is_in_request = false;
    seat->since_ms = clock_monotonic_ms();
    seat->deadline_ms = seat->since_ms + (int64_t)(idle_s > head_s ? idle_s : head_s) * 1000;
}

/* Shuts all that missed their deadline; the lock is held. */
static void
seats_reap(struct http_server *s, int64_t now_ms)
{
    for (struct seat *seat = s->seats; seat != NULL; seat = seat->next)
        if (!seat->is_shut && seat->deadline_ms <= now_ms)
            seat_shut(seat);
}

/* Shuts the one that has gone without a request for longest, if for long enough; the lock is
 * held. */
static bool
seats_evict(struct http_server *s, int64_t now_ms)
{
    struct seat *oldest = NULL;

    for (struct seat *seat = s->seats; seat != NULL; seat = seat->next)
        if (!seat->is_shut && !seat->is_in_request &&
            (oldest == NULL || seat->since_ms < oldest->since_ms))
            oldest = seat;
    if (oldest == NULL || now_ms - oldest->since_ms < HTTP_ROOM_MS_MIN)
        return false;
    seat_shut(oldest);
    return true;
}

/* ---- requests ---- */

const char *
http_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *
http_query(const struct http_request *r, const char *name)
{
    const struct exchange *x = (const struct exchange *)r; /* its first member */

    for (size_t i = 0; i < x->parameter_count; i++)
        if (strcmp(x->parameters[i].name, name) == 0)
            return x->parameters[i].value;
    return NULL;
}

bool
http_peer_left(const struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info == NULL ? -1 : info->connect_fd, .events = POLLRDHUP};

    return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void
peer_name(struct MHD_Connection *connection, char out[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;

    out[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof v6);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
            inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

/* Cuts "http://host" off an absolute target (RFC 9112 section 3.2.2 wants it accepted). */
static const char *
target_path(const char *target)
{
    const char *authority;

    if (target[0] == '/')
        return target;
    if (strncasecmp(target, "http://", 7) == 0)
        authority = target + 7;
    else if (strncasecmp(target, "https://", 8) == 0)
        authority = target + 8;
    else
        return target;
    authority += strcspn(authority, "/?");
    return authority[0] == '/' ? authority : "/";
}

static struct seat *
seat_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

/* libmicrohttpd read a request line; what is returned comes back as *context everywhere. */
static void *
on_uri(void *app, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = app;
    const char *path = target_path(target);
    size_t size = strlen(path);
    struct exchange *x = calloc(1, sizeof *x + 2 * size + 2 * PARAMETERS_MAX + 2);
    char *query;

    if (x == NULL)
        return NULL;
    x->server = server;
    x->seat = seat_of(connection);
    x->request.connection = connection;
    x->request.peer = x->peer;
    x->request.path = memcpy(x->text, path, size + 1);
    query = strchr(x->text, '?');
    if (query != NULL)
        *query++ = '\0';
    x->request.query = query == NULL ? "" : query;
    x->fault = query_parse(x, x->request.query, x->text + size + 1);
    if (x->text[0] != '/' && strcmp(x->text, "*") != 0)
        x->fault = "the request target is not a path";
    peer_name(connection, x->peer);
    pthread_mutex_lock(&server->lock);
    server->active_count++;
    pthread_mutex_unlock(&server->lock);
    return x;
}

/* ---- replies ---- */

void
http_reply_text(struct http_reply *reply, unsigned status, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    free(reply->body);
    size = vasprintf(&reply->body, format, args);
    va_end(args);
    if (size < 0) {
        reply->body = NULL;
        size = 0;
    }
    reply->body_size = (size_t)size;
    reply->status = status;
}

/* Bytes of the UTF-8 sequence at 'text' (RFC 3629); 0: it is none. */
static size_t
utf8_size(const unsigned char *text)
{
    size_t size = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    if (size == 1)
        return 1;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

/* Appends 'text' as the inside of a JSON string: valid UTF-8 whatever it holds. Stops when fewer
 * than 6 bytes are left. */
static size_t
json_escape(char *out, size_t room, const char *text)
{
    size_t size = 0;

    while (*text != '\0' && size + 6 <= room) {
        unsigned char c = (unsigned char)*text;
        size_t sequence = utf8_size((const unsigned char *)text);

        if (c == '"' || c == '\\') {
            out[size++] = '\\';
            out[size++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            size += (size_t)snprintf(out + size, room - size, "\\u%04x", c);
        } else if (sequence == 0) {
            memcpy(out + size, "\\ufffd", 6);
            size += 6;
        } else {
            memcpy(out + size, text, sequence);
            size += sequence;
        }
        text += sequence == 0 ? 1 : sequence;
    }
    return size;
}

void
http_reply_error(struct http_reply *reply, unsigned status, const char *code, const char *format,
                 ...)
{
    char message[1024], escaped[6 * sizeof message];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    escaped[json_escape(escaped, sizeof escaped - 1, message)] = '\0';
    http_reply_text(reply, status, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code,
                    escaped);
    if ((status == 429 || status == 503) && reply->retry_after_s == 0)
        reply->retry_after_s = 1;
}

static void
response_header(struct MHD_Response *response, const char *name, const char *value)
{
    /* Refused are values with line ends in them: then the header is left out, the answer stands. */
    (void)MHD_add_response_header(response, name, value);
}

/* Hands x->reply to libmicrohttpd. MHD_NO: it cannot take it now. */
static enum MHD_Result
reply_queue(struct exchange *x, struct MHD_Connection *connection)
{
    struct http_reply *reply = &x->reply;
    struct MHD_Response *response;
    enum MHD_Result result;
    size_t size;
    bool is_last;

    if (reply->status < 200 || reply->status > 599)
        http_reply_error(reply, 500, "InternalError", "the request was not answered");
    if (reply->status == 204 || reply->status == 304)
        reply->body_size = 0;
    if (reply->body == NULL || reply->body_size == 0)
        response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    else
        response =
            MHD_create_response_from_buffer(reply->body_size, reply->body, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    size = reply->body_size;
    if (reply->body_size > 0) {
        reply->body = NULL; /* the response's now */
        response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                        reply->content_type == NULL ? "application/json" : reply->content_type);
    }
    response_header(response, MHD_HTTP_HEADER_SERVER, "penstock");
    response_header(response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < COUNT_OF(reply->headers) && reply->headers[i].name[0] != '\0'; i++)
        response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (reply->retry_after_s > 0) {
        char text[16];

        snprintf(text, sizeof text, "%u", reply->retry_after_s);
        response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    pthread_mutex_lock(&x->server->lock);
    is_last = x->is_cut || x->server->is_stopping || x->server->is_crowded;
    pthread_mutex_unlock(&x->server->lock);
    if (is_last)
        response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    seat_body(x->server, x->seat, size);
    result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the request's course ---- */

struct framing { /* headers that say where a body ends, and others that must be plain */
    unsigned length_count, encoding_count, host_count;
    const char *length, *encoding, *authorization;
    bool differ, authorizations_differ, has_bad_name;
};

/* Of the characters of RFC 9110 section 5.6.2 alone: a blank before the colon is what smugglers
 * write. */
static bool
name_is_token(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "!#$%&'*+-.^_`|~0123456789"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

static enum MHD_Result
framing_visit(void *app, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *f = app;

    (void)kind;
    if (value == NULL)
        value = "";
    if (!name_is_token(name))
        f->has_bad_name = true;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        f->differ = f->differ || (f->length != NULL && strcmp(f->length, value) != 0);
        f->length = value;
        f->length_count++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        f->encoding = value;
        f->encoding_count++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        f->host_count++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0) {
        if (f->authorization != NULL && strcmp(f->authorization, value) != 0)
            f->authorizations_differ = true;
        f->authorization = value;
    }
    return MHD_YES;
}

/* Refuses what two readers could read in two ways (RFC 9112 sections 3.2, 5.1 and 6.3). True: a
 * body follows, or what may be one. */
static bool
framing_check(struct exchange *x, struct MHD_Connection *connection)
{
    struct framing f = {0};

    MHD_get_connection_values(connection, MHD_HEADER_KIND, framing_visit, &f);
    if (f.has_bad_name)
        http_reply_error(&x->reply, 400, "BadRequest",
                         "a header's name holds a blank, or what no header's name may hold");
    else if (f.host_count > 1)
        http_reply_error(&x->reply, 400, "BadRequest", "several Host headers");
    else if (f.authorizations_differ)
        http_reply_error(&x->reply, 400, "BadRequest", "several different Authorization headers");
    else if (f.encoding_count > 0 && f.length_count > 0)
        http_reply_error(&x->reply, 400, "BadRequest",
                         "Content-Length and Transfer-Encoding exclude each other");
    else if (f.differ)
        http_reply_error(&x->reply, 400, "BadRequest", "several different Content-Length headers");
    else if (f.length != NULL &&
             (f.length[0] == '\0' || f.length[strspn(f.length, "0123456789")] != '\0'))
        http_reply_error(&x->reply, 400, "BadRequest", "Content-Length is not a number");
    else if (f.encoding_count > 1 || (f.encoding != NULL && strcasecmp(f.encoding, "chunked") != 0))
        http_reply_error(&x->reply, 501, "NotImplemented",
                         "of transfer encodings only 'chunked' is known");
    return x->reply.status != 0 || f.encoding_count > 0 ||
           (f.length != NULL && f.length[strspn(f.length, "0")] != '\0');
}

static size_t
head_size(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info == NULL ? 0 : info->header_size;
}

/* The head is there: checks it, chooses the handler and begins. */
static void
exchange_begin(struct exchange *x, struct MHD_Connection *connection, const char *method)
{
    struct http_server *server = x->server;
    bool has_body;

    x->is_routed = true;
    x->request.method = strcmp(method, "HEAD") == 0 ? "GET" : method;
    has_body = framing_check(x, connection);
    if (x->reply.status != 0)
        ;
    else if (head_size(connection) > server->options.head_size_max)
        http_reply_error(&x->reply, 431, "RequestHeaderFieldsTooLarge",
                         "the request line and headers are longer than %zu bytes",
                         server->options.head_size_max);
    else if (x->fault != NULL)
        http_reply_error(&x->reply, 400, "BadRequest", "%s", x->fault);
    else if ((x->handler = server->route(server->app, &x->request)) == NULL)
        http_reply_error(&x->reply, 404, "NotFound", "there is nothing at this path");
    else if (has_body && x->handler->data == NULL)
        http_reply_error(&x->reply, 400, "BadRequest", "%s takes no body here", method);
    if (x->reply.status == 0) {
        x->is_begun = true;
        x->app = x->handler->app == NULL ? server->app : x->handler->app;
        x->handler->begin(x->app, &x->request, &x->state, &x->reply);
    }
    x->is_replied = x->reply.status != 0;
    x->is_cut = x->is_replied && has_body;
}

/* A handler may block for longer than the idle limit, which counts from the socket's last byte:
 * setting the limit anew starts the count again. */
static void
idle_restart(struct exchange *x, struct MHD_Connection *connection)
{
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              x->server->options.idle_s_max);
}

/* Called by libmicrohttpd for the head, then for each piece of the body, then for its end. */
static enum MHD_Result
on_access(void *app, struct MHD_Connection *connection, const char *url, const char *method,
          const char *version, const char *data, size_t *size, void **context)
{
    struct http_server *server = app;
    struct exchange *x = *context;
    int64_t left_ms;

    (void)url;
    (void)version;
    if (x == NULL || !seat_pause(server, x->seat, *size, &left_ms))
        return MHD_NO;
    if (!x->is_routed) {
        exchange_begin(x, connection, method);
        idle_restart(x, connection);
        seat_body(server, x->seat, 0);
        /* Without a body the answer waits for the end, so that the connection is kept. */
        return x->is_cut ? reply_queue(x, connection) : MHD_YES;
    }
    if (*size > 0) {
        struct span bytes = {data, *size};

        *size = 0;
        if (x->is_replied) {
            seat_resume(server, x->seat, left_ms);
            x->dropped_size += bytes.n;
            return x->dropped_size <= HTTP_DROP_SIZE_MAX ? MHD_YES : MHD_NO;
        }
        x->handler->data(x->app, &x->request, x->state, bytes, &x->reply);
        x->is_replied = x->reply.status != 0;
        idle_restart(x, connection);
        seat_resume(server, x->seat, left_ms);
        return MHD_YES;
    }
    if (x->is_cut) {
        seat_resume(server, x->seat, left_ms);
        return MHD_YES;
    }
    if (!x->is_replied) {
        x->is_replied = true;
        x->handler->end(x->app, &x->request, x->state, &x->reply);
        idle_restart(x, connection);
    }
    return reply_queue(x, connection);
}

/* The answer has been written: drops what the peer still sends, see above. */
static void
linger(struct http_server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int64_t deadline = clock_monotonic_ms() + LINGER_MS_MAX;
    char dropped[16384];
    struct pollfd wait;

    if (info == NULL || info->connect_fd < 0)
        return;
    wait = (struct pollfd){.fd = info->connect_fd, .events = POLLIN};
    if (!server->is_tls) /* TLS still has its own goodbye to send */
        shutdown(wait.fd, SHUT_WR);
    for (int64_t left = LINGER_MS_MAX; left > 0; left = deadline - clock_monotonic_ms()) {
        ssize_t got;

        if (poll(&wait, 1, (int)left) <= 0)
            return;
        got = recv(wait.fd, dropped, sizeof dropped, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
    }
}

static void
on_completed(void *app, struct MHD_Connection *connection, void **context,
             enum MHD_RequestTerminationCode code)
{
    struct http_server *server = app;
    struct exchange *x = *context;

    if (x == NULL)
        return;
    *context = NULL;
    if (x->is_begun && x->handler->gone != NULL)
        x->handler->gone(x->app, x->state);
    if (x->is_cut && code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        linger(server, connection);
    free(x->reply.body);
    pthread_mutex_lock(&server->lock);
    if (x->seat != NULL)
        seat_rest(server, x->seat);
    if (--server->active_count == 0)
        pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    free(x);
}

static void
on_connection(void *app, struct MHD_Connection *connection, void **context,
              enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = app;
    const union MHD_ConnectionInfo *info =
        code == MHD_CONNECTION_NOTIFY_STARTED
            ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
            : NULL;

    pthread_mutex_lock(&server->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->connection_count++;
        server->is_handing_over = false;
        *context = info == NULL ? NULL : seat_take(server, info->connect_fd);
    } else {
        server->connection_count--;
        if (*context != NULL)
            seat_leave(server, *context);
        *context = NULL;
    }
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* ---- start and stop ---- */

static enum status
listen_at(const char *address, uint16_t port, int *listener, struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    const struct sockaddr *at = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    socklen_t at_size = is_v4 ? sizeof v4 : sizeof v6;
    int fd, on = 1, off = 0;

    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
        return err_set(err, ST_INVALID,
                       "'%s' is not an address to listen at, such as 127.0.0.1 or ::1", address);
    fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        goto fail;
    if (!is_v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        goto fail;
    if (bind(fd, at, at_size) != 0 || listen(fd, BACKLOG) != 0)
        goto fail;
    *listener = fd;
    return ST_OK;

fail:
    (void)err_set(err, ST_IO, "cannot listen at %s port %u: %s", address, (unsigned)port,
                  strerror(errno));
    if (fd >= 0)
        close(fd);
    return ST_IO;
}

static uint16_t
port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof address;

    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

static int
no_passphrase(char *out, int size, int is_writing, void *app)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)app;
    return -1; /* rather than asking on the terminal */
}

static enum status
pair_check(const char *certificate_pem, const char *key_pem, struct err *err)
{
    BIO *certificate_bio = BIO_new_mem_buf(certificate_pem, -1);
    BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    enum status st = ST_OK;

    if (certificate_bio != NULL)
        certificate = PEM_read_bio_X509(certificate_bio, NULL, no_passphrase, NULL);
    if (key_bio != NULL)
        key = PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL);
    if (certificate == NULL)
        st = err_set(err, ST_INVALID, "the TLS certificate is not a PEM certificate");
    else if (key == NULL)
        st = err_set(err, ST_INVALID, "the TLS key is not an unencrypted PEM private key");
    else if (X509_check_private_key(certificate, key) != 1)
        st = err_set(err, ST_INVALID, "the TLS key does not belong to the TLS certificate");
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    ERR_clear_error();
    return st;
}

static struct http_server_options
options_complete(const struct http_server_options *o)
{
    struct http_server_options all = *o;

    all.connections_max = o->connections_max > 0 ? o->connections_max : HTTP_CONNECTIONS_MAX;
    all.idle_s_max = o->idle_s_max > 0 ? o->idle_s_max : HTTP_IDLE_S_MAX;
    all.head_s_max = o->head_s_max > 0 ? o->head_s_max : HTTP_HEAD_S_MAX;
    all.body_s_max = o->body_s_max > 0 ? o->body_s_max : HTTP_BODY_S_MAX;
    all.head_size_max = o->head_size_max > 0 ? o->head_size_max : HTTP_HEAD_SIZE_MAX;
    all.read_size = o->read_size > 0 ? o->read_size : HTTP_READ_SIZE;
    return all;
}

/* Twice what is read at once (the read buffer is half of it), and room to keep a head that is too
 * long by half, so that it is our answer which says so. Mapped, not touched, before it is used. */
static size_t
connection_memory(const struct http_server_options *o)
{
    size_t size = o->read_size > o->head_size_max * 2 ? o->read_size : o->head_size_max * 2;

    return (2 * size + 4095) & ~(size_t)4095;
}

static struct timespec
monotonic_after(unsigned ms)
{
    int64_t at = clock_monotonic_ms() + ms;

    return (struct timespec){.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
}

/* Waits until somebody wants a connection, and sees to the deadlines meanwhile. False: the server
 * stops. */
static bool
guest_wait(struct http_server *s, int64_t *reaped_ms)
{
    struct pollfd wait = {.fd = s->listener, .events = POLLIN};

    for (;;) {
        int64_t now = clock_monotonic_ms();
        bool goes_on;

        pthread_mutex_lock(&s->lock);
        goes_on = !s->is_stopping;
        if (goes_on && now - *reaped_ms >= TICK_MS) {
            seats_reap(s, now);
            *reaped_ms = now;
        }
        pthread_mutex_unlock(&s->lock);
        if (!goes_on || poll(&wait, 1, TICK_MS) > 0)
            return goes_on;
    }
}

/* Waits until one more connection may be, for which those without a request have to go. False: the
 * server stops. */
static bool
slot_wait(struct http_server *s)
{
    int64_t evicted_ms = 0;
    bool goes_on;

    pthread_mutex_lock(&s->lock);
    while (s->connection_count >= s->options.connections_max && !s->is_stopping) {
        struct timespec until = monotonic_after(EVICT_MS);
        int64_t now = clock_monotonic_ms();

        s->is_crowded = true;
        seats_reap(s, now);
        if (now - evicted_ms >= EVICT_MS && seats_evict(s, now))
            evicted_ms = now;
        (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
    }
    s->is_crowded = false;
    goes_on = !s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

/* Out of file descriptors, say: waits until a connection ends, or a little. */
static void
accept_failed(struct http_server *s)
{
    struct timespec until = monotonic_after(100);

    pthread_mutex_lock(&s->lock);
    if (!s->is_stopping)
        (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
}

/* libmicrohttpd's own thread takes it up, or closes it and says nothing: then it is not waited
 * for. */
static void
hand_over(struct http_server *s, int fd, const struct sockaddr *peer, socklen_t peer_size)
{
    struct timespec until = monotonic_after(HAND_OVER_MS_MAX);

    pthread_mutex_lock(&s->lock);
    s->is_handing_over = true;
    pthread_mutex_unlock(&s->lock);
    if (MHD_add_connection(s->daemon, fd, peer, peer_size) != MHD_YES)
        until = (struct timespec){0};
    pthread_mutex_lock(&s->lock);
    while (s->is_handing_over)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
            s->is_handing_over = false;
    pthread_mutex_unlock(&s->lock);
}

static void *
accept_run(void *app)
{
    struct http_server *s = app;
    int64_t reaped_ms = 0;

    while (guest_wait(s, &reaped_ms) && slot_wait(s)) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        int fd =
            accept4(s->listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            hand_over(s, fd, (const struct sockaddr *)&peer, size);
        else if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN)
            accept_failed(s);
    }
    return NULL;
}

static void
server_free(struct http_server *s)
{
    if (s->listener >= 0)
        close(s->listener);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct http_server *
server_make(const struct http_server_options *o, http_route_fn route, void *app)
{
    struct http_server *s = calloc(1, sizeof *s);
    pthread_condattr_t monotonic;

    if (s == NULL)
        return NULL;
    s->route = route;
    s->app = app;
    s->options = options_complete(o);
    s->is_tls = o->certificate_pem != NULL;
    s->listener = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

static struct MHD_Daemon *
daemon_start(struct http_server *s)
{
    const struct http_server_options *o = &s->options;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT,   0, (void *)(uintptr_t)o->certificate_pem},
        {MHD_OPTION_HTTPS_MEM_KEY,    0, (void *)(uintptr_t)o->key_pem        },
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES    },
        {MHD_OPTION_END,              0, NULL                                 },
    };
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC |
                     MHD_USE_NO_LISTEN_SOCKET;

    if (!s->is_tls)
        tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        flags | (s->is_tls ? MHD_USE_TLS : 0U), 0, NULL, NULL, on_access, s,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_LIMIT, UINT_MAX / 2,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        connection_memory(o), MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static enum status
tls_check(const struct http_server_options *o, struct err *err)
{
    if (o->certificate_pem == NULL && o->key_pem == NULL)
        return ST_OK;
    if (o->certificate_pem == NULL || o->key_pem == NULL)
        return err_set(err, ST_INVALID, "TLS needs both a certificate and its key");
    if (MHD_is_feature_supported(MHD_FEATURE_SSL) != MHD_YES)
        return err_set(err, ST_INVALID, "this libmicrohttpd was built without TLS");
    return pair_check(o->certificate_pem, o->key_pem, err);
}

enum status
http_server_start(const struct http_server_options *o, http_route_fn route, void *app,
                  struct http_server **server, struct err *err)
{
    enum status st = tls_check(o, err);
    struct http_server *s;

    if (st != ST_OK)
        return st;
    s = server_make(o, route, app);
    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for an HTTP server");
    st = listen_at(o->address, o->port, &s->listener, err);
    if (st != ST_OK)
        goto fail;
    s->port = port_of(s->listener);
    s->daemon = daemon_start(s);
    if (s->daemon == NULL || pthread_create(&s->acceptor, NULL, accept_run, s) != 0) {
        st = err_set(err, ST_IO, "cannot start the HTTP server at %s port %u", o->address,
                     (unsigned)s->port);
        goto fail;
    }
    *server = s;
    return ST_OK;

fail:
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    server_free(s);
    return st;
}

uint16_t
http_server_port(const struct http_server *server)
{
    return server->port;
}

void
http_server_stop(struct http_server *server, unsigned grace_ms)
{
    struct timespec until = monotonic_after(grace_ms);

    if (server == NULL)
        return;
    pthread_mutex_lock(&server->lock);
    server->is_stopping = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(server->acceptor, NULL);
    close(server->listener); /* who waits in the queue learns of it at once */
    server->listener = -1;
    pthread_mutex_lock(&server->lock);
    while (server->active_count > 0)
        if (pthread_cond_timedwait(&server->changed, &server->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&server->lock);
    MHD_stop_daemon(server->daemon);
    assert(server->active_count == 0);
    server_free(server);
}

/* ---- a certificate of one's own ---- */

static bool
host_name_is_safe(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && strchr(".-:", name[i]) == NULL)
            return false;
    return size <= 253;
}

static bool
extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool is_added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool
certificate_fill(X509 *certificate, EVP_PKEY *key, const char *host_name)
{
    char names[400];
    struct in6_addr address;
    bool is_address = inet_pton(AF_INET, host_name, &address) == 1 ||
                      inet_pton(AF_INET6, host_name, &address) == 1;
    X509_NAME *subject = X509_get_subject_name(certificate);
    BIGNUM *serial = BN_new();
    bool is_filled;

    snprintf(names, sizeof names, "DNS:localhost,IP:127.0.0.1,IP:::1%s%s",
             host_name[0] == '\0' ? "" : (is_address ? ",IP:" : ",DNS:"), host_name);
    is_filled =
        serial != NULL && subject != NULL && BN_rand(serial, 127, BN_RAND_TOP_ONE, 0) == 1 &&
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL &&
        X509_set_version(certificate, 2) == 1 &&
        /* An hour back: clocks of two machines differ. */
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(certificate), CERTIFICATE_DAYS, 0, NULL) != NULL &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"penstock",
                                   -1, -1, 0) == 1 &&
        X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
        extension_add(certificate, NID_subject_alt_name, names) &&
        extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
        extension_add(certificate, NID_key_usage, "critical,digitalSignature") &&
        extension_add(certificate, NID_ext_key_usage, "serverAuth") &&
        X509_sign(certificate, key, EVP_sha256()) > 0;
    BN_free(serial);
    return is_filled;
}

/* What was written to 'bio' as text; NULL: nothing. */
static char *
bio_text(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);

    return size > 0 ? strndup(data, (size_t)size) : NULL;
}

enum status
http_make_certificate(const char *host_name, char **certificate_pem, char **key_pem,
                      struct err *err)
{
    BIO *certificate_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    EVP_PKEY *key = NULL;
    X509 *certificate = X509_new();
    enum status st = ST_OK;

    *certificate_pem = *key_pem = NULL;
    if (host_name == NULL || strcasecmp(host_name, "localhost") == 0)
        host_name = "";
    if (!host_name_is_safe(host_name)) {
        st = err_set(err, ST_INVALID, "'%.100s' is not a host name for a certificate", host_name);
        goto end;
    }
    key = EVP_EC_gen("P-256");
    if (certificate_bio != NULL && key_bio != NULL && key != NULL && certificate != NULL &&
        certificate_fill(certificate, key, host_name) &&
        PEM_write_bio_X509(certificate_bio, certificate) == 1 &&
        PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        *certificate_pem = bio_text(certificate_bio);
        *key_pem = bio_text(key_bio);
    }
    if (*certificate_pem == NULL || *key_pem == NULL) {
        free(*certificate_pem);
        free(*key_pem);
        *certificate_pem = *key_pem = NULL;
        st = err_set(err, ST_IO, "cannot make a TLS certificate: %s",
                     ERR_reason_error_string(ERR_peek_last_error()));
    }

end:
    ERR_clear_error();
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return st;
}
