#include "journal/recover.h"
#include "base/file.h"
#include "journal/requests.h"
#include "journal/scan.h"
#include "journal/summary.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static void
spare_found(struct journal *j, const char *name)
{
    char path[PATH_SIZE + 256];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", j->folder, name);
    if (j->spare_count < SPARES_MAX && stat(path, &info) == 0 &&
        (uint64_t)info.st_size == j->options.segment_size) {
        j->spares[j->spare_count++] = strtoull(name + strlen("spare-"), NULL, 16);
        j->size_bytes += (uint64_t)info.st_size;
        return;
    }
    unlink(path);
}

/* Files on their way to become segments hold nothing that was acknowledged; a summary without its
 * segment is of a recycled one. */
static enum status
leftovers_remove(struct journal *j, struct err *err)
{
    DIR *d = opendir(j->folder);
    char path[PATH_SIZE + 256];
    struct dirent *entry;
    uint64_t base;

    if (d == NULL)
        return err_set(err, ST_IO, "cannot open folder %s: %s", j->folder, strerror(errno));
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;

        snprintf(path, sizeof path, "%s/%s", j->folder, name);
        if (starts_with(name, "spare-")) {
            spare_found(j, name);
        } else if (starts_with(name, "new-") || starts_with(name, "run-") ||
                   starts_with(name, "old-")) {
            unlink(path);
        } else if (segment_name_read(name, ".sum", &base)) {
            size_t i = list_find(j, base);

            if (i == SIZE_MAX || j->segments[i]->base != base)
                unlink(path);
        }
    }
    closedir(d);
    return ST_OK;
}

static void
holes_quarantine(struct journal *j, struct segment *s, struct journal_recovery *found)
{
    char path[PATH_SIZE];
    int fd;

    if (s->hole_count == 0)
        return;
    segment_path(path, j->folder, s->base, ".seg");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < s->hole_count; i++) {
        struct hole *hole = &s->holes[i];

        if (hole->kind != HOLE_BAD || (hole->flags & HOLE_COPIED) != 0)
            continue;
        if (fd >= 0)
            quarantine_copy(j->folder, fd, s->base, hole->from - s->base, hole->to - s->base,
                            s->is_whole_bad ? "no head of the segment and no frame can be read"
                                            : "no good frame here, found at start",
                            &j->quarantine_size);
        hole->flags |= HOLE_COPIED;
        found->quarantined_count++;
        found->quarantined_bytes += hole->to - hole->from;
    }
    if (fd >= 0)
        close(fd);
}

/* Prepared, or begun and never used: its file serves again. */
static void
empty_drop(struct journal *j, struct segment *s)
{
    char path[PATH_SIZE], spare[PATH_SIZE];
    uint64_t number = epoch_make();

    segment_path(path, j->folder, s->base, ".seg");
    snprintf(spare, sizeof spare, "%s/spare-%016" PRIx64, j->folder, number);
    if (j->spare_count < SPARES_MAX && s->file_size == j->options.segment_size &&
        rename(path, spare) == 0) {
        j->spares[j->spare_count++] = number;
        j->size_bytes += s->file_size;
    } else {
        unlink(path);
    }
    j->next_base = s->base;
}

static bool
is_empty(const struct segment *s)
{
    return s->block_count == 0 && s->hole_count == 0;
}

/* Blocks follow where the last ones ended, in the same segment: only after an orderly close, never
 * behind a torn tail. */
static enum status
go_on(struct journal *j, struct segment *s, struct err *err)
{
    char path[PATH_SIZE], summary[PATH_SIZE];
    enum status st;

    segment_path(path, j->folder, s->base, ".seg");
    segment_path(summary, j->folder, s->base, ".sum");
    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        return err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
    /* The summary goes first: it must not hide what is appended from the next start. */
    if (unlink(summary) != 0 && errno != ENOENT)
        return err_set(err, ST_IO, "cannot remove %s: %s", summary, strerror(errno));
    if ((st = folder_sync(j->folder, err)) != ST_OK)
        return st;
    s->state = SEGMENT_ACTIVE;
    s->seq_reserved = s->seq;
    j->active = s;
    return ST_OK;
}

static void
report(const struct scanned *scan, uint64_t unsealed_blocks, bool was_closed,
       struct journal_recovery *found)
{
    if (was_closed && found->quarantined_count == 0)
        return;
    snprintf(found->text, sizeof found->text,
             "the journal was %s: %" PRIu64 " blocks of its last segments are kept, %" PRIu64
             " torn pieces (%" PRIu64 " bytes, never acknowledged) are cut, %" PRIu64
             " damaged pieces (%" PRIu64 " bytes) are copied to the quarantine folder",
             was_closed ? "closed in order but damaged since" : "not closed in order",
             unsealed_blocks, scan->torn_blocks, scan->torn_bytes, found->quarantined_count,
             found->quarantined_bytes);
}

static void
requests_load(struct journal *j)
{
    for (size_t i = 0; i < j->segment_count; i++) {
        struct segment *s = j->segments[i];

        for (size_t k = 0; k < s->id_count; k++)
            requests_add(j->requests, &s->ids[k]);
        if (s->state == SEGMENT_SEALED) { /* the summary has them; memory need not */
            free(s->ids);
            s->ids = NULL;
            s->id_count = s->id_room = 0;
        }
    }
}

/* What a killed program wrote and did not sync is in the page cache alone. From here on it counts
 * as acknowledged (readers deliver it, a request that comes again is a duplicate of it), so it is
 * made lasting first. */
static enum status
unsealed_sync(struct journal *j, const struct scanned *scan, struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < scan->count; i++) {
        const struct segment *s = scan->segments[i];
        char path[PATH_SIZE];

        if (s->state == SEGMENT_SEALED || is_empty(s))
            continue;
        any = true;
        segment_path(path, j->folder, s->base, ".seg");
        int number = journal_fault(j, "sync");
        int fd = number == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (number == 0 && (fd < 0 || (j->options.sync && fdatasync(fd) != 0)))
            number = errno;
        if (fd >= 0)
            close(fd);
        if (number != 0)
            return err_set(err, ST_IO, "cannot sync %s: %s", path, strerror(number));
    }
    return any && j->options.sync ? folder_sync(j->folder, err) : ST_OK;
}

static enum status
adopt(struct journal *j, struct scanned *scan, struct journal_recovery *found, struct err *err)
{
    uint64_t unsealed_blocks = 0;
    bool was_closed = scan->torn_blocks == 0; /* its segment may be an empty one now */
    enum status st;

    while (scan->count > 0 && is_empty(scan->segments[scan->count - 1]) &&
           scan->segments[scan->count - 1]->state != SEGMENT_SEALED) {
        struct segment *s = scan->segments[--scan->count];

        empty_drop(j, s);
        segment_free(s);
    }
    found->segment_count = scan->count;
    found->torn_bytes = scan->torn_bytes;
    found->torn_blocks = scan->torn_blocks;
    for (size_t i = 0; i < scan->count; i++) {
        struct segment *s = scan->segments[i];

        if (!list_add(j, s)) {
            memmove(scan->segments, scan->segments + i, (scan->count - i) * sizeof s);
            scan->count -= i;
            return err_set(err, ST_IO, "no memory for %zu segments", scan->count);
        }
        j->size_bytes += s->file_size;
        if (s->state == SEGMENT_SEALED)
            continue;
        was_closed = false;
        unsealed_blocks += s->block_count;
        holes_quarantine(j, s, found);
    }
    scan->count = 0; /* they are the journal's now */
    requests_load(j);
    for (size_t i = 0; i < j->segment_count; i++) {
        struct segment *s = j->segments[i];

        if (s->state != SEGMENT_SEALED && (st = segment_seal(j, s, false, err)) == ST_IO)
            return st; /* with a full disk the keeper tries again */
    }
    if (j->segment_count > 0) {
        struct segment *last = j->segments[j->segment_count - 1];

        j->reserved_end = j->durable_end = last->end;
        j->reserved_rows = j->durable_rows = last->rows_end;
        j->next_base = last->base + last->span;
        /* A last eighth is not worth to go on with. */
        if (last->may_go_on && last->file_size == last->span &&
            last->span - last->reserved > last->span / 8) {
            struct segment again = *last;

            last->holes = NULL; /* the ids of an open segment are needed for its next summary */
            last->hole_count = 0;
            if (summary_read(j->folder, last->epoch, last, err) != ST_OK) {
                last->holes = again.holes;
                last->hole_count = again.hole_count;
                last->may_go_on = false;
            } else {
                free(again.holes);
                if ((st = go_on(j, last, err)) != ST_OK)
                    return st;
            }
        }
    } else {
        j->reserved_end = j->durable_end = j->next_base + SEGMENT_HEAD_SIZE;
    }
    report(scan, unsealed_blocks, was_closed, found);
    return ST_OK;
}

enum status
recover(struct journal *j, struct journal_recovery *found, struct err *err)
{
    struct scanned scan;
    enum status st;

    *found = (struct journal_recovery){0};
    st = segments_scan(j->folder, j->options.segment_size, SCAN_PAYLOADS, &scan, err);
    if (st != ST_OK)
        return st;
    st = unsealed_sync(j, &scan, err);
    if (st == ST_OK)
        st = adopt(j, &scan, found, err);
    scanned_free(&scan);
    if (st == ST_OK)
        st = leftovers_remove(j, err);
    j->quarantined_count = found->quarantined_count;
    j->quarantined_bytes = found->quarantined_bytes;
    return st;
}
