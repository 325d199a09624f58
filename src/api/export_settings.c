/* export_settings.c - data export settings over HTTP: what control answers goes out, a change is in
 * force before it is answered, and beside it how the export is doing. */
#include "api/call.h"
#include "base/clock.h"
#include "control/settings.h"
#include "control/store.h"
#include "deliver/deliver.h"
#include "model/datetime.h"
#include <stdlib.h>

/* An error with all that is wrong, as OData has it. */
static void
reply_details(const struct settings_reply *from, struct http_reply *reply)
{
    json_t *details = json_loads(from->details, 0, NULL);

    call_reply_json(reply, from->status,
                    details == NULL
                        ? NULL
                        : json_pack("{s:{s:s, s:o, s:o}}", "error", "code", from->code, "message",
                                    call_text(from->err.text), "details", details));
}

/* Hands on what control answered. */
static void
reply_settings(struct call *c, struct settings_reply *from, struct http_reply *reply)
{
    struct err err = {""};

    if (from->has_changed && c->api->plan_changed(c->api->app, &err) != ST_OK) {
        free(from->body);
        http_reply_error(reply, 500, "PlanFailed",
                         "the change is stored but could not be put in force: %s", err.text);
        return;
    }
    if (from->status >= 400) {
        free(from->body);
        if (from->details != NULL)
            reply_details(from, reply);
        else
            http_reply_error(reply, from->status, from->code, "%s", from->err.text);
        free(from->details);
        return;
    }
    reply->status = from->status;
    reply->body = from->body;
    reply->body_size = from->body == NULL ? 0 : from->body_size;
    if (from->etag[0] != '\0')
        call_header(reply, "ETag", from->etag);
}

void
settings_answer_list(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    char base[300];

    call_base(c, base);
    settings_list(c->control, c->tenant, base, &from);
    reply_settings(c, &from, reply);
}

void
settings_answer_get(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};

    settings_get(c->control, c->tenant, c->arguments[0], &from);
    reply_settings(c, &from, reply);
}

void
settings_answer_schema(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};

    settings_schema(c->control, c->tenant, c->arguments[0], &from);
    reply_settings(c, &from, reply);
}

void
settings_answer_put(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};
    struct settings_put put = {
        .tenant = c->tenant,
        .id = c->arguments[0],
        .body = {c->body, c->body_size},
        .if_match = http_header(c->request, "If-Match"),
        .if_none_match = http_header(c->request, "If-None-Match"),
        .now = call_now(c),
    };

    settings_put(c->control, &put, &from);
    reply_settings(c, &from, reply);
}

void
settings_answer_delete(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};

    settings_delete(c->control, c->tenant, c->arguments[0], http_header(c->request, "If-Match"),
                    &from);
    reply_settings(c, &from, reply);
}

static void
enable(struct call *c, bool is_enabled, struct http_reply *reply)
{
    struct settings_reply from = {0};

    settings_enable(c->control, c->tenant, c->arguments[0], is_enabled, call_now(c), &from);
    reply_settings(c, &from, reply);
}

void
settings_answer_enable(struct call *c, struct http_reply *reply)
{
    enable(c, true, reply);
}

void
settings_answer_disable(struct call *c, struct http_reply *reply)
{
    enable(c, false, reply);
}

/* ---- how an export is doing ---- */

static json_t *
categories_json(const struct deliver_status *s)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array != NULL && i < s->category_count; i++)
        if (json_array_append_new(array, json_pack("{s:o, s:I, s:I}", "category",
                                                   call_text(s->categories[i].category), "records",
                                                   (json_int_t)s->categories[i].rows, "bytes",
                                                   (json_int_t)s->categories[i].bytes)) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *
progress_json(const struct deliver_status *s)
{
    char cursor[40];

    snprintf(cursor, sizeof cursor, "%llu.%u", (unsigned long long)s->cursor, s->cursor_row);
    return json_pack(
        "{s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cursor",
        cursor, "lagRecords", (json_int_t)s->lag_rows, "lagSeconds", (double)s->lag_ms / 1000,
        "recordsRead", (json_int_t)s->read_rows, "recordsExported", (json_int_t)s->sent_rows,
        "bytesExported", (json_int_t)s->sent_bytes, "batchesExported", (json_int_t)s->sent_batches,
        "exportFailures", (json_int_t)s->retried, "recordsRefused", (json_int_t)s->refused_rows,
        "recordsLost", (json_int_t)s->lost_rows, "recordsResent", (json_int_t)s->resent_rows,
        "recordsFiltered", (json_int_t)s->filtered_rows, "recordsShared",
        (json_int_t)s->shared_rows, "recordsExhausted", (json_int_t)s->exhausted_rows,
        "recordsShrunk", (json_int_t)s->shrunk_rows);
}

static json_t *
parked_json(const struct call *c, const char *tenant, const char *owner)
{
    struct store_parked_totals totals;
    struct err err;

    if (store_parked_count(c->control->store, tenant, owner, &totals, &err) != ST_OK)
        return json_null();
    return json_pack("{s:I, s:I, s:I}", "entries", (json_int_t)totals.entries, "records",
                     (json_int_t)totals.rows, "bytes", (json_int_t)totals.size_bytes);
}

/* Until the next attempt; 0 unless the export waits for one. */
static double
wait_s(const struct deliver_status *s)
{
    int64_t left_ms = s->next_attempt_ms - clock_monotonic_ms();

    return s->attempt == 0 || left_ms <= 0 ? 0 : (double)left_ms / 1000;
}

/* NULL: no memory. An export that the pump does not have (yet) is "stopped". */
json_t *
export_status_json(const struct call *c, const char *tenant, const char *id)
{
    struct deliver_status *s = calloc(1, sizeof *s);
    char route[240];
    json_t *tree = NULL, *error;

    if (s == NULL)
        return NULL;
    snprintf(route, sizeof route, "%s/%s", tenant, id);
    if (!deliver_status_get(c->api->deliverer, route, s))
        *s = (struct deliver_status){.state = EXPORT_STOPPED};
    error = s->error[0] == '\0' ? json_null()
                                : json_pack("{s:o, s:o}", "time", call_time(s->last_error),
                                            "message", call_text(s->error));
    tree = json_pack("{s:o, s:s, s:s, s:o, s:o, s:i, s:f, s:o, s:o, s:o}", "id", call_text(id),
                     "tenantId", tenant, "state", export_state_name(s->state), "lastSuccess",
                     call_time(s->last_success), "lastError", error, "attempt", (int)s->attempt,
                     "nextAttemptSeconds", wait_s(s), "progress", progress_json(s), "parked",
                     parked_json(c, tenant, id), "categories", categories_json(s));
    free(s);
    return tree;
}

/* False: there is no such setting, or control failed: answered. */
static bool
setting_is_there(struct call *c, struct http_reply *reply)
{
    struct settings_reply from = {0};

    settings_get(c->control, c->tenant, c->arguments[0], &from);
    if (from.status >= 400)
        reply_settings(c, &from, reply);
    else
        free(from.body);
    return reply->status == 0;
}

void
settings_answer_status(struct call *c, struct http_reply *reply)
{
    if (setting_is_there(c, reply))
        call_reply_json(reply, 200, export_status_json(c, c->tenant, c->arguments[0]));
}

void
settings_answer_replay(struct call *c, struct http_reply *reply)
{
    const char *from = http_query(c->request, "from");
    char route[CALL_ARGUMENT_SIZE + 40];
    int64_t ticks;
    struct err err;
    enum status st;

    if (!setting_is_there(c, reply))
        return;
    if (from == NULL || !datetime_read(span_of(from), &ticks)) {
        http_reply_error(reply, 400, "InvalidParameter",
                         "say from when: ?from=2026-01-31T08:00:00Z");
        return;
    }
    snprintf(route, sizeof route, "%s/%s", c->tenant, c->arguments[0]);
    st = deliver_replay(c->api->deliverer, route, ticks, &err);
    if (st == ST_OK)
        call_reply_json(reply, 200, json_pack("{s:o}", "from", call_time(ticks)));
    else if (st == ST_INVALID)
        http_reply_error(reply, 409, "ExportNotRunning", "%s", err.text);
    else
        call_reply_status(reply, st, "ReplayFailed", &err);
}
