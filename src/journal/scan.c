/* scan.c - a crash leaves one or two segments without a summary. Their frames are walked; what is
 * no good frame is a hole. Was a hole acknowledged (damage) or not (torn)? Each frame head tells
 * how far the journal was durable when it was made, so all holes before the highest such mark are
 * damage. Behind it a damaged block cannot be told from a torn one: a hole there is called torn,
 * and good frames behind it are kept, because keeping an unacknowledged block is allowed and losing
 * an acknowledged one is not. */
#include "journal/scan.h"
#include "base/file.h"
#include "journal/summary.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
base_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static enum status
names_read(const char *folder, uint64_t **bases, size_t *count, struct err *err)
{
    size_t room = 0;
    struct dirent *entry;
    DIR *d = opendir(folder);
    uint64_t base;

    *bases = NULL;
    *count = 0;
    if (d == NULL)
        return err_set(err, ST_IO, "cannot open folder %s: %s", folder, strerror(errno));
    while ((entry = readdir(d)) != NULL) {
        if (!segment_name_read(entry->d_name, ".seg", &base))
            continue;
        if (*count == room) {
            uint64_t *larger = realloc(*bases, (room = room * 2 + 64) * sizeof *larger);

            if (larger == NULL) {
                closedir(d);
                return err_set(err, ST_IO, "no memory to list %s", folder);
            }
            *bases = larger;
        }
        (*bases)[(*count)++] = base;
    }
    closedir(d);
    if (*count > 0)
        qsort(*bases, *count, sizeof **bases, base_compare);
    return ST_OK;
}

/* A run's segment whose head is lost is known by its frames, which do not say what is durable. */
static bool
epoch_from_first_frame(int fd, const char *path, struct segment *s)
{
    struct frame_head h;

    if (pread_all(fd, &h, sizeof h, SEGMENT_HEAD_SIZE, path, NULL) != ST_OK ||
        !frame_head_is_good(&h, h.epoch, SEGMENT_HEAD_SIZE))
        return false;
    s->epoch = h.epoch;
    if (h.previous_end == 0 && h.durable == 0 && s->base > 0 && s->rows_first != UINT64_MAX)
        s->rows_bias = s->rows_first;
    return true;
}

static void
add_hole(struct segment *s, uint64_t from, uint64_t to, uint64_t rows)
{
    struct hole hole = {s->base + from, s->base + to, rows, HOLE_BAD,
                        s->rows_first == UINT64_MAX ? HOLE_INEXACT : 0};

    if (segment_add_hole(s, hole) || s->hole_count == 0)
        return;
    struct hole *last = &s->holes[s->hole_count - 1]; /* too many: the last one grows */

    last->to = s->base + to;
    last->rows += rows;
}

/* Does a frame of this life begin at 'at', though not a good one? */
static bool
is_torn_head(int fd, const char *path, const struct segment *s, uint64_t at)
{
    struct frame_head h;

    return pread_all(fd, &h, sizeof h, (off_t)at, path, NULL) == ST_OK && h.epoch == s->epoch &&
           h.at == at;
}

static enum status
frames_scan(int fd, const char *path, struct segment *s, bool verify, struct scanned *found,
            struct err *err)
{
    uint64_t at = SEGMENT_HEAD_SIZE, expected = s->rows_first;
    uint64_t limit = s->file_size < s->span ? s->file_size : s->span;
    struct frame_head h;

    for (;;) {
        enum status st = frame_head_read(fd, path, s->epoch, at, limit, &h, err);

        if (st != ST_OK) {
            st = frame_search(fd, path, s->epoch, at + FRAME_ALIGN, limit, &h, err);
            if (st == ST_IO)
                return st;
            if (st == ST_END)
                break;
            uint64_t rows = s->rows_bias + h.rows_before;

            add_hole(s, at, h.at, expected != UINT64_MAX && rows > expected ? rows - expected : 0);
            if (s->rows_first == UINT64_MAX)
                s->rows_first = rows;
            at = h.at;
        }
        if (verify && frame_payload_check(fd, path, &h, err) != ST_OK) {
            if (s->rows_first == UINT64_MAX)
                s->rows_first = s->rows_bias + h.rows_before;
            add_hole(s, at, at + h.size, frame_rows(&h));
            s->durable_mark = h.durable > s->durable_mark ? h.durable : s->durable_mark;
            s->rows_end = s->rows_bias + h.rows_before + frame_rows(&h);
            s->seq = h.seq + 1;
        } else {
            segment_count_frame(s, &h);
        }
        expected = s->rows_end;
        at += h.size;
    }
    if (s->is_run && at < limit) { /* was synced before it got its name, and is full to its end */
        add_hole(s, at, limit, 0);
        return ST_OK;
    }
    if (is_torn_head(fd, path, s, at)) {
        s->is_torn = true;
        found->torn_blocks++;
        found->torn_bytes += FRAME_HEAD_SIZE;
    }
    return ST_OK;
}

static void
set_whole_bad(struct segment *s)
{
    s->is_whole_bad = true;
    s->end = s->base + s->span;
    s->rows_end = s->rows_first;
    add_hole(s, SEGMENT_HEAD_SIZE, s->span, 0);
}

/* Reads one segment; rows_first is what the one before ended with, UINT64_MAX if there is none. */
static enum status
segment_scan(const char *folder, struct segment *s, bool verify, struct scanned *found,
             struct err *err)
{
    uint64_t rows_first = s->rows_first;
    struct segment_head h;
    char path[PATH_SIZE];
    struct stat info;
    enum status st;
    int fd;

    segment_path(path, folder, s->base, ".seg");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        st = errno == ENOENT ? ST_END : ST_IO;
        (void)err_set(err, st, "cannot open %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return st;
    }
    s->file_size = (uint64_t)info.st_size;
    s->state = SEGMENT_FULL;
    st = segment_head_read(fd, path, &h, err);
    if (st == ST_END) {
        st = err_set(err, ST_INVALID,
                     "%s is of format %u, this program writes %d: use a newer penstock", path,
                     h.version, SEGMENT_VERSION);
        goto done;
    }
    if (st == ST_OK) {
        s->epoch = h.epoch;
        s->span = h.span;
        if ((h.flags & SEGMENT_RUN) != 0) {
            s->rows_bias = s->rows_first = h.rows_before;
            s->previous_end = h.previous_end;
            s->is_run = true;
        }
    }
    if (summary_read(folder, st == ST_OK ? h.epoch : 0, s, err) == ST_OK) {
        st = ST_OK;
        goto done;
    }
    if (st != ST_OK && !epoch_from_first_frame(fd, path, s)) {
        set_whole_bad(s);
        st = ST_OK;
        goto done;
    }
    st = frames_scan(fd, path, s, verify, found, err);
    if (s->rows_first == UINT64_MAX)
        s->rows_first = 0;
    if (s->rows_end < s->rows_first)
        s->rows_end = s->rows_first;
    if (s->block_count == 0 && s->hole_count == 0 && rows_first != UINT64_MAX)
        s->rows_first = s->rows_end = rows_first;
done:
    close(fd);
    return st;
}

/* What the next segment knows about where this one ended. */
static void
segment_fit(struct segment *s, const struct segment *next)
{
    uint64_t known = next->previous_end;

    if (next->block_count == 0 && next->hole_count == 0)
        return;
    if (s->is_whole_bad && s->state != SEGMENT_SEALED) {
        if (s->rows_first == UINT64_MAX)
            s->rows_first = next->rows_first;
        if (next->rows_first > s->rows_first) {
            s->holes[0].rows = next->rows_first - s->rows_first;
            s->holes[0].flags = 0;
        }
        s->rows_end = next->rows_first;
        if (known != UINT64_MAX && known > segment_start(s) && known < s->end)
            s->end = s->holes[0].to = known;
        return;
    }
    if (s->state == SEGMENT_SEALED || known == UINT64_MAX || known > s->base + s->span)
        return;
    uint64_t end = s->end;

    for (size_t i = 0; i < s->hole_count; i++)
        end = s->holes[i].to > end ? s->holes[i].to : end;
    if (known > end)
        add_hole(s, end - s->base, known - s->base,
                 next->rows_first > s->rows_end ? next->rows_first - s->rows_end : 0);
}

/* Says of each hole whether it was acknowledged; torn ones at the end are cut. */
static void
holes_classify(struct segment *s, struct scanned *found)
{
    for (size_t i = 0; i < s->hole_count; i++) {
        struct hole *hole = &s->holes[i];

        if (hole->to <= found->mark || s->is_whole_bad || s->is_run)
            continue;
        hole->kind = HOLE_TORN;
        s->is_torn = true;
        found->torn_blocks++;
        found->torn_bytes += hole->to - hole->from;
    }
    while (s->hole_count > 0 && s->holes[s->hole_count - 1].kind == HOLE_TORN &&
           s->holes[s->hole_count - 1].from >= s->end)
        s->hole_count--;
    if (s->hole_count > 0 && s->holes[s->hole_count - 1].to > s->end)
        s->end = s->holes[s->hole_count - 1].to;
    s->reserved = s->end - s->base;
}

static void
segments_relate(struct scanned *found)
{
    for (size_t i = 0; i + 1 < found->count; i++)
        segment_fit(found->segments[i], found->segments[i + 1]);
    for (size_t i = 0; i < found->count; i++) {
        struct segment *s = found->segments[i];

        if (s->rows_first == UINT64_MAX)
            s->rows_first = s->rows_end = 0;
        if (s->durable_mark > found->mark)
            found->mark = s->durable_mark;
        if (s->state == SEGMENT_SEALED && s->end > found->mark)
            found->mark = s->end;
    }
    for (size_t i = 0; i < found->count; i++)
        if (found->segments[i]->state != SEGMENT_SEALED)
            holes_classify(found->segments[i], found);
    /* A crash can lose a run between the renames that adopt it: the block before is then the one
     * that is there. */
    for (size_t i = 1; i < found->count; i++) {
        struct segment *s = found->segments[i];
        uint64_t end = found->segments[i - 1]->end;

        if (s->state != SEGMENT_SEALED && s->previous_end != UINT64_MAX && s->previous_end > end &&
            s->previous_end > found->mark)
            s->previous_end = end;
    }
}

enum status
segments_scan(const char *folder, uint64_t span_default, enum scan_depth depth,
              struct scanned *found, struct err *err)
{
    uint64_t *bases, rows = UINT64_MAX;
    size_t count;
    enum status st;

    *found = (struct scanned){0};
    st = names_read(folder, &bases, &count, err);
    if (st != ST_OK)
        goto fail;
    found->segments = calloc(count + 1, sizeof *found->segments);
    if (found->segments == NULL) {
        st = err_set(err, ST_IO, "no memory for %zu segments", count);
        goto fail;
    }
    for (size_t i = 0; i < count; i++) {
        struct segment *s = segment_new(bases[i], span_default);

        if (s == NULL) {
            st = err_set(err, ST_IO, "no memory for %zu segments", count);
            goto fail;
        }
        if (i + 1 < count && bases[i + 1] - bases[i] < span_default) /* if the head does not say */
            s->span = bases[i + 1] - bases[i];
        s->rows_first =
            bases[i] == 0 ? 0 : rows; /* the journal's first row is in its first segment */
        st = segment_scan(folder, s, depth == SCAN_PAYLOADS && i + 3 >= count, found, err);
        if (st == ST_END) {
            segment_free(s);
            continue;
        }
        found->segments[found->count++] = s;
        if (st != ST_OK)
            goto fail;
        rows = s->rows_end;
    }
    segments_relate(found);
    free(bases);
    return ST_OK;

fail:
    free(bases);
    scanned_free(found);
    return st;
}

void
scanned_free(struct scanned *found)
{
    for (size_t i = 0; i < found->count; i++)
        segment_free(found->segments[i]);
    free(found->segments);
    *found = (struct scanned){0};
}
