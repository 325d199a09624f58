/* file.c - rows to one file, pipe or standard output, for scripts: each parcel is appended whole.
 *
 * A file that was renamed or removed (log rotation) is opened anew by its name. When a regular file
 * takes only a part (disk full) it is cut back. A pipe keeps what it took: the same parcel then
 * goes on where it stopped. While a pipe is full the call waits, in short steps so that 'stop' ends
 * it. */
#include "base/file.h"
#include "base/clock.h"
#include "sink/parcel.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = 3000,    /* bytes of 'path' */
    WAIT_MS_MAX = 10000, /* a pipe that takes nothing for so long is for later */
    WAIT_STEP_MS = 100,
};

struct file {
    char path[PATH_SIZE]; /* "": standard output */
    int fd;               /* -1: not open */
    bool is_regular, is_dirty;
    bool is_looked_at; /* what a killed predecessor left: synced, and its torn row ended */
    dev_t device;
    ino_t inode;
    const atomic_bool *stop;
    /* how much of which parcel a pipe took before it got stuck */
    size_t part_size;
    uint64_t part_position;
    uint32_t part_row;
    bool is_sync_failed;
};

static bool
is_stopping(const struct file *f)
{
    return f->stop != NULL && atomic_load_explicit(f->stop, memory_order_relaxed);
}

static const char *
file_name(const struct file *f)
{
    return f->path[0] == '\0' ? "standard output" : f->path;
}

static void
file_release(struct file *f)
{
    if (f->fd < 0)
        return;
    if (f->is_dirty && f->is_regular && fdatasync(f->fd) != 0)
        f->is_sync_failed = true;
    f->is_dirty = false;
    if (f->path[0] != '\0')
        close(f->fd);
    f->fd = -1;
}

/* A program killed in the middle of a write leaves a part of a row, which must not swallow the next
 * one. */
static bool
ends_in_row(const char *path, off_t size)
{
    int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char last = '\n';
    bool torn = fd >= 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';

    if (fd >= 0)
        close(fd);
    return torn;
}

/* Has the file of that name open, whichever it is now. */
static enum status
file_ready(struct file *f, struct err *err)
{
    struct stat info;

    if (f->fd >= 0 && (f->path[0] == '\0' || (stat(f->path, &info) == 0 &&
                                              info.st_ino == f->inode && info.st_dev == f->device)))
        return ST_OK;
    file_release(f);
    if (f->path[0] == '\0')
        f->fd = STDOUT_FILENO;
    else
        f->fd =
            open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (f->fd < 0)
        return err_set(err, ST_IO, "cannot open %s: %s", file_name(f),
                       errno == ENXIO ? "nobody reads the pipe" : strerror(errno));
    if (fstat(f->fd, &info) != 0) {
        enum status st = err_set(err, ST_IO, "cannot see %s: %s", file_name(f), strerror(errno));

        file_release(f);
        return st;
    }
    f->is_regular = S_ISREG(info.st_mode);
    f->device = info.st_dev;
    f->inode = info.st_ino;
    if (!f->is_looked_at && f->is_regular && f->path[0] != '\0') {
        f->is_dirty = true;
        if (ends_in_row(f->path, info.st_size)) {
            f->part_size = SIZE_MAX; /* of no parcel */
        }
    }
    f->is_looked_at = true;
    return ST_OK;
}

/* Waits until a pipe or terminal takes bytes; false: stop or too long. */
static bool
file_wait(const struct file *f)
{
    int64_t until = clock_monotonic_ms() + WAIT_MS_MAX;
    struct pollfd poll_fd = {.fd = f->fd, .events = POLLOUT};

    while (!is_stopping(f) && clock_monotonic_ms() < until) {
        if (poll(&poll_fd, 1, WAIT_STEP_MS) > 0)
            return true; /* also on an error: the write then says which */
    }
    return false;
}

/* Appends from *done on. On failure *done says how far it came and errno why. */
static bool
file_append(const struct file *f, struct span body, size_t *done)
{
    while (*done < body.n) {
        ssize_t n;

        if (!f->is_regular && !file_wait(f)) {
            errno = EAGAIN;
            return false;
        }
        /* at most what a pipe that polls writable takes without blocking */
        size_t size = body.n - *done;

        if (!f->is_regular && size > 4096)
            size = 4096;
        n = write(f->fd, body.p + *done, size);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && !f->is_regular)))
            continue;
        if (n <= 0)
            return false;
        *done += (size_t)n;
    }
    return true;
}

static void
parcel_send(struct file *f, struct parcel *p)
{
    struct err err;
    struct stat before;
    size_t done = 0;
    enum status st = file_ready(f, &err);

    if (st == ST_OK && f->is_regular && fstat(f->fd, &before) != 0)
        st = err_set(&err, ST_IO, "cannot see %s: %s", file_name(f), strerror(errno));
    if (st != ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        return;
    }
    if (f->part_size > 0 && f->part_position == p->position && f->part_row == p->row &&
        f->part_size < p->body.n)
        done = f->part_size;
    else if (f->part_size > 0 && write(f->fd, "\n", 1) != 1) { /* ends the torn row */
        parcel_retry(p, -1, "cannot write %s: %s", file_name(f), strerror(errno));
        return;
    }
    f->part_size = 0;
    f->is_dirty = true;
    if (file_append(f, p->body, &done)) {
        parcel_done(p);
        return;
    }
    const char *why = errno == EAGAIN ? "it takes no more now" : strerror(errno);

    parcel_retry(p, -1, "cannot write %s: %s", file_name(f), why);
    if (!f->is_regular) {
        f->part_size = done;
        f->part_position = p->position;
        f->part_row = p->row;
    } else if (done > 0 && ftruncate(f->fd, before.st_size) != 0) {
        parcel_retry(p, -1, "cannot write %s: %s; a part of it stayed in the file", file_name(f),
                     why);
    }
}

static void
file_send(void *state, struct parcel *parcels, size_t count)
{
    struct file *f = state;
    bool all_done = true;

    for (size_t i = 0; i < count; i++) {
        if (!all_done) /* one file: all lanes are one */
            parcel_retry(&parcels[i], -1, "waits for an earlier one");
        else if (is_stopping(f))
            parcel_retry(&parcels[i], -1, "stopping");
        else
            parcel_send(f, &parcels[i]);
        all_done = all_done && parcels[i].sent == SENT_DONE;
    }
}

static enum status
file_sync(void *state, struct err *err)
{
    struct file *f = state;
    struct stat info;
    struct err ignored;

    if (!f->is_looked_at && f->path[0] != '\0' && stat(f->path, &info) == 0 &&
        S_ISREG(info.st_mode) && file_ready(f, &ignored) != ST_OK)
        f->is_sync_failed = true;
    if (f->fd >= 0 && f->is_dirty && f->is_regular && fdatasync(f->fd) != 0)
        f->is_sync_failed = true;
    f->is_dirty = false;
    if (f->is_sync_failed) /* for good: see folder.c */
        return err_set(err, ST_IO, "cannot make %s lasting; open the export again", file_name(f));
    return ST_OK;
}

static enum status
state_make(const char *path, const atomic_bool *stop, void **state, struct err *err)
{
    struct file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(err, ST_FULL, "file: no memory");
    snprintf(f->path, sizeof f->path, "%s", path);
    f->fd = -1;
    f->stop = stop;
    *state = f;
    return ST_OK;
}

static enum status
file_check(const struct sink_value *values, size_t count, struct err *err)
{
    if (strlen(sink_value_get(&sink_file, values, count, "path")) >= PATH_SIZE)
        return err_set(err, ST_INVALID, "file: path has more than %d bytes", PATH_SIZE - 1);
    return ST_OK;
}

static enum status
file_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
          struct err *err)
{
    enum status st = sink_check(&sink_file, values, count, err);

    if (st != ST_OK)
        return st;
    return state_make(sink_value_get(&sink_file, values, count, "path"), stop, state, err);
}

static enum status
stdout_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
            struct err *err)
{
    enum status st = sink_check(&sink_stdout, values, count, err);

    return st != ST_OK ? st : state_make("", stop, state, err);
}

static void
file_close(void *state)
{
    struct file *f = state;

    if (f->fd >= 0 && f->path[0] != '\0')
        close(f->fd);
    free(f);
}

static const struct sink_setting file_settings[] = {
    {.name = "path",
     .help = "File or named pipe that rows are appended to; its folder must be there."},
    {0             },
};
static const struct sink_setting no_settings[] = {{0}};

const struct sink_kind sink_file = {
    .name = "file",
    .help = "All rows, appended to one file or named pipe.",
    .framing = FRAME_LINES,
    .body_max = 4 << 20,
    .batch_bytes = 1 << 20,
    .linger_ms = 200,
    .settings = file_settings,
    .check = file_check,
    .open = file_open,
    .send = file_send,
    .sync = file_sync,
    .close = file_close,
};

const struct sink_kind sink_stdout = {
    .name = "stdout",
    .help = "All rows, to standard output.",
    .framing = FRAME_LINES,
    .is_lasting_at_once = true, /* it promises no more */
    .body_max = 4 << 20,
    .batch_bytes = 1 << 20,
    .linger_ms = 200,
    .settings = no_settings,
    .open = stdout_open,
    .send = file_send,
    .close = file_close,
};
