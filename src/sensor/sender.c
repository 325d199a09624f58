#include "sensor/sender.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/http_client.h"
#include "wire/retry.h"
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
    TOKEN_MAX = 8192,
    REMIND_MS = 300000, /* the same trouble is logged again after so long */
};

struct sender {
    struct sender_options o;
    struct http_client *client;
    pthread_t thread;
    pthread_mutex_t lock; /* the next six */
    pthread_cond_t stopped;
    bool is_stopping, was_connected_once;
    int64_t give_up_ms; /* on the monotonic clock, once stopping */
    struct sender_counts counts;
    uint64_t lost_before; /* rows dropped when the daemon was last there */

    atomic_bool abort; /* ends a request */
    char authorization[TOKEN_MAX + 32];
    uint64_t random;
    unsigned failures;
    int64_t reminded_ms;
};

static enum status
read_token(struct sender *s, struct err *err)
{
    char *text;
    size_t size;

    s->authorization[0] = '\0';
    if (s->o.token_file == NULL)
        return ST_OK;
    enum status st = file_read(s->o.token_file, TOKEN_MAX, &text, &size, err);

    if (st != ST_OK)
        return st == ST_END ? ST_INVALID : st;
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] == 0x7f) {
            st = err_set(err, ST_INVALID, "%s is to hold one token and nothing else",
                         s->o.token_file);
            size = 0;
        }
    if (size > 0)
        snprintf(s->authorization, sizeof s->authorization, "Authorization: Bearer %.*s", (int)size,
                 text);
    else if (st == ST_OK)
        st = err_set(err, ST_INVALID, "%s holds no token", s->o.token_file);
    explicit_bzero(text, size);
    free(text);
    return st;
}

/* ---- one batch */

static void
remind(struct sender *s, const char *reason)
{
    int64_t now = clock_monotonic_ms();

    if (s->failures != 1 && now - s->reminded_ms < REMIND_MS)
        return;
    s->reminded_ms = now;
    log_line(LOG_WARN, "sensor", "%s; rows wait and are sent again", reason);
}

static void
report_back(struct sender *s)
{
    struct queue_counts q;

    queue_counts_get(s->o.queue, &q);
    pthread_mutex_lock(&s->lock);
    uint64_t lost = q.dropped_rows - s->lost_before;
    bool was_there = s->counts.is_connected;

    s->lost_before = q.dropped_rows;
    s->counts.is_connected = true;
    s->was_connected_once = true;
    pthread_mutex_unlock(&s->lock);
    if (lost > 0)
        log_line(LOG_ERROR, "sensor",
                 "%llu rows were lost while %s was away: the queue was full (--queue-max, --spool)",
                 (unsigned long long)lost, s->o.url);
    if (!was_there)
        log_line(LOG_INFO, "sensor", "%s takes rows", s->o.url);
    s->failures = 0;
}

static void
shorten(struct span text, char *out, size_t room)
{
    size_t n = text.n < room - 1 ? text.n : room - 1;

    memcpy(out, text.p == NULL ? "" : text.p, n);
    out[n] = '\0';
}

/* The pause before the next try; 0: none. */
static unsigned
deliver(struct sender *s, struct batch *b)
{
    char url[2048], key[QUEUE_KEY_MAX + 32], reason[600], answer[200];
    const char *headers[4] = {"Content-Type: application/x-ndjson", key};
    struct span body = {b->rows, b->size};
    struct http_exchange x = {
        .method = "POST", .url = url, .headers = headers, .body = &body, .body_count = 1};
    struct err err = {""};

    snprintf(url, sizeof url, "%s/ingest/v1/%s/%s?onError=park", s->o.url, s->o.tenant, b->table);
    snprintf(key, sizeof key, "Idempotency-Key: %s", b->key);
    if (s->authorization[0] != '\0')
        headers[2] = s->authorization;

    enum status st = http_client_send(s->client, &x, &err);
    enum retry_outcome outcome = st == ST_OK ? retry_judge(x.status) : RETRY_LATER;

    if (outcome == RETRY_DONE || outcome == RETRY_REFUSED) {
        shorten(x.response, answer, sizeof answer);
        if (outcome == RETRY_REFUSED)
            log_line(LOG_ERROR, "sensor", "%s refused %llu rows of %s for good (HTTP %u): %s",
                     s->o.url, (unsigned long long)b->row_count, b->table, x.status, answer);
        pthread_mutex_lock(&s->lock);
        s->counts.sent_rows += outcome == RETRY_DONE ? b->row_count : 0;
        s->counts.sent_bytes += outcome == RETRY_DONE ? b->size : 0;
        s->counts.sent_batches += outcome == RETRY_DONE;
        s->counts.refused_rows += outcome == RETRY_REFUSED ? b->row_count : 0;
        s->counts.refused_batches += outcome == RETRY_REFUSED;
        pthread_mutex_unlock(&s->lock);
        queue_done(s->o.queue, b);
        report_back(s);
        return 0;
    }
    if (outcome == RETRY_SETTINGS) {
        shorten(x.response, answer, sizeof answer);
        snprintf(reason, sizeof reason, "%s answers %u to rows of tenant %s (%s): %s", s->o.url,
                 x.status, s->o.tenant,
                 x.status == 401 || x.status == 403 ? "see --token-file" : "see --url and --tenant",
                 answer);
        if (read_token(s, &err) != ST_OK)
            snprintf(reason, sizeof reason, "%s", err.text);
    } else if (st == ST_OK) {
        snprintf(reason, sizeof reason, "%s answers %u", s->o.url, x.status);
    } else {
        snprintf(reason, sizeof reason, "cannot reach %s: %s", s->o.url, err.text);
    }
    queue_back(s->o.queue, b);
    s->failures++;
    pthread_mutex_lock(&s->lock);
    s->counts.is_connected = false;
    s->counts.retries++;
    bool is_stopping = s->is_stopping;

    pthread_mutex_unlock(&s->lock);
    if (!is_stopping)
        remind(s, reason);
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return retry_pause(s->failures, st == ST_OK ? x.retry_after_ms : -1, s->random >> 33);
}

/* ---- the thread */

/* Waits; false: it is time to end. */
static bool
rest(struct sender *s, unsigned pause_ms)
{
    int64_t until = clock_monotonic_ms() + pause_ms;
    bool goes_on = true;

    pthread_mutex_lock(&s->lock);
    while (goes_on) {
        int64_t end = s->is_stopping && s->give_up_ms < until ? s->give_up_ms : until;
        struct timespec t = {end / 1000, (long)(end % 1000) * 1000000};
        int64_t now = clock_monotonic_ms();

        if (s->is_stopping && now >= s->give_up_ms)
            goes_on = false;
        else if (now >= until)
            break;
        else
            pthread_cond_timedwait(&s->stopped, &s->lock, &t);
    }
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

static void *
run(void *app)
{
    struct sender *s = app;

    (void)setpriority(PRIO_PROCESS, 0, 0); /* the watcher, who started us, is in more of a hurry */
    while (rest(s, 0)) {
        pthread_mutex_lock(&s->lock);
        bool is_stopping = s->is_stopping;

        pthread_mutex_unlock(&s->lock);
        struct batch *b = queue_take(s->o.queue, is_stopping ? 0 : 60000);

        if (b == NULL && is_stopping)
            break;
        if (b == NULL)
            continue;
        unsigned pause = deliver(s, b);

        if (pause > 0 && !rest(s, pause))
            break;
    }
    return NULL;
}

enum status
sender_start(const struct sender_options *o, struct sender **sender, struct err *err)
{
    struct sender *s = calloc(1, sizeof *s);
    pthread_condattr_t attributes;

    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for the sender");
    s->o = *o;
    s->random = o->seed;
    atomic_init(&s->abort, false);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->stopped, &attributes);
    pthread_condattr_destroy(&attributes);

    struct http_client_options options = {
        .connect_ms_max = 10000,
        .total_ms_max = 120000,
        .stall_ms_max = 30000,
        .ca_file = o->ca_file,
        .insecure = o->insecure,
        .response_size_max = 4096,
        .stop = &s->abort,
    };
    enum status st = read_token(s, err);

    if (st == ST_OK)
        st = http_client_open(&options, &s->client, err);
    if (st == ST_OK && pthread_create(&s->thread, NULL, run, s) != 0)
        st = err_set(err, ST_FULL, "cannot start the sender's thread");
    if (st != ST_OK) {
        if (s->client != NULL)
            http_client_close(s->client);
        pthread_cond_destroy(&s->stopped);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return st;
    }
    *sender = s;
    return ST_OK;
}

void
sender_counts_get(struct sender *s, struct sender_counts *counts)
{
    pthread_mutex_lock(&s->lock);
    *counts = s->counts;
    pthread_mutex_unlock(&s->lock);
}

void
sender_stop(struct sender *s, unsigned grace_ms, struct sender_counts *counts)
{
    struct timespec until;

    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    s->give_up_ms = clock_monotonic_ms() + grace_ms;
    pthread_cond_broadcast(&s->stopped);
    pthread_mutex_unlock(&s->lock);
    queue_wake(s->o.queue);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (pthread_timedjoin_np(s->thread, NULL, &until) != 0) {
        atomic_store(&s->abort, true); /* a request that hangs is given up; its batch goes back */
        pthread_join(s->thread, NULL);
    }
    *counts = s->counts;
    http_client_close(s->client);
    explicit_bzero(s->authorization, sizeof s->authorization);
    pthread_cond_destroy(&s->stopped);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
