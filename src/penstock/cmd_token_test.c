/* cmd_token_test.c - the commands token and config as a person types them: exit code, and what is
 * said. */
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "control/config.h"
#include "control/store.h"
#include "control/tokens.h"
#include "penstock/cmd_config.h"
#include "penstock/cmd_token.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TENANT_A "aaaaaaaa-1111-4222-8333-444444444444"
#define TENANT_B "bbbbbbbb-1111-4222-8333-444444444444"

static char folder[] = "/tmp/penstock-cmd-XXXXXX";
static char said[20000]; /* standard output, and behind it standard error */
static char out_only[20000];

static size_t
swallow(int fd, char *text, size_t room)
{
    ssize_t n = pread(fd, text, room - 1, 0);

    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Runs a command line with both outputs caught. */
static int
run(const char *line)
{
    char copy[1000], *argv[20], *rest = copy;
    int argc = 0, out = memfd_create("out", 0), error = memfd_create("err", 0);
    int old_out = dup(1), old_error = dup(2), code;

    snprintf(copy, sizeof copy, "%s", line);
    while ((argv[argc] = strsep(&rest, " ")) != NULL)
        argc++;
    fflush(stdout);
    dup2(out, 1);
    dup2(error, 2);
    code = strcmp(argv[0], "token") == 0 ? cmd_token(argc, argv) : cmd_config(argc, argv, NULL);
    fflush(stdout);
    dup2(old_out, 1);
    dup2(old_error, 2);
    close(old_out);
    close(old_error);
    size_t n = swallow(out, out_only, sizeof out_only);

    memcpy(said, out_only, n);
    swallow(error, said + n, sizeof said - n);
    return code;
}

static const struct {
    const char *name, *line;
    int code;
    const char *piece;
} cases[] = {
    {"no verb",                  "token",                                                                    2, "usage:"                                     },
    {"help",                     "token --help",                                                             0, "SecurityAdministrator"                      },
    {"an unknown verb",          "token make",                                                               2, "not create, list or revoke"                 },
    {"an unknown option",        "token list --colour",                                                      2, "colour"                                     },
    {"no data folder",           "token list --data /no/such",                                               1, "there is no store"                          },
    {"without role",             "token create --tenant " TENANT_A,                                          2, "--role is missing"                          },
    {"an unknown role",          "token create --tenant " TENANT_A " --role king",                           1, "no role 'king'"                             },
    {"which tenant?",            "token create --role ingest",                                               1, "there are 2 tenants"                        },
    {"an unknown tenant",
     "token create --role ingest --tenant cccccccc-1111-4222-8333-444444444444",                             1,
     "there is no tenant"                                                                                                                                    },
    {"no tenant's form",         "token create --role ingest --tenant contoso",                              1, "neither a GUID nor *"                       },
    {"a token",                  "token create --tenant " TENANT_A " --role ingest,HubReader --name sensor", 0,
     "pst_"                                                                                                                                                  },
    {"roles given twice",
     "token create --tenant " TENANT_A " --role ingest --role HubReader --json",                             0,
     "\"HubReader\""                                                                                                                                         },
    {"an operator",              "token create --role Operator",                                             0, "of tenant *"                                },
    {"a reader of everything",   "token create --role SecurityReader --tenant *",                            1,
     "only the roles"                                                                                                                                        },
    {"it expires in days",       "token create --tenant " TENANT_A " --role ingest --expires 30d",           0,
     "pst_"                                                                                                                                                  },
    {"it expires at a date",
     "token create --tenant " TENANT_A " --role ingest --expires 2999-01-31",                                0, "pst_"                                       },
    {"a date that is over",      "token create --tenant " TENANT_A " --role ingest --expires 2001-01-31",
     1,                                                                                                         "a date to come"                             },
    {"a time of no form",        "token create --tenant " TENANT_A " --role ingest --expires soon",          1,
     "not like 30d"                                                                                                                                          },
    {"a day that is not",        "token create --tenant " TENANT_A " --role ingest --expires 2999-02-31",
     1,                                                                                                         "not like 30d"                               },
    {"list",                     "token list",                                                               0, "sensor"                                     },
    {"list as JSON",             "token list --json",                                                        0, "\"state\": \"good\""                        },
    {"list what?",               "token list all",                                                           2, "one word too many"                          },
    {"revoke what?",             "token revoke",                                                             2, "needs a token's id"                         },
    {"revoke what is not there", "token revoke AAAAAAAAAAAA",                                                1, "there is no token"                          },

    {"config without verb",      "config",                                                                   2, "usage:"                                     },
    {"config, an unknown verb",  "config chekc",                                                             2, "not check, show or describe"                },
    {"the defaults are good",    "config check",                                                             0, "built-in defaults: good"                    },
    {"no such file",             "config check /no/such.yaml",                                               1, "no configuration file"                      },
    {"show the defaults",        "config show",                                                              0, "  port: 7780"                               },
    {"show with a data folder",  "config show --data /x",                                                    0, "data: \"/x\""                               },
    {"describe",                 "config describe",                                                          0, "http.port: number, 0 to 65535; default 7780"},
    {"describe a part",          "config describe tenants",                                                  0, "tenants[].id: GUID; required"               },
    {"describe nothing",         "config describe nothing",                                                  1, "no key 'nothing'"                           },
    {"describe as JSON",         "config describe --json",                                                   0, "\"key\": \"http.port\""                     },
};

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int code = run(cases[i].line);

        CHECK(code == cases[i].code && strstr(said, cases[i].piece) != NULL, "%s: %d '%s'",
              cases[i].name, code, said);
    }
}

/* The one line on standard output is a token that opens, until it is revoked by its own text. */
static void
check_life(struct store *store)
{
    struct tokens *t = NULL;
    struct principal p;
    struct err err = {""};
    char text[200], line[300];

    CHECK(run("token create --tenant " TENANT_B " --role SecurityAdministrator") == 0, "%s", said);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(out_only, "\n"), out_only);
    CHECK(strlen(out_only) == strlen(text) + 1, "more than a token: '%s'", out_only);
    CHECK(tokens_open(store, &t, &err) == ST_OK, "%s", err.text);
    CHECK(token_verify(t, span_of(text), clock_ticks(), &p) == TOKEN_GOOD &&
              principal_may(&p, TENANT_B, ROLE_SECURITY_READER),
          "'%s' does not open", text);
    snprintf(line, sizeof line, "token revoke %s", text);
    CHECK(run(line) == 0 && strstr(said, text) == NULL, "%s", said);
    CHECK(tokens_refresh(t, &err) == ST_OK &&
              token_verify(t, span_of(text), clock_ticks(), &p) == TOKEN_REVOKED,
          "it still opens");
    CHECK(run("token list") == 0 && strstr(said, "revoked") != NULL && strstr(said, "pst_") == NULL,
          "%s", said);
    tokens_close(t);
}

static void
check_file(void)
{
    char path[200], line[300];
    struct err err = {""};

    snprintf(path, sizeof path, "%s/p.yaml", folder);
    CHECK(file_replace(path, span_of("http:\n  prot: 1\n"), 0600, &err) == ST_OK, "%s", err.text);
    snprintf(line, sizeof line, "config check %s", path);
    CHECK(run(line) == 1 && strstr(said, "p.yaml:2:9: http: there is no key 'prot'") != NULL, "%s",
          said);
    unlink(path);
}

int
main(void)
{
    struct store *store = NULL;
    struct store_tenant a = {TENANT_A, "a", true, true, 1}, b = {TENANT_B, "b", true, true, 1};
    char path[200];
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "no folder");
    setenv("PENSTOCK_DATA", folder, 1);
    unsetenv("PENSTOCK_TENANT");
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &store, &err) == ST_OK &&
              store_tenant_set(store, &a, NULL, &err) == ST_OK &&
              store_tenant_set(store, &b, NULL, &err) == ST_OK,
          "%s", err.text);
    if (test_failed > 0)
        return test_end();
    check_cases();
    check_life(store);
    check_file();
    store_close(store);
    unlink(path);
    rmdir(folder);
    return test_end();
}
