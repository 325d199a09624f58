/* workspace.h - a workspace: one DuckDB file that holds a table for each of the catalog's, filled by a sink (sink/workspace.c)
 * for queries to come. No vendor header here: a build without DuckDB has absent.c behind it, whose answers are all ST_INVALID
 * with "this build has no workspace".
 *
 * A file is open once in a process, however often workspace_open is called; another process is refused by DuckDB's lock.
 * Everything here may be called by any thread. Appends of one workspace wait for each other; queries wait for nobody. */
#pragma once
#include "base/base.h"
#include "model/catalog.h"

struct workspace;

enum {
    WORKSPACE_PATH_MAX = 3000,       /* bytes of a path */
    WORKSPACE_APPEND_MAX = 32 << 20, /* bytes of rows appended at once */
    WORKSPACE_SPILL = 4, /* times memory_max: what queries may put aside in files, all together */
};

struct workspace_options {
    /* Tables and columns; must outlive the workspace. NULL: what workspace_catalog_use says. */
    const struct catalog *catalog;
    size_t
        memory_max; /* bytes DuckDB may hold; 0: what workspace_limits_use says. At least 64 MiB */
    unsigned threads; /* at most; 0: what workspace_limits_use says. 1 to 256 */
    /* Its customerId (control/workspaces.h), which its shape shows as TenantId; the file keeps it. NULL: what the file
     * has; where it has none, TenantId is whose row it is. */
    const char *guid;
    bool is_read_only; /* for looking at a file: it must be there, nothing is made or changed */
};

/* Whether this build has DuckDB. */
bool workspace_is_built(void);

/* The catalog of workspaces that are opened from now on without one (by sinks, which know of no catalog); it must outlive them.
 * NULL: catalog_builtin again, as at the start. */
void workspace_catalog_use(const struct catalog *c);
/* What options of 0 mean from now on: bytes of memory (0: 1 GiB), threads (0: as many as there are processors). */
void workspace_limits_use(size_t memory_max, unsigned threads);
/* Opens the file, made if it is not there, and its tables, made or widened to what the catalog says. A file that is open in
 * this process already is shared, its options being those of who came first. ST_INVALID: the path or options are
 * wrong, the file is no workspace or of a newer version, or this build has none. ST_FULL: another process has it open. ST_IO: it
 * is damaged (err says how it is made again), or cannot be read. */
MUST_CHECK enum status workspace_open(const char *path, const struct workspace_options *options,
                                      struct workspace **out, struct err *err);
/* In place of a path: tables in memory, of its own at each opening, gone when it is closed. What does not fit ends a query: nothing is
 * put aside in files. */
#define WORKSPACE_IN_MEMORY ":memory:"
/* The last one closes the file. NULL is fine. */
void workspace_close(struct workspace *w);
const char *workspace_path(const struct workspace *w);
