/* cmd_query_test.c - what the command prints of a query, where, and how it ends; tables read from
 * files. */
#include "base/base.h"
#include "base/test.h"
#include "penstock/cmd_query.h"
#include "workspace/workspace.h"
#include <fcntl.h>
#include <unistd.h>

static char out[1 << 18], errors[8192], folder[64];

/* Runs the command with both outputs in files; gives its exit code. 'input': standard input. */
static int
run(const char *const *words, const char *input, const char *out_path)
{
    static char copies[12][2048];
    char *argv[14], paths[3][32];
    int argc = 0, code, kept[3], fds[3];

    argv[argc++] = strcpy(copies[0], "query");
    for (; words[argc - 1] != NULL; argc++) {
        const char *word = words[argc - 1], *at = strstr(word, "DIR");

        if (at != NULL) /* the test's folder */
            snprintf(copies[argc], sizeof copies[argc], "%.*s%s%s", (int)(at - word), word, folder,
                     at + 3);
        else
            snprintf(copies[argc], sizeof copies[argc], "%s", word);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        strcpy(paths[i], "/tmp/cmd_query.XXXXXX");
        kept[i] = dup(i);
        fds[i] = mkstemp(paths[i]);
        unlink(paths[i]);
        if (i == 0 && input != NULL)
            CHECK(write(fds[0], input, strlen(input)) == (ssize_t)strlen(input) &&
                      lseek(fds[0], 0, SEEK_SET) == 0,
                  "input");
        dup2(fds[i], i);
    }
    if (out_path != NULL) {
        int fd = open(out_path, O_WRONLY | O_CLOEXEC);

        dup2(fd, 1);
        close(fd);
    }
    rewind(stdin);
    code = cmd_query(argc, argv);
    fflush(stdout);
    clearerr(stdout);
    for (int i = 0; i < 3; i++) {
        char *to = i == 1 ? out : errors;
        ssize_t n = i == 0 ? 0 : pread(fds[i], to, (i == 1 ? sizeof out : sizeof errors) - 1, 0);

        if (i > 0)
            to[n < 0 ? 0 : n] = '\0';
        dup2(kept[i], i);
        close(kept[i]);
        close(fds[i]);
    }
    return code;
}

static void
write_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
}

#define VALUES                                                                                     \
    "print l = 1, r = 2.5, n = real(nan), s = 'a,\"b\" | c', t = datetime(2024-01-02 03:04:05), "  \
    "d = 1d, g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j = dynamic({'k': [1]}), b = true, "  \
    "z = long(null)"

static const struct {
    const char *name;
    const char *words[10];
    const char *input;
    int code;
    const char *out, *errors; /* what each has in it; NULL: nothing at all */
} cases[] = {
    {"json",
     {VALUES, "--format", "json"},
     NULL,                                                                                              0,
     "{\"columns\":[{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"r\",\"type\":\"real\"},"
     "{\"name\":\"n\",\"type\":\"real\"},{\"name\":\"s\",\"type\":\"string\"},{\"name\":\"t\","
     "\"type\":\"datetime\"},{\"name\":\"d\",\"type\":\"timespan\"},{\"name\":\"g\",\"type\":"
     "\"guid\"},{\"name\":\"j\",\"type\":\"dynamic\"},{\"name\":\"b\",\"type\":\"bool\"},"
     "{\"name\":\"z\",\"type\":\"long\"}],\n\"rows\":[\n[1,2.5,\"NaN\",\"a,\\\"b\\\" | c\","
     "\"2024-01-02T03:04:05.0000000Z\",\"1.00:00:00\",\"74be27de-1e4e-49d9-b579-fe0b331d3642\","
     "{\"k\":[1]},true,null]]}\n",                                                                                                  NULL                                         },
    {"ndjson",
     {VALUES " | project l, s, j, z", "--format", "ndjson"},
     NULL,                                                                                              0,
     "{\"l\":1,\"s\":\"a,\\\"b\\\" | c\",\"j\":{\"k\":[1]},\"z\":null}\n",                                                          NULL                                         },
    {"csv",
     {VALUES " | project l, s, j, z", "--format", "csv"},
     NULL,                                                                                              0,
     "l,s,j,z\r\n1,\"a,\"\"b\"\" | c\",\"{\"\"k\"\":[1]}\",\r\n",                                                                   NULL                                         },
    {"markdown",
     {VALUES " | project l, s", "--format", "markdown"},
     NULL,                                                                                              0,
     "|   l | s          |\n| --: | ---------- |\n|   1 | a,\"b\" \\| c |\n",                                                       NULL                                         },
    {"table",
     {"datatable(a: long, s: string)[1, \"x\\ty\", 100, \"z\"]", "--format", "table"},
     NULL,                                                                                              0,
     "  a  s\n---  ----\n  1  x\\ty\n100  z\n",                                                                                     NULL                                         },
    {"checked in the shape of hunting",
     {"--check", "--format", "csv", "DeviceInfo | project Timestamp, AdditionalFields"},
     NULL,                                                                                              0,
     "AdditionalFields,1,System.String,string",                                                                                     NULL                                         },
    {"checked in that of a workspace",
     {"--check", "--format", "csv", "DeviceInfo | project TimeGenerated, AdditionalFields"},
     NULL,                                                                                              0,
     "AdditionalFields,1,System.Object,dynamic",                                                                                    "the shape of a workspace here"              },
    {"checked in both",
     {"--check", "--format", "csv",
      "IdentityInfo | where TimeGenerated > ago(1d) | project AccountUpn"},
     NULL,                                                                                              0,
     "AccountUpn,0",                                                                                                                "hunting and a workspace"                    },
    {"checked in neither",
     {"--check", "--format", "csv",
      "DeviceProcessEvents | where TimeGenerated > ago(1d) | project "
      "ProcessVersionInfoCompanyName, nope"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "no column or variable 'TimeGenerated'"      },
    {"json is the default elsewhere",           {"print 1"},                                      NULL, 0, "{\"columns\"",          NULL                                         },
    {"several answers",
     {"print a = 1; print b = 2", "--format", "table"},
     NULL,                                                                                              0,
     "b\n-\n2\n",                                                                                                                   NULL                                         },
    {"several answers as JSON",                 {"print a = 1; print b = 2"},                     NULL, 0, "{\"tables\":[",         NULL                                         },
    {"the query from standard input",
     {"-", "--format", "csv"},
     "print a = 1",                                                                                     0,
     "a\r\n1\r\n",                                                                                                                  NULL                                         },
    {"the query from a file",
     {"--file", "DIR/query.kql", "--format", "csv"},
     NULL,                                                                                              0,
     "a\r\n7\r\n",                                                                                                                  NULL                                         },
    {"no such file",                            {"--file", "DIR/none.kql"},                       NULL, 1, NULL,                    "there is no file"                           },
    {"parameters",
     {"declare query_parameters(n: long); print a = n + 1", "--parameter", "n=41", "--format",
      "csv"},
     NULL,                                                                                              0,
     "a\r\n42\r\n",                                                                                                                 NULL                                         },
    {"a wrong query",                           {"print a = nope"},                               NULL, 1, NULL,                    "query:1:11: error KQL102"                   },
    {"with a marker",                           {"print a = nope"},                               NULL, 1, NULL,                    "print a = nope\n              ^^^^"         },
    {"a query that ends",
     {"range i from 1 to 10 step 1", "--max-rows", "5"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "max-rows"                                   },
    {"memory",
     {"range i from 1 to 1000000 step 1 | sort by i", "--limit-memory", "1MiB"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "limit-memory"                               },
    {"rows",
     {"range i from 1 to 1000000 step 1 | count", "--limit-rows", "1000"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "limit-rows"                                 },
    {"time",
     {"range i from 1 to 1000000000 step 1 | count", "--limit-time", "0.001"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "limit-time"                                 },
    {"check",
     {"DeviceProcessEvents | summarize n = count() by DeviceName", "--check", "--format", "csv"},
     NULL,                                                                                              0,
     "ColumnName,ColumnOrdinal,DataType,ColumnType\r\nDeviceName,0,System.String,string\r\nn,1,"
     "System.Int64,long\r\n",                                                                                                       NULL                                         },
    {"check complains",
     {"DeviceProcessEvents | where ProcesCommandLine == ''", "--check"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "did you mean 'ProcessCommandLine'?"         },
    {"explain",
     {"DeviceInfo | where isnotempty(DeviceName) | take 3", "--explain"},
     NULL,                                                                                              0,
     "DeviceInfo",                                                                                                                  NULL                                         },
    {"a known table without rows",
     {"--local", "DeviceInfo | count"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "table DeviceInfo: no rows were given for it"},
    {"a table from a file",
     {"T | summarize sum(n) by s | sort by s asc", "--table", "T=DIR/rows.ndjson", "--format",
      "csv"},
     NULL,                                                                                              0,
     "s,sum_n\r\na,4\r\nb,2\r\n",                                                                                                   NULL                                         },
    {"types from its rows",
     {"T | getschema | project ColumnName, ColumnType", "--table", "T=DIR/types.ndjson", "--format",
      "csv"},
     NULL,                                                                                              0,
     "l,long\r\nr,real\r\nb,bool\r\ns,string\r\nt,datetime\r\nd,dynamic\r\nm,dynamic\r\nn,"
     "dynamic\r\nlater,long\r\n",                                                                                                   NULL                                         },
    {"values of a mixture",
     {"T | project m, later", "--table", "T=DIR/types.ndjson"},
     NULL,                                                                                              0,
     "[1,null],\n[\"x\",5]",                                                                                                        NULL                                         },
    {"two files of one table",
     {"T | count", "--table", "T=DIR/rows.ndjson", "--table", "T=DIR/more.ndjson", "--format",
      "csv"},
     NULL,                                                                                              0,
     "Count\r\n4\r\n",                                                                                                              NULL                                         },
    {"a table from standard input, read twice",
     {"T | join kind=inner T on n | count", "--table", "T=-", "--format", "csv"},
     "{\"n\":1}\n{\"n\":2}\n",                                                                          0,
     "Count\r\n2\r\n",                                                                                                              NULL                                         },
    {"records of an export",
     {"DeviceInfo | project Timestamp, DeviceName, Extra", "--table",
      "DeviceInfo=DIR/export.ndjson", "--format", "csv"},
     NULL,                                                                                              0,
     "Timestamp,DeviceName,Extra\r\n2024-01-02T03:04:05.1234567Z,pc-1,9\r\n",                                                       NULL                                         },
    {"a known table's columns",
     {"DeviceInfo | getschema | where ColumnName in ('Timestamp', 'Extra') | project ColumnType",
      "--table", "DeviceInfo=DIR/export.ndjson", "--format", "csv"},
     NULL,                                                                                              0,
     "ColumnType\r\ndatetime\r\nlong\r\n",                                                                                          NULL                                         },
    {"columns of both shapes, and their times",
     {"DeviceInfo | project TimeGenerated == Timestamp, TenantId, gettype(AdditionalFields)",
      "--table", "DeviceInfo=DIR/export.ndjson", "--shape", "both", "--format", "csv"},
     NULL,                                                                                              0,
     "\r\ntrue,,",                                                                                                                  NULL                                         },
    {"the time of the other shape alone",
     {"DeviceInfo | where TimeGenerated < now() | count", "--table", "DeviceInfo=DIR/export.ndjson",
      "--shape", "both", "--format", "csv"},
     NULL,                                                                                              0,
     "Count\r\n1\r\n",                                                                                                              NULL                                         },
    {"escapes in names and values",
     {"T | project ['a\"b'], s", "--table", "T=DIR/escapes.ndjson", "--format", "csv"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "a\"b"                                       },
    {"escapes in values",
     {"T | project s", "--table", "T=DIR/escapes.ndjson", "--format", "json"},
     NULL,                                                                                              0,
     "[\"x\\ny\\u0001é\"]",                                                                                                        NULL                                         },
    {"an array of rows",
     {"T | summarize sum(n), take_any(s)", "--table", "T=-", "--format", "csv"},
     "[{\"n\":1,\"s\":{\"a\":1}},\n {\"n\":2}]",                                                        0,
     "sum_n,s\r\n3,\"{\"\"a\"\":1}\"\r\n",                                                                                          NULL                                         },
    {"records of a message",
     {"T | summarize sum(n)", "--table", "T=-", "--format", "csv"},
     "{\"records\":[{\"n\":1},{\"n\":2}]}\n{\"records\":[]}",                                           1,
     NULL,                                                                                                                          "record 3"                                   },
    {"a torn record",
     {"T | count", "--table", "T=DIR/torn.ndjson"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "torn.ndjson, record 2"                      },
    {"no such table file",
     {"T | count", "--table", "T=DIR/none.ndjson"},
     NULL,                                                                                              1,
     NULL,                                                                                                                          "cannot open"                                },
    {"a table without a file",                  {"T | count", "--table", "T"},                    NULL, 1, NULL,                    "say NAME=FILE"                              },
    {"wildcards mean tables with rows",
     {"union withsource = w * | distinct w", "--table", "T=DIR/rows.ndjson", "--table",
      "U=DIR/more.ndjson", "--format", "csv"},
     NULL,                                                                                              0,
     "w\r\nT\r\nU\r\n",                                                                                                             NULL                                         },
    {"batch",
     {"--batch"},
     "{\"id\":1,\"query\":\"print a = 1\"}\n{\"id\":\"x\",\"query\":\"print "
     "nope\"}\nnonsense\n{\"id\":3,\"query\":\"range i from 1 to 2 step 1\"}\n",                        0,
     "{\"id\":1,\"columns\":[{\"name\":\"a\",\"type\":\"long\"}],\"rows\":[[1]]}\n"
     "{\"id\":\"x\",\"error\":{\"code\":\"KQL102\",\"message\":\"no column or variable "
     "'nope'\",\"diagnostics\":[{\"code\":\"KQL102\",\"line\":1,\"column\":7,\"length\":4,\"text\":"
     "\"no column or variable 'nope'\"}]}}\n"
     "{\"id\":null,\"error\":{\"code\":\"usage\",\"message\":\"a line of a batch is {\\\"id\\\": "
     "..., \\\"query\\\": \\\"...\\\"}\"}}\n"
     "{\"id\":3,\"columns\":[{\"name\":\"i\",\"type\":\"long\"}],\"rows\":[[1],[2]]}\n",                                            NULL                                         },
    {"batch: limits",
     {"--batch", "--limit-memory", "1MiB"},
     "{\"id\":1,\"query\":\"range i from 1 to 1000000 step 1 | sort by "
     "i\"}\n{\"id\":2,\"query\":\"print 2\"}\n",                                                        0,
     "{\"id\":2,\"columns\"",                                                                                                       NULL                                         },
    {"functions",                               {"--functions"},                                  NULL, 0, "tolower(",              NULL                                         },
    {"functions of a group",
     {"--functions", "window"},
     NULL,                                                                                              0,
     "row_number(start?: const long, restart?: bool) -> long\n    The row's number",                                                NULL                                         },
    {"no such group",                           {"--functions", "nope"},                          NULL, 2, NULL,                    "no group 'nope'"                            },
    {"help",                                    {"--help"},                                       NULL, 0, "Usage: penstock query", NULL                                         },
    {"nothing to do",                           {NULL},                                           NULL, 2, NULL,                    "say which query"                            },
    {"two queries",                             {"print 1", "print 2"},                           NULL, 2, NULL,                    "one query at a time"                        },
    {"an unknown format",                       {"print 1", "--format", "xml"},                   NULL, 2, NULL,                    "not 'xml'"                                  },
    {"a size that is none",                     {"print 1", "--limit-memory", "many"},            NULL, 2, NULL,                    "not 'many'"                                 },
    {"a number that is none",                   {"print 1", "--max-rows", "-1"},                  NULL, 2, NULL,                    "not '-1'"                                   },
    {"a time that is none",                     {"print 1", "--limit-time", "soon"},              NULL, 2, NULL,                    "not 'soon'"                                 },
    {"an unknown option",                       {"print 1", "--fix"},                             NULL, 2, NULL,                    "--help"                                     },
};

static void
make_files(void)
{
    strcpy(folder, "/tmp/cmd_query.XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "a folder");
    write_file("query.kql", "print a = 3 + 4 // seven\n");
    write_file("rows.ndjson",
               "{\"s\":\"a\",\"n\":1}\n{\"s\":\"b\",\"n\":2}\n\n{\"n\":3,\"s\":\"a\",\"x\":[1]}");
    write_file("more.ndjson", "{\"s\":\"c\",\"n\":9}\n");
    write_file("types.ndjson", "{\"l\":1,\"r\":1,\"b\":true,\"s\":\"2024\",\"t\":\"2024-01-01T10:"
                               "00:00Z\",\"d\":{},\"m\":1,\"n\":null}\n"
                               "{\"l\":2,\"r\":1.5,\"b\":null,\"s\":\"x\",\"t\":\"2024-01-01T10:00:"
                               "00.5Z\",\"d\":[1],\"m\":\"x\",\"later\":5}\n");
    write_file(
        "export.ndjson",
        "{\"time\":\"2024-01-02T03:04:06Z\",\"tenantId\":\"t\",\"category\":\"AdvancedHunting-"
        "DeviceInfo\","
        "\"properties\":{\"Timestamp\":\"2024-01-02T03:04:05.1234567Z\",\"DeviceName\":\"pc-1\","
        "\"Extra\":9}}\n"
        "{\"time\":\"2024-01-02T03:04:06Z\",\"tenantId\":\"t\",\"category\":\"AdvancedHunting-"
        "DeviceEvents\","
        "\"properties\":{\"Timestamp\":\"2024-01-02T03:04:05Z\",\"DeviceName\":\"pc-2\"}}\n");
    write_file("escapes.ndjson", "{\"s\":\"x\\ny\\u0001\\u00e9\",\"a\\\"b\":7}\n");
    write_file("torn.ndjson", "{\"s\":1}\n{\"s\":\n");
}

static void
remove_files(void)
{
    static const char *const names[] = {"query.kql",    "rows.ndjson",   "more.ndjson",
                                        "types.ndjson", "export.ndjson", "escapes.ndjson",
                                        "torn.ndjson"};
    char path[128];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CHECK(rmdir(folder) == 0, "the folder is empty");
}

/* What ends the row engine alone: limits of its own operators, and catalog tables without rows, which a workspace has. */
static bool
is_of_rows(const char *name)
{
    static const char *const names[] = {"memory", "rows", "time", "a known table without rows",
                                        "batch: limits"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* 'engine' NULL: as the case has it. */
static void
check_case(size_t i, const char *engine)
{
    const char *words[COUNT_OF(cases[0].words) + 2] = {NULL};
    const char *name = cases[i].name;
    size_t n = 0;
    int code;

    while (n < COUNT_OF(cases[0].words) && cases[i].words[n] != NULL) {
        words[n] = cases[i].words[n];
        n++;
    }
    if (engine != NULL) {
        words[n++] = "--engine";
        words[n++] = engine;
    }
    words[n] = NULL;
    code = run(words, cases[i].input, NULL);
    CHECK(code == cases[i].code, "%s: exit %d, '%.300s' '%s'", name, code, out, errors);
    CHECK(cases[i].out == NULL ? out[0] == '\0' : strstr(out, cases[i].out) != NULL, "%s: '%.900s'",
          name, out);
    CHECK(cases[i].errors == NULL ? errors[0] == '\0' : strstr(errors, cases[i].errors) != NULL,
          "%s: '%s'", name, errors);
}

int
main(void)
{
    make_files();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(i, NULL);
        if (workspace_is_built() && !is_of_rows(cases[i].name))
            check_case(i, "duckdb");
    }
    CHECK(run((const char *const[]){"print 1", NULL}, NULL, "/dev/full") == 3 &&
              strstr(errors, "No space left") != NULL,
          "a full disk: '%s'", errors);
    remove_files();
    return test_end();
}
