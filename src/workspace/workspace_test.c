/* workspace_test.c - records as a sink brings them, and what then stands in the tables. */
#include "base/test.h"
#include "kql/value.h"
#include "workspace/inner.h"
#include "workspace/writer.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TENANT "11111111-2222-3333-4444-555555555555"
#define ENVELOPE(row)                                                                              \
    "{\"time\":\"2026-03-01T10:00:00.0000007Z\",\"tenantId\":\"" TENANT                            \
    "\",\"operationName\":\"Publish\",\"category\":\"c\",\"_TimeReceivedBySvc\":\"x\","            \
    "\"properties\":" row ",\"Tenant\":\"DefaultTenant\"}\r\n"

static char folder[256], path[300];

static int
remove_one(const char *name, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(name);
}

static void
folder_new(void)
{
    const char *top = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/penstock-workspace-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(folder) == NULL)
        exit(2);
    snprintf(path, sizeof path, "%s/w/test.duckdb", folder);
}

static struct workspace *
opened(const struct catalog *catalog)
{
    const struct workspace_options options = {
        .catalog = catalog, .memory_max = (size_t)256 << 20, .threads = 1};
    struct workspace *w = NULL;
    struct err err = {""};

    CHECK(workspace_open(path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    if (w == NULL)
        exit(1);
    return w;
}

static uint64_t offset;

/* Appends as one export does, at its own object's end. */
static struct workspace_rows
written(struct workspace_writer *writer, const char *table, const char *body, uint32_t count)
{
    struct workspace_rows r = {.tenant = TENANT,
                               .table = table,
                               .body = span_of(body),
                               .row_count = count,
                               .position = 77,
                               .row = 3,
                               .object = "test",
                               .offset = offset};

    workspace_write(writer, &r, 1, 638000000000000000);
    if (r.written == WORKSPACE_DONE)
        offset += r.body.n;
    return r;
}

/* The answer's cells of a query, '|' between them, rows one per line; "" of NULL is "~". */
static const char *
asked(struct workspace *w, const char *sql)
{
    static char text[8192], wrapped[70000];
    duckdb_connection c;
    duckdb_result r;
    struct err err = {""};
    size_t at = 0;

    text[0] = '\0';
    /* as text: not every type can be asked for cell by cell */
    snprintf(wrapped, sizeof wrapped,
             strncmp(sql, "SELECT", 6) == 0 ? "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (%s)" : "%s",
             sql);
    if (workspace_connect(w, &c, &err) != ST_OK)
        return "failed: no connection";
    if (sql_run(c, wrapped, &r, &err) != ST_OK) {
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

#define CHECK_ASKED(w, sql, expected)                                                              \
    do {                                                                                           \
        const char *got = asked(w, sql);                                                           \
        CHECK(strcmp(got, expected) == 0, "%s: '%s' is not '%s'", sql, got, expected);             \
    } while (0)

/* ---- cells ---- */

static const struct catalog_column every_columns[] = {
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
    {"x",         COLUMN_STRING,   NULL},
    {"X",         COLUMN_LONG,     NULL},
    {"A\"q'",     COLUMN_STRING,   NULL},
};
static const struct catalog_table every_tables[] = {
    {.name = "Every",
     .family = "configuration",
     .time_column = "Timestamp",
     .columns = every_columns,
     .column_count = COUNT_OF(every_columns)},
    {.name = "every",               .family = "configuration",         .columns = every_columns + 1, .column_count = 1},
};
static const struct catalog every = {.tables = every_tables, .table_count = COUNT_OF(every_tables)};

static const struct {
    const char *name, *json, *column, *value, *overflow;
} cells[] = {
    {"a string",                  "{\"S\":\"abc\"}",                                   "S",         "abc",                            "~"                          },
    {"a long string",             "{\"S\":\"a string of more than twelve bytes\"}",    "S",
     "a string of more than twelve bytes",                                                                                            "~"                          },
    {"escapes",                   "{\"S\":\"a\\\\b\\u00e9\\n\"}",                      "S",         "a\\b\xc3\xa9\n",                 "~"                          },
    {"no string",                 "{}",                                                "S",         "",                               "~"                          },
    {"a string that is null",     "{\"S\":null}",                                      "S",         "",                               "~"                          },
    {"a number as string",        "{\"S\":1.50}",                                      "S",         "1.50",                           "~"                          },
    {"a name in another case",    "{\"s\":\"abc\"}",                                   "S",         "abc",                            "~"                          },
    {"an int",                    "{\"I\":-5}",                                        "I",         "-5",                             "~"                          },
    {"too large an int",          "{\"I\":3000000000}",                                "I",         "~",                              "{\"I\":3000000000}"         },
    {"no int",                    "{\"I\":\"many\"}",                                  "I",         "~",                              "{\"I\":\"many\"}"           },
    {"an int in text",            "{\"I\":\"12\"}",                                    "I",         "12",                             "~"                          },
    {"a long beyond a double",    "{\"L\":639199803770463703}",                        "L",         "639199803770463703",             "~"                          },
    {"the smallest long",         "{\"L\":-9223372036854775808}",                      "L",         "-9223372036854775808",           "~"                          },
    {"beyond long",               "{\"L\":9223372036854775808}",                       "L",         "~",                              "{\"L\":9223372036854775808}"},
    {"a real",                    "{\"R\":0.25}",                                      "R",         "0.25",                           "~"                          },
    {"a bool",                    "{\"B\":true}",                                      "B",         "true",                           "~"                          },
    {"no bool",                   "{\"B\":\"perhaps\"}",                               "B",         "~",                              "{\"B\":\"perhaps\"}"        },
    {"an object",                 "{\"D\":{\"a\":[1, 2.50]}}",                         "D",         "{\"a\":[1, 2.50]}",              "~"                          },
    {"an object in a string",     "{\"D\":\"{\\\"a\\\":1}\"}",                         "D",         "{\"a\":1}",                      "~"                          },
    {"no object in a string",     "{\"D\":\"{a\"}",                                    "D",         "\"{a\"",                         "~"                          },
    {"dynamic null",              "{\"D\":null}",                                      "D",         "~",                              "~"                          },
    {"a guid",                    "{\"G\":\"00112233-4455-6677-8899-AABBCCDDEEFF\"}",  "G",
     "00112233-4455-6677-8899-aabbccddeeff",                                                                                          "~"                          },
    {"a high guid",               "{\"G\":\"ff112233-4455-6677-8899-aabbccddeeff\"}",  "G",
     "ff112233-4455-6677-8899-aabbccddeeff",                                                                                          "~"                          },
    {"a timespan",                "{\"T\":\"1.02:03:04.5\"}",                          "T",         "937845000000",                   "~"                          },
    {"a decimal",                 "{\"C\":12345678901234567890.123456789}",            "C",         "12345678901234567890.123456789",
     "~"                                                                                                                                                           },
    {"ticks",                     "{\"Timestamp\":\"2026-03-01T10:00:00.1234567Z\"}",  "Timestamp", "639079560001234567",
     "~"                                                                                                                                                           },
    {"the event's time",          "{\"Timestamp\":\"2026-03-01T10:00:00.1234567Z\"}",  "$time",
     "639079560001234567",                                                                                                            "~"                          },
    {"no event time",             "{}",                                                "$time",     "638000000000000000",             "~"                          },
    {"no time at all",            "{\"Timestamp\":\"soon\"}",                          "$time",     "638000000000000000",
     "{\"Timestamp\":\"soon\"}"                                                                                                                                    },
    {"unknown members",           "{\"new\":{\"b\":[1]},\"S\":\"s\",\"n\\u00e9\":2}",  "S",         "s",
     "{\"new\":{\"b\":[1]},\"n\\u00e9\":2}"                                                                                                                        },
    {"a member twice",            "{\"S\":\"first\",\"S\":\"second\"}",                "S",         "first",                          "{\"S\":\"second\"}"         },
    {"names differing by case",   "{\"x\":\"small\",\"X\":5}",                         "x",         "small",                          "~"                          },
    {"names differing by case 2", "{\"X\":5,\"x\":\"small\"}",                         "X$2",       "5",                              "~"                          },
    {"a quoted name",             "{\"A\\\"q'\":\"z\"}",                               "S",         "",                               "{\"A\\\"q'\":\"z\"}"        },
    {"an envelope",               ENVELOPE("{\"S\":\"in\",\"I\":4}"),                  "S",         "in",                             "~"                          },
    {"an envelope's time",        ENVELOPE("{\"S\":\"in\"}"),                          "$ingested", "639079560000000007",             "~"                          },
    {"like an envelope",          "{\"time\":\"2026-03-01T10:00:00Z\",\"S\":\"out\"}", "S",         "out",
     "{\"time\":\"2026-03-01T10:00:00Z\"}"                                                                                                                         },
    {"an empty row",              ENVELOPE("{}"),                                      "S",         "",                               "~"                          },
    {"the tenant",                "{}",                                                "$tenant",   TENANT,                           "~"                          },
    {"the position",              "{}",                                                "$position", "77",                             "~"                          },
};

static void
check_cells(void)
{
    struct workspace *w = opened(&every);
    struct workspace_writer *writer = NULL;
    struct err err = {""};

    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    for (size_t i = 0; i < COUNT_OF(cells); i++) {
        struct workspace_rows r = written(writer, "Every", cells[i].json, 1);
        char sql[300], expected[600];

        CHECK(r.written == WORKSPACE_DONE, "%s: %s", cells[i].name, r.err.text);
        snprintf(sql, sizeof sql,
                 "SELECT \"%s\", \"$overflow\" FROM \"Every\" ORDER BY rowid DESC LIMIT 1",
                 cells[i].column);
        snprintf(expected, sizeof expected, "%s|%s", cells[i].value, cells[i].overflow);
        CHECK(strcmp(asked(w, sql), expected) == 0, "%s: '%s' is not '%s'", cells[i].name,
              asked(w, sql), expected);
    }
    CHECK_ASKED(w, "SELECT count(*), min(\"$index\") FROM \"Every\"", "40|0");
    written(writer, "every", "{\"S\":\"another table\"}", 1);
    CHECK_ASKED(w, "SELECT \"S\" FROM \"every$2\"", "another table");
    written(writer, "Unheard", ENVELOPE("{\"a\":1}") "{\"b\":2}", 2);
    CHECK_ASKED(w, "SELECT \"$overflow\" FROM \"$other\" ORDER BY \"$index\"",
                "{\"table\":\"Unheard\",\"record\":{\"a\":1}}\n"
                "{\"table\":\"Unheard\",\"record\":{\"b\":2}}");
    workspace_writer_close(writer);
    workspace_close(w);
}

/* ---- exactly once ---- */

static void
check_once(void)
{
    struct workspace *w = opened(&every);
    struct workspace_writer *writer = NULL;
    struct err err = {""};
    uint64_t length = 1;
    bool same = true;
    struct workspace_rows r[3] = {
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":1}\n{\"I\":2}\n"),
         .row_count = 2,
         .object = "once"},
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":3}\n"),
         .row_count = 1,
         .object = "once",
         .offset = 16},
        {.tenant = TENANT,
         .table = "every",
         .body = SPAN_LITERAL("{\"S\":\"4\"}\n"),
         .row_count = 1,
         .object = "other"  },
    };

    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    CHECK(workspace_object_length(writer, "once", &length, &err) == ST_OK && length == 0,
          "length of nothing: %llu", (unsigned long long)length);
    workspace_write(writer, r, 3, 1);
    for (int i = 0; i < 3; i++)
        CHECK(r[i].written == WORKSPACE_DONE && r[i].err.text[0] == '\0', "%d: %s", i,
              r[i].err.text);
    workspace_write(writer, r, 3, 1);
    CHECK(r[0].written == WORKSPACE_FOREIGN && r[1].written == WORKSPACE_LATER &&
              r[2].written == WORKSPACE_FOREIGN,
          "again: %d %d %d", r[0].written, r[1].written, r[2].written);
    CHECK_ASKED(w, "SELECT count(*) FROM \"Every\" WHERE \"I\" <= 3 AND \"I\" > 0", "3");
    CHECK(workspace_object_length(writer, "once", &length, &err) == ST_OK && length == 24,
          "length: %llu", (unsigned long long)length);
    static const struct {
        uint64_t at;
        const char *bytes;
        bool same;
    } held[] = {
        {0,  "{\"I\":1}\n{\"I\":2}\n",            true },
        {16, "{\"I\":3}\n",                       true },
        {0,  "{\"I\":1}\n{\"I\":2}\n{\"I\":3}\n", true },
        {0,  "{\"I\":1}\n{\"I\":7}\n",            false},
        {0,  "{\"I\":1}\n",                       false},
        {8,  "{\"I\":2}\n",                       false},
        {24, "{\"I\":3}\n",                       false},
    };
    for (size_t i = 0; i < COUNT_OF(held); i++)
        CHECK(workspace_object_holds(writer, "once", held[i].at, span_of(held[i].bytes), &same,
                                     &err) == ST_OK &&
                  same == held[i].same,
              "holds %zu: %d %s", i, same, err.text);

    /* One that is wrong takes nothing of the others with it, nor of itself. */
    struct workspace_rows wrong[] = {
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":100}\n"),
         .row_count = 1,
         .object = "once",
         .offset = 24},
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":101}\n{\"I\":\n"),
         .row_count = 2,
         .object = "once",
         .offset = 34},
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":102}\n"),
         .row_count = 1,
         .object = "once",
         .offset = 51},
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":103}\n"),
         .row_count = 2,
         .object = "count"                     },
        {.tenant = TENANT,
         .table = "Every",
         .body = SPAN_LITERAL("{\"I\":104}\n"),
         .row_count = 1,
         .object = "last"                     },
    };
    static const enum workspace_written results[] = {
        WORKSPACE_DONE, WORKSPACE_REFUSED, WORKSPACE_LATER, WORKSPACE_REFUSED, WORKSPACE_DONE};
    workspace_write(writer, wrong, COUNT_OF(wrong), 1);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK(wrong[i].written == results[i] &&
                  (wrong[i].written == WORKSPACE_DONE) == (wrong[i].err.text[0] == '\0'),
              "wrong %zu: %d %s", i, wrong[i].written, wrong[i].err.text);
    CHECK_ASKED(w,
                "SELECT list(\"I\" ORDER BY \"I\") FROM \"Every\" WHERE \"I\" BETWEEN 100 AND 200",
                "[100, 104]");
    workspace_writer_close(writer);
    workspace_close(w);

    w = opened(&every); /* a file that was closed */
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    CHECK(workspace_object_length(writer, "once", &length, &err) == ST_OK && length == 34,
          "length after opening again: %llu", (unsigned long long)length);
    /* more than a vector, and more than are kept account of */
    enum { MANY = 5000, TIMES = 300 };
    static char many[MANY * 16];
    size_t n = 0;

    for (int i = 0; i < MANY; i++)
        n += (size_t)sprintf(many + n, "{\"L\":%d}\n", 100000 + i);
    struct workspace_rows large = {
        .tenant = TENANT,
        .table = "Every",
        .body = {many, n},
        .row_count = MANY,
        .object = "large"
    };
    workspace_write(writer, &large, 1, 1);
    CHECK(large.written == WORKSPACE_DONE, "large: %s", large.err.text);
    CHECK_ASKED(w,
                "SELECT count(*), sum(\"L\"), count(DISTINCT \"$index\") FROM \"Every\" WHERE "
                "\"L\" BETWEEN 100000 AND 200000",
                "5000|512497500|5000");
    for (uint64_t i = 0; i < TIMES; i++) {
        struct workspace_rows small = {.tenant = TENANT,
                                       .table = "every",
                                       .body = SPAN_LITERAL("{}\n"),
                                       .row_count = 1,
                                       .object = "small",
                                       .offset = 3 * i};

        workspace_write(writer, &small, 1, 1);
        if (small.written != WORKSPACE_DONE)
            CHECK(false, "small: %s", small.err.text);
    }
    CHECK(workspace_object_holds(writer, "small", 3 * (TIMES - 200), (struct span){"{}\n{}\n", 6},
                                 &same, &err) == ST_OK &&
              same,
          "what came last is known");
    CHECK_ASKED(w, "SELECT count(*) <= 320 FROM \"$append\" WHERE object = 'small'", "true");
    workspace_writer_close(writer);
    workspace_close(w);
}

/* ---- the catalog ---- */

static void
check_catalog(void)
{
    static const struct catalog_column later_columns[] = {
        {"Timestamp", COLUMN_DATETIME, NULL},
        {"New",       COLUMN_STRING,   NULL},
        {"L",         COLUMN_STRING,   NULL},
        {"S",         COLUMN_STRING,   NULL},
        {"NewLong",   COLUMN_LONG,     NULL},
    };
    static const struct catalog_table later_tables[] = {
        {.name = "Every",
         .family = "configuration",
         .time_column = "Timestamp",
         .columns = later_columns,
         .column_count = COUNT_OF(later_columns)},
        {.name = "Later",
         .family = "configuration",
         .columns = later_columns + 1,
         .column_count = 1},
    };
    static const struct catalog later = {.tables = later_tables,
                                         .table_count = COUNT_OF(later_tables)};
    struct workspace *w = opened(&later);
    const struct workspace_table *t = workspace_table_find(w, SPAN_LITERAL("Every"));
    struct workspace_writer *writer = NULL;
    struct err err = {""};

    CHECK(t != NULL && t->hunting.count == 5 &&
              workspace_table_find(w, SPAN_LITERAL("every")) == NULL,
          "tables of the later catalog");
    CHECK(t->hunting.columns[2].type == KQL_STRING && t->hunting.columns[2].stored == KQL_LONG,
          "a column that changed its type keeps what is stored");
    CHECK_ASKED(w, "SELECT \"New\", \"NewLong\" FROM \"Every\" LIMIT 1", "|~");
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    offset = 0;
    struct workspace_rows r = {.tenant = TENANT,
                               .table = "Every",
                               .object = "later",
                               .body =
                                   SPAN_LITERAL("{\"New\":\"n\",\"NewLong\":5,\"L\":6,\"I\":7}"),
                               .row_count = 1};
    workspace_write(writer, &r, 1, 1);
    CHECK(r.written == WORKSPACE_DONE, "later: %s", r.err.text);
    CHECK_ASKED(
        w, "SELECT \"New\", \"NewLong\", \"L\", \"I\" FROM \"Every\" ORDER BY rowid DESC LIMIT 1",
        "n|5|6|7");
    workspace_writer_close(writer);
    workspace_close(w);

    workspace_catalog_use(&later);
    w = opened(NULL);
    CHECK(workspace_catalog(w) == &later, "the catalog of who names none");
    workspace_close(w);
    workspace_catalog_use(NULL);

    /* the real one: both shapes of every table can be read */
    snprintf(path, sizeof path, "%s/real.duckdb", folder);
    w = opened(NULL);
    size_t count;
    const struct workspace_table *tables = workspace_tables(w, &count);
    static char sql[65536];

    CHECK(count == catalog_builtin.table_count, "%zu tables", count);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < 2; k++) {
            const struct workspace_shape *shape =
                k == 0 ? &tables[i].hunting : &tables[i].workspace;
            size_t n = (size_t)snprintf(sql, sizeof sql, "SELECT 0");
            const char *got;

            for (size_t c = 0; c < shape->count; c++)
                n += (size_t)snprintf(sql + n, sizeof sql - n, ", %s", shape->columns[c].sql);
            snprintf(sql + n, sizeof sql - n, " FROM %s", tables[i].sql);
            got = asked(w, sql);
            CHECK(got[0] == '\0', "%s: %s", tables[i].catalog->name, got);
        }
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    r = (struct workspace_rows){.tenant = TENANT,
                                .table = "DeviceInfo",
                                .object = "real",
                                .body = SPAN_LITERAL(ENVELOPE(
                                    "{\"Timestamp\":\"2026-03-01T09:00:00Z\",\"DeviceId\":\"d\"}")),
                                .row_count = 1,
                                .position = 255,
                                .row = 16};
    workspace_write(writer, &r, 1, 1);
    CHECK(r.written == WORKSPACE_DONE, "real: %s", r.err.text);
    /* a row of continuous export, as it is made for its table */
    r = (struct workspace_rows){
        .tenant = TENANT,
        .table = "SecurityAlert",
        .object = "alert",
        .body = SPAN_LITERAL("{\"TenantId\":\"ws\",\"TimeGenerated\":\"2026-03-01T09:00:00Z\","
                             "\"AlertName\":\"a\",\"Entities\":\"[{\\\"x\\\":1}]\","
                             "\"ShrunkColumns\":\"Entities\",\"Type\":\"SecurityAlert\"}"),
        .row_count = 1};
    workspace_write(writer, &r, 1, 1);
    CHECK(r.written == WORKSPACE_DONE, "alert: %s", r.err.text);
    CHECK_ASKED(w,
                "SELECT \"TenantId\", \"$time\", \"AlertName\", \"Entities\", \"$overflow\" FROM "
                "\"SecurityAlert\"",
                "ws|639079524000000000|a|[{\"x\":1}]|{\"ShrunkColumns\":\"Entities\"}");
    tables = workspace_table_find(w, SPAN_LITERAL("DeviceInfo"));
    for (size_t c = 0; c < tables->workspace.count; c++) {
        static const char *const rows[][2] = {
            {"TimeGenerated", "639079524000000000"                  },
            {"Timestamp",     "639079524000000000"                  },
            {"TenantId",      TENANT                                },
            {"Type",          "DeviceInfo"                          },
            {"DeviceId",      "d"                                   },
            {"SourceSystem",  "Azure"                               },
            {"_IsBillable",   "true"                                },
            {"_BilledSize",   "9.0"                                 },
            {"_ItemId",       "00000000-0000-00ff-0000-001000000000"},
            {"_TimeReceived", "639079560000000007"                  },
        };

        for (size_t k = 0; k < COUNT_OF(rows); k++)
            if (strcmp(tables->workspace.columns[c].name, rows[k][0]) == 0) {
                snprintf(sql, sizeof sql, "SELECT %s FROM %s", tables->workspace.columns[c].sql,
                         tables->sql);
                CHECK_ASKED(w, sql, rows[k][1]);
            }
    }
    workspace_writer_close(writer);
    workspace_close(w);
}

/* Which workspace it is: told once, kept by the file; rows of a workspace's own tables that say it themselves keep that. */
static void
check_identity(void)
{
    static const struct {
        const char *table, *column, *value;
    } rows[] = {
        {"DeviceInfo",    "TenantId",     "0f0f0f0f-1111-8222-8333-444444444444"   },
        {"SecurityAlert", "TenantId",     "ws|0f0f0f0f-1111-8222-8333-444444444444"},
        {"SecurityAlert", "SourceSystem", "Azure|Azure"                            },
        {"SecurityAlert", "Type",         "SecurityAlert|SecurityAlert"            },
        {"SecurityAlert", "_IsBillable",  "true|true"                              },
    };
    struct workspace_options o = {.guid = "nonsense"};
    struct workspace *w = NULL;
    struct workspace_writer *writer = NULL;
    struct err err = {""};

    CHECK(workspace_open(path, &o, &w, &err) == ST_INVALID, "no GUID");
    o.guid = "0f0f0f0f-1111-8222-8333-444444444444";
    CHECK(workspace_open(path, &o, &w, &err) == ST_OK, "with a GUID: %s", err.text);
    workspace_close(w);
    w = opened(NULL);
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    struct workspace_rows r = {.tenant = TENANT,
                               .table = "SecurityAlert",
                               .object = "second",
                               .body = SPAN_LITERAL("{\"AlertName\":\"b\"}"),
                               .row_count = 1};

    workspace_write(writer, &r, 1, 2);
    CHECK(r.written == WORKSPACE_DONE, "second: %s", r.err.text);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct workspace_table *t = workspace_table_find(w, span_of(rows[i].table));
        bool is_there = false;

        for (size_t c = 0; c < t->workspace.count; c++) {
            static char sql[4096];

            if (strcmp(t->workspace.columns[c].name, rows[i].column) != 0)
                continue;
            snprintf(sql, sizeof sql, "SELECT string_agg(%s, '|' ORDER BY rowid) FROM %s",
                     t->workspace.columns[c].sql, t->sql);
            CHECK_ASKED(w, sql, rows[i].value);
            is_there = true;
        }
        CHECK(is_there, "%s has no %s", rows[i].table, rows[i].column);
    }
    workspace_writer_close(writer);
    workspace_close(w);
}

/* ---- what is not let in ---- */

static void
check_hardened(void)
{
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/penstock-workspace-out.csv'",
        "ATTACH '/tmp/penstock-other.duckdb'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET max_temp_directory_size = '1TB'",
        "INSTALL httpfs",
        "SELECT * FROM '/etc/passwd'",
    };
    struct workspace *w = opened(NULL), *again = opened(NULL);

    CHECK(again == w, "one file, one workspace");
    workspace_close(again);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        CHECK(strncmp(asked(w, refused[i]), "failed:", 7) == 0, "%s went through", refused[i]);
    /* the disk is also the journal's: what is put aside there has its limit */
    CHECK(strstr(asked(w, "SELECT current_setting('max_temp_directory_size')"), "1.0 GiB") != NULL,
          "queries may put aside %s",
          asked(w, "SELECT current_setting('max_temp_directory_size')"));
    workspace_close(w);
}

static void
file_write(const char *name, const char *text, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, text, size) != (ssize_t)size)
        exit(2);
    close(fd);
}

/* What a killed process had put aside goes at the next opening; other files stay. */
static void
check_leavings(void)
{
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {".tmp/duckdb_temp_storage_DEFAULT-0.tmp", false},
        {".out-Ab12Cd",                            false},
        {".out-Ab12Cd.part",                       false},
        {".tmp/mine",                              true },
        {".outside",                               true },
    };
    struct workspace *w = opened(NULL);
    char names[COUNT_OF(files)][WORKSPACE_PATH_MAX + 64], aside[WORKSPACE_PATH_MAX + 8];

    snprintf(aside, sizeof aside, "%s.tmp", workspace_path(w));
    for (size_t i = 0; i < COUNT_OF(files); i++)
        snprintf(names[i], sizeof names[i], "%s%s", workspace_path(w), files[i].name);
    workspace_close(w);
    (void)mkdir(aside, 0700);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        file_write(names[i], "x", 1);
    workspace_close(opened(NULL));
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        CHECK((access(names[i], F_OK) == 0) == files[i].stays, "%s", files[i].name);
        (void)unlink(names[i]);
    }
    (void)rmdir(aside);
}

static void
check_strange(void)
{
    static char zeros[65536];
    struct workspace_options options = {.is_read_only = true};
    struct workspace *w = NULL;
    struct err err = {""};

    snprintf(path, sizeof path, "%s/none.duckdb", folder);
    CHECK(workspace_open(path, &options, &w, &err) == ST_IO && w == NULL, "a missing one: %s",
          err.text);
    options.is_read_only = false;
    file_write(path, "no database at all, but text", 28);
    CHECK(workspace_open(path, &options, &w, &err) == ST_INVALID && strstr(err.text, path) != NULL,
          "a text: %s", err.text);
    memcpy(zeros + 8, "DUCK", 4);
    file_write(path, zeros, sizeof zeros);
    CHECK(workspace_open(path, &options, &w, &err) == ST_IO && strstr(err.text, "damaged") != NULL,
          "a damaged head: %s", err.text);
    unlink(path);
    CHECK(workspace_open("/dev/null", &options, &w, &err) == ST_INVALID, "a device: %s", err.text);
    CHECK(workspace_open("", &options, &w, &err) == ST_INVALID, "no path: %s", err.text);
    options.memory_max = 1;
    CHECK(workspace_open(path, &options, &w, &err) == ST_INVALID, "no memory: %s", err.text);
    options.memory_max = 0;

    duckdb_database other;
    duckdb_connection c;

    CHECK(duckdb_open(path, &other) == DuckDBSuccess &&
              duckdb_connect(other, &c) == DuckDBSuccess &&
              sql_run(c, "CREATE TABLE zoo (a INTEGER)", NULL, &err) == ST_OK,
          "another's file: %s", err.text);
    duckdb_disconnect(&c);
    duckdb_close(&other);
    CHECK(workspace_open(path, &options, &w, &err) == ST_INVALID &&
              strstr(err.text, "no workspace") != NULL,
          "another's file: %s", err.text);
}

int
main(void)
{
    folder_new();
    check_cells();
    check_once();
    check_catalog();
    check_identity();
    check_hardened();
    check_leavings();
    check_strange();
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return test_end();
}
