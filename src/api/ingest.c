/* ingest.c - POST /ingest/...: a body becomes an admission piece by piece as it is read from the
 * socket; while the admission waits for memory or for the journal, the socket is not read. */
#include "api/call.h"
#include "source/admit.h"
#include <stdlib.h>
#include <strings.h>

static void
reply_busy(struct http_reply *reply, const struct err *err)
{
    http_reply_error(reply, 503, "ServerBusy", "%s", err->text);
}

static void
reply_unknown_table(struct http_reply *reply, const struct err *err)
{
    http_reply_error(reply, 404, "TableNotFound", "%s", err->text);
}

static void
reply_too_large(const struct call *c, struct http_reply *reply)
{
    http_reply_error(reply, 413, "ContentLengthLimitExceeded",
                     "the body may have at most %llu bytes, uncompressed",
                     (unsigned long long)c->control->config->limits.body_size_max);
}

bool
call_is_gzip(const struct call *c, struct http_reply *reply)
{
    const char *encoding = http_header(c->request, "Content-Encoding");

    if (encoding == NULL || encoding[0] == '\0' || strcasecmp(encoding, "identity") == 0)
        return false;
    if (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)
        return true;
    http_reply_error(reply, 415, "UnsupportedMediaType",
                     "of content encodings only gzip and identity are taken");
    call_header(reply, "Accept-Encoding", "gzip, identity");
    return false;
}

static bool
on_error_read(const struct call *c, struct http_reply *reply)
{
    const char *choice = http_query(c->request, "onError");

    if (choice == NULL || strcasecmp(choice, "refuse") == 0)
        return false;
    if (strcasecmp(choice, "park") == 0)
        return true;
    http_reply_error(reply, 400, "InvalidParameter", "onError is 'refuse' or 'park'");
    return false;
}

struct span
call_batch_id(const struct call *c, struct http_reply *reply)
{
    const char *id = http_header(c->request, "Idempotency-Key");

    if (id == NULL)
        id = http_header(c->request, "x-ms-client-request-id");
    if (id == NULL)
        return (struct span){"", 0};
    if (strlen(id) > CALL_BATCH_ID_MAX)
        http_reply_error(reply, 400, "InvalidBatchId", "a batch id may have at most %d bytes",
                         CALL_BATCH_ID_MAX);
    return span_of(id);
}

void
ingest_begin(struct call *c, struct http_reply *reply)
{
    const char *length = http_header(c->request, "Content-Length");
    bool has_table = c->route->scope == SCOPE_PATH;
    struct admission *admission;
    struct err err = {""};
    struct admit_request request = {
        .shape = has_table ? ADMIT_ROWS : ADMIT_ENVELOPES,
        .tenant = c->tenant,
        .table = span_of(has_table ? c->arguments[1] : ""),
        .batch_id = call_batch_id(c, reply),
        .park = on_error_read(c, reply),
        .gzip = call_is_gzip(c, reply),
        .body_max = c->control->config->limits.body_size_max,
    };

    if (reply->status != 0)
        return;
    if (!request.gzip && request.body_max > 0 && length != NULL &&
        strtoull(length, NULL, 10) > request.body_max) {
        reply_too_large(c, reply);
        return;
    }
    switch (admit_begin(c->api->admitter, &request, &admission, &err)) {
    case ST_OK:
        c->state = admission;
        break;
    case ST_INVALID:
        reply_unknown_table(reply, &err);
        break;
    default:
        reply_busy(reply, &err);
    }
}

static json_t *
faults_json(const struct admit_result *result)
{
    json_t *details = json_array();

    for (uint64_t i = 0; i < result->fault_count && i < ADMIT_FAULTS_MAX; i++) {
        const struct admit_fault *f = &result->faults[i];
        json_t *fault = json_pack("{s:I, s:I, s:o, s:o}", "record", (json_int_t)f->record, "offset",
                                  (json_int_t)f->offset, "column",
                                  f->column[0] == '\0' ? json_null() : call_text(f->column),
                                  "message", call_text(f->text));

        if (json_array_append_new(details, fault) != 0) {
            json_decref(details);
            return NULL;
        }
    }
    return details;
}

static void
reply_faulty(const struct admit_result *result, struct http_reply *reply)
{
    call_reply_json(reply, 400,
                    json_pack("{s:{s:s, s:o, s:I, s:o}}", "error", "code", "InvalidRecords",
                              "message", call_text(result->err.text), "faultCount",
                              (json_int_t)result->fault_count, "details", faults_json(result)));
}

static void
reply_durable(const struct admit_result *result, struct http_reply *reply)
{
    char position[24];

    snprintf(position, sizeof position, "%llu", (unsigned long long)result->first_position);
    call_reply_json(reply, 200,
                    json_pack("{s:I, s:I, s:b, s:s}", "accepted", (json_int_t)result->accepted,
                              "parked", (json_int_t)result->parked, "duplicate",
                              result->outcome == ADMIT_DUPLICATE, "position", position));
}

static void
finish(struct call *c, struct http_reply *reply)
{
    struct admit_result result;

    admit_end(c->state, &result);
    c->state = NULL;
    switch (result.outcome) {
    case ADMIT_DURABLE:
    case ADMIT_DUPLICATE:
        reply_durable(&result, reply);
        return;
    case ADMIT_FAULTY:
        reply_faulty(&result, reply);
        return;
    case ADMIT_LATER:
        reply_busy(reply, &result.err);
        return;
    case ADMIT_UNKNOWN_TABLE:
        reply_unknown_table(reply, &result.err);
        return;
    case ADMIT_TOO_LARGE:
        reply_too_large(c, reply);
        return;
    case ADMIT_FAILED:
        break;
    }
    http_reply_error(reply, 500, "StorageFailed", "%s", result.err.text);
}

void
ingest_data(struct call *c, struct span bytes, struct http_reply *reply)
{
    if (admit_data(c->state, bytes) != ST_OK)
        finish(c, reply);
}

void
ingest_answer(struct call *c, struct http_reply *reply)
{
    finish(c, reply);
}

void
ingest_gone(struct call *c)
{
    if (c->state != NULL)
        admit_abort(c->state);
}
