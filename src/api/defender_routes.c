/* defender_routes.c - advanced hunting as Defender and Microsoft Graph offer it: one query, its rows as objects.
 *
 *   POST /api/advancedqueries/run      Microsoft Learn, defender-endpoint/api/run-advanced-query-api: {"Query"} to {"Schema","Results"}
 *   POST /api/advancedhunting/run      defender-xdr/api-advanced-hunting: the same, and "Stats"
 *   POST /v1.0/security/runHuntingQuery (and /beta)   graph/api/security-security-runhuntingquery: {"Query","Timespan"?,"workspaceId"?} to
 *                                      {"@odata.context","schema","results"}
 *
 * Errors have the codes of defender-xdr/api-error-codes and Graph's {"error":{"code","message","innerError"}}.
 * All go to the default workspace unless workspaceId names one, see tables in their hunting shape (Timestamp), and give at most 100,000 rows. The services cut to
 * the last 30 days by themselves; here nothing is cut unless Timespan says so: what is kept is for the
 * operator to decide. Where rows were left out, the header x-penstock-partial says so, since these answers have no word for it. */
#include "api/defender.h"
#include "api/hunting_parse.h"
#include "model/datetime.h"
#include <stdlib.h>

enum {
    ROWS_MAX = 100000, /* "The results include a maximum of 100,000 rows" */
    /* "The maximum query result size of a single request can't exceed 124 MB"; Graph's security-api-overview: "Query
     * results have an overall size limit of 50 MB" */
    DEFENDER_SIZE_MAX = 124 << 20,
    GRAPH_SIZE_MAX = 50 << 20,
};

enum dialect { DEFENDER, GRAPH };

static const char *
type_name(enum kql_type t)
{
    switch (t) {
    case KQL_BOOL:
        return "SByte"; /* as Kusto's System.SByte stands for bool */
    case KQL_INT:
        return "Int32";
    case KQL_LONG:
        return "Int64";
    case KQL_REAL:
        return "Double";
    case KQL_DECIMAL:
        return "SqlDecimal";
    case KQL_DATETIME:
        return "DateTime";
    case KQL_TIMESPAN:
        return "TimeSpan";
    case KQL_GUID:
        return "Guid";
    case KQL_STRING:
        return "String";
    default:
        return "Object";
    }
}

/* ---- errors ---- */

static void
reply_fault(struct call *c, struct http_reply *reply, enum dialect dialect, unsigned status,
            const char *code, const char *message)
{
    const char *id =
        http_header(c->request, dialect == GRAPH ? "client-request-id" : "x-ms-client-request-id");
    struct hunting_text out = {.limit = 0};
    char time[DATETIME_TEXT_SIZE];

    hunting_printf(&out, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    hunting_put_quoted(&out, span_of(message));
    if (dialect == GRAPH) {
        datetime_write(time, call_now(c));
        hunting_printf(&out, ",\"innerError\":{\"date\":\"%.19s\"", time);
        if (id != NULL) {
            hunting_put(&out, span_of(",\"client-request-id\":"));
            hunting_put_quoted(&out, span_of(id));
        }
        hunting_put(&out, span_of("}"));
    } else if (id != NULL) {
        hunting_put(&out, span_of(",\"target\":"));
        hunting_put_quoted(&out, span_of(id));
    }
    hunting_put(&out, span_of("}}"));
    hunting_reply(c, reply, status, &out);
    if (reply->status == 429 || reply->status == 503)
        reply->retry_after_s = HUNTING_RETRY_S;
}

/* All faults of the query's text, and the advice that both services end with. */
static void
reply_refused(struct call *c, struct http_reply *reply, enum dialect dialect,
              const struct kql_diagnostics *d)
{
    const struct kql_diagnostic *first = hunting_fault_next(d, NULL);
    struct hunting_text text = {.limit = 0};
    bool is_syntax = first != NULL && hunting_fault_is_syntax(first);

    for (const struct kql_diagnostic *item = first; item != NULL;
         item = hunting_fault_next(d, item)) {
        hunting_put(&text, span_of(item == first ? "" : "; "));
        hunting_fault_put(&text, d, item);
        hunting_printf(&text, " (line %u, column %u)", item->line, item->column);
    }
    hunting_printf(&text, ". Fix %s errors in your query.", is_syntax ? "syntax" : "semantic");
    hunting_put(&text, (struct span){"", 1}); /* its end */
    reply_fault(c, reply, dialect, 400, "BadRequest",
                text.is_spent ? "The query was refused." : text.p);
    hunting_text_free(&text);
}

static void
reply_failure(struct call *c, struct http_reply *reply, enum dialect dialect,
              const struct hunt *hunt, const struct err *err)
{
    switch (hunt->outcome) {
    case HUNT_REFUSED:
        reply_refused(c, reply, dialect, &hunt->diagnostics);
        break;
    case HUNT_SPENT:
    case HUNT_FAILED:
        reply_fault(c, reply, dialect, 400, "BadRequest", err->text);
        break;
    case HUNT_BUSY:
        reply_fault(c, reply, dialect, 429, "TooManyRequests", err->text);
        break;
    case HUNT_LATE:
        reply_fault(c, reply, dialect, 504, "GatewayTimeout", err->text);
        break;
    case HUNT_CANCELLED:
        reply_fault(c, reply, dialect, 503, "ServiceUnavailable", "The query was ended.");
        break;
    default:
        reply_fault(c, reply, dialect, 500, "InternalServerError",
                    "The workspace cannot be asked now; the server's log says why.");
    }
}

/* ---- answers ---- */

static void
put_schema(struct hunting_text *out, const struct kql_schema *schema, enum dialect dialect)
{
    const char *name = dialect == GRAPH ? "name" : "Name";
    const char *type = dialect == GRAPH ? "type" : "Type";

    for (uint32_t i = 0; i < schema->count; i++) {
        hunting_printf(out, "%s{\"%s\":", i == 0 ? "" : ",", name);
        hunting_put_quoted(out, schema->columns[i].name);
        hunting_printf(out, ",\"%s\":\"%s\"}", type, type_name(schema->columns[i].type));
    }
}

/* The names as JSON, once: each row repeats them. */
static struct span *
names_make(struct hunting_text *text, const struct kql_schema *schema)
{
    struct span *names = malloc((schema->count + 1) * sizeof *names);
    size_t *ends = malloc((schema->count + 1) * sizeof *ends);

    for (uint32_t i = 0; names != NULL && ends != NULL && i < schema->count; i++) {
        hunting_put(text, span_of(i == 0 ? "" : ","));
        hunting_put_quoted(text, schema->columns[i].name);
        hunting_put(text, span_of(":"));
        ends[i] = text->n;
    }
    if (names == NULL || ends == NULL || text->is_spent) {
        free(names);
        names = NULL;
    } else {
        for (uint32_t i = 0; i < schema->count; i++)
            names[i] = (struct span){text->p + (i == 0 ? 0 : ends[i - 1]),
                                     ends[i] - (i == 0 ? 0 : ends[i - 1])};
    }
    free(ends);
    return names;
}

static void
put_rows(struct hunting_text *out, const struct kql_answer *a)
{
    struct hunting_text text = {.limit = 0};
    struct span *names = names_make(&text, &a->schema);

    if (names == NULL)
        out->is_spent = true;
    for (size_t r = 0; r < a->row_count && !out->is_over && !out->is_spent; r++) {
        hunting_put(out, span_of(r == 0 ? "{" : ",{"));
        for (uint32_t i = 0; i < a->schema.count; i++) {
            hunting_put(out, names[i]);
            hunting_put_cell(out, &a->rows[r][i], HUNTING_DYNAMIC_JSON);
        }
        hunting_put(out, span_of("}"));
    }
    free(names);
    hunting_text_free(&text);
}

static void
put_stats(struct hunting_text *out, const struct hunt_statistics *s)
{
    char cpu[32];
    size_t n = kql_print_timespan(s->cpu_ms * (kql_ticks_per_s / 1000), cpu);

    hunting_printf(out,
                   "\"Stats\":{\"ExecutionTime\":%lld.%03lld,\"resource_usage\":{\"cpu\":{"
                   "\"total cpu\":\"%.*s\"},\"memory\":{\"peak_per_node\":%zu}},",
                   (long long)(s->wall_ms / 1000), (long long)(s->wall_ms % 1000), (int)n, cpu,
                   s->memory_peak);
    hunting_printf(out, "\"dataset_statistics\":[{\"table_row_count\":%llu,\"table_size\":%llu}]},",
                   (unsigned long long)s->rows, (unsigned long long)s->size);
}

static void
put_answer(struct call *c, struct hunting_text *out, const struct hunt *hunt, enum dialect dialect)
{
    const struct kql_answer *a = &hunt->answers.items[0];
    char base[300];

    hunting_put(out, span_of("{"));
    if (dialect == GRAPH) {
        call_base(c, base);
        hunting_put(out, span_of("\"@odata.context\":\""));
        hunting_put(out, span_of(base));
        hunting_put(out, span_of("/v1.0/$metadata#microsoft.graph.security.huntingQueryResults\","
                                 "\"schema\":["));
    } else {
        put_stats(out, &hunt->statistics);
        hunting_put(out, span_of("\"Schema\":["));
    }
    put_schema(out, &a->schema, dialect);
    hunting_put(out, span_of(dialect == GRAPH ? "],\"results\":[" : "],\"Results\":["));
    put_rows(out, a);
    hunting_put(out, span_of("]}"));
}

static void
reply_answer(struct call *c, struct http_reply *reply, const struct hunt *hunt,
             enum dialect dialect)
{
    struct hunting_text out = {.limit = dialect == GRAPH ? GRAPH_SIZE_MAX : DEFENDER_SIZE_MAX};
    char message[200];

    if (hunt->answers.count != 1) {
        snprintf(message, sizeof message,
                 "The query gives %u tables and this API answers with one: ask for one at a time, "
                 "or use /v1/workspaces/{id}/query.",
                 hunt->answers.count);
        reply_fault(c, reply, dialect, 400, "BadRequest", message);
        return;
    }
    if (hunt->partial != HUNT_CUT_SIZE)
        put_answer(c, &out, hunt, dialect);
    if (hunt->partial == HUNT_CUT_SIZE || out.is_over) {
        hunting_text_free(&out);
        reply_fault(c, reply, dialect, 400, "BadRequest",
                    "Query execution has exceeded the allowed result size. Optimize your query by "
                    "limiting the number of results and try again");
        return;
    }
    hunting_reply(c, reply, 200, &out);
    if (reply->status == 200 && hunt->partial == HUNT_CUT_ROWS)
        call_header(reply, "x-penstock-partial", "rows");
}

static void
query_run(struct call *c, struct http_reply *reply, enum dialect dialect)
{
    struct hunting_query *query = malloc(sizeof *query);
    struct hunting_ask ask = {.shape = HUNT_HUNTING,
                              .rows_max = ROWS_MAX,
                              .size_max = dialect == GRAPH ? GRAPH_SIZE_MAX : DEFENDER_SIZE_MAX};
    struct hunt hunt;
    struct err err;
    enum status st;
    json_t *tree = hunting_json_read((struct span){c->body, c->body_size}, &err);

    if (query == NULL) {
        reply_fault(c, reply, dialect, 503, "ServiceUnavailable", "No memory for the request.");
    } else if (tree == NULL || !hunting_query_read(tree, call_now(c), query, &err)) {
        reply_fault(c, reply, dialect, 400, dialect == GRAPH ? "BadRequest" : "InvalidRequestBody",
                    err.text);
    } else {
        ask.text = query->text;
        ask.workspace = query->workspace;
        ask.from = query->period.from;
        ask.to = query->period.to;
        if (!hunting_run(c, &ask, &hunt, &st, &err)) {
            reply_fault(c, reply, dialect, 404, "ResourceNotFound", err.text);
        } else {
            if (st == ST_OK)
                reply_answer(c, reply, &hunt, dialect);
            else
                reply_failure(c, reply, dialect, &hunt, &err);
            hunt_end(&hunt);
        }
    }
    json_decref(tree);
    free(query);
}

void
defender_run(struct call *c, struct http_reply *reply)
{
    query_run(c, reply, DEFENDER);
}

void
defender_run_graph(struct call *c, struct http_reply *reply)
{
    const char *id = http_header(c->request, "client-request-id");

    query_run(c, reply, GRAPH);
    if (id != NULL)
        call_header(reply, "client-request-id", id);
}
