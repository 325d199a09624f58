/* posture_bench.c - a scanner's nightly report: resources are loaded, then all are reported again with one in
 * a thousand changed, by threads side by side, as one full report; then once more by a process that has
 * nothing in memory yet. Exactly the changes must have become events.
 *
 *   posture_bench [--json] [--full] [--assessments N] [--findings N] [--threads N] [--cache MIB] [--folder FOLDER]
 *   posture_bench --lines NIGHT --subscription N ...     what one of the ten subscriptions reports in a night, as
 *                                                        the daemon's bulk route takes it, to standard output
 *
 * Default: 20,000 assessments with 5 findings each; --full: a million. The file lies in FOLDER (default
 * $TMPDIR or /tmp) and is removed. The time includes making the bodies (about 1 KB each). */
#include "base/clock.h"
#include "posture/posture.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"

enum { BATCH = 1000, ID_SIZE = 400, BODY_SIZE = 1400, PER_RESOURCE = 10, THREADS_MAX = 16 };

struct bench {
    long assessments, findings, threads, cache_mib;
    long lines, subscription; /* of which night, of which subscription; -1: none are wanted */
    bool is_json, is_wanted;
    char path[4096];
    struct posture *posture;
};

struct worker {
    struct bench *bench;
    struct posture_report *report;
    long from, to; /* assessments */
    int night;
    unsigned long changed, unchanged;
};

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static bool
is_wanted(void *app, const char *tenant, enum event_source source)
{
    (void)tenant;
    (void)source;
    return ((struct bench *)app)->is_wanted;
}

static void
must(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "posture_bench: %s\n", err->text);
    exit(1);
}

static double
seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what is reported ---- */

static size_t
make_id(char *out, long assessment, long finding)
{
    long resource = assessment / PER_RESOURCE, of = assessment % PER_RESOURCE;
    size_t n = (size_t)snprintf(
        out, ID_SIZE,
        "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9%04lx/resourceGroups/rg-production-%ld/"
        "providers/Microsoft.Compute/virtualMachines/vm-web-%06ld/providers/Microsoft.Security/"
        "assessments/a1f3c6d8-2b47-4e90-8c15-6d0e9f7b%04lx",
        resource % 10, resource % 100, resource, of);

    if (finding >= 0)
        n += (size_t)snprintf(out + n, ID_SIZE - n,
                              "/subAssessments/5e9b7d10-c4f2-4a68-b3d1-0f2a8c6e%04lx", finding);
    return n;
}

/* One in a thousand differs from the second night on. */
static int
version(long assessment, long finding, const struct bench *b, int night)
{
    return night > 0 && (assessment * (b->findings + 1) + finding + 1) % 1000 == 7 ? 1 : 0;
}

static size_t
make_body(char *out, long assessment, long finding, int changed, int night)
{
    if (finding < 0)
        return (size_t)snprintf(
            out, BODY_SIZE,
            "{\"properties\":{\"resourceDetails\":{\"source\":\"Azure\"},\"displayName\":"
            "\"Machines "
            "should have vulnerability findings resolved\",\"status\":{\"code\":\"Unhealthy\","
            "\"cause\":\"Findings\",\"description\":\"There are findings, version %d\"},"
            "\"additionalData\":{\"scanner\":\"bench\",\"number\":\"%ld\"}}}",
            changed, assessment);
    return (size_t)snprintf(
        out, BODY_SIZE,
        "{\"properties\":{\"id\":\"CVE-2026-%05ld\",\"displayName\":\"Package libexample%ld is out "
        "of date\",\"status\":{\"code\":\"Unhealthy\",\"severity\":\"Medium\"},\"remediation\":"
        "\"Update the package to version 1.%d or later.\",\"impact\":\"An attacker on the same "
        "network could read traffic or make the service stop.\",\"category\":\"Local\","
        "\"description\":\"The package holds a fault that lets a crafted message be read beyond "
        "its "
        "end; whoever can send such messages may learn what lies behind it in memory.\","
        "\"timeGenerated\":\"2026-05-%02dT08:41:05.1190002Z\",\"resourceDetails\":{\"source\":"
        "\"Azure\"},\"additionalData\":{\"assessedResourceType\":\"ServerVulnerabilityAssessment\","
        "\"type\":\"Vulnerability\",\"cvss\":{\"3.0\":{\"base\":6.1}},\"patchable\":true,\"cve\":"
        "[{\"title\":\"CVE-2026-%05ld\",\"link\":\"https://cve.example/CVE-2026-%05ld\"}],"
        "\"threat\":\"None known.\",\"publishedTime\":\"2026-04-30T00:00:00Z\","
        "\"vendorReferences\":[]}}}",
        finding, finding, changed, 10 + night, finding, finding);
}

static void *
work(void *app)
{
    struct worker *w = app;
    long each = w->bench->findings + 1, total = (w->to - w->from) * each;
    char *ids = malloc((size_t)BATCH * ID_SIZE), *bodies = malloc((size_t)BATCH * BODY_SIZE);
    struct posture_item *items = calloc(BATCH, sizeof *items);
    struct posture_result *results = calloc(BATCH, sizeof *results);
    struct err err;

    if (ids == NULL || bodies == NULL || items == NULL || results == NULL)
        exit(1);
    for (long at = 0; at < total;) {
        size_t count = 0;

        for (; count < BATCH && at < total; at++, count++) {
            long a = w->from + at / each, f = at % each - 1;
            char *id = ids + count * ID_SIZE, *body = bodies + count * BODY_SIZE;

            items[count] = (struct posture_item){
                {id, make_id(id, a,       f)       },
                { body, make_body(body, a, f, version(a, f, w->bench, w->night), w->night)},
                false
            };
        }
        must(posture_report_apply(w->report, items, count, results, &err), &err);
        for (size_t i = 0; i < count; i++) {
            if (results[i].outcome == POSTURE_REFUSED) {
                fprintf(stderr, "posture_bench: refused: %s\n", results[i].message.text);
                exit(1);
            }
            w->changed += results[i].outcome != POSTURE_UNCHANGED;
            w->unchanged += results[i].outcome == POSTURE_UNCHANGED;
        }
    }
    free(ids);
    free(bodies);
    free(items);
    free(results);
    return NULL;
}

/* ---- nights ---- */

struct figures {
    double wall, cpu;
    unsigned long changed, unchanged;
    uint64_t events, withdrawn;
};

/* Each thread reports its resources as one full report of them. */
static struct figures
night(struct bench *b, int number)
{
    pthread_t threads[THREADS_MAX];
    struct worker workers[THREADS_MAX] = {0};
    struct posture_counts counts;
    struct figures f = {0};
    struct err err;
    struct span scopes[10];
    char subscriptions[10][80];
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    long resources = (b->assessments + PER_RESOURCE - 1) / PER_RESOURCE, at = 0;

    for (int i = 0; i < 10; i++) {
        snprintf(subscriptions[i], sizeof subscriptions[i],
                 "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9%04x", i);
        scopes[i] = span_of(subscriptions[i]);
    }
    for (long i = 0; i < b->threads; i++) {
        long upto = resources * (i + 1) / b->threads * PER_RESOURCE;

        if (i + 1 == b->threads)
            upto = b->assessments;
        workers[i] = (struct worker){.bench = b, .from = at, .to = upto, .night = number};
        at = upto;
        must(
            posture_report_begin(b->posture, TENANT, "bench", scopes, 10, &workers[i].report, &err),
            &err);
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            exit(1);
    }
    for (long i = 0; i < b->threads; i++) {
        pthread_join(threads[i], NULL);
        f.changed += workers[i].changed;
        f.unchanged += workers[i].unchanged;
        /* Only one thread's report names everything: then the end of it is worth a look too. */
        if (b->threads == 1)
            must(posture_report_end(workers[i].report, &f.withdrawn, &err), &err);
        else
            posture_report_give_up(workers[i].report);
    }
    f.wall = seconds(CLOCK_MONOTONIC) - wall;
    f.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    posture_counts(b->posture, TENANT, &counts);
    f.events = counts.events;
    return f;
}

static void
open_posture(struct bench *b)
{
    const struct posture_options o = {.path = b->path,
                                      .cache_size = (uint64_t)b->cache_mib << 20,
                                      .now = now,
                                      .is_wanted = is_wanted,
                                      .app = b};
    struct err err;

    must(posture_open(&o, &b->posture, &err), &err);
}

static long
memory_mib(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss / 1024;
}

/* One night in a process of its own, so that its memory is its own and nothing is warm. */
static void
in_process(struct bench *b, const char *name, int number, bool wants, int threads, long expected)
{
    long total = b->assessments * (b->findings + 1);
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid != 0) {
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            exit(1);
        return;
    }
    b->is_wanted = wants;
    if (threads > 0)
        b->threads = threads;
    open_posture(b);

    struct figures f = night(b, number);
    double rate = (double)total / f.wall;
    bool is_right = (long)f.changed == expected && f.events == (wants ? (uint64_t)expected : 0) &&
                    f.withdrawn == 0;

    if (b->is_json)
        printf("{\"name\":\"%s\",\"resources\":%ld,\"threads\":%ld,\"seconds\":%.3f,\"cpu_s\":%.3f,"
               "\"per_s\":%.0f,\"per_cpu_s\":%.0f,\"changed\":%lu,\"events\":%llu,\"is_right\":%s,"
               "\"rss_mib\":%ld}\n",
               name, total, b->threads, f.wall, f.cpu, rate, (double)total / f.cpu, f.changed,
               (unsigned long long)f.events, is_right ? "true" : "false", memory_mib());
    else
        printf("%-28s %9ld resources, %ld threads %8.2f s %8.0f/s (%.0f per CPU second), %lu "
               "changed, %llu events%s, %ld MiB\n",
               name, total, b->threads, f.wall, rate, (double)total / f.cpu, f.changed,
               (unsigned long long)f.events, is_right ? "" : "  NOT WHAT CHANGED", memory_mib());
    posture_close(b->posture);
    fflush(stdout);
    _exit(is_right ? 0 : 1);
}

static int
print_lines(const struct bench *b)
{
    char id[ID_SIZE], body[BODY_SIZE];
    int night = (int)b->lines;

    for (long a = 0; a < b->assessments; a++) {
        if (a / PER_RESOURCE % 10 != b->subscription)
            continue;
        for (long f = -1; f < b->findings; f++) {
            make_id(id, a, f);
            make_body(body, a, f, version(a, f, b, night), night);
            printf("{\"id\":\"%s\",%s\n", id, body + 1);
        }
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

static void
remove_files(const struct bench *b)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[4200];

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(name, sizeof name, "%s%s", b->path, ends[i]);
        unlink(name);
    }
}

int
main(int argc, char **argv)
{
    const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    struct bench b = {
        .assessments = 20000, .findings = 5, .threads = 2, .cache_mib = 128, .lines = -1};
    const struct {
        const char *name;
        long *value;
    } numbers[] = {
        {"--assessments",  &b.assessments },
        {"--findings",     &b.findings    },
        {"--threads",      &b.threads     },
        {"--cache",        &b.cache_mib   },
        {"--lines",        &b.lines       },
        {"--subscription", &b.subscription}
    };

    for (int i = 1; i < argc; i++) {
        bool is_known = strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--full") == 0;

        if (strcmp(argv[i], "--json") == 0)
            b.is_json = true;
        if (strcmp(argv[i], "--full") == 0)
            b.assessments = 1000000;
        if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            folder = argv[++i];
            is_known = true;
        }
        for (size_t k = 0; k < COUNT_OF(numbers) && i + 1 < argc && !is_known; k++)
            if (strcmp(argv[i], numbers[k].name) == 0) {
                *numbers[k].value = atol(argv[++i]);
                is_known = true;
            }
        if (!is_known || b.threads < 1 || b.threads > THREADS_MAX || b.assessments < 1 ||
            b.findings < 0) {
            fprintf(stderr, "posture_bench: what is '%s'?\n", argv[i]);
            return 2;
        }
    }
    if (b.lines >= 0)
        return print_lines(&b);
    snprintf(b.path, sizeof b.path, "%s/posture_bench.%d.db", folder, (int)getpid());
    remove_files(&b);

    long total = b.assessments * (b.findings + 1), changes = 0;

    for (long a = 0; a < b.assessments; a++)
        for (long f = -1; f < b.findings; f++)
            changes += version(a, f, &b, 1);
    in_process(&b, "load", 0, false, 0, total);
    in_process(&b, "one in a thousand changed", 1, true, 0, changes);
    in_process(&b, "unchanged but for its time", 2, true, 0, 0);
    in_process(&b, "one thread, full report", 2, true, 1, 0);
    struct stat size;

    if (!b.is_json && stat(b.path, &size) == 0)
        printf("the file has %.0f MiB, %.0f bytes a resource\n", (double)size.st_size / 1048576,
               (double)size.st_size / (double)total);
    remove_files(&b);
    return 0;
}
