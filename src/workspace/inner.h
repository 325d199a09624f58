/* inner.h - an open file from the inside; for workspace.c, table.c, load.c, writer.c, keep.c and room.c.
 *
 * Locks, in this order: room.lock (one compaction), keep_lock (rows are taken out or moved), append_lock (a transaction that
 * writes, or a checkpoint, runs: both at once, or a transaction that deletes beside a checkpoint, is where DuckDB 1.5 has had
 * faults). Queries take none. */
#pragma once
#include "workspace/hunt_seats.h"
#include "workspace/store.h"
#include <pthread.h>
#include <stdatomic.h>

/* Places of the housekeeping columns, which every table begins with (store.h). */
enum {
    HOUSE_TENANT,
    HOUSE_TIME,
    HOUSE_INGESTED,
    HOUSE_POSITION,
    HOUSE_ROW,
    HOUSE_INDEX,
    HOUSE_OVERFLOW,
    HOUSE_COUNT
};

/* A column of a table of the file, in the file's order, behind the housekeeping ones. */
struct stored_column {
    const char *name;     /* as records spell it */
    const char *sql;      /* quoted */
    const char *sql_name; /* not quoted */
    enum kql_type type;
};

struct stored_table {
    const char *name;     /* "" : what is kept of tables that the catalog does not know */
    const char *sql_name; /* not quoted */
    struct stored_column *columns;
    size_t count, room;
    bool is_there;      /* in the file, before it was opened */
    size_t there_count; /* of its columns, those that were */
    size_t time;        /* place of the event time's column; SIZE_MAX: none */
    /* column + 1 by the hash of its name in small letters; a power of two */
    uint16_t *slots;
    size_t slot_count;
};

/* What room.c remembers from one look to the next. */
struct workspace_room {
    pthread_mutex_t lock;
    uint64_t removed, added; /* rows, at the last look */
    int64_t looked_ms;       /* 0: never */
    int64_t rest_until_ms;   /* unless rows are removed */
};

struct workspace {
    char path[WORKSPACE_PATH_MAX];
    unsigned references; /* under the registry's lock */
    struct workspace *next;
    struct pool pool; /* all that is known of tables; touched by open alone */
    const struct catalog *catalog;
    duckdb_database database;
    struct stored_table *stored;
    size_t stored_count, stored_room;
    struct workspace_table *tables; /* one for each of the catalog's */
    bool is_read_only;
    char guid[37]; /* "" : unknown */
    pthread_mutex_t append_lock, keep_lock;
    uint64_t first_rows; /* when it was opened, about */
    _Atomic uint64_t commits, added_rows, removed_rows;
    _Atomic uint64_t compacted_pieces, compacted_rows, compacted_ms;
    struct hunt_seats seats;
    struct workspace_room room;
};

/* The place of a table that the file has, by exact name; NULL: none. */
const struct stored_table *stored_find(const struct workspace *w, struct span table);
/* The column for a member, by exact spelling, else ignoring case; SIZE_MAX: none. */
size_t stored_column_find(const struct stored_table *t, struct span name);

/* Makes tables and columns that are not there yet and fills in w->stored and w->tables; all in one
 * transaction. Leaves by the pool's escape when memory is spent. */
MUST_CHECK enum status tables_open(struct workspace *w, duckdb_connection c, struct err *err);

/* Runs one or more statements; their result, if wanted, in *out, to be destroyed by duckdb_destroy_result. */
MUST_CHECK enum status sql_run(duckdb_connection c, const char *sql, duckdb_result *out,
                               struct err *err);

/* Blocks that a table's columns have a part in. */
MUST_CHECK enum status stored_blocks(duckdb_connection c, const struct stored_table *t,
                                     uint64_t *blocks, struct err *err);

struct workspace_state;
void workspace_state_fill(const struct workspace *w, struct workspace_state *out);
