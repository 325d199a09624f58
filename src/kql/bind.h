/* bind.h - a query's text to its plan: names and types resolved, everything the service refuses
 * refused, with all diagnostics at once. No I/O: tables are asked for by name. Any thread. */
#pragma once
#include "kql/diagnostic.h"
#include "kql/plan.h"
#include "kql/syntax.h"

/* A table as the environment knows it. */
struct kql_table {
    struct span name;
    struct kql_schema schema;
    const void *handle; /* comes back in the plan */
    bool has_no_rows;   /* it can be named, but wildcards (union *, find, search) pass it over */
    bool is_empty;      /* wildcards pass it over where others match that are not */
};

/* What ingestion_time() reads of a table that has a datetime column of this name (behind all others). '*' does not
 * mean it, and answers are without it. */
#define KQL_INGESTION_COLUMN "$ingestion_time"

/* How a text names other tables than those at hand: workspace("NAME").T and resource("ID").T, or
 * database("NAME").T with cluster("NAME") before it or not. */
struct kql_place {
    bool is_database;
    struct span cluster; /* empty: not said */
    struct span name;
};

/* What a query can refer to. All of it must outlive the plan. */
struct kql_environment {
    /* The table of that exact name; false: none. NULL: no tables at all. */
    bool (*table)(void *context, struct span name, struct kql_table *out);
    /* Every table in turn, for wildcards (union Device*, search, find) and for "did you mean";
     * false: no more. */
    bool (*table_at)(void *context, size_t index, struct kql_table *out);
    void *context;
    /* Another place: true, and *out is what table() and table_at() are asked with for its tables. False: err says why there
     * is none, for the one who asks (KQL101). NULL: no other place can be named (KQL004). Asked more than once of one
     * place. */
    bool (*place)(void *context, const struct kql_place *place, void **out, struct err *err);
    /* Contexts beside the first: a table's name means the union of the tables that it is of in all of them. */
    void *const *beside;
    uint32_t beside_count;
    int64_t now; /* ticks: now() */
    /* Columns of a result that only the data tells (bag_unpack, pivot, narrow ...): runs 'plan' (a
     * KQL_OP_PLUGIN whose schema is open) and gives its schema; false: not known (the plan stays
     * open). NULL: only checking. Its context is one of its own. */
    bool (*discover)(void *context, const struct kql_op *plan, struct kql_schema *out);
    void *discover_context;
    /* Values for declare query_parameters; NULL: none. */
    const struct kql_parameter_value {
        struct span name;
        struct span literal; /* a KQL literal */
    } * parameters;
    size_t parameter_count;
    /* The record of a transformation: binds the name "source"; NULL: not a transformation. */
    const struct kql_table *source;
    /* What is known but not built binds with a warning (KQL005), so that the result's schema is
     * known; the row engine ends the query when a row gets there. False: it is refused (KQL004). */
    bool defers_not_built;
    /* Stored functions: the text of the one of exactly that name (kql_function_text makes it); NULL:
     * none. Asked once for each name that the query does not declare itself and that is no function of
     * the language; a function goes before a table of its name. It sees tables and other stored
     * functions. The text is copied. */
    bool (*function)(void *context, struct span name, struct span *text);
};

struct kql_bound {
    const struct kql_op *plan; /* of the last tabular statement; NULL after an error */
    const struct kql_op *const
        *plans; /* of all tabular statements, in order (batches of results) */
    uint32_t plan_count;
    bool is_scalar;      /* the text was a scalar expression: plan is a print of it */
    bool reads_external; /* it holds an externaldata */
};

/* Parses and binds. True: *out holds the plan and 'd' at most warnings. False: d->error_count > 0. The pool's escape must be
 * set: when the pool is spent the caller gets there. */
MUST_CHECK bool kql_bind(struct pool *p, struct span text,
                         const struct kql_environment *environment, struct kql_diagnostics *d,
                         struct kql_bound *out);

/* ---- stored functions ---- */

/* "let NAME = (PARAMETERS) {\nBODY\n}": line breaks in the parameters become spaces, so that the body
 * begins on the second line. */
struct span kql_function_text(struct pool *p, struct span name, struct span parameters,
                              struct span body);
/* Whether a function may be stored under the name: no word or function of the language, no table. */
MUST_CHECK bool kql_function_name_is_free(struct span name, const struct kql_environment *e,
                                          struct err *err);
/* Parses and binds the text of one, its parameters not known; what it calls is the environment's. True:
 * *is_table says what it gives. Else as kql_bind; places are those of the text. */
MUST_CHECK bool kql_bind_function(struct pool *p, struct span name, struct span text,
                                  const struct kql_environment *environment,
                                  struct kql_diagnostics *d, bool *is_table);

/* For function() of an environment that has the tables of devices: the text of a
 * function that Defender has itself, over these tables (FileProfile, SeenBy, DeviceFromIP, AssignedIPAddresses;
 * data/functions; a stored function goes before). False: none of that name. */
MUST_CHECK bool kql_defender_function(struct span name, bool is_hunting, struct span *text);

/* An environment's table() and table_at() over the catalog: hunting shapes, or workspace shapes.
 * Context: struct kql_catalog_tables. */
struct kql_table_columns;
struct kql_catalog_tables {
    const struct catalog *catalog;
    bool is_workspace;
    bool has_both;     /* the workspace's columns, and behind them those that only hunting has */
    struct pool *pool; /* schemas are made here at first use; what is made goes when it is reset */
    /* Private, NULL at first: the columns made so far, by the table's place in the catalog. */
    const struct kql_table_columns **made;
};
bool kql_catalog_table(void *context, struct span name, struct kql_table *out);
bool kql_catalog_table_at(void *context, size_t index, struct kql_table *out);
