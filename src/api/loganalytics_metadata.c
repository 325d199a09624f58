/* loganalytics_metadata.c - what a workspace holds, in the shape of the REST reference "logsquery", Metadata: tables with their
 * columns, functions, and the workspace itself. Every workspace has all tables of the catalog; their columns are asked of
 * it as a query would see them, by one that names each table and is only bound. */
#include "api/loganalytics.h"
#include "control/saved_queries.h"
#include <stdlib.h>

static void
put_text(struct hunting_text *out, const char *before, struct span text)
{
    hunting_put(out, span_of(before));
    hunting_put_quoted(out, text);
}

static void
put_table(struct hunting_text *out, const struct catalog_table *t, const struct kql_schema *schema,
          const char *workspace)
{
    const char *time_column =
        t->workspace_column_count > 0 ? t->workspace_time_column : t->time_column;

    put_text(out, "{\"id\":", span_of(t->name));
    put_text(out, ",\"name\":", span_of(t->name));
    if (time_column != NULL)
        put_text(out, ",\"timespanColumn\":", span_of(time_column));
    hunting_put(out, span_of(",\"columns\":["));
    for (uint32_t i = 0; i < schema->count; i++) {
        put_text(out, i == 0 ? "{\"name\":" : ",{\"name\":", schema->columns[i].name);
        hunting_printf(out, ",\"type\":\"%s\"}", kql_type_name(schema->columns[i].type));
    }
    hunting_printf(out, "],\"related\":{\"workspaces\":[\"%s\"]}}", workspace);
}

/* Those that the caller can call: its tenant's. An operator's, who belongs to none, are not listed. */
static void
put_functions(struct call *c, struct hunting_text *out, const char *workspace)
{
    struct settings_reply found = {.body = NULL};
    json_t *tree = NULL, *item;
    bool is_next = false;
    size_t i;

    if (c->tenant != NULL)
        saved_queries_list(c->control, c->tenant, workspace, "function", &found);
    if (found.status == 200)
        tree = json_loadb(found.body, found.body_size, 0, NULL);
    json_array_foreach(json_object_get(tree, "value"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const json_t *body = json_object_get(item, "query");
        const char *parameters = json_string_value(json_object_get(item, "parameters"));
        const char *description = json_string_value(json_object_get(item, "description"));

        if (name == NULL || !json_is_string(body))
            continue;
        put_text(out, is_next ? ",{\"id\":" : "{\"id\":", span_of(name));
        put_text(out, ",\"name\":", span_of(name));
        put_text(out, ",\"displayName\":", span_of(name));
        if (parameters != NULL)
            put_text(out, ",\"parameters\":", span_of(parameters));
        if (description != NULL)
            put_text(out, ",\"description\":", span_of(description));
        put_text(out,
                 ",\"body\":", (struct span){json_string_value(body), json_string_length(body)});
        hunting_printf(out, ",\"related\":{\"workspaces\":[\"%s\"]}}", workspace);
        is_next = true;
    }
    json_decref(tree);
    free(found.body);
    free(found.details);
}

static void
put_metadata(struct call *c, struct hunting_text *out, const struct workspace_place *place,
             const struct kql_answers *answers)
{
    const struct catalog *catalog = c->control->catalog;

    hunting_put(out, span_of("{\"tables\":["));
    for (size_t i = 0; i < catalog->table_count; i++) {
        if (i > 0)
            hunting_put(out, span_of(","));
        put_table(out, &catalog->tables[i], &answers->items[i].schema, place->guid);
    }
    hunting_put(out, span_of("],\"functions\":["));
    put_functions(c, out, place->guid);
    hunting_printf(out, "],\"workspaces\":[{\"id\":\"%s\"", place->guid);
    put_text(out, ",\"resourceId\":", span_of(place->resource_id));
    put_text(out, ",\"name\":", span_of(place->name));
    hunting_put(out, span_of(",\"region\":\"local\",\"related\":{}}]}"));
}

/* "['T1'];['T2']...": names of tables are letters, digits, '_' and '-'. */
static void
put_names(struct hunting_text *text, const struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->table_count; i++)
        hunting_printf(text, "%s['%s']", i == 0 ? "" : ";", catalog->tables[i].name);
}

void
loganalytics_metadata(struct call *c, struct http_reply *reply)
{
    struct hunting_text out = {.limit = 0}, names = {.limit = 0};
    struct hunting_ask ask = {.workspace = span_of(c->arguments[0]),
                              .shape = HUNT_WORKSPACE,
                              .from = INT64_MIN,
                              .to = INT64_MAX,
                              .only_checks = true};
    struct workspace_place place;
    enum status st;
    unsigned status = 200;
    struct hunt hunt;
    struct err err;

    put_names(&names, c->control->catalog);
    ask.text = (struct span){names.p, names.n};
    if (!hunting_place(c, ask.workspace, &place, &err) || !hunting_run(c, &ask, &hunt, &st, &err)) {
        loganalytics_put_absent(&out, &err);
        hunting_reply(c, reply, 404, &out);
        hunting_text_free(&names);
        return;
    }
    if (st == ST_OK && hunt.answers.count == c->control->catalog->table_count)
        put_metadata(c, &out, &place, &hunt.answers);
    else
        status = loganalytics_put_failure(&out, &hunt, &err);
    hunting_reply(c, reply, status, &out);
    if (status == 429 || status == 503)
        reply->retry_after_s = HUNTING_RETRY_S;
    hunt_end(&hunt);
    hunting_text_free(&names);
}
