/* deliver_events_thread_test.c - automations: what of the events in the journal arrives where, in which
 * shape, and only there; routes that rest and are woken; rings that are full; changes of the plan, kills
 * and restarts under way. On a real journal and real folders; waits are for events, with a generous
 * limit. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "deliver/deliver.h"
#include "deliver/dispatch.h"
#include "journal/journal.h"
#include "match/event.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define OTHER "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0bee0"
#define SCOPE "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define TIME INT64_C(638900064000000000) /* of all rows: one hour, one file */
enum { WAIT_MS = 60000, ROUTES_MAX = 400, EVENTS_MAX = 20000, KILLS = 12 };

static char root[256];

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

/* ---- the journal: blocks of alerts {"n":i,"Severity":...}, High if i is a multiple of three ---- */

static char memory[8 << 20] __attribute__((aligned(16)));

static void
append(struct journal *j, enum block_kind kind, const char *tenant, unsigned first, unsigned count)
{
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    static char body[1 << 20];
    size_t size = 0, room = 2 << 20;
    uint64_t position;
    uint16_t stream = 0, scope = 0;
    bool events = kind == BLOCK_EVENTS;

    CHECK(block_builder_init(&b, &a, count, &err) == ST_OK, "%s", err.text);
    CHECK(block_string_index(&b, SPAN_LITERAL(SCOPE "/resourcegroups/rg"), &scope) == ST_OK,
          "scope");
    CHECK(block_stream_index(&b, span_of(tenant),
                             events ? SPAN_LITERAL("Alerts") : SPAN_LITERAL("AdvancedHunting-A"),
                             events ? SPAN_LITERAL("Alerts") : SPAN_LITERAL("A"), &stream) == ST_OK,
          "stream");
    b.head.kind = kind;
    for (unsigned i = first; i < first + count; i++) {
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)size;
        size += (size_t)sprintf(body + size, "{\"n\":%u,\"Severity\":\"%s\"}", i,
                                i % 3 == 0 ? "High" : "Low");
        row->size = row->properties_size = (uint32_t)size - row->at;
        body[size++] = '\n';
        row->group = events ? scope : ROW_GROUP_AS_IS;
        row->stream = stream;
        row->time = TIME;
    }
    char *image = arena_take(&a, room);

    CHECK(block_seal(&b, (uint32_t)size, clock_ticks(), clock_ticks(), image, room, &index, &err) ==
              ST_OK,
          "%s", err.text);
    CHECK(journal_append(j, index, (struct span){body, size}, &position, &err) == ST_OK, "%s",
          err.text);
}

/* Every 101st read fails, once asked for. */
static atomic_bool reads_fail;
static atomic_uint read_count;

static int
fault(void *app, const char *what)
{
    (void)app;
    if (!atomic_load(&reads_fail) || strcmp(what, "read") != 0)
        return 0;
    return atomic_fetch_add(&read_count, 1) % 101 == 100 ? EIO : 0;
}

static struct journal *
open_journal(const char *folder)
{
    struct journal *j = NULL;
    struct journal_recovery found;
    struct err err = {""};
    const struct journal_options o = {.folder = folder,
                                      .segment_size = 16 << 20,
                                      .size_max = 64 << 20,
                                      .sync = true,
                                      .now = now,
                                      .fault = fault};

    CHECK(journal_open(&o, &j, &found, &err) == ST_OK, "%s", err.text);
    return j;
}

/* ---- a plan of automations ---- */

struct test_plan {
    struct plan plan;
    struct plan_route routes[ROUTES_MAX];
    struct plan_setting settings[ROUTES_MAX];
    struct event_filter *filters[ROUTES_MAX];
    struct rule_sets *rules[ROUTES_MAX];
    char paths[ROUTES_MAX][512], ids[ROUTES_MAX][100];
};

static void
plan_destroy(struct plan *plan)
{
    struct test_plan *p = (struct test_plan *)plan;

    for (size_t i = 0; i < plan->route_count; i++) {
        event_filter_free(p->filters[i]);
        rule_sets_free(p->rules[i]);
    }
    free(p);
}

static struct test_plan *
plan_make(void)
{
    struct test_plan *p = calloc(1, sizeof *p);

    p->plan.routes = p->routes;
    p->plan.destroy = plan_destroy;
    atomic_store(&p->plan.references, 1);
    return p;
}

#define EQUALS(path, value)                                                                        \
    "[{\"rules\":[{\"propertyJPath\":\"" path "\",\"propertyType\":\"String\",\"expectedValue\":"  \
    "\"" value "\",\"operator\":\"Equals\"}]}]"

/* By id in order, as a plan has them. 'rules': NULL: all alerts. */
static struct plan_route *
plan_add(struct test_plan *p, const char *name, const char *kind, const char *value,
         const char *rules)
{
    size_t n = p->plan.route_count++;
    struct plan_route *r = &p->routes[n];
    const struct span scope = SPAN_LITERAL(SCOPE);
    struct event_filter_source source = {.source = EVENT_ALERTS};
    struct err err = {""};

    if (rules != NULL) {
        json_t *json = json_loads(rules, 0, NULL);

        CHECK(rule_sets_make(json, "t", NULL, NULL, &p->rules[n], &err) == ST_OK, "%s", err.text);
        source.rules = p->rules[n];
        json_decref(json);
    }
    CHECK(event_filter_make(&scope, 1, &source, 1, &p->filters[n], &err) == ST_OK, "%s", err.text);
    snprintf(p->ids[n], sizeof p->ids[n], "%s/%s", TENANT, name);
    snprintf(p->paths[n], sizeof p->paths[n], "%s", value);
    p->settings[n] = (struct plan_setting){"path", p->paths[n]};
    *r = (struct plan_route){
        .id = p->ids[n],
        .tenant = TENANT,
        .profile = PROFILE_BARE,
        .events = p->filters[n],
        .is_enabled = true,
        .linger_ms = 1,
        .fingerprint = 1 + n,
        .destination = {.kind = kind, .settings = &p->settings[n], .setting_count = 1}
    };
    return r;
}

static atomic_uint parked_count;

static enum status
park(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
     uint32_t row_count, uint64_t position, uint32_t row, const char *reason, struct err *err)
{
    (void)app, (void)route, (void)lane, (void)body, (void)position, (void)row, (void)reason,
        (void)err;
    atomic_fetch_add(&parked_count, row_count);
    return ST_OK;
}

static struct deliverer *
start(struct journal *j, const char *ledgers)
{
    struct deliverer *d = NULL;
    struct err err = {""};
    const struct deliver_options o = {
        .journal = j,
        .folder = ledgers,
        .park = {NULL, park},
        .now = now,
        .block_buffers = 2,
        .retry_ms_min = 2,
        .retry_ms_max = 20,
        .rest_after_ms = 5,
    };

    CHECK(deliver_start(&o, &d, &err) == ST_OK, "%s", err.text);
    return d;
}

static void
set_plan(struct deliverer *d, struct test_plan *p)
{
    struct err err = {""};

    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
}

/* Until it has all that there is, and (without hurry) rests. */
static bool
wait_for(struct deliverer *d, struct journal *j, const char *name)
{
    static struct deliver_status s;
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    char id[200];

    snprintf(id, sizeof id, "%s/%s", TENANT, name);
    do {
        if (!deliver_status_get(d, id, &s))
            return false;
        if (s.cursor == journal_extent(j).end && s.lag_rows == 0)
            return true;
        (void)journal_wait(j, UINT64_MAX, 5);
    } while (clock_monotonic_ms() < until);
    printf("%s: %s at %llu of %llu, %llu behind, %s\n", id, export_state_name(s.state),
           (unsigned long long)s.cursor, (unsigned long long)journal_extent(j).end,
           (unsigned long long)s.lag_rows, s.error);
    return false;
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

/* ---- what arrived ---- */

static unsigned seen[EVENTS_MAX], torn_lines, out_of_order, last_seen;

static int
read_file(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    if (kind != FTW_F)
        return 0;
    FILE *f = fopen(path, "r");
    char line[4096];

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned n;
        size_t size = strlen(line);

        if (sscanf(line, "{\"n\":%u,", &n) != 1 || n >= COUNT_OF(seen) ||
            strcmp(line + size - 3, "\"}\n") != 0) {
            torn_lines++;
            continue;
        }
        out_of_order += n < last_seen;
        last_seen = n;
        seen[n]++;
    }
    if (f != NULL)
        fclose(f);
    return 0;
}

/* Events [0, count) that are multiples of 'of', each once, in order; 'times' each where not once. */
static void
check_arrived(const char *folder, unsigned count, unsigned of, const char *what)
{
    unsigned missing = 0, doubled = 0, foreign = 0;

    memset(seen, 0, sizeof seen);
    torn_lines = out_of_order = last_seen = 0;
    nftw(folder, read_file, 8, FTW_PHYS);
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        bool wanted = i < count && i % of == 0;

        missing += wanted && seen[i] == 0;
        doubled += wanted && seen[i] > 1;
        foreign += !wanted && seen[i] > 0;
    }
    CHECK(missing == 0 && doubled == 0 && foreign == 0 && torn_lines == 0 && out_of_order == 0,
          "%s: of %u: %u missing, %u doubled, %u not wanted, %u torn, %u out of order", what, count,
          missing, doubled, foreign, torn_lines, out_of_order);
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

struct bed {
    struct journal *j;
    struct deliverer *d;
    char journal[300], ledgers[300], a[300], b[300], telemetry[300];
};

static void
bed_name(struct bed *b, const char *name)
{
    snprintf(b->journal, sizeof b->journal, "%s/%s-j", root, name);
    snprintf(b->ledgers, sizeof b->ledgers, "%s/%s-l", root, name);
    snprintf(b->a, sizeof b->a, "%s/%s-a", root, name);
    snprintf(b->b, sizeof b->b, "%s/%s-b", root, name);
    snprintf(b->telemetry, sizeof b->telemetry, "%s/%s-t", root, name);
}

static void
bed_open(struct bed *b, const char *name)
{
    struct err err;

    bed_name(b, name);
    b->j = open_journal(b->journal);
    b->d = start(b->j, b->ledgers);
    CHECK(folder_make(b->a, &err) == ST_OK && folder_make(b->b, &err) == ST_OK &&
              folder_make(b->telemetry, &err) == ST_OK,
          "%s", err.text);
}

static void
bed_close(struct bed *b)
{
    deliver_stop(b->d, 1000);
    journal_close(b->j);
}

/* ---- who gets what ---- */

static void
check_hub(struct bed *bed)
{
    uint64_t position = 0, rows = 0, sum = 0, sizes = 0;
    uint32_t row = 0;
    struct err err = {""};

    for (int i = 0; i < 1000; i++) {
        char *out = NULL;
        size_t size = 0;

        CHECK(deliver_hub_read(bed->d, TENANT, "events", &position, &row, 500, 0, &out, &size,
                               &rows, &err) == ST_OK,
              "%s", err.text);
        if (out == NULL && position == journal_extent(bed->j).end)
            break;
        for (char *rest = out, *line; size > 0 && rest < out + size; rest = line + 1) {
            unsigned n;

            line = memchr(rest, '\n', (size_t)(out + size - rest));
            CHECK(line != NULL && sscanf(rest, "{\"n\":%u,\"Severity\":\"High\"}", &n) == 1 &&
                      n == sum * 3,
                  "event %llu of the hub: %.40s", (unsigned long long)sum, rest);
            if (line == NULL)
                break;
            sum++;
        }
        sizes += size;
        free(out);
    }
    CHECK(sum == 100, "%llu events in the hub, %llu bytes", (unsigned long long)sum,
          (unsigned long long)sizes);
    CHECK(deliver_hub_read(bed->d, OTHER, "events", &position, &row, 500, 0, &(char *){NULL},
                           &(size_t){0}, &rows, &err) == ST_INVALID,
          "another tenant has no such hub");
    position = row = 0;
    rows = 0;
    for (int i = 0; i < 1000 && position != journal_extent(bed->j).end; i++) {
        char *out = NULL;
        size_t size = 0;

        CHECK(deliver_hub_read(bed->d, TENANT, "late", &position, &row, 500, 0, &out, &size, &rows,
                               &err) == ST_OK &&
                  out == NULL,
              "what was before an automation is not in its hub: %s", out != NULL ? out : err.text);
        free(out);
    }
}

static void
test_who(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();

    bed_open(&bed, "who");
    plan_add(p, "a-high", "folder", bed.a, EQUALS("severity", "HIGH"));
    plan_add(p, "b-all", "folder", bed.b, NULL);
    plan_add(p, "c-hub", "hub", "", EQUALS("Severity", "High"))->destination.hub = "events";
    struct plan_route *t = plan_add(p, "d-telemetry", "folder", bed.telemetry, NULL);

    t->events = NULL;
    t->all_categories = true;
    t = plan_add(p, "e-late", "hub", "", NULL);
    t->destination.hub = "late";
    t->start_ticks = INT64_MAX;
    set_plan(bed.d, p);
    for (unsigned i = 0; i < 300; i += 10) {
        append(bed.j, BLOCK_ROWS, TENANT, 10000 + i, 5);
        append(bed.j, BLOCK_EVENTS, TENANT, i, 10);
        append(bed.j, BLOCK_EVENTS, OTHER, 15000 + i, 5);
        append(bed.j, BLOCK_CONTROL, TENANT, 18000 + i, 2);
    }
    CHECK(wait_for(bed.d, bed.j, "a-high") && wait_for(bed.d, bed.j, "b-all") &&
              wait_for(bed.d, bed.j, "d-telemetry"),
          "they get through");
    check_arrived(bed.a, 300, 3, "a rule");
    check_arrived(bed.b, 300, 1, "all alerts");
    memset(seen, 0, sizeof seen);
    nftw(bed.telemetry, read_file, 8, FTW_PHYS);
    unsigned events = 0, rows = 0;

    for (unsigned i = 0; i < EVENTS_MAX; i++)
        *(i >= 10000 && i < 15000 ? &rows : &events) += seen[i];
    CHECK(rows == 150 && events == 0, "a data export got %u rows and %u events", rows, events);
    check_hub(&bed);
    bed_close(&bed);
}

/* ---- at rest ---- */

static bool
all_rest(struct deliverer *d, unsigned routes)
{
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    unsigned most = 8; /* main, the keeper, the dispatcher, those of sanitizers */

    (void)d, (void)routes;
    while (thread_count() > most && clock_monotonic_ms() < until)
        usleep(1000);
    return thread_count() <= most;
}

static void
test_rest(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();
    static struct deliver_status s;
    char id[100], filler[40];

    bed_open(&bed, "rest");
    plan_add(p, "a-high", "folder", bed.a, EQUALS("severity", "HIGH"));
    for (unsigned i = 1; i < ROUTES_MAX; i++) {
        snprintf(filler, sizeof filler, "idle-%03u", i);
        plan_add(p, filler, "folder", bed.b, EQUALS("severity", "never"));
    }
    set_plan(bed.d, p);
    CHECK(thread_count() < 20, "%u threads for %u routes that have nothing to do", thread_count(),
          ROUTES_MAX);
    /* Four times what the journal may hold: nobody at rest keeps it. */
    for (unsigned i = 0; i < 3000; i++) {
        append(bed.j, BLOCK_ROWS, TENANT, 0, 2000);
        if (i % 100 == 0)
            append(bed.j, BLOCK_EVENTS, TENANT, i / 100 * 30, 30);
        if (i % 100 == 50) {
            (void)wait_for(bed.d, bed.j, "a-high");
            CHECK(all_rest(bed.d, ROUTES_MAX), "%u threads", thread_count());
        }
        if (test_failed > 0)
            break;
    }
    snprintf(id, sizeof id, "%s/idle-007", TENANT);
    CHECK(wait_for(bed.d, bed.j, "a-high") && wait_for(bed.d, bed.j, "idle-007"),
          "all get through");
    CHECK(deliver_status_get(bed.d, id, &s) && s.state == EXPORT_IDLE && s.lag_rows == 0 &&
              s.sent_rows == 0 && s.cursor == journal_extent(bed.j).end,
          "the idle one stands at the end");
    check_arrived(bed.a, 900, 3, "woken again and again");
    deliver_stop(bed.d, 1000);

    /* A restart: nobody begins anew. */
    bed.d = start(bed.j, bed.ledgers);
    p = plan_make();
    plan_add(p, "a-high", "folder", bed.a, EQUALS("severity", "HIGH"));
    for (unsigned i = 1; i < ROUTES_MAX; i++) {
        snprintf(filler, sizeof filler, "idle-%03u", i);
        plan_add(p, filler, "folder", bed.b, EQUALS("severity", "never"));
    }
    set_plan(bed.d, p);
    CHECK(thread_count() < 20, "%u threads after a restart", thread_count());
    append(bed.j, BLOCK_EVENTS, TENANT, 900, 30);
    CHECK(wait_for(bed.d, bed.j, "a-high"), "it goes on");
    check_arrived(bed.a, 930, 3, "after a restart");
    bed_close(&bed);
}

/* ---- more than a ring holds, and destinations that are not there ---- */

/* What is being tried has not arrived: it lags, be it one event. */
static void
test_in_hand(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();
    static struct deliver_status s;
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    char id[100];

    snprintf(id, sizeof id, "%s/a", TENANT);
    bed_open(&bed, "in-hand");
    plan_add(p, "a", "folder", "/proc/no/such", NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 0, 3);
    while (deliver_status_get(bed.d, id, &s) && (s.state != EXPORT_RETRYING || s.lag_rows < 3) &&
           clock_monotonic_ms() < until)
        (void)journal_wait(bed.j, UINT64_MAX, 5);
    CHECK(s.state == EXPORT_RETRYING && s.lag_rows == 3, "state %d, %llu rows lag", (int)s.state,
          (unsigned long long)s.lag_rows);
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL)->fingerprint = 77;
    set_plan(bed.d, p);
    CHECK(wait_for(bed.d, bed.j, "a"), "it lags no more");
    bed_close(&bed);
}

static void
test_overflow(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();
    static struct deliver_status s;
    char id[100];

    snprintf(id, sizeof id, "%s/a", TENANT);
    bed_open(&bed, "overflow");
    plan_add(p, "a", "folder", "/proc/no/such", NULL);
    plan_add(p, "b", "folder", bed.b, EQUALS("severity", "HIGH"));
    set_plan(bed.d, p);
    for (unsigned i = 0; i < 6000; i += 100)
        append(bed.j, BLOCK_EVENTS, TENANT, i, 100);
    CHECK(wait_for(bed.d, bed.j, "b"), "a dead one delays nobody");
    check_arrived(bed.b, 6000, 3, "beside a dead one");
    CHECK(deliver_status_get(bed.d, id, &s) && s.lag_rows > 0 && s.lag_ms >= 0, "it lags");
    deliver_stop(bed.d, 100); /* and all that while nothing was sent */

    bed.d = start(bed.j, bed.ledgers);
    p = plan_make();
    plan_add(p, "a", "folder", "/proc/no/such", NULL);
    plan_add(p, "b", "folder", bed.b, EQUALS("severity", "HIGH"));
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 6000, 90);
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL)->fingerprint = 77;
    plan_add(p, "b", "folder", bed.b, EQUALS("severity", "HIGH"));
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 6090, 10);
    CHECK(wait_for(bed.d, bed.j, "a") && wait_for(bed.d, bed.j, "b"), "mended, it gets through");
    check_arrived(bed.a, 6100, 1, "more than a ring holds, over a restart and a change");
    check_arrived(bed.b, 6100, 3, "the other one");
    bed_close(&bed);
}

/* ---- a disk that fails now and then ---- */

static void
test_read_faults(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();

    bed_open(&bed, "faults");
    /* Windows of several blocks, so that some are collected in part when a read fails. */
    plan_add(p, "a", "folder", bed.a, NULL)->batch_rows = 100;
    plan_add(p, "b", "folder", bed.b, EQUALS("severity", "HIGH"))->batch_rows = 50;
    set_plan(bed.d, p);
    atomic_store(&reads_fail, true);
    for (unsigned i = 0; i < 6000; i += 5)
        append(bed.j, BLOCK_EVENTS, TENANT, i, 5);
    CHECK(wait_for(bed.d, bed.j, "a") && wait_for(bed.d, bed.j, "b"), "they get through");
    atomic_store(&reads_fail, false);
    CHECK(atomic_load(&read_count) > 200, "%u reads", atomic_load(&read_count));
    check_arrived(bed.a, 6000, 1, "over reads that fail");
    check_arrived(bed.b, 6000, 3, "over reads that fail");
    bed_close(&bed);
}

/* ---- changes ---- */

static void
test_changes(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();
    struct err err = {""};
    int64_t before = clock_ticks();
    const struct lane lane = {TENANT, "Alerts", "Alerts", TIME - TIME % TICKS_PER_HOUR};

    bed_open(&bed, "changes");
    plan_add(p, "a", "folder", bed.a, NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 0, 10);
    CHECK(wait_for(bed.d, bed.j, "a"), "on");
    /* Off: what comes then is not for it, over a restart and after. */
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL)->is_enabled = false;
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 1000, 10);
    deliver_stop(bed.d, 100);
    bed.d = start(bed.j, bed.ledgers);
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL)->is_enabled = false;
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 1010, 10);
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 10, 10);
    CHECK(wait_for(bed.d, bed.j, "a"), "on again");
    check_arrived(bed.a, 20, 1, "what came while it was off is not sent");
    /* A rule that changes counts from then on. */
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, EQUALS("Severity", "none"))->fingerprint = 5;
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 2000, 10);
    CHECK(wait_for(bed.d, bed.j, "a"), "other rules");
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL);
    plan_add(p, "new", "folder", bed.b, NULL)->start_ticks = clock_ticks();
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 20, 10);
    CHECK(wait_for(bed.d, bed.j, "a") && wait_for(bed.d, bed.j, "new"), "and others again");
    check_arrived(bed.a, 30, 1, "a rule counts as long as it stands");
    memset(seen, 0, sizeof seen);
    nftw(bed.b, read_file, 8, FTW_PHYS);
    CHECK(seen[20] == 1 && seen[29] == 1 && seen[0] == 0 && seen[2005] == 0,
          "a new one gets what comes from then on");
    /* Sent again: all, and one that was parked. */
    CHECK(deliver_replay(bed.d, TENANT "/new", before, &err) == ST_OK, "%s", err.text);
    static struct deliver_status s;
    int64_t until = clock_monotonic_ms() + WAIT_MS;

    do {
        CHECK(deliver_status_get(bed.d, TENANT "/new", &s), "status");
        (void)journal_wait(bed.j, UINT64_MAX, 5);
    } while (s.sent_rows != 70 && clock_monotonic_ms() < until);
    memset(seen, 0, sizeof seen);
    nftw(bed.b, read_file, 8, FTW_PHYS);
    CHECK(seen[20] == 2 && seen[0] == 1 && seen[2005] == 1 && seen[1005] == 1,
          "a replay sends all from then on: %llu", (unsigned long long)s.sent_rows);
    CHECK(all_rest(bed.d, 2), "at rest again: %u threads", thread_count());
    CHECK(deliver_resend(bed.d, TENANT "/new", &lane,
                         SPAN_LITERAL("{\"n\":777,\"Severity\":\"High\"}\n"), 1, 7, 7, WAIT_MS,
                         &err) == ST_OK,
          "%s", err.text);
    memset(seen, 0, sizeof seen);
    nftw(bed.b, read_file, 8, FTW_PHYS);
    CHECK(seen[777] == 1, "what was parked is sent though it rests");
    bed_close(&bed);
}

static void
test_backlog_off(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();

    bed_open(&bed, "backlog");
    plan_add(p, "a", "folder", "/proc/no/such", NULL);
    plan_add(p, "b", "folder", bed.b, NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 0, 10);
    CHECK(wait_for(bed.d, bed.j, "b"), "the other one");
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL)->is_enabled = false;
    plan_add(p, "b", "folder", bed.b, NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 1000, 10);
    CHECK(wait_for(bed.d, bed.j, "b"), "the other one");
    p = plan_make();
    plan_add(p, "a", "folder", bed.a, NULL);
    plan_add(p, "b", "folder", bed.b, NULL);
    set_plan(bed.d, p);
    append(bed.j, BLOCK_EVENTS, TENANT, 10, 10);
    CHECK(wait_for(bed.d, bed.j, "a"), "mended and on again");
    check_arrived(bed.a, 20, 1, "what it owed is sent, what came while it was off is not");
    bed_close(&bed);
}

/* ---- shapes, and what cannot be read ---- */

static bool
file_holds(const char *folder, const char *category, const char *text)
{
    char command[1200];

    snprintf(command, sizeof command, "grep -rqF -e '%s' '%s' 2>/dev/null", text, folder);
    (void)category;
    return system(command) == 0;
}

static void
append_broken(struct journal *j)
{
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    static const char body[] =
        "{\"n\":1,}\n{\"n\":3,\"Severity\":\"High\",\"SystemAlertId\":\"7\"}\n";
    uint64_t position;
    uint16_t stream = 0, scope = 0;

    CHECK(block_builder_init(&b, &a, 2, &err) == ST_OK, "%s", err.text);
    CHECK(block_string_index(&b, SPAN_LITERAL(SCOPE), &scope) == ST_OK &&
              block_stream_index(&b, SPAN_LITERAL(TENANT), SPAN_LITERAL("Alerts"),
                                 SPAN_LITERAL("Alerts"), &stream) == ST_OK,
          "names");
    b.head.kind = BLOCK_EVENTS;
    for (int i = 0; i < 2; i++) {
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = i == 0 ? 0 : 9;
        row->size = row->properties_size = i == 0 ? 8 : sizeof body - 11;
        row->group = scope;
        row->stream = stream;
    }
    char *image = arena_take(&a, 1 << 20);

    CHECK(block_seal(&b, sizeof body - 1, clock_ticks(), clock_ticks(), image, 1 << 20, &index,
                     &err) == ST_OK &&
              journal_append(j, index, (struct span){body, sizeof body - 1}, &position, &err) ==
                  ST_OK,
          "%s", err.text);
}

static void
test_shapes(void)
{
    struct bed bed;
    struct test_plan *p = plan_make();

    bed_open(&bed, "shapes");
    atomic_store(&parked_count, 0);
    struct plan_route *r = plan_add(p, "a", "folder", bed.a, NULL);

    r->event_shape = EVENT_ROW;
    r->workspace = "security-workspace";
    plan_add(p, "b", "folder", bed.b, NULL);
    set_plan(bed.d, p);
    append_broken(bed.j);
    CHECK(wait_for(bed.d, bed.j, "a") && wait_for(bed.d, bed.j, "b"), "they get through");
    CHECK(atomic_load(&parked_count) == 1, "%u parked", atomic_load(&parked_count));
    CHECK(file_holds(bed.a, "", "\"AlertSeverity\":\"High\"") && !file_holds(bed.a, "", "\"n\":3"),
          "a row of the workspace's table");
    CHECK(file_holds(bed.b, "", "{\"n\":3,\"Severity\":\"High\",\"SystemAlertId\":\"7\"}"),
          "the bare document");
    bed_close(&bed);
}

/* ---- killed at any moment ---- */

static void
child(struct bed *bed, unsigned first)
{
    struct test_plan *p = plan_make();
    char filler[40];

    bed->j = open_journal(bed->journal);
    bed->d = start(bed->j, bed->ledgers);
    plan_add(p, "a", "folder", bed->a, NULL);
    plan_add(p, "b", "folder", bed->b, EQUALS("severity", "HIGH"));
    for (unsigned i = 0; i < 20; i++) {
        snprintf(filler, sizeof filler, "idle-%03u", i);
        plan_add(p, filler, "folder", "/proc/no/such", EQUALS("severity", "never"));
    }
    set_plan(bed->d, p);
    for (unsigned i = first;; i += 10) {
        append(bed->j, BLOCK_ROWS, TENANT, 0, 100);
        append(bed->j, BLOCK_EVENTS, TENANT, i, 10);
        if (i % 50 == 0)
            usleep(8000); /* long enough to rest now and then */
        printf("%u\n", i + 10);
        fflush(stdout);
        if (i + 20 > EVENTS_MAX)
            pause();
    }
}

static void
test_kills(void)
{
    struct bed bed;
    unsigned acknowledged = 0;
    struct err err;

    bed_name(&bed, "kills");
    CHECK(folder_make(bed.a, &err) == ST_OK && folder_make(bed.b, &err) == ST_OK, "folders");
    for (unsigned k = 0; k < KILLS; k++) {
        int pipe_fds[2];
        char line[40];
        unsigned want = acknowledged + 100 + k * 37 % 400;

        CHECK(pipe(pipe_fds) == 0, "pipe");
        fflush(stdout);
        pid_t pid = fork();

        if (pid == 0) {
            dup2(pipe_fds[1], 1);
            close(pipe_fds[0]);
            child(&bed, acknowledged);
            _exit(0);
        }
        close(pipe_fds[1]);
        FILE *f = fdopen(pipe_fds[0], "r");

        while (acknowledged < want && fgets(line, sizeof line, f) != NULL)
            acknowledged = (unsigned)atoi(line);
        kill(pid, SIGKILL);
        /* What it appended before it could say so counts as well. */
        while (fgets(line, sizeof line, f) != NULL)
            acknowledged = (unsigned)atoi(line);
        fclose(f);
        waitpid(pid, NULL, 0);
        /* One more may be in the journal without having been told. */
        bed.j = open_journal(bed.journal);
        uint64_t at = 0, next = 0;
        struct journal_buffer *buffer;
        struct journal_gap gap;
        struct block block;
        unsigned last = 0;

        CHECK(journal_buffer_make(&buffer, &err) == ST_OK, "buffer");
        for (uint64_t position = 0;
             journal_read(bed.j, position, buffer, &block, &at, &next, &gap, &err) == ST_OK;
             position = next) {
            unsigned n;

            if (block.head->kind == BLOCK_EVENTS &&
                sscanf(block.body.p + block.rows[block.head->row_count - 1].at, "{\"n\":%u,", &n) ==
                    1)
                last = n + 1;
        }
        journal_buffer_free(buffer);
        journal_close(bed.j);
        CHECK(last >= acknowledged, "the journal ends at %u of %u", last, acknowledged);
        acknowledged = last;
    }
    bed.j = open_journal(bed.journal);
    bed.d = start(bed.j, bed.ledgers);
    struct test_plan *p = plan_make();

    plan_add(p, "a", "folder", bed.a, NULL);
    plan_add(p, "b", "folder", bed.b, EQUALS("severity", "HIGH"));
    set_plan(bed.d, p);
    CHECK(wait_for(bed.d, bed.j, "a") && wait_for(bed.d, bed.j, "b"), "the rest");
    check_arrived(bed.a, acknowledged, 1, "killed at any moment: all");
    check_arrived(bed.b, acknowledged, 3, "killed at any moment: some");
    bed_close(&bed);
}

int
main(void)
{
    snprintf(root, sizeof root, "%s/penstock_events.XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(mkdtemp(root) != NULL, "mkdtemp");
    test_who();
    test_rest();
    test_in_hand();
    test_overflow();
    test_read_faults();
    test_changes();
    test_backlog_off();
    test_shapes();
    test_kills();
    if (test_failed == 0)
        nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
