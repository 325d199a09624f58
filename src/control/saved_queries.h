/* saved_queries.h - queries and functions that a tenant keeps, for one workspace or for all that it
 * may ask. In the store. Any thread.
 *
 *   {"name","kind":"query"|"function","query","parameters","description","category",
 *    "workspace","created","modified"}
 *
 * A function's "parameters" are written as in KQL, without brackets: "T:(x:string), n:long=5"; its
 * "query" is the body without braces. It is called by its name: MyFn(1), MyView, invoke MyFn(1).
 * Functions of a workspace come before those of the same name that are for all. Names are unique
 * without regard to case; a query calls a function as it is written. */
#pragma once
#include "control/control.h"
#include "control/settings.h"
#include "kql/diagnostic.h"

enum {
    SAVED_NAME_MAX = 128, /* bytes; of a function: a letter or _, then letters, digits and _ */
    SAVED_TEXT_MAX = 256 << 10,
    SAVED_PARAMETERS_MAX = 16 << 10,
    SAVED_DESCRIPTION_MAX = 4096,
    SAVED_CATEGORY_MAX = 256,
    SAVED_COUNT_MAX = 5000, /* of one tenant */
    SAVED_BODY_MAX = 1 << 20,
};

/* ---- functions, for whoever binds a query ---- */

/* What a query may call, read when it is asked for. One thread; it must outlive the binding. */
struct saved_functions { /* all private */
    struct store *store;
    const char *tenant, *workspace;
    struct saved_function *found;
    struct err err; /* the store's, if it failed once: then there are none */
};
/* 'tenant': lower-case GUID; NULL: an operator, who has those that exactly one tenant has by that
 * name. 'workspace': its GUID (workspace_place.guid), or "": only functions for all. Borrows both. Reads
 * nothing yet. */
void saved_functions_begin(struct saved_functions *f, const struct control *c, const char *tenant,
                           const char *workspace);
/* kql_environment.function and hunt_request.function: 'context' is the struct. The text is lent until
 * saved_functions_end. */
bool saved_functions_find(void *context, struct span name, struct span *text);
void saved_functions_end(struct saved_functions *f);

/* ---- the resource ---- */

/* 'workspace' everywhere: GUID, or "": for all. Rights are the caller's to check. In replies
 * 'has_changed' says that plans which call functions may be other ones now. */
struct saved_put {
    const char *tenant, *workspace, *name; /* as in the path, decoded */
    struct span body;
    const char *if_match, *if_none_match; /* headers; NULL: not sent. "*" is understood */
    int64_t now;
};
/* 201 made, 200 replaced; 400 with details (code, line, column, message) of what is wrong with the
 * query, which is bound against the catalog; 409 too many; 412. */
void saved_queries_put(const struct control *c, const struct saved_put *put,
                       struct settings_reply *reply);
/* Of the workspace; one for all stands in where it has none of that name. */
void saved_queries_get(const struct control *c, const char *tenant, const char *workspace,
                       const char *name, struct settings_reply *reply);
/* {"value":[...]} by name: those of the workspace and those for all. 'kind': "query", "function";
 * NULL: both. */
void saved_queries_list(const struct control *c, const char *tenant, const char *workspace,
                        const char *kind, struct settings_reply *reply);
/* Exactly that one. 204, 404, 412. */
void saved_queries_delete(const struct control *c, const char *tenant, const char *workspace,
                          const char *name, const char *if_match, struct settings_reply *reply);
