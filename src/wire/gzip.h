/* gzip.h - bytes to one gzip member, by ISA-L; hides its headers. Any thread. The way back:
 * gunzip.h. */
#pragma once
#include "base/base.h"

/* Room that gzip_pack needs for 'size' bytes that do not shrink. */
size_t gzip_bound(size_t size);

enum { GZIP_WORK_SIZE = 512 * 1024 }; /* bytes of working memory */
/* Packs 'in' into 'out' ('room' bytes) with 'work' (GZIP_WORK_SIZE bytes); *size is what it became.
 * ST_FULL: 'room' is too small. */
MUST_CHECK enum status gzip_pack(struct span in, char *work, char *out, size_t room, size_t *size,
                                 struct err *err);
