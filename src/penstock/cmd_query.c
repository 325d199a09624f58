#include "penstock/cmd_query.h"
#include "base/file.h"
#include "control/config.h"
#include "control/geo.h"
#include "kql/external.h"
#include "kql/syntax.h"
#include "penstock/commands.h"
#include "penstock/query_functions.h"
#include "penstock/query_repl.h"
#include "penstock/query_run.h"
#include <stdlib.h>
#include <unistd.h>

enum { BATCH_MS = 10000, EXTERNAL_MS_MAX = 30000 };

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
run_text(struct query_runner *r)
{
    const struct query_options *o = r->o;
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
        code = query_runner_run(r, query);
    free(text);
    return code;
}

static int
run(struct query_options *o, const struct catalog *catalog)
{
    struct query_runner r;
    int code;

    query_runner_begin(&r, o, catalog);
    if (o->is_batch)
        code = query_runner_batch(&r);
    else if (o->query == NULL && o->file == NULL)
        code = query_repl(&r, o);
    else
        code = run_text(&r);
    query_runner_end(&r);
    return code;
}

/* What the daemon may read, this may. */
static void
external_add(struct query_options *o, const struct fetch_policy *p)
{
    for (size_t i = 0; i < p->prefix_count && o->external.prefix_count < COUNT_OF(o->prefixes); i++)
        o->prefixes[o->external.prefix_count++] = p->prefixes[i];
    o->external.time_ms_max = p->time_ms_max;
    o->external.size_max = p->size_max;
}

/* With what the configuration adds to the catalog. */
static int
run_configured(struct query_options *o)
{
    struct config *config;
    struct catalog c;
    char *memory = NULL;
    struct geo geo = {.path = NULL};
    bool is_new;
    struct err err;
    int code = EXIT_REFUSED;

    if (config_read(o->config, NULL, NULL, &config, &err) != ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    }
    external_add(o, &config->hunting.external);
    if (geo_use(&geo, config->hunting.geo_database, &is_new, &err) != ST_OK)
        fprintf(stderr, "penstock query: hunting.geoDatabase: %s\n", err.text);
    if (config_catalog(config, &catalog_builtin, &c, &memory, &err) == ST_OK) {
        code = run(o, &c);
        free(memory);
    } else {
        fprintf(stderr, "penstock query: %s: %s\n", o->config, err.text);
    }
    geo_end(&geo);
    config_free(config);
    return code;
}

int
cmd_query(int argc, char **argv)
{
    static struct query_options o;
    int code;

    memset(&o, 0, sizeof o);
    o.limits = kql_rows_limits_default;
    o.external.time_ms_max = EXTERNAL_MS_MAX;
    o.external.size_max = KQL_EXTERNAL_SIZE_MAX;
    if (!query_options_read(argc, argv, &o, &code))
        return code;
    if (o.is_functions)
        return query_functions(o.group);
    if (!o.has_format)
        o.format = isatty(STDOUT_FILENO) ? QUERY_CHART : o.is_check ? QUERY_TABLE : QUERY_JSON;
    if (o.is_batch && !o.has_time)
        o.time_ms = BATCH_MS;
    return o.config != NULL ? run_configured(&o) : run(&o, &catalog_builtin);
}
