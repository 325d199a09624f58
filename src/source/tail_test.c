/* tail_test.c - files that grow, are renamed, cut and removed, across restarts and crashes: every
 * line arrives once. */
#include "base/file.h"
#include "source/source.h"
#include "source/test_bed.h"
#include <errno.h>
#include <fcntl.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

struct world {
    struct bed bed;
    char logs[80], path[100], pattern[100];
    int64_t ms;
    struct source_counters counters;
    atomic_bool stop;
    const char *from, *on_error;
    void *state;
};

static int64_t
world_ms(void *clock)
{
    return ((struct world *)clock)->ms;
}

/* A start of the source, as of the daemon. */
static void
tail_start(struct world *w)
{
    struct source_value values[] = {
        {"path",        w->pattern },
        {"from",        w->from    },
        {"on_error",    w->on_error},
        {"batch_bytes", "4096"     }
    };
    struct source_context context = {
        .name = "test",
        .admitter = w->bed.admitter,
        .folder = w->bed.folder,
        .tenant = TENANT,
        .table = "DeviceEvents",
        .can_park = true,
        .record_size_max = 10000,
        .now = bed_now,
        .now_ms = world_ms,
        .clock = w,
    };
    struct err err = {""};
    static char names[3][128];

    /* source_start copies; here the test does */
    snprintf(names[0], 128, "%s", w->bed.folder);
    context.folder = names[0];
    bed_must(source_check(&source_file, values, COUNT_OF(values), &err), "tail", &err);
    bed_must(source_file.open(&context, values, COUNT_OF(values), &w->counters, &w->stop, &w->state,
                              &err),
             "tail", &err);
}

static void
world_open(struct world *w, const char *pattern)
{
    struct err err = {""};

    memset(w, 0, sizeof *w);
    bed_open(&w->bed, "tail",
             &(struct admit_options){.memory_max = 8 << 20, .record_size_max = 10000});
    snprintf(w->logs, sizeof w->logs, "%s/logs", w->bed.folder);
    snprintf(w->path, sizeof w->path, "%s/a.json", w->logs);
    snprintf(w->pattern, sizeof w->pattern, "%s/%s", w->logs, pattern);
    bed_must(folder_make(w->logs, &err), "tail", &err);
    w->from = "start";
    w->on_error = "park";
    w->ms = 1000000;
    tail_start(w);
}

static void
world_close(struct world *w)
{
    source_file.close(w->state);
    bed_close(&w->bed);
}

static void
put(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0 || write(fd, text, n) != (ssize_t)n)
        exit(1);
    close(fd);
}

/* Rows {"n":from} to {"n":to}, each a line. */
static void
put_rows(const char *path, int from, int to)
{
    for (int i = from; i <= to; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "{\"n\":%d}\n", i);

        put(path, line, (size_t)n);
    }
}

/* Steps until nothing is there. */
static enum status
drain(struct world *w, struct err *err)
{
    enum status st;

    while ((st = source_file.step(w->state, err)) == ST_OK)
        ;
    return st;
}

static void
expect(struct world *w, const char *what, const char *rows)
{
    struct err err = {""};
    enum status st = drain(w, &err);

    CHECK(st == ST_END, "%s: %d %s", what, st, err.text);
    CHECK(strcmp(bed_numbers(&w->bed), rows) == 0, "%s: rows %s", what, bed_numbers(&w->bed));
}

static void
restart(struct world *w)
{
    source_file.close(w->state);
    tail_start(w);
}

/* A crash: what the disk held before the source was closed is what the next start finds. */
static void
crash(struct world *w)
{
    char checkpoint[200];
    char *kept;
    size_t size;
    struct err err = {""};

    snprintf(checkpoint, sizeof checkpoint, "%s/test.checkpoint", w->bed.folder);
    bed_must(file_read(checkpoint, 1 << 20, &kept, &size, &err), "tail", &err);
    source_file.close(w->state);
    bed_must(file_replace(checkpoint, (struct span){kept, size}, 0640, &err), "tail", &err);
    free(kept);
    tail_start(w);
}

static void
test_growth(void)
{
    struct world w;

    world_open(&w, "a.json");
    expect(&w, "no file yet", "");
    put_rows(w.path, 1, 2);
    expect(&w, "a file", "1 2");
    put(w.path, "{\"n\":", 5);
    expect(&w, "an unfinished line waits", "1 2");
    put(w.path, "3}", 2);
    expect(&w, "a record without line end waits a while", "1 2");
    w.ms += 6000;
    expect(&w, "and is taken when it has been still", "1 2 3");
    put(w.path, "\n{\"n\":4", 7);
    w.ms += 6000;
    expect(&w, "what looks unfinished is not taken", "1 2 3");
    put(w.path, "}\r\n\r\n", 5);
    expect(&w, "its rest comes", "1 2 3 4");
    put(w.path, "\n\n", 2);
    expect(&w, "blank lines", "1 2 3 4");
    CHECK(atomic_load(&w.counters.lag_bytes) == 0, "lag %ld",
          (long)atomic_load(&w.counters.lag_bytes));
    CHECK(atomic_load(&w.counters.records) == 4, "counted");
    restart(&w);
    expect(&w, "a restart", "1 2 3 4");
    put_rows(w.path, 5, 5);
    expect(&w, "goes on", "1 2 3 4 5");
    world_close(&w);
}

static void
test_rotation(void)
{
    struct world w;
    char old[200];

    world_open(&w, "a.json");
    snprintf(old, sizeof old, "%s/a.json.1", w.logs);
    put_rows(w.path, 1, 2);
    expect(&w, "before", "1 2");
    put_rows(w.path, 3, 3);
    rename(w.path, old);
    put_rows(old, 4, 4); /* the writer has not noticed yet */
    put_rows(w.path, 5, 6);
    expect(&w, "rename: the rest of the old, then the new", "1 2 3 4 5 6");
    put_rows(old, 7, 7);
    expect(&w, "late lines of the old", "1 2 3 4 5 6 7");
    w.ms += 70000;
    expect(&w, "let go of", "1 2 3 4 5 6 7");
    /* copy-and-truncate */
    CHECK(truncate(w.path, 0) == 0, "truncate");
    expect(&w, "cut", "1 2 3 4 5 6 7");
    put_rows(w.path, 8, 8);
    expect(&w, "grown again, shorter", "1 2 3 4 5 6 7 8");
    CHECK(truncate(w.path, 0) == 0, "truncate");
    put_rows(w.path, 9, 11);
    expect(&w, "grown again beyond where we were, between two looks", "1 2 3 4 5 6 7 8 9 10 11");
    /* same bytes at the same place in another life are other lines */
    CHECK(truncate(w.path, 0) == 0, "truncate");
    expect(&w, "cut", "1 2 3 4 5 6 7 8 9 10 11");
    put_rows(w.path, 9, 11);
    expect(&w, "the same lines again", "1 2 3 4 5 6 7 8 9 10 11 9 10 11");
    /* removed with lines that were not read yet */
    put_rows(w.path, 12, 12);
    unlink(w.path);
    expect(&w, "removed", "1 2 3 4 5 6 7 8 9 10 11 9 10 11 12");
    put_rows(w.path, 13, 13);
    expect(&w, "made anew", "1 2 3 4 5 6 7 8 9 10 11 9 10 11 12 13");
    world_close(&w);
}

static void
test_away(void)
{
    struct world w;
    char old[200];
    struct err err = {""};

    world_open(&w, "a.json");
    snprintf(old, sizeof old, "%s/a.json.1", w.logs);
    put_rows(w.path, 1, 2);
    expect(&w, "before", "1 2");
    put_rows(w.path, 3, 3);
    source_file.close(w.state);
    put_rows(w.path, 4, 4);
    rename(w.path, old);
    put_rows(w.path, 5, 5);
    tail_start(&w);
    expect(&w, "renamed while away", "1 2 3 4 5");
    source_file.close(w.state);
    put_rows(w.path, 6, 6);
    CHECK(truncate(w.path, 0) == 0, "truncate");
    put_rows(w.path, 7, 9);
    tail_start(&w);
    CHECK(source_file.step(w.state, &err) == ST_OK, "%s", err.text);
    CHECK(drain(&w, &err) == ST_IO && strstr(err.text, "removed or cut") != NULL, "said so: %s",
          err.text);
    expect(&w, "cut while away", "1 2 3 4 5 7 8 9");
    world_close(&w);
}

static void
test_crash(void)
{
    struct world w;
    struct err err = {""};

    world_open(&w, "a.json");
    put_rows(w.path, 1, 3);
    CHECK(source_file.step(w.state, &err) == ST_OK, "%s", err.text);
    put_rows(w.path, 4, 5); /* the same offset would now end elsewhere */
    crash(&w);
    expect(&w, "durable, then a crash before the checkpoint", "1 2 3 4 5");
    CHECK(atomic_load(&w.counters.duplicates) == 1, "%lu duplicates",
          (unsigned long)atomic_load(&w.counters.duplicates));
    crash(&w);
    expect(&w, "a crash when all is noted", "1 2 3 4 5");
    world_close(&w);
}

static void
test_bad(void)
{
    struct world w;
    struct err err = {""};
    char *line = malloc(30000);

    world_open(&w, "a.json");
    put(w.path, "{\"n\":1}\nnot JSON\n{\"n\":2}\n", 25);
    expect(&w, "a bad line is parked", "1 2");
    CHECK(w.bed.parked_count == 1 && strcmp(w.bed.parked[0].raw, "not JSON") == 0, "%zu, %s",
          w.bed.parked_count, w.bed.parked[0].raw);
    memset(line, 'x', 30000);
    line[29999] = '\n';
    put(w.path, line, 30000);
    put_rows(w.path, 3, 3);
    expect(&w, "a line that is far too long", "1 2 3");
    CHECK(w.bed.parked_count > 1, "parked");
    world_close(&w);
    free(line);

    world_open(&w, "a.json");
    source_file.close(w.state);
    w.on_error = "stop";
    tail_start(&w);
    put_rows(w.path, 1, 1);
    expect(&w, "good", "1");
    put(w.path, "{\"n\":2}\nnot JSON\n", 17);
    CHECK(drain(&w, &err) == ST_INVALID && strstr(err.text, "a.json") != NULL, "stops: %s",
          err.text);
    CHECK(drain(&w, &err) == ST_INVALID, "and stays there");
    CHECK(strcmp(bed_numbers(&w.bed), "1") == 0, "nothing of the batch: %s", bed_numbers(&w.bed));
    world_close(&w);
}

static void
test_pattern(void)
{
    struct world w;
    char other[200];

    world_open(&w, "*.json");
    snprintf(other, sizeof other, "%s/b.json", w.logs);
    put_rows(w.path, 1, 2);
    expect(&w, "one", "1 2");
    put_rows(other, 3, 3);
    expect(&w, "another appears", "1 2 3");
    put_rows(w.path, 4, 4);
    expect(&w, "the first goes on", "1 2 3 4");
    world_close(&w);

    world_open(&w, "a.json");
    source_file.close(w.state);
    w.from = "end";
    put_rows(w.path, 1, 2);
    put(w.path, "{\"n\":", 5);
    tail_start(&w);
    expect(&w, "from the end", "");
    put(w.path, "3}\n", 3);
    expect(&w, "the line that was unfinished", "3");
    world_close(&w);
}

static void
test_settings(void)
{
    static const struct {
        const char *name, *value, *text;
    } bad[] = {
        {"path",        "relative.json", "begins with '/'" },
        {"from",        "middle",        "start or end"    },
        {"batch_bytes", "12",            "whole number"    },
        {"batch_bytes", "1e6",           "whole number"    },
        {"settle_ms",   "-1",            "whole number"    },
        {"on_error",    "drop",          "park or stop"    },
        {"color",       "red",           "no setting color"},
    };
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct source_value values[] = {
            {bad[i].name, bad[i].value},
            {"path",      "/var/log/x"}
        };

        CHECK(source_check(&source_file, values, 2, &err) == ST_INVALID &&
                  strstr(err.text, bad[i].text) != NULL,
              "%s: %s", bad[i].name, err.text);
    }
    CHECK(source_check(&source_file, NULL, 0, &err) == ST_INVALID &&
              strstr(err.text, "needs the setting path") != NULL,
          "%s", err.text);
}

int
main(void)
{
    test_growth();
    test_rotation();
    test_away();
    test_crash();
    test_bad();
    test_pattern();
    test_settings();
    return test_end();
}
