/* deliver_thread_test.c - the whole pump on a real journal and real folders: what arrives when the process is killed at any moment, that a dead destination delays nobody, changes of
 * settings under way, sending again, and the local event hub. Waits are for events, with a generous limit; nothing is timed. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
enum { WAIT_MS = 60000, BLOCKS = 60, ROWS = 50 };

static char root[256];

static int64_t
now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

/* ---- a journal with numbered rows: {"n":i}, tables A and B in turn ---- */

static char memory[8 << 20] __attribute__((aligned(16)));

static const char *other_table; /* instead of A */

static void
append(struct journal *j, unsigned first, unsigned count)
{
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    static char body[1 << 20];
    size_t size = 0;
    uint64_t position;

    CHECK(block_builder_init(&b, &a, count, &err) == ST_OK, "%s", err.text);
    for (unsigned i = first; i < first + count; i++) {
        uint16_t stream = 0;
        const char *table = i % 2 == 0 ? (other_table != NULL ? other_table : "A") : "B";
        char category[104];

        snprintf(category, sizeof category, "AdvancedHunting-%s", table);

        CHECK(block_stream_index(&b, span_of(TENANT), span_of(category), span_of(table), &stream) ==
                  ST_OK,
              "stream");
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)size;
        size +=
            (size_t)sprintf(body + size, "{\"n\":%u,\"pad\":\"%0*d\"}", i, (int)(i * 7 % 900), 0);
        row->size = row->properties_size = (uint32_t)size - row->at;
        body[size++] = '\n';
        row->group = ROW_GROUP_AS_IS;
        row->stream = stream;
    }
    size_t room = 2 << 20;
    char *image = arena_take(&a, room);

    CHECK(block_seal(&b, (uint32_t)size, clock_ticks(), clock_ticks(), image, room, &index, &err) ==
              ST_OK,
          "%s", err.text);
    CHECK(journal_append(j, index, (struct span){body, size}, &position, &err) == ST_OK, "%s",
          err.text);
}

static struct journal *
open_journal(const char *folder)
{
    struct journal *j = NULL;
    struct journal_recovery found;
    struct err err = {""};
    const struct journal_options o = {.folder = folder,
                                      .segment_size = 16 << 20,
                                      .size_max = 128 << 20,
                                      .sync = true,
                                      .now = now};

    CHECK(journal_open(&o, &j, &found, &err) == ST_OK, "%s", err.text);
    return j;
}

/* ---- a plan of one or two folder routes ---- */

struct test_plan {
    struct plan plan;
    struct plan_route routes[4];
    struct plan_setting settings[4][3];
    char paths[4][512];
};

static void
plan_destroy(struct plan *plan)
{
    free(plan);
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

static struct plan_route *
plan_add(struct test_plan *p, const char *id, const char *kind, const char *setting,
         const char *value)
{
    size_t n = p->plan.route_count++;
    struct plan_route *r = &p->routes[n];

    snprintf(p->paths[n], sizeof p->paths[n], "%s", value);
    p->settings[n][0] = (struct plan_setting){setting, p->paths[n]};
    *r = (struct plan_route){
        .id = id,
        .tenant = TENANT,
        .all_categories = true,
        .profile = PROFILE_BARE,
        .is_enabled = true,
        .linger_ms = 1,
        .batch_bytes = 20000,
        .fingerprint = 1 + n,
        .destination = {.kind = kind, .settings = p->settings[n], .setting_count = 1}
    };
    return r;
}

static unsigned parked_count;

static enum status
park(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
     uint32_t row_count, uint64_t position, uint32_t row, const char *reason, struct err *err)
{
    (void)app, (void)route, (void)lane, (void)body, (void)position, (void)row, (void)reason,
        (void)err;
    parked_count += row_count;
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
        .retry_ms_max = 20
    };

    CHECK(deliver_start(&o, &d, &err) == ST_OK, "%s", err.text);
    return d;
}

static bool
wait_for(struct deliverer *d, struct journal *j, const char *id)
{
    static struct deliver_status s;
    int64_t until = clock_monotonic_ms() + WAIT_MS;

    do {
        if (!deliver_status_get(d, id, &s))
            return false;
        if (s.cursor == journal_extent(j).end && s.lag_rows == 0)
            return true;
        (void)journal_wait(j, UINT64_MAX, 5);
    } while (clock_monotonic_ms() < until);
    printf("%s: %s at %llu of %llu, %s\n", id, export_state_name(s.state),
           (unsigned long long)s.cursor, (unsigned long long)journal_extent(j).end, s.error);
    return false;
}

/* ---- what arrived ---- */

static unsigned seen[BLOCKS * ROWS], torn_lines;
static bool comes_in_order = true; /* nothing was appended or sent again on purpose */

static int
read_file(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    if (kind != FTW_F)
        return 0;
    FILE *f = fopen(path, "r");
    char line[4096];
    unsigned last = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned n;
        size_t size = strlen(line);

        if (sscanf(line, "{\"n\":%u,", &n) != 1 || n >= COUNT_OF(seen) || size < 3 ||
            strcmp(line + size - 3, "\"}\n") != 0) {
            torn_lines++;
            continue;
        }
        CHECK(n >= last || !comes_in_order, "%s: %u after %u", path, n, last);
        last = n;
        seen[n]++;
    }
    if (f != NULL)
        fclose(f);
    return 0;
}

static void
check_arrived(const char *folder, unsigned count, const char *what)
{
    unsigned missing = 0, doubled = 0;

    memset(seen, 0, sizeof seen);
    torn_lines = 0;
    nftw(folder, read_file, 8, FTW_PHYS);
    for (unsigned i = 0; i < count; i++) {
        missing += seen[i] == 0;
        doubled += seen[i] > 1;
    }
    CHECK(missing == 0 && doubled == 0 && torn_lines == 0,
          "%s: %u of %u missing, %u doubled, %u torn lines", what, missing, count, doubled,
          torn_lines);
}

/* ---- killed at any moment ---- */

static void
child(const char *journal, const char *ledgers, const char *target, unsigned first)
{
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();
    struct err err;

    plan_add(p, TENANT "/one", "folder", "path", target);
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    for (unsigned i = first; i < BLOCKS; i++) {
        append(j, i * ROWS, ROWS);
        char done = 1;

        if (write(3, &done, 1) != 1)
            break;
    }
    for (;;)
        pause();
}

static void
test_kills(void)
{
    char journal[300], ledgers[300], target[300];
    unsigned acknowledged = 0, random = 12345;
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/kill-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/kill-ledgers", root);
    snprintf(target, sizeof target, "%s/kill-target", root);
    for (unsigned round = 0; round < 25; round++) {
        int pipes[2];

        CHECK(pipe(pipes) == 0, "pipe");
        pid_t pid = fork();

        if (pid == 0) {
            dup2(pipes[1], 3);
            child(journal, ledgers, target, acknowledged);
            _exit(0);
        }
        close(pipes[1]);
        /* Between none and five blocks later, and a bit of spinning, so that the kill falls anywhere. */
        random = random * 1103515245u + 12345u;
        for (unsigned i = 0, n = (random >> 16) % 6; i < n && acknowledged < BLOCKS; i++) {
            char done;

            if (read(pipes[0], &done, 1) != 1)
                break;
            acknowledged++;
        }
        for (volatile unsigned spin = 0; spin < (random >> 8) % 2000000; spin++)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        char done;

        while (read(pipes[0], &done, 1) == 1)
            acknowledged++;
        close(pipes[0]);
    }
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();
    uint64_t rows = 0;
    int64_t oldest;

    plan_add(p, TENANT "/one", "folder", "path", target);
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(journal_count_rows(j, 0, journal_extent(j).end, &rows, &oldest, &err) == ST_OK, "%s",
          err.text);
    CHECK(rows >= acknowledged * ROWS, "%llu rows of %u acknowledged", (unsigned long long)rows,
          acknowledged * ROWS);
    CHECK(wait_for(d, j, TENANT "/one"), "never caught up");
    deliver_stop(d, 1000);
    torn_lines = 0;
    comes_in_order = false;
    /* A block that was appended but not acknowledged was appended again by the next child: the journal may
     * hold it twice, and so may the folder; no row may be in the folder more often than in the journal. */
    memset(seen, 0, sizeof seen);
    nftw(target, read_file, 8, FTW_PHYS);
    uint64_t arrived = 0;

    for (unsigned i = 0; i < BLOCKS * ROWS; i++)
        arrived += seen[i];
    CHECK(arrived == rows && torn_lines == 0,
          "%llu rows arrived, %llu were in the journal, %u torn", (unsigned long long)arrived,
          (unsigned long long)rows, torn_lines);
    for (unsigned i = 0; i < acknowledged * ROWS; i++)
        CHECK(seen[i] >= 1, "acknowledged row %u did not arrive", i);
    journal_close(j);
}

/* ---- one process ---- */

static void
test_exports(void)
{
    char journal[300], ledgers[300], target[300], later[300];
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/ledgers", root);
    snprintf(target, sizeof target, "%s/target", root);
    snprintf(later, sizeof later, "%s/later", root);
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();
    static struct deliver_status s;

    plan_add(p, "a/dead", "folder", "path", "/proc/no/such/folder");
    plan_add(p, "b/good", "folder", "path", target);
    struct plan_route *hub = plan_add(p, "c/hub", "hub", "", "");

    hub->destination.hub = "events";
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    for (unsigned i = 0; i < 10; i++)
        append(j, i * ROWS, ROWS);
    CHECK(wait_for(d, j, "b/good"), "the good export waits for the dead one");
    check_arrived(target, 10 * ROWS, "beside a dead export");
    CHECK(deliver_status_get(d, "a/dead", &s) && s.state == EXPORT_RETRYING && s.attempt > 0 &&
              s.error[0] != '\0' && s.sent_rows == 0 && s.lag_rows == 10 * ROWS,
          "the dead one is %s, %u attempts, lag %llu", export_state_name(s.state), s.attempt,
          (unsigned long long)s.lag_rows);
    CHECK(deliver_status_get(d, "b/good", &s) && s.sent_rows == 10 * ROWS &&
              s.category_count == 2 && s.categories[0].rows == 5 * ROWS && s.last_success != 0 &&
              s.lag_ms == 0,
          "good: %llu rows, %u categories", (unsigned long long)s.sent_rows, s.category_count);
    CHECK(!deliver_status_get(d, "x/none", &s), "a status of nothing");

    /* The hub reads what was admitted, message by message, and waits for no more than it was told. */
    uint64_t position = 0, rows, total = 0;
    uint32_t row = 0;
    unsigned messages = 0;

    for (;;) {
        char *out;
        size_t size;

        CHECK(deliver_hub_read(d, TENANT, "events", &position, &row, 9000, 0, &out, &size, &rows,
                               &err) == ST_OK,
              "%s", err.text);
        if (out == NULL)
            break;
        CHECK(size > 20 && memcmp(out, "{\"records\":[{\"n\":", 17) == 0 && out[size - 1] == '\n',
              "%.40s", out);
        total += rows;
        messages++;
        free(out);
    }
    CHECK(total == 10 * ROWS && messages > 3, "the hub gave %llu rows in %u messages",
          (unsigned long long)total, messages);
    char *out;
    size_t size;

    CHECK(deliver_hub_read(d, TENANT, "other", &position, &row, 9000, 0, &out, &size, &rows,
                           &err) == ST_INVALID,
          "a hub that is not there");
    CHECK(deliver_hub_read(d, "00000000-0000-0000-0000-000000000000", "events", &position, &row,
                           9000, 0, &out, &size, &rows, &err) == ST_INVALID,
          "another tenant's hub");

    /* Another folder from now on: the rows before the change stay where they are, none is lost. */
    p = plan_make();
    plan_add(p, "b/good", "folder", "path", later)->fingerprint = 77;
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(!deliver_status_get(d, "a/dead", &s), "the dead export is still there");
    for (unsigned i = 10; i < 14; i++)
        append(j, i * ROWS, ROWS);
    CHECK(wait_for(d, j, "b/good"), "after a change");
    check_arrived(target, 10 * ROWS, "the old folder");
    memset(seen, 0, sizeof seen);
    nftw(later, read_file, 8, FTW_PHYS);
    for (unsigned i = 0; i < 14 * ROWS; i++)
        CHECK(seen[i] == (i >= 10 * ROWS), "row %u is %u times in the new folder", i, seen[i]);

    /* Again from the beginning, when asked. */
    CHECK(deliver_replay(d, "b/good", 0, &err) == ST_OK, "%s", err.text);
    int64_t until = clock_monotonic_ms() + WAIT_MS;

    do {
        memset(seen, 0, sizeof seen);
        comes_in_order = false;
        nftw(later, read_file, 8, FTW_PHYS);
        (void)journal_wait(j, UINT64_MAX, 20);
    } while (seen[14 * ROWS - 1] < 2 && clock_monotonic_ms() < until);
    CHECK(seen[0] == 1 && seen[10 * ROWS] == 2 && seen[14 * ROWS - 1] == 2, "replayed %u, %u, %u",
          seen[0], seen[10 * ROWS], seen[14 * ROWS - 1]);
    CHECK(deliver_replay(d, "x/none", 0, &err) == ST_INVALID, "a replay of nothing");

    /* One parked parcel, sent again by hand. */
    struct lane lane = {.tenant = TENANT,
                        .category = "AdvancedHunting-A",
                        .table = "A",
                        .hour = clock_ticks() / TICKS_PER_HOUR * TICKS_PER_HOUR};

    CHECK(deliver_resend(d, "b/good", &lane, SPAN_LITERAL("{\"n\":2999,\"pad\":\"\"}\n"), 1,
                         WAIT_MS, &err) == ST_OK,
          "%s", err.text);
    memset(seen, 0, sizeof seen);
    nftw(later, read_file, 8, FTW_PHYS);
    CHECK(seen[2999] == 1, "resent %u times", seen[2999]);
    /* A name that can be no folder (admission lets none in): the rows are parked, the others go on. */
    other_table = "../../escape";
    append(j, 20 * ROWS, ROWS);
    other_table = NULL;
    CHECK(wait_for(d, j, "b/good"), "behind rows that cannot go");
    CHECK(parked_count == ROWS / 2, "%u rows are parked", parked_count);
    memset(seen, 0, sizeof seen);
    nftw(later, read_file, 8, FTW_PHYS);
    for (unsigned i = 20 * ROWS; i < 21 * ROWS; i++)
        CHECK(seen[i] == i % 2, "row %u is there %u times", i, seen[i]);

    char stuck[200];

    CHECK(deliver_is_healthy(d, 60000, stuck), "%s", stuck);
    deliver_stop(d, 1000);
    journal_close(j);
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

int
main(void)
{
    snprintf(root, sizeof root, "%s/penstock_deliver.XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(mkdtemp(root) != NULL, "mkdtemp");
    test_exports();
    test_kills();
    if (test_failed == 0)
        nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
