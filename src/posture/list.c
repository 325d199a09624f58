/* list.c - pages of resources. They come scope by scope in the order of the scopes' ids, and in one scope as
 * they were made; so a page ends anywhere and the next begins there, whatever came or went meanwhile.
 *
 * 'next' is PHASE-SCOPE-PARENT-NUMBER in hex: where it stands. It is looked up under the tenant like
 * everything else, so that a made-up one shows nothing that is not its tenant's. */
#include "base/clock.h"
#include "posture/filter.h"
#include "posture/posture_inner.h"
#include <stdlib.h>
#include <strings.h>

enum {
    LOOKED_AT_MAX = 20000,   /* resources and scopes of one page */
    PAGE_SIZE_MAX = 4 << 20, /* bytes of one page, and one resource more */
    PAGE_MS_MAX = 1000,      /* then the page ends: it keeps a reader from others */
};

/* The scopes of a list: the catalog without scope, the scope itself, what is below it. */
enum phase { PHASE_NONE, PHASE_ITSELF, PHASE_BELOW, PHASE_END };

struct lister {
    struct posture *p;
    struct posture_db *db;
    const struct posture_query *q;
    const struct posture_kind *kind;
    struct filter *filter;
    int64_t tenant;
    char scope[ARM_PATH_SIZE_MAX + 2]; /* folded */
    size_t scope_size;
    bool has_none;       /* PHASE_NONE counts */
    int64_t parent_only; /* children of this resource alone; 0: all */
    /* where it stands */
    enum phase phase;
    int64_t scope_number; /* 0: find the next one */
    struct text at;       /* its folded id */
    int64_t parent, number;
    /* what came of it */
    size_t count, looked_at;
    int64_t until_ms;
    struct text out;
    struct posture_resource resource;
};

static const struct posture_kind *
kind_by_list(const char *type)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (posture_kinds[i] != NULL && strcasecmp(posture_kinds[i]->list, type) == 0)
            return posture_kinds[i];
    return NULL;
}

/* ---- where to look ---- */

static enum status
start(struct lister *l, struct err *err)
{
    struct arm_path path;
    struct err why;
    enum status st = ST_OK;

    l->kind = kind_by_list(l->q->type);
    if (l->kind == NULL)
        return err_set(err, ST_INVALID, "'%.60s' is no type that posture keeps", l->q->type);
    if (l->q->top == 0 || l->q->top > POSTURE_PAGE_MAX)
        return err_set(err, ST_INVALID, "a page has 1 to %d resources", POSTURE_PAGE_MAX);
    if (l->q->filter.n > 0)
        st = filter_make(l->q->filter, &l->filter, err);
    if (st != ST_OK)
        return st;
    if (l->q->scope.n > 0) {
        if (arm_path_parse(l->q->scope, &path, &why) != ST_OK)
            return err_set(err, ST_INVALID, "the list's scope: %s", why.text);
        arm_path_fold(path.text, l->scope);
        l->scope_size = path.text.n;
    }
    l->has_none = l->scope_size == 0 || l->kind->scope == SCOPE_ANY_OR_NONE;
    st = posture_tenant_find(l->db, l->q->tenant, &l->tenant, err);
    if (st != ST_OK || l->scope_size == 0 || l->kind->parent == 0)
        return st;
    /* A resource that has such children: an assessment, a score, a standard. */
    st = posture_find(l->p, l->db, l->q->tenant, (struct span){l->scope, l->scope_size},
                      &l->resource, err);
    if (st == ST_OK && l->resource.kind->number == l->kind->parent) {
        l->parent_only = l->resource.number;
        l->scope_number = l->resource.scope_number;
        l->phase = PHASE_BELOW;
    }
    return st == ST_END ? ST_OK : st;
}

static enum status
scope_at(struct lister *l, int64_t number, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(l->db, &x, err, "SELECT folded FROM scopes WHERE number = ? AND tenant = ?",
                    "ii", number, l->tenant);

    if (st == ST_OK)
        st = posture_step(l->db, x, err);
    if (st != ST_OK)
        return st;
    text_reset(&l->at);
    text_add(&l->at, posture_column(x, 0));
    posture_sql_end(x);
    l->scope_number = number;
    return ST_OK;
}

static enum status
resume(struct lister *l, struct err *err)
{
    unsigned long long phase, scope, parent, number;
    char rest;

    if (sscanf(l->q->after, "%1llx-%15llx-%15llx-%15llx%c", &phase, &scope, &parent, &number,
               &rest) != 4 ||
        phase >= PHASE_END)
        return err_set(err, ST_INVALID, "the link to the next page is not one of this list");
    l->phase = (enum phase)phase;
    l->parent = (int64_t)parent;
    l->number = (int64_t)number;
    enum status st = scope_at(l, (int64_t)scope, err);

    if (st == ST_OK && l->parent_only == 0)
        if (!arm_path_is_below(text_span(&l->at), (struct span){l->scope, l->scope_size}) &&
            !(l->has_none && l->at.n == 0))
            st = ST_END;
    return st == ST_END
               ? err_set(err, ST_INVALID, "the link to the next page is not one of this list")
               : st;
}

/* The first scope of a statement's rows. */
static enum status
scope_take(struct lister *l, sqlite3_stmt *x, struct err *err)
{
    enum status st = posture_step(l->db, x, err);

    if (st != ST_OK)
        return st;
    l->scope_number = sqlite3_column_int64(x, 0);
    text_reset(&l->at);
    text_add(&l->at, posture_column(x, 1));
    posture_sql_end(x);
    l->parent = l->number = 0;
    return l->at.is_short ? err_set(err, ST_FULL, "no memory for a list") : ST_OK;
}

static enum status
scope_exact(struct lister *l, struct span folded, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(
        l->db, &x, err, "SELECT number, folded FROM scopes WHERE tenant = ? AND folded = ?", "is",
        l->tenant, folded);

    return st == ST_OK ? scope_take(l, x, err) : st;
}

static bool
sorts_before(struct span a, struct span b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order < 0 || (order == 0 && a.n < b.n);
}

static enum status
scope_below(struct lister *l, struct err *err)
{
    struct span from = {l->scope, l->scope_size + 1}, after = text_span(&l->at);
    char to[ARM_PATH_SIZE_MAX + 2];
    sqlite3_stmt *x;
    enum status st;

    l->scope[l->scope_size] = '/';
    memcpy(to, l->scope, l->scope_size);
    to[l->scope_size] = '0'; /* the byte behind '/' */
    if (sorts_before(after, from))
        after = from;
    st = posture_sql(l->db, &x, err,
                     "SELECT number, folded FROM scopes WHERE tenant = ? AND folded > ? AND folded"
                     " < ? ORDER BY folded LIMIT 1",
                     "iss", l->tenant, after, (struct span){to, l->scope_size + 1});
    return st == ST_OK ? scope_take(l, x, err) : st;
}

/* Moves on to the next scope. ST_END: there is none. */
static enum status
scope_next(struct lister *l, struct err *err)
{
    enum status st = ST_END;

    if (l->parent_only != 0)
        return ST_END;
    if (l->phase == PHASE_NONE && l->scope_number == 0 && l->has_none)
        st = scope_exact(l, (struct span){"", 0}, err);
    if (st == ST_END && l->phase == PHASE_NONE) {
        l->phase = PHASE_ITSELF;
        if (l->scope_size > 0)
            st = scope_exact(l, (struct span){l->scope, l->scope_size}, err);
        if (st == ST_END)
            text_reset(&l->at);
        if (st != ST_END)
            return st;
    }
    if (st != ST_END)
        return st;
    if (l->phase == PHASE_ITSELF) {
        l->phase = PHASE_BELOW;
        text_reset(&l->at);
    }
    return scope_below(l, err);
}

/* ---- what is there ---- */

/* Shows one resource, if the filter lets it through. */
static enum status
take(struct lister *l, struct err *err)
{
    size_t before = l->out.n;
    enum status st = posture_find_number(l->db, l->number, &l->resource, err);

    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    if (l->count > 0)
        text_puts(&l->out, ",");
    size_t from = l->out.n;

    st = posture_show(l->p, l->db, l->q->tenant, &l->resource, l->q->expand, &l->out, err);
    if (st == ST_OK && l->out.is_short)
        st = err_set(err, ST_FULL, "no memory for a list");
    if (st != ST_OK)
        return st;
    if (l->filter != NULL &&
        !filter_passes(l->filter, (struct span){l->out.p + from, l->out.n - from})) {
        l->out.n = before;
        return ST_OK;
    }
    l->count++;
    return ST_OK;
}

/* Numbers of the next resources of the scope, behind where it stands. */
static enum status
portion(struct lister *l, int64_t numbers[][2], size_t room, size_t *count, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(l->db, &x, err,
                                 "SELECT parent, number FROM resources WHERE scope = ? AND kind = ?"
                                 " AND (parent, number) > (?, ?) AND (?5 = 0 OR parent = ?5)"
                                 " ORDER BY parent, number",
                                 "iiiii", l->scope_number, (int64_t)l->kind->number, l->parent,
                                 l->number, l->parent_only);

    *count = 0;
    while (st == ST_OK && *count < room) {
        st = posture_step(l->db, x, err);
        if (st != ST_OK)
            break;
        numbers[*count][0] = sqlite3_column_int64(x, 0);
        numbers[(*count)++][1] = sqlite3_column_int64(x, 1);
    }
    if (st == ST_OK)
        posture_sql_end(x);
    return st == ST_END ? ST_OK : st;
}

static bool
is_page_full(const struct lister *l)
{
    return l->count == l->q->top || l->looked_at >= LOOKED_AT_MAX || l->out.n >= PAGE_SIZE_MAX ||
           (l->looked_at > 0 && clock_monotonic_ms() >= l->until_ms);
}

/* ST_OK: the page is full, and it stands behind its last resource. ST_END: that was all. */
static enum status
fill(struct lister *l, struct err *err)
{
    int64_t numbers[64][2];

    for (;;) {
        size_t count = 0;
        enum status st = ST_OK;

        if (l->scope_number != 0)
            st = portion(l, numbers, COUNT_OF(numbers), &count, err);
        for (size_t i = 0; i < count && st == ST_OK; i++) {
            if (is_page_full(l))
                return ST_OK;
            l->parent = numbers[i][0];
            l->number = numbers[i][1];
            l->looked_at++;
            st = take(l, err);
        }
        if (st == ST_OK && count < COUNT_OF(numbers)) {
            if (is_page_full(l) && l->scope_number != 0)
                return ST_OK;
            l->looked_at++;
            st = scope_next(l, err);
        }
        if (st != ST_OK)
            return st;
    }
}

enum status
posture_list(struct posture *p, const struct posture_query *q, char **text, size_t *size,
             char next[64], struct err *err)
{
    struct lister l = {.p = p, .q = q};
    enum status st;

    next[0] = '\0';
    l.db = posture_reader_take(p);
    l.until_ms = clock_monotonic_ms() + PAGE_MS_MAX;
    text_puts(&l.out, "[");
    st = start(&l, err);
    if (st == ST_OK && q->after != NULL)
        st = resume(&l, err);
    if (st == ST_OK)
        st = fill(&l, err);
    if (st == ST_OK)
        snprintf(next, 64, "%x-%llx-%llx-%llx", (unsigned)l.phase,
                 (unsigned long long)l.scope_number, (unsigned long long)l.parent,
                 (unsigned long long)l.number);
    posture_reader_give(p, l.db);
    posture_resource_free(&l.resource);
    filter_free(l.filter);
    text_free(&l.at);
    text_puts(&l.out, "]");
    *size = l.out.n;
    text_add(&l.out, (struct span){"", 1});
    if (st == ST_END)
        st = ST_OK;
    if (st == ST_OK && l.out.is_short)
        st = err_set(err, ST_FULL, "no memory for a list");
    if (st != ST_OK) {
        text_free(&l.out);
        return st;
    }
    *text = l.out.p;
    return ST_OK;
}
