/* inspect.c - looks at a journal's files without taking part: no lock, nothing written. Beside a
 * daemon at work the last blocks may be half written (they count as torn) and the oldest segment
 * may be recycled under it (then it is left out). */
#include "journal/read.h"
#include "journal/scan.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct inspection {
    uint64_t from, to;
    bool verify;
    journal_visit_fn visit;
    void *app;
    struct journal_check *result;
    struct journal_buffer *buffer;
};

static void
report_gap(struct inspection *x, uint64_t from, uint64_t to, uint64_t rows, const char *reason)
{
    struct journal_gap gap = {.from = from, .to = to, .rows = rows, .is_exact = rows > 0};

    snprintf(gap.reason, sizeof gap.reason, "%.150s", reason);
    x->result->bad_blocks++;
    x->result->bad_bytes += to - from;
    if (x->visit != NULL)
        x->visit(x->app, from, NULL, &gap);
}

/* Does the file still hold the segment that was found in it? */
static bool
is_same_life(int fd, const char *path, const struct segment *s)
{
    struct segment_head h;

    return segment_head_read(fd, path, &h, NULL) != ST_OK || h.epoch == s->epoch;
}

static void
count_times(struct journal_check *c, int64_t oldest, int64_t newest)
{
    if (c->blocks == 0 || oldest < c->oldest_admitted)
        c->oldest_admitted = oldest;
    if (c->blocks == 0 || newest > c->newest_admitted)
        c->newest_admitted = newest;
}

static enum status
inspect_frame(struct inspection *x, int fd, const char *path, const struct segment *s,
              const struct frame_head *h, struct err *err)
{
    uint64_t position = s->base + h->at;
    struct block block;
    struct err why = {""};
    enum status st = ST_OK;

    if (position < x->from)
        return ST_OK;
    if (x->verify || x->visit != NULL)
        st = payload_read(x->buffer, fd, path, h, &block, &why);
    if (st != ST_OK) {
        if (!is_same_life(fd, path, s))
            return ST_END;
        (void)err;
        report_gap(x, position, position + h->size, frame_rows(h), why.text);
        return ST_OK;
    }
    count_times(x->result, h->admitted, h->admitted);
    x->result->blocks++;
    x->result->rows += frame_rows(h);
    x->result->bytes += h->body_size;
    if (x->visit != NULL)
        x->visit(x->app, position, &block, NULL);
    return ST_OK;
}

/* All of a segment, by what its summary says. */
static void
summary_count(struct inspection *x, const struct segment *s)
{
    x->result->segments++;
    for (size_t i = 0; i < s->hole_count; i++)
        if (s->holes[i].kind == HOLE_BAD) {
            x->result->bad_blocks++;
            x->result->bad_bytes += s->holes[i].to - s->holes[i].from;
        }
    if (s->block_count == 0)
        return;
    count_times(x->result, s->admitted_min, s->admitted_max);
    x->result->blocks += s->block_count;
    x->result->rows += s->row_count;
    x->result->bytes += s->body_bytes;
}

/* A piece of the journal that is in no file. */
static void
inspect_between(struct inspection *x, const struct segment *s, const struct segment *next)
{
    if (next->previous_end == UINT64_MAX || next->previous_end <= s->end ||
        segment_start(next) <= x->from || s->end >= x->to)
        return;
    report_gap(x, s->end, segment_start(next),
               next->rows_first > s->rows_end ? next->rows_first - s->rows_end : 0,
               "a segment of the journal is missing");
}

static void
extent_of(const struct scanned *found, struct journal_check *result)
{
    if (found->count > 0)
        result->extent.first = result->extent.end = segment_start(found->segments[0]);
    for (size_t i = 0; i < found->count; i++) {
        const struct segment *s = found->segments[i];

        result->disk_bytes += s->file_size;
        if (s->block_count > 0 || s->hole_count > 0)
            result->extent.end = s->end;
    }
}

static enum status
inspect_segment(struct inspection *x, const char *folder, struct segment *s, struct err *err)
{
    uint64_t at = SEGMENT_HEAD_SIZE, end = s->end - s->base;
    char path[PATH_SIZE];
    struct frame_head h;
    enum status st = ST_OK;
    int fd;

    if (s->end <= x->from || s->base >= x->to)
        return ST_OK;
    if (x->visit == NULL && !x->verify && x->from == 0 && x->to == UINT64_MAX) {
        summary_count(x, s);
        return ST_OK;
    }
    segment_path(path, folder, s->base, ".seg");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ST_OK
                               : err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
    x->result->segments++;
    struct segment_head head;

    /* All of it can be served without its head, as long as it has a summary. */
    if (x->verify && s->base >= x->from && segment_head_read(fd, path, &head, NULL) != ST_OK)
        report_gap(x, s->base, s->base + SEGMENT_HEAD_SIZE, 0, "the segment's head is damaged");
    while (at < end && s->base + at < x->to && st == ST_OK) {
        uint64_t expected = at;
        struct hole *hole = segment_hole(s, s->base + at);

        if (hole != NULL) {
            if (hole->kind == HOLE_BAD && hole->to > x->from)
                report_gap(x, hole->from, hole->to, hole->rows, "damaged and quarantined");
            at = hole->to - s->base;
            continue;
        }
        st = walk_next(fd, path, s->epoch, &at, end, &h, err);
        if (st == ST_IO)
            break;
        if (st == ST_END)
            at = end;
        if (at > expected) {
            if (!is_same_life(fd, path, s))
                break;
            if (s->base + at > x->from)
                report_gap(x, s->base + expected, s->base + at, 0, "no good frame");
        }
        if (st == ST_OK) {
            st = inspect_frame(x, fd, path, s, &h, err);
            at += h.size;
        }
    }
    close(fd);
    return st == ST_END ? ST_OK : st;
}

enum status
journal_inspect(const char *folder, uint64_t from, uint64_t to, bool verify, journal_visit_fn visit,
                void *app, struct journal_check *result, struct err *err)
{
    struct inspection x = {from, to == 0 ? UINT64_MAX : to, verify, visit, app, result, NULL};
    struct scanned found;
    uint64_t quarantined_bytes;
    enum status st;

    *result = (struct journal_check){0};
    if (strlen(folder) > PATH_SIZE - 64)
        return err_set(err, ST_INVALID, "the folder name %.64s... is too long", folder);
    st =
        segments_scan(folder, UINT64_C(64) << 20, verify ? SCAN_PAYLOADS : SCAN_HEADS, &found, err);
    if (st != ST_OK)
        return st;
    result->torn_bytes = found.torn_bytes;
    result->quarantined_files = quarantine_count(folder, &quarantined_bytes);
    extent_of(&found, result);
    st = journal_buffer_make(&x.buffer, err);
    for (size_t i = 0; i < found.count && st == ST_OK; i++) {
        if (i > 0)
            inspect_between(&x, found.segments[i - 1], found.segments[i]);
        st = inspect_segment(&x, folder, found.segments[i], err);
    }
    journal_buffer_free(x.buffer);
    scanned_free(&found);
    return st;
}
