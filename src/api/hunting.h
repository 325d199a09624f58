/* hunting.h - what the hunting doors share: a workspace opened and kept open, a query run for a token, stored functions
 * known, an answer's cells as JSON. Private to this folder. Handlers block while their query runs; any thread.
 *
 * What a query may take is the configuration's ("hunting"). HUNTING_WAITING_MAX queries at most run or wait at a time for each
 * that may run side by side, of one tenant half as many: the others are told to come again, so that
 * connections are left for those who send records. A query ends when its client has gone, or the server stops. */
#pragma once
#include "api/call.h"
#include "control/workspaces.h"
#include "workspace/hunt.h"

enum {
    HUNTING_WORKSPACES_MAX = 128, /* open at a time; the one idle longest makes room */
    HUNTING_WAITING_MAX =
        8,               /* queries that run or wait, for each of configuration hunting.queries */
    HUNTING_RETRY_S = 5, /* who is told to come again: when */
    HUNTING_BODY_MAX = 1 << 20, /* bytes of a request's body */
};

extern struct counter hunting_queries, hunting_durations, hunting_running; /* for /metrics */

struct hunting_ask {
    struct span workspace; /* GUID, name or resource id; empty: the default one */
    /* Further ones, named likewise: each table's name means the union over all. Twice is once. */
    const struct span *beside;
    size_t beside_count;
    /* What database("x") means: the name of the workspace and the shape of its tables. False: err. NULL: none can be named. */
    bool (*database)(struct call *c, const struct kql_place *place, struct span *name,
                     enum hunt_shape *shape, struct err *err);
    struct span text;
    enum hunt_shape shape;
    int64_t from, to;  /* ticks, [from, to); INT64_MIN, INT64_MAX: none */
    int64_t time_ms;   /* 0: the configuration's; cut to the configuration's most */
    uint64_t rows_max; /* 0, or more than the configuration's: the configuration's */
    size_t size_max;   /* the same */
    const struct kql_parameter_value *parameters;
    size_t parameter_count;
    bool explains, only_checks;
};
/* Resolves the workspace for the call's tenant (call->tenant; NULL: an operator who sees all), opens it (kept open until
 * the server stops), runs the query with the tenant's stored functions over that tenant's rows. Further workspaces, which the
 * text or 'beside' names, are those that the tenant may ask likewise; one that it may not ask is as if it were not there:
 * HUNT_REFUSED. True: 'hunt' holds what
 * hunt_run gave and *st its status (hunt_end is due); so it does when no query could be run: HUNT_BUSY when too many wait already,
 * HUNT_BROKEN when the workspace cannot be opened (err is for the log then, not for clients).
 * False: there is no such workspace that the call may ask; err says so, for clients. */
MUST_CHECK bool hunting_run(struct call *c, const struct hunting_ask *ask, struct hunt *hunt,
                            enum status *st, struct err *err);
/* Which workspace that is, without opening it; 'name' empty, or "-" where a path must have one: the default one. False: as above,
 * and in a build without DuckDB, which err says then. For schema listings: every workspace has all tables of
 * call->control->catalog. */
MUST_CHECK bool hunting_place(struct call *c, struct span name, struct workspace_place *place,
                              struct err *err);

/* For what is not a query and reads as much: a place among those that run or wait, and what says that its client has gone or the
 * server stops. NULL: there are too many. hunting_leave is due. */
struct running;
struct running *hunting_enter(struct call *c, const _Atomic bool **cancelled);
void hunting_leave(struct call *c, struct running *r);

/* ---- for hunting_places.c ---- */

/* The workspace at a place, opened if need be and kept open until it is returned. ST_FULL: too many are in use. */
struct opened;
MUST_CHECK enum status hunting_opened_take(struct call *c, const struct workspace_place *place,
                                           struct opened **out, struct workspace **workspace,
                                           struct err *err);
void hunting_opened_return(struct call *c, struct opened *o);

/* ---- hunting_places.c: the workspaces of a query beside the first ---- */

/* The query's thread alone uses it. Zeroed but for the first two it holds nothing. */
struct hunting_places {
    struct call *call;
    const struct hunting_ask *ask;
    struct hunting_taken {
        struct opened *opened;
        struct hunt_place place;
        char name[64];
    } * items[HUNT_PLACES_MAX];
    size_t count;
    /* Why one that may be asked could not be: ST_IO (err says why, for the log), ST_FULL; ST_OK: none failed */
    enum status failure;
    struct err err;
    struct hunt_place beside[HUNT_PLACES_MAX]; /* of 'ask' */
    size_t beside_count;
};
/* Opens those beside. False: err, for clients, or 'failure'. hunting_places_close is due in any case. */
MUST_CHECK bool hunting_places_open(struct hunting_places *p, struct err *err);
void hunting_places_close(struct hunting_places *p);
/* hunt_request.place; context: struct hunting_places. */
bool hunting_places_find(void *context, const struct kql_place *place, struct hunt_place *out,
                         struct err *err);

/* ---- answers ---- */

/* A growing text, malloc'd; zeroed it is empty, save for the limit if one is wanted. When memory is spent, or the
 * limit met, it holds what came before and takes no more; whoever wrote asks at the end. */
struct hunting_text {
    char *p;
    size_t n, room;
    size_t limit;  /* bytes; 0: none */
    bool is_spent; /* no memory */
    bool is_over;  /* the limit is met */
};
void hunting_put(struct hunting_text *t, struct span text);
PRINTF_LIKE(2, 3)
void hunting_printf(struct hunting_text *t, const char *format, ...); /* at most 400 bytes */
/* A JSON string; what is no UTF-8 becomes U+FFFD. */
void hunting_put_quoted(struct hunting_text *t, struct span text);
/* A cell as JSON: long, int, real as numbers (exact digits; NaN and infinities as "NaN", "Infinity", "-Infinity"), bool,
 * datetime "2026-09-14T08:07:45.2820995Z", timespan, guid and decimal as text, null. Arrays and bags: as JSON in place, or as a JSON
 * string that holds it. (A dynamic value of another type is written as a value of that type.) */
enum hunting_dynamic { HUNTING_DYNAMIC_JSON, HUNTING_DYNAMIC_TEXT };
void hunting_put_cell(struct hunting_text *t, const struct kql_value *v, enum hunting_dynamic how);
/* The rows as arrays with commas between them, whole ones within 'limit' bytes of text; *count: how many. False: it was met. The
 * text has no limit behind it. */
MUST_CHECK bool hunting_put_rows(struct hunting_text *out, const struct kql_answer *a, size_t limit,
                                 enum hunting_dynamic how, size_t *count);
/* What 'render' says of a property, its name in any case. False: nothing. 'render' may be NULL. */
MUST_CHECK bool hunting_render_property(const struct kql_op *render, const char *name,
                                        struct span *value);
void hunting_text_free(struct hunting_text *t);
/* Cuts back to 'n' bytes, and takes more again. */
void hunting_text_cut(struct hunting_text *t, size_t n);

/* ---- faults of a query's text ---- */

enum { HUNTING_TOKEN_MAX = 200 };
/* The next error behind 'before' (NULL: the first); NULL: there is none. Warnings are passed over. */
const struct kql_diagnostic *hunting_fault_next(const struct kql_diagnostics *d,
                                                const struct kql_diagnostic *before);
bool hunting_fault_is_syntax(const struct kql_diagnostic *item);
/* Kusto's number where the same fault has one (SYN0002, SEM0100, SEM0260), else ours (KQL105). */
const char *hunting_fault_code(const struct kql_diagnostic *item);
/* What of the query it is about, at most HUNTING_TOKEN_MAX bytes; lent by the query. */
struct span hunting_fault_token(const struct kql_diagnostics *d, const struct kql_diagnostic *item);
/* "Failed to resolve table or column expression named 'X': " in Kusto's words where there are such, and our text: plain, not quoted. */
void hunting_fault_put(struct hunting_text *out, const struct kql_diagnostics *d,
                       const struct kql_diagnostic *item);

/* ---- out ---- */

/* Answers with the text as JSON (takes it; it is empty then), compressed if the client takes that. 503 without memory, 429
 * when the bodies that slow clients have not read yet fill what answers may hold together (4 times
 * configuration hunting.answerSize, of one tenant half). Only for routes whose 'gone' is hunting_gone, at
 * most once a call. */
void hunting_reply(struct call *c, struct http_reply *reply, unsigned status,
                   struct hunting_text *text);
void hunting_gone(struct call *c);

/* ---- for hunting_reply.c ---- */

/* Counts a body of so many bytes until hunting_gone. False: there is no room for it now. */
MUST_CHECK bool hunting_hold(struct call *c, size_t size);
