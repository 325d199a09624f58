#include "penstock/cmd_workspace.h"
#include "kql/value.h"
#include "penstock/client.h"
#include "penstock/commands.h"
#include "workspace/keep.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char usage_text[] =
    "Usage: penstock workspace list NAME [OPTIONS]\n"
    "       penstock workspace print NAME TABLE [--tenant GUID] [OPTIONS]\n"
    "       penstock workspace purge NAME [TABLE] --before TIME [OPTIONS]\n\n"
    "Looks after a workspace's file while no daemon has it open. NAME is the file's path if it has "
    "a\n"
    "'/' or ends in .duckdb, else that of DIR/workspaces/NAME.duckdb.\n\n"
    "  list            tables that have rows: how many, and the times of the first and last event\n"
    "  print           a table's rows as JSON, a line each\n"
    "  purge           takes out the rows of events before TIME, of one table or of all\n\n"
    "  --data DIR      where the daemon keeps its data. Without it: $PENSTOCK_DATA, or\n"
    "                  /var/lib/penstock if there is one, or ./penstock-data\n"
    "  --tenant GUID   only rows of this tenant (print)\n"
    "  --before TIME   2026-03-01 or 2026-03-01T10:00:00Z (purge)\n"
    "  --json          an object a line instead of text (list)\n\n"
    "Exit: 0 fine, 1 there is no such table, 2 wrong use, 3 the file cannot be read.\n";

struct options {
    const char *verb, *name, *table, *tenant;
    bool json, has_before;
    int64_t before;
    char path[4200];
};

static bool
complain(const char *format, const char *what)
{
    fputs("penstock workspace: ", stderr);
    fprintf(stderr, "%s%s\n", format, what);
    return false;
}

static bool
read_words(struct options *o, char **words, int count)
{
    bool is_list, is_print, is_purge;

    o->verb = count > 0 ? words[0] : "";
    o->name = count > 1 ? words[1] : NULL;
    o->table = count > 2 ? words[2] : NULL;
    is_list = strcmp(o->verb, "list") == 0;
    is_print = strcmp(o->verb, "print") == 0;
    is_purge = strcmp(o->verb, "purge") == 0;
    if (!is_list && !is_print && !is_purge)
        return complain("say what to do, list, print or purge; not ",
                        o->verb[0] != '\0' ? o->verb : "nothing");
    if (o->name == NULL)
        return complain("which workspace: a name, or the path of its file", "");
    if (count > (is_list ? 2 : 3))
        return complain("what is ", words[is_list ? 2 : 3]);
    if (is_print && o->table == NULL)
        return complain("print needs a table; list shows those that have rows", "");
    if (o->has_before != is_purge)
        return complain("--before is for purge, which needs it", "");
    if (o->tenant != NULL && !is_print)
        return complain("--tenant is for print", "");
    if (o->json && !is_list)
        return complain("--json is for list", "");
    return true;
}

static bool
read_options(int argc, char **argv, struct options *o, int *code)
{
    static const struct option longs[] = {
        {"data",   required_argument, NULL, 'd'},
        {"tenant", required_argument, NULL, 't'},
        {"before", required_argument, NULL, 'b'},
        {"json",   no_argument,       NULL, 'j'},
        {"help",   no_argument,       NULL, 'h'},
        {NULL,     0,                 NULL, 0  },
    };
    const char *data = NULL;
    struct kql_guid ignored;
    bool is_good = true;
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = EXIT_USAGE;
    while (is_good && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 'd':
            data = optarg;
            break;
        case 't':
            o->tenant = optarg;
            is_good = kql_read_guid(span_of(optarg), &ignored) ||
                      complain("--tenant is no GUID: ", optarg);
            break;
        case 'b':
            o->has_before = true;
            is_good = kql_read_datetime(span_of(optarg), &o->before) ||
                      complain("--before is no time: ", optarg);
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            *code = EXIT_DONE;
            return false;
        default: /* getopt has said why */
            is_good = false;
        }
    }
    is_good = is_good && read_words(o, argv + optind, argc - optind);
    if (!is_good) {
        fputs("(penstock workspace --help shows how)\n", stderr);
        return false;
    }
    size_t n = strlen(o->name);

    if (strchr(o->name, '/') != NULL || (n > 7 && strcmp(o->name + n - 7, ".duckdb") == 0))
        snprintf(o->path, sizeof o->path, "%.4100s", o->name);
    else
        snprintf(o->path, sizeof o->path, "%.3900s/workspaces/%.200s.duckdb",
                 client_data_folder(data), o->name);
    return true;
}

static void
size_print(void *app, const struct workspace_size *s)
{
    const struct options *o = app;
    char oldest[32], newest[32];

    oldest[kql_print_datetime(s->oldest, oldest)] = '\0';
    newest[kql_print_datetime(s->newest, newest)] = '\0';
    if (o->json)
        printf("{\"table\":\"%s\",\"rows\":%" PRIu64 ",\"oldest\":\"%s\",\"newest\":\"%s\"}\n",
               s->table, s->rows, oldest, newest);
    else
        printf("%-40s %12" PRIu64 "  %s  %s\n", s->table[0] != '\0' ? s->table : "(unknown tables)",
               s->rows, oldest, newest);
}

int
cmd_workspace(int argc, char **argv)
{
    struct options o = {0};
    struct workspace_options how = {0};
    struct workspace *w = NULL;
    struct err err = {""};
    uint64_t rows = 0;
    enum status st;
    int code;

    if (!read_options(argc, argv, &o, &code))
        return code;
    how.is_read_only = strcmp(o.verb, "purge") != 0;
    st = workspace_open(o.path, &how, &w, &err);
    if (st == ST_OK && strcmp(o.verb, "list") == 0)
        st = workspace_sizes(w, NULL, size_print, &o, &err);
    else if (st == ST_OK && strcmp(o.verb, "print") == 0)
        st = workspace_print(w, span_of(o.table), o.tenant, stdout, &rows, &err);
    else if (st == ST_OK) {
        const struct workspace_rows_wanted wanted = {
            .table = o.table != NULL ? span_of(o.table) : (struct span){NULL, 0},
            .from = INT64_MIN,
            .until = o.before
        };

        st = workspace_purge(w, &wanted, false, &rows, &err);
        if (st == ST_OK)
            printf("%" PRIu64 " rows taken out\n", rows);
    }
    code = st == ST_OK                     ? EXIT_DONE
           : w != NULL && st == ST_INVALID ? EXIT_REFUSED
                                           : EXIT_UNREACHABLE;
    workspace_close(w);
    if (st != ST_OK)
        fprintf(stderr, "penstock workspace: %s\n", err.text);
    return code;
}
