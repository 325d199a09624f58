/* kusto_answer.c - tables as Kusto writes them, in both versions. An answer that met a limit is an error to Kusto's clients, beside the rows
 * that fitted: it stands where the service puts it, in the table's rows, in the table that says how the query went, and at the end. */
#include "api/kusto.h"
#include "model/datetime.h"
#include <strings.h>

static const int too_large = -2133196797; /* 0x80DA0003, E_QUERY_RESULT_SET_TOO_LARGE */

static void
put_text(struct hunting_text *out, const char *text)
{
    hunting_put(out, span_of(text));
}

static void
put_time(struct hunting_text *out, int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    datetime_write(text, ticks);
    hunting_put_quoted(out, (struct span){text, sizeof text});
}

/* ---- what was cut ---- */

/* "" if nothing was cut. */
static void
cut_write(const struct kusto_result *r, char out[400])
{
    out[0] = '\0';
    if (r->cut_rows > 0 || r->cut_size > 0)
        snprintf(out, 400,
                 "Query execution has exceeded the allowed limits (80DA0003): The results of this "
                 "query exceed the set limit of %llu %s, so not all records were returned "
                 "(E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003). See "
                 "https://aka.ms/kustoquerylimits for more information and possible solutions..",
                 (unsigned long long)(r->cut_rows > 0 ? r->cut_rows : r->cut_size),
                 r->cut_rows > 0 ? "records" : "bytes");
}

static void
put_cut_error(struct hunting_text *out, const struct kusto_call *k, const char *message)
{
    put_text(out, "\"OneApiErrors\":[{\"error\":{\"code\":\"LimitsExceeded\",\"message\":\"Request "
                  "is invalid and cannot be executed.\",\"@type\":\"Kusto.Data.Exceptions."
                  "KustoServicePartialQueryFailureLimitsExceededException\",\"@message\":");
    hunting_put_quoted(out, span_of(message));
    put_text(out, ",");
    kusto_put_context(out, k);
    put_text(out, ",\"@permanent\":false}}]");
}

/* ---- rows ---- */

/* Rows of all tables together have size_max bytes. */
static void
put_rows_of(struct hunting_text *out, struct kusto_result *r, const struct kql_answer *a,
            size_t *left, size_t *count)
{
    size_t before = out->n;

    if (!hunting_put_rows(out, a, before + *left, HUNTING_DYNAMIC_JSON, count) && r->cut_rows == 0)
        r->cut_size = r->size_max;
    *left -= out->n - before < *left ? out->n - before : *left;
}

/* "System.Int64" as the first version writes it. */
static const char *
data_type(enum kql_type type)
{
    const char *name = kql_type_data_type(type), *dot = strrchr(name, '.');

    if (type == KQL_BOOL)
        return "SByte";
    return dot == NULL ? name : dot + 1;
}

static void
put_columns(struct hunting_text *out, const struct kql_schema *s, bool is_v1)
{
    put_text(out, "\"Columns\":[");
    for (uint32_t i = 0; i < s->count; i++) {
        put_text(out, i == 0 ? "{\"ColumnName\":" : ",{\"ColumnName\":");
        hunting_put_quoted(out, s->columns[i].name);
        if (is_v1)
            hunting_printf(out, ",\"DataType\":\"%s\"", data_type(s->columns[i].type));
        hunting_printf(out, ",\"ColumnType\":\"%s\"}", kql_type_name(s->columns[i].type));
    }
    put_text(out, "]");
}

/* "Name:type,Name:type" of a table of ours. */
static void
put_columns_text(struct hunting_text *out, const char *columns, bool is_v1)
{
    struct kql_column made[16];
    struct kql_schema s = {made, 0, false};

    for (const char *at = columns; *at != '\0'; at += *at == ',') {
        size_t name = strcspn(at, ":"), type = strcspn(at + name, ",");
        enum kql_type t = KQL_STRING;

        (void)kql_type_read((struct span){at + name + 1, type - 1}, &t);
        made[s.count++] = (struct kql_column){
            {at, name},
            (uint8_t)t
        };
        at += name + type;
    }
    put_columns(out, &s, is_v1);
}

/* ---- render ---- */

/* Members in the service's order, the object as text. */
static void
put_visualization(struct hunting_text *out, const struct kql_op *render)
{
    static const char *const names[] = {
        "Title",         "XColumn", "Series", "YColumns", "AnomalyColumns", "XTitle",
        "YTitle",        "XAxis",   "YAxis",  "Legend",   "YSplit",         "Accumulate",
        "IsQuerySorted", "Kind",    "Ymin",   "Ymax",     "Xmin",           "Xmax"};
    struct hunting_text json = {.limit = 0};
    struct span value;

    put_text(&json, "{\"Visualization\":");
    if (render == NULL)
        put_text(&json, "null");
    else
        hunting_put_quoted(&json, render->u.render.chart);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool is_flag = strcmp(names[i], "Accumulate") == 0;

        hunting_printf(&json, ",\"%s\":", names[i]);
        if (strcmp(names[i], "IsQuerySorted") == 0)
            put_text(&json, "false");
        else if (!hunting_render_property(render, names[i], &value))
            put_text(&json, is_flag                                    ? "false"
                            : names[i][0] == 'Y' && names[i][1] == 'm' ? "\"NaN\""
                                                                       : "null");
        else if (is_flag)
            put_text(&json,
                     value.n == 4 && strncasecmp(value.p, "true", 4) == 0 ? "true" : "false");
        else
            hunting_put_quoted(&json, value);
    }
    put_text(&json, "}");
    if (json.is_spent)
        out->is_spent = true;
    else
        hunting_put_quoted(out, (struct span){json.p, json.n});
    hunting_text_free(&json);
}

/* ---- how it went ---- */

static void
put_consumption(struct hunting_text *out, const struct kusto_result *r)
{
    const struct hunt_statistics *s = r->statistics;
    struct hunting_text json = {.limit = 0};
    char cpu[32];
    size_t n = kql_print_timespan(s->cpu_ms * (kql_ticks_per_s / 1000), cpu);

    hunting_printf(&json,
                   "{\"ExecutionTime\":%lld.%03lld,\"resource_usage\":{\"cpu\":{\"total cpu\":"
                   "\"%.*s\"},\"memory\":{\"peak_per_node\":%zu}},",
                   (long long)(s->wall_ms / 1000), (long long)(s->wall_ms % 1000), (int)n, cpu,
                   s->memory_peak);
    hunting_printf(&json,
                   "\"dataset_statistics\":[{\"table_row_count\":%llu,\"table_size\":%llu}]}",
                   (unsigned long long)s->rows, (unsigned long long)s->size);
    if (json.is_spent)
        out->is_spent = true;
    else
        hunting_put_quoted(out, (struct span){json.p, json.n});
    hunting_text_free(&json);
}

/* A row of QueryCompletionInformation, up to its payload. */
static void
put_completion(struct hunting_text *out, const struct kusto_call *k, int level, const char *name,
               int code, const char *code_name, int event, const char *event_name)
{
    put_text(out, "[");
    put_time(out, k->now);
    put_text(out, ",");
    hunting_put_quoted(out, span_of(k->client_id));
    hunting_printf(out, ",\"%s\",\"%s\",\"%s\",%d,\"%s\",%d,\"%s\",%d,\"%s\",", k->activity_id,
                   k->activity_id, k->activity_id, level, name, code, code_name, event, event_name);
}

static void
put_completion_rows(struct hunting_text *out, const struct kusto_call *k,
                    const struct kusto_result *r, const char *cut)
{
    if (cut[0] == '\0') {
        put_completion(out, k, 4, "Info", 0, "S_OK (0)", 4, "QueryInfo");
        put_text(out, "\"{\\\"Count\\\":1,\\\"Text\\\":\\\"Query completed successfully\\\"}\"]");
    } else {
        put_completion(out, k, 2, "Error", too_large, "E_QUERY_RESULT_SET_TOO_LARGE (80DA0003)", 1,
                       "Error");
        hunting_put_quoted(out, span_of(cut));
        put_text(out, "]");
    }
    if (r->statistics == NULL)
        return;
    put_text(out, ",");
    put_completion(out, k, 6, "Stats", 0, "S_OK (0)", 0, "QueryResourceConsumption");
    put_consumption(out, r);
    put_text(out, "]");
}

/* ---- the second version ---- */

static void
frame_next(struct hunting_text *out, const struct kusto_ask *ask)
{
    put_text(out, ask->has_newlines ? "\n," : ",");
}

static void
put_v2_table(struct hunting_text *out, const struct kusto_call *k, const struct kusto_ask *ask,
             struct kusto_result *r, uint32_t index, size_t *left)
{
    const struct kql_answer *a = &r->answers[index];
    char cut[400];
    size_t count;

    hunting_printf(out, "{\"FrameType\":\"%s\",\"TableId\":%u,\"TableKind\":\"PrimaryResult\",",
                   ask->is_fragmented ? "TableHeader" : "DataTable", index + 1);
    put_text(out, "\"TableName\":");
    hunting_put_quoted(out, a->name);
    put_text(out, ",");
    put_columns(out, &a->schema, false);
    if (ask->is_fragmented) {
        put_text(out, "}");
        frame_next(out, ask);
        hunting_printf(out,
                       "{\"FrameType\":\"TableFragment\",\"TableFragmentType\":\"DataAppend\","
                       "\"TableId\":%u,\"Rows\":[",
                       index + 1);
    } else {
        put_text(out, ",\"Rows\":[");
    }
    put_rows_of(out, r, a, left, &count);
    cut_write(r, cut);
    if (index + 1 < r->count)
        cut[0] = '\0'; /* told once, where the last rows are */
    if (cut[0] != '\0' && !ask->reports_at_table_end) {
        put_text(out, count > 0 ? ",{" : "{");
        put_cut_error(out, k, cut);
        put_text(out, "}");
    }
    put_text(out, "]}");
    if (!ask->is_fragmented)
        return;
    frame_next(out, ask);
    hunting_printf(out, "{\"FrameType\":\"TableCompletion\",\"TableId\":%u,\"RowCount\":%zu",
                   index + 1, count);
    if (cut[0] != '\0' && ask->reports_at_table_end) {
        put_text(out, ",");
        put_cut_error(out, k, cut);
    }
    put_text(out, "}");
}

void
kusto_put_v2(struct hunting_text *out, const struct kusto_call *k, const struct kusto_ask *ask,
             struct kusto_result *r)
{
    size_t left = r->size_max;
    char cut[400];

    hunting_printf(out,
                   "[{\"FrameType\":\"DataSetHeader\",\"IsProgressive\":false,\"Version\":"
                   "\"v2.0\",\"IsFragmented\":%s,\"ErrorReportingPlacement\":\"%s\"}",
                   ask->is_fragmented ? "true" : "false",
                   ask->reports_at_table_end ? "EndOfTable" : "InData");
    frame_next(out, ask);
    put_text(out, "{\"FrameType\":\"DataTable\",\"TableId\":0,\"TableKind\":\"QueryProperties\","
                  "\"TableName\":\"@ExtendedProperties\",");
    put_columns_text(out, "TableId:int,Key:string,Value:dynamic", false);
    put_text(out, ",\"Rows\":[");
    for (uint32_t i = 0; i < r->count; i++) {
        hunting_printf(out, "%s[%u,\"Visualization\",", i > 0 ? "," : "", i + 1);
        put_visualization(out, r->answers[i].render);
        put_text(out, "]");
    }
    put_text(out, "]}");
    for (uint32_t i = 0; i < r->count; i++) {
        frame_next(out, ask);
        put_v2_table(out, k, ask, r, i, &left);
    }
    cut_write(r, cut);
    frame_next(out, ask);
    hunting_printf(out,
                   "{\"FrameType\":\"DataTable\",\"TableId\":%u,\"TableKind\":"
                   "\"QueryCompletionInformation\",\"TableName\":"
                   "\"QueryCompletionInformation\",",
                   r->count + 1);
    put_columns_text(out,
                     "Timestamp:datetime,ClientRequestId:string,ActivityId:guid,SubActivityId:guid,"
                     "ParentActivityId:guid,Level:int,LevelName:string,StatusCode:int,"
                     "StatusCodeName:string,EventType:int,EventTypeName:string,Payload:string",
                     false);
    put_text(out, ",\"Rows\":[");
    put_completion_rows(out, k, r, cut);
    put_text(out, "]}");
    frame_next(out, ask);
    hunting_printf(out, "{\"FrameType\":\"DataSetCompletion\",\"HasErrors\":%s,\"Cancelled\":false",
                   cut[0] != '\0' ? "true" : "false");
    if (cut[0] != '\0') {
        put_text(out, ",");
        put_cut_error(out, k, cut);
    }
    put_text(out, ask->has_newlines ? "}\n]" : "}]");
}

/* ---- the first version ---- */

static void
put_v1_status(struct hunting_text *out, const struct kusto_call *k, const char *cut)
{
    put_columns_text(out,
                     "Timestamp:datetime,Severity:int,SeverityName:string,StatusCode:int,"
                     "StatusDescription:string,Count:int,RequestId:guid,ActivityId:guid,"
                     "SubActivityId:guid,ClientActivityId:string",
                     true);
    put_text(out, ",\"Rows\":[[");
    put_time(out, k->now);
    if (cut[0] == '\0')
        put_text(out, ",4,\"Info\",0,\"Query completed successfully\",1");
    else {
        hunting_printf(out, ",2,\"Error\",%d,", too_large);
        hunting_put_quoted(out, span_of(cut));
        put_text(out, ",1");
    }
    hunting_printf(out, ",\"%s\",\"%s\",\"%s\",", k->activity_id, k->activity_id, k->activity_id);
    hunting_put_quoted(out, span_of(k->client_id));
    put_text(out, "]]");
}

/* The last table says which of the others is what. */
static void
put_v1_contents(struct hunting_text *out, const struct kusto_call *k, uint32_t count)
{
    put_columns_text(out, "Ordinal:long,Kind:string,Name:string,Id:string,PrettyName:string", true);
    put_text(out, ",\"Rows\":[");
    for (uint32_t i = 0; i < count; i++)
        hunting_printf(out, "[%u,\"QueryResult\",\"PrimaryResult\",\"%.24s%012x\",\"\"],", i,
                       k->activity_id, i + 1);
    hunting_printf(out, "[%u,\"QueryProperties\",\"@ExtendedProperties\",\"%.24s%012x\",\"\"],",
                   count, k->activity_id, count + 1);
    hunting_printf(out,
                   "[%u,\"QueryStatus\",\"QueryStatus\",\"00000000-0000-0000-0000-"
                   "000000000000\",\"\"]]",
                   count + 1);
}

void
kusto_put_v1(struct hunting_text *out, const struct kusto_call *k, struct kusto_result *r)
{
    size_t left = r->size_max, count;
    char cut[400] = "";

    put_text(out, "{\"Tables\":[");
    for (uint32_t i = 0; i < r->count; i++) {
        hunting_printf(out, "%s{\"TableName\":\"Table_%u\",", i > 0 ? "," : "", i);
        put_columns(out, &r->answers[i].schema, true);
        put_text(out, ",\"Rows\":[");
        put_rows_of(out, r, &r->answers[i], &left, &count);
        if (i + 1 == r->count)
            cut_write(r, cut);
        if (cut[0] != '\0') {
            put_text(out, count > 0 ? ",{\"Exceptions\":[" : "{\"Exceptions\":[");
            hunting_put_quoted(out, span_of(cut));
            put_text(out, "]}");
        }
        put_text(out, "]}");
    }
    if (r->statistics != NULL) {
        hunting_printf(out, ",{\"TableName\":\"Table_%u\",", r->count);
        put_columns_text(out, "Value:string", true);
        put_text(out, ",\"Rows\":[[");
        put_visualization(out, r->count > 0 ? r->answers[0].render : NULL);
        hunting_printf(out, "]]},{\"TableName\":\"Table_%u\",", r->count + 1);
        put_v1_status(out, k, cut);
        hunting_printf(out, "},{\"TableName\":\"Table_%u\",", r->count + 2);
        put_v1_contents(out, k, r->count);
        put_text(out, "}");
    }
    put_text(out, "]");
    if (cut[0] != '\0') {
        put_text(out, ",\"Exceptions\":[");
        hunting_put_quoted(out, span_of(cut));
        put_text(out, "]");
    }
    put_text(out, "}");
}
