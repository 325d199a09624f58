/* hunting_thread_test.c - many clients ask many workspaces at once, over loopback: more workspaces than may be open, clients that leave in the middle, and
 * the end while queries run. Each answer is right or says why there is none. */
#include "api/api.h"
#include "api/hunting.h"
#include "base/clock.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/secrets.h"
#include "control/store.h"
#include "control/tokens.h"
#include "source/test_bed.h"
#include "wire/http_client.h"
#include "workspace/workspace.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#define A "aaaaaaaa-1111-4222-8333-444444444444"
#define B "bbbbbbbb-1111-4222-8333-444444444444"
#define ID                                                                                         \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/"              \
    "Microsoft.OperationalInsights/workspaces/"
#define LONG                                                                                       \
    "range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'none' | count"

enum { WORKSPACES = HUNTING_WORKSPACES_MAX + 3, CLIENTS = 6, ROUNDS = 25, LEAVERS = 12 };

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"N",         COLUMN_LONG,     NULL},
};
static const struct catalog_table table = {.name = "T",
                                           .family = "configuration",
                                           .time_column = "Timestamp",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns)};
static const struct catalog catalog = {.tables = &table, .table_count = 1};

static struct world {
    char folder[64];
    struct config *config;
    struct control control;
    struct api api;
    struct http_server *server;
    char tokens[2][80];
    atomic_uint answered, refused, wrong;
} w;

static int64_t
world_now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static char *
configuration(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    fprintf(
        out,
        "tenants: [{id: " A ", name: a}, {id: " B ", name: b}]\nhttp: {tls: off}\n"
        "defaultExports: false\nhunting: {workspace: w0, queries: 8, time: 20 s}\nresources:\n");
    for (int i = 0; i < WORKSPACES; i++)
        fprintf(out, "- {id: \"" ID "w%d\", kind: workspace, settings: {path: %s/w%d.duckdb}}\n", i,
                w.folder, i);
    fclose(out);
    return text;
}

static void
world_open(void)
{
    static struct control_kinds kinds;
    struct http_server_options o = {.address = "127.0.0.1"};
    char path[100], made[400], text[TOKEN_TEXT_SIZE], *config;
    struct err err;

    bed_folder_make(w.folder, "hunting");
    workspace_catalog_use(&catalog);
    workspace_limits_use(64 << 20, 1);
    kinds = test_kinds;
    config = configuration();
    bed_must(config_read_text(span_of(config), "t.yaml", w.folder, &kinds, &w.config, &err),
             "configuration", &err);
    free(config);
    w.control.config = w.config;
    w.control.catalog = &catalog;
    w.control.kinds = &kinds;
    snprintf(path, sizeof path, "%s/store.db", w.folder);
    bed_must(store_open(path, &w.control.store, &err), "store", &err);
    snprintf(path, sizeof path, "%s/secret.key", w.folder);
    bed_must(secrets_open(path, true, &w.control.secrets, &err), "secrets", &err);
    bed_must(control_prepare(&w.control, clock_ticks(), made, &err), "prepare", &err);
    for (int i = 0; i < 2; i++) {
        struct token_request r = {"*", ROLE_OPERATOR, "test", 1, 0};

        bed_must(token_create(w.control.store, &r, text, &err), "token", &err);
        snprintf(w.tokens[i], sizeof w.tokens[i], "Authorization: Bearer %s", text);
    }
    bed_must(tokens_open(w.control.store, &w.control.tokens, &err), "tokens", &err);
    bed_must(hunting_make(&w.api.hunting, &err), "hunting", &err);
    w.api.now = world_now;
    w.api.version = "0.0.0";
    atomic_init(&w.api.control, &w.control);
    bed_must(http_server_start(&o, api_route, &w.api, &w.server, &err), "server", &err);
}

static void
world_close(void)
{
    hunting_stop(w.api.hunting);
    http_server_stop(w.server, 5000);
    hunting_free(w.api.hunting);
    tokens_close(w.control.tokens);
    secrets_close(w.control.secrets);
    store_close(w.control.store);
    config_free(w.config);
    workspace_catalog_use(NULL);
    bed_folder_remove(w.folder);
}

static void
ask(struct http_client *client, int who, const char *path, const char *body, const char *has)
{
    char url[300];
    const char *headers[] = {w.tokens[who % 2], "Content-Type: application/json", NULL};
    struct span piece = span_of(body);
    struct http_exchange x = {
        .method = "POST", .url = url, .headers = headers, .body = &piece, .body_count = 1};
    struct err err = {""};

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(w.server), path);
    if (http_client_send(client, &x, &err) == ST_OK && x.status == 200 &&
        strstr(x.response.p, has) != NULL) {
        atomic_fetch_add(&w.answered, 1);
    } else if (x.status == 429 || x.status == 503 ||
               (x.status == 200 && strstr(x.response.p, "\"status\":429") != NULL)) {
        atomic_fetch_add(&w.refused, 1);
    } else {
        atomic_fetch_add(&w.wrong, 1);
        printf("%s %s: %u %s %.300s\n", path, body, x.status, err.text,
               x.response.p == NULL ? "" : x.response.p);
    }
}

static struct http_client *
client_open(void)
{
    struct http_client_options o = {.connect_ms_max = 10000,
                                    .total_ms_max = 120000,
                                    .stall_ms_max = 120000,
                                    .response_size_max = 1 << 20};
    struct http_client *client;
    struct err err;

    bed_must(http_client_open(&o, &client, &err), "client", &err);
    return client;
}

static void *
work(void *app)
{
    int me = (int)(intptr_t)app;
    struct http_client *client = client_open();
    char path[200], body[300];

    for (int i = 0; i < ROUNDS; i++) {
        int n = (me * 31 + i * 7) % WORKSPACES;

        snprintf(path, sizeof path, "/v1/workspaces/w%d/query", n);
        snprintf(body, sizeof body, "{\"query\":\"print n = %d + 1000; \"}", n);
        snprintf(path + 190, 10, "[[%d]]", n + 1000);
        ask(client, me, path, body, path + 190);
        snprintf(body, sizeof body,
                 "{\"query\":\"union T, workspace('w%d').T, workspace('w%d').T | count\","
                 "\"workspaces\":[\"w%d\"]}",
                 (n + 1) % WORKSPACES, (n + i) % WORKSPACES, (n * 3) % WORKSPACES);
        ask(client, me, path, body, "[[0]]");
        ask(client, me, "/v1/$batch",
            "{\"requests\":[{\"id\":\"1\",\"workspace\":\"w1\",\"path\":\"/query\",\"body\":{"
            "\"query\":\"T | count\"}}]}",
            "[[0]]");
        ask(client, me, "/api/advancedhunting/run", "{\"Query\":\"T | count\"}", "{\"Count\":0}");
        ask(client, me, "/v1/workspaces/w0/metadata", "{}", "\"name\":\"T\"");
    }
    http_client_close(client);
    return NULL;
}

/* Sends a query that would take for ever, and leaves. */
static void *
leave(void *app)
{
    char request[700];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(w.server))};
    int n, fd;

    (void)app;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    n = snprintf(request, sizeof request,
                 "POST /v1/workspaces/w2/query HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: "
                 "%zu\r\n\r\n{\"query\":\"%s\"}",
                 w.tokens[0], strlen(LONG) + 12, LONG);
    for (int i = 0; i < LEAVERS; i++) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 ||
            write(fd, request, (size_t)n) != n)
            atomic_fetch_add(&w.wrong, 1);
        close(fd);
    }
    return NULL;
}

static void *
wait_for_end(void *app)
{
    struct http_client *client = client_open();

    (void)app;
    /* 503, or the connection ends: either way it comes back. */
    ask(client, 0, "/v1/workspaces/w3/query", "{\"query\":\"" LONG "\"}", "never");
    http_client_close(client);
    return NULL;
}

int
main(void)
{
    pthread_t threads[CLIENTS + 1], last;
    struct http_client *client;

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    world_open();
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
    pthread_create(&threads[CLIENTS], NULL, leave, NULL);
    for (int i = 0; i <= CLIENTS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&w.wrong) == 0, "%u wrong answers", atomic_load(&w.wrong));
    CHECK(atomic_load(&w.answered) == CLIENTS * ROUNDS * 5, "%u answered, %u refused",
          atomic_load(&w.answered), atomic_load(&w.refused));
    CHECK(atomic_load(&w.refused) == 0, "%u refused", atomic_load(&w.refused));
    pthread_create(&last, NULL, wait_for_end, NULL);
    client = client_open();
    for (int i = 0; i < 20; i++) /* so that the last one's query runs */
        ask(client, 0, "/v1/workspaces/w3/query", "{\"query\":\"print 1\"}", "[[1]]");
    http_client_close(client);
    world_close();
    pthread_join(last, NULL);
    CHECK(atomic_load(&w.refused) == 1, "the last query was not ended");
    return test_end();
}
