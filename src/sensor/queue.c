/* queue.c - memory in front, the spool behind it.
 *
 * Whatever is in the spool is older than whatever is in memory: a batch goes from memory's old end
 * to the spool's new end, and the spool is emptied first. Numbers in file names only grow, so that
 * their order is the order of the batches. A batch taken from the spool keeps its file until it is
 * done; a crash in between delivers it again with the same key, which counts once. */
#include "sensor/queue.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "model/catalog.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct spooled {
    uint64_t number, size; /* size of the file */
};

struct queue {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    size_t memory_max;
    struct batch *first, *last, *flying;
    uint64_t flying_number; /* of the file that 'flying' came from; 0: none */
    char *spool;            /* NULL: none */
    uint64_t spool_max, next_number;
    struct spooled *files; /* oldest first */
    size_t file_first, file_count, file_room;
    bool is_woken;
    struct queue_counts counts;
};

struct batch *
batch_make(const char *table, const char *key, uint64_t row_count, struct span rows)
{
    struct batch *b = malloc(sizeof *b + rows.n);

    if (b == NULL)
        return NULL;
    b->next = NULL;
    snprintf(b->table, sizeof b->table, "%s", table);
    snprintf(b->key, sizeof b->key, "%s", key);
    b->row_count = row_count;
    b->size = rows.n;
    memcpy(b->rows, rows.p, rows.n);
    return b;
}

static void
path_of(const struct queue *q, uint64_t number, const char *end, char *path, size_t room)
{
    snprintf(path, room, "%s/%016" PRIx64 ".%s", q->spool, number, end);
}

static bool
add_file(struct queue *q, uint64_t number, uint64_t size)
{
    if (q->file_first > 0 && q->file_first == q->file_count)
        q->file_first = q->file_count = 0;
    if (q->file_count == q->file_room) {
        size_t room = q->file_room == 0 ? 64 : q->file_room * 2;
        struct spooled *larger = realloc(q->files, room * sizeof *larger);

        if (larger == NULL)
            return false;
        q->files = larger;
        q->file_room = room;
    }
    q->files[q->file_count++] = (struct spooled){number, size};
    q->counts.spool_size += size;
    q->counts.spool_batches++;
    return true;
}

static int
by_number(const void *a, const void *b)
{
    const struct spooled *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static enum status
find_files(struct queue *q, struct err *err)
{
    DIR *folder = opendir(q->spool);

    if (folder == NULL)
        return err_set(err, ST_IO, "cannot read the spool %s: %s", q->spool, strerror(errno));
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        struct stat info;
        uint64_t number;
        int end = 0;

        if (sscanf(e->d_name, "%16" SCNx64 ".batch%n", &number, &end) != 1 || end == 0 ||
            e->d_name[end] != '\0')
            continue;
        if (fstatat(dirfd(folder), e->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && !add_file(q, number, (uint64_t)info.st_size)) {
            closedir(folder);
            return err_set(err, ST_FULL, "no memory for the spool %s", q->spool);
        }
        if (number >= q->next_number)
            q->next_number = number + 1;
    }
    closedir(folder);
    if (q->file_count > 0)
        qsort(q->files, q->file_count, sizeof *q->files, by_number);
    return ST_OK;
}

enum status
queue_make(const struct queue_options *o, struct queue **queue, struct err *err)
{
    struct queue *q = calloc(1, sizeof *q);
    pthread_condattr_t attributes;
    enum status st = ST_OK;

    if (q == NULL)
        return err_set(err, ST_FULL, "no memory for the queue");
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    q->memory_max = o->memory_max;
    q->spool_max = o->spool_max;
    q->next_number = 1;
    if (o->spool != NULL) {
        q->spool = strdup(o->spool);
        st = q->spool == NULL ? err_set(err, ST_FULL, "no memory for the queue")
                              : folder_make(q->spool, err);
        if (st == ST_OK && access(q->spool, R_OK | W_OK | X_OK) != 0)
            st = err_set(err, ST_INVALID, "the spool %s is not ours to write: %s", q->spool,
                         strerror(errno));
        if (st == ST_OK)
            st = find_files(q, err);
    }
    if (st != ST_OK) {
        queue_free(q, NULL);
        return st;
    }
    *queue = q;
    return ST_OK;
}

/* ---- spool; the lock is held */

static bool
spool_write(struct queue *q, const struct batch *b)
{
    char path[4096];
    struct err err;
    char *file = malloc(b->size + 256);
    enum status st = ST_FULL;

    if (file != NULL) {
        int n = snprintf(file, 256, "penstock-spool 1 %s %s %" PRIu64 " %zu %08x\n", b->table,
                         b->key, b->row_count, b->size, crc32c(b->rows, b->size));

        memcpy(file + n, b->rows, b->size);
        path_of(q, q->next_number, "batch", path, sizeof path);
        st = file_replace(path, (struct span){file, (size_t)n + b->size}, 0600, &err);
        if (st == ST_OK && !add_file(q, q->next_number, (uint64_t)n + b->size)) {
            unlink(path);
            st = ST_FULL;
        }
        q->next_number++;
    }
    free(file);
    q->counts.spool_errors += st != ST_OK;
    return st == ST_OK;
}

static struct batch *
parse_file(struct span text)
{
    char table[QUEUE_TABLE_MAX], key[QUEUE_KEY_MAX];
    uint64_t row_count;
    size_t size;
    unsigned crc;
    int head = 0;
    const char *feed = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);

    if (feed == NULL ||
        sscanf(text.p, "penstock-spool 1 %63s %79s %" SCNu64 " %zu %8x%n", table, key, &row_count,
               &size, &crc, &head) != 5 ||
        head != feed - text.p || text.n - (size_t)head - 1 != size ||
        !catalog_name_is_safe(span_of(table), sizeof table - 1) ||
        !catalog_name_is_safe(span_of(key), sizeof key - 1) || crc32c(feed + 1, size) != crc)
        return NULL;
    return batch_make(table, key, row_count, (struct span){feed + 1, size});
}

static void
forget_oldest_file(struct queue *q)
{
    q->counts.spool_size -= q->files[q->file_first].size;
    q->counts.spool_batches--;
    q->file_first++;
}

/* The oldest batch of the spool; its file stays until the batch is done. NULL: none can be read
 * now. */
static struct batch *
spool_read(struct queue *q)
{
    while (q->file_first < q->file_count) {
        uint64_t number = q->files[q->file_first].number;
        char path[4096], bad[4096], *text = NULL;
        struct batch *b = NULL;
        size_t size = 0;
        struct err err;

        path_of(q, number, "batch", path, sizeof path);
        enum status st = file_read(path, QUEUE_ROWS_MAX + 256, &text, &size, &err);

        if (st == ST_OK) {
            b = parse_file((struct span){text, size});
            free(text);
            if (b != NULL) {
                q->flying_number = number;
                return b;
            }
        }
        if (st == ST_IO || st == ST_FULL) { /* the disk, not the file: it may be better later */
            q->counts.spool_errors++;
            return NULL;
        }
        if (st != ST_END) {
            path_of(q, number, "bad", bad, sizeof bad);
            if (rename(path, bad) != 0)
                q->counts.spool_errors++;
            q->counts.bad_files++;
        }
        forget_oldest_file(q);
    }
    return NULL;
}

static void
remove_file(struct queue *q, uint64_t number)
{
    char path[4096];

    path_of(q, number, "batch", path, sizeof path);
    if (unlink(path) != 0 && errno != ENOENT)
        q->counts.spool_errors++;
}

/* The oldest file makes room, its rows are lost. The one in flight is spared. */
static bool
spool_drop_oldest(struct queue *q)
{
    if (q->file_first == q->file_count ||
        (q->flying_number != 0 && q->files[q->file_first].number == q->flying_number))
        return false;
    uint64_t number = q->files[q->file_first].number;
    struct batch *b = spool_read(q); /* to know how many rows it held */

    if (b == NULL || q->flying_number != number) { /* unreadable: set aside by spool_read */
        q->flying_number = 0;
        free(b);
        return b != NULL;
    }
    q->flying_number = 0;
    q->counts.dropped_rows += b->row_count;
    q->counts.dropped_batches++;
    free(b);
    remove_file(q, number);
    forget_oldest_file(q);
    return true;
}

/* ---- memory; the lock is held */

static struct batch *
shift(struct queue *q)
{
    struct batch *b = q->first;

    if (b == NULL)
        return NULL;
    q->first = b->next;
    if (q->first == NULL)
        q->last = NULL;
    b->next = NULL;
    q->counts.waiting_batches--;
    return b;
}

static void
spill_or_drop(struct queue *q, struct batch *b)
{
    bool is_kept = false;

    if (q->spool != NULL && b->size + 256 <= q->spool_max) {
        while (q->counts.spool_size + b->size + 256 > q->spool_max && spool_drop_oldest(q)) {
        }
        is_kept = q->counts.spool_size + b->size + 256 <= q->spool_max && spool_write(q, b);
    }
    if (!is_kept) {
        q->counts.dropped_rows += b->row_count;
        q->counts.dropped_batches++;
    }
    q->counts.memory_size -= b->size;
    free(b);
}

void
queue_put(struct queue *q, struct batch *batch)
{
    pthread_mutex_lock(&q->lock);
    q->counts.put_rows += batch->row_count;
    q->counts.memory_size += batch->size;
    q->counts.waiting_batches++;
    if (q->last == NULL)
        q->first = batch;
    else
        q->last->next = batch;
    q->last = batch;
    while (q->counts.memory_size > q->memory_max && q->first != NULL)
        spill_or_drop(q, shift(q));
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

struct batch *
queue_take(struct queue *q, unsigned wait_ms)
{
    struct timespec until;
    struct batch *b = NULL;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&q->lock);
    for (;;) {
        if (q->file_first < q->file_count) {
            b = spool_read(q);
            if (b != NULL)
                q->counts.memory_size += b->size;
        }
        /* while the spool cannot be read, what is younger does not wait for it */
        if (b == NULL)
            b = shift(q);
        if (b != NULL || q->is_woken ||
            pthread_cond_timedwait(&q->changed, &q->lock, &until) == ETIMEDOUT)
            break;
    }
    q->is_woken = false;
    q->flying = b;
    pthread_mutex_unlock(&q->lock);
    return b;
}

static void
land(struct queue *q, struct batch *b)
{
    q->flying = NULL;
    q->counts.memory_size -= b->size;
    if (q->flying_number != 0) {
        remove_file(q, q->flying_number);
        if (q->file_first < q->file_count && q->files[q->file_first].number == q->flying_number)
            forget_oldest_file(q);
        q->flying_number = 0;
    }
}

void
queue_done(struct queue *q, struct batch *batch)
{
    pthread_mutex_lock(&q->lock);
    q->counts.done_rows += batch->row_count;
    land(q, batch);
    pthread_mutex_unlock(&q->lock);
    free(batch);
}

void
queue_back(struct queue *q, struct batch *batch)
{
    pthread_mutex_lock(&q->lock);
    q->flying = NULL;
    if (q->flying_number != 0) { /* its file is still there */
        q->flying_number = 0;
        q->counts.memory_size -= batch->size;
        free(batch);
    } else {
        batch->next = q->first;
        q->first = batch;
        if (q->last == NULL)
            q->last = batch;
        q->counts.waiting_batches++;
        while (q->counts.memory_size > q->memory_max && q->first != NULL)
            spill_or_drop(q, shift(q));
    }
    pthread_mutex_unlock(&q->lock);
}

void
queue_wake(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_woken = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

void
queue_counts_get(struct queue *q, struct queue_counts *out)
{
    pthread_mutex_lock(&q->lock);
    *out = q->counts;
    pthread_mutex_unlock(&q->lock);
}

void
queue_free(struct queue *q, struct queue_counts *counts)
{
    if (q == NULL)
        return;
    for (struct batch *b; (b = shift(q)) != NULL;)
        spill_or_drop(q, b);
    if (counts != NULL)
        *counts = q->counts;
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q->files);
    free(q->spool);
    free(q);
}
