/* cmd_schema_test.c - what the command prints, where, and how it ends. */
#include "base/base.h"
#include "base/test.h"
#include "penstock/cmd_schema.h"
#include <fcntl.h>
#include <unistd.h>

static char out[1 << 17], errors[4096];

/* Runs the command with both outputs in files; gives its exit code. */
static int
run(const char *const *words, const char *out_path)
{
    char copies[6][64], *argv[8],
        paths[2][32] = {"/tmp/cmd_schema.XXXXXX", "/tmp/cmd_schema.XXXXXX"};
    int argc = 0, code, kept[2], fds[2];

    argv[argc++] = strcpy(copies[0], "schema");
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = strcpy(copies[argc], words[argc - 1]);
    argv[argc] = NULL;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        kept[i] = dup(1 + i);
        fds[i] = mkstemp(paths[i]);
        unlink(paths[i]);
        dup2(fds[i], 1 + i);
    }
    if (out_path != NULL) {
        int fd = open(out_path, O_WRONLY);

        dup2(fd, 1);
        close(fd);
    }
    code = cmd_schema(argc, argv);
    fflush(stdout);
    clearerr(stdout);
    for (int i = 0; i < 2; i++) {
        char *to = i == 0 ? out : errors;
        ssize_t n = pread(fds[i], to, (i == 0 ? sizeof out : sizeof errors) - 1, 0);

        to[n < 0 ? 0 : n] = '\0';
        dup2(kept[i], 1 + i);
        close(kept[i]);
        close(fds[i]);
    }
    return code;
}

static int
lines(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static const struct {
    const char *name;
    const char *words[5];
    int code, lines;
    const char *out, *errors; /* what each has in it; NULL: nothing at all */
} cases[] = {
    {"tables",
     {NULL},
     0,                                                                  112,
     "\nDeviceInfo                                 yes        ga       yes               49\n",         NULL                                             },
    {"tables that stream",            {"--streamable"},               0, 43,  "Table  ",                NULL                                             },
    {"tables as JSON",
     {"--json"},
     0,                                                                  1,
     "{\"name\":\"DeviceInfo\",\"streamable\":true,\"status\":\"ga\",",                                 NULL                                             },
    {"a table",
     {"DeviceInfo"},
     0,                                                                  50,
     "ColumnName             ColumnType\nTimestamp              datetime\nDeviceId               "
     "string\n",                                                                                        NULL                                             },
    {"a table as JSON",
     {"DeviceInfo", "--json"},
     0,                                                                  1,
     "[{\"ColumnName\":\"Timestamp\",\"ColumnType\":\"datetime\"},",                                    NULL                                             },
    {"a table in a workspace",        {"--workspace", "DeviceInfo"},  0, 56,  "TimeGenerated ",         NULL                                             },
    {"a table that is spelled wrong",
     {"deviceinfo"},
     1,                                                                  0,
     NULL,                                                                                              "no table 'deviceinfo'; did you mean DeviceInfo?"},
    {"a table that is not there",     {"Unheard-of"},                 1, 0,   NULL,                     "no table 'Unheard-of'"                          },
    {"two tables",
     {"DeviceInfo", "AlertInfo"},
     2,                                                                  0,
     NULL,                                                                                              "one table at a time, not also 'AlertInfo'"      },
    {"an unknown option",             {"--nothing"},                  2, 0,   NULL,                     "--help"                                         },
    {"streamable of a table",         {"DeviceInfo", "--streamable"}, 2, 0,   NULL,                     "for the list"                                   },
    {"workspace without a table",     {"--workspace"},                2, 0,   NULL,                     "needs a table"                                  },
    {"help",                          {"--help"},                     0, 14,  "Usage: penstock schema", NULL                                             },
};

/* Tables and columns that a configuration adds. */
static void
test_config(void)
{
    static const char text[] =
        "catalog:\n  tables:\n    - name: Invoices_CL\n      columns: {When: "
        "datetime, Amount: real}\n";
    char path[] = "/tmp/cmd_schema_test.XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1, "write");
    close(fd);
    CHECK(run((const char *const[]){"Invoices_CL", "--config", path, NULL}, NULL) == 0 &&
              strcmp(out, "ColumnName  ColumnType\nWhen        datetime\nAmount      real\n") == 0,
          "'%s' '%s'", out, errors);
    CHECK(run((const char *const[]){"--config", path, "--streamable", NULL}, NULL) == 0 &&
              lines(out) == 44,
          "%d lines, '%s'", lines(out), errors);
    CHECK(run((const char *const[]){"Invoices_C", "--config", path, NULL}, NULL) == 1 &&
              strstr(errors, "did you mean Invoices_CL?") != NULL,
          "'%s'", errors);
    unlink(path);
    CHECK(run((const char *const[]){"--config", path, NULL}, NULL) == 1 &&
              strstr(errors, path) != NULL,
          "no such file: '%s'", errors);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int code = run(cases[i].words, NULL);

        CHECK(code == cases[i].code && lines(out) == cases[i].lines,
              "%s: exit %d, %d lines, '%.300s' '%s'", cases[i].name, code, lines(out), out, errors);
        CHECK(cases[i].out == NULL ? out[0] == '\0' : strstr(out, cases[i].out) != NULL,
              "%s: '%.600s'", cases[i].name, out);
        CHECK(cases[i].errors == NULL ? errors[0] == '\0' : strstr(errors, cases[i].errors) != NULL,
              "%s: '%s'", cases[i].name, errors);
    }
    CHECK(run((const char *const[]){"--json", NULL}, "/dev/full") == 3 &&
              strstr(errors, "No space left") != NULL,
          "a full disk: '%s'", errors);
    test_config();
    return test_end();
}
