/* kusto.h - the Kusto query API, so that azure-kusto-data, Grafana's Azure Data Explorer data source and their likes can ask a
 * workspace: POST /v2/rest/query, /v1/rest/query and /v1/rest/mgmt ("Query/management HTTP request" and "response", "Query V2 HTTP
 * response" on Microsoft Learn). Private to this folder.
 *
 * A database is a workspace, by its GUID, name or resource id; none, or NetDefaultDB, is the default one. Tables show the workspace's
 * columns (TimeGenerated ...); the same workspace with ".hunting" behind its name shows those of Advanced Hunting (Timestamp ...).
 * There is nothing at GET /v1/rest/auth/metadata: clients take that as a cluster without Entra and send the token they were given. */
#pragma once
#include "api/hunting.h"
#include "wire/json.h"

#define KUSTO_HUNTING ".hunting"
#define KUSTO_DEFAULT_DB "NetDefaultDB" /* what clients that were told no database send */

enum {
    KUSTO_PARAMETERS_MAX = 256,
    KUSTO_ROWS_MAX =
        500000, /* what an answer holds unless the request says otherwise; "Query limits" */
    KUSTO_SIZE_MAX = 64 << 20, /* bytes; the same */
};

/* A request's body. Texts live in the tree or in 'pool'. */
struct kusto_ask {
    struct span db, csl;
    struct span workspace; /* of db: without the suffix; empty: the default one */
    enum hunt_shape shape;
    int64_t time_ms; /* servertimeout; 0: not said */
    uint64_t rows_max,
        size_max;      /* truncationmaxrecords, truncationmaxsize; UINT64_MAX: notruncation */
    uint64_t take_max; /* query_take_max_records: more is left out silently; 0: not said */
    bool is_fragmented, has_newlines,
        reports_at_table_end; /* as azure-kusto-go asks for its answers */
    struct kql_parameter_value parameters[KUSTO_PARAMETERS_MAX];
    size_t parameter_count;
};
/* {"db","csl","properties"?:{"Options"?,"Parameters"?}}; properties may be an object or text that holds one. Options that are
 * not known are passed over. ST_INVALID: err says which member is wrong. The pool's escape must be set. */
MUST_CHECK enum status kusto_ask_read(struct pool *pool, const json_t *body, struct kusto_ask *out,
                                      struct err *err);

/* The workspace that is a database of that name, and its tables' shape. */
struct span kusto_database_workspace(struct span db, enum hunt_shape *shape);
/* hunting_ask.database: database("x"), and cluster("...").database("x") where that is this server as the request's URL or
 * the configuration names it. False: err. */
bool kusto_database_named(struct call *c, const struct kql_place *place, struct span *name,
                          enum hunt_shape *shape, struct err *err);

/* ---- answers (kusto_answer.c, kusto_error.c) ---- */

struct kusto_call { /* what answers repeat of their request */
    int64_t now;
    const char *client_id; /* x-ms-client-request-id */
    char activity_id[37];
};
void kusto_call_begin(struct call *c, struct kusto_call *k);

/* Tables of a query or a command, and how it went. */
struct kusto_result {
    const struct kql_answer *answers;
    uint32_t count;
    const struct hunt_statistics *statistics; /* NULL: a command */
    uint64_t cut_rows, cut_size;              /* the limit that the answer met; 0: it did not */
    size_t size_max;                          /* bytes of rows as text; beyond: as cut_size */
};
/* {"Tables":[...]}; of a query with the tables that say how it went and which is which. */
void kusto_put_v1(struct hunting_text *out, const struct kusto_call *k,
                  struct kusto_result *result);
/* An array of frames. */
void kusto_put_v2(struct hunting_text *out, const struct kusto_call *k, const struct kusto_ask *ask,
                  struct kusto_result *result);

/* "@context":{...}, as errors have it. */
void kusto_put_context(struct hunting_text *out, const struct kusto_call *k);
/* {"error":{"code","message","@type","@message","@context","@permanent"}}. */
struct kusto_error {
    unsigned status;
    const char *code, *type; /* "General_BadRequest", "Kusto.Data.Exceptions.SyntaxException" */
    const char *message;
    bool is_permanent;
    /* where in the text, if it is about that: innererror. Line and column count from 1; line 0: nowhere */
    const char *inner_code;
    unsigned line, column;
    struct span token;
};
void kusto_put_error(struct hunting_text *out, const struct kusto_call *k,
                     const struct kusto_error *e);
/* What a hunt that gave no answer says. */
unsigned kusto_put_failure(struct hunting_text *out, const struct kusto_call *k,
                           const struct hunt *hunt, const struct err *err);

/* ---- commands (kusto_command.c) ---- */

/* Runs ".show ...", and what stands behind it after '|'. ST_OK: *out, in the pool (whose escape must be set). ST_INVALID: *e (its
 * message may lie in 'err'). */
MUST_CHECK enum status kusto_command(struct call *c, struct pool *pool, const struct kusto_ask *ask,
                                     struct kql_answers *out, struct kusto_error *e,
                                     struct err *err);

/* Runs the text with its first 'size' bytes as the only table there is (kusto_pipe.c). */
struct kusto_table;
MUST_CHECK enum status kusto_pipe(struct call *c, struct kusto_table *table, struct span csl,
                                  size_t size, struct kql_answers *out, struct kusto_error *e,
                                  struct err *err);

/* ---- for kusto_command.c (kusto_schema.c) ---- */

/* A table that is being made; cells are in the pool. */
struct kusto_table {
    struct pool *pool;
    struct kql_column *columns;
    uint32_t column_count;
    const struct kql_value **rows;
    size_t count, room;
};
/* "Name:string,Count:long" */
void kusto_table_begin(struct kusto_table *t, struct pool *pool, const char *columns);
/* A row by the columns' types: string const char * (NULL: ""), bool int, long and int and datetime int64_t, dynamic const char * (JSON), guid
 * const char * (NULL: null). */
void kusto_table_add(struct kusto_table *t, ...);

/* A database as commands show it. */
struct kusto_database {
    struct workspace_place place;
    char name[64 + sizeof KUSTO_HUNTING];
    bool is_hunting;
};
/* Those that the call may see, each in both shapes; in the pool. */
MUST_CHECK enum status kusto_databases(struct call *c, struct pool *pool,
                                       struct kusto_database **out, size_t *count, struct err *err);
/* Its stored functions: an array of {"name","parameters","query","description","category"}; the caller's. NULL: err. */
json_t *kusto_functions(struct call *c, const struct kusto_database *db, struct err *err);
const struct catalog_column *kusto_columns(const struct catalog_table *t,
                                           const struct kusto_database *db, size_t *count);
/* {"Name","OrderedColumns":[...]}, and a:string,b:long; in the pool. */
const char *kusto_table_json(struct pool *pool, const struct catalog_table *t,
                             const struct kusto_database *db);
const char *kusto_table_csl(struct pool *pool, const struct catalog_table *t,
                            const struct kusto_database *db);
/* {"Databases":{...}} of these; NULL: err. */
const char *kusto_schema_json(struct call *c, struct pool *pool, const struct kusto_database *dbs,
                              size_t count, struct err *err);

/* call.h's struct route has these. */
void kusto_query_v2(struct call *c, struct http_reply *reply);
void kusto_query_v1(struct call *c, struct http_reply *reply);
void kusto_mgmt(struct call *c, struct http_reply *reply);
