#include "penstock/query_workspace.h"
#include "base/clock.h"
#include "workspace/fill.h"
#include <stdlib.h>
#include <strings.h>

enum { MEMORY_MIN = 64 << 20 }; /* bytes: less, no workspace is opened with */

/* Of rows that are nobody's. */
#define TENANT "00000000-0000-0000-0000-000000000000"

static enum column_type
column_type_of(enum kql_type type)
{
    for (enum column_type t = COLUMN_STRING; t <= COLUMN_DECIMAL; t++)
        if (kql_type_of_column(t) == type)
            return t;
    return COLUMN_DYNAMIC;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct catalog_table *)a)->name, ((const struct catalog_table *)b)->name);
}

/* The catalog that is there, with the files' tables as they are read. */
static enum status
catalog_make(struct query_workspace *q, const struct query_tables *tables, struct err *err)
{
    const struct catalog *base = tables->catalog.catalog;
    size_t column_count = 0, count = base->table_count, at = 0, names_size = 1;
    char *name;

    for (size_t i = 0; i < tables->count; i++) {
        column_count += tables->tables[i]->column_count;
        names_size += tables->tables[i]->name.n + 1;
    }
    name = q->names = malloc(names_size);
    q->tables = calloc(base->table_count + tables->count + 1, sizeof *q->tables);
    q->columns = calloc(column_count + 1, sizeof *q->columns);
    if (q->tables == NULL || q->columns == NULL || q->names == NULL)
        return err_set(err, ST_FULL, "no memory for the tables of files");
    memcpy(q->tables, base->tables, count * sizeof *q->tables);
    for (size_t i = 0; i < tables->count; i++) {
        const struct query_table *t = tables->tables[i];
        struct catalog_table *to = &q->tables[count];
        struct catalog_column *columns = q->columns + at;

        if (t->known != NULL)
            to = &q->tables[t->known - base->tables];
        /* a column's name ends at a NUL already (query_table.c), a table's at '=' */
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = '\0';
        *to = (struct catalog_table){.name = name,
                                     .family = "configuration",
                                     .product = "",
                                     .time_column = t->known != NULL ? t->known->time_column : NULL,
                                     .columns = columns,
                                     .column_count = t->column_count};
        name += t->name.n + 1;
        count += t->known == NULL;
        for (uint32_t c = 0; c < t->column_count; c++)
            q->columns[at++] =
                (struct catalog_column){.name = t->columns[c].name.p,
                                        .type = column_type_of((enum kql_type)t->columns[c].type)};
    }
    qsort(q->tables, count, sizeof *q->tables, by_name);
    q->catalog = *base;
    q->catalog.tables = q->tables;
    q->catalog.table_count = count;
    return ST_OK;
}

static enum status
fill(struct query_workspace *q, const struct query_tables *tables, struct err *err)
{
    struct kql_rows_source source = query_tables_source;
    enum status st = ST_OK;

    for (size_t i = 0; i < tables->count && st == ST_OK; i++) {
        const struct query_table *t = tables->tables[i];
        const struct kql_schema columns = {t->columns, t->column_count, false};
        uint64_t rows;

        st = workspace_fill(q->workspace, t->name, TENANT, &columns, &source, t, clock_ticks(),
                            &rows, err);
    }
    return st;
}

static enum status
others_open(struct query_workspace *q, const struct query_options *o,
            const struct workspace_options *options, struct err *err)
{
    enum status st = ST_OK;
    struct span name;

    for (size_t i = 1; i < o->workspace_file_count && st == ST_OK; i++)
        st = workspace_open(query_workspace_file(o->workspace_files[i], &name), options,
                            &q->others[i - 1], err);
    return st;
}

enum status
query_workspace_open(struct query_workspace *q, const struct query_options *o,
                     const struct query_tables *tables, struct err *err)
{
    struct span name;
    const char *file =
        o->workspace_file_count == 0 ? NULL : query_workspace_file(o->workspace_files[0], &name);
    size_t memory_max = o->limits.memory_max;
    struct workspace_options options = {
        .memory_max = memory_max > MEMORY_MIN ? memory_max : MEMORY_MIN,
        .is_read_only = file != NULL,
    };
    enum status st = ST_OK;

    *q = (struct query_workspace){0};
    if (file == NULL) {
        st = catalog_make(q, tables, err);
        options.catalog = &q->catalog;
    } else {
        options.catalog = tables->catalog.catalog;
    }
    if (st == ST_OK)
        st =
            workspace_open(file != NULL ? file : WORKSPACE_IN_MEMORY, &options, &q->workspace, err);
    if (st == ST_OK && file == NULL)
        st = fill(q, tables, err);
    if (st == ST_OK)
        st = others_open(q, o, &options, err);
    if (st != ST_OK)
        query_workspace_close(q);
    return st;
}

bool
query_workspace_find(const struct query_workspace *q, const struct query_options *o,
                     struct span name, struct hunt_place *out)
{
    for (size_t i = 0; i < o->workspace_file_count; i++) {
        struct span own;

        (void)query_workspace_file(o->workspace_files[i], &own);
        if (own.n == 0 || own.n != name.n || strncasecmp(own.p, name.p, name.n) != 0)
            continue;
        *out = (struct hunt_place){.workspace = i == 0 ? q->workspace : q->others[i - 1],
                                   .name = o->workspace_files[i]};
        return true;
    }
    return false;
}

void
query_workspace_close(struct query_workspace *q)
{
    for (size_t i = 0; i < COUNT_OF(q->others); i++)
        workspace_close(q->others[i]);
    workspace_close(q->workspace);
    free(q->tables);
    free(q->columns);
    free(q->names);
    *q = (struct query_workspace){0};
}
