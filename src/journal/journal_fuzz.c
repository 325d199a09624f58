/* journal_fuzz.c - whatever stands in a segment's file or its summary, the journal opens, reads to
 * its end and closes. The input is a list of changes to a good segment, because random bytes would
 * never get past the first checksum; asked to, the checksums are made good again behind the
 * changes, so that what they would hide is reached too.
 *
 *   byte 0, bits: 1 mend frame checksums, 2 mend the segment head's, 4 keep the summary and change it instead, 8 mend its checksum,
 *           16 cut the file at the next two bytes, 32 verify with inspect
 *   then groups of 4 bytes: offset (2), value, how (0 set, 1 xor, 2 copy 128 bytes there from value *
 * 64) */
#include "base/crc32c.h"
#include "base/file.h"
#include "journal/sample.h"
#include "journal/segment.h"
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_SIZE = 12288, SUMMARY_ROOM = 1024, BLOCKS = 6 };
static char folder[256], whole[FILE_SIZE], summary[SUMMARY_ROOM];
static size_t summary_size;

static struct journal_options
options(void)
{
    return (struct journal_options){
        .folder = folder, .segment_size = 16 << 20, .size_max = 64 << 20, .zstd_level = 1};
}

static void
remove_at_end(void)
{
    folder_remove(folder);
}

static void
path_of(char path[512], const char *suffix)
{
    snprintf(path, 512, "%s/0000000000000000%s", folder, suffix);
}

/* A segment of six blocks, two of them compressed, as an orderly close leaves it. */
static void
make_whole(void)
{
    struct journal_options o = options();
    char path[512], *text;
    struct journal *j;
    struct err err;
    uint64_t position;
    size_t size;

    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    folder_new(folder);
    atexit(remove_at_end);
    if (journal_open(&o, &j, NULL, &err) != ST_OK)
        abort();
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct sample s = sample_make(i, 2, i < 2 ? 900 : 100, i + 1, 0, true);

        memset(s.body + 60, ' ', 300 < s.body_size - 60 ? 300 : 0); /* something to compress */
        if (journal_append(j, (struct span){s.index, s.index_size},
                           (struct span){s.body, s.body_size}, &position, &err) != ST_OK)
            abort();
        sample_free(&s);
    }
    journal_close(j);
    path_of(path, ".seg");
    if (file_read(path, 64 << 20, &text, &size, &err) != ST_OK)
        abort();
    memcpy(whole, text, FILE_SIZE);
    free(text);
    path_of(path, ".sum");
    if (file_read(path, SUMMARY_ROOM, &text, &summary_size, &err) != ST_OK)
        abort();
    memcpy(summary, text, summary_size);
    free(text);
}

static void
change(char *text, size_t room, const uint8_t *data, size_t size)
{
    for (; size >= 4; data += 4, size -= 4) {
        size_t at = (size_t)(data[0] | data[1] << 8) % room, from = (size_t)data[2] * 64 % room;
        size_t n = room - (at > from ? at : from);

        if (data[3] % 3 == 0)
            text[at] = (char)data[2];
        else if (data[3] % 3 == 1)
            text[at] = (char)(text[at] ^ data[2]);
        else
            memmove(text + at, text + from, n < FRAME_HEAD_SIZE ? n : FRAME_HEAD_SIZE);
    }
}

static void
mend_frames(char *text)
{
    for (size_t at = SEGMENT_HEAD_SIZE; at + FRAME_HEAD_SIZE <= FILE_SIZE; at += FRAME_ALIGN) {
        struct frame_head h, was;

        memcpy(&was, whole + at, sizeof was);
        memcpy(&h, text + at, sizeof h);
        if (!frame_head_is_good(&was, was.epoch, at))
            continue;
        if (h.index_size < FILE_SIZE && h.stored_size < FILE_SIZE &&
            at + FRAME_HEAD_SIZE + h.index_size + h.stored_size <= FILE_SIZE)
            h.payload_crc =
                crc32c(text + at + FRAME_HEAD_SIZE, (size_t)h.index_size + h.stored_size);
        frame_head_seal(&h);
        memcpy(text + at, &h, sizeof h);
    }
}

static void
mend_head(char *text)
{
    struct segment_head h;

    memcpy(&h, text, sizeof h);
    segment_head_seal(&h);
    memcpy(text, &h, sizeof h);
}

static void
put(const char *suffix, const char *text, size_t size)
{
    char path[512];
    int fd;

    path_of(path, suffix);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 || pwrite_all(fd, text, size, 0, path, NULL) != ST_OK)
        abort();
    close(fd);
}

static void
read_all(struct journal *j)
{
    struct journal_buffer *b;
    struct journal_gap gap;
    struct block block;
    struct err err;
    uint64_t position = 0, at, next, rows;
    int64_t oldest;

    if (journal_buffer_make(&b, &err) != ST_OK)
        abort();
    for (unsigned i = 0;; i++) {
        enum status st = journal_read(j, position, b, &block, &at, &next, &gap, &err);

        if (st == ST_OK && (next <= at || at < position || i > FILE_SIZE / FRAME_ALIGN))
            abort();
        if (st != ST_OK)
            break;
        (void)sample_number(&block);
        position = next;
    }
    (void)!journal_count_rows(j, 0, journal_extent(j).end, &rows, &oldest, &err);
    (void)!journal_find_time(j, SAMPLE_TICKS + 3, &position, &err);
    for (position = SEGMENT_HEAD_SIZE; position < SEGMENT_HEAD_SIZE + 1024; position += 64)
        (void)!journal_read(j, position, b, &block, &at, &next, &gap, &err);
    journal_buffer_free(b);
}

static void
visit(void *app, uint64_t position, const struct block *block, const struct journal_gap *gap)
{
    (void)app;
    (void)position;
    if (gap == NULL)
        (void)sample_number(block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_options o = options();
    struct journal_check check;
    struct journal *j;
    struct err err;
    char text[FILE_SIZE], sum[SUMMARY_ROOM], path[512];
    size_t cut = FILE_SIZE;

    if (folder[0] == '\0')
        make_whole();
    if (size < 1)
        return 0;
    uint8_t how = data[0];

    data++;
    size--;
    if ((how & 16) != 0 && size >= 2) {
        cut = (size_t)(data[0] | data[1] << 8) % FILE_SIZE;
        data += 2;
        size -= 2;
    }
    memcpy(text, whole, sizeof text);
    memcpy(sum, summary, summary_size);
    if ((how & 4) != 0) {
        change(sum, summary_size, data, size);
        if ((how & 8) != 0) {
            uint32_t crc = crc32c(sum + 16, summary_size - 16);

            memcpy(sum + 12, &crc, sizeof crc);
        }
        put(".sum", sum, summary_size);
    } else {
        change(text, sizeof text, data, size);
        if ((how & 1) != 0)
            mend_frames(text);
        if ((how & 2) != 0)
            mend_head(text);
        path_of(path, ".sum");
        unlink(path);
    }
    put(".seg", text, cut);
    if ((how & 32) != 0)
        (void)!journal_inspect(folder, 0, 0, true, visit, NULL, &check, &err);
    if (journal_open(&o, &j, NULL, &err) == ST_OK) {
        read_all(j);
        journal_close(j);
    }
    folder_remove(folder);
    if (mkdir(folder, 0700) != 0)
        abort();
    return 0;
}
