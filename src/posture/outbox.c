/* outbox.c - transactions, and the events that they leave in the outbox: both or neither.
 *
 * A parent's change of state is followed by its findings (continuous-export.md section 2.4): those that the
 * transaction did not export after the parent anyway are added at its end, so that each leaves once
 * behind its parent, in its last state. */
#include "posture/posture_inner.h"
#include <stdlib.h>

/* ---- findings that follow their parents ---- */

struct posture_redo {
    struct redo_parent {
        int64_t number, scope_number, after; /* after: events of the transaction before it */
    } * parents;
    struct redo_finding {
        int64_t number, at;
    } * findings; /* exported by the transaction since a parent was */
    size_t parent_count, parent_room, finding_count, finding_room;
};

static bool
room_for(void **list, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room == 0 ? 64 : *room * 2;
    void *larger = realloc(*list, more * size);

    if (larger == NULL)
        return false;
    *list = larger;
    *room = more;
    return true;
}

static void
redo_free(struct posture_redo *r)
{
    if (r == NULL)
        return;
    free(r->parents);
    free(r->findings);
    free(r);
}

enum status
posture_redo_parent(struct posture_txn *t, const struct posture_resource *parent, struct err *err)
{
    if (!posture_is_wanted(t, EVENT_SUB_ASSESSMENTS))
        return ST_OK;
    if (t->redo == NULL)
        t->redo = calloc(1, sizeof *t->redo);
    struct posture_redo *r = t->redo;

    if (r == NULL ||
        !room_for((void **)&r->parents, &r->parent_room, r->parent_count, sizeof *r->parents))
        return err_set(err, ST_FULL, "no memory for a change");
    r->parents[r->parent_count++] =
        (struct redo_parent){parent->number, parent->scope_number, t->outbox_count};
    return ST_OK;
}

static enum status
redo_finding(struct posture_txn *t, int64_t number, struct err *err)
{
    struct posture_redo *r = t->redo;

    if (r == NULL)
        return ST_OK;
    if (!room_for((void **)&r->findings, &r->finding_room, r->finding_count, sizeof *r->findings))
        return err_set(err, ST_FULL, "no memory for a change");
    r->findings[r->finding_count++] = (struct redo_finding){number, t->outbox_count};
    return ST_OK;
}

static int
finding_order(const void *a, const void *b)
{
    const struct redo_finding *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int
parent_order(const void *a, const void *b)
{
    const struct redo_parent *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->after < y->after ? -1 : x->after > y->after;
}

/* When the finding was exported last by this transaction; -1: not since a parent was. */
static int64_t
exported_at(const struct posture_redo *r, size_t count, int64_t number)
{
    size_t low = 0, high = count;

    while (low < high) { /* first entry beyond the number */
        size_t middle = (low + high) / 2;

        if (r->findings[middle].number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && r->findings[low - 1].number == number ? r->findings[low - 1].at : -1;
}

static enum status
redo(struct posture_txn *t, struct err *err)
{
    struct posture_redo *r = t->redo;
    struct posture_resource finding = {0};
    enum status st = ST_OK;

    if (r == NULL)
        return ST_OK;
    size_t count = r->finding_count; /* what is added from here on needs no looking up */

    if (count > 0)
        qsort(r->findings, count, sizeof *r->findings, finding_order);
    if (r->parent_count > 0)
        qsort(r->parents, r->parent_count, sizeof *r->parents, parent_order);
    for (size_t i = 0; i < r->parent_count && st == ST_OK; i++) {
        const struct redo_parent *p = &r->parents[i];
        int64_t after = 0;
        /* of one that changed several times in the transaction the last time counts */
        bool is_last = i + 1 == r->parent_count || r->parents[i + 1].number != p->number;

        while (st == ST_OK && is_last) {
            sqlite3_stmt *x;

            st = posture_sql(t->db, &x, err,
                             "SELECT number FROM resources WHERE scope = ? AND kind = 3 AND parent"
                             " = ? AND number > ? ORDER BY number LIMIT 1",
                             "iii", p->scope_number, p->number, after);
            if (st == ST_OK)
                st = posture_step(t->db, x, err);
            if (st != ST_OK)
                break;
            after = sqlite3_column_int64(x, 0);
            posture_sql_end(x);
            if (exported_at(r, count, after) >= p->after)
                continue;
            st = posture_find_number(t->db, after, &finding, err);
            if (st == ST_OK)
                st = posture_emit_resource(t, EVENT_SUB_ASSESSMENTS, &finding, "Insert", err);
        }
        if (st == ST_END)
            st = ST_OK;
    }
    posture_resource_free(&finding);
    return st;
}

/* ---- transactions ---- */

static void
leave(struct posture_txn *t)
{
    posture_resource_free(&t->resource);
    text_free(&t->document);
    text_free(&t->scope);
    redo_free(t->redo);
    t->redo = NULL;
    pthread_mutex_unlock(&t->p->write_lock);
}

void
posture_rollback(struct posture_txn *t)
{
    if (!sqlite3_get_autocommit(t->db->db))
        sqlite3_exec(t->db->db, "ROLLBACK", NULL, NULL, NULL);
    leave(t);
}

enum status
posture_begin(struct posture *p, const char *tenant, const char *actor, struct posture_txn *t,
              struct err *err)
{
    enum status st;

    *t = (struct posture_txn){.p = p, .db = &p->writer, .tenant = tenant, .actor = actor};
    pthread_mutex_lock(&p->write_lock);
    t->now = p->options.now(p->options.clock);
    st = posture_run(t->db, err, "BEGIN IMMEDIATE", "");
    if (st == ST_OK)
        st = posture_tenant_find(t->db, tenant, &t->tenant_number, err);
    if (st == ST_END) {
        st = posture_run(t->db, err, "INSERT INTO tenants (id) VALUES (?)", "t", tenant);
        t->tenant_number = sqlite3_last_insert_rowid(t->db->db);
    }
    if (st != ST_OK)
        posture_rollback(t);
    return st;
}

enum status
posture_commit(struct posture_txn *t, struct err *err)
{
    struct posture *p = t->p;
    enum status st = redo(t, err);

    for (int64_t k = 0; k < KIND_COUNT && st == ST_OK; k++)
        if (t->count_delta[k] != 0)
            st = posture_run(t->db, err,
                             "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count"
                             " = count + excluded.count",
                             "iii", t->tenant_number, k, t->count_delta[k]);
    if (st == ST_OK)
        st = posture_run(t->db, err, "COMMIT", "");
    if (st != ST_OK) {
        posture_rollback(t);
        return st;
    }
    bool has_events = t->outbox_count > 0;

    atomic_fetch_add(&p->outbox_count, t->outbox_count);
    atomic_fetch_add(&p->outbox_size, t->outbox_size);
    atomic_fetch_add(&p->events, (uint64_t)t->outbox_count);
    leave(t);
    if (has_events && p->options.rang != NULL)
        p->options.rang(p->options.app);
    return ST_OK;
}

/* ---- events ---- */

bool
posture_is_wanted(const struct posture_txn *t, enum event_source source)
{
    const struct posture_options *o = &t->p->options;

    return o->is_wanted == NULL || o->is_wanted(o->app, t->tenant, source);
}

enum status
posture_emit(struct posture_txn *t, enum event_source source, struct span scope,
             struct span document, struct err *err)
{
    t->outbox_count++;
    t->outbox_size += (int64_t)document.n;
    return posture_run(t->db, err,
                       "INSERT INTO outbox (tenant, source, scope, document) VALUES (?, ?, ?, ?)",
                       "iisb", t->tenant_number, (int64_t)source, scope, document);
}

enum status
posture_emit_resource(struct posture_txn *t, enum event_source source,
                      const struct posture_resource *r, const char *action, struct err *err)
{
    const struct posture_event_maker m = {.db = t->db,
                                          .p = t->p,
                                          .tenant = t->tenant,
                                          .action = action,
                                          .is_snapshot = event_source_rows[source].is_snapshot};

    if (r->kind->event == NULL || !posture_is_wanted(t, source))
        return ST_OK;
    text_reset(&t->document);
    text_reset(&t->scope);
    enum status st = r->kind->event(&m, r, &t->document, &t->scope, err);

    if (st == ST_OK && (t->document.is_short || t->scope.is_short))
        st = err_set(err, ST_FULL, "no memory for an event");
    if (st == ST_OK)
        st = posture_emit(t, source, text_span(&t->scope), text_span(&t->document), err);
    if (st == ST_OK && source == EVENT_SUB_ASSESSMENTS)
        st = redo_finding(t, r->number, err);
    return st;
}

enum status
posture_mark(struct posture_txn *t, int64_t subscription, struct err *err)
{
    if (subscription == 0 || subscription == t->marked_last)
        return ST_OK;
    t->marked_last = subscription;
    return posture_run(t->db, err,
                       "INSERT INTO dirty (subscription, since) VALUES (?, ?) ON CONFLICT DO"
                       " NOTHING",
                       "ii", subscription, t->now);
}

/* ---- the outbox ---- */

enum status
posture_outbox_room(const struct posture *p, struct err *err)
{
    if ((uint64_t)atomic_load(&p->outbox_size) < p->options.outbox_size_max)
        return ST_OK;
    return err_set(err, ST_FULL, "%llu events wait to be exported, which is the limit: try later",
                   (unsigned long long)atomic_load(&p->outbox_count));
}

enum status
posture_outbox_read(struct posture *p, size_t count_max, size_t size_max,
                    void (*visit)(void *app, const struct posture_event *e), void *app,
                    uint64_t *last, struct err *err)
{
    struct posture_db *db = posture_reader_take(p);
    size_t count = 0, size = 0;
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT o.number, t.id, o.source, o.scope, o.document FROM outbox"
                                 " o JOIN tenants t ON t.number = o.tenant ORDER BY o.number",
                                 "");

    *last = 0;
    while (st == ST_OK && count < count_max) {
        st = posture_step(db, x, err);
        if (st != ST_OK)
            break;
        const struct posture_event e = {
            .number = (uint64_t)sqlite3_column_int64(x, 0),
            .tenant = (const char *)sqlite3_column_text(x, 1),
            .source = (enum event_source)sqlite3_column_int(x, 2),
            .scope = posture_column(x, 3),
            .document = posture_column(x, 4),
        };

        if (count > 0 && size + e.document.n > size_max)
            break;
        visit(app, &e);
        size += e.document.n;
        count++;
        *last = e.number;
    }
    if (st == ST_OK)
        posture_sql_end(x);
    posture_reader_give(p, db);
    return st == ST_END ? ST_OK : st;
}

/* Counts what goes, and lets it go; in the transaction of the caller. */
static enum status
drop(struct posture_db *db, uint64_t up_to, int64_t *count, int64_t *size, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT count(*), coalesce(sum(length(document)), 0) FROM outbox"
                                 " WHERE number <= ?",
                                 "i", (int64_t)up_to);

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    *count = sqlite3_column_int64(x, 0);
    *size = sqlite3_column_int64(x, 1);
    posture_sql_end(x);
    return posture_run(db, err, "DELETE FROM outbox WHERE number <= ?", "i", (int64_t)up_to);
}

static enum status
drop_noting(struct posture *p, uint64_t up_to, const uint64_t *place, struct err *err)
{
    struct posture_db *db = &p->writer;
    int64_t count = 0, size = 0;

    pthread_mutex_lock(&p->write_lock);
    enum status st = posture_run(db, err, "BEGIN IMMEDIATE", "");

    if (st == ST_OK)
        st = drop(db, up_to, &count, &size, err);
    if (st == ST_OK && place != NULL)
        st = posture_run(db, err,
                         "INSERT INTO about VALUES ('place', ?) ON CONFLICT DO UPDATE SET value ="
                         " excluded.value",
                         "b", (struct span){(const char *)place, sizeof *place});
    if (st == ST_OK)
        st = posture_run(db, err, "COMMIT", "");
    if (st == ST_OK) {
        atomic_fetch_sub(&p->outbox_count, count);
        atomic_fetch_sub(&p->outbox_size, size);
    } else if (!sqlite3_get_autocommit(db->db)) {
        sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&p->write_lock);
    return st;
}

enum status
posture_outbox_drop(struct posture *p, uint64_t up_to, struct err *err)
{
    return drop_noting(p, up_to, NULL, err);
}

enum status
posture_outbox_drop_at(struct posture *p, uint64_t up_to, uint64_t place, struct err *err)
{
    return drop_noting(p, up_to, &place, err);
}

enum status
posture_outbox_place(struct posture *p, uint64_t *place, struct err *err)
{
    struct posture_db *db = posture_reader_take(p);
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err, "SELECT value FROM about WHERE name = 'place'", "");

    *place = 0;
    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st == ST_OK) {
        struct span value = posture_column(x, 0);

        if (value.n == sizeof *place)
            memcpy(place, value.p, sizeof *place);
        posture_sql_end(x);
    }
    posture_reader_give(p, db);
    return st == ST_END ? ST_OK : st;
}
