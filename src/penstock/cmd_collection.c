/* cmd_collection.c - one row for each thing that can be said to "penstock collection". */
#include "penstock/cmd_collection.h"
#include "control/collection_rule.h"
#include "penstock/arm_client.h"
#include "penstock/client_file.h"
#include <stdlib.h>
#include <strings.h>

static const char command_name[] = "penstock collection";
enum { ARGUMENTS_MAX = 2, FILE_SIZE_MAX = 1 << 20, PATH_SIZE = POSTURE_PATH_SIZE };
#define API_VERSION "2023-03-11"
#define VERSION "?api-version=" API_VERSION

struct call {
    struct client client;
    const char *subscription, *group;
    const char *words[ARGUMENTS_MAX]; /* behind the verb */
    size_t word_count;
};

struct verb {
    const char *name, *arguments, *help;
    size_t word_min, word_max;
    int (*run)(struct call *c);
};

static int
path_end(char path[PATH_SIZE], const char *more)
{
    size_t n = strlen(path);

    if (n + strlen(more) + sizeof VERSION > PATH_SIZE)
        return client_usage_error(command_name, "the name is too long");
    snprintf(path + n, PATH_SIZE - n, "%s" VERSION, more);
    return CLIENT_DONE;
}

/* The path of the rule that words[0] names; 'more' stands behind it. Exit code. */
static int
path_of(struct call *c, const char *more, char out[PATH_SIZE])
{
    int code =
        arm_client_path(&c->client, &arm_collections, c->words[0], c->subscription, c->group, out);

    return code == CLIENT_DONE ? path_end(out, more) : code;
}

/* ---- list, show, uses ---- */

static void
flows_text(const json_t *rule, char *out, size_t room)
{
    const json_t *flows = json_object_get(json_object_get(rule, "properties"), "dataFlows"), *flow;
    size_t i, used = 0;

    out[0] = '\0';
    json_array_foreach(flows, i, flow)
    {
        const json_t *streams = json_object_get(flow, "streams");
        const char *first = json_string_value(json_array_get(streams, 0));
        const char *to = client_text_at(flow, "outputStream");

        if (used < room)
            used += (size_t)snprintf(out + used, room - used, "%s%s%s%s%s", i > 0 ? ", " : "",
                                     first == NULL ? "" : first,
                                     json_array_size(streams) > 1 ? " ..." : "",
                                     to == NULL ? "" : " to ", to == NULL ? "" : to);
    }
}

static void
list_print(const json_t *all)
{
    static const char *const titles[] = {"GROUP", "NAME", "IMMUTABLE ID", "FLOWS"};
    size_t count = json_array_size(all);
    const char **cells = calloc((count + 1) * 4, sizeof *cells);
    char(*texts)[2][200] = calloc(count + 1, sizeof *texts);

    if (cells != NULL && texts != NULL) {
        memcpy(cells, titles, sizeof titles);
        for (size_t i = 0; i < count; i++) {
            const json_t *x = json_array_get(all, i);
            const char **row = cells + 4 * (i + 1);

            arm_client_group(client_text_at(x, "id"), texts[i][0], sizeof texts[i][0]);
            flows_text(x, texts[i][1], 200);
            row[0] = texts[i][0];
            row[1] = client_text_at(x, "name");
            row[2] = client_text_at(json_object_get(x, "properties"), "immutableId");
            row[3] = texts[i][1];
        }
        client_print_table(cells, count + 1, 4);
    }
    free(cells);
    free(texts);
}

static int
run_list(struct call *c)
{
    json_t *all;
    int code =
        arm_client_list(&c->client, &arm_collections, API_VERSION, c->subscription, c->group, &all);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(all);
    else if (code == CLIENT_DONE)
        list_print(all);
    json_decref(all);
    return code;
}

/* The built-in rule is nowhere stored: what there is to say of it is known here. */
static int
show_default(struct call *c)
{
    char id[COLLECTION_ID_SIZE];
    struct err err;
    json_t *tree;

    if (c->client.tenant[0] == '\0')
        return client_usage_error(command_name, "of which tenant? --tenant GUID");
    if (collection_default_id(c->client.tenant, id, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    tree = json_pack("{s:s, s:s, s:[s, s]}", "name", COLLECTION_DEFAULT, "immutableId", id,
                     "streams", "Microsoft-TABLE of each table of the catalog", "Custom-TABLE_CL");
    if (c->client.json)
        client_print_json(tree);
    else
        client_print_tree(tree);
    json_decref(tree);
    return CLIENT_DONE;
}

static int
fetch(struct call *c, const char *more, json_t **answer)
{
    char path[PATH_SIZE];
    int code = path_of(c, more, path);

    return code == CLIENT_DONE ? client_call(&c->client, "GET", path, NULL, answer) : code;
}

static int
run_show(struct call *c)
{
    if (strcasecmp(c->words[0], COLLECTION_DEFAULT) == 0 && c->group == NULL)
        return show_default(c);

    json_t *answer = NULL;
    int code = fetch(c, "", &answer);

    if (code == CLIENT_DONE) /* what "apply" takes */
        client_print_json(answer);
    json_decref(answer);
    return code;
}

static void
uses_print(const json_t *streams)
{
    static const char *const titles[] = {"STREAM", "TABLE", "CATEGORY", "EXPORTS"};
    size_t count = json_array_size(streams), i, k;
    const char **cells = calloc((count + 1) * 4, sizeof *cells);
    char(*texts)[400] = calloc(count + 1, sizeof *texts);
    const json_t *one, *name;

    if (cells != NULL && texts != NULL) {
        memcpy(cells, titles, sizeof titles);
        json_array_foreach(streams, i, one)
        {
            const char **row = cells + 4 * (i + 1);
            size_t used = 0;

            json_array_foreach(json_object_get(one, "exports"), k, name)
            {
                if (used < sizeof texts[i])
                    used += (size_t)snprintf(texts[i] + used, sizeof texts[i] - used, "%s%s",
                                             k > 0 ? ", " : "", json_string_value(name));
            }
            row[0] = client_text_at(one, "stream");
            row[1] = client_text_at(one, "table");
            row[2] = client_text_at(one, "category");
            row[3] = used > 0 ? texts[i] : NULL;
        }
        client_print_table(cells, count + 1, 4);
    }
    free(cells);
    free(texts);
}

static int
run_uses(struct call *c)
{
    json_t *answer = NULL;
    int code = fetch(c, "/penstock/uses", &answer);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        uses_print(json_object_get(answer, "streams"));
    json_decref(answer);
    return code;
}

/* ---- apply, delete ---- */

static int
run_apply(struct call *c)
{
    const char *word = c->word_count > 1 ? c->words[0] : NULL;
    struct yaml_tree tree = {NULL, NULL};
    char path[PATH_SIZE];
    json_t *answer = NULL;
    struct err err = {""};
    int code;

    if (client_file_object(c->words[c->word_count - 1], FILE_SIZE_MAX, "data collection rule",
                           &tree, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = arm_client_file_path(&c->client, &arm_collections, word, tree.root, c->subscription,
                                c->group, path);
    if (code == CLIENT_DONE)
        code = path_end(path, "");
    if (code == CLIENT_DONE) {
        json_object_del(tree.root, "etag"); /* of the day it was shown */
        code = client_call(&c->client, "PUT", path, tree.root, &answer);
    }
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: %s, in force\n", client_text_at(answer, "name"),
               client_text_at(json_object_get(answer, "properties"), "immutableId"));
    json_decref(answer);
    yaml_tree_free(&tree);
    return code;
}

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

static const struct verb verbs[] = {
    {"list",   "",              "all rules of a subscription, or of --group",                0, 0, run_list  },
    {"show",   "NAME|default",  "one rule, as JSON that 'apply' takes; or the built-in one", 1, 1,
     run_show                                                                                                },
    {"apply",  "[NAME] FILE|-", "make or replace one from JSON or YAML",                     1, 2, run_apply },
    {"uses",   "NAME",          "each stream's tables, and the exports that take them",      1, 1, run_uses  },
    {"delete", "NAME",          "delete it; what came by it stays",                          1, 1, run_delete},
};

static void
print_usage(void)
{
    fputs("Usage: penstock collection VERB [ARGUMENTS] [OPTIONS]\n\n"
          "Data collection rules: what Logs Ingestion clients may send, and what becomes of it.\n"
          "NAME is GROUP/NAME, NAME with --group, or a whole ARM id.\n\n",
          stdout);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        char left[64];

        snprintf(left, sizeof left, "%s %s", verbs[i].name, verbs[i].arguments);
        printf("  %-24s %s\n", left, verbs[i].help);
    }
    fputs("\n  --subscription GUID  ($PENSTOCK_SUBSCRIPTION; the only one there is, or --tenant's "
          "own)\n"
          "  --group NAME       resource group\n" CLIENT_HELP
          "\nClients send to POST /dataCollectionRules/IMMUTABLE-ID/streams/STREAM with a token of "
          "the\n"
          "role ingest. Every tenant has the rule 'default' without any set-up: the stream\n"
          "Microsoft-TABLE for each table of the catalog, and Custom-TABLE_CL for any other.\n"
          "\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n",
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
    if (client_open(&c->client, command_name, settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = v->run(c);
    client_close(&c->client);
    return code;
}

int
cmd_collection(int argc, char **argv)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"subscription", required_argument, NULL, 's'},
        {"group",        required_argument, NULL, 'g'},
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
        case 'h':
            print_usage();
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE;
        }
    }
    if (optind == argc)
        return client_usage_error(command_name, "say what: list, show, apply, uses, delete");
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
