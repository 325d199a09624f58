/* journal.c - opening, closing, and what is asked of a journal as a whole. */
#include "journal/journal.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "journal/floors.h"
#include "journal/recover.h"
#include "journal/requests.h"
#include "journal/state.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SEGMENT_SIZE_DEFAULT = 64 << 20, SEGMENT_SIZE_MIN = 16 << 20, SEGMENT_SIZE_MAX = 1 << 30 };

int64_t
journal_now(const struct journal *j)
{
    return j->options.now != NULL ? j->options.now(j->options.clock) : clock_ticks();
}

int
journal_fault(const struct journal *j, const char *what)
{
    return j->options.fault != NULL ? j->options.fault(j->options.fault_app, what) : 0;
}

void
journal_fail(struct journal *j, const char *text)
{
    if (j->is_failed)
        return;
    j->is_failed = true;
    snprintf(j->failure, sizeof j->failure, "%.190s", text);
    j->oldest = j->newest = NULL; /* they live on their appenders' stacks, which return now */
    pthread_cond_broadcast(&j->durable_moved);
    pthread_cond_broadcast(&j->next_made);
}

/* Where the folder's path begins in a text, or what a cut text has of it; NULL: nowhere. */
static char *
path_in(const char *folder, char *text)
{
    size_t size = strlen(folder), left = strlen(text);

    for (; left > 1; text++, left--)
        if (memcmp(text, folder, left < size ? left : size) == 0)
            return text;
    return NULL;
}

void
journal_tell(struct journal *j, struct err *err)
{
    char *at = path_in(j->folder, err->text);

    if (at == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    bool is_news = !j->has_told;

    j->has_told = true;
    pthread_mutex_unlock(&j->lock);
    if (is_news)
        log_line(LOG_WARN, "journal", "%s", err->text);
    for (; at != NULL; at = path_in(j->folder, err->text)) {
        size_t size = strlen(j->folder), left = strlen(at);

        size += left > size && at[size] == '/';
        if (left <= size) /* the text was cut there */
            *at = '\0';
        else
            memmove(at, at + size, left - size + 1);
    }
}

enum status
journal_failed(const struct journal *j, struct err *err)
{
    return err_set(err, ST_IO, "the journal takes no more blocks until it is opened again: %s",
                   j->failure);
}

static enum status
options_check(const struct journal_options *given, struct journal_options *o, struct err *err)
{
    *o = *given;
    if (o->segment_size == 0)
        o->segment_size = SEGMENT_SIZE_DEFAULT;
    if (o->segment_size < SEGMENT_SIZE_MIN || o->segment_size > SEGMENT_SIZE_MAX)
        return err_set(err, ST_INVALID,
                       "journal segments of %" PRIu64 " bytes: set 16 MiB to 1 GiB",
                       o->segment_size);
    o->segment_size &= ~(uint64_t)(SEGMENT_HEAD_SIZE - 1);
    if (o->size_max < 4 * o->segment_size)
        return err_set(err, ST_INVALID,
                       "a journal of at most %" PRIu64 " bytes: set at least 4 segments, %" PRIu64
                       " bytes",
                       o->size_max, 4 * o->segment_size);
    if (strlen(o->folder) >= sizeof((struct journal *)0)->folder)
        return err_set(err, ST_INVALID, "the folder name %.64s... is too long", o->folder);
    if (o->zstd_level < 0 || o->zstd_level > 19)
        return err_set(err, ST_INVALID, "zstd level %d: set 0 (none) to 19", o->zstd_level);
    return ST_OK;
}

static enum status
lock_take(struct journal *j, struct err *err)
{
    char path[PATH_SIZE], what[PATH_SIZE + 16];

    snprintf(path, sizeof path, "%s/lock", j->folder);
    snprintf(what, sizeof what, "the journal %s", j->folder);
    return file_lock_take(path, what, &j->lock_fd, err);
}

static void
journal_free(struct journal *j)
{
    for (size_t i = 0; i < j->segment_count; i++)
        segment_free(j->segments[i]);
    segment_free(j->next);
    free(j->segments);
    free(j->floors);
    free(j->yielded);
    free(j->passed);
    requests_free(j->requests);
    compressors_free(j);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->names);
    pthread_cond_destroy(&j->durable_moved);
    pthread_cond_destroy(&j->reader_wake);
    pthread_cond_destroy(&j->keeper_wake);
    pthread_cond_destroy(&j->next_made);
    free(j);
}

static void
locks_make(struct journal *j)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->lock, NULL);
    pthread_mutex_init(&j->names, NULL);
    pthread_cond_init(&j->durable_moved, NULL);
    pthread_cond_init(&j->reader_wake, &monotonic);
    pthread_cond_init(&j->keeper_wake, &monotonic);
    pthread_cond_init(&j->next_made, NULL);
    pthread_condattr_destroy(&monotonic);
}

enum status
journal_open(const struct journal_options *given, struct journal **journal,
             struct journal_recovery *found, struct err *err)
{
    struct journal_recovery unwanted;
    struct journal_options o;
    enum status st = options_check(given, &o, err);
    struct journal *j;

    if (st != ST_OK)
        return st;
    j = calloc(1, sizeof *j);
    if (j == NULL)
        return err_set(err, ST_FULL, "no memory for a journal");
    j->options = o;
    j->lock_fd = -1;
    snprintf(j->folder, sizeof j->folder, "%s", o.folder);
    j->options.folder = j->folder;
    locks_make(j);
    if ((j->requests = requests_make()) == NULL) {
        st = err_set(err, ST_FULL, "no memory for a journal");
        goto fail;
    }
    if ((st = folder_make(j->folder, err)) != ST_OK || (st = lock_take(j, err)) != ST_OK)
        goto fail;
    (void)quarantine_count(j->folder, &j->quarantine_size);
    if ((st = recover(j, found != NULL ? found : &unwanted, err)) != ST_OK)
        goto fail;
    yielded_load(j);
    if ((st = keeper_start(j, err)) != ST_OK)
        goto fail;
    *journal = j;
    return ST_OK;

fail:
    journal_free(j);
    return st;
}

void
journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    j->is_closing = true;
    j->wake_count++;
    pthread_cond_broadcast(&j->reader_wake);
    pthread_cond_broadcast(&j->next_made);
    while (j->appender_count > 0)
        pthread_cond_wait(&j->durable_moved, &j->lock);
    pthread_mutex_unlock(&j->lock);
    keeper_stop(j);
    for (size_t i = 0; i < j->segment_count && !j->is_failed; i++) {
        struct segment *s = j->segments[i];
        bool is_used = s->block_count > 0 || s->hole_count > 0;

        /* What fails here, or a journal that failed, is read from its frames at the next start. */
        if ((s->state != SEGMENT_SEALED && is_used) || s->is_dirty)
            if (segment_seal(j, s, s == j->active, NULL) != ST_OK)
                break;
    }
    journal_free(j);
}

struct journal_extent
journal_extent(struct journal *j)
{
    struct journal_extent e;

    pthread_mutex_lock(&j->lock);
    e.end = j->durable_end;
    e.first = j->segment_count > 0 ? segment_start(j->segments[0]) : j->durable_end;
    if (e.first > e.end)
        e.first = e.end;
    pthread_mutex_unlock(&j->lock);
    return e;
}

bool
journal_wait(struct journal *j, uint64_t position, int timeout_ms)
{
    struct timespec until;
    bool is_there;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&j->lock);
    uint64_t wakes = j->wake_count;

    for (;;) {
        uint64_t from = position;

        if (from == 0)
            from = j->segment_count > 0 ? segment_start(j->segments[0]) : j->durable_end;
        is_there = j->durable_end > from;
        if (is_there || j->wake_count != wakes || j->is_closing ||
            pthread_cond_timedwait(&j->reader_wake, &j->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&j->lock);
    return is_there;
}

void
journal_wake(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->wake_count++;
    pthread_cond_broadcast(&j->reader_wake);
    pthread_mutex_unlock(&j->lock);
}

bool
journal_find_request(struct journal *j, const uint8_t id[16], uint64_t *position, uint64_t *rows)
{
    int64_t now = journal_now(j);
    bool is_found;

    pthread_mutex_lock(&j->lock);
    is_found = requests_find(j->requests, id, now, position, rows);
    pthread_mutex_unlock(&j->lock);
    return is_found;
}

void
journal_stats_get(struct journal *j, struct journal_stats *stats)
{
    *stats = (struct journal_stats){.extent = journal_extent(j)};
    pthread_mutex_lock(&j->lock);
    stats->segment_count = j->segment_count;
    stats->size_bytes = j->size_bytes;
    stats->quota_bytes = j->options.size_max;
    stats->sync_count = j->sync_count;
    stats->recycled_count = j->recycled_count;
    stats->quarantined_count = j->quarantined_count;
    stats->quarantined_bytes = j->quarantined_bytes;
    stats->fulls_count = j->fulls_count;
    stats->is_failed = j->is_failed;
    memcpy(stats->failure, j->failure, sizeof stats->failure);
    for (size_t i = 0; i < j->segment_count; i++) {
        const struct segment *s = j->segments[i];

        if (s->block_count == 0)
            continue;
        if (stats->block_count == 0 || s->admitted_min < stats->oldest_admitted)
            stats->oldest_admitted = s->admitted_min;
        if (stats->block_count == 0 || s->admitted_max > stats->newest_admitted)
            stats->newest_admitted = s->admitted_max;
        stats->block_count += s->block_count;
        stats->row_count += s->row_count;
        stats->body_bytes += s->body_bytes;
    }
    pthread_mutex_unlock(&j->lock);
}
