/* settings.c - GET, PUT and DELETE of data export settings over the store. What is stored is the
 * setting's own JSON without secrets; the complete logs array is made anew for each answer, so that
 * it follows the catalog. */
#include "control/settings.h"
#include "control/config.h"
#include "control/resource.h"
#include "control/secrets.h"
#include "control/store.h"
#include "wire/json.h"
#include <openssl/evp.h>
#include <stdlib.h>

/* A row of the store, copied. */
struct row {
    char *json, *secret;
    size_t json_size, secret_size;
    int64_t created;
    bool has_no_memory;
};

static void
row_free(struct row *row)
{
    free(row->json);
    free(row->secret);
    *row = (struct row){0};
}

static bool
row_copy(void *app, const struct store_setting *x)
{
    struct row *row = app;

    row->json = malloc(x->json.n + 1);
    row->secret = malloc(x->secret.n + 1);
    row->has_no_memory = row->json == NULL || row->secret == NULL;
    if (row->has_no_memory)
        return false;
    memcpy(row->json, x->json.p, x->json.n);
    row->json[x->json.n] = '\0';
    if (x->secret.n > 0)
        memcpy(row->secret, x->secret.p, x->secret.n);
    row->json_size = x->json.n;
    row->secret_size = x->secret.n;
    row->created = x->created;
    return false;
}

PRINTF_LIKE(4, 5)
static void
fail(struct settings_reply *reply, unsigned status, const char *code, const char *format, ...)
{
    va_list args;

    free(reply->body);
    free(reply->details);
    *reply = (struct settings_reply){.status = status};
    snprintf(reply->code, sizeof reply->code, "%s", code);
    va_start(args, format);
    vsnprintf(reply->err.text, sizeof reply->err.text, format, args);
    va_end(args);
}

/* What the store's answer means to a client. */
static void
fail_store(struct settings_reply *reply, enum status st, const struct err *why)
{
    if (st == ST_END)
        fail(reply, 404, "SettingNotFound", "%s", why->text);
    else
        fail(reply, 503, "StoreNotAvailable", "%s", why->text);
}

static void
etag_make(const struct row *row, char out[40])
{
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    size_t n = 0;

    if (x != NULL && EVP_DigestInit_ex(x, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(x, row->json, row->json_size + 1) == 1 &&
        EVP_DigestUpdate(x, row->secret, row->secret_size) == 1)
        (void)EVP_DigestFinal_ex(x, hash, NULL);
    EVP_MD_CTX_free(x);
    out[n++] = '"';
    for (size_t i = 0; i < 12; i++)
        n += (size_t)snprintf(out + n, 40 - n, "%02x", hash[i]);
    out[n++] = '"';
    out[n] = '\0';
}

/* Whether the tag is in a header like: "a", W/"b" — or the header is *. */
static bool
etag_in(const char *header, const char *etag)
{
    while (*header == ' ')
        header++;
    return strcmp(header, "*") == 0 || strstr(header, etag) != NULL;
}

static bool
tenant_there(const struct control *c, const char *tenant, struct settings_reply *reply)
{
    struct err why = {""};
    bool is_active = false;
    enum status st = store_tenant_find(c->store, tenant, &is_active, &why);

    if (st == ST_OK && is_active)
        return true;
    if (st == ST_OK || st == ST_END)
        fail(reply, 404, "TenantNotFound", "there is no such tenant here");
    else
        fail_store(reply, st, &why);
    return false;
}

static bool
row_find(const struct control *c, const char *tenant, const char *id, struct row *row,
         struct settings_reply *reply)
{
    struct err why = {""};
    enum status st = store_setting_find(c->store, tenant, id, row_copy, row, &why);

    if (st == ST_OK && !row->has_no_memory)
        return true;
    if (st == ST_OK)
        fail(reply, 503, "OutOfMemory", "no memory for the setting");
    else
        fail_store(reply, st, &why);
    row_free(row);
    return false;
}

/* The stored JSON as an answer: 200 or what 'status' says. */
static void
answer(const struct control *c, const char *tenant, const char *id, const struct row *row,
       unsigned status, struct settings_reply *reply)
{
    struct setting x;
    char code[48];
    struct err why = {""};

    if (setting_read(c, tenant, id, (struct span){row->json, row->json_size}, true, &x, code,
                     &why) != ST_OK) {
        fail(reply, 500, "StoredSettingInvalid", "what is stored cannot be read: %s", why.text);
        return;
    }
    reply->body = setting_write(c, &x, row->secret_size > 0, &reply->body_size);
    setting_free(&x);
    if (reply->body == NULL) {
        fail(reply, 503, "OutOfMemory", "no memory for the answer");
        return;
    }
    reply->status = status;
    etag_make(row, reply->etag);
}

void
settings_get(const struct control *c, const char *tenant, const char *id,
             struct settings_reply *reply)
{
    struct row row = {0};

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, tenant, reply) || !row_find(c, tenant, id, &row, reply))
        return;
    answer(c, tenant, id, &row, 200, reply);
    row_free(&row);
}

/* ---- list ---- */

struct listing {
    struct row *rows;
    char (*ids)[SETTING_ID_SIZE_MAX + 1];
    size_t count, room;
    bool has_no_memory;
};

static bool
list_row(void *app, const struct store_setting *x)
{
    struct listing *l = app;

    if (l->count == l->room) {
        size_t room = l->room == 0 ? 16 : l->room * 2;
        struct row *rows = realloc(l->rows, room * sizeof *rows);

        if (rows != NULL)
            l->rows = rows;
        void *ids = realloc(l->ids, room * sizeof *l->ids);

        if (ids != NULL)
            l->ids = ids;
        l->has_no_memory = rows == NULL || ids == NULL;
        if (l->has_no_memory)
            return false;
        l->room = room;
    }
    l->rows[l->count] = (struct row){0};
    row_copy(&l->rows[l->count], x);
    snprintf(l->ids[l->count], sizeof l->ids[0], "%s", x->id);
    l->has_no_memory = l->rows[l->count].has_no_memory;
    l->count++;
    return !l->has_no_memory;
}

static void
list_write(const struct control *c, const char *tenant, const char *base, const struct listing *l,
           struct settings_reply *reply)
{
    FILE *out = open_memstream(&reply->body, &reply->body_size);
    json_t *context = json_sprintf("%s/api/$metadata#DataExportSettings", base);
    char *text = context != NULL ? json_dumps(context, JSON_ENCODE_ANY) : NULL;
    struct settings_reply failed = {0};

    json_decref(context);
    if (out == NULL || text == NULL) {
        if (out != NULL)
            fclose(out);
        free(text);
        fail(reply, 503, "OutOfMemory", "no memory for the answer");
        return;
    }
    fprintf(out, "{\"@odata.context\":%s,\"value\":[", text);
    free(text);
    for (size_t i = 0; i < l->count && failed.status == 0; i++) {
        struct settings_reply one = {0};

        answer(c, tenant, l->ids[i], &l->rows[i], 200, &one);
        if (one.status == 200)
            fprintf(out, "%s%s", i == 0 ? "" : ",", one.body);
        else
            fail(&failed, one.status, one.code, "'%s': %.200s", l->ids[i], one.err.text);
        free(one.body);
    }
    fprintf(out, "]}");
    if (fclose(out) != 0)
        fail(&failed, 503, "OutOfMemory", "no memory for the answer");
    if (failed.status == 0) {
        reply->status = 200;
        return;
    }
    free(reply->body);
    *reply = failed;
}

void
settings_list(const struct control *c, const char *tenant, const char *base,
              struct settings_reply *reply)
{
    struct listing l = {0};
    struct err why = {""};
    enum status st;

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, tenant, reply))
        return;
    st = store_settings(c->store, tenant, list_row, &l, &why);
    if (st != ST_OK)
        fail_store(reply, st, &why);
    else if (l.has_no_memory)
        fail(reply, 503, "OutOfMemory", "no memory for the list");
    else
        list_write(c, tenant, base, &l, reply);
    for (size_t i = 0; i < l.count; i++)
        row_free(&l.rows[i]);
    free(l.rows);
    free(l.ids);
}

/* ---- put ---- */

/* A secret opens only for the tenant, setting and destination that it was given for. */
static void
context_write(const struct setting *x, char out[2400])
{
    size_t n = (size_t)snprintf(out, 2400, "%s/%s/%s", x->tenant, x->id, x->resource_id);

    for (size_t i = 0; i < n && i < 2400; i++) /* ids differ in case and are the same */
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] + 32);
    if (n > 0 && out[n - 1] == '/')
        out[n - 1] = '\0';
}

enum status
setting_secret(const struct control *c, const struct setting *x, struct span sealed, char *out,
               struct err *err)
{
    char context[2400];
    size_t size;

    context_write(x, context);
    return secrets_unseal(c->secrets, sealed, span_of(context), out, &size, err);
}

/* Everything that a PUT works with. */
struct putting {
    const struct control *c;
    const struct settings_put *put;
    struct settings_reply *reply;
    struct setting x;
    struct row old; /* zeroed: there is none */
    struct row next;
    char *connection; /* in the clear; NULL: none */
};

static bool
conditions_hold(struct putting *p)
{
    const struct settings_put *put = p->put;
    char etag[40] = "";
    bool is_there = p->old.json != NULL;

    if (is_there)
        etag_make(&p->old, etag);
    if (put->if_match != NULL && (!is_there || !etag_in(put->if_match, etag))) {
        fail(p->reply, 412, "PreconditionFailed",
             is_there ? "the setting was changed meanwhile: read it again"
                      : "there is no setting to replace");
        return false;
    }
    if (put->if_none_match != NULL && is_there && etag_in(put->if_none_match, etag)) {
        fail(p->reply, 412, "PreconditionFailed", "there is a setting of this name");
        return false;
    }
    return true;
}

/* Whether the stored secret goes on: it was given for the same destination. */
static bool
secret_stays(const struct putting *p)
{
    struct setting before;
    char code[48], now[2400], then[2400];
    struct err why;
    bool is_same;

    if (p->old.secret_size == 0 ||
        setting_read(p->c, p->put->tenant, p->put->id, (struct span){p->old.json, p->old.json_size},
                     true, &before, code, &why) != ST_OK)
        return false;
    context_write(&p->x, now);
    context_write(&before, then);
    is_same = strcmp(now, then) == 0;
    setting_free(&before);
    return is_same;
}

/* Fills next.secret: the sealed new one, the kept old one, or none. */
static bool
secret_make(struct putting *p)
{
    const char *given = p->x.connection_string;
    size_t room = given != NULL ? strlen(given) + SECRETS_OVERHEAD : p->old.secret_size;
    char context[2400];
    struct err why = {""};

    p->next.secret = malloc(room + 1);
    p->connection = malloc(SECRETS_SIZE_MAX + 1);
    if (p->next.secret == NULL || p->connection == NULL) {
        fail(p->reply, 503, "OutOfMemory", "no memory for the setting");
        return false;
    }
    p->connection[0] = '\0';
    if (given != NULL && given[0] != '\0') {
        context_write(&p->x, context);
        snprintf(p->connection, SECRETS_SIZE_MAX + 1, "%s", given);
        if (secrets_seal(p->c->secrets, span_of(given), span_of(context), p->next.secret,
                         &p->next.secret_size, &why) != ST_OK) {
            fail(p->reply, 500, "SealingFailed", "%s", why.text);
            return false;
        }
    } else if (given == NULL && secret_stays(p)) {
        if (setting_secret(p->c, &p->x, (struct span){p->old.secret, p->old.secret_size},
                           p->connection, &why) != ST_OK) {
            fail(p->reply, 400, "SecretLost", "penstock.connectionString: %s", why.text);
            return false;
        }
        memcpy(p->next.secret, p->old.secret, p->old.secret_size);
        p->next.secret_size = p->old.secret_size;
    }
    return true;
}

/* The destination as the export will open it must please its kind. */
static bool
destination_holds(struct putting *p)
{
    const struct control_kinds *kinds = p->c->kinds;
    struct resource r;
    struct err why = {""};
    enum status st = setting_resolve(p->c, &p->x, &r, &why);

    if (st == ST_OK && p->connection[0] != '\0') {
        st = resource_connect(&r, kinds, p->connection, &why);
        if (st != ST_OK) {
            fail(p->reply, 400, "InvalidConnectionString", "penstock.connectionString: %s",
                 why.text);
            return false;
        }
    } else if (st == ST_OK && r.is_azure && !r.is_configured) {
        fail(p->reply, 400, "ResourceNotConfigured",
             "nothing says how to sign in to this resource: name it under 'resources' of the "
             "configuration, or send penstock.connectionString");
        return false;
    }
    if (st == ST_OK)
        st = resource_name_hub(&r, kinds, p->x.hub_name, &why);
    if (st == ST_OK && strcmp(r.kind, "hub") != 0 && kinds->check_sink != NULL)
        st = kinds->check_sink(kinds->app, r.kind, r.settings, r.setting_count, &why);
    if (st != ST_OK)
        fail(p->reply, 400, "InvalidDestination", "%s", why.text);
    return st == ST_OK;
}

static bool
is_same_text(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static void
put_store(struct putting *p)
{
    const struct settings_put *put = p->put;
    struct store_setting row = {
        .tenant = put->tenant,
        .id = put->id,
        .json = {p->next.json,   p->next.json_size  },
        .secret = {p->next.secret, p->next.secret_size},
        .created = put->now,
        .modified = put->now
    };
    struct span only_if = {p->old.json, p->old.json_size};
    bool is_new = p->old.json == NULL;
    struct err why = {""};
    enum status st = ST_OK;

    if (!is_new && is_same_text(p->old.json, p->old.json_size, p->next.json, p->next.json_size) &&
        is_same_text(p->old.secret, p->old.secret_size, p->next.secret, p->next.secret_size)) {
        answer(p->c, put->tenant, put->id, &p->next, 200, p->reply);
        return;
    }
    st = store_setting_put(p->c->store, &row, only_if, p->c->config->limits.settings_max, &is_new,
                           &why);
    if (st == ST_FULL)
        fail(p->reply, 409, "SettingLimitReached", "%s (limits.settings)", why.text);
    else if (st == ST_INVALID)
        fail(p->reply, 412, "PreconditionFailed", "%s: read it again", why.text);
    else if (st != ST_OK)
        fail_store(p->reply, st, &why);
    else
        answer(p->c, put->tenant, put->id, &p->next, is_new ? 201 : 200, p->reply);
    p->reply->has_changed = st == ST_OK;
}

/* ---- transformKql ---- */

static json_t *
diagnostic_make(const char *table, const struct kql_diagnostic *d)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "code", kql_code_name(d->code),
                     "severity", d->is_warning ? "warning" : "error", "target", table, "message",
                     d->text, "line", (json_int_t)d->line, "column", (json_int_t)d->column, "at",
                     (json_int_t)d->at, "size", (json_int_t)d->size);
}

enum { DETAILS_MAX = 100 }; /* complaints in an answer */

/* One text for twenty tables is wrong in the same way twenty times: the place tells. */
static void
tell_details(void *app, const char *table, const struct kql_diagnostics *d,
             const struct kql_schema *schema)
{
    json_t *details = app;

    for (uint32_t i = 0; schema == NULL && i < d->count; i++)
        if (json_array_size(details) < DETAILS_MAX && !d->items[i].is_warning)
            json_array_append_new(details, diagnostic_make(table, &d->items[i]));
}

static bool
transform_holds(struct putting *p)
{
    json_t *details = json_array();
    struct transform *made = NULL;
    struct err why = {""};
    enum status st =
        setting_transform(p->c, &p->x, KQL_STREAM_WIDE, tell_details, details, &made, &why);

    transform_free(made);
    if (st != ST_OK) {
        fail(p->reply, st == ST_INVALID ? 400 : 503, "InvalidTransform", "%s", why.text);
        p->reply->details = json_dumps(details, JSON_COMPACT);
    }
    json_decref(details);
    return st == ST_OK;
}

static void
tell_schema(void *app, const char *table, const struct kql_diagnostics *d,
            const struct kql_schema *schema)
{
    json_t *columns = json_array(), *warnings = json_array();

    for (uint32_t i = 0; schema != NULL && i < schema->count; i++)
        json_array_append_new(columns,
                              json_pack("{s:s%, s:s}", "name", schema->columns[i].name.p,
                                        schema->columns[i].name.n, "type",
                                        kql_type_name((enum kql_type)schema->columns[i].type)));
    for (uint32_t i = 0; i < d->count; i++)
        json_array_append_new(warnings, diagnostic_make(table, &d->items[i]));
    json_array_append_new(app, json_pack("{s:s, s:o, s:o}", "table", table, "columns", columns,
                                         "warnings", warnings));
}

void
settings_schema(const struct control *c, const char *tenant, const char *id,
                struct settings_reply *reply)
{
    struct row row = {0};
    struct setting x;
    struct err why = {""};
    struct transform *made = NULL;
    json_t *value, *root;
    char code[48];

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, tenant, reply) || !row_find(c, tenant, id, &row, reply))
        return;
    if (setting_read(c, tenant, id, (struct span){row.json, row.json_size}, true, &x, code, &why) !=
        ST_OK) {
        fail(reply, 500, code, "%s", why.text);
        row_free(&row);
        return;
    }
    value = json_array();
    if (setting_transform(c, &x, KQL_STREAM_WARN, tell_schema, value, &made, &why) == ST_INVALID &&
        json_array_size(value) == 0)
        fail(reply, 409, "InvalidTransform", "%s", why.text);
    transform_free(made);
    setting_free(&x);
    row_free(&row);
    if (reply->status >= 400) {
        json_decref(value);
        return;
    }
    root = json_pack("{s:o}", "value", value);
    reply->body = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (reply->body == NULL) {
        fail(reply, 503, "OutOfMemory", "no memory for the schema");
        return;
    }
    reply->body_size = strlen(reply->body);
    reply->status = 200;
}

/* ---- PUT ---- */

static void
put_read(struct putting *p)
{
    const struct settings_put *put = p->put;
    struct err why = {""};
    char code[48];
    enum status st;

    if (put->body.n > SETTING_BODY_SIZE_MAX) {
        fail(p->reply, 413, "RequestTooLarge", "a setting has at most 1 MiB");
        return;
    }
    st = setting_read(p->c, put->tenant, put->id, put->body, false, &p->x, code, &why);
    if (st != ST_OK) {
        fail(p->reply, st == ST_INVALID ? 400 : 503, code, "%s", why.text);
        return;
    }
    st = store_setting_find(p->c->store, put->tenant, put->id, row_copy, &p->old, &why);
    if (p->old.has_no_memory)
        fail(p->reply, 503, "OutOfMemory", "no memory for the setting");
    else if (st != ST_OK && st != ST_END)
        fail_store(p->reply, st, &why);
    else if (conditions_hold(p) && transform_holds(p) && secret_make(p) && destination_holds(p)) {
        p->next.json = setting_write(p->c, &p->x, false, &p->next.json_size);
        if (p->next.json == NULL)
            fail(p->reply, 503, "OutOfMemory", "no memory for the setting");
        else
            put_store(p);
    }
}

void
settings_put(const struct control *c, const struct settings_put *put, struct settings_reply *reply)
{
    struct putting p = {.c = c, .put = put, .reply = reply};

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, put->tenant, reply))
        return;
    put_read(&p);
    setting_free(&p.x);
    row_free(&p.old);
    row_free(&p.next);
    if (p.connection != NULL)
        secrets_wipe(p.connection, strlen(p.connection));
    free(p.connection);
}

/* ---- enable, delete ---- */

void
settings_enable(const struct control *c, const char *tenant, const char *id, bool is_enabled,
                int64_t now, struct settings_reply *reply)
{
    struct row row = {0}, next = {0};
    struct setting x;
    struct err why = {""};
    char code[48];
    enum status st;

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, tenant, reply) || !row_find(c, tenant, id, &row, reply))
        return;
    st = setting_read(c, tenant, id, (struct span){row.json, row.json_size}, true, &x, code, &why);
    if (st != ST_OK) {
        fail(reply, 500, "StoredSettingInvalid", "what is stored cannot be read: %s", why.text);
        row_free(&row);
        return;
    }
    bool has_changed = x.is_enabled != is_enabled;

    x.is_enabled = is_enabled;
    next = row;
    next.json = setting_write(c, &x, false, &next.json_size);
    struct store_setting put = {
        .tenant = tenant,
        .id = id,
        .json = {next.json,  next.json_size },
        .secret = {row.secret, row.secret_size},
        .created = row.created,
        .modified = now
    };

    if (next.json == NULL)
        fail(reply, 503, "OutOfMemory", "no memory for the setting");
    else if (has_changed &&
             (st = store_setting_put(c->store, &put, (struct span){row.json, row.json_size}, 0,
                                     NULL, &why)) == ST_INVALID)
        fail(reply, 412, "PreconditionFailed", "%s: try again", why.text);
    else if (st != ST_OK)
        fail_store(reply, st, &why);
    else {
        answer(c, tenant, id, &next, 200, reply);
        reply->has_changed = has_changed;
    }
    free(next.json);
    setting_free(&x);
    row_free(&row);
}

void
settings_delete(const struct control *c, const char *tenant, const char *id, const char *if_match,
                struct settings_reply *reply)
{
    struct row row = {0};
    struct span only_if = {0};
    struct err why = {""};
    char etag[40];
    enum status st;

    *reply = (struct settings_reply){0};
    if (!tenant_there(c, tenant, reply) || !row_find(c, tenant, id, &row, reply))
        return;
    etag_make(&row, etag);
    if (if_match != NULL && !etag_in(if_match, etag)) {
        fail(reply, 412, "PreconditionFailed", "the setting was changed meanwhile: read it again");
        row_free(&row);
        return;
    }
    if (if_match != NULL && strcmp(if_match, "*") != 0)
        only_if = (struct span){row.json, row.json_size};
    st = store_setting_delete(c->store, tenant, id, only_if, &why);
    if (st == ST_INVALID)
        fail(reply, 412, "PreconditionFailed", "%s: read it again", why.text);
    else if (st != ST_OK)
        fail_store(reply, st, &why);
    else
        reply->status = 204;
    reply->has_changed = st == ST_OK;
    row_free(&row);
}
