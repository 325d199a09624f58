/* rows.h - the row engine: runs any plan over tables in memory. The reference for other back ends
 * and the everyday engine for inline tables and files. No I/O: tables are read through callbacks.
 * One thread per query. */
#pragma once
#include "kql/bind.h"

struct kql_rows_limits {
    size_t memory_max; /* bytes of everything a query holds; default 1 GiB */
    uint64_t rows_max; /* rows that any operator may give; default 100 million */
    /* rows of the answer; default 500,000 as the service has it; 0: no limit */
    uint64_t answer_rows_max;
    int64_t deadline_ms; /* monotonic; 0: none */
    /* What is beyond answer_rows_max (of all answers together then) or answer_size_max is left out, and
     * the answers say so; false: it ends the query */
    bool cuts_answers;
    size_t
        answer_size_max; /* bytes of the answers' values, about as text; 0: no limit; only with cuts_answers */
};
extern const struct kql_rows_limits kql_rows_limits_default;

/* What a plan is run for. */
enum kql_rows_purpose {
    KQL_ROWS_ANSWER,     /* for the query's only answer */
    KQL_ROWS_ANSWERS,    /* for one of several, which may share what is materialized */
    KQL_ROWS_DISCOVERED, /* a plugin, while the rest is still being bound: for its columns */
};
struct rows_engine;

/* Where the rows of a table come from. */
struct kql_rows_source {
    /* Starts reading table 'handle' (of the environment); gives a reader, NULL with err. Columns
     * not in 'wanted' (a byte per column) may be left null. */
    void *(*open)(void *context, const void *handle, const uint8_t *wanted, struct err *err);
    /* The next row into 'cells' (schema's columns; texts live in 'pool'). ST_END: no more. Others:
     * err. */
    enum status (*next)(void *reader, struct pool *pool, struct kql_value *cells, struct err *err);
    void (*close)(void *reader);
    /* What is run in place of a plan that kql_rows_query has bound: lives in the query's pool, whose escape is set. NULL:
     * the plan itself. */
    const struct kql_op *(*prepare)(void *context, const struct kql_op *plan,
                                    enum kql_rows_purpose purpose);
    /* Tells which run it is that reads, before anything is opened; NULL: need not. */
    void (*begin)(void *context, struct rows_engine *engine);
    /* The bytes behind a place of externaldata, size_max at most: asked once a query for each URL. ST_OK: *bytes, until
     * fetched() is given *held. ST_FULL: there are more. Others: err; it names no more of the URL than its origin, and of a
     * concealed one nothing. NULL: externaldata is not read. */
    enum status (*fetch)(void *context, const struct kql_external_place *place, size_t size_max,
                         struct span *bytes, void **held, struct err *err);
    void (*fetched)(void *held);
    size_t
        fetched_size_max; /* bytes of all files of a query, as they come and unpacked; 0: KQL_EXTERNAL_SIZE_MAX */
    void *context;
};

/* What toscalar(T) and "in (T)" stand for in a run: T is run once, by whoever asks first. For a source's open(), which may hold
 * nothing then that an escape of the pool would lose. */
const struct kql_value *kql_rows_scalar(struct rows_engine *e, const struct kql_op *table);
const struct kql_array *kql_rows_set(struct rows_engine *e, const struct kql_op *table);

/* The rows of an externaldata as a KQL_ROWS_INLINE, read by whoever asks first; NULL: it has more than 'cells_max' cells. For a
 * source's prepare(), under the same rule. */
const struct kql_op *kql_rows_external(struct rows_engine *e, const struct kql_op *op,
                                       size_t cells_max);

/* One answer: rows in memory. */
struct kql_answer {
    struct span name; /* of fork's branches and such; "PrimaryResult" else */
    struct kql_schema schema;
    const struct kql_value *const *rows; /* row_count arrays of schema.count cells */
    size_t row_count;
    const struct kql_op *render; /* the render operator at the end; NULL: none */
};
struct kql_answers {
    struct kql_answer *items;
    uint32_t count;
    enum { KQL_ANSWERS_WHOLE, KQL_ANSWERS_CUT_ROWS, KQL_ANSWERS_CUT_SIZE } cut;
    uint64_t row_count; /* of all */
    uint64_t size;      /* as answer_size_max counts; with cuts_answers */
};

/* Binds and runs. Everything lives in 'pool' (whose limit and deadline are set from 'limits').
 * True: *out. False: 'd' holds errors (of the query), or 'err' says what ended the run (limit,
 * deadline, source). The pool needs no escape: this call sets its own. */
MUST_CHECK bool kql_rows_query(struct pool *pool, struct span text,
                               const struct kql_environment *environment,
                               const struct kql_rows_source *source,
                               const struct kql_rows_limits *limits, struct kql_diagnostics *d,
                               struct kql_answers *out, struct err *err);
/* Runs a bound plan that lives in 'pool', whose memory limit and deadline the caller has set; sets
 * its own escape while it runs. False: err. */
MUST_CHECK bool kql_rows_run(struct pool *pool, const struct kql_op *plan,
                             const struct kql_environment *environment,
                             const struct kql_rows_source *source,
                             const struct kql_rows_limits *limits, struct kql_answers *out,
                             struct err *err);
