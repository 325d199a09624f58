/* base_test.c - spans, arenas, files and the checksum. */
#include "base/base.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/spelling.h"
#include "base/test.h"
#include <unistd.h>

static void
test_arena(void)
{
    _Alignas(16) char memory[64];
    struct arena a = {memory, sizeof memory, 0};

    CHECK(arena_take(&a, 10) == memory, "first piece is not at the start");
    CHECK(arena_take(&a, 48) == memory + 16, "second piece is not aligned");
    CHECK(arena_take(&a, 1) == NULL, "a spent arena gave memory");
}

static void
test_files(void)
{
    char folder[] = "/tmp/base_test.XXXXXX", path[64], *text;
    size_t size;
    struct err err;

    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/a/b", folder);
    CHECK(folder_make(path, &err) == ST_OK, "%s", err.text);
    CHECK(folder_make(path, &err) == ST_OK, "a folder that is there: %s", err.text);
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    CHECK(file_read(path, 100, &text, &size, &err) == ST_END, "a missing file was read");
    CHECK(file_replace(path, SPAN_LITERAL("one"), 0600, &err) == ST_OK, "%s", err.text);
    CHECK(file_replace(path, SPAN_LITERAL("three"), 0600, &err) == ST_OK, "%s", err.text);
    CHECK(file_read(path, 4, &text, &size, &err) == ST_INVALID, "a limit was not kept");
    CHECK(file_read(path, 5, &text, &size, &err) == ST_OK, "%s", err.text);
    CHECK(size == 5 && strcmp(text, "three") == 0, "read '%.*s'", (int)size, text);
    free(text);
    CHECK(file_replace("/no/such/folder/x", SPAN_LITERAL("x"), 0600, &err) == ST_IO, "no folder");
    unlink(path);
    snprintf(path, sizeof path, "%s/a/b", folder);
    rmdir(path);
    snprintf(path, sizeof path, "%s/a", folder);
    rmdir(path);
    rmdir(folder);
}

static void
test_lock(void)
{
    char path[] = "/tmp/base-lock-XXXXXX", own[32];
    int made = mkstemp(path), first = -1, second = -1;
    struct err err;

    CHECK(file_lock_take(path, "the thing", &first, &err) == ST_OK && first >= 0, "%s", err.text);
    CHECK(file_lock_take(path, "the thing", &second, &err) == ST_INVALID && second == -1, "twice");
    snprintf(own, sizeof own, "pid %ld", (long)getpid());
    CHECK(strstr(err.text, own) != NULL && strstr(err.text, "the thing") != NULL, "%s", err.text);
    close(first);
    CHECK(file_lock_take(path, "the thing", &second, &err) == ST_OK, "%s", err.text);
    close(second);
    CHECK(file_lock_take("/no/such/folder/lock", "x", &second, &err) == ST_IO, "no folder");
    close(made);
    unlink(path);
}

static void
test_spelling(void)
{
    static const struct {
        const char *a, *b;
        size_t steps;
    } pairs[] = {
        {"",          "",         0},
        {"",          "abc",      3},
        {"Severity",  "severity", 0},
        {"sevrity",   "severity", 1},
        {"severitty", "severity", 1},
        {"sevarity",  "severity", 1},
        {"sevreity",  "severity", 1},
        {"kitten",    "sitting",  3},
        {"ca",        "abc",      3},
    };
    char longer[SPELLING_SIZE_MAX + 1];

    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        size_t there = spelling_distance(span_of(pairs[i].a), span_of(pairs[i].b));
        size_t back = spelling_distance(span_of(pairs[i].b), span_of(pairs[i].a));

        CHECK(there == pairs[i].steps && back == there, "%s, %s: %zu", pairs[i].a, pairs[i].b,
              there);
    }
    memset(longer, 'a', sizeof longer);
    CHECK(spelling_distance((struct span){longer, SPELLING_SIZE_MAX},
                            (struct span){longer, SPELLING_SIZE_MAX}) == 0,
          "the longest");
    CHECK(spelling_distance((struct span){longer, sizeof longer}, span_of("a")) == SIZE_MAX,
          "longer than that");
}

int
main(void)
{
    CHECK(crc32c("123456789", 9) == 0xe3069283, "crc32c %08x", crc32c("123456789", 9));
    CHECK(crc32c_extend(crc32c("1234", 4), "56789", 5) == 0xe3069283, "extended crc32c");
    test_arena();
    test_files();
    test_lock();
    test_spelling();
    return test_end();
}
