#include "penstock/cmd_workspace.h"
#include "base/clock.h"
#include "kql/value.h"
#include "penstock/workspace_command.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: penstock workspace list NAME [OPTIONS]\n"
    "       penstock workspace print NAME TABLE [OPTIONS]\n"
    "       penstock workspace purge NAME [TABLE] (--before TIME | --where PREDICATE) [OPTIONS]\n"
    "       penstock workspace export NAME TABLE --to FILE [OPTIONS]\n"
    "       penstock workspace check NAME [OPTIONS]\n"
    "       penstock workspace compact NAME [OPTIONS]\n"
    "       penstock workspace rebuild NAME [--force] [OPTIONS]\n\n"
    "Looks after a workspace: in its file, or, where a daemon has that open, by asking the daemon. "
    "NAME\n"
    "is the file's path if it has a '/' or ends in .duckdb, else that of "
    "DIR/workspaces/NAME.duckdb.\n\n"
    "  list            tables that have rows: how many, their bytes, the times of the first and "
    "last "
    "event\n"
    "  print           a table's rows as JSON, a line each; the daemon must not be at work\n"
    "  purge           takes rows out for good, of one table or of all\n"
    "  export          writes a table's rows to a Parquet file, with each time's 100 ns in a "
    "column\n"
    "                  NAME_ticks beside it; by the daemon at most 64 MiB\n"
    "  check           reads all of the file; the daemon must not be at work\n"
    "  compact         writes the file anew, without the room and the remains of rows that were "
    "taken "
    "out; the\n"
    "                  daemon must not be at work\n"
    "  rebuild         moves a damaged file aside; what the journal still has comes into a new "
    "one\n"
    "                  when the daemon, which must not be at work, is started again\n\n"
    "  --before TIME   rows of events before TIME: 2026-03-01 or 2026-03-01T10:00:00Z (purge);\n"
    "                  --until is the same (export)\n"
    "  --from TIME     rows of events from TIME on (purge, export)\n"
    "  --where TEXT    rows that this KQL predicate is true for, of one table (purge, export)\n"
    "  --dry-run       only says how many rows would go (purge)\n"
    "  --to FILE       the file to write (export)\n"
    "  --format WORD   parquet (export)\n"
    "  --shape WORD    hunting (default) or workspace: whose columns (export)\n"
    "  --plain         without the columns NAME_ticks (export)\n"
    "  --force         although nothing is damaged (rebuild)\n"
    "  --config FILE   the daemon's configuration, where it names the workspace "
    "(rebuild)\n" CLIENT_HELP
    "\nExit: 0 fine, 1 there is no such table, or the request was refused, 2 wrong use, 3 the file "
    "cannot\nbe read, or the daemon not be reached.\n";

enum {
    OPTION_BEFORE = 1,
    OPTION_FROM,
    OPTION_WHERE,
    OPTION_DRY_RUN,
    OPTION_TO,
    OPTION_FORMAT,
    OPTION_SHAPE,
    OPTION_PLAIN,
    OPTION_FORCE,
    OPTION_CONFIG,
    OPTION_COUNT
};
#define OF(option) (1u << (option))

static const struct {
    const char *name;
    bool takes_table, needs_table;
    unsigned options;
} verbs[WORKSPACE_VERBS] = {
    [WORKSPACE_LIST] = {"list",    false, false, 0                                   },
    [WORKSPACE_PRINT] = {"print",   true,  true,  0                                   },
    [WORKSPACE_PURGE] = {"purge",   true,  false,
                        OF(OPTION_BEFORE) | OF(OPTION_FROM) | OF(OPTION_WHERE) |
                             OF(OPTION_DRY_RUN)                                      },
    [WORKSPACE_EXPORT] = {"export",  true,  true,
                        OF(OPTION_BEFORE) | OF(OPTION_FROM) | OF(OPTION_WHERE) | OF(OPTION_TO) |
                              OF(OPTION_FORMAT) | OF(OPTION_SHAPE) | OF(OPTION_PLAIN)},
    [WORKSPACE_CHECK] = {"check",   false, false, 0                                   },
    [WORKSPACE_COMPACT] = {"compact", false, false, 0                                   },
    [WORKSPACE_REBUILD] = {"rebuild", false, false, OF(OPTION_FORCE) | OF(OPTION_CONFIG)},
};
static const struct option longs[] = {
    {"before",  required_argument, NULL, OPTION_BEFORE },
    {"until",   required_argument, NULL, OPTION_BEFORE },
    {"from",    required_argument, NULL, OPTION_FROM   },
    {"where",   required_argument, NULL, OPTION_WHERE  },
    {"dry-run", no_argument,       NULL, OPTION_DRY_RUN},
    {"to",      required_argument, NULL, OPTION_TO     },
    {"format",  required_argument, NULL, OPTION_FORMAT },
    {"shape",   required_argument, NULL, OPTION_SHAPE  },
    {"plain",   no_argument,       NULL, OPTION_PLAIN  },
    {"force",   no_argument,       NULL, OPTION_FORCE  },
    {"config",  required_argument, NULL, OPTION_CONFIG },
    CLIENT_OPTIONS,
    {"help",    no_argument,       NULL, 'h'           },
    {NULL,      0,                 NULL, 0             },
};

static bool
complain(const char *format, const char *what)
{
    fputs("penstock workspace: ", stderr);
    fprintf(stderr, "%s%s\n", format, what);
    return false;
}

static bool
verb_read(struct workspace_command *o, const char *word)
{
    for (int i = 0; i < WORKSPACE_VERBS; i++)
        if (strcmp(word, verbs[i].name) == 0) {
            o->verb = (enum workspace_verb)i;
            return true;
        }
    return complain("say what to do, list, print, purge, export, check, compact or rebuild; not ",
                    word[0] != '\0' ? word : "nothing");
}

static bool
words_read(struct workspace_command *o, char **words, int count, unsigned given)
{
    if (!verb_read(o, count > 0 ? words[0] : ""))
        return false;
    o->name = count > 1 ? words[1] : NULL;
    o->table = count > 2 ? words[2] : NULL;
    if (o->name == NULL)
        return complain("which workspace: a name, or the path of its file", "");
    if (count > (verbs[o->verb].takes_table ? 3 : 2))
        return complain("what is ", words[verbs[o->verb].takes_table ? 3 : 2]);
    if (verbs[o->verb].needs_table && o->table == NULL)
        return complain(verbs[o->verb].name, " needs a table; list shows those that have rows");
    for (const struct option *l = longs; l->name != NULL && l->val < OPTION_COUNT; l++)
        if ((given & OF(l->val)) != 0 && (verbs[o->verb].options & OF(l->val)) == 0) {
            fprintf(stderr, "penstock workspace: --%s is not for %s\n", l->name,
                    verbs[o->verb].name);
            return false;
        }
    if (o->verb == WORKSPACE_PURGE && o->before_text == NULL && o->where == NULL)
        return complain("purge needs --before or --where", "");
    if (o->where != NULL && o->table == NULL)
        return complain("--where is for one table: name it", "");
    if (o->verb == WORKSPACE_EXPORT && o->to == NULL)
        return complain("export needs --to FILE", "");
    return true;
}

static bool
option_read(struct workspace_command *o, int option, const char *value)
{
    switch (option) {
    case OPTION_BEFORE:
        o->before_text = value;
        return kql_read_datetime(span_of(value), &o->before) ||
               complain("--before (or --until) is no time: ", value);
    case OPTION_FROM:
        o->from_text = value;
        return kql_read_datetime(span_of(value), &o->from) ||
               complain("--from is no time: ", value);
    case OPTION_WHERE:
        o->where = value;
        return true;
    case OPTION_DRY_RUN:
        return o->dry_run = true;
    case OPTION_TO:
        o->to = value;
        return true;
    case OPTION_FORMAT:
        return strcmp(value, "parquet") == 0 || complain("--format is parquet, not ", value);
    case OPTION_SHAPE:
        o->shape = value;
        return strcmp(value, "hunting") == 0 || strcmp(value, "workspace") == 0 ||
               complain("--shape is hunting or workspace, not ", value);
    case OPTION_PLAIN:
        return o->plain = true;
    case OPTION_FORCE:
        return o->force = true;
    case OPTION_CONFIG:
        o->config = value;
        return true;
    default: /* getopt has said why */
        return client_option(&o->client, option, value);
    }
}

/* The workspace's file; its names ignore case, so it is in small letters. */
static void
path_make(struct workspace_command *o)
{
    size_t n = strlen(o->name);
    char *name;

    o->is_path = strchr(o->name, '/') != NULL || (n > 7 && strcmp(o->name + n - 7, ".duckdb") == 0);
    if (o->is_path) {
        snprintf(o->path, sizeof o->path, "%.4100s", o->name);
        return;
    }
    snprintf(o->path, sizeof o->path, "%.3900s/workspaces/", client_data_folder(o->client.data));
    name = o->path + strlen(o->path);
    snprintf(name, sizeof o->path - (size_t)(name - o->path), "%.200s.duckdb", o->name);
    for (; *name != '\0'; name++)
        *name = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
}

static bool
read_options(int argc, char **argv, struct workspace_command *o, int *code)
{
    struct kql_guid ignored;
    unsigned given = 0;
    bool is_good = true;
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = EXIT_USAGE;
    while (is_good && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            *code = EXIT_DONE;
            return false;
        }
        if (option < OPTION_COUNT)
            given |= OF(option);
        is_good = option_read(o, option, optarg);
    }
    if (is_good && o->client.tenant != NULL)
        is_good = kql_read_guid(span_of(o->client.tenant), &ignored) ||
                  complain("--tenant is no GUID: ", o->client.tenant);
    is_good = is_good && words_read(o, argv + optind, argc - optind, given);
    if (!is_good) {
        fputs("(penstock workspace --help shows how)\n", stderr);
        return false;
    }
    path_make(o);
    return true;
}

void
workspace_size_print(const struct workspace_command *o, const struct workspace_size *s)
{
    char oldest[32], newest[32], size[40];

    oldest[kql_print_datetime(s->oldest, oldest)] = '\0';
    newest[kql_print_datetime(s->newest, newest)] = '\0';
    client_size_text(s->bytes, size, sizeof size);
    if (o->client.json)
        printf("{\"table\":\"%s\",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"oldest\":\"%s\",\"newest\":\"%s\"}\n",
               s->table, s->rows, s->bytes, oldest, newest);
    else
        printf("%-40s %12" PRIu64 " %10s  %s  %s\n",
               s->table[0] != '\0' ? s->table : "(unknown tables)", s->rows, size, oldest, newest);
}

static void
size_print(void *app, const struct workspace_size *s)
{
    workspace_size_print(app, s);
}

static struct workspace_rows_wanted
rows_wanted(const struct workspace_command *o, int64_t now)
{
    struct workspace_rows_wanted wanted = {
        .tenant = o->client.tenant, .from = o->from, .until = o->before, .now = now};

    if (o->table != NULL)
        wanted.table = span_of(o->table);
    if (o->where != NULL)
        wanted.where = span_of(o->where);
    return wanted;
}

static enum status
run(const struct workspace_command *o, struct workspace *w, struct err *err)
{
    const struct workspace_rows_wanted wanted = rows_wanted(o, clock_ticks());
    uint64_t rows = 0;
    enum status st;

    switch (o->verb) {
    case WORKSPACE_LIST:
        return workspace_sizes(w, o->client.tenant, size_print, (void *)(uintptr_t)o, err);
    case WORKSPACE_PRINT:
        return workspace_print(w, span_of(o->table), o->client.tenant, stdout, &rows, err);
    case WORKSPACE_EXPORT:
        st = workspace_export(
            w,
            &(struct workspace_export){.rows = wanted,
                                       .is_workspace_shape =
                                           o->shape != NULL && strcmp(o->shape, "workspace") == 0,
                                       .no_ticks = o->plain,
                                       .path = o->to},
            &rows, err);
        if (st == ST_OK)
            printf("%" PRIu64 " rows written to %s\n", rows, o->to);
        return st;
    case WORKSPACE_CHECK:
        st = workspace_verify(w, &rows, err);
        if (st == ST_OK)
            printf("%" PRIu64 " rows, nothing is damaged\n", rows);
        return st;
    default:
        st = workspace_purge(w, &wanted, o->dry_run, &rows, err);
        if (st == ST_OK)
            printf("%" PRIu64 " rows %s\n", rows, o->dry_run ? "would go" : "taken out");
        return st;
    }
}

static int
compact(const struct workspace_command *o)
{
    const struct workspace_options how = {0};
    char was[40], is[40];
    uint64_t before, after;
    struct err err = {""};

    if (workspace_compact(o->path, &how, &before, &after, &err) != ST_OK) {
        fprintf(stderr, "penstock workspace: %s\n", err.text);
        return EXIT_UNREACHABLE;
    }
    client_size_text(before, was, sizeof was);
    client_size_text(after, is, sizeof is);
    printf("%s before, %s now\n", was, is);
    return EXIT_DONE;
}

int
cmd_workspace(int argc, char **argv)
{
    struct workspace_command o = {.from = INT64_MIN, .before = INT64_MAX};
    struct workspace_options how = {0};
    struct workspace *w = NULL;
    struct err err = {""};
    enum status st;
    int code;

    if (!read_options(argc, argv, &o, &code))
        return code;
    if (o.verb == WORKSPACE_REBUILD)
        return workspace_rebuild(&o);
    if (o.verb == WORKSPACE_COMPACT)
        return compact(&o);
    bool is_remote =
        o.verb == WORKSPACE_LIST || o.verb == WORKSPACE_PURGE || o.verb == WORKSPACE_EXPORT;

    if (is_remote && !o.is_path && o.client.url != NULL)
        return workspace_remote(&o);
    how.is_read_only = o.verb != WORKSPACE_PURGE;
    bool is_elsewhere =
        is_remote && !o.is_path && workspace_is_built() && access(o.path, F_OK) != 0;

    if (is_elsewhere)
        fprintf(stderr, "penstock workspace: there is no file %s; the daemon is asked\n", o.path);
    st = is_elsewhere ? ST_FULL : workspace_open(o.path, &how, &w, &err);
    if (st == ST_FULL && is_remote && !o.is_path) /* a daemon has it, or knows where it is */
        return workspace_remote(&o);
    if (st == ST_OK)
        st = run(&o, w, &err);
    code = st == ST_OK                     ? EXIT_DONE
           : w != NULL && st == ST_INVALID ? EXIT_REFUSED
                                           : EXIT_UNREACHABLE;
    workspace_close(w);
    if (st != ST_OK)
        fprintf(stderr, "penstock workspace: %s\n", err.text);
    return code;
}
