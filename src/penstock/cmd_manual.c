/* cmd_manual.c - prints what the tables hold: keys, kinds, routes, roles, metrics, limits, exit
 * codes, and each command's own --help. Nothing is described here that a table describes;
 * script/manual puts the chapters that people write in front. */
#include "penstock/cmd_manual.h"
#include "api/api.h"
#include "control/config.h"
#include "control/settings.h"
#include "control/tokens.h"
#include "deliver/deliver.h"
#include "kql/diagnostic.h"
#include "kql/function.h"
#include "kql/syntax.h"
#include "match/event.h"
#include "model/catalog.h"
#include "penstock/client.h"
#include "penstock/commands.h"
#include "penstock/query_table.h"
#include "sink/security_record.h"
#include "sink/sink.h"
#include "source/admit.h"
#include "source/devices.h"
#include "source/source.h"
#include "wire/http_server.h"
#include "wire/yaml.h"
#include <stdlib.h>

static const char help[] =
    "Usage: penstock manual\n\n"
    "Prints the reference manual in Markdown: every configuration key, sink and source, HTTP "
    "route,\nrole, metric, limit and command of this very program.\n";

/* Text in a table's cell: nothing of it is a column's end or an element of HTML. */
static void
cell(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '<')
            putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
}

/* Exact, as one would write it in the configuration. */
static const char *
size_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t unit = 0;

    while (bytes >= 1024 && bytes % 1024 == 0 && unit + 1 < COUNT_OF(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 32, "%llu %s", (unsigned long long)bytes, units[unit]);
    return out;
}

static void
code_cell(const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    putchar('`');
    cell(text);
    putchar('`');
}

/* ---- configuration ---- */

static void
print_key(const struct config_key *key)
{
    printf("| `%s` | ", key->key);
    cell(key->type);
    if (key->limits[0] != '\0') {
        printf(": ");
        cell(key->limits);
    }
    printf(" | ");
    code_cell(key->default_value);
    printf("%s | ", key->is_required ? "required" : "");
    cell(key->help);
    printf("%s |\n", key->needs_restart ? " *Restart.*" : "");
}

static bool
visit_key(void *app, const struct config_key *key)
{
    (void)app;
    print_key(key);
    return true;
}

static void
print_configuration(void)
{
    printf(
        "## Configuration keys\n\n"
        "One YAML or JSON file, `penstock serve --config FILE`; every key is optional. Sizes are "
        "written as `64 MiB`,\n"
        "durations as `10 s`. *Restart* marks what takes effect at the next start; the rest at a "
        "reload (HUP). A dot is a\n"
        "level of nesting, `[]` a list: `tenants[].id` is the `id` in each entry of `tenants`.\n\n"
        "| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
    config_describe(visit_key, NULL);
}

/* ---- kinds ---- */

/* The same five columns for sinks and sources, whose rows are two types. */
static void
print_setting(const char *name, const char *value, bool is_optional, bool is_secret,
              const char *text)
{
    printf("| `%s` | ", name);
    code_cell(value);
    printf("%s%s | ", value == NULL && !is_optional ? "required" : "", is_secret ? " secret" : "");
    cell(text);
    printf(" |\n");
}

static void
print_sinks(void)
{
    char size[32];

    printf("\n## Sinks\n\n"
           "What `resources[].kind` may be. The kind `hub` is the journal itself, read with "
           "`penstock tail` or\n"
           "`GET /hubs/{hub}/messages`; it has no settings.\n");
    for (size_t i = 0; sink_kinds[i] != NULL; i++) {
        const struct sink_kind *k = sink_kinds[i];

        printf("\n### Sink `%s`\n\n%s\n\n", k->name, k->help);
        printf("- Guarantee: %s.\n", k->guarantee != NULL ? k->guarantee
                                     : k->is_positioned
                                         ? "exactly once, over kills and lost answers; the length "
                                           "of each object is the proof"
                                         : "at least once");
        printf("- A body has at most %s, as %s.\n", size_text(k->body_max, size),
               k->framing == FRAME_RECORDS ? "`{\"records\":[...]}`"
               : k->framing == FRAME_ROW   ? "one row"
                                           : "rows with a line end each");
        printf("- Leaves at %s, or %u ms after its first row (`batchBytes`, `lingerMs`).\n",
               size_text(k->batch_bytes, size), k->linger_ms);
        if (k->settings == NULL || k->settings[0].name == NULL) {
            printf("- It has no settings.\n");
            continue;
        }
        printf("\n| Setting | Default | Meaning |\n|---|---|---|\n");
        for (const struct sink_setting *s = k->settings; s->name != NULL; s++)
            print_setting(s->name, s->default_value, s->is_optional, s->is_secret, s->help);
    }
}

/* ---- CEF and LEEF ---- */

/* A path or a fact, as the chapter's first words have it. */
static void
print_from(const char *from)
{
    if (from[0] == '=')
        printf("\"%s\"", from + 1);
    else if (from[0] == '@')
        printf("*%s*", from + 1);
    else
        printf("`%s`", from);
}

static void
print_security_field(const struct security_field *f)
{
    static const char *const forms[] = {
        [SECURITY_TEXT] = "",
        [SECURITY_TIME] = " in milliseconds since 1970",
        [SECURITY_ADDRESS] = " if it is an IP address",
    };

    printf("| ");
    print_from(f->from);
    printf("%s | ", forms[f->form]);
    code_cell(f->cef);
    if (f->cef_label != NULL)
        printf(" %s", f->cef_label);
    printf(" | ");
    code_cell(f->leef);
    printf(" |\n");
}

static void
print_security(void)
{
    printf("\n## Records as CEF and LEEF\n\n"
           "What the sink `syslog` makes of a record with `format: cef` or `leef`. Names are "
           "columns of "
           "the record; `a.b` is a\n"
           "member of a member, `Entities[host]` the first entity of that type. In italics what is "
           "known of the record besides:\n"
           "*id* (its identity, as beside the message), *tenant*, *category*, *table*, *time* (its "
           "own, "
           "else the envelope's) and\n"
           "*record* (the whole of it as JSON). What is absent, null or empty is left out. The "
           "header's "
           "vendor and product are\n"
           "`penstock`, its event the table, its name the category, where the record does not say; "
           "its version is this\n"
           "program's. CEF has IPv6 addresses in `c6a2` (source) and `c6a3` (destination).\n\n"
           "| Severity of the record | CEF, LEEF | Syslog |\n|---|---|---|\n");
    for (int i = SECURITY_SEVERITIES; i-- > 0;) {
        const struct security_severity_row *s = &security_severity_rows[i];

        printf("| %s | %d | %d |\n", s->name[0] != '\0' ? s->name : "none, or another word",
               s->score, s->syslog);
    }
    for (const struct security_kind *k = security_kinds; k->name != NULL; k++) {
        printf("\n### Fields: %s\n\nVendor ", k->name);
        print_from(k->vendor);
        printf(", product ");
        print_from(k->product);
        printf(", event ");
        print_from(k->event);
        printf(", name ");
        print_from(k->title);
        printf(".\n\n| From | CEF | LEEF |\n|---|---|---|\n");
        for (const struct security_field *f = k->fields; f->from != NULL; f++)
            print_security_field(f);
    }
}

static void
print_sources(void)
{
    printf("\n## Sources\n\nWhat `sources[].kind` may be.\n");
    for (size_t i = 0; source_kinds[i] != NULL; i++) {
        const struct source_kind *k = source_kinds[i];

        printf("\n### Source `%s`\n\n%s\n", k->name, k->help);
        if (k->settings == NULL || k->settings[0].name == NULL)
            continue;
        printf("\n| Setting | Default | Meaning |\n|---|---|---|\n");
        for (const struct source_setting *s = k->settings; s->name != NULL; s++)
            print_setting(s->name, s->default_value, s->is_optional, s->is_secret, s->help);
    }
}

/* ---- interface ---- */

static bool
visit_route(void *app, const struct api_row *row)
{
    (void)app;
    printf("| %s | `%s` | %s | ", row->method, row->pattern,
           row->role[0] != '\0' ? row->role : "none");
    cell(row->help);
    printf(" |\n");
    return true;
}

static void
print_routes(void)
{
    printf("\n## HTTP routes\n\n"
           "The role is the least that a token must have for the tenant; an administrator may what "
           "a reader may, an operator\n"
           "everything. A token for every tenant says which one with `?tenantId=`, unless there is "
           "only one.\n\n"
           "| Method | Path | Role | What it does |\n|---|---|---|---|\n");
    api_describe(visit_route, NULL);
}

static void
print_roles(void)
{
    printf("\n## Roles\n\n| Role | What it may |\n|---|---|\n");
    for (const struct role_row *r = role_rows; r->name != NULL; r++)
        printf("| `%s` | %s |\n", r->name, r->help);
}

static bool
visit_metric(void *app, const struct api_metric *m)
{
    (void)app;
    printf("| `%s` | %s | %s | ", m->name, m->type, m->labels);
    cell(m->help);
    printf(" |\n");
    return true;
}

static void
print_metrics(void)
{
    printf("\n## Metrics\n\nAt `GET /metrics`, as Prometheus text; `metrics.access` says who may "
           "read them.\n\n"
           "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n");
    api_describe_metrics(visit_metric, NULL);
}

/* ---- limits ---- */

/* Those that no configuration changes; the others are keys under 'limits'. */
static const struct limit {
    const char *what;
    uint64_t value;
    bool is_size;
} limits[] = {
    {"Configuration file",                                       CONFIG_FILE_SIZE_MAX,   true },
    {"Configuration: nesting",                                   YAML_DEPTH_MAX,         false},
    {"Configuration: tenants",                                   CONFIG_TENANTS_MAX,     false},
    {"Configuration: resources",                                 CONFIG_RESOURCES_MAX,   false},
    {"Configuration: sources",                                   CONFIG_SOURCES_MAX,     false},
    {"Configuration: tables added or widened",                   CONFIG_TABLES_MAX,      false},
    {"Configuration: columns of such a table",                   CONFIG_COLUMNS_MAX,     false},
    {"One secret",                                               CONFIG_SECRET_SIZE_MAX, true },
    {"Body of a PUT of a data export setting",                   SETTING_BODY_SIZE_MAX,  true },
    {"Id of a data export setting, bytes",                       SETTING_ID_SIZE_MAX,    false},
    {"Entries of `logs` in a setting",                           SETTING_LOGS_MAX,       false},
    {"Event types with a hub each (Basic, Standard namespaces)", SETTING_HUBS_MAX,       false},
    {"Tokens",                                                   TOKENS_MAX,             false},
    {"Faults listed in an answer",                               ADMIT_FAULTS_MAX,       false},
    {"Rows of a block",                                          BLOCK_ROWS_MAX,         false},
    {"Bytes of a block",                                         BLOCK_BODY_MAX,         true },
    {"Tenants that have devices or groups",                      DEVICES_TENANTS_MAX,    false},
    {"Device groups of a tenant",                                DEVICE_GROUPS_MAX,      false},
    {"Rules of a device group",                                  DEVICE_RULES_MAX,       false},
    {"Values of one property in a device group",                 DEVICE_VALUES_MAX,      false},
    {"Name of a device group, bytes",                            DEVICE_GROUP_NAME_MAX,  false},
    {"Name of a table, bytes",                                   CATALOG_TABLE_NAME_MAX, false},
    {"Seconds in which a connection's first request head comes", HTTP_HEAD_S_MAX,        false},
    {"Seconds for each 64 KiB of a body, either way",            HTTP_BODY_S_MAX,        false},
    {"Categories counted singly for an export (then `(other)`)", DELIVER_CATEGORIES_MAX, false},
    {"Text of a query",                                          KQL_QUERY_MAX,          true },
    {"Nesting of a query",                                       KQL_NEST_MAX,           false},
    {"Items of an array that a query makes",                     KQL_ARRAY_MAX,          false},
    {"A text that a query makes",                                KQL_STRING_MAX,         true },
    {"Nesting of a dynamic value",                               KQL_DEPTH_MAX,          false},
    {"Tables of `penstock query`",                               QUERY_TABLES_MAX,       false},
    {"One record of such a table",                               QUERY_RECORD_MAX,       true },
};

static void
print_limits(void)
{
    char text[32];

    printf("\n## Fixed limits\n\nWhat can be chosen is under `limits` in the configuration. These "
           "cannot:\n\n"
           "| What | At most |\n|---|---|\n");
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (limits[i].is_size)
            size_text(limits[i].value, text);
        else
            snprintf(text, sizeof text, "%llu", (unsigned long long)limits[i].value);
        printf("| %s | %s |\n", limits[i].what, text);
    }
}

/* ---- query language ---- */

static const char *
group_of(const struct kql_function *f)
{
    return f->group != NULL           ? f->group
           : f->kind == KQL_AGGREGATE ? "aggregate"
           : f->kind == KQL_OPERATOR  ? "operator"
                                      : "other";
}

static bool
is_listed(const struct kql_function *f)
{
    return (f->flags & (KQL_F_LEGACY | KQL_F_NOT_BUILT)) == 0;
}

static void
print_function(const struct kql_function *f)
{
    const char *at = f->signature == NULL ? "" : f->signature;

    printf("| ");
    do { /* an overload a line */
        size_t n = strcspn(at, "\n");
        char text[512];

        snprintf(text, sizeof text, "%s%.*s", f->name, (int)n, at);
        code_cell(text);
        at += n + (at[n] == '\n');
        printf("%s", *at != '\0' ? "<br>" : "");
    } while (*at != '\0');
    printf(" | ");
    cell(f->doc == NULL ? "" : f->doc);
    printf("%s |\n", (f->flags & KQL_F_TRANSFORM) != 0 ? " *T*" : "");
}

/* The groups in the order of their first rows. */
static void
print_functions(void)
{
    const struct kql_function *f, *g;

    printf("\n## Functions of the query language\n\n"
           "Functions, operators, aggregates, window functions and plugins that are built. *T*: "
           "Azure Monitor allows it in\ntransformations too. `T...` repeats, `?` may be left out, "
           "`const` must be constant.\n");
    for (f = kql_function_next(NULL); f != NULL; f = kql_function_next(f)) {
        if (!is_listed(f))
            continue;
        for (g = kql_function_next(NULL); g != f; g = kql_function_next(g))
            if (is_listed(g) && strcmp(group_of(g), group_of(f)) == 0)
                break;
        if (g != f)
            continue;
        printf("\n### Functions: %s\n\n| Signature | What it gives |\n|---|---|\n", group_of(f));
        for (; g != NULL; g = kql_function_next(g))
            if (is_listed(g) && strcmp(group_of(g), group_of(f)) == 0)
                print_function(g);
    }
    printf("\nKnown to the language and refused by name, for they are not built:");
    for (f = kql_function_next(NULL); f != NULL; f = kql_function_next(f))
        if ((f->flags & KQL_F_NOT_BUILT) != 0)
            printf(" `%s`", f->name);
    printf(".\n");
}

static void
print_diagnostics(void)
{
    printf("\n## Diagnostics of the query language\n\n| Code | Meaning |\n|---|---|\n");
    for (int code = 0; code < KQL_CODE_COUNT; code++) {
        printf("| `%s` | ", kql_code_name((enum kql_code)code));
        cell(kql_code_title((enum kql_code)code));
        printf(" |\n");
    }
}

/* ---- workspace tables ---- */

static void
print_workspace_table(enum event_source source)
{
    size_t count;
    const struct event_column *columns = event_columns(source, &count);
    char origin[256];

    printf("\n### %s\n\nEvents of `%s`", event_source_rows[source].table,
           event_source_rows[source].name);
    for (int i = 0; i < EVENT_SOURCES; i++)
        if (event_source_rows[i].is_snapshot && event_source_rows[i].streaming == source)
            printf(" and `%s`", event_source_rows[i].name);
    printf(".\n\n| Column | Type | From |\n|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        printf("| `%s` | %s | ", columns[i].name, columns[i].type);
        cell(event_column_origin(&columns[i], origin));
        printf("%s |\n", columns[i].is_extra ? " *X*" : "");
    }
}

static void
print_workspace_tables(void)
{
    char size[32];

    printf(
        "\n## Workspace tables\n\n"
        "The rows that the Workspace action of an automation makes of events. Paths are those of "
        "the event's document. *X*: not in\nevery row; `ShrunkColumns` only in rows that had more "
        "than %s.\n",
        size_text(EVENT_ROW_SIZE_MAX, size));
    for (int i = 0; i < EVENT_SOURCES; i++)
        if (!event_source_rows[i].is_snapshot)
            print_workspace_table((enum event_source)i);
}

/* ---- commands ---- */

static void
print_commands(void)
{
    printf("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for (const struct exit_row *e = exit_rows; e->help != NULL; e++)
        printf("| %d | %s |\n", e->code, e->help);
    printf("\n## Commands\n");
    for (const struct command *c = commands; c->name != NULL; c++) {
        char name[32], option[] = "--help";
        char *arguments[] = {name, option, NULL};

        snprintf(name, sizeof name, "%s", c->name);
        printf("\n### penstock %s\n\n```text\n", c->name);
        fflush(stdout);
        if (c->run(2, arguments) != EXIT_DONE)
            printf("(no help)\n");
        printf("```\n");
    }
}

int
cmd_manual(int argc, char **argv)
{
    bool wants_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    if (wants_help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (argc > 1)
        return client_usage_error("penstock manual", "'%.40s' is one word too many", argv[1]);
    print_configuration();
    print_sinks();
    print_security();
    print_sources();
    print_routes();
    print_roles();
    print_metrics();
    print_limits();
    print_workspace_tables();
    print_functions();
    print_diagnostics();
    print_commands();
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_UNREACHABLE;
}
