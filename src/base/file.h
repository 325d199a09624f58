/* file.h - files written and read whole, and the few calls that must not be short. Any thread.
 * Errors name the path. */
#pragma once
#include "base/base.h"
#include <sys/types.h>

/* Reads a whole file into malloc'd memory that the caller frees; a NUL follows the last byte.
 * ST_INVALID: larger than 'size_max'. ST_END: there is no such file. */
MUST_CHECK enum status file_read(const char *path, size_t size_max, char **text, size_t *size,
                                 struct err *err);

/* Replaces the file at 'path' as a whole and durably: temporary file beside it, fsync, rename,
 * fsync of the folder. On failure the old content stands. */
MUST_CHECK enum status file_replace(const char *path, struct span content, mode_t mode,
                                    struct err *err);

/* Makes the folder and its missing parents (mode 0750). An existing folder is fine. */
MUST_CHECK enum status folder_make(const char *path, struct err *err);

/* Makes the names in a folder durable. */
MUST_CHECK enum status folder_sync(const char *path, struct err *err);

/* Takes the lock file at 'path' for this process and writes its pid into it, for people. The lock
 * is held until *fd is closed or the process ends, however it ends. ST_INVALID: another process has
 * it; err names it and 'what' it has. On failure nothing is held. */
MUST_CHECK enum status file_lock_take(const char *path, const char *what, int *fd, struct err *err);

/* All 'size' bytes, or an error ('path' is only for its text). pread_all: ST_END when the file ends
 * before 'size' bytes. ST_FULL: no space left. */
MUST_CHECK enum status pwrite_all(int fd, const void *data, size_t size, off_t at, const char *path,
                                  struct err *err);
MUST_CHECK enum status pread_all(int fd, void *data, size_t size, off_t at, const char *path,
                                 struct err *err);
