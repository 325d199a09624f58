/* kusto_error.c - errors as Kusto writes them: OneApiErrors. */
#include "api/kusto.h"
#include "model/datetime.h"
#include <sys/random.h>

void
kusto_call_begin(struct call *c, struct kusto_call *k)
{
    unsigned char b[16] = {0};
    const char *id = http_header(c->request, "x-ms-client-request-id");

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        memset(b, 0, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    *k = (struct kusto_call){.now = call_now(c), .client_id = id == NULL ? "" : id};
    snprintf(k->activity_id, sizeof k->activity_id,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

static void
put_text(struct hunting_text *out, const char *text)
{
    hunting_put(out, span_of(text));
}

void
kusto_put_context(struct hunting_text *out, const struct kusto_call *k)
{
    char time[DATETIME_TEXT_SIZE];

    put_text(out, "\"@context\":{\"timestamp\":");
    datetime_write(time, k->now);
    hunting_put_quoted(out, (struct span){time, sizeof time});
    put_text(out,
             ",\"serviceAlias\":\"PENSTOCK\",\"machineName\":\"\",\"processName\":\"penstock\","
             "\"processId\":0,\"threadId\":0,\"clientRequestId\":");
    hunting_put_quoted(out, span_of(k->client_id));
    hunting_printf(out,
                   ",\"activityId\":\"%s\",\"subActivityId\":\"%s\",\"activityType\":"
                   "\"Http.CallContext\",\"parentActivityId\":\"%s\",\"activityStack\":\"\"}",
                   k->activity_id, k->activity_id, k->activity_id);
}

static void
put_inner(struct hunting_text *out, const struct kusto_call *k, const struct kusto_error *e)
{
    hunting_printf(out, ",\"innererror\":{\"code\":\"%s\",\"message\":", e->inner_code);
    hunting_put_quoted(out, span_of(e->message));
    hunting_printf(out, ",\"@type\":\"%s\",\"@message\":", e->type);
    hunting_put_quoted(out, span_of(e->message));
    if (e->line > 0) {
        hunting_printf(out, ",\"@line\":%u,\"@pos\":%u,\"@token\":", e->line, e->column);
        hunting_put_quoted(out, e->token);
    }
    put_text(out, ",");
    kusto_put_context(out, k);
    put_text(out, ",\"@permanent\":true}");
}

void
kusto_put_error(struct hunting_text *out, const struct kusto_call *k, const struct kusto_error *e)
{
    hunting_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", e->code);
    if (e->inner_code != NULL)
        put_text(out, "\"Request is invalid and cannot be executed.\"");
    else
        hunting_put_quoted(out, span_of(e->message));
    hunting_printf(out, ",\"@type\":\"%s\",\"@message\":", e->type);
    hunting_put_quoted(out, span_of(e->message));
    put_text(out, ",");
    kusto_put_context(out, k);
    hunting_printf(out, ",\"@permanent\":%s", e->is_permanent ? "true" : "false");
    if (e->inner_code != NULL)
        put_inner(out, k, e);
    put_text(out, "}}");
}

/* The first fault of the query's text, with its place. */
static unsigned
put_refused(struct hunting_text *out, const struct kusto_call *k, const struct kql_diagnostics *d)
{
    const struct kql_diagnostic *first = hunting_fault_next(d, NULL);
    struct kusto_error e = {.status = 400, .code = "General_BadRequest", .is_permanent = true};
    struct hunting_text text = {.limit = 0};
    char message[900];
    bool is_syntax;

    if (first == NULL) {
        e.type = "Kusto.Data.Exceptions.SemanticException";
        e.message = "Semantic error: the query was refused.";
        kusto_put_error(out, k, &e);
        return 400;
    }
    is_syntax = hunting_fault_is_syntax(first);
    e.type = is_syntax ? "Kusto.Data.Exceptions.SyntaxException"
                       : "Kusto.Data.Exceptions.SemanticException";
    e.inner_code = hunting_fault_code(first);
    e.line = first->line;
    e.column = first->column;
    e.token = hunting_fault_token(d, first);
    hunting_fault_put(&text, d, first);
    snprintf(message, sizeof message, "%s error: %s: %.*s [line:position=%u:%u]",
             is_syntax ? "Syntax" : "Semantic", e.inner_code, text.n < 700 ? (int)text.n : 700,
             text.p == NULL ? "" : text.p, first->line, first->column);
    hunting_text_free(&text);
    e.message = message;
    kusto_put_error(out, k, &e);
    return 400;
}

unsigned
kusto_put_failure(struct hunting_text *out, const struct kusto_call *k, const struct hunt *hunt,
                  const struct err *err)
{
    static const struct kusto_error rows[] = {
        [HUNT_SPENT] =
            {400,
                          "LimitsExceeded",         "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLowMemoryConditionException",
                          NULL,                                                           false,
                          NULL, 0,
                          0, {NULL, 0}},
        [HUNT_BUSY] = {429,
                          "TooManyRequests",        "Kusto.Data.Exceptions.KustoRequestThrottledException",
                          NULL,                                                           false,
                          NULL, 0,
                          0, {NULL, 0}},
        [HUNT_LATE] = {504,
                          "Timeout",                "Kusto.Data.Exceptions.KustoServiceTimeoutException",
                          NULL,                                                           false,
                          NULL, 0,
                          0, {NULL, 0}},
        [HUNT_CANCELLED] = {503,
                          "ServiceUnavailable",     "Kusto.Data.Exceptions.KustoRequestCanceledException",
                          NULL,                                                           false,
                          NULL, 0,
                          0, {NULL, 0}},
        [HUNT_FAILED] = {400,
                          "General_BadRequest",     "Kusto.Data.Exceptions.KustoBadRequestException",
                          NULL,                                                           true,
                          NULL, 0,
                          0, {NULL, 0}},
        [HUNT_BROKEN] = {500,
                          "Internal service error", "Kusto.Data.Exceptions.KustoServiceException",
                          "The workspace cannot be asked now; the server's log says why", false,
                          NULL, 0,
                          0, {NULL, 0}},
    };
    struct kusto_error e;

    if (hunt->outcome == HUNT_REFUSED)
        return put_refused(out, k, &hunt->diagnostics);
    e = hunt->outcome < COUNT_OF(rows) && rows[hunt->outcome].status > 0 ? rows[hunt->outcome]
                                                                         : rows[HUNT_BROKEN];
    if (e.message == NULL)
        e.message = err->text;
    kusto_put_error(out, k, &e);
    return e.status;
}
