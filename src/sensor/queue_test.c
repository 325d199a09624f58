/* queue_test.c - order, bounds, what is dropped and what outlives the program. */
#include "base/file.h"
#include "base/test.h"
#include "sensor/queue.h"
#include <dirent.h>
#include <unistd.h>

static char folder[64];

static const char *
spool(void)
{
    snprintf(folder, sizeof folder, "/tmp/penstock-queue-XXXXXX");
    return mkdtemp(folder);
}

static void
remove_spool(void)
{
    DIR *d = opendir(folder);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(folder);
}

static void
put(struct queue *q, int number, size_t size)
{
    char key[32], *rows = malloc(size);

    memset(rows, 'x', size);
    snprintf(key, sizeof key, "key-%d", number);
    queue_put(q, batch_make("DeviceInfo", key, 10, (struct span){rows, size}));
    free(rows);
}

/* The number of the batch that comes next, which is then done; -1: none comes. */
static int
take(struct queue *q)
{
    struct batch *b = queue_take(q, 0);
    int number = b == NULL ? -1 : atoi(b->key + 4);

    if (b != NULL)
        queue_done(q, b);
    return number;
}

static struct queue *
make(size_t memory_max, const char *path, uint64_t spool_max)
{
    struct queue_options o = {memory_max, path, spool_max};
    struct queue *q = NULL;
    struct err err = {""};

    CHECK(queue_make(&o, &q, &err) == ST_OK, "%s", err.text);
    return q;
}

static const struct {
    const char *name;
    size_t memory_max;
    uint64_t spool_max; /* 0: no spool */
    int count;          /* of batches of 1000 bytes put */
    int first;          /* that comes out again */
    uint64_t dropped_rows, spooled;
} bounds[] = {
    {"all fit",                       10000, 0,     10, 0,  0,   0},
    {"the oldest is dropped",         10000, 0,     11, 1,  10,  0},
    {"many are dropped",              10000, 0,     99, 89, 890, 0},
    {"the spool takes the oldest",    10000, 10000, 12, 0,  0,   2},
    {"the spool is full too",         3000,  3500,  10, 4,  40,  3},
    {"the spool is smaller than one", 3000,  500,   5,  2,  20,  0},
};

static void
check_bounds(void)
{
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        struct queue *q = make(bounds[i].memory_max, bounds[i].spool_max > 0 ? spool() : NULL,
                               bounds[i].spool_max);
        struct queue_counts counts;

        for (int k = 0; k < bounds[i].count; k++)
            put(q, k, 1000);
        queue_counts_get(q, &counts);
        CHECK(counts.dropped_rows == bounds[i].dropped_rows, "%s: %llu dropped", bounds[i].name,
              (unsigned long long)counts.dropped_rows);
        CHECK(counts.spool_batches == bounds[i].spooled, "%s: %llu spooled", bounds[i].name,
              (unsigned long long)counts.spool_batches);
        CHECK(counts.memory_size <= bounds[i].memory_max &&
                  counts.spool_size <= bounds[i].spool_max,
              "%s: %zu in memory, %llu on disk", bounds[i].name, counts.memory_size,
              (unsigned long long)counts.spool_size);
        for (int k = bounds[i].first; k < bounds[i].count; k++) {
            int number = take(q);

            CHECK(number == k, "%s: %d in place of %d", bounds[i].name, number, k);
        }
        CHECK(take(q) == -1, "%s: more than was put", bounds[i].name);
        queue_free(q, &counts);
        CHECK(counts.memory_size == 0 && counts.spool_size == 0 &&
                  counts.done_rows + counts.dropped_rows == counts.put_rows,
              "%s: rows are missing in the end", bounds[i].name);
        if (bounds[i].spool_max > 0)
            remove_spool();
    }
}

static void
check_restart(void)
{
    struct queue *q = make(100000, spool(), 100000);
    struct queue_counts counts;
    struct batch *b;

    for (int k = 0; k < 5; k++)
        put(q, k, 1000);
    CHECK(take(q) == 0, "the first is done");
    b = queue_take(q, 0);
    CHECK(b != NULL && strcmp(b->key, "key-1") == 0, "the second is under way");
    queue_back(q, b);
    queue_free(q, &counts);
    CHECK(counts.dropped_rows == 0 && counts.spool_batches == 4, "%llu spooled at the end",
          (unsigned long long)counts.spool_batches);

    q = make(100000, folder, 100000);
    put(q, 5, 10);
    b = queue_take(q, 0);
    CHECK(b != NULL && strcmp(b->key, "key-1") == 0 && strcmp(b->table, "DeviceInfo") == 0 &&
              b->row_count == 10 && b->size == 1000 && b->rows[999] == 'x',
          "what was spooled comes first, as it was");
    /* the program ends hard while it is under way: its file is still there */
    struct queue *again = make(100000, folder, 100000);

    CHECK(take(again) == 1, "under way when it ended: comes again, with its key");
    queue_free(again, NULL);
    queue_back(q, b);
    queue_free(q, NULL);
    q = make(100000, folder, 100000);
    for (int k = 2; k < 6; k++)
        CHECK(take(q) == k, "batch %d", k);
    CHECK(take(q) == -1, "no more");
    queue_free(q, NULL);
    remove_spool();
}

/* A spooled batch that is held for sending is not dropped under the sender's hands. */
static void
check_flying(void)
{
    struct queue *q = make(1000, spool(), 2600);
    struct queue_counts counts;

    put(q, 0, 1000);
    put(q, 1, 1000); /* 0 to the spool */
    struct batch *b = queue_take(q, 0);

    CHECK(b != NULL && strcmp(b->key, "key-0") == 0, "from the spool");
    for (int k = 2; k < 8; k++)
        put(q, k, 1000);
    queue_back(q, b);
    b = queue_take(q, 0);
    CHECK(b != NULL && strcmp(b->key, "key-0") == 0, "still the oldest");
    queue_done(q, b);
    queue_counts_get(q, &counts);
    CHECK(counts.put_rows == counts.done_rows + counts.dropped_rows +
                                 10 * (counts.waiting_batches + counts.spool_batches),
          "every row is somewhere");
    queue_free(q, NULL);
    remove_spool();
}

static const struct {
    const char *name, *text;
} bad_files[] = {
    {"empty",                ""                                                   },
    {"half a line",          "penstock-spool 1 Devi"                              },
    {"another version",      "penstock-spool 2 DeviceInfo key-1 1 3 364b3fb7\nabc"},
    {"a bad checksum",       "penstock-spool 1 DeviceInfo key-1 1 3 00000000\nabc"},
    {"cut",                  "penstock-spool 1 DeviceInfo key-1 1 3 364b3fb7\nab" },
    {"a table that is none", "penstock-spool 1 ../../x key-1 1 3 364b3fb7\nabc"   },
    {"a key that is none",   "penstock-spool 1 DeviceInfo k:x 1 3 364b3fb7\nabc"  },
};

static void
check_bad_files(void)
{
    for (size_t i = 0; i < COUNT_OF(bad_files); i++) {
        char path[128];
        struct queue_counts counts;
        struct err err = {""};

        spool();
        snprintf(path, sizeof path, "%s/0000000000000001.batch", folder);
        CHECK(file_replace(path, span_of(bad_files[i].text), 0600, &err) == ST_OK, "%s", err.text);
        snprintf(path, sizeof path, "%s/0000000000000002.batch", folder);
        CHECK(file_replace(path, span_of("penstock-spool 1 DeviceInfo key-2 1 3 364b3fb7\nabc"),
                           0600, &err) == ST_OK,
              "%s", err.text);
        struct queue *q = make(1000, folder, 10000);

        CHECK(take(q) == 2, "%s: the good one behind it comes", bad_files[i].name);
        queue_counts_get(q, &counts);
        CHECK(counts.bad_files == 1, "%s: is counted", bad_files[i].name);
        snprintf(path, sizeof path, "%s/0000000000000001.bad", folder);
        CHECK(access(path, F_OK) == 0, "%s: is kept", bad_files[i].name);
        queue_free(q, NULL);
        remove_spool();
    }
}

int
main(void)
{
    struct queue_options bad = {1000, "/proc/no/such", 1000};
    struct queue *q = NULL;
    struct err err = {""};

    check_bounds();
    check_restart();
    check_flying();
    check_bad_files();
    CHECK(queue_make(&bad, &q, &err) != ST_OK && err.text[0] != '\0', "a spool that cannot be");
    q = make(1000, NULL, 0);
    queue_wake(q);
    CHECK(queue_take(q, 1000000) == NULL, "woken");
    queue_free(q, NULL);
    return test_end();
}
