/* loganalytics.h - the Log Analytics query API, as Azure Monitor documents it ("Request format", "Response format", "API errors",
 * "Prefer options", "Timeouts", "Batch queries", "Azure resource queries" on Microsoft Learn; Metadata of the REST reference
 * "logsquery"). Private to this folder.
 *
 * Tables show the workspace's columns (TimeGenerated, TenantId, Type ...), as they do there. */
#pragma once
#include "api/hunting.h"
#include "api/hunting_parse.h"

struct loganalytics_ask {
    struct span workspace;
    struct hunting_query query;
    struct hunting_prefer prefer;
    size_t size_max; /* bytes of the answer; 0: the configuration's */
};
/* Runs the query and writes its answer, {"tables":[...]} or {"error":{...}}, behind what 'out' holds. Gives the HTTP status; 429 and 503 want
 * a Retry-After (HUNTING_RETRY_S). */
MUST_CHECK unsigned loganalytics_answer(struct call *c, const struct loganalytics_ask *ask,
                                        struct hunting_text *out);

enum { LOGANALYTICS_PARAMETERS_MAX = 256 };
/* The member "penstock" of a query's body (loganalytics_own.c) into 'ask'; 'values' must outlive it. False: err. */
MUST_CHECK bool
loganalytics_own_read(const json_t *own, struct hunting_ask *ask,
                      struct kql_parameter_value values[LOGANALYTICS_PARAMETERS_MAX],
                      struct err *err);
/* ,"penstock":{...} of an answer. */
void loganalytics_put_own(struct hunting_text *out, const struct hunt *hunt);

/* {"error":{"message","code","innererror":{"code","message"}}}; inner_code NULL: without. */
void loganalytics_put_error(struct hunting_text *out, const char *code, const char *message,
                            const char *inner_code, const char *inner_message);
/* 400: the request itself is wrong, not its query. */
void loganalytics_put_invalid(struct hunting_text *out, const struct err *why);
/* 404: there is no such path, or no such workspace that one may ask. */
void loganalytics_put_absent(struct hunting_text *out, const struct err *why);

/* Of a hunt that gave no answers; the HTTP status. */
MUST_CHECK unsigned loganalytics_put_failure(struct hunting_text *out, const struct hunt *hunt,
                                             const struct err *err);

/* call.h's struct route has these. */
void loganalytics_query_post(struct call *c, struct http_reply *reply);
void loganalytics_query_get(struct call *c, struct http_reply *reply);
void loganalytics_resource_post(struct call *c, struct http_reply *reply);
void loganalytics_resource_get(struct call *c, struct http_reply *reply);
void loganalytics_batch(struct call *c, struct http_reply *reply);
void loganalytics_metadata(struct call *c, struct http_reply *reply);
