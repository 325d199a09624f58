/* collect_test.c - uploaded rows through data flows: what leaves for the journal, byte for byte; and what is refused. */
#include "base/test.h"
#include "match/collect.h"
#include "model/datetime.h"

#define NOW "2026-09-14T08:07:45.2820995Z"
#define STAMP(column) "{\"" column "\":\"" NOW "\","

static const struct collect_column declared[] = {
    {"Time",   COLUMN_DATETIME},
    {"Host",   COLUMN_STRING  },
    {"Number", COLUMN_INT     },
    {"Bag",    COLUMN_DYNAMIC },
};

/* Rows that clang-format cannot lay out. */
/* clang-format off */
static const struct {
    const char *name;
    const char *table, *input, *kql; /* input NULL: the declared columns */
    const char *row, *leaves;        /* leaves NULL: dropped */
} rows[] = {
    {"a row of a custom table with its time stays as it is", "X_CL", NULL, NULL,
     "{ \"TimeGenerated\" : \"x\", \"A\":1.50 }", "{ \"TimeGenerated\" : \"x\", \"A\":1.50 }"},
    {"one without gets the time it came", "X_CL", NULL, NULL, "{\"A\":1}",
     STAMP("TimeGenerated") "\"A\":1}"},
    {"so does an empty one", "X_CL", NULL, NULL, "{}", "{\"TimeGenerated\":\"" NOW "\"}"},
    {"and one whose time is null", "X_CL", NULL, NULL, "{\"A\":1,\"TimeGenerated\":null}",
     "{\"A\":1,\"TimeGenerated\":\"" NOW "\"}"},
    {"a hunting table has its own name for it", "DeviceInfo", "DeviceInfo", NULL,
     "{\"TimeGenerated\":\"2026-01-01T00:00:00Z\",\"DeviceId\":\"d\"}",
     "{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"DeviceId\":\"d\"}"},
    {"however it is written", "DeviceInfo", "DeviceInfo", NULL,
     "{\"Time\\u0047enerated\":\"2026-01-01T00:00:00Z\"}",
     "{\"Timestamp\":\"2026-01-01T00:00:00Z\"}"},
    {"a row that has both keeps both", "DeviceInfo", "DeviceInfo", NULL,
     "{\"TimeGenerated\":\"a\",\"Timestamp\":\"b\"}", "{\"TimeGenerated\":\"a\",\"Timestamp\":\"b\"}"},
    {"unless its own is null", "DeviceInfo", "DeviceInfo", NULL,
     "{\"TimeGenerated\":\"a\",\"Timestamp\":null}", "{\"TimeGenerated\":\"a\",\"Timestamp\":\"a\"}"},
    {"neither: the time it came", "DeviceInfo", "DeviceInfo", NULL, "{\"TimeGenerated\":null}",
     STAMP("Timestamp") "\"TimeGenerated\":null}"},
    {"a table without time gets none", "ExposureGraphNodes", "ExposureGraphNodes", NULL,
     "{\"NodeId\":\"n\"}", "{\"NodeId\":\"n\"}"},
    {"a workspace table's time is its own", "SecurityAlert", "SecurityAlert", NULL,
     "{\"TimeGenerated\":\"a\"}", "{\"TimeGenerated\":\"a\"}"},
    {"what a workspace has as an object travels as text", "DeviceEvents", "DeviceEvents", NULL,
     "{\"Timestamp\":\"a\",\"AdditionalFields\":{\"a\":\"b\\n\",\t\"c\":[1,\n2]}}",
     "{\"Timestamp\":\"a\",\"AdditionalFields\":\"{\\\"a\\\":\\\"b\\\\n\\\",\\t\\\"c\\\":[1,\\n2]}\"}"},
    {"text stays text", "DeviceEvents", "DeviceEvents", NULL,
     "{\"Timestamp\":\"a\",\"AdditionalFields\":\"{}\"}",
     "{\"Timestamp\":\"a\",\"AdditionalFields\":\"{}\"}"},
    {"what a workspace has as text travels as a number", "IdentityLogonEvents",
     "IdentityLogonEvents", NULL, "{\"Timestamp\":\"a\",\"Port\":\"443\",\"DestinationPort\":\"\"}",
     "{\"Timestamp\":\"a\",\"Port\":443,\"DestinationPort\":\"\"}"},
    {"unless it is none", "IdentityLogonEvents", "IdentityLogonEvents", NULL,
     "{\"Timestamp\":\"a\",\"Port\":\"0443\"}", "{\"Timestamp\":\"a\",\"Port\":\"0443\"}"},
    {"a query drops", "X_CL", NULL, "source | where Number > 1", "{\"Number\":1}", NULL},
    {"or passes, and the time is seen to behind it", "X_CL", NULL, "source | where Number > 1",
     "{\"Number\":2,\"More\":true}", STAMP("TimeGenerated") "\"Number\":2,\"More\":true}"},
    {"or makes columns", "X_CL", NULL,
     "source | project TimeGenerated = Time, Host = toupper(Host), k = tostring(Bag.k)",
     "{\"Time\":\"2026-01-01T00:00:00Z\",\"Host\":\"a\",\"Bag\":{\"k\":\"v\"}}",
     "{\"TimeGenerated\":\"2026-01-01T00:00:00Z\",\"Host\":\"A\",\"k\":\"v\"}"},
    {"what it leaves without a time gets one", "X_CL", NULL, "source | project Host",
     "{\"Host\":\"a\"}", STAMP("TimeGenerated") "\"Host\":\"a\"}"},
    {"now() is the time it came", "X_CL", NULL, "source | project TimeGenerated = now()", "{}",
     "{\"TimeGenerated\":\"" NOW "\"}"},
    {"a query over a table sees its workspace's columns", "DeviceInfo", "DeviceInfo",
     "source | where TimeGenerated > datetime(2026-01-01) and DeviceId == 'd'",
     "{\"TimeGenerated\":\"2026-01-02T00:00:00Z\",\"DeviceId\":\"d\"}",
     "{\"Timestamp\":\"2026-01-02T00:00:00Z\",\"DeviceId\":\"d\"}"},
    {"and may fill a table of hunting's", "DeviceInfo", NULL,
     "source | project TimeGenerated = Time, DeviceName = Host",
     "{\"Time\":\"2026-01-01T00:00:00Z\",\"Host\":\"h\"}",
     "{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"DeviceName\":\"h\"}"},
};

static const struct {
    const char *name, *table, *input, *kql, *says;
} refusals[] = {
    {"no such column",              "X_CL",          NULL,         "source | where Nmber > 1",             "line 1, column 16: KQL102"                  },
    {"no KQL",                      "X_CL",          NULL,         "source | where (",                     "KQL001"                                     },
    {"another table",               "X_CL",          NULL,         "DeviceInfo",                           "KQL"                                        },
    {"not row by row",              "X_CL",          NULL,         "source | summarize count()",           "KQL201"                                     },
    {"a time that is none",         "X_CL",          NULL,         "source | project TimeGenerated = Host",
     "column TimeGenerated string, and the output stream has it as datetime"                                                                             },
    {"a column of the wrong type",  "SecurityAlert", NULL,         "source | project AlertName = Number",
     "column AlertName int, and the output stream has it as string"                                                                                      },
    {"nothing is known of a table", "X_CL",          "Nothing",    "source | where A == 1",                "KQL102"                                     },
    {"random",                      "X_CL",          NULL,         "source | extend r = rand()",           "KQL201"                                     },
    {"a query of a table",          "DeviceInfo",    "DeviceInfo", "source | where Number == 1",           "KQL102"                                     },
};

/* clang-format on */

static char text[4096], memory[256 << 10];

static struct collect *
made(const char *table, const char *input, const char *kql, enum status *st, struct err *err)
{
    const struct collect_source source = {
        .catalog = &catalog_builtin,
        .table = table,
        .input = input,
        .columns = input == NULL ? declared : NULL,
        .column_count = COUNT_OF(declared),
        .kql = kql,
    };
    struct collect *c = NULL;

    *st = collect_make(&source, &c, err);
    return c;
}

static void
check_row(size_t i)
{
    const struct scan_limits limits = {1 << 20, 64, 1024};
    struct arena a = {memory, sizeof memory, 0};
    struct scanner s;
    struct scan_record record;
    struct scan_fault fault;
    struct collect_run *run = NULL;
    struct span out = {"", 0};
    struct err err = {""};
    enum status st;
    int64_t now;
    struct collect *c = made(rows[i].table, rows[i].input, rows[i].kql, &st, &err);

    CHECK(st == ST_OK && collect_run_make(c, &run, &err) == ST_OK, "%s: %s", rows[i].name,
          err.text);
    if (run == NULL)
        return;
    CHECK(datetime_read(span_of(NOW), &now), "the test's own time");
    snprintf(text, sizeof text, "%s", rows[i].row);
    CHECK(scanner_init(&s, &a, SCAN_ROWS, &limits, &err) == ST_OK &&
              scan_next(&s, text, strlen(text), true, &record, &fault) == SCAN_RECORD,
          "%s: the test's own row", rows[i].name);
    for (int again = 0; again < 2; again++) { /* nothing is left over from the row before */
        st = collect_row(run, (struct span){text + record.at, record.size}, record.values,
                         record.value_count, now, &out, &err);
        if (rows[i].leaves == NULL)
            CHECK(st == ST_END, "%s: %.*s", rows[i].name, (int)out.n, out.p);
        else
            CHECK(st == ST_OK && span_is(out, rows[i].leaves), "%s: %.*s", rows[i].name, (int)out.n,
                  out.p);
    }
    CHECK(collect_exhausted(run) == 0, "%s", rows[i].name);
    collect_run_free(run);
    collect_free(c);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(i);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct err err = {""};
        enum status st;
        struct collect *c = made(refusals[i].table, refusals[i].input, refusals[i].kql, &st, &err);

        CHECK(st == ST_INVALID && strstr(err.text, refusals[i].says) != NULL, "%s: %d %s",
              refusals[i].name, (int)st, err.text);
        collect_free(c);
    }
    return test_end();
}
