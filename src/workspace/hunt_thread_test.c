/* hunt_thread_test.c - many queries of one workspace at once, beside a sink that fills it: each sees its tenant's rows alone, whoever
 * asks most does not keep others out, and what is cancelled or late ends soon, wherever it is. */
#include "workspace/hunt_bed.h"
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 12, SOON_MS = 5000 };

static struct workspace *w;
static const char *const one[] = {ONE};
static const char *const two[] = {TWO};

/* Rows of which each says whose it is. */
static void
fill(const char *tenant, const char *name, unsigned count)
{
    static char body[1 << 20];
    size_t at = 0;

    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(body + at, sizeof body - at,
                               "{\"Timestamp\":\"2026-03-01T10:%02u:00Z\",\"DeviceName\":\"%s\","
                               "\"Port\":%u,\"Fields\":{\"p\":%u}}\n",
                               i % 60, name, i % 100, i);
    bed_write(w, tenant, "DeviceEvents", body, count);
}

/* ---- queries at once ---- */

static const char *const queries[] = {
    "DeviceEvents | summarize count() by DeviceName",
    "DeviceEvents | where DeviceName has 'e' | distinct DeviceName",
    "DeviceEvents | join kind=inner (DeviceEvents | where Port == 7) on Port | distinct DeviceName",
    "DeviceEvents | top 5 by Port | project DeviceName",
    "DeviceEvents | extend p = tolong(Fields.p) | where p % 3 == 0 | summarize "
    "take_any(DeviceName)",
    "union * | summarize make_set(DeviceName)",
    "DeviceEvents | where strcat(DeviceName, 'x') endswith 'x' | summarize max(strlen(DeviceName))",
    "search 'mine' | take 3 | project DeviceName",
    "let m = toscalar(DeviceEvents | summarize max(Port)); DeviceEvents | where Port == m | "
    "summarize by strcat(DeviceName, tostring(m))",
    "DeviceEvents | partition by Port (take 1) | summarize count() by DeviceName",
    "DeviceEvents | where hash(DeviceName, 3) >= 0 and rand() >= 0.0 | summarize percentile(Port, "
    "50) "
    "by DeviceName",
};

struct asker {
    pthread_t thread;
    unsigned number;
    unsigned done, wrong;
    char why[400];
};

static void *
ask(void *context)
{
    struct asker *a = context;
    bool is_one = a->number % 2 == 0;
    char text[4096];

    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *query = queries[(i + a->number) % COUNT_OF(queries)];
        struct hunt_request r = bed_request(query, is_one ? one : two, 1);
        struct err err = {""};
        struct hunt h;

        r.engine = i % 3 == 0 ? HUNT_ROWS_ONLY : HUNT_BEST;
        r.explains = i % 5 == 0;
        if (hunt_run(w, &r, &h, &err) == ST_OK) {
            bed_print(&h, text, sizeof text);
            a->done++;
        } else {
            snprintf(text, sizeof text, "%s", err.text);
        }
        if (h.outcome != HUNT_DONE || strstr(text, is_one ? "theirs" : "mine") != NULL ||
            h.rejected.text[0] != '\0') {
            a->wrong++;
            snprintf(a->why, sizeof a->why, "%s: %.200s %.100s", query, text, h.rejected.text);
        }
        hunt_end(&h);
    }
    return NULL;
}

static void
test_many(void)
{
    struct asker askers[THREADS] = {0};
    struct hunt_seats_state seats;

    for (unsigned i = 0; i < THREADS; i++) {
        askers[i].number = i;
        CHECK(pthread_create(&askers[i].thread, NULL, ask, &askers[i]) == 0, "a thread");
    }
    for (unsigned i = 0; i < 20; i++) {
        fill(ONE, "mine", 50);
        fill(TWO, "theirs", 50);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(askers[i].thread, NULL);
        CHECK(askers[i].done == ROUNDS && askers[i].wrong == 0, "asker %u: %u done, %u wrong: %s",
              i, askers[i].done, askers[i].wrong, askers[i].why);
    }
    hunt_seats_look(w, &seats);
    CHECK(seats.running == 0 && seats.waiting == 0 && seats.refused == 0 && seats.rejected == 0 &&
              seats.given >= THREADS * ROUNDS,
          "seats: %u running, %u waiting, %llu given", seats.running, seats.waiting,
          (unsigned long long)seats.given);
}

/* ---- ends ---- */

/* Each would go on for minutes: in the row engine, in DuckDB itself, and in functions of ours inside DuckDB. */
static const struct {
    const char *name, *text;
    enum hunt_engine engine;
} endless[] = {
    {"the row engine",
     "range i from 1 to 100000000 step 1 | where i % 2 == 0 | summarize max(hash(i))",             HUNT_ROWS_ONLY},
    {"rows over rows of a table",
     "DeviceEvents | extend one = 1 | join kind=inner (DeviceEvents | extend one = 1) on one | "
     "join "
     "kind=inner (DeviceEvents | extend one = 1) on one | where Port + Port1 + Port2 < 0 | count", HUNT_ROWS_ONLY},
    {"DuckDB",
     "DeviceEvents | extend one = 1 | join kind=inner (DeviceEvents | extend one = 1) on one | "
     "join "
     "kind=inner (DeviceEvents | extend one = 1) on one | join kind=inner (DeviceEvents | extend "
     "one "
     "= 1) on one | where Port + Port1 + Port2 + Port3 < 0 | count",                               HUNT_BEST     },
    {"functions inside DuckDB",
     "DeviceEvents | extend one = 1 | join kind=inner (DeviceEvents | extend one = 1) on one | "
     "join "
     "kind=inner (DeviceEvents | extend one = 1) on one | where hash_sha256(strcat(Port, Port1, "
     "Port2, DeviceName)) == 'x' | count",                                                         HUNT_BEST     },
};

struct ending {
    struct hunt_request request;
    enum hunt_outcome outcome;
    int64_t ms;
    struct err err;
};

static void *
run_ending(void *context)
{
    struct ending *e = context;
    int64_t begun = clock_monotonic_ms();
    struct hunt h;

    if (hunt_run(w, &e->request, &h, &e->err) == ST_OK)
        e->err.text[0] = '\0';
    e->outcome = h.outcome;
    hunt_end(&h);
    e->ms = clock_monotonic_ms() - begun;
    return NULL;
}

static unsigned
running(void)
{
    struct hunt_seats_state seats;

    hunt_seats_look(w, &seats);
    return seats.running;
}

static void
test_ends(void)
{
    for (size_t i = 0; i < COUNT_OF(endless); i++) {
        _Atomic bool cancelled = false;
        struct ending e = {.request = bed_request(endless[i].text, one, 1)};
        pthread_t thread;
        int64_t begun;

        e.request.engine = endless[i].engine;
        e.request.cancelled = &cancelled;
        CHECK(pthread_create(&thread, NULL, run_ending, &e) == 0, "a thread");
        begun = clock_monotonic_ms();
        while (running() == 0 || clock_monotonic_ms() < begun + 50)
            sched_yield(); /* until it is in the midst of it */
        atomic_store(&cancelled, true);
        pthread_join(thread, NULL);
        CHECK(e.outcome == HUNT_CANCELLED && e.ms < SOON_MS,
              "%s, cancelled: outcome %d after %lld ms: %s", endless[i].name, e.outcome,
              (long long)e.ms, e.err.text);
        e.request.cancelled = NULL;
        e.request.limits.time_ms = 50;
        run_ending(&e);
        CHECK(e.outcome == HUNT_LATE && e.ms < SOON_MS, "%s, late: outcome %d after %lld ms: %s",
              endless[i].name, e.outcome, (long long)e.ms, e.err.text);
    }
}

/* ---- seats ---- */

/* While a tenant has as many queries as it can, another's runs at once; a third that finds no seat is told. */
static void
test_seats(void)
{
    static const char *const three[] = {THREE};
    _Atomic bool cancelled = false;
    struct ending hogs[6], quick = {.request = bed_request("print 1", two, 1)}, last;
    pthread_t threads[6];
    struct hunt_seats_state seats;

    hunt_seats_use(w, 4);
    for (unsigned i = 0; i < COUNT_OF(hogs); i++) {
        hogs[i] = (struct ending){.request = bed_request(endless[0].text, one, 1)};
        hogs[i].request.engine = HUNT_ROWS_ONLY;
        hogs[i].request.cancelled = &cancelled;
        CHECK(pthread_create(&threads[i], NULL, run_ending, &hogs[i]) == 0, "a thread");
    }
    do
        hunt_seats_look(w, &seats);
    while (seats.running + seats.waiting < COUNT_OF(hogs));
    CHECK(seats.running == 3 && seats.waiting == 3, "all seats but one: %u run, %u wait",
          seats.running, seats.waiting);
    run_ending(&quick);
    CHECK(quick.outcome == HUNT_DONE && quick.ms < SOON_MS, "another tenant: %d after %lld ms",
          quick.outcome, (long long)quick.ms);
    hunt_seats_use(w, 2);
    last = (struct ending){.request = bed_request("print 1", three, 1)};
    last.request.limits.time_ms = 50;
    run_ending(&last);
    CHECK(last.outcome == HUNT_BUSY && strstr(last.err.text, "ask again later") != NULL,
          "no seat: %d: %s", last.outcome, last.err.text);
    hunt_seats_look(w, &seats);
    CHECK(seats.refused == 1, "%llu refused", (unsigned long long)seats.refused);
    atomic_store(&cancelled, true);
    for (unsigned i = 0; i < COUNT_OF(hogs); i++) {
        pthread_join(threads[i], NULL);
        CHECK(hogs[i].outcome == HUNT_CANCELLED, "hog %u: %d: %s", i, hogs[i].outcome,
              hogs[i].err.text);
    }
    hunt_seats_look(w, &seats);
    CHECK(seats.running == 0 && seats.waiting == 0, "%u run, %u wait", seats.running,
          seats.waiting);
    hunt_seats_use(w, 4);
}

/* Two that ask at a time have half of the seats each, whoever was first. */
static void
test_halves(void)
{
    static const char *const *const tenants[] = {one, two};
    _Atomic bool cancelled[2] = {false, false};
    struct ending hogs[12];
    pthread_t threads[12];
    struct hunt_seats_state seats;

    hunt_seats_use(w, 4);
    for (unsigned i = 0; i < COUNT_OF(hogs); i++) {
        hogs[i] = (struct ending){.request = bed_request(endless[0].text, tenants[i / 6], 1)};
        hogs[i].request.engine = HUNT_ROWS_ONLY;
        hogs[i].request.cancelled = &cancelled[i / 6];
        CHECK(pthread_create(&threads[i], NULL, run_ending, &hogs[i]) == 0, "a thread");
        do
            hunt_seats_look(w, &seats);
        while (seats.running + seats.waiting < i + 1);
    }
    CHECK(seats.running == 4 && seats.waiting == 8, "three and one: %u run, %u wait", seats.running,
          seats.waiting);
    atomic_store(&cancelled[0], true);
    do
        hunt_seats_look(w, &seats);
    while (seats.running + seats.waiting > 6 || seats.running < 3);
    CHECK(seats.running == 3 && seats.waiting == 3, "then it is alone: %u run, %u wait",
          seats.running, seats.waiting);
    atomic_store(&cancelled[1], true);
    for (unsigned i = 0; i < COUNT_OF(hogs); i++) {
        pthread_join(threads[i], NULL);
        CHECK(hogs[i].outcome == HUNT_CANCELLED, "hog %u: %d: %s", i, hogs[i].outcome,
              hogs[i].err.text);
    }
}

int
main(void)
{
    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    w = bed_open_with(&bed_catalog);
    fill(ONE, "mine", 1000);
    fill(TWO, "theirs", 1000);
    test_many();
    test_ends();
    test_seats();
    test_halves();
    workspace_close(w);
    bed_remove();
    return test_end();
}
