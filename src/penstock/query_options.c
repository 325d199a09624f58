/* query_options.c - the command line of "penstock query". */
#include "penstock/query_options.h"
#include "penstock/commands.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCH_MS_MIN = 100 };

static const char usage_text[] =
    "Usage: penstock query 'QUERY' [OPTIONS]\n"
    "       penstock query --file FILE [OPTIONS]\n"
    "       penstock query [OPTIONS]             on a terminal: one after the other\n"
    "       penstock query --batch [OPTIONS]\n"
    "       penstock query --functions [GROUP]\n\n"
    "Runs a query in the Kusto Query Language: over a workspace of the running daemon, over tables "
    "read from NDJSON files (--table), or over datatable, range and print.\n"
    "QUERY may be '-' for standard input. What needs no table but its own runs here, all else is "
    "asked of the daemon.\n\n"
    "  --format FORMAT      table (long cells are cut), chart (what 'render' asks for), json, "
    "ndjson, csv or markdown; default: "
    "chart on a terminal, "
    "json elsewhere\n"
    "  --file FILE          the query is in FILE\n"
    "  --check              only says whether the query is right, and which columns it gives; "
    "works for all known tables\n"
    "  --explain            prints the plan\n"
    "  --functions          lists the functions, all or those of a group\n"
    "  --parameter P=VALUE  a value (a literal) for declare query_parameters\n"
    "  --shape SHAPE        columns of tables: hunting (Timestamp ...; the default), workspace "
    "(TimeGenerated ...) or both\n"
    "  --workspace          the same as --shape workspace\n"
    "  --max-rows N         most rows of an answer; default 500000, 0: no limit\n"
    "  --limit-time SECONDS most time of a query; default none here and with --batch 10, the "
    "daemon's there\n"
    "\nThe daemon's workspaces:\n"
    "  --workspace-name W   which one: name, GUID or resource id; default: hunting.workspace of "
    "its configuration, or the only one there is\n"
    "  --beside W           a further one: each table is that of all of them; may come again\n"
    "  --timespan T         only rows of that time: P1D, PT2H, 2026-03-01/2026-03-02\n"
    "  --watch SECONDS      again and again; on a terminal in place, elsewhere when the answer "
    "differs\n" CLIENT_HELP "\nHere:\n"
    "  --local              ask no daemon, whatever the query names\n"
    "  --table NAME=FILE    rows of a table: one JSON object a line, or the records of an export; "
    "may come again, also for one NAME\n"
    "  --batch              lines {\"id\", \"query\"} on standard input, a line with \"columns\" "
    "and \"rows\" or \"error\" for each\n"
    "  --engine ENGINE      rows (the default), or duckdb: what a workspace's queries are run by\n"
    "  --workspace-file [NAME=]FILE  over the tables of a workspace's file that no daemon has "
    "open, by duckdb; again with a NAME: what the query calls workspace(\"NAME\")\n"
    "  --external-data URL  what externaldata may read: URLs that begin so (scheme, host, port and "
    "whole segments of the path); may come again. Without it, nothing\n"
    "  --config FILE        with the tables and columns that the daemon's configuration adds, and "
    "what it lets externaldata read\n"
    "  --limit-rows N       most rows that any operator may give; default 100000000\n"
    "  --limit-memory SIZE  most memory of a query, as 512MiB; default 1GiB\n\n"
    "Columns of a file's table are the catalog's if its name is known there, then what the first "
    "1000 "
    "records have.\n"
    "On a terminal without QUERY: a query ends with ';' or an empty line, .help tells the rest.\n";

static const char *const shapes[] = {
    [QUERY_HUNTING] = "hunting", [QUERY_SHAPE_WORKSPACE] = "workspace", [QUERY_BOTH] = "both"};

static bool
read_count(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool
read_size(const char *text, size_t *out)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = {
        {"",    0 },
        {"B",   0 },
        {"KiB", 10},
        {"MiB", 20},
        {"GiB", 30},
        {"TiB", 40}
    };
    unsigned long long count;
    char *end;

    errno = 0;
    count = strtoull(text, &end, 10);
    if (errno != 0 || end == text || text[0] == '-')
        return false;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strcmp(end, units[i].unit) == 0 && count << units[i].shift >> units[i].shift == count) {
            *out = (size_t)(count << units[i].shift);
            return count > 0;
        }
    return false;
}

static bool
read_seconds(const char *text, int64_t *ms)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || !(seconds > 0 && seconds < 1e9) || (*end != '\0' && strcmp(end, "s") != 0))
        return false;
    *ms = (int64_t)(seconds * 1000) + (seconds * 1000 < 1);
    return true;
}

static bool
add_parameter(struct query_options *o, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || o->parameter_count == QUERY_PARAMETERS_MAX)
        return false;
    o->parameters[o->parameter_count++] = (struct kql_parameter_value){
        {text, (size_t)(equals - text)},
        span_of(equals + 1)
    };
    return true;
}

static bool
usage_error(const char *what, const char *value)
{
    fprintf(stderr, "penstock query: %s '%s'\n", what, value);
    return false;
}

/* False: it has said why. */
static bool
add_prefix(struct query_options *o, const char *value)
{
    char prefix[FETCH_PREFIX_SIZE];
    struct err why = {""};
    char *kept;

    if (o->external.prefix_count == FETCH_PREFIXES_MAX)
        return usage_error("too many --external-data, at", value);
    if (fetch_prefix_write(span_of(value), prefix, &why) != ST_OK) {
        fprintf(stderr, "penstock query: --external-data '%s': %s\n", value, why.text);
        return false;
    }
    kept = strdup(prefix); /* as long as the process */
    if (kept == NULL)
        return usage_error("no memory for --external-data", value);
    o->prefixes[o->external.prefix_count++] = kept;
    return true;
}

/* Options of the daemon's; false: it has said why. */
static bool
take_remote(struct query_options *o, int option, const char *value)
{
    switch (option) {
    case CLIENT_JSON:
        o->has_format = true;
        o->format = QUERY_JSON;
        return true;
    case 'L':
        o->is_local = true;
        return true;
    case 'n':
        o->workspace = value;
        o->is_remote = true;
        return true;
    case 'B':
        if (o->beside_count == QUERY_WORKSPACES_MAX)
            return usage_error("too many workspaces, at", value);
        o->beside[o->beside_count++] = value;
        o->is_remote = true;
        return true;
    case 'T':
        o->timespan = value;
        o->is_remote = true;
        return true;
    case 'y':
        o->is_remote = true;
        return (read_seconds(value, &o->watch_ms) && o->watch_ms >= WATCH_MS_MIN) ||
               usage_error("--watch wants seconds, 0.1 or more, not", value);
    default: /* where, and as whom: only if it is asked at all; a URL says that it is */
        o->is_remote = o->is_remote || option == CLIENT_URL;
        return client_option(&o->client, option, value);
    }
}

bool
query_shape_read(const char *value, enum query_shape *shape)
{
    for (int i = 0; i < QUERY_SHAPE_COUNT; i++)
        if (strcmp(value, shapes[i]) == 0) {
            *shape = (enum query_shape)i;
            return true;
        }
    return false;
}

/* False: it has said why. */
static bool
take_option(struct query_options *o, int option, const char *value)
{
    switch (option) {
    case 'b':
        o->is_batch = true;
        return true;
    case 'c':
        o->config = value;
        return true;
    case 'e':
        o->is_explain = true;
        return true;
    case 'E':
        o->is_duckdb = strcmp(value, "duckdb") == 0;
        return o->is_duckdb || strcmp(value, "rows") == 0 ||
               usage_error("--engine is rows or duckdb, not", value);
    case 'f':
        o->file = value;
        return true;
    case 'F':
        o->has_format = true;
        return query_format_read(span_of(value), &o->format) ||
               usage_error("--format is table, chart, json, ndjson, csv or markdown, not", value);
    case 'k':
        o->is_check = true;
        return true;
    case 'l':
        o->is_functions = true;
        return true;
    case 'm':
        return read_size(value, &o->limits.memory_max) ||
               usage_error("--limit-memory wants a size, as 512MiB, not", value);
    case 'p':
        return add_parameter(o, value) || usage_error("--parameter wants NAME=VALUE, not", value);
    case 'r':
        return read_count(value, &o->limits.rows_max) ||
               usage_error("--limit-rows wants a number, not", value);
    case 'S':
        return query_shape_read(value, &o->shape) ||
               usage_error("--shape is hunting, workspace or both, not", value);
    case 's':
        o->has_time = true;
        return read_seconds(value, &o->time_ms) ||
               usage_error("--limit-time wants seconds, not", value);
    case 't':
        if (o->table_count == QUERY_TABLES_MAX)
            return usage_error("too many tables, at", value);
        o->tables[o->table_count++] = value;
        return true;
    case 'w':
        o->shape = QUERY_SHAPE_WORKSPACE;
        return true;
    case 'W':
        if (o->workspace_file_count == QUERY_WORKSPACES_MAX)
            return usage_error("too many workspaces, at", value);
        o->workspace_files[o->workspace_file_count++] = value;
        o->is_duckdb = true;
        return true;
    case 'X':
        return add_prefix(o, value);
    case 'x':
        return read_count(value, &o->limits.answer_rows_max) ||
               usage_error("--max-rows wants a number, not", value);
    default:
        return take_remote(o, option, value);
    }
}

const char *
query_workspace_file(const char *value, struct span *name)
{
    size_t n = strcspn(value, "=/");

    *name = (struct span){"", 0};
    if (n == 0 || value[n] != '=')
        return value;
    *name = (struct span){value, n};
    return value + n + 1;
}

/* What does not go together. */
static bool
check_options(struct query_options *o)
{
    struct span name;

    o->is_local = o->is_local || o->is_batch || o->is_duckdb || o->table_count > 0 ||
                  o->external.prefix_count > 0;
    if (o->workspace_file_count > 0 && o->table_count > 0)
        return usage_error("--table is for tables of files, not with --workspace-file",
                           o->workspace_files[0]);
    for (size_t i = 1; i < o->workspace_file_count; i++)
        if (query_workspace_file(o->workspace_files[i], &name) == o->workspace_files[i])
            return usage_error("a further --workspace-file wants a name before it, as b=FILE, not",
                               o->workspace_files[i]);
    if (o->is_local && o->is_remote)
        return usage_error("files and a daemon at once: --url, --workspace-name, --beside, "
                           "--timespan and --watch are not for",
                           o->table_count > 0             ? "--table"
                           : o->is_batch                  ? "--batch"
                           : o->is_duckdb                 ? "--engine duckdb, --workspace-file"
                           : o->external.prefix_count > 0 ? "--external-data"
                                                          : "--local");
    if (o->is_functions || o->is_batch || o->query != NULL || o->file != NULL ||
        isatty(STDIN_FILENO))
        return true;
    fputs("penstock query: say which query: 'QUERY', --file FILE, or '-' for standard input\n",
          stderr);
    return false;
}

bool
query_options_read(int argc, char **argv, struct query_options *o, int *code)
{
    static const struct option longs[] = {
        {"batch",          no_argument,       NULL, 'b'},
        {"beside",         required_argument, NULL, 'B'},
        {"check",          no_argument,       NULL, 'k'},
        {"config",         required_argument, NULL, 'c'},
        {"engine",         required_argument, NULL, 'E'},
        {"explain",        no_argument,       NULL, 'e'},
        {"external-data",  required_argument, NULL, 'X'},
        {"file",           required_argument, NULL, 'f'},
        {"format",         required_argument, NULL, 'F'},
        {"functions",      no_argument,       NULL, 'l'},
        {"limit-memory",   required_argument, NULL, 'm'},
        {"limit-rows",     required_argument, NULL, 'r'},
        {"limit-time",     required_argument, NULL, 's'},
        {"local",          no_argument,       NULL, 'L'},
        {"max-rows",       required_argument, NULL, 'x'},
        {"parameter",      required_argument, NULL, 'p'},
        {"shape",          required_argument, NULL, 'S'},
        {"table",          required_argument, NULL, 't'},
        {"timespan",       required_argument, NULL, 'T'},
        {"watch",          required_argument, NULL, 'y'},
        {"workspace",      no_argument,       NULL, 'w'},
        {"workspace-file", required_argument, NULL, 'W'},
        {"workspace-name", required_argument, NULL, 'n'},
        {"help",           no_argument,       NULL, 'h'},
        CLIENT_OPTIONS,
        {NULL,             0,                 NULL, 0  },
    };
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            *code = EXIT_DONE;
            return false;
        }
        if (!take_option(o, option, optarg)) {
            fputs("See: penstock query --help\n", stderr);
            return false;
        }
    }
    if (optind < argc && o->is_functions)
        o->group = argv[optind++];
    else if (optind < argc && !o->is_batch && o->file == NULL)
        o->query = argv[optind++];
    if (optind < argc)
        return usage_error("one query at a time (in quotes), not also", argv[optind]);
    return check_options(o);
}

const char *
query_shape_name(enum query_shape shape)
{
    return shapes[shape];
}
