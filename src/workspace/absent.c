/* absent.c - the folder in a build without DuckDB: every door says so. */
#include "workspace/fill.h"
#include "workspace/hunt.h"
#include "workspace/keep.h"
#include "workspace/writer.h"

static enum status
absent(struct err *err)
{
    return err_set(err, ST_INVALID,
                   "this build has no workspace: it was made without DuckDB (run script/setup, "
                   "then cmake again)");
}

bool
workspace_is_built(void)
{
    return false;
}

enum status
workspace_open(const char *path, const struct workspace_options *options, struct workspace **out,
               struct err *err)
{
    (void)path, (void)options;
    *out = NULL;
    return absent(err);
}

void
workspace_catalog_use(const struct catalog *c)
{
    (void)c;
}

void
workspace_limits_use(size_t memory_max, unsigned threads)
{
    (void)memory_max, (void)threads;
}

void
workspace_close(struct workspace *w)
{
    (void)w;
}

const char *
workspace_path(const struct workspace *w)
{
    (void)w;
    return "";
}

enum status
workspace_writer_open(struct workspace *w, struct workspace_writer **out, struct err *err)
{
    (void)w;
    *out = NULL;
    return absent(err);
}

void
workspace_writer_close(struct workspace_writer *writer)
{
    (void)writer;
}

void
workspace_write(struct workspace_writer *writer, struct workspace_rows *rows, size_t count,
                int64_t now)
{
    (void)writer, (void)now;
    for (size_t i = 0; i < count; i++) {
        rows[i].written = WORKSPACE_LATER;
        (void)absent(&rows[i].err);
    }
}

enum status
workspace_object_length(struct workspace_writer *writer, const char *object, uint64_t *length,
                        struct err *err)
{
    (void)writer, (void)object;
    *length = 0;
    return absent(err);
}

enum status
workspace_object_holds(struct workspace_writer *writer, const char *object, uint64_t offset,
                       struct span bytes, bool *same, struct err *err)
{
    (void)writer, (void)object, (void)offset, (void)bytes;
    *same = false;
    return absent(err);
}

enum status
workspace_sizes(struct workspace *w, const char *tenant,
                void (*each)(void *app, const struct workspace_size *size), void *app,
                struct err *err)
{
    (void)w, (void)tenant, (void)each, (void)app;
    return absent(err);
}

enum status
workspace_print(struct workspace *w, struct span table, const char *tenant, FILE *out,
                uint64_t *rows, struct err *err)
{
    (void)w, (void)table, (void)tenant, (void)out, (void)rows;
    return absent(err);
}

enum status
workspace_purge(struct workspace *w, const struct workspace_rows_wanted *wanted, bool only_counts,
                uint64_t *rows, struct err *err)
{
    (void)w, (void)wanted, (void)only_counts, (void)rows;
    return absent(err);
}

enum status
workspace_verify(struct workspace *w, uint64_t *rows, struct err *err)
{
    (void)w, (void)rows;
    return absent(err);
}

enum status
workspace_retain(struct workspace *w, const struct workspace_keeping *k, uint64_t *rows,
                 struct err *err)
{
    (void)w, (void)k, (void)rows;
    return absent(err);
}

enum status
workspace_compact(const char *path, const struct workspace_options *o, uint64_t *before,
                  uint64_t *after, struct err *err)
{
    (void)path, (void)o, (void)before, (void)after;
    return absent(err);
}

enum status
workspace_compact_idle(struct workspace *w, const struct workspace_compaction *how,
                       struct workspace_compacted *out, struct err *err)
{
    (void)w, (void)how, (void)out;
    return absent(err);
}

bool
workspace_is_open(const char *path)
{
    (void)path;
    return false;
}

enum status
workspace_export(struct workspace *w, const struct workspace_export *e, uint64_t *rows,
                 struct err *err)
{
    (void)w, (void)e, (void)rows;
    return absent(err);
}

void
workspace_states(void (*each)(void *app, const struct workspace_state *state), void *app)
{
    (void)each, (void)app;
}

const struct hunt_limits hunt_limits_default = {
    180000, 500000, (size_t)64 << 20, (size_t)512 << 20, 100000000,
};

enum status
hunt_run(struct workspace *w, const struct hunt_request *request, struct hunt *out, struct err *err)
{
    (void)w, (void)request;
    memset(out, 0, sizeof *out);
    out->outcome = HUNT_BROKEN;
    return absent(err);
}

void
hunt_end(struct hunt *h)
{
    (void)h;
}

void
hunt_seats_use(struct workspace *w, unsigned seats)
{
    (void)w, (void)seats;
}

void
hunt_seats_look(struct workspace *w, struct hunt_seats_state *out)
{
    (void)w;
    *out = (struct hunt_seats_state){0};
}

enum status
workspace_fill(struct workspace *w, struct span table, const char *tenant,
               const struct kql_schema *columns, const struct kql_rows_source *source,
               const void *handle, int64_t ingested, uint64_t *rows, struct err *err)
{
    (void)w, (void)table, (void)tenant, (void)columns, (void)source, (void)handle, (void)ingested;
    *rows = 0;
    return absent(err);
}
