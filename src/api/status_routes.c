/* status_routes.c - the schema, and how it all is: status, health and readiness. */
#include "api/call.h"
#include "api/schema_json.h"
#include "control/store.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include "source/admit.h"
#include "source/devices.h"
#include <stdlib.h>

static bool
is_asked(const struct call *c, const char *name)
{
    const char *value = http_query(c->request, name);

    return value != NULL && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

void
schema_answer_list(struct call *c, struct http_reply *reply)
{
    size_t size = 0;
    char *text = schema_list_json(c->control->catalog, is_asked(c, "streamable"), &size);

    call_reply_taken(reply, 200, text, size);
}

void
schema_answer_table(struct call *c, struct http_reply *reply)
{
    struct span name = span_of(c->arguments[0]);
    const struct catalog_table *table = catalog_find(c->control->catalog, name);
    struct err err;
    size_t size = 0;
    char *text;

    if (table == NULL) {
        schema_unknown(c->control->catalog, name, &err);
        http_reply_error(reply, 404, "TableNotFound", "%s", err.text);
        return;
    }
    text = schema_table_json(c->control->catalog, table, is_asked(c, "workspace"), &size);
    call_reply_taken(reply, 200, text, size);
}

/* ---- status ---- */

struct exports {
    const struct call *call;
    char (*ids)[200];
    size_t count, room;
};

/* Under the pump's lock: only remembers which there are. */
static void
exports_visit(void *app, const struct deliver_status *s)
{
    struct exports *e = app;
    const char *tenant = e->call->tenant;

    if (tenant != NULL && (strncmp(s->id, tenant, 36) != 0 || s->id[36] != '/'))
        return;
    if (e->count == e->room) {
        size_t room = e->room * 2 + 16;
        void *ids = realloc(e->ids, room * sizeof *e->ids);

        if (ids == NULL)
            return;
        e->ids = ids;
        e->room = room;
    }
    memcpy(e->ids[e->count++], s->id, sizeof s->id);
}

static json_t *
exports_json(const struct call *c)
{
    struct exports e = {.call = c};
    json_t *array = json_array();

    deliver_visit(c->api->deliverer, exports_visit, &e);
    for (size_t i = 0; array != NULL && i < e.count; i++) {
        char *slash = strchr(e.ids[i], '/');

        if (slash == NULL)
            continue;
        *slash = '\0';
        json_array_append_new(array, export_status_json(c, e.ids[i], slash + 1));
    }
    free(e.ids);
    return array;
}

static json_t *
journal_json(const struct call *c)
{
    struct journal_stats s;

    journal_stats_get(c->api->journal, &s);
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "first",
        (json_int_t)s.extent.first, "end", (json_int_t)s.extent.end, "segments",
        (json_int_t)s.segment_count, "bytes", (json_int_t)s.size_bytes, "quotaBytes",
        (json_int_t)s.quota_bytes, "blocks", (json_int_t)s.block_count, "records",
        (json_int_t)s.row_count, "bodyBytes", (json_int_t)s.body_bytes, "syncs",
        (json_int_t)s.sync_count, "recycledSegments", (json_int_t)s.recycled_count,
        "quarantinedSegments", (json_int_t)s.quarantined_count, "quarantinedBytes",
        (json_int_t)s.quarantined_bytes, "refusals", (json_int_t)s.fulls_count, "oldest",
        call_time(s.oldest_admitted), "newest", call_time(s.newest_admitted), "failure",
        s.is_failed ? call_text(s.failure) : json_null());
}

static json_t *
ingest_json(const struct call *c)
{
    struct admit_counts n;

    admit_counts_get(c->api->admitter, &n);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
                     (json_int_t)n.requests, "records", (json_int_t)n.records, "bytes",
                     (json_int_t)n.bytes, "parked", (json_int_t)n.parked, "refusedRequests",
                     (json_int_t)n.refused_requests, "refusedRecords",
                     (json_int_t)n.refused_records, "duplicates", (json_int_t)n.duplicates, "waits",
                     (json_int_t)n.waits, "memoryBytes", (json_int_t)n.memory_used);
}

static json_t *
parked_json(const struct call *c)
{
    struct store_parked_totals totals;
    struct err err;

    if (store_parked_count(c->control->store, c->tenant, NULL, &totals, &err) != ST_OK)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "entries", (json_int_t)totals.entries, "records",
                     (json_int_t)totals.rows, "bytes", (json_int_t)totals.size_bytes, "bytesMax",
                     (json_int_t)totals.size_max);
}

/* Adds what the program says of its sources and of recovery. */
static void
extra_add(const struct call *c, json_t *tree)
{
    char *members = c->api->status_extra == NULL ? NULL : c->api->status_extra(c->api->app), *text;
    json_t *extra = NULL;

    if (members != NULL && asprintf(&text, "{%s}", members) >= 0) {
        extra = json_loads(text, 0, NULL);
        free(text);
    }
    free(members);
    if (extra != NULL)
        json_object_update(tree, extra);
    json_decref(extra);
}

void
status_answer(struct call *c, struct http_reply *reply)
{
    char why[400] = "";
    bool is_healthy = c->api->is_healthy(c->api->app, why);
    json_t *tree =
        json_pack("{s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:I}", "version", c->api->version, "started",
                  call_time(c->api->started), "now", call_time(call_now(c)), "healthy", is_healthy,
                  "tenantId", call_text(c->tenant), "exports", exports_json(c), "parked",
                  parked_json(c), "devices", (json_int_t)devices_count(c->api->devices, c->tenant));

    if (tree != NULL && c->tenant == NULL) { /* the machine's, not any tenant's */
        json_object_set_new(tree, "unhealthy", is_healthy ? json_null() : call_text(why));
        json_object_set_new(tree, "ingest", ingest_json(c));
        json_object_set_new(tree, "journal", journal_json(c));
        extra_add(c, tree);
    }
    call_reply_json(reply, 200, tree);
}

/* Why it is not well names tenants and exports: only for whoever asks from this machine. */
static void
reply_state(const struct call *c, bool is_fine, const char *fine, const char *not_fine,
            const char *why, struct http_reply *reply)
{
    bool is_local =
        strncmp(c->request->peer, "127.", 4) == 0 || strcmp(c->request->peer, "::1") == 0;

    if (is_fine)
        http_reply_text(reply, 200, "{\"status\":\"%s\"}", fine);
    else
        call_reply_json(
            reply, 503,
            json_pack("{s:s, s:o}", "status", not_fine, "message", call_text(is_local ? why : "")));
    if (!is_fine)
        reply->retry_after_s = 5;
}

void
health_answer(struct call *c, struct http_reply *reply)
{
    char why[400] = "";
    bool is_fine = c->api->is_healthy(c->api->app, why);

    reply_state(c, is_fine, "healthy", "unhealthy", why, reply);
}

void
ready_answer(struct call *c, struct http_reply *reply)
{
    char why[400] = "";
    bool is_fine = c->api->is_ready(c->api->app, why);

    reply_state(c, is_fine, "ready", "not ready", why, reply);
}
