/* change_put.c - one change as rows: the resource, its place in the hot table, and what its kind does about
 * it. */
#include "posture/change_inner.h"

/* The id as it would be made from what is kept beside it; what differs is kept itself. */
static void
compose_id(const struct posture_kind *kind, struct span above, struct span name, struct text *out)
{
    const char *type = kind->type;

    text_add(out, above);
    if (kind->parent == 0)
        text_puts(out, "/providers/Microsoft.Security");
    else
        type = strrchr(type, '/') + 1;
    text_addf(out, "/%s/%.*s", type, (int)name.n, name.p);
}

/* Id, name, number of what an id stands below; ST_END: it is not there. */
static enum status
parent_find(struct posture_txn *t, struct posture_change *c, struct posture_resource *parent,
            struct err *err)
{
    const struct arm_path_pair *last = &c->path.pairs[c->path.pair_count - 1];
    struct span id = {c->path.text.p, (size_t)(last->type.p - 1 - c->path.text.p)};

    return posture_find(t->p, t->db, t->tenant, id, parent, err);
}

static enum status
row_write(struct posture_txn *t, const struct posture_resource *r, struct span kept_id, bool is_new,
          const uint8_t key[16], uint64_t hash, struct err *err)
{
    struct span hot_key = {(const char *)key, 16};
    enum status st;

    if (is_new) {
        st = posture_run(
            t->db, err,
            "INSERT INTO resources (number, tenant, kind, scope, parent, definition, subscription,"
            " code, producer, changed, name, id, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)",
            "iiiiiiiiiissb", r->number, t->tenant_number, (int64_t)r->kind->number, r->scope_number,
            r->parent, r->definition, r->subscription, r->code, t->producer, t->now, r->name,
            kept_id, r->document);
        if (st == ST_OK)
            st = posture_run(t->db, err, "INSERT INTO hot (key, number, hash) VALUES (?, ?, ?)",
                             "bii", hot_key, r->number, (int64_t)hash);
        t->count_delta[r->kind->number]++;
        return st;
    }
    st = posture_run(t->db, err,
                     "UPDATE resources SET code = ?, producer = ?, changed = ?, name = ?,"
                     " id = nullif(?, ''), document = ? WHERE number = ?",
                     "iiissbi", r->code, t->producer, t->now, r->name, kept_id, r->document,
                     r->number);
    if (st == ST_OK)
        st = posture_run(t->db, err, "UPDATE hot SET hash = ? WHERE key = ?", "ib", (int64_t)hash,
                         hot_key);
    return st;
}

/* Fills in the numbers of a new resource: scope, subscription, definition, its own. */
static enum status
place(struct posture_txn *t, const struct posture_change *c, struct posture_resource *r,
      struct err *err)
{
    enum status st = posture_scope_number(t, c->path.scope, &r->scope_number, err);

    if (st == ST_OK && c->path.subscription_id.n > 0)
        st = posture_scope_number(t, c->path.subscription_id, &r->subscription, err);
    if (st == ST_OK && c->kind->by_name)
        st = posture_name_number(t, r->name, &r->definition, err);
    if (st == ST_OK)
        r->number = t->p->number_next++;
    return st;
}

static enum status
keep(struct posture_txn *t, struct posture_change *c, const struct posture_resource *parent,
     const uint8_t key[16], uint64_t hash, int64_t *number, struct err *err)
{
    struct posture_resource now = {
        .kind = c->kind,
        .parent = parent->number,
        .code = c->code,
        .changed = t->now,
        .id = c->path.text,
        .name = c->path.pairs[c->path.pair_count - 1].name,
        .document = text_span(&c->document),
    };
    struct text id = {0}, scope = {0};
    enum status st = ST_OK;

    if (c->old != NULL) {
        now.number = c->old->number;
        now.scope_number = c->old->scope_number;
        now.definition = c->old->definition;
        now.subscription = c->old->subscription;
    } else {
        st = place(t, c, &now, err);
    }
    if (st == ST_OK && c->kind->parent == 0) {
        sqlite3_stmt *x;

        st = posture_sql(t->db, &x, err, "SELECT id FROM scopes WHERE number = ?", "i",
                         now.scope_number);
        if (st == ST_OK)
            st = posture_step(t->db, x, err);
        if (st == ST_OK) {
            text_add(&scope, posture_column(x, 0));
            posture_sql_end(x);
        }
    }
    compose_id(c->kind, c->kind->parent == 0 ? text_span(&scope) : parent->id, now.name, &id);
    bool is_short = id.is_short || scope.is_short || c->document.is_short;
    bool is_same = span_equal(text_span(&id), now.id);

    if (st == ST_OK && is_short)
        st = err_set(err, ST_FULL, "no memory for a resource");
    if (st == ST_OK)
        st = row_write(t, &now, is_same ? (struct span){"", 0} : now.id, c->old == NULL, key, hash,
                       err);
    if (st == ST_OK && c->kind->changed != NULL)
        st = c->kind->changed(t, c->old, &now, err);
    *number = now.number;
    text_free(&id);
    text_free(&scope);
    return st;
}

static enum status
default_make(struct posture_change *c)
{
    static const char *const without[] = {"id", "name", "type", "etag", "systemData", NULL};
    struct text members = {0};
    size_t count = 0;

    text_puts(&members, "{");
    posture_members(&members, c->body, without, &count);
    text_puts(&members, "}");
    text_compact(&c->document, text_span(&members));
    c->document.is_short |= members.is_short;
    text_free(&members);
    return ST_OK;
}

enum status
posture_put(struct posture_txn *t, struct posture_change *c, const uint8_t key[16], uint64_t hash,
            int64_t *number, struct err *err)
{
    struct posture_resource parent = {0};
    enum status st = ST_OK;

    if (c->kind->parent != 0)
        st = parent_find(t, c, &parent, err);
    if (st == ST_END) {
        posture_refuse_with(c->result, "ParentResourceNotFound", "id",
                            "what it stands below is not there: report that first");
        posture_resource_free(&parent);
        return ST_OK;
    }
    if (st == ST_OK)
        st = c->kind->make != NULL ? c->kind->make(t, c, err) : default_make(c);
    if (st == ST_INVALID && c->result->code[0] != '\0') {
        posture_resource_free(&parent);
        return ST_OK;
    }
    if (st == ST_OK && c->document.is_short)
        st = err_set(err, ST_FULL, "no memory for a resource");
    bool is_same = st == ST_OK && c->old != NULL && c->old->code == c->code &&
                   span_equal(c->old->document, text_span(&c->document));

    c->result->outcome = c->old == NULL ? POSTURE_CREATED
                         : is_same      ? POSTURE_UNCHANGED
                                        : POSTURE_CHANGED;
    if (is_same)
        st = posture_run(t->db, err, "UPDATE hot SET hash = ? WHERE key = ?", "ib", (int64_t)hash,
                         (struct span){(const char *)key, 16});
    else if (st == ST_OK)
        st = keep(t, c, &parent, key, hash, number, err);
    posture_resource_free(&parent);
    return st;
}

enum status
posture_remove(struct posture_txn *t, const struct posture_resource *r, struct err *err)
{
    uint8_t key[16];
    enum status st = ST_OK;

    posture_key(t->p, t->tenant, r->id, key);
    if (r->kind->changed != NULL)
        st = r->kind->changed(t, r, NULL, err);
    for (size_t k = 0; k < KIND_COUNT && st == ST_OK; k++) {
        if (posture_kinds[k] == NULL || posture_kinds[k]->parent != r->kind->number)
            continue;
        struct posture_resource child = {0};

        while (st == ST_OK) {
            sqlite3_stmt *x;
            int64_t number = 0;

            st = posture_sql(t->db, &x, err,
                             "SELECT number FROM resources WHERE scope = ? AND kind = ? AND"
                             " parent = ? ORDER BY number LIMIT 1",
                             "iii", r->scope_number, (int64_t)posture_kinds[k]->number, r->number);
            if (st == ST_OK)
                st = posture_step(t->db, x, err);
            if (st != ST_OK)
                break;
            number = sqlite3_column_int64(x, 0);
            posture_sql_end(x);
            st = posture_find_number(t->db, number, &child, err);
            if (st == ST_OK)
                st = posture_remove(t, &child, err);
        }
        posture_resource_free(&child);
        if (st == ST_END)
            st = ST_OK;
    }
    if (st == ST_OK)
        st = posture_run(t->db, err, "DELETE FROM resources WHERE number = ?", "i", r->number);
    if (st == ST_OK)
        st = posture_run(t->db, err, "DELETE FROM hot WHERE key = ?", "b",
                         (struct span){(const char *)key, 16});
    t->count_delta[r->kind->number]--;
    return st;
}

enum status
posture_put_computed(struct posture_txn *t, struct span id, struct span body,
                     enum posture_outcome *outcome, struct err *err)
{
    struct posture_result result = {0};
    struct posture_change c = {.body = posture_trim(body), .result = &result};
    struct posture_resource old = {0};
    uint8_t key[16];
    uint64_t hash, old_hash;
    int64_t number;
    enum status st;

    if (!posture_parse(id, &c.path, &c.kind, &result))
        return err_set(err, ST_INVALID, "%s", result.message.text);
    posture_key(t->p, t->tenant, c.path.text, key);
    st = json_text_check(c.body, c.kind->skip, t->p->seed, &hash, err);
    if (st == ST_OK && c.kind->check != NULL && !c.kind->check(&c))
        return err_set(err, ST_INVALID, "%s: %s", result.target, result.message.text);
    if (st == ST_OK)
        st = posture_hot_find(t->db, key, &number, &old_hash, err);
    if (st == ST_OK && old_hash == hash) {
        *outcome = POSTURE_UNCHANGED;
        return ST_OK;
    }
    if (st == ST_OK) {
        st = posture_find_number(t->db, number, &old, err);
        c.old = &old;
    }
    if (st == ST_OK || st == ST_END)
        st = posture_put(t, &c, key, hash, &number, err);
    if (st == ST_OK && result.outcome == POSTURE_REFUSED)
        st = err_set(err, ST_INVALID, "%s: %s", result.target, result.message.text);
    *outcome = result.outcome;
    posture_resource_free(&old);
    text_free(&c.document);
    return st;
}
