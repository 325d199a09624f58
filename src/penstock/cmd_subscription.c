/* cmd_subscription.c - subscriptions of the running daemon. */
#include "penstock/cmd_subscription.h"
#include "model/arm_id.h"
#include "penstock/arm_client.h"
#include "penstock/cmd_subscription_group.h"
#include <stdlib.h>

static const char command_name[] = "penstock subscription";

static void
print_usage(void)
{
    fputs("Usage: penstock subscription list [OPTIONS]\n"
          "       penstock subscription add GUID [--name TEXT] [OPTIONS]\n"
          "       penstock subscription remove GUID [OPTIONS]\n"
          "       penstock subscription group list [OPTIONS]\n"
          "       penstock subscription group add GROUP [--name TEXT] [--parent GROUP] [OPTIONS]\n"
          "       penstock subscription group remove GROUP [OPTIONS]\n"
          "       penstock subscription group move GUID GROUP [OPTIONS]\n\n"
          "Subscriptions and the tenant that each belongs to. A tenant has one of its own id; add\n"
          "gives it more (or renames one), as tenants[].subscriptions of the configuration does.\n"
          "Above them stands a tree of management groups; its root's name is the tenant's GUID.\n"
          "group add also renames a group or moves it; group move puts a subscription into one.\n\n"
          "  --name TEXT        for add: what it is called\n"
          "  --parent GROUP     for group add: the group above it; the root\n" CLIENT_HELP
          "\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n",
          stdout);
}

static int
run_list(struct client *c)
{
    json_t *answer = NULL;
    int code = client_call(c, "GET",
                           "/subscriptions?api-version=" ARM_CLIENT_INVENTORY_VERSION "&$top=1000",
                           NULL, &answer);
    const json_t *list = json_object_get(answer, "value");
    static const char *const keys[] = {"subscriptionId", "displayName", "tenantId", "origin"};
    size_t count = json_array_size(list);
    const char **cells = calloc((count + 1) * COUNT_OF(keys), sizeof *cells);

    if (code == CLIENT_DONE && c->json) {
        client_print_json(answer);
    } else if (code == CLIENT_DONE && cells != NULL) {
        cells[0] = "SUBSCRIPTION";
        cells[1] = "NAME";
        cells[2] = "TENANT";
        cells[3] = "ORIGIN";
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < COUNT_OF(keys); k++)
                cells[(i + 1) * COUNT_OF(keys) + k] =
                    json_string_value(json_object_get(json_array_get(list, i), keys[k]));
        client_print_table(cells, count + 1, COUNT_OF(keys));
    }
    free(cells);
    json_decref(answer);
    return code;
}

static int
run_one(struct client *c, const char *method, const char *word, const char *name)
{
    char path[160], guid[37];
    json_t *body = NULL, *answer = NULL;
    int code;

    if (!guid_copy(span_of(word), guid))
        return client_usage_error(command_name, "%.60s is no GUID", word);
    if (strcmp(method, "PUT") == 0) {
        body = json_object();
        if (name != NULL)
            json_object_set_new(body, "displayName", json_string(name));
        if (c->tenant[0] != '\0')
            json_object_set_new(body, "tenantId", json_string(c->tenant));
    }
    snprintf(path, sizeof path, "/subscriptions/%s?api-version=" ARM_CLIENT_INVENTORY_VERSION,
             guid);
    code = client_call(c, method, path, body, &answer);
    if (code == CLIENT_DONE && c->json && answer != NULL)
        client_print_json(answer);
    else if (code == CLIENT_DONE && answer != NULL)
        printf("%s: of tenant %s\n", guid, json_string_value(json_object_get(answer, "tenantId")));
    else if (code == CLIENT_DONE)
        printf("%s: removed\n", guid);
    json_decref(body);
    json_decref(answer);
    return code;
}

int
cmd_subscription(int argc, char **argv)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"name",   required_argument, NULL, 'n'},
        {"parent", required_argument, NULL, 'p'},
        {"help",   no_argument,       NULL, 'h'},
        {NULL,     0,                 NULL, 0  },
    };
    struct client_settings settings = {0};
    struct client c;
    const char *name = NULL, *parent = NULL, *wrong = NULL;
    struct err err = {""};
    int option, code;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&settings, option, optarg))
            continue;
        if (option == 'h') {
            print_usage();
            return CLIENT_DONE;
        }
        if (option == 'n')
            name = optarg;
        else if (option == 'p')
            parent = optarg;
        else
            return CLIENT_USAGE;
    }
    int words = argc - optind;
    const char *verb = words > 0 ? argv[optind] : "";
    bool is_list = strcmp(verb, "list") == 0, is_add = strcmp(verb, "add") == 0;
    struct group_command group = {(size_t)(words > 1 ? words - 1 : 0), argv + optind + 1, name,
                                  parent};

    if (strcmp(verb, "group") == 0) {
        wrong = subscription_group_check(&group);
        if (wrong != NULL)
            return client_usage_error(command_name, "%s", wrong);
        if (client_open(&c, command_name, &settings, &err) != ST_OK)
            return client_usage_error(command_name, "%s", err.text);
        code = subscription_group_run(&c, &group);
        client_close(&c);
        return code;
    }
    if (!is_list && !is_add && strcmp(verb, "remove") != 0)
        return client_usage_error(command_name, "say what: list, add, remove, group");
    if (parent != NULL)
        return client_usage_error(command_name, "--parent goes with group add");
    if (words != (is_list ? 1 : 2))
        return client_usage_error(command_name, "%s takes: %s", verb, is_list ? "nothing" : "GUID");
    if (name != NULL && !is_add)
        return client_usage_error(command_name, "--name goes with add");
    if (client_open(&c, command_name, &settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = is_list ? run_list(&c) : run_one(&c, is_add ? "PUT" : "DELETE", argv[optind + 1], name);
    client_close(&c);
    return code;
}
