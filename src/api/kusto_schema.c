/* kusto_schema.c - databases, tables, columns and functions, as Kusto's schema commands describe them. */
#include "api/kusto.h"
#include "api/schema_json.h"
#include "control/saved_queries.h"
#include "kql/dynamic.h"
#include "wire/json.h"
#include <stdlib.h>
#include <strings.h>

/* ---- a table being made ---- */

void
kusto_table_begin(struct kusto_table *t, struct pool *pool, const char *columns)
{
    size_t room = 0;

    *t = (struct kusto_table){.pool = pool};
    for (const char *at = columns; *at != '\0'; at += *at == ',') {
        size_t name = strcspn(at, ":"), type = strcspn(at + name, ",");
        enum kql_type read = KQL_STRING;

        (void)kql_type_read((struct span){at + name + 1, type - 1}, &read);
        t->columns = pool_grow(pool, t->columns, &room, t->column_count + 1, sizeof *t->columns);
        t->columns[t->column_count++] = (struct kql_column){
            {at, name},
            (uint8_t)read
        };
        at += name + type;
    }
}

static struct kql_value
cell_of(struct pool *pool, enum kql_type type, const char *text)
{
    struct kql_guid *guid;

    if (text == NULL)
        return kql_null(type);
    if (type == KQL_DYNAMIC)
        return kql_parse_json(pool, span_of(text));
    if (type != KQL_GUID)
        return kql_string(pool_text(pool, span_of(text)));
    guid = pool_take(pool, sizeof *guid);
    if (!kql_read_guid(span_of(text), guid))
        return kql_null(type);
    return (struct kql_value){.type = KQL_GUID, .guid = guid};
}

void
kusto_table_add(struct kusto_table *t, ...)
{
    struct kql_value *cells = pool_take(t->pool, t->column_count * sizeof *cells);
    va_list args;

    va_start(args, t);
    for (uint32_t i = 0; i < t->column_count; i++) {
        enum kql_type type = t->columns[i].type;

        if (type == KQL_BOOL)
            cells[i] = kql_bool(va_arg(args, int) != 0);
        else if (type == KQL_LONG || type == KQL_INT || type == KQL_DATETIME)
            cells[i] = kql_integer(type, va_arg(args, int64_t));
        else
            cells[i] = cell_of(t->pool, type, va_arg(args, const char *));
    }
    va_end(args);
    t->rows = pool_grow(t->pool, (void *)t->rows, &t->room, t->count + 1, sizeof *t->rows);
    t->rows[t->count++] = cells;
}

/* ---- databases ---- */

struct gathering {
    struct workspace_place
        *places; /* malloc'd: visits take no pool, whose escape would leave their lock held */
    size_t count;
    bool has_no_memory;
};

static bool
gather(void *app, const struct workspace_place *place)
{
    struct gathering *g = app;
    struct workspace_place *more = realloc(g->places, (g->count + 1) * sizeof *more);

    g->has_no_memory = more == NULL;
    if (more == NULL)
        return false;
    g->places = more;
    g->places[g->count++] = *place;
    return true;
}

enum status
kusto_databases(struct call *c, struct pool *pool, struct kusto_database **out, size_t *count,
                struct err *err)
{
    struct gathering g = {NULL, 0, false};
    enum status st = workspaces_list(c->control, c->tenant, gather, &g, err);
    jmp_buf here, *outer = pool->escape;

    *count = 0;
    if (st == ST_OK && g.has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the list of workspaces");
    if (setjmp(here) != 0) {
        free(g.places);
        pool->escape = outer;
        longjmp(*outer, 1);
    }
    pool->escape = &here;
    if (st == ST_OK)
        *out = pool_take(pool, (2 * g.count + 1) * sizeof **out);
    for (size_t i = 0; st == ST_OK && i < 2 * g.count; i++) {
        struct kusto_database *db = &(*out)[(*count)++];

        *db = (struct kusto_database){.place = g.places[i / 2], .is_hunting = i % 2 == 1};
        snprintf(db->name, sizeof db->name, "%s%s", db->place.name,
                 db->is_hunting ? KUSTO_HUNTING : "");
    }
    pool->escape = outer;
    free(g.places);
    return st;
}

/* ---- functions ---- */

json_t *
kusto_functions(struct call *c, const struct kusto_database *db, struct err *err)
{
    struct settings_reply reply = {0};
    json_t *tree, *list;

    if (c->tenant == NULL) /* an operator who named no tenant: whose would they be? */
        return json_array();
    saved_queries_list(c->control, c->tenant, db->place.guid, "function", &reply);
    tree = reply.status == 200 ? json_loadb(reply.body, reply.body_size, 0, NULL) : NULL;
    list = json_incref(json_object_get(tree, "value"));
    if (list == NULL)
        (void)err_set(err, ST_IO, "the stored functions cannot be read: %.200s", reply.err.text);
    json_decref(tree);
    free(reply.body);
    free(reply.details);
    return list;
}

static json_t *columns_json(struct span type);

/* "n:long=5" or "T:(x:string)" as the service describes a parameter. */
static json_t *
parameter_json(struct span text)
{
    const char *colon = memchr(text.p, ':', text.n), *equals;
    struct span name = {text.p, colon == NULL ? text.n : (size_t)(colon - text.p)}, type = {"", 0};
    enum kql_type known = KQL_STRING;
    json_t *out;

    while (name.n > 0 && name.p[name.n - 1] == ' ')
        name.n--;
    if (colon != NULL)
        type = (struct span){colon + 1, text.n - (size_t)(colon + 1 - text.p)};
    equals = memchr(type.p, '=', type.n);
    out = json_pack("{s:s%}", "Name", name.p, name.n);
    if (equals != NULL) {
        json_object_set_new(out, "CslDefaultValue",
                            json_stringn(equals + 1, type.n - (size_t)(equals + 1 - type.p)));
        type.n = (size_t)(equals - type.p);
    }
    while (type.n > 0 && type.p[0] == ' ')
        type = (struct span){type.p + 1, type.n - 1};
    while (type.n > 0 && type.p[type.n - 1] == ' ')
        type.n--;
    if (type.n > 0 && type.p[0] == '(') {
        json_object_set_new(out, "Columns", columns_json(type));
        return out;
    }
    (void)kql_type_read(type, &known);
    json_object_set_new(out, "Type", json_string(kql_type_data_type(known)));
    json_object_set_new(out, "CslType", json_string(kql_type_name(known)));
    return out;
}

/* The parts between commas that stand in no bracket and no quotes. */
static json_t *
parameters_json(struct span text)
{
    json_t *out = json_array();
    size_t begin = 0, depth = 0;
    char quote = '\0';

    for (size_t i = 0; i <= text.n; i++) {
        char c = i < text.n ? text.p[i] : ',';

        if (quote != '\0' && i < text.n) {
            i += c == '\\' && i + 1 < text.n;
            quote = c == quote ? '\0' : quote;
            continue;
        }
        if (c == '\'' || c == '"')
            quote = c;
        depth += c == '(' || c == '[';
        depth -= (c == ')' || c == ']') && depth > 0;
        if (i < text.n && (c != ',' || depth > 0))
            continue;
        while (begin < i && text.p[begin] == ' ')
            begin++;
        if (i > begin)
            json_array_append_new(out, parameter_json((struct span){text.p + begin, i - begin}));
        begin = i + 1;
    }
    return out;
}

/* Of "(x:string, y:long)"; none of "(*)", which takes any. */
static json_t *
columns_json(struct span type)
{
    struct span inner = {type.p + 1, type.n - 1};

    while (inner.n > 0 && (inner.p[inner.n - 1] == ')' || inner.p[inner.n - 1] == ' '))
        inner.n--;
    while (inner.n > 0 && inner.p[0] == ' ')
        inner = (struct span){inner.p + 1, inner.n - 1};
    return span_is(inner, "*") ? json_array() : parameters_json(inner);
}

static const char *
member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static json_t *
function_json(const json_t *f)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:[]}", "Name", member_text(f, "name"),
                     "InputParameters", parameters_json(span_of(member_text(f, "parameters"))),
                     "Body", json_sprintf("{%s}", member_text(f, "query")), "Folder",
                     member_text(f, "category"), "DocString", member_text(f, "description"),
                     "FunctionKind", "Unknown", "OutputColumns");
}

/* ---- tables ---- */

const struct catalog_column *
kusto_columns(const struct catalog_table *t, const struct kusto_database *db, size_t *count)
{
    return schema_columns(t, !db->is_hunting, count);
}

static void
put_table(struct hunting_text *out, const struct catalog_table *t, const struct kusto_database *db,
          bool has_folder)
{
    size_t count;
    const struct catalog_column *of = kusto_columns(t, db, &count);

    hunting_put(out, span_of("{\"Name\":"));
    hunting_put_quoted(out, span_of(t->name));
    if (has_folder) {
        hunting_put(out, span_of(",\"Folder\":"));
        hunting_put_quoted(out, span_of(t->product == NULL ? "" : t->product));
        hunting_put(out, span_of(",\"DocString\":\"\""));
    }
    hunting_put(out, span_of(",\"OrderedColumns\":["));
    for (size_t i = 0; i < count; i++) {
        hunting_put(out, span_of(i == 0 ? "{\"Name\":" : ",{\"Name\":"));
        hunting_put_quoted(out, span_of(of[i].name));
        hunting_printf(out, ",\"Type\":\"%s\",\"CslType\":\"%s\"}",
                       column_type_data_type(of[i].type), column_type_name(of[i].type));
    }
    hunting_put(out, span_of("]}"));
}

static const char *
text_copy(struct pool *pool, const struct hunting_text *text)
{
    return text->is_spent || text->is_over ? NULL
                                           : pool_text(pool, (struct span){text->p, text->n}).p;
}

/* The text in the pool; gives its memory back. NULL: it is not whole. */
static const char *
text_in_pool(struct pool *pool, struct hunting_text *text)
{
    jmp_buf here, *outer = pool->escape;
    const char *out;

    if (setjmp(here) != 0) {
        hunting_text_free(text);
        pool->escape = outer;
        longjmp(*outer, 1);
    }
    pool->escape = &here;
    out = text_copy(pool, text);
    pool->escape = outer;
    hunting_text_free(text);
    return out;
}

const char *
kusto_table_json(struct pool *pool, const struct catalog_table *t, const struct kusto_database *db)
{
    struct hunting_text text = {.limit = 0};

    put_table(&text, t, db, false);
    return text_in_pool(pool, &text);
}

const char *
kusto_table_csl(struct pool *pool, const struct catalog_table *t, const struct kusto_database *db)
{
    size_t count, size = 1, n = 0;
    const struct catalog_column *of = kusto_columns(t, db, &count);
    char *out;

    for (size_t i = 0; i < count; i++)
        size += strlen(of[i].name) + 16;
    out = pool_take(pool, size);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s:%s", i > 0 ? "," : "", of[i].name,
                              column_type_name(of[i].type));
    return out;
}

/* False: err. */
static bool
put_database(struct call *c, const struct kusto_database *db, struct hunting_text *out,
             struct err *err)
{
    const struct catalog *catalog = c->control->catalog;
    json_t *list = kusto_functions(c, db, err), *f;
    size_t i;

    if (list == NULL)
        return false;
    hunting_put_quoted(out, span_of(db->name));
    hunting_put(out, span_of(":{\"Name\":"));
    hunting_put_quoted(out, span_of(db->name));
    hunting_put(out, span_of(",\"Tables\":{"));
    for (size_t k = 0; k < catalog->table_count; k++) {
        if (k > 0)
            hunting_put(out, span_of(","));
        hunting_put_quoted(out, span_of(catalog->tables[k].name));
        hunting_put(out, span_of(":"));
        put_table(out, &catalog->tables[k], db, true);
    }
    hunting_put(out, span_of("},\"ExternalTables\":{},\"MaterializedViews\":{},\"EntityGroups\":{},"
                             "\"MajorVersion\":1,\"MinorVersion\":1,\"Functions\":{"));
    json_array_foreach(list, i, f)
    {
        json_t *tree = function_json(f);
        char *text = tree == NULL ? NULL : json_dumps(tree, JSON_COMPACT);

        if (i > 0)
            hunting_put(out, span_of(","));
        hunting_put_quoted(out, span_of(member_text(f, "name")));
        hunting_put(out, span_of(":"));
        hunting_put(out, span_of(text == NULL ? "{}" : text));
        free(text);
        json_decref(tree);
    }
    hunting_put(out, span_of("},\"DatabaseAccessMode\":\"ReadOnly\"}"));
    json_decref(list);
    return true;
}

enum { SCHEMA_SIZE_MAX = 14 << 20 /* bytes: a text value has 16 MiB at most */ };

const char *
kusto_schema_json(struct call *c, struct pool *pool, const struct kusto_database *dbs, size_t count,
                  struct err *err)
{
    struct hunting_text out = {.limit = SCHEMA_SIZE_MAX};
    const char *text;

    hunting_put(&out, span_of("{\"Plugins\":[],\"Databases\":{"));
    for (size_t i = 0; i < count && !out.is_over; i++) {
        if (i > 0)
            hunting_put(&out, span_of(","));
        if (!put_database(c, &dbs[i], &out, err)) {
            hunting_text_free(&out);
            return NULL;
        }
    }
    hunting_put(&out, span_of("}}"));
    text = text_in_pool(pool, &out);
    if (text == NULL)
        (void)err_set(err, ST_FULL,
                      "the schema of %zu databases is too large for one answer: name some, as in "
                      ".show database NAME schema as json",
                      count);
    return text;
}
