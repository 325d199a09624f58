/* cmd_automation.c - one row for each thing that can be said to "penstock automation". */
#include "penstock/cmd_automation.h"
#include "penstock/arm_client.h"
#include "penstock/automation_explain.h"
#include "penstock/client_file.h"
#include <stdlib.h>
#include <strings.h>

static const char command_name[] = "penstock automation";
enum { ARGUMENTS_MAX = 3, FILE_SIZE_MAX = 1 << 20, PATH_SIZE = POSTURE_PATH_SIZE };
#define VERSION "?api-version=" ARM_CLIENT_VERSION

struct call {
    struct client client;
    const char *subscription, *group, *source, *scope;
    bool makes_group;
    const char *words[ARGUMENTS_MAX]; /* behind the verb */
    size_t word_count;
};

struct verb {
    const char *name, *arguments, *help;
    size_t word_min, word_max;
    bool is_local; /* asks no daemon */
    int (*run)(struct call *c);
};

/* ---- names ---- */

/* The path of the automation that the command line names before the file, or else the file. */
static int
place_find(struct call *c, const json_t *file, char path[PATH_SIZE])
{
    return arm_client_file_path(&c->client, &arm_automations,
                                c->word_count > 1 ? c->words[0] : NULL, file, c->subscription,
                                c->group, path);
}

static int
path_of(struct call *c, const char *more, char path[PATH_SIZE])
{
    int code =
        arm_client_path(&c->client, &arm_automations, c->words[0], c->subscription, c->group, path);

    if (code == CLIENT_DONE)
        snprintf(path + strlen(path), PATH_SIZE - strlen(path), "%s" VERSION, more);
    return code;
}

/* ---- list, show ---- */

static void
sources_text(const json_t *automation, char *out, size_t room)
{
    const json_t *list = json_object_get(json_object_get(automation, "properties"), "sources"), *s;
    size_t i, used = 0;

    out[0] = '\0';
    json_array_foreach(list, i, s)
    {
        if (used < room)
            used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? "," : "",
                                     client_text_at(s, "eventSource"));
    }
}

static void
actions_text(const json_t *automation, char *out, size_t room)
{
    static const char *const keys[] = {"eventHubResourceId", "workspaceResourceId",
                                       "logicAppResourceId"};
    const json_t *list = json_object_get(json_object_get(automation, "properties"), "actions"), *a;
    size_t i, used = 0;

    out[0] = '\0';
    json_array_foreach(list, i, a)
    {
        const char *id = NULL;

        for (size_t k = 0; k < COUNT_OF(keys) && id == NULL; k++)
            id = client_text_at(a, keys[k]);
        if (used < room)
            used += (size_t)snprintf(out + used, room - used, "%s%s %s", i > 0 ? ", " : "",
                                     client_text_at(a, "actionType"), client_last_segment(id));
    }
}

static void
list_print(const json_t *all)
{
    size_t count = json_array_size(all);
    const char **cells = calloc((count + 1) * 5, sizeof *cells);
    char(*texts)[3][200] = calloc(count + 1, sizeof *texts);

    if (cells != NULL && texts != NULL) {
        static const char *const titles[] = {"GROUP", "NAME", "ENABLED", "SOURCES", "ACTIONS"};

        memcpy(cells, titles, sizeof titles);
        for (size_t i = 0; i < count; i++) {
            const json_t *x = json_array_get(all, i);
            const char **row = cells + 5 * (i + 1);

            arm_client_group(client_text_at(x, "id"), texts[i][0], sizeof texts[i][0]);
            sources_text(x, texts[i][1], sizeof texts[i][1]);
            actions_text(x, texts[i][2], sizeof texts[i][2]);
            row[0] = texts[i][0];
            row[1] = client_text_at(x, "name");
            row[2] = json_is_true(json_object_get(json_object_get(x, "properties"), "isEnabled"))
                         ? "yes"
                         : "no";
            row[3] = texts[i][1];
            row[4] = texts[i][2];
        }
        client_print_table(cells, count + 1, 5);
    }
    free(cells);
    free(texts);
}

/* All pages, in one array. */
static int
list_fetch(struct call *c, json_t **all)
{
    return arm_client_list(&c->client, &arm_automations, ARM_CLIENT_VERSION, c->subscription,
                           c->group, all);
}

static int
run_list(struct call *c)
{
    json_t *all;
    int code = list_fetch(c, &all);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(all);
    else if (code == CLIENT_DONE)
        list_print(all);
    json_decref(all);
    return code;
}

static int
run_show(struct call *c)
{
    char path[PATH_SIZE];
    json_t *answer = NULL;
    int code = path_of(c, "", path);

    if (code == CLIENT_DONE)
        code = client_call(&c->client, "GET", path, NULL, &answer);
    if (code == CLIENT_DONE) /* what "apply" takes */
        client_print_json(answer);
    json_decref(answer);
    return code;
}

/* ---- apply, validate, test ---- */

static int
group_make(struct call *c, const char *path, const json_t *file)
{
    const char *end = strcasestr(path, "/providers/");
    char group[PATH_SIZE];
    json_t *body;
    int code;

    if (end == NULL)
        return CLIENT_DONE;
    snprintf(group, sizeof group, "%.*s?api-version=" ARM_CLIENT_INVENTORY_VERSION,
             (int)(end - path), path);
    body = json_pack("{s:s}", "location",
                     client_text_at(file, "location") == NULL ? "westeurope"
                                                              : client_text_at(file, "location"));
    code = client_call(&c->client, "PUT", group, body, NULL);
    json_decref(body);
    return code;
}

static int
run_apply(struct call *c)
{
    const char *file = c->words[c->word_count - 1];
    struct yaml_tree tree = {NULL, NULL};
    char path[PATH_SIZE];
    json_t *answer = NULL;
    struct err err = {""};
    int code;

    if (client_file_object(file, FILE_SIZE_MAX, "automation", &tree, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = place_find(c, tree.root, path);
    if (code == CLIENT_DONE && c->makes_group)
        code = group_make(c, path, tree.root);
    if (code == CLIENT_DONE) {
        json_object_del(tree.root, "etag"); /* of the day it was shown */
        snprintf(path + strlen(path), sizeof path - strlen(path), VERSION);
        code = client_call(&c->client, "PUT", path, tree.root, &answer);
    }
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: in force\n", client_text_at(answer, "name"));
    json_decref(answer);
    yaml_tree_free(&tree);
    return code;
}

static int
run_validate(struct call *c)
{
    const char *file = c->words[c->word_count - 1];
    struct yaml_tree tree = {NULL, NULL};
    char path[PATH_SIZE];
    json_t *answer = NULL;
    struct err err = {""};
    int code;

    if (client_file_object(file, FILE_SIZE_MAX, "automation", &tree, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = place_find(c, tree.root, path);
    if (code == CLIENT_DONE) {
        snprintf(path + strlen(path), sizeof path - strlen(path), "/validate" VERSION);
        code = client_call(&c->client, "POST", path, tree.root, &answer);
    }
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: %s\n", json_is_true(json_object_get(answer, "isValid")) ? "valid" : "not valid",
               client_text_at(answer, "message"));
    if (code == CLIENT_DONE && !json_is_true(json_object_get(answer, "isValid")))
        code = CLIENT_REFUSED;
    json_decref(answer);
    yaml_tree_free(&tree);
    return code;
}

static int
run_test(struct call *c)
{
    struct yaml_tree tree = {NULL, NULL};
    json_t *result = NULL;
    char *event = NULL;
    size_t size = 0;
    struct err err = {""};
    enum status st = client_file_object(c->words[0], FILE_SIZE_MAX, "automation", &tree, &err);

    if (st == ST_OK)
        st = client_file_read(c->words[1], FILE_SIZE_MAX, &event, &size, &err);
    if (st == ST_OK)
        st = automation_explain(tree.root, (struct span){event, size}, c->source, c->scope, &result,
                                &err);
    free(event);
    yaml_tree_free(&tree);
    if (st != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    bool matches = json_is_true(json_object_get(json_object_get(result, "filter"), "matches"));

    if (c->client.json)
        client_print_json(result);
    else
        automation_explain_print(result);
    json_decref(result);
    return matches ? CLIENT_DONE : CLIENT_REFUSED;
}

/* ---- status, runs ---- */

static void
number_text(const json_t *object, const char *key, char *out, size_t room)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_real(value))
        snprintf(out, room, "%.1f", json_real_value(value));
    else
        snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

/* One line for each action. */
static void
runs_print(const json_t *list)
{
    enum { COLUMNS = 10 };
    static const char *const titles[COLUMNS] = {
        "NAME",    "ACTION",  "STATE",      "SENT",         "LAG s",
        "RETRIED", "REFUSED", "NEXT EVENT", "LAST SUCCESS", "LAST ERROR"};
    size_t count = 0, at = 1, i, k;
    const json_t *one, *action;

    json_array_foreach(list, i, one) count += json_array_size(json_object_get(one, "actions"));
    const char **cells = calloc((count + 1) * COLUMNS, sizeof *cells);
    char(*texts)[5][160] = calloc(count + 1, sizeof *texts);

    if (cells != NULL && texts != NULL) {
        memcpy(cells, titles, sizeof titles);
        json_array_foreach(list, i, one)
        {
            json_array_foreach(json_object_get(one, "actions"), k, action)
            {
                const char **row = cells + COLUMNS * at;
                const json_t *progress = json_object_get(action, "progress");
                const char *paused = client_text_at(action, "paused");

                snprintf(texts[at][0], 160, "%s %s", client_text_at(action, "actionType"),
                         client_last_segment(client_text_at(action, "resourceId")));
                number_text(progress, "recordsExported", texts[at][1], 160);
                number_text(progress, "lagSeconds", texts[at][2], 160);
                number_text(progress, "exportFailures", texts[at][3], 160);
                number_text(progress, "recordsRefused", texts[at][4], 160);
                row[0] = client_text_at(one, "name");
                row[1] = texts[at][0];
                row[2] = client_text_at(action, "state");
                row[3] = texts[at][1];
                row[4] = texts[at][2];
                row[5] = texts[at][3];
                row[6] = texts[at][4];
                row[7] = client_text_at(progress, "cursor");
                row[8] = client_text_at(action, "lastSuccess");
                row[9] = paused != NULL
                             ? paused
                             : client_text_at(json_object_get(action, "lastError"), "message");
                at++;
            }
        }
        client_print_table(cells, count + 1, COLUMNS);
    }
    free(cells);
    free(texts);
}

static int
status_fetch(struct call *c, const char *word, json_t *into)
{
    char path[PATH_SIZE];
    json_t *answer = NULL;
    int code = arm_client_path(&c->client, &arm_automations, word, c->subscription, c->group, path);

    if (code != CLIENT_DONE)
        return code;
    snprintf(path + strlen(path), sizeof path - strlen(path), "/penstock/status" VERSION);
    code = client_call(&c->client, "GET", path, NULL, &answer);
    if (code == CLIENT_DONE)
        json_array_append(into, answer);
    json_decref(answer);
    return code;
}

static int
run_runs(struct call *c)
{
    json_t *list = json_array(), *all = NULL, *x;
    int code = CLIENT_DONE;
    size_t i;

    if (c->word_count > 0)
        code = status_fetch(c, c->words[0], list);
    else
        code = list_fetch(c, &all);
    json_array_foreach(all, i, x)
    {
        if (code == CLIENT_DONE)
            code = status_fetch(c, client_text_at(x, "id"), list);
    }
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(list);
    else if (code == CLIENT_DONE)
        runs_print(list);
    json_decref(all);
    json_decref(list);
    return code;
}

static int
run_status(struct call *c)
{
    json_t *list;
    int code;

    if (c->word_count == 0)
        return run_runs(c);
    list = json_array();
    code = status_fetch(c, c->words[0], list);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(json_array_get(list, 0));
    else if (code == CLIENT_DONE)
        client_print_tree(json_array_get(list, 0));
    json_decref(list);
    return code;
}

/* ---- the rest ---- */

static int
run_delete(struct call *c)
{
    char path[PATH_SIZE];
    int code = path_of(c, "", path);

    if (code == CLIENT_DONE)
        code = client_call(&c->client, "DELETE", path, NULL, NULL);
    if (code == CLIENT_DONE)
        printf("%s: not there (any more)\n", c->words[0]);
    return code;
}

static int
enable(struct call *c, bool is_enabled)
{
    char path[PATH_SIZE];
    json_t *body = json_pack("{s:{s:b}}", "properties", "isEnabled", is_enabled), *answer = NULL;
    int code = path_of(c, "", path);

    if (code == CLIENT_DONE)
        code = client_call(&c->client, "PATCH", path, body, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: %s\n", c->words[0],
               is_enabled ? "enabled: sends what happens from now on"
                          : "disabled: what happens meanwhile is not sent");
    json_decref(body);
    json_decref(answer);
    return code;
}

static int
run_enable(struct call *c)
{
    return enable(c, true);
}

static int
run_disable(struct call *c)
{
    return enable(c, false);
}

static int
run_export_now(struct call *c)
{
    char path[PATH_SIZE];
    json_t *answer = NULL;
    int code = path_of(c, "/penstock/snapshot", path);

    if (code == CLIENT_DONE)
        code = client_call(&c->client, "POST", path, NULL, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: snapshot %s under way\n", c->words[0], client_text_at(answer, "snapshotId"));
    json_decref(answer);
    return code;
}

static const struct verb verbs[] = {
    {"list",       "",               "all automations of a subscription, or of --group",                  0, 0, false, run_list    },
    {"show",       "NAME",           "one automation, as JSON that 'apply' takes",                        1, 1, false, run_show    },
    {"apply",      "[NAME] FILE|-",  "make or replace one from JSON or YAML",                             1, 2, false, run_apply   },
    {"validate",   "[NAME] FILE|-",  "whether apply would be taken, and what to beware of",               1, 2,
     false,                                                                                                            run_validate},
    {"test",       "FILE|- EVENT|-", "why an event does or does not match, rule by rule; asks no daemon",
     2,                                                                                                      2, true,  run_test    },
    {"runs",       "[NAME]",         "each action at a glance: state, sent, next event, last error",      0, 1, false,
     run_runs                                                                                                                      },
    {"status",     "[NAME]",         "all about one's actions; without NAME as runs",                     0, 1, false, run_status  },
    {"enable",     "NAME",           "let it send what happens from now on",                              1, 1, false, run_enable  },
    {"disable",    "NAME",           "stop it; what happens meanwhile is not sent",                       1, 1, false, run_disable },
    {"delete",     "NAME",           "delete it and its places in the journal",                           1, 1, false, run_delete  },
    {"export-now", "NAME",           "a snapshot now of the snapshot sources it asks for",                1, 1, false,
     run_export_now                                                                                                                },
};

static void
print_usage(void)
{
    fputs("Usage: penstock automation VERB [ARGUMENTS] [OPTIONS]\n\n"
          "Automations (continuous export) of the running daemon. NAME is GROUP/NAME, NAME with\n"
          "--group, or a whole ARM id.\n\n",
          stdout);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        char left[64];

        snprintf(left, sizeof left, "%s %s", verbs[i].name, verbs[i].arguments);
        printf("  %-24s %s\n", left, verbs[i].help);
    }
    fputs("\n  --subscription GUID  ($PENSTOCK_SUBSCRIPTION; the only one there is, or --tenant's "
          "own)\n"
          "  --group NAME       resource group\n"
          "  --create-group     for apply: make the resource group if it is not there\n"
          "  --source NAME      for test: the event's source, where it does not tell\n"
          "  --scope ID         for test: the ARM id of its resource, where it does not "
          "tell\n" CLIENT_HELP
          "\nWhat a destination refused is parked under the exportId of 'status':\n"
          "penstock export parked list EXPORTID. An event's identity there, and in the header\n"
          "penstock-event-id, is its place in the journal, as NEXT EVENT shows it.\n"
          "\nExit codes: 0 done, valid, matches; 1 refused, not valid, does not match; 2 wrong "
          "usage;\n"
          "3 the daemon was not reached.\n",
          stdout);
}

static int
run_verb(const struct verb *v, struct call *c, const struct client_settings *settings)
{
    struct err err = {""};
    int code;

    if (c->word_count < v->word_min || c->word_count > v->word_max)
        return client_usage_error(command_name, "%s takes: %s", v->name,
                                  v->arguments[0] == '\0' ? "nothing" : v->arguments);
    if (v->is_local) {
        c->client.json = settings->json;
        return v->run(c);
    }
    if (client_open(&c->client, command_name, settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = v->run(c);
    client_close(&c->client);
    return code;
}

int
cmd_automation(int argc, char **argv)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"subscription", required_argument, NULL, 's'},
        {"group",        required_argument, NULL, 'g'},
        {"create-group", no_argument,       NULL, 'c'},
        {"source",       required_argument, NULL, 'e'},
        {"scope",        required_argument, NULL, 'p'},
        {"help",         no_argument,       NULL, 'h'},
        {NULL,           0,                 NULL, 0  },
    };
    struct client_settings settings = {0};
    struct call c = {.subscription = NULL};
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&settings, option, optarg))
            continue;
        switch (option) {
        case 's':
            c.subscription = optarg;
            break;
        case 'g':
            c.group = optarg;
            break;
        case 'c':
            c.makes_group = true;
            break;
        case 'e':
            c.source = optarg;
            break;
        case 'p':
            c.scope = optarg;
            break;
        case 'h':
            print_usage();
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE;
        }
    }
    if (optind == argc)
        return client_usage_error(command_name, "say what: list, show, apply, status, ...");
    for (int i = optind + 1; i < argc; i++) {
        if (c.word_count == ARGUMENTS_MAX)
            return client_usage_error(command_name, "'%.60s' is one too many", argv[i]);
        c.words[c.word_count++] = argv[i];
    }
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, argv[optind]) == 0)
            return run_verb(&verbs[i], &c, &settings);
    return client_usage_error(command_name, "there is no such thing as '%.60s'", argv[optind]);
}
