/* keep.h - looking after a workspace: what it holds, rows printed, rows that are old taken out. For the command line, the
 * keeper of the daemon and tests. Any thread. */
#pragma once
#include "workspace/workspace.h"

struct workspace_size {
    const char *table; /* lends for the call; "" : rows of tables that the catalog does not know */
    uint64_t rows;
    int64_t oldest, newest; /* ticks of event time; 0, 0: no rows */
};
/* Each table that has rows, by name. */
MUST_CHECK enum status workspace_sizes(struct workspace *w,
                                       void (*each)(void *app, const struct workspace_size *size),
                                       void *app, struct err *err);

/* Rows as JSON objects, a line each, in the order they came in: members that have a value, then those of the overflow, as far as
 * columns keep them: times, numbers and texts are written anew. 'tenant': only its rows; NULL: all. ST_INVALID: there is no
 * such table. ST_IO: 'out' or the file. */
MUST_CHECK enum status workspace_print(struct workspace *w, struct span table, const char *tenant,
                                       FILE *out, uint64_t *rows, struct err *err);

/* Takes rows out whose event time is before 'before' (ticks), of one table or (table.p NULL) of all, and gives
 * their room back to later ones. */
MUST_CHECK enum status workspace_purge(struct workspace *w, struct span table, int64_t before,
                                       uint64_t *rows, struct err *err);
