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

static const char *
fault_code(enum kql_code code)
{
    switch (code) {
    case KQL_E_SYNTAX:
    case KQL_E_TEXT:
        return "SYN0002";
    case KQL_E_TABLE:
    case KQL_E_COLUMN:
        return "SEM0100";
    case KQL_E_FUNCTION:
        return "SEM0260";
    default:
        return kql_code_name(code);
    }
}

/* The first fault of the query's text, with its place. */
static unsigned
put_refused(struct hunting_text *out, const struct kusto_call *k, const struct kql_diagnostics *d)
{
    const struct kql_diagnostic *first = NULL;
    struct kusto_error e = {.status = 400, .code = "General_BadRequest", .is_permanent = true};
    char message[700];
    bool is_syntax;

    for (uint32_t i = 0; i < d->count && first == NULL; i++)
        first = d->items[i].is_warning ? NULL : &d->items[i];
    if (first == NULL) {
        e.type = "Kusto.Data.Exceptions.SemanticException";
        e.message = "Semantic error: the query was refused.";
        kusto_put_error(out, k, &e);
        return 400;
    }
    is_syntax = first->code == KQL_E_SYNTAX || first->code == KQL_E_TEXT;
    e.type = is_syntax ? "Kusto.Data.Exceptions.SyntaxException"
                       : "Kusto.Data.Exceptions.SemanticException";
    e.inner_code = fault_code(first->code);
    e.line = first->line;
    e.column = first->column;
    e.token = (struct span){d->query.p + first->at, 0};
    if (first->at < d->query.n)
        e.token.n = first->size < d->query.n - first->at ? first->size : d->query.n - first->at;
    if (e.token.n > 200)
        e.token.n = 200;
    snprintf(message, sizeof message, "%s error: %s: %.500s [line:position=%u:%u]",
             is_syntax ? "Syntax" : "Semantic", e.inner_code, first->text, first->line,
             first->column);
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
