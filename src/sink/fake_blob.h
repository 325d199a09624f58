/* fake_blob.h - a blob service for tests: just enough of the REST to be written to, and every way
 * of failing on demand. A thread a connection, one lock. Tests only; real peers are under
 * test/peers. */
#pragma once
#include "base/base.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum fake_fault {
    FAKE_FINE,
    FAKE_STATUS,         /* answers status and code without acting */
    FAKE_DROP,           /* closes without acting or answering */
    FAKE_DROP_IN_BODY,   /* closes after the first 10 bytes of the body */
    FAKE_ACT_AND_DROP,   /* acts, then closes: the answer is lost */
    FAKE_GARBAGE,        /* something that is not HTTP */
    FAKE_STALL,          /* acts on nothing, answers nothing, until told to end */
    FAKE_DROP_IN_ANSWER, /* acts, and closes within the answer's head */
    FAKE_SLOW,           /* acts; the answer comes a byte at a time */
};

enum { FAKE_BLOBS_MAX = 64, FAKE_CONTAINERS_MAX = 16, FAKE_LOG_MAX = 400 };

struct fake_request;

struct fake_blob {
    int listener;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ending;
    unsigned connections;
    int open_fds[64];
    /* what happens to the next requests whose "METHOD path?query" holds 'when' */
    enum fake_fault fault;
    unsigned fault_count;
    const char *when, *code, *retry_after;
    unsigned status;
    /* the account */
    char containers[FAKE_CONTAINERS_MAX][80];
    size_t container_count;
    struct {
        char name[256], type[16];
        char *data;
        size_t size;
        unsigned blocks;
        bool is_there;
    } blobs[FAKE_BLOBS_MAX];
    size_t blob_count;
    unsigned appends, requests;
    const char *token; /* bearer that is asked for; NULL: any credential */
    /* What else it is than a blob service (fake_receivers.h); NULL: that. */
    unsigned (*act)(struct fake_blob *f, const struct fake_request *r, const char **answer,
                    size_t *answer_size);
    void *state;
    const char *said; /* the body of FAKE_STATUS; NULL: none */
    char last[400];   /* last request line */
    char last_authorization[300];
};

struct fake_request {
    char method[8], path[512], query[600], head[8192];
    char *body;
    size_t body_size;
};

static inline size_t
fake_find(struct fake_blob *f, const char *name)
{
    for (size_t i = 0; i < f->blob_count; i++)
        if (f->blobs[i].is_there && strcmp(f->blobs[i].name, name) == 0)
            return i;
    return FAKE_BLOBS_MAX;
}

static inline bool
fake_has_container(struct fake_blob *f, const char *path)
{
    size_t n = strcspn(path, "/");

    if (strncmp(path, "contoso/", 8) == 0) /* path style: the account comes first */
        n = 8 + strcspn(path + 8, "/");
    for (size_t i = 0; i < f->container_count; i++)
        if (strlen(f->containers[i]) == n && memcmp(f->containers[i], path, n) == 0)
            return true;
    return false;
}

static inline const char *
fake_header(const struct fake_request *r, const char *name)
{
    static _Thread_local char value[1024];
    size_t n = strlen(name);

    for (const char *line = strstr(r->head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *at = line + 3 + n;

            at += strspn(at, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
            return value;
        }
    return NULL;
}

/* "201\0extra headers": what is done for a request. 'body' may get bytes to answer with. */
static inline unsigned
fake_act(struct fake_blob *f, const struct fake_request *r, const char **code, char extra[512],
         const char **answer, size_t *answer_size)
{
    const char *name = r->path + 1, *value;
    size_t at;

    *code = "";
    if (fake_header(r, "x-ms-version") == NULL || fake_header(r, "x-ms-date") == NULL) {
        *code = "MissingRequiredHeader";
        return 400;
    }
    value = fake_header(r, "Authorization");
    snprintf(f->last_authorization, sizeof f->last_authorization, "%.290s",
             value == NULL ? "" : value);
    if (f->token != NULL &&
        (value == NULL || strncmp(value, "Bearer ", 7) != 0 || strcmp(value + 7, f->token) != 0)) {
        *code = "InvalidAuthenticationInfo";
        return 401;
    }
    if (strcmp(r->method, "PUT") == 0 && strstr(r->query, "restype=container") != NULL) {
        if (fake_has_container(f, name)) {
            *code = "ContainerAlreadyExists";
            return 409;
        }
        snprintf(f->containers[f->container_count++ % FAKE_CONTAINERS_MAX], 80, "%s", name);
        return 201;
    }
    if (!fake_has_container(f, name)) {
        *code = "ContainerNotFound";
        return 404;
    }
    at = fake_find(f, name);
    if (strcmp(r->method, "PUT") == 0 && r->query[0] == '\0') {
        if (at < FAKE_BLOBS_MAX) {
            *code = "BlobAlreadyExists";
            return 409;
        }
        value = fake_header(r, "x-ms-blob-type");
        at = f->blob_count++;
        snprintf(f->blobs[at].name, sizeof f->blobs[at].name, "%s", name);
        snprintf(f->blobs[at].type, sizeof f->blobs[at].type, "%.15s", value == NULL ? "" : value);
        f->blobs[at].is_there = true;
        return 201;
    }
    if (at == FAKE_BLOBS_MAX) {
        *code = "BlobNotFound";
        return 404;
    }
    if (strcmp(r->method, "PUT") == 0) {
        value = fake_header(r, "x-ms-blob-condition-appendpos");
        if (value == NULL || strtoull(value, NULL, 10) != f->blobs[at].size) {
            *code = "AppendPositionConditionNotMet";
            return 412;
        }
        if (f->blobs[at].blocks >= 50000) {
            *code = "BlockCountExceedsLimit";
            return 409;
        }
        f->blobs[at].data = realloc(f->blobs[at].data, f->blobs[at].size + r->body_size + 1);
        memcpy(f->blobs[at].data + f->blobs[at].size, r->body, r->body_size);
        f->blobs[at].size += r->body_size;
        f->blobs[at].blocks++;
        f->appends++;
        return 201;
    }
    snprintf(extra, 512, "x-ms-blob-type: %s\r\nx-ms-blob-committed-block-count: %u\r\n",
             f->blobs[at].type, f->blobs[at].blocks);
    *answer = f->blobs[at].data;
    *answer_size = f->blobs[at].size;
    value = fake_header(r, "x-ms-range");
    if (value != NULL) {
        unsigned long long from = 0, to = 0;

        sscanf(value, "bytes=%llu-%llu", &from, &to);
        if (from >= f->blobs[at].size) {
            *code = "InvalidRange";
            *answer_size = 0;
            return 416;
        }
        if (to >= f->blobs[at].size)
            to = f->blobs[at].size - 1;
        *answer += from;
        *answer_size = to - from + 1;
        return 206;
    }
    return 200;
}

static inline bool
fake_read(int fd, struct fake_request *r, enum fake_fault *fault, struct fake_blob *f)
{
    size_t used = 0, got;
    char *end = NULL, line[1200];
    const char *value;

    while (end == NULL) {
        ssize_t n = read(fd, r->head + used, sizeof r->head - 1 - used);

        if (n <= 0)
            return false;
        used += (size_t)n;
        r->head[used] = '\0';
        end = strstr(r->head, "\r\n\r\n");
        if (end == NULL && used == sizeof r->head - 1)
            return false;
    }
    r->query[0] = '\0';
    if (sscanf(r->head, "%7s %1199s", r->method, line) != 2)
        return false;
    snprintf(r->path, sizeof r->path, "%.*s", (int)strcspn(line, "?"), line);
    if (strchr(line, '?') != NULL)
        snprintf(r->query, sizeof r->query, "%s", strchr(line, '?') + 1);
    pthread_mutex_lock(&f->lock);
    f->requests++;
    snprintf(f->last, sizeof f->last, "%s %.300s", r->method, line);
    *fault = FAKE_FINE;
    if (f->fault_count > 0 && (f->when == NULL || strstr(f->last, f->when) != NULL)) {
        f->fault_count--;
        *fault = f->fault;
    }
    pthread_mutex_unlock(&f->lock);
    value = fake_header(r, "Content-Length");
    r->body_size = value == NULL ? 0 : strtoull(value, NULL, 10);
    r->body = malloc(r->body_size + 1);
    got = used - (size_t)(end + 4 - r->head);
    memcpy(r->body, end + 4, got < r->body_size ? got : r->body_size);
    end[2] = '\0';
    if (*fault == FAKE_DROP_IN_BODY && r->body_size > 10)
        return false;
    while (got < r->body_size) {
        ssize_t n = read(fd, r->body + got, r->body_size - got);

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static inline bool
fake_write(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* True: the connection goes on. */
static inline bool
fake_serve(struct fake_blob *f, int fd, struct fake_request *r)
{
    enum fake_fault fault;
    char head[1400], extra[512] = "";
    const char *code = "", *answer = NULL;
    char *copy = NULL;
    size_t answer_size = 0;
    unsigned status;

    if (!fake_read(fd, r, &fault, f) || fault == FAKE_DROP || fault == FAKE_DROP_IN_BODY)
        return false;
    if (fault == FAKE_GARBAGE)
        return fake_write(fd, "SSH-2.0-OpenSSH_9.2\r\n", 21) && false;
    pthread_mutex_lock(&f->lock);
    if (fault == FAKE_STALL) {
        while (!f->is_ending && f->fault == FAKE_STALL)
            pthread_cond_wait(&f->ended, &f->lock);
        pthread_mutex_unlock(&f->lock);
        return false;
    }
    if (fault == FAKE_STATUS) {
        status = f->status;
        code = f->code == NULL ? "" : f->code;
        if (f->retry_after != NULL)
            snprintf(extra, sizeof extra, "Retry-After: %s\r\n", f->retry_after);
        if (f->said != NULL) {
            answer = f->said;
            answer_size = strlen(answer);
        }
    } else if (f->act != NULL) {
        status = f->act(f, r, &answer, &answer_size);
    } else {
        status = fake_act(f, r, &code, extra, &answer, &answer_size);
    }
    copy = malloc(answer_size + 1);
    if (answer_size > 0)
        memcpy(copy, answer, answer_size);
    pthread_mutex_unlock(&f->lock);
    if (code[0] != '\0')
        snprintf(extra + strlen(extra), sizeof extra - strlen(extra), "x-ms-error-code: %s\r\n",
                 code);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %u X\r\nServer: fake\r\nContent-Length: %zu\r\n%s\r\n", status,
                     answer_size, extra);
    bool goes_on = false;

    if (fault == FAKE_DROP_IN_ANSWER)
        fake_write(fd, head, 20);
    else if (fault == FAKE_SLOW)
        for (int i = 0; i < n && fake_write(fd, head + i, 1); i++)
            goes_on = i + 1 == n;
    else if (fault != FAKE_ACT_AND_DROP)
        goes_on = fake_write(fd, head, (size_t)n);
    if (goes_on && strcmp(r->method, "HEAD") != 0)
        goes_on = fake_write(fd, copy, answer_size);
    free(copy);
    return goes_on;
}

struct fake_connection {
    struct fake_blob *f;
    int fd;
};

static inline void *
fake_connection_run(void *arg)
{
    struct fake_connection c = *(struct fake_connection *)arg;
    struct fake_request *r = malloc(sizeof *r);
    bool goes_on = true;

    free(arg);
    while (goes_on) {
        r->body = NULL;
        goes_on = fake_serve(c.f, c.fd, r);
        free(r->body);
    }
    free(r);
    pthread_mutex_lock(&c.f->lock);
    for (int i = 0; i < 64; i++)
        if (c.f->open_fds[i] == c.fd)
            c.f->open_fds[i] = -1;
    close(c.fd);
    c.f->connections--;
    pthread_cond_broadcast(&c.f->ended);
    pthread_mutex_unlock(&c.f->lock);
    return NULL;
}

static inline void *
fake_accept_run(void *arg)
{
    struct fake_blob *f = arg;

    for (;;) {
        int fd = accept(f->listener, NULL, NULL), slot = 0;
        pthread_t thread;

        int on = 1;

        if (fd < 0)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_mutex_lock(&f->lock);
        while (slot < 64 && f->open_fds[slot] >= 0)
            slot++;
        if (f->is_ending || slot == 64) {
            pthread_mutex_unlock(&f->lock);
            close(fd);
            continue;
        }
        f->open_fds[slot] = fd;
        f->connections++;
        pthread_mutex_unlock(&f->lock);
        struct fake_connection *c = malloc(sizeof *c);

        *c = (struct fake_connection){f, fd};
        pthread_create(&thread, NULL, fake_connection_run, c);
        pthread_detach(thread);
    }
}

static inline void
fake_start(struct fake_blob *f, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->ended, NULL);
    for (int i = 0; i < 64; i++)
        f->open_fds[i] = -1;
    f->is_ending = false;
    f->connections = 0;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(f->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(f->listener, 16) != 0) {
        perror("fake_start");
        exit(2);
    }
    getsockname(f->listener, (struct sockaddr *)&address, &size);
    f->port = ntohs(address.sin_port);
    pthread_create(&f->thread, NULL, fake_accept_run, f);
}

/* Nobody answers any more; what was written stays. */
static inline void
fake_down(struct fake_blob *f)
{
    pthread_mutex_lock(&f->lock);
    f->is_ending = true;
    for (int i = 0; i < 64; i++)
        if (f->open_fds[i] >= 0)
            shutdown(f->open_fds[i], SHUT_RDWR);
    pthread_cond_broadcast(&f->ended);
    pthread_mutex_unlock(&f->lock);
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
    pthread_mutex_lock(&f->lock);
    while (f->connections > 0)
        pthread_cond_wait(&f->ended, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static inline void
fake_free(struct fake_blob *f)
{
    for (size_t i = 0; i < f->blob_count; i++)
        free(f->blobs[i].data);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->ended);
}

/* The next 'count' requests that hold 'when' fail in that way. */
static inline void
fake_fail(struct fake_blob *f, enum fake_fault fault, unsigned count, const char *when)
{
    pthread_mutex_lock(&f->lock);
    f->fault = fault;
    f->fault_count = count;
    f->when = when;
    pthread_cond_broadcast(&f->ended);
    pthread_mutex_unlock(&f->lock);
}

static inline void
fake_answer(struct fake_blob *f, unsigned status, const char *code, const char *retry_after,
            unsigned count, const char *when)
{
    pthread_mutex_lock(&f->lock);
    f->status = status;
    f->code = code;
    f->retry_after = retry_after;
    pthread_mutex_unlock(&f->lock);
    fake_fail(f, FAKE_STATUS, count, when);
}
