/* file_test.c - what only a file or a pipe does: rotation, full disks, readers that stop. */
#include "sink/peer.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char top[256], path[300];

static void *
opened(const atomic_bool *stop)
{
    struct sink_value value = {"path", path};
    struct err err = {""};
    void *state = NULL;

    if (sink_file.open(&value, 1, stop, &state, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(2);
    }
    return state;
}

static enum sent
sends(void *state, const char *text, uint64_t position)
{
    struct parcel p = peer_parcel(&peer_device, text, position);

    sink_file.send(state, &p, 1);
    CHECK((p.sent == SENT_DONE) == (p.err.text[0] == '\0'), "%d '%s'", p.sent, p.err.text);
    return p.sent;
}

static bool
file_is(const char *name, const char *expected)
{
    size_t size;
    char *text = peer_read(top, name, &size);
    bool is_same = size == strlen(expected) && memcmp(text, expected, size) == 0;

    free(text);
    return is_same;
}

static const struct {
    const char *name, *before, *after;
} starts[] = {
    {"nothing",    "",        "2\n"         },
    {"whole rows", "1\n",     "1\n2\n"      },
    {"a torn row", "1\n{\"a", "1\n{\"a\n2\n"},
};

/* A torn row that a killed program left does not take the next one with it. */
static void
goes_on(void)
{
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        for (int syncs = 0; syncs < 2; syncs++) {
            struct err err = {""};

            CHECK(file_replace(path, span_of(starts[i].before), 0640, &err) == ST_OK, "%s",
                  err.text);
            void *state = opened(NULL);

            if (syncs)
                CHECK(sink_file.sync(state, &err) == ST_OK, "%s: %s", starts[i].name, err.text);
            CHECK(sends(state, "2\n", 1) == SENT_DONE && file_is("rows", starts[i].after),
                  "behind %s", starts[i].name);
            sink_file.close(state);
            unlink(path);
        }
    }
}

static void
rotation(void)
{
    void *state = opened(NULL);
    char old[400];
    struct err err;

    CHECK(sends(state, "1\n", 1) == SENT_DONE, "first");
    snprintf(old, sizeof old, "%s/old", top);
    rename(path, old);
    CHECK(sends(state, "2\n", 2) == SENT_DONE, "renamed");
    CHECK(file_is("old", "1\n") && file_is("rows", "2\n"), "each where it belongs");
    unlink(path);
    CHECK(sends(state, "3\n", 3) == SENT_DONE && file_is("rows", "3\n"), "removed");
    CHECK(sink_file.sync(state, &err) == ST_OK, "sync");
    sink_file.close(state);
    unlink(path);
}

static void
full_disk(void)
{
    void *state = opened(NULL);
    struct rlimit before, limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    CHECK(sends(state, "1\n", 1) == SENT_DONE, "first");
    limit = (struct rlimit){4, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    CHECK(sends(state, "22222\n", 2) == SENT_RETRY, "a part fitted");
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(file_is("rows", "1\n"), "cut back");
    CHECK(sends(state, "22222\n", 2) == SENT_DONE && file_is("rows", "1\n22222\n"), "room again");
    sink_file.close(state);
    unlink(path);
    snprintf(path, sizeof path, "/dev/full");
    state = opened(NULL);
    CHECK(sends(state, "1\n", 1) == SENT_RETRY, "/dev/full");
    sink_file.close(state);
    snprintf(path, sizeof path, "%s/rows", top);
}

/* A pipe is full when its reader stands still: the call ends by 'stop', and the same parcel goes on
 * where it was. */
enum { BODY = 200000 };
static struct {
    int fd;
    atomic_bool stop;
    size_t used;
    char seen[BODY + 4096];
} reader;

static void *
stop_when_full(void *unused)
{
    int before = -1, now = 0;

    while (now < 65536 - 4096 || now != before) {
        before = now;
        sched_yield();
        ioctl(reader.fd, FIONREAD, &now);
    }
    atomic_store(&reader.stop, true);
    return unused;
}

static void *
read_all(void *unused)
{
    while (reader.used < BODY) {
        struct pollfd poll_fd = {.fd = reader.fd, .events = POLLIN};

        poll(&poll_fd, 1, 1000);
        ssize_t n = read(reader.fd, reader.seen + reader.used, sizeof reader.seen - reader.used);

        if (n > 0)
            reader.used += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
    }
    return unused;
}

static void
stuck_pipe(void)
{
    char *body = malloc(BODY + 1);
    pthread_t thread;

    for (int i = 0; i < BODY; i++)
        body[i] = (char)('a' + i % 23);
    body[BODY - 1] = '\n';
    body[BODY] = '\0';
    CHECK(mkfifo(path, 0600) == 0, "mkfifo");
    void *state = opened(&reader.stop);

    CHECK(sends(state, "early\n", 1) == SENT_RETRY, "nobody reads");
    reader.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    pthread_create(&thread, NULL, stop_when_full, NULL);
    CHECK(sends(state, body, 2) == SENT_RETRY, "a reader that stands still");
    pthread_join(thread, NULL);
    atomic_store(&reader.stop, false);
    pthread_create(&thread, NULL, read_all, NULL);
    CHECK(sends(state, body, 2) == SENT_DONE, "a reader that goes on");
    pthread_join(thread, NULL);
    CHECK(reader.used == BODY && memcmp(reader.seen, body, BODY) == 0, "%zu bytes, each once",
          reader.used);
    close(reader.fd);
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    CHECK(sends(state, "late\n", 3) == SENT_RETRY, "the reader left");
    sink_file.close(state);
    unlink(path);
    free(body);
}

int
main(void)
{
    peer_folder(top);
    snprintf(path, sizeof path, "%s/rows", top);
    goes_on();
    rotation();
    full_disk();
    stuck_pipe();
    peer_remove(top);
    return test_end();
}
