/* http_thread_test.c - fifty connections at once: every answer belongs to its request, every state
 * is released once, and stopping in the middle of it all waits for what is being handled and ends
 * the rest. */
#include "base/test.h"
#include "wire/http_client.h"
#include "wire/http_server.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 50, ROUNDS = 12, BODY_MAX = 60000 };

static atomic_int begun, gone, wrong, answered, waiting;
static atomic_bool is_released;
static uint16_t port;

struct seen {
    size_t bytes;
    uint32_t sum;
};

static uint32_t
sum_of(uint32_t sum, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + (unsigned char)p[i];
    return sum;
}

static void
on_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app;
    atomic_fetch_add(&begun, 1);
    *state = calloc(1, sizeof(struct seen));
    if (strncmp(r->path, "/deny", 5) == 0)
        http_reply_error(reply, 403, "No", "%s", http_query(r, "n"));
}

static void
on_data(void *app, const struct http_request *r, void *state, struct span bytes,
        struct http_reply *reply)
{
    struct seen *seen = state;

    (void)app;
    seen->sum = sum_of(seen->sum, bytes.p, bytes.n);
    seen->bytes += bytes.n;
    if (strncmp(r->path, "/middle", 7) == 0 && seen->bytes > 100)
        http_reply_error(reply, 400, "Middle", "%s", http_query(r, "n"));
}

static void
on_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct seen *seen = state;

    (void)app;
    if (strcmp(r->path, "/wait") == 0) {
        atomic_fetch_add(&waiting, 1);
        while (!atomic_load(&is_released))
            sched_yield();
    }
    http_reply_text(reply, 200, "%s %zu %u", http_query(r, "n"), seen->bytes, seen->sum);
}

static void
on_gone(void *app, void *state)
{
    (void)app;
    atomic_fetch_add(&gone, 1);
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

static struct http_client *
client_open(void)
{
    static const struct http_client_options o = {.connect_ms_max = 20000,
                                                 .total_ms_max = 60000,
                                                 .stall_ms_max = 60000,
                                                 .response_size_max = 10000};
    struct http_client *client;
    struct err err;

    if (http_client_open(&o, &client, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    return client;
}

static void *
client_run(void *app)
{
    static const char *const paths[] = {"/fine", "/deny", "/fine", "/middle"};
    static const unsigned status[] = {200, 403, 200, 400};
    unsigned number = (unsigned)(size_t)app;
    struct http_client *client = client_open();
    char *body = malloc(BODY_MAX);

    memset(body, (int)('a' + number % 26), BODY_MAX);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct span piece = {body, 1000 + (number * 977 + i * 4001) % (BODY_MAX - 1000)};
        struct http_exchange x = {.method = "POST", .body = &piece, .body_count = 1};
        char url[100], expected[100];
        struct err err = {""};

        snprintf(url, sizeof url, "http://127.0.0.1:%u%s?n=%u-%u", port, paths[i % 4], number, i);
        snprintf(expected, sizeof expected, "%u-%u %zu %u", number, i, piece.n,
                 sum_of(0, piece.p, piece.n));
        x.url = url;
        if (http_client_send(client, &x, &err) != ST_OK || x.status != status[i % 4] ||
            (x.status == 200 && !span_is(x.response, expected))) {
            printf("%s: %u %s '%.*s'\n", url, x.status, err.text, (int)x.response.n, x.response.p);
            atomic_fetch_add(&wrong, 1);
        }
    }
    http_client_close(client);
    free(body);
    return NULL;
}

static void *
client_wait(void *app)
{
    struct http_client *client = client_open();
    struct http_exchange x = {.method = "GET"};
    char url[100];
    struct err err;

    (void)app;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/wait?n=1", port);
    x.url = url;
    if (http_client_send(client, &x, &err) == ST_OK && x.status == 200)
        atomic_fetch_add(&answered, 1);
    http_client_close(client);
    return NULL;
}

static void *
release(void *app)
{
    struct http_client *client = client_open();
    struct http_exchange x = {.method = "GET"};
    char url[100];
    struct err err;

    (void)app;
    /* Once nobody new is let in, the stop is under way: then those who wait may go on. */
    snprintf(url, sizeof url, "http://127.0.0.1:%u/fine?n=1", port);
    x.url = url;
    while (http_client_send(client, &x, &err) == ST_OK) {
        http_client_close(client);
        client = client_open();
    }
    http_client_close(client);
    atomic_store(&is_released, true);
    return NULL;
}

int
main(void)
{
    /* Fewer connections than clients: some wait in the listen queue. */
    struct http_server_options o = {.address = "127.0.0.1", .connections_max = 40};
    pthread_t threads[THREADS], releaser;
    struct http_server *server;
    struct err err;

    if (http_server_start(&o, route, NULL, &server, &err) != ST_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    port = http_server_port(server);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, client_run, (void *)i) == 0, "no thread");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0, "%d wrong answers", atomic_load(&wrong));
    CHECK(atomic_load(&begun) >= THREADS * ROUNDS, "%d begun", atomic_load(&begun));

    for (size_t i = 0; i < 10; i++)
        CHECK(pthread_create(&threads[i], NULL, client_wait, NULL) == 0, "no thread");
    while (atomic_load(&waiting) < 10)
        sched_yield();
    CHECK(pthread_create(&releaser, NULL, release, NULL) == 0, "no thread");
    http_server_stop(server, 60000);
    CHECK(atomic_load(&begun) == atomic_load(&gone), "%d begun, %d gone", atomic_load(&begun),
          atomic_load(&gone));
    pthread_join(releaser, NULL);
    for (size_t i = 0; i < 10; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&answered) == 10, "%d of 10 were answered over the stop",
          atomic_load(&answered));
    return test_end();
}
