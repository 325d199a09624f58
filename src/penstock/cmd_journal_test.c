/* cmd_journal_test.c - what the command prints of a journal, where, and how it ends. */
#include "journal/sample.h"
#include "penstock/cmd_journal.h"
#include <inttypes.h>

static char out[1 << 17], errors[8192], folder[256];

/* Runs the command with both outputs in files; gives its exit code. */
static int
run(const char *const *words, const char *out_path)
{
    char copies[8][300], *argv[9];
    char paths[2][40] = {"/tmp/cmd_journal.XXXXXX", "/tmp/cmd_journal.XXXXXX"};
    int argc = 0, code, kept[2], fds[2];

    argv[argc++] = strcpy(copies[0], "journal");
    for (; words[argc - 1] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s",
                 strcmp(words[argc - 1], "DIR") == 0 ? folder : words[argc - 1]);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        kept[i] = dup(1 + i);
        fds[i] = mkstemp(paths[i]);
        unlink(paths[i]);
        dup2(fds[i], 1 + i);
    }
    if (out_path != NULL) {
        int fd = open(out_path, O_WRONLY | O_CLOEXEC);

        dup2(fd, 1);
        close(fd);
    }
    code = cmd_journal(argc, argv);
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

struct expected {
    const char *name;
    const char *words[8];
    int code, lines;          /* -1: any */
    const char *out, *errors; /* what each has in it; NULL: nothing at all */
};

/* Five blocks of three rows each at 4096, 4800, 5504, 6208 and 6912. */
static const struct expected good[] = {
    {"check",                     {"check", "--data", "DIR"},           0, 7,  "blocks      5\nrows        15\n", NULL                     },
    {"check as JSON",             {"check", "--data", "DIR", "--json"}, 0, -1, "\"bad\": []",                     NULL                     },
    {"stats",                     {"stats", "--data", "DIR"},           0, 7,  "admitted    2025-08-0",           NULL                     },
    {"stats as JSON",             {"stats", "--data", "DIR", "--json"}, 0, -1, "\"rows\": 15",                    NULL                     },
    {"cat",                       {"cat", "--data", "DIR"},             0, 5,  "555/DeviceInfo=3\n",              NULL                     },
    {"cat from and to",
     {"cat", "--data", "DIR", "--from", "4800", "--to", "6208"},
     0,                                                                    2,
     "4800 2025-08-0",                                                                                            NULL                     },
    {"cat as JSON",
     {"cat", "--json", "--data", "DIR"},
     0,                                                                    5,
     "{\"position\":4096,\"time\":\"2025-08-0",                                                                   NULL                     },
    {"rows",
     {"cat", "--rows", "--data", "DIR"},
     0,                                                                    15,
     "{\"n\":3,\"r\":0}\n{\"n\":3,\"r\":1}\n",                                                                    NULL                     },
    {"rows behind the end",
     {"cat", "--rows", "--data", "DIR", "--from", "9000000"},
     0,                                                                    0,
     NULL,                                                                                                        NULL                     },
    {"help",                      {"--help"},                           0, -1, "Usage: penstock journal check",   NULL                     },
    {"nothing to do",             {NULL},                               2, 0,  NULL,                              "check, cat or stats"    },
    {"something unknown",         {"mend"},                             2, 0,  NULL,                              "'mend' is not one of"   },
    {"two things",                {"check", "cat"},                     2, 0,  NULL,                              "what is 'cat'"          },
    {"an unknown option",         {"check", "--fix"},                   2, 0,  NULL,                              "--help"                 },
    {"a position that is none",   {"cat", "--from", "-1"},              2, 0,  NULL,                              "'-1' is not a position" },
    {"a position with a tail",    {"cat", "--to", "12x"},               2, 0,  NULL,                              "'12x' is not a position"},
    {"a position beyond 64 bits",
     {"cat", "--to", "99999999999999999999"},
     2,                                                                    0,
     NULL,                                                                                                        "is not a position"      },
    {"rows of check",             {"check", "--rows"},                  2, 0,  NULL,                              "--rows is for cat"      },
    {"rows as JSON",              {"cat", "--rows", "--json"},          2, 0,  NULL,                              "leave --json out"       },
    {"stats from a position",     {"stats", "--from", "5"},             2, 0,  NULL,                              "of the whole journal"   },
    {"no journal there",          {"check", "--data", "/nonexistent"},  3, 0,  NULL,                              "/nonexistent/journal"   },
};

/* The third block's head and the fourth's payload are damaged. */
static const struct expected damaged[] = {
    {"check",         {"check", "--data", "DIR"},                   1, -1, "position 5504 to 6208: ",            NULL                                         },
    {"check again",
     {"check", "--data", "DIR"},
     1,                                                                -1,
     "the block's checksum does not match (3 rows)\n",                                                           NULL                                         },
    {"check's sum",   {"check", "--data", "DIR"},                   1, -1, "damaged     2 pieces, 1408 bytes\n", NULL                                         },
    {"check as JSON", {"check", "--json", "--data", "DIR"},         1, -1, "\"badPieces\": 2",                   NULL                                         },
    {"cat",           {"cat", "--data", "DIR"},                     1, 3,  "6912 ",                              "position 6208 to 6912: the block's checksum"},
    {"rows",
     {"cat", "--rows", "--data", "DIR"},
     1,                                                                9,
     "{\"n\":4,\"r\":2}\n",                                                                                      "position 5504 to 6208"                      },
    {"elsewhere",     {"check", "--data", "DIR", "--from", "6912"}, 0, -1, "blocks      1\n",                    NULL                                         },
};

static void
test_table(const struct expected *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct expected *c = &cases[i];
        int code = run(c->words, NULL);

        CHECK(code == c->code, "%s: ends with %d: %s", c->name, code, errors);
        CHECK(c->out == NULL ? out[0] == '\0' : strstr(out, c->out) != NULL, "%s: prints %s",
              c->name, out);
        CHECK(c->errors == NULL ? errors[0] == '\0' : strstr(errors, c->errors) != NULL,
              "%s: says %s", c->name, errors);
        CHECK(c->lines == -1 || lines(out) == c->lines, "%s: %d lines", c->name, lines(out));
    }
}

static void
flip(uint64_t at)
{
    char path[512], byte;
    int fd;

    snprintf(path, sizeof path, "%s/journal/0000000000000000.seg", folder);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pread(fd, &byte, 1, (off_t)at) != 1)
        abort();
    byte = (char)(byte ^ 16);
    if (pwrite(fd, &byte, 1, (off_t)at) != 1)
        abort();
    close(fd);
}

int
main(void)
{
    static const char *const to_full[] = {"cat", "--data", "DIR", NULL};
    char inner[300];
    struct journal_options o = {
        .folder = inner, .segment_size = 16 << 20, .size_max = 64 << 20, .sync = true};
    struct journal *j;
    struct err err = {""};
    uint64_t position;

    folder_new(folder);
    snprintf(inner, sizeof inner, "%s/journal", folder);
    if (journal_open(&o, &j, NULL, &err) != ST_OK)
        abort();
    for (unsigned i = 0; i < 5; i++)
        CHECK(sample_append(j, i, 3, 100, &position, &err) == ST_OK &&
                  position == 4096 + UINT64_C(704) * i,
              "block %u is at %" PRIu64, i, position);
    test_table(good, COUNT_OF(good)); /* beside a daemon at work */
    journal_close(j);
    test_table(good, COUNT_OF(good)); /* and without one */
    setenv("PENSTOCK_DATA", folder, 1);
    static const char *const by_environment[] = {"stats", NULL};

    CHECK(run(by_environment, NULL) == 0 && strstr(out, folder) != NULL, "by environment: %s", out);
    if (access("/dev/full", W_OK) == 0)
        CHECK(run(to_full, "/dev/full") == 3 && strstr(errors, "No space") != NULL,
              "output to a full disk: %s", errors);
    flip(5504 + 30);
    flip(6208 + 300);
    test_table(damaged, COUNT_OF(damaged));
    folder_remove(inner);
    folder_remove(folder);
    return test_end();
}
