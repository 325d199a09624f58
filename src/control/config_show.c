/* config_show.c - the configuration in force as YAML. Strings are written as JSON strings, which
 * YAML reads as well. */
#include "control/config_keys.h"
#include <stdlib.h>

static void
text_put(FILE *out, const char *text)
{
    json_t *string = json_string(text);
    char *json = string != NULL ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

    fprintf(out, "%s\n", json != NULL ? json : "\"\"");
    free(json);
    json_decref(string);
}

/* "    kind: \"kafka\"": a bare word could read as a number or null. */
static void
pair_put(FILE *out, const char *start, const char *text)
{
    fprintf(out, "%s: ", start);
    text_put(out, text);
}

/* Behind the keys of its section. */
static void
kept_put(FILE *out, const struct config *c)
{
    char text[40];

    if (c->workspaces.kept_count > 0)
        fprintf(out, "  tables:\n");
    for (size_t i = 0; i < c->workspaces.kept_count; i++) {
        const struct config_kept *k = &c->workspaces.kept[i];

        pair_put(out, "    - name", k->table);
        config_duration_write(k->age_ms, text, sizeof text);
        fprintf(out, "      keepAge: %s\n", text);
        config_size_write(k->size_max, text, sizeof text);
        fprintf(out, "      keepSize: %s\n", text);
    }
}

static void
texts_put(FILE *out, const char *name, const char *const *texts, size_t count)
{
    if (count > 0)
        fprintf(out, "  %s:\n", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "    - ");
        text_put(out, texts[i]);
    }
}

static void
keys_put(FILE *out, const struct config *c)
{
    const char *section = "";
    char value[4200];

    for (const struct key_row *row = config_keys; row->name != NULL; row++) {
        const char *indent = row->section[0] != '\0' ? "  " : "";

        config_value_write(c, row, value);
        if (strcmp(section, "workspaces") == 0 && strcmp(row->section, "workspaces") != 0)
            kept_put(out, c);
        if (strcmp(section, row->section) != 0)
            fprintf(out, "%s:\n", row->section);
        section = row->section;
        if (row->type == KEY_ORIGINS)
            texts_put(out, row->name, c->http.allowed_origins, c->http.allowed_origin_count);
        if (row->type == KEY_PREFIXES)
            texts_put(out, row->name, c->hunting.external.prefixes,
                      c->hunting.external.prefix_count);
        if (value[0] == '\0')
            continue;
        fprintf(out, "%s%s: ", indent, row->name);
        if (row->type == KEY_TEXT || row->type == KEY_PATH)
            text_put(out, value);
        else
            fprintf(out, "%s\n", value);
    }
}

static bool
is_secret(const struct control_kind *kind, const char *name)
{
    if (kind == NULL)
        return true; /* nobody says that it is not */
    for (const struct control_setting *s = kind->settings; s != NULL && s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s->is_secret;
    return true;
}

static void
settings_put(FILE *out, const struct control_kind *kind, const struct plan_setting *settings,
             size_t count)
{
    if (count > 0)
        fprintf(out, "    settings:\n");
    for (size_t i = 0; i < count; i++) {
        const char *name = settings[i].name;

        fprintf(out, "      %s: ", name);
        text_put(out, is_secret(kind, name) ? "***" : settings[i].value);
    }
}

static void
lists_put(FILE *out, const struct config *c, const struct control_kinds *kinds)
{
    if (c->tenant_count > 0)
        fprintf(out, "tenants:\n");
    for (size_t i = 0; i < c->tenant_count; i++) {
        fprintf(out, "  - id: %s\n", c->tenants[i].id);
        pair_put(out, "    name", c->tenants[i].name);
        for (size_t k = 0; k < c->tenants[i].subscription_count; k++)
            fprintf(out, "%s      - %s\n", k == 0 ? "    subscriptions:\n" : "",
                    c->tenants[i].subscriptions[k]);
    }
    if (c->resource_count > 0)
        fprintf(out, "resources:\n");
    for (size_t i = 0; i < c->resource_count; i++) {
        const struct config_resource *r = &c->resources[i];

        pair_put(out, "  - id", r->id);
        pair_put(out, "    kind", r->kind);
        fprintf(out, "    manyHubs: %s\n", r->many_hubs ? "true" : "false");
        for (size_t k = 0; k < r->tenant_count; k++)
            fprintf(out, "%s      - %s\n", k == 0 ? "    tenants:\n" : "", r->tenants[k]);
        if (r->solution_count > 0)
            fprintf(out, "    solutions:\n");
        for (size_t k = 0; k < r->solution_count; k++)
            pair_put(out, "      -", r->solutions[k]);
        settings_put(out, kinds != NULL ? control_sink_find(kinds, r->kind) : NULL, r->settings,
                     r->setting_count);
    }
    if (c->group_count > 0)
        fprintf(out, "deviceGroups:\n");
    for (size_t i = 0; i < c->group_count; i++)
        fprintf(out, "  - tenant: %s\n    groups: %s\n", c->groups[i].tenant, c->groups[i].json);
    if (c->source_count > 0)
        fprintf(out, "sources:\n");
    for (size_t i = 0; i < c->source_count; i++) {
        const struct config_source *s = &c->sources[i];

        pair_put(out, "  - name", s->name);
        pair_put(out, "    kind", s->kind);
        if (s->tenant[0] != '\0')
            fprintf(out, "    tenant: %s\n", s->tenant);
        if (s->table != NULL)
            pair_put(out, "    table", s->table);
        settings_put(out, kinds != NULL ? control_source_find(kinds, s->kind) : NULL, s->settings,
                     s->setting_count);
    }
}

/* Belongs into the section 'catalog', which keys_put has written last. */
static void
tables_put(FILE *out, const struct config *c)
{
    if (c->addition_count > 0)
        fprintf(out, "  tables:\n");
    for (size_t i = 0; i < c->addition_count; i++) {
        const struct catalog_table *t = &c->additions[i].table;

        pair_put(out, "    - name", t->name);
        if (t->category != NULL)
            pair_put(out, "      category", t->category);
        if (t->time_column != NULL)
            pair_put(out, "      timeColumn", t->time_column);
        fprintf(out, "      deviceScoped: %s\n      machineGroup: %s\n",
                t->is_device_scoped ? "true" : "false", machine_group_name(t->machine_group));
        for (size_t k = 0; k < t->column_count; k++)
            fprintf(out, "%s        %s: %s\n", k == 0 ? "      columns:\n" : "", t->columns[k].name,
                    column_type_name(t->columns[k].type));
    }
}

char *
config_show(const struct config *config, const struct control_kinds *kinds)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    keys_put(out, config);
    tables_put(out, config);
    lists_put(out, config, kinds);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
