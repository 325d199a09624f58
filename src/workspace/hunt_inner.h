/* hunt_inner.h - a query while it runs; for hunt*.c. */
#pragma once
#include "workspace/hunt.h"
#include "workspace/inner.h"
#include "workspace/sql.h"

/* ---- hunt_connections.c: connections of a query, and the thread that interrupts them ---- */

struct hunt_connection {
    struct hunt_connection *next;
    struct workspace *workspace;
    duckdb_connection c;
    bool is_used;
};
struct hunt_connections {
    pthread_mutex_t lock;
    pthread_cond_t over;
    struct hunt_connection *first;
    int64_t deadline_ms;
    const _Atomic bool *cancelled; /* NULL: it cannot be */
    bool is_over, is_watched;
    pthread_t watcher;
};
void hunt_connections_open(struct hunt_connections *k, int64_t deadline_ms,
                           const _Atomic bool *cancelled);
/* Closes all: no statement of them may be there any more. */
void hunt_connections_close(struct hunt_connections *k);
/* A connection of that workspace that nobody uses now, for one statement at a time. From the first on, a thread watches: it interrupts
 * what runs when the deadline has passed or the query is cancelled. */
MUST_CHECK enum status hunt_connection_take(struct hunt_connections *k, struct workspace *w,
                                            struct hunt_connection **out, struct err *err);
void hunt_connection_give(struct hunt_connections *k, struct hunt_connection *c);

/* ---- a query ---- */

struct hunt_reader;
/* A plan as it was bound, and as it is run. */
struct hunt_plan {
    struct hunt_plan *next;
    const struct kql_op *bound, *split;
};
/* A workspace in one shape, as a query names its tables: the context of its environment. */
struct hunt_environment {
    struct sql_place place; /* first: what tables and parts point at */
    struct hunting *h;
    struct hunt_environment *next;
    struct workspace *workspace;
    const char *name;
    enum hunt_shape shape;
    struct kql_table *tables; /* by their place in the catalog; handle NULL: not made yet */
    struct hunt_other {       /* a table that the catalog does not know */
        struct hunt_other *next;
        struct span name;
        struct kql_table table;
        bool is_there;
    } * others;
    uint8_t *has_rows; /* by place in the catalog; NULL: not looked yet */
};
struct hunting {
    struct workspace *workspace;
    const struct hunt_request *request;
    struct pool *pool; /* the query's: everything that lives as long as its answers */
    int64_t deadline_ms;
    struct hunt_connections connections;
    struct hunt_reader *readers; /* that are open */
    /* What ended it, where that was not the language: HUNT_DONE: nothing */
    enum hunt_outcome failure;
    bool
        is_rejected; /* by the database, which refused SQL of ours: the row engine alone may do better */
    bool lists_spent, gives_no_lists; /* programs_lists_spent; what is tried then */
    enum hunt_engine engine;
    struct programs *programs; /* NULL: not needed yet */
    struct rows_engine *rows;  /* that runs it */
    struct hunt_plan *plans;   /* of the answers, in order */
    bool has_discovered;       /* a plugin was run while the query was bound */
    /* of hunt_environment.c */
    char *where; /* SQL: whose rows, in what time */
    bool shows_overflow, shows_ingestion;
    struct hunt_environment main; /* first of those that are read */
    size_t environment_count;
    struct hunt_named { /* places by what the text calls them */
        struct hunt_named *next;
        struct kql_place place;
        struct hunt_environment *environment;
    } * named;
    void *beside[HUNT_PLACES_MAX]; /* environments, as the binder takes them */
    uint32_t beside_count;
};

/* ---- hunt_environment.c ---- */

/* 'where', the workspaces beside, and what the query's text asks for. Needs no escape. ST_INVALID: a tenant is no GUID, there are too many workspaces. In every case hunt_environment_close is
 * due. */
MUST_CHECK enum status hunt_environment_open(struct hunting *h, struct err *err);
void hunt_environment_close(struct hunting *h);
/* Of a kql_environment whose context is a struct hunt_environment; handles are struct sql_table. */
bool hunt_table(void *context, struct span name, struct kql_table *out);
bool hunt_table_at(void *context, size_t index, struct kql_table *out);
bool hunt_function(void *context, struct span name, struct span *text);
bool hunt_place(void *context, const struct kql_place *place, void **out, struct err *err);

/* ---- hunt.c ---- */

/* A bound plan as it is run. Needs the pool's escape. */
const struct kql_op *hunt_split(struct hunting *h, const struct kql_op *plan,
                                enum kql_rows_purpose purpose);

/* ---- hunt_external.c ---- */

/* Of a kql_rows_source whose context is the struct hunting. */
MUST_CHECK enum status hunt_fetch(void *context, const struct kql_external_place *place,
                                  size_t size_max, struct span *bytes, void **held,
                                  struct err *err);
void hunt_fetched(void *held);

/* ---- hunt_source.c ---- */

/* A source of plans that hunt_split gave; .context is to be set to the struct hunting. */
extern const struct kql_rows_source hunt_source;
/* What is still open: before the connections are closed. */
void hunt_source_close(struct hunting *h);
/* Runs a statement whose rows are few; *out is to be destroyed by duckdb_destroy_result. */
MUST_CHECK enum status hunt_ask(struct hunting *h, struct workspace *w, const char *sql,
                                duckdb_result *out, struct err *err);
