/* folder.c - a local storage account: the containers and blobs that Azure would have, as folders
 * and files.
 *
 * Every parcel is one pwrite at the offset the caller knows, after one fstat that shows that the
 * file still is what the caller thinks: its own, of that length, and not removed. A write that
 * fails is cut back at once, so that a reader never sees half a row for longer than the call. Each
 * open file holds a flock: two exports that name one folder get objects of their own (locate passes
 * over a locked one), two programs cannot interleave.
 *
 * Names come from layout.h alone, and each component is opened by itself without following links,
 * so nothing outside of 'path' can be reached by what stands in a record or a ledger.
 *
 * Bodies are in the page cache until 'sync'. Files pushed out of the cache of open ones are synced
 * then. Once a sync failed the kernel may have dropped the pages and say "fine" the next time, so
 * every later sync fails too: the caller closes the sink and goes back to its ledger.
 *
 * How many appends an object had is not stored in a folder; it is counted while the object is open,
 * and LAYOUT_OBJECT_SIZE_MAX bounds what restarts make of it. */
#include "base/file.h"
#include "sink/layout.h"
#include "sink/parcel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_MAX = 256,   /* files kept open */
    PENDING_MAX = 64, /* folders with new names kept open until the next sync */
    PATH_SIZE = 3000, /* bytes of 'path' */
};

struct object {
    uint32_t appends; /* since it was opened */
    int fd;
    bool is_dirty;
    uint64_t used; /* the least was used longest ago */
    char name[LAYOUT_NAME_MAX];
};

struct folder {
    char path[PATH_SIZE];
    int root; /* -1: not opened yet */
    const atomic_bool *stop;
    uint64_t uses;
    size_t open_count, pending_count;
    uint64_t hashes[OPEN_MAX]; /* of objects[i].name: one dense scan finds a lane */
    struct object objects[OPEN_MAX];
    struct {
        int fd;
        dev_t device;
        ino_t inode;
    } pending[PENDING_MAX];
    bool is_sync_failed;
    struct err sync_err;
};

static uint64_t
name_hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return h;
}

static enum status
failed(const struct folder *f, struct err *err, const char *what, const char *name)
{
    enum status st = errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_IO;
    const char *why = errno == ELOOP || errno == ENOTDIR
                          ? "a link or file stands where a folder should: remove it"
                          : strerror(errno);

    return err_set(err, st, "cannot %s %s/%s: %s", what, f->path, name, why);
}

static void
sync_failed(struct folder *f, const char *name)
{
    if (!f->is_sync_failed)
        failed(f, &f->sync_err, "make lasting", name);
    f->is_sync_failed = true;
}

static void
pending_sync(struct folder *f)
{
    for (size_t i = 0; i < f->pending_count; i++) {
        if (fsync(f->pending[i].fd) != 0)
            sync_failed(f, "(a folder)");
        close(f->pending[i].fd);
    }
    f->pending_count = 0;
}

/* Remembers that names in the folder must be made lasting: also those that were there already, for
 * whoever made them may have been killed before its sync. */
static enum status
pending_add(struct folder *f, int folder, const char *name, struct err *err)
{
    struct stat info;
    int fd;

    if (fstat(folder, &info) != 0)
        return failed(f, err, "see the folder of", name);
    for (size_t i = 0; i < f->pending_count; i++)
        if (f->pending[i].inode == info.st_ino && f->pending[i].device == info.st_dev)
            return ST_OK;
    if (f->pending_count == PENDING_MAX)
        pending_sync(f);
    fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return failed(f, err, "keep the folder of", name);
    f->pending[f->pending_count].fd = fd;
    f->pending[f->pending_count].device = info.st_dev;
    f->pending[f->pending_count].inode = info.st_ino;
    f->pending_count++;
    return ST_OK;
}

static void
object_drop(struct folder *f, size_t index)
{
    struct object *o = &f->objects[index];

    if (o->is_dirty && fdatasync(o->fd) != 0)
        sync_failed(f, o->name);
    close(o->fd);
    f->open_count--;
    f->objects[index] = f->objects[f->open_count];
    f->hashes[index] = f->hashes[f->open_count];
}

static void
object_drop_oldest(struct folder *f)
{
    size_t oldest = 0;

    for (size_t i = 1; i < f->open_count; i++)
        if (f->objects[i].used < f->objects[oldest].used)
            oldest = i;
    if (f->open_count > 0)
        object_drop(f, oldest);
}

static enum status
root_open(struct folder *f, struct err *err)
{
    struct stat info;
    enum status st;

    if (f->root >= 0 && fstat(f->root, &info) == 0 && info.st_nlink > 0)
        return ST_OK;
    if (f->root >= 0)
        close(f->root); /* somebody removed it */
    f->root = -1;
    st = folder_make(f->path, err);
    if (st != ST_OK)
        return st;
    f->root = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0)
        return failed(f, err, "open", "");
    return ST_OK;
}

/* The folder 'part' in 'parent', made if it may be. -1 with *st: ST_END: not there. */
static int
folder_step(struct folder *f, int parent, const char *part, bool create, const char *name,
            struct err *err, enum status *st)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, part, flags);

    if (fd < 0 && errno == ENOENT && create) {
        if (mkdirat(parent, part, 0750) != 0 && errno != EEXIST) {
            *st = failed(f, err, "make the folder of", name);
            return -1;
        }
        fd = openat(parent, part, flags);
    }
    if (fd < 0) {
        *st = errno == ENOENT && !create ? ST_END : failed(f, err, "open the folder of", name);
        return -1;
    }
    *st = pending_add(f, parent, name, err);
    if (*st != ST_OK) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Opens the folder that holds 'name'; *last is where its last component begins. ST_END: not there
 * (only without 'create'). */
static enum status
folder_walk(struct folder *f, const char *name, bool create, int *folder, const char **last,
            struct err *err)
{
    enum status st = root_open(f, err);
    int at;

    if (st != ST_OK)
        return st;
    at = fcntl(f->root, F_DUPFD_CLOEXEC, 0);
    if (at < 0)
        return failed(f, err, "open", name);
    for (const char *part = name, *slash; (slash = strchr(part, '/')) != NULL; part = slash + 1) {
        char text[LAYOUT_NAME_MAX];
        int next;

        memcpy(text, part, (size_t)(slash - part));
        text[slash - part] = '\0';
        next = folder_step(f, at, text, create, name, err, &st);
        close(at);
        if (next < 0)
            return st;
        at = next;
        *last = slash + 1;
    }
    *folder = at;
    return ST_OK;
}

/* Opens a file; *fd is -1 on any failure. ST_END: not there (only without 'create'). */
static enum status
file_open(struct folder *f, const char *name, bool create, int *fd, struct err *err)
{
    const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const char *last = name;
    struct stat info;
    int folder = -1;
    enum status st = folder_walk(f, name, create, &folder, &last, err);

    *fd = -1;
    if (st != ST_OK)
        return st;
    *fd = openat(folder, last, flags);
    if (*fd < 0 && errno == ENOENT && !create) {
        close(folder);
        return ST_END;
    }
    if (*fd < 0 && errno == ENOENT)
        *fd = openat(folder, last, flags | O_CREAT | O_EXCL, 0640);
    if (*fd < 0)
        st = failed(f, err, "open", name);
    else
        st = pending_add(f, folder, name, err);
    close(folder);
    if (st != ST_OK)
        goto fail;
    if (fstat(*fd, &info) != 0) {
        st = failed(f, err, "see", name);
        goto fail;
    }
    if (!S_ISREG(info.st_mode)) {
        st = err_set(err, ST_IO, "%s/%s is no regular file: remove it", f->path, name);
        goto fail;
    }
    return ST_OK;

fail:
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return st;
}

/* Some file systems have no locks; then two writers are only told by lengths. */
static bool
file_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* The open object of that name, of which *info is fresh. ST_END: not there. ST_FULL: no space to
 * make it. ST_IO also when another has it locked (*is_locked). */
static enum status
object_get(struct folder *f, const struct lane *lane, const char *name, bool create,
           struct object **object, struct stat *info, bool *is_locked, struct err *err)
{
    uint64_t hash = name_hash(name);
    enum status st;
    int fd;

    *is_locked = false;
    for (size_t i = 0; i < f->open_count; i++) {
        if (f->hashes[i] != hash || strcmp(f->objects[i].name, name) != 0)
            continue;
        if (fstat(f->objects[i].fd, info) != 0)
            return failed(f, err, "see", name);
        if (info->st_nlink > 0) {
            f->objects[i].used = ++f->uses;
            *object = &f->objects[i];
            return ST_OK;
        }
        object_drop(f,
                    i); /* removed under us: what follows must not go into a file without a name */
        break;
    }
    st = layout_check(lane, LAYOUT_FOLDER, name, err);
    if (st != ST_OK)
        return st;
    if (f->open_count == OPEN_MAX)
        object_drop_oldest(f);
    st = file_open(f, name, create, &fd, err);
    if (st == ST_IO && (errno == EMFILE || errno == ENFILE) && f->open_count > 0) {
        object_drop_oldest(f);
        st = file_open(f, name, create, &fd, err);
    }
    if (st != ST_OK)
        return st;
    if (!file_lock(fd)) {
        *is_locked = true;
        close(fd);
        return err_set(err, ST_IO, "%s/%s is being written by another export or program", f->path,
                       name);
    }
    if (fstat(fd, info) != 0) {
        st = failed(f, err, "see", name);
        close(fd);
        return st;
    }
    struct object *o = &f->objects[f->open_count];

    /* dirty: a killed predecessor may have left it unsynced, and it now counts as there */
    *o = (struct object){.fd = fd, .used = ++f->uses, .is_dirty = true};
    snprintf(o->name, sizeof o->name, "%s", name);
    f->hashes[f->open_count++] = hash;
    *object = o;
    return ST_OK;
}

static void
parcel_send(struct folder *f, struct parcel *p)
{
    struct object *o;
    struct stat info;
    struct err err;
    bool is_locked;
    /* An object that should have content is never made anew. */
    enum status st = object_get(f, p->lane, p->name, p->offset == 0, &o, &info, &is_locked, &err);

    if (st == ST_INVALID) {
        parcel_refuse(p, "%s", err.text);
        return;
    }
    if (st == ST_END) {
        parcel_retry(p, -1, "%s/%s is gone, it had %llu bytes", f->path, p->name,
                     (unsigned long long)p->offset);
        p->is_foreign = true;
        return;
    }
    if (st != ST_OK) {
        parcel_retry(p, -1, "%s", err.text);
        p->is_full = is_locked; /* it is the other's now, who may keep it for ever */
        return;
    }
    if ((uint64_t)info.st_size != p->offset) {
        parcel_retry(p, -1, "%s/%s has %lld bytes and not %llu: something else writes there",
                     f->path, p->name, (long long)info.st_size, (unsigned long long)p->offset);
        p->is_foreign = true;
        return;
    }
    if (o->appends >= LAYOUT_APPENDS_MAX || p->offset + p->body.n > LAYOUT_OBJECT_SIZE_MAX) {
        parcel_retry(p, -1, "%s/%s is full", f->path, p->name);
        p->is_full = true;
        return;
    }
    o->is_dirty = true;
    if (pwrite_all(o->fd, p->body.p, p->body.n, (off_t)p->offset, p->name, &err) != ST_OK) {
        bool is_cut = ftruncate(o->fd, (off_t)p->offset) == 0;

        parcel_retry(p, -1, "%s: %s%s", f->path, err.text,
                     is_cut ? "" : "; a part of it stayed in the file");
        return;
    }
    o->appends++;
    parcel_done(p);
}

static void
folder_send(void *state, struct parcel *parcels, size_t count)
{
    struct folder *f = state;
    bool all_done = true;

    for (size_t i = 0; i < count; i++) {
        if (!all_done && parcel_held_back(parcels, i))
            continue;
        if (f->stop != NULL && atomic_load_explicit(f->stop, memory_order_relaxed))
            parcel_retry(&parcels[i], -1, "stopping");
        else
            parcel_send(f, &parcels[i]);
        all_done = all_done && parcels[i].sent == SENT_DONE;
    }
}

static enum status
folder_length(void *state, const struct lane *lane, const char *name, uint64_t *length,
              struct err *err)
{
    struct object *o;
    struct stat info;
    bool is_locked;
    enum status st = object_get(state, lane, name, false, &o, &info, &is_locked, err);

    if (is_locked) { /* to look at it is free */
        int fd;

        st = file_open(state, name, false, &fd, err);
        if (st == ST_OK && fstat(fd, &info) != 0)
            st = failed(state, err, "see", name);
        if (fd >= 0)
            close(fd);
    }
    *length = st == ST_OK ? (uint64_t)info.st_size : 0;
    return st == ST_END ? ST_OK : st;
}

static enum status
folder_holds(void *state, const struct lane *lane, const char *name, uint64_t offset,
             struct span bytes, bool *same, struct err *err)
{
    struct folder *f = state;
    const char *last = name;
    int folder, fd;
    enum status st = layout_check(lane, LAYOUT_FOLDER, name, err);

    *same = false;
    if (st == ST_OK)
        st = folder_walk(f, name, false, &folder, &last, err);
    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    fd = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        st = failed(f, err, "open", name);
    close(folder);
    char *there = fd >= 0 ? malloc(bytes.n) : NULL;

    if (fd >= 0 && there == NULL)
        st = err_set(err, ST_FULL, "no memory to read %s/%s", f->path, name);
    if (there != NULL) {
        st = pread_all(fd, there, bytes.n, (off_t)offset, name, err);
        *same = st == ST_OK && memcmp(there, bytes.p, bytes.n) == 0;
    }
    free(there);
    if (fd >= 0)
        close(fd);
    return st == ST_END ? ST_OK : st;
}

/* The last object that is there, or the name behind it when that one takes no more or is another's.
 * Most lanes have one object, so counting up is as quick as it gets. */
static enum status
folder_locate(void *state, const struct lane *lane, bool full, char name[512], uint64_t *length,
              struct err *err)
{
    struct folder *f = state;
    char at[LAYOUT_NAME_MAX];
    bool takes_more = false;

    for (unsigned i = 0; i < LAYOUT_OBJECTS_MAX; i++) {
        struct object *o;
        struct stat info;
        bool is_locked = false;
        enum status st = layout_name(lane, LAYOUT_FOLDER, i, at, err);

        if (st == ST_OK)
            st = object_get(f, lane, at, false, &o, &info, &is_locked, err);
        if (st != ST_OK && st != ST_END && !is_locked)
            return st;
        if (st == ST_END && takes_more && !full)
            return ST_OK;
        snprintf(name, 512, "%s", at);
        *length = st == ST_OK ? (uint64_t)info.st_size : 0;
        if (st == ST_END)
            return ST_OK;
        takes_more =
            !is_locked && o->appends < LAYOUT_APPENDS_MAX && *length < LAYOUT_OBJECT_SIZE_MAX;
    }
    return err_set(err, ST_FULL, "%s: %s has %d objects for one hour", f->path, lane->category,
                   LAYOUT_OBJECTS_MAX);
}

static enum status
folder_cut(void *state, const struct lane *lane, const char *name, uint64_t length, struct err *err)
{
    struct folder *f = state;
    struct object *o;
    struct stat info;
    bool is_locked;
    enum status st = object_get(f, lane, name, false, &o, &info, &is_locked, err);

    if (st == ST_END && length == 0)
        return ST_OK;
    if (st == ST_END || (st == ST_OK && (uint64_t)info.st_size < length))
        return err_set(err, ST_INVALID, "%s/%s has only %llu of %llu bytes", f->path, name,
                       st == ST_END ? 0ULL : (unsigned long long)info.st_size,
                       (unsigned long long)length);
    if (st != ST_OK || (uint64_t)info.st_size == length)
        return st;
    o->is_dirty = true;
    if (ftruncate(o->fd, (off_t)length) != 0)
        return failed(f, err, "cut", name);
    return ST_OK;
}

static enum status
folder_sync_all(void *state, struct err *err)
{
    struct folder *f = state;

    for (size_t i = 0; i < f->open_count; i++) {
        if (!f->objects[i].is_dirty)
            continue;
        if (fdatasync(f->objects[i].fd) != 0)
            sync_failed(f, f->objects[i].name);
        f->objects[i].is_dirty = false;
    }
    pending_sync(f);
    if (f->is_sync_failed)
        return err_set(err, ST_IO, "%s; open the export again", f->sync_err.text);
    return ST_OK;
}

static enum status
folder_check(const struct sink_value *values, size_t count, struct err *err)
{
    const char *path = sink_value_get(&sink_folder, values, count, "path");

    if (strlen(path) >= PATH_SIZE)
        return err_set(err, ST_INVALID, "folder: path has more than %d bytes", PATH_SIZE - 1);
    return ST_OK;
}

static enum status
folder_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
            struct err *err)
{
    enum status st = sink_check(&sink_folder, values, count, err);
    struct folder *f;

    if (st != ST_OK)
        return st;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(err, ST_FULL, "folder: no memory");
    snprintf(f->path, sizeof f->path, "%s", sink_value_get(&sink_folder, values, count, "path"));
    f->root = -1;
    f->stop = stop;
    *state = f;
    return ST_OK;
}

static void
folder_close(void *state)
{
    struct folder *f = state;

    for (size_t i = 0; i < f->open_count; i++)
        close(f->objects[i].fd);
    for (size_t i = 0; i < f->pending_count; i++)
        close(f->pending[i].fd);
    if (f->root >= 0)
        close(f->root);
    free(f);
}

static const struct sink_setting folder_settings[] = {
    {.name = "path",
     .help = "Folder of the local storage account; made, with its parents, when first written to."},
    {0             },
};

const struct sink_kind sink_folder = {
    .name = "folder",
    .help = "A local storage account: containers and hourly blobs as folders and files.",
    .framing = FRAME_LINES,
    .by_hour = true,
    .is_positioned = true,
    .body_max = 4 << 20,
    .batch_bytes = 4 << 20,
    .linger_ms = 500,
    .settings = folder_settings,
    .check = folder_check,
    .open = folder_open,
    .send = folder_send,
    .locate = folder_locate,
    .length = folder_length,
    .holds = folder_holds,
    .cut = folder_cut,
    .sync = folder_sync_all,
    .close = folder_close,
};
