/* cmd_send_thread_test.c - files against a true HTTP server that keeps what it takes and plays a
 * script of answers: every byte arrives once, whatever is answered, and keys do not change. */
#include "base/file.h"
#include "base/test.h"
#include "penstock/client.h"
#include "penstock/cmd_send.h"
#include "wire/gunzip.h"
#include "wire/http_server.h"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

struct taken { /* a request that was answered with 2xx */
    char key[100], path[200];
    char *body;
    size_t size;
};

struct server {
    pthread_mutex_t lock;
    unsigned fail_every, fail_with; /* every n-th request is answered so; 0: none */
    const char *fault_word;         /* bodies with this word are refused */
    unsigned seen;
    struct taken taken[1000];
    size_t count, duplicates;
    char last_encoding[32];
};

struct request {
    char *body;
    size_t size;
};

static void
on_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app;
    (void)r;
    (void)reply;
    *state = calloc(1, sizeof(struct request));
}

static void
on_data(void *app, const struct http_request *r, void *state, struct span bytes,
        struct http_reply *reply)
{
    struct request *q = state;

    (void)app;
    (void)r;
    (void)reply;
    q->body = realloc(q->body, q->size + bytes.n + 1);
    memcpy(q->body + q->size, bytes.p, bytes.n);
    q->size += bytes.n;
    q->body[q->size] = '\0';
}

static void
unpack(struct request *q)
{
    struct arena a = {aligned_alloc(16, 1 << 20), 1 << 20, 0};
    struct span in = {q->body, q->size};
    struct gunzip g;
    size_t room = 1 << 20;
    char *out = malloc(room + 1);

    if (gunzip_init(&g, &a, NULL) == ST_OK &&
        gunzip_feed(&g, &in, true, out, room, &q->size, NULL) == ST_END) {
        free(q->body);
        q->body = out;
        q->body[q->size] = '\0';
    } else {
        free(out);
    }
    free(a.base);
}

/* The record with the word, counted from 1; 0: none has it. */
static unsigned
find_fault(const struct request *q, const char *word)
{
    const char *at = word == NULL ? NULL : strstr(q->body, word);
    unsigned record = 1;

    for (const char *p = q->body; at != NULL && p < at; p++)
        record += *p == '\n' && p > q->body && p[-1] != '\n'; /* empty lines are none */
    return at == NULL ? 0 : record;
}

static void
on_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    struct server *s = app;
    struct request *q = state;
    const char *key = http_header(r, "Idempotency-Key");
    const char *encoding = http_header(r, "Content-Encoding");

    if (encoding != NULL)
        unpack(q);
    pthread_mutex_lock(&s->lock);
    s->seen++;
    snprintf(s->last_encoding, sizeof s->last_encoding, "%s", encoding == NULL ? "" : encoding);
    unsigned fault = find_fault(q, s->fault_word);

    if (s->fail_every > 0 && s->seen % s->fail_every == 0) {
        http_reply_error(reply, s->fail_with, "Busy", "come again");
    } else if (fault > 0) {
        http_reply_text(
            reply, 400,
            "{\"error\":{\"code\":\"InvalidRecords\",\"message\":\"bad\",\"details\":"
            "[{\"record\":%u,\"offset\":%d,\"column\":\"X\",\"message\":\"is wrong\"}]}}",
            fault, (int)(strstr(q->body, s->fault_word) - q->body));
    } else {
        bool is_known = false;

        for (size_t i = 0; i < s->count; i++)
            is_known = is_known || (key != NULL && strcmp(s->taken[i].key, key) == 0);
        s->duplicates += is_known;
        if (!is_known && s->count < 1000) {
            struct taken *t = &s->taken[s->count++];

            snprintf(t->key, sizeof t->key, "%s", key == NULL ? "" : key);
            snprintf(t->path, sizeof t->path, "%s?%s", r->path, r->query);
            t->body = q->body;
            t->size = q->size;
            q->body = NULL;
        }
        http_reply_text(reply, 200, "{\"accepted\":1,\"parked\":0,\"duplicate\":%s}",
                        is_known ? "true" : "false");
    }
    pthread_mutex_unlock(&s->lock);
}

static void
on_gone(void *app, void *state)
{
    struct request *q = state;

    (void)app;
    free(q->body);
    free(q);
}

static const struct http_handler handler = {NULL, on_begin, on_data, on_end, on_gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    (void)r;
    return &handler;
}

static char folder[] = "/tmp/penstock-send-XXXXXX", url[64];

static const char *
path(const char *name)
{
    static char paths[4][128];
    static int next;
    char *p = paths[next++ % 4];

    snprintf(p, 128, "%s/%s", folder, name);
    return p;
}

static void
forget(struct server *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->taken[i].body);
    s->count = s->duplicates = 0;
    s->seen = 0;
}

/* What was taken, put together again, is the text from 'from' on: every line once, none cut. */
static bool
has_all(const struct server *s, struct span text, size_t from)
{
    size_t size = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct taken *t = &s->taken[i];
        const char *at = memmem(text.p, text.n, t->body, t->size);

        if (at == NULL || (size_t)(at - text.p) < from || (at > text.p && at[-1] != '\n'))
            return false;
        size += t->size;
    }
    return size == text.n - from;
}

static bool named_tenant = true;

static int
run(const char *const *more)
{
    char *argv[24];
    int argc = 0, code;

    argv[argc++] = strdup("send");
    argv[argc++] = strdup("--json");
    argv[argc++] = strdup("--batch-bytes");
    argv[argc++] = strdup("4096");
    if (named_tenant) {
        argv[argc++] = strdup("--tenant");
        argv[argc++] = strdup(TENANT);
    }
    for (; *more != NULL; more++)
        argv[argc++] = strdup(*more);
    argv[argc] = NULL;
    fflush(stdout);
    int kept_out = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO);

    if (freopen(path("out"), "w", stdout) == NULL || freopen(path("err"), "w", stderr) == NULL)
        exit(1);
    code = cmd_send(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(kept_out, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    close(kept_out);
    close(kept_err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}

static bool
output_has(const char *name, const char *text)
{
    char *content;
    size_t size;

    if (file_read(path(name), 1 << 20, &content, &size, NULL) != ST_OK)
        return false;
    bool has = strstr(content, text) != NULL;

    if (!has)
        printf("%s: %s\n", name, content);
    free(content);
    return has;
}

static struct span
make_text(unsigned records, bool has_end)
{
    static char text[1 << 20];
    size_t n = 0;

    for (unsigned i = 1; i <= records; i++) {
        n +=
            (size_t)sprintf(text + n, "{\"n\":\"record-%u-%.*s\"}%s", i, (int)(i * 7 % 90),
                            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                            "xxxxxxxxxxxxxxxxxxxx",
                            i < records || has_end ? "\n" : "");
        if (i % 50 == 0 && i < records)
            n += (size_t)sprintf(text + n, "\n"); /* an empty line is no record */
        if (i == 77) {                            /* one that is longer than a batch */
            memset(text + n, ' ', 10000);
            n += 10000;
        }
    }
    return (struct span){text, n};
}

static const struct {
    const char *name;
    unsigned records, fail_every, fail_with;
    bool has_end;
    const char *more[6];
} cases[] = {
    {"all is well",                 1000, 0, 0,   true,  {NULL}                },
    {"no end to the last line",     1000, 0, 0,   false, {NULL}                },
    {"one connection",              1000, 0, 0,   true,  {"--connections", "1"}},
    {"many connections",            1000, 0, 0,   true,  {"--connections", "8"}},
    {"compressed",                  1000, 0, 0,   true,  {"--gzip"}            },
    {"the server is busy at times", 100,  5, 503, true,  {NULL}                },
    {"one record",                  1,    0, 0,   true,  {NULL}                },
    {"nothing",                     0,    0, 0,   true,  {NULL}                },
};

static void
check_case(struct server *s, size_t i)
{
    struct span text = make_text(cases[i].records, cases[i].has_end);
    const char *more[12] = {path("in"), "--table", "DeviceInfo", "--url", url};
    struct err err = {""};
    char records[64];

    for (size_t k = 0; k < 6 && cases[i].more[k] != NULL; k++)
        more[5 + k] = cases[i].more[k];
    forget(s);
    s->fail_every = cases[i].fail_every;
    s->fail_with = cases[i].fail_with;
    CHECK(file_replace(more[0], text, 0600, &err) == ST_OK, "%s", err.text);
    named_tenant = i % 2 == 0; /* else it is the token's */
    const char *route =
        named_tenant ? "/ingest/v1/" TENANT "/DeviceInfo?" : "/ingest/v1/-/DeviceInfo?";

    CHECK(run(more) == CLIENT_DONE, "%s", cases[i].name);
    named_tenant = true;
    CHECK(has_all(s, text, 0) && s->duplicates == 0, "%s: %zu requests", cases[i].name, s->count);
    snprintf(records, sizeof records, "\"records\": %u", cases[i].records);
    CHECK(output_has("out", records), "%s", cases[i].name);
    for (size_t k = 0; k < s->count; k++)
        CHECK(strcmp(s->taken[k].path, route) == 0 &&
                  (s->taken[k].size <= 4096 || s->taken[k].size > 10000),
              "%s: %s, %zu bytes", cases[i].name, s->taken[k].path, s->taken[k].size);
    CHECK(cases[i].records == 0 ||
              (strcmp(s->last_encoding, "gzip") == 0) ==
                  (cases[i].more[0] != NULL && strcmp(cases[i].more[0], "--gzip") == 0),
          "%s: encoding '%s'", cases[i].name, s->last_encoding);
    size_t before = s->count;

    s->fail_every = 0;
    CHECK(run(more) == CLIENT_DONE && s->count == before && s->duplicates == before,
          "%s: a second run changes nothing: %zu, %zu of %zu", cases[i].name, s->count,
          s->duplicates, before);
}

/* A bad record stops the run; its number is that in the whole file; when it is mended the run goes
 * on. */
static void
check_resume(struct server *s)
{
    struct span text = make_text(500, true);
    char in[128], state[128];
    const char *more[] = {in, "--envelopes", "--url", url, "--resume", state, NULL};
    struct err err = {""};
    char number[64];

    snprintf(in, sizeof in, "%s", path("in"));
    snprintf(state, sizeof state, "%s", path("state"));
    forget(s);
    s->fail_every = 0;
    s->fault_word = "record-321-";
    CHECK(file_replace(in, text, 0600, &err) == ST_OK, "%s", err.text);
    CHECK(run(more) == CLIENT_REFUSED, "a record is refused");
    snprintf(number, sizeof number, "record 321, byte %zu, column X: is wrong",
             (size_t)(strstr(text.p, "record-321-") - text.p));
    CHECK(output_has("err", number), "the fault is found in the whole file");
    size_t first = s->count;

    s->fault_word = NULL;
    CHECK(run(more) == CLIENT_DONE, "mended");
    CHECK(s->count > first && has_all(s, text, 0), "the rest was sent, nothing twice");
    CHECK(strcmp(s->taken[0].path, "/ingest/v1/records?tenantId=" TENANT) == 0, "%s",
          s->taken[0].path);
    unsigned seen = s->seen;

    CHECK(run(more) == CLIENT_DONE && s->seen == seen, "nothing is left to be sent");
    /* the file grows */
    size_t from = text.n;
    struct span longer = make_text(600, true); /* begins like the other */
    int fd = open(in, O_WRONLY | O_APPEND);

    CHECK(fd >= 0 && write(fd, longer.p + from, longer.n - from) == (ssize_t)(longer.n - from),
          "append");
    close(fd);
    CHECK(run(more) == CLIENT_DONE && has_all(s, longer, 0), "what was added was sent");
    CHECK(file_replace(in, SPAN_LITERAL("{\"another\":\"file\"}\n"), 0600, &err) == ST_OK, "%s",
          err.text);
    CHECK(run(more) == CLIENT_USAGE && output_has("err", "another file"),
          "another file is not resumed");
}

static const struct {
    const char *name;
    const char *more[8];
    int code;
    const char *says;
} faults[] = {
    {"no file",              {"--envelopes"},                                             CLIENT_USAGE, "one file"     },
    {"no such file",         {"/no/such", "--envelopes"},                                 CLIENT_USAGE, "/no/such"     },
    {"a folder",             {"/tmp", "--envelopes"},                                     CLIENT_USAGE, "folder"       },
    {"neither of two",       {"/dev/null"},                                               CLIENT_USAGE, "--envelopes"  },
    {"both",                 {"/dev/null", "--envelopes", "--table", "x"},                CLIENT_USAGE, "--table"      },
    {"a table that is none", {"/dev/null", "--table", "../x"},                            CLIENT_USAGE, "../x"         },
    {"a bad number",
     {"/dev/null", "--envelopes", "--connections", "0"},
     CLIENT_USAGE,                                                                                      "--connections"},
    {"nobody listens",
     {"/proc/self/stat", "--envelopes", "--url", "http://127.0.0.1:1", "--retry-s", "0"},
     CLIENT_UNREACHABLE,                                                                                "cannot reach" },
    {"a bad URL",            {"/dev/null", "--envelopes", "--url", "127.0.0.1"},          CLIENT_USAGE, "http://"      },
};

int
main(void)
{
    static struct server s;
    struct http_server_options o = {.address = "127.0.0.1",
                                    .connections_max = 32,
                                    .idle_s_max = 60,
                                    .head_size_max = 16384,
                                    .read_size = 65536};
    static const char *const variables[] = {"PENSTOCK_URL", "PENSTOCK_TENANT", "PENSTOCK_TOKEN"};
    struct http_server *server = NULL;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    pthread_mutex_init(&s.lock, NULL);
    CHECK(mkdtemp(folder) != NULL, "a folder");
    setenv("PENSTOCK_DATA", folder, 1);
    CHECK(http_server_start(&o, route, &s, &server, &err) == ST_OK, "%s", err.text);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(server));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(&s, i);
    check_resume(&s);
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        int code = run(faults[i].more);

        CHECK(code == faults[i].code && output_has("err", faults[i].says), "%s: %d", faults[i].name,
              code);
    }
    http_server_stop(server, 1000);
    forget(&s);
    unlink(path("in"));
    unlink(path("out"));
    unlink(path("err"));
    unlink(path("state"));
    rmdir(folder);
    return test_end();
}
