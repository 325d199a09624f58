/* query_run.h - where a query runs: here, if it needs nothing but what is here, else at the daemon. Says what is wrong
 * on standard error and gives exit codes. One thread. */
#pragma once
#include "penstock/query_options.h"

struct query_local;
struct query_remote;

struct query_runner { /* zeroed; both are opened when they are needed */
    const struct query_options *o;
    const struct catalog *catalog;
    struct query_local *local;
    struct query_remote *remote;
};

void query_runner_begin(struct query_runner *r, const struct query_options *o,
                        const struct catalog *catalog);
int query_runner_run(struct query_runner *r, struct span text);
/* The lines of standard input, here. */
int query_runner_batch(struct query_runner *r);
void query_runner_end(struct query_runner *r);
