/* test_bed.h - what tests of admission, of sources and of what stands on them share: a journal in a
 * folder of its own, the devices, admission into it, and a park that remembers what it was given.
 * For tests alone; the first failure of the bed itself ends the program. */
#pragma once
#include "base/test.h"
#include "journal/journal.h"
#include "source/admit.h"
#include "source/devices.h"
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define BED_NOW INT64_C(638954600000000000) /* ticks, all the time */

enum { BED_PARKED_MAX = 512 };
struct bed_parked {
    char tenant[40], table[80], reason[400], raw[4096];
    size_t size; /* of what was parked; 'raw' has its beginning and a NUL */
};

struct bed {
    char folder[64]; /* the journal is in folder/journal */
    struct journal *journal;
    struct devices *devices;
    struct admitter *admitter;
    struct bed_parked *parked; /* of BED_PARKED_MAX, then from the front again */
    size_t parked_count;
    bool park_fails;
    int fault_errno; /* of every write to the journal; 0: none */
};

static inline void
bed_must(enum status st, const char *what, const struct err *err)
{
    if (st == ST_OK)
        return;
    printf("%s: %s\n0 passed, 1 failed\n", what, err->text);
    exit(1);
}

static inline int64_t
bed_now(void *clock)
{
    (void)clock;
    return BED_NOW;
}

static inline int
bed_fault(void *app, const char *what)
{
    (void)what;
    return ((struct bed *)app)->fault_errno;
}

static inline enum status
bed_park(void *app, const char *tenant, const char *table, struct span raw, const char *reason,
         int64_t now, struct err *err)
{
    struct bed *bed = app;
    struct bed_parked *p = &bed->parked[bed->parked_count % BED_PARKED_MAX];
    size_t kept = raw.n < sizeof p->raw - 1 ? raw.n : sizeof p->raw - 1;

    (void)now;
    if (bed->park_fails)
        return err_set(err, ST_IO, "the park is broken");
    snprintf(p->tenant, sizeof p->tenant, "%s", tenant);
    snprintf(p->table, sizeof p->table, "%s", table);
    snprintf(p->reason, sizeof p->reason, "%s", reason);
    p->size = raw.n;
    memcpy(p->raw, raw.p, kept);
    p->raw[kept] = '\0';
    bed->parked_count++;
    return ST_OK;
}

/* A new folder below /tmp; 'folder' holds the name of a program. */
static inline void
bed_folder_make(char folder[64], const char *name)
{
    snprintf(folder, 64, "/tmp/penstock_%s_XXXXXX", name);
    if (mkdtemp(folder) == NULL) {
        printf("no folder %s\n0 passed, 1 failed\n", folder);
        exit(1);
    }
}

/* Takes 'fd', of a folder. */
static inline void
bed_folder_empty(int fd)
{
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            unlinkat(fd, e->d_name, 0) == 0)
            continue;
        bed_folder_empty(openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        unlinkat(fd, e->d_name, AT_REMOVEDIR);
    }
    if (d != NULL)
        closedir(d);
}

/* With all that is in it; links are not followed. */
static inline void
bed_folder_remove(const char *path)
{
    bed_folder_empty(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    rmdir(path);
}

/* What is 0 in 'wanted' gets a value that fits most tests; catalog, clock, park, journal and devices
 * are the bed's. 'wanted' may be NULL. */
static inline void
bed_open(struct bed *bed, const char *name, const struct admit_options *wanted)
{
    char journal[80];
    struct journal_options jo = {
        .folder = journal,
        .segment_size = 16 << 20,
        .size_max = 512 << 20,
        .now = bed_now,
        .fault = bed_fault,
        .fault_app = bed,
    };
    struct admit_options o = {0};
    struct journal_recovery found;
    struct err err = {""};

    memset(bed, 0, sizeof *bed);
    bed->parked = calloc(BED_PARKED_MAX, sizeof *bed->parked);
    if (bed->parked == NULL)
        exit(1);
    bed_folder_make(bed->folder, name);
    snprintf(journal, sizeof journal, "%s/journal", bed->folder);
    bed_must(journal_open(&jo, &bed->journal, &found, &err), "journal", &err);
    bed_must(devices_make(10000, &bed->devices, &err), "devices", &err);
    if (wanted != NULL)
        o = *wanted;
    o.catalog = &catalog_builtin;
    o.park.app = bed;
    o.park.park = bed_park;
    o.now = bed_now;
    o.journal = bed->journal;
    o.devices = bed->devices;
    o.memory_max = o.memory_max != 0 ? o.memory_max : 64 << 20;
    o.wait_ms_max = o.wait_ms_max != 0 ? o.wait_ms_max : 10;
    o.record_size_max = o.record_size_max != 0 ? o.record_size_max : 1 << 20;
    o.depth_max = o.depth_max != 0 ? o.depth_max : 64;
    o.columns_max = o.columns_max != 0 ? o.columns_max : 200;
    bed_must(admitter_make(&o, &bed->admitter, &err), "admitter", &err);
}

static inline void
bed_close(struct bed *bed)
{
    admitter_free(bed->admitter);
    devices_free(bed->devices);
    journal_close(bed->journal);
    bed_folder_remove(bed->folder);
    free(bed->parked);
}

/* Calls 'visit' (NULL: none) for every row at or after 'position'; returns their number. */
typedef void (*bed_row_fn)(void *app, const struct block *b, const struct block_row *row);
static inline size_t
bed_each_row(struct bed *bed, uint64_t position, bed_row_fn visit, void *app)
{
    struct journal_buffer *buffer;
    struct err err = {""};
    size_t count = 0;

    bed_must(journal_buffer_make(&buffer, &err), "buffer", &err);
    for (;;) {
        struct block b;
        struct journal_gap gap;
        uint64_t at, next;

        if (journal_read(bed->journal, position, buffer, &b, &at, &next, &gap, &err) != ST_OK)
            break;
        for (uint32_t i = 0; i < b.head->row_count && visit != NULL; i++)
            visit(app, &b, &b.rows[i]);
        count += b.head->row_count;
        position = next;
    }
    journal_buffer_free(buffer);
    return count;
}

/* "1 2 3" of rows {"n":1} and so on, in the journal's order; lent until the next call. */
struct bed_numbers {
    char text[4096];
    size_t used;
};
static inline void
bed_number_add(void *app, const struct block *b, const struct block_row *row)
{
    struct bed_numbers *t = app;
    char digits[24];
    const char *from = b->body.p + row->properties_at + 5;
    int n = 0;

    while (n < 20 && (from[n] == '-' || (from[n] >= '0' && from[n] <= '9')))
        digits[n] = from[n], n++;
    if (t->used + (size_t)n + 2 < sizeof t->text)
        t->used += (size_t)snprintf(t->text + t->used, sizeof t->text - t->used, "%s%.*s",
                                    t->used > 0 ? " " : "", n, digits);
}
static inline const char *
bed_numbers(struct bed *bed)
{
    static struct bed_numbers t;

    t.used = 0;
    t.text[0] = '\0';
    (void)bed_each_row(bed, 0, bed_number_add, &t);
    return t.text;
}
