/* ingest_bench.c - how fast the daemon takes records in over HTTP, and how soon it answers: N
 * connections post bodies of about a megabyte, as fast as they are answered or at a given rate, for
 * so many seconds. Run by script/bench. Prints one JSON object. */
#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "wire/http_client.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, BODIES_MAX = 4096, SAMPLES_MAX = 1 << 20 };

struct load {
    char url[600], authorization[200];
    struct span bodies[BODIES_MAX];
    uint64_t records[BODIES_MAX];
    size_t body_count;
    double rate; /* records a second over all connections; 0: no limit */
    int64_t start_ns, end_ns;
    pthread_mutex_t lock;
    uint64_t next, due_records; /* bodies given out so far, and the records in them */
    uint64_t sent_records, sent_bytes, failed;
    double *samples_ms, *service_ms; /* since the body was due; since its first byte was sent */
    size_t sample_count;
    char failure[320];
};

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *
connection(void *app)
{
    struct load *l = app;
    struct err err = {""};
    struct http_client *client;
    const struct http_client_options o = {.connect_ms_max = 5000,
                                          .total_ms_max = 60000,
                                          .stall_ms_max = 30000,
                                          .response_size_max = 65536};
    const char *headers[] = {l->authorization, "Content-Type: application/x-ndjson", NULL};

    if (http_client_open(&o, &client, &err) != ST_OK) {
        fprintf(stderr, "ingest_bench: %s\n", err.text);
        return NULL;
    }
    for (;;) {
        pthread_mutex_lock(&l->lock);
        size_t n = l->next++ % l->body_count;
        /* Bodies leave at the times that the rate gives, whether or not earlier ones were answered:
         * a late start counts as waiting. A body is due when the records of all before it are; by
         * its own number of records times its place, bodies of different numbers would be due in
         * another order than they are sent in, some of them long before they can be. */
        int64_t due = l->rate > 0 ? l->start_ns + (int64_t)((double)l->due_records / l->rate * 1e9)
                                  : now_ns();

        l->due_records += l->records[n];
        pthread_mutex_unlock(&l->lock);
        if (due >= l->end_ns || now_ns() >= l->end_ns)
            break;
        int64_t wait = due - now_ns();

        if (wait > 0) {
            const struct timespec t = {wait / 1000000000, wait % 1000000000};

            nanosleep(&t, NULL);
        }
        struct http_exchange x = {.method = "POST",
                                  .url = l->url,
                                  .headers = headers,
                                  .body = &l->bodies[n],
                                  .body_count = 1};
        int64_t begin = now_ns();
        enum status st = http_client_send(client, &x, &err);
        int64_t end = now_ns();

        pthread_mutex_lock(&l->lock);
        if (st == ST_OK && x.status == 200) {
            l->sent_records += l->records[n];
            l->sent_bytes += l->bodies[n].n;
            if (l->sample_count < SAMPLES_MAX) {
                l->service_ms[l->sample_count] = (double)(end - begin) / 1e6;
                l->samples_ms[l->sample_count++] = (double)(end - due) / 1e6;
            }
        } else {
            l->failed++;
            if (st == ST_OK)
                snprintf(l->failure, sizeof l->failure, "%u %.*s", x.status,
                         (int)(x.response.n < 200 ? x.response.n : 200), x.response.p);
            else
                snprintf(l->failure, sizeof l->failure, "%.300s", err.text);
        }
        pthread_mutex_unlock(&l->lock);
    }
    http_client_close(client);
    return NULL;
}

static void
cut(struct load *l, char *text, size_t size, size_t body_size)
{
    size_t at = 0;

    while (at < size && l->body_count < BODIES_MAX) {
        size_t end = at + body_size < size ? at + body_size : size;

        while (end < size && text[end - 1] != '\n')
            end++;
        l->bodies[l->body_count] = (struct span){text + at, end - at};
        for (size_t i = at; i < end; i++)
            l->records[l->body_count] += text[i] == '\n';
        l->body_count++;
        at = end;
    }
    if (l->body_count > 1)
        l->body_count--; /* the last one is short */
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
percentile(const struct load *l, const double *samples, double p)
{
    return l->sample_count == 0 ? 0 : samples[(size_t)((double)(l->sample_count - 1) * p)];
}

int
main(int argc, char **argv)
{
    static struct load l = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[CONNECTIONS_MAX];
    struct err err;
    char *text;
    size_t size;

    if (argc != 8) {
        fputs("usage: ingest_bench URL TOKEN FILE CONNECTIONS BODY-BYTES RECORDS-PER-SECOND(0: "
              "all) SECONDS\n"
              "URL is that of the route, FILE is NDJSON (all of it is read into memory)\n",
              stderr);
        return 2;
    }
    int count = atoi(argv[4]);

    if (count < 1 || count > CONNECTIONS_MAX ||
        file_read(argv[3], (size_t)4 << 30, &text, &size, &err) != ST_OK) {
        fprintf(stderr, "ingest_bench: 1 to %d connections, and a file that can be read\n",
                CONNECTIONS_MAX);
        return 2;
    }
    snprintf(l.url, sizeof l.url, "%s", argv[1]);
    snprintf(l.authorization, sizeof l.authorization, "Authorization: Bearer %s", argv[2]);
    cut(&l, text, size, (size_t)atol(argv[5]));
    l.rate = atof(argv[6]);
    l.samples_ms = malloc(SAMPLES_MAX * sizeof *l.samples_ms);
    l.service_ms = malloc(SAMPLES_MAX * sizeof *l.service_ms);
    if (l.samples_ms == NULL || l.service_ms == NULL)
        return 3;
    l.start_ns = now_ns();
    l.end_ns = l.start_ns + (int64_t)(atof(argv[7]) * 1e9);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, connection, &l) != 0)
            return 3;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    double seconds = (double)(now_ns() - l.start_ns) / 1e9;
    struct rusage own;

    getrusage(RUSAGE_SELF, &own);
    qsort(l.samples_ms, l.sample_count, sizeof *l.samples_ms, by_value);
    qsort(l.service_ms, l.sample_count, sizeof *l.service_ms, by_value);
    printf("{\"seconds\":%.3f,\"records\":%llu,\"bytes\":%llu,\"requests\":%zu,\"failed\":%llu,"
           "\"failure\":\"%s\",\"recordsPerSecond\":%.0f,"
           "\"p50_ms\":%.2f,\"p90_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,"
           "\"service_p50_ms\":%.2f,\"service_p99_ms\":%.2f,\"service_max_ms\":%.2f,"
           "\"clientCpuSeconds\":%.2f}\n",
           seconds, (unsigned long long)l.sent_records, (unsigned long long)l.sent_bytes,
           l.sample_count, (unsigned long long)l.failed, l.failed != 0 ? "see standard error" : "",
           (double)l.sent_records / seconds, percentile(&l, l.samples_ms, 0.5),
           percentile(&l, l.samples_ms, 0.9), percentile(&l, l.samples_ms, 0.99),
           percentile(&l, l.samples_ms, 1), percentile(&l, l.service_ms, 0.5),
           percentile(&l, l.service_ms, 0.99), percentile(&l, l.service_ms, 1),
           (double)own.ru_utime.tv_sec + (double)own.ru_utime.tv_usec / 1e6 +
               (double)own.ru_stime.tv_sec + (double)own.ru_stime.tv_usec / 1e6);
    if (l.failed > 0)
        fprintf(stderr, "ingest_bench: %s\n", l.failure);
    free(text);
    return l.failed > 0;
}
