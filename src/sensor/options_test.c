/* options_test.c - every option, right and wrong; errors name the option. */
#include "base/test.h"
#include "sensor/options.h"

#define GUID "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

static const struct {
    const char *name, *arguments[6];
    enum status st;
    const char *says; /* in the error */
} cases[] = {
    {"all that is needed",  {"--url", "http://x", "--tenant", GUID},           ST_OK,      ""           },
    {"with equal signs",    {"--url=https://x", "--tenant=" GUID},             ST_OK,      ""           },
    {"printing needs none", {"--stdout"},                                      ST_OK,      ""           },
    {"no url",              {"--tenant", GUID},                                ST_INVALID, "--url"      },
    {"a bad url",           {"--url", "x:1", "--tenant", GUID},                ST_INVALID, "http://"    },
    {"no tenant",           {"--url", "http://x"},                             ST_INVALID, "--tenant"   },
    {"a bad tenant",        {"--url", "http://x", "--tenant", "contoso"},      ST_INVALID, "GUID"       },
    {"unknown",             {"--stdout", "--no-such"},                         ST_INVALID, "--no-such"  },
    {"a word",              {"--stdout", "x"},                                 ST_INVALID, "'x'"        },
    {"no value",            {"--stdout", "--spool"},                           ST_INVALID, "--spool"    },
    {"an empty value",      {"--stdout", "--spool="},                          ST_INVALID, "--spool"    },
    {"a value for a flag",  {"--stdout=1"},                                    ST_INVALID, "--stdout"   },
    {"a size",              {"--stdout", "--queue-max", "32M"},                ST_OK,      ""           },
    {"a size too small",    {"--stdout", "--queue-max", "1K"},                 ST_INVALID, "--queue-max"},
    {"a size too large",    {"--stdout", "--queue-max", "99999999999G"},       ST_INVALID, "--queue-max"},
    {"a size below zero",   {"--stdout", "--queue-max", "-1"},                 ST_INVALID, "--queue-max"},
    {"no number",           {"--stdout", "--poll-ms", "1x"},                   ST_INVALID, "--poll-ms"  },
    {"a number with unit",  {"--stdout", "--poll-ms", "1K"},                   ST_INVALID, "--poll-ms"  },
    {"a choice",            {"--stdout", "--processes", "poll"},               ST_OK,      ""           },
    {"no such choice",      {"--stdout", "--processes", "pol"},                ST_INVALID, "connector"  },
    {"an empty choice",     {"--stdout", "--processes", ""},                   ST_INVALID, "connector"  },
    {"batch above queue",
     {"--url=http://x", "--tenant=" GUID, "--batch-max=4M", "--queue-max=1M"},
     ST_INVALID,                                                                           "--batch-max"},
};

int
main(void)
{
    static const char *const variables[] = {"PENSTOCK_URL", "PENSTOCK_TENANT",
                                            "PENSTOCK_TOKEN_FILE"};
    struct options o;
    struct err err = {""};
    char *none[] = {(char[]){"penstock-sensor"}};

    for (size_t i = 0; i < COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char words[6][80], *argv[7] = {none[0]};
        int argc = 1;

        for (size_t k = 0; k < 6 && cases[i].arguments[k] != NULL; k++) {
            snprintf(words[k], sizeof words[k], "%s", cases[i].arguments[k]);
            argv[argc++] = words[k];
        }
        err.text[0] = '\0';
        enum status st = options_parse(argc, argv, &o, &err);

        if (st == ST_OK)
            st = options_check(&o, &err);
        CHECK(st == cases[i].st && strstr(err.text, cases[i].says) != NULL, "%s: %d '%s'",
              cases[i].name, (int)st, err.text);
    }
    CHECK(options_parse(1, none, &o, &err) == ST_OK && o.queue_max == 16 << 20 &&
              o.batch_max == 256 << 10 && o.linger_ms == 1000 && o.processes == MODE_AUTO &&
              o.command_line_max == 8192 && o.url == NULL && !o.insecure && !o.once,
          "the defaults");
    setenv("PENSTOCK_URL", "http://env", 1);
    CHECK(options_parse(1, none, &o, &err) == ST_OK && o.url != NULL &&
              strcmp(o.url, "http://env") == 0,
          "from the environment");
    return test_end();
}
