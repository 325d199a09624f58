/* call.h - one request on its way through its route. Private to this folder; one thread. */
#pragma once
#include "api/api.h"
#include "control/config.h"
#include "control/tokens.h"
#include "wire/json.h"

enum {
    CALL_ARGUMENTS_MAX = 3,
    CALL_ARGUMENT_SIZE = 520, /* of a decoded path segment, with its NUL */
    CALL_PATH_MAX = 2048,     /* bytes of a path that stands for another */
    CALL_SMALL_BODY = 64 << 10,
    CALL_BATCH_ID_MAX = 256, /* bytes of a client's batch id */
    CALL_LIST_MAX = 1000,    /* items of one list */
};

/* Whose things a route is about, found out before its handler is called. */
enum call_scope {
    SCOPE_OPEN,   /* nobody's: no token is asked for */
    SCOPE_SERVER, /* the daemon's: a token of any tenant that has the role there */
    SCOPE_PATH,   /* the tenant named by the first {segment}; -: as SCOPE_TENANT without a name */
    /* the token's tenant; with a token for all, the one of ?tenantId=, or the only one there is */
    SCOPE_TENANT,
    SCOPE_ANY, /* the token's tenant; with a token for all, that of ?tenantId=, or all */
};

struct call;

struct route { /* ends at a NULL method */
    const char *method, *pattern;
    enum call_scope scope;
    enum role role;
    /* bytes of body that are collected for 'answer'; 0: none is taken. Ignored with 'data' */
    size_t body_max;
    void (*answer)(struct call *c, struct http_reply *reply);
    /* Routes whose bodies are streamed: 'begin' may refuse, 'data' takes the bytes, 'gone'
     * releases. NULL: collected. */
    void (*begin)(struct call *c, struct http_reply *reply);
    void (*data)(struct call *c, struct span bytes, struct http_reply *reply);
    void (*gone)(struct call *c);
    const char *help;
};
extern const struct route api_routes[];
struct counter;
extern const struct counter *const api_counters[]; /* of this folder; ends at NULL */
extern struct counter logs_rows;                   /* logs_routes.c */

struct call {
    struct api *api;
    const struct control *control; /* the bundle of the moment it began */
    const struct route *route;     /* NULL: there is none, it was answered */
    const struct http_request *request;
    struct principal who; /* unless SCOPE_OPEN */
    /* lower-case GUID that it is about; NULL: all of them (SCOPE_ANY), or none */
    const char *tenant;
    char tenant_text[40];
    char arguments[CALL_ARGUMENTS_MAX][CALL_ARGUMENT_SIZE]; /* the pattern's {segments}, decoded */
    char *body; /* collected, NUL behind it; never NULL in 'answer' of a route with a body_max */
    size_t body_size, body_room;
    int64_t begun_ms; /* monotonic */
    unsigned status;  /* answered */
    void *state;      /* of a streaming route */
};

/* ---- for api.c and arm.c ---- */

/* Who a bearer token ("Bearer pst_..." or the bare text) speaks for; one that was made a moment ago in
 * another process is known. */
MUST_CHECK enum token_answer call_token(const struct call *c, struct span bearer,
                                        struct principal *who);
/* A token for every tenant leaves open which one is meant: 'named' (lower-case GUID), or with NULL the only
 * one there is. False: answered. 'in_path': for the advice. */
MUST_CHECK bool call_tenant_choose(struct call *c, const char *named, bool in_path,
                                   struct http_reply *reply);
/* Takes the next bytes of a body of at most 'max'. COLLECT_LARGE, COLLECT_SPENT: not answered yet. */
enum collected { COLLECTED, COLLECT_LARGE, COLLECT_SPENT };
MUST_CHECK enum collected call_collect(struct call *c, struct span bytes, size_t max);
/* The request is over: counts it under the row that it came to ("" if none). */
void call_count(const struct call *c, const char *method, const char *pattern);
/* What the client calls us: "https://host:port"; a Host header that is none stands for nothing. */
void call_base(const struct call *c, char base[300]);

/* ---- for handlers ---- */

int64_t call_now(const struct call *c); /* ticks */

/* Takes the tree (NULL: no memory, answers 500). */
void call_reply_json(struct http_reply *reply, unsigned status, json_t *tree);
/* Takes malloc'd text (NULL: no memory, answers 500). */
void call_reply_taken(struct http_reply *reply, unsigned status, char *text, size_t size);
/* By a status of the parts below: ST_INVALID 400, ST_FULL 503, ST_END 404, else 500. */
void call_reply_status(struct http_reply *reply, enum status st, const char *code,
                       const struct err *err);
/* Adds a header if there is room; a value that is too long is left out. */
void call_header(struct http_reply *reply, const char *name, const char *value);

/* Whole number of a query parameter, 'absent' if it is not there. False: answered with 400. */
MUST_CHECK bool call_number(const struct call *c, const char *name, uint64_t absent, uint64_t max,
                            uint64_t *value, struct http_reply *reply);
/* A JSON string of text that may be no UTF-8: then what is not ASCII becomes '?'. NULL text:
 * null. */
json_t *call_text(const char *text);
/* Ticks as "2026-09-14T08:07:45.2820995Z"; null for 0. */
json_t *call_time(int64_t ticks);

/* ingest.c */
/* Whether the body is gzip; refuses (415) what is neither that nor plain. */
bool call_is_gzip(const struct call *c, struct http_reply *reply);
/* What the client calls this request, so that one sent again counts once; empty: nothing. Refuses (400) one that is too
 * long. */
struct span call_batch_id(const struct call *c, struct http_reply *reply);
void ingest_begin(struct call *c, struct http_reply *reply);
void ingest_data(struct call *c, struct span bytes, struct http_reply *reply);
void ingest_answer(struct call *c, struct http_reply *reply);
void ingest_gone(struct call *c);
/* logs_routes.c */
void logs_begin(struct call *c, struct http_reply *reply);
void logs_data(struct call *c, struct span bytes, struct http_reply *reply);
void logs_answer(struct call *c, struct http_reply *reply);
void logs_gone(struct call *c);
/* export_settings.c */
void settings_answer_list(struct call *c, struct http_reply *reply);
void settings_answer_get(struct call *c, struct http_reply *reply);
void settings_answer_schema(struct call *c, struct http_reply *reply);
void settings_answer_put(struct call *c, struct http_reply *reply);
void settings_answer_delete(struct call *c, struct http_reply *reply);
void settings_answer_enable(struct call *c, struct http_reply *reply);
void settings_answer_disable(struct call *c, struct http_reply *reply);
void settings_answer_status(struct call *c, struct http_reply *reply);
void settings_answer_replay(struct call *c, struct http_reply *reply);
json_t *export_status_json(const struct call *c, const char *tenant, const char *id);
/* detection_routes.c */
void detection_answer_list(struct call *c, struct http_reply *reply);
void detection_answer_get(struct call *c, struct http_reply *reply);
void detection_answer_post(struct call *c, struct http_reply *reply);
void detection_answer_patch(struct call *c, struct http_reply *reply);
void detection_answer_delete(struct call *c, struct http_reply *reply);
void detection_answer_runs(struct call *c, struct http_reply *reply);
void detection_answer_run(struct call *c, struct http_reply *reply);
void detection_answer_test(struct call *c, struct http_reply *reply);
void detection_answer_test_one(struct call *c, struct http_reply *reply);
/* parked.c */
void parked_answer_list(struct call *c, struct http_reply *reply);
void parked_answer_show(struct call *c, struct http_reply *reply);
void parked_answer_resend(struct call *c, struct http_reply *reply);
void parked_answer_drop(struct call *c, struct http_reply *reply);
/* device_routes.c */
void groups_answer_get(struct call *c, struct http_reply *reply);
void groups_answer_put(struct call *c, struct http_reply *reply);
void groups_answer_preview(struct call *c, struct http_reply *reply);
void devices_answer_list(struct call *c, struct http_reply *reply);
/* hub_routes.c */
void hub_answer_messages(struct call *c, struct http_reply *reply);
void hub_answer_cursor_get(struct call *c, struct http_reply *reply);
void hub_answer_cursor_set(struct call *c, struct http_reply *reply);
void hub_answer_cursor_delete(struct call *c, struct http_reply *reply);
void hub_answer_cursors(struct call *c, struct http_reply *reply);
/* status_routes.c */
void schema_answer_list(struct call *c, struct http_reply *reply);
void schema_answer_table(struct call *c, struct http_reply *reply);
void status_answer(struct call *c, struct http_reply *reply);
void health_answer(struct call *c, struct http_reply *reply);
void ready_answer(struct call *c, struct http_reply *reply);
/* posture_routes.c */
void posture_answer_status(struct call *c, struct http_reply *reply);
/* saved_routes.c */
void workspaces_answer_list(struct call *c, struct http_reply *reply);
/* workspace_routes.c */
void workspace_answer_tables(struct call *c, struct http_reply *reply);
void workspace_answer_purge(struct call *c, struct http_reply *reply);
void workspace_answer_export(struct call *c, struct http_reply *reply);
void saved_answer_list(struct call *c, struct http_reply *reply);
void saved_answer_get(struct call *c, struct http_reply *reply);
void saved_answer_put(struct call *c, struct http_reply *reply);
void saved_answer_delete(struct call *c, struct http_reply *reply);
/* metrics.c */
void metrics_answer(struct call *c, struct http_reply *reply);
