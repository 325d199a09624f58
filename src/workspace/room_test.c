/* room_test.c - rows taken out here and there give their room back while the file is open: same rows, in all their shapes, of each
 * tenant; nothing is done while somebody asks, or where too little would come of it. */
#include "base/clock.h"
#include "base/test.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <sys/stat.h>
#include <unistd.h>

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"

enum {
    GROUP = 122880, /* rows of a full row group */
    BATCH = 20000,
};

static char folder[200], path[400];

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"S",         COLUMN_STRING,   NULL},
    {"I",         COLUMN_INT,      NULL},
    {"L",         COLUMN_LONG,     NULL},
    {"R",         COLUMN_REAL,     NULL},
    {"B",         COLUMN_BOOL,     NULL},
    {"D",         COLUMN_DYNAMIC,  NULL},
    {"G",         COLUMN_GUID,     NULL},
    {"T",         COLUMN_TIMESPAN, NULL},
    {"C",         COLUMN_DECIMAL,  NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Every",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
    {.name = "Other",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = 2                },
};
static const struct catalog catalog = {.tables = tables, .table_count = COUNT_OF(tables)};

static struct workspace *
opened(void)
{
    const struct workspace_options options = {
        .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 2};
    struct workspace *w = NULL;
    struct err err = {""};

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    if (w == NULL)
        exit(1);
    return w;
}

static void
files_remove(void)
{
    char log[420];

    snprintf(log, sizeof log, "%s.wal", path);
    unlink(log);
    unlink(path);
}

static uint64_t
file_bytes(void)
{
    struct stat info;

    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* The answer's first number, -1: none came. */
static int64_t
number(struct workspace *w, const char *sql)
{
    duckdb_connection c = NULL;
    duckdb_result r;
    struct err err = {""};
    int64_t n = -1;

    if (workspace_connect(w, &c, &err) == ST_OK && sql_run(c, sql, &r, &err) == ST_OK) {
        n = duckdb_value_int64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    CHECK(err.text[0] == '\0', "%s: %s", sql, err.text);
    duckdb_disconnect(&c);
    return n;
}

/* Of all rows, whatever their order. */
static int64_t
content(struct workspace *w)
{
    return number(w, "SELECT CAST((bit_xor(hash(t)) + count(*)) % 9223372036854775807 AS BIGINT) "
                     "FROM \"Every\" t");
}

/* ---- rows ---- */

static uint64_t random_state = 88172645463325252u;

static size_t
row_print(char *out, size_t room, unsigned n)
{
    char text[120];

    for (size_t k = 0; k < sizeof text - 1; k++) {
        random_state ^= random_state << 13, random_state ^= random_state >> 7,
            random_state ^= random_state << 17;
        text[k] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[random_state % 64];
    }
    text[sizeof text - 1] = '\0';
    return (size_t)snprintf(
        out, room,
        "{\"Timestamp\":\"2026-03-%02uT%02u:00:00.1234567Z\",\"S\":\"%s\",\"L\":%u%s%s}\n",
        1 + n / 24 % 28, n % 24, text, n,
        n % 7 == 0
            ? ",\"I\":-5,\"R\":0.1,\"B\":true,\"G\":\"0f0f0f0f-1111-8222-8333-444444444444\","
              "\"T\":\"1.02:03:04.0000005\",\"C\":\"12345678901234567890.123456789\""
            : "",
        n % 5 == 0 ? ",\"D\":{\"k\":[1,\"x\"]},\"Extra\":\"of no column\"" : "");
}

static void
append(struct workspace_writer *writer, unsigned from, unsigned count)
{
    const size_t room = (size_t)count * 500 + 1;
    char *body = malloc(room);
    size_t n = 0;
    uint64_t length = 0;
    struct workspace_rows r;
    struct err err = {""};

    for (unsigned i = 0; i < count; i++)
        n += row_print(body + n, room - n, from + i);
    CHECK(workspace_object_length(writer, from / BATCH % 2 == 0 ? "a" : "b", &length, &err) ==
              ST_OK,
          "%s", err.text);
    r = (struct workspace_rows){
        .tenant = from / BATCH % 2 == 0 ? TENANT_A : TENANT_B,
        .table = "Every",
        .body = {body, n},
        .row_count = count,
        .position = from,
        .object = from / BATCH % 2 == 0 ? "a" : "b",
        .offset = length
    };
    workspace_write(writer, &r, 1, 638000000000000000);
    CHECK(r.written == WORKSPACE_DONE, "row %u: %s", from, r.err.text);
    free(body);
}

static void
fill(struct workspace *w, unsigned rows)
{
    struct workspace_writer *writer = NULL;
    struct err err = {""};

    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    for (unsigned i = 0; i < rows; i += BATCH)
        append(writer, i, rows - i < BATCH ? rows - i : BATCH);
    workspace_writer_close(writer);
    CHECK(number(w, "SELECT count(*) FROM \"Every\"") == rows, "all are there");
}

/* A file with these rows, in it and not in its log. */
static struct workspace *
filled(unsigned rows)
{
    struct workspace *w;

    files_remove();
    w = opened();
    fill(w, rows);
    workspace_close(w);
    return opened();
}

static uint64_t
purge(struct workspace *w, const char *where)
{
    const struct workspace_rows_wanted wanted = {
        .table = SPAN_LITERAL("Every"),
        .from = INT64_MIN,
        .until = INT64_MAX,
        .tenant = where == NULL ? TENANT_B : NULL,
        .where = where != NULL ? span_of(where) : (struct span){NULL, 0}
    };
    struct err err = {""};
    uint64_t rows = 0;

    CHECK(workspace_purge(w, &wanted, false, &rows, &err) == ST_OK, "%s: %s",
          where != NULL ? where : "a tenant's", err.text);
    return rows;
}

static struct workspace_compacted
compact(struct workspace *w, uint64_t least)
{
    const struct workspace_compaction how = {.least = least,
                                             .until_ms = clock_monotonic_ms() + 600000};
    struct workspace_compacted done;
    struct err err = {""};

    CHECK(workspace_compact_idle(w, &how, &done, &err) == ST_OK, "compact: %s", err.text);
    return done;
}

/* Rows that the file holds, gone ones included. */
static int64_t
stored(struct workspace *w)
{
    return number(w, "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM "
                     "pragma_storage_info('Every') WHERE column_path = '[0]'");
}

/* ---- what is given back ---- */

static void
check_room(void)
{
    static const struct {
        const char *name, *where;
        uint64_t least;
        bool is_done;
    } rows[] = {
        {"one in ten",              "hash(S, 10) == 0", 1 << 20, true },
        {"one in two",              "hash(S, 2) == 0",  1 << 20, true },
        {"nine in ten",             "hash(S, 10) != 0", 1 << 20, true },
        {"most of the first group", "L < 100000",       1 << 20, true },
        {"one in forty",            "hash(S, 40) == 0", 1 << 16, false},
        {"too little",              "hash(S, 10) == 0", 1 << 30, false},
        {"one tenant's",            NULL,               1 << 20, true },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum { ROWS = 4 * GROUP };
        struct workspace *w = filled(ROWS);
        uint64_t before = file_bytes(), gone = purge(w, rows[i].where);
        int64_t hash = content(w), held = stored(w);
        struct hunt_seat seat;
        struct workspace_compacted done;

        CHECK(hunt_seat_take(&w->seats, &seat, TENANT_A, clock_monotonic_ms() + 1000, NULL) ==
                  ST_OK,
              "a seat");
        done = compact(w, rows[i].least);
        CHECK(done.pieces == 0 && !done.is_over, "%s: not while a query runs", rows[i].name);
        hunt_seat_leave(&w->seats, &seat);
        done = compact(w, rows[i].least);

        uint64_t shrunk = done.after * 100 / before, left = (ROWS - gone) * 100 / ROWS;

        printf("%s: %llu rows of %u gone, %lld held, then %lld; %llu -> %llu -> %llu bytes, %u "
               "pieces, %llu rows, at most %lld ms\n",
               rows[i].name, (unsigned long long)gone, ROWS, (long long)held, (long long)stored(w),
               (unsigned long long)before, (unsigned long long)done.before,
               (unsigned long long)done.after, done.pieces, (unsigned long long)done.rows,
               (long long)done.held_ms_max);
        CHECK(content(w) == hash, "%s: other rows", rows[i].name);
        CHECK(done.is_over, "%s: all is done", rows[i].name);
        CHECK(w->compacted_rows == done.rows && w->compacted_pieces == done.pieces,
              "%s: it is counted", rows[i].name);
        if (rows[i].is_done)
            CHECK(stored(w) <= (int64_t)(ROWS - gone) * 107 / 100 && shrunk <= left * 4 / 3 + 25,
                  "%s: %lld rows are held for %llu, %llu%% of the file", rows[i].name,
                  (long long)stored(w), (unsigned long long)(ROWS - gone),
                  (unsigned long long)shrunk);
        else
            CHECK(done.pieces == 0 && stored(w) == held, "%s: nothing is done", rows[i].name);
        done = compact(w, rows[i].least);
        CHECK(done.pieces == 0, "%s: a second time nothing is done", rows[i].name);
        workspace_close(w);
        w = opened();
        CHECK(content(w) == hash, "%s: other rows after opening", rows[i].name);
        done = compact(w, rows[i].least);
        CHECK(done.pieces == 0, "%s: nor anew", rows[i].name);
        workspace_close(w);
    }
}

int
main(void)
{
    const char *top = getenv("TMPDIR");

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    snprintf(folder, sizeof folder, "%s/penstock-room-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/test.duckdb", folder);
    check_room();
    files_remove();
    rmdir(folder);
    return test_end();
}
