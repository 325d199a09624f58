/* sender_thread_test.c - against a true HTTP server that plays a script: what is done, refused,
 * repeated. */
#include "base/file.h"
#include "base/log.h"
#include "base/test.h"
#include "sensor/sender.h"
#include "wire/http_server.h"
#include <pthread.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

/* Answers one request after the other; the last answer is repeated. */
struct script {
    unsigned statuses[8];
    size_t count, seen;
    char keys[16][100], path[200], token[100], body[16][64];
    pthread_mutex_t lock;
    pthread_cond_t asked;
};

struct taking {
    char body[64];
    size_t size;
};

static void
on_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app;
    (void)r;
    (void)reply;
    *state = calloc(1, sizeof(struct taking));
}

static void
on_data(void *app, const struct http_request *r, void *state, struct span bytes,
        struct http_reply *reply)
{
    struct taking *t = state;

    (void)app;
    (void)r;
    (void)reply;
    for (size_t i = 0; i < bytes.n && t->size < sizeof t->body - 1; i++)
        t->body[t->size++] = bytes.p[i];
}

static void
on_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct script *s = app;
    struct taking *t = state;
    const char *key = http_header(r, "Idempotency-Key"), *token = http_header(r, "Authorization");

    pthread_mutex_lock(&s->lock);
    size_t n = s->seen < s->count ? s->seen : s->count - 1;

    if (s->seen < 16) {
        snprintf(s->keys[s->seen], sizeof s->keys[0], "%s", key == NULL ? "" : key);
        snprintf(s->body[s->seen], sizeof s->body[0], "%s", t->body);
    }
    snprintf(s->path, sizeof s->path, "%s?%s", r->path, r->query);
    snprintf(s->token, sizeof s->token, "%s", token == NULL ? "" : token);
    s->seen++;
    http_reply_text(reply, s->statuses[n], "{}");
    pthread_cond_broadcast(&s->asked);
    pthread_mutex_unlock(&s->lock);
}

static void
on_gone(void *app, void *state)
{
    (void)app;
    free(state);
}

static const struct http_handler handler = {NULL, on_begin, on_data, on_end, on_gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    (void)r;
    return &handler;
}

static void
wait_for(struct script *s, size_t count)
{
    pthread_mutex_lock(&s->lock);
    while (s->seen < count)
        pthread_cond_wait(&s->asked, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static const struct {
    const char *name;
    unsigned statuses[8];
    size_t status_count, requests; /* that are made before it is stopped */
    uint64_t sent, refused, retries, left;
    const char *keys; /* of the requests: a is the first batch */
} cases[] = {
    {"both are taken",                {200},      1, 2, 4, 0, 0, 0, "ab" },
    {"202 is as good",                {202},      1, 2, 4, 0, 0, 0, "ab" },
    {"busy at first",                 {503, 200}, 2, 3, 4, 0, 1, 0, "aab"},
    {"too many requests",             {429, 200}, 2, 3, 4, 0, 1, 0, "aab"},
    {"the first is refused for good", {400, 200}, 2, 2, 2, 2, 0, 0, "ab" },
    {"the first is too large",        {413, 200}, 2, 2, 2, 2, 0, 0, "ab" },
    {"the token is mended",           {401, 200}, 2, 3, 4, 0, 1, 0, "aab"},
    {"the tenant is not there yet",   {404, 200}, 2, 3, 4, 0, 1, 0, "aab"},
    {"never well",                    {500},      1, 1, 0, 0, 1, 2, "a"  },
};

static void
check_case(size_t i, const char *token_file)
{
    struct script s = {.count = cases[i].status_count};
    struct http_server_options server_options = {.address = "127.0.0.1",
                                                 .connections_max = 8,
                                                 .idle_s_max = 60,
                                                 .head_size_max = 16384,
                                                 .read_size = 65536};
    struct http_server *server = NULL;
    struct queue_options queue_options = {.memory_max = 1 << 20};
    struct queue *q = NULL;
    struct sender *sender = NULL;
    struct sender_counts counts;
    struct queue_counts left;
    struct err err = {""};
    char url[64], keys[17] = "";

    memcpy(s.statuses, cases[i].statuses, sizeof s.statuses);
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.asked, NULL);
    CHECK(http_server_start(&server_options, route, &s, &server, &err) == ST_OK, "%s", err.text);
    CHECK(queue_make(&queue_options, &q, &err) == ST_OK, "%s", err.text);
    queue_put(q, batch_make("DeviceInfo", "a", 2, SPAN_LITERAL("{\"n\":1}\n{}\n")));
    queue_put(q, batch_make("DeviceInfo", "b", 2, SPAN_LITERAL("{\"n\":2}\n{}\n")));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(server));

    struct sender_options o = {.url = url, .tenant = TENANT, .token_file = token_file, .queue = q};

    CHECK(sender_start(&o, &sender, &err) == ST_OK, "%s: %s", cases[i].name, err.text);
    wait_for(&s, cases[i].requests);
    /* what was answered is counted before the sender ends */
    sender_stop(sender, cases[i].left > 0 ? 0 : 60000, &counts);
    http_server_stop(server, 1000);
    CHECK(counts.sent_rows == cases[i].sent && counts.refused_rows == cases[i].refused,
          "%s: sent %llu, refused %llu", cases[i].name, (unsigned long long)counts.sent_rows,
          (unsigned long long)counts.refused_rows);
    CHECK(counts.retries >= cases[i].retries, "%s: %llu retries", cases[i].name,
          (unsigned long long)counts.retries);
    queue_counts_get(q, &left);
    CHECK(left.waiting_batches == cases[i].left, "%s: %zu left", cases[i].name,
          left.waiting_batches);
    for (size_t k = 0; k < s.seen && k < 16; k++) {
        keys[k] = s.keys[k][0];
        CHECK(strncmp(s.body[k], s.keys[k][0] == 'a' ? "{\"n\":1}\n" : "{\"n\":2}\n", 8) == 0,
              "%s: request %zu: the same key, the same bytes", cases[i].name, k);
    }
    CHECK(strncmp(keys, cases[i].keys, strlen(cases[i].keys)) == 0, "%s: keys %s", cases[i].name,
          keys);
    CHECK(strcmp(s.path, "/ingest/v1/" TENANT "/DeviceInfo?onError=park") == 0, "%s: %s",
          cases[i].name, s.path);
    CHECK(strcmp(s.token, "Bearer secret-token") == 0, "%s: %s", cases[i].name, s.token);
    queue_free(q, NULL);
    pthread_cond_destroy(&s.asked);
    pthread_mutex_destroy(&s.lock);
}

int
main(void)
{
    char path[] = "/tmp/penstock-token-XXXXXX";
    int fd = mkstemp(path);
    struct sender *sender = NULL;
    struct err err = {""};
    struct queue_options queue_options = {.memory_max = 1 << 20};
    struct queue *q = NULL;

    log_set_level(LOG_ERROR + 1);
    CHECK(write(fd, "secret-token\n", 13) == 13, "token");
    close(fd);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(i, path);

    /* nobody listens: all stays, and the end is in time */
    CHECK(queue_make(&queue_options, &q, &err) == ST_OK, "%s", err.text);
    queue_put(q, batch_make("DeviceInfo", "a", 2, SPAN_LITERAL("{}\n{}\n")));
    struct sender_options o = {.url = "http://127.0.0.1:1", .tenant = TENANT, .queue = q};
    struct sender_counts counts;
    struct queue_counts left;

    CHECK(sender_start(&o, &sender, &err) == ST_OK, "%s", err.text);
    sender_stop(sender, 300, &counts);
    queue_free(q, &left);
    CHECK(counts.sent_rows == 0 && !counts.is_connected && left.dropped_rows == 2,
          "without a spool the end is a loss, and is counted");
    o.token_file = "/no/such/token";
    CHECK(sender_start(&o, &sender, &err) == ST_INVALID && strstr(err.text, "/no/such") != NULL,
          "%s", err.text);
    CHECK(truncate(path, 0) == 0, "truncate");
    o.token_file = path;
    CHECK(sender_start(&o, &sender, &err) == ST_INVALID, "an empty token file");
    unlink(path);
    return test_end();
}
