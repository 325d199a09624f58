/* cmd_detection.c - detection rules for people: from files into the daemon, tried out, run, and how their runs ended. */
#include "penstock/cmd_detection.h"
#include "penstock/client.h"
#include "penstock/client_file.h"
#include <stdlib.h>
#include <unistd.h>

static const char command_name[] = "penstock detection";

#define RULES "/beta/security/rules/detectionRules"

enum { FILE_SIZE_MAX = 4 << 20, PATH_SIZE = 2048, TITLE_SHOWN = 20 };

struct call {
    struct client_settings settings;
    struct client client;
    const char *word; /* behind the verb; NULL: none */
    const char *span, *count;
};

struct verb {
    const char *name, *argument, *help;
    int (*run)(struct call *c);
};

/* ---- finding a rule ---- */

/* The rule of that displayName, new; NULL with CLIENT_DONE: there is none. */
static int
find_named(struct call *c, const char *name, json_t **rule)
{
    char filter[1200] = "displayName eq '", encoded[3700], path[4000];
    size_t n = strlen(filter);
    json_t *answer = NULL;
    int code;

    *rule = NULL;
    for (const char *at = name; *at != '\0' && n + 4 < sizeof filter; at++) {
        filter[n++] = *at;
        if (*at == '\'')
            filter[n++] = '\'';
    }
    filter[n++] = '\'';
    filter[n] = '\0';
    if (!client_encode(filter, encoded, sizeof encoded))
        return client_usage_error(command_name, "the name is too long");
    snprintf(path, sizeof path, RULES "?$filter=%s", encoded);
    code = client_call(&c->client, "GET", path, NULL, &answer);
    if (code == CLIENT_DONE)
        *rule = json_incref(json_array_get(json_object_get(answer, "value"), 0));
    json_decref(answer);
    return code;
}

/* The id of the rule that the word names: its id, or its displayName. */
static int
find_id(struct call *c, char id[24])
{
    json_t *rule = NULL;
    int code;

    if (c->word[0] != '\0' && strspn(c->word, "0123456789") == strlen(c->word) &&
        strlen(c->word) < 20) {
        snprintf(id, 24, "%s", c->word);
        return CLIENT_DONE;
    }
    code = find_named(c, c->word, &rule);
    if (code == CLIENT_DONE && rule == NULL) {
        fprintf(stderr, "%s: there is no rule '%.100s'; 'penstock detection list' shows them\n",
                command_name, c->word);
        code = CLIENT_REFUSED;
    }
    if (code == CLIENT_DONE)
        snprintf(id, 24, "%s", client_text_at(rule, "id"));
    json_decref(rule);
    return code;
}

/* One request about the rule that the word names. */
static int
ask(struct call *c, const char *method, const char *more, const json_t *body, json_t **answer)
{
    char id[24], path[PATH_SIZE];
    int code = find_id(c, id);

    if (code != CLIENT_DONE)
        return code;
    snprintf(path, sizeof path, RULES "/%s%s", id, more);
    return client_call(&c->client, method, path, body, answer);
}

/* ---- reading ---- */

static const char *
severity_of(const json_t *rule)
{
    return client_text_at(
        json_object_get(json_object_get(rule, "detectionAction"), "alertTemplate"), "severity");
}

static void
print_rules(const json_t *list)
{
    size_t count = json_array_size(list);
    const char **cells = calloc((count + 1) * 7, sizeof *cells);
    static const char *const titles[] = {"ID",      "NAME",     "EVERY", "SEVERITY",
                                         "ENABLED", "LAST RUN", "STATUS"};

    if (cells == NULL)
        return;
    memcpy(cells, titles, sizeof titles);
    for (size_t i = 0; i < count; i++) {
        const json_t *rule = json_array_get(list, i);
        const json_t *last = json_object_get(rule, "lastRunDetails");
        const char **row = &cells[(i + 1) * 7];
        const char *period = client_text_at(json_object_get(rule, "schedule"), "period");

        row[0] = client_text_at(rule, "id");
        row[1] = client_text_at(rule, "displayName");
        row[2] = period != NULL && strcmp(period, "0") == 0 ? "record" : period;
        row[3] = severity_of(rule);
        row[4] = json_is_true(json_object_get(rule, "isEnabled")) ? "yes" : "no";
        row[5] = client_text_at(last, "lastRunDateTime");
        row[6] = client_text_at(last, "status");
    }
    client_print_table(cells, count + 1, 7);
    free(cells);
}

static int
run_list(struct call *c)
{
    json_t *answer = NULL;
    int code = client_call(&c->client, "GET", RULES "?$top=1000", NULL, &answer);

    if (code == CLIENT_DONE && c->client.json)
        client_print_json(json_object_get(answer, "value"));
    else if (code == CLIENT_DONE)
        print_rules(json_object_get(answer, "value"));
    json_decref(answer);
    return code;
}

/* Prints an answer for people, or as it is. */
static int
show(struct call *c, int code, json_t *answer, const char *done)
{
    if (code == CLIENT_DONE && (c->client.json || done == NULL)) {
        if (c->client.json)
            client_print_json(answer);
        else
            client_print_tree(answer);
    } else if (code == CLIENT_DONE) {
        printf("%s: %s\n", c->word, done);
    }
    json_decref(answer);
    return code;
}

static int
run_show(struct call *c)
{
    json_t *answer = NULL;
    int code = ask(c, "GET", "", NULL, &answer);

    return show(c, code, answer, NULL);
}

static int
run_runs(struct call *c)
{
    json_t *answer = NULL;
    char more[64] = "/runs";
    int code;

    if (c->count != NULL)
        snprintf(more, sizeof more, "/runs?$top=%.10s", c->count);
    code = ask(c, "GET", more, NULL, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(json_object_get(answer, "value"));
    else if (code == CLIENT_DONE)
        client_print_tree(json_object_get(answer, "value"));
    json_decref(answer);
    return code;
}

/* ---- changing ---- */

/* What YAML takes for a number: schedule.period 0. */
static void
mend(json_t *rule)
{
    json_t *schedule = json_object_get(rule, "schedule");
    const json_t *period = json_object_get(schedule, "period");

    if (json_is_integer(period) && json_integer_value(period) == 0)
        json_object_set_new(schedule, "period", json_string("0"));
}

/* Makes the rule, or changes the one of its name. */
static int
apply_one(struct call *c, json_t *rule)
{
    const char *name = client_text_at(rule, "displayName");
    json_t *there = NULL, *answer = NULL;
    char path[PATH_SIZE] = RULES;
    int code;

    if (name == NULL) {
        fprintf(stderr, "%s: a rule has no displayName\n", command_name);
        return CLIENT_REFUSED;
    }
    mend(rule);
    code = find_named(c, name, &there);
    if (code == CLIENT_DONE && there != NULL)
        snprintf(path, sizeof path, RULES "/%s", client_text_at(there, "id"));
    if (code == CLIENT_DONE)
        code = client_call(&c->client, there == NULL ? "POST" : "PATCH", path, rule, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: %s as %s\n", name, there == NULL ? "made" : "changed",
               client_text_at(answer, "id"));
    json_decref(there);
    json_decref(answer);
    return code;
}

static int
run_apply(struct call *c)
{
    struct yaml_tree tree = {NULL, NULL};
    struct err err = {""};
    json_t *list;
    int code = CLIENT_DONE;

    if (client_file_tree(c->word, FILE_SIZE_MAX, &tree, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    list = json_is_array(json_object_get(tree.root, "value")) ? json_object_get(tree.root, "value")
                                                              : tree.root;
    if (json_is_object(list)) {
        code = apply_one(c, list);
    } else {
        for (size_t i = 0; i < json_array_size(list); i++) { /* all of them: then what failed */
            int one = apply_one(c, json_array_get(list, i));

            code = code == CLIENT_DONE ? one : code;
        }
        if (json_array_size(list) == 0)
            code = client_usage_error(command_name, "%.200s holds no rule", c->word);
    }
    yaml_tree_free(&tree);
    return code;
}

static int
run_delete(struct call *c)
{
    return show(c, ask(c, "DELETE", "", NULL, NULL), NULL, "deleted");
}

static int
switch_it(struct call *c, bool is_enabled)
{
    json_t *body = json_pack("{s:b}", "isEnabled", is_enabled), *answer = NULL;
    int code = ask(c, "PATCH", "", body, &answer);

    json_decref(body);
    return show(c, code, answer, is_enabled ? "enabled" : "disabled");
}

static int
run_enable(struct call *c)
{
    return switch_it(c, true);
}

static int
run_disable(struct call *c)
{
    return switch_it(c, false);
}

/* ---- trying and running ---- */

static int
run_run(struct call *c)
{
    json_t *answer = NULL;
    int code = ask(c, "POST", "/run?wait=60", NULL, &answer);

    if (code == CLIENT_DONE && strcmp(client_text_at(answer, "status"), "failed") == 0) {
        fprintf(stderr, "%s: the run failed: %s\n", command_name,
                client_text_at(answer, "failureReason"));
        code = CLIENT_REFUSED;
    }
    return show(c, code, answer, NULL);
}

static void
print_test(const json_t *answer)
{
    const json_t *alerts = json_object_get(answer, "alerts");

    printf("%lld rows would make %zu alerts",
           (long long)json_integer_value(json_object_get(answer, "rows")), json_array_size(alerts));
    if (json_integer_value(json_object_get(answer, "dropped")) > 0)
        printf(", and %lld rows more of them",
               (long long)json_integer_value(json_object_get(answer, "dropped")));
    puts(json_is_true(json_object_get(answer, "isPartial")) ? " (the answer was cut off)" : "");
    for (size_t i = 0; i < json_array_size(alerts) && i < TITLE_SHOWN; i++) {
        const json_t *alert = json_array_get(alerts, i);

        printf("  %lld x %s\n", (long long)json_integer_value(json_object_get(alert, "events")),
               client_text_at(alert, "title"));
    }
    if (json_array_size(alerts) > TITLE_SHOWN)
        printf("  and %zu more\n", json_array_size(alerts) - TITLE_SHOWN);
    puts("no alert was made");
}

static int
run_test(struct call *c)
{
    bool is_file = strcmp(c->word, "-") == 0 || access(c->word, R_OK) == 0;
    struct yaml_tree tree = {NULL, NULL};
    char more[100] = "", path[PATH_SIZE];
    json_t *answer = NULL;
    struct err err = {""};
    int code;

    if (c->span != NULL)
        snprintf(more, sizeof more, "?span=%.40s", c->span);
    if (is_file) {
        if (client_file_tree(c->word, FILE_SIZE_MAX, &tree, &err) != ST_OK)
            return client_usage_error(command_name, "%s", err.text);
        mend(tree.root);
        snprintf(path, sizeof path, RULES "/test%s", more);
        code = client_call(&c->client, "POST", path, tree.root, &answer);
        yaml_tree_free(&tree);
    } else {
        snprintf(path, sizeof path, "/test%s", more);
        code = ask(c, "POST", path, NULL, &answer);
    }
    if (code == CLIENT_DONE && !c->client.json) {
        print_test(answer);
        json_decref(answer);
        return code;
    }
    return show(c, code, answer, NULL);
}

/* ---- the command ---- */

static const struct verb verbs[] = {
    {"list",    NULL,   "all rules of the tenant",                                                run_list   },
    {"show",    "RULE", "one rule, by its id or name",                                            run_show   },
    {"apply",   "FILE", "make or change the rules of a file (JSON or YAML; - is standard input)",
     run_apply                                                                                               },
    {"delete",  "RULE", "delete a rule; its alerts stay",                                         run_delete },
    {"enable",  "RULE", "let it run, from now on",                                                run_enable },
    {"disable", "RULE", "let it rest",                                                            run_disable},
    {"test",    "RULE", "what a rule, or the rule of a file, would find: makes no alert",         run_test   },
    {"run",     "RULE", "run it now, outside its schedule",                                       run_run    },
    {"runs",    "RULE", "its last runs, newest first",                                            run_runs   },
    {NULL,      NULL,   NULL,                                                                     NULL       },
};

static void
print_usage(void)
{
    puts("Usage: penstock detection VERB [OPTIONS]\n");
    for (const struct verb *v = verbs; v->name != NULL; v++)
        printf("  %-8s %-5s %s\n", v->name, v->argument == NULL ? "" : v->argument, v->help);
    fputs(
        "\n  --span DURATION    test: how far back, as PT4H or P7D (its lookback, at least PT1H)\n"
        "  --count N          runs: so many (100)\n" CLIENT_HELP
        "\nA rule is as Microsoft Graph has it (security/rules/detectionRules):\n\n"
        "  displayName: Encoded commands\n"
        "  queryCondition: {queryText: \"DeviceProcessEvents | where ProcessCommandLine has "
        "'-enc'\"}\n"
        "  schedule: {period: \"0\"}          # each record as it comes; or 5M to 24H, on the "
        "workspace\n"
        "  detectionAction:\n"
        "    alertTemplate:\n"
        "      title: Encoded command on {{DeviceName}}\n"
        "      severity: medium             # informational, low, medium, high\n"
        "      category: Execution          # a tactic of ATT&CK\n"
        "      mitreTechniques: [T1059.001]\n"
        "      impactedAssets:\n"
        "        - {\"@odata.type\": \"#microsoft.graph.security.impactedDeviceAsset\", "
        "identifier: deviceId}\n"
        "  penstock: {lookback: P1D, deduplicationWindow: P1D, workspace: soc}   # all optional\n"
        "\nExit codes: 0 done; 1 refused, or the run failed; 2 wrong usage; 3 the daemon was not "
        "reached.\n",
        stdout);
}

/* -1: go on, else the exit code. */
static int
read_options(int argc, char **argv, struct call *c)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"span",  required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'c'},
        {"help",  no_argument,       NULL, 'h'},
        {NULL,    0,                 NULL, 0  },
    };
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&c->settings, option, optarg))
            continue;
        switch (option) {
        case 's':
            if (strspn(optarg, "PTDHMSptdhms0123456789") != strlen(optarg))
                return client_usage_error(command_name, "--span wants a duration like PT4H");
            c->span = optarg;
            break;
        case 'c':
            if (optarg[0] == '\0' || strspn(optarg, "0123456789") != strlen(optarg))
                return client_usage_error(command_name, "--count wants a number");
            c->count = optarg;
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
cmd_detection(int argc, char **argv)
{
    struct call c = {.word = NULL};
    const struct verb *v = verbs;
    struct err err = {""};
    int code = read_options(argc, argv, &c);

    if (code >= 0)
        return code;
    if (optind == argc)
        return client_usage_error(command_name, "say what: list, show, apply, test, run, ...");
    while (v->name != NULL && strcmp(v->name, argv[optind]) != 0)
        v++;
    if (v->name == NULL)
        return client_usage_error(command_name, "there is no such thing as '%.60s'", argv[optind]);
    if (argc - optind - 1 != (v->argument == NULL ? 0 : 1))
        return client_usage_error(command_name, "%s takes %s", v->name,
                                  v->argument == NULL ? "nothing" : v->argument);
    c.word = argv[optind + 1];
    if (client_open(&c.client, command_name, &c.settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = v->run(&c);
    client_close(&c.client);
    return code;
}
