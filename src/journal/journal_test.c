/* journal_test.c - what is acknowledged is there, whatever happens. */
#include "journal/journal.h"
#include "journal/sample.h"

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

/* Reads all from 'position'; checks that the numbers are first, first + 1 ... and returns how many blocks there were. */
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

        if (gap.to != 0) {
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

int
main(void)
{
    test_append_and_read(0);
    test_append_and_read(1);
    return test_end();
}
