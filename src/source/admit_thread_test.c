/* admit_thread_test.c - many threads through one door: every acknowledged record is there once, one
 * batch id counts once whoever brings it, and memory stays within its limit. */
#include "source/test_bed.h"
#include <pthread.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

enum { THREADS = 8, REQUESTS = 30, MEMORY = 6 << 20 };

static struct bed bed;

struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t accepted, durable, duplicates, later, other;
    size_t memory_seen;
};

static void
put_rows(struct admission *x, unsigned count, unsigned size)
{
    char row[2048];

    for (unsigned i = 0; i < count; i++) {
        int n = snprintf(row, sizeof row, "{\"DeviceId\":\"d%u\",\"pad\":\"%0*u\"}\n", i % 50,
                         (int)size, i);

        if (admit_data(x, (struct span){row, (size_t)n}) != ST_OK)
            return;
    }
}

static void
admit_one(struct worker *w, const char *id, unsigned rows, unsigned size)
{
    struct admit_request request = {.shape = ADMIT_ROWS,
                                    .tenant = TENANT,
                                    .table = SPAN_LITERAL("DeviceInfo"),
                                    .batch_id = span_of(id)};
    struct admission *x;
    struct admit_result r;
    struct admit_counts counts;

    if (admit_begin(bed.admitter, &request, &x, &r.err) != ST_OK) {
        w->later++;
        return;
    }
    put_rows(x, rows, size);
    admit_counts_get(bed.admitter, &counts);
    if (counts.memory_used > w->memory_seen)
        w->memory_seen = counts.memory_used;
    admit_end(x, &r);
    switch (r.outcome) {
    case ADMIT_DURABLE:
        w->durable++;
        w->accepted += r.accepted;
        break;
    case ADMIT_DUPLICATE:
        w->duplicates++;
        break;
    case ADMIT_LATER:
        w->later++;
        break;
    default:
        printf("%s\n", r.err.text);
        w->other++;
    }
}

/* Own requests of many sizes, some larger than what memory there is for all. */
static void *
send_own(void *app)
{
    struct worker *w = app;

    for (unsigned i = 0; i < REQUESTS; i++) {
        char id[40];

        snprintf(id, sizeof id, "own-%u-%u", w->number, i);
        admit_one(w, id, 1 + i * i, i % 7 == 0 ? 1500 : 50);
    }
    return NULL;
}

/* The same ids from every thread at once. */
static void *
send_same(void *app)
{
    struct worker *w = app;

    for (unsigned i = 0; i < REQUESTS; i++) {
        char id[40];
        uint64_t later;

        snprintf(id, sizeof id, "same-%u", i);
        do {
            later = w->later;
            admit_one(w, id, 10, 50);
        } while (w->later != later);
    }
    return NULL;
}

static struct worker
run_all(void *(*work)(void *))
{
    static struct worker workers[THREADS];
    struct worker sum = {0};

    memset(workers, 0, sizeof workers);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.accepted += workers[i].accepted;
        sum.durable += workers[i].durable;
        sum.duplicates += workers[i].duplicates;
        sum.later += workers[i].later;
        sum.other += workers[i].other;
        if (workers[i].memory_seen > sum.memory_seen)
            sum.memory_seen = workers[i].memory_seen;
    }
    return sum;
}

int
main(void)
{
    struct worker sum;
    struct admit_counts counts;
    uint64_t middle;

    bed_open(&bed, "admit_thread",
             &(struct admit_options){.memory_max = MEMORY, .wait_ms_max = 20000});
    sum = run_all(send_own);
    CHECK(sum.durable == THREADS * REQUESTS, "%lu durable, %lu later, %lu other",
          (unsigned long)sum.durable, (unsigned long)sum.later, (unsigned long)sum.other);
    CHECK(bed_each_row(&bed, 0, NULL, NULL) == sum.accepted, "%lu rows, %lu accepted",
          (unsigned long)bed_each_row(&bed, 0, NULL, NULL), (unsigned long)sum.accepted);
    CHECK(sum.memory_seen <= MEMORY, "%zu bytes in use", sum.memory_seen);

    middle = journal_extent(bed.journal).end;
    sum = run_all(send_same);
    CHECK(sum.durable == REQUESTS && sum.duplicates == (THREADS - 1) * REQUESTS && sum.other == 0,
          "%lu durable, %lu duplicates, %lu other", (unsigned long)sum.durable,
          (unsigned long)sum.duplicates, (unsigned long)sum.other);
    CHECK(bed_each_row(&bed, middle, NULL, NULL) == 10 * REQUESTS, "%lu rows",
          (unsigned long)bed_each_row(&bed, middle, NULL, NULL));

    admit_counts_get(bed.admitter, &counts);
    CHECK(counts.duplicates == (THREADS - 1) * REQUESTS, "counted");
    CHECK(counts.memory_used <= 16 << 20, "%zu bytes idle", counts.memory_used);
    bed_close(&bed);
    return test_end();
}
