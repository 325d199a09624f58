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

/* Rows as JSON objects, a line each, in the order they were admitted: members that have a value, then those of the overflow, as far as
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
/* Takes them out in one transaction for each table, and gives their room back to later ones. Looking for those of a predicate may be ended (ST_FULL: none is gone). 'only_counts': says how many
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

/* Gives back the room of rows that were taken out here and there, and of free blocks inside the file, while the file is in use: piece by
 * piece, the live rows of two row groups are written anew behind all others, in one transaction, and a checkpoint drops
 * the old ones. Rows and what is known of them stay the same, their order in the file does not. Queries see each row once; a
 * kill leaves a piece done or not; writers wait for a piece at most.
 *
 * A group goes anew when a sixteenth of its rows is gone, and what that gives back, of all such of its table, is 'least' bytes;
 * one at the file's end when a quarter of the file is free, and four times 'least'. */
struct workspace_compaction {
    uint64_t least;     /* bytes; 0: 4 MiB */
    uint64_t busy_rows; /* a second: it is not idle while more come in; 0: 2,000 */
    int64_t quiet_ms;   /* so long nothing must have been asked of the workspace */
    int64_t until_ms;   /* monotonic: no piece begins later; nor once a query runs or waits */
    bool (*goes_on)(void *app); /* asked between pieces; NULL: yes */
    void *app;
};
struct workspace_compacted {
    unsigned pieces;
    uint64_t rows;          /* written anew */
    uint64_t before, after; /* bytes of the file */
    int64_t held_ms_max;    /* so long writers waited for a piece */
    bool is_over;           /* there is nothing more to be done */
};
/* Does nothing, at no cost, while it is not idle: a query runs, waits, or has ended less than 'quiet_ms' ago, or more than 'busy_rows'
 * came since the last call; and where it has looked before, unless rows were taken out since, it had to
 * stop, or 15 minutes are over. ST_IO, ST_FULL: a piece failed, and nothing of it is there. */
MUST_CHECK enum status workspace_compact_idle(struct workspace *w,
                                              const struct workspace_compaction *how,
                                              struct workspace_compacted *out, struct err *err);

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
    /* By workspace_compact_idle: pieces, the rows in them, and how long writers had to stand aside for them. */
    uint64_t compactions, compacted_rows, compaction_ms;
};
/* Whether this process has it open. */
bool workspace_is_open(const char *path);
/* Each, in no order. */
void workspace_states(void (*each)(void *app, const struct workspace_state *state), void *app);
