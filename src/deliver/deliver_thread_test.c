/* deliver_thread_test.c - the whole pump on a real journal and real folders: what arrives when the
 * process is killed at any moment, that a dead destination delays nobody, changes of settings under
 * way, sending again, and the local event hub. Waits are for events, with a generous limit; nothing
 * is timed. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "deliver/deliver.h"
#include "deliver/ledger.h"
#include "journal/journal.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
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

static uint64_t
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
    return position;
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
        /* Between none and five blocks later, and a bit of spinning, so that the kill falls
         * anywhere. */
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
    /* A block that was appended but not acknowledged was appended again by the next child: the
     * journal may hold it twice, and so may the folder; no row may be in the folder more often than
     * in the journal. */
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

/* What was said to be taken outlives a power failure: the checkpoint tells of all of the lane's
 * object. */
static void
check_lasting(const char *ledgers, const char *id, const char *target, const struct lane *lane)
{
    struct ledger *ledger = NULL;
    struct ledger_entry entry;
    struct err err = {""};
    uint64_t told = 0;
    struct stat info = {.st_size = -1};

    CHECK(ledger_open(ledgers, id, "another", &ledger, &err) == ST_OK, "%s", err.text);
    CHECK(ledger_checkpoint(ledger, &entry), "no checkpoint");
    for (uint32_t i = 0; i < entry.lane_count; i++) {
        char path[2048];

        if (strcmp(entry.lanes[i].category, lane->category) != 0 ||
            entry.lanes[i].hour != lane->hour)
            continue;
        told = entry.lanes[i].length;
        snprintf(path, sizeof path, "%s/%s", target, entry.lanes[i].name);
        CHECK(stat(path, &info) == 0, "%s", path);
    }
    CHECK(told == (uint64_t)info.st_size, "the checkpoint tells of %llu bytes, there are %lld",
          (unsigned long long)told, (long long)info.st_size);
    ledger_close(ledger);
}

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

    /* The hub reads what was admitted, message by message, and waits for no more than it was
     * told. */
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

    /* A row as it was parked alone, being too large; two as an event hub would have had them; and
     * lines. */
    static const struct {
        const char *body;
        uint32_t rows;
    } parked[] = {
        {"{\"n\":2999,\"pad\":\"\"}",                                           1},
        {"{\"records\":[{\"n\":2998,\"pad\":\"\"},{\"n\":2997,\"pad\":\"\"}]}", 2},
        {"{\"n\":2996,\"pad\":\"\"}\r\n",                                       1},
    };

    for (size_t i = 0; i < COUNT_OF(parked); i++)
        CHECK(deliver_resend(d, "b/good", &lane, span_of(parked[i].body), parked[i].rows, 0, 0,
                             WAIT_MS, &err) == ST_OK,
              "%s", err.text);
    memset(seen, 0, sizeof seen);
    torn_lines = 0;
    nftw(later, read_file, 8, FTW_PHYS);
    for (unsigned i = 2996; i < 3000; i++)
        CHECK(seen[i] == 1, "row %u was resent %u times", i, seen[i]);
    CHECK(torn_lines == 0, "%u lines are torn by what was resent", torn_lines);
    check_lasting(ledgers, "b/good", later, &lane);
    /* A name that can be no folder (admission lets none in): the rows are parked, the others go
     * on. */
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

/* ---- an interrupted window of which the journal lost a part ---- */

enum { GAP_BLOCKS = 6, GAP_WINDOW = 3 /* blocks that were being sent */ };

static const struct {
    const char *name;
    unsigned damaged; /* bit per block */
    unsigned lines;   /* of each lane that were there */
    unsigned torn;    /* bytes of the line after them that were, too */
    unsigned row;     /* the window began at this row of its first block */
} gap_cases[] = {
    {"none",                                  0,               3 * ROWS / 2, 0, 0 },
    {"the window's end and what follows",     1 << 2 | 1 << 3, 3 * ROWS / 2, 0, 0 },
    {"all of it",                             7 | 1 << 3,      3 * ROWS / 2, 0, 0 },
    {"its start, partly sent",                1 << 0,          3 * ROWS / 4, 0, 0 },
    {"its start, torn behind it",             1 << 0,          3 * ROWS / 4, 5, 0 },
    {"its middle, not yet sent",              1 << 1,          5,            0, 0 },
    {"its middle, partly sent",               1 << 1,          3 * ROWS / 4, 0, 0 },
    {"its middle, sent and torn behind it",   1 << 1,          ROWS + 3,     7, 0 },
    {"its end, not yet sent",                 1 << 2,          ROWS / 2,     0, 0 },
    {"nothing was sent",                      1 << 1,          0,            0, 0 },
    {"two parts, sent before them",           1 << 0 | 1 << 2, 0,            0, 0 },
    {"its start, from the middle of a block", 1 << 0,          ROWS / 2,     3, 20},
};

/* Where a file's line number 'lines' begins. */
static long
line_start(const char *path, unsigned lines)
{
    FILE *f = fopen(path, "r");
    int c = 0;

    CHECK(f != NULL, "%s", path);
    if (f == NULL)
        return 0;
    while (lines > 0 && (c = getc(f)) != EOF)
        lines -= c == '\n';
    long at = ftell(f);

    CHECK(lines == 0, "%s has %u lines less", path, lines);
    fclose(f);
    return at;
}

/* Bytes of a payload turn bad. */
static void
damage(const char *journal, uint64_t position)
{
    DIR *folder = opendir(journal);
    struct dirent *e;
    bool done = false;

    while (folder != NULL && (e = readdir(folder)) != NULL) {
        char path[600], *end;
        unsigned long long base = strtoull(e->d_name, &end, 16);

        if (strcmp(end, ".seg") != 0 || position < base || position > base + (16 << 20))
            continue;
        snprintf(path, sizeof path, "%s/%s", journal, e->d_name);
        FILE *f = fopen(path, "r+");

        done = f != NULL && fseek(f, (long)(position - base) + 300, SEEK_SET) == 0 &&
               fwrite("?!?!", 4, 1, f) == 1;
        if (f != NULL)
            fclose(f);
    }
    if (folder != NULL)
        closedir(folder);
    CHECK(done, "no segment to damage");
}

static void
deliver_all(struct journal *j, const char *ledgers, const char *target)
{
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();
    struct err err = {""};

    plan_add(p, TENANT "/gap", "folder", "path", target);
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(wait_for(d, j, TENANT "/gap"), "never caught up");
    deliver_stop(d, WAIT_MS);
}

/* Makes the ledger say that the window of the first blocks was being sent when the process was
 * killed, and the objects fit to it. */
static void
interrupt(const char *ledgers, const char *target, const uint64_t *positions, size_t c)
{
    struct ledger *ledger = NULL;
    struct ledger_entry last, entry = {.fingerprint = 1, .position = positions[0]};
    struct err err = {""};
    char boot[40], path[2048];
    static struct ledger_lane lanes[8];

    ledger_boot(boot);
    CHECK(ledger_open(ledgers, TENANT "/gap", boot, &ledger, &err) == ST_OK, "%s", err.text);
    CHECK(ledger_checkpoint(ledger, &last) && last.lane_count == 2, "%u lanes", last.lane_count);
    memcpy(lanes, last.lanes, last.lane_count * sizeof *lanes);
    for (uint32_t i = 0; i < last.lane_count; i++) {
        unsigned before = gap_cases[c].row / 2;

        snprintf(path, sizeof path, "%s/%s", target, lanes[i].name);
        long at = line_start(path, before);

        lanes[i].size = lanes[i].length - (uint64_t)at;
        lanes[i].length = (uint64_t)at;
        at = line_start(path, before + gap_cases[c].lines) + (long)gap_cases[c].torn;
        CHECK(truncate(path, at) == 0, "%s", path);
    }
    entry.row = gap_cases[c].row;
    entry.lane_count = last.lane_count;
    entry.lanes = lanes;
    CHECK(ledger_write_checkpoint(ledger, &entry, &err) == ST_OK, "%s", err.text);
    entry.is_pending = LEDGER_PENDING;
    entry.end_position = positions[GAP_WINDOW];
    CHECK(ledger_write_intent(ledger, &entry, false, &err) == ST_OK, "%s", err.text);
    ledger_close(ledger);
}

static void
test_gaps(size_t c)
{
    char journal[300], ledgers[300], target[300];
    uint64_t positions[GAP_BLOCKS];
    unsigned wrong = 0;

    snprintf(journal, sizeof journal, "%s/gap-journal-%zu", root, c);
    snprintf(ledgers, sizeof ledgers, "%s/gap-ledgers-%zu", root, c);
    snprintf(target, sizeof target, "%s/gap-target-%zu", root, c);
    struct journal *j = open_journal(journal);

    for (unsigned i = 0; i < GAP_WINDOW; i++)
        positions[i] = append(j, i * ROWS, ROWS);
    deliver_all(j, ledgers, target);
    for (unsigned i = GAP_WINDOW; i < GAP_BLOCKS; i++)
        positions[i] = append(j, i * ROWS, ROWS);
    interrupt(ledgers, target, positions, c);
    journal_close(j);
    for (unsigned i = 0; i < GAP_BLOCKS; i++)
        if (gap_cases[c].damaged & 1u << i)
            damage(journal, positions[i]);
    j = open_journal(journal);
    deliver_all(j, ledgers, target);
    journal_close(j);
    memset(seen, 0, sizeof seen);
    torn_lines = 0;
    nftw(target, read_file, 8, FTW_PHYS);
    for (unsigned n = 0; n < GAP_BLOCKS * ROWS; n++) {
        bool was_there = n < gap_cases[c].row || (n - gap_cases[c].row) / 2 < gap_cases[c].lines;
        bool is_lost = (gap_cases[c].damaged & 1u << n / ROWS) != 0;

        wrong += seen[n] != (was_there || !is_lost);
    }
    CHECK(wrong == 0 && torn_lines == 0, "%s: %u rows are missing or doubled, %u lines torn",
          gap_cases[c].name, wrong, torn_lines);
}

/* The last block is lost after some of its rows were delivered, and only then a further one comes:
 * it is delivered from its first row on. */
static void
test_gap_at_the_end(void)
{
    char journal[300], ledgers[300], target[300], boot[40];
    struct ledger_entry entry = {.fingerprint = 1, .row = 20};
    struct ledger *ledger = NULL;
    struct err err = {""};
    static struct deliver_status s;

    snprintf(journal, sizeof journal, "%s/end-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/end-ledgers", root);
    snprintf(target, sizeof target, "%s/end-target", root);
    struct journal *j = open_journal(journal);

    (void)append(j, 0, ROWS);
    entry.position = append(j, ROWS, ROWS);
    ledger_boot(boot);
    CHECK(mkdir(ledgers, 0700) == 0 &&
              ledger_open(ledgers, TENANT "/gap", boot, &ledger, &err) == ST_OK &&
              ledger_write_checkpoint(ledger, &entry, &err) == ST_OK,
          "%s", err.text);
    ledger_close(ledger);
    damage(journal, entry.position);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();

    plan_add(p, TENANT "/gap", "folder", "path", target);
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(wait_for(d, j, TENANT "/gap"), "behind the lost block");
    (void)append(j, 2 * ROWS, ROWS);
    CHECK(wait_for(d, j, TENANT "/gap"), "the block behind it");
    CHECK(deliver_status_get(d, TENANT "/gap", &s) && s.lost_rows == ROWS - 20,
          "%llu rows are counted as lost", (unsigned long long)s.lost_rows);
    deliver_stop(d, WAIT_MS);
    journal_close(j);
    memset(seen, 0, sizeof seen);
    nftw(target, read_file, 8, FTW_PHYS);
    for (unsigned n = 2 * ROWS; n < 3 * ROWS; n++)
        CHECK(seen[n] == 1, "row %u behind the lost block arrived %u times", n, seen[n]);
}

/* A block of one row that is too large for a folder's parcel. */
static uint64_t
append_large(struct journal *j)
{
    enum { SIZE = (4 << 20) + 100 };
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    uint64_t position = 0;
    uint16_t stream = 0;
    struct err err = {""};
    char *body = malloc(SIZE + 1);

    memset(body, 'x', SIZE);
    memcpy(body, "{\"n\":\"", 6);
    memcpy(body + SIZE - 2, "\"}\n", 3);
    CHECK(block_builder_init(&b, &a, 1, &err) == ST_OK &&
              block_stream_index(&b, span_of(TENANT), span_of("AdvancedHunting-A"), span_of("A"),
                                 &stream) == ST_OK,
          "%s", err.text);
    struct block_row *row = block_row_add(&b);

    row->size = row->properties_size = SIZE;
    row->group = ROW_GROUP_AS_IS;
    row->stream = stream;
    char *image = arena_take(&a, 1 << 16);

    CHECK(block_seal(&b, SIZE + 1, clock_ticks(), clock_ticks(), image, 1 << 16, &index, &err) ==
                  ST_OK &&
              journal_append(j, index, (struct span){body, SIZE + 1}, &position, &err) == ST_OK,
          "%s", err.text);
    free(body);
    return position;
}

/* A window full of rows that are too large for the destination, killed before they were parked:
 * they are parked when it comes back. */
static void
test_oversized(void)
{
    enum { COUNT = 16 };
    char journal[300], ledgers[300], target[300], boot[40];
    struct ledger_entry entry = {.fingerprint = 1};
    struct ledger *ledger = NULL;
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/large-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/large-ledgers", root);
    snprintf(target, sizeof target, "%s/large-target", root);
    struct journal *j = open_journal(journal);

    entry.position = append_large(j);
    for (unsigned i = 1; i < COUNT; i++)
        (void)append_large(j);
    ledger_boot(boot);
    CHECK(mkdir(ledgers, 0700) == 0 &&
              ledger_open(ledgers, TENANT "/large", boot, &ledger, &err) == ST_OK &&
              ledger_write_checkpoint(ledger, &entry, &err) == ST_OK,
          "%s", err.text);
    entry.is_pending = LEDGER_PENDING;
    entry.end_position = journal_extent(j).end;
    CHECK(ledger_write_intent(ledger, &entry, false, &err) == ST_OK, "%s", err.text);
    ledger_close(ledger);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();

    plan_add(p, TENANT "/large", "folder", "path", target);
    parked_count = 0;
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(wait_for(d, j, TENANT "/large"), "never came to the end");
    deliver_stop(d, WAIT_MS);
    journal_close(j);
    CHECK(parked_count == COUNT, "%u of %d rows are parked", parked_count, COUNT);
    parked_count = 0;
}

static unsigned locked_count, file_count;

static int
look_locked(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    if (kind != FTW_F)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    file_count++;
    locked_count += flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return 0;
}

/* What a killed program appended may be in the page cache alone: the next one has all of its
 * objects open before its first checkpoint, whose sync takes them along. */
static void
test_killed_sync(void)
{
    char journal[300], ledgers[300], target[300], boot[40];
    struct ledger_entry entry = {.fingerprint = 1};
    struct ledger *ledger = NULL;
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/sync-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/sync-ledgers", root);
    snprintf(target, sizeof target, "%s/sync-target", root);
    struct journal *j = open_journal(journal);

    (void)append(j, 0, ROWS);
    deliver_all(j, ledgers, target);
    ledger_boot(boot);
    entry.position = journal_extent(j).end;
    CHECK(ledger_open(ledgers, TENANT "/gap", boot, &ledger, &err) == ST_OK &&
              ledger_write_intent(ledger, &entry, false, &err) == ST_OK,
          "%s", err.text);
    ledger_close(ledger);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();

    plan_add(p, TENANT "/gap", "folder", "path", target);
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    static struct deliver_status s;
    int64_t until = clock_monotonic_ms() + WAIT_MS;

    while (deliver_status_get(d, TENANT "/gap", &s) && s.state != EXPORT_IDLE &&
           clock_monotonic_ms() < until)
        (void)journal_wait(j, UINT64_MAX, 5);
    nftw(target, look_locked, 8, FTW_PHYS);
    CHECK(file_count == 2 && locked_count == 2, "%u of %u objects are open", locked_count,
          file_count);
    deliver_stop(d, WAIT_MS);
    journal_close(j);
}

/* A setting deleted and made again between two plans is another one: it begins where it was made,
 * not where the old one stood. */
static void
test_made_again(void)
{
    char journal[300], ledgers[300], target[300];
    struct err err = {""};
    static struct deliver_status s;

    snprintf(journal, sizeof journal, "%s/again-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/again-ledgers", root);
    snprintf(target, sizeof target, "%s/again-target", root);
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();

    (void)append(j, 0, ROWS);
    plan_add(p, "a/again", "folder", "path", "/proc/no/such/folder");
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    p = plan_make();
    struct plan_route *route = plan_add(p, "a/again", "folder", "path", target);

    route->fingerprint = 2;
    route->start_ticks = clock_ticks(); /* after the first block, before the second */
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    CHECK(wait_for(d, j, "a/again"), "it found no place to begin at");
    (void)append(j, ROWS, ROWS);
    CHECK(wait_for(d, j, "a/again") && deliver_status_get(d, "a/again", &s) && s.sent_rows == ROWS,
          "%llu rows were sent", (unsigned long long)s.sent_rows);
    deliver_stop(d, WAIT_MS);
    journal_close(j);
}

/* A setting whose destination becomes the local event hub holds nothing of the journal any more,
 * however far behind its old one was. */
static void
test_becomes_hub(void)
{
    char journal[300], ledgers[300];
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/hub-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/hub-ledgers", root);
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);

    (void)append(j, 0, ROWS);
    for (unsigned i = 0; i < 2; i++) {
        struct test_plan *p = plan_make();

        if (i == 0)
            plan_add(p, "a/one", "folder", "path", "/proc/no/such/folder");
        else
            plan_add(p, "a/one", "hub", "", "")->fingerprint = 2;
        CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
        plan_release(&p->plan);
    }
    for (unsigned i = 0; i < 36; i++) /* more than the journal's quota */
        (void)append_large(j);
    deliver_stop(d, WAIT_MS);
    journal_close(j);
}

/* ---- who waits when all ends ---- */

struct waiter {
    struct deliverer *d;
    bool resends;
    atomic_bool began;
    enum status st;
};

static void *
waiter_run(void *app)
{
    struct waiter *w = app;
    struct lane lane = {.tenant = TENANT, .category = "AdvancedHunting-A", .table = "A"};
    uint64_t position = 0, rows;
    uint32_t row = 0;
    char *out = NULL;
    size_t size;
    struct err err;

    atomic_store(&w->began, true);
    if (w->resends)
        w->st = deliver_resend(w->d, "a/dead", &lane, SPAN_LITERAL("{}\n"), 1, 0, 0, 3600000, &err);
    else
        w->st = deliver_hub_read(w->d, TENANT, "events", &position, &row, 9000, 3600000, &out,
                                 &size, &rows, &err);
    free(out);
    return NULL;
}

/* Of an hour that they were ready to wait nothing is left; nor do those wait who come only now. */
static void
test_end_waits(void)
{
    char journal[300], ledgers[300];
    struct err err = {""};

    snprintf(journal, sizeof journal, "%s/waits-journal", root);
    snprintf(ledgers, sizeof ledgers, "%s/waits-ledgers", root);
    struct journal *j = open_journal(journal);
    struct deliverer *d = start(j, ledgers);
    struct test_plan *p = plan_make();
    struct waiter waiters[4] = {
        {.d = d          },
        {      .d = d, .resends = true},
        {      .d = d               },
        { .d = d,                .resends = true}
    };
    pthread_t threads[4];

    plan_add(p, "a/dead", "folder", "path", "/proc/no/such/folder");
    plan_add(p, "c/hub", "hub", "", "")->destination.hub = "events";
    CHECK(deliver_set_plan(d, &p->plan, true, &err) == ST_OK, "%s", err.text);
    plan_release(&p->plan);
    for (size_t i = 0; i < 4; i++) {
        if (i == 2)
            deliver_end_waits(d);
        CHECK(pthread_create(&threads[i], NULL, waiter_run, &waiters[i]) == 0, "thread");
        while (!atomic_load(&waiters[i].began))
            sched_yield();
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK((waiters[i].st == ST_OK) == !waiters[i].resends, "waiter %zu: %d", i,
              (int)waiters[i].st);
    }
    deliver_stop(d, WAIT_MS);
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
    for (size_t i = 0; i < COUNT_OF(gap_cases); i++)
        test_gaps(i);
    test_gap_at_the_end();
    test_oversized();
    test_killed_sync();
    test_made_again();
    test_end_waits();
    test_becomes_hub();
    test_exports();
    test_kills();
    if (test_failed == 0)
        nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
