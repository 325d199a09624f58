/* loganalytics_metadata.c - what a workspace holds, in the shape of the REST reference "logsquery", Metadata: tables with their
 * columns, functions, and the workspace itself. Every workspace has all tables of the catalog. */
#include "api/loganalytics.h"
#include "api/schema_json.h"

static void
put_table(struct hunting_text *out, const struct catalog_table *t, const char *workspace)
{
    size_t count;
    const struct catalog_column *columns = schema_columns(t, true, &count);
    const char *time_column =
        t->workspace_column_count > 0 ? t->workspace_time_column : t->time_column;

    hunting_put(out, span_of("{\"id\":"));
    hunting_put_quoted(out, span_of(t->name));
    hunting_put(out, span_of(",\"name\":"));
    hunting_put_quoted(out, span_of(t->name));
    if (time_column != NULL) {
        hunting_put(out, span_of(",\"timespanColumn\":"));
        hunting_put_quoted(out, span_of(time_column));
    }
    hunting_put(out, span_of(",\"columns\":["));
    for (size_t i = 0; i < count; i++) {
        hunting_put(out, span_of(i == 0 ? "{\"name\":" : ",{\"name\":"));
        hunting_put_quoted(out, span_of(columns[i].name));
        hunting_printf(out, ",\"type\":\"%s\"}", column_type_name(columns[i].type));
    }
    hunting_printf(out, "],\"related\":{\"workspaces\":[\"%s\"]}}", workspace);
}

void
loganalytics_metadata(struct call *c, struct http_reply *reply)
{
    const struct catalog *catalog = c->control->catalog;
    struct hunting_text out = {.limit = 0};
    struct workspace_place place;
    struct err err;

    if (!hunting_place(c, span_of(c->arguments[0]), &place, &err)) {
        loganalytics_put_absent(&out, &err);
        hunting_reply(c, reply, 404, &out);
        return;
    }
    hunting_put(&out, span_of("{\"tables\":["));
    for (size_t i = 0; i < catalog->table_count; i++) {
        if (i > 0)
            hunting_put(&out, span_of(","));
        put_table(&out, &catalog->tables[i], place.guid);
    }
    hunting_printf(&out,
                   "],\"functions\":[],\"workspaces\":[{\"id\":\"%s\",\"resourceId\":", place.guid);
    hunting_put_quoted(&out, span_of(place.resource_id));
    hunting_put(&out, span_of(",\"name\":"));
    hunting_put_quoted(&out, span_of(place.name));
    hunting_put(&out, span_of(",\"region\":\"local\",\"related\":{}}]}"));
    hunting_reply(c, reply, 200, &out);
}
