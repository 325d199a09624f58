/* kusto_command.c - ".show ..." commands: those that clients send to find out what there is. A row each; what a command gives is a
 * table, and what stands behind it after '|' is a query over that table, run by the row engine.
 *
 * Which commands: Grafana's data source sends .show databases, .show databases schema (its test, to /v1/rest/query) and .show databases
 * schema as json (grafana/azure-data-explorer-datasource, pkg/azuredx/client/client.go and resource_handler.go); language services and
 * editors .show databases entities, .show database schema as json, .show tables, .show functions, .show version (ClusterLoader
 * of microsoft/Kusto-Query-Language); Azure/pykusto pipes .show databases schema. Columns: "Management commands" on Microsoft Learn. */
#include "api/kusto.h"
#include "api/kusto_words.h"
#include <ctype.h>
#include <strings.h>

enum { COMMAND_SIZE_MAX = 16 << 10 };

struct command {
    struct call *call;
    struct pool *pool;
    const struct kusto_ask *ask;
    struct kusto_words w;
    struct kusto_database *databases; /* all there are */
    size_t database_count;
    const struct kusto_database *current; /* of the request; NULL: none */
    struct kusto_table table;
    struct kusto_error *error;
    struct err *err;
};

/* ---- databases ---- */

static bool
no_database(struct command *x, struct span name)
{
    struct workspace_place place;

    if (workspace_is_built() || hunting_place(x->call, name, &place, x->err))
        (void)err_set(x->err, ST_INVALID,
                      "Database '%.*s' could not be found: it is a workspace's GUID, name or "
                      "resource id; .show databases lists those that there are",
                      (int)(name.n < 100 ? name.n : 100), name.p);
    *x->error = (struct kusto_error){.status = 400,
                                     .code = "BadRequest_DatabaseNotExist",
                                     .type = "Kusto.Data.Exceptions.DatabaseNotFoundException",
                                     .message = x->err->text,
                                     .is_permanent = true};
    return false;
}

/* The one of that name, as a request may name it. */
static const struct kusto_database *
database_find(struct command *x, struct span workspace, bool is_hunting)
{
    struct workspace_place place;
    struct err ignored;

    if (!hunting_place(x->call, workspace, &place, &ignored))
        return NULL;
    for (size_t i = 0; i < x->database_count; i++)
        if (x->databases[i].is_hunting == is_hunting &&
            strcmp(x->databases[i].place.guid, place.guid) == 0)
            return &x->databases[i];
    return NULL;
}

static const struct kusto_database *
database_named(struct command *x, struct span name)
{
    struct span workspace = name;
    size_t n = strlen(KUSTO_HUNTING);
    bool is_hunting = name.n > n && strncasecmp(name.p + name.n - n, KUSTO_HUNTING, n) == 0;

    if (is_hunting)
        workspace.n -= n;
    return database_find(x, workspace, is_hunting);
}

/* Those that the command is about: named ones, or the request's own. False: told. */
static bool
databases_pick(struct command *x, bool all, const struct kusto_database **out, size_t *count)
{
    struct kusto_database *picked;

    if (all && x->w.name_count == 0) {
        *out = x->databases;
        *count = x->database_count;
        return true;
    }
    if (x->w.name_count == 0) {
        *out = x->current;
        *count = 1;
        return x->current != NULL || no_database(x, x->ask->db);
    }
    picked = pool_take(x->pool, x->w.name_count * sizeof *picked);
    for (size_t i = 0; i < x->w.name_count; i++) {
        const struct kusto_database *db = database_named(x, x->w.names[i]);

        if (db == NULL)
            return no_database(x, x->w.names[i]);
        picked[i] = *db;
    }
    *out = picked;
    *count = x->w.name_count;
    return true;
}

static bool
databases_add(struct command *x, bool all)
{
    const struct kusto_database *dbs;
    size_t count;

    if (!databases_pick(x, all, &dbs, &count))
        return false;
    kusto_table_begin(&x->table, x->pool,
                      "DatabaseName:string,PersistentStorage:string,Version:string,IsCurrent:bool,"
                      "DatabaseAccessMode:string,PrettyName:string,ReservedSlot1:bool,"
                      "DatabaseId:guid,InTransitionTo:string,SuspensionState:string");
    for (size_t i = 0; i < count; i++) {
        const struct kusto_database *db = &dbs[i];
        bool is_current = x->current != NULL && strcmp(x->current->name, db->name) == 0 &&
                          strcmp(x->current->place.guid, db->place.guid) == 0;

        kusto_table_add(&x->table, db->name, "", "v1.1", (int)is_current, "ReadOnly", "", 0,
                        db->place.guid, "", "");
    }
    return true;
}

static bool
show_databases(struct command *x)
{
    return databases_add(x, true);
}

static bool
show_database(struct command *x)
{
    return databases_add(x, false);
}

/* ---- schemas ---- */

static void
schema_add(struct command *x, const struct kusto_database *db)
{
    const struct catalog *catalog = x->call->control->catalog;

    kusto_table_add(&x->table, db->name, "", "", "", 0, 0, "", "v1.1", "", "");
    for (size_t i = 0; i < catalog->table_count; i++) {
        const struct catalog_table *t = &catalog->tables[i];
        size_t count;
        const struct catalog_column *columns = kusto_columns(t, db, &count);

        kusto_table_add(&x->table, db->name, t->name, "", "", 0, 0, "", "", t->product, "");
        for (size_t k = 0; k < count; k++)
            kusto_table_add(&x->table, db->name, t->name, columns[k].name,
                            column_type_data_type(columns[k].type), 0, 0, "", "", "", "");
    }
}

static bool
schemas_add(struct command *x, bool all)
{
    const struct kusto_database *dbs;
    size_t count;

    if (!databases_pick(x, all, &dbs, &count))
        return false;
    kusto_table_begin(&x->table, x->pool,
                      "DatabaseName:string,TableName:string,ColumnName:string,ColumnType:string,"
                      "IsDefaultTable:bool,IsDefaultColumn:bool,PrettyName:string,Version:string,"
                      "Folder:string,DocString:string");
    for (size_t i = 0; i < count; i++)
        schema_add(x, &dbs[i]);
    return true;
}

static bool
show_schemas(struct command *x)
{
    return schemas_add(x, true);
}

static bool
show_schema(struct command *x)
{
    return schemas_add(x, false);
}

static bool
failed(struct command *x)
{
    *x->error = (struct kusto_error){.status = 500,
                                     .code = "Internal service error",
                                     .type = "Kusto.Data.Exceptions.KustoServiceException",
                                     .message = x->err->text};
    return false;
}

static bool
schemas_json(struct command *x, bool all)
{
    const struct kusto_database *dbs;
    const char *text;
    size_t count;

    if (!databases_pick(x, all, &dbs, &count))
        return false;
    text = kusto_schema_json(x->call, x->pool, dbs, count, x->err);
    if (text == NULL)
        return failed(x);
    kusto_table_begin(&x->table, x->pool, "DatabaseSchema:string");
    kusto_table_add(&x->table, text);
    return true;
}

static bool
show_schemas_json(struct command *x)
{
    return schemas_json(x, true);
}

static bool
show_schema_json(struct command *x)
{
    return schemas_json(x, false);
}

/* ---- tables ---- */

static bool
no_entity(struct command *x, const char *what, struct span name, const char *near)
{
    (void)err_set(x->err, ST_INVALID, "%s '%.*s' could not be found%s%s%s", what,
                  (int)(name.n < 100 ? name.n : 100), name.p, near != NULL ? "; did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?" : "");
    *x->error = (struct kusto_error){.status = 400,
                                     .code = "BadRequest_EntityNotFound",
                                     .type = "Kusto.Data.Exceptions.EntityNotFoundException",
                                     .message = x->err->text,
                                     .is_permanent = true};
    return false;
}

static const struct catalog_table *
table_find(struct command *x, struct span name)
{
    const struct catalog *catalog = x->call->control->catalog;
    const struct catalog_table *t = catalog_find(catalog, name), *near;

    if (t != NULL)
        return t;
    near = catalog_find_near(catalog, name);
    (void)no_entity(x, "Table", name, near == NULL ? NULL : near->name);
    return NULL;
}

static bool
show_tables(struct command *x)
{
    const struct catalog *catalog = x->call->control->catalog;

    if (x->current == NULL)
        return no_database(x, x->ask->db);
    kusto_table_begin(&x->table, x->pool,
                      "TableName:string,DatabaseName:string,Folder:string,DocString:string");
    for (size_t i = 0; x->w.name_count == 0 && i < catalog->table_count; i++)
        kusto_table_add(&x->table, catalog->tables[i].name, x->current->name,
                        catalog->tables[i].product, "");
    for (size_t i = 0; i < x->w.name_count; i++) {
        const struct catalog_table *t = table_find(x, x->w.names[i]);

        if (t == NULL)
            return false;
        kusto_table_add(&x->table, t->name, x->current->name, t->product, "");
    }
    return true;
}

static bool
table_schema(struct command *x, bool is_json)
{
    const struct catalog_table *t = table_find(x, x->w.names[0]);

    if (t == NULL)
        return false;
    if (x->current == NULL)
        return no_database(x, x->ask->db);
    kusto_table_begin(&x->table, x->pool,
                      "TableName:string,Schema:string,DatabaseName:string,Folder:string,"
                      "DocString:string");
    kusto_table_add(&x->table, t->name,
                    is_json ? kusto_table_json(x->pool, t, x->current)
                            : kusto_table_csl(x->pool, t, x->current),
                    x->current->name, t->product, "");
    return true;
}

static bool
show_table_json(struct command *x)
{
    return table_schema(x, true);
}

static bool
show_table_csl(struct command *x)
{
    return table_schema(x, false);
}

/* ---- functions and entities ---- */

static const char *
member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* Each stored function, handed to 'add' by its texts; they are copied by it. False: told. */
static bool
functions_each(struct command *x, const struct kusto_database *db, struct span only,
               void (*add)(struct command *x, const struct kusto_database *db, const char *name,
                           const char *parameters, const char *body, const char *folder,
                           const char *doc),
               size_t *count)
{
    json_t *list = kusto_functions(x->call, db, x->err), *f;
    jmp_buf here, *outer = x->pool->escape;
    size_t i;

    *count = 0;
    if (list == NULL)
        return failed(x);
    if (setjmp(here) != 0) {
        json_decref(list);
        x->pool->escape = outer;
        longjmp(*outer, 1);
    }
    x->pool->escape = &here;
    json_array_foreach(list, i, f)
    {
        if (only.n > 0 && !(strlen(member(f, "name")) == only.n &&
                            strncasecmp(member(f, "name"), only.p, only.n) == 0))
            continue;
        add(x, db, member(f, "name"), pool_printf(x->pool, "(%s)", member(f, "parameters")).p,
            pool_printf(x->pool, "{%s}", member(f, "query")).p, member(f, "category"),
            member(f, "description"));
        ++*count;
    }
    x->pool->escape = outer;
    json_decref(list);
    return true;
}

static void
function_row(struct command *x, const struct kusto_database *db, const char *name,
             const char *parameters, const char *body, const char *folder, const char *doc)
{
    (void)db;
    kusto_table_add(&x->table, name, parameters, body, folder, doc);
}

static bool
show_functions(struct command *x)
{
    struct span only = x->w.name_count > 0 ? x->w.names[0] : (struct span){"", 0};
    size_t count;

    if (x->current == NULL)
        return no_database(x, x->ask->db);
    kusto_table_begin(&x->table, x->pool,
                      "Name:string,Parameters:string,Body:string,Folder:string,DocString:string");
    if (!functions_each(x, x->current, only, function_row, &count))
        return false;
    return only.n == 0 || count > 0 || no_entity(x, "Function", only, NULL);
}

static void
function_entity(struct command *x, const struct kusto_database *db, const char *name,
                const char *parameters, const char *body, const char *folder, const char *doc)
{
    kusto_table_add(&x->table, db->name, "Function", name, doc, folder, parameters, body, "", "{}");
}

static bool
show_entities(struct command *x)
{
    const struct catalog *catalog = x->call->control->catalog;
    const struct kusto_database *dbs;
    size_t count, functions;

    if (!databases_pick(x, true, &dbs, &count))
        return false;
    kusto_table_begin(&x->table, x->pool,
                      "DatabaseName:string,EntityType:string,EntityName:string,DocString:string,"
                      "Folder:string,CslInputSchema:string,Content:string,CslOutputSchema:string,"
                      "Properties:dynamic");
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < catalog->table_count; k++)
            kusto_table_add(&x->table, dbs[i].name, "Table", catalog->tables[k].name, "",
                            catalog->tables[k].product, "", "",
                            kusto_table_csl(x->pool, &catalog->tables[k], &dbs[i]), "{}");
        if (!functions_each(x, &dbs[i], (struct span){"", 0}, function_entity, &functions))
            return false;
    }
    return true;
}

/* ---- the rest ---- */

static bool
show_version(struct command *x)
{
    kusto_table_begin(&x->table, x->pool,
                      "BuildVersion:string,BuildTime:datetime,ServiceType:string,"
                      "ProductVersion:string,ServiceOffering:string");
    kusto_table_add(&x->table, x->call->api->version, x->call->api->started, "Engine",
                    x->call->api->version, "{\"Type\":\"penstock\"}");
    return true;
}

static bool
show_cluster(struct command *x)
{
    char base[300];

    call_base(x->call, base);
    kusto_table_begin(&x->table, x->pool,
                      "NodeId:string,Address:string,Name:string,StartTime:datetime,IsAdmin:bool,"
                      "MachineTotalMemory:long,MachineAvailableMemory:long,ProcessorCount:int,"
                      "EnvironmentDescription:string,ProductVersion:string");
    kusto_table_add(&x->table, "penstock", base, "penstock", x->call->api->started, 1, INT64_C(0),
                    INT64_C(0), INT64_C(0), "", x->call->api->version);
    return true;
}

/* Kinds of things that there are none of here. */
static bool
show_nothing(struct command *x)
{
    kusto_table_begin(&x->table, x->pool,
                      "Name:string,DatabaseName:string,Folder:string,DocString:string");
    return true;
}

/* NAME of a database may stand where none is; the first row that fits is taken. */
static const struct {
    const char *pattern;
    bool (*run)(struct command *x);
} commands[] = {
    {".show version",                       show_version     },
    {".show cluster",                       show_cluster     },
    {".show cluster databases",             show_databases   },
    {".show databases",                     show_databases   },
    {".show databases LIST",                show_databases   },
    {".show databases schema",              show_schemas     },
    {".show databases schema as json",      show_schemas_json},
    {".show databases LIST schema",         show_schemas     },
    {".show databases LIST schema as json", show_schemas_json},
    {".show databases entities",            show_entities    },
    {".show databases LIST entities",       show_entities    },
    {".show schema",                        show_schemas     },
    {".show schema as json",                show_schemas_json},
    {".show database",                      show_database    },
    {".show database schema",               show_schema      },
    {".show database schema as json",       show_schema_json },
    {".show database NAME schema",          show_schema      },
    {".show database NAME schema as json",  show_schema_json },
    {".show database NAME entities",        show_entities    },
    {".show database NAME",                 show_database    },
    {".show tables",                        show_tables      },
    {".show tables LIST",                   show_tables      },
    {".show table NAME schema as json",     show_table_json  },
    {".show table NAME cslschema",          show_table_csl   },
    {".show table NAME schema",             show_table_csl   },
    {".show table NAME",                    show_tables      },
    {".show functions",                     show_functions   },
    {".show function NAME",                 show_functions   },
    {".show external tables",               show_nothing     },
    {".show materialized-views",            show_nothing     },
    {".show entity_groups",                 show_nothing     },
};

static enum status
refuse(struct command *x)
{
    size_t n = x->w.size < 120 ? x->w.size : 120;

    while (n > 0 && isspace((unsigned char)x->ask->csl.p[n - 1]))
        n--;
    (void)err_set(x->err, ST_INVALID,
                  "The command '%.*s' is not known here: penstock has .show for version, cluster, "
                  "databases, tables, functions, schemas and entities, and no command that changes "
                  "anything",
                  (int)n, x->ask->csl.p);
    *x->error = (struct kusto_error){.status = 400,
                                     .code = "General_BadRequest",
                                     .type = "Kusto.Data.Exceptions.SyntaxException",
                                     .message = x->err->text,
                                     .is_permanent = true};
    return ST_INVALID;
}

/* ---- one command ---- */

static enum status
command_run(struct command *x, struct kql_answers *out)
{
    size_t i = 0;
    struct kql_answer *a;

    if (x->ask->csl.n > COMMAND_SIZE_MAX || !kusto_words_read(x->ask->csl, &x->w))
        return refuse(x);
    while (i < COUNT_OF(commands) && !kusto_words_match(&x->w, commands[i].pattern))
        i++;
    if (i == COUNT_OF(commands))
        return refuse(x);
    if (kusto_databases(x->call, x->pool, &x->databases, &x->database_count, x->err) != ST_OK) {
        (void)failed(x);
        return ST_INVALID;
    }
    x->current = database_find(x, x->ask->workspace, x->ask->shape == HUNT_HUNTING);
    if (!commands[i].run(x))
        return ST_INVALID;
    if (x->w.size < x->ask->csl.n)
        return kusto_pipe(x->call, &x->table, x->ask->csl, x->w.size, out, x->error, x->err);
    a = pool_zeroed(x->pool, 1, sizeof *a);
    *a = (struct kql_answer){
        .name = SPAN_LITERAL("PrimaryResult"),
        .schema = {x->table.columns, x->table.column_count, false},
        .rows = x->table.rows,
        .row_count = x->table.count
    };
    *out = (struct kql_answers){.items = a, .count = 1};
    return ST_OK;
}

enum status
kusto_command(struct call *c, struct pool *pool, const struct kusto_ask *ask,
              struct kql_answers *out, struct kusto_error *e, struct err *err)
{
    struct command *x = pool_zeroed(pool, 1, sizeof *x);

    x->call = c;
    x->pool = pool;
    x->ask = ask;
    x->error = e;
    x->err = err;
    return command_run(x, out);
}
