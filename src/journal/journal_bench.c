/* journal_bench.c - appends of 1 MB and 4 KB blocks by 1 and 8 threads: MB/s and how long an
 * acknowledgement takes, beside plain pwrite and fdatasync of the same sizes into a file of zeros
 * in the same folder, which is what the machine can do; then reading back.
 *
 *   journal_bench [FOLDER [SECONDS]]      FOLDER: on the disk to measure (default $TMPDIR or /tmp); SECONDS of each row (default
 * 2) */
#include "base/clock.h"
#include "base/file.h"
#include "journal/sample.h"
#include "journal/segment.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS_MAX = 8, TIMES_MAX = 1 << 20, SEGMENT = 64 << 20 };

struct work {
    struct journal *j; /* NULL: plain */
    int fd;
    size_t size;
    double rate; /* blocks a second of all threads; 0: as fast as it goes */
    unsigned threads;
    atomic_uint_fast64_t next_at, bytes;
    int64_t end_ns;
};
struct worker {
    struct work *work;
    uint32_t *times_us;
    size_t count;
};

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
fail(const char *what, const struct err *err)
{
    printf("%s: %s\n", what, err->text);
    exit(1);
}

static void *
worker_run(void *arg)
{
    struct worker *w = arg;
    struct work *work = w->work;
    struct sample s = sample_make(1, 500 < work->size / 64 ? 500 : 2, work->size, 0, 0, true);
    struct err err = {""};

    int64_t due = now_ns();

    while (w->count < TIMES_MAX) {
        if (work->rate > 0) {
            due += (int64_t)(1e9 * work->threads / work->rate);
            struct timespec t = {due / 1000000000, due % 1000000000};

            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        }
        /* A late start counts: the client has been waiting since it was due. */
        int64_t begin = work->rate > 0 ? due : now_ns(), took;

        if (begin >= work->end_ns)
            break;
        if (work->j != NULL) {
            uint64_t position;

            if (journal_append(work->j, (struct span){s.index, s.index_size},
                               (struct span){s.body, s.body_size}, &position, &err) != ST_OK)
                fail("append", &err);
        } else {
            uint64_t at = atomic_fetch_add(&work->next_at, work->size) % (SEGMENT - work->size);

            if (pwrite_all(work->fd, s.body, s.body_size, (off_t)at, "file", &err) != ST_OK ||
                fdatasync(work->fd) != 0)
                fail("write", &err);
        }
        took = now_ns() - begin;
        w->times_us[w->count++] = (uint32_t)(took / 1000);
        atomic_fetch_add(&work->bytes, s.body_size);
    }
    sample_free(&s);
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void
measure(const char *name, struct work *work, unsigned threads, double seconds)
{
    static struct worker workers[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    int64_t begin = now_ns();
    size_t count = 0;

    work->threads = threads;
    work->end_ns = begin + (int64_t)(seconds * 1e9);
    atomic_store(&work->bytes, 0);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){work, malloc(TIMES_MAX * sizeof(uint32_t)), 0};
        if (workers[i].times_us == NULL ||
            pthread_create(&ids[i], NULL, worker_run, &workers[i]) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        count += workers[i].count;
    }
    double took = (double)(now_ns() - begin) / 1e9;
    uint32_t *all = malloc((count + 1) * sizeof *all);

    if (all == NULL || count == 0)
        exit(1);
    count = 0;
    for (unsigned i = 0; i < threads; i++) {
        memcpy(all + count, workers[i].times_us, workers[i].count * sizeof *all);
        count += workers[i].count;
        free(workers[i].times_us);
    }
    qsort(all, count, sizeof *all, compare);
    printf(
        "%-8s %7zu B  %u thread%s %8.1f MB/s %8.0f/s   ack ms: p50 %7.2f  p99 %7.2f  max %7.2f\n",
        name, work->size, threads, threads == 1 ? " " : "s",
        (double)atomic_load(&work->bytes) / 1e6 / took, (double)count / took, all[count / 2] / 1e3,
        all[count * 99 / 100] / 1e3, all[count - 1] / 1e3);
    free(all);
}

static void
measure_read(struct journal *j)
{
    struct journal_buffer *b;
    struct journal_gap gap;
    struct block block;
    struct err err = {""};
    uint64_t position = 0, at, bytes = 0, blocks = 0, rows = 0;
    int64_t begin = now_ns();
    enum status st;

    if (journal_buffer_make(&b, &err) != ST_OK)
        fail("buffer", &err);
    while ((st = journal_read(j, position, b, &block, &at, &position, &gap, &err)) == ST_OK) {
        bytes += block.body.n;
        rows += block.head->row_count;
        blocks++;
    }
    if (st != ST_END || gap.from != gap.to)
        fail("read", &err);
    double took = (double)(now_ns() - begin) / 1e9;

    printf("read     %8.1f MB/s %8.0f blocks/s %10.0f rows/s (checksums and offsets verified)\n",
           (double)bytes / 1e6 / took, (double)blocks / took, (double)rows / took);
    journal_buffer_free(b);
}

/* How long block_open takes for each row. */
static void
measure_open(void)
{
    struct sample s = sample_make(1, 500, 1 << 20, 0, 0, true);
    struct block b;
    struct err err;
    int64_t begin = now_ns();
    unsigned rounds = 20000;

    for (unsigned i = 0; i < rounds; i++)
        if (block_open(&b, (struct span){s.index, s.index_size}, (struct span){s.body, s.body_size},
                       &err) != ST_OK)
            fail("block", &err);
    printf("block_open %.2f ns a row\n", (double)(now_ns() - begin) / rounds / 500);
    sample_free(&s);
}

int
main(int argc, char **argv)
{
    static const size_t sizes[] = {1 << 20, 4096};
    static const unsigned threads[] = {1, 8};
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    char folder[256], path[512];
    struct err err = {""};

    if (argc > 1)
        setenv("TMPDIR", argv[1], 1);
    measure_open();
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (size_t t = 0; t < COUNT_OF(threads); t++) {
            struct journal_options o = {.folder = folder,
                                        .segment_size = SEGMENT,
                                        .size_max = 8ull * SEGMENT,
                                        .sync = true};
            struct work work = {.size = sizes[s]};

            folder_new(folder);
            snprintf(path, sizeof path, "%s/plain", folder);
            work.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
            if (work.fd < 0 || segment_fill(work.fd, path, SEGMENT, &err) != ST_OK)
                fail("plain", &err);
            measure("plain", &work, threads[t], seconds);
            close(work.fd);
            unlink(path);
            if (journal_open(&o, &work.j, NULL, &err) != ST_OK)
                fail("open", &err);
            if (threads[t] == 8) {
                work.rate = 150e6 / (double)sizes[s] < 10000 ? 150e6 / (double)sizes[s] : 10000;
                measure("paced", &work, threads[t], seconds);
                work.rate = 0;
            }
            measure("journal", &work, threads[t], seconds); /* new segments are filled beside it */
            measure("recycled", &work, threads[t], seconds);
            if (threads[t] == 8)
                measure_read(work.j);
            journal_close(work.j);
            folder_remove(folder);
        }
    return 0;
}
