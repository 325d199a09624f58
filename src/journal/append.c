/* append.c - group commit without a committing thread. An appender reserves its place under the
 * lock, writes beside the others, and then whoever finds no sync under way syncs for all frames
 * written so far; the others wait for that, or for the next one. The durable end moves over the
 * frames in order, so a frame counts only when all before it are synced too. */
#include "journal/append.h"
#include "base/crc32c.h"
#include "journal/requests.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum { SYNC_SEGMENTS_MAX = 4 };
static const char zeros[FRAME_ALIGN];

enum status
frame_prepare(struct journal *j, struct span index, struct span body, struct frame *f,
              struct err *err)
{
    struct block block;
    enum status st = block_open(&block, index, body, err);

    if (st != ST_OK)
        return st;
    *f = (struct frame){.index = index};
    if (frame_size(index.n, body.n) > j->options.segment_size - SEGMENT_HEAD_SIZE)
        return err_set(err, ST_INVALID, "a block of %zu bytes does not fit a segment of %" PRIu64,
                       index.n + body.n, j->options.segment_size);
    f->body = compress_body(j, body, &f->compressor);
    f->head = (struct frame_head){
        .size = (uint32_t)frame_size(index.n, f->body.n),
        .index_size = (uint32_t)index.n,
        .body_size = (uint32_t)body.n,
        .stored_size = (uint32_t)f->body.n,
        .payload_crc = crc32c_extend(crc32c(index.p, index.n), f->body.p, f->body.n),
        .flags = f->body.p != body.p ? FRAME_ZSTD : 0,
        .kind = block.head->kind,
        .row_count = block.head->row_count,
        .admitted = block.head->admitted,
        .part = block.head->part,
        .parts_end = block.head->parts_end,
    };
    memcpy(f->head.request_id, block.head->request_id, sizeof f->head.request_id);
    return ST_OK;
}

void
frame_done(struct journal *j, struct frame *f)
{
    compressed_done(j, f->compressor);
    f->compressor = NULL;
}

static enum status
write_failed(struct err *err, int number)
{
    return err_set(err, number == ENOSPC || number == EDQUOT ? ST_FULL : ST_IO,
                   "cannot write to the journal: %s", strerror(number));
}

enum status
frame_write(struct journal *j, int fd, struct frame *f, struct err *err)
{
    size_t used = FRAME_HEAD_SIZE + f->index.n + f->body.n, at = 0;
    int number = journal_fault(j, "write");

    if (number != 0)
        return write_failed(err, number);
    frame_head_seal(&f->head);
    while (at < f->head.size) {
        struct span pieces[4] = {
            {(const char *)&f->head, FRAME_HEAD_SIZE    },
            f->index,
            f->body,
            {zeros,                  f->head.size - used}
        };
        struct iovec io[4];
        size_t skip = at;
        int count = 0;

        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
            if (skip >= pieces[i].n) {
                skip -= pieces[i].n;
                continue;
            }
            io[count].iov_base = (void *)(uintptr_t)(pieces[i].p + skip);
            io[count++].iov_len = pieces[i].n - skip;
            skip = 0;
        }
        ssize_t n = pwritev(fd, io, count, (off_t)(f->head.at + at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return write_failed(err, n < 0 ? errno : EIO);
        at += (size_t)n;
    }
    return ST_OK;
}

void
ticket_queue(struct journal *j, struct ticket *t)
{
    t->next = NULL;
    if (j->newest != NULL)
        j->newest->next = t;
    else
        j->oldest = t;
    j->newest = t;
    t->segment->pending++;
}

/* The next segment takes the place of a full one; lock held. */
static bool
next_activate(struct journal *j)
{
    struct segment *s = j->next;

    if (s == NULL || !list_add(j, s))
        return false;
    if (j->active != NULL) {
        j->active->state = SEGMENT_FULL;
        if (j->active->pending == 0)
            pthread_cond_signal(&j->keeper_wake);
    }
    s->rows_first = s->rows_end = j->reserved_rows;
    s->previous_end = j->reserved_end;
    j->active = s;
    j->next = NULL;
    return true;
}

/* Gives the frame its place; lock held, but given up while a segment is waited for. */
static enum status
reserve(struct journal *j, struct ticket *t, struct err *err)
{
    struct frame_head *h = &t->head;
    struct segment *s;

    for (;;) {
        if (j->is_failed)
            return journal_failed(j, err);
        if (j->is_closing)
            return err_set(err, ST_INVALID, "the journal is being closed");
        s = j->active;
        if (s != NULL && s->reserved + h->size <= s->span)
            break;
        if (next_activate(j))
            continue;
        if (j->next != NULL)
            return err_set(err, ST_FULL, "no memory for one more segment");
        enum status st = next_wait(j, err);

        if (st != ST_OK)
            return st;
    }
    t->segment = s;
    h->epoch = s->epoch;
    h->at = s->reserved;
    h->seq = s->seq_reserved++;
    h->rows_before = j->reserved_rows - s->rows_bias;
    h->previous_end = j->reserved_end;
    h->durable = j->durable_end;
    s->reserved += h->size;
    j->reserved_end = s->base + s->reserved;
    j->reserved_rows += frame_rows(h);
    ticket_queue(j, t);
    if (!s->next_asked && s->reserved > s->span / 2) {
        s->next_asked = true;
        if (j->next == NULL) {
            j->next_wanted = true;
            pthread_cond_signal(&j->keeper_wake);
        }
    }
    return ST_OK;
}

static void
ticket_count(struct journal *j, const struct ticket *t)
{
    struct segment *s = t->segment;
    size_t known = s->id_count;

    if (t->is_run)
        known = 0;
    else
        segment_count_frame(s, &t->head);
    for (size_t i = known; i < s->id_count; i++)
        requests_add(j->requests, &s->ids[i]);
}

void
durable_advance(struct journal *j)
{
    bool has_moved = false;

    while (j->oldest != NULL && j->oldest->is_synced) {
        struct ticket *t = j->oldest;
        struct segment *s = t->segment;

        ticket_count(j, t);
        j->durable_end = s->end;
        j->durable_rows = s->rows_end;
        s->pending--;
        if (s->pending == 0 && s->state == SEGMENT_FULL)
            pthread_cond_signal(&j->keeper_wake);
        j->oldest = t->next;
        if (j->oldest == NULL)
            j->newest = NULL;
        t->is_durable = true; /* its owner may return from now on */
        has_moved = true;
    }
    if (has_moved)
        pthread_cond_broadcast(&j->reader_wake);
}

/* Syncs the segments of all frames written so far; lock held, given up during the sync. */
static void
sync_written(struct journal *j)
{
    int fds[SYNC_SEGMENTS_MAX], number = 0;
    struct segment *segments[SYNC_SEGMENTS_MAX];
    size_t count = 0, k;
    uint64_t round = ++j->sync_round;

    for (struct ticket *t = j->oldest; t != NULL; t = t->next) {
        if (!t->is_written || t->is_synced)
            continue;
        for (k = 0; k < count && segments[k] != t->segment; k++)
            continue;
        if (k == SYNC_SEGMENTS_MAX)
            break; /* the next sync takes the rest */
        if (k == count) {
            segments[count] = t->segment;
            fds[count++] = t->segment->fd; /* stays open: the segment has frames pending */
        }
        t->sync_round = round;
    }
    j->is_syncing = true;
    pthread_mutex_unlock(&j->lock);
    for (k = 0; k < count && number == 0; k++) {
        number = journal_fault(j, "sync");
        if (number == 0 && j->options.sync && fdatasync(fds[k]) != 0)
            number = errno;
    }
    pthread_mutex_lock(&j->lock);
    j->is_syncing = false;
    j->sync_count += count;
    if (number != 0) {
        char text[160];

        /* After a failed sync the kernel may have dropped the pages: syncing again would lie. */
        snprintf(text, sizeof text, "cannot sync the journal: %s", strerror(number));
        journal_fail(j, text);
    }
    if (!j->is_failed) {
        for (struct ticket *t = j->oldest; t != NULL; t = t->next)
            if (t->sync_round == round)
                t->is_synced = true;
        durable_advance(j);
    }
    pthread_cond_broadcast(&j->durable_moved);
}

enum status
ticket_wait(struct journal *j, struct ticket *t, struct err *err)
{
    while (!t->is_durable && !j->is_failed) {
        if (t->is_synced || j->is_syncing)
            pthread_cond_wait(&j->durable_moved, &j->lock);
        else
            sync_written(j);
    }
    return t->is_durable ? ST_OK : journal_failed(j, err);
}

void
appender_enter(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->may_recycle = true;
    j->appender_count++;
}

void
appender_leave(struct journal *j)
{
    j->appender_count--;
    if (j->appender_count == 0)
        pthread_cond_broadcast(&j->durable_moved);
    pthread_mutex_unlock(&j->lock);
}

enum status
journal_append(struct journal *j, struct span index, struct span body, uint64_t *position,
               struct err *err)
{
    struct frame f;
    struct ticket t = {0};
    enum status st = frame_prepare(j, index, body, &f, err);

    if (st != ST_OK)
        return st;
    t.head = f.head;
    appender_enter(j);
    st = reserve(j, &t, err);
    if (st == ST_OK) {
        int fd = t.segment->fd;

        pthread_mutex_unlock(&j->lock);
        f.head = t.head;
        struct err cause;

        st = frame_write(j, fd, &f, &cause);
        pthread_mutex_lock(&j->lock);
        if (st != ST_OK) {
            journal_fail(j, cause.text);
            st = journal_failed(j, err);
        } else {
            t.is_written = true;
            *position = t.segment->base + t.head.at;
            st = ticket_wait(j, &t, err);
        }
    } else if (st == ST_FULL) {
        j->fulls_count++;
    }
    appender_leave(j);
    frame_done(j, &f);
    return st;
}
