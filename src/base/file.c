#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status
io_failed(struct err *err, const char *what, const char *path)
{
    enum status st = errno == ENOSPC || errno == EDQUOT ? ST_FULL : ST_IO;

    return err_set(err, st, "cannot %s %s: %s", what, path, strerror(errno));
}

enum status
pwrite_all(int fd, const void *data, size_t size, off_t at, const char *path, struct err *err)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = pwrite(fd, p, size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return io_failed(err, "write", path);
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return ST_OK;
}

enum status
pread_all(int fd, void *data, size_t size, off_t at, const char *path, struct err *err)
{
    char *p = data;

    while (size > 0) {
        ssize_t n = pread(fd, p, size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_failed(err, "read", path);
        if (n == 0)
            return err_set(err, ST_END, "%s ends %zu bytes early", path, size);
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return ST_OK;
}

enum status
file_read(const char *path, size_t size_max, char **text, size_t *size, struct err *err)
{
    enum status st = ST_IO;
    char *buffer = NULL;
    size_t used = 0, room = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        if (errno == ENOENT)
            return err_set(err, ST_END, "there is no file %s", path);
        return io_failed(err, "open", path);
    }
    for (;;) {
        if (used == room) {
            size_t wanted = room == 0 ? 16384 : room * 2;
            char *larger = realloc(buffer, wanted + 1);

            if (larger == NULL) {
                st = err_set(err, ST_FULL, "no memory to read %s", path);
                goto fail;
            }
            buffer = larger;
            room = wanted;
        }
        ssize_t n = read(fd, buffer + used, room - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st = io_failed(err, "read", path);
            goto fail;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > size_max) {
            st = err_set(err, ST_INVALID, "%s is larger than %zu bytes", path, size_max);
            goto fail;
        }
    }
    close(fd);
    buffer[used] = '\0';
    *text = buffer;
    *size = used;
    return ST_OK;

fail:
    free(buffer);
    close(fd);
    return st;
}

enum status
folder_sync(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return io_failed(err, "open folder", path);
    if (fsync(fd) != 0) {
        enum status st = io_failed(err, "sync folder", path);

        close(fd);
        return st;
    }
    close(fd);
    return ST_OK;
}

enum status
file_replace(const char *path, struct span content, mode_t mode, struct err *err)
{
    char temporary[4096], folder[4096];
    enum status st;
    int fd;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return err_set(err, ST_INVALID, "the path %.64s... is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return io_failed(err, "open", temporary);
    st = pwrite_all(fd, content.p, content.n, 0, temporary, err);
    if (st == ST_OK && fsync(fd) != 0)
        st = io_failed(err, "sync", temporary);
    close(fd);
    if (st == ST_OK && rename(temporary, path) != 0)
        st = io_failed(err, "rename to", path);
    if (st != ST_OK) {
        unlink(temporary);
        return st;
    }
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');

    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else if (slash == folder)
        slash[1] = '\0';
    else
        *slash = '\0';
    return folder_sync(folder, err);
}

enum status
folder_make(const char *path, struct err *err)
{
    char part[4096];
    size_t n = strlen(path);
    struct stat info;

    if (n == 0 || n >= sizeof part)
        return err_set(err, ST_INVALID, "the folder name '%.64s' is empty or too long", path);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];

        part[i] = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST)
            return io_failed(err, "make folder", part);
        part[i] = kept;
    }
    if (stat(path, &info) != 0)
        return io_failed(err, "see folder", path);
    if (!S_ISDIR(info.st_mode))
        return err_set(err, ST_INVALID, "%s is there but is not a folder", path);
    return ST_OK;
}

enum status
file_lock_take(const char *path, const char *what, int *fd, struct err *err)
{
    char owner[32] = "";
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (lock < 0)
        return io_failed(err, "open", path);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(lock, owner, sizeof owner - 1, 0);

        close(lock);
        return err_set(err, ST_INVALID, "another process (pid %ld) has %s",
                       n > 0 ? strtol(owner, NULL, 10) : 0, what);
    }
    int size = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());

    *fd = lock;
    if (ftruncate(lock, 0) != 0 || pwrite(lock, owner, (size_t)size, 0) != size)
        /* the lock counts, the pid is only for people; a full disk must not keep us out */
        return ST_OK;
    return ST_OK;
}
