/* keep.h - looking after a workspace: what it holds, rows printed or written to a file, rows that are old or unwanted taken out. For
 * the command line, the daemon's keeper and tests. Any thread. */
#pragma once
#include "workspace/workspace.h"
#include <stdatomic.h>

struct workspace_size {
    const char *table; /* lends for the call; "" : rows of tables that the catalog does not know */
    uint64_t rows;
    int64_t oldest, newest; /* ticks of event time; 0, 0: no rows */
    /* What its columns take in the file, compressed: blocks of 256 KiB that it has a part in; rows that no checkpoint has
     * moved there yet are not in it. Of one tenant: its share of that, by rows. */
    uint64_t bytes;
};
/* Each table that has rows ('tenant': of that one; NULL: of any), by name. */
MUST_CHECK enum status workspace_sizes(struct workspace *w, const char *tenant,
                                       void (*each)(void *app, const struct workspace_size *size),
                                       void *app, struct err *err);

/* Reads all of the file that is in use, so that DuckDB checks every block. ST_IO: it is damaged; err names the table. */
MUST_CHECK enum status workspace_verify(struct workspace *w, uint64_t *rows, struct err *err);

/* Rows as JSON objects, a line each, in the order they came in: members that have a value, then those of the overflow, as far as
 * columns keep them: times, numbers and texts are written anew. 'tenant': only its rows; NULL: all. ST_INVALID: there is no
 * such table. ST_IO: 'out' or the file. */
MUST_CHECK enum status workspace_print(struct workspace *w, struct span table, const char *tenant,
                                       FILE *out, uint64_t *rows, struct err *err);

/* Which rows. */
struct workspace_rows_wanted {
    struct span table;  /* p NULL: all tables (purging without a predicate only) */
    const char *tenant; /* lower-case GUID; NULL: all */
    int64_t from,
        until; /* ticks of event time, [from, until); INT64_MIN, INT64_MAX: no such bound */
    /* What stands behind KQL's where, over the table's columns of both shapes, one row at a time; p NULL: all */
    struct span where;
    int64_t now; /* ticks: now() */
    /* Looked at while a file is written and while predicates run; NULL, 0: neither. ST_FULL then */
    const _Atomic bool *cancelled;
    int64_t deadline_ms; /* monotonic */
};
/* Takes them out in one transaction for each table, and gives their room back to later ones. 'only_counts': says how many
 * it would take. ST_INVALID: no such table, or the predicate is wrong. */
MUST_CHECK enum status workspace_purge(struct workspace *w,
                                       const struct workspace_rows_wanted *wanted, bool only_counts,
                                       uint64_t *rows, struct err *err);

/* How long and how much is kept. */
struct workspace_keeping {
    /* Of a table, by exact name ("": of those that the catalog does not know). 0: no limit */
    void (*of)(void *app, const char *table, uint64_t *age_ms, uint64_t *size_max);
    void *app;
    int64_t now; /* ticks */
};
/* Takes out what is too old, and of tables that are too large the oldest rows, until nine tenths are left; then a checkpoint.
 * 'rows': how many went. Costs little where nothing is to be done. */
MUST_CHECK enum status workspace_retain(struct workspace *w, const struct workspace_keeping *k,
                                        uint64_t *rows, struct err *err);

/* Writes the file anew, without the room and the remains of rows that were taken out, while nobody has it open; bytes before and after.
 * The old one stays until the new one is whole. Takes as much of the disk again. ST_FULL: another process has it
 * open. ST_IO: it is damaged, or the disk. */
MUST_CHECK enum status workspace_compact(const char *path, const struct workspace_options *o,
                                         uint64_t *before, uint64_t *after, struct err *err);

/* Writes the rows to a Parquet file, which is there whole under its name or not at all; its folder must be there, and a file of that
 * name is replaced. Columns are those of the shape, by KQL type:
 *
 *   bool int long real    as they are                 string, dynamic (JSON), decimal, guid   text
 *   datetime              TIMESTAMP, microseconds, UTC; and, unless 'no_ticks', a column NAME_ticks behind all others: 100 ns
 *                         since year 1, for what microseconds lose
 *   timespan              64-bit count of 100 ns
 *
 * Their KQL types stand in the file's metadata under "penstock.types", as a JSON object. */
struct workspace_export {
    struct workspace_rows_wanted rows;
    bool is_workspace_shape; /* else the hunting shape */
    bool no_ticks;
    uint64_t size_max; /* bytes of the file, about; ST_END beyond; 0: any */
    const char *path;
};
MUST_CHECK enum status workspace_export(struct workspace *w, const struct workspace_export *e,
                                        uint64_t *rows, struct err *err);

/* Of a workspace that this process has open. */
struct workspace_state {
    char path[WORKSPACE_PATH_MAX];
    uint64_t rows;             /* about */
    uint64_t bytes, log_bytes; /* of the file, and of the log of what is not in it yet */
    uint64_t commits, added_rows, removed_rows; /* since it was opened */
};
/* Each, in no order. */
void workspace_states(void (*each)(void *app, const struct workspace_state *state), void *app);
