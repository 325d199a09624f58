/* cmd_export.c - one row for each thing that can be said to "penstock export". */
#include "penstock/cmd_export.h"
#include "model/datetime.h"
#include "penstock/client.h"
#include "penstock/client_file.h"
#include "penstock/exports_table.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char command_name[] = "penstock export";
enum { ARGUMENTS_MAX = 4, SETTING_FILE_MAX = 1 << 20 };

struct call {
    struct client client;
    const char *from, *after, *limit;
    bool ingest;                      /* what ingestion parked, not an export */
    const char *words[ARGUMENTS_MAX]; /* behind the verb */
    size_t word_count;
    char base[2048]; /* path of the setting words[0] names, or of what ingestion parked */
};

struct verb {
    const char *name, *second; /* "parked" has a second word */
    const char *arguments, *help;
    size_t word_min, word_max;
    int (*run)(struct call *c);
};

/* ---- settings */

static void
describe_destination(const json_t *setting, char *out, size_t room)
{
    const json_t *hub = json_object_get(setting, "eventHubProperties");
    const json_t *storage = json_object_get(setting, "storageAccountProperties");
    const json_t *workspace = json_object_get(setting, "workspaceProperties");

    if (json_is_object(hub)) {
        const char *id = client_last_segment(client_text_at(hub, "eventHubResourceId")),
                   *name = client_text_at(hub, "name");

        snprintf(out, room, "hub %s/%s", id == NULL ? "?" : id,
                 name == NULL || name[0] == '\0' ? "(one per event type)" : name);
    } else if (json_is_object(storage)) {
        const char *id = client_last_segment(client_text_at(storage, "storageAccountResourceId"));

        snprintf(out, room, "storage %s", id == NULL ? "?" : id);
    } else if (json_is_object(workspace)) {
        const char *id = client_last_segment(client_text_at(workspace, "workspaceResourceId"));

        snprintf(out, room, "workspace %s", id == NULL ? "?" : id);
    } else {
        snprintf(out, room, "-");
    }
}

static void
describe_types(const json_t *setting, char *out, size_t room)
{
    const json_t *logs = json_object_get(setting, "logs"), *log;
    size_t i, enabled = 0;

    json_array_foreach(logs, i, log) enabled += json_is_true(json_object_get(log, "enabled"));
    if (json_is_true(json_object_get(json_object_get(setting, "penstock"), "allCategories")))
        snprintf(out, room, "all");
    else
        snprintf(out, room, "%zu of %zu", enabled, json_array_size(logs));
}

static int
run_list(struct call *c)
{
    json_t *answer = NULL, *setting;
    int code = client_call(&c->client, "GET", "/api/dataexportsettings", NULL, &answer);
    const json_t *list = json_object_get(answer, "value");
    size_t i, count = json_array_size(list);

    if (code == CLIENT_DONE && c->client.json) {
        client_print_json(answer);
    } else if (code == CLIENT_DONE) {
        const char **cells = calloc((count + 1) * 4, sizeof *cells);
        char(*texts)[2][256] = calloc(count + 1, sizeof *texts);

        if (cells != NULL && texts != NULL) {
            cells[0] = "ID";
            cells[1] = "EXPORTS";
            cells[2] = "EVENT TYPES";
            cells[3] = "DESTINATION";
            json_array_foreach(list, i, setting)
            {
                const json_t *ours = json_object_get(setting, "penstock");

                cells[4 * i + 4] = client_text_at(setting, "id");
                cells[4 * i + 5] = json_is_false(json_object_get(ours, "enabled")) ? "no" : "yes";
                describe_types(setting, texts[i][0], sizeof texts[i][0]);
                describe_destination(setting, texts[i][1], sizeof texts[i][1]);
                cells[4 * i + 6] = texts[i][0];
                cells[4 * i + 7] = texts[i][1];
            }
            client_print_table(cells, count + 1, 4);
        }
        free(cells);
        free(texts);
    }
    json_decref(answer);
    return code;
}

static int
print_answer(struct call *c, const char *method, const char *path, const json_t *body,
             const char *done)
{
    json_t *answer = NULL;
    int code = client_call(&c->client, method, path, body, &answer);

    if (code == CLIENT_DONE && answer != NULL && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE && done == NULL && answer != NULL)
        client_print_tree(answer);
    else if (code == CLIENT_DONE && done != NULL && !c->client.json)
        printf("%s: %s\n", c->words[0] != NULL ? c->words[0] : "ingestion", done);
    json_decref(answer);
    return code;
}

static int
run_show(struct call *c)
{
    json_t *answer = NULL;
    int code = client_call(&c->client, "GET", c->base, NULL, &answer);

    if (code == CLIENT_DONE) /* what "set" takes */
        client_print_json(answer);
    json_decref(answer);
    return code;
}

static void
print_columns(const json_t *table)
{
    const json_t *columns = json_object_get(table, "columns");
    const json_t *warnings = json_object_get(table, "warnings");

    printf("%s\n", json_string_value(json_object_get(table, "table")));
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);

        printf("  %-40s %s\n", json_string_value(json_object_get(column, "name")),
               json_string_value(json_object_get(column, "type")));
    }
    for (size_t i = 0; i < json_array_size(warnings); i++)
        printf("  warning: %s\n",
               json_string_value(json_object_get(json_array_get(warnings, i), "message")));
}

static int
run_schema(struct call *c)
{
    char path[sizeof c->base + 16];
    json_t *answer = NULL;
    int code;

    snprintf(path, sizeof path, "%s/schema", c->base);
    code = client_call(&c->client, "GET", path, NULL, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        for (size_t i = 0; i < json_array_size(json_object_get(answer, "value")); i++)
            print_columns(json_array_get(json_object_get(answer, "value"), i));
    json_decref(answer);
    return code;
}

static int
run_set(struct call *c)
{
    struct yaml_tree tree = {NULL, NULL};
    struct err err = {""};

    if (client_file_tree(c->words[1], SETTING_FILE_MAX, &tree, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    /* the command line names it, so that what "show" printed can be set under another name */
    if (json_is_object(tree.root))
        json_object_del(tree.root, "id");
    int code = print_answer(c, "PUT", c->base, tree.root, "set");

    yaml_tree_free(&tree);
    return code;
}

static int
run_post(struct call *c, const char *what, const char *done)
{
    char path[sizeof c->base + 512];

    snprintf(path, sizeof path, "%s/%s", c->base, what);
    return print_answer(c, "POST", path, NULL, done);
}

static int
run_enable(struct call *c)
{
    return run_post(c, "enable", "enabled, goes on where it stood");
}

static int
run_disable(struct call *c)
{
    return run_post(c, "disable", "disabled, its place in the journal is kept");
}

static int
run_delete(struct call *c)
{
    return print_answer(c, "DELETE", c->base, NULL, "deleted");
}

static int
run_status(struct call *c)
{
    char path[sizeof c->base + 16];

    if (c->word_count > 0) {
        snprintf(path, sizeof path, "%s/status", c->base);
        return print_answer(c, "GET", path, NULL, NULL);
    }
    json_t *answer = NULL;
    int code = client_call(&c->client, "GET", "/api/status", NULL, &answer);
    const json_t *exports = json_object_get(answer, "exports");

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(exports == NULL ? answer : exports);
    else if (code == CLIENT_DONE)
        exports_table_print(exports);
    json_decref(answer);
    return code;
}

static int
run_replay(struct call *c)
{
    char what[256], from[128];
    int64_t ticks;

    if (c->from == NULL)
        return client_usage_error(command_name,
                                  "replay needs --from TIME: the admission time to start "
                                  "from, such as 2026-09-14T08:00:00Z");
    if (!datetime_read(span_of(c->from), &ticks))
        return client_usage_error(
            command_name, "--from '%.60s' is no time such as 2026-09-14T08:00:00Z", c->from);
    if (!client_encode(c->from, from, sizeof from))
        return client_usage_error(command_name, "--from is too long");
    snprintf(what, sizeof what, "replay?from=%s", from);
    return run_post(c, what, "sends again from that time on");
}

/* ---- parked */

static int
parked_path(struct call *c, const char *number, const char *end, char *path, size_t room)
{
    if (number[0] == '\0' || strspn(number, "0123456789") != strlen(number) || strlen(number) > 19)
        return client_usage_error(command_name,
                                  "'%.40s' is no number of a parked entry; see: "
                                  "penstock export parked list",
                                  number);
    snprintf(path, room, "%s/parked/%s%s", c->base, number, end);
    return CLIENT_DONE;
}

static int
run_parked_list(struct call *c)
{
    char path[sizeof c->base + 256], after[64] = "", limit[64] = "";

    if ((c->after != NULL && !client_encode(c->after, after, sizeof after)) ||
        (c->limit != NULL && !client_encode(c->limit, limit, sizeof limit)))
        return client_usage_error(command_name, "--after and --limit are numbers");
    snprintf(path, sizeof path, "%s/parked%s%s%s%s%s", c->base,
             c->after != NULL || c->limit != NULL ? "?" : "", c->after != NULL ? "after=" : "",
             after,
             c->limit == NULL   ? ""
             : c->after != NULL ? "&limit="
                                : "limit=",
             limit);
    json_t *answer = NULL;
    int code = client_call(&c->client, "GET", path, NULL, &answer);
    const json_t *list = json_object_get(answer, "value");

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE && json_is_array(list) && json_array_size(list) == 0)
        puts("nothing is parked");
    else if (code == CLIENT_DONE)
        client_print_tree(list != NULL ? list : answer);
    json_decref(answer);
    return code;
}

static const char *
number_word(const struct call *c)
{
    return c->words[c->ingest ? 0 : 1];
}

static int
run_parked_show(struct call *c)
{
    char path[sizeof c->base + 64];
    json_t *answer = NULL;
    int code = parked_path(c, number_word(c), "", path, sizeof path);

    if (code == CLIENT_DONE)
        code = client_call(&c->client, "GET", path, NULL, &answer);
    if (code == CLIENT_DONE && c->client.json) {
        client_print_json(answer);
    } else if (code == CLIENT_DONE) {
        json_t *content = json_incref(json_object_get(answer, "content"));

        json_object_del(answer, "content");
        client_print_tree(answer);
        if (json_is_string(content)) { /* as a whole, to be mended and sent */
            putchar('\n');
            fwrite(json_string_value(content), 1, json_string_length(content), stdout);
            putchar('\n');
        }
        json_decref(content);
    }
    json_decref(answer);
    return code;
}

static int
run_parked_resend(struct call *c)
{
    char path[sizeof c->base + 64];

    if (c->ingest)
        return client_usage_error(command_name, "what ingestion parked is mended and sent with "
                                                "'penstock send'; then drop it here");
    int code = parked_path(c, number_word(c), "/resend", path, sizeof path);

    return code != CLIENT_DONE ? code : print_answer(c, "POST", path, NULL, "sent again");
}

static int
run_parked_drop(struct call *c)
{
    char path[sizeof c->base + 64];
    int code = parked_path(c, number_word(c), "", path, sizeof path);

    return code != CLIENT_DONE ? code : print_answer(c, "DELETE", path, NULL, "dropped");
}

static const struct verb verbs[] = {
    {"list",    NULL,     "",                           "all settings",                                0, 0, run_list         },
    {"show",    NULL,     "ID",                         "one setting, as JSON that 'set' takes",       1, 1, run_show         },
    {"schema",  NULL,     "ID",                         "the columns that its transformKql leaves",    1, 1, run_schema       },
    {"set",     NULL,     "ID FILE|-",                  "make or replace a setting from JSON or YAML", 2, 2, run_set          },
    {"enable",  NULL,     "ID",                         "let it export (again), from where it stood",  1, 1, run_enable       },
    {"disable", NULL,     "ID",                         "stop it; its place in the journal is kept",   1, 1, run_disable      },
    {"delete",  NULL,     "ID",                         "delete it and its place",                     1, 1, run_delete       },
    {"status",  NULL,     "[ID]",                       "state, lag, what was sent, the last error",   0, 1, run_status       },
    {"replay",  NULL,     "ID --from TIME",             "send again what was admitted since",          1, 1, run_replay       },
    {"parked",  "list",   "ID [--after N] [--limit N]", "what the destination refused",                1, 1,
     run_parked_list                                                                                                          },
    {"parked",  "show",   "ID N",                       "one parked entry with its bytes",             2, 2, run_parked_show  },
    {"parked",  "resend", "ID N",                       "send it once more",                           2, 2, run_parked_resend},
    {"parked",  "drop",   "ID N",                       "drop it for good",                            2, 2, run_parked_drop  },
};

static void
print_usage(void)
{
    fputs("Usage: penstock export VERB [ARGUMENTS] [OPTIONS]\n\n"
          "Data export settings of the running daemon.\n\n",
          stdout);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        const struct verb *v = &verbs[i];
        char left[64];

        snprintf(left, sizeof left, "%s%s%s %s", v->name, v->second != NULL ? " " : "",
                 v->second != NULL ? v->second : "", v->arguments);
        printf("  %-42s %s\n", left, v->help);
    }
    fputs("\n  --from TIME        for replay: admission time to start from\n"
          "  --after N          for parked list: only entries behind this number\n"
          "  --limit N          for parked list: at most so many\n"
          "  --ingest           for parked: what ingestion parked; no ID then\n" CLIENT_HELP
          "\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n",
          stdout);
}

static const struct verb *
find_verb(char **words, int count, int *used)
{
    for (size_t i = 0; i < COUNT_OF(verbs) && count > 0; i++) {
        if (strcmp(verbs[i].name, words[0]) != 0)
            continue;
        *used = verbs[i].second == NULL ? 1 : 2;
        if (verbs[i].second == NULL || (count > 1 && strcmp(verbs[i].second, words[1]) == 0))
            return &verbs[i];
    }
    return NULL;
}

static int
run_verb(const struct verb *v, struct call *c)
{
    bool is_parked = v->second != NULL;
    size_t less = c->ingest ? 1 : 0;
    char id[1536];

    if (c->ingest && !is_parked)
        return client_usage_error(command_name, "--ingest goes with parked");
    if (c->word_count < v->word_min - (v->word_min > 0 ? less : 0) ||
        c->word_count > v->word_max - (v->word_max > 0 ? less : 0))
        return client_usage_error(command_name, "%s%s%s takes: %s", v->name, is_parked ? " " : "",
                                  is_parked ? v->second : "",
                                  v->arguments[0] == '\0' ? "nothing" : v->arguments);
    if (c->ingest)
        snprintf(c->base, sizeof c->base, "/api/ingest");
    else if (c->word_count > 0) {
        if (!client_encode(c->words[0], id, sizeof id))
            return client_usage_error(command_name, "the id is too long");
        snprintf(c->base, sizeof c->base, "/api/dataexportsettings/%s", id);
    }
    return v->run(c);
}

int
cmd_export(int argc, char **argv)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"from",   required_argument, NULL, 'f'},
        {"after",  required_argument, NULL, 'a'},
        {"limit",  required_argument, NULL, 'l'},
        {"ingest", no_argument,       NULL, 'i'},
        {"help",   no_argument,       NULL, 'h'},
        {NULL,     0,                 NULL, 0  },
    };
    struct client_settings settings = {0};
    struct call c = {.from = NULL};
    struct err err = {""};
    int option, used = 0;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&settings, option, optarg))
            continue;
        switch (option) {
        case 'f':
            c.from = optarg;
            break;
        case 'a':
            c.after = optarg;
            break;
        case 'l':
            c.limit = optarg;
            break;
        case 'i':
            c.ingest = true;
            break;
        case 'h':
            print_usage();
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE;
        }
    }
    const struct verb *v = find_verb(argv + optind, argc - optind, &used);

    if (v == NULL && optind == argc)
        return client_usage_error(command_name, "say what: list, show, set, status, ...");
    if (v == NULL)
        return client_usage_error(command_name, "there is no such thing as '%.60s'", argv[optind]);
    for (int i = optind + used; i < argc; i++) {
        if (c.word_count == ARGUMENTS_MAX)
            return client_usage_error(command_name, "'%.60s' is one too many", argv[i]);
        c.words[c.word_count++] = argv[i];
    }
    if (client_open(&c.client, command_name, &settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    int code = run_verb(v, &c);

    client_close(&c.client);
    return code;
}
