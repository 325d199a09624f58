/* report.c - a scanner's full report: what it does not name any more is withdrawn at its end.
 *
 * What it named is a set of row numbers, kept as pages of bits: a report of millions costs about a bit
 * each. Only what was there when the report began can be withdrawn: numbers only grow, so that needs
 * one number. Withdrawing goes in portions, each a transaction: a kill in between leaves the rest to
 * the next report. */
#include "posture/posture_inner.h"
#include <stdlib.h>

enum {
    PAGE_BITS = 1 << 16,
    PAGES_MAX = 1 << 22, /* 2 * 10^11 numbers; pages are made when they are needed */
    PORTION = 500,
};

struct posture_seen {
    uint64_t **pages;
    size_t page_count; /* room in 'pages' */
};

struct posture_report {
    struct posture *p;
    char tenant[64], producer[POSTURE_PRODUCER_SIZE];
    struct text *scopes;
    size_t scope_count;
    int64_t number_max; /* of what was there at its beginning */
    struct posture_seen seen;
};

/* ---- what was named ---- */

bool
posture_seen_add(struct posture_seen *s, int64_t number)
{
    size_t page = (size_t)(number / PAGE_BITS), bit = (size_t)(number % PAGE_BITS);

    if (page >= PAGES_MAX)
        return false;
    if (page >= s->page_count) {
        size_t count = page + 64;
        uint64_t **larger = realloc(s->pages, count * sizeof *larger);

        if (larger == NULL)
            return false;
        memset(larger + s->page_count, 0, (count - s->page_count) * sizeof *larger);
        s->pages = larger;
        s->page_count = count;
    }
    if (s->pages[page] == NULL)
        s->pages[page] = calloc(PAGE_BITS / 64, sizeof **s->pages);
    if (s->pages[page] == NULL)
        return false;
    s->pages[page][bit / 64] |= UINT64_C(1) << (bit % 64);
    return true;
}

static bool
is_seen(const struct posture_seen *s, int64_t number)
{
    size_t page = (size_t)(number / PAGE_BITS), bit = (size_t)(number % PAGE_BITS);

    return page < s->page_count && s->pages[page] != NULL &&
           (s->pages[page][bit / 64] >> (bit % 64) & 1) != 0;
}

/* ---- beginning and ending ---- */

void
posture_report_give_up(struct posture_report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->seen.page_count; i++)
        free(r->seen.pages[i]);
    free(r->seen.pages);
    for (size_t i = 0; r->scopes != NULL && i < r->scope_count; i++)
        text_free(&r->scopes[i]);
    free(r->scopes);
    free(r);
}

static enum status
copy_scope(struct text *out, struct span scope, struct err *err)
{
    struct arm_path path;
    struct err why;

    if (arm_path_parse(scope, &path, &why) != ST_OK)
        return err_set(err, ST_INVALID, "a report's scope: %s", why.text);
    if (path.subscription.n == 0)
        return err_set(err, ST_INVALID,
                       "a report's scope is a subscription or what is below it, not '%.*s'",
                       (int)(scope.n < 100 ? scope.n : 100), scope.p);
    text_add(out, path.text);
    return out->is_short ? err_set(err, ST_FULL, "no memory for a report") : ST_OK;
}

enum status
posture_report_begin(struct posture *p, const char *tenant, const char *producer,
                     const struct span *scopes, size_t scope_count, struct posture_report **report,
                     struct err *err)
{
    struct posture_report *r;
    enum status st = ST_OK;

    if (scope_count > POSTURE_REPORT_SCOPES_MAX)
        return err_set(err, ST_INVALID, "a report covers at most %d scopes, not %zu",
                       POSTURE_REPORT_SCOPES_MAX, scope_count);
    if (producer != NULL && (producer[0] == '\0' || strlen(producer) >= sizeof r->producer))
        return err_set(err, ST_INVALID, "a producer's name has 1 to %zu bytes",
                       sizeof r->producer - 1);
    r = calloc(1, sizeof *r);
    if (r == NULL || (r->scopes = calloc(scope_count + 1, sizeof *r->scopes)) == NULL) {
        posture_report_give_up(r);
        return err_set(err, ST_FULL, "no memory for a report");
    }
    r->p = p;
    snprintf(r->tenant, sizeof r->tenant, "%s", tenant);
    snprintf(r->producer, sizeof r->producer, "%s", producer != NULL ? producer : "");
    r->scope_count = scope_count;
    for (size_t i = 0; i < scope_count && st == ST_OK; i++)
        st = copy_scope(&r->scopes[i], scopes[i], err);
    if (st != ST_OK) {
        posture_report_give_up(r);
        return st;
    }
    pthread_mutex_lock(&p->write_lock);
    r->number_max = p->number_next - 1;
    pthread_mutex_unlock(&p->write_lock);
    *report = r;
    return ST_OK;
}

enum status
posture_report_apply(struct posture_report *r, const struct posture_item *items, size_t count,
                     struct posture_result *results, struct err *err)
{
    return posture_change_items(r->p, r->tenant, r->producer, span_of(r->producer), items, count,
                                results, &r->seen, err);
}

/* ---- what it did not name ---- */

/* Numbers of a statement's rows that the report did not name, added to 'out'. */
static enum status
unnamed(const struct posture_report *r, struct posture_db *db, sqlite3_stmt *x, bool is_all,
        struct text *out, struct err *err)
{
    enum status st = ST_OK;

    while (st == ST_OK) {
        st = posture_step(db, x, err);
        if (st != ST_OK)
            break;
        int64_t number = sqlite3_column_int64(x, 0);

        if (is_all || (number <= r->number_max && !is_seen(&r->seen, number)))
            text_add(out, (struct span){(const char *)&number, sizeof number});
    }
    if (st == ST_END && out->is_short)
        return err_set(err, ST_FULL, "no memory to end a report");
    return st == ST_END ? ST_OK : st;
}

/* Assessments and findings at and below a scope; assessments first, since they take their findings
 * along. */
static enum status
below_scope(const struct posture_report *r, struct posture_db *db, struct span scope,
            struct text *out, struct err *err)
{
    char folded[ARM_PATH_SIZE_MAX + 1];
    struct text scopes = {0};
    sqlite3_stmt *x;
    int64_t tenant;
    enum status st = posture_tenant_find(db, r->tenant, &tenant, err);

    arm_path_fold(scope, folded);
    folded[scope.n] = '/';
    struct span itself = {folded, scope.n}, from = {folded, scope.n + 1};

    if (st == ST_OK) /* '0' is the byte behind '/' */
        st = posture_sql(db, &x, err,
                         "SELECT number FROM scopes WHERE tenant = ?1 AND folded = ?2 UNION ALL"
                         " SELECT number FROM scopes WHERE tenant = ?1 AND folded >= ?3 AND folded"
                         " < ?2 || '0'",
                         "iss", tenant, itself, from);
    if (st == ST_OK)
        st = unnamed(r, db, x, true, &scopes, err);
    for (int64_t kind = KIND_ASSESSMENT; kind <= KIND_SUB_ASSESSMENT; kind++)
        for (size_t at = 0; at < scopes.n && st == ST_OK; at += sizeof(int64_t)) {
            int64_t number;

            memcpy(&number, scopes.p + at, sizeof number);
            st = posture_sql(db, &x, err,
                             "SELECT number FROM resources WHERE scope = ? AND kind = ?", "ii",
                             number, kind);
            if (st == ST_OK)
                st = unnamed(r, db, x, false, out, err);
        }
    text_free(&scopes);
    return st == ST_END ? ST_OK : st; /* a tenant without anything */
}

static enum status
below_assessment(const struct posture_report *r, struct posture_db *db, struct span id,
                 struct text *out, struct err *err)
{
    struct posture_resource assessment = {0};
    sqlite3_stmt *x;
    enum status st = posture_find(r->p, db, r->tenant, id, &assessment, err);

    if (st == ST_OK)
        st = posture_sql(db, &x, err,
                         "SELECT number FROM resources WHERE scope = ? AND kind = 3 AND parent = ?",
                         "ii", assessment.scope_number, assessment.number);
    if (st == ST_OK)
        st = unnamed(r, db, x, false, out, err);
    posture_resource_free(&assessment);
    return st == ST_END ? ST_OK : st;
}

static enum status
all_unnamed(const struct posture_report *r, struct text *out, struct err *err)
{
    struct posture_db *db = posture_reader_take(r->p);
    enum status st = ST_OK;

    for (size_t i = 0; i < r->scope_count && st == ST_OK; i++) {
        struct span scope = text_span(&r->scopes[i]);
        struct arm_path path;

        st = arm_path_parse(scope, &path, err);
        if (st != ST_OK)
            break;
        bool is_assessment = path.pair_count == 1 &&
                             arm_path_equal(path.provider, SPAN_LITERAL("Microsoft.Security")) &&
                             arm_path_equal(path.pairs[0].type, SPAN_LITERAL("assessments"));

        st = is_assessment ? below_assessment(r, db, scope, out, err)
                           : below_scope(r, db, scope, out, err);
    }
    posture_reader_give(r->p, db);
    return st;
}

/* One of them, if it is still there and this producer's. */
static enum status
withdraw(const struct posture_report *r, struct posture_txn *t, int64_t number, int64_t producer,
         uint64_t *withdrawn, struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(t->db, &x, err, "SELECT producer FROM resources WHERE number = ?", "i", number);

    if (st == ST_OK)
        st = posture_step(t->db, x, err);
    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    bool is_ours = r->producer[0] == '\0' || sqlite3_column_int64(x, 0) == producer;

    posture_sql_end(x);
    if (!is_ours)
        return ST_OK;
    st = posture_find_number(t->db, number, &t->resource, err);
    if (st == ST_OK)
        st = posture_remove(t, &t->resource, err);
    *withdrawn += st == ST_OK;
    return st;
}

static enum status
withdraw_portion(const struct posture_report *r, const char *numbers, size_t count,
                 uint64_t *withdrawn, struct err *err)
{
    struct posture_txn t;
    int64_t producer = 0, number;
    uint64_t of_portion = 0;
    enum status st = posture_outbox_room(r->p, err);

    if (st == ST_OK)
        st = posture_begin(r->p, r->tenant, r->producer, &t, err);
    if (st != ST_OK)
        return st;
    if (r->producer[0] != '\0')
        st = posture_name_number(&t, span_of(r->producer), &producer, err);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        memcpy(&number, numbers + i * sizeof number, sizeof number);
        st = withdraw(r, &t, number, producer, &of_portion, err);
    }
    if (st != ST_OK) {
        posture_rollback(&t);
        return st;
    }
    st = posture_commit(&t, err);
    if (st == ST_OK) {
        *withdrawn += of_portion;
        atomic_fetch_add(&r->p->changed, of_portion);
    }
    return st;
}

enum status
posture_report_end(struct posture_report *r, uint64_t *withdrawn, struct err *err)
{
    struct text numbers = {0};
    enum status st = all_unnamed(r, &numbers, err);
    size_t count = numbers.n / sizeof(int64_t);

    *withdrawn = 0;
    for (size_t at = 0; at < count && st == ST_OK; at += PORTION)
        st = withdraw_portion(r, numbers.p + at * sizeof(int64_t),
                              count - at < PORTION ? count - at : PORTION, withdrawn, err);
    text_free(&numbers);
    posture_report_give_up(r);
    return st;
}
