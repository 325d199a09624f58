/* rest_test.c - where routes rest, written down and read again; and files that are not whole. */
#include "base/file.h"
#include "base/test.h"
#include "deliver/rest.h"
#include <stdlib.h>
#include <unistd.h>

static char folder[200];

static void
write_file(const char *text, size_t size)
{
    char path[300];
    struct err err = {""};

    snprintf(path, sizeof path, "%s/events.rest", folder);
    CHECK(file_replace(path, (struct span){text, size}, 0640, &err) == ST_OK, "%s", err.text);
}

static const char *const ids[] = {"t/b",     "t/a",        "t/a name with blanks",
                                  "t/%41\n", "t/\xc3\xa9", "t"};

static void
test_again(void)
{
    struct rest r = {.is_placed = true, .position = 4096}, again;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct rest_entry *e = rest_add(&r, ids[i]);

        CHECK(e != NULL && e->position == 0 && rest_add(&r, ids[i]) == e, "%s", ids[i]);
        e->position = i == 1 ? REST_WITH_ALL : i * 10;
        e->off_from = i * 2;
        e->off_to = i == 2 ? UINT64_MAX : i * 3;
    }
    rest_remove(&r, "t");
    rest_remove(&r, "t/nobody");
    CHECK(rest_save(&r, folder, &err) == ST_OK, "%s", err.text);
    CHECK(rest_load(&again, folder, &err) == ST_OK && err.text[0] == '\0', "%s", err.text);
    CHECK(again.is_placed && again.position == 4096 && again.count == COUNT_OF(ids) - 1,
          "%zu entries", again.count);
    for (size_t i = 0; i + 1 < COUNT_OF(ids); i++) {
        struct rest_entry *e = rest_find(&again, ids[i]);

        CHECK(e != NULL && e->position == (i == 1 ? REST_WITH_ALL : i * 10) &&
                  e->off_from == i * 2 && e->off_to == (i == 2 ? UINT64_MAX : i * 3),
              "%s", ids[i]);
    }
    CHECK(rest_find(&again, "t") == NULL, "what was removed is gone");
    rest_free(&again);
    r.is_placed = false;
    CHECK(rest_save(&r, folder, &err) == ST_OK && rest_load(&again, folder, &err) == ST_OK &&
              !again.is_placed && again.count == r.count,
          "nobody to read for");
    rest_free(&again);
    rest_free(&r);
}

static const struct {
    const char *name, *text;
    enum status st;
    bool is_whole;
} files[] = {
    {"whole",                             "penstock routes of events at rest, format 1\nposition 7\n1 2 3 a\nend\n", ST_OK,
     true                                                                                                                             },
    {"without its end",                   "penstock routes of events at rest, format 1\nposition 7\n1 2 3 a\n",      ST_OK,
     false                                                                                                                            },
    {"cut in a line",                     "penstock routes of events at rest, format 1\nposition 7\n1 2",            ST_OK,      false},
    {"without a position",                "penstock routes of events at rest, format 1\n1 2 3 a\nend\n",             ST_OK,
     false                                                                                                                            },
    {"an entry without an id",
     "penstock routes of events at rest, format 1\nposition 7\n1 2 3 \nend\n",                                       ST_OK,      false},
    {"an id that ends in a percent sign",
     "penstock routes of events at rest, format 1\nposition 7\n1 2 3 a%\nend\n",                                     ST_OK,      false},
    {"something else",                    "hello\n",                                                                 ST_OK,      false},
    {"nothing",                           "",                                                                        ST_OK,      false},
    {"of a newer format",                 "penstock routes of events at rest, format 2\nanything\n",                 ST_INVALID,
     false                                                                                                                            },
};

int
main(void)
{
    struct err err = {""};
    struct rest r;

    snprintf(folder, sizeof folder, "%s/penstock_rest.XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    CHECK(rest_load(&r, folder, &err) == ST_OK && err.text[0] == '\0' && !r.is_placed &&
              r.count == 0,
          "no file: %s", err.text);
    test_again();
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        write_file(files[i].text, strlen(files[i].text));
        enum status st = rest_load(&r, folder, &err);

        CHECK(st == files[i].st, "%s: %d", files[i].name, st);
        CHECK((err.text[0] == '\0') == files[i].is_whole, "%s: '%s'", files[i].name, err.text);
        CHECK(r.is_placed == files[i].is_whole && r.count == files[i].is_whole, "%s: %zu entries",
              files[i].name, r.count);
        rest_free(&r);
    }
    char path[300];

    snprintf(path, sizeof path, "%s/events.rest", folder);
    unlink(path);
    rmdir(folder);
    return test_end();
}
