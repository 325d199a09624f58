/* hunt.h - a query over a workspace: KQL in, tables of values out. What SQL can carry runs in DuckDB, the rest in the row
 * engine on the rows that DuckDB leaves (sql.h says where the line is). No vendor header here.
 *
 * A query sees the rows of the tenants that its request names and no others: that is part of how each table is read, not a
 * condition of the query's own text. It writes nothing, opens no file and reaches no network, but for externaldata: what
 * the request's policy allows of URLs, read by this program and never by DuckDB.
 *
 * Any thread; many at a time. A workspace gives each query one of a few seats (hunt_seats_use); who finds none waits
 * in turn, tenant by tenant, until its deadline.
 *
 * A query may read tables of several workspaces. Each is read by statements of its own; what puts them together is the row
 * engine. Such a query has a seat in the workspace that it is run in and in no other: so nobody waits for a seat while
 * holding one, and none of the workspaces has to be known before the text is bound. */
#pragma once
#include "kql/rows.h"
#include "wire/fetch.h"
#include "workspace/workspace.h"
#include <stdatomic.h>

/* Every table has a last column of this name for queries whose text names it: a dynamic bag of what its records held beside the
 * columns, and of values that were not of their column's type (they are null there). Other queries do not see it. */
#define HUNT_OVERFLOW_COLUMN "_Overflow"

/* A table of records that the catalog does not know can be asked by its name while the query sees a row of it: columns
 * Timestamp (TimeGenerated in a workspace's shape) and Record, the record as a dynamic bag. Wildcards pass it over. Of the
 * catalog's, wildcards (union Device*, search, find) mean those in which the query sees a row, or all where none has one.
 *
 * ingestion_time() is when a row's record was admitted, as long as the row comes from a table's by operators that keep its other
 * columns (not project, summarize). */

enum hunt_shape {
    HUNT_HUNTING,   /* Advanced Hunting's columns: Timestamp ... */
    HUNT_WORKSPACE, /* Log Analytics' columns: TimeGenerated, TenantId, Type, _ItemId ... */
    HUNT_BOTH,      /* the workspace's, and behind them those that only hunting has */
};
enum hunt_engine {
    HUNT_BEST, /* SQL for all that it can carry */
    HUNT_MOST, /* the same also for rows that come from no table (datatable, range), where it is not worth while: for tests */
    HUNT_ROWS_ONLY, /* DuckDB reads tables, the row engine does all else: what tests compare with */
};

struct hunt_limits {
    int64_t time_ms;          /* from when hunt_run is called; default 180,000 */
    uint64_t answer_rows_max; /* default 500,000; beyond: cut off, is_partial */
    size_t
        answer_size_max; /* bytes of the answer's values as text, about; default 64 MiB; beyond: cut off, is_partial */
    /* What the query may hold in the row engine, its answer included, and as much again in functions inside DuckDB; beside DuckDB's
     * own (workspace_options.memory_max). Default 512 MiB */
    size_t memory_max;
    uint64_t rows_max; /* that an operator of the row engine may give; default 100 million */
};
extern const struct hunt_limits hunt_limits_default;

/* Rows by when they came in, exactly once over windows that follow each other (detections): of a table's rows those are there whose
 * journal position ("$position") is below 'to', and which are at or behind 'from' or were admitted ("$ingested") at or
 * after 'admitted_from'. */
struct hunt_window {
    uint64_t from, to;
    int64_t admitted_from; /* ticks; INT64_MAX: none of those before 'from' */
};

enum { HUNT_PLACES_MAX = 100 /* workspaces that a query reads, as in the service */ };

/* A workspace that a query reads beside the one it is run in: lent until hunt_run has returned. */
struct hunt_place {
    struct workspace *workspace;
    const char *name; /* for explaining */
    enum hunt_shape shape;
};

struct hunt_request {
    struct span text;
    /* What the text calls workspace("name"), or database("name"): whoever asks decides whether it may be asked. The tenants,
     * times and limits of the request hold there, too. True: *out. False: err says to the query's author why not. Called by the
     * thread of hunt_run, perhaps more than once for one place. NULL: the text may name none. */
    bool (*place)(void *context, const struct kql_place *place, struct hunt_place *out,
                  struct err *err);
    void *place_context;
    const char *name; /* of the workspace that it is run in; NULL: not said in explanations */
    /* Each table's name means the union of the tables of that name in the workspace and in these. */
    const struct hunt_place *beside;
    size_t beside_count;
    /* Whose rows it sees: lower-case GUIDs. None and 'sees_all' false: it sees no row. */
    const char *const *tenants;
    size_t tenant_count;
    bool sees_all; /* an operator's own look at everything */
    enum hunt_shape shape;
    enum hunt_engine engine;
    /* Ticks: only rows whose time column lies in [from, to) are there; INT64_MIN, INT64_MAX: no such bound */
    int64_t from, to;
    const struct hunt_window *window; /* NULL: whenever they came in */
    int64_t now;                      /* ticks: now() */
    const struct kql_parameter_value *parameters;
    size_t parameter_count;
    /* Stored functions, as kql_environment has them; NULL: none */
    bool (*function)(void *context, struct span name, struct span *text);
    void *function_context;
    /* What externaldata may read; NULL: nothing. 'external_remedy': stands behind a refusal, and says who can change it how */
    const struct fetch_policy *external;
    const char *external_remedy;
    struct hunt_limits limits;     /* members that are 0: the default */
    const _Atomic bool *cancelled; /* looked at all the time; NULL: it cannot be */
    bool explains;    /* fill in 'explanation' (it runs all the same unless only_checks) */
    bool only_checks; /* bind only: schema and explanation, no rows */
};

enum hunt_partial {
    HUNT_WHOLE,
    HUNT_CUT_ROWS, /* answer_rows_max */
    HUNT_CUT_SIZE, /* answer_size_max */
};

struct hunt_statistics {
    uint64_t rows; /* of the answer, all tables */
    uint64_t size; /* bytes, as the limit counts */
    int64_t wall_ms,
        cpu_ms; /* cpu: of the calling thread and of ours; DuckDB's helpers are not told apart */
    int64_t waited_ms;  /* for a seat */
    size_t memory_peak; /* of what memory_max limits */
};

enum hunt_outcome {
    HUNT_DONE,
    HUNT_REFUSED,   /* ST_INVALID: the query's text; 'diagnostics' say what and where */
    HUNT_SPENT,     /* ST_FULL: a limit of memory or rows; err names it and what would mend it */
    HUNT_BUSY,      /* ST_FULL: no seat until the deadline */
    HUNT_LATE,      /* ST_FULL: time_ms is over */
    HUNT_CANCELLED, /* ST_FULL */
    HUNT_FAILED, /* ST_INVALID: the query ended itself while running: assert(), a function that is not built ... */
    HUNT_BROKEN, /* ST_IO: the database */
};

/* Everything an answer points at lives in its pool: hunt_end gives it back. */
struct hunt {
    struct pool pool; /* private */
    struct kql_answers
        answers; /* one table, or several (fork, facet, statements separated by ';') */
    enum hunt_outcome outcome;
    enum hunt_partial partial;
    struct span
        explanation; /* a step of the plan a line, and which engine ran it: "duckdb" or "rows" and why; then the SQL */
    struct hunt_statistics statistics;
    struct kql_diagnostics diagnostics; /* errors of the query's text, or warnings */
    /* Why the database refused the SQL that was made of the query, a fault of this program: it was run by the row engine alone
     * then. "": it did not. */
    struct err rejected;
};

/* ST_OK: answers. Else err, and out->outcome says of what kind the end was. In every case hunt_end is due. */
MUST_CHECK enum status hunt_run(struct workspace *w, const struct hunt_request *request,
                                struct hunt *out, struct err *err);
void hunt_end(struct hunt *h);

/* How many queries of a workspace run side by side (default 4; 1 to 1024), at most half of them (and one at least) of one
 * tenant (the first that a request names; an operator's look is one of its own), or all but one while no other runs or waits. */
void hunt_seats_use(struct workspace *w, unsigned seats);
struct hunt_seats_state {
    unsigned seats, running, waiting;
    uint64_t given, refused; /* so far: queries that had a seat, and that waited for one in vain */
    uint64_t rejected;       /* queries of which the database refused the SQL (struct hunt) */
};
void hunt_seats_look(struct workspace *w, struct hunt_seats_state *out);
