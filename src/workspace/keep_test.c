/* keep_test.c - rows taken out by time, tenant, predicate, age and size; what is left; and rows written to Parquet, read back
 * by DuckDB. */
#include "base/clock.h"
#include "base/test.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <dirent.h>
#include <unistd.h>

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"

static char folder[200], path[400];
static uint64_t offset;

static const struct catalog_column columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"S",         COLUMN_STRING,   NULL},
    {"s",         COLUMN_STRING,   NULL},
    {"I",         COLUMN_INT,      NULL},
    {"L",         COLUMN_LONG,     NULL},
    {"R",         COLUMN_REAL,     NULL},
    {"B",         COLUMN_BOOL,     NULL},
    {"D",         COLUMN_DYNAMIC,  NULL},
    {"G",         COLUMN_GUID,     NULL},
    {"T",         COLUMN_TIMESPAN, NULL},
    {"C",         COLUMN_DECIMAL,  NULL},
};
static const struct catalog_column workspace_columns[] = {
    {"TimeGenerated", COLUMN_DATETIME, NULL},
    {"TenantId",      COLUMN_STRING,   NULL},
    {"L",             COLUMN_LONG,     NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Every",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = COUNT_OF(columns),
     .workspace_time_column = "TimeGenerated",
     .workspace_columns = workspace_columns,
     .workspace_column_count = COUNT_OF(workspace_columns)},
    {.name = "Other",
     .family = "advanced-hunting",
     .time_column = "Timestamp",
     .columns = columns,
     .column_count = 2     },
};
static const struct catalog catalog = {.tables = tables, .table_count = COUNT_OF(tables)};

static struct workspace *
opened(void)
{
    const struct workspace_options options = {
        .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 1};
    struct workspace *w = NULL;
    struct err err = {""};

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    if (w == NULL)
        exit(1);
    return w;
}

static struct workspace *
fresh(void)
{
    unlink(path);
    offset = 0;
    return opened();
}

static void
append(struct workspace *w, const char *tenant, const char *table, const char *body, uint32_t count)
{
    struct workspace_writer *writer = NULL;
    struct err err = {""};
    struct workspace_rows r = {.tenant = tenant,
                               .table = table,
                               .body = span_of(body),
                               .row_count = count,
                               .position = offset,
                               .object = "test",
                               .offset = offset};

    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    workspace_write(writer, &r, 1, 638000000000000000);
    CHECK(r.written == WORKSPACE_DONE, "%s: %s", table, r.err.text);
    offset += r.body.n;
    workspace_writer_close(writer);
}

static const char *
asked(struct workspace *w, duckdb_connection other, const char *sql)
{
    static char text[16384], wrapped[20000];
    duckdb_connection c = NULL;
    duckdb_result r;
    struct err err = {""};
    size_t at = 0;

    text[0] = '\0';
    snprintf(wrapped, sizeof wrapped, "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (%s)", sql);
    if (other == NULL && workspace_connect(w, &c, &err) != ST_OK)
        return "failed: no connection";
    if (sql_run(other != NULL ? other : c, wrapped, &r, &err) != ST_OK) {
        duckdb_disconnect(&c);
        snprintf(text, sizeof text, "failed: %s", err.text);
        return text;
    }
    for (idx_t i = 0; i < duckdb_row_count(&r); i++)
        for (idx_t k = 0; k < duckdb_column_count(&r); k++) {
            char *cell = duckdb_value_varchar(&r, k, i);

            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s",
                                   k > 0   ? "|"
                                   : i > 0 ? "\n"
                                           : "",
                                   cell != NULL ? cell : "~");
            duckdb_free(cell);
        }
    duckdb_destroy_result(&r);
    duckdb_disconnect(&c);
    return text;
}

#define CHECK_ASKED(w, other, sql, expected)                                                       \
    do {                                                                                           \
        const char *got = asked(w, other, sql);                                                    \
        CHECK(strcmp(got, expected) == 0, "%s: '%s' is not '%s'", sql, got, expected);             \
    } while (0)

/* ---- what is taken out ---- */

#define AT(day, letter, number)                                                                    \
    "{\"Timestamp\":\"2026-03-0" #day "T00:00:00Z\",\"S\":\"" letter "\",\"L\":" #number "}\n"

static void
fill(struct workspace *w)
{
    append(w, TENANT_A, "Every", AT(1, "alpha beta", 1) AT(2, "gamma", 2) AT(3, "alpha", 3), 3);
    append(w, TENANT_B, "Every", AT(1, "alpha beta", 4) AT(4, "delta", 5), 2);
    append(w, TENANT_A, "Other", AT(1, "x", 0), 1);
    append(w, TENANT_A, "Stranger", "{\"a\":1}", 1);
}

static void
check_purge(void)
{
    /* clang-format off */
    static const struct {
        const char *name, *table, *tenant, *from, *until, *where;
        uint64_t rows;    /* UINT64_MAX: refused */
        const char *left; /* of L in Every; the error's pieces of what is refused */
    } rows[] = {
        {"all that is old",                 NULL,       NULL,       NULL,                   "2026-03-02T00:00:00Z", NULL,                               4,          "2,3,5"                 },
        {"of one table",                    "Every",    NULL,       NULL,                   "2026-03-02T00:00:00Z", NULL,                               2,          "2,3,5"                 },
        {"of one tenant",                   "Every",    TENANT_B,   NULL,                   NULL,                   NULL,                               2,          "1,2,3"                 },
        {"between two times",               "Every",    NULL,       "2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z", NULL,                               2,          "1,4,5"                 },
        {"by a predicate that SQL carries", "Every",    NULL,       NULL,                   NULL,                   "L > 3",                            2,          "1,2,3"                 },
        {"by one of the language",          "Every",    NULL,       NULL,                   NULL,                   "S has 'beta'",                     2,          "2,3,5"                 },
        {"and of one tenant",               "Every",    TENANT_A,   NULL,                   NULL,                   "S has 'beta'",                     1,          "2,3,4,5"               },
        {"and in a time",                   "Every",    NULL,       "2026-03-02T00:00:00Z", NULL,                   "S startswith 'ALPHA'",             1,          "1,2,4,5"               },
        {"by a workspace's column",         "Every",    NULL,       NULL,                   NULL,                   "TimeGenerated < datetime(2026-03-02)", 2,      "2,3,5"                 },
        {"by a regex",                      "Every",    NULL,       NULL,                   NULL,                   "S matches regex '^(gam|del)'",     2,          "1,3,4"                 },
        {"by what is null",                 "Every",    NULL,       NULL,                   NULL,                   "isnull(I)",                        5,          "~"                     },
        {"none",                            "Every",    NULL,       NULL,                   NULL,                   "false",                            0,          "1,2,3,4,5"             },
        {"with a remark behind it",         "Every",    NULL,       NULL,                   NULL,                   "L == 1 // this one",               1,          "2,3,4,5"               },
        {"of tables that nobody knows",     "",         NULL,       NULL,                   NULL,                   NULL,                               1,          "1,2,3,4,5"             },
        {"no such table",                   "Nothing",  NULL,       NULL,                   NULL,                   NULL,                               UINT64_MAX, "has no table Nothing"  },
        {"no such column",                  "Every",    NULL,       NULL,                   NULL,                   "Q == 1",                           UINT64_MAX, "the predicate: "       },
        {"no predicate",                    "Every",    NULL,       NULL,                   NULL,                   "L",                                UINT64_MAX, "the predicate: "       },
        {"an empty one",                    "Every",    NULL,       NULL,                   NULL,                   "",                                 UINT64_MAX, "the predicate: "       },
        {"a statement of another table",         "Every",    NULL,       NULL,                   NULL,                   "true); Other | where (true",       UINT64_MAX, "no table 'Other'" },
        {"the number of its row",           "Every",    NULL,       NULL,                   NULL,                   "['$rowid'] >= 0",                  UINT64_MAX, "may name columns"      },
        {"all of its row",                  "Every",    NULL,       NULL,                   NULL,                   "tostring(pack_all()) has \"rowid\"", UINT64_MAX, "may name columns"    },
        {"the number of another row",       "Every",    NULL,       NULL,                   NULL,                   "L == toscalar(Every | summarize max(['$rowid']))", UINT64_MAX, "the predicate: " },
        {"another statement in it",         "Every",    NULL,       NULL,                   NULL,                   "true); Every | where (true",       UINT64_MAX, "a predicate is wanted" },
        {"another operator in it",          "Every",    NULL,       NULL,                   NULL,                   "true) | take 1 | where (true",     UINT64_MAX, "a predicate is wanted" },
        {"of what the table itself says",    "Every",    TENANT_A,   NULL,                   NULL,                   "L in (Every | where S == \'gamma\' | project L)",         1, "1,3,4,5"         },
        {"by its count, of that tenant",                "Every",    TENANT_A,       NULL,                   NULL,                   "L == toscalar(Every | count)",     1, "1,2,4,5"         },
        {"another tenant by its column",    "Every",    TENANT_A,   NULL,                   NULL,                   "TenantId == '" TENANT_B "' or true", 3,        "4,5"                   },
        {"a tenant that is none",           "Every",    "x' OR 1",  NULL,                   NULL,                   NULL,                               UINT64_MAX, "is no tenant"          },
        {"a predicate for all tables",      NULL,       NULL,       NULL,                   NULL,                   "true",                             UINT64_MAX, "one table"             },
    };
    /* clang-format on */

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (int only_counts = 1; only_counts >= 0; only_counts--) {
            struct workspace *w = fresh();
            struct workspace_rows_wanted wanted = {
                .from = INT64_MIN, .until = INT64_MAX, .tenant = rows[i].tenant};
            struct err err = {""};
            uint64_t n = 0;

            fill(w);
            if (rows[i].table != NULL)
                wanted.table = span_of(rows[i].table);
            if (rows[i].where != NULL)
                wanted.where = span_of(rows[i].where);
            if ((rows[i].from != NULL && !kql_read_datetime(span_of(rows[i].from), &wanted.from)) ||
                (rows[i].until != NULL &&
                 !kql_read_datetime(span_of(rows[i].until), &wanted.until)))
                CHECK(false, "a time of %s", rows[i].name);
            enum status st = workspace_purge(w, &wanted, only_counts != 0, &n, &err);

            if (rows[i].rows == UINT64_MAX) {
                CHECK(st == ST_INVALID && strstr(err.text, rows[i].left) != NULL, "%s: %d '%s'",
                      rows[i].name, st, err.text);
            } else {
                CHECK(st == ST_OK && n == rows[i].rows, "%s: %d %llu '%s'", rows[i].name, st,
                      (unsigned long long)n, err.text);
                CHECK_ASKED(w, NULL, "SELECT string_agg(\"L\", ',' ORDER BY \"L\") FROM \"Every\"",
                            only_counts != 0 ? "1,2,3,4,5" : rows[i].left);
            }
            workspace_close(w);
        }
}

/* Ended while it looks for rows: none of them goes, and writers go on. */
static void
check_purge_ended(void)
{
    struct workspace *w = fresh();
    struct workspace_rows_wanted wanted = {.table = SPAN_LITERAL("Every"),
                                           .from = INT64_MIN,
                                           .until = INT64_MAX,
                                           .where = SPAN_LITERAL("S has 'alpha'"),
                                           .deadline_ms = 1};
    struct err err = {""};
    uint64_t n = 7;

    fill(w);
    CHECK(workspace_purge(w, &wanted, false, &n, &err) == ST_FULL && n == 0, "late: %llu '%s'",
          (unsigned long long)n, err.text);
    CHECK_ASKED(w, NULL, "SELECT count(*) FROM \"Every\"", "5");
    fill(w);
    wanted.deadline_ms = clock_monotonic_ms() + 60000;
    CHECK(workspace_purge(w, &wanted, false, &n, &err) == ST_OK && n == 6, "in time: %llu '%s'",
          (unsigned long long)n, err.text);
    CHECK_ASKED(w, NULL, "SELECT count(*) FROM \"Every\"", "4");
    workspace_close(w);
}

/* ---- sizes, age, size ---- */

struct totals {
    uint64_t rows, bytes;
    unsigned tables;
};

static void
total(void *app, const struct workspace_size *s)
{
    struct totals *t = app;

    t->tables++;
    t->rows += s->rows;
    t->bytes += s->bytes;
}

/* Rows that do not compress, a day each thousand. */
static void
fill_large(struct workspace *w, unsigned rows)
{
    size_t room = (size_t)rows * 400 + 1, n = 0;
    char *body = malloc(room);
    uint64_t random = 88172645463325252u;

    for (unsigned i = 0; i < rows; i++) {
        char text[260];

        for (size_t k = 0; k < sizeof text - 1; k++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            text[k] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[random % 64];
        }
        text[sizeof text - 1] = '\0';
        n += (size_t)snprintf(body + n, room - n,
                              "{\"Timestamp\":\"2026-03-%02uT00:00:00Z\",\"S\":\"%s\"}\n",
                              1 + i * 28 / rows, text);
    }
    append(w, TENANT_A, "Every", body, rows);
    free(body);
}

static uint64_t keep_age_ms, keep_size;

static void
keep_of(void *app, const char *table, uint64_t *age_ms, uint64_t *size_max)
{
    (void)app;
    *age_ms = strcmp(table, "Every") == 0 ? keep_age_ms : 0;
    *size_max = strcmp(table, "Every") == 0 ? keep_size : 0;
}

static void
check_retain(void)
{
    enum { ROWS = 60000 };
    struct workspace_keeping k = {.of = keep_of};
    struct workspace *w = fresh();
    struct totals before = {0}, after = {0}, theirs = {0};
    struct err err = {""};
    uint64_t rows = 7;

    fill(w);
    fill_large(w, ROWS);
    CHECK_ASKED(w, NULL, "SELECT 1", "1");
    (void)asked(w, NULL, "SELECT 1");
    workspace_close(w); /* moves the log into the file */
    w = opened();
    CHECK(workspace_sizes(w, NULL, total, &before, &err) == ST_OK && before.tables == 3 &&
              before.rows == ROWS + 7 && before.bytes > (uint64_t)ROWS * 150,
          "%u tables, %llu rows, %llu bytes: %s", before.tables, (unsigned long long)before.rows,
          (unsigned long long)before.bytes, err.text);
    CHECK(workspace_sizes(w, TENANT_B, total, &theirs, &err) == ST_OK && theirs.tables == 1 &&
              theirs.rows == 2 && theirs.bytes < 4096,
          "one tenant's: %u, %llu rows, %llu bytes", theirs.tables, (unsigned long long)theirs.rows,
          (unsigned long long)theirs.bytes);
    if (!kql_read_datetime(SPAN_LITERAL("2026-03-29T00:00:00Z"), &k.now))
        CHECK(false, "now");
    CHECK(workspace_retain(w, &k, &rows, &err) == ST_OK && rows == 0, "no limits: %s", err.text);
    keep_age_ms = UINT64_C(14) * 24 * 3600 * 1000;
    CHECK(workspace_retain(w, &k, &rows, &err) == ST_OK && rows > ROWS / 3 && rows < ROWS * 2 / 3,
          "by age: %llu", (unsigned long long)rows);
    CHECK_ASKED(w, NULL, "SELECT min(\"Timestamp\") = 639091296000000000 FROM \"Every\"", "true");
    keep_age_ms = 0;
    keep_size = before.bytes / 4;
    CHECK(workspace_retain(w, &k, &rows, &err) == ST_OK && rows > 0, "by size: %s", err.text);
    CHECK(workspace_sizes(w, NULL, total, &after, &err) == ST_OK && after.rows > ROWS / 10 &&
              after.rows < ROWS * 3 / 10,
          "%llu rows are left", (unsigned long long)after.rows);
    CHECK_ASKED(w, NULL, "SELECT count(*) FROM \"Every\" WHERE \"Timestamp\" >= 639102528000000000",
                "2142");
    workspace_close(w);
}

/* ---- Parquet ---- */

static void
check_export(void)
{
    static const char *const rows = "{\"Timestamp\":\"2026-03-01T10:00:00.1234567Z\",\"S\":\"a'"
                                    "\\\"b\\u00e9\",\"s\":\"small\",\"I\":-5,"
                                    "\"L\":9223372036854775807,\"R\":0.1,\"B\":true,\"D\":{\"k\":["
                                    "1,\"x\"]},\"G\":\"0f0f0f0f-1111-"
                                    "8222-8333-444444444444\",\"T\":\"1.02:03:04.0000005\",\"C\":"
                                    "\"12345678901234567890.123456789\"}\n"
                                    "{\"Timestamp\":\"0001-01-01T00:00:00Z\"}\n"
                                    "{\"Timestamp\":\"1969-12-31T23:59:59.9999999Z\",\"L\":-"
                                    "9223372036854775808,\"R\":\"nan\"}\n"
                                    "{\"Timestamp\":\"9999-12-31T23:59:59.9999999Z\",\"L\":0}\n";
    /* clang-format off */
    static const struct {
        const char *name, *more, *answer;
    } questions[] = {
        {"every type",
         "\"S\", s_2, \"I\", \"L\", \"R\", \"B\", \"D\", \"G\", \"T\", \"C\" FROM f WHERE \"I\" = -5",
         "a'\"b\xc3\xa9|small|-5|9223372036854775807|0.1|true|{\"k\":[1,\"x\"]}|0f0f0f0f-1111-8222-8333-"
         "444444444444|937840000005|12345678901234567890.123456789"                                            },
        {"times to the microsecond, downwards",
         "epoch_us(\"Timestamp\") FROM f ORDER BY 1",
         "-62135596800000000\n-1\n1772359200123456\n253402300799999999"                                        },
        {"and to the tick",
         "\"Timestamp_ticks\" FROM f ORDER BY 1",
         "0\n621355967999999999\n639079560001234567\n3155378975999999999"                                      },
        {"the lowest long",                     "min(\"L\") FROM f",                       "-9223372036854775808"},
        {"nulls",                               "count(*) FROM f WHERE \"I\" IS NULL AND \"C\" IS NULL AND "
                                                "\"D\" IS NULL AND \"S\" = ''",                                      "3"                   },
        {"a time of UTC",                       "typeof(\"Timestamp\") FROM f LIMIT 1",    "TIMESTAMP WITH TIME ZONE"},
    };
    /* clang-format on */
    struct workspace *w = fresh();
    char file[300], sql[1000];
    struct workspace_export e = {
        .rows = {.table = SPAN_LITERAL("Every"), .from = INT64_MIN, .until = INT64_MAX},
        .path = file
    };
    duckdb_database database;
    duckdb_connection c = NULL;
    struct err err = {""};
    uint64_t n = 0;

    snprintf(file, sizeof file, "%s/it's.parquet", folder);
    append(w, TENANT_A, "Every", rows, 4);
    append(w, TENANT_B, "Every", "{\"L\":77}", 1);
    e.rows.tenant = TENANT_A;
    CHECK(workspace_export(w, &e, &n, &err) == ST_OK && n == 4, "export: %llu %s",
          (unsigned long long)n, err.text);
    CHECK(duckdb_open(NULL, &database) == DuckDBSuccess &&
              duckdb_connect(database, &c) == DuckDBSuccess,
          "a database to read it");
    snprintf(sql, sizeof sql, "CREATE VIEW f AS SELECT * FROM read_parquet('%s/it''s.parquet')",
             folder);
    CHECK(sql_run(c, sql, NULL, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        snprintf(sql, sizeof sql, "SELECT %s", questions[i].more);
        CHECK_ASKED(w, c, sql, questions[i].answer);
    }
    snprintf(
        sql, sizeof sql,
        "SELECT decode(value) FROM parquet_kv_metadata('%s/it''s.parquet') WHERE decode(key) = "
        "'penstock.types'",
        folder);
    CHECK_ASKED(
        w, c, sql,
        "{\"Timestamp\":\"datetime\",\"S\":\"string\",\"s_2\":\"string\",\"I\":\"int\",\"L\":"
        "\"long\","
        "\"R\":\"real\",\"B\":\"bool\",\"D\":\"dynamic\",\"G\":\"guid\",\"T\":\"timespan\",\"C\":"
        "\"decimal\"}");
    e.rows.tenant = NULL;
    e.rows.where = SPAN_LITERAL("L == 77");
    e.is_workspace_shape = e.no_ticks = true;
    CHECK(workspace_export(w, &e, &n, &err) == ST_OK && n == 1, "replaced: %s", err.text);
    snprintf(
        sql, sizeof sql,
        "SELECT * EXCLUDE (\"TimeGenerated\", _TimeReceived) FROM read_parquet('%s/it''s.parquet')",
        folder);
    CHECK_ASKED(w, c, sql, TENANT_B "|77|00000000-0000-019e-0000-000000000000");
    /* a file that cannot be written leaves nothing behind */
    e.path = "/no/such/folder/x.parquet";
    CHECK(workspace_export(w, &e, &n, &err) == ST_IO, "no folder: %s", err.text);
    snprintf(file, sizeof file, "%s/", folder);
    e.path = file;
    CHECK(workspace_export(w, &e, &n, &err) == ST_INVALID, "a folder: %s", err.text);
    e.rows.table = SPAN_LITERAL("Nothing");
    CHECK(workspace_export(w, &e, &n, &err) == ST_INVALID, "no table: %s", err.text);
    duckdb_disconnect(&c);
    duckdb_close(&database);
    workspace_close(w);
}

/* Ends before its time, each way; nothing is left behind. */
static void
check_export_ended(void)
{
    enum { ROWS = 20000, APPENDS = 8 }; /* a row group has 122,880 rows: the file grows by them */
    static const _Atomic bool yes = true, no = false;
    struct workspace *w = fresh();
    char file[300], part[310], *body = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&body, &size);
    struct workspace_export e = {
        .rows = {.table = SPAN_LITERAL("Every"), .from = INT64_MIN, .until = INT64_MAX},
        .path = file
    };
    struct err err = {""};
    uint64_t n = 0;

    snprintf(file, sizeof file, "%s/ended.parquet", folder);
    snprintf(part, sizeof part, "%s.part", file);
    for (int i = 0; i < ROWS; i++)
        fprintf(out, "%s{\"L\":%d}", i > 0 ? "\r\n" : "", i);
    fclose(out);
    for (int i = 0; i < APPENDS; i++)
        append(w, TENANT_A, "Every", body, ROWS);
    free(body);

    e.rows.cancelled = &yes;
    CHECK(workspace_export(w, &e, &n, &err) == ST_FULL, "cancelled: %s", err.text);
    e.rows.cancelled = &no;
    e.rows.deadline_ms = 1;
    CHECK(workspace_export(w, &e, &n, &err) == ST_FULL && strstr(err.text, "longer") != NULL,
          "late: %s", err.text);
    e.rows.deadline_ms = clock_monotonic_ms() + 60000;
    e.size_max = 1;
    CHECK(workspace_export(w, &e, &n, &err) == ST_END && strstr(err.text, "1 bytes") != NULL,
          "too large: %s", err.text);
    CHECK(access(file, F_OK) != 0 && access(part, F_OK) != 0, "nothing is left");
    e.size_max = 64 << 20;
    CHECK(workspace_export(w, &e, &n, &err) == ST_OK && n == (uint64_t)ROWS * APPENDS,
          "within its limits: %llu %s", (unsigned long long)n, err.text);
    workspace_close(w);
}

/* ---- a file written anew ---- */

static void
check_compact(void)
{
    enum { ROWS = 30000 };
    const struct workspace_options options = {.catalog = &catalog, .threads = 1};
    struct workspace_rows_wanted wanted = {.table = SPAN_LITERAL("Every"),
                                           .from = INT64_MIN,
                                           .until = INT64_MAX,
                                           .where = SPAN_LITERAL("hash(S, 10) > 0 and isnull(L)")};
    struct workspace *w = fresh();
    struct err err = {""};
    uint64_t rows, before = 0, after = 0;
    char stale[500], order[200];

    fill(w);
    fill_large(w, ROWS);
    workspace_close(w);
    w = opened();
    CHECK(workspace_purge(w, &wanted, false, &rows, &err) == ST_OK && rows > ROWS / 2, "%s",
          err.text);
    snprintf(order, sizeof order, "%s",
             asked(w, NULL, "SELECT md5(string_agg(\"S\", ',' ORDER BY rowid)) FROM \"Every\""));
    CHECK(workspace_compact(path, &options, &before, &after, &err) != ST_OK,
          "not while it is open");
    workspace_close(w);
    snprintf(stale, sizeof stale, "%s.compact", path); /* of a kill */
    FILE *f = fopen(stale, "w");

    CHECK(f != NULL && fputs("half", f) >= 0 && fclose(f) == 0, "a file that was left");
    CHECK(workspace_compact(path, &options, &before, &after, &err) == ST_OK && after < before / 2,
          "%llu bytes before, %llu after: %s", (unsigned long long)before,
          (unsigned long long)after, err.text);
    CHECK(access(stale, F_OK) != 0, "it is gone");
    w = opened();
    CHECK_ASKED(w, NULL, "SELECT md5(string_agg(\"S\", ',' ORDER BY rowid)) FROM \"Every\"", order);
    CHECK_ASKED(w, NULL, "SELECT count(*) FROM \"$cursor\"",
                "1"); /* exports go on where they stood */
    append(w, TENANT_A, "Every", AT(5, "more", 6), 1);
    CHECK_ASKED(w, NULL, "SELECT string_agg(\"L\", ',' ORDER BY \"L\") FROM \"Every\"",
                "1,2,3,4,5,6");
    workspace_close(w);
    CHECK(workspace_compact("/no/such/file", &options, &before, &after, &err) == ST_IO, "no file");
}

/* ---- what is open ---- */

static void
state_note(void *app, const struct workspace_state *s)
{
    struct workspace_state *out = app;

    *out = *s;
}

static void
check_states(void)
{
    static struct workspace_state s;
    struct workspace_rows_wanted wanted = {.from = INT64_MIN, .until = INT64_MAX};
    struct workspace *w = fresh();
    struct err err;
    uint64_t rows;

    fill(w);
    workspace_states(state_note, &s);
    CHECK(strcmp(s.path, workspace_path(w)) == 0 && s.rows == 7 && s.added_rows == 7 &&
              s.commits == 4 && s.removed_rows == 0 && s.log_bytes > 0,
          "%llu rows, %llu commits", (unsigned long long)s.rows, (unsigned long long)s.commits);
    CHECK(workspace_purge(w, &wanted, false, &rows, &err) == ST_OK && rows == 7, "purge");
    workspace_states(state_note, &s);
    CHECK(s.rows == 0 && s.removed_rows == 7, "%llu rows", (unsigned long long)s.rows);
    workspace_close(w);
    memset(&s, 0, sizeof s);
    workspace_states(state_note, &s);
    CHECK(s.path[0] == '\0', "none is open");
    w = opened();
    workspace_states(state_note, &s);
    CHECK(s.rows == 0 && s.commits == 0, "anew: %llu rows", (unsigned long long)s.rows);
    workspace_close(w);
}

static void
folder_empty(void)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    char name[500];

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(name, sizeof name, "%s/%.200s", folder, e->d_name);
        CHECK(strstr(name, ".part") == NULL, "%s was left", name);
        unlink(name);
    }
    if (d != NULL)
        closedir(d);
    rmdir(folder);
}

int
main(void)
{
    const char *top = getenv("TMPDIR");

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    snprintf(folder, sizeof folder, "%s/penstock-keep-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/test.duckdb", folder);
    check_purge();
    check_purge_ended();
    check_retain();
    check_export();
    check_export_ended();
    check_compact();
    check_states();
    folder_empty();
    return test_end();
}
