/* sample.h - blocks for this folder's tests, fuzz targets and benchmarks. Each body names its
 * number, so that a reader can tell that it got what was written. */
#pragma once
#include "base/test.h"
#include "journal/journal.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SAMPLE_TICKS INT64_C(638900000000000000)

struct sample {
    char *index, *body;
    size_t index_size, body_size;
};

/* A block of 'rows' rows that takes 'size' bytes of body; admitted at SAMPLE_TICKS + number. id 0:
 * no request. */
static inline struct sample
sample_make(unsigned number, unsigned rows, size_t size, unsigned id, unsigned part, bool is_last)
{
    struct sample s;
    struct arena a = {.size = block_builder_room(rows)};
    struct block_builder b;
    struct err err;
    uint16_t stream;
    size_t room = block_index_size(1, rows, 0, 0), at = 0;
    struct span index;

    a.base = aligned_alloc(16, (a.size + 15) & ~(size_t)15);
    s.index = aligned_alloc(16, (room + 15) & ~(size_t)15);
    s.body_size = size < (size_t)rows * 24 ? (size_t)rows * 24 : size;
    s.body = malloc(s.body_size + 1);
    if (block_builder_init(&b, &a, rows, &err) != ST_OK ||
        block_stream_index(&b, SPAN_LITERAL("11111111-2222-3333-4444-555555555555"),
                           SPAN_LITERAL("AdvancedHunting-DeviceInfo"), SPAN_LITERAL("DeviceInfo"),
                           &stream) != ST_OK)
        abort();
    memset(s.body, ' ', s.body_size);
    for (unsigned i = 0; i < rows; i++) {
        struct block_row *row = block_row_add(&b);
        char text[32];
        int n = snprintf(text, sizeof text, "{\"n\":%u,\"r\":%u}", number, i);

        memcpy(s.body + at, text, (size_t)n);
        row->at = row->properties_at = (uint32_t)at;
        row->size = row->properties_size = (uint32_t)n;
        row->group = ROW_GROUP_AS_IS;
        row->stream = stream;
        at += s.body_size / rows;
    }
    /* What does not compress, so that sizes on disk are near what was asked for. */
    uint64_t noise = number + UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = at > 64 ? s.body_size / rows * (rows - 1) + 32 : s.body_size; i < s.body_size;
         i++) {
        noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407u;
        s.body[i] = (char)(noise >> 56);
    }
    memcpy(b.head.request_id, &id, sizeof id);
    b.head.part = part;
    b.head.parts_end = is_last;
    if (block_seal(&b, (uint32_t)s.body_size, SAMPLE_TICKS, SAMPLE_TICKS + number, s.index, room,
                   &index, &err) != ST_OK)
        abort();
    s.index_size = index.n;
    free(a.base);
    return s;
}

static inline void
sample_free(struct sample *s)
{
    free(s->index);
    free(s->body);
}

static inline enum status
sample_append(struct journal *j, unsigned number, unsigned rows, size_t size, uint64_t *position,
              struct err *err)
{
    struct sample s = sample_make(number, rows, size, 0, 0, true);
    enum status st = journal_append(j, (struct span){s.index, s.index_size},
                                    (struct span){s.body, s.body_size}, position, err);

    sample_free(&s);
    return st;
}

/* The number of the block's sample; UINT32_MAX: it is none, or not whole. */
static inline unsigned
sample_number(const struct block *b)
{
    unsigned number, row;
    char text[40];

    if (b->head->row_count == 0)
        return UINT32_MAX;
    for (uint32_t i = 0; i < b->head->row_count; i++) {
        size_t n = b->rows[i].size < sizeof text - 1 ? b->rows[i].size : sizeof text - 1;

        memcpy(text, b->body.p + b->rows[i].at, n);
        text[n] = '\0';
        if (sscanf(text, "{\"n\":%u,\"r\":%u}", &number, &row) != 2 || row != i)
            return UINT32_MAX;
    }
    return number;
}

/* A journal's folder has folders of one level. */
static inline void
folder_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.' && unlinkat(fd, entry->d_name, 0) != 0) {
            int inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            DIR *inside = inner >= 0 ? fdopendir(inner) : NULL;
            struct dirent *file;

            while (inside != NULL && (file = readdir(inside)) != NULL)
                if (file->d_name[0] != '.')
                    unlinkat(inner, file->d_name, 0);
            if (inside != NULL)
                closedir(inside);
            unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static inline void
folder_new_in(char path[256], const char *base)
{
    snprintf(path, 256, "%s/penstock-journal-XXXXXX", base);
    if (mkdtemp(path) == NULL)
        abort();
}

/* A new folder for one test, in $TMPDIR or /tmp. */
static inline void
folder_new(char path[256])
{
    const char *base = getenv("TMPDIR");

    folder_new_in(path, base != NULL ? base : "/tmp");
}

/* In memory where there is such a place: for tests that open hundreds of journals and need no disk.
 * Holds 48 MiB at most. */
static inline void
folder_new_fast(char path[256])
{
    struct statvfs room;

    if (statvfs("/dev/shm", &room) == 0 && (uint64_t)room.f_bavail * room.f_bsize > 64u << 20 &&
        access("/dev/shm", W_OK) == 0)
        folder_new_in(path, "/dev/shm");
    else
        folder_new(path);
}
