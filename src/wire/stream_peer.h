/* stream_peer.h - the other side of stream_client.h for tests: a receiver on loopback, plain or TLS, that
 * keeps all bytes and misbehaves as told. One thread of its own, one connection at a time. Tests only. */
#pragma once
#include "base/base.h"
#include "base/clock.h"
#include "base/test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum stream_manner {
    PEER_READS,      /* all, and closes when the sender ends */
    PEER_RESETS,     /* after 'part' bytes, each connection */
    PEER_CLOSES,     /* in order after 'part' bytes of the first connection; then reads */
    PEER_STALLS,     /* never reads */
    PEER_STAYS_OPEN, /* reads, and never closes */
    PEER_FORGETS,    /* reads, and keeps nothing: for benchmarks */
    PEER_TALKS,      /* reads, and answers each read with bytes nobody asked for */
};

struct stream_peer {
    /* before stream_peer_start */
    enum stream_manner manner;
    size_t part;
    bool is_tls, wants_certificate;
    const char *certificate_file, *key_file; /* PEM; the certificate is its own authority */
    /* afterwards; under the lock while it runs */
    unsigned port;
    pthread_mutex_t lock;
    char *bytes;
    size_t size, connections;
    char client[64]; /* common name of the client's certificate */
    /* private */
    size_t room;
    int listen_fd, wake_fd;
    SSL_CTX *context;
    pthread_t thread;
};

/* A self-signed certificate for localhost and 127.0.0.1, with its key, as PEM files. */
static inline void
stream_peer_certificate(const char *name, const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);
    X509V3_CTX v3;
    const struct {
        int nid;
        const char *value;
    } extensions[] = {
        {NID_subject_alt_name,  "DNS:localhost,IP:127.0.0.1"},
        {NID_basic_constraints, "critical,CA:TRUE"          },
    };

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509V3_set_ctx_nodb(&v3);
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, extensions[i].nid, extensions[i].value);

        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_sign(x, key, EVP_sha256());
    FILE *out = fopen(certificate_file, "w");

    if (out == NULL || PEM_write_X509(out, x) != 1 || fclose(out) != 0)
        exit(2);
    out = fopen(key_file, "w");
    if (out == NULL || PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        fclose(out) != 0)
        exit(2);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Waits for the socket or for the end; false: the end. */
static inline bool
stream_peer_wait(const struct stream_peer *p, int fd)
{
    struct pollfd fds[2] = {
        {.fd = fd,         .events = POLLIN},
        {.fd = p->wake_fd, .events = POLLIN},
    };

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return fds[1].revents == 0;
}

static inline void
stream_peer_keep(struct stream_peer *p, const char *bytes, size_t n)
{
    pthread_mutex_lock(&p->lock);
    if (p->size + n + 1 > p->room) {
        p->room = (p->size + n + 1) * 2;
        p->bytes = realloc(p->bytes, p->room);
    }
    memcpy(p->bytes + p->size, bytes, n);
    p->size += n;
    p->bytes[p->size] = '\0';
    pthread_mutex_unlock(&p->lock);
}

static inline void
stream_peer_serve(struct stream_peer *p, int fd, SSL *tls)
{
    static const char talk[] = "nobody asked\n";
    size_t part = 0;
    char buffer[16384];

    if (tls != NULL && SSL_accept(tls) != 1)
        return;
    if (tls != NULL && p->wants_certificate) {
        X509 *x = SSL_get1_peer_certificate(tls);

        if (x != NULL)
            X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, p->client,
                                      sizeof p->client);
        X509_free(x);
    }
    for (;;) {
        size_t room = sizeof buffer;
        ssize_t n;

        if ((p->manner == PEER_RESETS || (p->manner == PEER_CLOSES && p->connections == 1)) &&
            p->part - part < room)
            room = p->part - part;
        if (room == 0 || p->manner == PEER_STALLS) {
            struct linger hard = {1, 0};

            if (p->manner == PEER_STALLS)
                stream_peer_wait(p, p->wake_fd);
            if (p->manner != PEER_CLOSES)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            return;
        }
        if ((tls == NULL || SSL_pending(tls) == 0) && !stream_peer_wait(p, fd))
            return;
        n = tls != NULL ? SSL_read(tls, buffer, (int)room) : recv(fd, buffer, room, 0);
        if (n <= 0) {
            if (p->manner == PEER_STAYS_OPEN)
                stream_peer_wait(p, p->wake_fd);
            else if (n == 0 && tls != NULL)
                SSL_shutdown(tls);
            return;
        }
        part += (size_t)n;
        if (p->manner != PEER_FORGETS)
            stream_peer_keep(p, buffer, (size_t)n);
        if (p->manner == PEER_TALKS &&
            (tls != NULL ? SSL_write(tls, talk, sizeof talk)
                         : send(fd, talk, sizeof talk, MSG_NOSIGNAL)) < 0)
            return;
    }
}

static inline void *
stream_peer_run(void *app)
{
    struct stream_peer *p = app;

    while (stream_peer_wait(p, p->listen_fd)) {
        int fd = accept(p->listen_fd, NULL, NULL);
        SSL *tls = NULL;

        if (fd < 0)
            continue;
        if (p->is_tls) {
            tls = SSL_new(p->context);
            SSL_set_fd(tls, fd);
        }
        pthread_mutex_lock(&p->lock);
        p->connections++;
        pthread_mutex_unlock(&p->lock);
        stream_peer_serve(p, fd, tls);
        SSL_free(tls);
        close(fd);
    }
    return NULL;
}

/* On p->port; 0: a free one. What came before stays. */
static inline void
stream_peer_start(struct stream_peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->port)};
    socklen_t size = sizeof at;
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(p->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    p->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (bind(p->listen_fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(p->listen_fd, 8) != 0 ||
        getsockname(p->listen_fd, (struct sockaddr *)&at, &size) != 0) {
        perror("stream_peer");
        exit(2);
    }
    p->port = ntohs(at.sin_port);
    if (p->is_tls) {
        p->context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_file(p->context, p->certificate_file, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_PrivateKey_file(p->context, p->key_file, SSL_FILETYPE_PEM) != 1)
            exit(2);
        if (p->wants_certificate) {
            SSL_CTX_load_verify_locations(p->context, p->certificate_file, NULL);
            SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
    }
    pthread_mutex_init(&p->lock, NULL);
    if (pthread_create(&p->thread, NULL, stream_peer_run, p) != 0)
        exit(2);
}

/* Ends it and its connection; nobody listens there any more. */
static inline void
stream_peer_stop(struct stream_peer *p)
{
    uint64_t one = 1;

    if (write(p->wake_fd, &one, sizeof one) != sizeof one)
        exit(2);
    pthread_join(p->thread, NULL);
    close(p->listen_fd);
    close(p->wake_fd);
    SSL_CTX_free(p->context);
    p->context = NULL;
}

/* Waits until so many bytes are there; false: they did not come. */
static inline bool
stream_peer_has(struct stream_peer *p, size_t size)
{
    int64_t until_ms = clock_monotonic_ms() + 10000;
    size_t now = 0;

    while (now < size && clock_monotonic_ms() < until_ms) {
        pthread_mutex_lock(&p->lock);
        now = p->size;
        pthread_mutex_unlock(&p->lock);
        if (now < size)
            poll(NULL, 0, 1); /* between two looks */
    }
    return now >= size;
}

static inline void
stream_peer_forget(struct stream_peer *p)
{
    free(p->bytes);
    p->bytes = NULL;
    p->size = p->room = p->connections = 0;
}
