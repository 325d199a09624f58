/* quarantine.c - copies of what could not be read, for a person to look at:
 * FOLDER/quarantine/BASE-OFFSET.bad and .reason. */
#include "base/file.h"
#include "journal/state.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 256 << 10, SECTOR_SIZE = 4096 };

/* What cannot be read is left out of the copy as zeros. False: the copy cannot be written. */
static bool
copy_bytes(int from_fd, int to_fd, uint64_t from, uint64_t to)
{
    char *buffer = calloc(1, COPY_SIZE);
    uint64_t at = from;
    bool is_good = buffer != NULL;

    while (is_good && at < to) {
        size_t wanted = to - at < COPY_SIZE ? (size_t)(to - at) : COPY_SIZE;
        ssize_t n = pread(from_fd, buffer, wanted, (off_t)at);

        if (n < 0) {
            wanted = wanted < SECTOR_SIZE ? wanted : SECTOR_SIZE;
            n = pread(from_fd, buffer, wanted, (off_t)at);
        }
        if (n == 0)
            break;
        if (n < 0)
            at += wanted;
        else
            is_good = pwrite_all(to_fd, buffer, (size_t)n, (off_t)(at - from), "", NULL) == ST_OK;
        at += n > 0 ? (uint64_t)n : 0;
    }
    free(buffer);
    return is_good;
}

uint64_t
quarantine_count(const char *folder, uint64_t *bytes)
{
    char path[PATH_SIZE];
    uint64_t count = 0;
    struct dirent *entry;
    struct stat info;
    DIR *d;

    *bytes = 0;
    snprintf(path, sizeof path, "%s/quarantine", folder);
    d = opendir(path);
    if (d == NULL)
        return 0;
    while ((entry = readdir(d)) != NULL) {
        size_t n = strlen(entry->d_name);

        if (n <= 4 || strcmp(entry->d_name + n - 4, ".bad") != 0)
            continue;
        count++;
        if (fstatat(dirfd(d), entry->d_name, &info, 0) == 0)
            *bytes += (uint64_t)info.st_size;
    }
    closedir(d);
    return count;
}

void
quarantine_copy(const char *folder, int fd, uint64_t base, uint64_t from, uint64_t to,
                const char *reason, uint64_t *quarantine_size)
{
    char path[PATH_SIZE + 64], reason_path[PATH_SIZE + 80], text[512];
    int out, n;

    if (*quarantine_size + (to - from) > QUARANTINE_SIZE_MAX)
        return;
    snprintf(path, sizeof path, "%s/quarantine", folder);
    if (folder_make(path, NULL) != ST_OK)
        return;
    snprintf(path, sizeof path, "%s/quarantine/%016" PRIx64 "-%08" PRIx64 ".bad", folder, base,
             from);
    out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (out < 0)
        return; /* EEXIST: it is there from an earlier start */
    bool is_copied = copy_bytes(fd, out, from, to) && fsync(out) == 0;

    close(out);
    if (!is_copied) {
        unlink(path); /* half a copy would look like all there was */
        return;
    }
    *quarantine_size += to - from;
    snprintf(reason_path, sizeof reason_path, "%s.reason", path);
    n = snprintf(text, sizeof text,
                 "segment %016" PRIx64 ".seg, bytes %" PRIu64 " to %" PRIu64
                 ", journal positions %" PRIu64 " to %" PRIu64 ":\n%s\n",
                 base, from, to, base + from, base + to, reason);
    if (n > 0 && file_replace(reason_path, (struct span){text, (size_t)n}, 0640, NULL) != ST_OK)
        return; /* the copy's name says where it is from */
}
