/* events_bench.c - what automations cost: the pump with 10 and with 1,000 of them, beside a data export,
 * while records and events flow. Each asks for alerts of one severity and one name; of N of them one in a
 * hundred (at least one) is for events that come, or all of them are. CPU of the whole process, its resident memory and
 * threads, how long a change of the plan takes, and the syncs of its ledgers. Each count in a process of
 * its own, as memory that was once taken is not given back.
 *
 * events_bench [--json] [--seconds N] */
#include "base/clock.h"
#include "base/file.h"
#include "deliver/deliver.h"
#include "deliver/dispatch.h"
#include "journal/journal.h"
#include "match/event.h"
#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define SCOPE "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
enum { ROUTES_MAX = 1001, ROWS = 400, EVENTS = 20, BLOCKS_PER_S = 50, ROW_SIZE = 2000 };

static void
fail(const char *text)
{
    fprintf(stderr, "events_bench: %s\n", text);
    exit(1);
}

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static int64_t
us_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

/* ---- what flows ---- */

static char memory[32 << 20] __attribute__((aligned(16)));

/* Alerts "name 0" to "name 99" in turn, every third of them High; or records. */
static void
append(struct journal *j, bool events, unsigned first)
{
    static char body[ROWS * (ROW_SIZE + 100)];
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    uint64_t position;
    uint16_t stream = 0, scope = 0;
    size_t size = 0;
    unsigned count = events ? EVENTS : ROWS;

    if (block_builder_init(&b, &a, count, &err) != ST_OK ||
        block_string_index(&b, SPAN_LITERAL(SCOPE "/resourcegroups/rg"), &scope) != ST_OK ||
        block_stream_index(&b, SPAN_LITERAL(TENANT),
                           events ? SPAN_LITERAL("Alerts") : SPAN_LITERAL("AdvancedHunting-A"),
                           events ? SPAN_LITERAL("Alerts") : SPAN_LITERAL("A"), &stream) != ST_OK)
        fail(err.text);
    b.head.kind = events ? BLOCK_EVENTS : BLOCK_ROWS;
    for (unsigned i = first; i < first + count; i++) {
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)size;
        size += (size_t)sprintf(
            body + size,
            "{\"SystemAlertId\":\"%u\",\"AlertDisplayName\":\"name %u\",\"Severity\":\"%s\","
            "\"Description\":\"%0*d\"}",
            i, i % 100, i % 3 == 0 ? "High" : "Low", ROW_SIZE, 0);
        row->size = row->properties_size = (uint32_t)size - row->at;
        body[size++] = '\n';
        row->group = events ? scope : ROW_GROUP_AS_IS;
        row->stream = stream;
    }
    size_t room = 2 << 20;
    char *image = arena_take(&a, room);

    if (block_seal(&b, (uint32_t)size, clock_ticks(), clock_ticks(), image, room, &index, &err) !=
            ST_OK ||
        journal_append(j, index, (struct span){body, size}, &position, &err) != ST_OK)
        fail(err.text);
}

/* ---- a plan ---- */

struct bench_plan {
    struct plan plan;
    struct plan_route routes[ROUTES_MAX];
    struct plan_setting setting;
    struct event_filter *filters[ROUTES_MAX];
    struct rule_sets *rules[ROUTES_MAX];
    char ids[ROUTES_MAX][100];
};

static void
plan_destroy(struct plan *plan)
{
    struct bench_plan *p = (struct bench_plan *)plan;

    for (size_t i = 0; i < plan->route_count; i++) {
        event_filter_free(p->filters[i]);
        rule_sets_free(p->rules[i]);
    }
    free(p);
}

static void
route_add(struct bench_plan *p, unsigned n, bool is_hit)
{
    char text[600];
    const struct span scope = SPAN_LITERAL(SCOPE);
    struct event_filter_source source = {.source = EVENT_ALERTS};
    struct err err = {""};

    snprintf(text, sizeof text,
             "[{\"rules\":[{\"propertyJPath\":\"Severity\",\"propertyType\":\"String\","
             "\"expectedValue\":\"high\",\"operator\":\"Equals\"},{\"propertyJPath\":"
             "\"AlertDisplayName\",\"propertyType\":\"String\",\"expectedValue\":\"%s %u\","
             "\"operator\":\"Equals\"}]}]",
             is_hit ? "name" : "no such", n % 100);
    json_t *json = json_loads(text, 0, NULL);

    if (rule_sets_make(json, "t", NULL, NULL, &p->rules[n], &err) != ST_OK)
        fail(err.text);
    json_decref(json);
    source.rules = p->rules[n];
    if (event_filter_make(&scope, 1, &source, 1, &p->filters[n], &err) != ST_OK)
        fail(err.text);
    snprintf(p->ids[n], sizeof p->ids[n], "%s/%05u", TENANT, n);
    p->routes[n] = (struct plan_route){
        .id = p->ids[n],
        .tenant = TENANT,
        .profile = PROFILE_BARE,
        .events = p->filters[n],
        .is_enabled = true,
        .fingerprint = n + 1,
        .destination = {.kind = "file", .settings = &p->setting, .setting_count = 1}
    };
    p->plan.route_count++;
}

static struct bench_plan *
plan_make(unsigned automations, bool busy)
{
    struct bench_plan *p = calloc(1, sizeof *p);

    if (p == NULL)
        fail("no memory");
    p->setting = (struct plan_setting){"path", "/dev/null"};
    p->plan.routes = p->routes;
    p->plan.destroy = plan_destroy;
    atomic_store(&p->plan.references, 1);
    for (unsigned i = 0; i < automations; i++)
        route_add(p, i, busy || i % 100 == 0);
    snprintf(p->ids[automations], sizeof p->ids[0], "%s/x", TENANT);
    p->routes[automations] = (struct plan_route){
        .id = p->ids[automations],
        .tenant = TENANT,
        .all_categories = true,
        .profile = PROFILE_BARE,
        .is_enabled = true,
        .fingerprint = 1,
        .destination = {.kind = "file", .settings = &p->setting, .setting_count = 1}
    };
    p->plan.route_count++;
    return p;
}

static enum status
park(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
     uint32_t row_count, uint64_t position, uint32_t row, const char *reason, struct err *err)
{
    (void)app, (void)route, (void)lane, (void)body, (void)row_count, (void)position, (void)row;
    return err_set(err, ST_IO, "%s", reason);
}

/* ---- figures ---- */

struct figures {
    double cpu_s, idle_cpu_s, plan_ms, change_ms, resident_mb;
    unsigned threads;
    unsigned long long sent, wakes;
};

static double
cpu_seconds(long *switches)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    *switches = u.ru_nvcsw;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static double
resident_mb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0, resident = 0;

    if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
        fail("no /proc/self/statm");
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static unsigned
thread_count(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned count = 0;

    while (d != NULL && readdir(d) != NULL)
        count++;
    if (d != NULL)
        closedir(d);
    return count - 2;
}

/* So many blocks a second of records, and one of events in ten. */
static void
flow(struct journal *j, int seconds, bool with_events)
{
    int64_t began = clock_monotonic_ms();

    for (unsigned i = 0; i < (unsigned)seconds * BLOCKS_PER_S; i++) {
        int64_t due = began + (int64_t)i * 1000 / BLOCKS_PER_S, at = clock_monotonic_ms();

        if (due > at)
            usleep((useconds_t)(due - at) * 1000);
        append(j, false, i * ROWS);
        if (with_events && i % 10 == 0)
            append(j, true, i / 10 * EVENTS);
    }
}

static double
plan_set(struct deliverer *d, struct bench_plan *p)
{
    int64_t began = us_now();
    struct err err;

    if (deliver_set_plan(d, &p->plan, true, &err) != ST_OK)
        fail(err.text);
    plan_release(&p->plan);
    return (double)(us_now() - began) / 1000;
}

static void
run(const char *folder, unsigned automations, bool busy, int seconds, struct figures *f)
{
    char journal[300], ledgers[300];
    struct journal_recovery found;
    struct journal *j;
    struct deliverer *d;
    struct err err;
    double before;
    long switches, last;

    snprintf(journal, sizeof journal, "%s/journal", folder);
    snprintf(ledgers, sizeof ledgers, "%s/exports", folder);
    const struct journal_options jo = {
        .folder = journal, .segment_size = 64 << 20, .size_max = (uint64_t)2 << 30, .now = now};

    if (journal_open(&jo, &j, &found, &err) != ST_OK)
        fail(err.text);
    const struct deliver_options o = {
        .journal = j,
        .folder = ledgers,
        .park = {NULL, park},
        .now = now,
        .block_buffers = 4,
        .rest_after_ms = 1000
    };

    if (deliver_start(&o, &d, &err) != ST_OK)
        fail(err.text);
    f->plan_ms = plan_set(d, plan_make(automations, busy));
    struct bench_plan *p = plan_make(automations, busy);

    p->routes[0].fingerprint = 777777;
    f->change_ms = plan_set(d, p);
    flow(j, 1, false);
    before = cpu_seconds(&last);
    flow(j, seconds, false);
    f->idle_cpu_s = cpu_seconds(&switches) - before;
    f->wakes = (unsigned long long)(switches - last);
    before = cpu_seconds(&last);
    flow(j, seconds, true);
    f->cpu_s = cpu_seconds(&switches) - before;
    f->resident_mb = resident_mb();
    f->threads = thread_count();
    for (unsigned i = 0; i < automations; i++) {
        static struct deliver_status s;
        char id[100];

        snprintf(id, sizeof id, "%s/%05u", TENANT, i);
        if (deliver_status_get(d, id, &s))
            f->sent += s.sent_rows;
    }
    deliver_stop(d, 1000);
    journal_close(j);
}

static void
run_apart(const char *root, unsigned automations, bool busy, int seconds, struct figures *f)
{
    char folder[200];
    int fds[2], status;

    snprintf(folder, sizeof folder, "%s/%u", root, automations);
    if (pipe(fds) != 0)
        fail("no pipe");
    fflush(stdout);
    pid_t pid = fork();

    if (pid == 0) {
        run(folder, automations, busy, seconds, f);
        if (write(fds[1], f, sizeof *f) != (ssize_t)sizeof *f)
            _exit(1);
        _exit(0);
    }
    close(fds[1]);
    if (pid < 0 || read(fds[0], f, sizeof *f) != (ssize_t)sizeof *f ||
        waitpid(pid, &status, 0) != pid || status != 0)
        fail("a run failed");
    close(fds[0]);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned count;
        bool busy;
    } cases[] = {
        {"0",         0,    false},
        {"10",        10,   false},
        {"1000",      1000, false},
        {"1000 busy", 1000, true }
    };
    char root[] = "/tmp/events-bench-XXXXXX";
    bool json = false;
    int seconds = 10;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atoi(argv[++i]);
    if (mkdtemp(root) == NULL)
        fail("no folder in /tmp");
    if (!json)
        printf("%d s each of %d records/s (%.0f MB/s), then with %d events/s\n", seconds,
               BLOCKS_PER_S * ROWS, BLOCKS_PER_S * ROWS * ROW_SIZE / 1e6,
               BLOCKS_PER_S / 10 * EVENTS);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct figures f = {0};

        run_apart(root, cases[i].count, cases[i].busy, seconds, &f);
        printf(
            json ? "%s\"%s\":{\"idle_cpu_share\":%.4f,\"cpu_share\":%.4f,\"resident_mb\":%.1f,"
                   "\"threads\":%u,\"sleeps_per_s\":%.0f,\"first_plan_ms\":%.0f,\"change_ms\":%.0f,"
                   "\"sent\":%llu}"
                 : "%s%9s automations: idle %.2f%% of a core, with events %.2f%%; %.1f MiB, %u "
                   "threads, %.0f sleeps/s; first plan %.0f ms, a change %.0f ms; %llu sent\n",
            json ? i == 0 ? "{" : "," : "", cases[i].name,
            f.idle_cpu_s / seconds * (json ? 1 : 100), f.cpu_s / seconds * (json ? 1 : 100),
            f.resident_mb, f.threads, (double)f.wakes / seconds, f.plan_ms, f.change_ms, f.sent);
    }
    if (json)
        printf("}\n");
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
