/* recycle.c - who may go when space is needed: always the oldest segment, and only if nobody needs
 * it. Before a segment goes, what must outlive it is durable; then it leaves the list, and its file
 * last. */
#include "base/file.h"
#include "journal/floors.h"
#include "journal/read.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LOSERS_MAX = 256, GIVE_BACK_SIZE = 4 << 20 };

void
segment_unpin(struct segment *s)
{
    s->pin_count--;
    if (s->pin_count == 0 && s->is_gone)
        segment_free(s);
}

static enum status
say_full(const struct journal *j, const struct segment *s, const struct floor_entry *f,
         struct err *err)
{
    if (f == NULL)
        return err_set(err, ST_FULL,
                       "the journal's quota of %" PRIu64 " MiB is reached and all of it is in use",
                       j->options.size_max >> 20);
    return err_set(err, ST_FULL,
                   "the journal's quota of %" PRIu64 " MiB is reached: '%.100s' lags %" PRIu64
                   " MiB behind and still needs its oldest segment (%" PRIu64
                   " blocks); raise the quota or mend what is slow",
                   j->options.size_max >> 20, f->name,
                   (j->durable_end - (f->position < s->base ? s->base : f->position)) >> 20,
                   s->block_count);
}

/* May the first segment go? lock held. */
static enum status
first_may_go(const struct journal *j, bool may_yield, bool *yields, struct err *err)
{
    const struct floor_entry *holder;

    if (!j->may_recycle)
        return err_set(err, ST_FULL, "the journal's floors are not set yet");
    if (j->segment_count < 2)
        return say_full(j, NULL, NULL, err);
    const struct segment *s = j->segments[0], *next = j->segments[1];

    /* The next one must tell where this one ended, for readers that stopped there. */
    if (s == j->active || s->pending > 0 ||
        (next->block_count == 0 && next->hole_count == 0 && next->state != SEGMENT_SEALED))
        return say_full(j, s, NULL, err);
    enum hold hold = floors_hold(j, s->end, &holder);

    *yields = hold == HOLD_YIELDS;
    if (hold == HOLD_FIRM || (hold == HOLD_YIELDS && !may_yield))
        return say_full(j, s, holder, err);
    return ST_OK;
}

/* Writes down how many rows lie before each floor that loses blocks, so that its loss can be
 * counted exactly. */
static enum status
losses_write(struct journal *j, uint64_t from, uint64_t end, struct err *err)
{
    uint64_t positions[LOSERS_MAX];
    struct yielded losses[LOSERS_MAX];
    size_t n, count = 0;

    pthread_mutex_lock(&j->lock);
    n = floors_between(j, from, end, positions, LOSERS_MAX);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < n; i++) {
        struct yielded *y = &losses[count];
        int64_t admitted;
        bool is_exact;

        y->position = positions[i];
        if (rows_before(j, y->position, &y->rows, &admitted, &is_exact, err) == ST_OK && is_exact)
            count++;
    }
    return count == 0 ? ST_OK : yielded_add(j, losses, count, err);
}

/* Remembers where each block of a segment stood that readers will miss. The segment stays: names
 * are held. */
static void
passed_write(struct journal *j, uint64_t base, uint64_t previous_end)
{
    uint64_t position = previous_end, at = SEGMENT_HEAD_SIZE;
    struct frame_head h;
    char path[PATH_SIZE];
    int fd;

    pthread_mutex_lock(&j->lock);
    struct segment s = *j->segments[0];

    passed_add(j, position, s.rows_first);
    passed_add(j, s.end, s.rows_end);
    pthread_mutex_unlock(&j->lock);
    segment_path(path, j->folder, base, ".seg");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    while (walk_next(fd, path, s.epoch, &at, s.end - s.base, &h, NULL) == ST_OK) {
        pthread_mutex_lock(&j->lock);
        passed_add(j, base + at, s.rows_bias + h.rows_before);
        pthread_mutex_unlock(&j->lock);
        at += h.size;
    }
    close(fd);
}

static void
old_path(char path[PATH_SIZE], const struct journal *j, uint64_t number)
{
    snprintf(path, PATH_SIZE, "%s/old-%016" PRIx64, j->folder, number);
}

/* The keeper gives its space back, piece by piece. names held, lock not. */
static void
file_retire(struct journal *j, const char *path, uint64_t size)
{
    char old[PATH_SIZE];
    uint64_t number = epoch_make();

    old_path(old, j, number);
    if (j->old_count == OLDS_MAX || rename(path, old) != 0) {
        unlink(path);
        return;
    }
    pthread_mutex_lock(&j->lock);
    j->olds[j->old_count++] = (struct old_file){number, size};
    j->old_bytes += size;
    pthread_cond_signal(&j->keeper_wake);
    pthread_mutex_unlock(&j->lock);
}

/* Cuts the newest of the old files by 'piece' bytes. names held, lock not. */
static void
old_cut(struct journal *j, uint64_t piece)
{
    struct old_file *f = &j->olds[j->old_count - 1];
    uint64_t rest = f->size > piece ? f->size - piece : 0;
    char path[PATH_SIZE];

    old_path(path, j, f->number);
    if (rest > 0 && truncate(path, (off_t)rest) != 0)
        rest = 0;
    if (rest == 0)
        unlink(path);
    pthread_mutex_lock(&j->lock);
    j->old_bytes -= f->size - rest;
    f->size = rest;
    if (rest == 0)
        j->old_count--;
    pthread_mutex_unlock(&j->lock);
}

void
old_give_back(struct journal *j)
{
    pthread_mutex_lock(&j->names);
    if (j->old_count > 0)
        old_cut(j, GIVE_BACK_SIZE);
    pthread_mutex_unlock(&j->names);
}

void
olds_remove(struct journal *j)
{
    pthread_mutex_lock(&j->names);
    while (j->old_count > 0)
        old_cut(j, UINT64_MAX);
    pthread_mutex_unlock(&j->names);
}

/* The file of a segment that is in no list any more. */
static void
file_release(struct journal *j, uint64_t base, uint64_t file_size, bool is_pinned)
{
    char path[PATH_SIZE], summary[PATH_SIZE], spare[PATH_SIZE];
    uint64_t number = epoch_make();
    bool kept;

    segment_path(path, j->folder, base, ".seg");
    segment_path(summary, j->folder, base, ".sum");
    snprintf(spare, sizeof spare, "%s/spare-%016" PRIx64, j->folder, number);
    /* A file that a reader has open is not written over; its space is free when the reader closes
     * it. */
    kept = !is_pinned && file_size == j->options.segment_size && j->spare_count < SPARES_MAX &&
           rename(path, spare) == 0;
    if (!kept && is_pinned)
        unlink(path); /* its reader would miss what is cut off */
    else if (!kept)
        file_retire(j, path, file_size);
    unlink(summary);
    /* Before anything is written into the spare, or cut off, its old name must be gone for good. */
    if (folder_sync(j->folder, NULL) != ST_OK) {
        if (kept)
            unlink(spare);
        kept = false;
        while (j->old_count > 0)
            old_cut(j, UINT64_MAX);
    }
    pthread_mutex_lock(&j->lock);
    if (kept)
        j->spares[j->spare_count++] = number;
    else
        j->size_bytes -= file_size;
    j->recycled_count++;
    pthread_mutex_unlock(&j->lock);
}

enum status
recycle_first(struct journal *j, bool may_yield, struct err *err)
{
    struct segment *s;
    bool yields, is_pinned;
    uint64_t base, file_size, from, end;
    enum status st;

    pthread_mutex_lock(&j->lock);
    st = first_may_go(j, may_yield, &yields, err);
    if (st == ST_OK) {
        s = j->segments[0];
        base = s->base;
        end = s->end;
        from = s->previous_end < base ? s->previous_end : base;
    }
    pthread_mutex_unlock(&j->lock);
    if (st != ST_OK)
        return st;
    if (yields && (st = losses_write(j, from, end, err)) != ST_OK)
        return st;
    if (yields)
        passed_write(j, base, from);
    pthread_mutex_lock(&j->lock);
    /* A floor may have been set lower meanwhile. Only holders of 'names' shorten the list, so the
     * segment is still the first. */
    st = first_may_go(j, may_yield, &yields, err);
    if (st != ST_OK) {
        pthread_mutex_unlock(&j->lock);
        return st;
    }
    s = j->segments[0];
    j->segment_count--;
    memmove(j->segments, j->segments + 1, j->segment_count * sizeof(struct segment *));
    file_size = s->file_size;
    is_pinned = s->pin_count > 0;
    if (is_pinned)
        s->is_gone = true;
    else
        segment_free(s);
    pthread_mutex_unlock(&j->lock);
    file_release(j, base, file_size, is_pinned);
    return ST_OK;
}

static void
spare_drop(struct journal *j)
{
    char spare[PATH_SIZE];

    pthread_mutex_lock(&j->lock);
    uint64_t number = j->spares[--j->spare_count];

    j->size_bytes -= j->options.segment_size;
    pthread_mutex_unlock(&j->lock);
    snprintf(spare, sizeof spare, "%s/spare-%016" PRIx64, j->folder, number);
    file_retire(j, spare, j->options.segment_size);
}

/* Bytes that the disk can give before its reserve is touched; below 0: it is. */
static int64_t
disk_left(const struct journal *j)
{
    struct statvfs disk;

    if (j->options.reserve == 0 || statvfs(j->folder, &disk) != 0)
        return INT64_MAX;
    return (int64_t)((uint64_t)disk.f_bavail * disk.f_frsize) - (int64_t)j->options.reserve;
}

enum status
quota_make_room(struct journal *j, uint64_t size, bool spare_will_do, struct err *err)
{
    /* Looked at once: some file systems tell of freed space only later. */
    const int64_t left = disk_left(j);
    int64_t given = 0;

    for (;;) {
        pthread_mutex_lock(&j->lock);
        bool fits = j->size_bytes + j->old_bytes + size <= j->options.size_max;
        bool has_spare = j->spare_count > 0;

        pthread_mutex_unlock(&j->lock);
        bool disk_fits = left == INT64_MAX || left + given >= (int64_t)size;
        bool is_above = left == INT64_MAX || left + given >= 0;

        if ((fits && disk_fits) || (has_spare && spare_will_do && is_above))
            return ST_OK;
        if (j->old_count > 0) { /* there is no time for small pieces */
            given += (int64_t)j->olds[j->old_count - 1].size;
            old_cut(j, UINT64_MAX);
            continue;
        }
        if (has_spare) {
            spare_drop(j);
            continue;
        }
        enum status st = recycle_first(j, true, err);

        if (st == ST_FULL && fits)
            return err_set(err, ST_FULL,
                           "the journal's disk has %" PRId64 " MiB free and %" PRIu64
                           " MiB stay free for what is delivered to it (journal.reserve): free "
                           "some space, or wait for exports that lag",
                           (left + given + (int64_t)j->options.reserve) >> 20,
                           j->options.reserve >> 20);
        if (st != ST_OK)
            return st;
    }
}

/* Would one more segment be more than is to be kept? lock held. */
static bool
keep_is_reached(const struct journal *j)
{
    return j->options.keep_size_max != 0 && j->segment_count > 1 &&
           j->size_bytes + j->options.segment_size > j->options.keep_size_max;
}

void
spare_provide(struct journal *j)
{
    bool wanted = true;

    while (wanted) {
        pthread_mutex_lock(&j->lock);
        wanted = j->spare_count == 0 && keep_is_reached(j);
        pthread_mutex_unlock(&j->lock);
        wanted = wanted && recycle_first(j, false, NULL) == ST_OK;
    }
}

static bool
first_is_due(struct journal *j)
{
    const struct journal_options *o = &j->options;
    bool is_due = false;

    pthread_mutex_lock(&j->lock);
    if (j->segment_count > 1) {
        const struct segment *s = j->segments[0];

        is_due = (o->keep_size_max != 0 && j->size_bytes > o->keep_size_max) ||
                 (o->keep_age_ticks != 0 && s->block_count > 0 &&
                  s->admitted_max < journal_now(j) - o->keep_age_ticks);
    }
    pthread_mutex_unlock(&j->lock);
    return is_due;
}

/* Below the reserve, what is delivered goes back to the disk. Returns segments recycled. */
static unsigned
reserve_restore(struct journal *j)
{
    const int64_t left = disk_left(j);
    unsigned count = 0;

    while (left < 0 && left + (int64_t)j->old_bytes < 0) {
        if (j->spare_count > 0)
            spare_drop(j);
        else if (recycle_first(j, false, NULL) == ST_OK)
            count++;
        else
            break;
    }
    return count;
}

unsigned
journal_retain(struct journal *j)
{
    unsigned count = 0;

    pthread_mutex_lock(&j->lock);
    j->may_recycle = true;
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_lock(&j->names);
    while (first_is_due(j) && recycle_first(j, false, NULL) == ST_OK)
        count++;
    count += reserve_restore(j);
    while (j->options.keep_size_max != 0 && j->spare_count > 0 &&
           j->size_bytes > j->options.keep_size_max)
        spare_drop(j);
    pthread_mutex_unlock(&j->names);
    return count;
}
