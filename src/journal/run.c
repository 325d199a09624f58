/* run.c - a request of many blocks, in the journal as a whole or not at all. Its frames go into a
 * file of its own; committing puts that file behind the active segment by a rename. What may still
 * be made of the active segment's rest is lost (its file shrinks), which is the price of one order
 * for all readers. */
#include "base/file.h"
#include "journal/append.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct journal_run {
    struct journal *journal;
    struct segment *segment; /* base and ordinals come with the commit */
    uint64_t number, counted_bytes;
    char path[PATH_SIZE];
    int fd;
};

static void
run_free(struct journal_run *run)
{
    struct journal *j = run->journal;

    if (run->fd >= 0) {
        close(run->fd);
        unlink(run->path);
    }
    pthread_mutex_lock(&j->lock);
    j->size_bytes -= run->counted_bytes;
    pthread_mutex_unlock(&j->lock);
    segment_free(run->segment);
    free(run);
}

/* Counts the bytes before they are written, so that all runs together keep below the quota. */
static enum status
bytes_count(struct journal_run *run, uint64_t size, struct err *err)
{
    struct journal *j = run->journal;
    enum status st;

    pthread_mutex_lock(&j->names);
    st = quota_make_room(j, size, false, err);
    pthread_mutex_lock(&j->lock);
    if (st == ST_OK) {
        j->size_bytes += size;
        run->counted_bytes += size;
    } else if (st == ST_FULL) {
        j->fulls_count++;
    }
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_unlock(&j->names);
    return st;
}

enum status
journal_run_begin(struct journal *j, struct journal_run **made, struct err *err)
{
    struct journal_run *run = calloc(1, sizeof *run);
    enum status st;
    int wanted;

    if (run == NULL || (run->segment = segment_new(0, 0)) == NULL) {
        free(run);
        return err_set(err, ST_FULL, "no memory for a run");
    }
    run->journal = j;
    pthread_mutex_lock(&j->lock);
    j->may_recycle = true;
    pthread_mutex_unlock(&j->lock);
    run->fd = -1;
    run->segment->epoch = epoch_make();
    snprintf(run->path, sizeof run->path, "%s/run-%016" PRIx64, j->folder, epoch_make());
    st = bytes_count(run, SEGMENT_HEAD_SIZE, err);
    if (st != ST_OK)
        goto fail;
    wanted = journal_fault(j, "create");
    run->fd = wanted != 0 ? -1 : open(run->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (wanted != 0)
        errno = wanted;
    if (run->fd < 0) {
        st = err_set(err, errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_IO,
                     "cannot make %s: %s", run->path, strerror(errno));
        goto fail;
    }
    char page[SEGMENT_HEAD_SIZE] = {
        0}; /* takes its space now: the commit shall not find the disk full */

    st = pwrite_all(run->fd, page, sizeof page, 0, run->path, err);
    if (st != ST_OK)
        goto fail;
    *made = run;
    return ST_OK;

fail:
    journal_tell(j, err);
    run_free(run);
    return st;
}

enum status
journal_run_append(struct journal_run *run, struct span index, struct span body, struct err *err)
{
    struct journal *j = run->journal;
    struct segment *s = run->segment;
    struct frame f;
    enum status st = frame_prepare(j, index, body, &f, err);

    if (st != ST_OK)
        return st;
    f.head.epoch = s->epoch;
    f.head.at = s->reserved;
    f.head.seq = s->seq;
    f.head.rows_before = s->rows_end;
    st = bytes_count(run, f.head.size, err);
    if (st == ST_OK)
        st = frame_write(j, run->fd, &f, err);
    if (st == ST_OK) {
        s->reserved += f.head.size;
        segment_count_frame(s, &f.head);
    }
    frame_done(j, &f);
    if (st != ST_OK)
        journal_tell(j, err);
    return st;
}

/* Moves the segment's rows and ids from 0 to where it will stand. */
static void
run_place(struct segment *s, uint64_t base, uint64_t rows, uint64_t previous_end)
{
    s->end += base - s->base;
    for (size_t i = 0; i < s->id_count; i++)
        s->ids[i].position += base - s->base;
    s->base = base;
    s->rows_bias = s->rows_first = rows;
    s->rows_end += rows;
    s->previous_end = previous_end;
}

/* Reserves the run's place behind all that is reserved; what was prepared as the next segment moves
 * behind it. 'moved' gets that one's old base (UINT64_MAX: nothing moves). names and lock held. */
static enum status
run_reserve(struct journal *j, struct segment *s, struct ticket *t, uint64_t *moved,
            struct err *err)
{
    uint64_t base = j->next_base;

    *moved = UINT64_MAX;
    if (j->is_failed)
        return journal_failed(j, err);
    if (j->is_closing)
        return err_set(err, ST_INVALID, "the journal is being closed");
    if (!list_add(j, s))
        return err_set(err, ST_FULL, "no memory for one more segment");
    if (j->active != NULL && j->next == NULL && j->active->reserved == SEGMENT_HEAD_SIZE) {
        j->next = j->active; /* nothing in it yet: as good as not begun */
        j->segments[j->segment_count - 2] = s;
        j->segment_count--;
    } else if (j->active != NULL) {
        j->active->state = SEGMENT_FULL;
        if (j->active->pending == 0)
            pthread_cond_signal(&j->keeper_wake);
    }
    j->active = NULL;
    if (j->next != NULL) {
        base = *moved = j->next->base;
        j->next->base = base + s->span;
        j->next->end = segment_start(j->next);
    }
    j->next_base += s->span;
    run_place(s, base, j->reserved_rows, j->reserved_end);
    s->state = SEGMENT_FULL;
    t->segment = s;
    t->is_run = true;
    j->reserved_end = s->end;
    j->reserved_rows = s->rows_end;
    ticket_queue(j, t);
    return ST_OK;
}

static enum status
file_rename(const char *from, const char *to, struct err *err)
{
    return rename(from, to) == 0
               ? ST_OK
               : err_set(err, ST_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

/* Makes it so on disk; names held, lock not. */
static enum status
run_publish(struct journal_run *run, uint64_t moved, struct err *err)
{
    struct journal *j = run->journal;
    struct segment *s = run->segment;
    struct segment_head head = {.epoch = s->epoch,
                                .span = s->span,
                                .rows_before = s->rows_bias,
                                .previous_end = s->previous_end,
                                .made = journal_now(j),
                                .flags = SEGMENT_RUN};
    char from[PATH_SIZE], to[PATH_SIZE];
    enum status st = segment_head_write(run->fd, run->path, &head, err);

    if (st == ST_OK && moved != UINT64_MAX) {
        segment_path(from, j->folder, moved, ".seg");
        segment_path(to, j->folder, moved + s->span, ".seg");
        st = file_rename(from, to, err);
    }
    segment_path(to, j->folder, s->base, ".seg");
    if (st == ST_OK)
        st = file_rename(run->path, to, err);
    return st == ST_OK ? folder_sync(j->folder, err) : st;
}

static enum status
run_sync(struct journal_run *run, struct err *err)
{
    int number = journal_fault(run->journal, "sync");

    if (number == 0 && run->journal->options.sync && fdatasync(run->fd) != 0)
        number = errno;
    return number == 0 ? ST_OK
                       : err_set(err, number == ENOSPC ? ST_FULL : ST_IO, "cannot sync %s: %s",
                                 run->path, strerror(number));
}

enum status
journal_run_commit(struct journal_run *run, uint64_t *first, uint64_t *end, struct err *err)
{
    struct journal *j = run->journal;
    struct segment *s = run->segment;
    struct ticket t = {0};
    uint64_t moved;
    struct err cause;
    enum status st;

    *first = *end = 0;
    if (s->block_count == 0) {
        run_free(run);
        return err_set(err, ST_INVALID, "a run without blocks cannot be committed");
    }
    st = run_sync(run, err); /* a private file: its failure harms nobody else */
    if (st != ST_OK) {
        journal_tell(j, err);
        run_free(run);
        return st;
    }
    s->span = s->file_size =
        (s->reserved + SEGMENT_HEAD_SIZE - 1) & ~(uint64_t)(SEGMENT_HEAD_SIZE - 1);
    pthread_mutex_lock(&j->names);
    appender_enter(j);
    st = run_reserve(j, s, &t, &moved, err);
    if (st != ST_OK) {
        appender_leave(j);
        pthread_mutex_unlock(&j->names);
        run_free(run);
        return st;
    }
    *first = segment_start(s);
    *end = s->end;
    pthread_mutex_unlock(&j->lock);
    st = run_publish(run, moved, &cause);
    pthread_mutex_unlock(&j->names);
    if (st != ST_OK)
        journal_tell(j, &cause);
    pthread_mutex_lock(&j->lock);
    j->size_bytes += s->file_size - run->counted_bytes;
    run->counted_bytes = 0;
    if (st != ST_OK) {
        journal_fail(j, cause.text);
        st = journal_failed(j, err);
    } else {
        t.is_written = t.is_synced = true;
        durable_advance(j);
        pthread_cond_broadcast(&j->durable_moved);
        st = ticket_wait(j, &t, err);
    }
    close(run->fd);
    appender_leave(j);
    free(run); /* the segment is the journal's now */
    return st;
}

void
journal_run_abort(struct journal_run *run)
{
    if (run != NULL)
        run_free(run);
}
