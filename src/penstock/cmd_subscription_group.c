#include "penstock/cmd_subscription_group.h"
#include "model/arm_id.h"
#include <stdlib.h>

#define GROUPS "/providers/Microsoft.Management/managementGroups"
#define VERSION "api-version=2020-05-01"

enum { GROUP_PATH_SIZE = 800 };

const char *
subscription_group_check(const struct group_command *g)
{
    const char *verb = g->word_count > 0 ? g->words[0] : "";
    bool is_add = strcmp(verb, "add") == 0, is_list = strcmp(verb, "list") == 0;
    char guid[37];

    if ((g->name != NULL || g->parent != NULL) && !is_add)
        return "--name and --parent go with group add";
    if (is_list)
        return g->word_count == 1 ? NULL : "group list takes: nothing";
    if (is_add || strcmp(verb, "remove") == 0)
        return g->word_count == 2 ? NULL : "group add and group remove take: GROUP";
    if (strcmp(verb, "move") != 0)
        return "say what: group list, add, remove, move";
    if (g->word_count != 3 || !guid_copy(span_of(g->words[1]), guid))
        return "group move takes: GUID GROUP";
    return NULL;
}

/* The path of a group, and of a subscription in it. */
static bool
path_of(const char *group, const char *subscription, char out[GROUP_PATH_SIZE])
{
    char name[400];

    if (!client_encode(group, name, sizeof name))
        return false;
    snprintf(out, GROUP_PATH_SIZE, GROUPS "/%s%s%s?" VERSION, name,
             subscription == NULL ? "" : "/subscriptions/",
             subscription == NULL ? "" : subscription);
    return true;
}

/* All pages of the list, as one array; NULL: *code says why. */
static json_t *
groups_read(struct client *c, int *code)
{
    char path[GROUP_PATH_SIZE];
    json_t *all = json_array();

    snprintf(path, sizeof path, GROUPS "?" VERSION "&$top=1000");
    for (bool more = true; more;) {
        json_t *answer = NULL;
        const char *link;

        *code = client_call(c, "GET", path, NULL, &answer);
        if (*code != CLIENT_DONE) {
            json_decref(all);
            return NULL;
        }
        json_array_extend(all, json_object_get(answer, "value"));
        link = json_string_value(json_object_get(answer, "nextLink"));
        link = link == NULL ? NULL : strstr(link, "skiptoken=");
        more = link != NULL;
        if (more)
            snprintf(path, sizeof path, GROUPS "?" VERSION "&$top=1000&$%.*s",
                     (int)strcspn(link, "&"), link);
        json_decref(answer);
    }
    return all;
}

static int
run_list(struct client *c)
{
    int code;
    json_t *all = groups_read(c, &code);
    size_t count = json_array_size(all);
    const char **cells = calloc((count + 1) * 3, sizeof *cells);

    if (all != NULL && c->json) {
        client_print_json(all);
    } else if (all != NULL && cells != NULL) {
        cells[0] = "GROUP";
        cells[1] = "NAME";
        cells[2] = "PARENT";
        for (size_t i = 0; i < count; i++) {
            const json_t *group = json_array_get(all, i);
            const json_t *properties = json_object_get(group, "properties");
            const json_t *details = json_object_get(properties, "details");

            cells[3 * i + 3] = json_string_value(json_object_get(group, "name"));
            cells[3 * i + 4] = json_string_value(json_object_get(properties, "displayName"));
            cells[3 * i + 5] =
                json_string_value(json_object_get(json_object_get(details, "parent"), "name"));
        }
        client_print_table(cells, count + 1, 3);
    }
    free(cells);
    json_decref(all);
    return code;
}

static json_t *
body_of(const struct group_command *g)
{
    json_t *properties = json_object();

    if (g->name != NULL)
        json_object_set_new(properties, "displayName", json_string(g->name));
    if (g->parent != NULL)
        json_object_set_new(
            properties, "details",
            json_pack("{s:{s:o}}", "parent", "id", json_sprintf(GROUPS "/%s", g->parent)));
    return json_pack("{s:o}", "properties", properties);
}

int
subscription_group_run(struct client *c, const struct group_command *g)
{
    const char *verb = g->words[0];
    bool is_add = strcmp(verb, "add") == 0, is_move = strcmp(verb, "move") == 0;
    char path[GROUP_PATH_SIZE], guid[37] = "";
    json_t *body = NULL, *answer = NULL;
    int code;

    if (strcmp(verb, "list") == 0)
        return run_list(c);
    if (is_move)
        (void)!guid_copy(span_of(g->words[1]), guid);
    if (!path_of(g->words[is_move ? 2 : 1], is_move ? guid : NULL, path))
        return client_usage_error(c->command, "the group's name is too long");
    if (is_add)
        body = body_of(g);
    code = client_call(c, is_add || is_move ? "PUT" : "DELETE", path, body, &answer);
    if (code == CLIENT_DONE && c->json && answer != NULL)
        client_print_json(answer);
    else if (code == CLIENT_DONE && is_move)
        printf("%s: in %s\n", guid, g->words[2]);
    else if (code == CLIENT_DONE)
        printf("%s: %s\n", g->words[1], is_add ? "there" : "removed");
    json_decref(body);
    json_decref(answer);
    return code;
}
