/* verdicts_bench.c - what one more export with the same filter costs: the pump of this folder over a
 * journal of the file's rows, with 1, 2, 5, 10 and 20 exports that have one filter, and with
 * exports that have a condition in common; each with and without sharing verdicts, in one run. CPU
 * of the whole process, best of several rounds; the destination is /dev/null.
 *
 * verdicts_bench [--json] [--rounds N] FILE     FILE: bare rows of DeviceProcessEvents */
#include "base/clock.h"
#include "base/file.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include "match/transform.h"
#include <ftw.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
enum { EXPORTS_MAX = 20, BODY_SIZE = 1 << 20, WAIT_MS = 600000 };

static const char *const words[EXPORTS_MAX] = {
    "powershell", "encodedcommand", "collect",  "rundll32", "certutil", "bypass", "python3",
    "curl",       "wget",           "hidden",   "mshta",    "regsvr32", "whoami", "mimikatz",
    "bitsadmin",  "psexec",         "schtasks", "vssadmin", "nltest",   "lsass",
};

static void
fail(const char *text)
{
    fprintf(stderr, "verdicts_bench: %s\n", text);
    exit(1);
}

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

/* ---- the journal ---- */

static void
append(struct journal *j, struct span lines)
{
    static char memory[32 << 20] __attribute__((aligned(16)));
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err;
    uint64_t position;
    uint16_t stream = 0;

    if (block_builder_init(&b, &a, BLOCK_ROWS_MAX, &err) != ST_OK ||
        block_stream_index(&b, SPAN_LITERAL(TENANT),
                           SPAN_LITERAL("AdvancedHunting-DeviceProcessEvents"),
                           SPAN_LITERAL("DeviceProcessEvents"), &stream) != ST_OK)
        fail(err.text);
    for (size_t at = 0; at < lines.n;) {
        const char *end = memchr(lines.p + at, '\n', lines.n - at);
        size_t size = (end != NULL ? (size_t)(end - lines.p) : lines.n) - at;
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)at;
        row->size = row->properties_size = (uint32_t)size;
        row->group = ROW_GROUP_AS_IS;
        row->stream = stream;
        at += size + 1;
    }
    size_t room = BLOCK_INDEX_MAX;
    char *image = arena_take(&a, room);

    if (block_seal(&b, (uint32_t)lines.n, clock_ticks(), clock_ticks(), image, room, &index,
                   &err) != ST_OK ||
        journal_append(j, index, lines, &position, &err) != ST_OK)
        fail(err.text);
}

static struct journal *
journal_fill(const char *folder, struct span text)
{
    const struct journal_options o = {
        .folder = folder, .segment_size = 64 << 20, .size_max = (uint64_t)8 << 30, .now = now};
    struct journal_recovery found;
    struct journal *j;
    struct err err;

    if (journal_open(&o, &j, &found, &err) != ST_OK)
        fail(err.text);
    for (size_t at = 0; at < text.n;) {
        size_t size = text.n - at < BODY_SIZE ? text.n - at : BODY_SIZE;

        while (at + size < text.n && text.p[at + size - 1] != '\n')
            size--;
        append(j, (struct span){text.p + at, size});
        at += size;
    }
    return j;
}

/* ---- a plan of n exports ---- */

struct bench_plan {
    struct plan plan;
    struct plan_route routes[EXPORTS_MAX];
    struct plan_setting setting;
    char ids[EXPORTS_MAX][80];
    struct transform *transforms[EXPORTS_MAX];
};

static void
plan_destroy(struct plan *plan)
{
    struct bench_plan *p = (struct bench_plan *)plan;

    for (size_t i = 0; i < plan->route_count; i++)
        transform_free(p->transforms[i]);
    free(p);
}

static struct bench_plan *
plan_make(unsigned exports, bool same)
{
    struct bench_plan *p = calloc(1, sizeof *p);

    if (p == NULL)
        fail("no memory");
    p->setting = (struct plan_setting){"path", "/dev/null"};
    p->plan.routes = p->routes;
    p->plan.route_count = exports;
    p->plan.destroy = plan_destroy;
    atomic_store(&p->plan.references, 1);
    for (unsigned i = 0; i < exports; i++) {
        char kql[300];
        const struct transform_query query = {"DeviceProcessEvents", kql};
        const struct transform_source source = {
            .catalog = &catalog_builtin, .queries = &query, .query_count = 1};
        struct err err;

        snprintf(kql, sizeof kql,
                 "source | where ActionType in ('ProcessCreated', 'OpenProcess') and "
                 "InitiatingProcessFileName has 'powershell'%s%s%s",
                 same ? "" : " and ProcessCommandLine has '", same ? "" : words[i],
                 same ? "" : "'");
        if (transform_make(&source, NULL, NULL, &p->transforms[i], &err) != ST_OK)
            fail(err.text);
        snprintf(p->ids[i], sizeof p->ids[i], "%s/%02u", TENANT, i);
        p->routes[i] = (struct plan_route){
            .id = p->ids[i],
            .tenant = TENANT,
            .all_categories = true,
            .profile = PROFILE_BARE,
            .is_enabled = true,
            .fingerprint = i + 1,
            .transform = p->transforms[i],
            .destination = {.kind = "file", .settings = &p->setting, .setting_count = 1}
        };
    }
    return p;
}

static enum status
park(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
     uint32_t row_count, uint64_t position, uint32_t row, const char *reason, struct err *err)
{
    (void)app, (void)route, (void)lane, (void)body, (void)row_count, (void)position, (void)row;
    return err_set(err, ST_IO, "%s", reason);
}

static double
cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* CPU seconds until all exports have read all of the journal. */
static double
run(struct journal *j, const char *ledgers, unsigned exports, bool same, bool shares,
    uint64_t *left)
{
    const struct deliver_options o = {
        .journal = j,
        .folder = ledgers,
        .park = {NULL, park},
        .now = now,
        .block_buffers = 4,
        .shares_nothing = !shares
    };
    struct bench_plan *p = plan_make(exports, same);
    static struct deliver_status s;
    struct deliverer *d;
    struct err err;
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    double began, took;

    nftw(ledgers, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (deliver_start(&o, &d, &err) != ST_OK)
        fail(err.text);
    began = cpu_seconds();
    if (deliver_set_plan(d, &p->plan, true, &err) != ST_OK)
        fail(err.text);
    *left = 0;
    for (unsigned i = 0; i < exports;) {
        if (!deliver_status_get(d, p->ids[i], &s) || clock_monotonic_ms() > until)
            fail("an export did not get through");
        if (s.cursor == journal_extent(j).end) {
            *left += s.sent_rows;
            i++;
        } else {
            usleep(2000);
        }
    }
    took = cpu_seconds() - began;
    deliver_stop(d, 1000);
    plan_release(&p->plan);
    return took;
}

int
main(int argc, char **argv)
{
    static const unsigned counts[] = {1, 2, 5, 10, 20};
    const char *path = NULL;
    char root[] = "/tmp/verdicts-bench-XXXXXX", journal[64], ledgers[64];
    bool json = false;
    int rounds = 3;
    double first[2][2] = {{0}}, last[2][2] = {{0}};
    struct err err;
    size_t size;
    char *text;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = atoi(argv[++i]);
        else
            path = argv[i];
    if (path == NULL)
        fail("usage: verdicts_bench [--json] [--rounds N] FILE");
    if (file_read(path, (size_t)4 << 30, &text, &size, &err) != ST_OK)
        fail(err.text);
    if (mkdtemp(root) == NULL)
        fail("no folder in /tmp");
    snprintf(journal, sizeof journal, "%s/journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/exports", root);
    struct journal *j = journal_fill(journal, (struct span){text, size});

    for (int same = 1; same >= 0; same--)
        for (size_t c = 0; c < COUNT_OF(counts); c++) {
            double best[2] = {1e9, 1e9};
            uint64_t left[2];

            for (int r = 0; r < rounds; r++)
                for (int shares = 0; shares < 2; shares++) {
                    double took = run(j, ledgers, counts[c], same, shares, &left[shares]);

                    if (took < best[shares])
                        best[shares] = took;
                    if (shares == 1 && left[1] != left[0])
                        fail("sharing changes what leaves");
                }
            for (int shares = 0; shares < 2; shares++) {
                if (c == 0)
                    first[same][shares] = best[shares];
                last[same][shares] = best[shares];
            }
            if (!json)
                printf("%-22s %2u exports: %7.3f s of CPU each for itself, %7.3f s shared (%llu "
                       "rows left)\n",
                       same ? "the same filter" : "a condition in common", counts[c], best[0],
                       best[1], (unsigned long long)left[1]);
        }
    printf(json ? "{" : "one more costs, of the first:\n");
    for (int same = 1; same >= 0; same--) {
        double added[2];

        for (int shares = 0; shares < 2; shares++)
            added[shares] =
                (last[same][shares] - first[same][shares]) / (EXPORTS_MAX - 1) / first[same][0];
        printf(json ? "\"%s_apart\":%.3f,\"%s_shared\":%.3f%s"
                    : "  %s: %.2f each for itself; %s: %.2f shared%s",
               same ? "same" : "common", added[0], same ? "same" : "common", added[1],
               json ? same ? "," : "}\n" : "\n");
    }
    journal_close(j);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(text);
    return 0;
}
