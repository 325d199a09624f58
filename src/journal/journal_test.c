/* journal_test.c - what is acknowledged is there, whatever happens. */
#include "base/file.h"
#include "base/log.h"
#include "journal/journal.h"
#include "journal/sample.h"
#include "journal/segment.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

enum { MIB = 1 << 20, SEGMENT = 16 * MIB };

static struct journal_options
options(const char *folder)
{
    return (struct journal_options){
        .folder = folder, .segment_size = SEGMENT, .size_max = 8 * SEGMENT, .sync = true};
}

static struct journal *
reopen(const struct journal_options *o, struct journal_recovery *found)
{
    struct journal *j = NULL;
    struct err err = {""};

    CHECK(journal_open(o, &j, found, &err) == ST_OK, "open: %s", err.text);
    return j;
}

static uint64_t
append(struct journal *j, unsigned number, size_t size)
{
    struct err err = {""};
    uint64_t position = 0;
    enum status st = sample_append(j, number, 3, size, &position, &err);

    CHECK(st == ST_OK, "append %u: %s", number, err.text);
    return position;
}

/* Reads all from 'position'; checks that the numbers are first, first + 1 ... and returns how many
 * blocks there were. */
static unsigned
read_all(struct journal *j, uint64_t position, unsigned first, struct journal_gap *gaps,
         unsigned *gap_count)
{
    struct journal_buffer *b;
    struct err err = {""};
    unsigned count = 0;

    CHECK(journal_buffer_make(&b, &err) == ST_OK, "buffer");
    for (;;) {
        struct journal_gap gap;
        struct block block;
        uint64_t at, next;
        enum status st = journal_read(j, position, b, &block, &at, &next, &gap, &err);

        if (gap.from != gap.to) {
            if (gaps != NULL)
                gaps[*gap_count] = gap;
            if (gap_count != NULL)
                ++*gap_count;
            else
                CHECK(false, "gap %s", gap.reason);
        }
        if (st == ST_END)
            break;
        if (st != ST_OK) {
            CHECK(false, "read at %llu: %s", (unsigned long long)position, err.text);
            break;
        }
        if (gaps == NULL)
            CHECK(sample_number(&block) == first + count, "block %u is %u", first + count,
                  sample_number(&block));
        count++;
        position = next;
    }
    journal_buffer_free(b);
    return count;
}

static void
test_append_and_read(int zstd_level)
{
    char folder[256];
    struct journal_recovery found;
    struct journal_options o;
    struct journal *j;
    unsigned number = 0;

    folder_new(folder);
    o = options(folder);
    o.zstd_level = zstd_level;
    j = reopen(&o, &found);
    CHECK(found.text[0] == '\0', "new: %s", found.text);
    CHECK(!journal_wait(j, 0, 0), "nothing yet");
    CHECK(read_all(j, 0, 0, NULL, NULL) == 0, "empty");
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 10; i++)
            append(j, number++, (size_t)i * 200000);
        CHECK(journal_wait(j, 0, 0), "something");
        CHECK(read_all(j, 0, 0, NULL, NULL) == number, "all of %u", number);
        journal_close(j);
        j = reopen(&o, &found);
        CHECK(found.text[0] == '\0', "closed in order: %s", found.text);
        CHECK(read_all(j, 0, 0, NULL, NULL) == number, "all of %u", number);
    }
    journal_close(j);
    folder_remove(folder);
}

/* What a reader met. */
struct seen {
    unsigned blocks, gaps;
    uint64_t gap_rows, end;
    bool is_exact, is_ordered;
    uint64_t bits; /* numbers below 64 */
    char reason[160];
};

static struct seen
look(struct journal *j, uint64_t position)
{
    struct journal_buffer *b;
    struct seen seen = {.is_exact = true, .is_ordered = true};
    unsigned last = 0;

    if (journal_buffer_make(&b, NULL) != ST_OK)
        abort();
    for (;;) {
        struct journal_gap gap;
        struct block block;
        struct err err = {""};
        uint64_t at, next;
        enum status st = journal_read(j, position, b, &block, &at, &next, &gap, &err);

        if (gap.from != gap.to) {
            seen.gaps++;
            seen.gap_rows += gap.rows;
            seen.is_exact = seen.is_exact && gap.is_exact;
            memcpy(seen.reason, gap.reason, sizeof seen.reason);
        }
        seen.end = next;
        if (st == ST_END)
            break;
        if (st != ST_OK) {
            CHECK(false, "read at %" PRIu64 ": %s", position, err.text);
            break;
        }
        unsigned number = sample_number(&block);

        seen.is_ordered = seen.is_ordered && (seen.blocks == 0 || number > last) && next > at;
        if (number < 64)
            seen.bits |= UINT64_C(1) << number;
        last = number;
        seen.blocks++;
        position = next;
    }
    journal_buffer_free(b);
    return seen;
}

/* A journal that is left as a killed process leaves it, with 'count' blocks of 'size' bytes.
 * Positions go to 'positions'. */
static void
leave_unclosed(const struct journal_options *o, unsigned count, size_t size, uint64_t *positions)
{
    int ends[2];
    pid_t child;

    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        abort();
    if (child == 0) {
        struct journal *j;
        struct err err;

        if (journal_open(o, &j, NULL, &err) != ST_OK)
            _exit(2);
        for (unsigned i = 0; i < count; i++) {
            uint64_t position;

            if (sample_append(j, i, 3, size, &position, &err) != ST_OK ||
                write(ends[1], &position, sizeof position) != sizeof position)
                _exit(3);
        }
        _exit(0);
    }
    close(ends[1]);
    for (unsigned i = 0; i < count; i++)
        if (read(ends[0], &positions[i], sizeof positions[i]) != sizeof positions[i])
            abort();
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void
path_of(char path[512], const char *folder, const char *name)
{
    snprintf(path, 512, "%s/%s", folder, name);
}

static char *
file_get(const char *folder, const char *name, size_t *size)
{
    char path[512], *text;

    path_of(path, folder, name);
    if (file_read(path, 64 << 20, &text, size, NULL) != ST_OK)
        return NULL;
    return text;
}

/* Puts a file back as it was, cut to 'size' bytes, and removes its summary. */
static void
file_put(const char *folder, const char *name, const char *text, size_t size)
{
    char path[512];
    int fd;

    path_of(path, folder, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 || pwrite_all(fd, text, size, 0, path, NULL) != ST_OK)
        abort();
    close(fd);
    memcpy(strrchr(path, '.'), ".sum", 4);
    unlink(path);
}

static unsigned
file_count(const char *folder, const char *inside, const char *ending)
{
    char path[512];
    struct dirent *entry;
    unsigned count = 0;
    DIR *d;

    path_of(path, folder, inside);
    d = opendir(path);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        size_t n = strlen(entry->d_name), m = strlen(ending);

        count += n >= m && strcmp(entry->d_name + n - m, ending) == 0;
    }
    if (d != NULL)
        closedir(d);
    return count;
}

static const char first_segment[] = "0000000000000000.seg";

/* The last frame written only up to a byte, for every byte of it: never a gap, never a block lost,
 * and life goes on. */
static void
test_torn_tails(void)
{
    char folder[256];
    uint64_t positions[4];
    struct journal_options o;
    size_t size;
    char *whole, *torn;

    folder_new_fast(folder);
    o = options(folder);
    leave_unclosed(&o, 4, 100, positions);
    whole = file_get(folder, first_segment, &size);
    size_t last = (size_t)positions[3], end = last + (size_t)(positions[3] - positions[2]);

    size = end + 4096; /* the rest is zeros */
    torn = malloc(size);
    for (size_t cut = last; cut <= end; cut += cut - last < 300 ? 1 : 13) {
        struct journal_recovery found;
        struct journal *j;

        memcpy(torn, whole, size);
        memset(torn + cut, 0, size - cut);
        file_put(folder, first_segment, torn, size);
        j = reopen(&o, &found);
        if (j == NULL)
            break;
        struct seen seen = look(j, 0);
        bool is_whole = memcmp(torn, whole, size) == 0;

        CHECK(seen.blocks == (is_whole ? 4 : 3) && seen.gaps == 0 && seen.is_ordered,
              "cut at %zu of %zu: %u blocks, %u gaps", cut - last, end - last, seen.blocks,
              seen.gaps);
        CHECK(found.quarantined_count == 0 && found.text[0] != '\0', "cut at %zu: %s", cut - last,
              found.text);
        CHECK(found.torn_blocks == (is_whole || cut - last < 18 ? 0 : 1), "cut at %zu: %d torn",
              cut - last, (int)found.torn_blocks);
        journal_close(j);
    }
    /* After it, appends go to a new segment and positions are not used again. */
    file_put(folder, first_segment, whole, last + 200);
    struct journal_recovery found;
    struct journal *j = reopen(&o, &found);
    uint64_t position = append(j, 50, 100);

    CHECK(position > end, "position %" PRIu64 " is used again", position);
    CHECK(look(j, 0).blocks == 4 && look(j, positions[3]).bits == UINT64_C(1) << 50,
          "the torn block's place is passed over");
    journal_close(j);
    j = reopen(&o, &found);
    CHECK(look(j, 0).blocks == 4 && look(j, 0).gaps == 0 && found.text[0] == '\0', "%s",
          found.text);
    journal_close(j);
    free(whole);
    free(torn);
    folder_remove(folder);
}

/* A bit that flips anywhere in an acknowledged frame costs this frame alone. */
static void
test_bit_flips(void)
{
    static const char *const parts[] = {"first", "second", "middle"};
    char folder[256];
    uint64_t positions[6];
    struct journal_options o;
    size_t size;
    char *whole, *damaged;

    folder_new_fast(folder);
    o = options(folder);
    leave_unclosed(&o, 6, 100, positions);
    whole = file_get(folder, first_segment, &size);
    size = (size_t)(positions[5] + 8192);
    damaged = malloc(size);
    for (unsigned which = 0; which < 3; which++)
        for (size_t at = positions[which]; at < positions[which + 1]; at++) {
            size_t in_frame = at - (size_t)positions[which];
            struct journal_recovery found;
            struct journal *j;

            if (in_frame >= FRAME_HEAD_SIZE && in_frame % 37 != which)
                continue;
            memcpy(damaged, whole, size);
            damaged[at] = (char)(damaged[at] ^ (1 << at % 8));
            file_put(folder, first_segment, damaged, size);
            j = reopen(&o, &found);
            if (j == NULL)
                break;
            struct seen seen = look(j, 0);
            uint64_t all = 63, others = all & ~(UINT64_C(1) << which);
            bool is_padding = in_frame >= positions[1] - positions[0] - 64 && seen.bits == all;

            CHECK(is_padding || (seen.bits == others && seen.gaps == 1 && seen.gap_rows == 3 &&
                                 seen.is_exact && found.quarantined_count == 1),
                  "%s frame, byte %zu: %u blocks, %u gaps of %d rows, %s", parts[which], in_frame,
                  seen.blocks, seen.gaps, (int)seen.gap_rows, found.text);
            journal_close(j);
            j = reopen(&o, &found);
            struct seen again = look(j, 0);

            CHECK(again.bits == seen.bits && again.gaps == seen.gaps &&
                      again.gap_rows == seen.gap_rows && found.quarantined_count == 0,
                  "byte %zu: another start sees something else", in_frame);
            journal_close(j);
        }
    CHECK(file_count(folder, "quarantine", ".bad") >= 3 &&
              file_count(folder, "quarantine", ".bad") ==
                  file_count(folder, "quarantine", ".bad.reason"),
          "quarantine");
    free(whole);
    free(damaged);
    folder_remove(folder);
}

static void
flip(const char *folder, const char *name, uint64_t at)
{
    char path[512], byte;
    int fd;

    path_of(path, folder, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pread(fd, &byte, 1, (off_t)at) != 1)
        abort();
    byte = (char)(byte ^ 16);
    if (pwrite(fd, &byte, 1, (off_t)at) != 1)
        abort();
    close(fd);
}

/* Damage that a reader meets while the journal is at work. */
static void
test_damage_at_work(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal_stats stats;
    struct journal *j;
    uint64_t positions[8];

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    for (unsigned i = 0; i < 8; i++)
        positions[i] = append(j, i, 1000);
    flip(folder, first_segment, positions[2] + 40);  /* a head */
    flip(folder, first_segment, positions[3] + 10);  /* and the next */
    flip(folder, first_segment, positions[5] + 600); /* a payload */
    flip(folder, first_segment, positions[7] + 16);  /* the last one's head */
    for (int reader = 0; reader < 2; reader++) {
        struct seen seen = look(j, 0);

        CHECK(seen.bits == 0x53 && seen.gaps == 3 && seen.gap_rows == 12 && seen.is_exact,
              "reader %d: %x, %u gaps of %d rows", reader, (unsigned)seen.bits, seen.gaps,
              (int)seen.gap_rows);
        journal_stats_get(j, &stats);
        CHECK(stats.quarantined_count == 3, "counted %d", (int)stats.quarantined_count);
    }
    CHECK(look(j, positions[3]).bits == 0x50, "from within damage");
    append(j, 8, 1000);
    journal_close(j);
    j = reopen(&o, &found);
    struct seen seen = look(j, 0);

    CHECK(found.quarantined_count == 0 && seen.bits == 0x153 && seen.gap_rows == 12, "reopened: %x",
          (unsigned)seen.bits);
    CHECK(file_count(folder, "quarantine", ".bad") == 3, "copies");

    /* Positions that are nobody's do no harm. */
    static const uint64_t wrong[] = {1, 64, 128, 500};

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct journal_buffer *b;
        struct journal_gap gap;
        struct block block;
        struct err err = {""};
        uint64_t at, next;

        CHECK(journal_buffer_make(&b, &err) == ST_OK, "buffer");
        CHECK(journal_read(j, positions[6] + wrong[i], b, &block, &at, &next, &gap, &err) ==
                      ST_INVALID &&
                  err.text[0] != '\0',
              "position + %d is a block", (int)wrong[i]);
        CHECK(journal_read(j, journal_extent(j).end + wrong[i], b, &block, &at, &next, &gap,
                           &err) == ST_INVALID,
              "end + %d is a block", (int)wrong[i]);
        journal_buffer_free(b);
    }
    journal_stats_get(j, &stats);
    CHECK(stats.quarantined_count == 0, "a wrong position put %d pieces into quarantine",
          (int)stats.quarantined_count);
    journal_close(j);
    folder_remove(folder);
}

/* Three segments and a bit: what is done to the files, and what is left. */
enum harm { HARM_NONE, HARM_EMPTY, HARM_REMOVE, HARM_FLIP, HARM_SHORTEN };
static const struct {
    const char *name;
    int segment;      /* which one's file */
    const char *kind; /* ".seg" or ".sum" */
    enum harm harm;
    uint64_t at;
    unsigned lost; /* blocks; each has 3 rows */
    bool is_exact;
} harms[] = {
    {"nothing",                        0, ".seg", HARM_NONE,    0,       0,  true},
    {"the first summary is gone",      0, ".sum", HARM_REMOVE,  0,       0,  true},
    {"the second summary is gone",     1, ".sum", HARM_REMOVE,  0,       0,  true},
    {"the last summary is gone",       3, ".sum", HARM_REMOVE,  0,       0,  true},
    {"a summary's head is damaged",    1, ".sum", HARM_FLIP,    40,      0,  true},
    {"a summary's CRC is damaged",     1, ".sum", HARM_FLIP,    13,      0,  true},
    {"a summary is cut",               1, ".sum", HARM_SHORTEN, 100,     0,  true},
    {"a summary is empty",             1, ".sum", HARM_EMPTY,   0,       0,  true},
    {"a segment's magic is damaged",   1, ".seg", HARM_FLIP,    3,       0,  true},
    {"a segment's version is damaged", 1, ".seg", HARM_FLIP,    8,       0,  true},
    {"a segment's epoch is damaged",   1, ".seg", HARM_FLIP,    20,      0,  true},
    {"the first's head is damaged",    0, ".seg", HARM_FLIP,    12,      0,  true},
    {"the last's head is damaged",     3, ".seg", HARM_FLIP,    30,      0,  true},
    {"a block is damaged",             1, ".seg", HARM_FLIP,    5 << 20, 1,  true},
    {"a segment is cut in the middle", 1, ".seg", HARM_SHORTEN, 8 << 20, 8,  true},
    {"a segment is empty",             1, ".seg", HARM_EMPTY,   0,       15, true},
    {"a segment is gone",              1, ".seg", HARM_REMOVE,  0,       15, true},
};

static void
do_harm(const char *folder, enum harm harm, int segment, const char *kind, uint64_t at)
{
    char name[64], path[512];

    snprintf(name, sizeof name, "%016" PRIx64 "%s", (uint64_t)segment * SEGMENT, kind);
    path_of(path, folder, name);
    switch (harm) {
    case HARM_NONE:
        break;
    case HARM_REMOVE:
        CHECK(unlink(path) == 0, "%s", path);
        break;
    case HARM_FLIP:
        flip(folder, name, at);
        break;
    case HARM_EMPTY:
    case HARM_SHORTEN:
        CHECK(truncate(path, (off_t)at) == 0, "%s", path);
        break;
    }
}

static void
test_harmed_files(void)
{
    for (size_t i = 0; i < COUNT_OF(harms); i++) {
        char folder[256];
        struct journal_options o;
        struct journal_recovery found;
        struct journal *j;
        struct err err;
        uint64_t rows;
        int64_t oldest;

        folder_new(folder);
        o = options(folder);
        j = reopen(&o, &found);
        for (unsigned n = 0; n < 50; n++)
            append(j, n, MIB);
        journal_close(j);
        do_harm(folder, harms[i].harm, harms[i].segment, harms[i].kind, harms[i].at);
        for (int round = 0; round < 2; round++) {
            j = reopen(&o, &found);
            if (j == NULL)
                break;
            struct seen seen = look(j, 0);

            CHECK(seen.blocks == 50u + (unsigned)round - harms[i].lost && seen.is_ordered,
                  "%s: %u blocks", harms[i].name, seen.blocks);
            CHECK(seen.gap_rows == harms[i].lost * 3 && seen.is_exact == harms[i].is_exact,
                  "%s: %u gaps of %d rows, exact %d: %s", harms[i].name, seen.gaps,
                  (int)seen.gap_rows, seen.is_exact, seen.reason);
            CHECK(journal_count_rows(j, 0, journal_extent(j).end, &rows, &oldest, &err) == ST_OK &&
                      rows == (50u + (unsigned)round) * 3,
                  "%s: %d rows", harms[i].name, (int)rows);
            if (round == 0)
                append(j, 50, 10);
            journal_close(j);
        }
        folder_remove(folder);
    }
}

static void
test_newer_version(void)
{
    char folder[256], path[512], before[4096], after[4096];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct segment_head h;
    struct err err = {""};
    int fd;

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    append(j, 0, 10);
    journal_close(j);
    path_of(path, folder, first_segment);
    fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(pread(fd, &h, sizeof h, 0) == sizeof h, "head");
    h.crc ^= h.version ^ 7;
    h.version = 7;
    CHECK(pwrite(fd, &h, sizeof h, 0) == sizeof h && pread(fd, before, 4096, 0) == 4096, "head");
    file_put(folder, "run-1.x", "", 0); /* would be removed by a start that went on */
    CHECK(journal_open(&o, &j, &found, &err) == ST_INVALID && strstr(err.text, "format 7") != NULL,
          "newer: %s", err.text);
    CHECK(pread(fd, after, 4096, 0) == 4096 && memcmp(before, after, 4096) == 0, "untouched");
    CHECK(file_count(folder, ".", ".x") == 1, "untouched");
    h.crc ^= 7 ^ 1;
    h.version = 1;
    CHECK(pwrite(fd, &h, sizeof h, 0) == sizeof h, "head");
    close(fd);
    j = reopen(&o, &found);
    CHECK(look(j, 0).blocks == 1 && file_count(folder, ".", ".x") == 0, "as before");
    journal_close(j);
    folder_remove(folder);
}

static void
test_two_owners(void)
{
    char folder[256], pid[32];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j, *other;
    struct err err = {""};

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
    CHECK(journal_open(&o, &other, &found, &err) == ST_INVALID && strstr(err.text, pid) != NULL,
          "second in this process: %s", err.text);
    fflush(stdout);
    pid_t child = fork();

    if (child == 0)
        _exit(journal_open(&o, &other, &found, &err) == ST_INVALID && strstr(err.text, pid) != NULL
                  ? 0
                  : 1);
    int result = 1;

    waitpid(child, &result, 0);
    CHECK(result == 0, "second in another process");
    append(j, 0, 10);
    journal_close(j);
    j = reopen(&o, &found);
    CHECK(look(j, 0).blocks == 1, "after it");
    journal_close(j);
    folder_remove(folder);
}

static const struct {
    const char *name;
    uint64_t segment_size, size_max;
    int zstd_level;
} bad_options[] = {
    {"segments too small", 8 * MIB,           1024 * MIB, 0 },
    {"segments too large", UINT64_C(2) << 30, UINT64_MAX, 0 },
    {"fewer than 4 fit",   64 * MIB,          255 * MIB,  0 },
    {"negative level",     16 * MIB,          1024 * MIB, -1},
    {"level out of range", 16 * MIB,          1024 * MIB, 20},
};

static void
test_options(void)
{
    for (size_t i = 0; i < COUNT_OF(bad_options); i++) {
        struct journal_options o = {.folder = "/nonexistent/penstock",
                                    .segment_size = bad_options[i].segment_size,
                                    .size_max = bad_options[i].size_max,
                                    .zstd_level = bad_options[i].zstd_level};
        struct journal *j;
        struct err err = {""};

        CHECK(journal_open(&o, &j, NULL, &err) == ST_INVALID && err.text[0] != '\0', "%s: %s",
              bad_options[i].name, err.text);
    }
}

/* Appends until the journal is full; returns how many went in. */
static unsigned
fill(struct journal *j, unsigned number, unsigned most, struct err *err)
{
    uint64_t position;
    unsigned n = 0;

    while (n < most && sample_append(j, number + n, 3, MIB, &position, err) == ST_OK)
        n++;
    return n;
}

static void
test_quota(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal_stats stats;
    struct journal *j;
    struct err err = {""};

    folder_new(folder);
    o = options(folder);
    o.size_max = 4 * SEGMENT;
    j = reopen(&o, &found);
    journal_floor_set(j, "export 'slow'", 0, false);
    journal_floor_set(j, "export 'fast'", UINT64_MAX / 2, false);
    unsigned n = fill(j, 0, 1000, &err);

    CHECK(n == 60 && strstr(err.text, "slow") != NULL, "%u blocks: %s", n, err.text);
    journal_stats_get(j, &stats);
    CHECK(stats.size_bytes <= o.size_max && stats.fulls_count == 1 && !stats.is_failed &&
              stats.block_count == 60,
          "%d bytes, %d fulls", (int)stats.size_bytes, (int)stats.fulls_count);
    CHECK(fill(j, n, 1, &err) == 0, "still full");
    CHECK(read_all(j, 0, 0, NULL, NULL) == n, "nothing is harmed");

    /* Opened again, nobody knows yet who needs what: nothing is given up, however full it is. */
    journal_close(j);
    j = reopen(&o, &found);
    (void)journal_wait(j, UINT64_MAX, 200); /* the keeper has its chance to do harm */
    CHECK(look(j, 0).blocks == n && look(j, 0).gaps == 0, "%u blocks before floors are set",
          look(j, 0).blocks);
    journal_floor_set(j, "export 'slow'", 0, false);
    CHECK(fill(j, n, 1, &err) == 0, "full as before");

    /* A reader that gets on makes room. */
    struct seen seen = look(j, 0);

    journal_floor_set(j, "export 'slow'", seen.end, false);
    CHECK(fill(j, n, 40, &err) == 40, "again: %s", err.text);
    CHECK(look(j, seen.end).blocks == 40 && look(j, seen.end).gaps == 0, "what is needed is kept");
    journal_floor_remove(j, "export 'slow'");
    CHECK(fill(j, 100, 300, &err) == 300, "nobody needs anything: %s", err.text);
    journal_stats_get(j, &stats);
    CHECK(stats.size_bytes <= o.size_max && stats.recycled_count > 15, "recycled %d",
          (int)stats.recycled_count);
    journal_close(j);
    j = reopen(&o, &found);
    seen = look(j, 0);
    CHECK(seen.is_ordered && seen.blocks > 30 && seen.gaps == 0 && found.text[0] == '\0',
          "recycled segments: %u blocks %s", seen.blocks, found.text);
    journal_close(j);
    folder_remove(folder);
}

static void
test_yield(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct journal_buffer *b;
    struct journal_gap gap;
    struct block block;
    struct err err = {""};
    uint64_t at, next = 0, rows;
    int64_t oldest;

    folder_new(folder);
    o = options(folder);
    o.size_max = 4 * SEGMENT;
    j = reopen(&o, &found);
    CHECK(fill(j, 0, 5, &err) == 5 && journal_buffer_make(&b, &err) == ST_OK, "begin");
    for (int i = 0; i < 3; i++)
        CHECK(journal_read(j, next, b, &block, &at, &next, &gap, &err) == ST_OK, "read");
    uint64_t cursor = next, ahead = 0;

    journal_floor_set(j, "laggard", cursor, true);
    CHECK(journal_read(j, cursor, b, &block, &at, &ahead, &gap, &err) == ST_OK, "read ahead");
    CHECK(fill(j, 5, 195, &err) == 195, "yields: %s", err.text);

    /* From the floor, and from where another buffer had read ahead. */
    struct seen seen = look(j, cursor);

    CHECK(seen.gaps == 1 && seen.is_exact && seen.gap_rows + seen.blocks * 3 == 197 * 3 &&
              strstr(seen.reason, "journal quota") != NULL,
          "%u blocks, %u gaps of %d rows exact %d: %s", seen.blocks, seen.gaps, (int)seen.gap_rows,
          seen.is_exact, seen.reason);
    seen = look(j, ahead);
    CHECK(seen.gaps == 1 && seen.is_exact && seen.gap_rows + seen.blocks * 3 == 196 * 3,
          "ahead: %u blocks, %d rows, exact %d", seen.blocks, (int)seen.gap_rows, seen.is_exact);
    CHECK(journal_count_rows(j, cursor, journal_extent(j).end, &rows, &oldest, &err) == ST_OK &&
              rows == 197 * 3,
          "count %d", (int)rows);
    journal_close(j);
    j = reopen(&o, &found);
    journal_floor_set(j, "laggard", cursor, true);
    seen = look(j, cursor);
    CHECK(seen.gaps == 1 && seen.is_exact && seen.gap_rows + seen.blocks * 3 == 197 * 3,
          "reopened: %u blocks, %d rows, exact %d", seen.blocks, (int)seen.gap_rows, seen.is_exact);
    CHECK(fill(j, 200, 100, &err) == 100, "again: %s", err.text);
    seen = look(j, cursor);
    CHECK(seen.is_exact && seen.gap_rows + seen.blocks * 3 == 297 * 3, "again: %d rows, exact %d",
          (int)seen.gap_rows, seen.is_exact);

    /* One that does not yield is stronger. */
    journal_floor_set(j, "firm", look(j, 0).end, false);
    unsigned n = fill(j, 300, 200, &err);

    CHECK(n < 70 && strstr(err.text, "'firm'") != NULL, "%u went in: %s", n, err.text);
    journal_buffer_free(b);
    journal_close(j);
    folder_remove(folder);
}

struct faults {
    const char *what;
    int countdown, number;
    bool once;
};

static int
fault(void *app, const char *what)
{
    struct faults *f = app;

    if (f->what == NULL || strcmp(f->what, what) != 0 || f->countdown-- > 0)
        return 0;
    if (f->once)
        f->what = NULL;
    return f->number;
}

static int64_t
now_of(void *clock)
{
    return *(int64_t *)clock;
}

static void
test_retention(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal_stats stats;
    struct journal *j;
    struct err err;
    int64_t now = SAMPLE_TICKS;

    folder_new(folder);
    o = options(folder);
    o.keep_age_ticks = 1000;
    o.now = now_of;
    o.clock = &now;
    j = reopen(&o, &found);
    CHECK(fill(j, 0, 70, &err) == 70, "fill");
    journal_floor_set(j, "reader", look(j, 0).end, false);
    CHECK(journal_retain(j) == 0, "nothing is old");
    now += 1000 + 31;
    CHECK(journal_retain(j) == 2, "two segments are old");
    journal_floor_set(j, "reader", 0, false);
    now += 100000;
    CHECK(journal_retain(j) == 0, "what is needed stays");
    journal_floor_set(j, "reader", look(j, 0).end, false);
    CHECK(journal_retain(j) == 2 && journal_retain(j) == 0, "the last one stays");
    journal_close(j);
    o.keep_age_ticks = 0;
    o.keep_size_max = 3 * SEGMENT;
    j = reopen(&o, &found);
    CHECK(fill(j, 70, 100, &err) == 100, "fill");
    (void)journal_retain(j);
    journal_stats_get(j, &stats);
    CHECK(stats.recycled_count > 0 && stats.size_bytes <= o.keep_size_max, "%d recycled, %d bytes",
          (int)stats.recycled_count, (int)stats.size_bytes);
    journal_close(j);
    folder_remove(folder);
}

/* Files whose names start so, and the bytes that they have on disk. */
static unsigned
count_files(const char *folder, const char *start, uint64_t *bytes)
{
    DIR *d = opendir(folder);
    unsigned count = 0;
    struct stat info;

    *bytes = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, start, strlen(start)) != 0 ||
            fstatat(dirfd(d), e->d_name, &info, 0) != 0 || !S_ISREG(info.st_mode))
            continue;
        count++;
        *bytes += (uint64_t)info.st_blocks * 512;
    }
    if (d != NULL)
        closedir(d);
    return count;
}

/* A journal as large as it is to be makes no more files: it writes over its oldest. And what goes
 * back to the disk piece by piece counts against the quota until it is gone, and does not outlive
 * the journal. */
static void
test_reuse(void)
{
    char folder[256], path[300];
    struct faults faults = {0};
    struct journal_options o;
    struct journal_recovery found;
    struct journal_stats stats;
    struct journal *j;
    struct err err = {""};
    int64_t now = SAMPLE_TICKS;
    uint64_t bytes;

    folder_new(folder);
    o = options(folder);
    o.keep_size_max = 4 * SEGMENT;
    o.fault = fault;
    o.fault_app = &faults;
    j = reopen(&o, &found);
    CHECK(fill(j, 0, 100, &err) == 100, "fill: %s", err.text);
    faults = (struct faults){"create", 0, EIO, false};
    CHECK(fill(j, 100, 200, &err) == 200, "over its own files: %s", err.text);
    journal_stats_get(j, &stats);
    CHECK(stats.size_bytes <= o.keep_size_max, "%d bytes", (int)stats.size_bytes);
    journal_floor_set(j, "reader", 0, false);
    CHECK(fill(j, 300, 100, &err) < 100, "what is needed is not written over");
    faults.what = NULL;
    journal_close(j);
    folder_remove(folder);

    folder_new(folder);
    o = options(folder);
    o.keep_age_ticks = 1000;
    o.now = now_of;
    o.clock = &now;
    j = reopen(&o, &found);
    for (unsigned n = 0; n < 300; n += 100) {
        CHECK(fill(j, n, 100, &err) == 100, "fill: %s", err.text);
        now += 1000 + 100000;
        CHECK(journal_retain(j) > 2, "more than are kept as spares");
        (void)count_files(folder, "", &bytes);
        CHECK(bytes <= o.size_max + MIB, "%d bytes on disk", (int)bytes);
    }
    CHECK(look(j, 0).blocks > 0, "the last segment is there");
    journal_close(j);
    CHECK(count_files(folder, "old-", &bytes) == 0, "given back");
    snprintf(path, sizeof path, "%s/old-0123456789abcdef", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0, "what a killed one left");
    j = reopen(&o, &found);
    CHECK(count_files(folder, "old-", &bytes) == 0 && found.quarantined_count == 0,
          "removed at start");
    journal_close(j);
    folder_remove(folder);
}

static void
test_time_and_rows(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct err err;
    uint64_t positions[40], position, rows;
    int64_t oldest;

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    CHECK(journal_count_rows(j, 0, 0, &rows, &oldest, &err) == ST_OK && rows == 0 && oldest == 0,
          "of nothing");
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 40 && round == 0; i++)
            positions[i] = append(j, i * 10, MIB);
        for (unsigned i = 0; i < 40; i++) {
            CHECK(journal_find_time(j, SAMPLE_TICKS + (int64_t)i * 10 - 5, &position, &err) ==
                          ST_OK &&
                      position == positions[i],
                  "time of %u", i);
            CHECK(journal_count_rows(j, positions[i], journal_extent(j).end, &rows, &oldest,
                                     &err) == ST_OK &&
                      rows == (40 - i) * 3 && oldest == SAMPLE_TICKS + (int64_t)i * 10,
                  "rows from %u: %d", i, (int)rows);
            CHECK(journal_count_rows(j, 0, positions[i], &rows, &oldest, &err) == ST_OK &&
                      rows == i * 3,
                  "rows to %u: %d", i, (int)rows);
        }
        CHECK(journal_find_time(j, SAMPLE_TICKS + 391, &position, &err) == ST_OK &&
                  position == journal_extent(j).end,
              "time of the end");
        journal_close(j);
        j = reopen(&o, &found);
    }
    journal_close(j);
    folder_remove(folder);
}

static enum status
append_request(struct journal *j, unsigned id, unsigned part, bool is_last)
{
    struct sample s = sample_make(1, 7, 500, id, part, is_last);
    struct err err;
    uint64_t position;
    enum status st = journal_append(j, (struct span){s.index, s.index_size},
                                    (struct span){s.body, s.body_size}, &position, &err);

    sample_free(&s);
    return st;
}

static void
test_requests(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    int64_t now = SAMPLE_TICKS;
    uint64_t position, rows, first = 0;

    folder_new(folder);
    o = options(folder);
    o.now = now_of;
    o.clock = &now;
    o.sync = false; /* thousands of them */
    j = reopen(&o, &found);
    CHECK(append_request(j, 1, 0, true) == ST_OK && append_request(j, 2, 0, false) == ST_OK &&
              append_request(j, 3, 0, false) == ST_OK && append_request(j, 3, 1, false) == ST_OK &&
              append_request(j, 3, 2, true) == ST_OK && append_request(j, 1, 0, true) == ST_OK,
          "append");
    for (unsigned i = 100; i < 5000; i++)
        if (append_request(j, i, 0, true) != ST_OK)
            abort();
    for (int round = 0; round < 3; round++) {
        uint8_t id[16] = {1};

        CHECK(journal_find_request(j, id, &position, &rows) && rows == 7 &&
                  (first == 0 || position == first),
              "round %d: request 1, the first of two", round);
        first = position;
        id[0] = 2;
        CHECK(!journal_find_request(j, id, &position, &rows), "request 2 has no end");
        id[0] = 3;
        CHECK(journal_find_request(j, id, &position, &rows) && rows == 21, "request 3: all parts");
        id[0] = 4;
        CHECK(!journal_find_request(j, id, &position, &rows), "request 4 is unknown");
        for (unsigned i = 100; i < 5000; i++) {
            memcpy(id, &i, sizeof i);
            if (!journal_find_request(j, id, &position, &rows))
                CHECK(false, "request %u", i);
        }
        journal_close(j);
        if (round == 1)
            do_harm(folder, HARM_REMOVE, 0, ".sum", 0);
        j = reopen(&o, &found);
    }
    uint8_t id[16] = {1};

    now += 25 * INT64_C(36000000000);
    CHECK(!journal_find_request(j, id, &position, &rows), "too old");
    journal_close(j);
    folder_remove(folder);
}

static const struct {
    const char *name;
    const char *what;
    int number;
    enum status status;
    bool is_failed;
} append_faults[] = {
    {"write fails",            "write",  EIO,    ST_IO,   true },
    {"write finds no space",   "write",  ENOSPC, ST_IO,   true },
    {"sync fails",             "sync",   EIO,    ST_IO,   true },
    {"no segment can be made", "create", EIO,    ST_IO,   false},
    {"no space for a segment", "create", ENOSPC, ST_FULL, false},
    {"no quota for a segment", "create", EDQUOT, ST_FULL, false},
};

static void
test_faults(void)
{
    for (size_t i = 0; i < COUNT_OF(append_faults); i++) {
        char folder[256];
        struct faults faults = {0};
        struct journal_options o;
        struct journal_recovery found;
        struct journal_stats stats;
        struct journal *j;
        struct err err = {""};
        uint64_t position;
        enum status st = ST_OK;
        unsigned n = 0;

        folder_new(folder);
        o = options(folder);
        o.fault = fault;
        o.fault_app = &faults;
        j = reopen(&o, &found);
        journal_floor_set(j, "reader", 0, false);
        append(j, n++, MIB);
        faults = (struct faults){append_faults[i].what, 0, append_faults[i].number, false};
        while (n < 100 && (st = sample_append(j, n, 3, MIB, &position, &err)) == ST_OK)
            n++;
        CHECK(st == append_faults[i].status && err.text[0] != '\0', "%s: %d %s",
              append_faults[i].name, st, err.text);
        journal_stats_get(j, &stats);
        CHECK(stats.is_failed == append_faults[i].is_failed, "%s: failed %d", append_faults[i].name,
              stats.is_failed);
        CHECK(read_all(j, 0, 0, NULL, NULL) == n, "%s: what was acknowledged is there",
              append_faults[i].name);
        faults.what = NULL;
        st = sample_append(j, n, 3, MIB, &position, &err);
        CHECK((st == ST_OK) == !append_faults[i].is_failed, "%s: afterwards %s",
              append_faults[i].name, err.text);
        n += st == ST_OK;
        journal_close(j);
        j = reopen(&o, &found);
        struct seen seen = look(j, 0);

        CHECK(seen.blocks >= n && seen.blocks <= n + 1 && seen.gaps == 0,
              "%s: reopened, %u of %u blocks, %u gaps", append_faults[i].name, seen.blocks, n,
              seen.gaps);
        append(j, n + 1, 10);
        journal_close(j);
        folder_remove(folder);
    }
}

/* What a killed program left counts as acknowledged from the next start on, so it is synced first;
 * what was closed in order was. */
static void
test_killed_sync(void)
{
    char folder[256];
    struct faults faults = {0};
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct err err = {""};
    int result = 1;

    folder_new(folder);
    o = options(folder);
    o.fault = fault;
    o.fault_app = &faults;
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        j = reopen(&o, &found);
        append(j, 0, 1000);
        _exit(test_failed != 0);
    }
    waitpid(child, &result, 0);
    CHECK(result == 0, "the killed one");
    faults = (struct faults){"sync", 0, EIO, true};
    CHECK(journal_open(&o, &j, &found, &err) == ST_IO && faults.what == NULL,
          "what was not synced was taken for lasting");
    j = reopen(&o, &found);
    CHECK(look(j, 0).blocks == 1, "the block of the killed one");
    journal_close(j);
    faults = (struct faults){"sync", 0, EIO, true};
    j = reopen(&o, &found);
    CHECK(faults.what != NULL && look(j, 0).blocks == 1, "closed in order");
    journal_close(j);
    folder_remove(folder);
}

/* A sector that cannot be read is tried again, then passed over, so that nobody waits for it for
 * ever. */
static void
test_read_faults(void)
{
    char folder[256];
    struct faults faults = {0};
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct journal_buffer *b;
    struct journal_gap gap;
    struct block block;
    struct err err = {""};
    uint64_t at, next = 0;

    folder_new(folder);
    o = options(folder);
    o.fault = fault;
    o.fault_app = &faults;
    j = reopen(&o, &found);
    for (unsigned i = 0; i < 4; i++)
        append(j, i, 100);
    CHECK(journal_buffer_make(&b, &err) == ST_OK &&
              journal_read(j, 0, b, &block, &at, &next, &gap, &err) == ST_OK,
          "read");
    uint64_t second = next;

    faults = (struct faults){"read", 0, EIO, false};
    for (int i = 0; i < 2; i++)
        CHECK(journal_read(j, second, b, &block, &at, &next, &gap, &err) == ST_IO, "try %d", i);
    faults.what = NULL;
    CHECK(journal_read(j, second, b, &block, &at, &next, &gap, &err) == ST_OK &&
              gap.from == gap.to && sample_number(&block) == 1,
          "it was for a moment");
    faults = (struct faults){"read", 0, EIO, false};
    for (int i = 0; i < 2; i++)
        CHECK(journal_read(j, second, b, &block, &at, &next, &gap, &err) == ST_IO, "try %d", i);
    faults = (struct faults){"read", 0, EIO, true};
    CHECK(journal_read(j, second, b, &block, &at, &next, &gap, &err) == ST_OK &&
              gap.from == second && gap.rows == 3 && sample_number(&block) == 2 &&
              strstr(gap.reason, "Input/output") != NULL,
          "it stays: %s", gap.reason);
    journal_buffer_free(b);
    journal_close(j);
    folder_remove(folder);
}

static enum status
run_append(struct journal_run *run, unsigned number, size_t size, struct err *err)
{
    struct sample s = sample_make(number, 3, size, 0, 0, true);
    enum status st = journal_run_append(run, (struct span){s.index, s.index_size},
                                        (struct span){s.body, s.body_size}, err);

    sample_free(&s);
    return st;
}

static struct journal_run *
run_of(struct journal *j, unsigned first, unsigned count, size_t size)
{
    struct journal_run *run = NULL;
    struct err err = {""};

    CHECK(journal_run_begin(j, &run, &err) == ST_OK, "begin: %s", err.text);
    for (unsigned i = 0; i < count; i++)
        CHECK(run_append(run, first + i, size, &err) == ST_OK, "run append: %s", err.text);
    return run;
}

static void
test_runs(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal_stats stats;
    struct journal *j;
    struct journal_run *run, *other;
    struct err err = {""};
    uint64_t first, end, before, after, rows;
    int64_t oldest;
    unsigned n = 0;

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    for (int round = 0; round < 3; round++) {
        run = run_of(j, n, 3,
                     100); /* right at the start, behind nothing, then behind what a start left */
        CHECK(journal_run_commit(run, &first, &end, &err) == ST_OK && first < end, "commit: %s",
              err.text);
        n += 3;
        before = append(j, n++, 1000);
        CHECK(before >= end, "order");
        run = run_of(j, n + 1, 20,
                     MIB); /* larger than a segment; others come first while it is written */
        append(j, n++, 1000);
        CHECK(look(j, 0).blocks == n, "nobody sees a run before it is committed");
        CHECK(journal_run_commit(run, &first, &end, &err) == ST_OK && first > before, "commit: %s",
              err.text);
        n += 20;
        after = append(j, n++, 1000);
        CHECK(after >= end, "order");
        CHECK(look(j, first).blocks == 21, "from the run on");
        CHECK(journal_count_rows(j, first, end, &rows, &oldest, &err) == ST_OK && rows == 60,
              "rows %d", (int)rows);
        run = run_of(j, 1000, 2, 100);
        other = run_of(j, n, 2, 100);
        journal_run_abort(run);
        CHECK(journal_run_commit(other, &first, &end, &err) == ST_OK, "commit: %s", err.text);
        n += 2;
        CHECK(read_all(j, 0, 0, NULL, NULL) == n, "all in order, round %d", round);
        CHECK(file_count(folder, ".", ".seg") < 20, "files");
        if (round == 1)
            do_harm(folder, HARM_NONE, 0, "", 0);
        journal_close(j);
        j = reopen(&o, &found);
        CHECK(read_all(j, 0, 0, NULL, NULL) == n && found.text[0] == '\0', "reopened: %s",
              found.text);
    }
    run = run_of(j, 0, 0, 0);
    CHECK(journal_run_commit(run, &first, &end, &err) == ST_INVALID, "empty run");
    journal_stats_get(j, &stats);
    CHECK(stats.row_count == n * 3 && stats.block_count == n, "stats");

    /* The quota holds for runs too, and what is aborted is given back. */
    journal_floor_set(j, "reader", 0, false);
    run = run_of(j, 0, 0, 0);
    enum status st = ST_OK;

    for (unsigned i = 0; i < 200 && st == ST_OK; i++)
        st = run_append(run, i, MIB, &err);
    CHECK(st == ST_FULL && strstr(err.text, "reader") != NULL, "quota: %s", err.text);
    journal_run_abort(run);
    struct journal_stats again;

    journal_stats_get(j, &again);
    /* One segment more may have been made ahead meanwhile. */
    CHECK(again.size_bytes <= stats.size_bytes + o.segment_size, "given back");
    append(j, n++, MIB);
    CHECK(read_all(j, 0, 0, NULL, NULL) == n, "all in order");
    journal_close(j);
    folder_remove(folder);
}

static void
test_run_faults(void)
{
    static const struct {
        const char *name, *what;
        int countdown;
        enum status begin, append, commit;
        bool is_failed;
    } cases[] = {
        {"no file",          "create", 0, ST_FULL, ST_OK,   ST_OK,   false},
        {"first write",      "write",  0, ST_OK,   ST_FULL, ST_OK,   false},
        {"third write",      "write",  2, ST_OK,   ST_FULL, ST_OK,   false},
        {"sync of the file", "sync",   0, ST_OK,   ST_OK,   ST_FULL, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char folder[256];
        struct faults faults = {0};
        struct journal_options o;
        struct journal_recovery found;
        struct journal_stats stats;
        struct journal *j;
        struct journal_run *run = NULL;
        struct err err = {""};
        uint64_t first, end;
        enum status begin, added = ST_OK, commit = ST_OK;

        folder_new(folder);
        o = options(folder);
        o.fault = fault;
        o.fault_app = &faults;
        j = reopen(&o, &found);
        append(j, 0, 100);
        faults = (struct faults){cases[i].what, cases[i].countdown, ENOSPC, false};
        begin = journal_run_begin(j, &run, &err);
        for (unsigned n = 0; n < 4 && begin == ST_OK && added == ST_OK; n++)
            added = run_append(run, 100 + n, 1000, &err);
        if (begin == ST_OK && added == ST_OK)
            commit = journal_run_commit(run, &first, &end, &err);
        else if (begin == ST_OK)
            journal_run_abort(run);
        faults.what = NULL;
        CHECK(begin == cases[i].begin && added == cases[i].append && commit == cases[i].commit,
              "%s: %d %d %d %s", cases[i].name, begin, added, commit, err.text);
        journal_stats_get(j, &stats);
        CHECK(!stats.is_failed, "%s: a run's failure is its own", cases[i].name);
        append(j, 1, 100);
        CHECK(read_all(j, 0, 0, NULL, NULL) == 2, "%s: no trace of it", cases[i].name);
        journal_close(j);
        CHECK(file_count(folder, ".", ".seg") <= 2, "%s: files", cases[i].name);
        folder_remove(folder);
    }
}

/* The states that a crash during a run's commit can leave. */
static void
test_run_crashes(void)
{
    for (int crash = 0; crash < 3; crash++) {
        char folder[256], from[512], to[512];
        struct journal_options o;
        struct journal_recovery found;
        struct journal *j;
        struct journal_run *run;
        struct err err = {""};
        uint64_t first = 0, end = 0;

        folder_new(folder);
        o = options(folder);
        j = reopen(&o, &found);
        uint64_t cursor = 0;

        for (unsigned i = 0; i < 10; i++) /* beyond a half, so that the next segment is there */
            append(j, i, MIB);
        while (file_count(folder, ".", ".seg") < 2)
            sched_yield();
        cursor = look(j, 0).end;
        run = run_of(j, 10, 3, 1000);
        CHECK(journal_run_commit(run, &first, &end, &err) == ST_OK, "commit: %s", err.text);
        if (crash == 1)
            append(j, 13, 100); /* tells that the run was durable: its loss is damage */
        journal_close(j);
        uint64_t base = first - SEGMENT_HEAD_SIZE;

        snprintf(from, sizeof from, "%s/%016" PRIx64 ".seg", folder, base);
        snprintf(to, sizeof to, "%s/run-00000000000000ff", folder);
        for (uint64_t at = 0; at < 8 * SEGMENT;
             at += 4096) { /* a killed process leaves no summaries */
            char path[512];

            snprintf(path, sizeof path, "%s/%016" PRIx64 ".sum", folder, at);
            unlink(path);
        }
        if (crash < 2)
            CHECK(rename(from, to) == 0, "rename");
        j = reopen(&o, &found);
        struct seen seen = look(j, cursor);
        unsigned expected = crash == 0 ? 0 : crash == 1 ? 1 : 3, gaps = crash == 1;

        CHECK(seen.blocks == expected && seen.gaps == gaps && seen.gap_rows == gaps * 9,
              "crash %d: %u blocks, %u gaps: %s", crash, seen.blocks, seen.gaps, found.text);
        CHECK(file_count(folder, ".", "run-00000000000000ff") == 0, "a run's file is removed");
        append(j, 20, 100);
        CHECK(look(j, cursor).blocks == expected + 1 && look(j, cursor).gaps == gaps, "goes on");
        journal_close(j);
        folder_remove(folder);
    }
}

/* Kills a writing process at some moment; all that it told of must be there. */
static void *
kill_writer(void *arg)
{
    struct journal *j = ((void **)arg)[0];
    int out = *(int *)((void **)arg)[1];
    unsigned base = *(unsigned *)((void **)arg)[2];
    size_t size = *(size_t *)((void **)arg)[3];

    for (unsigned i = 0;; i++) {
        struct err err;
        struct {
            uint64_t position, number;
        } told = {0, base + i};

        if (size == 0 && i % 16 == 7) {
            struct journal_run *run = NULL;
            uint64_t end;

            if (journal_run_begin(j, &run, &err) != ST_OK)
                _exit(4);
            for (unsigned k = 0; k < 3; k++)
                if (run_append(run, base + i, 50000, &err) != ST_OK)
                    _exit(5);
            if (journal_run_commit(run, &told.position, &end, &err) != ST_OK)
                _exit(6);
        } else if (sample_append(j, base + i, 3, size != 0 ? size : (size_t)(i * 7919) % 100000,
                                 &told.position, &err) != ST_OK) {
            _exit(7);
        }
        if (write(out, &told, sizeof told) != sizeof told)
            _exit(8);
    }
    return NULL;
}

static void
kill_child(const struct journal_options *o, int out, unsigned base, size_t size)
{
    struct journal *j;
    struct err err;
    pthread_t threads[4];
    unsigned bases[4];
    void *args[4][4];

    if (journal_open(o, &j, NULL, &err) != ST_OK)
        _exit(3);
    for (unsigned i = 0; i < 4; i++) {
        bases[i] = base + i * 1000000;
        args[i][0] = j;
        args[i][1] = &out;
        args[i][2] = &bases[i];
        args[i][3] = &size;
        if (pthread_create(&threads[i], NULL, kill_writer, args[i]) != 0)
            _exit(9);
    }
    for (;;)
        pause();
}

static void
test_kill(unsigned rounds, unsigned acks, size_t size, uint64_t size_max)
{
    enum { ROUNDS_MAX = 20, TOLD_MAX = 2000 };
    static struct {
        uint64_t position, number;
    } told[ROUNDS_MAX * TOLD_MAX];
    char folder[256];
    struct journal_options o;
    unsigned count = 0, seed = 12345;
    uint64_t first = 0;

    folder_new(folder);
    o = options(folder);
    o.size_max = size_max;
    for (unsigned round = 0; round < rounds; round++) {
        struct journal_recovery found;
        struct journal_buffer *b;
        struct journal *j;
        int ends[2], status;

        fflush(stdout);
        if (pipe(ends) != 0)
            abort();
        pid_t child = fork();

        if (child == 0) {
            close(ends[0]);
            kill_child(&o, ends[1], round * 10000000, size);
        }
        close(ends[1]);
        seed = seed * 1103515245 + 12345;
        unsigned wanted = 1 + (seed >> 8) % acks, got = 0;

        while (got < TOLD_MAX &&
               read(ends[0], &told[count], sizeof told[count]) == sizeof told[count]) {
            count++;
            if (++got == wanted)
                kill(child, SIGKILL); /* what is in the pipe by now was told as well */
        }
        close(ends[0]);
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status) && got >= wanted, "round %u: the writer ended with %d", round,
              WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        j = reopen(&o, &found);
        if (j == NULL || journal_buffer_make(&b, NULL) != ST_OK)
            break;
        CHECK(found.quarantined_count == 0, "round %u: %s", round, found.text);
        for (unsigned i = round % 5 == 4 ? 0 : count - got; i < count; i++) {
            struct journal_gap gap;
            struct block block;
            struct err err = {""};
            uint64_t at = 0, next;
            if (told[i].position < journal_extent(j).first)
                continue; /* recycled: nobody had a floor there */
            enum status st = journal_read(j, told[i].position, b, &block, &at, &next, &gap, &err);

            if (st != ST_OK || at != told[i].position || gap.from != gap.to ||
                sample_number(&block) != told[i].number)
                CHECK(false, "round %u: block %u at %" PRIu64 " is lost: %s", round,
                      (unsigned)told[i].number, told[i].position, err.text);
        }
        /* Nothing else is between, and a reader from the start meets no gap but what is recycled
         * meanwhile. */
        uint64_t position = 0;
        struct journal_gap gap;
        struct block block;
        struct err err;

        for (;;) {
            uint64_t at;
            enum status st = journal_read(j, position, b, &block, &at, &position, &gap, &err);

            if (gap.from != gap.to && gap.to > journal_extent(j).first)
                CHECK(false, "round %u: gap %s", round, gap.reason);
            if (st != ST_OK)
                break;
        }
        CHECK(position == journal_extent(j).end, "round %u: read to the end", round);
        first = journal_extent(j).first;
        journal_buffer_free(b);
        journal_close(j);
    }
    CHECK(size == 0 || told[0].position < first, "the quota was not reached");
    CHECK(count > rounds, "%u blocks were told of", count);
    folder_remove(folder);
}

/* A real full disk, where the test may make one. */
static int
small_disk(const char *folder)
{
    struct journal_options o = options(folder);
    struct journal *j;
    struct journal_stats stats;
    struct err err = {""};
    unsigned n;

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("penstock", folder, "tmpfs", 0, "size=40m") != 0)
        return 77;
    if (journal_open(&o, &j, NULL, &err) != ST_OK)
        return 1;
    journal_floor_set(j, "reader", 0, false);
    n = fill(j, 0, 1000, &err);
    CHECK(n == 30 && strstr(err.text, "No space") != NULL, "%u blocks, then %s", n, err.text);
    CHECK(strstr(err.text, folder) == NULL, "no path for producers: %s", err.text);
    journal_stats_get(j, &stats);
    CHECK(!stats.is_failed && stats.block_count == n, "a full disk is no failure");
    CHECK(read_all(j, 0, 0, NULL, NULL) == n, "nothing is harmed");
    struct journal_run *run = run_of(j, 0, 3, MIB);
    enum status st = ST_OK;

    for (unsigned i = 0; i < 100 && st == ST_OK; i++)
        st = run_append(run, i, MIB, &err);
    CHECK(st == ST_FULL && strstr(err.text, "No space") != NULL, "run: %s", err.text);
    journal_run_abort(run);
    journal_floor_remove(j, "reader");
    CHECK(fill(j, n, 100, &err) == 100, "what is delivered makes room: %s", err.text);
    journal_floor_set(j, "reader", 0,
                      false); /* the keeper, making the next segment, takes no more */
    struct seen seen = look(j, 0);

    CHECK(seen.gaps == 0 && seen.is_ordered && seen.bits == 0, "%u blocks", seen.blocks);
    journal_close(j);
    struct journal_recovery found;

    j = reopen(&o, &found);
    CHECK(look(j, 0).blocks == seen.blocks, "reopened: %s", found.text);
    journal_close(j);
    return test_failed != 0;
}

static int64_t
free_mib(const char *folder)
{
    struct statvfs disk;

    return statvfs(folder, &disk) == 0 ? (int64_t)(disk.f_bavail * disk.f_frsize / MIB) : -1;
}

/* The journal leaves room for others on its disk, whoever it is that needs it. */
static int
reserve_on_small_disk(const char *folder)
{
    char path[300];
    struct journal_options o = options(folder);
    struct journal *j;
    struct journal_stats stats;
    struct err err = {""};
    unsigned n, more;
    int fd;

    if (mount("penstock", folder, "tmpfs", 0, "size=120m") != 0)
        return 77;
    o.size_max = 20 * SEGMENT;
    o.reserve = 40 * MIB;
    if (journal_open(&o, &j, NULL, &err) != ST_OK)
        return 1;
    journal_floor_set(j, "reader", 0, false);
    n = fill(j, 0, 1000, &err);
    CHECK(n > 50 && strstr(err.text, "journal.reserve") != NULL && free_mib(folder) >= 40,
          "%u blocks, then %s; %d MiB free", n, err.text, (int)free_mib(folder));
    CHECK(strstr(err.text, folder) == NULL, "no path for producers: %s", err.text);
    CHECK(read_all(j, 0, 0, NULL, NULL) == n, "nothing is harmed");
    struct journal_run *run = run_of(j, 0, 3, MIB);
    enum status st = ST_OK;

    for (unsigned i = 0; i < 100 && st == ST_OK; i++)
        st = run_append(run, i, MIB, &err);
    CHECK(st == ST_FULL && strstr(err.text, "journal.reserve") != NULL && free_mib(folder) >= 39,
          "run: %s", err.text);
    journal_run_abort(run);
    journal_floor_remove(j, "reader");
    CHECK(fill(j, n, 100, &err) == 100 && free_mib(folder) >= 40,
          "what is delivered makes room: %s", err.text);
    journal_floor_set(j, "reader", look(j, 0).end, false);
    snprintf(path, sizeof path, "%s/archive", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(posix_fallocate(fd, 0, (off_t)(free_mib(folder) - 10) * MIB) == 0, "the disk's other");
    CHECK(journal_retain(j) > 0, "what is delivered goes back to the disk");
    journal_stats_get(j, &stats);
    more = fill(j, n + 100, 100, &err);
    CHECK(free_mib(folder) >= 40, "%d MiB free after %u more", (int)free_mib(folder), more);
    CHECK(ftruncate(fd, 0) == 0 && close(fd) == 0, "the disk's other goes");
    CHECK(fill(j, n + 100 + more, 20, &err) == 20, "goes on: %s", err.text);
    journal_close(j);
    return test_failed != 0;
}

static void
test_small_disk(void)
{
    char folder[256];
    int status = 0;

    folder_new(folder);
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        test_failed = 0; /* its own */
        int result = small_disk(folder);

        if (result == 0)
            result = reserve_on_small_disk(folder);

        fflush(stdout);
        _exit(result);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("skipped: a full disk (may not mount one here)\n");
    else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a full disk: %d", status);
    folder_remove(folder);
}

struct inspected {
    unsigned blocks, gaps;
    uint64_t last;
};

static void
inspect_visit(void *app, uint64_t position, const struct block *block,
              const struct journal_gap *gap)
{
    struct inspected *x = app;

    x->last = position;
    if (gap != NULL)
        x->gaps++;
    else if (sample_number(block) != UINT32_MAX)
        x->blocks++;
}

static void
test_inspect(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct err err = {""};
    uint64_t positions[40];

    folder_new(folder);
    o = options(folder);
    o.zstd_level = 1;
    j = reopen(&o, &found);
    for (unsigned i = 0; i < 40; i++)
        positions[i] = append(j, i, MIB);
    for (int round = 0; round < 2; round++) { /* at work, then closed */
        struct journal_check check;
        struct inspected x = {0};

        CHECK(journal_inspect(folder, 0, 0, true, inspect_visit, &x, &check, &err) == ST_OK &&
                  check.blocks == 40 && check.rows == 120 && x.blocks == 40 &&
                  check.bad_blocks == 0,
              "all: %d blocks %s", (int)check.blocks, err.text);
        CHECK(journal_inspect(folder, positions[10], positions[20], false, NULL, NULL, &check,
                              &err) == ST_OK &&
                  check.blocks == 10,
              "ten: %d", (int)check.blocks);
        x = (struct inspected){0};
        CHECK(journal_inspect(folder, positions[39], 0, false, inspect_visit, &x, &check, &err) ==
                      ST_OK &&
                  check.blocks == 1 && x.last == positions[39],
              "last: %d", (int)check.blocks);
        if (round == 0)
            journal_close(j);
    }
    flip(folder, first_segment, positions[3] + 1000);
    flip(folder, first_segment, positions[5] + 5);
    struct journal_check check;
    struct inspected x = {0};

    CHECK(journal_inspect(folder, 0, 0, true, inspect_visit, &x, &check, &err) == ST_OK &&
              check.blocks == 38 && check.bad_blocks == 2 && x.gaps == 2,
          "damaged: %d blocks, %d bad", (int)check.blocks, (int)check.bad_blocks);
    CHECK(journal_inspect("/nonexistent/journal", 0, 0, true, NULL, NULL, &check, &err) == ST_IO &&
              strstr(err.text, "/nonexistent") != NULL,
          "no folder: %s", err.text);
    folder_remove(folder);
}

static void
test_not_a_block(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal *j;
    struct err err = {""};
    uint64_t position;
    struct sample s = sample_make(1, 3, 100, 0, 0, true);

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    s.index[120] = 1; /* behind the tenant's NUL: still fine */
    CHECK(journal_append(j, (struct span){s.index, s.index_size - 8},
                         (struct span){s.body, s.body_size}, &position, &err) == ST_INVALID,
          "a cut index");
    CHECK(journal_append(j, (struct span){s.index, s.index_size},
                         (struct span){s.body, s.body_size - 1}, &position, &err) == ST_INVALID,
          "a cut body");
    CHECK(look(j, 0).blocks == 0, "nothing is kept");
    journal_close(j);
    sample_free(&s);
    folder_remove(folder);
}

/* ---- passing over blocks of other kinds ---- */

static uint64_t
append_kind(struct journal *j, unsigned number, size_t size, enum block_kind kind)
{
    struct sample s = sample_make(number, 3, size, 0, 0, true);
    struct err err = {""};
    uint64_t position = 0;

    ((struct block_head *)(void *)s.index)->kind = kind;
    CHECK(journal_append(j, (struct span){s.index, s.index_size},
                         (struct span){s.body, s.body_size}, &position, &err) == ST_OK,
          "append %u: %s", number, err.text);
    sample_free(&s);
    return position;
}

static void
test_skip(void)
{
    char folder[256];
    struct journal_options o;
    struct journal_recovery found;
    struct journal_buffer *b;
    struct journal *j;
    uint64_t events[8], rows[64], at = 0, position = 0;
    struct err err = {""};
    unsigned row_count = 0;

    folder_new(folder);
    o = options(folder);
    j = reopen(&o, &found);
    CHECK(journal_buffer_make(&b, &err) == ST_OK, "buffer");
    CHECK(journal_skip(j, 0, BLOCK_EVENTS, b, &at, &err) == ST_END, "an empty journal");
    for (unsigned i = 0; i < 8; i++) { /* over several segments */
        for (unsigned k = 0; k < 8; k++)
            rows[row_count++] = append_kind(j, i, MIB, k % 2 == 0 ? BLOCK_ROWS : BLOCK_CONTROL);
        events[i] = append_kind(j, i, 1000, BLOCK_EVENTS);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct journal_gap gap;
        struct block block;
        uint64_t where;

        CHECK(journal_skip(j, position, BLOCK_EVENTS, b, &at, &err) == ST_OK && at == events[i],
              "event %u at %llu", i, (unsigned long long)at);
        CHECK(journal_skip(j, at, BLOCK_EVENTS, b, &where, &err) == ST_OK && where == at,
              "it stays where one is");
        CHECK(journal_read(j, at, b, &block, &where, &position, &gap, &err) == ST_OK &&
                  where == at && block.head->kind == BLOCK_EVENTS && gap.to == 0,
              "event %u is read: %s", i, err.text);
    }
    CHECK(journal_skip(j, position, BLOCK_EVENTS, b, &at, &err) == ST_END &&
              at == journal_extent(j).end,
          "no more");
    append_kind(j, 9, 1000, BLOCK_ROWS);
    CHECK(journal_skip(j, at, BLOCK_EVENTS, b, &at, &err) == ST_END && at == journal_extent(j).end,
          "and none of what came since");
    position = append_kind(j, 9, 1000, BLOCK_EVENTS);
    CHECK(journal_skip(j, at, BLOCK_EVENTS, b, &at, &err) == ST_OK && at == position, "one more");
    CHECK(journal_skip(j, position + 1000000, BLOCK_EVENTS, b, &at, &err) == ST_INVALID,
          "behind the end");
    /* A payload that nobody needs may be damaged; at a bad head the reader has to look. */
    flip(folder, first_segment, rows[1] + 600);
    CHECK(journal_skip(j, 0, BLOCK_EVENTS, b, &at, &err) == ST_OK && at == events[0], "a payload");
    flip(folder, first_segment, rows[2] + 40);
    CHECK(journal_skip(j, rows[1], BLOCK_EVENTS, b, &at, &err) == ST_OK && at == rows[2],
          "a bad head: %llu", (unsigned long long)at);
    journal_buffer_free(b);
    journal_close(j);
}

int
main(void)
{
    test_skip();
    test_options();
    test_append_and_read(0);
    test_append_and_read(1);
    test_not_a_block();
    test_torn_tails();
    test_bit_flips();
    test_damage_at_work();
    test_harmed_files();
    test_newer_version();
    test_two_owners();
    test_quota();
    test_yield();
    log_set_level(LOG_ERROR);
    test_retention();
    test_reuse();
    test_time_and_rows();
    test_requests();
    test_faults();
    test_killed_sync();
    test_read_faults();
    test_runs();
    test_run_faults();
    test_run_crashes();
    test_small_disk();
    test_inspect();
    test_kill(20, 100, 0, 64 * (uint64_t)SEGMENT);
    test_kill(4, 200, 700000, 4 * (uint64_t)SEGMENT); /* segments are used again */
    return test_end();
}
