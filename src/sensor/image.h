/* image.h - the hashes of program files, remembered by what identifies a file's content: device,
 * inode, size, and the times of its last change. Any thread: one lock inside, never held while
 * hashing.
 *
 * Files on network and FUSE file systems are not read (a dead server would hold up the sensor), nor
 * files above 'size_max'; both are counted and their hashes stay unknown. */
#pragma once
#include "base/base.h"
#include "wire/digest.h"

struct image_key { /* compared as bytes: no padding */
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
};

struct image_counts {
    uint64_t hashed, bytes, found, skipped, failed;
};

struct image_cache;
/* Remembers about 4096 files (half a megabyte). ST_FULL: no memory. */
MUST_CHECK enum status image_cache_make(uint64_t size_max, struct image_cache **cache,
                                        struct err *err);
void image_cache_free(struct image_cache *cache);

/* What 'fd' is now. False: not a regular file. */
MUST_CHECK bool image_key_read(int fd, struct image_key *key);
/* True: this file was met before; *is_known says whether it could be hashed. */
MUST_CHECK bool image_find(struct image_cache *cache, const struct image_key *key,
                           struct digest_set *out, bool *is_known);
/* Hashes what 'fd' holds, if that is still 'key', and remembers the outcome. False: unknown. */
MUST_CHECK bool image_hash(struct image_cache *cache, const struct image_key *key, int fd,
                           struct digest_set *out);
void image_counts_get(struct image_cache *cache, struct image_counts *out);
