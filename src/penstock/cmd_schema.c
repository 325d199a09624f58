#include "penstock/cmd_schema.h"
#include "api/schema_json.h"
#include "control/config.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

/* as documented in penstock(1) */
enum { DONE = 0, REFUSED = 1, USAGE = 2, FAILED = 3 };

static const char usage_text[] =
    "Usage: penstock schema [--streamable] [OPTIONS]\n"
    "       penstock schema TABLE [--workspace] [OPTIONS]\n\n"
    "Lists the tables that are known, or the columns of one, as the query\n"
    "TABLE | getschema | project ColumnName, ColumnType\n"
    "would.\n\n"
    "  --streamable  only tables that can be exported\n"
    "  --workspace   the shape that the table has in a Log Analytics workspace\n"
    "  --json        an array of objects, the same as over HTTP\n"
    "  --config FILE with the tables and columns that the daemon's configuration adds\n\n"
    "Status: ga (documented as streamed), captured (seen in a real stream), category (offered by\n"
    "the product, not seen), planned, no.\n";

struct options {
    bool json, streamable, workspace;
    const char *config; /* NULL: the built-in tables alone */
    const char *table;  /* NULL: list them */
};

/* False: 'code' is what to end with. */
static bool
read_options(int argc, char **argv, struct options *o, int *code)
{
    static const struct option longs[] = {
        {"config",     required_argument, NULL, 'c'},
        {"json",       no_argument,       NULL, 'j'},
        {"streamable", no_argument,       NULL, 's'},
        {"workspace",  no_argument,       NULL, 'w'},
        {"help",       no_argument,       NULL, 'h'},
        {NULL,         0,                 NULL, 0  },
    };
    int option;

    optind = 0; /* glibc: start anew, whoever read options before */
    *code = USAGE;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            o->config = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 's':
            o->streamable = true;
            break;
        case 'w':
            o->workspace = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            *code = DONE;
            return false;
        default: /* getopt has said why */
            fputs("See: penstock schema --help\n", stderr);
            return false;
        }
    }
    if (optind < argc)
        o->table = argv[optind++];
    if (optind < argc)
        fprintf(stderr, "penstock schema: one table at a time, not also '%s'\n", argv[optind]);
    else if (o->table != NULL && o->streamable)
        fprintf(stderr, "penstock schema: --streamable is for the list of tables\n");
    else if (o->table == NULL && o->workspace)
        fprintf(stderr, "penstock schema: --workspace needs a table\n");
    else
        return true;
    return false;
}

static void
print_list(const struct catalog *c, bool is_streamable_only)
{
    printf("%-42s %-10s %-8s %-12s %s\n", "Table", "Streamable", "Status", "DeviceScoped",
           "Columns");
    for (size_t i = 0; i < c->table_count; i++) {
        const struct catalog_table *t = &c->tables[i];

        if (is_streamable_only && !t->is_streamable)
            continue;
        printf("%-42s %-10s %-8s %-12s %7zu\n", t->name, t->is_streamable ? "yes" : "no",
               stream_status_name(t->stream), t->is_device_scoped ? "yes" : "no", t->column_count);
    }
}

static void
print_table(const struct catalog_table *t, bool workspace)
{
    size_t count, width = sizeof "ColumnName" - 1;
    const struct catalog_column *columns = schema_columns(t, workspace, &count);

    for (size_t i = 0; i < count; i++)
        if (strlen(columns[i].name) > width)
            width = strlen(columns[i].name);
    printf("%-*s  ColumnType\n", (int)width, "ColumnName");
    for (size_t i = 0; i < count; i++)
        printf("%-*s  %s\n", (int)width, columns[i].name, column_type_name(columns[i].type));
}

static bool
print_json(char *text, size_t size)
{
    if (text == NULL) {
        fputs("penstock schema: no memory\n", stderr);
        return false;
    }
    fwrite(text, 1, size, stdout);
    putchar('\n');
    free(text);
    return true;
}

static int
show(const struct catalog *c, const struct options *o)
{
    const struct catalog_table *t = NULL;
    size_t size = 0;

    if (o->table != NULL) {
        struct err err;

        t = catalog_find(c, span_of(o->table));
        if (t == NULL) {
            schema_unknown(c, span_of(o->table), &err);
            fprintf(stderr, "penstock schema: %s\n", err.text);
            return REFUSED;
        }
    }
    if (o->json) {
        char *text = t == NULL ? schema_list_json(c, o->streamable, &size)
                               : schema_table_json(c, t, o->workspace, &size);

        if (!print_json(text, size))
            return FAILED;
    } else if (t == NULL) {
        print_list(c, o->streamable);
    } else {
        print_table(t, o->workspace);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "penstock schema: cannot write: %s\n", strerror(errno));
        return FAILED;
    }
    return DONE;
}

/* With what the configuration adds. */
static int
show_configured(const struct options *o)
{
    struct config *config;
    struct catalog c;
    char *memory = NULL;
    struct err err;
    int code;

    if (config_read(o->config, NULL, NULL, &config, &err) != ST_OK) {
        fprintf(stderr, "penstock schema: %s\n", err.text);
        return REFUSED;
    }
    if (config_catalog(config, &catalog_builtin, &c, &memory, &err) == ST_OK) {
        code = show(&c, o);
        free(memory);
    } else {
        fprintf(stderr, "penstock schema: %s: %s\n", o->config, err.text);
        code = REFUSED;
    }
    config_free(config);
    return code;
}

int
cmd_schema(int argc, char **argv)
{
    struct options o = {.table = NULL};
    int code;

    if (!read_options(argc, argv, &o, &code))
        return code;
    return o.config != NULL ? show_configured(&o) : show(&catalog_builtin, &o);
}
