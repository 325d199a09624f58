/* room_kill_test.c - kill -9 at any moment of a compaction, by the daemon or by command, beside a writer and a purge: the rows that
 * are there are exactly those that were acknowledged, and a purge is there as a whole or not. Each round's work is
 * a process of its own; the file is what the next one finds. */
#include "base/clock.h"
#include "base/test.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENANT "aaaaaaaa-1111-4222-8333-444444444444"

enum {
    CLASSES = 16,      /* a sixteenth of the rows is one */
    ROWS = 16 * 20000, /* three row groups */
    BATCH = 20000,
    ROUNDS = 10,
    KILL_MS = 900, /* at most, after the work has begun */
    WAIT_MS = 60000,
    MORE = 50,     /* rows at once, of the writer beside it */
    MORE_SIZE = 64 /* bytes of each */
};

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"Text",      COLUMN_STRING,   NULL},
    {"Class",     COLUMN_LONG,     NULL},
    {"N",         COLUMN_LONG,     NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Events",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
};
static const struct catalog catalog = {.tables = tables, .table_count = COUNT_OF(tables)};
static const struct workspace_options options = {
    .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 2};

static char folder[200], path[300];
static struct workspace *w;

/* ---- the work that is killed ---- */

static void
die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    _exit(3);
}

/* Rows of 64 bytes each, so that the object's length is their count. */
static void *
write_more(void *context)
{
    struct workspace_writer *writer = NULL;
    uint64_t length = 0;
    struct err err = {""};

    (void)context;
    if (workspace_writer_open(w, &writer, &err) != ST_OK ||
        workspace_object_length(writer, "more", &length, &err) != ST_OK)
        die("writer", &err);
    for (;;) {
        char body[MORE * MORE_SIZE + 1];
        struct workspace_rows r;

        for (unsigned i = 0; i < MORE; i++)
            snprintf(body + (size_t)i * MORE_SIZE, MORE_SIZE + 1, "{\"Class\":-1,\"N\":%*llu}\n",
                     MORE_SIZE - 18, (unsigned long long)(length / MORE_SIZE + i));
        r = (struct workspace_rows){
            .tenant = TENANT,
            .table = "Events",
            .body = {body, sizeof body - 1},
            .row_count = MORE,
            .position = length,
            .object = "more",
            .offset = length
        };
        workspace_write(writer, &r, 1, 1);
        if (r.written != WORKSPACE_DONE)
            die("write", &r.err);
        length += sizeof body - 1;
        usleep(2000); /* a mutex is not fair */
    }
    return NULL;
}

static uint64_t told;

/* Tells of each piece. */
static bool
tell(void *app)
{
    uint64_t pieces = atomic_load(&w->compacted_pieces);

    for (; told < pieces; told++)
        if (write(*(const int *)app, "p", 1) != 1)
            _exit(3);
    return true;
}

static void *
compact(void *context)
{
    for (;;) {
        const struct workspace_compaction how = {
            .least = 1, .busy_rows = UINT32_MAX, .until_ms = clock_monotonic_ms() + 60000};
        struct workspace_compacted done;
        struct err err = {""};

        if (workspace_compact_idle(w, &how, &done, &err) != ST_OK)
            die("compaction", &err);
        tell(context);
    }
    return NULL;
}

/* Takes two classes out, one after the other; those before them may be gone already. */
static void
purge_on(unsigned from)
{
    for (unsigned i = from; i < from + 2 && i < CLASSES; i++) {
        char where[40];
        const struct workspace_rows_wanted wanted = {
            .table = SPAN_LITERAL("Events"),
            .from = INT64_MIN,
            .until = INT64_MAX,
            .where = {where, 0}
        };
        struct workspace_rows_wanted with = wanted;
        struct err err = {""};
        uint64_t rows;

        with.where.n = (size_t)snprintf(where, sizeof where, "Class == %u", i);
        if (workspace_purge(w, &with, false, &rows, &err) != ST_OK)
            die("purge", &err);
        usleep(1500000);
    }
}

static void
work_online(int ready, unsigned round)
{
    pthread_t threads[2];
    struct err err = {""};

    if (workspace_open(path, &options, &w, &err) != ST_OK)
        die("open", &err);
    if (write(ready, "x", 1) != 1 || pthread_create(&threads[0], NULL, write_more, NULL) != 0 ||
        pthread_create(&threads[1], NULL, compact, &ready) != 0)
        _exit(3);
    purge_on(round);
    for (;;)
        pause();
}

static void
work_offline(int ready, unsigned round)
{
    (void)round;
    if (write(ready, "x", 1) != 1)
        _exit(3);
    for (;;) {
        uint64_t before, after;
        struct err err = {""};

        if (workspace_compact(path, &options, &before, &after, &err) != ST_OK)
            die("compaction by command", &err);
        if (write(ready, "p", 1) != 1)
            _exit(3);
    }
}

/* ---- rounds ---- */

static int64_t
number(const char *sql)
{
    duckdb_connection c = NULL;
    duckdb_result r;
    struct err err = {""};
    int64_t n = -1;

    if (workspace_connect(w, &c, &err) == ST_OK && sql_run(c, sql, &r, &err) == ST_OK) {
        n = duckdb_value_int64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    CHECK(err.text[0] == '\0', "%s: %s", sql, err.text);
    duckdb_disconnect(&c);
    return n;
}

static int64_t
class_hash(unsigned class)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT CAST(coalesce(bit_xor(hash(t)), 0) %% 9223372036854775807 AS BIGINT) FROM "
             "\"Events\" t WHERE \"Class\" = %u",
             class);
    return number(sql);
}

static int64_t
class_rows(unsigned class)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM \"Events\" WHERE \"Class\" = %u", class);
    return number(sql);
}

static void
fill(int64_t hashes[CLASSES])
{
    struct workspace_writer *writer = NULL;
    struct err err = {""};
    uint64_t length = 0;
    char *body = malloc(BATCH * 200);

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    for (unsigned from = 0; from < ROWS; from += BATCH) {
        size_t n = 0;

        for (unsigned i = from; i < from + BATCH; i++)
            n += (size_t)snprintf(
                body + n, 200,
                "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"Text\":\"%016llx%016llx\","
                "\"Class\":%u,\"N\":%u}\n",
                (unsigned long long)i * 0x9e3779b97f4a7c15u,
                (unsigned long long)(i + 7) * 0xbf58476d1ce4e5b9u, i % CLASSES, i);
        struct workspace_rows r = {
            .tenant = TENANT,
            .table = "Events",
            .body = {body, n},
            .row_count = BATCH,
            .position = from,
            .object = "first",
            .offset = length
        };

        workspace_write(writer, &r, 1, 1);
        CHECK(r.written == WORKSPACE_DONE, "%s", r.err.text);
        length += n;
    }
    free(body);
    workspace_writer_close(writer);
    for (unsigned i = 0; i < CLASSES; i++)
        hashes[i] = class_hash(i);
    workspace_close(w);
}

/* What stands in the file after a kill: in its log, or not. */
static void
look(const char *name, unsigned round, const int64_t hashes[CLASSES], unsigned *gone)
{
    struct workspace_writer *writer = NULL;
    struct err err = {""};
    uint64_t length = 0, rows = 0;
    unsigned is_gone = 0;

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "%s, round %u: %s", name, round,
          err.text);
    if (w == NULL)
        exit(1);
    CHECK(workspace_verify(w, &rows, &err) == ST_OK, "%s, round %u: %s", name, round, err.text);
    for (unsigned i = 0; i < CLASSES; i++) {
        int64_t n = class_rows(i);

        is_gone += n == 0;
        CHECK(n == 0 || (n == ROWS / CLASSES && class_hash(i) == hashes[i]),
              "%s, round %u: %lld rows of class %u, or others", name, round, (long long)n, i);
    }
    CHECK(is_gone >= *gone, "%s, round %u: %u classes were gone, and %u are", name, round, *gone,
          is_gone);
    *gone = is_gone;
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK &&
              workspace_object_length(writer, "more", &length, &err) == ST_OK,
          "%s", err.text);
    workspace_writer_close(writer);
    CHECK(number("SELECT count(*) FROM \"Events\" WHERE \"Class\" = -1") ==
                  (int64_t)(length / MORE_SIZE) &&
              number("SELECT count(DISTINCT \"N\") FROM \"Events\" WHERE \"Class\" = -1") ==
                  (int64_t)(length / MORE_SIZE),
          "%s, round %u: as many as were written, each once", name, round);
    workspace_close(w);
    w = NULL;
}

/* How often it came to an end of what it does; 'waits': once at least, before it is killed. */
static unsigned
killed(void (*work)(int ready, unsigned round), unsigned round, unsigned after_ms, bool waits)
{
    int ready[2], status = 0;
    unsigned ends = 0;
    pid_t child;
    char byte;

    if (pipe(ready) != 0)
        exit(2);
    child = fork();
    if (child < 0)
        exit(2);
    if (child == 0) {
        close(ready[0]);
        work(ready[1], round);
        _exit(0);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1, "round %u: it did not begin", round);
    if (waits && poll(&(struct pollfd){.fd = ready[0], .events = POLLIN}, 1, WAIT_MS) <= 0)
        CHECK(false, "round %u: nothing came of it in %d ms", round, WAIT_MS);
    usleep(after_ms * 1000);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "round %u: it ended by itself: %d",
          round, status);
    while (read(ready[0], &byte, 1) == 1)
        ends++;
    close(ready[0]);
    return ends;
}

static void
check_kills(void)
{
    int64_t hashes[CLASSES];
    unsigned gone = 0, online = 0, offline = 0;
    uint64_t random = 0x2545f4914f6cdd1du ^ (uint64_t)getpid();

    fill(hashes);
    for (unsigned i = 0; i < ROUNDS; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        online += killed(work_online, i, 50 + (unsigned)(random % KILL_MS), i % 2 == 1);
        look("in the daemon", i, hashes, &gone);
    }
    CHECK(gone > 0 && gone < CLASSES, "there was something to move, and rows are left");
    for (unsigned i = 0; i < ROUNDS; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        offline += killed(work_offline, i, (unsigned)(random % KILL_MS), i % 3 == 2);
        look("by command", i, hashes, &gone);
    }
    printf("%u of %u classes were taken out; %u pieces were moved, %u commands "
           "ended\n",
           gone, CLASSES, online, offline);
    CHECK(online > 0, "something was moved");
}

static unsigned
folder_empty(void)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    unsigned files = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char name[500];

        snprintf(name, sizeof name, "%s/%.250s", folder, e->d_name);
        files += unlink(name) == 0;
        rmdir(name);
    }
    if (d != NULL)
        closedir(d);
    return files;
}

int
main(void)
{
    const char *top = getenv("TMPDIR");

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    snprintf(folder, sizeof folder, "%s/penstock-room-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/test.duckdb", folder);
    check_kills();
    /* the file and its log, and what a kill left: NAME.compact, its log, its folder */
    CHECK(folder_empty() <= 4, "no more than that is left behind");
    rmdir(folder);
    return test_end();
}
