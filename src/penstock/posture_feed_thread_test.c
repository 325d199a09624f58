/* posture_feed_thread_test.c - from a report to the journal, with reporters side by side, a full journal, and
 * kill -9 at any moment: each change is in the journal exactly once.
 *
 * The kill rounds fork before any thread is made: the child opens posture and journal, feeds, and reports
 * new states as fast as it can, telling the parent what was acknowledged; the parent kills it. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "penstock/posture_feed.h"
#include "posture/json_text.h"
#include "wire/json_walk.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

enum { RESOURCES = 40, ROUNDS = 30, REPORTERS = 4 };

static char folder[300];
static _Atomic int64_t later; /* ticks that the clock is ahead */

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks() + atomic_load(&later);
}

/* ---- a life ---- */

struct life {
    struct posture *posture;
    struct journal *journal;
    _Atomic(struct posture_feed *) feed;
};

static void
rang(void *app)
{
    posture_feed_ring(atomic_load(&((struct life *)app)->feed));
}

static void
must(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    printf("cannot: %s\n", err->text);
    exit(1);
}

static void
live(struct life *l, bool is_fed)
{
    char path[400], journal[400];
    struct journal_recovery found;
    struct posture_feed *feed;
    struct err err;

    snprintf(path, sizeof path, "%s/posture.db", folder);
    snprintf(journal, sizeof journal, "%s/journal", folder);
    const struct posture_options o = {.path = path,
                                      .cache_size = 4 << 20,
                                      .now = now,
                                      .rang = rang,
                                      .app = l,
                                      .snapshot_interval = -1};
    const struct journal_options j = {.folder = journal,
                                      .segment_size = 16 << 20,
                                      .size_max = 256 << 20,
                                      .sync = true,
                                      .now = now};

    atomic_store(&l->feed, NULL);
    must(posture_open(&o, &l->posture, &err), &err);
    must(journal_open(&j, &l->journal, &found, &err), &err);
    journal_floor_set(l->journal, "test", 0, false);
    if (!is_fed)
        return;
    const struct posture_feed_options f = {
        .posture = l->posture, .journal = l->journal, .now = now, .rows_max = 16};

    must(posture_feed_start(&f, &feed, &err), &err);
    atomic_store(&l->feed, feed);
}

static void
die(struct life *l)
{
    posture_feed_stop(atomic_load(&l->feed));
    journal_close(l->journal);
    posture_close(l->posture);
}

/* Resource 'n' is in its 'step'th state: every step differs, every second one in its code too. */
static enum status
report(struct posture *p, int n, int step, struct err *err)
{
    char id[300], body[200];
    struct posture_result r;

    snprintf(id, sizeof id,
             SUB "/resourceGroups/rg/providers/A.B/c/%d/providers/Microsoft.Security/"
                 "assessments/k",
             n);
    snprintf(body, sizeof body,
             "{\"properties\":{\"status\":{\"code\":\"%s\"},\"additionalData\":{\"step\":%d}}}",
             step % 2 == 0 ? "Healthy" : "Unhealthy", step);
    const struct posture_item item = {span_of(id), span_of(body), false};

    return posture_apply(p, TENANT, "test", &item, 1, &r, err);
}

/* ---- what the journal holds ---- */

struct tally {
    int last[RESOURCES]; /* step of the last event; -1: none */
    uint64_t count;
    int faults;
    char text[200];
};

static void
count_block(void *app, uint64_t position, const struct block *b, const struct journal_gap *gap)
{
    struct tally *t = app;

    (void)position;
    if (gap != NULL || b->head->kind != BLOCK_EVENTS)
        return;
    for (uint32_t i = 0; i < b->head->row_count; i++) {
        const struct block_row *row = &b->rows[i];
        struct span doc = {b->body.p + row->at, row->size};
        struct span step = json_at(doc, "properties.additionalData.step");
        struct span id = json_at(doc, "id");
        const char *c = id.n > 0 ? strstr(id.p, "/c/") : NULL;
        int n = c != NULL ? atoi(c + 3) : -1, s = step.n > 0 ? atoi(step.p) : -1;

        t->count++;
        if (n < 0 || n >= RESOURCES || s != t->last[n] + 1) {
            t->faults++;
            snprintf(t->text, sizeof t->text, "resource %d: step %d behind %d", n, s,
                     n >= 0 && n < RESOURCES ? t->last[n] : -2);
        }
        if (n >= 0 && n < RESOURCES)
            t->last[n] = s;
        if (!span_is(block_string(b, row->group), SUB "/resourcegroups/rg")) {
            t->faults++;
            snprintf(t->text, sizeof t->text, "the scope is wrong");
        }
        if (strcmp(b->streams[row->stream].table, "Assessments") != 0 ||
            strcmp(b->streams[row->stream].tenant, TENANT) != 0)
            t->faults++;
    }
}

static struct tally
tally(void)
{
    struct tally t = {.count = 0};
    struct journal_check result;
    char path[400];
    struct err err;

    memset(t.last, -1, sizeof t.last);
    snprintf(path, sizeof path, "%s/journal", folder);
    must(journal_inspect(path, 0, 0, true, count_block, &t, &result, &err), &err);
    return t;
}

/* ---- kill rounds ---- */

/* Goes on where the state says it stands; writes each acknowledged (resource, step) to 'fd'. */
static void
child(int fd)
{
    struct life l = {0};
    int step[RESOURCES];

    live(&l, true);
    for (int n = 0; n < RESOURCES; n++) {
        char id[300], *text;
        size_t size;
        struct err err;

        snprintf(id, sizeof id,
                 SUB "/resourceGroups/rg/providers/A.B/c/%d/providers/Microsoft.Security/"
                     "assessments/k",
                 n);
        enum status st = posture_get(l.posture, TENANT, span_of(id), false, &text, &size, &err);

        step[n] = -1;
        if (st == ST_OK) {
            step[n] = atoi(json_at((struct span){text, size}, "properties.additionalData.step").p);
            free(text);
        } else if (st != ST_END) {
            must(st, &err);
        }
    }
    for (int i = 0;; i++) {
        int told[2] = {i % RESOURCES, ++step[i % RESOURCES]};
        struct err err;

        must(report(l.posture, told[0], told[1], &err), &err);
        if (write(fd, told, sizeof told) != sizeof told)
            exit(1);
    }
}

static void
test_kills(void)
{
    int acknowledged[RESOURCES];
    unsigned seed = (unsigned)time(NULL);

    memset(acknowledged, -1, sizeof acknowledged);
    printf("seed %u\n", seed);
    fflush(stdout);
    for (int round = 0; round < ROUNDS; round++) {
        int fds[2], told[2], status;
        long limit = 5 + rand_r(&seed) % 60;

        if (pipe(fds) != 0)
            exit(1);
        pid_t pid = fork();

        if (pid == 0) {
            close(fds[0]);
            child(fds[1]);
        }
        close(fds[1]);
        /* so many acknowledgements in, and a moment of chance behind them: the end may hit anything */
        for (long i = 0; i < limit && read(fds[0], told, sizeof told) == sizeof told; i++)
            acknowledged[told[0]] = told[1];
        struct timespec moment = {0, rand_r(&seed) % 3000000};

        nanosleep(&moment, NULL);
        kill(pid, SIGKILL);
        while (read(fds[0], told, sizeof told) == sizeof told)
            acknowledged[told[0]] = told[1];
        close(fds[0]);
        waitpid(pid, &status, 0);
        CHECK(WIFSIGNALED(status), "round %d: the child ended by itself", round);
    }
    struct life l = {0};

    live(&l, true);
    die(&l); /* feeds what is left */

    struct tally t = tally();
    int missing = 0, beyond = 0;

    for (int n = 0; n < RESOURCES; n++) {
        missing += t.last[n] < acknowledged[n];
        beyond += t.last[n] > acknowledged[n] + ROUNDS;
    }
    CHECK(t.faults == 0, "%d events lost, twice or out of order: %s", t.faults, t.text);
    CHECK(missing == 0, "%d resources miss acknowledged changes", missing);
    CHECK(beyond == 0, "%d resources hold more than was reported", beyond);
    CHECK(t.count > (uint64_t)ROUNDS * 5, "only %llu events", (unsigned long long)t.count);
}

/* ---- between the append and the drop ---- */

static void
copy_event(void *app, const struct posture_event *e)
{
    text_add(app, e->document);
}

/* A block that is in the journal while its events are still in the outbox is not sent again, also when the
 * daemon comes back days later, when the journal remembers no ids any more. */
static void
test_append_without_drop(int64_t pause)
{
    struct life l = {0};
    struct err err;
    char from[400], to[400], *text;
    size_t size;
    struct text outbox = {0};
    uint64_t last;

    live(&l, false);
    for (int n = 0; n < 20; n++)
        must(report(l.posture, n, tally().last[n] + 1, &err), &err);
    must(posture_outbox_read(l.posture, 1000, SIZE_MAX, copy_event, &outbox, &last, &err), &err);
    CHECK(outbox.n > 0, "events wait");
    die(&l);
    /* the state before the feed, kept; then the feed; then the state as if its drops had not been */
    snprintf(from, sizeof from, "%s/posture.db", folder);
    snprintf(to, sizeof to, "%s/posture.before", folder);
    must(file_read(from, 1 << 30, &text, &size, &err), &err);
    must(file_replace(to, (struct span){text, size}, 0600, &err), &err);
    free(text);
    live(&l, true);
    die(&l);
    struct tally once = tally();

    CHECK(once.faults == 0, "%s", once.text);
    must(file_read(to, 1 << 30, &text, &size, &err), &err);
    must(file_replace(from, (struct span){text, size}, 0600, &err), &err);
    free(text);
    atomic_fetch_add(&later, pause);
    live(&l, true);
    die(&l);
    struct tally twice = tally();

    CHECK(twice.faults == 0 && twice.count == once.count, "%llu events became %llu",
          (unsigned long long)once.count, (unsigned long long)twice.count);
    live(&l, false);
    must(posture_outbox_read(l.posture, 1000, SIZE_MAX, copy_event, &outbox, &last, &err), &err);
    CHECK(last == 0, "and they have left the outbox");
    die(&l);
    text_free(&outbox);
}

/* ---- side by side ---- */

struct reporter {
    struct life *life;
    int from, to, first[RESOURCES];
};

static void *
report_thread(void *app)
{
    struct reporter *r = app;
    struct err err;

    for (int step = 0; step < 10; step++)
        for (int n = r->from; n < r->to; n++) {
            must(report(r->life->posture, n, r->first[n] + step, &err), &err);
            must(report(r->life->posture, n, r->first[n] + step, &err), &err); /* unchanged */
        }
    return NULL;
}

static void
test_side_by_side(void)
{
    struct life l = {0};
    struct reporter r[REPORTERS];
    pthread_t threads[REPORTERS];
    struct tally before = tally();
    struct posture_counts counts;

    live(&l, true);
    for (int i = 0; i < REPORTERS; i++) {
        r[i] = (struct reporter){
            &l, i * (RESOURCES / REPORTERS), (i + 1) * (RESOURCES / REPORTERS), {0}};
        for (int n = 0; n < RESOURCES; n++)
            r[i].first[n] = before.last[n] + 1;
        pthread_create(&threads[i], NULL, report_thread, &r[i]);
    }
    for (int i = 0; i < 50; i++) {
        char *text, trouble[400];

        posture_counts(l.posture, TENANT, &counts);
        text = posture_feed_status_json(atomic_load(&l.feed));
        CHECK(text != NULL && strncmp(text, "\"posture\":{", 11) == 0, "status");
        free(text);
        posture_feed_count(atomic_load(&l.feed));
        CHECK(posture_feed_is_healthy(atomic_load(&l.feed), trouble, sizeof trouble), "%s",
              trouble);
    }
    for (int i = 0; i < REPORTERS; i++)
        pthread_join(threads[i], NULL);
    posture_counts(l.posture, TENANT, &counts);
    CHECK(counts.unchanged == 10 * RESOURCES && counts.changed == 10 * RESOURCES,
          "%llu unchanged, %llu changed", (unsigned long long)counts.unchanged,
          (unsigned long long)counts.changed);
    die(&l);
    struct tally t = tally();

    CHECK(t.faults == 0, "%s", t.text);
    CHECK(t.count == before.count + 10 * RESOURCES, "%llu events",
          (unsigned long long)(t.count - before.count));
}

/* ---- a full journal ---- */

struct steps {
    int last;
    uint64_t count;
    int faults;
};

static void
count_large(void *app, uint64_t position, const struct block *b, const struct journal_gap *gap)
{
    struct steps *s = app;

    (void)position;
    for (uint32_t i = 0; gap == NULL && i < b->head->row_count; i++) {
        struct span doc = {b->body.p + b->rows[i].at, b->rows[i].size};
        struct span name = json_at(doc, "properties.displayName");
        int step = name.n > 0 ? atoi(name.p + 1) : -1;

        s->faults += s->count > 0 && step != s->last + 1;
        s->last = step;
        s->count++;
    }
}

/* One resource of about 300 KB in its next state. */
static enum status
report_large(struct posture *p, int step, struct err *err)
{
    static char body[300000];
    int n = snprintf(body, sizeof body,
                     "{\"properties\":{\"displayName\":\"%d\",\"status\":{\"code\":"
                     "\"Healthy\",\"description\":\"",
                     step);
    struct posture_result r;
    const struct posture_item item = {
        SPAN_LITERAL(SUB "/providers/Microsoft.Security/assessments/large"),
        {body, sizeof body},
        false
    };

    memset(body + n, 'x', sizeof body - (size_t)n);
    memcpy(body + sizeof body - 4, "\"}}}", 4);
    return posture_apply(p, TENANT, "test", &item, 1, &r, err);
}

static bool
waits(struct posture_feed *feed)
{
    char *text = posture_feed_status_json(feed);
    bool is_so = text != NULL && strstr(text, "\"waitsBecause\":\"the journal's quota") != NULL;

    free(text);
    return is_so;
}

/* The journal takes nothing: the outbox fills, then reports are told to come again; and all that was
 * taken arrives once there is room. */
static void
test_full(void)
{
    char path[400], journal[400], trouble[400];
    struct life l = {0};
    struct journal_recovery found;
    struct journal_check result;
    struct posture_counts counts;
    struct posture_feed *feed;
    struct steps s = {0};
    struct err err;
    int step = 0;
    enum status st = ST_OK;

    snprintf(path, sizeof path, "%s/full.db", folder);
    snprintf(journal, sizeof journal, "%s/full", folder);
    const struct posture_options o = {.path = path,
                                      .cache_size = 8 << 20,
                                      .now = now,
                                      .rang = rang,
                                      .app = &l,
                                      .snapshot_interval = -1,
                                      .outbox_size_max = 8 << 20};
    const struct journal_options j = {.folder = journal,
                                      .segment_size = 16 << 20,
                                      .size_max = 64 << 20,
                                      .sync = false,
                                      .now = now};

    must(posture_open(&o, &l.posture, &err), &err);
    must(journal_open(&j, &l.journal, &found, &err), &err);
    journal_floor_set(l.journal, "test", 0, false);
    const struct posture_feed_options f = {.posture = l.posture, .journal = l.journal, .now = now};

    must(posture_feed_start(&f, &feed, &err), &err);
    atomic_store(&l.feed, feed);
    /* Full for good is when it is so for longer than the feed's next try takes. */
    for (int refused = 0; step < 2000 && refused < 3;) {
        struct timespec wait = {0, 100000000};

        st = report_large(l.posture, step, &err);
        refused = st == ST_FULL ? refused + 1 : 0;
        step += st == ST_OK;
        if (st == ST_FULL && !waits(feed)) {
            refused = 0;
            nanosleep(&wait, NULL); /* it only lags */
        }
    }
    CHECK(st == ST_FULL && strstr(err.text, "wait to be exported") != NULL, "%d: %s", st, err.text);
    CHECK(waits(feed), "it says why");
    CHECK(posture_feed_is_healthy(feed, trouble, sizeof trouble), "that is no fault: %s", trouble);
    posture_counts(l.posture, NULL, &counts);
    CHECK(counts.outbox_size >= 8 << 20 && counts.outbox_size < 9 << 20, "%llu bytes wait",
          (unsigned long long)counts.outbox_size);
    /* a reader has all that is there */
    must(journal_inspect(journal, 0, 0, true, count_large, &s, &result, &err), &err);
    journal_floor_set(l.journal, "test", journal_extent(l.journal).end, false);
    journal_retain(l.journal);
    posture_feed_stop(feed); /* a last try: now there is room */
    posture_counts(l.posture, NULL, &counts);
    CHECK(counts.outbox == 0, "%llu events still wait", (unsigned long long)counts.outbox);
    struct steps rest = {0};
    uint64_t from = result.extent.end;

    must(journal_inspect(journal, from, 0, true, count_large, &rest, &result, &err), &err);
    CHECK(s.faults == 0 && rest.faults == 0 && s.count > 0 && rest.count > 0, "in order");
    CHECK(s.last + 1 == step - (int)rest.count && rest.last == step - 1 &&
              s.count + rest.count == (uint64_t)step,
          "%d reports, %llu and %llu events", step, (unsigned long long)s.count,
          (unsigned long long)rest.count);
    atomic_store(&l.feed, NULL);
    CHECK(report_large(l.posture, step, &err) == ST_OK, "and reports are taken again: %s",
          err.text);
    journal_close(l.journal);
    posture_close(l.posture);
}

/* ---- what is asked for ---- */

static void
test_wants(void)
{
    struct posture_wants *w = NULL;
    struct event_filter *some = NULL;
    const struct event_filter_source sources[] = {
        {EVENT_ASSESSMENTS, NULL},
        {EVENT_ALERTS,      NULL}
    };
    const struct span scope = SPAN_LITERAL(SUB);
    struct err err;

    must(posture_wants_make(&w, &err), &err);
    CHECK(!posture_is_asked_for(w, TENANT, EVENT_ASSESSMENTS), "nothing at first");
    must(event_filter_make(&scope, 1, sources, 2, &some, &err), &err);
    const struct plan_route routes[] = {
        {.id = "a",         .tenant = TENANT, .is_enabled = true },
        { .id = "b", .tenant = TENANT,   .events = some, .is_enabled = false},
        { .id = "c",    .tenant = "x",   .events = some,  .is_enabled = true},
        { .id = "d", .tenant = TENANT,   .events = some,  .is_enabled = true},
    };
    struct plan plan = {.routes = routes, .route_count = 2};

    must(posture_wants_plan(w, &plan, &err), &err);
    CHECK(!posture_is_asked_for(w, TENANT, EVENT_ASSESSMENTS), "a disabled one asks for nothing");
    plan.route_count = 4;
    must(posture_wants_plan(w, &plan, &err), &err);
    CHECK(posture_is_asked_for(w, TENANT, EVENT_ASSESSMENTS) &&
              posture_is_asked_for(w, TENANT, EVENT_ALERTS),
          "what is asked for");
    CHECK(!posture_is_asked_for(w, TENANT, EVENT_SUB_ASSESSMENTS), "and what is not");
    CHECK(!posture_is_asked_for(w, "y", EVENT_ALERTS), "by whom nothing is");
    posture_wants_free(w);
    event_filter_free(some);
}

int
main(void)
{
    const char *temporary = getenv("TMPDIR");
    char command[400];
    struct err err;

    snprintf(folder, sizeof folder, "%s/posture_feed_test.%d",
             temporary != NULL ? temporary : "/tmp", (int)getpid());
    must(folder_make(folder, &err), &err);
    test_kills(); /* first: it forks, so no thread may be there */
    test_append_without_drop(0);
    test_append_without_drop(3 * 24 * TICKS_PER_HOUR);
    test_side_by_side();
    test_full();
    test_wants();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        printf("cannot remove %s\n", folder);
    return test_end();
}
