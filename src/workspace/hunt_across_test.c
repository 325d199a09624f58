/* hunt_across_test.c - queries over several workspaces: which tables a name means, whose rows are seen, what is refused, and that
 * no statement reads two files. */
#include "workspace/hunt_bed.h"
#include "workspace/inner.h"

static const char *const one[] = {ONE};
static const char *const both[] = {ONE, TWO};

/* Another release's catalog: a column in other letters, one of another type, one more, a table that the first does not have. */
static const struct catalog_column late_columns[] = {
    {"Timestamp",   COLUMN_DATETIME, NULL},
    {"AccountName", COLUMN_STRING,   NULL},
    {"devicename",  COLUMN_STRING,   NULL},
    {"Port",        COLUMN_STRING,   NULL},
    {"Added",       COLUMN_LONG,     NULL},
};
static const struct catalog_table late_tables[] = {
    {.name = "DeviceLogons",
     .family = "advanced-hunting",
     .product = "x",
     .time_column = "Timestamp",
     .columns = late_columns,
     .column_count = COUNT_OF(late_columns)     },
    {.name = "Extra",
     .family = "advanced-hunting",
     .product = "x",
     .time_column = "Timestamp",
     .columns = bed_empty_columns,
     .column_count = COUNT_OF(bed_empty_columns)},
};
static const struct catalog late_catalog = {.tables = late_tables,
                                            .table_count = COUNT_OF(late_tables)};

/* ---- the workspaces ---- */

enum { A, B, LATE, PLACES };
static const char *const names[PLACES] = {"a", "b", "late"};
static struct workspace *w[PLACES];
static unsigned asked_count;

/* "b-hunting" is b in hunting's shape, as a database. */
static bool
place_find(void *context, const struct kql_place *place, struct hunt_place *out, struct err *err)
{
    (void)context;
    asked_count++;
    for (size_t i = 0; i < PLACES; i++)
        if (!place->is_database && span_is(place->name, names[i])) {
            *out = (struct hunt_place){w[i], names[i], HUNT_HUNTING};
            return true;
        }
    if (place->is_database && place->cluster.n == 0 && span_is(place->name, "b-workspace")) {
        *out = (struct hunt_place){w[B], "b", HUNT_WORKSPACE};
        return true;
    }
    (void)err_set(err, ST_INVALID, "there is no workspace %.*s here; known: a, b, late",
                  (int)place->name.n, place->name.p);
    return false;
}

static void
open_all(void)
{
    static const struct catalog *const catalogs[] = {NULL, &bed_catalog, &late_catalog};
    char path[400];
    struct err err = {""};

    w[A] = bed_open_with(&bed_catalog);
    for (size_t i = B; i < PLACES; i++) {
        const struct workspace_options options = {
            .catalog = catalogs[i], .memory_max = (size_t)256 << 20, .threads = 2};

        snprintf(path, sizeof path, "%s/%s.duckdb", bed_folder, names[i]);
        CHECK(workspace_open(path, &options, &w[i], &err) == ST_OK, "%s: %s", names[i], err.text);
    }
}

#define LOGON(time, account, device, port)                                                         \
    "{\"Timestamp\":\"2026-03-0" time ":00:00Z\",\"AccountName\":\"" account                       \
    "\",\"DeviceName\":\"" device "\",\"Port\":" port "}\n"

static void
fill(void)
{
    bed_write(w[A], ONE, "DeviceLogons",
              LOGON("1T10", "ann", "x", "1") LOGON("2T10", "bob", "y", "2"), 2);
    bed_write(w[B], ONE, "DeviceLogons",
              LOGON("3T10", "eve", "x", "3") LOGON("4T10", "ann", "z", "4"), 2);
    bed_write(w[A], TWO, "DeviceLogons", LOGON("1T11", "secret", "secret", "5"), 1);
    bed_write(w[B], TWO, "DeviceLogons", LOGON("1T12", "secret", "secret", "6"), 1);
    bed_write(
        w[LATE], ONE, "DeviceLogons",
        "{\"Timestamp\":\"2026-03-05T10:00:00Z\",\"AccountName\":\"new\",\"devicename\":\"q\","
        "\"Port\":\"https\",\"Added\":7}\n",
        1);
    bed_write(w[LATE], ONE, "Extra", "{\"Nothing\":\"extra\"}\n", 1);
    bed_write(w[B], ONE, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceName\":\"x\",\"Port\":80,\"Text\":"
              "\"t\",\"Fields\":{\"a\":[1,2]},\"Price\":\"1.5\"}\n",
              1);
    bed_write(w[B], ONE, "Unheard_CL", "{\"a\":1}\n", 1);
    bed_write(w[B], TWO, "Foreign_CL", "{\"a\":\"secret\"}\n", 1);
}

/* ---- asking ---- */

static struct hunt_request
request_of(const char *text)
{
    struct hunt_request r = bed_request(text, one, 1);

    r.place = place_find;
    r.name = "a";
    return r;
}

static const char *
asked(const struct hunt_request *r)
{
    static char text[16384];
    struct hunt h;
    struct err err = {""};
    enum status st = hunt_run(w[A], r, &h, &err);

    if (st == ST_OK)
        bed_print(&h, text, sizeof text);
    else
        snprintf(text, sizeof text, "%d: %s", (int)h.outcome, err.text);
    CHECK(h.rejected.text[0] == '\0', "%.*s: rejected: %s", (int)r->text.n, r->text.p,
          h.rejected.text);
    hunt_end(&h);
    return text;
}

static void
check_answer(const struct hunt_request *r, const char *name, const char *expected)
{
    struct hunt_request each = *r;

    for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
        each.engine = (enum hunt_engine)engine;
        const char *got = asked(&each);

        CHECK(strcmp(got, expected) == 0, "%s, engine %d: %.*s:\n  '%s' is not\n  '%s'", name,
              engine, (int)r->text.n, r->text.p, got, expected);
    }
}

static const struct {
    const char *name, *text, *expected;
} explicit[] = {
    {"one other",                    "workspace('b').DeviceLogons | summarize max(AccountName)",                             "eve;"                                                            },
    {"itself by its name",           "workspace('a').DeviceLogons | summarize c = count()",                                  "2;"                                                              },
    {"a union",
     "union DeviceLogons, workspace('b').DeviceLogons | summarize count() by AccountName | sort by "
     "AccountName asc",                                                                                                      "ann|2;bob|1;eve|1;"                                              },
    {"one through a let",            "let l = workspace('b').DeviceLogons; union DeviceLogons, l | count",
     "4;"                                                                                                                                                                                      },
    {"a function around it",
     "let f = (p: string) { union DeviceLogons, workspace('b').DeviceLogons | where AccountName == "
     "p }; f('ann') | count",                                                                                                "2;"                                                              },
    {"a name that is a let",         "let n = 'b'; workspace(n).DeviceLogons | count",                                       "2;"                                                              },
    {"the same twice",               "union workspace('b').DeviceLogons, workspace(\"b\").DeviceLogons | count",
     "4;"                                                                                                                                                                                      },
    {"a join",
     "DeviceLogons | join kind=inner (workspace('b').DeviceLogons) on DeviceName | project "
     "AccountName, AccountName1",                                                                                            "ann|eve;"                                                        },
    {"a join with SQL both sides",
     "DeviceLogons | summarize n = count() by AccountName | join kind=leftouter "
     "(workspace('b').DeviceLogons | summarize m = count() by AccountName) on AccountName | sort "
     "by AccountName asc | project AccountName, n, m",                                                                       "ann|1|1;bob|1|~;"                                                },
    {"an in",
     "DeviceLogons | where AccountName in ((workspace('b').DeviceLogons | project AccountName)) | "
     "project AccountName",                                                                                                  "ann;"                                                            },
    {"a toscalar",
     "DeviceLogons | where Timestamp < toscalar(workspace('b').DeviceLogons | summarize "
     "min(Timestamp)) | count",                                                                                              "2;"                                                              },
    {"a wildcard there",
     "union withsource=S workspace('b').Device* | summarize count() by S | sort by S asc",                                   "workspace('b').DeviceEvents|1;workspace('b').DeviceLogons|2;"    },
    {"sources",
     "union withsource=S DeviceLogons, workspace('b').DeviceLogons | summarize count() by S | sort "
     "by S asc",                                                                                                             "DeviceLogons|2;workspace('b').DeviceLogons|2;"                   },
    {"find in",
     "find in (DeviceLogons, workspace('b').DeviceLogons) where AccountName == 'ann' project Port "
     "| sort by Port asc",                                                                                                   "DeviceLogons|1;workspace('b').DeviceLogons|4;"                   },
    {"search in",
     "search in (DeviceLogons, workspace('b').DeviceLogons) 'eve' | project $table, Port",                                   "workspace('b').DeviceLogons|3;"                                  },
    {"what has no table there",      "workspace('b').Unheard_CL | project Record",                                           "{\"a\":1};"                                                      },
    {"other columns",
     "union DeviceLogons, workspace('late').DeviceLogons | project AccountName, DeviceName, "
     "devicename, Port_int, Port_string, Added | where AccountName in ('ann', 'new') | sort by "
     "AccountName asc",                                                                                                      "ann|x||1||~;new||q|~|https|7;"                                   },
    {"a table of its own",           "workspace('late').Extra | project Nothing",                                            "extra;"                                                          },
    {"in brackets",                  "workspace('late').['Extra'] | project Nothing",                                        "extra;"                                                          },
    {"table()",                      "workspace('late').table('Extra') | project Nothing",                                   "extra;"                                                          },
    {"as a resource",                "resource('b').DeviceLogons | count",                                                   "2;"                                                              },
    {"as a database, another shape",
     "database('b-workspace').DeviceEvents | project Type, TenantId",                                                        "DeviceEvents|" ONE ";"                                           },
    {"when it was admitted",
     "union DeviceLogons, workspace('b').DeviceLogons | where ingestion_time() > "
     "datetime(2020-01-01) | count",                                                                                         "4;"                                                              },
    {"take",                         "union DeviceLogons, workspace('b').DeviceLogons | take 3 | count",                     "3;"                                                              },
    {"top",
     "union DeviceLogons, workspace('b').DeviceLogons | top 2 by Timestamp desc | project Port",                             "4;3;"                                                            },
    {"columns that rows tell",
     "workspace('b').DeviceEvents | project Fields | evaluate bag_unpack(Fields)",                                           "[1,2];"                                                          },
    {"materialized",
     "let m = materialize(union DeviceLogons, workspace('b').DeviceLogons); m | count; m | "
     "summarize max(Port)",                                                                                                  "4;#4;"                                                           },
    {"fork",                         "union DeviceLogons, workspace('b').DeviceLogons | fork (count) (summarize max(Port))",
     "4;#4;"                                                                                                                                                                                   },
    {"partition",
     "union DeviceLogons, workspace('b').DeviceLogons | partition by AccountName (summarize n = "
     "count() by AccountName) | sort by AccountName asc",                                                                    "ann|2;bob|1;eve|1;"                                              },
    {"what is not there, forgiven",
     "union isfuzzy=true DeviceLogons, workspace('nope').DeviceLogons, workspace('b').Nope, "
     "(workspace('nope').X | where a == 1), workspace('nope').X* | count",                                                   "2;"                                                              },
    {"all of it missing",            "union isfuzzy=true workspace('nope').DeviceLogons",
     "1: line 1, column 1: KQL101: none of the tables of union exists"                                                                                                                         },
    {"unknown",                      "workspace('nope').DeviceLogons | count",
     "1: line 1, column 1: KQL101: there is no workspace nope here; known: a, b, late"                                                                                                         },
    {"a table that it has not",      "workspace('b').DeviceLogon | count",
     "1: line 1, column 16: KQL101: no table 'DeviceLogon' there; did you mean 'DeviceLogons'?"                                                                                                },
    {"another tenant's there",       "workspace('b').Foreign_CL | count",
     "1: line 1, column 16: KQL101: no table 'Foreign_CL' there"                                                                                                                               },
    {"a wildcard that nothing fits", "union workspace('b').Q*",
     "1: line 1, column 7: KQL101: no table there matches 'Q*'"                                                                                                                                },
    {"a wildcard alone",             "workspace('b').Dev* | count",
     "1: line 1, column 21: KQL001: expected an expression, found '|'"                                                                                                                         },
    {"a function there",             "workspace('b').f() | count",
     "1: line 1, column 16: KQL004: functions of another place cannot be called from here: f()"                                                                                                },
    {"a member behind it",           "workspace('b').DeviceLogons.x | count",
     "1: line 1, column 1: KQL001: behind the name of a table stands a '|', or nothing"                                                                                                        },
    {"another service",              "app('b').requests | count",
     "1: line 1, column 1: KQL004: other databases and clusters cannot be reached from here: "
     "app()"                                                                                                                                                                                   },
    {"another cluster",              "cluster('x').database('b').T | count",
     "1: line 1, column 1: KQL101: there is no workspace b here; known: a, b, late"                                                                                                            },
    {"a table as a value",           "print x = workspace('b').DeviceLogons",
     "1: line 1, column 11: KQL105: a table stands where a value is expected"                                                                                                                  },
    {"a name that rows tell",
     "DeviceLogons | where AccountName in (workspace(DeviceName).DeviceLogons)",                                             "1: line 1, column 48: KQL102: no column or variable 'DeviceName'"},
};

static void
check_explicit(void)
{
    for (size_t i = 0; i < COUNT_OF(explicit); i++) {
        struct hunt_request r = request_of(explicit[i].text);

        check_answer(&r, explicit[i].name, explicit[i].expected);
    }
}

/* ---- workspaces beside ---- */

static void
check_beside(void)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"a name means all",
         "DeviceLogons | summarize count() by AccountName | sort by AccountName asc",                 "ann|2;bob|1;eve|1;new|1;"                    },
        {"a wildcard, too",         "union withsource=S * | summarize count() by S | sort by S asc",
         "DeviceEvents|1;DeviceLogons|5;Extra|1;"                                                                                                   },
        {"what only one has",       "Extra | project Nothing",                                        "extra;"                                      },
        {"no table of the catalog", "Unheard_CL | project Record",                                    "{\"a\":1};"                                  },
        {"sources",
         "union withsource=S DeviceLogons, Extra | summarize count() by S | sort by S asc",           "DeviceLogons|5;Extra|1;"                     },
        {"one behind a pipe",
         "DeviceLogons | union withsource=S Extra | summarize count() by S | sort by S asc",          "DeviceLogons|5;Extra|1;"                     },
        {"search",                  "search 'ann' | summarize count() by $table",                     "DeviceLogons|2;"                             },
        {"find",                    "find where AccountName == 'ann' | summarize count() by source_",
         "DeviceLogons|2;"                                                                                                                          },
        {"columns as united",
         "DeviceLogons | getschema | project ColumnName | take 4 | summarize max(ColumnName), "
         "count()",                                                                                   "Timestamp|4;"                                },
        {"and by their types",
         "DeviceLogons | project Port_int, Port_string, devicename, Added | take 0",                  ""                                            },
        {"said by name it is one",  "workspace('b').DeviceLogons | count",                            "2;"                                          },
        {"a let goes before",       "let Extra = DeviceLogons; Extra | count",                        "5;"                                          },
        {"as the right of a join",
         "Extra | extend k = 1 | join kind=inner (DeviceLogons | extend k = 1) on k | count",         "5;"                                          },
        {"when it was admitted",
         "DeviceLogons | where ingestion_time() > datetime(2020-01-01) | getschema | count",          "7;"                                          },
        {"nothing of the kind",     "Nope | count",                                                   "1: line 1, column 1: KQL101: no table 'Nope'"},
    };
    /* the main one again, and one twice: they count once */
    static const int order[] = {B, A, LATE, B};
    struct hunt_place beside[COUNT_OF(order)];

    for (size_t i = 0; i < COUNT_OF(order); i++)
        beside[i] = (struct hunt_place){w[order[i]], names[order[i]], HUNT_HUNTING};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hunt_request r = request_of(cases[i].text);

        r.beside = beside;
        r.beside_count = COUNT_OF(beside);
        check_answer(&r, cases[i].name, cases[i].expected);
    }
}

/* ---- rights, limits, ends ---- */

static void
check_tenants(void)
{
    static const char text[] = "union DeviceLogons, workspace('b').DeviceLogons | summarize c = "
                               "count(), s = countif(AccountName == 'secret')";
    struct hunt_request r = request_of(text);
    struct hunt_window window = {0, UINT64_MAX, INT64_MAX};

    r.tenants = both;
    r.tenant_count = 2;
    check_answer(&r, "two tenants", "6|2;");
    r.tenant_count = 0;
    check_answer(&r, "no tenant", "0|0;");
    r.sees_all = true;
    check_answer(&r, "an operator", "6|2;");
    r = request_of(text);
    r.from = INT64_C(639080064000000000); /* 2026-03-02T00:00 */
    check_answer(&r, "since then", "3|0;");
    r.window = &window;
    check_answer(&r, "a window of all", "3|0;");
    window.to = 0;
    check_answer(&r, "a window of none", "0|0;");
    r = request_of("workspace('b').DeviceLogons | count");
    r.place = NULL;
    check_answer(&r, "none can be named",
                 "1: line 1, column 1: KQL004: other databases and clusters cannot be reached from "
                 "here: workspace()");
}

static struct workspace *many[HUNT_PLACES_MAX];

static bool
place_many(void *context, const struct kql_place *place, struct hunt_place *out, struct err *err)
{
    (void)context, (void)err;
    *out = (struct hunt_place){many[atoi(place->name.p)], "many", HUNT_HUNTING};
    return true;
}

static void
check_limits(void)
{
    struct hunt_request r = request_of("union DeviceLogons, workspace('b').DeviceLogons | take 4");
    _Atomic bool cancelled = true;
    struct hunt_seats_state seats[PLACES];

    r.limits.rows_max = 3;
    r.engine = HUNT_BEST;
    CHECK(strncmp(asked(&r), "2: ", 3) == 0, "rows: %s", asked(&r));
    r = request_of("workspace('b').DeviceLogons | count");
    r.cancelled = &cancelled;
    CHECK(strcmp(asked(&r), "5: the query was cancelled") == 0, "cancelled: %s", asked(&r));
    r = request_of("let n = toscalar(workspace('b').DeviceLogons | count); range i from 1 to "
                   "100000000000 step 1 | where i % 7 == n + 5 | count");
    r.limits.time_ms = 300;
    CHECK(strncmp(asked(&r), "4: ", 3) == 0, "late: %s", asked(&r));
    for (size_t i = 0; i < PLACES; i++)
        hunt_seats_look(w[i], &seats[i]);
    for (size_t i = 0; i < PLACES; i++)
        CHECK(w[i]->seats.visitor_count == 0 && w[i]->seats.left_ms > 0, "visits of %s", names[i]);
    CHECK(seats[A].given > 100 && seats[B].given == 0 && seats[LATE].given == 0,
          "seats: %llu, %llu", (unsigned long long)seats[A].given,
          (unsigned long long)seats[B].given);
    for (size_t i = 0; i < PLACES; i++)
        CHECK(seats[i].running == 0 && seats[i].waiting == 0, "a seat is still taken");
}

/* As many as may be, and one more. */
static void
check_count(void)
{
    static const struct workspace_options options = {
        .catalog = &late_catalog, .memory_max = (size_t)64 << 20, .threads = 1};
    struct hunt_request r = request_of("");
    char text[8000];
    size_t n = (size_t)snprintf(text, sizeof text, "union DeviceLogons");
    struct err err = {""};

    r.place = place_many;
    for (size_t i = 0; i < HUNT_PLACES_MAX; i++) {
        CHECK(workspace_open(WORKSPACE_IN_MEMORY, &options, &many[i], &err) == ST_OK, "%s",
              err.text);
        bed_write(many[i], ONE, "DeviceLogons", "{\"AccountName\":\"many\"}\n", 1);
    }
    for (size_t i = 0; i + 1 < HUNT_PLACES_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", workspace('%zu').DeviceLogons", i);
    n += (size_t)snprintf(text + n, sizeof text - n, " | count");
    r.text = (struct span){text, n};
    CHECK(strcmp(asked(&r), "101;") == 0, "as many as may be: %s", asked(&r));
    snprintf(text + n - 8, sizeof text - n + 8, ", workspace('%d').DeviceLogons | count",
             HUNT_PLACES_MAX - 1);
    r.text = span_of(text);
    CHECK(strstr(asked(&r), "a query reads 100 workspaces at most") != NULL, "one more: %s",
          asked(&r));
    for (size_t i = 0; i < HUNT_PLACES_MAX; i++)
        workspace_close(many[i]);
}

static void
check_explained(void)
{
    static const struct {
        const char *name, *text, *has, *has_not;
    } cases[] = {
        {"each part is of one",
         "union DeviceLogons, workspace('b').DeviceLogons | where Port > 1 | count",                            "] in workspace b\n",    NULL               },
        {"and the main one's",
         "union DeviceLogons, workspace('b').DeviceLogons | where Port > 1 | count",                            "] in workspace a\n",    NULL               },
        {"one is not named",         "DeviceLogons | count",                                                    "[1]\n",                 "in workspace"     },
        {"what stays together",
         "workspace('b').DeviceLogons | join (workspace('b').DeviceEvents) on DeviceName | count",              "duckdb  count [1]",     "[2]"              },
        {"a summary is one of each",
         "union DeviceLogons, workspace('b').DeviceLogons | where Port > 0 | summarize count(), "
         "dcount(DeviceName) by AccountName",                                                                   "duckdb  summarize [2]", NULL               },
        {"and a count",
         "union DeviceLogons, workspace('b').DeviceLogons | extend x = Port + 1 | where x > 0 | "
         "count",                                                                                               "duckdb  count [2]",     NULL               },
        {"and what is taken",        "union DeviceLogons, workspace('b').DeviceLogons | top 3 by Port",
         "duckdb  top [2]",                                                                                                              NULL               },
        {"a list is not",
         "union DeviceLogons, workspace('b').DeviceLogons | where Port > 0 | summarize "
         "make_list(Port) by AccountName",                                                                      "duckdb  where [2]",     "duckdb  summarize"},
        {"by its own sub-query",
         "DeviceEvents | where DeviceName in ((union DeviceLogons, workspace('b').DeviceLogons | "
         "distinct DeviceName))",                                                                               "duckdb  summarize [3]", NULL               },
        {"why it is not",            "DeviceLogons | join (workspace('b').DeviceEvents) on DeviceName | count",
         "it reads tables of several workspaces",                                                                                        NULL               },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hunt_request r = request_of(cases[i].text);
        struct hunt h;
        struct err err = {""};

        r.explains = true;
        CHECK(hunt_run(w[A], &r, &h, &err) == ST_OK &&
                  memmem(h.explanation.p, h.explanation.n, cases[i].has, strlen(cases[i].has)) !=
                      NULL &&
                  (cases[i].has_not == NULL ||
                   memmem(h.explanation.p, h.explanation.n, cases[i].has_not,
                          strlen(cases[i].has_not)) == NULL),
              "%s: %s\n%.*s", cases[i].name, err.text, (int)h.explanation.n, h.explanation.p);
        hunt_end(&h);
    }
}

int
main(void)
{
    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    open_all();
    fill();
    check_explicit();
    check_beside();
    check_tenants();
    check_explained();
    check_count();
    check_limits();
    for (size_t i = 0; i < PLACES; i++)
        workspace_close(w[i]);
    bed_remove();
    return test_end();
}
