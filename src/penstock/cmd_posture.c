/* cmd_posture.c - what the daemon knows of posture, for people; what scanners found is brought to it by
 * cmd_posture_load.c. */
#include "penstock/cmd_posture.h"
#include "penstock/posture_client.h"
#include <stdlib.h>
#include <strings.h>

static const char command_name[] = "penstock posture";

struct options {
    struct client_settings settings;
    const char *subscription, *scope, *filter;
    size_t count_max;
    bool expand;
};

static void
print_usage(void)
{
    fputs(
        "Usage: penstock posture load FILE... [OPTIONS]     (see penstock posture load --help)\n"
        "       penstock posture list TYPE [OPTIONS]\n"
        "       penstock posture status [OPTIONS]\n\n"
        "Recommendations, findings, scores, compliance, attack paths and alerts.\n\n"
        "  --subscription GUID  ($PENSTOCK_SUBSCRIPTION; the only one there is)\n"
        "  --scope ID           list what is at and below this ARM id; default: the subscription\n"
        "  --filter TEXT        such as \"properties/status/code eq 'Unhealthy'\"\n"
        "  --expand             with metadata or definition\n"
        "  --max N              at most so many (1000)\n" CLIENT_HELP "\nTypes:\n",
        stdout);
    for (const struct posture_view *v = posture_views; v->type != NULL; v++)
        printf("  %-32s %s\n", v->type, v->help);
    fputs("\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n",
          stdout);
}

/* -1: go on, else the exit code. */
static int
read_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"subscription", required_argument, NULL, 's'},
        {"scope",        required_argument, NULL, 'c'},
        {"filter",       required_argument, NULL, 'f'},
        {"expand",       no_argument,       NULL, 'e'},
        {"max",          required_argument, NULL, 'm'},
        {"help",         no_argument,       NULL, 'h'},
        {NULL,           0,                 NULL, 0  },
    };
    int option;

    optind = 0;
    o->count_max = 1000;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&o->settings, option, optarg))
            continue;
        switch (option) {
        case 's':
            o->subscription = optarg;
            break;
        case 'c':
            o->scope = optarg;
            break;
        case 'f':
            o->filter = optarg;
            break;
        case 'e':
            o->expand = true;
            break;
        case 'm':
            o->count_max = strtoull(optarg, NULL, 10);
            if (o->count_max == 0 || o->count_max > 10000000)
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

/* The list's path: below a resource of ours its type alone, else with the provider. */
static int
list_path(struct client *c, const struct options *o, const struct posture_view *v,
          char path[POSTURE_PATH_SIZE])
{
    char subscription[37], scope[POSTURE_PATH_SIZE / 2], filter[POSTURE_PATH_SIZE / 2];
    const char *expand = strcasecmp(v->type, "assessments") == 0 ? "metadata" : "definition";
    bool is_child;
    size_t n;

    if (o->scope == NULL) {
        int code = posture_subscription(c, o->subscription, subscription);

        if (code != CLIENT_DONE)
            return code;
    }
    if (o->scope != NULL && o->scope[0] != '/')
        return client_usage_error(command_name, "--scope is an ARM id: /subscriptions/...");
    if ((size_t)snprintf(scope, sizeof scope, "%s%s",
                         o->scope == NULL ? "/subscriptions/" : o->scope,
                         o->scope == NULL ? subscription : "") >= sizeof scope)
        return client_usage_error(command_name, "--scope is too long");
    is_child = strcasestr(scope, "/providers/Microsoft.Security/") != NULL;
    if (v->has_parent && !is_child)
        return client_usage_error(command_name, "%s: say with --scope of which one: the id of a %s",
                                  v->type,
                                  strcasestr(v->type, "Controls") != NULL ? "standard" : "control");
    path[0] = '\0';
    if (!posture_path_add(path, scope) ||
        !client_encode(o->filter == NULL ? "" : o->filter, filter, sizeof filter))
        return client_usage_error(command_name, "--scope or --filter is too long");
    n = strlen(path);
    n += (size_t)snprintf(path + n, POSTURE_PATH_SIZE - n, "%s/%s?api-version=%s&$top=%d%s%s%s%s",
                          is_child ? "" : "/providers/Microsoft.Security", v->type, v->version, 500,
                          filter[0] == '\0' ? "" : "&$filter=", filter,
                          o->expand ? "&$expand=" : "", o->expand ? expand : "");
    return n < POSTURE_PATH_SIZE
               ? CLIENT_DONE
               : client_usage_error(command_name, "--scope or --filter is too long");
}

static int
list(struct client *c, const struct options *o, const char *type)
{
    const struct posture_view *v = posture_view_find(type);
    char path[POSTURE_PATH_SIZE];
    json_t *all = NULL;

    if (v == NULL)
        return client_usage_error(command_name, "'%.60s' is no type; see --help", type);
    int code = list_path(c, o, v, path);

    if (code == CLIENT_DONE)
        code = posture_list_all(c, path, o->count_max, &all);
    if (code == CLIENT_DONE && c->json)
        client_print_json(all);
    else if (code == CLIENT_DONE)
        posture_print(v, all);
    json_decref(all);
    return code;
}

static int
status(struct client *c)
{
    json_t *answer = NULL;
    int code = client_call(c, "GET", "/api/posture", NULL, &answer);

    if (code == CLIENT_DONE && c->json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        client_print_tree(answer);
    json_decref(answer);
    return code;
}

int
cmd_posture(int argc, char **argv)
{
    struct options o = {.scope = NULL};
    struct client client;
    struct err err = {""};
    int code;

    if (argc > 1 && strcmp(argv[1], "load") == 0)
        return cmd_posture_load(argc - 1, argv + 1);
    code = read_options(argc, argv, &o);
    if (code >= 0)
        return code;
    const char *verb = optind < argc ? argv[optind] : "";
    bool is_list = strcmp(verb, "list") == 0;

    if (!is_list && strcmp(verb, "status") != 0)
        return client_usage_error(command_name,
                                  verb[0] == '\0' ? "say what: load, list or status%s"
                                                  : "there is no such thing as '%.60s'",
                                  verb);
    if (argc - optind != (is_list ? 2 : 1))
        return client_usage_error(command_name, is_list ? "list takes one type; see --help"
                                                        : "status takes nothing");
    if (client_open(&client, command_name, &o.settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = is_list ? list(&client, &o, argv[optind + 1]) : status(&client);
    client_close(&client);
    return code;
}
