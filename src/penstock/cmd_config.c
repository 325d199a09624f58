#include "penstock/cmd_config.h"
#include "control/config.h"
#include "penstock/client.h"
#include <stdlib.h>
#include <sys/stat.h>

static const char help[] =
    "usage: penstock config check [FILE]     is the configuration good?\n"
    "       penstock config show [FILE]      all of it as it would be in force, secrets hidden\n"
    "       penstock config describe [KEY]   what keys there are, their defaults and limits\n"
    "\n"
    "Options:\n"
    "  --config FILE   the same as FILE\n"
    "  --data DIR      the data folder, over the one in the file\n"
    "  --json          describe: print JSON\n";

struct describing {
    const char *only; /* beginning of the keys that are wanted; NULL: all */
    json_t *rows;     /* NULL: print text */
    unsigned count;
};

static bool
describe_one(void *app, const struct config_key *key)
{
    struct describing *d = app;

    if (d->only != NULL && strncmp(key->key, d->only, strlen(d->only)) != 0)
        return true;
    d->count++;
    if (d->rows != NULL) {
        json_array_append_new(
            d->rows, json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b, s:b, s:b}", "key", key->key, "type",
                               key->type, "default", key->default_value, "limits", key->limits,
                               "help", key->help, "secret", key->is_secret, "required",
                               key->is_required, "needsRestart", key->needs_restart));
        return true;
    }
    printf("%s: %s%s%s%s%s%s%s\n    %s\n", key->key, key->type, key->limits[0] != '\0' ? ", " : "",
           key->limits, key->default_value != NULL ? "; default " : "",
           key->default_value != NULL ? key->default_value : "",
           key->is_required ? "; required" : "",
           key->needs_restart ? "; takes effect at the next start" : "", key->help);
    return true;
}

static int
describe(const char *only, bool json)
{
    struct describing d = {.only = only, .rows = json ? json_array() : NULL};

    config_describe(describe_one, &d);
    if (json)
        client_print_json(d.rows);
    json_decref(d.rows);
    if (d.count > 0)
        return CLIENT_DONE;
    fprintf(stderr, "penstock config: there is no key '%.60s'; see penstock config describe\n",
            only);
    return CLIENT_REFUSED;
}

/* What is allowed, and yet seldom meant. */
static void
warn(const struct config *c, const char *file)
{
    struct stat info;

    if (file != NULL && c->has_inline_secrets && stat(file, &info) == 0 &&
        (info.st_mode & 077) != 0)
        fprintf(stderr,
                "penstock config: %s holds secrets and others can read it: chmod 600, or name "
                "them by {file: PATH}\n",
                file);
    if (!c->journal.sync)
        fprintf(stderr, "penstock config: journal.sync is false: records are lost when power "
                        "fails\n");
    if (c->http.tls == CONFIG_TLS_OFF && c->http.allow_plaintext)
        fprintf(stderr, "penstock config: http.allowPlaintext: tokens travel in the clear unless "
                        "a proxy in front ends TLS\n");
}

static int
read_and(const char *verb, const char *file, const char *data, const struct control_kinds *kinds)
{
    struct config *c = NULL;
    struct err err = {""};
    int code = CLIENT_DONE;

    const char *environment = getenv("PENSTOCK_DATA");

    if (file == NULL || (environment != NULL && environment[0] != '\0'))
        data = client_data_folder(data); /* as serve does */
    if (config_read(file, data, kinds, &c, &err) != ST_OK) {
        fprintf(stderr, "penstock config: %s\n", err.text);
        return CLIENT_REFUSED;
    }
    if (strcmp(verb, "show") == 0) {
        char *text = config_show(c, kinds);

        if (text == NULL)
            code = CLIENT_REFUSED;
        else
            fputs(text, stdout);
        free(text);
    } else {
        warn(c, file);
        printf("%s: good\n", c->origin);
    }
    config_free(c);
    return code;
}

int
cmd_config(int argc, char **argv, const struct control_kinds *kinds)
{
    enum { DATA = 1000, JSON, CONFIG };
    static const struct option table[] = {
        {"data",   required_argument, NULL, DATA  },
        {"config", required_argument, NULL, CONFIG},
        {"json",   no_argument,       NULL, JSON  },
        {"help",   no_argument,       NULL, 'h'   },
        {NULL,     0,                 NULL, 0     },
    };
    const char *data = NULL, *config = NULL, *verb, *argument;
    bool json = false;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return CLIENT_DONE;
        }
        if (option == DATA)
            data = optarg;
        else if (option == CONFIG)
            config = optarg;
        else if (option == JSON)
            json = true;
        else
            return CLIENT_USAGE; /* getopt has said why */
    }
    if (optind == argc) {
        fputs(help, stderr);
        return CLIENT_USAGE;
    }
    verb = argv[optind];
    argument = argc - optind > 1 ? argv[optind + 1] : NULL;
    if (argc - optind > 2)
        return client_usage_error("penstock config", "'%.40s' is one word too many",
                                  argv[optind + 2]);
    if (strcmp(verb, "describe") == 0)
        return describe(argument, json);
    if (strcmp(verb, "check") != 0 && strcmp(verb, "show") != 0)
        return client_usage_error("penstock config", "'%.40s' is not check, show or describe",
                                  verb);
    if (json)
        return client_usage_error("penstock config", "--json is for describe; %s prints YAML",
                                  verb);
    if (config != NULL && argument != NULL)
        return client_usage_error("penstock config", "name one file, not %.80s and %.80s", config,
                                  argument);
    return read_and(verb, argument != NULL ? argument : config, data, kinds);
}
