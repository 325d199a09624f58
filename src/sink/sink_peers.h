/* sink_peers.h - the other side of each kind for sink_test.c: where it writes to, and what came
 * there. Tests only. */
#pragma once
#include "sink/fake_blob.h"
#include "sink/fake_receivers.h"
#include "sink/layout.h"
#include "sink/peer.h"
#include "wire/kafka.h"
#include "wire/kafka_mock.h"
#include "wire/stream_peer.h"
#include "workspace/keep.h"

struct peer {
    const char *name;
    const struct sink_kind *kind;
    bool reads_by_lane;               /* 'read' gives one lane; else all, in order */
    const char *bodies[4];            /* what it is sent */
    void (*start)(struct peer *peer); /* fills in values */
    void (*starts_down)(
        struct peer *peer); /* 'start' left it unreachable: mends that; NULL: cannot be */
    char *(*read)(struct peer *peer, const struct lane *lane, size_t *size); /* malloc'd */
    void (*end)(struct peer *peer);
    struct sink_value values[12];
    size_t value_count;
    char folder[256], path[1024];
    int kept; /* file descriptor */
    void *state;
};

static inline void
folder_peer_start(struct peer *peer)
{
    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/new/account", peer->folder);
    peer->values[0] = (struct sink_value){"path", peer->path};
    peer->value_count = 1;
}

static inline char *
folder_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    char *all = calloc(1, 65536);

    *size = 0;
    for (unsigned i = 0; i < 100; i++) {
        char name[LAYOUT_NAME_MAX];
        struct err err;
        size_t n = 0;
        char *text = NULL;

        if (layout_name(lane, LAYOUT_FOLDER, i, name, &err) == ST_OK)
            text = peer_read(peer->path, name, &n);
        if (n > 0 && *size + n < 65536) {
            memcpy(all + *size, text, n);
            *size += n;
        }
        free(text);
        if (n == 0)
            break;
    }
    return all;
}

static inline void
folder_peer_end(struct peer *peer)
{
    peer_remove(peer->folder);
}

static inline void
workspace_peer_start(struct peer *peer)
{
    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/new/tables.duckdb", peer->folder);
    peer->values[0] = (struct sink_value){"path", peer->path};
    peer->values[1] = (struct sink_value){"memory_mb", "256"};
    peer->values[2] = (struct sink_value){"threads", "1"};
    peer->values[3] = (struct sink_value){"writer", "peer"};
    peer->value_count = 4;
}

/* The lane's table, as lines. */
static inline char *
workspace_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    const struct workspace_options options = {.memory_max = (size_t)256 << 20, .threads = 1};
    struct workspace *w = NULL;
    char *printed = NULL, *text = calloc(1, 65536);
    struct err err = {""};
    uint64_t rows;
    size_t n = 0;
    FILE *out = open_memstream(&printed, &n);

    *size = 0;
    CHECK(workspace_open(peer->path, &options, &w, &err) == ST_OK &&
              workspace_print(w, span_of(lane->table), NULL, out, &rows, &err) == ST_OK,
          "%s: %s", peer->name, err.text);
    fclose(out);
    for (size_t i = 0; i < n && *size < 65000; i++) {
        if (printed[i] == '\n')
            text[(*size)++] = '\r';
        text[(*size)++] = printed[i];
    }
    free(printed);
    workspace_close(w);
    return text;
}

static inline void
file_peer_start(struct peer *peer)
{
    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/new/rows.json", peer->folder);
    peer->values[0] = (struct sink_value){"path", peer->path};
    peer->value_count = 1;
}

static inline void
file_peer_up(struct peer *peer)
{
    char folder[300];

    snprintf(folder, sizeof folder, "%s/new", peer->folder);
    CHECK(mkdir(folder, 0700) == 0, "mkdir %s", folder);
}

static inline char *
file_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    (void)lane;
    return peer_read("", peer->path, size);
}

/* Standard output becomes a file for the while; our own prints go to standard error. */
static inline void
stdout_peer_start(struct peer *peer)
{
    int fd;

    peer_folder(peer->folder);
    snprintf(peer->path, sizeof peer->path, "%s/rows.json", peer->folder);
    fd = open(peer->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    fflush(stdout);
    peer->kept = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    peer->value_count = 0;
}

static inline void
stdout_peer_end(struct peer *peer)
{
    fflush(stdout);
    dup2(peer->kept, STDOUT_FILENO);
    close(peer->kept);
    peer_remove(peer->folder);
}

/* A port that nothing listens on, until the service comes up there. */
static struct fake_blob blob_peer;

static inline void
blob_peer_start(struct peer *peer)
{
    fake_start(&blob_peer, 0);
    fake_down(&blob_peer);
    snprintf(peer->path, sizeof peer->path, "http://127.0.0.1:%u/contoso", blob_peer.port);
    peer->values[0] = (struct sink_value){"endpoint", peer->path};
    peer->values[1] = (struct sink_value){"key", "c2VjcmV0"};
    peer->value_count = 2;
}

static inline void
blob_peer_up(struct peer *peer)
{
    (void)peer;
    fake_start(&blob_peer, blob_peer.port);
}

static inline char *
blob_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    char *all = calloc(1, 65536);

    (void)peer;
    *size = 0;
    pthread_mutex_lock(&blob_peer.lock);
    for (unsigned i = 0; i < 100; i++) {
        char name[LAYOUT_NAME_MAX], path[LAYOUT_NAME_MAX + 16];
        struct err err;

        if (layout_name(lane, LAYOUT_AZURE, i, name, &err) != ST_OK)
            break;
        snprintf(path, sizeof path, "contoso/%s", name);
        size_t at = fake_find(&blob_peer, path);

        if (at == FAKE_BLOBS_MAX || *size + blob_peer.blobs[at].size > 65536)
            break;
        if (blob_peer.blobs[at].size > 0)
            memcpy(all + *size, blob_peer.blobs[at].data, blob_peer.blobs[at].size);
        *size += blob_peer.blobs[at].size;
    }
    pthread_mutex_unlock(&blob_peer.lock);
    return all;
}

static inline void
blob_peer_end(struct peer *peer)
{
    (void)peer;
    fake_down(&blob_peer);
    fake_free(&blob_peer);
}

static struct kafka_mock kafka_peer;

static inline void
kafka_peer_start(struct peer *peer)
{
    char topic[128];
    struct err err;

    if (!kafka_mock_start(&kafka_peer)) {
        printf("no mock cluster\n");
        exit(2);
    }
    for (int i = 0; i < 2; i++)
        if (layout_container(i == 0 ? peer_device.category : peer_alert.category, LAYOUT_FOLDER,
                             topic, &err) == ST_OK)
            kafka_mock_topic(&kafka_peer, topic, 1); /* one partition keeps the order */
    kafka_mock_down(&kafka_peer, true);
    snprintf(peer->path, sizeof peer->path, "%s", kafka_peer.bootstrap);
    peer->values[0] = (struct sink_value){"brokers", peer->path};
    peer->values[1] = (struct sink_value){"timeout_ms", "1000"};
    peer->value_count = 2;
}

static inline void
kafka_peer_up(struct peer *peer)
{
    peer->values[1].value = "20000"; /* for those that are opened from now on */
    kafka_mock_down(&kafka_peer, false);
}

static inline char *
kafka_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    static struct kafka_message messages[KAFKA_POLL_MAX];
    static int groups;
    struct kafka_options o = {.bootstrap = kafka_peer.bootstrap};
    int64_t until_ms = clock_monotonic_ms() + 15000;
    char *all = calloc(1, 65536), topic[128], group[16];
    const char *topics[] = {topic};
    struct kafka_consumer *c;
    struct err err;
    bool is_all = false;

    (void)peer;
    *size = 0;
    snprintf(group, sizeof group, "g%d", groups++);
    if (layout_container(lane->category, LAYOUT_FOLDER, topic, &err) != ST_OK ||
        kafka_consumer_open(&o, group, topics, 1, true, 0, &c, &err) != ST_OK)
        return all;
    while (!is_all && clock_monotonic_ms() < until_ms) {
        size_t count;
        enum status st = kafka_consumer_poll(c, messages, KAFKA_POLL_MAX, 500, &count, &err);

        is_all = st == ST_END && *size > 0; /* half a second without a further one */
        for (size_t i = 0; i < count && *size + messages[i].payload.n < 65536; i++) {
            memcpy(all + *size, messages[i].payload.p, messages[i].payload.n);
            *size += messages[i].payload.n;
        }
    }
    kafka_consumer_close(c);
    return all;
}

static inline void
kafka_peer_end(struct peer *peer)
{
    (void)peer;
    kafka_mock_end(&kafka_peer);
}

/* A port that nothing listens on, until the receiver comes up there. */
static struct stream_peer syslog_peer;

static inline void
syslog_peer_start(struct peer *peer)
{
    stream_peer_start(&syslog_peer);
    stream_peer_stop(&syslog_peer);
    snprintf(peer->path, sizeof peer->path, "127.0.0.1:%u", syslog_peer.port);
    peer->values[0] = (struct sink_value){"address", peer->path};
    peer->values[1] = (struct sink_value){"tls", "false"};
    peer->values[2] = (struct sink_value){"confirm", "read"}; /* so that 'read' need not wait */
    peer->value_count = 3;
}

static inline void
syslog_peer_up(struct peer *peer)
{
    (void)peer;
    stream_peer_start(&syslog_peer);
}

/* The messages' own parts, behind the structured data. */
static inline char *
syslog_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    char *all = calloc(1, 65536), *rest;

    (void)peer;
    (void)lane;
    *size = 0;
    pthread_mutex_lock(&syslog_peer.lock);
    for (const char *at = syslog_peer.bytes; at < syslog_peer.bytes + syslog_peer.size;) {
        size_t n = strtoul(at, &rest, 10);
        const char *text = memmem(rest, n, "] ", 2);

        if (text == NULL)
            break;
        at = rest + 1 + n;
        memcpy(all + *size, text + 2, (size_t)(at - text) - 2);
        *size += (size_t)(at - text) - 2;
    }
    pthread_mutex_unlock(&syslog_peer.lock);
    return all;
}

static inline void
syslog_peer_end(struct peer *peer)
{
    (void)peer;
    stream_peer_stop(&syslog_peer);
    stream_peer_forget(&syslog_peer);
}

/* Receivers of events: a port that nothing listens on, until they come up there. */
static struct fake_blob receiver_peer;
static struct receiver_state receiver_peer_state;

static inline void
receiver_peer_start(struct peer *peer)
{
    bool is_webhook = peer->kind == &sink_webhook, is_hec = peer->kind == &sink_splunk_hec;

    receiver_start(&receiver_peer, &receiver_peer_state,
                   is_webhook ? webhook_act
                   : is_hec   ? hec_act
                              : elastic_act);
    receiver_forget(&receiver_peer, &receiver_peer_state);
    fake_down(&receiver_peer);
    snprintf(peer->path, sizeof peer->path, "http://127.0.0.1:%u%s", receiver_peer.port,
             is_webhook ? "/hook?sig=hush" : "");
    peer->values[0] = (struct sink_value){"url", peer->path};
    peer->values[1] = (struct sink_value){"token", "hush"};
    peer->values[2] = (struct sink_value){"ack", "true"};
    peer->value_count = is_hec ? 3 : 1;
}

static inline void
receiver_peer_up(struct peer *peer)
{
    (void)peer;
    fake_start(&receiver_peer, receiver_peer.port);
}

static inline char *
receiver_peer_read(struct peer *peer, const struct lane *lane, size_t *size)
{
    char *all;

    (void)peer, (void)lane;
    pthread_mutex_lock(&receiver_peer.lock);
    all = strdup(receiver_rows(&receiver_peer_state));
    *size = strlen(all);
    pthread_mutex_unlock(&receiver_peer.lock);
    return all;
}

static inline void
receiver_peer_end(struct peer *peer)
{
    (void)peer;
    fake_down(&receiver_peer);
    receiver_forget(&receiver_peer, &receiver_peer_state);
    fake_free(&receiver_peer);
}

#define PEER_ROWS                                                                                  \
    {                                                                                              \
        "{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"                                         \
    }
#define PEER_MESSAGES                                                                              \
    {                                                                                              \
        "{\"records\":[{\"n\":1}]}", "{\"records\":[{\"n\":2}]}",                                  \
            "{\"records\":[{\"n\":3},{\"n\":33}]}", "{\"records\":[{\"n\":4}]}"                    \
    }
#define PEER_LINES                                                                                 \
    {                                                                                              \
        "{\"n\":1}\r\n", "{\"n\":2}\r\n", "{\"n\":3}\r\n{\"n\":33}\r\n", "{\"n\":4}\r\n"           \
    }

static struct peer peers[] = {
    {.name = "folder",
     .kind = &sink_folder,
     .reads_by_lane = true,
     .bodies = PEER_LINES,
     .start = folder_peer_start,
     .read = folder_peer_read,
     .end = folder_peer_end       },
    {.name = "workspace",
     .kind = &sink_workspace,
     .reads_by_lane = true,
     /* it counts rows: a parcel of the test says one */
     .bodies = {"{\"n\":1}\r\n", "{\"n\":2}\r\n", "{\"n\":3}\r\n", "{\"n\":4}\r\n"},
     .start = workspace_peer_start,
     .read = workspace_peer_read,
     .end = folder_peer_end       },
    {.name = "blob",
     .kind = &sink_blob,
     .reads_by_lane = true,
     .bodies = PEER_LINES,
     .start = blob_peer_start,
     .starts_down = blob_peer_up,
     .read = blob_peer_read,
     .end = blob_peer_end},
    {.name = "kafka",
     .kind = &sink_kafka,
     .reads_by_lane = true,
     .bodies = PEER_MESSAGES,
     .start = kafka_peer_start,
     .starts_down = kafka_peer_up,
     .read = kafka_peer_read,
     .end = kafka_peer_end},
    {.name = "syslog",
     .kind = &sink_syslog,
     .bodies = PEER_ROWS,
     .start = syslog_peer_start,
     .starts_down = syslog_peer_up,
     .read = syslog_peer_read,
     .end = syslog_peer_end},
    {.name = "file",
     .kind = &sink_file,
     .bodies = PEER_LINES,
     .start = file_peer_start,
     .starts_down = file_peer_up,
     .read = file_peer_read,
     .end = folder_peer_end  },
    {.name = "stdout",
     .kind = &sink_stdout,
     .bodies = PEER_LINES,
     .start = stdout_peer_start,
     .read = file_peer_read,
     .end = stdout_peer_end     },
    {.name = "webhook",
     .kind = &sink_webhook,
     .bodies = PEER_ROWS,
     .start = receiver_peer_start,
     .starts_down = receiver_peer_up,
     .read = receiver_peer_read,
     .end = receiver_peer_end       },
    {.name = "splunk_hec",
     .kind = &sink_splunk_hec,
     .bodies = PEER_ROWS,
     .start = receiver_peer_start,
     .starts_down = receiver_peer_up,
     .read = receiver_peer_read,
     .end = receiver_peer_end   },
    {.name = "elastic",
     .kind = &sink_elastic,
     .bodies = PEER_ROWS,
     .start = receiver_peer_start,
     .starts_down = receiver_peer_up,
     .read = receiver_peer_read,
     .end = receiver_peer_end   },
};
