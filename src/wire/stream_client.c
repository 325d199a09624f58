/* stream_client.c - see the header for what each call promises.
 *
 * The socket never blocks: each call waits with poll in steps short enough for 'stop'. How much the
 * peer's TCP has acknowledged is what Linux says of its send queue (SIOCOUTQ, tcp(7)); there is no
 * event for it, so 'settle' looks again after 1, 2, 4 ... ms, and an end of the connection wakes it.
 *
 * Closing a socket while it holds unread bytes resets the connection (RFC 2525 section 2.17), and a
 * reset throws away what the peer has not read yet. TLS 1.3 servers send session tickets that nobody
 * asked for, so a sender that just closes loses its last records. Hence: read what is there before
 * each look, and end in order. */
#include "wire/stream_client.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STEP_MS = 100,         /* between two looks at 'stop' */
    DROP_SIZE_MAX = 65536, /* of the peer's bytes in one look */
    SETTLE_MS_MAX = 32,    /* the longest pause between two looks at the send queue */
    CLOSE_MS = 1000,       /* that stream_client_close waits for the peer */
    ADDRESSES_MAX = 16,    /* of a name that are tried */
    PEER_SIZE = 300,
};

struct stream_client {
    char *host, *port, *name, *ca_file;
    bool is_tls, insecure;
    unsigned connect_ms_max, stall_ms_max;
    const atomic_bool *stop;
    SSL_CTX *context; /* NULL: plain */
    int fd;           /* -1: not connected */
    SSL *tls;         /* NULL: plain, or not connected */
    char peer[PEER_SIZE];
};

enum look { LOOK_OPEN, LOOK_ENDED /* in order */, LOOK_BROKEN };

static bool
is_stopping(const struct stream_client *c)
{
    return c->stop != NULL && atomic_load_explicit(c->stop, memory_order_relaxed);
}

static void
cut(struct stream_client *c)
{
    SSL_free(c->tls);
    c->tls = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* The reason that OpenSSL has for its last failure, or the system's. Takes it from the thread's queue. */
static const char *
tls_reason(int error, char room[160])
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

    if (text != NULL)
        snprintf(room, 160, "%s", text);
    else
        snprintf(room, 160, "%s", error != 0 ? strerror(error) : "the peer closed the connection");
    ERR_clear_error();
    return room;
}

/* Waits for 'events', at most until 'until_ms'. ST_OK: they are there, or an error is, which the next
 * call on the socket tells. */
static enum status
wait_for(const struct stream_client *c, short events, int64_t until_ms, const char *what,
         struct err *err)
{
    struct pollfd p = {.fd = c->fd, .events = events};

    for (;;) {
        int64_t left = until_ms - clock_monotonic_ms();

        if (is_stopping(c))
            return err_set(err, ST_IO, "stopping");
        if (left <= 0)
            return err_set(err, ST_IO, "%s %s in time", c->peer, what);
        if (poll(&p, 1, left < STEP_MS ? (int)left : STEP_MS) > 0)
            return ST_OK;
    }
}

/* ---- what it is opened with ---- */

/* The key's password, if it has one, is not asked for. */
static int
no_password(char *buffer, int size, int is_writing, void *app)
{
    (void)buffer, (void)size, (void)is_writing, (void)app;
    return -1;
}

static enum status
own_certificate(SSL_CTX *context, const struct stream_options *o, struct err *err)
{
    char why[160];
    BIO *bio;
    EVP_PKEY *key;
    bool fits;

    if (SSL_CTX_use_certificate_chain_file(context, o->certificate_file) != 1)
        return err_set(err, ST_INVALID, "cannot read a certificate from %s: %s",
                       o->certificate_file, tls_reason(errno, why));
    bio = BIO_new_mem_buf(o->key.p, (int)o->key.n);
    key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    if (key == NULL) {
        ERR_clear_error();
        return err_set(err, ST_INVALID,
                       "the client's key is no private key in PEM without a password");
    }
    fits = SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return fits ? ST_OK
                : err_set(err, ST_INVALID, "the client's key is not that of the certificate in %s",
                          o->certificate_file);
}

static enum status
context_make(struct stream_client *c, const struct stream_options *o, struct err *err)
{
    char why[160];

    c->context = SSL_CTX_new(TLS_client_method());
    if (c->context == NULL || SSL_CTX_set_min_proto_version(c->context, TLS1_2_VERSION) != 1)
        return err_set(err, ST_FULL, "no memory for TLS");
    SSL_CTX_set_mode(c->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(c->context, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (o->ca_file != NULL && SSL_CTX_load_verify_locations(c->context, o->ca_file, NULL) != 1)
        return err_set(err, ST_INVALID, "cannot read certificates from %s: %s", o->ca_file,
                       tls_reason(errno, why));
    if (o->ca_file == NULL && SSL_CTX_set_default_verify_paths(c->context) != 1)
        return err_set(err, ST_INVALID, "cannot read the system's certificates: %s",
                       tls_reason(errno, why));
    return o->certificate_file != NULL ? own_certificate(c->context, o, err) : ST_OK;
}

static char *
copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

enum status
stream_client_open(const struct stream_options *o, struct stream_client **client, struct err *err)
{
    struct stream_client *c = calloc(1, sizeof *c);
    enum status st = ST_OK;

    if (c == NULL)
        return err_set(err, ST_FULL, "no memory for a connection");
    *c = (struct stream_client){
        .host = copy(o->host),
        .port = copy(o->port),
        .name = copy(o->name != NULL ? o->name : o->host),
        .ca_file = copy(o->ca_file),
        .is_tls = o->is_tls,
        .insecure = o->insecure,
        .connect_ms_max = o->connect_ms_max,
        .stall_ms_max = o->stall_ms_max,
        .stop = o->stop,
        .fd = -1,
    };
    if (c->host == NULL || c->port == NULL || c->name == NULL ||
        (o->ca_file != NULL && c->ca_file == NULL))
        st = err_set(err, ST_FULL, "no memory for a connection");
    else
        snprintf(c->peer, sizeof c->peer, strchr(c->host, ':') != NULL ? "[%s]:%s" : "%s:%s",
                 c->host, c->port);
    if (st == ST_OK && (o->certificate_file == NULL) != (o->key.p == NULL))
        st = err_set(err, ST_INVALID, "a client's certificate and its key go together");
    if (st == ST_OK && o->is_tls)
        st = context_make(c, o, err);
    if (st != ST_OK) {
        stream_client_close(c);
        return st;
    }
    *client = c;
    return ST_OK;
}

/* ---- connecting ---- */

/* A peer whose machine went away in silence is noticed within about two minutes when nothing is sent,
 * and within stall_ms_max when something is. */
static void
socket_options(const struct stream_client *c)
{
    const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET,  SO_KEEPALIVE,     1                   },
        {IPPROTO_TCP, TCP_KEEPIDLE,     60                  },
        {IPPROTO_TCP, TCP_KEEPINTVL,    15                  },
        {IPPROTO_TCP, TCP_KEEPCNT,      4                   },
        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)c->stall_ms_max},
        {IPPROTO_TCP, TCP_NODELAY,      1                   },
    };

    for (size_t i = 0; i < COUNT_OF(options); i++) /* each helps, none is needed */
        (void)setsockopt(c->fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
}

static enum status
address_connect(struct stream_client *c, const struct addrinfo *a, int64_t until_ms,
                struct err *err)
{
    int error = 0;
    socklen_t size = sizeof error;
    enum status st = ST_OK;

    c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return err_set(err, ST_IO, "cannot make a socket: %s", strerror(errno));
    if (connect(c->fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS && errno != EINTR)
            error = errno;
        else if ((st = wait_for(c, POLLOUT, until_ms, "did not answer", err)) == ST_OK &&
                 getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (st == ST_OK && error != 0)
        st = err_set(err, ST_IO, "cannot connect to %s: %s", c->peer, strerror(error));
    if (st == ST_OK)
        socket_options(c);
    else
        cut(c);
    return st;
}

static enum status
tcp_connect(struct stream_client *c, int64_t until_ms, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    int code = getaddrinfo(c->host, c->port, &hints, &list), left = 0, tried = 0;
    enum status st = ST_IO;

    if (code != 0)
        return err_set(err, ST_IO, "cannot find the address of %s: %s", c->host,
                       code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    for (const struct addrinfo *a = list; a != NULL && left < ADDRESSES_MAX; a = a->ai_next)
        left++;
    /* Each address has its share of the time, so that a dead first one leaves some for the next. */
    for (const struct addrinfo *a = list; left > 0 && st != ST_OK && !is_stopping(c);
         a = a->ai_next, left--) {
        int64_t now = clock_monotonic_ms();

        tried++;
        st = address_connect(c, a, now + (until_ms - now) / left, err);
    }
    freeaddrinfo(list);
    if (tried == 0)
        return err_set(err, ST_IO, "stopping");
    return st;
}

static bool
is_address(const char *host)
{
    char binary[16];

    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

static bool
tls_prepare(struct stream_client *c)
{
    c->tls = SSL_new(c->context);
    if (c->tls == NULL || SSL_set_fd(c->tls, c->fd) != 1)
        return false;
    if (is_address(c->name))
        return c->insecure || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->tls), c->name) == 1;
    return SSL_set_tlsext_host_name(c->tls, c->name) == 1 &&
           (c->insecure || SSL_set1_host(c->tls, c->name) == 1);
}

static enum status
handshake_failed(struct stream_client *c, int error, struct err *err)
{
    char why[160];
    long verdict = SSL_get_verify_result(c->tls);

    if (verdict != X509_V_OK && !c->insecure) {
        ERR_clear_error();
        return err_set(err, ST_IO,
                       "the certificate of %s is not trusted for %s: %s; trusted are the "
                       "authorities %s%s",
                       c->peer, c->name, X509_verify_cert_error_string(verdict),
                       c->ca_file == NULL ? "of the system" : "in ",
                       c->ca_file == NULL ? "" : c->ca_file);
    }
    return err_set(err, ST_IO, "no TLS with %s: %s", c->peer, tls_reason(error, why));
}

static enum status
tls_connect(struct stream_client *c, int64_t until_ms, struct err *err)
{
    if (!tls_prepare(c)) {
        ERR_clear_error();
        return err_set(err, ST_IO, "cannot prepare TLS for %s", c->peer);
    }
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_connect(c->tls), error = errno, reason = SSL_get_error(c->tls, n);
        enum status st;

        if (n == 1)
            return ST_OK;
        if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE)
            return handshake_failed(c, error, err);
        st = wait_for(c, reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_ms,
                      "did not finish the TLS handshake", err);
        if (st != ST_OK)
            return st;
    }
}

/* ---- what the peer says ---- */

/* One read of what the peer sent: > 0 bytes, 0 nothing now, -1 its orderly end, -2 broken; *error:
 * the system's reason. */
static ssize_t
peer_read(struct stream_client *c, char *buffer, size_t size, int *error)
{
    *error = 0;
    if (c->tls == NULL) {
        ssize_t n = recv(c->fd, buffer, size, MSG_DONTWAIT);

        if (n > 0)
            return n;
        if (n == 0)
            return -1;
        *error = errno;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -2;
    }
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(c->tls, buffer, (int)size), reason;

    *error = errno;
    if (n > 0)
        return n;
    reason = SSL_get_error(c->tls, n);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
        return 0;
    if (reason == SSL_ERROR_ZERO_RETURN)
        return -1;
    return -2;
}

/* Drops what the peer sent and says how the connection stands. A broken one leaves its reason. */
static enum look
peer_look(struct stream_client *c, char why[160])
{
    char buffer[4096];
    size_t dropped = 0;
    int error;

    while (dropped < DROP_SIZE_MAX) {
        ssize_t n = peer_read(c, buffer, sizeof buffer, &error);

        if (n == 0)
            return LOOK_OPEN;
        if (n == -1) {
            snprintf(why, 160, "the peer closed the connection");
            return LOOK_ENDED;
        }
        if (n == -2) {
            if (c->tls != NULL)
                tls_reason(error, why);
            else
                snprintf(why, 160, "%s", strerror(error));
            return LOOK_BROKEN;
        }
        dropped += (size_t)n;
    }
    return LOOK_OPEN;
}

enum status
stream_client_ready(struct stream_client *c, bool *is_new, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms() + c->connect_ms_max;
    char why[160];
    enum status st;

    *is_new = false;
    if (is_stopping(c))
        return err_set(err, ST_IO, "stopping");
    if (c->fd >= 0 && peer_look(c, why) != LOOK_OPEN)
        cut(c);
    if (c->fd >= 0)
        return ST_OK;
    st = tcp_connect(c, until_ms, err);
    if (st == ST_OK && c->is_tls)
        st = tls_connect(c, until_ms, err);
    if (st != ST_OK)
        cut(c);
    *is_new = st == ST_OK;
    return st;
}

/* ---- sending ---- */

/* > 0: sent; 0: wait for *events; -1: failed, *error says why (in TLS also OpenSSL's queue). */
static ssize_t
send_some(struct stream_client *c, struct span bytes, short *events, int *error)
{
    ssize_t n;

    if (c->tls == NULL) {
        n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        *events = POLLOUT;
        *error = errno;
        return n > 0 || (n < 0 && *error != EAGAIN && *error != EWOULDBLOCK && *error != EINTR) ? n
                                                                                                : 0;
    }
    ERR_clear_error();
    errno = 0;
    n = SSL_write(c->tls, bytes.p, bytes.n > 1 << 20 ? 1 << 20 : (int)bytes.n);
    *error = errno;
    if (n > 0)
        return n;
    int reason = SSL_get_error(c->tls, (int)n);

    *events = reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

enum status
stream_client_send(struct stream_client *c, struct span bytes, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms() + c->stall_ms_max;
    enum status st = ST_OK;

    if (c->fd < 0)
        return err_set(err, ST_IO, "%s is not connected", c->peer);
    while (bytes.n > 0 && st == ST_OK) {
        char why[160];
        short events = 0;
        int error = 0;
        ssize_t n = send_some(c, bytes, &events, &error);

        if (n > 0) {
            bytes = (struct span){bytes.p + n, bytes.n - (size_t)n};
            until_ms = clock_monotonic_ms() + c->stall_ms_max;
        } else if (n == 0) {
            st = wait_for(c, events, until_ms, "took no bytes", err);
        } else {
            st = err_set(err, ST_IO, "the connection to %s broke: %s", c->peer,
                         c->tls != NULL ? tls_reason(error, why) : strerror(error));
        }
    }
    if (st != ST_OK)
        cut(c);
    return st;
}

enum status
stream_client_settle(struct stream_client *c, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms() + c->stall_ms_max;
    int pause_ms = 1, queued = 0;
    char why[160] = "";
    enum status st = ST_OK;

    if (c->fd < 0)
        return err_set(err, ST_IO, "%s is not connected", c->peer);
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
        /* The queue first: a reset that came with or before the last acknowledgement is then seen. */
        bool is_known = ioctl(c->fd, SIOCOUTQ, &queued) == 0;

        if (peer_look(c, why) != LOOK_OPEN)
            st = err_set(err, ST_IO, "the connection to %s ended before all was received: %s",
                         c->peer, why);
        else if (!is_known)
            st = err_set(err, ST_IO, "cannot see what %s received: %s", c->peer, strerror(errno));
        else if (queued == 0)
            return ST_OK;
        else if (is_stopping(c))
            st = err_set(err, ST_IO, "stopping");
        else if (clock_monotonic_ms() >= until_ms)
            st = err_set(err, ST_IO, "%s did not acknowledge what was sent in time", c->peer);
        if (st != ST_OK) {
            cut(c);
            return st;
        }
        poll(&p, 1, pause_ms);
        pause_ms = pause_ms * 2 < SETTLE_MS_MAX ? pause_ms * 2 : SETTLE_MS_MAX;
    }
}

/* ---- ending ---- */

/* The TLS end, as far as the socket takes it. */
static enum status
tls_end(struct stream_client *c, int64_t until_ms, struct err *err)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_shutdown(c->tls), error = errno, reason = SSL_get_error(c->tls, n);
        char why[160];
        enum status st;

        if (n >= 0)
            return ST_OK; /* ours is sent; the peer's is read by peer_look */
        if (reason != SSL_ERROR_WANT_WRITE && reason != SSL_ERROR_WANT_READ)
            return err_set(err, ST_IO, "the connection to %s broke: %s", c->peer,
                           tls_reason(error, why));
        st = wait_for(c, reason == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN, until_ms,
                      "took no bytes", err);
        if (st != ST_OK)
            return st;
    }
}

static enum status
end_in_order(struct stream_client *c, int64_t until_ms, struct err *err)
{
    char why[160] = "";
    enum status st = c->tls != NULL ? tls_end(c, until_ms, err) : ST_OK;

    if (st != ST_OK)
        return st;
    if (shutdown(c->fd, SHUT_WR) != 0)
        return err_set(err, ST_IO, "the connection to %s broke: %s", c->peer, strerror(errno));
    for (;;) {
        switch (peer_look(c, why)) {
        case LOOK_ENDED:
            return ST_OK;
        case LOOK_BROKEN:
            return err_set(err, ST_IO, "%s ended the connection before it had read everything: %s",
                           c->peer, why);
        case LOOK_OPEN:
            break;
        }
        st = wait_for(c, POLLIN, until_ms, "did not end the connection", err);
        if (st != ST_OK)
            return st;
    }
}

enum status
stream_client_finish(struct stream_client *c, struct err *err)
{
    enum status st;

    if (c->fd < 0)
        return err_set(err, ST_IO, "%s is not connected", c->peer);
    st = end_in_order(c, clock_monotonic_ms() + c->stall_ms_max, err);
    cut(c);
    return st;
}

void
stream_client_end(struct stream_client *c, unsigned ms)
{
    const atomic_bool *stop = c->stop;
    struct err ignored;

    if (c->fd < 0)
        return;
    c->stop = NULL; /* the wait is short, and what is on its way matters more */
    if (end_in_order(c, clock_monotonic_ms() + ms, &ignored) != ST_OK)
        ERR_clear_error();
    c->stop = stop;
    cut(c);
}

void
stream_client_close(struct stream_client *c)
{
    if (c == NULL)
        return;
    stream_client_end(c, CLOSE_MS);
    SSL_CTX_free(c->context);
    free(c->host);
    free(c->port);
    free(c->name);
    free(c->ca_file);
    free(c);
}
