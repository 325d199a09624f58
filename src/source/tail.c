/* tail.c - the kind "file": follows files by path or pattern, through rotation by rename, by
 * truncation and by copy-and-truncate.
 *
 * A file is known by device and inode as long as its first bytes stay the same; each such life gets
 * a number of its own that is never used again. What is about to be admitted, [offset, intent), is
 * written to the checkpoint first; its batch id is made of the life's number and these two offsets.
 * After a crash the same bytes therefore come again under the same id, and a file that was cut and
 * has grown again can never be taken for what was read before.
 *
 * A renamed file is read on through its open descriptor until it has been still for a while; after
 * a restart it is looked for by its inode beside where it was. */
#include "base/crc32c.h"
#include "base/file.h"
#include "source/source.h"
#include "wire/json.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MAX = 500,
    PATH_MAX_KEPT = 1024,
    MARK_SIZE_MAX = 256, /* first bytes that a file is recognised by */
    CHUNK = 64 << 10,    /* line ends are looked for in such pieces */
    CHECKPOINT_MAX = 4 << 20,
    LOOK_MS = 500,   /* how often the pattern is matched against the folder while busy */
    AWAY_MS = 60000, /* how long a file that lost its path is waited for */
};

struct tracked {
    char path[PATH_MAX_KEPT];
    int fd;
    dev_t device;
    ino_t inode;
    uint64_t life, offset, intent; /* intent 0: none; else [offset, intent) is being admitted */
    uint32_t mark_size, mark_crc;
    uint64_t size_seen;
    int64_t grown_ms; /* when size_seen last changed */
    bool has_path;    /* something that matches the pattern names it */
};

struct tail {
    struct source_context context; /* borrowed strings */
    struct source_counters *counters;
    const atomic_bool *stop;
    char *pattern, *checkpoint;
    uint64_t batch_size;
    int64_t settle_ms;
    bool from_end, park;
    uint64_t epoch, next_life; /* epoch: of the checkpoint file; lives of another one are others */
    bool is_loaded, is_dirty;
    int64_t looked_ms;
    struct err trouble; /* found while looking; "" if none */
    size_t count, next; /* files; whose turn it is */
    struct tracked files[FILES_MAX];
    char chunk[CHUNK];
};

static const struct source_setting tail_settings[] = {
    {"path",  "File to follow, or a pattern such as /var/log/xdr/*.json.", NULL, false, false},
    {"from",   "Where to begin in files that are there at the very first start: start or end.",
     "start", false, false},
    {"batch_bytes",  "Bytes of lines that are admitted together, 4096 to 8388608.", "1048576", false,
     false},
    {"settle_ms",
     "After so long without growth a last line without line end is taken, if it looks complete.", "5000", false, false},
    {"on_error", "What to do with bad lines: park (and go on) or stop.", "park", false, false},
    {0 },
};

/* ==== checkpoint */

/* The path in printable ASCII: '%' and whatever JSON could not hold as %XX. */
static void
encode_path(const char *path, char out[3 * PATH_MAX_KEPT])
{
    size_t n = 0;

    for (const char *p = path; *p != '\0'; p++) {
        if (*p > 0x20 && *p < 0x7f && *p != '%')
            out[n++] = *p;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)*p);
    }
    out[n] = '\0';
}

static void
decode_path(const char *text, char out[PATH_MAX_KEPT])
{
    size_t n = 0;
    unsigned byte;

    for (const char *p = text; *p != '\0' && n < PATH_MAX_KEPT - 1; p++) {
        if (*p == '%' && sscanf(p + 1, "%2X", &byte) == 1 && p[1] != '\0' && p[2] != '\0') {
            out[n++] = (char)byte;
            p += 2;
        } else {
            out[n++] = *p;
        }
    }
    out[n] = '\0';
}

static json_t *
file_to_json(const struct tracked *f)
{
    char path[3 * PATH_MAX_KEPT];

    encode_path(f->path, path);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "path", path, "device",
                     (json_int_t)f->device, "inode", (json_int_t)f->inode, "life",
                     (json_int_t)f->life, "offset", (json_int_t)f->offset, "intent",
                     (json_int_t)f->intent, "markSize", (json_int_t)f->mark_size, "markCrc",
                     (json_int_t)f->mark_crc);
}

static enum status
save(struct tail *t, struct err *err)
{
    json_t *files = json_array(), *root;
    enum status st = ST_FULL;
    char *text = NULL;

    for (size_t i = 0; i < t->count; i++)
        json_array_append_new(files, file_to_json(&t->files[i]));
    root = json_pack("{s:i, s:I, s:I, s:o}", "version", 1, "epoch", (json_int_t)t->epoch,
                     "nextLife", (json_int_t)t->next_life, "files", files);
    if (root != NULL && json_array_size(files) == t->count)
        text = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (text == NULL)
        return err_set(err, ST_FULL, "no memory to write %s", t->checkpoint);
    st = file_replace(t->checkpoint, span_of(text), 0640, err);
    free(text);
    if (st == ST_OK)
        t->is_dirty = false;
    return st;
}

static bool
is_regular(int fd, struct stat *info)
{
    return fstat(fd, info) == 0 && S_ISREG(info->st_mode);
}

static bool
mark_holds(int fd, uint32_t size, uint32_t crc)
{
    char mark[MARK_SIZE_MAX];

    return size <= MARK_SIZE_MAX && pread(fd, mark, size, 0) == (ssize_t)size &&
           crc32c(mark, size) == crc;
}

/* Opens what stands at 'path' if it is the file that 'f' says. */
static bool
open_same(struct tracked *f, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return false;
    if (is_regular(fd, &info) && info.st_dev == f->device && info.st_ino == f->inode &&
        (uint64_t)info.st_size >= f->offset && mark_holds(fd, f->mark_size, f->mark_crc)) {
        f->fd = fd;
        snprintf(f->path, sizeof f->path, "%s", path);
        return true;
    }
    close(fd);
    return false;
}

/* Looks for a renamed file beside where it was. */
static bool
open_beside(struct tracked *f)
{
    char folder[PATH_MAX_KEPT], path[PATH_MAX_KEPT + 300], *slash;
    struct dirent *entry;
    bool found = false;
    DIR *d;

    snprintf(folder, sizeof folder, "%s", f->path);
    slash = strrchr(folder, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    d = opendir(folder[0] != '\0' ? folder : "/");
    if (d == NULL)
        return false;
    while (!found && (entry = readdir(d)) != NULL) {
        if (entry->d_ino != f->inode)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        found = open_same(f, path);
    }
    closedir(d);
    return found;
}

static void
load_file(struct tail *t, json_t *j)
{
    struct tracked *f = &t->files[t->count];
    json_int_t device, inode, life, offset, intent, mark_size, mark_crc;
    const char *path;
    char kept[PATH_MAX_KEPT];

    if (t->count == FILES_MAX ||
        json_unpack(j, "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "path", &path, "device", &device,
                    "inode", &inode, "life", &life, "offset", &offset, "intent", &intent,
                    "markSize", &mark_size, "markCrc", &mark_crc) != 0)
        return;
    *f = (struct tracked){
        .fd = -1,
        .device = (dev_t)device,
        .inode = (ino_t)inode,
        .life = (uint64_t)life,
        .offset = (uint64_t)offset,
        .intent = (uint64_t)intent,
        .mark_size = (uint32_t)mark_size,
        .mark_crc = (uint32_t)mark_crc,
        .grown_ms = t->context.now_ms(t->context.clock),
    };
    decode_path(path, kept);
    snprintf(f->path, sizeof f->path, "%s", kept);
    if (open_same(f, kept) || open_beside(f))
        t->count++;
    else
        err_set(&t->trouble, ST_IO,
                "%s was removed or cut while this source was away; if it had more lines, they are "
                "lost",
                kept);
}

/* No checkpoint: a first start. One that cannot be read: ST_INVALID, nothing is guessed. */
static enum status
load(struct tail *t, struct err *err)
{
    char *text = NULL;
    size_t size;
    json_t *root, *files, *file;
    json_error_t where;
    json_int_t epoch, next_life;
    size_t i;
    int version;
    enum status st = file_read(t->checkpoint, CHECKPOINT_MAX, &text, &size, err);

    if (st == ST_END) {
        t->epoch = (uint64_t)t->context.now(t->context.clock);
        t->next_life = 1;
        return ST_END;
    }
    if (st != ST_OK)
        return st;
    root = json_loadb(text, size, 0, &where);
    free(text);
    if (root == NULL ||
        json_unpack(root, "{s:i, s:I, s:I, s:o}", "version", &version, "epoch", &epoch, "nextLife",
                    &next_life, "files", &files) != 0 ||
        version != 1) {
        json_decref(root);
        return err_set(err, ST_INVALID,
                       "%s is not a checkpoint of this version; move it away to begin anew (lines "
                       "that were taken are then taken again)",
                       t->checkpoint);
    }
    t->epoch = (uint64_t)epoch;
    t->next_life = (uint64_t)next_life;
    json_array_foreach(files, i, file) load_file(t, file);
    json_decref(root);
    return ST_OK;
}

/* ==== files come and go */

static void
begin_life(struct tail *t, struct tracked *f)
{
    f->life = t->next_life++;
    f->offset = f->intent = 0;
    f->mark_size = f->mark_crc = 0;
    t->is_dirty = true;
}

/* A line may be unfinished at the end: begins behind the last line end. */
static uint64_t
last_line_end(struct tail *t, int fd, uint64_t from, uint64_t to)
{
    while (to > from) {
        size_t n = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        struct err ignored;

        if (pread_all(fd, t->chunk, n, (off_t)(to - n), "", &ignored) != ST_OK)
            return from;

        const char *end = memrchr(t->chunk, '\n', n);

        if (end != NULL)
            return to - n + (uint64_t)(end - t->chunk) + 1;
        to -= n;
    }
    return from;
}

static void
add_file(struct tail *t, const char *path, bool at_end)
{
    struct tracked *f = &t->files[t->count];
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        if (errno != ENOENT)
            err_set(&t->trouble, ST_IO, "cannot open %s: %s", path, strerror(errno));
        return;
    }
    if (!is_regular(fd, &info)) {
        close(fd);
        return;
    }
    *f = (struct tracked){
        .fd = fd,
        .device = info.st_dev,
        .inode = info.st_ino,
        .has_path = true,
        .grown_ms = t->context.now_ms(t->context.clock),
    };
    snprintf(f->path, sizeof f->path, "%s", path);
    begin_life(t, f);
    if (at_end)
        f->offset = last_line_end(t, fd, 0, (uint64_t)info.st_size);
    t->count++;
}

static struct tracked *
find_file(struct tail *t, const struct stat *info)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->files[i].inode == info->st_ino && t->files[i].device == info->st_dev)
            return &t->files[i];
    }
    return NULL;
}

static void
see_path(struct tail *t, const char *path, bool at_end)
{
    struct tracked *f;
    struct stat info;

    if (strlen(path) >= PATH_MAX_KEPT || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    f = find_file(t, &info);
    if (f != NULL) {
        f->has_path = true;
        if (strcmp(f->path, path) != 0) {
            snprintf(f->path, sizeof f->path, "%s", path);
            t->is_dirty = true;
        }
    } else if (t->count == FILES_MAX) {
        err_set(&t->trouble, ST_IO, "more than %d files match %s; %s has to wait", FILES_MAX,
                t->pattern, path);
    } else {
        add_file(t, path, at_end);
    }
}

/* Lets go of files that nothing names any more and that have been still. */
static void
forget_gone(struct tail *t)
{
    int64_t now = t->context.now_ms(t->context.clock);

    for (size_t i = 0; i < t->count;) {
        struct tracked *f = &t->files[i];

        if (f->has_path || f->intent != 0 || f->offset < f->size_seen ||
            now - f->grown_ms < AWAY_MS) {
            i++;
            continue;
        }
        close(f->fd);
        *f = t->files[--t->count];
        t->is_dirty = true;
    }
}

static void
look(struct tail *t, bool at_end)
{
    glob_t found;

    t->looked_ms = t->context.now_ms(t->context.clock);
    for (size_t i = 0; i < t->count; i++)
        t->files[i].has_path = false;
    if (glob(t->pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            see_path(t, found.gl_pathv[i], at_end);
        globfree(&found);
    }
    forget_gone(t);
}

/* ==== reading */

/* The first line end at or behind 'from', before 'to'; 0: none. */
static uint64_t
first_line_end(struct tail *t, int fd, uint64_t from, uint64_t to)
{
    while (from < to) {
        size_t n = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        struct err ignored;

        if (pread_all(fd, t->chunk, n, (off_t)from, "", &ignored) != ST_OK)
            return 0;

        const char *end = memchr(t->chunk, '\n', n);

        if (end != NULL)
            return from + (uint64_t)(end - t->chunk) + 1;
        from += n;
    }
    return 0;
}

/* Whether what stands before 'size' could be the end of a record. */
static bool
looks_complete(struct tail *t, const struct tracked *f, uint64_t size)
{
    size_t n = size - f->offset < CHUNK ? (size_t)(size - f->offset) : CHUNK;
    struct err ignored;

    if (pread_all(f->fd, t->chunk, n, (off_t)(size - n), "", &ignored) != ST_OK)
        return false;
    while (n > 0 && strchr(" \t\r", t->chunk[n - 1]) != NULL)
        n--;
    return n > 0 && t->chunk[n - 1] == '}';
}

/* Where the next batch of the file ends; offset: there is none yet. */
static uint64_t
batch_end(struct tail *t, const struct tracked *f, uint64_t size)
{
    uint64_t end = f->offset + t->batch_size, found;
    int64_t still_ms = t->context.now_ms(t->context.clock) - f->grown_ms;

    if (end > size)
        end = size;
    found = last_line_end(t, f->fd, f->offset, end);
    if (found > f->offset)
        return found;
    if (end < size) { /* a line longer than a batch */
        uint64_t limit = f->offset + t->context.record_size_max + CHUNK;

        found = first_line_end(t, f->fd, end, size < limit ? size : limit);
        if (found != 0)
            return found;
        if (limit <= size)
            return limit; /* admission says that it is too long */
    }
    if (size > f->offset && still_ms >= t->settle_ms &&
        (looks_complete(t, f, size) || (!f->has_path && still_ms >= AWAY_MS)))
        return size;
    return f->offset;
}

/* The file's size, its life begun anew if it was cut. */
static enum status
measure(struct tail *t, struct tracked *f, uint64_t *size, struct err *err)
{
    struct stat info;

    if (fstat(f->fd, &info) != 0)
        return err_set(err, ST_IO, "cannot see %s: %s", f->path, strerror(errno));
    *size = (uint64_t)info.st_size;
    if (*size != f->size_seen) {
        f->size_seen = *size;
        f->grown_ms = t->context.now_ms(t->context.clock);
    }
    if (*size < f->offset || *size < f->intent || !mark_holds(f->fd, f->mark_size, f->mark_crc))
        begin_life(t, f);
    return ST_OK;
}

static void
set_mark(struct tracked *f)
{
    char mark[MARK_SIZE_MAX];
    size_t size = f->offset < MARK_SIZE_MAX ? (size_t)f->offset : MARK_SIZE_MAX;

    if (size <= f->mark_size || pread(f->fd, mark, size, 0) != (ssize_t)size)
        return;
    f->mark_size = (uint32_t)size;
    f->mark_crc = crc32c(mark, size);
}

/* Reads [offset, intent) into the admission. */
static enum status
feed(const struct tracked *f, struct admission *x, struct err *err)
{
    uint64_t at = f->offset;

    while (at < f->intent) {
        char *space;
        size_t room;
        enum status st;

        if (admit_space(x, &space, &room) != ST_OK)
            return ST_OK; /* the result says why */
        if (room > f->intent - at)
            room = (size_t)(f->intent - at);
        st = pread_all(f->fd, space, room, (off_t)at, f->path, err);
        if (st != ST_OK)
            return ST_IO;
        if (admit_filled(x, room) != ST_OK)
            return ST_OK;
        at += room;
    }
    return ST_OK;
}

static enum status
admit_batch(struct tail *t, struct tracked *f, struct err *err)
{
    char id[300];
    struct admit_request request = {
        .shape = t->context.table != NULL ? ADMIT_ROWS : ADMIT_ENVELOPES,
        .tenant = t->context.tenant[0] != '\0' ? t->context.tenant : NULL,
        .table = t->context.table != NULL ? span_of(t->context.table) : (struct span){NULL, 0},
        .park = t->park,
    };
    struct admission *x;
    struct admit_result *result = malloc(sizeof *result);
    enum status st;

    if (result == NULL)
        return err_set(err, ST_FULL, "no memory");
    snprintf(id, sizeof id, "file:%s:%llx:%llx:%llx:%llx", t->context.name,
             (unsigned long long)t->epoch, (unsigned long long)f->life,
             (unsigned long long)f->offset, (unsigned long long)f->intent);
    request.batch_id = span_of(id);
    st = admit_begin(t->context.admitter, &request, &x, err);
    if (st == ST_OK && (st = feed(f, x, err)) != ST_OK) {
        admit_abort(x);
    } else if (st == ST_OK) {
        admit_end(x, result);
        st = source_settle(result, t->counters, err);
        if (st == ST_INVALID) {
            err_set(err, ST_INVALID, "%.100s, lines from byte %llu on: %s", f->path,
                    (unsigned long long)f->offset, result->err.text);
        }
    }
    free(result);
    return st;
}

/* One batch of one file. ST_END: it has none. */
static enum status
take(struct tail *t, struct tracked *f, struct err *err)
{
    uint64_t size = 0;
    enum status st = measure(t, f, &size, err);

    if (st != ST_OK)
        return st;
    if (f->intent == 0) {
        uint64_t end = batch_end(t, f, size);

        if (end == f->offset)
            return ST_END;
        f->intent = end;
        t->is_dirty = true;
    }
    /* The intent has to be durable before anything of it can be; this also notes the batch
     * before. */
    if (t->is_dirty && (st = save(t, err)) != ST_OK)
        return st;
    if ((st = admit_batch(t, f, err)) != ST_OK)
        return st;
    f->offset = f->intent;
    f->intent = 0;
    set_mark(f);
    t->is_dirty = true;
    return ST_OK;
}

static void
count_lag(struct tail *t)
{
    int64_t lag = 0;

    for (size_t i = 0; i < t->count; i++)
        lag += (int64_t)(t->files[i].size_seen - t->files[i].offset);
    atomic_store(&t->counters->lag_bytes, lag);
}

/* One batch of the first file, from the one whose turn it is, that has any. */
static enum status
take_turn(struct tail *t, struct err *err)
{
    for (size_t i = 0; i < t->count && !atomic_load(t->stop); i++) {
        enum status st = take(t, &t->files[t->next++ % t->count], err);

        count_lag(t);
        if (st != ST_END)
            return st;
    }
    return ST_END;
}

static enum status
tail_step(void *state, struct err *err)
{
    struct tail *t = state;
    enum status st;

    if (!t->is_loaded) {
        st = load(t, err);
        if (st != ST_OK && st != ST_END)
            return st;
        t->is_loaded = true;
        look(t, st == ST_END && t->from_end);
    } else if (t->context.now_ms(t->context.clock) - t->looked_ms >= LOOK_MS) {
        look(t, false);
    }
    if ((st = take_turn(t, err)) != ST_END)
        return st;

    uint64_t lives = t->next_life;

    look(t, false);
    if (t->next_life != lives && (st = take_turn(t, err)) != ST_END)
        return st;
    if (t->is_dirty && (st = save(t, err)) != ST_OK)
        return st;
    if (t->trouble.text[0] != '\0') {
        *err = t->trouble;
        t->trouble.text[0] = '\0';
        return ST_IO;
    }
    return ST_END;
}

/* ==== open and close */

static enum status
tail_check(const struct source_value *values, size_t count, struct err *err)
{
    const char *from = source_value_get(&source_file, values, count, "from");
    const char *on_error = source_value_get(&source_file, values, count, "on_error");
    const char *path = source_value_get(&source_file, values, count, "path");
    uint64_t number;

    if (path[0] != '/')
        return err_set(err, ST_INVALID, "path is '%.100s': expected one that begins with '/'",
                       path);
    if (strcmp(from, "start") != 0 && strcmp(from, "end") != 0)
        return err_set(err, ST_INVALID, "from is '%.40s': expected start or end", from);
    if (strcmp(on_error, "park") != 0 && strcmp(on_error, "stop") != 0)
        return err_set(err, ST_INVALID, "on_error is '%.40s': expected park or stop", on_error);
    if (source_number(&source_file, values, count, "batch_bytes", 4096, 8 << 20, &number, err) !=
        ST_OK)
        return ST_INVALID;
    return source_number(&source_file, values, count, "settle_ms", 0, 3600000, &number, err);
}

static void
tail_close(void *state)
{
    struct tail *t = state;
    struct err ignored;

    if (t->is_loaded && t->is_dirty && t->checkpoint != NULL)
        (void)!save(t, &ignored); /* the batch ids make up for it */
    for (size_t i = 0; i < t->count; i++)
        close(t->files[i].fd);
    free(t->pattern);
    free(t->checkpoint);
    free(t);
}

static enum status
tail_open(const struct source_context *context, const struct source_value *values, size_t count,
          struct source_counters *counters, const atomic_bool *stop, void **state, struct err *err)
{
    struct tail *t = calloc(1, sizeof *t);
    uint64_t settle_ms;

    if (t == NULL)
        return err_set(err, ST_FULL, "no memory for a source");
    t->context = *context;
    t->counters = counters;
    t->stop = stop;
    t->pattern = strdup(source_value_get(&source_file, values, count, "path"));
    t->from_end = strcmp(source_value_get(&source_file, values, count, "from"), "end") == 0;
    t->park = context->can_park &&
              strcmp(source_value_get(&source_file, values, count, "on_error"), "park") == 0;
    if (t->pattern == NULL ||
        asprintf(&t->checkpoint, "%s/%s.checkpoint", context->folder, context->name) < 0) {
        t->checkpoint = NULL;
        tail_close(t);
        return err_set(err, ST_FULL, "no memory for a source");
    }
    if (source_number(&source_file, values, count, "batch_bytes", 4096, 8 << 20, &t->batch_size,
                      err) != ST_OK ||
        source_number(&source_file, values, count, "settle_ms", 0, 3600000, &settle_ms, err) !=
            ST_OK) {
        tail_close(t);
        return ST_INVALID;
    }
    t->settle_ms = (int64_t)settle_ms;
    *state = t;
    return ST_OK;
}

const struct source_kind source_file = {
    .name = "file",
    .help = "Lines of files that grow: rows of one table, or envelopes.",
    .settings = tail_settings,
    .idle_ms = 250,
    .check = tail_check,
    .open = tail_open,
    .step = tail_step,
    .close = tail_close,
};
