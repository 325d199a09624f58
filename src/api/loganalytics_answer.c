/* loganalytics_answer.c - a hunt's end as Log Analytics tells it: tables, or an error of its shape. */
#include "api/loganalytics.h"
#include <strings.h>

/* ---- errors ---- */

void
loganalytics_put_error(struct hunting_text *out, const char *code, const char *message,
                       const char *inner_code, const char *inner_message)
{
    hunting_put(out, span_of("{\"error\":{\"message\":"));
    hunting_put_quoted(out, span_of(message));
    hunting_printf(out, ",\"code\":\"%s\"", code);
    if (inner_code != NULL) {
        hunting_printf(out, ",\"innererror\":{\"code\":\"%s\",\"message\":", inner_code);
        hunting_put_quoted(out, span_of(inner_message));
        hunting_put(out, span_of("}"));
    }
    hunting_put(out, span_of("}}"));
}

void
loganalytics_put_invalid(struct hunting_text *out, const struct err *why)
{
    loganalytics_put_error(out, "BadArgumentError", "The request had some invalid properties",
                           "QueryValidationError", why->text);
}

void
loganalytics_put_absent(struct hunting_text *out, const struct err *why)
{
    loganalytics_put_error(out, "PathNotFoundError", "The requested path does not exist",
                           why == NULL ? NULL : "WorkspaceNotFound", why == NULL ? "" : why->text);
}

static void
put_fault(struct hunting_text *out, const struct kql_diagnostics *d,
          const struct kql_diagnostic *item, const char *code)
{
    struct hunting_text message = {.limit = 0};

    hunting_fault_put(&message, d, item);
    hunting_printf(out, "{\"code\":\"%s\",\"message\":", code);
    hunting_put_quoted(out, (struct span){message.p, message.n});
    hunting_printf(out, ",\"line\":%u,\"pos\":%u,\"token\":", item->line,
                   item->column > 0 ? item->column - 1 : 0);
    hunting_put_quoted(out, hunting_fault_token(d, item));
    hunting_put(out, span_of("}"));
    hunting_text_free(&message);
}

/* The first fault as the service nests it, and all of them as details. Lines count from 1, positions from 0 (Kusto's). */
static void
put_refused(struct hunting_text *out, const struct kql_diagnostics *d)
{
    const struct kql_diagnostic *first = hunting_fault_next(d, NULL);
    bool is_syntax;

    if (first == NULL) {
        loganalytics_put_error(out, "BadArgumentError", "The request had some invalid properties",
                               "SemanticError", "The query was refused.");
        return;
    }
    is_syntax = hunting_fault_is_syntax(first);
    hunting_put(out, span_of("{\"error\":{\"message\":\"The request had some invalid "
                             "properties\",\"code\":\"BadArgumentError\",\"innererror\":{"));
    hunting_printf(out, "\"code\":\"%s\",\"message\":\"A %s error %s\",\"innererror\":",
                   is_syntax ? "SyntaxError" : "SemanticError", is_syntax ? "syntax" : "semantic",
                   is_syntax ? "has been identified in the query." : "occurred.");
    put_fault(out, d, first, hunting_fault_code(first));
    hunting_put(out, span_of(",\"details\":["));
    for (const struct kql_diagnostic *item = first; item != NULL;
         item = hunting_fault_next(d, item)) {
        if (item != first)
            hunting_put(out, span_of(","));
        put_fault(out, d, item, kql_code_name(item->code));
    }
    hunting_put(out, span_of("]}}}"));
}

unsigned
loganalytics_put_failure(struct hunting_text *out, const struct hunt *hunt, const struct err *err)
{
    switch (hunt->outcome) {
    case HUNT_REFUSED:
        put_refused(out, &hunt->diagnostics);
        return 400;
    case HUNT_SPENT:
        loganalytics_put_error(out, "BadArgumentError", "The request had some invalid properties",
                               "QueryLimitsExceeded", err->text);
        return 400;
    case HUNT_FAILED:
        loganalytics_put_error(out, "BadArgumentError", "The request had some invalid properties",
                               "ExecutionError", err->text);
        return 400;
    case HUNT_BUSY:
        loganalytics_put_error(out, "ThrottledError", "The request was throttled",
                               "TooManyRequests", err->text);
        return 429;
    case HUNT_LATE:
        loganalytics_put_error(out, "GatewayTimeout", "Gateway timeout", "GatewayTimeout",
                               err->text);
        return 504;
    case HUNT_CANCELLED:
        loganalytics_put_error(out, "ServiceUnavailable", "The query was ended", NULL, NULL);
        return 503;
    default:
        loganalytics_put_error(out, "InternalServerError",
                               "The workspace cannot be asked now; the server's log says why", NULL,
                               NULL);
        return 500;
    }
}

/* ---- tables ---- */

static bool
put_table(struct hunting_text *out, const struct kql_answer *a, size_t limit)
{
    bool has_all;
    size_t count;

    hunting_put(out, span_of("{\"name\":"));
    hunting_put_quoted(out, a->name);
    hunting_put(out, span_of(",\"columns\":["));
    for (uint32_t i = 0; i < a->schema.count; i++) {
        hunting_put(out, span_of(i == 0 ? "{\"name\":" : ",{\"name\":"));
        hunting_put_quoted(out, a->schema.columns[i].name);
        hunting_printf(out, ",\"type\":\"%s\"}", kql_type_name(a->schema.columns[i].type));
    }
    hunting_put(out, span_of("],\"rows\":["));
    has_all = hunting_put_rows(out, a, limit, HUNTING_DYNAMIC_TEXT, &count);
    hunting_put(out, span_of("]}"));
    return has_all;
}

/* Shape: README of the published clients, "Include statistics". What we do not count is left out. */
static void
put_statistics(struct hunting_text *out, const struct hunt *hunt)
{
    const struct hunt_statistics *s = &hunt->statistics;
    char cpu[32];
    size_t n = kql_print_timespan(s->cpu_ms * (kql_ticks_per_s / 1000), cpu);

    hunting_printf(out,
                   ",\"statistics\":{\"query\":{\"executionTime\":%lld.%03lld,\"resourceUsage\":{"
                   "\"cpu\":{\"totalCpu\":\"%.*s\"},\"memory\":{\"peakPerNode\":%zu}},",
                   (long long)(s->wall_ms / 1000), (long long)(s->wall_ms % 1000), (int)n, cpu,
                   s->memory_peak);
    hunting_printf(out, "\"datasetStatistics\":[{\"tableRowCount\":%llu,\"tableSize\":%llu}]}}",
                   (unsigned long long)s->rows, (unsigned long long)s->size);
}

static const char *const render_texts[] = {"title",    "kind",    "legend", "series",
                                           "xAxis",    "xColumn", "xTitle", "yAxis",
                                           "yColumns", "ySplit",  "yTitle", "anomalyColumns"};

static bool
is_true(const struct kql_op *render, const char *name)
{
    struct span value;

    return hunting_render_property(render, name, &value) && value.n == 4 &&
           strncasecmp(value.p, "true", 4) == 0;
}

/* "Prefer options", and the README of the published clients. */
static void
put_render(struct hunting_text *out, const struct kql_op *render)
{
    struct span value;

    hunting_put(out, span_of(",\"render\":{\"visualization\":"));
    if (render == NULL)
        hunting_put(out, span_of("null"));
    else
        hunting_put_quoted(out, render->u.render.chart);
    for (size_t i = 0; i < COUNT_OF(render_texts); i++) {
        hunting_printf(out, ",\"%s\":", render_texts[i]);
        if (hunting_render_property(render, render_texts[i], &value))
            hunting_put_quoted(out, value);
        else
            hunting_put(out, span_of("null"));
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "yMin" : "yMax";

        hunting_printf(out, ",\"%s\":", name);
        if (hunting_render_property(render, name, &value))
            hunting_put_quoted(out, value);
        else
            hunting_put(out, span_of("\"NaN\""));
    }
    hunting_printf(out, ",\"accumulate\":%s,\"isQuerySorted\":false}",
                   is_true(render, "accumulate") ? "true" : "false");
}

/* Kusto's number of E_QUERY_RESULT_SET_TOO_LARGE is what clients look for. */
static void
put_partial(struct hunting_text *out, const struct hunt *hunt, bool is_cut, uint64_t rows_max,
            size_t size_max)
{
    char message[400];

    if (hunt->partial == HUNT_CUT_ROWS)
        snprintf(message, sizeof message,
                 "The results of this query exceed the set limit of %llu records, so not all "
                 "records were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003).",
                 (unsigned long long)rows_max);
    else if (hunt->partial != HUNT_WHOLE || is_cut)
        snprintf(message, sizeof message,
                 "The results of this query exceed the set limit of %zu bytes, so not all records "
                 "were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003).",
                 size_max);
    else
        return;
    hunting_put(out, span_of(",\"error\":{\"code\":\"PartialError\",\"message\":\"There were some "
                             "errors when processing your query.\",\"details\":[{"
                             "\"code\":\"EngineError\",\"message\":\"Something went wrong "
                             "processing your query on the server.\",\"innererror\":{"
                             "\"code\":\"-2133196797\",\"message\":"));
    hunting_put_quoted(out, span_of(message));
    hunting_put(out, span_of(",\"severity\":2,\"severityName\":\"Error\"}}]}"));
}

static void
put_answers(struct call *c, const struct loganalytics_ask *ask, const struct hunt *hunt,
            uint64_t rows_asked, struct hunting_text *out)
{
    const struct config *config = c->control->config;
    uint64_t rows_max = rows_asked > 0 && rows_asked < config->hunting.answer_row_max
                            ? rows_asked
                            : config->hunting.answer_row_max;
    size_t size_max = config->hunting.answer_size_max, begin = out->n;
    const struct kql_op *render = NULL;
    bool has_all = true;

    if (ask->size_max > 0 && ask->size_max < size_max)
        size_max = ask->size_max;
    hunting_put(out, span_of("{\"tables\":["));
    for (uint32_t i = 0; i < hunt->answers.count; i++) {
        if (i > 0)
            hunting_put(out, span_of(","));
        has_all &= put_table(out, &hunt->answers.items[i], begin + size_max);
        if (render == NULL)
            render = hunt->answers.items[i].render;
    }
    hunting_put(out, span_of("]"));
    if (ask->prefer.has_statistics)
        put_statistics(out, hunt);
    if (ask->prefer.has_render)
        put_render(out, render);
    put_partial(out, hunt, !has_all, rows_max, size_max);
    if (ask->query.own != NULL)
        loganalytics_put_own(out, hunt);
    hunting_put(out, span_of("}"));
}

/* Whether those that 'workspaces' names may be asked; err tells of none that may not whether it is there. */
static bool
are_there(struct call *c, const struct loganalytics_ask *ask, struct err *err)
{
    struct workspace_place *other = malloc(sizeof *other);
    bool is_there = other != NULL || err_set(err, ST_FULL, "no memory for the workspaces") == ST_OK;

    for (size_t i = 0; i < ask->query.workspace_count && is_there; i++)
        is_there = hunting_place(c, ask->query.workspaces[i], other, err);
    free(other);
    return is_there;
}

unsigned
loganalytics_answer(struct call *c, const struct loganalytics_ask *ask, struct hunting_text *out)
{
    struct kql_parameter_value values[LOGANALYTICS_PARAMETERS_MAX];
    struct hunting_ask hunting = {
        .workspace = ask->workspace,
        .beside = ask->query.workspaces,
        .beside_count = ask->query.workspace_count,
        .text = ask->query.text,
        .shape = HUNT_WORKSPACE,
        .from = ask->query.period.from,
        .to = ask->query.period.to,
        .time_ms = ask->prefer.wait_ms,
        .size_max = ask->size_max,
    };
    struct workspace_place place;
    struct hunt hunt;
    enum status st;
    struct err err;
    unsigned status = 200;

    if (!hunting_place(c, ask->workspace, &place, &err)) {
        loganalytics_put_absent(out, &err);
        return 404;
    }
    if (!are_there(c, ask, &err) ||
        (ask->query.own != NULL &&
         !loganalytics_own_read(ask->query.own, &hunting, values, &err))) {
        loganalytics_put_invalid(out, &err);
        return 400;
    }
    if (!hunting_run(c, &hunting, &hunt, &st, &err)) {
        loganalytics_put_absent(out, &err);
        return 404;
    }
    if (st == ST_OK)
        put_answers(c, ask, &hunt, hunting.rows_max, out);
    else
        status = loganalytics_put_failure(out, &hunt, &err);
    hunt_end(&hunt);
    return status;
}
