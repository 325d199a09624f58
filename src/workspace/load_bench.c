/* load_bench.c - how many rows a workspace takes in a second of CPU, commits and all, beside what a plain file of the same bytes
 * costs. Rows are like DeviceProcessEvents: 60 columns and about 2 KB.
 *   load_bench [ROWS] [FILE]      (default 400000 in /tmp) */
#include "base/clock.h"
#include "workspace/writer.h"
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BATCH = 8192, ROOM = 4096 };

static double
cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static uint64_t seed = 88172645463325252ULL;

static uint32_t
any(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

/* Each column by its type: names from few, paths and hashes from many, numbers and times. */
static size_t
row_make(char *out, const struct catalog_table *t, uint64_t n)
{
    size_t at = 0;

    out[at++] = '{';
    for (size_t i = 0; i < t->column_count && i < 60; i++) {
        const char *name = t->columns[i].name;

        at += (size_t)sprintf(out + at, "%s\"%s\":", i > 0 ? "," : "", name);
        switch (t->columns[i].type) {
        case COLUMN_DATETIME:
            at += (size_t)sprintf(out + at, "\"2026-03-%02uT%02u:%02u:%02u.%07uZ\"",
                                  1 + (unsigned)(n / 100000) % 28, any(24), any(60), any(60),
                                  any(10000000));
            break;
        case COLUMN_INT:
        case COLUMN_LONG:
        case COLUMN_REAL:
            at += (size_t)sprintf(out + at, "%u", any(100000));
            break;
        case COLUMN_BOOL:
            at += (size_t)sprintf(out + at, "%s", any(2) ? "true" : "false");
            break;
        case COLUMN_DYNAMIC:
            at += (size_t)sprintf(out + at, "{\"k\":%u}", any(50));
            break;
        default:
            if (i % 3 == 0)
                at += (size_t)sprintf(out + at, "\"%s-%u\"", name, any(40));
            else if (i % 3 == 1 && strstr(name, "SHA") != NULL)
                at += (size_t)sprintf(out + at, "\"%08x%08x%08x%08x%08x\"", any(2000), any(9), 7u,
                                      any(99), 5u);
            else
                at += (size_t)sprintf(out + at, "\"C:\\\\Windows\\\\System32\\\\app%u.exe\"",
                                      any(3000));
        }
    }
    out[at++] = '}';
    out[at++] = '\n';
    return at;
}

int
main(int argc, char **argv)
{
    size_t rows = argc > 1 ? (size_t)atol(argv[1]) : 400000, size = 0, done = 0;
    const char *path = argc > 2 ? argv[2] : "/tmp/penstock-load-bench.duckdb";
    const struct catalog_table *t =
        catalog_find(&catalog_builtin, SPAN_LITERAL("DeviceProcessEvents"));
    struct workspace_options options = {0};
    struct workspace_writer *writer = NULL;
    struct workspace *w = NULL;
    struct err err = {""};
    uint64_t offset = 0;
    char *body = malloc((size_t)BATCH * ROOM);
    double cpu = 0;
    int64_t started = 0, wall = 0;

    unlink(path);
    if (body == NULL || workspace_open(path, &options, &w, &err) != ST_OK ||
        workspace_writer_open(w, &writer, &err) != ST_OK) {
        fprintf(stderr, "load_bench: %s\n", err.text);
        return 1;
    }
    while (done < rows) {
        size = 0;
        for (size_t i = 0; i < BATCH; i++)
            size += row_make(body + size, t, done + i);

        struct workspace_rows r = {
            .tenant = "11111111-2222-3333-4444-555555555555",
            .table = "DeviceProcessEvents",
            .body = {body, size},
            .row_count = BATCH,
            .position = done,
            .object = "bench",
            .offset = offset
        };
        double before = cpu_seconds();

        started = clock_monotonic_ms();
        workspace_write(writer, &r, 1, clock_ticks());
        cpu += cpu_seconds() - before;
        wall += clock_monotonic_ms() - started;
        if (r.written != WORKSPACE_DONE) {
            fprintf(stderr, "load_bench: %s\n", r.err.text);
            return 1;
        }
        offset += size;
        done += BATCH;
    }
    double before = cpu_seconds();

    workspace_writer_close(writer);
    workspace_close(w); /* its checkpoint counts */
    cpu += cpu_seconds() - before;
    printf("%zu rows of 60 columns, %zu bytes each: %.0f rows per CPU-second, %.1f s of wall in "
           "writes\n",
           done, size / BATCH, (double)done / cpu, (double)wall / 1000);
    free(body);
    return 0;
}
