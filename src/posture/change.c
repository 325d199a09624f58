/* change.c - items in, changes out: what posture.h promises for posture_apply and a report's items.
 *
 * A batch is looked at twice. Without a lock each item is parsed, hashed and compared with the hot
 * table: on most nights nearly all of them end there. What is left goes through one transaction, in
 * order. An item that seemed unchanged is looked at again there when the batch itself may have touched
 * it: when its id stands among the changes, or something was deleted. */
#include "posture/posture_inner.h"
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    LINE_SIZE = 64 + ARM_PATH_SIZE_MAX,
};

struct work {
    const struct posture_kind *kind;
    uint8_t key[16];
    uint64_t hash;
    int64_t number; /* of the row, once known */
    bool has_key;
    enum { WORK_DONE, WORK_SAME, WORK_OPEN } state;
};

struct batch {
    struct posture *p;
    const char *tenant, *actor;
    struct span producer;
    const struct posture_item *items;
    struct posture_result *results;
    size_t count, open_count;
    struct work *works;
    uint32_t *slots; /* hash table of keys of open items: index + 1 */
    size_t slot_mask;
    struct posture_seen *seen;
};

/* ---- keys, kinds ---- */

void
posture_key(const struct posture *p, const char *tenant, struct span id, uint8_t key[16])
{
    char line[LINE_SIZE];
    size_t n = strlen(tenant);
    XXH128_canonical_t canonical;

    if (n > 63)
        n = 63;
    memcpy(line, tenant, n);
    if (id.n > 0 && id.p[id.n - 1] == '/')
        id.n--;
    if (id.n > ARM_PATH_SIZE_MAX)
        id.n = ARM_PATH_SIZE_MAX;
    arm_path_fold(id, line + n);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(line, n + id.n, p->seed));
    memcpy(key, &canonical, 16);
}

static bool
type_is(const struct arm_path *path, const char *type)
{
    for (size_t i = 0; i < path->pair_count; i++) {
        const char *slash = strchr(type, '/');
        struct span word = {type, slash != NULL ? (size_t)(slash - type) : strlen(type)};

        if (!arm_path_equal(path->pairs[i].type, word))
            return false;
        if (slash == NULL)
            return i + 1 == path->pair_count;
        type = slash + 1;
    }
    return false;
}

static const struct posture_kind *
kind_of(const struct arm_path *path)
{
    if (!arm_path_equal(path->provider, SPAN_LITERAL("Microsoft.Security")))
        return NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct posture_kind *k = posture_kinds[i];

        if (k != NULL &&
            (type_is(path, k->type) || (k->type_also != NULL && type_is(path, k->type_also))))
            return k;
    }
    return NULL;
}

PRINTF_LIKE(4, 5)
static bool
refuse(struct posture_result *r, const char *code, const char *target, const char *format, ...)
{
    va_list args;

    r->outcome = POSTURE_REFUSED;
    snprintf(r->code, sizeof r->code, "%s", code);
    snprintf(r->target, sizeof r->target, "%s", target);
    va_start(args, format);
    vsnprintf(r->message.text, sizeof r->message.text, format, args);
    va_end(args);
    return false;
}

bool
posture_refuse(struct posture_change *c, const char *target, const char *format, ...)
{
    va_list args;
    char text[sizeof c->result->message.text];

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return refuse(c->result, c->kind->refusal, target, "%s", text);
}

static bool
scope_is_right(const struct posture_kind *k, const struct arm_path *path,
               struct posture_result *result)
{
    bool is_below =
        arm_path_is_below(path->scope, path->subscription_id) && path->subscription_id.n > 0;

    if (k->scope == SCOPE_ANY_OR_NONE && (path->scope.n == 0 || is_below))
        return true;
    if (k->scope == SCOPE_SUBSCRIPTION && !arm_path_equal(path->scope, path->subscription_id))
        return refuse(result, "InvalidResourceId", "id",
                      "%s belong to a subscription: "
                      "/subscriptions/{id}/providers/Microsoft.Security/%s/{name}",
                      k->list, k->type);
    if (!is_below)
        return refuse(result, "InvalidResourceId", "id",
                      "%s belong to a subscription or what is below it: "
                      "/subscriptions/{id}/...",
                      k->list);
    return true;
}

static struct span
trim(struct span s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
        s = (struct span){s.p + 1, s.n - 1};
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
        s.n--;
    return s;
}

/* ---- first look, without locks ---- */

static bool
parse(struct span id, struct arm_path *path, const struct posture_kind **kind,
      struct posture_result *result)
{
    struct err why = {""};
    char type[120];

    if (arm_path_parse(id, path, &why) != ST_OK)
        return refuse(result, "InvalidResourceId", "id", "%s", why.text);
    *kind = kind_of(path);
    if (*kind == NULL) {
        arm_path_type(path, type, sizeof type);
        return refuse(result, "InvalidResourceType", "id",
                      "'%.*s/%s' is no type that posture keeps", (int)path->provider.n,
                      path->provider.p, type);
    }
    return scope_is_right(*kind, path, result);
}

/* Id, kind and hash; true: it is to be compared. *st other than ST_OK: the batch fails. */
static bool
read_item(struct batch *b, size_t i, enum status *st, struct err *err)
{
    const struct posture_item *item = &b->items[i];
    struct posture_result *result = &b->results[i];
    struct work *w = &b->works[i];
    struct arm_path path;
    struct err why = {""};

    if (!parse(item->id, &path, &w->kind, result))
        return false;
    if (w->kind->is_computed)
        return refuse(result, "ReadOnlyResource", "id",
                      "%s are computed and cannot be written or deleted", w->kind->list);
    posture_key(b->p, b->tenant, path.text, w->key);
    w->has_key = true;
    w->state = WORK_OPEN;
    if (item->is_delete)
        return true;
    size_t body_max = w->kind->body_max > 0 ? w->kind->body_max : POSTURE_BODY_SIZE_MAX;

    if (item->body.n > body_max) {
        w->state = WORK_DONE;
        return refuse(result, "ResourceTooLarge", "", "it has %zu bytes, at most %zu are allowed",
                      item->body.n, body_max);
    }
    struct span body = trim(item->body);

    *st = json_text_check(body, w->kind->skip, b->p->seed, &w->hash, &why);
    if (*st == ST_OK && json_text_is_object(body))
        return true;
    w->state = WORK_DONE;
    if (*st == ST_FULL) {
        *err = why;
        return false;
    }
    *st = ST_OK;
    return refuse(result, "InvalidRequestContent", "",
                  why.text[0] != '\0' ? "it is not JSON: %s" : "it is no JSON object%s", why.text);
}

static enum status
hot_find(struct posture_db *db, const uint8_t key[16], int64_t *number, uint64_t *hash,
         struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err, "SELECT number, hash FROM hot WHERE key = ?", "b",
                                 (struct span){(const char *)key, 16});

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    *number = sqlite3_column_int64(x, 0);
    *hash = (uint64_t)sqlite3_column_int64(x, 1);
    posture_sql_end(x);
    return ST_OK;
}

/* Items whose hash is the one that is kept need nothing more. */
static enum status
compare(struct batch *b, struct err *err)
{
    struct posture_db *db = posture_reader_take(b->p);
    enum status st = posture_run(db, err, "BEGIN", "");

    for (size_t i = 0; i < b->count && st == ST_OK; i++) {
        struct work *w = &b->works[i];
        uint64_t hash;

        if (!w->has_key)
            continue;
        st = hot_find(db, w->key, &w->number, &hash, err);
        if (st == ST_OK && w->state == WORK_OPEN && !b->items[i].is_delete && hash == w->hash)
            w->state = WORK_SAME;
        if (st == ST_END)
            st = ST_OK;
    }
    struct err ignored;

    if (!sqlite3_get_autocommit(db->db) && posture_run(db, &ignored, "COMMIT", "") != ST_OK)
        sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
    posture_reader_give(b->p, db);
    return st;
}

static bool
check(struct batch *b, size_t i)
{
    struct posture_change c = {
        .kind = b->works[i].kind, .body = trim(b->items[i].body), .result = &b->results[i]};
    struct err ignored;

    if (b->items[i].is_delete || c.kind->check == NULL)
        return true;
    return arm_path_parse(b->items[i].id, &c.path, &ignored) == ST_OK && c.kind->check(&c);
}

/* ---- keys of open items ---- */

static size_t
slot_of(const struct batch *b, const uint8_t key[16])
{
    uint64_t at;

    memcpy(&at, key, sizeof at);
    for (;; at++) {
        uint32_t s = b->slots[at & b->slot_mask];

        if (s == 0 || memcmp(b->works[s - 1].key, key, 16) == 0)
            return at & b->slot_mask;
    }
}

static bool
note_open(struct batch *b)
{
    size_t size = 16;

    while (size < 2 * b->open_count)
        size *= 2;
    b->slots = calloc(size, sizeof *b->slots);
    b->slot_mask = size - 1;
    if (b->slots == NULL)
        return false;
    for (size_t i = 0; i < b->count; i++)
        if (b->works[i].state == WORK_OPEN)
            b->slots[slot_of(b, b->works[i].key)] = (uint32_t)(i + 1);
    return true;
}

/* ---- storing ---- */

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

/* One item whose id, kind and body are known, inside the transaction. 'old' is what is kept, or NULL. */
static enum status
put(struct posture_txn *t, struct posture_change *c, const uint8_t key[16], uint64_t hash,
    int64_t *number, struct err *err)
{
    struct posture_resource parent = {0};
    enum status st = ST_OK;

    if (c->kind->parent != 0)
        st = parent_find(t, c, &parent, err);
    if (st == ST_END) {
        refuse(c->result, "ParentResourceNotFound", "id",
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

/* ---- the transaction ---- */

static enum status
apply_one(struct batch *b, size_t i, struct posture_txn *t, bool *has_deleted, struct err *err)
{
    struct work *w = &b->works[i];
    struct posture_result *result = &b->results[i];
    struct posture_change c = {.kind = w->kind, .result = result};
    uint64_t hash = 0;
    enum status st = hot_find(t->db, w->key, &w->number, &hash, err);
    bool is_there = st == ST_OK;

    if (st != ST_OK && st != ST_END)
        return st;
    if (!is_there)
        w->number = 0;
    if (is_there && !b->items[i].is_delete && hash == w->hash) {
        result->outcome = POSTURE_UNCHANGED;
        return ST_OK;
    }
    /* What seemed unchanged was checked when it was stored; but that is gone now. */
    if (w->state == WORK_SAME && !check(b, i))
        return ST_OK;
    st = is_there ? posture_find_number(t->db, w->number, &t->resource, err) : ST_OK;
    if (st == ST_OK)
        st = arm_path_parse(b->items[i].id, &c.path, err);
    if (st != ST_OK)
        return st;
    if (b->items[i].is_delete) {
        result->outcome = is_there ? POSTURE_DELETED : POSTURE_ABSENT;
        *has_deleted |= is_there;
        return is_there ? posture_remove(t, &t->resource, err) : ST_OK;
    }
    c.body = trim(b->items[i].body);
    c.old = is_there ? &t->resource : NULL;
    st = put(t, &c, w->key, w->hash, &w->number, err);
    text_free(&c.document);
    return st;
}

static enum status
write_open(struct batch *b, struct err *err)
{
    struct posture_txn t;
    bool has_deleted = false;
    enum status st;

    st = posture_outbox_room(b->p, err);
    if (st != ST_OK)
        return st;
    if (!note_open(b))
        return err_set(err, ST_FULL, "no memory for a report");
    st = posture_begin(b->p, b->tenant, b->actor, &t, err);
    if (st != ST_OK)
        return st;
    if (b->producer.n > 0)
        st = posture_name_number(&t, b->producer, &t.producer, err);
    for (size_t i = 0; i < b->count && st == ST_OK; i++) {
        const struct work *w = &b->works[i];
        bool is_open = w->state == WORK_OPEN;

        if (w->state == WORK_SAME)
            is_open = has_deleted || b->slots[slot_of(b, w->key)] != 0;
        if (is_open)
            st = apply_one(b, i, &t, &has_deleted, err);
    }
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

static enum status
finish(struct batch *b, struct err *err)
{
    uint64_t changed = 0, unchanged = 0, refused = 0;

    for (size_t i = 0; i < b->count; i++) {
        enum posture_outcome o = b->results[i].outcome;

        refused += o == POSTURE_REFUSED;
        unchanged += o == POSTURE_UNCHANGED;
        changed += o == POSTURE_CREATED || o == POSTURE_CHANGED || o == POSTURE_DELETED;
        /* What was named badly was named all the same. */
        bool is_named = o == POSTURE_UNCHANGED || o == POSTURE_CHANGED || o == POSTURE_REFUSED;

        if (b->seen != NULL && is_named && b->works[i].number > 0 &&
            !posture_seen_add(b->seen, b->works[i].number))
            return err_set(err, ST_FULL, "no memory for what a report named");
    }
    atomic_fetch_add(&b->p->changed, changed);
    atomic_fetch_add(&b->p->unchanged, unchanged);
    atomic_fetch_add(&b->p->refused, refused);
    return ST_OK;
}

static enum status
run(struct batch *b, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < b->count && st == ST_OK; i++) {
        b->results[i] = (struct posture_result){.outcome = POSTURE_UNCHANGED};
        (void)read_item(b, i, &st, err);
    }
    if (st == ST_OK)
        st = compare(b, err);
    for (size_t i = 0; i < b->count && st == ST_OK; i++) {
        if (b->works[i].state != WORK_OPEN)
            continue;
        if (check(b, i))
            b->open_count++;
        else
            b->works[i].state = WORK_DONE;
    }
    if (st == ST_OK && b->open_count > 0)
        st = write_open(b, err);
    return st == ST_OK ? finish(b, err) : st;
}

enum status
posture_change_items(struct posture *p, const char *tenant, const char *actor, struct span producer,
                     const struct posture_item *items, size_t count, struct posture_result *results,
                     struct posture_seen *seen, struct err *err)
{
    struct batch b = {.p = p,
                      .tenant = tenant,
                      .actor = actor,
                      .producer = producer,
                      .items = items,
                      .results = results,
                      .count = count,
                      .seen = seen};

    if (count > POSTURE_BATCH_MAX)
        return err_set(err, ST_INVALID, "at most %d resources at once, not %zu", POSTURE_BATCH_MAX,
                       count);
    b.works = calloc(count > 0 ? count : 1, sizeof *b.works);
    if (b.works == NULL)
        return err_set(err, ST_FULL, "no memory for a report");
    enum status st = run(&b, err);

    free(b.slots);
    free(b.works);
    return st;
}

enum status
posture_apply(struct posture *p, const char *tenant, const char *actor,
              const struct posture_item *items, size_t count, struct posture_result *results,
              struct err *err)
{
    return posture_change_items(p, tenant, actor, (struct span){"", 0}, items, count, results, NULL,
                                err);
}

enum status
posture_put_computed(struct posture_txn *t, struct span id, struct span body,
                     enum posture_outcome *outcome, struct err *err)
{
    struct posture_result result = {0};
    struct posture_change c = {.body = trim(body), .result = &result};
    struct posture_resource old = {0};
    uint8_t key[16];
    uint64_t hash, old_hash;
    int64_t number;
    enum status st;

    if (!parse(id, &c.path, &c.kind, &result))
        return err_set(err, ST_INVALID, "%s", result.message.text);
    posture_key(t->p, t->tenant, c.path.text, key);
    st = json_text_check(c.body, c.kind->skip, t->p->seed, &hash, err);
    if (st == ST_OK && c.kind->check != NULL && !c.kind->check(&c))
        return err_set(err, ST_INVALID, "%s: %s", result.target, result.message.text);
    if (st == ST_OK)
        st = hot_find(t->db, key, &number, &old_hash, err);
    if (st == ST_OK && old_hash == hash) {
        *outcome = POSTURE_UNCHANGED;
        return ST_OK;
    }
    if (st == ST_OK) {
        st = posture_find_number(t->db, number, &old, err);
        c.old = &old;
    }
    if (st == ST_OK || st == ST_END)
        st = put(t, &c, key, hash, &number, err);
    if (st == ST_OK && result.outcome == POSTURE_REFUSED)
        st = err_set(err, ST_INVALID, "%s: %s", result.target, result.message.text);
    *outcome = result.outcome;
    posture_resource_free(&old);
    text_free(&c.document);
    return st;
}

enum status
posture_find_hash(struct posture *p, struct posture_db *db, const char *tenant, struct span id,
                  int64_t *number, uint64_t *hash, struct err *err)
{
    uint8_t key[16];

    posture_key(p, tenant, id, key);
    return hot_find(db, key, number, hash, err);
}
