/* snapshot.c - the current state of a subscription as events, weekly or on demand (continuous-export.md
 * section 2.8).
 *
 * A snapshot is a row that tells how far it is; each step makes the events of some resources and moves the
 * row in the same transaction, so a kill neither leaves out nor repeats one. Weekly ones are spread: each
 * subscription has its own moment of the week, made from its id. */
#include "posture/snapshot.h"
#include <stdlib.h>

enum {
    STEP_RESOURCES = 500, /* of one transaction */
    RUNS_KEPT = 100,      /* ended ones, per subscription */
};

static const struct posture_kind *
kind_of_source(enum event_source source)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (posture_kinds[i] != NULL && posture_kinds[i]->event != NULL &&
            posture_kinds[i]->source == event_source_rows[source].streaming)
            return posture_kinds[i];
    return NULL;
}

/* ---- asking for one ---- */

static enum status
insert(struct posture_txn *t, int64_t subscription, uint32_t sources, bool is_scheduled,
       char id[40], struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(t->db, &x, err, "SELECT lower(hex(randomblob(16)))", "");

    if (st == ST_OK)
        st = posture_step(t->db, x, err);
    if (st != ST_OK)
        return st;
    struct span made = posture_column(x, 0);

    snprintf(id, 40, "%.*s", (int)made.n, made.p);
    posture_sql_end(x);
    st = posture_run(t->db, err,
                     "INSERT INTO snapshots (id, tenant, subscription, sources, after, made,"
                     " requested, ended, is_scheduled) VALUES (?, ?, ?, ?, 0, 0, ?, 0, ?)",
                     "tiiiii", id, t->tenant_number, subscription, (int64_t)sources, t->now,
                     (int64_t)is_scheduled);
    if (st == ST_OK)
        st = posture_run(t->db, err,
                         "DELETE FROM snapshots WHERE subscription = ?1 AND ended > 0 AND id NOT IN"
                         " (SELECT id FROM snapshots WHERE subscription = ?1 AND ended > 0"
                         "  ORDER BY ended DESC LIMIT ?2)",
                         "ii", subscription, (int64_t)RUNS_KEPT);
    return st;
}

/* One that was asked for and did not begin yet shows what there is when it begins: it is the one that is asked for
 * now, too. ST_END: there is none. */
static enum status
waiting_find(struct posture_txn *t, int64_t subscription, uint32_t sources, char id[40],
             struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(t->db, &x, err,
                    "SELECT id FROM snapshots WHERE subscription = ? AND sources = ? AND ended = 0"
                    " AND after = 0 AND made = 0 AND is_scheduled = 0",
                    "ii", subscription, (int64_t)sources);

    if (st == ST_OK)
        st = posture_step(t->db, x, err);
    if (st != ST_OK)
        return st;
    struct span found = posture_column(x, 0);

    snprintf(id, 40, "%.*s", (int)found.n, found.p);
    posture_sql_end(x);
    return ST_OK;
}

enum status
posture_snapshot(struct posture *p, const char *tenant, struct span subscription, uint32_t sources,
                 char id[40], struct err *err)
{
    struct posture_txn t;
    int64_t scope;
    char text[64];
    enum status st;

    if (subscription.n != 36)
        return err_set(err, ST_INVALID, "a subscription's id is a GUID");
    for (size_t i = 0; i < EVENT_SOURCES; i++)
        if (!event_source_rows[i].is_snapshot)
            sources &= ~(1u << i);
    if (sources == 0)
        return err_set(err, ST_INVALID, "a snapshot needs one snapshot source at least");
    snprintf(text, sizeof text, "/subscriptions/%.36s", subscription.p);
    st = posture_begin(p, tenant, "penstock", &t, err);
    if (st != ST_OK)
        return st;
    st = posture_scope_find(t.db, tenant, span_of(text), &scope, err);
    if (st == ST_END)
        err_set(err, ST_END, "nothing was ever reported of that subscription");
    if (st == ST_OK) {
        st = waiting_find(&t, scope, sources, id, err);
        if (st == ST_END)
            st = insert(&t, scope, sources, false, id, err);
    }
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

/* ---- the weekly ones ---- */

struct due {
    int64_t subscription, slot;
    bool is_first;
    char tenant[64];
};

/* One subscription whose moment has come. The moment within the interval is made from the number of its
 * id's bytes, so that it is the same on every machine. */
static enum status
due_find(struct posture *p, struct posture_db *db, int64_t now, struct due *due, struct err *err)
{
    int64_t interval = p->options.snapshot_interval;
    sqlite3_stmt *x;
    enum status st = posture_sql(
        db, &x, err,
        "SELECT s.number, s.folded, t.id, c.slot FROM scopes s JOIN tenants t ON t.number = "
        "s.tenant"
        " LEFT JOIN snapshot_slots c ON c.subscription = s.number WHERE s.subscription = s.number",
        "");

    while (st == ST_OK && (st = posture_step(db, x, err)) == ST_OK) {
        struct span folded = posture_column(x, 1), tenant;
        uint64_t hash = UINT64_C(1469598103934665603);

        for (size_t i = 0; i < folded.n; i++)
            hash = (hash ^ (unsigned char)folded.p[i]) * UINT64_C(1099511628211);
        due->slot = (now - (int64_t)(hash % (uint64_t)interval)) / interval;
        due->is_first = sqlite3_column_type(x, 3) == SQLITE_NULL;
        if (!due->is_first && due->slot <= sqlite3_column_int64(x, 3))
            continue;
        due->subscription = sqlite3_column_int64(x, 0);
        tenant = posture_column(x, 2);
        snprintf(due->tenant, sizeof due->tenant, "%.*s", (int)tenant.n, tenant.p);
        posture_sql_end(x);
        return ST_OK;
    }
    return st;
}

static enum status
schedule(struct posture *p, const struct due *due, struct err *err)
{
    struct posture_txn t;
    uint32_t sources = 0;
    char id[40];
    enum status st = posture_begin(p, due->tenant, "penstock", &t, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < EVENT_SOURCES; i++)
        if (event_source_rows[i].is_snapshot && posture_is_wanted(&t, (enum event_source)i))
            sources |= 1u << i;
    st = posture_run(t.db, err,
                     "INSERT INTO snapshot_slots (subscription, slot) VALUES (?1, ?2)"
                     " ON CONFLICT (subscription) DO UPDATE SET slot = ?2",
                     "ii", due->subscription, due->slot);
    if (st == ST_OK && sources != 0 && !due->is_first)
        st = insert(&t, due->subscription, sources, true, id, err);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

enum status
snapshot_schedule_tick(struct posture *p, bool *more, struct err *err)
{
    struct due due = {0};
    enum status st;

    if (p->options.snapshot_interval < 0)
        return ST_OK;
    struct posture_db *db = posture_reader_take(p);

    st = due_find(p, db, p->options.now(p->options.clock), &due, err);
    posture_reader_give(p, db);
    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    *more = true;
    return schedule(p, &due, err);
}

/* ---- making events ---- */

struct run {
    char id[40], tenant[64];
    int64_t subscription, after, made;
    uint32_t sources;
};

static enum status
run_find(struct posture_db *db, struct run *run, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT n.id, t.id, n.subscription, n.sources, n.after, n.made"
                                 " FROM snapshots n JOIN tenants t ON t.number = n.tenant"
                                 " WHERE n.ended = 0 ORDER BY n.requested LIMIT 1",
                                 "");

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    struct span id = posture_column(x, 0), tenant = posture_column(x, 1);

    snprintf(run->id, sizeof run->id, "%.*s", (int)id.n, id.p);
    snprintf(run->tenant, sizeof run->tenant, "%.*s", (int)tenant.n, tenant.p);
    run->subscription = sqlite3_column_int64(x, 2);
    run->sources = (uint32_t)sqlite3_column_int64(x, 3);
    run->after = sqlite3_column_int64(x, 4);
    run->made = sqlite3_column_int64(x, 5);
    posture_sql_end(x);
    return ST_OK;
}

static enum status
next_number(struct posture_db *db, const struct run *run, const struct posture_kind *kind,
            int64_t *number, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err,
                                 "SELECT number FROM resources WHERE subscription = ? AND kind = ?"
                                 " AND number > ? ORDER BY number LIMIT 1",
                                 "iii", run->subscription, (int64_t)kind->number, run->after);

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    *number = sqlite3_column_int64(x, 0);
    posture_sql_end(x);
    return ST_OK;
}

/* Some resources of the first source that is left; when there are no more, the source is done. */
static enum status
step(struct posture_txn *t, struct run *run, struct err *err)
{
    enum event_source source = (enum event_source)__builtin_ctz(run->sources);
    const struct posture_kind *kind = kind_of_source(source);
    struct posture_resource r = {0};
    enum status st = kind == NULL ? ST_END : ST_OK;

    for (int i = 0; i < STEP_RESOURCES && st == ST_OK; i++) {
        int64_t number;

        st = next_number(t->db, run, kind, &number, err);
        if (st == ST_OK)
            st = posture_find_number(t->db, number, &r, err);
        if (st == ST_OK)
            st = posture_emit_resource(t, source, &r, "Insert", err);
        if (st == ST_OK) {
            run->after = number;
            run->made++;
        }
    }
    posture_resource_free(&r);
    if (st == ST_END) {
        run->sources &= run->sources - 1;
        run->after = 0;
        st = ST_OK;
    }
    if (st != ST_OK)
        return st;
    return posture_run(t->db, err,
                       "UPDATE snapshots SET sources = ?, after = ?, made = ?, ended = ?"
                       " WHERE id = ?",
                       "iiiit", (int64_t)run->sources, run->after, run->made,
                       run->sources == 0 ? t->now : (int64_t)0, run->id);
}

enum status
snapshot_tick(struct posture *p, bool *more, struct err *err)
{
    struct run run = {0};
    struct posture_txn t;
    enum status st;

    /* A snapshot never takes the room that changes need. */
    if ((uint64_t)atomic_load(&p->outbox_size) > p->options.outbox_size_max / 4)
        return ST_OK;
    struct posture_db *db = posture_reader_take(p);

    st = run_find(db, &run, err);
    posture_reader_give(p, db);
    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    st = posture_begin(p, run.tenant, "penstock", &t, err);
    if (st != ST_OK)
        return st;
    *more = true;
    st = step(&t, &run, err);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

/* ---- looking at them ---- */

enum status
posture_snapshots(struct posture *p, const char *tenant, struct span subscription,
                  void (*visit)(void *app, const struct posture_snapshot_run *run), void *app,
                  struct err *err)
{
    struct posture_db *db = posture_reader_take(p);
    char text[64] = "";
    int64_t scope;
    sqlite3_stmt *x;
    enum status st = ST_END;

    snprintf(text, sizeof text, "/subscriptions/%.*s",
             subscription.n > 36 ? 0 : (int)subscription.n, subscription.p);
    st = posture_scope_find(db, tenant, span_of(text), &scope, err);
    if (st == ST_OK)
        st = posture_sql(db, &x, err,
                         "SELECT id, requested, ended, made, is_scheduled FROM snapshots"
                         " WHERE subscription = ? ORDER BY requested DESC",
                         "i", scope);
    while (st == ST_OK && (st = posture_step(db, x, err)) == ST_OK) {
        struct posture_snapshot_run run = {.requested = sqlite3_column_int64(x, 1),
                                           .ended = sqlite3_column_int64(x, 2),
                                           .made = (uint64_t)sqlite3_column_int64(x, 3),
                                           .is_scheduled = sqlite3_column_int64(x, 4) != 0};
        struct span id = posture_column(x, 0);

        snprintf(run.id, sizeof run.id, "%.*s", (int)id.n, id.p);
        visit(app, &run);
    }
    posture_reader_give(p, db);
    return st == ST_END ? ST_OK : st;
}
