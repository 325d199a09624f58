/* query_local.h - queries run by this process: over files, inline tables, or a workspace's file that no
 * daemon has open. Says what is wrong on standard error and gives exit codes. One thread. */
#pragma once
#include "penstock/query_options.h"

struct query_local;

/* Reads what the tables' files begin with. An exit code: EXIT_DONE with *out, else it has said why. Borrows
 * both. */
MUST_CHECK int query_local_open(const struct query_options *o, const struct catalog *catalog,
                                struct query_local **out);
void query_local_close(struct query_local *l); /* NULL is fine */
/* Whether the text needs nothing that only a daemon has: a table without a file, a name that is not
 * declared. True also where its syntax is wrong: that can be said here. */
bool query_local_suffices(struct query_local *l, struct span text);
/* Runs it and prints the answer, or with --check and --explain shows what it would do. */
int query_local_run(struct query_local *l, struct span text);
/* Only says what is wrong with it. */
void query_local_complain(struct query_local *l, struct span text);
/* --batch: lines on standard input. */
int query_local_batch(struct query_local *l);
