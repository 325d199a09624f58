/* keeper.c - the journal's only thread of its own. Zeroing a segment takes 50 to 500 ms and a
 * summary several syncs; no append shall wait for either. So the keeper makes the next segment when
 * the active one is half full, and writes the summaries of full ones. */
#include "base/file.h"
#include "journal/state.h"
#include "journal/summary.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    SEAL_AGAIN_MS = 1000, /* after a failure */
    GIVE_BACK_MS = 10,    /* between pieces of what goes back to the disk: appends come first */
};

/* What a full segment did not use goes back to the disk if it is more than an eighth. Returns the
 * file's size. */
static uint64_t
file_trim(const struct segment *s, const char *path)
{
    uint64_t used = (s->end - s->base + 4095) & ~UINT64_C(4095);

    if (s->hole_count > 0 || s->is_torn || used >= s->file_size ||
        s->file_size - used <= s->span / 8 || truncate(path, (off_t)used) != 0)
        return s->file_size;
    return used;
}

enum status
segment_seal(struct journal *j, struct segment *s, bool may_go_on, struct err *err)
{
    char path[PATH_SIZE];
    struct segment copy = {.base = s->base};
    uint64_t file_size;
    enum status st;
    int fd;

    pthread_mutex_lock(&j->lock);
    bool was_sealed = s->state == SEGMENT_SEALED;
    size_t holes = s->hole_count;
    struct hole *hole_copy = malloc((holes + 1) * sizeof *hole_copy);

    if (hole_copy != NULL && holes > 0)
        memcpy(hole_copy, s->holes, holes * sizeof *hole_copy);
    if (!was_sealed)
        copy = *s;
    s->is_dirty = false;
    pthread_mutex_unlock(&j->lock);
    if (hole_copy == NULL)
        return err_set(err, ST_FULL, "no memory for a segment's summary");
    if (was_sealed) { /* only its holes are new; ids are in the old summary alone */
        st = summary_read(j->folder, 0, &copy, err);
        if (st == ST_OK) {
            free(copy.holes);
            copy.holes = hole_copy;
            copy.hole_count = holes;
            st = summary_write(j->folder, &copy, may_go_on, err);
            free(copy.ids);
        } else {
            st = ST_OK; /* it is made again from the frames at the next start */
        }
        free(hole_copy);
        return st;
    }
    copy.holes = hole_copy;
    st = summary_write(j->folder, &copy, may_go_on, err);
    free(hole_copy);
    if (st != ST_OK)
        return st;
    segment_path(path, j->folder, s->base, ".seg");
    file_size = may_go_on ? s->file_size : file_trim(s, path);
    fd = s->fd;
    pthread_mutex_lock(&j->lock);
    s->state = SEGMENT_SEALED;
    s->fd = -1;
    free(s->ids);
    s->ids = NULL;
    s->id_count = s->id_room = 0;
    j->size_bytes -= s->file_size - file_size;
    s->file_size = file_size;
    pthread_mutex_unlock(&j->lock);
    if (fd >= 0)
        close(fd);
    return ST_OK;
}

/* A file of zeros with a name that no segment has; 'number' tells it from others. */
static enum status
file_make(struct journal *j, uint64_t number, char path[PATH_SIZE], int *fd, struct err *err)
{
    enum status st;
    int wanted = journal_fault(j, "create");

    snprintf(path, PATH_SIZE, "%s/new-%016" PRIx64, j->folder, number);
    *fd = wanted != 0 ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (wanted != 0)
        errno = wanted;
    if (*fd < 0)
        return err_set(err, errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_IO,
                       "cannot make %s: %s", path, strerror(errno));
    st = segment_fill(*fd, path, j->options.segment_size, err);
    if (st != ST_OK) {
        close(*fd);
        *fd = -1;
        unlink(path);
    }
    return st;
}

/* An empty file of the full size: a spare, or a new one. On success its size counts. */
static enum status
file_take(struct journal *j, char path[PATH_SIZE], int *fd, struct err *err)
{
    uint64_t size = j->options.segment_size, number = epoch_make();
    enum status st;

    for (;;) {
        pthread_mutex_lock(&j->names);
        st = quota_make_room(j, size, true, err);
        if (st == ST_OK)
            spare_provide(j);
        pthread_mutex_lock(&j->lock);
        bool has_spare = st == ST_OK && j->spare_count > 0;

        if (has_spare)
            number = j->spares[--j->spare_count];
        else if (st == ST_OK)
            j->size_bytes += size;
        pthread_mutex_unlock(&j->lock);
        pthread_mutex_unlock(&j->names);
        if (st != ST_OK)
            return st;
        if (has_spare) {
            snprintf(path, PATH_SIZE, "%s/spare-%016" PRIx64, j->folder, number);
            *fd = open(path, O_RDWR | O_CLOEXEC);
            if (*fd >= 0)
                return ST_OK;
        } else if ((st = file_make(j, number, path, fd, err)) == ST_OK) {
            return ST_OK;
        }
        pthread_mutex_lock(&j->lock);
        j->size_bytes -= size;
        pthread_mutex_unlock(&j->lock);
        if (has_spare)
            continue;
        /* A full disk: what is delivered need not be kept. */
        pthread_mutex_lock(&j->names);
        bool is_freed = st == ST_FULL && recycle_first(j, false, NULL) == ST_OK;

        pthread_mutex_unlock(&j->names);
        if (!is_freed)
            return st;
    }
}

/* A run's commit may have left a next segment meanwhile: then this file is a spare. names held;
 * takes 's'. */
static enum status
next_to_spare(struct journal *j, struct segment *s, const char *path)
{
    char spare[PATH_SIZE];
    uint64_t number = epoch_make();

    snprintf(spare, sizeof spare, "%s/spare-%016" PRIx64, j->folder, number);
    bool kept = j->spare_count < SPARES_MAX && rename(path, spare) == 0;

    if (!kept)
        unlink(path);
    pthread_mutex_lock(&j->lock);
    if (kept)
        j->spares[j->spare_count++] = number;
    else
        j->size_bytes -= s->file_size;
    pthread_mutex_unlock(&j->lock);
    segment_free(s);
    return ST_OK;
}

/* Gives the file its name; from then on it is part of the journal. Takes 's' if it succeeds. */
static enum status
next_publish(struct journal *j, struct segment *s, const char *path, struct err *err)
{
    char name[PATH_SIZE];
    enum status st;

    pthread_mutex_lock(&j->names); /* held over all of it: a run's commit moves next_base */
    pthread_mutex_lock(&j->lock);
    bool is_needed = j->next == NULL;

    s->base = j->next_base;
    s->end = segment_start(s);
    pthread_mutex_unlock(&j->lock);
    if (!is_needed) {
        st = next_to_spare(j, s, path);
        pthread_mutex_unlock(&j->names);
        return st;
    }
    segment_path(name, j->folder, s->base, ".seg");
    st = rename(path, name) == 0
             ? folder_sync(j->folder, err)
             : err_set(err, ST_IO, "cannot rename %s to %s: %s", path, name, strerror(errno));
    if (st == ST_OK) {
        pthread_mutex_lock(&j->lock);
        j->next = s;
        j->next_base = s->base + s->span;
        pthread_mutex_unlock(&j->lock);
    } else {
        unlink(name);
    }
    pthread_mutex_unlock(&j->names);
    return st;
}

static enum status
next_make(struct journal *j, struct err *err)
{
    uint64_t size = j->options.segment_size;
    struct segment_head head = {.span = size, .made = journal_now(j)};
    struct segment *s = NULL;
    char path[PATH_SIZE];
    enum status st;
    int fd = -1;

    st = file_take(j, path, &fd, err);
    if (st != ST_OK)
        return st;
    head.epoch = epoch_make();
    st = segment_head_write(fd, path, &head, err);
    if (st == ST_OK && (s = segment_new(0, size)) == NULL)
        st = err_set(err, ST_FULL, "no memory for a segment");
    if (st != ST_OK)
        goto fail;
    s->epoch = head.epoch;
    s->file_size = size;
    s->fd = fd;
    s->state = SEGMENT_ACTIVE;
    if ((st = next_publish(j, s, path, err)) == ST_OK)
        return ST_OK;
    s->fd = -1;

fail:
    segment_free(s);
    close(fd);
    unlink(path); /* or its next name: see next_publish */
    pthread_mutex_lock(&j->lock);
    j->size_bytes -= size;
    pthread_mutex_unlock(&j->lock);
    return st;
}

enum status
next_wait(struct journal *j, struct err *err)
{
    uint64_t seen = j->next_attempts;

    j->next_wanted = true;
    pthread_cond_signal(&j->keeper_wake);
    while (j->next == NULL && j->next_attempts == seen && !j->is_failed && !j->is_closing)
        pthread_cond_wait(&j->next_made, &j->lock);
    if (j->next != NULL || j->next_attempts == seen || j->next_status == ST_OK)
        return ST_OK; /* the caller looks again */
    return err_set(err, j->next_status, "%s", j->next_err.text);
}

/* A segment that needs a (new) summary; lock held. */
static struct segment *
unsealed_find(const struct journal *j)
{
    for (size_t i = 0; i < j->segment_count; i++) {
        struct segment *s = j->segments[i];

        if ((s->state == SEGMENT_FULL && s->pending == 0) ||
            (s->state == SEGMENT_SEALED && s->is_dirty))
            return s;
    }
    return NULL;
}

static bool
seal_one(struct journal *j)
{
    struct segment *s;
    bool is_good = true;

    pthread_mutex_lock(&j->names);
    pthread_mutex_lock(&j->lock);
    s = j->is_failed ? NULL : unsealed_find(j);
    pthread_mutex_unlock(&j->lock);
    if (s != NULL)
        is_good = segment_seal(j, s, false, NULL) == ST_OK;
    pthread_mutex_unlock(&j->names);
    return is_good;
}

/* At most so long; 0: until there is work. */
static void
wait_for_work(struct journal *j, int64_t ms_max)
{
    struct timespec until;

    if (ms_max == 0) {
        pthread_cond_wait(&j->keeper_wake, &j->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms_max / 1000;
    until.tv_nsec += (ms_max % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&j->keeper_wake, &j->lock, &until);
}

static void *
keeper_run(void *arg)
{
    struct journal *j = arg;
    bool seal_failed = false;

    pthread_mutex_lock(&j->lock);
    while (!j->is_closing) {
        if (j->next_wanted && j->next == NULL && !j->is_failed) {
            struct err err = {""};
            enum status st;

            j->next_wanted = false;
            pthread_mutex_unlock(&j->lock);
            st = next_make(j, &err);
            if (st != ST_OK)
                journal_tell(j, &err);
            pthread_mutex_lock(&j->lock);
            j->has_told = j->has_told && st != ST_OK;
            j->next_status = st;
            j->next_err = err;
            j->next_attempts++;
            pthread_cond_broadcast(&j->next_made);
        } else if (!seal_failed && !j->is_failed && unsealed_find(j) != NULL) {
            pthread_mutex_unlock(&j->lock);
            seal_failed = !seal_one(j);
            pthread_mutex_lock(&j->lock);
        } else {
            bool gives_back = j->old_count > 0;

            if (gives_back) {
                pthread_mutex_unlock(&j->lock);
                old_give_back(j);
                pthread_mutex_lock(&j->lock);
            }
            j->next_wanted = j->next_wanted && j->next == NULL && !j->is_failed;
            if (j->next_wanted || j->is_closing)
                continue;
            wait_for_work(j, gives_back ? GIVE_BACK_MS : seal_failed ? SEAL_AGAIN_MS : 0);
            seal_failed = seal_failed && gives_back;
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

enum status
keeper_start(struct journal *j, struct err *err)
{
    sigset_t all, before;
    int failed;

    /* The first append finds its segment made, or on its way. */
    j->next_wanted = j->active == NULL || j->active->reserved > j->active->span / 2;
    sigfillset(&all); /* signals are the program's business */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&j->keeper, NULL, keeper_run, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return err_set(err, ST_IO, "cannot start the journal's keeper: %s", strerror(failed));
    j->keeper_runs = true;
    return ST_OK;
}

void
keeper_stop(struct journal *j)
{
    if (!j->keeper_runs)
        return;
    pthread_mutex_lock(&j->lock);
    j->is_closing = true;
    pthread_cond_broadcast(&j->keeper_wake);
    pthread_cond_broadcast(&j->next_made);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->keeper, NULL);
    olds_remove(j);
    j->keeper_runs = false;
}
