/* posture.c - reading one resource, what time brings, and how much there is. */
#include "posture/posture.h"
#include "posture/posture_inner.h"

enum status
posture_get(struct posture *p, const char *tenant, struct span id, bool expand, char **text,
            size_t *size, struct err *err)
{
    struct posture_db *db = posture_reader_take(p);
    struct posture_resource r = {0};
    struct text out = {0};
    enum status st = posture_find(p, db, tenant, id, &r, err);

    if (st == ST_OK)
        st = posture_show(p, db, tenant, &r, expand, &out, err);
    posture_reader_give(p, db);
    posture_resource_free(&r);
    text_add(&out, (struct span){"", 1});
    if (st == ST_OK && out.is_short)
        st = err_set(err, ST_FULL, "no memory for a resource");
    if (st != ST_OK) {
        text_free(&out);
        return st;
    }
    *text = out.p;
    *size = out.n - 1;
    return ST_OK;
}

enum status
posture_tick(struct posture *p, bool *more, struct err *err)
{
    enum status st = ST_OK;

    *more = false;
    for (posture_tick_fn *const *tick = posture_ticks; *tick != NULL && st == ST_OK; tick++) {
        bool has_more = false;

        st = (*tick)(p, &has_more, err);
        *more |= has_more;
    }
    return st;
}

static void
count_kinds(struct posture_db *db, const char *tenant, struct posture_counts *counts)
{
    struct err ignored;
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, &ignored,
                                 "SELECT c.kind, sum(c.count) FROM counts c JOIN tenants t ON"
                                 " t.number = c.tenant WHERE ?1 IS NULL OR t.id = ?1 GROUP BY"
                                 " c.kind",
                                 "t", tenant);

    while (st == ST_OK) {
        st = posture_step(db, x, &ignored);
        if (st != ST_OK)
            break;
        int64_t kind = sqlite3_column_int64(x, 0);
        uint64_t count = (uint64_t)sqlite3_column_int64(x, 1);

        if (kind == KIND_METADATA)
            counts->metadata = count;
        if (kind > 0 && kind < KIND_COUNT && posture_kinds[kind] != NULL &&
            posture_kinds[kind]->source != EVENT_SOURCES)
            counts->resources[posture_kinds[kind]->source] = count;
    }
}

void
posture_counts(struct posture *p, const char *tenant, struct posture_counts *counts)
{
    struct posture_db *db = posture_reader_take(p);
    struct err ignored;
    sqlite3_stmt *x;

    *counts = (struct posture_counts){
        .outbox = (uint64_t)atomic_load(&p->outbox_count),
        .outbox_size = (uint64_t)atomic_load(&p->outbox_size),
        .changed = atomic_load(&p->changed),
        .unchanged = atomic_load(&p->unchanged),
        .refused = atomic_load(&p->refused),
        .events = atomic_load(&p->events),
    };
    count_kinds(db, tenant, counts);
    if (posture_sql(db, &x, &ignored,
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                    "") == ST_OK &&
        posture_step(db, x, &ignored) == ST_OK) {
        counts->size = (uint64_t)sqlite3_column_int64(x, 0);
        posture_sql_end(x);
    }
    posture_reader_give(p, db);
}
