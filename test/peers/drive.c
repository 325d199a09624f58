/* drive.c - one sink, or one consumer group, by commands on standard input: what the tests against real peers are written with.
 *
 *   peers_drive KIND NAME=VALUE...        opens a sink of the kind; then each line is one of
 *     send TENANT CATEGORY UNIX-HOUR FILE   a parcel with the file's bytes, placed where the lane stands
 *     again                                 the same parcel, at the same place
 *     at OFFSET                             the same parcel, at another place
 *     next                                  the same parcel, in the lane's next object
 *     length                                of the last parcel's object
 *     sync
 *     rows TENANT CATEGORY TABLE POSITION FILE   each line of the file as a parcel, for kinds that take single rows;
 *       answered by: rows DONE RETRY REFUSED REASON
 *   peers_drive read BROKERS TOPIC GROUP COUNT FOLDER [CONNECTION-STRING]
 *     writes the payloads to FOLDER/0, 1, ..., commits, and prints "key partition offset size" of each
 *
 * Each command is answered by one line: done | retry [full] [foreign] REASON | refused REASON | ok NUMBER NAME | error REASON. */
#include "base/clock.h"
#include "base/file.h"
#include "sink/sink.h"
#include "wire/kafka.h"
#include <signal.h>
#include <stdlib.h>

static const struct sink_kind *kind;
static void *sink;
static struct lane lane;
static struct parcel parcel;

static void
print_answer(void)
{
    static const char *const words[] = {"done", "retry", "refused"};

    printf("%s%s%s%s%s\n", words[parcel.sent], parcel.is_full ? " full" : "",
           parcel.is_foreign ? " foreign" : "", parcel.sent == SENT_DONE ? "" : " ",
           parcel.sent == SENT_DONE ? "" : parcel.err.text);
}

static bool
locate(bool full)
{
    struct err err;

    if (!kind->is_positioned)
        return true;
    if (kind->locate(sink, &lane, full, parcel.name, &parcel.offset, &err) == ST_OK)
        return true;
    printf("error %s\n", err.text);
    return false;
}

static void
command_send(const char *line)
{
    char path[1024];
    long long hour;
    size_t size;
    struct err err;

    free((void *)(uintptr_t)parcel.body.p);
    lane = (struct lane){.hour = 0};
    parcel = (struct parcel){.lane = &lane, .row_count = 1, .position = 1};
    if (sscanf(line, "send %39s %103s %lld %1023s", lane.tenant, lane.category, &hour, path) != 4) {
        printf("error not understood\n");
        return;
    }
    if (kind->by_hour)
        lane.hour = TICKS_AT_UNIX_EPOCH + hour * TICKS_PER_SECOND;
    char *text = NULL;

    if (file_read(path, 64 << 20, &text, &size, &err) != ST_OK) {
        printf("error %s\n", err.text);
        return;
    }
    parcel.body = (struct span){text, size};
    if (!locate(false))
        return;
    kind->send(sink, &parcel, 1);
    print_answer();
}

/* The file's lines as one window; the bytes end with the call. */
static void
command_rows(const char *line)
{
    static const char *const no_reason = "-";
    struct lane at = {.hour = 0};
    char path[1024];
    unsigned long long position;
    char *text = NULL;
    struct parcel *parcels;
    const char *reason = no_reason;
    size_t size, count = 0, n = 0, answers[3] = {0};
    struct err err;

    if (sscanf(line, "rows %39s %103s %71s %llu %1023s", at.tenant, at.category, at.table,
               &position, path) != 5) {
        printf("error not understood\n");
        return;
    }
    if (file_read(path, 64 << 20, &text, &size, &err) != ST_OK) {
        printf("error %s\n", err.text);
        return;
    }
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    parcels = calloc(count + 1, sizeof *parcels);
    for (char *row = text, *end; parcels != NULL && n < count; row = end + 1, n++) {
        end = strchr(row, '\n');
        parcels[n] = (struct parcel){
            .lane = &at,
            .body = {row, (size_t)(end - row)},
            .row_count = 1,
            .position = position,
            .row = (uint32_t)n
        };
    }
    if (n > 0)
        kind->send(sink, parcels, n);
    for (size_t i = 0; i < n; i++) {
        answers[parcels[i].sent]++;
        if (parcels[i].sent != SENT_DONE && reason == no_reason)
            reason = parcels[i].err.text;
    }
    printf("rows %zu %zu %zu %s\n", answers[SENT_DONE], answers[SENT_RETRY], answers[SENT_REFUSED],
           reason);
    free(parcels);
    free(text);
}

static void
command(const char *line)
{
    struct err err = {""};
    uint64_t length = 0;

    if (strncmp(line, "send ", 5) == 0) {
        command_send(line);
    } else if (strncmp(line, "rows ", 5) == 0) {
        command_rows(line);
    } else if (strcmp(line, "again") == 0 || strncmp(line, "at ", 3) == 0) {
        if (line[1] == 't')
            parcel.offset = strtoull(line + 3, NULL, 10);
        kind->send(sink, &parcel, 1);
        print_answer();
    } else if (strcmp(line, "next") == 0) {
        if (locate(true)) {
            kind->send(sink, &parcel, 1);
            print_answer();
        }
    } else if (strcmp(line, "length") == 0) {
        if (kind->length(sink, &lane, parcel.name, &length, &err) == ST_OK)
            printf("ok %llu %s\n", (unsigned long long)length, parcel.name);
        else
            printf("error %s\n", err.text);
    } else if (strcmp(line, "sync") == 0) {
        if (kind->sync == NULL || kind->sync(sink, &err) == ST_OK)
            printf("ok 0\n");
        else
            printf("error %s\n", err.text);
    } else {
        printf("error not understood\n");
    }
    fflush(stdout);
}

static int
drive(int argc, char **argv)
{
    struct sink_value values[32];
    size_t count = 0;
    char line[4096];
    struct err err;

    kind = sink_kind_find(argv[1]);
    if (kind == NULL) {
        printf("error no kind %s\n", argv[1]);
        return 2;
    }
    for (int i = 2; i < argc && count < COUNT_OF(values); i++) {
        char *equals = strchr(argv[i], '=');

        if (equals == NULL)
            return 2;
        *equals = '\0';
        values[count++] = (struct sink_value){argv[i], equals + 1};
    }
    if (kind->open(values, count, NULL, &sink, &err) != ST_OK) {
        printf("error %s\n", err.text);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        command(line);
    }
    kind->close(sink);
    free((void *)(uintptr_t)parcel.body.p);
    return 0;
}

static int
read_messages(char **argv, const char *connection_string)
{
    static struct kafka_message messages[KAFKA_POLL_MAX];
    struct kafka_options o = {.bootstrap = argv[2], .connection_string = connection_string};
    const char *topic = argv[3];
    size_t wanted = strtoul(argv[5], NULL, 10), seen = 0, count;
    int64_t until_ms = clock_monotonic_ms() + 60000;
    struct kafka_consumer *c;
    struct err err = {""};

    if (kafka_consumer_open(&o, argv[4], &topic, 1, true, 0, &c, &err) != ST_OK) {
        printf("error %s\n", err.text);
        return 1;
    }
    while (seen < wanted && clock_monotonic_ms() < until_ms) {
        if (kafka_consumer_poll(c, messages, wanted - seen, 500, &count, &err) != ST_OK)
            continue;
        for (size_t i = 0; i < count; i++, seen++) {
            const struct kafka_message *m = &messages[i];
            struct kafka_offset done = {m->topic, m->partition, m->offset + 1};
            char path[1024];

            snprintf(path, sizeof path, "%s/%zu", argv[6], seen);
            if (file_replace(path, m->payload, 0600, &err) != ST_OK ||
                kafka_consumer_commit(c, &done, 1, &err) != ST_OK)
                printf("error %s\n", err.text);
            printf("%.*s %d %lld %zu\n", m->key.n == 0 ? 1 : (int)m->key.n,
                   m->key.n == 0 ? "-" : m->key.p, (int)m->partition, (long long)m->offset,
                   m->payload.n);
        }
    }
    if (seen < wanted)
        printf("error %zu of %zu messages came: %s\n", seen, wanted, err.text);
    kafka_consumer_close(c);
    return seen < wanted;
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 7 && strcmp(argv[1], "read") == 0)
        return read_messages(argv, argc > 7 ? argv[7] : NULL);
    if (argc >= 2)
        return drive(argc, argv);
    fprintf(stderr, "Usage: see the head of test/peers/drive.c\n");
    return 2;
}
