/* query_remote.h - queries run by the daemon over one of its workspaces, by its Log Analytics door. Says what is wrong
 * on standard error and gives exit codes. One thread. */
#pragma once
#include "penstock/query_options.h"

struct query_remote;

/* Does not connect yet. Borrows 'o'. */
MUST_CHECK int query_remote_open(const struct query_options *o, struct query_remote **out);
void query_remote_close(struct query_remote *r); /* NULL is fine */
/* Asks once, or again and again (o->watch_ms) until a signal ends it or the query is refused. */
int query_remote_run(struct query_remote *r, struct span text);
