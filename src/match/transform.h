/* transform.h - transformKql: what a route's queries make of rows, before they are put in their
 * envelopes. Compiled when a plan is built, run by any thread with its own transform_run. Pure.
 *
 * A query sees the row as it would leave without it: the columns of the catalog's table, and
 * MachineGroup where rows leave with one. So 'project' without MachineGroup leaves it out, and
 * 'where MachineGroup == ...' works. now() is the time at which the row's block was admitted: the
 * same row gives the same bytes whenever and however often it is sent. */
#pragma once
#include "kql/stream.h"
#include "match/plan.h"
#include "model/catalog.h"

enum {
    TRANSFORM_TEXT_MAX = 64 * 1024,  /* bytes of one query */
    TRANSFORM_MEMORY_MAX = 64 << 20, /* bytes of one route's compiled queries */
    TRANSFORM_PREPARE_MS = 10000, /* that preparing a query may take: its constants are computed */
    /* Hashed into fingerprints: to be raised when the same query gives other bytes than before, so
     * that what is half sent is taken up anew. */
    TRANSFORM_REVISION = 1,
    TRANSFORM_CONDITIONS_MAX = KQL_STREAM_CONDITIONS_MAX, /* of one table's query: see stream.h */
};

/* As a setting has them: one text for all its tables, or some by table. */
struct transform_query {
    const char *table; /* "DeviceInfo"; NULL: every one */
    const char *kql;
};

struct transform_source {
    const struct catalog *catalog;
    enum group_mode group_mode;
    const struct transform_query *queries;
    size_t query_count;
    /* The tables that a query for every one is for, as categories. Without any (all categories, also
     * those nobody knows) such a query is refused. */
    const char *const *categories;
    size_t category_count;
    enum kql_stream_strictness strictness;
};

struct transform; /* immutable */

/* Told of each table in turn: diagnostics of its query (lent; may be warnings only), and the columns
 * that leave (NULL: refused). */
typedef void transform_told(void *app, const char *table, const struct kql_diagnostics *d,
                            const struct kql_schema *schema);

/* Compiles the queries. ST_INVALID: err holds the first complaint with its table; 'told' (NULL is
 * fine) was told of all. Borrows nothing. */
MUST_CHECK enum status transform_make(const struct transform_source *source, transform_told *told,
                                      void *app, struct transform **out, struct err *err);
void transform_free(struct transform *t); /* NULL is fine */
/* Of the queries, the columns they see, and TRANSFORM_REVISION. */
uint64_t transform_fingerprint(const struct transform *t);

/* One thread's memory for one or several routes; what their queries have in common is computed once
 * per row. Tables are set up when their first row comes. */
struct transform_run;
/* Borrows the transforms (those of routes without one may be NULL). */
MUST_CHECK enum status transform_run_make(const struct transform *const *transforms, size_t count,
                                          struct transform_run **out, struct err *err);
void transform_run_free(struct transform_run *run); /* NULL is fine */

/* For TRANSFORM_ANY: the routes, in the order of 'transforms'; borrowed as long as the run lives. */
void transform_routes(struct transform_run *run, const struct plan_route *const *routes);

/* The block that the next rows are of; borrowed until the next call. */
void transform_block(struct transform_run *run, const struct block *block);
/* The same for several routes: decides at once which rows of the block each of them drops or
 * passes, row by row, so that what their queries share is computed once. */
void transform_block_all(struct transform_run *run, const struct block *block,
                         const struct plan_route *const *routes);

/* In place of an index: what the first of all routes makes of a row that wants it and does not drop
 * it. */
#define TRANSFORM_ANY SIZE_MAX

/* What route 'index' makes of the block's row. SAME: it is shaped as without a transformation.
 * CHANGED: *object is its properties, decorated already; lends until the next call. */
enum kql_stream_result transform_row(struct transform_run *run, size_t index,
                                     const struct plan_route *route, uint32_t row,
                                     struct span *object);
/* Rows whose queries needed more memory than there is (see kql_stream_exhausted). */
uint64_t transform_exhausted(const struct transform_run *run);

/* ---- conditions that several exports have ----
 *
 * A query's filter is a list of conditions that must all hold (kql_stream_conditions). What one says of
 * a row depends on the row and its block's admission alone, so whoever evaluated it first may tell
 * the others: in bytes, one for each row of a block, that several threads read and write. Where they
 * are kept is the caller's work (deliver/verdicts.h). */
enum transform_verdict {
    TRANSFORM_UNKNOWN,
    TRANSFORM_FAILS,
    TRANSFORM_HOLDS,
    /* not to be told within the limits of memory and time: each export decides, and counts, for itself */
    TRANSFORM_EACH
};

/* The tables that have a query, and the identities of its conditions; gives how many. All zero: it
 * cannot be shared. Equal ones of rows of one tenant and table say the same of every row. */
size_t transform_table_count(const struct transform *t);
const char *transform_table_name(const struct transform *t, size_t table);
size_t transform_conditions(const struct transform *t, size_t table,
                            struct kql_stream_identity identities[TRANSFORM_CONDITIONS_MAX]);

/* Verdicts on the rows of one stream of a block, by condition. */
struct transform_shared {
    size_t count; /* of conditions; 0: none is shared */
    _Atomic unsigned char *verdicts[TRANSFORM_CONDITIONS_MAX]; /* by row; NULL: not shared */
};
/* Of a run of one route: what is known of the rows of transform_block's block, by stream (borrowed
 * until the next transform_block). transform_row heeds it. */
void transform_share(struct transform_run *run, const struct transform_shared *by_stream);
/* The first shared condition that has to be evaluated for the row; TRANSFORM_CONDITIONS_MAX: none, it
 * is decided by them, or to be decided by each. */
size_t transform_unknown(const struct transform_run *run, uint32_t row);
/* Evaluates what is unknown of the row, in order, as far as its bit (1 << condition) is in 'conditions',
 * and writes the verdicts. */
void transform_judge(struct transform_run *run, const struct plan_route *route, uint32_t row,
                     unsigned conditions);
