/* workspace.c - tables in DuckDB (workspace/). A window's parcels are one transaction, with the length of each lane's
 * object in it: after a kill the ledger's intent and that length tell what is there. The object is no file but a name: the
 * export's own, so that two exports never share one. The file is opened when it is first needed, and
 * once in the process. */
#include "base/clock.h"
#include "kql/value.h"
#include "sink/parcel.h"
#include "workspace/keep.h"
#include "workspace/writer.h"
#include <stdlib.h>

enum {
    WRITER_MAX = 280,   /* bytes of 'writer' */
    OBJECTS_MAX = 1000, /* of a lane */
    DAYS_MAX = 36500,
    KEEP_MS = 3600 * 1000, /* between two looks for rows that are too old */
    MEMORY_MIN_MB = 64,
    MEMORY_MAX_MB = 1 << 20,
};

struct tables {
    char path[WORKSPACE_PATH_MAX], name[WRITER_MAX + 1], guid[37];
    struct workspace_options options;
    int64_t days_max; /* rows are kept; 0: for ever */
    int64_t kept_ms;  /* when old ones were last taken out; 0: not yet */
    const atomic_bool *stop;
    struct workspace *workspace;
    struct workspace_writer *writer;
    struct workspace_rows *rows;
    size_t row_room;
};

static enum status
tables_ready(struct tables *t, struct err *err)
{
    enum status st = ST_OK;

    if (t->workspace == NULL)
        st = workspace_open(t->path, &t->options, &t->workspace, err);
    if (st == ST_OK && t->writer == NULL)
        st = workspace_writer_open(t->workspace, &t->writer, err);
    /* A file that is wrong is for a person to mend, and no fault of the rows. */
    return st == ST_INVALID ? ST_IO : st;
}

static enum status
name_make(const struct tables *t, const struct lane *lane, unsigned number, char out[512],
          struct err *err)
{
    struct kql_guid ignored;
    struct span table = span_of(lane->table);

    if (!kql_read_guid(span_of(lane->tenant), &ignored) || strlen(lane->tenant) != 36)
        return err_set(err, ST_INVALID, "'%.60s' is no tenant", lane->tenant);
    if (!catalog_name_is_safe(span_of(lane->category), sizeof lane->category - 1) ||
        !catalog_name_is_safe(table, sizeof lane->table - 1))
        return err_set(err, ST_INVALID, "'%.60s' is no name of a category or table",
                       lane->category);
    snprintf(out, 512, "%s %s %s %s %u", t->name, lane->tenant, lane->category, lane->table,
             number);
    return ST_OK;
}

static enum status
tables_locate(void *state, const struct lane *lane, bool full, char name[512], uint64_t *length,
              struct err *err)
{
    struct tables *t = state;
    char next[512];
    enum status st = name_make(t, lane, 0, name, err);

    if (st == ST_OK)
        st = tables_ready(t, err);
    if (st == ST_OK)
        st = workspace_object_length(t->writer, name, length, err);
    for (unsigned n = 1; st == ST_OK && *length > 0; n++) {
        uint64_t there;

        if (n == OBJECTS_MAX)
            return err_set(err, ST_FULL, "%s: %s has %d objects already", t->path, lane->table,
                           OBJECTS_MAX);
        st = name_make(t, lane, n, next, err);
        if (st == ST_OK)
            st = workspace_object_length(t->writer, next, &there, err);
        if (st != ST_OK || (there == 0 && !full))
            break;
        memcpy(name, next, sizeof next);
        *length = there;
    }
    return st;
}

static enum status
tables_length(void *state, const struct lane *lane, const char *name, uint64_t *length,
              struct err *err)
{
    struct tables *t = state;
    enum status st = tables_ready(t, err);

    (void)lane;
    return st == ST_OK ? workspace_object_length(t->writer, name, length, err) : st;
}

static enum status
tables_holds(void *state, const struct lane *lane, const char *name, uint64_t offset,
             struct span bytes, bool *same, struct err *err)
{
    struct tables *t = state;
    enum status st = tables_ready(t, err);

    (void)lane;
    *same = false;
    return st == ST_OK ? workspace_object_holds(t->writer, name, offset, bytes, same, err) : st;
}

static void
retry_all(struct parcel *parcels, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++)
        parcel_retry(&parcels[i], -1, "%s", why);
}

static void
answer(struct parcel *p, const struct workspace_rows *r)
{
    switch (r->written) {
    case WORKSPACE_DONE:
        parcel_done(p);
        break;
    case WORKSPACE_REFUSED:
        parcel_refuse(p, "%s", r->err.text);
        break;
    case WORKSPACE_FOREIGN:
        parcel_retry(p, -1, "%s", r->err.text);
        p->is_foreign = true;
        break;
    case WORKSPACE_LATER:
        parcel_retry(p, -1, "%s", r->err.text);
        break;
    }
}

/* Rows of events that are too old, of all tables. What cannot be taken out now is met again in an hour. */
static void
keep(struct tables *t, int64_t now)
{
    int64_t now_ms = clock_monotonic_ms();
    struct err ignored;
    uint64_t rows;

    if (t->days_max == 0 || (t->kept_ms != 0 && now_ms - t->kept_ms < KEEP_MS))
        return;
    t->kept_ms = now_ms;
    const struct workspace_rows_wanted old = {
        .from = INT64_MIN, .until = now - t->days_max * 24 * TICKS_PER_HOUR, .now = now};

    if (workspace_purge(t->workspace, &old, false, &rows, &ignored) != ST_OK)
        return;
}

static void
tables_send(void *state, struct parcel *parcels, size_t count)
{
    struct tables *t = state;
    struct err err;

    if (t->stop != NULL && atomic_load_explicit(t->stop, memory_order_relaxed)) {
        retry_all(parcels, count, "stopping");
        return;
    }
    if (tables_ready(t, &err) != ST_OK) {
        retry_all(parcels, count, err.text);
        return;
    }
    if (t->row_room < count) {
        struct workspace_rows *larger = realloc(t->rows, count * sizeof *larger);

        if (larger == NULL) {
            retry_all(parcels, count, "no memory for so many parcels");
            return;
        }
        t->rows = larger;
        t->row_room = count;
    }
    for (size_t i = 0; i < count; i++)
        t->rows[i] = (struct workspace_rows){.tenant = parcels[i].lane->tenant,
                                             .table = parcels[i].lane->table,
                                             .body = parcels[i].body,
                                             .row_count = parcels[i].row_count,
                                             .position = parcels[i].position,
                                             .row = parcels[i].row,
                                             .object = parcels[i].name,
                                             .offset = parcels[i].offset};
    workspace_write(t->writer, t->rows, count, clock_ticks());
    for (size_t i = 0; i < count; i++)
        answer(&parcels[i], &t->rows[i]);
    keep(t, clock_ticks());
}

/* ---- opening ---- */

static bool
number_read(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out >= min && *out <= max;
}

static enum status
values_read(const struct sink_value *values, size_t count, struct tables *t, struct err *err)
{
    const char *path = sink_value_get(&sink_workspace, values, count, "path");
    const char *memory = sink_value_get(&sink_workspace, values, count, "memory_mb");
    const char *threads = sink_value_get(&sink_workspace, values, count, "threads");
    const char *days = sink_value_get(&sink_workspace, values, count, "retention_days");
    const char *writer = sink_value_get(&sink_workspace, values, count, "writer");
    const char *guid = sink_value_get(&sink_workspace, values, count, "guid");
    unsigned long number;

    if (!workspace_is_built())
        return err_set(err, ST_INVALID,
                       "workspace: this build has none, it was made without DuckDB (run "
                       "script/setup, then cmake again)");
    if (strlen(path) >= WORKSPACE_PATH_MAX - 16)
        return err_set(err, ST_INVALID, "workspace: path has more than %d bytes",
                       WORKSPACE_PATH_MAX - 17);
    if (path[strlen(path) - 1] == '/')
        return err_set(err, ST_INVALID, "workspace: path is a file's, %.100s ends in '/'", path);
    if (writer != NULL && strlen(writer) > WRITER_MAX)
        return err_set(err, ST_INVALID, "workspace: writer has more than %d bytes", WRITER_MAX);
    if (!number_read(memory, 0, MEMORY_MAX_MB, &number) || (number > 0 && number < MEMORY_MIN_MB))
        return err_set(err, ST_INVALID, "workspace: memory_mb is 0 or a number from %d to %d",
                       MEMORY_MIN_MB, MEMORY_MAX_MB);
    t->options.memory_max = (size_t)number << 20;
    if (!number_read(threads, 0, 256, &number))
        return err_set(err, ST_INVALID, "workspace: threads is a number from 0 to 256");
    t->options.threads = (unsigned)number;
    if (!number_read(days, 0, DAYS_MAX, &number))
        return err_set(err, ST_INVALID, "workspace: retention_days is a number from 0 to %d",
                       DAYS_MAX);
    t->days_max = (int64_t)number;
    snprintf(t->path, sizeof t->path, "%s", path);
    snprintf(t->name, sizeof t->name, "%s", writer != NULL ? writer : "");
    if (guid != NULL && strlen(guid) != 36)
        return err_set(err, ST_INVALID, "workspace: guid is no GUID");
    snprintf(t->guid, sizeof t->guid, "%s", guid != NULL ? guid : "");
    t->options.guid = guid != NULL ? t->guid : NULL;
    return ST_OK;
}

static enum status
tables_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct tables *t = calloc(1, sizeof *t);
    enum status st;

    if (t == NULL)
        return err_set(err, ST_FULL, "workspace: no memory");
    st = values_read(values, count, t, err);
    free(t);
    return st;
}

static enum status
tables_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
            struct err *err)
{
    enum status st = sink_check(&sink_workspace, values, count, err);
    struct tables *t;

    if (st != ST_OK)
        return st;
    t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ST_FULL, "workspace: no memory");
    st = values_read(values, count, t, err);
    if (st != ST_OK) {
        free(t);
        return st;
    }
    t->stop = stop;
    *state = t;
    return ST_OK;
}

static void
tables_close(void *state)
{
    struct tables *t = state;

    workspace_writer_close(t->writer);
    workspace_close(t->workspace);
    free(t->rows);
    free(t);
}

static const struct sink_setting tables_settings[] = {
    {.name = "path",
     .help = "File of the workspace (NAME.duckdb); made, with its folder, when first written to."},
    {.name = "memory_mb",
     .help =
         "Memory that its database may take, in MiB: 64 or more; 0: what workspaces.memory of the "
         "configuration says. Who opens a file first decides.", .default_value = "0"},
    {.name = "threads",
     .help =
         "Threads that its database may use; 0: what workspaces.threads of the configuration says.", .default_value = "0"},
    {.name = "retention_days",
     .help =
         "Rows of events older than this are taken out, looked for once an hour; 0: kept for ever.", .default_value = "0"},
    {.name = "writer",
     .help = "Whose place in the file this is; given by penstock to each export.",
     .is_optional = true},
    {.name = "guid",
     .help =
         "The workspace's id, which its rows show as TenantId; given by penstock to each export.", .is_optional = true},
    {0},
};

const struct sink_kind sink_workspace = {
    .name = "workspace",
    .help = "A local workspace: a table for each of the catalog's, in a DuckDB file.",
    .framing = FRAME_LINES,
    .is_positioned = true,
    .is_lasting_at_once = true,
    .body_max = 8 << 20,
    .batch_bytes = 16 << 20,
    .batch_rows = 60000,
    .linger_ms = 3000,
    .settings = tables_settings,
    .check = tables_check,
    .open = tables_open,
    .send = tables_send,
    .locate = tables_locate,
    .length = tables_length,
    .holds = tables_holds,
    .close = tables_close,
};
