/* posture_resource.c - resources, scopes and names as they are kept: found, and shown again. */
#include "model/datetime.h"
#include "posture/posture_inner.h"
#include <stdlib.h>

void
posture_resource_free(struct posture_resource *r)
{
    text_free(&r->memory);
    *r = (struct posture_resource){0};
}

/* ---- tenants, scopes, names ---- */

/* The first column of a statement that yields one row or none. */
static enum status
first(struct posture_db *db, sqlite3_stmt *x, int64_t *number, struct err *err)
{
    enum status st = posture_step(db, x, err);

    if (st != ST_OK)
        return st;
    *number = sqlite3_column_int64(x, 0);
    posture_sql_end(x);
    return ST_OK;
}

enum status
posture_tenant_find(struct posture_db *db, const char *tenant, int64_t *number, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(db, &x, err, "SELECT number FROM tenants WHERE id = ?", "t", tenant);

    return st == ST_OK ? first(db, x, number, err) : st;
}

static struct span
fold(struct span s, char out[ARM_PATH_SIZE_MAX])
{
    if (s.n > ARM_PATH_SIZE_MAX)
        s.n = ARM_PATH_SIZE_MAX;
    arm_path_fold(s, out);
    return (struct span){out, s.n};
}

static enum status
scope_find(struct posture_db *db, int64_t tenant, struct span folded, int64_t *number,
           struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(db, &x, err, "SELECT number FROM scopes WHERE tenant = ? AND folded = ?", "is",
                    tenant, folded);

    return st == ST_OK ? first(db, x, number, err) : st;
}

static enum status
name_find(struct posture_db *db, int64_t tenant, struct span folded, int64_t *number,
          struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(db, &x, err, "SELECT number FROM names WHERE tenant = ? AND folded = ?", "is",
                    tenant, folded);

    return st == ST_OK ? first(db, x, number, err) : st;
}

enum status
posture_scope_find(struct posture_db *db, const char *tenant, struct span scope, int64_t *number,
                   struct err *err)
{
    char folded[ARM_PATH_SIZE_MAX];
    int64_t of_tenant;
    enum status st = posture_tenant_find(db, tenant, &of_tenant, err);

    return st == ST_OK ? scope_find(db, of_tenant, fold(scope, folded), number, err) : st;
}

enum status
posture_name_find(struct posture_db *db, const char *tenant, struct span name, int64_t *number,
                  struct err *err)
{
    char folded[ARM_PATH_SIZE_MAX];
    int64_t of_tenant;
    enum status st = posture_tenant_find(db, tenant, &of_tenant, err);

    return st == ST_OK ? name_find(db, of_tenant, fold(name, folded), number, err) : st;
}

enum status
posture_scope_number(struct posture_txn *t, struct span scope, int64_t *number, struct err *err)
{
    char folded_text[ARM_PATH_SIZE_MAX];
    struct span folded = fold(scope, folded_text);
    struct arm_path path = {0};
    int64_t subscription = 0;
    enum status st = scope_find(t->db, t->tenant_number, folded, number, err);

    if (st != ST_END)
        return st;
    st = ST_OK;
    if (scope.n > 0)
        st = arm_path_parse(scope, &path, err);
    if (st == ST_OK && path.subscription_id.n > 0 && path.subscription_id.n < scope.n)
        st = posture_scope_number(t, path.subscription_id, &subscription, err);
    if (st == ST_OK)
        st = posture_run(t->db, err,
                         "INSERT INTO scopes (tenant, folded, id, subscription) VALUES (?, ?, ?,"
                         " ?)",
                         "issi", t->tenant_number, folded, scope, subscription);
    if (st != ST_OK)
        return st;
    *number = sqlite3_last_insert_rowid(t->db->db);
    if (subscription == 0 && path.subscription_id.n > 0)
        st = posture_run(t->db, err, "UPDATE scopes SET subscription = number WHERE number = ?",
                         "i", *number);
    return st;
}

enum status
posture_name_number(struct posture_txn *t, struct span name, int64_t *number, struct err *err)
{
    char folded_text[ARM_PATH_SIZE_MAX];
    struct span folded = fold(name, folded_text);
    enum status st = name_find(t->db, t->tenant_number, folded, number, err);

    if (st != ST_END)
        return st;
    st = posture_run(t->db, err, "INSERT INTO names (tenant, folded) VALUES (?, ?)", "is",
                     t->tenant_number, folded);
    if (st == ST_OK)
        *number = sqlite3_last_insert_rowid(t->db->db);
    return st;
}

/* ---- resources ---- */

/* The id of a row that does not hold it itself, in front of what 'out' has: that of its parent, or its scope,
 * then type and name. */
static enum status
id_of(struct posture_db *db, int64_t number, struct text *out, struct err *err)
{
    struct text name = {0};
    sqlite3_stmt *x;
    const struct posture_kind *kind;
    int64_t parent;
    enum status st =
        posture_sql(db, &x, err,
                    "SELECT r.kind, r.parent, r.name, r.id, s.id FROM resources r JOIN scopes s ON"
                    " s.number = r.scope WHERE r.number = ?",
                    "i", number);

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    int64_t kind_number = sqlite3_column_int64(x, 0);

    kind = kind_number > 0 && kind_number < KIND_COUNT ? posture_kinds[kind_number] : NULL;
    parent = sqlite3_column_int64(x, 1);
    text_add(&name, posture_column(x, 2));
    bool is_kept = sqlite3_column_type(x, 3) != SQLITE_NULL;

    if (is_kept)
        text_add(out, posture_column(x, 3));
    else if (parent == 0)
        text_add(out, posture_column(x, 4));
    posture_sql_end(x);
    if (kind == NULL)
        st = err_set(err, ST_IO, "%s: resource %lld is of no known kind", db->path,
                     (long long)number);
    if (st == ST_OK && !is_kept && parent != 0)
        st = id_of(db, parent, out, err);
    if (st == ST_OK && !is_kept) {
        const char *slash = strrchr(kind->type, '/');

        if (parent == 0)
            text_addf(out, "/providers/Microsoft.Security/%s/", kind->type);
        else
            text_addf(out, "/%s/", slash + 1);
        text_add(out, text_span(&name));
    }
    out->is_short |= name.is_short;
    text_free(&name);
    return st;
}

enum status
posture_find_number(struct posture_db *db, int64_t number, struct posture_resource *r,
                    struct err *err)
{
    struct text *m = &r->memory;
    sqlite3_stmt *x;
    enum status st = ST_OK;

    text_reset(m);
    st = id_of(db, number, m, err);
    size_t id_size = m->n;

    if (st == ST_OK)
        st = posture_sql(db, &x, err,
                         "SELECT kind, scope, parent, definition, subscription, code, changed,"
                         " name, document FROM resources WHERE number = ?",
                         "i", number);
    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    r->number = number;
    r->kind = posture_kinds[sqlite3_column_int64(x, 0)];
    r->scope_number = sqlite3_column_int64(x, 1);
    r->parent = sqlite3_column_int64(x, 2);
    r->definition = sqlite3_column_int64(x, 3);
    r->subscription = sqlite3_column_int64(x, 4);
    r->code = sqlite3_column_int64(x, 5);
    r->changed = sqlite3_column_int64(x, 6);
    size_t name_size = posture_column(x, 7).n;

    text_add(m, posture_column(x, 8));
    posture_sql_end(x);
    if (m->is_short)
        return err_set(err, ST_FULL, "no memory for a resource");
    r->id = (struct span){m->p, id_size};
    r->name = (struct span){m->p + id_size - name_size, name_size};
    r->document = (struct span){m->p + id_size, m->n - id_size};
    return ST_OK;
}

enum status
posture_find(struct posture *p, struct posture_db *db, const char *tenant, struct span id,
             struct posture_resource *r, struct err *err)
{
    int64_t number;
    uint64_t hash;
    enum status st = posture_find_hash(p, db, tenant, id, &number, &hash, err);

    return st == ST_OK ? posture_find_number(db, number, r, err) : st;
}

/* ---- putting text together ---- */

void
posture_show_head(const struct posture_resource *r, struct text *out)
{
    text_puts(out, "{\"id\":");
    text_string(out, r->id);
    text_puts(out, ",\"name\":");
    text_string(out, r->name);
    text_addf(out, ",\"type\":\"Microsoft.Security/%s\",", r->kind->type);
}

enum status
posture_show(struct posture *p, struct posture_db *db, const char *tenant,
             const struct posture_resource *r, bool expand, struct text *out, struct err *err)
{
    const struct posture_event_maker m = {.p = p, .db = db, .tenant = tenant};
    enum status st = ST_OK;
    size_t count = 0;

    posture_show_head(r, out);
    if (r->kind->show != NULL)
        st = r->kind->show(&m, r, expand, out, err);
    else
        posture_members(out, r->document, NULL, &count);
    text_puts(out, "}");
    return st;
}

void
posture_member(struct text *out, const char *name, struct span value, size_t *count)
{
    if (value.n == 0)
        return;
    if ((*count)++ > 0)
        text_puts(out, ",");
    text_string(out, span_of(name));
    text_puts(out, ":");
    text_add(out, value);
}

void
posture_members(struct text *out, struct span object, const char *const *without, size_t *count)
{
    struct json_walk w = json_walk_begin(object);
    struct span key, value;

    while (json_walk_next(&w, &key, &value)) {
        bool is_left_out = false;

        for (size_t i = 0; without != NULL && without[i] != NULL && !is_left_out; i++)
            is_left_out = span_is(key, without[i]);
        if (is_left_out)
            continue;
        if ((*count)++ > 0)
            text_puts(out, ",");
        text_puts(out, "\"");
        text_add(out, key);
        text_puts(out, "\":");
        text_add(out, value);
    }
}

void
posture_event_scope(struct span id, struct text *out)
{
    char folded[ARM_PATH_SIZE_MAX];
    struct arm_path path;
    struct err ignored;

    if (arm_path_parse(id, &path, &ignored) != ST_OK)
        return;
    text_add(out, fold(path.group_id.n > 0 ? path.group_id : path.subscription_id, folded));
}

/* ---- checks from a table ---- */

static bool
strings_are_right(struct posture_change *c, const struct posture_field *f, struct span list)
{
    struct json_walk w = json_walk_begin(list);
    struct span key, value;
    char target[160];

    for (size_t i = 0; json_walk_next(&w, &key, &value); i++) {
        snprintf(target, sizeof target, "%s[%zu]", f->path, i);
        if (!json_text_is_string(value))
            return posture_refuse(c, target, "it must be a string");
        if (f->type == FIELD_ENUMS && json_string_among(value, f->values) < 0)
            return posture_refuse(c, target, "'%.*s' is not one of the values it may have",
                                  value.n > 42 ? 40 : (int)value.n - 2, value.p + 1);
    }
    return true;
}

static bool
enum_is_right(struct posture_change *c, const struct posture_field *f, struct span value)
{
    char known[200];
    size_t n = 0;

    if (json_string_among(value, f->values) >= 0)
        return true;
    known[0] = '\0';
    for (size_t i = 0; f->values[i] != NULL && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", f->values[i]);
    return posture_refuse(c, f->path, "it must be one of %s", known);
}

static bool
field_is_right(struct posture_change *c, const struct posture_field *f, struct span value)
{
    int64_t ticks;

    switch (f->type) {
    case FIELD_STRING:
        if (!json_text_is_string(value))
            return posture_refuse(c, f->path, "it must be a string");
        if (f->size_max > 0 && value.n > f->size_max + 2)
            return posture_refuse(c, f->path, "it has %zu bytes, at most %zu are allowed",
                                  value.n - 2, f->size_max);
        return true;
    case FIELD_OBJECT:
        return json_text_is_object(value) || posture_refuse(c, f->path, "it must be an object");
    case FIELD_STRINGS:
    case FIELD_ENUMS:
        if (!json_text_is_array(value))
            return posture_refuse(c, f->path, "it must be an array of strings");
        return strings_are_right(c, f, value);
    case FIELD_BOOLEAN:
        return value.p[0] == 't' || value.p[0] == 'f' ||
               posture_refuse(c, f->path, "it must be true or false");
    case FIELD_NUMBER:
        return json_text_is_number(value) || posture_refuse(c, f->path, "it must be a number");
    case FIELD_ENUM:
        return enum_is_right(c, f, value);
    case FIELD_DATE:
        return (json_text_is_string(value) &&
                datetime_read((struct span){value.p + 1, value.n - 2}, &ticks)) ||
               posture_refuse(c, f->path, "it must be a date, such as 2026-05-12T08:41:07Z");
    }
    return true;
}

bool
posture_fields_check(struct posture_change *c, const struct posture_field *fields)
{
    for (const struct posture_field *f = fields; f->path != NULL; f++) {
        struct span value = json_at(c->body, f->path);

        if (json_text_is_null(value)) {
            if (f->is_required)
                return posture_refuse(c, f->path, "it is missing");
            continue;
        }
        if (!field_is_right(c, f, value))
            return false;
    }
    return true;
}
