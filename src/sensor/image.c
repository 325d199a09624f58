#include "sensor/image.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { SETS = 1024, WAYS = 4 };

struct entry {
    struct image_key key;
    struct digest_set digests;
    uint64_t used; /* 0: empty; else the larger, the later */
    bool is_known;
};

struct image_cache {
    pthread_mutex_t lock; /* all below but size_max */
    uint64_t size_max, clock;
    struct image_counts counts;
    struct entry entries[SETS][WAYS];
};

/* linux/magic.h lacks half of them. */
static const uint64_t remote_file_systems[] = {
    0x6969 /* NFS */,      0xff534d42 /* CIFS */,   0xfe534d42 /* SMB2 */, 0x517b /* SMB */,
    0x65735546 /* FUSE */, 0x01021997 /* 9P */,     0x00c36400 /* Ceph */, 0x5346414f /* AFS */,
    0x47504653 /* GPFS */, 0x0bd00bd0 /* Lustre */,
};

enum status
image_cache_make(uint64_t size_max, struct image_cache **cache, struct err *err)
{
    struct image_cache *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(err, ST_FULL, "no memory for the hashes of programs");
    pthread_mutex_init(&c->lock, NULL);
    c->size_max = size_max;
    *cache = c;
    return ST_OK;
}

void
image_cache_free(struct image_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static int64_t
nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool
image_key_read(int fd, struct image_key *key)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *key = (struct image_key){
        .device = info.st_dev,
        .inode = info.st_ino,
        .size = (uint64_t)info.st_size,
        .modified_ns = nanoseconds(info.st_mtim),
        .changed_ns = nanoseconds(info.st_ctim),
    };
    return true;
}

static struct entry *
set_of(struct image_cache *c, const struct image_key *key)
{
    uint64_t h = (key->inode * 0x9e3779b97f4a7c15u) ^ (key->device * 0xc2b2ae3d27d4eb4fu) ^
                 (uint64_t)key->changed_ns;

    return c->entries[(h ^ h >> 32) % SETS];
}

bool
image_find(struct image_cache *cache, const struct image_key *key, struct digest_set *out,
           bool *is_known)
{
    bool is_there = false;

    pthread_mutex_lock(&cache->lock);
    struct entry *set = set_of(cache, key);

    for (size_t i = 0; i < WAYS && !is_there; i++)
        if (set[i].used != 0 && memcmp(&set[i].key, key, sizeof *key) == 0) {
            set[i].used = ++cache->clock;
            cache->counts.found++;
            *out = set[i].digests;
            *is_known = set[i].is_known;
            is_there = true;
        }
    pthread_mutex_unlock(&cache->lock);
    return is_there;
}

static bool
is_remote(int fd)
{
    struct statfs info;

    if (fstatfs(fd, &info) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(remote_file_systems); i++)
        if ((uint64_t)info.f_type == remote_file_systems[i])
            return true;
    return false;
}

static void
remember(struct image_cache *cache, const struct image_key *key, const struct digest_set *digests)
{
    struct entry *set = set_of(cache, key), *oldest = set;

    for (size_t i = 1; i < WAYS; i++)
        if (set[i].used < oldest->used)
            oldest = &set[i];
    *oldest = (struct entry){.key = *key, .used = ++cache->clock, .is_known = digests != NULL};
    if (digests != NULL)
        oldest->digests = *digests;
}

bool
image_hash(struct image_cache *cache, const struct image_key *key, int fd, struct digest_set *out)
{
    struct image_key now = *key;
    uint64_t size = 0;
    bool is_skipped = key->size > cache->size_max || is_remote(fd);
    bool is_good = !is_skipped && digest_file(fd, cache->size_max, out, &size, NULL) == ST_OK;
    bool is_same = image_key_read(fd, &now) && memcmp(&now, key, sizeof now) == 0;

    pthread_mutex_lock(&cache->lock);
    cache->counts.bytes += size;
    if (is_skipped)
        cache->counts.skipped++;
    else if (is_good && is_same)
        cache->counts.hashed++;
    else
        cache->counts.failed++;
    if (is_same) /* a file that changed meanwhile is another one next time */
        remember(cache, key, is_good ? out : NULL);
    pthread_mutex_unlock(&cache->lock);
    return is_good && is_same;
}

void
image_counts_get(struct image_cache *cache, struct image_counts *out)
{
    pthread_mutex_lock(&cache->lock);
    *out = cache->counts;
    pthread_mutex_unlock(&cache->lock);
}
