/* saved_routes.c - workspaces, and the queries and functions that a tenant keeps for them: what control
 * answers goes out. */
#include "api/call.h"
#include "control/saved_queries.h"
#include "control/workspaces.h"
#include <stdlib.h>

/* ---- workspaces ---- */

static bool
workspace_visit(void *app, const struct workspace_place *place)
{
    return json_array_append_new(app,
                                 json_pack("{s:s, s:s, s:s}", "name", place->name, "workspaceId",
                                           place->guid, "resourceId", place->resource_id)) == 0;
}

void
workspaces_answer_list(struct call *c, struct http_reply *reply)
{
    json_t *value = json_array();
    struct err err = {""};
    enum status st = workspaces_list(c->control, c->tenant, workspace_visit, value, &err);

    if (st == ST_OK)
        call_reply_json(reply, 200, json_pack("{s:O}", "value", value));
    else
        call_reply_status(reply, st, "WorkspacesNotAvailable", &err);
    json_decref(value);
}

/* The GUID of the path's workspace, "" for "-": all of them. False: answered. */
static bool
workspace_read(struct call *c, char guid[37], struct http_reply *reply)
{
    struct workspace_place *place;
    struct err err = {""};
    enum status st = ST_OK;

    guid[0] = '\0';
    if (strcmp(c->arguments[0], "-") == 0)
        return true;
    place = malloc(sizeof *place);
    if (place == NULL)
        st = err_set(&err, ST_FULL, "no memory");
    else
        st = workspaces_find(c->control, c->tenant, span_of(c->arguments[0]), place, &err);
    if (st == ST_OK)
        memcpy(guid, place->guid, 37);
    else if (st == ST_INVALID)
        http_reply_error(reply, 404, "WorkspaceNotFound", "%s ('-': for all workspaces)", err.text);
    else
        call_reply_status(reply, st, "WorkspacesNotAvailable", &err);
    free(place);
    return st == ST_OK;
}

/* ---- saved queries ---- */

/* Hands on what control answered; a plan that calls functions is built anew. */
static void
reply_saved(struct call *c, struct settings_reply *from, struct http_reply *reply)
{
    json_t *details;
    struct err err = {""};

    if (from->has_changed && c->api->plan_changed(c->api->app, &err) != ST_OK) {
        free(from->body);
        http_reply_error(reply, 500, "PlanFailed",
                         "the change is stored but could not be put in force: %s", err.text);
        return;
    }
    if (from->status < 400) {
        reply->status = from->status;
        reply->body = from->body;
        reply->body_size = from->body_size;
        if (from->etag[0] != '\0')
            call_header(reply, "ETag", from->etag);
        return;
    }
    details = from->details == NULL ? NULL : json_loads(from->details, 0, NULL);
    if (details != NULL)
        call_reply_json(reply, from->status,
                        json_pack("{s:{s:s, s:o, s:o}}", "error", "code", from->code, "message",
                                  call_text(from->err.text), "details", details));
    else
        http_reply_error(reply, from->status, from->code, "%s", from->err.text);
    free(from->body);
    free(from->details);
}

void
saved_answer_list(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    char workspace[37];

    if (!workspace_read(c, workspace, reply))
        return;
    saved_queries_list(c->control, c->tenant, workspace, http_query(c->request, "kind"), &from);
    reply_saved(c, &from, reply);
}

void
saved_answer_get(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    char workspace[37];

    if (!workspace_read(c, workspace, reply))
        return;
    saved_queries_get(c->control, c->tenant, workspace, c->arguments[1], &from);
    reply_saved(c, &from, reply);
}

void
saved_answer_put(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    char workspace[37];
    struct saved_put put = {
        .tenant = c->tenant,
        .workspace = workspace,
        .name = c->arguments[1],
        .body = {c->body, c->body_size},
        .if_match = http_header(c->request, "If-Match"),
        .if_none_match = http_header(c->request, "If-None-Match"),
        .now = call_now(c),
    };

    if (!workspace_read(c, workspace, reply))
        return;
    saved_queries_put(c->control, &put, &from);
    reply_saved(c, &from, reply);
}

void
saved_answer_delete(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    char workspace[37];

    if (!workspace_read(c, workspace, reply))
        return;
    saved_queries_delete(c->control, c->tenant, workspace, c->arguments[1],
                         http_header(c->request, "If-Match"), &from);
    reply_saved(c, &from, reply);
}
