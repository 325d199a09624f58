/* read.c - readers. Each finds its segment under the lock, pins it, and reads its file without the
 * lock. The file of a pinned segment is never written over; it may lose its name, which the reader
 * notices when it opens it, and then it looks again. */
#include "journal/read.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "journal/floors.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

enum {
    ROOM_STEP = 64 << 10,
    ROOM_KEEP = 1 << 20, /* less is never given back */
    SHRINK_READS = 64,
    SKIP_MAX = 4096, /* blocks at a time, so that callers can look around */
    READ_TRIES = 3,  /* a sector that cannot be read that often counts as damaged */
};

enum status
journal_buffer_make(struct journal_buffer **made, struct err *err)
{
    struct journal_buffer *b = calloc(1, sizeof *b);

    if (b == NULL)
        return err_set(err, ST_FULL, "no memory for a reader");
    b->fd = -1;
    b->next_position = UINT64_MAX;
    b->reads_to_shrink = SHRINK_READS;
    *made = b;
    return ST_OK;
}

static void
buffer_close(struct journal_buffer *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

void
journal_buffer_free(struct journal_buffer *b)
{
    if (b == NULL)
        return;
    buffer_close(b);
    ZSTD_freeDCtx(b->zstd);
    free(b->data);
    free(b->body);
    free(b);
}

static bool
room_make(char **data, size_t *room, size_t wanted)
{
    size_t rounded = (wanted + ROOM_STEP - 1) & ~(size_t)(ROOM_STEP - 1);
    char *larger;

    if (wanted <= *room)
        return true;
    larger = malloc(rounded);
    if (larger == NULL)
        return false;
    free(*data); /* nothing in it is needed any more */
    *data = larger;
    *room = rounded;
    return true;
}

static void
room_shrink(char **data, size_t *room, size_t *peak)
{
    if (*room > ROOM_KEEP && *peak < *room / 4) {
        free(*data);
        *data = NULL;
        *room = 0;
    }
    *peak = 0;
}

static void
buffer_shrink(struct journal_buffer *b)
{
    if (--b->reads_to_shrink > 0)
        return;
    b->reads_to_shrink = SHRINK_READS;
    room_shrink(&b->data, &b->room, &b->peak_data);
    room_shrink(&b->body, &b->body_room, &b->peak_body);
}

static enum status
body_inflate(struct journal_buffer *b, const struct frame_head *h, struct span *body,
             struct err *err)
{
    size_t n;

    if (b->zstd == NULL)
        b->zstd = ZSTD_createDCtx();
    if (b->zstd == NULL || !room_make(&b->body, &b->body_room, h->body_size))
        return err_set(err, ST_IO, "no memory to read a block of %u bytes", h->body_size);
    if (h->body_size > b->peak_body)
        b->peak_body = h->body_size;
    n = ZSTD_decompressDCtx(b->zstd, b->body, h->body_size, body->p, body->n);
    if (ZSTD_isError(n) || n != h->body_size)
        return err_set(err, ST_INVALID, "the block does not inflate: %s",
                       ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size");
    *body = (struct span){b->body, n};
    return ST_OK;
}

enum status
payload_read(struct journal_buffer *b, int fd, const char *path, const struct frame_head *h,
             struct block *block, struct err *err)
{
    size_t size = (size_t)h->index_size + h->stored_size;
    enum status st;

    buffer_shrink(b);
    if (!room_make(&b->data, &b->room, size + 1))
        return err_set(err, ST_IO, "no memory to read a block of %zu bytes", size);
    if (size > b->peak_data)
        b->peak_data = size;
    st = pread_all(fd, b->data, size, (off_t)(h->at + FRAME_HEAD_SIZE), path, err);
    if (st == ST_IO)
        return st;
    if (st != ST_OK)
        return err_set(err, ST_INVALID, "the file ends within the block");
    if (crc32c(b->data, size) != h->payload_crc)
        return err_set(err, ST_INVALID, "the block's checksum does not match");
    struct span index = {b->data, h->index_size};
    struct span body = {b->data + h->index_size, h->stored_size};

    if ((h->flags & FRAME_ZSTD) != 0 && (st = body_inflate(b, h, &body, err)) != ST_OK)
        return st;
    return block_open(block, index, body, err);
}

enum status
walk_next(int fd, const char *path, uint64_t epoch, uint64_t *at, uint64_t limit,
          struct frame_head *h, struct err *err)
{
    enum status st;

    if (*at >= limit)
        return ST_END;
    st = frame_head_read(fd, path, epoch, *at, limit, h, err);
    if (st != ST_OK)
        st = frame_search(fd, path, epoch, *at + FRAME_ALIGN, limit, h, err);
    if (st == ST_OK)
        *at = h->at;
    return st;
}

/* Where a reader stands: what it needs from the lock. */
struct place {
    struct segment *segment; /* pinned; only its unchanging fields may be read without the lock */
    uint64_t position, base, epoch, end, rows_bias, rows_first, rows_end;
};

static void
gap_add(struct journal_gap *gap, uint64_t from, uint64_t to, uint64_t rows, bool is_exact,
        const char *reason)
{
    if (gap == NULL)
        return;
    if (gap->to == 0) {
        gap->from = from;
        gap->is_exact = true;
        snprintf(gap->reason, sizeof gap->reason, "%.150s", reason);
    }
    gap->to = to;
    gap->rows += rows;
    gap->is_exact = gap->is_exact && is_exact;
}

/* The reader's position is before the first segment, which is index 0; lock held. */
static void
gap_before_first(const struct journal *j, const struct journal_buffer *b, uint64_t position,
                 struct journal_gap *gap)
{
    const struct segment *first = j->segments[0];
    uint64_t rows = 0, lost;
    bool is_exact = true;

    if (position == 0 || first->base == 0 || first->previous_end == UINT64_MAX ||
        position >= first->previous_end)
        return; /* no block stood between */
    if (b != NULL && b->next_position == position)
        rows = b->next_rows;
    else
        is_exact = yielded_find(j, position, &rows);
    lost = is_exact && first->rows_first > rows ? first->rows_first - rows : 0;
    gap_add(gap, position, segment_start(first), lost, is_exact,
            "journal quota: the blocks were recycled before this reader had them");
}

/* From the end of one segment to the next, which may not follow directly; lock held. */
static void
gap_between(const struct segment *s, const struct segment *next, uint64_t position,
            struct journal_gap *gap)
{
    if (next->previous_end == UINT64_MAX || next->previous_end <= position)
        return;
    gap_add(gap, position, segment_start(next),
            next->rows_first > s->rows_end ? next->rows_first - s->rows_end : 0, true,
            "a segment of the journal is missing");
}

/* Finds and pins the segment of the first block at or after 'position'; passes over known holes.
 * ST_END: nothing durable there. */
static enum status
place_find(struct journal *j, const struct journal_buffer *b, uint64_t position, struct place *p,
           struct journal_gap *gap, struct err *err)
{
    enum status st = ST_OK;

    pthread_mutex_lock(&j->lock);
    p->position = position;
    if (j->segment_count == 0 || (position != 0 && position >= j->durable_end) ||
        j->durable_end <= segment_start(j->segments[0])) {
        p->position = j->durable_end;
        st = position > j->durable_end
                 ? err_set(err, ST_INVALID,
                           "position %" PRIu64 " lies behind the journal's end %" PRIu64, position,
                           j->durable_end)
                 : ST_END;
        goto done;
    }
    size_t i = list_find(j, position);

    if (i == SIZE_MAX || position < segment_start(j->segments[0])) {
        i = 0;
        gap_before_first(j, b, position, gap);
        position = segment_start(j->segments[0]);
    }
    for (;;) {
        struct segment *s = j->segments[i];
        struct hole *hole;

        if (position < segment_start(s))
            position = segment_start(s);
        hole = segment_hole(s, position);
        if (hole != NULL) {
            if (hole->kind == HOLE_BAD)
                gap_add(gap, position, hole->to, hole->rows,
                        position == hole->from && (hole->flags & HOLE_INEXACT) == 0,
                        "damaged, see the journal's quarantine folder");
            position = hole->to;
            continue;
        }
        if (position < s->end) {
            *p = (struct place){s,      position,     s->base,       s->epoch,
                                s->end, s->rows_bias, s->rows_first, s->rows_end};
            s->pin_count++;
            break;
        }
        if (i + 1 == j->segment_count) {
            p->position = position > j->durable_end ? position : j->durable_end;
            st = ST_END;
            break;
        }
        gap_between(s, j->segments[i + 1], position, gap);
        i++;
        position = segment_start(j->segments[i]);
    }
done:
    pthread_mutex_unlock(&j->lock);
    return st;
}

static void
place_leave(struct journal *j, struct place *p)
{
    pthread_mutex_lock(&j->lock);
    segment_unpin(p->segment);
    pthread_mutex_unlock(&j->lock);
}

/* ST_END: the segment was recycled since; look again. */
static enum status
place_open(struct journal *j, struct journal_buffer *b, const struct place *p, char path[PATH_SIZE],
           struct err *err)
{
    segment_path(path, j->folder, p->base, ".seg");
    if (b->fd >= 0 && b->fd_epoch == p->epoch && b->fd_base == p->base)
        return ST_OK;
    buffer_close(b);
    b->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0)
        return err_set(err, errno == ENOENT ? ST_END : ST_IO, "cannot open %s: %s", path,
                       strerror(errno));
    b->fd_epoch = p->epoch;
    b->fd_base = p->base;
    return ST_OK;
}

/* Does a frame start at the place, as far as can be told? If so *rows gets the journal's rows
 * before it. Only looked into when there is no good head there: is it damaged, or did the caller
 * ask for a wrong position? */
static bool
is_boundary(const struct journal_buffer *b, const struct place *p, const char *path, uint64_t *rows)
{
    uint64_t at = SEGMENT_HEAD_SIZE, target = p->position - p->base;
    struct frame_head h;

    if (b->next_position == p->position) {
        *rows = b->next_rows;
        return true;
    }
    *rows = p->rows_first;
    while (at < target) {
        uint64_t from = at;

        if (walk_next(b->fd, path, p->epoch, &at, p->end - p->base, &h, NULL) != ST_OK ||
            at > target) /* from before it to behind it all is damaged */
            return from <= target && target % FRAME_ALIGN == 0;
        *rows = p->rows_bias + h.rows_before + frame_rows(&h);
        at += h.size;
    }
    return at == target;
}

/* What is damaged at the place: from there to the next good frame. 'h': the frame's good head, or
 * NULL. ST_INVALID: no frame starts there. */
static enum status
damage_find(const struct journal_buffer *b, const struct place *p, const char *path,
            const struct frame_head *h, struct hole *hole, struct err *err)
{
    uint64_t rows, next_rows = p->rows_end, at;
    struct frame_head good;
    enum status st;

    *hole = (struct hole){.from = p->position, .kind = HOLE_BAD, .flags = HOLE_COPIED};
    if (h != NULL) {
        hole->to = p->position + h->size;
        hole->rows = frame_rows(h);
        return ST_OK;
    }
    if (!is_boundary(b, p, path, &rows))
        return err_set(err, ST_INVALID, "no block of the journal starts at position %" PRIu64,
                       p->position);
    st = frame_search(b->fd, path, p->epoch, p->position - p->base + FRAME_ALIGN, p->end - p->base,
                      &good, err);
    if (st == ST_IO)
        return st;
    at = p->end - p->base;
    if (st == ST_OK) {
        at = good.at;
        next_rows = p->rows_bias + good.rows_before;
    }
    hole->to = p->base + at;
    hole->rows = next_rows > rows ? next_rows - rows : 0;
    return ST_OK;
}

/* Remembers the damage, once, and copies it to the quarantine. */
static void
damage_note(struct journal *j, struct journal_buffer *b, const struct place *p,
            const struct hole *hole, const char *reason)
{
    bool is_new;

    pthread_mutex_lock(&j->lock);
    is_new = !p->segment->is_gone && segment_add_hole(p->segment, *hole);
    uint64_t before = j->quarantine_size, after = before;

    if (is_new) {
        j->quarantined_count++;
        j->quarantined_bytes += hole->to - hole->from;
        p->segment->is_dirty = true;
        pthread_cond_signal(&j->keeper_wake);
    }
    pthread_mutex_unlock(&j->lock);
    if (!is_new)
        return;
    quarantine_copy(j->folder, b->fd, p->base, hole->from - p->base, hole->to - p->base, reason,
                    &after);
    pthread_mutex_lock(&j->lock);
    j->quarantine_size += after - before;
    pthread_mutex_unlock(&j->lock);
}

/* A read that the disk refused: again later, but not for ever (a sector that is lost stays
 * lost). */
static bool
is_lost(struct journal_buffer *b, uint64_t position)
{
    if (b->failed_position != position)
        b->failed_count = 0;
    b->failed_position = position;
    return ++b->failed_count >= READ_TRIES;
}

/* The block at the place. ST_END: look again, from p->position on, which is moved over damage
 * then. */
static enum status
place_read(struct journal *j, struct journal_buffer *b, struct place *p, struct block *block,
           struct frame_head *h, struct journal_gap *gap, struct err *err)
{
    char path[PATH_SIZE];
    struct hole hole;
    bool has_head;
    struct err why;
    int number;
    enum status st = place_open(j, b, p, path, err);

    if (st != ST_OK)
        return st;
    number = journal_fault(j, "read");
    st = number != 0 ? err_set(&why, ST_IO, "cannot read %s: %s", path, strerror(number))
                     : frame_head_read(b->fd, path, p->epoch, p->position - p->base,
                                       p->end - p->base, h, &why);
    has_head = st == ST_OK;
    if (st == ST_OK)
        st = payload_read(b, b->fd, path, h, block, &why);
    if (st == ST_OK)
        return ST_OK;
    if (st == ST_IO && !is_lost(b, p->position))
        return err_set(err, ST_IO, "%s", why.text);
    st = damage_find(b, p, path, has_head ? h : NULL, &hole, err);
    if (st != ST_OK)
        return st;
    damage_note(j, b, p, &hole, why.text);
    gap_add(gap, hole.from, hole.to, hole.rows, true, why.text);
    p->position = hole.to;
    b->next_position = UINT64_MAX;
    return ST_END;
}

enum status
journal_read(struct journal *j, uint64_t position, struct journal_buffer *b, struct block *block,
             uint64_t *at, uint64_t *next, struct journal_gap *gap, struct err *err)
{
    struct frame_head h;
    struct place p;
    enum status st;

    *gap = (struct journal_gap){0};
    for (;;) {
        st = place_find(j, b, position, &p, gap, err);
        if (st != ST_OK) {
            *at = *next = p.position;
            return st;
        }
        st = place_read(j, b, &p, block, &h, gap, err);
        place_leave(j, &p);
        if (st != ST_END)
            break;
        position = p.position;
    }
    if (st != ST_OK)
        return st;
    *at = p.position;
    *next = p.position + h.size;
    b->next_position = *next;
    b->next_rows = p.rows_bias + h.rows_before + frame_rows(&h);
    b->failed_count = 0;
    return ST_OK;
}

/* One step: true when the block at *position is to be read, or nothing can be told of it here. */
static enum status
skip_one(struct journal *j, struct journal_buffer *b, uint64_t *position, enum block_kind kind,
         bool *is_found, struct err *err)
{
    struct journal_gap gap = {0};
    char path[PATH_SIZE];
    struct frame_head h;
    struct place p;
    struct err ignored;
    enum status st = place_find(j, b, *position, &p, &gap, err);

    *is_found = gap.to != 0;
    if (st == ST_OK && *is_found)
        place_leave(j, &p);
    if (*is_found)
        return ST_OK;
    *position = p.position;
    if (st != ST_OK)
        return st;
    st = place_open(j, b, &p, path, err);
    if (st == ST_OK && (frame_head_read(b->fd, path, p.epoch, p.position - p.base, p.end - p.base,
                                        &h, &ignored) != ST_OK ||
                        h.kind == (uint32_t)kind)) {
        *is_found = true;
    } else if (st == ST_OK) {
        *position = b->next_position = p.position + h.size;
        b->next_rows = p.rows_bias + h.rows_before + frame_rows(&h);
    } else if (st == ST_END) {
        st = ST_OK; /* recycled meanwhile: look again */
    }
    place_leave(j, &p);
    return st;
}

enum status
journal_skip(struct journal *j, uint64_t position, enum block_kind kind,
             struct journal_buffer *buffer, uint64_t *at, struct err *err)
{
    enum status st = ST_OK;
    bool is_found = false;

    *at = position;
    for (int i = 0; i < SKIP_MAX && st == ST_OK && !is_found; i++)
        st = skip_one(j, buffer, at, kind, &is_found, err);
    return st;
}

/* The head of the first good frame at or after 'position'. ST_END: there is none yet. Opens the
 * file for this one look. */
static enum status
head_at(struct journal *j, uint64_t position, struct place *p, struct frame_head *h,
        struct err *err)
{
    char path[PATH_SIZE];
    enum status st;

    for (;;) {
        st = place_find(j, NULL, position, p, NULL, err);
        if (st != ST_OK)
            return st;
        segment_path(path, j->folder, p->base, ".seg");
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        bool is_gone = fd < 0 && errno == ENOENT;
        uint64_t offset = p->position - p->base;

        st = fd < 0 ? err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno))
                    : walk_next(fd, path, p->epoch, &offset, p->end - p->base, h, err);
        if (fd >= 0)
            close(fd);
        place_leave(j, p);
        if (is_gone)
            continue;
        if (st != ST_END)
            return st;
        position = p->end; /* nothing good to the segment's end */
    }
}

enum status
rows_before(struct journal *j, uint64_t position, uint64_t *rows, int64_t *admitted, bool *is_exact,
            struct err *err)
{
    struct place p;
    struct frame_head h;
    enum status st;

    *is_exact = true;
    *admitted = INT64_MAX;
    pthread_mutex_lock(&j->lock);
    if (position > j->durable_end)
        position = j->durable_end;
    bool is_before =
        j->segment_count > 0 && position != 0 && position < segment_start(j->segments[0]) &&
        j->segments[0]->previous_end != UINT64_MAX && position < j->segments[0]->previous_end;
    bool is_known = is_before && yielded_find(j, position, rows);

    pthread_mutex_unlock(&j->lock);
    st = head_at(j, position, &p, &h, err);
    if (st == ST_END) {
        pthread_mutex_lock(&j->lock);
        if (!is_known)
            *rows = j->durable_rows;
        pthread_mutex_unlock(&j->lock);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    *admitted = h.admitted;
    *is_exact = !is_before || is_known;
    if (!is_known)
        *rows = p.rows_bias + h.rows_before;
    return ST_OK;
}

enum status
journal_count_rows(struct journal *j, uint64_t from, uint64_t to, uint64_t *rows,
                   int64_t *oldest_admitted, struct err *err)
{
    uint64_t first, last;
    int64_t later;
    bool is_exact;
    enum status st = rows_before(j, from, &first, oldest_admitted, &is_exact, err);

    if (st == ST_OK)
        st = rows_before(j, to, &last, &later, &is_exact, err);
    if (st != ST_OK)
        return st;
    *rows = to > from && last > first ? last - first : 0;
    if (*oldest_admitted == INT64_MAX || to <= from)
        *oldest_admitted = 0;
    return ST_OK;
}

/* The first frame of a segment that was admitted at or after 'ticks'. ST_END: none. */
static enum status
segment_find_time(const struct journal *j, const struct place *p, int64_t ticks, uint64_t *position,
                  struct err *err)
{
    char path[PATH_SIZE];
    struct frame_head h;
    uint64_t at = SEGMENT_HEAD_SIZE;
    enum status st;
    int fd;

    segment_path(path, j->folder, p->base, ".seg");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ST_END : ST_IO, "cannot open %s: %s", path,
                       strerror(errno));
    while ((st = walk_next(fd, path, p->epoch, &at, p->end - p->base, &h, err)) == ST_OK) {
        if (h.admitted >= ticks) {
            *position = p->base + at;
            break;
        }
        at += h.size;
    }
    close(fd);
    return st;
}

enum status
journal_find_time(struct journal *j, int64_t ticks, uint64_t *position, struct err *err)
{
    uint64_t after = 0;

    for (;;) {
        struct place p = {0};
        enum status st;

        pthread_mutex_lock(&j->lock);
        *position = j->durable_end;
        for (size_t i = 0; i < j->segment_count && p.segment == NULL; i++) {
            struct segment *s = j->segments[i];

            if (s->base < after || s->block_count == 0 || s->admitted_max < ticks)
                continue;
            p = (struct place){.segment = s, .base = s->base, .epoch = s->epoch, .end = s->end};
            s->pin_count++;
        }
        pthread_mutex_unlock(&j->lock);
        if (p.segment == NULL)
            return ST_OK;
        after = p.base + 1;
        st = segment_find_time(j, &p, ticks, position, err);
        place_leave(j, &p);
        if (st != ST_END)
            return st;
    }
}
