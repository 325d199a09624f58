/* api.h - the HTTP interface: one table of routes (api.c) over the parts of the daemon. Handlers
 * run on the server's threads, many at a time; everything they use is safe for that. Rights are
 * checked in one place, from the route's row, before any byte of a body is taken. */
#pragma once
#include "base/base.h"
#include "control/control.h"
#include "wire/http_server.h"
#include <stdatomic.h>

struct admitter;
struct devices;
struct journal;
struct deliverer;
struct posture;
struct detect;
struct arm_pace;
struct hunting;
struct collections;

enum {
    API_BULKS_MAX = 16, /* bulk reports of posture data that run side by side, of all tenants */
    API_BULKS_TENANT_MAX = 8, /* and of one: it leaves room for others, however slowly it sends */
};

/* What the routes work on; borrowed, outlives the server. Filled in by "penstock serve" and by
 * tests. */
struct api {
    /* Store, settings, tokens, configuration, catalog. A reload puts a new bundle here; old ones
     * stay valid until the server has stopped. */
    _Atomic(const struct control *) control;
    struct admitter *admitter;
    struct devices *devices;
    struct journal *journal;
    struct deliverer *deliverer;
    struct detect *detect;                 /* NULL: nobody runs detection rules */
    struct posture *posture;               /* NULL: there is none */
    _Atomic uint64_t bulks[API_BULKS_MAX]; /* bulk reports that run now: whose, as a hash; zeroed */
    struct arm_pace *pace;                 /* of ARM's callers; NULL: nobody is held back */
    struct hunting *hunting;               /* NULL: queries are refused */
    struct collections *collections;       /* compiled collection rules; NULL: none are kept */
    int64_t (*now)(void *clock);           /* ticks */
    void *clock;
    const char *version;
    int64_t started; /* ticks */
    /* Called after settings, groups or tenants were changed: builds the new plan and swaps it
     * before it returns, so that an answered PUT is in force. */
    enum status (*plan_changed)(void *app, struct err *err);
    /* A tenant's device groups were stored: makes the registry use them. */
    enum status (*groups_changed)(void *app, const char *tenant, struct err *err);
    /* Health follows progress: the journal takes blocks, every export moves or says that it
     * retries, sources run. 'text' says what does not. */
    bool (*is_healthy)(void *app, char text[400]);
    /* Ready: recovered, plan loaded, taking requests (false while stopping). */
    bool (*is_ready)(void *app, char text[400]);
    /* Sources' and journal recovery's state as JSON members
     * ("\"sources\":[...],\"recovery\":{...}"), malloc'd, for /api/status; NULL: none. */
    char *(*status_extra)(void *app);
    void *app; /* of the five above */
};

/* How many requests ARM's callers may make, see the configuration's "arm". */
MUST_CHECK enum status arm_pace_make(struct arm_pace **pace, struct err *err);
void arm_pace_free(struct arm_pace *pace); /* NULL is fine */

/* Workspaces that are open for queries, and the queries that run. */
MUST_CHECK enum status hunting_make(struct hunting **hunting, struct err *err);
/* Queries that run end, further ones are refused: before the server stops, which waits for them. NULL is fine. */
void hunting_stop(struct hunting *hunting);
void hunting_free(struct hunting *hunting); /* after the server stopped. NULL is fine */

/* For http_server_start: app is the struct api. */
const struct http_handler *api_route(void *app, const struct http_request *r);

/* One route, for the manual: role "" if no token is needed. */
struct api_row {
    const char *method, *pattern, *role, *help;
};
/* Calls 'visit' for each route in the order of the manual; stops when it returns false. */
void api_describe(bool (*visit)(void *app, const struct api_row *row), void *app);

/* One metric, for the manual: its labels as "tenant, export"; "" if it has none. */
struct api_metric {
    const char *name, *type, *labels, *help;
};
/* Calls 'visit' for each metric that GET /metrics shows; stops when it returns false. */
void api_describe_metrics(bool (*visit)(void *app, const struct api_metric *metric), void *app);
