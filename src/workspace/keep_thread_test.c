/* keep_thread_test.c - a workspace at work: rows come in, are asked for, counted, written to files and taken out at the same time. What is
 * taken out was of its kind, and what is left is all the rest, whatever met whatever. */
#include "base/clock.h"
#include "base/test.h"
#include "workspace/hunt.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <pthread.h>
#include <unistd.h>

#define TENANT "aaaaaaaa-1111-4222-8333-444444444444"

enum { WRITERS = 2, BATCHES = 40, ROWS = 50 };

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"Name",      COLUMN_STRING,   NULL},
    {"N",         COLUMN_LONG,     NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Events",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
};
static const struct catalog catalog = {.tables = tables, .table_count = COUNT_OF(tables)};

static char folder[200], path[300];
static struct workspace *w;
static atomic_bool is_over;
static _Atomic uint64_t taken_out, rounds[5];
static _Atomic unsigned wrong;
static char why[400];
static pthread_mutex_t why_lock = PTHREAD_MUTEX_INITIALIZER;

static void
failed(const char *what, const struct err *err)
{
    atomic_fetch_add(&wrong, 1);
    pthread_mutex_lock(&why_lock);
    snprintf(why, sizeof why, "%s: %s", what, err->text);
    pthread_mutex_unlock(&why_lock);
}

/* Half of the rows are named "go". */
static void *
write_rows(void *context)
{
    unsigned number = (unsigned)(uintptr_t)context;
    struct workspace_writer *writer = NULL;
    char object[20];
    uint64_t offset = 0;
    struct err err = {""};

    snprintf(object, sizeof object, "writer%u", number);
    if (workspace_writer_open(w, &writer, &err) != ST_OK) {
        failed("writer", &err);
        return NULL;
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        char body[ROWS * 80];
        size_t n = 0;

        for (unsigned k = 0; k < ROWS; k++)
            n += (size_t)snprintf(
                body + n, sizeof body - n,
                "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"Name\":\"%s\",\"N\":%u}\n",
                k % 2 == 0 ? "go" : "stay", i * ROWS + k);
        struct workspace_rows r = {
            .tenant = TENANT,
            .table = "Events",
            .body = {body, n},
            .row_count = ROWS,
            .position = ((uint64_t)number << 32) + i,
            .object = object,
            .offset = offset
        };

        workspace_write(writer, &r, 1, 1);
        if (r.written != WORKSPACE_DONE)
            failed("write", &r.err);
        offset += n;
    }
    workspace_writer_close(writer);
    return NULL;
}

static void *
take_out(void *context)
{
    const struct workspace_rows_wanted wanted = {.table = SPAN_LITERAL("Events"),
                                                 .from = INT64_MIN,
                                                 .until = INT64_MAX,
                                                 .where = SPAN_LITERAL("Name has 'go'")};

    (void)context;
    while (!atomic_load(&is_over)) {
        struct err err = {""};
        uint64_t rows = 0;

        if (workspace_purge(w, &wanted, false, &rows, &err) != ST_OK)
            failed("purge", &err);
        atomic_fetch_add(&taken_out, rows);
        atomic_fetch_add(&rounds[0], 1);
    }
    return NULL;
}

static void
keep_all(void *app, const char *table, uint64_t *age_ms, uint64_t *size_max)
{
    (void)app, (void)table;
    *age_ms = *size_max = 0;
}

static void
size_note(void *app, const struct workspace_size *s)
{
    *(uint64_t *)app += s->rows;
}

static void
state_note(void *app, const struct workspace_state *s)
{
    *(uint64_t *)app += s->rows;
}

static void *
look(void *context)
{
    const struct workspace_keeping keeping = {.of = keep_all, .now = INT64_C(639079560000000000)};

    (void)context;
    while (!atomic_load(&is_over)) {
        struct err err = {""};
        uint64_t rows = 0, seen = 0;

        if (workspace_sizes(w, TENANT, size_note, &seen, &err) != ST_OK ||
            workspace_retain(w, &keeping, &rows, &err) != ST_OK)
            failed("sizes", &err);
        workspace_states(state_note, &seen);
        if (workspace_verify(w, &rows, &err) != ST_OK)
            failed("verify", &err);
        atomic_fetch_add(&rounds[1], 1);
    }
    return NULL;
}

/* No row that stays is ever missing among those of its batch: a transaction is seen whole or not at all. */
static void *
ask(void *context)
{
    static const char *const tenants[] = {TENANT};

    (void)context;
    while (!atomic_load(&is_over)) {
        struct hunt_request r = {.text = SPAN_LITERAL("Events | where Name == 'stay' | count"),
                                 .tenants = tenants,
                                 .tenant_count = 1,
                                 .from = INT64_MIN,
                                 .to = INT64_MAX};
        struct err err = {""};
        struct hunt h;

        if (hunt_run(w, &r, &h, &err) != ST_OK)
            failed("query", &err);
        else if (h.answers.items[0].rows[0][0].i % (ROWS / 2) != 0)
            failed("a part of a transaction", &err);
        hunt_end(&h);
        atomic_fetch_add(&rounds[2], 1);
    }
    return NULL;
}

/* Between queries, of which there are nearly always some. */
static void *
compact(void *context)
{
    (void)context;
    while (!atomic_load(&is_over)) {
        const struct workspace_compaction how = {
            .least = 1, .busy_rows = UINT32_MAX, .until_ms = clock_monotonic_ms() + 60000};
        struct workspace_compacted done;
        struct err err = {""};

        if (workspace_compact_idle(w, &how, &done, &err) != ST_OK)
            failed("compaction", &err);
        atomic_fetch_add(&rounds[4], 1);
    }
    return NULL;
}

static void *
write_file(void *context)
{
    char file[300];

    (void)context;
    snprintf(file, sizeof file, "%s/out.parquet", folder);
    while (!atomic_load(&is_over)) {
        const struct workspace_export e = {
            .rows = {.table = SPAN_LITERAL("Events"),
                     .tenant = TENANT,
                     .from = INT64_MIN,
                     .until = INT64_MAX,
                     .where = SPAN_LITERAL("Name == 'stay'")},
            .path = file
        };
        struct err err = {""};
        uint64_t rows = 0;

        if (workspace_export(w, &e, &rows, &err) != ST_OK)
            failed("export", &err);
        else if (rows % (ROWS / 2) != 0)
            failed("a part of a transaction in a file", &err);
        atomic_fetch_add(&rounds[3], 1);
    }
    unlink(file);
    return NULL;
}

static void
check_at_once(void)
{
    static void *(*const others[])(void *) = {take_out, look, ask, write_file, compact};
    const struct workspace_options options = {
        .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 2};
    const struct workspace_rows_wanted rest = {.table = SPAN_LITERAL("Events"),
                                               .from = INT64_MIN,
                                               .until = INT64_MAX,
                                               .where = SPAN_LITERAL("Name has 'go'")};
    pthread_t writers[WRITERS], threads[COUNT_OF(others)];
    struct err err = {""};
    uint64_t rows = 0, left = 0;

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    if (w == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (pthread_create(&threads[i], NULL, others[i], NULL) != 0)
            exit(2);
    for (size_t i = 0; i < WRITERS; i++)
        if (pthread_create(&writers[i], NULL, write_rows, (void *)(uintptr_t)i) != 0)
            exit(2);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        pthread_join(threads[i], NULL);
    CHECK(wrong == 0, "%u went wrong; the last: %s", wrong, why);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        CHECK(rounds[i] > 0, "thread %zu did something", i);
    CHECK(workspace_purge(w, &rest, false, &rows, &err) == ST_OK, "the rest: %s", err.text);
    CHECK(taken_out + rows == WRITERS * BATCHES * ROWS / 2, "%llu rows went",
          (unsigned long long)(taken_out + rows));
    CHECK(workspace_sizes(w, NULL, size_note, &left, &err) == ST_OK &&
              left == WRITERS * BATCHES * ROWS / 2,
          "%llu rows are left", (unsigned long long)left);
    workspace_close(w);
}

int
main(void)
{
    const char *top = getenv("TMPDIR");
    char log[320];

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    snprintf(folder, sizeof folder, "%s/penstock-keep-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/test.duckdb", folder);
    check_at_once();
    unlink(path);
    snprintf(log, sizeof log, "%s.wal", path);
    unlink(log);
    rmdir(folder);
    return test_end();
}
