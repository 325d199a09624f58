/* hunt_test.c - queries over a workspace: whose rows they see, in which shape, what ends them and how that is told. */
#include "workspace/hunt_bed.h"
#include "workspace/inner.h"

static struct workspace *w;
static const char *const one[] = {ONE};
static const char *const both[] = {ONE, TWO};
static const char *const three[] = {THREE};

/* The answer as text; an end that is none as its kind and why. */
static const char *
asked(const struct hunt_request *r)
{
    static char text[65536];
    struct hunt h;
    struct err err = {""};
    enum status st = hunt_run(w, r, &h, &err);

    if (st == ST_OK)
        bed_print(&h, text, sizeof text);
    else
        snprintf(text, sizeof text, "%d: %s", (int)h.outcome, err.text);
    CHECK((st == ST_OK) == (h.outcome == HUNT_DONE), "%.*s: status %d, outcome %d", (int)r->text.n,
          r->text.p, st, h.outcome);
    hunt_end(&h);
    return text;
}

static void
check_answer(const struct hunt_request *r, const char *expected)
{
    struct hunt_request each = *r;

    for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
        each.engine = (enum hunt_engine)engine;
        const char *got = asked(&each);

        CHECK(strcmp(got, expected) == 0, "engine %d: %.*s:\n  '%s' is not\n  '%s'", engine,
              (int)r->text.n, r->text.p, got, expected);
    }
}

static void
fill(void)
{
    bed_write(w, ONE, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"DeviceName\":\"ann\",\"Port\":80,\"Size\":"
              "9007199254740993,\"Score\":1.5,\"IsOpen\":true,"
              "\"Key\":\"74be27de-1e4e-49d9-b579-fe0b331d3642\",\"Fields\":{\"a\":[1,2]},"
              "\"Age\":\"1.02:03:04.5\",\"Price\":\"1.10\",\"Text\":\"{\\\"b\\\":5}\",\"More\":7}\n"
              "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceName\":\"Bob\",\"Port\":\"x\"}\n",
              2);
    bed_write(w, TWO, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceName\":\"secret\",\"Port\":1}\n", 1);
    bed_write(w, ONE, "DeviceLogons",
              "{\"Timestamp\":\"2026-03-01T11:00:00Z\",\"AccountName\":\"root\",\"DeviceName\":"
              "\"ann\",\"Port\":22}\n",
              1);
    bed_write(w, TWO, "DeviceLogons",
              "{\"Timestamp\":\"2026-03-01T12:00:00Z\",\"AccountName\":\"secret\",\"DeviceName\":"
              "\"secret\",\"Port\":22}\n",
              1);
    bed_write(w, ONE, "Unheard_CL", "{\"a\":{\"b\":1},\"c\":\"x\"}\n{\"a\":2}\n", 2);
    bed_write(w, TWO, "Foreign_CL", "{\"a\":\"secret\"}\n", 1);
}

static void
check_columns(void)
{
    static const struct {
        const char *name;
        enum hunt_shape shape;
        const char *text, *expected;
    } cases[] = {
        {"every type",                     HUNT_HUNTING,   "DeviceEvents | where DeviceName == 'ann' | project-away Text",
         "2026-03-01T10:00:00.0000000Z|ann|80|9007199254740993|1.5|True|"
         "74be27de-1e4e-49d9-b579-fe0b331d3642|{\"a\":[1,2]}|1.02:03:04.5000000|1.10;"                                                                                                         },
        {"nulls and empty texts",          HUNT_HUNTING,   "DeviceEvents | where DeviceName == 'Bob'",
         "2026-03-02T10:00:00.0000000Z|Bob|~|~|~|~|~|~|~|~|;"                                                                                                                                  },
        {"types",                          HUNT_HUNTING,   "DeviceEvents | getschema | summarize make_list(ColumnType)",
         "[\"datetime\",\"string\",\"int\",\"long\",\"real\",\"bool\",\"guid\",\"dynamic\","
         "\"timespan\",\"decimal\",\"string\"];"                                                                                                                                               },
        {"the workspace's shape",          HUNT_WORKSPACE,
         "DeviceEvents | where DeviceName == 'ann' | project-away _*",                                                     ONE "|2026-03-01T10:00:00.0000000Z|ann|80|{\"b\":5}|DeviceEvents;"  },
        {"a column of another type there", HUNT_WORKSPACE,
         "DeviceEvents | where Text.b == 5 | project Port + 2147483647",                                                   "2147483727;"                                                       },
        {"one that has no other shape",    HUNT_WORKSPACE,
         "DeviceLogons | project Timestamp, AccountName",                                                                  "2026-03-01T11:00:00.0000000Z|root;"                                },
        {"both",                           HUNT_BOTH,
         "DeviceEvents | where Timestamp == TimeGenerated and Size > 0 | project Text, Score",                             "{\"b\":5}|1.5;"                                                    },
        {"what no column holds",           HUNT_HUNTING,
         "DeviceEvents | sort by Timestamp asc | project DeviceName, _Overflow",                                           "ann|{\"More\":7};Bob|{\"Port\":\"x\"};"                            },
        {"it is reached into",             HUNT_HUNTING,   "DeviceEvents | where _Overflow.More == 7 | count",
         "1;"                                                                                                                                                                                  },
        {"it does not show itself",        HUNT_HUNTING,   "DeviceEvents | getschema | count",                             "11;"                                                               },
        {"when it was admitted",           HUNT_HUNTING,
         "DeviceEvents | where ingestion_time() > datetime(2020-01-01) | project DeviceName, "
         "ingestion_time() | sort by DeviceName asc",                                                                      "Bob|2022-09-28T22:13:20.0000000Z;ann|2022-09-28T22:13:20.0000000Z;"},
        {"which no star means",            HUNT_HUNTING,
         "DeviceLogons | where isnotnull(ingestion_time()) | distinct *",                                                  "2026-03-01T11:00:00.0000000Z|root|ann|22;"                         },
        {"nor an answer",                  HUNT_HUNTING,   "DeviceLogons | where isnotnull(ingestion_time())",
         "2026-03-01T11:00:00.0000000Z|root|ann|22;"                                                                                                                                           },
        {"nor getschema",                  HUNT_HUNTING,
         "DeviceLogons | where isnotnull(ingestion_time()) | getschema | count",                                           "4;"                                                                },
        {"nor pack_all",                   HUNT_HUNTING,
         "DeviceLogons | where isnotnull(ingestion_time()) | project p = pack_all() | project "
         "array_length(bag_keys(p))",                                                                                      "4;"                                                                },
        {"and that a join keeps",          HUNT_HUNTING,
         "DeviceLogons | join kind=inner (DeviceEvents) on DeviceName | where ingestion_time() > "
         "datetime(2020-01-01) | project AccountName, Size",                                                               "root|9007199254740993;"                                            },
        {"and a summary",                  HUNT_HUNTING,   "DeviceEvents | summarize max(ingestion_time())",
         "2022-09-28T22:13:20.0000000Z;"                                                                                                                                                       },
        {"but not what is left of it",     HUNT_HUNTING,
         "DeviceLogons | project AccountName | extend t = ingestion_time()",                                               "root|~;"                                                           },
        {"what the catalog does not know", HUNT_HUNTING,
         "Unheard_CL | sort by tostring(Record.c) asc | project t = isnotnull(Timestamp), Record",                         "True|{\"a\":2};True|{\"a\":{\"b\":1},\"c\":\"x\"};"                },
        {"in the workspace's shape",       HUNT_WORKSPACE,
         "Unheard_CL | where Record.a.b == 1 and TimeGenerated > ago(100000d) | count",                                    "1;"                                                                },
        {"columns that only rows tell",    HUNT_HUNTING,
         "DeviceEvents | where isnotnull(Fields) | project Fields | evaluate bag_unpack(Fields)",                          "[1,2];"                                                            },
        {"several tables",                 HUNT_HUNTING,   "DeviceEvents | count; DeviceLogons | count; print 3",
         "2;#1;#3;"                                                                                                                                                                            },
        {"no table at all",                HUNT_HUNTING,   "print a = 1, b = 'x'",                                         "1|x;"                                                              },
        {"an empty one",                   HUNT_HUNTING,   "Empty | summarize c = count(), m = max(Nothing)",              "0|;"                                                               },
        {"only empty ones",                HUNT_HUNTING,   "union Emp* | count",                                           "0;"                                                                },
        {"wildcards mean what has rows",   HUNT_HUNTING,
         "union * | getschema | where ColumnName == "
         "'Nothing' | count",                                                                                              "0;"                                                                },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hunt_request r = bed_request(cases[i].text, one, 1);

        r.shape = cases[i].shape;
        check_answer(&r, cases[i].expected);
    }
}

/* Every way to name a table: what another tenant has is in none. Its texts all are "secret". */
static void
check_tenants(void)
{
    static const char *const queries[] = {
        "DeviceEvents",
        "table('DeviceEvents')",
        "union *",
        "union withsource=T Device*",
        "union isfuzzy=true DeviceEvents, DeviceLogons, Foreign_CL",
        "search '*'",
        "search 'secret'",
        "search in (DeviceEvents, DeviceLogons) 'secret'",
        "find where DeviceName == 'secret'",
        "find in (Device*) where AccountName has 'secret' or DeviceName has 'secret'",
        "DeviceEvents | join kind=fullouter DeviceLogons on DeviceName",
        "DeviceEvents | join kind=leftanti DeviceLogons on DeviceName",
        "DeviceEvents | lookup DeviceLogons on DeviceName",
        "print toscalar(DeviceEvents | where DeviceName == 'secret' | project DeviceName)",
        "print x = 'secret' | where x in ((DeviceEvents | project DeviceName))",
        "DeviceLogons | where DeviceName in ((DeviceEvents | project DeviceName))",
        "let T = materialize(DeviceEvents); union T, (T | take 1)",
        "let f = () { DeviceEvents }; f()",
        "let f = (t: (DeviceName: string)) { t | where DeviceName startswith 's' }; "
        "f(DeviceEvents)",
        "let v = view () { DeviceLogons }; union v, DeviceEvents",
        "DeviceEvents | as X | union X",
        "DeviceEvents | partition by DeviceName (take 5)",
        "DeviceEvents | fork (where DeviceName == 'secret') (project DeviceName)",
        "DeviceEvents | facet by DeviceName",
        "DeviceEvents | evaluate bag_unpack(Fields)",
        "DeviceEvents | summarize make_set(DeviceName), take_any(DeviceName), max(DeviceName)",
        "DeviceEvents | top-nested 5 of DeviceName by count()",
        "DeviceEvents | mv-apply d = pack_array(DeviceName) to typeof(string) on (where d has "
        "'secret')",
        "DeviceEvents | project _Overflow, ingestion_time(), DeviceName",
        "Unheard_CL",
        "DeviceEvents | distinct DeviceName",
        "DeviceEvents | top 5 by Timestamp desc",
        "DeviceEvents | sample 5",
        "DeviceEvents | reduce by DeviceName",
        "DeviceEvents | sort by Timestamp | serialize | extend p = prev(DeviceName), "
        "n = next(DeviceName)",
        "range i from 1 to 1 step 1 | extend s = toscalar(DeviceEvents | summarize "
        "make_list(DeviceName))",
    };
    char counted[32];
    struct hunt_request r;

    for (size_t i = 0; i < COUNT_OF(queries); i++)
        for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
            r = bed_request(queries[i], one, 1);
            r.engine = (enum hunt_engine)engine;
            const char *got = asked(&r);
            /* the query's own word may come back */
            bool is_asked = strstr(queries[i], "x = 'secret'") != NULL;

            CHECK(strstr(got, "secret") == NULL || (is_asked && strcmp(got, "secret;") == 0),
                  "%s: shows another's: %s", queries[i], got);
            CHECK(got[0] == '\0' || got[1] != ':' || strstr(queries[i], "Foreign") != NULL,
                  "%s: ended: %s", queries[i], got);
            r = bed_request(queries[i], three, 1);
            r.engine = (enum hunt_engine)engine;
            got = asked(&r);
            CHECK(strstr(got, "ann") == NULL && strstr(got, "root") == NULL &&
                      (strstr(got, "secret") == NULL || is_asked),
                  "%s: shows others': %s", queries[i], got);
        }
    r = bed_request("Foreign_CL", one, 1);
    CHECK(strncmp(asked(&r), "1: line 1, column 1: KQL101", 27) == 0, "a table of another's");
    r = bed_request("DeviceEvents | count", NULL, 0);
    check_answer(&r, "0;");
    r = bed_request("DeviceEvents | count", three, 1);
    check_answer(&r, "0;");
    r = bed_request("DeviceEvents | count", both, 2);
    check_answer(&r, "3;");
    r = bed_request("DeviceEvents | count", NULL, 0);
    r.sees_all = true;
    check_answer(&r, "3;");
    r = bed_request("DeviceEvents", (const char *const[]){"' OR true --"}, 1);
    CHECK(strstr(asked(&r), "no tenant") != NULL, "a tenant that is none");
    /* in time */
    r = bed_request("union DeviceEvents, DeviceLogons | count", one, 1);
    r.from = 638000000000000000;
    snprintf(counted, sizeof counted, "3;");
    check_answer(&r, counted);
    r.to = INT64_C(639079632000000000); /* 2026-03-01T12:00Z, from which on nothing is seen */
    check_answer(&r, "2;");
    r.from = INT64_C(639079596000000000); /* 11:00, which is seen */
    check_answer(&r, "1;");
    /* by when they came in: the bed's writes have positions 0, 1, 2 ... */
    const struct hunt_window second = {1, 3, INT64_MAX}, late = {2, 3, 638000000000000000},
                             none = {2, 3, 638000000000000001};

    r = bed_request("union DeviceEvents, DeviceLogons | count", both, 2);
    r.window = &second;
    check_answer(&r, "2;");
    r.window = &late;
    check_answer(&r, "4;");
    r.window = &none;
    check_answer(&r, "1;");
}

static void
check_ends(void)
{
    static const struct {
        const char *name, *text;
        struct hunt_limits limits;
        const char *begins;
        enum hunt_engine engine;
    } cases[] = {
        {"no table",            "Nowhere | take 1",                                          {0},                             "1: line 1, column 1: KQL101: ", HUNT_BEST     },
        {"near a table",        "DeviceEvent | take 1",                                      {0},                             "1: line 1, column 1: KQL101: ", HUNT_BEST     },
        {"no query",            "",                                                          {0},                             "1: ",                           HUNT_BEST     },
        {"assert()",
         "DeviceLogons | where assert(Port != 22, 'not that')",                              {0},
         "6: assert() has failed: not that",                                                                                                                   HUNT_BEST     },
        {"not built",           "externaldata(a: string) ['https://x']",                     {0},                             "6: externaldata",               HUNT_BEST     },
        {"rows of an operator",
         "range i from 1 to 100000 step 1 | where i > 5 | count",                            {.rows_max = 1000},
         "2: an operator gave more than 1000 rows",                                                                                                            HUNT_ROWS_ONLY},
        {"memory",
         "range i from 1 to 10000000 step 1 | sort by i desc | project s = strrep('x', 50)", {.memory_max = (size_t)8 << 20},
         "2: the query needs more than the 8 MiB",                                                                                                             HUNT_BEST     },
        {"time",
         "range i from 1 to 100000000 step 1 | summarize max(hash(i))",                      {.time_ms = 50},
         "4: the query took longer",                                                                                                                           HUNT_BEST     },
    };
    struct hunt_request r;
    struct hunt h;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        r = bed_request(cases[i].text, one, 1);
        r.limits = cases[i].limits;
        r.engine = cases[i].engine;
        const char *got = asked(&r);

        CHECK(strncmp(got, cases[i].begins, strlen(cases[i].begins)) == 0, "%s: %s", cases[i].name,
              got);
    }
    r = bed_request("range i from 1 to 100 step 1; range i from 1 to 100 step 1", one, 1);
    r.limits.answer_rows_max = 150;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.partial == HUNT_CUT_ROWS &&
              h.answers.count == 2 && h.answers.items[0].row_count == 100 &&
              h.answers.items[1].row_count == 50 && h.statistics.rows == 150,
          "cut by rows: %d, %u tables, %llu rows", h.partial, h.answers.count,
          (unsigned long long)h.statistics.rows);
    hunt_end(&h);
    r.limits.answer_rows_max = 200;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.partial == HUNT_WHOLE && h.statistics.rows == 200,
          "exactly as many");
    hunt_end(&h);
    r = bed_request("range i from 1 to 100 step 1 | project s = strrep('x', 1000)", one, 1);
    r.limits.answer_size_max = 20000;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.partial == HUNT_CUT_SIZE &&
              h.statistics.size <= 20000 && h.statistics.rows >= 19,
          "cut by size: %d, %llu bytes, %llu rows", h.partial,
          (unsigned long long)h.statistics.size, (unsigned long long)h.statistics.rows);
    hunt_end(&h);
    _Atomic bool cancelled = true;

    r = bed_request("DeviceEvents | count", one, 1);
    r.cancelled = &cancelled;
    CHECK(strncmp(asked(&r), "5: ", 3) == 0, "cancelled before it began: %s", asked(&r));
}

/* What is materialized is run once for all that want it, also where DuckDB runs one of them and the row engine another. */
static void
check_shared(void)
{
    static const char *const queries[] = {
        ("let T = materialize(DeviceEvents | extend r = rand()); T | summarize sum(r); "
         "T | summarize sum(r)"),
        ("let T = materialize(DeviceEvents | extend r = rand()); T | summarize sum(r); "
         "T | mv-expand x = pack_array(r) to typeof(real) | summarize sum(x)"),
        ("let T = materialize(range i from 1 to 5 step 1 | extend r = rand()); T | project d = "
         "bag_pack('r', r) | evaluate bag_unpack(d) | summarize sum(r); T | summarize sum(r)"),
        "let s = toscalar(DeviceEvents | extend r = rand() | summarize sum(r)); print s; print s",
    };

    for (size_t i = 0; i < COUNT_OF(queries); i++)
        for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
            struct hunt_request r = bed_request(queries[i], one, 1);
            struct hunt h;
            struct err err = {""};
            bool is_same;

            r.engine = (enum hunt_engine)engine;
            is_same = hunt_run(w, &r, &h, &err) == ST_OK && h.answers.count == 2 &&
                      h.answers.items[0].row_count == 1 && h.answers.items[1].row_count == 1 &&
                      h.answers.items[0].rows[0][0].r - h.answers.items[1].rows[0][0].r < 1e-9 &&
                      h.answers.items[1].rows[0][0].r - h.answers.items[0].rows[0][0].r < 1e-9;
            CHECK(is_same, "engine %d: %s: %s", engine, queries[i], err.text);
            hunt_end(&h);
        }
}

/* Neither an explanation nor an error shows what the query wants hidden. */
static void
check_hidden(void)
{
    struct hunt_request r = bed_request(
        "DeviceEvents | where DeviceName == h'hush-hush' or DeviceName has h'hush-hush'", one, 1);
    struct hunt h;
    struct err err = {""};

    r.explains = true;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.explanation.n > 0 &&
              memmem(h.explanation.p, h.explanation.n, "hush", 4) == NULL,
          "shown: %.*s", (int)h.explanation.n, h.explanation.p);
    hunt_end(&h);
}

/* What DuckDB itself, and functions of ours inside it, may hold. Tables in memory, so that nothing can be put aside. */
static void
check_memory(void)
{
    static const struct workspace_options options = {
        .catalog = &bed_catalog, .memory_max = (size_t)64 << 20, .threads = 2};
    static const struct {
        const char *name, *text, *begins;
        size_t memory_max;
    } cases[] = {
        {"of DuckDB",                                                 "range i from 1 to 20000000 step 1 | summarize count() by i | count",
         "2: the query needs more memory than it or the database may hold",                                                                                                                                        0              },
        {"of functions of ours",
         "range i from 1 to 300000 step 1 | extend s = strcat(i, strrep('x', 200)) | summarize "
         "l = make_list(s) by i % 3 | project array_length(l)",                                                                                 "2: the query needs more memory than it or the database may hold", (size_t)8 << 20},
        {"lists of many rows, which the row engine makes one by one",
         "range i from 1 to 400 step 1 | mv-expand x = range(1, 5000 + i) to typeof(long) | "
         "summarize count()",                                                                                                                   "2080200;",                                                        (size_t)8 << 20},
        {"lists for which there is no memory at all",
         "range i from 1 to 40 step 1 | mv-expand x = range(1, 500000 + i) to typeof(long) | "
         "summarize count()",                                                                                                                   "2: the query needs more than the 8 MiB",                          (size_t)8 << 20},
        {"none of it",                                                "range i from 1 to 1000000 step 1 | summarize count() by i % 10 | count",
         "10;",                                                                                                                                                                                                    0              },
    };
    struct workspace *files = w, *other = NULL;
    struct err err = {""};
    uint64_t rejected;
    struct hunt_seats_state seats;

    CHECK(workspace_open(WORKSPACE_IN_MEMORY, &options, &w, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hunt_request r = bed_request(cases[i].text, one, 1);

        r.engine = HUNT_MOST;
        r.limits.memory_max = cases[i].memory_max;
        const char *got = asked(&r);

        CHECK(strncmp(got, cases[i].begins, strlen(cases[i].begins)) == 0, "%s: %s", cases[i].name,
              got);
    }
    hunt_seats_look(w, &seats);
    rejected = seats.rejected;
    CHECK(rejected == 0, "%llu rejected", (unsigned long long)rejected);
    /* each opening is tables of its own */
    CHECK(workspace_open(WORKSPACE_IN_MEMORY, &options, &other, &err) == ST_OK && other != w, "%s",
          err.text);
    bed_write(other, ONE, "DeviceLogons", "{\"AccountName\":\"x\"}\n", 1);
    struct hunt_request r = bed_request("DeviceLogons | count", one, 1);

    check_answer(&r, "0;");
    workspace_close(w);
    w = other;
    check_answer(&r, "1;");
    workspace_close(w);
    w = files;
}

/* SQL of ours that DuckDB refuses (here since a function of its own is another) is told of, and the answer is right. */
static void
check_rejected(void)
{
    struct hunt_request r =
        bed_request("DeviceEvents | where DeviceName startswith_cs 'an' | project "
                    "DeviceName",
                    one, 1);
    duckdb_connection c;
    struct hunt_seats_state seats;
    struct hunt h;
    struct err err = {""};

    CHECK(workspace_connect(w, &c, &err) == ST_OK &&
              sql_run(c, "CREATE MACRO starts_with(a, b) AS error('not today')", NULL, &err) ==
                  ST_OK,
          "%s", err.text);
    r.explains = true;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.answers.count == 1 &&
              h.answers.items[0].row_count == 1 && strstr(h.rejected.text, "not today") != NULL &&
              strstr(h.explanation.p, "not today") != NULL,
          "rejected: %s, '%s'", err.text, h.rejected.text);
    hunt_end(&h);
    hunt_seats_look(w, &seats);
    CHECK(seats.rejected == 1, "%llu rejected", (unsigned long long)seats.rejected);
    CHECK(sql_run(c, "DROP MACRO starts_with", NULL, &err) == ST_OK, "%s", err.text);
    /* what no engine can do ends it */
    CHECK(sql_run(c, "ALTER TABLE \"DeviceEvents\" RENAME TO gone", NULL, &err) == ST_OK, "%s",
          err.text);
    CHECK(strncmp(asked(&r), "7: ", 3) == 0, "a table that is gone: %s", asked(&r));
    CHECK(sql_run(c, "ALTER TABLE gone RENAME TO \"DeviceEvents\"", NULL, &err) == ST_OK, "%s",
          err.text);
    duckdb_disconnect(&c);
}

static void
check_checks(void)
{
    struct hunt_request r = bed_request("DeviceEvents | where Port > 1 | project Port", one, 1);
    struct hunt h;
    struct err err = {""};

    r.only_checks = r.explains = true;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.answers.count == 1 &&
              h.answers.items[0].row_count == 0 && h.answers.items[0].schema.count == 1 &&
              h.explanation.n > 0,
          "only checked: %s", err.text);
    hunt_end(&h);
    r.only_checks = false;
    CHECK(hunt_run(w, &r, &h, &err) == ST_OK && h.answers.count == 1 &&
              h.answers.items[0].row_count == 1 && h.explanation.n > 0,
          "run and explained: %s", err.text);
    hunt_end(&h);
    r.text = SPAN_LITERAL("DeviceEvents | where Prt > 1");
    r.only_checks = true;
    CHECK(hunt_run(w, &r, &h, &err) == ST_INVALID && h.outcome == HUNT_REFUSED &&
              h.diagnostics.error_count == 1 && strstr(err.text, "did you mean 'Port'") != NULL,
          "a wrong name: %s", err.text);
    hunt_end(&h);
}

int
main(void)
{
    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    w = bed_open_with(&bed_catalog);
    fill();
    check_columns();
    check_tenants();
    check_ends();
    check_checks();
    check_shared();
    check_hidden();
    check_memory();
    check_rejected();
    workspace_close(w);
    bed_remove();
    return test_end();
}
