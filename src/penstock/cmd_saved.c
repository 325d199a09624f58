/* cmd_saved.c - one row for each thing that can be said to "penstock saved". */
#include "penstock/cmd_saved.h"
#include "kql/syntax.h"
#include "penstock/client.h"
#include "penstock/client_file.h"
#include "penstock/commands.h"
#include "penstock/query_run.h"
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

static const char command_name[] = "penstock saved";
enum { ARGUMENTS_MAX = 64, FILE_MAX = 1 << 20 };

struct call {
    struct client client;
    struct query_options query; /* of run; .client and .workspace are everybody's */
    const char *text, *parameters, *description, *category, *kind;
    bool is_function;
    const char *words[ARGUMENTS_MAX]; /* behind the verb */
    size_t word_count;
    char base[2048]; /* path of the list, or of what words[0] names */
};

struct verb {
    const char *name, *arguments, *help;
    size_t word_min, word_max;
    int (*run)(struct call *c);
};

/* ---- list and show ---- */

static const char *
place_of(const json_t *saved)
{
    const char *workspace = client_text_at(saved, "workspace");

    return workspace == NULL || workspace[0] == '\0' ? "all" : workspace;
}

static int
run_list(struct call *c)
{
    json_t *answer = NULL, *saved;
    char path[sizeof c->base + 32];
    size_t i, count;
    const char **cells;
    int code;

    snprintf(path, sizeof path, "%s%s%s", c->base,
             c->kind == NULL ? "" : "?kind=", c->kind == NULL ? "" : c->kind);
    code = client_call(&c->client, "GET", path, NULL, &answer);
    count = json_array_size(json_object_get(answer, "value"));
    cells = calloc((count + 1) * 5, sizeof *cells);
    if (code == CLIENT_DONE && c->client.json) {
        client_print_json(answer);
    } else if (code == CLIENT_DONE && cells != NULL) {
        static const char *const titles[] = {"NAME", "KIND", "WORKSPACE", "PARAMETERS",
                                             "DESCRIPTION"};

        memcpy(cells, titles, sizeof titles);
        json_array_foreach(json_object_get(answer, "value"), i, saved)
        {
            const char **row = &cells[(i + 1) * 5];

            row[0] = client_text_at(saved, "name");
            row[1] = client_text_at(saved, "kind");
            row[2] = place_of(saved);
            row[3] = client_text_at(saved, "parameters");
            row[4] = client_text_at(saved, "description");
        }
        client_print_table(cells, count + 1, 5);
    }
    free(cells);
    json_decref(answer);
    return code;
}

static int
run_show(struct call *c)
{
    json_t *answer = NULL;
    int code = client_call(&c->client, "GET", c->base, NULL, &answer);
    const char *kind, *text;

    if (code == CLIENT_DONE && c->client.json) { /* what "set" takes */
        client_print_json(answer);
    } else if (code == CLIENT_DONE) {
        kind = client_text_at(answer, "kind");
        text = client_text_at(answer, "query");
        printf("// %s %s", kind == NULL ? "query" : kind, client_text_at(answer, "name"));
        if (kind != NULL && strcmp(kind, "function") == 0)
            printf("(%s)", client_text_at(answer, "parameters"));
        printf(", workspace: %s\n", place_of(answer));
        if (client_text_at(answer, "description")[0] != '\0')
            printf("// %s\n", client_text_at(answer, "description"));
        printf("%s\n", text == NULL ? "" : text);
    }
    json_decref(answer);
    return code;
}

/* ---- set and delete ---- */

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The file's text, or its object if that is what show --json printed. NULL: said why. */
static json_t *
body_read(struct call *c)
{
    const char *path = c->word_count > 1 ? c->words[1] : NULL;
    char *text = NULL;
    size_t size = 0;
    json_t *body = NULL;
    json_error_t why;
    struct err err = {""};
    enum status st = ST_OK;

    if (path != NULL)
        st = client_file_read(path, FILE_MAX, &text, &size, &err);
    if (st != ST_OK) {
        client_usage_error(command_name, "%s", err.text);
        return NULL;
    }
    if (path != NULL && ends_with(path, ".json")) {
        body = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
        if (!json_is_object(body)) {
            client_usage_error(command_name, "%s is no JSON object: %s", path, why.text);
            json_decref(body);
            body = NULL;
        } else {
            json_object_del(body, "name"); /* the command line says it */
        }
    } else {
        while (size > 0 && isspace((unsigned char)text[size - 1]))
            size--;
        body = path == NULL ? json_pack("{s:s}", "query", c->text)
                            : json_pack("{s:s%}", "query", text, size);
        if (body == NULL)
            client_usage_error(command_name, "the query is no UTF-8");
    }
    free(text);
    return body;
}

static int
run_set(struct call *c)
{
    json_t *body, *answer = NULL;
    int code;

    if ((c->text == NULL) == (c->word_count < 2))
        return client_usage_error(command_name, "say the query by a file, or by --query");
    body = body_read(c);
    if (body == NULL)
        return CLIENT_USAGE;
    if (c->is_function || c->parameters != NULL)
        json_object_set_new(body, "kind", json_string("function"));
    if (c->parameters != NULL)
        json_object_set_new(body, "parameters", json_string(c->parameters));
    if (c->description != NULL)
        json_object_set_new(body, "description", json_string(c->description));
    if (c->category != NULL)
        json_object_set_new(body, "category", json_string(c->category));
    code = client_call(&c->client, "PUT", c->base, body, &answer);
    if (code == CLIENT_DONE && c->client.json)
        client_print_json(answer);
    else if (code == CLIENT_DONE)
        printf("%s: saved\n", c->words[0]);
    json_decref(body);
    json_decref(answer);
    return code;
}

static int
run_delete(struct call *c)
{
    int code = client_call(&c->client, "DELETE", c->base, NULL, NULL);

    if (code == CLIENT_DONE && !c->client.json)
        printf("%s: deleted\n", c->words[0]);
    return code;
}

/* ---- run ---- */

/* A function is called by its name, with the words as literals. malloc'd; NULL: no memory. */
static char *
call_text(const struct call *c, const json_t *saved)
{
    const char *kind = client_text_at(saved, "kind");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    if (kind != NULL && strcmp(kind, "function") == 0) {
        fprintf(out, "%s(", client_text_at(saved, "name"));
        for (size_t i = 1; i < c->word_count; i++)
            fprintf(out, "%s%s", i > 1 ? ", " : "", c->words[i]);
        fputc(')', out);
    } else {
        const char *query = client_text_at(saved, "query");

        fputs(query == NULL ? "" : query, out);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static int
run_run(struct call *c)
{
    json_t *saved = NULL;
    struct query_runner runner;
    int code = client_call(&c->client, "GET", c->base, NULL, &saved);
    char *text;

    if (code != CLIENT_DONE)
        return code;
    text = call_text(c, saved);
    c->query.is_remote = true;
    if (!c->query.has_format)
        c->query.format = c->client.json               ? QUERY_JSON
                          : isatty(STDOUT_FILENO) == 1 ? QUERY_CHART
                                                       : QUERY_JSON;
    query_runner_begin(&runner, &c->query, &catalog_builtin);
    code = text == NULL ? CLIENT_UNREACHABLE : query_runner_run(&runner, span_of(text));
    query_runner_end(&runner);
    free(text);
    json_decref(saved);
    return code;
}

/* ---- the command ---- */

static const struct verb verbs[] = {
    {"list",   "",                "those of the workspace and those for all",                       0, 0, run_list  },
    {"show",   "NAME",            "its text; with --json all of it, as set takes it",               1, 1, run_show  },
    {"set",    "NAME [FILE]",
     "saves FILE ('-': standard input; .json: as show --json has it), or --query",                  1, 2, run_set   },
    {"delete", "NAME",            "forgets it",                                                     1, 1, run_delete},
    {"run",    "NAME [VALUE...]", "runs it; of a function the values (literals) it is called with", 1,
     64,                                                                                                  run_run   },
};

static void
print_help(void)
{
    printf("Usage: %s VERB [OPTIONS]\n\n"
           "Queries and functions that the daemon keeps for a workspace, or for all. A function is "
           "called by its name\n"
           "in any query of the workspace: MyFn(1), MyView | where ..., T | invoke MyFn(1). One "
           "named like a function of\n"
           "Defender's own (FileProfile, DeviceFromIP, SeenBy) is called in its place.\n\n",
           command_name);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        printf("  %-6s %-16s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
    printf("\n"
           "  --workspace-name W   the workspace: name or GUID; without it: for all\n"
           "  --function           it is a function: its text is the body\n"
           "  --parameters LIST    a function's, as KQL has them: \"T:(x:string), n:long=5\"\n"
           "  --query TEXT         the query, or the function's body\n"
           "  --description TEXT, --category TEXT\n"
           "  --kind KIND          list: only query or function\n"
           "  --format FORMAT, --shape SHAPE, --timespan T   run: as penstock query has them\n\n"
           "%s\n"
           "Exit: 0 done, 1 refused, 2 wrong use, 3 the daemon is not reachable.\n",
           CLIENT_HELP);
}

enum {
    QUERY = 'q',
    PARAMETERS,
    DESCRIPTION,
    CATEGORY,
    KIND,
    FUNCTION,
    WORKSPACE,
    FORMAT,
    SHAPE,
    TIMESPAN
};

/* False: said why. */
static bool
take_option(struct call *c, int option, const char *value)
{
    switch (option) {
    case QUERY:
        c->text = value;
        return true;
    case PARAMETERS:
        c->parameters = value;
        return true;
    case DESCRIPTION:
        c->description = value;
        return true;
    case CATEGORY:
        c->category = value;
        return true;
    case KIND:
        c->kind = value;
        return true;
    case FUNCTION:
        c->is_function = true;
        return true;
    case WORKSPACE:
        c->query.workspace = value;
        return true;
    case FORMAT:
        c->query.has_format = true;
        if (query_format_read(span_of(value), &c->query.format))
            return true;
        client_usage_error(command_name, "there is no format '%s'", value);
        return false;
    case SHAPE:
        if (query_shape_read(value, &c->query.shape))
            return true;
        client_usage_error(command_name, "--shape is hunting, workspace or both");
        return false;
    case TIMESPAN:
        c->query.timespan = value;
        return true;
    default:
        return client_option(&c->query.client, option, value);
    }
}

static bool
read_options(int argc, char **argv, struct call *c, int *code)
{
    static const struct option longs[] = {
        {"query",          required_argument, NULL, QUERY      },
        {"parameters",     required_argument, NULL, PARAMETERS },
        {"description",    required_argument, NULL, DESCRIPTION},
        {"category",       required_argument, NULL, CATEGORY   },
        {"kind",           required_argument, NULL, KIND       },
        {"function",       no_argument,       NULL, FUNCTION   },
        {"workspace-name", required_argument, NULL, WORKSPACE  },
        {"format",         required_argument, NULL, FORMAT     },
        {"shape",          required_argument, NULL, SHAPE      },
        {"timespan",       required_argument, NULL, TIMESPAN   },
        {"help",           no_argument,       NULL, 'h'        },
        CLIENT_OPTIONS,
        {NULL,             0,                 NULL, 0          },
    };
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = CLIENT_USAGE;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (option == 'h') {
            print_help();
            *code = CLIENT_DONE;
            return false;
        }
        if (option == '?' || !take_option(c, option, optarg)) {
            if (option == '?')
                fprintf(stderr, "See: %s --help\n", command_name);
            return false;
        }
    }
    return true;
}

/* The path of what is meant. False: too long. */
static bool
base_make(struct call *c, bool is_list)
{
    const char *workspace = c->query.workspace == NULL ? "-" : c->query.workspace;
    char place[1024], name[600] = "";

    if (!client_encode(workspace, place, sizeof place) ||
        (!is_list && !client_encode(c->words[0], name, sizeof name)))
        return false;
    snprintf(c->base, sizeof c->base, "/api/workspaces/%s/savedQueries%s%s", place,
             is_list ? "" : "/", name);
    return true;
}

static int
run_verb(struct call *c, const struct verb *v)
{
    struct err err = {""};
    int code;

    if (c->word_count < v->word_min || c->word_count > v->word_max)
        return client_usage_error(command_name, "%s takes %s", v->name,
                                  v->arguments[0] == '\0' ? "nothing behind it" : v->arguments);
    if (!base_make(c, v->word_max == 0))
        return client_usage_error(command_name, "the name is too long");
    if (client_open(&c->client, command_name, &c->query.client, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = v->run(c);
    client_close(&c->client);
    return code;
}

int
cmd_saved(int argc, char **argv)
{
    static struct call c;
    const char *verb;
    int code;

    memset(&c, 0, sizeof c);
    c.query.limits = kql_rows_limits_default;
    if (!read_options(argc, argv, &c, &code))
        return code;
    verb = optind < argc ? argv[optind++] : NULL;
    while (optind < argc && c.word_count < ARGUMENTS_MAX)
        c.words[c.word_count++] = argv[optind++];
    for (size_t i = 0; verb != NULL && i < COUNT_OF(verbs); i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return run_verb(&c, &verbs[i]);
    return client_usage_error(command_name, verb == NULL ? "say what to do" : "no verb '%s'", verb);
}
