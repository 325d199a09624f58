/* journal_thread_test.c - appenders, runs, readers, retention and lookers-on at once; run under the
 * thread sanitizer. */
#include "journal/journal.h"
#include "journal/sample.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

enum { APPENDERS = 8, READERS = 3, BLOCKS = 150, RUNS = 4, RUN_BLOCKS = 5 };
enum { TOTAL = APPENDERS * (BLOCKS + RUNS * RUN_BLOCKS) };

struct shared {
    struct journal *j;
    atomic_uint appended, failed;
    atomic_uint_fast64_t read_to[READERS];
    atomic_bool is_over;
};
struct task {
    struct shared *shared;
    unsigned number;
    unsigned seen, wrong, gaps;
};

static void
append_run(struct task *t, unsigned number)
{
    struct journal_run *run = NULL;
    uint64_t first, end;
    struct err err;
    enum status st = journal_run_begin(t->shared->j, &run, &err);

    for (unsigned i = 0; i < RUN_BLOCKS && st == ST_OK; i++) {
        struct sample s = sample_make(number, 3, 30000, 0, 0, true);

        st = journal_run_append(run, (struct span){s.index, s.index_size},
                                (struct span){s.body, s.body_size}, &err);
        sample_free(&s);
    }
    if (st == ST_OK)
        st = journal_run_commit(run, &first, &end, &err);
    else
        journal_run_abort(run);
    if (st == ST_OK) {
        atomic_fetch_add(&t->shared->appended, RUN_BLOCKS);
    } else {
        printf("run: %s\n", err.text);
        atomic_fetch_add(&t->shared->failed, 1);
    }
}

static void *
appender(void *arg)
{
    struct task *t = arg;
    uint64_t last = 0;

    for (unsigned i = 0; i < BLOCKS; i++) {
        uint64_t position;
        struct err err;
        unsigned number = t->number * 10000 + i;
        enum status st =
            sample_append(t->shared->j, number, 3, (number * 7919) % 120000, &position, &err);

        while (st == ST_FULL) /* readers lag: they are at it */
            st = sample_append(t->shared->j, number, 3, 100, &position, &err);
        if (st != ST_OK || position <= last) {
            printf("append: %s\n", err.text);
            atomic_fetch_add(&t->shared->failed, 1);
        }
        last = position;
        atomic_fetch_add(&t->shared->appended, 1);
        if (i % (BLOCKS / RUNS) == 10)
            append_run(t, number);
    }
    return NULL;
}

static void *
reader(void *arg)
{
    struct task *t = arg;
    struct shared *shared = t->shared;
    struct journal_buffer *b;
    uint64_t position = 0;
    unsigned latest[APPENDERS] = {0};
    char name[32];

    if (journal_buffer_make(&b, NULL) != ST_OK)
        abort();
    snprintf(name, sizeof name, "reader %u", t->number);
    for (;;) {
        struct journal_gap gap;
        struct block block;
        struct err err = {""};
        uint64_t at;
        bool is_over = atomic_load(&shared->is_over);
        enum status st = journal_read(shared->j, position, b, &block, &at, &position, &gap, &err);

        t->gaps += gap.from != gap.to;
        if (st == ST_END) {
            if (is_over)
                break;
            journal_wait(shared->j, position, 1000);
            continue;
        }
        if (st != ST_OK) {
            printf("read: %s\n", err.text);
            t->wrong++;
            break;
        }
        unsigned number = sample_number(&block), of = number / 10000;

        if (of >= APPENDERS || number % 10000 < latest[of])
            t->wrong++; /* each appender's blocks stay in order */
        else
            latest[of] = number % 10000;
        t->seen++;
        if (t->seen % 16 == 0)
            journal_floor_set(shared->j, name, position, false);
    }
    journal_floor_set(shared->j, name, position, false);
    journal_buffer_free(b);
    return NULL;
}

/* Asks for everything that a status page asks for. */
static void *
looker(void *arg)
{
    struct task *t = arg;
    struct journal *j = t->shared->j;

    while (!atomic_load(&t->shared->is_over)) {
        struct journal_stats stats;
        struct err err;
        uint64_t rows, position;
        int64_t oldest;
        uint8_t id[16] = {1};

        journal_stats_get(j, &stats);
        struct journal_extent e = journal_extent(j);

        if (journal_count_rows(j, e.first, e.end, &rows, &oldest, &err) != ST_OK ||
            journal_find_time(j, SAMPLE_TICKS + 40000, &position, &err) != ST_OK)
            t->wrong++;
        if (journal_find_request(j, id, &position, &rows))
            t->wrong++;
        journal_retain(j);
        t->seen++;
    }
    return NULL;
}

static void
test_all_at_once(uint64_t keep_size_max)
{
    static struct shared shared;
    struct task tasks[APPENDERS + READERS + 1] = {0};
    pthread_t threads[APPENDERS + READERS + 1];
    char folder[256];
    struct err err = {""};
    struct journal_options o = {.folder = folder,
                                .segment_size = 16 << 20,
                                .size_max = 8 * (16 << 20),
                                .keep_size_max = keep_size_max,
                                .zstd_level = 1};

    memset(&shared, 0, sizeof shared);
    folder_new(folder);
    CHECK(journal_open(&o, &shared.j, NULL, &err) == ST_OK, "open: %s", err.text);
    for (unsigned i = 0; i < READERS; i++) {
        char name[32];

        snprintf(name, sizeof name, "reader %u", APPENDERS + i);
        journal_floor_set(shared.j, name, 0, false);
    }
    for (unsigned i = 0; i < APPENDERS + READERS + 1; i++) {
        tasks[i] = (struct task){.shared = &shared, .number = i};
        if (pthread_create(&threads[i], NULL,
                           i < APPENDERS             ? appender
                           : i < APPENDERS + READERS ? reader
                                                     : looker,
                           &tasks[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < APPENDERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&shared.is_over, true);
    journal_wake(shared.j);
    for (unsigned i = APPENDERS; i < APPENDERS + READERS + 1; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&shared.appended) == TOTAL && atomic_load(&shared.failed) == 0,
          "%u of %d appended, %u failed", atomic_load(&shared.appended), TOTAL,
          atomic_load(&shared.failed));
    for (unsigned i = APPENDERS; i < APPENDERS + READERS; i++)
        CHECK(tasks[i].seen == TOTAL && tasks[i].wrong == 0 && tasks[i].gaps == 0,
              "reader %u: %u of %d blocks, %u wrong, %u gaps", i, tasks[i].seen, TOTAL,
              tasks[i].wrong, tasks[i].gaps);
    CHECK(tasks[APPENDERS + READERS].wrong == 0 && tasks[APPENDERS + READERS].seen > 0, "looker");
    journal_close(shared.j);
    folder_remove(folder);
}

/* A waiter returns at once when it is woken or when something comes. */
static void *
wait_long(void *arg)
{
    struct task *t = arg;

    t->seen = journal_wait(t->shared->j, 0, 600000);
    return NULL;
}

static void
test_wait(void)
{
    char folder[256];
    struct err err;
    struct shared shared = {0};
    struct journal_options o = {
        .folder = folder, .segment_size = 16 << 20, .size_max = 8 * (16 << 20), .sync = true};
    uint64_t position;
    pthread_t thread;

    folder_new(folder);
    CHECK(journal_open(&o, &shared.j, NULL, &err) == ST_OK, "open");
    struct task t = {.shared = &shared, .seen = 2};

    if (pthread_create(&thread, NULL, wait_long, &t) != 0)
        abort();
    CHECK(sample_append(shared.j, 1, 3, 10, &position, &err) == ST_OK, "append");
    pthread_join(thread, NULL);
    CHECK(t.seen == 1, "a waiter sees what comes");
    CHECK(journal_wait(shared.j, 0, 0) && !journal_wait(shared.j, journal_extent(shared.j).end, 0),
          "without waiting");
    journal_close(shared.j);
    folder_remove(folder);
}

int
main(void)
{
    test_wait();
    test_all_at_once(0);
    test_all_at_once(4 * (16 << 20));
    return test_end();
}
