#include "penstock/cmd_query.h"
#include "base/clock.h"
#include "base/file.h"
#include "control/config.h"
#include "penstock/commands.h"
#include "penstock/query_print.h"
#include "penstock/query_workspace.h"
#include "wire/json.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PARAMETERS_MAX = 256,
    BATCH_LINE_MAX = 8 << 20, /* bytes of a line of --batch */
    BATCH_SECONDS = 10,
    DAYS_MS = 1000000000, /* no limit of time: eleven days */
};

static const char usage_text[] =
    "Usage: penstock query 'QUERY' [OPTIONS]\n"
    "       penstock query --file FILE [OPTIONS]\n"
    "       penstock query --batch [OPTIONS]\n"
    "       penstock query --functions [GROUP]\n\n"
    "Runs a query in the Kusto Query Language over tables read from NDJSON files, over datatable, "
    "range and print.\n"
    "QUERY may be '-' for standard input.\n\n"
    "  --table NAME=FILE    rows of a table: one JSON object a line, or the records of an export; "
    "may come again, also for one NAME\n"
    "  --format FORMAT      table (long cells are cut), json, ndjson, csv or markdown; default: "
    "table on a terminal, "
    "json elsewhere\n"
    "  --file FILE          the query is in FILE\n"
    "  --batch              lines {\"id\", \"query\"} on standard input, a line with \"columns\" "
    "and \"rows\" or \"error\" for each\n"
    "  --check              only says whether the query is right, and which columns it gives; "
    "works for all known tables\n"
    "  --explain            prints the plan\n"
    "  --functions          lists the functions, all or those of a group\n"
    "  --parameter P=VALUE  a value (a literal) for declare query_parameters\n"
    "  --workspace          tables have the shape of a Log Analytics workspace\n"
    "  --engine ENGINE      rows (the default), or duckdb: what a workspace's queries are run by\n"
    "  --workspace-file FILE  over the tables of a workspace's file that no daemon has open, by "
    "duckdb\n"
    "  --config FILE        with the tables and columns that the daemon's configuration adds\n"
    "  --max-rows N         most rows of an answer; default 500000, 0: no limit\n"
    "  --limit-rows N       most rows that any operator may give; default 100000000\n"
    "  --limit-memory SIZE  most memory of a query, as 512MiB; default 1GiB\n"
    "  --limit-time SECONDS most time of a query; default none, with --batch 10\n\n"
    "Columns of a table are the catalog's if its name is known there, then what the first 1000 "
    "records have.\n";

struct options {
    const char *query, *file, *config, *group, *workspace;
    bool is_duckdb;
    bool is_batch, is_check, is_explain, is_functions, is_workspace, has_format, has_time;
    enum query_format format;
    const char *tables[QUERY_TABLES_MAX];
    size_t table_count;
    struct kql_parameter_value parameters[PARAMETERS_MAX];
    size_t parameter_count;
    struct kql_rows_limits limits;
    int64_t time_ms; /* 0: none */
};

/* ---- options ---- */

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
add_parameter(struct options *o, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || o->parameter_count == PARAMETERS_MAX)
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
take_option(struct options *o, int option, const char *value)
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
               usage_error("--format is table, json, ndjson, csv or markdown, not", value);
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
        o->is_workspace = true;
        return true;
    case 'W':
        o->workspace = value;
        o->is_duckdb = true;
        return true;
    case 'x':
        return read_count(value, &o->limits.answer_rows_max) ||
               usage_error("--max-rows wants a number, not", value);
    default:
        return false;
    }
}

/* False: 'code' is what to end with. */
static bool
read_options(int argc, char **argv, struct options *o, int *code)
{
    static const struct option longs[] = {
        {"batch",          no_argument,       NULL, 'b'},
        {"check",          no_argument,       NULL, 'k'},
        {"config",         required_argument, NULL, 'c'},
        {"engine",         required_argument, NULL, 'E'},
        {"explain",        no_argument,       NULL, 'e'},
        {"file",           required_argument, NULL, 'f'},
        {"format",         required_argument, NULL, 'F'},
        {"functions",      no_argument,       NULL, 'l'},
        {"limit-memory",   required_argument, NULL, 'm'},
        {"limit-rows",     required_argument, NULL, 'r'},
        {"limit-time",     required_argument, NULL, 's'},
        {"max-rows",       required_argument, NULL, 'x'},
        {"parameter",      required_argument, NULL, 'p'},
        {"table",          required_argument, NULL, 't'},
        {"workspace",      no_argument,       NULL, 'w'},
        {"workspace-file", required_argument, NULL, 'W'},
        {"help",           no_argument,       NULL, 'h'},
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
    if (o->workspace != NULL && o->table_count > 0)
        return usage_error("--table is for tables of files, not with --workspace-file",
                           o->workspace);
    if (o->is_functions || o->is_batch || o->query != NULL || o->file != NULL)
        return true;
    fputs("penstock query: say which query: 'QUERY', --file FILE, or '-' for standard input\n",
          stderr);
    return false;
}

/* ---- what a query is run with ---- */

struct session {
    const struct options *o;
    struct query_tables tables;
    struct kql_environment environment;
    struct kql_rows_source source;
    struct kql_rows_limits limits;
    struct pool pool;
    struct query_workspace duckdb; /* .workspace NULL: the row engine alone */
};

static void
session_begin(struct session *s)
{
    query_tables_begin(&s->tables, &s->pool);
    s->environment = (struct kql_environment){
        .table = query_tables_find,
        .table_at = query_tables_at,
        .context = &s->tables,
        .now = clock_ticks(),
        .parameters = s->o->parameters,
        .parameter_count = s->o->parameter_count,
        .defers_not_built = true,
    };
    s->limits = s->o->limits;
    if (s->o->time_ms > 0)
        s->limits.deadline_ms = clock_monotonic_ms() + s->o->time_ms;
    s->pool.limit = s->limits.memory_max;
    s->pool.deadline_ms = s->limits.deadline_ms;
}

/* Diagnostics as text; needs no escape of the caller. */
static void
print_diagnostics(struct session *s, const struct kql_diagnostics *d)
{
    jmp_buf here;
    struct span text;

    s->pool.escape = &here;
    s->pool.limit += 1 << 20; /* also when the query has used up all */
    s->pool.deadline_ms = 0;
    if (setjmp(here) == 0) {
        text = kql_diagnostics_print(&s->pool, d, true);
        fwrite(text.p, 1, text.n, stderr);
    } else {
        fprintf(stderr, "penstock query: no memory to say what is wrong\n");
    }
}

static int
end_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_DONE;
    fprintf(stderr, "penstock query: cannot write: %s\n", strerror(errno));
    return EXIT_UNREACHABLE;
}

/* ---- by DuckDB ---- */

static struct hunt_request
hunt_request_of(const struct session *s, struct span text)
{
    const struct options *o = s->o;

    return (struct hunt_request){
        .text = text,
        .sees_all = true,
        .shape = o->is_workspace ? HUNT_WORKSPACE : HUNT_HUNTING,
        .engine = o->workspace == NULL ? HUNT_MOST : HUNT_BEST,
        .from = INT64_MIN,
        .to = INT64_MAX,
        .now = clock_ticks(),
        .parameters = o->parameters,
        .parameter_count = o->parameter_count,
        .limits = {.time_ms = o->time_ms > 0 ? o->time_ms : DAYS_MS,
                   .answer_rows_max =
                       o->limits.answer_rows_max > 0 ? o->limits.answer_rows_max : UINT64_MAX,
                   .answer_size_max = SIZE_MAX,
                   .memory_max = o->limits.memory_max,
                   .rows_max = o->limits.rows_max},
    };
}

static void
print_rejected(const struct hunt *h)
{
    if (h->rejected.text[0] != '\0')
        fprintf(stderr,
                "penstock query: DuckDB refused the SQL that was made of the query (a fault to be "
                "told of), the "
                "row engine ran it: %s\n",
                h->rejected.text);
}

/* Diagnostics and what ended it, as those of the row engine are told. */
static void
print_hunt_end(struct session *s, const struct hunt *h, const struct err *err)
{
    print_rejected(h);
    if (h->diagnostics.count > 0)
        print_diagnostics(s, &h->diagnostics);
    if (h->outcome != HUNT_DONE && h->outcome != HUNT_REFUSED)
        fprintf(stderr, "penstock query: %s\n", err->text);
    else if (h->outcome == HUNT_REFUSED && h->diagnostics.error_count == 0)
        fprintf(stderr, "penstock query: %s\n", err->text);
    if (h->partial == HUNT_CUT_ROWS)
        fputs("penstock query: there are more rows (--max-rows)\n", stderr);
}

static int
run_hunt(struct session *s, struct span text)
{
    struct hunt_request r = hunt_request_of(s, text);
    static struct hunt h;
    struct err err = {""};
    int code = EXIT_REFUSED;
    bool is_done = hunt_run(s->duckdb.workspace, &r, &h, &err) == ST_OK;

    print_hunt_end(s, &h, &err);
    if (is_done && query_print(stdout, s->o->format, &h.answers, &err) == ST_OK)
        code = end_output();
    else if (is_done)
        fprintf(stderr, "penstock query: %s\n", err.text);
    hunt_end(&h);
    return code;
}

static int
run_query(struct session *s, struct span text)
{
    static struct kql_diagnostics d;
    struct kql_answers answers;
    struct err err = {""};
    bool is_done;

    if (s->duckdb.workspace != NULL)
        return run_hunt(s, text);
    session_begin(s);
    is_done =
        kql_rows_query(&s->pool, text, &s->environment, &s->source, &s->limits, &d, &answers, &err);
    if (d.count > 0)
        print_diagnostics(s, &d);
    if (!is_done) {
        if (err.text[0] != '\0')
            fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    }
    if (query_print(stdout, s->o->format, &answers, &err) != ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    }
    return end_output();
}

enum shape { SHAPE_HUNTING, SHAPE_WORKSPACE, SHAPE_BOTH, SHAPE_COUNT };

static const char *const shape_names[] = {"hunting", "a workspace", "hunting and a workspace"};

static bool
bind_with(struct session *s, enum shape shape, struct span text, struct kql_diagnostics *d,
          struct kql_bound *bound)
{
    session_begin(s);
    s->tables.catalog.is_workspace = shape == SHAPE_WORKSPACE;
    s->tables.catalog.has_both = shape == SHAPE_BOTH;
    kql_diagnostics_init(d, &s->pool, text);
    return kql_bind(&s->pool, text, &s->environment, d, bound) && bound->plan != NULL;
}

static bool
has_wrong_column(const struct kql_diagnostics *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (!d->items[i].is_warning &&
            (d->items[i].code == KQL_E_COLUMN || d->items[i].code == KQL_E_TYPE))
            return true;
    return false;
}

/* A query says nowhere whether it is meant for hunting (Timestamp) or for a workspace
 * (TimeGenerated), and some are for a portal that has both. If the shape that was asked for lacks a
 * column, or has it with another type, the others are tried; when all fail, the complaints are those
 * of the first. */
static bool
bind_in_some_shape(struct session *s, struct span text, struct kql_diagnostics *d,
                   struct kql_bound *bound)
{
    enum shape asked = s->o->is_workspace ? SHAPE_WORKSPACE : SHAPE_HUNTING;

    if (bind_with(s, asked, text, d, bound))
        return true;
    if (!has_wrong_column(d))
        return false;
    for (enum shape other = SHAPE_HUNTING; other < SHAPE_COUNT; other++)
        if (other != asked && bind_with(s, other, text, d, bound)) {
            fprintf(stderr, "penstock query: the tables have the shape of %s here\n",
                    shape_names[other]);
            return true;
        }
    return bind_with(s, asked, text, d, bound);
}

static bool
check_hunt(struct session *s, enum shape shape, struct span text, struct hunt *h, struct err *err)
{
    struct hunt_request r = hunt_request_of(s, text);

    r.shape = shape == SHAPE_HUNTING     ? HUNT_HUNTING
              : shape == SHAPE_WORKSPACE ? HUNT_WORKSPACE
                                         : HUNT_BOTH;
    r.only_checks = r.explains = true;
    return hunt_run(s->duckdb.workspace, &r, h, err) == ST_OK;
}

/* The same by DuckDB. */
static int
show_hunt(struct session *s, struct span text)
{
    enum shape asked = s->o->is_workspace ? SHAPE_WORKSPACE : SHAPE_HUNTING, shape = asked;
    static struct hunt h;
    struct err err = {""};
    int code = EXIT_REFUSED;
    bool is_done = check_hunt(s, asked, text, &h, &err);

    for (enum shape other = SHAPE_HUNTING;
         !is_done && other < SHAPE_COUNT && has_wrong_column(&h.diagnostics); other++)
        if (other != asked) {
            hunt_end(&h);
            is_done = check_hunt(s, shape = other, text, &h, &err);
        }
    if (!is_done && shape != asked) { /* the first one's complaints */
        hunt_end(&h);
        is_done = check_hunt(s, asked, text, &h, &err);
    } else if (shape != asked) {
        fprintf(stderr, "penstock query: the tables have the shape of %s here\n",
                shape_names[shape]);
    }
    print_hunt_end(s, &h, &err);
    if (is_done && s->o->is_explain) {
        fwrite(h.explanation.p, 1, h.explanation.n, stdout);
        code = end_output();
    } else if (is_done) {
        const struct kql_schema *schema = &h.answers.items[h.answers.count - 1].schema;

        if (query_print_schema(stdout, s->o->format, schema, &err) != ST_OK)
            fprintf(stderr, "penstock query: %s\n", err.text);
        else
            code = end_output();
        if (schema->is_open)
            fputs("penstock query: more columns may come, which only the rows tell\n", stderr);
    }
    hunt_end(&h);
    return code;
}

/* --check and --explain: nothing is run. */
static int
show_plan(struct session *s, struct span text)
{
    static struct kql_diagnostics d;
    static struct kql_bound bound;
    jmp_buf here;
    struct err err = {""};
    struct span printed;

    if (s->duckdb.workspace != NULL)
        return show_hunt(s, text);
    s->pool.escape = &here;
    d.count = 0;
    bound.plan = NULL;
    if (setjmp(here) != 0) {
        fprintf(stderr, "penstock query: %s\n", s->pool.reason.text);
        return EXIT_REFUSED;
    }
    if (!bind_in_some_shape(s, text, &d, &bound)) {
        print_diagnostics(s, &d);
        return EXIT_REFUSED;
    }
    if (s->o->is_explain) {
        printed = kql_plan_print(&s->pool, bound.plan);
        fwrite(printed.p, 1, printed.n, stdout);
    } else if (query_print_schema(stdout, s->o->format, &bound.plan->schema, &err) != ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    } else if (bound.plan->schema.is_open) {
        fputs("penstock query: more columns may come, which only the rows tell\n", stderr);
    }
    if (d.count > 0)
        print_diagnostics(s, &d);
    return end_output();
}

/* ---- batches ---- */

/* The id as it came, to be given back. */
static struct span
id_text(const json_t *id, char **text)
{
    *text = id == NULL ? NULL : json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT);
    return *text == NULL ? SPAN_LITERAL("null") : span_of(*text);
}

/* The answer, or the first error, as a line. */
static void
batch_print(struct span id, const struct kql_answers *answers, const struct kql_diagnostics *d,
            const char *kind, struct err *err)
{
    uint32_t first = 0;

    while (first + 1 < d->count && d->items[first].is_warning)
        first++;
    if (answers != NULL && answers->count == 0)
        query_print_error(stdout, id, "KQL001", "the text holds no query", NULL);
    else if (answers != NULL && query_print_batch(stdout, id, answers, err) != ST_OK)
        query_print_error(stdout, id, "limit", err->text, NULL);
    else if (answers == NULL && d->error_count > 0)
        query_print_error(stdout, id, kql_code_name(d->items[first].code), d->items[first].text, d);
    else if (answers == NULL)
        query_print_error(stdout, id, kind, err->text, NULL);
}

static void
batch_hunt(struct session *s, struct span id, struct span text)
{
    struct hunt_request r = hunt_request_of(s, text);
    static struct hunt h;
    struct err err = {""};
    bool is_done = hunt_run(s->duckdb.workspace, &r, &h, &err) == ST_OK;

    print_rejected(&h);
    batch_print(id, is_done ? &h.answers : NULL, &h.diagnostics,
                h.outcome == HUNT_FAILED || h.outcome == HUNT_REFUSED ? "run"
                : h.outcome == HUNT_BROKEN                            ? "database"
                                                                      : "limit",
                &err);
    hunt_end(&h);
}

static void
batch_query(struct session *s, struct span id, struct span text)
{
    static struct kql_diagnostics d;
    struct kql_answers answers;
    struct err err = {""};
    bool is_done;

    if (s->duckdb.workspace != NULL) {
        batch_hunt(s, id, text);
        return;
    }
    pool_reset(&s->pool);
    session_begin(s);
    is_done =
        kql_rows_query(&s->pool, text, &s->environment, &s->source, &s->limits, &d, &answers, &err);
    batch_print(id, is_done ? &answers : NULL, &d, s->pool.why == POOL_ABANDONED ? "run" : "limit",
                &err);
}

static int
run_batch(struct session *s)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    while ((size = getline(&line, &room, stdin)) > 0) {
        json_error_t where;
        json_t *root = NULL;
        const char *query = NULL;
        char *id = NULL;
        struct span id_json;

        if (size <= BATCH_LINE_MAX)
            root = json_loadb(line, (size_t)size, JSON_ALLOW_NUL, &where);
        if (json_is_object(root))
            query = json_string_value(json_object_get(root, "query"));
        id_json = id_text(json_object_get(root, "id"), &id);
        if (query == NULL)
            query_print_error(stdout, id_json, "usage",
                              "a line of a batch is {\"id\": ..., \"query\": \"...\"}", NULL);
        else
            batch_query(s, id_json,
                        (struct span){query, json_string_length(json_object_get(root, "query"))});
        free(id);
        json_decref(root);
        if (fflush(stdout) != 0)
            break;
    }
    free(line);
    return end_output();
}

/* ---- functions ---- */

static const char *
kind_name(const struct kql_function *f)
{
    switch (f->kind) {
    case KQL_AGGREGATE:
        return "aggregate";
    case KQL_WINDOW:
        return "window";
    case KQL_PLUGIN:
        return "plugin";
    case KQL_OPERATOR:
        return "operator";
    default:
        return "function";
    }
}

static bool
is_shown(const struct kql_function *f)
{
    return (f->flags & (KQL_F_LEGACY | KQL_F_NOT_BUILT)) == 0;
}

static void
print_function(const struct kql_function *f)
{
    const char *at = f->signature;

    while (at != NULL && *at != '\0') { /* an overload a line */
        size_t n = strcspn(at, "\n");

        printf("%s%.*s\n", f->name, (int)n, at);
        at += n + (at[n] == '\n');
    }
    if (f->signature == NULL)
        printf("%s\n", f->name);
    printf("    %s%s\n", f->doc == NULL ? "" : f->doc,
           (f->flags & KQL_F_TRANSFORM) != 0 ? " (also in transformations)" : "");
}

static int
list_functions(const char *group)
{
    const struct kql_function *f, *g;
    bool found = false;

    for (f = kql_function_next(NULL); f != NULL; f = kql_function_next(f)) {
        const char *name = f->group == NULL ? kind_name(f) : f->group;

        if (!is_shown(f) || (group != NULL && strcmp(group, name) != 0))
            continue;
        for (g = kql_function_next(NULL); g != f; g = kql_function_next(g)) /* the group's first */
            if (is_shown(g) && strcmp(g->group == NULL ? kind_name(g) : g->group, name) == 0)
                break;
        if (g != f)
            continue;
        printf("%s%s\n\n", found ? "\n" : "", name);
        found = true;
        for (; g != NULL; g = kql_function_next(g))
            if (is_shown(g) && strcmp(g->group == NULL ? kind_name(g) : g->group, name) == 0)
                print_function(g);
    }
    if (found)
        return end_output();
    fprintf(stderr, "penstock query: no group '%s' of functions; --functions lists all\n", group);
    return EXIT_USAGE;
}

/* ---- the command ---- */

static enum status
read_input(char **text, size_t *size, struct err *err)
{
    size_t room = 0, n;

    *size = 0;
    *text = NULL;
    do {
        char *grown = *size == room ? realloc(*text, room = room * 2 + 65536) : *text;

        if (grown == NULL || *size > KQL_QUERY_MAX)
            return err_set(err, ST_FULL, "the query is larger than %d bytes", KQL_QUERY_MAX);
        *text = grown;
        n = fread(grown + *size, 1, room - *size, stdin);
        *size += n;
    } while (n > 0);
    return ferror(stdin) ? err_set(err, ST_IO, "cannot read standard input") : ST_OK;
}

static int
run_text(struct session *s)
{
    const struct options *o = s->o;
    struct err err = {""};
    char *text = NULL;
    size_t size = 0;
    struct span query;
    int code = EXIT_REFUSED;
    enum status st = ST_OK;

    if (o->file != NULL && strcmp(o->file, "-") != 0)
        st = file_read(o->file, KQL_QUERY_MAX, &text, &size, &err);
    else if (o->file != NULL || strcmp(o->query, "-") == 0)
        st = read_input(&text, &size, &err);
    if (st == ST_END)
        err_set(&err, ST_END, "there is no file %s", o->file);
    query = text != NULL       ? (struct span){text, size}
            : o->query != NULL ? span_of(o->query)
                               : SPAN_LITERAL("");
    if (st != ST_OK)
        fprintf(stderr, "penstock query: %s\n", err.text);
    else
        code = o->is_check || o->is_explain ? show_plan(s, query) : run_query(s, query);
    free(text);
    return code;
}

static int
run_session(const struct options *o, const struct catalog *catalog)
{
    struct session *s = calloc(1, sizeof *s);
    struct err err = {""};
    int code = EXIT_DONE;

    if (s == NULL) {
        fprintf(stderr, "penstock query: no memory\n");
        return EXIT_UNREACHABLE;
    }
    s->o = o;
    pool_init(&s->pool, o->limits.memory_max);
    query_tables_init(&s->tables, catalog, o->is_workspace);
    s->tables.only_checks = o->is_check || o->is_explain;
    s->source = query_tables_source;
    s->source.context = &s->tables;
    for (size_t i = 0; i < o->table_count && code == EXIT_DONE; i++)
        if (query_tables_add(&s->tables, o->tables[i], &err) != ST_OK) {
            fprintf(stderr, "penstock query: %s\n", err.text);
            code = EXIT_REFUSED;
        }
    if (code == EXIT_DONE && o->is_duckdb &&
        query_workspace_open(&s->duckdb, o->workspace, &s->tables, o->limits.memory_max, &err) !=
            ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        code = EXIT_REFUSED;
    }
    if (code == EXIT_DONE)
        code = o->is_batch ? run_batch(s) : run_text(s);
    query_workspace_close(&s->duckdb);
    pool_free(&s->pool);
    query_tables_free(&s->tables);
    free(s);
    return code;
}

/* With what the configuration adds to the catalog. */
static int
run_configured(const struct options *o)
{
    struct config *config;
    struct catalog c;
    char *memory = NULL;
    struct err err;
    int code = EXIT_REFUSED;

    if (config_read(o->config, NULL, NULL, &config, &err) != ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    }
    if (config_catalog(config, &catalog_builtin, &c, &memory, &err) == ST_OK) {
        code = run_session(o, &c);
        free(memory);
    } else {
        fprintf(stderr, "penstock query: %s: %s\n", o->config, err.text);
    }
    config_free(config);
    return code;
}

int
cmd_query(int argc, char **argv)
{
    static struct options o;
    int code;

    memset(&o, 0, sizeof o);
    o.limits = kql_rows_limits_default;
    if (!read_options(argc, argv, &o, &code))
        return code;
    if (o.is_functions)
        return list_functions(o.group);
    if (!o.has_format)
        o.format = o.is_check || isatty(STDOUT_FILENO) ? QUERY_TABLE : QUERY_JSON;
    if (o.is_batch && !o.has_time)
        o.time_ms = BATCH_SECONDS * 1000;
    return o.config != NULL ? run_configured(&o) : run_session(&o, &catalog_builtin);
}
