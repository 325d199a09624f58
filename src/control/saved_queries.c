/* saved_queries.c - GET, PUT and DELETE of saved queries and functions. All is checked against the catalog when it is saved; what is called then is bound again, since tables
 * and other functions change. */
#include "control/saved_queries.h"
#include "base/clock.h"
#include "control/saved_store.h"
#include "kql/bind.h"
#include "model/datetime.h"
#include "wire/json.h"
#include <stdlib.h>
#include <strings.h>

enum {
    CHECK_MEMORY_MAX = 64 << 20, /* bytes that binding one may take */
    CHECK_MS_MAX = 5000,
};

PRINTF_LIKE(4, 5)
static void
fail(struct settings_reply *reply, unsigned status, const char *code, const char *format, ...)
{
    va_list args;

    free(reply->body);
    *reply = (struct settings_reply){.status = status, .details = reply->details};
    snprintf(reply->code, sizeof reply->code, "%s", code);
    va_start(args, format);
    vsnprintf(reply->err.text, sizeof reply->err.text, format, args);
    va_end(args);
}

static void
fail_store(struct settings_reply *reply, enum status st, const struct err *why)
{
    if (st == ST_END)
        fail(reply, 404, "SavedQueryNotFound", "%s", why->text);
    else if (st == ST_INVALID)
        fail(reply, 412, "PreconditionFailed", "%s", why->text);
    else if (st == ST_FULL)
        fail(reply, 409, "TooManySavedQueries", "%s", why->text);
    else
        fail(reply, 503, "StoreNotAvailable", "%s", why->text);
}

/* ---- as JSON ---- */

static void
etag_make(int64_t modified, char out[40])
{
    snprintf(out, 40, "\"%016llx\"", (unsigned long long)modified);
}

static bool
etag_in(const char *header, const char *etag)
{
    while (*header == ' ')
        header++;
    return strcmp(header, "*") == 0 || strstr(header, etag) != NULL;
}

static json_t *
time_json(int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    datetime_write(text, ticks);
    return json_stringn(text, sizeof text);
}

/* NULL: no memory. */
static json_t *
row_json(const struct saved_row *x)
{
    char etag[40];

    etag_make(x->modified, etag);
    return json_pack("{s:s, s:s, s:s, s:s%, s:s%, s:s, s:s, s:o, s:o, s:s}", "name", x->name,
                     "kind", x->is_function ? "function" : "query", "workspace", x->workspace,
                     "query", x->text.p, x->text.n, "parameters", x->parameters.p, x->parameters.n,
                     "description", x->description, "category", x->category, "created",
                     time_json(x->created), "modified", time_json(x->modified), "etag", etag);
}

static void
reply_tree(struct settings_reply *reply, unsigned status, json_t *tree)
{
    char *text = tree == NULL ? NULL : json_dumps(tree, JSON_COMPACT);

    json_decref(tree);
    if (text == NULL) {
        fail(reply, 503, "OutOfMemory", "no memory for the answer");
        return;
    }
    reply->status = status;
    reply->body = text;
    reply->body_size = strlen(text);
}

static bool
tenant_is_there(const struct control *c, const char *tenant, struct settings_reply *reply)
{
    struct err why = {""};
    bool is_active = false;
    enum status st = store_tenant_find(c->store, tenant, &is_active, &why);

    *reply = (struct settings_reply){0};
    if (st == ST_OK && is_active)
        return true;
    if (st == ST_OK || st == ST_END)
        fail(reply, 404, "TenantNotFound", "there is no such tenant here");
    else
        fail_store(reply, st, &why);
    return false;
}

/* ---- GET ---- */

struct showing {
    json_t *tree;
    int64_t modified;
};

static bool
show_visit(void *app, const struct saved_row *x)
{
    struct showing *s = app;

    s->tree = row_json(x);
    s->modified = x->modified;
    return false;
}

void
saved_queries_get(const struct control *c, const char *tenant, const char *workspace,
                  const char *name, struct settings_reply *reply)
{
    struct showing s = {NULL, 0};
    struct err why = {""};
    enum status st;

    if (!tenant_is_there(c, tenant, reply))
        return;
    st = saved_row_find(c->store, tenant, workspace, name, show_visit, &s, &why);
    if (st == ST_END && workspace[0] != '\0') {
        struct err ignored;

        st = saved_row_find(c->store, tenant, "", name, show_visit, &s, &ignored);
    }
    if (st != ST_OK) {
        fail_store(reply, st, &why);
        return;
    }
    reply_tree(reply, 200, s.tree);
    if (reply->status == 200)
        etag_make(s.modified, reply->etag);
}

struct listing {
    json_t *value;
    const char *kind;
    bool has_no_memory;
};

static bool
list_visit(void *app, const struct saved_row *x)
{
    struct listing *l = app;

    if (l->kind != NULL && x->is_function != (strcmp(l->kind, "function") == 0))
        return true;
    l->has_no_memory = json_array_append_new(l->value, row_json(x)) != 0;
    return !l->has_no_memory;
}

void
saved_queries_list(const struct control *c, const char *tenant, const char *workspace,
                   const char *kind, struct settings_reply *reply)
{
    struct listing l = {.kind = kind};
    struct err why = {""};
    enum status st;

    if (!tenant_is_there(c, tenant, reply))
        return;
    if (kind != NULL && strcmp(kind, "function") != 0 && strcmp(kind, "query") != 0) {
        fail(reply, 400, "InvalidParameter", "kind is query or function");
        return;
    }
    l.value = json_array();
    st = saved_rows(c->store, tenant, workspace, list_visit, &l, &why);
    if (st != ST_OK)
        fail_store(reply, st, &why);
    else
        reply_tree(reply, 200, l.has_no_memory ? NULL : json_pack("{s:O}", "value", l.value));
    json_decref(l.value);
}

/* ---- PUT ---- */

struct reading {
    const struct control *c;
    const struct saved_put *put;
    struct settings_reply *reply;
    json_t *tree;
    struct saved_row row;
};

static bool
text_read(struct reading *r, const char *key, bool is_required, size_t size_max, struct span *out)
{
    const json_t *value = json_object_get(r->tree, key);

    *out = (struct span){"", 0};
    if (value == NULL || json_is_null(value)) {
        if (is_required)
            fail(r->reply, 400, "InvalidRequestBody", "%s is missing", key);
        return !is_required;
    }
    if (!json_is_string(value)) {
        fail(r->reply, 400, "InvalidRequestBody", "%s must be a text", key);
        return false;
    }
    *out = (struct span){json_string_value(value), json_string_length(value)};
    if (out->n <= size_max && strlen(out->p) == out->n)
        return true;
    fail(r->reply, 400, "InvalidRequestBody",
         out->n > size_max ? "%s may have at most %zu bytes" : "%s holds a zero byte", key,
         size_max);
    return false;
}

static bool
keys_are_known(struct reading *r)
{
    static const char *const known[] = {"name",        "kind",     "query",     "parameters",
                                        "description", "category", "workspace", "created",
                                        "modified",    "etag",     NULL};
    const char *key, *near;
    json_t *value;

    json_object_foreach(r->tree, key, value)
    {
        bool is_known = false;

        for (size_t i = 0; known[i] != NULL; i++)
            is_known = is_known || strcmp(key, known[i]) == 0;
        if (is_known)
            continue;
        near = control_near(key, known);
        fail(r->reply, 400, "InvalidRequestBody", "unknown member '%.60s'%s%s%s", key,
             near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
             near == NULL ? "" : "'?");
        return false;
    }
    return true;
}

/* Printable, not all blanks, and nothing that a path cannot carry. */
static bool
name_is_good(const char *name)
{
    size_t n = strlen(name);
    json_t *probe;

    if (n == 0 || n > SAVED_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ' ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ' || strchr("/\\?#%\x7f", name[i]) != NULL)
            return false;
    probe = json_string(name); /* no UTF-8: NULL */
    json_decref(probe);
    return probe != NULL;
}

static bool
body_read(struct reading *r)
{
    struct span kind, description, category, name;
    json_error_t why;

    if (r->put->body.n > SAVED_BODY_MAX) {
        fail(r->reply, 413, "ContentLengthLimitExceeded", "the body may have at most %d bytes",
             SAVED_BODY_MAX);
        return false;
    }
    r->tree = json_loadb(r->put->body.p, r->put->body.n, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(r->tree)) {
        fail(r->reply, 400, "InvalidRequestBody", "the body is no JSON object%s%.120s",
             r->tree == NULL ? ": " : "", r->tree == NULL ? why.text : "");
        return false;
    }
    if (!keys_are_known(r) || !text_read(r, "kind", false, 20, &kind) ||
        !text_read(r, "name", false, SAVED_NAME_MAX, &name) ||
        !text_read(r, "query", true, SAVED_TEXT_MAX, &r->row.text) ||
        !text_read(r, "parameters", false, SAVED_PARAMETERS_MAX, &r->row.parameters) ||
        !text_read(r, "description", false, SAVED_DESCRIPTION_MAX, &description) ||
        !text_read(r, "category", false, SAVED_CATEGORY_MAX, &category))
        return false;
    r->row.description = description.p;
    r->row.category = category.p;
    r->row.is_function = span_is(kind, "function");
    if (kind.n > 0 && !r->row.is_function && !span_is(kind, "query"))
        fail(r->reply, 400, "InvalidRequestBody", "kind is query or function");
    else if (name.n > 0 && strcasecmp(name.p, r->put->name) != 0)
        fail(r->reply, 400, "InvalidRequestBody", "name is not that of the path");
    else if (!name_is_good(r->put->name))
        fail(r->reply, 400, "InvalidName",
             "a name is 1 to %d bytes without controls and /\\?#%%, and no blank at its ends",
             SAVED_NAME_MAX);
    else if (!r->row.is_function && r->row.parameters.n > 0)
        fail(r->reply, 400, "InvalidRequestBody",
             "parameters are a function's; a query has: declare query_parameters(...)");
    else
        return true;
    return false;
}

/* ---- the check of the text ---- */

struct checking {
    struct kql_catalog_tables tables;
    struct saved_functions functions;
};

static bool
check_table(void *context, struct span name, struct kql_table *out)
{
    return kql_catalog_table(&((struct checking *)context)->tables, name, out);
}

static bool
check_table_at(void *context, size_t index, struct kql_table *out)
{
    return kql_catalog_table_at(&((struct checking *)context)->tables, index, out);
}

static bool
check_function(void *context, struct span name, struct span *text)
{
    return saved_functions_find(&((struct checking *)context)->functions, name, text) ||
           kql_defender_function(name, true, text);
}

/* What is wrong as an array; a function's lines without that of "let NAME = (PARAMETERS) {". */
static char *
details_write(const struct kql_diagnostics *d, bool is_function, size_t ahead)
{
    json_t *array = json_array();
    char *text;

    for (uint32_t i = 0; i < d->count; i++) {
        const struct kql_diagnostic *item = &d->items[i];
        bool is_ahead = is_function && item->line == 1;
        long line = (long)item->line - (is_function && !is_ahead);
        long column = (long)item->column - (is_ahead ? (long)ahead : 0);

        if (item->is_warning)
            continue;
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:i, s:i, s:s*}", "code", kql_code_name(item->code),
                             "target", is_ahead ? "parameters" : "query", "line", (int)line,
                             "column", column < 1 ? 1 : (int)column, "message", item->text));
    }
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return text;
}

static void
fail_text(struct reading *r, const struct kql_diagnostics *d)
{
    size_t ahead = strlen("let ") + strlen(r->row.name) + strlen(" = (");
    char *details = details_write(d, r->row.is_function, ahead);
    json_t *array = details == NULL ? NULL : json_loads(details, 0, NULL);
    const json_t *first = json_array_get(array, 0);

    r->reply->details = details;
    fail(r->reply, 400, "InvalidQuery", "%s:%d:%d: %.240s",
         first == NULL ? "query" : json_string_value(json_object_get(first, "target")),
         (int)json_integer_value(json_object_get(first, "line")),
         (int)json_integer_value(json_object_get(first, "column")),
         first == NULL ? "it does not bind" : json_string_value(json_object_get(first, "message")));
    json_decref(array);
}

/* Which workspaces there are when it is asked only then is known; each has the catalog's tables. */
static bool
check_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    (void)place, (void)err;
    *out = context;
    return true;
}

static void
text_check_in(struct reading *r, struct pool *pool, struct checking *k)
{
    struct kql_environment e = {.table = check_table,
                                .table_at = check_table_at,
                                .context = k,
                                .place = check_place,
                                .now = r->put->now,
                                .defers_not_built = true,
                                .function = check_function};
    struct kql_diagnostics d;
    struct kql_bound bound;
    struct span name = span_of(r->row.name), text = r->row.text;
    struct err why = {""};
    bool is_table, is_good;

    if (r->row.is_function && !kql_function_name_is_free(name, &e, &why)) {
        fail(r->reply, 400, "InvalidName", "%s", why.text);
        return;
    }
    if (r->row.is_function)
        text = kql_function_text(pool, name, r->row.parameters, r->row.text);
    kql_diagnostics_init(&d, pool, text);
    is_good = r->row.is_function ? kql_bind_function(pool, name, text, &e, &d, &is_table)
                                 : kql_bind(pool, text, &e, &d, &bound);
    if (k->functions.err.text[0] != '\0')
        fail(r->reply, 503, "StoreNotAvailable", "%s", k->functions.err.text);
    else if (!is_good)
        fail_text(r, &d);
}

/* Everything else is read; binds it. False: answered. */
static bool
text_check(struct reading *r)
{
    struct pool pool;
    struct checking k = {
        {.catalog = r->c->catalog, .has_both = true, .pool = &pool},
        {0          }
    };
    jmp_buf escape;

    pool_init(&pool, CHECK_MEMORY_MAX);
    pool.escape = &escape;
    pool.deadline_ms = clock_monotonic_ms() + CHECK_MS_MAX;
    saved_functions_begin(&k.functions, r->c, r->put->tenant, r->put->workspace);
    if (setjmp(escape) == 0)
        text_check_in(r, &pool, &k);
    else
        fail(r->reply, 400, "InvalidQuery", "it takes too much %s to bind",
             pool.why == POOL_LATE ? "time" : "memory");
    saved_functions_end(&k.functions);
    pool_free(&pool);
    return r->reply->status == 0;
}

/* What the headers ask of what is there. False: answered. */
static bool
condition_read(const struct control *c, const char *tenant, const char *workspace, const char *name,
               const char *if_match, const char *if_none_match, int64_t *only_if,
               struct settings_reply *reply)
{
    struct showing s = {NULL, 0};
    struct err why = {""};
    char etag[40] = "";
    enum status st;

    *only_if = SAVED_ANY;
    if (if_match == NULL && if_none_match == NULL)
        return true;
    st = saved_row_find(c->store, tenant, workspace, name, show_visit, &s, &why);
    json_decref(s.tree);
    if (st != ST_OK && st != ST_END) {
        fail_store(reply, st, &why);
        return false;
    }
    etag_make(s.modified, etag);
    *only_if = st == ST_END ? SAVED_NONE : s.modified;
    if (if_match != NULL && (st == ST_END || !etag_in(if_match, etag)))
        fail(reply, 412, "PreconditionFailed",
             st == ST_END ? "there is none to replace" : "it was changed meanwhile: read it again");
    else if (if_none_match != NULL && st == ST_OK && etag_in(if_none_match, etag))
        fail(reply, 412, "PreconditionFailed", "there is one of this name");
    else
        return true;
    return false;
}

static void
put_checked(struct reading *r)
{
    const struct saved_put *put = r->put;
    bool is_new = false;
    struct err why = {""};
    int64_t only_if;
    enum status st;

    if (!condition_read(r->c, put->tenant, put->workspace, put->name, put->if_match,
                        put->if_none_match, &only_if, r->reply))
        return;
    st = saved_row_put(r->c->store, &r->row, only_if, SAVED_COUNT_MAX, &is_new, &r->row.created,
                       &r->row.modified, &why);
    if (st != ST_OK) {
        fail_store(r->reply, st, &why);
        return;
    }
    reply_tree(r->reply, is_new ? 201 : 200, row_json(&r->row));
    etag_make(r->row.modified, r->reply->etag);
    r->reply->has_changed = true;
}

void
saved_queries_put(const struct control *c, const struct saved_put *put,
                  struct settings_reply *reply)
{
    struct reading r = {
        .c = c,
        .put = put,
        .reply = reply,
        .row = {.tenant = put->tenant,
                .workspace = put->workspace,
                .name = put->name,
                .modified = put->now}
    };

    if (!tenant_is_there(c, put->tenant, reply))
        return;
    if (body_read(&r) && text_check(&r))
        put_checked(&r);
    json_decref(r.tree);
}

void
saved_queries_delete(const struct control *c, const char *tenant, const char *workspace,
                     const char *name, const char *if_match, struct settings_reply *reply)
{
    struct err why = {""};
    int64_t only_if;
    enum status st;

    if (!tenant_is_there(c, tenant, reply) ||
        !condition_read(c, tenant, workspace, name, if_match, NULL, &only_if, reply))
        return;
    st = saved_row_delete(c->store, tenant, workspace, name, only_if, &why);
    if (st != ST_OK) {
        fail_store(reply, st, &why);
        return;
    }
    reply->status = 204;
    reply->has_changed = true;
}
