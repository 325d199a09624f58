/* room_thread_test.c - row groups move while rows come in, are taken out and are asked for: each answer has each row of a batch once,
 * or none of them, and in the end all are there that were not taken out. */
#include "base/clock.h"
#include "base/test.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <unistd.h>

#define TENANT "aaaaaaaa-1111-4222-8333-444444444444"

enum { WRITERS = 2, BATCHES = 60, ROWS = 100, LEAST_PIECES = 10 };

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"Name",      COLUMN_STRING,   NULL},
    {"N",         COLUMN_LONG,     NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Empty",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
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
static _Atomic uint64_t taken_out, pieces, answers;
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

static void
batch_write(struct workspace_writer *writer, unsigned number, unsigned batch, uint64_t *offset)
{
    char body[ROWS * 90], object[20];
    size_t n = 0;

    snprintf(object, sizeof object, "writer%u", number);
    for (unsigned k = 0; k < ROWS; k++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"Name\":\"%s\",\"N\":%u}\n",
                              k % 2 == 0 ? "go" : "stay", (number * BATCHES + batch) * ROWS + k);
    struct workspace_rows r = {
        .tenant = TENANT,
        .table = "Events",
        .body = {body, n},
        .row_count = ROWS,
        .position = ((uint64_t)number << 32) + batch,
        .object = object,
        .offset = *offset
    };

    workspace_write(writer, &r, 1, 1);
    if (r.written != WORKSPACE_DONE)
        failed("write", &r.err);
    *offset += n;
}

/* Goes on until enough has been moved beneath it. */
static void *
write_rows(void *context)
{
    unsigned number = (unsigned)(uintptr_t)context;
    struct workspace_writer *writer = NULL;
    uint64_t offset = 0;
    struct err err = {""};

    if (workspace_writer_open(w, &writer, &err) != ST_OK) {
        failed("writer", &err);
        return NULL;
    }
    for (unsigned i = 0; i < BATCHES && wrong == 0; i++) {
        uint64_t before = atomic_load(&pieces);

        batch_write(writer, number, i, &offset);
        for (int64_t until = clock_monotonic_ms() + 5000; atomic_load(&pieces) == before &&
                                                          before < LEAST_PIECES &&
                                                          clock_monotonic_ms() < until;)
            usleep(1000);
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
    }
    return NULL;
}

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
        atomic_fetch_add(&pieces, done.pieces);
    }
    return NULL;
}

/* In DuckDB itself: a query that has a seat keeps pieces away. */
static void *
ask(void *context)
{
    duckdb_connection c = NULL;
    struct err err = {""};

    (void)context;
    if (workspace_connect(w, &c, &err) != ST_OK)
        failed("connection", &err);
    while (c != NULL && !atomic_load(&is_over)) {
        duckdb_result r;

        if (sql_run(c,
                    "SELECT count(*), count(DISTINCT \"N\"), count(*) FILTER (\"Name\" = 'stay'), "
                    "(SELECT count(*) FROM \"Empty\") FROM \"Events\"",
                    &r, &err) != ST_OK) {
            failed("query", &err);
            break;
        }
        if (duckdb_value_int64(&r, 0, 0) != duckdb_value_int64(&r, 1, 0) ||
            duckdb_value_int64(&r, 2, 0) % (ROWS / 2) != 0 || duckdb_value_int64(&r, 3, 0) != 0) {
            snprintf(err.text, sizeof err.text, "%lld rows, %lld different, %lld stay",
                     (long long)duckdb_value_int64(&r, 0, 0),
                     (long long)duckdb_value_int64(&r, 1, 0),
                     (long long)duckdb_value_int64(&r, 2, 0));
            failed("answer", &err);
        }
        duckdb_destroy_result(&r);
        atomic_fetch_add(&answers, 1);
    }
    duckdb_disconnect(&c);
    return NULL;
}

static uint64_t
left(void)
{
    duckdb_connection c = NULL;
    duckdb_result r;
    struct err err = {""};
    uint64_t rows = 0;

    if (workspace_connect(w, &c, &err) == ST_OK &&
        sql_run(c,
                "SELECT count(DISTINCT \"N\") FROM \"Events\" WHERE \"Name\" = 'stay' AND (SELECT "
                "count(*) = count(DISTINCT \"N\") FROM \"Events\")",
                &r, &err) == ST_OK) {
        rows = duckdb_value_uint64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    CHECK(err.text[0] == '\0', "%s", err.text);
    duckdb_disconnect(&c);
    return rows;
}

static void
check_at_once(void)
{
    static void *(*const others[])(void *) = {take_out, compact, ask, ask};
    const struct workspace_options options = {
        .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 2};
    pthread_t writers[WRITERS], threads[COUNT_OF(others)];
    struct err err = {""};

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
    printf("%llu pieces, %llu answers, %llu rows taken out meanwhile\n", (unsigned long long)pieces,
           (unsigned long long)answers, (unsigned long long)taken_out);
    CHECK(wrong == 0, "%u went wrong; the last: %s", wrong, why);
    CHECK(pieces >= LEAST_PIECES && answers > 0 && taken_out > 0, "all of them did something");
    CHECK(left() == WRITERS * BATCHES * ROWS / 2, "%llu rows are left", (unsigned long long)left());
    workspace_close(w);
    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "again: %s", err.text);
    if (w != NULL)
        CHECK(left() == WRITERS * BATCHES * ROWS / 2, "%llu rows are in the file",
              (unsigned long long)left());
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
    snprintf(folder, sizeof folder, "%s/penstock-room-XXXXXX", top != NULL ? top : "/tmp");
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
