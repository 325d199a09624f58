/* cmd_alert.c - alerts for people: samples on demand, and what is done about an alert. */
#include "penstock/cmd_alert.h"
#include "penstock/posture_client.h"
#include "posture/alert.h"
#include <stdlib.h>

static const char command_name[] = "penstock alert";

struct call {
    struct client_settings settings;
    struct client client;
    const char *subscription_given, *bundles, *location, *filter;
    const char *word; /* behind the verb */
    char subscription[37];
    size_t count_max;
};

struct verb {
    const char *name, *argument, *help;
    const char *action; /* of the path; NULL: 'run' does it */
    int (*run)(struct call *c);
};

/* ---- samples ---- */

static int
simulate(struct call *c)
{
    json_t *list = c->bundles == NULL ? NULL : json_array();
    char path[POSTURE_PATH_SIZE], location[300];

    for (const char *at = c->bundles; at != NULL && *at != '\0'; at += *at == ',') {
        size_t n = strcspn(at, ",");

        if (n > 0)
            json_array_append_new(list, json_stringn(at, n));
        at += n;
    }
    if (!client_encode(c->location, location, sizeof location)) {
        json_decref(list);
        return client_usage_error(command_name, "--location is too long");
    }
    snprintf(path, sizeof path,
             "/subscriptions/%s/providers/Microsoft.Security/locations/%s/alerts/default/simulate"
             "?api-version=2022-01-01",
             c->subscription, location);
    json_t *body = list == NULL ? json_pack("{s:{s:s}}", "properties", "kind", "Bundles")
                                : json_pack("{s:{s:s, s:o}}", "properties", "kind", "Bundles",
                                            "bundles", list);
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct http_exchange x;
    int code = CLIENT_UNREACHABLE;

    if (text != NULL)
        code = client_fetch(&c->client, "POST", path, span_of(text), "application/json", &x);
    if (text != NULL && code == CLIENT_DONE) {
        struct span made = http_client_header(&x, "x-penstock-alerts");

        if (x.status != 204)
            code = client_complain(&c->client, "simulate", &x);
        else if (c->client.json)
            printf("{\"alerts\": %.*s}\n", (int)made.n, made.p == NULL ? "" : made.p);
        else
            printf("%.*s sample alerts made; they go the way of real ones\n", (int)made.n,
                   made.p == NULL ? "" : made.p);
    }
    free(text);
    json_decref(body);
    return code;
}

/* ---- reading ---- */

static int
fetch_list(struct call *c, const char *filter, json_t **all)
{
    char path[POSTURE_PATH_SIZE], encoded[POSTURE_PATH_SIZE / 2] = "";

    if (filter != NULL && !client_encode(filter, encoded, sizeof encoded))
        return client_usage_error(command_name, "--filter is too long");
    snprintf(path, sizeof path,
             "/subscriptions/%s/providers/Microsoft.Security/alerts?api-version=2022-01-01&$top=500"
             "%s%s",
             c->subscription, encoded[0] == '\0' ? "" : "&$filter=", encoded);
    return posture_list_all(&c->client, path, c->count_max, all);
}

static int
list(struct call *c)
{
    json_t *all = NULL;
    int code = fetch_list(c, c->filter, &all);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(all);
    else if (code == CLIENT_DONE)
        posture_print(posture_view_find("alerts"), all);
    json_decref(all);
    return code;
}

/* The alert that the word names, by its id or its name. */
static int
find(struct call *c, json_t **alert)
{
    char filter[1200];
    json_t *all = NULL;
    size_t n;
    int code;

    *alert = NULL;
    if (c->word[0] == '/') {
        char path[POSTURE_PATH_SIZE] = "";

        if (!posture_path_add(path, c->word) || strlen(path) + 30 > sizeof path)
            return client_usage_error(command_name, "the id is too long");
        strcat(path, "?api-version=2022-01-01");
        return client_call(&c->client, "GET", path, NULL, alert);
    }
    n = (size_t)snprintf(filter, sizeof filter, "name eq '");
    for (const char *at = c->word; *at != '\0' && n + 4 < sizeof filter; at++) {
        filter[n++] = *at;
        if (*at == '\'')
            filter[n++] = '\'';
    }
    snprintf(filter + n, sizeof filter - n, "'");
    code = fetch_list(c, filter, &all);
    if (code == CLIENT_DONE && json_array_size(all) != 1) {
        fprintf(stderr, "%s: %zu alerts of subscription %s are called '%.100s'\n", command_name,
                json_array_size(all), c->subscription, c->word);
        code = CLIENT_REFUSED;
    }
    if (code == CLIENT_DONE)
        *alert = json_incref(json_array_get(all, 0));
    json_decref(all);
    return code;
}

static int
show(struct call *c)
{
    json_t *alert;
    int code = find(c, &alert);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(alert);
    else if (code == CLIENT_DONE)
        client_print_tree(alert);
    json_decref(alert);
    return code;
}

/* ---- status ---- */

static int
act(struct call *c, const char *action)
{
    char path[POSTURE_PATH_SIZE] = "";
    json_t *alert;
    int code = find(c, &alert);
    const char *id = json_string_value(json_object_get(alert, "id"));

    if (code == CLIENT_DONE) {
        size_t n = posture_path_add(path, id == NULL ? "" : id) ? strlen(path) : sizeof path;

        if (n + 60 > sizeof path) {
            code = client_usage_error(command_name, "the id is too long");
        } else {
            snprintf(path + n, sizeof path - n, "/%s?api-version=2022-01-01", action);
            code = client_call(&c->client, "POST", path, NULL, NULL);
        }
    }
    json_decref(alert);
    return code;
}

static const struct verb verbs[] = {
    {"simulate", NULL,   "make sample alerts, to test a pipeline end to end", NULL,         simulate},
    {"list",     NULL,   "alerts of a subscription",                          NULL,         list    },
    {"show",     "NAME", "one alert, by its name or ARM id",                  NULL,         show    },
    {"activate", "NAME", "it is open again",                                  "activate",   NULL    },
    {"progress", "NAME", "somebody works on it",                              "inProgress", NULL    },
    {"resolve",  "NAME", "it is dealt with",                                  "resolve",    NULL    },
    {"dismiss",  "NAME", "it is none",                                        "dismiss",    NULL    },
    {NULL,       NULL,   NULL,                                                NULL,         NULL    },
};

static void
print_usage(void)
{
    puts("Usage: penstock alert VERB [OPTIONS]\n");
    for (const struct verb *v = verbs; v->name != NULL; v++)
        printf("  %-9s %-5s %s\n", v->name, v->argument == NULL ? "" : v->argument, v->help);
    fputs("\n  --subscription GUID  ($PENSTOCK_SUBSCRIPTION; the only one there is)\n"
          "  --bundles A,B        which samples; default: all. One or more of",
          stdout);
    for (size_t i = 0; alert_bundles[i] != NULL; i++)
        printf("%s %s", i % 4 == 0 ? "\n                      " : "", alert_bundles[i]);
    fputs("\n  --location NAME      of the samples (centralus)\n"
          "  --filter TEXT        such as \"properties/severity eq 'High'\"\n"
          "  --max N              at most so many (1000)\n" CLIENT_HELP
          "\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n",
          stdout);
}

/* -1: go on, else the exit code. */
static int
read_options(int argc, char **argv, struct call *c)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"subscription", required_argument, NULL, 's'},
        {"bundles",      required_argument, NULL, 'b'},
        {"location",     required_argument, NULL, 'l'},
        {"filter",       required_argument, NULL, 'f'},
        {"max",          required_argument, NULL, 'm'},
        {"help",         no_argument,       NULL, 'h'},
        {NULL,           0,                 NULL, 0  },
    };
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&c->settings, option, optarg))
            continue;
        switch (option) {
        case 's':
            c->subscription_given = optarg;
            break;
        case 'b':
            c->bundles = optarg;
            break;
        case 'l':
            c->location = optarg;
            break;
        case 'f':
            c->filter = optarg;
            break;
        case 'm':
            c->count_max = strtoull(optarg, NULL, 10);
            if (c->count_max == 0 || c->count_max > 10000000)
                return client_usage_error(
                    command_name, "--max is '%.40s'; give a number from 1 to 10000000", optarg);
            break;
        case 'h':
            print_usage();
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE;
        }
    }
    return -1;
}

int
cmd_alert(int argc, char **argv)
{
    struct call c = {.location = "centralus", .count_max = 1000};
    const struct verb *v = verbs;
    struct err err = {""};
    int code = read_options(argc, argv, &c);

    if (code >= 0)
        return code;
    if (optind == argc)
        return client_usage_error(command_name, "say what: simulate, list, show, resolve, ...");
    while (v->name != NULL && strcmp(v->name, argv[optind]) != 0)
        v++;
    if (v->name == NULL)
        return client_usage_error(command_name, "there is no such thing as '%.60s'", argv[optind]);
    if (argc - optind - 1 != (v->argument == NULL ? 0 : 1))
        return client_usage_error(command_name, "%s takes %s", v->name,
                                  v->argument == NULL ? "nothing" : "the name of one alert");
    c.word = argv[optind + 1];
    if (client_open(&c.client, command_name, &c.settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = posture_subscription(&c.client, c.subscription_given, c.subscription);
    if (code == CLIENT_DONE)
        code = v->action == NULL ? v->run(&c) : act(&c, v->action);
    client_close(&c.client);
    return code;
}
