/* query_repl.h - queries one after the other on a terminal: lines are edited and kept (libedit), names of tables,
 * columns, operators and functions completed. One thread. */
#pragma once
#include "penstock/query_run.h"

/* Until the end of input or .exit. Lines are kept in $XDG_STATE_HOME (~/.local/state)/penstock/query-history, mode 0600;
 * a query with h"..." texts is not. 'o' is the runner's: .format, .timespan and their like change it. Exit code. */
int query_repl(struct query_runner *r, struct query_options *o);
