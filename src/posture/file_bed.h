/* file_bed.h - a file of a test's own for a store, and no trace of it. Tests only. */
#pragma once
#include "base/base.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *
path(void)
{
    static char name[200];
    const char *folder = getenv("TMPDIR");

    snprintf(name, sizeof name, "%s/posture_test.%d.db", folder != NULL ? folder : "/tmp",
             (int)getpid());
    return name;
}

static inline void
remove_file(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[220];

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path(), ends[i]);
        unlink(name);
    }
}
