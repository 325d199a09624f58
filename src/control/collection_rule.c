/* collection_rule.c - a rule's text, checked and compiled in one go: what is stored is what was compiled. */
#include "control/collection_inner.h"
#include "control/config.h"
#include "control/inventory.h"
#include "wire/digest.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum status
collection_rule_id(const char *resource_id, char out[COLLECTION_ID_SIZE], struct err *err)
{
    unsigned char hash[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1], lower[2200];
    size_t n = 0;

    for (; resource_id[n] != '\0' && n < sizeof lower - 1; n++)
        lower[n] = (char)tolower((unsigned char)resource_id[n]);
    if (!digest_sha256((struct span){lower, n}, hash))
        return err_set(err, ST_IO, "no SHA-256 for the immutable id");
    digest_hex(hash, sizeof hash, hex);
    snprintf(out, COLLECTION_ID_SIZE, "dcr-%.32s", hex);
    return ST_OK;
}

enum status
collection_default_id(const char *tenant, char out[COLLECTION_ID_SIZE], struct err *err)
{
    char id[100];

    snprintf(id, sizeof id, "/tenants/%s/dataCollectionRules/" COLLECTION_DEFAULT, tenant);
    return collection_rule_id(id, out, err);
}

/* ---- names of streams ---- */

static const char microsoft[] = "Microsoft-", custom[] = "Custom-";

/* Table of an output stream, in 'room' where its name has to be made. NULL: err says why it is none. */
static const char *
output_table(const struct control *c, const char *stream, bool is_default,
             char room[CATALOG_TABLE_NAME_MAX + 1], struct err *err)
{
    bool is_custom = strncasecmp(stream, custom, 7) == 0;
    bool is_microsoft = strncasecmp(stream, microsoft, 10) == 0;
    const char *name = stream + (is_custom ? 7 : is_microsoft ? 10 : 0);
    size_t n = strlen(name);
    bool has_suffix = n > 3 && strcasecmp(name + n - 3, "_CL") == 0;
    const struct catalog_table *known;

    if (!is_custom && !is_microsoft) {
        err_set(err, ST_INVALID, "a stream is Microsoft-TABLE or Custom-TABLE_CL, not '%.80s'",
                stream);
        return NULL;
    }
    if (is_custom && !has_suffix && !is_default) {
        err_set(err, ST_INVALID, "the table of a custom output stream ends in _CL: Custom-%.64s_CL",
                name);
        return NULL;
    }
    if (n == 0 || strcasecmp(name, "_CL") == 0 ||
        (size_t)snprintf(room, CATALOG_TABLE_NAME_MAX + 1, "%s%s", name,
                         is_custom && !has_suffix ? "_CL" : "") > CATALOG_TABLE_NAME_MAX ||
        !catalog_name_is_safe(span_of(room), CATALOG_TABLE_NAME_MAX)) {
        err_set(err, ST_INVALID,
                "'%.80s' is no name of a table: letters, digits, '_' and '-', at most %d", name,
                CATALOG_TABLE_NAME_MAX);
        return NULL;
    }
    known = catalog_find_near(c->catalog, span_of(room));
    if (known != NULL && strcasecmp(known->name, room) == 0)
        return known->name;
    if (c->config->unknown_tables && (is_custom || !is_default))
        return room;
    err_set(err, ST_INVALID, "there is no table '%.64s'%s%.64s%s", room,
            known != NULL ? "; did you mean " : "", known != NULL ? known->name : "",
            known != NULL ? "?" : "");
    return NULL;
}

enum status
collection_default(const struct control *c, const char *stream, struct collection **compiled,
                   struct err *err)
{
    char room[CATALOG_TABLE_NAME_MAX + 1];
    const char *table = output_table(c, stream, true, room, err);
    struct collect_source source = {.catalog = c->catalog, .table = table};
    struct collect *flow;
    struct collection *x;
    enum status st;

    if (table == NULL)
        return ST_INVALID;
    x = collection_new();
    if (x == NULL)
        return err_set(err, ST_FULL, "no memory for a collection rule");
    st = collect_make(&source, &flow, err);
    if (st == ST_OK && !collection_add(x, stream, flow))
        st = err_set(err, ST_FULL, "no memory for a collection rule");
    if (st != ST_OK)
        collection_release(x);
    else
        *compiled = x;
    return st;
}

/* ---- reading ---- */

struct reading {
    const struct control *c;
    struct automation_faults *f;
    const json_t *declarations, *destinations;
    struct collection *compiled;
    size_t pairs; /* streams times flows */
    bool has_no_memory;
};

/* A text member; NULL: absent, or told. */
static const char *
text_get(struct reading *r, const json_t *object, const char *name, const char *place,
         size_t size_max)
{
    const json_t *value = json_object_get(object, name);
    char target[240];

    snprintf(target, sizeof target, "%s%s%s", place, place[0] == '\0' ? "" : ".", name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_string(value))
        automation_fault_type(r->f, target, "a string");
    else if (strlen(json_string_value(value)) != json_string_length(value))
        automation_fault(r->f, "InvalidProperty", target, "%s holds a NUL character.", name);
    else if (json_string_length(value) > size_max)
        automation_fault(r->f, "PropertyTooLong", target, "%s has %zu bytes; %zu are the most.",
                         name, json_string_length(value), size_max);
    else
        return json_string_value(value);
    return NULL;
}

static bool
column_name_is(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > CATALOG_COLUMN_NAME_MAX || isdigit((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return true;
}

static void
column_check(struct reading *r, const json_t *columns, size_t index, const char *place)
{
    const json_t *column = json_array_get(columns, index);
    char target[200];
    enum column_type type;
    const char *name, *text;

    snprintf(target, sizeof target, "%.120s.columns[%zu]", place, index);
    if (!json_is_object(column)) {
        automation_fault_type(r->f, target, "an object");
        return;
    }
    name = text_get(r, column, "name", target, 1024);
    text = text_get(r, column, "type", target, 64);
    if (name == NULL || text == NULL) {
        automation_fault(r->f, "MissingProperty", target, "A column has a name and a type.");
        return;
    }
    if (!column_name_is(name))
        automation_fault(r->f, "InvalidColumn", target,
                         "'%.60s' is no column name: letters, digits and '_', no digit in front, "
                         "at most %d.",
                         name, CATALOG_COLUMN_NAME_MAX);
    if (!column_type_read(span_of(text), &type))
        automation_fault(r->f, "InvalidColumn", target,
                         "'%.40s' is no type: string, int, long, real, boolean, datetime or "
                         "dynamic.",
                         text);
    for (size_t i = 0; i < index; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(columns, i), "name"));

        if (other != NULL && strcmp(other, name) == 0)
            automation_fault(r->f, "InvalidColumn", target, "'%.100s' is declared twice.", name);
    }
}

static void
declarations_check(struct reading *r, const json_t *properties)
{
    json_t *all = json_object_get(properties, "streamDeclarations"), *one;
    const char *name;

    if (all == NULL || json_is_null(all))
        return;
    if (!json_is_object(all)) {
        automation_fault_type(r->f, "properties.streamDeclarations", "an object");
        return;
    }
    r->declarations = all;
    if (json_object_size(all) > COLLECTION_STREAMS_MAX)
        automation_fault(r->f, "TooManyItems", "properties.streamDeclarations",
                         "%zu streams; %d are the most.", json_object_size(all),
                         COLLECTION_STREAMS_MAX);
    json_object_foreach(all, name, one)
    {
        const json_t *columns = json_object_get(one, "columns");
        char place[160];

        snprintf(place, sizeof place, "properties.streamDeclarations.%.90s", name);
        if (strncasecmp(name, custom, 7) != 0 || strlen(name) > COLLECTION_STREAM_NAME_MAX ||
            !catalog_name_is_safe(span_of(name), COLLECTION_STREAM_NAME_MAX))
            automation_fault(r->f, "InvalidStream", place,
                             "A declared stream is Custom-NAME: letters, digits, '_' and '-', at "
                             "most %d.",
                             COLLECTION_STREAM_NAME_MAX);
        if (!json_is_array(columns) || json_array_size(columns) == 0)
            automation_fault(r->f, "MissingProperty", place,
                             "columns is missing: an array of at least one {\"name\",\"type\"}.");
        else if (json_array_size(columns) > CATALOG_COLUMNS_MAX)
            automation_fault(r->f, "TooManyItems", place, "%zu columns; %d are the most.",
                             json_array_size(columns), CATALOG_COLUMNS_MAX);
        for (size_t i = 0; i < json_array_size(columns) && i < CATALOG_COLUMNS_MAX; i++)
            column_check(r, columns, i, place);
    }
}

/* Whether a destination of that name is there: {"logAnalytics":[{"name"}],"azureMonitorMetrics":{"name"}}. */
static bool
destination_is(const json_t *destinations, const char *wanted)
{
    const char *key;
    json_t *kind, *one;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)destinations, key, kind)
    {
        const char *name = json_string_value(json_object_get(kind, "name"));

        (void)key;
        if (name != NULL && strcmp(name, wanted) == 0)
            return true;
        json_array_foreach(kind, i, one)
        {
            name = json_string_value(json_object_get(one, "name"));
            if (name != NULL && strcmp(name, wanted) == 0)
                return true;
        }
    }
    return false;
}

static void
flow_destinations_check(struct reading *r, const json_t *flow, const char *place)
{
    const json_t *names = json_object_get(flow, "destinations"), *name;
    char target[120];
    size_t i;

    if (names == NULL || json_is_null(names))
        return;
    snprintf(target, sizeof target, "%s.destinations", place);
    if (!json_is_array(names)) {
        automation_fault_type(r->f, target, "an array of strings");
        return;
    }
    json_array_foreach(names, i, name)
    {
        snprintf(target, sizeof target, "%s.destinations[%zu]", place, i);
        if (!json_is_string(name))
            automation_fault_type(r->f, target, "a string");
        else if (!destination_is(r->destinations, json_string_value(name)))
            automation_fault(r->f, "InvalidDestination", target,
                             "properties.destinations has none named '%.80s'.",
                             json_string_value(name));
    }
}

/* The stream's own declaration, whatever its casing. */
static const json_t *
declaration_of(const struct reading *r, const char *stream)
{
    const char *name;
    json_t *one;

    json_object_foreach((json_t *)(uintptr_t)r->declarations, name, one)
    {
        if (strcasecmp(name, stream) == 0)
            return one;
    }
    return NULL;
}

/* What is declared, as collect_make takes it; malloc'd. */
static struct collect_column *
columns_make(struct reading *r, const json_t *declaration, size_t *count)
{
    const json_t *columns = json_object_get(declaration, "columns"), *one;
    struct collect_column *out = calloc(json_array_size(columns) + 1, sizeof *out);
    size_t i;

    *count = 0;
    if (out == NULL) {
        r->has_no_memory = true;
        return NULL;
    }
    json_array_foreach(columns, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *type = json_string_value(json_object_get(one, "type"));

        if (name != NULL && type != NULL &&
            column_type_read(span_of(type), &out[*count].type)) /* else it was told */
            out[(*count)++].name = name;
    }
    return out;
}

struct flow {
    const char *place, *kql, *output; /* NULL: none */
};

/* One stream of a flow: resolved, compiled and added. */
static void
stream_compile(struct reading *r, const struct flow *flow, const char *stream, size_t index)
{
    char target[120], room[CATALOG_TABLE_NAME_MAX + 1], input_room[CATALOG_TABLE_NAME_MAX + 1];
    const json_t *declaration = declaration_of(r, stream);
    bool is_microsoft = strncasecmp(stream, microsoft, 10) == 0;
    struct collect_source source = {.catalog = r->c->catalog, .kql = flow->kql};
    struct collect_column *columns = NULL;
    struct collect *made = NULL;
    struct err why = {""};
    enum status st;

    snprintf(target, sizeof target, "%s.streams[%zu]", flow->place, index);
    if (declaration == NULL && !is_microsoft) {
        automation_fault(r->f, "InvalidStream", target,
                         "'%.80s' is neither declared under streamDeclarations nor "
                         "Microsoft-TABLE.",
                         stream);
        return;
    }
    if (is_microsoft) {
        source.input = output_table(r->c, stream, false, input_room, &why);
        if (source.input == NULL) {
            automation_fault(r->f, "InvalidStream", target, "%s.", why.text);
            return;
        }
    }
    source.table =
        output_table(r->c, flow->output != NULL ? flow->output : stream, false, room, &why);
    if (source.table == NULL) {
        snprintf(target, sizeof target, "%s.outputStream", flow->place);
        automation_fault(r->f, "InvalidOutputStream", target, "%s.", why.text);
        return;
    }
    if (declaration != NULL) {
        columns = columns_make(r, declaration, &source.column_count);
        source.columns = columns;
    }
    st = columns == NULL && declaration != NULL ? ST_FULL : collect_make(&source, &made, &why);
    if (st == ST_INVALID) {
        snprintf(target, sizeof target, "%s.transformKql", flow->place);
        automation_fault(r->f, "InvalidTransform", target, "For the stream %s: %s", stream,
                         why.text);
    } else if (st != ST_OK || !collection_add(r->compiled, stream, made)) {
        r->has_no_memory = true;
    }
    free(columns);
}

static void
flow_read(struct reading *r, const json_t *flow, size_t index)
{
    const json_t *streams = json_object_get(flow, "streams"), *one;
    char place[60], target[120];
    struct flow x = {.place = place};
    size_t i;

    snprintf(place, sizeof place, "properties.dataFlows[%zu]", index);
    if (!json_is_object(flow)) {
        automation_fault_type(r->f, place, "an object");
        return;
    }
    flow_destinations_check(r, flow, place);
    x.output = text_get(r, flow, "outputStream", place, 256);
    x.kql = text_get(r, flow, "transformKql", place, COLLECT_TEXT_MAX);
    if (text_get(r, flow, "builtInTransform", place, 256) != NULL) {
        snprintf(target, sizeof target, "%s.builtInTransform", place);
        automation_fault(r->f, "InvalidTransform", target,
                         "There are no built-in transforms here: say it with transformKql.");
    }
    snprintf(target, sizeof target, "%s.streams", place);
    if (!json_is_array(streams) || json_array_size(streams) == 0) {
        automation_fault(r->f, "MissingProperty", target,
                         "streams is missing: an array of at least one name.");
        return;
    }
    r->pairs += json_array_size(streams);
    if (r->pairs > COLLECTION_STREAMS_MAX) {
        automation_fault(r->f, "TooManyItems", target,
                         "%zu streams in all data flows; %d are the most.", r->pairs,
                         COLLECTION_STREAMS_MAX);
        return;
    }
    json_array_foreach(streams, i, one)
    {
        snprintf(target, sizeof target, "%s.streams[%zu]", place, i);
        if (!json_is_string(one))
            automation_fault_type(r->f, target, "a string");
        else
            stream_compile(r, &x, json_string_value(one), i);
    }
}

static void
properties_read(struct reading *r, const json_t *properties)
{
    const json_t *flows = json_object_get(properties, "dataFlows"), *one;
    size_t i;

    if (!json_is_object(properties)) {
        automation_fault(r->f, "MissingProperty", "properties",
                         "properties is missing, or no object.");
        return;
    }
    (void)text_get(r, properties, "description", "properties", AUTOMATION_DESCRIPTION_MAX);
    declarations_check(r, properties);
    r->destinations = json_object_get(properties, "destinations");
    if (r->destinations != NULL && !json_is_object(r->destinations) &&
        !json_is_null(r->destinations))
        automation_fault_type(r->f, "properties.destinations", "an object");
    if (!json_is_array(flows) || json_array_size(flows) == 0) {
        automation_fault(r->f, "MissingProperty", "properties.dataFlows",
                         "dataFlows is missing: an array of at least one "
                         "{\"streams\",\"outputStream\",\"transformKql\"}.");
        return;
    }
    if (json_array_size(flows) > COLLECTION_FLOWS_MAX) {
        automation_fault(r->f, "TooManyItems", "properties.dataFlows",
                         "%zu data flows; %d are the most.", json_array_size(flows),
                         COLLECTION_FLOWS_MAX);
        return;
    }
    json_array_foreach(flows, i, one)
    {
        flow_read(r, one, i);
    }
}

/* As it is answered: what may only be read is ours. */
static json_t *
shown_make(const struct automation_place *place, const json_t *body, const char *location,
           const char *immutable)
{
    static const char *const read_only[] = {"immutableId", "provisioningState", "endpoints",
                                            "metadata"};
    json_t *out = json_object(), *properties;
    const json_t *kind = json_object_get(body, "kind"), *tags = json_object_get(body, "tags");

    properties = json_deep_copy(json_object_get(body, "properties"));
    for (size_t i = 0; i < COUNT_OF(read_only); i++)
        json_object_del(properties, read_only[i]);
    json_object_set_new(properties, "immutableId", json_string(immutable));
    json_object_set_new(properties, "provisioningState", json_string("Succeeded"));
    json_object_set_new(out, "id", json_string(place->id));
    json_object_set_new(out, "name", json_string(place->name));
    json_object_set_new(out, "type", json_string("Microsoft.Insights/dataCollectionRules"));
    json_object_set_new(out, "location", json_string(location));
    if (json_is_string(kind))
        json_object_set(out, "kind", (json_t *)(uintptr_t)kind);
    if (json_is_object(tags))
        json_object_set_new(out, "tags", json_deep_copy(tags));
    if (json_object_set_new(out, "properties", properties) != 0 ||
        json_object_get(properties, "provisioningState") == NULL ||
        json_object_get(out, "location") == NULL) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static void
head_check(struct reading *r, const json_t *body, const char **location)
{
    const char *given = text_get(r, body, "location", "", INVENTORY_NAME_MAX);

    if (given != NULL && given[0] != '\0')
        *location = given;
    if (*location == NULL)
        automation_fault(r->f, "LocationRequired", "location", "location is missing.");
    (void)text_get(r, body, "kind", "", 64);
}

enum status
collection_rule_read(const struct control *c, const struct automation_place *place,
                     const json_t *body, const char *location, json_t **shown,
                     struct collection **compiled, struct automation_faults *faults,
                     struct err *err)
{
    struct reading r = {.c = c, .f = faults, .compiled = collection_new()};
    char immutable[COLLECTION_ID_SIZE];
    enum status st = collection_rule_id(place->id, immutable, err);

    *shown = NULL;
    if (r.compiled == NULL)
        return err_set(err, ST_FULL, "no memory for a collection rule");
    if (st == ST_OK) {
        head_check(&r, body, &location);
        properties_read(&r, json_object_get(body, "properties"));
        if (faults->count > 0)
            st = err_set(err, ST_INVALID, "%s", faults->first);
    }
    if (st == ST_OK && !r.has_no_memory)
        *shown = shown_make(place, body, location, immutable);
    if (st == ST_OK && *shown == NULL)
        st = err_set(err, ST_FULL, "no memory for a collection rule");
    if (st == ST_OK)
        *compiled = r.compiled;
    else
        collection_release(r.compiled);
    return st;
}
