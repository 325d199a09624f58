/* hunting.h - what the hunting doors share: a workspace opened and kept open, a query run for a token, stored functions
 * known, an answer's cells as JSON. Private to this folder. Handlers block while their query runs. */
#pragma once
#include "api/call.h"
#include "control/workspaces.h"
#include "workspace/hunt.h"

struct hunting_ask {
    struct span workspace; /* as the path names it; empty: the default one */
    struct span text;
    enum hunt_shape shape;
    int64_t from, to;  /* INT64_MIN, INT64_MAX: none */
    int64_t time_ms;   /* 0: the configuration's */
    uint64_t rows_max; /* 0: the configuration's */
    size_t size_max;   /* 0: the configuration's */
    const struct kql_parameter_value *parameters;
    size_t parameter_count;
    bool explains, only_checks;
};
/* Resolves the workspace for the call's tenant (call->tenant; NULL: an operator who sees all), opens it (kept open until
 * the server stops), runs the query with the tenant's stored functions. True: 'hunt' holds what hunt_run gave and *st its status (hunt_end is due).
 * False: there is no such workspace; err says so. */
MUST_CHECK bool hunting_run(struct call *c, const struct hunting_ask *ask, struct hunt *hunt,
                            enum status *st, struct err *err);
/* The same workspace, for schema listings; NULL: err. Lends until the server stops. */
struct workspace *hunting_workspace(struct call *c, struct span name, struct workspace_place *place,
                                    struct err *err);

/* A growing text, malloc'd; when memory is spent it says so at the end only. */
struct hunting_text {
    char *p;
    size_t n, room;
    bool is_spent;
};
void hunting_put(struct hunting_text *t, struct span text);
void hunting_put_quoted(struct hunting_text *t, struct span text); /* a JSON string */
/* A cell as JSON: long, int, real as numbers (exact digits; NaN and infinities as "NaN", "Infinity", "-Infinity"), bool,
 * datetime "2026-09-14T08:07:45.2820995Z", timespan, guid and decimal as text, null. Dynamic: as JSON in place, or as a JSON string that holds it. */
enum hunting_dynamic { HUNTING_DYNAMIC_JSON, HUNTING_DYNAMIC_TEXT };
void hunting_put_cell(struct hunting_text *t, struct pool *scratch, const struct kql_value *v,
                      enum hunting_dynamic how);
