/* change.c - items in, changes out: what posture.h promises for posture_apply and a report's items.
 *
 * A batch is looked at twice. Without a lock each item is parsed, hashed and compared with the hot
 * table: on most nights nearly all of them end there. What is left goes through one transaction, in
 * order. An item that seemed unchanged is looked at again there when the batch itself may have touched
 * it: when its id stands among the changes, or something was deleted. */
#include "posture/change_inner.h"
#include <stdlib.h>

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

/* ---- first look, without locks ---- */

/* Id, kind and hash; true: it is to be compared. *st other than ST_OK: the batch fails. */
static bool
read_item(struct batch *b, size_t i, enum status *st, struct err *err)
{
    const struct posture_item *item = &b->items[i];
    struct posture_result *result = &b->results[i];
    struct work *w = &b->works[i];
    struct arm_path path;
    struct err why = {""};

    if (!posture_parse(item->id, &path, &w->kind, result))
        return false;
    if (w->kind->is_computed)
        return posture_refuse_with(result, "ReadOnlyResource", "id",
                                   "%s are computed and cannot be written or deleted",
                                   w->kind->list);
    posture_key(b->p, b->tenant, path.text, w->key);
    w->has_key = true;
    w->state = WORK_OPEN;
    if (item->is_delete)
        return true;
    size_t body_max = w->kind->body_max > 0 ? w->kind->body_max : POSTURE_BODY_SIZE_MAX;

    if (item->body.n > body_max) {
        w->state = WORK_DONE;
        return posture_refuse_with(result, "ResourceTooLarge", "",
                                   "it has %zu bytes, at most %zu are allowed", item->body.n,
                                   body_max);
    }
    struct span body = posture_trim(item->body);

    *st = json_text_check(body, w->kind->skip, b->p->seed, &w->hash, &why);
    if (*st == ST_OK && json_text_is_object(body))
        return true;
    w->state = WORK_DONE;
    if (*st == ST_FULL) {
        *err = why;
        return false;
    }
    *st = ST_OK;
    return posture_refuse_with(
        result, "InvalidRequestContent", "",
        why.text[0] != '\0' ? "it is not JSON: %s" : "it is no JSON object%s", why.text);
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
        st = posture_hot_find(db, w->key, &w->number, &hash, err);
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
        .kind = b->works[i].kind, .body = posture_trim(b->items[i].body), .result = &b->results[i]};
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

/* ---- the transaction ---- */

static enum status
apply_one(struct batch *b, size_t i, struct posture_txn *t, bool *has_deleted, struct err *err)
{
    struct work *w = &b->works[i];
    struct posture_result *result = &b->results[i];
    struct posture_change c = {.kind = w->kind, .result = result};
    uint64_t hash = 0;
    enum status st = posture_hot_find(t->db, w->key, &w->number, &hash, err);
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
    c.body = posture_trim(b->items[i].body);
    c.old = is_there ? &t->resource : NULL;
    st = posture_put(t, &c, w->key, w->hash, &w->number, err);
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
    for (size_t i = 0; i < b->count && st == ST_OK; i++)
        if (b->works[i].state == WORK_OPEN && b->items[i].is_delete &&
            b->works[i].kind->drain != NULL)
            st = b->works[i].kind->drain(b->p, b->tenant, b->actor, b->items[i].id, err);
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
