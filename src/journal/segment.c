#include "journal/segment.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "model/block.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAGIC 0x314d5246u /* "FRM1" */
static const char segment_magic[8] = "PSTKSEGM";

enum {
    WINDOW_SIZE = 1 << 20, /* read at once when searching and checking */
    SECTOR_SIZE = 4096,    /* what a disk loses at least when it loses something */
    FILL_SIZE = 1 << 20, /* zeros written at once: keeps the queue of the disk short for appends */
};

_Static_assert(sizeof(struct segment_head) == 88, "no holes in what goes to disk");
_Static_assert(sizeof(struct frame_head) == FRAME_HEAD_SIZE, "no holes in what goes to disk");
_Static_assert(offsetof(struct segment_head, epoch) == 16, "the CRC's reach");
_Static_assert(offsetof(struct frame_head, epoch) == 8, "the CRC's reach");

static uint32_t
segment_head_crc(const struct segment_head *h)
{
    return crc32c(&h->epoch, sizeof *h - offsetof(struct segment_head, epoch));
}

static uint32_t
frame_head_crc(const struct frame_head *h)
{
    return crc32c(&h->epoch, sizeof *h - offsetof(struct frame_head, epoch));
}

void
segment_head_seal(struct segment_head *h)
{
    memcpy(h->magic, segment_magic, sizeof h->magic);
    h->version = SEGMENT_VERSION;
    /* The version is part of it, so that a damaged one does not look like a newer program's. */
    h->crc = segment_head_crc(h) ^ h->version;
}

void
frame_head_seal(struct frame_head *h)
{
    h->magic = FRAME_MAGIC;
    h->crc = frame_head_crc(h);
}

size_t
frame_size(size_t index_size, size_t stored_size)
{
    size_t n = FRAME_HEAD_SIZE + index_size + stored_size;

    return (n + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
}

uint32_t
frame_rows(const struct frame_head *h)
{
    return h->kind == BLOCK_ROWS ? h->row_count : 0;
}

bool
frame_head_is_good(const struct frame_head *h, uint64_t epoch, uint64_t at)
{
    return h->magic == FRAME_MAGIC && h->epoch == epoch && h->at == at &&
           h->crc == frame_head_crc(h) && h->index_size <= BLOCK_INDEX_MAX &&
           h->index_size % 8 == 0 && h->body_size <= BLOCK_BODY_MAX &&
           h->stored_size <= h->body_size && h->size == frame_size(h->index_size, h->stored_size);
}

void
segment_path(char path[PATH_SIZE], const char *folder, uint64_t base, const char *suffix)
{
    snprintf(path, PATH_SIZE, "%s/%016" PRIx64 "%s", folder, base, suffix);
}

bool
segment_name_read(const char *name, const char *suffix, uint64_t *base)
{
    if (strlen(name) != 16 + strlen(suffix) || strcmp(name + 16, suffix) != 0 ||
        strspn(name, "0123456789abcdef") < 16)
        return false;
    *base = strtoull(name, NULL, 16);
    return true;
}

enum status
segment_head_read(int fd, const char *path, struct segment_head *h, struct err *err)
{
    enum status st = pread_all(fd, h, sizeof *h, 0, path, err);

    if (st != ST_OK)
        return err_set(err, ST_INVALID, "the head of %s cannot be read", path);
    if (memcmp(h->magic, segment_magic, sizeof h->magic) != 0 ||
        h->crc != (segment_head_crc(h) ^ h->version))
        return err_set(err, ST_INVALID, "the head of %s is damaged", path);
    if (h->version > SEGMENT_VERSION)
        return ST_END;
    return ST_OK;
}

enum status
segment_head_write(int fd, const char *path, struct segment_head *h, struct err *err)
{
    char page[SEGMENT_HEAD_SIZE] = {0};
    enum status st;

    segment_head_seal(h);
    memcpy(page, h, sizeof *h);
    st = pwrite_all(fd, page, sizeof page, 0, path, err);
    if (st == ST_OK && fdatasync(fd) != 0)
        st = err_set(err, ST_IO, "cannot sync %s: %s", path, strerror(errno));
    return st;
}

enum status
segment_fill(int fd, const char *path, uint64_t size, struct err *err)
{
    char *zeros;
    enum status st = ST_OK;

    /* Asks for all the space at once, so that a disk that is too full says so before it is
     * fuller. */
    if (fallocate(fd, 0, 0, (off_t)size) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
        return err_set(err, errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_IO,
                       "cannot make %s of %" PRIu64 " MiB: %s", path, size >> 20, strerror(errno));
    zeros = calloc(1, FILL_SIZE);
    if (zeros == NULL)
        return err_set(err, ST_FULL, "no memory to make %s", path);
    for (uint64_t at = 0; at < size && st == ST_OK;) {
        size_t n = size - at < FILL_SIZE ? (size_t)(size - at) : FILL_SIZE;

        st = pwrite_all(fd, zeros, n, (off_t)at, path, err);
        at += n;
        /* On its way to the disk piece by piece, without the flush that a sync means to everybody
         * else's syncs. */
        if (st == ST_OK)
            sync_file_range(fd, (off_t)(at - n), (off_t)n,
                            SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    }
    free(zeros);
    if (st == ST_OK && fdatasync(fd) != 0)
        st = err_set(err, errno == ENOSPC ? ST_FULL : ST_IO, "cannot sync %s: %s", path,
                     strerror(errno));
    return st;
}

enum status
frame_head_read(int fd, const char *path, uint64_t epoch, uint64_t at, uint64_t limit,
                struct frame_head *h, struct err *err)
{
    enum status st;

    if (limit < FRAME_HEAD_SIZE || at > limit - FRAME_HEAD_SIZE)
        return err_set(err, ST_INVALID, "no frame of %s can start at %" PRIu64, path, at);
    st = pread_all(fd, h, sizeof *h, (off_t)at, path, err);
    if (st == ST_IO)
        return ST_IO;
    if (st != ST_OK || !frame_head_is_good(h, epoch, at) || h->size > limit - at)
        return err_set(err, ST_INVALID, "the frame head at byte %" PRIu64 " of %s is damaged", at,
                       path);
    return ST_OK;
}

/* Bytes from 'at' on; what cannot be read is zero. Returns how many there are before the file's
 * end. */
static size_t
window_read(int fd, char *window, uint64_t at, size_t size)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n = pread(fd, window + got, size - got, (off_t)(at + got));

        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            size_t lost = SECTOR_SIZE - (size_t)((at + got) % SECTOR_SIZE);

            lost = lost < size - got ? lost : size - got;
            n = pread(fd, window + got, lost, (off_t)(at + got));
            if (n <= 0) {
                memset(window + got, 0, lost);
                n = (ssize_t)lost;
            }
        }
        got += (size_t)n;
    }
    return got;
}

enum status
frame_search(int fd, const char *path, uint64_t epoch, uint64_t from, uint64_t limit,
             struct frame_head *h, struct err *err)
{
    char *window = malloc(WINDOW_SIZE);
    enum status st = ST_END;

    if (window == NULL)
        return err_set(err, ST_IO, "no memory to search %s", path);
    from = (from + FRAME_ALIGN - 1) & ~(uint64_t)(FRAME_ALIGN - 1);
    while (from < limit && limit - from >= FRAME_HEAD_SIZE) {
        size_t wanted = limit - from < WINDOW_SIZE ? (size_t)(limit - from) : WINDOW_SIZE;
        size_t n = window_read(fd, window, from, wanted), at = 0;

        for (; at + FRAME_HEAD_SIZE <= n; at += FRAME_ALIGN) {
            uint64_t seen;

            memcpy(&seen, window + at + offsetof(struct frame_head, epoch), sizeof seen);
            if (seen != epoch)
                continue;
            memcpy(h, window + at, sizeof *h);
            if (frame_head_is_good(h, epoch, from + at) && h->size <= limit - from - at) {
                st = ST_OK;
                goto done;
            }
        }
        if (n < wanted || at == 0)
            break;
        from += at;
    }
done:
    free(window);
    return st;
}

enum status
frame_payload_check(int fd, const char *path, const struct frame_head *h, struct err *err)
{
    uint64_t at = h->at + FRAME_HEAD_SIZE, end = at + h->index_size + h->stored_size;
    char *window = malloc(WINDOW_SIZE);
    uint32_t crc = 0;
    enum status st = ST_OK;

    if (window == NULL)
        return err_set(err, ST_IO, "no memory to check %s", path);
    while (at < end && st == ST_OK) {
        size_t n = end - at < WINDOW_SIZE ? (size_t)(end - at) : WINDOW_SIZE;

        st = pread_all(fd, window, n, (off_t)at, path, err);
        crc = crc32c_extend(crc, window, st == ST_OK ? n : 0);
        at += n;
    }
    free(window);
    if (st != ST_OK || crc != h->payload_crc)
        return err_set(err, ST_INVALID,
                       "the checksum of the block at byte %" PRIu64 " of %s does not match", h->at,
                       path);
    return ST_OK;
}

uint64_t
epoch_make(void)
{
    uint64_t epoch = 0;

    while (epoch == 0) {
        if (getrandom(&epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch) {
            struct timespec now; /* no randomness yet, early at boot: still different each time */

            clock_gettime(CLOCK_MONOTONIC, &now);
            epoch = ((uint64_t)now.tv_nsec << 32 | (uint64_t)getpid()) ^ (uint64_t)now.tv_sec;
        }
    }
    return epoch;
}
